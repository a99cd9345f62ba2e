//! The functions of the expression language. Each can be written `f(x, y)` or `x.f(y)`. They are pure: the same
//! arguments give the same result on every machine, on every day.

mod convert;
mod encode;
mod list;
mod number;
mod text;
mod time;

use std::sync::Arc;

pub(super) use convert::type_word;
use jiff::SignedDuration;

use super::fault::{FaultKind, Trouble};
use super::meter::Meter;
use super::ops::shown;
use crate::value::{Time, Value};

type Result<T> = std::result::Result<T, Trouble>;

/// One function for one number of arguments.
#[derive(Debug)]
pub(super) struct Function {
    pub name: &'static str,
    /// The names of its arguments, for messages.
    pub params: &'static str,
    pub run: Run,
}

/// The code of a function, by its number of arguments.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run {
    One(fn(&Context<'_>, &Value) -> Result<Value>),
    Two(fn(&Context<'_>, &Value, &Value) -> Result<Value>),
    Three(fn(&Context<'_>, &Value, &Value, &Value) -> Result<Value>),
}

impl Run {
    pub fn arity(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Two(_) => 2,
            Self::Three(_) => 3,
        }
    }
}

/// What a running function knows besides its arguments.
pub(super) struct Context<'a> {
    pub name: &'static str,
    pub meter: &'a Meter<'a>,
}

/// Every function of every room.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    [convert::FUNCTIONS, encode::FUNCTIONS, list::FUNCTIONS, number::FUNCTIONS, text::FUNCTIONS, time::FUNCTIONS]
        .into_iter()
        .flatten()
}

const fn one(name: &'static str, params: &'static str, run: fn(&Context<'_>, &Value) -> Result<Value>) -> Function {
    Function { name, params, run: Run::One(run) }
}

const fn two(
    name: &'static str,
    params: &'static str,
    run: fn(&Context<'_>, &Value, &Value) -> Result<Value>,
) -> Function {
    Function { name, params, run: Run::Two(run) }
}

const fn three(
    name: &'static str,
    params: &'static str,
    run: fn(&Context<'_>, &Value, &Value, &Value) -> Result<Value>,
) -> Function {
    Function { name, params, run: Run::Three(run) }
}

impl Context<'_> {
    fn text<'v>(&self, value: &'v Value) -> Result<&'v Arc<str>> {
        match value {
            Value::Text(text) => {
                self.meter.scan(text.len())?;
                Ok(text)
            }
            other => Err(self.wants("a text", other)),
        }
    }

    fn int(&self, value: &Value) -> Result<i64> {
        value.as_int().ok_or_else(|| self.wants("an integer", value))
    }

    /// A position or length: an integer that is not negative.
    fn size(&self, value: &Value) -> Result<usize> {
        usize::try_from(self.int(value)?).map_err(|_| self.wants("an integer from 0 up", value))
    }

    fn list<'v>(&self, value: &'v Value) -> Result<&'v Arc<Vec<Value>>> {
        match value {
            Value::List(items) => {
                self.meter.steps(items.len() as u64)?;
                Ok(items)
            }
            other => Err(self.wants("a list", other)),
        }
    }

    fn time<'v>(&self, value: &'v Value) -> Result<&'v Time> {
        value.as_time().ok_or_else(|| {
            let trouble = self.wants("a time", value);
            if value.as_text().is_some() { trouble.hint("`timestamp(x)` makes a time of a text") } else { trouble }
        })
    }

    /// The function cannot do with a value of this kind.
    fn wants(&self, wanted: &str, found: &Value) -> Trouble {
        let message = format!("`{}` needs {wanted}, found {}", self.name, shown(found));
        let trouble = Trouble::wrong_type(message);
        if found.is_null() { trouble.hint("`default(x, y)` gives y where x is null or absent") } else { trouble }
    }

    /// The value has the right kind but cannot be used.
    fn refuses(&self, value: &Value, why: &str) -> Trouble {
        Trouble::bad_value(format!("`{}` cannot take {}: {why}", self.name, shown(value)))
    }

    /// There is no such element; `default()` forgives it.
    fn nothing(&self, why: &str) -> Trouble {
        Trouble::new(FaultKind::Absent { path: String::new() }, format!("`{}`: {why}", self.name))
    }

    fn duration(&self, duration: SignedDuration) -> Result<Value> {
        super::ops::duration(duration)
    }
}

/// `matches(text, 'pattern')`, whose pattern was compiled with the expression. The engine runs in time linear in the
/// text for a given pattern, so the text alone is charged, at a price that reflects the engine.
pub(super) fn matches(value: &Value, pattern: &regex_lite::Regex, meter: &Meter<'_>) -> Result<bool> {
    let context = Context { name: "matches", meter };
    let text = context.text(value)?;
    meter.steps(1 + text.len() as u64)?;
    Ok(pattern.is_match(text))
}
