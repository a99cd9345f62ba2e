//! Lists of entities, and the events of one.

use crossdock_core::changeset::Change;
use crossdock_core::event::{Entity, EntityRef, Event, Reference};

use super::records::*;
use super::{Make, commit};
use crate::port::{EXAMINED_MAX, EntityFilter, EntityMark, Store};

/// A shipment in a state, changed last at this second.
fn put_shipment(store: &dyn Store, key: &str, status: &str, second: i64) {
    let name = shipment(key);
    let version = store.entity(&name).unwrap().map_or(0, |entity| entity.version) + 1;
    let entity = Entity { status: status.into(), updated_at: at(second), ..entity(&name, version) };
    commit(store, [Change::PutEntity(entity)]);
}

/// An event about a shipment that speaks of other things too.
fn speaks(store: &dyn Store, number: u64, key: &str, of: &[EntityRef]) {
    let links: Vec<EntityRef> = [shipment(key)].iter().chain(of).cloned().collect();
    commit(store, [Change::AppendEvent(Event { references: Vec::new(), ..event(number, &links) })]);
}

fn knows(store: &dyn Store, system: &str, key: &str, value: &str) {
    let reference = Reference { system: system.into(), ..reference(key, "id", value) };
    commit(store, [Change::AddReference(reference)]);
}

fn shipments() -> EntityFilter {
    EntityFilter { kind: "shipment".into(), ..EntityFilter::default() }
}

/// The whole list, read in pages of this size.
pub(super) fn walk(store: &dyn Store, filter: &EntityFilter, limit: usize) -> Vec<Entity> {
    let mut all = Vec::new();
    let mut after: Option<EntityMark> = None;
    for _ in 0..10_000 {
        let page = store.entity_page(filter, after.as_ref(), limit).unwrap();
        assert!(page.entities.len() <= limit, "{filter:?}");
        all.extend(page.entities);
        match page.next {
            None => return all,
            next => after = next,
        }
    }
    panic!("the list of {filter:?} does not end");
}

fn keys(entities: &[Entity]) -> Vec<&str> {
    entities.iter().map(|entity| entity.name.key.as_str()).collect()
}

pub fn entities_are_listed_by_any_filter(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let (order, other) = (EntityRef::new("order", "S1"), EntityRef::new("order", "S2"));
    for (key, status, second) in
        [("a", "planned", 30), ("b", "departed", 10), ("c", "planned", 20), ("d", "", 20), ("e", "planned", 40)]
    {
        put_shipment(store, key, status, second);
    }
    commit(store, [Change::PutEntity(entity(&order, 1))]);
    speaks(store, 1, "a", std::slice::from_ref(&order));
    speaks(store, 2, "a", &[order.clone(), other.clone()]);
    speaks(store, 3, "c", std::slice::from_ref(&order));
    speaks(store, 4, "e", std::slice::from_ref(&other));
    speaks(store, 5, "never-stored", std::slice::from_ref(&order));
    [("odoo", "c", "7"), ("odoo", "c", "8"), ("odoo", "a", "9"), ("fleet", "a", "1"), ("odoo", "nobody", "7")]
        .iter()
        .for_each(|(system, key, value)| knows(store, system, key, value));
    let list = |filter: EntityFilter, expect: &[&str]| {
        for limit in [1, 2, 9] {
            assert_eq!(keys(&walk(store, &filter, limit)), expect, "{filter:?}, {limit} at a time");
        }
    };
    let planned = || EntityFilter { status: Some("planned".into()), ..shipments() };
    list(shipments(), &["b", "c", "d", "a", "e"]);
    list(planned(), &["c", "a", "e"]);
    list(EntityFilter { status: Some("lost".into()), ..shipments() }, &[]);
    list(EntityFilter { updated_since: Some(at(20)), ..shipments() }, &["c", "d", "a", "e"]);
    list(EntityFilter { updated_until: Some(at(20)), ..shipments() }, &["b"]);
    let between = EntityFilter { updated_since: Some(at(20)), updated_until: Some(at(40)), ..planned() };
    list(between.clone(), &["c", "a"]);
    list(EntityFilter { link: Some(order.clone()), ..shipments() }, &["a", "c"]);
    list(EntityFilter { link: Some(other.clone()), ..shipments() }, &["a", "e"]);
    list(EntityFilter { link: Some(shipment("a")), ..shipments() }, &[]);
    list(EntityFilter { system: Some("odoo".into()), ..shipments() }, &["a", "c"]);
    list(EntityFilter { system: Some("fleet".into()), ..shipments() }, &["a"]);
    list(EntityFilter { system: Some("odoo".into()), link: Some(other), ..shipments() }, &["a"]);
    list(EntityFilter { system: Some("odoo".into()), updated_since: Some(at(21)), ..planned() }, &["a"]);
    list(EntityFilter { link: Some(order.clone()), ..between }, &["a", "c"]);
    list(EntityFilter { kind: "order".into(), ..EntityFilter::default() }, &["S1"]);
    list(EntityFilter { kind: "stop".into(), ..EntityFilter::default() }, &[]);
}

/// What was there at the first page comes, once unless it changed; what is added or changed meanwhile takes nothing away.
pub fn a_list_of_entities_goes_on_where_it_ended(make: Make<'_>) {
    let mut subject = make();
    for (key, second) in [("a", 10), ("b", 20), ("c", 30), ("d", 40)] {
        put_shipment(subject.store(), key, "planned", second);
    }
    let first = subject.store().entity_page(&shipments(), None, 2).unwrap();
    assert_eq!(keys(&first.entities), ["a", "b"]);
    // Another one comes in before, and one changes: it comes again, behind.
    put_shipment(subject.store(), "A", "planned", 15);
    put_shipment(subject.store(), "b", "departed", 50);
    subject.reopen();
    let rest = subject.store().entity_page(&shipments(), first.next.as_ref(), 9).unwrap();
    assert_eq!((keys(&rest.entities), rest.next), (vec!["c", "d", "b"], None));
    // Two of the same instant are told apart by their keys.
    put_shipment(subject.store(), "aa", "planned", 20);
    put_shipment(subject.store(), "ab", "departed", 20);
    for limit in 1..4 {
        let all = walk(subject.store(), &shipments(), limit);
        assert_eq!(keys(&all), ["a", "A", "aa", "ab", "c", "d", "b"]);
    }
}

pub fn a_page_of_entities_is_bounded(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let many = EXAMINED_MAX + 10;
    let key = |number: usize| format!("{number:05}");
    let known = (0..many).map(|number| {
        Change::AddReference(Reference { system: "odoo".into(), ..reference(&key(number), "id", &key(number)) })
    });
    commit(store, known);
    let names = [key(3), key(many - 2)];
    for name in &names {
        put_shipment(store, name, "planned", 1);
    }
    let filter = EntityFilter { system: Some("odoo".into()), status: Some("planned".into()), ..shipments() };
    for limit in [1, 9] {
        assert_eq!(keys(&walk(store, &filter, limit)), names);
    }
}

pub fn an_entitys_own_events_are_read_in_parts(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let order = EntityRef::new("order", "S1");
    for number in 1..=5 {
        speaks(store, number, "a", std::slice::from_ref(&order));
        speaks(store, 10 + number, "b", &[shipment("a")]);
    }
    let first = store.events_about(&shipment("a"), 0, 3).unwrap();
    let rest = store.events_about(&shipment("a"), first[2].position, 9).unwrap();
    let numbers: Vec<_> = first.iter().chain(&rest).map(|stored| stored.event.id).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5].map(event_id));
    assert!(store.events_about(&order, 0, 9).unwrap().is_empty());
}
