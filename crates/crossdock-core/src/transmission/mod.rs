//! One operation owed to one system, and the decisions about it: when it may go, what an attempt's outcome means,
//! when to give up. Routing gives a transmission its first state; from then on `decide` says what it becomes.

pub mod adaptive;
pub mod breaker;
mod decide;
pub mod gate;
pub mod lane;
pub mod outlet;
pub mod pace;
pub mod quota;
pub mod schedule;
#[cfg(test)]
pub(crate) mod tests;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use decide::{AFTER_MS_MAX, NotNow, Step, TransmissionEvent, decide};
pub use lane::{Criticality, Group};
pub use schedule::RetrySchedule;

use crate::event::EntityRef;
use crate::exchange::Exchange;
use crate::ids::{ConfigVersion, EventId, FlowName, OrderingKey, SystemName, TransmissionId};
use crate::value::Value;

/// One operation owed to one system because of one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transmission {
    /// Also the idempotency key at the system: it belongs to the transmission, never to an attempt (I2).
    pub id: TransmissionId,
    /// Grows by one with every change; the store refuses a write that is not based on the latest.
    pub version: u64,
    /// To whom it is owed.
    pub system: SystemName,
    /// What is to be done there.
    pub operation: String,
    /// The flow that owes it.
    pub flow: FlowName,
    /// The configuration it was made under and keeps.
    pub config: ConfigVersion,
    /// The event it is owed because of.
    pub event: EventId,
    /// The entity it is about, for people and for `after`.
    pub about: EntityRef,
    /// Transmissions of one key to one system go in order (I3).
    pub key: OrderingKey,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Criticality::is_normal")]
    pub criticality: Criticality,
    /// What it shares limits with, across keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// The operation's input.
    pub input: Value,
    /// Where it stands.
    pub state: TransmissionState,
    /// Place in the order of its key. 0 while it is held back by `after`; given when it becomes owed.
    pub place: u64,
    /// When it may go next.
    pub due_at: Timestamp,
    /// Attempts begun; starts again from 0 when a person resumes it.
    pub attempts: u32,
    /// Since when it is owed.
    pub created_at: Timestamp,
    /// When the present row of failures began.
    pub failing_since: Option<Timestamp>,
    /// An earlier attempt may have taken effect: the connector must ask before it repeats.
    pub in_doubt: bool,
    /// The system refused it, and is asked once more before a person is; see [`RetrySchedule::confirm_refused_ms`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// What the last attempt met.
    pub last_problem: Option<String>,
    /// What the system returned when it was done.
    pub result: Option<Value>,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
    /// When its input and result were removed, for they had been kept long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

/// Where a transmission stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TransmissionState {
    /// Held until these flows have finished for the same `about`.
    Held { after: Vec<FlowName> },
    /// Waiting for its turn and its due time.
    Owed,
    /// An attempt has begun and its end is not recorded.
    Sending,
    /// Took effect.
    Done,
    /// Cannot go on without a person; the reason is for that person. It keeps its place (I7).
    Paused { reason: String },
    /// Given up by a person.
    Cancelled,
}

impl TransmissionState {
    /// The state as lists, filters and the API name it.
    pub fn word(&self) -> &'static str {
        match self {
            TransmissionState::Held { .. } => "held",
            TransmissionState::Owed => "owed",
            TransmissionState::Sending => "sending",
            TransmissionState::Done => "done",
            TransmissionState::Paused { .. } => "paused",
            TransmissionState::Cancelled => "cancelled",
        }
    }

    /// Nothing more will happen to it.
    pub fn is_final(&self) -> bool {
        matches!(self, TransmissionState::Done | TransmissionState::Cancelled)
    }

    /// It has a place in its key's order, and those behind it wait for it.
    pub fn is_in_line(&self) -> bool {
        matches!(self, TransmissionState::Owed | TransmissionState::Sending | TransmissionState::Paused { .. })
    }
}

/// What an attempt came to, as the connector reads it.
///
/// Written with its content beside the tag: serde cannot read an exact value out of an internally tagged enum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "snake_case")]
pub enum Outcome {
    /// It took effect, now or before. `result` is what flows may use further.
    Accepted { result: Value },
    /// It certainly did not take effect; a later try may succeed.
    Retry { reason: String, after_ms: Option<u64> },
    /// It did not take effect, and trying again will not help.
    Refused { reason: String },
    /// The system as a whole cannot be used as configured (credentials, rights): every transmission would fail.
    Unusable { reason: String },
    /// It may have taken effect. The next attempt must ask first.
    Unknown { reason: String },
}

/// One try at a transmission, with everything that was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whose attempt it is.
    pub transmission: TransmissionId,
    /// Counts from 1, and again from 1 after a person resumed the transmission.
    pub number: u32,
    /// When the connector was first asked.
    pub started_at: Timestamp,
    /// When the connector said how it ended.
    pub ended_at: Timestamp,
    /// What it came to.
    pub outcome: Outcome,
    /// As recorded: without secrets, bodies cut.
    pub exchanges: Vec<Exchange>,
}
