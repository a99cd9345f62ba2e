//! What the API answers, as far as the command line shows it. Unknown fields are passed over, so that an older
//! command line can ask a newer hub.

use std::collections::BTreeMap;

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
