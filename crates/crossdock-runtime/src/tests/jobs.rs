//! Jobs: what they take, how fast, what stops them, and that a crash at any commit changes nothing of how they end.

use std::num::NonZeroU32;
use std::time::Duration;

use crossdock_core::exception::ExceptionClass;
use crossdock_core::job::{JobAction, JobFilter, JobPlan, JobState};
use crossdock_store::Store as _;
use serde_json::json;
use tokio::time::Instant;

use super::faulty::Death;
use super::partner::Reply;
use super::world::{SOON, Settings, World, ada};
use crate::desk::{CommandKey, DeskError, JobAnswer, JobView, Order};

const FAST: u32 = 1_000;

fn plan(action: JobAction, filter: JobFilter, rate: u32) -> JobPlan {
    let rate_per_s = NonZeroU32::new(rate).expect("above zero");
    JobPlan { action, filter, rate_per_s, in_doubt: false, by: "ada".into(), reason: "the SKU is there now".into() }
}

/// A hub at which so many pieces of work were refused, each with a key of its own.
async fn with_paused(count: usize) -> World {
    let mut world = World::new(Settings::default());
    world.partner.behave(|_| Reply::Status(422));
    for n in 0..count {
        world.task(&format!("K{n}"), &n.to_string()).await;
    }
    world.until("all are refused", SOON * 10, |it| it.count("paused") == count as u64).await;
    world.pass(Duration::from_secs(1)).await;
    world.partner.behave(|_| Reply::Do);
    world
}

async fn start(world: &mut World, plan: JobPlan) -> Result<JobAnswer, DeskError> {
    let desk = world.desk.clone();
    world.ask(async move { desk.start_job(&plan, &ada()).await }).await
}

fn newest(world: &World) -> JobView {
    world.desk.jobs(None, 0, 1).expect("reads").items.remove(0)
}

fn audits(world: &World, action: &str) -> usize {
    let audit = world.store.audit(0, 10_000).expect("reads");
    audit.iter().filter(|entry| entry.record.action == action).count()
}

