//! A store that is busy, full or unreadable, at every commit; and everything at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_store::CommitError;
use serde_json::json;

use super::partner::Reply;
use super::sending::scattered;
use super::world::{SOON, Settings, World, order, proof, shipment};

/// Sends again until the hub has it, as a sender does: for a minute, as intake stays shut for ten seconds each time that the store
/// cannot write.
async fn insist(world: &mut World, system: &str, channel: &str, line: serde_json::Value) {
    let mut last = None;
    for _ in 0..600 {
        match world.send(system, channel, std::slice::from_ref(&line)).await {
            Ok(_) => return,
            Err(error) => last = Some(error),
        }
        world.pass(Duration::from_millis(100)).await;
    }
    panic!("{system} {channel} {line} was not accepted within a minute: {last:?}");
}

async fn tell_story(world: &mut World, number: usize) {
    let (order_number, shipment_number) = (format!("S{number}"), format!("{number}"));
    insist(world, "shop", "order", order(&order_number, &["A"])).await;
    insist(world, "fleet", "proof", proof(&shipment_number)).await;
    insist(world, "warehouse", "shipment", shipment(&shipment_number, &order_number, &["A"])).await;
}

/// The effects of so many stories, each once.
fn assert_effects(world: &World, stories: usize, seed: u64) {
    let effects = world.partner.effects();
    let mut ids: Vec<_> = effects.iter().map(|told| told.items[0].0).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((effects.len(), ids.len()), (stories * 5, stories * 5), "seed {seed}");
    for n in 0..stories {
        let of = |told: &&super::partner::Told| {
            let input = &told.items[0].1;
            input["shipment"] == n.to_string().as_str() || input["invoice"] == format!("INV/{n}").as_str()
        };
        let at: Vec<_> = effects.iter().filter(of).map(|told| told.system.as_str()).collect();
        assert_eq!(at, ["odoo", "odoo", "odoo", "customer"], "shipment {n}, seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_commit_may_fail_once() {
    // A story takes some thirty commits; each of them fails in one of the runs, with either fault.
    for nth in 0..40 {
        for fault in [CommitError::Busy, CommitError::Unavailable("disk full".into())] {
            let mut world = World::new(Settings::default());
            let mut n = 0;
            world.store.fail(move |_| {
                n += 1;
                (n == nth + 1).then(|| fault.clone())
            });
            tell_story(&mut world, 0).await;
            world.until("all is done", SOON, |world| world.count("done") == 5).await;
            world.until_done().await;
            assert_effects(&world, 1, nth);
            world.check();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_is_not_begun_before_its_mark_is_on_disk() {
    let mut world = World::new(Settings { operation: "pay", ..Settings::default() });
    let full = Arc::new(AtomicBool::new(false));
    let is_full = full.clone();
    world.store.fail(move |changeset| {
        let sends = changeset.changes.iter().any(|it| matches!(it, Change::PutTransmission(it) if it.version > 1));
        (sends && is_full.load(Ordering::Relaxed)).then(|| CommitError::Unavailable("disk full".into()))
    });
    full.store(true, Ordering::Relaxed);
    world.task("K", "0").await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.partner.calls().len(), 0);
    full.store(false, Ordering::Relaxed);
    world.until("it is paid", SOON, |world| world.count("done") == 1).await;
    assert_eq!(world.partner.done(), ["0"]);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_attempt_waits_for_the_store_as_long_as_it_takes() {
    for operation in ["work", "pay"] {
        let mut world = World::new(Settings { operation, ..Settings::default() });
        let full = Arc::new(AtomicBool::new(true));
        let is_full = full.clone();
        let ends = |changeset: &Changeset| changeset.changes.iter().any(|it| matches!(it, Change::AppendAttempt(_)));
        world.store.fail(move |changeset| {
            (ends(changeset) && is_full.load(Ordering::Relaxed)).then(|| CommitError::Unavailable("disk full".into()))
        });
        world.task("K", "0").await;
        world.pass(Duration::from_secs(3600)).await;
        assert_eq!(
            (world.partner.calls().len(), world.count("done")),
            (1, 0),
            "{operation}: once, whatever the store does"
        );
        full.store(false, Ordering::Relaxed);
        world.until("it is done", Duration::from_secs(6), |world| world.count("done") == 1).await;
        assert_eq!(world.partner.calls().len(), 1, "{operation}");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_delays_and_loses_nothing() {
    let mut world = World::new(Settings { polls: Some(1_000), ..Settings::default() });
    world.partner.change(json!({"id": "c", "key": "K", "name": "0"}));
    for n in 0..10 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.store.fail_reads(true);
    for _ in 0..1_000 {
        world.drive();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.store.fail_reads(false);
    world.until("all is done", SOON, |world| world.count("done") == 11).await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn everything_at_once_loses_and_doubles_nothing() {
    for seed in 0..60 {
        let mut world = World::new(Settings { concurrency_max: 3, ..Settings::default() });
        let calm = Arc::new(AtomicBool::new(false));
        let is_calm = calm.clone();
        world.partner.behave(move |told| match scattered(seed, told.n as u64) % 12 {
            _ if is_calm.load(Ordering::Relaxed) => Reply::Do,
            0 => Reply::Status(503),
            1 => Reply::RetryAfter(429, 1),
            2 => Reply::DoAndLose,
            3 => Reply::Lose,
            4 => Reply::NotSent,
            5 => Reply::Slow(3_000),
            6 => Reply::Crash,
            7 => Reply::Status(409),
            _ => Reply::Do,
        });
        let is_calm = calm.clone();
        let mut n = 1_000_000;
        world.store.fail(move |_| {
            n += 1;
            match scattered(seed, n) % 10 {
                _ if is_calm.load(Ordering::Relaxed) => None,
                0 => Some(CommitError::Busy),
                1 => Some(CommitError::Unavailable("disk full".into())),
                2 => Some(CommitError::Conflict("something".into())),
                _ => None,
            }
        });
        for number in 0..6 {
            tell_story(&mut world, number).await;
            tell_story(&mut world, number).await;
            let pause = scattered(seed, number as u64) % 3_000;
            world.pass(Duration::from_millis(pause)).await;
            if pause.is_multiple_of(2) {
                calm.store(true, Ordering::Relaxed); // A hub that cannot recover does not start.
                world = world.crash().await;
                calm.store(false, Ordering::Relaxed);
            }
        }
        calm.store(true, Ordering::Relaxed);
        world.until("all is done", SOON, |world| world.count("done") == 30).await;
        world.until_done().await;
        assert_effects(&world, 6, seed);
        assert_eq!(world.open(), Vec::<&str>::new(), "seed {seed}");
        world.check();
    }
}
