//! CloudEvents 1.0 as they arrive over HTTP: structured, in a batch, or binary (attributes in headers). Each becomes a
//! message whose body is one structured event, so that a mapping reads all three alike.

use crossdock_connect::endpoint::{RawRequest, Reject};
use crossdock_core::message::Envelope;
use crossdock_core::value::{Map, Value};
use serde_json::value::RawValue;

use crate::http::answer::excerpt;
use crate::http::inbound::{Identity, UNREADABLE, UNSUPPORTED, bounded, channel_name, json_body, word};

/// Most events in one batch.
pub(super) const BATCH_EVENTS_MAX: usize = 1000;

/// The content type under which every event is kept.
const CONTENT_TYPE: &str = "application/cloudevents+json";

/// Attributes without which something is not a CloudEvent.
const REQUIRED: &[&str] = &["id", "source", "type"];

/// How events lie in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Structured,
    Batch,
    Binary,
}

/// The mode of a request; `None` when it holds no CloudEvents.
///
/// # Errors
/// A format other than JSON.
pub(super) fn mode(request: &RawRequest) -> Result<Option<Mode>, Reject> {
    let media = request.content_type().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (mode, format) = match media.strip_prefix("application/cloudevents") {
        Some(rest) => match rest.strip_prefix("-batch") {
            Some(format) => (Mode::Batch, format),
            None => (Mode::Structured, rest),
        },
        None if request.header("ce-specversion").is_some() => return Ok(Some(Mode::Binary)),
        None => return Ok(None),
    };
    match format {
        "" | "+json" => Ok(Some(mode)),
        other => Err(Reject {
            status: 415,
            code: UNSUPPORTED,
            reason: format!("CloudEvents are read as JSON here, not as {}", excerpt(other.trim_start_matches('+'))),
        }),
    }
}

/// The one event of a structured request, its bytes as they came.
///
/// # Errors
/// What is not JSON or lacks an attribute.
pub(super) fn structured(request: &RawRequest, headers: Vec<(String, String)>) -> Result<Envelope, Reject> {
    let event = json_body(&request.body)?;
    enveloped(&event, request.body.clone(), headers, "the event")
}

/// The events of a batch, each with its own bytes as they came.
///
/// # Errors
/// The first event that is none; then nothing of the batch is accepted.
pub(super) fn batch(request: &RawRequest, headers: &[(String, String)]) -> Result<Vec<Envelope>, Reject> {
    let parsed = json_body(&request.body)?;
    let events = parsed.as_list().ok_or_else(|| unreadable("a batch must be a list of events".into()))?;
    if events.len() > BATCH_EVENTS_MAX {
        let count = events.len();
        let reason = format!("the batch has {count} events; send at most {BATCH_EVENTS_MAX} at a time");
        return Err(Reject { status: 413, code: UNREADABLE, reason });
    }
    let raw: Vec<&RawValue> = serde_json::from_slice(&request.body)
        .map_err(|error| unreadable(format!("the body is not usable: {error}")))?;
    let pairs = events.iter().zip(raw).enumerate();
    pairs
        .map(|(place, (event, raw))| {
            enveloped(event, raw.get().as_bytes().to_vec(), headers.to_vec(), &format!("event {place} of the batch"))
        })
        .collect()
}

/// The event of a binary request: attributes from its headers, the body as its data. The signature of most schemes
/// does not cover those headers, so the request's own id says which message it is when there is one.
///
/// # Errors
/// A missing attribute, or a body that says it is JSON and is not.
pub(super) fn binary(
    request: &RawRequest,
    headers: Vec<(String, String)>,
    identity: Option<Identity<'_>>,
) -> Result<Envelope, Reject> {
    let mut event = Map::new();
    for (name, value) in &request.headers {
        let lower = name.to_ascii_lowercase();
        let Some(attribute) = lower.strip_prefix("ce-") else { continue };
        let is_name = !attribute.is_empty() && attribute.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name && !matches!(attribute, "data" | "datacontenttype") {
            event.insert(attribute, Value::from(decoded(value)));
        }
    }
    let media = request.content_type();
    if !media.is_empty() {
        event.insert("datacontenttype", Value::from(media));
    }
    let is_json = media.is_empty() || media.to_ascii_lowercase().contains("json");
    if !request.body.is_empty() {
        match is_json {
            true => event.insert("data", json_body(&request.body)?),
            false => event.insert("data_base64", Value::Bytes(request.body.clone().into())),
        };
    }
    let event = Value::from(event);
    let body = with_raw_data(&event, &request.body, is_json);
    let mut envelope = enveloped(&event, body, headers, "the event")?;
    if let Some(identity) = identity {
        envelope.dedup_key = identity.key(&request.body);
    }
    Ok(envelope)
}

/// The event's JSON with its data exactly as they came.
fn with_raw_data(event: &Value, data: &[u8], is_json: bool) -> Vec<u8> {
    if !is_json || data.is_empty() {
        return event.to_json_string().into_bytes();
    }
    let mut attributes = event.clone();
    if let Some(map) = attributes.as_map_mut() {
        map.remove("data");
    }
    let mut body = attributes.to_json_string().into_bytes();
    // The attributes are a map with `specversion` at least.
    body.pop();
    body.extend_from_slice(b",\"data\":");
    body.extend_from_slice(data.trim_ascii());
    body.push(b'}');
    body
}

fn enveloped(event: &Value, body: Vec<u8>, headers: Vec<(String, String)>, what: &str) -> Result<Envelope, Reject> {
    let text = |name: &str| event.get(name).and_then(word);
    if text("specversion").is_none_or(|version| !version.starts_with("1.")) {
        return Err(unreadable(format!("{what} is not a CloudEvent: its `specversion` must be 1.0")));
    }
    let mut found = Vec::with_capacity(REQUIRED.len());
    for name in REQUIRED {
        found.push(text(name).ok_or_else(|| unreadable(format!("{what} is not a CloudEvent: it lacks `{name}`")))?);
    }
    // Source and id together name an event; as a list in JSON no two pairs look alike.
    let name = Value::list([found[1].as_str(), found[0].as_str()]).to_json_string();
    Ok(Envelope {
        channel: channel_name(&found[2]),
        dedup_key: bounded("event", &name),
        content_type: CONTENT_TYPE.to_owned(),
        headers,
        body,
    })
}

/// A header's value as the attribute it stands for: quotes off, then one round of percent-decoding.
fn decoded(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let text = match inner {
        Some(inner) => unescaped(inner),
        None => value.to_owned(),
    };
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(hex_byte);
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn unescaped(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            other => out.push(other),
        }
    }
    out
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

fn unreadable(reason: String) -> Reject {
    Reject { status: 400, code: UNREADABLE, reason }
}
