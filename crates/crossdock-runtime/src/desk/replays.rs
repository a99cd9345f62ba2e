//! Replay plans as people see them: drawn up from a dry run over the store as it stands, approved, run as a job, stopped. The dry
//! run changes nothing: what it decides is laid over the store and thrown away, but for what it says.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::event::EntityRef;
use crossdock_core::exception::ExceptionClass;
use crossdock_core::hub::Hub;
use crossdock_core::ids::{JobId, MessageId, ReplayId};
use crossdock_core::job::{Job, JobAction, JobFilter, JobPlan, RATE_MAX};
use crossdock_core::mapping::Notes;
use crossdock_core::message::StoredMessage;
use crossdock_core::record::RecordKind;
use crossdock_core::replay::{
    Effects, ItemState, MESSAGES_MAX, NotReady, ReplayFigures, ReplayFilter, ReplayItem, ReplayOutcome, ReplayPlan,
    Verdict,
};
use crossdock_core::routing::{self, Context};
use crossdock_store::{ExceptionFilter, Page, RecordFilter, Store, StoreError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::actions::Actor;
use super::jobs::{JobView, job_of, written};
use super::overview::ROWS_MAX;
use super::{Desk, DeskError, Listing, Live};
use crate::jobs::is_to_be_run;
use crate::router::CommandError;
use crate::router::batch::Batch;

/// Messages looked at to find those that are meant (I10).
const EXAMINED_MAX: usize = 200_000;
/// Read in one go.
const PAGE: usize = 500;
/// Events of an entity that are followed to their messages.
const EVENTS_MAX: usize = 5_000;
/// Records written in one commit.
const TOGETHER: usize = 200;
/// Messages read around a place when one is looked for by its time: one that was corrected carries the time of its original.
const AROUND: usize = 16;

/// What is wanted of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRequest {
    /// Which messages.
    pub which: ReplayFilter,
    /// What may be owed.
    pub effects: Effects,
    /// The configuration to read them with; the running one when there is none.
    pub with: Option<CandidateFolder>,
    /// Only tell what it would do: no plan is kept.
    pub dry_run: bool,
}

/// A configuration that is only tried: the files of a hub folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateFolder {
    /// Its files; secrets are not needed and do not belong here.
    pub files: Vec<CandidateFile>,
}

/// One file of a hub folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateFile {
    /// Relative to the folder, such as `mappings/shop/order-accepted.yaml`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Compiles a configuration that is only tried.
pub trait Candidates: Send + Sync {
    /// The hub that these files describe.
    ///
    /// # Errors
    /// Everything that is wrong with them, with file and line.
    fn compile(&self, candidate: &CandidateFolder) -> Result<Hub, Vec<String>>;
}

/// A plan, and how far it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReplayView {
    /// The plan.
    #[serde(flatten)]
    pub plan: ReplayPlan,
    /// `planned`, `approved`, or the state of its run: `running`, `done`, `stopped`. `dry_run` when none is kept.
    pub state: String,
    /// The hub runs the configuration under which it was drawn up, so it can be run.
    pub is_current: bool,
    /// The run.
    pub run: Option<JobView>,
    /// The first messages that would change something or cannot be read, at most 500; only of a plan just drawn up.
    pub items: Vec<ReplayItem>,
}

impl Desk {
    /// Draws up a plan: reads the messages anew and tells what that would change. Nothing but the plan is written.
    ///
    /// # Errors
    /// When nothing or too much is meant, the candidate is broken, or the hub is not running.
    pub async fn plan_replay(&self, request: &ReplayRequest, actor: &Actor) -> Result<ReplayView, DeskError> {
        self.plan_replay_with(request, actor, |_| Ok(Vec::new())).await
    }

