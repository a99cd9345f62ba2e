//! Limits: a full queue, a long reader, a full file, a callback that panics, a changeset too large.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crossdock_core::changeset::Changeset;
use crossdock_core::message::Message;

use super::*;
use crate::contract::records::*;

/// No state of these tests takes longer to come.
const DEADLINE: Duration = Duration::from_secs(60);

fn wal_bytes(on_disk: &OnDisk) -> u64 {
    std::fs::metadata(on_disk.folder.path().join("hub.db-wal")).map_or(0, |file| file.len())
}

fn outside(on_disk: &OnDisk) -> rusqlite::Connection {
    rusqlite::Connection::open(on_disk.folder.path().join(FILE_NAME)).expect("opens")
}

fn of_bytes(number: u64, bytes: usize) -> Changeset {
    let message = Message { body: vec![b'x'; bytes], ..message(number) };
    Changeset::new().with(crossdock_core::changeset::Change::AcceptMessage(message))
}

#[test]
fn a_full_queue_is_busy_and_what_it_took_is_kept() {
    let on_disk = OnDisk::with(Options { queued_max: count(10), group_max: count(4), ..Options::default() });
    // Somebody holds the write lock, so the writer waits with its first group.
    let blocker = outside(&on_disk);
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (sender, answers) = mpsc::channel();
    for number in 0..40 {
        let sender = sender.clone();
        on_disk.store().submit(lone(number), Box::new(move |answer| drop(sender.send((number, answer)))));
    }
    drop(sender);
    blocker.execute_batch("ROLLBACK").unwrap();
    let answers: Vec<_> = answers.into_iter().collect();
    let kept: Vec<u64> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(number, _)| *number).collect();
    assert!((10..=14).contains(&kept.len()), "{kept:?}");
    assert!(answers.iter().all(|(_, answer)| matches!(answer, Ok(()) | Err(CommitError::Busy))));
    let waiting = on_disk.store().waiting(100).unwrap();
    let stored: Vec<_> = waiting.into_iter().map(|stored| stored.message.id).collect();
    assert_eq!(stored, kept.into_iter().map(message_id).collect::<Vec<_>>());
}

#[test]
fn a_queue_is_limited_by_bytes_too() {
    let on_disk = OnDisk::with(Options { queued_bytes_max: 100_000, ..Options::default() });
    let blocker = outside(&on_disk);
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (sender, answers) = mpsc::channel();
    for number in 0..20 {
        let sender = sender.clone();
        on_disk.store().submit(of_bytes(number, 30_000), Box::new(move |answer| drop(sender.send(answer))));
    }
    drop(sender);
    blocker.execute_batch("ROLLBACK").unwrap();
    let answers: Vec<_> = answers.into_iter().collect();
    assert!(answers.contains(&Err(CommitError::Busy)));
    // The writer holds up to as much as the queue, taken before the lock stopped it.
    assert!((3..=8).contains(&answers.iter().filter(|answer| answer.is_ok()).count()), "{answers:?}");
    // One that is larger than the whole queue travels alone.
    assert_eq!(on_disk.store().commit(of_bytes(99, 500_000)), Ok(()));
}

#[test]
fn a_changeset_over_the_limit_is_refused_alone() {
    let on_disk = OnDisk::with(Options { changeset_bytes_max: 10_000, ..Options::default() });
    assert_eq!(on_disk.store().commit(of_bytes(1, 9_000)), Ok(()));
    let refused = on_disk.store().commit(of_bytes(2, 11_000));
    assert!(matches!(refused, Err(CommitError::Unavailable(why)) if why.contains("limit of 10000")));
}

#[test]
fn the_log_stays_short_under_steady_load() {
    let options = Options { wal_bytes_max: 512 << 10, checkpoint_bytes: 128 << 10, ..Options::default() };
    let on_disk = OnDisk::with(options);
    let mut longest = 0;
    for number in 0..1500 {
        on_disk.store().commit(of_bytes(number, 20_000)).unwrap();
        longest = longest.max(wal_bytes(&on_disk));
    }
    // Thirty megabytes went through.
    assert!(longest < 12 << 20, "the log grew to {longest} bytes");
}

