//! The one place in the shell that looks at the clock, waits for time to pass and makes ids.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

/// Ends when the time has passed.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the shell gets the time from. Whoever puts another one in its place holds everything in the shell that is not
/// decided by its input.
pub trait Clock: Send + Sync + 'static {
    /// The present instant. It may jump, in both directions, as clocks are set.
    fn now(&self) -> Timestamp;

    /// Lets time pass. Not disturbed by the clock being set.
    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(time))
    }

    /// An id that nobody else has, and that sorts by when it was made (UUIDv7).
    #[expect(clippy::disallowed_methods, reason = "this is the shell's source of ids")]
    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
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
