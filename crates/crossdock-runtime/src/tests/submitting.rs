//! Events and commands that programs hand in themselves.

use std::time::Duration;

use crossdock_core::event::EntityRef;
use crossdock_core::message::MessageState;
use crossdock_store::{CommitError, Store as _};
use serde_json::{Value as Json, json};

use super::partner::Reply;
use super::world::{SOON, Settings, World, ada, order, shipment};
use crate::desk::{CommandKey, DeskError, EntityAsk, Order, Submission, Submitted};

fn event(of: &str, data: &Json) -> String {
    let of = format!("crossdock.{of}.v1");
    json!({"specversion": "1.0", "id": "1", "source": "/tests", "type": of, "data": data}).to_string()
}

fn submission(key: &str, body: &str) -> Submission {
    Submission {
        key: key.into(),
        content_type: "application/cloudevents+json".into(),
        body: body.as_bytes().to_vec(),
        expected: None,
    }
}

async fn submit(world: &mut World, submission: Submission) -> Result<Submitted, DeskError> {
    let desk = world.desk.clone();
    world.ask(async move { desk.submit(submission).await }).await
}

fn accepted() -> String {
    event("order.accepted", &json!({"number": "S1", "lines": [{"line": "1", "sku": "A", "quantity": 1}]}))
}

