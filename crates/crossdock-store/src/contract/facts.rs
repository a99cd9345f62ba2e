//! Events, entities, references, cursors, timers, exceptions, rejections, audit.

use crossdock_core::changeset::{Change, SystemState, Timer, TimerPurpose};
use crossdock_core::event::{Entity, EntityRef, Event};
use crossdock_core::exception::{Exception, ExceptionClass};
use crossdock_core::traffic::{ChannelTraffic, MappingTraffic, Seen, Traffic};
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_core::value::{Decimal, Time, Value};
use crossdock_core::{invariants, value};

use super::records::*;
use super::{Make, commit, refused};
use crate::port::{CommitError, ExceptionFilter, Page};

pub fn an_event_is_found_by_id_message_and_links(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let (a, b) = (shipment("a"), EntityRef::new("order", "S1"));
    commit(store, [Change::AppendEvent(event(11, &[a.clone(), b.clone()]))]);
    commit(store, [Change::AppendEvent(event(12, &[b.clone(), b.clone()])), Change::AppendEvent(event(21, &[]))]);
    assert_eq!(store.event(event_id(11)).unwrap().unwrap().event, event(11, &[a.clone(), b.clone()]));
    assert_eq!(store.event(event_id(99)).unwrap(), None);
    let numbers = |events: Vec<crossdock_core::event::StoredEvent>| {
        assert!(events.windows(2).all(|pair| pair[0].position < pair[1].position));
        events.into_iter().map(|stored| stored.event.id).collect::<Vec<_>>()
    };
    assert_eq!(numbers(store.events_of_message(message_id(1)).unwrap()), [11, 12].map(event_id));
    assert_eq!(numbers(store.events_of_message(message_id(2)).unwrap()), [event_id(21)]);
    assert_eq!(numbers(store.events_of_entity(&b, 9).unwrap()), [11, 12].map(event_id));
    assert_eq!(numbers(store.events_of_entity(&b, 1).unwrap()), [event_id(11)]);
    assert_eq!(numbers(store.events_of_entity(&a, 9).unwrap()), [event_id(11)]);
    assert!(store.events_of_entity(&shipment("S1"), 9).unwrap().is_empty());
}

pub fn an_event_is_appended_once(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    commit(store, [Change::AppendEvent(event(1, &[]))]);
    let again = refused(store, [Change::AppendEvent(event(1, &[shipment("new")]))]);
    assert_eq!(again, CommitError::Conflict(format!("event {}", event_id(1))));
    assert!(store.events_of_entity(&shipment("new"), 9).unwrap().is_empty());
    assert_eq!(store.counts().unwrap().events, 1);
}

pub fn an_entity_moves_by_one_version(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let name = shipment("1");
    let write = |version| {
        store.commit(crossdock_core::changeset::Changeset::new().with(Change::PutEntity(entity(&name, version))))
    };
    let conflict = Err(CommitError::Conflict("entity shipment/1".into()));
    assert_eq!(write(2), conflict);
    assert_eq!(write(0), conflict);
    assert_eq!(store.entity(&name).unwrap(), None);
    assert_eq!(write(1), Ok(()));
    assert_eq!(write(1), conflict);
    assert_eq!(write(3), conflict);
    assert_eq!(write(2), Ok(()));
    assert_eq!(store.entity(&name).unwrap(), Some(entity(&name, 2)));
    // Several versions in one changeset follow each other.
    commit(store, (3..6).map(|version| Change::PutEntity(entity(&name, version))));
    assert_eq!(store.entity(&name).unwrap(), Some(entity(&name, 5)));
}

