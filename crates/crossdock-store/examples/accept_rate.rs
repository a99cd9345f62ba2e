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
    let (cpu, begun) = (cpu_seconds(), Instant::now());
    for _ in 0..messages / 1000 {
        let changeset: Changeset = (0..1000).map(|_| Change::AcceptMessage(message())).collect();
        store.commit(changeset).expect("accepted");
    }
    if messages > 0 {
        let each = (cpu_seconds() - cpu) * 1e6 / messages as f64;
        println!("stored {messages} in {:?}, {each:.1} us of processor time each", begun.elapsed());
    }
}

/// A message with an id that grows with time, a random dedup key, and a body of which half compresses, as webhooks' do.
fn message() -> Message {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let now = Timestamp::now();
    let random = |place: u64| scatter(now.as_nanosecond() as u64 ^ MADE.fetch_add(1, Ordering::Relaxed) << 40 ^ place);
    let mut body = vec![0; 512];
    for (place, part) in body.chunks_mut(8).enumerate() {
        part.copy_from_slice(&if place % 2 == 0 { random(place as u64).to_le_bytes() } else { *b"shipment" });
    }
    let id = uuid::Builder::from_unix_timestamp_millis(now.as_millisecond() as u64, &random_ten(&random)).into_uuid();
    Message {
        id: MessageId(id),
        system: SystemName::from("warehouse"),
        channel: "shipments".into(),
        dedup_key: format!("{:016x}{:016x}", random(1), random(2)),
        received_at: now,
        content_type: "application/json".into(),
        headers: vec![("content-type".into(), "application/json".into()), ("user-agent".into(), "sender/1.0".into())],
        body,
        cause: None,
    }
}

fn random_ten(random: &impl Fn(u64) -> u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&random(3).to_le_bytes());
    bytes[8..].copy_from_slice(&random(4).to_le_bytes()[..2]);
    bytes
}

/// SplitMix64's finaliser.
fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Processor time of this process, from `/proc`; 0 where there is none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
