//! One attempt: the connector says what to call, the transport calls, the connector reads the answer, until it says
//! how it ended. Then the end is committed, however long the store takes: the effect has happened.

use std::sync::Arc;
use std::time::Duration;

use crossdock_connect::endpoint::{CALLS_MAX, Endpoint, Repeat, Step};
use crossdock_core::changeset::Changeset;
use crossdock_core::exchange::{Call, Exchange, SendFault};
use crossdock_core::ids::TransmissionId;
use crossdock_core::transmission::{Attempt, Outcome, RetrySchedule, Transmission, TransmissionEvent, decide};
use crossdock_store::CommitError;
use crossdock_transport::Transport;
use jiff::Timestamp;

use super::{operation_of, settle};
use crate::shell::Shell;

/// How one transmission's attempt ended, for the breaker.
pub(super) struct Ended {
    pub id: TransmissionId,
    /// The system gave a sensible answer, whatever it said about the goods.
    pub answered: bool,
}

/// Pause before the end of an attempt is offered to the store again.
const COMMIT_PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn carry_out(
    shell: Arc<Shell>,
    transport: Arc<dyn Transport>,
    endpoint: Arc<dyn Endpoint>,
    job: Vec<Transmission>,
) -> Vec<Ended> {
    let operation = job.first().and_then(|first| operation_of(endpoint.operations(), &first.operation)).copied();
    let Some(operation) = operation else {
        return refuse_unknown(&shell, job).await;
    };
    let started_at = shell.clock.now();
    let begun = match begin(&shell, job, operation.repeat).await {
        Ok(begun) => begun,
        Err(ids) => return ids,
    };
    let mut exchanges = Vec::new();
    let outcomes = converse(&shell, transport.as_ref(), endpoint.as_ref(), &begun, &mut exchanges).await;
    let outcomes = match operation.repeat {
        Repeat::Safe => outcomes,
        Repeat::Never => outcomes.into_iter().map(never_repeat).collect(),
    };
    let ended_at = shell.clock.now();
    let record = Record { started_at, ended_at, exchanges: recorded(&shell, &exchanges) };
    let mut ends = Vec::with_capacity(begun.len());
    for (begun, outcome) in begun.into_iter().zip(outcomes) {
        ends.push(Ended { id: begun.id, answered: is_answer(&outcome) });
        finish(&shell, begun, outcome, operation.repeat, &record).await;
    }
    ends
}

struct Record {
    started_at: Timestamp,
    ended_at: Timestamp,
    exchanges: Vec<Exchange>,
}

/// Marks the attempt as begun. Where repeating is never safe, that mark is on disk before anything is sent.
async fn begin(shell: &Shell, job: Vec<Transmission>, repeat: Repeat) -> Result<Vec<Transmission>, Vec<Ended>> {
    let now = shell.clock.now();
    let mut begun = Vec::with_capacity(job.len());
    let mut changeset = Changeset::new();
    for transmission in job {
        let retry = settle::retry_of(shell, &transmission);
        match decide(&transmission, &TransmissionEvent::Begun, &retry, now) {
            Ok(step) => {
                changeset.push(crossdock_core::changeset::Change::PutTransmission(step.transmission.clone()));
                begun.push(step.transmission);
            }
            Err(not_now) => tracing::warn!(transmission = %transmission.id, %not_now, "not begun"),
        }
    }
    if repeat == Repeat::Never
        && let Err(error) = shell.commit(changeset).await
    {
        tracing::warn!(%error, "attempt not begun");
        tokio::time::sleep(COMMIT_PAUSE).await;
        return Err(begun.iter().map(|transmission| Ended { id: transmission.id, answered: true }).collect());
    }
    Ok(begun)
}

async fn converse(
    shell: &Shell,
    transport: &dyn Transport,
    endpoint: &dyn Endpoint,
    job: &[Transmission],
    exchanges: &mut Vec<Exchange>,
) -> Vec<Outcome> {
    loop {
        match endpoint.next(job, exchanges, shell.clock.now()) {
            Step::Done(outcomes) if outcomes.len() == job.len() => return outcomes,
            Step::Done(outcomes) => {
                let reason = format!("the connector gave {} outcomes for {} transmissions", outcomes.len(), job.len());
                return same(job, Outcome::Refused { reason });
            }
            Step::Call(_) if exchanges.len() >= CALLS_MAX => {
                let reason = format!("one attempt needed more than {CALLS_MAX} calls");
                return same(job, Outcome::Refused { reason });
            }
            Step::Call(call) => exchanges.push(run_call(shell, transport, call).await),
        }
    }
}

