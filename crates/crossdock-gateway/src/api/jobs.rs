//! Jobs: many paused transmissions resumed or given up, or failed messages routed again, by one decision.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use crossdock_core::exception::ExceptionClass;
use crossdock_core::ids::{FlowName, SystemName};
use crossdock_core::job::{JobAction, JobFilter, JobPlan, RATE};
use crossdock_runtime::desk::Actor;
use hyper::header::HeaderMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::act::{self, Command, InPath, Why};
use super::answer::{Answer, json};
use super::read::{Asked, entity_name, invalid, read_path, read_query, rows};
use super::{Shared, records, submit};
use crate::problem::Problem;

/// Which paused transmissions or failed messages; what is not said means any. All that is said must fit.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Owed to this system, or sent by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    /// Owed by this flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<String>,
    /// To do this there.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// With an open exception of this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<ExceptionClass>,
    /// About this entity, such as `shipment/281`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    entity: Option<String>,
    /// Paused at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    since: Option<Timestamp>,
    /// Paused before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    until: Option<Timestamp>,
    /// Standing still for the same reason: a `fault` of `listFaults`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{16}$"))]
    fault: Option<String>,
}

/// What to do to which.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartJob {
    /// What is done to each.
    action: JobAction,
    /// To which; to everything that stands still when nothing is said.
    #[serde(default)]
    which: Which,
    /// How many in a second, at most 1,000; 50 when nothing is said.
    #[schemars(range(min = 1, max = 1000))]
    rate_per_s: Option<NonZeroU32>,
    /// Also resume what may have taken effect at a system that honours no key: it may be done twice.
    #[serde(default)]
    in_doubt: bool,
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit records.
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobList {
    /// Only those that run, or only those that do not.
    running: Option<bool>,
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
pub struct FaultList {
    /// Only those at this system.
    system: Option<String>,
}

pub async fn start(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let StartJob { action, which, rate_per_s, in_doubt, dry_run, actor, reason } = act::parse(&body)?;
    let command = Command::StartJob { action, which, rate_per_s, in_doubt, dry_run, actor, reason };
    act::give(&shared, submit::key(&headers)?, command).await
}

pub async fn stop(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = act::parse(&body)?;
    act::give(&shared, submit::key(&headers)?, Command::StopJob { job: read_path(id)?, actor, reason }).await
}

pub async fn list(State(shared): State<Arc<Shared>>, asked: Asked<JobList>) -> Answer {
    let list = read_query(asked)?;
    let limit = rows(list.limit)?;
    Ok(json(&shared.read(move |desk| desk.jobs(list.running, list.skip, limit)).await?))
}

pub async fn one(State(shared): State<Arc<Shared>>, id: InPath) -> Answer {
    let id = records::parse("job", &read_path(id)?)?;
    Ok(json(&shared.read(move |desk| desk.job(id)).await?))
}

pub async fn faults(State(shared): State<Arc<Shared>>, asked: Asked<FaultList>) -> Answer {
    let system = read_query(asked)?.system.as_deref().map(SystemName::from);
    Ok(json(&shared.read(move |desk| desk.faults(system.as_ref())).await?))
}

/// What a request wants.
pub fn plan(
    action: JobAction,
    which: Which,
    rate_per_s: Option<NonZeroU32>,
    in_doubt: bool,
    actor: &Actor,
) -> Result<JobPlan, Problem> {
    let filter = JobFilter {
        system: which.system.as_deref().map(SystemName::from),
        flow: which.flow.as_deref().map(FlowName::from),
        operation: which.operation,
        class: which.class,
        entity: which.entity.map(|entity| entity_name("entity", &entity)).transpose()?,
        since: which.since,
        until: which.until,
        fault: which.fault.map(|fault| fault.parse().map_err(|error| invalid(format!("{error}")))).transpose()?,
    };
    let (by, reason) = (actor.name.clone(), actor.reason.clone().unwrap_or_default());
    Ok(JobPlan { action, filter, rate_per_s: rate_per_s.unwrap_or(RATE), in_doubt, by, reason })
}
