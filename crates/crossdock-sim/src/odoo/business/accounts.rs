//! The books: accounts, taxes, what is owed, and what settles what.

use serde_json::json;

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env};
use super::partner;

pub const ENTRY: &str = "account.move";
pub const LINE: &str = "account.move.line";
const MATCH: &str = "account.partial.reconcile";

/// The first account of a type.
pub fn of_type(env: &Env<'_>, kind: &str) -> Option<i64> {
    env.all("account.account", json!([["account_type", "=", kind]])).first().copied()
}

/// The account with this code.
pub fn coded(env: &Env<'_>, code: &str) -> Option<i64> {
    env.having("account.account", "code", code).first().copied()
}

/// Taxes at home, no taxes abroad: which of the two follows from where the goods go.
pub fn fiscal_position(env: &Env<'_>, partner_id: i64) -> Option<i64> {
    let country = env.link("res.partner", partner_id, "country_id");
    let home = partner::country(env, "US");
    let all = env.all("account.fiscal.position", json!([["auto_apply", "=", true]]));
    all.into_iter().find(|position| match env.link("account.fiscal.position", *position, "country_id") {
        Some(theirs) => country == Some(theirs),
        None => country != home,
    })
}

/// The taxes of a product under a fiscal position.
pub fn taxes(env: &Env<'_>, item: i64, purpose: &str, position: Option<i64>) -> Vec<i64> {
    let field = if purpose == "sale" { "taxes_id" } else { "supplier_taxes_id" };
    let own = env.list("product.product", item, field);
    let abroad = position.is_some_and(|position| env.link("account.fiscal.position", position, "country_id").is_none());
    if own.is_empty() || !abroad {
        return own;
    }
    let free = env.all("account.tax", json!([["type_tax_use", "=", purpose], ["amount", "=", 0]]));
    free.first().copied().into_iter().collect()
}

/// The sum of percentages, as a factor.
pub fn rate(env: &Env<'_>, taxes: &[i64]) -> f64 {
    taxes
        .iter()
        .filter(|tax| env.is("account.tax", **tax, "amount_type", "percent"))
        .map(|tax| env.number("account.tax", *tax, "amount") / 100.0)
        .sum()
}

/// What a customer owes over all.
pub fn credit(env: &Env<'_>, partner_id: i64) -> f64 {
    let entries = env.referring(ENTRY, "partner_id", partner_id).into_iter();
    let posted = entries.filter(|entry| env.is(ENTRY, *entry, "state", "posted"));
    round(posted.flat_map(|entry| open_lines(env, entry, "asset_receivable")).map(|line| residual(env, line)).sum(), 2)
}

/// The lines of an entry on accounts of a type.
pub fn open_lines(env: &Env<'_>, entry: i64, kind: &str) -> Vec<i64> {
    let lines = env.referring(LINE, "move_id", entry).into_iter();
    lines.filter(|line| account_type(env, *line) == kind).collect()
}

pub fn account_type(env: &Env<'_>, line: i64) -> String {
    let account = env.link(LINE, line, "account_id");
    account.map_or_else(String::new, |account| env.text("account.account", account, "account_type"))
}

/// Accounts whose lines are settled against each other.
pub fn is_settled(env: &Env<'_>, line: i64) -> bool {
    matches!(account_type(env, line).as_str(), "asset_receivable" | "liability_payable")
}

/// What of a line is not settled, with the sign of its balance.
pub fn residual(env: &Env<'_>, line: i64) -> f64 {
    if !is_settled(env, line) {
        return 0.0;
    }
    let amount = |ids: Vec<i64>| -> f64 { ids.into_iter().map(|id| env.number(MATCH, id, "amount")).sum() };
    let as_debit = amount(env.referring(MATCH, "debit_move_id", line));
    let as_credit = amount(env.referring(MATCH, "credit_move_id", line));
    round(env.number(LINE, line, "balance") - as_debit + as_credit, 2)
}

/// Settles two lines against each other as far as they go.
///
/// # Errors
/// When one of them has nothing left to settle.
pub fn settle(env: &mut Env<'_>, one: i64, other: i64) -> Outcome<()> {
    let (a, b) = (residual(env, one), residual(env, other));
    if a == 0.0 || b == 0.0 {
        return Err(Fault::user("You are trying to reconcile some entries that are already reconciled."));
    }
    if a.signum() == b.signum() {
        return Ok(());
    }
    let (debit, credit) = if a > 0.0 { (one, other) } else { (other, one) };
    let amount = a.abs().min(b.abs());
    let values = json!({"debit_move_id": debit, "credit_move_id": credit, "amount": amount, "max_date": env.today()});
    env.as_root(|env| env.create(MATCH, values))?;
    for line in [one, other] {
        refresh_line(env, line)?;
        if let Some(entry) = env.link(LINE, line, "move_id") {
            super::invoice::recompute_payment(env, entry)?;
        }
    }
    Ok(())
}

/// Takes back what settled the lines of an entry.
pub fn unsettle(env: &mut Env<'_>, entry: i64) -> Outcome<()> {
    for line in env.referring(LINE, "move_id", entry) {
        let mut matches = env.referring(MATCH, "debit_move_id", line);
        matches.extend(env.referring(MATCH, "credit_move_id", line));
        let mut touched = vec![line];
        for id in &matches {
            touched.extend(env.link(MATCH, *id, "debit_move_id"));
            touched.extend(env.link(MATCH, *id, "credit_move_id"));
        }
        env.as_root(|env| env.unlink(MATCH, &matches))?;
        for line in touched {
            refresh_line(env, line)?;
            if let Some(entry) = env.link(LINE, line, "move_id") {
                super::invoice::recompute_payment(env, entry)?;
            }
        }
    }
    Ok(())
}

pub fn refresh_line(env: &mut Env<'_>, line: i64) -> Outcome<()> {
    let open = residual(env, line);
    let settled = is_settled(env, line) && open == 0.0 && env.number(LINE, line, "balance") != 0.0;
    env.store(LINE, line, &[("amount_residual", Cell::Float(open)), ("reconciled", Cell::Bool(settled))])
}

/// The entries on the other side of what settled this one's lines.
pub fn settled_with(env: &Env<'_>, entry: i64) -> Vec<i64> {
    let mut found = Vec::new();
    for line in env.referring(LINE, "move_id", entry) {
        let others = env
            .referring(MATCH, "debit_move_id", line)
            .into_iter()
            .filter_map(|id| env.link(MATCH, id, "credit_move_id"));
        let more = env
            .referring(MATCH, "credit_move_id", line)
            .into_iter()
            .filter_map(|id| env.link(MATCH, id, "debit_move_id"));
        for other in others.chain(more).filter_map(|line| env.link(LINE, line, "move_id")).collect::<Vec<_>>() {
            if other != entry && !found.contains(&other) {
                found.push(other);
            }
        }
    }
    found
}

/// The invoices a payment settles.
pub fn invoices_paid_by(env: &Env<'_>, payment: i64) -> Vec<i64> {
    let mut found = env.list("account.payment", payment, "invoice_ids");
    if let Some(entry) = env.link("account.payment", payment, "move_id") {
        for other in settled_with(env, entry) {
            if !env.is(ENTRY, other, "move_type", "entry") && !found.contains(&other) {
                found.push(other);
            }
        }
    }
    found
}
