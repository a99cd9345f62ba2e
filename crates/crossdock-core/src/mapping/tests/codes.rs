//! Code lists: what they begin with, what their words are, and what is done about codes they do not know.

use std::sync::Arc;

use super::{json, yaml};
use crate::mapping::{CodeList, CodeLists, MapLimits, Mapping, Notes, Scope};
use crate::source::Diagnostic;

fn list(text: &str) -> Result<CodeList, Vec<Diagnostic>> {
    CodeList::compile("own", &yaml::node("codes/own.yaml", text))
}

/// What makes a list wrong.
#[track_caller]
fn check_mistake(text: &str, expect: &str) {
    let told: Vec<String> = list(text).expect_err("it is wrong").iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|told| told.contains(expect)), "{told:#?} lacks {expect:?}");
}

#[test]
fn a_list_may_begin_with_a_standard_one() {
    let own =
        list("{from: x12-at7, codes: {X6: departed, ZZ: delivered}, back: {delivered: D1}}").expect("it is right");
    for (code, word) in [("AF", "shipment.collected"), ("X6", "departed"), ("ZZ", "delivered"), ("X3", "stop.arrived")]
    {
        assert_eq!(own.canonical(code).map(|word| &**word), Some(word), "{code}");
    }
    assert_eq!(own.partner("shipment.collected").map(|code| &**code), Some("AF"));
    assert_eq!(own.partner("delivered").map(|code| &**code), Some("D1"));
    assert_eq!(own.ambiguity(), None);
    check_mistake("{from: x12-at8}", "there is no standard list `x12-at8` (did you mean `x12-at7`?)");
}

#[test]
fn words_are_checked_against_what_they_are_of() {
    list("{codes: {R: road, T: rail}, of: shipment.mode}").expect("they are modes");
    list("{codes: {E: EUR}, of: currency}").expect("it is one");
    list("{codes: {G: anything}, of: service_level}").expect("any word will do");
    check_mistake("{codes: {R: raod}, of: shipment.mode}", "codes/own.yaml:1:13: error: the word must be one of road");
    check_mistake("{codes: {E: euro}, of: currency}", "must be a currency code");
    check_mistake("{codes: {U: kilogram}, of: unit}", "must be a unit code");
    check_mistake("{codes: {D: Deutschland}, of: country}", "must be a country code");
    check_mistake(
        "{codes: {D: deliverd}, of: carrier_status}",
        "there is no event `deliverd`; did you mean `delivered`?",
    );
    check_mistake("{codes: {E: EUR}, default: euro, of: currency}", "must be a currency code");
    check_mistake("{codes: {R: road}, of: shipment.mood}", "`shipment.mood` is nothing that words can be of");
    check_mistake("{codes: {R: road}, of: shipment.mode, complete: true}", "is not complete: it has no code for");
    check_mistake("{codes: {R: x}, complete: true}", "only a list of a field with fixed words can be complete");
    check_mistake("{codes: {R: x}, unknown: ignore}", "`unknown` must be `fault` or `report`");
    check_mistake("{codes: {R: x}, colour: blue}", "a code list has no field `colour`");
}

#[test]
fn what_is_done_about_an_unknown_code_is_said_by_the_list_or_the_field() {
    let check = |list: &str, leaf: &str, expect: &str, reported: usize| {
        let mut codes = CodeLists::new();
        codes.add(CodeList::compile("own", &yaml::node("codes/own.yaml", list)).expect("right")).expect("one");
        let scope = Scope::new(["m"]).with_codes(Arc::new(codes));
        let mapping = Mapping::compile(&yaml::node("map.yaml", leaf), &scope).expect("right");
        let notes = Notes::default();
        let bindings = scope.bind([("m", json(r#"{"code": "Q"}"#))]);
        let told = match mapping.apply_noting(&bindings, &MapLimits::default(), &notes) {
            Ok(target) => target.to_json_string(),
            Err(fault) => fault.message,
        };
        assert_eq!(told, expect, "{list} {leaf}");
        assert_eq!(notes.take_unknown().len(), reported, "{list} {leaf}");
    };
    let leaf = "{a: {value: m.code, code: own}}";
    check("{codes: {A: x}}", leaf, "code list `own` does not know `Q`", 0);
    check("{codes: {A: x}, unknown: report}", leaf, "{}", 1);
    check("{codes: {A: x}, unknown: report, default: y}", leaf, r#"{"a":"y"}"#, 1);
    check("{codes: {A: x}, default: y}", leaf, r#"{"a":"y"}"#, 0);
    check("{codes: {A: x}, unknown: report}", "{a: {value: m.code, code: own, unknown: \"'-'\"}}", r#"{"a":"-"}"#, 0);
    check("{codes: {A: x}, unknown: report}", "{a: {value: m.code, code: own, default: \"'d'\"}}", r#"{"a":"d"}"#, 1);
    check("{codes: {A: x}, unknown: report}", "{a: \"code('own', m.code)\"}", "{}", 1);
    check("{codes: {A: x}, unknown: report, default: y}", "{a: {value: m.code, code_back: own}}", "{}", 1);
    // A standard list is in sight without being written.
    check("{codes: {A: x}}", "{a: \"code('x12-355', 'LB')\"}", r#"{"a":"LBR"}"#, 0);
}
