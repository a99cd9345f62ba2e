//! What a durable accept costs on each candidate engine, in one run on one machine.
//!
//! An accept is what intake needs: a 512-byte message by position, its id, its place in the inbox, and its dedup key,
//! which is random and must be refused when it is known. Each commit is on the disk when it returns. All engines are filled
//! with the same messages, then take turns of a second or so at each group size. The best turn of each is shown beside
//! the middle one, because other work on the machine only ever makes a turn slower.

mod engines;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engines::{Accept, Engine};

const GROUPS: [usize; 3] = [1, 10, 100];
const ROUNDS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let before: usize = arguments.next().map_or(200_000, |text| text.parse().expect("a number of messages"));
    let seconds: f64 = arguments.next().map_or(1.5, |text| text.parse().expect("seconds per round"));
    let round = Duration::from_secs_f64(seconds);
    let scratch = std::env::temp_dir().join(format!("store-engines-{}", std::process::id()));

    println!("{before} messages stored before, best / middle of {ROUNDS} rounds of {seconds} s; load {}", load());
    let mut subjects: Vec<Subject> = engines::ALL
        .iter()
        .enumerate()
        .map(|(number, open)| Subject::filled(*open, scratch.join(number.to_string()), before))
        .collect();
    for _ in 0..ROUNDS {
        for size in 0..GROUPS.len() {
            subjects.iter_mut().for_each(|subject| subject.round(size, round));
        }
        eprintln!("load {}", load());
    }
    println!("| engine | 1 per sync | 10 per sync | 100 per sync | reads by key | reopen | bytes per message |");
    println!("|---|---|---|---|---|---|---|");
    subjects.into_iter().for_each(|subject| println!("{}", subject.report(round)));
    println!("load at the end {}", load());
    drop(std::fs::remove_dir_all(&scratch));
}

/// One engine with what was measured of it. All are open at the same time and take turns.
struct Subject {
    open: engines::Open,
    folder: PathBuf,
    engine: Box<dyn Engine>,
    source: Source,
    known: Vec<[u8; 16]>,
    rates: [Vec<f64>; GROUPS.len()],
}

impl Subject {
    fn filled(open: engines::Open, folder: PathBuf, before: usize) -> Self {
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        let (mut engine, mut source, mut known) = (open(&folder), Source::default(), Vec::new());
        let begun = Instant::now();
        for _ in 0..before / 1000 {
            let group = source.group(1000);
            known.extend(group.iter().step_by(50).map(|accept| accept.key));
            engine.accept(&group);
        }
        eprintln!("{} filled in {:?}", engine.name(), begun.elapsed());
        Self { open, folder, engine, source, known, rates: Default::default() }
    }

    fn round(&mut self, size: usize, time: Duration) {
        let group = GROUPS[size];
        // Made beforehand: making messages is not what is measured.
        let ready: Vec<_> = (0..100_000_usize.div_ceil(group).min(30_000)).map(|_| self.source.group(group)).collect();
        let (begun, mut accepted) = (Instant::now(), 0);
        for group in &ready {
            self.engine.accept(group);
            accepted += group.len();
            if begun.elapsed() > time {
                break;
            }
        }
        self.rates[size].push(accepted as f64 / begun.elapsed().as_secs_f64());
    }

    fn report(self, time: Duration) -> String {
        let Self { open, folder, engine, known, rates, .. } = self;
        let (name, stored) = (engine.name(), engine.stored());
        drop(engine);
        let begun = Instant::now();
        let mut engine = open(&folder);
        assert!(known.is_empty() || engine.knows(&known[0]).unwrap_or(true), "{name} lost a key");
        let reopened = begun.elapsed().as_secs_f64() * 1000.0;
        let reads = reads_per_second(&mut *engine, &known, time);
        drop(engine);
        let rates: Vec<String> = rates.into_iter().map(best_and_middle).collect();
        let bytes = folder_bytes(&folder) / stored.max(1);
        let reads = reads.map_or("–".to_owned(), |rate| format!("{rate:.0}/s"));
        format!("| {name} | {} | {reads} | {reopened:.0} ms | {bytes} |", rates.join(" | "))
    }
}

fn reads_per_second(engine: &mut dyn Engine, known: &[[u8; 16]], round: Duration) -> Option<f64> {
    engine.knows(known.first()?)?;
    let (begun, mut read) = (Instant::now(), 0_usize);
    while begun.elapsed() < round {
        for turn in 0..100 {
            let key = &known[(read + turn) * 7919 % known.len()];
            assert_eq!(engine.knows(key), Some(true));
        }
        read += 100;
    }
    Some(read as f64 / begun.elapsed().as_secs_f64())
}

fn best_and_middle(mut rates: Vec<f64>) -> String {
    rates.sort_unstable_by(f64::total_cmp);
    format!("{:.0} / {:.0}", rates[rates.len() - 1], rates[rates.len() / 2])
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the scratch folder");
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => folder_bytes(&entry.path()),
        _ => entry.metadata().map_or(0, |file| file.len()),
    };
    entries.flatten().map(size).sum()
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Makes messages that are the same in every run.
#[derive(Default)]
struct Source {
    state: u64,
    made: u64,
}

impl Source {
    fn group(&mut self, size: usize) -> Vec<Accept> {
        (0..size).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Accept {
        self.made += 1;
        let mut key = [0; 16];
        key.chunks_mut(8).for_each(|half| half.copy_from_slice(&self.random().to_le_bytes()));
        let mut body = vec![0; 512];
        // Half random, half text: about as compressible as a webhook body.
        for (place, part) in body.chunks_mut(8).enumerate() {
            part.copy_from_slice(&if place % 2 == 0 { self.random().to_le_bytes() } else { *b"shipment" });
        }
        // Ids grow with time, as UUIDv7 do.
        let id = (u128::from(self.made) << 64 | u128::from(self.random())).to_be_bytes();
        Accept { id, key, body }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}
