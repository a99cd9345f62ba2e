//! What waits to be written: bounded, in order, handed to the writer in groups; and the groups that are written and
//! wait for their sync, handed to the syncer one at a time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::encode::Prepared;
use crate::port::{CommitError, Done};

/// A changeset and whom to tell.
pub struct Submission {
    pub changeset: Prepared,
    pub done: Done,
}

/// A group that is in the log and not yet known to be on the disk, and what to tell whom once it is.
pub struct Unsynced {
    pub waiting: Vec<Done>,
    /// In the order of `waiting`.
    pub answers: Vec<Answer>,
    /// Something was written. Otherwise there are only refusals, which must not overtake what they refer to.
    pub is_written: bool,
    /// When its first changeset was taken.
    pub begun: Instant,
}

/// What one submitter is told.
pub type Answer = Result<(), CommitError>;

/// Limits of the queue and of one group.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    pub queued_max: usize,
    pub queued_bytes_max: usize,
    pub group_max: usize,
    pub group_bytes_max: usize,
}

/// How much a group holds already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    pub count: usize,
    pub bytes: usize,
}

/// What is expected is handed over in so many parts. More parts wake the writer more often; fewer leave it idle longer.
const PARTS: usize = 3;

pub struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    /// The writer waits here.
    filled: Condvar,
    /// The syncer waits here.
    handed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Submission>,
    bytes: usize,
    closed: bool,
    /// The writer sleeps until this many wait.
    wake_at: Option<usize>,
    /// Written, and the syncer's next.
    unsynced: Option<Unsynced>,
    /// The syncer is at work.
    syncing: bool,
    /// The writer has ended: nothing more will be handed over.
    written_out: bool,
    /// Why nothing can be written any more: what was reported as written may not be on the disk.
    broken: Option<String>,
}

impl State {
    /// A group committed now would wait for the one before it.
    fn is_syncing(&self) -> bool {
        self.syncing || self.unsynced.is_some()
    }
}

