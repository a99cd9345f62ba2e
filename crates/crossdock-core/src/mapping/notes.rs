//! What a run notices besides its result: codes that no list knows, defaults that were taken and, when somebody asks
//! for it, every step. Nothing here changes what a mapping makes.
//!
//! Without notes a run pays nothing; with notes that do not trace it pays when there is something to note.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use crate::source::Location;
use crate::value::Value;

/// Steps kept of one trace; what follows is only counted.
pub const TRACE_STEPS_MAX: usize = 10_000;
/// Unknown codes kept until they are taken; the same one is kept once.
const UNKNOWN_MAX: usize = 100;
/// Mappings whose defaults are counted.
const MAPPINGS_MAX: usize = 10_000;

/// Collects what runs notice. Handed to them by whoever wants to know; belongs to one thread.
#[derive(Debug, Default)]
pub struct Notes {
    tracing: bool,
    keeps_body: Cell<bool>,
    body: RefCell<Option<Value>>,
    unknown: RefCell<Vec<UnknownCode>>,
    usage: RefCell<HashMap<String, Usage>>,
    /// Leaves of the run under way whose default was taken.
    taken: RefCell<Vec<u32>>,
    recorder: RefCell<Recorder>,
}

/// A code that its list does not know and that the list says to report rather than to stop at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode {
    /// The list's name.
    pub list: Arc<str>,
    /// The code as it came.
    pub code: Arc<str>,
    /// It was looked up from canonical to partner.
    pub back: bool,
    /// Where the code is to be added, in words.
    pub place: String,
}

/// How often a mapping ran and which defaults it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Runs that made their target.
    pub runs: u64,
    /// By the number of the field in [`Mapping::fields`](super::Mapping::fields).
    pub defaults: HashMap<u32, u64>,
}

/// One step of a run, in the order of evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceStep {
    pub role: Role,
    /// The target field, such as `lines[0].sku`; empty for what belongs to no field.
    pub target: String,
    /// As written.
    pub expression: String,
    pub location: Location,
    /// What the expression looked at.
    pub reads: Vec<Read>,
    /// Code lists it asked.
    pub lookups: Vec<Lookup>,
    pub outcome: StepOutcome,
}

/// What a step is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A mapping begins; `expression` is its name.
    Mapping,
    /// A target field.
    Field,
    /// The condition of a `when` node.
    When,
    /// The list of an `each` node.
    Each,
    /// The condition of an `each` node.
    Where,
    /// A name given by `let`.
    Let(String),
    /// An expression beside the target: `when`, `each`, `time`, a reference …
    Beside(String),
}

/// A source path and what was there.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub path: String,
    /// `None` when it was absent.
    pub value: Option<Value>,
}

/// One question to a code list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    pub list: Arc<str>,
    pub code: String,
    /// `None` when the list does not know the code.
    pub found: Option<Arc<str>>,
    /// From canonical to partner.
    pub back: bool,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOutcome {
    Value(Value),
    /// Nothing is written.
    Nothing,
    /// The value was null or absent and the default was taken.
    Default(Value),
    /// The code list did not know the value; what is given instead.
    Unknown(Value),
    Fault(String),
}

#[derive(Debug, Default)]
struct Recorder {
    steps: Vec<TraceStep>,
    more: usize,
    path: Vec<PathStep>,
    reads: Vec<Read>,
    lookups: Vec<Lookup>,
    instead: Option<Instead>,
}

#[derive(Debug)]
enum PathStep {
    Field(Arc<str>),
    Item(usize),
}

/// What stands in for the value of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    Default,
    Unknown,
}

impl Notes {
    /// Notes that keep every step too. Dear: for one message at a time, for a person.
    pub fn tracing() -> Self {
        Self { tracing: true, ..Self::default() }
    }

    /// Whether every step is kept.
    pub fn is_tracing(&self) -> bool {
        self.tracing
    }

    /// Asks for the parsed body of the next message.
    pub fn ask_for_body(&self) {
        self.keeps_body.set(true);
    }

    /// Offers a message's parsed body; kept when it was asked for.
    pub fn offer_body(&self, body: &Value) {
        if self.keeps_body.get() {
            self.body.replace(Some(body.clone()));
        }
    }

    /// The body that was asked for, if one was offered. Ends the asking.
    pub fn take_body(&self) -> Option<Value> {
        self.keeps_body.set(false);
        self.body.take()
    }

