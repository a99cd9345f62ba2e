//! `order.upsert`: sales orders with their lines. An order that is there already is left alone unless the input says
//! `update: true`, because people go on working with it.

use crossdock_core::model::shape::{Shape, boolean, decimal, int, list, other, text};
use crossdock_core::model::{Field, Type};
use crossdock_core::transmission::Outcome;
use crossdock_core::value::{Decimal, Time, Value};

use super::{Ask, Halt, Input, Item, Outcomes, Record, Said, Talk, all, is, load};
use crate::odoo::input::Patch;
use crate::odoo::xid::xid;

/// Input of `order.upsert`.
#[derive(Clone, Debug)]
pub(in crate::odoo) struct Order {
    key: String,
    customer_key: String,
    ship_to_key: Option<String>,
    client_order_ref: Patch<String>,
    commitment_date: Patch<Time>,
    update: bool,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    key: String,
    product: ProductRef,
    quantity: Decimal,
    price: Option<Decimal>,
}

/// How a line names its product.
#[derive(Clone, Debug)]
enum ProductRef {
    /// By the key the hub upserted it under.
    Key(String),
    /// By its internal reference in Odoo.
    Sku(String),
}

const LINE: &[Field] = &[
    text("key", "The hub's key of the line.").required(),
    text("product_key", "The hub's key of the product; or `sku`."),
    text("sku", "The product's internal reference in Odoo; or `product_key`."),
    decimal("quantity", "How many, more than none.").required(),
    decimal("price", "Price of one, on all lines or on none."),
];

pub(super) const INPUT: Shape = Shape::of(&[
    text("key", "The hub's key of the order.").required(),
    text("customer_key", "The hub's key of the customer.").required(),
    text("ship_to_key", "The hub's key of the delivery address."),
    text("client_order_ref", "The customer's own order number."),
    other("commitment_date", Type::Time, "Delivery promised for."),
    boolean("update", "Change it when it is there already."),
    list("lines", &Type::Object(LINE), "What is ordered, at least one line.").required(),
]);

pub(super) const RESULT: Shape = Shape::of(&[
    int("id", "The order's id in Odoo.").required(),
    text("xid", "Its external id in Odoo.").required(),
    text("order", "Its number in Odoo.").required(),
    text("state", "Its state in Odoo.").required(),
]);

pub(in crate::odoo) fn read(input: &Input<'_>) -> Option<Order> {
    let key = input.key("key");
    let customer_key = input.key("customer_key");
    let ship_to_key = input.optional_key("ship_to_key");
    let client_order_ref = input.patch_text("client_order_ref");
    let commitment_date = input.patch_time("commitment_date");
    let update = input.flag("update", false);
    let lines = input.filled_list("lines", read_line);
    let prices = lines.iter().filter(|line| line.price.is_some()).count();
    if prices > 0 && prices < lines.len() {
        // An empty cell would set the price to nothing instead of leaving it to the price list.
        input.fault("lines", "must give the price on all lines or on none");
    }
    Some(Order {
        key: key?,
        customer_key: customer_key?,
        ship_to_key,
        client_order_ref,
        commitment_date,
        update,
        lines,
    })
}

fn read_line(line: &Input<'_>) -> Option<Line> {
    let key = line.key("key");
    let (product_key, sku) = (line.optional_key("product_key"), line.optional_key("sku"));
    let product = match (product_key, sku) {
        (Some(key), None) => Some(ProductRef::Key(key)),
        (None, Some(sku)) => Some(ProductRef::Sku(sku)),
        (Some(_), Some(_)) => {
            line.fault("sku", "must not be given together with product_key");
            None
        }
        (None, None) => {
            line.fault("product_key", "is missing; name the product by product_key or by sku");
            None
        }
    };
    let quantity = line.quantity("quantity");
    let price = line.patch_decimal("price").set();
    Some(Line { key: key?, product: product?, quantity: quantity?, price })
}

pub(in crate::odoo) fn run(talk: &mut Talk<'_>, orders: &[Order]) -> Said<Outcomes> {
    let products = products_by_sku(talk, orders)?;
    let module = talk.odoo.xid_module.clone();
    let made: Vec<Result<Item, Outcome>> =
        orders.iter().enumerate().map(|(index, order)| item(&module, index, order, &products)).collect();
    let mut items: Vec<Item> = Vec::new();
    for item in made.iter().flatten() {
        // Its place among those that are loaded.
        items.push(Item { index: items.len(), ..item.clone() });
    }
    let xids: Vec<String> = items.iter().map(|item| item.xid.clone()).collect();
    let loaded = load::run(talk, "sale.order", items)?;
    let named = with_names(talk, loaded, &xids)?;
    let mut named = named.into_iter();
    let outcomes = made.into_iter().map(|made| match made {
        Ok(_) => named.next().expect("one result per loaded order"),
        Err(outcome) => outcome,
    });
    Ok(outcomes.collect())
}

/// Ids of the products that lines name by SKU. Several products of one SKU are told apart nowhere, so they are all
/// listed.
fn products_by_sku(talk: &mut Talk<'_>, orders: &[Order]) -> Said<Vec<(String, i64)>> {
    let mut skus: Vec<&str> = Vec::new();
    for line in orders.iter().flat_map(|order| &order.lines) {
        if let ProductRef::Sku(sku) = &line.product
            && !skus.contains(&sku.as_str())
        {
            skus.push(sku);
        }
    }
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let domain = all([is("default_code", "in", Value::list(skus))]);
    let found = talk.search(Ask::search("product.product", domain, &["default_code"]).doing("looking for the SKUs"))?;
    Ok(found.iter().map(|product| (product.text("default_code").to_owned(), product.id())).collect())
}

