//! Merging entities that were found to be the same, and splitting them again. The merged one keeps its record, its
//! references and its events; it only points to the survivor, which answers in its place. So a merge costs the same
//! however long the histories are, and a split gives back exactly what there was, with what came since.
//!
//! At the merge the survivor's own values win and its gaps are filled; what is said later counts under either name.

use crate::event::{Entity, EntityRef, Event, Merge};
use crate::model::{self, EntityKind, EventType};
use crate::value::{Map, Value};

/// What an event made of the entity it names and of those that one was merged into.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedLine {
    /// Those that are other than before, one version on.
    pub entities: Vec<Entity>,
    /// For the one that answers.
    pub out_of_order: bool,
    /// For the one that answers.
    pub first: bool,
    /// It had been retracted before it came, and has no effect.
    pub retracted: bool,
}

/// Lets an event speak of the survivor. The name it used is kept, and is found by.
pub fn rename(of: EventType, survivor: &Entity, event: &mut Event) {
    let named = std::mem::replace(&mut event.subject, survivor.name.clone());
    event.data = with_key(of.entity, &survivor.name, survivor, event.data.clone());
    event.links.retain(|link| *link != survivor.name);
    event.links.insert(0, survivor.name.clone());
    if !event.links.contains(&named) {
        event.links.push(named.clone());
    }
    event.standing.named = Some(named);
}

/// Folds an event into the entity it names and into those that one was merged into, the last of which answers. `line` is
/// empty when nothing is known of it.
pub fn fold_line(of: EventType, line: Vec<Entity>, event: &Event) -> FoldedLine {
    if is_plain(&line) {
        let folded = model::fold(of, line.into_iter().next(), event);
        return FoldedLine {
            entities: if folded.changed { vec![folded.entity] } else { Vec::new() },
            out_of_order: folded.out_of_order,
            first: folded.first,
            retracted: folded.retracted,
        };
    }
    let named = event.named().clone();
    let (mut out_of_order, mut first, mut retracted) = (false, false, false);
    let mut entities = Vec::with_capacity(line.len());
    for before in line {
        let of_it = Event {
            subject: before.name.clone(),
            data: with_key(of.entity, &before.name, &before, event.data.clone()),
            ..event.clone()
        };
        let folded = model::fold(of, Some(before.clone()), &of_it);
        (out_of_order, first, retracted) = (folded.out_of_order, folded.first, folded.retracted);
        let (mut after, mut changed) = (folded.entity, folded.changed);
        if let Some(mut merge) = after.merge.take() {
            if named == before.name
                && let Some(own) = merge.own.take()
            {
                let folded = model::fold(of, Some(*own), &of_it);
                changed |= folded.changed;
                merge.own = Some(Box::new(folded.entity));
            }
            if merge.own.is_some() {
                note_origin(&before, &after, &named, &mut merge);
            }
            after.merge = Some(merge);
        }
        if changed {
            after.version = before.version + 1;
            entities.push(after);
        }
    }
    FoldedLine { entities, out_of_order, first, retracted }
}

/// Whether an entity stands for itself and for nothing else.
pub fn is_plain(line: &[Entity]) -> bool {
    line.len() < 2 && line.first().is_none_or(|entity| entity.merge.is_none())
}

/// Remembers by which name the present values came.
fn note_origin(before: &Entity, after: &Entity, named: &EntityRef, merge: &mut Merge) {
    for (field, value) in after.data.as_map().into_iter().flat_map(Map::iter) {
        if before.data.get(field) == Some(value) {
            continue;
        }
        match *named == before.name {
            true => drop(merge.from.remove(field)),
            false => drop(merge.from.insert(field.to_owned(), named.clone())),
        }
    }
    if before.status != after.status {
        merge.status_from = (*named != before.name).then(|| named.clone());
    }
}