    pub(super) async fn plan_replay_with(
        &self,
        request: &ReplayRequest,
        actor: &Actor,
        more: impl FnOnce(&ReplayView) -> Result<Vec<Change>, DeskError>,
    ) -> Result<ReplayView, DeskError> {
        let live = self.live()?;
        if request.which.is_everything() {
            return Err(DeskError::Invalid(
                "say which messages: by a reference, a time, a system, a flow or a class of exception".into(),
            ));
        }
        let (desk, asked, who) = (self.clone(), request.clone(), actor.clone());
        let drawn = tokio::task::spawn_blocking(move || desk.draw_up(&asked, &who)).await;
        let gone = |error| StoreError(format!("the dry run was interrupted: {error}"));
        let (plan, items) = drawn.map_err(gone)??;
        let worth_showing =
            |item: &&ReplayItem| item.outcome.acts() || matches!(item.outcome.verdict, Verdict::Fails(_));
        let shown: Vec<ReplayItem> = items.iter().filter(worth_showing).take(ROWS_MAX).cloned().collect();
        let mut view = live.replay_view(plan.clone(), None);
        view.items = shown;
        if request.dry_run {
            view.state = "dry_run".to_owned();
            live.keep(more(&view)?).await?;
            return Ok(view);
        }
        for some in items.chunks(TOGETHER) {
            let records: Result<Changeset, _> =
                some.iter().map(|item| item.record(plan.id).map(Change::PutRecord)).collect();
            live.shell.commit(records.map_err(unwritten)?).await.map_err(CommandError::from)?;
        }
        let target = format!("replay/{}", plan.id);
        let mut changeset = Changeset::new().with(Change::PutRecord(plan.record().map_err(unwritten)?));
        changeset.changes.extend(live.audited(actor, "replay.plan", &target, more(&view)?));
        live.shell.commit(changeset).await.map_err(CommandError::from)?;
        Ok(view)
    }

    /// Agrees to a plan.
    ///
    /// # Errors
    /// When there is none, it is approved already, or the policy wants somebody else.
    pub async fn approve_replay(&self, id: ReplayId, actor: &Actor) -> Result<ReplayView, DeskError> {
        self.approve_replay_with(id, actor, |_| Ok(Vec::new())).await
    }

    pub(super) async fn approve_replay_with(
        &self,
        id: ReplayId,
        actor: &Actor,
        more: impl FnOnce(&ReplayView) -> Result<Vec<Change>, DeskError>,
    ) -> Result<ReplayView, DeskError> {
        let live = self.live()?;
        let plan = live.shell.read(move |store| plan_of(store, id)).await?.ok_or_else(|| unknown(id))?;
        let reason = actor.reason.clone().unwrap_or_default();
        let approved = plan.approve(&actor.name, &reason, live.shell.clock.now()).map_err(not_ready)?;
        let view = live.replay_view(approved.clone(), None);
        let mut changeset = Changeset::new().with(Change::PutRecord(approved.record().map_err(unwritten)?));
        changeset.changes.extend(live.audited(actor, "replay.approve", &format!("replay/{id}"), more(&view)?));
        live.shell.commit(changeset).await.map_err(CommandError::from)?;
        Ok(view)
    }

    /// Runs an approved plan as a job; one that was stopped goes on with what is left.
    ///
    /// # Errors
    /// When there is none, it is not approved, it runs already, the hub runs another configuration, or nothing is left.
    pub async fn run_replay(&self, id: ReplayId, rate: NonZeroU32, actor: &Actor) -> Result<ReplayView, DeskError> {
        self.run_replay_with(id, rate, actor, |_| Ok(Vec::new())).await
    }

