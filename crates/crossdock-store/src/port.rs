//! What the shell may ask of a store, whatever stands behind it.

use std::collections::BTreeMap;

use crossdock_core::changeset::{ChainedAudit, Changeset, SystemState, Timer};
use crossdock_core::event::{Entity, EntityRef, Reference, StoredEvent};
use crossdock_core::exception::{Exception, ExceptionClass};
use crossdock_core::ids::{EventId, FlowName, MessageId, OrderingKey, SuggestionId, SystemName, TransmissionId};
use crossdock_core::message::{Rejection, StoredMessage};
use crossdock_core::record::{Record, RecordKind};
use crossdock_core::routing::Wanted;
use crossdock_core::suggestion::Suggestion;
use crossdock_core::traffic::Traffic;
use crossdock_core::transmission::lane::{LaneHeads, Look};
use crossdock_core::transmission::{Attempt, Transmission};
use jiff::Timestamp;

/// Called once when a changeset is durable or refused. Runs on the store's thread: it must not block.
pub type Done = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// Why a changeset was not applied. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A message with this system and dedup key was accepted before; this is its id.
    #[error("already accepted as message {0}")]
    Duplicate(MessageId),
    /// Somebody else changed this entity or transmission first.
    #[error("{0} was changed by somebody else")]
    Conflict(String),
    /// The store cannot take it now: disk full, I/O error, closed.
    #[error("the store cannot write: {0}")]
    Unavailable(String),
    /// Too many commits are waiting; the sender has to slow down (I10).
    #[error("the store is busy")]
    Busy,
}

/// A read that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct StoreError(pub String);

/// How many bytes of bodies `Store::waiting` gives at once; the message that reaches it is the last one.
pub const WAITING_BYTES_MAX: usize = 16 << 20;

