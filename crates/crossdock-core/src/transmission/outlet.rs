//! What goes out to one system, and when: the turn of each transmission, within the system's concurrency, rate, breaker
//! and limits, and never the same one twice at once. It holds the heads of lines it has read, lane by lane, and asks for
//! more when it runs out. Pure: whoever drives it reads the store, carries out the attempts and tells how they ended.
//!
//! Who goes next is decided three times:
//! - **by class**, strictly with a floor: critical before normal before batch, because what somebody stands waiting for
//!   must not depend on how much else there is (with weights it would); but whoever was passed over [`PASSED_OVER_MAX`]
//!   times has the next turn, so batch gets on however busy the day is. And a class leaves one slot free for each more
//!   urgent one that this system knows, so urgent work need not wait for the end of a long batch either;
//! - **by lane** within a class, in turns: an operation or group with little to do is not behind one with much;
//! - **by key** within a lane, in turns: the store gives a line its next turn behind all that already wait (`Look`).

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::adaptive::Adaptive;
use super::breaker::{Breaker, BreakerSettings, Told, Verdict};
use super::gate::{Gates, Limits, Shut};
use super::lane::{Criticality, LaneHeads, Look};
use super::{Group, Transmission};
use crate::ids::TransmissionId;

/// How far ahead it wants to know what becomes due; after this long it looks again even if no hint came.
pub const LOOK_AHEAD: SignedDuration = SignedDuration::from_secs(5);
/// So long may a hint wait while there is other work: what is more urgent is then seen soon, and a backlog does not read
/// the store for every attempt.
const HINT_WAIT: SignedDuration = SignedDuration::from_millis(20);
/// Heads of each class it asks for at least, so that a long queue is not read anew for every attempt.
const READ_MIN: usize = 64;
/// Heads of each class it asks for at most besides those under way (I10).
const READ_MAX: usize = 512;
/// Lanes of each class it looks at at once; where there are more, it goes round.
const LANES_MAX: usize = 32;
/// How often a class that could go is passed over by more urgent ones.
pub const PASSED_OVER_MAX: u32 = 16;

/// How one system may be treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutletSettings {
    /// Attempts under way at once.
    pub concurrency_max: usize,
    /// Whether it sends less at once while the system shows signs of overload.
    pub adaptive: bool,
    /// When it is given a rest.
    pub breaker: BreakerSettings,
    /// The largest batch any of its operations takes.
    pub batch_widest: usize,
    /// Limits of its operations and groups.
    pub limits: Limits,
    /// Which classes of work it knows, by rank: for these, less urgent ones leave a slot free.
    pub classes: [bool; 3],
}

/// The state of what goes out to one system.
#[derive(Clone, Debug)]
pub struct Outlet {
    settings: OutletSettings,
    breaker: Breaker,
    adaptive: Adaptive,
    gates: Gates,
    /// Heads of lines as last read; none of them is under way.
    ready: BTreeMap<String, Lane>,
    /// By rank: the lane that had the last turn.
    served: [String; 3],
    /// By rank: how often it was passed over while it could go.
    passed_over: [u32; 3],
    /// By rank: behind which lane the next read begins.
    read_behind: [String; 3],
    /// Everything due before this instant was in the last read, as far as it looked.
    known_to: Timestamp,
    /// When it was last read.
    read_at: Timestamp,
    /// There are more lanes than the last read held.
    unseen: bool,
    /// Something may have become due that was not in the last read.
    hinted: bool,
    /// A lane was read in part and that part has gone.
    run_out: bool,
    /// More would go if there were more slots.
    crowded: bool,
    attempts: usize,
    /// The same by rank of class.
    attempts_of: [usize; 3],
    flying: HashMap<TransmissionId, Flight>,
}

/// Heads of one lane.
#[derive(Clone, Debug)]
struct Lane {
    class: Criticality,
    heads: VecDeque<Transmission>,
    /// More of it may be due.
    is_cut: bool,
}

/// Who has the next turn.
#[derive(Clone, Debug)]
struct Next {
    lane: String,
    /// By rank: less urgent classes that could have gone.
    passes_over: [bool; 3],
}

/// What is remembered of one that is under way.
#[derive(Clone, Debug)]
struct Flight {
    lane: String,
    class: Criticality,
    operation: String,
    group: Option<Group>,
    /// The window it began in.
    mark: u64,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Carry out one attempt at these, all of one lane.
    Start(Vec<Transmission>),
    /// Read the heads of lines that are due by `until` as `look` says, and hand them to `read`.
    Read { until: Timestamp, look: Look },
    /// Nothing until then, or until a hint or the end of an attempt.
    Wait { until: Option<Timestamp> },
}

impl Outlet {
    /// An outlet that has read nothing yet.
    pub fn new(settings: OutletSettings) -> Self {
        Self {
            adaptive: Adaptive::new(settings.concurrency_max),
            gates: Gates::new(settings.limits.clone()),
            settings,
            breaker: Breaker::default(),
            ready: BTreeMap::new(),
            served: Default::default(),
            passed_over: [0; 3],
            read_behind: Default::default(),
            known_to: Timestamp::MIN,
            read_at: Timestamp::MIN,
            unseen: false,
            hinted: true,
            run_out: false,
            crowded: false,
            attempts: 0,
            attempts_of: [0; 3],
            flying: HashMap::new(),
        }
    }

