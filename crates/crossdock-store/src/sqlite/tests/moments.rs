//! Reads that belong to one moment.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::contract::records::*;

fn waiting(store: &SqliteStore) -> usize {
    store.waiting(100).expect("reads").len()
}

#[test]
fn reads_together_see_one_moment_and_those_after_it_everything() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let store = SqliteStore::open(folder.path()).expect("opens");
    store.commit(lone(1)).expect("accepted");
    let mut seen = Vec::new();
    let looked = store.together(&mut || {
        seen.push(waiting(&store));
        store.commit(lone(2)).expect("writing goes on meanwhile");
        seen.push(waiting(&store));
        // Other threads are not within it, and a hold within a hold is the same one.
        seen.push(std::thread::scope(|scope| scope.spawn(|| waiting(&store)).join().expect("reads")));
        store.together(&mut || seen.push(waiting(&store))).expect("within another");
    });
    looked.expect("reads");
    seen.push(waiting(&store));
    assert_eq!(seen, [1, 1, 2, 1, 2]);
}

#[test]
fn work_that_fails_gives_the_connection_back() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let options = Options { readers_max: std::num::NonZeroUsize::MIN, ..Options::default() };
    let store = SqliteStore::open_with(folder.path(), options).expect("opens");
    for _ in 0..3 {
        let crashed = catch_unwind(AssertUnwindSafe(|| {
            store.together(&mut || {
                waiting(&store);
                panic!("a fault in the work");
            })
        }));
        assert!(crashed.is_err());
    }
    store.commit(lone(1)).expect("accepted");
    assert_eq!(waiting(&store), 1, "the only connection is free, and reads the present");
    store.close();
}

#[test]
fn two_stores_on_one_thread_do_not_mix() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let (one, two) = (SqliteStore::open(&one).expect("opens"), SqliteStore::open(&two).expect("opens"));
    one.commit(lone(1)).expect("accepted");
    let mut seen = Vec::new();
    let looked = one.together(&mut || {
        seen.push(waiting(&two));
        two.together(&mut || seen.extend([waiting(&one), waiting(&two)])).expect("reads");
    });
    looked.expect("reads");
    assert_eq!(seen, [0, 1, 0]);
}
