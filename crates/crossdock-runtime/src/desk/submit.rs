//! What programs hand in: events of their own, and commands that take effect once. Both are known by a key that the
//! sender makes up, so a repeated request gets the first answer again (I2).

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossdock_core::changeset::Change;
use crossdock_core::event::EntityRef;
use crossdock_core::ids::{EventId, JobId, MessageId, ReplayId, SystemName, TransmissionId};
use crossdock_core::job::JobPlan;
use crossdock_core::message::{Envelope, Message, MessageState};
use crossdock_core::routing::{Decision, Replacement};
use crossdock_core::submission::{self, Expected};
use crossdock_store::{CommitError, StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::actions::{Actor, ResumeScope};
use super::jobs::JobAnswer;
use super::master::ReferenceChange;
use super::refusal::Refusal;
use super::replays::ReplayRequest;
use super::{Desk, DeskError, Live};
use crate::intake::new_message_id;
use crate::router::CommandError;

/// How long a submission with an expected version waits for the router's word.
const DECIDED_WITHIN: Duration = Duration::from_secs(5);
/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The header of a command's record that holds its answer.
const ANSWER: &str = "answer";
/// The header of a command's record that holds why it was refused.
const REFUSAL: &str = "refusal";
/// Longest command that is kept as it was given, in bytes; of a longer one its hash is kept.
const GIVEN_BYTES_MAX: usize = 64 * 1024;

/// Events handed in.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The sender's own; makes a repeat known.
    pub key: String,
    /// Of one CloudEvent, or of a list.
    pub content_type: String,
    /// CloudEvents in JSON.
    pub body: Vec<u8>,
    /// The `If-Match` header: the version the events were written for.
    pub expected: Option<String>,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Submitted {
    /// The message they were accepted as.
    pub message: MessageId,
    /// The events, in their order.
    pub events: Vec<SubmittedEvent>,
}

/// One event of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SubmittedEvent {
    /// The id it has here.
    pub id: EventId,
    /// As it was submitted.
    pub r#type: String,
    /// What it is about.
    pub subject: EntityRef,
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Let paused systems and transmissions go on, but what may be done twice by that.
    Resume(ResumeScope),
    /// The same, with what may have taken effect at systems that honour no key.
    ResumeInDoubt(ResumeScope),
    /// Let a paused transmission go on with another input, or to another system.
    Mend(TransmissionId, Replacement),
    /// Put a message with another body in the place of one that failed.
    Correct(MessageId, Vec<u8>),
    /// Draw up a replay plan.
    PlanReplay(ReplayRequest),
    /// Agree to a replay plan.
    ApproveReplay(ReplayId),
    /// Run an approved replay plan; so many messages in a second.
    RunReplay(ReplayId, NonZeroU32),
    /// Stop the run of a replay plan.
    StopReplay(ReplayId),
    /// Give up a transmission.
    Cancel(TransmissionId),
    /// Route a failed message again.
    Rerun(MessageId),
    /// Send nothing to a system.
    Pause(SystemName),
    /// Do something to many paused transmissions; a dry run only shows what.
    StartJob {
        /// What to do, to which, how fast.
        plan: JobPlan,
        /// Start nothing.
        dry_run: bool,
    },
    /// Stop a job.
    StopJob(JobId),
    /// Merge or split entities, follow or reject a suggestion.
    Decide(Decision),
    /// Add and remove other systems' ids.
    ChangeReferences(ReferenceChange),
}

/// What makes a command known when it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandKey {
    /// The sender's own.
    pub key: String,
    /// The command as it was given; another one under the same key is refused.
    pub given: String,
}

/// A command was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Done {
    /// Always true.
    pub done: bool,
}

/// The keys of requests that are being answered.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashSet<String>>>);

/// One of them; it is over when this is dropped.
struct Turn {
    of: UnderWay,
    key: String,
}

