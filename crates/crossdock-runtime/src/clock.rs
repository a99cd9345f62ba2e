//! The one place in the shell that looks at the clock.

use std::time::Duration;

use jiff::Timestamp;

/// Where the shell gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// How long to sleep from `now` until `then`: at least a millisecond, so that waiting never becomes spinning.
pub(crate) fn until_then(now: Timestamp, then: Timestamp) -> Duration {
    let wait = then.duration_since(now);
    Duration::try_from(wait).unwrap_or(Duration::ZERO).max(Duration::from_millis(1))
}
