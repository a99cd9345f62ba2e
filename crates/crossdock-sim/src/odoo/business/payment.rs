//! Payments, and the wizard that registers them.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env, Values};
use super::accounts::{self, ENTRY, LINE};
use super::{fill, invoice};

pub const PAYMENT: &str = "account.payment";
const REGISTER: &str = "account.payment.register";

pub fn before_create(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let banks = env.all("account.journal", json!([["type", "=", "bank"]]));
    fill(values, "journal_id", json!(banks.first()));
    Ok(())
}

/// `action_post`: books a draft; one that is booked already is left alone.
pub fn post(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PAYMENT, *id)?;
    }
    for id in ids {
        if !env.is(PAYMENT, *id, "state", "draft") {
            continue;
        }
        let entry = book(env, *id)?;
        let name = env.get(ENTRY, entry, "name");
        env.store(PAYMENT, *id, &[("move_id", Cell::Int(entry)), ("name", name), ("state", "in_process".into())])?;
    }
    Ok(())
}

/// Makes and posts the entry of a payment: the bank's side and the customer's.
fn book(env: &mut Env<'_>, id: i64) -> Outcome<i64> {
    let amount = env.number(PAYMENT, id, "amount");
    let incoming = env.is(PAYMENT, id, "payment_type", "inbound");
    let sign = if incoming { 1.0 } else { -1.0 };
    let of_customer = env.is(PAYMENT, id, "partner_type", "customer");
    let bank = accounts::coded(env, if incoming { "101403" } else { "101404" });
    let owed = accounts::of_type(env, if of_customer { "asset_receivable" } else { "liability_payable" });
    let memo = env.text(PAYMENT, id, "memo");
    let text = if memo.is_empty() { "Manual Payment".to_owned() } else { format!("Manual Payment: {memo}") };
    let line =
        |account: Option<i64>, balance: f64| json!([0, 0, {"account_id": account, "balance": balance, "name": text}]);
    let values = json!({
        "move_type": "entry",
        "journal_id": env.link(PAYMENT, id, "journal_id"),
        "partner_id": env.link(PAYMENT, id, "partner_id"),
        "date": env.text(PAYMENT, id, "date"),
        "ref": memo,
        "origin_payment_id": id,
        "line_ids": [line(bank, sign * amount), line(owed, -sign * amount)],
    });
    let entry = env.as_root(|env| env.create(ENTRY, values))?;
    for line in env.referring(LINE, "move_id", entry) {
        accounts::refresh_line(env, line)?;
    }
    invoice::post(env, &[entry])?;
    Ok(entry)
}

/// What a payment settled decides whether it is paid.
pub fn recompute_of_entry(env: &mut Env<'_>, entry: i64) -> Outcome<()> {
    let Some(id) = env.link(ENTRY, entry, "origin_payment_id") else { return Ok(()) };
    let lines = env.referring(LINE, "move_id", entry).into_iter();
    let settled =
        lines.filter(|line| accounts::is_settled(env, *line)).all(|line| accounts::residual(env, line) == 0.0);
    let state = match env.text(PAYMENT, id, "state").as_str() {
        "in_process" | "paid" => if settled { "paid" } else { "in_process" }.to_owned(),
        other => other.to_owned(),
    };
    env.store(PAYMENT, id, &[("is_reconciled", Cell::Bool(settled)), ("state", state.into())])
}

/// `action_cancel`: the invoices it paid are open again.
pub fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PAYMENT, *id)?;
        if let Some(entry) = env.link(PAYMENT, *id, "move_id") {
            accounts::unsettle(env, entry)?;
            env.store(ENTRY, entry, &[("state", "cancel".into())])?;
        }
        env.store(PAYMENT, *id, &[("state", "canceled".into()), ("is_reconciled", Cell::Bool(false))])?;
    }
    Ok(())
}

