//! The embedded backend: one SQLite file `hub.db` in the data folder. Accepted means synced: a `done` is called after
//! the log that carries its changeset was brought onto the disk.
//!
//! One thread writes, in groups; a second syncs them; a third moves the log into the file; reads go through their own
//! connections and never wait for any of them. The file can be read with any SQLite tool while the hub runs; `docs/guides/data-folder.md` says how.

mod apply;
mod backlog;
pub mod backup;
mod checkpoint;
mod dedup;
mod encode;
mod entities;
mod ledger;
mod lines;
mod lists;
mod lock;
mod pool;
mod problem;
mod queue;
mod read;
mod removal;
mod schema;
mod statement;
mod syncer;
#[cfg(test)]
mod tests;
mod writer;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossdock_core::changeset::{ChainedAudit, Changeset, SystemState, Timer};
use crossdock_core::event::{Entity, EntityRef, Reference, StoredEvent};
use crossdock_core::exception::Exception;
use crossdock_core::ids::{EventId, FlowName, MessageId, OrderingKey, SuggestionId, SystemName, TransmissionId};
use crossdock_core::message::{Rejection, StoredMessage};
use crossdock_core::record::{Record, RecordKind};
use crossdock_core::routing::Wanted;
use crossdock_core::suggestion::Suggestion;
use crossdock_core::traffic::Traffic;
use crossdock_core::transmission::lane::{LaneHeads, Look};
use crossdock_core::transmission::{Attempt, Transmission};
use jiff::Timestamp;

use crate::port::{
    CommitError, Counts, Done, EntityFilter, EntityMark, EntityPage, ExceptionFilter, MessageFilter, Page,
    RecordFilter, Store, StoreError, Subjects, SuggestionFilter, TransmissionFilter,
};
use checkpoint::{Checkpointer, Log, LogLimits};
use dedup::{DedupIndex, Digest};
use encode::Prepared;
use lock::FolderLock;
use pool::Readers;
use queue::{Queue, QueueLimits, Submission};
use syncer::Syncer;
use writer::{Work, Writer};

/// The database in the data folder.
pub const FILE_NAME: &str = "hub.db";

/// How the embedded store behaves. The defaults suit a hub of any size.
#[derive(Clone, Debug)]
pub struct Options {
    /// Changesets in one transaction.
    pub group_max: NonZeroUsize,
    /// Bytes of changesets in one transaction; a larger changeset travels alone.
    pub group_bytes_max: usize,
    /// How long the writer waits at most, once the disk is free, for more changesets to share a sync with. It never
    /// waits longer than the last sync took, and only for as many as came together last time.
    pub linger_max: Duration,
    /// Changesets that may wait; beyond, `Busy` (I10).
    pub queued_max: NonZeroUsize,
    /// Bytes of changesets that may wait; once they do, `Busy` (I10).
    pub queued_bytes_max: usize,
    /// Bytes of one changeset; a larger one is refused.
    pub changeset_bytes_max: usize,
    /// Committed bytes that are not yet moved from the log into the file before the checkpointer moves them.
    pub checkpoint_bytes: u64,
    /// Length of the log from which on it is started again.
    pub wal_bytes_max: u64,
    /// Reads at the same time.
    pub readers_max: NonZeroUsize,
    /// Page cache of the writing connection.
    pub writer_cache_bytes: usize,
    /// Page cache of each reading connection.
    pub reader_cache_bytes: usize,
    /// How much of the file may be mapped into memory. Mapped pages belong to the operating system's cache, but count
    /// as the process's own in most tools.
    pub mmap_bytes: usize,
    /// The file never grows larger; `None` leaves that to the disk.
    pub file_bytes_max: Option<u64>,
    /// Dedup keys held in memory before they are sorted into a run on disk.
    pub dedup_run_keys: NonZeroUsize,
    /// How the log is brought onto the disk. Tests put in its place what fails or takes its time.
    pub(crate) sync: fn(&std::fs::File) -> std::io::Result<()>,
}

const MIB: usize = 1 << 20;