#[tokio::test(start_paused = true)]
async fn a_job_resumes_what_fits_at_its_rate() {
    let mut world = with_paused(30).await;
    let filter = JobFilter {
        system: Some("odoo".into()),
        class: Some(ExceptionClass::TransmissionRefused),
        ..JobFilter::default()
    };
    let plan = plan(JobAction::Resume, filter, 10);
    let (desk, asked) = (world.desk.clone(), plan.clone());
    let preview = world.ask(async move { desk.preview_job(&asked).await }).await.expect("previews");
    assert_eq!((preview.count, preview.examples.len(), preview.seconds), (30, 10, 3));
    assert_eq!(world.count("paused"), 30, "a preview changes nothing");

    let began = Instant::now();
    let started = start(&mut world, plan).await.expect("starts").job.expect("it is no dry run");
    assert_eq!((started.job.expected, started.left), (30, 30));
    world.until("some went on", SOON, |it| newest(it).job.done == 5).await;
    assert_eq!(newest(&world).left, 25);
    world.until("the job is done", SOON, |it| newest(it).job.state == JobState::Done).await;
    let took = began.elapsed();
    assert!(took > Duration::from_millis(2_800) && took < Duration::from_secs(4), "{took:?}");
    world.until_done().await;
    let ended = newest(&world);
    assert_eq!((ended.job.done, ended.job.refused, ended.left), (30, 0, 0));
    assert_eq!((world.count("done"), world.open().len()), (30, 0));
    assert_eq!((audits(&world, "job.start.resume"), audits(&world, "transmission.resume")), (1, 30));
    assert_eq!(audits(&world, "job.end"), 1);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_leaves_alone_what_does_not_fit_and_what_is_paused_again() {
    let mut world = with_paused(4).await;
    world.partner.behave(|_| Reply::Status(422));
    let about = world.transmissions()[2].about.clone();
    let filter = JobFilter { entity: Some(about), ..JobFilter::default() };
    start(&mut world, plan(JobAction::Cancel, filter.clone(), FAST)).await.expect("starts");
    world.until("one is given up", SOON, |it| it.count("cancelled") == 1).await;
    world.until("it has ended", SOON, |it| newest(it).job.state == JobState::Done).await;
    assert_eq!((world.count("paused"), newest(&world).job.done), (3, 1));
    let nothing = start(&mut world, plan(JobAction::Cancel, filter, FAST)).await.expect_err("nothing is left");
    assert!(nothing.to_string().contains("nothing that stands still fits"), "{nothing}");

    // They are refused again at once: the job must not run after its own tail.
    start(&mut world, plan(JobAction::Resume, JobFilter::default(), FAST)).await.expect("starts");
    world.until("it has ended", SOON, |it| newest(it).job.state == JobState::Done).await;
    world.until("all are refused again", SOON, |it| it.count("paused") == 3).await;
    assert_eq!(newest(&world).job.done, 3);
    assert_eq!(audits(&world, "transmission.resume"), 3);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_stopped_takes_no_further_step() {
    let mut world = with_paused(20).await;
    let id = start(&mut world, plan(JobAction::Resume, JobFilter::default(), 5)).await.expect("starts");
    let id = id.job.expect("it is no dry run").job.id;
    world.until("some went on", SOON, |it| newest(it).job.done == 4).await;
    let desk = world.desk.clone();
    let stopped = world.ask(async move { desk.stop_job(id, &ada()).await }).await.expect("stops");
    assert_eq!((stopped.job.state, stopped.job.stopped_by.as_deref()), (JobState::Stopped, Some("ada")));
    let done = stopped.job.done;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((newest(&world).job.done, world.count("paused")), (done, 20 - done));
    let desk = world.desk.clone();
    let again = world.ask(async move { desk.stop_job(id, &ada()).await }).await.expect_err("it has ended");
    assert!(again.to_string().contains("is stopped: there is nothing to stop"), "{again}");
    assert_eq!(audits(&world, "job.stop"), 1);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn several_jobs_run_side_by_side() {
    let mut world = with_paused(20).await;
    let even = |it: &World| it.transmissions().iter().map(|it| it.about.clone()).collect::<Vec<_>>();
    let slow = JobFilter { entity: Some(even(&world)[7].clone()), ..JobFilter::default() };
    start(&mut world, plan(JobAction::Resume, JobFilter::default(), 1)).await.expect("starts");
    start(&mut world, plan(JobAction::Cancel, slow, 1)).await.expect("starts");
    world.until("the short one has ended", SOON, |it| newest(it).job.state == JobState::Done).await;
    assert_eq!(world.count("cancelled"), 1);
    let is_over = |it: &World| it.desk.jobs(Some(true), 0, 9).expect("reads").items.is_empty();
    world.until("the long one has ended", SOON, is_over).await;
    world.until_done().await;
    let both = world.desk.jobs(Some(false), 0, 9).expect("reads").items;
    assert_eq!(both.iter().map(|it| it.job.done).collect::<Vec<_>>(), [1, 19]);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn faults_of_one_kind_are_a_group_that_a_job_can_take() {
    let mut world = with_paused(3).await;
    world.partner.behave(|_| Reply::Status(500));
    world.task("L", "other").await;
    world.until("it is given up", SOON * 10_000, |it| it.count("paused") == 4).await;
    world.partner.behave(|_| Reply::Do);
    let faults = world.desk.faults(None).expect("reads").items;
    assert_eq!(faults.iter().map(|it| it.count).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(faults[0].class, Some(ExceptionClass::TransmissionRefused));
    assert_eq!(faults[0].owner.as_deref(), Some("odoo-team"));
    let filter = JobFilter { fault: Some(faults[0].fault.clone()), ..JobFilter::default() };
    start(&mut world, plan(JobAction::Resume, filter, FAST)).await.expect("starts");
    world.until("they went on", SOON, |it| it.count("done") == 3).await;
    assert_eq!(world.count("paused"), 1);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_request_for_a_job_counts_once_under_its_key() {
    let mut world = with_paused(3).await;
    let order = |dry_run| Order::StartJob { plan: plan(JobAction::Resume, JobFilter::default(), FAST), dry_run };
    let key = |key: &str| Some(CommandKey { key: key.into(), given: key.into() });
    let mut answers = Vec::new();
    for (name, dry_run) in [("look", true), ("go", false), ("go", false), ("look", true)] {
        let (desk, order, key) = (world.desk.clone(), order(dry_run), key(name));
        answers.push(world.ask(async move { desk.command(&order, &ada(), key).await }).await.expect("answers"));
    }
    assert_eq!((&answers[1], &answers[0]), (&answers[2], &answers[3]));
    let looked: serde_json::Value = serde_json::from_str(&answers[0]).expect("JSON");
    assert_eq!((&looked["preview"]["count"], &looked["job"]), (&json!(3), &json!(null)));
    world.until_done().await;
    assert_eq!(world.desk.jobs(None, 0, 9).expect("reads").items.len(), 1);
    world.check();
}

/// The process dies at each commit, in turn right before and right after it, until all is over.
#[tokio::test(start_paused = true)]
async fn a_job_of_hundreds_killed_at_every_commit_ends_the_same() {
    const COUNT: usize = 300;
    let mut world = with_paused(COUNT).await;
    let about = world.transmissions()[7].about.clone();
    let keep = JobFilter { entity: Some(about), ..JobFilter::default() };
    start(&mut world, plan(JobAction::Cancel, keep, FAST)).await.expect("starts");
    world.until("one is given up", SOON, |it| it.count("cancelled") == 1).await;
    world.until("it has ended", SOON, |it| newest(it).job.state == JobState::Done).await;
    start(&mut world, plan(JobAction::Resume, JobFilter::default(), FAST)).await.expect("starts");
    let is_over = |it: &World| it.count("done") == COUNT as u64 - 1 && newest(it).job.state == JobState::Done;
    let mut deaths = 0;
    while !is_over(&world) {
        world.store.die(Some(if deaths % 2 == 0 { Death::After(0) } else { Death::Before(1) }));
        world.until("it is dead or over", SOON, |it| it.store.is_dead() || is_over(it)).await;
        world.store.die(None);
        world = world.crash().await;
        deaths += 1;
        assert!(deaths < 20 * COUNT, "it does not come to an end");
    }
    assert!(deaths > COUNT / 2, "only {deaths} deaths");
    let job = newest(&world).job;
    assert_eq!((job.done, job.refused, job.expected), (COUNT as u64 - 1, 0, COUNT as u64 - 1));
    assert_eq!(audits(&world, "transmission.resume"), COUNT - 1, "each was resumed once");
    assert_eq!((audits(&world, "job.end"), world.open().len()), (2, 0));
    let mut told: Vec<_> = world.partner.done();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), COUNT - 1);
    world.check();
}
