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
const GOAL: f64 = 0.6;
/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";
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
    let hub = hub(&bench.place).await?;
    let echo = Peer::start(Role::Echo, None).await?;
    warm_up(bench, &hub, &echo).await?;
    for (connections, count, rounds) in bench.intake_loads() {
        let (mut all, mut allowed) = (Rounds::default(), Vec::new());
        for _ in 0..rounds {
            // As many bytes a sync as there are when all connections wait for the same one.
            let syncs = raw_syncs(hub.folder(), if bench.quick { 5 } else { 100 }, connections)?;
            allowed.push(syncs * connections as f64);
            all.run(bench, &hub, &echo, connections, count).await?;
        }
        all.report(connections, &mut section);
        let what = format!("without a flow, {}, of what the disk allows", shown(connections));
        section.figures.push(Figure::new(what, "messages/s", &all.plain.rates, &allowed));
        if connections == MANY {
            let sync_us: Vec<f64> = allowed.iter().map(|rate| 1e6 * connections as f64 / rate).collect();
            let (sync_us, allowed) = (Summary::of(&sync_us).shown(), Summary::of(&allowed).shown());
            section.notes.push(format!(
                "*What the disk allows*: one sync takes {sync_us} µs on this disk in this run, and {connections} \
                 connections that each wait for the answer give no more than {connections} messages to one sync. So \
                 no server that answers after the sync can do more than {allowed} messages/s, whatever the echo does"
            ));
        }
    }
    echo.stop().await;
    hub.stop().await?;
    Ok(section)
}

/// Measures the same on a file system in memory: what the processor allows.
///
/// # Errors
/// When a message is not accepted, or not routed afterwards.
pub async fn measure_in_memory(bench: &Bench) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "intake-in-memory",
        "Signed intake without a disk",
        "The same as above with the data on a file system in memory, where a sync costs nothing: what the hub's own work \
         allows when the\ndisk does not hold it up.",
        "the same bare hyper server.",
    );
    let Ok(place) = tempfile::Builder::new().prefix("crossdock-bench-").tempdir_in(MEMORY) else {
        section.not_measured = Some(format!("there is no {MEMORY} to write to"));
        return Ok(section);
    };
    let hub = hub(place.path()).await?;
    let echo = Peer::start(Role::Echo, None).await?;
    warm_up(bench, &hub, &echo).await?;
    for (connections, count, rounds) in bench.intake_loads().into_iter().take(2) {
        let mut all = Rounds::default();
        for _ in 0..rounds {
            all.run(bench, &hub, &echo, connections, count).await?;
        }
        all.report(connections, &mut section);
    }
    echo.stop().await;
    hub.stop().await?;
    Ok(section)
}

/// A hub with a sender whose messages no flow takes, and one whose messages are mapped.
async fn hub(place: &Path) -> anyhow::Result<Hub> {
    let files = [
        &[("systems/plain.yaml", hub::sender("plain")), ("systems/warehouse.yaml", hub::sender("warehouse"))][..],
        &hub::inbound("warehouse"),
    ]
    .concat();
    Hub::start(place, &files, &[]).await
}

fn shown(connections: usize) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

/// The rounds of one load: echo, without a flow, with a mapped flow, in turns.
#[derive(Default)]
struct Rounds {
    bare: Series,
    plain: Series,
    mapped: Series,
    /// With a mapped flow, until the last message was mapped: messages per second.
    through: Vec<f64>,
    /// The load generator's own microseconds per exchange with the echo.
    ours_us: Vec<f64>,
}

impl Rounds {
    async fn run(
        &mut self,
        bench: &Bench,
        hub: &Hub,
        echo: &Peer,
        connections: usize,
        count: usize,
    ) -> anyhow::Result<()> {
        let requests = Arc::new(bench.signed("/in/plain", count, shipment)?);
        let own = cpu_seconds("self");
        let (burst, cpu) = run(&echo.id(), echo.address, &requests, connections, Expect::Echo).await?;
        self.bare.add(&burst, cpu);
        self.ours_us.push((cpu_seconds("self") - own) * 1e6 / count as f64);
        let (burst, cpu) = run(&hub.id(), hub.ingress, &requests, connections, Expect::Receipt).await?;
        self.plain.add(&burst, cpu);
        hub.settled(SETTLE_LIMIT).await?;
        let requests = Arc::new(bench.signed("/in/warehouse", count, shipment)?);
        let begun = Instant::now();
        let (burst, cpu) = run(&hub.id(), hub.ingress, &requests, connections, Expect::Receipt).await?;
        self.mapped.add(&burst, cpu);
        hub.settled(SETTLE_LIMIT).await?;
        self.through.push(count as f64 / begun.elapsed().as_secs_f64());
        Ok(())
    }

    fn report(&self, connections: usize, section: &mut Section) {
        for (what, series) in [("without a flow", &self.plain), ("with a mapped flow", &self.mapped)] {
            let what = format!("{what}, {}", shown(connections));
            let figure = Figure::new(what, "messages/s", &series.rates, &self.bare.rates);
            section.figures.push(if connections == MANY { figure.goal(GOAL) } else { figure });
        }
        if connections != MANY {
            return;
        }
        let (through, ours) = (Summary::of(&self.through).shown(), Summary::of(&self.ours_us).shown());
        section.notes.extend([
            self.bare.note("Bare echo, 64 connections"),
            self.plain.note("Without a flow, 64 connections"),
            self.mapped
                .note("With a mapped flow, 64 connections (mapping and folding included as far as done by then)"),
            format!("With a mapped flow, until the last message is mapped and folded: {through} messages/s"),
            format!("The load generator shares the processors: {ours} µs of processor time per exchange with the echo"),
        ]);
    }
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
        let raw = raw_syncs(hub.folder(), if bench.quick { 20 } else { 2_000 }, 1)?;
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

/// Appends of this many records, with a sync each, per second.
fn raw_syncs(folder: &Path, count: u32, records: usize) -> anyhow::Result<f64> {
    let path = folder.join(".raw");
    let mut file: File = OpenOptions::new().create(true).append(true).open(&path)?;
    let record = shipment(0).repeat(records);
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
