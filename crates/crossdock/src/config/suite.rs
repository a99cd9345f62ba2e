//! `tests/**/*.yaml`: what a mapping or a flow is to make of an input. Read and checked here; run by `crossdock test`.

mod given;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crossdock_core::source::{Diagnostic, Entry, Location, Node, NodeKind, Reader, Severity};
use crossdock_core::value::{Decimal, JsonLimits, Value};
use jiff::Timestamp;

use super::folder::{File, Folder, Kind};
use super::mapping::MappingFile;
use super::{names, yaml};

pub use given::{Known, Request, now};

/// The time at which everything happens that says nothing else.
const NOW: &str = "2026-01-01T12:00:00Z";
/// Largest input file of a test, in bytes.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One test.
pub struct Case<'f> {
    pub name: String,
    /// The file it stands in.
    pub file: &'f File,
    pub location: Location,
    pub subject: Subject<'f>,
    /// When everything happens that says nothing else.
    pub at: Option<Timestamp>,
    /// What the hub knows beforehand.
    pub known: Known,
    pub given: Given,
    pub expect: Expect<'f>,
    /// Maps may hold more than is expected.
    pub partial: bool,
}

/// What goes in.
pub enum Given {
    /// Variables by name.
    Input(Value),
    /// A request as a system sends it.
    Request(Request),
}

