//! Fields that are worked out when they are read, and what writing to them means.

use serde_json::{Value as Json, json};

use super::super::fault::Outcome;
use super::super::orm::{Cell, Env, is_truthy};
use super::super::registry::Kind;
use super::{accounts, attachment, names, partner, product, quant, sale};

/// The value of a computed field.
pub fn compute(env: &Env<'_>, model: &str, id: i64, field: &str) -> Cell {
    match model {
        "res.partner" => of_partner(env, id, field),
        "product.template" => product::compute_template(env, id, field),
        "product.product" => product::compute(env, id, field),
        "sale.order" => sale::compute(env, id, field),
        "stock.picking" => of_picking(env, id, field),
        "stock.move" => of_move(env, id, field),
        "account.move" => of_entry(env, id, field),
        _ => of_other(env, model, id, field),
    }
}

fn of_partner(env: &Env<'_>, id: i64, field: &str) -> Cell {
    match field {
        "complete_name" => names::partner(env, id).into(),
        "commercial_partner_id" => Cell::Int(partner::commercial(env, id)),
        "credit" => Cell::Float(accounts::credit(env, id)),
        "property_account_receivable_id" => Cell::link(accounts::of_type(env, "asset_receivable")),
        "property_account_payable_id" => Cell::link(accounts::of_type(env, "liability_payable")),
        _ => Cell::Null,
    }
}

fn of_picking(env: &Env<'_>, id: i64, field: &str) -> Cell {
    let model = "stock.picking";
    match field {
        "is_signed" => Cell::Bool(!env.get(model, id, "signature").is_null()),
        "weight" | "shipping_weight" => {
            let weights = env
                .referring("stock.move", "picking_id", id)
                .into_iter()
                .filter(|m| !env.is("stock.move", *m, "state", "cancel"));
            let column = if field == "weight" { "product_uom_qty" } else { "quantity" };
            Cell::Float(weights.map(|m| weight_of(env, m, column)).sum())
        }
        "has_tracking" => Cell::Bool(env.referring("stock.move", "picking_id", id).into_iter().any(|m| {
            env.link("stock.move", m, "product_id").is_some_and(|p| !env.is("product.product", p, "tracking", "none"))
        })),
        "products_availability_state" | "products_availability" => availability(env, id, field),
        _ => Cell::Null,
    }
}

fn weight_of(env: &Env<'_>, id: i64, column: &str) -> f64 {
    let product = env.link("stock.move", id, "product_id");
    env.number("stock.move", id, column) * product.map_or(0.0, |p| env.number("product.product", p, "weight"))
}

fn availability(env: &Env<'_>, id: i64, field: &str) -> Cell {
    let model = "stock.picking";
    let open = !matches!(env.text(model, id, "state").as_str(), "cancel" | "draft" | "done");
    if !open || !env.is(model, id, "picking_type_code", "outgoing") {
        return Cell::Null;
    }
    let short = env.referring("stock.move", "picking_id", id).into_iter().any(|m| {
        !matches!(env.text("stock.move", m, "state").as_str(), "done" | "cancel")
            && env.number("stock.move", m, "quantity") < env.number("stock.move", m, "product_uom_qty")
    });
    match (field, short) {
        ("products_availability", true) => "Not Available".into(),
        ("products_availability", false) => "Available".into(),
        (_, true) => "late".into(),
        (_, false) => "available".into(),
    }
}

fn of_move(env: &Env<'_>, id: i64, field: &str) -> Cell {
    let model = "stock.move";
    match field {
        "product_qty" => env.get(model, id, "product_uom_qty"),
        "weight" => Cell::Float(weight_of(env, id, "product_uom_qty")),
        "availability" => {
            if env.is(model, id, "state", "done") {
                return env.get(model, id, "product_uom_qty");
            }
            Cell::Float(quant::free(env, id).min(env.number(model, id, "product_uom_qty")).max(0.0))
        }
        "forecast_availability" => match env.text(model, id, "state").as_str() {
            "done" | "cancel" | "draft" => Cell::Float(0.0),
            "assigned" => env.get(model, id, "product_uom_qty"),
            _ => Cell::Float(env.number(model, id, "quantity") - env.number(model, id, "product_uom_qty")),
        },
        _ => Cell::Null,
    }
}

fn of_entry(env: &Env<'_>, id: i64, field: &str) -> Cell {
    let model = "account.move";
    let partner_id = env.link(model, id, "partner_id");
    match field {
        "commercial_partner_id" => Cell::link(partner_id.map(|id| partner::commercial(env, id))),
        "invoice_partner_display_name" => partner_id.map_or(Cell::Null, |id| names::partner(env, id).into()),
        "duplicated_ref_ids" => {
            let reference = env.text(model, id, "ref");
            if reference.is_empty() || env.is(model, id, "move_type", "entry") {
                return Cell::ids([]);
            }
            let same = env.having(model, "ref", &reference).into_iter().filter(|other| {
                *other != id
                    && env.link(model, *other, "partner_id") == partner_id
                    && env.text(model, *other, "move_type") == env.text(model, id, "move_type")
                    && !env.is(model, *other, "state", "cancel")
            });
            Cell::ids(same)
        }
        _ => Cell::Null,
    }
}

