//! Jobs as people see them: what one would do, how far one is, and what stands still for the same reason.

use std::collections::BTreeMap;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionClass};
use crossdock_core::ids::{JobId, SystemName};
use crossdock_core::job::{FaultKey, Job, JobAction, JobFilter, JobPlan, RATE_MAX, failed_at, fault, paused_at};
use crossdock_core::message::StoredMessage;
use crossdock_core::record::{Record, RecordKind};
use crossdock_core::routing::fingerprint;
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_store::{Page, RecordFilter, Store, StoreError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::overview::{MessageRow, ROWS_MAX, TransmissionRow};
use super::stuck::StuckKind;
use super::{Actor, Desk, DeskError, Listing, Live};
use crate::jobs;
use crate::plan::Plan;
use crate::router::CommandError;

/// Paused transmissions that a preview or a list of faults looks at.
const EXAMINED_MAX: usize = 20_000;
/// Paused transmissions read in one go.
const PAGE: usize = 500;
/// Examples that a preview shows.
const EXAMPLES_MAX: usize = 10;
/// Faults that are listed.
const FAULTS_MAX: usize = 200;

/// What a job would do if it were started now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JobPreview {
    /// How many it would take.
    pub count: u64,
    /// There are more: no more than 20,000 paused transmissions are looked at for a preview. A job takes them all.
    pub more: bool,
    /// How many of them at which system.
    pub systems: BTreeMap<SystemName, u64>,
    /// Those of the systems to which nothing is sent at present: what goes on waits there until they are resumed.
    pub paused_systems: Vec<SystemName>,
    /// Besides these, so many fit and are left as they are: they may have taken effect already at a system that honours no
    /// key. `in_doubt` takes them too.
    pub left_out: u64,
    /// The oldest of them, when they are transmissions.
    pub examples: Vec<TransmissionRow>,
    /// The oldest of them, when they are messages.
    pub messages: Vec<MessageRow>,
    /// How long it would take, in seconds, at its rate.
    pub seconds: u64,
}

/// A job and how much is left of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JobView {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// How many it is still expected to take; 0 when it has ended.
    pub left: u64,
}

/// What a request for a job gives.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JobAnswer {
    /// What it does or would do.
    pub preview: JobPreview,
    /// The job that was started; null in a dry run.
    pub job: Option<JobView>,
}

/// Paused transmissions, or failed messages, that stand still for the same reason.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FaultRow {
    /// Names the group: the `fault` of a job.
    pub fault: FaultKey,
    /// The class of their exceptions.
    pub class: Option<ExceptionClass>,
    /// What they are.
    pub kind: StuckKind,
    /// To whom they are owed, or from whom they came.
    pub system: SystemName,
    /// The reason, without what differs from one to the next.
    pub reason: String,
    /// Who has to act.
    pub owner: Option<String>,
    /// How many there are.
    pub count: u64,
    /// Since when the first one stands still.
    pub since: Timestamp,
    /// The oldest of them, when they are transmissions.
    pub example: Option<TransmissionRow>,
    /// The oldest of them, when they are messages.
    pub message: Option<MessageRow>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let left = match job.ended_at {
            None => job.expected.saturating_sub(job.done + job.refused),
            Some(_) => 0,
        };
        Self { job, left }
    }
}

impl Desk {
    /// What a job would do if it were started now.
    ///
    /// # Errors
    /// When the rate is too high, a system is not known, the hub is not running or the store cannot be read.
    pub async fn preview_job(&self, plan: &JobPlan) -> Result<JobPreview, DeskError> {
        let live = self.live()?;
        if plan.rate_per_s.get() > RATE_MAX {
            return Err(DeskError::Invalid(format!("a job does at most {RATE_MAX} in a second")));
        }
        if let (Some(since), Some(until)) = (plan.filter.since, plan.filter.until)
            && since >= until
        {
            return Err(DeskError::Invalid("nothing can be since `since` and before `until`: turn them round".into()));
        }
        if plan.action == JobAction::Replay {
            return Err(DeskError::Invalid("a replay plan is run by itself: `crossdock replay run`".into()));
        }
        let (asked, systems) = (plan.clone(), live.shell.plan.clone());
        Ok(live.shell.read(move |store| preview(store, &systems, &asked)).await?)
    }

