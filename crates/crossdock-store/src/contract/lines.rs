//! Transmissions: guarded by version, sent in the order of their line (I3).

use crossdock_core::changeset::Change;
use crossdock_core::ids::{SystemName, TransmissionId};
use crossdock_core::transmission::lane::Look;
use crossdock_core::transmission::{Criticality, Group, Outcome, Transmission, TransmissionState};
use jiff::Timestamp;

use super::accepting::outcome;
use super::records::*;
use super::{Make, commit, refused};
use crate::port::{CommitError, Page, Store, TransmissionFilter};

pub fn a_transmission_moves_by_one_version(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let it = transmission(1, "a", 1);
    let conflict = CommitError::Conflict(format!("transmission {}", it.id));
    for version in [0, 2] {
        assert_eq!(refused(store, [put(&Transmission { version, ..it.clone() })]), conflict);
    }
    commit(store, [put(&it)]);
    assert_eq!(refused(store, [put(&it)]), conflict);
    assert_eq!(refused(store, [put(&Transmission { version: 3, ..it.clone() })]), conflict);
    let sending = Transmission { attempts: 1, ..moved(&it, TransmissionState::Sending) };
    let done = Transmission { finished_at: Some(at(5)), ..moved(&sending, TransmissionState::Done) };
    commit(store, [put(&sending), put(&done)]);
    assert_eq!(store.transmission(it.id).unwrap(), Some(done));
    assert_eq!(store.transmission(transmission_id(2)).unwrap(), None);
    assert_eq!(store.transmissions_of_event(it.event).unwrap().len(), 1);
}

pub fn only_the_head_of_a_line_is_due(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    // Written out of order: places decide, not the order of writing.
    let [second, first, third] = [2, 1, 3].map(|place| transmission(place, "a", place));
    commit(store, [put(&second)]);
    assert_eq!(due(store, 0), [2]);
    commit(store, [put(&first), put(&third)]);
    assert_eq!(due(store, 0), [1]);
    let sending = moved(&first, TransmissionState::Sending);
    commit(store, [put(&sending)]);
    assert!(due(store, 0).is_empty());
    assert_eq!(numbers(store.sending().unwrap()), [1]);
    // Comes back to be tried again later: the line waits.
    let later = Transmission { due_at: at(30), ..moved(&sending, TransmissionState::Owed) };
    commit(store, [put(&later)]);
    assert!(due(store, 29).is_empty());
    assert_eq!(due(store, 30), [1]);
    let sending = moved(&later, TransmissionState::Sending);
    commit(store, [put(&sending), put(&moved(&sending, TransmissionState::Done))]);
    assert_eq!(due(store, 0), [2]);
    commit(store, [put(&moved(&second, TransmissionState::Cancelled))]);
    assert_eq!(due(store, 0), [3]);
    assert!(store.sending().unwrap().is_empty());
}

pub fn a_paused_head_blocks_only_its_key(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let [a1, a2, b1] = [("a", 1), ("a", 2), ("b", 3)].map(|(key, place)| transmission(place, key, place));
    commit(store, [&a1, &a2, &b1].map(put));
    assert_eq!(due(store, 0), [1, 3]);
    let stuck = moved(&a1, paused());
    commit(store, [put(&stuck)]);
    assert_eq!(due(store, 0), [3]);
    // A cancelled one behind the head changes nothing for the others.
    commit(store, [put(&moved(&a2, TransmissionState::Cancelled)), put(&transmission(4, "a", 4))]);
    assert_eq!(due(store, 0), [3]);
    // It kept its place: resumed, it goes before those behind it.
    let resumed = moved(&stuck, TransmissionState::Owed);
    commit(store, [put(&resumed)]);
    assert_eq!(due(store, 0), [1, 3]);
    commit(store, [put(&moved(&resumed, TransmissionState::Cancelled))]);
    assert_eq!(due(store, 0), [3, 4]);
}

