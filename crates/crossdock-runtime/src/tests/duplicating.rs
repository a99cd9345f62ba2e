//! Entities that are found to be the same, and what a split means for those that are compared with them.

use crossdock_core::event::EntityRef;
use crossdock_core::master::matching::KindPolicy;
use crossdock_core::routing::Decision;
use crossdock_core::suggestion::Proposal;
use crossdock_store::{Page, Store as _, SuggestionFilter};
use serde_json::json;

use super::world::{Settings, World, ada};
use crate::duplicates::Search;

fn comparing() -> World {
    let policy = KindPolicy { suggest_above: 0.5, automatic_above: None };
    World::new(Settings { merging: [("customer_account", policy)].into(), ..Settings::default() })
}

fn account(code: &str) -> EntityRef {
    EntityRef::new("customer_account", code)
}

async fn say(world: &mut World, code: &str, name: &str) {
    let line = json!({"id": format!("{code} is {name}"), "key": code, "name": name});
    world.send("shop", "task", &[line]).await.expect("accepted");
    world.until_done().await;
}

async fn decide(world: &mut World, decision: Decision) {
    let desk = world.desk.clone();
    world.ask(async move { desk.decide(decision, &ada()).await }).await.expect("decided");
}

fn look(search: &mut Search, world: &World) {
    while search.round(&world.shell).expect("reads and writes") {}
}

/// The pairs of a status, each in the order of its names.
fn pairs(world: &World, status: &str) -> Vec<(String, String)> {
    let filter = SuggestionFilter { status: Some(status.into()), ..SuggestionFilter::default() };
    let made = world.store.suggestions(&filter, Page::first(100)).expect("reads");
    let pair = |proposal: &Proposal| match proposal {
        Proposal::Merge { survivor, other } => {
            let (one, two) = if survivor <= other { (survivor, other) } else { (other, survivor) };
            (one.key.clone(), two.key.clone())
        }
        Proposal::Change { .. } => panic!("nobody has authority here"),
    };
    let mut pairs: Vec<_> = made.iter().map(|made| pair(&made.proposal)).collect();
    pairs.sort();
    pairs
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(one, two)| ((*one).to_owned(), (*two).to_owned())).collect()
}

async fn merged_and_one_more(world: &mut World, search: &mut Search) {
    say(world, "C1", "Hafen Spedition").await;
    say(world, "C2", "Hafen Spedition GmbH").await;
    look(search, world);
    assert_eq!(pairs(world, "open"), named(&[("C1", "C2")]));
    decide(world, Decision::Merge { survivor: account("C1"), other: account("C2") }).await;
    look(search, world);
    say(world, "C3", "Hafen-Spedition").await;
    look(search, world);
    assert_eq!(pairs(world, "open"), named(&[("C1", "C3")]), "who was merged is not compared");
}

#[tokio::test(start_paused = true)]
async fn what_was_split_is_compared_at_once() {
    let mut world = comparing();
    let mut search = Search::open(&world.shell).expect("reads");
    merged_and_one_more(&mut world, &mut search).await;
    decide(&mut world, Decision::Split { name: account("C2") }).await;
    look(&mut search, &world);
    assert_eq!(pairs(&world, "open"), named(&[("C1", "C3"), ("C2", "C3")]), "no event of C2 came in between");
    assert_eq!(pairs(&world, "rejected"), named(&[("C1", "C2")]), "and those two are not suggested again");
    // Everything is worked off, and the list does not grow.
    let commits = world.store.asked().commits;
    look(&mut search, &world);
    assert_eq!(world.store.asked().commits, commits);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_a_split_forgets_nobody() {
    let mut world = comparing();
    let mut search = Search::open(&world.shell).expect("reads");
    merged_and_one_more(&mut world, &mut search).await;
    decide(&mut world, Decision::Split { name: account("C2") }).await;
    let world = world.crash().await;
    let mut search = Search::open(&world.shell).expect("reads");
    look(&mut search, &world);
    assert_eq!(pairs(&world, "open"), named(&[("C1", "C3"), ("C2", "C3")]));
    world.check();
}

/// Nobody compares: then nothing is written down for it.
#[tokio::test(start_paused = true)]
async fn a_hub_that_compares_nothing_keeps_no_list() {
    let mut world = World::new(Settings::default());
    say(&mut world, "C1", "Ada").await;
    say(&mut world, "C2", "King").await;
    decide(&mut world, Decision::Merge { survivor: account("C1"), other: account("C2") }).await;
    assert_eq!(world.store.cursor("duplicates/again").expect("reads"), None);
    world.check();
}
