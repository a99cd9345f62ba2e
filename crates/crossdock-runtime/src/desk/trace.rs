//! The story of a shipment, an order or a message: what came, what it became, what was sent, what was answered. Each
//! entry names its step on a message's way (1 to 10, as in ARCHITECTURE.md).

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use crossdock_core::event::{EntityRef, Event, Reference};
use crossdock_core::exception::ExceptionStatus;
use crossdock_core::ids::{EventId, MessageId, TransmissionId};
use crossdock_core::message::{MessageState, RESULT_CHANNEL, StoredMessage};
use crossdock_core::model::{EntityKind, links_of_entity};
use crossdock_core::transmission::{Attempt, Outcome, Transmission, TransmissionState};
use crossdock_core::value::Value;
use crossdock_store::{ExceptionFilter, Page};
use jiff::Timestamp;
use serde::Serialize;

use super::{Desk, DeskError};

/// Events one story shows at most.
const EVENTS_MAX: usize = 500;
/// Kinds whose stories belong together: an order's story tells of its shipments and the other way round.
const TOLD_TOGETHER: &[&str] = &["order", "shipment", "proof_of_delivery", "invoice", "stop"];

/// A story.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// What was asked for.
    pub reference: String,
    pub entities: Vec<EntityView>,
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// The story is longer than what is shown.
    pub cut: bool,
}

/// An entity as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct EntityView {
    #[serde(flatten)]
    pub name: EntityRef,
    pub status: String,
    pub version: u64,
    pub updated_at: Timestamp,
    pub data: Value,
    pub references: Vec<Reference>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    pub at: Timestamp,
    /// Step on the message's way, 1 to 10.
    pub step: u8,
    /// `message`, `event`, `transmission`, `attempt` or `exception`.
    pub kind: &'static str,
    /// `ok`, `waiting` or `problem`.
    pub mood: &'static str,
    pub system: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<EntityRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmission: Option<TransmissionId>,
}

impl Desk {
    /// The story behind any reference: an order, shipment or invoice number, another system's id, `kind/key`, or the
    /// id of a message, event or transmission. `None` when nothing is known by it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn trace(&self, reference: &str) -> Result<Option<Trace>, DeskError> {
        let reference = reference.trim();
        let mut story = Story::default();
        self.gather(reference, &mut story)?;
        if story.events.is_empty() && story.messages.is_empty() {
            return Ok(None);
        }
        self.follow(&mut story)?;
        let entities = self.views(&story.entities)?;
        let mut entries = story.tell();
        entries.sort_by_key(|entry| (entry.at, entry.step));
        Ok(Some(Trace { reference: reference.to_owned(), entities, entries, cut: story.cut }))
    }

    fn gather(&self, reference: &str, story: &mut Story) -> Result<(), DeskError> {
        let mut found = self.store.find(reference, 50)?;
        if let Some((kind, key)) = reference.split_once('/')
            && EntityKind::find(kind).is_some()
        {
            found.push(EntityRef::new(kind, key));
        }
        if let Ok(id) = MessageId::from_str(reference) {
            if let Some(stored) = self.store.message(id)? {
                story.messages.insert(id, stored);
                for stored in self.store.events_of_message(id)? {
                    story.add(stored.position, stored.event);
                }
            }
            let by_transmission = self.store.transmission(TransmissionId(id.0))?.map(|transmission| transmission.event);
            if let Some(stored) = self.store.event(by_transmission.unwrap_or(EventId(id.0)))? {
                found.extend(stored.event.links.first().cloned());
                story.add(stored.position, stored.event);
            }
        }
        for name in self.widen(found)? {
            let events = self.store.events_of_entity(&name, EVENTS_MAX)?;
            story.cut |= events.len() == EVENTS_MAX;
            if !events.is_empty() {
                story.entities.insert(name);
            }
            for stored in events {
                story.add(stored.position, stored.event);
            }
        }
        Ok(())
    }

    /// The entities found, and those they refer to whose stories belong together.
    fn widen(&self, mut names: Vec<EntityRef>) -> Result<BTreeSet<EntityRef>, DeskError> {
        let mut wide = BTreeSet::new();
        let mut next = 0;
        while let Some(name) = names.get(next).cloned() {
            next += 1;
            if !wide.insert(name.clone()) || wide.len() > 100 {
                continue;
            }
            let Some(entity) = self.store.entity(&name)? else { continue };
            let Some(kind) = EntityKind::find(&name.kind) else { continue };
            if TOLD_TOGETHER.contains(&kind.name) {
                let links = links_of_entity(kind, &entity);
                names.extend(links.into_iter().filter(|link| matches!(link.kind.as_str(), "order" | "shipment")));
            }
        }
        Ok(wide)
    }

    /// Adds messages, transmissions, attempts and exceptions of the story's events.
    fn follow(&self, story: &mut Story) -> Result<(), DeskError> {
        let events: Vec<Event> = story.events.values().cloned().collect();
        for event in events {
            if !story.messages.contains_key(&event.message)
                && let Some(stored) = self.store.message(event.message)?
            {
                story.messages.insert(event.message, stored);
            }
            for transmission in self.store.transmissions_of_event(event.id)? {
                let attempts = self.store.attempts(transmission.id)?;
                let filter = ExceptionFilter { transmission: Some(transmission.id), ..ExceptionFilter::default() };
                for exception in self.store.exceptions(&filter, Page::first(10))? {
                    story.exceptions.insert(exception.id, exception);
                }
                story.transmissions.push((transmission, attempts));
            }
            if TOLD_TOGETHER.contains(&event.subject.kind.as_str()) {
                story.entities.insert(event.subject.clone());
            }
        }
        Ok(())
    }

    fn views(&self, names: &BTreeSet<EntityRef>) -> Result<Vec<EntityView>, DeskError> {
        let mut views = Vec::new();
        for name in names {
            let Some(entity) = self.store.entity(name)? else { continue };
            views.push(EntityView {
                references: self.store.references(name)?,
                name: entity.name,
                status: entity.status,
                version: entity.version,
                updated_at: entity.updated_at,
                data: entity.data,
            });
        }
        Ok(views)
    }
}

