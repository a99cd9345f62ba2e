//! What one message leads to: events, folded entities, owed transmissions, exceptions. One message, one changeset.
//! The shell hands in the message and a view of the store; nothing here waits or reads on its own.

mod believe;
mod decisions;
mod find;
mod inbound;
mod outbound;
mod replay;
mod result;
mod status;
mod submitted;
#[cfg(test)]
mod tests;
mod work;

use jiff::Timestamp;

use crate::changeset::{Change, Changeset};
use crate::edit;
use crate::event::{Entity, EntityRef, Event, Reference};
use crate::exception::Exception;
use crate::hub::Hub;
use crate::ids::{EventId, FlowName, MessageId, OrderingKey, SuggestionId, SystemName, TransmissionId};
use crate::mapping::Notes;
use crate::message::{Message, MessageState, StoredMessage};
use crate::submission;
use crate::suggestion::Suggestion;
use crate::traffic::NewField;
use crate::transmission::{NotNow, Transmission};
use crate::value::Value;

pub use decisions::{Decision, Decisive, REFERENCES_MAX, Undecidable, WAITING_MAX, decide};
pub use inbound::{is_wanted, unwanted};
pub use replay::{is_corrected, replay};
use work::Work;

/// What routing may look up. Within a batch the view shows the effects of the messages before.
pub trait View {
    /// An entity's present state.
    fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, ViewError>;
    /// An event by its id.
    fn event(&self, id: EventId) -> Result<Option<Event>, ViewError>;
    /// The events that name this entity as their subject, in any order; `limit` of them when there are as many or more.
    fn events_about(&self, subject: &EntityRef, limit: usize) -> Result<Vec<Event>, ViewError>;
    /// A transmission by its id.
    fn transmission(&self, id: TransmissionId) -> Result<Option<Transmission>, ViewError>;
    /// Transmissions held for something about this entity.
    fn held_about(&self, about: &EntityRef) -> Result<Vec<Transmission>, ViewError>;
    /// Whether a transmission of `flow` about this entity is done.
    fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Result<bool, ViewError>;
    /// The exception that is open for this problem.
    fn open_exception(&self, fingerprint: &str) -> Result<Option<Exception>, ViewError>;
    /// Entities of a kind that a system knows by this id, at most `limit`.
    fn referenced(&self, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<EntityRef>, ViewError>;
    /// The latest transmissions to a system about this entity, newest first.
    fn sent_about(&self, system: &SystemName, about: &EntityRef, limit: usize) -> Result<Vec<Transmission>, ViewError>;
    /// What stands in the lines of this ordering key at any system, at most `limit`.
    fn in_line(&self, key: &OrderingKey, limit: usize) -> Result<Vec<Transmission>, ViewError>;
    /// A suggestion by its id.
    fn suggestion(&self, id: SuggestionId) -> Result<Option<Suggestion>, ViewError>;
}

/// Another system's id, to find the entity it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Kind of entity.
    pub entity: &'a str,
    pub system: &'a SystemName,
    /// Kind of id.
    pub kind: &'a str,
    pub value: &'a str,
}

impl Wanted<'_> {
    /// Whether a reference is the one wanted.
    pub fn fits(&self, reference: &Reference) -> bool {
        reference.entity.kind == self.entity
            && reference.system == *self.system
            && reference.kind == self.kind
            && reference.value == self.value
    }
}

/// The store could not answer; the message stays in the queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ViewError(pub String);

/// The context of a decision.
pub struct Context<'a> {
    /// What is decided under.
    pub hub: &'a Hub,
    /// What is known.
    pub view: &'a dyn View,
    /// The present instant.
    pub now: Timestamp,
    /// The last place given to a transmission; grows.
    pub last_place: &'a mut u64,
    /// Asked now and then while a mapping runs; true ends it (wall-clock limit).
    pub overdue: &'a dyn Fn() -> bool,
    /// Where to note what mappings notice besides their result.
    pub notes: &'a Notes,
}

