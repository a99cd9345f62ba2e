//! When to try again: exponential back-off with a jitter that is derived, not drawn, so decisions stay repeatable.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::TransmissionId;

/// How a system wants to be retried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrySchedule {
    /// Wait before the second attempt, in milliseconds.
    pub first_ms: u64,
    /// No wait is longer than this, in milliseconds.
    pub longest_ms: u64,
    /// After this many attempts in a row of failures the transmission is paused.
    pub attempts_max: u32,
    /// After failing for this long the transmission is paused, in seconds.
    pub give_up_after_s: u64,
    /// A refusal counts only when it comes twice: the second try is made after this many milliseconds. `None`: the first
    /// refusal pauses the transmission.
    #[serde(default)]
    pub confirm_refused_ms: Option<u64>,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self {
            first_ms: 500,
            longest_ms: 60_000,
            attempts_max: 2_000,
            give_up_after_s: 24 * 3600,
            confirm_refused_ms: None,
        }
    }
}

impl RetrySchedule {
    /// When the attempt after number `failed` (counting from 1) may start. Doubles each time up to the longest wait,
    /// then moves into the upper half of it by a share that depends on the transmission and the attempt alone.
    pub fn next_at(&self, id: TransmissionId, failed: u32, now: Timestamp) -> Timestamp {
        let doubled = self.first_ms.saturating_mul(1u64 << failed.saturating_sub(1).min(30));
        let ceiling = doubled.min(self.longest_ms).max(1);
        let share = spread(id, failed);
        let wait_ms = ceiling / 2 + (ceiling - ceiling / 2) * share / 1000;
        later(now, wait_ms)
    }

    /// The same schedule after its last attempt: one more failure pauses the transmission.
    pub fn used_up(&self) -> Self {
        Self { attempts_max: 0, confirm_refused_ms: None, ..self.clone() }
    }

    /// Whether a transmission with this row of failures behind it is paused instead of tried again.
    pub fn is_used_up(&self, failed: u32, failing_since: Timestamp, now: Timestamp) -> bool {
        failed >= self.attempts_max
            || now.duration_since(failing_since)
                >= SignedDuration::from_secs(i64::try_from(self.give_up_after_s).unwrap_or(i64::MAX))
    }
}

/// `now` plus `ms`, at most the latest representable instant.
pub fn later(now: Timestamp, ms: u64) -> Timestamp {
    let wait = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A number from 0 to 1000 spread evenly over transmissions and attempts.
fn spread(id: TransmissionId, attempt: u32) -> u64 {
    let bits = id.0.as_u128() as u64 ^ (u64::from(attempt) << 32 | u64::from(attempt));
    // SplitMix64: a well-known finaliser, enough to scatter neighbours.
    let mut x = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) % 1001
}
