//! The store in memory, for the simulator and for tests: `submit` applies at once and calls `done` before it returns.
//! It keeps plain records and answers every read straight from the port's own words, so it is also the measure the
//! other backends are compared with. Nothing of it survives the process.

mod removal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossdock_core::changeset::{AuditRecord, ChainedAudit, Change, Changeset, SystemState, Timer};
use crossdock_core::event::{Entity, EntityRef, Event, Reference, StoredEvent};
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::{
    EventId, ExceptionId, FlowName, MessageId, OrderingKey, SuggestionId, SystemName, TransmissionId,
};
use crossdock_core::message::{Message, MessageState, Rejection, StoredMessage};
use crossdock_core::record::{Record, RecordKind};
use crossdock_core::routing::Wanted;
use crossdock_core::suggestion::{Proposal, Suggestion};
use crossdock_core::traffic::Traffic;
use crossdock_core::transmission::lane::{LaneHeads, Look};
use crossdock_core::transmission::{Attempt, Outcome, Transmission, TransmissionState};
use crossdock_core::value::Value;
use jiff::Timestamp;

use crate::exceptions::seen_again;
use crate::port::{
    CommitError, Counts, Done, EntityFilter, EntityMark, EntityPage, ExceptionFilter, MessageFilter, Page,
    RecordFilter, Store, StoreError, Subjects, SuggestionFilter, TransmissionFilter, WAITING_BYTES_MAX,
};
use crate::refusal;

/// A store without a file.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tables: Tables,
    /// Takes back the changeset under way, newest change first.
    undo: Vec<Undo>,
    closed: bool,
}

type Undo = Box<dyn FnOnce(&mut Tables) + Send>;

/// Every table is a map, so that one way of changing and taking back serves them all.
#[derive(Default)]
struct Tables {
    messages: BTreeMap<u64, StoredMessage>,
    positions: BTreeMap<MessageId, u64>,
    dedup: BTreeMap<(SystemName, String), MessageId>,
    inbox: BTreeMap<u64, ()>,
    cursors: BTreeMap<String, String>,
    events: BTreeMap<u64, Event>,
    event_positions: BTreeMap<EventId, u64>,
    events_of_message: BTreeMap<(MessageId, u64), ()>,
    event_links: BTreeMap<(EntityRef, u64), ()>,
    events_about: BTreeMap<(EntityRef, u64), ()>,
    entities: BTreeMap<EntityRef, Entity>,
    /// By entity, system, kind, value.
    references: BTreeMap<(EntityRef, SystemName, String, String), ()>,
    transmissions: BTreeMap<u64, Transmission>,
    numbers: BTreeMap<TransmissionId, u64>,
    transmissions_of_event: BTreeMap<(EventId, u64), ()>,
    /// What has not ended.
    unfinished: BTreeMap<u64, ()>,
    done: BTreeMap<(EntityRef, FlowName, u64), ()>,
    /// Heads of lines that moved up, and when.
    moved_up: BTreeMap<u64, Timestamp>,
    attempts: BTreeMap<(TransmissionId, u64), Attempt>,
    timers: BTreeMap<String, Timer>,
    exceptions: BTreeMap<u64, Exception>,
    exception_numbers: BTreeMap<ExceptionId, u64>,
    rejections: BTreeMap<u64, Rejection>,
    system_states: BTreeMap<SystemName, SystemState>,
    traffic: BTreeMap<String, Traffic>,
    suggestions: BTreeMap<u64, Suggestion>,
    suggestion_numbers: BTreeMap<SuggestionId, u64>,
    records: BTreeMap<u64, Record>,
    record_numbers: BTreeMap<(RecordKind, String), u64>,
    audit: BTreeMap<u64, ChainedAudit>,
    highest_place: BTreeMap<(), u64>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> Result<T, StoreError> {
        let inner = self.lock();
        match inner.closed {
            true => Err(StoreError("the store is closed".into())),
            false => Ok(read(&inner.tables)),
        }
    }
}

