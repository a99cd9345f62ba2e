//! From an event to what is owed to systems.

use std::collections::BTreeMap;

use crate::changeset::{Change, Timer, TimerPurpose};
use crate::event::{Entity, EntityRef, Event};
use crate::exception::ExceptionClass;
use crate::hub::{OutboundFlow, Repetition, scopes};
use crate::ids::{EventId, FlowName, OrderingKey, TransmissionId};
use crate::mapping::{Bindings, Expression, Fault, FaultKind};
use crate::model::{self, EventType, key_text};
use crate::replay::{EffectChange, EffectVerdict, Effects, differences};
use crate::transmission::schedule::later;
use crate::transmission::{Group, NotNow, Transmission, TransmissionEvent, TransmissionState, decide};
use crate::value::Value;

use super::inbound::{evaluate, holds};
use super::status::{self, Met, Place};
use super::work::{Work, class_of, transmission_problem};
use super::{Refused, Replacement, ViewError, fingerprint};

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
    let transmission = blank(flow, event, work);
    match about(flow, event, bindings, work) {
        Ok(Some(about)) => {
            let about = work.present_name(about)?;
            hold_or_owe(Transmission { about, ..transmission }, flow, bindings, work).map(drop)
        }
        Ok(None) => Ok(()),
        Err(fault) => stop(transmission, flow, bindings, &fault, work),
    }
}

/// What is and was owed because of an event whose message is read anew, and what is owed now. `root` is the event that was
/// made first of the same place in the message: by it what was owed is known, whatever was corrected since.
pub(super) fn effects(
    event: &Event,
    event_type: EventType,
    root: EventId,
    policy: Effects,
    work: &mut Work<'_>,
) -> Result<Vec<EffectChange>, ViewError> {
    let hub = work.hub;
    let name = event_type.name();
    let wanting = hub.outbound.iter().filter(|flow| flow.on.iter().any(|on| on.name() == name));
    let wanting: Vec<&OutboundFlow> = wanting.filter(|flow| flow.repeat == Repetition::Every || event.first).collect();
    let mut changes = Vec::new();
    if wanting.is_empty() {
        return Ok(changes);
    }
    let bindings = bindings_of(event, work)?;
    for flow in wanting {
        changes.extend(effect(flow, event, &bindings, root, policy, work)?);
    }
    Ok(changes)
}

fn effect(
    flow: &OutboundFlow,
    event: &Event,
    bindings: &Bindings,
    root: EventId,
    policy: Effects,
    work: &mut Work<'_>,
) -> Result<Option<EffectChange>, ViewError> {
    let known = latest(TransmissionId::derive(root, &flow.name), work)?;
    let fresh = Transmission { id: TransmissionId::derive(root, &flow.name), ..blank(flow, event, work) };
    let about = match about(flow, event, bindings, work) {
        Ok(Some(about)) => work.present_name(about)?,
        Ok(None) => return Ok(known.map(|known| effect_change(&known, None))),
        Err(fault) => return Ok(Some(effect_change(&known.unwrap_or(fresh), Some(Err(fault.to_string()))))),
    };
    let input = match flow.input.apply_noting(bindings, &work.limits(), work.notes) {
        Ok(input) => input.into_json_shape(),
        Err(fault) => return Ok(Some(effect_change(&known.unwrap_or(fresh), Some(Err(fault.to_string()))))),
    };
    work.notes.take_unknown();
    let Some(known) = known else {
        if policy == Effects::None {
            return Ok(None);
        }
        let fresh = Transmission { about, ..fresh };
        hold_or_owe(fresh.clone(), flow, bindings, work)?;
        let told = effect_change(&fresh, Some(Ok(input)));
        return Ok(Some(EffectChange { what: EffectVerdict::New, fields: Vec::new(), ..told }));
    };
    let mut told = effect_change(&known, Some(Ok(input)));
    if told.what == EffectVerdict::DoneOtherwise && policy == Effects::Changed {
        let id = TransmissionId::of_successor(known.id);
        hold_or_owe(Transmission { id, about: about.clone(), ..fresh }, flow, bindings, work)?;
        told = EffectChange { what: EffectVerdict::Repeated, transmission: id, about, ..told };
    }
    Ok(Some(told))
}

