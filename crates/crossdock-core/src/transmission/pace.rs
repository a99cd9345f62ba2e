//! How fast a system may be called: a token bucket over calls.

use jiff::Timestamp;

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
}

impl Pace {
    /// A full bucket; no limit when `None`.
    pub fn new(limit: Option<PaceLimit>) -> Self {
        Self { limit, filled: limit.map_or(0, PaceLimit::full), filled_at: None }
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
        Ok(())
    }

    /// Whether a call may go now, without taking it.
    ///
    /// # Errors
    /// The instant from which on one more call is allowed.
    pub fn ready(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let Some(limit) = self.limit else { return Ok(()) };
        self.fill(limit, now);
        match CALL.checked_sub(self.filled) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(later(now, missing.div_ceil(limit.per_1000_s.max(1)))),
        }
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
    use jiff::SignedDuration;

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
