//! Does a hub grow slower with what it holds? Intake and start-up of a hub with up to ten million stored messages,
//! against one with ten thousand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::hub::{self, HubFolder};
use crate::load::{Expect, closed};
use crate::machine::memory_mib;
use crate::messages::{BODY_BYTES, shipment};
use crate::plot::{Axis, Plot};
use crate::report::{Figure, Section};
use crate::seed;
use crate::stats::Summary;

const CONNECTIONS: usize = 64;
/// Intake of the largest against the smallest.
const GOAL: f64 = 0.9;
/// Start-up, in seconds.
const START_S: f64 = 1.0;
const SETTLE_LIMIT: Duration = Duration::from_secs(300);

/// What one size gave.
struct Stage {
    stored: usize,
    rates: Vec<f64>,
    small_rates: Vec<f64>,
    starts_s: Vec<f64>,
    empty_starts_s: Vec<f64>,
}

/// Measures this section.
///
/// # Errors
/// When a message is not accepted, or the store cannot be filled.
pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let sizes: &[usize] = if bench.quick { &[100, 400] } else { &[10_000, 100_000, 1_000_000, 10_000_000] };
    let sizes: Vec<usize> = sizes.iter().copied().filter(|size| *size <= bench.stored_max).collect();
    anyhow::ensure!(!sizes.is_empty(), "--stored-max is less than the least that is measured");
    let mut section = Section::new(
        "flatness",
        "As history grows",
        format!(
            "Signed webhooks of {BODY_BYTES} bytes at {CONNECTIONS} connections to a hub that already holds so many messages \
             (small ones, written through its own\nstore, with the keys by which repetitions are known); and the time from \
             the start of the program until it is ready."
        ),
        "for intake, a fresh hub with the smallest number stored, in turns with the other; for start-up, a hub without any data.",
    );
    let small = sizes[0];
    let mut folder = HubFolder::write(&bench.place, &files())?;
    let mut stored = 0;
    let mut stages = Vec::new();
    for size in &sizes {
        let begun = Instant::now();
        seed::messages(&folder.data(), stored, size.saturating_sub(stored))?;
        let seeded = begun.elapsed().as_secs_f64();
        let (stage, kept, mib) = stage(bench, folder, *size, small).await?;
        folder = kept;
        let file = folder.data().join("hub.db");
        let gib = std::fs::metadata(file).map_or(0.0, |it| it.len() as f64 / f64::from(1 << 30));
        eprintln!(
            "  {size} stored: seeded in {seeded:.0} s, {gib:.2} GiB, intake {:.0}/s",
            Summary::of(&stage.rates).median
        );
        section.notes.push(format!(
            "With {size} stored: the file is {gib:.2} GiB, the hub held {mib:.0} MiB at most while it took messages in"
        ));
        stored = size + bench_messages(bench) * (bench.rounds() + 1);
        stages.push(stage);
    }
    report(&mut section, &stages);
    Ok(section)
}

fn bench_messages(bench: &Bench) -> usize {
    if bench.quick { 50 } else { 10_000 }
}

fn files() -> [(&'static str, String); 1] {
    [("systems/plain.yaml", hub::sender("plain"))]
}

/// Starts and loads a hub of this size, in turns with others. Returns its folder, and its memory.
async fn stage(
    bench: &Bench,
    mut folder: HubFolder,
    stored: usize,
    small: usize,
) -> anyhow::Result<(Stage, HubFolder, f64)> {
    let mut stage =
        Stage { stored, rates: Vec::new(), small_rates: Vec::new(), starts_s: Vec::new(), empty_starts_s: Vec::new() };
    for _ in 0..bench.rounds() {
        let empty = HubFolder::write(&bench.place, &files())?.run(&[]).await?;
        stage.empty_starts_s.push(empty.started_in.as_secs_f64());
        empty.stop().await?;
        let hub = folder.run(&[]).await?;
        stage.starts_s.push(hub.started_in.as_secs_f64());
        folder = hub.stop_and_keep().await?;
    }
    let beside = HubFolder::write(&bench.place, &files())?;
    seed::messages(&beside.data(), 0, small)?;
    let (beside, hub) = (beside.run(&[]).await?, folder.run(&[]).await?);
    let count = bench_messages(bench);
    for round in 0..=bench.rounds() {
        let requests = Arc::new(bench.signed("/in/plain", count, shipment)?);
        let mut rates = [0.0, 0.0];
        // Who comes first changes from round to round.
        for turn in [round % 2, 1 - round % 2] {
            let to = if turn == 0 { &beside } else { &hub };
            rates[turn] = closed(to.ingress, &requests, CONNECTIONS, Expect::Receipt).await?.rate();
            to.settled(SETTLE_LIMIT).await?;
        }
        // The first is for warming up.
        if round > 0 {
            stage.small_rates.push(rates[0]);
            stage.rates.push(rates[1]);
        }
    }
    let (_, most_mib) = memory_mib(&hub.id());
    beside.stop().await?;
    Ok((stage, hub.stop_and_keep().await?, most_mib))
}

fn report(section: &mut Section, stages: &[Stage]) {
    for (n, stage) in stages.iter().enumerate() {
        let what = format!("intake with {} stored", grouped(stage.stored));
        let figure = Figure::new(what, "messages/s", &stage.rates, &stage.small_rates);
        section.figures.push(if n + 1 == stages.len() { figure.goal(GOAL) } else { figure });
    }
    for (n, stage) in stages.iter().enumerate() {
        let what = format!("start-up with {} stored", grouped(stage.stored));
        let figure = Figure::new(what, "s", &stage.starts_s, &stage.empty_starts_s);
        section.figures.push(if n + 1 == stages.len() { figure.at_most(START_S) } else { figure });
    }
    let line = |rates: fn(&Stage) -> &Vec<f64>| {
        stages.iter().map(|stage| (stage.stored as f64, Summary::of(rates(stage)).median)).collect()
    };
    section.plots.push(Plot {
        file: "benchmarks-flatness.svg",
        title: "Intake as history grows",
        x: Axis { label: "messages stored", is_log: true },
        y: Axis { label: "messages/s", is_log: false },
        series: vec![
            ("this many stored", line(|stage| &stage.rates)),
            ("the smallest number stored, in the same minute", line(|stage| &stage.small_rates)),
        ],
    });
}

fn grouped(count: usize) -> String {
    crate::stats::number(count as f64)
}
