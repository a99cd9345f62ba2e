//! What arrived, raw and unchanged, with its dedup key and what became of it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{ExceptionId, MessageId, SystemName, TransmissionId};

/// One message, kept exactly as it was received.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub system: SystemName,
    /// Which of the system's channels it came by: a webhook path, a polled model, or [`RESULT_CHANNEL`].
    pub channel: String,
    /// Unique per system: a second message with the same key has no effect (I2).
    pub dedup_key: String,
    pub received_at: Timestamp,
    pub content_type: String,
    /// Header names in lower case; credentials are left out.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The transmission whose result this is, for messages the hub writes to itself.
    pub cause: Option<TransmissionId>,
}

/// The channel of messages in which a finished transmission tells its result to the router.
pub const RESULT_CHANNEL: &str = "result";

/// What a connector makes of what it received: a message without the hub's own id and clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub channel: String,
    pub dedup_key: String,
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Envelope {
    pub fn into_message(self, id: MessageId, system: SystemName, received_at: Timestamp) -> Message {
        Message {
            id,
            system,
            channel: self.channel,
            dedup_key: self.dedup_key,
            received_at,
            content_type: self.content_type,
            headers: self.headers,
            body: self.body,
            cause: None,
        }
    }
}

/// How far a message has come. Every accepted message ends in one of the last three (I1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MessageState {
    /// Accepted; the router has not read it yet.
    Waiting,
    /// Turned into this many events.
    Translated { events: u32 },
    /// No flow wants it; the reason says why.
    Ignored { reason: String },
    /// A mapping failed. The message is kept and can be rerun.
    Failed { exception: ExceptionId },
}

impl MessageState {
    pub fn word(&self) -> &'static str {
        match self {
            MessageState::Waiting => "waiting",
            MessageState::Translated { .. } => "translated",
            MessageState::Ignored { .. } => "ignored",
            MessageState::Failed { .. } => "failed",
        }
    }
}

/// A message as the store returns it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    /// Position in the log of accepted messages; grows by at least one per message.
    pub position: u64,
    pub message: Message,
    pub state: MessageState,
    /// The body is no longer kept; the message's own is empty then.
    pub removed: Option<Removed>,
}

/// What is left of a body that was kept as long as it had to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// When it was removed.
    pub at: Timestamp,
    /// How many bytes it had.
    pub bytes: u64,
    /// SHA-256 of it, in hex: whoever has it can show that it is the one.
    pub sha256: String,
}

impl Removed {
    /// What is left of a body that is removed now.
    pub fn of(body: &[u8], at: Timestamp) -> Self {
        Self { at, bytes: body.len() as u64, sha256: sha256(body) }
    }
}

fn sha256(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl StoredMessage {
    /// How many bytes the body has, or had.
    pub fn body_bytes(&self) -> u64 {
        self.removed.as_ref().map_or(self.message.body.len() as u64, |removed| removed.bytes)
    }

    /// Whether this is the body it came with.
    pub fn came_with(&self, body: &[u8]) -> bool {
        match &self.removed {
            None => self.message.body == body,
            Some(removed) => removed.bytes == body.len() as u64 && removed.sha256 == sha256(body),
        }
    }
}

/// A request that was turned away at the door, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rejection {
    /// The system it was addressed to; unknown paths have none.
    pub system: Option<SystemName>,
    pub at: Timestamp,
    pub status: u16,
    /// Stable code such as `XD-1003`.
    pub code: String,
    pub reason: String,
    /// Path and the sender's address, for finding the sender.
    pub path: String,
    pub peer: Option<String>,
    pub body_bytes: u64,
}
