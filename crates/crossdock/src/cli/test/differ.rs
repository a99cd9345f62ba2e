//! What came out against what was expected, told field by field.

use crossdock_core::value::Value;

use super::runner::Made;
use crate::cli::screen::{Screen, Tone, clean};
use crate::config::suite::Expect;

/// Differences that are told of one test.
const DIFFERENCES_MAX: usize = 20;
/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 200;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
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
pub fn judge(expect: &Expect<'_>, made: Made) -> Verdict {
    let mut differences = Vec::new();
    match (expect, &made) {
        (Expect::Fault(text), Made::Fault(found)) if found.contains(text.as_str()) => {}
        (Expect::Fault(text), Made::Fault(found)) => {
            differences.push(Difference::Told(format!("the fault does not speak of `{text}`: {found}")));
        }
        (Expect::Fault(text), made) => {
            differences.push(Difference::Told(format!(
                "expected a fault that speaks of `{text}`, but it made {}",
                summary(made)
            )));
        }
        (_, Made::Fault(found)) => differences.push(Difference::Told(format!("it failed: {found}"))),
        (Expect::Data(expected, _), Made::Target(found)) => {
            compare("", expected, found.as_ref().unwrap_or(&Value::Null), &mut differences);
        }
        (Expect::Data(expected, _), Made::Events(events)) => match events.as_slice() {
            [] => compare("", expected, &Value::Null, &mut differences),
            [event] => compare("", expected, event.get("data").unwrap_or(&Value::Null), &mut differences),
            many => differences.push(Difference::Told(format!(
                "it made {} events, and `expect` is the data of one; use `expect_events`",
                many.len()
            ))),
        },
        (Expect::Events(..), Made::Target(_)) => {
            differences.push(Difference::Told("it makes the input of an operation; use `expect`".to_owned()));
        }
        (Expect::Events(expected, _), Made::Events(events)) => compare_events(expected, events, &mut differences),
    }
    if differences.len() > DIFFERENCES_MAX {
        let more = differences.len() - DIFFERENCES_MAX;
        differences.truncate(DIFFERENCES_MAX);
        differences.push(Difference::Told(format!("and {more} more differences")));
    }
    Verdict { differences, made }
}

/// Of each event only the fields that are expected are compared.
fn compare_events(expected: &Value, found: &[Value], differences: &mut Vec<Difference>) {
    let expected = match expected {
        Value::Null => &[],
        expected => expected.as_list().unwrap_or_default(),
    };
    if expected.len() != found.len() {
        let types: Vec<&str> = found.iter().filter_map(|event| event.get("type")?.as_text()).collect();
        let made = if types.is_empty() { "none".to_owned() } else { types.join(", ") };
        differences.push(Difference::Told(format!(
            "expected {} events, found {}: {made}",
            expected.len(),
            found.len()
        )));
    }
    for (n, (expected, found)) in expected.iter().zip(found).enumerate() {
        let Some(fields) = expected.as_map() else {
            differences.push(Difference::Told(format!(
                "`expect_events` must be a list of maps; number {} is {}",
                n + 1,
                expected.kind_word()
            )));
            continue;
        };
        for (field, expected) in fields.iter() {
            let path = format!("events[{n}].{field}");
            match found.get(field) {
                Some(found) => compare(&path, expected, found, differences),
                None => differences
                    .push(Difference::Told(format!("{path}: an event has type, subject, time, references and data"))),
            }
        }
    }
}

fn compare(path: &str, expected: &Value, found: &Value, differences: &mut Vec<Difference>) {
    match (expected, found) {
        (Value::Map(wanted), Value::Map(made)) => {
            for (key, expected) in wanted.iter() {
                match made.get(key) {
                    Some(found) => compare(&join(path, key), expected, found, differences),
                    None => differences.push(Difference::Missing { path: join(path, key), expected: expected.clone() }),
                }
            }
            for (key, found) in made.iter().filter(|(key, _)| !wanted.contains_key(key)) {
                differences.push(Difference::Unexpected { path: join(path, key), found: found.clone() });
            }
        }
        (Value::List(wanted), Value::List(made)) => {
            for (n, (expected, found)) in wanted.iter().zip(made.iter()).enumerate() {
                compare(&format!("{path}[{n}]"), expected, found, differences);
            }
            for (n, expected) in wanted.iter().enumerate().skip(made.len()) {
                differences.push(Difference::Missing { path: format!("{path}[{n}]"), expected: expected.clone() });
            }
            for (n, found) in made.iter().enumerate().skip(wanted.len()) {
                differences.push(Difference::Unexpected { path: format!("{path}[{n}]"), found: found.clone() });
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => differences.push(Difference::Changed {
            path: path.to_owned(),
            expected: expected.clone(),
            found: found.clone(),
        }),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// One difference on one line.
pub fn shown(difference: &Difference, screen: Screen) -> String {
    let place = |path: &str| screen.paint(if path.is_empty() { "all of it" } else { path }, Tone::Strong);
    match difference {
        Difference::Changed { path, expected, found } => format!(
            "{}: expected {}, found {}",
            place(path),
            screen.paint(&short(expected), Tone::Good),
            screen.paint(&short(found), Tone::Bad)
        ),
        Difference::Missing { path, expected } => {
            format!("{}: is missing; expected {}", place(path), screen.paint(&short(expected), Tone::Good))
        }
        Difference::Unexpected { path, found } => {
            format!("{}: was not expected; found {}", place(path), screen.paint(&short(found), Tone::Bad))
        }
        Difference::Told(text) => clean(text),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_json_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn summary(made: &Made) -> String {
    match made {
        Made::Events(events) => format!("{} event{}", events.len(), if events.len() == 1 { "" } else { "s" }),
        Made::Target(Some(target)) => short(target),
        Made::Target(None) => "nothing".to_owned(),
        Made::Fault(fault) => fault.clone(),
    }
}
