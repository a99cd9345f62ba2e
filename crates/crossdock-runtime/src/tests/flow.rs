//! The way of messages through the whole hub, from the door to what follows.

use std::time::Duration;

use crossdock_connect::endpoint::RawRequest;
use crossdock_core::changeset::Change;
use crossdock_core::transmission::TransmissionState;
use crossdock_store::CommitError;
use serde_json::{Value as Json, json};

use super::world::{SOON, Settings, World, ada, order, proof, shipment};
use crate::desk::ResumeScope;
use crate::intake::Refusal;

/// Everything that is told about one order, in the order in which it happens.
fn story() -> [(&'static str, &'static str, Json); 4] {
    [
        ("shop", "order", order("S1", &["A", "B"])),
        ("warehouse", "shipment", shipment("281", "S1", &["A"])),
        ("fleet", "departure", json!({"id": "d1", "route": "R1", "shipment": "281"})),
        ("fleet", "proof", proof("281")),
    ]
}

/// Which flow did what, in the order of the effects.
fn effects(world: &World) -> Vec<String> {
    let transmissions = world.transmissions();
    let flow = |id| transmissions.iter().find(|it| it.id == id).map(|it| it.flow.to_string());
    world.partner.effects().iter().filter_map(|told| flow(told.items[0].0)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_order_goes_out_is_delivered_and_invoiced() {
    let mut world = World::new(Settings::default());
    world.tell(&story()).await;
    world.until("the customer is told", SOON, |world| world.count("done") == 5).await;
    world.until_done().await;
    let mut effects = effects(&world);
    assert_eq!(effects.last().map(String::as_str), Some("notify"));
    effects.retain(|flow| flow != "release");
    assert_eq!(effects, ["fulfil", "attach", "invoice", "notify"]);
    let notified = world.partner.effects().pop().expect("there").items[0].1.clone();
    assert_eq!(notified, json!({"invoice": "INV/281"}), "the result of one step is the input of the next");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn whatever_the_order_of_arrival_and_however_often_it_is_told() {
    for first in 0..4 {
        for second in (0..4).filter(|n| *n != first) {
            for third in (0..4).filter(|n| ![first, second].contains(n)) {
                let last = 6 - first - second - third;
                let mut world = World::new(Settings::default());
                for _ in 0..3 {
                    for n in [first, second, third, last] {
                        world.tell(&story()[n..=n]).await;
                        world.pass(Duration::from_millis(30)).await;
                    }
                }
                world.until("all is done", SOON, |world| world.count("done") == 5).await;
                world.until_done().await;
                let mut effects = effects(&world);
                effects.retain(|flow| flow != "release");
                assert_eq!(effects, ["fulfil", "attach", "invoice", "notify"], "arrived {first}{second}{third}{last}");
                world.check();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_message_gets_its_first_answer_again() {
    let mut world = World::new(Settings::default());
    let line = |id: &str| json!({"id": id, "key": "K", "name": id});
    let first = world.send("shop", "task", &[line("1"), line("2")]).await.expect("accepted");
    assert!(first.messages.iter().all(|message| !message.duplicate));
    let again = world.send("shop", "task", &[line("2"), line("3"), line("1")]).await.expect("accepted");
    let duplicates: Vec<_> = again.messages.iter().map(|message| message.duplicate).collect();
    assert_eq!(duplicates, [true, false, true]);
    assert_eq!(again.messages[0].id, first.messages[1].id);
    assert_eq!(again.messages[2].id, first.messages[0].id);
    world.until_done().await;
    assert_eq!(world.partner.done(), ["1", "2", "3"]);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_request_keep_their_order() {
    let mut world = World::new(Settings::default());
    let lines: Vec<_> = (0..100).map(|n| json!({"id": n.to_string(), "key": "K", "name": n.to_string()})).collect();
    world.send("shop", "task", &lines).await.expect("accepted");
    world.until_done().await;
    assert_eq!(world.partner.done(), (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_believed_is_turned_away_and_what_cannot_be_kept_is_asked_for_again() {
    let mut world = World::new(Settings::default());
    let request = RawRequest {
        method: "POST".into(),
        channel: "task".into(),
        url: String::new(),
        query: vec![],
        headers: vec![("signature".into(), "bad".into())],
        body: b"{}".to_vec(),
    };
    let refusal = world.intake().accept(&"shop".into(), &request).await.expect_err("wrong signature");
    assert!(matches!(refusal, Refusal::Rejected(reject) if reject.status == 401));
    let refusal = world.intake().accept(&"nowhere".into(), &request).await.expect_err("no such system");
    assert!(matches!(refusal, Refusal::Rejected(reject) if reject.status == 404));

    let line = |id: &str| json!({"id": id, "key": "K", "name": id});
    for (fault, after) in [(CommitError::Busy, 1), (CommitError::Unavailable("disk full".into()), 10)] {
        world.store.fail(move |_| Some(fault.clone()));
        let refusal = world.send("shop", "task", &[line("1"), line("2")]).await.expect_err("the store fails");
        assert!(matches!(refusal, Refusal::TryAgain { after_s, .. } if after_s == after), "{refusal}");
    }
    world.store.fail(|_| None);
    world.pass(Duration::from_secs(2)).await;
    world.send("shop", "task", &[line("1")]).await.expect("accepted");
    let mut n = 0;
    world.store.fail(move |_| {
        n += 1;
        (n == 4).then_some(CommitError::Busy)
    });
    let partly = world.send("shop", "task", &[line("1"), line("2"), line("3"), line("4")]).await;
    partly.expect_err("one is known, so they go one by one, and the third is not taken");
    world.store.fail(|_| None);
    let again = world.send("shop", "task", &[line("1"), line("2"), line("3"), line("4")]).await.expect("accepted");
    let duplicates: Vec<_> = again.messages.iter().map(|message| message.duplicate).collect();
    assert_eq!(duplicates, [true, true, false, false], "what was kept is known, and nothing came before its turn");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_mapped_stops_nobody_and_can_be_rerun() {
    let mut world = World::new(Settings::default());
    world.send("shop", "task", &[json!({"id": "bad", "key": "K"})]).await.expect("accepted");
    world.task("K", "good").await;
    world.until_done().await;
    assert_eq!(world.partner.done(), ["good"]);
    assert_eq!(world.open(), ["mapping_failed"]);
    let failed = world.messages().into_iter().find(|it| it.message.dedup_key == "bad").expect("kept").message.id;
    let desk = world.desk.clone();
    world.ask(async move { desk.rerun(failed, &ada()).await }).await.expect("it had failed");
    world.until("it was routed again", SOON, |world| world.exceptions()[0].count == 2).await;
    assert_eq!((world.open().len(), world.messages_in("failed")), (1, 1));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_hub_itself_costs_one_message() {
    let mut world = World::new(Settings::default());
    world.store.crash_on("cursed");
    for (key, name) in [("K", "before"), ("cursed", "at"), ("K", "behind")] {
        world.task(key, name).await;
    }
    world.until_done().await;
    assert_eq!(world.partner.done(), ["before", "behind"]);
    let exception = &world.exceptions()[0];
    assert!(exception.summary.contains("a fault in the program"), "{}", exception.summary);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn somebody_is_told_of_what_is_held_too_long_and_it_goes_on_by_itself() {
    let mut world = World::new(Settings::default());
    world.tell(&story()[3..]).await;
    world.pass(Duration::from_secs(3 * 3600)).await;
    assert_eq!((world.count("held"), world.open().len()), (2, 0));
    world.pass(Duration::from_secs(3601)).await;
    assert_eq!(world.open(), ["prerequisite_late", "prerequisite_late"]);
    assert_eq!(world.count("held"), 2, "they are held all the same");
    world.check();
    world.tell(&story()[1..2]).await;
    world.until("all is done", SOON, |world| world.count("done") == 4).await;
    assert_eq!(world.open(), Vec::<&str>::new());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_release_at_the_moment_of_the_timer_raises_nothing() {
    let mut world = World::new(Settings::default());
    world.tell(&story()[3..]).await;
    world.pass(Duration::from_secs(4 * 3600 - 1)).await;
    world.tell(&story()[1..2]).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((world.count("done"), world.exceptions().len()), (4, 0));
    assert_eq!(crossdock_store::Store::next_timer(world.store.as_ref()), Ok(None), "no timer is left behind");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_person_can_send_what_is_held() {
    let mut world = World::new(Settings::default());
    world.tell(&story()[1..2]).await;
    world.until_done().await;
    world.partner.behave(|_| super::partner::Reply::Status(422));
    world.tell(&story()[3..]).await;
    world.until("the proof is refused", SOON, |world| world.count("paused") == 1).await;
    let invoice = world.of_flow("invoice");
    assert!(matches!(invoice.state, TransmissionState::Held { .. }));
    world.partner.behave(|_| super::partner::Reply::Do);
    let desk = world.desk.clone();
    // It stands behind the refused proof in its order's line all the same.
    let cancelled = world.of_flow("attach").id;
    world.ask(async move { desk.cancel(cancelled, &ada()).await }).await.expect("it was paused");
    let desk = world.desk.clone();
    let scope = ResumeScope::Transmissions(vec![invoice.id]);
    let resumed = world.ask(async move { desk.resume(&scope, &ada()).await }).await.expect("it was held");
    assert_eq!(resumed.transmissions, [invoice.id]);
    world.until("the customer is told", SOON, |world| effects(world).ends_with(&["notify".to_owned()])).await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_holds_nothing_back_for_a_flow_it_does_not_name() {
    let mut world = World::new(Settings::default());
    world.tell(&story()[1..2]).await;
    world.until_done().await;
    world.partner.behave(|_| super::partner::Reply::Status(422));
    world.tell(&story()[3..]).await;
    world.until("the proof is refused", SOON, |world| world.count("paused") == 1).await;
    assert_eq!(world.count("held"), 1);
    let world = world.crash_into(Settings { after: vec!["fulfil"], ..Settings::default() }).await;
    assert_eq!(world.of_flow("invoice").state, TransmissionState::Owed);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_batch_in_conflict_is_routed_one_by_one() {
    let mut world = World::new(Settings::default());
    let mut conflicts = 1;
    world.store.fail(move |changeset| {
        let routes = changeset.changes.iter().any(|change| matches!(change, Change::SetMessageState { .. }));
        conflicts -= i32::from(routes);
        (routes && conflicts == 0).then(|| CommitError::Conflict("entity".into()))
    });
    for n in 0..5 {
        world.task("K", &n.to_string()).await;
    }
    world.until_done().await;
    assert_eq!(world.partner.done(), ["0", "1", "2", "3", "4"]);
    world.check();
}
