//! What can be done. Each action names who does it and why; the runtime audits it.

use std::str::FromStr as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use crossdock_core::ids::{MessageId, SystemName, TransmissionId};
use crossdock_runtime::desk::{Actor, ResumeScope};
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::answer::{Answer, json};
use crate::problem::{Problem, code};

/// Longest name of an actor, in characters.
const ACTOR_MAX: usize = 100;
/// Longest reason, in characters.
const REASON_MAX: usize = 2000;
/// Transmissions named in one call at most.
const IDS_MAX: usize = 10_000;

/// Who does it, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Why {
    actor: Option<String>,
    reason: Option<String>,
}

/// What to resume: exactly one of `ids`, `system` and `all`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    ids: Option<Vec<String>>,
    system: Option<String>,
    all: Option<bool>,
    actor: Option<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Done {
    done: bool,
}

pub async fn resume(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let resume: Resume = parse(&body)?;
    let scope = scope(resume.ids, resume.system, resume.all)?;
    if let ResumeScope::System(system) = &scope {
        must_exist(&shared, system).await?;
    }
    let actor = actor(resume.actor, resume.reason)?;
    Ok(json(&shared.desk.resume(&scope, &actor).await?))
}

pub async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let why: Why = parse(&body)?;
    let actor = actor(why.actor, why.reason)?;
    shared.desk.cancel(transmission(&id)?, &actor).await?;
    Ok(json(&Done { done: true }))
}

pub async fn rerun(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let why: Why = parse(&body)?;
    let actor = actor(why.actor, why.reason)?;
    let id = MessageId::from_str(&id).map_err(|_| invalid(format!("`{id}` is not the id of a message")))?;
    shared.desk.rerun(id, &actor).await?;
    Ok(json(&Done { done: true }))
}

pub async fn pause_system(State(shared): State<Arc<Shared>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let why: Why = parse(&body)?;
    let actor = actor(why.actor, why.reason)?;
    shared.desk.pause_system(&SystemName::from(name.as_str()), &actor).await?;
    Ok(json(&Done { done: true }))
}

pub async fn resume_system(State(shared): State<Arc<Shared>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let why: Why = parse(&body)?;
    let actor = actor(why.actor, why.reason)?;
    let system = SystemName::from(name.as_str());
    must_exist(&shared, &system).await?;
    Ok(json(&shared.desk.resume(&ResumeScope::System(system), &actor).await?))
}

/// A misspelled system must not look like one where nothing was paused.
async fn must_exist(shared: &Shared, system: &SystemName) -> Result<(), Problem> {
    let overview = shared.read(|desk| desk.overview()).await?;
    match overview.systems.iter().any(|row| row.name == *system) {
        true => Ok(()),
        false => Err(Problem::new(StatusCode::NOT_FOUND, code::NOT_FOUND, format!("there is no system `{system}`"))),
    }
}

fn scope(ids: Option<Vec<String>>, system: Option<String>, all: Option<bool>) -> Result<ResumeScope, Problem> {
    match (ids, system, all) {
        (Some(ids), None, None) if ids.is_empty() || ids.len() > IDS_MAX => {
            Err(invalid(format!("`ids` names from 1 to {IDS_MAX} transmissions, not {}", ids.len())))
        }
        (Some(ids), None, None) => {
            Ok(ResumeScope::Transmissions(ids.iter().map(|id| transmission(id)).collect::<Result<_, _>>()?))
        }
        (None, Some(system), None) => Ok(ResumeScope::System(SystemName::from(system.as_str()))),
        (None, None, Some(true)) => Ok(ResumeScope::All),
        _ => Err(invalid("say what to resume with exactly one of `ids`, `system` and `all: true`")),
    }
}

fn transmission(id: &str) -> Result<TransmissionId, Problem> {
    TransmissionId::from_str(id).map_err(|_| invalid(format!("`{id}` is not the id of a transmission")))
}

fn actor(name: Option<String>, reason: Option<String>) -> Result<Actor, Problem> {
    let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or("api");
    let reason = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let Some(reason) = reason else {
        return Err(invalid("an action needs a `reason`: it is kept in the audit record"));
    };
    if name.chars().count() > ACTOR_MAX || reason.chars().count() > REASON_MAX {
        return Err(invalid(format!("`actor` has at most {ACTOR_MAX} characters and `reason` at most {REASON_MAX}")));
    }
    Ok(Actor { name: name.to_owned(), reason: Some(reason.to_owned()) })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| invalid(format!("the body is not what this takes: {error}")))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code::REQUEST_INVALID, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expect: Result<ResumeScope, &str>) {
        let result = parse(body.as_bytes()).and_then(|resume: Resume| scope(resume.ids, resume.system, resume.all));
        match (result, expect) {
            (Ok(scope), Ok(expect)) => assert_eq!(scope, expect, "{body}"),
            (Err(problem), Err(expect)) => {
                assert_eq!(problem.status, 400);
                assert!(problem.detail.contains(expect), "{body}: {}", problem.detail);
            }
            (result, expect) => panic!("{body}: {result:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn one_scope_is_named() {
        let id = "01938e2a-7b00-7000-8000-000000000001";
        let ids = vec![TransmissionId::from_str(id).expect("valid")];
        check(&format!(r#"{{"ids":["{id}"]}}"#), Ok(ResumeScope::Transmissions(ids)));
        check(r#"{"system":"odoo","reason":"x"}"#, Ok(ResumeScope::System(SystemName::from("odoo"))));
        check(r#"{"all":true}"#, Ok(ResumeScope::All));
        check(r#"{"all":false}"#, Err("exactly one"));
        check(r#"{"all":true,"system":"odoo"}"#, Err("exactly one"));
        check("{}", Err("exactly one"));
        check(r#"{"ids":[]}"#, Err("from 1 to"));
        check(r#"{"ids":["7"]}"#, Err("`7` is not the id"));
        check(r#"{"everything":true}"#, Err("unknown field"));
        check("[", Err("not what this takes"));
    }

    #[test]
    fn an_action_needs_a_reason() {
        let text = |text: &str| Some(text.to_owned());
        assert!(actor(None, None).is_err());
        assert!(actor(text("ann"), text("  ")).is_err());
        assert!(actor(text("ann"), text(&"x".repeat(2001))).is_err());
        let ann = actor(text(" ann "), text(" Odoo is back ")).expect("complete");
        assert_eq!(ann, Actor { name: "ann".into(), reason: Some("Odoo is back".into()) });
        assert_eq!(actor(None, text("x")).expect("complete").name, "api");
    }
}
