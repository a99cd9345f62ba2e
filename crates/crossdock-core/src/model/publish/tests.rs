//! The generated files are those of the tables; the schemas say what `check_event` says; nothing that was recorded is
//! broken.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::super::{EventType, Field, Type, check_event, codes};
use super::*;
use crate::value::{JsonLimits, Map};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_reference_is_fresh() {
    let folder = root().join("docs/reference");
    let mut known = BTreeSet::new();
    for file in files() {
        let path = folder.join(&file.path);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == file.text, "{} is stale: run `cargo xtask codegen`", path.display());
        known.insert(path);
    }
    for sub in ["model", "schemas"] {
        for entry in std::fs::read_dir(folder.join(sub)).expect("the folder is there") {
            let path = entry.expect("readable").path();
            assert!(known.contains(&path), "{} is of no entity any more: run `cargo xtask codegen`", path.display());
        }
    }
}

#[test]
fn what_was_recorded_is_kept() {
    let mut versions = 0;
    for entry in std::fs::read_dir(root().join("compat")).expect("recorded versions") {
        let path = entry.expect("readable").path().join("model.json");
        let Ok(text) = std::fs::read(&path) else { continue };
        let recorded = Value::parse_json(&text, &JsonLimits::OWN).expect("JSON");
        let broken = broken_promises(&recorded, &describe_all());
        assert!(broken.is_empty(), "{} is broken:\n{}", path.display(), broken.join("\n"));
        versions += 1;
    }
    assert!(versions > 0, "no recorded version was found");
}

/// The model with one change made to it.
fn changed(path: &str, change: impl FnOnce(&mut Map)) -> Value {
    fn at(value: &mut Value, steps: &[&str], change: impl FnOnce(&mut Map)) {
        let map = value.as_map_mut().expect("a map");
        match steps {
            [] => change(map),
            [step, rest @ ..] => at(map.get_mut(step).expect("a step that is there"), rest, change),
        }
    }
    let mut model = describe_all();
    at(&mut model, &path.split('/').collect::<Vec<_>>(), change);
    model
}

#[test]
fn additions_are_allowed_and_every_breach_is_told() {
    let model = describe_all();
    let check = |present: Value, expect: &str| {
        let told = broken_promises(&model, &present);
        match expect {
            "" => assert_eq!(told, [""; 0]),
            _ => assert!(told.iter().any(|line| line.contains(expect)), "{expect}: {told:?}"),
        }
    };
    let field = "entities/shipment/fields/weight_kg";
    let optional = || Value::map([("type", "text")]);
    let required = || Value::map([("type", Value::text("text")), ("required", Value::from(true))]);
    check(model.clone(), "");
    check(changed("entities/shipment/fields", |map| drop(map.insert("colour", optional()))), "");
    check(changed("entities/shipment/fields/mode", |map| drop(map.insert("words", words(map, Some("drone"))))), "");
    check(changed("entities/shipment/fields", |map| drop(map.insert("colour", required()))), "new and required");
    check(changed("entities/shipment/fields", |map| drop(map.remove("carrier"))), "shipment.carrier is gone");
    check(changed("entities/shipment/fields/mode", |map| drop(map.insert("words", words(map, None)))), "any more");
    check(changed(field, |map| drop(map.insert("type", Value::text("text")))), "was `decimal` and is `text`");
    check(changed(field, |map| drop(map.insert("unit", Value::text("LBR")))), "was `KGM` and is `LBR`");
    check(changed(field, |map| drop(map.insert("required", Value::from(true)))), "is required now");
    check(changed("entities/shipment/fields/lines/of/fields", |map| drop(map.remove("lot"))), "lines[].lot is gone");
    let delivered = "entities/shipment/events/crossdock.shipment.delivered.v1";
    check(changed(delivered, |map| drop(map.insert("requires", Value::list(["eta"])))), "make it v2");
    check(changed(delivered, |map| drop(map.insert("to", Value::text("closed")))), "another meaning");
    check(changed("entities/shipment/events", |map| drop(map.remove("crossdock.shipment.lost.v1"))), "lost.v1 is gone");
    check(changed("entities/shipment", |map| drop(map.insert("key", Value::list(["bol"])))), "another key");
    check(changed("entities", |map| drop(map.remove("load"))), "load is gone");
    check(changed("entities/load", |map| drop(map.insert("states", shuffled(map)))), "another order");
    check(changed("entities/load", |map| drop(map.insert("moves", Value::from(Vec::new())))), "not allowed any more");
}

