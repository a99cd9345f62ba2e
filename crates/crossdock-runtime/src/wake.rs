//! Hints that there may be work. A hint can be lost or come for nothing: the store says what there is.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crossdock_core::ids::SystemName;
use tokio::sync::Notify;

/// Wakes the router's thread and the systems' transmitters.
#[derive(Debug, Default)]
pub struct Wake {
    router: Mutex<bool>,
    router_hint: Condvar,
    systems: HashMap<SystemName, Notify>,
    timers: Notify,
}

impl Wake {
    pub fn new(systems: impl IntoIterator<Item = SystemName>) -> Self {
        Self { systems: systems.into_iter().map(|system| (system, Notify::new())).collect(), ..Self::default() }
    }

    /// A message may be waiting.
    pub fn router(&self) {
        let mut hint = self.router.lock().unwrap_or_else(PoisonError::into_inner);
        if !*hint {
            *hint = true;
            self.router_hint.notify_one();
        }
    }

    /// Blocks the router's thread until there is a hint, at most `longest`.
    pub fn router_waits(&self, longest: Duration) {
        let hint = self.router.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut hint, _) = self
            .router_hint
            .wait_timeout_while(hint, longest, |hint| !*hint)
            .unwrap_or_else(PoisonError::into_inner);
        *hint = false;
    }

    /// A transmission to this system may be due.
    pub fn system(&self, system: &SystemName) {
        if let Some(notify) = self.systems.get(system) {
            notify.notify_one();
        }
    }

    pub fn all_systems(&self) {
        self.systems.values().for_each(Notify::notify_one);
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

    pub async fn timer_hint(&self) {
        self.timers.notified().await;
    }
}