    pub(super) async fn run_replay_with(
        &self,
        id: ReplayId,
        rate: NonZeroU32,
        actor: &Actor,
        more: impl FnOnce(&ReplayView) -> Result<Vec<Change>, DeskError>,
    ) -> Result<ReplayView, DeskError> {
        let live = self.live()?;
        if rate.get() > RATE_MAX {
            return Err(DeskError::Invalid(format!("a replay reads at most {RATE_MAX} in a second")));
        }
        let (plan, left, running) = live
            .shell
            .read(move |store| {
                let Some(plan) = plan_of(store, id)? else { return Ok((None, 0, false)) };
                let job = plan.job.map(|job| job_of(store, job)).transpose()?.flatten();
                let is_running = job.is_some_and(|job| job.ended_at.is_none());
                let mut left = 0;
                for n in 1..=plan.figures.messages {
                    left += u64::from(item_of(store, id, n)?.is_some_and(|item| is_to_be_run(&item)));
                }
                Ok((Some(plan), left, is_running))
            })
            .await?;
        let plan = plan.ok_or_else(|| unknown(id))?;
        if running {
            return Err(CommandError::NotNow(format!("replay plan {id} is running already")).into());
        }
        let job_id = JobId(live.shell.clock.new_id());
        let run = plan.run(job_id, &live.shell.plan.hub.version).map_err(not_ready)?;
        if left == 0 {
            return Err(CommandError::NotNow(format!("replay plan {id} is done: nothing of it is left")).into());
        }
        live.has_room().await?;
        let (by, reason) = (actor.name.clone(), actor.reason.clone().unwrap_or_default());
        let (action, filter) = (JobAction::Replay, JobFilter::default());
        let job = JobPlan { action, filter, rate_per_s: rate, in_doubt: false, by, reason };
        let job = Job { replay: Some(id), ..Job::start(job_id, job, left, live.shell.clock.now()) };
        let view = live.replay_view(run.clone(), Some(job.clone()));
        let mut changeset = Changeset::new()
            .with(Change::PutRecord(written(&job)?))
            .with(Change::PutRecord(run.record().map_err(unwritten)?));
        changeset.changes.extend(live.audited(actor, "replay.run", &format!("replay/{id}"), more(&view)?));
        live.shell.commit(changeset).await.map_err(CommandError::from)?;
        live.shell.wake.jobs();
        Ok(view)
    }

    /// Stops the run of a plan: what it did stays done.
    ///
    /// # Errors
    /// When there is none, it does not run, or the hub is not running.
    pub async fn stop_replay(&self, id: ReplayId, actor: &Actor) -> Result<ReplayView, DeskError> {
        self.stop_replay_with(id, actor, |_| Ok(Vec::new())).await
    }

    pub(super) async fn stop_replay_with(
        &self,
        id: ReplayId,
        actor: &Actor,
        more: impl Fn(&ReplayView) -> Result<Vec<Change>, DeskError>,
    ) -> Result<ReplayView, DeskError> {
        let live = self.live()?;
        let plan = live.shell.read(move |store| plan_of(store, id)).await?.ok_or_else(|| unknown(id))?;
        let Some(job) = plan.job else {
            return Err(CommandError::NotNow(format!("replay plan {id} does not run: there is nothing to stop")).into());
        };
        let view = |stopped: &JobView| live.replay_view(plan.clone(), Some(stopped.job.clone()));
        let stopped = self.stop_job_with(job, actor, |stopped| more(&view(stopped))).await?;
        Ok(view(&stopped))
    }

