//! Changes to rows. This happens on the submitting thread, so that the one thread that writes does nothing but write.

use crossdock_core::changeset::{AuditRecord, Change, Changeset, SystemState, Timer};
use crossdock_core::event::{Entity, EntityRef, Event, Reference};
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::{EventId, MessageId, OrderingKey, SuggestionId, SystemName, TransmissionId};
use crossdock_core::message::{Message, MessageState, Rejection};
use crossdock_core::record::Record;
use crossdock_core::suggestion::Suggestion;
use crossdock_core::transmission::{Attempt, Outcome, Transmission};
use jiff::Timestamp;
use serde::Serialize;

use super::dedup::Digest;

/// A changeset ready to be written.
pub struct Prepared {
    pub rows: Vec<Row>,
    /// About how much memory it holds, for the limits of queue and transaction.
    pub bytes: usize,
}

/// One change as it will be written.
pub enum Row {
    Message(Box<MessageRow>),
    MessageState {
        id: MessageId,
        state: &'static str,
        record: String,
    },
    RemoveBody {
        id: MessageId,
        /// What is left of it, as JSON.
        record: String,
    },
    RemoveAttempts {
        transmission: String,
    },
    RemoveRejections {
        before: String,
        limit: usize,
    },
    Cursor {
        name: String,
        value: String,
    },
    Event(Box<EventRow>),
    Entity(Box<EntityRow>),
    Reference(Reference),
    RemoveReference(Reference),
    Suggestion(Box<SuggestionRow>),
    Transmission(Box<TransmissionRow>),
    Attempt(AttemptRow),
    Timer {
        id: String,
        due_at: String,
        record: String,
    },
    RemoveTimer {
        id: String,
    },
    Exception(Box<ExceptionRow>),
    Rejection(RejectionRow),
    SystemState {
        system: SystemName,
        paused: Option<String>,
        since: String,
    },
    Traffic {
        name: String,
        record: String,
    },
    Record(Box<Record>),
    Audit(AuditRecord),
}

pub struct MessageRow {
    pub id: MessageId,
    pub digest: Digest,
    pub received_at: String,
    pub headers: String,
    pub message: Message,
}

pub struct EventRow {
    pub id: EventId,
    pub event_type: String,
    pub subject: EntityRef,
    pub system: SystemName,
    pub time: String,
    pub recorded_at: String,
    pub message: String,
    pub flow: String,
    pub links: Vec<EntityRef>,
    pub record: String,
}

pub struct EntityRow {
    pub name: EntityRef,
    pub version: i64,
    pub status: String,
    pub updated_at: String,
    pub last_event: String,
    pub record: String,
}

pub struct TransmissionRow {
    pub id: TransmissionId,
    pub version: i64,
    pub system: SystemName,
    pub operation: String,
    pub lane: String,
    pub flow: String,
    pub event: String,
    pub about: EntityRef,
    pub key: OrderingKey,
    pub state: &'static str,
    pub in_line: bool,
    pub place: i64,
    pub due_at: String,
    pub attempts: u32,
    pub created_at: String,
    pub finished_at: Option<String>,
    pub last_problem: Option<String>,
    pub record: String,
}

pub struct AttemptRow {
    pub transmission: String,
    pub number: u32,
    pub started_at: String,
    pub ended_at: String,
    pub outcome: &'static str,
    pub record: String,
}

pub struct ExceptionRow {
    pub id: String,
    pub status: &'static str,
    pub opened_at: String,
    pub closed_at: Option<String>,
    pub count: i64,
    pub record: String,
    pub exception: Exception,
}

pub struct SuggestionRow {
    pub id: SuggestionId,
    pub version: i64,
    pub what: &'static str,
    pub status: &'static str,
    pub record: String,
}

pub struct RejectionRow {
    pub system: Option<SystemName>,
    pub at: String,
    pub status: u16,
    pub code: String,
    pub reason: String,
    pub record: String,
}

/// Why a changeset cannot be written as rows. Only a mistake in a record type can cause it.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("a record cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the number {0} is too large")]
    Number(u64),
}

