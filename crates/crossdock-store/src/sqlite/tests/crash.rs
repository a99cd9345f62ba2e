//! A process that commits in a loop is killed at random moments. What it was told is durable must be there afterwards:
//! whole, once, and counted.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::message::Message;
use crossdock_core::transmission::lane::Look;

use super::*;
use crate::contract::records::*;

const ROUNDS: u64 = 6;
const SUBMITTERS: u64 = 6;
/// Tells the child process that it is one, and where it works.
const FOLDER: &str = "CROSSDOCK_STORE_CRASH_FOLDER";
const FIRST: &str = "CROSSDOCK_STORE_CRASH_FIRST";

/// Small runs and a small log, so that kills meet their boundaries too.
fn options() -> Options {
    Options {
        dedup_run_keys: count(64),
        checkpoint_bytes: 128 << 10,
        wal_bytes_max: 512 << 10,
        group_max: count(16),
        ..Options::default()
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut child = spawn(None, folder.path(), round * 1_000_000);
        let lines = lines_of(&mut child);
        // Killed after a number of acknowledgements that differs from round to round.
        let enough = 40 + (round * 97) % 300;
        for _ in 0..enough {
            acknowledged.insert(acknowledgement(&next_line(&lines)));
        }
        child.kill().expect("can be killed");
        child.wait().expect("is gone");
        acknowledged.extend(lines.iter().filter(|line| line.ends_with('\n')).map(|line| acknowledgement(&line)));
        check(folder.path(), &acknowledged);
    }
    assert!(acknowledged.len() as u64 > ROUNDS * 40);
}

/// On a disk that is full, changesets are refused with a reason; once there is room again, the store goes on by itself.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_refuses_and_then_goes_on() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    // No file may grow past a megabyte; the signal that comes with the error is ignored.
    let shell = "trap '' XFSZ; ulimit -S -f 2048; exec \"$0\" \"$@\"";
    let mut child = spawn(Some(shell), folder.path(), 0);
    let lines = lines_of(&mut child);
    let mut acknowledged = HashSet::new();
    let refusal = loop {
        let line = next_line(&lines);
        match line.strip_prefix("refused ") {
            Some(refusal) => break refusal.to_owned(),
            None => acknowledged.insert(acknowledgement(&line)),
        };
    };
    let says_what_to_do = refusal.contains("writing resumes by itself") && refusal.contains("hub.db");
    assert!(says_what_to_do, "{refusal}");
    let raised = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &child.id().to_string()]).status();
    assert!(raised.expect("prlimit of util-linux is there").success());
    let mut after = 0;
    while after < 200 {
        let line = next_line(&lines);
        if !line.starts_with("refused ") {
            acknowledged.insert(acknowledgement(&line));
            after += 1;
        }
    }
    child.kill().expect("can be killed");
    child.wait().expect("is gone");
    acknowledged.extend(
        lines.iter().filter(|line| line.starts_with("ok ") && line.ends_with('\n')).map(|line| acknowledgement(&line)),
    );
    check(folder.path(), &acknowledged);
}

/// Not a test of its own: what the others start and kill. Commits until it dies and prints what was acknowledged.
#[test]
#[ignore = "started by the other tests of this file"]
#[expect(clippy::disallowed_methods, reason = "how a test tells its child process what to do")]
fn child_that_commits_in_a_loop() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).expect("set with the folder").parse().expect("a number");
    let store = SqliteStore::open_with(Path::new(&folder), options()).expect("opens");
    std::thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let store = &store;
            scope.spawn(move || {
                for number in (first..).skip(submitter as usize).step_by(SUBMITTERS as usize) {
                    say(&match store.commit(work(number)) {
                        Ok(()) => format!("ok {number}\n"),
                        Err(refusal) => format!("refused {refusal}\n"),
                    });
                }
            });
        }
    });
}

/// A message alone, or a message with everything that routing it might write, in turns.
fn work(number: u64) -> Changeset {
    let accept = Change::AcceptMessage(Message { body: vec![b'x'; 700], ..message(number) });
    if number.is_multiple_of(3) {
        return Changeset::new().with(accept);
    }
    let it = crossdock_core::transmission::Transmission {
        event: event_id(number),
        ..transmission(number, &format!("key {}", number % 10), number)
    };
    Changeset::new()
        .with(accept)
        .with(Change::AppendEvent(crossdock_core::event::Event {
            message: message_id(number),
            ..event(number, &[shipment(&number.to_string())])
        }))
        .with(Change::PutEntity(entity(&shipment(&number.to_string()), 1)))
        .with(put(&it))
}

