//! Moves of goods: what is asked for (the move), and what is taken from where (its lines).

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env, Values, is_truthy};
use super::quant::{self, Spot};
use super::{fill, id_in, number_in, picking, product, reserve, sale};

pub const MOVE: &str = "stock.move";
pub const LINE: &str = "stock.move.line";

pub fn before_create(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    if let Some(transfer) = id_in(values, "picking_id").filter(|id| env.exists("stock.picking", *id)) {
        for field in ["location_id", "location_dest_id", "picking_type_id", "partner_id"] {
            fill(values, field, json!(env.link("stock.picking", transfer, field)));
        }
        fill(values, "reference", env.text("stock.picking", transfer, "name"));
        fill(values, "origin", env.text("stock.picking", transfer, "origin"));
        fill(values, "priority", env.text("stock.picking", transfer, "priority"));
    }
    if let Some(item) = id_in(values, "product_id").filter(|id| env.exists("product.product", *id)) {
        fill(values, "product_uom", json!(env.link("product.product", item, "uom_id")));
    }
    Ok(())
}

pub fn after_create(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    let quantity = number_in(values, "quantity");
    if quantity != 0.0 && env.referring(LINE, "move_id", id).is_empty() {
        // What was said to be done needs lines; the number itself follows from them.
        env.store(MOVE, id, &[("quantity", Cell::Float(0.0))])?;
        set_quantity(env, id, quantity)?;
    }
    if values.get("picked").is_some_and(is_truthy) {
        set_picked(env, id, true)?;
    }
    match env.link(MOVE, id, "picking_id") {
        Some(transfer) => picking::recompute(env, transfer),
        None => Ok(()),
    }
}

/// A line finds its move, or makes one.
pub fn before_create_line(env: &mut Env<'_>, values: &mut Values) -> Outcome<()> {
    if id_in(values, "move_id").is_none()
        && let (Some(transfer), Some(item)) = (id_in(values, "picking_id"), id_in(values, "product_id"))
        && env.exists("stock.picking", transfer)
    {
        let same = env.referring(MOVE, "picking_id", transfer).into_iter().find(|id| {
            env.link(MOVE, *id, "product_id") == Some(item)
                && !matches!(env.text(MOVE, *id, "state").as_str(), "done" | "cancel")
        });
        let goods = match same {
            Some(id) => id,
            None => {
                let fresh =
                    json!({"picking_id": transfer, "product_id": item, "product_uom_qty": 0, "state": "confirmed"});
                env.create(MOVE, fresh)?
            }
        };
        values.insert("move_id".into(), goods.into());
    }
    if let Some(goods) = id_in(values, "move_id").filter(|id| env.exists(MOVE, *id)) {
        for field in ["product_id", "picking_id", "location_id", "location_dest_id"] {
            fill(values, field, json!(env.link(MOVE, goods, field)));
        }
        fill(values, "product_uom_id", json!(env.link(MOVE, goods, "product_uom")));
        if matches!(env.text(MOVE, goods, "state").as_str(), "done" | "cancel") {
            return Err(Fault::beyond_the_stand_in("a new line on a move that is done or cancelled"));
        }
    }
    Ok(())
}

pub fn after_create_line(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    promise(env, id, env.number(LINE, id, "quantity"))?;
    follow_lines(env, env.link(LINE, id, "move_id"))
}

/// Quantity and picked of a move are written through its lines.
pub fn before_write(env: &mut Env<'_>, ids: &[i64], values: &mut Values) -> Outcome<()> {
    let state = |env: &Env<'_>, id: i64| env.text(MOVE, id, "state");
    if values.contains_key("quantity") && ids.iter().any(|id| state(env, *id) == "cancel") {
        return Err(Fault::user("You cannot change a cancelled stock move, create a new line instead."));
    }
    if let Some(demand) = values.get("product_uom_qty").and_then(Json::as_f64)
        && !env.flag("do_not_unreserve")
    {
        let over: Vec<i64> = ids
            .iter()
            .copied()
            .filter(|id| !matches!(state(env, *id).as_str(), "draft" | "done" | "cancel"))
            .filter(|id| env.number(MOVE, *id, "quantity") > demand)
            .collect();
        reserve::release(env, &over)?;
    }
    if let Some(quantity) = values.remove("quantity") {
        let quantity = quantity.as_f64().or_else(|| quantity.as_str()?.parse().ok()).unwrap_or(0.0);
        if round(quantity, 2) != quantity {
            return Err(Fault::user(
                "\nThe quantity done for the product doesn't respect the rounding precision defined on the system.\n\
                 Please change the quantity done or the rounding precision in your settings.",
            ));
        }
        for id in ids {
            set_quantity(env, *id, quantity)?;
        }
    }
    if let Some(picked) = values.remove("picked") {
        for id in ids {
            set_picked(env, *id, is_truthy(&picked))?;
        }
    }
    Ok(())
}

