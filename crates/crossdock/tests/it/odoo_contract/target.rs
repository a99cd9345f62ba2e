//! An Odoo to ask, and what it says.

use serde_json::{Value as Json, json};

/// Where an Odoo is.
#[derive(Clone, Debug)]
pub struct Target {
    pub client: reqwest::Client,
    pub url: String,
    pub database: String,
    pub key: String,
}

/// An Odoo and the names that one scenario gives its records, so that scenarios do not meet.
#[derive(Clone, Debug)]
pub struct Scene {
    pub target: Target,
    pub name: &'static str,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Said {
    pub status: u16,
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

/// The context of an insert-only `load`.
pub fn insert_only() -> Json {
    json!({"noupdate": true, "mode": "update", "tz": "UTC"})
}

impl Target {
    pub fn new(url: &str, database: &str, key: &str) -> Self {
        // Another test of this process may have been first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { client, url: url.to_owned(), database: database.to_owned(), key: key.to_owned() }
    }

    /// Asks with these headers beside the usual ones; one with an empty value is left out instead.
    pub async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Said {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        let usual = [
            ("authorization", format!("bearer {}", self.key)),
            ("x-odoo-database", self.database.clone()),
            ("content-type", "application/json".to_owned()),
        ];
        for (name, value) in usual {
            if !headers.iter().any(|(other, _)| *other == name) {
                request = request.header(name, value);
            }
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_owned());
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("no answer from {path}: {error}"));
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let content_type = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone());
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_else(|error| panic!("half an answer from {path}: {error}"));
        Said { status, content_type: content_type.unwrap_or_default(), headers, text }
    }
}

impl Scene {
    pub fn new(target: Target, name: &'static str) -> Self {
        Self { target, name }
    }

    /// An external id of this scenario.
    pub fn xid(&self, name: &str) -> String {
        format!("contract.{}__{name}", self.name)
    }

    /// A text that only this scenario uses.
    pub fn own(&self, name: &str) -> String {
        format!("{} {name}", self.name)
    }

    pub async fn call(&self, model: &str, method: &str, body: Json) -> Said {
        let said = self.target.raw("POST", &format!("/json/2/{model}/{method}"), &[], &body.to_string()).await;
        assert_ne!(said.status, 501, "the stand-in does not know {model}.{method}: {}", said.text);
        said
    }

    /// The answer of a call that must succeed.
    pub async fn ok(&self, model: &str, method: &str, body: Json) -> Json {
        let said = self.call(model, method, body).await;
        assert_eq!(said.status, 200, "{model}.{method}: {}", said.brief());
        said.json()
    }

    /// The one record that `read` gives.
    pub async fn read(&self, model: &str, id: i64, fields: &[&str]) -> Json {
        let records = self.ok(model, "read", json!({"ids": [id], "fields": fields})).await;
        records[0].clone()
    }

    pub async fn find(&self, model: &str, domain: Json, fields: &[&str]) -> Vec<Json> {
        let body = json!({"domain": domain, "fields": fields, "order": "id"});
        match self.ok(model, "search_read", body).await {
            Json::Array(records) => records,
            other => panic!("search_read gives a list, not {other}"),
        }
    }

    /// `load`, whose failures are good answers too.
    pub async fn load(&self, model: &str, context: Json, fields: &[&str], rows: Json) -> Loaded {
        let body = json!({"context": context, "fields": fields, "data": rows});
        let said = self.ok(model, "load", body).await;
        let ids = said["ids"].as_array().map(|ids| ids.iter().filter_map(Json::as_i64).collect());
        let messages = said["messages"].as_array().cloned().unwrap_or_default();
        assert_eq!(ids.is_none(), said["ids"] == false, "{said}");
        Loaded { ids, messages }
    }

    /// The ids of a `load` that must succeed.
    pub async fn loaded(&self, model: &str, context: Json, fields: &[&str], rows: Json) -> Vec<i64> {
        let loaded = self.load(model, context, fields, rows).await;
        loaded.ids.unwrap_or_else(|| panic!("load of {model}: {:?}", loaded.messages))
    }

    pub async fn customer(&self) -> i64 {
        let row = json!([[self.xid("customer"), self.own("customer"), "base.us"]]);
        self.loaded("res.partner", json!({}), &["id", "name", "country_id/id"], row).await[0]
    }

    /// A storable product of which so many lie in the warehouse.
    pub async fn product(&self, name: &str, stock: f64) -> i64 {
        let row = json!([[self.xid(name), self.own(name), format!("{}-{name}", self.name), "consu", "1", "20"]]);
        let fields = ["id", "name", "default_code", "type", "is_storable", "list_price"];
        let id = self.loaded("product.product", json!({}), &fields, row).await[0];
        if stock > 0.0 {
            self.stock(id, stock).await;
        }
        id
    }

