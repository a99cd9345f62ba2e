//! Types inferred from sample payloads. What was never seen is not excluded: an unknown field is only a mistake when it
//! looks like a misspelt one, and a field that some samples lack may be absent.

use std::sync::Arc;

use super::ty::{Field, Format, Held, List, Number, Object, Presence, Rest, Text, Ty, format_of, kind};
use crate::value::Value;

impl Ty {
    /// The type that all these samples have. Dynamic when there are none.
    pub fn of_samples<'v>(samples: impl IntoIterator<Item = &'v Value>) -> Ty {
        let joined = samples.into_iter().fold(Ty::never(), |ty, sample| ty.join(&of_one(sample)));
        settled(&joined)
    }
}

fn of_one(value: &Value) -> Ty {
    match value {
        Value::Null => Ty::null(),
        Value::Bool(_) => Ty::bool(),
        Value::Int(_) => Ty::number(Number { whole: true, held: Held::Either, measure: None }),
        Value::Decimal(_) => Ty::number(Number { whole: false, held: Held::Either, measure: None }),
        Value::Text(text) if text.is_empty() => Ty::text(),
        Value::Text(text) => Ty::of_text(Text { filled: true, ..Text::of_format(format_of(text)) }),
        Value::Time(_) => Ty::of_text(Text::of_format(Format::Instant)),
        Value::Duration(_) | Value::Bytes(_) => Ty::text(),
        Value::List(items) => {
            let item = items.iter().fold(Ty::never(), |ty, item| ty.join(&of_one(item)));
            Ty::list(item, false)
        }
        Value::Map(map) => {
            let field = |value| Field { ty: of_one(value), presence: Presence::Always };
            let fields = map.entries().iter().map(|(name, value)| (name.clone(), field(value))).collect();
            Ty::map(Object { fields, rest: Rest::Sampled })
        }
    }
}

/// Of what was only ever null or empty, nothing else is known.
fn settled(ty: &Ty) -> Ty {
    if ty.kinds() & !kind::NULL == 0 {
        return Ty { dynamic: true, ..ty.clone() };
    }
    let list = ty.list.as_ref().map(|list| Arc::new(List { item: settled(&list.item), filled: list.filled }));
    let map = ty.map.as_ref().map(|object| {
        let settle = |field: &Field| Field { ty: settled(&field.ty), presence: field.presence };
        let fields = object.fields.iter().map(|(name, field)| (name.clone(), settle(field))).collect();
        Arc::new(Object { fields, rest: object.rest.clone() })
    });
    Ty { list, map, ..ty.clone() }
}
