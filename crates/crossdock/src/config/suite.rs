//! `tests/**/*.yaml`: what a mapping or a flow is to make of an input. Read and checked here; run by `crossdock test`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crossdock_core::source::{Diagnostic, Entry, Location, Node, NodeKind, Reader, Severity};
use crossdock_core::value::{Decimal, JsonLimits, Value};

use super::folder::{File, Folder, Kind};
use super::mapping::MappingFile;
use super::{names, yaml};

/// Largest input file of a test, in bytes.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One test.
pub struct Case<'f> {
    pub name: String,
    /// The file it stands in.
    pub file: &'f File,
    pub location: Location,
    pub subject: Subject<'f>,
    /// Variables by name.
    pub input: Value,
    pub expect: Expect<'f>,
}

/// What is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'f> {
    Mapping(&'f str),
    Flow(&'f str),
}

/// What is to come out.
#[derive(Clone, Debug)]
pub enum Expect<'f> {
    /// The whole data of the one event, or the whole target.
    Data(Value, &'f Entry),
    /// Events in order; only the fields that are given are compared.
    Events(Value, &'f Entry),
    /// A fault whose text contains this.
    Fault(String),
}

/// Tells what is wrong with the tests themselves.
pub fn check(folder: &Folder, mappings: &BTreeMap<&str, MappingFile<'_>>, mistakes: &mut Vec<Diagnostic>) {
    let flows: BTreeSet<&str> = folder.of_kind(Kind::Flow).map(|file| file.name.as_str()).collect();
    for case in cases(folder, mistakes) {
        match case.subject {
            Subject::Mapping(name) if !mappings.contains_key(name) => {
                let at = subject_location(&case, "mapping");
                mistakes.push(names::unknown(&at, "mapping", name, mappings.keys().copied(), "mappings"));
            }
            Subject::Flow(name) if !flows.contains(name) => {
                let at = subject_location(&case, "flow");
                mistakes.push(names::unknown(&at, "flow", name, flows.iter().copied(), "flows"));
            }
            _ => {}
        }
    }
}

fn subject_location(case: &Case<'_>, key: &str) -> Location {
    let nodes = case.file.node.as_ref().map(documents).unwrap_or_default();
    let node = nodes.iter().find(|node| node.location == case.location).and_then(|node| node.get(key));
    node.map_or_else(|| case.location.clone(), |node| node.location.clone())
}

/// A file holds one test or a list of them.
fn documents(node: &Node) -> &[Node] {
    node.items().unwrap_or(std::slice::from_ref(node))
}

/// All tests that can be read.
pub fn cases<'f>(folder: &'f Folder, mistakes: &mut Vec<Diagnostic>) -> Vec<Case<'f>> {
    let mut cases = Vec::new();
    for file in folder.of_kind(Kind::Test) {
        for node in file.node.as_ref().map(documents).unwrap_or_default() {
            cases.extend(case(folder, file, node, mistakes));
        }
    }
    cases
}

fn case<'f>(folder: &Folder, file: &'f File, node: &'f Node, mistakes: &mut Vec<Diagnostic>) -> Option<Case<'f>> {
    let reader = Reader::new(node, "test");
    let name = reader.text("test").map(str::to_owned);
    let (mapping, flow) = (reader.optional_text("mapping"), reader.optional_text("flow"));
    let subject = match (mapping, flow) {
        (Some(name), None) => Some(Subject::Mapping(name)),
        (None, Some(name)) => Some(Subject::Flow(name)),
        _ if node.entries().is_none() => None,
        _ => {
            reader.mistake(Diagnostic::error(&node.location, "a test names either a `mapping` or a `flow`"));
            None
        }
    };
    let input = input(folder, file, &reader);
    let expect = expect(node, &reader);
    let found = reader.finish();
    let failed = found.iter().any(|mistake| mistake.severity == Severity::Error);
    mistakes.extend(found);
    if failed {
        return None;
    }
    Some(Case { name: name?, file, location: node.location.clone(), subject: subject?, input: input?, expect: expect? })
}

