//! Mappings per second: a telematics webhook to a proof of delivery, through the mapping language and by hand.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use crossdock_core::mapping::{CodeList, CodeLists, MapLimits, Mapping, Scope};
use crossdock_core::source::{Entry, Location, Node, NodeKind};
use crossdock_core::value::{JsonLimits, Value};

use crate::Bench;
use crate::report::{Figure, Section};

#[path = "../../../crossdock-core/src/mapping/tests/webhook/by_hand.rs"]
mod by_hand;
#[path = "../../../crossdock-core/src/mapping/tests/yaml.rs"]
mod yaml;

const MAPPING: &str = include_str!("../../../crossdock-core/src/mapping/tests/webhook/mapping.yaml");
const MESSAGE: &str = include_str!("../../../crossdock-core/src/mapping/tests/webhook/message.json");
const CODES: &str = include_str!("../../../crossdock-core/src/mapping/tests/webhook/codes.yaml");

/// Measures this section.
///
/// # Errors
/// When the two do not give the same.
pub fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let mut codes = CodeLists::new();
    for entry in yaml::node("codes.yaml", CODES).entries().context("codes.yaml holds lists")? {
        codes.add(compiled(CodeList::compile(&entry.key, &entry.value))?).map_err(anyhow::Error::msg)?;
    }
    let scope = Scope::new(["message"]).with_codes(Arc::new(codes));
    let mapping = compiled(Mapping::compile(&yaml::node("mapping.yaml", MAPPING), &scope))?;
    let limits = MapLimits::default();
    let parse = || Value::parse_json(MESSAGE.as_bytes(), &JsonLimits::default()).expect("read before");
    let theirs: serde_json::Value = serde_json::from_str(MESSAGE)?;
    let bindings = scope.bind([("message", parse())]);
    let target = mapping.apply(&bindings, &limits)?;
    let ours: serde_json::Value = serde_json::from_str(&target.to_json_string())?;
    ensure!(by_hand::by_hand(&theirs) == Some(ours), "the mapping and the Rust by hand differ");

    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..bench.rounds() {
        rates[0].push(rate(bench, || drop(black_box(mapping.apply(black_box(&bindings), &limits)))));
        rates[1].push(rate(bench, || drop(black_box(by_hand::by_hand(black_box(&theirs))))));
        rates[2].push(rate(bench, || {
            let bindings = scope.bind([("message", parse())]);
            drop(black_box(mapping.apply(&bindings, &limits).map(|target| target.to_json_string())));
        }));
        rates[3].push(rate(bench, || {
            let read: Option<serde_json::Value> = serde_json::from_str(black_box(MESSAGE)).ok();
            drop(black_box(read.and_then(|read| by_hand::by_hand(&read)).map(|target| target.to_string())));
        }));
    }
    let mut section = Section::new(
        "mapping",
        "Mappings per second",
        format!(
            "A telematics webhook of {} bytes becomes a proof of delivery: renamed fields, nested look-ups, two forms of \
             time, a zone,\ncode lists, a computed status, an array of lines. The sources lie in \
             [crates/crossdock-core/src/mapping/tests/webhook](../crates/crossdock-core/src/mapping/tests/webhook/). \
             One thread,\nper second of its processor time.",
            MESSAGE.len()
        ),
        "the same written by hand in Rust for this one message, over serde_json and jiff; both give the same result.",
    );
    section.figures.push(Figure::new("map only", "per s", &rates[0], &rates[1]));
    section.figures.push(Figure::new("read JSON, map, write JSON", "per s", &rates[2], &rates[3]));
    Ok(section)
}

/// How often it can be done in a second of this thread's processor time.
fn rate(bench: &Bench, mut work: impl FnMut()) -> f64 {
    let round = if bench.quick { Duration::from_millis(20) } else { Duration::from_millis(1500) };
    let (begun, begun_cpu, mut count) = (Instant::now(), cpu_time(), 0_u32);
    while begun.elapsed() < round {
        (0..64).for_each(|_| work());
        count += 64;
    }
    let spent = match (begun_cpu, cpu_time()) {
        (Some(before), Some(after)) => after - before,
        _ => begun.elapsed(),
    };
    f64::from(count) / spent.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// The time this thread has run, where the system tells it (Linux).
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

fn compiled<T, E: std::fmt::Debug>(result: Result<T, E>) -> anyhow::Result<T> {
    result.map_err(|mistakes| anyhow::anyhow!("the sample is not accepted: {mistakes:?}"))
}
