//! From an event to what is owed to systems.

use crate::changeset::{Change, Timer, TimerPurpose};
use crate::event::{EntityRef, Event};
use crate::exception::ExceptionClass;
use crate::hub::{OutboundFlow, Repetition, scopes};
use crate::ids::{FlowName, OrderingKey, TransmissionId};
use crate::mapping::{Bindings, Expression, Fault, FaultKind};
use crate::model::{self, EventType, key_text};
use crate::transmission::schedule::later;
use crate::transmission::{
    NotNow, Transmission, TransmissionEvent, TransmissionState, decide,
};
use crate::value::Value;

use super::inbound::{evaluate, holds};
use super::work::{Work, class_of, transmission_problem};
use super::{ViewError, fingerprint};

/// Owes a transmission for every flow that wants this event.
pub(super) fn owe(event: &Event, event_type: EventType, work: &mut Work<'_>) -> Result<(), ViewError> {
    let hub = work.hub;
    let name = event_type.name();
    let wanting: Vec<&OutboundFlow> =
        hub.outbound.iter().filter(|flow| flow.on.iter().any(|on| on.name() == name)).collect();
    if wanting.is_empty() {
        return Ok(());
    }
    let bindings = bindings_of(event, work)?;
    for flow in wanting {
        owe_one(flow, event, &bindings, work)?;
    }
    Ok(())
}

fn owe_one(flow: &OutboundFlow, event: &Event, bindings: &Bindings, work: &mut Work<'_>) -> Result<(), ViewError> {
    if flow.repeat == Repetition::Once && !event.first {
        return Ok(());
    }
    let condition = flow.when.as_ref().map_or(Ok(true), |when| holds(when, bindings, work));
    if condition == Ok(false) {
        return Ok(());
    }
    let about = match target_of(flow.about.as_ref(), bindings, work) {
        Ok(about) => about.unwrap_or_else(|| event.subject.clone()),
        Err(_) => event.subject.clone(),
    };
    let mut transmission = blank(flow, event, about, work);
    if let Err(fault) = condition {
        return stop(transmission, flow, &fault, work);
    }
    let mut missing = Vec::new();
    for needed in &flow.after {
        if !work.view.is_done(needed, &transmission.about)? {
            missing.push(needed.clone());
        }
    }
    if missing.is_empty() {
        transmission.place = work.next_place();
        return fill(transmission, flow, bindings, work);
    }
    let due_at = later(work.now, flow.after_within_ms);
    work.push(Change::SetTimer(Timer {
        id: timer_of(transmission.id),
        due_at,
        purpose: TimerPurpose::HeldTooLong { transmission: transmission.id },
    }));
    transmission.state = TransmissionState::Held { after: missing };
    work.put_transmission(transmission);
    Ok(())
}

/// Releases what was held for `flow` about this entity, where nothing else is missing.
pub(super) fn release(flow: &FlowName, about: &EntityRef, work: &mut Work<'_>) -> Result<(), ViewError> {
    for held in work.view.held_about(about)? {
        let TransmissionState::Held { after } = &held.state else { continue };
        if !after.contains(flow) {
            continue;
        }
        let mut missing = false;
        for needed in after.iter().filter(|needed| *needed != flow) {
            missing |= !work.view.is_done(needed, about)?;
        }
        if !missing {
            go(&held, work)?;
        }
    }
    Ok(())
}

/// A held transmission gets its place in line and its input, made from what is known now.
fn go(held: &Transmission, work: &mut Work<'_>) -> Result<(), ViewError> {
    let place = work.next_place();
    let hub = work.hub;
    let Some(flow) = hub.outbound(&held.flow) else {
        return orphan(held, work);
    };
    let Ok(step) = decide(held, &TransmissionEvent::Released { place }, &flow.retry, work.now) else {
        return Ok(());
    };
    work.push(Change::RemoveTimer { id: timer_of(held.id) });
    work.settle(&fingerprint::transmission(held.id))?;
    let Some(event) = work.view.event(held.event)? else {
        return Err(ViewError(format!("event {} of transmission {} is gone", held.event, held.id)));
    };
    let bindings = bindings_of(&event, work)?;
    fill(step.transmission, flow, &bindings, work)
}

/// The flow a held transmission belongs to was removed from the configuration: a person decides.
fn orphan(held: &Transmission, work: &mut Work<'_>) -> Result<(), ViewError> {
    let mut transmission = held.clone();
    transmission.version += 1;
    transmission.place = work.next_place();
    let reason = format!("flow {} is no longer in the configuration", held.flow);
    transmission.state = TransmissionState::Paused { reason: reason.clone() };
    let summary = format!("{} for {} cannot go on: {reason}. Cancel it or bring the flow back", held.operation, held.about);
    work.raise(transmission_problem(&transmission, ExceptionClass::TransmissionRefused, summary, None))?;
    work.put_transmission(transmission);
    Ok(())
}