/// What is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'f> {
    Mapping(&'f str),
    Flow(&'f str),
    /// The door of a system and every flow behind it.
    System(&'f str),
}

/// What is to come out.
#[derive(Clone, Debug)]
pub enum Expect<'f> {
    /// The whole data of the one event, or the whole target.
    Data(&'f Entry),
    /// Events in order; only the fields that are given are compared.
    Events(Value, &'f Entry),
    /// A fault whose text contains this.
    Fault(String, &'f Entry),
    /// A request that is turned away; status, code and reason contain this.
    Rejection(String, &'f Entry),
}

/// All tests that can be read. Tells what is wrong with the tests themselves.
pub fn read_all<'f>(
    folder: &'f Folder,
    mappings: &BTreeMap<&str, MappingFile<'_>>,
    mistakes: &mut Vec<Diagnostic>,
) -> Vec<Case<'f>> {
    let names_of = |kind| folder.of_kind(kind).map(|file| file.name.as_str()).collect();
    let (flows, systems): (BTreeSet<&str>, BTreeSet<&str>) = (names_of(Kind::Flow), names_of(Kind::System));
    let cases = cases(folder, mistakes);
    for case in &cases {
        match case.subject {
            Subject::Mapping(name) if !mappings.contains_key(name) => {
                let at = subject_location(case, "mapping");
                mistakes.push(names::unknown(&at, "mapping", name, mappings.keys().copied(), "mappings"));
            }
            Subject::Flow(name) if !flows.contains(name) => {
                let at = subject_location(case, "flow");
                mistakes.push(names::unknown(&at, "flow", name, flows.iter().copied(), "flows"));
            }
            Subject::System(name) if !systems.contains(name) => {
                let at = subject_location(case, "system");
                mistakes.push(names::unknown(&at, "system", name, systems.iter().copied(), "systems"));
            }
            _ => {}
        }
    }
    cases
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

fn cases<'f>(folder: &'f Folder, mistakes: &mut Vec<Diagnostic>) -> Vec<Case<'f>> {
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
    let subject = subject(node, &reader);
    let at = given::instant("at", &reader);
    let known = reader.node("known").map(|known| given::known(known, at, &reader)).unwrap_or_default();
    let given = match (subject, reader.node("request")) {
        (Some(Subject::System(_)), Some(request)) => given::request(folder, file, request, &reader).map(Given::Request),
        (Some(Subject::System(_)), None) => {
            reader.mistake(
                Diagnostic::error(&node.location, "a test of a system lacks `request`")
                    .hint("what the system sends: `request: {headers: {…}, body_file: …}`"),
            );
            None
        }
        (_, Some(request)) => {
            reader.mistake(
                Diagnostic::error(&request.location, "`request` is for tests of a system")
                    .hint("name the `system` that sends it, in place of a mapping or flow"),
            );
            None
        }
        (_, None) => input(folder, file, &reader).map(Given::Input),
    };
    let partial = reader.flag("partial").unwrap_or(false);
    let expect = expect(node, &reader);
    let found = reader.finish();
    let failed = found.iter().any(|mistake| mistake.severity == Severity::Error);
    mistakes.extend(found);
    if failed {
        return None;
    }
    let location = node.location.clone();
    Some(Case { name: name?, file, location, subject: subject?, at, known, given: given?, expect: expect?, partial })
}

fn subject<'f>(node: &'f Node, reader: &Reader<'f>) -> Option<Subject<'f>> {
    let named = ["mapping", "flow", "system"].map(|key| reader.optional_text(key));
    match named {
        [Some(name), None, None] => Some(Subject::Mapping(name)),
        [None, Some(name), None] => Some(Subject::Flow(name)),
        [None, None, Some(name)] => Some(Subject::System(name)),
        _ if node.entries().is_none() => None,
        _ => {
            let message = "a test names one of `mapping`, `flow` and `system`";
            reader.mistake(Diagnostic::error(&node.location, message));
            None
        }
    }
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

/// Reads an input beside the test, or below the hub folder, as what its name says it is.
fn read_input(folder: &Folder, file: &File, path: &str, at: &Location) -> Result<Value, Diagnostic> {
    let bytes = read_bytes(folder, file, path, at)?;
    parse_input(path, &bytes).map_err(|problem| Diagnostic::error(at, format!("{path} {problem}")))
}

/// A file's content as a value: YAML and JSON by the name's ending, anything else as a text.
///
/// # Errors
/// What is wrong with it, to be said behind its name.
pub fn parse_input(path: &str, bytes: &[u8]) -> Result<Value, String> {
    if path.ends_with(".yaml") {
        let parsed = yaml::parse(path, &String::from_utf8_lossy(bytes));
        return match (parsed.node, parsed.mistakes.into_iter().next()) {
            (Some(node), None) => Ok(value_of(&node)),
            (_, mistake) => Err(mistake.map_or_else(|| "is not YAML".into(), |mistake| mistake.to_string())),
        };
    }
    if path.ends_with(".json") {
        return Value::parse_json(bytes, &JsonLimits::default()).map_err(|error| format!("is not JSON: {error}"));
    }
    Ok(Value::text(String::from_utf8_lossy(bytes)))
}

/// Reads a file beside the test, or below the hub folder.
fn read_bytes(folder: &Folder, file: &File, path: &str, at: &Location) -> Result<Vec<u8>, Diagnostic> {
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
    std::fs::read(&full).map_err(|error| told(format!("cannot be read: {error}")))
}

/// The keys that say what is to come out.
const EXPECTATIONS: [&str; 4] = ["expect", "expect_events", "expect_fault", "expect_rejection"];

fn expect<'f>(node: &'f Node, reader: &Reader<'_>) -> Option<Expect<'f>> {
    for key in EXPECTATIONS {
        // Known to the reader, so that it is not told as unknown.
        let _ = reader.node(key);
    }
    let given: Vec<&Entry> = node.entries()?.iter().filter(|entry| EXPECTATIONS.contains(&&*entry.key)).collect();
    let [entry] = given.as_slice() else {
        let told = "a test has one of `expect`, `expect_events`, `expect_fault` and `expect_rejection`";
        reader.mistake(
            Diagnostic::error(&node.location, told)
                .hint("`crossdock test --update` fills in `expect:` and `expect_events:` that are left empty"),
        );
        return None;
    };
    let is_request = reader.node("request").is_some();
    match &*entry.key {
        "expect" => Some(Expect::Data(entry)),
        "expect_events" => Some(Expect::Events(value_of(&entry.value), entry)),
        "expect_fault" => reader.optional_text("expect_fault").map(|fault| Expect::Fault(fault.to_owned(), entry)),
        _ if !is_request => {
            reader.mistake(
                Diagnostic::error(&entry.key_location, "only a `request` is turned away")
                    .hint("a message that a mapping cannot make sense of is an `expect_fault`"),
            );
            None
        }
        _ => reader.optional_text("expect_rejection").map(|text| Expect::Rejection(text.to_owned(), entry)),
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
