//! Which dedup keys are known (I2), at a cost that does not depend on how many there are.
//!
//! A unique index over random keys would touch a page of its own for every message: measured, that is two thirds of
//! the whole cost of accepting one, and it grows with history. Instead the newest keys are kept in memory and written
//! one after the other; once there are enough they are sorted into a *run*, written in order, and a filter in memory
//! tells which keys the run cannot hold. A new key is thus answered from memory, a known one with one look-up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{PoisonError, RwLock};

use crossdock_core::ids::{MessageId, SystemName};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::statement::prepared;

/// Entries per chunk: one chunk fills one page of the database.
const CHUNK_ENTRIES: usize = 120;
/// Half a digest of SHA-256 and a UUID.
const ENTRY_BYTES: usize = 32;

/// Stands for one dedup key of one system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(u128);

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 as u64);
    }
}

/// A map by keys that are as good as random themselves, so that a part of them is the hash.
pub type ByDigest<V> = HashMap<Digest, V, BuildHasherDefault<Part>>;

/// Takes the number it is given for the hash.
#[derive(Clone, Copy, Default)]
pub struct Part(u64);

impl Hasher for Part {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = part;
    }
}

impl Digest {
    pub fn of(system: &SystemName, dedup_key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update((system.as_str().len() as u64).to_be_bytes());
        hash.update(system.as_str());
        hash.update(dedup_key);
        let digest = hash.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(half))
    }

    fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// All known keys, shared by the writer and the readers of one process.
pub struct DedupIndex {
    known: RwLock<Known>,
    /// A run is written when this many keys have gathered.
    run_keys: usize,
}

#[derive(Default)]
struct Known {
    recent: ByDigest<MessageId>,
    /// Oldest first.
    runs: Vec<Run>,
}

/// A run as the memory knows it.
struct Run {
    number: i64,
    filter: Filter,
}

/// Keys accepted in the transaction under way. The writer's own.
#[derive(Default)]
pub struct FreshKeys {
    known: ByDigest<MessageId>,
    order: Vec<Digest>,
}

/// What a transaction did to the index on disk; handed to [`DedupIndex::absorb`] once it is committed.
pub struct Written(Option<Run>);

impl FreshKeys {
    pub fn find(&self, digest: Digest) -> Option<MessageId> {
        self.known.get(&digest).copied()
    }

    pub fn add(&mut self, digest: Digest, message: MessageId) {
        self.known.insert(digest, message);
        self.order.push(digest);
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes back the keys added since there were `len`.
    pub fn truncate(&mut self, len: usize) {
        for digest in self.order.drain(len..) {
            self.known.remove(&digest);
        }
    }

    fn entries(&self) -> impl Iterator<Item = (Digest, MessageId)> {
        self.order.iter().map(|digest| (*digest, self.known[digest]))
    }
}

impl DedupIndex {
    /// Reads filters and recent keys; some ten milliseconds per million keys.
    pub fn load(connection: &Connection, run_keys: usize) -> rusqlite::Result<Self> {
        let mut known = Known::default();
        let mut runs = prepared(connection, "SELECT number, filter FROM dedup_runs ORDER BY number")?;
        let mut rows = runs.query([])?;
        while let Some(row) = rows.next()? {
            let filter = Filter::from_bytes(row.get_ref(1)?.as_blob()?);
            known.runs.push(Run { number: row.get(0)?, filter });
        }
        for_each_recent(connection, |digest, message| {
            known.recent.insert(digest, message);
        })?;
        Ok(Self { known: RwLock::new(known), run_keys })
    }

    /// The message accepted with this key in a committed transaction.
    pub fn find(&self, connection: &Connection, digest: Digest) -> rusqlite::Result<Option<MessageId>> {
        let mut candidates = Vec::new();
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(message) = known.recent.get(&digest) {
                return Ok(Some(*message));
            }
            candidates.extend(known.runs.iter().rev().filter(|run| run.filter.may_hold(digest)).map(|run| run.number));
        }
        for run in candidates {
            if let Some(message) = find_in_run(connection, run, digest)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Whether a filter says that the key may be in a run.
    #[cfg(test)]
    pub fn may_hold(&self, digest: Digest) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.runs.iter().any(|run| run.filter.may_hold(digest))
    }

