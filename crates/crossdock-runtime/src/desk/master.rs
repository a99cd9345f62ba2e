//! Names: who is known by which id, what may be the same, and what people decide about it.

use crossdock_core::changeset::Change;
use crossdock_core::event::{EntityRef, Reference};
use crossdock_core::ids::SuggestionId;
use crossdock_core::master::matching::{Candidate, Profile};
use crossdock_core::routing::{Decision, Undecidable};
use crossdock_core::suggestion::{Decided, Suggestion};
use crossdock_store::{Page, StoreError, SuggestionFilter};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Actor, Desk, DeskError, Listing};
use crate::duplicates;
use crate::router::{Command, CommandError};

/// Entities one value may stand for.
const FOUND_MAX: usize = 100;

/// An entity found by a value.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mistake {
    /// `add` or `remove`.
    pub list: &'static str,
    /// Its place in that list, from 0.
    pub row: usize,
    /// What is wrong with it.
    pub message: String,
}

/// A reference to add or to remove, with its place in the list that was given.
pub type ReferenceRow = (usize, Reference);

/// References to add and to remove, all or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceChange {
    /// To add, each with its place.
    pub add: Vec<ReferenceRow>,
    /// To remove, each with its place.
    pub remove: Vec<ReferenceRow>,
    /// What is known to be wrong already; then nothing is changed.
    pub mistakes: Vec<Mistake>,
    /// Only tell what is wrong.
    pub dry_run: bool,
}

/// What became of a change of references. `done` is false when anything is wrong, and for a dry run: then nothing was
/// changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReferencesChanged {
    /// Whether they were changed.
    pub done: bool,
    /// How many were to be added.
    pub added: usize,
    /// How many were to be removed.
    pub removed: usize,
    /// What is wrong, by list and row.
    pub mistakes: Vec<Mistake>,
}

impl ReferenceChange {
    /// How many were to be added and removed: what is wrong already is not among the rows.
    fn asked(&self) -> (usize, usize) {
        let wrong = |list: &str| self.mistakes.iter().filter(|mistake| mistake.list == list).count();
        (self.add.len() + wrong("add"), self.remove.len() + wrong("remove"))
    }
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

    /// Takes a decision about master data: a merge, a split, a suggestion.
    ///
    /// # Errors
    /// When it cannot be decided like this, or the hub is not running.
    pub async fn decide(&self, decision: Decision, actor: &Actor) -> Result<(), DeskError> {
        self.decide_with(decision, actor, Vec::new()).await
    }

    /// Takes a decision about master data. `more` is committed with it, or not at all.
    pub(super) async fn decide_with(
        &self,
        decision: Decision,
        actor: &Actor,
        more: Vec<Change>,
    ) -> Result<(), DeskError> {
        let live = self.live()?;
        let (action, target) = told(&decision);
        let with = live.audited(actor, action, &target, more);
        self.settle(decision, actor, Some(with)).await
    }

    /// Without `with` it is only a rehearsal.
    async fn settle(&self, decision: Decision, actor: &Actor, with: Option<Vec<Change>>) -> Result<(), DeskError> {
        let live = self.live()?;
        let by = Decided { at: live.shell.clock.now(), by: actor.name.clone(), reason: actor.reason.clone() };
        let decision = Box::new(decision);
        Ok(live.command(|done| Command::Decide { decision, by, with, done }).await?)
    }

    /// Adds and removes references, all or none, unless it is only a rehearsal. When anything is wrong, nothing is
    /// changed. `more` makes what is committed with the change out of the good answer.
    pub(super) async fn change_references(
        &self,
        change: &ReferenceChange,
        actor: &Actor,
        more: impl FnOnce(&ReferencesChanged) -> Result<Vec<Change>, DeskError>,
    ) -> Result<ReferencesChanged, DeskError> {
        let live = self.live()?;
        let mut mistakes = change.mistakes.clone();
        for (row, reference) in &change.add {
            if !live.shell.plan.systems.contains_key(&reference.system) {
                let message = format!("there is no system `{}` in this hub", reference.system);
                mistakes.push(Mistake { list: "add", row: *row, message });
            }
        }
        let plain = |list: &[ReferenceRow]| list.iter().map(|(_, reference)| reference.clone()).collect();
        let decision = Decision::References { add: plain(&change.add), remove: plain(&change.remove) };
        let done = !change.dry_run && mistakes.is_empty();
        let (added, removed) = change.asked();
        let mut report = ReferencesChanged { done, added, removed, mistakes };
        let with = match done {
            true => {
                let (action, target) = told(&decision);
                Some(live.audited(actor, action, &target, more(&report)?))
            }
            false => None,
        };
        match self.settle(decision, actor, with).await {
            Ok(()) => {}
            Err(DeskError::Command(CommandError::Undecidable(Undecidable::References(wrong)))) => {
                report.done = false;
                report.mistakes.extend(wrong.into_iter().filter_map(|(place, message)| {
                    change.add.get(place).map(|(row, _)| Mistake { list: "add", row: *row, message })
                }));
            }
            Err(error) => return Err(error),
        }
        report.mistakes.sort_by(|a, b| (a.list, a.row).cmp(&(b.list, b.row)));
        Ok(report)
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
