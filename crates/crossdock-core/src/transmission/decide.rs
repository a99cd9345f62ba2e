//! The transmission's state machine.

use jiff::Timestamp;

use super::{Outcome, RetrySchedule, Transmission, TransmissionState, schedule};
use crate::exception::ExceptionClass;
use crate::ids::FlowName;

/// What can happen to a transmission.
#[derive(Clone, Debug, PartialEq)]
pub enum TransmissionEvent {
    /// Everything it was held for has finished; it takes `place` in the order of its key.
    Released { place: u64 },
    /// It has been held for longer than its flow allows.
    Late,
    /// An attempt begins.
    Begun,
    /// The attempt that began has ended.
    Finished(Outcome),
    /// The hub found it marked as sending after a restart: whether the attempt took effect is not known.
    Orphaned,
    /// A person wants it to go on.
    Resumed,
    /// A person gives it up.
    Cancelled,
}

/// What a transmission becomes, and what has to be raised with it. An exception about a transmission is open exactly
/// while it is paused or late: whoever resumes, releases or cancels it closes the exception in the same changeset.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// As it is to be stored: one version on.
    pub transmission: Transmission,
    /// An exception to open, with the sentence for its reader.
    pub raise: Option<(ExceptionClass, String)>,
    /// The whole system must stop being sent to, for this reason.
    pub pause_system: Option<String>,
}

/// The event does not apply to a transmission in this state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a transmission that is {state} cannot be {event}")]
pub struct NotNow {
    /// The state it is in.
    pub state: &'static str,
    /// What was to happen.
    pub event: &'static str,
}

/// Decides what `event` makes of `transmission`. Pure; the caller commits the result.
///
/// # Errors
/// `NotNow` when the event does not apply, for example resuming what is done.
pub fn decide(
    transmission: &Transmission,
    event: &TransmissionEvent,
    retry: &RetrySchedule,
    now: Timestamp,
) -> Result<Step, NotNow> {
    use TransmissionEvent as E;
    use TransmissionState as S;
    let mut next = transmission.clone();
    next.version += 1;
    match (&transmission.state, event) {
        (S::Held { .. }, E::Released { place }) => {
            next.state = S::Owed;
            next.place = *place;
            next.due_at = now;
            next.last_problem = None;
            Ok(Step::quiet(next))
        }
        (S::Held { after }, E::Late) => Ok(late(next, after)),
        (S::Owed, E::Begun) => {
            next.state = S::Sending;
            next.attempts += 1;
            Ok(Step::quiet(next))
        }
        (S::Sending, E::Finished(outcome)) => Ok(finish(next, outcome, retry, now)),
        (S::Sending, E::Orphaned) => {
            next.state = S::Owed;
            next.in_doubt = true;
            next.due_at = now;
            Ok(Step::quiet(next))
        }
        (S::Paused { .. }, E::Resumed) => {
            next.state = S::Owed;
            next.due_at = now;
            next.failing_since = None;
            next.attempts = 0;
            next.refused = false;
            Ok(Step::quiet(next))
        }
        (S::Held { .. } | S::Owed | S::Paused { .. }, E::Cancelled) => {
            next.state = S::Cancelled;
            next.finished_at = Some(now);
            Ok(Step::quiet(next))
        }
        (state, event) => Err(NotNow { state: state.word(), event: event.word() }),
    }
}

fn finish(mut next: Transmission, outcome: &Outcome, retry: &RetrySchedule, now: Timestamp) -> Step {
    match outcome {
        Outcome::Accepted { result } => {
            next.state = TransmissionState::Done;
            next.in_doubt = false;
            next.refused = false;
            next.failing_since = None;
            next.last_problem = None;
            next.result = Some(result.clone());
            next.finished_at = Some(now);
            Step::quiet(next)
        }
        Outcome::Retry { reason, after_ms } => again(next, reason, *after_ms, retry, now),
        Outcome::Unknown { reason } => {
            next.in_doubt = true;
            again(next, reason, None, retry, now)
        }
        // It certainly did not take effect, so asking once more is harmless whatever the system honours (I2).
        Outcome::Refused { reason } if !next.refused && retry.confirm_refused_ms.is_some() => {
            next.refused = true;
            next.state = TransmissionState::Owed;
            next.failing_since.get_or_insert(now);
            next.last_problem = Some(format!("{reason}; asked once more, for it may be a passing refusal"));
            next.due_at = schedule::later(now, retry.confirm_refused_ms.unwrap_or_default());
            Step::quiet(next)
        }
        Outcome::Refused { reason } => {
            let summary = format!(
                "{} refused {} for {}: {reason}. Mend the cause, then resume transmission {}",
                next.system, next.operation, next.about, next.id
            );
            pause(next, reason, ExceptionClass::TransmissionRefused, summary)
        }
        Outcome::Unusable { reason } => {
            next.state = TransmissionState::Owed;
            next.due_at = now;
            next.attempts = next.attempts.saturating_sub(1);
            next.last_problem = Some(reason.clone());
            let summary = format!(
                "{} cannot be used: {reason}. Nothing is sent to it until this is mended and it is resumed",
                next.system
            );
            let raise = Some((ExceptionClass::SystemUnusable, summary));
            Step { raise, pause_system: Some(reason.clone()), ..Step::quiet(next) }
        }
    }
}

