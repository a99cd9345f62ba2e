//! Folding an event into the current state of its entity. State moves only forward along allowed moves (I6).

use crate::event::{Entity, Event};
use crate::value::{Map, Value};

use super::{EntityKind, EventType};

/// What an event made of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// As it is to be stored: one version on.
    pub entity: Entity,
    /// The event came too late to move the state.
    pub out_of_order: bool,
    /// It is the first of its type for this entity.
    pub first: bool,
}

/// Folds `event` into `entity` (`None` when it is the first). What happened later wins: fields of an event that is older
/// than what is known only fill gaps, whether or not it still moves the state.
pub fn fold(event_type: EventType, entity: Option<&Entity>, event: &Event) -> Folded {
    let kind = event_type.entity;
    let current = entity.map_or("", |entity| entity.status.as_str());
    let step = event_type.event.to.map_or(Move::None, |to| movement(kind, current, to));
    let older = entity.is_some_and(|entity| event.time < entity.updated_at);
    let out_of_order = match step {
        Move::Backward => true,
        Move::Around => older,
        Move::Forward | Move::None => false,
    };
    let data = merge(entity.map(|entity| &entity.data), &event.data, older);
    let status = match (event_type.event.to, step) {
        (Some(to), Move::Forward | Move::Around) if !out_of_order => to.to_owned(),
        _ => current.to_owned(),
    };
    let mut milestones = entity.map(|entity| entity.milestones.clone()).unwrap_or_default();
    let first = !milestones.contains_key(event_type.event.verb);
    let happened = milestones.entry(event_type.event.verb.to_owned()).or_insert(event.time);
    *happened = event.time.min(*happened);
    let entity = Entity {
        milestones,
        name: event.subject.clone(),
        version: entity.map_or(0, |entity| entity.version) + 1,
        status,
        data,
        updated_at: entity.map_or(event.time, |entity| entity.updated_at.max(event.time)),
        last_event: event.id,
        merge: entity.and_then(|entity| entity.merge.clone()),
    };
    Folded { entity, out_of_order, first }
}

enum Move {
    None,
    Forward,
    /// Both ways are allowed (a hold and its release): the later event wins.
    Around,
    Backward,
}

fn movement(kind: &EntityKind, from: &str, to: &str) -> Move {
    if from == to {
        return Move::None;
    }
    if from.is_empty() {
        return Move::Forward;
    }
    match (kind.leads(from, to), kind.leads(to, from)) {
        (true, false) => Move::Forward,
        (true, true) => Move::Around,
        (false, _) => Move::Backward,
    }
}

impl EntityKind {
    /// Whether a row of allowed moves leads from one state to another.
    pub fn leads(&self, from: &str, to: &str) -> bool {
        let mut seen = vec![from];
        let mut next = 0;
        while let Some(&state) = seen.get(next) {
            next += 1;
            for (_, target) in self.moves.iter().filter(|(source, _)| *source == state) {
                if *target == to {
                    return true;
                }
                if !seen.contains(target) {
                    seen.push(target);
                }
            }
        }
        false
    }
}

fn merge(known: Option<&Value>, news: &Value, fill_only: bool) -> Value {
    let (Some(known), Some(news)) = (known.and_then(Value::as_map), news.as_map()) else {
        return news.clone();
    };
    let mut merged: Map = known.clone();
    for (name, value) in news.iter() {
        let keep = fill_only && merged.get(name).is_some_and(|known| !known.is_null());
        if !keep && !value.is_null() {
            merged.insert(name, value.clone());
        }
    }
    Value::from(merged)
}