impl Default for Options {
    fn default() -> Self {
        let count = |count| NonZeroUsize::new(count).expect("not zero");
        Self {
            group_max: count(256),
            group_bytes_max: 8 * MIB,
            linger_max: Duration::from_millis(1),
            queued_max: count(8192),
            queued_bytes_max: 64 * MIB,
            changeset_bytes_max: 256 * MIB,
            checkpoint_bytes: 16 * MIB as u64,
            wal_bytes_max: 64 * MIB as u64,
            readers_max: count(4),
            writer_cache_bytes: 32 * MIB,
            reader_cache_bytes: 4 * MIB,
            mmap_bytes: 128 * MIB,
            file_bytes_max: None,
            dedup_run_keys: count(1 << 16),
            sync: std::fs::File::sync_data,
        }
    }
}

/// Why the data folder cannot be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data folder {} is in use by another hub{}: stop that one, or give this hub a folder of its own",
        folder.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse { folder: PathBuf, pid: Option<u32> },
    #[error("the data folder {} cannot be used: make sure it exists and belongs to the hub's user", folder.display())]
    Folder { folder: PathBuf, source: std::io::Error },
    #[error("there is no {}: name the data folder of a hub that has run", file.display())]
    Missing { file: PathBuf },
    #[error("{} is not a Crossdock database: name another data folder, or move the file away", file.display())]
    Foreign { file: PathBuf },
    #[error(
        "{} was written by a newer Crossdock (data version {version}; this one knows {known}): use that one, or put \
         the data of before the upgrade back: `crossdock restore --replace --from` a file `before-upgrade-…` beside it", file.display()
    )]
    Newer { file: PathBuf, version: i32, known: i32 },
    #[error(
        "{} was written by an older Crossdock (data version {version}, now {known}): start the hub once to bring it up \
         to date", file.display()
    )]
    Older { file: PathBuf, version: i32, known: i32 },
    #[error(
        "putting a backup back into {} was interrupted: run `crossdock restore` again with --replace, with the same backup",
        folder.display()
    )]
    RestoreInterrupted { folder: PathBuf },
    #[error(
        "the data in {} were written by an older Crossdock and could not be copied aside before they are brought up to \
         date, so nothing was changed: {problem}", folder.display()
    )]
    Upgrade { folder: PathBuf, problem: String },
    #[error("{problem}")]
    File { problem: String },
}

/// What the store is doing, for telemetry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Changesets that wait.
    pub queued: usize,
    /// Their size.
    pub queued_bytes: usize,
    /// Transactions committed since the store was opened.
    pub commits: u64,
    /// Changesets answered by them.
    pub changesets: u64,
    /// Transactions that failed.
    pub failed_commits: u64,
    /// How long the last transaction took, sync included.
    pub last_commit_us: u64,
    /// Length of the write-ahead log. Alarm when it stays over a few times `wal_bytes_max`: somebody keeps a read open.
    pub wal_bytes: u64,
    /// Why the last checkpoint failed.
    pub checkpoint_problem: Option<String>,
}

/// The embedded store.
pub struct SqliteStore {
    file: PathBuf,
    changeset_bytes_max: usize,
    readers: Readers,
    /// `None` when opened for reading only.
    writing: Option<Writing>,
}

/// What only a store that writes has.
struct Writing {
    queue: Arc<Queue>,
    dedup: Arc<DedupIndex>,
    log: Arc<Log>,
    work: Arc<Work>,
    running: Mutex<Option<Running>>,
}

struct Running {
    writer: JoinHandle<()>,
    syncer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
}

