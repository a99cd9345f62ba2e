//! Looks at every commit as it happens: after each, the invariants hold of what it touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossdock_core::changeset::{Change, Changeset, TimerPurpose};
use crossdock_core::event::{Entity, EntityRef};
use crossdock_core::exception::ExceptionStatus;
use crossdock_core::ids::{FlowName, MessageId, OrderingKey, SystemName, TransmissionId};
use crossdock_core::invariants;
use crossdock_core::message::MessageState;
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_runtime::plan::Plan;
use crossdock_store::CommitError;

use super::trace::{Trace, tell};

/// Violations kept; a world that has as many is judged.
const WRONG_MAX: usize = 20;

/// What is known of the store from its commits alone.
#[derive(Default)]
pub struct Watch(Mutex<Known>);

#[derive(Default)]
struct Known {
    transmissions: BTreeMap<TransmissionId, Transmission>,
    lines: BTreeMap<(SystemName, OrderingKey), BTreeSet<TransmissionId>>,
    entities: BTreeMap<EntityRef, Entity>,
    messages: BTreeMap<(SystemName, String), MessageId>,
    accepted: BTreeMap<TransmissionId, u32>,
    /// Exceptions that are open, by what they are about.
    told: BTreeSet<TransmissionId>,
    /// Timers by their id, and what they ask after.
    timers: BTreeMap<String, TransmissionId>,
    /// How many attempts in a row each flow gives.
    attempts_max: BTreeMap<FlowName, u32>,
    commits: u64,
    wrong: Vec<String>,
}

/// The parts of a changeset that are looked at, kept while it is applied.
pub struct Seen {
    transmissions: Vec<Transmission>,
    entities: Vec<Entity>,
    messages: Vec<(SystemName, String, MessageId)>,
    /// Accepted ones, and the most exchanges that one attempt needed.
    attempts: Vec<(TransmissionId, bool, usize)>,
    exceptions: Vec<(TransmissionId, bool)>,
    mute: Vec<MessageId>,
    /// Set with what they ask after, or removed.
    timers: Vec<(String, Option<TransmissionId>)>,
    words: Vec<String>,
}

impl Watch {
    /// The limits of a configuration that the hub runs with.
    pub fn allow(&self, plan: &Plan) {
        let known = &mut *self.lock();
        for flow in &plan.hub.outbound {
            let most = known.attempts_max.entry(flow.name.clone()).or_default();
            *most = (*most).max(flow.retry.attempts_max);
        }
    }

    /// Takes down what a changeset is about to do.
    pub fn before(&self, changeset: &Changeset) -> Seen {
        let mut seen = Seen {
            transmissions: Vec::new(),
            entities: Vec::new(),
            messages: Vec::new(),
            attempts: Vec::new(),
            exceptions: Vec::new(),
            mute: Vec::new(),
            timers: Vec::new(),
            words: Vec::new(),
        };
        for change in &changeset.changes {
            seen.take(change);
        }
        seen
    }

    /// Looks at what it did.
    pub fn after(&self, trace: &Trace, seen: Seen, result: &Result<(), CommitError>, by: u64, owner: u64) {
        tell!(
            trace,
            "commit by {by}: {}{}",
            seen.words.join(", "),
            match result {
                Ok(()) => String::new(),
                Err(error) => format!(" — {error}"),
            }
        );
        if result.is_err() {
            return;
        }
        let mut known = self.lock();
        known.commits += 1;
        let mut wrong = invariants::i5_only_the_owner_writes(by, owner);
        wrong.extend(known.look_at(seen));
        for one in wrong {
            tell!(trace, "WRONG {one}");
            if known.wrong.len() < WRONG_MAX {
                known.wrong.push(one);
            }
        }
    }

    /// What was wrong so far.
    pub fn wrong(&self) -> Vec<String> {
        self.lock().wrong.clone()
    }

