//! A message is read anew, as a replay plan says. What it told rightly stays. What it told wrongly is taken back by a
//! retraction and told rightly by an event of its own; ids are derived, so the same plan makes the same events (I9). What took
//! effect outside is known by the event that was made first of the same place in the message, and is not done again.

use std::collections::BTreeSet;

use super::inbound::{self, Made, Stop};
use super::work::Work;
use super::{Context, ViewError, believe, outbound, route, submitted};
use crate::changeset::{Change, Changeset};
use crate::event::{Event, Standing};
use crate::ids::{EventId, MessageId};
use crate::message::{Message, MessageState, StoredMessage};
use crate::model::{self, EventType};
use crate::replay::{
    EffectChange, EffectVerdict, Effects, EventChange, EventTold, EventVerdict, ReplayOutcome, ValueChange, Verdict,
    differences,
};
use crate::submission;
use crate::transmission::TransmissionState;
use crate::value::Value;

/// How the reason begins for which a corrected message is ignored.
const CORRECTED: &str = "corrected: ";

/// Why a message is ignored in whose place another one stands.
pub(super) fn corrected_by(id: MessageId) -> String {
    format!("{CORRECTED}message {id} stands in its place")
}

/// Whether another message stands in the place of this one.
pub fn is_corrected(state: &MessageState) -> bool {
    matches!(state, MessageState::Ignored { reason } if reason.starts_with(CORRECTED))
}

/// Decides what reading a message anew changes. `past` are its events so far, in their order.
///
/// # Errors
/// Only when the view cannot answer.
pub fn replay(
    stored: &StoredMessage,
    past: &[Event],
    policy: Effects,
    context: &mut Context<'_>,
) -> Result<(ReplayOutcome, Changeset), ViewError> {
    if let Some(why) = passed_over(stored) {
        return Ok((outcome(stored, Verdict::Skipped(why)), Changeset::new()));
    }
    if !matches!(stored.state, MessageState::Translated { .. }) {
        return first_time(stored, policy, context);
    }
    let mut work = Work::new(context);
    let made = match read(&stored.message, &mut work)? {
        Ok(Some(made)) => made,
        Ok(None) => return Ok((outcome(stored, Verdict::Skipped("no flow takes it".into())), Changeset::new())),
        Err(why) => return Ok((outcome(stored, Verdict::Fails(why)), Changeset::new())),
    };
    let mut anew = Anew { past, policy, work: &mut work, events: Vec::new(), effects: Vec::new() };
    match anew.all(made)? {
        Ok(()) => {
            let Anew { events, effects, .. } = anew;
            let told = ReplayOutcome { events, effects, ..outcome(stored, Verdict::Read) };
            Ok((told, work.into_changeset()))
        }
        Err(why) => Ok((outcome(stored, Verdict::Fails(why)), Changeset::new())),
    }
}

/// Why a message is not for a replay.
fn passed_over(stored: &StoredMessage) -> Option<String> {
    let message = &stored.message;
    if let Some(removed) = &stored.removed {
        return Some(format!("its body was removed on {}", removed.at.strftime("%F")));
    }
    if message.cause.is_some() {
        return Some("it tells the result of a transmission".to_owned());
    }
    if submission::is_of(&message.system) && message.channel != submission::EVENTS {
        return Some("it is the record of a command".to_owned());
    }
    match &stored.state {
        MessageState::Waiting => Some("it is not read yet".to_owned()),
        state if is_corrected(state) => Some("another message stands in its place".to_owned()),
        MessageState::Ignored { reason } if submission::told_moved_on(reason).is_some() => Some(reason.clone()),
        _ => None,
    }
}

fn outcome(stored: &StoredMessage, verdict: Verdict) -> ReplayOutcome {
    let message = &stored.message;
    ReplayOutcome {
        message: message.id,
        system: message.system.clone(),
        channel: message.channel.clone(),
        received_at: message.received_at,
        verdict,
        events: Vec::new(),
        effects: Vec::new(),
    }
}

/// A message of which nothing was made is routed as if it came now.
fn first_time(
    stored: &StoredMessage,
    policy: Effects,
    context: &mut Context<'_>,
) -> Result<(ReplayOutcome, Changeset), ViewError> {
    let mut changeset = route(stored, context)?;
    let mut told = outcome(stored, Verdict::Read);
    if policy == Effects::None {
        let is_owed = |change: &Change| matches!(change, Change::PutTransmission(_) | Change::SetTimer(_));
        changeset.changes.retain(|change| !is_owed(change));
    }
    let mut summary = None;
    for change in &changeset.changes {
        match change {
            Change::AppendEvent(event) => told.events.push(new_event(event)),
            Change::PutTransmission(it) => {
                let detail = match &it.state {
                    TransmissionState::Paused { reason } => Some(reason.clone()),
                    _ => None,
                };
                told.effects.push(EffectChange {
                    what: EffectVerdict::New,
                    transmission: it.id,
                    system: it.system.clone(),
                    operation: it.operation.clone(),
                    flow: it.flow.clone(),
                    about: it.about.clone(),
                    detail,
                    input: it.input.clone().into_json_shape(),
                    fields: Vec::new(),
                });
            }
            Change::PutException(exception) => summary = Some(exception.summary.clone()),
            Change::SetMessageState { state: MessageState::Failed { .. }, .. } => {
                told.verdict = Verdict::Fails(summary.take().unwrap_or_default());
            }
            Change::SetMessageState { state: MessageState::Ignored { reason }, .. } => {
                told.verdict = Verdict::Skipped(reason.clone());
            }
            _ => {}
        }
    }
    Ok((told, changeset))
}

