//! Invoices, bills, credit notes and other entries: their lines, their numbers, their states.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env, Values};
use super::accounts::{self, ENTRY, LINE};
use super::{fill, given, id_in, number_in, partner, payment, product, sale};

/// The lines of an invoice that a person writes; the others follow from them.
const WRITTEN: [&str; 4] = ["product", "line_section", "line_subsection", "line_note"];
/// What nobody may change on a posted entry.
const FIXED: [&str; 9] = [
    "invoice_line_ids",
    "line_ids",
    "invoice_date",
    "date",
    "partner_id",
    "journal_id",
    "currency_id",
    "move_type",
    "invoice_date_due",
];

pub fn before_create(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let kind = values.get("move_type").and_then(Json::as_str).unwrap_or("entry").to_owned();
    let journal = match kind.split('_').next() {
        Some("out") => "sale",
        Some("in") => "purchase",
        _ => "general",
    };
    let journals = env.all("account.journal", json!([["type", "=", journal]]));
    fill(values, "journal_id", json!(journals.first()));
    if kind != "entry" {
        if let Some(customer) = id_in(values, "partner_id").filter(|id| env.exists("res.partner", *id)) {
            let ship_to = partner::address(env, customer, "delivery");
            fill(values, "partner_shipping_id", ship_to);
            let position = id_in(values, "partner_shipping_id").and_then(|to| accounts::fiscal_position(env, to));
            fill(values, "fiscal_position_id", json!(position));
        }
        if kind.starts_with("out_") {
            fill(values, "invoice_user_id", env.uid);
        }
        fill(values, "invoice_date_due", env.today());
        if kind.starts_with("out_")
            && let Some(date) = values.get("invoice_date").filter(|date| super::super::orm::is_truthy(date)).cloned()
        {
            values.insert("date".into(), date);
        }
    }
    Ok(())
}

pub fn before_create_line(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let Some(entry) = id_in(values, "move_id").filter(|id| env.exists(ENTRY, *id)) else {
        return Err(Fault::key_error("move_id"));
    };
    let kind = env.text(ENTRY, entry, "move_type");
    let display = values.get("display_type").and_then(Json::as_str).unwrap_or("product").to_owned();
    fill(values, "partner_id", json!(env.link(ENTRY, entry, "partner_id").map(|id| partner::commercial(env, id))));
    if kind == "entry" {
        // The columns of a plain entry are what was written.
        let balance = if values.contains_key("balance") {
            number_in(values, "balance")
        } else {
            number_in(values, "debit") - number_in(values, "credit")
        };
        put_balance(values, balance);
        return Ok(());
    }
    if display != "product" {
        return Ok(());
    }
    if !values.contains_key("quantity") {
        values.insert("quantity".into(), 1.into());
    }
    let buying = kind.starts_with("in_");
    let item = id_in(values, "product_id").filter(|id| env.exists("product.product", *id));
    if let Some(item) = item {
        fill(values, "name", product::line_text(env, item));
        fill(values, "product_uom_id", json!(env.link("product.product", item, "uom_id")));
        if !values.contains_key("price_unit") {
            let price = if buying { "standard_price" } else { "list_price" };
            values.insert("price_unit".into(), json!(env.number("product.product", item, price)));
        }
        if !values.contains_key("tax_ids") {
            let position = env.link(ENTRY, entry, "fiscal_position_id");
            let taxes = accounts::taxes(env, item, if buying { "purchase" } else { "sale" }, position);
            values.insert("tax_ids".into(), json!([[6, 0, taxes]]));
        }
    }
    let account = accounts::coded(env, if buying { "600000" } else { "400000" });
    fill(values, "account_id", json!(account));
    Ok(())
}

fn put_balance(values: &mut Values, balance: f64) {
    let balance = round(balance, 2);
    values.insert("balance".into(), json!(balance));
    values.insert("amount_currency".into(), json!(balance));
    values.insert("debit".into(), json!(balance.max(0.0)));
    values.insert("credit".into(), json!((-balance).max(0.0)));
}

pub fn after_create(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    sync(env, id)
}

