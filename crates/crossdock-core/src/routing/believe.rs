//! What of an event is believed, and what follows from it. The name it uses may have been merged into another; it may
//! only report what we wrote ourselves; another system may be the one to say such things. What is left is folded.

use super::inbound::{Made, Mark};
use super::work::{Problem, Work};
use super::{ViewError, fingerprint, outbound};
use crate::authority::{OnConflict, Scope, Verdict};
use crate::event::{Entity, Event, Standing};
use crate::exception::ExceptionClass;
use crate::ids::{EventId, TransmissionId};
use crate::master::echo::{self, Sent};
use crate::master::merge;
use crate::model::{self, EventType};
use crate::suggestion::Proposal;
use crate::transmission::Transmission;

/// So many of the latest transmissions to a system can be recognised in what it reports.
const SENT_MAX: usize = 8;

/// Weighs an event, folds it, appends it and owes what flows want because of it.
pub(super) fn apply(made: Made, work: &mut Work<'_>) -> Result<(), ViewError> {
    let Made { of, mut event, echo, is_result, .. } = made;
    let line = work.lineage(&event.subject)?;
    let known = line.last();
    if let Some(survivor) = known.filter(|survivor| survivor.name != event.subject) {
        merge::rename(of, survivor, &mut event);
    }
    if !is_result && is_echo(of, known, &mut event, echo, work)? {
        work.append_event(event);
        return Ok(());
    }
    if work.hub.authority.knows(of.entity.name) {
        let verdict = work.hub.authority.weigh(of, known, &mut event);
        tell(&verdict, &event, work)?;
    }
    if event.standing.refused {
        work.append_event(event);
        return Ok(());
    }
    take(of, event, line, work)
}

/// Folds an event that counts. One that was retracted before it came is kept, but nothing is done because of it.
pub(super) fn take(of: EventType, event: Event, line: Vec<Entity>, work: &mut Work<'_>) -> Result<(), ViewError> {
    let event = fold_in(of, event, line, None, work)?;
    match event.standing.retracted {
        true => Ok(()),
        false => outbound::owe(&event, of, work),
    }
}

/// Folds and appends an event, and owes nothing because of it. `first` is said when it is known otherwise.
pub(super) fn fold_in(
    of: EventType,
    mut event: Event,
    line: Vec<Entity>,
    first: Option<bool>,
    work: &mut Work<'_>,
) -> Result<Event, ViewError> {
    let version = line.last().map_or(0, |known| known.version);
    let is_plain = merge::is_plain(&line);
    let mut folded = merge::fold_line(of, line, &event);
    event.out_of_order = folded.out_of_order;
    event.first = first.unwrap_or(folded.first);
    event.standing.retracted = folded.retracted;
    if model::needs_refold(&event)
        && !folded.retracted
        && let Some(entity) = refolded(of, &event, (version, is_plain), work)?
    {
        folded.entities = vec![entity];
    }
    folded.entities.into_iter().for_each(|entity| work.put_entity(entity));
    work.append_event(event.clone());
    Ok(event)
}

/// Weighs, folds and appends what a message tells when it is read anew. That it only reports an effect of ours was decided
/// when it first came.
pub(super) fn apply_anew(
    of: EventType,
    mut event: Event,
    first: Option<bool>,
    work: &mut Work<'_>,
) -> Result<Event, ViewError> {
    let line = work.lineage(&event.subject)?;
    let known = line.last();
    if let Some(survivor) = known.filter(|survivor| survivor.name != event.subject) {
        merge::rename(of, survivor, &mut event);
    }
    if work.hub.authority.knows(of.entity.name) {
        let verdict = work.hub.authority.weigh(of, known, &mut event);
        tell(&verdict, &event, work)?;
    }
    if event.standing.refused {
        work.append_event(event.clone());
        return Ok(event);
    }
    fold_in(of, event, line, first, work)
}

/// Whether an entity can be made anew of its events, which taking one of them back needs.
pub(super) fn can_be_refolded(subject: &crate::event::EntityRef, work: &Work<'_>) -> Result<bool, ViewError> {
    let line = work.lineage(subject)?;
    Ok(merge::is_plain(&line) && work.events_about(subject, REFOLDED_MAX)?.len() + 1 < REFOLDED_MAX)
}

/// A retraction takes effects back only while an entity has fewer events than this.
const REFOLDED_MAX: usize = 10_000;

/// The entity made anew of all its events but those that this one retracts. `None` when that cannot be done: then somebody
/// is told, and what was known stays.
fn refolded(
    of: EventType,
    event: &Event,
    (version, is_plain): (u64, bool),
    work: &mut Work<'_>,
) -> Result<Option<Entity>, ViewError> {
    let why = if is_plain {
        let mut events = work.events_about(&event.subject, REFOLDED_MAX)?;
        if events.len() < REFOLDED_MAX {
            events.push(event.clone());
            let refolded = model::refold(of.entity, &events);
            return Ok(refolded.map(|entity| Entity { version: version + 1, ..entity }));
        }
        format!("has {REFOLDED_MAX} events or more")
    } else {
        "is merged with others".to_owned()
    };
    work.raise(Problem {
        class: ExceptionClass::MappingFailed,
        fingerprint: format!("retraction/{}", event.id),
        cause: event.id.0,
        summary: format!(
            "{} retracts an event of {}, which {why}: what is known of it was left as it is. Correct it with an event \
             that tells what is right",
            event.system, event.subject
        ),
        affects: vec![event.subject.clone()],
        owner: None,
        system: Some(&event.system),
        flow: Some(&event.flow),
        message: Some(event.message),
        transmission: None,
    })?;
    Ok(None)
}