/// Decides what a waiting message leads to. Always ends the message's waiting (I1).
///
/// # Errors
/// Only when the view cannot answer.
pub fn route(stored: &StoredMessage, context: &mut Context<'_>) -> Result<Changeset, ViewError> {
    let mut work = Work::new(context);
    let message = &stored.message;
    // Not the channel tells a result: a partner may name a channel of its own `result`.
    let state = match message.cause {
        Some(transmission) => result::take(message, transmission, &mut work)?,
        None if submission::is_of(&message.system) => submitted::take(message, &mut work)?,
        None => inbound::take(message, &mut work)?,
    };
    if !matches!(state, MessageState::Failed { .. }) {
        work.settle(&fingerprint::message(message.id))?;
    }
    let mut changeset = work.into_changeset();
    changeset.push(Change::SetMessageState { id: message.id, state });
    Ok(changeset)
}

/// Ends the waiting of a message that cannot be worked on through a fault of the hub itself: it is kept, somebody is
/// told, and those behind it go on.
///
/// # Errors
/// Only when the view cannot answer.
pub fn set_aside(stored: &StoredMessage, fault: &str, context: &mut Context<'_>) -> Result<Changeset, ViewError> {
    let mut work = Work::new(context);
    let state = inbound::set_aside(&stored.message, fault, &mut work)?;
    let mut changeset = work.into_changeset();
    changeset.push(Change::SetMessageState { id: stored.message.id, state });
    Ok(changeset)
}

/// Decides what taking a translated message through its mappings once more changes: only events of status codes that
/// were not known then are made. Or says why there is nothing to do.
///
/// # Errors
/// Only when the view cannot answer.
pub fn again(
    stored: &StoredMessage,
    events: u32,
    context: &mut Context<'_>,
) -> Result<Result<Changeset, String>, ViewError> {
    let mut work = Work::new(context);
    let state = match status::again(&stored.message, events, &mut work)? {
        Ok(state) => state,
        Err(why) => return Ok(Err(why)),
    };
    let mut changeset = work.into_changeset();
    changeset.push(Change::SetMessageState { id: stored.message.id, state });
    Ok(Ok(changeset))
}

/// Tells of fields that newly come and that no mapping reads: once for each.
///
/// # Errors
/// Only when the view cannot answer.
pub fn tell_unread(new: &[NewField], context: &mut Context<'_>) -> Result<Changeset, ViewError> {
    let mut work = Work::new(context);
    for field in new {
        status::tell_unread(field, &mut work)?;
    }
    Ok(work.into_changeset())
}

/// Decides what resuming a transmission changes. One that is held goes without what it was held for; one whose input
/// could not be mapped is mapped again, under the present configuration.
///
/// # Errors
/// The view's, or that it cannot be resumed.
pub fn resume(transmission: &Transmission, context: &mut Context<'_>) -> Commanded {
    let mut work = Work::new(context);
    Ok(outbound::resume(transmission, &mut work)?.map(|()| work.into_changeset()))
}

/// Decides what giving up a paused or held transmission changes.
///
/// # Errors
/// The view's, or that it cannot be cancelled.
pub fn cancel(transmission: &Transmission, context: &mut Context<'_>) -> Commanded {
    let mut work = Work::new(context);
    Ok(outbound::cancel(transmission, &mut work)?.map(|()| work.into_changeset()))
}

/// What a person puts in the place of a transmission that stands still.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replacement {
    /// Another input.
    pub input: Option<Value>,
    /// Another system that can do the same.
    pub system: Option<SystemName>,
    /// The person knows that the first may have taken effect, and that this may do it once more.
    pub confirmed: bool,
}

/// Decides what lets a paused transmission go on changed; gives which one goes on. When it is known that nothing took
/// effect, that is another one with a key of its own, in the old place, and the original is given up as it stands. When it
/// may have taken effect, it is the same one under its old key: a partner that honours keys then either answers what it
/// did, or refuses the other payload; it never does it twice (I2).
///
/// # Errors
/// The view's, or that it cannot be replaced.
pub fn replace(
    transmission: &Transmission,
    by: &Replacement,
    context: &mut Context<'_>,
) -> Result<Result<(TransmissionId, Changeset), Refused>, ViewError> {
    let mut work = Work::new(context);
    Ok(outbound::replace(transmission, by, &mut work)?.map(|id| (id, work.into_changeset())))
}

