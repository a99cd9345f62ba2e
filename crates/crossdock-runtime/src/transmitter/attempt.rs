//! One attempt: the connector says what to call, the transport calls, the connector reads the answer, until it says
//! how it ended. Then the end is committed, however long the store takes: the effect has happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossdock_connect::endpoint::{CALLS_MAX, Endpoint, Operation, Repeat, Step};
use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exchange::{Call, Exchange, SendFault};
use crossdock_core::ids::TransmissionId;
use crossdock_core::transmission::breaker::Told;
use crossdock_core::transmission::{Attempt, Outcome, Transmission, TransmissionEvent, TransmissionState, decide};
use crossdock_store::CommitError;
use crossdock_transport::Transport;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::{operation_of, settle};
use crate::shell::Shell;
use crate::toll::Toll;

/// First pause before a change is offered to the store again; doubles up to the longest.
const COMMIT_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause before a change is offered to the store again.
const COMMIT_PAUSE_MAX: Duration = Duration::from_secs(5);
/// From this attempt on, bodies of an attempt that is tried again are not kept: they would only repeat themselves.
const BODIES_KEPT_MAX: u32 = 5;

/// What an attempt needs.
pub(super) struct Attempting {
    pub shell: Arc<Shell>,
    pub transport: Arc<dyn Transport>,
    pub endpoint: Arc<dyn Endpoint>,
}

/// How an attempt at one transmission ended.
struct End {
    outcome: Outcome,
    /// It must not be tried again without a person.
    last: bool,
}

/// When an attempt was and what was said, for its record.
struct Record {
    started_at: Timestamp,
    ended_at: Timestamp,
    exchanges: Vec<Exchange>,
}

impl Attempting {
    /// Carries out one attempt at a job and tells what it learnt about the system. Whatever goes wrong, each of its
    /// transmissions ends recorded.
    pub async fn carry_out(self, job: Vec<Transmission>) -> Told {
        let ids: Vec<_> = job.iter().map(|transmission| transmission.id).collect();
        match AssertUnwindSafe(self.attempt(job)).catch_unwind().await {
            Ok(told) => told,
            Err(_) => {
                tracing::error!(?ids, "an attempt crashed; it counts as an attempt with an unknown outcome");
                self.crashed(ids).await;
                Told::Nothing
            }
        }
    }

    async fn attempt(&self, job: Vec<Transmission>) -> Told {
        let operation = job.first().and_then(|first| operation_of(self.endpoint.operations(), &first.operation));
        let Some(operation) = operation.copied() else { return self.refuse_unknown(job).await };
        let started_at = self.shell.clock.now();
        let job = self.doubted(job, operation.repeat).await;
        if job.is_empty() {
            return Told::Nothing;
        }
        let begun = match self.begin(job, operation.repeat).await {
            Some(begun) => begun,
            None => return Told::Nothing,
        };
        let mut exchanges = Vec::new();
        let ends = self.converse(&begun, &operation, &mut exchanges).await;
        let ended_at = self.shell.clock.now();
        let tell = |told: Told, end: &End| told.and(Told::by(&end.outcome, &exchanges));
        let told = ends.iter().fold(Told::Nothing, tell);
        let limit = self.shell.plan.recorded_bytes_max / begun.len().max(1);
        let record = Record { started_at, ended_at, exchanges: recorded(exchanges, limit) };
        let finishing =
            begun.into_iter().zip(ends).map(|(begun, end)| self.finish(begun, end, operation.repeat, &record));
        join_all(finishing).await;
        told
    }

    /// What may have been sent before the data were put back from a backup: under the same key it may go again, which asks
    /// first; where that is not safe, a person has to look (I2).
    async fn doubted(&self, job: Vec<Transmission>, repeat: Repeat) -> Vec<Transmission> {
        let (mut sent, mut left) = (Vec::new(), Vec::with_capacity(job.len()));
        for transmission in job {
            match (self.shell.is_forgotten(&transmission), repeat) {
                (false, _) => left.push(transmission),
                (true, Repeat::Safe) => left.push(Transmission { in_doubt: true, ..transmission }),
                (true, Repeat::Never) => sent.push(transmission),
            }
        }
        let now = self.shell.clock.now();
        let record = Record { started_at: now, ended_at: now, exchanges: Vec::new() };
        for begun in self.begin(sent, Repeat::Safe).await.unwrap_or_default() {
            let reason = "the data were put back from a backup, and it may have been sent since that was made".into();
            let end = End { outcome: Outcome::Unknown { reason }, last: true };
            self.finish(begun, end, Repeat::Safe, &record).await;
        }
        left
    }

