//! The decision at the door: what accepting a message changes.

use jiff::Timestamp;

use crate::changeset::{Change, Changeset};
use crate::hub::Hub;
use crate::ids::{MessageId, SystemName};
use crate::message::{Envelope, Rejection};
use crate::routing;

/// The changeset that accepts one message. The store refuses it when the dedup key is known; then the first answer
/// is given again (I2). A message that no flow of the hub looks at is set aside at once; it can be rerun.
pub fn accept(hub: &Hub, envelope: Envelope, id: MessageId, system: SystemName, now: Timestamp) -> Changeset {
    let unwanted = routing::unwanted(hub, &system, &envelope.channel);
    let accepted = Changeset::new().with(Change::AcceptMessage(envelope.into_message(id, system, now)));
    match unwanted {
        Some(state) => accepted.with(Change::SetMessageState { id, state }),
        None => accepted,
    }
}

/// The changeset that records a request turned away.
pub fn reject(rejection: Rejection) -> Changeset {
    Changeset::new().with(Change::AppendRejection(rejection))
}
