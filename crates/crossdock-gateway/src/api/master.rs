//! Names: references, merges and suggestions.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use crossdock_core::event::{EntityRef, Reference};
use crossdock_core::ids::SystemName;
use crossdock_core::model::EntityKind;
use crossdock_runtime::desk::{Mistake, ReferenceChange, ReferenceRow};
use hyper::header::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::act::{Command, InPath, Why, give, parse};
use super::answer::{Answer, json};
use super::read::{Asked, entity_name, invalid, read_path, read_query, rows};
use super::{Shared, submit};
use crate::problem::Problem;

/// Largest body of `POST /api/references`, in bytes: 100,000 references fit.
pub const REFERENCES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The path that takes so much.
pub const REFERENCES_PATH: &str = "/api/references";

const SUGGESTION_STATES: &[&str] = &["open", "accepted", "rejected", "withdrawn"];
const PROPOSALS: &[&str] = &["merge", "change"];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByValue {
    /// A key or any system's id.
    value: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TablePage {
    /// The last reference of the page before, as JSON.
    after: Option<String>,
    /// How many at most; 50 when nothing is said.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuggestionList {
    /// Only those that are this far.
    #[schemars(extend("enum" = SUGGESTION_STATES))]
    status: Option<String>,
    /// Only those that suggest this.
    #[schemars(extend("enum" = PROPOSALS))]
    what: Option<String>,
    /// How many of the newest to pass over.
    #[serde(default)]
    #[schemars(range(max = u64::MAX))]
    skip: usize,
    /// How many at most; 50 when nothing is said.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The entity to compare with all others of its kind, such as `customer_account/C001`.
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    entity: String,
    /// The least score to tell; 0.5 when nothing is said.
    #[schemars(range(min = 0, max = 1))]
    least: Option<f64>,
}

/// One reference as the API takes it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenReference {
    /// Kind and key: `customer_account/C001`.
    entity: String,
    /// The system whose id it is.
    system: String,
    /// What kind of id it is at that system: `customer_id`, `sale.order` …
    kind: String,
    /// The id.
    value: String,
}

/// References to add and to take away: all or none.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceChanges {
    /// To add; each system has to be one of the hub.
    #[serde(default)]
    add: Vec<GivenReference>,
    /// To take away.
    #[serde(default)]
    remove: Vec<GivenReference>,
    /// Only tell what is wrong.
    #[serde(default)]
    dry_run: bool,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit record; a dry run needs none.
    reason: Option<String>,
}

/// Two entities that are the same.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The one that answers for both from now on, such as `customer_account/C001`.
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    survivor: String,
    /// The one that is merged into it.
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    other: String,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit record.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    reason: Option<String>,
}

/// An entity that was merged into another one.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The one that stands for itself again, such as `customer_account/C-17`.
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    entity: String,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit record.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    reason: Option<String>,
}

/// All there is of something.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Items")]
pub struct Items<T> {
    /// All of them.
    items: Vec<T>,
}

pub async fn find(State(shared): State<Arc<Shared>>, asked: Asked<ByValue>) -> Answer {
    let value = read_query(asked)?.value;
    let items = shared.read(move |desk| desk.find(&value)).await?;
    Ok(json(&Items { items }))
}

pub async fn table(State(shared): State<Arc<Shared>>, asked: Asked<TablePage>) -> Answer {
    let page = read_query(asked)?;
    let after: Option<Reference> = match page.after {
        None => None,
        Some(text) => Some(
            serde_json::from_str(&text)
                .map_err(|_| invalid("`after` is the last reference of the page before, as it was given"))?,
        ),
    };
    let limit = rows(page.limit)?;
    Ok(json(&shared.read(move |desk| desk.references(after.as_ref(), limit)).await?))
}

pub async fn change(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let ReferenceChanges { add, remove, dry_run, actor, reason } = parse(&body)?;
    give(&shared, submit::key(&headers)?, Command::ChangeReferences { add, remove, dry_run, actor, reason }).await
}

/// What is to be changed, with what is wrong with it already.
pub fn change_of(add: Vec<GivenReference>, remove: Vec<GivenReference>, dry_run: bool) -> ReferenceChange {
    let mut mistakes = Vec::new();
    let add = references(add, "add", &mut mistakes);
    let remove = references(remove, "remove", &mut mistakes);
    ReferenceChange { add, remove, mistakes, dry_run }
}

/// Each with its row.
fn references(given: Vec<GivenReference>, list: &'static str, mistakes: &mut Vec<Mistake>) -> Vec<ReferenceRow> {
    let mut references = Vec::with_capacity(given.len());
    for (row, GivenReference { entity, system, kind, value }) in given.into_iter().enumerate() {
        let mut wrong = |message: String| mistakes.push(Mistake { list, row, message });
        let known = entity.split_once('/').filter(|(_, key)| !key.is_empty());
        match known.map(|(kind, key)| (EntityKind::find(kind), key)) {
            Some((Some(known), key)) if ![&system, &kind, &value].iter().any(|text| text.trim().is_empty()) => {
                let entity = EntityRef::new(known.name, key);
                let system = SystemName::from(system.trim());
                references.push((row, Reference { entity, system, kind, value }));
            }
            Some((Some(_), _)) => wrong("system, kind and value must not be empty".to_owned()),
            Some((None, _)) => wrong(format!("there is no kind of entity like in `{entity}`")),
            None => wrong(format!("`{entity}` is not a kind and a key such as customer_account/C001")),
        }
    }
    references
}

pub async fn merge(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Merge { survivor, other, actor, reason } = parse(&body)?;
    give(&shared, submit::key(&headers)?, Command::MergeEntities { survivor, other, actor, reason }).await
}

pub async fn split(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Split { entity, actor, reason } = parse(&body)?;
    give(&shared, submit::key(&headers)?, Command::SplitEntity { entity, actor, reason }).await
}

pub async fn candidates(State(shared): State<Arc<Shared>>, asked: Asked<Compared>) -> Answer {
    let asked = read_query(asked)?;
    let least = asked.least.unwrap_or(0.5);
    if !(0.0..=1.0).contains(&least) {
        return Err(invalid("`least` is a score from 0 to 1"));
    }
    let name = entity_name("entity", &asked.entity)?;
    let items = shared.read(move |desk| desk.candidates(&name, least)).await?;
    Ok(json(&Items { items }))
}

pub async fn suggestions(State(shared): State<Arc<Shared>>, asked: Asked<SuggestionList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    known("status", list.status.as_deref(), SUGGESTION_STATES)?;
    known("what", list.what.as_deref(), PROPOSALS)?;
    Ok(json(&shared.read(move |desk| desk.suggestions(list.status, list.what, list.skip, limit)).await?))
}

fn known(name: &str, given: Option<&str>, possible: &[&str]) -> Result<(), Problem> {
    match given {
        Some(given) if !possible.contains(&given) => {
            Err(invalid(format!("`{name}` is one of {}, not `{given}`", possible.join(", "))))
        }
        _ => Ok(()),
    }
}

pub async fn accept(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = parse(&body)?;
    let command = Command::AcceptSuggestion { suggestion: read_path(id)?, actor, reason };
    give(&shared, submit::key(&headers)?, command).await
}

pub async fn reject(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = parse(&body)?;
    let command = Command::RejectSuggestion { suggestion: read_path(id)?, actor, reason };
    give(&shared, submit::key(&headers)?, command).await
}