/// Decides what lets a failed message go on with another body: a message that stands in its place. The original stays as
/// it came, and names it.
///
/// # Errors
/// The view's, or that it cannot be corrected.
pub fn correct(stored: &StoredMessage, id: MessageId, body: Vec<u8>, context: &mut Context<'_>) -> Commanded {
    let mut work = Work::new(context);
    let message = &stored.message;
    if !matches!(stored.state, MessageState::Failed { .. }) {
        return Ok(Err(NotNow { state: stored.state.word(), event: "corrected" }.into()));
    }
    if message.cause.is_some() {
        return Ok(Err(Refused::Result));
    }
    let mut headers = message.headers.clone();
    headers.retain(|(name, _)| name != edit::CORRECTS);
    headers.push((edit::CORRECTS.to_owned(), message.id.to_string()));
    let correcting = Message {
        id,
        dedup_key: format!("{}#{id}", message.dedup_key),
        headers,
        body,
        // It stands where the original stood: what it tells without a time of its own was told then.
        ..message.clone()
    };
    work.settle(&fingerprint::message(message.id))?;
    work.push(Change::AcceptMessage(correcting));
    let reason = replay::corrected_by(id);
    work.push(Change::SetMessageState { id: message.id, state: MessageState::Ignored { reason } });
    Ok(Ok(work.into_changeset()))
}

/// Decides whether a held transmission is still held under the present configuration. Empty when nothing changes.
///
/// # Errors
/// Only when the view cannot answer.
pub fn reconsider(held: &Transmission, context: &mut Context<'_>) -> Result<Changeset, ViewError> {
    let mut work = Work::new(context);
    outbound::reconsider(held, &mut work)?;
    Ok(work.into_changeset())
}

/// What `linked` holds for an event: the present state of what it speaks of, by kind. For those who try an outbound
/// mapping outside of a hub.
///
/// # Errors
/// Only when the view cannot answer.
pub fn linked(event: &Event, view: &dyn View) -> Result<Value, ViewError> {
    outbound::linked(event, |name| view.entity(name))
}

/// What a person's command changes, or why it cannot be obeyed; or that the view could not answer.
pub type Commanded = Result<Result<Changeset, Refused>, ViewError>;

/// Why a transmission cannot be resumed or cancelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is in another state.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// Nobody knows any more how to make its input.
    #[error("flow {0} is no longer in the configuration: bring it back, or cancel the transmission")]
    FlowGone(FlowName),
    /// It may be done twice.
    #[error(
        "{operation} may have taken effect at {system}, and sending it to another system may do it twice: look there, then \
         confirm it"
    )]
    InDoubt {
        /// What was sent.
        operation: String,
        /// To whom.
        system: SystemName,
    },
    /// There is nothing to send yet.
    #[error("it has no input yet: mend its mapping and resume it, or give it an input")]
    NoInput,
    /// The hub wrote the message to itself.
    #[error("it tells the result of a transmission, which nobody else can tell: mend the mapping, then rerun it")]
    Result,
}

/// The words by which equal problems are recognised.
pub mod fingerprint {
    use super::{EntityRef, MessageId, SystemName, TransmissionId};

    /// A message that could not be routed.
    pub fn message(id: MessageId) -> String {
        format!("message/{id}")
    }

    /// A transmission that is paused or late.
    pub fn transmission(id: TransmissionId) -> String {
        format!("transmission/{id}")
    }

    /// A system contradicts the system of record about an entity.
    pub fn authority(entity: &EntityRef, system: &SystemName) -> String {
        format!("authority/{entity}/{system}")
    }

    /// A system that cannot be used.
    pub fn system(system: &SystemName) -> String {
        format!("system/{system}")
    }
}
