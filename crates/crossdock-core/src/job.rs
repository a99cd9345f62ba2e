//! Jobs: one decision of a person about many paused transmissions, failed messages or the messages of a replay plan, carried
//! out by the hub one by one, at a rate, until it is done or stopped. A job is a record with a cursor; every step commits its effect and the cursor together, so a crash
//! neither loses nor repeats one.
//!
//! What a job takes is settled when it starts: what is paused at that moment and fits. One that goes on and is paused again
//! is a new problem, which the job leaves alone.

pub mod fault;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::EntityRef;
use crate::exception::{Exception, ExceptionClass};
use crate::ids::{FlowName, JobId, MessageId, ReplayId, SystemName, TransmissionId};
use crate::message::{MessageState, StoredMessage};
use crate::record::{Record, RecordKind};
use crate::transmission::{Transmission, TransmissionState};

pub use fault::FaultKey;

/// The most a job may do in a second.
pub const RATE_MAX: u32 = 1_000;
/// What a job does in a second when nothing is said.
pub const RATE: NonZeroU32 = NonZeroU32::new(50).expect("above zero");
/// What could not be done is told of so many; the latest are kept.
pub const PROBLEMS_MAX: usize = 20;

/// What is done to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobAction {
    /// It goes on, in its old place.
    Resume,
    /// It is given up and never sent.
    Cancel,
    /// A failed message is routed again.
    Rerun,
    /// A message of a replay plan is read anew, as the plan says.
    Replay,
}

impl JobAction {
    /// The action as audit records and people name it.
    pub fn word(self) -> &'static str {
        match self {
            JobAction::Resume => "resume",
            JobAction::Cancel => "cancel",
            JobAction::Rerun => "rerun",
            JobAction::Replay => "replay",
        }
    }

    /// The action in audit records, for each that it is done to.
    pub fn audited(self) -> &'static str {
        match self {
            JobAction::Resume => "transmission.resume",
            JobAction::Cancel => "transmission.cancel",
            JobAction::Rerun => "message.rerun",
            JobAction::Replay => "message.replay",
        }
    }
}

/// Which paused transmissions, or which failed messages; `None` means any. All that is said must fit.
///
/// A field that this version does not know makes a record unreadable: passing it over would widen the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFilter {
    /// To whom they are owed; from whom messages came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemName>,
    /// The flow that owes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowName>,
    /// What is to be done there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The class of the exception that is open for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ExceptionClass>,
    /// What they are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityRef>,
    /// Paused at this instant or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Paused before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Those that stand still for the same reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultKey>,
}

impl JobFilter {
    /// Whether a paused transmission, with the exception that is open for it, is one of those meant.
    pub fn fits(&self, it: &Transmission, open: Option<&Exception>) -> bool {
        let TransmissionState::Paused { reason } = &it.state else { return false };
        let class = open.map(|open| open.class);
        let paused_at = paused_at(it, open);
        is(&self.system, &it.system)
            && is(&self.flow, &it.flow)
            && is(&self.operation, &it.operation)
            && is(&self.entity, &it.about)
            && self.class.is_none_or(|wanted| class == Some(wanted))
            && self.since.is_none_or(|since| paused_at >= since)
            && self.until.is_none_or(|until| paused_at < until)
            && self.fault.as_ref().is_none_or(|wanted| *wanted == FaultKey::of(class, &it.system, reason))
    }

    /// Whether a failed message, with the exception that is open for it, is one of those meant. No operation is owed yet
    /// for a message.
    pub fn fits_message(&self, stored: &StoredMessage, open: Option<&Exception>) -> bool {
        if !matches!(stored.state, MessageState::Failed { .. }) || self.operation.is_some() {
            return false;
        }
        let system = &stored.message.system;
        let failed_at = failed_at(stored, open);
        let is_of = |flow: &FlowName| open.is_some_and(|open| open.flow.as_ref() == Some(flow));
        let affects = |entity: &EntityRef| open.is_some_and(|open| open.affects.contains(entity));
        let class = open.map(|open| open.class);
        is(&self.system, system)
            && self.flow.as_ref().is_none_or(is_of)
            && self.entity.as_ref().is_none_or(affects)
            && self.class.is_none_or(|wanted| class == Some(wanted))
            && self.since.is_none_or(|since| failed_at >= since)
            && self.until.is_none_or(|until| failed_at < until)
            && self.fault.as_ref().is_none_or(|wanted| {
                *wanted == FaultKey::of(class, system, open.map_or("", |open| open.summary.as_str()))
            })
    }
}

/// Since when a message is failed, as far as its exception tells.
pub fn failed_at(stored: &StoredMessage, open: Option<&Exception>) -> Timestamp {
    open.map_or(stored.message.received_at, |open| open.opened_at)
}