pub fn entities_are_listed_by_key(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    for key in ["b", "a", "d", "c"] {
        commit(store, [Change::PutEntity(entity(&shipment(key), 1))]);
        commit(store, [Change::PutEntity(entity(&EntityRef::new("order", key), 1))]);
    }
    let keys = |after, limit| {
        let entities = store.entities("shipment", after, limit).unwrap();
        assert!(entities.iter().all(|entity| entity.name.kind == "shipment"));
        entities.into_iter().map(|entity| entity.name.key).collect::<Vec<_>>()
    };
    assert_eq!(keys("", 9), ["a", "b", "c", "d"]);
    assert_eq!(keys("", 2), ["a", "b"]);
    assert_eq!(keys("b", 9), ["c", "d"]);
    assert_eq!(keys("bb", 9), ["c", "d"]);
    assert!(keys("d", 9).is_empty());
}

pub fn things_are_found_by_key_and_reference(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    commit(store, [Change::PutEntity(entity(&shipment("281"), 1))]);
    commit(store, [Change::PutEntity(entity(&EntityRef::new("order", "281"), 1))]);
    let references = ["281", "1Z999"].map(|value| reference("282", "tracking_number", value));
    commit(store, references.iter().cloned().map(Change::AddReference));
    // Adding it again changes nothing; another kind of id is another reference.
    let other = reference("282", "bill_of_lading", "281");
    commit(store, [Change::AddReference(references[0].clone()), Change::AddReference(other.clone())]);
    let found = [EntityRef::new("order", "281"), shipment("281"), shipment("282")];
    assert_eq!(store.find("281", 9).unwrap(), found);
    assert_eq!(store.find("281", 2).unwrap(), found[..2]);
    assert_eq!(store.find("1Z999", 9).unwrap(), [shipment("282")]);
    assert!(store.find("1Z99", 9).unwrap().is_empty());
    let [first, second] = references;
    assert_eq!(store.references(&shipment("282")).unwrap(), [other, second, first]);
    assert!(store.references(&shipment("281")).unwrap().is_empty());
}

pub fn cursors_timers_and_system_states_hold_the_last_word(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let cursor = |value: &str| Change::SetCursor { name: "odoo/sale.order".into(), value: value.into() };
    commit(store, [cursor("1")]);
    commit(store, [cursor("2"), cursor("3")]);
    assert_eq!(store.cursor("odoo/sale.order").unwrap().as_deref(), Some("3"));
    assert_eq!(store.cursor("odoo").unwrap(), None);

    assert_eq!(store.next_timer().unwrap(), None);
    commit(store, [("b", 20), ("a", 20), ("c", 10), ("d", 40)].map(|(id, due)| Change::SetTimer(timer(id, due))));
    commit(store, [Change::SetTimer(timer("c", 30)), Change::RemoveTimer { id: "nobody".into() }]);
    assert_eq!(store.next_timer().unwrap(), Some(at(20)));
    assert_eq!(store.due_timers(at(30), 9).unwrap(), [timer("a", 20), timer("b", 20), timer("c", 30)]);
    assert_eq!(store.due_timers(at(30), 1).unwrap(), [timer("a", 20)]);
    assert!(store.due_timers(at(19), 9).unwrap().is_empty());
    commit(store, [Change::RemoveTimer { id: "a".into() }]);
    assert_eq!(store.due_timers(at(20), 9).unwrap(), [timer("b", 20)]);

    let state = |system: &str, paused: Option<&str>| SystemState {
        system: system.into(),
        paused: paused.map(Into::into),
        since: at(1),
    };
    commit(store, [Change::SetSystemState(state("odoo", Some("key expired")))]);
    commit(store, [state("odoo", None), state("fleet", Some("by hand"))].map(Change::SetSystemState));
    assert_eq!(store.system_states().unwrap(), [state("fleet", Some("by hand")), state("odoo", None)]);
}

