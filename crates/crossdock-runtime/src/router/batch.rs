//! Several messages routed into one commit: the store as it will be once the batch so far is applied.

use std::collections::HashMap;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::event::{Entity, EntityRef, Event, Reference};
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::{EventId, FlowName, OrderingKey, SuggestionId, SystemName, TransmissionId};
use crossdock_core::routing::{View, ViewError, Wanted};
use crossdock_core::suggestion::Suggestion;
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_store::{Page, Store, StoreError, TransmissionFilter};

/// The store under the changes decided so far.
pub(crate) struct Batch<'a> {
    store: &'a dyn Store,
    entities: HashMap<EntityRef, Entity>,
    events: HashMap<EventId, Event>,
    transmissions: HashMap<TransmissionId, Transmission>,
    exceptions: HashMap<String, Exception>,
    references: Vec<Reference>,
    suggestions: HashMap<SuggestionId, Suggestion>,
    changes: Changeset,
}

impl<'a> Batch<'a> {
    pub fn new(store: &'a dyn Store) -> Self {
        Self {
            store,
            entities: HashMap::new(),
            events: HashMap::new(),
            transmissions: HashMap::new(),
            exceptions: HashMap::new(),
            references: Vec::new(),
            suggestions: HashMap::new(),
            changes: Changeset::new(),
        }
    }

    pub fn add(&mut self, changeset: Changeset) {
        for change in changeset.changes {
            match &change {
                Change::PutEntity(entity) => {
                    self.entities.insert(entity.name.clone(), entity.clone());
                }
                Change::AppendEvent(event) => {
                    self.events.insert(event.id, event.clone());
                }
                Change::PutTransmission(transmission) => {
                    self.transmissions.insert(transmission.id, transmission.clone());
                }
                Change::PutException(exception) => {
                    self.exceptions.insert(exception.fingerprint.clone(), exception.clone());
                }
                Change::AddReference(reference) => self.references.push(reference.clone()),
                Change::PutSuggestion(suggestion) => {
                    self.suggestions.insert(suggestion.id, suggestion.clone());
                }
                _ => {}
            }
            self.changes.push(change);
        }
    }

    pub fn into_changeset(self) -> Changeset {
        self.changes
    }
}

fn view_error(error: StoreError) -> ViewError {
    ViewError(error.to_string())
}

impl View for Batch<'_> {
    fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, ViewError> {
        match self.entities.get(name) {
            Some(entity) => Ok(Some(entity.clone())),
            None => self.store.entity(name).map_err(view_error),
        }
    }

    fn event(&self, id: EventId) -> Result<Option<Event>, ViewError> {
        match self.events.get(&id) {
            Some(event) => Ok(Some(event.clone())),
            None => Ok(self.store.event(id).map_err(view_error)?.map(|stored| stored.event)),
        }
    }

    fn events_about(&self, subject: &EntityRef, limit: usize) -> Result<Vec<Event>, ViewError> {
        let own = self.events.values().filter(|event| event.named() == subject).cloned();
        // The store finds events by any link, so those that only mention the entity count against the limit: the
        // caller is told of too many rather than given too few.
        let stored = self.store.events_of_entity(subject, limit).map_err(view_error)?;
        if stored.len() == limit {
            return Ok(stored.into_iter().map(|stored| stored.event).collect());
        }
        let stored = stored.into_iter().map(|stored| stored.event).filter(|event| event.named() == subject);
        Ok(own.chain(stored).take(limit).collect())
    }

    fn transmission(&self, id: TransmissionId) -> Result<Option<Transmission>, ViewError> {
        match self.transmissions.get(&id) {
            Some(transmission) => Ok(Some(transmission.clone())),
            None => self.store.transmission(id).map_err(view_error),
        }
    }

    fn held_about(&self, about: &EntityRef) -> Result<Vec<Transmission>, ViewError> {
        let is_held = |transmission: &Transmission| matches!(transmission.state, TransmissionState::Held { .. });
        let mut held = self.store.held_about(about).map_err(view_error)?;
        held.retain(|transmission| !self.transmissions.contains_key(&transmission.id));
        let newer = self.transmissions.values().filter(|t| t.about == *about && is_held(t));
        held.extend(newer.cloned());
        held.sort_by_key(|transmission| (transmission.created_at, transmission.id));
        Ok(held)
    }

    fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Result<bool, ViewError> {
        self.store.is_done(flow, about).map_err(view_error)
    }

    fn referenced(&self, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<EntityRef>, ViewError> {
        let mut found = self.store.referenced(wanted, limit).map_err(view_error)?;
        for reference in self.references.iter().filter(|known| wanted.fits(known)) {
            if !found.contains(&reference.entity) {
                found.push(reference.entity.clone());
            }
        }
        Ok(found)
    }

    fn sent_about(&self, system: &SystemName, about: &EntityRef, limit: usize) -> Result<Vec<Transmission>, ViewError> {
        let is_it = |it: &&Transmission| it.system == *system && it.about == *about;
        let mut sent: Vec<Transmission> = self.transmissions.values().filter(is_it).cloned().collect();
        let filter =
            TransmissionFilter { system: Some(system.clone()), about: Some(about.clone()), ..Default::default() };
        let stored = self.store.transmissions(&filter, Page::first(limit)).map_err(view_error)?;
        sent.sort_by_key(|it| std::cmp::Reverse((it.place, it.id)));
        sent.extend(stored.into_iter().filter(|it| !self.transmissions.contains_key(&it.id)));
        sent.truncate(limit);
        Ok(sent)
    }

    fn in_line(&self, key: &OrderingKey, limit: usize) -> Result<Vec<Transmission>, ViewError> {
        self.store.in_line(key, limit).map_err(view_error)
    }

    fn suggestion(&self, id: SuggestionId) -> Result<Option<Suggestion>, ViewError> {
        match self.suggestions.get(&id) {
            Some(suggestion) => Ok(Some(suggestion.clone())),
            None => self.store.suggestion(id).map_err(view_error),
        }
    }

    fn open_exception(&self, fingerprint: &str) -> Result<Option<Exception>, ViewError> {
        match self.exceptions.get(fingerprint) {
            Some(exception) => Ok((exception.status == ExceptionStatus::Open).then(|| exception.clone())),
            None => self.store.open_exception(fingerprint).map_err(view_error),
        }
    }
}
