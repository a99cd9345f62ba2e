//! What the shell runs: the compiled hub, the endpoints of its systems and how each may be treated.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connect::endpoint::Endpoint;
use crossdock_core::hub::Hub;
use crossdock_core::ids::SystemName;
use crossdock_core::master::matching::MergePolicy;
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
