//! Hints that there may be work. A hint can be lost or come for nothing: the store says what there is.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossdock_core::ids::SystemName;
use tokio::sync::Notify;

/// Wakes the router's thread and the systems' transmitters.
#[derive(Debug, Default)]
pub struct Wake {
    router: Mutex<RouterHint>,
    router_woken: Condvar,
    /// The same hint for a router that is a task.
    router_task: Notify,
    systems: HashMap<SystemName, Notify>,
    timers: Notify,
    jobs: Notify,
}

#[derive(Debug, Default)]
struct RouterHint {
    hinted: bool,
    stopping: bool,
}

impl Wake {
    /// Nobody is woken yet.
    pub fn new(systems: impl IntoIterator<Item = SystemName>) -> Self {
        Self { systems: systems.into_iter().map(|system| (system, Notify::new())).collect(), ..Self::default() }
    }

    /// A message may be waiting.
    pub fn router(&self) {
        let mut router = self.lock();
        if !router.hinted {
            router.hinted = true;
            self.router_woken.notify_one();
            self.router_task.notify_one();
        }
    }

    /// Returns at the next hint for the router.
    pub async fn router_hint(&self) {
        self.router_task.notified().await;
        self.lock().hinted = false;
    }

    /// The router's thread is to end.
    pub fn stop_router(&self) {
        self.lock().stopping = true;
        self.router_woken.notify_one();
    }

    /// Whether the router's thread is to end.
    pub fn router_stops(&self) -> bool {
        self.lock().stopping
    }

    /// Blocks the router's thread until there is a hint, at most `longest`.
    pub fn router_waits(&self, longest: Duration) {
        self.wait(longest, |router| !router.hinted && !router.stopping).hinted = false;
    }

    /// Blocks the router's thread for `pause`, whatever is hinted; only a stop ends it.
    pub fn router_rests(&self, pause: Duration) {
        drop(self.wait(pause, |router| !router.stopping));
    }

    fn wait(&self, longest: Duration, goes_on: impl FnMut(&mut RouterHint) -> bool) -> MutexGuard<'_, RouterHint> {
        let waited = self.router_woken.wait_timeout_while(self.lock(), longest, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, RouterHint> {
        self.router.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transmission to this system may be due.
    pub fn system(&self, system: &SystemName) {
        if let Some(notify) = self.systems.get(system) {
            notify.notify_one();
        }
    }

    /// Returns at the next hint for this system.
    pub async fn system_hint(&self, system: &SystemName) {
        match self.systems.get(system) {
            Some(notify) => notify.notified().await,
            None => std::future::pending().await,
        }
    }

    /// A timer may have been set.
    pub fn timers(&self) {
        self.timers.notify_one();
    }

    /// Returns at the next hint for the timers.
    pub async fn timer_hint(&self) {
        self.timers.notified().await;
    }
    /// A job may have been started or stopped.
    pub fn jobs(&self) {
        self.jobs.notify_one();
    }

    /// Returns at the next hint for the jobs.
    pub async fn job_hint(&self) {
        self.jobs.notified().await;
    }
}
