//! The simulated disk with the store on it. It outlives the hubs that use it, one at a time: a store of a hub that is
//! gone reads and writes nothing more. Commits wait for a sync and fail when the disk is full; the machine may stop at
//! either side of a sync or in the middle of a group.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
use crossdock_runtime::clock::Clock as _;
use crossdock_store::{
    CommitError, Counts, Done, EntityFilter, EntityMark, EntityPage, ExceptionFilter, MemoryStore, MessageFilter, Page,
    RecordFilter, Store, StoreError, Subjects, SuggestionFilter, TransmissionFilter,
};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::clock::SimClock;
use super::dice::Dice;
use super::faults::{DiskFaults, Tally};
use super::seams::Seams;
use super::trace::{Trace, tell};
use super::watch::Watch;

/// Commits that may wait for a sync; whoever brings one more is told to slow down.
const QUEUE_MAX: usize = 256;

/// The disk.
pub struct Disk {
    /// What is on it.
    pub store: MemoryStore,
    pub watch: Watch,
    pub tally: Tally,
    clock: SimClock,
    trace: Arc<Trace>,
    seams: Arc<Seams>,
    /// Somebody queued something.
    queued: Notify,
    /// The machine stopped.
    stopped: Notify,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    faults: DiskFaults,
    /// Number of the hub that owns the disk; one that is gone has a lower one.
    owner: u64,
    queue: VecDeque<(u64, Changeset, Done)>,
    is_full: bool,
}

/// How a group of commits goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    Good,
    Full,
    /// The machine stops; the first so many of the group are on the disk, and nobody is told.
    Crash {
        kept: usize,
    },
}

impl Disk {
    pub fn new(clock: SimClock, trace: Arc<Trace>, seams: Arc<Seams>, faults: DiskFaults, dice: Dice) -> Arc<Self> {
        let state = State { dice, faults, owner: 0, queue: VecDeque::new(), is_full: false };
        Arc::new(Self {
            store: MemoryStore::new(),
            watch: Watch::default(),
            tally: Tally::default(),
            clock,
            trace,
            seams,
            queued: Notify::new(),
            stopped: Notify::new(),
            state: Mutex::new(state),
        })
    }

    /// The store as the next hub sees it; the one before loses it.
    pub fn taken_over(self: &Arc<Self>) -> Arc<HubStore> {
        let abandoned;
        let owner = {
            let mut state = self.lock();
            state.owner += 1;
            abandoned = std::mem::take(&mut state.queue);
            state.owner
        };
        // What was queued and not synced is lost with the hub that queued it.
        drop(abandoned);
        Arc::new(HubStore { disk: self.clone(), owner })
    }

    /// Nobody owns the disk from now on: the hub is gone.
    pub fn abandon(self: &Arc<Self>) {
        drop(self.taken_over());
    }

    /// Returns when the machine stopped at a sync.
    pub async fn stopped(&self) {
        self.stopped.notified().await;
    }

