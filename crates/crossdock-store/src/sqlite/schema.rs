//! The shape of the file: opening, checking whose it is, and bringing an older one up to date.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{OpenError, Options};

/// `XDCK`: tells our files from other SQLite files.
pub const APPLICATION_ID: i32 = 0x5844_434b;

/// Each brings the file from the version of its place to the next.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_first.sql"),
    include_str!("schema/0002_master_data.sql"),
    include_str!("schema/0003_entity_lists.sql"),
    include_str!("schema/0004_traffic.sql"),
    include_str!("schema/0005_exception_affects.sql"),
    include_str!("schema/0006_records.sql"),
    include_str!("schema/0007_lanes.sql"),
    include_str!("schema/0008_exception_classes.sql"),
    include_str!("schema/0009_removed_bodies.sql"),
];

/// The version this program writes.
pub const VERSION: i32 = MIGRATIONS.len() as i32;

/// How long a connection waits for a lock that another program holds.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Statements kept compiled per connection.
const STATEMENTS: usize = 128;

/// The connection that writes. Creates the file, or brings it up to date.
pub fn open_for_writing(file: &Path, options: &Options) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(|error| refused(file, &error))?;
    prepare_writer(&mut connection, options).map_err(|error| refused(file, &error))?;
    match identity(&connection).map_err(|error| refused(file, &error))? {
        (0, 0) => {
            let empty = is_empty(&connection).map_err(|error| refused(file, &error))?;
            if !empty {
                return Err(OpenError::Foreign { file: file.to_owned() });
            }
        }
        (APPLICATION_ID, version) if version > VERSION => {
            return Err(OpenError::Newer { file: file.to_owned(), version, known: VERSION });
        }
        (APPLICATION_ID, _) => {}
        _ => return Err(OpenError::Foreign { file: file.to_owned() }),
    }
    migrate(&mut connection).map_err(|error| refused(file, &error))?;
    Ok(connection)
}

/// Has COMMIT return before the log is on the disk: whoever commits has it synced before anybody is told.
pub fn leave_syncs_to_others(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "NORMAL")
}

/// A connection that only reads, beside a writer of this process.
pub fn open_reader(file: &Path, options: &Options) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    prepare_reader(&connection, options)?;
    Ok(connection)
}

/// A connection that only reads, whether a hub is running on the folder or not.
pub fn open_for_reading(file: &Path, options: &Options) -> Result<Connection, OpenError> {
    match open_any_version(file, options)? {
        (connection, VERSION) => Ok(connection),
        (_, older) => Err(OpenError::Older { file: file.to_owned(), version: older, known: VERSION }),
    }
}

/// The same, also for a file that an older version wrote; with its version.
pub fn open_any_version(file: &Path, options: &Options) -> Result<(Connection, i32), OpenError> {
    if !file.exists() {
        return Err(OpenError::Missing { file: file.to_owned() });
    }
    let (connection, (application, version)) = match reader_and_identity(file, options) {
        Ok(found) => found,
        // In a folder that this user cannot write, a file without a log beside it can be read as it stands.
        Err(_) if !has_log(file) => immutable_reader(file, options).map_err(|error| refused(file, &error))?,
        Err(error) => return Err(refused(file, &error)),
    };
    match version {
        _ if application != APPLICATION_ID => Err(OpenError::Foreign { file: file.to_owned() }),
        newer if newer > VERSION => Err(OpenError::Newer { file: file.to_owned(), version: newer, known: VERSION }),
        known => Ok((connection, known)),
    }
}

/// A connection that reads a copy nobody writes to. It may be of an older version: opening it for writing brings it up to
/// date.
pub fn open_copy(file: &Path, options: &Options) -> Result<Connection, OpenError> {
    if !file.exists() {
        return Err(OpenError::Missing { file: file.to_owned() });
    }
    let (connection, identity) = immutable_reader(file, options).map_err(|error| refused(file, &error))?;
    match identity {
        (APPLICATION_ID, version) if version > VERSION => {
            Err(OpenError::Newer { file: file.to_owned(), version, known: VERSION })
        }
        (APPLICATION_ID, _) => Ok(connection),
        _ => Err(OpenError::Foreign { file: file.to_owned() }),
    }
}

fn reader_and_identity(file: &Path, options: &Options) -> rusqlite::Result<(Connection, (i32, i32))> {
    let connection = open_reader(file, options)?;
    let identity = identity(&connection)?;
    Ok((connection, identity))
}

fn immutable_reader(file: &Path, options: &Options) -> rusqlite::Result<(Connection, (i32, i32))> {
    let path = file.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
    prepare_reader(&connection, options)?;
    let identity = identity(&connection)?;
    Ok((connection, identity))
}

/// The version of a file of ours that can be read.
pub fn version_of(file: &Path) -> Option<i32> {
    let options = Options { mmap_bytes: 0, ..Options::default() };
    let (_, (application, version)) = reader_and_identity(file, &options).ok()?;
    (application == APPLICATION_ID).then_some(version)
}

fn has_log(file: &Path) -> bool {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn prepare_writer(connection: &mut Connection, options: &Options) -> rusqlite::Result<()> {
    prepare_any(connection, options)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Checkpoints are the checkpointer's, so that no commit ever waits for one.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", options.wal_bytes_max as i64)?;
    connection.pragma_update(None, "cache_size", -kib(options.writer_cache_bytes))?;
    if let Some(bytes_max) = options.file_bytes_max {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        connection.pragma_update(None, "max_page_count", (bytes_max as i64 / page).max(1))?;
    }
    Ok(())
}

fn prepare_reader(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    prepare_any(connection, options)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -kib(options.reader_cache_bytes))
}

fn prepare_any(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // One plan per statement. Otherwise SQLite compiles a statement anew whenever a value is bound to it that could
    // suggest another plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "mmap_size", options.mmap_bytes as i64)
}

fn kib(bytes: usize) -> i64 {
    (bytes / 1024).max(64) as i64
}

/// Application id and version.
fn identity(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((application, version))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Each step is one transaction: an upgrade that is interrupted goes on from where it was.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let (_, version) = identity(connection)?;
    for (from, sql) in MIGRATIONS.iter().enumerate().skip(version.max(0) as usize) {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", from as i32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn refused(file: &Path, error: &rusqlite::Error) -> OpenError {
    OpenError::File { problem: super::problem::sentence(file, error) }
}
