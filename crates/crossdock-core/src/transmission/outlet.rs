//! What goes out to one system, and when: the turn of each transmission, within the system's concurrency, rate and
//! breaker, and never the same one twice at once. It holds the heads of lines it has read and asks for more when it
//! runs out. Pure: whoever drives it reads the store, carries out the attempts and tells how they ended.

use std::collections::{HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::Transmission;
use super::breaker::{Breaker, BreakerSettings, Told, Verdict};
use crate::ids::TransmissionId;

/// How far ahead it wants to know what becomes due; after this long it looks again even if no hint came.
pub const LOOK_AHEAD: SignedDuration = SignedDuration::from_secs(5);
/// Heads it asks for at least, so that a long queue is not read anew for every attempt.
const READ_MIN: usize = 64;
/// Heads it asks for at most besides those under way (I10).
const READ_MAX: usize = 512;

/// How one system may be treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutletSettings {
    /// Attempts under way at once.
    pub concurrency_max: usize,
    /// When it is given a rest.
    pub breaker: BreakerSettings,
    /// The largest batch any of its operations takes.
    pub batch_widest: usize,
}

/// The state of what goes out to one system.
#[derive(Clone, Debug)]
pub struct Outlet {
    settings: OutletSettings,
    breaker: Breaker,
    /// Heads of lines as last read, earliest due first; none of them is under way.
    ready: VecDeque<Transmission>,
    /// Everything due before this instant was in the last read.
    known_to: Timestamp,
    /// Something may have become due that was not in the last read.
    hinted: bool,
    attempts: usize,
    flying: HashSet<TransmissionId>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Carry out one attempt at these, all of one operation.
    Start(Vec<Transmission>),
    /// Read the heads of lines that are due by `until`, earliest first, at most `limit`, and hand them to `read`.
    Read { until: Timestamp, limit: usize },
    /// Nothing until then, or until a hint or the end of an attempt.
    Wait { until: Option<Timestamp> },
}

