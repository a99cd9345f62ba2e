//! How two values differ, field by field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// Differences told of one thing at most.
pub const DIFFERENCES_MAX: usize = 200;

/// One field that is another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValueChange {
    /// Where, such as `lines[0].quantity`; empty for the whole.
    pub path: String,
    /// What stood there; null when nothing did.
    pub before: Value,
    /// What stands there now; null when nothing does.
    pub after: Value,
}

/// The fields in which two values differ, in the order in which they stand; the order of fields itself and what is null make
/// no difference. At most [`DIFFERENCES_MAX`].
pub fn differences(before: &Value, after: &Value) -> Vec<ValueChange> {
    let mut found = Vec::new();
    compare("", &before.clone().into_json_shape(), &after.clone().into_json_shape(), &mut found);
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<ValueChange>) {
    if found.len() >= DIFFERENCES_MAX || before == after {
        return;
    }
    if let (Some(one), Some(other)) = (before.as_map(), after.as_map()) {
        let new = other.keys().filter(|name| !one.contains_key(name));
        for name in one.keys().chain(new) {
            let inside = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let value = |of: &crate::value::Map| of.get(name).cloned().unwrap_or_default();
            compare(&inside, &value(one), &value(other), found);
        }
        return;
    }
    if let (Some(one), Some(other)) = (before.as_list(), after.as_list()) {
        for n in 0..one.len().max(other.len()) {
            let value = |of: &[Value]| of.get(n).cloned().unwrap_or_default();
            compare(&format!("{path}[{n}]"), &value(one), &value(other), found);
        }
        return;
    }
    found.push(ValueChange { path: path.to_owned(), before: before.clone(), after: after.clone() });
}
