//! The promise of the check: where it finds nothing and everything is proved, no message of the type makes an event that
//! does not fit. Types, messages and mappings are random; some mappings are made to fit, others are not.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::admits;
use crate::mapping::tests::yaml;
use crate::mapping::types::ty::{Field, Format, Held, List, Number, Object, Presence, Rest, Text, Ty};
use crate::mapping::types::{Check, Checked, Texts};
use crate::mapping::{CodeList, CodeLists, MapLimits, Mapping, Scope};
use crate::model::{self, ENTITIES, EventType, Type};
use crate::source::Severity;
use crate::value::{Decimal, Value};

/// Draws from a list of random bytes, so that one seed gives a type, a mapping and messages that belong together.
struct Dice {
    bytes: Vec<u8>,
    at: usize,
}

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        let byte = self.bytes.get(self.at % self.bytes.len()).copied().unwrap_or_default();
        let turn = self.at / self.bytes.len();
        self.at += 1;
        (usize::from(byte) + turn * 7) % sides.max(1)
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    fn of<'v, T>(&mut self, from: &'v [T]) -> &'v T {
        &from[self.below(from.len())]
    }
}

const WORDS: &[&str] = &["road", "rail", "DEL", "ATT", "EUR", "KGM", "2026-11-23", "x", "2026-11-23T10:00:00Z", "17"];

fn random_ty(dice: &mut Dice, depth: usize) -> Ty {
    let ty = match dice.below(if depth == 0 { 9 } else { 13 }) {
        0 => Ty::bool(),
        1 => Ty::number(Number { whole: true, held: Held::Either, measure: None }),
        2 => Ty::number(Number { whole: false, held: Held::Either, measure: None }),
        3 => Ty::text(),
        4 => Ty::of_text(Text { filled: true, ..Text::default() }),
        5 => Ty::of_text(Text::of_format(Format::Instant)),
        6 => Ty::of_text(Text::of_format(*dice.of(&[Format::Local, Format::Date]))),
        7 => {
            let count = 1 + dice.below(3);
            Ty::words((0..count).map(|_| Arc::from(*dice.of(WORDS))).collect::<Vec<Arc<str>>>())
        }
        8 => random_ty(dice, 0).join(&random_ty(dice, 0)),
        9 | 10 => {
            let item = random_ty(dice, depth - 1);
            Ty { list: Some(Arc::new(List { item, filled: dice.one_in(2) })), ..Ty::default() }
        }
        _ => random_object(dice, depth - 1),
    };
    if dice.one_in(4) { ty.or_null() } else { ty }
}

fn random_object(dice: &mut Dice, depth: usize) -> Ty {
    let count = 1 + dice.below(5);
    let fields: BTreeMap<Arc<str>, Field> = (0..count)
        .map(|n| {
            let presence = if dice.one_in(3) { Presence::Maybe } else { Presence::Always };
            (Arc::from(format!("f{n}")), Field { ty: random_ty(dice, depth), presence })
        })
        .collect();
    Ty::map(Object { fields, rest: Rest::Closed })
}

