//! Sales orders: prices, states, and what they set in motion in the warehouse.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env, Values};
use super::{accounts, fill, id_in, moves, partner, picking, product, reserve};

pub const ORDER: &str = "sale.order";
pub const LINE: &str = "sale.order.line";

pub fn before_create(env: &mut Env<'_>, values: &mut Values) -> Outcome<()> {
    if let Some(customer) = id_in(values, "partner_id") {
        env.must_exist("res.partner", customer)?;
        let invoice_to = partner::address(env, customer, "invoice");
        fill(values, "partner_invoice_id", invoice_to);
        let ship_to = partner::address(env, customer, "delivery");
        fill(values, "partner_shipping_id", ship_to);
        let terms = env.link("res.partner", customer, "property_payment_term_id");
        fill(values, "payment_term_id", json!(terms));
        if let Some(seller) = env.link("res.partner", customer, "user_id") {
            values.insert("user_id".into(), seller.into());
        }
        let ship_to = id_in(values, "partner_shipping_id").unwrap_or(customer);
        let position = accounts::fiscal_position(env, ship_to);
        fill(values, "fiscal_position_id", json!(position));
        // Only now: an order that fails here does not use up a number.
        if values.get("name").and_then(Json::as_str).is_none_or(|name| name.is_empty() || name == "New") {
            let number = env.world.count("sale.order");
            values.insert("name".into(), format!("S{number:05}").into());
        }
    }
    fill(values, "currency_id", 1);
    Ok(())
}

/// An order that is born confirmed asks for its goods at once.
pub fn after_create(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    if env.is(ORDER, id, "state", "sale") {
        let lines = env.list(ORDER, id, "order_line");
        launch(env, id, &lines)?;
    }
    recompute(env, id)
}

pub fn before_create_line(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let Some(item) = id_in(values, "product_id").filter(|id| env.exists("product.product", *id)) else { return Ok(()) };
    fill(values, "name", product::line_text(env, item));
    let unit = env.link("product.product", item, "uom_id");
    fill(values, "product_uom_id", json!(unit));
    if !values.contains_key("price_unit") {
        values.insert("price_unit".into(), json!(env.number("product.product", item, "list_price")));
    }
    if !values.contains_key("tax_ids") {
        let order = id_in(values, "order_id");
        let position = order.and_then(|order| env.link(ORDER, order, "fiscal_position_id"));
        let taxes = accounts::taxes(env, item, "sale", position);
        values.insert("tax_ids".into(), json!([[6, 0, taxes]]));
    }
    if product::is_goods(env, item) {
        values.insert("qty_delivered_method".into(), "stock_move".into());
    }
    Ok(())
}

pub fn after_create_line(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    price(env, id)?;
    let Some(order) = env.link(LINE, id, "order_id") else { return Ok(()) };
    if env.is_unfinished(ORDER, order) {
        return Ok(());
    }
    if env.is(ORDER, order, "state", "sale") {
        launch(env, order, &[id])?;
    }
    recompute(env, order)
}

pub fn before_write(env: &Env<'_>, ids: &[i64], values: &mut Values) -> Outcome<()> {
    let locked = ids.iter().any(|id| env.yes(ORDER, *id, "locked"));
    let lines_or_partner = values.contains_key("order_line") || values.contains_key("partner_id");
    if locked && lines_or_partner {
        return Err(Fault::user("It is forbidden to modify the following fields in a locked order."));
    }
    Ok(())
}

pub fn after_write(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    if values.contains_key("commitment_date") {
        let deadline = env.get(ORDER, id, "commitment_date");
        for transfer in env.referring("stock.picking", "sale_id", id) {
            for goods in env.referring("stock.move", "picking_id", transfer) {
                env.store("stock.move", goods, &[("date_deadline", deadline.clone())])?;
            }
            picking::recompute(env, transfer)?;
        }
    }
    recompute(env, id)
}

