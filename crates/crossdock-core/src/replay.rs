//! Replay as a plan: which messages are read anew, what that would change, who approved it, how far it is. A plan is drawn up
//! under one configuration and runs under the same. Every message of it is a record of its own, so what was approved can be
//! compared with what a run comes to: when they differ, the message is left alone.
//!
//! Nothing is undone or edited. What was told wrongly is taken back by an event and told rightly by another one.

pub mod difference;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{EntityRef, Event, Reference};
use crate::exception::ExceptionClass;
use crate::ids::{ConfigVersion, EventId, FlowName, JobId, MessageId, ReplayId, SystemName, TransmissionId};
use crate::record::{Record, RecordKind};
use crate::value::Value;

pub use difference::{ValueChange, differences};

/// Messages of one plan at most (I10).
pub const MESSAGES_MAX: usize = 10_000;

/// Which messages; `None` means any. All that is said must fit. Results of the hub's own transmissions are never meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayFilter {
    /// Behind what is known by this key or by any system's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Accepted at this instant or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Accepted before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// From this system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemName>,
    /// That this inbound flow takes, or from which events were made that this outbound flow wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowName>,
    /// With an open exception of this class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ExceptionClass>,
}

impl ReplayFilter {
    /// Nothing is said: every message there is.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// What a replay may owe to systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effects {
    /// Nothing: events only.
    None,
    /// What was never owed before.
    #[default]
    New,
    /// Besides, what took effect with another input: it is done once more, under a key of its own.
    Changed,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayPlan {
    /// The plan.
    pub id: ReplayId,
    /// Grows by one with every change of it.
    pub version: u64,
    /// Which messages were looked for.
    pub which: ReplayFilter,
    /// What it may owe to systems.
    pub effects: Effects,
    /// The configuration under which it was drawn up, and under which alone it runs.
    pub config: ConfigVersion,
    /// When it was drawn up.
    pub planned_at: Timestamp,
    /// Who drew it up.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Somebody else than who drew it up has to approve it.
    pub needs_another: bool,
    /// Who approved it.
    pub approved: Option<Approval>,
    /// The job that runs it, or ran it last.
    pub job: Option<JobId>,
    /// What it would do.
    pub figures: ReplayFigures,
    /// SHA-256 over all its messages' differences, in hex: two plans with the same digest would do the same.
    pub digest: String,
}

/// Somebody agreed to a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What a plan would do, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayFigures {
    /// Messages looked at.
    pub messages: u64,
    /// Of them, those that would change something: these are run.
    pub changing: u64,
    /// Of them, those that cannot be read anew.
    pub failing: u64,
    /// Events that were not there before.
    pub events_new: u64,
    /// Events that are told rightly now.
    pub events_corrected: u64,
    /// Events that are taken back.
    pub events_withdrawn: u64,
    /// Transmissions that would newly be owed.
    pub effects_new: u64,
    /// Transmissions that would be done once more.
    pub effects_repeated: u64,
    /// Transmissions that took effect and are left so.
    pub effects_done: u64,
    /// Of them, those that would be sent otherwise today.
    pub effects_differing: u64,
}

impl ReplayFigures {
    /// Counts one more message.
    pub fn add(&mut self, outcome: &ReplayOutcome) {
        self.messages += 1;
        self.changing += u64::from(outcome.acts());
        self.failing += u64::from(matches!(outcome.verdict, Verdict::Fails(_)));
        for event in &outcome.events {
            match event.what {
                EventVerdict::New => self.events_new += 1,
                EventVerdict::Corrected => self.events_corrected += 1,
                EventVerdict::Withdrawn => self.events_withdrawn += 1,
                EventVerdict::Unchanged => {}
            }
        }
        for effect in &outcome.effects {
            match effect.what {
                EffectVerdict::New => self.effects_new += 1,
                EffectVerdict::Repeated => self.effects_repeated += 1,
                EffectVerdict::Done | EffectVerdict::DoneOtherwise | EffectVerdict::Unwanted => {
                    self.effects_done += 1;
                    self.effects_differing += u64::from(effect.what != EffectVerdict::Done);
                }
                EffectVerdict::Open | EffectVerdict::GivenUp | EffectVerdict::Fails => {}
            }
        }
    }
}

