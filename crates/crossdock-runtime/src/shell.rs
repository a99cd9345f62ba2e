//! What every worker of the shell shares.

use std::sync::Arc;

use crossdock_core::changeset::Changeset;
use crossdock_store::{CommitError, Store, StoreError};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::pause::Pauses;
use crate::plan::Plan;
use crate::wake::Wake;

/// Store, clock, plan and hints.
pub struct Shell {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub plan: Arc<Plan>,
    pub wake: Wake,
    pub pauses: Pauses,
}

impl Shell {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, plan: Arc<Plan>) -> Self {
        let wake = Wake::new(plan.systems.keys().cloned());
        let pauses = Pauses::new(plan.systems.keys().cloned());
        Self { store, clock, plan, wake, pauses }
    }

    /// Commits from an async task: returns when the changeset is durable or refused.
    pub async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        let (sender, receiver) = oneshot::channel();
        self.store.submit(changeset, Box::new(move |result| drop(sender.send(result))));
        receiver.await.unwrap_or_else(|_| Err(CommitError::Unavailable("the store is closed".into())))
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
        tokio::task::spawn_blocking(move || read(store.as_ref()))
            .await
            .unwrap_or_else(|error| Err(StoreError(format!("the read was interrupted: {error}"))))
    }
}
