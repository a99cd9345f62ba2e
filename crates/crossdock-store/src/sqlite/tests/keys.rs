//! The index of dedup keys: runs, chunks and filters.

use rusqlite::Connection;

use super::dedup::{DedupIndex, Digest, FreshKeys, find_on_disk};
use super::*;
use crate::contract::records::message_id;

fn digest(number: u64) -> Digest {
    Digest::of(&"warehouse".into(), &number.to_string())
}

/// An index of keys 0 to `keys`, added in groups.
fn filled(connection: &Connection, run_keys: usize, keys: u64, group: u64) -> DedupIndex {
    let index = DedupIndex::load(connection, run_keys).unwrap();
    for first in (0..keys).step_by(group as usize) {
        let mut fresh = FreshKeys::default();
        (first..(first + group).min(keys)).for_each(|number| fresh.add(digest(number), message_id(number)));
        let written = index.write(connection, &fresh).unwrap();
        index.absorb(&mut fresh, written);
    }
    index
}

fn database() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let connection = schema::open_for_writing(&folder.path().join(FILE_NAME), &Options::default()).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    (folder, connection)
}

#[test]
fn every_key_is_found_and_no_other_whatever_the_sizes() {
    // One chunk holds 120 entries: below, at and above that, with a rest in memory or without.
    for (run_keys, keys, group) in [(1, 7, 1), (119, 500, 1), (120, 480, 7), (121, 999, 50), (1000, 2500, 333)] {
        let (_folder, connection) = database();
        let index = filled(&connection, run_keys, keys, group);
        let again = DedupIndex::load(&connection, run_keys).unwrap();
        for number in 0..keys * 2 {
            let expected = (number < keys).then(|| message_id(number));
            assert_eq!(index.find(&connection, digest(number)).unwrap(), expected);
            assert_eq!(again.find(&connection, digest(number)).unwrap(), expected);
            assert_eq!(find_on_disk(&connection, digest(number)).unwrap(), expected);
        }
    }
}

#[test]
fn a_filter_seldom_asks_for_nothing() {
    let (_folder, connection) = database();
    let index = filled(&connection, 20_000, 20_000, 1000);
    let asked = (100_000..200_000).filter(|number| index.may_hold(digest(*number))).count();
    assert!(asked < 300, "{asked} of 100000 keys that are not there seem to be");
}

#[test]
fn a_rolled_back_group_is_forgotten() {
    let (_folder, connection) = database();
    let index = filled(&connection, 10, 25, 5);
    let mut fresh = FreshKeys::default();
    fresh.add(digest(77), message_id(77));
    connection.execute_batch("BEGIN").unwrap();
    drop(index.write(&connection, &fresh).unwrap());
    connection.execute_batch("ROLLBACK").unwrap();
    fresh.truncate(0);
    assert_eq!(fresh.find(digest(77)), None);
    assert_eq!(index.find(&connection, digest(77)).unwrap(), None);
    assert_eq!(DedupIndex::load(&connection, 10).unwrap().find(&connection, digest(77)).unwrap(), None);
}
