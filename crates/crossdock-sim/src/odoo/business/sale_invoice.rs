//! The wizard that invoices orders.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Env, Values};
use super::accounts::ENTRY;
use super::fill;
use super::sale::{self, LINE, ORDER};

const WIZARD: &str = "sale.advance.payment.inv";

/// It is opened on orders.
pub fn before_create(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let ids = env.context_ids("active_ids");
    if !ids.is_empty() {
        fill(values, "sale_order_ids", json!([[6, 0, ids]]));
    }
    Ok(())
}

/// `create_invoices`: a draft for what is to be invoiced; orders of one customer and address share it.
pub fn create(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Json> {
    let mut made = Vec::new();
    for id in ids {
        env.must_exist(WIZARD, *id)?;
        let method = env.text(WIZARD, *id, "advance_payment_method");
        if method != "delivered" {
            return Err(Fault::beyond_the_stand_in(format!("invoicing by {method}")));
        }
        let together = env.yes(WIZARD, *id, "consolidated_billing");
        let orders = env.list(WIZARD, *id, "sale_order_ids");
        made.extend(invoice(env, &orders, together)?);
    }
    Ok(window(env, &made))
}

fn invoice(env: &mut Env<'_>, orders: &[i64], together: bool) -> Outcome<Vec<i64>> {
    let mut groups: Vec<(Vec<Option<i64>>, Vec<i64>)> = Vec::new();
    for order in orders {
        if billable(env, *order).is_empty() {
            continue;
        }
        let mut key: Vec<Option<i64>> = ["company_id", "partner_invoice_id", "partner_shipping_id", "currency_id"]
            .into_iter()
            .map(|field| env.link(ORDER, *order, field))
            .collect();
        if !together {
            key.push(Some(*order));
        }
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(*order),
            None => groups.push((key, vec![*order])),
        }
    }
    if groups.is_empty() {
        return Err(nothing_to_invoice());
    }
    groups.into_iter().map(|(_, group)| draft(env, &group)).collect()
}

fn billable(env: &Env<'_>, order: i64) -> Vec<i64> {
    let lines = env.list(ORDER, order, "order_line").into_iter();
    lines
        .filter(|line| {
            env.get(LINE, *line, "display_type").is_null() && env.number(LINE, *line, "qty_to_invoice") != 0.0
        })
        .collect()
}

fn draft(env: &mut Env<'_>, orders: &[i64]) -> Outcome<i64> {
    let mut lines = Vec::new();
    for order in orders {
        for line in billable(env, *order) {
            lines.push(json!([0, 0, {
                "display_type": "product",
                "sequence": env.get(LINE, line, "sequence").as_int(),
                "name": env.text(LINE, line, "name"),
                "product_id": env.link(LINE, line, "product_id"),
                "product_uom_id": env.link(LINE, line, "product_uom_id"),
                "quantity": env.number(LINE, line, "qty_to_invoice"),
                "price_unit": env.number(LINE, line, "price_unit"),
                "discount": env.number(LINE, line, "discount"),
                "tax_ids": [[6, 0, env.list(LINE, line, "tax_ids")]],
                "sale_line_ids": [[6, 0, [line]]],
            }]));
        }
    }
    let joined = |field: &str| {
        let texts: Vec<String> =
            orders.iter().map(|order| env.text(ORDER, *order, field)).filter(|text| !text.is_empty()).collect();
        texts.join(", ")
    };
    let first = orders[0];
    let values = json!({
        "move_type": "out_invoice",
        "ref": joined("client_order_ref"),
        "invoice_origin": joined("name"),
        "partner_id": env.link(ORDER, first, "partner_invoice_id"),
        "partner_shipping_id": env.link(ORDER, first, "partner_shipping_id"),
        "fiscal_position_id": env.link(ORDER, first, "fiscal_position_id"),
        "invoice_payment_term_id": env.link(ORDER, first, "payment_term_id"),
        "invoice_user_id": env.link(ORDER, first, "user_id"),
        "team_id": env.link(ORDER, first, "team_id"),
        "invoice_line_ids": lines,
    });
    let id = env.as_root(|env| env.create(ENTRY, values))?;
    for order in orders {
        sale::recompute(env, *order)?;
    }
    Ok(id)
}

/// What a person would see next.
fn window(env: &Env<'_>, made: &[i64]) -> Json {
    let mut window = json!({
        "name": "Invoices",
        "type": "ir.actions.act_window",
        "xml_id": "account.action_move_out_invoice_type",
        "res_model": ENTRY,
        "target": "current",
        "view_mode": "list,kanban,form,activity",
        "domain": "[('move_type', 'in', ['out_invoice', 'out_refund', 'out_receipt'])]",
    });
    match made {
        [only] => {
            window["res_id"] = (*only).into();
            window["context"] = json!({
                "default_move_type": "out_invoice",
                "default_partner_id": env.link(ENTRY, *only, "partner_id"),
                "default_partner_shipping_id": env.link(ENTRY, *only, "partner_shipping_id"),
            });
        }
        many => {
            window["domain"] = json!([["id", "in", many]]);
            window["context"] = json!({"default_move_type": "out_invoice"});
        }
    }
    window
}

fn nothing_to_invoice() -> Fault {
    Fault::user(
        "Cannot create an invoice. No items are available to invoice.\n\nTo resolve this issue, please ensure that:\n   \
         • The products have been delivered before attempting to invoice them.\n   • The invoicing policy of the \
         product is configured correctly.",
    )
}