#[tokio::test(start_paused = true)]
async fn a_submitted_event_goes_the_way_of_every_other() {
    let mut world = World::new(Settings::default());
    let first = submit(&mut world, submission("k", &accepted())).await.expect("accepted");
    world.until_done().await;
    let release = world.transmissions();
    assert_eq!((release.len(), release[0].event), (1, first.events[0].id), "the flow on accepted orders owes it");
    let again = submit(&mut world, submission("k", &accepted())).await.expect("known");
    assert_eq!(again, first);
    world.until_done().await;
    assert_eq!(world.transmissions().len(), 1, "a repeat has no further effect");
    let story = world.desk.trace("S1").expect("reads").expect("known");
    let told: Vec<_> = story.entries.iter().map(|entry| (entry.step, entry.system.as_str())).collect();
    assert!(told.starts_with(&[(4, "api"), (5, "api"), (6, "warehouse")]), "{told:?}");
    // The key is known for good.
    let mut world = world.crash().await;
    assert_eq!(submit(&mut world, submission("k", &accepted())).await.expect("known"), first);
    let other = submission("k", &accepted().replace("\"quantity\":1", "\"quantity\":2"));
    assert!(matches!(submit(&mut world, other).await, Err(DeskError::KeyReused)));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_leaves_nothing() {
    let mut world = World::new(Settings::default());
    let wrong = accepted().replace("\"number\"", "\"numbr\"");
    let Err(DeskError::Unfit(faults)) = submit(&mut world, submission("k", &wrong)).await else { panic!("it fits") };
    assert!(faults.iter().any(|fault| fault.pointer == "/data/numbr"), "{faults:?}");
    assert!(world.messages().is_empty());
    world.store.fail(|_| Some(CommitError::Busy));
    let busy = submit(&mut world, submission("k", &accepted())).await;
    assert!(matches!(busy, Err(DeskError::TryAgain { after_s: 1, .. })), "{busy:?}");
    world.store.fail(|_| None);
    submit(&mut world, submission("k", &accepted())).await.expect("the key is still free");
    world.until_done().await;
    world.check();
}

/// Two read the same version and both write: one of them wins, the other one is told, whichever the router takes first.
#[tokio::test(start_paused = true)]
async fn of_two_who_read_the_same_version_one_wins() {
    let mut world = World::new(Settings::default());
    world.tell(&[("shop", "order", order("S1", &["A"]))]).await;
    world.until_done().await;
    let name = EntityRef::new("order", "S1");
    let version = world.desk.entity(&name).expect("reads").expect("known").version;
    let write = |key: &str, remarks: &str| Submission {
        expected: Some(format!("\"{version}\"")),
        ..submission(key, &event("order.changed", &json!({"number": "S1", "remarks": remarks})))
    };
    let (one, two) = (write("one", "first"), write("two", "second"));
    let submit_apart = |submission: &Submission| {
        let (desk, submission) = (world.desk.clone(), submission.clone());
        tokio::spawn(async move { desk.submit(submission).await })
    };
    let tasks = [submit_apart(&one), submit_apart(&two)];
    // Neither is routed before both are on disk.
    while world.messages_in("waiting") < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.until("both are answered", SOON, |_| tasks.iter().all(|task| task.is_finished())).await;
    let mut won = 0;
    for (task, submission) in tasks.into_iter().zip([one, two]) {
        let answer = task.await.expect("does not crash");
        // A repeat is told the same.
        let again = submit(&mut world, submission).await;
        match (&answer, &again) {
            (Ok(answer), Ok(again)) if answer == again => won += 1,
            (Err(DeskError::MovedOn(told)), Err(DeskError::MovedOn(again))) => assert_eq!(told, again),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(world.desk.entity(&name).expect("reads").expect("known").version, version + 1);
    let ignored = world.messages().into_iter().find(|it| matches!(it.state, MessageState::Ignored { .. }));
    assert!(ignored.is_some_and(|it| it.message.system.as_str() == "api"), "it is kept, and says why");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_command_with_a_key_takes_effect_once() {
    let mut world = World::new(Settings::default());
    world.partner.behave(|_| Reply::Status(422));
    world.task("K", "0").await;
    world.until("it is refused", SOON, |world| world.count("paused") == 1).await;
    let id = world.transmissions()[0].id;
    let key = || Some(CommandKey { key: "k".into(), given: "cancel it".into() });
    // The disk is full: neither the effect nor the record of it is kept.
    world.store.fail(|_| Some(CommitError::Unavailable("disk full".into())));
    let desk = world.desk.clone();
    let failed = world.ask(async move { desk.command(&Order::Cancel(id), &ada(), key()).await }).await;
    assert!(failed.expect_err("fails").to_string().contains("disk full"));
    assert_eq!(world.count("paused"), 1);
    world.store.fail(|_| None);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let desk = world.desk.clone();
        let answer = world.ask(async move { desk.command(&Order::Cancel(id), &ada(), key()).await }).await;
        answers.push(answer.expect("done"));
        world = world.crash().await;
    }
    assert_eq!(answers, ["{\"done\":true}", "{\"done\":true}"]);
    let audit = world.store.audit(0, 10).expect("reads");
    assert_eq!(audit.len(), 1, "it was done once");
    let desk = world.desk.clone();
    let other = Some(CommandKey { key: "k".into(), given: "something else".into() });
    let reused = world.ask(async move { desk.command(&Order::Cancel(id), &ada(), other).await }).await;
    assert!(matches!(reused, Err(DeskError::KeyReused)), "{reused:?}");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn the_history_of_an_order_ends_in_what_it_is() {
    let mut world = World::new(Settings::default());
    world.tell(&[("shop", "order", order("S1", &["A", "B"]))]).await;
    world.pass(Duration::from_secs(60)).await;
    world.tell(&[("warehouse", "shipment", shipment("281", "S1", &["A"]))]).await;
    world.until_done().await;
    let order = EntityRef::new("order", "S1");
    let entity = world.desk.entity(&order).expect("reads").expect("known");
    let history = world.desk.history(&order, None, 100).expect("reads").expect("known");
    assert_eq!(history.items.last().and_then(|item| item.version), Some(entity.version));
    let moved = history.items.iter().filter_map(|item| item.status.as_ref()).next_back();
    assert_eq!(moved.map(|moved| moved.to.as_str()), Some(entity.status.as_str()));
    let number = &history.items[0].changes.iter().find(|it| it.pointer == "/number").expect("it was not known").to;
    assert_eq!(number.as_text(), Some("S1"));
    let ask = EntityAsk { kind: "shipment".into(), link: Some(order), limit: 10, ..EntityAsk::default() };
    let linked = world.desk.entities(&ask).expect("reads");
    assert_eq!((linked.items[0].name.key.as_str(), linked.next), ("281", None));
    world.check();
}
