//! What cannot go on, and what a person changes to let it go on.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use crossdock_core::ids::SystemName;
use crossdock_core::routing::Replacement;
use crossdock_core::value::{JsonLimits, Value};
use crossdock_runtime::desk::{Listing, StuckAsk, StuckKind};
use hyper::header::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::act::{self, Command, InPath};
use super::answer::{Answer, json};
use super::read::{Asked, invalid, read_path, read_query, rows};
use super::{Shared, submit};
use crate::problem::Problem;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StuckList {
    /// Only messages, or only transmissions.
    kind: Option<StuckKind>,
    /// Only those from or to this system.
    system: Option<String>,
    /// How many to pass over.
    #[serde(default)]
    #[schemars(range(max = u64::MAX))]
    skip: usize,
    /// How many at most; 50 when nothing is said.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditList {
    /// `transmission/<id>` or `message/<id>`.
    of: String,
}

/// Another input.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditTransmission {
    /// The whole input, in place of the old one.
    #[schemars(extend("type" = "object"))]
    input: Value,
    /// It may have taken effect where nothing would notice a second time, and may be done twice.
    #[serde(default)]
    confirmed: bool,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit record.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    reason: Option<String>,
}

/// Another system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reroute {
    /// It has to be able to do the same.
    system: String,
    /// It may have taken effect at the first one, and may be done twice.
    #[serde(default)]
    confirmed: bool,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit record.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    reason: Option<String>,
}

/// Another body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correct {
    /// The whole body, as text.
    body: String,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit record.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    reason: Option<String>,
}

pub async fn stuck(State(shared): State<Arc<Shared>>, asked: Asked<StuckList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    let ask = StuckAsk { kind: list.kind, system: list.system.as_deref().map(SystemName::from) };
    Ok(json(&shared.read(move |desk| desk.stuck(&ask, list.skip, limit)).await?))
}

pub async fn edits(State(shared): State<Arc<Shared>>, asked: Asked<EditList>) -> Answer {
    let of = read_query(asked)?.of;
    let items = shared.read(move |desk| desk.edits(&of)).await?;
    Ok(json(&Listing { items, more: false }))
}

pub async fn edit(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let EditTransmission { input, confirmed, actor, reason } = act::parse(&body)?;
    let (transmission, input) = (read_path(id)?, input.to_json_string());
    let command = Command::EditTransmission { transmission, input, confirmed, actor, reason };
    act::give(&shared, submit::key(&headers)?, command).await
}

pub async fn reroute(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Reroute { system, confirmed, actor, reason } = act::parse(&body)?;
    let transmission = read_path(id)?;
    let command = Command::RerouteTransmission { transmission, system, confirmed, actor, reason };
    act::give(&shared, submit::key(&headers)?, command).await
}

pub async fn correct(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Correct { body, actor, reason } = act::parse(&body)?;
    let command = Command::CorrectMessage { message: read_path(id)?, body, actor, reason };
    act::give(&shared, submit::key(&headers)?, command).await
}

/// A replacement of the input.
pub fn edited(input: &str, confirmed: bool) -> Result<Replacement, Problem> {
    let input = Value::parse_json(input.as_bytes(), &JsonLimits::default())
        .map_err(|error| invalid(format!("`input` is not usable JSON: {error}")))?;
    if input.as_map().is_none() {
        return Err(invalid("`input` is an object"));
    }
    Ok(Replacement { input: Some(input), system: None, confirmed })
}

/// A replacement of the system.
pub fn rerouted(system: SystemName, confirmed: bool) -> Replacement {
    Replacement { input: None, system: Some(system), confirmed }
}