/// An instant as the database holds it: RFC 3339 in UTC, always nine decimals, so that text order is time order.
pub fn time_text(at: Timestamp) -> String {
    format!("{at:.9}")
}

pub fn status_word(status: ExceptionStatus) -> &'static str {
    match status {
        ExceptionStatus::Open => "open",
        ExceptionStatus::Resolved => "resolved",
    }
}

impl Prepared {
    pub fn from_changeset(changeset: Changeset) -> Result<Self, EncodeError> {
        let rows = changeset.changes.into_iter().map(Row::from_change).collect::<Result<Vec<_>, _>>()?;
        let bytes = rows.iter().map(Row::bytes).sum();
        Ok(Self { rows, bytes })
    }

    /// The whole changeset is the acceptance of one message, decided at once or not: the hot path.
    pub fn is_lone_message(&self) -> bool {
        match self.rows.as_slice() {
            [Row::Message(_)] => true,
            [Row::Message(row), Row::MessageState { id, .. }] => *id == row.id,
            _ => false,
        }
    }
}

impl Row {
    fn from_change(change: Change) -> Result<Self, EncodeError> {
        Ok(match change {
            Change::AcceptMessage(message) => Row::Message(Box::new(message_row(message)?)),
            Change::SetMessageState { id, state } => message_state_row(id, &state)?,
            Change::RemoveBody { id, removed } => Row::RemoveBody { id, record: json(&removed)? },
            Change::RemoveAttempts { transmission } => Row::RemoveAttempts { transmission: transmission.to_string() },
            Change::RemoveRejections { before, limit } => Row::RemoveRejections { before: time_text(before), limit },
            Change::SetCursor { name, value } => Row::Cursor { name, value },
            Change::AppendEvent(event) => Row::Event(Box::new(event_row(event)?)),
            Change::PutEntity(entity) => Row::Entity(Box::new(entity_row(entity)?)),
            Change::AddReference(reference) => Row::Reference(reference),
            Change::RemoveReference(reference) => Row::RemoveReference(reference),
            Change::PutSuggestion(suggestion) => Row::Suggestion(Box::new(suggestion_row(&suggestion)?)),
            Change::PutTransmission(it) => Row::Transmission(Box::new(transmission_row(it)?)),
            Change::AppendAttempt(attempt) => Row::Attempt(attempt_row(&attempt)?),
            Change::SetTimer(timer) => timer_row(timer)?,
            Change::RemoveTimer { id } => Row::RemoveTimer { id },
            Change::PutException(exception) => Row::Exception(Box::new(exception_row(exception)?)),
            Change::AppendRejection(rejection) => Row::Rejection(rejection_row(rejection)?),
            Change::PutTraffic(traffic) => Row::Traffic { name: traffic.key(), record: json(&traffic)? },
            Change::SetSystemState(SystemState { system, paused, since }) => {
                Row::SystemState { system, paused, since: time_text(since) }
            }
            Change::PutRecord(record) => Row::Record(Box::new(record)),
            Change::AppendAudit(record) => Row::Audit(record),
        })
    }

    fn bytes(&self) -> usize {
        const FIXED: usize = 512;
        FIXED
            + match self {
                Row::Message(row) => row.message.body.len() + row.headers.len(),
                Row::MessageState { record, .. } => record.len(),
                Row::Cursor { value, .. } => value.len(),
                Row::Event(row) => row.record.len() + 64 * row.links.len(),
                Row::Entity(row) => row.record.len(),
                Row::Reference(row) | Row::RemoveReference(row) => row.value.len(),
                Row::Suggestion(row) => row.record.len(),
                Row::Traffic { record, .. } => record.len(),
                Row::Record(row) => row.body.len(),
                Row::Transmission(row) => row.record.len(),
                Row::Attempt(row) => row.record.len(),
                Row::Exception(row) => 2 * row.record.len(),
                Row::Rejection(row) => row.record.len() + row.reason.len(),
                Row::RemoveBody { record, .. } => record.len(),
                Row::Timer { .. }
                | Row::RemoveTimer { .. }
                | Row::SystemState { .. }
                | Row::Audit(_)
                | Row::RemoveAttempts { .. }
                | Row::RemoveRejections { .. } => 0,
            }
    }
}

