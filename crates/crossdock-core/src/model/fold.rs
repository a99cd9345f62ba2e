//! Folding events into the current state of their entity. The result does not depend on the order in which events
//! arrive, nor on how often one arrives (I6):
//!
//! - The state is the one that stands highest among all that were reported; see `precedence`.
//! - Every field is what the event that happened last told of it. An estimate counts from when it was made. Of two that
//!   happened at the same instant, the event that stands later in the entity's table wins, then the greater value.
//! - An event that is retracted has no effect, whether the retraction comes after or before it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Entity, Event};
use crate::ids::EventId;
use crate::value::{Map, Value};

use super::told::{Retraction, Telling, Told};
use super::{EntityKind, EventType, Field, check};

/// What an event made of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// As it is to be stored: one version on when something changed.
    pub entity: Entity,
    /// The event came too late to move the state.
    pub out_of_order: bool,
    /// It is the first of its type for this entity.
    pub first: bool,
    /// It had been retracted before it came, and has no effect.
    pub retracted: bool,
    /// The entity is another than before.
    pub changed: bool,
}

/// Folds `event` into `entity` (`None` when it is the first).
///
/// A retraction takes effects back, for which the entity's other events are needed: see [`needs_refold`].
pub fn fold(event_type: EventType, entity: Option<Entity>, event: &Event) -> Folded {
    let is_void =
        entity.as_ref().is_some_and(|entity| entity.told.retracted.iter().any(|retraction| retraction.hits(event)));
    fold_one(event_type, entity, event, is_void)
}

fn fold_one(event_type: EventType, entity: Option<Entity>, event: &Event, is_void: bool) -> Folded {
    let mut entity = entity.unwrap_or_else(|| blank(event));
    let mut folding = Folding { kind: event_type.entity, changed: entity.version == 0, entity: &mut entity };
    let (mut out_of_order, mut first) = (false, false);
    if !is_void {
        if let Some(retraction) = Retraction::of(event) {
            folding.remember(retraction);
        }
        first = folding.milestone(event_type.event.verb, event.time);
        out_of_order = event_type.event.to.is_some_and(|to| folding.move_to(to, event.time));
        folding.tell(event_type, event);
    }
    folding.date(event);
    let changed = folding.changed;
    entity.version += u64::from(changed);
    Folded { entity, out_of_order, first, retracted: is_void, changed }
}

/// Whether an event changes what earlier ones did, so that [`refold`] has to be asked instead of [`fold`].
pub fn needs_refold(event: &Event) -> bool {
    Retraction::of(event).is_some()
}

/// The entity that these events make, in whatever order they are given: those that are retracted have no effect. `None`
/// without events. Its version is how many events changed it.
pub fn refold<'e>(kind: &'static EntityKind, events: impl IntoIterator<Item = &'e Event>) -> Option<Entity> {
    let counts = |event: &&Event| !event.standing.refused && !event.standing.echo;
    let events: Vec<&Event> = events.into_iter().filter(counts).collect();
    let standing = standing_retractions(&events);
    let mut entity = None;
    let mut acted = Vec::new();
    for event in events {
        let Some(event_type) = EventType::find(&event.event_type).filter(|of| std::ptr::eq(of.entity, kind)) else {
            continue;
        };
        let is_void = standing.iter().any(|retraction| retraction.hits(event));
        entity = Some(fold_one(event_type, entity, event, is_void).entity);
        if is_void && event.standing.has_effect() {
            acted.push(event_type.event.verb.to_owned());
        }
    }
    let mut entity: Entity = entity?;
    acted.sort_unstable();
    acted.dedup();
    entity.told.acted = acted;
    Some(entity)
}

/// The retractions that are not retracted themselves. A retraction is undone only by a later one, so going from the
/// latest down each is decided when it is met.
fn standing_retractions(events: &[&Event]) -> Vec<Retraction> {
    let mut declared: Vec<(Retraction, &Event)> =
        events.iter().filter_map(|event| Some((Retraction::of(event)?, *event))).collect();
    declared.sort_by(|(one, _), (other, _)| other.cmp(one));
    let mut standing: Vec<Retraction> = Vec::new();
    for (retraction, event) in declared {
        if !standing.iter().any(|later| later.hits(event)) {
            standing.push(retraction);
        }
    }
    standing
}

