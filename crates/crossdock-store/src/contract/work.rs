//! The hub's own work: records, and walks over what stands in a state.

use crossdock_core::changeset::Change;
use crossdock_core::message::{Message, MessageState, StoredMessage};
use crossdock_core::record::{Record, RecordKind};
use crossdock_core::transmission::{Transmission, TransmissionState};

use super::records::*;
use super::{Make, commit, refused};
use crate::port::{CommitError, Page, RecordFilter};

fn record(kind: RecordKind, id: &str, version: u64, is_open: bool, about: &str) -> Record {
    let body = format!("{{\"version\":{version}}}");
    Record { kind, id: id.into(), version, is_open, about: about.into(), body }
}

pub fn a_record_moves_by_one_version(make: Make<'_>) {
    let mut subject = make();
    let store = subject.store();
    let job = |id: &str, version, is_open| record(RecordKind::Job, id, version, is_open, "");
    let named = |id: &str, about: &str| record(RecordKind::Job, id, 1, false, about);
    commit(store, [Change::PutRecord(job("a", 1, true)), Change::PutRecord(named("x", "message/1"))]);
    for version in [0, 1, 3] {
        let again = refused(store, [Change::PutRecord(job("a", version, false))]);
        assert_eq!(again, CommitError::Conflict("job a".into()), "{version}");
    }
    assert_eq!(refused(store, [Change::PutRecord(job("b", 2, true))]), CommitError::Conflict("job b".into()));
    commit(store, [Change::PutRecord(job("b", 1, true)), Change::PutRecord(job("c", 1, true))]);
    commit(store, [Change::PutRecord(job("a", 2, false)), Change::PutRecord(named("y", "message/2"))]);
    commit(store, [Change::PutRecord(named("z", "message/1"))]);
    subject.reopen();
    let store = subject.store();
    assert_eq!(store.record(RecordKind::Job, "a").unwrap(), Some(job("a", 2, false)));
    assert_eq!(store.record(RecordKind::Job, "x").unwrap(), Some(named("x", "message/1")));
    assert_eq!(store.record(RecordKind::Job, "d").unwrap(), None);
    let list = |kind, open, about: Option<&str>, page| {
        let filter = RecordFilter { open, about: about.map(Into::into), ..RecordFilter::of(kind) };
        store.records(&filter, page).unwrap().into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(list(RecordKind::Job, None, None, Page::first(9)), ["z", "y", "c", "b", "x", "a"]);
    assert_eq!(list(RecordKind::Job, None, None, Page { skip: 1, limit: 1 }), ["y"]);
    assert_eq!(list(RecordKind::Job, Some(true), None, Page::first(9)), ["c", "b"]);
    assert_eq!(list(RecordKind::Job, Some(false), None, Page::first(9)), ["z", "y", "x", "a"]);
    assert_eq!(list(RecordKind::Job, None, Some("message/1"), Page::first(9)), ["z", "x"]);
    assert!(list(RecordKind::Job, Some(true), Some("message/1"), Page::first(9)).is_empty());
}

pub fn what_stands_in_a_state_is_walked_from_the_oldest(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let of = |number, state, system: &str| Transmission {
        state,
        system: system.into(),
        ..transmission(number, &format!("key {number}"), number)
    };
    let all = [
        of(1, paused(), "odoo"),
        of(2, TransmissionState::Owed, "odoo"),
        of(3, paused(), "fleet"),
        of(4, paused(), "odoo"),
        of(5, paused(), "odoo"),
    ];
    commit(store, all.iter().map(put));
    let walk = |system: Option<&str>, after, limit| {
        let system = system.map(Into::into);
        store.transmissions_after("paused", system.as_ref(), after, limit).unwrap()
    };
    let ids = |walked: &[(u64, Transmission)]| walked.iter().map(|(_, it)| it.id).collect::<Vec<_>>();
    let first = walk(None, 0, 2);
    assert_eq!(ids(&first), [1, 3].map(transmission_id));
    assert_eq!(first[1].1, all[2]);
    assert_eq!(ids(&walk(None, first[1].0, 9)), [4, 5].map(transmission_id));
    assert_eq!(ids(&walk(Some("odoo"), first[0].0, 9)), [4, 5].map(transmission_id));
    assert!(walk(Some("nobody"), 0, 9).is_empty());
    // Whatever leaves the state or comes into it, each keeps its place.
    commit(store, [put(&moved(&all[3], TransmissionState::Owed)), put(&moved(&all[1], paused()))]);
    assert_eq!(ids(&walk(None, 0, 9)), [1, 2, 3, 5].map(transmission_id));
    assert_eq!(ids(&walk(None, first[1].0, 9)), [transmission_id(5)]);
    assert!(walk(None, u64::MAX, 9).is_empty());
}

pub fn messages_are_walked_from_the_oldest(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let failed =
        |n| Change::SetMessageState { id: message_id(n), state: MessageState::Failed { exception: exception_id(n) } };
    let accept_of = |n, system: &str| Change::AcceptMessage(Message { system: system.into(), ..message(n) });
    commit(store, [accept_of(1, "shop"), accept_of(2, "fleet"), accept_of(3, "shop"), accept_of(4, "shop")]);
    commit(store, [failed(1), failed(2), failed(4)]);
    let walk = |state: Option<&str>, system: Option<&str>, after, limit| {
        let system = system.map(Into::into);
        store.messages_after(state, system.as_ref(), after, limit).unwrap()
    };
    let ids = |walked: &[StoredMessage]| walked.iter().map(|it| it.message.id).collect::<Vec<_>>();
    let all = walk(None, None, 0, 9);
    assert_eq!(ids(&all), [1, 2, 3, 4].map(message_id));
    assert_eq!(ids(&walk(None, None, all[0].position, 2)), [2, 3].map(message_id));
    assert_eq!(ids(&walk(None, Some("shop"), 0, 2)), [1, 3].map(message_id));
    assert_eq!(ids(&walk(Some("failed"), None, 0, 2)), [1, 2].map(message_id));
    assert_eq!(ids(&walk(Some("failed"), None, all[1].position, 9)), [message_id(4)]);
    assert_eq!(ids(&walk(Some("failed"), Some("shop"), 0, 9)), [1, 4].map(message_id));
    commit(store, [Change::SetMessageState { id: message_id(1), state: MessageState::Waiting }]);
    assert_eq!(ids(&walk(Some("failed"), Some("shop"), 0, 9)), [message_id(4)]);
    assert!(walk(None, None, u64::MAX, 9).is_empty());
}
