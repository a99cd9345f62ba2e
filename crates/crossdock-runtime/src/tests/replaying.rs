//! Replay plans: what a dry run tells is what a run does, what took effect outside is not done again, and a crash at any commit
//! changes nothing of how a run ends.

use std::num::NonZeroU32;

use crossdock_core::event::EntityRef;
use crossdock_core::job::JobState;
use crossdock_core::replay::{EffectVerdict, Effects, EventTold, EventVerdict, ItemState, ReplayFilter, ReplayItem};
use crossdock_core::value::Value;
use crossdock_store::Store as _;

use super::faulty::Death;
use super::world::{SOON, Settings, World, ada, order};
use crate::desk::{Actor, DeskError, ReplayRequest, ReplayView};

const FAST: u32 = 1_000;

fn v2() -> Settings {
    Settings { quantity: "3", version: "v2", ..Settings::default() }
}

fn orders() -> ReplayRequest {
    let which = ReplayFilter { flow: Some("shop-order".into()), ..ReplayFilter::default() };
    ReplayRequest { which, effects: Effects::New, with: None, dry_run: false }
}

/// A hub that took so many orders under the first configuration.
async fn with_orders(count: usize) -> World {
    let mut world = World::new(Settings::default());
    for n in 0..count {
        world.tell(&[("shop", "order", order(&format!("S{n}"), &["A", "B"]))]).await;
    }
    world.until_done().await;
    world
}

async fn plan(world: &mut World, request: ReplayRequest) -> Result<ReplayView, DeskError> {
    let desk = world.desk.clone();
    world.ask(async move { desk.plan_replay(&request, &ada()).await }).await
}

async fn approve(world: &mut World, view: &ReplayView) -> Result<ReplayView, DeskError> {
    let (desk, id) = (world.desk.clone(), view.plan.id);
    let bob = Actor { name: "bob".into(), reason: Some("looks right".into()) };
    world.ask(async move { desk.approve_replay(id, &bob).await }).await
}

async fn run(world: &mut World, view: &ReplayView, rate: u32) -> Result<ReplayView, DeskError> {
    let (desk, id, rate) = (world.desk.clone(), view.plan.id, NonZeroU32::new(rate).expect("above zero"));
    world.ask(async move { desk.run_replay(id, rate, &ada()).await }).await
}

fn state(world: &World, view: &ReplayView) -> String {
    world.desk.replay(view.plan.id).expect("reads").state
}

fn items(world: &World, view: &ReplayView) -> Vec<ReplayItem> {
    world.desk.replay_items(view.plan.id, false, 0, 500).expect("reads").items
}

fn quantity(world: &World, order: &str) -> Value {
    let entity = world.store.entity(&EntityRef::new("order", order)).expect("reads").expect("is known");
    entity.data.at("lines").and_then(Value::as_list).expect("has lines")[0].get("quantity").cloned().unwrap_or_default()
}