/// What would no longer be owed because of an event that is taken back.
pub(super) fn effects_of_withdrawn(
    event: &Event,
    root: EventId,
    work: &Work<'_>,
) -> Result<Vec<EffectChange>, ViewError> {
    let mut changes = Vec::new();
    for flow in work.hub.outbound.iter().filter(|flow| flow.on.iter().any(|on| on.name() == event.event_type)) {
        if let Some(known) = latest(TransmissionId::derive(root, &flow.name), work)? {
            changes.push(effect_change(&known, None));
        }
    }
    Ok(changes)
}

/// The transmission that went last in the place of this one.
fn latest(id: TransmissionId, work: &Work<'_>) -> Result<Option<Transmission>, ViewError> {
    let mut found = work.view.transmission(id)?;
    for _ in 0..SUCCESSORS_MAX {
        let Some(known) = &found else { break };
        match work.view.transmission(TransmissionId::of_successor(known.id))? {
            Some(next) => found = Some(next),
            None => break,
        }
    }
    Ok(found)
}

/// What stands, beside the input it would have today: `None` when it would not be owed.
fn effect_change(known: &Transmission, today: Option<Result<Value, String>>) -> EffectChange {
    let state = known.state.word().to_owned();
    let (mut input, mut fields) = (Value::Null, Vec::new());
    let (what, detail) = match (&known.state, today) {
        (TransmissionState::Done, None) => (EffectVerdict::Unwanted, None),
        (TransmissionState::Cancelled, _) => (EffectVerdict::GivenUp, None),
        // What it was sent with is no longer known: it stays as it is.
        (TransmissionState::Done, Some(_)) if known.removed_at.is_some() => (EffectVerdict::Done, None),
        (TransmissionState::Done, Some(Ok(now))) => {
            fields = differences(&known.input, &now);
            input = now;
            (if fields.is_empty() { EffectVerdict::Done } else { EffectVerdict::DoneOtherwise }, None)
        }
        (_, Some(Err(fault))) => (EffectVerdict::Fails, Some(fault)),
        (_, Some(Ok(now))) => {
            if !known.input.is_null() {
                fields = differences(&known.input, &now);
            }
            input = now;
            (EffectVerdict::Open, Some(state))
        }
        (_, None) => (EffectVerdict::Open, Some(state)),
    };
    if what == EffectVerdict::Done {
        input = Value::Null;
    }
    EffectChange {
        what,
        transmission: known.id,
        system: known.system.clone(),
        operation: known.operation.clone(),
        flow: known.flow.clone(),
        about: known.about.clone(),
        detail,
        input,
        fields,
    }
}

/// What a transmission of this flow is about; `None` when the flow does not want the event.
fn about(flow: &OutboundFlow, event: &Event, bindings: &Bindings, work: &Work<'_>) -> Result<Option<EntityRef>, Fault> {
    if let Some(when) = &flow.when
        && !holds(when, bindings, work)?
    {
        return Ok(None);
    }
    Ok(Some(target_of(flow.about.as_ref(), bindings, work)?.unwrap_or_else(|| event.subject.clone())))
}

/// Owes a new transmission, or holds it for the flows it has to follow. False when it had to be paused.
fn hold_or_owe(
    mut transmission: Transmission,
    flow: &OutboundFlow,
    bindings: &Bindings,
    work: &mut Work<'_>,
) -> Result<bool, ViewError> {
    let missing = missing(flow, &transmission.about, work)?;
    if missing.is_empty() {
        return fill(transmission, flow, bindings, work);
    }
    let due_at = later(work.now, flow.after_within_ms);
    work.push(Change::SetTimer(Timer {
        id: timer_of(transmission.id),
        due_at,
        purpose: TimerPurpose::HeldTooLong { transmission: transmission.id },
    }));
    transmission.state = TransmissionState::Held { after: missing };
    transmission.place = 0;
    work.put_transmission(transmission);
    Ok(true)
}

