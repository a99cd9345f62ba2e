//! Writes what tests made into their files as what they expect. Only the lines of `expect` and `expect_events` change.

use std::collections::BTreeMap;

use anyhow::Context as _;
use crossdock_core::source::Entry;
use crossdock_core::value::Value;

use super::Ran;
use super::runner::Made;
use crate::config::folder::Folder;
use crate::config::suite::Expect;

/// What became of a file, by path: how many expectations were written, or why not.
pub type Outcomes = BTreeMap<String, Result<usize, String>>;

/// A piece of a file that is replaced.
struct Patch {
    /// First and last line, from 1.
    lines: std::ops::RangeInclusive<usize>,
    text: String,
}

/// Writes the expectations of the tests that failed.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Folder, failed: &[&Ran<'_>]) -> anyhow::Result<Outcomes> {
    let mut patches: BTreeMap<&str, Vec<Patch>> = BTreeMap::new();
    let mut outcomes = Outcomes::new();
    for ran in failed {
        let path = ran.case.file.path.as_str();
        match patch(ran) {
            Ok(patch) => patches.entry(path).or_default().push(patch),
            Err(why) => {
                outcomes.insert(format!("{path}:{} {}", ran.case.location.line, ran.case.name), Err(why));
            }
        }
    }
    for (path, mut patches) in patches {
        let file = failed.iter().find(|ran| ran.case.file.path == path).map(|ran| ran.case.file);
        let Some(file) = file else { continue };
        patches.sort_by_key(|patch| std::cmp::Reverse(*patch.lines.start()));
        let mut lines: Vec<String> = file.text.lines().map(str::to_owned).collect();
        for patch in &patches {
            let replaced = patch.lines.start() - 1..*patch.lines.end();
            lines.splice(replaced, patch.text.lines().map(str::to_owned));
        }
        let text = lines.join("\n") + "\n";
        std::fs::write(folder.root.join(path), text).with_context(|| format!("{path} cannot be written"))?;
        outcomes.insert(path.to_owned(), Ok(patches.len()));
    }
    Ok(outcomes)
}

fn patch(ran: &Ran<'_>) -> Result<Patch, String> {
    let (entry, value) = match (&ran.case.expect, &ran.verdict.made) {
        (_, Made::Fault(fault)) => return Err(format!("it failed: {fault}")),
        (_, Made::Rejected(told)) => return Err(format!("the request was turned away: {told}")),
        (Expect::Fault(..) | Expect::Rejection(..), _) => {
            return Err("it made something, and that is not expected".into());
        }
        _ if ran.case.partial => return Err("it expects a part; change it by hand, or remove `partial: true`".into()),
        (Expect::Data(entry), Made::Target(target)) => (entry, target.clone().unwrap_or_default()),
        (Expect::Data(entry), Made::Events(events)) => match events.as_slice() {
            [] => (entry, Value::Null),
            [event] => (entry, event.get("data").cloned().unwrap_or_default()),
            _ => return Err("it made several events: write `expect_events:` in place of `expect`".into()),
        },
        (Expect::Events(expected, entry), Made::Events(events)) => (entry, events_as_expected(expected, events)),
        (Expect::Events(..), Made::Target(_)) => return Err("it makes the input of an operation: use `expect`".into()),
    };
    let lines: Vec<&str> = ran.case.file.text.lines().collect();
    let start = entry.key_location.line as usize;
    let head = lines.get(start - 1).copied().unwrap_or_default();
    let before: String = head.chars().take(entry.key_location.column as usize - 1).collect();
    if !before.trim_start_matches("- ").trim().is_empty() {
        return Err("it is written on one line with other fields; give `expect` a line of its own".into());
    }
    let indent = before.chars().count();
    let end = end_of(&lines, start, indent, entry);
    let mut text = format!("{before}{}:", entry.key);
    yaml(&value, indent, &mut text);
    Ok(Patch { lines: start..=end, text })
}