    /// One plan, and how far it is.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn replay(&self, id: ReplayId) -> Result<ReplayView, DeskError> {
        let plan = plan_of(self.store.as_ref(), id)?.ok_or_else(|| unknown(id))?;
        self.seen(plan)
    }

    /// Plans, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn replays(&self, skip: usize, limit: usize) -> Result<Listing<ReplayView>, DeskError> {
        let limit = limit.min(ROWS_MAX);
        let filter = RecordFilter::of(RecordKind::Replay);
        let mut records = self.store.records(&filter, Page { skip, limit: limit + 1 })?;
        let more = records.len() > limit;
        records.truncate(limit);
        let plans = records.iter().map(|record| ReplayPlan::of_record(record).map_err(unread));
        let items: Result<Vec<_>, DeskError> = plans.map(|plan| self.seen(plan?)).collect();
        Ok(Listing { items: items?, more })
    }

    /// The messages of a plan in their order; with `changing` only those that would change something or cannot be read.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn replay_items(
        &self,
        id: ReplayId,
        changing: bool,
        skip: usize,
        limit: usize,
    ) -> Result<Listing<ReplayItem>, DeskError> {
        let plan = plan_of(self.store.as_ref(), id)?.ok_or_else(|| unknown(id))?;
        let limit = limit.min(ROWS_MAX);
        let (mut items, mut passed) = (Vec::new(), 0);
        for n in 1..=plan.figures.messages {
            let Some(item) = item_of(self.store.as_ref(), id, n)? else { break };
            if changing && !item.outcome.acts() && !matches!(item.outcome.verdict, Verdict::Fails(_)) {
                continue;
            }
            passed += 1;
            if passed > skip {
                items.push(item);
            }
            if items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Listing { items, more })
    }

    fn seen(&self, plan: ReplayPlan) -> Result<ReplayView, DeskError> {
        let job = plan.job.map(|job| job_of(self.store.as_ref(), job)).transpose()?.flatten();
        let is_current = |live: &Live| plan.config == live.shell.plan.hub.version;
        let is_current = self.live.as_ref().is_some_and(is_current);
        Ok(view(plan, job, is_current))
    }

    fn draw_up(&self, request: &ReplayRequest, actor: &Actor) -> Result<(ReplayPlan, Vec<ReplayItem>), DeskError> {
        let live = self.live()?;
        let candidate = request.with.as_ref().map(|candidate| self.compiled(candidate)).transpose()?;
        let hub = candidate.as_ref().unwrap_or(&live.shell.plan.hub);
        if let Some(flow) = &request.which.flow
            && hub.outbound(flow).is_none()
            && !hub.inbound.iter().any(|inbound| inbound.name == *flow)
        {
            return Err(DeskError::Invalid(format!("there is no flow `{flow}`")));
        }
        let mut drawn = None;
        self.store.together(&mut || {
            let found = messages(self.store.as_ref(), hub, &request.which);
            drawn = Some(found.and_then(|found| live.dry_run(hub, request.effects, &found)));
        })?;
        let items = drawn.unwrap_or_else(|| Err(StoreError("the store did nothing and said nothing".into()).into()))?;
        let (mut figures, mut hash) = (ReplayFigures::default(), Sha256::new());
        for item in &items {
            figures.add(&item.outcome);
            hash.update(serde_json::to_string(&item.outcome).map_err(unwritten)?);
        }
        let plan = ReplayPlan {
            id: ReplayId(live.shell.clock.new_id()),
            version: 1,
            which: request.which.clone(),
            effects: request.effects,
            config: hub.version.clone(),
            planned_at: live.shell.clock.now(),
            by: actor.name.clone(),
            reason: actor.reason.clone().unwrap_or_default(),
            needs_another: live.shell.plan.replay_needs_another,
            approved: None,
            job: None,
            figures,
            digest: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        Ok((plan, items))
    }

    fn compiled(&self, candidate: &CandidateFolder) -> Result<Hub, DeskError> {
        let Some(candidates) = &self.candidates else {
            return Err(DeskError::Invalid("this hub cannot try another configuration".into()));
        };
        candidates.compile(candidate).map_err(|mistakes| {
            DeskError::Invalid(format!("the configuration to try is broken: {}", mistakes.join("; ")))
        })
    }
}