/// Everything acknowledged is there, nothing is half there, nothing is there twice, and the counts are exact.
fn check(folder: &Path, acknowledged: &HashSet<u64>) {
    let store = SqliteStore::open_with(folder, options()).expect("opens after the kill");
    let stored = store.messages(&MessageFilter::default(), Page::first(1_000_000)).expect("readable");
    let numbers: HashSet<u64> =
        stored.iter().map(|stored| (stored.message.id.0.as_u128() - message_id(0).0.as_u128()) as u64).collect();
    assert_eq!(numbers.len(), stored.len(), "a message is there twice");
    let lost: Vec<_> = acknowledged.difference(&numbers).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");

    let mut whole = 0;
    for number in &numbers {
        assert_eq!(
            store.message_with_key(&"warehouse".into(), &format!("key-{number}")),
            Ok(Some(message_id(*number)))
        );
        let parts = [
            store.event(event_id(*number)).expect("readable").is_some(),
            store.entity(&shipment(&number.to_string())).expect("readable").is_some(),
            store.transmission(transmission_id(*number)).expect("readable").is_some(),
        ];
        assert_eq!(parts, [!number.is_multiple_of(3); 3], "changeset {number} is torn");
        whole += u64::from(parts[0]);
    }
    let counts = store.counts().expect("readable");
    assert_eq!(counts.events, whole);
    assert_eq!(counts.systems[&"warehouse".into()].messages["waiting"], stored.len() as u64);
    assert_eq!(counts.systems[&"odoo".into()].transmissions["owed"], whole);
    for number in acknowledged.iter().take(50) {
        let again = store.commit(Changeset::new().with(accept(*number)));
        assert_eq!(again, Err(CommitError::Duplicate(message_id(*number))));
    }
    // One head per key, and it is the lowest place of its key.
    let look = Look { lanes_max: 32, heads_max: 1_000, ..Look::default() };
    let lanes = store.due(&"odoo".into(), at(0), &look).expect("readable");
    let due: Vec<_> = lanes.into_iter().flat_map(|lane| lane.heads).collect();
    let owed = numbers.iter().filter(|number| !number.is_multiple_of(3));
    let keys: HashSet<u64> = owed.clone().map(|number| number % 10).collect();
    assert_eq!(due.len(), keys.len());
    for it in due {
        let lowest = owed.clone().filter(|number| format!("key {}", *number % 10) == it.key.as_str()).min();
        assert_eq!(Some(&it.place), lowest);
    }
    drop(store);
    sound(folder);
}

/// SQLite itself finds nothing wrong with the file.
fn sound(folder: &Path) {
    let connection = rusqlite::Connection::open(folder.join(FILE_NAME)).expect("opens");
    let told: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checks");
    assert_eq!(told, "ok");
}

/// Starts this test program as the child, from a shell script when there is one.
fn spawn(script: Option<&str>, folder: &Path, first: u64) -> Child {
    let own = std::env::current_exe().expect("knows itself");
    let mut command = match script {
        None => Command::new(own),
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(own);
            command
        }
    };
    command
        .args(["--exact", "sqlite::tests::crash::child_that_commits_in_a_loop", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process starts")
}

/// The child's own lines, with their line ends, so that a torn last one can be told.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        loop {
            let mut line = String::new();
            match output.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.starts_with("ok ") || line.starts_with("refused ") => drop(sender.send(line)),
                Ok(_) => {}
            }
        }
    });
    receiver
}

fn next_line(lines: &Receiver<String>) -> String {
    let begun = Instant::now();
    lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|error| panic!("{error} after {:?}", begun.elapsed()))
}

fn acknowledgement(line: &str) -> u64 {
    let number = line.strip_prefix("ok ").unwrap_or_else(|| panic!("refused: {line}"));
    number.trim_end().parse().expect("a number")
}

/// Written at once, so that lines of several threads do not mix.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).expect("the parent reads");
}