/// Which of the flows it comes after are not done for this entity.
fn missing(flow: &OutboundFlow, about: &EntityRef, work: &Work<'_>) -> Result<Vec<FlowName>, ViewError> {
    let mut missing = Vec::new();
    for needed in &flow.after {
        if !work.is_done(needed, about)? {
            missing.push(needed.clone());
        }
    }
    Ok(missing)
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
            missing |= !work.is_done(needed, about)?;
        }
        if !missing {
            go(&held, work)?;
        }
    }
    Ok(())
}

/// Looks at a held transmission under the present configuration: what it waits for may be done, or no longer asked for.
pub(super) fn reconsider(held: &Transmission, work: &mut Work<'_>) -> Result<(), ViewError> {
    let TransmissionState::Held { after } = &held.state else { return Ok(()) };
    let hub = work.hub;
    let Some(flow) = hub.outbound(&held.flow) else { return orphan(held, work) };
    let missing = missing(flow, &held.about, work)?;
    if missing.is_empty() {
        return go(held, work);
    }
    if missing.iter().any(|flow| !after.contains(flow)) {
        let mut held = held.clone();
        held.version += 1;
        held.state = TransmissionState::Held { after: missing };
        work.put_transmission(held);
    }
    Ok(())
}

/// Lets a held transmission wait for the same flows about another entity; they may be done for that one.
pub(super) fn hold_for(held: &Transmission, about: &EntityRef, work: &mut Work<'_>) -> Result<(), ViewError> {
    let moved = Transmission { about: about.clone(), ..held.clone() };
    let hub = work.hub;
    if let Some(flow) = hub.outbound(&held.flow)
        && missing(flow, about, work)?.is_empty()
    {
        return go(&moved, work);
    }
    work.put_transmission(Transmission { version: held.version + 1, ..moved });
    Ok(())
}

/// A held transmission gets its place in line and its input, made from what is known now.
fn go(held: &Transmission, work: &mut Work<'_>) -> Result<(), ViewError> {
    let hub = work.hub;
    let Some(flow) = hub.outbound(&held.flow) else { return orphan(held, work) };
    let place = work.next_place();
    let Ok(step) = decide(held, &TransmissionEvent::Released { place }, &flow.retry, work.now) else {
        return Ok(());
    };
    work.push(Change::RemoveTimer { id: timer_of(held.id) });
    let bindings = bindings_of(&event_of(held, work)?, work)?;
    if fill(step.transmission, flow, &bindings, work)? {
        work.settle(&fingerprint::transmission(held.id))?;
    }
    Ok(())
}

/// The flow a held transmission belongs to was removed from the configuration: a person decides.
fn orphan(held: &Transmission, work: &mut Work<'_>) -> Result<(), ViewError> {
    let mut transmission = held.clone();
    transmission.version += 1;
    transmission.place = work.next_place();
    let reason = format!("flow {} is no longer in the configuration", held.flow);
    transmission.state = TransmissionState::Paused { reason: reason.clone() };
    transmission.last_problem = Some(reason.clone());
    let summary =
        format!("{} for {} cannot go on: {reason}. Cancel it or bring the flow back", held.operation, held.about);
    work.push(Change::RemoveTimer { id: timer_of(held.id) });
    work.raise(transmission_problem(&transmission, ExceptionClass::TransmissionRefused, summary, None))?;
    work.put_transmission(transmission);
    Ok(())
}

