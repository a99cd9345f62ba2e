//! What was kept long enough goes; what is left of it stays.

use crossdock_core::changeset::Change;
use crossdock_core::message::{MessageState, Removed};

use super::records::*;
use super::{Make, commit, outcome, refused};
use crate::port::{CommitError, MessageFilter, Page};

fn decided(number: u64, state: MessageState) -> [Change; 2] {
    [accept(number), Change::SetMessageState { id: message_id(number), state }]
}

fn remove(number: u64) -> Change {
    let removed = Removed::of(&message(number).body, at(90));
    Change::RemoveBody { id: message_id(number), removed }
}

pub fn a_body_goes_once_and_its_message_stays(make: Make<'_>) {
    let mut subject = make();
    let store = subject.store();
    commit(store, decided(1, MessageState::Translated { events: 1 }));
    commit(store, decided(2, MessageState::Ignored { reason: "no flow".into() }));
    commit(store, decided(3, MessageState::Failed { exception: exception_id(1) }));
    commit(store, [accept(4)]);
    let counts = store.counts().unwrap();
    commit(store, [remove(1), remove(2)]);
    for number in [1, 3, 4, 9] {
        let told = refused(store, [remove(number)]);
        assert_eq!(told, CommitError::Conflict(format!("message {}", message_id(number))), "{number}");
    }
    assert_eq!(store.counts().unwrap(), counts, "they are as many as before");
    subject.reopen();
    let store = subject.store();
    let stored = store.message(message_id(1)).unwrap().unwrap();
    assert_eq!(stored.removed, Some(Removed::of(&message(1).body, at(90))));
    assert!(stored.message.body.is_empty());
    assert_eq!((&stored.message.headers, stored.state.word()), (&message(1).headers, "translated"));
    assert!(stored.came_with(&message(1).body) && !stored.came_with(&message(2).body));
    assert_eq!(stored.body_bytes(), message(1).body.len() as u64);
    let listed = store.messages(&MessageFilter::default(), Page::first(9)).unwrap();
    assert_eq!(listed.iter().map(|it| it.removed.is_some()).collect::<Vec<_>>(), [false, false, true, true]);
    let waiting = store.waiting(9).unwrap();
    assert_eq!((waiting.len(), &waiting[0].message), (1, &message(4)));
    // Who sends it again is still known.
    let again =
        refused(store, [Change::AcceptMessage(crossdock_core::message::Message { id: message_id(8), ..message(1) })]);
    assert_eq!(again, CommitError::Duplicate(message_id(1)));
}

pub fn attempts_go_with_their_transmission_alone(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let attempts = |number| store.attempts(transmission_id(number)).unwrap().len();
    for number in [1, 2] {
        commit(store, [put(&transmission(number, &format!("key {number}"), number))]);
        let of = |n| Change::AppendAttempt(attempt(transmission_id(number), n, outcome()));
        commit(store, [of(1), of(2)]);
    }
    commit(store, [Change::RemoveAttempts { transmission: transmission_id(1) }]);
    assert_eq!((attempts(1), attempts(2)), (0, 2));
    commit(store, [Change::AppendAttempt(attempt(transmission_id(1), 3, outcome()))]);
    assert_eq!(attempts(1), 1);
}

pub fn old_rejections_go_a_few_at_a_time(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    commit(store, (0..6).map(|n| Change::AppendRejection(rejection(n))));
    let left = || store.rejections(Page::first(9)).unwrap().len() as u64;
    let before = rejection(4).at;
    let remove = || Change::RemoveRejections { before, limit: 3 };
    commit(store, [remove()]);
    assert_eq!((left(), store.counts().unwrap().rejections), (3, 3));
    commit(store, [remove()]);
    assert_eq!((left(), store.counts().unwrap().rejections), (2, 2));
    commit(store, [remove()]);
    assert_eq!(left(), 2, "the others are young");
}
