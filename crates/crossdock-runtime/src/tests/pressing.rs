//! Limits of what waits and of the disk: who is stopped, in which order, and that it goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossdock_core::changeset::Change;
use crossdock_store::CommitError;
use serde_json::json;

use super::partner::Reply;
use super::world::{SOON, Settings, World};
use crate::intake::Refusal;
use crate::plan::IntakeLimits;

const LOOK: Duration = Duration::from_secs(6);

async fn is_shut(world: &World, id: &str) -> bool {
    let line = json!({"id": id, "key": id, "name": "1"});
    match world.send("shop", "task", &[line]).await {
        Err(Refusal::Shut { after_s, .. }) => after_s > 0,
        Err(other) => panic!("{other}"),
        Ok(_) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_stops_intake_once_and_it_goes_on_by_itself() {
    let mut world = World::new(Settings::default());
    let tried = Arc::new(AtomicUsize::new(0));
    let seen = tried.clone();
    world.store.fail(move |changeset| {
        let is_message = changeset.changes.iter().any(|change| matches!(change, Change::AcceptMessage(_)));
        seen.fetch_add(usize::from(is_message), Ordering::Relaxed);
        Some(CommitError::Unavailable("no space left on device".into()))
    });
    let line = json!({"id": "0", "key": "K", "name": "0"});
    let first = world.send("shop", "task", &[line]).await.expect_err("the disk is full");
    assert!(matches!(first, Refusal::TryAgain { .. }), "{first}");
    for n in 1..200 {
        assert!(is_shut(&world, &n.to_string()).await);
        world.pass(Duration::from_millis(100)).await;
    }
    assert_eq!(tried.load(Ordering::Relaxed), 1, "no other message was tried on it");
    world.store.fail(|_| None);
    world.pass(Duration::from_secs(2)).await;
    assert!(!is_shut(&world, "200").await);
    world.until_done().await;
    assert_eq!(world.partner.done().len(), 1);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn before_the_disk_is_full_polls_wait_and_then_senders_and_a_person_is_told() {
    let intake = IntakeLimits { free_bytes_min: 1_000_000, ..IntakeLimits::default() };
    let mut world = World::new(Settings { intake, polls: Some(1_000), ..Settings::default() });
    world.store.free(5_000_000);
    world.pass(LOOK).await;
    assert!(!is_shut(&world, "a").await);
    world.store.free(1_100_000);
    world.pass(LOOK).await;
    world.partner.change(json!({"id": "c0", "key": "K", "name": "9"}));
    world.pass(Duration::from_secs(30)).await;
    assert!(!is_shut(&world, "b").await, "senders are taken yet");
    assert_eq!(world.messages().len(), 2, "what is polled waits where it is");
    world.store.free(900_000);
    world.pass(LOOK).await;
    assert!(is_shut(&world, "c").await);
    assert_eq!(world.open(), ["intake_stopped"]);
    assert!(world.exceptions()[0].summary.contains("free some space"), "{}", world.exceptions()[0].summary);
    world.store.free(1_050_000);
    world.pass(LOOK).await;
    assert!(is_shut(&world, "c").await, "not before there is some room");
    world.store.free(5_000_000);
    world.pass(LOOK).await;
    assert!(!is_shut(&world, "c").await);
    assert!(world.open().is_empty(), "{:?}", world.open());
    world.until("the poll goes on", SOON, |world| world.count("done") == 4).await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_system_that_is_away_is_bounded() {
    let intake = IntakeLimits { system_waiting_max: 100, messages_waiting_max: 100, ..IntakeLimits::default() };
    let mut world = World::new(Settings { intake, ..Settings::default() });
    world.partner.behave(|_| Reply::NotSent);
    let mut taken = 0;
    while !is_shut(&world, &taken.to_string()).await {
        taken += 1;
        assert!(taken < 300, "never shut");
        world.pass(Duration::from_millis(50)).await;
    }
    assert!((100..=110).contains(&taken), "{taken}");
    assert_eq!(world.count("owed"), taken);
    assert_eq!(world.open(), ["intake_stopped"]);
    world.partner.behave(|_| Reply::Do);
    world.until("all is sent", SOON * 20, |world| world.count("done") == taken).await;
    world.pass(LOOK).await;
    assert!(!is_shut(&world, "more").await);
    world.until_done().await;
    world.check();
}
