//! Lists and figures.

use std::collections::BTreeMap;

use crossdock_core::event::EntityRef;
use crossdock_core::exception::{Exception, ExceptionClass, Severity};
use crossdock_core::ids::{MessageId, SystemName, TransmissionId};
use crossdock_core::loss::{self, KnownFields, Report};
use crossdock_core::message::{MessageState, Rejection, Removed, StoredMessage};
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_store::{ExceptionFilter, MessageFilter, Page, TransmissionFilter};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Desk, DeskError, Listing};

/// Rows a list returns at most.
pub const ROWS_MAX: usize = 500;

/// The state of the whole hub.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Overview {
    /// Its name.
    pub hub: String,
    /// The configuration it runs, by its hash.
    pub config: String,
    /// When this was true.
    pub at: Timestamp,
    /// By name.
    pub systems: Vec<SystemRow>,
    /// Events ever made.
    pub events: u64,
    /// Messages not yet routed.
    pub messages_waiting: u64,
    /// Messages whose mapping failed.
    pub messages_failed: u64,
    /// Owed or being sent.
    pub transmissions_open: u64,
    /// Held for something that has not happened yet.
    pub transmissions_held: u64,
    /// Waiting for a person.
    pub transmissions_paused: u64,
    /// Took effect.
    pub transmissions_done: u64,
    /// Problems nobody has solved yet.
    pub exceptions_open: u64,
    /// Requests turned away at the door.
    pub rejections: u64,
}

/// One system's figures.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SystemRow {
    /// As configured.
    pub name: SystemName,
    /// What speaks to it.
    pub connector: String,
    /// Its part in the business: `erp`, `warehouse` …
    pub domain: String,
    /// `internal` or `external`.
    pub zone: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// Why nothing is sent to it.
    pub paused: Option<String>,
    /// Since when nothing is sent to it.
    pub paused_since: Option<Timestamp>,
    /// `closed`, `open` or `probing`.
    pub breaker: String,
    /// By state.
    pub messages: BTreeMap<String, u64>,
    /// By state.
    pub transmissions: BTreeMap<String, u64>,
    /// When it was last heard of.
    pub last_message_at: Option<Timestamp>,
}

/// One message in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MessageRow {
    /// The message.
    pub id: MessageId,
    /// Where it came from.
    pub system: SystemName,
    /// Which of the system's channels it came by.
    pub channel: String,
    /// What makes it known when it comes again.
    pub dedup_key: String,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// Length of its body.
    pub body_bytes: usize,
    /// Its body was removed, for it had been kept long enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
    /// What became of it.
    #[serde(flatten)]
    pub state: MessageState,
}

/// One transmission in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TransmissionRow {
    /// The transmission; also its key at the system.
    pub id: TransmissionId,
    /// To whom it is owed.
    pub system: SystemName,
    /// What is to be done there.
    pub operation: String,
    /// The flow that owes it.
    pub flow: String,
    /// What it is about.
    pub about: EntityRef,
    /// What it keeps its order with.
    pub key: String,
    /// Where it stands.
    #[serde(flatten)]
    pub state: TransmissionState,
    /// Attempts begun since it was owed or resumed.
    pub attempts: u32,
    /// Since when it is owed.
    pub created_at: Timestamp,
    /// When it may go next.
    pub due_at: Timestamp,
    /// What the last attempt met.
    pub last_problem: Option<String>,
}

/// One exception in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExceptionRow {
    /// The exception.
    #[serde(flatten)]
    pub exception: Exception,
    /// How much it matters while nobody has looked: nothing stands still because of a low one.
    pub severity: Severity,
}

impl From<Exception> for ExceptionRow {
    fn from(exception: Exception) -> Self {
        Self { severity: exception.class.severity(), exception }
    }
}

/// Which exceptions to list; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionAsk {
    /// Only those that are open, or only those that are not.
    pub open: Option<bool>,
    /// What kind of problem it is.
    pub class: Option<ExceptionClass>,
    /// How much it matters.
    pub severity: Option<Severity>,
    /// The system it is about.
    pub system: Option<SystemName>,
    /// An entity it affects.
    pub entity: Option<EntityRef>,
}

impl ExceptionAsk {
    /// `None` when nothing can fit: no problem of the class has the severity.
    fn filter(&self) -> Option<ExceptionFilter> {
        let fits = |class: &ExceptionClass| {
            self.class.is_none_or(|wanted| wanted == *class)
                && self.severity.is_none_or(|wanted| wanted == class.severity())
        };
        let classes: Vec<_> = match (self.class, self.severity) {
            (None, None) => Vec::new(),
            _ => ExceptionClass::ALL.iter().copied().filter(fits).collect(),
        };
        let is_possible = !classes.is_empty() || (self.class.is_none() && self.severity.is_none());
        let (system, affects) = (self.system.clone(), self.entity.clone());
        is_possible.then_some(ExceptionFilter { open: self.open, classes, system, affects, transmission: None })
    }
}

/// One rejection in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RejectionRow {
    /// The rejection.
    #[serde(flatten)]
    pub rejection: Rejection,
}

