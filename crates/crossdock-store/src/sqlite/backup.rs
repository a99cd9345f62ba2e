//! Copies of the database: made beside a running hub, checked, and put back.
//!
//! A copy is of one moment: it is read in one transaction, so the hub writes on meanwhile and never waits. It gets its
//! name only when it is whole, checked and on the disk. Putting one back never overwrites anything: what was there is
//! kept aside.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::Serialize;

use super::lock::FolderLock;
use super::{FILE_NAME, OpenError, Options, schema};

/// Pages copied between two looks at how far it is: 16 MiB.
const STEP_PAGES: i32 = 4096;
/// What lies beside the database while a copy is put back. A hub does not start over it.
const RESTORING: &str = "hub.db.restoring";
/// The name of the copy while it is still being copied into the data folder.
const COPYING: &str = "hub.db.copying";
/// The files of a database in a data folder.
const FILES: [&str; 3] = [FILE_NAME, "hub.db-wal", "hub.db-shm"];
/// The cursor that says when the data were put back, for the transmitters: what was owed before may have been sent since.
pub const RESTORED_CURSOR: &str = "restored";

/// Why a copy could not be made or put back. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data folder or the copy cannot be opened as a database of this version.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Nothing is overwritten.
    #[error("{} is there already: name another file", .0.display())]
    Exists(PathBuf),
    /// Copying failed; nothing was left behind.
    #[error("{doing}: {problem}")]
    Copying {
        /// What was being done.
        doing: String,
        /// What the disk or the database said.
        problem: String,
    },
    /// The copy is not sound.
    #[error("{} is damaged, nothing was changed: {problem}", file.display())]
    Damaged {
        /// The copy.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There are data where the copy is to go.
    #[error(
        "the data folder {} holds data: say --replace to put the backup in their place (they are kept aside), or name \
         an empty folder", .0.display()
    )]
    Occupied(PathBuf),
}

/// What a database holds at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Version of the data's shape.
    pub data_version: i32,
    /// Position of the last message that was accepted.
    pub last_position: i64,
    /// When the last message was accepted.
    pub last_message_at: Option<String>,
    /// Messages in it.
    pub messages: i64,
    /// Events in it.
    pub events: i64,
    /// Transmissions that wait: held, owed, under way or paused.
    pub transmissions_waiting: i64,
    /// Transmissions that took effect.
    pub transmissions_done: i64,
    /// Number of the last audit record.
    pub last_audit: i64,
}

/// How far a copy is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many of so many are copied.
    Copied {
        /// Copied so far.
        bytes: u64,
        /// To be copied in all.
        of: u64,
    },
    /// All is copied and is being checked.
    Checking,
}

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// Where it is.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// What it holds.
    #[serde(flatten)]
    pub contents: Contents,
}

/// A copy that was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What the hub knows now.
    #[serde(flatten)]
    pub contents: Contents,
    /// Where the data are that were there before.
    pub kept_aside: Option<PathBuf>,
    /// What was known before and is not in the backup; `None` when it cannot be told.
    pub absent: Option<Absent>,
}

/// What the data that were replaced knew and the backup does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// Messages accepted after the backup.
    pub messages: i64,
    /// By system, in the order of their names.
    pub by_system: Vec<(String, i64)>,
    /// When the first of them was accepted.
    pub first_at: Option<String>,
    /// When the last of them was accepted.
    pub last_at: Option<String>,
    /// Transmissions that have taken effect since the backup.
    pub transmissions_done: i64,
    /// Audit records written since the backup.
    pub audit_records: i64,
}

/// Copies the database of a data folder, whether a hub is running on it or not, into a new file at `to`. It has its
/// name only once it is whole, checked and synced.
///
/// # Errors
/// See [`BackupError`]; nothing is left behind then.
pub fn back_up(folder: &Path, to: &Path, told: &mut dyn FnMut(Progress)) -> Result<BackedUp, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let (source, _) = schema::open_any_version(&folder.join(FILE_NAME), &reading())?;
    let partial = Partial::beside(to);
    let failed = |error: &dyn std::fmt::Display| copying(&format!("{} cannot be written", to.display()), error);
    copy(&source, &partial.0, told).map_err(|error| failed(&error))?;
    drop(source);
    told(Progress::Checking);
    let contents = checked(&partial.0)?;
    let file = File::open(&partial.0).map_err(|error| failed(&error))?;
    file.sync_all().map_err(|error| failed(&error))?;
    // A link, unlike a rename, never takes the place of another file.
    std::fs::hard_link(&partial.0, to)
        .or_else(|error| renamed(&partial.0, to, error))
        .map_err(|error| failed(&error))?;
    sync_folder_of(to).map_err(|error| failed(&error))?;
    let bytes = file.metadata().map_err(|error| failed(&error))?.len();
    Ok(BackedUp { file: to.to_owned(), bytes, contents })
}

