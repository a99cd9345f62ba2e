//! Partners' status codes: which event a code makes, and how somebody is told of codes that no list knows.

use std::sync::Arc;

use super::inbound::{self, Stop, evaluate};
use super::work::{Problem, Work};
use super::{ViewError, believe};
use crate::event::EntityRef;
use crate::exception::ExceptionClass;
use crate::hub::{EventChoice, EventMapping, InboundFlow};
use crate::ids::{FlowName, MessageId, SystemName, TransmissionId};
use crate::mapping::notes::UnknownCode;
use crate::mapping::{Bindings, Fault, FaultKind};
use crate::message::{Message, MessageState};
use crate::model::EventType;
use crate::traffic::NewField;
use crate::value::Value;

/// The type of event that a mapping makes this time.
pub(super) struct Chosen {
    pub of: EventType,
    /// The list and the code that said so. The event has an id of its own then: it can be made later, once the code is
    /// known.
    pub by_code: Option<(Arc<str>, String)>,
}

/// Chooses; `None` when the mapping makes nothing of this code.
pub(super) fn choose(mapping: &EventMapping, bindings: &Bindings, work: &Work<'_>) -> Result<Option<Chosen>, Fault> {
    let by_default = Chosen { of: mapping.emits, by_code: None };
    let Some(choice) = &mapping.choice else { return Ok(Some(by_default)) };
    let code = code_of(choice, &evaluate(&choice.code, "emits", bindings, work)?)?;
    let Some(word) = choice.list.canonical(&code) else {
        if !choice.reports_unknown {
            let message = format!("code list `{}` does not know `{code}`", choice.list.name);
            let kind = FaultKind::UnknownCode { list: choice.list.name.to_string(), code: code.clone() };
            return Err(fault(choice, message, kind));
        }
        work.notes.report_unknown(UnknownCode {
            list: choice.list.name.clone(),
            code: code.into(),
            back: false,
            place: choice.list.place(),
        });
        return Ok(Some(by_default));
    };
    Ok(match choice.events.get(word) {
        Some(of) => Some(Chosen { of: *of, by_code: Some((choice.list.name.clone(), code)) }),
        None => choice.reports_others.then_some(by_default),
    })
}

fn code_of(choice: &EventChoice, value: &Value) -> Result<String, Fault> {
    match value {
        Value::Text(text) => Ok(text.to_string()),
        Value::Int(_) | Value::Decimal(_) => Ok(value.to_json_string()),
        other => {
            let message = format!("the code must be a text or a number, found {}", other.kind_word());
            Err(fault(choice, message, FaultKind::WrongType))
        }
    }
}

fn fault(choice: &EventChoice, message: String, kind: FaultKind) -> Fault {
    let hint = match kind {
        FaultKind::UnknownCode { .. } => format!("add it to {}", choice.list.place()),
        _ => "pass over messages without a code with `when`".to_owned(),
    };
    Fault { location: choice.code.location().clone(), target_path: String::new(), message, hint: Some(hint), kind }
}

/// By which the exception of an unknown code is recognised: one for each system, list and code.
pub(super) fn fingerprint(system: &SystemName, list: &str, code: &str) -> String {
    format!("code/{system}/{list}/{code}")
}

/// Where unknown codes were met.
pub(super) struct Met<'a> {
    pub system: &'a SystemName,
    pub flow: Option<&'a FlowName>,
    pub owner: Option<String>,
    pub at: Place,
    pub affects: Vec<EntityRef>,
}

/// What a code was met in.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Message(MessageId),
    Transmission(TransmissionId),
}

/// Tells somebody of codes that no list knows: once for each, counted up when they come again.
pub(super) fn tell_unknown(unknown: &[UnknownCode], met: &Met<'_>, work: &mut Work<'_>) -> Result<(), ViewError> {
    for UnknownCode { list, code, back, place } in unknown {
        let summary = match (back, met.at) {
            (false, Place::Message(message)) => format!(
                "{} sent the code `{code}`, which code list {list} does not know. The message was taken without its \
                 meaning. Say what it means: add `{code}: <canonical word>` to {place}, then rerun message {message}",
                met.system
            ),
            _ => format!(
                "code list {list} has no code for `{code}`, and {} was to be told. It is told without it. Say which code \
                 to write: add `<code>: {code}`, or `{code}: <code>` under `back`, to {place}",
                met.system
            ),
        };
        let (cause, message, transmission) = match met.at {
            Place::Message(id) => (id.0, Some(id), None),
            Place::Transmission(id) => (id.0, None, Some(id)),
        };
        work.raise(Problem {
            class: ExceptionClass::UnknownPartnerCode,
            fingerprint: fingerprint(met.system, list, code),
            cause,
            summary,
            affects: met.affects.clone(),
            owner: met.owner.clone(),
            system: Some(met.system),
            flow: met.flow,
            message,
            transmission,
        })?;
    }
    Ok(())
}

/// Takes a translated message through its mappings once more, for codes that are known since: makes the events that
/// they mean and closes their exceptions. What was made before stays. Or says why there is nothing to do.
pub(super) fn again(
    message: &Message,
    events: u32,
    work: &mut Work<'_>,
) -> Result<Result<MessageState, String>, ViewError> {
    let hub = work.hub;
    let mut understood = Vec::new();
    for flow in hub.inbound.iter().filter(|flow| inbound::wants(flow, &message.system, &message.channel)) {
        match inbound::translate(flow, message, work) {
            Ok(made) => understood.extend(made.into_iter().flatten().filter(|made| made.by_code.is_some())),
            Err(Stop::View(error)) => return Err(error),
            Err(Stop::Failure(failure)) => return Ok(Err(failure.summary)),
        }
    }
    let mut count = 0;
    for made in understood {
        if work.view.event(made.event.id)?.is_some() {
            continue;
        }
        if let Some((list, code)) = &made.by_code {
            work.settle(&fingerprint(&message.system, list, code))?;
        }
        believe::apply(made, work)?;
        count += 1;
    }
    if count == 0 {
        let told = "a message that is translated cannot be rerun, unless a code in it is known that was not before";
        return Ok(Err(told.to_owned()));
    }
    Ok(Ok(MessageState::Translated { events: events + count }))
}

/// Tells of a field that newly comes, when no mapping reads it.
pub(super) fn tell_unread(field: &NewField, work: &mut Work<'_>) -> Result<(), ViewError> {
    let hub = work.hub;
    let NewField { system, channel, path } = field;
    if hub.reads(system, channel, path) {
        return Ok(());
    }
    let takes = |flow: &&InboundFlow| inbound::wants(flow, system, channel);
    let flow = hub.inbound.iter().find(takes);
    let from = if channel.is_empty() { String::new() } else { format!(" by channel {channel}") };
    work.raise(Problem {
        class: ExceptionClass::UnreadPartnerField,
        fingerprint: format!("field/{system}/{channel}/{path}"),
        cause: uuid::Uuid::nil(),
        summary: format!(
            "{system} sends `{path}`{from} now, which no mapping reads: what it says is lost. Read it in a mapping, or leave \
             it; `crossdock mapping report` lists what is not read"
        ),
        affects: Vec::new(),
        owner: flow.and_then(|flow| flow.owner.clone()),
        system: Some(system),
        flow: flow.map(|flow| &flow.name),
        message: None,
        transmission: None,
    })?;
    Ok(())
}
