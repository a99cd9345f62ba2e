//! The guide for engineers is true: its examples compile, and its tables give what they say.

use std::sync::Arc;

use super::{json, yaml};
use crate::mapping::{CodeList, CodeLists, Expression, MapLimits, Mapping, Scope};

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/mappings.md"));

/// The code blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    GUIDE.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

fn guide_scope() -> Scope {
    let mut codes = CodeLists::new();
    let list = yaml::node("codes/units.yaml", "{codes: {PLT: PF, CTN: CT, STK: EA, PCE: EA}, back: {EA: PCE}}");
    codes.add(CodeList::compile("units", &list).expect("right")).expect("the only one");
    Scope::new(["body"]).with_codes(Arc::new(codes))
}

#[test]
fn its_mappings_work_on_its_message() {
    let scope = guide_scope();
    let bindings = scope.bind([("body", json(blocks("json")[0]))]);
    let mut targets = Vec::new();
    for block in blocks("yaml") {
        let file = yaml::node("guide.yaml", block);
        // Events by code need a hub around them; the program's own tests run that example.
        if file.get("emits").is_some_and(|emits| emits.entries().is_some()) {
            continue;
        }
        let Some(target) = file.get("target") else { continue };
        let mapping = Mapping::compile(target, &scope).unwrap_or_else(|mistakes| panic!("{block}\n{mistakes:?}"));
        let made = mapping.apply(&bindings, &MapLimits::default()).unwrap_or_else(|fault| panic!("{block}\n{fault}"));
        targets.push(made.to_json_string());
    }
    assert_eq!(targets.len(), 3);
    insta::assert_snapshot!(targets.join("\n"));
}

/// Table cells of the form `` `expression` = `result` ``.
#[test]
fn its_tables_are_true() {
    let scope = guide_scope();
    let bindings = scope.bind([("body", json(blocks("json")[0]))]);
    let mut checked = 0;
    for line in GUIDE.lines().filter(|line| line.starts_with('|')) {
        let Some((expression, result)) = line.trim_end_matches([' ', '|', '`']).rsplit_once("` = `") else { continue };
        let expression = expression.rsplit_once("| `").map_or(expression, |(_, expression)| expression);
        let compiled = Expression::compile(expression, &super::here(), &scope)
            .unwrap_or_else(|mistakes| panic!("{expression}: {mistakes:?}"));
        let value =
            compiled.evaluate(&bindings, &MapLimits::default()).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
        assert_eq!(format!("{value:?}"), result, "{expression}");
        checked += 1;
    }
    assert!(checked > 60, "only {checked} examples were found");
}

#[test]
fn it_names_every_function() {
    let special = crate::mapping::special::names();
    let functions = crate::mapping::functions::all().map(|function| function.name);
    for name in special.chain(functions) {
        let named = GUIDE.contains(&format!("`{name}")) || GUIDE.contains(&format!(".{name}("));
        assert!(named, "the guide lacks `{name}`");
    }
}
