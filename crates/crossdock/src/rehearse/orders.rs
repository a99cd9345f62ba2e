//! The people who work in the simulated Odoo: they take the orders of the folder's recorded sales order, once a story,
//! and confirm them when the story begins.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value as Json, json};

use super::copy::{ODOO_DATABASE, ODOO_KEY};
use super::story::Part;
use crate::demo::odoo::{Books, Odoo};

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
        let utc = json!({"tz": "UTC"});
        let customer = json!([[
            "rehearsal.customer",
            wanted.customer,
            wanted.customer_ref,
            "1",
            "rehearsal@example.com",
            "1 Main Street",
            "Austin",
            "78701",
            "base.us"
        ]]);
        let fields = json!(["id", "name", "ref", "is_company", "email", "street", "city", "zip", "country_id/id"]);
        odoo.load("res.partner", fields, customer, utc.clone()).await?;
        let mut skus: Vec<String> = wanted.lines.iter().map(|(sku, ..)| sku.clone()).collect();
        skus.sort();
        skus.dedup();
        let products: Vec<Json> = skus
            .iter()
            .map(|sku| json!([format!("rehearsal.product_{}", slug(sku)), sku, sku, "consu", "1", "25"]))
            .collect();
        let fields = json!(["id", "name", "default_code", "type", "is_storable", "list_price"]);
        let products = odoo.load("product.product", fields, json!(products), utc.clone()).await?;
        let location = odoo.stock_location().await?;
        for product in products {
            let quant = json!({"product_id": product, "location_id": location, "inventory_quantity": STOCK});
            let made = json!({"vals_list": quant, "context": {"inventory_mode": true}});
            let made = odoo.call("stock.quant", "create", made).await?;
            odoo.call("stock.quant", "action_apply_inventory", json!({"ids": made})).await?;
        }
        let mut taken = Vec::new();
        for first in (0..stories).step_by(AT_ONCE) {
            let rows: Vec<Json> =
                (first..stories.min(first + AT_ONCE)).flat_map(|story| order_rows(wanted, story)).collect();
            let fields = json!([
                "id",
                "partner_id/id",
                "client_order_ref",
                "order_line/id",
                "order_line/product_id/id",
                "order_line/product_uom_qty",
                "order_line/price_unit"
            ]);
            let ids = odoo.load("sale.order", fields, json!(rows), utc.clone()).await?;
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

    /// What Odoo holds of each story, counted by what it is; and the stock.
    ///
    /// # Errors
    /// When Odoo does not answer.
    pub async fn effects(&self) -> anyhow::Result<BTreeMap<(String, Option<usize>), i64>> {
        let names: Vec<String> = self.taken.iter().map(|(_, name)| name.clone()).collect();
        let books = self.odoo.books(&names).await?;
        let mut effects = BTreeMap::new();
        for (story, name) in names.iter().enumerate() {
            let Books { done, open: _, signed, posted, other_invoices } = &books[name];
            let counted = [
                ("delivery done", done.len()),
                ("delivery with signature", *signed),
                ("invoice posted", posted.len()),
                ("invoice not posted", *other_invoices),
            ];
            for (what, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
                effects.insert((what.to_owned(), Some(story)), count as i64);
            }
        }
        for (sku, left) in self.odoo.stock(&self.skus).await? {
            effects.insert((format!("pieces of {sku} that left the stock"), None), STOCK as i64 - left);
        }
        Ok(effects)
    }
}

fn order_rows(wanted: &Wanted, story: usize) -> Vec<Json> {
    let rows = wanted.lines.iter().enumerate().map(|(line, (sku, quantity, price))| {
        let (xid, customer, reference) = match line {
            0 => (
                format!("rehearsal.order_{story}"),
                "rehearsal.customer".to_owned(),
                format!("{}{story:04}", wanted.reference),
            ),
            _ => Default::default(),
        };
        let line = format!("rehearsal.order_{story}_{line}");
        json!([xid, customer, reference, line, format!("rehearsal.product_{}", slug(sku)), quantity, price])
    });
    rows.collect()
}

fn slug(sku: &str) -> String {
    sku.bytes().map(|byte| format!("{byte:02x}")).collect()
}
