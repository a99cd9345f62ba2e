//! Moves what is committed from the write-ahead log into the database file, on a thread and a connection of its own,
//! so that commits do not wait for it. Only when the log has grown past its limit is the writer asked to pause between
//! two groups for the last few pages, so that the log can start again from its beginning.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::lock::FolderLock;
use super::{problem, schema};

/// Commits are looked at together over this time.
const PACE: Duration = Duration::from_millis(25);
/// After this long without a commit, everything is moved.
const IDLE: Duration = Duration::from_secs(1);
/// Rounds that shrink the rest before the writer has to pause for it.
const ROUNDS_MAX: usize = 4;
/// How long the writer waits for readers of the old log before it gives up for this time.
const READERS_WAIT: Duration = Duration::from_millis(100);
/// How many times the log's limit may be written before the writer starts the log again unasked, because the
/// checkpointer does not come to it.
const OVERDUE: u64 = 8;
/// Bytes of a page in the log.
const FRAME_BYTES: u64 = 4096 + 24;

/// What writer and checkpointer tell each other.
pub struct Log {
    limits: LogLimits,
    state: Mutex<State>,
    changed: Condvar,
    restart_wanted: AtomicBool,
    bytes: AtomicU64,
    /// Bytes of changesets written since the log was last to be started again.
    written_bytes: AtomicU64,
}

/// When to act.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Move pages once this much is in the log and not in the file.
    pub checkpoint_bytes: u64,
    /// Start the log again from its beginning once it is this long.
    pub wal_bytes_max: u64,
}

#[derive(Default)]
struct State {
    dirty: bool,
    closing: bool,
    problem: Option<String>,
}

/// What one look at the log showed, in pages.
#[derive(Clone, Copy)]
struct Extent {
    written: u64,
    moved: u64,
}

impl Extent {
    fn rest_bytes(self) -> u64 {
        self.written.saturating_sub(self.moved) * FRAME_BYTES
    }
}

impl Log {
    pub fn new(limits: LogLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            changed: Condvar::new(),
            restart_wanted: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
        }
    }

    /// Something was committed.
    pub fn committed(&self) {
        let mut state = self.lock();
        if !state.dirty {
            state.dirty = true;
            self.changed.notify_one();
        }
    }

    /// The checkpointer moves everything and ends.
    pub fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// Bytes in the log when last looked at.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Why the last checkpoint failed.
    pub fn problem(&self) -> Option<String> {
        self.lock().problem.clone()
    }

    /// Called by the writer between two groups of which the last had so many bytes: when asked to, or when that is
    /// overdue, moves the last pages and starts the log again.
    pub fn restart_if_wanted(&self, writer: &Connection, group_bytes: u64) -> rusqlite::Result<()> {
        let written = self.written_bytes.fetch_add(group_bytes, Ordering::Relaxed) + group_bytes;
        let is_overdue = written > OVERDUE * self.limits.wal_bytes_max;
        if !self.restart_wanted.swap(false, Ordering::Relaxed) && !is_overdue {
            return Ok(());
        }
        self.written_bytes.store(0, Ordering::Relaxed);
        writer.busy_timeout(READERS_WAIT)?;
        let outcome = checkpoint(writer, "RESTART");
        writer.busy_timeout(schema::LOCK_WAIT)?;
        outcome.map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, time: Option<Duration>, until: impl Fn(&State) -> bool) -> bool {
        let state = self.lock();
        let state = match time {
            None => self.changed.wait_while(state, |state| !until(state)).unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                let waited = self.changed.wait_timeout_while(state, time, |state| !until(state));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.closing
    }
}

/// Everything the checkpointer's thread needs. Its connection must be the last one to close: it then removes the log.
pub struct Checkpointer {
    pub connection: Connection,
    pub file: PathBuf,
    /// Kept until the connection is closed.
    pub _lock: Arc<FolderLock>,
}

impl Checkpointer {
    pub fn run(self, log: &Log) {
        loop {
            let mut closing = log.wait(None, |state| state.dirty || state.closing);
            closing = closing || log.wait(Some(PACE), |state| state.closing);
            log.lock().dirty = false;
            if closing {
                let outcome = checkpoint(&self.connection, "TRUNCATE");
                return self.report(log, outcome.err());
            }
            match keep_short(&self.connection, log) {
                Ok(Reach::Everything) => self.report(log, None),
                // Trying again at once would find the same reader.
                Ok(Reach::UpToAReader) => drop(log.wait(Some(IDLE), |state| state.closing)),
                Err(error) => {
                    self.report(log, Some(error));
                    log.wait(Some(IDLE), |state| state.closing);
                }
            }
            if !log.wait(Some(IDLE), |state| state.dirty || state.closing) && !log.lock().dirty {
                // Idle: leave nothing behind in the log. A failure shows at the next round.
                let _ = checkpoint(&self.connection, "PASSIVE");
            }
        }
    }

    fn report(&self, log: &Log, error: Option<rusqlite::Error>) {
        log.lock().problem = error.map(|error| problem::sentence(&self.file, &error));
    }
}

/// How far a look at the log came.
enum Reach {
    /// As far as was wanted.
    Everything,
    /// Somebody reads an older state of the file, so nothing newer can be moved into it.
    UpToAReader,
}

fn keep_short(connection: &Connection, log: &Log) -> rusqlite::Result<Reach> {
    let mut extent = checkpoint(connection, "NOOP")?;
    log.bytes.store(extent.written * FRAME_BYTES, Ordering::Relaxed);
    if extent.rest_bytes() < log.limits.checkpoint_bytes {
        return Ok(Reach::Everything);
    }
    let (moved_before, too_long) = (extent.moved, extent.written * FRAME_BYTES >= log.limits.wal_bytes_max);
    let rounds = if too_long { ROUNDS_MAX } else { 1 };
    for _ in 0..rounds {
        extent = checkpoint(connection, "PASSIVE")?;
        if extent.rest_bytes() < log.limits.checkpoint_bytes / 8 {
            break;
        }
    }
    if extent.moved <= moved_before {
        return Ok(Reach::UpToAReader);
    }
    // The writer has to move the rest itself, so it is only asked to when that is quickly done.
    if too_long && extent.rest_bytes() < log.limits.checkpoint_bytes {
        log.restart_wanted.store(true, Ordering::Relaxed);
    }
    Ok(Reach::Everything)
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Extent> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let pages = |column| row.get::<_, i64>(column).map(|pages| pages.max(0).unsigned_abs());
        Ok(Extent { written: pages(1)?, moved: pages(2)? })
    })
}
