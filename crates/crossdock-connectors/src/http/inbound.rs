//! From a request to messages, shared by every connector that takes webhooks: probes are answered, the sender is
//! verified on the raw bytes, only then the body is read, and every message gets the key by which a repetition is
//! known. The rules for that key stand at [`Identity`].

use crossdock_connect::endpoint::{RawRequest, Reject};
use crossdock_connect::signature::Verified;
use crossdock_core::message::Envelope;
use crossdock_core::value::{JsonError, JsonLimits, Value, check_json};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::proof::Proof;

/// Longest dedup key, in bytes. Longer ones are told apart by their SHA-256.
const KEY_BYTES_MAX: usize = 255;
/// Longest channel made of a header or field, in bytes; the rest is cut off.
const CHANNEL_BYTES_MAX: usize = 100;

/// The code of a request whose body is not what it should be.
pub(crate) const UNREADABLE: &str = "XD-1020";
/// The code of a request in a form that is not read here.
pub(crate) const UNSUPPORTED: &str = "XD-1021";

/// What a request is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrival {
    /// A sender asks whether somebody is there. It brings nothing and is not verified.
    Probe,
    /// The request is the sender's own.
    Message(Verified),
}

/// Answers probes and verifies everything else.
///
/// # Errors
/// A method that brings no message, a request that does not verify, a body that is compressed.
pub(crate) fn arrival(proof: &Proof, request: &RawRequest, now: Timestamp) -> Result<Arrival, Reject> {
    let method = request.method.as_str();
    if method == "HEAD" {
        return Ok(Arrival::Probe);
    }
    if method != "POST" {
        let reason = format!("webhooks come by POST here, not by {}", super::answer::excerpt(method));
        return Err(Reject { status: 405, code: "XD-1004", reason });
    }
    let verified = proof.verify(request, now)?;
    match request.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => Ok(Arrival::Message(verified)),
        Some(coding) => Err(Reject {
            status: 415,
            code: UNSUPPORTED,
            reason: format!("send the body as it is, without Content-Encoding {}", super::answer::excerpt(coding)),
        }),
    }
}

/// The body as JSON.
///
/// # Errors
/// `XD-1020` with the place of what is wrong.
pub(crate) fn json_body(body: &[u8]) -> Result<Value, Reject> {
    read_json(body, Value::parse_json)
}

/// That the body is JSON, for connectors that need nothing out of it at the door.
///
/// # Errors
/// Those of [`json_body`].
pub(crate) fn is_json_body(body: &[u8]) -> Result<(), Reject> {
    read_json(body, check_json)
}

fn read_json<T>(body: &[u8], read: fn(&[u8], &JsonLimits) -> Result<T, JsonError>) -> Result<T, Reject> {
    let unreadable = |reason: String| Reject { status: 400, code: UNREADABLE, reason };
    if body.trim_ascii().is_empty() {
        return Err(unreadable("the body is empty; JSON is expected".into()));
    }
    read(body, &JsonLimits::default()).map_err(|error| unreadable(format!("the body is not usable: {error}")))
}

/// The content type under which a body that was read as JSON is kept: what the sender said, unless that denies it.
pub(crate) fn json_content_type(request: &RawRequest) -> String {
    let given = request.content_type();
    match given.to_ascii_lowercase().contains("json") {
        true => given.to_owned(),
        false => "application/json".to_owned(),
    }
}

/// How a second copy of a message is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity<'a> {
    /// An id that nobody but the sender can have written: it is under the signature, or it is in a body that is. Equal
    /// ids are the same message, different ids are different messages even when their bodies are equal.
    Proven(&'a str),
    /// An id in a header that nothing protects. It counts only together with the body: equal bodies under different
    /// ids stay different messages, and a used id does not hide another body. What it cannot keep out is a recorded
    /// request sent again under an invented id; where each body is unique by itself, [`Identity::Body`] does.
    Claimed(&'a str),
    /// The body alone: for senders without ids, and for facts that say themselves which fact they are. A repetition
    /// has the same bytes.
    Body,
}

impl Identity<'_> {
    /// The key, unique per message of one system.
    pub fn key(self, body: &[u8]) -> String {
        match self {
            Identity::Proven(id) => bounded("id", id),
            // Half of the digest is plenty to tell the bodies under one id apart.
            Identity::Claimed(id) => format!("{}+{}", bounded("id", id), &hex(body)[..32]),
            Identity::Body => format!("body:{}", hex(body)),
        }
    }
}

/// `kind:id`, or the id's digest when it is too long for a key.
pub(crate) fn bounded(kind: &str, id: &str) -> String {
    match kind.len() + id.len() + 40 <= KEY_BYTES_MAX {
        true => format!("{kind}:{id}"),
        false => format!("{kind}:sha256:{}", hex(id.as_bytes())),
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A message of this request with this body.
pub(crate) fn envelope(
    proof: &Proof,
    request: &RawRequest,
    channel: String,
    identity: Identity<'_>,
    content_type: String,
) -> Envelope {
    Envelope {
        channel,
        dedup_key: identity.key(&request.body),
        content_type,
        headers: proof.kept_headers(request),
        body: request.body.clone(),
    }
}

/// A sender's name of a kind of message as a channel: lower case, words joined by hyphens. `Shipment Update`,
/// `INVENTORY_UPDATE`, `GeofenceEntry` and `orders/create` become `shipment-update`, `inventory-update`,
/// `geofence-entry` and `orders-create`.
pub(crate) fn channel_name(text: &str) -> String {
    let chars: Vec<char> = text.chars().take(CHANNEL_BYTES_MAX).collect();
    let mut name = String::with_capacity(chars.len() + 8);
    for (at, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            separate(&mut name);
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let starts_word = c.is_uppercase()
            && match before {
                Some(before) if before.is_uppercase() => chars.get(at + 1).is_some_and(|next| next.is_lowercase()),
                Some(before) => before.is_alphanumeric(),
                None => false,
            };
        if starts_word {
            separate(&mut name);
        }
        name.extend(c.to_lowercase());
    }
    let mut end = name.len().min(CHANNEL_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].trim_end_matches('-').to_owned()
}

fn separate(name: &mut String) {
    if !name.is_empty() && !name.ends_with('-') {
        name.push('-');
    }
}

/// A header or field as an id or channel: a text that is not empty, or a whole number.
pub(crate) fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}
