//! What has been decided so far for one message, laid over the view, so that later steps see earlier ones.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Context, View, ViewError, fingerprint};
use crate::changeset::{Change, Changeset};
use crate::event::{Entity, EntityRef, Event};
use crate::exception::{Exception, ExceptionClass, ExceptionStatus};
use crate::hub::Hub;
use crate::ids::{ExceptionId, FlowName, MessageId, SystemName, TransmissionId};
use crate::mapping::{Fault, FaultKind, MapLimits, Notes};
use crate::master;
use crate::suggestion::{Evidence, Proposal};
use crate::transmission::Transmission;

/// Entities that an exception names as affected.
const AFFECTS_MAX: usize = 50;

/// The problem an exception is to be opened for.
pub(super) struct Problem<'a> {
    pub class: ExceptionClass,
    pub fingerprint: String,
    pub cause: Uuid,
    pub summary: String,
    pub affects: Vec<EntityRef>,
    pub owner: Option<String>,
    pub system: Option<&'a SystemName>,
    pub flow: Option<&'a FlowName>,
    pub message: Option<MessageId>,
    pub transmission: Option<TransmissionId>,
}

/// A decision in the making.
pub(super) struct Work<'a> {
    pub hub: &'a Hub,
    pub view: &'a dyn View,
    pub now: Timestamp,
    pub overdue: &'a dyn Fn() -> bool,
    pub notes: &'a Notes,
    last_place: &'a mut u64,
    entities: HashMap<EntityRef, Entity>,
    changes: Vec<Change>,
}

impl<'a> Work<'a> {
    pub fn new<'c>(context: &'a mut Context<'c>) -> Self
    where
        'c: 'a,
    {
        Self {
            hub: context.hub,
            view: context.view,
            now: context.now,
            overdue: context.overdue,
            notes: context.notes,
            last_place: context.last_place,
            entities: HashMap::new(),
            changes: Vec::new(),
        }
    }

