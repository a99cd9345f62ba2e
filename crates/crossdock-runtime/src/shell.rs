//! What every worker of the shell shares.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::SystemName;
use crossdock_core::transmission::Transmission;
use crossdock_store::{CommitError, RESTORED_CURSOR, Store, StoreError};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinError;

use crate::clock::Clock;
use crate::pause::Pauses;
use crate::plan::Plan;
use crate::toll::Toll;
use crate::valve::Valve;
use crate::wake::Wake;

/// Store, clock, plan and hints.
pub struct Shell {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What is run.
    pub plan: Arc<Plan>,
    /// Hints that there may be work.
    pub wake: Wake,
    /// Which systems nothing is sent to.
    pub pauses: Pauses,
    /// How much may come in.
    pub valve: Valve,
    /// When the data were put back from a backup.
    restored_at: OnceLock<Timestamp>,
    tolls: HashMap<SystemName, Toll>,
}

impl Shell {
    /// A shell over these parts; nothing runs yet.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, plan: Arc<Plan>) -> Self {
        let wake = Wake::new(plan.systems.keys().cloned());
        let pauses = Pauses::new(plan.systems.keys().cloned());
        let toll = |(name, system): (&SystemName, &crate::plan::SystemPlan)| (name.clone(), Toll::new(system.pace));
        let tolls = plan.systems.iter().map(toll).collect();
        let valve = Valve::new(plan.intake.clone());
        Self { store, clock, plan, wake, pauses, valve, restored_at: OnceLock::new(), tolls }
    }

    /// Reads what has to be known before anything is sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn recall(&self) -> Result<(), StoreError> {
        let restored_at = self.store.cursor(RESTORED_CURSOR)?.and_then(|at| at.parse().ok());
        if let Some(at) = restored_at {
            self.restored_at.get_or_init(|| at);
        }
        Ok(())
    }

    /// Whether the transmission may have been sent by a hub whose memory of it was lost: its message is older than the
    /// backup that was put back, and nobody has thought about it since.
    pub(crate) fn is_forgotten(&self, transmission: &Transmission) -> bool {
        !transmission.in_doubt
            && self.restored_at.get().is_some_and(|at| transmission.id.message_ms() <= at.as_millisecond())
    }

    /// Commits from an async task: returns when the changeset is durable or refused.
    ///
    /// # Errors
    /// The store's; nothing of the changeset was applied then.
    pub async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        let (sender, receiver) = oneshot::channel();
        self.store.submit(changeset, Box::new(move |result| drop(sender.send(result))));
        receiver.await.unwrap_or_else(|_| Err(CommitError::Unavailable("the store is closed".into())))
    }

    /// Commits what pauses or unpauses a system, and tells the workers in the order of the commits.
    ///
    /// # Errors
    /// The store's; nothing of the changeset was applied then.
    pub async fn commit_pause(&self, changeset: Changeset) -> Result<(), CommitError> {
        let mut switched = Vec::new();
        for change in &changeset.changes {
            if let Change::SetSystemState(state) = change {
                switched.push((state.system.clone(), state.paused.is_some()));
            }
        }
        let _order = self.pauses.in_order().await;
        self.commit(changeset).await?;
        for (system, paused) in switched {
            self.pauses.set(&system, paused);
        }
        Ok(())
    }

    /// Reads from an async task, off its thread.
    ///
    /// # Errors
    /// The store's, or that the reading task was cancelled at shutdown.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        self.off_thread(move || read(store.as_ref()))
            .await
            .unwrap_or_else(|error| Err(StoreError(format!("the read was interrupted: {error}"))))
    }

    /// Does what may wait for a disk off the thread of an async task; at once when the store never waits for one.
    ///
    /// # Errors
    /// When it crashed or was cancelled at shutdown.
    pub(crate) async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match self.store.blocks() {
            true => tokio::task::spawn_blocking(work).await,
            false => Ok(work()),
        }
    }

    /// The toll of a system's calls; `None` when it is not configured.
    pub(crate) fn toll(&self, system: &SystemName) -> Option<&Toll> {
        self.tolls.get(system)
    }
}
