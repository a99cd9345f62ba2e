//! The guards' refusals in the same words for every backend.

use crossdock_core::event::EntityRef;
use crossdock_core::ids::{EventId, MessageId, SuggestionId, TransmissionId};
use crossdock_core::record::RecordKind;

use crate::port::CommitError;

pub fn message(id: MessageId) -> CommitError {
    CommitError::Conflict(format!("message {id}"))
}

pub fn event(id: EventId) -> CommitError {
    CommitError::Conflict(format!("event {id}"))
}

pub fn entity(name: &EntityRef) -> CommitError {
    CommitError::Conflict(format!("entity {name}"))
}

pub fn transmission(id: TransmissionId) -> CommitError {
    CommitError::Conflict(format!("transmission {id}"))
}

pub fn suggestion(id: SuggestionId) -> CommitError {
    CommitError::Conflict(format!("suggestion {id}"))
}

pub fn record(kind: RecordKind, id: &str) -> CommitError {
    CommitError::Conflict(format!("{} {id}", kind.word()))
}
