//! Replay plans: messages read anew, as it was looked at and approved before.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use crossdock_core::exception::ExceptionClass;
use crossdock_core::ids::{FlowName, SystemName};
use crossdock_core::replay::{Effects, ReplayFilter};
use crossdock_runtime::desk::{CandidateFolder, ReplayRequest};
use hyper::header::HeaderMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::act::{self, Command, InPath, Why};
use super::answer::{Answer, json};
use super::read::{Asked, read_path, read_query, rows};
use super::{Shared, records, submit};

/// Which messages; all that is said must fit, and something must be said.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichMessages {
    /// Behind what is known by this key or any system's id, such as `order/S1` or a tracking number; or one message's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Accepted at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    from: Option<Timestamp>,
    /// Accepted before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    to: Option<Timestamp>,
    /// From this system.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    /// That this inbound flow takes, or whose events this outbound flow wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<String>,
    /// With an open exception of this class, also for what was owed because of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<ExceptionClass>,
}

/// What is wanted of a replay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanReplay {
    /// Which messages.
    which: WhichMessages,
    /// What may be owed to systems; what was never owed before when nothing is said.
    #[serde(default)]
    effects: Effects,
    /// A configuration to read them with; the running one when nothing is said. A plan runs only once the hub runs it.
    with: Option<CandidateFolder>,
    /// Only tell what it would do: no plan is kept.
    #[serde(default)]
    dry_run: bool,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the plan and the audit record; a dry run needs none.
    reason: Option<String>,
}

/// How a plan is run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunReplay {
    /// How many messages in a second, at most 1,000; 50 when nothing is said.
    #[schemars(range(min = 1, max = 1000))]
    rate_per_s: Option<NonZeroU32>,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit records.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayList {
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
pub struct ReplayMessages {
    /// Only those that would change something or cannot be read.
    #[serde(default)]
    changing: bool,
    /// How many of the first to pass over.
    #[serde(default)]
    #[schemars(range(max = u64::MAX))]
    skip: usize,
    /// How many at most; 50 when nothing is said.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

pub async fn plan(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let PlanReplay { which, effects, with, dry_run, actor, reason } = act::parse(&body)?;
    let command = Command::PlanReplay { which, effects, with, dry_run, actor, reason };
    act::give(&shared, submit::key(&headers)?, command).await
}

pub async fn approve(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = act::parse(&body)?;
    let command = Command::ApproveReplay { replay: read_path(id)?, actor, reason };
    act::give(&shared, submit::key(&headers)?, command).await
}

pub async fn run(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let RunReplay { rate_per_s, actor, reason } = act::parse(&body)?;
    let command = Command::RunReplay { replay: read_path(id)?, rate_per_s, actor, reason };
    act::give(&shared, submit::key(&headers)?, command).await
}

pub async fn stop(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = act::parse(&body)?;
    act::give(&shared, submit::key(&headers)?, Command::StopReplay { replay: read_path(id)?, actor, reason }).await
}

pub async fn list(State(shared): State<Arc<Shared>>, asked: Asked<ReplayList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    Ok(json(&shared.read(move |desk| desk.replays(list.skip, limit)).await?))
}

pub async fn one(State(shared): State<Arc<Shared>>, id: InPath) -> Answer {
    let id = records::parse("replay plan", &read_path(id)?)?;
    Ok(json(&shared.read(move |desk| desk.replay(id)).await?))
}

pub async fn messages(State(shared): State<Arc<Shared>>, id: InPath, asked: Asked<ReplayMessages>) -> Answer {
    let id = records::parse("replay plan", &read_path(id)?)?;
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    Ok(json(&shared.read(move |desk| desk.replay_items(id, list.changing, list.skip, limit)).await?))
}

/// What a request wants.
pub fn request(which: WhichMessages, effects: Effects, with: Option<CandidateFolder>, dry_run: bool) -> ReplayRequest {
    let which = ReplayFilter {
        reference: which.reference,
        from: which.from,
        to: which.to,
        system: which.system.as_deref().map(SystemName::from),
        flow: which.flow.as_deref().map(FlowName::from),
        class: which.class,
    };
    ReplayRequest { which, effects, with, dry_run }
}