/// The last line of an entry's value: what follows is indented no deeper, blank or a comment.
fn end_of(lines: &[&str], start: usize, indent: usize, entry: &Entry) -> usize {
    let mut end = start;
    for (n, line) in lines.iter().enumerate().skip(start) {
        let depth = line.chars().take_while(|c| *c == ' ').count();
        let rest = line.trim_start();
        let is_list_here = depth == indent && rest.starts_with("- ") && entry.value.items().is_some();
        if rest.is_empty() || (rest.starts_with('#') && depth <= indent) {
            continue;
        }
        if depth <= indent && !is_list_here {
            break;
        }
        end = n + 1;
    }
    end
}

/// The fields that were expected before; type, subject and data for new events.
fn events_as_expected(expected: &Value, events: &[Value]) -> Value {
    let before = expected.as_list().unwrap_or_default();
    Value::list(events.iter().enumerate().map(|(n, event)| {
        let fields: Vec<&str> = match before.get(n).and_then(Value::as_map) {
            Some(fields) if !fields.is_empty() => fields.keys().collect(),
            _ => vec!["type", "subject", "data"],
        };
        Value::map(fields.into_iter().filter_map(|field| Some((field, event.get(field)?.clone()))))
    }))
}

/// A value as YAML behind a key or dash at `indent`.
fn yaml(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Map(map) if !map.is_empty() => {
            for (key, value) in map.iter() {
                out.push_str(&format!("\n{}{}:", " ".repeat(indent + 2), scalar(&Value::text(key))));
                yaml(value, indent + 2, out);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for item in items.iter() {
                out.push_str(&format!("\n{}-", " ".repeat(indent + 2)));
                in_item(item, indent + 2, out);
            }
        }
        other => out.push_str(&format!(" {}", scalar(other))),
    }
}

/// A value behind a dash: a map begins on the dash's line.
fn in_item(value: &Value, indent: usize, out: &mut String) {
    let Some(map) = value.as_map().filter(|map| !map.is_empty()) else { return yaml(value, indent, out) };
    for (n, (key, value)) in map.iter().enumerate() {
        let lead = if n == 0 { " ".to_owned() } else { format!("\n{}", " ".repeat(indent + 2)) };
        out.push_str(&format!("{lead}{}:", scalar(&Value::text(key))));
        yaml(value, indent + 2, out);
    }
}

/// A single value: plain where YAML reads it back as the same, else as JSON, which YAML reads too.
fn scalar(value: &Value) -> String {
    match value {
        Value::Text(text) if is_plain(text) => text.to_string(),
        Value::Text(_) | Value::Time(_) | Value::Duration(_) | Value::Bytes(_) => value.to_json_string(),
        other => other.to_json_string(),
    }
}

fn is_plain(text: &str) -> bool {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_word = matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    begins_well && !is_word && !text.ends_with(' ') && text.chars().all(|c| c.is_alphanumeric() || " ._/-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{suite, yaml as reader};

    #[test]
    fn written_values_are_read_back_as_the_same() {
        let value = Value::map([
            ("plain", Value::text("Musterstrasse 12-14")),
            ("postcode", Value::text("01099")),
            ("yes", Value::text("yes")),
            ("empty", Value::text("")),
            ("lines", Value::text("a\nb: c")),
            ("number", Value::from(3_i64)),
            ("nothing", Value::Null),
            ("list", Value::list([Value::map([("a", Value::from(1_i64)), ("b", Value::list([Value::from(2_i64)]))])])),
            ("nested", Value::list([Value::list([Value::from(true)])])),
            ("none", Value::list([] as [Value; 0])),
        ]);
        let mut text = String::from("expect:");
        yaml(&value, 0, &mut text);
        let parsed = reader::parse("x", &text);
        assert_eq!(parsed.mistakes, []);
        let node = parsed.node.expect("it is YAML");
        assert_eq!(suite::value_of(node.get("expect").expect("written")), value, "{text}");
    }
}
