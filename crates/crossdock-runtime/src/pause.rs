//! Which systems nothing is sent to. The store holds the truth; this tells the running workers.

use std::collections::HashMap;

use crossdock_core::ids::SystemName;
use tokio::sync::{Mutex, MutexGuard, watch};

/// One switch per system.
#[derive(Debug)]
pub struct Pauses {
    switches: HashMap<SystemName, watch::Sender<bool>>,
    order: Mutex<()>,
}

impl Pauses {
    /// All switches on "send".
    pub fn new(systems: impl IntoIterator<Item = SystemName>) -> Self {
        let switches = systems.into_iter().map(|system| (system, watch::Sender::new(false))).collect();
        Self { switches, order: Mutex::new(()) }
    }

    /// Tells the workers of a system.
    pub fn set(&self, system: &SystemName, paused: bool) {
        if let Some(switch) = self.switches.get(system) {
            switch.send_replace(paused);
        }
    }

    /// Held while a pause is committed and told, so that the workers hear of pauses in the order of their commits.
    pub(crate) async fn in_order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().await
    }

    /// A receiver that follows the switch of a system; a system that is not configured stays paused.
    pub fn follow(&self, system: &SystemName) -> watch::Receiver<bool> {
        match self.switches.get(system) {
            Some(switch) => switch.subscribe(),
            None => watch::channel(true).1,
        }
    }
}
