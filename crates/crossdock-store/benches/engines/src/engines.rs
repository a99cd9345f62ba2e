//! The candidates behind one small face.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::{MessageId, SystemName};
use crossdock_core::message::Message;
use crossdock_store::{SqliteStore, Store};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use rusqlite::{Connection, params};
use uuid::Uuid;

/// One message to accept.
pub struct Accept {
    pub id: [u8; 16],
    pub key: [u8; 16],
    pub body: Vec<u8>,
}

pub trait Engine {
    fn name(&self) -> &'static str;
    /// On disk when it returns. Panics when a key is known: the measurement makes none twice.
    fn accept(&mut self, group: &[Accept]);
    /// Whether the key is known; `None` when the engine cannot tell.
    fn knows(&mut self, key: &[u8; 16]) -> Option<bool>;
    fn stored(&self) -> u64;
}

pub type Open = fn(&Path) -> Box<dyn Engine>;

/// How to open each.
pub const ALL: &[Open] = &[Raw::open, PlainSqlite::open, Redb::open, Fjall::open, OurStore::open];

/// The floor: append and sync, no index at all.
struct Raw {
    file: File,
    stored: u64,
}

impl Raw {
    fn open(folder: &Path) -> Box<dyn Engine> {
        let file = OpenOptions::new().append(true).create(true).open(folder.join("log")).expect("opens");
        Box::new(Self { file, stored: 0 })
    }
}

impl Engine for Raw {
    fn name(&self) -> &'static str {
        "append + fdatasync, no index"
    }

    fn accept(&mut self, group: &[Accept]) {
        let mut bytes = Vec::with_capacity(group.len() * 548);
        for accept in group {
            bytes.extend_from_slice(&(accept.body.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&accept.id);
            bytes.extend_from_slice(&accept.key);
            bytes.extend_from_slice(&accept.body);
        }
        self.file.write_all(&bytes).expect("writes");
        self.file.sync_data().expect("syncs");
        self.stored += group.len() as u64;
    }

    fn knows(&mut self, _: &[u8; 16]) -> Option<bool> {
        None
    }

    fn stored(&self) -> u64 {
        self.stored
    }
}

/// SQLite with the obvious schema: a unique index over the dedup keys, checkpoints inside commits.
struct PlainSqlite {
    connection: Connection,
    position: i64,
}

impl PlainSqlite {
    fn open(folder: &Path) -> Box<dyn Engine> {
        let connection = Connection::open(folder.join("plain.db")).expect("opens");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
                 PRAGMA wal_autocheckpoint = 4096;
                 CREATE TABLE IF NOT EXISTS messages (position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, body BLOB);
                 CREATE TABLE IF NOT EXISTS inbox (position INTEGER PRIMARY KEY);
                 CREATE TABLE IF NOT EXISTS dedup (key BLOB PRIMARY KEY, id BLOB NOT NULL) WITHOUT ROWID;",
            )
            .expect("a schema");
        let position = connection
            .query_row("SELECT coalesce(max(position), 0) FROM messages", [], |row| row.get(0))
            .expect("a position");
        Box::new(Self { connection, position })
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) {
        self.connection.prepare_cached(sql).expect("prepares").execute(values).expect("runs");
    }
}

impl Engine for PlainSqlite {
    fn name(&self) -> &'static str {
        "SQLite, unique index"
    }

    fn accept(&mut self, group: &[Accept]) {
        self.run("BEGIN IMMEDIATE", []);
        for accept in group {
            self.position += 1;
            self.run("INSERT INTO dedup VALUES (?1, ?2)", params![accept.key, accept.id]);
            self.run("INSERT INTO messages VALUES (?1, ?2, ?3)", params![self.position, accept.id, accept.body]);
            self.run("INSERT INTO inbox VALUES (?1)", [self.position]);
        }
        self.run("COMMIT", []);
    }

    fn knows(&mut self, key: &[u8; 16]) -> Option<bool> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM dedup WHERE key = ?1").expect("prepares");
        Some(statement.exists([key]).expect("reads"))
    }

    fn stored(&self) -> u64 {
        self.position as u64
    }
}

const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");
const IDS: TableDefinition<'_, [u8; 16], u64> = TableDefinition::new("ids");
const INBOX: TableDefinition<'_, u64, ()> = TableDefinition::new("inbox");
const DEDUP: TableDefinition<'_, [u8; 16], [u8; 16]> = TableDefinition::new("dedup");

struct Redb {
    database: redb::Database,
    position: u64,
}