impl Inner {
    fn apply(&mut self, changeset: Changeset) -> Result<(), CommitError> {
        if self.closed {
            return Err(CommitError::Unavailable("the store is closed".into()));
        }
        let outcome = changeset.changes.into_iter().try_for_each(|change| self.change(change));
        let undo = std::mem::take(&mut self.undo);
        if outcome.is_err() {
            undo.into_iter().rev().for_each(|undo| undo(&mut self.tables));
        }
        outcome
    }

    fn change(&mut self, change: Change) -> Result<(), CommitError> {
        match change {
            Change::AcceptMessage(message) => self.accept(message),
            Change::SetMessageState { id, state } => self.set_message_state(id, state),
            Change::RemoveBody { id, removed } => self.remove_body(id, removed),
            Change::RemoveAttempts { transmission } => self.remove_attempts(transmission),
            Change::RemoveRejections { before, limit } => self.remove_rejections(before, limit),
            Change::SetCursor { name, value } => self.put(|t| &mut t.cursors, name, value),
            Change::AppendEvent(event) => self.append_event(event),
            Change::PutEntity(entity) => self.put_entity(entity),
            Change::AddReference(Reference { entity, system, kind, value }) => {
                self.put(|t| &mut t.references, (entity, system, kind, value), ())
            }
            Change::RemoveReference(Reference { entity, system, kind, value }) => {
                self.set(|t| &mut t.references, (entity, system, kind, value), None)
            }
            Change::PutSuggestion(suggestion) => self.put_suggestion(suggestion),
            Change::PutTransmission(transmission) => self.put_transmission(transmission),
            Change::AppendAttempt(attempt) => {
                let id = attempt.transmission;
                let last = self.tables.attempts.range((id, 0)..=(id, u64::MAX)).next_back();
                let number = last.map_or(1, |((_, number), _)| number + 1);
                self.put(|t| &mut t.attempts, (id, number), shaped_attempt(attempt))
            }
            Change::SetTimer(timer) => self.put(|t| &mut t.timers, timer.id.clone(), timer),
            Change::RemoveTimer { id } => self.set(|t| &mut t.timers, id, None),
            Change::PutException(exception) => self.put_exception(exception),
            Change::AppendRejection(rejection) => {
                let number = next(&self.tables.rejections);
                self.put(|t| &mut t.rejections, number, rejection)
            }
            Change::PutTraffic(traffic) => self.put(|t| &mut t.traffic, traffic.key(), traffic),
            Change::SetSystemState(state) => self.put(|t| &mut t.system_states, state.system.clone(), state),
            Change::PutRecord(record) => self.put_record(record),
            Change::AppendAudit(record) => self.append_audit(record),
        }
    }

    fn accept(&mut self, message: Message) -> Result<(), CommitError> {
        let key = (message.system.clone(), message.dedup_key.clone());
        if let Some(first) = self.tables.dedup.get(&key) {
            return Err(CommitError::Duplicate(*first));
        }
        if self.tables.positions.contains_key(&message.id) {
            return Err(refusal::message(message.id));
        }
        let position = next(&self.tables.messages);
        self.put(|t| &mut t.dedup, key, message.id)?;
        self.put(|t| &mut t.positions, message.id, position)?;
        self.put(|t| &mut t.inbox, position, ())?;
        let stored = StoredMessage { position, message, state: MessageState::Waiting, removed: None };
        self.put(|t| &mut t.messages, position, stored)
    }

    fn set_message_state(&mut self, id: MessageId, state: MessageState) -> Result<(), CommitError> {
        let Some(position) = self.tables.positions.get(&id).copied() else { return Err(refusal::message(id)) };
        let waits = (state == MessageState::Waiting).then_some(());
        self.set(|t| &mut t.inbox, position, waits)?;
        let stored = StoredMessage { state, ..self.tables.messages[&position].clone() };
        self.put(|t| &mut t.messages, position, stored)
    }

    fn append_event(&mut self, mut event: Event) -> Result<(), CommitError> {
        if self.tables.event_positions.contains_key(&event.id) {
            return Err(refusal::event(event.id));
        }
        event.data = event.data.into_json_shape();
        event.standing.withheld = event.standing.withheld.into_json_shape();
        let position = next(&self.tables.events);
        self.put(|t| &mut t.event_positions, event.id, position)?;
        self.put(|t| &mut t.events_of_message, (event.message, position), ())?;
        self.put(|t| &mut t.events_about, (event.subject.clone(), position), ())?;
        for link in &event.links {
            self.put(|t| &mut t.event_links, (link.clone(), position), ())?;
        }
        self.put(|t| &mut t.events, position, event)
    }