#[test]
fn a_long_read_delays_the_log_and_nothing_else() {
    let options = Options { wal_bytes_max: 256 << 10, checkpoint_bytes: 64 << 10, ..Options::default() };
    let on_disk = OnDisk::with(options);
    on_disk.store().commit(lone(0)).unwrap();
    let reader = outside(&on_disk);
    reader.execute_batch("BEGIN").unwrap();
    let count = |reader: &rusqlite::Connection| -> i64 {
        reader.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&reader), 1);
    for number in 1..300 {
        on_disk.store().commit(of_bytes(number, 10_000)).unwrap();
    }
    assert_eq!(count(&reader), 1, "a reader sees one moment");
    let grown = wal_bytes(&on_disk);
    assert!(grown > 2 << 20, "{grown}");
    drop(reader);
    // Once the reader is gone, the log starts again and is cut to its limit.
    let begun = Instant::now();
    let mut number = 300;
    while wal_bytes(&on_disk) > 1 << 20 {
        assert!(begun.elapsed() < DEADLINE, "the log is still {} bytes long", wal_bytes(&on_disk));
        on_disk.store().commit(of_bytes(number, 10_000)).unwrap();
        number += 1;
    }
}

#[test]
fn a_full_file_refuses_the_group_and_keeps_the_rest() {
    let options = Options { file_bytes_max: Some(1 << 20), dedup_run_keys: count(16), ..Options::default() };
    let on_disk = OnDisk::with(options);
    let store = on_disk.store();
    let mut accepted = 0;
    let why = loop {
        match store.commit(of_bytes(accepted, 5_000)) {
            Ok(()) => accepted += 1,
            Err(CommitError::Unavailable(why)) => break why,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(why.contains("no room left") && why.contains("free some space"), "{why}");
    assert_eq!(store.waiting(10_000).unwrap().len() as u64, accepted);
    assert_eq!(store.commit(of_bytes(0, 1)), Err(CommitError::Duplicate(message_id(0))));
    assert!(matches!(store.commit(of_bytes(accepted, 5_000)), Err(CommitError::Unavailable(_))));
    // What still fits is still taken.
    assert_eq!(
        store.commit(Changeset::new().with(crossdock_core::changeset::Change::RemoveTimer { id: "t".into() })),
        Ok(())
    );
    let figures = on_disk.store.as_ref().unwrap().figures();
    assert_eq!(figures.failed_commits, 2);
    // With more room it goes on where it was.
    let mut on_disk = on_disk;
    on_disk.options.file_bytes_max = None;
    on_disk.reopen();
    assert_eq!(on_disk.store().commit(of_bytes(accepted, 5_000)), Ok(()));
    assert_eq!(on_disk.store().waiting(10_000).unwrap().len() as u64, accepted + 1);
}

#[test]
fn a_callback_that_panics_hurts_nobody() {
    let on_disk = OnDisk::with(Options::default());
    on_disk.store().submit(lone(1), Box::new(|_| panic!("on purpose, by a test")));
    assert_eq!(on_disk.store().commit(lone(2)), Ok(()));
    assert_eq!(on_disk.store().waiting(9).unwrap().len(), 2);
}

#[test]
fn the_last_handle_may_go_in_a_callback() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
    let (sender, answer) = mpsc::channel();
    let last = store.clone();
    let gate = Arc::new(Mutex::new(()));
    let (closed, held) = (gate.clone(), gate.lock().unwrap());
    store.submit(
        lone(1),
        Box::new(move |result| {
            drop(closed.lock());
            drop(last);
            sender.send(result).unwrap();
        }),
    );
    drop(store);
    drop(held);
    assert_eq!(answer.recv_timeout(DEADLINE), Ok(Ok(())));
    // The folder is free once the writer has ended.
    let begun = Instant::now();
    let again = loop {
        match SqliteStore::open(folder.path()) {
            Ok(store) => break store,
            Err(error) => assert!(begun.elapsed() < DEADLINE, "{error}"),
        }
    };
    assert_eq!(again.waiting(9).unwrap().len(), 1);
}

#[test]
fn many_submitters_share_their_syncs() {
    let on_disk = OnDisk::with(Options::default());
    std::thread::scope(|scope| {
        for submitter in 0..32 {
            let store = on_disk.store();
            scope.spawn(move || (0..50).for_each(|number| store.commit(lone(submitter * 50 + number)).unwrap()));
        }
    });
    let figures = on_disk.store.as_ref().unwrap().figures();
    assert_eq!(figures.changesets, 1600);
    assert!(figures.commits < 800, "{figures:?}");
    assert_eq!(on_disk.store().counts().unwrap().systems[&"warehouse".into()].messages["waiting"], 1600);
}