/// A person wants a transmission to go on. One that is held goes without what it was held for; one whose input could
/// not be mapped is decided anew, under the present configuration.
pub(super) fn resume(it: &Transmission, work: &mut Work<'_>) -> Result<Result<(), Refused>, ViewError> {
    let hub = work.hub;
    let flow = hub.outbound(&it.flow);
    if matches!(it.state, TransmissionState::Held { .. }) {
        return go(it, work).map(Ok);
    }
    let retry = flow.map(|flow| flow.retry.clone()).unwrap_or_default();
    let step = match decide(it, &TransmissionEvent::Resumed, &retry, work.now) {
        Ok(step) => step,
        Err(not_now) => return Ok(Err(not_now.into())),
    };
    let goes_on = match (it.input.is_null(), flow) {
        (false, _) => {
            work.put_transmission(step.transmission);
            true
        }
        (true, Some(flow)) => owe_anew(it, step.transmission, flow, work)?,
        (true, None) => return Ok(Err(Refused::FlowGone(it.flow.clone()))),
    };
    if goes_on {
        work.settle(&fingerprint::transmission(it.id))?;
    }
    Ok(Ok(()))
}

/// Decides again what a flow makes of an event whose first decision failed. False when it fails again.
fn owe_anew(
    paused: &Transmission,
    resumed: Transmission,
    flow: &OutboundFlow,
    work: &mut Work<'_>,
) -> Result<bool, ViewError> {
    let event = event_of(paused, work)?;
    let bindings = bindings_of(&event, work)?;
    match about(flow, &event, &bindings, work) {
        Ok(Some(about)) => {
            let about = work.present_name(about)?;
            hold_or_owe(Transmission { about, ..resumed }, flow, &bindings, work)
        }
        // It turns out that the flow never wanted the event.
        Ok(None) => {
            if let Ok(step) = decide(paused, &TransmissionEvent::Cancelled, &flow.retry, work.now) {
                work.put_transmission(step.transmission);
            }
            Ok(true)
        }
        Err(fault) => stop(resumed, flow, &bindings, &fault, work).map(|()| false),
    }
}

/// A person gives a transmission up.
pub(super) fn cancel(it: &Transmission, work: &mut Work<'_>) -> Result<Result<(), Refused>, ViewError> {
    // What is owed may be under way this very moment.
    if it.state == TransmissionState::Owed {
        return Ok(Err(NotNow { state: "owed", event: "cancelled" }.into()));
    }
    let step = match decide(it, &TransmissionEvent::Cancelled, &Default::default(), work.now) {
        Ok(step) => step,
        Err(not_now) => return Ok(Err(not_now.into())),
    };
    work.push(Change::RemoveTimer { id: timer_of(it.id) });
    work.settle(&fingerprint::transmission(it.id))?;
    work.put_transmission(step.transmission);
    Ok(Ok(()))
}

/// A person lets a paused transmission go on changed. Gives the one that goes on.
pub(super) fn replace(
    it: &Transmission,
    by: &Replacement,
    work: &mut Work<'_>,
) -> Result<Result<TransmissionId, Refused>, ViewError> {
    let input = by.input.clone().unwrap_or_else(|| it.input.clone());
    if input.is_null() {
        return Ok(Err(Refused::NoInput));
    }
    let is_elsewhere = by.system.as_ref().is_some_and(|system| *system != it.system);
    if is_elsewhere && it.in_doubt && !by.confirmed {
        return Ok(Err(Refused::InDoubt { operation: it.operation.clone(), system: it.system.clone() }));
    }
    let event = if it.in_doubt && !is_elsewhere { TransmissionEvent::Resumed } else { TransmissionEvent::Cancelled };
    if !matches!(it.state, TransmissionState::Paused { .. }) {
        return Ok(Err(NotNow { state: it.state.word(), event: "changed" }.into()));
    }
    let step = match decide(it, &event, &Default::default(), work.now) {
        Ok(step) => step,
        Err(not_now) => return Ok(Err(not_now.into())),
    };
    work.settle(&fingerprint::transmission(it.id))?;
    if event == TransmissionEvent::Resumed {
        work.put_transmission(Transmission { input, ..step.transmission });
        return Ok(Ok(it.id));
    }
    let id = TransmissionId::of_successor(it.id);
    work.put_transmission(step.transmission);
    let place = if is_elsewhere || it.place == 0 { work.next_place() } else { it.place };
    work.put_transmission(Transmission {
        id,
        version: 1,
        system: by.system.clone().unwrap_or_else(|| it.system.clone()),
        config: work.hub.version.clone(),
        input,
        state: TransmissionState::Owed,
        place,
        due_at: work.now,
        attempts: 0,
        created_at: work.now,
        failing_since: None,
        in_doubt: false,
        refused: false,
        last_problem: None,
        result: None,
        finished_at: None,
        removed_at: None,
        ..it.clone()
    });
    Ok(Ok(id))
}

