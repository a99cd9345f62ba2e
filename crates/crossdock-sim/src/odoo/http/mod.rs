//! The HTTP face: paths, keys, databases, and the shapes of answers. Still without any I/O.

mod disturb;
mod serve;

use std::sync::Arc;

use crossdock_core::exchange::Answer;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

pub use disturb::{Disturbance, Reply, Rule, When};
pub(super) use disturb::{Disturbances, disturbed};
pub use serve::{StandIn, StandInError};

use super::business::methods::{self, Call};
use super::fault::{Fault, Outcome};
use super::orm::{COMPANY, Env, Values, World};

/// Larger bodies are refused, as a real Odoo refuses them.
pub const BODY_BYTES_MAX: usize = 128 << 20;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Request<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path without its query.
    pub fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The model and the method of a call; `None` for other paths.
    pub fn call(&self) -> Option<(&str, &str)> {
        let (model, method) = self.route().strip_prefix("/json/2/")?.split_once('/')?;
        (!method.is_empty() && !method.contains('/')).then_some((model, method))
    }
}

/// Answers a request to a database that is well. `databases` names the one there is.
pub(super) fn answer(world: &mut World, database: &str, request: &Request<'_>, now: Timestamp) -> Answer {
    if request.body.len() > BODY_BYTES_MAX {
        return page(413, "Request Entity Too Large", "The data value transmitted exceeds the capacity limit.");
    }
    match request.route() {
        "/web/version" | "/json/version" if request.method == "GET" => {
            return json_answer(200, &json!({"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}));
        }
        "/web/health" if request.method == "GET" => return health(request, true),
        route if route == "/json/2" || route.starts_with("/json/2/") => {}
        _ => return page(404, "Not Found", "The requested URL was not found on the server."),
    }
    let wanted = request.header("x-odoo-database").unwrap_or(database);
    if wanted != database {
        return no_database();
    }
    json2(world, request, now)
}

fn json2(world: &mut World, request: &Request<'_>, now: Timestamp) -> Answer {
    let hint = || Fault::not_found("Did you mean POST /json/2/<model>/<method>?");
    let Some((model, method)) = request.call().filter(|_| request.method == "POST") else {
        return fault_answer(&hint());
    };
    let kind = request.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") && !request.body.is_empty() {
        let text = "Request inferred type is compatible with [&#39;http&#39;] but \
                    &#39;/json/2/&lt;__model__&gt;/&lt;__method__&gt;&#39; is type=&#39;json2&#39;.<br><br>Please verify \
                    the Content-Type request header and try again.";
        let mut answer = page(415, "Unsupported Media Type", text);
        answer.headers.push(("accept".into(), "application/json".into()));
        return answer;
    }
    let uid = match authenticate(world, request) {
        Ok(uid) => uid,
        Err(fault) => {
            let mut answer = fault_answer(&fault);
            answer.headers.push(("www-authenticate".into(), "Bearer".into()));
            return answer;
        }
    };
    let savepoint = world.tables.savepoint();
    match run(world, uid, model, method, request.body, now) {
        Ok(result) => {
            world.tables.commit();
            json_answer(200, &result)
        }
        Err(fault) => {
            world.rollback(savepoint);
            world.tables.commit();
            fault_answer(&fault)
        }
    }
}

fn authenticate(world: &mut World, request: &Request<'_>) -> Outcome<i64> {
    let given = request.header("authorization").unwrap_or_default();
    let Some((_, key)) = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Fault::unauthorized("User not authenticated, use an API Key with a Bearer Authorization header."));
    };
    let invalid = || Fault::unauthorized("Invalid apikey");
    let uid = *world.keys.get(key.trim()).ok_or_else(invalid)?;
    let env = Env::new(world, uid, Values::new(), Timestamp::UNIX_EPOCH);
    if env.yes("res.users", uid, "active") { Ok(uid) } else { Err(invalid()) }
}

fn run(world: &mut World, uid: i64, model: &str, method: &str, body: &[u8], now: Timestamp) -> Outcome<Json> {
    let mut arguments = arguments(body)?;
    if world.registry.get(model).is_none() {
        return Err(Fault::not_found(format!("the model '{model}' does not exist")));
    }
    let context = context(arguments.remove("context"))?;
    let ids = ids(arguments.remove("ids"))?;
    let mut env = Env::new(world, uid, context, now);
    let method = methods::find(&env, model, method)?;
    let call = Call { model, ids, arguments: &arguments };
    method.admit(&env, &call)?;
    check_context(&env)?;
    let result = (method.run)(&mut env, &call)?;
    Ok(result)
}

