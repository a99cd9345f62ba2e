//! What stands still is seen with what it affects, is changed with the original kept, and is never done twice by accident.

use std::num::NonZeroU32;
use std::time::Duration;

use crossdock_core::edit::{CORRECTS, EditKind};
use crossdock_core::ids::{MessageId, TransmissionId};
use crossdock_core::job::{JobAction, JobFilter, JobPlan, JobState};
use crossdock_core::message::MessageState;
use crossdock_core::routing::Replacement;
use crossdock_core::transmission::TransmissionState;
use crossdock_core::value::Value;
use crossdock_store::Store as _;
use serde_json::json;

use super::partner::Reply;
use super::world::{SOON, Settings, World, ada, order};
use crate::desk::{DeskError, Mended, ResumeScope, StuckAsk, StuckKind};

fn input(name: &str) -> Replacement {
    let input = Value::map([("name", Value::text(name)), ("code", Value::text("K"))]);
    Replacement { input: Some(input), ..Replacement::default() }
}

async fn mend(world: &mut World, id: TransmissionId, by: Replacement) -> Result<Mended, DeskError> {
    let desk = world.desk.clone();
    world.ask(async move { desk.mend(id, &by, &ada()).await }).await
}

async fn paused(settings: Settings, reply: fn() -> Reply) -> (World, TransmissionId) {
    let mut world = World::new(settings);
    world.partner.behave(move |_| reply());
    world.task("K", "wrong").await;
    world.until("it is paused", SOON * 10_000, |it| it.count("paused") == 1).await;
    world.partner.behave(|_| Reply::Do);
    let id = world.of_flow("task").id;
    (world, id)
}

