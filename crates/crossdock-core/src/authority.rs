//! Authority: which system is the system of record for which entity, field and state. What another system says of them
//! is kept in its event and not applied. Decided before an event is folded, from the event and what is known of its
//! entity; a hub without authority pays one comparison for it.

use std::collections::BTreeMap;

use crate::event::{Entity, Event};
use crate::ids::SystemName;
use crate::model::{EntityKind, EventType, Type};
use crate::value::{Map, Value};

/// Which system may say what. Made by [`Authority::claim`], which refuses two systems for one thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Authority {
    /// By kind of entity. Few, so that looking through them beats hashing.
    kinds: Vec<(&'static str, OfKind)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct OfKind {
    /// Whoever may say everything that nobody else claims.
    whole: Option<Claim>,
    fields: BTreeMap<&'static str, Claim>,
    states: BTreeMap<&'static str, Claim>,
}

/// A system of record and what happens when another system contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub system: SystemName,
    pub on_conflict: OnConflict,
}

/// What a contradiction leads to. It is never applied, and always kept in the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing more.
    Record,
    /// An exception, one per entity and contradicting system.
    #[default]
    Exception,
    /// A suggestion that a person can accept: then it is applied.
    Suggestion,
}

/// What a system claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything about entities of a kind that nobody else claims.
    Whole,
    /// A field.
    Field(&'static str),
    /// Moving entities into a state.
    State(&'static str),
}

/// What of an event another system would have had to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Each with the one who may say it.
    pub conflicts: Vec<Conflict>,
    /// It speaks of something another system claims, and agrees.
    pub agrees: bool,
}

/// One thing that was not applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    pub about: Scope,
    pub claim: Claim,
}

impl Authority {
    /// Nobody claims anything: every system may say everything.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Gives a system authority over something.
    ///
    /// # Errors
    /// The system that has it already.
    pub fn claim(&mut self, kind: &'static str, scope: Scope, claim: Claim) -> Result<(), SystemName> {
        let position = self.kinds.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            self.kinds.push((kind, OfKind::default()));
            self.kinds.len() - 1
        });
        let of_kind = &mut self.kinds[position].1;
        let before = match scope {
            Scope::Whole => of_kind.whole.replace(claim.clone()),
            Scope::Field(field) => of_kind.fields.insert(field, claim.clone()),
            Scope::State(state) => of_kind.states.insert(state, claim.clone()),
        };
        match before {
            Some(before) if before.system != claim.system => Err(before.system),
            _ => Ok(()),
        }
    }

    /// Whether anything is claimed for entities of this kind.
    pub fn knows(&self, kind: &str) -> bool {
        self.of_kind(kind).is_some()
    }

    /// The system of record for a field.
    pub fn of_field(&self, kind: &str, field: &str) -> Option<&Claim> {
        let of_kind = self.of_kind(kind)?;
        of_kind.fields.get(field).or(of_kind.whole.as_ref())
    }

    /// The system of record for a move into a state.
    pub fn of_state(&self, kind: &str, state: &str) -> Option<&Claim> {
        let of_kind = self.of_kind(kind)?;
        of_kind.states.get(state).or(of_kind.whole.as_ref())
    }

    fn of_kind(&self, kind: &str) -> Option<&OfKind> {
        self.kinds.iter().find(|(known, _)| *known == kind).map(|(_, of_kind)| of_kind)
    }

    /// Takes out of an event what its system may not say, and marks it as refused when nothing is left that counts: the
    /// state it wants is another's, or a field it cannot be without. What agrees with what is known stays.
    pub fn weigh(&self, of: EventType, known: Option<&Entity>, event: &mut Event) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(of_kind) = self.of_kind(of.entity.name) else { return verdict };
        let Some(data) = event.data.as_map() else { return verdict };
        let foreign = |claim: Option<&Claim>| claim.filter(|claim| claim.system != event.system).cloned();
        let mut withheld = Map::new();
        let mut left = 0;
        for field in of.entity.fields {
            let Some(said) = data.get(field.name).filter(|said| !said.is_null()) else { continue };
            if of.entity.key.contains(&field.name) {
                continue;
            }
            let Some(claim) = foreign(of_kind.fields.get(field.name).or(of_kind.whole.as_ref())) else {
                left += 1;
                continue;
            };
            let present = known.and_then(|known| known.data.get(field.name));
            if present.is_some_and(|present| same(&field.of, present, said)) {
                verdict.agrees = true;
                left += 1;
                continue;
            }
            withheld.insert(field.name, said.clone());
            verdict.conflicts.push(Conflict { about: Scope::Field(field.name), claim });
        }
        let is_empty = left == 0 && of.event.to.is_none();
        let mut refused = !withheld.is_empty() && (is_empty || lacks_required(of, &withheld));
        if let Some(to) = of.event.to
            && let Some(claim) = foreign(of_kind.states.get(to).or(of_kind.whole.as_ref()))
        {
            match known.is_some_and(|known| known.status == to || known.milestones.contains_key(of.event.verb)) {
                true => verdict.agrees = true,
                false => {
                    refused = true;
                    verdict.conflicts.push(Conflict { about: Scope::State(to), claim });
                }
            }
        }
        if !withheld.is_empty() {
            if !refused && let Some(data) = event.data.as_map_mut() {
                withheld.keys().for_each(|field| drop(data.remove(field)));
            }
            event.standing.withheld = Value::from(withheld);
        }
        event.standing.refused = refused;
        verdict
    }
}

/// Without these fields the event does not fit the model.
fn lacks_required(of: EventType, withheld: &Map) -> bool {
    let required = of.entity.fields.iter().filter(|field| field.required).map(|field| field.name);
    required.chain(of.event.requires.iter().copied()).any(|field| withheld.contains_key(field))
}

/// Whether two values of a field mean the same. Absent and null mean the same, times are compared as instants, and the
/// order of a map's keys does not matter.
pub fn same(of: &Type, one: &Value, other: &Value) -> bool {
    if one == other {
        return true;
    }
    match of {
        Type::Time => instant(one).is_some_and(|instant_of_one| Some(instant_of_one) == instant(other)),
        Type::List(item) => match (one.as_list(), other.as_list()) {
            (Some(one), Some(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(item, one, other))
            }
            _ => false,
        },
        Type::Object(fields) => fields.iter().all(|field| {
            let of = |value: &Value| value.get(field.name).cloned().unwrap_or_default();
            same(&field.of, &of(one), &of(other))
        }),
        _ => false,
    }
}

fn instant(value: &Value) -> Option<jiff::Timestamp> {
    match value.as_time() {
        Some(time) => Some(time.timestamp()),
        None => value.as_text()?.parse().ok(),
    }
}

/// The field of a kind as the model names it.
pub fn field_named(kind: &EntityKind, name: &str) -> Option<&'static str> {
    kind.fields.iter().find(|field| field.name == name).map(|field| field.name)
}

/// The state of a kind as the model names it.
pub fn state_named(kind: &EntityKind, name: &str) -> Option<&'static str> {
    kind.states.iter().copied().find(|state| *state == name)
}
