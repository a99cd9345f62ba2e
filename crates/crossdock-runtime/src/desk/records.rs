//! One message, one event: all that is kept of it, and what became of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossdock_core::event::{EntityRef, Event};
use crossdock_core::exception::Exception;
use crossdock_core::ids::{EventId, MessageId, TransmissionId};
use crossdock_core::message::{Message, MessageState, Removed, StoredMessage};
use crossdock_core::routing::fingerprint;
use schemars::JsonSchema;
use serde::Serialize;

use super::overview::{MessageRow, ROWS_MAX, TransmissionRow};
use super::{Desk, DeskError};

/// How much of a body is shown, in bytes; the whole of it is to be had by itself.
const BODY_SHOWN_MAX: usize = 256 * 1024;
/// Events of a message that are looked behind.
const EVENTS_FOLLOWED_MAX: usize = 100;

/// A message with all that became of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MessageView {
    /// What lists show of it.
    #[serde(flatten)]
    pub row: MessageRow,
    /// The media type it came with.
    pub content_type: String,
    /// The headers that were kept. Credentials never are.
    pub headers: Vec<HeaderView>,
    /// The transmission whose result it is.
    pub cause: Option<TransmissionId>,
    /// The body as it came, when it is text; its beginning when it is long.
    pub body: Option<String>,
    /// The body in Base64, when it is no text.
    pub body_base64: Option<String>,
    /// The body is longer than what is shown.
    pub body_cut: bool,
    /// What became of it.
    pub became: Became,
}

/// What became of a message.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Became {
    /// Its events in their order, at most 500.
    pub events: Vec<EventRow>,
    /// What was owed because of them, at most 500.
    pub transmissions: Vec<TransmissionRow>,
    /// The problem that is open for it.
    pub exception: Option<Exception>,
}

/// One header.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HeaderView {
    /// In lower case.
    pub name: String,
    /// `***` when it may be a credential.
    pub value: String,
}

/// One event in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventRow {
    /// The event.
    pub id: EventId,
    /// `crossdock.<entity>.<past verb>.v<n>`.
    pub r#type: String,
    /// What it is about.
    pub subject: EntityRef,
    /// It came too late to move the state of that.
    pub out_of_order: bool,
}

/// An event with what was owed because of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventView {
    /// Its place in the log of events.
    pub position: u64,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// What was owed because of it.
    pub transmissions: Vec<TransmissionRow>,
}

/// A body as it came.
#[derive(Clone, Debug)]
pub struct MessageBody {
    /// The media type it came with.
    pub content_type: String,
    /// Unchanged.
    pub bytes: Vec<u8>,
}

impl Desk {
    /// A message and what became of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn message(&self, id: MessageId) -> Result<Option<MessageView>, DeskError> {
        let Some(stored) = self.store.message(id)? else { return Ok(None) };
        let mut events = self.store.events_of_message(id)?;
        events.truncate(ROWS_MAX);
        let mut transmissions = Vec::new();
        for stored in events.iter().take(EVENTS_FOLLOWED_MAX) {
            let owed = self.store.transmissions_of_event(stored.event.id)?;
            transmissions.extend(owed.into_iter().map(TransmissionRow::from));
        }
        transmissions.truncate(ROWS_MAX);
        let exception = match stored.state {
            MessageState::Failed { .. } => self.store.open_exception(&fingerprint::message(id))?,
            _ => None,
        };
        let (body, body_base64, body_cut) = shown(&stored.message.body);
        Ok(Some(MessageView {
            row: MessageRow::from(&stored),
            content_type: stored.message.content_type.clone(),
            headers: headers(&stored.message),
            cause: stored.message.cause,
            body,
            body_base64,
            body_cut,
            became: Became {
                events: events.into_iter().map(|stored| EventRow::from(stored.event)).collect(),
                transmissions,
                exception,
            },
        }))
    }

    /// The body of a message, whole and unchanged.
    ///
    /// # Errors
    /// When it was removed, or the store cannot be read.
    pub fn message_body(&self, id: MessageId) -> Result<Option<MessageBody>, DeskError> {
        let Some(StoredMessage { message, removed, .. }) = self.store.message(id)? else { return Ok(None) };
        if let Some(Removed { at, bytes, sha256 }) = removed {
            return Err(DeskError::Unknown(format!(
                "the body of message {id} was removed on {} (`retention` in hub.yaml): it had {bytes} bytes, SHA-256 {sha256}",
                at.strftime("%F")
            )));
        }
        Ok(Some(MessageBody { content_type: message.content_type, bytes: message.body }))
    }

    /// An event and what was owed because of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn event(&self, id: EventId) -> Result<Option<EventView>, DeskError> {
        let Some(stored) = self.store.event(id)? else { return Ok(None) };
        let owed = self.store.transmissions_of_event(id)?;
        let transmissions = owed.into_iter().map(TransmissionRow::from).collect();
        Ok(Some(EventView { position: stored.position, event: stored.event, transmissions }))
    }
}

impl From<Event> for EventRow {
    fn from(event: Event) -> Self {
        Self { id: event.id, r#type: event.event_type, subject: event.subject, out_of_order: event.out_of_order }
    }
}

/// Connectors leave credentials out before anything is kept; what looks like one all the same is not shown.
fn headers(message: &Message) -> Vec<HeaderView> {
    const HIDDEN: [&str; 8] =
        ["authorization", "cookie", "token", "secret", "signature", "api-key", "apikey", "password"];
    let is_hidden = |name: &str| HIDDEN.iter().any(|word| name.to_ascii_lowercase().contains(word));
    let view = |(name, value): &(String, String)| HeaderView {
        name: name.clone(),
        value: if is_hidden(name) { "***".to_owned() } else { value.clone() },
    };
    message.headers.iter().map(view).collect()
}

/// As text, or in Base64, and whether it was cut.
fn shown(body: &[u8]) -> (Option<String>, Option<String>, bool) {
    let is_cut = body.len() > BODY_SHOWN_MAX;
    let part = &body[..body.len().min(BODY_SHOWN_MAX)];
    let text = match std::str::from_utf8(part) {
        Ok(text) => Some(text),
        // The cut went through a character.
        Err(error) if is_cut && error.error_len().is_none() => std::str::from_utf8(&part[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match text {
        Some(text) => (Some(text.to_owned()), None, is_cut),
        None => (None, Some(STANDARD.encode(part)), is_cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_as_what_it_is() {
        assert_eq!(shown(b"{}"), (Some("{}".into()), None, false));
        assert_eq!(shown(b"\xff\x00"), (None, Some("/wA=".into()), false));
        let long = "€".repeat(BODY_SHOWN_MAX / 2);
        let (text, None, true) = shown(long.as_bytes()) else { panic!("it is text") };
        assert!(text.is_some_and(|text| text.len() > BODY_SHOWN_MAX - 3 && long.starts_with(&text)));
    }
}
