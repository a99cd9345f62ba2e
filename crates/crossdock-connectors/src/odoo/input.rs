//! Reading an operation's input into its own type. Everything that is wrong is collected with the path of the field,
//! unknown fields included, so that `check` and the operation itself never disagree.

use std::cell::RefCell;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossdock_connect::endpoint::InputFault;
use crossdock_core::source::nearest;
use crossdock_core::value::{Decimal, Map, Time, Value};
use jiff::civil::Date;

use super::xid::KEY_BYTES_MAX;

/// A field that may be left alone, cleared or set (JSON Merge Patch, RFC 7396: absent, null, value).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patch<T> {
    Absent,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    pub fn set(self) -> Option<T> {
        match self {
            Patch::Set(value) => Some(value),
            _ => None,
        }
    }
}

/// One map of the input.
pub(super) struct Input<'a> {
    map: &'a Map,
    path: String,
    faults: &'a RefCell<Vec<InputFault>>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// Reads a whole input with `read`.
///
/// # Errors
/// Every fault, in the order of reading.
pub(super) fn parse<T>(input: &Value, read: impl FnOnce(&Input<'_>) -> Option<T>) -> Result<T, Vec<InputFault>> {
    let Some(map) = input.as_map() else {
        return Err(vec![InputFault {
            path: String::new(),
            message: format!("must be a map of fields, not {}", input.kind_word()),
        }]);
    };
    let faults = RefCell::new(Vec::new());
    let reader = Input { map, path: String::new(), faults: &faults, asked: RefCell::default() };
    let parsed = read(&reader);
    reader.finish();
    match (parsed, faults.into_inner()) {
        (Some(parsed), faults) if faults.is_empty() => Ok(parsed),
        (_, faults) => Err(faults),
    }
}

impl<'a> Input<'a> {
    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn fault(&self, key: &str, message: impl Into<String>) {
        self.faults.borrow_mut().push(InputFault { path: self.path(key), message: message.into() });
    }

    /// The field's value; `None` when absent.
    fn raw(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key);
        self.map.get(key)
    }

    pub fn has(&self, key: &'static str) -> bool {
        self.raw(key).is_some_and(|value| !value.is_null())
    }

    fn patch<T>(&self, key: &'static str, expected: &str, read: impl FnOnce(&Value) -> Option<T>) -> Patch<T> {
        match self.raw(key) {
            None => Patch::Absent,
            Some(Value::Null) => Patch::Clear,
            Some(value) => match read(value) {
                Some(read) => Patch::Set(read),
                None => {
                    self.fault(key, format!("must be {expected}, not {}", shown(value)));
                    Patch::Absent
                }
            },
        }
    }

    fn required<T>(&self, key: &'static str, expected: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        if !self.has(key) {
            self.fault(key, format!("is missing; it must be {expected}"));
            return None;
        }
        self.patch(key, expected, read).set()
    }

    pub fn text(&self, key: &'static str) -> Option<String> {
        self.required(key, "a text that is not empty", filled)
    }

    /// A text that may be absent; an empty one counts as cleared.
    pub fn patch_text(&self, key: &'static str) -> Patch<String> {
        match self.patch(key, "a text", |value| value.as_text().map(clean)) {
            Patch::Set(text) if text.trim().is_empty() => Patch::Clear,
            patch => patch,
        }
    }

    pub fn optional_text(&self, key: &'static str) -> Option<String> {
        self.patch_text(key).set()
    }

    /// A business key: it becomes part of an external id.
    pub fn key(&self, key: &'static str) -> Option<String> {
        self.required(key, KEY, key_text)
    }

    pub fn optional_key(&self, key: &'static str) -> Option<String> {
        self.patch(key, KEY, key_text).set()
    }

    pub fn patch_decimal(&self, key: &'static str) -> Patch<Decimal> {
        self.patch(key, "a number", number)
    }

    /// A quantity of goods: more than nothing.
    pub fn quantity(&self, key: &'static str) -> Option<Decimal> {
        self.required(key, "a number greater than 0", |value| number(value).filter(|n| *n > Decimal::ZERO))
    }

    pub fn optional_id(&self, key: &'static str) -> Option<i64> {
        self.patch(key, "the id of a record, a whole number", |value| value.as_int().filter(|id| *id > 0)).set()
    }

    pub fn patch_flag(&self, key: &'static str) -> Patch<bool> {
        self.patch(key, "true or false", Value::as_bool)
    }

    pub fn flag(&self, key: &'static str, default: bool) -> bool {
        self.patch_flag(key).set().unwrap_or(default)
    }

    pub fn date(&self, key: &'static str) -> Option<Date> {
        self.required(key, "a date such as 2026-03-01", date)
    }

    pub fn time(&self, key: &'static str) -> Option<Time> {
        self.required(key, TIME, time)
    }

    pub fn patch_time(&self, key: &'static str) -> Patch<Time> {
        self.patch(key, TIME, time)
    }

    /// One of a closed list of words.
    pub fn patch_choice(&self, key: &'static str, words: &[&'static str]) -> Patch<&'static str> {
        self.patch(key, &format!("one of {}", words.join(", ")), |value| {
            let text = value.as_text()?;
            words.iter().copied().find(|word| *word == text)
        })
    }

    /// The content of a file in base64; handed on as it came.
    pub fn base64(&self, key: &'static str) -> Option<String> {
        self.required(key, BASE64, base64)
    }

    pub fn optional_base64(&self, key: &'static str) -> Option<String> {
        self.patch(key, BASE64, base64).set()
    }

    /// A list of maps, each read with `read`; an absent list is empty.
    pub fn list<T>(&self, key: &'static str, read: impl Fn(&Input<'_>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.raw(key).filter(|value| !value.is_null()) else { return Vec::new() };
        let Some(items) = value.as_list() else {
            self.fault(key, format!("must be a list, not {}", shown(value)));
            return Vec::new();
        };
        let mut read_items = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let path = format!("{}[{place}]", self.path(key));
            let Some(map) = item.as_map() else {
                let message = format!("must be a map of fields, not {}", shown(item));
                self.faults.borrow_mut().push(InputFault { path, message });
                continue;
            };
            let inner = Input { map, path, faults: self.faults, asked: RefCell::default() };
            read_items.extend(read(&inner));
            inner.finish();
        }
        read_items
    }

    /// A list with at least one item.
    pub fn filled_list<T>(&self, key: &'static str, read: impl Fn(&Input<'_>) -> Option<T>) -> Vec<T> {
        let is_empty =
            self.raw(key).is_none_or(|value| value.is_null() || value.as_list().is_some_and(<[_]>::is_empty));
        if is_empty {
            self.fault(key, "is missing; it must be a list of at least one item");
        }
        self.list(key, read)
    }

    fn finish(&self) {
        let asked = self.asked.borrow();
        for key in self.map.keys().filter(|key| !asked.contains(key)) {
            let hint = match nearest(key, asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", asked.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            self.fault(key, format!("is not a field of this operation ({hint})"));
        }
    }
}

