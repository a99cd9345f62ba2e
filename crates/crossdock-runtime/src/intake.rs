//! Accepting: verify, commit, then answer. Step 1 to 4 of a message's way.

use std::sync::Arc;

use crossdock_connect::endpoint::{RawRequest, Receipt, Reject};
use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::{MessageId, SystemName};
use crossdock_core::intake;
use crossdock_core::message::{Envelope, Rejection};
use crossdock_core::routing;
use crossdock_store::CommitError;
use jiff::Timestamp;

use crate::clock::{Clock as _, SystemClock};
use crate::shell::Shell;
use crate::valve::Shut;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// In the order of the request.
    pub messages: Vec<AcceptedMessage>,
    /// How the sender wants to be answered.
    pub receipt: Receipt,
}

/// One message of a request: new, or known from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedMessage {
    /// The id it has, or got when it first came.
    pub id: MessageId,
    /// It was accepted before.
    pub duplicate: bool,
}

/// Why a request was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is at fault; it was recorded.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// The hub is at fault or overloaded; the sender should try again after so many seconds.
    #[error("{reason}")]
    TryAgain {
        /// Why, for the sender.
        reason: String,
        /// When to come again, in seconds.
        after_s: u32,
    },
    /// The hub takes nothing now, from anybody.
    #[error("{reason}")]
    Shut {
        /// Why, for the sender.
        reason: &'static str,
        /// When to come again, in seconds.
        after_s: u32,
    },
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        Refusal::Shut { reason: shut.for_sender(), after_s: shut.after_s() }
    }
}

/// The door for requests from outside.
#[derive(Clone)]
pub struct Intake {
    shell: Arc<Shell>,
}

impl Intake {
    /// The door of a running hub.
    pub fn new(shell: Arc<Shell>) -> Self {
        Self { shell }
    }

    /// Verifies a request and makes its messages durable. Returns only after the sync.
    ///
    /// # Errors
    /// `Refusal::Rejected` when the endpoint does not believe it, `TryAgain` when the store cannot take it.
    pub async fn accept(&self, system: &SystemName, request: &RawRequest) -> Result<Accepted, Refusal> {
        self.shell.valve.admit(request.body.len())?;
        let now = self.shell.clock.now();
        let Some(plan) = self.shell.plan.systems.get(system) else {
            return Err(Refusal::Rejected(Reject {
                status: 404,
                code: "XD-1001",
                reason: format!("there is no system `{system}` here"),
            }));
        };
        let envelopes = plan.endpoint.receive(request, now)?;
        let messages = self.shell.accept(system, envelopes, None).await.map_err(|error| match error {
            CommitError::Busy => Refusal::TryAgain { reason: "the hub is at its limit".into(), after_s: 1 },
            other => {
                self.shell.valve.failed(&other.to_string());
                Refusal::TryAgain { reason: other.to_string(), after_s: 10 }
            }
        })?;
        Ok(Accepted { messages, receipt: plan.endpoint.receipt() })
    }

    /// Keeps a record of a request that was turned away. Best effort: a full disk does not make it worse.
    pub fn record(&self, rejection: Rejection) {
        self.shell.store.submit(
            intake::reject(rejection),
            Box::new(|result| {
                if let Err(error) = result {
                    tracing::warn!(%error, "rejection not recorded");
                }
            }),
        );
    }

    /// Largest body accepted from a sender, in bytes.
    pub fn body_bytes_max(&self) -> usize {
        self.shell.plan.body_bytes_max
    }

    /// The present instant, by the hub's clock.
    pub fn now(&self) -> Timestamp {
        self.shell.clock.now()
    }
}

impl Shell {
    /// Makes envelopes durable as messages, in their order, together with the cursor they were fetched at: known ones
    /// give the first answer again (I2).
    ///
    /// # Errors
    /// The first failure other than a duplicate. What was committed is in order and without a gap; a repeat finds it as
    /// duplicates.
    pub(crate) async fn accept(
        &self,
        system: &SystemName,
        envelopes: Vec<Envelope>,
        cursor: Option<Change>,
    ) -> Result<Vec<AcceptedMessage>, CommitError> {
        let now = self.clock.now();
        let is_wanted = |it: &Envelope| routing::is_wanted(&self.plan.hub, system, &it.channel);
        let has_work = envelopes.iter().any(is_wanted);
        let accepted = match envelopes.len() == 1 && cursor.is_none() {
            true => self.accept_one_by_one(system, envelopes, None, now).await,
            false => self.accept_together(system, envelopes, cursor, now).await,
        };
        if has_work {
            self.wake.router();
        }
        accepted
    }

    /// The id of a message that comes in now.
    pub(crate) fn new_message_id(&self) -> MessageId {
        MessageId(self.clock.new_id())
    }

    /// In one commit when all of them are new.
    async fn accept_together(
        &self,
        system: &SystemName,
        envelopes: Vec<Envelope>,
        cursor: Option<Change>,
        now: Timestamp,
    ) -> Result<Vec<AcceptedMessage>, CommitError> {
        let (mut accepted, mut changes) = (Vec::with_capacity(envelopes.len()), Changeset::new());
        for envelope in &envelopes {
            let id = self.new_message_id();
            accepted.push(AcceptedMessage { id, duplicate: false });
            changes.changes.extend(intake::accept(&self.plan.hub, envelope.clone(), id, system.clone(), now).changes);
        }
        changes.changes.extend(cursor.clone());
        if changes.is_empty() {
            return Ok(accepted);
        }
        match self.commit(changes).await {
            Ok(()) => Ok(accepted),
            Err(CommitError::Duplicate(_)) => self.accept_one_by_one(system, envelopes, cursor, now).await,
            Err(other) => Err(other),
        }
    }

    async fn accept_one_by_one(
        &self,
        system: &SystemName,
        envelopes: Vec<Envelope>,
        cursor: Option<Change>,
        now: Timestamp,
    ) -> Result<Vec<AcceptedMessage>, CommitError> {
        let mut accepted = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let id = self.new_message_id();
            let changes = intake::accept(&self.plan.hub, envelope, id, system.clone(), now);
            accepted.push(match self.commit(changes).await {
                Ok(()) => AcceptedMessage { id, duplicate: false },
                Err(CommitError::Duplicate(first)) => AcceptedMessage { id: first, duplicate: true },
                Err(other) => return Err(other),
            });
        }
        match cursor {
            Some(cursor) => self.commit(Changeset::new().with(cursor)).await.map(|()| accepted),
            None => Ok(accepted),
        }
    }
}

/// An id from the machine's clock, for what is kept under a key of its own.
pub(crate) fn new_message_id() -> MessageId {
    MessageId(SystemClock.new_id())
}
