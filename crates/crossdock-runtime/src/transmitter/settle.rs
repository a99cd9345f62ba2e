//! What a step of a transmission writes: the transmission, the attempt, exceptions, the pause of a system, and the
//! message that tells the router the result. One changeset. Pure: nothing is read, so ends cost nothing but a commit.

use crossdock_core::changeset::{Change, Changeset, SystemState};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::ids::{ExceptionId, MessageId, SystemName};
use crossdock_core::message::{Message, RESULT_CHANNEL};
use crossdock_core::routing::fingerprint;
use crossdock_core::transmission::{Attempt, RetrySchedule, Step, Transmission, TransmissionState};
use jiff::Timestamp;

use crate::plan::Plan;

/// What the end of an attempt writes.
pub fn ended(plan: &Plan, step: Step, attempt: Attempt) -> Changeset {
    let now = attempt.ended_at;
    let result = tells_router(plan, &step.transmission).then(|| result_message(&step.transmission, now));
    let mut changeset = Changeset::new().with(Change::AppendAttempt(attempt));
    changeset.changes.extend(stepped(plan, step, now).changes);
    changeset.changes.extend(result.map(Change::AcceptMessage));
    changeset
}

/// What a step without an attempt writes.
pub fn stepped(plan: &Plan, step: Step, now: Timestamp) -> Changeset {
    let transmission = step.transmission;
    let mut changeset = Changeset::new();
    if let Some((class, summary)) = step.raise {
        changeset.push(Change::PutException(exception(plan, &transmission, class, summary, now)));
    }
    if let Some(reason) = step.pause_system {
        changeset.push(system_state(&transmission.system, Some(reason), now));
    }
    changeset.push(Change::PutTransmission(transmission));
    changeset
}

/// Whether the router has something to do with what became of a transmission.
pub fn tells_router(plan: &Plan, transmission: &Transmission) -> bool {
    transmission.state == TransmissionState::Done && plan.hub.wants_result(&transmission.flow)
}

/// How a transmission is retried: as its flow says.
pub fn retry_of(plan: &Plan, transmission: &Transmission) -> RetrySchedule {
    plan.hub.outbound(&transmission.flow).map(|flow| flow.retry.clone()).unwrap_or_default()
}

/// The change that pauses or unpauses a system.
pub fn system_state(system: &SystemName, paused: Option<String>, now: Timestamp) -> Change {
    Change::SetSystemState(SystemState { system: system.clone(), paused, since: now })
}

/// The problem as new; the store counts up the exception that is open for it already.
fn exception(
    plan: &Plan,
    transmission: &Transmission,
    class: ExceptionClass,
    summary: String,
    now: Timestamp,
) -> Exception {
    let of_system = class == ExceptionClass::SystemUnusable;
    let fingerprint = match of_system {
        true => fingerprint::system(&transmission.system),
        false => fingerprint::transmission(transmission.id),
    };
    let flow_owner = plan.hub.outbound(&transmission.flow).and_then(|flow| flow.owner.clone());
    let system_owner = plan.systems.get(&transmission.system).and_then(|system| system.owner.clone());
    Exception {
        id: ExceptionId::derive(transmission.id.0, &format!("{fingerprint}@{now}")),
        class,
        fingerprint,
        status: ExceptionStatus::Open,
        summary,
        owner: if of_system { system_owner.or(flow_owner) } else { flow_owner.or(system_owner) },
        affects: vec![transmission.about.clone()],
        system: Some(transmission.system.clone()),
        flow: Some(transmission.flow.clone()),
        message: None,
        transmission: (!of_system).then_some(transmission.id),
        opened_at: now,
        closed_at: None,
        count: 1,
    }
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
