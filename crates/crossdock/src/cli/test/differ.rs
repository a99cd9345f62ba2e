//! What came out against what was expected, told field by field, each with the line that expects it.

use crossdock_core::source::{Entry, Location, Node, NodeKind};
use crossdock_core::value::Value;
use serde_json::json;

use super::runner::Made;
use crate::cli::screen::{Screen, Tone, clean};
use crate::config::suite::{Case, Expect, value_of};

/// Differences that are told of one test.
const DIFFERENCES_MAX: usize = 20;
/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 200;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where the expectation stands that is not met.
    pub at: Location,
    pub what: What,
}

/// In what it differs.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Changed { path: String, expected: Value, found: Value },
    Missing { path: String, expected: Value },
    Unexpected { path: String, found: Value },
    Told(String),
}

/// Whether a test passed, and what came out.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub differences: Vec<Difference>,
    pub made: Made,
}

impl Verdict {
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares.
pub fn judge(case: &Case<'_>, made: Made) -> Verdict {
    let mut judge = Judge { partial: case.partial, differences: Vec::new() };
    judge.compare_all(&case.expect, &made);
    let mut differences = judge.differences;
    if differences.len() > DIFFERENCES_MAX {
        let more = differences.len() - DIFFERENCES_MAX;
        let at = differences[DIFFERENCES_MAX].at.clone();
        differences.truncate(DIFFERENCES_MAX);
        differences.push(Difference { at, what: What::Told(format!("and {more} more differences")) });
    }
    Verdict { differences, made }
}

struct Judge {
    partial: bool,
    differences: Vec<Difference>,
}

impl Judge {
    fn compare_all(&mut self, expect: &Expect<'_>, made: &Made) {
        match (expect, made) {
            (Expect::Fault(text, entry), Made::Fault(found)) => self.speaks_of("fault", text, found, entry),
            (Expect::Rejection(text, entry), Made::Rejected(found)) => self.speaks_of("rejection", text, found, entry),
            (Expect::Fault(text, entry), made) => {
                self.tell(entry, format!("expected a fault that speaks of `{text}`, but {}", summary(made)));
            }
            (Expect::Rejection(text, entry), made) => {
                self.tell(entry, format!("expected a rejection that speaks of `{text}`, but {}", summary(made)));
            }
            (Expect::Data(entry) | Expect::Events(_, entry), Made::Fault(found)) => {
                self.tell(entry, format!("it failed: {found}"));
            }
            (Expect::Data(entry) | Expect::Events(_, entry), Made::Rejected(found)) => {
                self.tell(entry, format!("the request was turned away: {found}"));
            }
            (Expect::Data(entry), Made::Target(found)) => {
                self.compare("", &entry.value, found.as_ref().unwrap_or(&Value::Null));
            }
            (Expect::Data(entry), Made::Events(events)) => match events.as_slice() {
                [] => self.compare("", &entry.value, &Value::Null),
                [event] => self.compare("", &entry.value, event.get("data").unwrap_or(&Value::Null)),
                many => self.tell(
                    entry,
                    format!("it made {} events, and `expect` is the data of one; use `expect_events`", many.len()),
                ),
            },
            (Expect::Events(_, entry), Made::Target(_)) => {
                self.tell(entry, "it makes the input of an operation; use `expect`".to_owned());
            }
            (Expect::Events(_, entry), Made::Events(events)) => self.compare_events(entry, events),
        }
    }

    fn speaks_of(&mut self, what: &str, text: &str, found: &str, entry: &Entry) {
        if !found.contains(text) {
            self.tell(entry, format!("the {what} does not speak of `{text}`: {found}"));
        }
    }

    fn tell(&mut self, entry: &Entry, told: String) {
        self.differences.push(Difference { at: entry.key_location.clone(), what: What::Told(told) });
    }

    /// Of each event only the fields that are expected are compared.
    fn compare_events(&mut self, entry: &Entry, found: &[Value]) {
        let expected = entry.value.items().unwrap_or_default();
        if expected.len() != found.len() {
            let types: Vec<&str> = found.iter().filter_map(|event| event.get("type")?.as_text()).collect();
            let made = if types.is_empty() { "none".to_owned() } else { types.join(", ") };
            self.tell(entry, format!("expected {} events, found {}: {made}", expected.len(), found.len()));
        }
        for (n, (expected, found)) in expected.iter().zip(found).enumerate() {
            let at = expected.location.clone();
            let Some(fields) = expected.entries() else {
                let told =
                    format!("`expect_events` must be a list of maps; number {} is {}", n + 1, expected.kind_word());
                self.differences.push(Difference { at, what: What::Told(told) });
                continue;
            };
            for field in fields {
                let path = format!("events[{n}].{}", field.key);
                match found.get(&field.key) {
                    Some(found) => self.compare(&path, &field.value, found),
                    None => {
                        let told = format!("{path}: an event has type, subject, time, first, references and data");
                        self.tell(field, told);
                    }
                }
            }
        }
    }

