//! From events that were submitted to the same events, folded.

use super::ViewError;
use super::believe;
use super::inbound::{self, Failure, Made};
use super::work::Work;
use crate::event::{Event, Standing};
use crate::exception::ExceptionClass;
use crate::hub::Hub;
use crate::message::{Message, MessageState};
use crate::model;
use crate::submission::{self, Submitted};

pub(super) fn take(message: &Message, work: &mut Work<'_>) -> Result<MessageState, ViewError> {
    if message.channel != submission::EVENTS {
        return Ok(MessageState::Ignored { reason: format!("channel `{}` holds no events", message.channel) });
    }
    let submitted = match submission::read(&message.content_type, &message.body, work.hub.events_per_message_max) {
        Ok(submitted) => submitted,
        // It did fit when it was accepted: by another version of the model, or with another limit.
        Err(faults) => return inbound::fail(message, None, unfit(&faults), work),
    };
    if let Some(expected) = submission::expected_of(message) {
        for one in &submitted {
            let version = work.entity(&one.subject)?.map_or(0, |entity| entity.version);
            if !expected.holds(version) {
                return Ok(MessageState::Ignored { reason: submission::moved_on(&one.subject, version) });
            }
        }
    }
    let count = submitted.len() as u32;
    for (n, one) in submitted.into_iter().enumerate() {
        believe::apply(made(message, n, one), work)?;
    }
    Ok(MessageState::Translated { events: count })
}

/// What a submission tells today, or why it tells nothing.
pub(super) fn read(message: &Message, hub: &Hub) -> Result<Vec<Made>, String> {
    let submitted = submission::read(&message.content_type, &message.body, hub.events_per_message_max)
        .map_err(|faults| unfit(&faults).summary)?;
    Ok(submitted.into_iter().enumerate().map(|(n, one)| made(message, n, one)).collect())
}

fn unfit(faults: &[submission::Fault]) -> Failure {
    let told: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
    let summary =
        format!("it does not fit the model any more: {}. Submit it again as the model wants it", told.join("; "));
    Failure { class: ExceptionClass::SchemaInvalid, summary }
}

fn made(message: &Message, n: usize, submitted: Submitted) -> Made {
    let Submitted { of, subject, time, data } = submitted;
    let event = Event {
        id: submission::event_id(message.id, n),
        event_type: of.name(),
        links: model::links_of(of, &subject, &data),
        subject,
        system: message.system.clone(),
        time: time.unwrap_or(message.received_at),
        recorded_at: message.received_at,
        message: message.id,
        flow: submission::flow(),
        out_of_order: false,
        first: false,
        references: Vec::new(),
        data,
        standing: Standing::default(),
    };
    Made { of, event, echo: None, is_result: false, by_code: None }
}