pub fn before_write_line(env: &Env<'_>, ids: &[i64], values: &mut Values) -> Outcome<()> {
    for id in ids {
        let confirmed = env.is(LINE, *id, "state", "sale");
        let wanted = values.get("product_id").and_then(Json::as_i64);
        if confirmed && wanted.is_some() && wanted != env.link(LINE, *id, "product_id") {
            return Err(Fault::user("You cannot modify the product of this order line."));
        }
        let lowered = values.get("product_uom_qty").and_then(Json::as_f64);
        if confirmed && lowered.is_some_and(|wanted| wanted < env.number(LINE, *id, "qty_delivered")) {
            return Err(Fault::user(
                "The ordered quantity of a sale order line cannot be decreased below the amount already delivered. \
                 Instead, create a return in your inventory.",
            ));
        }
    }
    Ok(())
}

pub fn after_write_line(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    price(env, id)?;
    let Some(order) = env.link(LINE, id, "order_id") else { return Ok(()) };
    if values.contains_key("product_uom_qty") && env.is(ORDER, order, "state", "sale") {
        adapt(env, order, id)?;
    }
    recompute(env, order)
}

pub fn before_unlink(env: &Env<'_>, ids: &[i64]) -> Outcome<()> {
    let deletable = |id: &i64| matches!(env.text(ORDER, *id, "state").as_str(), "draft" | "cancel");
    if ids.iter().all(deletable) {
        return Ok(());
    }
    Err(Fault::user("You can not delete a sent quotation or a confirmed sales order. You must first cancel it."))
}

pub fn before_unlink_line(env: &Env<'_>, ids: &[i64]) -> Outcome<()> {
    let fixed = |id: &i64| env.is(LINE, *id, "state", "sale") && env.get(LINE, *id, "display_type").is_null();
    if ids.iter().any(fixed) {
        return Err(Fault::user(
            "Once a sales order is confirmed, you can't remove one of its lines (we need to track if something gets \
             invoiced or delivered).\nSet the quantity to 0 instead.",
        ));
    }
    Ok(())
}

pub fn compute(env: &Env<'_>, id: i64, field: &str) -> Cell {
    match field {
        "invoice_ids" => Cell::ids(invoices(env, id)),
        "invoice_count" => Cell::Int(invoices(env, id).len() as i64),
        "delivery_count" => Cell::Int(env.referring("stock.picking", "sale_id", id).len() as i64),
        "expected_date" => env.get(ORDER, id, "date_order"),
        _ => Cell::Null,
    }
}

/// The invoices and credit notes with a line of this order.
pub fn invoices(env: &Env<'_>, id: i64) -> Vec<i64> {
    let mut found = Vec::new();
    for line in env.referring(LINE, "order_id", id) {
        for entry_line in env.referring("account.move.line", "sale_line_ids", line) {
            if let Some(entry) = env.link("account.move.line", entry_line, "move_id")
                && !found.contains(&entry)
            {
                found.push(entry);
            }
        }
    }
    env.sort("account.move", &mut found, &env.model("account.move").order);
    found
}

/// Confirms orders: each gets its transfer, reserved as far as there is stock.
pub fn confirm(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ORDER, *id)?;
        if !matches!(env.text(ORDER, *id, "state").as_str(), "draft" | "sent") {
            return Err(Fault::user("Some orders are not in a state requiring confirmation."));
        }
        let incomplete = env.referring(LINE, "order_id", *id).into_iter().any(|line| {
            env.get(LINE, line, "display_type").is_null()
                && !env.yes(LINE, line, "is_downpayment")
                && env.link(LINE, line, "product_id").is_none()
        });
        if incomplete {
            return Err(Fault::user(
                "Some order lines are missing a product, you need to correct them before going further.",
            ));
        }
    }
    let now = env.now_text();
    for id in ids {
        env.write(ORDER, &[*id], json!({"state": "sale", "date_order": now}))?;
        let lines = env.list(ORDER, *id, "order_line");
        launch(env, *id, &lines)?;
        recompute(env, *id)?;
    }
    Ok(())
}

/// Cancels orders, their draft invoices and what is not yet delivered. What is delivered stays so.
pub fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ORDER, *id)?;
        if env.yes(ORDER, *id, "locked") {
            return Err(Fault::user("You cannot cancel a locked order. Please unlock it first."));
        }
    }
    for id in ids {
        for invoice in invoices(env, *id) {
            if env.is("account.move", invoice, "state", "draft") {
                super::invoice::cancel(env, &[invoice])?;
            }
        }
        for transfer in env.referring("stock.picking", "sale_id", *id) {
            if !env.is("stock.picking", transfer, "state", "done") {
                picking::cancel(env, &[transfer])?;
            }
        }
        env.write(ORDER, &[*id], json!({"state": "cancel"}))?;
        recompute(env, *id)?;
    }
    Ok(())
}

