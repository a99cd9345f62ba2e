//! Many seeds: each must hold, each must be the same world again, and a partner that was long away gets what is owed to
//! it without being overrun.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossdock_core::ids::SystemName;
use crossdock_sim::world::{Faults, HOURS_MAX, ODOO, PostFaults, Report, Scenario, Seams, Weather, run};

use super::hubs;

/// Orders of one world.
pub const ORDERS: usize = 4;
/// Seeds of a test run that is not told how many.
const SEEDS: u64 = 50;

/// The example in a world with these faults, or with faults by lot.
pub fn scenario(faults: Option<Faults>, seams: Seams) -> Scenario {
    Scenario {
        plans: hubs::versions(),
        faults,
        orders: ORDERS,
        seams: Arc::new(seams),
        hours_max: HOURS_MAX,
        told: false,
    }
}

/// What happened in a world, to read.
fn story(seed: u64) -> String {
    let told = Scenario { told: true, ..scenario(None, Seams::default()) };
    let report = run(&told, seed);
    format!("{}\n{}", report.lines.join("\n"), summary(&report))
}

fn summary(report: &Report) -> String {
    format!(
        "seed {}: {} messages, {} transmissions done, {} commits, {:.0} s; faults {:?}; trace {:016x}",
        report.seed,
        report.messages,
        report.done,
        report.commits,
        report.lasted.as_secs_f64(),
        report.struck,
        report.trace
    )
}

#[test]
fn without_faults_everything_is_done_once() {
    let report = run(&scenario(Some(Faults::none()), Seams::default()), 1);
    assert_eq!(report.wrong, Vec::<String>::new());
    assert!(report.messages >= 3 * ORDERS && report.done >= 5 * ORDERS, "{}", summary(&report));
}

/// Every shipment is handed in through the API, with its key, several times.
#[test]
fn what_programs_hand_in_takes_effect_once() {
    let post = PostFaults { copies_max: 3, delay_ms_max: 3_000, by_api: 1_000, ..PostFaults::default() };
    let report = run(&scenario(Some(Faults { post, ..Faults::none() }), Seams::default()), 1);
    assert_eq!(report.wrong, Vec::<String>::new());
    let struck = |what: &str| report.struck.get(what).copied().unwrap_or(0);
    assert!(struck("submission through the API") >= ORDERS as u64, "{}", summary(&report));
    assert!(struck("submission under a used key") > 0, "{}", summary(&report));
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 1..4 {
        let told = || Scenario { told: true, ..scenario(None, Seams::default()) };
        let (one, other) = (run(&told(), seed), run(&told(), seed));
        let differs = one.lines.iter().zip(&other.lines).find(|(one, other)| one != other);
        assert_eq!(differs, None);
        assert_eq!((one.trace, one.steps), (other.trace, other.steps));
        assert_ne!(one.trace, run(&told(), seed + 1).trace);
    }
}

/// Worlds that once were wrong, each with what it found.
#[test]
fn seeds_that_found_something_stay_good() {
    for (seed, found) in FOUND {
        let report = run(&scenario(None, Seams::default()), *seed);
        assert_eq!(report.wrong, Vec::<String>::new(), "seed {seed}: {found}");
    }
}

const FOUND: &[(u64, &str)] = &[];

/// A partner is away for an hour, through which work for it keeps coming. When it is back it gets everything, each order's work in
/// its order, no more at once than is allowed, in no more than twice the time in which it came; and it is not overrun: one
/// call asks whether it is there, the rest follows as it answers.
#[test]
fn a_partner_that_was_away_for_an_hour_gets_its_backlog() {
    const AWAY: Duration = Duration::from_secs(400);
    const HOUR: Duration = Duration::from_secs(3_600);
    let weather = Weather { long_outage: Some((ODOO, AWAY.as_secs(), HOUR.as_secs())), ..Weather::default() };
    let post = PostFaults { copies_max: 1, spread_ms: HOUR.as_millis() as u64, ..PostFaults::default() };
    let faults = Faults { weather, post, ..Faults::none() };
    let report = run(&Scenario { orders: 60, ..scenario(Some(faults), Seams::default()) }, 1);
    assert_eq!(report.wrong, Vec::<String>::new());
    let back = AWAY + HOUR;
    let drained = report.lasted.saturating_sub(back);
    let calls = |from: Duration, to: Duration| report.calls[ODOO].iter().filter(|at| **at >= from && **at < to).count();
    let (while_away, at_once) = (calls(AWAY, back), report.at_once[ODOO]);
    let first = calls(back, back + Duration::from_millis(100));
    let busiest =
        (0..drained.as_secs()).map(|s| calls(back + Duration::from_secs(s), back + Duration::from_secs(s + 1))).max();
    eprintln!(
        "{}; what came within an hour was done {drained:?} after the return; calls: {while_away} while it was away, {first} in the \
         first 100 ms after, {busiest:?} in the busiest second, {at_once} at once at most",
        summary(&report)
    );
    assert!(drained <= 2 * HOUR, "the backlog took {drained:?}");
    let polls = 1;
    let most = hubs::versions()[0].systems[&SystemName::from("odoo")].concurrency_max + polls;
    assert!(at_once <= most, "{at_once} calls at once, {most} are allowed");
    assert!(first <= 1 + polls, "{first} calls at the moment of its return");
    assert!(while_away <= HOUR.as_secs() as usize / 5, "it was asked too often while it was away: {while_away} times");
}

/// Classes, limits, groups and batches, all faults by lot, expired keys among them: they change nothing in what must hold.
#[test]
fn lanes_and_limits_change_nothing_in_any_weather() {
    for seed in 1..=40 {
        let report = run(&Scenario { plans: hubs::lanes(), orders: 6, ..scenario(None, Seams::default()) }, seed);
        assert_eq!(report.wrong, Vec::<String>::new(), "seed {seed}");
    }
}

/// `cargo xtask seeds` runs it with the seeds it is told.
#[test]
fn seeds() {
    let from = variable("CROSSDOCK_SEEDS_FROM").unwrap_or(1);
    let count = variable("CROSSDOCK_SEEDS_COUNT").unwrap_or(SEEDS);
    if count == 1 {
        eprintln!("{}", story(from));
    }
    let (begun, next, failed) = (Instant::now(), AtomicU64::new(from), AtomicU64::new(0));
    let faults = std::sync::Mutex::new(std::collections::BTreeMap::<&'static str, u64>::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                return;
            }
            let report = run(&scenario(None, Seams::default()), seed);
            for (fault, times) in &report.struck {
                *faults.lock().expect("nobody crashed").entry(fault).or_default() += times;
            }
            for wrong in &report.wrong {
                eprintln!("seed {seed}: {wrong}");
            }
            if !report.wrong.is_empty() {
                failed.fetch_add(1, Ordering::Relaxed);
                eprintln!("again with its story: cargo xtask seeds --from {seed} --count 1");
            }
            let done = seed - from + 1;
            if done.is_multiple_of(500) {
                eprintln!("{done} of {count} seeds, {:.0} s", begun.elapsed().as_secs_f64());
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (failed, seconds) = (failed.into_inner(), begun.elapsed().as_secs_f64());
    eprintln!("{count} seeds from {from} in {seconds:.1} s: {failed} failed");
    for (fault, times) in faults.into_inner().expect("nobody crashed") {
        eprintln!("  {times:>8}  {fault}");
    }
    assert_eq!(failed, 0, "seeds failed");
}

#[expect(clippy::disallowed_methods, reason = "the test is told by `cargo xtask seeds`")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