    /// Counts a product in the warehouse's stock.
    pub async fn stock(&self, product: i64, quantity: f64) -> i64 {
        let quant = self
            .ok(
                "stock.quant",
                "create",
                json!({
                    "context": {"inventory_mode": true},
                    "vals_list": {
                        "product_id": product, "location_id": self.shelf().await, "inventory_quantity": quantity,
                    },
                }),
            )
            .await[0]
            .clone();
        self.ok("stock.quant", "action_apply_inventory", json!({"ids": [quant]})).await;
        quant.as_i64().expect("an id")
    }

    pub async fn shelf(&self) -> i64 {
        let houses = self.find("stock.warehouse", json!([]), &["lot_stock_id"]).await;
        houses[0]["lot_stock_id"][0].as_i64().expect("a place")
    }

    /// A draft order of the scenario's customer, with a line for each product and quantity.
    pub async fn order(&self, name: &str, lines: &[(&str, f64)]) -> i64 {
        let fields = [
            "id",
            "partner_id/id",
            "client_order_ref",
            "order_line/id",
            "order_line/product_id/id",
            "order_line/product_uom_qty",
        ];
        let rows: Vec<Json> = lines
            .iter()
            .enumerate()
            .map(|(place, (product, quantity))| {
                let (id, customer, reference) = match place {
                    0 => (self.xid(name), self.xid("customer"), self.own(name)),
                    _ => (String::new(), String::new(), String::new()),
                };
                let line = self.xid(&format!("{name}_{place}"));
                json!([id, customer, reference, line, self.xid(product), quantity.to_string()])
            })
            .collect();
        self.loaded("sale.order", insert_only(), &fields, rows.into()).await[0]
    }

    /// A confirmed order; gives it and its transfer.
    pub async fn confirmed(&self, name: &str, lines: &[(&str, f64)]) -> (i64, i64) {
        let order = self.order(name, lines).await;
        assert_eq!(self.ok("sale.order", "action_confirm", json!({"ids": [order]})).await, true);
        let transfers = self.read("sale.order", order, &["picking_ids"]).await;
        (order, transfers["picking_ids"][0].as_i64().expect("a transfer"))
    }

    pub async fn moves(&self, transfer: i64) -> Vec<Json> {
        let fields = ["product_id", "product_uom_qty", "quantity", "picked", "state", "sale_line_id"];
        self.find("stock.move", json!([["picking_id", "=", transfer]]), &fields).await
    }

    /// What lies of a product in the company's own places, and how much of it is promised.
    pub async fn on_hand(&self, product: i64) -> (f64, f64) {
        let domain = json!([["product_id", "=", product], ["location_id.usage", "=", "internal"]]);
        let quants = self.find("stock.quant", domain, &["quantity", "reserved_quantity"]).await;
        let sum = |field: &str| quants.iter().filter_map(|quant| quant[field].as_f64()).sum();
        (sum("quantity"), sum("reserved_quantity"))
    }
}

/// What `load` said.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub ids: Option<Vec<i64>>,
    pub messages: Vec<Json>,
}

impl Loaded {
    /// The message of a load that must fail, with the field it blames.
    pub fn complaint(&self) -> (String, Option<String>) {
        assert!(self.ids.is_none(), "nothing is stored, but {self:?}");
        let message = self.messages.iter().find(|message| message["type"] == "error").expect("an error");
        assert!(message["rows"]["from"].is_u64() && message["rows"]["to"].is_u64(), "{message}");
        let text = message["message"].as_str().expect("a message").to_owned();
        (text, message["field"].as_str().map(str::to_owned))
    }
}

impl Said {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Checks an error's class and its body's shape; gives the message.
    pub fn fault(&self, status: u16, name: &str) -> String {
        assert_eq!((self.status, self.name().as_str()), (status, name), "{}", self.brief());
        let body = self.json();
        assert!(self.content_type.starts_with("application/json"), "{}", self.content_type);
        let keys: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["arguments", "context", "debug", "message", "name"], "{body}");
        assert!(body["arguments"].is_array() && body["context"].is_object() && body["debug"].is_string(), "{body}");
        body["message"].as_str().expect("a message").to_owned()
    }

    pub fn status_is(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.brief());
    }

    fn name(&self) -> String {
        let body: Json = serde_json::from_str(&self.text).unwrap_or_default();
        body["name"].as_str().unwrap_or_default().to_owned()
    }

    /// The answer without the traceback.
    pub fn brief(&self) -> String {
        let mut body: Json = serde_json::from_str(&self.text).unwrap_or_else(|_| Json::from(self.text.clone()));
        if let Some(body) = body.as_object_mut() {
            body.remove("debug");
        }
        format!("{} {} {body}", self.status, self.content_type)
    }
}
