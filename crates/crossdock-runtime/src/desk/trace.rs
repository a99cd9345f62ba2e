//! The story of an order, a shipment or a message: what came, what it became, what was sent, what was answered. Each
//! entry names its step on a message's way (1 to 10, as in ARCHITECTURE.md).
//!
//! Whatever of a story is asked for, the whole of it is told: from what was found up to the orders, from them down to
//! everything that speaks of them. It never goes through items, customers or places, which thousands of stories share.

mod facts;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use crossdock_core::event::{EntityRef, Event, Reference};
use crossdock_core::exception::Exception;
use crossdock_core::ids::{EventId, ExceptionId, MessageId, TransmissionId};
use crossdock_core::message::{MessageState, StoredMessage};
use crossdock_core::model::{EntityKind, links_of_entity};
use crossdock_core::routing::fingerprint;
use crossdock_core::source::nearest;
use crossdock_core::transmission::{Attempt, Transmission, TransmissionState};
use crossdock_core::value::Value;
use crossdock_store::{ExceptionFilter, Page};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Desk, DeskError};
pub use facts::{CallTold, Facts};

/// Events one story shows at most.
const EVENTS_MAX: usize = 500;
/// Events shown of what many stories share: an item, a customer, a place.
const SHARED_EVENTS_MAX: usize = 100;
/// Entities one story tells of at most.
const MEMBERS_MAX: usize = 200;
/// Entities one reference may stand for.
const FOUND_MAX: usize = 20;
/// Kinds from which a story leads up to its order.
const LEADS_UP: &[&str] = &["shipment", "proof_of_delivery", "invoice"];
/// Kinds that have stories of their own.
const TOLD: &[&str] = &["order", "shipment", "proof_of_delivery", "invoice", "stop"];
/// How far up an order can be: a proof speaks of a shipment, which speaks of an order.
const LEVELS_MAX: usize = 3;
/// References that `similar` suggests.
const SIMILAR_MAX: usize = 5;

/// A story.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Trace {
    /// What was asked for.
    pub reference: String,
    /// What it is about, as it stands.
    pub entities: Vec<EntityView>,
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// The story is longer than what is shown.
    pub cut: bool,
}

/// An entity as it stands.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EntityView {
    /// Kind and key.
    #[serde(flatten)]
    pub name: EntityRef,
    /// Its state; empty until an event sets one.
    pub status: String,
    /// How many events were folded into it.
    pub version: u64,
    /// When the latest of its events happened.
    pub updated_at: Timestamp,
    /// The event that made this version.
    pub last_event: EventId,
    /// When each type of event first happened to it, by the event's verb.
    pub milestones: BTreeMap<String, Timestamp>,
    /// The latest value of each field.
    pub data: Value,
    /// Other systems' ids of it.
    pub references: Vec<Reference>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Step on the message's way, 1 to 10.
    pub step: u8,
    /// `message`, `event`, `transmission`, `attempt` or `exception`.
    pub kind: &'static str,
    /// `ok`, `waiting` or `problem`.
    pub mood: &'static str,
    /// The system it came from, went to or is about.
    pub system: String,
    /// What happened, in one sentence.
    pub text: String,
    /// The same for programs.
    #[serde(flatten)]
    pub facts: Facts,
    /// The entity it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<EntityRef>,
    /// The message it is or came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The event it is or came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// The transmission it is or belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmission: Option<TransmissionId>,
}

/// What a story is told from.
#[derive(Default)]
struct Story {
    members: BTreeSet<EntityRef>,
    /// By their place in the log.
    events: BTreeMap<u64, Event>,
    messages: BTreeMap<MessageId, StoredMessage>,
    /// In the order in which they were owed.
    transmissions: Vec<(Transmission, Vec<Attempt>)>,
    exceptions: BTreeMap<ExceptionId, Exception>,
    cut: bool,
}