/// A line that a person wrote changed: the rest follows.
pub fn after_line(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let written = WRITTEN.contains(&env.text(LINE, id, "display_type").as_str());
    match env.link(LINE, id, "move_id") {
        Some(entry) if written && !env.flag("following_lines") && !env.is_unfinished(ENTRY, entry) => sync(env, entry),
        _ => Ok(()),
    }
}

pub fn before_write(env: &Env<'_>, ids: &[i64], values: &mut Values) -> Outcome<()> {
    let posted = ids.iter().any(|id| env.is(ENTRY, *id, "state", "posted"));
    if !posted || env.flag("following_lines") {
        return Ok(());
    }
    let fixed: Vec<&str> = FIXED.into_iter().filter(|name| values.contains_key(*name)).collect();
    if fixed.is_empty() {
        return Ok(());
    }
    let names = fixed.join(", ");
    Err(Fault::user(format!("You cannot modify the following readonly fields on a posted move: {names}")))
}

pub fn before_write_line(env: &Env<'_>, ids: &[i64]) -> Outcome<()> {
    let posted = ids.iter().any(|id| env.is(LINE, *id, "parent_state", "posted"));
    if posted && !env.flag("following_lines") {
        return Err(Fault::user(
            "You cannot do this modification on a posted journal entry, you can just change some non legal fields. You \
             must reset the journal entry to draft to do so.",
        ));
    }
    Ok(())
}

pub fn after_write(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    if env.is(ENTRY, id, "state", "draft") {
        if given(values, "invoice_date") && env.text(ENTRY, id, "move_type").starts_with("out_") {
            let date = env.get(ENTRY, id, "invoice_date");
            env.store(ENTRY, id, &[("date", date)])?;
        }
        sync(env, id)?;
    }
    Ok(())
}

pub fn before_unlink(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    if ids.iter().any(|id| env.is(ENTRY, *id, "state", "posted")) {
        return Err(Fault::user(
            "You can't delete a posted journal item. Don’t play games with your accounting records; reset the journal \
             entry to draft before deleting it.",
        ));
    }
    for id in ids {
        accounts::unsettle(env, *id)?;
    }
    Ok(())
}

/// A line that goes counts for nothing first, so that the rest follows.
pub fn before_unlink_line(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    before_write_line(env, ids)?;
    for id in ids {
        if env.is(LINE, *id, "display_type", "product") {
            env.store(LINE, *id, &[("quantity", Cell::Float(0.0)), ("sale_line_ids", Cell::ids([]))])?;
            after_line(env, *id)?;
        }
    }
    Ok(())
}

/// Brings totals, tax lines and the line that is owed up to date with the written lines.
pub fn sync(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let kind = env.text(ENTRY, id, "move_type");
    if kind == "entry" {
        let lines = env.referring(LINE, "move_id", id);
        let total: f64 = lines.iter().map(|line| env.number(LINE, *line, "debit")).sum();
        return env.store(ENTRY, id, &[("amount_total", Cell::Float(round(total, 2)))]);
    }
    // A sale is a credit on the income account; a purchase or a credit note is the other way round.
    let sign = if matches!(kind.as_str(), "out_invoice" | "in_refund" | "out_receipt") { -1.0 } else { 1.0 };
    let net = price_lines(env, id, sign)?;
    let tax = tax_lines(env, id, sign)?;
    let total = round(net + tax, 2);
    env.with(json!({"following_lines": true}), |env| owed_line(env, id, -sign * total))?;
    env.store(
        ENTRY,
        id,
        &[
            ("amount_untaxed", Cell::Float(net)),
            ("amount_tax", Cell::Float(tax)),
            ("amount_total", Cell::Float(total)),
            (
                "amount_total_signed",
                Cell::Float(round(
                    total * if kind.ends_with("refund") == kind.starts_with("out") { -1.0 } else { 1.0 },
                    2,
                )),
            ),
        ],
    )?;
    recompute_payment(env, id)?;
    sale::orders_billed(env, id).into_iter().try_for_each(|order| sale::recompute(env, order))
}

fn written_lines(env: &Env<'_>, id: i64) -> Vec<i64> {
    let lines = env.referring(LINE, "move_id", id).into_iter();
    lines.filter(|line| env.is(LINE, *line, "display_type", "product")).collect()
}

