//! The router: takes waiting messages in order, asks the core what follows, commits it. Step 5 of a message's way.
//! It runs on a thread of its own, so no mapping ever holds up the network. It alone writes events and entities.

pub(crate) mod batch;
mod mending;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::{MessageId, ReplayId, SystemName, TransmissionId};
use crossdock_core::mapping::Notes;
use crossdock_core::message::{MessageState, StoredMessage};
use crossdock_core::routing::{self, Commanded, Context, Decision, Refused, Replacement, Undecidable, View, ViewError};
use crossdock_core::suggestion::Decided;
use crossdock_core::traffic::{Learner, NewField};
use crossdock_core::transmission::{NotNow, Transmission};
use crossdock_store::{CommitError, Page, StoreError, TransmissionFilter};
use jiff::SignedDuration;
use tokio::sync::{mpsc, oneshot, watch};

use crate::duplicates;
use crate::shell::Shell;
use batch::Batch;

/// Messages routed into one commit at most; the store bounds their bytes (I10).
const BATCH_MAX: usize = 256;
/// How long the thread sleeps without a hint.
const REST: Duration = Duration::from_millis(250);
/// Pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// How often a decision is taken again because something changed under it.
const CONFLICTS_MAX: usize = 5;
/// Held transmissions looked at in one go.
const HELD_PAGE: usize = 500;

/// What only the router may do, asked for by a person through API or CLI. `with` is committed together with the effect.
pub enum Command {
    /// Resumes a paused transmission, or sends a held one without what it is held for.
    Resume { id: TransmissionId, with: Vec<Change>, done: oneshot::Sender<Result<(), CommandError>> },
    /// Gives up a paused or held transmission.
    Cancel { id: TransmissionId, with: Vec<Change>, done: oneshot::Sender<Result<(), CommandError>> },
    /// Decides about master data: a merge, a split, references, a suggestion.
    Decide {
        decision: Box<Decision>,
        by: Decided,
        /// `None` is only to see whether it could be.
        with: Option<Vec<Change>>,
        done: oneshot::Sender<Result<(), CommandError>>,
    },
    /// Puts a message that failed, or that no flow took, back into the queue; takes a translated one once more for
    /// codes that are known since.
    Rerun { id: MessageId, with: Vec<Change>, done: oneshot::Sender<Result<(), CommandError>> },
    /// Lets a paused transmission go on changed.
    Replace {
        id: TransmissionId,
        by: Box<Replacement>,
        /// Given the transmission as it stood and which one goes on.
        with: With,
        done: oneshot::Sender<Result<TransmissionId, CommandError>>,
    },
    /// Puts a message with another body in the place of one that failed.
    Correct {
        id: MessageId,
        /// The id of the one that stands in its place.
        instead: MessageId,
        body: Vec<u8>,
        with: Vec<Change>,
        done: oneshot::Sender<Result<(), CommandError>>,
    },
    /// Reads the `n`-th message of a replay plan anew, as the plan says.
    Replay { plan: ReplayId, n: u64, with: Vec<Change>, done: oneshot::Sender<Result<(), CommandError>> },
}

/// What is committed beside a replacement.
pub type With = Box<dyn FnOnce(&Transmission, TransmissionId) -> Vec<Change> + Send>;

/// Why a command had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// What it names is not there.
    #[error("there is no {0}")]
    Unknown(String),
    /// It does not apply to the state it is in.
    #[error("{0}")]
    NotNow(String),
    /// It cannot be decided as it is wanted.
    #[error(transparent)]
    Undecidable(#[from] Undecidable),
    /// The store did not take the change.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not answer a decision.
    #[error("{0}")]
    View(String),
    /// Too late.
    #[error("the hub is stopping")]
    Stopping,
}

impl From<NotNow> for CommandError {
    fn from(not_now: NotNow) -> Self {
        CommandError::NotNow(not_now.to_string())
    }
}

impl From<Refused> for CommandError {
    fn from(refused: Refused) -> Self {
        CommandError::NotNow(refused.to_string())
    }
}

impl From<ViewError> for CommandError {
    fn from(error: ViewError) -> Self {
        CommandError::View(error.to_string())
    }
}

