//! The canonical vocabulary: what an order, a shipment, a stop … is, which states it has, which events move it.
//! One table per entity; validation, folding and (later) the published schemas all read the same table.

mod check;
mod commerce;
mod fold;
mod movement;
mod place;

use crate::event::EntityRef;
use crate::value::Value;

pub use check::{Violation, check_event, links_of, links_of_entity};
pub use fold::{Folded, fold};

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Any text.
    Text,
    /// One of these words.
    Code(&'static [&'static str]),
    /// A whole number.
    Int,
    /// Exact; written as a JSON number with all its digits.
    Decimal,
    /// True or false.
    Bool,
    /// RFC 3339 with offset.
    Time,
    /// `YYYY-MM-DD`.
    Date,
    /// The key of an entity of this kind. Events link to it.
    Ref(&'static str),
    /// Base64.
    Binary,
    /// An object with these fields.
    Object(&'static [Field]),
    /// A list of one type.
    List(&'static Type),
    /// A map of texts, for what no field has a name for.
    Attributes,
}

/// One field of an entity.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As it is written.
    pub name: &'static str,
    /// What may stand there.
    pub of: Type,
    /// Must be in every object of this kind (for an entity: in every event about it).
    pub required: bool,
    /// Meaning, unit and the standard's name for it.
    pub meaning: &'static str,
}

/// One kind of entity.
#[derive(Debug)]
pub struct EntityKind {
    /// Singular, lower case: `shipment`.
    pub name: &'static str,
    /// The word in event types, when it differs: `pod` for `proof_of_delivery`.
    pub event_word: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
    /// The standard it follows.
    pub standard: &'static str,
    /// Fields whose values, joined with `/`, are the business key.
    pub key: &'static [&'static str],
    /// What may be known of it.
    pub fields: &'static [Field],
    /// What its status may be.
    pub states: &'static [&'static str],
    /// Allowed moves from a state to another.
    pub moves: &'static [(&'static str, &'static str)],
    /// What can happen to it.
    pub events: &'static [EventKind],
}

/// One kind of event.
#[derive(Debug)]
pub struct EventKind {
    /// Past tense: `picked_up`.
    pub verb: &'static str,
    /// Grows when the meaning of its data changes.
    pub version: u32,
    /// The state it moves its entity to.
    pub to: Option<&'static str>,
    /// Fields it must carry besides the key.
    pub requires: &'static [&'static str],
    /// What happened, in one sentence.
    pub meaning: &'static str,
}

/// Every kind of entity, in the order of the reference.
pub const ENTITIES: &[&EntityKind] = &[
    &commerce::CUSTOMER_ACCOUNT,
    &place::LOCATION,
    &commerce::ITEM,
    &commerce::ORDER,
    &movement::SHIPMENT,
    &movement::STOP,
    &movement::PROOF_OF_DELIVERY,
    &commerce::INVOICE,
];

/// An event type with its entity.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// What it is about.
    pub entity: &'static EntityKind,
    /// What happens to that.
    pub event: &'static EventKind,
}

impl EventType {
    /// Finds `crossdock.<entity>.<verb>.v<n>`.
    pub fn find(name: &str) -> Option<EventType> {
        let (entity, rest) = name.strip_prefix("crossdock.")?.split_once('.')?;
        let (verb, version) = rest.rsplit_once(".v")?;
        let version: u32 = version.parse().ok()?;
        let entity = ENTITIES.iter().find(|kind| kind.event_word == entity)?;
        let event = entity.events.iter().find(|event| event.verb == verb && event.version == version)?;
        Some(EventType { entity, event })
    }

    /// The name that `find` finds.
    pub fn name(&self) -> String {
        format!("crossdock.{}.{}.v{}", self.entity.event_word, self.event.verb, self.event.version)
    }

    /// The names of all event types.
    pub fn all() -> impl Iterator<Item = EventType> {
        ENTITIES.iter().flat_map(|entity| entity.events.iter().map(move |event| EventType { entity, event }))
    }
}

impl EntityKind {
    /// Finds a kind by its name.
    pub fn find(name: &str) -> Option<&'static EntityKind> {
        ENTITIES.iter().copied().find(|kind| kind.name == name)
    }

    /// The entity that these data speak of; `None` when a key field is missing.
    pub fn name_of(&self, data: &Value) -> Option<EntityRef> {
        let mut key = String::new();
        for (n, field) in self.key.iter().enumerate() {
            if n > 0 {
                key.push('/');
            }
            key.push_str(&key_text(data.get(field)?)?);
        }
        Some(EntityRef::new(self.name, key))
    }
}

/// A value as part of a business key.
pub fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Decimal(number) => Some(number.normalize().to_string()),
        _ => None,
    }
}

const fn field(name: &'static str, of: Type, meaning: &'static str) -> Field {
    Field { name, of, required: false, meaning }
}

impl Field {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

const fn event(verb: &'static str, to: &'static str, meaning: &'static str) -> EventKind {
    EventKind { verb, version: 1, to: Some(to), requires: &[], meaning }
}

/// An event that tells something without moving the state.
const fn note(verb: &'static str, meaning: &'static str) -> EventKind {
    EventKind { verb, version: 1, to: None, requires: &[], meaning }
}

impl EventKind {
    const fn requires(mut self, fields: &'static [&'static str]) -> Self {
        self.requires = fields;
        self
    }
}

#[cfg(test)]
mod tests;