fn again(mut next: Transmission, reason: &str, after_ms: Option<u64>, retry: &RetrySchedule, now: Timestamp) -> Step {
    let failing_since = *next.failing_since.get_or_insert(now);
    if retry.is_used_up(next.attempts, failing_since, now) {
        let (class, summary) = given_up(&next, reason, failing_since);
        return pause(next, reason, class, summary);
    }
    next.state = TransmissionState::Owed;
    next.last_problem = Some(reason.to_owned());
    let own = retry.next_at(next.id, next.attempts, now);
    next.due_at = after_ms.map_or(own, |ms| own.max(schedule::later(now, ms.min(AFTER_MS_MAX))));
    Step::quiet(next)
}

/// What a person is told of a transmission whose retries are used up.
fn given_up(next: &Transmission, reason: &str, since: Timestamp) -> (ExceptionClass, String) {
    let (system, operation, about, id) = (&next.system, &next.operation, &next.about, next.id);
    let tried = match next.attempts {
        1 => format!("was tried once, at {since}"),
        attempts => format!("was tried {attempts} times in vain since {since}"),
    };
    match next.in_doubt {
        true => {
            let advice = format!(
                "It may have taken effect: look in {system}, then resume transmission {id} to send it again, or cancel it"
            );
            (ExceptionClass::OutcomeUnknown, format!("{operation} for {about} at {system} {tried}: {reason}. {advice}"))
        }
        false => {
            let advice = format!("Resume transmission {id} when {system} works again");
            (
                ExceptionClass::TransmissionExhausted,
                format!("{operation} for {about} at {system} {tried}: {reason}. {advice}"),
            )
        }
    }
}

/// It stays held; somebody is told.
fn late(mut next: Transmission, after: &[FlowName]) -> Step {
    let waits_for: Vec<&str> = after.iter().map(FlowName::as_str).collect();
    let waits_for = waits_for.join(", ");
    let summary = format!(
        "{} for {} at {} still waits for {waits_for}: find out why that has not happened. It goes on by itself once it \
         has; resume transmission {} to send it without",
        next.operation, next.about, next.system, next.id
    );
    next.last_problem = Some(format!("still waits for {waits_for}"));
    Step { raise: Some((ExceptionClass::PrerequisiteLate, summary)), ..Step::quiet(next) }
}

/// The longest wait a system's `Retry-After` can impose, in milliseconds: one hour.
pub const AFTER_MS_MAX: u64 = 3_600_000;

fn pause(mut next: Transmission, reason: &str, class: ExceptionClass, summary: String) -> Step {
    next.state = TransmissionState::Paused { reason: reason.to_owned() };
    next.last_problem = Some(reason.to_owned());
    Step { raise: Some((class, summary)), ..Step::quiet(next) }
}

impl Step {
    fn quiet(transmission: Transmission) -> Self {
        Self { transmission, raise: None, pause_system: None }
    }
}

impl TransmissionEvent {
    fn word(&self) -> &'static str {
        match self {
            TransmissionEvent::Released { .. } => "released",
            TransmissionEvent::Late => "late",
            TransmissionEvent::Begun => "begun",
            TransmissionEvent::Finished(_) => "finished",
            TransmissionEvent::Orphaned => "orphaned",
            TransmissionEvent::Resumed => "resumed",
            TransmissionEvent::Cancelled => "cancelled",
        }
    }
}
