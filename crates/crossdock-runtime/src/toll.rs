//! The rate of one system as its callers meet it: every call, of an attempt or of a poll, pays one toll. Those who are
//! at it already come before those who want to begin.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossdock_core::exchange::Exchange;
use crossdock_core::transmission::pace::{Pace, PaceLimit};
use crossdock_core::transmission::quota::Quota;
use jiff::Timestamp;

use crate::clock::{Clock, until_then};

/// How long a new attempt stands back when others already wait for the rate.
const STAND_BACK: Duration = Duration::from_millis(20);

/// The shared bucket of one system.
#[derive(Debug)]
pub struct Toll {
    pace: Mutex<Pace>,
    /// Held by whoever waits for the rate, first come, first served.
    first: tokio::sync::Mutex<()>,
    /// Nothing holds anybody back: then nobody waits at the locks either.
    free: AtomicBool,
}

impl Toll {
    /// A full bucket; free for all when `None`, until the system says how much it takes.
    pub fn new(limit: Option<PaceLimit>) -> Self {
        let pace = Mutex::new(Pace::new(limit));
        Self { pace, first: tokio::sync::Mutex::default(), free: AtomicBool::new(limit.is_none()) }
    }

    /// Whether every call is free.
    pub fn is_free(&self) -> bool {
        self.free.load(Ordering::Relaxed)
    }

    /// Pays for one call, waiting until the rate allows it. First come, first served.
    pub async fn pay(&self, clock: &dyn Clock) {
        if self.is_free() {
            return;
        }
        let _first = self.first.lock().await;
        loop {
            let now = clock.now();
            match self.take(now) {
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
        if self.is_free() {
            return Ok(());
        }
        match self.first.try_lock() {
            Ok(_) => self.lock().ready(now),
            Err(_) => Err(now + STAND_BACK),
        }
    }

    /// Pays for one call that `ready` allowed; false when somebody else was quicker.
    pub fn try_pay(&self, now: Timestamp) -> bool {
        self.is_free() || (self.first.try_lock().is_ok() && self.take(now).is_ok())
    }

    /// An answer came: what it says of how much more the system takes holds for everybody.
    pub fn heard(&self, exchange: &Exchange, now: Timestamp) {
        if let Some(quota) = exchange.result.as_ref().ok().and_then(|answer| Quota::of(answer, now)) {
            let mut pace = self.lock();
            pace.told(quota, now);
            self.free.store(false, Ordering::Relaxed);
        }
    }

    fn take(&self, now: Timestamp) -> Result<(), Timestamp> {
        let mut pace = self.lock();
        let taken = pace.take(now);
        self.mind(&mut pace, now);
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Once what the system said is over, nobody waits at the locks any more.
    fn mind(&self, pace: &mut Pace, now: Timestamp) {
        if pace.is_free(now) {
            self.free.store(true, Ordering::Relaxed);
        }
    }
}