    /// The breaker, for the gauge.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Attempts under way.
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    /// Attempts that may be under way at once, as the system bears it now.
    pub fn slots(&self) -> usize {
        match self.settings.adaptive {
            true => self.adaptive.slots(),
            false => self.settings.concurrency_max.max(1),
        }
    }

    /// Something may have become due: a transmission was owed, released or resumed.
    pub fn hint(&mut self) {
        self.hinted = true;
    }

    /// Forgets what was read. For a pause of the system, after which other things may be first.
    pub fn forget(&mut self) {
        self.ready.clear();
        self.hinted = true;
    }

    /// Takes in what was read for `Turn::Read { until, .. }` at `now`.
    pub fn read(&mut self, lanes: Vec<LaneHeads>, until: Timestamp, now: Timestamp) {
        self.known_to = until;
        self.read_at = now;
        self.hinted = false;
        self.run_out = false;
        self.ready.clear();
        let mut seen = [0; 3];
        for LaneHeads { lane, heads, is_cut } in lanes {
            let Some(class) = class_of(&lane) else { continue };
            seen[class.rank()] += 1;
            self.read_behind[class.rank()].clone_from(&lane);
            // Where a repetition is safe, what is under way still stands as owed in the store.
            let heads = heads.into_iter().filter(|head| !self.flying.contains_key(&head.id)).collect();
            self.ready.insert(lane, Lane { class, heads, is_cut });
        }
        self.unseen = seen.contains(&LANES_MAX);
        for (behind, seen) in self.read_behind.iter_mut().zip(seen) {
            if seen < LANES_MAX {
                behind.clear();
            }
        }
    }

    /// What to do now. `rate` tells from when on one more call is allowed, if not now; `batch_max` how many
    /// transmissions one attempt at an operation may carry.
    pub fn turn(&mut self, now: Timestamp, rate: Result<(), Timestamp>, batch_max: &dyn Fn(&str) -> usize) -> Turn {
        if let Some(until) = self.blocked(now, rate) {
            self.crowded |= self.attempts >= self.slots();
            return Turn::Wait { until };
        }
        let is_stale = self.hinted || self.known_to <= now || self.known_to > now + LOOK_AHEAD;
        let is_old = now >= self.read_at.saturating_add(HINT_WAIT).unwrap_or(Timestamp::MAX) || now < self.read_at;
        if self.run_out || (is_old && (self.hinted || self.unseen)) {
            return self.ask(now);
        }
        let next = match self.choose(now) {
            Ok(next) => next,
            Err(_) if is_stale => return self.ask(now),
            Err(opens) => {
                self.crowded = false;
                return Turn::Wait { until: self.next_look(now, opens) };
            }
        };
        let due = self.ready[&next.lane].due(now);
        let batch_max = self.ready[&next.lane].heads.front().map_or(1, |first| batch_max(&first.operation).max(1));
        // A hint may be about one more for the batch.
        if due < batch_max && self.hinted {
            return self.ask(now);
        }
        Turn::Start(self.start(&next, now, batch_max))
    }

    /// An attempt that `Turn::Start` asked for is over, and what it told about the system.
    pub fn ended(&mut self, ids: &[TransmissionId], told: Told, now: Timestamp) {
        let mut first = None;
        for id in ids {
            let flight = self.flying.remove(id);
            first = first.or(flight);
        }
        if let Some(flight) = first {
            self.gates.end(&flight.operation, flight.group.as_ref(), now);
            let of_class = &mut self.attempts_of[flight.class.rank()];
            *of_class = of_class.saturating_sub(1);
            match told {
                Told::Answered => self.adaptive.answered(self.crowded),
                Told::Failed { .. } => self.adaptive.failed(flight.mark),
                Told::Nothing => {}
            }
        }
        self.attempts = self.attempts.saturating_sub(1);
        let was_probing = matches!(self.breaker, Breaker::Probing { .. });
        self.breaker = self.breaker.told(told, &self.settings.breaker, now);
        if was_probing && matches!(self.breaker, Breaker::Closed { .. }) {
            self.adaptive.restart();
        }
        // Those behind in its line may be first now, and it may be due again itself.
        self.hinted = true;
    }

    /// Whether no attempt may start now, and until when.
    fn blocked(&self, now: Timestamp, rate: Result<(), Timestamp>) -> Option<Option<Timestamp>> {
        match self.breaker.ask(now) {
            Verdict::Wait { until } => return Some(until),
            Verdict::Probe if self.attempts > 0 => return Some(None),
            Verdict::Probe | Verdict::Go => {}
        }
        if self.attempts >= self.slots() {
            return Some(None);
        }
        rate.err().map(Some)
    }

