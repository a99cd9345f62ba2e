//! The schemes known by name. Each is a row of `presets.json`, written in the form a hub's configuration uses; a new
//! sender is a new row and a line in `docs/guides/webhook-signatures.md`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::signature::spec::{SchemeError, SchemeSpec};

static ROWS: LazyLock<BTreeMap<String, SchemeSpec>> =
    LazyLock::new(|| serde_json::from_str(include_str!("presets.json")).expect("a test reads the table of presets"));

/// Schemes people will ask for that one row cannot describe, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[(
    "shipstation",
    "ShipStation signs with RSA-SHA256 and public keys fetched from its server; use `secret-in-url` or a \
         shared-secret-header on its webhook, and read the shipment again before acting",
)];

/// The names of all presets, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.keys().map(String::as_str)
}

/// The row of a preset.
pub(crate) fn find(name: &str) -> Result<SchemeSpec, SchemeError> {
    if let Some(row) = ROWS.get(name) {
        return Ok(row.clone());
    }
    if let Some((_, why)) = UNSUPPORTED.iter().find(|(other, _)| *other == name) {
        return Err(SchemeError::Unsupported { name: name.to_owned(), why });
    }
    Err(SchemeError::UnknownPreset { name: name.to_owned(), known: names().collect::<Vec<_>>().join(", ") })
}
