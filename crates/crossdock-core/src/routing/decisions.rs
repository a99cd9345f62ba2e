//! What people and policies decide about master data: merges, splits, references, suggestions. Each is one changeset,
//! based on what is stored, so that nothing is half merged. Ordering keys stay in order (I3): what waits under a name
//! goes on under the one that answers for it, behind what waits there.

use crate::changeset::{Change, Changeset};
use crate::event::{Entity, EntityRef, Reference};
use crate::ids::{OrderingKey, SuggestionId, TransmissionId};
use crate::master::{self, merge};
use crate::model::EventType;
use crate::suggestion::{Decided, Proposal, Suggestion, SuggestionStatus};
use crate::transmission::{Transmission, TransmissionState};

use super::work::Work;
use super::{Context, ViewError, Wanted, believe, fingerprint, outbound};

/// Transmissions that may wait in the lines of an entity that is merged or split (I10).
pub const WAITING_MAX: usize = 1_000;
/// References changed in one go (I10).
pub const REFERENCES_MAX: usize = 100_000;

/// What is decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Two entities are the same: `survivor` answers for both.
    Merge { survivor: EntityRef, other: EntityRef },
    /// They are not: the merged one stands for itself again.
    Split { name: EntityRef },
    /// References to add and to take away, all or none.
    References { add: Vec<Reference>, remove: Vec<Reference> },
    /// A suggestion is followed.
    Accept { suggestion: SuggestionId },
    /// A suggestion is wrong; it is not made again.
    Reject { suggestion: SuggestionId },
}

/// Why something cannot be decided as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecidable {
    #[error("there is no {0}")]
    Unknown(EntityRef),
    #[error("entities of kind {0} are not merged: only {kinds}", kinds = master::MERGEABLE.join(", "))]
    NotMergeable(String),
    #[error("{0} and {1} are of different kinds")]
    Different(EntityRef, EntityRef),
    #[error("an entity cannot be merged with itself")]
    Itself,
    #[error("{0} was merged into {1} already")]
    Merged(EntityRef, EntityRef),
    #[error("{0} is not merged into another")]
    NotMerged(EntityRef),
    #[error("too many are merged into one another: at most {max} names into one, {deep} deep",
        max = master::ABSORBED_MAX, deep = master::MERGES_DEEP_MAX)]
    TooMany,
    #[error("transmission {0} of {1} is under way: try again in a moment")]
    UnderWay(TransmissionId, EntityRef),
    #[error("more than {WAITING_MAX} transmissions wait for {0}: let them go out first")]
    TooManyWaiting(EntityRef),
    #[error("there is no suggestion {0}")]
    NoSuggestion(SuggestionId),
    #[error("suggestion {0} is {1} already")]
    Decided(SuggestionId, &'static str),
    #[error("the event of the suggestion is gone")]
    EventGone,
    #[error("at most {REFERENCES_MAX} references are changed in one go")]
    TooManyReferences,
    /// Which references are wrong, by their place among those to add.
    #[error("{} of the references cannot be added: {}", .0.len(), first(.0))]
    References(Vec<(usize, String)>),
}

fn first(mistakes: &[(usize, String)]) -> &str {
    mistakes.first().map_or("", |(_, told)| told)
}

/// A decision's changes, or why it cannot be; or that the view could not answer.
pub type Decisive = Result<Result<Changeset, Undecidable>, ViewError>;

/// Why a step of a decision ended it.
enum Stop {
    View(ViewError),
    Undecidable(Undecidable),
}

impl From<ViewError> for Stop {
    fn from(error: ViewError) -> Self {
        Stop::View(error)
    }
}

impl From<Undecidable> for Stop {
    fn from(why: Undecidable) -> Self {
        Stop::Undecidable(why)
    }
}

/// What a decision changes.
///
/// # Errors
/// The view's, or why it cannot be.
pub fn decide(decision: &Decision, by: &Decided, context: &mut Context<'_>) -> Decisive {
    let mut work = Work::new(context);
    let outcome = match decision {
        Decision::Merge { survivor, other } => merge(survivor, other, by, &mut work),
        Decision::Split { name } => split(name, by, &mut work),
        Decision::References { add, remove } => references(add, remove, &mut work),
        Decision::Accept { suggestion } => accept(*suggestion, by, &mut work),
        Decision::Reject { suggestion } => reject(*suggestion, by, &mut work),
    };
    match outcome {
        Ok(()) => Ok(Ok(work.into_changeset())),
        Err(Stop::Undecidable(why)) => Ok(Err(why)),
        Err(Stop::View(error)) => Err(error),
    }
}

