//! Which systems nothing is sent to. The store holds the truth; this tells the running workers.

use std::collections::HashMap;

use crossdock_core::ids::SystemName;
use tokio::sync::watch;

/// One switch per system.
#[derive(Debug)]
pub struct Pauses(HashMap<SystemName, watch::Sender<bool>>);

impl Pauses {
    pub fn new(systems: impl IntoIterator<Item = SystemName>) -> Self {
        Self(systems.into_iter().map(|system| (system, watch::Sender::new(false))).collect())
    }

    pub fn set(&self, system: &SystemName, paused: bool) {
        if let Some(switch) = self.0.get(system) {
            switch.send_replace(paused);
        }
    }

    /// A receiver that follows the switch of a system; a system that is not configured stays paused.
    pub fn follow(&self, system: &SystemName) -> watch::Receiver<bool> {
        match self.0.get(system) {
            Some(switch) => switch.subscribe(),
            None => watch::channel(true).1,
        }
    }
}