    /// The unknown codes so far, each once.
    pub fn take_unknown(&self) -> Vec<UnknownCode> {
        if self.unknown.borrow().is_empty() { Vec::new() } else { self.unknown.take() }
    }

    /// Notes a code that is to be reported.
    pub fn report_unknown(&self, unknown: UnknownCode) {
        let mut known = self.unknown.borrow_mut();
        if known.len() < UNKNOWN_MAX && !known.contains(&unknown) {
            known.push(unknown);
        }
    }

    /// A mapping has made its target; the defaults it took are its own.
    pub fn ran(&self, mapping: &str) {
        let mut usage = self.usage.borrow_mut();
        let mut taken = self.taken.borrow_mut();
        let known = usage.len();
        let used = match usage.get_mut(mapping) {
            Some(used) => used,
            None if known < MAPPINGS_MAX => usage.entry(mapping.to_owned()).or_default(),
            None => return taken.clear(),
        };
        used.runs += 1;
        for leaf in taken.drain(..) {
            *used.defaults.entry(leaf).or_default() += 1;
        }
    }

    /// A run begins: what an earlier one left unfinished is forgotten.
    pub(super) fn begin_run(&self) {
        if !self.taken.borrow().is_empty() {
            self.taken.borrow_mut().clear();
        }
    }

    /// How often mappings ran since this was asked last, by name.
    pub fn take_usage(&self) -> HashMap<String, Usage> {
        self.usage.take()
    }

    /// The steps so far, and how many more there were than are kept.
    pub fn take_trace(&self) -> (Vec<TraceStep>, usize) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.path.clear();
        (std::mem::take(&mut recorder.steps), std::mem::take(&mut recorder.more))
    }

    /// A mapping of this name begins.
    pub fn trace_mapping(&self, name: &str, location: &Location) {
        if self.tracing {
            self.recorder.borrow_mut().path.clear();
            self.step(Role::Mapping, name, location.clone(), StepOutcome::Nothing);
        }
    }

    pub(super) fn took_instead(&self, leaf: u32, instead: Instead) {
        if instead == Instead::Default {
            self.taken.borrow_mut().push(leaf);
        }
        if self.tracing {
            self.recorder.borrow_mut().instead = Some(instead);
        }
    }

    pub(super) fn take_instead(&self) -> Option<Instead> {
        self.recorder.borrow_mut().instead.take()
    }

    pub(super) fn saw(&self, path: String, value: Option<&Value>) {
        self.recorder.borrow_mut().reads.push(Read { path, value: value.cloned() });
    }

    pub(super) fn reads_so_far(&self) -> usize {
        self.recorder.borrow().reads.len()
    }

    /// A path goes on behind the value that was read as number `read`: one reading, not two.
    pub(super) fn saw_behind(&self, read: usize, step: &str, value: Option<&Value>) {
        if let Some(read) = self.recorder.borrow_mut().reads.get_mut(read) {
            read.path.push_str(step);
            read.value = value.cloned();
        }
    }

    pub(super) fn looked_up(&self, lookup: Lookup) {
        self.recorder.borrow_mut().lookups.push(lookup);
    }

    pub(super) fn enter_field(&self, name: &Arc<str>) {
        self.recorder.borrow_mut().path.push(PathStep::Field(name.clone()));
    }

    pub(super) fn enter_item(&self, position: usize) {
        self.recorder.borrow_mut().path.push(PathStep::Item(position));
    }

    pub(super) fn leave(&self) {
        self.recorder.borrow_mut().path.pop();
    }

    /// Ends a step: everything read since the last one belongs to it.
    pub(super) fn step(&self, role: Role, expression: &str, location: Location, outcome: StepOutcome) {
        let mut recorder = self.recorder.borrow_mut();
        let (reads, lookups) = (std::mem::take(&mut recorder.reads), std::mem::take(&mut recorder.lookups));
        if recorder.steps.len() == TRACE_STEPS_MAX {
            recorder.more += 1;
            return;
        }
        let target = written(&recorder.path);
        let expression = expression.to_owned();
        recorder.steps.push(TraceStep { role, target, expression, location, reads, lookups, outcome });
    }
}

fn written(path: &[PathStep]) -> String {
    let mut written = String::new();
    for step in path {
        match step {
            PathStep::Field(name) => {
                if !written.is_empty() {
                    written.push('.');
                }
                written.push_str(name);
            }
            PathStep::Item(position) => written.push_str(&format!("[{position}]")),
        }
    }
    written
}
