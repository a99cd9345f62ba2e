//! Messages: accepted once, kept whole, routed in order; and what holds for every changeset.

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::TransmissionId;
use crossdock_core::message::{Message, MessageState};

use super::records::*;
use super::{Make, commit, refused, submit_all};
use crate::port::{CommitError, MessageFilter, Page, WAITING_BYTES_MAX};

pub fn an_accepted_message_comes_back_whole(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let cause = TransmissionId(uuid::Uuid::from_u128(7));
    let message = Message { cause: Some(cause), body: vec![0, 255, b'"'], ..message(1) };
    commit(store, [Change::AcceptMessage(message.clone())]);
    let stored = store.message(message_id(1)).unwrap().unwrap();
    assert_eq!(stored.message, message);
    assert_eq!(stored.state, MessageState::Waiting);
    assert_eq!(store.message(message_id(2)).unwrap(), None);
    assert_eq!(store.message_with_key(&"warehouse".into(), "key-1").unwrap(), Some(message_id(1)));
    assert_eq!(store.message_with_key(&"fleet".into(), "key-1").unwrap(), None);
    assert_eq!(store.message_with_key(&"warehouse".into(), "key-2").unwrap(), None);
}

pub fn a_known_key_is_a_duplicate_of_the_first(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    commit(store, [accept(1)]);
    let again = Message { id: message_id(2), ..message(1) };
    assert_eq!(refused(store, [Change::AcceptMessage(again.clone())]), CommitError::Duplicate(message_id(1)));
    assert_eq!(store.message(message_id(2)).unwrap(), None);
    // Another system's keys are its own, and so are keys that only look alike when put together.
    commit(store, [Change::AcceptMessage(Message { system: "fleet".into(), ..again })]);
    let glued = Message { id: message_id(3), system: "warehousek".into(), dedup_key: "ey-1".into(), ..message(3) };
    commit(store, [Change::AcceptMessage(glued)]);
    assert_eq!(refused(store, [accept(1)]), CommitError::Duplicate(message_id(1)));
}

pub fn duplicates_within_one_changeset_and_one_group_are_found(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let twin = Change::AcceptMessage(Message { id: message_id(2), ..message(1) });
    assert_eq!(refused(store, [accept(1), twin.clone()]), CommitError::Duplicate(message_id(1)));
    assert_eq!(store.message(message_id(1)).unwrap(), None);
    let group = vec![lone(1), Changeset::new().with(twin), lone(1), lone(3)];
    let answers: Vec<_> = submit_all(store, group).into_iter().map(|(_, answer)| answer).collect();
    let duplicate = Err(CommitError::Duplicate(message_id(1)));
    assert_eq!(answers, [Ok(()), duplicate.clone(), duplicate, Ok(())]);
}

pub fn a_message_id_is_taken_once(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    commit(store, [accept(1)]);
    let other_key = Message { dedup_key: "other".into(), ..message(1) };
    assert!(matches!(refused(store, [Change::AcceptMessage(other_key.clone())]), CommitError::Conflict(_)));
    // The refused key was not taken.
    commit(store, [Change::AcceptMessage(Message { id: message_id(2), ..other_key })]);
    assert_eq!(store.message_with_key(&"warehouse".into(), "other").unwrap(), Some(message_id(2)));
}

pub fn the_inbox_keeps_arrival_order(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let numbers = [5, 3, 9, 1, 7];
    numbers.iter().for_each(|number| commit(store, [accept(*number)]));
    let waiting = store.waiting(10).unwrap();
    assert_eq!(ids(&waiting), numbers.map(message_id));
    assert!(waiting.windows(2).all(|pair| pair[0].position < pair[1].position));
    assert_eq!(ids(&store.waiting(2).unwrap()), numbers.map(message_id)[..2]);
    commit(store, [state(3, MessageState::Translated { events: 2 }), state(5, failed())]);
    assert_eq!(ids(&store.waiting(10).unwrap()), [9, 1, 7].map(message_id));
    assert_eq!(store.message(message_id(3)).unwrap().unwrap().state, MessageState::Translated { events: 2 });
    assert_eq!(store.message(message_id(5)).unwrap().unwrap().state, failed());
}

pub fn a_rerun_message_waits_at_its_old_place(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    (1..=3).for_each(|number| commit(store, [accept(number)]));
    commit(store, [state(1, failed()), state(2, MessageState::Ignored { reason: "no flow".into() })]);
    commit(store, [state(1, MessageState::Waiting), state(1, MessageState::Waiting)]);
    assert_eq!(ids(&store.waiting(10).unwrap()), [1, 3].map(message_id));
    assert_eq!(store.message(message_id(1)).unwrap().unwrap().state, MessageState::Waiting);
    commit(store, [state(2, failed())]);
    assert_eq!(store.message(message_id(2)).unwrap().unwrap().state, failed());
    assert!(matches!(refused(store, [state(9, MessageState::Waiting)]), CommitError::Conflict(_)));
}

