//! What a test gives besides its input: the clock, what is known beforehand, and a request as a system sends it.

use std::collections::BTreeMap;

use crossdock_core::event::{Entity, EntityRef, Reference};
use crossdock_core::ids::EventId;
use crossdock_core::model::{ENTITIES, EntityKind, Told};
use crossdock_core::source::{Diagnostic, Entry, Node, Reader, nearest};
use crossdock_core::value::Value;
use jiff::Timestamp;
use uuid::Uuid;

use super::{NOW, read_bytes, value_of};
use crate::config::folder::{File, Folder};

/// A request as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Default `POST`.
    pub method: String,
    /// Behind `/in/<system>/`.
    pub channel: String,
    /// As the sender addressed it; made of system and channel when absent.
    pub url: Option<String>,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What the sender signed with, in place of the configured secret.
    pub secret: Option<String>,
}

/// Reads an instant.
pub fn instant(key: &'static str, reader: &Reader<'_>) -> Option<Timestamp> {
    let text = reader.optional_text(key)?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let at = reader.node(key).map_or(reader.location(), |node| &node.location);
        reader.mistake(
            Diagnostic::error(at, format!("`{key}` must be a date-time with an offset"))
                .hint("such as 2026-03-02T09:15:00Z"),
        );
    }
    parsed
}

/// What is known beforehand.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub entities: Vec<Entity>,
    /// Other systems' ids of them.
    pub references: Vec<Reference>,
}

/// Reads `known`: entities by `kind/key`.
pub fn known(node: &Node, at: Option<Timestamp>, reader: &Reader<'_>) -> Known {
    let Some(entries) = node.entries() else {
        reader.mistake(
            Diagnostic::error(&node.location, "`known` must be a map of entities")
                .hint("such as `known: {shipment/281: {status: in_transit, data: {order: S00042}}}`"),
        );
        return Known::default();
    };
    let mut known = Known::default();
    for entry in entries {
        known.entities.extend(entity(entry, at, &mut known.references, reader));
    }
    known
}

fn entity(
    entry: &Entry,
    at: Option<Timestamp>,
    references: &mut Vec<Reference>,
    reader: &Reader<'_>,
) -> Option<Entity> {
    let told = |message: String| Diagnostic::error(&entry.key_location, message);
    let Some((kind, key)) = entry.key.split_once('/') else {
        reader.mistake(
            told(format!("`{}` is not the name of an entity", entry.key))
                .hint("write `kind/key`, such as shipment/281"),
        );
        return None;
    };
    let Some(kind) = EntityKind::find(kind) else {
        let known: Vec<&str> = ENTITIES.iter().map(|kind| kind.name).collect();
        let mistake = told(format!("there is no kind of entity `{kind}`"));
        reader.mistake(match nearest(kind, known.iter().copied()) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None => mistake.hint(format!("there are {}", known.join(", "))),
        });
        return None;
    };
    let from = Reader::new(&entry.value, "a known entity");
    let states: Vec<(&str, &str)> = kind.states.iter().map(|state| (*state, *state)).collect();
    let status = from.choice("status", &states).unwrap_or_default().to_owned();
    let updated_at = instant("updated_at", &from).or(at).unwrap_or_else(now);
    let happened = from.node("happened").map(|node| happened(node, kind, updated_at, &from)).unwrap_or_default();
    let data = from.node("data").map_or_else(|| Value::map([] as [(&str, Value); 0]), value_of);
    if data.as_map().is_none() {
        from.mistake(Diagnostic::error(&entry.value.location, "`data` of a known entity must be a map of its fields"));
    }
    let name = EntityRef::new(kind.name, key);
    if let Some(node) = from.node("references") {
        references.extend(references_of(&name, node, &from));
    }
    reader.mistakes(from.finish());
    Some(Entity {
        name,
        version: 1,
        status,
        data,
        milestones: happened,
        updated_at,
        last_event: EventId(Uuid::nil()),
        merge: None,
        told: Told::default(),
    })
}

