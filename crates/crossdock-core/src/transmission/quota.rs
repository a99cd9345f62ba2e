//! What a system says of how much more it takes: the `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers in their
//! present and earlier forms, and the `X-RateLimit-*` fields that came before them, where they can be read exactly.

use jiff::Timestamp;

use super::AFTER_MS_MAX;
use crate::exchange::Answer;

/// How many more calls a system takes until it counts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls it still takes.
    pub remaining: u64,
    /// In how many milliseconds it counts anew; at most an hour is believed.
    pub reset_ms: u64,
}

impl Quota {
    /// What an answer says, the strictest where it says several things. What cannot be read says nothing.
    pub fn of(answer: &Answer, now: Timestamp) -> Option<Quota> {
        let said = match answer.header("ratelimit") {
            Some(field) => strictest(field),
            None => pair(answer, "ratelimit-remaining", "ratelimit-reset")
                .map(|(remaining, reset)| (remaining, reset.saturating_mul(1000)))
                .or_else(|| older(answer, now)),
        };
        let (remaining, reset_ms) = said?;
        Some(Quota { remaining, reset_ms: reset_ms.min(AFTER_MS_MAX) })
    }
}

/// `"default";r=50;t=30, "day";r=900;t=3600`, or as the drafts before the eighth wrote it: `limit=100, remaining=50, reset=5`.
fn strictest(field: &str) -> Option<(u64, u64)> {
    let items = field.split(',').map(|item| item.split(';').filter_map(parameter).collect::<Vec<_>>());
    let of_item = |item: Vec<(&str, u64)>| Some((find(&item, "r")?, find(&item, "t")?.saturating_mul(1000)));
    let present = items.clone().filter_map(of_item).min_by(|one, other| tightness(one).cmp(&tightness(other)));
    present.or_else(|| {
        let all: Vec<(&str, u64)> = items.flatten().collect();
        Some((find(&all, "remaining")?, find(&all, "reset")?.saturating_mul(1000)))
    })
}

/// Lower is tighter: calls in a time, and of those that take none, the one that lasts longest.
fn tightness((remaining, reset_ms): &(u64, u64)) -> (u128, u64) {
    (u128::from(*remaining) * 1_000_000 / u128::from((*reset_ms).max(1)), u64::MAX - reset_ms)
}

fn parameter(part: &str) -> Option<(&str, u64)> {
    let (name, value) = part.trim().split_once('=')?;
    Some((name.trim(), value.trim().parse().ok()?))
}

fn find(parameters: &[(&str, u64)], name: &str) -> Option<u64> {
    parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn pair(answer: &Answer, remaining: &str, reset: &str) -> Option<(u64, u64)> {
    let number = |name| answer.header(name)?.trim().parse::<u64>().ok();
    Some((number(remaining)?, number(reset)?))
}

/// `X-RateLimit-Reset` is the seconds that are left at some, the instant in seconds or milliseconds since 1970 at others.
/// Which one it is shows in its size: no window lasts thirty years.
fn older(answer: &Answer, now: Timestamp) -> Option<(u64, u64)> {
    let (remaining, reset) = pair(answer, "x-ratelimit-remaining", "x-ratelimit-reset")
        .or_else(|| pair(answer, "x-rate-limit-remaining", "x-rate-limit-reset"))?;
    let now_ms = u64::try_from(now.as_millisecond()).ok()?;
    let reset_ms = match reset {
        0..1_000_000_000 => reset.saturating_mul(1000),
        1_000_000_000..1_000_000_000_000 => (reset * 1000).checked_sub(now_ms)?,
        _ => reset.checked_sub(now_ms)?,
    };
    Some((remaining, reset_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("in range")
    }

    fn read(headers: &[(&str, &str)]) -> Option<(u64, u64)> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = Answer { status: 200, headers, body: Vec::new() };
        Quota::of(&answer, now()).map(|quota| (quota.remaining, quota.reset_ms))
    }

    #[test]
    fn every_form_is_read() {
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(Headers<'_>, Option<(u64, u64)>)] = &[
            (&[("ratelimit", "\"default\";r=50;t=30")], Some((50, 30_000))),
            (&[("ratelimit", "\"burst\";r=9;t=1, \"day\";r=0;t=600, \"hour\";r=0;t=60")], Some((0, 600_000))),
            (&[("ratelimit", "\"burst\";r=9;t=1, \"hour\";r=100;t=60")], Some((100, 60_000))),
            (&[("ratelimit", "limit=100, remaining=5, reset=7")], Some((5, 7_000))),
            (&[("ratelimit-limit", "10"), ("ratelimit-remaining", "3"), ("ratelimit-reset", "4")], Some((3, 4_000))),
            (&[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "4")], Some((3, 4_000))),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1800000012")], Some((0, 12_000))),
            (&[("x-rate-limit-remaining", "1"), ("x-rate-limit-reset", "1800000000500")], Some((1, 500))),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "86400")], Some((0, 3_600_000))),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000000")], None),
            (&[("x-ratelimit-remaining", "0.5"), ("x-ratelimit-reset", "4")], None),
            (&[("x-ratelimit-remaining", "7")], None),
            (&[("ratelimit", "\"default\";r=50")], None),
            (&[("ratelimit", "later")], None),
            (&[], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(read(headers), *expected, "{headers:?}");
        }
    }

    proptest! {
        /// Whatever a system writes: no crash, and never a rest of more than an hour.
        #[test]
        fn nothing_it_says_holds_for_more_than_an_hour(field in "[ -~]{0,60}", number in any::<u64>()) {
            let digits = number.to_string();
            for said in [
                read(&[("ratelimit", &field)]),
                read(&[("ratelimit", &format!("\"x\";r={digits};t={digits}"))]),
                read(&[("x-ratelimit-remaining", &digits), ("x-ratelimit-reset", &digits)]),
            ] {
                prop_assert!(said.is_none_or(|(_, reset_ms)| reset_ms <= AFTER_MS_MAX));
            }
        }
    }
}