/// A value of the type.
fn random_value(ty: &Ty, dice: &mut Dice) -> Value {
    let mut choices: Vec<fn(&Ty, &mut Dice) -> Value> = Vec::new();
    if ty.null {
        choices.push(|_, _| Value::Null);
    }
    if ty.bool {
        choices.push(|_, dice| Value::Bool(dice.one_in(2)));
    }
    if ty.number.is_some() {
        choices.push(|ty, dice| {
            let whole = ty.number.as_ref().is_some_and(|number| number.whole);
            let number = i64::try_from(dice.below(200)).unwrap_or_default() - 100;
            match (whole, dice.below(3)) {
                (_, 0) => Value::Int(number),
                (true, _) => Value::Decimal(Decimal::from(number)),
                (false, _) => Value::Decimal(Decimal::new(number, 1)),
            }
        });
    }
    if ty.text.is_some() {
        choices.push(|ty, dice| {
            let Some(text) = &ty.text else { return Value::Null };
            if let Some(words) = &text.words {
                let words: Vec<&Arc<str>> = words.iter().collect();
                return Value::Text((*dice.of(&words)).clone());
            }
            Value::text(match text.format {
                Format::Instant => "2026-11-23T09:30:00+01:00",
                Format::Local => "2026-11-23T09:30:00",
                Format::Date => "2026-11-23",
                _ if text.filled => *dice.of(WORDS),
                _ => *dice.of(&["", "road", "x y", "3"]),
            })
        });
    }
    if ty.list.is_some() {
        choices.push(|ty, dice| {
            let Some(list) = &ty.list else { return Value::Null };
            let count = usize::from(list.filled) + dice.below(3);
            Value::from((0..count).map(|_| random_value(&list.item, dice)).collect::<Vec<_>>())
        });
    }
    if ty.map.is_some() {
        choices.push(|ty, dice| {
            let Some(object) = &ty.map else { return Value::Null };
            let mut map = crate::value::Map::new();
            for (name, field) in &object.fields {
                if field.presence == Presence::Always || dice.one_in(2) {
                    map.insert(name.clone(), random_value(&field.ty, dice));
                }
            }
            Value::from(map)
        });
    }
    let make = *dice.of(&choices);
    make(ty, dice)
}

/// A path into the message, guarded or not.
fn random_path(ty: &Ty, dice: &mut Dice) -> (String, Ty) {
    let (mut path, mut ty) = ("body".to_owned(), ty.clone());
    for _ in 0..3 {
        if let Some(object) = ty.map.clone().filter(|object| !object.fields.is_empty()) {
            let names: Vec<&Arc<str>> = object.fields.keys().collect();
            let name = (*dice.of(&names)).clone();
            let field = &object.fields[&name];
            let mark = if field.presence == Presence::Maybe && !dice.one_in(6) { "?" } else { "" };
            path += &format!(".{mark}{name}");
            ty = field.ty.clone();
        } else if let Some(list) = ty.list.clone().filter(|_| dice.one_in(2)) {
            path += if dice.one_in(3) { "[?0]" } else { "[0]" };
            ty = list.item.clone();
        } else {
            break;
        }
    }
    (path, ty)
}

/// An expression that mostly suits a field of this type.
fn random_expression(ty: &Ty, of: &Type, dice: &mut Dice) -> String {
    let (path, found) = random_path(ty, dice);
    let suited = match of {
        Type::Text if found.text.is_none() => format!("string({path})"),
        Type::Int if found.text.is_some() => format!("int({path})"),
        Type::Int => format!("round({path})"),
        Type::Decimal if found.text.is_some() => format!("decimal({path})"),
        Type::Time if !dice.one_in(3) => format!("timestamp({path}, 'UTC')"),
        Type::Date => format!("{path}.substring(0, 10)"),
        Type::Bool => format!("{path} == {path}"),
        _ => path.clone(),
    };
    match dice.below(10) {
        0 | 1 => path,
        2 => format!("default({suited}, 'road')"),
        3 => format!("default({path}, 0)"),
        4 => format!("has({}) ? {suited} : null", path.replace(".?", ".").replace("[?", "[")),
        5 => format!("{path} != null ? {suited} : 'x'"),
        6 => constant(of).to_owned(),
        7 => format!("{path}.orValue({})", constant(of)),
        8 => format!("{path} == 'road' || {path} == 'DEL' ? {path} : 'rail'"),
        _ => suited,
    }
}

fn constant(of: &Type) -> &'static str {
    match of {
        Type::Int | Type::Decimal => "1",
        Type::Bool => "true",
        Type::Time => "timestamp(0)",
        Type::Date => "'2026-11-23'",
        Type::Unit => "'KGM'",
        Type::Currency => "'EUR'",
        Type::Country => "'DE'",
        Type::Unlocode => "'DEHAM'",
        Type::Zone => "'UTC'",
        Type::AnyRef => "'shipment/1'",
        Type::Code(words) => match words.first() {
            Some(&"road") => "'road'",
            _ => "'x'",
        },
        _ => "'x'",
    }
}

