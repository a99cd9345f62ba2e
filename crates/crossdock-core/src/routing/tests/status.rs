//! Partners' codes: events chosen by them, and codes nobody knows, told once.

use super::*;
use crate::exception::ExceptionClass;
use crate::hub::EventChoice;
use crate::mapping::{CodeList, event_of};

fn list(name: &str, text: &str) -> Arc<CodeList> {
    Arc::new(CodeList::compile(name, &node("codes/list.yaml", text)).expect("the list is right"))
}

/// One flow whose events are chosen by `body.code`.
fn hub_with(codes: &str) -> Hub {
    let list = list("carrier", codes);
    let words = list.entries.iter().map(|(_, word)| word.clone());
    let events = words.filter_map(|word| Some((word.clone(), event_of(&word)?)));
    let choice = EventChoice {
        events: events.filter(|(_, of)| of.entity.name == "shipment").collect(),
        code: expression("body.code", scopes::INBOUND),
        list,
        reports_unknown: true,
        reports_others: true,
    };
    let mapping = EventMapping {
        choice: Some(choice),
        ..event_mapping(
            "crossdock.shipment.status_reported.v1",
            "{number: body.number, partner_status: body.code}",
            scopes::INBOUND,
        )
    };
    let flow = InboundFlow { mappings: vec![mapping], ..inbound("status", "crossdock.shipment.delayed.v1", "{}") };
    Hub { inbound: vec![flow], outbound: Vec::new(), ..hub() }
}

fn told(world: &World) -> Vec<String> {
    let mut told: Vec<String> = world
        .events
        .borrow()
        .values()
        .map(|event| {
            let raw = event.data.get("partner_status").and_then(Value::as_text).unwrap_or_default().to_owned();
            format!("{} {} {raw}", event.event_type, event.subject)
        })
        .collect();
    told.sort();
    told
}

fn send(world: &World, hub: &Hub, n: u128, number: &str, code: &str) -> MessageState {
    let body = format!(r#"{{"number": "{number}", "code": "{code}"}}"#);
    world.route(hub, message(n, "status", &body))
}

fn once_more(world: &World, hub: &Hub, n: u128, number: &str, code: &str) -> Result<MessageState, String> {
    let message = message(n, "status", &format!(r#"{{"number": "{number}", "code": "{code}"}}"#));
    let state = world.states.borrow()[&message.id].clone();
    let MessageState::Translated { events } = state else { panic!("it was translated") };
    let id = message.id;
    let stored = StoredMessage { position: 1, message, state, removed: None };
    let notes = Notes::default();
    let mut context = Context { hub, view: world, now: now(), last_place: &mut 0, overdue: &|| false, notes: &notes };
    world.apply(again(&stored, events, &mut context).expect("the view answers")?);
    Ok(world.states.borrow()[&id].clone())
}

#[test]
fn a_code_nobody_knows_is_kept_and_told_once() {
    let (hub, world) = (hub_with("{D1: delivered, X3: stop.arrived}"), World::default());
    assert_eq!(send(&world, &hub, 1, "281", "ZZ"), MessageState::Translated { events: 1 });
    assert_eq!(send(&world, &hub, 2, "282", "ZZ"), MessageState::Translated { events: 1 });
    assert_eq!(send(&world, &hub, 3, "281", "X3"), MessageState::Translated { events: 1 });
    assert_eq!(send(&world, &hub, 4, "281", "D1"), MessageState::Translated { events: 1 });
    assert_eq!(
        told(&world),
        [
            "crossdock.shipment.delivered.v1 shipment/281 D1",
            "crossdock.shipment.status_reported.v1 shipment/281 X3",
            "crossdock.shipment.status_reported.v1 shipment/281 ZZ",
            "crossdock.shipment.status_reported.v1 shipment/282 ZZ",
        ]
    );
    let exceptions = world.exceptions.borrow();
    let [exception] = exceptions.values().collect::<Vec<_>>()[..] else { panic!("one for the code: {exceptions:#?}") };
    assert_eq!(exception.class, ExceptionClass::UnknownPartnerCode);
    assert_eq!((exception.fingerprint.as_str(), exception.count), ("code/partner/carrier/ZZ", 2));
    assert_eq!(exception.affects, [EntityRef::new("shipment", "281"), EntityRef::new("shipment", "282")]);
    assert!(
        exception.summary.contains("add `ZZ: <canonical word>` to the list at codes/list.yaml:1:1, then rerun message"),
        "{}",
        exception.summary
    );
}

#[test]
fn once_the_code_is_known_its_event_is_made() {
    let world = World::default();
    send(&world, &hub_with("{D1: delivered}"), 1, "281", "ZZ");
    let unchanged = once_more(&world, &hub_with("{D1: delivered}"), 1, "281", "ZZ").expect_err("nothing is new");
    assert!(unchanged.contains("unless a code in it is known"), "{unchanged}");
    let known = hub_with("{D1: delivered, ZZ: out_for_delivery}");
    assert_eq!(once_more(&world, &known, 1, "281", "ZZ"), Ok(MessageState::Translated { events: 2 }));
    assert_eq!(
        told(&world),
        [
            "crossdock.shipment.out_for_delivery.v1 shipment/281 ZZ",
            "crossdock.shipment.status_reported.v1 shipment/281 ZZ"
        ]
    );
    assert!(world.exceptions.borrow().values().all(|exception| exception.status == ExceptionStatus::Resolved));
    once_more(&world, &known, 1, "281", "ZZ").expect_err("it takes effect once");
    // What was known from the start is not made twice either.
    send(&world, &known, 2, "282", "D1");
    once_more(&world, &known, 2, "282", "D1").expect_err("it was understood");
}

#[test]
fn a_field_without_a_meaning_is_left_out_and_told() {
    let mut codes = CodeLists::new();
    let text = "{codes: {G: ground}, unknown: report}";
    codes.add(CodeList::compile("service", &node("codes/service.yaml", text)).expect("right")).expect("one list");
    let scope = scopes::scope(scopes::INBOUND, &Arc::new(codes));
    let target = "{number: body.number, service_level: {value: body.service, code: service}}";
    let mut hub = hub_with("{D1: delivered}");
    hub.inbound = vec![inbound("status", "crossdock.shipment.delayed.v1", "{number: body.number}")];
    hub.inbound[0].mappings[0].target = Mapping::compile(&node("test.yaml", target), &scope).expect("compiles");
    let world = World::default();
    for n in [1, 2] {
        let body = r#"{"number": "281", "service": "AIR"}"#;
        assert_eq!(world.route(&hub, message(n, "status", body)), MessageState::Translated { events: 1 });
    }
    assert!(world.events.borrow().values().all(|event| event.data.get("service_level").is_none()));
    let exceptions = world.exceptions.borrow();
    assert_eq!(exceptions.len(), 1);
    assert_eq!(exceptions["code/partner/service/AIR"].count, 2);
}