/// Every event that the plan says will stand is there, and tells what the plan says.
fn assert_as_planned(world: &World, items: &[ReplayItem]) {
    for change in items.iter().flat_map(|item| &item.outcome.events) {
        let (Some(after), Some(told)) = (change.after, &change.told) else { continue };
        let stored = world.store.event(after).expect("reads").expect("the event of the plan is there");
        assert_eq!(&EventTold::of(&stored.event), told);
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrected_mapping_is_planned_approved_and_run() {
    let mut world = with_orders(5).await.crash_into(v2()).await;
    let (calls, audits) = (world.partner.calls().len(), world.store.audit(0, 999).expect("reads").len());
    let view = plan(&mut world, orders()).await.expect("is drawn up");
    let again = plan(&mut world, orders()).await.expect("is drawn up");
    let text = |view: &ReplayView| serde_json::to_string(&items(&world, view)).expect("writes");
    assert_eq!((text(&view), &view.plan.digest), (text(&again), &again.plan.digest), "byte for byte");
    let figures = &view.plan.figures;
    assert_eq!((figures.messages, figures.changing, figures.events_corrected, figures.effects_done), (5, 5, 5, 5));
    assert_eq!((figures.effects_new, figures.effects_repeated, figures.effects_differing), (0, 0, 0));
    let change = &view.items[0].outcome.events[0];
    assert_eq!(change.what, EventVerdict::Corrected);
    let told: Vec<String> =
        change.fields.iter().map(|it| format!("{} {:?} {:?}", it.path, it.before, it.after)).collect();
    assert_eq!(change.fields.len(), 2, "{told:?}");
    assert_eq!(change.fields[0].path, "data.lines[0].quantity");
    assert_eq!(quantity(&world, "S0"), Value::from(2), "a plan changes nothing");
    assert_eq!(world.store.audit(0, 999).expect("reads").len(), audits + 2);

    let early = run(&mut world, &view, FAST).await.expect_err("nobody agreed");
    assert!(early.to_string().contains("is not approved"), "{early}");
    approve(&mut world, &view).await.expect("is approved");
    run(&mut world, &view, FAST).await.expect("runs");
    world.until("it is done", SOON, |it| state(it, &view) == "done").await;
    world.until_done().await;
    assert_eq!(quantity(&world, "S4"), Value::from(3));
    assert_eq!(world.partner.calls().len(), calls, "what took effect is not done again");
    let done = items(&world, &view);
    assert!(done.iter().all(|item| item.state == ItemState::Done), "{done:?}");
    assert_as_planned(&world, &done);
    // The other plan wanted the same: nothing of it is left to be done.
    approve(&mut world, &again).await.expect("is approved");
    run(&mut world, &again, FAST).await.expect("runs");
    world.until("it is done", SOON, |it| state(it, &again) == "done").await;
    let left = items(&world, &again);
    assert!(
        left.iter().all(|item| matches!(&item.state, ItemState::Refused(why) if why.contains("plan again"))),
        "{left:?}"
    );
    let third = plan(&mut world, orders()).await.expect("is drawn up");
    assert_eq!(third.plan.figures.changing, 0);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_later_correction_corrects_the_correction() {
    let mut world = with_orders(1).await;
    for (quantity_text, expect) in [("3", 3), ("4", 4), ("2", 2)] {
        let version = if expect == 3 { "v3" } else { "v4" };
        world = world.crash_into(Settings { quantity: quantity_text, version, ..Settings::default() }).await;
        let view = plan(&mut world, orders()).await.expect("is drawn up");
        assert_eq!(view.plan.figures.events_corrected, 1, "{expect}");
        approve(&mut world, &view).await.expect("is approved");
        run(&mut world, &view, FAST).await.expect("runs");
        world.until("it is done", SOON, |it| state(it, &view) == "done").await;
        assert_eq!(quantity(&world, "S0"), Value::from(expect));
        assert_as_planned(&world, &items(&world, &view));
    }
    world.until_done().await;
    assert_eq!(world.partner.effects().len(), 1, "it was released once");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_new_flow_is_owed_what_was_never_owed_and_only_once() {
    let mut world = with_orders(4).await;
    world = world.crash_into(Settings { tells_orders: true, version: "v2", ..Settings::default() }).await;
    let effects = world.partner.effects().len();
    let nothing = ReplayRequest { effects: Effects::None, ..orders() };
    let view = plan(&mut world, nothing).await.expect("is drawn up");
    assert_eq!((view.plan.figures.changing, view.plan.figures.effects_new), (0, 0));
    let view = plan(&mut world, orders()).await.expect("is drawn up");
    assert_eq!((view.plan.figures.effects_new, view.plan.figures.effects_done), (4, 4));
    approve(&mut world, &view).await.expect("is approved");
    run(&mut world, &view, FAST).await.expect("runs");
    world.until("it is done", SOON, |it| state(it, &view) == "done").await;
    world.until_done().await;
    assert_eq!(world.partner.effects().len(), effects + 4);
    let view = plan(&mut world, orders()).await.expect("is drawn up");
    assert_eq!((view.plan.figures.changing, view.plan.figures.effects_done), (0, 8));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn an_effect_is_repeated_only_when_its_input_differs_and_it_was_chosen() {
    let mut world = World::new(Settings::default());
    world.task("K", "Ann").await;
    world.until_done().await;
    world = world.crash_into(Settings { task_name: "event.data.code", version: "v2", ..Settings::default() }).await;
    let which = ReplayFilter { reference: Some("customer_account/K".into()), ..ReplayFilter::default() };
    let with = |effects| ReplayRequest { which: which.clone(), effects, with: None, dry_run: false };
    let view = plan(&mut world, with(Effects::New)).await.expect("is drawn up");
    assert_eq!((view.plan.figures.changing, view.plan.figures.effects_differing), (0, 1));
    let told = &items(&world, &view)[0].outcome.effects[0];
    assert_eq!((told.what, told.fields[0].path.as_str()), (EffectVerdict::DoneOtherwise, "name"));
    let view = plan(&mut world, with(Effects::Changed)).await.expect("is drawn up");
    assert_eq!((view.plan.figures.changing, view.plan.figures.effects_repeated), (1, 1));
    approve(&mut world, &view).await.expect("is approved");
    run(&mut world, &view, FAST).await.expect("runs");
    world.until("it is done", SOON, |it| state(it, &view) == "done").await;
    world.until_done().await;
    assert_eq!(world.partner.effects().len(), 2);
    let view = plan(&mut world, with(Effects::Changed)).await.expect("is drawn up");
    assert_eq!((view.plan.figures.changing, view.plan.figures.effects_done), (0, 1), "once");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_plan_runs_only_under_its_configuration_and_can_be_stopped_and_gone_on_with() {
    let mut world = with_orders(10).await.crash_into(v2()).await;
    let view = plan(&mut world, orders()).await.expect("is drawn up");
    approve(&mut world, &view).await.expect("is approved");
    world = world.crash_into(Settings { version: "v9", ..v2() }).await;
    let other = run(&mut world, &view, FAST).await.expect_err("it is another configuration");
    assert!(other.to_string().contains("the hub runs v9"), "{other}");
    world = world.crash_into(v2()).await;
    run(&mut world, &view, 2).await.expect("runs");
    let done = |it: &World| items(it, &view).iter().filter(|item| item.state == ItemState::Done).count();
    world.until("some are done", SOON, |it| done(it) == 3).await;
    let (desk, id) = (world.desk.clone(), view.plan.id);
    let stopped = world.ask(async move { desk.stop_replay(id, &ada()).await }).await.expect("stops");
    assert_eq!(stopped.state, "stopped");
    let so_far = done(&world);
    world.pass(std::time::Duration::from_secs(30)).await;
    assert_eq!(done(&world), so_far);
    let rest = run(&mut world, &view, FAST).await.expect("goes on");
    assert_eq!(rest.run.expect("a job").job.expected, 10 - so_far as u64);
    world.until("it is done", SOON, |it| state(it, &view) == "done").await;
    assert_eq!(done(&world), 10);
    assert!(run(&mut world, &view, FAST).await.expect_err("is done").to_string().contains("nothing of it is left"));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_is_read_anew_by_a_plan_and_one_that_still_fails_is_left() {
    let mut world = World::new(Settings { quantity: "body.quantity", ..Settings::default() });
    world.tell(&[("shop", "order", order("S1", &["A"]))]).await;
    world.until("it failed", SOON, |it| it.messages_in("failed") == 1).await;
    let which = ReplayFilter {
        class: Some(crossdock_core::exception::ExceptionClass::MappingFailed),
        ..ReplayFilter::default()
    };
    let request = ReplayRequest { which, ..orders() };
    let view = plan(&mut world, request.clone()).await.expect("is drawn up");
    assert_eq!((view.plan.figures.failing, view.plan.figures.changing), (1, 0));
    world = world.crash_into(v2()).await;
    let view = plan(&mut world, request).await.expect("is drawn up");
    assert_eq!((view.plan.figures.events_new, view.plan.figures.effects_new), (1, 1));
    approve(&mut world, &view).await.expect("is approved");
    run(&mut world, &view, FAST).await.expect("runs");
    world.until("it is done", SOON, |it| state(it, &view) == "done").await;
    world.until_done().await;
    assert_as_planned(&world, &items(&world, &view));
    assert_eq!((world.messages_in("failed"), world.open().len(), world.count("done")), (0, 0, 1));
    world.check();
}

/// The process dies at each commit, in turn right before and right after it, until all is over.
#[tokio::test(start_paused = true)]
async fn a_run_killed_at_every_commit_ends_as_it_was_planned() {
    const COUNT: usize = 60;
    let settings = Settings { tells_orders: true, ..v2() };
    let mut world = with_orders(COUNT).await.crash_into(settings).await;
    let released = world.partner.effects().len();
    let view = plan(&mut world, orders()).await.expect("is drawn up");
    approve(&mut world, &view).await.expect("is approved");
    run(&mut world, &view, FAST).await.expect("runs");
    let is_over = |it: &World| state(it, &view) == "done" && it.count("done") == 2 * COUNT as u64;
    let mut deaths = 0;
    while !is_over(&world) {
        world.store.die(Some(if deaths % 2 == 0 { Death::After(0) } else { Death::Before(1) }));
        world.until("it is dead or over", SOON, |it| it.store.is_dead() || is_over(it)).await;
        world.store.die(None);
        world = world.crash().await;
        deaths += 1;
        assert!(deaths < 30 * COUNT, "it does not come to an end");
    }
    assert!(deaths > COUNT / 2, "only {deaths} deaths");
    let done = items(&world, &view);
    assert!(done.iter().all(|item| item.state == ItemState::Done), "{done:?}");
    assert_as_planned(&world, &done);
    assert_eq!(world.partner.effects().len(), released + COUNT, "each was told once, and nothing was released again");
    let job = world.desk.replay(view.plan.id).expect("reads").run.expect("a job").job;
    assert_eq!((job.state, job.done, job.refused), (JobState::Done, COUNT as u64, 0));
    let audit = world.store.audit(0, 10_000).expect("reads");
    assert_eq!(audit.iter().filter(|it| it.record.action == "message.replay").count(), COUNT, "each step once");
    world.check();
}