/// Whether it only reports an effect of ours. What a system says that we never write to is not looked at.
fn is_echo(
    of: EventType,
    known: Option<&Entity>,
    event: &mut Event,
    mark: Option<Mark>,
    work: &Work<'_>,
) -> Result<bool, ViewError> {
    let of_whom = match mark {
        Some(Mark::Some) => Some(None),
        Some(Mark::Transmission(id)) => {
            let is_ours = work.view.transmission(id)?.is_some_and(|sent| sent.system == event.system);
            is_ours.then_some(Some(id))
        }
        None => recognised(of, known, event, work)?.map(Some),
    };
    let Some(of_whom) = of_whom else { return Ok(false) };
    event.standing.echo = true;
    event.standing.echo_of = of_whom;
    Ok(true)
}

fn recognised(
    of: EventType,
    known: Option<&Entity>,
    event: &Event,
    work: &Work<'_>,
) -> Result<Option<TransmissionId>, ViewError> {
    let Some(known) = known else { return Ok(None) };
    if !work.hub.sends_about(&event.system, of.entity.name) {
        return Ok(None);
    }
    let sent: Vec<Transmission> = work.view.sent_about(&event.system, &event.subject, SENT_MAX)?;
    if sent.is_empty() {
        return Ok(None);
    }
    if echo::says_nothing_new(of, known, event) {
        return Ok(sent.iter().find(|sent| echo::may_have_written(sent, event)).map(|sent| sent.id));
    }
    let mut said = Vec::new();
    for sent in &sent {
        if let Some(cause) = work.view.event(sent.event)? {
            said.push(Sent { transmission: sent, data: cause.data });
        }
    }
    Ok(echo::overtaken(of, known, event, &said))
}

/// Tells what was not applied, as it is configured; what agrees again settles what was told before.
fn tell(verdict: &Verdict, event: &Event, work: &mut Work<'_>) -> Result<(), ViewError> {
    let fingerprint = fingerprint::authority(&event.subject, &event.system);
    if verdict.conflicts.is_empty() {
        return if verdict.agrees { work.settle(&fingerprint) } else { Ok(()) };
    }
    let wants = |how: OnConflict| verdict.conflicts.iter().any(|conflict| conflict.claim.on_conflict == how);
    if wants(OnConflict::Exception) {
        work.raise(Problem {
            class: ExceptionClass::AuthorityConflict,
            fingerprint,
            cause: event.message.0,
            summary: summary(verdict, event),
            affects: vec![event.subject.clone()],
            owner: None,
            system: Some(&event.system),
            flow: Some(&event.flow),
            message: Some(event.message),
            transmission: None,
        })?;
    }
    if wants(OnConflict::Suggestion) {
        let fields = match event.standing.refused {
            true => event.data.clone(),
            false => event.standing.withheld.clone(),
        };
        let proposal =
            Proposal::Change { entity: event.subject.clone(), system: event.system.clone(), event: event.id, fields };
        work.suggest(proposal, None, Vec::new())?;
    }
    Ok(())
}

fn summary(verdict: &Verdict, event: &Event) -> String {
    let told: Vec<String> = verdict
        .conflicts
        .iter()
        .map(|conflict| match conflict.about {
            Scope::Field(field) => {
                let value = event.standing.withheld.get(field).map(ToString::to_string).unwrap_or_default();
                let value: String = value.chars().take(80).collect();
                format!("{field} = {value} ({} may say it)", conflict.claim.system)
            }
            Scope::State(state) => format!("that it is {state} ({} may say it)", conflict.claim.system),
            Scope::Whole => String::new(),
        })
        .collect();
    let effect = match event.standing.refused {
        true => "nothing of it was applied",
        false => "the rest of it was applied",
    };
    format!(
        "{} says of {}: {}. It is not the system of record for that: {effect}. Correct it there or in the system of \
         record, or change `authority`",
        event.system,
        event.subject,
        told.join(", ")
    )
}

/// The event by which a person applies what was withheld of another: it counts as said now, whoever may say it. What it
/// said besides is told as it stands.
pub(super) fn accept(of: EventType, refused: &Event, work: &mut Work<'_>) -> Result<(), ViewError> {
    let line = work.lineage(&refused.subject)?;
    let mut event = Event {
        id: EventId::of_acceptance(refused.id),
        time: work.now,
        recorded_at: work.now,
        references: Vec::new(),
        standing: Standing::default(),
        ..refused.clone()
    };
    if let (false, Some(data)) = (refused.standing.refused, event.data.as_map_mut()) {
        if let Some(present) = line.last().and_then(|known| known.data.as_map()) {
            let said: Vec<String> = data.keys().map(str::to_owned).collect();
            for field in said {
                if let Some(value) = present.get(&field) {
                    data.insert(field, value.clone());
                }
            }
        }
        let withheld = refused.standing.withheld.as_map().into_iter().flat_map(|withheld| withheld.iter());
        withheld.for_each(|(field, value)| drop(data.insert(field, value.clone())));
    }
    event.links = model::links_of(of, &event.subject, &event.data);
    if let Some(survivor) = line.last().filter(|survivor| survivor.name != event.subject) {
        merge::rename(of, survivor, &mut event);
    }
    take(of, event, line, work)
}
