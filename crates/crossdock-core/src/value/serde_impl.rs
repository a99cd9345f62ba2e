//! Values inside records. Exact with `serde_json` text in both directions, because numbers travel as raw JSON.
//!
//! Two things serde cannot do exactly are errors or must be avoided: a record enum that is internally tagged, untagged
//! or flattened cannot hold a value (reading it back fails), and `serde_json::to_value` turns decimals into floats.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned};
use serde::ser;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{JsonLimits, Map, Value, json_write};

impl Value {
    /// The value of any serializable thing, through its JSON text.
    pub fn from_serde<T: Serialize + ?Sized>(thing: &T) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_vec(thing)?;
        Self::parse_json(&json, &JsonLimits::OWN).map_err(<serde_json::Error as de::Error>::custom)
    }

    /// Reads any deserializable thing, through the JSON text of this value.
    pub fn to_serde<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.to_json_string())
    }
}

/// Any JSON. What may stand in the data of an event or an entity, the model says.
impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Decimal(decimal) => RawValue::from_string(json_write::plain(*decimal).to_string())
                .map_err(<S::Error as ser::Error>::custom)?
                .serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Time(time) => serializer.collect_str(time),
            Self::Duration(duration) => serializer.collect_str(duration),
            Self::Bytes(bytes) => serializer.serialize_str(&json_write::base64(bytes)),
            Self::List(items) => serializer.collect_seq(items.iter()),
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse_json(raw.get().as_bytes(), &JsonLimits::OWN).map_err(<D::Error as de::Error>::custom)
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Map(map) => Ok(std::sync::Arc::unwrap_or_clone(map)),
            other => Err(<D::Error as de::Error>::custom(format!("expected a map, found {}", other.kind_word()))),
        }
    }
}
