//! Systems that are asked for changes.

use std::time::Duration;

use crossdock_core::changeset::Change;
use crossdock_core::exception::ExceptionStatus;
use crossdock_store::CommitError;
use serde_json::json;

use super::partner::{Reply, Told};
use super::world::{SOON, Settings, World};

fn polled(every_ms: u64) -> World {
    World::new(Settings { polls: Some(every_ms), ..Settings::default() })
}

fn change(world: &World, n: usize) {
    world.partner.change(json!({"id": format!("c{n}"), "key": "K", "name": n.to_string()}));
}

fn names(to: usize) -> Vec<String> {
    (0..to).map(|n| n.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_is_on_disk_before_it_is_acknowledged() {
    let mut world = polled(1_000);
    let store = world.store.clone();
    world.partner.behave(move |told| {
        if told.path == "ack" {
            let kept = crossdock_store::Store::cursor(store.as_ref(), "poll/odoo/changes").expect("reads");
            assert!(kept.is_some(), "acknowledged before it was kept");
        }
        Reply::Do
    });
    for n in 0..10 {
        change(&world, n);
    }
    world.until("all is done", SOON, |world| world.count("done") == 10).await;
    assert_eq!(world.partner.done(), names(10));
    world.pass(Duration::from_secs(10)).await;
    assert_eq!(world.partner.acknowledged(), 10);
    let fetches = world.partner.calls().iter().filter(|told| told.path == "fetch").count();
    assert!((10..=18).contains(&fetches), "{fetches}: at once while there is more, then once a second");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_because_of_a_failure_has_one_effect() {
    let mut world = polled(1_000);
    let mut n = 0;
    world.store.fail(move |changeset| {
        n += 1;
        let moves_cursor = changeset.changes.iter().any(|change| matches!(change, Change::SetCursor { .. }));
        (moves_cursor && n % 2 == 1).then(|| CommitError::Unavailable("disk full".into()))
    });
    for n in 0..10 {
        change(&world, n);
    }
    world.until("all is done", SOON, |world| world.count("done") == 10).await;
    assert_eq!(world.partner.done(), names(10));
    assert_eq!(world.messages().iter().filter(|it| it.message.cause.is_none()).count(), 10);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_came_by_another_way_already_is_known() {
    let mut world = polled(1_000);
    let known = [1, 5].map(|n| json!({"id": format!("c{n}"), "key": "K", "name": n.to_string()}));
    world.send("odoo", "task", &known).await.expect("accepted");
    assert_eq!(world.send("odoo", "task", &[]).await.expect("nothing is fine too").messages, []);
    for n in 0..10 {
        change(&world, n);
    }
    world.until("all is done", SOON, |world| world.count("done") == 10).await;
    assert_eq!(world.partner.done(), ["1", "5", "0", "2", "3", "4", "6", "7", "8", "9"]);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_commit_and_acknowledgement_loses_and_doubles_nothing() {
    for crash_ms in (0..200).step_by(7) {
        let mut world = polled(50);
        for n in 0..9 {
            change(&world, n);
        }
        world.pass(Duration::from_millis(crash_ms)).await;
        let mut world = world.crash().await;
        world.until("all is done", SOON, |world| world.count("done") == 9).await;
        assert_eq!(world.partner.done(), names(9), "crashed at {crash_ms} ms");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn failing_polls_stand_back_and_come_back() {
    for every_ms in [1_000, 45_000] {
        let mut world = polled(every_ms);
        let down = |told: &Told| if told.at < Duration::from_secs(600) { Reply::Status(503) } else { Reply::Do };
        world.partner.behave(down);
        change(&world, 0);
        world.pass(Duration::from_secs(600)).await;
        let calls = world.partner.calls().len();
        assert!((12..=30).contains(&calls), "{calls} in ten minutes of an outage, every {every_ms} ms");
        world.until("it is fetched", Duration::from_secs(46), |world| world.count("done") == 1).await;
        assert_eq!(world.exceptions().len(), 0);
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_system_that_cannot_be_polled_is_told_of_once_and_settles() {
    let mut world = polled(1_000);
    world.partner.behave(|_| Reply::Status(401));
    change(&world, 0);
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(world.exceptions().len(), 1);
    assert_eq!((world.open(), world.exceptions()[0].owner.as_deref()), (vec!["system_unusable"], Some("odoo-team")));
    let calls = world.partner.calls().len();
    assert!((9..=11).contains(&calls), "{calls} calls with a wrong key");

    let mut world = world.crash().await;
    world.partner.behave(|_| Reply::Do);
    world.until("it is fetched", SOON, |world| world.count("done") == 1).await;
    assert_eq!(world.exceptions()[0].status, ExceptionStatus::Resolved, "the next hub closes it");
    world.check();
}