const KEY: &str = "a text of 1 to 200 bytes";
const TIME: &str = "an instant such as 2026-03-01T08:30:00Z";
const BASE64: &str = "base64 text";

/// PostgreSQL has no NUL in texts; Odoo fails on it with an error of its own making.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}

fn filled(value: &Value) -> Option<String> {
    value.as_text().map(clean).filter(|text| !text.trim().is_empty())
}

fn key_text(value: &Value) -> Option<String> {
    filled(value).filter(|text| text.len() <= KEY_BYTES_MAX)
}

fn number(value: &Value) -> Option<Decimal> {
    value.as_decimal().or_else(|| match Value::parse_json(value.as_text()?.as_bytes(), &Default::default()) {
        Ok(parsed) => parsed.as_decimal(),
        Err(_) => None,
    })
}

fn date(value: &Value) -> Option<Date> {
    value.as_text()?.parse::<Date>().ok().filter(|_| value.as_text().is_some_and(|text| text.len() == 10))
}

fn time(value: &Value) -> Option<Time> {
    match value {
        Value::Time(time) => Some(time.clone()),
        other => Time::parse(other.as_text()?).ok(),
    }
}

fn base64(value: &Value) -> Option<String> {
    match value {
        Value::Bytes(bytes) => Some(STANDARD.encode(bytes)),
        other => {
            let text = other.as_text()?;
            let is_filled = !text.is_empty() && STANDARD.decode(text).is_ok();
            is_filled.then(|| text.to_owned())
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::Decimal(_) => value.to_string(),
        Value::Text(text) if text.chars().count() <= 40 => format!("“{text}”"),
        other => other.kind_word().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossdock_core::value;

    fn faults(input: &Value) -> Vec<String> {
        let read = |input: &Input<'_>| {
            let key = input.key("key");
            let name = input.text("name");
            input.patch_text("email");
            input.flag("is_company", false);
            let lines = input.filled_list("lines", |line| {
                let (sku, quantity) = (line.key("sku"), line.quantity("quantity"));
                Some((sku?, quantity?))
            });
            Some((key?, name?, lines))
        };
        let faults = parse(input, read).err().unwrap_or_default();
        faults.into_iter().map(|fault| format!("{} {}", fault.path, fault.message)).collect()
    }

    #[test]
    fn every_fault_is_told_with_its_path() {
        let good = value!({ "key": "1", "name": "A", "email": null, "lines": [{ "sku": "W1", "quantity": "2.50" }] });
        assert_eq!(faults(&good), Vec::<String>::new());
        let bad = value!({ "key": 1_i64, "is_company": "yes", "e_mail": "a@b.c",
                           "lines": [{ "sku": "W1", "quantity": 0_i64 }, "x", { "sku": null, "quantity": 1_i64 }] });
        assert_eq!(
            faults(&bad),
            [
                "key must be a text of 1 to 200 bytes, not 1",
                "name is missing; it must be a text that is not empty",
                "is_company must be true or false, not “yes”",
                "lines[0].quantity must be a number greater than 0, not 0",
                "lines[1] must be a map of fields, not “x”",
                "lines[2].sku is missing; it must be a text of 1 to 200 bytes",
                "e_mail is not a field of this operation (did you mean `email`?)",
            ]
        );
        assert_eq!(faults(&value!([])), [" must be a map of fields, not a list"]);
        assert_eq!(
            faults(&value!({ "key": "1", "name": " ", "lines": [] })),
            [
                "name must be a text that is not empty, not “ ”",
                "lines is missing; it must be a list of at least one item"
            ]
        );
    }
}
