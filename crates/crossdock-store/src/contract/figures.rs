//! Counts, and what a store does at its end.

use crossdock_core::changeset::Change;
use crossdock_core::message::{Message, MessageState};
use crossdock_core::transmission::{Transmission, TransmissionState};

use super::accepting::{failed, outcome, state};
use super::records::*;
use super::{Make, commit, refused, submit_all};
use crate::port::{CommitError, Counts};

pub fn counts_follow_every_change(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    assert_eq!(store.counts().unwrap(), Counts::default());
    commit(store, (1..=5).map(accept));
    // What arrived late does not turn the clock back.
    commit(store, [Change::AcceptMessage(Message { received_at: at(-9), ..message(6) })]);
    commit(store, [state(1, failed()), state(2, MessageState::Translated { events: 0 }), state(3, failed())]);
    commit(store, [state(1, MessageState::Waiting), state(3, failed())]);
    let it = transmission(1, "a", 1);
    let fleet = Transmission { system: "fleet".into(), ..transmission(2, "a", 2) };
    commit(store, [put(&it), put(&fleet), put(&moved(&it, TransmissionState::Sending))]);
    commit(store, [Change::AppendEvent(event(1, &[])), Change::AppendEvent(event(2, &[]))]);
    commit(store, [Change::PutException(exception(1, "f")), Change::PutException(resolved(&exception(2, "g")))]);
    let counts = store.counts().unwrap();
    let warehouse = &counts.systems[&"warehouse".into()];
    let words = |words: &[(&str, u64)]| words.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
    assert_eq!(warehouse.messages, words(&[("failed", 1), ("translated", 1), ("waiting", 4)]));
    assert_eq!(warehouse.last_message_at, Some(at(5)));
    assert_eq!(counts.systems[&"odoo".into()].transmissions, words(&[("sending", 1)]));
    assert_eq!(counts.systems[&"odoo".into()].last_message_at, None);
    assert_eq!(counts.systems[&"fleet".into()].transmissions, words(&[("owed", 1)]));
    assert_eq!((counts.events, counts.exceptions_open, counts.rejections), (2, 1, 0));
}

pub fn refused_changes_are_not_counted(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    commit(store, [accept(1)]);
    let before = store.counts().unwrap();
    refused(store, [accept(2), Change::AppendRejection(rejection(1)), accept(1)]);
    refused(store, [accept(1)]);
    assert_eq!(store.counts().unwrap(), before);
    // Positions of refused messages may be given again, but never twice.
    commit(store, [accept(3)]);
    let waiting = store.waiting(9).unwrap();
    assert!(waiting[0].position < waiting[1].position);
}

pub fn everything_survives_reopening(make: Make<'_>) {
    let mut subject = make();
    let store = subject.store();
    commit(store, (1..=3).map(accept));
    commit(store, [state(1, failed()), Change::SetCursor { name: "poll".into(), value: "7".into() }]);
    commit(store, [Change::AppendEvent(event(11, &[shipment("1")])), Change::PutEntity(entity(&shipment("1"), 1))]);
    commit(store, [Change::AddReference(reference("1", "tracking_number", "1Z999"))]);
    commit(store, [put(&transmission(1, "a", 4)), put(&transmission(2, "a", 5))]);
    commit(store, [put(&moved(&transmission(1, "a", 4), TransmissionState::Sending))]);
    commit(store, [Change::AppendAttempt(attempt(transmission_id(1), 1, outcome()))]);
    commit(store, [Change::SetTimer(super::facts::timer("t", 1)), Change::PutException(exception(1, "f"))]);
    commit(store, [Change::AppendRejection(rejection(1)), Change::AppendAudit(audit(1))]);
    let before = super::random::picture(store);
    subject.reopen();
    let store = subject.store();
    assert_eq!(super::random::picture(store), before);
    assert_eq!(store.last_place().unwrap(), 5);
    assert_eq!(refused(store, [accept(2)]), CommitError::Duplicate(message_id(2)));
    commit(store, [accept(4)]);
    let waiting = store.waiting(9).unwrap();
    assert_eq!(waiting.last().unwrap().message.id, message_id(4));
    assert!(waiting.windows(2).all(|pair| pair[0].position < pair[1].position));
}

pub fn a_closed_store_refuses(make: Make<'_>) {
    let mut subject = make();
    let store = subject.store();
    let answers = submit_all(store, (1..=50).map(lone).collect());
    store.close();
    assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
    assert!(matches!(refused(store, [accept(99)]), CommitError::Unavailable(_)));
    assert!(store.counts().is_err());
    store.close();
    subject.reopen();
}