fn price_lines(env: &mut Env<'_>, id: i64, sign: f64) -> Outcome<f64> {
    let mut sum = 0.0;
    for line in written_lines(env, id) {
        let gross = env.number(LINE, line, "price_unit") * env.number(LINE, line, "quantity");
        let net = round(gross * (1.0 - env.number(LINE, line, "discount") / 100.0), 2);
        let tax = round(net * accounts::rate(env, &env.list(LINE, line, "tax_ids")), 2);
        let balance = round(sign * net, 2);
        env.store(
            LINE,
            line,
            &[
                ("price_subtotal", Cell::Float(net)),
                ("price_total", Cell::Float(round(net + tax, 2))),
                ("balance", Cell::Float(balance)),
                ("amount_currency", Cell::Float(balance)),
                ("debit", Cell::Float(balance.max(0.0))),
                ("credit", Cell::Float((-balance).max(0.0))),
            ],
        )?;
        sum += net;
    }
    Ok(round(sum, 2))
}

/// One line for each tax that comes to something.
fn tax_lines(env: &mut Env<'_>, id: i64, sign: f64) -> Outcome<f64> {
    let mut due: Vec<(i64, f64)> = Vec::new();
    for line in written_lines(env, id) {
        for tax in env.list(LINE, line, "tax_ids") {
            let amount = env.number(LINE, line, "price_subtotal") * accounts::rate(env, &[tax]);
            match due.iter_mut().find(|(known, _)| *known == tax) {
                Some((_, sum)) => *sum += amount,
                None => due.push((tax, amount)),
            }
        }
    }
    let old: Vec<i64> = env
        .referring(LINE, "move_id", id)
        .into_iter()
        .filter(|line| env.is(LINE, *line, "display_type", "tax"))
        .collect();
    let mut total = 0.0;
    for (tax, amount) in &due {
        let amount = round(*amount, 2);
        total += amount;
        let line = old.iter().copied().find(|line| env.link(LINE, *line, "tax_line_id") == Some(*tax));
        let selling = env.is("account.tax", *tax, "type_tax_use", "sale");
        match (line, amount == 0.0) {
            (Some(line), true) => env.as_root(|env| env.unlink(LINE, &[line]))?,
            (Some(line), false) => store_balance(env, line, sign * amount)?,
            (None, true) => {}
            (None, false) => {
                let account = accounts::coded(env, if selling { "251000" } else { "131000" });
                let name = env.text("account.tax", *tax, "name");
                let values = json!({
                    "move_id": id, "display_type": "tax", "name": name, "account_id": account, "tax_line_id": tax,
                    "tax_ids": [],
                });
                let line = env.as_root(|env| env.create(LINE, values))?;
                store_balance(env, line, sign * amount)?;
            }
        }
    }
    let stale: Vec<i64> = old
        .into_iter()
        .filter(|line| {
            env.link(LINE, *line, "tax_line_id").is_none_or(|tax| !due.iter().any(|(known, _)| *known == tax))
        })
        .collect();
    env.as_root(|env| env.unlink(LINE, &stale))?;
    Ok(round(total, 2))
}

fn store_balance(env: &mut Env<'_>, line: i64, balance: f64) -> Outcome<()> {
    let balance = round(balance, 2);
    env.store(
        LINE,
        line,
        &[
            ("balance", Cell::Float(balance)),
            ("amount_currency", Cell::Float(balance)),
            ("debit", Cell::Float(balance.max(0.0))),
            ("credit", Cell::Float((-balance).max(0.0))),
        ],
    )?;
    accounts::refresh_line(env, line)
}

/// The line on the receivable or payable account that balances the rest.
fn owed_line(env: &mut Env<'_>, id: i64, balance: f64) -> Outcome<()> {
    let old =
        env.referring(LINE, "move_id", id).into_iter().find(|line| env.is(LINE, *line, "display_type", "payment_term"));
    if written_lines(env, id).is_empty() {
        let stale: Vec<i64> = old.into_iter().collect();
        return env.as_root(|env| env.unlink(LINE, &stale));
    }
    let due = env.get(ENTRY, id, "invoice_date_due");
    let line = match old {
        Some(line) => line,
        None => {
            let buying = env.text(ENTRY, id, "move_type").starts_with("in_");
            let account = accounts::of_type(env, if buying { "liability_payable" } else { "asset_receivable" });
            let values = json!({"move_id": id, "display_type": "payment_term", "account_id": account, "tax_ids": []});
            env.as_root(|env| env.create(LINE, values))?
        }
    };
    store_balance(env, line, balance)?;
    env.store(LINE, line, &[("date_maturity", due)])
}

