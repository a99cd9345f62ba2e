//! What can go wrong between a caller and Odoo, on demand: the rehearsals. Deterministic: rules count calls, nothing
//! is drawn by lot.

use std::time::Duration;

use crossdock_core::exchange::Answer;
use jiff::Timestamp;

use super::super::fault::Fault;
use super::super::orm::World;
use super::{Request, answer, fault_answer, health, no_database, page};

/// One thing that goes wrong with one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Disturbance {
    /// The connection is closed before Odoo saw the request. Nothing was done.
    LoseRequest,
    /// The request is carried out, and the connection is closed without an answer.
    LoseAnswer,
    /// The answer comes late.
    Delay(Duration),
    /// The database server does not answer: 404 as a page for people.
    DatabaseDown,
    /// Five tries in a row collided with other transactions: 500, nothing was done.
    SerializationFailure,
    /// All database connections are in use: 500 as a page for people, at once.
    PoolExhausted,
    /// The server was told to stop in the middle: 500, rolled back.
    ServerStopping,
    /// `load` collided with another: a good answer without ids. Other methods are not disturbed.
    LoadConflict,
    /// Something in front of Odoo answers in its place.
    BadGateway,
    /// Any other answer, in the place of Odoo's.
    Answer(Answer),
}

/// Which requests a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// The next so many, then the rule is gone.
    Next(u32),
    /// Every n-th, counted from the rule's beginning.
    Every(u32),
}

/// A disturbance and when it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub what: Disturbance,
    pub when: When,
    /// Only calls of this model, or of any.
    pub model: Option<String>,
    /// Only calls of this method, or of any.
    pub method: Option<String>,
}

impl Rule {
    /// A rule about all calls.
    pub fn new(what: Disturbance, when: When) -> Self {
        Self { what, when, model: None, method: None }
    }

    /// The same, about one method of one model.
    pub fn on(self, model: &str, method: &str) -> Self {
        Self { model: Some(model.to_owned()), method: Some(method.to_owned()), ..self }
    }

    fn is_about(&self, call: Option<(&str, &str)>) -> bool {
        let matches =
            |wanted: &Option<String>, given: Option<&str>| wanted.as_deref().is_none_or(|wanted| given == Some(wanted));
        matches(&self.model, call.map(|(model, _)| model)) && matches(&self.method, call.map(|(_, method)| method))
    }
}

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct Disturbances {
    rules: Vec<(Rule, u32)>,
}

/// What the caller gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// This answer, after this long.
    Answer { answer: Answer, after: Duration },
    /// No answer: the connection is closed. `applied` tells the rehearsal whether Odoo carried the request out.
    Silence { applied: bool },
}

impl Disturbances {
    pub fn add(&mut self, rule: Rule) {
        self.rules.push((rule, 0));
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// What happens to this request. Every rule that is about it counts it; the first that strikes decides.
    fn strike(&mut self, request: &Request<'_>) -> Option<Disturbance> {
        let call = request.call();
        let mut struck = None;
        for (rule, count) in &mut self.rules {
            if !rule.is_about(call) || (rule.what == Disturbance::LoadConflict && call.is_none_or(|(_, m)| m != "load"))
            {
                continue;
            }
            *count += 1;
            let strikes = match rule.when {
                When::Always | When::Next(_) => true,
                When::Every(n) => n != 0 && count.is_multiple_of(n),
            };
            if strikes && struck.is_none() {
                struck = Some(rule.what.clone());
            }
        }
        self.rules.retain(|(rule, count)| !matches!(rule.when, When::Next(n) if *count >= n));
        struck
    }
}

/// Answers a request under the rules in force.
pub(in super::super) fn disturbed(
    world: &mut World,
    disturbances: &mut Disturbances,
    database: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Reply {
    let at_once = |answer: Answer| Reply::Answer { answer, after: Duration::ZERO };
    let fault = |fault: Fault| at_once(fault_answer(&fault));
    match disturbances.strike(request) {
        None => at_once(answer(world, database, request, now)),
        Some(Disturbance::LoseRequest) => Reply::Silence { applied: false },
        Some(Disturbance::LoseAnswer) => {
            answer(world, database, request, now);
            Reply::Silence { applied: true }
        }
        Some(Disturbance::Delay(after)) => Reply::Answer { answer: answer(world, database, request, now), after },
        Some(Disturbance::DatabaseDown) => at_once(match request.route() {
            "/web/health" => health(request, false),
            "/web/version" | "/json/version" => answer(world, database, request, now),
            _ => no_database(),
        }),
        Some(Disturbance::SerializationFailure) => fault(Fault::serialization()),
        Some(Disturbance::PoolExhausted) => at_once(page(
            500,
            "Internal Server Error",
            "The server encountered an internal error and was unable to complete your request.",
        )),
        Some(Disturbance::ServerStopping) => fault(Fault::cursor_closed()),
        Some(Disturbance::LoadConflict) => at_once(super::json_answer(
            200,
            &serde_json::json!({
                "ids": false,
                "messages": [{
                    "type": "error",
                    "record": 0,
                    "rows": {"from": 0, "to": 0},
                    "message": "could not serialize access due to concurrent update\n",
                }],
                "nextrow": 0,
            }),
        )),
        Some(Disturbance::BadGateway) => at_once(page(502, "Bad Gateway", "nginx")),
        Some(Disturbance::Answer(answer)) => at_once(answer),
    }
}
