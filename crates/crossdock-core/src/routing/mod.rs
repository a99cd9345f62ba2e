//! What one message leads to: events, folded entities, owed transmissions, exceptions. One message, one changeset.
//! The shell hands in the message and a view of the store; nothing here waits or reads on its own.

mod inbound;
mod outbound;
mod result;
#[cfg(test)]
mod tests;
mod work;

use jiff::Timestamp;

use crate::changeset::{Change, Changeset};
use crate::event::{Entity, EntityRef, Event};
use crate::exception::Exception;
use crate::hub::Hub;
use crate::ids::{EventId, FlowName, MessageId, SystemName, TransmissionId};
use crate::message::{MessageState, RESULT_CHANNEL, StoredMessage};
use crate::transmission::{NotNow, Transmission};

use work::Work;

/// What routing may look up. Within a batch the view shows the effects of the messages before.
pub trait View {
    fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, ViewError>;
    fn event(&self, id: EventId) -> Result<Option<Event>, ViewError>;
    fn transmission(&self, id: TransmissionId) -> Result<Option<Transmission>, ViewError>;
    fn held_about(&self, about: &EntityRef) -> Result<Vec<Transmission>, ViewError>;
    fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Result<bool, ViewError>;
    fn open_exception(&self, fingerprint: &str) -> Result<Option<Exception>, ViewError>;
}

/// The store could not answer; the message stays in the queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ViewError(pub String);

/// The context of a decision.
pub struct Context<'a> {
    pub hub: &'a Hub,
    pub view: &'a dyn View,
    pub now: Timestamp,
    /// The last place given to a transmission; grows.
    pub last_place: &'a mut u64,
    /// Asked now and then while a mapping runs; true ends it (wall-clock limit).
    pub overdue: &'a dyn Fn() -> bool,
}

/// Decides what a waiting message leads to. Always ends the message's waiting (I1).
///
/// # Errors
/// Only when the view cannot answer.
pub fn route(stored: &StoredMessage, context: &mut Context<'_>) -> Result<Changeset, ViewError> {
    let mut work = Work::new(context);
    let message = &stored.message;
    let state = match message.channel == RESULT_CHANNEL {
        true => result::take(message, &mut work)?,
        false => inbound::take(message, &mut work)?,
    };
    if !matches!(state, MessageState::Failed { .. }) {
        work.settle(&fingerprint::message(message.id))?;
    }
    let mut changeset = work.into_changeset();
    changeset.push(Change::SetMessageState { id: message.id, state });
    Ok(changeset)
}

/// Decides what resuming a paused transmission changes: a transmission whose input could not be mapped is mapped
/// again, under the present configuration.
///
/// # Errors
/// The view's, or that it is not paused.
pub fn resume(transmission: &Transmission, context: &mut Context<'_>) -> Result<Result<Changeset, NotNow>, ViewError> {
    let mut work = Work::new(context);
    match outbound::resume(transmission, &mut work)? {
        Ok(()) => Ok(Ok(work.into_changeset())),
        Err(not_now) => Ok(Err(not_now)),
    }
}

/// The words by which equal problems are recognised.
pub mod fingerprint {
    use super::{MessageId, SystemName, TransmissionId};

    pub fn message(id: MessageId) -> String {
        format!("message/{id}")
    }

    pub fn transmission(id: TransmissionId) -> String {
        format!("transmission/{id}")
    }

    pub fn system(system: &SystemName) -> String {
        format!("system/{system}")
    }
}
