//! What a connector is: a pure function of the exchange so far. It never sends, sleeps or remembers; the shell does.

use std::fmt::Debug;

use crossdock_core::exchange::{Call, Exchange};
use crossdock_core::message::Envelope;
use crossdock_core::model::shape::Shape;
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_core::value::Value;
use jiff::Timestamp;

/// A request as it came in, before anything is believed about it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRequest {
    pub method: String,
    /// The part of the path behind `/in/<system>/`, without a leading slash; empty when there is none.
    pub channel: String,
    /// The URL as the sender addressed it, for schemes that sign it.
    pub url: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or("")
    }
}

/// Why a request is turned away. The sender gets `status` and `reason`; a record is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Reject {
    pub status: u16,
    /// Stable code with a page in `docs/errors/`.
    pub code: &'static str,
    /// What is wrong and what the sender can do; never a secret, never the expected signature.
    pub reason: String,
}

/// What to answer the sender once its message is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub status: u16,
    pub content_type: &'static str,
    /// `None` for the hub's own body with the message ids.
    pub body: Option<&'static str>,
}

impl Default for Receipt {
    fn default() -> Self {
        Self { status: 202, content_type: "application/json", body: None }
    }
}

/// What the shell should do next for an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send this and come back with the answer.
    Call(Call),
    /// The attempt is over. One outcome per transmission, in the order given.
    Done(Vec<Outcome>),
}

impl Step {
    /// The attempt of a single transmission is over.
    pub fn done(outcome: Outcome) -> Self {
        Step::Done(vec![outcome])
    }
}

/// How often one attempt or poll may call before the shell ends it as a fault of the connector.
pub const CALLS_MAX: usize = 64;

/// An operation a connector can do.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// For example `picking.fulfil`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// How repeating it after a lost answer is safe.
    pub repeat: Repeat,
    /// How many transmissions one attempt may carry; 1 unless the system takes batches.
    pub batch_max: usize,
    /// What it takes: `crossdock check` compares mappings with it. [`Endpoint::check`] decides at run time, and may take
    /// more ways of writing a value than this says, never fewer fields.
    pub input: Shape,
    /// What an accepted one gives, as mappings under `then` see it.
    pub result: Shape,
}

/// What makes a second attempt harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The system honours the transmission's key, or the connector reads the state first.
    Safe,
    /// Nothing does: after a lost answer a person decides.
    Never,
}

/// A mistake in an operation's input, found before it is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFault {
    /// Path of the field, for example `lines[0].quantity`.
    pub path: String,
    pub message: String,
}

/// Where a poll stands, as the shell hands it to the connector.
#[derive(Clone, Debug, PartialEq)]
pub struct PollState<'a> {
    /// What the connector gave as `cursor` last time; `None` at the very first.
    pub cursor: Option<&'a str>,
    pub now: Timestamp,
    /// Everything that happened in this round.
    pub so_far: &'a [PollProgress],
}

/// One thing that happened in a round of polling.
#[derive(Clone, Debug, PartialEq)]
pub enum PollProgress {
    Exchanged(Exchange),
    /// What the connector delivered is on disk, cursor included; now it may acknowledge at the source.
    Committed,
}

/// What the shell should do next for a poll.
#[derive(Clone, Debug, PartialEq)]
pub enum PollStep {
    Call(Call),
    /// Accept these messages and move the cursor, then come back.
    Deliver {
        envelopes: Vec<Envelope>,
        cursor: Option<String>,
    },
    /// This round is over. `more` asks for the next at once.
    Rest {
        more: bool,
    },
    /// This round failed; the cursor stays.
    Failed {
        reason: String,
        unusable: bool,
    },
}

/// How a system is polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollPlan {
    /// Names its cursor.
    pub name: String,
    /// Pause between rounds, in milliseconds.
    pub every_ms: u64,
}

/// What to do next to see how a system stands, without changing anything in it.
#[derive(Clone, Debug, PartialEq)]
pub enum LookStep {
    /// Send this, which changes nothing there, and come back with the answer.
    Call(Call),
    /// Everything that can be seen was looked at.
    Done(Vec<Sight>),
}

/// One thing that was seen of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// What was looked at and how it stands: `may read sale.order`.
    pub what: String,
    /// What a person should do about it; `None` when it is as it should be.
    pub to_do: Option<String>,
}

impl Sight {
    /// As it should be.
    pub fn good(what: impl Into<String>) -> Self {
        Self { what: what.into(), to_do: None }
    }

    /// Not as it should be.
    pub fn bad(what: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { what: what.into(), to_do: Some(to_do.into()) }
    }
}

/// One configured system, seen through its connector.
pub trait Endpoint: Send + Sync + Debug {
    /// Verifies and takes apart a request. Verification is on the raw bytes and comes before any parsing.
    ///
    /// # Errors
    /// `Reject` for everything that is not to be believed or cannot be read.
    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        let _ = (request, now);
        Err(Reject { status: 404, code: "XD-1001", reason: "this system does not accept webhooks".into() })
    }

    /// What to answer once the request's messages are on disk.
    fn receipt(&self) -> Receipt {
        Receipt::default()
    }

    /// The operations it offers.
    fn operations(&self) -> &'static [Operation] {
        &[]
    }

    /// The kind of group in which transmissions of an operation contend: they change the same rows inside the system, so
    /// that sending several at once is slower than one after the other. Of each group one goes at a time, unless the
    /// system's limits say otherwise; which group it is, the flow says.
    fn contends(&self, operation: &str) -> Option<&'static str> {
        let _ = operation;
        None
    }

    /// Checks the input of an operation before it is owed.
    ///
    /// # Errors
    /// Every fault at once.
    fn check(&self, operation: &str, input: &Value) -> Result<(), Vec<InputFault>> {
        let _ = (operation, input);
        Ok(())
    }

    /// The next step of one attempt at these transmissions (one, unless the operation takes batches; all of the same
    /// operation). `so_far` holds this attempt's exchanges. `now` is for what must carry the time of sending, such as a
    /// signature; what a call means never depends on it. Deterministic.
    fn next(&self, transmissions: &[Transmission], so_far: &[Exchange], now: Timestamp) -> Step;

    /// The polls it needs.
    fn polls(&self) -> Vec<PollPlan> {
        Vec::new()
    }

    /// The next step of a round of the named poll. Deterministic.
    fn poll(&self, name: &str, state: &PollState<'_>) -> PollStep {
        let _ = (name, state);
        PollStep::Rest { more: false }
    }

    /// The next step of a look at the system itself: whether it can be reached, knows the hub and has what the hub needs.
    /// Nothing in it is changed. A connector that cannot see anything without changing something sees nothing.
    /// Deterministic.
    fn look(&self, so_far: &[Exchange]) -> LookStep {
        let _ = so_far;
        LookStep::Done(Vec::new())
    }
}
