//! The tables hold together, and folding follows them.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::event::{Entity, Event};
use crate::ids::{EventId, FlowName, MessageId};

#[test]
fn tables_name_only_known_states_and_fields() {
    let mut names = BTreeSet::new();
    let mut event_names = BTreeSet::new();
    for event in EventType::all() {
        assert!(event_names.insert(event.name()), "{} twice", event.name());
    }
    for kind in ENTITIES {
        assert!(names.insert(kind.name), "{} twice", kind.name);
        for (from, to) in kind.moves {
            assert!(kind.states.contains(from) && kind.states.contains(to), "{}: {from} -> {to}", kind.name);
        }
        for name in kind.key {
            assert!(kind.field(name).is_some_and(|field| field.required), "{}.{name} is a key", kind.name);
        }
        for event in kind.events {
            assert!(event.to.is_none_or(|to| kind.states.contains(&to)), "{}.{}", kind.name, event.verb);
            for name in event.requires.iter().chain(kind.key) {
                assert!(kind.fields.iter().any(|field| field.name == *name), "{}.{name}", kind.name);
            }
        }
    }
    for event in EventType::all() {
        let found = EventType::find(&event.name()).expect("every name is found again");
        assert_eq!(found.name(), event.name());
    }
    assert!(EventType::find("crossdock.shipment.teleported.v1").is_none());
}

/// The order of the states is the precedence by which contradictions are decided, so no move may lead to the left,
/// and the states of a circle stand side by side.
#[test]
fn states_stand_in_order_of_precedence() {
    let both = |kind: &EntityKind, a, b| kind.leads(a, b) && kind.leads(b, a);
    for kind in ENTITIES {
        let place = |state: &str| kind.states.iter().position(|known| *known == state).expect("known");
        for &(from, to) in kind.moves {
            let forward = place(from) < place(to) || both(kind, from, to);
            assert!(forward, "{}: {from} -> {to} leads to the left", kind.name);
        }
        for (n, &state) in kind.states.iter().enumerate() {
            let last = kind.states.iter().rposition(|&other| both(kind, state, other)).unwrap_or(n);
            for &between in &kind.states[n..=last.max(n)] {
                assert!(between == state || both(kind, state, between), "{}: {between} splits a circle", kind.name);
            }
        }
    }
}

#[test]
fn tables_say_which_unit_and_which_time() {
    fn walk(path: &str, fields: &[Field], top: &[Field]) {
        for field in fields {
            let path = format!("{path}.{}", field.name);
            let has = |name: &str| fields.iter().chain(top).any(|field| field.name == name);
            match field.measure {
                Some(Measure::Beside(name) | Measure::Money(name)) => assert!(has(name), "{path}: no field {name}"),
                Some(Measure::Fixed(code)) => assert!(codes::is_unit(code), "{path}: no unit {code}"),
                None => {}
            }
            let is_time = matches!(field.of, Type::Time);
            assert!(is_time || field.tense.is_none(), "{path}: only an instant is planned or actual");
            assert!(field.meaning.ends_with(['.', '…']), "{path}: the meaning is a sentence");
            match field.of {
                Type::Object(inner) | Type::List(&Type::Object(inner)) => {
                    assert!(field.dated_by.is_none_or(|name| inner.iter().any(|field| field.name == name)), "{path}");
                    walk(&path, inner, top);
                }
                Type::Ref(kind) | Type::List(&Type::Ref(kind)) => {
                    assert!(EntityKind::find(kind).is_some(), "{path}: no entity {kind}");
                }
                _ => {}
            }
        }
    }
    for kind in ENTITIES {
        walk(kind.name, kind.fields, kind.fields);
        assert!(!kind.differs.is_empty(), "{}", kind.name);
    }
}

