//! Works on jobs: takes what a job is about one by one, at its rate, and has the router do what the job says. Each step is one
//! commit: its effect, its audit record and the job's cursor. So after a crash the next process goes on with the next one,
//! and a job that was stopped takes no further step, whoever was quicker.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crossdock_core::changeset::{AuditRecord, Change, Changeset};
use crossdock_core::ids::{JobId, MessageId, TransmissionId};
use crossdock_core::job::{Job, JobAction, JobProblem};
use crossdock_core::record::RecordKind;
use crossdock_core::replay::{ItemState, ReplayItem};
use crossdock_core::routing::fingerprint;
use crossdock_store::{CommitError, Page, RecordFilter, Store, StoreError};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::until_then;
use crate::plan::Plan;
use crate::router::{Command, CommandError};
use crate::shell::Shell;

/// Jobs that may run at the same time (I10).
pub const RUNNING_MAX: usize = 20;
/// What is read in one go.
const PAGE: usize = 200;
/// Pause when there is no job, should a hint be lost.
const REST: Duration = Duration::from_secs(5);
/// Pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// Pause after somebody else changed the same thing.
const CONFLICT_PAUSE: Duration = Duration::from_millis(20);

/// Why jobs have to wait.
#[derive(Debug, thiserror::Error)]
enum Late {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the record of a job cannot be read or written: {0}")]
    Record(#[from] serde_json::Error),
    #[error("the hub is stopping")]
    Stopping,
}

/// Runs until `stop` turns true.
pub async fn run(shell: Arc<Shell>, commands: mpsc::Sender<Command>, mut stop: watch::Receiver<bool>) {
    let mut worker = Worker { shell: shell.clone(), commands, turns: HashMap::new() };
    while !*stop.borrow() {
        let pause = match worker.round().await {
            Ok(pause) => pause,
            Err(Late::Stopping) => return,
            Err(error) => {
                tracing::error!(%error, "jobs are late: the store cannot be used");
                STORE_PAUSE
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = shell.wake.job_hint() => {}
            () = shell.clock.sleep(pause) => {}
        }
    }
}

/// The jobs that are open.
///
/// # Errors
/// When the store or a record cannot be read.
pub(crate) fn open(store: &dyn Store) -> Result<Vec<Job>, StoreError> {
    let filter = RecordFilter { open: Some(true), ..RecordFilter::of(RecordKind::Job) };
    let records = store.records(&filter, Page::first(RUNNING_MAX + 1))?;
    let unreadable = |error: serde_json::Error| StoreError(format!("the record of a job cannot be read: {error}"));
    records.iter().rev().map(|record| Job::of_record(record).map_err(unreadable)).collect()
}

/// What a job does something to.
#[derive(Clone, Copy, Debug)]
enum Target {
    Transmission(TransmissionId),
    Message(MessageId),
    /// The `n`-th message of the job's replay plan.
    Item(u64),
}

impl Target {
    fn problem(self, detail: String) -> JobProblem {
        let (transmission, message) = match self {
            Target::Transmission(id) => (Some(id), None),
            Target::Message(id) => (None, Some(id)),
            Target::Item(_) => (None, None),
        };
        JobProblem { transmission, message, detail }
    }
}

/// Whether a job takes something as it stands now.
///
/// # Errors
/// When the store cannot be read.
fn takes(store: &dyn Store, plan: &Plan, job: &Job, target: Target) -> Result<bool, StoreError> {
    match target {
        Target::Transmission(id) => {
            let Some(it) = store.transmission(id)? else { return Ok(false) };
            let open = store.open_exception(&fingerprint::transmission(id))?;
            let is_left_out = job.action == JobAction::Resume && !job.in_doubt && plan.may_double(&it);
            Ok(!is_left_out && job.takes(&it, open.as_ref()))
        }
        Target::Message(id) => {
            let Some(stored) = store.message(id)? else { return Ok(false) };
            let open = store.open_exception(&fingerprint::message(id))?;
            Ok(job.takes_message(&stored, open.as_ref()))
        }
        Target::Item(n) => Ok(item(store, job, n)?.is_some_and(|item| is_to_be_run(&item))),
    }
}

/// Whether a run has something to do for a message of a plan.
pub(crate) fn is_to_be_run(item: &ReplayItem) -> bool {
    item.state != ItemState::Done && item.outcome.acts()
}

fn item(store: &dyn Store, job: &Job, n: u64) -> Result<Option<ReplayItem>, StoreError> {
    let Some(plan) = job.replay else { return Ok(None) };
    let Some(record) = store.record(RecordKind::ReplayItem, &ReplayItem::key(plan, n))? else { return Ok(None) };
    let unreadable = |error| StoreError(format!("message {n} of replay plan {plan} cannot be read: {error}"));
    ReplayItem::of_record(&record).map(Some).map_err(unreadable)
}

/// What may have to be taken behind a place, in order, each with its place.
fn ahead(store: &dyn Store, job: &Job, after: u64) -> Result<Vec<(u64, Target)>, StoreError> {
    let system = job.filter.system.as_ref();
    match job.action {
        JobAction::Resume | JobAction::Cancel => {
            let page = store.transmissions_after("paused", system, after, PAGE)?;
            Ok(page.into_iter().map(|(place, it)| (place, Target::Transmission(it.id))).collect())
        }
        JobAction::Rerun => {
            let page = store.messages_after(Some("failed"), system, after, PAGE)?;
            Ok(page.into_iter().map(|stored| (stored.position, Target::Message(stored.message.id))).collect())
        }
        JobAction::Replay => {
            let last = after + PAGE as u64;
            let mut found = Vec::new();
            for n in after + 1..=last {
                if item(store, job, n)?.is_none() {
                    break;
                }
                found.push((n, Target::Item(n)));
            }
            Ok(found)
        }
    }
}

struct Worker {
    shell: Arc<Shell>,
    commands: mpsc::Sender<Command>,
    turns: HashMap<JobId, Turn>,
}

/// Where this process is with a job.
struct Turn {
    next_at: Timestamp,
    /// Everything up to here was put into `ahead`.
    read_to: u64,
    /// What may have to be taken, in order.
    ahead: VecDeque<(u64, Target)>,
}

/// What became of a step.
enum Stepped {
    /// One was taken.
    Taken,
    /// Somebody else changed the same thing: look at the job again.
    Conflict,
    /// There was nothing more.
    Ended,
}

impl Worker {
    /// One step of every job whose turn it is. Gives how long there is nothing to do.
    async fn round(&mut self) -> Result<Duration, Late> {
        let jobs = self.shell.read(open).await?;
        self.turns.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        let mut pause = REST;
        for job in jobs {
            let now = self.shell.clock.now();
            let (id, wait) = (job.id, job.pause());
            let fresh = Turn { next_at: now, read_to: job.cursor, ahead: VecDeque::new() };
            // A clock that was set back does not make it wait longer than a turn.
            let next_at = self.turns.entry(id).or_insert(fresh).next_at.min(now + wait);
            if next_at > now {
                pause = pause.min(until_then(now, next_at));
                continue;
            }
            let wait = match self.step(&job).await? {
                Stepped::Taken => wait,
                Stepped::Conflict => CONFLICT_PAUSE,
                Stepped::Ended => continue,
            };
            // Missed turns are not made up for: the rate is the most, never a debt.
            let now = self.shell.clock.now();
            let next_at = (next_at + wait).max(now - wait);
            if let Some(turn) = self.turns.get_mut(&id) {
                turn.next_at = next_at;
            }
            pause = pause.min(until_then(now, next_at));
        }
        Ok(pause)
    }

    async fn step(&mut self, job: &Job) -> Result<Stepped, Late> {
        let Some((place, target)) = self.next(job).await? else { return self.finish(job).await };
        let next = job.stepped(place, None);
        let now = self.shell.clock.now();
        let audited = self.audit_of(job, target, now).await?;
        let with = vec![Change::PutRecord(next.record()?), audited];
        match self.command(job, target, with).await {
            Ok(()) => Ok(Stepped::Taken),
            Err(CommandError::Stopping) => Err(Late::Stopping),
            Err(CommandError::Commit(CommitError::Conflict(_))) => {
                self.put_back(job.id, place, target);
                Ok(Stepped::Conflict)
            }
            Err(CommandError::Commit(error)) => {
                self.put_back(job.id, place, target);
                Err(error.into())
            }
            Err(CommandError::Store(error)) => {
                self.put_back(job.id, place, target);
                Err(error.into())
            }
            Err(error) => self.refused(job, place, target, error.to_string()).await,
        }
    }

    async fn refused(&self, job: &Job, place: u64, target: Target, detail: String) -> Result<Stepped, Late> {
        let mut problem = target.problem(detail.clone());
        let mut changeset = Changeset::new();
        if let (Target::Item(n), Some(plan)) = (target, job.replay) {
            let asked = job.clone();
            if let Some(item) = self.shell.read(move |store| item(store, &asked, n)).await? {
                problem.message = Some(item.outcome.message);
                changeset.push(Change::PutRecord(item.into_state(ItemState::Refused(detail)).record(plan)?));
            }
        }
        changeset.push(Change::PutRecord(job.stepped(place, Some(problem)).record()?));
        self.commit(changeset, Stepped::Taken).await
    }

    /// The next one that the job takes, as it stands now.
    async fn next(&mut self, job: &Job) -> Result<Option<(u64, Target)>, Late> {
        loop {
            let Some(turn) = self.turns.get_mut(&job.id) else { return Ok(None) };
            while let Some((place, target)) = turn.ahead.pop_front() {
                let (asked, plan) = (job.clone(), self.shell.plan.clone());
                if self.shell.read(move |store| takes(store, &plan, &asked, target)).await? {
                    return Ok(Some((place, target)));
                }
            }
            let (asked, after) = (job.clone(), turn.read_to);
            let page = self.shell.read(move |store| ahead(store, &asked, after)).await?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            turn.read_to = *last;
            turn.ahead = page.into();
        }
    }

    fn put_back(&mut self, job: JobId, place: u64, target: Target) {
        if let Some(turn) = self.turns.get_mut(&job) {
            turn.ahead.push_front((place, target));
        }
    }

    async fn finish(&mut self, job: &Job) -> Result<Stepped, Late> {
        let now = self.shell.clock.now();
        let told = format!("{} done, {} refused", job.done, job.refused);
        let audit = AuditRecord {
            at: now,
            actor: job.by.clone(),
            action: "job.end".to_owned(),
            target: format!("job/{}", job.id),
            reason: Some(told),
        };
        let changeset =
            Changeset::new().with(Change::PutRecord(job.finished(now).record()?)).with(Change::AppendAudit(audit));
        let ended = self.commit(changeset, Stepped::Ended).await?;
        tracing::info!(job = %job.id, done = job.done, refused = job.refused, "a job ended");
        Ok(ended)
    }

    async fn commit(&self, changeset: Changeset, then: Stepped) -> Result<Stepped, Late> {
        match self.shell.commit(changeset).await {
            Ok(()) => Ok(then),
            Err(CommitError::Conflict(_)) => Ok(Stepped::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    async fn command(&self, job: &Job, target: Target, with: Vec<Change>) -> Result<(), CommandError> {
        let (done, answer) = oneshot::channel();
        let command = match (target, job.replay) {
            (Target::Transmission(id), _) if job.action == JobAction::Cancel => Command::Cancel { id, with, done },
            (Target::Transmission(id), _) => Command::Resume { id, with, done },
            (Target::Message(id), _) => Command::Rerun { id, with, done },
            (Target::Item(n), Some(plan)) => Command::Replay { plan, n, with, done },
            (Target::Item(_), None) => return Err(CommandError::NotNow("the job names no replay plan".to_owned())),
        };
        if self.commands.send(command).await.is_err() {
            return Err(CommandError::Stopping);
        }
        self.shell.wake.router();
        answer.await.unwrap_or(Err(CommandError::Stopping))
    }

    async fn audit_of(&self, job: &Job, target: Target, at: Timestamp) -> Result<Change, Late> {
        let (target, of) = match (target, job.replay) {
            (Target::Transmission(id), _) => (format!("transmission/{id}"), String::new()),
            (Target::Message(id), _) => (format!("message/{id}"), String::new()),
            (Target::Item(n), plan) => {
                let asked = job.clone();
                let item = self.shell.read(move |store| item(store, &asked, n)).await?;
                let message = item.map(|item| item.outcome.message.to_string()).unwrap_or_default();
                (format!("message/{message}"), plan.map(|plan| format!(", replay {plan}")).unwrap_or_default())
            }
        };
        Ok(Change::AppendAudit(AuditRecord {
            at,
            actor: job.by.clone(),
            action: job.action.audited().to_owned(),
            target,
            reason: Some(format!("{} (job {}{of})", job.reason, job.id)),
        }))
    }
}
