//! The laws of folding, as property tests: what an entity becomes does not depend on the order in which its events
//! arrive, nor on how often one arrives, and no late event takes back what is known.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::event::{Entity, Event, Standing};
use crate::ids::{EventId, FlowName, MessageId};
use crate::value::Value;

/// Entities with circles, branches and estimates among them.
const KINDS: [&str; 6] = ["shipment", "order", "stop", "invoice", "exception", "load"];

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn time(seconds: i64) -> Value {
    Value::text(at(seconds).to_string())
}

/// What happens, in numbers: they are made to fit whatever kind of entity is tried.
#[derive(Clone, Debug)]
struct Happening {
    verb: usize,
    second: i64,
    told: Vec<(usize, u8)>,
    estimated_at: Option<i64>,
    system: bool,
    /// Which happening it declares wrong, and how it names it.
    retracts: Option<(usize, u8)>,
}

fn happening() -> impl Strategy<Value = Happening> {
    (
        any::<usize>(),
        0..8i64,
        prop::collection::vec((0..4usize, 0..3u8), 0..3),
        prop::option::of(0..8i64),
        any::<bool>(),
        prop::option::weighted(0.15, (any::<usize>(), 0..3u8)),
    )
        .prop_map(|(verb, second, told, estimated_at, system, retracts)| Happening {
            verb,
            second,
            told,
            estimated_at,
            system,
            retracts,
        })
}

/// A history and an order of arrival in which every event comes at least once.
fn history() -> impl Strategy<Value = (&'static str, Vec<Happening>, Vec<usize>)> {
    (prop::sample::select(&KINDS[..]), prop::collection::vec(happening(), 1..10)).prop_flat_map(|(kind, happenings)| {
        let n = happenings.len();
        let arrivals = (Just((0..n).collect::<Vec<_>>()), prop::collection::vec(0..n, 0..n))
            .prop_map(|(mut all, again)| {
                all.extend(again);
                all
            })
            .prop_shuffle();
        (Just(kind), Just(happenings), arrivals)
    })
}

fn key_of(kind: &EntityKind) -> Vec<(&'static str, Value)> {
    kind.key.iter().map(|name| (*name, Value::text(if *name == "subject" { "shipment/1" } else { "1" }))).collect()
}

/// Fields that any kind may tell; those it does not have are taken as they are.
const FIELDS: [&str; 4] = ["carrier", "reason", "remarks", "attributes"];

fn events(kind: &'static EntityKind, happenings: &[Happening]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for (n, happening) in happenings.iter().enumerate() {
        let mut data = key_of(kind);
        for (field, value) in &happening.told {
            let value = Value::text(format!("v{value}"));
            match FIELDS[*field] {
                "attributes" => {
                    data.push(("attributes", Value::map([(format!("a{n}"), value.clone()), ("b".to_owned(), value)])))
                }
                name => data.push((name, value)),
            }
        }
        if let Some(made_at) = happening.estimated_at {
            data.push(("eta", Value::map([("value", time(100 + n as i64)), ("made_at", time(made_at))])));
        }
        data.push(("source_event_id", Value::text(format!("e{}", n / 2))));
        let mut verbs = kind.events.iter().filter(|event| !event.requires.contains(&"retraction"));
        let mut event = verbs.nth(happening.verb % (kind.events.len() - 1)).expect("within");
        if let (Some((which, how)), false) = (happening.retracts, events.is_empty()) {
            let wrong = &events[which % events.len()];
            let names = match how {
                0 => vec![("event_id", Value::text(wrong.id.to_string()))],
                1 => vec![("source_event_id", wrong.data.get("source_event_id").cloned().expect("told"))],
                _ => vec![
                    ("event_type", Value::text(wrong.event_type.as_str())),
                    ("event_time", Value::from(wrong.time)),
                ],
            };
            let reason = ("reason", Value::text("did_not_occur"));
            data.push(("retraction", Value::map(names.into_iter().chain([reason])).into_json_shape()));
            event =
                kind.events.iter().find(|event| event.requires.contains(&"retraction")).expect("every kind has one");
        }
        let data = Value::map(data);
        events.push(Event {
            id: EventId(uuid::Uuid::from_u128(0x9e37_79b9_u128.wrapping_mul(n as u128 + 1) << 64 | n as u128)),
            event_type: EventType { entity: kind, event }.name(),
            subject: kind.name_of(&data).expect("has its key"),
            system: if happening.system { "one".into() } else { "other".into() },
            time: at(happening.second),
            recorded_at: at(1_000),
            message: MessageId(uuid::Uuid::nil()),
            flow: FlowName::from("f"),
            out_of_order: false,
            first: false,
            links: Vec::new(),
            references: Vec::new(),
            data,
            standing: Standing::default(),
        });
    }
    events
}

