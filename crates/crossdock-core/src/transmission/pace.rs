//! How fast a system may be called: a token bucket over calls.

use jiff::Timestamp;

use super::schedule::later;

/// Calls per second and how many may come at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceLimit {
    /// Calls per 1000 seconds, so that slow rates stay whole numbers.
    pub per_1000_s: u64,
    pub burst: u64,
}

/// The bucket. Counts in thousandths of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    limit: Option<PaceLimit>,
    milli_tokens: u64,
    filled_at: Option<Timestamp>,
}

impl Pace {
    /// No limit when `None`.
    pub fn new(limit: Option<PaceLimit>) -> Self {
        Self { limit, milli_tokens: limit.map_or(0, |limit| limit.burst.max(1) * 1000), filled_at: None }
    }

    /// Takes one call, or says when the next may go.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let Some(limit) = self.limit else { return Ok(()) };
        self.fill(limit, now);
        if self.milli_tokens >= 1000 {
            self.milli_tokens -= 1000;
            return Ok(());
        }
        let missing = 1000 - self.milli_tokens;
        Err(later(now, (missing * 1000).div_ceil(limit.per_1000_s.max(1))))
    }

    fn fill(&mut self, limit: PaceLimit, now: Timestamp) {
        let Some(filled_at) = self.filled_at else {
            self.filled_at = Some(now);
            return;
        };
        let elapsed_ms = u64::try_from(now.duration_since(filled_at).as_millis()).unwrap_or(0);
        let gained = elapsed_ms.saturating_mul(limit.per_1000_s) / 1000;
        if gained > 0 {
            self.milli_tokens = self.milli_tokens.saturating_add(gained).min(limit.burst.max(1) * 1000);
            self.filled_at = Some(now);
        }
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
        assert!(pace.take(at(101)).is_ok());
    }
}
