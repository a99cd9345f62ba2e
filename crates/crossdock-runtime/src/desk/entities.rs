//! Entities: one, lists of them, and how one came to be what it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crossdock_core::event::{Entity, EntityRef};
use crossdock_core::ids::{EventId, FlowName, MessageId, SystemName};
use crossdock_core::model::{self, ENTITIES, EntityKind, Refold};
use crossdock_core::routing::Wanted;
use crossdock_core::source::nearest;
use crossdock_core::value::Value;
use crossdock_store::{EntityFilter, EntityMark};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::overview::ROWS_MAX;
use super::trace::EntityView;
use super::{Desk, DeskError};

/// Entities that one reference may stand for.
const FOUND_MAX: usize = 100;
/// Events of one entity that are folded for its history at most.
const FOLDED_MAX: usize = 10_000;
/// Events read at once.
const PART: usize = 500;

/// Which entities to list; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityAsk {
    /// Singular: `shipment`.
    pub kind: String,
    /// One of the states of its kind.
    pub status: Option<String>,
    /// The latest of its events happened at this instant or later.
    pub updated_since: Option<Timestamp>,
    /// The latest of its events happened before this instant.
    pub updated_until: Option<Timestamp>,
    /// A system that knows it under an id of its own.
    pub system: Option<SystemName>,
    /// Another entity that it speaks of.
    pub link: Option<EntityRef>,
    /// Entities on a page at most.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A page of a list of entities.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EntityListing {
    /// The entities of this page.
    pub items: Vec<EntityView>,
    /// The cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// The history of an entity, a page of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct History {
    /// Whose.
    pub entity: EntityRef,
    /// Oldest first: in the order in which the hub learnt of it.
    pub items: Vec<HistoryItem>,
    /// The cursor of the next page; null on the last one.
    pub next: Option<String>,
    /// The entity has more events than a history tells.
    pub cut: bool,
}

/// What one event did to its entity.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HistoryItem {
    /// The version of the entity that its own events so far make; merging with another is not counted. Null when this program does not know the event's type any more.
    pub version: Option<u64>,
    /// The event.
    pub event: EventId,
    /// Its type.
    pub r#type: String,
    /// When it happened in the world.
    pub time: Timestamp,
    /// When the hub learnt of it.
    pub recorded_at: Timestamp,
    /// The message it was made of.
    pub message: MessageId,
    /// The flow that made it.
    pub flow: FlowName,
    /// The system that said so.
    pub system: SystemName,
    /// How the state moved; null when it stayed.
    pub status: Option<Moved>,
    /// It came too late to move the state.
    pub out_of_order: bool,
    /// Nothing of it counts: another system is the one to say so, or it only reports what the hub wrote itself.
    pub no_effect: bool,
    /// The fields that changed.
    pub changes: Vec<FieldChange>,
    /// The fields it spoke of that kept another value.
    pub not_applied: Vec<FieldKept>,
}

/// A state and the one after it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Moved {
    /// Empty when there was none.
    pub from: String,
    /// One of the states of its kind.
    pub to: String,
}

/// One field before and after.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldChange {
    /// JSON Pointer (RFC 6901) into the entity's `data`.
    pub pointer: String,
    /// Null when it was not known.
    pub from: Value,
    /// Null when it is gone.
    pub to: Value,
}

/// One field that an event did not change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldKept {
    /// JSON Pointer (RFC 6901) into the entity's `data`.
    pub pointer: String,
    /// What the event says.
    pub said: Value,
    /// What is known, and stays.
    pub kept: Value,
}

/// A place in a list of entities, with what the list was asked for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    kind: String,
    status: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    system: Option<SystemName>,
    link: Option<EntityRef>,
    at: Option<Timestamp>,
    key: String,
}

/// A place in a history.
#[derive(Debug, Serialize, Deserialize)]
struct HistoryCursor {
    entity: EntityRef,
    after: u64,
}

impl Desk {
    /// An entity as it stands; `None` when nothing is known of it.
    ///
    /// # Errors
    /// When there is no such kind, or the store cannot be read.
    pub fn entity(&self, name: &EntityRef) -> Result<Option<EntityView>, DeskError> {
        kind(&name.kind)?;
        self.store.entity(name)?.map(|entity| self.view(entity)).transpose()
    }