impl Outlet {
    /// An outlet that has read nothing yet.
    pub fn new(settings: OutletSettings) -> Self {
        Self {
            settings,
            breaker: Breaker::default(),
            ready: VecDeque::new(),
            known_to: Timestamp::MIN,
            hinted: true,
            attempts: 0,
            flying: HashSet::new(),
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

    /// Something may have become due: a transmission was owed, released or resumed.
    pub fn hint(&mut self) {
        self.hinted = true;
    }

    /// Forgets what was read. For a pause of the system, after which other things may be first.
    pub fn forget(&mut self) {
        self.ready.clear();
        self.hinted = true;
    }

    /// Takes in what was read for `Turn::Read { until, limit }`.
    pub fn read(&mut self, heads: Vec<Transmission>, until: Timestamp, limit: usize) {
        // Behind the last of a full page there may be more that is due at the same instant.
        self.known_to = match heads.last() {
            Some(last) if heads.len() >= limit => last.due_at,
            _ => until,
        };
        self.hinted = false;
        // Where a repetition is safe, what is under way still stands as owed in the store.
        self.ready = heads.into_iter().filter(|head| !self.flying.contains(&head.id)).collect();
    }

    /// What to do now. `rate` tells from when on one more call is allowed, if not now; `batch_max` how many
    /// transmissions one attempt at an operation may carry.
    pub fn turn(&mut self, now: Timestamp, rate: Result<(), Timestamp>, batch_max: &dyn Fn(&str) -> usize) -> Turn {
        if let Some(until) = self.blocked(now, rate) {
            return Turn::Wait { until };
        }
        let due = self.ready.iter().take_while(|head| head.due_at <= now).count();
        let first_batch = self.ready.front().filter(|_| due > 0).map(|first| batch_max(&first.operation).max(1));
        let is_stale = self.hinted || self.known_to <= now || self.known_to > now + LOOK_AHEAD;
        match first_batch {
            None if is_stale => self.ask(now),
            // A hint may be about one more for the batch.
            Some(batch_max) if due < batch_max && self.hinted => self.ask(now),
            None => {
                let first = self.ready.front().map_or(self.known_to, |head| head.due_at.min(self.known_to));
                Turn::Wait { until: Some(first) }
            }
            Some(batch_max) => Turn::Start(self.start(now, batch_max)),
        }
    }

    /// An attempt that `Turn::Start` asked for is over, and what it told about the system.
    pub fn ended(&mut self, ids: &[TransmissionId], told: Told, now: Timestamp) {
        for id in ids {
            self.flying.remove(id);
        }
        self.attempts = self.attempts.saturating_sub(1);
        self.breaker = self.breaker.told(told, &self.settings.breaker, now);
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
        if self.attempts >= self.settings.concurrency_max {
            return Some(None);
        }
        rate.err().map(Some)
    }

    fn ask(&self, now: Timestamp) -> Turn {
        let free = self.settings.concurrency_max.saturating_sub(self.attempts);
        let wanted = free.saturating_mul(self.settings.batch_widest).clamp(READ_MIN, READ_MAX);
        Turn::Read { until: now + LOOK_AHEAD, limit: self.flying.len() + wanted }
    }

    /// Takes the first that is due, and as many more of its operation as go with it.
    fn start(&mut self, now: Timestamp, batch_max: usize) -> Vec<Transmission> {
        let mut job: Vec<Transmission> = Vec::new();
        let mut rest = VecDeque::with_capacity(self.ready.len());
        for head in std::mem::take(&mut self.ready) {
            let goes_along = job.first().is_none_or(|first| first.operation == head.operation);
            match head.due_at <= now && job.len() < batch_max && goes_along {
                true => job.push(head),
                false => rest.push_back(head),
            }
        }
        self.ready = rest;
        self.attempts += 1;
        self.flying.extend(job.iter().map(|transmission| transmission.id));
        if self.breaker.ask(now) == Verdict::Probe {
            self.breaker = self.breaker.probing();
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, owed};
    use super::*;
    use uuid::Uuid;

    fn outlet(concurrency_max: usize, batch_widest: usize) -> Outlet {
        let breaker = BreakerSettings { failures_max: 2, open_ms: 1_000, open_ms_max: 8_000 };
        Outlet::new(OutletSettings { concurrency_max, breaker, batch_widest })
    }

    fn head(n: u128, operation: &str, due_s: i64) -> Transmission {
        Transmission { id: id(n), operation: operation.into(), due_at: at(due_s), ..owed() }
    }

    fn id(n: u128) -> TransmissionId {
        TransmissionId(Uuid::from_u128(n))
    }

    fn ids(job: &[Transmission]) -> Vec<TransmissionId> {
        job.iter().map(|transmission| transmission.id).collect()
    }

    /// Drives an outlet over these heads until it waits; returns the jobs it started and until when it waits.
    fn drive(
        outlet: &mut Outlet,
        now: i64,
        heads: &[Transmission],
        batch: usize,
    ) -> (Vec<Vec<TransmissionId>>, Option<i64>) {
        let mut started = Vec::new();
        for _ in 0..1_000 {
            match outlet.turn(at(now), Ok(()), &|_| batch) {
                Turn::Start(job) => started.push(ids(&job)),
                Turn::Read { until, limit } => {
                    let mut due: Vec<_> = heads.iter().filter(|head| head.due_at <= until).cloned().collect();
                    due.sort_by_key(|head| head.due_at);
                    due.truncate(limit);
                    outlet.read(due, until, limit);
                }
                Turn::Wait { until } => return (started, until.map(|at| at.as_second())),
            }
        }
        panic!("it never waits");
    }

    #[test]
    fn starts_what_is_due_and_wakes_for_what_will_be() {
        let mut outlet = outlet(8, 1);
        let heads = [head(1, "a", 0), head(2, "a", 3), head(3, "a", 60)];
        assert_eq!(drive(&mut outlet, 0, &heads, 1), (vec![vec![id(1)]], Some(3)), "though one is under way all along");
        assert_eq!(drive(&mut outlet, 3, &heads, 1).0, [vec![id(2)]]);
        outlet.ended(&[id(1)], Told::Answered, at(4));
        assert_eq!(drive(&mut outlet, 4, &heads[1..], 1), (vec![], Some(9)), "looks again after a while, hint or not");
    }

    #[test]
    fn keeps_to_its_concurrency_and_never_starts_one_twice() {
        let mut outlet = outlet(3, 1);
        let heads: Vec<_> = (1..=200).map(|n| head(n, "a", 0)).collect();
        let (started, until) = drive(&mut outlet, 0, &heads, 1);
        assert_eq!((started, until), ((1..=3).map(|n| vec![id(n)]).collect(), None));
        outlet.ended(&[id(2)], Told::Answered, at(0));
        let (started, _) = drive(&mut outlet, 0, &heads, 1);
        assert_eq!(started, [vec![id(4)]], "2 is not read again while it is thought to be in the page it came from");
    }

    #[test]
    fn a_long_queue_is_read_in_pages() {
        let mut outlet = outlet(1, 1);
        let mut heads: Vec<_> = (1..=500).map(|n| head(n, "a", 0)).collect();
        let (mut reads, mut seen) = (0, 0);
        while seen < 500 {
            match outlet.turn(at(0), Ok(()), &|_| 1) {
                Turn::Read { until, limit } => {
                    reads += 1;
                    outlet.read(heads.iter().take(limit).cloned().collect(), until, limit);
                }
                Turn::Start(job) => {
                    seen += 1;
                    heads.retain(|head| head.id != job[0].id);
                    outlet.ended(&ids(&job), Told::Answered, at(0));
                }
                Turn::Wait { until } => panic!("waits until {until:?} with {} left", heads.len()),
            }
        }
        assert!(reads <= 500 / READ_MIN + 1, "{reads} reads");
    }

    #[test]
    fn batches_are_of_one_operation_and_wait_for_nobody() {
        let mut outlet = outlet(4, 3);
        let heads =
            [head(1, "a", 0), head(2, "b", 0), head(3, "a", 0), head(4, "a", 0), head(5, "a", 0), head(6, "a", 9)];
        let (started, _) = drive(&mut outlet, 0, &heads, 3);
        assert_eq!(started, [vec![id(1), id(3), id(4)], vec![id(2)], vec![id(5)]]);
    }

    #[test]
    fn a_full_page_of_heads_under_way_hides_nobody() {
        let mut outlet = outlet(200, 1);
        let heads: Vec<_> = (1..=400).map(|n| head(n, "a", 0)).collect();
        let (started, until) = drive(&mut outlet, 0, &heads, 1);
        assert_eq!((started.len(), until), (200, None));
        outlet.ended(&[id(7)], Told::Answered, at(0));
        let left: Vec<_> = heads.iter().filter(|head| head.id != id(7)).cloned().collect();
        assert_eq!(drive(&mut outlet, 0, &left, 1).0.len(), 1);
    }

    #[test]
    fn an_open_breaker_lets_one_probe_out_alone() {
        let mut outlet = outlet(8, 1);
        let heads: Vec<_> = (1..=20).map(|n| head(n, "a", 0)).collect();
        assert_eq!(drive(&mut outlet, 0, &heads, 1).0.len(), 8);
        for n in 1..=2 {
            outlet.ended(&[id(n)], Told::Failed { wait_ms: None }, at(0));
        }
        assert_eq!(drive(&mut outlet, 0, &heads, 1), (vec![], Some(1)));
        assert_eq!(drive(&mut outlet, 1, &heads, 1), (vec![], None), "six are still out");
        for n in 3..=8 {
            outlet.ended(&[id(n)], Told::Answered, at(1));
        }
        assert_eq!(drive(&mut outlet, 1, &heads[8..], 1), (vec![vec![id(9)]], None));
        assert_eq!(outlet.breaker().word(), "probing");
        outlet.ended(&[id(9)], Told::Answered, at(1));
        assert_eq!(drive(&mut outlet, 1, &heads[9..], 1).0.len(), 8);
    }

    #[test]
    fn the_rate_holds_back_what_is_due() {
        let mut outlet = outlet(8, 1);
        outlet.read(vec![head(1, "a", 0)], at(5), 64);
        assert_eq!(outlet.turn(at(0), Err(at(2)), &|_| 1), Turn::Wait { until: Some(at(2)) });
        assert!(matches!(outlet.turn(at(2), Ok(()), &|_| 1), Turn::Start(_)));
    }

    #[test]
    fn a_clock_set_back_does_not_blind_it() {
        let mut outlet = outlet(8, 1);
        drive(&mut outlet, 10_000, &[], 1);
        assert!(matches!(outlet.turn(at(0), Ok(()), &|_| 1), Turn::Read { .. }));
    }
}
