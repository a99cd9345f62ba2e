//! The cost of running a mapping, counted so that the same message always costs the same.

use std::cell::Cell;

use super::fault::{FaultKind, Trouble};
use super::notes::Notes;
use crate::value::Value;

/// The deadline is asked about every so many steps (a power of two).
const STEPS_PER_DEADLINE_CHECK: u64 = 1024;
/// Lists and maps inside each other in a result. Leaves room below the 128 that readers of JSON allow.
const DEPTH_MAX: usize = 100;
/// So many bytes of text are compared, searched or copied for the price of one step.
const BYTES_PER_STEP: usize = 64;

/// What one run of a mapping or expression may cost.
#[derive(Clone, Copy)]
pub struct MapLimits<'a> {
    /// Nodes evaluated, list elements visited and text handled. A step takes some 10 to 50 nanoseconds.
    pub steps_max: u64,
    /// Bytes of text and structure made, the target included.
    pub bytes_max: u64,
    /// Asked every thousand steps or so; once it says true the run ends as
    /// [`FaultKind::OutOfTime`](super::FaultKind::OutOfTime). The caller keeps the clock.
    pub out_of_time: Option<&'a dyn Fn() -> bool>,
}

impl Default for MapLimits<'_> {
    /// Two million steps, 32 MiB, no deadline.
    fn default() -> Self {
        Self { steps_max: 2_000_000, bytes_max: 32 << 20, out_of_time: None }
    }
}

/// Counts one run down to zero.
pub(super) struct Meter<'a> {
    steps_left: Cell<u64>,
    bytes_left: Cell<u64>,
    limits: &'a MapLimits<'a>,
    notes: Option<&'a Notes>,
    /// The notes, when every step is to be kept: asked for at each step, so it is one load.
    tracer: Option<&'a Notes>,
}

impl<'a> Meter<'a> {
    pub fn new(limits: &'a MapLimits<'a>) -> Self {
        let (steps_left, bytes_left) = (Cell::new(limits.steps_max), Cell::new(limits.bytes_max));
        Self { steps_left, bytes_left, limits, notes: None, tracer: None }
    }

    /// A meter of a run that notes what it notices.
    pub fn noting(limits: &'a MapLimits<'a>, notes: &'a Notes) -> Self {
        Self { notes: Some(notes), tracer: Some(notes).filter(|notes| notes.is_tracing()), ..Self::new(limits) }
    }

    /// Where to note what is not the result.
    pub fn notes(&self) -> Option<&'a Notes> {
        self.notes
    }

    /// Where to tell each step; nowhere unless somebody asked for it.
    #[inline]
    pub fn tracer(&self) -> Option<&'a Notes> {
        self.tracer
    }

    pub fn step(&self) -> Result<(), Trouble> {
        self.steps(1)
    }

    #[inline]
    pub fn steps(&self, count: u64) -> Result<(), Trouble> {
        let before = self.steps_left.get();
        let Some(after) = before.checked_sub(count) else { return Err(self.too_many_steps()) };
        self.steps_left.set(after);
        if before / STEPS_PER_DEADLINE_CHECK != after / STEPS_PER_DEADLINE_CHECK {
            self.check_deadline()?;
        }
        Ok(())
    }

    /// The steps for handling so many bytes of text.
    #[inline]
    pub fn scan(&self, bytes: usize) -> Result<(), Trouble> {
        self.steps((bytes / BYTES_PER_STEP) as u64)
    }

    /// Pays for bytes that are about to be made.
    #[inline]
    pub fn bytes(&self, count: usize) -> Result<(), Trouble> {
        let Some(after) = self.bytes_left.get().checked_sub(count as u64) else { return Err(self.too_many_bytes()) };
        self.bytes_left.set(after);
        Ok(())
    }

    /// Pays for everything in a value as if it were written out. Values share their parts, so a small program can
    /// make a value whose text is astronomically large; this is what stops it.
    pub fn whole(&self, value: &Value) -> Result<(), Trouble> {
        self.whole_at_depth(value, 0)
    }

    fn whole_at_depth(&self, value: &Value, depth: usize) -> Result<(), Trouble> {
        match value {
            Value::Text(text) => self.bytes(text.len() + 2),
            Value::Bytes(bytes) => self.bytes(bytes.len() / 3 * 4 + 4),
            Value::List(_) | Value::Map(_) if depth >= DEPTH_MAX => Err(Trouble::new(
                FaultKind::TooCostly,
                format!("the result has lists and maps nested more than {DEPTH_MAX} deep"),
            )),
            Value::List(items) => {
                self.steps(items.len() as u64)?;
                self.bytes(items.len() + 2)?;
                items.iter().try_for_each(|item| self.whole_at_depth(item, depth + 1))
            }
            Value::Map(map) => {
                self.steps(map.len() as u64)?;
                for (key, value) in map.iter() {
                    self.bytes(key.len() + 4)?;
                    self.whole_at_depth(value, depth + 1)?;
                }
                Ok(())
            }
            _ => self.bytes(8),
        }
    }

    /// Whether two values are equal, paid for by their size.
    pub fn equal(&self, a: &Value, b: &Value) -> Result<bool, Trouble> {
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => {
                self.scan(a.len().min(b.len()))?;
                Ok(a == b)
            }
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                self.steps(a.len() as u64)?;
                for (a, b) in a.iter().zip(b.iter()) {
                    if !self.equal(a, b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Map(a), Value::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                self.steps(a.len() as u64)?;
                for (key, a) in a.iter() {
                    match b.get(key) {
                        Some(b) if self.equal(a, b)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            }
            _ => Ok(a == b),
        }
    }

    #[cold]
    fn check_deadline(&self) -> Result<(), Trouble> {
        match self.limits.out_of_time {
            Some(out_of_time) if out_of_time() => {
                Err(Trouble::new(FaultKind::OutOfTime, "the time allowed for this message ran out"))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn too_many_steps(&self) -> Trouble {
        let message = format!("this message needs more than the {} steps allowed", self.limits.steps_max);
        Trouble::new(FaultKind::TooCostly, message)
    }

    #[cold]
    fn too_many_bytes(&self) -> Trouble {
        let message = format!("this message makes more than the {} bytes allowed", self.limits.bytes_max);
        Trouble::new(FaultKind::TooCostly, message)
    }
}
