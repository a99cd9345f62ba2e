//! The router: takes waiting messages in order, asks the core what follows, commits it. Step 5 of a message's way.
//! It runs on a thread of its own, so no mapping ever holds up the network. It alone writes events and entities.

mod batch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::{MessageId, TransmissionId};
use crossdock_core::message::StoredMessage;
use crossdock_core::routing::{self, Context, View, ViewError};
use crossdock_core::transmission::{NotNow, TransmissionState};
use crossdock_store::{CommitError, StoreError};
use tokio::sync::oneshot;

use crate::shell::Shell;
use batch::Batch;

/// Messages routed into one commit.
const BATCH_MAX: usize = 64;
/// How long the thread sleeps without a hint.
const REST: Duration = Duration::from_millis(250);
/// Pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// What only the router may do, asked for by a person through API or CLI.
pub enum Command {
    /// Resumes a paused transmission.
    Resume { id: TransmissionId, audit: Change, done: oneshot::Sender<Result<(), CommandError>> },
    /// Puts a failed message back into the queue.
    Rerun { id: MessageId, audit: Change, done: oneshot::Sender<Result<(), CommandError>> },
}

/// Why a command had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("there is no {0}")]
    Unknown(String),
    #[error("{0}")]
    NotNow(String),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    View(String),
    #[error("the hub is stopping")]
    Stopping,
}

impl From<NotNow> for CommandError {
    fn from(not_now: NotNow) -> Self {
        CommandError::NotNow(not_now.to_string())
    }
}

impl From<ViewError> for CommandError {
    fn from(error: ViewError) -> Self {
        CommandError::View(error.to_string())
    }
}

/// The router's state: nothing but the last place it gave.
pub struct Router {
    shell: Arc<Shell>,
    last_place: u64,
}

impl Router {
    /// # Errors
    /// When the store cannot be read.
    pub fn new(shell: Arc<Shell>) -> Result<Self, StoreError> {
        let last_place = shell.store.last_place()?;
        Ok(Self { shell, last_place })
    }

    /// Routes what is waiting, one batch. Returns how many messages it took.
    ///
    /// # Errors
    /// When the store cannot be read or written; nothing was taken then.
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

    fn route_together(&mut self, messages: &[StoredMessage]) -> Result<(), CommandError> {
        let place_before = self.last_place;
        let routed = self.decide(messages);
        let result = routed.and_then(|changeset| {
            let touched = touched_systems(&changeset);
            let timers = changeset.changes.iter().any(|change| matches!(change, Change::SetTimer(_)));
            self.shell.store.commit(changeset)?;
            touched.iter().for_each(|system| self.shell.wake.system(system));
            if timers {
                self.shell.wake.timers();
            }
            Ok(())
        });
        if result.is_err() {
            self.last_place = place_before;
        }
        result
    }

    fn decide(&mut self, messages: &[StoredMessage]) -> Result<Changeset, CommandError> {
        let store = self.shell.store.clone();
        let mut batch = Batch::new(store.as_ref());
        for message in messages {
            let changeset = self.with_context(&batch, |context| routing::route(message, context))?;
            batch.add(changeset);
        }
        Ok(batch.into_changeset())
    }

    fn with_context<T>(&mut self, view: &dyn View, decide: impl FnOnce(&mut Context<'_>) -> T) -> T {
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
        };
        let decision = decide(&mut context);
        self.last_place = last_place;
        decision
    }

    /// Carries out a command and answers whoever asked.
    pub fn obey(&mut self, command: Command) {
        match command {
            Command::Resume { id, audit, done } => drop(done.send(self.resume(id, audit))),
            Command::Rerun { id, audit, done } => drop(done.send(self.rerun(id, audit))),
        }
    }

    fn resume(&mut self, id: TransmissionId, audit: Change) -> Result<(), CommandError> {
        let store = self.shell.store.clone();
        let transmission =
            store.transmission(id)?.ok_or_else(|| CommandError::Unknown(format!("transmission {id}")))?;
        let batch = Batch::new(store.as_ref());
        let decided = self.with_context(&batch, |context| routing::resume(&transmission, context))?;
        let changeset = decided?.with(audit);
        store.commit(changeset)?;
        self.shell.wake.system(&transmission.system);
        Ok(())
    }

    fn rerun(&mut self, id: MessageId, audit: Change) -> Result<(), CommandError> {
        use crossdock_core::message::MessageState;
        let stored = self.shell.store.message(id)?.ok_or_else(|| CommandError::Unknown(format!("message {id}")))?;
        if !matches!(stored.state, MessageState::Failed { .. }) {
            return Err(CommandError::NotNow(format!("a message that is {} cannot be rerun", stored.state.word())));
        }
        let changeset =
            Changeset::new().with(Change::SetMessageState { id, state: MessageState::Waiting }).with(audit);
        self.shell.store.commit(changeset)?;
        Ok(())
    }

    /// The thread's loop: until `stop`, then it finishes the batch it is in.
    pub fn run(mut self, commands: std::sync::mpsc::Receiver<Command>, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            while let Ok(command) = commands.try_recv() {
                self.obey(command);
            }
            match self.turn() {
                Ok(0) => self.shell.wake.router_waits(REST),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "messages are waiting: routing failed");
                    self.shell.wake.router_waits(STORE_PAUSE);
                }
            }
        }
    }
}

fn touched_systems(changeset: &Changeset) -> Vec<crossdock_core::ids::SystemName> {
    let mut touched = Vec::new();
    for change in &changeset.changes {
        if let Change::PutTransmission(transmission) = change
            && transmission.state == TransmissionState::Owed
            && !touched.contains(&transmission.system)
        {
            touched.push(transmission.system.clone());
        }
    }
    touched
}