/// Resumes a paused transmission, mapping its input first when that had failed.
pub(super) fn resume(paused: &Transmission, work: &mut Work<'_>) -> Result<Result<(), NotNow>, ViewError> {
    let hub = work.hub;
    let flow = hub.outbound(&paused.flow);
    let retry = flow.map(|flow| flow.retry.clone()).unwrap_or_default();
    let step = match decide(paused, &TransmissionEvent::Resumed, &retry, work.now) {
        Ok(step) => step,
        Err(not_now) => return Ok(Err(not_now)),
    };
    work.settle(&fingerprint::transmission(paused.id))?;
    match (flow, paused.input.is_null()) {
        (Some(flow), true) => {
            let Some(event) = work.view.event(paused.event)? else {
                return Err(ViewError(format!("event {} of transmission {} is gone", paused.event, paused.id)));
            };
            let bindings = bindings_of(&event, work)?;
            fill(step.transmission, flow, &bindings, work)?;
        }
        _ => work.put_transmission(step.transmission),
    }
    Ok(Ok(()))
}

/// Gives a transmission its key and input and owes it; a fault pauses it in its place.
fn fill(
    mut transmission: Transmission,
    flow: &OutboundFlow,
    bindings: &Bindings,
    work: &mut Work<'_>,
) -> Result<(), ViewError> {
    let made = target_of(flow.key.as_ref(), bindings, work)
        .and_then(|key| Ok((key, flow.input.apply(bindings, &work.limits())?)));
    match made {
        Ok((key, input)) => {
            if let Some(key) = key {
                transmission.key = OrderingKey::new(key.to_string());
            }
            transmission.input = input;
            transmission.config = work.hub.version.clone();
            work.put_transmission(transmission);
            Ok(())
        }
        Err(fault) => stop(transmission, flow, &fault, work),
    }
}

fn stop(mut transmission: Transmission, flow: &OutboundFlow, fault: &Fault, work: &mut Work<'_>) -> Result<(), ViewError> {
    if transmission.place == 0 {
        transmission.place = work.next_place();
    }
    let reason = format!("the mapping of flow {} failed: {fault}", flow.name);
    let summary = format!(
        "{} for {} at {} was not sent: {reason}. Mend the mapping or the data, then resume transmission {}",
        flow.operation, transmission.about, flow.system, transmission.id
    );
    work.raise(transmission_problem(&transmission, class_of(fault), summary, flow.owner.clone()))?;
    transmission.last_problem = Some(reason.clone());
    transmission.state = TransmissionState::Paused { reason };
    work.put_transmission(transmission);
    Ok(())
}

fn blank(flow: &OutboundFlow, event: &Event, about: EntityRef, work: &Work<'_>) -> Transmission {
    Transmission {
        id: TransmissionId::derive(event.id, &flow.name),
        version: 1,
        system: flow.system.clone(),
        operation: flow.operation.clone(),
        flow: flow.name.clone(),
        config: work.hub.version.clone(),
        event: event.id,
        key: OrderingKey::new(about.to_string()),
        about,
        input: Value::Null,
        state: TransmissionState::Owed,
        place: 0,
        due_at: work.now,
        attempts: 0,
        created_at: work.now,
        failing_since: None,
        in_doubt: false,
        last_problem: None,
        result: None,
        finished_at: None,
    }
}

fn target_of(
    target: Option<&(String, Expression)>,
    bindings: &Bindings,
    work: &Work<'_>,
) -> Result<Option<EntityRef>, Fault> {
    let Some((kind, key)) = target else { return Ok(None) };
    let value = evaluate(key, bindings, work)?;
    match key_text(&value) {
        Some(key) => Ok(Some(EntityRef::new(kind.clone(), key))),
        None => Err(Fault {
            location: key.location().clone(),
            target_path: String::new(),
            message: format!("the key of a {kind} must be a text or a number, found {}", value.kind_word()),
            hint: None,
            kind: FaultKind::BadValue,
        }),
    }
}

fn timer_of(id: TransmissionId) -> String {
    format!("held/{id}")
}

fn bindings_of(event: &Event, work: &Work<'_>) -> Result<Bindings, ViewError> {
    let mut bindings = Bindings::new(scopes::OUTBOUND.len());
    bindings.set(0, event_value(event));
    bindings.set(1, linked(event, work)?);
    Ok(bindings)
}

/// An event as expressions see it.
pub(super) fn event_value(event: &Event) -> Value {
    Value::map([
        ("id", Value::text(event.id.to_string())),
        ("type", Value::text(event.event_type.as_str())),
        ("system", Value::text(event.system.as_str())),
        ("time", Value::from(event.time)),
        ("recorded_at", Value::from(event.recorded_at)),
        ("subject", Value::text(event.subject.to_string())),
        ("first", Value::from(event.first)),
        ("out_of_order", Value::from(event.out_of_order)),
        ("data", event.data.clone()),
    ])
}

/// How many entities `linked` may hold.
const LINKED_MAX: usize = 32;

/// The present state of what the event speaks of, and of what those entities refer to: by kind, the nearest first.
fn linked(event: &Event, work: &Work<'_>) -> Result<Value, ViewError> {
    let mut names = event.links.clone();
    let mut found = crate::value::Map::new();
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        if next > LINKED_MAX {
            break;
        }
        let Some(entity) = work.entity(&name)? else { continue };
        if let Some(kind) = model::EntityKind::find(&name.kind) {
            for further in model::links_of_entity(kind, &entity) {
                if !names.contains(&further) {
                    names.push(further);
                }
            }
        }
        if found.get(&name.kind).is_none() {
            let value = Value::map([
                ("key", Value::text(name.key.as_str())),
                ("status", Value::text(entity.status.as_str())),
                ("data", entity.data.clone()),
            ]);
            found.insert(name.kind.as_str(), value);
        }
    }
    Ok(Value::from(found))
}