fn quoted(expression: &str) -> String {
    format!("\"{expression}\"")
}

/// The tree for one field.
fn random_tree(ty: &Ty, of: &Type, dice: &mut Dice, depth: usize) -> String {
    let tree = match of {
        Type::Object(fields) if depth > 0 => random_fields(ty, fields, &[], dice, depth - 1),
        Type::List(item) if depth > 0 && dice.one_in(2) => {
            let (path, _) = random_path(ty, dice);
            let to = random_tree(ty, item, dice, depth - 1);
            format!("{{each: {}, as: i, to: {to}}}", quoted(&path))
        }
        Type::List(item) if depth > 0 && !dice.one_in(3) => format!("[{}]", random_tree(ty, item, dice, depth - 1)),
        _ => match dice.below(6) {
            0 => format!("{{value: {}, default: {}}}", quoted(&random_expression(ty, of, dice)), quoted(constant(of))),
            _ => quoted(&random_expression(ty, of, dice)),
        },
    };
    match dice.below(12) {
        0 => {
            let (path, _) = random_path(ty, dice);
            format!("{{when: {}, then: {tree}}}", quoted(&format!("{path} == {path}")))
        }
        _ => tree,
    }
}

fn random_fields(ty: &Ty, fields: &[model::Field], needed: &[&str], dice: &mut Dice, depth: usize) -> String {
    let mut written = Vec::new();
    for field in fields {
        let needed = field.required || needed.contains(&field.name);
        if (needed && !dice.one_in(40)) || dice.one_in(12) {
            written.push(format!("{}: {}", field.name, random_tree(ty, &field.of, dice, depth)));
        }
    }
    format!("{{{}}}", written.join(", "))
}

fn checked(node: &crate::source::Node, body: &Ty, codes: &CodeLists, of: EventType) -> Checked {
    let texts = Texts::default();
    let mut check = Check::new(&texts, codes, false);
    check.variable("body", body.clone());
    check.event(node, of);
    check.finish()
}

/// What became of a random mapping.
enum Outcome {
    /// It does not compile, or the check found a mistake.
    Refused,
    /// Nothing is wrong, but not everything is proved.
    Accepted,
    /// It was proved, and so many events were made.
    Proved(usize),
    /// It was proved, and an event does not fit.
    Unsound(String),
}

/// Draws a type, an event, a mapping and messages. Findings of the kinds that are `ignored` count as not told.
fn tried(bytes: Vec<u8>, ignored: &[&str]) -> Outcome {
    let mut codes = CodeLists::new();
    let list = CodeList::compile("modes", &yaml::node("codes.yaml", "{road: road, rail: rail}")).expect("it is right");
    codes.add(list).expect("it is the first");
    let codes = Arc::new(codes);
    let scope = Scope::new(["body"]).with_codes(codes.clone());
    let mut dice = Dice { bytes, at: 0 };
    let body = random_object(&mut dice, 2);
    let kind = *dice.of(ENTITIES);
    let of = EventType { entity: kind, event: dice.of(kind.events) };
    let needed: Vec<&str> = kind.key.iter().chain(of.event.requires).copied().collect();
    let text = random_fields(&body, kind.fields, &needed, &mut dice, 2);
    let node = yaml::node("map.yaml", &text);
    let Ok(mapping) = Mapping::compile(&node, &scope) else { return Outcome::Refused };
    let found = checked(&node, &body, &codes, of);
    let told = |kind: Option<&'static str>| kind.is_none_or(|kind| !ignored.contains(&kind));
    if found.findings.iter().any(|finding| finding.severity == Severity::Error && told(finding.kind)) {
        return Outcome::Refused;
    }
    if found.unproved.iter().any(|finding| told(finding.kind)) {
        return Outcome::Accepted;
    }
    let mut made = 0;
    for _ in 0..8 {
        let message = random_value(&body, &mut dice);
        assert!(admits(&body, &message), "{message:?} is not of {body:?}");
        // A value that cannot be used, such as a text that is no number, stops the message: no event is made.
        let Ok(data) = mapping.apply(&scope.bind([("body", message.clone())]), &MapLimits::default()) else { continue };
        made += 1;
        let violations = model::check_event(of, &data);
        if !violations.is_empty() {
            let told = format!("{text}\nof {body:?}\nover {message:?}\nmakes {data:?}\n{violations:?}");
            return Outcome::Unsound(told);
        }
    }
    Outcome::Proved(made)
}

