//! Simulated time, and the one thread on which everything happens. When nobody has anything to do, time jumps to the
//! next moment that somebody waits for.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crossdock_runtime::clock::{Clock, Sleep};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::dice::Dice;

/// When every world begins: 2026-03-02T08:00:00Z, in seconds.
const BEGINNING_S: i64 = 1_772_438_400;

/// Time as the simulated world has it, and the hub's clock, which may be set wrong.
#[derive(Clone)]
pub struct SimClock(Arc<Mutex<State>>);

struct State {
    /// Microseconds since the beginning.
    elapsed: u64,
    /// How far the hub's clock is ahead, in microseconds.
    ahead: i64,
    /// Who waits, by when it is time and by lot among those of the same moment.
    waiting: BTreeMap<Place, Waker>,
    /// Sleeps begun.
    sleeps: u64,
    /// Ids made.
    ids: u64,
    /// How often time jumped.
    jumps: u64,
    dice: Dice,
}

/// A moment, a lot, a number that nobody else has.
type Place = (u64, u64, u64);

impl SimClock {
    /// A clock at the beginning.
    pub fn new(dice: Dice) -> Self {
        let waiting = BTreeMap::new();
        Self(Arc::new(Mutex::new(State { elapsed: 0, ahead: 0, waiting, sleeps: 0, ids: 0, jumps: 0, dice })))
    }

    /// Runs `main` and whatever it spawns to the end of `main`, on this thread, under this clock.
    ///
    /// # Panics
    /// When the machine cannot make a runtime.
    pub fn run<T>(&self, main: impl Future<Output = T>) -> T {
        let clock = self.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .on_thread_park(move || clock.jump())
            .build()
            .expect("a runtime without I/O and timers needs nothing");
        runtime.block_on(main)
    }

    /// The present instant, as everybody but the hub sees it.
    pub fn true_now(&self) -> Timestamp {
        instant(self.lock().elapsed as i64)
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.lock().elapsed)
    }

    /// How often time jumped: the measure of work that a world does.
    pub fn jumps(&self) -> u64 {
        self.lock().jumps
    }

    /// Sets the hub's clock: so far ahead of the true time, or behind it.
    pub fn set_ahead(&self, ahead: SignedDuration) {
        self.lock().ahead = ahead.as_micros() as i64;
    }

    /// Nobody has anything to do: time goes on to the next moment that somebody waits for.
    fn jump(&self) {
        let next = {
            let mut state = self.lock();
            let next = state.waiting.pop_first();
            if let Some(((at, ..), _)) = &next {
                state.elapsed = state.elapsed.max(*at);
                state.jumps += 1;
            }
            next
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let state = self.lock();
        instant(state.elapsed as i64 + state.ahead)
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let mut state = self.lock();
        state.sleeps += 1;
        let place = (state.elapsed + time.as_micros() as u64, state.dice.throw(), state.sleeps);
        drop(state);
        Box::pin(Slumber { clock: self.clone(), place })
    }

    fn new_id(&self) -> Uuid {
        let mut state = self.lock();
        state.ids += 1;
        let milliseconds = instant(state.elapsed as i64 + state.ahead).as_millisecond() as u64;
        let mut rest = [0; 10];
        rest[2..].copy_from_slice(&state.ids.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid()
    }
}

fn instant(micros: i64) -> Timestamp {
    let beginning = Timestamp::from_second(BEGINNING_S).expect("a valid instant");
    beginning + SignedDuration::from_micros(micros)
}

/// Somebody waits.
struct Slumber {
    clock: SimClock,
    place: Place,
}

impl Future for Slumber {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.lock();
        // Before its turn has come by lot, it waits among those of the same moment.
        if state.elapsed >= self.place.0 && !state.waiting.contains_key(&self.place) {
            return Poll::Ready(());
        }
        let former = state.waiting.insert(self.place, context.waker().clone());
        // Outside of the lock: with its last waker a task goes, and whatever it holds.
        drop(state);
        drop(former);
        Poll::Pending
    }
}

impl Drop for Slumber {
    fn drop(&mut self) {
        let waker = self.clock.lock().waiting.remove(&self.place);
        drop(waker);
    }
}
