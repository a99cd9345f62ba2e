//! `event.notify`: an event as the CloudEvent that is sent (CloudEvents 1.0, structured JSON).

use crossdock_connect::endpoint::InputFault;
use crossdock_core::model::shape::{Shape, other, text};
use crossdock_core::model::{Field, Type};
use crossdock_core::value::{Map, Value};

use crate::http::input::{Input, parse};

/// The content type of what is sent.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// Longest id, in bytes: it travels in a header.
const ID_BYTES_MAX: usize = 255;

/// An event to tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Notification {
    /// `None` for the transmission's own id.
    pub id: Option<String>,
    /// Every other attribute and the data, in the order they are sent.
    attributes: Map,
}

impl Notification {
    /// The body to send.
    pub fn body(&self, id: &str) -> String {
        let mut event = Map::with_capacity(self.attributes.len() + 2);
        event.insert("specversion", Value::from("1.0"));
        event.insert("id", Value::from(id));
        for (name, value) in self.attributes.iter() {
            event.insert(name, value.clone());
        }
        Value::from(event).to_json_string()
    }
}

const EVENT: &[Field] = &[
    text("id", "Travels as `webhook-id`; the transmission's id when absent."),
    text("type", "Its type.").required(),
    text("subject", "What it is about."),
    other("time", Type::Time, "When it happened."),
    other("recorded_at", Type::Time, "When the hub heard of it."),
    text("system", "The system that said so; becomes part of the source."),
    text("source", "The CloudEvents source, in place of the configured one."),
    text("dataschema", "Where the schema of the data is."),
    other("data", Type::Any, "What happened."),
];

pub(super) const INPUT: Shape =
    Shape::of(&[
        other("event", Type::Open(EVENT), "The event; further fields become CloudEvents attributes.").required()
    ]);

/// Reads `{event: {id, type, subject, time, data, …}}`. An event as flows see it is taken whole: `system` becomes part
/// of the CloudEvents `source`, `recorded_at` the extension `recordedtime`.
///
/// # Errors
/// Every fault at once.
pub(super) fn read(input: &Value, source: &str) -> Result<Notification, Vec<InputFault>> {
    parse(input, |input| {
        input.required("event");
        input.inner("event", |event| notification(event, source))
    })
}

fn notification(event: &Input<'_>, source: &str) -> Option<Notification> {
    let mut attributes = Map::new();
    let id = event.optional_key("id");
    if let Some(id) = &id
        && (id.len() > ID_BYTES_MAX || !id.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        event.fault("id", format!("must be at most {ID_BYTES_MAX} bytes of visible ASCII: it travels as `webhook-id`"));
    }
    let event_type = event.text("type");
    let system = event.optional_text("system");
    let own_source = match &system {
        Some(system) => format!("{source}/systems/{system}"),
        None => source.to_owned(),
    };
    put(
        &mut attributes,
        "source",
        Some(event.optional_text("source").filter(|text| !text.is_empty()).unwrap_or(own_source)),
    );
    put(&mut attributes, "type", event_type);
    put(&mut attributes, "subject", event.optional_key("subject"));
    put(&mut attributes, "time", event.optional_time("time").map(|time| time.to_string()));
    put(&mut attributes, "recordedtime", event.optional_time("recorded_at").map(|time| time.to_string()));
    put(&mut attributes, "dataschema", event.optional_text("dataschema"));
    let data = event.value("data").cloned();
    for (name, value) in event.others() {
        match extension(name, value) {
            Ok(value) => {
                attributes.insert(name, value);
            }
            Err(problem) => event.fault_at(event.path_of(name), problem),
        }
    }
    if let Some(data) = data {
        put(&mut attributes, "datacontenttype", Some("application/json"));
        attributes.insert("data", data.into_json_shape());
    }
    Some(Notification { id, attributes })
}

/// An attribute of the sender's own. CloudEvents knows texts, flags and 32-bit integers, under names of a–z and 0–9.
fn extension(name: &str, value: &Value) -> Result<Value, String> {
    if matches!(name, "specversion" | "datacontenttype" | "data_base64") {
        return Err("is set by the hub".into());
    }
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err("is not a CloudEvents attribute: those are named with a-z and 0-9 only; put it into `data`".into());
    }
    match value {
        Value::Text(_) | Value::Bool(_) => Ok(value.clone()),
        Value::Int(number) if i32::try_from(*number).is_ok() => Ok(value.clone()),
        Value::Time(time) => Ok(Value::from(time.to_string())),
        other => Err(format!(
            "must be a text, true or false, or a whole number of 32 bits to be an attribute, but it is {}; put it into `data`",
            other.kind_word()
        )),
    }
}

fn put(map: &mut Map, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key, value.into());
    }
}
