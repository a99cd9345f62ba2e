//! The circuit breaker of one system: after a row of failures nothing is sent for a while, then single probes, then
//! everything again. A system that asks for a pause gets it.

use jiff::Timestamp;

use super::schedule::later;
use super::{AFTER_MS_MAX, Outcome};
use crate::exchange::{Exchange, SendFault};

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
    /// It may start.
    Go,
    /// Only this one, alone.
    Probe,
    /// Not now; `None` until the probe that is out has come back.
    Wait { until: Option<Timestamp> },
}

/// What an attempt told about the system as a whole, whatever it meant for the goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The system is there and sane.
    Answered,
    /// It did not answer, or said that it cannot serve now; `wait_ms` is how long it asked to be left alone.
    Failed { wait_ms: Option<u64> },
    /// Nothing was asked of it.
    Nothing,
}

impl Told {
    /// Reads an attempt's end and what was said on the way. The last exchange tells about the system; the outcome tells
    /// whether the connector took a bad status for a bad moment (a refusal told as a 500 is an answer).
    pub fn by(outcome: &Outcome, exchanges: &[Exchange]) -> Self {
        let Some(last) = exchanges.last() else { return Told::Nothing };
        let wait_ms = match outcome {
            Outcome::Retry { after_ms, .. } => *after_ms,
            Outcome::Unknown { .. } => None,
            Outcome::Accepted { .. } | Outcome::Refused { .. } | Outcome::Unusable { .. } => return Told::Answered,
        };
        match &last.result {
            Err(SendFault::NotSent(_) | SendFault::Lost(_)) => Told::Failed { wait_ms },
            Ok(answer) if matches!(answer.status, 408 | 425 | 429 | 500..) => Told::Failed { wait_ms },
            Ok(_) | Err(SendFault::TooLarge(_)) => Told::Answered,
        }
    }

    /// What two attempts told together: one answer is enough.
    pub fn and(self, other: Told) -> Told {
        match (self, other) {
            (Told::Answered, _) | (_, Told::Answered) => Told::Answered,
            (Told::Failed { wait_ms: one }, Told::Failed { wait_ms: two }) => Told::Failed { wait_ms: one.max(two) },
            (Told::Nothing, told) | (told, Told::Nothing) => told,
        }
    }
}

impl Breaker {
    /// Whether another attempt may start.
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

    /// An attempt is over.
    pub fn told(&self, told: Told, settings: &BreakerSettings, now: Timestamp) -> Breaker {
        match told {
            Told::Answered => self.answered(),
            Told::Failed { wait_ms } => self.failed(wait_ms.map(|ms| ms.min(AFTER_MS_MAX)), settings, now),
            Told::Nothing => self.unasked(now),
        }
    }

    /// A late answer does not close an open breaker: it was asked before the failures, or the system wants its pause.
    fn answered(&self) -> Breaker {
        match self {
            open @ Breaker::Open { .. } => open.clone(),
            Breaker::Closed { .. } | Breaker::Probing { .. } => Breaker::default(),
        }
    }

    fn failed(&self, wait_ms: Option<u64>, settings: &BreakerSettings, now: Timestamp) -> Breaker {
        match (self, wait_ms) {
            (Breaker::Closed { failures }, None) if failures + 1 < settings.failures_max => {
                Breaker::Closed { failures: failures + 1 }
            }
            (Breaker::Closed { .. }, wait_ms) => {
                let until = later(now, wait_ms.unwrap_or(settings.open_ms));
                Breaker::Open { until, pause_ms: settings.open_ms }
            }
            (Breaker::Probing { pause_ms }, wait_ms) => {
                let pause_ms = pause_ms.saturating_mul(2).min(settings.open_ms_max);
                Breaker::Open { until: later(now, pause_ms.max(wait_ms.unwrap_or(0))), pause_ms }
            }
            (Breaker::Open { until, pause_ms }, wait_ms) => {
                let until = (*until).max(later(now, wait_ms.unwrap_or(0)));
                Breaker::Open { until, pause_ms: *pause_ms }
            }
        }
    }

    /// A probe that asked nothing leaves the question open: another one may go.
    fn unasked(&self, now: Timestamp) -> Breaker {
        match self {
            Breaker::Probing { pause_ms } => Breaker::Open { until: now, pause_ms: *pause_ms },
            other => other.clone(),
        }
    }

    /// The state in a word, for people.
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
    use crate::exchange::{Answer, Call, Method};
    use crate::value::Value;
    use jiff::SignedDuration;

