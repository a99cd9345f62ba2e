//! What goes wrong while a mapping runs, told to the integration engineer.

use std::fmt;

use thiserror::Error;

use crate::source::Location;

/// A mapping could not make its target from this message. Nothing of the target is used then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Fault {
    /// Where in the configuration the expression stands that failed.
    pub location: Location,
    /// The target field that was being made, such as `lines[2].quantity`. Empty for the target as a whole.
    pub target_path: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it, or what was there instead.
    pub hint: Option<String>,
    pub kind: FaultKind,
}

/// The classes of faults that are treated differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A source field is not there. `path` is its full name, such as `message.stop.address`.
    Absent { path: String },
    /// A value of another kind than the expression needs.
    WrongType,
    /// A value of the right kind that cannot be used: not a time, not a number, too large, divided by zero.
    BadValue,
    /// A partner code that its code list does not know.
    UnknownCode { list: String, code: String },
    /// The message needs more steps or more bytes than [`MapLimits`](super::MapLimits) allows.
    TooCostly,
    /// The caller's deadline passed.
    OutOfTime,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        if !self.target_path.is_empty() {
            write!(f, "cannot make `{}`: ", self.target_path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// A fault on its way up from the expression node where it happened; places are added as it passes them. Boxed,
/// because results travel through every node and faults are rare.
#[derive(Debug)]
pub(super) struct Trouble(Box<Details>);

#[derive(Debug)]
struct Details {
    kind: FaultKind,
    message: String,
    hint: Option<String>,
    /// Byte offset in the expression's text, once a node has claimed it.
    offset: Option<u32>,
    /// The expression's location, once the expression has claimed it.
    location: Option<Location>,
    /// Steps of the target path, innermost first.
    steps: Vec<TargetStep>,
}

#[derive(Debug)]
pub(super) enum TargetStep {
    Field(String),
    Item(usize),
}

impl Trouble {
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            hint: None,
            offset: None,
            location: None,
            steps: Vec::new(),
        }))
    }

    pub fn wrong_type(message: impl Into<String>) -> Self {
        Self::new(FaultKind::WrongType, message)
    }

    pub fn bad_value(message: impl Into<String>) -> Self {
        Self::new(FaultKind::BadValue, message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub fn kind(&self) -> &FaultKind {
        &self.0.kind
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The source field is missing: what `default()` and `orNull()` forgive.
    pub fn is_absence(&self) -> bool {
        matches!(self.0.kind, FaultKind::Absent { .. })
    }

    /// Whether `&&`, `||`, `all` and `exists` may ignore it when the other side decides.
    pub fn is_absorbable(&self) -> bool {
        !matches!(self.0.kind, FaultKind::TooCostly | FaultKind::OutOfTime)
    }

    /// Claims the place in the expression's text, unless a node further in did.
    pub fn at(mut self, offset: u32) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    pub fn offset(&self) -> u32 {
        self.0.offset.unwrap_or(0)
    }

    /// Claims the location in the configuration, unless an expression further in did.
    pub fn located(mut self, locate: impl FnOnce(u32) -> Location) -> Self {
        if self.0.location.is_none() {
            self.0.location = Some(locate(self.offset()));
        }
        self
    }

    pub fn inside(mut self, step: TargetStep) -> Self {
        self.0.steps.push(step);
        self
    }

    /// Message and hint, for a diagnostic about a constant.
    pub fn into_words(self) -> (String, Option<String>) {
        (self.0.message, self.0.hint)
    }

    pub fn into_fault(self, fallback: &Location) -> Fault {
        let details = *self.0;
        let mut target_path = String::new();
        for step in details.steps.iter().rev() {
            match step {
                TargetStep::Field(name) if target_path.is_empty() => target_path.push_str(name),
                TargetStep::Field(name) => {
                    target_path.push('.');
                    target_path.push_str(name);
                }
                TargetStep::Item(position) => target_path.push_str(&format!("[{position}]")),
            }
        }
        Fault {
            location: details.location.unwrap_or_else(|| fallback.clone()),
            target_path,
            message: details.message,
            hint: details.hint,
            kind: details.kind,
        }
    }
}