/// The words of a code field, with one more or without the last.
fn words(map: &Map, more: Option<&str>) -> Value {
    let known = map.get("words").and_then(Value::as_list).expect("a code");
    match more {
        Some(word) => known.iter().cloned().chain([Value::text(word)]).collect(),
        None => known[..known.len() - 1].iter().cloned().collect(),
    }
}

fn shuffled(map: &Map) -> Value {
    map.get("states").and_then(Value::as_list).expect("states").iter().rev().cloned().collect()
}

#[test]
fn pages_say_what_the_tables_say() {
    for kind in ENTITIES {
        let page = entity_page(kind);
        for word in kind.states.iter().chain(kind.fields.iter().map(|field| &field.name)) {
            assert!(page.contains(&format!("`{word}`")), "{}: {word}", kind.name);
        }
        assert!(kind.events.iter().all(|event| page.contains(event.meaning)), "{}", kind.name);
    }
}

/// A validator that is not ours, loaded with every schema as it is published.
struct Validator {
    schemas: boon::Schemas,
    compiler: boon::Compiler,
}

impl Validator {
    fn new() -> Self {
        let mut compiler = boon::Compiler::new();
        for file in files().iter().filter(|file| file.path.ends_with(".json")) {
            let schema = serde_json::from_str(&file.text).expect("JSON");
            compiler.add_resource(&format!("memory:///{}", file.path), schema).expect("a resource");
        }
        Self { schemas: boon::Schemas::new(), compiler }
    }

    fn accepts(&mut self, event: EventType, data: &Value) -> Result<(), String> {
        let name = format!("memory:///schemas/{}.json", event.name());
        let index = self.compiler.compile(&name, &mut self.schemas).map_err(|error| format!("{error:#}"))?;
        let json: serde_json::Value = serde_json::from_str(&data.to_json_string()).expect("JSON");
        self.schemas.validate(&json, index).map_err(|error| format!("{error:#}"))
    }
}

#[test]
fn every_schema_compiles_alone_and_bundled() {
    let mut validator = Validator::new();
    for event in EventType::all() {
        let told = validator.accepts(event, &Value::from(Map::new())).expect_err("the key is missing");
        assert!(told.contains("missing"), "{}: {told}", event.name());
        let bundle: serde_json::Value =
            serde_json::from_str(&bundled(event.entity, Some(event)).to_json_string()).expect("JSON");
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("memory:///one.json", bundle).expect("a resource");
        let compiled = compiler.compile("memory:///one.json", &mut boon::Schemas::new());
        assert!(compiled.is_ok(), "{}: {:#}", event.name(), compiled.expect_err("checked"));
    }
}

