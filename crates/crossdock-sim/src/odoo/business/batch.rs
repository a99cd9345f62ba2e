//! Transfers that are worked on together: a route, a load.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Cell, Env, Values};
use super::picking::{self, PICKING};
use super::{id_in, transfer};

const MODEL: &str = "stock.picking.batch";

pub fn before_create(env: &mut Env<'_>, values: &mut Values) -> Outcome<()> {
    if values.get("name").and_then(Json::as_str).is_none_or(|name| name.is_empty() || name == "New") {
        let kind = id_in(values, "picking_type_id").map(|id| env.text("stock.picking.type", id, "sequence_code"));
        let prefix = match kind {
            Some(code) if !code.is_empty() => format!("BATCH/{code}"),
            _ => "BATCH".to_owned(),
        };
        let number = env.world.count(&prefix);
        values.insert("name".into(), format!("{prefix}/{number:05}").into());
    }
    Ok(())
}

pub fn confirm(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(MODEL, *id)?;
        let theirs = env.referring(PICKING, "batch_id", *id);
        if theirs.is_empty() {
            return Err(Fault::user("You have to set some pickings to batch."));
        }
        let drafts: Vec<i64> = theirs.into_iter().filter(|p| env.is(PICKING, *p, "state", "draft")).collect();
        picking::confirm(env, &drafts)?;
        if env.is(MODEL, *id, "state", "draft") {
            env.store(MODEL, *id, &[("state", "in_progress".into())])?;
        }
    }
    Ok(())
}

/// `action_done`: validates what is ready; may ask about backorders as a single transfer would.
pub fn done(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Json> {
    for id in ids {
        env.must_exist(MODEL, *id)?;
        let open: Vec<i64> = env
            .referring(PICKING, "batch_id", *id)
            .into_iter()
            .filter(|p| !matches!(env.text(PICKING, *p, "state").as_str(), "done" | "cancel"))
            .collect();
        if open.is_empty() {
            continue;
        }
        let answer = env.with(json!({"skip_immediate": true}), |env| transfer::validate(env, &open))?;
        if !answer.is_boolean() {
            return Ok(answer);
        }
        settle(env, *id)?;
    }
    Ok(true.into())
}

pub fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(MODEL, *id)?;
        env.store(MODEL, *id, &[("state", "cancel".into())])?;
        for transfer in env.referring(PICKING, "batch_id", *id) {
            env.store(PICKING, transfer, &[("batch_id", Cell::Null)])?;
        }
    }
    Ok(())
}

/// A batch is done when its transfers are.
fn settle(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let states: Vec<String> =
        env.referring(PICKING, "batch_id", id).into_iter().map(|p| env.text(PICKING, p, "state")).collect();
    if states.iter().all(|state| matches!(state.as_str(), "done" | "cancel")) {
        env.store(MODEL, id, &[("state", "done".into())])?;
    }
    Ok(())
}