    /// The entities that are known by a reference: `system:kind:value` is one system's id of one kind; anything else is
    /// a key or any system's id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn known_as(&self, reference: &str) -> Result<Vec<EntityView>, DeskError> {
        let mut names = Vec::new();
        if let [system, kind, value] = reference.splitn(3, ':').collect::<Vec<_>>()[..] {
            let system = SystemName::from(system);
            for entity in ENTITIES {
                let wanted = Wanted { entity: entity.name, system: &system, kind, value };
                names.extend(self.store.referenced(&wanted, FOUND_MAX)?);
            }
            names.truncate(FOUND_MAX);
        }
        if names.is_empty() {
            names = self.store.find(reference, FOUND_MAX)?;
        }
        names.dedup();
        let mut views = Vec::new();
        for name in names {
            if let Some(entity) = self.store.entity(&name)? {
                views.push(self.view(entity)?);
            }
        }
        Ok(views)
    }

    /// A page of the entities that fit, at most [`ROWS_MAX`]. With `system` or `link` by key, otherwise by the time of
    /// their latest event and then by key.
    ///
    /// # Errors
    /// When the kind, the state or the cursor is none, or the store cannot be read.
    pub fn entities(&self, ask: &EntityAsk) -> Result<EntityListing, DeskError> {
        let kind = kind(&ask.kind)?;
        if let Some(status) = ask.status.as_deref().filter(|status| !kind.states.contains(status)) {
            let states = kind.states.join(", ");
            return Err(DeskError::Invalid(format!("`status` of a {} is one of {states}, not `{status}`", kind.name)));
        }
        let after = ask.cursor.as_deref().map(|cursor| ask.mark(cursor)).transpose()?;
        let filter = EntityFilter {
            kind: ask.kind.clone(),
            status: ask.status.clone(),
            updated_since: ask.updated_since,
            updated_until: ask.updated_until,
            system: ask.system.clone(),
            link: ask.link.clone(),
        };
        let page = self.store.entity_page(&filter, after.as_ref(), ask.limit.clamp(1, ROWS_MAX))?;
        let items = page.entities.into_iter().map(|entity| self.view(entity)).collect::<Result<_, _>>()?;
        Ok(EntityListing { items, next: page.next.map(|mark| ask.cursor_at(mark)) })
    }

    /// What each event of an entity changed, at most [`ROWS_MAX`] events; `None` when nothing is known of it.
    ///
    /// # Errors
    /// When the kind or the cursor is none, or the store cannot be read.
    pub fn history(&self, name: &EntityRef, cursor: Option<&str>, limit: usize) -> Result<Option<History>, DeskError> {
        kind(&name.kind)?;
        let begin = match cursor.map(decoded::<HistoryCursor>) {
            None => 0,
            Some(Some(cursor)) if cursor.entity == *name => cursor.after,
            Some(_) => return Err(foreign_cursor()),
        };
        let limit = limit.clamp(1, ROWS_MAX);
        let mut refold = Refold::default();
        let mut history = History { entity: name.clone(), items: Vec::new(), next: None, cut: false };
        let (mut after, mut folded) = (0, 0);
        'all: loop {
            let part = self.store.events_about(name, after, PART)?;
            let is_last = part.len() < PART;
            for stored in part {
                if history.items.len() == limit {
                    history.next = Some(encoded(&HistoryCursor { entity: name.clone(), after }));
                    break 'all;
                }
                if folded == FOLDED_MAX {
                    history.cut = true;
                    break 'all;
                }
                folded += 1;
                let step = refold.step(&stored);
                after = stored.position;
                if after > begin {
                    history.items.push(HistoryItem::new(stored.event, step));
                }
            }
            if is_last {
                break;
            }
        }
        Ok((folded > 0).then_some(history))
    }

    /// With other systems' ids of it.
    pub(super) fn view(&self, entity: Entity) -> Result<EntityView, DeskError> {
        Ok(EntityView {
            references: self.store.references(&entity.name)?,
            name: entity.name,
            status: entity.status,
            version: entity.version,
            updated_at: entity.updated_at,
            last_event: entity.last_event,
            milestones: entity.milestones,
            data: entity.data,
        })
    }
}

impl HistoryItem {
    fn new(event: crossdock_core::event::Event, step: Option<model::HistoryStep>) -> Self {
        let mut item = Self {
            version: None,
            event: event.id,
            r#type: event.event_type,
            time: event.time,
            recorded_at: event.recorded_at,
            message: event.message,
            flow: event.flow,
            system: event.system,
            status: None,
            out_of_order: event.out_of_order,
            no_effect: false,
            changes: Vec::new(),
            not_applied: Vec::new(),
        };
        let Some(step) = step else { return item };
        item.version = Some(step.version);
        item.out_of_order |= step.out_of_order;
        item.no_effect = step.no_effect;
        item.status = (step.status_before != step.status_after)
            .then_some(Moved { from: step.status_before, to: step.status_after });
        let change = |it: model::FieldChange| FieldChange { pointer: it.pointer, from: it.from, to: it.to };
        item.changes = step.changes.into_iter().map(change).collect();
        let kept = |it: model::FieldKept| FieldKept { pointer: it.pointer, said: it.said, kept: it.kept };
        item.not_applied = step.not_applied.into_iter().map(kept).collect();
        item
    }
}

impl EntityAsk {
    fn cursor_at(&self, mark: EntityMark) -> String {
        encoded(&self.cursor(mark.updated_at, mark.key))
    }

    fn cursor(&self, at: Option<Timestamp>, key: String) -> Cursor {
        Cursor {
            kind: self.kind.clone(),
            status: self.status.clone(),
            since: self.updated_since,
            until: self.updated_until,
            system: self.system.clone(),
            link: self.link.clone(),
            at,
            key,
        }
    }

    /// The place that a cursor of this very list stands for.
    fn mark(&self, cursor: &str) -> Result<EntityMark, DeskError> {
        let cursor: Cursor = decoded(cursor).ok_or_else(foreign_cursor)?;
        if self.cursor(cursor.at, cursor.key.clone()) != cursor {
            return Err(foreign_cursor());
        }
        Ok(EntityMark { updated_at: cursor.at, key: cursor.key })
    }
}

fn foreign_cursor() -> DeskError {
    DeskError::Invalid("`cursor` is not one of this list: ask with the filters it was given for, or without it".into())
}

fn encoded<T: Serialize>(cursor: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn decoded<T: for<'de> Deserialize<'de>>(cursor: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

/// The kind of this name.
pub(super) fn kind(name: &str) -> Result<&'static EntityKind, DeskError> {
    EntityKind::find(name).ok_or_else(|| {
        let near = nearest(name, ENTITIES.iter().map(|kind| kind.name));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        DeskError::Unknown(format!("there is no kind of entity `{name}`{hint}"))
    })
}