pub fn after_write(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    if values.contains_key("product_uom_qty") {
        recompute_state(env, id)?;
    }
    if let Some(transfer) = env.link(MOVE, id, "picking_id") {
        picking::recompute(env, transfer)?;
    }
    let order = env.link(MOVE, id, "sale_line_id").and_then(|line| env.link(sale::LINE, line, "order_id"));
    if values.contains_key("state") { sale::recompute_of(env, order) } else { Ok(()) }
}

pub fn before_write_line(env: &mut Env<'_>, ids: &[i64], values: &mut Values) -> Outcome<()> {
    for id in ids {
        let done = env.is(LINE, *id, "state", "done");
        if done && ["quantity", "lot_id", "location_id", "location_dest_id"].iter().any(|f| values.contains_key(*f)) {
            return Err(Fault::beyond_the_stand_in("a change to a line of a move that is done"));
        }
        // What the line held is given back, and asked for again as it will be.
        let quantity = env.number(LINE, *id, "quantity");
        let touches_stock = ["quantity", "lot_id", "location_id", "product_id"].iter().any(|f| values.contains_key(*f));
        if touches_stock {
            promise(env, *id, -quantity)?;
        }
    }
    Ok(())
}

/// Called by the object layer after a write to lines; the counterpart of `before_write_line`.
pub fn after_write_line(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    let touches_stock = ["quantity", "lot_id", "location_id", "product_id"].iter().any(|f| values.contains_key(*f));
    if touches_stock {
        promise(env, id, env.number(LINE, id, "quantity"))?;
    }
    follow_lines(env, env.link(LINE, id, "move_id"))
}

pub fn before_unlink(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        if !matches!(env.text(MOVE, *id, "state").as_str(), "draft" | "cancel") && !env.flag("unlinking_the_transfer") {
            return Err(Fault::user("You can only delete draft or cancelled moves."));
        }
        let lines = env.referring(LINE, "move_id", *id);
        env.as_root(|env| env.unlink(LINE, &lines))?;
    }
    Ok(())
}

pub fn before_unlink_line(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        if matches!(env.text(LINE, *id, "state").as_str(), "done" | "cancel") && !env.flag("dropping_lines") {
            return Err(Fault::user(
                "Deleting product moves after the transfer is done?\n\nThat would be like going back in time to revert \
                 all operations triggered after this move. Who knows what the end result would be, So let's not do \
                 it.\n\nTry changing the “done” quantity to 0 instead.",
            ));
        }
        promise(env, *id, -env.number(LINE, *id, "quantity"))?;
        // From here on the line counts for nothing, also for its move.
        env.store(LINE, *id, &[("quantity", Cell::Float(0.0)), ("picked", Cell::Bool(false))])?;
        follow_lines(env, env.link(LINE, *id, "move_id"))?;
    }
    Ok(())
}

/// Makes a line of a move.
pub fn add_line(
    env: &mut Env<'_>,
    goods: i64,
    quantity: f64,
    place: i64,
    lot: Option<i64>,
    picked: bool,
) -> Outcome<i64> {
    let values = json!({
        "move_id": goods,
        "picking_id": env.link(MOVE, goods, "picking_id"),
        "product_id": env.link(MOVE, goods, "product_id"),
        "product_uom_id": env.link(MOVE, goods, "product_uom"),
        "location_id": place,
        "location_dest_id": env.link(MOVE, goods, "location_dest_id"),
        "lot_id": lot,
        "quantity": quantity,
        "picked": picked,
    });
    env.as_root(|env| env.create(LINE, values))
}

/// Promises (or gives back) what a line takes.
fn promise(env: &mut Env<'_>, line: i64, quantity: f64) -> Outcome<()> {
    let (Some(item), Some(place)) = (env.link(LINE, line, "product_id"), env.link(LINE, line, "location_id")) else {
        return Ok(());
    };
    if quantity == 0.0 || quant::is_bottomless(env, place) || env.is(LINE, line, "state", "done") {
        return Ok(());
    }
    quant::change(env, Spot { product: item, place, lot: env.link(LINE, line, "lot_id") }, 0.0, quantity)
}

/// A move counts what its lines take, and is picked when one of them is.
fn follow_lines(env: &mut Env<'_>, goods: Option<i64>) -> Outcome<()> {
    let Some(goods) = goods else { return Ok(()) };
    let lines = env.referring(LINE, "move_id", goods);
    let quantity = round(lines.iter().map(|line| env.number(LINE, *line, "quantity")).sum(), 2);
    let picked = lines.iter().any(|line| env.yes(LINE, *line, "picked"));
    env.store(MOVE, goods, &[("quantity", Cell::Float(quantity))])?;
    if !lines.is_empty() && !env.is(MOVE, goods, "state", "done") {
        env.store(MOVE, goods, &[("picked", Cell::Bool(picked))])?;
    }
    recompute_state(env, goods)?;
    match env.link(MOVE, goods, "picking_id") {
        Some(transfer) => picking::recompute(env, transfer),
        None => Ok(()),
    }
}

