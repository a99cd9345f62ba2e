//! The state machine of a transmission.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::exception::ExceptionClass;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

pub(crate) fn owed() -> Transmission {
    Transmission {
        id: TransmissionId(Uuid::from_u128(7)),
        version: 1,
        system: "odoo".into(),
        operation: "picking.fulfil".into(),
        flow: "fulfil-picking".into(),
        config: "c".into(),
        event: EventId(Uuid::from_u128(1)),
        about: EntityRef::new("shipment", "281"),
        key: OrderingKey::new("order/S1"),
        criticality: Criticality::Normal,
        group: None,
        input: Value::Null,
        state: TransmissionState::Owed,
        place: 1,
        due_at: at(0),
        attempts: 0,
        created_at: at(0),
        failing_since: None,
        in_doubt: false,
        refused: false,
        last_problem: None,
        result: None,
        finished_at: None,
        removed_at: None,
    }
}

fn attempt(transmission: &Transmission, outcome: Outcome, now: Timestamp) -> Step {
    let retry = RetrySchedule::default();
    let begun = decide(transmission, &TransmissionEvent::Begun, &retry, now).expect("owed");
    decide(&begun.transmission, &TransmissionEvent::Finished(outcome), &retry, now).expect("sending")
}

#[test]
fn accepted_is_done_and_keeps_the_result() {
    let step = attempt(&owed(), Outcome::Accepted { result: Value::text("WH/OUT/1") }, at(1));
    assert_eq!(step.transmission.state, TransmissionState::Done);
    assert_eq!(step.transmission.result, Some(Value::text("WH/OUT/1")));
    assert_eq!(step.transmission.version, 3);
    assert!(step.raise.is_none());
}

#[test]
fn a_retry_waits_longer_each_time_and_honours_the_systems_wish() {
    let retry = |after_ms| Outcome::Retry { reason: "503".into(), after_ms };
    let first = attempt(&owed(), retry(None), at(0)).transmission;
    let second = attempt(&first, retry(None), at(0)).transmission;
    assert!(first.due_at >= at(0) + SignedDuration::from_millis(250));
    assert!(second.due_at >= at(0) + SignedDuration::from_millis(500));
    assert!(!second.in_doubt);
    let wished = attempt(&owed(), retry(Some(30_000)), at(0)).transmission;
    assert_eq!(wished.due_at, at(30));
    let absurd = attempt(&owed(), retry(Some(u64::MAX)), at(0)).transmission;
    assert_eq!(absurd.due_at, at(3600));
}

#[test]
fn an_unknown_outcome_puts_it_in_doubt_until_it_is_accepted() {
    let doubtful = attempt(&owed(), Outcome::Unknown { reason: "timed out".into() }, at(0)).transmission;
    assert!(doubtful.in_doubt);
    let again = attempt(&doubtful, Outcome::Retry { reason: "503".into(), after_ms: None }, at(1)).transmission;
    assert!(again.in_doubt, "a later retry does not answer the first question");
    let done = attempt(&again, Outcome::Accepted { result: Value::Null }, at(2)).transmission;
    assert!(!done.in_doubt);
}

#[test]
fn refused_is_paused_with_an_exception_and_can_be_resumed() {
    let step = attempt(&owed(), Outcome::Refused { reason: "SKU X is not in Odoo".into() }, at(0));
    let (class, summary) = step.raise.expect("an exception");
    assert_eq!(class, ExceptionClass::TransmissionRefused);
    assert!(summary.contains("shipment/281") && summary.contains("SKU X is not in Odoo"), "{summary}");
    let resumed = decide(&step.transmission, &TransmissionEvent::Resumed, &RetrySchedule::default(), at(9));
    let resumed = resumed.expect("paused").transmission;
    assert_eq!((resumed.state, resumed.due_at, resumed.place), (TransmissionState::Owed, at(9), 1));
}