/// `input`, with what the files say below it.
fn input(folder: &Folder, file: &File, reader: &Reader<'_>) -> Option<Value> {
    let mut input = Value::map([] as [(&str, Value); 0]);
    if let Some(node) = reader.node("input_file") {
        let read = node.text().map(|path| read_input(folder, file, path, &node.location));
        match read {
            Some(Ok(value)) => merge(&mut input, value),
            Some(Err(mistake)) => reader.mistake(mistake),
            None => reader.mistake(Diagnostic::error(&node.location, "`input_file` must be a path")),
        }
    }
    if let Some(node) = reader.node("body_file") {
        let read = node.text().map(|path| read_input(folder, file, path, &node.location));
        match read {
            Some(Ok(value)) => merge(&mut input, Value::map([("body", value)])),
            Some(Err(mistake)) => reader.mistake(mistake),
            None => reader.mistake(Diagnostic::error(&node.location, "`body_file` must be a path")),
        }
    }
    if let Some(node) = reader.node("input") {
        match value_of(node) {
            value @ Value::Map(_) => merge(&mut input, value),
            _ => reader.mistake(
                Diagnostic::error(&node.location, "`input` must be a map of variables")
                    .hint("such as `input: {body: {…}}` for a message, or `input: {event: {…}}`"),
            ),
        }
    }
    let given = ["input", "input_file", "body_file"].iter().any(|key| reader.node(key).is_some());
    if !given {
        reader.mistake(
            Diagnostic::error(reader.location(), "test lacks `input`")
                .hint("or `body_file`, the path of a message's body; or `input_file`, the path of a map of variables"),
        );
    }
    Some(input)
}

fn merge(into: &mut Value, more: Value) {
    let (Some(into), Some(more)) = (into.as_map_mut(), more.as_map()) else { return };
    for (key, value) in more.iter() {
        into.insert(key, value.clone());
    }
}

/// Reads an input beside the test, or below the hub folder.
fn read_input(folder: &Folder, file: &File, path: &str, at: &Location) -> Result<Value, Diagnostic> {
    let beside = folder.root.join(&file.path).parent().map(|parent| parent.join(path));
    let full: PathBuf = beside.filter(|path| path.is_file()).unwrap_or_else(|| folder.root.join(path));
    let told = |problem: String| Diagnostic::error(at, format!("{path} {problem}"));
    let size = std::fs::metadata(&full)
        .map_err(|error| {
            told(format!("cannot be read: {error}")).hint("the path is relative to the test's folder or the hub folder")
        })?
        .len();
    if size > INPUT_BYTES_MAX {
        return Err(told(format!("is larger than {INPUT_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(&full).map_err(|error| told(format!("cannot be read: {error}")))?;
    if path.ends_with(".yaml") {
        let parsed = yaml::parse(path, &String::from_utf8_lossy(&bytes));
        return match (parsed.node, parsed.mistakes.into_iter().next()) {
            (Some(node), None) => Ok(value_of(&node)),
            (_, mistake) => Err(told(mistake.map_or_else(|| "is not YAML".into(), |mistake| mistake.to_string()))),
        };
    }
    if path.ends_with(".json") {
        return Value::parse_json(&bytes, &JsonLimits::default())
            .map_err(|error| told(format!("is not JSON: {error}")));
    }
    Ok(Value::text(String::from_utf8_lossy(&bytes)))
}

fn expect<'f>(node: &'f Node, reader: &Reader<'_>) -> Option<Expect<'f>> {
    reader.node("expect");
    reader.node("expect_events");
    let fault = reader.optional_text("expect_fault");
    let entry = |key: &str| node.entries()?.iter().find(|entry| &*entry.key == key);
    let expectations = [entry("expect").is_some(), entry("expect_events").is_some(), fault.is_some()];
    if expectations.iter().filter(|given| **given).count() != 1 {
        reader.mistake(
            Diagnostic::error(&node.location, "a test has one of `expect`, `expect_events` and `expect_fault`")
                .hint("`crossdock test --update` fills in `expect:` and `expect_events:` that are left empty"),
        );
        return None;
    }
    match (entry("expect"), entry("expect_events"), fault) {
        (Some(entry), ..) => Some(Expect::Data(value_of(&entry.value), entry)),
        (_, Some(entry), _) => Some(Expect::Events(value_of(&entry.value), entry)),
        (_, _, Some(fault)) => Some(Expect::Fault(fault.to_owned())),
        _ => None,
    }
}

/// A configuration node as a value, by the rules of YAML 1.2's core schema; numbers stay exact.
pub fn value_of(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Null => Value::Null,
        NodeKind::Scalar { text, quoted: true } => Value::text(text.clone()),
        NodeKind::Scalar { text, quoted: false } => match &**text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => number(text).unwrap_or_else(|| Value::text(text)),
        },
        NodeKind::List(items) => Value::list(items.iter().map(value_of)),
        NodeKind::Map(entries) => Value::map(entries.iter().map(|entry| (entry.key.clone(), value_of(&entry.value)))),
    }
}

/// JSON's numbers: what begins with a zero or a plus is a text, for example a postal code.
fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) || fraction.is_some_and(|f| !is_digits(f)) {
        return None;
    }
    match fraction {
        None => text.parse::<i64>().map(Value::from).ok(),
        Some(_) => text.parse::<Decimal>().map(Value::Decimal).ok(),
    }
}
