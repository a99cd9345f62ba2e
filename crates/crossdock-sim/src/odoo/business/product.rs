//! Products: what they are (the template) and what lies on the shelf (the variant).

use serde_json::json;

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Cell, Env, Values};
use super::{fill, names, quant};

const VARIANT: &str = "product.product";
const TEMPLATE: &str = "product.template";
/// What a template shows and its variant holds.
const OF_VARIANT: [&str; 5] = ["default_code", "barcode", "standard_price", "weight", "volume"];

pub fn before_create_template(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    for (field, purpose) in [("taxes_id", "sale"), ("supplier_taxes_id", "purchase")] {
        if !values.contains_key(field) {
            let taxes = env.all("account.tax", json!([["type_tax_use", "=", purpose], ["amount", ">", 0]]));
            fill(values, field, json!([[6, 0, taxes.first().copied().into_iter().collect::<Vec<_>>()]]));
        }
    }
    Ok(())
}

/// A template gets its variant, unless the variant is being made and came first.
pub fn after_create_template(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    if env.flag("creating_the_heir") {
        return Ok(());
    }
    let mut variant = Values::new();
    variant.insert("product_tmpl_id".into(), id.into());
    for field in OF_VARIANT {
        if let Some(value) = values.get(field) {
            variant.insert(field.into(), value.clone());
        }
    }
    env.create_record(VARIANT, variant).map(|_| ())
}

/// A barcode belongs to one product, archived ones included.
pub fn check_barcode(env: &Env<'_>, id: i64) -> Outcome<()> {
    let barcode = env.text(VARIANT, id, "barcode");
    if barcode.is_empty() {
        return Ok(());
    }
    let holders = env.having(VARIANT, "barcode", &barcode);
    if holders.len() < 2 {
        return Ok(());
    }
    let names: Vec<String> = holders.into_iter().map(|id| names::display_name(env, VARIANT, id)).collect();
    Err(Fault::validation(format!(
        "Barcode(s) already assigned:\n\n- Barcode \"{barcode}\" already assigned to product(s): {}\n\nNote: products \
         that you don't have access to will not be shown above.",
        names.join(" and ")
    )))
}

pub fn archive_variants(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let active = env.yes(TEMPLATE, id, "active");
    for variant in env.referring(VARIANT, "product_tmpl_id", id) {
        env.write(VARIANT, &[variant], json!({"active": active}))?;
    }
    Ok(())
}

pub fn compute_template(env: &Env<'_>, id: i64, field: &str) -> Cell {
    let variants = env.referring(VARIANT, "product_tmpl_id", id);
    match field {
        "product_variant_id" => Cell::link(variants.first().copied()),
        "product_variant_count" => Cell::Int(variants.len() as i64),
        "currency_id" => Cell::Int(1),
        // With several variants there is no one answer.
        _ if OF_VARIANT.contains(&field) => match variants[..] {
            [only] => env.get(VARIANT, only, field),
            _ => Cell::Null,
        },
        _ => Cell::Null,
    }
}

pub fn compute(env: &Env<'_>, id: i64, field: &str) -> Cell {
    match field {
        "lst_price" => env.get(VARIANT, id, "list_price"),
        "code" => env.get(VARIANT, id, "default_code"),
        "qty_available" => Cell::Float(on_hand(env, id).0),
        "free_qty" => {
            let (quantity, reserved) = on_hand(env, id);
            Cell::Float(quantity - reserved)
        }
        "incoming_qty" => Cell::Float(expected(env, id, "incoming")),
        "outgoing_qty" => Cell::Float(expected(env, id, "outgoing")),
        "virtual_available" => {
            Cell::Float(on_hand(env, id).0 + expected(env, id, "incoming") - expected(env, id, "outgoing"))
        }
        _ => compute_template(env, env.link(VARIANT, id, "product_tmpl_id").unwrap_or(0), field),
    }
}

/// What lies in the company's own places, and how much of it is promised.
fn on_hand(env: &Env<'_>, id: i64) -> (f64, f64) {
    let place = env.context.get("location").and_then(serde_json::Value::as_i64);
    let quants = env.referring("stock.quant", "product_id", id).into_iter().filter(|quant| match place {
        Some(place) => {
            let at = env.link("stock.quant", *quant, "location_id");
            at.is_some_and(|at| env.ancestors("stock.location", at).contains(&place))
        }
        None => quant::is_internal(env, *quant),
    });
    quants.fold((0.0, 0.0), |(quantity, reserved), quant| {
        (
            quantity + env.number("stock.quant", quant, "quantity"),
            reserved + env.number("stock.quant", quant, "reserved_quantity"),
        )
    })
}

/// What is to come or to go.
fn expected(env: &Env<'_>, id: i64, way: &str) -> f64 {
    let internal = |place: Option<i64>| place.is_some_and(|place| quant::is_own_place(env, place));
    let moves = env.referring("stock.move", "product_id", id).into_iter().filter(|id| {
        let open = !matches!(env.text("stock.move", *id, "state").as_str(), "done" | "cancel" | "draft");
        let from = internal(env.link("stock.move", *id, "location_id"));
        let to = internal(env.link("stock.move", *id, "location_dest_id"));
        open && if way == "incoming" { !from && to } else { from && !to }
    });
    moves.map(|id| env.number("stock.move", id, "product_uom_qty")).sum()
}

/// Goods are moved; services are not.
pub fn is_goods(env: &Env<'_>, id: i64) -> bool {
    env.is(VARIANT, id, "type", "consu")
}

/// Only these are counted.
pub fn is_storable(env: &Env<'_>, id: i64) -> bool {
    is_goods(env, id) && env.yes(VARIANT, id, "is_storable")
}

/// What a line of an order says about the product.
pub fn line_text(env: &Env<'_>, id: i64) -> String {
    let name = names::display_name(env, VARIANT, id);
    let description = env.text(VARIANT, id, "description_sale");
    if description.is_empty() { name } else { format!("{name}\n{description}") }
}
