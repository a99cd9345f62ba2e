//! Our own writes, coming back. A system that we write to reports the change like any other; taken for news, it would be
//! sent on, reported again, and never end. An event is an echo when it says nothing that its entity does not say
//! already, or only what an earlier write of ours said that a later one is replacing.
//!
//! In doubt it counts as news: a loop ends at the next comparison, a lost change does not come back.

use crate::authority::same;
use crate::event::{Entity, Event};
use crate::ids::TransmissionId;
use crate::model::EventType;
use crate::transmission::{Transmission, TransmissionState};
use crate::value::Value;

/// A transmission with the data of the event it was owed because of.
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    pub transmission: &'a Transmission,
    pub data: Value,
}

/// Whether its entity, as it is known, says all of it already.
pub fn says_nothing_new(of: EventType, known: &Entity, event: &Event) -> bool {
    moves_nothing(of, known) && fields(of, event).all(|(field, said)| is_known(of, known, field, said))
}

/// Whether the transmission may have had an effect that the event reports.
pub fn may_have_written(sent: &Transmission, event: &Event) -> bool {
    let began = sent.attempts > 0 || sent.in_doubt;
    let may = match sent.state {
        TransmissionState::Done | TransmissionState::Sending => true,
        TransmissionState::Owed | TransmissionState::Paused { .. } | TransmissionState::Cancelled => began,
        TransmissionState::Held { .. } => false,
    };
    may && sent.created_at <= event.recorded_at
}

/// The earlier transmission whose effect the event reports, when a later one replaces that effect. `sent` are the
/// transmissions to the event's system about its entity, newest first.
///
/// What happened there after the later one was done is news: somebody set the old value again.
pub fn overtaken(of: EventType, known: &Entity, event: &Event, sent: &[Sent<'_>]) -> Option<TransmissionId> {
    let (newest, earlier) = sent.split_first()?;
    let is_replaced = match newest.transmission.state {
        TransmissionState::Owed | TransmissionState::Sending => true,
        TransmissionState::Done => newest.transmission.finished_at.is_some_and(|done| event.time <= done),
        _ => false,
    };
    if !is_replaced || !moves_nothing(of, known) {
        return None;
    }
    let wrote = |sent: &&Sent<'_>| {
        may_have_written(sent.transmission, event)
            && fields(of, event).all(|(field, said)| {
                let was_sent = sent.data.get(field.name).is_some_and(|sent| same(&field.of, sent, said));
                was_sent || is_known(of, known, field, said)
            })
    };
    earlier.iter().find(wrote).map(|sent| sent.transmission.id)
}

fn moves_nothing(of: EventType, known: &Entity) -> bool {
    of.event.to.is_none_or(|to| known.status == to || known.milestones.contains_key(of.event.verb))
}

fn is_known(of: EventType, known: &Entity, field: &crate::model::Field, said: &Value) -> bool {
    of.entity.key.contains(&field.name) || known.data.get(field.name).is_some_and(|known| same(&field.of, known, said))
}

/// What the event says, field by field.
fn fields(of: EventType, event: &Event) -> impl Iterator<Item = (&'static crate::model::Field, &Value)> {
    let said = |field: &'static crate::model::Field| {
        event.data.get(field.name).filter(|said| !said.is_null()).map(|said| (field, said))
    };
    of.entity.fields.iter().filter_map(said)
}