pub fn draft(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ORDER, *id)?;
        if matches!(env.text(ORDER, *id, "state").as_str(), "cancel" | "sent") {
            env.write(ORDER, &[*id], json!({"state": "draft", "signed_by": false, "signed_on": false}))?;
        }
    }
    Ok(())
}

/// Makes the moves that lines call for. They join the order's open transfer when there is one.
fn launch(env: &mut Env<'_>, order: i64, lines: &[i64]) -> Outcome<()> {
    let mut made = Vec::new();
    for line in lines {
        let Some(item) = env.link(LINE, *line, "product_id") else { continue };
        let missing = env.number(LINE, *line, "product_uom_qty") - ordered(env, *line);
        if !product::is_goods(env, item) || missing <= 0.0 {
            continue;
        }
        let transfer = match open_transfer(env, order) {
            Some(transfer) => transfer,
            None => make_transfer(env, order)?,
        };
        made.push(make_move(env, order, transfer, *line, item, missing)?);
    }
    moves::confirm(env, &made)?;
    reserve::assign(env, &made)
}

/// What the moves of a line bring to the customer, taken back what came back.
fn ordered(env: &Env<'_>, line: i64) -> f64 {
    let live = env.referring("stock.move", "sale_line_id", line).into_iter();
    live.filter(|id| !env.is("stock.move", *id, "state", "cancel"))
        .map(|id| env.number("stock.move", id, "product_uom_qty") * direction(env, id))
        .sum()
}

/// 1 for a move to the customer, -1 for one from there.
fn direction(env: &Env<'_>, id: i64) -> f64 {
    let usage = |field: &str| {
        env.link("stock.move", id, field).map(|place| env.text("stock.location", place, "usage")).unwrap_or_default()
    };
    if usage("location_dest_id") == "customer" {
        1.0
    } else if usage("location_id") == "customer" {
        if env.yes("stock.move", id, "to_refund") { -1.0 } else { 0.0 }
    } else {
        0.0
    }
}

fn open_transfer(env: &Env<'_>, order: i64) -> Option<i64> {
    env.referring("stock.picking", "sale_id", order).into_iter().rev().find(|id| {
        env.is("stock.picking", *id, "picking_type_code", "outgoing")
            && matches!(
                env.text("stock.picking", *id, "state").as_str(),
                "draft" | "confirmed" | "waiting" | "assigned"
            )
    })
}

fn make_transfer(env: &mut Env<'_>, order: i64) -> Outcome<i64> {
    let house = env.link(ORDER, order, "warehouse_id").unwrap_or(1);
    let kind = env.link("stock.warehouse", house, "out_type_id");
    let at = scheduled(env, order);
    let values = json!({
        "picking_type_id": kind,
        "partner_id": env.link(ORDER, order, "partner_shipping_id"),
        "origin": env.text(ORDER, order, "name"),
        "sale_id": order,
        "move_type": env.text(ORDER, order, "picking_policy"),
        "carrier_id": env.link(ORDER, order, "carrier_id"),
        "scheduled_date": at,
        "user_id": false,
    });
    env.as_root(|env| env.create("stock.picking", values))
}

fn make_move(env: &mut Env<'_>, order: i64, transfer: i64, line: i64, item: i64, quantity: f64) -> Outcome<i64> {
    let at = scheduled(env, order);
    let values = json!({
        "picking_id": transfer,
        "product_id": item,
        "product_uom_qty": quantity,
        "product_uom": env.link(LINE, line, "product_uom_id"),
        "sale_line_id": line,
        "origin": env.text(ORDER, order, "name"),
        "partner_id": env.link(ORDER, order, "partner_shipping_id"),
        "warehouse_id": env.link(ORDER, order, "warehouse_id"),
        "date": at,
        "date_deadline": at,
        "sequence": env.get(LINE, line, "sequence").as_int().unwrap_or(10),
    });
    env.as_root(|env| env.create("stock.move", values))
}