pub fn what_traffic_shows_is_the_last_word(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let of_channel = |messages: u64| {
        let seen = Seen::new(messages, at(1), at(2));
        Traffic::Channel(ChannelTraffic {
            system: "fleet".into(),
            channel: "proof".into(),
            since: at(1),
            messages,
            looked_at: messages,
            paths: [("body.items[].sku".to_owned(), seen)].into(),
            more: false,
        })
    };
    let of_mapping = Traffic::Mapping(MappingTraffic {
        mapping: "fleet/proof".into(),
        since: at(1),
        runs: 3,
        defaults: [("lines[].uom".to_owned(), 2)].into(),
    });
    assert_eq!(store.traffic().unwrap(), []);
    commit(store, [Change::PutTraffic(of_channel(1)), Change::PutTraffic(of_mapping.clone())]);
    commit(store, [Change::PutTraffic(of_channel(2))]);
    assert_eq!(store.traffic().unwrap(), [of_channel(2), of_mapping]);
}

pub fn one_exception_is_open_per_fingerprint(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let first = exception(1, "odoo/refused");
    commit(store, [Change::PutException(first.clone())]);
    assert_eq!(store.open_exception("odoo/refused").unwrap(), Some(first.clone()));
    assert_eq!(store.open_exception("odoo").unwrap(), None);
    // Two workers met the same problem at once: it is one exception, seen twice.
    commit(store, [Change::PutException(exception(2, "odoo/refused"))]);
    let twice = Exception { count: 2, summary: "problem 2".into(), ..first };
    assert_eq!(store.open_exception("odoo/refused").unwrap(), Some(twice.clone()));
    assert_eq!(store.counts().unwrap().exceptions_open, 1);
    commit(store, [Change::PutException(resolved(&twice))]);
    assert_eq!(store.open_exception("odoo/refused").unwrap(), None);
    assert_eq!(store.counts().unwrap().exceptions_open, 0);
    // Once it is resolved, the next one is a new one.
    let third = exception(3, "odoo/refused");
    commit(store, [Change::PutException(third.clone()), Change::PutException(exception(4, "other"))]);
    assert_eq!(store.open_exception("odoo/refused").unwrap(), Some(third.clone()));
    let all = store.exceptions(&ExceptionFilter::default(), Page::first(9)).unwrap();
    assert_eq!(all, [exception(4, "other"), third, resolved(&twice)]);
    assert_eq!(store.counts().unwrap().exceptions_open, 2);
}

pub fn exceptions_are_listed_by_any_filter(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    for number in 1..=6 {
        let mut exception = exception(number, &format!("f{number}"));
        if number % 2 == 0 {
            exception.system = None;
            exception.transmission = None;
        }
        if number == 2 {
            exception.class = ExceptionClass::PrerequisiteLate;
        }
        if number < 3 {
            exception.affects.push(shipment("it's 9"));
        }
        commit(store, [Change::PutException(exception.clone())]);
        if number > 3 {
            commit(store, [Change::PutException(resolved(&exception))]);
        }
    }
    let list = |filter: ExceptionFilter, skip, limit| {
        let found = store.exceptions(&filter, Page { skip, limit }).unwrap();
        found.into_iter().map(|exception| exception.id).collect::<Vec<_>>()
    };
    let any = ExceptionFilter::default;
    assert_eq!(list(any(), 1, 3), [5, 4, 3].map(exception_id));
    assert_eq!(list(ExceptionFilter { open: Some(true), ..any() }, 0, 9), [3, 2, 1].map(exception_id));
    assert_eq!(list(ExceptionFilter { open: Some(false), ..any() }, 0, 2), [6, 5].map(exception_id));
    assert_eq!(list(ExceptionFilter { system: Some("odoo".into()), ..any() }, 0, 9), [5, 3, 1].map(exception_id));
    let of = ExceptionFilter { transmission: Some(transmission_id(3)), ..any() };
    assert_eq!(list(of.clone(), 0, 9), [exception_id(3)]);
    let of_class = |classes: &[ExceptionClass]| ExceptionFilter { classes: classes.to_vec(), ..any() };
    let (late, refused) = (ExceptionClass::PrerequisiteLate, ExceptionClass::TransmissionRefused);
    assert_eq!(list(of_class(&[late]), 0, 9), [exception_id(2)]);
    assert_eq!(list(of_class(&[late, refused]), 3, 9), [3, 2, 1].map(exception_id));
    let about = |key: &str| ExceptionFilter { affects: Some(shipment(key)), ..any() };
    assert_eq!(list(about("it's 9"), 0, 9), [2, 1].map(exception_id));
    assert_eq!(list(ExceptionFilter { open: Some(false), ..about("1") }, 1, 1), [exception_id(5)]);
    assert!(list(about("2"), 0, 9).is_empty());
    let all = ExceptionFilter { open: Some(true), system: Some("odoo".into()), ..of };
    assert_eq!(list(all.clone(), 0, 9), [exception_id(3)]);
    assert!(list(ExceptionFilter { open: Some(false), ..all }, 0, 9).is_empty());
}