    /// Marks the attempt as begun. Where repeating is never safe, that mark is on disk before anything is sent. `None`
    /// when the store does not take it; nothing has happened then.
    async fn begin(&self, job: Vec<Transmission>, repeat: Repeat) -> Option<Vec<Transmission>> {
        let now = self.shell.clock.now();
        let mut begun = Vec::with_capacity(job.len());
        for transmission in job {
            let retry = settle::retry_of(&self.shell.plan, &transmission);
            match decide(&transmission, &TransmissionEvent::Begun, &retry, now) {
                Ok(step) => begun.push(step.transmission),
                Err(not_now) => tracing::warn!(transmission = %transmission.id, %not_now, "not begun"),
            }
        }
        if repeat == Repeat::Never {
            let marks: Changeset = begun.iter().cloned().map(Change::PutTransmission).collect();
            if let Err(error) = self.shell.commit(marks).await {
                tracing::warn!(%error, "attempt not begun");
                self.shell.clock.sleep(COMMIT_PAUSE).await;
                return None;
            }
        }
        (!begun.is_empty()).then_some(begun)
    }

    async fn converse(&self, job: &[Transmission], operation: &Operation, exchanges: &mut Vec<Exchange>) -> Vec<End> {
        let toll = job.first().and_then(|first| self.shell.toll(&first.system));
        // The transmitter paid for the first call before it let the attempt begin.
        let mut paid = true;
        loop {
            let now = self.shell.clock.now();
            let step = catch_unwind(AssertUnwindSafe(|| self.endpoint.next(job, exchanges, now)));
            match step {
                Ok(Step::Done(outcomes)) if outcomes.len() == job.len() => {
                    return outcomes.into_iter().map(|outcome| End::read(outcome, operation.repeat)).collect();
                }
                Ok(Step::Done(outcomes)) => {
                    let told = format!("it gave {} outcomes for {} transmissions", outcomes.len(), job.len());
                    return faulty(job, exchanges, &told);
                }
                Ok(Step::Call(_)) if exchanges.len() >= CALLS_MAX => {
                    return faulty(job, exchanges, &format!("one attempt needed more than {CALLS_MAX} calls"));
                }
                // Having waited, it is asked anew: a call may carry the time of its sending.
                Ok(Step::Call(_)) if !paid => {
                    if let Some(toll) = toll {
                        toll.pay(self.shell.clock.as_ref()).await;
                    }
                    paid = true;
                }
                Ok(Step::Call(call)) => {
                    let exchange = send(&self.shell, self.transport.as_ref(), call).await;
                    if let Some(toll) = toll {
                        toll.heard(&exchange, self.shell.clock.now());
                    }
                    exchanges.push(exchange);
                    paid = toll.is_none_or(Toll::is_free);
                }
                Err(_) => return faulty(job, exchanges, "it crashed"),
            }
        }
    }

    /// Commits the end of an attempt, again and again until the store takes it or says that the transmission moved on.
    async fn finish(&self, begun: Transmission, end: End, repeat: Repeat, record: &Record) {
        let plan = &self.shell.plan;
        let mut base = begun.clone();
        if repeat == Repeat::Safe {
            // The beginning was not committed: begin and end are one change of the stored transmission.
            base.version -= 1;
        }
        let retry = settle::retry_of(plan, &begun);
        let retry = if end.last { retry.used_up() } else { retry };
        let event = TransmissionEvent::Finished(end.outcome.clone());
        let step = match decide(&base, &event, &retry, record.ended_at) {
            Ok(step) => step,
            Err(not_now) => {
                tracing::error!(transmission = %begun.id, %not_now, "an attempt ended out of turn");
                return;
            }
        };
        let is_repeated = step.transmission.state == TransmissionState::Owed && begun.attempts > BODIES_KEPT_MAX;
        let attempt = Attempt {
            transmission: begun.id,
            number: begun.attempts,
            started_at: record.started_at,
            ended_at: record.ended_at,
            outcome: end.outcome,
            exchanges: if is_repeated { without_bodies(&record.exchanges) } else { record.exchanges.clone() },
        };
        let tells_router = settle::tells_router(plan, &step.transmission);
        self.insist(&begun, settle::ended(plan, step, attempt)).await;
        if tells_router {
            self.shell.wake.router();
        }
    }