/// Folds events as they arrive, the way the router does, and hands out every state on the way.
fn arrive<'e>(kind: &'static EntityKind, events: impl IntoIterator<Item = &'e Event>) -> Vec<Entity> {
    let mut log: Vec<Event> = Vec::new();
    let mut states: Vec<Entity> = Vec::new();
    for event in events {
        let mut event = event.clone();
        let event_type = EventType::find(&event.event_type).expect("known");
        let folded = fold(event_type, states.last().cloned(), &event);
        event.standing.retracted = folded.retracted;
        let mut entity = folded.entity;
        if !log.iter().any(|known| known.id == event.id) {
            log.push(event.clone());
        }
        if needs_refold(&event) {
            let version = entity.version;
            entity = Entity { version, ..refold(kind, &log).expect("has events") };
        }
        states.push(entity);
    }
    states
}

/// All of an entity that must not depend on arrival: how many steps it took does, and which event acted first.
fn lasting(entity: &Entity) -> Entity {
    let mut entity = entity.clone();
    entity.version = 0;
    entity.told.acted.clear();
    entity
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// A shuffled, delayed and duplicated replay ends in the same entity as the one in order.
    #[test]
    fn arrival_does_not_matter((kind, happenings, arrivals) in history()) {
        let kind = EntityKind::find(kind).expect("known");
        let events = events(kind, &happenings);
        let ordered = arrive(kind, &events).pop().expect("not empty");
        let shuffled = arrive(kind, arrivals.iter().map(|n| &events[*n])).pop().expect("not empty");
        prop_assert_eq!(lasting(&ordered), lasting(&shuffled));
        // The order of the keys is the order of arrival, but that is no difference of data.
        prop_assert_eq!(ordered.data, shuffled.data);
    }

    /// Folding one by one and making anew of all are the same.
    #[test]
    fn refolding_is_folding((kind, happenings, arrivals) in history()) {
        let kind = EntityKind::find(kind).expect("known");
        let events = events(kind, &happenings);
        let folded = arrive(kind, arrivals.iter().map(|n| &events[*n])).pop().expect("not empty");
        prop_assert_eq!(lasting(&folded), lasting(&refold(kind, &events).expect("not empty")));
    }

    /// An event that comes again changes nothing, not even the version.
    #[test]
    fn a_duplicate_changes_nothing((kind, happenings, again) in history()) {
        let kind = EntityKind::find(kind).expect("known");
        let events = events(kind, &happenings);
        let entity = refold(kind, &events).expect("not empty");
        for n in again {
            let event_type = EventType::find(&events[n].event_type).expect("known");
            let folded = fold(event_type, Some(entity.clone()), &events[n]);
            prop_assert!(!folded.changed, "{:?}", folded.entity);
            prop_assert!(!folded.first);
            prop_assert_eq!(&folded.entity, &entity);
        }
    }

    /// Whatever comes late, the state never stands lower than before.
    #[test]
    fn state_never_regresses((kind, mut happenings, arrivals) in history()) {
        let kind = EntityKind::find(kind).expect("known");
        happenings.iter_mut().for_each(|happening| happening.retracts = None);
        let events = events(kind, &happenings);
        let states = arrive(kind, arrivals.iter().map(|n| &events[*n]));
        for pair in states.windows(2) {
            prop_assert!(!kind.regresses(&pair[0].status, &pair[1].status), "{} -> {}", pair[0].status, pair[1].status);
        }
    }

    /// Of two estimates the one that was made later stands, whenever each was told.
    #[test]
    fn the_latest_estimate_stands((kind, mut happenings, arrivals) in history()) {
        let kind = EntityKind::find(kind).expect("known");
        happenings.iter_mut().for_each(|happening| happening.retracts = None);
        if kind.name == "shipment" {
            let events = events(kind, &happenings);
            let entity = arrive(kind, arrivals.iter().map(|n| &events[*n])).pop().expect("not empty");
            let latest = happenings.iter().filter_map(|happening| happening.estimated_at).max();
            let stands = entity.data.at("eta.made_at").cloned();
            prop_assert_eq!(stands, latest.map(time));
        }
    }
}

