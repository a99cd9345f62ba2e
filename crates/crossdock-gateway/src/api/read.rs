//! What can be looked at.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::Response;
use crossdock_core::event::EntityRef;
use crossdock_core::ids::SystemName;
use hyper::StatusCode;
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
type Asked<T> = Result<Query<T>, QueryRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByReference {
    reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageList {
    system: Option<String>,
    state: Option<String>,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransmissionList {
    system: Option<String>,
    state: Option<String>,
    /// `shipment/281`.
    about: Option<String>,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionList {
    open: Option<bool>,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainList {
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

pub async fn overview(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(json(&shared.read(|desk| desk.overview()).await?))
}

pub async fn trace(State(shared): State<Arc<Shared>>, asked: Asked<ByReference>) -> Answer {
    story(&shared, read_query(asked)?.reference).await
}

pub async fn trace_by_path(State(shared): State<Arc<Shared>>, Path(reference): Path<String>) -> Answer {
    story(&shared, reference).await
}

async fn story(shared: &Shared, reference: String) -> Answer {
    let wanted = reference.clone();
    match shared.read(move |desk| desk.trace(&wanted)).await? {
        Some(story) => Ok(json(&story)),
        None => {
            let detail = format!(
                "nothing is known by `{reference}`; try an order, shipment, tracking or invoice number, or an id"
            );
            Err(Problem::new(StatusCode::NOT_FOUND, code::NOT_FOUND, detail))
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
    let about = list.about.map(|about| entity(&about)).transpose()?;
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
    Ok(json(&shared.read(move |desk| desk.exceptions(list.open, list.skip, limit)).await?))
}

pub async fn rejections(State(shared): State<Arc<Shared>>, asked: Asked<PlainList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    Ok(json(&shared.read(move |desk| desk.rejections(list.skip, limit)).await?))
}

pub async fn ready(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    shared.readiness.answer(uri.path()).await.map(Body::new)
}

fn read_query<T>(asked: Asked<T>) -> Result<T, Problem> {
    asked.map(|Query(asked)| asked).map_err(|error| invalid(error.body_text()))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code::REQUEST_INVALID, detail)
}

fn one_of(name: &str, given: Option<String>, possible: &[&str]) -> Result<Option<String>, Problem> {
    match given {
        Some(given) if !possible.contains(&given.as_str()) => {
            Err(invalid(format!("`{name}` is one of {}, not `{given}`", possible.join(", "))))
        }
        given => Ok(given),
    }
}

fn rows(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(ROWS) {
        limit @ 1..=ROWS_MAX => Ok(limit),
        limit => Err(invalid(format!("`limit` is from 1 to {ROWS_MAX}, not {limit}"))),
    }
}

fn entity(text: &str) -> Result<EntityRef, Problem> {
    match text.split_once('/') {
        Some((kind, key)) if !kind.is_empty() && !key.is_empty() => Ok(EntityRef::new(kind, key)),
        _ => Err(invalid(format!("`about` is a kind and a key such as `shipment/281`, not `{text}`"))),
    }
}

/// Asks with a filter. Filters are the store's types, which this crate does not name: what is asked says which it is.
fn filtered<F: Default, T>(ask: impl FnOnce(&F) -> T, fill: impl FnOnce(&mut F)) -> T {
    let mut filter = F::default();
    fill(&mut filter);
    ask(&filter)
}