impl UnderWay {
    fn begin(&self, key: &str) -> Result<Turn, DeskError> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.insert(key.to_owned()) {
            true => Ok(Turn { of: self.clone(), key: key.to_owned() }),
            false => Err(DeskError::UnderWay),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Desk {
    /// Accepts events: when this returns they are on disk, and the router takes them in their turn. The same key and the
    /// same events give the same answer again and have no further effect.
    ///
    /// # Errors
    /// Everything that does not fit the model, a key that was used for something else or is under way, an entity that
    /// is at another version, or that the hub cannot take it now.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, DeskError> {
        let live = self.live()?;
        let _turn = live.under_way.begin(&dedup_key(submission::EVENTS, &submission.key))?;
        let submission = Arc::new(submission);
        let (desk, asked) = (self.clone(), submission.clone());
        let looked_at = live.shell.off_thread(move || desk.look_at(&asked)).await.map_err(interrupted)??;
        let answer = match looked_at {
            LookedAt::Known(answer) => answer,
            LookedAt::New(events) => {
                let envelope = submission.envelope();
                live.shell.valve.admit(envelope.body.len()).map_err(|shut| DeskError::TryAgain {
                    reason: shut.for_sender().to_owned(),
                    after_s: shut.after_s(),
                })?;
                let accepted = live.shell.accept(&SystemName::from(submission::SYSTEM), vec![envelope], None).await;
                let accepted = accepted.map_err(not_now)?;
                let Some(message) = accepted.first() else { return Err(DeskError::UnderWay) };
                Submitted::new(message.id, events)
            }
        };
        if submission.expected.is_some() {
            live.heeded(answer.message).await?;
        }
        Ok(answer)
    }

    /// Carries out a command and gives its answer as JSON. With a key it takes effect once: the same command under the
    /// same key gives the first answer again, also when that was a refusal. What could not be decided at all, because the
    /// hub is stopping or the store failed, may be tried again under its key.
    ///
    /// # Errors
    /// Those of the command, a key that was used for something else or is under way.
    pub async fn command(&self, order: &Order, actor: &Actor, key: Option<CommandKey>) -> Result<String, DeskError> {
        let live = self.live()?;
        let Some(key) = key else { return self.carry_out(order, actor, None).await };
        let _turn = live.under_way.begin(&dedup_key(submission::COMMANDS, &key.key))?;
        let known = key.clone();
        let first = live.shell.read(move |store| {
            let system = SystemName::from(submission::SYSTEM);
            match store.message_with_key(&system, &dedup_key(submission::COMMANDS, &known.key))? {
                Some(id) => store.message(id),
                None => Ok(None),
            }
        });
        match first.await? {
            Some(first) if first.message.body == key.kept() => first_answer(&first.message),
            Some(_) => Err(DeskError::KeyReused),
            None => match self.carry_out(order, actor, Some(&key)).await {
                Err(error) => Err(self.remembered(error, &key).await),
                done => done,
            },
        }
    }

    /// Keeps a refusal under the key of its command; other errors are no answers.
    async fn remembered(&self, error: DeskError, key: &CommandKey) -> DeskError {
        let (Some(refusal), Ok(live)) = (error.refusal(), self.live()) else { return error };
        let record = key.record(Answered::Refused(&refusal), live.shell.clock.now());
        match live.shell.commit(record.into_iter().collect()).await {
            Ok(_) => refusal.into(),
            Err(failed) => CommandError::from(failed).into(),
        }
    }

    async fn carry_out(&self, order: &Order, actor: &Actor, key: Option<&CommandKey>) -> Result<String, DeskError> {
        let live = self.live()?;
        let done = answer(&Done { done: true })?;
        let now = live.shell.clock.now();
        let record = |answer: &str| key.map_or_else(Vec::new, |key| key.record(Answered::Done(answer), now));
        match order {
            Order::Cancel(id) => self.cancel_with(*id, actor, record(&done)).await?,
            Order::Rerun(id) => self.rerun_with(*id, actor, record(&done)).await?,
            Order::Pause(system) => self.pause_with(system, actor, record(&done)).await?,
            Order::Decide(decision) => self.decide_with(decision.clone(), actor, record(&done)).await?,
            Order::Resume(scope) | Order::ResumeInDoubt(scope) => {
                let in_doubt = matches!(order, Order::ResumeInDoubt(_));
                let resumed = answer(&self.resume_these(scope, in_doubt, actor).await?)?;
                live.keep(record(&resumed)).await?;
                return Ok(resumed);
            }
            Order::Mend(id, by) => {
                let key = key.cloned();
                let record =
                    move |answer: &str| key.map_or_else(Vec::new, |key| key.record(Answered::Done(answer), now));
                return answer(&self.mend_with(*id, by, actor, Box::new(record)).await?);
            }
            Order::Correct(id, body) => {
                let mended = self.correct_with(*id, body, actor, |mended| Ok(record(&answer(mended)?))).await?;
                return answer(&mended);
            }
            Order::PlanReplay(request) => {
                let planned = self.plan_replay_with(request, actor, |told| Ok(record(&answer(told)?))).await?;
                return answer(&planned);
            }
            Order::ApproveReplay(id) => {
                let approved = self.approve_replay_with(*id, actor, |told| Ok(record(&answer(told)?))).await?;
                return answer(&approved);
            }
            Order::RunReplay(id, rate) => {
                let run = self.run_replay_with(*id, *rate, actor, |told| Ok(record(&answer(told)?))).await?;
                return answer(&run);
            }
            Order::StopReplay(id) => {
                let stopped = self.stop_replay_with(*id, actor, |told| Ok(record(&answer(told)?))).await?;
                return answer(&stopped);
            }
            Order::StartJob { plan, dry_run: true } => {
                let told = answer(&JobAnswer { preview: self.preview_job(plan).await?, job: None })?;
                live.keep(record(&told)).await?;
                return Ok(told);
            }
            Order::StartJob { plan, dry_run: false } => {
                let started = self.start_job_with(plan, actor, |started| Ok(record(&answer(started)?))).await?;
                return answer(&started);
            }
            Order::StopJob(id) => {
                let stopped = self.stop_job_with(*id, actor, |stopped| Ok(record(&answer(stopped)?))).await?;
                return answer(&stopped);
            }
            Order::ChangeReferences(change) => {
                let report = self.change_references(change, actor, |report| Ok(record(&answer(report)?))).await?;
                let told = answer(&report)?;
                if !report.done {
                    live.keep(record(&told)).await?;
                }
                return Ok(told);
            }
        }
        Ok(done)
    }

    /// Whether a submission is known, fits the model and comes in time.
    fn look_at(&self, submission: &Submission) -> Result<LookedAt, DeskError> {
        let live = self.live()?;
        let events_max = live.shell.plan.hub.events_per_message_max;
        let known = submission::read(&submission.content_type, &submission.body, events_max);
        let system = SystemName::from(submission::SYSTEM);
        if let Some(id) = self.store.message_with_key(&system, &dedup_key(submission::EVENTS, &submission.key))?
            && let Some(first) = self.store.message(id)?
        {
            let is_same = first.came_with(&submission.body) && first.message.headers == submission.headers();
            return match known {
                Ok(events) if is_same => Ok(LookedAt::Known(Submitted::new(id, events))),
                // It did fit when it was accepted.
                Err(_) if is_same => Ok(LookedAt::Known(Submitted { message: id, events: Vec::new() })),
                _ => Err(DeskError::KeyReused),
            };
        }
        let events = known.map_err(DeskError::Unfit)?;
        if let Some(expected) = &submission.expected {
            let expected = Expected::parse(expected).ok_or_else(|| {
                DeskError::Invalid(format!("`If-Match` is an entity tag such as \"3\", or *, not {expected}"))
            })?;
            if events.len() > 1 {
                return Err(DeskError::Invalid("`If-Match` goes with one event, not with a list of them".into()));
            }
            for event in &events {
                let version = self.store.entity(&event.subject)?.map_or(0, |entity| entity.version);
                if !expected.holds(version) {
                    let told = submission::moved_on(&event.subject, version);
                    return Err(DeskError::MovedOn(submission::told_moved_on(&told).unwrap_or(&told).to_owned()));
                }
            }
        }
        Ok(LookedAt::New(events))
    }
}

enum LookedAt {
    Known(Submitted),
    New(Vec<submission::Submitted>),
}

impl Submission {
    fn headers(&self) -> Vec<(String, String)> {
        self.expected.iter().map(|expected| (submission::EXPECTED.to_owned(), expected.clone())).collect()
    }