fn event(name: &str, second: i64, id: u128, more: Vec<(&str, Value)>) -> Event {
    let event_type = EventType::find(name).expect("known");
    let data = Value::map([("number", Value::text("1"))].into_iter().chain(more));
    Event {
        id: EventId(uuid::Uuid::from_u128(id)),
        event_type: name.to_owned(),
        subject: event_type.entity.name_of(&data).expect("has its key"),
        system: "carrier".into(),
        time: at(second),
        recorded_at: at(second),
        message: MessageId(uuid::Uuid::nil()),
        flow: FlowName::from("f"),
        out_of_order: false,
        first: false,
        links: Vec::new(),
        references: Vec::new(),
        data,
        standing: Standing::default(),
    }
}

#[test]
fn a_retracted_delivery_is_taken_back_and_may_be_told_again() {
    let shipment = EntityKind::find("shipment").expect("known");
    let wrong = event(
        "crossdock.shipment.delivered.v1",
        20,
        2,
        vec![("delivered_at", time(20)), ("source_event_id", "d1".into())],
    );
    let log = [
        event("crossdock.shipment.out_for_delivery.v1", 10, 1, vec![("carrier", "ACME".into())]),
        wrong.clone(),
        event(
            "crossdock.shipment.event_retracted.v1",
            30,
            3,
            vec![("retraction", Value::map([("source_event_id", "d1"), ("reason", "did_not_occur")]))],
        ),
    ];
    let states = arrive(shipment, &log);
    assert_eq!(states[1].status, "delivered");
    assert_eq!(states[2].status, "out_for_delivery");
    assert_eq!(states[2].data.get("delivered_at"), None);
    assert!(!states[2].milestones.contains_key("delivered"));
    assert_eq!(crate::invariants::i6_state_moves_forward(&states), [""; 0]);

    let again = event("crossdock.shipment.delivered.v1", 40, 4, vec![]);
    let folded = fold(EventType::find(&again.event_type).expect("known"), states.last().cloned(), &again);
    assert_eq!(folded.entity.status, "delivered");
    assert!(!folded.first, "what is done once was done because of the wrong one");

    let before = arrive(shipment, [&log[0], &log[2], &wrong]);
    assert_eq!(before[2].status, "out_for_delivery", "it was retracted before it came");
    let folded = fold(EventType::find(&again.event_type).expect("known"), before.last().cloned(), &again);
    assert!(folded.first, "nothing was done because of the wrong one");
}

#[test]
fn goods_that_move_outrank_a_cancellation() {
    let cancelled = event("crossdock.shipment.cancelled.v1", 20, 2, vec![]);
    let collected = event("crossdock.shipment.collected.v1", 10, 1, vec![]);
    let shipment = EntityKind::find("shipment").expect("known");
    for order in [[&cancelled, &collected], [&collected, &cancelled]] {
        assert_eq!(arrive(shipment, order).pop().expect("two").status, "picked_up");
    }
}

#[test]
fn what_is_only_told_does_not_date_the_state() {
    let shipment = EntityKind::find("shipment").expect("known");
    let log = [
        event("crossdock.shipment.departed_hub.v1", 10, 1, vec![]),
        event("crossdock.shipment.damaged.v1", 40, 2, vec![]),
        event("crossdock.shipment.arrived_hub.v1", 30, 3, vec![]),
    ];
    assert_eq!(arrive(shipment, &log).pop().expect("three").status, "at_hub");
}
