//! What was owed while a receiver was away is sent when it is back: how fast, against how fast it came in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Bench;
use crate::end_to_end;
use crate::hub::{self, Hub, free_address};
use crate::load::{Expect, closed};
use crate::messages::{BODY_BYTES, shipment};
use crate::peers::Sink;
use crate::report::{Figure, Section};

const CONNECTIONS: usize = 64;
/// In at most twice the time in which it came.
const GOAL: f64 = 0.5;
const LIMIT: Duration = Duration::from_secs(300);
/// The receiver comes back to a hub that has been refused for a while.
const RETRIES: &str = "retry: {first: 200ms, longest: 1s, attempts_max: 1000000, give_up_after: 24h}\n\
                       breaker: {failures_max: 5, open: 300ms, open_max: 1s}\n";

/// Measures this section.
///
/// # Errors
/// When something is lost, or comes twice.
pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let (count, rounds) = if bench.quick { (100, 1) } else { (20_000, 3) };
    let mut section = Section::new(
        "backlog",
        "Draining a backlog",
        format!(
            "The hub and the receiver of *End to end*: the receiver is away while {count} signed webhooks of {BODY_BYTES} bytes come in at {CONNECTIONS} \
             connections. Then it is back.\nCounted from its return until it has all of them, each exactly once; the wait for the \
             circuit breaker's next probe is in it."
        ),
        "the rate at which the same messages came in: from the first webhook until all of them were owed.",
    );
    let (mut drained, mut came) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let address = free_address()?;
        let mut files = vec![
            ("systems/warehouse.yaml", hub::sender("warehouse")),
            ("systems/receiver.yaml", end_to_end::receiver(address) + RETRIES),
            ("flows/tell.yaml", end_to_end::FLOW.to_owned()),
            ("mappings/receiver/shipment.yaml", end_to_end::MAPPING.to_owned()),
        ];
        files.extend(hub::inbound("warehouse"));
        let hub = Hub::start(&bench.place, &files, &[]).await?;
        let requests = Arc::new(bench.signed("/in/warehouse", count, shipment)?);
        let begun = Instant::now();
        closed(hub.ingress, &requests, CONNECTIONS, Expect::Receipt).await?;
        while hub.overview().await?.waiting > 0 {
            ensure!(begun.elapsed() < LIMIT, "not everything was routed: {:?}", hub.overview().await?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        came.push(count as f64 / begun.elapsed().as_secs_f64());
        let sink = Sink::start_at(address, bench.next_number()).await?;
        let begun = Instant::now();
        ensure!(sink.arrived.wait_for(count, LIMIT).await, "not everything arrived: {:?}", hub.overview().await?);
        drained.push(count as f64 / begun.elapsed().as_secs_f64());
        hub.settled(LIMIT).await?;
        ensure!(sink.arrived.again() == 0, "the receiver got {} twice", sink.arrived.again());
        hub.stop().await?;
    }
    section.figures.push(Figure::new("until all have arrived", "messages/s", &drained, &came).goal(GOAL));
    Ok(section)
}