    fn put_entity(&mut self, mut entity: Entity) -> Result<(), CommitError> {
        let stored = self.tables.entities.get(&entity.name).map_or(0, |stored| stored.version);
        if entity.version != stored + 1 {
            return Err(refusal::entity(&entity.name));
        }
        entity.data = entity.data.into_json_shape();
        self.put(|t| &mut t.entities, entity.name.clone(), entity)
    }

    fn put_transmission(&mut self, it: Transmission) -> Result<(), CommitError> {
        let number = self.tables.numbers.get(&it.id).copied();
        let old = number.map(|number| self.tables.transmissions[&number].clone());
        if it.version != old.as_ref().map_or(0, |old| old.version) + 1 {
            return Err(refusal::transmission(it.id));
        }
        let number = number.unwrap_or_else(|| next(&self.tables.transmissions));
        let mut lines = vec![(it.system.clone(), it.key.clone(), None)];
        if let Some(old) = &old {
            lines.insert(0, (old.system.clone(), old.key.clone(), it.finished_at));
            lines.dedup_by(|one, other| (&one.0, &one.1) == (&other.0, &other.1));
        }
        let heads: Vec<_> = lines.iter().map(|(system, key, _)| self.tables.head_of(system, key)).collect();
        if let Some(old) = old {
            self.set(|t| &mut t.transmissions_of_event, (old.event, number), None)?;
            self.set(|t| &mut t.done, (old.about, old.flow, number), None)?;
        }
        let is_done = it.state == TransmissionState::Done;
        self.put(|t| &mut t.numbers, it.id, number)?;
        self.put(|t| &mut t.transmissions_of_event, (it.event, number), ())?;
        self.set(|t| &mut t.done, (it.about.clone(), it.flow.clone(), number), is_done.then_some(()))?;
        self.set(|t| &mut t.unfinished, number, (!it.state.is_final()).then_some(()))?;
        if self.tables.last_place() < it.place {
            self.put(|t| &mut t.highest_place, (), it.place)?;
        }
        self.set(|t| &mut t.moved_up, number, None)?;
        self.put(|t| &mut t.transmissions, number, shaped_transmission(it))?;
        for ((system, key, ended_at), was) in lines.into_iter().zip(heads) {
            let is = self.tables.head_of(&system, &key);
            if is != was {
                was.map_or(Ok(()), |was| self.set(|t| &mut t.moved_up, was, None))?;
                is.filter(|is| *is != number).map_or(Ok(()), |is| self.set(|t| &mut t.moved_up, is, ended_at))?;
            }
        }
        Ok(())
    }

    fn put_exception(&mut self, exception: Exception) -> Result<(), CommitError> {
        let open = self.tables.open_exception(&exception.fingerprint).cloned();
        let exception = match open {
            Some(open) if exception.status == ExceptionStatus::Open && open.id != exception.id => {
                seen_again(open, exception)
            }
            _ => exception,
        };
        let number = self.tables.exception_numbers.get(&exception.id).copied();
        let number = number.unwrap_or_else(|| next(&self.tables.exceptions));
        self.put(|t| &mut t.exception_numbers, exception.id, number)?;
        self.put(|t| &mut t.exceptions, number, exception)
    }

    fn put_suggestion(&mut self, mut it: Suggestion) -> Result<(), CommitError> {
        let number = self.tables.suggestion_numbers.get(&it.id).copied();
        let stored = number.map_or(0, |number| self.tables.suggestions[&number].version);
        if it.version != stored + 1 {
            return Err(refusal::suggestion(it.id));
        }
        if let Proposal::Change { fields, .. } = &mut it.proposal {
            *fields = std::mem::take(fields).into_json_shape();
        }
        let number = number.unwrap_or_else(|| next(&self.tables.suggestions));
        self.put(|t| &mut t.suggestion_numbers, it.id, number)?;
        self.put(|t| &mut t.suggestions, number, it)
    }

