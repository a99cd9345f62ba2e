//! Where a test reaches into the simulated world to break what the hub relies on, or what the hub does, so that it can
//! show that the invariants notice. Nothing of this is in the hub.

use std::sync::Arc;

use crossdock_core::changeset::Changeset;
use crossdock_core::exchange::Call;
use crossdock_core::ids::SystemName;
use crossdock_core::transmission::lane::LaneHeads;
use crossdock_runtime::plan::Plan;
use crossdock_store::MemoryStore;

/// Changes what is written.
pub type WriteSeam = Box<dyn Fn(&mut Changeset) + Send + Sync>;
/// Changes what is due.
pub type DueSeam = Box<dyn Fn(&MemoryStore, &SystemName, &mut Vec<LaneHeads>) + Send + Sync>;
/// Changes what is sent.
pub type CallSeam = Box<dyn Fn(&mut Call) + Send + Sync>;

/// The seams of a world; untouched they do nothing.
pub struct Seams {
    /// Every changeset as the hub hands it over: a hub that decides wrongly.
    pub hub: WriteSeam,
    /// Every changeset on its way to the disk: a store that does not do what it is told.
    pub disk: WriteSeam,
    /// What the store gives as due.
    pub due: DueSeam,
    /// Every call on its way to a system.
    pub call: CallSeam,
    /// A hub that lost the disk to another one writes on.
    pub unfenced: bool,
    /// The configuration by whose limits the hub is judged; its own when `None`.
    pub rules: Option<Arc<Plan>>,
}

impl Default for Seams {
    fn default() -> Self {
        Self {
            hub: Box::new(|_| {}),
            disk: Box::new(|_| {}),
            due: Box::new(|_, _, _| {}),
            call: Box::new(|_| {}),
            unfenced: false,
            rules: None,
        }
    }
}