#[derive(Default)]
struct Story {
    entities: BTreeSet<EntityRef>,
    /// By their place in the log.
    events: BTreeMap<u64, Event>,
    messages: BTreeMap<MessageId, StoredMessage>,
    transmissions: Vec<(Transmission, Vec<Attempt>)>,
    exceptions: BTreeMap<crossdock_core::ids::ExceptionId, crossdock_core::exception::Exception>,
    cut: bool,
}

impl Story {
    fn add(&mut self, position: u64, event: Event) {
        self.events.insert(position, event);
    }

    fn tell(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for stored in self.messages.values() {
            entries.push(of_message(stored));
        }
        for event in self.events.values() {
            entries.push(of_event(event));
        }
        for (transmission, attempts) in &self.transmissions {
            entries.push(of_owing(transmission));
            entries.extend(attempts.iter().map(|attempt| of_attempt(transmission, attempt)));
            entries.extend(of_standing(transmission));
        }
        for exception in self.exceptions.values() {
            entries.push(Entry {
                mood: if exception.status == ExceptionStatus::Open { "problem" } else { "ok" },
                transmission: exception.transmission,
                ..entry(exception.opened_at, 9, "exception", exception.system.as_ref(), {
                    let over = if exception.status == ExceptionStatus::Open { "" } else { " (resolved)" };
                    format!("exception {}{over}: {}", exception.class.word(), exception.summary)
                })
            });
        }
        entries
    }
}

fn entry(
    at: Timestamp,
    step: u8,
    kind: &'static str,
    system: Option<&crossdock_core::ids::SystemName>,
    text: String,
) -> Entry {
    Entry {
        at,
        step,
        kind,
        mood: "ok",
        system: system.map(ToString::to_string).unwrap_or_default(),
        text,
        about: None,
        message: None,
        event: None,
        transmission: None,
    }
}

