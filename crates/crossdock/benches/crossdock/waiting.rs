//! Memory of a hub with a million transmissions waiting for a partner that is away.

use std::time::{Duration, Instant};

use crate::Bench;
use crate::end_to_end;
use crate::hub::{self, HubFolder, free_address};
use crate::machine::memory_mib;
use crate::report::{Figure, Section};
use crate::seed;
use crate::stats::Summary;

/// Resident memory, in MiB.
const GOAL_MIB: f64 = 300.0;

/// Measures this section.
///
/// # Errors
/// When the store cannot be filled, or the hub does not start.
pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let count = if bench.quick { 500 } else { 1_000_000 };
    let watched = Duration::from_secs(if bench.quick { 1 } else { 30 });
    let mut section = Section::new(
        "waiting",
        "Memory with a million waiting",
        format!(
            "A hub that owes {count} transmissions to a receiver that is away, each in a line of its own: the most memory that was \
             resident (`VmHWM`)\nwithin {} s of its start, while it tries.",
            watched.as_secs()
        ),
        "the same hub that owes none.",
    );
    let (mut most, mut most_empty, mut starts_s, mut starts_empty_s) = (vec![], vec![], vec![], vec![]);
    for waiting in [0, count] {
        let folder = HubFolder::write(&bench.place, &files()?)?;
        let begun = Instant::now();
        if waiting > 0 {
            seed::owed(&folder.data(), 0, waiting)?;
            eprintln!("  {waiting} owed: seeded in {:.0} s", begun.elapsed().as_secs_f64());
        }
        let hub = folder.run(&[]).await?;
        let (memory, starts) = match waiting {
            0 => (&mut most_empty, &mut starts_empty_s),
            _ => (&mut most, &mut starts_s),
        };
        starts.push(hub.started_in.as_secs_f64());
        tokio::time::sleep(watched).await;
        let open = hub.overview().await?.open;
        anyhow::ensure!(open as usize == waiting, "{open} are owed, not {waiting}");
        memory.push(memory_mib(&hub.id()).1);
        hub.stop().await?;
    }
    section.figures.push(Figure::new(format!("with {count} waiting"), "MiB", &most, &most_empty).at_most(GOAL_MIB));
    section.notes.push(format!(
        "Start-up with them took {} s, without {} s",
        Summary::of(&starts_s).shown(),
        Summary::of(&starts_empty_s).shown()
    ));
    Ok(section)
}

fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut files = vec![
        ("systems/warehouse.yaml", hub::sender("warehouse")),
        ("systems/receiver.yaml", end_to_end::receiver(free_address()?) + PATIENT),
        ("flows/tell.yaml", end_to_end::FLOW.to_owned()),
        ("mappings/receiver/shipment.yaml", end_to_end::MAPPING.to_owned()),
    ];
    files.extend(hub::inbound("warehouse"));
    Ok(files)
}

/// A partner that is away for long is not given up.
const PATIENT: &str = "retry: {first: 1s, longest: 5s, attempts_max: 1000000, give_up_after: 24h}\n";
