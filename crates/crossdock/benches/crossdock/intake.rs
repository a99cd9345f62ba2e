//! Durable signed intake against a bare echo, and against a disk that is synced for every record.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::hub::{self, Hub};
use crate::load::{Burst, Expect, Requests, closed};
use crate::machine::cpu_seconds;
use crate::messages::{BODY_BYTES, shipment};
use crate::peers::{Peer, Role};
use crate::report::{Figure, Section};
use crate::stats::{Summary, number};

/// Connections of the figure that has a goal.
const MANY: usize = 64;
const GOAL: f64 = 0.5;
const SETTLE_LIMIT: Duration = Duration::from_secs(180);

/// One kind of server under load, over the rounds.
#[derive(Default)]
struct Series {
    rates: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    /// Microseconds of the server's processor time per message, until the last answer.
    cpu_us: Vec<f64>,
}

impl Series {
    fn add(&mut self, burst: &Burst, cpu_seconds: f64) {
        self.rates.push(burst.rate());
        self.p50_ms.push(burst.percentile_ms(0.5));
        self.p99_ms.push(burst.percentile_ms(0.99));
        self.cpu_us.push(cpu_seconds * 1e6 / burst.count as f64);
    }

    fn note(&self, who: &str) -> String {
        let shown = |values: &[f64]| Summary::of(values).shown();
        let (p50, p99, cpu) = (shown(&self.p50_ms), shown(&self.p99_ms), shown(&self.cpu_us));
        format!(
            "{who}: answered within {p50} ms (half of them) and {p99} ms (99 of 100); {cpu} µs of processor time each"
        )
    }
}

/// Measures this section.
///
/// # Errors
/// When a message is not accepted, or not routed afterwards.
pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "intake",
        "Durable signed intake",
        format!(
            "Webhooks of {BODY_BYTES} bytes, each with an id of its own, signed as Standard Webhooks asks (signatures \
             made beforehand), to a running\nhub. Each 202 means: signature verified, not a duplicate, synced to disk. \
             Every answer is checked. *Without a flow*, the hub only\nsets each message aside as wanted by nobody; \
             *with a mapped flow*, the router maps each to an event behind the intake and folds it\ninto its shipment, \
             on the same processors and into the same file."
        ),
        "a bare hyper server, as a process of its own, that reads the body and answers 202 with it: no signature, no disk.",
    );
    let files = [
        &[("systems/plain.yaml", hub::sender("plain")), ("systems/warehouse.yaml", hub::sender("warehouse"))][..],
        &hub::inbound("warehouse"),
    ]
    .concat();
    let hub = Hub::start(&bench.place, &files, &[]).await?;
    let echo = Peer::start(Role::Echo, None).await?;
    warm_up(bench, &hub, &echo).await?;
    for (connections, count, rounds) in bench.intake_loads() {
        let (mut bare, mut plain, mut mapped) = (Series::default(), Series::default(), Series::default());
        let (mut through, mut ours_us) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let requests = Arc::new(bench.signed("/in/plain", count, shipment)?);
            let own = cpu_seconds("self");
            let (burst, cpu) = run(&echo.id(), echo.address, &requests, connections, Expect::Echo).await?;
            bare.add(&burst, cpu);
            ours_us.push((cpu_seconds("self") - own) * 1e6 / count as f64);
            let (burst, cpu) = run(&hub.id(), hub.ingress, &requests, connections, Expect::Receipt).await?;
            plain.add(&burst, cpu);
            hub.settled(SETTLE_LIMIT).await?;
            let requests = Arc::new(bench.signed("/in/warehouse", count, shipment)?);
            let begun = Instant::now();
            let (burst, cpu) = run(&hub.id(), hub.ingress, &requests, connections, Expect::Receipt).await?;
            mapped.add(&burst, cpu);
            hub.settled(SETTLE_LIMIT).await?;
            through.push(count as f64 / begun.elapsed().as_secs_f64());
        }
        for (what, series) in [("without a flow", &plain), ("with a mapped flow", &mapped)] {
            let what = format!("{what}, {connections} connection{}", if connections == 1 { "" } else { "s" });
            let figure = Figure::new(what, "messages/s", &series.rates, &bare.rates);
            section.figures.push(if connections == MANY { figure.goal(GOAL) } else { figure });
        }
        if connections == MANY {
            section.notes.push(bare.note("Bare echo, 64 connections"));
            section.notes.push(plain.note("Without a flow, 64 connections"));
            section.notes.push(
                mapped.note("With a mapped flow, 64 connections (mapping and folding included as far as done by then)"),
            );
            let (through, ours) = (Summary::of(&through).shown(), Summary::of(&ours_us).shown());
            section
                .notes
                .push(format!("With a mapped flow, until the last message is mapped and folded: {through} messages/s"));
            section.notes.push(format!(
                "The load generator shares the processors: {ours} µs of processor time per exchange with the echo"
            ));
        }
    }
    echo.stop().await;
    hub.stop().await?;
    Ok(section)
}

