//! Values: what messages, events, entities and mappings are made of. Numbers are exact (no binary floating point
//! ever), maps keep their order, and a clone costs one reference count. JSON is read and written here; nothing in
//! this room knows what a value means.

mod json_read;
mod json_scan;
mod json_write;
mod macros;
mod map;
pub(crate) mod number;
mod serde_impl;
mod time;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
pub use rust_decimal::Decimal;

pub use json_read::{JsonError, JsonLimits, check_json};
pub use map::Map;
pub use time::{Time, TimeError, zone_named};

/// Any piece of data. Cheap to clone: everything big is shared.
///
/// Equality is by meaning: `Int(1)` equals `Decimal(1.00)`, two times are equal when they are the same instant
/// whatever their offset, and maps are equal whatever the order of their keys.
#[derive(Clone, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    /// Exact, with its trailing zeros: `12.50` stays `12.50`.
    Decimal(Decimal),
    Text(Arc<str>),
    /// An instant with the offset or zone it was written in. JSON has no such type: it is written as RFC 3339 text.
    Time(Time),
    /// A length of time. Written to JSON as an ISO 8601 duration (`PT1H30M`).
    Duration(SignedDuration),
    /// Written to JSON as standard base64.
    Bytes(Arc<[u8]>),
    List(Arc<Vec<Value>>),
    Map(Arc<Map>),
}

impl Value {
    /// A map of the given entries, in their order; a later entry replaces an earlier one of the same key.
    pub fn map<K: Into<Arc<str>>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut map = Map::new();
        for (key, value) in entries {
            map.insert(key, value.into());
        }
        Self::from(map)
    }

    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(Arc::new(items.into_iter().map(Into::into).collect()))
    }

    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The value of `key`, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The value at a dotted path of keys and list positions, such as `stop.items.0.sku`. The empty path is the
    /// value itself. A key that contains a dot cannot be reached this way.
    pub fn at(&self, path: &str) -> Option<&Value> {
        if path.is_empty() {
            return Some(self);
        }
        path.split('.').try_fold(self, |value, step| match value {
            Self::Map(map) => map.get(step),
            Self::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer; a decimal without a fraction (`2.00`) counts as one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Decimal(decimal) => number::decimal_to_int(*decimal),
            _ => None,
        }
    }

    /// The number as a decimal, whether it is held as an integer or a decimal.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Int(int) => Some(Decimal::from(*int)),
            Self::Decimal(decimal) => Some(*decimal),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    pub fn as_time(&self) -> Option<&Time> {
        match self {
            Self::Time(time) => Some(time),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map to change in place, copied first when someone else shares it.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Map(map) => Some(Arc::make_mut(map)),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The kind in the words of a message to a person, with its article.
    pub fn kind_word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::Decimal(_) => "a decimal",
            Self::Text(_) => "a text",
            Self::Time(_) => "a time",
            Self::Duration(_) => "a duration",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// The same value as reading its JSON back would give: times, durations and bytes become their text. What a
    /// mapping produces has this shape, so that an event means the same before and after it was stored.
    pub fn into_json_shape(self) -> Self {
        match self {
            Self::Time(time) => Self::text(time.to_string()),
            Self::Duration(duration) => Self::text(duration.to_string()),
            Self::Bytes(bytes) => Self::text(json_write::base64(&bytes)),
            Self::List(items) if items.iter().any(needs_shaping) => {
                Self::List(Arc::new(items.iter().cloned().map(Self::into_json_shape).collect()))
            }
            Self::Map(map) if map.iter().any(|(_, value)| needs_shaping(value)) => {
                Self::from_iter(map.entries().iter().map(|(key, value)| (key.clone(), value.clone().into_json_shape())))
            }
            other => other,
        }
    }
}

fn needs_shaping(value: &Value) -> bool {
    match value {
        Value::Time(_) | Value::Duration(_) | Value::Bytes(_) => true,
        Value::List(items) => items.iter().any(needs_shaping),
        Value::Map(map) => map.iter().any(|(_, value)| needs_shaping(value)),
        _ => false,
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::Int(a), Self::Decimal(b)) | (Self::Decimal(b), Self::Int(a)) => Decimal::from(*a) == *b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Map(a), Self::Map(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// Shows the JSON text, so that assertions and snapshots read well.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(f, "time({time})"),
            Self::Duration(duration) => write!(f, "duration({duration})"),
            Self::Bytes(bytes) => write!(f, "bytes({})", json_write::base64(bytes)),
            Self::List(items) => f.debug_list().entries(items.iter()).finish(),
            Self::Map(map) => map.fmt(f),
            scalar => f.write_str(&scalar.to_json_string()),
        }
    }
}

/// The JSON text.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json_string())
    }
}

macro_rules! from {
    ($($source:ty => |$it:ident| $make:expr;)*) => {$(
        impl From<$source> for Value {
            fn from($it: $source) -> Self {
                $make
            }
        }
    )*};
}

from! {
    bool => |it| Self::Bool(it);
    i64 => |it| Self::Int(it);
    i32 => |it| Self::Int(it.into());
    u32 => |it| Self::Int(it.into());
    u16 => |it| Self::Int(it.into());
    Decimal => |it| Self::Decimal(it);
    &str => |it| Self::Text(it.into());
    String => |it| Self::Text(it.into());
    &String => |it| Self::Text(it.as_str().into());
    Arc<str> => |it| Self::Text(it);
    Time => |it| Self::Time(it);
    jiff::Timestamp => |it| Self::Time(it.into());
    jiff::Zoned => |it| Self::Time(it.into());
    SignedDuration => |it| Self::Duration(it);
    Vec<Value> => |it| Self::List(Arc::new(it));
    Map => |it| Self::Map(Arc::new(it));
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }
}

impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        Self::map(entries)
    }
}
