//! What waits to be written: bounded, in order, handed to the writer in groups.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::encode::Prepared;
use crate::port::{CommitError, Done};

/// A changeset and whom to tell.
pub struct Submission {
    pub changeset: Prepared,
    pub done: Done,
}

/// Limits of the queue and of one group.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    pub queued_max: usize,
    pub queued_bytes_max: usize,
    pub group_max: usize,
    pub group_bytes_max: usize,
}

pub struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    /// The writer waits here.
    filled: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Submission>,
    bytes: usize,
    closed: bool,
    /// The writer sleeps until this many wait.
    wake_at: Option<usize>,
}

impl Queue {
    pub fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Mutex::default(), filled: Condvar::new() }
    }

    /// Queues a submission, or gives its callback back with the reason. Never waits.
    pub fn push(&self, submission: Submission) -> Result<(), (Done, CommitError)> {
        let mut state = self.lock();
        if state.closed {
            return Err((submission.done, CommitError::Unavailable(CLOSED.into())));
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

    /// Waits for work and takes a group of it. Once something waits, lingers for up to `linger` until `expected`
    /// changesets wait, because those that were answered together tend to come back together. `None` when the queue is
    /// closed and empty.
    pub fn next_group(&self, expected: usize, linger: Duration) -> Option<Vec<Submission>> {
        let expected = expected.clamp(1, self.limits.group_max);
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state.wake_at = Some(1);
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let deadline = Instant::now() + linger;
        while state.waiting.len() < expected && state.bytes < self.limits.group_bytes_max && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.wake_at = Some(expected);
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wake_at = None;
        Some(self.take_group(&mut state))
    }

    /// No more submissions are taken; the writer drains what waits.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Takes everything out, for a writer that cannot go on.
    pub fn drain(&self) -> Vec<Submission> {
        let mut state = self.lock();
        state.bytes = 0;
        state.waiting.drain(..).collect()
    }

    /// Changesets and bytes that wait.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting.len(), state.bytes)
    }

    fn take_group(&self, state: &mut State) -> Vec<Submission> {
        let mut group = Vec::with_capacity(state.waiting.len().min(self.limits.group_max));
        let mut bytes = 0;
        while let Some(next) = state.waiting.front() {
            bytes += next.changeset.bytes;
            let full = group.len() >= self.limits.group_max || bytes > self.limits.group_bytes_max;
            if full && !group.is_empty() {
                break;
            }
            state.bytes -= next.changeset.bytes;
            group.extend(state.waiting.pop_front());
        }
        group
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason given for everything asked of a closed store.
pub const CLOSED: &str = "the store is closed because the hub is stopping";