fn blank(event: &Event) -> Entity {
    Entity {
        name: event.subject.clone(),
        version: 0,
        status: String::new(),
        data: Value::from(Map::new()),
        milestones: BTreeMap::new(),
        updated_at: event.time,
        last_event: event.id,
        merge: None,
        told: Told::default(),
    }
}

/// An entity while one event is folded into it.
struct Folding<'e> {
    kind: &'static EntityKind,
    entity: &'e mut Entity,
    changed: bool,
}

const ATTRIBUTES: &str = "attributes";

impl Folding<'_> {
    fn remember(&mut self, retraction: Retraction) {
        let known = &mut self.entity.told.retracted;
        if let Err(place) = known.binary_search(&retraction) {
            known.insert(place, retraction);
            self.changed = true;
        }
    }

    /// Notes when a type of event first happened. Says whether it is the first that is known.
    fn milestone(&mut self, verb: &str, at: Timestamp) -> bool {
        match self.entity.milestones.get_mut(verb) {
            Some(known) if *known <= at => false,
            Some(known) => {
                *known = at;
                self.changed = true;
                false
            }
            None => {
                self.entity.milestones.insert(verb.to_owned(), at);
                self.changed = true;
                !self.entity.told.acted.iter().any(|acted| acted == verb)
            }
        }
    }

    /// Moves the state when the reported one stands higher. Says whether it came too late to do so.
    fn move_to(&mut self, to: &'static str, at: Timestamp) -> bool {
        let reached = self.entity.told.status_at.unwrap_or(self.entity.updated_at);
        let known = self.kind.standing(&self.entity.status, reached);
        if self.kind.standing(to, at) <= known {
            return self.entity.status != to;
        }
        if self.entity.status != to {
            to.clone_into(&mut self.entity.status);
        }
        self.entity.told.status_at = Some(at);
        self.changed = true;
        false
    }

    fn tell(&mut self, event_type: EventType, event: &Event) {
        let Some(news) = event.data.as_map() else { return };
        self.adopt_untold();
        let verb = event_type.event.verb;
        let rank = rank_of(self.kind, verb);
        for (name, value) in news.entries() {
            let field = self.kind.field(name);
            if value.is_null() || field.is_some_and(|field| field.of_event) {
                continue;
            }
            let at = field.and_then(|field| made_at(field, value)).unwrap_or(event.time);
            let telling = New { at, rank, verb, event: event.id };
            match (&**name, value) {
                (ATTRIBUTES, Value::Map(attributes)) => self.tell_attributes(attributes, &telling),
                _ => {
                    if self.wins(name, name, None, value, &telling) {
                        self.data_mut(|data| data.insert(name.clone(), value.clone()));
                    }
                }
            }
        }
        self.entity.told.by.retain(|telling| !telling.fields.is_empty());
    }

    /// Attributes of several partners live side by side, so each is told for itself.
    fn tell_attributes(&mut self, attributes: &Map, telling: &New<'_>) {
        for (key, value) in attributes.entries() {
            if value.is_null() {
                continue;
            }
            let name: Arc<str> = format!("{ATTRIBUTES}/{key}").into();
            if !self.wins(&name, key, Some(ATTRIBUTES), value, telling) {
                continue;
            }
            self.data_mut(|data| match data.get_mut(ATTRIBUTES).and_then(Value::as_map_mut) {
                Some(known) => known.insert(key.clone(), value.clone()),
                None => data.insert(ATTRIBUTES, Value::map([(key.clone(), value.clone())])),
            });
        }
    }

    fn data_mut(&mut self, change: impl FnOnce(&mut Map) -> Option<Value>) {
        if let Some(data) = self.entity.data.as_map_mut() {
            change(data);
        }
    }

    /// Whether a new value of a field replaces the known one. Notes who told it then.
    fn wins(&mut self, name: &Arc<str>, key: &str, within: Option<&str>, value: &Value, new: &New<'_>) -> bool {
        let known = match within {
            Some(outer) => self.entity.data.get(outer).and_then(|outer| outer.get(key)),
            None => self.entity.data.get(key),
        };
        let place = self.entity.told.by.iter().enumerate().find_map(|(n, telling)| {
            let field = telling.fields.binary_search_by(|field| (**field).cmp(&**name)).ok()?;
            Some((n, field))
        });
        let Some((known, (n, field))) = known.zip(place) else {
            self.note(name, new);
            return true;
        };
        let telling = &self.entity.told.by[n];
        let order = new.at.cmp(&telling.at).then_with(|| new.rank.cmp(&rank_of(self.kind, &telling.verb)));
        let (is_newer, is_other) = match order.then_with(|| tie(value, known)) {
            Ordering::Less => (false, false),
            Ordering::Greater => (true, true),
            // The same was told twice at once: the lesser id is remembered.
            Ordering::Equal => (new.event < telling.event, false),
        };
        if is_newer {
            let name = self.entity.told.by[n].fields.remove(field);
            self.note(&name, new);
        }
        is_newer && is_other
    }

    fn note(&mut self, name: &Arc<str>, new: &New<'_>) {
        self.changed = true;
        let by = &mut self.entity.told.by;
        let rank = |verb: &str| rank_of(self.kind, verb);
        let place = by.binary_search_by(|known| (known.at, rank(&known.verb), known.event).cmp(&new.order()));
        let place = place.unwrap_or_else(|place| {
            let telling = Telling { at: new.at, verb: new.verb.to_owned(), event: new.event, fields: Vec::new() };
            by.insert(place, telling);
            place
        });
        let fields = &mut by[place].fields;
        if let Err(n) = fields.binary_search(name) {
            fields.insert(n, name.clone());
        }
    }

    /// Entities of before this was remembered: what they hold counts as told by their last event.
    fn adopt_untold(&mut self) {
        let Some(data) = self.entity.data.as_map().filter(|data| !data.is_empty()) else { return };
        if !self.entity.told.by.is_empty() {
            return;
        }
        let mut fields = Vec::with_capacity(data.len());
        for (name, value) in data.entries() {
            match (&**name, value) {
                (ATTRIBUTES, Value::Map(inner)) => {
                    fields.extend(inner.keys().map(|key| Arc::from(format!("{ATTRIBUTES}/{key}"))));
                }
                _ => fields.push(name.clone()),
            }
        }
        fields.sort_unstable();
        let telling =
            Telling { at: self.entity.updated_at, verb: String::new(), event: self.entity.last_event, fields };
        self.entity.told.by.push(telling);
    }

    fn date(&mut self, event: &Event) {
        if (event.time, event.id) > (self.entity.updated_at, self.entity.last_event) {
            self.entity.updated_at = event.time;
            self.entity.last_event = event.id;
            self.changed = true;
        }
    }
}

/// A telling that is being folded in.
struct New<'v> {
    at: Timestamp,
    rank: Option<usize>,
    verb: &'v str,
    event: EventId,
}

impl New<'_> {
    fn order(&self) -> (Timestamp, Option<usize>, EventId) {
        (self.at, self.rank, self.event)
    }
}

/// The place of an event in its entity's table.
fn rank_of(kind: &EntityKind, verb: &str) -> Option<usize> {
    kind.events.iter().position(|event| event.verb == verb)
}

/// When an estimate says that it was made.
fn made_at(field: &Field, value: &Value) -> Option<Timestamp> {
    check::instant(value.get(field.dated_by?)?)
}

/// Which of two values told at the same instant by the same kind of event stands: any rule serves that does not ask
/// which came first.
fn tie(one: &Value, other: &Value) -> Ordering {
    one.to_json_string().cmp(&other.to_json_string())
}
