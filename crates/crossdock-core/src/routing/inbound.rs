//! From a partner's message to events.

use std::sync::Arc;

use jiff::Timestamp;

use super::status::{self, Chosen, Met, Place};
use super::work::{Problem, Work, class_of};
use super::{ViewError, believe, find, fingerprint};
use crate::event::{EntityRef, Event, Reference, Standing};
use crate::exception::ExceptionClass;
use crate::hub::{EventMapping, Hub, InboundFlow, ReferenceRule, scopes};
use crate::ids::{EventId, FlowName, MessageId, SystemName, TransmissionId};
use crate::mapping::{Bindings, Expression, Fault};
use crate::message::{Message, MessageState};
use crate::model::{self, EventType, key_text};
use crate::submission;
use crate::value::{JsonLimits, Value};

/// What keeps a message from becoming events.
pub(super) enum Stop {
    /// The store could not answer: the message stays in the queue.
    View(ViewError),
    /// It is the message, or its mapping.
    Failure(Failure),
}

impl From<ViewError> for Stop {
    fn from(error: ViewError) -> Self {
        Stop::View(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failure(failure)
    }
}

/// Why a message could not become events.
pub(super) struct Failure {
    pub class: ExceptionClass,
    /// Which mapping, where, and what to do.
    pub summary: String,
}

pub(super) fn take(message: &Message, work: &mut Work<'_>) -> Result<MessageState, ViewError> {
    if let Some(ignored) = unwanted(work.hub, &message.system, &message.channel) {
        return Ok(ignored);
    }
    let wants = |flow: &&InboundFlow| wants(flow, &message.system, &message.channel);
    let flows: Vec<&InboundFlow> = work.hub.inbound.iter().filter(wants).collect();
    work.notes.take_unknown();
    let mut events = Vec::new();
    let mut taken = 0;
    for flow in &flows {
        match translate(flow, message, work) {
            Ok(None) => {}
            Ok(Some(made)) => {
                taken += 1;
                events.extend(made);
            }
            Err(Stop::View(error)) => return Err(error),
            Err(Stop::Failure(failure)) => return fail(message, Some(flow), failure, work),
        }
    }
    if taken == 0 {
        return Ok(MessageState::Ignored { reason: "no flow's condition holds for it".into() });
    }
    if events.len() > work.hub.events_per_message_max {
        return fail(message, None, too_many(work), work);
    }
    let count = events.len() as u32;
    let unknown = work.notes.take_unknown();
    let affects = match unknown.is_empty() {
        true => Vec::new(),
        false => events.iter().map(|made| made.event.subject.clone()).collect(),
    };
    for made in events {
        believe::apply(made, work)?;
    }
    if !unknown.is_empty() {
        let (flow, owner) = (Some(&flows[0].name), flows[0].owner.clone());
        let at = Place::Message(message.id);
        let met = Met { system: &message.system, flow, owner, at, affects };
        status::tell_unknown(&unknown, &met, work)?;
    }
    Ok(MessageState::Translated { events: count })
}

/// What becomes of a message whatever it says: `None` when a flow looks at it.
pub fn unwanted(hub: &Hub, system: &SystemName, channel: &str) -> Option<MessageState> {
    let reason = || format!("no flow takes channel `{channel}` of {system}");
    (!is_wanted(hub, system, channel)).then(|| MessageState::Ignored { reason: reason() })
}

/// Whether a flow looks at what comes by this channel. What is handed in through the API needs no flow.
pub fn is_wanted(hub: &Hub, system: &SystemName, channel: &str) -> bool {
    hub.inbound.iter().any(|flow| wants(flow, system, channel)) || submission::is_of(system)
}

pub(super) fn wants(flow: &InboundFlow, system: &SystemName, channel: &str) -> bool {
    flow.system == *system && flow.channel.as_ref().is_none_or(|wanted| wanted == channel)
}

pub(super) fn translate(flow: &InboundFlow, message: &Message, work: &Work<'_>) -> Result<Option<Vec<Made>>, Stop> {
    let body = body_of(message)?;
    work.notes.offer_body(&body);
    let mut bindings = Bindings::new(scopes::INBOUND.len());
    bindings.set(0, message_value(message, &body));
    bindings.set(1, body);
    if let Some(when) = &flow.when
        && !holds(when, &bindings, work).map_err(|fault| mapping_failure("when", &fault))?
    {
        return Ok(None);
    }
    let echo = match &flow.echo {
        Some(echo) => {
            mark_of(&evaluate(echo, "echo", &bindings, work).map_err(|fault| mapping_failure("echo", &fault))?)
        }
        None => None,
    };
    let source = Source {
        flow: &flow.name,
        system: &message.system,
        message: message.id,
        recorded_at: message.received_at,
        slots: Slots { item: scopes::INBOUND_ITEM, found: Some(scopes::INBOUND_FOUND) },
        echo,
        is_result: false,
    };
    make_events(&flow.mappings, bindings, &source, work).map(Some)
}

/// What a flow's `echo` says: the id of a transmission, or true.
fn mark_of(value: &Value) -> Option<Mark> {
    match value.as_text() {
        Some(text) => text.parse().ok().map(Mark::Transmission),
        None => (value.as_bool() == Some(true)).then_some(Mark::Some),
    }
}

fn body_of(message: &Message) -> Result<Value, Failure> {
    let is_json = message.content_type.contains("json") || message.content_type.is_empty();
    if !is_json {
        return Ok(Value::text(String::from_utf8_lossy(&message.body)));
    }
    Value::parse_json(&message.body, &JsonLimits::default()).map_err(|error| Failure {
        class: ExceptionClass::MappingFailed,
        summary: format!("its body is not usable JSON: {error}"),
    })
}

fn message_value(message: &Message, body: &Value) -> Value {
    let headers = Value::map(message.headers.iter().map(|(name, value)| (name.as_str(), Value::text(value.as_str()))));
    Value::map([
        ("id", Value::text(message.id.to_string())),
        ("system", Value::text(message.system.as_str())),
        ("channel", Value::text(message.channel.as_str())),
        ("received_at", Value::from(message.received_at)),
        ("headers", headers),
        ("body", body.clone()),
    ])
}

/// An event that is not yet folded.
pub(super) struct Made {
    pub of: EventType,
    pub event: Event,
    /// Its message says that it only reports an effect of ours.
    pub echo: Option<Mark>,
    /// It is made of a transmission's result.
    pub is_result: bool,
    /// The code list and the code that chose its type.
    pub by_code: Option<(Arc<str>, String)>,
}

/// How a message names the effect it reports.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// By the transmission that had it.
    Transmission(TransmissionId),
    /// Not which one.
    Some,
}