pub fn due_comes_earliest_first_and_within_the_limit(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    for (number, due_at) in [(1, 50), (2, 10), (3, 30), (4, 10), (5, 70)] {
        let it = Transmission { due_at: at(due_at), ..transmission(number, &format!("key {number}"), 10 - number) };
        commit(store, [put(&it)]);
    }
    // Equal times go by place.
    assert_eq!(due(store, 60), [4, 2, 3, 1]);
    assert_eq!(due_within(store, "odoo", at(60), 3), [4, 2, 3]);
    assert_eq!(due(store, 9), Vec::<u64>::new());
    // A nanosecond matters.
    let just_before = Timestamp::from_nanosecond(at(10).as_nanosecond() - 1).unwrap();
    assert!(due_within(store, "odoo", just_before, 9).is_empty());
}

pub fn a_line_is_per_system(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let fleet = Transmission { system: "fleet".into(), ..transmission(2, "a", 2) };
    commit(store, [put(&transmission(1, "a", 1)), put(&fleet)]);
    assert_eq!(due(store, 0), [1]);
    assert_eq!(due_within(store, "fleet", at(0), 9), [2]);
}

pub fn a_held_transmission_is_in_no_line(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let waits = Transmission { state: held(), ..transmission(1, "a", 0) };
    commit(store, [put(&waits), put(&transmission(2, "a", 1))]);
    assert_eq!(due(store, 0), [2]);
    assert_eq!(numbers(store.held_about(&shipment("a")).unwrap()), [1]);
    assert!(store.held_about(&shipment("b")).unwrap().is_empty());
    assert_eq!(store.last_place().unwrap(), 1);
    let released = Transmission { place: 7, ..moved(&waits, TransmissionState::Owed) };
    commit(store, [put(&released)]);
    assert_eq!(due(store, 0), [2]);
    assert!(store.held_about(&shipment("a")).unwrap().is_empty());
    assert_eq!(store.last_place().unwrap(), 7);
    commit(store, [put(&moved(&transmission(2, "a", 1), TransmissionState::Cancelled))]);
    assert_eq!(due(store, 0), [1]);
    assert_eq!(store.last_place().unwrap(), 7);
}

pub fn changing_lines_moves_both_heads(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let all = [("a", 1), ("a", 2), ("b", 3), ("b", 4)].map(|(key, place)| transmission(place, key, place));
    commit(store, all.iter().map(put));
    assert_eq!(due(store, 0), [1, 3]);
    // To the end of the other line, to another system, then back to the front.
    let [head, ..] = all;
    let moved_to = |it: &Transmission, key: &str, place, system: &str| Transmission {
        key: key.into(),
        place,
        system: system.into(),
        ..moved(it, TransmissionState::Owed)
    };
    let behind = moved_to(&head, "b", 9, "odoo");
    commit(store, [put(&behind)]);
    assert_eq!(due(store, 0), [2, 3]);
    let elsewhere = moved_to(&behind, "b", 9, "fleet");
    commit(store, [put(&elsewhere)]);
    assert_eq!(due(store, 0), [2, 3]);
    assert_eq!(due_within(store, "fleet", at(0), 9), [1]);
    let front = moved_to(&elsewhere, "b", 1, "odoo");
    commit(store, [put(&front)]);
    assert_eq!(due(store, 0), [1, 2]);
    let back = moved_to(&front, "b", 8, "odoo");
    commit(store, [put(&back)]);
    assert_eq!(due(store, 0), [2, 3]);
    assert!(due_within(store, "fleet", at(0), 9).is_empty());
    assert_eq!(store.counts().unwrap().systems[&odoo()].transmissions["owed"], 4);
    assert!(!store.counts().unwrap().systems.contains_key(&SystemName::from("fleet")));
}