fn of_message(stored: &StoredMessage) -> Entry {
    let message = &stored.message;
    let (mood, became) = match &stored.state {
        MessageState::Waiting => ("waiting", "waits to be routed".to_owned()),
        MessageState::Translated { events } => ("ok", format!("became {events} event{}", plural(*events as usize))),
        MessageState::Ignored { reason } => ("ok", format!("was not wanted: {reason}")),
        MessageState::Failed { .. } => ("problem", "could not be mapped; see the exception".to_owned()),
    };
    let text = match message.channel == RESULT_CHANNEL {
        true => format!("result of the transmission noted; it {became}"),
        false => format!(
            "received, verified and synced ({} bytes, channel `{}`, key {}); it {became}",
            message.body.len(),
            message.channel,
            message.dedup_key
        ),
    };
    let step = if message.channel == RESULT_CHANNEL { 10 } else { 4 };
    Entry {
        mood,
        message: Some(message.id),
        ..entry(message.received_at, if step == 4 { 1 } else { step }, "message", Some(&message.system), text)
    }
}

fn of_event(event: &Event) -> Entry {
    let late = if event.out_of_order { ", too late to move its state" } else { "" };
    Entry {
        about: Some(event.subject.clone()),
        event: Some(event.id),
        message: Some(event.message),
        ..entry(
            event.recorded_at,
            5,
            "event",
            Some(&event.system),
            format!("{} for {} (happened {}{late})", event.event_type, event.subject, event.time),
        )
    }
}

fn of_owing(transmission: &Transmission) -> Entry {
    Entry {
        about: Some(transmission.about.clone()),
        event: Some(transmission.event),
        transmission: Some(transmission.id),
        ..entry(
            transmission.created_at,
            6,
            "transmission",
            Some(&transmission.system),
            format!(
                "{} is owed to {} for {} (flow {}, in order with {})",
                transmission.operation, transmission.system, transmission.about, transmission.flow, transmission.key
            ),
        )
    }
}

fn of_attempt(transmission: &Transmission, attempt: &Attempt) -> Entry {
    let took = attempt.ended_at.duration_since(attempt.started_at);
    let calls = attempt.exchanges.len();
    let (mood, end) = match &attempt.outcome {
        Outcome::Accepted { result } if result.is_null() => ("ok", "accepted".to_owned()),
        Outcome::Accepted { result } => ("ok", format!("accepted: {}", short(&result.to_json_string()))),
        Outcome::Retry { reason, .. } => ("waiting", format!("did not take effect, is tried again: {reason}")),
        Outcome::Refused { reason } => ("problem", format!("refused: {reason}")),
        Outcome::Unusable { reason } => ("problem", format!("the system cannot be used: {reason}")),
        Outcome::Unknown { reason } => ("waiting", format!("outcome not known: {reason}")),
    };
    Entry {
        mood,
        about: Some(transmission.about.clone()),
        transmission: Some(transmission.id),
        ..entry(
            attempt.ended_at,
            8,
            "attempt",
            Some(&transmission.system),
            format!(
                "attempt {} at {}: {calls} call{} in {} ms, {end}",
                attempt.number,
                transmission.operation,
                plural(calls),
                took.as_millis()
            ),
        )
    }
}

/// Where an unfinished transmission stands now.
fn of_standing(transmission: &Transmission) -> Option<Entry> {
    let (mood, text) = match &transmission.state {
        TransmissionState::Done => return None,
        TransmissionState::Held { after } => {
            let flows: Vec<&str> = after.iter().map(|flow| flow.as_str()).collect();
            ("waiting", format!("{} is held until {} is done", transmission.operation, flows.join(", ")))
        }
        TransmissionState::Owed => ("waiting", format!("{} is due {}", transmission.operation, transmission.due_at)),
        TransmissionState::Sending => ("waiting", format!("{} is being sent", transmission.operation)),
        TransmissionState::Paused { reason } => ("problem", format!("{} is paused: {reason}", transmission.operation)),
        TransmissionState::Cancelled => ("problem", format!("{} was cancelled", transmission.operation)),
    };
    Some(Entry {
        mood,
        about: Some(transmission.about.clone()),
        transmission: Some(transmission.id),
        ..entry(transmission.due_at.max(transmission.created_at), 9, "transmission", Some(&transmission.system), text)
    })
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
