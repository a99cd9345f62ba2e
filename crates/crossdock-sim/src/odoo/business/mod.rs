//! What makes it Odoo: orders, transfers, invoices, payments, and the rules between them. Each rule is called by the
//! object layer at the moment named by the functions here.

pub mod access;
mod accounts;
pub mod attachment;
pub mod automation;
mod automation_code;
mod batch;
pub mod computed;
mod invoice;
pub mod manual;
mod messages;
pub mod methods;
mod moves;
pub mod names;
pub mod partner;
mod payment;
mod picking;
mod product;
mod purchase;
mod quant;
mod reserve;
mod returns;
mod reversal;
mod sale;
mod sale_invoice;
mod transfer;

use serde_json::Value as Json;

use super::fault::Outcome;
use super::orm::domain::Domain;
use super::orm::{Env, Values};

/// Fills in what a record of this model derives from what was given.
pub fn before_create(env: &mut Env<'_>, model: &str, values: &mut Values) -> Outcome<()> {
    match model {
        "res.partner" => partner::before_create(values),
        "product.template" => product::before_create_template(env, values),
        "sale.order" => sale::before_create(env, values),
        "sale.order.line" => sale::before_create_line(env, values),
        "purchase.order" => purchase::before_create(env, values),
        "purchase.order.line" => purchase::before_create_line(env, values),
        "stock.picking" => picking::before_create(env, values),
        "stock.move" => moves::before_create(env, values),
        "stock.move.line" => moves::before_create_line(env, values),
        "stock.picking.batch" => batch::before_create(env, values),
        "stock.quant" => quant::before_create(values),
        "account.move" => invoice::before_create(env, values),
        "account.move.line" => invoice::before_create_line(env, values),
        "account.payment" => payment::before_create(env, values),
        "account.payment.register" => payment::before_create_register(env, values),
        "account.move.reversal" => reversal::before_create(env, values),
        "sale.advance.payment.inv" => sale_invoice::before_create(env, values),
        "stock.return.picking" => returns::before_create(env, values),
        "stock.backorder.confirmation" => picking::before_create_wizard(env, values),
        "ir.attachment" => attachment::before_create(env, values),
        "mail.message" => messages::before_create(env, values),
        "ir.model" => manual::before_create_model(env, values),
        "ir.model.fields" => manual::before_create_field(env, values),
        "ir.actions.server" => automation::before_create_action(env, values),
        _ => Ok(()),
    }
}

/// Does what follows from a new record.
pub fn after_create(env: &mut Env<'_>, model: &str, id: i64, values: &Values) -> Outcome<()> {
    super::orm::create::name_imported(env, model, id, values)?;
    match model {
        "product.template" => product::after_create_template(env, id, values),
        "product.product" => product::check_barcode(env, id),
        "sale.order" => sale::after_create(env, id),
        "sale.order.line" => sale::after_create_line(env, id),
        "purchase.order" => purchase::recompute(env, id),
        "purchase.order.line" => purchase::recompute_of_line(env, id),
        "stock.picking" => picking::after_create(env, id),
        "stock.move" => moves::after_create(env, id, values),
        "stock.move.line" => moves::after_create_line(env, id),
        "stock.quant" => quant::recompute(env, id),
        "account.move" => invoice::after_create(env, id),
        "account.move.line" => invoice::after_line(env, id),
        "stock.return.picking" => returns::after_create(env, id),
        "ir.attachment" => attachment::after_create(env, id, values),
        "ir.model" => manual::after_create_model(env, id),
        "ir.model.fields" => manual::after_create_field(env, id),
        _ => Ok(()),
    }
}

