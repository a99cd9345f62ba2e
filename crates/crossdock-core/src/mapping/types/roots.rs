//! The types of the variables that expressions may use: the message, events, what is known of entities, results.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ty::{Field, Format, Held, Number, Object, Presence, Rest, Text, Ty};
use crate::model::shape::Shape;
use crate::model::{self, ENTITIES, EntityKind, EventType, Type};

impl Ty {
    /// `message` of an inbound flow, whose body has this type.
    pub fn message(body: Ty) -> Ty {
        let word = || Ty::of_text(Text { filled: true, ..Text::default() });
        Ty::record([
            ("id", word()),
            ("system", word()),
            ("channel", word()),
            ("received_at", Ty::time()),
            ("headers", Ty::map_of(Ty::text())),
            ("body", body),
        ])
    }

    /// `event` of a flow that waits for these types of event.
    pub fn event(types: &[EventType]) -> Ty {
        let data = types.iter().map(data_of).reduce(|either, data| either.join(&data)).unwrap_or_else(Ty::dynamic);
        let word = || Ty::of_text(Text { filled: true, ..Text::default() });
        Ty::record([
            ("id", word()),
            ("type", Ty::words(types.iter().map(|of| Arc::from(of.name())))),
            ("system", word()),
            ("time", Ty::time()),
            ("recorded_at", Ty::time()),
            ("subject", word()),
            ("first", Ty::bool()),
            ("out_of_order", Ty::bool()),
            ("data", data),
        ])
    }

    /// `linked`: the present state of the entities an event speaks of, by kind.
    pub fn linked() -> Ty {
        let field = |kind: &'static EntityKind| {
            let ty = Ty::record([
                ("key", Ty::of_text(Text { filled: true, key_of: Some(kind.name), ..Text::default() })),
                ("status", Ty::words(kind.states.iter().map(|state| Arc::from(*state)))),
                ("data", object(kind.fields, kind)),
            ]);
            (Arc::from(kind.name), Field { ty, presence: Presence::Likely })
        };
        Ty::map(Object { fields: ENTITIES.iter().map(|kind| field(kind)).collect(), rest: Rest::Closed })
    }

    /// `found` of a mapping with `find`: by name, the key of what was found.
    pub fn found<'n>(rules: impl IntoIterator<Item = (&'n str, Ty)>) -> Ty {
        let field = |ty| Field { ty, presence: Presence::Always };
        let fields = rules.into_iter().map(|(name, ty)| (Arc::from(name), field(ty)));
        Ty::map(Object { fields: fields.collect(), rest: Rest::Closed })
    }

    /// The key of an entity that was looked for by an id of this type. No entity is known by nothing, nor by an empty
    /// text: then there is none.
    pub fn found_by(id: &Ty, kind: &'static EntityKind, may_be_none: bool) -> Ty {
        if id.dynamic {
            return id.clone();
        }
        let filled = id.text.as_ref().is_none_or(|text| text.filled);
        let key = Ty::of_text(Text { filled, key_of: Some(kind.name), ..Text::default() });
        if may_be_none || id.null { key.or_null() } else { key }
    }

    /// `input` or `result` of an operation.
    pub fn of_operation(shape: &Shape) -> Ty {
        match shape.is_any() {
            true => Ty::dynamic(),
            false => plain(shape.fields, if shape.others { Rest::Open } else { Rest::Closed }),
        }
    }

    /// `transmission`, for events made of its result.
    pub fn transmission() -> Ty {
        let word = || Ty::of_text(Text { filled: true, ..Text::default() });
        Ty::record([("id", word()), ("system", word()), ("operation", word()), ("about", word()), ("key", word())])
    }
}

/// The data of an event: as the model has them, with what this type of event requires.
fn data_of(of: &EventType) -> Ty {
    let mut ty = object(of.entity.fields, of.entity);
    if let Some(object) = &mut ty.map {
        let object = Arc::make_mut(object);
        for name in of.entity.key.iter().chain(of.event.requires) {
            if let Some(field) = object.fields.get_mut(*name) {
                field.presence = Presence::Always;
            }
        }
    }
    ty
}

/// What is not required is there as a rule; a flow that reads it stops at what lacks it.
fn object(fields: &'static [model::Field], of: &'static EntityKind) -> Ty {
    let fields: BTreeMap<Arc<str>, Field> = fields
        .iter()
        .map(|field| {
            let presence = if field.required { Presence::Always } else { Presence::Likely };
            let mut ty = of_type(&field.of);
            if let (Some(text), [key]) = (&mut ty.text, of.key)
                && *key == field.name
                && text.key_of.is_none()
            {
                text.key_of = Some(of.name);
                text.filled = true;
            }
            if let (Some(number), Some(model::Measure::Fixed(unit))) = (&mut ty.number, field.measure) {
                number.measure = Some(super::ty::Measure::Unit(unit.into()));
            }
            (Arc::from(field.name), Field { ty, presence })
        })
        .collect();
    Ty::map(Object { fields, rest: Rest::Closed })
}

/// The type that a field of the model gives when it is read.
fn of_type(of: &'static Type) -> Ty {
    let code = || Ty::of_text(Text { filled: true, ..Text::default() });
    match of {
        Type::Text | Type::Binary => Ty::text(),
        Type::Code(words) => Ty::words(words.iter().map(|word| Arc::from(*word))),
        Type::Unit | Type::Currency | Type::Country | Type::Unlocode | Type::Zone | Type::AnyRef => code(),
        Type::Int => Ty::number(Number { whole: true, held: Held::Either, measure: None }),
        Type::Decimal => Ty::number(Number { whole: false, held: Held::Either, measure: None }),
        Type::Bool => Ty::bool(),
        Type::Time => Ty::of_text(Text::of_format(Format::Instant)),
        Type::Date => Ty::of_text(Text::of_format(Format::Date)),
        // A key may have arrived as a number; mappings write texts.
        Type::Ref(kind) => Ty::of_text(Text { filled: true, key_of: Some(kind), ..Text::default() }),
        Type::Any => Ty::dynamic(),
        Type::Object(fields) => plain(fields, Rest::Closed),
        Type::Open(fields) => plain(fields, Rest::Open),
        Type::List(item) => Ty::list(of_type(item), false),
        Type::Attributes => Ty::map(Object { fields: BTreeMap::new(), rest: Rest::Open }),
    }
}

/// The fields of an object inside another.
fn plain(fields: &'static [model::Field], rest: Rest) -> Ty {
    let fields = fields.iter().map(|field| {
        let presence = if field.required { Presence::Always } else { Presence::Likely };
        let mut ty = of_type(&field.of);
        if let (Some(number), Some(model::Measure::Fixed(unit))) = (&mut ty.number, field.measure) {
            number.measure = Some(super::ty::Measure::Unit(unit.into()));
        }
        (Arc::from(field.name), Field { ty, presence })
    });
    Ty::map(Object { fields: fields.collect(), rest })
}
