//! Promising stock to moves.

use serde_json::json;

use super::super::fault::Outcome;
use super::super::orm::Env;
use super::super::orm::cell::round;
use super::{moves, picking, product, quant};

const MOVE: &str = "stock.move";
const LINE: &str = "stock.move.line";

/// Reserves for moves what there is.
pub fn assign(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    let mut transfers = Vec::new();
    for id in ids {
        let waits = matches!(env.text(MOVE, *id, "state").as_str(), "confirmed" | "waiting" | "partially_available");
        if !waits || env.yes(MOVE, *id, "picked") {
            continue;
        }
        let missing = round(env.number(MOVE, *id, "product_uom_qty") - env.number(MOVE, *id, "quantity"), 2);
        if missing > 0.0 {
            take(env, *id, missing)?;
        }
        moves::recompute_state(env, *id)?;
        transfers.extend(env.link(MOVE, *id, "picking_id"));
    }
    picking::recompute_all(env, &transfers)
}

/// Takes up to `wanted` from the place of a move, quant by quant; gives what it got.
pub fn take(env: &mut Env<'_>, id: i64, wanted: f64) -> Outcome<f64> {
    let (Some(item), Some(place)) = (env.link(MOVE, id, "product_id"), env.link(MOVE, id, "location_id")) else {
        return Ok(0.0);
    };
    if quant::is_bottomless(env, place) || !product::is_storable(env, item) {
        grow(env, id, place, None, wanted)?;
        return Ok(wanted);
    }
    let mut missing = wanted;
    for from in quant::within(env, item, place) {
        let share = quant::unpromised(env, from).min(missing);
        if share <= 0.0 {
            continue;
        }
        let at = env.link("stock.quant", from, "location_id").unwrap_or(place);
        grow(env, id, at, env.link("stock.quant", from, "lot_id"), share)?;
        missing = round(missing - share, 2);
        if missing <= 0.0 {
            break;
        }
    }
    Ok(round(wanted - missing, 2))
}

/// Adds to the line of a move that takes from this spot, or makes one.
fn grow(env: &mut Env<'_>, id: i64, place: i64, lot: Option<i64>, quantity: f64) -> Outcome<()> {
    let line = env
        .referring(LINE, "move_id", id)
        .into_iter()
        .find(|line| env.link(LINE, *line, "location_id") == Some(place) && env.link(LINE, *line, "lot_id") == lot);
    match line {
        Some(line) => {
            let sum = round(env.number(LINE, line, "quantity") + quantity, 2);
            env.as_root(|env| env.write(LINE, &[line], json!({"quantity": sum})))
        }
        None => {
            let picked = env.yes(MOVE, id, "picked");
            moves::add_line(env, id, quantity, place, lot, picked).map(|_| ())
        }
    }
}

/// Gives back what is promised to moves, except what was picked.
pub fn release(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    let mut transfers = Vec::new();
    for id in ids {
        match env.text(MOVE, *id, "state").as_str() {
            "cancel" => continue,
            _ if env.yes(MOVE, *id, "picked") => continue,
            "done" => {
                return Err(super::super::fault::Fault::user(
                    "You cannot unreserve a stock move that has been set to 'Done'.",
                ));
            }
            _ => {}
        }
        let lines: Vec<i64> =
            env.referring(LINE, "move_id", *id).into_iter().filter(|line| !env.yes(LINE, *line, "picked")).collect();
        env.as_root(|env| env.unlink(LINE, &lines))?;
        moves::recompute_state(env, *id)?;
        transfers.extend(env.link(MOVE, *id, "picking_id"));
    }
    picking::recompute_all(env, &transfers)
}

/// Goods arrived: whoever waits for them gets them, the urgent and the early first.
pub fn trigger(env: &mut Env<'_>, arrived: &[i64]) -> Outcome<()> {
    let mut waiting = Vec::new();
    for id in arrived {
        let (Some(item), Some(place)) = (env.link(MOVE, *id, "product_id"), env.link(MOVE, *id, "location_dest_id"))
        else {
            continue;
        };
        for other in env.referring(MOVE, "product_id", item) {
            let waits = matches!(env.text(MOVE, other, "state").as_str(), "confirmed" | "partially_available");
            if waits && env.link(MOVE, other, "location_id") == Some(place) && !waiting.contains(&other) {
                waiting.push(other);
            }
        }
    }
    waiting.sort_by(|a, b| {
        let urgent = env.text(MOVE, *b, "priority").cmp(&env.text(MOVE, *a, "priority"));
        urgent.then(env.get(MOVE, *a, "date").order(&env.get(MOVE, *b, "date"))).then(a.cmp(b))
    });
    assign(env, &waiting)
}
