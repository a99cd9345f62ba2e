//! The store port, its contract suite, the memory and the embedded backend. Accepted means synced to disk. Backends
//! are chosen by the binary; everything else sees the port.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod exceptions;
pub mod memory;
pub mod port;
mod refusal;
pub mod sqlite;

pub use memory::MemoryStore;
pub use port::{
    CommitError, Counts, Done, EntityFilter, EntityMark, EntityPage, ExceptionFilter, MessageFilter, Page,
    RecordFilter, Store, StoreError, Subjects, SuggestionFilter, SystemCounts, TransmissionFilter, WAITING_BYTES_MAX,
};
pub use sqlite::SqliteStore;
pub use sqlite::backup::RESTORED_CURSOR;
