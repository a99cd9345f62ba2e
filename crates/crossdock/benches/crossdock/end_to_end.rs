//! Webhook in, mapping, HTTP out, against a bare proxy to the same receiver.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Bench;
use crate::hub::{self, Hub};
use crate::load::{Expect, Timetable, closed, paced};
use crate::machine::cpu_seconds;
use crate::messages::{BODY_BYTES, shipment};
use crate::moments::Moments;
use crate::peers::{Peer, Role, Sink};
use crate::plot::{Axis, Plot};
use crate::report::{Figure, Section};
use crate::stats::{Summary, percentile};

const CONNECTIONS: usize = 64;
/// What the hub may add at half load, in milliseconds.
const ADDS_HALF_MS: f64 = 5.0;
const ADDS_MOST_MS: f64 = 25.0;
/// The goal against a bare proxy.
const GOAL: f64 = 0.35;
/// Parts of the messages whose latency is drawn.
const CURVE: &[f64] = &[0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999];
const ARRIVE_LIMIT: Duration = Duration::from_secs(180);

/// The two ways to the receiver, and the receivers.
struct Ways {
    hub: Hub,
    proxy: Peer,
    behind_hub: Sink,
    behind_proxy: Sink,
}

/// Measures this section.
///
/// # Errors
/// When something is lost on the way, or comes twice.
pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "end-to-end",
        "End to end: webhook in, mapping, HTTP out",
        format!(
            "Signed webhooks of {BODY_BYTES} bytes at {CONNECTIONS} connections; each is accepted durably, mapped to an \
             event, folded into its shipment, mapped to a\nrequest (`request.send` of the connector `http`, at most \
             {CONNECTIONS} at once) and sent to a receiver; every attempt and every result is\nrecorded durably. Counted \
             from the first webhook until the receiver has all of them, each exactly once. At half load the sender keeps to its timetable\nwhether or not it was answered, and what left late counts from when \
             it was due."
        ),
        "a bare hyper proxy, as a process of its own, that hands each request on to such a receiver over kept connections \
         and answers with its\nanswer: no signature, no disk, no mapping.",
    );
    let ways = open(bench).await?;
    let (count, rounds) = bench.end_to_end_load();
    let (mut ours, mut bare, mut cpu_us) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let first = bench.next_number();
        let requests = Arc::new(bench.signed("/in/warehouse", count, shipment)?);
        let expected = ways.behind_proxy.arrived.count() + count;
        let burst = closed(ways.proxy.address, &requests, CONNECTIONS, Expect::Ok).await?;
        ensure!(ways.behind_proxy.arrived.count() == expected, "the proxy lost something");
        let (begun, cpu) = (Instant::now(), cpu_seconds(&ways.hub.id()));
        let expected = ways.behind_hub.arrived.count() + count;
        closed(ways.hub.ingress, &requests, CONNECTIONS, Expect::Receipt).await?;
        ensure!(
            ways.behind_hub.arrived.wait_for(expected, ARRIVE_LIMIT).await,
            "not everything arrived from {first} on: {:?}",
            ways.hub.overview().await?
        );
        let seconds = begun.elapsed().as_secs_f64();
        ways.hub.settled(ARRIVE_LIMIT).await?;
        // The first is for warming up.
        if round > 0 {
            ours.push(count as f64 / seconds);
            bare.push(burst.rate());
            cpu_us.push((cpu_seconds(&ways.hub.id()) - cpu) * 1e6 / count as f64);
        }
    }
    section.figures.push(Figure::new("until all have arrived", "messages/s", &ours, &bare).goal(GOAL));
    section.notes.push(format!("The hub's processor time per message, all steps: {} µs", Summary::of(&cpu_us).shown()));
    add_latency(bench, &ways, &mut section, Summary::of(&ours).median / 2.0).await?;
    ensure!(ways.behind_hub.arrived.again() == 0, "the receiver got {} twice", ways.behind_hub.arrived.again());
    ways.proxy.stop().await;
    ways.hub.stop().await?;
    Ok(section)
}