fn event_of(transmission: &Transmission, work: &Work<'_>) -> Result<Event, ViewError> {
    let gone = || ViewError(format!("event {} of transmission {} is gone", transmission.event, transmission.id));
    work.view.event(transmission.event)?.ok_or_else(gone)
}

/// Gives a transmission its key, place and input and owes it; a fault pauses it in its place, and returns false.
fn fill(
    mut transmission: Transmission,
    flow: &OutboundFlow,
    bindings: &Bindings,
    work: &mut Work<'_>,
) -> Result<bool, ViewError> {
    if let Err(fault) = line_up(&mut transmission, flow, bindings, work)? {
        return stop(transmission, flow, bindings, &fault, work).map(|()| false);
    }
    match flow.input.apply_noting(bindings, &work.limits(), work.notes) {
        Ok(input) => {
            tell_unknown(&transmission, flow, work)?;
            transmission.input = input;
            transmission.config = work.hub.version.clone();
            work.put_transmission(transmission);
            Ok(true)
        }
        Err(fault) => stop(transmission, flow, bindings, &fault, work).map(|()| false),
    }
}

/// Tells of words for which a list knows no code to write.
fn tell_unknown(transmission: &Transmission, flow: &OutboundFlow, work: &mut Work<'_>) -> Result<(), ViewError> {
    let unknown = work.notes.take_unknown();
    if unknown.is_empty() {
        return Ok(());
    }
    let (owner, affects) = (flow.owner.clone(), vec![transmission.about.clone()]);
    let at = Place::Transmission(transmission.id);
    let met = Met { system: &flow.system, flow: Some(&flow.name), owner, at, affects };
    status::tell_unknown(&unknown, &met, work)
}

/// Puts a transmission into the line of its key: at the end, unless it stands there already (I3).
fn line_up(
    transmission: &mut Transmission,
    flow: &OutboundFlow,
    bindings: &Bindings,
    work: &mut Work<'_>,
) -> Result<Result<(), Fault>, ViewError> {
    let key = match target_of(flow.key.as_ref(), bindings, work) {
        Ok(Some(key)) => OrderingKey::new(work.present_name(key)?.to_string()),
        Ok(None) => OrderingKey::new(transmission.about.to_string()),
        Err(fault) => return Ok(Err(fault)),
    };
    transmission.criticality = flow.class.criticality;
    transmission.group = match group_of(flow, bindings, work) {
        Ok(group) => group,
        Err(fault) => return Ok(Err(fault)),
    };
    if transmission.place == 0 || transmission.key != key {
        transmission.place = work.next_place();
    }
    transmission.key = key;
    Ok(Ok(()))
}

