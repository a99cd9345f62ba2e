//! Copies beside a running hub, and putting them back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use super::*;
use crate::contract::records::*;
use crate::sqlite::backup::{BackupError, Progress, RESTORED_CURSOR, back_up, restore};

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

fn at() -> Timestamp {
    "2026-03-01T02:00:00Z".parse().expect("valid")
}

fn names(folder: &Path) -> Vec<String> {
    let name = |file: std::io::Result<std::fs::DirEntry>| file.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_backup_beside_a_writer_is_of_one_moment_and_stops_nobody() {
    let (folder, out) = (scratch(), scratch());
    let store = SqliteStore::open(folder.path()).unwrap();
    (0..50).for_each(|number| store.commit(lone(number)).unwrap());
    let stop = AtomicBool::new(false);
    let (made, accepted) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 50;
            while !stop.load(Ordering::Relaxed) {
                store.commit(lone(number)).unwrap();
                number += 1;
            }
            number
        });
        let mut steps = Vec::new();
        let made = back_up(folder.path(), &out.path().join("a.db"), &mut |progress| steps.push(progress)).unwrap();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(steps.last(), Some(&Progress::Checking));
        (made, writer.join().unwrap())
    });
    assert_eq!(names(out.path()), ["a.db"]);
    let kept = made.contents.messages;
    assert!(kept >= 50 && kept <= accepted as i64, "{kept} of {accepted}");
    assert_eq!(made.contents.last_position, kept);
    // What it holds is what was accepted first, and nothing else.
    let again = scratch();
    restore(again.path(), &made.file, false, at()).unwrap();
    let restored = SqliteStore::open(again.path()).unwrap();
    let messages = restored.waiting(100_000).unwrap();
    let ids: Vec<_> = messages.into_iter().map(|stored| stored.message.id).collect();
    assert_eq!(ids, (0..kept as u64).map(message_id).collect::<Vec<_>>());
    assert_eq!(restored.commit(lone(7)), Err(CommitError::Duplicate(message_id(7))));
    assert_eq!(restored.cursor(RESTORED_CURSOR).unwrap(), Some(at().to_string()));
    assert_eq!(restored.counts().unwrap().systems[&"warehouse".into()].messages["waiting"], kept as u64);
}

#[test]
fn nothing_is_overwritten_and_what_failed_leaves_nothing() {
    let (folder, out) = (scratch(), scratch());
    let to = out.path().join("a.db");
    let missing = back_up(folder.path(), &to, &mut |_| {});
    assert!(matches!(missing, Err(BackupError::Open(OpenError::Missing { .. }))));
    let store = SqliteStore::open(folder.path()).unwrap();
    store.commit(lone(1)).unwrap();
    std::fs::write(&to, "somebody's").unwrap();
    assert!(matches!(back_up(folder.path(), &to, &mut |_| {}), Err(BackupError::Exists(_))));
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "somebody's");
    let nowhere = out.path().join("no/such/a.db");
    let refused = back_up(folder.path(), &nowhere, &mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("cannot be written"), "{refused}");
    assert_eq!(names(out.path()), ["a.db"]);
}

#[test]
fn a_restore_keeps_what_was_there_and_says_what_is_absent() {
    let (folder, out) = (scratch(), scratch());
    let store = SqliteStore::open(folder.path()).unwrap();
    (0..10).for_each(|number| store.commit(lone(number)).unwrap());
    let made = back_up(folder.path(), &out.path().join("a.db"), &mut |_| {}).unwrap();
    (10..13).for_each(|number| store.commit(lone(number)).unwrap());
    let in_use = restore(folder.path(), &made.file, true, at());
    assert!(matches!(in_use, Err(BackupError::Open(OpenError::InUse { .. }))), "{in_use:?}");
    store.close();
    assert!(matches!(restore(folder.path(), &made.file, false, at()), Err(BackupError::Occupied(_))));
    let restored = restore(folder.path(), &made.file, true, at()).unwrap();
    let absent = restored.absent.expect("can be told");
    assert_eq!((absent.messages, absent.by_system), (3, vec![("warehouse".to_owned(), 3)]));
    assert_eq!(SqliteStore::open(folder.path()).unwrap().waiting(100).unwrap().len(), 10);
    let aside = restored.kept_aside.expect("kept");
    assert_eq!(SqliteStore::open(&aside).unwrap().waiting(100).unwrap().len(), 13);
}

#[test]
fn a_damaged_backup_changes_nothing() {
    let (folder, out) = (scratch(), scratch());
    let store = SqliteStore::open(folder.path()).unwrap();
    (0..2000).for_each(|number| store.submit(lone(number), Box::new(|_| {})));
    store.commit(lone(5000)).unwrap();
    let made = back_up(folder.path(), &out.path().join("a.db"), &mut |_| {}).unwrap();
    store.close();
    let mut bytes = std::fs::read(&made.file).unwrap();
    let half = bytes.len() / 2;
    bytes[half..half + 20_000].fill(0x5a);
    std::fs::write(&made.file, bytes).unwrap();
    let refused = restore(folder.path(), &made.file, true, at());
    assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
    std::fs::write(&made.file, "not a database ".repeat(1000)).unwrap();
    assert!(restore(folder.path(), &made.file, true, at()).is_err());
    assert_eq!(SqliteStore::open(folder.path()).unwrap().waiting(5000).unwrap().len(), 2001);
}

#[test]
fn a_restore_that_was_interrupted_is_begun_again() {
    let (folder, out) = (scratch(), scratch());
    let store = SqliteStore::open(folder.path()).unwrap();
    store.commit(lone(1)).unwrap();
    let made = back_up(folder.path(), &out.path().join("a.db"), &mut |_| {}).unwrap();
    store.commit(lone(2)).unwrap();
    store.close();
    std::fs::copy(&made.file, folder.path().join("hub.db.restoring")).unwrap();
    let Err(refused) = SqliteStore::open(folder.path()) else { panic!("opened half of it") };
    assert!(refused.to_string().contains("run `crossdock restore` again"), "{refused}");
    restore(folder.path(), &made.file, true, at()).unwrap();
    assert_eq!(SqliteStore::open(folder.path()).unwrap().waiting(100).unwrap().len(), 1);
}