    fn ask(&self, now: Timestamp) -> Turn {
        let free = self.slots().saturating_sub(self.attempts);
        let heads_max = free.saturating_mul(self.settings.batch_widest).clamp(READ_MIN, READ_MAX);
        let mut under_way = BTreeMap::new();
        for flight in self.flying.values() {
            *under_way.entry(flight.lane.clone()).or_insert(0) += 1;
        }
        let look = Look { behind: self.read_behind.clone(), lanes_max: LANES_MAX, heads_max, under_way };
        Turn::Read { until: now + LOOK_AHEAD, look }
    }

    /// The lane that has the next turn.
    ///
    /// # Errors
    /// None may go; from when on a limit opens again, if that is known.
    fn choose(&mut self, now: Timestamp) -> Result<Next, Option<Timestamp>> {
        let mut opens: Option<Timestamp> = None;
        let mut candidates: [Option<String>; 3] = Default::default();
        for class in Criticality::ALL {
            let rank = class.rank();
            if self.attempts_of[rank..].iter().sum::<usize>() >= self.slots_of(class) {
                continue;
            }
            // Those behind the one that was served last come first, then from the beginning.
            let mut first_of_all = None;
            for (name, lane) in self.ready.iter().filter(|(_, lane)| lane.class == class) {
                let Some(first) = lane.heads.front().filter(|head| head.due_at <= now) else { continue };
                let is_behind = *name > self.served[rank];
                if !is_behind && first_of_all.is_some() {
                    continue;
                }
                match self.gates.ask(first, now) {
                    Ok(()) if is_behind => {
                        candidates[rank] = Some(name.clone());
                        break;
                    }
                    Ok(()) => first_of_all = Some(name.clone()),
                    Err(Shut::Until(at)) => opens = Some(opens.map_or(at, |known| known.min(at))),
                    Err(Shut::Busy) => {}
                }
            }
            if candidates[rank].is_none() {
                candidates[rank] = first_of_all;
            }
        }
        let could = |rank: &usize| candidates[*rank].is_some();
        let waited = |rank: &usize| could(rank) && self.passed_over[*rank] >= PASSED_OVER_MAX;
        let Some(rank) = (0..3).rev().find(waited).or_else(|| (0..3).find(could)) else { return Err(opens) };
        let passes_over = std::array::from_fn(|other| other > rank && candidates[other].is_some());
        match candidates[rank].take() {
            Some(lane) => Ok(Next { lane, passes_over }),
            None => Err(opens),
        }
    }

    /// How many slots a class and those less urgent may fill together: they leave one for each more urgent class, but
    /// have one at least.
    fn slots_of(&self, class: Criticality) -> usize {
        let more_urgent = self.settings.classes.iter().take(class.rank()).filter(|used| **used).count();
        self.slots().saturating_sub(more_urgent).max(1)
    }

    /// When there may be something to do, if nobody tells before.
    fn next_look(&self, now: Timestamp, opens: Option<Timestamp>) -> Option<Timestamp> {
        let first = self.ready.values().filter_map(|lane| lane.heads.front()).map(|head| head.due_at);
        let later = first.filter(|due_at| *due_at > now).min();
        let round = self.unseen.then(|| self.read_at + HINT_WAIT);
        [Some(self.known_to), later, opens, round].into_iter().flatten().min()
    }

    /// Takes the first of the lane, and as many more of it as go with it.
    fn start(&mut self, next: &Next, now: Timestamp, batch_max: usize) -> Vec<Transmission> {
        let name = next.lane.as_str();
        let Some(lane) = self.ready.get_mut(name) else { return Vec::new() };
        let count = lane.due(now).min(batch_max);
        let job: Vec<Transmission> = lane.heads.drain(..count).collect();
        // Behind the last one that was read there are more.
        self.run_out = lane.is_cut && lane.heads.is_empty();
        let class = lane.class;
        self.served[class.rank()] = name.to_owned();
        if self.unseen {
            self.read_behind[class.rank()] = name.to_owned();
        }
        self.passed_over[class.rank()] = 0;
        for (passed_over, is_passed) in self.passed_over.iter_mut().zip(next.passes_over) {
            *passed_over += u32::from(is_passed);
        }
        self.attempts += 1;
        self.attempts_of[class.rank()] += 1;
        let mark = self.adaptive.mark();
        if let Some(first) = job.first() {
            self.gates.begin(first, now);
        }
        for it in &job {
            let (operation, group) = (it.operation.clone(), it.group.clone());
            self.flying.insert(it.id, Flight { lane: name.to_owned(), class, operation, group, mark });
        }
        if self.breaker.ask(now) == Verdict::Probe {
            self.breaker = self.breaker.probing();
        }
        job
    }
}

impl Lane {
    /// How many from the first on are due.
    fn due(&self, now: Timestamp) -> usize {
        self.heads.iter().take_while(|head| head.due_at <= now).count()
    }
}

/// The class that a lane's name begins with.
fn class_of(lane: &str) -> Option<Criticality> {
    let rank = lane.split('/').next()?.parse::<usize>().ok()?;
    Criticality::ALL.get(rank).copied()
}

#[cfg(test)]
mod tests;
