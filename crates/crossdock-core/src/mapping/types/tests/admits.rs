//! Is a value of a type? The checker never asks; its tests do, of everything that comes out.

use crate::mapping::types::ty::{Format, Held, Presence, Rest, Ty, format_of};
use crate::value::Value;

/// Whether the type has this value.
pub(in crate::mapping) fn admits(ty: &Ty, value: &Value) -> bool {
    if ty.dynamic {
        return true;
    }
    match value {
        Value::Null => ty.null,
        Value::Bool(_) => ty.bool,
        Value::Int(_) => ty.number.as_ref().is_some_and(|number| number.held != Held::Decimal),
        Value::Decimal(decimal) => {
            ty.number.as_ref().is_some_and(|number| number.held != Held::Int && (!number.whole || decimal.is_integer()))
        }
        Value::Text(text) => ty.text.as_ref().is_some_and(|known| {
            let word = known.words.as_ref().is_none_or(|words| words.contains(text));
            let format = matches!(known.format, Format::Unknown | Format::Other) || known.format == format_of(text);
            word && format && (!known.filled || !text.is_empty())
        }),
        Value::Time(_) => ty.time,
        Value::Duration(_) => ty.duration,
        Value::Bytes(_) => ty.bytes,
        Value::List(items) => ty.list.as_ref().is_some_and(|list| {
            (!list.filled || !items.is_empty()) && items.iter().all(|item| admits(&list.item, item))
        }),
        Value::Map(map) => ty.map.as_ref().is_some_and(|object| {
            let listed = object.fields.iter().all(|(name, field)| match map.get(name) {
                Some(value) => admits(&field.ty, value),
                None => field.presence != Presence::Always,
            });
            let others = map.iter().filter(|(name, _)| !object.fields.contains_key(*name));
            listed
                && others.into_iter().all(|(_, value)| match &object.rest {
                    Rest::Closed => false,
                    Rest::Values(ty) => admits(ty, value),
                    Rest::Open | Rest::Sampled => true,
                })
        }),
    }
}
