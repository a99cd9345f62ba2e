//! The canonical vocabulary: what an order, a shipment, a stop … is, which states it has, which events move it.
//! One table per entity; validation, folding, the published schemas and the reference all read the same table.
//!
//! Rooms: `party` (who and where), `goods` (what), `commerce` (orders), `movement` (shipments), `transport`
//! (contracts, loads, routes, stops), `fleet`, `evidence`, `money`, `trouble`. `table` holds the words in which they
//! are written, `check` and `fold` what is done with them. `codes` are lists that the world keeps, `unit` and `amount`
//! reckon with quantities and money.

pub mod amount;
mod check;
pub mod codes;
mod commerce;
mod evidence;
mod fleet;
mod fold;
mod goods;
mod history;
mod money;
mod movement;
mod party;
mod precedence;
pub mod publish;
pub mod shape;
mod table;
mod told;
mod transport;
mod trouble;
pub mod unit;

use crate::event::EntityRef;
use crate::value::Value;

pub use check::{Violation, check_event, links_of, links_of_entity};
pub(crate) use check::{fits, misfit};
pub use fold::{Folded, fold, needs_refold, refold};
pub use history::{FieldChange, FieldKept, HistoryStep, Refold, pointer_part};
pub use told::{Retraction, Telling, Told};

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Any text.
    Text,
    /// One of these words.
    Code(&'static [&'static str]),
    /// A code of UN/ECE Recommendation 20: `KGM`, `C62`.
    Unit,
    /// A currency of ISO 4217: `EUR`.
    Currency,
    /// A country of ISO 3166-1 alpha-2: `DE`.
    Country,
    /// A place of UN/LOCODE, without a space: `DEHAM`.
    Unlocode,
    /// A time zone of the IANA database: `Europe/Berlin`.
    Zone,
    /// A whole number.
    Int,
    /// Exact; written as a JSON number with all its digits.
    Decimal,
    /// True or false.
    Bool,
    /// RFC 3339 with offset; the IANA zone may follow in brackets (RFC 9557).
    Time,
    /// `YYYY-MM-DD`.
    Date,
    /// The key of an entity of this kind. Events link to it.
    Ref(&'static str),
    /// The name of an entity of any kind, `shipment/281`. Events link to it.
    AnyRef,
    /// Base64.
    Binary,
    /// An object with these fields.
    Object(&'static [Field]),
    /// A list of one type.
    List(&'static Type),
    /// A map of texts, for what no field has a name for.
    Attributes,
    /// An object with these fields and possibly others. Only operations have such.
    Open(&'static [Field]),
    /// Anything that JSON can say. Only operations have such.
    Any,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Always this unit of UN/ECE Recommendation 20.
    Fixed(&'static str),
    /// The unit that the field of this name beside it gives; a piece (C62) when it gives none.
    Beside(&'static str),
    /// An amount in the currency that the field of this name gives, beside it or else in the entity.
    Money(&'static str),
}

/// Which of the four times of logistics an instant is. They are fields of their own and never replace one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    /// What was agreed or scheduled.
    Planned,
    /// What somebody expects.
    Estimated,
    /// What happened.
    Actual,
    /// When a system wrote it down.
    Recorded,
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
    /// Meaning, in a sentence.
    pub meaning: &'static str,
    /// What a number counts; for counts of nothing in particular `None`.
    pub measure: Option<Measure>,
    /// Which of the four times it is, of an instant.
    pub tense: Option<Tense>,
    /// The field inside it that says when it was made; the event's time when `None`. The later one wins.
    pub dated_by: Option<&'static str>,
    /// It belongs to the event that tells it and is not kept with the entity.
    pub of_event: bool,
    /// What the standards call it; empty when they have no word for it.
    pub standard: &'static str,
}

/// One kind of entity.
#[derive(Debug)]
pub struct EntityKind {
    /// Singular, lower case: `shipment`.
    pub name: &'static str,
    /// The word in event types, when it differs: `pod` for `proof_of_delivery`. Two kinds may share one.
    pub event_word: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
    /// How it differs from its neighbours.
    pub differs: &'static str,
    /// The standard it follows.
    pub standard: &'static str,
    /// Fields whose values, joined with `/`, are the business key.
    pub key: &'static [&'static str],
    /// What may be known of it.
    pub fields: &'static [Field],
    /// What its status may be, in order of precedence: a move never leads to the left, except within a circle of
    /// moves. Where two reports contradict each other (cancelled, but picked up), the one further right wins.
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
pub static ENTITIES: &[&EntityKind] = &[
    &party::CUSTOMER_ACCOUNT,
    &party::LOCATION,
    &goods::ITEM,
    &commerce::ORDER,
    &movement::SHIPMENT,
    &transport::CONSIGNMENT,
    &transport::LOAD,
    &transport::ROUTE,
    &transport::STOP,
    &goods::HANDLING_UNIT,
    &evidence::DELIVERY_NOTE,
    &goods::INVENTORY_POSITION,
    &goods::INVENTORY_ADJUSTMENT,
    &fleet::VEHICLE,
    &fleet::DRIVER,
    &fleet::TELEMETRY_POSITION,
    &evidence::PROOF_OF_DELIVERY,
    &money::RATE_CARD,
    &money::CHARGE,
    &money::INVOICE,
    &money::PAYMENT,
    &money::SETTLEMENT,
    &trouble::EXCEPTION,
    &evidence::DOCUMENT,
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
        ENTITIES.iter().filter(|kind| kind.event_word == entity).find_map(|&entity| {
            let event = entity.events.iter().find(|event| event.verb == verb && event.version == version)?;
            Some(EventType { entity, event })
        })
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
            key.push_str(&self.key_part(field, data.get(field)?)?);
        }
        Some(EntityRef::new(self.name, key))
    }

    /// Whether it is an observation: named by the moment at which it was made, so that each is an entity of its own and
    /// several systems that tell of the same thing do not contradict each other.
    pub fn is_observation(&self) -> bool {
        self.key.iter().any(|name| self.field(name).is_some_and(|field| matches!(field.of, Type::Time)))
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// One value of the key. An instant is the same key in whatever offset it is written.
    fn key_part(&self, field: &str, value: &Value) -> Option<String> {
        let is_time = matches!(self.field(field)?.of, Type::Time);
        match is_time.then(|| check::instant(value)).flatten() {
            Some(instant) => Some(instant.to_string()),
            None => key_text(value),
        }
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

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
