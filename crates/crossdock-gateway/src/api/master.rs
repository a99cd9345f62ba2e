//! Names: references, merges and suggestions.

use std::str::FromStr as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use bytes::Bytes;
use crossdock_core::event::{EntityRef, Reference};
use crossdock_core::ids::{SuggestionId, SystemName};
use crossdock_core::model::EntityKind;
use crossdock_core::routing::Decision;
use crossdock_runtime::desk::Mistake;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::act::{Why, actor, parse};
use super::answer::{Answer, json};
use super::read::{Asked, entity_name, invalid, read_query, rows};
use crate::problem::Problem;

/// Largest body of `POST /api/references`, in bytes: 100,000 references fit.
pub const REFERENCES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The path that takes so much.
pub const REFERENCES_PATH: &str = "/api/references";

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/references", get(find).post(change))
        .route("/references/table", get(table))
        .route("/merges", post(merge))
        .route("/merges/split", post(split))
        .route("/candidates", get(candidates))
        .route("/suggestions", get(suggestions))
        .route("/suggestions/{id}/accept", post(accept))
        .route("/suggestions/{id}/reject", post(reject))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByValue {
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePage {
    /// The last reference of the page before, as JSON.
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuggestionList {
    status: Option<String>,
    what: Option<String>,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    entity: String,
    least: Option<f64>,
}

/// One reference as the API takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// `customer_account/C001`.
    entity: String,
    system: String,
    kind: String,
    value: String,
}

/// References to add and to take away: all or none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    #[serde(default)]
    add: Vec<Given>,
    #[serde(default)]
    remove: Vec<Given>,
    /// Only tell what is wrong.
    #[serde(default)]
    dry_run: bool,
    actor: Option<String>,
    reason: Option<String>,
}

/// What became of it. `done` is false when anything is wrong, or for a dry run: then nothing was changed.
#[derive(Serialize)]
struct Report {
    done: bool,
    added: usize,
    removed: usize,
    mistakes: Vec<Mistake>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    survivor: String,
    other: String,
    actor: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    entity: String,
    actor: Option<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Done {
    done: bool,
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

async fn find(State(shared): State<Arc<Shared>>, asked: Asked<ByValue>) -> Answer {
    let value = read_query(asked)?.value;
    let items = shared.read(move |desk| desk.find(&value)).await?;
    Ok(json(&Items { items }))
}

async fn table(State(shared): State<Arc<Shared>>, asked: Asked<TablePage>) -> Answer {
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

async fn change(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let changes: Changes = parse(&body)?;
    let mut mistakes = Vec::new();
    let (added, removed) = (changes.add.len(), changes.remove.len());
    let add = references(changes.add, "add", &mut mistakes);
    let remove = references(changes.remove, "remove", &mut mistakes);
    let actor = match changes.dry_run {
        true => actor(changes.actor, changes.reason.or_else(|| Some("dry run".to_owned())))?,
        false => actor(changes.actor, changes.reason)?,
    };
    let is_dry = changes.dry_run || !mistakes.is_empty();
    mistakes.extend(shared.desk.change_references(add, remove, is_dry, &actor).await?);
    mistakes.sort_by(|a, b| (a.list, a.row).cmp(&(b.list, b.row)));
    Ok(json(&Report { done: mistakes.is_empty() && !is_dry, added, removed, mistakes }))
}

/// Each with its row.
fn references(given: Vec<Given>, list: &'static str, mistakes: &mut Vec<Mistake>) -> Vec<(usize, Reference)> {
    let mut references = Vec::with_capacity(given.len());
    for (row, Given { entity, system, kind, value }) in given.into_iter().enumerate() {
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

async fn merge(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Merge { survivor, other, actor: name, reason } = parse(&body)?;
    let decision =
        Decision::Merge { survivor: entity_name("survivor", &survivor)?, other: entity_name("other", &other)? };
    shared.desk.decide(decision, &actor(name, reason)?).await?;
    Ok(json(&Done { done: true }))
}

async fn split(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Split { entity: name, actor: by, reason } = parse(&body)?;
    shared.desk.decide(Decision::Split { name: entity_name("entity", &name)? }, &actor(by, reason)?).await?;
    Ok(json(&Done { done: true }))
}

async fn candidates(State(shared): State<Arc<Shared>>, asked: Asked<Compared>) -> Answer {
    let asked = read_query(asked)?;
    let least = asked.least.unwrap_or(0.5);
    if !(0.0..=1.0).contains(&least) {
        return Err(invalid("`least` is a score from 0 to 1"));
    }
    let name = entity_name("entity", &asked.entity)?;
    let items = shared.read(move |desk| desk.candidates(&name, least)).await?;
    Ok(json(&Items { items }))
}

async fn suggestions(State(shared): State<Arc<Shared>>, asked: Asked<SuggestionList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    let known = |name: &str, given: &Option<String>, possible: &[&str]| match given {
        Some(given) if !possible.contains(&given.as_str()) => {
            Err(invalid(format!("`{name}` is one of {}, not `{given}`", possible.join(", "))))
        }
        _ => Ok(()),
    };
    known("status", &list.status, &["open", "accepted", "rejected", "withdrawn"])?;
    known("what", &list.what, &["merge", "change"])?;
    Ok(json(&shared.read(move |desk| desk.suggestions(list.status, list.what, list.skip, limit)).await?))
}

async fn accept(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let why: Why = parse(&body)?;
    let suggestion = suggestion(&id)?;
    shared.desk.decide(Decision::Accept { suggestion }, &why.actor()?).await?;
    Ok(json(&Done { done: true }))
}

async fn reject(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let why: Why = parse(&body)?;
    let suggestion = suggestion(&id)?;
    shared.desk.decide(Decision::Reject { suggestion }, &why.actor()?).await?;
    Ok(json(&Done { done: true }))
}

fn suggestion(id: &str) -> Result<SuggestionId, Problem> {
    let unreadable = |_| invalid(format!("`{id}` is not the id of a suggestion"));
    SuggestionId::from_str(id).map_err(unreadable)
}
