//! Small records of the hub's own work, such as jobs: written as a whole, found by kind and id, listed newest first. Each
//! kind's own module says what its body holds.

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A [`Job`](crate::job::Job).
    Job,
    /// An [`Edit`](crate::edit::Edit).
    Edit,
    /// A [`ReplayPlan`](crate::replay::ReplayPlan).
    Replay,
    /// One message of a replay plan: a [`ReplayItem`](crate::replay::ReplayItem).
    ReplayItem,
}

impl RecordKind {
    /// The kind as stores keep it.
    pub fn word(self) -> &'static str {
        match self {
            RecordKind::Job => "job",
            RecordKind::Edit => "edit",
            RecordKind::Replay => "replay",
            RecordKind::ReplayItem => "replay_item",
        }
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is of.
    pub kind: RecordKind,
    /// One of its kind.
    pub id: String,
    /// Grows by one with every change; the store refuses a write that is not based on the latest.
    pub version: u64,
    /// The hub still has to do something about it.
    pub is_open: bool,
    /// What it is about, such as `message/<id>`; empty when it is about nothing single.
    pub about: String,
    /// JSON.
    pub body: String,
}