/// A choice among few, so that a random value is right as often as wrong.
struct Choices<'c> {
    numbers: &'c [u8],
    next: usize,
}

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        usize::from(self.numbers[self.next % self.numbers.len()]) % n
    }

    /// A value that fits, or, seldom, one that may not.
    fn value(&mut self, of: &Type, depth: u32) -> Value {
        if self.below(40) == 0 {
            let odd = [
                Value::Null,
                "".into(),
                "x".into(),
                Value::Int(7),
                Value::from(true),
                Value::list(["x"]),
                Value::from(Map::new()),
            ];
            return odd[self.below(odd.len())].clone();
        }
        let text = |words: &[&str], n: usize| Value::text(words[n % words.len()]);
        let n = self.below(97);
        match of {
            Type::Text | Type::Binary => text(&["a", "b c", "9"], n),
            Type::Code(words) => text(words, n),
            Type::Unit => text(if n == 0 { &["KG"] } else { codes::units() }, n),
            Type::Currency => text(&["EUR", "JPY", "EUR", "USD", "EURO"], n),
            Type::Country => text(&["DE", "US", "FR", "GB", "UK"], n),
            Type::Unlocode => text(&["DEHAM", "USLAX", "NLRTM", "DEHA1", "deham"], n),
            Type::Zone => text(&["Europe/Berlin", "UTC", "America/New_York"], n),
            Type::Int => {
                [Value::Int(1), Value::Int(-3), value_of("2.0"), Value::Int(0), value_of("1.5")][n % 5].clone()
            }
            Type::Decimal => [Value::Int(1), value_of("12.50"), value_of("-0.001"), "1.5".into()][n % 4].clone(),
            Type::Bool => Value::from(n.is_multiple_of(2)),
            Type::Time => text(
                &[
                    "2026-11-23T09:30:00Z",
                    "2026-11-23T09:30:00.123456789+01:00",
                    "2026-11-23T09:30:00+01:00[Europe/Berlin]",
                    "2026-11-23T09:30:00-05:30",
                    "2026-11-23 09:30:00Z",
                    "2026-11-23T09:30Z",
                    "2026-11-23T09:30:00",
                    "2026-13-23T09:30:00Z",
                    "2026-11-23T24:30:00Z",
                    "2026-11-23T09:30:00+0100",
                    "2026-11-23T09:30:00.Z",
                    "23.11.2026",
                ],
                if n < 70 { n % 4 } else { n },
            ),
            Type::Date => text(
                &["2026-11-23", "2024-02-29", "2026-1-1", "20261123", "2026-13-01"],
                if n < 70 { n % 2 } else { n },
            ),
            Type::Ref(_) => [Value::text("k1"), Value::Int(5), Value::text("a/b")][n % 3].clone(),
            Type::AnyRef => text(&["shipment/281", "load/L 7", "order/1", "ship/1", "shipment/"], n),
            Type::Object(fields) => self.object(fields, depth),
            Type::List(item) => (0..n % 3).map(|_| self.value(item, depth + 1)).collect(),
            Type::Attributes | Type::Open(_) | Type::Any => Value::map([("x", Value::Int(n as i64))]),
        }
    }

    fn object(&mut self, fields: &[Field], depth: u32) -> Value {
        let mut map = Map::new();
        for field in fields {
            let is_told = match field.required {
                true => self.below(60) != 0,
                false => self.below(4 + 2 * depth as usize) == 0,
            };
            if is_told {
                let value = self.value(&field.of, depth + 1);
                map.insert(field.name, value);
            }
        }
        if self.below(60) == 0 {
            map.insert("nobody_knows", Value::from(true));
        }
        Value::from(map)
    }
}

fn value_of(number: &str) -> Value {
    Value::Decimal(number.parse().expect("a number"))
}

#[test]
fn schema_and_check_agree() {
    let mut validator = Validator::new();
    let events: Vec<EventType> = EventType::all().collect();
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 4_000, ..ProptestConfig::default() });
    let (mut fit, mut misfit) = (0, 0);
    let strategy = (0..events.len(), prop::collection::vec(any::<u8>(), 80..400));
    for _ in 0..runner.config().cases {
        let tree = strategy.new_tree(&mut runner).expect("a case");
        let (n, numbers) = tree.current();
        let event = events[n];
        let mut choices = Choices { numbers: &numbers, next: 0 };
        let mut data = choices.object(event.entity.fields, 0);
        for name in event.event.requires {
            let field = event.entity.field(name).expect("known");
            if choices.below(8) != 0
                && let Some(map) = data.as_map_mut()
            {
                map.insert(*name, choices.value(&field.of, 0));
            }
        }
        let checked = check_event(event, &data);
        match validator.accepts(event, &data) {
            Ok(()) => assert!(checked.is_empty(), "{} {data}: only the schema takes it: {checked:?}", event.name()),
            Err(error) => assert!(!checked.is_empty(), "{} {data}: only check_event takes it: {error}", event.name()),
        }
        *(if checked.is_empty() { &mut fit } else { &mut misfit }) += 1;
    }
    assert!(fit > 200 && misfit > 200, "the cases are one-sided: {fit} fit, {misfit} do not");
}
