//! The desk: what people ask of a hub and what they tell it to do. Console, API and CLI all come here. It reads the
//! store; what changes something goes through the router or a commit, with an audit record (I8).

mod actions;
mod overview;
mod trace;

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};

use crossdock_core::ids::SystemName;
use crossdock_store::{Store, StoreError};
use serde::Serialize;

use crate::router::{Command, CommandError};
use crate::shell::Shell;
use crate::transmitter::Gauge;

pub use actions::{Actor, ResumeScope, Resumed};
pub use overview::{ExceptionRow, MessageRow, Overview, RejectionRow, SystemRow, TransmissionRow};
pub use trace::{EntityView, Entry, Trace};

/// The desk of a hub: running, or only its data folder.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn Store>,
    live: Option<Live>,
}

#[derive(Clone)]
struct Live {
    shell: Arc<Shell>,
    commands: mpsc::SyncSender<Command>,
    gauges: Arc<BTreeMap<SystemName, Arc<Gauge>>>,
}

/// Why the desk cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The command had no effect.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Only a running hub can do this.
    #[error("the hub is not running: start it with `crossdock run`, then try again")]
    NotRunning,
    /// What was named is not there.
    #[error("{0}")]
    Unknown(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// A list with what was left out.
#[derive(Clone, Debug, Serialize)]
pub struct Listing<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// There are more than the limit.
    pub more: bool,
}

impl Desk {
    /// The desk of a running hub.
    pub(crate) fn running(
        shell: Arc<Shell>,
        commands: mpsc::SyncSender<Command>,
        gauges: BTreeMap<SystemName, Arc<Gauge>>,
    ) -> Self {
        Self { store: shell.store.clone(), live: Some(Live { shell, commands, gauges: Arc::new(gauges) }) }
    }

    /// The desk over a data folder whose hub may not be running: reads only.
    pub fn of_store(store: Arc<dyn Store>) -> Self {
        Self { store, live: None }
    }

    fn live(&self) -> Result<&Live, DeskError> {
        self.live.as_ref().ok_or(DeskError::NotRunning)
    }
}