fn merge(survivor: &EntityRef, other: &EntityRef, by: &Decided, work: &mut Work<'_>) -> Result<(), Stop> {
    if survivor.kind != other.kind {
        return Err(Undecidable::Different(survivor.clone(), other.clone()).into());
    }
    if !master::is_mergeable(&survivor.kind) {
        return Err(Undecidable::NotMergeable(survivor.kind.clone()).into());
    }
    if survivor == other {
        return Err(Undecidable::Itself.into());
    }
    let (survivor, other) = (standing(survivor, work)?, standing(other, work)?);
    let names = master::names_of(&other, |name| work.record(name))?;
    let held = master::names_of(&survivor, |name| work.record(name))?;
    let depth = depth_of(&other, work)?.max(depth_of(&survivor, work)?);
    if names.len() + held.len() + 1 > master::ABSORBED_MAX || depth + 1 >= master::MERGES_DEEP_MAX {
        return Err(Undecidable::TooMany.into());
    }
    let (joined, gone) = merge::absorb(&survivor, &other);
    work.put_entity(joined);
    work.put_entity(gone);
    relocate(&other.name, &survivor.name, |_| true, work)?;
    let proposal = Proposal::Merge { survivor: survivor.name, other: other.name };
    if let Some(made) = work.view.suggestion(master::suggestion_id(&proposal))?
        && made.status == SuggestionStatus::Open
    {
        work.push(Change::PutSuggestion(made.decided(SuggestionStatus::Accepted, by.clone())));
    }
    Ok(())
}

/// The record of a name that answers for itself.
fn standing(name: &EntityRef, work: &Work<'_>) -> Result<Entity, Stop> {
    let Some(entity) = work.record(name)? else { return Err(Undecidable::Unknown(name.clone()).into()) };
    match entity.superseded_by() {
        Some(into) => Err(Undecidable::Merged(name.clone(), into.clone()).into()),
        None => Ok(entity),
    }
}

/// How many merges lie below an entity, one into the other.
fn depth_of(entity: &Entity, work: &Work<'_>) -> Result<usize, ViewError> {
    let (mut depth, mut level) = (0, entity.absorbed().to_vec());
    while !level.is_empty() && depth < master::MERGES_DEEP_MAX {
        depth += 1;
        let mut below = Vec::new();
        for name in &level {
            below.extend(work.record(name)?.map(|absorbed| absorbed.absorbed().to_vec()).unwrap_or_default());
        }
        level = below;
    }
    Ok(depth)
}

fn split(name: &EntityRef, by: &Decided, work: &mut Work<'_>) -> Result<(), Stop> {
    let Some(other) = work.record(name)? else { return Err(Undecidable::Unknown(name.clone()).into()) };
    let above: Vec<Entity> = work.lineage(name)?.into_iter().skip(1).collect();
    let Some(survivor) = above.last().map(|survivor| survivor.name.clone()) else {
        return Err(Undecidable::NotMerged(name.clone()).into());
    };
    if let Some(direct) = above.first() {
        forget(&direct.name, name, by, work)?;
    }
    let mut gone = master::names_of(&other, |name| work.record(name))?;
    gone.push(name.clone());
    work.put_entity(merge::set_free(&other));
    for entity in above {
        let mut left = Vec::new();
        for absorbed in entity.absorbed().iter().filter(|absorbed| *absorbed != name) {
            left.extend(work.record(absorbed)?);
        }
        work.put_entity(merge::release(&entity, name, &gone, &left));
    }
    let events: Vec<Transmission> = in_line(&survivor, work)?;
    let mut mine = Vec::new();
    for transmission in events.iter().chain(&work.view.held_about(&survivor)?) {
        if let Some(event) = work.view.event(transmission.event)?
            && gone.contains(event.named())
        {
            mine.push(transmission.id);
        }
    }
    relocate(&survivor, name, |transmission| mine.contains(&transmission.id), work)
}

/// Keeps two entities that were split from being suggested, or merged by a policy, again.
fn forget(survivor: &EntityRef, other: &EntityRef, by: &Decided, work: &mut Work<'_>) -> Result<(), ViewError> {
    let proposal = Proposal::Merge { survivor: survivor.clone(), other: other.clone() };
    let known = work.view.suggestion(master::suggestion_id(&proposal))?;
    let made = known.unwrap_or_else(|| Suggestion {
        id: master::suggestion_id(&proposal),
        version: 0,
        proposal,
        score: None,
        evidence: Vec::new(),
        status: SuggestionStatus::Open,
        made_at: work.now,
        decided: None,
    });
    work.push(Change::PutSuggestion(made.decided(SuggestionStatus::Rejected, by.clone())));
    Ok(())
}