    fn put_record(&mut self, record: Record) -> Result<(), CommitError> {
        let key = (record.kind, record.id.clone());
        let number = self.tables.record_numbers.get(&key).copied();
        let stored = number.map_or(0, |number| self.tables.records[&number].version);
        if record.version != stored + 1 {
            return Err(refusal::record(record.kind, &record.id));
        }
        let number = number.unwrap_or_else(|| next(&self.tables.records));
        self.put(|t| &mut t.record_numbers, key, number)?;
        self.put(|t| &mut t.records, number, record)
    }

    fn append_audit(&mut self, record: AuditRecord) -> Result<(), CommitError> {
        let last = self.tables.audit.last_key_value().map(|(_, last)| last);
        let next = ChainedAudit::following(last, record);
        self.put(|t| &mut t.audit, next.number, next)
    }

    fn put<K, V>(&mut self, table: fn(&mut Tables) -> &mut BTreeMap<K, V>, key: K, value: V) -> Result<(), CommitError>
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        self.set(table, key, Some(value))
    }

    /// Sets or removes one entry, and remembers how to take that back. Cannot fail; returns a result so that it ends
    /// a guard's line.
    fn set<K, V>(
        &mut self,
        table: fn(&mut Tables) -> &mut BTreeMap<K, V>,
        key: K,
        value: Option<V>,
    ) -> Result<(), CommitError>
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        let old = exchange(table(&mut self.tables), key.clone(), value);
        self.undo.push(Box::new(move |tables| drop(exchange(table(tables), key, old))));
        Ok(())
    }
}

fn exchange<K: Ord, V>(table: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => table.insert(key, value),
        None => table.remove(&key),
    }
}

/// The number that follows the highest one.
fn next<V>(table: &BTreeMap<u64, V>) -> u64 {
    table.last_key_value().map_or(1, |(highest, _)| highest + 1)
}

/// Values as they come back from a file.
fn shaped_transmission(mut it: Transmission) -> Transmission {
    it.input = it.input.into_json_shape();
    it.result = it.result.map(Value::into_json_shape);
    it
}

fn shaped_attempt(mut attempt: Attempt) -> Attempt {
    if let Outcome::Accepted { result } = attempt.outcome {
        attempt.outcome = Outcome::Accepted { result: result.into_json_shape() };
    }
    attempt
}

impl Tables {
    fn stored_event(&self, position: u64) -> StoredEvent {
        StoredEvent { position, event: self.events[&position].clone() }
    }

    fn references(&self) -> impl Iterator<Item = Reference> {
        self.references.keys().map(|(entity, system, kind, value)| Reference {
            entity: entity.clone(),
            system: system.clone(),
            kind: kind.clone(),
            value: value.clone(),
        })
    }

    fn last_place(&self) -> u64 {
        self.highest_place.get(&()).copied().unwrap_or(0)
    }

    fn open_exception(&self, fingerprint: &str) -> Option<&Exception> {
        let is_it = |it: &&Exception| it.status == ExceptionStatus::Open && it.fingerprint == fingerprint;
        self.exceptions.values().find(is_it)
    }

    fn unfinished(&self) -> impl Iterator<Item = (u64, &Transmission)> {
        self.unfinished.keys().map(|number| (*number, &self.transmissions[number]))
    }

    /// What stands first in a line.
    fn head_of(&self, system: &SystemName, key: &OrderingKey) -> Option<u64> {
        let line = self.unfinished().filter(|(_, it)| it.system == *system && it.key == *key && it.state.is_in_line());
        line.map(|(number, it)| (it.place, number)).min().map(|(_, number)| number)
    }

    /// What stands first in its line and is owed, by lane: turn, place, number.
    fn owed_heads(&self, system: &SystemName) -> BTreeMap<String, BTreeSet<(Timestamp, u64, u64)>> {
        let mut heads = BTreeMap::new();
        for (number, it) in self.unfinished().filter(|(_, it)| it.system == *system && it.state.is_in_line()) {
            let head = heads.entry(&it.key).or_insert((it.place, number));
            *head = (*head).min((it.place, number));
        }
        let mut lanes: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
        for (place, number) in heads.into_values() {
            let it = &self.transmissions[&number];
            if it.state == TransmissionState::Owed {
                let turn = self.moved_up.get(&number).map_or(it.due_at, |moved_up| it.due_at.max(*moved_up));
                lanes.entry(it.lane()).or_default().insert((turn, place, number));
            }
        }
        lanes
    }