    async fn insist(&self, begun: &Transmission, mut changeset: Changeset) {
        let pauses = changeset.changes.iter().any(|change| matches!(change, Change::SetSystemState(_)));
        let mut pause = COMMIT_PAUSE;
        loop {
            let committed = match pauses {
                true => self.shell.commit_pause(changeset.clone()).await,
                false => self.shell.commit(changeset.clone()).await,
            };
            match committed {
                Ok(()) => return,
                Err(CommitError::Conflict(what)) => {
                    tracing::warn!(transmission = %begun.id, what, "changed while it was being sent");
                    return;
                }
                Err(CommitError::Duplicate(first)) => {
                    tracing::error!(transmission = %begun.id, %first, "a message has the dedup key of its result");
                    changeset.changes.retain(|change| !matches!(change, Change::AcceptMessage(_)));
                }
                Err(error) => {
                    tracing::error!(transmission = %begun.id, %error, "the end of an attempt is not yet on disk");
                    self.shell.clock.sleep(pause).await;
                    pause = (pause * 2).min(COMMIT_PAUSE_MAX);
                }
            }
        }
    }

    async fn refuse_unknown(&self, job: Vec<Transmission>) -> Told {
        let now = self.shell.clock.now();
        let record = Record { started_at: now, ended_at: now, exchanges: Vec::new() };
        for begun in self.begin(job, Repeat::Safe).await.unwrap_or_default() {
            let reason = format!("{} has no operation `{}`", begun.system, begun.operation);
            let end = End { outcome: Outcome::Refused { reason }, last: true };
            self.finish(begun, end, Repeat::Safe, &record).await;
        }
        Told::Nothing
    }

    /// Ends what a crashed attempt left open, as the store has it.
    async fn crashed(&self, ids: Vec<TransmissionId>) {
        for id in ids {
            let stored = loop {
                match self.shell.read(move |store| store.transmission(id)).await {
                    Ok(stored) => break stored,
                    Err(error) => {
                        tracing::error!(transmission = %id, %error, "a crashed attempt cannot be ended yet");
                        self.shell.clock.sleep(COMMIT_PAUSE_MAX).await;
                    }
                }
            };
            let now = self.shell.clock.now();
            let record = Record { started_at: now, ended_at: now, exchanges: Vec::new() };
            let outcome = Outcome::Unknown { reason: "the hub itself failed during the attempt".into() };
            match stored {
                Some(begun) if begun.state == TransmissionState::Sending => {
                    self.finish(begun, End { outcome, last: true }, Repeat::Never, &record).await;
                }
                Some(owed) if owed.state == TransmissionState::Owed => {
                    for begun in self.begin(vec![owed], Repeat::Safe).await.unwrap_or_default() {
                        let end = End { outcome: outcome.clone(), last: false };
                        self.finish(begun, end, Repeat::Safe, &record).await;
                    }
                }
                _ => {}
            }
        }
    }
}

impl End {
    fn read(outcome: Outcome, repeat: Repeat) -> Self {
        match (outcome, repeat) {
            (Outcome::Unknown { reason }, Repeat::Never) => {
                let reason = format!("{reason}; this operation cannot be repeated safely");
                End { outcome: Outcome::Unknown { reason }, last: true }
            }
            (outcome, _) => End { outcome, last: false },
        }
    }
}

/// The connector does not keep to its contract: trying again would only repeat that.
fn faulty(job: &[Transmission], exchanges: &[Exchange], told: &str) -> Vec<End> {
    let reason = format!("a fault of the connector: {told}");
    let sent = exchanges.iter().any(|exchange| !matches!(exchange.result, Err(SendFault::NotSent(_))));
    let outcome = match sent {
        true => Outcome::Unknown { reason },
        false => Outcome::Refused { reason },
    };
    job.iter().map(|_| End { outcome: outcome.clone(), last: true }).collect()
}

/// Sends one call and keeps what came of it.
pub(crate) async fn send(shell: &Shell, transport: &dyn Transport, call: Call) -> Exchange {
    let result = transport.send(&call, shell.plan.answer_bytes_max).await;
    Exchange { call, result }
}

/// What may be kept of exchanges: no secrets, no more than `limit` bytes of each body.
fn recorded(exchanges: Vec<Exchange>, limit: usize) -> Vec<Exchange> {
    exchanges
        .into_iter()
        .map(|Exchange { mut call, result }| {
            cut(&mut call.body, limit);
            let result = result.map(|mut answer| {
                cut(&mut answer.body, limit);
                answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("set-cookie"));
                answer
            });
            Exchange { call: call.recorded(limit), result }
        })
        .collect()
}

fn without_bodies(exchanges: &[Exchange]) -> Vec<Exchange> {
    recorded(exchanges.to_vec(), 0)
}

/// Cuts a body, a text between two characters.
fn cut(body: &mut Vec<u8>, limit: usize) {
    if body.len() > limit {
        let end = match std::str::from_utf8(body) {
            Ok(text) => text.floor_char_boundary(limit),
            Err(_) => limit,
        };
        body.truncate(end);
        body.shrink_to_fit();
    }
}