    /// Starts a job. `more` is committed with it.
    ///
    /// # Errors
    /// Those of the preview, that nothing fits, or that too many jobs run.
    pub(super) async fn start_job_with(
        &self,
        plan: &JobPlan,
        actor: &Actor,
        more: impl FnOnce(&JobAnswer) -> Result<Vec<Change>, DeskError>,
    ) -> Result<JobAnswer, DeskError> {
        let live = self.live()?;
        let preview = self.preview_job(plan).await?;
        if preview.count == 0 {
            return Err(CommandError::NotNow("nothing that stands still fits: there is nothing to do".into()).into());
        }
        live.has_room().await?;
        let id = JobId(live.shell.clock.new_id());
        let job = Job::start(id, plan.clone(), preview.count, live.shell.clock.now());
        let record = written(&job)?;
        let answer = JobAnswer { preview, job: Some(JobView::from(job)) };
        let target = format!("job/{id}");
        let mut changeset = Changeset::new().with(Change::PutRecord(record));
        let action = format!("job.start.{}", plan.action.word());
        changeset.changes.extend(live.audited(actor, &action, &target, more(&answer)?));
        live.shell.commit(changeset).await.map_err(CommandError::from)?;
        live.shell.wake.jobs();
        Ok(answer)
    }

    /// Starts a job.
    ///
    /// # Errors
    /// When nothing fits, the rate is too high, too many jobs run, or the hub is not running.
    pub async fn start_job(&self, plan: &JobPlan, actor: &Actor) -> Result<JobAnswer, DeskError> {
        self.start_job_with(plan, actor, |_| Ok(Vec::new())).await
    }

    /// Stops a job: what it did stays done. `more` is committed with it.
    ///
    /// # Errors
    /// When there is no such job, it has ended, or the hub is not running.
    pub(super) async fn stop_job_with(
        &self,
        id: JobId,
        actor: &Actor,
        more: impl Fn(&JobView) -> Result<Vec<Change>, DeskError>,
    ) -> Result<JobView, DeskError> {
        let live = self.live()?;
        // The job moves on meanwhile: whoever comes between two of its steps stops it.
        for _ in 0..STOP_TRIES_MAX {
            let job = live.shell.read(move |store| job_of(store, id)).await?.ok_or_else(|| unknown(id))?;
            let stopped = job
                .stopped(&actor.name, live.shell.clock.now())
                .map_err(|ended| CommandError::NotNow(ended.to_string()))?;
            let mut changeset = Changeset::new().with(Change::PutRecord(written(&stopped)?));
            let view = JobView::from(stopped);
            changeset.changes.extend(live.audited(actor, "job.stop", &format!("job/{id}"), more(&view)?));
            match live.shell.commit(changeset).await {
                Ok(()) => {
                    live.shell.wake.jobs();
                    return Ok(view);
                }
                Err(crossdock_store::CommitError::Conflict(_)) => {}
                Err(error) => return Err(CommandError::from(error).into()),
            }
        }
        Err(DeskError::TryAgain { reason: "the job moves on too fast to be stopped".into(), after_s: 1 })
    }

    /// Stops a job: what it did stays done.
    ///
    /// # Errors
    /// When there is no such job, it has ended, or the hub is not running.
    pub async fn stop_job(&self, id: JobId, actor: &Actor) -> Result<JobView, DeskError> {
        self.stop_job_with(id, actor, |_| Ok(Vec::new())).await
    }