fn arguments(body: &[u8]) -> Outcome<Values> {
    if body.is_empty() {
        return Ok(Values::new());
    }
    match serde_json::from_slice(body) {
        Ok(Json::Object(arguments)) => Ok(arguments),
        // Odoo joins the body with the path's parameters and ignores a body it cannot join.
        Ok(_) => Ok(Values::new()),
        Err(error) => Err(Fault::bad_request(format!("could not parse the body as json: {error}"))),
    }
}

fn context(given: Option<Json>) -> Outcome<Values> {
    match given {
        None => Ok(Values::new()),
        Some(Json::Object(context)) => Ok(context),
        Some(Json::Null) => Err(Fault::type_error("'NoneType' object is not iterable")),
        Some(Json::String(_)) => {
            Err(Fault::value_error("dictionary update sequence element #0 has length 1; 2 is required"))
        }
        Some(_) => Err(Fault::type_error("cannot convert the context to a dictionary")),
    }
}

fn ids(given: Option<Json>) -> Outcome<Vec<i64>> {
    let items = match given {
        None | Some(Json::Null | Json::Bool(false)) => Vec::new(),
        Some(Json::Array(items)) => items,
        Some(one) => vec![one],
    };
    items
        .into_iter()
        .map(|item| match item {
            Json::Number(number) => number.as_i64().ok_or_else(|| Fault::not_an_integer(&number.to_string())),
            Json::String(text) => Err(Fault::not_an_integer(&text)),
            other => Err(Fault::not_an_integer(&other.to_string())),
        })
        .collect()
}

fn check_context(env: &Env<'_>) -> Outcome<()> {
    if let Some(lang) = env.context.get("lang").and_then(Json::as_str)
        && lang != "en_US"
    {
        return Err(Fault::user(format!("Invalid language code: {lang}")));
    }
    let companies = env.context_ids("allowed_company_ids");
    if companies.iter().any(|company| *company != COMPANY) {
        return Err(Fault::access("Access to unauthorized or invalid companies."));
    }
    Ok(())
}

fn health(request: &Request<'_>, database_is_up: bool) -> Answer {
    let asked = request.path.contains("db_server_status=1") || request.path.contains("db_server_status=true");
    let mut body = json!({"status": if asked && !database_is_up { "fail" } else { "pass" }});
    if asked {
        body["db_server_status"] = database_is_up.into();
    }
    let mut answer = json_answer(if asked && !database_is_up { 500 } else { 200 }, &body);
    answer.headers[0].1 = "application/json".into();
    answer.headers.push(("cache-control".into(), "no-store".into()));
    answer
}

/// The stand-in made a mistake. Never a status or a name of a real Odoo.
pub(super) fn confession(what: String) -> Reply {
    let fault = Fault::beyond_the_stand_in(format!("the stand-in broke: {what}"));
    Reply::Answer { answer: fault_answer(&fault), after: std::time::Duration::ZERO }
}

fn fault_answer(fault: &Fault) -> Answer {
    json_answer(fault.status, &fault.body())
}

fn json_answer(status: u16, body: &Json) -> Answer {
    Answer {
        status,
        headers: vec![
            ("content-type".into(), "application/json; charset=utf-8".into()),
            ("connection".into(), "close".into()),
        ],
        body: body.to_string().into_bytes(),
    }
}

/// A page for people, as the server below Odoo writes it.
fn page(status: u16, title: &str, text: &str) -> Answer {
    Answer {
        status,
        headers: vec![
            ("content-type".into(), "text/html; charset=utf-8".into()),
            ("connection".into(), "close".into()),
        ],
        body: format!(
            "<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n"
        )
        .into_bytes(),
    }
}

/// What Odoo says when the database is not there, is filtered out, or does not answer.
fn no_database() -> Answer {
    page(
        404,
        "Not Found",
        "No database is selected and the requested URL was not found in the server-wide controllers.</p>\n<p>Please \
         verify the hostname, <a href=/web/login>login</a> and try again.</p>\n\n<!-- Alternatively, use the \
         X-Odoo-Database header. -->",
    )
}

/// The world behind a lock that a crash of the stand-in itself does not break.
pub(super) fn lock<T>(mutex: &Arc<std::sync::Mutex<T>>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