fn item(module: &str, index: usize, order: &Order, products: &[(String, i64)]) -> Result<Item, Outcome> {
    let mut needs = Vec::new();
    let mut cells = Vec::new();
    let mut partner = |column: &'static str, key: &str, role: &str, cells: &mut Vec<(&'static str, String)>| {
        let partner = xid(module, "res.partner", &[key]);
        let advice = format!("{role} {key} is not in Odoo: send partner.upsert for {key} first, then resume");
        needs.push((partner.clone(), advice));
        cells.push((column, partner));
    };
    partner("partner_id/id", &order.customer_key, "customer", &mut cells);
    if let Some(ship_to) = &order.ship_to_key {
        partner("partner_shipping_id/id", ship_to, "delivery address", &mut cells);
    }
    super::partner::push_text(&mut cells, "client_order_ref", order.client_order_ref.clone());
    match &order.commitment_date {
        Patch::Absent => {}
        Patch::Clear => cells.push(("commitment_date", String::new())),
        Patch::Set(time) => cells.push(("commitment_date", utc(time))),
    }
    let of_order = cells.len();
    let (mut columns, first): (Vec<&str>, Vec<String>) = cells.into_iter().unzip();
    let by_key = matches!(order.lines.first().map(|line| &line.product), Some(ProductRef::Key(_)));
    columns.push("order_line/id");
    columns.push(if by_key { "order_line/product_id/id" } else { "order_line/product_id/.id" });
    columns.push("order_line/product_uom_qty");
    if order.lines.iter().any(|line| line.price.is_some()) {
        columns.push("order_line/price_unit");
    }
    let mut rows = Vec::new();
    for line in &order.lines {
        let mut row = if rows.is_empty() { first.clone() } else { vec![String::new(); of_order] };
        row.push(xid(module, "sale.order.line", &[&order.key, &line.key]));
        row.push(product_cell(module, order, line, by_key, products, &mut needs)?);
        row.push(line.quantity.to_string());
        row.extend(line.price.map(|price| price.to_string()));
        rows.push(row);
    }
    Ok(Item {
        index,
        what: format!("order {}", order.key),
        xid: xid(module, "sale.order", &[&order.key]),
        columns,
        rows,
        insert_only: !order.update,
        rank: 0,
        needs,
    })
}

fn product_cell(
    module: &str,
    order: &Order,
    line: &Line,
    by_key: bool,
    products: &[(String, i64)],
    needs: &mut Vec<(String, String)>,
) -> Result<String, Outcome> {
    let refuse = |reason: String| Err(Outcome::Refused { reason: format!("order {}: {reason}", order.key) });
    match &line.product {
        ProductRef::Key(key) if by_key => {
            let product = xid(module, "product.product", &[key]);
            let advice = format!(
                "product {key} is not in Odoo under the hub's key: send product.upsert for it first, or name products \
                 by `sku`, then resume"
            );
            needs.push((product.clone(), advice));
            Ok(product)
        }
        ProductRef::Sku(sku) if !by_key => {
            let mut found = products.iter().filter(|(known, _)| known == sku);
            match (found.next(), found.next()) {
                (Some((_, id)), None) => Ok(id.to_string()),
                (None, _) => refuse(format!(
                    "product with SKU {sku} does not exist in Odoo: create it or map the SKU, then resume"
                )),
                _ => refuse(format!(
                    "several products in Odoo have the SKU {sku}: give each its own internal reference, then resume"
                )),
            }
        }
        _ => refuse("some lines name their product by product_key and others by sku: use one way".into()),
    }
}

/// As `load` takes date-times, with `tz: UTC` in the context.
fn utc(time: &Time) -> String {
    time.timestamp().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The orders' numbers, which Odoo gives.
fn with_names(talk: &mut Talk<'_>, loaded: load::Results, xids: &[String]) -> Said<Outcomes> {
    let ids: Vec<i64> = loaded.iter().flatten().copied().collect();
    if ids.is_empty() {
        return Ok(super::partner::accepted(loaded, xids));
    }
    talk.took_effect();
    let ask = Ask::search_ids("sale.order", &ids, &["name", "state"]).doing("reading the orders' numbers");
    let found = match talk.search(ask) {
        Ok(found) => found,
        Err(Halt::Call(call)) => return Err(Halt::Call(call)),
        Err(Halt::End(outcome)) => {
            let outcome = |result: Result<i64, Outcome>| result.err().unwrap_or_else(|| outcome.clone());
            return Ok(loaded.into_iter().map(outcome).collect());
        }
    };
    let outcome = |(result, xid): (Result<i64, Outcome>, &String)| match result {
        Err(outcome) => outcome,
        Ok(id) => match found.iter().find(|order| order.id() == id) {
            Some(order) => Outcome::Accepted {
                result: Value::map([
                    ("id", Value::from(id)),
                    ("xid", xid.into()),
                    ("order", order.text("name").into()),
                    ("state", order.text("state").into()),
                ]),
            },
            None => Outcome::Unknown { reason: "the order was written but cannot be read back".into() },
        },
    };
    Ok(loaded.into_iter().zip(xids).map(outcome).collect())
}