impl From<&StoredMessage> for MessageRow {
    fn from(stored: &StoredMessage) -> Self {
        let message = &stored.message;
        Self {
            id: message.id,
            system: message.system.clone(),
            channel: message.channel.clone(),
            dedup_key: message.dedup_key.clone(),
            received_at: message.received_at,
            body_bytes: usize::try_from(stored.body_bytes()).unwrap_or(usize::MAX),
            removed: stored.removed.clone(),
            state: stored.state.clone(),
        }
    }
}

impl From<Transmission> for TransmissionRow {
    fn from(transmission: Transmission) -> Self {
        Self {
            id: transmission.id,
            system: transmission.system,
            operation: transmission.operation,
            flow: transmission.flow.to_string(),
            about: transmission.about,
            key: transmission.key.to_string(),
            state: transmission.state,
            attempts: transmission.attempts,
            created_at: transmission.created_at,
            due_at: transmission.due_at,
            last_problem: transmission.last_problem,
        }
    }
}

impl Desk {
    /// The state of the whole hub. Costs the same however long its history is.
    ///
    /// # Errors
    /// When the store cannot be read, or the hub is not running.
    pub fn overview(&self) -> Result<Overview, DeskError> {
        let live = self.live()?;
        let plan = &live.shell.plan;
        let counts = self.store.counts()?;
        let paused: BTreeMap<_, _> =
            self.store.system_states()?.into_iter().map(|state| (state.system.clone(), state)).collect();
        let mut systems = Vec::new();
        for (name, system) in &plan.systems {
            let figures = counts.systems.get(name).cloned().unwrap_or_default();
            let state = paused.get(name).filter(|state| state.paused.is_some());
            systems.push(SystemRow {
                name: name.clone(),
                connector: system.connector.clone(),
                domain: system.domain.clone(),
                zone: system.zone.clone(),
                owner: system.owner.clone(),
                paused: state.and_then(|state| state.paused.clone()),
                paused_since: state.map(|state| state.since),
                breaker: live.gauges.get(name).map_or("closed", |gauge| gauge.breaker()).to_owned(),
                messages: figures.messages,
                transmissions: figures.transmissions,
                last_message_at: figures.last_message_at,
            });
        }
        let messages = |state| counts.systems.values().filter_map(|system| system.messages.get(state)).sum();
        let transmissions =
            |state| counts.systems.values().filter_map(|system| system.transmissions.get(state)).sum::<u64>();
        Ok(Overview {
            hub: plan.hub.name.clone(),
            config: plan.hub.version.to_string(),
            at: live.shell.clock.now(),
            systems,
            events: counts.events,
            messages_waiting: messages("waiting"),
            messages_failed: messages("failed"),
            transmissions_open: transmissions("owed") + transmissions("sending"),
            transmissions_held: transmissions("held"),
            transmissions_paused: transmissions("paused"),
            transmissions_done: transmissions("done"),
            exceptions_open: counts.exceptions_open,
            rejections: counts.rejections,
        })
    }

    /// Messages that fit the filter, newest first, at most [`ROWS_MAX`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn messages(
        &self,
        filter: &MessageFilter,
        skip: usize,
        limit: usize,
    ) -> Result<Listing<MessageRow>, DeskError> {
        let rows = self.store.messages(filter, one_more(skip, limit))?;
        Ok(cut(rows.iter().map(MessageRow::from).collect(), limit))
    }

    /// Transmissions that fit the filter, newest first, at most [`ROWS_MAX`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn transmissions(
        &self,
        filter: &TransmissionFilter,
        skip: usize,
        limit: usize,
    ) -> Result<Listing<TransmissionRow>, DeskError> {
        let rows = self.store.transmissions(filter, one_more(skip, limit))?;
        Ok(cut(rows.into_iter().map(TransmissionRow::from).collect(), limit))
    }

    /// Exceptions that fit, newest first, at most [`ROWS_MAX`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn exceptions(
        &self,
        ask: &ExceptionAsk,
        skip: usize,
        limit: usize,
    ) -> Result<Listing<ExceptionRow>, DeskError> {
        let Some(filter) = ask.filter() else { return Ok(cut(Vec::new(), limit)) };
        let rows = self.store.exceptions(&filter, one_more(skip, limit))?;
        Ok(cut(rows.into_iter().map(ExceptionRow::from).collect(), limit))
    }

    /// What is lost between partners and the model, as traffic shows it.
    ///
    /// # Errors
    /// When the store cannot be read, or the hub is not running.
    pub fn mapping_report(&self) -> Result<Report, DeskError> {
        let hub = &self.live()?.shell.plan.hub;
        Ok(loss::report(hub, &KnownFields::new(), &self.store.traffic()?))
    }

    /// Requests that were turned away, newest first, at most [`ROWS_MAX`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rejections(&self, skip: usize, limit: usize) -> Result<Listing<RejectionRow>, DeskError> {
        let rows = self.store.rejections(one_more(skip, limit))?;
        Ok(cut(rows.into_iter().map(|rejection| RejectionRow { rejection }).collect(), limit))
    }
}

fn one_more(skip: usize, limit: usize) -> Page {
    Page { skip, limit: limit.min(ROWS_MAX) + 1 }
}

fn cut<T>(mut items: Vec<T>, limit: usize) -> Listing<T> {
    let limit = limit.min(ROWS_MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    Listing { items, more }
}
