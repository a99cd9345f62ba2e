//! The people who work in Odoo, played over its JSON-2 API: they keep customers and products, count stock, take
//! orders and confirm them. And the auditor, who afterwards reads what Odoo holds.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use crossdock_sim::imports::{self, Customer, Import, OrderLine, Product};
use serde_json::{Value as Json, json};

/// The module of the external ids.
const MODULE: &str = "demo";
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
    pub async fn load(&self, import: Import) -> anyhow::Result<Vec<i64>> {
        let Import { model, fields, rows } = import;
        let body = json!({"fields": fields, "data": rows, "context": {"tz": "UTC"}});
        let answer = self.call(model, "load", body).await?;
        match answer["ids"].as_array() {
            Some(ids) => Ok(ids.iter().filter_map(Json::as_i64).collect()),
            None => bail!("Odoo did not load {model}: {}", answer["messages"]),
        }
    }

    /// Lays so many pieces of each product into the stock.
    ///
    /// # Errors
    /// When Odoo refuses.
    pub async fn stock_up(&self, products: Vec<i64>, pieces: u64) -> anyhow::Result<()> {
        let location = self.stock_location().await?;
        for product in products {
            let quant = json!({"product_id": product, "location_id": location, "inventory_quantity": pieces});
            let made = json!({"vals_list": quant, "context": {"inventory_mode": true}});
            let made = self.call("stock.quant", "create", made).await?;
            self.call("stock.quant", "action_apply_inventory", json!({"ids": made})).await?;
        }
        Ok(())
    }

    /// Makes customers, and products with `stock` pieces each. Returns the products' SKUs.
    ///
    /// # Errors
    /// When Odoo refuses.
    pub async fn prepare(&self, customers: usize, products: usize, stock: u64) -> anyhow::Result<Vec<String>> {
        let customers: Vec<Customer> = (1..=customers).map(|n| Customer::numbered(MODULE, n)).collect();
        self.load(imports::customers(&customers)).await?;
        let products: Vec<Product> = (1..=products).map(|n| Product::numbered(MODULE, n)).collect();
        let skus = products.iter().map(|product| product.sku.clone()).collect();
        let ids = self.load(imports::products(&products, None)).await?;
        self.stock_up(ids, stock).await?;
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
        let order = |(n, lines): (usize, &Vec<(usize, u64)>)| {
            let number = first + n;
            let line = |(product, quantity): &(usize, u64)| OrderLine {
                product: format!("{MODULE}.product_{product}"),
                quantity: quantity.to_string(),
                price: "25".to_owned(),
            };
            imports::Order {
                xid: format!("{MODULE}.order_{number}"),
                customer: format!("{MODULE}.customer_{}", number % 3 + 1),
                reference: format!("PO-{number:04}"),
                lines: lines.iter().map(line).collect(),
            }
        };
        let taken: Vec<imports::Order> = orders.iter().enumerate().map(order).collect();
        let ids = self.load(imports::orders(&taken)).await?;
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