/// The port. Reads see every changeset whose `done` has been called.
pub trait Store: Send + Sync + 'static {
    /// Queues a changeset; changesets are applied in the order they were queued, several per sync.
    fn submit(&self, changeset: Changeset, done: Done);

    /// `submit`, waiting for the result. Never called on an async thread.
    fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(changeset, Box::new(move |result| drop(sender.send(result))));
        receiver.recv().unwrap_or_else(|_| Err(CommitError::Unavailable("the store is closed".into())))
    }

    /// Does work whose reads on this thread belong to one moment, as far as the backend knows moments. What is submitted
    /// meanwhile is not seen by them.
    ///
    /// # Errors
    /// When the store cannot be read; the work was not begun then.
    fn together(&self, work: &mut dyn FnMut()) -> Result<(), StoreError> {
        work();
        Ok(())
    }

    fn message(&self, id: MessageId) -> Result<Option<StoredMessage>, StoreError>;
    /// Messages in state `Waiting` in the order of their positions, at most `limit`, and no more once their bodies hold
    /// [`WAITING_BYTES_MAX`]. This is the router's queue.
    fn waiting(&self, limit: usize) -> Result<Vec<StoredMessage>, StoreError>;
    /// The message accepted with this dedup key.
    fn message_with_key(&self, system: &SystemName, dedup_key: &str) -> Result<Option<MessageId>, StoreError>;
    /// Newest first.
    fn messages(&self, filter: &MessageFilter, page: Page) -> Result<Vec<StoredMessage>, StoreError>;
    /// Messages behind a position, oldest first, at most `limit`: all, or those that ended in a state (`translated`,
    /// `ignored`, `failed`). With a system and no state, every message behind is looked at until `limit` are found.
    fn messages_after(
        &self,
        state: Option<&str>,
        system: Option<&SystemName>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, StoreError>;
    fn cursor(&self, name: &str) -> Result<Option<String>, StoreError>;

    fn event(&self, id: EventId) -> Result<Option<StoredEvent>, StoreError>;
    fn events_of_message(&self, id: MessageId) -> Result<Vec<StoredEvent>, StoreError>;
    /// Events that link to the entity, oldest first, at most `limit`.
    fn events_of_entity(&self, entity: &EntityRef, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;
    /// Events whose subject is the entity and that stand behind this position, oldest first, at most `limit`.
    fn events_about(&self, subject: &EntityRef, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;

    fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, StoreError>;
    /// By key, behind `after_key`.
    fn entities(&self, kind: &str, after_key: &str, limit: usize) -> Result<Vec<Entity>, StoreError>;
    /// Entities that fit the filter, in its order, behind `after`, at most `limit`. Costs the same however many there are;
    /// to keep that true, a page may hold fewer than `limit` and still not be the last one.
    fn entity_page(
        &self,
        filter: &EntityFilter,
        after: Option<&EntityMark>,
        limit: usize,
    ) -> Result<EntityPage, StoreError>;
    /// Entities whose key, or one of whose references, is exactly `value`.
    fn find(&self, value: &str, limit: usize) -> Result<Vec<EntityRef>, StoreError>;
    fn references(&self, entity: &EntityRef) -> Result<Vec<Reference>, StoreError>;
    /// Entities of a kind that a system knows by this id, by key, at most `limit`.
    fn referenced(&self, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<EntityRef>, StoreError>;
    /// The table of references in its order (entity, system, kind, value), behind `after`.
    fn references_after(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<Reference>, StoreError>;
    /// What happened to entities of these kinds behind a position of the log, and up to which position that is known.
    fn subjects_after(&self, position: u64, kinds: &[&str], limit: usize) -> Result<Subjects, StoreError>;

    fn suggestion(&self, id: SuggestionId) -> Result<Option<Suggestion>, StoreError>;
    /// Newest first.
    fn suggestions(&self, filter: &SuggestionFilter, page: Page) -> Result<Vec<Suggestion>, StoreError>;

    fn transmission(&self, id: TransmissionId) -> Result<Option<Transmission>, StoreError>;
    fn transmissions_of_event(&self, id: EventId) -> Result<Vec<Transmission>, StoreError>;
    /// Newest first.
    fn transmissions(&self, filter: &TransmissionFilter, page: Page) -> Result<Vec<Transmission>, StoreError>;
    /// Transmissions in a state (a word of `TransmissionState::word`) behind `after`, at most `limit`, in the order in which
    /// they were first written, each with its place in that order.
    fn transmissions_after(
        &self,
        state: &str,
        system: Option<&SystemName>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Transmission)>, StoreError>;
    /// Owed transmissions of a system that are due by `until` and stand first in the line of their key (lowest `place`
    /// among those that are owed, sending or paused): at most one per key (I3). Lane by lane, as `look` says; within a lane
    /// whoever has waited longest for a turn first. A line that moves up has its next turn behind all that wait then, so
    /// a long line is not before the others. Lanes come by class and go round behind `look.behind`. Costs the same however
    /// much waits.
    fn due(&self, system: &SystemName, until: Timestamp, look: &Look) -> Result<Vec<LaneHeads>, StoreError>;
    /// Transmissions marked as sending, for the start-up after a crash.
    fn sending(&self) -> Result<Vec<Transmission>, StoreError>;
    /// Transmissions held for something about this entity.
    fn held_about(&self, about: &EntityRef) -> Result<Vec<Transmission>, StoreError>;
    /// Whether a transmission of `flow` about this entity is done.
    fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Result<bool, StoreError>;
    /// What stands in the lines of an ordering key at any system, at most `limit`, in the order in which they were owed.
    fn in_line(&self, key: &OrderingKey, limit: usize) -> Result<Vec<Transmission>, StoreError>;
    /// The highest place given so far.
    fn last_place(&self) -> Result<u64, StoreError>;
    /// Oldest first.
    fn attempts(&self, id: TransmissionId) -> Result<Vec<Attempt>, StoreError>;

    /// Newest first.
    fn exceptions(&self, filter: &ExceptionFilter, page: Page) -> Result<Vec<Exception>, StoreError>;
    fn open_exception(&self, fingerprint: &str) -> Result<Option<Exception>, StoreError>;
    /// Newest first.
    fn rejections(&self, page: Page) -> Result<Vec<Rejection>, StoreError>;

    fn record(&self, kind: RecordKind, id: &str) -> Result<Option<Record>, StoreError>;
    /// Newest first.
    fn records(&self, filter: &RecordFilter, page: Page) -> Result<Vec<Record>, StoreError>;

    fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Timer>, StoreError>;
    fn next_timer(&self) -> Result<Option<Timestamp>, StoreError>;
    fn system_states(&self) -> Result<Vec<SystemState>, StoreError>;
    /// What traffic has shown so far, by its key.
    fn traffic(&self) -> Result<Vec<Traffic>, StoreError>;
    /// In order, behind `number`.
    fn audit(&self, after_number: u64, limit: usize) -> Result<Vec<ChainedAudit>, StoreError>;
    /// Exact figures, kept up to date with every commit: reading them costs the same however long the history is.
    fn counts(&self) -> Result<Counts, StoreError>;
    /// Whether a call may wait for a disk, and so does not belong on the thread of an async task.
    fn blocks(&self) -> bool {
        true
    }
    /// Bytes that are free where the store writes; `None` when that means nothing.
    fn free_bytes(&self) -> Option<u64> {
        None
    }
    /// Waits until everything submitted is durable and every read has ended, then releases the files. Never called from
    /// a `done`.
    fn close(&self);
}

/// Which part of a list to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over.
    pub skip: usize,
    /// At most this many rows.
    pub limit: usize,
}

impl Page {
    pub fn first(limit: usize) -> Self {
        Self { skip: 0, limit }
    }
}

/// Which entities of one kind to list; `None` means any. With `system` or `link` they come by key, otherwise by
/// `updated_at` and then by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityFilter {
    pub kind: String,
    pub status: Option<String>,
    /// `updated_at` at this instant or later.
    pub updated_since: Option<Timestamp>,
    /// `updated_at` before this instant.
    pub updated_until: Option<Timestamp>,
    /// There is a reference of this system.
    pub system: Option<SystemName>,
    /// One of its events speaks of this other entity.
    pub link: Option<EntityRef>,
}

impl EntityFilter {
    /// Whether the list goes by key.
    pub fn is_by_key(&self) -> bool {
        self.system.is_some() || self.link.is_some()
    }
}

/// The place of an entity in a list. A list goes on behind it, whatever was added or changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntityMark {
    /// `None` in a list that goes by key.
    pub updated_at: Option<Timestamp>,
    pub key: String,
}

/// A part of a list of entities.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityPage {
    pub entities: Vec<Entity>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<EntityMark>,
}

