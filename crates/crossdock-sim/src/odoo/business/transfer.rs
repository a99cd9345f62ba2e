//! Validating transfers: checks, the question about a backorder, and what happens to the rest.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env};
use super::moves::{self, LINE, MOVE};
use super::picking::{self, PICKING};
use super::{purchase, reserve, sale};

/// `button_validate`: `true`, or the window that asks about a backorder. What is done already is left alone.
pub fn validate(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Json> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
    }
    let ids: Vec<i64> = ids.iter().copied().filter(|id| !env.is(PICKING, *id, "state", "done")).collect();
    start_drafts(env, &ids)?;
    if !env.flag("skip_sanity_check") {
        check(env, &ids)?;
    }
    pick_everything(env, &ids)?;
    if !env.flag("skip_backorder") {
        let short: Vec<i64> = ids.iter().copied().filter(|id| is_short(env, *id)).collect();
        if !short.is_empty() {
            return Ok(question(env, &ids, &short));
        }
    }
    let without = env.context_ids("picking_ids_not_to_backorder");
    for id in &ids {
        let kind = env.link(PICKING, *id, "picking_type_id").unwrap_or(0);
        let policy = env.text("stock.picking.type", kind, "create_backorder");
        let drops_the_rest = policy == "never" || (without.contains(id) && policy != "always");
        done(env, *id, drops_the_rest)?;
    }
    Ok(true.into())
}

fn start_drafts(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    let drafts: Vec<i64> = ids.iter().copied().filter(|id| env.is(PICKING, *id, "state", "draft")).collect();
    picking::confirm(env, &drafts)?;
    for id in drafts {
        for goods in picking::open_moves(env, id) {
            let wanted = env.number(MOVE, goods, "product_uom_qty");
            if env.number(MOVE, goods, "quantity") == 0.0 && wanted != 0.0 {
                env.as_root(|env| env.write(MOVE, &[goods], json!({"quantity": wanted})))?;
            }
        }
    }
    Ok(())
}

fn check(env: &Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        let theirs = env.referring(MOVE, "picking_id", *id);
        if theirs.is_empty() {
            return Err(Fault::user(
                "You can’t validate an empty transfer. Please add some products to move before proceeding.",
            ));
        }
        let open = picking::open_moves(env, *id);
        let has_pick = open.iter().any(|m| env.yes(MOVE, *m, "picked"));
        let counted = open.iter().filter(|m| !has_pick || env.yes(MOVE, **m, "picked"));
        if ids.len() == 1 && counted.clone().all(|m| env.number(MOVE, *m, "quantity") == 0.0) {
            return Err(Fault::user(
                "Transfer trouble alert! Validating a zero quantity transfer? You're not moving invisible goods around \
                 are you?\nSet some quantities and let's get moving!",
            ));
        }
        let without_lot: Vec<String> = counted
            .flat_map(|m| env.referring(LINE, "move_id", *m))
            .filter(|line| env.number(LINE, *line, "quantity") != 0.0 && env.link(LINE, *line, "lot_id").is_none())
            .filter_map(|line| env.link(LINE, line, "product_id"))
            .filter(|item| !env.is("product.product", *item, "tracking", "none"))
            .map(|item| env.text("product.product", item, "display_name"))
            .collect();
        if !without_lot.is_empty() {
            let products = without_lot.join(", ");
            return Err(Fault::user(format!("You need to supply a Lot/Serial number for products {products}.")));
        }
    }
    Ok(())
}

/// When nothing was marked as picked, everything with a quantity counts as picked.
fn pick_everything(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        let theirs = env.referring(MOVE, "picking_id", *id);
        let has_quantity = theirs.iter().any(|m| env.number(MOVE, *m, "quantity") != 0.0);
        let has_pick = theirs.iter().any(|m| env.yes(MOVE, *m, "picked"));
        if has_quantity && !has_pick {
            for goods in theirs {
                moves::set_picked(env, goods, true)?;
            }
        }
    }
    Ok(())
}

