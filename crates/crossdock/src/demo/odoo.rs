//! The people who work in Odoo, played over its JSON-2 API: they keep customers and products, count stock, take
//! orders and confirm them. And the auditor, who afterwards reads what Odoo holds.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value as Json, json};

/// How often a call is made that Odoo took back because another wrote at the same moment.
const TRIES_MAX: u64 = 10;

/// Access to one Odoo database.
#[derive(Clone)]
pub struct Odoo {
    client: reqwest::Client,
    url: String,
    database: String,
    key: String,
}

/// An order that a salesperson took.
#[derive(Clone, Debug)]
pub struct Order {
    pub name: String,
    /// SKU and quantity.
    pub lines: Vec<(String, u64)>,
}

/// What Odoo holds of one order, as the auditor reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Tracking numbers of the deliveries that are done.
    pub done: Vec<String>,
    /// Deliveries that wait for the rest.
    pub open: usize,
    /// Done deliveries that carry a signature.
    pub signed: usize,
    /// Names of posted invoices.
    pub posted: Vec<String>,
    /// Invoices in any other state.
    pub other_invoices: usize,
}

impl Odoo {
    pub fn new(client: reqwest::Client, url: &str, database: &str, key: &str) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned(), database: database.to_owned(), key: key.to_owned() }
    }

    /// One JSON-2 call.
    ///
    /// # Errors
    /// When Odoo does not answer, or answers with an error.
    pub async fn call(&self, model: &str, method: &str, body: Json) -> anyhow::Result<Json> {
        let mut tries = 1;
        loop {
            match self.call_once(model, method, &body).await {
                // Two wrote the same record at once. Odoo has taken this call back as a whole, so it can be repeated.
                Err(error) if tries < TRIES_MAX && error.to_string().contains("could not serialize access") => {
                    tokio::time::sleep(Duration::from_millis(200 * tries)).await;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    async fn call_once(&self, model: &str, method: &str, body: &Json) -> anyhow::Result<Json> {
        let response = self
            .client
            .post(format!("{}/json/2/{model}/{method}", self.url))
            .header("authorization", format!("bearer {}", self.key))
            .header("x-odoo-database", &self.database)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .with_context(|| format!("Odoo at {} does not answer", self.url))?;
        let status = response.status();
        let text = response.text().await?;
        let answer: Json = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        if !status.is_success() {
            bail!("Odoo refused {model}/{method} ({status}): {}", answer["message"].as_str().unwrap_or(&text));
        }
        Ok(answer)
    }

    /// Odoo's import. Returns the records' ids.
    ///
    /// # Errors
    /// When Odoo does not take it.
    pub async fn load(&self, model: &str, fields: Json, data: Json, context: Json) -> anyhow::Result<Vec<i64>> {
        let answer = self.call(model, "load", json!({"fields": fields, "data": data, "context": context})).await?;
        match answer["ids"].as_array() {
            Some(ids) => Ok(ids.iter().filter_map(Json::as_i64).collect()),
            None => bail!("Odoo did not load {model}: {}", answer["messages"]),
        }
    }

    /// Makes customers, and products with `stock` pieces each. Returns the products' SKUs.
    ///
    /// # Errors
    /// When Odoo refuses.
    pub async fn prepare(&self, customers: usize, products: usize, stock: u64) -> anyhow::Result<Vec<String>> {
        let utc = json!({"tz": "UTC"});
        let rows: Vec<Json> = (1..=customers)
            .map(|n| {
                let (xid, name, code) = (format!("demo.customer_{n}"), format!("Customer {n}"), format!("C{n:03}"));
                json!([
                    xid,
                    name,
                    code,
                    "1",
                    format!("c{n}@example.com"),
                    format!("{n} Main Street"),
                    "Austin",
                    "78701",
                    "base.us"
                ])
            })
            .collect();
        let fields = json!(["id", "name", "ref", "is_company", "email", "street", "city", "zip", "country_id/id"]);
        self.load("res.partner", fields, json!(rows), utc.clone()).await?;
        let skus: Vec<String> = (1..=products).map(|n| format!("DEMO-{n:02}")).collect();
        let rows: Vec<Json> = skus
            .iter()
            .enumerate()
            .map(|(n, sku)| {
                json!([format!("demo.product_{}", n + 1), format!("Widget {}", n + 1), sku, "consu", "1", "25"])
            })
            .collect();
        let fields = json!(["id", "name", "default_code", "type", "is_storable", "list_price"]);
        let ids = self.load("product.product", fields, json!(rows), utc).await?;
        let location = self.stock_location().await?;
        for id in ids {
            let quant = json!({"product_id": id, "location_id": location, "inventory_quantity": stock});
            let made = self
                .call("stock.quant", "create", json!({"vals_list": quant, "context": {"inventory_mode": true}}))
                .await?;
            self.call("stock.quant", "action_apply_inventory", json!({"ids": made})).await?;
        }
        Ok(skus)
    }

    /// Where goods are kept.
    ///
    /// # Errors
    /// When Odoo has none or does not answer.
    pub async fn stock_location(&self) -> anyhow::Result<i64> {
        let body = json!({"domain": [["usage", "=", "internal"]], "fields": ["id"], "order": "id", "limit": 1});
        let found = self.call("stock.location", "search_read", body).await?;
        found[0]["id"].as_i64().context("Odoo has no internal stock location")
    }

    /// Takes and confirms orders; `lines` holds product numbers (from 1) and quantities per order.
    ///
    /// # Errors
    /// When Odoo refuses.
    pub async fn sell(
        &self,
        first: usize,
        orders: &[Vec<(usize, u64)>],
        skus: &[String],
    ) -> anyhow::Result<Vec<Order>> {
        let mut rows = Vec::new();
        for (n, lines) in orders.iter().enumerate() {
            let number = first + n;
            for (line, (product, quantity)) in lines.iter().enumerate() {
                let (xid, customer, reference) = match line {
                    0 => (
                        format!("demo.order_{number}"),
                        format!("demo.customer_{}", number % 3 + 1),
                        format!("PO-{number:04}"),
                    ),
                    _ => Default::default(),
                };
                rows.push(json!([
                    xid,
                    customer,
                    reference,
                    format!("demo.order_{number}_{line}"),
                    format!("demo.product_{product}"),
                    quantity.to_string(),
                    "25"
                ]));
            }
        }
        let fields = json!([
            "id",
            "partner_id/id",
            "client_order_ref",
            "order_line/id",
            "order_line/product_id/id",
            "order_line/product_uom_qty",
            "order_line/price_unit"
        ]);
        let ids = self.load("sale.order", fields, json!(rows), json!({"tz": "UTC"})).await?;
        let names = self.call("sale.order", "read", json!({"ids": ids, "fields": ["name"]})).await?;
        self.call("sale.order", "action_confirm", json!({"ids": ids})).await?;
        let names = names.as_array().cloned().unwrap_or_default();
        Ok(names
            .iter()
            .zip(orders)
            .map(|(row, lines)| Order {
                name: row["name"].as_str().unwrap_or_default().to_owned(),
                lines: lines.iter().map(|(product, quantity)| (skus[product - 1].clone(), *quantity)).collect(),
            })
            .collect())
    }

    /// Reads what Odoo holds of these orders.
    ///
    /// # Errors
    /// When Odoo does not answer.
    pub async fn books(&self, names: &[String]) -> anyhow::Result<BTreeMap<String, Books>> {
        let mut books: BTreeMap<String, Books> = names.iter().map(|name| (name.clone(), Books::default())).collect();
        let domain = json!([["origin", "in", names], ["picking_type_code", "=", "outgoing"]]);
        let fields = json!(["origin", "state", "carrier_tracking_ref", "is_signed"]);
        let pickings = self.call("stock.picking", "search_read", json!({"domain": domain, "fields": fields})).await?;
        for picking in pickings.as_array().into_iter().flatten() {
            let Some(book) = picking["origin"].as_str().and_then(|origin| books.get_mut(origin)) else { continue };
            match picking["state"].as_str() {
                Some("done") => {
                    book.done.push(picking["carrier_tracking_ref"].as_str().unwrap_or_default().to_owned());
                    book.signed += usize::from(picking["is_signed"] == json!(true));
                }
                Some("cancel") => {}
                _ => book.open += 1,
            }
        }
        let domain = json!([["name", "in", names]]);
        let orders = self
            .call("sale.order", "search_read", json!({"domain": domain, "fields": ["name", "invoice_ids"]}))
            .await?;
        let mut order_of = BTreeMap::new();
        for order in orders.as_array().into_iter().flatten() {
            for id in order["invoice_ids"].as_array().into_iter().flatten().filter_map(Json::as_i64) {
                order_of.insert(id, order["name"].as_str().unwrap_or_default().to_owned());
            }
        }
        let ids: Vec<i64> = order_of.keys().copied().collect();
        let moves = self.call("account.move", "read", json!({"ids": ids, "fields": ["name", "state"]})).await?;
        for entry in moves.as_array().into_iter().flatten() {
            let order = entry["id"].as_i64().and_then(|id| order_of.get(&id));
            let Some(book) = order.and_then(|name| books.get_mut(name)) else { continue };
            match entry["state"].as_str() {
                Some("posted") => book.posted.push(entry["name"].as_str().unwrap_or_default().to_owned()),
                _ => book.other_invoices += 1,
            }
        }
        Ok(books)
    }

    /// Pieces on hand by SKU.
    ///
    /// # Errors
    /// When Odoo does not answer.
    pub async fn stock(&self, skus: &[String]) -> anyhow::Result<BTreeMap<String, i64>> {
        let domain = json!([["default_code", "in", skus]]);
        let products =
            self.call("product.product", "search_read", json!({"domain": domain, "fields": ["default_code"]})).await?;
        let mut sku_of = BTreeMap::new();
        for product in products.as_array().into_iter().flatten() {
            if let (Some(id), Some(sku)) = (product["id"].as_i64(), product["default_code"].as_str()) {
                sku_of.insert(id, sku.to_owned());
            }
        }
        let ids: Vec<i64> = sku_of.keys().copied().collect();
        let domain = json!([["product_id", "in", ids], ["location_id.usage", "=", "internal"]]);
        let quants = self
            .call("stock.quant", "search_read", json!({"domain": domain, "fields": ["product_id", "quantity"]}))
            .await?;
        let mut stock: BTreeMap<String, i64> = skus.iter().map(|sku| (sku.clone(), 0)).collect();
        for quant in quants.as_array().into_iter().flatten() {
            let sku = quant["product_id"][0].as_i64().and_then(|id| sku_of.get(&id));
            if let (Some(sku), Some(quantity)) = (sku, quant["quantity"].as_f64()) {
                // Odoo splits a product's stock into several rows under load, some of them negative: the sum counts.
                *stock.entry(sku.clone()).or_default() += quantity.round() as i64;
            }
        }
        Ok(stock)
    }
}
