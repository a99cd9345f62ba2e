//! Mappings per second of CPU time, one thread: a telematics webhook of some 700 bytes to a canonical proof of delivery. Prints
//! the mapping alone, the whole way (read JSON, map, write JSON), and how long 200 such mappings take to compile.
//!
//! `cargo run --release -p crossdock-core --example mapping_speed`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossdock_core::mapping::{CodeList, CodeLists, MapLimits, Mapping, Scope};
use crossdock_core::source::{Entry, Location, Node, NodeKind};
use crossdock_core::value::{JsonLimits, Value};

#[path = "../src/mapping/tests/webhook/by_hand.rs"]
mod by_hand;
#[path = "../src/mapping/tests/yaml.rs"]
mod yaml;

use by_hand::by_hand;

const MAPPING: &str = include_str!("../src/mapping/tests/webhook/mapping.yaml");
const MESSAGE: &str = include_str!("../src/mapping/tests/webhook/message.json");
const CODES: &str = include_str!("../src/mapping/tests/webhook/codes.yaml");

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(1500);

fn main() {
    let mut codes = CodeLists::new();
    for entry in yaml::node("codes.yaml", CODES).entries().expect("a map of lists") {
        codes.add(CodeList::compile(&entry.key, &entry.value).expect("right")).expect("names differ");
    }
    let scope = Scope::new(["message"]).with_codes(Arc::new(codes));
    let node = yaml::node("mapping.yaml", MAPPING);
    let mapping = Mapping::compile(&node, &scope).expect("right");
    let limits = MapLimits::default();
    let parse = || Value::parse_json(MESSAGE.as_bytes(), &JsonLimits::default()).expect("JSON");

    let bindings = scope.bind([("message", parse())]);
    let target = mapping.apply(&bindings, &limits).expect("maps");
    println!("message {} bytes, target {} bytes", MESSAGE.len(), target.to_json_string().len());

    let theirs: serde_json::Value = serde_json::from_str(MESSAGE).expect("JSON");
    let ours: serde_json::Value = serde_json::from_str(&target.to_json_string()).expect("JSON");
    assert_eq!(by_hand(&theirs), Some(ours), "the baseline does the same work");

    let hand = report("by hand, map only", || {
        black_box(by_hand(black_box(&theirs)).expect("maps"));
    });
    let map = report("map only", || {
        black_box(mapping.apply(black_box(&bindings), &limits).expect("maps"));
    });
    println!("{:<18} {:>9.2} of the same mapping written in Rust over serde_json", "", map / hand);
    report("read, map, write", || {
        let bindings = scope.bind([("message", parse())]);
        black_box(mapping.apply(&bindings, &limits).expect("maps").to_json_string());
    });
    report("read only", || {
        black_box(parse());
    });
    report("write only", || {
        black_box(black_box(&target).to_json_string());
    });

    let started = Instant::now();
    for _ in 0..200 {
        black_box(Mapping::compile(black_box(&node), &scope).expect("right"));
    }
    println!("{:<18} {:>9.0} ms", "compile 200", started.elapsed().as_secs_f64() * 1000.0);
}

/// The time this thread has run, where the system tells it (Linux).
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// The best of some rounds, because other work on the machine only ever slows one down.
fn report(what: &str, mut run: impl FnMut()) -> f64 {
    let best = (0..ROUNDS)
        .map(|_| {
            let (started, started_cpu, mut count) = (Instant::now(), cpu_time(), 0_u32);
            while started.elapsed() < ROUND {
                (0..64).for_each(|_| run());
                count += 64;
            }
            let spent = match (started_cpu, cpu_time()) {
                (Some(before), Some(after)) => after - before,
                _ => started.elapsed(),
            };
            f64::from(count) / spent.as_secs_f64()
        })
        .fold(0.0, f64::max);
    println!("{what:<18} {best:>9.0} /s");
    best
}