impl Desk {
    /// The story behind any reference: an order, shipment, tracking or invoice number, another system's id, `kind/key`,
    /// or the id of a message, event or transmission. `None` when nothing is known by it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn trace(&self, reference: &str) -> Result<Option<Trace>, DeskError> {
        let reference = reference.trim();
        let mut story = Story::default();
        let mut found = self.store.find(reference, FOUND_MAX)?;
        for name in &mut found {
            // A name that was merged answers with its survivor.
            if let Some(survivor) = self.lineage(name)?.pop() {
                *name = survivor.name;
            }
        }
        if let Some((kind, key)) = reference.split_once('/')
            && EntityKind::find(kind).is_some()
        {
            found.push(EntityRef::new(kind, key));
        }
        found.extend(self.named_by_id(reference, &mut story)?);
        if found.is_empty() {
            // It may be spoken of without being known itself: a shipment of an order that never came.
            found.extend(["order", "shipment"].map(|kind| EntityRef::new(kind, reference)));
        }
        for centre in self.centres(found)? {
            self.gather(centre, &mut story)?;
        }
        if story.events.is_empty() && story.messages.is_empty() {
            return Ok(None);
        }
        self.follow(&mut story)?;
        let entities = self.views(&story.members)?;
        let entries = tell::entries(&story);
        Ok(Some(Trace { reference: reference.to_owned(), entities, entries, cut: story.cut }))
    }

    /// What may have been meant by a reference under which nothing is known: entities with stories whose keys look
    /// like it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn similar(&self, reference: &str) -> Result<Vec<EntityRef>, DeskError> {
        let reference = reference.trim();
        let wanted = reference.rsplit_once('/').map_or(reference, |(_, key)| key);
        // Keys that begin alike stand together; the last two characters may be wrong.
        let stem: String = wanted.chars().take(wanted.chars().count().saturating_sub(2)).collect();
        let mut similar = BTreeSet::new();
        for kind in TOLD {
            for stem in BTreeSet::from([stem.clone(), stem.to_uppercase()]) {
                for entity in self.store.entities(kind, &stem, SHARED_EVENTS_MAX)? {
                    similar.extend(likeness(wanted, &entity.name.key).map(|likeness| (likeness, entity.name)));
                }
            }
        }
        Ok(similar.into_iter().map(|(_, name)| name).take(SIMILAR_MAX).collect())
    }

    /// Takes what carries this id into the story, and returns what it speaks of.
    fn named_by_id(&self, reference: &str, story: &mut Story) -> Result<Vec<EntityRef>, DeskError> {
        let Ok(id) = MessageId::from_str(reference) else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        let mut transmission = self.store.transmission(TransmissionId(id.0))?;
        if let Some(stored) = self.store.message(id)? {
            events.extend(self.store.events_of_message(id)?);
            if let Some(cause) = stored.message.cause {
                transmission = self.store.transmission(cause)?;
            }
            story.messages.insert(id, stored);
        }
        events.extend(self.store.event(EventId(id.0))?);
        if let Some(transmission) = &transmission {
            events.extend(self.store.event(transmission.event)?);
        }
        let mut named = Vec::new();
        for stored in events {
            // What many stories share is not told because one of its messages was asked for.
            if TOLD.contains(&stored.event.subject.kind.as_str()) {
                named.push(stored.event.subject.clone());
            }
            story.add(stored.position, stored.event);
        }
        Ok(named)
    }

    /// The orders that what was found belongs to; what belongs to none is its own centre.
    fn centres(&self, found: Vec<EntityRef>) -> Result<BTreeSet<EntityRef>, DeskError> {
        let mut centres = BTreeSet::new();
        for name in found {
            let mut level = BTreeSet::from([name]);
            for _ in 0..LEVELS_MAX {
                let (orders, rest): (BTreeSet<_>, BTreeSet<_>) =
                    level.into_iter().partition(|name| name.kind == "order");
                if !orders.is_empty() {
                    level = orders;
                    break;
                }
                let mut above = BTreeSet::new();
                for name in &rest {
                    above.extend(self.above(name)?);
                }
                level = rest;
                if above.is_empty() {
                    break;
                }
                level = above;
            }
            centres.extend(level);
        }
        Ok(centres)
    }

    /// The order or shipment an entity speaks of.
    fn above(&self, name: &EntityRef) -> Result<Vec<EntityRef>, DeskError> {
        if !LEADS_UP.contains(&name.kind.as_str()) {
            return Ok(Vec::new());
        }
        let kind = EntityKind::find(&name.kind);
        let (Some(kind), Some(entity)) = (kind, self.store.entity(name)?) else { return Ok(Vec::new()) };
        let links = links_of_entity(kind, &entity);
        let of = |kind: &str| links.iter().filter(|link| link.kind == kind).cloned().collect::<Vec<_>>();
        let orders = of("order");
        Ok(if orders.is_empty() { of("shipment") } else { orders })
    }

    /// Everything that speaks of a centre, and of what speaks of it.
    fn gather(&self, centre: EntityRef, story: &mut Story) -> Result<(), DeskError> {
        let is_shared = !TOLD.contains(&centre.kind.as_str());
        let limit = if is_shared { SHARED_EVENTS_MAX } else { EVENTS_MAX };
        let mut members = vec![centre];
        let mut next = 0;
        while let Some(member) = members.get(next).cloned() {
            next += 1;
            if story.events.len() >= EVENTS_MAX || story.members.len() >= MEMBERS_MAX {
                story.cut = true;
                return Ok(());
            }
            let mut events = self.store.events_of_entity(&member, limit + 1)?;
            story.cut |= events.len() > limit;
            events.truncate(limit);
            if let Some(entity) = self.store.entity(&member)? {
                members.extend(
                    entity.absorbed().iter().filter(|name| !members.contains(name)).cloned().collect::<Vec<_>>(),
                );
            }
            story.members.insert(member);
            for stored in events {
                let subject = &stored.event.subject;
                if !is_shared && LEADS_UP.contains(&subject.kind.as_str()) && !members.contains(subject) {
                    members.push(subject.clone());
                }
                story.add(stored.position, stored.event);
            }
        }
        Ok(())
    }

    /// Adds messages, transmissions, attempts and exceptions of the story's events.
    fn follow(&self, story: &mut Story) -> Result<(), DeskError> {
        let events: Vec<Event> = story.events.values().cloned().collect();
        for event in events {
            self.follow_message(event.message, story)?;
            for transmission in self.store.transmissions_of_event(event.id)? {
                let id = transmission.id;
                let filter = ExceptionFilter { transmission: Some(id), ..ExceptionFilter::default() };
                for exception in self.store.exceptions(&filter, Page::first(FOUND_MAX))? {
                    story.exceptions.insert(exception.id, exception);
                }
                if transmission.state == TransmissionState::Done {
                    self.follow_message(MessageId::of_result(id), story)?;
                }
                let attempts = self.store.attempts(id)?;
                story.transmissions.push((transmission, attempts));
            }
            if TOLD.contains(&event.subject.kind.as_str()) {
                story.members.insert(event.subject);
            }
        }
        let failed: Vec<MessageId> = story
            .messages
            .values()
            .filter(|stored| matches!(stored.state, MessageState::Failed { .. }))
            .map(|stored| stored.message.id)
            .collect();
        for id in failed {
            if let Some(exception) = self.store.open_exception(&fingerprint::message(id))? {
                story.exceptions.insert(exception.id, exception);
            }
        }
        Ok(())
    }

    fn follow_message(&self, id: MessageId, story: &mut Story) -> Result<(), DeskError> {
        if !story.messages.contains_key(&id)
            && let Some(stored) = self.store.message(id)?
        {
            story.messages.insert(id, stored);
        }
        Ok(())
    }

    fn views(&self, names: &BTreeSet<EntityRef>) -> Result<Vec<EntityView>, DeskError> {
        let mut views = Vec::new();
        for name in names {
            let Some(entity) = self.store.entity(name)? else { continue };
            views.push(self.view(entity)?);
        }
        let rank = |view: &EntityView| TOLD.iter().position(|kind| *kind == view.name.kind);
        views.sort_by_key(|view| rank(view).unwrap_or(TOLD.len()));
        Ok(views)
    }
}

/// How well a key fits what was asked for; the lower the better. `None` when it does not.
fn likeness(wanted: &str, key: &str) -> Option<u8> {
    let (wanted, key) = (wanted.to_lowercase(), key.to_lowercase());
    match () {
        () if wanted.is_empty() => None,
        () if key == wanted => Some(0),
        () if key.starts_with(&wanted) => Some(1),
        () => nearest(&wanted, [key.as_str()]).map(|_| 2),
    }
}

impl Story {
    fn add(&mut self, position: u64, event: Event) {
        self.events.insert(position, event);
    }
}
