//! `channels` of a system: what is known of the bodies of its messages, from a JSON Schema or from samples.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use crossdock_core::mapping::types::Ty;
use crossdock_core::source::{Diagnostic, Location, Node, Reader};
use crossdock_core::value::{JsonLimits, Value};

use super::folder::Folder;
use super::yaml;

/// Largest schema or sample, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most samples of one channel.
const SAMPLES_MAX: usize = 1_000;

/// The types of the bodies, by channel.
pub type Channels = BTreeMap<String, Channel>;

/// What is known of one channel.
pub struct Channel {
    /// The type of a body; dynamic when what it was to be read from is wrong.
    pub body: Ty,
    /// It was inferred from samples: what they do not show may still come.
    pub from_samples: bool,
}

/// Reads `channels`.
pub fn read(folder: &Folder, system: &Reader<'_>) -> Channels {
    let mut channels = Channels::new();
    let Some(node) = system.node("channels") else { return channels };
    let Some(entries) = node.entries() else {
        let message = format!("`channels` must be a map of channels, not {}", node.kind_word());
        system.mistake(
            Diagnostic::error(&node.location, message)
                .hint("such as `channels: {shipment-update: {samples: [samples/shipment.json]}}`"),
        );
        return channels;
    };
    for entry in entries {
        let reader = Reader::new(&entry.value, "a channel");
        let channel = channel(folder, &entry.value, &reader);
        system.mistakes(reader.finish());
        channels.insert(entry.key.to_string(), channel);
    }
    channels
}

fn channel(folder: &Folder, node: &Node, reader: &Reader<'_>) -> Channel {
    let (schema, samples) = (reader.node("schema"), reader.node("samples"));
    let mut channel = Channel { body: Ty::dynamic(), from_samples: samples.is_some() };
    match (schema, samples) {
        (Some(_), None) => {
            let Some(path) = reader.text("schema") else { return channel };
            let at = schema.map_or(&node.location, |schema| &schema.location);
            match of_schema(folder, path, at) {
                Ok(ty) => channel.body = ty,
                Err(found) => reader.mistakes(found),
            }
        }
        (None, Some(_)) => channel.body = of_samples(folder, reader),
        (Some(_), Some(second)) => reader.mistake(
            Diagnostic::error(&second.location, "a channel has either a `schema` or `samples`")
                .hint("keep the schema: it says more"),
        ),
        (None, None) if node.entries().is_some() => reader.mistake(
            Diagnostic::error(&node.location, "a channel needs a `schema` or `samples`")
                .hint("name a JSON Schema, or files with recorded bodies"),
        ),
        (None, None) => {}
    }
    channel
}

/// `schemas/orders.json`, or a part of it: `schemas/orders.json#/$defs/Order`.
fn of_schema(folder: &Folder, written: &str, at: &Location) -> Result<Ty, Vec<Diagnostic>> {
    let (path, pointer) = written.split_once('#').unwrap_or((written, ""));
    let bytes = bytes_of(folder, path, at).map_err(|mistake| vec![mistake])?;
    let text =
        String::from_utf8(bytes).map_err(|_| vec![Diagnostic::error(at, format!("{path} is not UTF-8 text"))])?;
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        let place = Location::new(path, error.line() as u32, (error.column() as u32).max(1));
        return Err(vec![Diagnostic::error(&place, format!("this is not JSON: {error}"))]);
    }
    // JSON is YAML, whose reader knows where everything stands; it only dislikes tabs.
    let parsed = yaml::parse(path, &text.replace('\t', " "));
    match parsed.node {
        Some(node) if parsed.mistakes.is_empty() => Ty::of_schema(&node, pointer),
        _ => Err(parsed.mistakes),
    }
}

fn of_samples(folder: &Folder, reader: &Reader<'_>) -> Ty {
    let paths = reader.texts("samples");
    let location = reader.node("samples").map_or(reader.location(), |node| &node.location);
    if paths.len() > SAMPLES_MAX {
        reader.mistake(Diagnostic::error(location, format!("a channel has at most {SAMPLES_MAX} samples")));
        return Ty::dynamic();
    }
    if paths.is_empty() {
        reader.mistake(Diagnostic::error(location, "there is no sample").hint("name files with recorded bodies"));
    }
    let mut samples = Vec::with_capacity(paths.len());
    for (path, at) in paths {
        let read = bytes_of(folder, &path, at).and_then(|bytes| {
            Value::parse_json(&bytes, &JsonLimits::default())
                .map_err(|error| Diagnostic::error(at, format!("{path} is not usable JSON: {error}")))
        });
        match read {
            Ok(sample) => samples.push(sample),
            Err(mistake) => reader.mistake(mistake),
        }
    }
    Ty::of_samples(&samples)
}

/// A file inside the hub folder.
fn bytes_of(folder: &Folder, path: &str, at: &Location) -> Result<Vec<u8>, Diagnostic> {
    let inside = !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(Diagnostic::error(at, format!("`{path}` is not a path inside the hub folder"))
            .hint("write it relative to the hub folder, such as schemas/order.json"));
    }
    let full = folder.root.join(path);
    let unreadable = |error: std::io::Error| Diagnostic::error(at, format!("{path} cannot be read: {error}"));
    let metadata = std::fs::metadata(&full).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Diagnostic::error(at, format!("{path} is not a file")));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(Diagnostic::error(at, format!("{path} is larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read(&full).map_err(unreadable)
}
