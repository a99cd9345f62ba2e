//! Purchase orders and the receipts they bring about.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env, Values};
use super::{accounts, fill, id_in, moves, picking, product, reserve};

const ORDER: &str = "purchase.order";
const LINE: &str = "purchase.order.line";

pub fn before_create(env: &mut Env<'_>, values: &mut Values) -> Outcome<()> {
    if let Some(vendor) = id_in(values, "partner_id") {
        env.must_exist("res.partner", vendor)?;
        if values.get("name").and_then(Json::as_str).is_none_or(|name| name.is_empty() || name == "New") {
            let number = env.world.count("purchase.order");
            values.insert("name".into(), format!("P{number:05}").into());
        }
    }
    Ok(())
}

pub fn before_create_line(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let Some(item) = id_in(values, "product_id").filter(|id| env.exists("product.product", *id)) else { return Ok(()) };
    fill(values, "name", product::line_text(env, item));
    fill(values, "product_uom_id", json!(env.link("product.product", item, "uom_id")));
    fill(values, "date_planned", env.now_text());
    if !values.contains_key("price_unit") {
        values.insert("price_unit".into(), json!(env.number("product.product", item, "standard_price")));
    }
    if !values.contains_key("tax_ids") {
        let taxes = accounts::taxes(env, item, "purchase", None);
        values.insert("tax_ids".into(), json!([[6, 0, taxes]]));
    }
    Ok(())
}

pub fn recompute_of_line(env: &mut Env<'_>, line: i64) -> Outcome<()> {
    match env.link(LINE, line, "order_id") {
        Some(order) => recompute(env, order),
        None => Ok(()),
    }
}

/// Brings amounts, received quantities and statuses up to date.
pub fn recompute(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let (mut net, mut tax, mut open) = (0.0, 0.0, false);
    let confirmed = env.is(ORDER, id, "state", "purchase");
    let mut planned = Cell::Null;
    for line in env.referring(LINE, "order_id", id) {
        let gross = env.number(LINE, line, "price_unit") * env.number(LINE, line, "product_qty");
        let own = round(gross * (1.0 - env.number(LINE, line, "discount") / 100.0), 2);
        let own_tax = round(own * accounts::rate(env, &env.list(LINE, line, "tax_ids")), 2);
        let arrived = env.referring("stock.move", "purchase_line_id", line).into_iter();
        let arrived = arrived.filter(|m| env.is("stock.move", *m, "state", "done"));
        let received: f64 = arrived.map(|m| env.number("stock.move", m, "quantity")).sum();
        env.store(
            LINE,
            line,
            &[
                ("price_subtotal", Cell::Float(own)),
                ("price_tax", Cell::Float(own_tax)),
                ("price_total", Cell::Float(round(own + own_tax, 2))),
                ("qty_received", Cell::Float(received)),
            ],
        )?;
        let date = env.get(LINE, line, "date_planned");
        if date.order(&planned).is_lt() {
            planned = date;
        }
        open |= received > env.number(LINE, line, "qty_invoiced");
        net += own;
        tax += own_tax;
    }
    let states: Vec<String> =
        env.list(ORDER, id, "picking_ids").into_iter().map(|p| env.text("stock.picking", p, "state")).collect();
    let live = || states.iter().filter(|state| *state != "cancel");
    let receipt = if live().next().is_none() {
        Cell::Null
    } else if live().all(|state| state == "done") {
        "full".into()
    } else if live().any(|state| state == "done") {
        "partial".into()
    } else {
        "pending".into()
    };
    let invoice_status = if confirmed && open { "to invoice" } else { "no" };
    env.store(
        ORDER,
        id,
        &[
            ("amount_untaxed", Cell::Float(round(net, 2))),
            ("amount_tax", Cell::Float(round(tax, 2))),
            ("amount_total", Cell::Float(round(net + tax, 2))),
            ("receipt_status", receipt),
            ("invoice_status", invoice_status.into()),
            ("date_planned", planned),
        ],
    )
}

/// `button_confirm`: makes the receipt. What is confirmed already is left alone.
pub fn confirm(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ORDER, *id)?;
        if !matches!(env.text(ORDER, *id, "state").as_str(), "draft" | "sent") {
            continue;
        }
        env.write(ORDER, &[*id], json!({"state": "purchase", "date_approve": env.now_text()}))?;
        receive(env, *id)?;
        recompute(env, *id)?;
    }
    Ok(())
}

fn receive(env: &mut Env<'_>, order: i64) -> Outcome<()> {
    let wanted: Vec<i64> = env
        .list(ORDER, order, "order_line")
        .into_iter()
        .filter(|line| env.link(LINE, *line, "product_id").is_some_and(|item| product::is_goods(env, item)))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let vendors = env.all("stock.location", json!([["usage", "=", "supplier"]])).first().copied();
    let transfer = env.as_root(|env| {
        let values = json!({
            "picking_type_id": env.link(ORDER, order, "picking_type_id"),
            "partner_id": env.link(ORDER, order, "partner_id"),
            "origin": env.text(ORDER, order, "name"),
            "location_id": vendors,
            "purchase_id": order,
        });
        env.create("stock.picking", values)
    })?;
    let mut made = Vec::new();
    for line in wanted {
        let values = json!({
            "picking_id": transfer,
            "product_id": env.link(LINE, line, "product_id"),
            "product_uom_qty": env.number(LINE, line, "product_qty"),
            "product_uom": env.link(LINE, line, "product_uom_id"),
            "purchase_line_id": line,
            "price_unit": env.number(LINE, line, "price_unit"),
        });
        made.push(env.as_root(|env| env.create("stock.move", values))?);
    }
    moves::confirm(env, &made)?;
    reserve::assign(env, &made)?;
    env.store(ORDER, order, &[("picking_ids", Cell::ids([transfer]))])
}

/// `button_cancel`: what was received stays, the rest is called off.
pub fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ORDER, *id)?;
        for transfer in env.list(ORDER, *id, "picking_ids") {
            if !env.is("stock.picking", transfer, "state", "done") {
                picking::cancel(env, &[transfer])?;
            }
        }
        env.write(ORDER, &[*id], json!({"state": "cancel"}))?;
        recompute(env, *id)?;
    }
    Ok(())
}

/// `button_draft`.
pub fn draft(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ORDER, *id)?;
        if !env.is(ORDER, *id, "state", "cancel") {
            return Err(Fault::user("Only cancelled orders can be set to draft."));
        }
        env.write(ORDER, &[*id], json!({"state": "draft"}))?;
    }
    Ok(())
}
