//! The vocabulary as other programs and people read it: JSON Schemas, an AsyncAPI document and a reference with
//! diagrams. Everything is made of the same tables that check and fold; nothing is written by hand twice.

mod asyncapi;
mod describe;
mod diagram;
mod layout;
mod reference;
mod schema;

pub use describe::{broken_promises, describe, describe_all, fields as describe_fields};
pub use reference::entity_page;
pub use schema::{bundled, common, entity_schema, event_schema};

use super::{ENTITIES, EventType};
use crate::value::Value;

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Below the folder of the reference, with `/`.
    pub path: String,
    pub text: String,
}

/// Every file of the reference, in the order of the tables.
pub fn files() -> Vec<File> {
    let file = |path: String, text: String| File { path, text };
    let mut files = vec![
        file("model.md".to_owned(), reference::index()),
        file("asyncapi.json".to_owned(), pretty(&asyncapi::document())),
        file("schemas/common.json".to_owned(), pretty(&schema::common())),
    ];
    for kind in ENTITIES {
        files.push(file(format!("model/{}.md", kind.name), reference::entity_page(kind)));
        files.extend(diagram::states(kind).map(|svg| file(format!("model/{}.svg", kind.name), svg)));
        files.push(file(format!("schemas/{}.json", kind.name), pretty(&entity_schema(kind))));
    }
    for event in EventType::all() {
        files.push(file(format!("schemas/{}.json", event.name()), pretty(&event_schema(event))));
    }
    files
}

/// JSON as a person reads it, two spaces deep, with a line feed at its end.
pub fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_json_string());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