async fn open(bench: &Bench) -> anyhow::Result<Ways> {
    let room = 2_000_000;
    let (behind_hub, behind_proxy) = (Sink::start(room).await?, Sink::start(room).await?);
    let receiver = receiver(behind_hub.address);
    let files = [
        &[
            ("systems/warehouse.yaml", hub::sender("warehouse")),
            ("systems/receiver.yaml", receiver),
            ("flows/tell.yaml", FLOW.to_owned()),
            ("mappings/receiver/shipment.yaml", MAPPING.to_owned()),
        ][..],
        &hub::inbound("warehouse"),
    ]
    .concat();
    let hub = Hub::start(&bench.place, &files, &[]).await?;
    let proxy = Peer::start(Role::Proxy, Some(behind_proxy.address)).await?;
    Ok(Ways { hub, proxy, behind_hub, behind_proxy })
}

/// The system that everything is sent to.
pub fn receiver(address: SocketAddr) -> String {
    format!(
        "system: receiver\nconnector: http\ndomain: commerce\nowner: bench\nconfig:\n  url: http://{address}\n  idempotency: \
         {{header: Idempotency-Key, form: quoted}}\nlimits: {{concurrency_max: {CONNECTIONS}}}\n"
    )
}

/// From the sender's first byte to the receiver's last, both ways at the same rate.
async fn add_latency(bench: &Bench, ways: &Ways, section: &mut Section, rate_per_s: f64) -> anyhow::Result<()> {
    let rate_per_s = rate_per_s.max(1.0);
    let seconds = if bench.quick { 0.2 } else { 5.0 };
    let count = ((rate_per_s * seconds) as usize).max(10);
    let rounds = if bench.quick { 1 } else { 3 };
    let (mut ours, mut bare) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let mut curves = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let first = bench.next_number();
        let requests = Arc::new(bench.signed("/in/warehouse", count, shipment)?);
        for (way, (address, sink, expect)) in [
            (ways.proxy.address, &ways.behind_proxy, Expect::Ok),
            (ways.hub.ingress, &ways.behind_hub, Expect::Receipt),
        ]
        .into_iter()
        .enumerate()
        {
            let sent = Arc::new(Moments::new(first + count));
            let expected = sink.arrived.count() + count;
            let timetable = Timetable { rate_per_s, sent: sent.clone(), first };
            paced(address, &requests, CONNECTIONS, expect, timetable).await?;
            ensure!(sink.arrived.wait_for(expected, ARRIVE_LIMIT).await, "not everything arrived");
            let took_us = sink.arrived.since(&sent, first..first + count);
            let series = if way == 0 { &mut bare } else { &mut ours };
            series[0].push(percentile(&took_us, 0.5) / 1000.0);
            series[1].push(percentile(&took_us, 0.99) / 1000.0);
            curves[way] = CURVE.iter().map(|part| (part * 100.0, percentile(&took_us, *part) / 1000.0)).collect();
        }
        ways.hub.settled(ARRIVE_LIMIT).await?;
    }
    let what = |part: &str| format!("from sender to receiver at half load ({rate_per_s:.0} messages/s), {part}");
    let [ours_half, ours_most] = &ours;
    let [bare_half, bare_most] = &bare;
    section.figures.push(Figure::new(what("half of them"), "ms", ours_half, bare_half).adds_at_most(ADDS_HALF_MS));
    section.figures.push(Figure::new(what("99 of 100"), "ms", ours_most, bare_most).adds_at_most(ADDS_MOST_MS));
    let [proxy, hub] = curves;
    section.plots.push(Plot {
        file: "benchmarks-latency.svg",
        title: "From sender to receiver at half load",
        x: Axis { label: "of 100 messages, so many arrive within", is_log: false },
        y: Axis { label: "ms", is_log: true },
        series: vec![("Crossdock", hub), ("bare proxy", proxy)],
    });
    Ok(())
}

pub const FLOW: &str = "\
flow: tell
on: crossdock.shipment.picked_up.v1
to: {system: receiver, operation: request.send}
map: receiver/shipment
owner: bench
";

pub const MAPPING: &str = r#"mapping: receiver/shipment
target:
  path: ['"shipments"']
  body:
    shipment: event.data.number
    order: event.data.order
    carrier: event.data.?carrier
    tracking_number: event.data.?tracking_number
    picked_up_at: event.data.picked_up_at
    lines:
      each: event.data.lines
      as: line
      to:
        sku: line.sku
        quantity: line.quantity
"#;