impl Live {
    /// Reads the messages anew, one after the other, each over what those before would have changed.
    fn dry_run(&self, hub: &Hub, policy: Effects, found: &[StoredMessage]) -> Result<Vec<ReplayItem>, DeskError> {
        let store = self.shell.store.as_ref();
        let limit = Duration::from_millis(self.shell.plan.mapping_ms_max);
        let (notes, now, mut last_place) = (Notes::default(), self.shell.clock.now(), store.last_place()?);
        let mut batch = Batch::new(store);
        let mut items = Vec::new();
        for stored in found {
            let past = store.events_of_message(stored.message.id)?;
            let past: Vec<_> = past.into_iter().map(|stored| stored.event).collect();
            let begun = Instant::now();
            let overdue = || begun.elapsed() > limit;
            let mut context =
                Context { hub, view: &batch, now, last_place: &mut last_place, overdue: &overdue, notes: &notes };
            let read = catch_unwind(AssertUnwindSafe(|| routing::replay(stored, &past, policy, &mut context)));
            let (outcome, changeset) = match read {
                Ok(read) => read.map_err(CommandError::from)?,
                Err(_) => (failed(stored), Changeset::new()),
            };
            if outcome.acts() {
                batch.add(changeset);
            }
            items.push(ReplayItem { n: items.len() as u64 + 1, version: 1, state: ItemState::Planned, outcome });
        }
        Ok(items)
    }

    fn replay_view(&self, plan: ReplayPlan, job: Option<Job>) -> ReplayView {
        let is_current = plan.config == self.shell.plan.hub.version;
        view(plan, job, is_current)
    }
}

fn view(plan: ReplayPlan, job: Option<Job>, is_current: bool) -> ReplayView {
    let state = match (&job, &plan.approved) {
        (Some(job), _) => job.state.word(),
        (None, Some(_)) => "approved",
        (None, None) => "planned",
    };
    ReplayView { state: state.to_owned(), plan, is_current, run: job.map(JobView::from), items: Vec::new() }
}

/// The hub itself failed at a message.
fn failed(stored: &StoredMessage) -> ReplayOutcome {
    ReplayOutcome {
        message: stored.message.id,
        system: stored.message.system.clone(),
        channel: stored.message.channel.clone(),
        received_at: stored.message.received_at,
        verdict: Verdict::Fails("the hub itself failed at it; report this".to_owned()),
        events: Vec::new(),
        effects: Vec::new(),
    }
}

/// The messages that are meant, in the order in which they came.
fn messages(store: &dyn Store, hub: &Hub, which: &ReplayFilter) -> Result<Vec<StoredMessage>, DeskError> {
    let mut found = Vec::new();
    let mut see = |stored: StoredMessage| -> Result<(), DeskError> {
        if fits(store, hub, which, &stored)? {
            found.push(stored);
        }
        match found.len() > MESSAGES_MAX {
            true => {
                Err(DeskError::Invalid(format!("more than {MESSAGES_MAX} messages fit: narrow it, such as by time")))
            }
            false => Ok(()),
        }
    };
    let named = match (&which.reference, which.class) {
        (Some(reference), _) => Some(behind(store, reference)?),
        (None, Some(class)) => Some(excepted(store, class)?),
        (None, None) => None,
    };
    if let Some(named) = named {
        for id in named {
            if let Some(stored) = store.message(id)? {
                see(stored)?;
            }
        }
        found.sort_by_key(|stored| stored.position);
        return Ok(found);
    }
    let mut after = which.from.map(|from| before(store, from)).transpose()?.unwrap_or(0);
    let mut examined = 0;
    loop {
        let page = store.messages_after(None, which.system.as_ref(), after, PAGE)?;
        let is_last = page.len() < PAGE;
        let is_past = page.last().is_some_and(|last| which.to.is_some_and(|to| last.message.received_at >= to));
        examined += page.len();
        after = page.last().map_or(after, |last| last.position);
        for stored in page {
            see(stored)?;
        }
        if is_last || is_past {
            return Ok(found);
        }
        if examined >= EXAMINED_MAX {
            return Err(DeskError::Invalid(format!(
                "more than {EXAMINED_MAX} messages would be looked at: say a time"
            )));
        }
    }
}

