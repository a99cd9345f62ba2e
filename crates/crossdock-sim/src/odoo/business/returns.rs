//! The wizard that brings delivered goods back.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Env, Values};
use super::moves::{self, MOVE};
use super::picking::PICKING;
use super::{fill, reserve};

const WIZARD: &str = "stock.return.picking";
const LINE: &str = "stock.return.picking.line";

pub fn before_create(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    if env.context.get("active_model").and_then(Json::as_str) == Some(PICKING)
        && let Some(id) = env.context_ids("active_id").first()
    {
        fill(values, "picking_id", *id);
    }
    Ok(())
}

/// Every delivered move gets a line of quantity 0.
pub fn after_create(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let Some(transfer) = env.link(WIZARD, id, "picking_id") else { return Ok(()) };
    if !env.is(PICKING, transfer, "state", "done") {
        return Err(Fault::user("You may only return Done pickings."));
    }
    if !env.list(WIZARD, id, "product_return_moves").is_empty() {
        return Ok(());
    }
    for goods in env.referring(MOVE, "picking_id", transfer) {
        if env.is(MOVE, goods, "state", "done") {
            let item = env.link(MOVE, goods, "product_id");
            env.create(LINE, json!({"wizard_id": id, "product_id": item, "move_id": goods, "quantity": 0}))?;
        }
    }
    Ok(())
}

/// `action_create_returns`: a transfer back. The same wizard again makes another.
pub fn create(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Json> {
    let mut made = None;
    for id in ids {
        env.must_exist(WIZARD, *id)?;
        made = Some(create_one(env, *id)?);
    }
    Ok(json!({
        "name": "Returned Picking",
        "view_mode": "form",
        "res_model": PICKING,
        "res_id": made,
        "type": "ir.actions.act_window",
        "context": {},
    }))
}

fn create_one(env: &mut Env<'_>, wizard: i64) -> Outcome<i64> {
    let transfer = env.link(WIZARD, wizard, "picking_id").unwrap_or(0);
    let kind = env.link(PICKING, transfer, "picking_type_id").unwrap_or(0);
    let back = env.link("stock.picking.type", kind, "return_picking_type_id").unwrap_or(kind);
    let returned = env.create(
        PICKING,
        json!({
            "picking_type_id": back,
            "origin": format!("Return of {}", env.text(PICKING, transfer, "name")),
            "return_id": transfer,
            "partner_id": env.link(PICKING, transfer, "partner_id"),
            "location_id": env.link(PICKING, transfer, "location_dest_id"),
            "location_dest_id": env.link(PICKING, transfer, "location_id"),
            "sale_id": env.link(PICKING, transfer, "sale_id"),
            "purchase_id": env.link(PICKING, transfer, "purchase_id"),
        }),
    )?;
    let mut made = Vec::new();
    for line in env.list(WIZARD, wizard, "product_return_moves") {
        let quantity = env.number(LINE, line, "quantity");
        let Some(goods) = env.link(LINE, line, "move_id").filter(|_| quantity > 0.0) else { continue };
        made.push(env.create(
            MOVE,
            json!({
                "picking_id": returned,
                "product_id": env.link(LINE, line, "product_id"),
                "product_uom_qty": quantity,
                "product_uom": env.link(MOVE, goods, "product_uom"),
                "location_id": env.link(MOVE, goods, "location_dest_id"),
                "location_dest_id": env.link(MOVE, goods, "location_id"),
                "origin_returned_move_id": goods,
                "sale_line_id": env.link(MOVE, goods, "sale_line_id"),
                "purchase_line_id": env.link(MOVE, goods, "purchase_line_id"),
                "to_refund": env.yes(LINE, line, "to_refund"),
            }),
        )?);
    }
    if made.is_empty() {
        return Err(Fault::user("Please specify at least one non-zero quantity."));
    }
    moves::confirm(env, &made)?;
    reserve::assign(env, &made)?;
    Ok(returned)
}
