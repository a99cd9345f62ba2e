//! Transfers: what moves together, its state and its dates.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Cell, Env, Values};
use super::moves::{self, MOVE};
use super::{fill, id_in, reserve, sale};

pub const PICKING: &str = "stock.picking";

pub fn before_create(env: &mut Env<'_>, values: &mut Values) -> Outcome<()> {
    let Some(kind) = id_in(values, "picking_type_id").filter(|id| env.exists("stock.picking.type", *id)) else {
        return Ok(());
    };
    for (field, default) in
        [("location_id", "default_location_src_id"), ("location_dest_id", "default_location_dest_id")]
    {
        fill(values, field, json!(env.link("stock.picking.type", kind, default)));
    }
    if values.get("name").and_then(Json::as_str).is_none_or(|name| name.is_empty() || name == "/") {
        let house = env.link("stock.picking.type", kind, "warehouse_id");
        let house = house.map_or_else(String::new, |id| env.text("stock.warehouse", id, "code"));
        let prefix = format!("{house}/{}", env.text("stock.picking.type", kind, "sequence_code"));
        let number = env.world.count(&prefix);
        values.insert("name".into(), format!("{prefix}/{number:05}").into());
    }
    // The state is what the moves say; one that is written is written over.
    values.insert("state".into(), "draft".into());
    Ok(())
}

pub fn after_create(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    recompute(env, id)
}

pub fn before_write(values: &mut Values) -> Outcome<()> {
    values.remove("state");
    Ok(())
}

pub fn after_write(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    let mut to_moves = serde_json::Map::new();
    for field in ["partner_id", "location_id", "location_dest_id"] {
        if let Some(value) = values.get(field) {
            to_moves.insert(field.into(), value.clone());
        }
    }
    if let Some(date) = values.get("scheduled_date") {
        to_moves.insert("date".into(), date.clone());
    }
    if !to_moves.is_empty() {
        let open: Vec<i64> = open_moves(env, id);
        if !open.is_empty() {
            env.as_root(|env| env.write(MOVE, &open, Json::Object(to_moves)))?;
        }
    }
    if values.contains_key("move_ids") {
        // What was added to a transfer under way takes part at once.
        let added: Vec<i64> = env
            .referring(MOVE, "picking_id", id)
            .into_iter()
            .filter(|m| env.is(MOVE, *m, "state", "draft") && env.number(MOVE, *m, "quantity") != 0.0)
            .collect();
        moves::confirm(env, &added)?;
    }
    recompute(env, id)
}

pub fn before_unlink(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        let theirs = env.referring(MOVE, "picking_id", *id);
        moves::cancel(env, &theirs)?;
        env.with(json!({"unlinking_the_transfer": true}), |env| env.as_root(|env| env.unlink(MOVE, &theirs)))?;
    }
    Ok(())
}

/// The wizard asks about the transfers it was opened for.
pub fn before_create_wizard(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    if !values.contains_key("backorder_confirmation_line_ids") {
        let lines: Vec<Json> = picks(values.get("pick_ids"))
            .into_iter()
            .filter(|id| env.exists(PICKING, *id))
            .map(|id| json!([0, 0, {"picking_id": id, "to_backorder": true}]))
            .collect();
        if !lines.is_empty() {
            values.insert("backorder_confirmation_line_ids".into(), lines.into());
        }
    }
    Ok(())
}

fn picks(commands: Option<&Json>) -> Vec<i64> {
    let mut ids = Vec::new();
    for command in commands.and_then(Json::as_array).into_iter().flatten() {
        match command.as_array().map(Vec::as_slice) {
            Some([code, id, ..]) if code.as_i64() == Some(4) => ids.extend(id.as_i64()),
            Some([code, _, set]) if code.as_i64() == Some(6) => {
                ids.extend(set.as_array().into_iter().flatten().filter_map(Json::as_i64));
            }
            _ => ids.extend(command.as_i64()),
        }
    }
    ids
}

/// The moves that are neither done nor cancelled.
pub fn open_moves(env: &Env<'_>, id: i64) -> Vec<i64> {
    let all = env.referring(MOVE, "picking_id", id).into_iter();
    all.filter(|m| !matches!(env.text(MOVE, *m, "state").as_str(), "done" | "cancel")).collect()
}

pub fn recompute_all(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().try_for_each(|id| recompute(env, id))
}