    /// How many commits there were.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn look_at(&mut self, seen: Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        for (system, key, id) in seen.messages {
            let first = self.messages.insert((system.clone(), key.clone()), id);
            wrong.extend(first.map(|first| format!("I2: {id} and {first} share the key {key} of {system}")));
        }
        wrong.extend(seen.mute.iter().map(|id| format!("I1: message {id} was ignored without a reason")));
        for (id, is_open) in seen.exceptions {
            match is_open {
                true => self.told.insert(id),
                false => self.told.remove(&id),
            };
        }
        for (id, asks) in seen.timers {
            match asks {
                Some(transmission) => self.timers.insert(id, transmission),
                None => self.timers.remove(&id),
            };
        }
        let asked: BTreeSet<TransmissionId> = self.timers.values().copied().collect();
        let mut touched = BTreeSet::new();
        for transmission in seen.transmissions {
            let this = std::slice::from_ref(&transmission);
            wrong.extend(invariants::i4_what_is_held_is_watched(this, &asked, &self.told));
            wrong.extend(invariants::i7_nothing_is_dropped(this));
            let most = self.attempts_max.get(&transmission.flow).copied();
            wrong.extend(most.and_then(|most| invariants::i10_retries_are_bounded(&transmission, most)));
            wrong.extend(invariants::i7_what_is_paused_is_told(this, &self.told));
            let line = (transmission.system.clone(), transmission.key.clone());
            self.lines.entry(line.clone()).or_default().insert(transmission.id);
            touched.insert(line);
            self.transmissions.insert(transmission.id, transmission);
        }
        for line in touched {
            let ids = self.lines.get(&line).into_iter().flatten();
            let line: Vec<&Transmission> = ids.filter_map(|id| self.transmissions.get(id)).collect();
            wrong.extend(invariants::i3_none_overtakes(&line));
        }
        for (id, is_accepted, exchanges) in seen.attempts {
            wrong.extend(invariants::i10_attempts_are_bounded(id, exchanges, crossdock_connect::endpoint::CALLS_MAX));
            if is_accepted {
                let times = self.accepted.entry(id).or_default();
                *times += 1;
                if *times > 1 {
                    wrong.push(format!("I2: transmission {id} was accepted {times} times"));
                }
            }
        }
        for entity in seen.entities {
            if let Some(before) = self.entities.insert(entity.name.clone(), entity.clone()) {
                wrong.extend(invariants::i6_state_moves_forward(&[before, entity]));
            }
        }
        wrong
    }
}

impl Seen {
    fn take(&mut self, change: &Change) {
        match change {
            Change::AcceptMessage(message) => {
                self.words.push(format!("accept {}/{} {}", message.system, message.dedup_key, message.id));
                self.messages.push((message.system.clone(), message.dedup_key.clone(), message.id));
            }
            Change::SetMessageState { id, state } => {
                self.words.push(format!("{id} {}", state.word()));
                if matches!(state, MessageState::Ignored { reason } if reason.is_empty()) {
                    self.mute.push(*id);
                }
            }
            Change::AppendEvent(event) => self.words.push(format!("{} {:?}", event.event_type, event.subject)),
            Change::PutEntity(entity) => {
                self.words.push(format!("{} is {}", entity.name, entity.status));
                self.entities.push(entity.clone());
            }
            Change::PutTransmission(transmission) => {
                let (flow, key, state) = (&transmission.flow, &transmission.key, transmission.state.word());
                self.words.push(format!(
                    "{flow} {key} {} {state} v{} place {} due {}",
                    transmission.id, transmission.version, transmission.place, transmission.due_at
                ));
                self.transmissions.push(transmission.clone());
            }
            Change::AppendAttempt(attempt) => {
                let is_accepted = matches!(attempt.outcome, Outcome::Accepted { .. });
                self.words.push(format!("attempt {} {:?}", attempt.number, attempt.outcome));
                self.attempts.push((attempt.transmission, is_accepted, attempt.exchanges.len()));
            }
            Change::PutException(exception) => {
                let is_open = exception.status == ExceptionStatus::Open;
                self.words.push(format!("exception {} {is_open}", exception.fingerprint));
                self.exceptions.extend(exception.transmission.map(|id| (id, is_open)));
            }
            Change::SetSystemState(state) => {
                self.words.push(format!("{} paused {}", state.system, state.paused.is_some()));
            }
            Change::SetCursor { name, value } => self.words.push(format!("cursor {name} {value}")),
            Change::SetTimer(timer) => {
                let TimerPurpose::HeldTooLong { transmission } = &timer.purpose;
                self.words.push(format!("timer {}", timer.id));
                self.timers.push((timer.id.clone(), Some(*transmission)));
            }
            Change::RemoveTimer { id } => self.timers.push((id.clone(), None)),
            Change::AppendAudit(audit) => self.words.push(format!("audit {} {}", audit.action, audit.target)),
            Change::AppendRejection(rejection) => self.words.push(format!("rejection {}", rejection.code)),
            _ => {}
        }
    }
}
