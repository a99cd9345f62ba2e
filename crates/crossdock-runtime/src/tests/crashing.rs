//! What people and programs do, with the process dying at each of its commits: right before it and right after it. The
//! one who asked does what one does then, and asks again. It ends as if nothing had happened.

use crossdock_core::event::EntityRef;
use crossdock_core::model::ENTITIES;
use crossdock_core::routing::{Decision, Undecidable};
use crossdock_store::{EntityFilter, Page, Store as _, SuggestionFilter};
use serde_json::{Value as Json, json};

use super::faulty::Death;
use super::partner::Reply;
use super::world::{SOON, Settings, World, ada};
use crate::desk::{CommandKey, DeskError, Order, ResumeScope, Submission};
use crate::router::CommandError;

/// One thing that somebody does to the hub.
#[derive(Clone, Debug)]
enum Act {
    /// A partner sends a message about an account: its code and its name.
    Say(&'static str, &'static str),
    /// A program hands in events under a key.
    Submit(&'static str, Json),
    /// The same, if the entity is at this version.
    SubmitAt(&'static str, u64, Json),
    Merge(&'static str, &'static str),
    Split(&'static str),
    /// Nothing is sent to Odoo, so that what is owed to it waits in line.
    Pause,
    Resume,
}

fn account(code: &str) -> EntityRef {
    EntityRef::new("customer_account", code)
}

/// An event with its own time, so that it is the same in every run.
fn event(of: &str, minute: usize, data: &Json) -> Json {
    let time = format!("2026-03-01T08:{minute:02}:00Z");
    let of = format!("crossdock.{of}.v1");
    json!({"specversion": "1.0", "id": minute.to_string(), "source": "/tests", "type": of, "time": time, "data": data})
}

/// The story is told until the end, whatever dies: whoever has no answer asks the next process again.
async fn tell(world: World, story: &[Act]) -> World {
    let mut world = world;
    for act in story {
        for tries in 0.. {
            assert!(tries < 10, "{act:?} never was accepted");
            let is_answered = perform(&mut world, act, tries > 0).await;
            world.until("it is routed", SOON, |it| it.store.is_dead() || it.messages_in("waiting") == 0).await;
            let was_dead = world.store.is_dead();
            world = revived(world).await;
            match (is_answered, was_dead) {
                (true, _) => break,
                (false, true) => {}
                (false, false) => panic!("{act:?} was turned away by a hub that lives"),
            }
        }
    }
    world.until("all is over, or dead", SOON, |it| it.store.is_dead() || is_over(it)).await;
    let mut world = revived(world).await;
    world.until("all is over", SOON, is_over).await;
    world
}

async fn revived(world: World) -> World {
    match world.store.is_dead() {
        true => {
            world.store.die(None);
            let mut world = world.crash().await;
            world.until("it is routed", SOON, |it| it.messages_in("waiting") == 0).await;
            world
        }
        false => world,
    }
}

fn is_over(world: &World) -> bool {
    world.messages_in("waiting") == 0 && ["owed", "sending"].iter().all(|state| world.count(state) == 0)
}

/// Whether there was an answer. One who asks again may be told that it is done already.
async fn perform(world: &mut World, act: &Act, is_again: bool) -> bool {
    match act.clone() {
        Act::Say(code, name) => {
            let line = json!({"id": format!("{code} is {name}"), "key": code, "name": name});
            world.send("shop", "task", &[line]).await.is_ok()
        }
        Act::Submit(key, events) => submit(world, key, None, &events).await,
        Act::SubmitAt(key, version, events) => submit(world, key, Some(version), &events).await,
        Act::Merge(survivor, other) => {
            let decision = Decision::Merge { survivor: account(survivor), other: account(other) };
            let merged = Undecidable::Merged(account(other), account(survivor));
            decide(world, decision, is_again.then_some(merged)).await
        }
        Act::Split(name) => {
            let free = Undecidable::NotMerged(account(name));
            decide(world, Decision::Split { name: account(name) }, is_again.then_some(free)).await
        }
        Act::Pause => order(world, "pause", Order::Pause("odoo".into())).await,
        Act::Resume => order(world, "resume", Order::Resume(ResumeScope::All)).await,
    }
}

/// A command under a key, so that asking again is no second command.
async fn order(world: &mut World, key: &str, order: Order) -> bool {
    let desk = world.desk.clone();
    let key = Some(CommandKey { key: key.into(), given: key.into() });
    world.ask(async move { desk.command(&order, &ada(), key).await }).await.is_ok()
}

async fn submit(world: &mut World, key: &str, version: Option<u64>, events: &Json) -> bool {
    let kind = if events.is_array() { "cloudevents-batch+json" } else { "cloudevents+json" };
    let submission = Submission {
        key: key.into(),
        content_type: format!("application/{kind}"),
        body: events.to_string().into_bytes(),
        expected: version.map(|version| format!("\"{version}\"")),
    };
    let desk = world.desk.clone();
    let answer = world.ask(async move { desk.submit(submission).await }).await;
    if let Err(error) = &answer {
        assert!(matches!(error, DeskError::TryAgain { .. } | DeskError::Store(_)), "{error}");
    }
    answer.is_ok()
}

async fn decide(world: &mut World, decision: Decision, done: Option<Undecidable>) -> bool {
    let desk = world.desk.clone();
    let answer = world.ask(async move { desk.decide(decision, &ada()).await }).await;
    match answer {
        Ok(()) => true,
        Err(DeskError::Command(CommandError::Undecidable(why))) => {
            assert_eq!(Some(&why), done.as_ref(), "it is only refused to one whose first try took effect");
            true
        }
        Err(_) => false,
    }
}

/// All that is known, without ids and times that no two runs share.
fn state(world: &World) -> Vec<String> {
    let store = &world.store;
    let mut lines = Vec::new();
    for kind in ENTITIES {
        let filter = EntityFilter { kind: kind.name.to_owned(), ..EntityFilter::default() };
        for it in store.entity_page(&filter, None, 1_000).expect("reads").entities {
            let own = it.merge.as_ref().and_then(|merge| merge.own.as_ref()).map(|own| own.data.to_json_string());
            let merge = it.merge.as_ref().map(|merge| (&merge.into, &merge.absorbed, &merge.from, own));
            let verbs: Vec<_> = it.milestones.keys().collect();
            let data = it.data.to_json_string();
            lines.push(format!("{} {} {} {data} {verbs:?} {merge:?}", it.name, it.version, it.status));
            for event in store.events_of_entity(&it.name, 1_000).expect("reads") {
                let (named, data) = (event.event.named().clone(), event.event.data.to_json_string());
                let stood = (event.event.first, event.event.out_of_order, event.event.standing.retracted);
                lines.push(format!("  {} of {named} {data} {stood:?}", event.event.event_type));
            }
        }
    }
    let mut owed: Vec<String> = world
        .transmissions()
        .iter()
        .map(|it| {
            format!("{} {} about {} {} {}", it.key, it.flow, it.about, it.state.word(), it.input.to_json_string())
        })
        .collect();
    owed.sort();
    lines.extend(owed);
    let mut messages: Vec<String> = world
        .messages()
        .iter()
        .filter(|it| it.message.cause.is_none())
        .map(|it| format!("{} {} {}", it.message.system, it.message.dedup_key, it.state.word()))
        .collect();
    messages.sort();
    lines.extend(messages);
    for made in store.suggestions(&SuggestionFilter::default(), Page::first(1_000)).expect("reads") {
        lines.push(format!("{:?} is {}", made.proposal, made.status.word()));
    }
    for done in store.audit(0, 1_000).expect("reads") {
        lines.push(format!("{} {}", done.record.action, done.record.target));
    }
    lines.extend(world.open().into_iter().map(str::to_owned));
    lines
}

/// What the systems did, in the order of each key.
fn effects(world: &World) -> Vec<(String, String, Json)> {
    let line = |told: &super::partner::Told| (told.system.clone(), told.path.clone(), told.items[0].1.clone());
    let mut effects: Vec<_> = world.partner.effects().iter().map(line).collect();
    // Lines of different keys may overtake each other; those of one key keep their order, as the sort is stable.
    effects.sort_by_key(|(system, path, input)| {
        (system.clone(), path.clone(), input["code"].to_string(), input["shipment"].to_string())
    });
    effects
}

/// Tells the story once in peace, and then with a death right before and right after each of its commits.
async fn dies_at_every_commit(story: &[Act]) {
    let world = World::new(Settings::default());
    let peaceful = tell(world, story).await;
    let (expected, done) = (state(&peaceful), effects(&peaceful));
    peaceful.check();
    let commits = peaceful.store.asked().commits;
    assert!(commits >= story.len(), "{commits} commits");
    for nth in 0..commits {
        for death in [Death::Before(nth), Death::After(nth)] {
            let world = World::new(Settings::default());
            world.store.die(Some(death));
            let world = tell(world, story).await;
            let came = state(&world);
            let other = |lines: &[String], of: &[String]| {
                let lines: Vec<_> = lines.iter().filter(|line| !of.contains(line)).cloned().collect();
                lines.join("\n")
            };
            let (missing, surplus) = (other(&expected, &came), other(&came, &expected));
            assert!(came == expected, "{death:?} of {commits}\nmissing: {missing}\nsurplus: {surplus}\n{came:#?}");
            assert_eq!(effects(&world), done, "{death:?} of {commits}");
            let mut ids: Vec<_> = world.partner.effects().iter().map(|told| told.items[0].0).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), done.len(), "{death:?}: nothing took effect twice");
            world.check();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_merge_is_whole_or_not_there_whenever_the_process_dies() {
    use Act::{Merge, Pause, Resume, Say};
    dies_at_every_commit(&[
        Pause,
        Say("C2", "A. King"),
        Say("C1", "Ada"),
        Say("C2", "Ada K."),
        Merge("C1", "C2"),
        Say("C2", "Ada King"),
        Resume,
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_split_gives_back_the_same_whenever_the_process_dies() {
    use Act::{Merge, Pause, Resume, Say, Split};
    // Paused from the beginning: what is not sent yet at a merge moves with it, so it must not depend on the crash.
    dies_at_every_commit(&[
        Pause,
        Say("C1", "Ada"),
        Say("C2", "A. King"),
        Say("C3", "Lovelace"),
        Merge("C2", "C3"),
        Merge("C1", "C2"),
        Say("C3", "Lovelace, A."),
        Say("C1", "Ada L."),
        Split("C2"),
        Say("C2", "King"),
        Split("C3"),
        Say("C3", "Byron"),
        Resume,
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_retraction_takes_back_as_much_whenever_the_process_dies() {
    use Act::{Submit, SubmitAt};
    let picked_up = |id: &str, minute: usize| {
        let lines = json!([{"sku": "A", "quantity": 1}]);
        let data = json!({"number": "281", "order": "S1", "source_event_id": id, "lines": lines});
        event("shipment.picked_up", minute, &data)
    };
    let retracted = |id: &str, minute: usize| {
        let retraction = json!({"source_event_id": id, "reason": "did_not_occur"});
        event("shipment.event_retracted", minute, &json!({"number": "281", "retraction": retraction}))
    };
    dies_at_every_commit(&[
        Submit("created", event("shipment.created", 1, &json!({"number": "281"}))),
        SubmitAt("picked up", 1, picked_up("e7", 2)),
        Submit("wrong", retracted("e7", 3)),
        Submit("early", retracted("e8", 4)),
        Submit("void", picked_up("e8", 5)),
        Submit("again", picked_up("e9", 6)),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn handed_in_events_count_once_whenever_the_process_dies() {
    use Act::{Pause, Resume, Submit, SubmitAt};
    let order = |number: &str, minute: usize| {
        let lines = json!([{"line": "1", "sku": "A", "quantity": 1}]);
        event("order.accepted", minute, &json!({"number": number, "lines": lines}))
    };
    let named = |name: &str, minute: usize| event("account.updated", minute, &json!({"code": "C1", "name": name}));
    dies_at_every_commit(&[
        Submit("orders", json!([order("S1", 1), order("S2", 2), named("Ada", 3)])),
        Pause,
        SubmitAt("name", 1, named("Ada King", 4)),
        Submit("orders", json!([order("S1", 1), order("S2", 2), named("Ada", 3)])),
        Submit("later", named("Countess", 5)),
        Resume,
    ])
    .await;
}

/// The test above would be worth nothing if it could not fail.
#[tokio::test(start_paused = true)]
async fn one_who_does_not_ask_again_is_noticed() {
    let story = [Act::Say("C1", "Ada"), Act::Say("C2", "King"), Act::Merge("C1", "C2")];
    let whole = tell(World::new(Settings::default()), &story).await;
    let part = tell(World::new(Settings::default()), &story[..2]).await;
    assert_ne!(state(&whole), state(&part));
    part.partner.behave(|_| Reply::Do);
    assert_eq!(effects(&whole), effects(&part), "a merge alone sends nothing");
}
