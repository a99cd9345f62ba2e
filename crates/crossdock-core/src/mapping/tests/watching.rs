//! What a run notices besides its result: steps, defaults, and what the static list of fields says.

use std::collections::HashMap;

use super::{compile, json, scope};
use crate::mapping::notes::{Role, StepOutcome, Usage};
use crate::mapping::{MapLimits, Mapping, Notes};
use crate::value::Value;

const MESSAGE: &str = r#"{"id": 7, "note": null, "to": {"city": "Ulm"}, "items": [{"sku": "A", "uom": "PCE"}, {"sku": "B", "uom": "X"}]}"#;
const TREE: &str = "
let: {stop: m.to, first: 'm.items[0]'}
in:
  id: m.id
  fixed: \"'a'\"
  note: {value: m.note, default: \"'-'\"}
  city: stop.?city
  zip: stop.?zip
  big: {when: m.id > 9, then: m.id}
  first: first.sku
  lines:
    each: m.items
    as: i
    where: i.sku != 'A'
    to: {sku: i.sku, uom: {value: i.uom, code: units, unknown: \"'?'\"}}
";

fn mapping() -> Mapping {
    compile(TREE).expect("the test's mapping is right").named("test")
}

fn run(mapping: &Mapping, notes: &Notes) -> Value {
    let bindings = scope().bind([("m", json(MESSAGE))]);
    mapping.apply_noting(&bindings, &MapLimits::default(), notes).expect("it works")
}

#[test]
fn each_step_tells_what_it_read_and_what_came_of_it() {
    let notes = Notes::tracing();
    let mapping = mapping();
    let made = run(&mapping, &notes);
    // Watching changes nothing.
    let bindings = scope().bind([("m", json(MESSAGE))]);
    assert_eq!(mapping.apply(&bindings, &MapLimits::default()).expect("it works"), made);
    let (steps, more) = notes.take_trace();
    assert_eq!(more, 0);
    let told: Vec<String> = steps
        .iter()
        .map(|step| {
            let reads: Vec<String> = step
                .reads
                .iter()
                .map(|read| {
                    format!("{}={}", read.path, read.value.as_ref().map_or("absent".into(), Value::to_json_string))
                })
                .collect();
            let role = match &step.role {
                Role::Field => String::new(),
                Role::Let(name) => format!("let {name} "),
                other => format!("{other:?} "),
            };
            let outcome = match &step.outcome {
                StepOutcome::Value(value) => value.to_json_string(),
                StepOutcome::Nothing => "nothing".into(),
                StepOutcome::Default(value) => format!("default {}", value.to_json_string()),
                StepOutcome::Unknown(value) => format!("unknown {}", value.to_json_string()),
                StepOutcome::Fault(fault) => fault.clone(),
            };
            format!("{role}{}: {} -> {outcome}", step.target, reads.join(", "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn defaults_are_counted_by_field() {
    let (notes, mapping) = (Notes::default(), mapping());
    run(&mapping, &notes);
    run(&mapping, &notes);
    let note = mapping.fields().iter().position(|field| field.path == "note").expect("a field") as u32;
    let expected = HashMap::from([("test".to_owned(), Usage { runs: 2, defaults: HashMap::from([(note, 2)]) })]);
    assert_eq!(notes.take_usage(), expected);
    assert!(notes.take_usage().is_empty());
    assert!(notes.take_trace().0.is_empty(), "nobody asked for steps");
}

#[test]
fn the_fields_of_the_target_are_listed() {
    let told: Vec<String> = mapping()
        .fields()
        .iter()
        .map(|field| {
            let mut words = Vec::new();
            words.extend(field.is_constant.then_some("constant"));
            words.extend(field.is_conditional.then_some("conditional"));
            words.extend(field.default.as_ref().map(|_| "default"));
            words.extend(field.unknown.as_ref().map(|_| "unknown"));
            words.extend(field.codes.as_ref().map(|list| &*list.name));
            format!("{} [{}] {}", field.path, words.join(" "), field.reads.join(", "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}