fn is<T: PartialEq>(wanted: &Option<T>, found: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

/// Since when a transmission stands still: its exception was opened in the same commit.
pub fn paused_at(it: &Transmission, open: Option<&Exception>) -> Timestamp {
    open.map_or(it.created_at, |open| open.opened_at)
}

/// What is to be done, before it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPlan {
    /// What is done to each.
    pub action: JobAction,
    /// To which.
    pub filter: JobFilter,
    /// How many in a second.
    pub rate_per_s: NonZeroU32,
    /// Also resume what may have taken effect at a system that honours no key: it may be done twice.
    pub in_doubt: bool,
    /// Who wants it.
    pub by: String,
    /// Kept in the audit records.
    pub reason: String,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// The hub works on it, also after it was restarted.
    Running,
    /// Every one was taken.
    Done,
    /// A person stopped it; what was done stays done.
    Stopped,
}

impl JobState {
    /// The state as people read it.
    pub fn word(self) -> &'static str {
        match self {
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Stopped => "stopped",
        }
    }
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// Grows by one with every step.
    pub version: u64,
    /// What is done to each.
    pub action: JobAction,
    /// To which.
    pub filter: JobFilter,
    /// How many in a second, at most.
    pub rate_per_s: NonZeroU32,
    /// It also resumes what may have taken effect at a system that honours no key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// The plan whose messages it reads anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayId>,
    /// Who started it.
    pub by: String,
    /// Why; kept in every audit record.
    pub reason: String,
    /// How far it is.
    pub state: JobState,
    /// When it was started. It takes what was paused by then.
    pub started_at: Timestamp,
    /// When it was done or stopped.
    pub ended_at: Option<Timestamp>,
    /// Who stopped it.
    pub stopped_by: Option<String>,
    /// How many there were at the start. Fewer are taken when somebody else is quicker.
    pub expected: u64,
    /// How many it was done to.
    pub done: u64,
    /// How many it could not be done to; they are as they were.
    pub refused: u64,
    /// The latest of those.
    pub problems: Vec<JobProblem>,
    /// Everything up to this place was looked at.
    pub cursor: u64,
}

/// One that could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobProblem {
    /// Which transmission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmission: Option<TransmissionId>,
    /// Which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Why.
    pub detail: String,
}

/// The job has ended already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("job {id} is {}: there is nothing to stop", state.word())]
pub struct NotRunning {
    /// The job.
    pub id: JobId,
    /// What it is.
    pub state: JobState,
}

impl Job {
    /// A job that begins now; `expected` fit its filter.
    pub fn start(id: JobId, plan: JobPlan, expected: u64, now: Timestamp) -> Self {
        let JobPlan { action, filter, rate_per_s, in_doubt, by, reason } = plan;
        Self {
            id,
            version: 1,
            action,
            filter,
            rate_per_s,
            in_doubt,
            replay: None,
            by,
            reason,
            state: JobState::Running,
            started_at: now,
            ended_at: None,
            stopped_by: None,
            expected,
            done: 0,
            refused: 0,
            problems: Vec::new(),
            cursor: 0,
        }
    }

    /// Whether a transmission, with the exception that is open for it, is to be taken.
    pub fn takes(&self, it: &Transmission, open: Option<&Exception>) -> bool {
        self.filter.fits(it, open) && paused_at(it, open) <= self.started_at
    }

    /// Whether a message, with the exception that is open for it, is to be taken.
    pub fn takes_message(&self, stored: &StoredMessage, open: Option<&Exception>) -> bool {
        self.filter.fits_message(stored, open) && failed_at(stored, open) <= self.started_at
    }

    /// The job after the transmission at `place` was taken: with `problem` when it could not be done.
    pub fn stepped(&self, place: u64, problem: Option<JobProblem>) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.cursor = place;
        match problem {
            None => next.done += 1,
            Some(problem) => {
                next.refused += 1;
                next.problems.push(problem);
                let surplus = next.problems.len().saturating_sub(PROBLEMS_MAX);
                next.problems.drain(..surplus);
            }
        }
        next
    }

    /// The job when nothing is left to be taken.
    pub fn finished(&self, now: Timestamp) -> Self {
        Self { version: self.version + 1, state: JobState::Done, ended_at: Some(now), ..self.clone() }
    }

    /// The job stopped by a person: what was done stays done.
    ///
    /// # Errors
    /// When it has ended.
    pub fn stopped(&self, by: &str, now: Timestamp) -> Result<Self, NotRunning> {
        if self.state != JobState::Running {
            return Err(NotRunning { id: self.id, state: self.state });
        }
        Ok(Self {
            version: self.version + 1,
            state: JobState::Stopped,
            ended_at: Some(now),
            stopped_by: Some(by.to_owned()),
            ..self.clone()
        })
    }

    /// The time between two steps.
    pub fn pause(&self) -> Duration {
        Duration::from_secs(1) / self.rate_per_s.get()
    }

    /// As it is stored.
    ///
    /// # Errors
    /// Never in practice: every part of it can be written.
    pub fn record(&self) -> Result<Record, serde_json::Error> {
        Ok(Record {
            kind: RecordKind::Job,
            id: self.id.to_string(),
            version: self.version,
            is_open: self.state == JobState::Running,
            about: String::new(),
            body: serde_json::to_string(self)?,
        })
    }

    /// As it was stored.
    ///
    /// # Errors
    /// When it was written by a version that knew more.
    pub fn of_record(record: &Record) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&record.body)
    }
}