/// Sees a write before it happens: may refuse it, and may take over some of its values.
pub fn before_write(env: &mut Env<'_>, model: &str, ids: &[i64], values: &mut Values) -> Outcome<()> {
    match model {
        "res.partner" => partner::before_write(env, ids, values),
        "sale.order" => sale::before_write(env, ids, values),
        "sale.order.line" => sale::before_write_line(env, ids, values),
        "stock.picking" => picking::before_write(values),
        "stock.move" => moves::before_write(env, ids, values),
        "stock.move.line" => moves::before_write_line(env, ids, values),
        "stock.quant" => quant::before_write(env, values),
        "account.move" => invoice::before_write(env, ids, values),
        "account.move.line" => invoice::before_write_line(env, ids),
        _ => Ok(()),
    }
}

/// Does what follows from a write.
pub fn after_write(env: &mut Env<'_>, model: &str, ids: &[i64], values: &Values) -> Outcome<()> {
    for id in ids {
        match model {
            "product.product" if values.contains_key("barcode") => product::check_barcode(env, *id)?,
            "product.template" if values.contains_key("active") => product::archive_variants(env, *id)?,
            "sale.order" => sale::after_write(env, *id, values)?,
            "sale.order.line" => sale::after_write_line(env, *id, values)?,
            "purchase.order.line" => purchase::recompute_of_line(env, *id)?,
            "stock.picking" => picking::after_write(env, *id, values)?,
            "stock.move" => moves::after_write(env, *id, values)?,
            "stock.move.line" => moves::after_write_line(env, *id, values)?,
            "stock.quant" => quant::recompute(env, *id)?,
            "account.move" => invoice::after_write(env, *id, values)?,
            "account.move.line" => invoice::after_line(env, *id)?,
            "res.partner" if values.contains_key("name") => partner::after_rename(env, *id)?,
            "base.automation" | "ir.actions.server" => automation::forget(env),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses to delete what must stay, and cleans up before the rest goes.
pub fn before_unlink(env: &mut Env<'_>, model: &str, ids: &[i64]) -> Outcome<()> {
    match model {
        "res.partner" => partner::before_unlink(env, ids),
        "sale.order" => sale::before_unlink(env, ids),
        "sale.order.line" => sale::before_unlink_line(env, ids),
        "stock.picking" => picking::before_unlink(env, ids),
        "stock.move" => moves::before_unlink(env, ids),
        "stock.move.line" => moves::before_unlink_line(env, ids),
        "account.move" => invoice::before_unlink(env, ids),
        "account.move.line" => invoice::before_unlink_line(env, ids),
        "ir.model" => manual::before_unlink_model(env, ids),
        _ => Ok(()),
    }
}

/// Does what follows from a deletion.
pub fn after_unlink(env: &mut Env<'_>, model: &str) -> Outcome<()> {
    if matches!(model, "base.automation" | "ir.actions.server") {
        automation::forget(env);
    }
    Ok(())
}

/// A field that must be empty for a record to be found, unless the condition speaks of it: files that are the
/// content of a field do not show among the attachments.
pub fn hidden(model: &str, condition: &Domain) -> Option<&'static str> {
    let looks = model == "ir.attachment" && !condition.mentions("res_field") && !condition.mentions("id");
    looks.then_some("res_field")
}

/// The id in a value of a relation.
fn id_in(values: &Values, field: &str) -> Option<i64> {
    match values.get(field) {
        Some(Json::Number(number)) => number.as_i64().filter(|id| *id != 0),
        Some(Json::String(text)) => text.parse().ok(),
        Some(Json::Array(pair)) => pair.first().and_then(Json::as_i64),
        _ => None,
    }
}

/// Whether a value is given and not empty.
fn given(values: &Values, field: &str) -> bool {
    values.get(field).is_some_and(super::orm::is_truthy)
}

/// Sets a value unless one is given.
fn fill(values: &mut Values, field: &str, value: impl Into<Json>) {
    if !given(values, field) {
        values.insert(field.to_owned(), value.into());
    }
}

/// The number in a value.
fn number_in(values: &Values, field: &str) -> f64 {
    match values.get(field) {
        Some(Json::Number(number)) => number.as_f64().unwrap_or(0.0),
        Some(Json::String(text)) => text.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}