    /// One job.
    ///
    /// # Errors
    /// When there is no such job, or the store cannot be read.
    pub fn job(&self, id: JobId) -> Result<JobView, DeskError> {
        job_of(self.store.as_ref(), id)?.map(JobView::from).ok_or_else(|| unknown(id))
    }

    /// Jobs, newest first; only those that run, or that do not, when `running` is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn jobs(&self, running: Option<bool>, skip: usize, limit: usize) -> Result<Listing<JobView>, DeskError> {
        let filter = RecordFilter { open: running, ..RecordFilter::of(RecordKind::Job) };
        let limit = limit.min(ROWS_MAX);
        let mut records = self.store.records(&filter, Page { skip, limit: limit + 1 })?;
        let more = records.len() > limit;
        records.truncate(limit);
        let items: Result<Vec<_>, StoreError> = records.iter().map(|record| Ok(JobView::from(read(record)?))).collect();
        Ok(Listing { items: items?, more })
    }

    /// What is paused, by the reason it stands still for; the largest group first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn faults(&self, system: Option<&SystemName>) -> Result<Listing<FaultRow>, DeskError> {
        let mut groups: BTreeMap<FaultKey, FaultRow> = BTreeMap::new();
        let mut note = |key: FaultKey, one: FaultRow| {
            let since = one.since;
            let group = groups.entry(key).or_insert(one);
            group.count += 1;
            group.since = group.since.min(since);
        };
        let filter = JobFilter { system: system.cloned(), ..JobFilter::default() };
        let is_cut = paused(self.store.as_ref(), &filter, |it, open| {
            let TransmissionState::Paused { reason } = &it.state else { return };
            let class = open.map(|open| open.class);
            let key = FaultKey::of(class, &it.system, reason);
            let one = FaultRow {
                fault: key.clone(),
                class,
                kind: StuckKind::Transmission,
                system: it.system.clone(),
                reason: fault::alike(reason),
                owner: open.and_then(|open| open.owner.clone()),
                count: 0,
                since: paused_at(it, open),
                example: Some(TransmissionRow::from(it.clone())),
                message: None,
            };
            note(key, one);
        })?;
        let are_cut = failed(self.store.as_ref(), &filter, |stored, open| {
            let (class, reason) = (open.map(|open| open.class), open.map_or("", |open| open.summary.as_str()));
            let key = FaultKey::of(class, &stored.message.system, reason);
            let one = FaultRow {
                fault: key.clone(),
                class,
                kind: StuckKind::Message,
                system: stored.message.system.clone(),
                reason: fault::alike(reason),
                owner: open.and_then(|open| open.owner.clone()),
                count: 0,
                since: failed_at(stored, open),
                example: None,
                message: Some(MessageRow::from(stored)),
            };
            note(key, one);
        })?;
        let is_cut = is_cut || are_cut;
        let mut items: Vec<FaultRow> = groups.into_values().collect();
        items.sort_by_key(|group| (std::cmp::Reverse(group.count), group.fault.clone()));
        let more = is_cut || items.len() > FAULTS_MAX;
        items.truncate(FAULTS_MAX);
        // One of a kind is told as it is.
        for group in items.iter_mut().filter(|group| group.count == 1) {
            if let Some(TransmissionState::Paused { reason }) = group.example.as_ref().map(|it| &it.state) {
                group.reason.clone_from(reason);
            }
        }
        Ok(Listing { items, more })
    }
}

impl Live {
    /// Whether one more job may run.
    pub(super) async fn has_room(&self) -> Result<(), DeskError> {
        let running = self.shell.read(jobs::open).await?.len();
        if running < jobs::RUNNING_MAX {
            return Ok(());
        }
        let told = format!("{running} jobs are running: wait for one to end, or stop one");
        Err(CommandError::NotNow(told).into())
    }
}

/// How often a stop is tried anew when the job moved on.
const STOP_TRIES_MAX: usize = 200;