    /// Writes the fresh keys inside the transaction under way: behind the recent ones, or all together as a run.
    pub fn write(&self, connection: &Connection, fresh: &FreshKeys) -> rusqlite::Result<Written> {
        if fresh.len() == 0 {
            return Ok(Written(None));
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.recent.len() + fresh.len() < self.run_keys {
            let entries = bytes_of(fresh.entries());
            prepared(connection, "INSERT INTO dedup_recent (entries) VALUES (?1)")?.execute([entries])?;
            return Ok(Written(None));
        }
        let recent = known.recent.iter().map(|(digest, message)| (*digest, *message));
        let mut entries: Vec<_> = recent.chain(fresh.entries()).collect();
        entries.sort_unstable_by_key(|(digest, _)| *digest);
        let number = known.runs.last().map_or(1, |run| run.number + 1);
        Ok(Written(Some(write_run(connection, number, &entries)?)))
    }

    /// Makes the keys of a committed transaction known.
    pub fn absorb(&self, fresh: &mut FreshKeys, written: Written) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match written.0 {
            Some(run) => {
                known.recent.clear();
                known.runs.push(run);
            }
            None => known.recent.extend(fresh.entries()),
        }
        fresh.truncate(0);
    }
}

/// The message accepted with this key, without an index in memory: for other processes that read the same file.
pub fn find_on_disk(connection: &Connection, digest: Digest) -> rusqlite::Result<Option<MessageId>> {
    let mut found = None;
    for_each_recent(connection, |candidate, message| {
        if candidate == digest {
            found = Some(message);
        }
    })?;
    if found.is_some() {
        return Ok(found);
    }
    let mut runs = prepared(connection, "SELECT number FROM dedup_runs ORDER BY number DESC")?;
    let mut rows = runs.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(message) = find_in_run(connection, row.get(0)?, digest)? {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

fn for_each_recent(connection: &Connection, mut each: impl FnMut(Digest, MessageId)) -> rusqlite::Result<()> {
    let mut recent = prepared(connection, "SELECT entries FROM dedup_recent ORDER BY number")?;
    let mut rows = recent.query([])?;
    while let Some(row) = rows.next()? {
        for entry in row.get_ref(0)?.as_blob()?.chunks_exact(ENTRY_BYTES) {
            let (digest, message) = read_entry(entry);
            each(digest, message);
        }
    }
    Ok(())
}

fn find_in_run(connection: &Connection, run: i64, digest: Digest) -> rusqlite::Result<Option<MessageId>> {
    let mut chunk = prepared(
        connection,
        "SELECT entries FROM dedup_chunks WHERE run = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
    )?;
    let found = chunk.query_row(params![run, digest.to_bytes()], |row| {
        let entries = row.get_ref(0)?.as_blob()?;
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        let place = entries.binary_search_by_key(&digest, |entry| read_entry(entry).0);
        Ok(place.ok().map(|place| read_entry(&entries[place]).1))
    });
    Ok(found.optional()?.flatten())
}

fn write_run(connection: &Connection, number: i64, entries: &[(Digest, MessageId)]) -> rusqlite::Result<Run> {
    let mut filter = Filter::for_keys(entries.len());
    let mut insert = prepared(connection, "INSERT INTO dedup_chunks (run, first, entries) VALUES (?1, ?2, ?3)")?;
    for chunk in entries.chunks(CHUNK_ENTRIES) {
        insert.execute(params![number, chunk[0].0.to_bytes(), bytes_of(chunk.iter().copied())])?;
        chunk.iter().for_each(|(digest, _)| filter.add(*digest));
    }
    prepared(connection, "INSERT INTO dedup_runs (number, keys, filter) VALUES (?1, ?2, ?3)")?.execute(params![
        number,
        entries.len() as i64,
        filter.to_bytes()
    ])?;
    prepared(connection, "DELETE FROM dedup_recent")?.execute([])?;
    Ok(Run { number, filter })
}

fn bytes_of(entries: impl Iterator<Item = (Digest, MessageId)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHUNK_ENTRIES * ENTRY_BYTES);
    for (digest, message) in entries {
        bytes.extend_from_slice(&digest.to_bytes());
        bytes.extend_from_slice(message.0.as_bytes());
    }
    bytes
}

fn read_entry(entry: &[u8]) -> (Digest, MessageId) {
    let (digest, message) = entry.split_at(16);
    let digest = u128::from_be_bytes(digest.try_into().expect("an entry has 32 bytes"));
    let message = Uuid::from_bytes(message.try_into().expect("an entry has 32 bytes"));
    (Digest(digest), MessageId(message))
}

/// A blocked Bloom filter: 16 bits a key, all bits of one key within 64 bytes. About one key in a thousand that is not
/// there seems to be.
struct Filter {
    blocks: Vec<[u64; 8]>,
}

impl Filter {
    const KEYS_PER_BLOCK: usize = 32;

    fn for_keys(keys: usize) -> Self {
        Self { blocks: vec![[0; 8]; keys.div_ceil(Self::KEYS_PER_BLOCK).max(1)] }
    }

    fn add(&mut self, digest: Digest) {
        let block = self.block_of(digest);
        for bit in bits_of(digest) {
            self.blocks[block][bit / 64] |= 1 << (bit % 64);
        }
    }

    fn may_hold(&self, digest: Digest) -> bool {
        let block = &self.blocks[self.block_of(digest)];
        bits_of(digest).all(|bit| block[bit / 64] & (1 << (bit % 64)) != 0)
    }

    /// Scales the low half of the digest to the number of blocks.
    fn block_of(&self, digest: Digest) -> usize {
        ((u128::from(digest.0 as u64) * self.blocks.len() as u128) >> 64) as usize
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("a word has 8 bytes"));
        let block = |bytes: &[u8]| std::array::from_fn(|at| word(&bytes[at * 8..at * 8 + 8]));
        let blocks: Vec<[u64; 8]> = bytes.chunks_exact(64).map(block).collect();
        // A filter that cannot be read holds everything: slower, never wrong.
        Self { blocks: if blocks.is_empty() { vec![[u64::MAX; 8]] } else { blocks } }
    }
}

/// Seven places among the 512 bits of a block, from the high half of the digest.
fn bits_of(digest: Digest) -> impl Iterator<Item = usize> {
    let high = (digest.0 >> 64) as u64;
    (0..7).map(move |turn| (high >> (turn * 9)) as usize & 511)
}
