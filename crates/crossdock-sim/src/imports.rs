//! Rows for Odoo's import: the customers, products and orders that the people of every play keep in Odoo, whether it is
//! the stand-in on one thread, the stand-in behind a socket, or a real one.

use serde_json::{Value as Json, json};

/// What is imported into one model in one call of `load`.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub model: &'static str,
    pub fields: Json,
    pub rows: Vec<Json>,
}

/// A customer.
#[derive(Clone, Debug)]
pub struct Customer {
    /// External id, with its module.
    pub xid: String,
    pub name: String,
    pub code: String,
    pub email: String,
    pub street: String,
}

impl Customer {
    /// The `n`-th customer of a play, from 1.
    pub fn numbered(module: &str, n: usize) -> Self {
        Self {
            xid: format!("{module}.customer_{n}"),
            name: format!("Customer {n}"),
            code: format!("C{n:03}"),
            email: format!("c{n}@example.com"),
            street: format!("{n} Main Street"),
        }
    }
}

/// Customers, all in Austin.
pub fn customers(customers: &[Customer]) -> Import {
    let row = |it: &Customer| json!([it.xid, it.name, it.code, "1", it.email, it.street, "Austin", "78701", "base.us"]);
    Import {
        model: "res.partner",
        fields: json!(["id", "name", "ref", "is_company", "email", "street", "city", "zip", "country_id/id"]),
        rows: customers.iter().map(row).collect(),
    }
}

/// A product.
#[derive(Clone, Debug)]
pub struct Product {
    /// External id, with its module.
    pub xid: String,
    pub name: String,
    pub sku: String,
}

impl Product {
    /// The `n`-th product of a play, from 1.
    pub fn numbered(module: &str, n: usize) -> Self {
        Self { xid: format!("{module}.product_{n}"), name: format!("Widget {n}"), sku: sku(n) }
    }
}

/// The SKU of the `n`-th product of a play, from 1.
pub fn sku(n: usize) -> String {
    format!("DEMO-{n:02}")
}

/// Goods that are kept in stock; `policy` says what is invoiced (`order`, `delivery`), or that Odoo's own setting does.
pub fn products(products: &[Product], policy: Option<&str>) -> Import {
    let mut fields = vec!["id", "name", "default_code", "type", "is_storable", "list_price"];
    fields.extend(policy.map(|_| "invoice_policy"));
    let row = |it: &Product| {
        let mut row = vec![&*it.xid, &*it.name, &*it.sku, "consu", "1", "25"];
        row.extend(policy);
        json!(row)
    };
    Import { model: "product.product", fields: json!(fields), rows: products.iter().map(row).collect() }
}

/// An order that is to be taken.
#[derive(Clone, Debug)]
pub struct Order {
    /// External id, with its module.
    pub xid: String,
    /// External id of the customer.
    pub customer: String,
    /// The customer's own number of it.
    pub reference: String,
    pub lines: Vec<OrderLine>,
}

/// A line of an order.
#[derive(Clone, Debug)]
pub struct OrderLine {
    /// External id of the product.
    pub product: String,
    pub quantity: String,
    pub price: String,
}

/// Orders; none is confirmed by it.
pub fn orders<'a>(orders: impl IntoIterator<Item = &'a Order>) -> Import {
    let mut rows = Vec::new();
    for order in orders {
        for (n, line) in order.lines.iter().enumerate() {
            // The further lines of a record leave its own columns empty.
            let own = if n == 0 { [&*order.xid, &*order.customer, &*order.reference] } else { [""; 3] };
            let [xid, customer, reference] = own;
            let line_xid = format!("{}_{n}", order.xid);
            rows.push(json!([xid, customer, reference, line_xid, line.product, line.quantity, line.price]));
        }
    }
    Import {
        model: "sale.order",
        fields: json!([
            "id",
            "partner_id/id",
            "client_order_ref",
            "order_line/id",
            "order_line/product_id/id",
            "order_line/product_uom_qty",
            "order_line/price_unit"
        ]),
        rows,
    }
}