/// One message of a plan, with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayItem {
    /// Its place in the plan, from 1.
    pub n: u64,
    /// Grows by one with every change of it.
    pub version: u64,
    /// How far it is.
    #[serde(flatten)]
    pub state: ItemState,
    /// What reading it anew comes to.
    pub outcome: ReplayOutcome,
}

/// How far one message of a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", content = "detail", rename_all = "snake_case")]
pub enum ItemState {
    /// It was only looked at.
    Planned,
    /// What was planned was done.
    Done,
    /// It was left as it is, for this reason.
    Refused(String),
}

/// What reading a message anew comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayOutcome {
    /// The message.
    pub message: MessageId,
    /// From whom it came.
    pub system: SystemName,
    /// By which channel.
    pub channel: String,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// In a word.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Its events, before and after.
    pub events: Vec<EventChange>,
    /// What is and was owed because of them.
    pub effects: Vec<EffectChange>,
}

/// A replay of one message in a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", content = "why", rename_all = "snake_case")]
pub enum Verdict {
    /// It is read; what that changes is told by events and effects.
    Read,
    /// It cannot be read: nothing would be changed.
    Fails(String),
    /// It is not for a replay.
    Skipped(String),
}

impl ReplayOutcome {
    /// Whether a run changes anything for it.
    pub fn acts(&self) -> bool {
        self.verdict == Verdict::Read
            && (self.events.iter().any(|event| event.what != EventVerdict::Unchanged)
                || self.effects.iter().any(EffectChange::acts))
    }

    /// Whether a run that comes to `other` does what this one says: the same events, and the same newly owed.
    pub fn does_the_same_as(&self, other: &Self) -> bool {
        let owed = |it: &Self| it.effects.iter().filter(|effect| effect.acts()).cloned().collect::<Vec<_>>();
        self.verdict == other.verdict && self.events == other.events && owed(self) == owed(other)
    }
}

/// What becomes of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventVerdict {
    /// It stays as it is.
    Unchanged,
    /// It was not there before.
    New,
    /// It is taken back, and told rightly by another one.
    Corrected,
    /// It is taken back: the message does not tell it any more.
    Withdrawn,
}

/// One event, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventChange {
    /// What becomes of it.
    pub what: EventVerdict,
    /// The event that stands now.
    pub before: Option<EventId>,
    /// The event that will stand.
    pub after: Option<EventId>,
    /// What it tells, or told when it is withdrawn; null when it stays.
    pub told: Option<EventTold>,
    /// The difference, field by field. Of a new event everything is new and nothing is listed.
    pub fields: Vec<ValueChange>,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventTold {
    /// Its type.
    pub r#type: String,
    /// What it is about, by the name that its message used.
    pub subject: EntityRef,
    /// The flow that made it.
    pub flow: FlowName,
    /// When it happened.
    pub time: Timestamp,
    /// Its data, before anything was withheld.
    pub data: Value,
    /// Other systems' ids learnt from it.
    pub references: Vec<Reference>,
}

impl EventTold {
    /// What `event` told, whatever of it was believed.
    pub fn of(event: &Event) -> Self {
        let mut data = event.data.clone().into_json_shape();
        if let (Some(data), Some(withheld)) = (data.as_map_mut(), event.standing.withheld.as_map()) {
            withheld.iter().for_each(|(field, value)| drop(data.insert(field, value.clone().into_json_shape())));
        }
        let mut references = event.references.clone();
        references.sort();
        references.dedup();
        Self {
            r#type: event.event_type.clone(),
            subject: event.named().clone(),
            flow: event.flow.clone(),
            time: event.time,
            data,
            references,
        }
    }
}

/// What becomes of something that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectVerdict {
    /// It is newly owed.
    New,
    /// It took effect with another input and is done once more, under a key of its own.
    Repeated,
    /// It took effect; it is not repeated.
    Done,
    /// It took effect with another input; it is not repeated.
    DoneOtherwise,
    /// It took effect, and would not be owed today; it is not undone.
    Unwanted,
    /// It is on its way or stands still; it is left as it is.
    Open,
    /// A person gave it up; it is left so.
    GivenUp,
    /// Its input cannot be mapped; it is not owed.
    Fails,
}

