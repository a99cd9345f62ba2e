//! How records are called: the second half of `[id, "name"]`.

use super::super::orm::{Cell, Env};

/// The display name of a record.
pub fn display_name(env: &Env<'_>, model: &str, id: i64) -> String {
    match model {
        "res.partner" => partner(env, id),
        "res.users" => env.text(model, id, "name"),
        "product.product" | "product.template" => coded(env, model, id),
        "product.category" | "stock.location" => tree(env, model, id),
        "sale.order.line" => sale_line(env, id),
        "stock.picking.type" => {
            let warehouse = env.link(model, id, "warehouse_id");
            let name = env.text(model, id, "name");
            warehouse.map_or(name.clone(), |house| format!("{}: {name}", env.text("stock.warehouse", house, "name")))
        }
        "stock.move" => stock_move(env, id),
        "stock.quant" => {
            env.link(model, id, "location_id").map_or_else(String::new, |at| tree(env, "stock.location", at))
        }
        "account.move" => account_move(env, id),
        "account.move.line" => {
            let entry = env.link(model, id, "move_id").map(|entry| account_move(env, entry)).unwrap_or_default();
            format!("{entry} {}", env.text(model, id, "name")).trim().to_owned()
        }
        "account.payment" => {
            let name = env.text(model, id, "name");
            if name.is_empty() { "Draft Payment".into() } else { name }
        }
        "purchase.order" => {
            let (name, reference) = (env.text(model, id, "name"), env.text(model, id, "partner_ref"));
            if reference.is_empty() { name } else { format!("{name} ({reference})") }
        }
        "ir.model.fields" => {
            format!("{} ({})", env.text(model, id, "field_description"), env.text(model, id, "model"))
        }
        "res.country.state" => {
            let country = env.link(model, id, "country_id").map(|id| env.text("res.country", id, "code"));
            format!("{} ({})", env.text(model, id, "name"), country.unwrap_or_default())
        }
        "fleet.vehicle.model" => {
            let brand = env.link(model, id, "brand_id").map(|id| env.text("fleet.vehicle.model.brand", id, "name"));
            format!("{}/{}", brand.unwrap_or_default(), env.text(model, id, "name"))
        }
        "fleet.vehicle" => env.text(model, id, "name"),
        _ => by_field(env, model, id),
    }
}

fn by_field(env: &Env<'_>, model: &str, id: i64) -> String {
    let named = env.model(model).rec_name.clone().map(|field| env.get(model, id, &field));
    match named {
        Some(Cell::Text(text)) => text.to_string(),
        Some(Cell::Float(number)) => number.to_string(),
        _ => format!("{model},{id}"),
    }
}

/// A contact is shown behind its company.
pub fn partner(env: &Env<'_>, id: i64) -> String {
    let mut name = env.text("res.partner", id, "name");
    let parent = env.link("res.partner", id, "parent_id");
    if name.is_empty() && parent.is_some() {
        name = match env.text("res.partner", id, "type").as_str() {
            "invoice" => "Invoice".into(),
            "delivery" => "Delivery".into(),
            "other" => "Other".into(),
            _ => String::new(),
        };
    }
    match parent {
        Some(parent) if !env.yes("res.partner", id, "is_company") => {
            let parent = env.text("res.partner", parent, "name");
            if name.is_empty() { parent } else { format!("{parent}, {name}") }
        }
        _ => name,
    }
}

fn coded(env: &Env<'_>, model: &str, id: i64) -> String {
    let name = env.text(model, id, "name");
    let code = env.text(model, id, "default_code");
    if code.is_empty() { name } else { format!("[{code}] {name}") }
}

/// The names from the root down. The top of a warehouse is not shown for places that are no part of it.
fn tree(env: &Env<'_>, model: &str, id: i64) -> String {
    let line: Vec<String> = env.ancestors(model, id).into_iter().rev().map(|id| env.text(model, id, "name")).collect();
    line.join(if model == "stock.location" { "/" } else { " / " })
}

fn sale_line(env: &Env<'_>, id: i64) -> String {
    let order = env.link("sale.order.line", id, "order_id");
    let name = env.text("sale.order.line", id, "name");
    let first = name.lines().next().unwrap_or_default().to_owned();
    let Some(order) = order else { return first };
    let customer = env.link("sale.order", order, "partner_id");
    let reference = customer.map(|id| match env.text("res.partner", id, "ref") {
        reference if reference.is_empty() => env.text("res.partner", id, "name"),
        reference => reference,
    });
    match reference {
        Some(reference) => format!("{} - {first} ({reference})", env.text("sale.order", order, "name")),
        None => format!("{} - {first}", env.text("sale.order", order, "name")),
    }
}

fn stock_move(env: &Env<'_>, id: i64) -> String {
    let origin = env.link("stock.move", id, "picking_id").map(|id| env.text("stock.picking", id, "origin"));
    let code = env.link("stock.move", id, "product_id").map(|id| env.text("product.product", id, "default_code"));
    let place = |field: &str| env.link("stock.move", id, field).map(|id| env.text("stock.location", id, "name"));
    let mut name = String::new();
    if let Some(origin) = origin.filter(|origin| !origin.is_empty()) {
        name.push_str(&format!("{origin}/"));
    }
    if let Some(code) = code.filter(|code| !code.is_empty()) {
        name.push_str(&format!("{code}: "));
    }
    let (from, to) = (place("location_id").unwrap_or_default(), place("location_dest_id").unwrap_or_default());
    name.push_str(&format!("{from}>{to}"));
    name
}

fn account_move(env: &Env<'_>, id: i64) -> String {
    let name = env.text("account.move", id, "name");
    let reference = env.text("account.move", id, "ref");
    let shown = if env.is("account.move", id, "state", "draft") {
        let kind = match env.text("account.move", id, "move_type").as_str() {
            "out_invoice" => "Draft Invoice",
            "out_refund" => "Draft Credit Note",
            "in_invoice" => "Draft Bill",
            "in_refund" => "Draft Vendor Credit Note",
            "out_receipt" => "Draft Sales Receipt",
            "in_receipt" => "Draft Purchase Receipt",
            _ => "Draft Entry",
        };
        format!("{kind} {name}").trim().to_owned()
    } else {
        name
    };
    if reference.is_empty() { shown } else { format!("{shown} ({reference})") }
}