/// What stands in the lines of an entity's name.
fn in_line(name: &EntityRef, work: &Work<'_>) -> Result<Vec<Transmission>, Stop> {
    let mut waiting = work.view.in_line(&OrderingKey::new(name.to_string()), WAITING_MAX + 1)?;
    if waiting.len() > WAITING_MAX {
        return Err(Undecidable::TooManyWaiting(name.clone()).into());
    }
    waiting.sort_by_key(|transmission| transmission.place);
    Ok(waiting)
}

/// Moves what waits under one name to the end of the lines of another, in its order; what is held for something about the
/// one is held for the other.
fn relocate(
    from: &EntityRef,
    to: &EntityRef,
    wanted: impl Fn(&Transmission) -> bool,
    work: &mut Work<'_>,
) -> Result<(), Stop> {
    let about = |transmission: &Transmission| match transmission.about == *from {
        true => to.clone(),
        false => transmission.about.clone(),
    };
    for waiting in in_line(from, work)?.into_iter().filter(|waiting| wanted(waiting)) {
        if waiting.state == TransmissionState::Sending {
            return Err(Undecidable::UnderWay(waiting.id, from.clone()).into());
        }
        let place = work.next_place();
        let key = OrderingKey::new(to.to_string());
        let (about, version) = (about(&waiting), waiting.version + 1);
        work.put_transmission(Transmission { key, place, about, version, ..waiting });
    }
    for held in work.view.held_about(from)?.into_iter().filter(|held| wanted(held)) {
        outbound::hold_for(&held, to, work)?;
    }
    Ok(())
}

fn references(add: &[Reference], remove: &[Reference], work: &mut Work<'_>) -> Result<(), Stop> {
    if add.len() + remove.len() > REFERENCES_MAX {
        return Err(Undecidable::TooManyReferences.into());
    }
    let mut mistakes = Vec::new();
    for (place, reference) in add.iter().enumerate() {
        let Reference { entity, system, kind, value } = reference;
        let wanted = Wanted { entity: &entity.kind, system, kind, value };
        let mine = work.present_name(entity.clone())?;
        for known in work.view.referenced(&wanted, 8)? {
            let is_removed = remove.iter().any(|removed| removed.entity == known && wanted.fits(removed));
            if !is_removed && work.present_name(known.clone())? != mine {
                mistakes.push((place, format!("{system} {kind} {value} stands for {known} already")));
                break;
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(Undecidable::References(mistakes).into());
    }
    remove.iter().for_each(|reference| work.push(Change::RemoveReference(reference.clone())));
    add.iter().for_each(|reference| work.push(Change::AddReference(reference.clone())));
    Ok(())
}

fn open(id: SuggestionId, work: &Work<'_>) -> Result<Suggestion, Stop> {
    let Some(made) = work.view.suggestion(id)? else { return Err(Undecidable::NoSuggestion(id).into()) };
    match made.status {
        SuggestionStatus::Open => Ok(made),
        other => Err(Undecidable::Decided(id, other.word()).into()),
    }
}

fn accept(id: SuggestionId, by: &Decided, work: &mut Work<'_>) -> Result<(), Stop> {
    let made = open(id, work)?;
    match &made.proposal {
        // Merging closes the suggestion.
        Proposal::Merge { survivor, other } => return merge(survivor, other, by, work),
        Proposal::Change { event, system, entity, .. } => {
            let Some(refused) = work.view.event(*event)? else { return Err(Undecidable::EventGone.into()) };
            let Some(of) = EventType::find(&refused.event_type) else { return Err(Undecidable::EventGone.into()) };
            believe::accept(of, &refused, work)?;
            work.settle(&fingerprint::authority(entity, system))?;
        }
    }
    work.push(Change::PutSuggestion(made.decided(SuggestionStatus::Accepted, by.clone())));
    Ok(())
}

fn reject(id: SuggestionId, by: &Decided, work: &mut Work<'_>) -> Result<(), Stop> {
    let made = open(id, work)?;
    if let Proposal::Change { entity, system, .. } = &made.proposal {
        work.settle(&fingerprint::authority(entity, system))?;
    }
    work.push(Change::PutSuggestion(made.decided(SuggestionStatus::Rejected, by.clone())));
    Ok(())
}
