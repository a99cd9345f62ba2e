//! When numbered things happened, noted from many tasks at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// One moment per number; the first note counts.
#[derive(Debug)]
pub struct Moments {
    begun: Instant,
    /// Nanoseconds since `begun`; 0 is never.
    at_ns: Vec<AtomicU64>,
    count: AtomicUsize,
    /// Notes of what was already noted.
    again: AtomicUsize,
    noted: Notify,
}

impl Moments {
    pub fn new(room: usize) -> Self {
        Self {
            begun: Instant::now(),
            at_ns: (0..room).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicUsize::new(0),
            again: AtomicUsize::new(0),
            noted: Notify::new(),
        }
    }

    /// Notes that a number happened; a number there is no room for is ignored.
    pub fn note(&self, number: usize, at: Instant) {
        let Some(cell) = self.at_ns.get(number) else { return };
        let ns = at.saturating_duration_since(self.begun).as_nanos().max(1) as u64;
        match cell.compare_exchange(0, ns, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {
                self.count.fetch_add(1, Ordering::Release);
                self.noted.notify_waiters();
            }
            Err(_) => {
                self.again.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// How often something was noted that had been noted before.
    pub fn again(&self) -> usize {
        self.again.load(Ordering::Relaxed)
    }

    /// Waits until so many have happened, or the time is up; returns whether they have.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> bool {
        let all_noted = async {
            loop {
                let noted = self.noted.notified();
                if self.count() >= count {
                    return;
                }
                noted.await;
            }
        };
        tokio::time::timeout(limit, all_noted).await.is_ok()
    }

    /// Microseconds from each of `earlier` to the same number here, over a range; sorted, without what never happened.
    pub fn since(&self, earlier: &Moments, numbers: std::ops::Range<usize>) -> Vec<u32> {
        let offset = self.begun.saturating_duration_since(earlier.begun).as_nanos() as i128
            - earlier.begun.saturating_duration_since(self.begun).as_nanos() as i128;
        let between = |number: usize| {
            let here = self.at_ns.get(number)?.load(Ordering::Relaxed);
            let there = earlier.at_ns.get(number)?.load(Ordering::Relaxed);
            let ns = i128::from(here) + offset - i128::from(there);
            (here > 0 && there > 0).then(|| (ns.max(0) / 1000).min(i128::from(u32::MAX)) as u32)
        };
        let mut between: Vec<u32> = numbers.filter_map(between).collect();
        between.sort_unstable();
        between
    }
}
