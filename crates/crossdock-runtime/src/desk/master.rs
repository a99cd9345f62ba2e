//! Names: who is known by which id, what may be the same, and what people decide about it.

use crossdock_core::event::{EntityRef, Reference};
use crossdock_core::ids::SuggestionId;
use crossdock_core::master::matching::{Candidate, Profile};
use crossdock_core::routing::{Decision, Undecidable};
use crossdock_core::suggestion::{Decided, Suggestion};
use crossdock_store::{Page, StoreError, SuggestionFilter};
use serde::Serialize;

use super::{Actor, Desk, DeskError, Listing};
use crate::duplicates;
use crate::router::{Command, CommandError};

/// Entities one value may stand for.
const FOUND_MAX: usize = 100;

/// An entity found by a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// Who answers.
    pub entity: EntityRef,
    /// The name found, when it was merged into `entity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<EntityRef>,
    /// Names merged into it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<EntityRef>,
    /// Its state; `null` when only references to it are known.
    pub status: Option<String>,
    /// Other systems' ids of it, under any of its names.
    pub references: Vec<Reference>,
}

/// What is wrong with a reference that was to be added or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// `add` or `remove`.
    pub list: &'static str,
    /// Its place in that list, from 0.
    pub row: usize,
    pub message: String,
}

impl Desk {
    /// The entities known by a key or by any system's id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find(&self, value: &str) -> Result<Vec<Found>, DeskError> {
        let mut found: Vec<Found> = Vec::new();
        for name in self.store.find(value.trim(), FOUND_MAX)? {
            let line = self.lineage(&name)?;
            let present = line.last().cloned();
            let entity = present.as_ref().map_or_else(|| name.clone(), |entity| entity.name.clone());
            if found.iter().any(|known| known.entity == entity) {
                continue;
            }
            let absorbed = match &present {
                Some(entity) => self.absorbed(entity)?,
                None => Vec::new(),
            };
            let mut references = self.store.references(&entity)?;
            for name in &absorbed {
                references.extend(self.store.references(name)?);
            }
            found.push(Found {
                named: (name != entity).then_some(name),
                status: present.map(|entity| entity.status),
                entity,
                absorbed,
                references,
            });
        }
        Ok(found)
    }

    /// The table of references in its order, behind `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn references(&self, after: Option<&Reference>, limit: usize) -> Result<Listing<Reference>, DeskError> {
        let mut items = self.store.references_after(after, limit + 1)?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Listing { items, more })
    }

    /// Suggestions, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn suggestions(
        &self,
        status: Option<String>,
        what: Option<String>,
        skip: usize,
        limit: usize,
    ) -> Result<Listing<Suggestion>, DeskError> {
        let filter = SuggestionFilter { status, what };
        let mut items = self.store.suggestions(&filter, Page { skip, limit: limit + 1 })?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Listing { items, more })
    }

    /// What may be the same as an entity, the surest first. Reads all entities of its kind.
    ///
    /// # Errors
    /// When there is no such entity, or the store cannot be read.
    pub fn candidates(&self, name: &EntityRef, least: f64) -> Result<Vec<Candidate>, DeskError> {
        let line = self.lineage(name)?;
        let Some(entity) = line.last() else { return Err(DeskError::Unknown(format!("there is no {name}"))) };
        let corpus = duplicates::corpus(self.store.as_ref(), &entity.name.kind)?;
        Ok(corpus.candidates(&Profile::of(entity), least))
    }

    /// Takes a decision about master data: a merge, a split, references, a suggestion.
    ///
    /// # Errors
    /// When it cannot be decided like this, or the hub is not running.
    pub async fn decide(&self, decision: Decision, actor: &Actor) -> Result<(), DeskError> {
        self.take_decision(decision, actor, false).await
    }

    async fn take_decision(&self, decision: Decision, actor: &Actor, is_rehearsal: bool) -> Result<(), DeskError> {
        let live = self.live()?;
        let (action, target) = told(&decision);
        let audit = Box::new(live.audit(actor, action, &target));
        let by = Decided { at: live.shell.clock.now(), by: actor.name.clone(), reason: actor.reason.clone() };
        let decision = Box::new(decision);
        Ok(live.command(|done| Command::Decide { decision, by, audit, is_rehearsal, done }).await?)
    }

    /// Adds and removes references, all or none, unless it is only a rehearsal. Each comes with its row, by which what is
    /// wrong is told; when anything is, nothing is changed.
    ///
    /// # Errors
    /// When there are too many, or the hub is not running.
    pub async fn change_references(
        &self,
        add: Vec<(usize, Reference)>,
        remove: Vec<(usize, Reference)>,
        is_rehearsal: bool,
        actor: &Actor,
    ) -> Result<Vec<Mistake>, DeskError> {
        let live = self.live()?;
        let mut mistakes = Vec::new();
        for (row, reference) in &add {
            if !live.shell.plan.systems.contains_key(&reference.system) {
                let message = format!("there is no system `{}` in this hub", reference.system);
                mistakes.push(Mistake { list: "add", row: *row, message });
            }
        }
        let rows: Vec<usize> = add.iter().map(|(row, _)| *row).collect();
        let plain = |list: Vec<(usize, Reference)>| list.into_iter().map(|(_, reference)| reference).collect();
        let decision = Decision::References { add: plain(add), remove: plain(remove) };
        let is_rehearsal = is_rehearsal || !mistakes.is_empty();
        match self.take_decision(decision, actor, is_rehearsal).await {
            Ok(()) => {}
            Err(DeskError::Command(CommandError::Undecidable(Undecidable::References(wrong)))) => {
                let told = wrong.into_iter().filter_map(|(place, message)| {
                    rows.get(place).map(|row| Mistake { list: "add", row: *row, message })
                });
                mistakes.extend(told);
            }
            Err(error) => return Err(error),
        }
        Ok(mistakes)
    }

    /// A suggestion by its id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn suggestion(&self, id: SuggestionId) -> Result<Option<Suggestion>, DeskError> {
        Ok(self.store.suggestion(id)?)
    }

    /// The record of a name, of what it was merged into, and so on; the last one answers.
    pub(super) fn lineage(&self, name: &EntityRef) -> Result<Vec<crossdock_core::event::Entity>, StoreError> {
        let mut line: Vec<crossdock_core::event::Entity> = Vec::new();
        let mut next = Some(name.clone());
        while let Some(name) = next.filter(|_| line.len() < crossdock_core::master::MERGES_DEEP_MAX) {
            let Some(entity) = self.store.entity(&name)? else { break };
            next = entity.superseded_by().cloned();
            line.push(entity);
        }
        Ok(line)
    }

    /// Every name that was merged into an entity.
    pub(super) fn absorbed(&self, entity: &crossdock_core::event::Entity) -> Result<Vec<EntityRef>, StoreError> {
        crossdock_core::master::names_of(entity, |name| self.store.entity(name))
    }
}

/// What the audit record says of a decision.
fn told(decision: &Decision) -> (&'static str, String) {
    match decision {
        Decision::Merge { survivor, other } => ("entity.merge", format!("{other} into {survivor}")),
        Decision::Split { name } => ("entity.split", name.to_string()),
        Decision::References { add, remove } => {
            ("references.change", format!("{} added, {} removed", add.len(), remove.len()))
        }
        Decision::Accept { suggestion } => ("suggestion.accept", format!("suggestion/{suggestion}")),
        Decision::Reject { suggestion } => ("suggestion.reject", format!("suggestion/{suggestion}")),
    }
}