    /// What one mapping may cost.
    pub fn limits(&self) -> MapLimits<'_> {
        MapLimits {
            steps_max: self.hub.mapping_steps_max,
            bytes_max: self.hub.mapping_bytes_max,
            out_of_time: Some(self.overdue),
        }
    }

    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// What is known under a name; what it was merged into answers in its place.
    pub fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, ViewError> {
        let known = self.record(name)?;
        match known.as_ref().and_then(Entity::superseded_by) {
            None => Ok(known),
            Some(_) => Ok(self.lineage(name)?.pop()),
        }
    }

    /// The record of exactly this name.
    pub fn record(&self, name: &EntityRef) -> Result<Option<Entity>, ViewError> {
        match self.entities.get(name) {
            Some(entity) => Ok(Some(entity.clone())),
            None => self.view.entity(name),
        }
    }

    /// The record of a name, of what it was merged into, and so on; the last one answers for all. Empty when nothing is
    /// known by the name.
    pub fn lineage(&self, name: &EntityRef) -> Result<Vec<Entity>, ViewError> {
        let mut line: Vec<Entity> = Vec::new();
        let mut next = self.record(name)?;
        while let Some(entity) = next {
            let into = entity.superseded_by().cloned();
            line.push(entity);
            next = match into.filter(|_| line.len() < master::MERGES_DEEP_MAX) {
                Some(into) => self.record(&into)?,
                None => None,
            };
        }
        Ok(line)
    }

    /// The name that answers for this one. Costs nothing for kinds that are never merged.
    pub fn present_name(&self, name: EntityRef) -> Result<EntityRef, ViewError> {
        if !master::is_mergeable(&name.kind) {
            return Ok(name);
        }
        Ok(self.entity(&name)?.map_or(name, |entity| entity.name))
    }

    /// Whether a transmission of `flow` about this entity, under any of its names, is done.
    pub fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Result<bool, ViewError> {
        if self.view.is_done(flow, about)? {
            return Ok(true);
        }
        if master::is_mergeable(&about.kind)
            && let Some(entity) = self.entity(about)?
        {
            for name in master::names_of(&entity, |name| self.record(name))? {
                if self.view.is_done(flow, &name)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The events that name this entity as their subject, those of the present decision among them, at most `limit`.
    /// Their order says nothing.
    pub fn events_about(&self, subject: &EntityRef, limit: usize) -> Result<Vec<Event>, ViewError> {
        let mut events = self.view.events_about(subject, limit)?;
        events.extend(self.changes.iter().filter_map(|change| match change {
            Change::AppendEvent(event) if event.named() == subject => Some(event.clone()),
            _ => None,
        }));
        events.truncate(limit);
        Ok(events)
    }

    /// Keeps the entity's latest state; it is written once, with the version of the last write.
    pub fn put_entity(&mut self, entity: Entity) {
        self.entities.insert(entity.name.clone(), entity.clone());
        self.changes.push(Change::PutEntity(entity));
    }

    pub fn next_place(&mut self) -> u64 {
        *self.last_place += 1;
        *self.last_place
    }

    pub fn append_event(&mut self, event: Event) {
        for reference in &event.references {
            self.changes.push(Change::AddReference(reference.clone()));
        }
        self.changes.push(Change::AppendEvent(event));
    }

    pub fn put_transmission(&mut self, transmission: Transmission) {
        self.changes.push(Change::PutTransmission(transmission));
    }

    /// Opens an exception, or counts up the one that is open for the same problem. Returns its id.
    pub fn raise(&mut self, problem: Problem<'_>) -> Result<ExceptionId, ViewError> {
        let known = self.view.open_exception(&problem.fingerprint)?;
        let exception = match known {
            Some(known) => {
                let (class, summary) = (problem.class, problem.summary);
                let mut affects = known.affects;
                let new = problem.affects.into_iter().filter(|name| !affects.contains(name)).collect::<Vec<_>>();
                affects.extend(new);
                affects.truncate(AFFECTS_MAX);
                Exception { count: known.count + 1, class, summary, affects, ..known }
            }
            None => Exception {
                id: ExceptionId::derive(problem.cause, &format!("{}@{}", problem.fingerprint, self.now)),
                class: problem.class,
                fingerprint: problem.fingerprint,
                status: ExceptionStatus::Open,
                summary: problem.summary,
                owner: problem.owner,
                affects: problem.affects,
                system: problem.system.cloned(),
                flow: problem.flow.cloned(),
                message: problem.message,
                transmission: problem.transmission,
                opened_at: self.now,
                closed_at: None,
                count: 1,
            },
        };
        let id = exception.id;
        self.changes.push(Change::PutException(exception));
        Ok(id)
    }

    /// Makes a suggestion, unless the same one is open or was rejected.
    pub fn suggest(
        &mut self,
        proposal: Proposal,
        score: Option<f64>,
        evidence: Vec<Evidence>,
    ) -> Result<(), ViewError> {
        let known = self.view.suggestion(master::suggestion_id(&proposal))?;
        if let Some(made) = master::suggestion(proposal, score, evidence, known.as_ref(), self.now) {
            self.changes.push(Change::PutSuggestion(made));
        }
        Ok(())
    }

    /// Closes the exception that is open for this problem, if any.
    pub fn settle(&mut self, fingerprint: &str) -> Result<(), ViewError> {
        if let Some(open) = self.view.open_exception(fingerprint)? {
            let closed = Exception { status: ExceptionStatus::Resolved, closed_at: Some(self.now), ..open };
            self.changes.push(Change::PutException(closed));
        }
        Ok(())
    }

    pub fn into_changeset(self) -> Changeset {
        Changeset { changes: self.changes }
    }
}

/// The class of exception for a mapping's fault.
pub(super) fn class_of(fault: &Fault) -> ExceptionClass {
    match fault.kind {
        FaultKind::UnknownCode { .. } => ExceptionClass::UnknownPartnerCode,
        _ => ExceptionClass::MappingFailed,
    }
}

/// The problem of a transmission.
pub(super) fn transmission_problem<'a>(
    transmission: &'a Transmission,
    class: ExceptionClass,
    summary: String,
    owner: Option<String>,
) -> Problem<'a> {
    Problem {
        class,
        fingerprint: fingerprint::transmission(transmission.id),
        cause: transmission.id.0,
        summary,
        affects: vec![transmission.about.clone()],
        owner,
        system: Some(&transmission.system),
        flow: Some(&transmission.flow),
        message: None,
        transmission: Some(transmission.id),
    }
}
