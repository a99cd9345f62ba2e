//! Reading an operation's input. Everything that is wrong is collected with the path of the field, unknown fields
//! included; `check` and the operation itself use the same reading, so that they never disagree.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crossdock_connect::endpoint::InputFault;
use crossdock_core::source::nearest;
use crossdock_core::value::{Decimal, Map, Time, Value};

use super::answer::excerpt;

/// One map of the input. Absent and null are the same.
pub(crate) struct Input<'a> {
    map: &'a Map,
    path: String,
    faults: &'a RefCell<Vec<InputFault>>,
    asked: RefCell<BTreeSet<&'a str>>,
}

/// Reads a whole input with `read`.
///
/// # Errors
/// Every fault, in the order of reading.
pub(crate) fn parse<T>(input: &Value, read: impl FnOnce(&Input<'_>) -> Option<T>) -> Result<T, Vec<InputFault>> {
    let faults = RefCell::new(Vec::new());
    let parsed = match input.as_map() {
        Some(map) => {
            let reader = Input { map, path: String::new(), faults: &faults, asked: RefCell::default() };
            let parsed = read(&reader);
            reader.finish();
            parsed
        }
        None => {
            let message = format!("the input must be a map of fields, but it is {}", input.kind_word());
            faults.borrow_mut().push(InputFault { path: String::new(), message });
            None
        }
    };
    match (parsed, faults.into_inner()) {
        (Some(parsed), faults) if faults.is_empty() => Ok(parsed),
        (_, faults) => Err(faults),
    }
}

/// All faults in one sentence, for a refusal.
pub(crate) fn sentence(faults: &[InputFault]) -> String {
    let told: Vec<String> = faults
        .iter()
        .map(|fault| match fault.path.is_empty() {
            true => fault.message.clone(),
            false => format!("{} {}", fault.path, fault.message),
        })
        .collect();
    format!("the input does not fit: {}", told.join("; "))
}

impl<'a> Input<'a> {
    pub fn path_of(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }

    pub fn fault(&self, key: &str, message: impl Into<String>) {
        let path = self.path_of(key);
        self.faults.borrow_mut().push(InputFault { path, message: message.into() });
    }

    /// A fault at a path below this map.
    pub fn fault_at(&self, path: String, message: impl Into<String>) {
        self.faults.borrow_mut().push(InputFault { path, message: message.into() });
    }

    /// The value of an optional field.
    pub fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The value of a field that must be there.
    pub fn required(&self, key: &'static str) -> Option<&'a Value> {
        let value = self.value(key);
        if value.is_none() {
            self.fault(key, "is missing");
        }
        value
    }

    /// The fields that were not asked for. They count as asked for from then on.
    pub fn others(&self) -> Vec<(&'a str, &'a Value)> {
        let others = self.unknown();
        self.asked.borrow_mut().extend(others.iter().map(|(key, _)| *key));
        others
    }

    fn unknown(&self) -> Vec<(&'a str, &'a Value)> {
        let asked = self.asked.borrow();
        self.map.iter().filter(|(key, value)| !asked.contains(key) && !value.is_null()).collect()
    }

    fn read<T>(&self, key: &'static str, wanted: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let parsed = read(value);
        if parsed.is_none() {
            self.fault(key, format!("must be {wanted}, but it is {}", shown(value)));
        }
        parsed
    }

    pub fn optional_text(&self, key: &'static str) -> Option<String> {
        self.read(key, "a text", |value| value.as_text().map(str::to_owned))
    }

    /// A business key: a text that is not empty, or a whole number.
    pub fn optional_key(&self, key: &'static str) -> Option<String> {
        self.read(key, "a text that is not empty or a whole number", key_text)
    }

    pub fn key(&self, key: &'static str) -> Option<String> {
        self.required(key)?;
        self.optional_key(key)
    }

    /// A text that is not empty.
    pub fn text(&self, key: &'static str) -> Option<String> {
        self.required(key)?;
        self.read(key, "a text that is not empty", |value| {
            value.as_text().filter(|text| !text.trim().is_empty()).map(str::to_owned)
        })
    }

    /// An exact number.
    pub fn optional_decimal(&self, key: &'static str) -> Option<Decimal> {
        self.read(key, "a number", Value::as_decimal)
    }

    /// An amount of goods: more than nothing.
    pub fn quantity(&self, key: &'static str) -> Option<Decimal> {
        self.required(key)?;
        self.read(key, "a number greater than 0", |value| value.as_decimal().filter(|it| *it > Decimal::ZERO))
    }

    /// An instant, RFC 3339 with an offset.
    pub fn optional_time(&self, key: &'static str) -> Option<Time> {
        self.read(key, "a date-time with an offset, such as 2026-03-01T08:30:00+01:00", |value| match value {
            Value::Time(time) => Some(time.clone()),
            other => other.as_text().and_then(|text| Time::parse(text).ok()),
        })
    }

    /// One word of a closed list.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.read(key, &format!("one of {}", words.join(", ")), |value| {
            let text = value.as_text()?;
            choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice)
        })
    }

    /// A map inside this one; absent when the field is.
    pub fn inner<T>(&self, key: &'static str, read: impl FnOnce(&Input<'_>) -> Option<T>) -> Option<T> {
        let map = self.map_of(key, self.value(key)?)?;
        let inner = Input { map, path: self.path_of(key), faults: self.faults, asked: RefCell::default() };
        let parsed = read(&inner);
        inner.finish();
        parsed
    }

    /// A list of maps, each read with `read`. Absent is an empty list.
    pub fn list<T>(&self, key: &'static str, read: impl Fn(&Input<'_>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.as_list() else {
            self.fault(key, format!("must be a list, but it is {}", shown(value)));
            return Vec::new();
        };
        let mut parsed = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let name = format!("{key}[{place}]");
            let Some(map) = self.map_of(&name, item) else { continue };
            let inner = Input { map, path: self.path_of(&name), faults: self.faults, asked: RefCell::default() };
            parsed.extend(read(&inner));
            inner.finish();
        }
        parsed
    }

    fn map_of(&self, key: &str, value: &'a Value) -> Option<&'a Map> {
        let map = value.as_map();
        if map.is_none() {
            self.fault(key, format!("must be a map of fields, but it is {}", shown(value)));
        }
        map
    }

    /// Tells the fields that nobody asked for.
    fn finish(&self) {
        for (key, _) in self.unknown() {
            let near = nearest(key, self.asked.borrow().iter().copied());
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            self.fault(key, format!("is not a known field{hint}"));
        }
    }
}

/// A value for a message: the beginning of its text, or what it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("`{}`", excerpt(&text.chars().take(40).collect::<String>())),
        Value::Int(_) | Value::Decimal(_) | Value::Bool(_) => format!("`{value}`"),
        other => other.kind_word().to_owned(),
    }
}

/// A business key as text; a whole number counts.
fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.to_string()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}
