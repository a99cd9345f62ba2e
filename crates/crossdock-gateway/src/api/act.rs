//! What can be done. Each action names who does it and why; the runtime audits it.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use bytes::Bytes;
use crossdock_core::ids::{ReplayId, SuggestionId, SystemName, TransmissionId};
use crossdock_core::job::{JobAction, RATE};
use crossdock_core::replay::Effects;
use crossdock_core::routing::Decision;
use crossdock_runtime::desk::{
    Actor, CandidateFolder, CommandKey, Done, JobAnswer, JobView, Mended, Order, ReferencesChanged, ReplayView,
    ResumeScope, Resumed,
};
use hyper::header::HeaderMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json_text};
use super::jobs::{self, Which};
use super::master::{self, GivenReference};
use super::read::{entity_name, invalid, read_path};
use super::replays::{self, WhichMessages};
use super::{Shared, mend, records, submit};
use crate::problem::Problem;

/// Longest name of an actor, in characters.
const ACTOR_MAX: usize = 100;
/// Longest reason, in characters.
const REASON_MAX: usize = 2000;
/// Transmissions named in one call at most.
const IDS_MAX: usize = 10_000;

/// Who does it, and why.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// A person, or a program in a person's name; `api` when nothing is said.
    #[serde(default)]
    pub actor: Option<String>,
    /// Kept in the audit record.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    pub reason: Option<String>,
}

/// What to resume: exactly one of `ids`, `system` and `all`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Exactly these, at most 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<String>>,
    /// A system and everything paused there.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    /// Everything, when it is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    /// Also what may have taken effect at a system that honours no key: it may be done twice. Look there first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_doubt: bool,
    /// A person, or a program in a person's name; `api` when nothing is said.
    actor: Option<String>,
    /// Kept in the audit record.
    #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
    reason: Option<String>,
}

