//! Lost answers, crashes, refusals, systems that cannot be used: who is told, what goes on and what never happens
//! twice.

use std::time::Duration;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exception::ExceptionClass;
use crossdock_core::ids::TransmissionId;
use crossdock_core::transmission::{Outcome, RetrySchedule, TransmissionState};
use crossdock_store::Store;

use super::partner::{Reply, Told};
use super::world::{SOON, Settings, World, ada};
use crate::desk::{DeskError, ResumeScope};
use crate::router::CommandError;

fn of(operation: &'static str) -> World {
    World::new(Settings { operation, ..Settings::default() })
}

/// The first call meets this, the others go well.
fn first(reply: Reply) -> impl FnMut(&Told) -> Reply + Send + 'static {
    move |told| if told.n == 0 { reply } else { Reply::Do }
}

/// Whatever is paused, also what may be done twice by that.
async fn resume_all(world: &mut World) -> crate::desk::Resumed {
    let desk = world.desk.clone();
    world.ask(async move { desk.resume_these(&ResumeScope::All, true, &ada()).await }).await.expect("resumes")
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_about_before_it_is_repeated() {
    for (lost, calls) in [(Reply::DoAndLose, 2), (Reply::Lose, 3)] {
        let mut world = of("work");
        world.partner.behave(first(lost));
        world.task("K", "0").await;
        world.until_done().await;
        assert_eq!(world.partner.done(), ["0"], "{lost:?}");
        let paths: Vec<_> = world.partner.calls().into_iter().map(|told| told.path).collect();
        assert_eq!(paths, ["work", "ask", "work"][..calls]);
        world.check();
    }
}

/// A hub of tests whose data were put back from a backup that was made before anything was sent.
async fn put_back(operation: &'static str) -> World {
    let mut world = of(operation);
    world.partner.behave(|_| Reply::NotSent);
    world.task("K", "0").await;
    world.until("it is owed", SOON, |world| world.count("owed") == 1).await;
    let sent = world.of_flow("task").id;
    let at = jiff::Timestamp::from_millisecond(sent.message_ms()).expect("an instant");
    let value = at.to_string();
    let restored = Change::SetCursor { name: crossdock_store::RESTORED_CURSOR.into(), value };
    world.store.commit(Changeset::new().with(restored)).expect("written");
    let world = world.crash().await;
    world.partner.behave(|_| Reply::Do);
    world
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_sent_before_a_restore_goes_under_its_key_or_to_a_person() {
    let mut world = put_back("work").await;
    world.until_done().await;
    assert_eq!(world.partner.done(), ["0"]);

    let mut world = put_back("pay").await;
    let calls = world.partner.calls().len();
    world.until("a person is asked", SOON, |world| world.open() == ["outcome_unknown"]).await;
    assert_eq!(world.partner.calls().len(), calls, "nothing was sent");
    assert!(world.exceptions()[0].summary.contains("put back from a backup"), "{}", world.exceptions()[0].summary);
    // What comes in now is nobody's doubt; and a person decides about the other one. Ids have the time of the machine.
    let old = world.of_flow("task").id.message_ms();
    while TransmissionId(world.shell.clock.new_id()).message_ms() <= old {}
    world.task("L", "1").await;
    world.until("the new one is done", SOON, |world| world.count("done") == 1).await;
    assert_eq!(resume_all(&mut world).await.transmissions.len(), 1);
    world.until_done().await;
    assert_eq!(world.partner.done(), ["1", "0"]);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_repeated_waits_for_a_person_after_a_lost_answer() {
    for (lost, effects) in [(Reply::DoAndLose, 2), (Reply::Lose, 1)] {
        let mut world = of("pay");
        world.partner.behave(first(lost));
        world.task("K", "0").await;
        world.task("K", "1").await;
        world.task("L", "2").await;
        world.until("the other key is done", SOON, |world| world.count("done") == 1).await;
        world.pass(Duration::from_secs(3600)).await;
        assert_eq!(world.open(), ["outcome_unknown"]);
        assert_eq!(world.partner.calls().len(), 2, "never blindly again");
        let summary = &world.exceptions()[0].summary;
        assert!(summary.contains("cannot be repeated safely") && summary.contains("look in odoo"), "{summary}");

        assert_eq!(resume_all(&mut world).await.transmissions.len(), 1);
        world.until_done().await;
        let zeros = world.partner.done().iter().filter(|name| *name == "0").count();
        assert_eq!((world.count("done"), zeros), (3, effects), "the person decided");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_during_a_call_leaves_no_doubt_unspoken() {
    for (operation, at_ms, effects) in [("pay", 200, 0), ("pay", 800, 1), ("work", 200, 1), ("work", 800, 1)] {
        let mut world = of(operation);
        world.partner.behave(first(Reply::Slow(1_000)));
        world.task("K", "0").await;
        world.pass(Duration::from_millis(at_ms)).await;
        let mut world = world.crash().await;
        world.pass(Duration::from_secs(60)).await;
        assert_eq!(world.partner.done().len(), effects, "{operation} at {at_ms}");
        let (state, open): (_, &[&str]) = match operation {
            "pay" => ("paused", &["outcome_unknown"]),
            _ => ("done", &[]),
        };
        assert_eq!((world.count(state), world.open()), (1, open.to_vec()), "{operation} at {at_ms}");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_stops_its_key_until_somebody_resumes() {
    let mut world = of("work");
    world.partner.behave(first(Reply::Status(422)));
    for (key, name) in [("K", "0"), ("K", "1"), ("L", "2")] {
        world.task(key, name).await;
    }
    world.pass(Duration::from_secs(3600)).await;
    assert_eq!(world.partner.done(), ["2"]);
    let exception = world.exceptions().remove(0);
    assert_eq!(exception.class, ExceptionClass::TransmissionRefused);
    assert_eq!(exception.owner.as_deref(), Some("odoo-team"));
    world.check();
    let resumed = resume_all(&mut world).await;
    assert_eq!((resumed.transmissions.len(), resumed.refused.len(), resumed.more), (1, 0, false));
    world.until_done().await;
    assert_eq!(world.partner.done(), ["2", "0", "1"]);
    assert_eq!(world.open(), Vec::<&str>::new());
    let audit = world.store.audit(0, 10).expect("reads");
    assert_eq!(audit.len(), 1);
    let record = &audit[0].record;
    assert_eq!((record.actor.as_str(), record.action.as_str()), ("ada", "transmission.resume"));
    assert_eq!(record.reason.as_deref(), Some("the cause is mended"));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_makes_way() {
    let mut world = of("work");
    world.partner.behave(first(Reply::Status(422)));
    world.task("K", "0").await;
    world.task("K", "1").await;
    world.until("the first is refused", SOON, |world| world.count("paused") == 1).await;
    let id = world.transmissions()[0].id;
    let desk = world.desk.clone();
    world.ask(async move { desk.cancel(id, &ada()).await }).await.expect("it was paused");
    world.until("the second is done", Duration::from_secs(1), |world| world.count("done") == 1).await;
    assert_eq!((world.partner.done(), world.count("cancelled")), (vec!["1".to_owned()], 1));
    assert_eq!(world.store.audit(0, 10).expect("reads")[0].record.action, "transmission.cancel");
    let desk = world.desk.clone();
    let again = world.ask(async move { desk.cancel(id, &ada()).await }).await;
    assert!(matches!(again, Err(DeskError::Command(CommandError::NotNow(_)))), "{again:?}");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_system_that_cannot_be_used_is_told_of_once_and_stands_still() {
    let mut world = of("work");
    world.partner.behave(|told| if told.system == "odoo" { Reply::Status(401) } else { Reply::Do });
    for n in 0..30 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.tell(&[("shop", "order", super::world::order("S1", &["A"]))]).await;
    world.pass(Duration::from_secs(24 * 3600 + 60)).await;
    assert_eq!(world.open(), ["system_unusable"]);
    let exception = world.exceptions().remove(0);
    assert_eq!((exception.count, exception.owner.as_deref()), (8, Some("odoo-team")), "those under way met it too");
    assert_eq!(world.partner.calls().iter().filter(|told| told.system == "odoo").count(), 8);
    assert_eq!((world.count("owed"), world.count("done")), (30, 1), "other systems go on, and nothing is given up");
    let overview = world.desk.overview().expect("runs");
    let odoo = overview.systems.iter().find(|row| row.name.as_str() == "odoo").expect("configured");
    assert_eq!(odoo.paused.as_deref(), Some("the key is not valid"));

    let mut world = world.crash().await;
    world.partner.behave(|_| Reply::Do);
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.count("owed"), 30, "a restart does not resume it");
    let resumed = resume_all(&mut world).await;
    assert_eq!(resumed.systems, ["odoo".into()]);
    world.until_done().await;
    assert_eq!((world.count("done"), world.open()), (31, vec![]));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_resume_in_vain_raises_the_exception_again() {
    let mut world = of("work");
    world.partner.behave(|_| Reply::Status(401));
    world.task("K", "0").await;
    for _ in 0..3 {
        world.until("it is paused", SOON, |world| world.open() == ["system_unusable"]).await;
        resume_all(&mut world).await;
    }
    world.until("it is paused", SOON, |world| world.open() == ["system_unusable"]).await;
    assert_eq!(world.exceptions().len(), 4);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_system_can_be_paused_by_hand() {
    let mut world = of("work");
    let desk = world.desk.clone();
    world.ask(async move { desk.pause_system(&"odoo".into(), &ada()).await }).await.expect("it is configured");
    world.task("K", "0").await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.partner.calls().len(), 0);
    let desk = world.desk.clone();
    let scope = ResumeScope::System("odoo".into());
    let resumed = world.ask(async move { desk.resume(&scope, &ada()).await }).await.expect("resumes");
    assert_eq!(resumed.systems, ["odoo".into()]);
    world.until("it is done", Duration::from_secs(1), |world| world.count("done") == 1).await;
    let actions: Vec<_> =
        world.store.audit(0, 10).expect("reads").into_iter().map(|audit| audit.record.action).collect();
    assert_eq!(actions, ["system.pause", "system.resume"]);
    for scope in [ResumeScope::System("nowhere".into())] {
        let desk = world.desk.clone();
        let unknown = world.ask(async move { desk.resume(&scope, &ada()).await }).await;
        assert!(matches!(unknown, Err(DeskError::Unknown(_))));
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn pauses_are_told_in_the_order_of_their_commits() {
    let mut world = of("work");
    for _ in 0..20 {
        let (one, two) = (world.desk.clone(), world.desk.clone());
        world
            .ask(async move {
                let scope = ResumeScope::System("odoo".into());
                let (actor, other) = (ada(), ada());
                let system = "odoo".into();
                let (paused, resumed) = tokio::join!(one.pause_system(&system, &actor), two.resume(&scope, &other));
                paused.expect("pauses");
                resumed.expect("resumes");
            })
            .await;
        let stored = world.store.system_states().expect("reads")[0].paused.is_some();
        assert_eq!(*world.shell.pauses.follow(&"odoo".into()).borrow(), stored);
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_crashes_costs_its_transmission_and_no_other() {
    for (operation, class, calls) in [
        ("crash", ExceptionClass::TransmissionRefused, 0),
        ("crash_late", ExceptionClass::OutcomeUnknown, 1),
        ("endless", ExceptionClass::OutcomeUnknown, 64),
        ("unheard_of", ExceptionClass::TransmissionRefused, 0),
    ] {
        let mut world = of(operation);
        world.task("K", "0").await;
        world.tell(&[("warehouse", "shipment", super::world::shipment("281", "S1", &["A"]))]).await;
        world.until("the shipment is fulfilled", SOON, |world| world.count("done") == 1).await;
        world.until("somebody is told", SOON, |world| world.count("paused") == 1).await;
        world.pass(Duration::from_secs(600)).await;
        assert_eq!(world.exceptions().len(), 1, "{operation}");
        assert_eq!(world.exceptions()[0].class, class, "{operation}: {}", world.exceptions()[0].summary);
        assert_eq!(world.partner.calls().len(), calls + 1, "{operation}");
        assert_eq!(world.breaker("odoo"), "closed");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_crashes_is_recorded_and_disturbs_nobody() {
    let mut world = of("work");
    world.partner.behave(|told| match told.n {
        0..4 => Reply::Slow(10_000),
        4 => Reply::Crash,
        _ => Reply::Do,
    });
    for n in 0..5 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.until_done().await;
    assert_eq!(world.partner.done().len(), 5);
    assert_eq!(world.partner.calls().len(), 7, "five, then asked about and carried out: the slow ones once");
    let crashed: Vec<_> = world
        .transmissions()
        .iter()
        .flat_map(|it| world.store.attempts(it.id).expect("reads"))
        .filter(|attempt| matches!(attempt.outcome, Outcome::Unknown { .. }))
        .collect();
    assert_eq!(crashed.len(), 1);
    world.check();

    let mut world = of("pay");
    world.partner.behave(first(Reply::Crash));
    world.task("K", "0").await;
    world.pass(Duration::from_secs(600)).await;
    assert_eq!((world.open(), world.partner.calls().len()), (vec!["outcome_unknown"], 1));
    assert!(matches!(world.transmissions()[0].state, TransmissionState::Paused { .. }));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_one_has_a_new_start_when_resumed() {
    let retry = RetrySchedule {
        first_ms: 10,
        longest_ms: 100,
        attempts_max: 3,
        give_up_after_s: 3_600,
        ..RetrySchedule::default()
    };
    let mut world = World::new(Settings { retry, ..Settings::default() });
    world.partner.behave(|told| if told.n < 5 { Reply::Status(409) } else { Reply::Do });
    world.task("K", "0").await;
    world.until("it is given up", SOON, |world| world.open() == ["transmission_exhausted"]).await;
    resume_all(&mut world).await;
    world.until("it is done", SOON, |world| world.count("done") == 1).await;
    assert_eq!(world.partner.calls().len(), 6);
    world.check();
}
