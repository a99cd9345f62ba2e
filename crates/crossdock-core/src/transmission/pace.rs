//! How fast a system may be called: a token bucket over calls, and what the system itself says it still takes.

use jiff::{SignedDuration, Timestamp};

use super::quota::Quota;
use super::schedule::later;

/// Calls per second and how many may come at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceLimit {
    /// Calls per 1000 seconds, so that slow rates stay whole numbers.
    pub per_1000_s: u64,
    /// Calls that may come at once after a rest.
    pub burst: u64,
}

/// One call in the bucket's unit, a millionth of a call: then a millisecond is worth `per_1000_s` exactly.
const CALL: u64 = 1_000_000;

/// The bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    limit: Option<PaceLimit>,
    filled: u64,
    filled_at: Option<Timestamp>,
    allowance: Option<Allowance>,
}

/// What the system said it still takes, less what was sent since.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowance {
    remaining: u64,
    said_at: Timestamp,
    until: Timestamp,
}

/// Ends of windows that differ by less are the same one: systems tell whole seconds.
const SAME_WINDOW: SignedDuration = SignedDuration::from_millis(1_500);

impl Pace {
    /// A full bucket; no limit when `None`.
    pub fn new(limit: Option<PaceLimit>) -> Self {
        Self { limit, filled: limit.map_or(0, PaceLimit::full), filled_at: None, allowance: None }
    }

    /// Takes one call, or says when the next may go.
    ///
    /// # Errors
    /// The instant from which on one more call is allowed.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.ready(now)?;
        if self.limit.is_some() {
            self.filled -= CALL;
        }
        if let Some(allowance) = &mut self.allowance {
            allowance.remaining = allowance.remaining.saturating_sub(1);
        }
        Ok(())
    }

    /// Whether a call may go now, without taking it.
    ///
    /// # Errors
    /// The instant from which on one more call is allowed.
    pub fn ready(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.forget_what_is_over(now);
        if let Some(spent) = self.allowance.as_ref().filter(|allowance| allowance.remaining == 0) {
            return Err(spent.until);
        }
        let Some(limit) = self.limit else { return Ok(()) };
        self.fill(limit, now);
        match CALL.checked_sub(self.filled) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(later(now, missing.div_ceil(limit.per_1000_s.max(1)))),
        }
    }

    /// The system said how much more it takes. Answers of one window cross each other on their way, and calls under way
    /// are not in them: within a window the lower figure counts.
    pub fn told(&mut self, quota: Quota, now: Timestamp) {
        self.forget_what_is_over(now);
        let until = later(now, quota.reset_ms);
        let known = self.allowance.take();
        let same = known.filter(|known| until.duration_since(known.until).abs() < SAME_WINDOW);
        let (remaining, until) = match same {
            Some(known) => (quota.remaining.min(known.remaining), until.max(known.until)),
            None => (quota.remaining, until),
        };
        self.allowance = Some(Allowance { remaining, said_at: now, until });
    }

    /// Whether nothing holds anybody back, now or later, until the system says something.
    pub fn is_free(&mut self, now: Timestamp) -> bool {
        self.forget_what_is_over(now);
        self.limit.is_none() && self.allowance.is_none()
    }

    /// A window that is over says nothing any more, nor one that was told by a clock that has been set back since.
    fn forget_what_is_over(&mut self, now: Timestamp) {
        if self.allowance.as_ref().is_some_and(|known| known.until <= now || now < known.said_at) {
            self.allowance = None;
        }
    }

    /// Whether it has rested long enough to be as new.
    pub fn is_full(&mut self, now: Timestamp) -> bool {
        let Some(limit) = self.limit else { return true };
        self.fill(limit, now);
        self.filled == limit.full()
    }

    fn fill(&mut self, limit: PaceLimit, now: Timestamp) {
        let since = *self.filled_at.get_or_insert(now);
        match u64::try_from(now.duration_since(since).as_millis()) {
            Ok(0) => {}
            Ok(elapsed_ms) => {
                let gained = elapsed_ms.saturating_mul(limit.per_1000_s);
                self.filled = self.filled.saturating_add(gained).min(limit.full());
                self.filled_at = Some(later(since, elapsed_ms));
            }
            // The clock was set back: what it said before means nothing any more.
            Err(_) => self.filled_at = Some(now),
        }
    }
}

