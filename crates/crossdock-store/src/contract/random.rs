//! Random changesets, applied to the store under test and to the memory store: every answer and every read must agree.

use std::collections::HashMap;

use crossdock_core::changeset::{Change, Changeset, SystemState};
use crossdock_core::event::EntityRef;
use crossdock_core::exception::ExceptionClass;
use crossdock_core::ids::{FlowName, OrderingKey, SystemName};
use crossdock_core::message::{Message, MessageState};
use crossdock_core::routing::Wanted;
use crossdock_core::suggestion::SuggestionStatus;
use crossdock_core::transmission::{Transmission, TransmissionState};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::facts::timer;
use super::lines::look;
use super::master::{suggestion, suggestion_id};
use super::records::*;
use super::{Make, Subject, submit_all};
use crate::memory::MemoryStore;
use crate::port::{EntityFilter, ExceptionFilter, MessageFilter, Page, Store, SuggestionFilter, TransmissionFilter};

/// How many scripts are tried; each commits several dozen changesets.
const SCRIPTS: u32 = 48;

pub fn random_changesets_agree_with_the_memory_store(make: Make<'_>) {
    let source_file = Some(file!());
    let config = Config { cases: SCRIPTS, max_shrink_iters: 2000, source_file, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let make = std::cell::RefCell::new(make);
    let outcome = runner.run(&vec(act(), 1..12), |script| {
        let mut subject = (make.borrow_mut())();
        play(subject.as_mut(), &script);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// One act of a script.
#[derive(Clone, Debug)]
enum Act {
    /// Submits all before it waits for the first answer, so that they may share a transaction.
    Together(Vec<Vec<Move>>),
    Reopen,
}

/// One change, with small numbers for everything, so that moves meet.
#[derive(Clone, Debug)]
enum Move {
    Accept { number: u64, key: u64, system: usize },
    State { number: u64, state: usize },
    Cursor { name: u64, value: u64 },
    Event { number: u64, links: Vec<u64> },
    Entity { key: u64, stale: bool },
    Reference { key: u64, value: u64 },
    RemoveReference { key: u64, value: u64 },
    Suggestion { number: u64, status: usize, stale: bool },
    Transmission { number: u64, state: usize, key: u64, place: u64, due: i64, system: usize, stale: bool },
    Attempt { number: u64 },
    Timer { id: u64, due: i64 },
    RemoveTimer { id: u64 },
    Exception { number: u64, fingerprint: u64, open: bool },
    Rejection { number: u64 },
    System { system: usize, paused: bool },
    Audit { number: u64 },
}

const SYSTEMS: [&str; 3] = ["odoo", "fleet", "warehouse"];
const NUMBERS: u64 = 8;

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        9 => vec(vec(one_move(), 1..6), 1..9).prop_map(Act::Together),
        1 => Just(Act::Reopen),
    ]
}

fn one_move() -> impl Strategy<Value = Move> {
    let number = || 0..NUMBERS;
    let system = || 0..SYSTEMS.len();
    let stale = || prop::bool::weighted(0.05);
    prop_oneof![
        4 => (number(), number(), system()).prop_map(|(number, key, system)| Move::Accept { number, key, system }),
        3 => (number(), 0usize..4).prop_map(|(number, state)| Move::State { number, state }),
        1 => (0u64..2, number()).prop_map(|(name, value)| Move::Cursor { name, value }),
        2 => (0u64..40, vec(0u64..3, 0..4)).prop_map(|(number, links)| Move::Event { number, links }),
        2 => (0u64..3, stale()).prop_map(|(key, stale)| Move::Entity { key, stale }),
        1 => (0u64..3, 0u64..3).prop_map(|(key, value)| Move::Reference { key, value }),
        1 => (0u64..3, 0u64..3).prop_map(|(key, value)| Move::RemoveReference { key, value }),
        1 => (0u64..4, 0usize..4, stale()).prop_map(|(number, status, stale)| Move::Suggestion { number, status, stale }),
        8 => (number(), 0usize..6, 0u64..3, 0u64..12, 0i64..5, system(), stale()).prop_map(
            |(number, state, key, place, due, system, stale)| Move::Transmission {
                number, state, key, place, due, system, stale,
            }
        ),
        1 => number().prop_map(|number| Move::Attempt { number }),
        1 => (0u64..4, 0i64..9).prop_map(|(id, due)| Move::Timer { id, due }),
        1 => (0u64..4).prop_map(|id| Move::RemoveTimer { id }),
        2 => (number(), 0u64..3, any::<bool>()).prop_map(|(number, fingerprint, open)| Move::Exception {
            number, fingerprint, open,
        }),
        1 => number().prop_map(|number| Move::Rejection { number }),
        1 => (system(), any::<bool>()).prop_map(|(system, paused)| Move::System { system, paused }),
        1 => number().prop_map(|number| Move::Audit { number }),
    ]
}

fn play(subject: &mut dyn Subject, script: &[Act]) {
    let model = MemoryStore::new();
    for act in script {
        match act {
            Act::Reopen => subject.reopen(),
            Act::Together(group) => {
                let mut changesets = Vec::new();
                let mut expected = Vec::new();
                for moves in group {
                    let changeset = changeset(&model, moves);
                    expected.push(model.commit(changeset.clone()));
                    changesets.push(changeset);
                }
                let answers = submit_all(subject.store(), changesets);
                let expected: Vec<_> = expected.into_iter().enumerate().collect();
                assert_eq!(answers, expected);
            }
        }
        assert_eq!(picture(subject.store()), picture(&model));
    }
}

/// The moves as changes that fit what the model holds, except where a move is stale.
fn changeset(model: &MemoryStore, moves: &[Move]) -> Changeset {
    let mut transmissions: HashMap<u64, Transmission> = HashMap::new();
    let mut versions: HashMap<u64, u64> = HashMap::new();
    moves.iter().map(|one| change(model, one, &mut transmissions, &mut versions)).collect()
}

fn change(
    model: &MemoryStore,
    one: &Move,
    transmissions: &mut HashMap<u64, Transmission>,
    versions: &mut HashMap<u64, u64>,
) -> Change {
    match one.clone() {
        Move::Accept { number, key, system } => Change::AcceptMessage(Message {
            system: SYSTEMS[system].into(),
            dedup_key: format!("key-{key}"),
            ..message(number)
        }),
        Move::State { number, state } => {
            let state = match state {
                0 => MessageState::Waiting,
                1 => MessageState::Translated { events: 3 },
                2 => MessageState::Ignored { reason: "no flow".into() },
                _ => MessageState::Failed { exception: exception_id(1) },
            };
            Change::SetMessageState { id: message_id(number), state }
        }
        Move::Cursor { name, value } => Change::SetCursor { name: name.to_string(), value: value.to_string() },
        Move::Event { number, links } => {
            let links: Vec<EntityRef> = links.into_iter().map(|key| shipment(&key.to_string())).collect();
            Change::AppendEvent(event(number, &links))
        }
        Move::Entity { key, stale } => {
            let name = shipment(&key.to_string());
            let stored = || model.entity(&name).expect("memory").map_or(0, |entity| entity.version);
            let version = versions.entry(key).or_insert_with(stored);
            *version += 1;
            Change::PutEntity(entity(&name, if stale { *version + 1 } else { *version }))
        }
        Move::Reference { key, value } => {
            Change::AddReference(reference(&key.to_string(), "tracking_number", &value.to_string()))
        }
        Move::RemoveReference { key, value } => {
            Change::RemoveReference(reference(&key.to_string(), "tracking_number", &value.to_string()))
        }
        Move::Suggestion { number, status, stale } => {
            use SuggestionStatus::{Accepted, Open, Rejected, Withdrawn};
            let stored = || model.suggestion(suggestion_id(number)).expect("memory").map_or(0, |stored| stored.version);
            // Entities have keys below 100 in this map.
            let version = versions.entry(100 + number).or_insert_with(stored);
            *version += 1;
            let version = if stale { *version + 1 } else { *version };
            Change::PutSuggestion(suggestion(number, version, [Open, Accepted, Rejected, Withdrawn][status]))
        }
        Move::Transmission { number, state, key, place, due, system, stale } => {
            let stored = || model.transmission(transmission_id(number)).expect("memory");
            let before = transmissions.get(&number).cloned().or_else(stored);
            let mut next = before.clone().unwrap_or_else(|| transmission(number, &key.to_string(), place));
            next.version = before.map_or(1, |before| before.version + 1) + u64::from(stale);
            // Mostly it stays where it is; sometimes it changes its line.
            if next.version == 1 || place == 0 {
                next.system = SYSTEMS[system].into();
                next.key = OrderingKey::from(key.to_string().as_str());
                next.about = shipment(&key.to_string());
                next.flow = FlowName::from(if due == 0 { "release" } else { "invoice" });
            }
            if next.place == 0 || place > 9 {
                next.place = place;
            }
            next.due_at = at(due);
            next.state = [
                held(),
                TransmissionState::Owed,
                TransmissionState::Sending,
                TransmissionState::Done,
                paused(),
                TransmissionState::Cancelled,
            ][state]
                .clone();
            transmissions.insert(number, next.clone());
            Change::PutTransmission(next)
        }
        Move::Attempt { number } => {
            Change::AppendAttempt(attempt(transmission_id(number), 1, super::accepting::outcome()))
        }
        Move::Timer { id, due } => Change::SetTimer(timer(&id.to_string(), due)),
        Move::RemoveTimer { id } => Change::RemoveTimer { id: id.to_string() },
        Move::Exception { number, fingerprint, open } => {
            let exception = exception(number, &format!("f{fingerprint}"));
            Change::PutException(if open { exception } else { resolved(&exception) })
        }
        Move::Rejection { number } => Change::AppendRejection(rejection(number)),
        Move::System { system, paused } => Change::SetSystemState(SystemState {
            system: SYSTEMS[system].into(),
            paused: paused.then(|| "by hand".into()),
            since: at(1),
        }),
        Move::Audit { number } => Change::AppendAudit(audit(number)),
    }
}

/// Everything a store tells about the small world of these tests, a line each. Positions are told only by their order.
pub(super) fn picture(store: &dyn Store) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tell = |what: String, told: &dyn std::fmt::Debug| lines.push(format!("{what}: {told:?}"));
    let pages = [Page::first(100), Page { skip: 2, limit: 3 }];
    let systems: Vec<Option<SystemName>> = [None].into_iter().chain(SYSTEMS.map(|name| Some(name.into()))).collect();

    tell("waiting".into(), &in_order(store.waiting(100).unwrap(), |stored| (stored.position, stored.message.id)));
    for system in &systems {
        for state in [None, Some("waiting"), Some("translated"), Some("ignored"), Some("failed")] {
            let filter = MessageFilter { system: system.clone(), state: state.map(Into::into) };
            for page in pages {
                let found = store.messages(&filter, page).unwrap();
                tell(
                    format!("messages {filter:?} {page:?}"),
                    &in_order(found, |it| (u64::MAX - it.position, (it.message.clone(), it.state.clone()))),
                );
            }
        }
        for state in
            [None, Some("held"), Some("owed"), Some("sending"), Some("done"), Some("paused"), Some("cancelled")]
        {
            for about in [None, Some(shipment("0"))] {
                let filter = TransmissionFilter { system: system.clone(), state: state.map(Into::into), about };
                for page in pages {
                    tell(format!("transmissions {filter:?} {page:?}"), &store.transmissions(&filter, page).unwrap());
                }
            }
        }
        for open in [None, Some(true), Some(false)] {
            for transmission in [None, Some(transmission_id(1))] {
                for (classes, affects) in [
                    (Vec::new(), None),
                    (vec![ExceptionClass::TransmissionRefused, ExceptionClass::MappingFailed], None),
                    (vec![ExceptionClass::OutcomeUnknown], Some(shipment("1"))),
                    (Vec::new(), Some(shipment("0"))),
                ] {
                    let filter = ExceptionFilter { open, transmission, system: system.clone(), classes, affects };
                    for page in pages {
                        tell(format!("exceptions {filter:?} {page:?}"), &store.exceptions(&filter, page).unwrap());
                    }
                }
            }
        }
    }
    for system in SYSTEMS.map(SystemName::from) {
        for (seconds, limit) in [(-1, 9), (0, 9), (2, 9), (9, 9), (9, 2)] {
            tell(format!("due {system} {seconds} {limit}"), &store.due(&system, at(seconds), &look(limit)).unwrap());
        }
        for key in 0..NUMBERS {
            let known = store.message_with_key(&system, &format!("key-{key}")).unwrap();
            tell(format!("key {system} {key}"), &known);
        }
    }
    for number in 0..NUMBERS {
        tell(format!("message {number}"), &store.message(message_id(number)).unwrap().map(|it| (it.message, it.state)));
        tell(format!("transmission {number}"), &store.transmission(transmission_id(number)).unwrap());
        tell(format!("of event {number}"), &store.transmissions_of_event(event_id(number)).unwrap());
        tell(format!("attempts {number}"), &store.attempts(transmission_id(number)).unwrap());
    }
    for number in 0..40 {
        tell(format!("event {number}"), &store.event(event_id(number)).unwrap().map(|stored| stored.event));
    }
    for number in 0..5 {
        let events = store.events_of_message(message_id(number)).unwrap();
        tell(format!("events of message {number}"), &in_order(events, |it| (it.position, it.event.id)));
    }
    for key in ["0", "1", "2"] {
        let name = shipment(key);
        let events = store.events_of_entity(&name, 3).unwrap();
        tell(format!("events of {name}"), &in_order(events, |it| (it.position, it.event.id)));
        tell(format!("{name}"), &store.entity(&name).unwrap());
        tell(format!("references of {name}"), &store.references(&name).unwrap());
        let wanted = Wanted { entity: "shipment", system: &"fleet".into(), kind: "tracking_number", value: key };
        tell(format!("referenced {key}"), &store.referenced(&wanted, 9).unwrap());
        tell(format!("held about {name}"), &store.held_about(&name).unwrap());
        let about = store.events_about(&name, 0, 3).unwrap();
        tell(format!("events about {name}"), &in_order(about, |it| (it.position, it.event.id)));
        for system in [None, Some("fleet".into())] {
            for status in [None, Some("planned".into())] {
                let (kind, link) = ("shipment".into(), Some(name.clone()));
                let linked = EntityFilter { kind, link, system: system.clone(), status, ..EntityFilter::default() };
                let any = EntityFilter { link: None, ..linked.clone() };
                let since = EntityFilter { updated_since: Some(at(2)), ..any.clone() };
                for filter in [linked, any, since] {
                    tell(format!("list {filter:?}"), &super::entities::walk(store, &filter, 2));
                }
            }
        }
        tell(format!("found {key}"), &(store.find(key, 9).unwrap(), store.find(key, 1).unwrap()));
        tell(format!("entities after {key}"), &store.entities("shipment", key, 2).unwrap());
        for flow in ["release", "invoice"] {
            tell(format!("done {flow} {name}"), &store.is_done(&flow.into(), &name).unwrap());
        }
        tell(format!("open f{key}"), &store.open_exception(&format!("f{key}")).unwrap());
        tell(format!("cursor {key}"), &store.cursor(key).unwrap());
    }
    tell("sending".into(), &store.sending().unwrap());
    tell("references".into(), &store.references_after(None, 100).unwrap());
    for status in [None, Some("open"), Some("rejected")] {
        let filter = SuggestionFilter { status: status.map(Into::into), what: None };
        tell(format!("suggestions {status:?}"), &store.suggestions(&filter, Page::first(100)).unwrap());
    }
    let subjects = store.subjects_after(0, &["shipment"], 100).unwrap().found;
    tell("subjects".into(), &in_order(subjects, |(position, name)| (*position, name.clone())));
    for key in ["0", "1", "2"] {
        tell(format!("in line {key}"), &store.in_line(&OrderingKey::from(key), 9).unwrap());
    }
    tell("last place".into(), &store.last_place().unwrap());
    pages.iter().for_each(|page| tell("rejections".into(), &store.rejections(*page).unwrap()));
    tell("timers".into(), &(store.due_timers(at(4), 9).unwrap(), store.due_timers(at(9), 2).unwrap()));
    tell("next timer".into(), &store.next_timer().unwrap());
    tell("system states".into(), &store.system_states().unwrap());
    tell("audit".into(), &(store.audit(0, 100).unwrap(), store.audit(1, 1).unwrap()));
    tell("counts".into(), &store.counts().unwrap());
    lines
}

/// What `of` gives of each, after checking that the first part grows.
fn in_order<T, P: PartialOrd, R>(all: Vec<T>, of: impl Fn(&T) -> (P, R)) -> Vec<R> {
    let told: Vec<(P, R)> = all.iter().map(of).collect();
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "positions are not in order");
    told.into_iter().map(|(_, rest)| rest).collect()
}