impl SqliteStore {
    /// Opens the store in `folder`, creating both when they are not there, with default options.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, Options::default())
    }

    /// Opens the store in `folder`, creating both when they are not there. A folder it creates is closed to others.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(folder: &Path, options: Options) -> Result<Self, OpenError> {
        create_folder(folder).map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
        let lock = Arc::new(FolderLock::take(folder)?);
        if backup::is_interrupted(folder) {
            return Err(OpenError::RestoreInterrupted { folder: folder.to_owned() });
        }
        backup::before_upgrade(folder)
            .map_err(|error| OpenError::Upgrade { folder: folder.to_owned(), problem: error.to_string() })?;
        let file = folder.join(FILE_NAME);
        let connection = schema::open_for_writing(&file, &options)?;
        let refused = |error: &rusqlite::Error| OpenError::File { problem: problem::sentence(&file, error) };
        schema::leave_syncs_to_others(&connection).map_err(|error| refused(&error))?;
        let dedup = DedupIndex::load(&connection, options.dedup_run_keys.get()).map_err(|error| refused(&error))?;
        let checkpoints = schema::open_for_writing(&file, &options)?;
        let writing = Writing {
            queue: Arc::new(Queue::new(options.queue_limits())),
            dedup: Arc::new(dedup),
            log: Arc::new(Log::new(options.log_limits())),
            work: Arc::default(),
            running: Mutex::new(None),
        };
        let writer = Writer {
            connection,
            file: file.clone(),
            queue: writing.queue.clone(),
            dedup: writing.dedup.clone(),
            log: writing.log.clone(),
            work: writing.work.clone(),
            linger_max: options.linger_max,
            _lock: lock.clone(),
        };
        let syncer = Syncer {
            file: file.clone(),
            queue: writing.queue.clone(),
            work: writing.work.clone(),
            sync: options.sync,
            _lock: lock.clone(),
        };
        let running =
            writing.start(writer, syncer, Checkpointer { connection: checkpoints, file: file.clone(), _lock: lock });
        let running = running.map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
        *writing.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        Ok(Self {
            changeset_bytes_max: options.changeset_bytes_max,
            readers: Readers::new(file.clone(), options),
            file,
            writing: Some(writing),
        })
    }

    /// Opens the store for reading, whether a hub is running on the folder or not. Commits are refused.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only(folder: &Path) -> Result<Self, OpenError> {
        let options = Options { mmap_bytes: 0, ..Options::default() };
        let file = folder.join(FILE_NAME);
        let connection = schema::open_for_reading(&file, &options)?;
        let readers = Readers::of_one(file.clone(), options, connection);
        Ok(Self { file, changeset_bytes_max: 0, readers, writing: None })
    }

    pub fn figures(&self) -> Figures {
        let Some(writing) = &self.writing else { return Figures::default() };
        let (queued, queued_bytes) = writing.queue.depth();
        Figures {
            queued,
            queued_bytes,
            commits: writing.work.commits.load(Ordering::Relaxed),
            changesets: writing.work.changesets.load(Ordering::Relaxed),
            failed_commits: writing.work.failed_commits.load(Ordering::Relaxed),
            last_commit_us: writing.work.last_commit_us.load(Ordering::Relaxed),
            wal_bytes: writing.log.bytes(),
            checkpoint_problem: writing.log.problem(),
        }
    }

    fn try_submit(&self, changeset: Changeset, done: Done) -> Result<(), (Done, CommitError)> {
        let Some(writing) = &self.writing else {
            return Err((done, unavailable(format!("{} was opened for reading only", self.file.display()))));
        };
        let changeset = match Prepared::from_changeset(changeset) {
            Ok(changeset) => changeset,
            Err(error) => return Err((done, unavailable(error.to_string()))),
        };
        let (bytes, bytes_max) = (changeset.bytes, self.changeset_bytes_max);
        if bytes > bytes_max {
            return Err((done, unavailable(format!("a changeset of {bytes} bytes is over the limit of {bytes_max}"))));
        }
        writing.queue.push(Submission { changeset, done })
    }
}

impl Writing {
    fn start(&self, writer: Writer, syncer: Syncer, checkpointer: Checkpointer) -> std::io::Result<Running> {
        let log = self.log.clone();
        let checkpointer = Builder::new().name("store-checkpoint".into()).spawn(move || checkpointer.run(&log))?;
        let ended = |error| {
            self.log.close();
            self.queue.written_out();
            error
        };
        let syncer = Builder::new().name("store-sync".into()).spawn(move || syncer.run()).map_err(ended)?;
        let writer = Builder::new().name("store-writer".into()).spawn(move || writer.run()).map_err(ended)?;
        Ok(Running { writer, syncer, checkpointer })
    }
}

fn unavailable(reason: String) -> CommitError {
    CommitError::Unavailable(reason)
}

impl Options {
    fn queue_limits(&self) -> QueueLimits {
        QueueLimits {
            queued_max: self.queued_max.get(),
            queued_bytes_max: self.queued_bytes_max,
            group_max: self.group_max.get(),
            group_bytes_max: self.group_bytes_max,
        }
    }

    fn log_limits(&self) -> LogLimits {
        LogLimits { checkpoint_bytes: self.checkpoint_bytes, wal_bytes_max: self.wal_bytes_max }
    }
}

fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let is_new = !folder.exists();
    builder.create(folder)?;
    if is_new && let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        // SQLite syncs the folder for its files; the folder's own entry is ours to sync.
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

type Read<T> = Result<T, StoreError>;

