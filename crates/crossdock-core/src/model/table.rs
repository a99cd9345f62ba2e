//! The words in which the tables of this room are written: short constructors of fields and events, so that a table
//! reads like the page it becomes. Nothing here knows an entity.

use super::{EventKind, Field, Measure, Tense, Type};

const fn field(name: &'static str, of: Type, meaning: &'static str) -> Field {
    Field {
        name,
        of,
        required: false,
        meaning,
        measure: None,
        tense: None,
        dated_by: None,
        of_event: false,
        standard: "",
    }
}

/// A text.
pub const fn text(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Text, meaning)
}

/// A list of texts.
pub const fn texts(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::List(&Type::Text), meaning)
}

/// One of these words.
pub const fn code(name: &'static str, words: &'static [&'static str], meaning: &'static str) -> Field {
    field(name, Type::Code(words), meaning)
}

/// A whole number.
pub const fn int(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Int, meaning)
}

/// An exact number.
pub const fn decimal(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Decimal, meaning)
}

/// True or false.
pub const fn boolean(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Bool, meaning)
}

/// A date without a time.
pub const fn date(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Date, meaning)
}

/// What is to happen at a time.
pub(super) const fn planned(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Time, meaning).in_tense(Tense::Planned)
}

/// What somebody expects to happen at a time.
pub(super) const fn estimated(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Time, meaning).in_tense(Tense::Estimated)
}

/// What did happen at a time.
pub(super) const fn actual(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Time, meaning).in_tense(Tense::Actual)
}

/// When a system wrote something down.
pub(super) const fn recorded(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Time, meaning).in_tense(Tense::Recorded)
}

/// A unit, as a code of UN/ECE Recommendation 20.
pub(super) const fn unit(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Unit, meaning)
}

/// The currency of the amounts beside it.
pub(super) const fn currency(meaning: &'static str) -> Field {
    field("currency", Type::Currency, meaning)
}

/// A country, as a code of ISO 3166-1 alpha-2.
pub const fn country(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Country, meaning)
}

/// An amount in the currency that the field `currency` beside it names, or that of the entity around it.
pub(super) const fn amount(name: &'static str, meaning: &'static str) -> Field {
    decimal(name, meaning).measured(Measure::Money("currency"))
}

/// A quantity in the unit that the field `uom` beside it names; a piece (C62) when there is none.
pub(super) const fn quantity(name: &'static str, meaning: &'static str) -> Field {
    decimal(name, meaning).measured(Measure::Beside("uom"))
}

/// A quantity in one unit, a code of UN/ECE Recommendation 20.
pub const fn measured(name: &'static str, unit: &'static str, meaning: &'static str) -> Field {
    decimal(name, meaning).measured(Measure::Fixed(unit))
}

pub(super) const fn link(name: &'static str, kind: &'static str, meaning: &'static str) -> Field {
    field(name, Type::Ref(kind), meaning)
}

/// The name of any entity, `shipment/281`.
pub(super) const fn any_link(name: &'static str, meaning: &'static str) -> Field {
    field(name, Type::AnyRef, meaning)
}

/// An object with these fields and no others.
pub const fn object(name: &'static str, fields: &'static [Field], meaning: &'static str) -> Field {
    field(name, Type::Object(fields), meaning)
}

/// A list of anything but texts.
pub const fn list(name: &'static str, of: &'static Type, meaning: &'static str) -> Field {
    field(name, Type::List(of), meaning)
}

/// A field of any other type.
pub const fn other(name: &'static str, of: Type, meaning: &'static str) -> Field {
    field(name, of, meaning)
}

impl Field {
    /// Must be in every object of its kind.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What the standard calls it.
    pub(super) const fn standard(mut self, name: &'static str) -> Self {
        self.standard = name;
        self
    }

    /// An estimate says itself when it was made.
    pub(super) const fn dated_by(mut self, field: &'static str) -> Self {
        self.dated_by = Some(field);
        self
    }

    /// It belongs to the event that tells it, not to the entity.
    pub(super) const fn of_event(mut self) -> Self {
        self.of_event = true;
        self
    }

    const fn measured(mut self, measure: Measure) -> Self {
        self.measure = Some(measure);
        self
    }

    const fn in_tense(mut self, tense: Tense) -> Self {
        self.tense = Some(tense);
        self
    }
}

/// An event that moves its entity to a state.
pub(super) const fn event(verb: &'static str, to: &'static str, meaning: &'static str) -> EventKind {
    EventKind { verb, version: 1, to: Some(to), requires: &[], meaning }
}

/// An event that tells something without moving the state.
pub(super) const fn note(verb: &'static str, meaning: &'static str) -> EventKind {
    EventKind { verb, version: 1, to: None, requires: &[], meaning }
}

impl EventKind {
    /// Fields without which the event says nothing.
    pub(super) const fn requires(mut self, fields: &'static [&'static str]) -> Self {
        self.requires = fields;
        self
    }
}

/// How an event says that an earlier one is wrong, after the error declaration of GS1 EPCIS 2.0 and the retraction of
/// DCSA: the earlier event is never edited, it loses its effect.
const RETRACTION: &[Field] = &[
    code("reason", &["did_not_occur", "incorrect_data"], "Why: it never happened, or it happened otherwise.")
        .required()
        .standard("EPCIS errorDeclaration.reason"),
    text("event_id", "The hub's id of the wrong event.").standard("EPCIS eventID; DCSA retracted event id"),
    text("source_event_id", "The partner's own id of it, as it stood in `source_event_id` then."),
    text("event_type", "Its type, `crossdock.shipment.delivered.v1`, where it has no id; together with `event_time`."),
    other("event_time", Type::Time, "When the wrong event said that it happened."),
    texts("corrected_by", "Ids of the events that tell it rightly: the hub's or the partner's.")
        .standard("EPCIS errorDeclaration.correctiveEventIDs"),
    text("remarks", "Free text."),
];

/// Fields that every event of every entity may carry.
pub(super) const SOURCE_EVENT_ID: Field =
    text("source_event_id", "The partner's own id of this event, by which it may be retracted.")
        .of_event()
        .standard("EPCIS eventID; DCSA eventID");
pub(super) const RETRACTED: Field =
    object("retraction", RETRACTION, "Which earlier event about this entity is wrong, and why.").of_event();
pub(super) const ATTRIBUTES: Field =
    other("attributes", Type::Attributes, "What no field has a name for.").standard("OTM externalAttributes");

/// What can happen to every entity: an earlier event about it turns out wrong.
pub(super) const EVENT_RETRACTED: EventKind =
    note("event_retracted", "An earlier event about it was wrong; it is kept, but has no effect any more.")
        .requires(&["retraction"]);

/// The fields of an entity: its own and those that every entity has.
macro_rules! fields {
    ($($field:expr),* $(,)?) => {
        &[$($field,)* $crate::model::table::ATTRIBUTES, $crate::model::table::SOURCE_EVENT_ID,
          $crate::model::table::RETRACTED]
    };
}

/// The events of an entity: its own and those that every entity has.
macro_rules! events {
    ($($event:expr),* $(,)?) => {
        &[$($event,)* $crate::model::table::EVENT_RETRACTED]
    };
}

pub(super) use {events, fields};