pub fn transmissions_are_listed_newest_first_by_any_filter(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    for number in 1..=12 {
        let system = if number % 2 == 0 { "fleet" } else { "odoo" };
        let key = if number % 3 == 0 { "x" } else { "y" };
        let it = Transmission { system: system.into(), ..transmission(number, key, number) };
        commit(store, [put(&it)]);
        match number % 4 {
            0 => commit(store, [put(&moved(&it, TransmissionState::Done))]),
            1 => commit(store, [put(&moved(&it, paused()))]),
            _ => {}
        }
    }
    let list = |system: Option<&str>, state: Option<&str>, about: Option<&str>, skip, limit| {
        let filter = TransmissionFilter {
            system: system.map(Into::into),
            state: state.map(Into::into),
            about: about.map(shipment),
        };
        numbers(store.transmissions(&filter, Page { skip, limit }).unwrap())
    };
    assert_eq!(list(None, None, None, 1, 3), [11, 10, 9]);
    assert_eq!(list(Some("odoo"), None, None, 0, 3), [11, 9, 7]);
    assert_eq!(list(None, Some("done"), None, 1, 9), [8, 4]);
    assert_eq!(list(Some("fleet"), Some("owed"), None, 0, 9), [10, 6, 2]);
    assert_eq!(list(None, None, Some("x"), 0, 9), [12, 9, 6, 3]);
    assert_eq!(list(Some("odoo"), None, Some("x"), 0, 9), [9, 3]);
    assert_eq!(list(Some("odoo"), Some("paused"), Some("x"), 0, 9), [9]);
    assert!(list(None, Some("held"), None, 0, 9).is_empty());
    assert!(list(None, Some("no such state"), Some("x"), 0, 9).is_empty());
}

pub fn done_is_known_by_flow_and_entity(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let it = transmission(1, "a", 1);
    let done = |flow: &str, key: &str| store.is_done(&flow.into(), &shipment(key)).unwrap();
    commit(store, [put(&it)]);
    assert!(!done("release", "a"));
    commit(store, [put(&moved(&it, TransmissionState::Done))]);
    assert!(done("release", "a"));
    assert!(!done("release", "b"));
    assert!(!done("invoice", "a"));
    let cancelled = transmission(2, "c", 2);
    commit(store, [put(&cancelled), put(&moved(&cancelled, TransmissionState::Cancelled))]);
    assert!(!done("release", "c"));
}

pub fn attempts_are_kept_oldest_first(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let id = transmission_id(1);
    let unusable = Outcome::Unusable { reason: "key expired".into() };
    // After a person resumed it, the numbers begin again.
    let attempts = [attempt(id, 1, outcome()), attempt(id, 2, unusable), attempt(id, 1, outcome())];
    commit(store, attempts.iter().cloned().map(Change::AppendAttempt));
    commit(store, [Change::AppendAttempt(attempt(transmission_id(2), 1, outcome()))]);
    assert_eq!(store.attempts(id).unwrap(), attempts);
    assert!(store.attempts(transmission_id(3)).unwrap().is_empty());
}

pub fn a_long_line_has_one_head(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    commit(store, (1..=2000).map(|number| put(&transmission(number, "a", number))));
    commit(store, (2001..=3000).map(|number| put(&transmission(number, &format!("key {number}"), number))));
    assert_eq!(due_within(store, "odoo", at(0), 5000).len(), 1001);
    for number in 1..=20 {
        assert_eq!(due(store, 0)[0], number);
        commit(store, [put(&moved(&transmission(number, "a", number), TransmissionState::Done))]);
    }
    assert_eq!(store.counts().unwrap().systems[&odoo()].transmissions["owed"], 2980);
}

fn odoo() -> SystemName {
    "odoo".into()
}

/// The numbers of what is due at odoo.
fn due(store: &dyn Store, seconds: i64) -> Vec<u64> {
    due_within(store, "odoo", at(seconds), 100)
}

fn due_within(store: &dyn Store, system: &str, until: Timestamp, limit: usize) -> Vec<u64> {
    let lanes = store.due(&system.into(), until, &look(limit)).unwrap();
    numbers(lanes.into_iter().flat_map(|lane| lane.heads).collect())
}

/// A look at this many of each class.
pub(super) fn look(heads_max: usize) -> Look {
    Look { lanes_max: 32, heads_max, ..Look::default() }
}