impl Store for SqliteStore {
    fn submit(&self, changeset: Changeset, done: Done) {
        if let Err((done, error)) = self.try_submit(changeset, done) {
            done(Err(error));
        }
    }

    fn together(&self, work: &mut dyn FnMut()) -> Result<(), StoreError> {
        self.readers.together(work)
    }

    fn message(&self, id: MessageId) -> Read<Option<StoredMessage>> {
        self.readers.read(|connection| read::message(connection, id))
    }

    fn waiting(&self, limit: usize) -> Read<Vec<StoredMessage>> {
        self.readers.read_at_once(|connection| read::waiting(connection, limit))
    }

    fn message_with_key(&self, system: &SystemName, dedup_key: &str) -> Read<Option<MessageId>> {
        let digest = Digest::of(system, dedup_key);
        self.readers.read(|connection| {
            Ok(match &self.writing {
                Some(writing) => writing.dedup.find(connection, digest)?,
                None => dedup::find_on_disk(connection, digest)?,
            })
        })
    }

    fn messages(&self, filter: &MessageFilter, page: Page) -> Read<Vec<StoredMessage>> {
        self.readers.read_at_once(|connection| lists::messages(connection, filter, page))
    }

    fn messages_after(
        &self,
        state: Option<&str>,
        system: Option<&SystemName>,
        after: u64,
        limit: usize,
    ) -> Read<Vec<StoredMessage>> {
        let system = system.map(SystemName::as_str);
        self.readers.read_at_once(|connection| lists::messages_after(connection, state, system, after, limit))
    }

    fn cursor(&self, name: &str) -> Read<Option<String>> {
        self.readers.read(|connection| read::cursor(connection, name))
    }

    fn event(&self, id: EventId) -> Read<Option<StoredEvent>> {
        self.readers.read(|connection| read::event(connection, id))
    }

    fn events_of_message(&self, id: MessageId) -> Read<Vec<StoredEvent>> {
        self.readers.read(|connection| read::events_of_message(connection, id))
    }

    fn events_of_entity(&self, entity: &EntityRef, limit: usize) -> Read<Vec<StoredEvent>> {
        self.readers.read(|connection| read::events_of_entity(connection, entity, limit))
    }

    fn events_about(&self, subject: &EntityRef, after: u64, limit: usize) -> Read<Vec<StoredEvent>> {
        self.readers.read(|connection| read::events_about(connection, subject, after, limit))
    }

    fn entity(&self, name: &EntityRef) -> Read<Option<Entity>> {
        self.readers.read(|connection| read::entity(connection, name))
    }

    fn entity_page(&self, filter: &EntityFilter, after: Option<&EntityMark>, limit: usize) -> Read<EntityPage> {
        self.readers.read_at_once(|connection| entities::page(connection, filter, after, limit))
    }

    fn entities(&self, kind: &str, after_key: &str, limit: usize) -> Read<Vec<Entity>> {
        self.readers.read(|connection| read::entities(connection, kind, after_key, limit))
    }

    fn find(&self, value: &str, limit: usize) -> Read<Vec<EntityRef>> {
        self.readers.read(|connection| read::find(connection, value, limit))
    }

    fn references(&self, entity: &EntityRef) -> Read<Vec<Reference>> {
        self.readers.read(|connection| read::references(connection, entity))
    }

    fn referenced(&self, wanted: &Wanted<'_>, limit: usize) -> Read<Vec<EntityRef>> {
        self.readers.read(|connection| read::referenced(connection, wanted, limit))
    }

    fn references_after(&self, after: Option<&Reference>, limit: usize) -> Read<Vec<Reference>> {
        self.readers.read(|connection| read::references_after(connection, after, limit))
    }

    fn subjects_after(&self, position: u64, kinds: &[&str], limit: usize) -> Read<Subjects> {
        self.readers.read_at_once(|connection| read::subjects_after(connection, position, kinds, limit))
    }

    fn suggestion(&self, id: SuggestionId) -> Read<Option<Suggestion>> {
        self.readers.read(|connection| read::suggestion(connection, id))
    }

    fn suggestions(&self, filter: &SuggestionFilter, page: Page) -> Read<Vec<Suggestion>> {
        self.readers.read_at_once(|connection| lists::suggestions(connection, filter, page))
    }

    fn in_line(&self, key: &OrderingKey, limit: usize) -> Read<Vec<Transmission>> {
        self.readers.read_at_once(|connection| lists::in_line(connection, key, limit))
    }