/// What is left to pay, and how far that is.
pub fn recompute_payment(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let kind = env.text(ENTRY, id, "move_type");
    if kind == "entry" {
        return payment::recompute_of_entry(env, id);
    }
    let lines: Vec<i64> =
        env.referring(LINE, "move_id", id).into_iter().filter(|line| accounts::is_settled(env, *line)).collect();
    let open = round(lines.iter().map(|line| accounts::residual(env, *line)).sum::<f64>().abs(), 2);
    let total = env.number(ENTRY, id, "amount_total");
    let others = accounts::settled_with(env, id);
    let reversed = !others.is_empty()
        && others.iter().all(|other| {
            let theirs = env.text(ENTRY, *other, "move_type");
            kind.ends_with("invoice") && theirs.ends_with("refund")
        });
    let state = if !env.is(ENTRY, id, "state", "posted") {
        "not_paid"
    } else if open == 0.0 {
        if reversed { "reversed" } else { "paid" }
    } else if open < total {
        "partial"
    } else {
        "not_paid"
    };
    env.store(ENTRY, id, &[("amount_residual", Cell::Float(open)), ("payment_state", state.into())])
}

/// `action_post`: numbers and fixes drafts.
pub fn post(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    let mut wrong: Vec<String> = Vec::new();
    for id in ids {
        env.must_exist(ENTRY, *id)?;
        for message in faults(env, *id) {
            if !wrong.contains(&message) {
                wrong.push(message);
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Fault::user(wrong.join("\n")));
    }
    for id in ids {
        post_one(env, *id)?;
    }
    Ok(())
}

fn faults(env: &Env<'_>, id: i64) -> Vec<String> {
    let mut wrong = Vec::new();
    let kind = env.text(ENTRY, id, "move_type");
    if kind != "entry" {
        if env.number(ENTRY, id, "amount_total") < 0.0 {
            wrong.push(
                "You cannot validate an invoice with a negative total amount. You should create a credit note instead. \
                 Use the action menu to transform it into a credit note or refund."
                    .to_owned(),
            );
        }
        if env.link(ENTRY, id, "partner_id").is_none() {
            wrong.push(if kind.starts_with("out_") {
                "The 'Customer' field is required to validate the invoice.\nYou probably don't want to explain to your \
                 auditor that you invoiced an invisible man :)"
                    .to_owned()
            } else {
                "The field 'Vendor' is required, please complete it to validate the Vendor Bill.".to_owned()
            });
        }
        if kind.starts_with("in_") && env.get(ENTRY, id, "invoice_date").is_null() {
            wrong.push("The Bill/Refund date is required to validate this document.".to_owned());
        }
    }
    if !env.is(ENTRY, id, "state", "draft") {
        wrong.push(format!("The entry {} (id {id}) must be in draft.", env.text(ENTRY, id, "name")));
    }
    let lines = env.referring(LINE, "move_id", id);
    if lines.iter().all(|line| env.text(LINE, *line, "display_type").starts_with("line_")) {
        wrong.push("Even magicians can't post nothing!".to_owned());
    }
    wrong
}

fn post_one(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let kind = env.text(ENTRY, id, "move_type");
    if kind != "entry" && env.get(ENTRY, id, "invoice_date").is_null() {
        let today = env.today();
        env.store(ENTRY, id, &[("invoice_date", today.as_str().into()), ("date", today.into())])?;
    }
    let name = match env.text(ENTRY, id, "name") {
        name if name.is_empty() => next_name(env, id),
        name => name,
    };
    let mut changes =
        vec![("state", Cell::from("posted")), ("posted_before", Cell::Bool(true)), ("name", name.as_str().into())];
    if kind == "out_invoice" && env.get(ENTRY, id, "payment_reference").is_null() {
        changes.push(("payment_reference", name.as_str().into()));
    }
    env.store(ENTRY, id, &changes)?;
    if kind != "entry" {
        name_owed_line(env, id, &name)?;
        recompute_payment(env, id)?;
    }
    if let Some(original) = env.link(ENTRY, id, "reversed_entry_id") {
        settle_with_original(env, id, original)?;
    }
    sale::orders_billed(env, id).into_iter().try_for_each(|order| sale::recompute(env, order))
}

fn name_owed_line(env: &mut Env<'_>, id: i64, name: &str) -> Outcome<()> {
    let reference = env.text(ENTRY, id, "ref");
    let text = if reference.is_empty() { name.to_owned() } else { format!("{reference} - {name}") };
    for line in env.referring(LINE, "move_id", id) {
        if env.is(LINE, line, "display_type", "payment_term") {
            env.store(LINE, line, &[("name", text.as_str().into())])?;
        }
    }
    Ok(())
}

/// A credit note settles the invoice it takes back, as far as that is open.
fn settle_with_original(env: &mut Env<'_>, id: i64, original: i64) -> Outcome<()> {
    let pick = |env: &Env<'_>, entry: i64| {
        let lines = env.referring(LINE, "move_id", entry).into_iter();
        lines.into_iter().find(|line| accounts::residual(env, *line) != 0.0)
    };
    match (pick(env, original), pick(env, id)) {
        (Some(one), Some(other)) if env.is(ENTRY, original, "state", "posted") => accounts::settle(env, one, other),
        _ => Ok(()),
    }
}

