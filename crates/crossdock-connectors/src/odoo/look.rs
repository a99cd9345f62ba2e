//! A look at an Odoo, for `crossdock check --live`: its version, the database and the key, what may be read, and the outbox.
//! Nothing is written.
//!
//! Calls: `GET /web/version`; `res.users/context_get`; `<model>/search_read` of one id for each captured model;
//! `x_hub_outbox/search_read` of one row.

use crossdock_connect::endpoint::{LookStep, Sight};
use crossdock_core::exchange::{Call, Exchange, Method};
use crossdock_core::value::Value;

use super::answer::Failure;
use super::call::{Ask, texts};
use super::capture::OUTBOX_MODEL;
use super::config::{CaptureMode, Odoo};
use super::talk::{Halt, Record, Said, Talk};
use crate::http::answer::json_of;

/// The first Odoo that speaks JSON-2.
const VERSION_MIN: i64 = 19;
/// How long a look waits for one answer at most, in milliseconds.
const TIMEOUT_MS: u64 = 20_000;

/// The next step of a look.
pub(super) fn look(odoo: &Odoo, so_far: &[Exchange]) -> LookStep {
    let [first, rest @ ..] = so_far else { return LookStep::Call(version_call(odoo)) };
    let mut sights = Vec::new();
    if !version(odoo, first, &mut sights) {
        return LookStep::Done(sights);
    }
    let mut talk = Talk::new(odoo, rest, 1);
    match see(odoo, &mut talk, &mut sights) {
        Ok(()) => LookStep::Done(sights),
        Err(Halt::Call(call)) => LookStep::Call(Call { timeout_ms: call.timeout_ms.min(TIMEOUT_MS), ..call }),
        // Nothing here ends an attempt; what fails is seen.
        Err(Halt::End(_)) => LookStep::Done(sights),
    }
}

fn version_call(odoo: &Odoo) -> Call {
    Call {
        method: Method::Get,
        url: format!("{}/web/version", odoo.url),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: odoo.timeout_ms.min(TIMEOUT_MS),
    }
}

/// Whether there is an Odoo of the right version, so that more can be asked.
fn version(odoo: &Odoo, exchange: &Exchange, sights: &mut Vec<Sight>) -> bool {
    let answer = match &exchange.result {
        Ok(answer) => answer,
        Err(fault) => {
            let to_do = "check `url` in the system's file, whether Odoo runs, and the way through the firewall";
            sights.push(Sight::bad(format!("{} cannot be reached: {fault}", odoo.url), to_do));
            return false;
        }
    };
    let json = (answer.status == 200).then(|| json_of(answer)).flatten();
    let said = json.as_ref().map(|json| (json.text("version"), json.at("version_info.0").and_then(Value::as_int)));
    match said {
        Some((version, Some(major))) if major >= VERSION_MIN => {
            sights.push(Sight::good(format!("Odoo {version}")));
            true
        }
        Some((version, Some(_))) => {
            let to_do = format!("the connector odoo needs Odoo {VERSION_MIN} or later (JSON-2)");
            sights.push(Sight::bad(format!("Odoo {version}"), to_do));
            false
        }
        _ => {
            let what = format!("{} answers HTTP {} and is no Odoo", odoo.url, answer.status);
            sights
                .push(Sight::bad(what, "check `url` in the system's file: the address of Odoo itself, without a path"));
            false
        }
    }
}

fn see(odoo: &Odoo, talk: &mut Talk<'_>, sights: &mut Vec<Sight>) -> Said<()> {
    match talk.hear(&Ask::new("res.users", "context_get").doing("asking who the key belongs to"))? {
        Ok(context) => sights.push(Sight::good(format!("the key is that of user {}", context.int("uid")))),
        Err(failure) => {
            let to_do =
                "check `key` and `database` in the system's file; a key is made in Odoo under Preferences, Security";
            sights.push(Sight::bad(failure.reason().to_owned(), to_do));
            return Ok(());
        }
    }
    if odoo.capture.mode == CaptureMode::Off {
        return Ok(());
    }
    let mut readable = Vec::new();
    for model in &odoo.capture.models {
        match talk.hear(&one_of(model.name.clone()))? {
            Ok(_) => readable.push(model.name.as_str()),
            Err(failure) => sights.push(unreadable(&model.name, &failure)),
        }
    }
    if !readable.is_empty() {
        sights.push(Sight::good(format!("may read {}", readable.join(", "))));
    }
    if odoo.capture.mode == CaptureMode::Outbox {
        let sight = match talk.hear(&one_of(OUTBOX_MODEL))? {
            Ok(_) => Sight::good("the outbox is installed"),
            Err(Failure::Unknown { .. }) => {
                Sight::bad("the outbox is not installed", "run `crossdock odoo setup`, or set `capture.mode: sweep`")
            }
            Err(Failure::Denied { .. }) => Sight::bad(
                "the hub's user may not read the outbox",
                "run `crossdock odoo setup` with --hub-user and an administrator's key",
            ),
            Err(failure) => Sight::bad(format!("the outbox: {}", failure.reason()), "look again in a moment"),
        };
        sights.push(sight);
    }
    Ok(())
}

/// One record of a model, by its id alone.
fn one_of(model: impl Into<std::borrow::Cow<'static, str>>) -> Ask {
    let model = model.into();
    let doing = format!("looking at {model}");
    Ask::new(model, "search_read")
        .with("domain", Value::list::<i64>([]))
        .with("fields", texts(&["id"]))
        .with("limit", 1_i64)
        .doing(doing)
}

fn unreadable(model: &str, failure: &Failure) -> Sight {
    match failure {
        Failure::Unknown { .. } => Sight::bad(
            format!("there is no model {model}"),
            "install its module in Odoo, or take it out of `capture.models`",
        ),
        Failure::Denied { .. } => {
            Sight::bad(format!("the hub's user may not read {model}"), "grant its user the right in Odoo")
        }
        other => Sight::bad(format!("{model}: {}", other.reason()), "look again in a moment"),
    }
}