/// The router's state: the last place it gave, and what its mappings noticed.
pub struct Router {
    shell: Arc<Shell>,
    last_place: u64,
    notes: Notes,
    learner: Learner,
    /// What was held by a former configuration was looked at.
    reconsidered: bool,
}

impl Router {
    /// A router that goes on where the store stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(shell: Arc<Shell>) -> Result<Self, StoreError> {
        let last_place = shell.store.last_place()?;
        let learner = Learner::new(shell.store.traffic()?);
        Ok(Self { shell, last_place, notes: Notes::default(), learner, reconsidered: false })
    }

    /// Routes what is waiting, one batch. Returns how many messages it took.
    ///
    /// # Errors
    /// When the store cannot be read or written; what was not taken stays waiting, in its order.
    pub fn turn(&mut self) -> Result<usize, CommandError> {
        let waiting = self.shell.store.waiting(BATCH_MAX)?;
        if waiting.is_empty() {
            return Ok(0);
        }
        match self.route_together(&waiting) {
            Err(CommandError::Commit(CommitError::Conflict(what))) => {
                tracing::debug!(what, "batch in conflict, routing one by one");
                for message in &waiting {
                    self.route_together(std::slice::from_ref(message))?;
                }
            }
            other => other?,
        }
        Ok(waiting.len())
    }

    /// Looks at everything held: a new configuration may no longer hold it back. Returns how many it released.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn reconsider(&mut self) -> Result<usize, CommandError> {
        let store = self.shell.store.clone();
        let filter = TransmissionFilter { state: Some("held".to_owned()), ..TransmissionFilter::default() };
        let (mut skip, mut released) = (0, 0);
        loop {
            let held = store.transmissions(&filter, Page { skip, limit: HELD_PAGE })?;
            let is_last = held.len() < HELD_PAGE;
            for transmission in held {
                let view = Batch::new(store.as_ref());
                let changeset = self.with_context(&view, |context| routing::reconsider(&transmission, context))??;
                match changeset.is_empty() {
                    true => skip += 1,
                    false => {
                        self.commit(changeset)?;
                        released += 1;
                    }
                }
            }
            if is_last {
                return Ok(released);
            }
        }
    }

    fn route_together(&mut self, messages: &[StoredMessage]) -> Result<(), CommandError> {
        let place_before = self.last_place;
        let store = self.shell.store.clone();
        let mut decided = None;
        let read = store.together(&mut || decided = Some(self.decide(messages)));
        let decided = decided.unwrap_or_else(|| Err(read.err().unwrap_or_else(nothing_read).into()));
        let result = decided.and_then(|changeset| self.commit(changeset));
        if result.is_err() {
            self.last_place = place_before;
        }
        result
    }

    fn decide(&mut self, messages: &[StoredMessage]) -> Result<Changeset, CommandError> {
        let store = self.shell.store.clone();
        let mut batch = Batch::new(store.as_ref());
        let mut unread = Vec::new();
        for message in messages {
            let is_looked_at = self.is_looked_at(message);
            let changeset = match self.with_context(&batch, |context| routing::route(message, context)) {
                Ok(routed) => routed?,
                Err(Crashed(fault)) => {
                    tracing::error!(message = %message.message.id, fault, "the hub failed at a message; it is set aside");
                    self.with_context(&batch, |context| routing::set_aside(message, &fault, context))??
                }
            };
            batch.add(changeset);
            if is_looked_at {
                unread.extend(self.look(message));
            }
        }
        if !unread.is_empty() {
            let told = self.with_context(&batch, |context| routing::tell_unread(&unread, context))??;
            batch.add(told);
        }
        let mut changeset = batch.into_changeset();
        let shell = &self.shell;
        let learnt = self.learner.write(|| self.notes.take_usage(), &shell.plan.hub, shell.clock.now());
        changeset.changes.extend(learnt);
        Ok(changeset)
    }

    /// Counts a partner's message; true when its fields are to be looked at.
    fn is_looked_at(&mut self, stored: &StoredMessage) -> bool {
        let message = &stored.message;
        if message.cause.is_some() {
            return false;
        }
        let is_looked_at = self.learner.came(&message.system, &message.channel, message.received_at);
        if is_looked_at {
            self.notes.ask_for_body();
        }
        is_looked_at
    }

    /// Looks at a message's fields; gives those that newly come.
    fn look(&mut self, stored: &StoredMessage) -> Vec<NewField> {
        let message = &stored.message;
        let Some(body) = self.notes.take_body() else { return Vec::new() };
        let learning = SignedDuration::from_millis(self.shell.plan.hub.learning_ms as i64);
        self.learner.look(&message.system, &message.channel, &body, message.received_at, learning)
    }

    /// Decides something over the store. A crash of the decision leaves nothing behind.
    fn with_context<T>(&mut self, view: &dyn View, decide: impl FnOnce(&mut Context<'_>) -> T) -> Result<T, Crashed> {
        let limit = Duration::from_millis(self.shell.plan.mapping_ms_max);
        let begun = Instant::now();
        let overdue = || begun.elapsed() > limit;
        let mut last_place = self.last_place;
        let mut context = Context {
            hub: &self.shell.plan.hub,
            view,
            now: self.shell.clock.now(),
            last_place: &mut last_place,
            overdue: &overdue,
            notes: &self.notes,
        };
        let decision =
            catch_unwind(AssertUnwindSafe(|| decide(&mut context))).map_err(|panic| Crashed::told(&*panic))?;
        self.last_place = last_place;
        Ok(decision)
    }

    /// Commits, then hints at what follows.
    fn commit(&self, changeset: Changeset) -> Result<(), CommandError> {
        let touched = touched_systems(&changeset);
        let timers = changeset.changes.iter().any(|change| matches!(change, Change::SetTimer(_)));
        self.shell.store.commit(changeset)?;
        touched.iter().for_each(|system| self.shell.wake.system(system));
        if timers {
            self.shell.wake.timers();
        }
        Ok(())
    }

    /// Carries out a command and answers whoever asked.
    pub fn obey(&mut self, command: Command) {
        match command {
            Command::Resume { id, with, done } => drop(done.send(self.on_transmission(id, with, routing::resume))),
            Command::Cancel { id, with, done } => drop(done.send(self.on_transmission(id, with, routing::cancel))),
            Command::Rerun { id, with, done } => drop(done.send(self.rerun(id, with))),
            Command::Replace { id, by, with, done } => drop(done.send(self.replace(id, &by, with))),
            Command::Correct { id, instead, body, with, done } => {
                drop(done.send(self.correct(id, instead, body, with)));
            }
            Command::Replay { plan, n, with, done } => drop(done.send(self.replay(plan, n, with))),
            Command::Decide { decision, by, with, done } => {
                drop(done.send(self.settle(&decision, &by, with.as_deref())));
            }
        }
    }

    fn on_transmission(
        &mut self,
        id: TransmissionId,
        with: Vec<Change>,
        decide: fn(&Transmission, &mut Context<'_>) -> Commanded,
    ) -> Result<(), CommandError> {
        let store = self.shell.store.clone();
        let transmission =
            store.transmission(id)?.ok_or_else(|| CommandError::Unknown(format!("transmission {id}")))?;
        let batch = Batch::new(store.as_ref());
        let mut changeset = self.with_context(&batch, |context| decide(&transmission, context))???;
        changeset.changes.extend(with);
        self.commit(changeset)
    }

    /// A transmitter may change what waits for the entity at the same moment: then it is decided again.
    fn settle(&mut self, decision: &Decision, by: &Decided, with: Option<&[Change]>) -> Result<(), CommandError> {
        let store = self.shell.store.clone();
        let mut tries = 0;
        loop {
            let batch = Batch::new(store.as_ref());
            let mut changeset = self.with_context(&batch, |context| routing::decide(decision, by, context))???;
            // With nothing to record, it is only a rehearsal.
            let Some(with) = with else { return Ok(()) };
            changeset.changes.extend(with.iter().cloned());
            changeset.changes.extend(duplicates::again(&self.shell, &changeset)?);
            match self.commit(changeset) {
                Err(CommandError::Commit(CommitError::Conflict(_))) if tries < CONFLICTS_MAX => tries += 1,
                other => return other,
            }
        }
    }

    fn rerun(&mut self, id: MessageId, with: Vec<Change>) -> Result<(), CommandError> {
        let stored = self.shell.store.message(id)?.ok_or_else(|| CommandError::Unknown(format!("message {id}")))?;
        if let MessageState::Translated { events } = stored.state {
            let store = self.shell.store.clone();
            let batch = Batch::new(store.as_ref());
            let again = self.with_context(&batch, |context| routing::again(&stored, events, context))??;
            let mut changeset = again.map_err(CommandError::NotNow)?;
            changeset.changes.extend(with);
            return self.commit(changeset);
        }
        if routing::is_corrected(&stored.state) {
            return Err(CommandError::NotNow("another message stands in its place: rerun that one".to_owned()));
        }
        if !matches!(stored.state, MessageState::Failed { .. } | MessageState::Ignored { .. }) {
            return Err(CommandError::NotNow(format!("a message that is {} cannot be rerun", stored.state.word())));
        }
        let mut changeset = Changeset::new().with(Change::SetMessageState { id, state: MessageState::Waiting });
        changeset.changes.extend(with);
        self.commit(changeset)
    }

    /// One step: obeys what was commanded, then takes one turn; the first one reconsiders what is held.
    fn step(&mut self, commands: &mut mpsc::Receiver<Command>) -> Next {
        while let Ok(command) = commands.try_recv() {
            self.obey(command);
        }
        let turn = match self.reconsidered {
            true => self.turn(),
            false => self.reconsider().map(|released| {
                self.reconsidered = true;
                // What is waiting is looked at right away.
                released.max(1)
            }),
        };
        match turn {
            Ok(0) => Next::Wait(REST),
            Ok(_) => Next::Go,
            Err(error) => {
                tracing::error!(%error, "messages are waiting: routing failed");
                Next::Rest(STORE_PAUSE)
            }
        }
    }

    /// The thread's loop: until it is told to stop; then it finishes the batch it is in.
    pub fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while !self.shell.wake.router_stops() {
            match self.step(&mut commands) {
                Next::Go => {}
                Next::Wait(longest) => self.shell.wake.router_waits(longest),
                Next::Rest(pause) => self.shell.wake.router_rests(pause),
            }
        }
    }

    /// The same as a task among others, for a hub that has one thread for everything.
    pub async fn run_among_others(mut self, mut commands: mpsc::Receiver<Command>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let clock = self.shell.clock.clone();
            match self.step(&mut commands) {
                Next::Go => tokio::task::yield_now().await,
                Next::Wait(longest) => tokio::select! {
                    biased;
                    _ = stop.changed() => {}
                    () = self.shell.wake.router_hint() => {}
                    () = clock.sleep(longest) => {}
                },
                Next::Rest(pause) => tokio::select! {
                    biased;
                    _ = stop.changed() => {}
                    () = clock.sleep(pause) => {}
                },
            }
        }
    }
}

/// What the router does after a step.
enum Next {
    /// There may be more to do.
    Go,
    /// Nothing to do until there is a hint, or this long.
    Wait(Duration),
    /// Nothing can be done for this long, whatever is hinted.
    Rest(Duration),
}

fn nothing_read() -> StoreError {
    StoreError("the store did nothing and said nothing".into())
}

/// A decision panicked: a fault of the program, told in its words.
struct Crashed(String);

impl Crashed {
    fn told(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        Self(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown fault".to_owned()))
    }
}

impl From<Crashed> for CommandError {
    fn from(crashed: Crashed) -> Self {
        CommandError::View(format!("the hub failed at it: {}", crashed.0))
    }
}

/// Systems whose lines changed: somebody may be first now.
fn touched_systems(changeset: &Changeset) -> Vec<SystemName> {
    let mut touched = Vec::new();
    for change in &changeset.changes {
        if let Change::PutTransmission(transmission) = change
            && !touched.contains(&transmission.system)
        {
            touched.push(transmission.system.clone());
        }
    }
    touched
}