fn scheduled(env: &Env<'_>, order: i64) -> Json {
    let definition = env.model(ORDER);
    let field = if env.get(ORDER, order, "commitment_date").is_null() { "date_order" } else { "commitment_date" };
    definition.field(field).map_or(Json::Null, |field| env.shown(ORDER, order, field))
}

/// The quantity of a confirmed line changed: its open move follows.
fn adapt(env: &mut Env<'_>, order: i64, line: i64) -> Outcome<()> {
    let difference = round(env.number(LINE, line, "product_uom_qty") - ordered(env, line), 2);
    if difference > 0.0 {
        let open = open_moves(env, line).into_iter().next();
        match open {
            Some(id) => {
                let demand = env.number("stock.move", id, "product_uom_qty") + difference;
                env.write("stock.move", &[id], json!({"product_uom_qty": demand}))?;
                reserve::assign(env, &[id])?;
            }
            None => launch(env, order, &[line])?,
        }
        return Ok(());
    }
    let mut surplus = -difference;
    for id in open_moves(env, line).into_iter().rev() {
        if surplus <= 0.0 {
            break;
        }
        let demand = env.number("stock.move", id, "product_uom_qty");
        let less = surplus.min(demand);
        surplus = round(surplus - less, 2);
        env.write("stock.move", &[id], json!({"product_uom_qty": round(demand - less, 2)}))?;
        if demand - less <= 0.0 {
            moves::cancel(env, &[id])?;
        }
    }
    Ok(())
}

fn open_moves(env: &Env<'_>, line: i64) -> Vec<i64> {
    let live = env.referring("stock.move", "sale_line_id", line).into_iter();
    live.filter(|id| !matches!(env.text("stock.move", *id, "state").as_str(), "done" | "cancel")).collect()
}

/// The amounts of a line.
fn price(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let gross = env.number(LINE, id, "price_unit") * env.number(LINE, id, "product_uom_qty");
    let net = round(gross * (1.0 - env.number(LINE, id, "discount") / 100.0), 2);
    let tax = round(net * accounts::rate(env, &env.list(LINE, id, "tax_ids")), 2);
    env.store(
        LINE,
        id,
        &[
            ("price_subtotal", Cell::Float(net)),
            ("price_tax", Cell::Float(tax)),
            ("price_total", Cell::Float(round(net + tax, 2))),
        ],
    )
}

/// Brings everything an order derives from its lines, transfers and invoices up to date.
pub fn recompute(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    if !env.exists(ORDER, id) {
        return Ok(());
    }
    let confirmed = env.is(ORDER, id, "state", "sale");
    let mut statuses = Vec::new();
    let (mut net, mut tax) = (0.0, 0.0);
    for line in env.referring(LINE, "order_id", id) {
        net += env.number(LINE, line, "price_subtotal");
        tax += env.number(LINE, line, "price_tax");
        let status = recompute_line(env, line, confirmed)?;
        if env.get(LINE, line, "display_type").is_null() && !env.yes(LINE, line, "is_downpayment") {
            statuses.push(status);
        }
    }
    let all = |words: &[&str]| !statuses.is_empty() && statuses.iter().all(|status| words.contains(status));
    let invoice_status = if !confirmed {
        "no"
    } else if statuses.contains(&"to invoice") {
        "to invoice"
    } else if all(&["invoiced"]) {
        "invoiced"
    } else if all(&["invoiced", "upselling"]) {
        "upselling"
    } else {
        "no"
    };
    let (delivery_status, effective_date) = delivery(env, id);
    env.store(
        ORDER,
        id,
        &[
            ("amount_untaxed", Cell::Float(round(net, 2))),
            ("amount_tax", Cell::Float(round(tax, 2))),
            ("amount_total", Cell::Float(round(net + tax, 2))),
            ("invoice_status", invoice_status.into()),
            ("delivery_status", delivery_status),
            ("effective_date", effective_date),
        ],
    )
}