    fn envelope(&self) -> Envelope {
        Envelope {
            channel: submission::EVENTS.to_owned(),
            dedup_key: dedup_key(submission::EVENTS, &self.key),
            content_type: match submission::is_batch(&self.content_type) {
                true => submission::BATCH.to_owned(),
                false => submission::ONE.to_owned(),
            },
            headers: self.headers(),
            body: self.body.clone(),
        }
    }
}

impl Submitted {
    fn new(message: MessageId, events: Vec<submission::Submitted>) -> Self {
        let event = |(n, event): (usize, submission::Submitted)| SubmittedEvent {
            id: submission::event_id(message, n),
            r#type: event.of.name(),
            subject: event.subject,
        };
        Self { message, events: events.into_iter().enumerate().map(event).collect() }
    }
}

/// What a command was answered.
enum Answered<'a> {
    /// JSON.
    Done(&'a str),
    Refused(&'a Refusal),
}

impl CommandKey {
    /// The message that makes the command known: there is nothing to route in it.
    fn record(&self, answered: Answered<'_>, now: jiff::Timestamp) -> Vec<Change> {
        let (header, state) = match answered {
            Answered::Done(answer) => ((ANSWER, answer.to_owned()), MessageState::Translated { events: 0 }),
            Answered::Refused(refusal) => {
                let told = serde_json::to_string(refusal).unwrap_or_default();
                ((REFUSAL, told), MessageState::Ignored { reason: refusal.detail.clone() })
            }
        };
        let message = Message {
            id: new_message_id(),
            system: SystemName::from(submission::SYSTEM),
            channel: submission::COMMANDS.to_owned(),
            dedup_key: dedup_key(submission::COMMANDS, &self.key),
            received_at: now,
            content_type: "application/json".to_owned(),
            headers: vec![(header.0.to_owned(), header.1)],
            body: self.kept(),
            cause: None,
        };
        let state = Change::SetMessageState { id: message.id, state };
        vec![Change::AcceptMessage(message), state]
    }

    /// What the record holds of the command: enough to tell another one.
    fn kept(&self) -> Vec<u8> {
        if self.given.len() <= GIVEN_BYTES_MAX {
            return self.given.clone().into_bytes();
        }
        let hash: String = Sha256::digest(self.given.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        serde_json::json!({"bytes": self.given.len(), "sha256": hash}).to_string().into_bytes()
    }
}

/// The answer that a command's record holds.
fn first_answer(first: &Message) -> Result<String, DeskError> {
    let header = |wanted: &str| first.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    if let Some(refusal) = header(REFUSAL) {
        let unreadable =
            |error: serde_json::Error| StoreError(format!("the record of a command cannot be read: {error}"));
        return Err(serde_json::from_str::<Refusal>(&refusal).map_err(unreadable)?.into());
    }
    Ok(header(ANSWER).unwrap_or_default())
}

impl Live {
    /// Keeps the record of a command whose effect needed no commit of its own.
    pub(super) async fn keep(&self, record: Vec<Change>) -> Result<(), DeskError> {
        if !record.is_empty() {
            self.shell.commit(record.into_iter().collect()).await.map_err(CommandError::from)?;
        }
        Ok(())
    }

    /// Waits for the router's word on a submission that was written for one version.
    async fn heeded(&self, message: MessageId) -> Result<(), DeskError> {
        let deadline = tokio::time::Instant::now() + DECIDED_WITHIN;
        loop {
            let stored = self.shell.read(move |store| store.message(message)).await?;
            match stored.map(|stored| stored.state) {
                Some(MessageState::Waiting) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Some(MessageState::Ignored { reason }) => {
                    return match submission::told_moved_on(&reason) {
                        Some(told) => Err(DeskError::MovedOn(told.to_owned())),
                        None => Ok(()),
                    };
                }
                _ => return Ok(()),
            }
        }
    }
}

fn dedup_key(channel: &str, key: &str) -> String {
    format!("{channel}/{key}")
}

fn answer<T: Serialize>(answer: &T) -> Result<String, DeskError> {
    serde_json::to_string(answer).map_err(|error| DeskError::Store(StoreError(error.to_string())))
}

fn not_now(error: CommitError) -> DeskError {
    match error {
        CommitError::Busy => DeskError::TryAgain { reason: "the hub is at its limit".into(), after_s: 1 },
        other => DeskError::TryAgain { reason: other.to_string(), after_s: 10 },
    }
}

fn interrupted(error: tokio::task::JoinError) -> DeskError {
    StoreError(format!("the read was interrupted: {error}")).into()
}