/// Something owed to a system, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectChange {
    /// What becomes of it.
    pub what: EffectVerdict,
    /// The transmission.
    pub transmission: TransmissionId,
    /// To whom.
    pub system: SystemName,
    /// What is done there.
    pub operation: String,
    /// By which flow.
    pub flow: FlowName,
    /// What it is about.
    pub about: EntityRef,
    /// Where it stands, or why it fails.
    pub detail: Option<String>,
    /// What would be sent; null when it is not repeated.
    pub input: Value,
    /// How that differs from what was sent.
    pub fields: Vec<ValueChange>,
}

impl EffectChange {
    /// Whether a run sends it.
    pub fn acts(&self) -> bool {
        matches!(self.what, EffectVerdict::New | EffectVerdict::Repeated)
    }
}

/// Why a plan cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// Nobody agreed to it.
    #[error("replay plan {0} is not approved: look at it, then `crossdock replay approve {0}`")]
    NotApproved(ReplayId),
    /// It is approved already.
    #[error("replay plan {id} was approved by {by}")]
    Approved {
        /// The plan.
        id: ReplayId,
        /// By whom.
        by: String,
    },
    /// Four eyes are needed.
    #[error("replay plan {id} was drawn up by {by}: the hub's policy wants somebody else to approve it")]
    SamePerson {
        /// The plan.
        id: ReplayId,
        /// Who drew it up.
        by: String,
    },
    /// The hub runs another configuration.
    #[error(
        "replay plan {id} was drawn up under configuration {planned}, and the hub runs {running}: start the hub with that \
         configuration, or plan again"
    )]
    OtherConfig {
        /// The plan.
        id: ReplayId,
        /// Under which it was drawn up.
        planned: ConfigVersion,
        /// Under which the hub runs.
        running: ConfigVersion,
    },
    /// There is nothing to do.
    #[error("replay plan {0} changes nothing")]
    Nothing(ReplayId),
}

impl ReplayPlan {
    /// The plan, approved.
    ///
    /// # Errors
    /// When it is approved already, or somebody else has to do it.
    pub fn approve(&self, by: &str, reason: &str, now: Timestamp) -> Result<Self, NotReady> {
        if let Some(approved) = &self.approved {
            return Err(NotReady::Approved { id: self.id, by: approved.by.clone() });
        }
        if self.needs_another && self.by == by {
            return Err(NotReady::SamePerson { id: self.id, by: self.by.clone() });
        }
        let approved = Some(Approval { by: by.to_owned(), at: now, reason: reason.to_owned() });
        Ok(Self { version: self.version + 1, approved, ..self.clone() })
    }

    /// The plan, run by a job under this configuration.
    ///
    /// # Errors
    /// When it is not approved, was drawn up under another configuration, or changes nothing.
    pub fn run(&self, job: JobId, running: &ConfigVersion) -> Result<Self, NotReady> {
        if self.approved.is_none() {
            return Err(NotReady::NotApproved(self.id));
        }
        if self.config != *running {
            let (planned, running) = (self.config.clone(), running.clone());
            return Err(NotReady::OtherConfig { id: self.id, planned, running });
        }
        if self.figures.changing == 0 {
            return Err(NotReady::Nothing(self.id));
        }
        Ok(Self { version: self.version + 1, job: Some(job), ..self.clone() })
    }

    /// As it is stored.
    ///
    /// # Errors
    /// Never in practice: every part of it can be written.
    pub fn record(&self) -> Result<Record, serde_json::Error> {
        Ok(Record {
            kind: RecordKind::Replay,
            id: self.id.to_string(),
            version: self.version,
            is_open: false,
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

impl ReplayItem {
    /// The id under which the `n`-th message of a plan is stored.
    pub fn key(plan: ReplayId, n: u64) -> String {
        format!("{plan}/{n}")
    }

    /// The item in another state.
    pub fn into_state(self, state: ItemState) -> Self {
        Self { version: self.version + 1, state, ..self }
    }

    /// As it is stored.
    ///
    /// # Errors
    /// Never in practice: every part of it can be written.
    pub fn record(&self, plan: ReplayId) -> Result<Record, serde_json::Error> {
        Ok(Record {
            kind: RecordKind::ReplayItem,
            id: Self::key(plan, self.n),
            version: self.version,
            is_open: false,
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
