//! How many messages a second the embedded store accepts durably.
//!
//! `cargo run --release -p crossdock-store --example accept_rate -- [seconds] [submitters] [stored before] [folder]`
//!
//! Each submitter hands over one 512-byte message with a random dedup key and waits until it is on disk, as a request
//! handler does. Prints the rate, the waiting times and the machine's load. Compare only figures of one run.

#![expect(clippy::disallowed_methods, reason = "a measuring program has its own clock, ids and arguments")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::{MessageId, SystemName};
use crossdock_core::message::Message;
use crossdock_store::{SqliteStore, Store};
use jiff::Timestamp;
use uuid::Uuid;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds: f64 = arguments.next().map_or(5.0, |text| text.parse().expect("seconds is a number"));
    let submitters: usize = arguments.next().map_or(64, |text| text.parse().expect("submitters is a number"));
    let before: u64 = arguments.next().map_or(0, |text| text.parse().expect("stored before is a number"));
    let scratch = std::env::temp_dir().join(format!("accept-rate-{}", std::process::id()));
    let folder = arguments.next().map_or(scratch.clone(), PathBuf::from);

    let opened = Instant::now();
    let store = SqliteStore::open(&folder).expect("the folder can be opened");
    println!("opened in {:?}", opened.elapsed());
    fill(&store, before);

    let accepted = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let (cpu, begun) = (cpu_seconds(), Instant::now());
    let mut waits: Vec<Duration> = std::thread::scope(|scope| {
        let submit = || {
            let mut waits = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                store.commit(Changeset::new().with(Change::AcceptMessage(message()))).expect("accepted");
                waits.push(begun.elapsed());
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            waits
        };
        let threads: Vec<_> = (0..submitters).map(|_| scope.spawn(submit)).collect();
        std::thread::sleep(Duration::from_secs_f64(seconds));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().expect("a submitter ends")).collect()
    });
    let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);

    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    let accepted = accepted.into_inner();
    let figures = store.figures();
    println!(
        "{:.0} accepts/s over {took:.1} s, {submitters} submitters; waited p50 {:?} p99 {:?} p99.9 {:?} longest {:?}",
        accepted as f64 / took,
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    println!(
        "{:.1} per commit, {:.1} us of processor time each, log {} MiB; load {}",
        figures.changesets as f64 / figures.commits as f64,
        cpu * 1e6 / accepted as f64,
        figures.wal_bytes >> 20,
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim()
    );
    let closed = Instant::now();
    store.close();
    println!("closed in {:?}", closed.elapsed());
    drop(std::fs::remove_dir_all(scratch));
}

/// Stores messages as fast as possible, many to a changeset.
fn fill(store: &SqliteStore, messages: u64) {
    let begun = Instant::now();
    for _ in 0..messages / 1000 {
        let changeset: Changeset = (0..1000).map(|_| Change::AcceptMessage(message())).collect();
        store.commit(changeset).expect("accepted");
    }
    if messages > 0 {
        println!("stored {messages} in {:?}", begun.elapsed());
    }
}

fn message() -> Message {
    let id = Uuid::now_v7();
    // Half of it compresses, as webhook bodies do.
    let body: Vec<u8> = (0..16).flat_map(|_| Uuid::now_v7().simple().to_string().into_bytes()).collect();
    Message {
        id: MessageId(id),
        system: SystemName::from("warehouse"),
        channel: "shipments".into(),
        dedup_key: format!("{:032x}", id.as_u128().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        received_at: Timestamp::now(),
        content_type: "application/json".into(),
        headers: vec![("content-type".into(), "application/json".into()), ("user-agent".into(), "sender/1.0".into())],
        body,
        cause: None,
    }
}

/// Processor time of this process, from `/proc`; 0 where there is none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
