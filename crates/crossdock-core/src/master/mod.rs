//! Master data: which names stand for the same thing. Merging and splitting entities, recognising what we wrote
//! ourselves, finding duplicates. Pure: the router and a worker of the shell apply it.

pub mod echo;
pub mod matching;
pub mod merge;

use jiff::Timestamp;

use crate::event::{Entity, EntityRef};
use crate::ids::SuggestionId;
use crate::suggestion::{Evidence, Proposal, Suggestion, SuggestionStatus};

/// Kinds whose entities may turn out to be the same. What happens (orders, shipments, invoices) has a number of its own
/// and is corrected where that number is given.
pub const MERGEABLE: &[&str] = &["customer_account", "location", "item", "vehicle", "driver"];
/// How long a row of merges into one another may be.
pub const MERGES_DEEP_MAX: usize = 16;
/// Names merged into one entity at most.
pub const ABSORBED_MAX: usize = 200;

/// Whether entities of this kind are ever merged.
pub fn is_mergeable(kind: &str) -> bool {
    MERGEABLE.contains(&kind)
}

/// Every name merged into an entity, directly or through others; its own is not among them.
///
/// # Errors
/// Those of `record`, which gives the record of a name.
pub fn names_of<E>(
    entity: &Entity,
    mut record: impl FnMut(&EntityRef) -> Result<Option<Entity>, E>,
) -> Result<Vec<EntityRef>, E> {
    let mut names: Vec<EntityRef> = entity.absorbed().to_vec();
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        if names.len() > ABSORBED_MAX * 2 {
            break;
        }
        if let Some(absorbed) = record(&name)? {
            let further = absorbed.absorbed().iter().filter(|further| !names.contains(further)).cloned();
            names.extend(further.collect::<Vec<_>>());
        }
    }
    Ok(names)
}

/// The id of a suggestion: the same for the same proposal, whoever comes first of two that are to be merged.
pub fn suggestion_id(proposal: &Proposal) -> SuggestionId {
    match proposal {
        Proposal::Merge { survivor, other } => {
            let (first, second) = if survivor <= other { (survivor, other) } else { (other, survivor) };
            SuggestionId::derive(&["merge", &first.to_string(), &second.to_string()])
        }
        Proposal::Change { entity, system, fields, .. } => {
            SuggestionId::derive(&["change", &entity.to_string(), system.as_str(), &fields.to_json_string()])
        }
    }
}

/// A suggestion to be written; `None` when the same is open or was rejected.
pub fn suggestion(
    proposal: Proposal,
    score: Option<f64>,
    evidence: Vec<Evidence>,
    known: Option<&Suggestion>,
    now: Timestamp,
) -> Option<Suggestion> {
    use SuggestionStatus::{Open, Rejected};
    if known.is_some_and(|known| matches!(known.status, Open | Rejected)) {
        return None;
    }
    Some(Suggestion {
        id: suggestion_id(&proposal),
        version: known.map_or(0, |known| known.version) + 1,
        proposal,
        score,
        evidence,
        status: Open,
        made_at: now,
        decided: None,
    })
}
