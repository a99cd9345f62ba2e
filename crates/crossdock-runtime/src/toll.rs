//! The rate of one system as its callers meet it: every call, of an attempt or of a poll, pays one toll. Those who are
//! at it already come before those who want to begin.

use std::time::Duration;

use crossdock_core::transmission::pace::{Pace, PaceLimit};
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::clock::{Clock, until_then};

/// How long a new attempt stands back when others already wait for the rate.
const STAND_BACK: Duration = Duration::from_millis(20);

/// The shared bucket of one system; `None` inside when the system has no limit.
#[derive(Debug)]
pub struct Toll(Option<Mutex<Pace>>);

impl Toll {
    /// A full bucket; free for all when `None`.
    pub fn new(limit: Option<PaceLimit>) -> Self {
        Self(limit.map(|limit| Mutex::new(Pace::new(Some(limit)))))
    }

    /// Whether every call is free.
    pub fn is_free(&self) -> bool {
        self.0.is_none()
    }

    /// Pays for one call, waiting until the rate allows it. First come, first served.
    pub async fn pay(&self, clock: &dyn Clock) {
        let Some(pace) = &self.0 else { return };
        let mut pace = pace.lock().await;
        loop {
            let now = clock.now();
            match pace.take(now) {
                Ok(()) => return,
                Err(until) => clock.sleep(until_then(now, until)).await,
            }
        }
    }

    /// Whether a call could be paid for now.
    ///
    /// # Errors
    /// When to ask again.
    pub fn ready(&self, now: Timestamp) -> Result<(), Timestamp> {
        let Some(pace) = &self.0 else { return Ok(()) };
        match pace.try_lock() {
            Ok(mut pace) => pace.ready(now),
            Err(_) => Err(now + STAND_BACK),
        }
    }

    /// Pays for one call that `ready` allowed; false when somebody else was quicker.
    pub fn try_pay(&self, now: Timestamp) -> bool {
        let Some(pace) = &self.0 else { return true };
        pace.try_lock().is_ok_and(|mut pace| pace.take(now).is_ok())
    }
}