fn recompute_line(env: &mut Env<'_>, id: i64, confirmed: bool) -> Outcome<&'static str> {
    let delivered = if env.is(LINE, id, "qty_delivered_method", "stock_move") {
        let done = env.referring("stock.move", "sale_line_id", id).into_iter();
        let done = done.filter(|id| env.is("stock.move", *id, "state", "done"));
        done.map(|id| env.number("stock.move", id, "quantity") * direction(env, id)).sum()
    } else {
        env.number(LINE, id, "qty_delivered")
    };
    let invoiced = invoiced(env, id);
    let ordered = env.number(LINE, id, "product_uom_qty");
    let by_order =
        env.link(LINE, id, "product_id").is_none_or(|p| !env.is("product.product", p, "invoice_policy", "delivery"));
    let base = if by_order { ordered } else { delivered };
    let countable = confirmed && env.get(LINE, id, "display_type").is_null();
    let to_invoice = if countable { round(base - invoiced, 2) } else { 0.0 };
    let status = if !confirmed {
        "no"
    } else if to_invoice != 0.0 {
        "to invoice"
    } else if by_order && ordered >= 0.0 && delivered > ordered {
        "upselling"
    } else if invoiced >= ordered {
        "invoiced"
    } else {
        "no"
    };
    env.store(
        LINE,
        id,
        &[
            ("qty_delivered", Cell::Float(round(delivered, 2))),
            ("qty_invoiced", Cell::Float(round(invoiced, 2))),
            ("qty_to_invoice", Cell::Float(to_invoice)),
            ("invoice_status", status.into()),
        ],
    )?;
    Ok(status)
}

/// What live invoices bill of a line, less what credit notes take back.
fn invoiced(env: &Env<'_>, id: i64) -> f64 {
    let lines = env.referring("account.move.line", "sale_line_ids", id).into_iter();
    lines
        .map(|line| {
            let Some(entry) = env.link("account.move.line", line, "move_id") else { return 0.0 };
            let sign = match env.text("account.move", entry, "move_type").as_str() {
                "out_invoice" => 1.0,
                "out_refund" => -1.0,
                _ => 0.0,
            };
            let live = !env.is("account.move", entry, "state", "cancel");
            if live { sign * env.number("account.move.line", line, "quantity") } else { 0.0 }
        })
        .sum()
}

fn delivery(env: &Env<'_>, id: i64) -> (Cell, Cell) {
    let transfers = env.referring("stock.picking", "sale_id", id);
    let states: Vec<String> = transfers.iter().map(|id| env.text("stock.picking", *id, "state")).collect();
    let is = |word: &'static str| move |state: &String| state == word;
    let over = |state: &String| state == "done" || state == "cancel";
    let delivered = || env.referring(LINE, "order_id", id).iter().any(|line| env.yes(LINE, *line, "qty_delivered"));
    let status = if states.is_empty() || states.iter().all(is("cancel")) {
        Cell::Null
    } else if states.iter().all(over) {
        "full".into()
    } else if states.iter().any(is("done")) {
        if delivered() { "partial".into() } else { "started".into() }
    } else {
        "pending".into()
    };
    let dates = transfers.iter().filter(|id| {
        let to = env.link("stock.picking", **id, "location_dest_id");
        env.is("stock.picking", **id, "state", "done")
            && to.is_some_and(|to| env.is("stock.location", to, "usage", "customer"))
    });
    let first = dates.map(|id| env.get("stock.picking", *id, "date_done")).filter(|date| !date.is_null());
    (status, first.min_by(Cell::order).unwrap_or(Cell::Null))
}

/// An order whose transfers, moves or invoices changed.
pub fn recompute_of(env: &mut Env<'_>, order: Option<i64>) -> Outcome<()> {
    match order {
        Some(order) => recompute(env, order),
        None => Ok(()),
    }
}

/// The orders a journal entry bills.
pub fn orders_billed(env: &Env<'_>, entry: i64) -> Vec<i64> {
    let mut orders = Vec::new();
    for line in env.referring("account.move.line", "move_id", entry) {
        for sold in env.list("account.move.line", line, "sale_line_ids") {
            if let Some(order) = env.link(LINE, sold, "order_id")
                && !orders.contains(&order)
            {
                orders.push(order);
            }
        }
    }
    orders
}