    fn compare(&mut self, path: &str, expected: &Node, found: &Value) {
        match (&expected.kind, found) {
            (NodeKind::Map(wanted), Value::Map(made)) => {
                for entry in wanted {
                    let path = join(path, &entry.key);
                    match made.get(&entry.key) {
                        Some(found) => self.compare(&path, &entry.value, found),
                        // In part of a whole, null says that there is nothing.
                        None if self.partial && entry.value.kind == NodeKind::Null => {}
                        None => self.add(&entry.key_location, What::Missing { path, expected: value_of(&entry.value) }),
                    }
                }
                let whole = !self.partial;
                for (key, found) in made.iter().filter(|_| whole) {
                    if !wanted.iter().any(|entry| &*entry.key == key) {
                        let (path, found) = (join(path, key), found.clone());
                        self.add(&expected.location, What::Unexpected { path, found });
                    }
                }
            }
            (NodeKind::List(wanted), Value::List(made)) => {
                for (n, (expected, found)) in wanted.iter().zip(made.iter()).enumerate() {
                    self.compare(&format!("{path}[{n}]"), expected, found);
                }
                for (n, expected) in wanted.iter().enumerate().skip(made.len()) {
                    let (path, value) = (format!("{path}[{n}]"), value_of(expected));
                    self.add(&expected.location, What::Missing { path, expected: value });
                }
                for (n, found) in made.iter().enumerate().skip(wanted.len()) {
                    let (path, found) = (format!("{path}[{n}]"), found.clone());
                    self.add(&expected.location, What::Unexpected { path, found });
                }
            }
            (_, found) => {
                let wanted = value_of(expected);
                if wanted != *found {
                    let (path, found) = (path.to_owned(), found.clone());
                    self.add(&expected.location, What::Changed { path, expected: wanted, found });
                }
            }
        }
    }

    fn add(&mut self, at: &Location, what: What) {
        self.differences.push(Difference { at: at.clone(), what });
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// One difference on one line, behind the line of the file that expects otherwise.
pub fn shown(difference: &Difference, screen: Screen) -> String {
    format!("{} {}", screen.paint(&format!("{}:", difference.at.line), Tone::Faint), told(&difference.what, screen))
}

fn told(what: &What, screen: Screen) -> String {
    let place = |path: &str| screen.paint(if path.is_empty() { "all of it" } else { path }, Tone::Strong);
    match what {
        What::Changed { path, expected, found } => format!(
            "{}: expected {}, found {}",
            place(path),
            screen.paint(&short(expected), Tone::Good),
            screen.paint(&short(found), Tone::Bad)
        ),
        What::Missing { path, expected } => {
            format!("{}: is missing; expected {}", place(path), screen.paint(&short(expected), Tone::Good))
        }
        What::Unexpected { path, found } => {
            format!("{}: was not expected; found {}", place(path), screen.paint(&short(found), Tone::Bad))
        }
        What::Told(text) => clean(text),
    }
}

/// One difference for a machine.
pub fn as_json(difference: &Difference) -> serde_json::Value {
    let value = |value: &Value| serde_json::from_str(&value.to_json_string()).unwrap_or(serde_json::Value::Null);
    let mut json = json!({
        "line": difference.at.line,
        "column": difference.at.column,
        "told": told(&difference.what, Screen::PLAIN),
    });
    match &difference.what {
        What::Changed { path, expected, found } => {
            json["path"] = json!(path);
            json["expected"] = value(expected);
            json["found"] = value(found);
        }
        What::Missing { path, expected } => {
            json["path"] = json!(path);
            json["expected"] = value(expected);
        }
        What::Unexpected { path, found } => {
            json["path"] = json!(path);
            json["found"] = value(found);
        }
        What::Told(_) => {}
    }
    json
}

/// A value on one line, cut where it is long.
pub fn short(value: &Value) -> String {
    let text = value.to_json_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn summary(made: &Made) -> String {
    match made {
        Made::Events(events) => format!("it made {} event{}", events.len(), if events.len() == 1 { "" } else { "s" }),
        Made::Target(Some(target)) => format!("it made {}", short(target)),
        Made::Target(None) => "it made nothing".to_owned(),
        Made::Fault(fault) => format!("it failed: {fault}"),
        Made::Rejected(rejection) => format!("the request was turned away: {rejection}"),
    }
}