/// Sets what a move takes: less is given back from its last lines, more is reserved, and what cannot be reserved is
/// taken all the same, as a person in the warehouse would.
fn set_quantity(env: &mut Env<'_>, id: i64, wanted: f64) -> Outcome<()> {
    if env.is(MOVE, id, "state", "done") {
        return Err(Fault::beyond_the_stand_in("another quantity on a move that is done"));
    }
    let difference = round(wanted - env.number(MOVE, id, "quantity"), 2);
    if difference > 0.0 {
        let got = reserve::take(env, id, difference)?;
        let rest = round(difference - got, 2);
        if rest > 0.0 {
            let place = env.link(MOVE, id, "location_id").unwrap_or(0);
            let line = env.referring(LINE, "move_id", id).into_iter().find(|line| {
                env.link(LINE, *line, "location_id") == Some(place) && env.link(LINE, *line, "lot_id").is_none()
            });
            match line {
                Some(line) => {
                    let sum = round(env.number(LINE, line, "quantity") + rest, 2);
                    env.as_root(|env| env.write(LINE, &[line], json!({"quantity": sum})))?;
                }
                None => {
                    add_line(env, id, rest, place, None, env.yes(MOVE, id, "picked"))?;
                }
            }
        }
        return Ok(());
    }
    let mut surplus = -difference;
    for line in env.referring(LINE, "move_id", id).into_iter().rev() {
        if surplus <= 0.0 {
            break;
        }
        let has = env.number(LINE, line, "quantity");
        let less = has.min(surplus);
        surplus = round(surplus - less, 2);
        let rest = round(has - less, 2);
        if rest == 0.0 {
            env.as_root(|env| env.unlink(LINE, &[line]))?;
        } else {
            env.as_root(|env| env.write(LINE, &[line], json!({"quantity": rest})))?;
        }
    }
    Ok(())
}

/// Picked is said of a move and meant of its lines.
pub fn set_picked(env: &mut Env<'_>, id: i64, picked: bool) -> Outcome<()> {
    for line in env.referring(LINE, "move_id", id) {
        env.store(LINE, line, &[("picked", Cell::Bool(picked))])?;
    }
    env.store(MOVE, id, &[("picked", Cell::Bool(picked))])
}

/// The state of an open move follows from what it has and what it wants.
pub fn recompute_state(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let quantity = env.number(MOVE, id, "quantity");
    let state = env.text(MOVE, id, "state");
    if matches!(state.as_str(), "cancel" | "done") || (state == "draft" && quantity == 0.0) {
        return Ok(());
    }
    let state = if quantity >= env.number(MOVE, id, "product_uom_qty") {
        "assigned"
    } else if quantity > 0.0 {
        "partially_available"
    } else {
        "confirmed"
    };
    env.store(MOVE, id, &[("state", state.into())])
}

/// Draft moves become real.
pub fn confirm(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    let mut transfers = Vec::new();
    for id in ids.iter().filter(|id| env.is(MOVE, **id, "state", "draft")).copied().collect::<Vec<_>>() {
        env.store(MOVE, id, &[("state", "confirmed".into())])?;
        recompute_state(env, id)?;
        transfers.extend(env.link(MOVE, id, "picking_id"));
    }
    picking::recompute_all(env, &transfers)
}

/// Cancels open moves and gives back what was promised to them.
pub fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    if ids.iter().any(|id| env.is(MOVE, *id, "state", "done")) {
        return Err(Fault::user(
            "You cannot cancel a stock move that has been set to 'Done'. Create a return in order to reverse the moves \
             which took place.",
        ));
    }
    let mut transfers = Vec::new();
    let mut orders = Vec::new();
    for id in ids {
        if env.is(MOVE, *id, "state", "cancel") {
            continue;
        }
        set_picked(env, *id, false)?;
        reserve::release(env, &[*id])?;
        env.store(MOVE, *id, &[("state", "cancel".into())])?;
        transfers.extend(env.link(MOVE, *id, "picking_id"));
        orders.push(env.link(MOVE, *id, "sale_line_id").and_then(|line| env.link(sale::LINE, line, "order_id")));
    }
    picking::recompute_all(env, &transfers)?;
    orders.dedup();
    orders.into_iter().try_for_each(|order| sale::recompute_of(env, order))
}

/// The goods are gone: stock follows, and the moves are done.
pub fn finish(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        for line in env.referring(LINE, "move_id", *id) {
            let quantity = env.number(LINE, line, "quantity");
            let (Some(item), Some(from), Some(to)) = (
                env.link(LINE, line, "product_id"),
                env.link(LINE, line, "location_id"),
                env.link(LINE, line, "location_dest_id"),
            ) else {
                continue;
            };
            let lot = env.link(LINE, line, "lot_id");
            if quantity != 0.0 && product::is_storable(env, item) {
                let promised = if quant::is_bottomless(env, from) { 0.0 } else { -quantity };
                quant::change(env, Spot { product: item, place: from, lot }, -quantity, promised)?;
                quant::change(env, Spot { product: item, place: to, lot }, quantity, 0.0)?;
            }
            env.store(LINE, line, &[("date", Cell::from(env.now)), ("picked", Cell::Bool(true))])?;
        }
        let done = [("state", "done".into()), ("date", Cell::from(env.now)), ("picked", Cell::Bool(true))];
        env.store(MOVE, *id, &done)?;
    }
    Ok(())
}