impl PaceLimit {
    fn full(self) -> u64 {
        self.burst.max(1).saturating_mul(CALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    #[test]
    fn what_the_system_still_takes_is_not_overdrawn() {
        let mut pace = Pace::new(None);
        assert!(pace.is_free(at(0)));
        pace.told(Quota { remaining: 3, reset_ms: 10_000 }, at(0));
        assert!((0..3).all(|n| pace.take(at(n)).is_ok()));
        assert_eq!(pace.take(at(5)), Err(at(10_000)));
        // Answers to the first calls come late and know nothing of the others.
        pace.told(Quota { remaining: 2, reset_ms: 9_500 }, at(400));
        assert_eq!(pace.ready(at(500)), Err(at(10_000)));
        assert_eq!((pace.take(at(10_000)), pace.is_free(at(10_000))), (Ok(()), true), "it counts anew");
        pace.told(Quota { remaining: 0, reset_ms: 60_000 }, at(20_000));
        assert_eq!(pace.ready(at(1_000)), Ok(()), "a clock set back does not make the rest longer");
    }

    proptest! {
        /// In one window never more is taken than the system allowed when it first said so.
        #[test]
        fn a_window_is_never_overdrawn(allowed in 0..50u64, steps in prop::collection::vec((any::<bool>(), 0..90i64), 0..200)) {
            let mut pace = Pace::new(None);
            pace.told(Quota { remaining: allowed, reset_ms: 30_000 }, at(0));
            let (mut now, mut taken, mut heard) = (0, 0, 0);
            for (answer, pause) in steps {
                now += pause;
                let left_ms = 30_000u64.saturating_sub(now as u64);
                if answer && heard < taken {
                    heard += 1;
                    pace.told(Quota { remaining: allowed.saturating_sub(heard), reset_ms: left_ms.max(1) }, at(now));
                } else if pace.take(at(now)).is_ok() {
                    taken += 1;
                }
                prop_assert!(now >= 30_000 || taken <= allowed, "{taken} of {allowed}");
            }
        }
    }

    #[test]
    fn lets_a_burst_through_then_keeps_the_rate() {
        let mut pace = Pace::new(Some(PaceLimit { per_1000_s: 10_000, burst: 3 }));
        let at = |ms| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms);
        for _ in 0..3 {
            assert_eq!(pace.take(at(0)), Ok(()));
        }
        assert_eq!(pace.take(at(0)), Err(at(100)));
        assert_eq!(pace.take(at(100)), Ok(()));
        assert_eq!(pace.take(at(150)), Err(at(200)));
        assert_eq!((0..10).filter(|_| pace.take(at(10_000)).is_ok()).count(), 3);
    }

    #[test]
    fn a_clock_that_jumps_back_neither_blocks_nor_floods() {
        let mut pace = Pace::new(Some(PaceLimit { per_1000_s: 1_000, burst: 1 }));
        let at = |s| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(s);
        assert!(pace.take(at(100)).is_ok());
        assert!(pace.take(at(50)).is_err());
        assert_eq!(pace.take(at(51)), Ok(()), "it does not wait until the clock is where it was");
        assert!(pace.take(at(51)).is_err());
    }

    #[test]
    fn looking_often_does_not_slow_it() {
        let mut pace = Pace::new(Some(PaceLimit { per_1000_s: 1_500, burst: 1 }));
        let at = |ms| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms);
        let taken = (0..100_000).filter(|ms| pace.take(at(*ms)).is_ok()).count();
        assert!((149..=151).contains(&taken), "{taken} in 100 s at 1.5 a second");
    }
}