    fn due(&self, system: &SystemName, until: Timestamp, look: &Look) -> Vec<LaneHeads> {
        let waiting = self.owed_heads(system);
        let mut read = Vec::new();
        for (rank, behind) in look.behind.iter().enumerate() {
            let of_class = waiting.iter().filter(|(lane, _)| lane.starts_with(&format!("{rank}/")));
            let (before, after): (Vec<_>, Vec<_>) = of_class.partition(|(lane, _)| *lane <= behind);
            let lanes: Vec<_> = after.into_iter().chain(before).take(look.lanes_max).collect();
            for (lane, heads) in &lanes {
                let limit = look.of_each(lanes.len(), lane);
                let due = heads.iter().take_while(|(turn, ..)| *turn <= until).take(limit);
                let heads: Vec<_> = due.map(|(.., number)| self.transmissions[number].clone()).collect();
                read.push(LaneHeads { lane: (*lane).clone(), is_cut: heads.len() >= limit, heads });
            }
        }
        read
    }

    fn entity_fits(&self, filter: &EntityFilter, entity: &Entity) -> bool {
        let name = &entity.name;
        let speaks_of = |link: &EntityRef| {
            let about = behind(&self.events_about, name).map(|position| &self.events[&position]);
            link != name && about.into_iter().any(|event| event.links.contains(link))
        };
        name.kind == filter.kind
            && fits(&filter.status, &entity.status)
            && filter.updated_since.is_none_or(|since| entity.updated_at >= since)
            && filter.updated_until.is_none_or(|until| entity.updated_at < until)
            && filter
                .system
                .as_ref()
                .is_none_or(|system| self.references.keys().any(|(of, at, ..)| of == name && at == system))
            && filter.link.as_ref().is_none_or(speaks_of)
    }

    fn entity_page(&self, filter: &EntityFilter, after: Option<&EntityMark>, limit: usize) -> EntityPage {
        let mark = |entity: &Entity| EntityMark {
            updated_at: (!filter.is_by_key()).then_some(entity.updated_at),
            key: entity.name.key.clone(),
        };
        let fitting = self.entities.values().filter(|entity| self.entity_fits(filter, entity));
        let mut found: Vec<_> = fitting.map(|entity| (mark(entity), entity)).collect();
        found.retain(|(mark, _)| after.is_none_or(|after| mark > after));
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let is_cut = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| is_cut).map(|(mark, _)| mark.clone());
        EntityPage { entities: found.into_iter().map(|(_, entity)| entity.clone()).collect(), next }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts { events: self.events.len() as u64, ..Counts::default() };
        for stored in self.messages.values() {
            let system = counts.systems.entry(stored.message.system.clone()).or_default();
            *system.messages.entry(stored.state.word().into()).or_default() += 1;
            system.last_message_at = system.last_message_at.max(Some(stored.message.received_at));
        }
        for it in self.transmissions.values() {
            let system = counts.systems.entry(it.system.clone()).or_default();
            *system.transmissions.entry(it.state.word().into()).or_default() += 1;
        }
        let open = self.exceptions.values().filter(|it| it.status == ExceptionStatus::Open);
        counts.exceptions_open = open.count() as u64;
        counts.rejections = self.rejections.len() as u64;
        counts
    }
}

/// The wanted page, newest first.
fn page_of<'t, T: Clone + 't>(table: &'t BTreeMap<u64, T>, page: Page, wanted: impl Fn(&T) -> bool) -> Vec<T> {
    table.values().rev().filter(|it| wanted(it)).skip(page.skip).take(page.limit).cloned().collect()
}

/// The numbers that stand behind `first` in a table of pairs.
fn behind<K: Ord + Clone>(table: &BTreeMap<(K, u64), ()>, first: &K) -> impl Iterator<Item = u64> {
    table.range((first.clone(), 0)..=(first.clone(), u64::MAX)).map(|((_, number), ())| *number)
}

