//! What every worker of the shell shares.

use std::collections::HashMap;
use std::sync::Arc;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::SystemName;
use crossdock_store::{CommitError, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinError;

use crate::clock::Clock;
use crate::pause::Pauses;
use crate::plan::Plan;
use crate::toll::Toll;
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
    tolls: HashMap<SystemName, Toll>,
}

impl Shell {
    /// A shell over these parts; nothing runs yet.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, plan: Arc<Plan>) -> Self {
        let wake = Wake::new(plan.systems.keys().cloned());
        let pauses = Pauses::new(plan.systems.keys().cloned());
        let toll = |(name, system): (&SystemName, &crate::plan::SystemPlan)| (name.clone(), Toll::new(system.pace));
        let tolls = plan.systems.iter().map(toll).collect();
        Self { store, clock, plan, wake, pauses, tolls }
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