/// How many entities [`Store::entity_page`] looks at for one page at most, when no index holds all of the filter.
pub const EXAMINED_MAX: usize = 2000;

/// Which messages to list; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    pub system: Option<SystemName>,
    /// A word of `MessageState::word`.
    pub state: Option<String>,
}

/// Which transmissions to list; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransmissionFilter {
    pub system: Option<SystemName>,
    /// A word of `TransmissionState::word`.
    pub state: Option<String>,
    pub about: Option<EntityRef>,
}

/// Which exceptions to list; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionFilter {
    pub open: Option<bool>,
    pub transmission: Option<TransmissionId>,
    pub system: Option<SystemName>,
    /// Any of these; empty means any at all.
    pub classes: Vec<ExceptionClass>,
    /// Those that affect this entity. Looks at every one that fits the rest.
    pub affects: Option<EntityRef>,
}

/// Which suggestions to list; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuggestionFilter {
    /// A word of `SuggestionStatus::word`.
    pub status: Option<String>,
    /// A word of `Proposal::word`.
    pub what: Option<String>,
}

/// Which records of a kind to list; `None` means any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFilter {
    pub kind: RecordKind,
    /// The hub still has to do something about them.
    pub open: Option<bool>,
    pub about: Option<String>,
}

impl RecordFilter {
    /// All records of a kind.
    pub fn of(kind: RecordKind) -> Self {
        Self { kind, open: None, about: None }
    }
}

/// Entities that something happened to, as the log tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Position of the event and whom it was about.
    pub found: Vec<(u64, EntityRef)>,
    /// Everything up to here was looked at.
    pub up_to: u64,
}

/// How much there is of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub systems: BTreeMap<SystemName, SystemCounts>,
    pub events: u64,
    pub exceptions_open: u64,
    pub rejections: u64,
}

/// Figures of one system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemCounts {
    /// By `MessageState::word`.
    pub messages: BTreeMap<String, u64>,
    /// By `TransmissionState::word`.
    pub transmissions: BTreeMap<String, u64>,
    pub last_message_at: Option<Timestamp>,
}
