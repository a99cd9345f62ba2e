//! The decision at the door: what accepting a message changes.

use jiff::Timestamp;

use crate::changeset::{Change, Changeset};
use crate::ids::{MessageId, SystemName};
use crate::message::{Envelope, Rejection};

/// The changeset that accepts one message. The store refuses it when the dedup key is known; then the first answer
/// is given again (I2).
pub fn accept(envelope: Envelope, id: MessageId, system: SystemName, now: Timestamp) -> Changeset {
    Changeset::new().with(Change::AcceptMessage(envelope.into_message(id, system, now)))
}

/// The changeset that records a request turned away.
pub fn reject(rejection: Rejection) -> Changeset {
    Changeset::new().with(Change::AppendRejection(rejection))
}