pub fn rejections_are_listed_newest_first(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    (1..=5).for_each(|number| commit(store, [Change::AppendRejection(rejection(number))]));
    assert_eq!(store.rejections(Page { skip: 1, limit: 2 }).unwrap(), [rejection(4), rejection(3)]);
    assert_eq!(store.counts().unwrap().rejections, 5);
}

pub fn the_audit_chain_verifies(make: Make<'_>) {
    let mut subject = make();
    commit(subject.store(), (1..=3).map(|number| Change::AppendAudit(audit(number))));
    subject.reopen();
    commit(subject.store(), [Change::AppendAudit(audit(4))]);
    let chain = subject.store().audit(0, 9).unwrap();
    assert_eq!(chain.iter().map(|link| link.record.clone()).collect::<Vec<_>>(), [1, 2, 3, 4].map(audit));
    assert_eq!(invariants::i8_audit_chain_verifies(&chain), Vec::<String>::new());
    assert_eq!(subject.store().audit(1, 2).unwrap(), chain[1..3]);
    assert!(subject.store().audit(4, 9).unwrap().is_empty());
}

pub fn values_keep_their_exact_form(make: Make<'_>) {
    let mut subject = make();
    let store = subject.store();
    let time = Time::parse("2026-03-01T08:30:00.5+01:00").unwrap();
    let data = value!({
        "amount": (Decimal::from_str_exact("12.50").unwrap()),
        "tiny": (Decimal::from_str_exact("0.0000000000000000000000000001").unwrap()),
        "large": (i64::MAX), "text": "é \u{1f69a} \" \\ \n \u{0}", "list": [1, null, true, []], "none": null,
        "time": (Value::Time(time)), "bytes": (Value::Bytes(vec![0, 1, 255].into())), "map": {}
    });
    let shaped = data.clone().into_json_shape();
    let name = shipment("1");
    let event = Event { data: data.clone(), ..event(1, &[]) };
    let entity = Entity { data: data.clone(), ..entity(&name, 1) };
    let it = Transmission { input: data.clone(), result: Some(data.clone()), ..transmission(1, "a", 1) };
    let attempt = attempt(it.id, 1, Outcome::Accepted { result: data });
    commit(store, [Change::AppendEvent(event), Change::PutEntity(entity), put(&it), Change::AppendAttempt(attempt)]);
    subject.reopen();
    let store = subject.store();
    let stored = store.transmission(it.id).unwrap().unwrap();
    let Outcome::Accepted { result } = store.attempts(it.id).unwrap().remove(0).outcome else {
        panic!("another outcome")
    };
    let event = store.event(event_id(1)).unwrap().unwrap().event.data;
    for data in [event, store.entity(&name).unwrap().unwrap().data, stored.input, stored.result.unwrap(), result] {
        assert_eq!(data, shaped);
        assert_eq!(data.to_json_string(), shaped.to_json_string());
    }
}

pub(super) fn timer(id: &str, due: i64) -> Timer {
    let purpose = TimerPurpose::HeldTooLong { transmission: transmission_id(1) };
    Timer { id: id.into(), due_at: at(due), purpose }
}