/// Shows every paused transmission that fits, oldest first, with its exception. True when there are too many to look at all.
fn paused(
    store: &dyn Store,
    filter: &JobFilter,
    mut see: impl FnMut(&Transmission, Option<&Exception>),
) -> Result<bool, StoreError> {
    let (mut after, mut examined) = (0, 0);
    loop {
        let page = store.transmissions_after("paused", filter.system.as_ref(), after, PAGE)?;
        for (place, it) in &page {
            after = *place;
            let open = store.open_exception(&fingerprint::transmission(it.id))?;
            if filter.fits(it, open.as_ref()) {
                see(it, open.as_ref());
            }
        }
        examined += page.len();
        if page.len() < PAGE {
            return Ok(false);
        }
        if examined >= EXAMINED_MAX {
            return Ok(true);
        }
    }
}

/// Shows every failed message that fits, oldest first, with its exception. True when there are too many to look at all.
fn failed(
    store: &dyn Store,
    filter: &JobFilter,
    mut see: impl FnMut(&StoredMessage, Option<&Exception>),
) -> Result<bool, StoreError> {
    let (mut after, mut examined) = (0, 0);
    loop {
        let page = store.messages_after(Some("failed"), filter.system.as_ref(), after, PAGE)?;
        for stored in &page {
            after = stored.position;
            let open = store.open_exception(&fingerprint::message(stored.message.id))?;
            if filter.fits_message(stored, open.as_ref()) {
                see(stored, open.as_ref());
            }
        }
        examined += page.len();
        if page.len() < PAGE {
            return Ok(false);
        }
        if examined >= EXAMINED_MAX {
            return Ok(true);
        }
    }
}

fn preview(store: &dyn Store, systems_of: &Plan, plan: &JobPlan) -> Result<JobPreview, StoreError> {
    let (mut count, mut left_out, mut systems) = (0_u64, 0_u64, BTreeMap::<SystemName, u64>::new());
    let (mut examples, mut messages) = (Vec::new(), Vec::new());
    let more = match plan.action {
        JobAction::Rerun => failed(store, &plan.filter, |stored, _| {
            count += 1;
            *systems.entry(stored.message.system.clone()).or_default() += 1;
            if messages.len() < EXAMPLES_MAX {
                messages.push(MessageRow::from(stored));
            }
        })?,
        _ => paused(store, &plan.filter, |it, _| {
            if plan.action == JobAction::Resume && !plan.in_doubt && systems_of.may_double(it) {
                left_out += 1;
                return;
            }
            count += 1;
            *systems.entry(it.system.clone()).or_default() += 1;
            if examples.len() < EXAMPLES_MAX {
                examples.push(TransmissionRow::from(it.clone()));
            }
        })?,
    };
    let states = store.system_states()?.into_iter();
    let paused = states.filter(|state| state.paused.is_some() && systems.contains_key(&state.system));
    let paused_systems = match plan.action {
        JobAction::Rerun => Vec::new(),
        _ => paused.map(|state| state.system).collect(),
    };
    let seconds = count.div_ceil(plan.rate_per_s.get().into());
    Ok(JobPreview { count, more, systems, paused_systems, left_out, examples, messages, seconds })
}

pub(super) fn job_of(store: &dyn Store, id: JobId) -> Result<Option<Job>, StoreError> {
    store.record(RecordKind::Job, &id.to_string())?.map(|record| read(&record)).transpose()
}

fn read(record: &Record) -> Result<Job, StoreError> {
    Job::of_record(record)
        .map_err(|error| StoreError(format!("the record of job {} cannot be read: {error}", record.id)))
}

pub(super) fn written(job: &Job) -> Result<Record, StoreError> {
    job.record().map_err(|error| StoreError(format!("the record of job {} cannot be written: {error}", job.id)))
}

fn unknown(id: JobId) -> DeskError {
    DeskError::Unknown(format!("there is no job {id}"))
}
