//! What an entity remembers about its events, so that folding one more needs none of the others: which event told
//! which field and when, when the state was reached, which events were retracted. Nothing here decides anything.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::ids::{EventId, SystemName};
use crate::value::Value;

/// Who told what of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it reached its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_at: Option<Timestamp>,
    /// The events of which a field still stands, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Telling>,
    /// Events that are wrong, be they known already or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retracted: Vec<Retraction>,
    /// Verbs of retracted events that had an effect before: no second one is the first of its type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acted: Vec<String>,
}

/// One event and the fields that it was the last to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// When it happened; of an estimate, when it was made.
    pub at: Timestamp,
    /// What happened.
    pub verb: String,
    pub event: EventId,
    /// Sorted. A field of the attributes is written `attributes/…`.
    pub fields: Vec<Arc<str>>,
}

/// That an event is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Retraction {
    /// When it was declared.
    pub at: Timestamp,
    /// The event that declares it.
    pub by: EventId,
    /// Who declares it. Other systems' events are only wrong when the hub's own id names them.
    pub system: SystemName,
    /// The hub's id of the wrong event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// The partner's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_event_id: Option<String>,
    /// Its type and when it was said to have happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<(String, Timestamp)>,
}

impl Told {
    /// True when there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The event that was the last to tell a field of the entity.
    pub fn of(&self, field: &str) -> Option<&Telling> {
        self.by.iter().find(|telling| telling.fields.binary_search_by(|known| (**known).cmp(field)).is_ok())
    }
}

impl Retraction {
    /// What an event declares wrong; `None` when it declares nothing, or names nothing.
    pub fn of(event: &Event) -> Option<Self> {
        let data = event.data.get("retraction")?;
        let text = |name: &str| data.get(name).and_then(Value::as_text).map(str::to_owned);
        let retraction = Self {
            at: event.time,
            by: event.id,
            system: event.system.clone(),
            event: text("event_id").and_then(|id| id.parse().ok()),
            source_event_id: text("source_event_id"),
            fact: text("event_type").zip(data.get("event_time").and_then(super::check::instant)),
        };
        let names = retraction.event.is_some() || retraction.source_event_id.is_some() || retraction.fact.is_some();
        names.then_some(retraction)
    }

    /// Whether it means this event. A retraction may itself be retracted, but only by a later one: so there is always
    /// one that stands.
    pub fn hits(&self, event: &Event) -> bool {
        if event.id == self.by {
            return false;
        }
        if event.data.get("retraction").is_some() && (event.time, event.id) >= (self.at, self.by) {
            return false;
        }
        if self.event == Some(event.id) {
            return true;
        }
        let own = event.system == self.system;
        let by_id = self
            .source_event_id
            .as_deref()
            .is_some_and(|id| event.data.get("source_event_id").and_then(Value::as_text) == Some(id));
        let by_fact = self.fact.as_ref().is_some_and(|(name, time)| event.event_type == *name && event.time == *time);
        own && (by_id || by_fact)
    }
}
