//! The desk: what people ask of a hub and what they tell it to do. Console, API and CLI all come here. It reads the
//! store; what changes something goes through the router or a commit, with an audit record (I8).

mod actions;
mod entities;
mod jobs;
mod links;
mod master;
mod mend;
mod overview;
mod records;
mod refusal;
mod replays;
mod stuck;
mod submit;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_core::ids::SystemName;
use crossdock_core::submission::Fault;
use crossdock_store::{Store, StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::router::{Command, CommandError};
use crate::shell::Shell;
use crate::transmitter::Gauge;

pub use actions::{Actor, ResumeScope, Resumed};
pub use entities::{EntityAsk, EntityListing, FieldChange, FieldKept, History, HistoryItem, Moved};
pub use jobs::{FaultRow, JobAnswer, JobPreview, JobView};
pub use links::{FieldView, KindView, Linked, Links};
pub use master::{Found, Mistake, ReferenceChange, ReferenceRow, ReferencesChanged};
pub use mend::Mended;
pub use overview::{ExceptionAsk, ExceptionRow, MessageRow, Overview, RejectionRow, SystemRow, TransmissionRow};
pub use records::{Became, EventRow, EventView, HeaderView, MessageBody, MessageView};
pub use refusal::{Refusal, RefusalKind};
pub use replays::{CandidateFile, CandidateFolder, Candidates, ReplayRequest, ReplayView};
pub use stuck::{Affected, StuckAsk, StuckKind, StuckRow};
pub use submit::{CommandKey, Done, Order, Submission, Submitted, SubmittedEvent};
pub use trace::{CallTold, EntityView, Entry, Facts, Trace};

/// The desk of a hub: running, or only its data folder.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn Store>,
    live: Option<Live>,
    candidates: Option<Arc<dyn Candidates>>,
}

#[derive(Clone)]
struct Live {
    shell: Arc<Shell>,
    commands: mpsc::Sender<Command>,
    gauges: Arc<BTreeMap<SystemName, Arc<Gauge>>>,
    under_way: submit::UnderWay,
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
    /// The command was not carried out; under a key, the same was told before.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was named is not there.
    #[error("{0}")]
    Unknown(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Submitted events do not fit the model.
    #[error("the events do not fit the model: {} at `{}`", .0.first().map_or("", |fault| &fault.detail), .0.first().map_or("", |fault| &fault.pointer))]
    Unfit(Vec<Fault>),
    /// The key of a request stands for another one.
    #[error(
        "this key was used for another request: make up a new one for each request, and repeat it only with its own"
    )]
    KeyReused,
    /// A request with the same key has no answer yet.
    #[error("a request with this key is being answered: wait for that answer, or ask again later")]
    UnderWay,
    /// The entity is not what the request was written for.
    #[error("{0}: read it again, then decide again")]
    MovedOn(String),
    /// The hub cannot take it now.
    #[error("{reason}")]
    TryAgain {
        /// Why.
        reason: String,
        /// When to come again, in seconds.
        after_s: u32,
    },
}

/// A list with what was left out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
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
        commands: mpsc::Sender<Command>,
        gauges: BTreeMap<SystemName, Arc<Gauge>>,
    ) -> Self {
        Self {
            store: shell.store.clone(),
            live: Some(Live { shell, commands, gauges: Arc::new(gauges), under_way: submit::UnderWay::default() }),
            candidates: None,
        }
    }

    /// The desk over a data folder whose hub may not be running: reads only.
    pub fn of_store(store: Arc<dyn Store>) -> Self {
        Self { store, live: None, candidates: None }
    }

    /// The desk with what compiles a configuration that is only tried.
    #[must_use]
    pub fn with_candidates(self, candidates: Arc<dyn Candidates>) -> Self {
        Self { candidates: Some(candidates), ..self }
    }

    /// Why the hub takes nothing now, for the operator; `None` when it does.
    pub fn shut(&self) -> Option<String> {
        self.live.as_ref().and_then(|live| live.shell.valve.shut()).map(|shut| shut.to_string())
    }

    fn live(&self) -> Result<&Live, DeskError> {
        self.live.as_ref().ok_or(DeskError::NotRunning)
    }
}