fn of_other(env: &Env<'_>, model: &str, id: i64, field: &str) -> Cell {
    match (model, field) {
        ("ir.attachment", "datas" | "raw") => attachment::content(env, id),
        ("ir.attachment", "res_name") => {
            match (env.text(model, id, "res_model"), env.get(model, id, "res_id").as_int()) {
                (of, Some(record)) if env.world.registry.get(&of).is_some() && env.exists(&of, record) => {
                    env.get(&of, record, "display_name")
                }
                _ => Cell::Null,
            }
        }
        ("ir.model.data", "complete_name") => {
            format!("{}.{}", env.text(model, id, "module"), env.text(model, id, "name")).into()
        }
        ("ir.model.data", "reference") => {
            format!("{},{}", env.text(model, id, "model"), env.get(model, id, "res_id").as_int().unwrap_or(0)).into()
        }
        ("res.groups", "full_name") => env.get(model, id, "name"),
        ("res.company", "country_id") => {
            env.link(model, id, "partner_id").map_or(Cell::Null, |id| env.get("res.partner", id, "country_id"))
        }
        ("ir.module.module", "installed_version") => env.get(model, id, "latest_version"),
        ("stock.location" | "product.category", "complete_name") => names::display_name(env, model, id).into(),
        ("stock.location", "warehouse_id") => {
            let line = env.ancestors(model, id);
            let house = env.all("stock.warehouse", json!([])).into_iter().find(|house| {
                env.link("stock.warehouse", *house, "view_location_id").is_some_and(|top| line.contains(&top))
            });
            Cell::link(house)
        }
        ("stock.move.line", "quantity_product_uom") => env.get(model, id, "quantity"),
        ("stock.quant", "available_quantity") => {
            Cell::Float(env.number(model, id, "quantity") - env.number(model, id, "reserved_quantity"))
        }
        ("stock.quant", "inventory_quantity_auto_apply") => env.get(model, id, "quantity"),
        ("stock.lot", "product_qty") => {
            let quants = env.referring("stock.quant", "lot_id", id).into_iter();
            let inside = quants.filter(|quant| quant::is_internal(env, *quant));
            Cell::Float(inside.map(|quant| env.number("stock.quant", quant, "quantity")).sum())
        }
        ("stock.return.picking.line", "uom_id") => {
            env.link(model, id, "product_id").map_or(Cell::Null, |id| env.get("product.product", id, "uom_id"))
        }
        ("uom.uom", "factor") => Cell::Float(factor(env, id)),
        ("uom.uom", "rounding") => Cell::Float(0.01),
        ("account.payment", "reconciled_invoice_ids") => Cell::ids(accounts::invoices_paid_by(env, id)),
        ("sale.advance.payment.inv", "count") => Cell::Int(env.list(model, id, "sale_order_ids").len() as i64),
        ("purchase.order", "incoming_picking_count") => Cell::Int(env.list(model, id, "picking_ids").len() as i64),
        ("fleet.vehicle", "name") => {
            let kind = env.link(model, id, "model_id").map(|id| names::display_name(env, "fleet.vehicle.model", id));
            let plate = env.text(model, id, "license_plate");
            let plate = if plate.is_empty() { "No Plate".to_owned() } else { plate };
            format!("{}/{plate}", kind.unwrap_or_default()).into()
        }
        ("fleet.vehicle", "odometer") => {
            let readings = env.referring("fleet.vehicle.odometer", "vehicle_id", id).into_iter();
            Cell::Float(readings.map(|r| env.number("fleet.vehicle.odometer", r, "value")).fold(0.0, f64::max))
        }
        _ => match env.model(model).field(field).map(|found| &found.kind) {
            Some(Kind::Many2many(_)) => Cell::ids([]),
            _ => Cell::Null,
        },
    }
}

/// How many of the smallest unit one of this unit is.
fn factor(env: &Env<'_>, id: i64) -> f64 {
    let own = env.number("uom.uom", id, "relative_factor");
    env.link("uom.uom", id, "relative_uom_id").map_or(own, |base| own * factor(env, base))
}

/// What writing to a computed field means. Those without a meaning are ignored, as on a real Odoo.
pub fn inverse(env: &mut Env<'_>, model: &str, id: i64, field: &str, value: &Json) -> Outcome<()> {
    match (model, field) {
        ("product.template", "default_code" | "barcode" | "standard_price" | "weight" | "volume") => {
            // The first variant has them; a product without a variant yet gets them when its variant is made.
            if !is_truthy(value) && env.flag("creating_the_heir") {
                return Ok(());
            }
            for variant in env.list(model, id, "product_variant_ids") {
                env.write("product.product", &[variant], json!({ field: value }))?;
            }
            Ok(())
        }
        ("product.product", "lst_price") => env.write(model, &[id], json!({"list_price": value})),
        ("stock.quant", "inventory_quantity_auto_apply") => {
            env.write(model, &[id], json!({"inventory_quantity": value}))?;
            quant::apply(env, &[id])
        }
        ("fleet.vehicle", "odometer") => {
            let reading = json!({"vehicle_id": id, "value": value});
            env.create("fleet.vehicle.odometer", reading).map(|_| ())
        }
        ("ir.attachment", "datas") => attachment::write_content(env, id, value),
        ("ir.attachment", "raw") => attachment::write_raw(env, id, value),
        _ => Ok(()),
    }
}
