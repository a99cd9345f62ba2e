//! The conformance suite of the CEL specification, as far as it applies: what comes out, that the checker lets pass what
//! the suite type-checks, and that every result is of the type inferred for it.

use super::{evaluate, json, with_constants_kept};
use crate::mapping::types::Ty;
use crate::mapping::types::tests::{admits, inferred};
use crate::source::Severity;

const CASES: &str = include_str!("conformance/cases.txt");

struct Case<'c> {
    name: &'c str,
    variables: String,
    x: Option<&'c str>,
    expression: &'c str,
    expect: &'c str,
    checked: bool,
}

fn read(line: &str) -> Case<'_> {
    let (line, _reason) = line.split_once(" ## ").unwrap_or((line, ""));
    let (left, expect) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("{line} has no result"));
    let (name, expression) = left.split_once(' ').unwrap_or_else(|| panic!("{line} has no expression"));
    let (x, expression) = match expression.strip_prefix("x=").and_then(|rest| rest.split_once(" x")) {
        Some((x, _)) => (Some(x), &expression[2 + x.len() + 1..]),
        None => (None, expression),
    };
    let variables = x.map_or_else(|| "{}".to_owned(), |x| format!("{{\"x\": {x}}}"));
    let checked = !name.starts_with('?');
    Case { name: name.trim_start_matches('?'), variables, x, expression, expect, checked }
}

fn cases() -> Vec<Case<'static>> {
    let lines = CASES.split("# Left out").next().unwrap_or_default().lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(read).collect()
}

#[test]
fn results_are_those_of_the_specification() {
    let mut wrong = Vec::new();
    for case in cases() {
        for kept in [false, true] {
            let run = || evaluate(case.expression, &case.variables);
            let result = if kept { with_constants_kept(run) } else { run() };
            let same = match &result {
                Ok(value) => format!("{value:?}") == case.expect || Ok(value.clone()) == parsed(case.expect),
                Err(_) => case.expect == "!",
            };
            if !same {
                wrong.push(format!("{}: {} gives {result:?} instead of {}", case.name, case.expression, case.expect));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn parsed(text: &str) -> Result<crate::value::Value, ()> {
    crate::value::Value::parse_json(text.as_bytes(), &crate::value::JsonLimits::default()).map_err(|_| ())
}

#[test]
fn what_the_suite_type_checks_passes_the_checker_and_has_its_type() {
    let mut wrong = Vec::new();
    for case in cases() {
        let x: Vec<(&str, Ty)> = case.x.map(|x| ("x", Ty::of_samples(&[json(x)]))).into_iter().collect();
        let (ty, found) = inferred(case.expression, &x);
        let mistakes: Vec<String> =
            found.iter().filter(|finding| finding.severity == Severity::Error).map(ToString::to_string).collect();
        let Ok(value) = evaluate(case.expression, &case.variables) else { continue };
        if case.checked && !mistakes.is_empty() {
            wrong.push(format!("{}: {} is refused: {mistakes:?}", case.name, case.expression));
        }
        if !admits(&ty, &value) {
            wrong.push(format!("{}: {} gives {value:?}, not of {ty:?}", case.name, case.expression));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn most_of_the_suite_that_applies_is_there() {
    let mut suites: Vec<&str> = cases().iter().filter_map(|case| case.name.split('/').next()).collect();
    suites.dedup();
    assert_eq!(
        suites,
        [
            "basic",
            "logic",
            "lists",
            "macros",
            "macros2",
            "integer_math",
            "comparisons",
            "string",
            "timestamps",
            "optionals",
            "conversions",
            "fields",
            "parse"
        ]
    );
    assert!(cases().len() > 400, "there are {}", cases().len());
}
