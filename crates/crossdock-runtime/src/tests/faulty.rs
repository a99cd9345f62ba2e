//! A store that fails when it is told to.

use std::sync::{Arc, Mutex, PoisonError};

use crossdock_core::changeset::{ChainedAudit, Changeset, SystemState, Timer};
use crossdock_core::event::{Entity, EntityRef, Reference, StoredEvent};
use crossdock_core::exception::Exception;
use crossdock_core::ids::{EventId, FlowName, MessageId, OrderingKey, SuggestionId, SystemName, TransmissionId};
use crossdock_core::message::{Rejection, StoredMessage};
use crossdock_core::record::{Record, RecordKind};
use crossdock_core::routing::Wanted;
use crossdock_core::suggestion::Suggestion;
use crossdock_core::traffic::Traffic;
use crossdock_core::transmission::lane::{LaneHeads, Look};
use crossdock_core::transmission::{Attempt, Transmission};
use crossdock_store::{
    CommitError, Counts, Done, EntityFilter, EntityMark, EntityPage, ExceptionFilter, MemoryStore, MessageFilter, Page,
    RecordFilter, Store, StoreError, Subjects, SuggestionFilter, TransmissionFilter,
};
use jiff::Timestamp;

type Program = Box<dyn FnMut(&Changeset) -> Option<CommitError> + Send>;

/// The store in memory behind a program of faults, counting what is asked of it.
pub struct Faulty {
    inner: MemoryStore,
    program: Mutex<Program>,
    reads_fail: Mutex<bool>,
    free: Mutex<Option<u64>>,
    crash_on: Mutex<Option<String>>,
    asked: Mutex<Asked>,
    death: Mutex<Option<Death>>,
}

/// When the hub's process dies, counted in commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// So many commits are still taken, then it dies with the next one not on disk.
    Before(usize),
    /// The same, with the next one on disk and nobody told of it.
    After(usize),
    /// It died: nothing reaches the disk any more.
    Dead,
}

/// How often the store was asked for what is due, and for open exceptions, and how many commits it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub due: usize,
    pub exceptions: usize,
    pub commits: usize,
}

impl Faulty {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            program: Mutex::new(Box::new(|_| None)),
            reads_fail: Mutex::new(false),
            free: Mutex::new(None),
            crash_on: Mutex::new(None),
            asked: Mutex::default(),
            death: Mutex::default(),
        })
    }

    /// From now on commits fail when this says so.
    pub fn fail(&self, program: impl FnMut(&Changeset) -> Option<CommitError> + Send + 'static) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(program);
    }

    pub fn fail_reads(&self, fail: bool) {
        *self.reads_fail.lock().unwrap_or_else(PoisonError::into_inner) = fail;
    }

    /// So many bytes are free on the disk.
    pub fn free(&self, bytes: u64) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }

    /// Whoever reads the entity of this key meets a bug.
    pub fn crash_on(&self, key: &str) {
        *self.crash_on.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.to_owned());
    }

    /// When the process dies; `None` for a new one.
    pub fn die(&self, death: Option<Death>) {
        *self.death.lock().unwrap_or_else(PoisonError::into_inner) = death;
    }

    pub fn is_dead(&self) -> bool {
        *self.death.lock().unwrap_or_else(PoisonError::into_inner) == Some(Death::Dead)
    }

    /// One commit nearer to death. Gives whether this one reaches the disk, and whether whoever waits for it hears that.
    fn live_on(&self) -> (bool, bool) {
        let mut death = self.death.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, fate) = match *death {
            None => (None, (true, true)),
            Some(Death::Before(0)) => (Some(Death::Dead), (false, false)),
            Some(Death::After(0)) => (Some(Death::Dead), (true, false)),
            Some(Death::Before(left)) => (Some(Death::Before(left - 1)), (true, true)),
            Some(Death::After(left)) => (Some(Death::After(left - 1)), (true, true)),
            Some(Death::Dead) => (Some(Death::Dead), (false, false)),
        };
        *death = next;
        fate
    }

    pub fn asked(&self) -> Asked {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, count: impl FnOnce(&mut Asked)) {
        count(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn check(&self) -> Result<(), StoreError> {
        match *self.reads_fail.lock().unwrap_or_else(PoisonError::into_inner) {
            true => Err(StoreError("the disk is on fire".into())),
            false => Ok(()),
        }
    }
}

impl Faulty {
    fn submit_alive(&self, changeset: Changeset, done: Done) {
        let gone = || CommitError::Unavailable("the process is gone".into());
        match self.live_on() {
            (true, true) => {
                self.count(|asked| asked.commits += 1);
                self.inner.submit(changeset, done);
            }
            (true, false) => self.inner.submit(changeset, Box::new(move |_| done(Err(gone())))),
            (false, _) => done(Err(gone())),
        }
    }
}

macro_rules! reads {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $result:ty;)*) => {
        $(fn $name(&self $(, $argument: $type)*) -> Result<$result, StoreError> {
            self.check()?;
            self.inner.$name($($argument),*)
        })*
    };
}

