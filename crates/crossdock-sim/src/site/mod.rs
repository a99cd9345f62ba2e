//! A partner for rehearsals: it takes any request, or is an Odoo; it remembers every effect by the key of its sender;
//! and the weather around it answers 429 and 5xx, loses answers after the effect, is slow, or shuts the site for a while.
//! Nothing here reads a clock or opens a socket except `serve`.

mod ledger;
mod serve;

use std::time::{Duration, Instant};

use crossdock_core::exchange::Answer;
use jiff::Timestamp;
use serde::Serialize;

pub use ledger::{Effect, Ledger};
pub use serve::Site;

use crate::odoo::{Odoo, Reply, Request};

/// What stands behind the site's door.
#[derive(Debug)]
pub enum Behind {
    /// Takes whatever comes.
    Anything(Ledger),
    /// An Odoo, which knows by itself what is possible. Boxed: it is large.
    Odoo(Box<Odoo>),
}

/// What can go wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// 429 with `Retry-After`, before any effect.
    Busy,
    /// 500, 502 or 503, before any effect.
    Broken,
    /// The effect takes place, and the connection breaks before the answer.
    AnswerLost,
    /// The answer comes late.
    Slow,
}

/// How often what goes wrong, per 1000 requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    pub busy: u64,
    pub broken: u64,
    pub answer_lost: u64,
    pub slow: u64,
}

/// One thing that went wrong, and when the same request first went well after it.
#[derive(Clone, Debug)]
pub struct Mishap {
    pub trouble: Trouble,
    pub at: Instant,
    request: u64,
    pub recovered: Option<Duration>,
}

/// The state behind a site.
#[derive(Debug)]
pub struct State {
    pub behind: Behind,
    weather: Weather,
    lots: u64,
    pub mishaps: Vec<Mishap>,
    /// Requests that went well.
    pub good: u64,
    /// When the first request went well since [`State::wait_for_good`].
    good_since: Option<Option<Instant>>,
}

/// What the server is to do.
#[derive(Debug)]
pub(super) enum Doing {
    Answer(Answer, Duration),
    Silence,
}

/// How late a slow answer is.
const SLOW: Duration = Duration::from_millis(400);

impl State {
    /// In calm weather. `seed` decides which requests meet trouble once there is any.
    pub fn new(behind: Behind, seed: u64) -> Self {
        Self { behind, weather: Weather::default(), lots: seed, mishaps: Vec::new(), good: 0, good_since: None }
    }

    /// Changes the weather.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// From now on the first good request is waited for: [`State::first_good`] tells when it came.
    pub fn wait_for_good(&mut self) {
        self.good_since = Some(None);
    }

    /// When the first request went well since it was waited for.
    pub fn first_good(&self) -> Option<Instant> {
        self.good_since.flatten()
    }

    /// The ledger, where the site takes anything.
    pub fn ledger(&self) -> Option<&Ledger> {
        match &self.behind {
            Behind::Anything(ledger) => Some(ledger),
            Behind::Odoo(_) => None,
        }
    }

    /// The Odoo, where the site is one.
    pub fn odoo(&self) -> Option<&Odoo> {
        match &self.behind {
            Behind::Anything(_) => None,
            Behind::Odoo(odoo) => Some(odoo),
        }
    }

    /// Takes a request. `stormy` is false for callers whom the weather does not concern.
    pub(super) fn take(&mut self, request: &Request<'_>, now: Timestamp, at: Instant, stormy: bool) -> Doing {
        let name = name_of(request);
        let trouble = if stormy { self.draw() } else { None };
        if let Some(trouble) = trouble {
            self.mishaps.push(Mishap { trouble, at, request: name, recovered: None });
        }
        match trouble {
            Some(Trouble::Busy) => {
                let headers = vec![("retry-after".to_owned(), "1".to_owned())];
                return Doing::Answer(Answer { status: 429, headers, body: b"{}".to_vec() }, Duration::ZERO);
            }
            Some(Trouble::Broken) => {
                let status = [500, 502, 503][self.lot(3) as usize];
                return Doing::Answer(Answer { status, headers: Vec::new(), body: b"{}".to_vec() }, Duration::ZERO);
            }
            _ => {}
        }
        let (answer, after) = match &mut self.behind {
            Behind::Anything(ledger) => (ledger.take(request, at), Duration::ZERO),
            Behind::Odoo(odoo) => match odoo.answer(request, now) {
                Reply::Answer { answer, after } => (answer, after),
                Reply::Silence { .. } => return Doing::Silence,
            },
        };
        match trouble {
            Some(Trouble::AnswerLost) => Doing::Silence,
            Some(Trouble::Slow) => Doing::Answer(answer, SLOW),
            _ => {
                if stormy && answer.status < 500 {
                    self.went_well(name, at);
                }
                Doing::Answer(answer, after)
            }
        }
    }