pub fn messages_are_listed_newest_first_by_any_filter(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    for number in 1..=12 {
        let system = if number % 3 == 0 { "fleet" } else { "warehouse" };
        commit(store, [Change::AcceptMessage(Message { system: system.into(), ..message(number) })]);
        match number % 4 {
            0 => commit(store, [state(number, failed())]),
            1 => commit(store, [state(number, MessageState::Translated { events: 1 })]),
            _ => {}
        }
    }
    let list = |system: Option<&str>, state: Option<&str>, skip, limit| {
        let filter = MessageFilter { system: system.map(Into::into), state: state.map(Into::into) };
        ids(&store.messages(&filter, Page { skip, limit }).unwrap())
    };
    assert_eq!(list(None, None, 0, 4), [12, 11, 10, 9].map(message_id));
    assert_eq!(list(None, None, 10, 4), [2, 1].map(message_id));
    assert_eq!(list(Some("fleet"), None, 1, 2), [9, 6].map(message_id));
    assert_eq!(list(None, Some("failed"), 0, 9), [12, 8, 4].map(message_id));
    assert_eq!(list(Some("warehouse"), Some("translated"), 0, 9), [5, 1].map(message_id));
    assert_eq!(list(Some("warehouse"), Some("waiting"), 1, 2), [10, 7].map(message_id));
    assert_eq!(list(None, Some("waiting"), 0, 3), [11, 10, 7].map(message_id));
    assert!(list(Some("nobody"), None, 0, 9).is_empty());
    assert!(list(None, Some("no such state"), 0, 9).is_empty());
}

pub fn a_refused_changeset_leaves_nothing(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let name = shipment("1");
    commit(store, [accept(1), Change::PutEntity(entity(&name, 1)), put(&transmission(1, "a", 5))]);
    let before = super::random::picture(store);
    let bad: [Change; 6] = [
        Change::AcceptMessage(Message { id: message_id(8), ..message(1) }),
        Change::PutEntity(entity(&name, 1)),
        Change::PutEntity(entity(&name, 5)),
        put(&transmission(1, "a", 6)),
        state(77, MessageState::Waiting),
        Change::AcceptMessage(Message { dedup_key: "new".into(), ..message(1) }),
    ];
    for bad in bad {
        let good = [
            accept(2),
            state(1, failed()),
            Change::SetCursor { name: "poll".into(), value: "1".into() },
            Change::AppendEvent(event(1, &[shipment("1"), shipment("2")])),
            Change::PutEntity(entity(&name, 2)),
            Change::PutEntity(entity(&shipment("2"), 1)),
            Change::AddReference(reference("1", "tracking_number", "1Z999")),
            put(&transmission(2, "a", 1)),
            Change::AppendAttempt(attempt(transmission_id(1), 1, outcome())),
            Change::SetTimer(super::facts::timer("t", 1)),
            Change::PutException(exception(1, "f")),
            Change::AppendRejection(rejection(1)),
            Change::AppendAudit(audit(1)),
        ];
        refused(store, good.into_iter().chain([bad.clone()]));
        assert_eq!(super::random::picture(store), before, "after {bad:?}");
    }
}

pub fn one_refusal_does_not_disturb_its_neighbours(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let conflict = Changeset::new().with(accept(50)).with(Change::PutEntity(entity(&shipment("1"), 9)));
    let group = vec![lone(1), conflict.clone(), lone(2), lone(1), conflict, lone(50)];
    let answers = submit_all(store, group);
    let kept: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(number, _)| *number).collect();
    assert_eq!(kept, [0, 2, 5]);
    assert_eq!(answers[1].1, Err(CommitError::Conflict("entity shipment/1".into())));
    assert_eq!(answers[3].1, Err(CommitError::Duplicate(message_id(1))));
    assert_eq!(ids(&store.waiting(10).unwrap()), [1, 2, 50].map(message_id));
}

pub fn answers_come_in_the_order_of_submission(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let answers = submit_all(store, (0..500).map(lone).collect());
    assert!(answers.iter().enumerate().all(|(place, (number, answer))| place == *number && answer.is_ok()));
    assert_eq!(ids(&store.waiting(1000).unwrap()), (0..500).map(message_id).collect::<Vec<_>>());
}

pub fn large_and_empty_bodies_survive(make: Make<'_>) {
    let mut subject = make();
    let large: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let large = Message { body: large, headers: Vec::new(), ..message(1) };
    let empty = Message { body: Vec::new(), content_type: String::new(), channel: String::new(), ..message(2) };
    commit(subject.store(), [Change::AcceptMessage(large.clone())]);
    commit(subject.store(), [Change::AcceptMessage(empty.clone()), state(1, failed())]);
    subject.reopen();
    assert!(subject.store().message(message_id(1)).unwrap().unwrap().message == large);
    assert_eq!(subject.store().message(message_id(2)).unwrap().unwrap().message, empty);
}

pub fn the_inbox_hands_out_bounded_memory(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let third = WAITING_BYTES_MAX / 3 + 1;
    for number in 1..=5 {
        commit(store, [Change::AcceptMessage(Message { body: vec![b'x'; third], ..message(number) })]);
    }
    assert_eq!(ids(&store.waiting(100).unwrap()), [1, 2, 3].map(message_id));
    let whole = Message { body: vec![b'x'; WAITING_BYTES_MAX], ..message(6) };
    commit(store, (1..=5).map(|number| state(number, failed())).chain([Change::AcceptMessage(whole), accept(7)]));
    assert_eq!(ids(&store.waiting(100).unwrap()), [message_id(6)]);
}

pub(super) fn state(number: u64, state: MessageState) -> Change {
    Change::SetMessageState { id: message_id(number), state }
}

pub(super) fn failed() -> MessageState {
    MessageState::Failed { exception: exception_id(1) }
}

pub(super) fn outcome() -> crossdock_core::transmission::Outcome {
    crossdock_core::transmission::Outcome::Retry { reason: "503".into(), after_ms: Some(250) }
}

fn ids(messages: &[crossdock_core::message::StoredMessage]) -> Vec<crossdock_core::ids::MessageId> {
    messages.iter().map(|stored| stored.message.id).collect()
}