/// Pauses a transmission that could not be made. It holds up its line, if it is known which one that is.
fn stop(
    mut transmission: Transmission,
    flow: &OutboundFlow,
    bindings: &Bindings,
    fault: &Fault,
    work: &mut Work<'_>,
) -> Result<(), ViewError> {
    if line_up(&mut transmission, flow, bindings, work)?.is_err() {
        transmission.key = line_of_its_own(transmission.id);
        if transmission.place == 0 {
            transmission.place = work.next_place();
        }
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

fn blank(flow: &OutboundFlow, event: &Event, work: &Work<'_>) -> Transmission {
    let id = TransmissionId::derive(event.id, &flow.name);
    Transmission {
        id,
        version: 1,
        system: flow.system.clone(),
        operation: flow.operation.clone(),
        flow: flow.name.clone(),
        config: work.hub.version.clone(),
        event: event.id,
        key: line_of_its_own(id),
        about: event.subject.clone(),
        criticality: flow.class.criticality,
        group: None,
        input: Value::Null,
        state: TransmissionState::Owed,
        place: 0,
        due_at: work.now,
        attempts: 0,
        created_at: work.now,
        failing_since: None,
        in_doubt: false,
        refused: false,
        last_problem: None,
        result: None,
        finished_at: None,
        removed_at: None,
    }
}

/// Where a transmission stands while the key of its line is not known: in nobody's way.
fn line_of_its_own(id: TransmissionId) -> OrderingKey {
    OrderingKey::new(format!("transmission/{id}"))
}

fn target_of(
    target: Option<&(String, Expression)>,
    bindings: &Bindings,
    work: &Work<'_>,
) -> Result<Option<EntityRef>, Fault> {
    let Some((kind, key)) = target else { return Ok(None) };
    let value = evaluate(key, "key", bindings, work)?;
    match key_text(&value) {
        Some(key) => Ok(Some(EntityRef::new(kind.clone(), key))),
        None => Err(not_a_key(key, kind, &value)),
    }
}

/// What a transmission shares limits with.
fn group_of(flow: &OutboundFlow, bindings: &Bindings, work: &Work<'_>) -> Result<Option<Group>, Fault> {
    let Some(rule) = &flow.group else { return Ok(None) };
    let kind = rule.kind.clone();
    let Some(expression) = &rule.key else { return Ok(Some(Group { kind, key: String::new() })) };
    let value = evaluate(expression, "group", bindings, work)?;
    match key_text(&value) {
        Some(key) => Ok(Some(Group { kind, key })),
        None if value.is_null() => Ok(Some(Group { kind, key: String::new() })),
        None => Err(not_a_key(expression, &rule.kind, &value)),
    }
}

fn not_a_key(expression: &Expression, kind: &str, value: &Value) -> Fault {
    Fault {
        location: expression.location().clone(),
        target_path: String::new(),
        message: format!("the key of a {kind} must be a text or a number, found {}", value.kind_word()),
        hint: None,
        kind: FaultKind::BadValue,
    }
}

fn timer_of(id: TransmissionId) -> String {
    format!("held/{id}")
}

fn bindings_of(event: &Event, work: &Work<'_>) -> Result<Bindings, ViewError> {
    let mut bindings = Bindings::new(scopes::OUTBOUND.len());
    bindings.set(0, event_value(event));
    bindings.set(1, linked(event, |name| work.entity(name))?);
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

/// How often something that is owed was put in the place of another, at most, to be found.
const SUCCESSORS_MAX: usize = 1_000;

/// How many entities of one kind are looked for until one is known.
const TRIED_MAX: usize = 4;

/// The present state of what the event speaks of, and of what those entities refer to: by kind, the nearest first. So
/// many lines in an order cost no more than one.
pub(super) fn linked(
    event: &Event,
    entity_of: impl Fn(&EntityRef) -> Result<Option<Entity>, ViewError>,
) -> Result<Value, ViewError> {
    let mut names = event.links.clone();
    let mut found = crate::value::Map::new();
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        let tried = tried.entry(name.kind.clone()).or_default();
        if *tried == TRIED_MAX || found.get(&name.kind).is_some() {
            continue;
        }
        *tried += 1;
        let Some(entity) = entity_of(&name)? else { continue };
        if let Some(kind) = model::EntityKind::find(&name.kind) {
            for further in model::links_of_entity(kind, &entity) {
                if !names.contains(&further) {
                    names.push(further);
                }
            }
        }
        let value = Value::map([
            ("key", Value::text(entity.name.key.as_str())),
            ("status", Value::text(entity.status.as_str())),
            ("data", entity.data.clone()),
        ]);
        found.insert(name.kind.as_str(), value);
    }
    Ok(Value::from(found))
}
