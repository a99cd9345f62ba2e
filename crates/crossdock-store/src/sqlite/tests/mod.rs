//! The embedded backend: the contract, and what only a file can go through.

mod backup;
mod compat;
mod crash;
mod files;
mod keys;
mod moments;
mod plans;
mod pressure;
mod syncing;

use std::num::NonZeroUsize;

use super::*;
use crate::contract::Subject;

/// A store in a folder of its own that is removed afterwards.
struct OnDisk {
    folder: tempfile::TempDir,
    options: Options,
    store: Option<SqliteStore>,
}

impl OnDisk {
    fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let store = SqliteStore::open_with(folder.path(), options.clone()).expect("opens");
        Self { folder, options, store: Some(store) }
    }
}

impl Subject for OnDisk {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().expect("open")
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(SqliteStore::open_with(self.folder.path(), self.options.clone()).expect("opens again"));
    }
}

fn count(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("not zero")
}

/// With its own sizes.
mod as_delivered {
    crate::store_contract!(|| super::OnDisk::with(super::Options::default()));
}

/// With everything so small that runs, groups and checkpoints happen all the time.
mod with_small_sizes {
    use super::*;

    crate::store_contract!(|| OnDisk::with(Options {
        group_max: count(3),
        dedup_run_keys: count(4),
        checkpoint_bytes: 1,
        wal_bytes_max: 64 << 10,
        writer_cache_bytes: 64 << 10,
        reader_cache_bytes: 64 << 10,
        readers_max: count(1),
        mmap_bytes: 0,
        ..Options::default()
    }));
}
