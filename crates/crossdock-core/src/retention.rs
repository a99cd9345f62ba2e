//! How long what happened is kept, and what may go when that time is over. What is not finished never goes, and neither do
//! events, entities, dedup keys, what became of a message, and audit records.

use jiff::Timestamp;

use crate::changeset::Change;
use crate::message::{MessageState, Removed, StoredMessage};
use crate::submission;
use crate::transmission::Transmission;
use crate::value::Value;

/// For how long each class of data is kept, in milliseconds; for ever when absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Bodies of messages that are decided and of which nothing is owed any more, since they were received.
    pub bodies_ms: Option<u64>,
    /// Inputs, results and attempts of transmissions that are done or given up, since then.
    pub transmissions_ms: Option<u64>,
    /// Requests that were turned away at the door, since then.
    pub rejections_ms: Option<u64>,
}

/// What is kept by the message that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Bodies of messages.
    Bodies,
    /// What was sent to systems because of them.
    Transmissions,
}

impl Class {
    /// Both.
    pub const ALL: [Class; 2] = [Class::Bodies, Class::Transmissions];

    /// As `hub.yaml` writes it.
    pub fn word(self) -> &'static str {
        match self {
            Class::Bodies => "bodies",
            Class::Transmissions => "transmissions",
        }
    }
}

impl Retention {
    /// From before when a class may go; `None` when it is kept for ever.
    pub fn before(&self, class: Class, now: Timestamp) -> Option<Timestamp> {
        let ms = match class {
            Class::Bodies => self.bodies_ms,
            Class::Transmissions => self.transmissions_ms,
        };
        Some(earlier(now, ms?))
    }

    /// From before when rejections may go.
    pub fn rejections_before(&self, now: Timestamp) -> Option<Timestamp> {
        Some(earlier(now, self.rejections_ms?))
    }
}

fn earlier(now: Timestamp, ms: u64) -> Timestamp {
    let span = jiff::SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// What may go of one message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Going {
    /// What removes it.
    pub changes: Vec<Change>,
    /// Something is not finished, or not for long enough: it is to be looked at again.
    pub again: bool,
}

/// What of a class may go with a message that was received before `before`. `owed` is everything that was ever owed because
/// of it.
pub fn going(class: Class, stored: &StoredMessage, owed: &[Transmission], before: Timestamp, now: Timestamp) -> Going {
    match class {
        Class::Bodies => body(stored, owed, now),
        Class::Transmissions => transmissions(owed, before, now),
    }
}

fn body(stored: &StoredMessage, owed: &[Transmission], now: Timestamp) -> Going {
    let message = &stored.message;
    // A command is the record of what a person wanted.
    let is_command = submission::is_of(&message.system) && message.channel != submission::EVENTS;
    if stored.removed.is_some() || message.body.is_empty() || is_command {
        return Going::default();
    }
    let is_decided = matches!(stored.state, MessageState::Translated { .. } | MessageState::Ignored { .. });
    if !is_decided || owed.iter().any(|it| !it.state.is_final()) {
        return Going { changes: Vec::new(), again: true };
    }
    let removed = Removed::of(&message.body, now);
    Going { changes: vec![Change::RemoveBody { id: message.id, removed }], again: false }
}

fn transmissions(owed: &[Transmission], before: Timestamp, now: Timestamp) -> Going {
    let mut going = Going::default();
    for it in owed.iter().filter(|it| it.removed_at.is_none()) {
        let is_old = it.state.is_final() && it.finished_at.is_some_and(|at| at < before);
        if !is_old {
            going.again = true;
            continue;
        }
        let left = Transmission {
            version: it.version + 1,
            input: Value::Null,
            result: None,
            removed_at: Some(now),
            ..it.clone()
        };
        going.changes.push(Change::PutTransmission(left));
        going.changes.push(Change::RemoveAttempts { transmission: it.id });
    }
    going
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ExceptionId, MessageId};
    use crate::message::Message;
    use crate::transmission::TransmissionState;
    use crate::transmission::tests::{at, owed};

    fn stored(state: MessageState) -> StoredMessage {
        let message = Message {
            id: MessageId(uuid::Uuid::nil()),
            system: "shop".into(),
            channel: "order".into(),
            dedup_key: "1".into(),
            received_at: at(0),
            content_type: "application/json".into(),
            headers: Vec::new(),
            body: b"{}".to_vec(),
            cause: None,
        };
        StoredMessage { position: 1, message, state, removed: None }
    }

    fn finished(state: TransmissionState, seconds: i64) -> Transmission {
        Transmission { state, finished_at: Some(at(seconds)), ..owed() }
    }

    #[test]
    fn a_body_stays_as_long_as_something_is_open() {
        let translated = || stored(MessageState::Translated { events: 1 });
        let of = |stored: &StoredMessage, owed: &[Transmission]| going(Class::Bodies, stored, owed, at(50), at(100));
        let gone = of(&translated(), &[finished(TransmissionState::Done, 99)]);
        assert_eq!(gone.changes.len(), 1, "whoever is done needs it no more");
        let paused = Transmission { state: TransmissionState::Paused { reason: "x".into() }, ..owed() };
        for held in [
            of(&translated(), &[finished(TransmissionState::Done, 1), paused]),
            of(&stored(MessageState::Waiting), &[]),
            of(&stored(MessageState::Failed { exception: ExceptionId(uuid::Uuid::nil()) }), &[]),
        ] {
            assert_eq!(held, Going { changes: Vec::new(), again: true });
        }
        let removed = StoredMessage { removed: Some(Removed::of(b"{}", at(1))), ..translated() };
        assert_eq!(of(&removed, &[]), Going::default());
        let mut command = translated();
        (command.message.system, command.message.channel) = (submission::SYSTEM.into(), submission::COMMANDS.into());
        assert_eq!(of(&command, &[]), Going::default(), "it is a record of what somebody did");
    }

    #[test]
    fn a_transmission_keeps_what_it_is_and_loses_what_it_carried() {
        let stored = stored(MessageState::Translated { events: 1 });
        let all = [
            finished(TransmissionState::Done, 10),
            finished(TransmissionState::Cancelled, 60),
            Transmission { removed_at: Some(at(1)), ..finished(TransmissionState::Done, 0) },
        ];
        let told = going(Class::Transmissions, &stored, &all, at(50), at(100));
        assert!(told.again, "one was given up lately");
        let [Change::PutTransmission(left), Change::RemoveAttempts { transmission }] = told.changes.as_slice() else {
            panic!("{:?}", told.changes);
        };
        assert_eq!((left.version, &left.input, left.removed_at), (all[0].version + 1, &Value::Null, Some(at(100))));
        assert_eq!((left.id, left.state.word(), *transmission), (all[0].id, "done", all[0].id));
    }

    #[test]
    fn what_has_no_limit_is_kept() {
        let kept = Retention { bodies_ms: Some(1_000), ..Retention::default() };
        assert_eq!(kept.before(Class::Bodies, at(10)), Some(at(9)));
        assert_eq!(kept.before(Class::Transmissions, at(10)), None);
        assert_eq!(kept.rejections_before(at(10)), None);
    }
}
