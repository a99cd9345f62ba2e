//! Tests of expressions and mappings. Cases are data: an expression, an input, what comes out.

mod cel;
mod codes;
mod conformance;
mod functions;
mod guide;
mod laws;
mod mistakes;
mod trees;
mod watching;
mod webhook;
pub mod yaml;

use std::cell::Cell;
use std::sync::Arc;

use super::{CodeList, CodeLists, Expression, Fault, MapLimits, Mapping, Scope};
use crate::source::{Diagnostic, Entry, Location, Node, NodeKind};
use crate::value::{JsonLimits, Value};

thread_local! {
    static KEEP_CONSTANTS: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn keep_constants() -> bool {
    KEEP_CONSTANTS.get()
}

/// Runs with constants computed while running instead of while compiling.
fn with_constants_kept<T>(run: impl FnOnce() -> T) -> T {
    KEEP_CONSTANTS.set(true);
    let result = run();
    KEEP_CONSTANTS.set(false);
    result
}

pub(super) fn here() -> Location {
    Location::new("test.yaml", 1, 1)
}

fn json(text: &str) -> Value {
    Value::parse_json(text.as_bytes(), &JsonLimits::default()).expect("the test's input is JSON")
}

/// The scope of the tests: the usual variables and two code lists.
fn scope() -> Scope {
    let mut codes = CodeLists::new();
    for (name, text) in [
        ("units", "{PCE: EA, CTN: CT, KGM: KG}"),
        ("status", "{codes: {DEL: delivered, DLVD: delivered, ATT: attempted}, back: {delivered: DEL}}"),
        ("vague", "{A: same, B: same, C: other}"),
    ] {
        let list = CodeList::compile(name, &yaml::node("codes.yaml", text)).expect("the test's code list is right");
        codes.add(list).expect("names differ");
    }
    Scope::new(["m", "x", "y", "event"]).with_codes(Arc::new(codes))
}

/// The value or the words of what is wrong, at compile time or at run time.
fn evaluate(expression: &str, input: &str) -> Result<Value, String> {
    let scope = scope();
    let compiled = Expression::compile(expression, &here(), &scope)
        .map_err(|mistakes| mistakes.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("; "))?;
    let mut bindings = scope.bindings();
    let input = json(input);
    for (name, value) in input.as_map().expect("the input is a map of variables").iter() {
        bindings.set(scope.slot(name).expect("the input names variables"), value.clone());
    }
    compiled.evaluate(&bindings, &MapLimits::default()).map_err(|fault| fault.to_string())
}

/// Checks one expression over a JSON map of variables. The expectation is the value as `Debug` shows it, or `!` and
/// a part of the words of the mistake or fault.
#[track_caller]
fn check(expression: &str, input: &str, expect: &str) {
    for (kept, result) in
        [(false, evaluate(expression, input)), (true, with_constants_kept(|| evaluate(expression, input)))]
    {
        match (result, expect.strip_prefix('!')) {
            (Ok(value), None) => {
                assert_eq!(format!("{value:?}"), expect, "{expression} over {input}, constants kept: {kept}")
            }
            (Err(words), Some(part)) => {
                assert!(words.contains(part), "{expression} over {input}: {words:?} lacks {part:?}")
            }
            (other, _) => panic!("{expression} over {input}, constants kept: {kept}: {other:?} instead of {expect}"),
        }
    }
}

#[track_caller]
fn check_all(cases: &[(&str, &str, &str)]) {
    for (expression, input, expect) in cases {
        check(expression, input, expect);
    }
}

/// Compiles a mapping from YAML in the file `map.yaml`.
fn compile(yaml: &str) -> Result<Mapping, Vec<Diagnostic>> {
    Mapping::compile(&yaml::node("map.yaml", yaml), &scope())
}

fn apply(mapping: &Mapping, message: &str) -> Result<Value, Fault> {
    mapping.apply(&scope().bind([("m", json(message))]), &MapLimits::default())
}

/// Checks a mapping of `m`: the target's JSON, or `!` and a part of the fault's words.
#[track_caller]
fn check_mapping(yaml: &str, message: &str, expect: &str) {
    let mapping = compile(yaml).unwrap_or_else(|mistakes| panic!("{yaml}\ndoes not compile: {mistakes:#?}"));
    match (apply(&mapping, message), expect.strip_prefix('!')) {
        (Ok(target), None) => assert_eq!(target.to_json_string(), expect, "{yaml}\nover {message}"),
        (Err(fault), Some(part)) => assert!(fault.to_string().contains(part), "{fault} lacks {part:?}"),
        (other, _) => panic!("{yaml}\nover {message}: {other:?} instead of {expect}"),
    }
}