impl Redb {
    fn open(folder: &Path) -> Box<dyn Engine> {
        let database =
            redb::Database::builder().set_cache_size(64 << 20).create(folder.join("data.redb")).expect("opens");
        let write = database.begin_write().expect("begins");
        let position = {
            let messages = write.open_table(MESSAGES).expect("a table");
            write.open_table(IDS).expect("a table");
            write.open_table(INBOX).expect("a table");
            write.open_table(DEDUP).expect("a table");
            messages.last().expect("reads").map_or(0, |(position, _)| position.value())
        };
        write.commit().expect("commits");
        Box::new(Self { database, position })
    }
}

impl Engine for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn accept(&mut self, group: &[Accept]) {
        let write = self.database.begin_write().expect("begins");
        {
            let mut messages = write.open_table(MESSAGES).expect("a table");
            let mut ids = write.open_table(IDS).expect("a table");
            let mut inbox = write.open_table(INBOX).expect("a table");
            let mut dedup = write.open_table(DEDUP).expect("a table");
            for accept in group {
                self.position += 1;
                assert!(dedup.insert(accept.key, accept.id).expect("writes").is_none(), "a key came twice");
                ids.insert(accept.id, self.position).expect("writes");
                inbox.insert(self.position, ()).expect("writes");
                messages.insert(self.position, accept.body.as_slice()).expect("writes");
            }
        }
        write.commit().expect("commits");
    }

    fn knows(&mut self, key: &[u8; 16]) -> Option<bool> {
        let read = self.database.begin_read().expect("begins");
        let dedup = read.open_table(DEDUP).expect("a table");
        Some(dedup.get(key).expect("reads").is_some())
    }

    fn stored(&self) -> u64 {
        self.position
    }
}

struct Fjall {
    database: Database,
    messages: Keyspace,
    ids: Keyspace,
    inbox: Keyspace,
    dedup: Keyspace,
    position: u64,
}

impl Fjall {
    fn open(folder: &Path) -> Box<dyn Engine> {
        let database = Database::builder(folder).cache_size(64 << 20).open().expect("opens");
        let keyspace = |name: &str| database.keyspace(name, KeyspaceCreateOptions::default).expect("a keyspace");
        let (messages, ids, inbox, dedup) =
            (keyspace("messages"), keyspace("ids"), keyspace("inbox"), keyspace("dedup"));
        let position = match messages.last_key_value().map(|last| last.key().expect("reads")) {
            Some(key) => u64::from_be_bytes(key.as_ref().try_into().expect("a position")),
            None => 0,
        };
        Box::new(Self { database, messages, ids, inbox, dedup, position })
    }
}

impl Engine for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn accept(&mut self, group: &[Accept]) {
        let mut batch = self.database.batch();
        for accept in group {
            self.position += 1;
            assert!(!self.dedup.contains_key(accept.key).expect("reads"), "a key came twice");
            let position = self.position.to_be_bytes();
            batch.insert(&self.dedup, accept.key, accept.id);
            batch.insert(&self.ids, accept.id, position);
            batch.insert(&self.inbox, position, []);
            batch.insert(&self.messages, position, accept.body.as_slice());
        }
        batch.commit().expect("commits");
        self.database.persist(PersistMode::SyncData).expect("syncs");
    }

    fn knows(&mut self, key: &[u8; 16]) -> Option<bool> {
        Some(self.dedup.contains_key(key).expect("reads"))
    }

    fn stored(&self) -> u64 {
        self.position
    }
}

/// The hub's own store through its port: full records, guards, counts, runs of dedup keys, checkpoints beside commits.
struct OurStore {
    store: SqliteStore,
}

impl OurStore {
    fn open(folder: &Path) -> Box<dyn Engine> {
        Box::new(Self { store: SqliteStore::open(folder).expect("opens") })
    }
}

impl Engine for OurStore {
    fn name(&self) -> &'static str {
        "SQLite as the hub uses it"
    }

    fn accept(&mut self, group: &[Accept]) {
        let changeset: Changeset = group.iter().map(|accept| Change::AcceptMessage(message(accept))).collect();
        self.store.commit(changeset).expect("accepted");
    }

    fn knows(&mut self, key: &[u8; 16]) -> Option<bool> {
        let found = self.store.message_with_key(&SystemName::from("warehouse"), &hex(key)).expect("reads");
        Some(found.is_some())
    }

    fn stored(&self) -> u64 {
        let counts = self.store.counts().expect("reads");
        counts.systems.values().flat_map(|system| system.messages.values()).sum()
    }
}

fn message(accept: &Accept) -> Message {
    Message {
        id: MessageId(Uuid::from_bytes(accept.id)),
        system: SystemName::from("warehouse"),
        channel: "shipments".into(),
        dedup_key: hex(&accept.key),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        content_type: "application/json".into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: accept.body.clone(),
        cause: None,
    }
}

fn hex(key: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*key))
}