/// Puts a copy into a data folder as its database. With `replace`, data that are there are kept aside in a folder of
/// their own; without, they are a reason to refuse. `now` is kept with the data: what was owed before may have been sent
/// meanwhile and is asked about first.
///
/// # Errors
/// See [`BackupError`]; the data folder is as it was, or the next attempt goes on where this one ended.
pub fn restore(folder: &Path, from: &Path, replace: bool, now: Timestamp) -> Result<Restored, BackupError> {
    let contents = checked(from)?;
    let failed = |error: &dyn std::fmt::Display| copying(&format!("{} cannot be used", folder.display()), error);
    super::create_folder(folder).map_err(|error| failed(&error))?;
    let lock = FolderLock::take(folder)?;
    let is_occupied = FILES.iter().any(|name| folder.join(name).exists());
    if is_occupied && !replace {
        return Err(BackupError::Occupied(folder.to_owned()));
    }
    let absent = if is_occupied { absent(folder, &contents).ok().flatten() } else { None };
    let copying_to = folder.join(COPYING);
    put_beside(from, &copying_to, now).map_err(|error| failed(&error))?;
    let restoring = folder.join(RESTORING);
    std::fs::rename(&copying_to, &restoring).map_err(|error| failed(&error))?;
    sync(folder).map_err(|error| failed(&error))?;
    let kept_aside = if is_occupied { Some(keep_aside(folder, now).map_err(|error| failed(&error))?) } else { None };
    std::fs::rename(&restoring, folder.join(FILE_NAME)).map_err(|error| failed(&error))?;
    sync(folder).map_err(|error| failed(&error))?;
    drop(lock);
    Ok(Restored { contents, kept_aside, absent })
}

/// Checks a copy from its first page to its last and tells what it holds.
///
/// # Errors
/// When it is not there, not a database of this or an older version, or damaged.
pub fn checked(file: &Path) -> Result<Contents, BackupError> {
    let connection = schema::open_copy(file, &reading())?;
    let damaged = |problem: String| BackupError::Damaged { file: file.to_owned(), problem };
    let problem: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if problem != "ok" {
        return Err(damaged(problem));
    }
    contents(&connection).map_err(|error| damaged(error.to_string()))
}

/// Copies data that an older version wrote aside, before this one brings them up to date: the way back to the older one.
/// Returns where they are; `None` when there is nothing to bring up to date.
///
/// # Errors
/// When that is not possible; the data are as they were.
pub fn before_upgrade(folder: &Path) -> Result<Option<PathBuf>, BackupError> {
    let file = folder.join(FILE_NAME);
    // What is not there, or not ours, is for whoever opens it to tell.
    let Some(version) = file.exists().then(|| schema::version_of(&file)).flatten() else { return Ok(None) };
    if !(1..schema::VERSION).contains(&version) {
        return Ok(None);
    }
    let name = |n| folder.join(format!("before-upgrade-from-version-{version}{}.db", suffix(n)));
    let to = (0..).map(name).find(|to| !to.exists()).expect("there are more names than files");
    back_up(folder, &to, &mut |_| {}).map(|made| Some(made.file))
}

/// Whether putting a copy back was interrupted half-way.
pub fn is_interrupted(folder: &Path) -> bool {
    folder.join(RESTORING).exists()
}

fn reading() -> Options {
    Options { mmap_bytes: 0, ..Options::default() }
}

fn copying(doing: &str, problem: &dyn std::fmt::Display) -> BackupError {
    BackupError::Copying { doing: doing.to_owned(), problem: problem.to_string() }
}

fn contents(connection: &Connection) -> rusqlite::Result<Contents> {
    let tally = |subject: &str, states: &str| -> rusqlite::Result<i64> {
        let sql = format!("SELECT coalesce(sum(count), 0) FROM tallies WHERE subject = ?1 {states}");
        connection.query_row(&sql, [subject], |row| row.get(0))
    };
    let last =
        |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).map(Option::unwrap_or_default);
    let high = connection.query_row("SELECT value FROM highs WHERE name = 'message_position'", [], |row| row.get(0));
    Ok(Contents {
        data_version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
        last_position: high.optional()?.unwrap_or(0),
        last_message_at: connection
            .query_row("SELECT max(last_message_at) FROM system_activity", [], |row| row.get(0))?,
        messages: tally("messages", "")?,
        events: tally("events", "")?,
        transmissions_waiting: tally("transmissions", "AND state NOT IN ('done', 'cancelled')")?,
        transmissions_done: tally("transmissions", "AND state = 'done'")?,
        last_audit: last("SELECT max(number) FROM audit")?,
    })
}

