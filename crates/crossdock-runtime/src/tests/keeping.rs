//! What was kept long enough goes, what is open stays, and everybody is told; whenever the process dies meanwhile.

use std::time::Duration;

use crossdock_core::message::StoredMessage;
use crossdock_core::replay::{Effects, ReplayFilter};
use crossdock_core::retention::Retention;
use crossdock_core::transmission::TransmissionState;
use crossdock_store::Store as _;
use serde_json::json;

use super::faulty::Death;
use super::partner::Reply;
use super::world::{Settings, World, ada, order, proof, shipment};
use crate::desk::{ReplayRequest, ResumeScope};

/// Minutes stand for months.
const MONTH: Duration = Duration::from_secs(180);

/// Bodies are kept for one month, what was sent for three.
fn settings() -> Settings {
    let months = |count: u64| Some(count * MONTH.as_millis() as u64);
    let retention = Retention { bodies_ms: months(1), transmissions_ms: months(3), rejections_ms: None };
    Settings { retention, ..Settings::default() }
}

/// An order that leaves and is delivered, and work that the system refuses.
async fn told() -> World {
    let mut world = World::new(settings());
    world.partner.behave(|told| match told.items.iter().any(|(_, input)| input["name"] == "refused") {
        true => Reply::Status(422),
        false => Reply::Do,
    });
    world.tell(&[("shop", "order", order("S1", &["A"]))]).await;
    world.pass(Duration::from_secs(30)).await;
    world.tell(&[("warehouse", "shipment", shipment("281", "S1", &["A"]))]).await;
    world.pass(Duration::from_secs(30)).await;
    world.tell(&[("fleet", "proof", proof("281"))]).await;
    world.task("K", "refused").await;
    world.tell(&[("shop", "order", json!({"id": "unreadable", "nothing": "of use"}))]).await;
    world.until_done().await;
    world.pass(Duration::from_secs(30)).await;
    world
}

fn of<'a>(messages: &'a [StoredMessage], channel: &str) -> Vec<&'a StoredMessage> {
    messages.iter().filter(|stored| stored.message.channel == channel).collect()
}

fn attempts(world: &World) -> usize {
    world.transmissions().iter().map(|it| world.store.attempts(it.id).expect("reads").len()).sum()
}

#[tokio::test(start_paused = true)]
async fn what_is_finished_goes_and_what_is_open_stays() {
    let mut world = told().await;
    let kept = world.messages();
    let (done, all) = (world.count("done"), attempts(&world));
    assert!(kept.iter().all(|stored| stored.removed.is_none()) && world.count("paused") == 1 && all > 5);

    world.pass(MONTH * 3 / 2).await;
    let messages = world.messages();
    for channel in ["shipment", "proof", "result"] {
        let found = of(&messages, channel);
        assert!(!found.is_empty() && found.iter().all(|it| it.removed.is_some()), "{channel}");
    }
    let [task] = of(&messages, "task")[..] else { panic!("one task") };
    assert_eq!(task.removed, None, "what it asks for is paused");
    let unreadable: Vec<_> = messages.iter().filter(|it| it.state.word() == "failed").collect();
    assert!(unreadable.len() == 1 && unreadable[0].removed.is_none(), "somebody will correct it");
    for (before, after) in kept.iter().zip(&messages) {
        assert!(after.came_with(&before.message.body), "it is still known what it was");
        assert_eq!((before.message.id, &before.state), (after.message.id, &after.state));
    }
    assert_eq!(attempts(&world), all, "what was sent is kept for longer");

    let gone = world.desk.message_body(of(&messages, "shipment")[0].message.id).expect_err("it is not there");
    assert!(gone.to_string().contains("was removed on"), "{gone}");
    assert!(world.desk.message_body(task.message.id).expect("reads").is_some_and(|body| !body.bytes.is_empty()));

    // It is told, and nothing is done with what is not there.
    let trace = world.desk.trace("281").expect("reads").expect("known");
    assert!(trace.entries.iter().any(|entry| entry.text.contains("its body was removed on")), "{trace:#?}");
    let request = ReplayRequest {
        which: ReplayFilter { system: Some("warehouse".into()), ..ReplayFilter::default() },
        effects: Effects::New,
        with: None,
        dry_run: true,
    };
    let desk = world.desk.clone();
    let view = world.ask(async move { desk.plan_replay(&request, &ada()).await }).await.expect("looks");
    assert_eq!((view.plan.figures.messages, view.plan.figures.changing), (1, 0));

    // The sender's memory is longer than ours.
    world.tell(&[("warehouse", "shipment", shipment("281", "S1", &["A"]))]).await;
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.messages().len(), messages.len(), "a duplicate is one all the same");

    world.pass(2 * MONTH).await;
    assert_eq!(world.count("done"), done);
    for it in world.transmissions() {
        let left = world.store.attempts(it.id).expect("reads").len();
        match it.state {
            TransmissionState::Done => {
                assert!(it.removed_at.is_some() && it.input.is_null() && it.result.is_none() && left == 0, "{it:#?}");
            }
            _ => assert!(it.removed_at.is_none() && !it.input.is_null() && left > 0, "{it:#?}"),
        }
    }
    assert!(world.desk.trace("S1").expect("reads").expect("known").entries.len() > 5, "the story is still told");

    // Whoever was paused goes on with what was kept for it, and goes the same way then.
    world.partner.behave(|_| Reply::Do);
    let desk = world.desk.clone();
    world.ask(async move { desk.resume(&ResumeScope::All, &ada()).await }).await.expect("resumes");
    world.until_done().await;
    assert_eq!(world.count("paused"), 0);
    world.pass(4 * MONTH).await;
    let messages = world.messages();
    assert!(of(&messages, "task")[0].removed.is_some());
    assert!(world.transmissions().iter().all(|it| it.removed_at.is_some()));
    let effects = world.partner.effects().len();
    assert_eq!(effects as u64, world.count("done"), "nothing was done again");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn it_ends_the_same_wherever_the_process_dies() {
    for n in 0..4 {
        for death in [Death::Before(n), Death::After(n)] {
            let mut world = told().await;
            world.store.die(Some(death));
            world.pass(4 * MONTH).await;
            assert!(world.store.is_dead(), "{n}");
            world.store.die(None);
            let mut world = world.crash().await;
            world.pass(4 * MONTH).await;
            let finished = |stored: &&StoredMessage| !["task", "order"].contains(&&*stored.message.channel);
            assert!(world.messages().iter().filter(finished).all(|it| it.removed.is_some()));
            let done = world.transmissions().into_iter().filter(|it| it.state == TransmissionState::Done);
            assert!(done.into_iter().all(|it| it.removed_at.is_some()));
            assert_eq!((world.count("paused"), world.messages_in("failed")), (1, 1));
            assert_eq!(world.partner.effects().len() as u64, world.count("done"));
            world.check();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_limits_everything_is_kept() {
    let mut world = World::new(Settings::default());
    world.tell(&[("shop", "order", order("S1", &["A"]))]).await;
    world.pass(9 * MONTH).await;
    assert!(world.messages().iter().all(|stored| stored.removed.is_none()));
    assert_eq!(world.store.cursor("retention/bodies").expect("reads"), None);
}
