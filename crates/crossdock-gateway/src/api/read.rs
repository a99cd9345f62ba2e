//! What can be looked at.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::Response;
use crossdock_core::event::EntityRef;
use crossdock_core::exception::{ExceptionClass, Severity};
use crossdock_core::ids::SystemName;
use crossdock_runtime::desk::ExceptionAsk;
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Shared;
use super::answer::{Answer, json};
use crate::problem::{Problem, code};

/// Rows of a list when nothing is said.
const ROWS: usize = 50;
/// Rows of a list at most.
const ROWS_MAX: usize = 500;

const MESSAGE_STATES: &[&str] = &["waiting", "translated", "ignored", "failed"];
const TRANSMISSION_STATES: &[&str] = &["held", "owed", "sending", "done", "paused", "cancelled"];

/// Parameters of a query, or why they cannot be read.
pub type Asked<T> = Result<Query<T>, QueryRejection>;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByReference {
    /// What to look for.
    reference: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageList {
    /// Only those from this system.
    system: Option<String>,
    /// Only those of which this became.
    #[schemars(extend("enum" = MESSAGE_STATES))]
    state: Option<String>,
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
pub struct TransmissionList {
    /// Only those to this system.
    system: Option<String>,
    /// Only those that stand so.
    #[schemars(extend("enum" = TRANSMISSION_STATES))]
    state: Option<String>,
    /// Only those about this entity, such as `shipment/281`.
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    about: Option<String>,
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
pub struct ExceptionList {
    /// Only those that are open, or only those that are not.
    open: Option<bool>,
    /// Only those of this class.
    class: Option<ExceptionClass>,
    /// Only those that matter so much.
    severity: Option<Severity>,
    /// Only those about this system.
    system: Option<String>,
    /// Only those that affect this entity, such as `shipment/281`.
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    entity: Option<String>,
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
pub struct PlainList {
    /// How many of the newest to pass over.
    #[serde(default)]
    #[schemars(range(max = u64::MAX))]
    skip: usize,
    /// How many at most; 50 when nothing is said.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

pub async fn overview(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(json(&shared.read(|desk| desk.overview()).await?))
}

pub async fn mapping_report(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(json(&shared.read(|desk| desk.mapping_report()).await?))
}

pub async fn trace(State(shared): State<Arc<Shared>>, asked: Asked<ByReference>) -> Answer {
    story(&shared, read_query(asked)?.reference).await
}

pub async fn trace_by_path(
    State(shared): State<Arc<Shared>>,
    reference: Result<Path<String>, PathRejection>,
) -> Answer {
    story(&shared, read_path(reference)?).await
}

async fn story(shared: &Shared, reference: String) -> Answer {
    let wanted = reference.clone();
    match shared.read(move |desk| desk.trace(&wanted)).await? {
        Some(story) => Ok(json(&story)),
        None => {
            let wanted = reference.clone();
            let near = shared.read(move |desk| desk.similar(&wanted)).await?;
            let detail = format!(
                "nothing is known by `{reference}`; try an order, shipment, tracking or invoice number, or an id"
            );
            let near = near.iter().map(ToString::to_string).collect();
            Err(Problem::new(StatusCode::NOT_FOUND, code::NOT_FOUND, detail).near(near))
        }
    }
}

pub async fn messages(State(shared): State<Arc<Shared>>, asked: Asked<MessageList>) -> Answer {
    let list = read_query(asked)?;
    let state = one_of("state", list.state, MESSAGE_STATES)?;
    let limit = rows(list.limit)?;
    let listing = shared.read(move |desk| {
        let system = list.system.as_deref().map(SystemName::from);
        filtered(
            |filter| desk.messages(filter, list.skip, limit),
            |filter| (filter.system, filter.state) = (system, state),
        )
    });
    Ok(json(&listing.await?))
}

pub async fn transmissions(State(shared): State<Arc<Shared>>, asked: Asked<TransmissionList>) -> Answer {
    let list = read_query(asked)?;
    let state = one_of("state", list.state, TRANSMISSION_STATES)?;
    let about = list.about.map(|about| entity_name("about", &about)).transpose()?;
    let limit = rows(list.limit)?;
    let listing = shared.read(move |desk| {
        let system = list.system.as_deref().map(SystemName::from);
        filtered(
            |filter| desk.transmissions(filter, list.skip, limit),
            |filter| (filter.system, filter.state, filter.about) = (system, state, about),
        )
    });
    Ok(json(&listing.await?))
}

pub async fn exceptions(State(shared): State<Arc<Shared>>, asked: Asked<ExceptionList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    let ask = ExceptionAsk {
        open: list.open,
        class: list.class,
        severity: list.severity,
        system: list.system.as_deref().map(SystemName::from),
        entity: list.entity.map(|entity| entity_name("entity", &entity)).transpose()?,
    };
    Ok(json(&shared.read(move |desk| desk.exceptions(&ask, list.skip, limit)).await?))
}

pub async fn rejections(State(shared): State<Arc<Shared>>, asked: Asked<PlainList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    Ok(json(&shared.read(move |desk| desk.rejections(list.skip, limit)).await?))
}

pub async fn ready(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    shared.readiness.answer(uri.path()).await.map(Body::new)
}

pub fn read_query<T>(asked: Asked<T>) -> Result<T, Problem> {
    asked.map(|Query(asked)| asked).map_err(|error| invalid(error.body_text()))
}

pub fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code::REQUEST_INVALID, detail)
}

/// What stands in the path, or that it is no text.
pub fn read_path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(path)| path).map_err(|error| invalid(error.body_text()))
}

fn one_of(name: &str, given: Option<String>, possible: &[&str]) -> Result<Option<String>, Problem> {
    match given {
        Some(given) if !possible.contains(&given.as_str()) => {
            Err(invalid(format!("`{name}` is one of {}, not `{given}`", possible.join(", "))))
        }
        given => Ok(given),
    }
}

pub fn rows(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(ROWS) {
        limit @ 1..=ROWS_MAX => Ok(limit),
        limit => Err(invalid(format!("`limit` is from 1 to {ROWS_MAX}, not {limit}"))),
    }
}

/// The entity that a parameter names.
pub fn entity_name(name: &str, text: &str) -> Result<EntityRef, Problem> {
    match text.split_once('/') {
        Some((kind, key)) if !kind.is_empty() && !key.is_empty() => Ok(EntityRef::new(kind, key)),
        _ => Err(invalid(format!("`{name}` is a kind and a key such as `shipment/281`, not `{text}`"))),
    }
}

/// Asks with a filter. Filters are the store's types, which this crate does not name: what is asked says which it is.
fn filtered<F: Default, T>(ask: impl FnOnce(&F) -> T, fill: impl FnOnce(&mut F)) -> T {
    let mut filter = F::default();
    fill(&mut filter);
    ask(&filter)
}