/// What the data in the folder know that a backup with these contents does not; `None` when they are not of the same hub.
fn absent(folder: &Path, backup: &Contents) -> Result<Option<Absent>, BackupError> {
    let connection = schema::open_for_reading(&folder.join(FILE_NAME), &reading())?;
    let read = || -> rusqlite::Result<Option<Absent>> {
        let now = contents(&connection)?;
        if now.last_position < backup.last_position || now.last_audit < backup.last_audit {
            return Ok(None);
        }
        let mut statement = connection.prepare(
            "SELECT system, count(*), min(received_at), max(received_at) FROM messages WHERE position > ?1 AND cause IS NULL
             GROUP BY system ORDER BY system",
        )?;
        let mut absent = Absent {
            transmissions_done: (now.transmissions_done - backup.transmissions_done).max(0),
            audit_records: now.last_audit - backup.last_audit,
            ..Absent::default()
        };
        let mut rows = statement.query([backup.last_position])?;
        while let Some(row) = rows.next()? {
            let (system, count): (String, i64) = (row.get(0)?, row.get(1)?);
            let (first, last): (String, String) = (row.get(2)?, row.get(3)?);
            absent.messages += count;
            absent.by_system.push((system, count));
            absent.first_at = Some(absent.first_at.map_or(first.clone(), |known| known.min(first)));
            absent.last_at = Some(absent.last_at.map_or(last.clone(), |known| known.max(last)));
        }
        Ok(Some(absent))
    };
    read().map_err(|error| copying("the data that are there cannot be read", &error))
}

/// Copies everything of one moment into a new file.
fn copy(source: &Connection, to: &Path, told: &mut dyn FnMut(Progress)) -> Result<(), Box<dyn std::error::Error>> {
    new_file(to)?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // The file gets its name only when it is whole, so there is nothing to go back to, and it is synced once at the end.
    target.pragma_update(None, "journal_mode", "OFF")?;
    target.pragma_update(None, "synchronous", "OFF")?;
    let moment = source.unchecked_transaction()?;
    // The transaction has its moment once something was read.
    moment.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let page: u64 = source.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?.unsigned_abs();
    let backup = Backup::new(source, &mut target)?;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => break,
            StepResult::More => {
                let progress = backup.progress();
                let [left, of] = [progress.remaining, progress.pagecount].map(|pages| u64::from(pages.unsigned_abs()));
                told(Progress::Copied { bytes: of.saturating_sub(left) * page, of: of * page });
            }
            _ => std::thread::park_timeout(Duration::from_millis(10)),
        }
    }
    drop(backup);
    moment.finish()?;
    Ok(())
}

/// Copies a file into the data folder, notes in it that it was put back, and syncs it.
fn put_beside(from: &Path, to: &Path, now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
    for stale in ["", "-wal", "-shm"] {
        remove(&with_suffix(to, stale))?;
    }
    new_file(to)?;
    std::fs::copy(from, to)?;
    #[cfg(unix)]
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let connection = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    let sql = "INSERT OR REPLACE INTO cursors (name, value) VALUES (?1, ?2)";
    connection.execute(sql, [RESTORED_CURSOR, &now.to_string()])?;
    connection.close().map_err(|(_, error)| error)?;
    File::open(to)?.sync_all()?;
    Ok(())
}

/// Moves the database that is there into a folder of its own, its log before it.
fn keep_aside(folder: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let aside = (0..).map(|n| folder.join(format!("before-restore-{}{}", in_name(now), suffix(n))));
    let aside = aside.into_iter().find(|aside| !aside.exists()).expect("there are more names than folders");
    super::create_folder(&aside)?;
    for name in FILES.iter().rev() {
        match std::fs::rename(folder.join(name), aside.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync(&aside)?;
    sync(folder)?;
    Ok(aside)
}

/// An instant as part of a file's name.
pub fn in_name(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H-%M-%SZ").to_string()
}

fn suffix(n: u32) -> String {
    if n == 0 { String::new() } else { format!("-{n}") }
}

/// A file that is removed unless it has got another name.
struct Partial(PathBuf);

impl Partial {
    fn beside(to: &Path) -> Self {
        Self(with_suffix(to, ".partial"))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What cannot be removed is overwritten by the next attempt.
        drop(remove(&self.0));
        drop(remove(&with_suffix(&self.0, "-journal")));
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// An empty file that only its owner can read.
fn new_file(path: &Path) -> io::Result<()> {
    remove(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// For file systems without links.
fn renamed(from: &Path, to: &Path, error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::rename(from, to),
    }
}

fn sync_folder_of(file: &Path) -> io::Result<()> {
    sync(file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