#[test]
fn a_system_that_cannot_be_used_stops_as_a_whole_and_the_transmission_stays_owed() {
    let step = attempt(&owed(), Outcome::Unusable { reason: "the API key is not valid".into() }, at(0));
    assert_eq!(step.transmission.state, TransmissionState::Owed);
    assert_eq!(step.pause_system.as_deref(), Some("the API key is not valid"));
    assert_eq!(step.raise.map(|(class, _)| class), Some(ExceptionClass::SystemUnusable));
}

#[test]
fn giving_up_says_whether_it_may_have_taken_effect() {
    let retry = RetrySchedule { attempts_max: 1, ..RetrySchedule::default() };
    for (outcome, class) in [
        (Outcome::Retry { reason: "r".into(), after_ms: None }, ExceptionClass::TransmissionExhausted),
        (Outcome::Unknown { reason: "u".into() }, ExceptionClass::OutcomeUnknown),
    ] {
        let begun = decide(&owed(), &TransmissionEvent::Begun, &retry, at(0)).expect("owed").transmission;
        let step = decide(&begun, &TransmissionEvent::Finished(outcome), &retry, at(0)).expect("sending");
        assert!(matches!(step.transmission.state, TransmissionState::Paused { .. }));
        assert_eq!(step.raise.map(|(class, _)| class), Some(class));
    }
}

#[test]
fn after_a_crash_the_outcome_is_in_doubt() {
    let retry = RetrySchedule::default();
    let begun = decide(&owed(), &TransmissionEvent::Begun, &retry, at(0)).expect("owed").transmission;
    let orphan = decide(&begun, &TransmissionEvent::Orphaned, &retry, at(5)).expect("sending").transmission;
    assert!(orphan.in_doubt);
    assert_eq!((orphan.state, orphan.due_at), (TransmissionState::Owed, at(5)));
}

#[test]
fn what_is_held_too_long_stays_held_and_somebody_is_told() {
    let retry = RetrySchedule::default();
    let after = vec!["fulfil".into(), "attach".into()];
    let held = Transmission { state: TransmissionState::Held { after }, place: 0, ..owed() };
    let step = decide(&held, &TransmissionEvent::Late, &retry, at(3600)).expect("held");
    let (class, summary) = step.raise.expect("an exception");
    assert_eq!(class, ExceptionClass::PrerequisiteLate);
    assert!(summary.contains("still waits for fulfil, attach"), "{summary}");
    assert_eq!((step.transmission.state, step.transmission.version), (held.state.clone(), 2));
    assert!(decide(&owed(), &TransmissionEvent::Late, &retry, at(0)).is_err(), "released in the meantime");
}

#[test]
fn what_must_not_be_repeated_is_paused_after_its_first_lost_answer() {
    let retry = RetrySchedule::default().used_up();
    let begun = decide(&owed(), &TransmissionEvent::Begun, &retry, at(0)).expect("owed").transmission;
    let lost = TransmissionEvent::Finished(Outcome::Unknown { reason: "timed out".into() });
    let (class, summary) = decide(&begun, &lost, &retry, at(0)).expect("sending").raise.expect("an exception");
    assert_eq!(class, ExceptionClass::OutcomeUnknown);
    assert!(summary.contains("was tried once") && summary.contains("look in odoo"), "{summary}");
}

fn any_event() -> impl Strategy<Value = TransmissionEvent> {
    let outcome = prop_oneof![
        Just(Outcome::Accepted { result: Value::Null }),
        (any::<Option<u64>>()).prop_map(|after_ms| Outcome::Retry { reason: "r".into(), after_ms }),
        Just(Outcome::Refused { reason: "no".into() }),
        Just(Outcome::Unusable { reason: "key".into() }),
        Just(Outcome::Unknown { reason: "?".into() }),
    ];
    prop_oneof![
        (1..100u64).prop_map(|place| TransmissionEvent::Released { place }),
        Just(TransmissionEvent::Late),
        Just(TransmissionEvent::Begun),
        outcome.prop_map(TransmissionEvent::Finished),
        Just(TransmissionEvent::Orphaned),
        Just(TransmissionEvent::Resumed),
        Just(TransmissionEvent::Cancelled),
    ]
}