fn event_at(name: &str, seconds: i64, data: Value) -> (EventType, Event) {
    let event_type = EventType::find(name).expect("known");
    let message = MessageId(uuid::Uuid::from_u128(seconds as u128));
    let time = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
    let subject = event_type.entity.name_of(&data).expect("has its key");
    let event = Event {
        id: EventId::derive(message, &FlowName::from("f"), 0),
        event_type: name.into(),
        links: links_of(event_type, &subject, &data),
        subject,
        system: "s".into(),
        time,
        recorded_at: time,
        message,
        flow: FlowName::from("f"),
        out_of_order: false,
        first: false,
        references: vec![],
        data,
        standing: Default::default(),
    };
    (event_type, event)
}

fn fold_all(events: &[(EventType, Event)]) -> Entity {
    let mut entity = None;
    for (event_type, event) in events {
        entity = Some(fold(*event_type, entity, event).entity);
    }
    entity.expect("at least one event")
}

#[test]
fn a_late_event_fills_gaps_but_never_moves_the_state_back() {
    let delivered = event_at(
        "crossdock.shipment.delivered.v1",
        30,
        Value::map([("number", Value::text("1")), ("carrier", Value::text("UPS"))]),
    );
    let departed = event_at(
        "crossdock.shipment.departed.v1",
        10,
        Value::map([("number", Value::text("1")), ("carrier", Value::text("old")), ("vehicle", Value::text("V7"))]),
    );
    let first = fold(delivered.0, None, &delivered.1);
    let second = fold(departed.0, Some(first.entity), &departed.1);
    assert!(second.out_of_order);
    assert_eq!(second.entity.status, "delivered");
    assert_eq!(second.entity.data.get("carrier").and_then(Value::as_text), Some("UPS"));
    assert_eq!(second.entity.data.get("vehicle").and_then(Value::as_text), Some("V7"));
}

#[test]
fn what_happened_later_wins_whatever_moves_the_state() {
    let order = |name: &str, seconds, currency: &str| {
        event_at(name, seconds, Value::map([("number", Value::text("S1")), ("currency", Value::text(currency))]))
    };
    let released = order("crossdock.order.released.v1", 10, "EUR");
    let told_again = order("crossdock.order.accepted.v1", 20, "USD");
    let entity = fold_all(&[released, told_again]);
    assert_eq!(entity.status, "released", "no step back");
    assert_eq!(entity.data.get("currency").and_then(Value::as_text), Some("USD"), "but the news is news");

    let changed = order("crossdock.order.changed.v1", 20, "USD");
    let late = order("crossdock.order.accepted.v1", 10, "EUR");
    let entity = fold_all(&[changed, late]);
    assert_eq!(entity.status, "accepted");
    assert_eq!(entity.data.get("currency").and_then(Value::as_text), Some("USD"), "an old value replaces no new one");
}

#[test]
fn misfits_are_told_with_their_path() {
    let (event_type, _) = event_at("crossdock.shipment.picked_up.v1", 1, Value::map([("number", Value::text("1"))]));
    let line = Value::map([("sku", Value::text("A")), ("quantity", Value::text("many"))]);
    let data = Value::map([("nummer", Value::text("1")), ("lines", Value::list([line]))]);
    let told: Vec<String> = check_event(event_type, &data).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "number: is missing",
            "nummer: is not a known field; did you mean `number`?",
            "lines[0].quantity: must be a number, but it is `many`",
        ]
    );
}

proptest! {
    /// Whatever the order of arrival, a shipment ends in the furthest state that was reported.
    #[test]
    fn the_state_does_not_depend_on_the_order_of_arrival(order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle()) {
        let names = ["created", "ready", "picked_up", "departed", "out_for_delivery"];
        let events: Vec<_> = order
            .iter()
            .map(|n| {
                let name = format!("crossdock.shipment.{}.v1", names[*n]);
                event_at(&name, *n as i64, Value::map([("number", Value::text("1"))]))
            })
            .collect();
        prop_assert_eq!(fold_all(&events).status, "out_for_delivery");
    }
}