pub fn a_line_that_moves_up_stands_behind_those_that_wait(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    // A long line that has waited longest, and two others that came later.
    let long = [1, 2, 3].map(|number| transmission(number, "long", number));
    let others =
        [(4, "b"), (5, "c")].map(|(number, key)| Transmission { due_at: at(3), ..transmission(number, key, number) });
    commit(store, long.iter().chain(&others).map(put));
    assert_eq!(due(store, 10), [1, 4, 5]);
    let ended = |it: &Transmission, seconds| Transmission {
        finished_at: Some(at(seconds)),
        ..moved(it, TransmissionState::Done)
    };
    commit(store, [put(&ended(&long[0], 5))]);
    assert_eq!(due(store, 10), [4, 5, 2], "each key in turn, however long it has waited");
    commit(store, [put(&ended(&others[0], 6))]);
    // Tried again later: it is due when it is due, and no sooner.
    let later = Transmission { due_at: at(8), ..moved(&long[1], TransmissionState::Owed) };
    commit(store, [put(&later)]);
    assert_eq!((due(store, 7), due(store, 8)), (vec![5], vec![5, 2]));
    // Given up by a person: the next one moves up at that moment.
    let cancelled = Transmission { finished_at: Some(at(9)), ..moved(&later, TransmissionState::Cancelled) };
    commit(store, [put(&cancelled)]);
    assert_eq!((due(store, 8), due(store, 9)), (vec![5], vec![5, 3]));
}

pub fn lanes_are_read_by_class_and_go_round(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let group = |key: &str| Some(Group { kind: "warehouse".into(), key: key.into() });
    let mut all = Vec::new();
    for (number, warehouse) in (1..=60).zip(["A", "B", "C", "D", "E", "F"].into_iter().cycle()) {
        all.push(Transmission { group: group(warehouse), ..transmission(number, &format!("key {number}"), number) });
    }
    let batch = Transmission { criticality: Criticality::Batch, ..transmission(61, "key 61", 61) };
    let urgent = Transmission { criticality: Criticality::Critical, ..transmission(62, "key 62", 62) };
    commit(store, all.iter().chain([&batch, &urgent]).map(put));
    let read = |look: &Look| -> Vec<(String, usize, bool)> {
        let lanes = store.due(&odoo(), at(0), look).unwrap();
        lanes.into_iter().map(|it| (it.lane, it.heads.len(), it.is_cut)).collect()
    };
    let [a, b, c, f] = ["A", "B", "C", "F"].map(|key| all[0].lane().replace("/A", &format!("/{key}")));
    let first = Look { lanes_max: 2, heads_max: 8, ..Look::default() };
    let outer = |inner: [(&String, usize, bool); 2]| {
        let [one, other] = inner.map(|(lane, heads, is_cut)| (lane.clone(), heads, is_cut));
        vec![(urgent.lane(), 1, false), one, other, (batch.lane(), 1, false)]
    };
    assert_eq!(read(&first), outer([(&a, 4, true), (&b, 4, true)]));
    let mut next = Look { behind: [String::new(), b.clone(), String::new()], ..first.clone() };
    assert_eq!(read(&next)[1].0, c);
    next.behind[1].clone_from(&all[4].lane());
    assert_eq!(read(&next), outer([(&f, 4, true), (&a, 4, true)]), "round to the beginning");
    // Those under way do not take the place of those that wait.
    let under_way = [(a.clone(), 6)].into();
    assert_eq!(read(&Look { under_way, ..first })[1], (a.clone(), 10, true));
    // What moves to another lane is found there.
    let moved_over = Transmission { group: group("Z"), ..moved(&all[0], TransmissionState::Owed) };
    commit(store, [put(&moved_over)]);
    let found = read(&Look { lanes_max: 9, heads_max: 900, ..Look::default() });
    assert!(found.contains(&(moved_over.lane(), 1, false)) && found.contains(&(a, 9, false)), "{found:?}");
}

fn numbers(transmissions: Vec<Transmission>) -> Vec<u64> {
    let number = |id: TransmissionId| (id.0.as_u128() - transmission_id(0).0.as_u128()) as u64;
    transmissions.into_iter().map(|it| number(it.id)).collect()
}