/// Where variables are bound.
#[derive(Clone, Copy)]
pub(super) struct Slots {
    pub item: usize,
    /// Where entities are looked up by reference.
    pub found: Option<usize>,
}

/// Where events come from.
pub(super) struct Source<'a> {
    pub flow: &'a FlowName,
    pub system: &'a SystemName,
    pub message: MessageId,
    pub recorded_at: Timestamp,
    pub slots: Slots,
    pub echo: Option<Mark>,
    pub is_result: bool,
}

/// Runs event mappings over bindings. Depends on nothing but its arguments, the references it looks up and the
/// configuration (I9).
pub(super) fn make_events(
    mappings: &[EventMapping],
    mut bindings: Bindings,
    source: &Source<'_>,
    work: &Work<'_>,
) -> Result<Vec<Made>, Stop> {
    let mut events = Vec::new();
    for mapping in mappings {
        let failed = |fault: &Fault| mapping_failure(&mapping.name, fault);
        match &mapping.each {
            None => {
                if let Some(event) = make_event(mapping, &mut bindings, source, events.len(), work)? {
                    events.push(event);
                }
            }
            Some(each) => {
                let list = evaluate(each, "each", &bindings, work).map_err(|fault| failed(&fault))?;
                for item in list.as_list().unwrap_or_default() {
                    if events.len() > work.hub.events_per_message_max {
                        return Err(too_many(work).into());
                    }
                    bindings.set(source.slots.item, item.clone());
                    if let Some(event) = make_event(mapping, &mut bindings, source, events.len(), work)? {
                        events.push(event);
                    }
                }
            }
        }
    }
    match events.len() > work.hub.events_per_message_max {
        true => Err(too_many(work).into()),
        false => Ok(events),
    }
}

fn make_event(
    mapping: &EventMapping,
    bindings: &mut Bindings,
    source: &Source<'_>,
    n: usize,
    work: &Work<'_>,
) -> Result<Option<Made>, Stop> {
    let failed = |fault: Fault| mapping_failure(&mapping.name, &fault);
    work.notes.trace_mapping(&mapping.name, mapping.target.location());
    let mut references = Vec::new();
    if let Some(slot) = source.slots.found.filter(|_| !mapping.find.is_empty()) {
        let found = find::look_up(mapping, bindings, source, work)?;
        bindings.set(slot, found.keys);
        references = found.learnt;
    }
    let bindings = &*bindings;
    if let Some(when) = &mapping.when
        && !holds(when, bindings, work).map_err(failed)?
    {
        return Ok(None);
    }
    let Some(Chosen { of, by_code }) = status::choose(mapping, bindings, work).map_err(failed)? else {
        return Ok(None);
    };
    let data = mapping.target.apply_noting(bindings, &work.limits(), work.notes).map_err(failed)?;
    let violations = model::check_event(of, &data);
    if !violations.is_empty() {
        let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let summary = format!(
            "mapping {} made a {} that does not fit the model: {}. Mend the mapping, then rerun the message",
            mapping.name,
            of.name(),
            told.join("; ")
        );
        return Err(Failure { class: ExceptionClass::SchemaInvalid, summary }.into());
    }
    let subject = of.entity.name_of(&data).ok_or_else(|| Failure {
        class: ExceptionClass::SchemaInvalid,
        summary: format!("mapping {} gives no key ({})", mapping.name, of.entity.key.join(", ")),
    })?;
    let time = match &mapping.time {
        None => source.recorded_at,
        Some(expression) => {
            instant(&evaluate(expression, "time", bindings, work).map_err(failed)?).ok_or_else(|| Failure {
                class: ExceptionClass::MappingFailed,
                summary: format!("mapping {}: `time` is not a date-time with an offset", mapping.name),
            })?
        }
    };
    for rule in &mapping.references {
        references.extend(reference(rule, &subject, source, bindings, work).map_err(failed)?);
    }
    let event = Event {
        id: match by_code {
            None => EventId::derive(source.message, source.flow, n),
            Some(_) => EventId::derive(source.message, &FlowName::new(format!("{}#{}", source.flow, of.event.verb)), n),
        },
        event_type: of.name(),
        links: model::links_of(of, &subject, &data),
        subject,
        system: source.system.clone(),
        time,
        recorded_at: source.recorded_at,
        message: source.message,
        flow: source.flow.clone(),
        out_of_order: false,
        first: false,
        references,
        data,
        standing: Standing::default(),
    };
    Ok(Some(Made { of, event, echo: source.echo, is_result: source.is_result, by_code }))
}

