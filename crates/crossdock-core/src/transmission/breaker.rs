//! The circuit breaker of one system: after a row of failures nothing is sent for a while, then single probes, then
//! everything again.

use jiff::Timestamp;

use super::schedule::later;

/// When a breaker opens and how long it stays open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures_max: u32,
    /// First pause, in milliseconds; doubles with every failed probe.
    pub open_ms: u64,
    /// Longest pause, in milliseconds.
    pub open_ms_max: u64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures_max: 5, open_ms: 1_000, open_ms_max: 30_000 }
    }
}

/// The breaker's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Everything goes; this many attempts in a row have failed.
    Closed { failures: u32 },
    /// Nothing goes until then.
    Open { until: Timestamp, pause_ms: u64 },
    /// One attempt is out to see.
    Probing { pause_ms: u64 },
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker::Closed { failures: 0 }
    }
}

/// What the breaker says to another attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Go,
    /// Only this one, alone.
    Probe,
    Wait { until: Option<Timestamp> },
}

impl Breaker {
    pub fn ask(&self, now: Timestamp) -> Verdict {
        match self {
            Breaker::Closed { .. } => Verdict::Go,
            Breaker::Open { until, .. } if *until <= now => Verdict::Probe,
            Breaker::Open { until, .. } => Verdict::Wait { until: Some(*until) },
            Breaker::Probing { .. } => Verdict::Wait { until: None },
        }
    }

    /// The probe that `ask` allowed has begun.
    pub fn probing(&self) -> Breaker {
        match self {
            Breaker::Open { pause_ms, .. } => Breaker::Probing { pause_ms: *pause_ms },
            other => other.clone(),
        }
    }

    /// The system answered, whatever it said about the goods: it is there.
    pub fn answered(&self) -> Breaker {
        Breaker::default()
    }

    /// The system did not answer, or not sensibly.
    pub fn failed(&self, settings: &BreakerSettings, now: Timestamp) -> Breaker {
        match self {
            Breaker::Closed { failures } if failures + 1 < settings.failures_max => {
                Breaker::Closed { failures: failures + 1 }
            }
            Breaker::Closed { .. } => {
                Breaker::Open { until: later(now, settings.open_ms), pause_ms: settings.open_ms }
            }
            Breaker::Probing { pause_ms } => {
                let pause_ms = pause_ms.saturating_mul(2).min(settings.open_ms_max);
                Breaker::Open { until: later(now, pause_ms), pause_ms }
            }
            open @ Breaker::Open { .. } => open.clone(),
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Breaker::Closed { .. } => "closed",
            Breaker::Open { .. } => "open",
            Breaker::Probing { .. } => "probing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn opens_after_a_row_of_failures_probes_and_closes() {
        let settings = BreakerSettings { failures_max: 3, open_ms: 1_000, open_ms_max: 3_000 };
        let at = |ms| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms);
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker = breaker.failed(&settings, at(0));
            assert_eq!(breaker.ask(at(0)), Verdict::Go);
        }
        breaker = breaker.failed(&settings, at(0));
        assert_eq!(breaker.ask(at(999)), Verdict::Wait { until: Some(at(1_000)) });
        assert_eq!(breaker.ask(at(1_000)), Verdict::Probe);
        breaker = breaker.probing();
        assert_eq!(breaker.ask(at(1_000)), Verdict::Wait { until: None });
        breaker = breaker.failed(&settings, at(1_000));
        assert_eq!(breaker, Breaker::Open { until: at(3_000), pause_ms: 2_000 });
        breaker = breaker.probing().failed(&settings, at(3_000));
        assert_eq!(breaker, Breaker::Open { until: at(6_000), pause_ms: 3_000 });
        assert_eq!(breaker.probing().answered(), Breaker::Closed { failures: 0 });
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let settings = BreakerSettings { failures_max: 2, ..BreakerSettings::default() };
        let now = Timestamp::UNIX_EPOCH;
        let breaker = Breaker::default().failed(&settings, now).answered().failed(&settings, now);
        assert_eq!(breaker, Breaker::Closed { failures: 1 });
    }
}