impl Queue {
    pub fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Mutex::default(), filled: Condvar::new(), handed: Condvar::new() }
    }

    /// Queues a submission, or gives its callback back with the reason. Never waits.
    pub fn push(&self, submission: Submission) -> Result<(), (Done, CommitError)> {
        let mut state = self.lock();
        if state.closed {
            let reason = state.broken.clone().unwrap_or_else(|| CLOSED.into());
            return Err((submission.done, CommitError::Unavailable(reason)));
        }
        // What waits already decides, not what comes: a large changeset is never kept out by small ones for good.
        if state.waiting.len() >= self.limits.queued_max || state.bytes >= self.limits.queued_bytes_max {
            return Err((submission.done, CommitError::Busy));
        }
        state.bytes += submission.changeset.bytes;
        state.waiting.push_back(submission);
        if state.wake_at.is_some_and(|wake_at| state.waiting.len() >= wake_at) {
            state.wake_at = None;
            drop(state);
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits until something waits, and takes it: the beginning of a group. `None` when the queue is closed and empty.
    pub fn first(&self) -> Option<Vec<Submission>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state.wake_at = Some(1);
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wake_at = None;
        Some(self.take(&mut state, Taken::default()))
    }

    /// More for a group that has `taken` so much. While the group before it is being synced, this waits for more: there
    /// is nothing to be gained by a commit. After that it waits up to `deadline` for up to `expected` changesets in all,
    /// because those that were answered together tend to come back together. It hands over what has come after each part
    /// of that, so that the writer works meanwhile. Empty when the group is to be committed.
    pub fn more(&self, taken: Taken, expected: usize, deadline: Instant) -> Vec<Submission> {
        let is_full = taken.count >= self.limits.group_max || taken.bytes >= self.limits.group_bytes_max;
        let missing = expected.min(self.limits.group_max).saturating_sub(taken.count);
        let mut state = self.lock();
        loop {
            let part = missing.max(if state.is_syncing() { PARTS } else { 0 }).div_ceil(PARTS);
            if state.closed || (!is_full && part > 0 && state.waiting.len() >= part) {
                break;
            }
            if state.is_syncing() {
                state.wake_at = Some(if is_full { usize::MAX } else { part });
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if is_full || missing == 0 {
                return Vec::new();
            }
            if left.is_zero() {
                break;
            }
            state.wake_at = Some(part);
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wake_at = None;
        match is_full {
            true => Vec::new(),
            false => self.take(&mut state, taken),
        }
    }

    /// Hands a written group to the syncer, after the one before it. Gives it back with the reason when nothing can be
    /// synced any more.
    pub fn hand_over(&self, unsynced: Unsynced) -> Result<(), (Unsynced, String)> {
        let mut state = self.lock();
        while state.unsynced.is_some() && state.broken.is_none() {
            state.wake_at = Some(usize::MAX);
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wake_at = None;
        if let Some(reason) = state.broken.clone() {
            return Err((unsynced, reason));
        }
        state.unsynced = Some(unsynced);
        drop(state);
        self.handed.notify_one();
        Ok(())
    }

    /// The next group to be synced; asking for it says that the last one is done. `None` when the writer has ended.
    pub fn next_unsynced(&self) -> Option<Unsynced> {
        let mut state = self.lock();
        state.syncing = false;
        if state.unsynced.is_none() && state.wake_at.is_some() {
            self.filled.notify_one();
        }
        loop {
            if let Some(unsynced) = state.unsynced.take() {
                state.syncing = true;
                if state.wake_at.is_some() {
                    self.filled.notify_one();
                }
                return Some(unsynced);
            }
            if state.written_out || state.broken.is_some() {
                return None;
            }
            state = self.handed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The writer hands nothing over any more.
    pub fn written_out(&self) {
        self.lock().written_out = true;
        self.handed.notify_all();
    }

    /// Nothing can be written any more. Gives back the group that waits for its sync.
    pub fn break_off(&self, reason: &str) -> Option<Unsynced> {
        let mut state = self.lock();
        state.closed = true;
        state.syncing = false;
        state.broken.get_or_insert_with(|| reason.to_owned());
        let unsynced = state.unsynced.take();
        drop(state);
        self.filled.notify_all();
        unsynced
    }

    /// No more submissions are taken; the writer drains what waits.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Takes everything out, for a writer that cannot go on.
    pub fn drain(&self) -> Vec<Done> {
        let mut state = self.lock();
        state.bytes = 0;
        state.waiting.drain(..).map(|submission| submission.done).collect()
    }

    /// Changesets and bytes that wait.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting.len(), state.bytes)
    }

    /// What waits, as far as the group has room for it; an empty group takes one in any case.
    fn take(&self, state: &mut State, taken: Taken) -> Vec<Submission> {
        let Taken { mut count, mut bytes } = taken;
        let mut more = Vec::with_capacity(state.waiting.len().min(self.limits.group_max.saturating_sub(count)));
        while let Some(next) = state.waiting.front() {
            bytes += next.changeset.bytes;
            let full = count >= self.limits.group_max || bytes > self.limits.group_bytes_max;
            if full && count > 0 {
                break;
            }
            count += 1;
            state.bytes -= next.changeset.bytes;
            more.extend(state.waiting.pop_front());
        }
        more
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason given for everything asked of a closed store.
pub const CLOSED: &str = "the store is closed because the hub is stopping";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: QueueLimits =
        QueueLimits { queued_max: 100, queued_bytes_max: 1000, group_max: 8, group_bytes_max: 500 };

    fn queue_of(count: usize, bytes: usize) -> Queue {
        let queue = Queue::new(LIMITS);
        for _ in 0..count {
            let changeset = Prepared { rows: Vec::new(), bytes };
            assert!(queue.push(Submission { changeset, done: Box::new(drop) }).is_ok(), "there is room");
        }
        queue
    }

    fn taken(count: usize, bytes: usize) -> Taken {
        Taken { count, bytes }
    }

    #[test]
    fn a_group_is_bounded_in_number_and_bytes_but_takes_one_in_any_case() {
        assert_eq!(queue_of(20, 1).first().expect("open").len(), 8);
        assert_eq!(queue_of(5, 200).first().expect("open").len(), 2);
        assert_eq!(queue_of(1, 900).first().expect("open").len(), 1);
    }

    #[test]
    fn more_is_taken_only_while_more_is_expected() {
        let later = Instant::now() + Duration::from_secs(60);
        let queue = queue_of(20, 1);
        assert_eq!(queue.more(taken(3, 3), 3, later).len(), 0, "as many as expected: to be committed");
        assert_eq!(queue.more(taken(3, 3), 6, later).len(), 5, "up to the limit of a group");
        assert_eq!(queue.more(taken(8, 8), 99, later).len(), 0, "the group is full");
        assert_eq!(queue.more(taken(1, 500), 6, later).len(), 0, "its bytes are full");
    }

    #[test]
    fn the_wait_ends_at_the_deadline_or_when_a_part_has_come() {
        let begun = Instant::now();
        assert_eq!(queue_of(0, 0).more(taken(1, 1), 4, begun + Duration::from_millis(20)).len(), 0);
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let queue = queue_of(1, 1);
        let begun = Instant::now();
        assert_eq!(queue.more(taken(1, 1), 4, begun + Duration::from_secs(60)).len(), 1, "a third of what is missing");
        queue.close();
        assert_eq!(queue.more(taken(1, 1), 4, begun + Duration::from_secs(60)).len(), 0, "nobody comes any more");
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(queue.first().is_none());
    }
}