fn is_short(env: &Env<'_>, id: i64) -> bool {
    let kind = env.link(PICKING, id, "picking_type_id").unwrap_or(0);
    env.is("stock.picking.type", kind, "create_backorder", "ask")
        && env.referring(MOVE, "picking_id", id).into_iter().any(|m| {
            let wanted = env.number(MOVE, m, "product_uom_qty");
            let lines = env.referring(LINE, "move_id", m).into_iter().filter(|line| env.yes(LINE, *line, "picked"));
            let picked: f64 = lines.map(|line| env.number(LINE, line, "quantity")).sum();
            !env.is(MOVE, m, "state", "cancel")
                && ((wanted != 0.0 && !env.yes(MOVE, m, "picked")) || round(picked, 2) < wanted)
        })
}

/// The window a person would see.
fn question(env: &Env<'_>, ids: &[i64], short: &[i64]) -> Json {
    let mut context = Json::Object(serde_json::Map::clone(&env.context));
    if env.context_ids("button_validate_picking_ids").is_empty() {
        context["button_validate_picking_ids"] = json!(ids);
    }
    context["default_show_transfers"] = (ids.len() > 1).into();
    context["default_pick_ids"] = short.iter().map(|id| json!([4, id])).collect::<Vec<_>>().into();
    json!({
        "name": "Create Backorder?",
        "type": "ir.actions.act_window",
        "view_mode": "form",
        "res_model": "stock.backorder.confirmation",
        "views": [[994, "form"]],
        "view_id": 994,
        "target": "new",
        "context": context,
    })
}

/// `process` of the wizard: the transfers it was opened for are validated, those marked get a backorder.
pub fn process(env: &mut Env<'_>, wizard: i64) -> Outcome<Json> {
    let model = "stock.backorder.confirmation";
    env.must_exist(model, wizard)?;
    let lines = env.list(model, wizard, "backorder_confirmation_line_ids");
    let refused: Vec<i64> = lines
        .into_iter()
        .filter(|line| !env.yes("stock.backorder.confirmation.line", *line, "to_backorder"))
        .filter_map(|line| env.link("stock.backorder.confirmation.line", line, "picking_id"))
        .collect();
    answer_question(env, refused)
}

/// `process_cancel_backorder`: no backorder at all.
pub fn process_without_backorder(env: &mut Env<'_>, wizard: i64) -> Outcome<Json> {
    let model = "stock.backorder.confirmation";
    env.must_exist(model, wizard)?;
    let refused = env.list(model, wizard, "pick_ids");
    answer_question(env, refused)
}

fn answer_question(env: &mut Env<'_>, refused: Vec<i64>) -> Outcome<Json> {
    let ids = env.context_ids("button_validate_picking_ids");
    if ids.is_empty() {
        return Ok(true.into());
    }
    let mut context = json!({"skip_backorder": true});
    if !refused.is_empty() {
        context["picking_ids_not_to_backorder"] = json!(refused);
    }
    env.with(context, |env| validate(env, &ids))
}

/// What was picked is done; the rest goes to a backorder, or is cancelled.
fn done(env: &mut Env<'_>, id: i64, drops_the_rest: bool) -> Outcome<()> {
    let open = picking::open_moves(env, id);
    moves::confirm(env, &open)?;
    for goods in &open {
        drop_unpicked_lines(env, *goods)?;
        let nothing = env.number(MOVE, *goods, "quantity") <= 0.0 || !env.yes(MOVE, *goods, "picked");
        if nothing && (drops_the_rest || env.number(MOVE, *goods, "product_uom_qty") == 0.0) {
            moves::cancel(env, &[*goods])?;
        }
    }
    let gone: Vec<i64> = open
        .iter()
        .copied()
        .filter(|m| !env.is(MOVE, *m, "state", "cancel") && env.yes(MOVE, *m, "picked"))
        .filter(|m| env.number(MOVE, *m, "quantity") > 0.0)
        .collect();
    if !drops_the_rest {
        for goods in &gone {
            split(env, *goods)?;
        }
    }
    moves::finish(env, &gone)?;
    if !drops_the_rest {
        backorder(env, id)?;
    }
    env.write(PICKING, &[id], json!({"date_done": env.now_text(), "priority": "0"}))?;
    let incoming = matches!(env.text(PICKING, id, "picking_type_code").as_str(), "incoming" | "internal");
    if incoming {
        reserve::trigger(env, &gone)?;
    }
    sale::recompute_of(env, env.link(PICKING, id, "sale_id"))?;
    if let Some(order) = env.link(PICKING, id, "purchase_id") {
        purchase::recompute(env, order)?;
    }
    Ok(())
}