/// `js_assign_outstanding_line`: settles an open line, a payment's as a rule, against an invoice.
pub fn assign(env: &mut Env<'_>, ids: &[i64], line: i64) -> Outcome<()> {
    env.must_exist(LINE, line)?;
    for id in ids {
        env.must_exist(ENTRY, *id)?;
        let account = env.link(LINE, line, "account_id");
        let owed = env
            .referring(LINE, "move_id", *id)
            .into_iter()
            .find(|own| env.link(LINE, *own, "account_id") == account && accounts::residual(env, *own) != 0.0);
        match owed {
            Some(owed) => accounts::settle(env, owed, line)?,
            None => {
                return Err(Fault::user("You are trying to reconcile some entries that are already reconciled."));
            }
        }
    }
    Ok(())
}

/// The wizard is opened on invoices and proposes to pay what is open.
pub fn before_create_register(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let from = env.context.get("active_model").and_then(Json::as_str).unwrap_or_default();
    let lines: Vec<i64> = match from {
        "account.move" => env
            .context_ids("active_ids")
            .into_iter()
            .flat_map(|id| env.referring(LINE, "move_id", id))
            .filter(|line| env.is(LINE, *line, "parent_state", "posted") && accounts::residual(env, *line) != 0.0)
            .collect(),
        "account.move.line" => env.context_ids("active_ids"),
        _ => {
            return Err(Fault::user(
                "The register payment wizard should only be called on account.move or account.move.line records.",
            ));
        }
    };
    let Some(first) = lines.first().copied() else {
        return Err(Fault::user(
            "There's nothing left to pay for the selected journal items, so no payment registration is necessary. \
             You've got your finances under control like a boss!",
        ));
    };
    let open: f64 = lines.iter().map(|line| accounts::residual(env, *line)).sum();
    let of_customer = accounts::account_type(env, first) == "asset_receivable";
    let names: Vec<String> = lines
        .iter()
        .filter_map(|line| env.link(LINE, *line, "move_id"))
        .map(|entry| env.text(ENTRY, entry, "name"))
        .collect();
    values.insert("line_ids".into(), json!([[6, 0, lines]]));
    fill(values, "amount", json!(round(open.abs(), 2)));
    fill(values, "partner_id", json!(env.link(LINE, first, "partner_id")));
    fill(values, "payment_type", if open > 0.0 { "inbound" } else { "outbound" });
    fill(values, "partner_type", if of_customer { "customer" } else { "supplier" });
    fill(values, "communication", names.join(", "));
    Ok(())
}

/// `action_create_payments`: makes, posts and settles a payment. The same wizard again makes another.
pub fn register(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Json> {
    let mut last = None;
    for id in ids {
        env.must_exist(REGISTER, *id)?;
        let lines = env.list(REGISTER, *id, "line_ids");
        let mut invoices: Vec<i64> = lines.iter().filter_map(|line| env.link(LINE, *line, "move_id")).collect();
        invoices.dedup();
        let payment = env.create(
            PAYMENT,
            json!({
                "payment_type": env.text(REGISTER, *id, "payment_type"),
                "partner_type": env.text(REGISTER, *id, "partner_type"),
                "partner_id": env.link(REGISTER, *id, "partner_id"),
                "amount": env.number(REGISTER, *id, "amount"),
                "date": env.text(REGISTER, *id, "payment_date"),
                "memo": env.text(REGISTER, *id, "communication"),
                "journal_id": env.link(REGISTER, *id, "journal_id"),
                "invoice_ids": [[6, 0, invoices]],
            }),
        )?;
        post(env, &[payment])?;
        settle(env, payment, &lines)?;
        last = Some(payment);
    }
    Ok(json!({
        "name": "Payments",
        "type": "ir.actions.act_window",
        "res_model": PAYMENT,
        "context": {"create": false},
        "view_mode": "form",
        "res_id": last,
    }))
}

fn settle(env: &mut Env<'_>, payment: i64, lines: &[i64]) -> Outcome<()> {
    let Some(entry) = env.link(PAYMENT, payment, "move_id") else { return Ok(()) };
    let own = env.referring(LINE, "move_id", entry).into_iter().find(|line| accounts::is_settled(env, *line));
    let Some(own) = own else { return Ok(()) };
    for line in lines {
        if accounts::residual(env, *line) != 0.0 && accounts::residual(env, own) != 0.0 {
            accounts::settle(env, *line, own)?;
        }
    }
    Ok(())
}
