//! Canonical business events: CloudEvents 1.0 whose data follows the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{EventId, FlowName, MessageId, SystemName, TransmissionId};
use crate::model::Told;
use crate::value::Value;

/// The name of an entity: its kind and its business key, written `shipment/281`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Reference {
    pub entity: EntityRef,
    pub system: SystemName,
    /// What kind of id it is at that system: `tracking_number`, `sale.order`, `invoice_number` …
    pub kind: String,
    pub value: String,
}

/// One business fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// What of it was believed, and under which name it came.
    #[serde(default, skip_serializing_if = "Standing::is_plain")]
    pub standing: Standing,
}

impl Event {
    /// The name by which its message spoke of the subject.
    pub fn named(&self) -> &EntityRef {
        self.standing.named.as_ref().unwrap_or(&self.subject)
    }
}

/// How far an event counts. Most count fully.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The name that the message used, when that had been merged into the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<EntityRef>,
    /// What it said of fields for which another system is the system of record: kept, not applied. A map; null when
    /// everything was applied.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub withheld: Value,
    /// Another system is the system of record for what it says happened: it is kept and has no effect at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// It reports what the hub itself wrote into that system: it is kept and has no effect at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub echo: bool,
    /// It was retracted before it came: it is kept and has no effect at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retracted: bool,
    /// The transmission that wrote it, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo_of: Option<TransmissionId>,
}

impl Standing {
    /// It counts fully, under its own name.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// It changed its entity and may have led to transmissions.
    pub fn has_effect(&self) -> bool {
        !self.refused && !self.echo && !self.retracted
    }
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
    /// Grows by one with every event that changed it. 0 means it does not exist yet.
    pub version: u64,
    /// One of the states of its kind; empty until an event sets it.
    pub status: String,
    /// The latest value of each field.
    pub data: Value,
    /// When each type of event first happened to it, by the event's verb.
    #[serde(default)]
    pub milestones: BTreeMap<String, Timestamp>,
    /// When the latest of its events happened.
    pub updated_at: Timestamp,
    /// That event.
    pub last_event: EventId,
    /// What it was merged with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Box<Merge>>,
    /// Which event told which field, and what else the next folding needs.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub told: Told,
}

impl Entity {
    /// The entity that answers in its place, once it was merged into that one.
    pub fn superseded_by(&self) -> Option<&EntityRef> {
        self.merge.as_ref()?.into.as_ref()
    }

    /// The names that were merged into it, in the order in which that happened.
    pub fn absorbed(&self) -> &[EntityRef] {
        self.merge.as_ref().map_or(&[], |merge| &merge.absorbed)
    }
}

/// How an entity is merged with others. Nothing is lost by it: each keeps what is known of it alone, so that a split
/// gives everything back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// It was found to be the same as this one, which answers in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<EntityRef>,
    /// These were merged into it, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<EntityRef>,
    /// What is known of it by its own name alone, while others are merged into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Entity>>,
    /// Fields whose present value came by one of the absorbed names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub from: BTreeMap<String, EntityRef>,
    /// The absorbed name by which its present state came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_from: Option<EntityRef>,
}
