//! Canonical business events: CloudEvents 1.0 whose data follows the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{EventId, FlowName, MessageId, SystemName};
use crate::value::Value;

/// The name of an entity: its kind and its business key, written `shipment/281`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityRef {
    pub kind: String,
    pub key: String,
}

impl EntityRef {
    pub fn new(kind: impl Into<String>, key: impl Into<String>) -> Self {
        Self { kind: kind.into(), key: key.into() }
    }
}

impl std::fmt::Display for EntityRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

/// Another system's id for an entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    pub entity: EntityRef,
    pub system: SystemName,
    /// What kind of id it is at that system: `tracking_number`, `sale.order`, `invoice_number` …
    pub kind: String,
    pub value: String,
}

/// One business fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    /// `crossdock.<entity>.<past_verb>.v<n>`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The entity it is about (CloudEvents `subject`).
    pub subject: EntityRef,
    /// The system that said so.
    pub system: SystemName,
    /// When it happened in the world (CloudEvents `time`).
    pub time: Timestamp,
    /// When the hub accepted the message that carried it (`recordedtime`).
    pub recorded_at: Timestamp,
    /// The message it was made of (`causationid`).
    pub message: MessageId,
    /// The flow that made it.
    pub flow: FlowName,
    /// It came too late to move its entity's state; kept, but without that effect (I6).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_order: bool,
    /// No event of its type was known for its subject before: what flows that act once wait for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// Every entity the event speaks of, its subject first. Timelines are found by these.
    pub links: Vec<EntityRef>,
    /// Other systems' ids learnt from this event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    pub data: Value,
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    pub position: u64,
    pub event: Event,
}

/// The current state of an entity, folded from its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    #[serde(flatten)]
    pub name: EntityRef,
    /// Grows by one with every event folded in. 0 means it does not exist yet.
    pub version: u64,
    /// One of the states of its kind; empty until an event sets it.
    pub status: String,
    /// The latest value of each field.
    pub data: Value,
    /// When each type of event first happened to it, by the event's verb.
    #[serde(default)]
    pub milestones: BTreeMap<String, Timestamp>,
    pub updated_at: Timestamp,
    pub last_event: EventId,
}
