//! What follows from a finished transmission: events made of its result, and the release of what was held for it.

use super::inbound::{self, Source, Stop};
use super::status::{self, Met, Place};
use super::{ViewError, believe, outbound};
use crate::hub::scopes;
use crate::ids::TransmissionId;
use crate::mapping::Bindings;
use crate::message::{Message, MessageState};
use crate::transmission::Transmission;
use crate::value::Value;

use super::work::Work;

pub(super) fn take(message: &Message, id: TransmissionId, work: &mut Work<'_>) -> Result<MessageState, ViewError> {
    let Some(transmission) = work.view.transmission(id)? else {
        return Ok(MessageState::Ignored { reason: format!("transmission {id} is gone") });
    };
    let hub = work.hub;
    let about = work.present_name(transmission.about.clone())?;
    let Some(flow) = hub.outbound(&transmission.flow) else {
        outbound::release(&transmission.flow, &about, work)?;
        return Ok(MessageState::Ignored { reason: format!("flow {} is no longer configured", transmission.flow) });
    };
    let Some(event) = work.view.event(transmission.event)? else {
        return Ok(MessageState::Ignored {
            reason: format!("event {} of transmission {id} is gone", transmission.event),
        });
    };
    let mut bindings = Bindings::new(scopes::RESULT.len());
    bindings.set(0, transmission.result.clone().unwrap_or(Value::Null));
    bindings.set(1, transmission.input.clone());
    bindings.set(2, outbound::event_value(&event));
    bindings.set(3, transmission_value(&transmission));
    let source = Source {
        flow: &flow.name,
        system: &transmission.system,
        message: message.id,
        recorded_at: message.received_at,
        slots: inbound::Slots { item: scopes::RESULT_ITEM, found: None },
        echo: None,
        is_result: true,
    };
    work.notes.take_unknown();
    let events = match inbound::make_events(&flow.then, bindings, &source, work) {
        Ok(events) => events,
        Err(Stop::View(error)) => return Err(error),
        Err(Stop::Failure(failure)) => {
            return inbound::fail_result(message, &flow.name, flow.owner.clone(), failure, work);
        }
    };
    let count = events.len() as u32;
    let unknown = work.notes.take_unknown();
    for made in events {
        believe::apply(made, work)?;
    }
    if !unknown.is_empty() {
        let (owner, affects) = (flow.owner.clone(), vec![transmission.about.clone()]);
        let at = Place::Message(message.id);
        let met = Met { system: &transmission.system, flow: Some(&flow.name), owner, at, affects };
        status::tell_unknown(&unknown, &met, work)?;
    }
    outbound::release(&transmission.flow, &about, work)?;
    Ok(MessageState::Translated { events: count })
}

fn transmission_value(transmission: &Transmission) -> Value {
    Value::map([
        ("id", Value::text(transmission.id.to_string())),
        ("system", Value::text(transmission.system.as_str())),
        ("operation", Value::text(transmission.operation.as_str())),
        ("about", Value::text(transmission.about.to_string())),
        ("key", Value::text(transmission.about.key.as_str())),
    ])
}