/// First contacts, page faults and growing tables are not what is measured.
async fn warm_up(bench: &Bench, hub: &Hub, echo: &Peer) -> anyhow::Result<()> {
    let count = if bench.quick { 50 } else { 2_000 };
    for path in ["/in/plain", "/in/warehouse"] {
        let requests = Arc::new(bench.signed(path, count, shipment)?);
        closed(echo.address, &requests, MANY, Expect::Echo).await?;
        closed(hub.ingress, &requests, MANY, Expect::Receipt).await?;
        hub.settled(SETTLE_LIMIT).await?;
    }
    Ok(())
}

/// A burst, and the server's processor seconds meanwhile.
async fn run(
    process: &str,
    to: std::net::SocketAddr,
    requests: &Arc<Requests>,
    connections: usize,
    expect: Expect,
) -> anyhow::Result<(Burst, f64)> {
    let before = cpu_seconds(process);
    let burst = closed(to, requests, connections, expect).await?;
    Ok((burst, cpu_seconds(process) - before))
}

/// Measures how much is gained by syncing for many messages at once.
///
/// # Errors
/// When a message is not accepted, or the disk fails.
pub async fn measure_grouping(bench: &Bench) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "grouping",
        "Commit grouping",
        format!(
            "The same intake without a flow at {MANY} connections: messages that were synced to disk and answered, per second."
        ),
        format!(
            "a file on the same filesystem to which {BODY_BYTES} bytes are appended, `fdatasync`ed, and so on: one sync \
             per record, no HTTP, no index."
        ),
    );
    let hub = Hub::start(&bench.place, &[("systems/plain.yaml", hub::sender("plain"))], &[]).await?;
    let (count, rounds) = bench.grouping_load();
    let (mut accepted, mut synced) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let raw = raw_syncs(hub.folder(), if bench.quick { 20 } else { 2_000 })?;
        let requests = Arc::new(bench.signed("/in/plain", count, shipment)?);
        let burst = closed(hub.ingress, &requests, MANY, Expect::Receipt).await?;
        hub.settled(SETTLE_LIMIT).await?;
        // The first is for warming up.
        if round > 0 {
            accepted.push(burst.rate());
            synced.push(raw);
        }
    }
    hub.stop().await?;
    section.figures.push(Figure::new(format!("accepted, {MANY} connections"), "messages/s", &accepted, &synced));
    let sync_us: Vec<f64> = synced.iter().map(|rate| 1e6 / rate).collect();
    section.notes.push(format!("One append and sync takes {} µs here", number(Summary::of(&sync_us).median)));
    Ok(section)
}

/// Appends and syncs per second.
fn raw_syncs(folder: &Path, count: u32) -> anyhow::Result<f64> {
    let path = folder.join(".raw");
    let mut file: File = OpenOptions::new().create(true).append(true).open(&path)?;
    let record = shipment(0);
    file.write_all(record.as_bytes())?;
    file.sync_data()?;
    let begun = Instant::now();
    for _ in 0..count {
        file.write_all(record.as_bytes())?;
        file.sync_data()?;
    }
    let rate = f64::from(count) / begun.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}