#[tokio::test(start_paused = true)]
async fn what_took_no_effect_goes_on_changed_under_a_key_of_its_own() {
    let (mut world, id) = paused(Settings::default(), || Reply::Status(422)).await;
    let row = world.desk.stuck(&StuckAsk::default(), 0, 9).expect("reads").items.remove(0);
    assert_eq!(
        (row.kind, row.id.clone(), row.owner.as_deref()),
        (StuckKind::Transmission, id.to_string(), Some("odoo-team"))
    );
    assert_eq!(row.affects[0].name.to_string(), "customer_account/K");
    assert!((!row.in_doubt) && row.reason.contains("no such SKU") && row.elsewhere.len() == 4, "{row:?}");

    let mended = mend(&mut world, id, input("right")).await.expect("goes on");
    let instead = TransmissionId::of_successor(id);
    assert_eq!(mended.instead, format!("transmission/{instead}"));
    world.until_done().await;
    let (old, new) = (world.store.transmission(id), world.store.transmission(instead));
    let (old, new) = (old.expect("reads").expect("is kept"), new.expect("reads").expect("is there"));
    assert_eq!((old.state, new.state, old.place), (TransmissionState::Cancelled, TransmissionState::Done, new.place));
    assert_eq!(
        (old.input.get("name"), new.input.get("name")),
        (Some(&Value::text("wrong")), Some(&Value::text("right")))
    );
    let edit = world.desk.edits(&format!("transmission/{id}")).expect("reads").remove(0);
    assert_eq!((edit.kind, edit.before, edit.after, edit.by.as_str()), (EditKind::Input, old.input, new.input, "ada"));
    assert_eq!(world.partner.effects().len(), 1);
    let again = mend(&mut world, id, input("more")).await.expect_err("it was given up");
    assert!(again.to_string().contains("is cancelled cannot be changed"), "{again}");
    assert!(world.desk.stuck(&StuckAsk::default(), 0, 9).expect("reads").items.is_empty());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_may_have_taken_effect_keeps_its_key() {
    let (mut world, id) = paused(Settings::default(), || Reply::DoAndLose).await;
    let before = world.store.transmission(id).expect("reads").expect("is there");
    assert!(before.in_doubt);
    let elsewhere = Replacement { system: Some("customer".into()), ..Replacement::default() };
    let refused = mend(&mut world, id, elsewhere).await.expect_err("it may be done twice");
    assert!(refused.to_string().contains("may do it twice"), "{refused}");
    let mended = mend(&mut world, id, input("right")).await.expect("goes on");
    assert_eq!(mended.instead, format!("transmission/{id}"));
    world.until_done().await;
    assert_eq!(world.partner.effects().len(), 1, "the partner knew the key");
    let edit = world.desk.edits(&format!("transmission/{id}")).expect("reads").remove(0);
    assert_eq!(edit.before, before.input, "the original is kept");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_honours_no_key_is_not_resumed_with_others_and_only_when_it_is_confirmed() {
    let settings = Settings { operation: "pay", ..Settings::default() };
    let (mut world, id) = paused(settings, || Reply::DoAndLose).await;
    let row = world.desk.stuck(&StuckAsk::default(), 0, 9).expect("reads").items.remove(0);
    assert!(row.in_doubt && row.may_double);
    let desk = world.desk.clone();
    let all = world.ask(async move { desk.resume(&ResumeScope::All, &ada()).await }).await.expect("answers");
    assert_eq!((all.transmissions.len(), all.left_out), (0, 1));
    let desk = world.desk.clone();
    let one = ResumeScope::Transmissions(vec![id]);
    let single = world.ask(async move { desk.resume(&one, &ada()).await }).await.expect("answers");
    assert!(single.refused[0].contains("honours no key"), "{:?}", single.refused);
    let desk = world.desk.clone();
    let job = |in_doubt| JobPlan {
        action: JobAction::Resume,
        filter: JobFilter::default(),
        rate_per_s: NonZeroU32::MIN,
        in_doubt,
        by: "ada".into(),
        reason: "x".into(),
    };
    let previews =
        world.ask(async move { (desk.preview_job(&job(false)).await, desk.preview_job(&job(true)).await) }).await;
    let (without, with) = (previews.0.expect("answers"), previews.1.expect("answers"));
    assert_eq!(((without.count, without.left_out), (with.count, with.left_out)), ((0, 1), (1, 0)));
    assert!(mend(&mut world, id, input("right")).await.is_err());
    assert_eq!((world.count("paused"), world.partner.effects().len()), (1, 1));
    let (desk, one) = (world.desk.clone(), ResumeScope::Transmissions(vec![id]));
    let confirmed = world.ask(async move { desk.resume_these(&one, true, &ada()).await }).await.expect("answers");
    assert_eq!(confirmed.transmissions, [id]);
    world.until_done().await;
    assert_eq!(world.partner.effects().len(), 2, "as it was confirmed");
}

#[tokio::test(start_paused = true)]
async fn it_goes_to_another_system_that_can_do_the_same() {
    let (mut world, id) = paused(Settings::default(), || Reply::Status(422)).await;
    for (system, told) in [("nobody", "there is no system"), ("api", "there is no system")] {
        let wrong = Replacement { system: Some(system.into()), ..Replacement::default() };
        let refused = mend(&mut world, id, wrong).await.expect_err("cannot be");
        assert!(refused.to_string().contains(told), "{refused}");
    }
    let there = Replacement { system: Some("customer".into()), ..Replacement::default() };
    mend(&mut world, id, there).await.expect("goes there");
    world.until_done().await;
    let new = world.store.transmission(TransmissionId::of_successor(id)).expect("reads").expect("is there");
    assert_eq!((new.system.as_str(), new.state), ("customer", TransmissionState::Done));
    let audit = world.store.audit(0, 99).expect("reads");
    assert!(audit.iter().any(|it| it.record.action == "transmission.reroute"), "{audit:?}");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_is_corrected_by_one_that_names_it() {
    let mut world = World::new(Settings::default());
    world.tell(&[("shop", "order", order("S1", &["A"]))]).await;
    world.until_done().await;
    let broken = json!({"id": "order S2", "order": "S2", "customer": "C1", "skus": 7, "follows": "S1"});
    world.tell(&[("shop", "order", broken)]).await;
    world.until("it failed", SOON, |it| it.messages_in("failed") == 1).await;
    let row = world.desk.stuck(&StuckAsk::default(), 0, 9).expect("reads").items.remove(0);
    assert_eq!((row.kind, row.owner.as_deref()), (StuckKind::Message, Some("integration")));
    let id: MessageId = row.id.parse().expect("an id");
    let desk = world.desk.clone();
    let refused = world.ask(async move { desk.correct(id, b"{", &ada()).await }).await.expect_err("is no JSON");
    assert!(refused.to_string().contains("not usable JSON"), "{refused}");
    let right = order("S2", &["A"]).to_string();
    let desk = world.desk.clone();
    let mended = world.ask(async move { desk.correct(id, right.as_bytes(), &ada()).await }).await.expect("corrects");
    world.until("it is read", SOON, |it| it.messages_in("failed") == 0 && it.messages_in("waiting") == 0).await;
    let instead: MessageId = mended.instead.trim_start_matches("message/").parse().expect("an id");
    let new = world.store.message(instead).expect("reads").expect("is there");
    let old = world.store.message(id).expect("reads").expect("is kept");
    assert_eq!(new.state, MessageState::Translated { events: 1 });
    assert!(new.message.headers.contains(&(CORRECTS.to_owned(), id.to_string())));
    assert_eq!(new.message.received_at, old.message.received_at);
    assert!(String::from_utf8_lossy(&old.message.body).contains("\"skus\":7"), "the original stays");
    assert!(matches!(&old.state, MessageState::Ignored { reason } if reason.contains(&instead.to_string())));
    assert_eq!(world.desk.edits(&format!("message/{id}")).expect("reads")[0].instead, mended.instead);
    let desk = world.desk.clone();
    let again = world.ask(async move { desk.rerun(id, &ada()).await }).await.expect_err("another stands in its place");
    assert!(again.to_string().contains("another message stands in its place"), "{again}");
    world.pass(Duration::from_secs(1)).await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn failed_messages_of_a_fault_group_are_rerun_by_a_job() {
    let mut world = World::new(Settings { quantity: "body.nothing.there", ..Settings::default() });
    for n in 0..20 {
        world.tell(&[("shop", "order", order(&format!("S{n}"), &["A"]))]).await;
    }
    world.until("they failed", SOON, |it| it.messages_in("failed") == 20).await;
    let faults = world.desk.faults(None).expect("reads").items;
    assert_eq!((faults.len(), faults[0].count, faults[0].kind), (1, 20, StuckKind::Message));
    let mut world = world.crash_into(Settings { version: "v2", ..Settings::default() }).await;
    let filter = JobFilter { fault: Some(faults[0].fault.clone()), ..JobFilter::default() };
    let plan = JobPlan {
        action: JobAction::Rerun,
        filter,
        rate_per_s: NonZeroU32::new(100).expect("above zero"),
        in_doubt: false,
        by: "ada".into(),
        reason: "the mapping is mended".into(),
    };
    let (desk, asked) = (world.desk.clone(), plan.clone());
    let preview = world.ask(async move { desk.preview_job(&asked).await }).await.expect("previews");
    assert_eq!((preview.count, preview.messages.len()), (20, 10));
    let desk = world.desk.clone();
    world.ask(async move { desk.start_job(&plan, &ada()).await }).await.expect("starts");
    world
        .until("it has ended", SOON, |it| it.desk.jobs(None, 0, 1).expect("reads").items[0].job.state == JobState::Done)
        .await;
    world.until_done().await;
    assert_eq!((world.messages_in("failed"), world.open().len(), world.count("done")), (0, 0, 20));
    assert_eq!(world.desk.jobs(None, 0, 1).expect("reads").items[0].job.done, 20);
    world.check();
}
