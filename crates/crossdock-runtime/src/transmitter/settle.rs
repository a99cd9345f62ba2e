//! What the end of an attempt writes: the transmission, the attempt, exceptions, and the message that tells the
//! router the result. One changeset.

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::ids::{ExceptionId, MessageId};
use crossdock_core::message::{Message, RESULT_CHANNEL};
use crossdock_core::routing::fingerprint;
use crossdock_core::transmission::{Attempt, RetrySchedule, Step, Transmission, TransmissionState};
use crossdock_store::StoreError;
use jiff::Timestamp;

use crate::shell::Shell;

pub(super) async fn changeset(shell: &Shell, step: Step, attempt: Attempt) -> Result<Changeset, StoreError> {
    let mut changeset = Changeset::new();
    let done = (step.transmission.state == TransmissionState::Done
        && shell.plan.hub.wants_result(&step.transmission.flow))
    .then(|| result_message(&step.transmission, attempt.ended_at));
    push_step(shell, &mut changeset, step, Some(attempt))?;
    if let Some(message) = done {
        changeset.push(Change::AcceptMessage(message));
    }
    Ok(changeset)
}

/// Adds everything a step means.
pub(super) fn push_step(
    shell: &Shell,
    changeset: &mut Changeset,
    step: Step,
    attempt: Option<Attempt>,
) -> Result<(), StoreError> {
    let transmission = step.transmission;
    let now = attempt.as_ref().map_or_else(|| shell.clock.now(), |attempt| attempt.ended_at);
    if let Some(attempt) = attempt {
        changeset.push(Change::AppendAttempt(attempt));
    }
    if let Some((class, summary)) = step.raise {
        changeset.push(Change::PutException(exception(shell, &transmission, class, summary, now)?));
    }
    if step.settles
        && transmission.failing_since.is_none()
        && let Some(open) = shell.store.open_exception(&fingerprint::transmission(transmission.id))?
    {
        let closed = Exception { status: ExceptionStatus::Resolved, closed_at: Some(now), ..open };
        changeset.push(Change::PutException(closed));
    }
    if let Some(reason) = step.pause_system {
        changeset.push(super::system_state(&transmission.system, Some(reason), now));
    }
    changeset.push(Change::PutTransmission(transmission));
    Ok(())
}

fn exception(
    shell: &Shell,
    transmission: &Transmission,
    class: ExceptionClass,
    summary: String,
    now: Timestamp,
) -> Result<Exception, StoreError> {
    let of_system = class == ExceptionClass::SystemUnusable;
    let fingerprint = match of_system {
        true => fingerprint::system(&transmission.system),
        false => fingerprint::transmission(transmission.id),
    };
    if let Some(known) = shell.store.open_exception(&fingerprint)? {
        return Ok(Exception { count: known.count + 1, summary, ..known });
    }
    let owner = shell
        .plan
        .hub
        .outbound(&transmission.flow)
        .and_then(|flow| flow.owner.clone())
        .or_else(|| shell.plan.systems.get(&transmission.system).and_then(|system| system.owner.clone()));
    Ok(Exception {
        id: ExceptionId::derive(transmission.id.0, &format!("{fingerprint}@{now}")),
        class,
        fingerprint,
        status: ExceptionStatus::Open,
        summary,
        owner,
        affects: vec![transmission.about.clone()],
        system: Some(transmission.system.clone()),
        flow: Some(transmission.flow.clone()),
        message: None,
        transmission: (!of_system).then_some(transmission.id),
        opened_at: now,
        closed_at: None,
        count: 1,
    })
}

fn result_message(transmission: &Transmission, now: Timestamp) -> Message {
    let body = serde_json::json!({ "transmission": transmission.id, "result": transmission.result });
    Message {
        id: MessageId::of_result(transmission.id),
        system: transmission.system.clone(),
        channel: RESULT_CHANNEL.to_owned(),
        dedup_key: format!("result/{}", transmission.id),
        received_at: now,
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        cause: Some(transmission.id),
    }
}

/// Hints that follow from a committed end.
pub(super) fn after(shell: &Shell, begun: &Transmission, paused: bool) {
    if paused {
        shell.pauses.set(&begun.system, true);
    }
    shell.wake.router();
    shell.wake.system(&begun.system);
}

pub(super) fn retry_of(shell: &Shell, transmission: &Transmission) -> RetrySchedule {
    shell.plan.hub.outbound(&transmission.flow).map(|flow| flow.retry.clone()).unwrap_or_default()
}