fn message_row(message: Message) -> Result<MessageRow, EncodeError> {
    Ok(MessageRow {
        id: message.id,
        digest: Digest::of(&message.system, &message.dedup_key),
        received_at: time_text(message.received_at),
        headers: json(&message.headers)?,
        message,
    })
}

fn message_state_row(id: MessageId, state: &MessageState) -> Result<Row, EncodeError> {
    Ok(Row::MessageState { id, state: state.word(), record: json(state)? })
}

fn event_row(event: Event) -> Result<EventRow, EncodeError> {
    Ok(EventRow {
        id: event.id,
        time: time_text(event.time),
        recorded_at: time_text(event.recorded_at),
        message: event.message.to_string(),
        flow: event.flow.to_string(),
        record: json(&event)?,
        event_type: event.event_type,
        subject: event.subject,
        system: event.system,
        links: event.links,
    })
}

fn entity_row(entity: Entity) -> Result<EntityRow, EncodeError> {
    Ok(EntityRow {
        version: number(entity.version)?,
        updated_at: time_text(entity.updated_at),
        last_event: entity.last_event.to_string(),
        record: json(&entity)?,
        name: entity.name,
        status: entity.status,
    })
}

fn transmission_row(it: Transmission) -> Result<TransmissionRow, EncodeError> {
    Ok(TransmissionRow {
        id: it.id,
        version: number(it.version)?,
        flow: it.flow.to_string(),
        event: it.event.to_string(),
        state: it.state.word(),
        in_line: it.state.is_in_line(),
        place: number(it.place)?,
        due_at: time_text(it.due_at),
        attempts: it.attempts,
        created_at: time_text(it.created_at),
        finished_at: it.finished_at.map(time_text),
        record: json(&it)?,
        lane: it.lane(),
        system: it.system,
        operation: it.operation,
        about: it.about,
        key: it.key,
        last_problem: it.last_problem,
    })
}

fn attempt_row(attempt: &Attempt) -> Result<AttemptRow, EncodeError> {
    Ok(AttemptRow {
        transmission: attempt.transmission.to_string(),
        number: attempt.number,
        started_at: time_text(attempt.started_at),
        ended_at: time_text(attempt.ended_at),
        outcome: outcome_word(&attempt.outcome),
        record: json(attempt)?,
    })
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Retry { .. } => "retry",
        Outcome::Refused { .. } => "refused",
        Outcome::Unusable { .. } => "unusable",
        Outcome::Unknown { .. } => "unknown",
    }
}

fn timer_row(timer: Timer) -> Result<Row, EncodeError> {
    Ok(Row::Timer { due_at: time_text(timer.due_at), record: json(&timer)?, id: timer.id })
}

/// The row of an exception. The writer makes a new one when the same problem is open already.
pub fn exception_row(exception: Exception) -> Result<ExceptionRow, EncodeError> {
    Ok(ExceptionRow {
        id: exception.id.to_string(),
        status: status_word(exception.status),
        opened_at: time_text(exception.opened_at),
        closed_at: exception.closed_at.map(time_text),
        count: number(exception.count)?,
        record: json(&exception)?,
        exception,
    })
}

fn suggestion_row(it: &Suggestion) -> Result<SuggestionRow, EncodeError> {
    Ok(SuggestionRow {
        id: it.id,
        version: number(it.version)?,
        what: it.proposal.word(),
        status: it.status.word(),
        record: json(it)?,
    })
}

fn rejection_row(rejection: Rejection) -> Result<RejectionRow, EncodeError> {
    Ok(RejectionRow {
        at: time_text(rejection.at),
        status: rejection.status,
        record: json(&rejection)?,
        system: rejection.system,
        code: rejection.code,
        reason: rejection.reason,
    })
}

fn json<T: Serialize>(record: &T) -> Result<String, EncodeError> {
    Ok(serde_json::to_string(record)?)
}

fn number(number: u64) -> Result<i64, EncodeError> {
    i64::try_from(number).map_err(|_| EncodeError::Number(number))
}
