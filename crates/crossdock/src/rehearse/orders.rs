//! The people who work in the simulated Odoo: they take the orders of the folder's recorded sales order, once a story,
//! and confirm them when the story begins.

use std::collections::BTreeMap;

use anyhow::Context as _;
use crossdock_sim::imports::{self, Customer, OrderLine, Product};
use serde_json::{Value as Json, json};

use super::copy::{ODOO_DATABASE, ODOO_KEY};
use super::story::Part;
use crate::demo::odoo::{Books, Odoo};

/// External id of the customer.
const CUSTOMER: &str = "rehearsal.customer";
/// Pieces of each product at the start.
const STOCK: u64 = 1_000_000;
/// Orders that are loaded in one call.
const AT_ONCE: usize = 50;

/// What the recorded order asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The order's name in the recording.
    pub name: String,
    customer: String,
    customer_ref: String,
    reference: String,
    /// SKU, quantity, price.
    lines: Vec<(String, String, String)>,
}

/// The orders of one Odoo.
#[derive(Clone)]
pub struct Orders {
    odoo: Odoo,
    skus: Vec<String>,
    /// Id and name, by story.
    pub taken: Vec<(i64, String)>,
}

impl Wanted {
    /// Reads the recorded body of a sales order. `None` when it has no name or no lines with products.
    pub fn of(part: &Part) -> Option<Self> {
        let record = part.body.get("record")?;
        let lines = record.as_object()?.values().find_map(|value| {
            let lines: Vec<_> = value.as_array()?.iter().filter_map(line).collect();
            (!lines.is_empty()).then_some(lines)
        })?;
        let text = |value: &Json, otherwise: &str| value.as_str().unwrap_or(otherwise).to_owned();
        Some(Self {
            name: record["name"].as_str()?.to_owned(),
            customer: text(&record["partner_id"]["name"], "Rehearsal customer"),
            customer_ref: text(&record["partner_id"]["ref"], "REHEARSAL"),
            reference: text(&record["client_order_ref"], "PO-"),
            lines,
        })
    }
}

fn line(line: &Json) -> Option<(String, String, String)> {
    let sku = line["product_id"]["default_code"].as_str()?;
    let quantity = line["product_uom_qty"].as_f64().filter(|quantity| *quantity > 0.0)?;
    Some((sku.to_owned(), quantity.to_string(), line["price_unit"].as_f64().unwrap_or(1.0).to_string()))
}

impl Orders {
    /// Takes one order a story in the Odoo at `url`; none is confirmed yet.
    ///
    /// # Errors
    /// When Odoo refuses.
    pub async fn take(client: reqwest::Client, url: &str, wanted: &Wanted, stories: usize) -> anyhow::Result<Self> {
        let odoo = Odoo::new(client, url, ODOO_DATABASE, ODOO_KEY);
        let customer = Customer {
            xid: CUSTOMER.to_owned(),
            name: wanted.customer.clone(),
            code: wanted.customer_ref.clone(),
            email: "rehearsal@example.com".to_owned(),
            street: "1 Main Street".to_owned(),
        };
        odoo.load(imports::customers(&[customer])).await?;
        let mut skus: Vec<String> = wanted.lines.iter().map(|(sku, ..)| sku.clone()).collect();
        skus.sort();
        skus.dedup();
        let product = |sku: &String| Product { xid: product_xid(sku), name: sku.clone(), sku: sku.clone() };
        let products: Vec<Product> = skus.iter().map(product).collect();
        let products = odoo.load(imports::products(&products, None)).await?;
        odoo.stock_up(products, STOCK).await?;
        let mut taken = Vec::new();
        for first in (0..stories).step_by(AT_ONCE) {
            let some: Vec<imports::Order> =
                (first..stories.min(first + AT_ONCE)).map(|story| order(wanted, story)).collect();
            let ids = odoo.load(imports::orders(&some)).await?;
            let names = odoo.call("sale.order", "read", json!({"ids": ids, "fields": ["name"]})).await?;
            for (id, row) in ids.iter().zip(names.as_array().context("Odoo gave no names")?) {
                taken.push((*id, row["name"].as_str().unwrap_or_default().to_owned()));
            }
        }
        Ok(Self { odoo, skus, taken })
    }

    /// Confirms the orders of these stories, which is what Odoo tells the hub.
    ///
    /// # Errors
    /// When Odoo refuses.
    pub async fn confirm(&self, stories: &[usize]) -> anyhow::Result<()> {
        let ids: Vec<i64> = stories.iter().filter_map(|story| Some(self.taken.get(*story)?.0)).collect();
        self.odoo.call("sale.order", "action_confirm", json!({"ids": ids})).await.map(drop)
    }

    /// What Odoo holds of each of the first `stories`, counted by what it is; and the stock.
    ///
    /// # Errors
    /// When Odoo does not answer.
    pub async fn effects(&self, stories: usize) -> anyhow::Result<Held> {
        let names: Vec<String> = self.taken.iter().take(stories).map(|(_, name)| name.clone()).collect();
        let books = self.odoo.books(&names).await?;
        let mut held = Held::default();
        for (story, name) in names.iter().enumerate() {
            let Books { done, open: _, signed, posted, other_invoices } = &books[name];
            let counted = [
                ("delivery done", done.len()),
                ("delivery with signature", *signed),
                ("invoice posted", posted.len()),
                ("invoice not posted", *other_invoices),
            ];
            for (what, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
                held.effects.insert((what.to_owned(), Some(story)), count as i64);
            }
            let tracking = done.iter().map(|tracking| serde_json::json!({"tracking": tracking}).to_string());
            held.deliveries.extend(tracking.map(|delivery| (story, delivery)));
            let invoice = |(n, invoice): (usize, &String)| {
                (invoice.clone(), format!("<invoice {} of story {}>", n + 1, story + 1))
            };
            held.invoices.extend(posted.iter().enumerate().map(invoice));
        }
        for (sku, left) in self.odoo.stock(&self.skus).await? {
            held.effects.insert((format!("pieces of {sku} that left the stock"), None), STOCK as i64 - left);
        }
        Ok(held)
    }
}

/// What Odoo holds.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Counts by what it is and story.
    pub effects: BTreeMap<(String, Option<usize>), i64>,
    /// What the done deliveries say, by story.
    pub deliveries: Vec<(usize, String)>,
    /// Names of invoices, which Odoo gives in turn, by what stands in their place.
    pub invoices: BTreeMap<String, String>,
}

fn order(wanted: &Wanted, story: usize) -> imports::Order {
    let line = |(sku, quantity, price): &(String, String, String)| OrderLine {
        product: product_xid(sku),
        quantity: quantity.clone(),
        price: price.clone(),
    };
    imports::Order {
        xid: format!("rehearsal.order_{story}"),
        customer: CUSTOMER.to_owned(),
        reference: format!("{}{story:04}", wanted.reference),
        lines: wanted.lines.iter().map(line).collect(),
    }
}

/// An external id may not hold everything that a SKU may.
fn product_xid(sku: &str) -> String {
    let slug: String = sku.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("rehearsal.product_{slug}")
}
