//! What an entry of a story says, as fields. A field that says nothing about an entry is left out.

use crossdock_core::exception::{ExceptionClass, Severity};
use crossdock_core::exchange::Exchange;
use crossdock_core::ids::{ExceptionId, FlowName};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// What happened, for programs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Facts {
    /// How it ended or stands. Of a message `waiting`, `translated`, `ignored` or `failed`. Of an event `applied`, `late`,
    /// `retracted`, `echo`, `withheld` (in part) or `refused`. Of a transmission `created` for that it is owed since then,
    /// else how it stands: `held`, `owed`, `sending`, `paused` or `cancelled`. Of an attempt `called` for what was asked
    /// in it, else `accepted`, `retry`, `refused`, `unusable` or `unknown`. Of an exception `open` or `resolved`.
    pub outcome: &'static str,
    /// Why it ended or stands so; of an exception its summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The flow that owes the transmission or made the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowName>,
    /// What is to be done at the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What the transmission keeps its order with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<String>,
    /// When the transmission may go next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The flows that a held transmission waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<FlowName>,
    /// The number of the attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// This entry stands for so many further attempts that ended the same way; `attempt` is the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u64>,
    /// What was asked of the system in the attempt, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallTold>,
    /// Calls of the attempt that are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_left_out: Option<u64>,
    /// How long the attempt took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// What the system gave back, as JSON, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The type of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// When the event happened in the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Timestamp>,
    /// The fields of the event that were not applied, because another system has the say about them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
    /// The channel the message came by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What makes the message known when it comes again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup_key: Option<String>,
    /// Length of the message's body, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// How many events the message became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// The exception it is or led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionId>,
    /// The class of the exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ExceptionClass>,
    /// How much the exception matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Whose the exception is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When the exception was resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

/// One call to a system, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CallTold {
    /// `GET`, `POST` …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the answer; left out when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl CallTold {
    /// The call as it may be shown: a query can hold a secret.
    pub(super) fn of(exchange: &Exchange) -> Self {
        let url = exchange.call.url.split(['?', '#']).next().unwrap_or_default();
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
        let (status, fault) = match &exchange.result {
            Ok(answer) => (Some(answer.status), None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        Self { method: exchange.call.method.as_str().to_owned(), path: path.to_owned(), status, fault }
    }

    /// `POST /json/2/call → 200`.
    pub(super) fn text(&self) -> String {
        let end = self.status.map(|status| status.to_string()).or_else(|| self.fault.clone()).unwrap_or_default();
        format!("{} {} → {end}", self.method, self.path)
    }
}