    fn transmission(&self, id: TransmissionId) -> Read<Option<Transmission>> {
        self.readers.read(|connection| read::transmission(connection, id))
    }

    fn transmissions_of_event(&self, id: EventId) -> Read<Vec<Transmission>> {
        self.readers.read(|connection| read::transmissions_of_event(connection, id))
    }

    fn transmissions(&self, filter: &TransmissionFilter, page: Page) -> Read<Vec<Transmission>> {
        self.readers.read_at_once(|connection| lists::transmissions(connection, filter, page))
    }

    fn transmissions_after(
        &self,
        state: &str,
        system: Option<&SystemName>,
        after: u64,
        limit: usize,
    ) -> Read<Vec<(u64, Transmission)>> {
        let system = system.map(SystemName::as_str);
        self.readers.read_at_once(|connection| lists::transmissions_after(connection, state, system, after, limit))
    }

    fn due(&self, system: &SystemName, until: Timestamp, look: &Look) -> Read<Vec<LaneHeads>> {
        self.readers.read_at_once(|connection| read::due(connection, system, until, look))
    }

    fn sending(&self) -> Read<Vec<Transmission>> {
        self.readers.read(read::sending)
    }

    fn held_about(&self, about: &EntityRef) -> Read<Vec<Transmission>> {
        self.readers.read(|connection| read::held_about(connection, about))
    }

    fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Read<bool> {
        self.readers.read(|connection| read::is_done(connection, flow, about))
    }

    fn last_place(&self) -> Read<u64> {
        self.readers.read(read::last_place)
    }

    fn attempts(&self, id: TransmissionId) -> Read<Vec<Attempt>> {
        self.readers.read(|connection| read::attempts(connection, id))
    }

    fn exceptions(&self, filter: &ExceptionFilter, page: Page) -> Read<Vec<Exception>> {
        self.readers.read(|connection| lists::exceptions(connection, filter, page))
    }

    fn open_exception(&self, fingerprint: &str) -> Read<Option<Exception>> {
        self.readers.read(|connection| read::open_exception(connection, fingerprint))
    }

    fn rejections(&self, page: Page) -> Read<Vec<Rejection>> {
        self.readers.read(|connection| read::rejections(connection, page))
    }

    fn record(&self, kind: RecordKind, id: &str) -> Read<Option<Record>> {
        self.readers.read(|connection| read::stored_record(connection, kind, id))
    }

    fn records(&self, filter: &RecordFilter, page: Page) -> Read<Vec<Record>> {
        self.readers.read_at_once(|connection| lists::records(connection, filter, page))
    }

    fn due_timers(&self, now: Timestamp, limit: usize) -> Read<Vec<Timer>> {
        self.readers.read(|connection| read::due_timers(connection, now, limit))
    }

    fn next_timer(&self) -> Read<Option<Timestamp>> {
        self.readers.read(read::next_timer)
    }

    fn traffic(&self) -> Read<Vec<Traffic>> {
        self.readers.read(read::traffic)
    }

    fn system_states(&self) -> Read<Vec<SystemState>> {
        self.readers.read(read::system_states)
    }

    fn audit(&self, after_number: u64, limit: usize) -> Read<Vec<ChainedAudit>> {
        self.readers.read(|connection| read::audit(connection, after_number, limit))
    }

    fn counts(&self) -> Read<Counts> {
        self.readers.read_at_once(read::counts)
    }

    #[cfg(unix)]
    fn free_bytes(&self) -> Option<u64> {
        // What only root may use is not counted.
        let there = rustix::fs::statvfs(self.file.parent()?).ok()?;
        Some(there.f_bavail.saturating_mul(there.f_frsize))
    }

    fn close(&self) {
        let Some(writing) = &self.writing else { return self.readers.close() };
        writing.queue.close();
        let running = writing.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return };
        // A thread that panicked has already answered for it; there is nothing to add here. Whoever drops the last
        // handle inside a callback is on the syncer's thread, or, when a write failed, on the writer's. These two wait for
        // each other, and then end by themselves.
        let threads = [running.writer, running.syncer];
        if threads.iter().all(|thread| thread.thread().id() != std::thread::current().id()) {
            threads.map(JoinHandle::join).into_iter().for_each(drop);
        }
        self.readers.close();
        writing.log.close();
        let _ = running.checkpointer.join();
    }
}