    fn went_well(&mut self, request: u64, at: Instant) {
        self.good += 1;
        if let Some(first @ None) = &mut self.good_since {
            *first = Some(at);
        }
        for mishap in self.mishaps.iter_mut().filter(|it| it.request == request && it.recovered.is_none()) {
            mishap.recovered = Some(at.duration_since(mishap.at));
        }
    }

    fn draw(&mut self) -> Option<Trouble> {
        let weather = self.weather;
        let lot = self.lot(1000);
        let kinds = [
            (Trouble::Busy, weather.busy),
            (Trouble::Broken, weather.broken),
            (Trouble::AnswerLost, weather.answer_lost),
            (Trouble::Slow, weather.slow),
        ];
        let mut below = 0;
        kinds.into_iter().find_map(|(trouble, share)| {
            below += share;
            (lot < below).then_some(trouble)
        })
    }

    /// A number below `bound` (SplitMix64).
    fn lot(&mut self, bound: u64) -> u64 {
        self.lots = self.lots.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.lots;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound.max(1)
    }
}

/// Tells requests apart: the sender's key, or else everything but the headers.
fn name_of(request: &Request<'_>) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hash = DefaultHasher::new();
    match ledger::key_of(request.headers) {
        Some(key) => key.hash(&mut hash),
        None => (request.method, request.path, request.body).hash(&mut hash),
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> Request<'a> {
        Request { method: "POST", path: "/orders", headers, body }
    }

    #[test]
    fn a_lost_answer_has_its_effect_and_the_repetition_gets_the_answer() {
        let mut state = State::new(Behind::Anything(Ledger::default()), 1);
        state.set_weather(Weather { answer_lost: 1000, ..Weather::default() });
        let headers = [("idempotency-key".to_owned(), "\"k1\"".to_owned())];
        let begun = Instant::now();
        let lost = state.take(&post(&headers, b"{}"), Timestamp::UNIX_EPOCH, begun, true);
        assert!(matches!(lost, Doing::Silence));
        state.set_weather(Weather::default());
        let again = state.take(&post(&headers, b"{}"), Timestamp::UNIX_EPOCH, begun, true);
        assert!(matches!(again, Doing::Answer(Answer { status: 200, .. }, _)));
        let effects = state.ledger().map(Ledger::effects).unwrap_or_default();
        assert_eq!((effects.len(), effects[0].repeats), (1, 1));
        assert!(state.mishaps[0].recovered.is_some());
    }

    #[test]
    fn trouble_before_the_effect_has_no_effect() {
        for weather in [Weather { busy: 1000, ..Weather::default() }, Weather { broken: 1000, ..Weather::default() }] {
            let mut state = State::new(Behind::Anything(Ledger::default()), 1);
            state.set_weather(weather);
            state.take(&post(&[], b"{}"), Timestamp::UNIX_EPOCH, Instant::now(), true);
            assert!(state.ledger().is_some_and(|ledger| ledger.effects().is_empty()));
        }
    }

    #[test]
    fn without_a_key_every_request_is_an_effect_of_its_own() {
        let mut ledger = Ledger::default();
        for _ in 0..2 {
            ledger.take(&post(&[], b"{}"), Instant::now());
        }
        assert_eq!(ledger.effects().len(), 2);
    }
}
