//! Nobody is told before the disk has it: syncs that take their time, and syncs that fail.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use super::*;
use crate::contract::records::*;

/// Held by a test while no sync may end.
static GATE: Mutex<()> = Mutex::new(());
/// A sync waits at the gate.
static AT_THE_GATE: AtomicBool = AtomicBool::new(false);

fn through_the_gate(log: &File) -> io::Result<()> {
    AT_THE_GATE.store(true, Ordering::SeqCst);
    drop(GATE.lock());
    log.sync_data()
}

fn failing(_: &File) -> io::Result<()> {
    Err(io::Error::other("the disk is gone"))
}

fn submit(on_disk: &OnDisk, number: u64, answers: &mpsc::Sender<(u64, Result<(), CommitError>)>) {
    let answers = answers.clone();
    on_disk.store().submit(lone(number), Box::new(move |answer| drop(answers.send((number, answer)))));
}

#[test]
fn nobody_is_told_before_the_sync_and_what_came_meanwhile_shares_the_next() {
    let on_disk = OnDisk::with(Options { sync: through_the_gate, ..Options::default() });
    let (sender, answers) = mpsc::channel();
    let shut = GATE.lock().unwrap();
    submit(&on_disk, 0, &sender);
    while !AT_THE_GATE.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    for number in 1..50 {
        submit(&on_disk, number, &sender);
    }
    // The first one's double refers to what is not on the disk yet, so its answer waits too.
    submit(&on_disk, 0, &sender);
    assert_eq!(answers.recv_timeout(Duration::from_millis(100)), Err(mpsc::RecvTimeoutError::Timeout));
    let figures = on_disk.store.as_ref().unwrap().figures();
    assert_eq!(figures.commits, 1, "the others wait for the disk, in one group");
    drop(shut);
    let told: Vec<_> = answers.iter().take(51).collect();
    let numbers: Vec<u64> = told.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..50).chain([0]).collect::<Vec<_>>());
    assert!(told[..50].iter().all(|(_, answer)| answer.is_ok()), "{told:?}");
    assert_eq!(told[50].1, Err(CommitError::Duplicate(message_id(0))));
    assert_eq!(on_disk.store.as_ref().unwrap().figures().commits, 2);
}

#[test]
fn after_a_failed_sync_nothing_is_taken_until_the_store_is_opened_again() {
    let mut on_disk = OnDisk::with(Options { sync: failing, ..Options::default() });
    let refused = on_disk.store().commit(lone(1));
    assert!(matches!(&refused, Err(CommitError::Unavailable(why)) if why.contains("the disk is gone")), "{refused:?}");
    let refused = on_disk.store().commit(lone(2));
    assert!(matches!(&refused, Err(CommitError::Unavailable(why)) if why.contains("restart the hub")), "{refused:?}");
    on_disk.options.sync = File::sync_data;
    on_disk.reopen();
    // Whether the first one is there is not known to its sender; sending it again is safe either way.
    let again = on_disk.store().commit(lone(1));
    assert!(matches!(again, Ok(()) | Err(CommitError::Duplicate(_))), "{again:?}");
    assert_eq!(on_disk.store().commit(lone(2)), Ok(()));
}