impl Store for Faulty {
    fn submit(&self, changeset: Changeset, done: Done) {
        let fault = (self.program.lock().unwrap_or_else(PoisonError::into_inner))(&changeset);
        match fault {
            Some(fault) => done(Err(fault)),
            None => self.submit_alive(changeset, done),
        }
    }

    fn due(&self, system: &SystemName, until: Timestamp, look: &Look) -> Result<Vec<LaneHeads>, StoreError> {
        self.count(|asked| asked.due += 1);
        self.check()?;
        self.inner.due(system, until, look)
    }

    fn open_exception(&self, fingerprint: &str) -> Result<Option<Exception>, StoreError> {
        self.count(|asked| asked.exceptions += 1);
        self.check()?;
        self.inner.open_exception(fingerprint)
    }

    fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, StoreError> {
        self.check()?;
        let crash_on = self.crash_on.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(crash_on.as_ref() != Some(&name.key), "a fault in the program");
        self.inner.entity(name)
    }

    reads! {
        fn message(&self, id: MessageId) -> Option<StoredMessage>;
        fn waiting(&self, limit: usize) -> Vec<StoredMessage>;
        fn message_with_key(&self, system: &SystemName, key: &str) -> Option<MessageId>;
        fn messages(&self, filter: &MessageFilter, page: Page) -> Vec<StoredMessage>;
        fn messages_after(&self, state: Option<&str>, system: Option<&SystemName>, after: u64, limit: usize) -> Vec<StoredMessage>;
        fn cursor(&self, name: &str) -> Option<String>;
        fn event(&self, id: EventId) -> Option<StoredEvent>;
        fn events_of_message(&self, id: MessageId) -> Vec<StoredEvent>;
        fn events_of_entity(&self, entity: &EntityRef, limit: usize) -> Vec<StoredEvent>;
        fn events_about(&self, subject: &EntityRef, after: u64, limit: usize) -> Vec<StoredEvent>;
        fn entity_page(&self, filter: &EntityFilter, after: Option<&EntityMark>, limit: usize) -> EntityPage;
        fn entities(&self, kind: &str, after: &str, limit: usize) -> Vec<Entity>;
        fn find(&self, value: &str, limit: usize) -> Vec<EntityRef>;
        fn references(&self, entity: &EntityRef) -> Vec<Reference>;
        fn referenced(&self, wanted: &Wanted<'_>, limit: usize) -> Vec<EntityRef>;
        fn references_after(&self, after: Option<&Reference>, limit: usize) -> Vec<Reference>;
        fn subjects_after(&self, position: u64, kinds: &[&str], limit: usize) -> Subjects;
        fn suggestion(&self, id: SuggestionId) -> Option<Suggestion>;
        fn suggestions(&self, filter: &SuggestionFilter, page: Page) -> Vec<Suggestion>;
        fn in_line(&self, key: &OrderingKey, limit: usize) -> Vec<Transmission>;
        fn transmission(&self, id: TransmissionId) -> Option<Transmission>;
        fn transmissions_of_event(&self, id: EventId) -> Vec<Transmission>;
        fn transmissions(&self, filter: &TransmissionFilter, page: Page) -> Vec<Transmission>;
        fn transmissions_after(&self, state: &str, system: Option<&SystemName>, after: u64, limit: usize) -> Vec<(u64, Transmission)>;
        fn record(&self, kind: RecordKind, id: &str) -> Option<Record>;
        fn records(&self, filter: &RecordFilter, page: Page) -> Vec<Record>;
        fn sending(&self) -> Vec<Transmission>;
        fn held_about(&self, about: &EntityRef) -> Vec<Transmission>;
        fn is_done(&self, flow: &FlowName, about: &EntityRef) -> bool;
        fn last_place(&self) -> u64;
        fn attempts(&self, id: TransmissionId) -> Vec<Attempt>;
        fn exceptions(&self, filter: &ExceptionFilter, page: Page) -> Vec<Exception>;
        fn rejections(&self, page: Page) -> Vec<Rejection>;
        fn due_timers(&self, now: Timestamp, limit: usize) -> Vec<Timer>;
        fn next_timer(&self) -> Option<Timestamp>;
        fn system_states(&self) -> Vec<SystemState>;
        fn traffic(&self) -> Vec<Traffic>;
        fn audit(&self, after: u64, limit: usize) -> Vec<ChainedAudit>;
        fn counts(&self) -> Counts;
    }

    fn free_bytes(&self) -> Option<u64> {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.inner.close();
    }
}
