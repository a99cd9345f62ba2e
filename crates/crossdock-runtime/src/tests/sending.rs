//! Order, rate, concurrency, breaker, batches: what the systems get to see.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crossdock_core::transmission::breaker::BreakerSettings;
use crossdock_core::transmission::pace::PaceLimit;
use crossdock_core::transmission::{Outcome, RetrySchedule};
use crossdock_store::Store;

use super::partner::Reply;
use super::world::{SOON, Settings, World};

/// A number that looks drawn and is the same in every run.
pub fn scattered(seed: u64, n: u64) -> u64 {
    let mut x = (seed << 32 | n).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The names under each key, in the order in which they took effect.
fn by_key(world: &World) -> BTreeMap<String, Vec<u32>> {
    let mut keys: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for told in world.partner.effects() {
        let input = &told.items[0].1;
        let name = input["name"].as_str().expect("a name").parse().expect("a number");
        keys.entry(input["code"].as_str().expect("a key").to_owned()).or_default().push(name);
    }
    keys
}

#[tokio::test(start_paused = true)]
async fn every_key_keeps_its_order_through_failures_and_a_stuck_one_stops_only_itself() {
    let mut world = World::new(Settings { concurrency_max: 16, ..Settings::default() });
    world.partner.behave(|told| match scattered(1, told.n as u64) % 10 {
        _ if told.items.iter().any(|(_, input)| input["code"] == "K3") => Reply::Status(409),
        0 => Reply::Status(503),
        1 => Reply::DoAndLose,
        2 => Reply::Lose,
        3 => Reply::NotSent,
        4 => Reply::Slow(2_000),
        _ => Reply::Do,
    });
    for n in 0..200 {
        world.task(&format!("K{}", n % 20), &n.to_string()).await;
    }
    world.until("nineteen keys are done", SOON * 10, |world| world.count("done") == 190).await;
    assert_eq!(world.count("owed"), 10, "K3 waits");
    let keys = by_key(&world);
    assert_eq!(keys.len(), 19);
    for (key, names) in keys {
        assert!(names.is_sorted() && names.len() == 10, "{key}: {names:?}");
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn no_more_are_under_way_than_allowed_and_no_fewer() {
    for concurrency_max in [1, 8, 64] {
        let mut world = World::new(Settings { concurrency_max, ..Settings::default() });
        world.partner.behave(|_| Reply::Slow(1_000));
        for n in 0..128 {
            world.task(&format!("K{n}"), &n.to_string()).await;
        }
        let seconds = 128 / concurrency_max as u64;
        world
            .until("all is done", Duration::from_millis(seconds * 1_000 + 500), |world| world.count("done") == 128)
            .await;
        assert_eq!(world.partner.peak(), concurrency_max);
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_counts_calls_of_attempts_and_polls() {
    let pace = Some(PaceLimit { per_1000_s: 10_000, burst: 2 });
    let settings = Settings { operation: "two_calls", pace, polls: Some(500), ..Settings::default() };
    let mut world = World::new(settings);
    for n in 0..40 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.until("all is done", Duration::from_secs(11), |world| world.count("done") == 40).await;
    let calls = world.partner.calls();
    assert!(calls.iter().filter(|told| told.path == "fetch").count() >= 10, "polls get their turn");
    for (n, told) in calls.iter().enumerate() {
        let window = calls[n..].iter().take_while(|later| later.at < told.at + Duration::from_secs(1)).count();
        assert!(window <= 12, "{window} calls within a second from {:?}", told.at);
    }
    let took = calls.last().expect("called").at;
    assert!(took <= Duration::from_millis(calls.len() as u64 * 100 + 500), "{} calls took {took:?}", calls.len());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_queue_drains_in_order() {
    let breaker = BreakerSettings { failures_max: 5, open_ms: 1_000, open_ms_max: 30_000 };
    let mut world = World::new(Settings { breaker, ..Settings::default() });
    let down = Duration::from_secs(60)..Duration::from_secs(660);
    let during = down.clone();
    world.partner.behave(move |told| if during.contains(&told.at) { Reply::NotSent } else { Reply::Do });
    world.pass(Duration::from_secs(59)).await;
    for n in 0..300 {
        world.task(&format!("K{}", n % 30), &n.to_string()).await;
        world.pass(Duration::from_secs(1)).await;
    }
    assert_eq!(world.breaker("odoo"), "open");
    let during = world.partner.calls().iter().filter(|told| down.contains(&told.at)).count();
    assert!(during < 60, "{during} calls to a system that is down for ten minutes");
    world.until("all is done", Duration::from_secs(400), |world| world.count("done") == 300).await;
    let ended = world.partner.effects().last().expect("done").at;
    assert!(ended < down.end + Duration::from_secs(95), "{ended:?}");
    assert_eq!(world.breaker("odoo"), "closed");
    assert!(by_key(&world).values().all(|names| names.is_sorted()));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_system_that_asks_for_a_pause_is_left_alone_by_everybody() {
    let mut world = World::new(Settings { concurrency_max: 4, ..Settings::default() });
    let wish = |told: &super::partner::Told| if told.n == 0 { Reply::RetryAfter(429, 30) } else { Reply::Do };
    world.partner.behave(wish);
    world.task("K0", "0").await;
    world.pass(Duration::from_secs(1)).await;
    for n in 1..20 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.pass(Duration::from_secs(28)).await;
    assert_eq!(world.partner.calls().len(), 1);
    world.until("all is done", Duration::from_secs(10), |world| world.count("done") == 20).await;
    let second = world.partner.calls()[1].at;
    assert!((Duration::from_secs(30)..Duration::from_millis(30_100)).contains(&second), "{second:?}");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_on_time_while_others_are_under_way() {
    let mut world = World::new(Settings::default());
    world.partner.behave(|told| match (told.items[0].1["code"].as_str(), told.n) {
        (Some("slow"), _) => Reply::Slow(60_000),
        (_, 0 | 1) => Reply::Status(503),
        _ => Reply::Do,
    });
    world.task("slow", "0").await;
    world.task("quick", "1").await;
    world.until("the quick one is done", Duration::from_secs(2), |world| world.count("done") == 1).await;
    world.until_done().await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn one_key_starves_no_other() {
    let mut world = World::new(Settings { concurrency_max: 2, ..Settings::default() });
    for n in 0..300 {
        world.task("busy", &n.to_string()).await;
    }
    for n in 300..310 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world
        .until("all but the busy key are done", Duration::from_secs(2), |world| {
            by_key(world).keys().filter(|key| *key != "busy").count() == 10
        })
        .await;
    world.until_done().await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_end_in_parts() {
    for (locked, done, paused) in [(true, 40, 0), (false, 36, 4)] {
        let mut world = World::new(Settings { operation: "bulk", concurrency_max: 2, ..Settings::default() });
        world.partner.behave(move |told| if told.n == 0 { Reply::Part(6, locked) } else { Reply::Do });
        for n in 0..40 {
            world.task(&format!("K{n}"), &n.to_string()).await;
        }
        world.until_done().await;
        assert_eq!((world.count("done"), world.count("paused")), (done, paused));
        let sizes: BTreeSet<_> = world.partner.calls().iter().map(|told| told.items.len()).collect();
        assert!(sizes.contains(&10) && sizes.iter().all(|size| *size <= 10), "{sizes:?}");
        let names: BTreeSet<_> = world.partner.done().into_iter().collect();
        assert_eq!(names.len(), world.partner.done().len(), "none twice");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_answer_is_lost_is_asked_about_as_a_whole() {
    let mut world = World::new(Settings { operation: "bulk", concurrency_max: 1, ..Settings::default() });
    world.partner.behave(|told| if told.n == 0 { Reply::DoAndLose } else { Reply::Do });
    for n in 0..30 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.until_done().await;
    assert_eq!((world.count("done"), world.partner.done().len()), (30, 30));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn an_attempt_costs_one_commit_and_hardly_a_question() {
    let mut world = World::new(Settings { concurrency_max: 64, ..Settings::default() });
    world.partner.behave(|_| Reply::Slow(100));
    for n in 0..1_000 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    let accepted = world.store.asked().commits;
    world.until_done().await;
    let asked = world.store.asked();
    assert_eq!(asked.commits - accepted, 1_000 + 1_000_usize.div_ceil(256), "one per attempt, one per routed batch");
    assert_eq!(asked.exceptions, 1_001, "the router's, one per message, and the valve's first look");
    assert!(asked.due < 80, "{} questions for 1000 transmissions", asked.due);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn retries_are_bounded_and_end_with_a_person() {
    let retry = RetrySchedule {
        first_ms: 100,
        longest_ms: 1_000,
        attempts_max: 8,
        give_up_after_s: 3_600,
        ..RetrySchedule::default()
    };
    let mut world = World::new(Settings { retry, ..Settings::default() });
    world.partner.behave(|_| Reply::Status(409));
    world.task("K", "0").await;
    world.until("it is given up", SOON, |world| world.count("paused") == 1).await;
    assert_eq!(world.open(), ["transmission_exhausted"]);
    let attempts = world.store.attempts(world.of_flow("task").id).expect("reads");
    assert_eq!(attempts.len(), 8);
    assert!(attempts.iter().all(|attempt| matches!(attempt.outcome, Outcome::Retry { .. })));
    let kept = |n: usize| attempts[n].exchanges[0].call.body.len();
    assert!(kept(0) > 0 && kept(4) > 0 && kept(7) > 0, "the first and the last are kept whole");
    assert_eq!(kept(6), 0, "those between only say that they were");
    let secret = &attempts[0].exchanges[0].call.headers[0];
    assert_eq!((secret.name.as_str(), secret.value.as_str()), ("authorization", "***"));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_and_starts_nothing_more() {
    let mut world = World::new(Settings { concurrency_max: 4, operation: "two_calls", ..Settings::default() });
    world.partner.behave(|_| Reply::Slow(5_000));
    for n in 0..10 {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.pass(Duration::from_secs(1)).await;
    let mut world = world.stop().await;
    world.drive();
    assert_eq!((world.count("done"), world.count("owed"), world.count("sending")), (4, 6, 0));
    world.check();
}