fn seeds() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 64..400)
}

#[test]
fn a_proved_mapping_never_makes_an_event_that_does_not_fit() {
    let [proved, accepted, made, refused] = [const { Cell::new(0) }; 4];
    let mut runner = TestRunner::new(Config { cases: 2_500, failure_persistence: None, ..Config::default() });
    let count = |cell: &Cell<usize>, more: usize| cell.set(cell.get() + more);
    runner
        .run(&seeds(), |bytes| {
            match tried(bytes, &[]) {
                Outcome::Refused => count(&refused, 1),
                Outcome::Accepted => count(&accepted, 1),
                Outcome::Proved(events) => {
                    count(&proved, 1);
                    count(&made, events);
                }
                Outcome::Unsound(told) => return Err(TestCaseError::fail(told)),
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (proved, accepted, made, refused) = (proved.get(), accepted.get(), made.get(), refused.get());
    println!("{proved} proved, {accepted} accepted, {refused} refused, {made} events");
    assert!(proved > 100 && made > 500 && refused > 200, "{proved} proved, {refused} refused, {made} events: too few");
}

/// Sabotage: a check that does not tell one kind of mistake is caught, so the test above can fail.
#[test]
fn a_check_that_overlooks_a_kind_of_mistake_is_caught() {
    for kind in [
        "target-missing-field",
        "target-maybe-missing",
        "target-key-maybe-missing",
        "target-wrong-type",
        "target-not-a-list",
        "unproved",
    ] {
        let mut runner = TestRunner::deterministic();
        let strategy = seeds();
        let caught = (0..6_000).any(|_| {
            let bytes = strategy.new_tree(&mut runner).expect("bytes").current();
            matches!(tried(bytes, &[kind]), Outcome::Unsound(_))
        });
        assert!(caught, "`{kind}` may be overlooked without an event that does not fit");
    }
}

/// What a proved, guarded expression gives is of its inferred type, and it never stops at what is absent or null.
#[test]
fn what_comes_out_of_an_expression_is_of_its_type() {
    let mut runner = TestRunner::new(Config { cases: 4_000, failure_persistence: None, ..Config::default() });
    let seeds = proptest::collection::vec(any::<u8>(), 64..300);
    let evaluated = Cell::new(0);
    runner
        .run(&seeds, |bytes| {
            let mut dice = Dice { bytes, at: 0 };
            let body = random_object(&mut dice, 2);
            let of = *dice.of(&[Type::Text, Type::Int, Type::Decimal, Type::Time, Type::Date, Type::Bool, Type::Zone]);
            let expression = random_expression(&body, &of, &mut dice);
            let (ty, found) = super::inferred(&expression, &[("body", body.clone())]);
            if found.iter().any(|finding| finding.severity == Severity::Error) {
                return Ok(());
            }
            let scope = Scope::new(["body"]);
            let Ok(compiled) = crate::mapping::Expression::compile(&expression, &super::here(), &scope) else {
                return Ok(());
            };
            for _ in 0..6 {
                let message = random_value(&body, &mut dice);
                match compiled.evaluate(&scope.bind([("body", message.clone())]), &MapLimits::default()) {
                    Ok(value) => {
                        evaluated.set(evaluated.get() + 1);
                        prop_assert!(
                            admits(&ty, &value),
                            "{expression} over {message:?} gives {value:?}, not of {ty:?}"
                        );
                    }
                    Err(fault) => {
                        let excused =
                            matches!(fault.kind, crate::mapping::FaultKind::BadValue) || expression.contains("[0]");
                        prop_assert!(excused, "{expression} of {body:?}\nover {message:?}: {fault}");
                    }
                }
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert!(evaluated.get() > 2_000, "{} values are too few", evaluated.get());
}