/// A picked move gives up the lines that were not.
fn drop_unpicked_lines(env: &mut Env<'_>, goods: i64) -> Outcome<()> {
    if !env.yes(MOVE, goods, "picked") {
        return Ok(());
    }
    let lines: Vec<i64> =
        env.referring(LINE, "move_id", goods).into_iter().filter(|line| !env.yes(LINE, *line, "picked")).collect();
    env.as_root(|env| env.unlink(LINE, &lines))
}

/// The part of a move that stays behind becomes a move of its own.
fn split(env: &mut Env<'_>, goods: i64) -> Outcome<()> {
    let (done, wanted) = (env.number(MOVE, goods, "quantity"), env.number(MOVE, goods, "product_uom_qty"));
    let rest = round(wanted - done, 2);
    if rest <= 0.0 {
        return Ok(());
    }
    let deadline = env.model(MOVE).field("date_deadline").map(|field| env.shown(MOVE, goods, field));
    let date = env.model(MOVE).field("date").map(|field| env.shown(MOVE, goods, field));
    let mut copy = json!({
        "product_uom_qty": rest,
        "state": "confirmed",
        "date": date,
        "date_deadline": deadline,
        "sequence": env.get(MOVE, goods, "sequence").as_int(),
        "origin": env.text(MOVE, goods, "origin"),
        "to_refund": env.yes(MOVE, goods, "to_refund"),
    });
    for link in [
        "picking_id",
        "product_id",
        "product_uom",
        "location_id",
        "location_dest_id",
        "partner_id",
        "sale_line_id",
        "purchase_line_id",
        "warehouse_id",
        "origin_returned_move_id",
    ] {
        copy[link] = json!(env.link(MOVE, goods, link));
    }
    env.store(MOVE, goods, &[("product_uom_qty", Cell::Float(done))])?;
    moves::recompute_state(env, goods)?;
    env.as_root(|env| env.create(MOVE, copy)).map(|_| ())
}

/// Moves what is left of a transfer to a new one.
fn backorder(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let left = picking::open_moves(env, id);
    if left.is_empty() {
        return Ok(());
    }
    let mut copy = json!({"backorder_id": id, "origin": env.text(PICKING, id, "origin")});
    for link in [
        "partner_id",
        "picking_type_id",
        "location_id",
        "location_dest_id",
        "sale_id",
        "purchase_id",
        "carrier_id",
        "return_id",
    ] {
        copy[link] = json!(env.link(PICKING, id, link));
    }
    copy["move_type"] = env.text(PICKING, id, "move_type").into();
    let next = env.as_root(|env| env.create(PICKING, copy))?;
    let reference = env.text(PICKING, next, "name");
    for goods in &left {
        env.store(
            MOVE,
            *goods,
            &[("picking_id", Cell::Int(next)), ("reference", reference.as_str().into()), ("picked", Cell::Bool(false))],
        )?;
        for line in env.referring(LINE, "move_id", *goods) {
            env.store(LINE, line, &[("picking_id", Cell::Int(next)), ("picked", Cell::Bool(false))])?;
        }
        moves::recompute_state(env, *goods)?;
    }
    picking::recompute_all(env, &[id, next])?;
    reserve::assign(env, &left)
}
