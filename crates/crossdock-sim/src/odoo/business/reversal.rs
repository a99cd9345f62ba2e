//! The wizard that takes invoices back with credit notes.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Cell, Env, Values};
use super::accounts::{ENTRY, LINE};
use super::fill;

const WIZARD: &str = "account.move.reversal";

pub fn before_create(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    if env.context.get("active_model").and_then(Json::as_str) == Some(ENTRY) {
        let ids = env.context_ids("active_ids");
        if ids.iter().any(|id| !env.is(ENTRY, *id, "state", "posted")) {
            return Err(Fault::user("You can only reverse posted moves."));
        }
        let journal = ids.first().and_then(|id| env.link(ENTRY, *id, "journal_id"));
        fill(values, "journal_id", json!(journal));
        fill(values, "move_ids", json!([[6, 0, ids]]));
    }
    Ok(())
}

/// `refund_moves`: a draft credit note for each invoice. The same wizard again makes another.
pub fn refund(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Json> {
    let mut made = Vec::new();
    for id in ids {
        env.must_exist(WIZARD, *id)?;
        for original in env.list(WIZARD, *id, "move_ids") {
            made.push(credit_note(env, *id, original)?);
        }
        env.store(WIZARD, *id, &[("new_move_ids", Cell::ids(made.iter().copied()))])?;
    }
    Ok(json!({
        "name": "Reverse Moves",
        "type": "ir.actions.act_window",
        "res_model": ENTRY,
        "view_mode": "form",
        "res_id": made.last(),
        "context": {"default_move_type": "out_refund"},
    }))
}

fn credit_note(env: &mut Env<'_>, wizard: i64, original: i64) -> Outcome<i64> {
    let name = env.text(ENTRY, original, "name");
    let reason = env.text(WIZARD, wizard, "reason");
    let reference =
        if reason.is_empty() { format!("Reversal of: {name}") } else { format!("Reversal of: {name}, {reason}") };
    let kind = env.text(ENTRY, original, "move_type").replace("_invoice", "_refund");
    let date = env.text(WIZARD, wizard, "date");
    let mut lines = Vec::new();
    for line in env.referring(LINE, "move_id", original) {
        if env.is(LINE, line, "display_type", "product") {
            lines.push(json!([0, 0, {
                "name": env.text(LINE, line, "name"),
                "product_id": env.link(LINE, line, "product_id"),
                "product_uom_id": env.link(LINE, line, "product_uom_id"),
                "account_id": env.link(LINE, line, "account_id"),
                "quantity": env.number(LINE, line, "quantity"),
                "price_unit": env.number(LINE, line, "price_unit"),
                "discount": env.number(LINE, line, "discount"),
                "tax_ids": [[6, 0, env.list(LINE, line, "tax_ids")]],
                "sale_line_ids": [[6, 0, env.list(LINE, line, "sale_line_ids")]],
            }]));
        }
    }
    let values = json!({
        "move_type": kind,
        "ref": reference,
        "partner_id": env.link(ENTRY, original, "partner_id"),
        "partner_shipping_id": env.link(ENTRY, original, "partner_shipping_id"),
        "journal_id": env.link(WIZARD, wizard, "journal_id"),
        "invoice_date": date,
        "date": date,
        "invoice_origin": env.text(ENTRY, original, "invoice_origin"),
        "reversed_entry_id": original,
        "fiscal_position_id": env.link(ENTRY, original, "fiscal_position_id"),
        "invoice_line_ids": lines,
    });
    env.as_root(|env| env.create(ENTRY, values))
}
