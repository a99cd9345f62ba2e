//! What happened in a world, as one number and, when it is wanted, as lines to read.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use super::clock::SimClock;

/// Lines kept of a world that is told: the last so many.
const LINES_MAX: usize = 4_000;

/// The log of a world.
pub struct Trace {
    clock: SimClock,
    state: Mutex<State>,
}

struct State {
    hash: u64,
    count: u64,
    line: String,
    /// `None` when nobody will read them.
    lines: Option<std::collections::VecDeque<String>>,
}

impl Trace {
    /// An empty log; `told` keeps the lines.
    pub fn new(clock: SimClock, told: bool) -> Self {
        let lines = told.then(Default::default);
        Self { clock, state: Mutex::new(State { hash: 0xcbf2_9ce4_8422_2325, count: 0, line: String::new(), lines }) }
    }

    /// Adds a line.
    pub fn tell(&self, what: std::fmt::Arguments<'_>) {
        let at = self.clock.elapsed();
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        state.line.clear();
        // Writing to a string does not fail.
        let _ = write!(state.line, "{:>12.6} {what}", at.as_secs_f64());
        for byte in state.line.bytes() {
            state.hash = (state.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        state.count += 1;
        if let Some(lines) = &mut state.lines {
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(state.line.clone());
        }
    }

    /// The number that stands for everything told so far (FNV-1a over the lines), and how many lines there were.
    pub fn sum(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.hash, state.count)
    }

    /// The last lines.
    pub fn lines(&self) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lines.iter().flatten().cloned().collect()
    }
}

/// Adds a line to the log of a world.
macro_rules! tell {
    ($trace:expr, $($what:tt)*) => { $trace.tell(format_args!($($what)*)) };
}
pub(super) use tell;