/// Sends one call and keeps what came of it.
pub(crate) async fn run_call(shell: &Shell, transport: &dyn Transport, call: Call) -> Exchange {
    let result = transport.send(&call, shell.plan.answer_bytes_max).await;
    Exchange { call, result }
}

/// Commits the end of an attempt, again and again until the store takes it or says that the transmission moved on.
async fn finish(shell: &Shell, begun: Transmission, outcome: Outcome, repeat: Repeat, record: &Record) {
    let mut base = begun.clone();
    if repeat == Repeat::Safe {
        // The beginning was not committed: begin and end are one change of the stored transmission.
        base.version -= 1;
    }
    let retry = match (&outcome, repeat) {
        (Outcome::Unknown { .. }, Repeat::Never) => RetrySchedule { attempts_max: 0, ..settle::retry_of(shell, &begun) },
        _ => settle::retry_of(shell, &begun),
    };
    let event = TransmissionEvent::Finished(outcome.clone());
    let attempt = Attempt {
        transmission: begun.id,
        number: begun.attempts,
        started_at: record.started_at,
        ended_at: record.ended_at,
        outcome,
        exchanges: record.exchanges.clone(),
    };
    loop {
        let Ok(step) = decide(&base, &event, &retry, record.ended_at) else {
            tracing::error!(transmission = %begun.id, "an attempt ended for a transmission that was not sending");
            return;
        };
        let paused = step.pause_system.is_some();
        let committed = match settle::changeset(shell, step, attempt.clone()).await {
            Ok(changeset) => shell.commit(changeset).await,
            Err(error) => Err(CommitError::Unavailable(error.to_string())),
        };
        match committed {
            Ok(()) => {
                settle::after(shell, &begun, paused);
                return;
            }
            Err(CommitError::Conflict(what)) => {
                tracing::warn!(transmission = %begun.id, what, "changed while it was being sent");
                return;
            }
            Err(error) => {
                tracing::error!(transmission = %begun.id, %error, "the end of an attempt is not yet on disk");
                tokio::time::sleep(COMMIT_PAUSE).await;
            }
        }
    }
}

async fn refuse_unknown(shell: &Shell, job: Vec<Transmission>) -> Vec<Ended> {
    let now = shell.clock.now();
    let record = Record { started_at: now, ended_at: now, exchanges: Vec::new() };
    let mut ends = Vec::new();
    for transmission in job {
        let reason = format!("{} has no operation `{}`", transmission.system, transmission.operation);
        ends.push(Ended { id: transmission.id, answered: true });
        let retry = settle::retry_of(shell, &transmission);
        if let Ok(step) = decide(&transmission, &TransmissionEvent::Begun, &retry, now) {
            finish(shell, step.transmission, Outcome::Refused { reason }, Repeat::Safe, &record).await;
        }
    }
    ends
}

fn same(job: &[Transmission], outcome: Outcome) -> Vec<Outcome> {
    job.iter().map(|_| outcome.clone()).collect()
}

fn never_repeat(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Unknown { reason } => {
            Outcome::Unknown { reason: format!("{reason}; this operation cannot be repeated safely") }
        }
        other => other,
    }
}

/// Whether the system is there and sane: what the breaker wants to know.
fn is_answer(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Refused { .. } | Outcome::Unusable { .. } => true,
        Outcome::Retry { .. } | Outcome::Unknown { .. } => false,
    }
}

fn recorded(shell: &Shell, exchanges: &[Exchange]) -> Vec<Exchange> {
    let limit = shell.plan.recorded_bytes_max;
    exchanges
        .iter()
        .map(|exchange| {
            let result = match &exchange.result {
                Ok(answer) => {
                    let mut answer = answer.clone();
                    answer.body.truncate(limit);
                    Ok(answer)
                }
                Err(fault) => Err::<_, SendFault>(fault.clone()),
            };
            Exchange { call: exchange.call.recorded(limit), result }
        })
        .collect()
}