/// Reads the ids that systems have for a known entity.
fn references_of(entity: &EntityRef, node: &Node, reader: &Reader<'_>) -> Vec<Reference> {
    let Some(items) = node.items() else {
        reader.mistake(
            Diagnostic::error(&node.location, "`references` of a known entity must be a list")
                .hint("such as `references: [{system: odoo, kind: res.partner, value: 42}]`"),
        );
        return Vec::new();
    };
    let mut references = Vec::new();
    for item in items {
        let from = Reader::new(item, "a reference");
        let (system, kind, value) = (from.text("system"), from.text("kind"), from.text("value"));
        reader.mistakes(from.finish());
        if let (Some(system), Some(kind), Some(value)) = (system, kind, value) {
            let (kind, value) = (kind.to_owned(), value.to_owned());
            references.push(Reference { entity: entity.clone(), system: system.into(), kind, value });
        }
    }
    references
}

/// What happened to an entity before: verbs of its events, or a map of them with their times.
fn happened(node: &Node, kind: &EntityKind, otherwise: Timestamp, reader: &Reader<'_>) -> BTreeMap<String, Timestamp> {
    let mut happened = BTreeMap::new();
    let mut add = |verb: &str, node: &Node, at: Option<Timestamp>| {
        if !kind.events.iter().any(|event| event.verb == verb) {
            let known: Vec<&str> = kind.events.iter().map(|event| event.verb).collect();
            let mistake = Diagnostic::error(&node.location, format!("{} has no event `{verb}`", kind.name));
            reader.mistake(mistake.hint(format!("it has {}", known.join(", "))));
        }
        happened.insert(verb.to_owned(), at.unwrap_or(otherwise));
    };
    match (node.entries(), node.items()) {
        (Some(entries), _) => entries
            .iter()
            .for_each(|entry| add(&entry.key, &entry.value, entry.value.text().and_then(|text| text.parse().ok()))),
        (None, Some(items)) => items.iter().for_each(|item| add(item.text().unwrap_or_default(), item, None)),
        (None, None) => add(node.text().unwrap_or_default(), node, None),
    }
    happened
}

/// Reads `request`.
pub fn request(folder: &Folder, file: &File, node: &Node, outer: &Reader<'_>) -> Option<Request> {
    let reader = Reader::new(node, "`request`");
    let text = |key| reader.optional_text(key).map(str::to_owned);
    let (method, channel) = (text("method"), text("channel"));
    let (url, secret) = (text("url"), text("secret"));
    let (headers, query) = (pairs("headers", &reader), pairs("query", &reader));
    let body = match (reader.node("body"), reader.node("body_file")) {
        (Some(body), None) => Some(match value_of(body) {
            Value::Text(text) => text.as_bytes().to_vec(),
            Value::Null => Vec::new(),
            other => other.to_json_string().into_bytes(),
        }),
        (None, Some(path)) => match path.text().map(|text| read_bytes(folder, file, text, &path.location)) {
            Some(Ok(bytes)) => Some(bytes),
            Some(Err(mistake)) => {
                reader.mistake(mistake);
                None
            }
            None => {
                reader.mistake(Diagnostic::error(&path.location, "`body_file` must be a path"));
                None
            }
        },
        (None, None) => Some(Vec::new()),
        (Some(_), Some(path)) => {
            reader.mistake(Diagnostic::error(&path.location, "`body` and `body_file` exclude each other"));
            None
        }
    };
    outer.mistakes(reader.finish());
    Some(Request {
        method: method.unwrap_or_else(|| "POST".to_owned()),
        channel: channel.unwrap_or_default(),
        url,
        query,
        headers: headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
        body: body?,
        secret,
    })
}

fn pairs(key: &'static str, reader: &Reader<'_>) -> Vec<(String, String)> {
    let Some(node) = reader.node(key) else { return Vec::new() };
    let Some(entries) = node.entries() else {
        reader.mistake(Diagnostic::error(&node.location, format!("`{key}` must be a map of texts")));
        return Vec::new();
    };
    entries.iter().map(|entry| (entry.key.to_string(), entry.value.text().unwrap_or_default().to_owned())).collect()
}

/// The time at which everything happens that says nothing else.
pub fn now() -> Timestamp {
    NOW.parse().expect("it is written as a timestamp")
}
