//! The guide for engineers is true: its examples compile, and its tables give what they say.

use std::sync::Arc;

use super::{json, yaml};
use crate::event::{EntityRef, Event};
use crate::ids::{EventId, FlowName, MessageId};
use crate::mapping::{CodeList, CodeLists, Expression, MapLimits, Mapping, Scope};
use crate::model::{EntityKind, refold};
use crate::source::Node;
use crate::value::Value;

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

/// The mappings of the guide, each with the message that is shown before it. Not those that are shown as refused, nor
/// those that choose an event by code, which need a hub around them: the program's own tests run both.
fn mappings() -> Vec<(Node, &'static str)> {
    let mut message = "";
    let mut mappings = Vec::new();
    for fenced in GUIDE.split("\n```").skip(1).step_by(2) {
        if let Some(json) = fenced.strip_prefix("json\n") {
            message = json;
        }
        let Some(block) = fenced.strip_prefix("yaml\n") else { continue };
        let file = yaml::node("guide.yaml", block);
        let by_code = file.get("emits").is_some_and(|emits| emits.entries().is_some());
        let is_refused = file.get("mapping").and_then(Node::text) == Some("fleet/wrong");
        if file.get("target").is_some() && !by_code && !is_refused {
            mappings.push((file, message));
        }
    }
    mappings
}

/// What a mapping of the guide makes of its message.
fn made(file: &Node, message: &str) -> Value {
    let scope = guide_scope();
    let target = file.get("target").expect("it was looked for");
    let mapping = Mapping::compile(target, &scope).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let bindings = scope.bind([("body", json(message))]);
    mapping.apply(&bindings, &MapLimits::default()).unwrap_or_else(|fault| panic!("{fault}"))
}

#[test]
fn its_mappings_work_on_their_messages() {
    let targets: Vec<String> = mappings().iter().map(|(file, message)| made(file, message).to_json_string()).collect();
    assert_eq!(targets.len(), 5);
    insta::assert_snapshot!(targets.join("\n"));
}

/// What the guide says of its retraction: the shipment is out for delivery again, and the delivery's time is gone.
#[test]
fn its_retraction_takes_the_delivery_back() {
    let shown = mappings();
    let event = |name: &str, second: i64| {
        let found = shown.iter().find(|(file, _)| file.get("mapping").and_then(Node::text) == Some(name));
        let (file, message) = found.expect("the guide shows it");
        let of = file.get("emits").and_then(Node::text).expect("it makes an event");
        happened(of, second, made(file, message))
    };
    let out = happened("crossdock.shipment.out_for_delivery.v1", 1, Value::map([("number", "281")]));
    let (delivered, retracted) = (event("tracker/delivered", 2), event("tracker/retracted", 3));
    let shipment = EntityKind::find("shipment").expect("known");
    let state = |log: &[&Event]| refold(shipment, log.iter().copied()).expect("events");
    let before = state(&[&out, &delivered]);
    assert_eq!(before.status, "delivered");
    assert!(before.data.get("delivered_at").is_some());
    for log in [[&out, &delivered, &retracted], [&retracted, &out, &delivered]] {
        let after = state(&log);
        assert_eq!(after.status, "out_for_delivery");
        assert_eq!(after.data.get("delivered_at"), None);
    }
}

/// An event as the router would have made it.
fn happened(event_type: &str, second: i64, data: Value) -> Event {
    let time = jiff::Timestamp::from_second(second).expect("in range");
    Event {
        id: EventId(uuid::Uuid::from_u128(second.unsigned_abs().into())),
        event_type: event_type.to_owned(),
        subject: EntityRef::new("shipment", "281"),
        system: "partner".into(),
        time,
        recorded_at: time,
        message: MessageId(uuid::Uuid::nil()),
        flow: FlowName::new("guide"),
        out_of_order: false,
        first: true,
        links: Vec::new(),
        references: Vec::new(),
        data: data.into_json_shape(),
        standing: Default::default(),
    }
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