fn fits(store: &dyn Store, hub: &Hub, which: &ReplayFilter, stored: &StoredMessage) -> Result<bool, StoreError> {
    let message = &stored.message;
    let is_meant = message.cause.is_none()
        && which.system.as_ref().is_none_or(|system| *system == message.system)
        && which.from.is_none_or(|from| message.received_at >= from)
        && which.to.is_none_or(|to| message.received_at < to);
    if !is_meant {
        return Ok(false);
    }
    if which.reference.is_some()
        && let Some(class) = which.class
        && !excepted(store, class)?.contains(&message.id)
    {
        return Ok(false);
    }
    let Some(flow) = &which.flow else { return Ok(true) };
    if let Some(inbound) = hub.inbound.iter().find(|inbound| inbound.name == *flow) {
        let channel = inbound.channel.as_ref().is_none_or(|channel| *channel == message.channel);
        return Ok(inbound.system == message.system && channel);
    }
    let Some(outbound) = hub.outbound(flow) else { return Ok(false) };
    let wanted: BTreeSet<String> = outbound.on.iter().map(|on| on.name()).collect();
    let events = store.events_of_message(message.id)?;
    Ok(events.iter().any(|stored| wanted.contains(&stored.event.event_type)))
}

/// Messages behind what is known by a reference, and the message of that id.
fn behind(store: &dyn Store, reference: &str) -> Result<BTreeSet<MessageId>, StoreError> {
    let mut found = BTreeSet::new();
    if let Ok(id) = reference.parse::<MessageId>()
        && store.message(id)?.is_some()
    {
        found.insert(id);
    }
    let mut names = store.find(reference, PAGE)?;
    if let Some((kind, key)) = reference.split_once('/') {
        names.push(EntityRef::new(kind, key));
    }
    for name in names {
        let events = store.events_of_entity(&name, EVENTS_MAX)?;
        found.extend(events.into_iter().map(|stored| stored.event.message));
    }
    Ok(found)
}

/// Messages for which an exception of this class is open, be it for what was owed because of them.
fn excepted(store: &dyn Store, class: ExceptionClass) -> Result<BTreeSet<MessageId>, StoreError> {
    let mut found = BTreeSet::new();
    let filter = ExceptionFilter { open: Some(true), classes: vec![class], ..ExceptionFilter::default() };
    let mut skip = 0;
    loop {
        let page = store.exceptions(&filter, Page { skip, limit: PAGE })?;
        skip += page.len();
        for exception in &page {
            found.extend(exception.message);
            if let Some(id) = exception.transmission
                && let Some(it) = store.transmission(id)?
                && let Some(event) = store.event(it.event)?
            {
                found.insert(event.event.message);
            }
        }
        if page.len() < PAGE || found.len() > MESSAGES_MAX {
            return Ok(found);
        }
    }
}

/// A position before which no message came at this time or later.
fn before(store: &dyn Store, from: Timestamp) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, u64::MAX >> 2);
    while low < high {
        let middle = low + (high - low) / 2;
        let around = store.messages_after(None, None, middle, AROUND)?;
        let latest = around.iter().map(|stored| stored.message.received_at).max();
        match latest {
            Some(latest) if latest < from => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low.saturating_sub(1))
}

fn plan_of(store: &dyn Store, id: ReplayId) -> Result<Option<ReplayPlan>, StoreError> {
    let record = store.record(RecordKind::Replay, &id.to_string())?;
    record.map(|record| ReplayPlan::of_record(&record)).transpose().map_err(unread)
}

fn item_of(store: &dyn Store, id: ReplayId, n: u64) -> Result<Option<ReplayItem>, StoreError> {
    let record = store.record(RecordKind::ReplayItem, &ReplayItem::key(id, n))?;
    record.map(|record| ReplayItem::of_record(&record)).transpose().map_err(unread)
}

fn not_ready(why: NotReady) -> DeskError {
    CommandError::NotNow(why.to_string()).into()
}

fn unknown(id: ReplayId) -> DeskError {
    DeskError::Unknown(format!("there is no replay plan {id}"))
}

fn unread(error: serde_json::Error) -> StoreError {
    StoreError(format!("the record of a replay plan cannot be read: {error}"))
}

fn unwritten(error: serde_json::Error) -> DeskError {
    StoreError(format!("the record of a replay plan cannot be written: {error}")).into()
}