fn new_event(event: &Event) -> EventChange {
    EventChange {
        what: EventVerdict::New,
        before: None,
        after: Some(event.id),
        told: Some(EventTold::of(event)),
        fields: Vec::new(),
    }
}

/// What a message tells today; nothing when no flow takes it. Or why it cannot be read.
fn read(message: &Message, work: &mut Work<'_>) -> Result<Result<Option<Vec<Made>>, String>, ViewError> {
    if submission::is_of(&message.system) {
        return Ok(submitted::read(message, work.hub).map(Some));
    }
    let hub = work.hub;
    work.notes.take_unknown();
    let mut read = None;
    for flow in hub.inbound.iter().filter(|flow| inbound::wants(flow, &message.system, &message.channel)) {
        match inbound::translate(flow, message, work) {
            Ok(None) => {}
            Ok(Some(made)) => read.get_or_insert_with(Vec::new).extend(made),
            Err(Stop::View(error)) => return Err(error),
            Err(Stop::Failure(failure)) => return Ok(Err(failure.summary)),
        }
    }
    work.notes.take_unknown();
    if read.as_ref().is_some_and(|made| made.len() > hub.events_per_message_max) {
        return Ok(Err(format!("it would become more than {} events", hub.events_per_message_max)));
    }
    Ok(Ok(read))
}

/// One message while it is read anew.
struct Anew<'a, 'w> {
    past: &'a [Event],
    policy: Effects,
    work: &'a mut Work<'w>,
    events: Vec<EventChange>,
    effects: Vec<EffectChange>,
}