fn fits<T: PartialEq>(wanted: &Option<T>, found: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

fn fits_word(wanted: &Option<String>, found: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

type Read<T> = Result<T, StoreError>;

impl Store for MemoryStore {
    fn submit(&self, changeset: Changeset, done: Done) {
        let outcome = self.lock().apply(changeset);
        done(outcome);
    }

    fn message(&self, id: MessageId) -> Read<Option<StoredMessage>> {
        self.read(|t| t.positions.get(&id).map(|position| t.messages[position].clone()))
    }

    fn waiting(&self, limit: usize) -> Read<Vec<StoredMessage>> {
        self.read(|t| {
            let mut bytes = 0;
            let waiting = t.inbox.keys().take(limit).map(|position| &t.messages[position]);
            let fits = waiting.take_while(|stored| {
                let more = bytes < WAITING_BYTES_MAX;
                bytes += stored.message.body.len();
                more
            });
            fits.cloned().collect()
        })
    }

    fn message_with_key(&self, system: &SystemName, dedup_key: &str) -> Read<Option<MessageId>> {
        self.read(|t| t.dedup.get(&(system.clone(), dedup_key.to_owned())).copied())
    }

    fn messages(&self, filter: &MessageFilter, page: Page) -> Read<Vec<StoredMessage>> {
        self.read(|t| {
            page_of(&t.messages, page, |stored| {
                fits(&filter.system, &stored.message.system) && fits_word(&filter.state, stored.state.word())
            })
        })
    }

    fn messages_after(
        &self,
        state: Option<&str>,
        system: Option<&SystemName>,
        after: u64,
        limit: usize,
    ) -> Read<Vec<StoredMessage>> {
        self.read(|t| {
            let behind = t.messages.range(after.saturating_add(1)..).map(|(_, stored)| stored);
            let fits = behind.filter(|stored| {
                state.is_none_or(|state| state == stored.state.word())
                    && system.is_none_or(|system| *system == stored.message.system)
            });
            fits.take(limit).cloned().collect()
        })
    }

    fn cursor(&self, name: &str) -> Read<Option<String>> {
        self.read(|t| t.cursors.get(name).cloned())
    }

    fn event(&self, id: EventId) -> Read<Option<StoredEvent>> {
        self.read(|t| t.event_positions.get(&id).map(|position| t.stored_event(*position)))
    }

    fn events_of_message(&self, id: MessageId) -> Read<Vec<StoredEvent>> {
        self.read(|t| behind(&t.events_of_message, &id).map(|position| t.stored_event(position)).collect())
    }

    fn events_of_entity(&self, entity: &EntityRef, limit: usize) -> Read<Vec<StoredEvent>> {
        self.read(|t| behind(&t.event_links, entity).take(limit).map(|position| t.stored_event(position)).collect())
    }

    fn events_about(&self, subject: &EntityRef, after: u64, limit: usize) -> Read<Vec<StoredEvent>> {
        self.read(|t| {
            let positions = behind(&t.events_about, subject).filter(|position| *position > after);
            positions.take(limit).map(|position| t.stored_event(position)).collect()
        })
    }

    fn entity(&self, name: &EntityRef) -> Read<Option<Entity>> {
        self.read(|t| t.entities.get(name).cloned())
    }

    fn entity_page(&self, filter: &EntityFilter, after: Option<&EntityMark>, limit: usize) -> Read<EntityPage> {
        self.read(|t| t.entity_page(filter, after, limit))
    }

    fn entities(&self, kind: &str, after_key: &str, limit: usize) -> Read<Vec<Entity>> {
        self.read(|t| {
            let from = EntityRef::new(kind, after_key);
            let of_kind = t.entities.range(from.clone()..).take_while(|(name, _)| name.kind == kind);
            of_kind.filter(|(name, _)| **name != from).take(limit).map(|(_, entity)| entity.clone()).collect()
        })
    }

    fn find(&self, value: &str, limit: usize) -> Read<Vec<EntityRef>> {
        self.read(|t| {
            let by_key = t.entities.keys().filter(|name| name.key == value);
            let by_reference = t.references.keys().filter(|(.., known)| known == value).map(|(entity, ..)| entity);
            let found: BTreeSet<&EntityRef> = by_key.chain(by_reference).collect();
            found.into_iter().take(limit).cloned().collect()
        })
    }

    fn references(&self, entity: &EntityRef) -> Read<Vec<Reference>> {
        self.read(|t| {
            let from = (entity.clone(), SystemName::from(""), String::new(), String::new());
            let of_entity = t.references.range(from..).map(|(key, ())| key).take_while(|(of, ..)| of == entity);
            let reference = |(entity, system, kind, value): &(EntityRef, SystemName, String, String)| Reference {
                entity: entity.clone(),
                system: system.clone(),
                kind: kind.clone(),
                value: value.clone(),
            };
            of_entity.map(reference).collect()
        })
    }

    fn referenced(&self, wanted: &Wanted<'_>, limit: usize) -> Read<Vec<EntityRef>> {
        self.read(|t| t.references().filter(|known| wanted.fits(known)).take(limit).map(|known| known.entity).collect())
    }

    fn references_after(&self, after: Option<&Reference>, limit: usize) -> Read<Vec<Reference>> {
        self.read(|t| {
            let behind = |known: &Reference| after.is_none_or(|after| known > after);
            t.references().filter(behind).take(limit).collect()
        })
    }

    fn subjects_after(&self, position: u64, kinds: &[&str], limit: usize) -> Read<Subjects> {
        self.read(|t| {
            let last = t.events.last_key_value().map_or(0, |(last, _)| *last).max(position);
            let behind = t.events.range(position + 1..).filter(|(_, event)| kinds.contains(&&*event.subject.kind));
            let found: Vec<_> = behind.take(limit).map(|(at, event)| (*at, event.subject.clone())).collect();
            let up_to = match found.last() {
                Some((at, _)) if found.len() == limit => *at,
                _ => last,
            };
            Subjects { found, up_to }
        })
    }

    fn suggestion(&self, id: SuggestionId) -> Read<Option<Suggestion>> {
        self.read(|t| t.suggestion_numbers.get(&id).map(|number| t.suggestions[number].clone()))
    }

    fn suggestions(&self, filter: &SuggestionFilter, page: Page) -> Read<Vec<Suggestion>> {
        self.read(|t| {
            page_of(&t.suggestions, page, |it| {
                fits_word(&filter.status, it.status.word()) && fits_word(&filter.what, it.proposal.word())
            })
        })
    }

    fn in_line(&self, key: &OrderingKey, limit: usize) -> Read<Vec<Transmission>> {
        self.read(|t| {
            let in_line = t.unfinished().filter(|(_, it)| it.key == *key && it.state.is_in_line());
            in_line.take(limit).map(|(_, it)| it.clone()).collect()
        })
    }

    fn transmission(&self, id: TransmissionId) -> Read<Option<Transmission>> {
        self.read(|t| t.numbers.get(&id).map(|number| t.transmissions[number].clone()))
    }

    fn transmissions_of_event(&self, id: EventId) -> Read<Vec<Transmission>> {
        self.read(|t| behind(&t.transmissions_of_event, &id).map(|number| t.transmissions[&number].clone()).collect())
    }

    fn transmissions(&self, filter: &TransmissionFilter, page: Page) -> Read<Vec<Transmission>> {
        self.read(|t| {
            page_of(&t.transmissions, page, |it| {
                fits(&filter.system, &it.system)
                    && fits_word(&filter.state, it.state.word())
                    && fits(&filter.about, &it.about)
            })
        })
    }

    fn transmissions_after(
        &self,
        state: &str,
        system: Option<&SystemName>,
        after: u64,
        limit: usize,
    ) -> Read<Vec<(u64, Transmission)>> {
        self.read(|t| {
            let behind = t.transmissions.range(after.saturating_add(1)..);
            let fits = behind
                .filter(|(_, it)| it.state.word() == state && system.is_none_or(|system| *system == it.system))
                .map(|(number, it)| (*number, it.clone()));
            fits.take(limit).collect()
        })
    }

    fn due(&self, system: &SystemName, until: Timestamp, look: &Look) -> Read<Vec<LaneHeads>> {
        self.read(|t| t.due(system, until, look))
    }

    fn sending(&self) -> Read<Vec<Transmission>> {
        self.read(|t| {
            let sending = t.unfinished().filter(|(_, it)| it.state == TransmissionState::Sending);
            sending.map(|(_, it)| it.clone()).collect()
        })
    }

    fn held_about(&self, about: &EntityRef) -> Read<Vec<Transmission>> {
        self.read(|t| {
            let held = |it: &Transmission| matches!(it.state, TransmissionState::Held { .. }) && it.about == *about;
            t.unfinished().filter(|(_, it)| held(it)).map(|(_, it)| it.clone()).collect()
        })
    }

    fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Read<bool> {
        self.read(|t| {
            let (about, flow) = (about.clone(), flow.clone());
            t.done.range((about.clone(), flow.clone(), 0)..=(about, flow, u64::MAX)).next().is_some()
        })
    }

    fn last_place(&self) -> Read<u64> {
        self.read(Tables::last_place)
    }

    fn attempts(&self, id: TransmissionId) -> Read<Vec<Attempt>> {
        self.read(|t| t.attempts.range((id, 0)..=(id, u64::MAX)).map(|(_, attempt)| attempt.clone()).collect())
    }

    fn exceptions(&self, filter: &ExceptionFilter, page: Page) -> Read<Vec<Exception>> {
        self.read(|t| {
            page_of(&t.exceptions, page, |it| {
                fits(&filter.open, &(it.status == ExceptionStatus::Open))
                    && (filter.transmission.is_none() || filter.transmission == it.transmission)
                    && (filter.system.is_none() || filter.system == it.system)
                    && (filter.classes.is_empty() || filter.classes.contains(&it.class))
                    && filter.affects.as_ref().is_none_or(|wanted| it.affects.contains(wanted))
            })
        })
    }

    fn open_exception(&self, fingerprint: &str) -> Read<Option<Exception>> {
        self.read(|t| t.open_exception(fingerprint).cloned())
    }

    fn rejections(&self, page: Page) -> Read<Vec<Rejection>> {
        self.read(|t| page_of(&t.rejections, page, |_| true))
    }

    fn record(&self, kind: RecordKind, id: &str) -> Read<Option<Record>> {
        self.read(|t| t.record_numbers.get(&(kind, id.to_owned())).map(|number| t.records[number].clone()))
    }

    fn records(&self, filter: &RecordFilter, page: Page) -> Read<Vec<Record>> {
        self.read(|t| {
            page_of(&t.records, page, |it| {
                it.kind == filter.kind && fits(&filter.open, &it.is_open) && fits(&filter.about, &it.about)
            })
        })
    }

    fn due_timers(&self, now: Timestamp, limit: usize) -> Read<Vec<Timer>> {
        self.read(|t| {
            let mut due: Vec<_> = t.timers.values().filter(|timer| timer.due_at <= now).cloned().collect();
            due.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
            due.truncate(limit);
            due
        })
    }

    fn next_timer(&self) -> Read<Option<Timestamp>> {
        self.read(|t| t.timers.values().map(|timer| timer.due_at).min())
    }

    fn traffic(&self) -> Read<Vec<Traffic>> {
        self.read(|t| t.traffic.values().cloned().collect())
    }

    fn system_states(&self) -> Read<Vec<SystemState>> {
        self.read(|t| t.system_states.values().cloned().collect())
    }

    fn audit(&self, after_number: u64, limit: usize) -> Read<Vec<ChainedAudit>> {
        self.read(|t| t.audit.values().filter(|it| it.number > after_number).take(limit).cloned().collect())
    }

    fn counts(&self) -> Read<Counts> {
        self.read(Tables::counts)
    }

    fn blocks(&self) -> bool {
        false
    }

    fn close(&self) {
        self.lock().closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Subject;

    struct InMemory(MemoryStore);

    impl Subject for InMemory {
        fn store(&self) -> &dyn Store {
            &self.0
        }

        fn reopen(&mut self) {}
    }

    crate::store_contract!(|| InMemory(MemoryStore::new()));
}
