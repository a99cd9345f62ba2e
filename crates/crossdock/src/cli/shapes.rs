//! What the API answers, as far as the command line shows it. Unknown fields are passed over, so that an older
//! command line can ask a newer hub.

use std::collections::BTreeMap;

use crossdock_core::replay::ReplayFigures;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Listing<T> {
    pub items: Vec<T>,
    pub more: bool,
}

#[derive(Debug, Deserialize)]
pub struct Overview {
    pub hub: String,
    pub config: String,
    pub at: Timestamp,
    pub systems: Vec<System>,
    pub events: u64,
    pub messages_waiting: u64,
    pub messages_failed: u64,
    pub transmissions_open: u64,
    pub transmissions_held: u64,
    pub transmissions_paused: u64,
    pub transmissions_done: u64,
    pub exceptions_open: u64,
    pub rejections: u64,
}

#[derive(Debug, Deserialize)]
pub struct System {
    pub name: String,
    pub connector: String,
    pub owner: Option<String>,
    pub paused: Option<String>,
    pub paused_since: Option<Timestamp>,
    pub breaker: String,
    pub messages: BTreeMap<String, u64>,
    pub transmissions: BTreeMap<String, u64>,
    pub last_message_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub struct Message {
    pub id: String,
    pub system: String,
    pub channel: String,
    pub dedup_key: String,
    pub received_at: Timestamp,
    pub body_bytes: u64,
    pub state: String,
    pub events: Option<u64>,
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Transmission {
    pub id: String,
    pub system: String,
    pub operation: String,
    pub about: EntityName,
    pub state: String,
    pub reason: Option<String>,
    pub last_problem: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct EntityName {
    pub kind: String,
    pub key: String,
}

impl std::fmt::Display for EntityName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

#[derive(Debug, Deserialize)]
pub struct Resumed {
    pub transmissions: Vec<String>,
    pub systems: Vec<String>,
    pub refused: Vec<String>,
    #[serde(default)]
    pub left_out: u64,
}

/// What a job does, or would do.
#[derive(Debug, Deserialize)]
pub struct JobAnswer {
    pub preview: JobPreview,
    pub job: Option<Job>,
}

#[derive(Debug, Deserialize)]
pub struct JobPreview {
    pub count: u64,
    pub more: bool,
    pub systems: BTreeMap<String, u64>,
    pub paused_systems: Vec<String>,
    #[serde(default)]
    pub left_out: u64,
    pub examples: Vec<Transmission>,
    #[serde(default)]
    pub messages: Vec<Message>,
    pub seconds: u64,
}

#[derive(Debug, Deserialize)]
pub struct Job {
    pub id: String,
    pub action: String,
    pub state: String,
    pub by: String,
    pub reason: String,
    pub started_at: Timestamp,
    pub expected: u64,
    pub done: u64,
    pub refused: u64,
    pub problems: Vec<JobProblem>,
}

#[derive(Debug, Deserialize)]
pub struct JobProblem {
    pub transmission: Option<String>,
    pub message: Option<String>,
    pub detail: String,
}

impl JobProblem {
    /// The transmission or message.
    pub fn id(&self) -> &str {
        self.transmission.as_deref().or(self.message.as_deref()).unwrap_or_default()
    }
}

/// What cannot go on.
#[derive(Debug, Deserialize)]
pub struct Stuck {
    pub kind: String,
    pub id: String,
    pub system: String,
    pub operation: Option<String>,
    pub channel: Option<String>,
    pub reason: String,
    pub owner: Option<String>,
    pub since: Timestamp,
    pub in_doubt: bool,
    pub affects: Vec<EntityName>,
    pub customer: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Mended {
    pub instead: String,
}

/// A replay plan.
#[derive(Debug, Deserialize)]
pub struct Replay {
    pub id: String,
    pub state: String,
    pub by: String,
    pub reason: String,
    pub planned_at: Timestamp,
    pub config: String,
    pub is_current: bool,
    pub digest: String,
    pub approved: Option<Approval>,
    pub figures: ReplayFigures,
    pub run: Option<Job>,
    #[serde(default)]
    pub items: Vec<ReplayItem>,
}

#[derive(Debug, Deserialize)]
pub struct Approval {
    pub by: String,
}

#[derive(Debug, Deserialize)]
pub struct ReplayItem {
    pub n: u64,
    pub state: String,
    pub detail: Option<String>,
    pub outcome: ReplayOutcome,
}

#[derive(Debug, Deserialize)]
pub struct ReplayOutcome {
    pub message: String,
    pub system: String,
    pub channel: String,
    pub verdict: String,
    pub why: Option<String>,
    pub events: Vec<EventChange>,
    pub effects: Vec<EffectChange>,
}

#[derive(Debug, Deserialize)]
pub struct EventChange {
    pub what: String,
    pub told: Option<EventTold>,
    pub fields: Vec<ValueChange>,
}

#[derive(Debug, Deserialize)]
pub struct EventTold {
    pub r#type: String,
    pub subject: EntityName,
}

#[derive(Debug, Deserialize)]
pub struct ValueChange {
    pub path: String,
    pub before: serde_json::Value,
    pub after: serde_json::Value,
}

#[derive(Debug, Deserialize)]
pub struct EffectChange {
    pub what: String,
    pub system: String,
    pub operation: String,
    pub flow: String,
    pub about: EntityName,
    pub detail: Option<String>,
    pub fields: Vec<ValueChange>,
}

#[derive(Debug, Deserialize)]
pub struct Fault {
    pub fault: String,
    pub class: Option<String>,
    pub system: String,
    pub reason: String,
    pub owner: Option<String>,
    pub count: u64,
    pub since: Timestamp,
}

#[derive(Debug, Deserialize)]
pub struct Trace {
    pub entities: Vec<EntityView>,
    pub entries: Vec<Entry>,
    #[serde(default)]
    pub cut: bool,
}

#[derive(Debug, Deserialize)]
pub struct EntityView {
    #[serde(flatten)]
    pub name: EntityName,
    pub status: String,
    pub updated_at: Timestamp,
    #[serde(default)]
    pub references: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
pub struct Reference {
    pub system: String,
    pub kind: String,
    pub value: String,
}

#[derive(Debug, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    pub step: u8,
    pub mood: String,
    pub system: String,
    pub text: String,
}
