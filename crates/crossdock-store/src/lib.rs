//! The store port, its contract suite, the memory and the embedded backend. Accepted means synced to disk. Backends
//! are chosen by the binary; everything else sees the port.

pub mod port;

pub use port::{
    CommitError, Counts, Done, ExceptionFilter, MessageFilter, Page, Store, StoreError, SystemCounts,
    TransmissionFilter,
};