/// A command. Each needs a `reason`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "command", deny_unknown_fields)]
pub enum Command {
    /// Let paused transmissions go on: exactly one of `ids`, `system` and `all`.
    #[serde(rename = "transmission.resume")]
    ResumeTransmissions {
        #[serde(skip_serializing_if = "Option::is_none")]
        ids: Option<Vec<String>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        system: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        all: Option<bool>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Give up a paused or held transmission.
    #[serde(rename = "transmission.cancel")]
    CancelTransmission {
        transmission: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Route a failed message again.
    #[serde(rename = "message.rerun")]
    RerunMessage {
        message: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Send nothing to a system until it is resumed.
    #[serde(rename = "system.pause")]
    PauseSystem {
        system: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Send to a system again, and resume what is paused there.
    #[serde(rename = "system.resume")]
    ResumeSystem {
        system: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Do something to many paused transmissions or failed messages, one by one. A dry run needs no reason.
    #[serde(rename = "job.start")]
    StartJob {
        action: JobAction,
        #[serde(default)]
        which: Which,
        #[serde(skip_serializing_if = "Option::is_none")]
        rate_per_s: Option<NonZeroU32>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
        #[serde(default)]
        dry_run: bool,
        actor: Option<String>,
        reason: Option<String>,
    },
    /// Stop a job: what it did stays done.
    #[serde(rename = "job.stop")]
    StopJob {
        job: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Let a paused transmission go on with another input; the original is kept.
    #[serde(rename = "transmission.edit")]
    EditTransmission {
        transmission: String,
        /// The whole input, as JSON in a text.
        input: String,
        #[serde(default)]
        confirmed: bool,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Let a paused transmission go to another system that can do the same.
    #[serde(rename = "transmission.reroute")]
    RerouteTransmission {
        transmission: String,
        system: String,
        #[serde(default)]
        confirmed: bool,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Put a message with another body in the place of one that failed; the original is kept.
    #[serde(rename = "message.correct")]
    CorrectMessage {
        message: String,
        body: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Draw up a replay plan. A dry run needs no reason.
    #[serde(rename = "replay.plan")]
    PlanReplay {
        which: WhichMessages,
        #[serde(default)]
        effects: Effects,
        #[serde(skip_serializing_if = "Option::is_none")]
        with: Option<CandidateFolder>,
        #[serde(default)]
        dry_run: bool,
        actor: Option<String>,
        reason: Option<String>,
    },
    /// Agree to a replay plan.
    #[serde(rename = "replay.approve")]
    ApproveReplay {
        replay: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Run an approved replay plan.
    #[serde(rename = "replay.run")]
    RunReplay {
        replay: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        rate_per_s: Option<NonZeroU32>,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Stop the run of a replay plan: what it did stays done.
    #[serde(rename = "replay.stop")]
    StopReplay {
        replay: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Two entities are the same: `survivor` answers for both.
    #[serde(rename = "entity.merge")]
    MergeEntities {
        survivor: String,
        other: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// They are not: the merged one stands for itself again.
    #[serde(rename = "entity.split")]
    SplitEntity {
        entity: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// Add and take away other systems' ids, all or none. A dry run needs no reason.
    #[serde(rename = "references.change")]
    ChangeReferences {
        #[serde(default)]
        add: Vec<GivenReference>,
        #[serde(default)]
        remove: Vec<GivenReference>,
        #[serde(default)]
        dry_run: bool,
        actor: Option<String>,
        reason: Option<String>,
    },
    /// Follow a suggestion.
    #[serde(rename = "suggestion.accept")]
    AcceptSuggestion {
        suggestion: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
    /// A suggestion is wrong; it is not made again.
    #[serde(rename = "suggestion.reject")]
    RejectSuggestion {
        suggestion: String,
        actor: Option<String>,
        #[schemars(with = "String", length(min = 1, max = 2000), regex(pattern = r"\S"))]
        reason: Option<String>,
    },
}

/// What a command gives: what was resumed, what became of references or of a job, or that it is done.
pub fn answer_shape(generator: &mut SchemaGenerator) -> Schema {
    let resumed = generator.subschema_for::<Resumed>();
    let changed = generator.subschema_for::<ReferencesChanged>();
    let started = generator.subschema_for::<JobAnswer>();
    let stopped = generator.subschema_for::<JobView>();
    let mended = generator.subschema_for::<Mended>();
    let replay = generator.subschema_for::<ReplayView>();
    let done = generator.subschema_for::<Done>();
    json_schema!({"anyOf": [resumed, changed, started, stopped, mended, replay, done]})
}

pub async fn command(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let key = submit::key(&headers)?.ok_or_else(submit::key_missing)?;
    give(&shared, Some(key), parse(&body)?).await
}

pub async fn resume(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Resume { ids, system, all, in_doubt, actor, reason } = parse(&body)?;
    let command = Command::ResumeTransmissions { ids, system, all, in_doubt, actor, reason };
    give(&shared, submit::key(&headers)?, command).await
}

pub async fn cancel(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = parse(&body)?;
    let command = Command::CancelTransmission { transmission: read_path(id)?, actor, reason };
    give(&shared, submit::key(&headers)?, command).await
}

pub async fn rerun(State(shared): State<Arc<Shared>>, id: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = parse(&body)?;
    give(&shared, submit::key(&headers)?, Command::RerunMessage { message: read_path(id)?, actor, reason }).await
}

pub async fn pause_system(State(shared): State<Arc<Shared>>, name: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = parse(&body)?;
    give(&shared, submit::key(&headers)?, Command::PauseSystem { system: read_path(name)?, actor, reason }).await
}

pub async fn resume_system(State(shared): State<Arc<Shared>>, name: InPath, headers: HeaderMap, body: Bytes) -> Answer {
    let Why { actor, reason } = parse(&body)?;
    give(&shared, submit::key(&headers)?, Command::ResumeSystem { system: read_path(name)?, actor, reason }).await
}

/// What stands in the path.
pub type InPath = Result<Path<String>, PathRejection>;

/// Carries out a command; once, when it has a key.
pub async fn give(shared: &Shared, key: Option<String>, command: Command) -> Answer {
    let given = serde_json::to_string(&command).map_err(|error| invalid(error.to_string()))?;
    let (order, actor) = command.understood()?;
    let key = key.map(|key| CommandKey { key, given });
    Ok(json_text(shared.desk.command(&order, &actor, key).await?))
}

impl Command {
    fn understood(self) -> Result<(Order, Actor), Problem> {
        let system = |name: String| SystemName::from(name.as_str());
        let (order, name, reason) = match self {
            Command::ResumeTransmissions { ids, system, all, in_doubt, actor, reason } => {
                let scope = scope(ids, system, all)?;
                (if in_doubt { Order::ResumeInDoubt(scope) } else { Order::Resume(scope) }, actor, reason)
            }
            Command::EditTransmission { transmission: id, input, confirmed, actor, reason } => {
                (Order::Mend(transmission(&id)?, mend::edited(&input, confirmed)?), actor, reason)
            }
            Command::RerouteTransmission { transmission: id, system: to, confirmed, actor, reason } => {
                (Order::Mend(transmission(&id)?, mend::rerouted(system(to), confirmed)), actor, reason)
            }
            Command::CorrectMessage { message, body, actor, reason } => {
                (Order::Correct(records::parse("message", &message)?, body.into_bytes()), actor, reason)
            }
            Command::PlanReplay { which, effects, with, dry_run, actor, reason } => {
                let reason = reason.or_else(|| dry_run.then(|| "dry run".to_owned()));
                (Order::PlanReplay(replays::request(which, effects, with, dry_run)), actor, reason)
            }
            Command::ApproveReplay { replay: id, actor, reason } => (Order::ApproveReplay(replay(&id)?), actor, reason),
            Command::RunReplay { replay: id, rate_per_s, actor, reason } => {
                (Order::RunReplay(replay(&id)?, rate_per_s.unwrap_or(RATE)), actor, reason)
            }
            Command::StopReplay { replay: id, actor, reason } => (Order::StopReplay(replay(&id)?), actor, reason),
            Command::CancelTransmission { transmission: id, actor, reason } => {
                (Order::Cancel(transmission(&id)?), actor, reason)
            }
            Command::RerunMessage { message, actor, reason } => {
                (Order::Rerun(records::parse("message", &message)?), actor, reason)
            }
            Command::PauseSystem { system: name, actor, reason } => (Order::Pause(system(name)), actor, reason),
            Command::ResumeSystem { system: name, actor, reason } => {
                (Order::Resume(ResumeScope::System(system(name))), actor, reason)
            }
            Command::StartJob { action, which, rate_per_s, in_doubt, dry_run, actor: name, reason } => {
                let reason = reason.or_else(|| dry_run.then(|| "dry run".to_owned()));
                let actor = actor(name, reason)?;
                let plan = jobs::plan(action, which, rate_per_s, in_doubt, &actor)?;
                return Ok((Order::StartJob { plan, dry_run }, actor));
            }
            Command::StopJob { job, actor, reason } => (Order::StopJob(records::parse("job", &job)?), actor, reason),
            Command::MergeEntities { survivor, other, actor, reason } => {
                let (survivor, other) = (entity_name("survivor", &survivor)?, entity_name("other", &other)?);
                (Order::Decide(Decision::Merge { survivor, other }), actor, reason)
            }
            Command::SplitEntity { entity, actor, reason } => {
                (Order::Decide(Decision::Split { name: entity_name("entity", &entity)? }), actor, reason)
            }
            Command::ChangeReferences { add, remove, dry_run, actor, reason } => {
                let reason = reason.or_else(|| dry_run.then(|| "dry run".to_owned()));
                (Order::ChangeReferences(master::change_of(add, remove, dry_run)), actor, reason)
            }
            Command::AcceptSuggestion { suggestion: id, actor, reason } => {
                (Order::Decide(Decision::Accept { suggestion: suggestion(&id)? }), actor, reason)
            }
            Command::RejectSuggestion { suggestion: id, actor, reason } => {
                (Order::Decide(Decision::Reject { suggestion: suggestion(&id)? }), actor, reason)
            }
        };
        Ok((order, actor(name, reason)?))
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
    records::parse("transmission", id)
}

fn replay(id: &str) -> Result<ReplayId, Problem> {
    records::parse("replay plan", id)
}

fn suggestion(id: &str) -> Result<SuggestionId, Problem> {
    records::parse("suggestion", id)
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

pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| invalid(format!("the body is not what this takes: {error}")))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

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
