//! What the shell runs: the compiled hub, the endpoints of its systems and how each may be treated.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, Operation, Repeat};
use crossdock_core::hub::Hub;
use crossdock_core::ids::SystemName;
use crossdock_core::master::matching::MergePolicy;
use crossdock_core::retention::Retention;
use crossdock_core::transmission::Transmission;
use crossdock_core::transmission::breaker::BreakerSettings;
use crossdock_core::transmission::gate::Limits;
use crossdock_core::transmission::pace::PaceLimit;

pub use crate::valve::IntakeLimits;

/// Everything a running hub follows. Replaced as a whole, never changed.
#[derive(Debug)]
pub struct Plan {
    pub hub: Hub,
    pub systems: BTreeMap<SystemName, SystemPlan>,
    /// Which entities are compared, to find those that are the same.
    pub merging: MergePolicy,
    /// How much may wait before senders are told to come again.
    pub intake: IntakeLimits,
    /// Largest body accepted from a sender, in bytes.
    pub body_bytes_max: usize,
    /// Largest answer read from a system, in bytes.
    pub answer_bytes_max: usize,
    /// Wall-clock limit of one message's mappings, in milliseconds.
    pub mapping_ms_max: u64,
    /// How much of each body is kept in the record of an attempt, in bytes.
    pub recorded_bytes_max: usize,
    /// For how long what happened is kept.
    pub retention: Retention,
    /// Somebody else than who drew a replay plan up has to approve it.
    pub replay_needs_another: bool,
}

/// One system.
#[derive(Debug)]
pub struct SystemPlan {
    pub endpoint: Arc<dyn Endpoint>,
    pub connector: String,
    pub domain: String,
    /// `internal` or `external`.
    pub zone: String,
    pub owner: Option<String>,
    /// Attempts under way at once.
    pub concurrency_max: usize,
    /// Whether fewer are under way while the system shows signs of overload.
    pub adaptive: bool,
    pub pace: Option<PaceLimit>,
    /// Limits of operations and groups.
    pub limits: Limits,
    pub breaker: BreakerSettings,
}

impl Plan {
    /// Whether an operation may be repeated after a lost answer: the system honours the key, or is asked first. Nobody knows
    /// it of what is not configured.
    pub fn repeats_safely(&self, system: &SystemName, operation: &str) -> bool {
        let known = self.systems.get(system).and_then(|system| operation_of(system, operation));
        known.is_some_and(|operation| operation.repeat == Repeat::Safe)
    }

    /// Whether sending it again may do it twice: it may have taken effect, and nothing would notice.
    pub fn may_double(&self, it: &Transmission) -> bool {
        it.in_doubt && !self.repeats_safely(&it.system, &it.operation)
    }
}

/// An operation that a system can do.
pub(crate) fn operation_of(system: &SystemPlan, name: &str) -> Option<Operation> {
    system.endpoint.operations().iter().find(|operation| operation.name == name).copied()
}