/// One message must not flood the hub (I10).
fn too_many(work: &Work<'_>) -> Failure {
    let summary = format!(
        "it would become more than {} events, the limit of a message. Split it at its source, or raise the limit",
        work.hub.events_per_message_max
    );
    Failure { class: ExceptionClass::MappingFailed, summary }
}

fn reference(
    rule: &ReferenceRule,
    subject: &EntityRef,
    source: &Source<'_>,
    bindings: &Bindings,
    work: &Work<'_>,
) -> Result<Option<Reference>, Fault> {
    let Some(value) = key_text(&evaluate(&rule.value, "reference", bindings, work)?) else { return Ok(None) };
    let entity = match &rule.entity {
        None => subject.clone(),
        Some((kind, key)) => match key_text(&evaluate(key, "entity", bindings, work)?) {
            Some(key) => EntityRef::new(kind.clone(), key),
            None => return Ok(None),
        },
    };
    let system = rule.system.as_ref().unwrap_or(source.system).clone();
    Ok(Some(Reference { entity, system, kind: rule.kind.clone(), value }))
}

/// A fault of the hub itself kept a message from being worked on.
pub(super) fn set_aside(message: &Message, fault: &str, work: &mut Work<'_>) -> Result<MessageState, ViewError> {
    let summary = format!(
        "the hub itself failed at it: {fault}. The message is kept; report this, and rerun the message once it is mended"
    );
    fail(message, None, Failure { class: ExceptionClass::MappingFailed, summary }, work)
}

pub(super) fn fail(
    message: &Message,
    flow: Option<&InboundFlow>,
    failure: Failure,
    work: &mut Work<'_>,
) -> Result<MessageState, ViewError> {
    let exception = work.raise(Problem {
        class: failure.class,
        fingerprint: fingerprint::message(message.id),
        cause: message.id.0,
        summary: format!("message {} from {}: {}", message.id, message.system, failure.summary),
        affects: Vec::new(),
        owner: flow.and_then(|flow| flow.owner.clone()),
        system: Some(&message.system),
        flow: flow.map(|flow| &flow.name),
        message: Some(message.id),
        transmission: None,
    })?;
    Ok(MessageState::Failed { exception })
}

pub(super) fn fail_result(
    message: &Message,
    flow: &FlowName,
    owner: Option<String>,
    failure: Failure,
    work: &mut Work<'_>,
) -> Result<MessageState, ViewError> {
    let exception = work.raise(Problem {
        class: failure.class,
        fingerprint: fingerprint::message(message.id),
        cause: message.id.0,
        summary: format!("result {} of {}: {}", message.id, message.system, failure.summary),
        affects: Vec::new(),
        owner,
        system: Some(&message.system),
        flow: Some(flow),
        message: Some(message.id),
        transmission: message.cause,
    })?;
    Ok(MessageState::Failed { exception })
}

pub(super) fn mapping_failure(mapping: &str, fault: &Fault) -> Failure {
    let summary = format!("mapping {mapping} failed: {fault}. Mend the mapping or the data, then rerun the message");
    Failure { class: class_of(fault), summary }
}

/// Evaluates an expression beside a target; `role` is the key it stands under.
pub(super) fn evaluate(
    expression: &Expression,
    role: &str,
    bindings: &Bindings,
    work: &Work<'_>,
) -> Result<Value, Fault> {
    expression.evaluate_noting(bindings, &work.limits(), work.notes, role)
}

/// Whether a condition is true; anything but `true` counts as false.
pub(super) fn holds(expression: &Expression, bindings: &Bindings, work: &Work<'_>) -> Result<bool, Fault> {
    Ok(evaluate(expression, "when", bindings, work)?.as_bool() == Some(true))
}

/// The instant of a date-time value or text.
fn instant(value: &Value) -> Option<Timestamp> {
    match value.as_time() {
        Some(time) => Some(time.timestamp()),
        None => value.as_text()?.parse().ok(),
    }
}
