//! The one door to the store: everything one decision changes, applied whole or not at all.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::{Entity, Event, Reference};
use crate::exception::Exception;
use crate::ids::{MessageId, SystemName, TransmissionId};
use crate::message::{Message, MessageState, Rejection, Removed};
use crate::record::Record;
use crate::suggestion::Suggestion;
use crate::traffic::Traffic;
use crate::transmission::{Attempt, Transmission};

/// All changes of one decision.
///
/// The store refuses the whole of it when a guard that lies in the changes fails: a message whose dedup key is known,
/// an entity, a transmission or a record whose version is not the stored one plus one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changeset {
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Accepts a message in state `Waiting`. Refused as a duplicate when (system, dedup key) is known (I2).
    AcceptMessage(Message),
    SetMessageState {
        id: MessageId,
        state: MessageState,
    },
    /// Removes the body of a message that is decided; `removed` is what is left of it. One that waits or failed is refused.
    RemoveBody {
        id: MessageId,
        removed: Removed,
    },
    /// Removes the attempts at a transmission.
    RemoveAttempts {
        transmission: TransmissionId,
    },
    /// Removes rejections from before an instant, the oldest first, at most `limit`.
    RemoveRejections {
        before: Timestamp,
        limit: usize,
    },
    /// Moves a worker's or a poll's cursor.
    SetCursor {
        name: String,
        value: String,
    },
    AppendEvent(Event),
    /// Writes an entity whose version is the stored version plus one.
    PutEntity(Entity),
    /// Adds another system's id for an entity; adding it again changes nothing.
    AddReference(Reference),
    /// Takes another system's id away from an entity; one that is not there changes nothing.
    RemoveReference(Reference),
    /// Writes a transmission whose version is the stored version plus one.
    PutTransmission(Transmission),
    AppendAttempt(Attempt),
    SetTimer(Timer),
    RemoveTimer {
        id: String,
    },
    /// Writes an exception by id. When another one is open with the same fingerprint, that one counts up instead.
    PutException(Exception),
    AppendRejection(Rejection),
    SetSystemState(SystemState),
    /// Writes what traffic shows of a channel or mapping, in place of what was known.
    PutTraffic(Traffic),
    /// Writes a suggestion whose version is the stored version plus one.
    PutSuggestion(Suggestion),
    /// Writes a record whose version is the stored version plus one.
    PutRecord(Record),
    /// Appends to the audit chain (I8).
    AppendAudit(AuditRecord),
}

/// A wake-up at a point in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    pub id: String,
    pub due_at: Timestamp,
    pub purpose: TimerPurpose,
}

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum TimerPurpose {
    /// What a transmission is held for has not finished in time.
    HeldTooLong { transmission: TransmissionId },
}

/// Whether the hub sends to a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemState {
    pub system: SystemName,
    /// Why nothing is sent; `None` while it is in use.
    pub paused: Option<String>,
    pub since: Timestamp,
}

/// One thing that a person, a rule or a model did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub at: Timestamp,
    pub actor: String,
    /// For example `transmission.resume`.
    pub action: String,
    pub target: String,
    pub reason: Option<String>,
}

/// An audit record in its chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainedAudit {
    pub number: u64,
    pub record: AuditRecord,
    /// SHA-256 over the previous hash and this record, in hex.
    pub hash: String,
}

impl ChainedAudit {
    /// The record that follows `previous`.
    pub fn following(previous: Option<&ChainedAudit>, record: AuditRecord) -> Self {
        let number = previous.map_or(1, |audit| audit.number + 1);
        let hash = Self::hash_of(previous.map_or("", |audit| &audit.hash), &record);
        Self { number, record, hash }
    }

    /// Whether it stands unchanged behind `previous`.
    pub fn follows(&self, previous: Option<&ChainedAudit>) -> bool {
        *self == Self::following(previous, self.record.clone())
    }

    fn hash_of(previous: &str, record: &AuditRecord) -> String {
        let mut hash = Sha256::new();
        let at = record.at.to_string();
        let reason = record.reason.as_deref().unwrap_or("");
        for part in [previous, &at, &record.actor, &record.action, &record.target, reason] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Changeset {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl FromIterator<Change> for Changeset {
    fn from_iter<T: IntoIterator<Item = Change>>(changes: T) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}