/// Merges `other` into `survivor`: both as they are to be written.
pub fn absorb(survivor: &Entity, other: &Entity) -> (Entity, Entity) {
    let mut merge = survivor.merge.as_deref().cloned().unwrap_or_default();
    if merge.own.is_none() {
        merge.own = Some(Box::new(Entity { merge: None, ..survivor.clone() }));
    }
    merge.absorbed.push(other.name.clone());
    let mut joined = Entity { version: survivor.version + 1, merge: None, ..survivor.clone() };
    fill(&mut joined, other, &mut merge);
    joined.merge = Some(Box::new(merge));
    let mut gone = Entity { version: other.version + 1, ..other.clone() };
    gone.merge.get_or_insert_default().into = Some(survivor.name.clone());
    (joined, gone)
}

/// Fills the gaps of an entity with what is known by an absorbed name.
fn fill(entity: &mut Entity, absorbed: &Entity, merge: &mut Merge) {
    let key = EntityKind::find(&entity.name.kind).map_or(&[][..], |kind| kind.key);
    if let (Some(data), Some(gifts)) = (entity.data.as_map_mut(), absorbed.data.as_map()) {
        for (field, value) in gifts.iter().filter(|(field, value)| !key.contains(field) && !value.is_null()) {
            if data.get(field).is_none_or(Value::is_null) {
                data.insert(field, value.clone());
                merge.from.insert(field.to_owned(), absorbed.name.clone());
            }
        }
    }
    if entity.status.is_empty() && !absorbed.status.is_empty() {
        entity.status = absorbed.status.clone();
        merge.status_from = Some(absorbed.name.clone());
    }
    for (verb, at) in &absorbed.milestones {
        let happened = entity.milestones.entry(verb.clone()).or_insert(*at);
        *happened = (*happened).min(*at);
    }
}

/// Takes a name out of an entity it was merged into, directly or through another. `gone` are all names that go with it,
/// `left` the records of those that stay absorbed directly, in their order.
pub fn release(survivor: &Entity, name: &EntityRef, gone: &[EntityRef], left: &[Entity]) -> Entity {
    let mut after = Entity { version: survivor.version + 1, merge: None, ..survivor.clone() };
    let Some(mut merge) = survivor.merge.as_deref().cloned() else { return after };
    merge.absorbed.retain(|absorbed| absorbed != name);
    let Some(own) = merge.own.as_deref().cloned() else { return after };
    if merge.absorbed.is_empty() {
        let into = merge.into.take();
        return Entity {
            version: after.version,
            merge: into.map(|into| Box::new(Merge { into: Some(into), ..Merge::default() })),
            ..own
        };
    }
    let lost: Vec<String> =
        merge.from.iter().filter(|(_, from)| gone.contains(from)).map(|(field, _)| field.clone()).collect();
    if let Some(data) = after.data.as_map_mut() {
        for field in &lost {
            merge.from.remove(field);
            match own.data.get(field) {
                Some(value) => drop(data.insert(field.as_str(), value.clone())),
                None => drop(data.remove(field)),
            }
        }
    }
    if merge.status_from.as_ref().is_some_and(|from| gone.contains(from)) {
        after.status = own.status.clone();
        merge.status_from = None;
    }
    after.milestones = own.milestones.clone();
    left.iter().for_each(|absorbed| fill(&mut after, absorbed, &mut merge));
    after.merge = Some(Box::new(merge));
    after
}

/// The merged record when it stands for itself again.
pub fn set_free(other: &Entity) -> Entity {
    let mut free = Entity { version: other.version + 1, ..other.clone() };
    if let Some(merge) = &mut free.merge {
        merge.into = None;
        if **merge == Merge::default() {
            free.merge = None;
        }
    }
    free
}

/// Data with the key of another name.
fn with_key(kind: &EntityKind, name: &EntityRef, entity: &Entity, mut data: Value) -> Value {
    let [field] = kind.key else { return data };
    let key = entity.data.get(field).cloned().unwrap_or_else(|| Value::text(name.key.as_str()));
    if let Some(map) = data.as_map_mut() {
        map.insert(*field, key);
    }
    data
}