impl Anew<'_, '_> {
    /// Everything the message tells, and what it no longer tells. Or why it is left alone.
    fn all(&mut self, made: Vec<Made>) -> Result<Result<(), String>, ViewError> {
        let roots: BTreeSet<EventId> = made.iter().map(|made| made.event.id).collect();
        // What is no longer told goes first: what is told in its stead may be about the same thing.
        for old in self.vanished(&roots) {
            if let Err(why) = self.withdraw(&old.0, old.1)? {
                return Ok(Err(why));
            }
        }
        for made in made {
            if let Err(why) = self.one(made)? {
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }

    fn event(&self, id: EventId) -> Option<&Event> {
        self.past.iter().find(|event| event.id == id)
    }

    /// The event that stands for one place of the message, and whether it was taken back.
    fn standing(&self, root: EventId) -> Option<(Event, bool)> {
        let mut event = self.event(root)?;
        while let Some(next) = self.event(EventId::of_correction(event.id)) {
            event = next;
        }
        Some((event.clone(), self.event(EventId::of_retraction(event.id)).is_some()))
    }

    /// The events that stand and have no place any more, each with its root.
    fn vanished(&self, roots: &BTreeSet<EventId>) -> Vec<(Event, EventId)> {
        let derived: BTreeSet<EventId> = self
            .past
            .iter()
            .flat_map(|event| [EventId::of_correction(event.id), EventId::of_retraction(event.id)])
            .collect();
        let is_read = |event: &Event| {
            submission::is_of(&event.system) || self.work.hub.inbound.iter().any(|flow| flow.name == event.flow)
        };
        let gone = self.past.iter().filter(|event| !derived.contains(&event.id) && !roots.contains(&event.id));
        let standing = gone.filter_map(|event| match self.standing(event.id)? {
            (standing, false) if is_read(&standing) => Some((standing, event.id)),
            _ => None,
        });
        standing.collect()
    }

    fn one(&mut self, made: Made) -> Result<Result<(), String>, ViewError> {
        let root = made.event.id;
        let Some((old, is_withdrawn)) = self.standing(root) else {
            return self.append(made.of, made.event, root).map(Ok);
        };
        if is_withdrawn {
            let event = Event { id: EventId::of_correction(old.id), ..made.event };
            return self.append(made.of, event, root).map(Ok);
        }
        let fields = if is_void(&old, self.work)? { Vec::new() } else { changed(&old, &made) };
        if fields.is_empty() {
            self.events.push(EventChange {
                what: EventVerdict::Unchanged,
                before: Some(old.id),
                after: Some(old.id),
                told: None,
                fields,
            });
            if old.standing.has_effect() && !is_void(&old, self.work)? {
                self.owe(&old, made.of, root)?;
            }
            return Ok(Ok(()));
        }
        self.correct(&old, made, root, fields)
    }

    fn correct(
        &mut self,
        old: &Event,
        made: Made,
        root: EventId,
        fields: Vec<ValueChange>,
    ) -> Result<Result<(), String>, ViewError> {
        if let Err(why) = self.take_back(old, "incorrect_data", Some(EventId::of_correction(old.id)))? {
            return Ok(Err(why));
        }
        let is_same = old.event_type == made.event.event_type && *old.named() == made.event.subject;
        let event = Event { id: EventId::of_correction(old.id), ..made.event };
        let told = EventTold::of(&event);
        let first = is_same.then_some(old.first);
        let event = believe::apply_anew(made.of, event, first, self.work)?;
        self.events.push(EventChange {
            what: EventVerdict::Corrected,
            before: Some(old.id),
            after: Some(event.id),
            told: Some(told),
            fields,
        });
        if event.standing.has_effect() {
            self.owe(&event, made.of, root)?;
        }
        Ok(Ok(()))
    }

    fn withdraw(&mut self, old: &Event, root: EventId) -> Result<Result<(), String>, ViewError> {
        if is_void(old, self.work)? {
            return Ok(Ok(()));
        }
        if let Err(why) = self.take_back(old, "did_not_occur", None)? {
            return Ok(Err(why));
        }
        self.events.push(EventChange {
            what: EventVerdict::Withdrawn,
            before: Some(old.id),
            after: None,
            told: Some(EventTold::of(old)),
            fields: Vec::new(),
        });
        self.effects.extend(outbound::effects_of_withdrawn(old, root, self.work)?);
        Ok(Ok(()))
    }

    fn append(&mut self, of: EventType, event: Event, root: EventId) -> Result<(), ViewError> {
        let told = EventTold::of(&event);
        let event = believe::apply_anew(of, event, None, self.work)?;
        self.events.push(EventChange { told: Some(told), ..new_event(&event) });
        match event.standing.has_effect() {
            true => self.owe(&event, of, root),
            false => Ok(()),
        }
    }

    fn owe(&mut self, event: &Event, of: EventType, root: EventId) -> Result<(), ViewError> {
        self.effects.extend(outbound::effects(event, of, root, self.policy, self.work)?);
        Ok(())
    }

    /// Takes an event back: it stays, and has no effect any more.
    fn take_back(&mut self, old: &Event, why: &str, by: Option<EventId>) -> Result<Result<(), String>, ViewError> {
        if old.data.get("retraction").is_some() {
            return Ok(Err("it declares another event wrong: hand in an event that tells what is right".to_owned()));
        }
        if !believe::can_be_refolded(&old.subject, self.work)? {
            let why =
                "is merged with others, or has too many events: correct it with an event that tells what is right";
            return Ok(Err(format!("{} {why}", old.subject)));
        }
        let kind = old.event_type.split('.').nth(1).unwrap_or_default();
        let Some(of) = EventType::find(&format!("crossdock.{kind}.event_retracted.v1")) else {
            return Ok(Err(format!("nothing is known of {kind} in this version")));
        };
        let key = of.entity.key.iter().map(|name| (*name, old.data.get(name).cloned().unwrap_or_default()));
        let mut retraction = vec![("reason", Value::text(why)), ("event_id", Value::text(old.id.to_string()))];
        retraction.extend(by.map(|by| ("corrected_by", Value::list([Value::text(by.to_string())]))));
        let data = Value::map(key.chain([("retraction", Value::map(retraction))]));
        let event = Event {
            id: EventId::of_retraction(old.id),
            event_type: of.name(),
            links: model::links_of(of, &old.subject, &data),
            time: self.work.now,
            recorded_at: self.work.now,
            out_of_order: false,
            first: false,
            references: Vec::new(),
            data,
            standing: Standing::default(),
            ..old.clone()
        };
        let line = self.work.lineage(&event.subject)?;
        believe::fold_in(of, event, line, None, self.work)?;
        Ok(Ok(()))
    }
}

/// Whether an event has no effect, because it was an echo or somebody took it back.
fn is_void(event: &Event, work: &Work<'_>) -> Result<bool, ViewError> {
    if event.standing.echo || event.standing.retracted {
        return Ok(true);
    }
    let known = work.entity(&event.subject)?;
    Ok(known.is_some_and(|known| known.told.retracted.iter().any(|retraction| retraction.hits(event))))
}

/// How what a message tells today differs from what it told.
fn changed(old: &Event, made: &Made) -> Vec<ValueChange> {
    let value = |told: &EventTold| {
        let mut data = told.data.clone();
        if old.standing.named.is_some()
            && let Some(data) = data.as_map_mut()
        {
            // Merged since: the name it came by is compared beside.
            made.of.entity.key.iter().for_each(|name| drop(data.remove(name)));
        }
        let references = Value::from_serde(&told.references).unwrap_or_default();
        Value::map([
            ("type", Value::text(told.r#type.as_str())),
            ("subject", Value::text(told.subject.to_string())),
            ("time", Value::text(told.time.to_string())),
            ("data", data),
            ("references", references),
        ])
    };
    differences(&value(&EventTold::of(old)), &value(&EventTold::of(&made.event)))
}