/// State and dates of a transfer follow from its moves; its order looks again when the state changed.
pub fn recompute(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    if !env.exists(PICKING, id) {
        return Ok(());
    }
    let before = env.text(PICKING, id, "state");
    let state = state(env, id);
    let open = open_moves(env, id);
    let mut changes = vec![("state", Cell::from(state))];
    if !open.is_empty() {
        let urgent_first = env.is(PICKING, id, "move_type", "direct");
        let dates = |field: &'static str| {
            open.iter().map(|m| env.get(MOVE, *m, field)).filter(|date| !date.is_null()).collect::<Vec<_>>()
        };
        let pick = |dates: Vec<Cell>| {
            if urgent_first { dates.into_iter().min_by(Cell::order) } else { dates.into_iter().max_by(Cell::order) }
        };
        changes.extend(pick(dates("date")).map(|date| ("scheduled_date", date)));
        changes.extend(pick(dates("date_deadline")).map(|date| ("date_deadline", date)));
    }
    env.store(PICKING, id, &changes)?;
    if before == state {
        return Ok(());
    }
    sale::recompute_of(env, env.link(PICKING, id, "sale_id"))
}

fn state(env: &Env<'_>, id: i64) -> &'static str {
    let states: Vec<(String, f64)> = env
        .referring(MOVE, "picking_id", id)
        .into_iter()
        .map(|m| (env.text(MOVE, m, "state"), env.number(MOVE, m, "product_uom_qty")))
        .collect();
    let all = |words: &[&str]| states.iter().all(|(state, _)| words.contains(&state.as_str()));
    if states.is_empty() {
        return if env.is(PICKING, id, "state", "cancel") { "cancel" } else { "draft" };
    }
    if states.iter().any(|(state, _)| state == "draft") {
        return "draft";
    }
    if all(&["cancel"]) {
        return "cancel";
    }
    if all(&["cancel", "done"]) {
        return "done";
    }
    let from = env.link(PICKING, id, "location_id");
    if from.is_some_and(|from| super::quant::is_bottomless(env, from)) {
        return "assigned";
    }
    let open: Vec<&str> = states
        .iter()
        .filter(|(state, wanted)| match state.as_str() {
            "done" | "cancel" => false,
            "assigned" => *wanted != 0.0,
            _ => true,
        })
        .map(|(state, _)| state.as_str())
        .collect();
    let is = |word: &str| open.contains(&word);
    if env.is(PICKING, id, "move_type", "one") {
        return if is("confirmed") || is("partially_available") {
            "confirmed"
        } else if is("waiting") {
            "waiting"
        } else {
            "assigned"
        };
    }
    if open.is_empty() || is("assigned") || is("partially_available") {
        "assigned"
    } else if is("waiting") {
        "waiting"
    } else {
        "confirmed"
    }
}

pub fn confirm(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
        let drafts: Vec<i64> =
            env.referring(MOVE, "picking_id", *id).into_iter().filter(|m| env.is(MOVE, *m, "state", "draft")).collect();
        moves::confirm(env, &drafts)?;
        let kind = env.link(PICKING, *id, "picking_type_id");
        if kind.is_some_and(|kind| env.is("stock.picking.type", kind, "reservation_method", "at_confirm")) {
            reserve::assign(env, &drafts)?;
        }
    }
    Ok(())
}

pub fn assign(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
    }
    let drafts: Vec<i64> = ids.iter().copied().filter(|id| env.is(PICKING, *id, "state", "draft")).collect();
    confirm(env, &drafts)?;
    let open: Vec<i64> =
        ids.iter().flat_map(|id| open_moves(env, *id)).filter(|m| !env.is(MOVE, *m, "state", "draft")).collect();
    if open.is_empty() {
        return Err(Fault::user("Nothing to check the availability for."));
    }
    reserve::assign(env, &open)
}

pub fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
    }
    for id in ids {
        let theirs = env.referring(MOVE, "picking_id", *id);
        moves::cancel(env, &theirs)?;
        env.store(PICKING, *id, &[("is_locked", Cell::Bool(true))])?;
        if theirs.is_empty() {
            env.store(PICKING, *id, &[("state", "cancel".into())])?;
        }
        sale::recompute_of(env, env.link(PICKING, *id, "sale_id"))?;
    }
    Ok(())
}

pub fn unreserve(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
        let theirs = env.referring(MOVE, "picking_id", *id);
        reserve::release(env, &theirs)?;
    }
    Ok(())
}