    const FAILED: Told = Told::Failed { wait_ms: None };

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    #[test]
    fn opens_after_a_row_of_failures_probes_and_closes() {
        let settings = BreakerSettings { failures_max: 3, open_ms: 1_000, open_ms_max: 3_000 };
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker = breaker.told(FAILED, &settings, at(0));
            assert_eq!(breaker.ask(at(0)), Verdict::Go);
        }
        breaker = breaker.told(FAILED, &settings, at(0));
        assert_eq!(breaker.ask(at(999)), Verdict::Wait { until: Some(at(1_000)) });
        assert_eq!(breaker.ask(at(1_000)), Verdict::Probe);
        breaker = breaker.probing();
        assert_eq!(breaker.ask(at(1_000)), Verdict::Wait { until: None });
        breaker = breaker.told(FAILED, &settings, at(1_000));
        assert_eq!(breaker, Breaker::Open { until: at(3_000), pause_ms: 2_000 });
        breaker = breaker.probing().told(FAILED, &settings, at(3_000));
        assert_eq!(breaker, Breaker::Open { until: at(6_000), pause_ms: 3_000 });
        assert_eq!(breaker.probing().told(Told::Answered, &settings, at(6_000)), Breaker::default());
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let settings = BreakerSettings { failures_max: 2, ..BreakerSettings::default() };
        let mut breaker = Breaker::default();
        for told in [FAILED, Told::Answered, FAILED] {
            breaker = breaker.told(told, &settings, at(0));
        }
        assert_eq!(breaker, Breaker::Closed { failures: 1 });
    }

    #[test]
    fn a_system_that_asks_for_a_pause_gets_it_and_late_answers_do_not_end_it() {
        let settings = BreakerSettings::default();
        let wait = |ms| Told::Failed { wait_ms: Some(ms) };
        let breaker = Breaker::default().told(wait(30_000), &settings, at(0));
        assert_eq!(breaker.ask(at(29_999)), Verdict::Wait { until: Some(at(30_000)) });
        let breaker = breaker.told(Told::Answered, &settings, at(10));
        let breaker = breaker.told(wait(5_000), &settings, at(20));
        assert_eq!(breaker.ask(at(20)), Verdict::Wait { until: Some(at(30_000)) });
        let absurd = Breaker::default().told(wait(u64::MAX), &settings, at(0));
        assert_eq!(absurd.ask(at(3_600_000)), Verdict::Probe);
    }

    #[test]
    fn a_probe_that_asked_nothing_lets_another_one_go() {
        let breaker = Breaker::Open { until: at(0), pause_ms: 1_000 }.probing();
        assert_eq!(breaker.told(Told::Nothing, &BreakerSettings::default(), at(5)).ask(at(5)), Verdict::Probe);
    }

    #[test]
    fn tells_a_system_in_trouble_from_a_record_in_trouble() {
        let call = Call { method: Method::Post, url: String::new(), headers: vec![], body: vec![], timeout_ms: 1 };
        let exchange = |result| [Exchange { call: call.clone(), result }];
        let answer = |status| exchange(Ok(Answer { status, headers: vec![], body: vec![] }));
        let retry = |after_ms| Outcome::Retry { reason: "r".into(), after_ms };
        let unknown = Outcome::Unknown { reason: "?".into() };
        let cases = [
            (Told::by(&retry(Some(7)), &answer(429)), Told::Failed { wait_ms: Some(7) }),
            (Told::by(&retry(None), &answer(503)), FAILED),
            (Told::by(&unknown, &exchange(Err(SendFault::Lost("reset".into())))), FAILED),
            (Told::by(&retry(None), &exchange(Err(SendFault::NotSent("dns".into())))), FAILED),
            (Told::by(&unknown, &exchange(Err(SendFault::TooLarge(1)))), Told::Answered),
            (Told::by(&retry(Some(7)), &answer(409)), Told::Answered),
            (Told::by(&retry(None), &answer(200)), Told::Answered),
            (Told::by(&Outcome::Refused { reason: "no".into() }, &answer(500)), Told::Answered),
            (Told::by(&Outcome::Accepted { result: Value::Null }, &answer(200)), Told::Answered),
            (Told::by(&Outcome::Refused { reason: "no".into() }, &[]), Told::Nothing),
        ];
        for (n, (told, expected)) in cases.into_iter().enumerate() {
            assert_eq!(told, expected, "case {n}");
        }
        assert_eq!(Told::Nothing.and(FAILED).and(Told::Answered), Told::Answered);
    }
}