/// The next number of a journal: one more than the highest, so there are no gaps.
fn next_name(env: &Env<'_>, id: i64) -> String {
    let journal = env.link(ENTRY, id, "journal_id").unwrap_or(0);
    let code = env.text("account.journal", journal, "code");
    let date = env.text(ENTRY, id, "date");
    let (year, month) = (date.get(..4).unwrap_or("2000"), date.get(5..7).unwrap_or("01"));
    let refund = env.text(ENTRY, id, "move_type").ends_with("refund");
    let paying = env.link(ENTRY, id, "origin_payment_id").is_some();
    let (prefix, width) = match (env.text("account.journal", journal, "type").as_str(), refund) {
        ("sale", false) => (format!("{code}/{year}/"), 5),
        ("sale", true) => (format!("R{code}/{year}/"), 5),
        ("purchase", false) => (format!("{code}/{year}/{month}/"), 4),
        ("purchase", true) => (format!("R{code}/{year}/{month}/"), 4),
        ("bank", _) if paying => (format!("P{code}/{year}/"), 5),
        _ => (format!("{code}/{year}/{month}/"), 4),
    };
    let highest = env
        .referring(ENTRY, "journal_id", journal)
        .into_iter()
        .filter_map(|entry| env.text(ENTRY, entry, "name").strip_prefix(&prefix)?.parse::<u64>().ok())
        .max()
        .unwrap_or(0);
    format!("{prefix}{:0width$}", highest + 1)
}

pub fn draft(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ENTRY, *id)?;
        if env.is(ENTRY, *id, "state", "draft") {
            return Err(Fault::user("Only posted/cancelled journal entries can be reset to draft."));
        }
    }
    for id in ids {
        accounts::unsettle(env, *id)?;
        env.store(ENTRY, *id, &[("state", "draft".into())])?;
        recompute_payment(env, *id)?;
        sale::orders_billed(env, *id).into_iter().try_for_each(|order| sale::recompute(env, order))?;
    }
    Ok(())
}

pub fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ENTRY, *id)?;
        if env.is(ENTRY, *id, "state", "posted") {
            draft(env, &[*id])?;
        }
        if !env.is(ENTRY, *id, "state", "draft") {
            return Err(Fault::user("Only draft journal entries can be cancelled."));
        }
    }
    for id in ids {
        accounts::unsettle(env, *id)?;
        env.store(ENTRY, *id, &[("state", "cancel".into())])?;
        recompute_payment(env, *id)?;
        sale::orders_billed(env, *id).into_iter().try_for_each(|order| sale::recompute(env, order))?;
    }
    Ok(())
}