    pub fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// No more faults.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.faults = DiskFaults::default();
        state.is_full = false;
    }

    /// Syncs what is queued, group by group, for ever.
    pub async fn spin(self: Arc<Self>) {
        loop {
            self.queued.notified().await;
            while !self.lock().queue.is_empty() {
                let pause = self.sync_time();
                self.clock.sleep(pause).await;
                self.sync();
            }
        }
    }

    fn sync_time(&self) -> Duration {
        let mut state = self.lock();
        let State { dice, faults, .. } = &mut *state;
        match dice.permille(faults.slow) {
            true => Duration::from_millis(dice.between(100, 2_000)),
            false => Duration::from_micros(dice.between(100, 4_000)),
        }
    }

    /// One sync: everything queued so far.
    fn sync(&self) {
        let group: Vec<(u64, Changeset, Done)> = self.lock().queue.drain(..).collect();
        if group.is_empty() {
            return;
        }
        let fate = self.fate(group.len());
        for (place, (owner, changeset, done)) in group.into_iter().enumerate() {
            match fate {
                Sync::Good => done(self.apply(owner, changeset)),
                Sync::Full => done(Err(full())),
                Sync::Crash { kept } if place < kept => drop(self.apply(owner, changeset)),
                Sync::Crash { .. } => drop(done),
            }
        }
        if matches!(fate, Sync::Crash { .. }) {
            self.stop();
        }
    }

    fn fate(&self, group: usize) -> Sync {
        let mut state = self.lock();
        let State { dice, faults, is_full, .. } = &mut *state;
        let fate = match (*is_full, dice.permille(faults.crash_before), dice.permille(faults.crash_after)) {
            (true, ..) => Sync::Full,
            (_, true, _) => Sync::Crash { kept: 0 },
            (.., true) => Sync::Crash { kept: group },
            _ if group > 1 && dice.permille(faults.torn) => {
                Sync::Crash { kept: dice.between(1, group as u64 - 1) as usize }
            }
            _ => Sync::Good,
        };
        match fate {
            Sync::Good => {}
            Sync::Full => self.tally.add("disk full"),
            Sync::Crash { kept: 0 } => self.tally.add("crash before a commit"),
            Sync::Crash { kept } if kept == group => self.tally.add("crash after a commit"),
            Sync::Crash { .. } => self.tally.add("torn group"),
        }
        if fate != Sync::Good {
            tell!(self.trace, "disk: a group of {group}: {fate:?}");
        }
        fate
    }

    fn stop(&self) {
        self.lock().owner += 1;
        self.stopped.notify_one();
    }

    /// Applies a changeset, and has it looked at.
    fn apply(&self, by: u64, mut changeset: Changeset) -> Result<(), CommitError> {
        (self.seams.hub)(&mut changeset);
        let seen = self.watch.before(&changeset);
        (self.seams.disk)(&mut changeset);
        let mut result = Err(CommitError::Unavailable("the store did not answer".into()));
        // The store in memory applies at once and answers before it returns.
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.store.submit(changeset, Box::new(move |applied| drop(sender.send(applied))));
        if let Ok(applied) = receiver.try_recv() {
            result = applied;
        }
        let owner = self.lock().owner;
        self.watch.after(&self.trace, seen, &result, by, owner);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full() -> CommitError {
    CommitError::Unavailable("no space left on device".into())
}

/// The store of one hub.
pub struct HubStore {
    disk: Arc<Disk>,
    owner: u64,
}

impl HubStore {
    fn is_gone(&self) -> bool {
        self.disk.lock().owner != self.owner && !self.disk.seams.unfenced
    }

    fn check(&self) -> Result<&MemoryStore, StoreError> {
        if self.is_gone() {
            return Err(StoreError("another process owns it".into()));
        }
        let mut state = self.disk.lock();
        let State { dice, faults, .. } = &mut *state;
        if faults.unreadable > 0 && dice.permille(faults.unreadable) {
            self.disk.tally.add("read failed");
            return Err(StoreError("input/output error".into()));
        }
        Ok(&self.disk.store)
    }
}

macro_rules! reads {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $result:ty;)*) => {
        $(fn $name(&self $(, $argument: $type)*) -> Result<$result, StoreError> {
            self.check()?.$name($($argument),*)
        })*
    };
}

impl Store for HubStore {
    fn submit(&self, changeset: Changeset, done: Done) {
        if self.is_gone() {
            return done(Err(CommitError::Unavailable("another process owns the store".into())));
        }
        let mut state = self.disk.lock();
        if state.queue.len() == QUEUE_MAX {
            drop(state);
            return done(Err(CommitError::Busy));
        }
        state.queue.push_back((self.owner, changeset, done));
        drop(state);
        self.disk.queued.notify_one();
    }

    /// The router's way: whatever is queued goes first, all in one sync.
    fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(changeset, Box::new(move |result| drop(sender.send(result))));
        self.disk.sync();
        receiver.try_recv().unwrap_or_else(|_| Err(CommitError::Unavailable("the machine stopped".into())))
    }

    fn due(&self, system: &SystemName, until: Timestamp, look: &Look) -> Result<Vec<LaneHeads>, StoreError> {
        let mut due = self.check()?.due(system, until, look)?;
        (self.disk.seams.due)(&self.disk.store, system, &mut due);
        Ok(due)
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<ChainedAudit>, StoreError> {
        self.check()?.audit(after, limit)
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
        fn entity(&self, name: &EntityRef) -> Option<Entity>;
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
        fn open_exception(&self, fingerprint: &str) -> Option<Exception>;
        fn rejections(&self, page: Page) -> Vec<Rejection>;
        fn due_timers(&self, now: Timestamp, limit: usize) -> Vec<Timer>;
        fn next_timer(&self) -> Option<Timestamp>;
        fn system_states(&self) -> Vec<SystemState>;
        fn traffic(&self) -> Vec<Traffic>;
        fn counts(&self) -> Counts;
    }

    fn blocks(&self) -> bool {
        false
    }

    /// The disk stays.
    fn close(&self) {}
}