proptest! {
    /// Whatever happens: what is final stays final, nothing loses its place, every pause has a reason and an
    /// exception, and the version grows by one per change.
    #[test]
    fn no_order_of_events_breaks_it(events in prop::collection::vec(any_event(), 0..40), give_up in 1..5u32) {
        let retry = RetrySchedule { attempts_max: give_up, ..RetrySchedule::default() };
        let mut transmission = owed();
        for (n, event) in events.iter().enumerate() {
            let before = transmission.clone();
            match decide(&transmission, event, &retry, at(n as i64)) {
                Ok(step) => {
                    prop_assert!(!before.state.is_final());
                    prop_assert_eq!(step.transmission.version, before.version + 1);
                    prop_assert_eq!(step.transmission.id, before.id);
                    prop_assert_eq!(step.transmission.place, before.place);
                    if matches!(step.transmission.state, TransmissionState::Paused { .. }) {
                        prop_assert!(step.raise.is_some());
                    }
                    transmission = step.transmission;
                }
                Err(_) => prop_assert_eq!(&transmission, &before),
            }
        }
    }

    /// Waits grow, stay within the schedule's bounds and depend on nothing but their arguments.
    #[test]
    fn waits_are_bounded_and_repeatable(failed in 1..10_000u32, id in any::<u128>()) {
        let retry = RetrySchedule::default();
        let id = TransmissionId(Uuid::from_u128(id));
        let wait = retry.next_at(id, failed, at(0)).duration_since(at(0));
        prop_assert!(wait <= SignedDuration::from_millis(retry.longest_ms as i64));
        prop_assert!(wait >= SignedDuration::from_millis(retry.first_ms as i64 / 2));
        prop_assert_eq!(retry.next_at(id, failed, at(0)), retry.next_at(id, failed, at(0)));
    }
}

#[test]
fn a_refusal_counts_when_it_comes_twice_where_that_is_configured() {
    let retry = RetrySchedule { confirm_refused_ms: Some(10_000), ..RetrySchedule::default() };
    let refused = Outcome::Refused { reason: "no such SKU".into() };
    let attempt = |before: &Transmission, outcome: &Outcome, retry: &RetrySchedule| {
        let begun = decide(before, &TransmissionEvent::Begun, retry, at(0)).expect("owed").transmission;
        decide(&begun, &TransmissionEvent::Finished(outcome.clone()), retry, at(0)).expect("sending")
    };
    let first = attempt(&owed(), &refused, &retry);
    assert_eq!((first.transmission.state.word(), first.raise), ("owed", None), "it is asked once more");
    assert_eq!(first.transmission.due_at.duration_since(at(0)).as_secs(), 10);
    let second = attempt(&first.transmission, &refused, &retry);
    assert_eq!(second.transmission.state.word(), "paused");
    assert_eq!(second.raise.map(|(class, _)| class), Some(ExceptionClass::TransmissionRefused));
    // An outage in between does not make it a first refusal again.
    let outage = Outcome::Retry { reason: "HTTP 503".into(), after_ms: None };
    let after_outage = attempt(&first.transmission, &outage, &retry);
    assert_eq!(attempt(&after_outage.transmission, &refused, &retry).transmission.state.word(), "paused");
    // Whoever resumes it wants it tried as anew.
    let resumed = decide(&second.transmission, &TransmissionEvent::Resumed, &retry, at(0)).expect("paused");
    assert_eq!(attempt(&resumed.transmission, &refused, &retry).transmission.state.word(), "owed");
    let accepted = Outcome::Accepted { result: Value::Null };
    assert!(!attempt(&first.transmission, &accepted, &retry).transmission.refused);
    // A last attempt is the last, and without the option the first refusal counts.
    assert_eq!(attempt(&owed(), &refused, &retry.used_up()).transmission.state.word(), "paused");
    assert_eq!(attempt(&owed(), &refused, &RetrySchedule::default()).transmission.state.word(), "paused");
}
