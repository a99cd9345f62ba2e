//! The people who work in Odoo: they keep customers and products, count stock, take orders and confirm them. And the
//! auditor, who afterwards reads what Odoo holds.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crossdock_connect::secret::Secret;
use crossdock_connectors::odoo::setup::{self, SetupAction, SetupRequest, SetupStep};
use crossdock_connectors::odoo::{Capture, CaptureMode, CapturedModel, Odoo as Configured};
use crossdock_core::exchange::{Call, Exchange};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::stage::{ODOO, ODOO_DATABASE, ODOO_KEY};
use super::wire::path_of;
pub use crate::imports::sku;
use crate::imports::{self, Customer, Import, OrderLine, Product};
use crate::odoo::{Odoo, Reply, Request};

/// The module of the external ids.
const MODULE: &str = "world";
/// Customers in Odoo.
pub const CUSTOMERS: usize = 3;
/// Products in Odoo.
pub const PRODUCTS: usize = 8;
/// Pieces of each product.
pub const STOCK: u64 = 10_000;

/// An order that a salesperson took.
#[derive(Clone, Debug)]
pub struct Order {
    pub name: String,
    /// SKU and quantity.
    pub lines: Vec<(String, u64)>,
}

/// A delivery that is done, as the auditor reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub tracking: String,
    pub is_signed: bool,
    /// Pieces by SKU.
    pub pieces: BTreeMap<String, u64>,
}

/// What Odoo holds of one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// In the order in which they were done.
    pub done: Vec<Delivery>,
    /// Names of posted invoices.
    pub posted: Vec<String>,
    /// Invoices in any other state.
    pub other_invoices: usize,
}

/// An Odoo that is set up: customers, products, stock, and the outbox that tells the hub of changes.
pub fn furnished() -> Odoo {
    // Furnishing takes a while, copying does not.
    static ROOM: OnceLock<Odoo> = OnceLock::new();
    ROOM.get_or_init(|| {
        let mut odoo = Odoo::new(ODOO_DATABASE, ODOO_KEY);
        let beginning = Timestamp::from_second(1_772_400_000).expect("a valid instant");
        furnish(&mut odoo, beginning);
        install_outbox(&mut odoo, beginning);
        odoo
    })
    .clone()
}

/// One JSON-2 call by somebody in the office.
///
/// # Panics
/// When Odoo refuses: the office does nothing wrong.
pub fn ask(odoo: &mut Odoo, model: &str, method: &str, body: &Json, now: Timestamp) -> Json {
    let headers = [
        ("authorization".to_owned(), format!("bearer {ODOO_KEY}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let (path, body) = (format!("/json/2/{model}/{method}"), body.to_string());
    let request = Request { method: "POST", path: &path, headers: &headers, body: body.as_bytes() };
    match odoo.answer(&request, now) {
        Reply::Answer { answer, .. } if answer.status == 200 => {
            serde_json::from_slice(&answer.body).expect("Odoo answers JSON")
        }
        other => panic!("Odoo refused {model}/{method}: {other:?}"),
    }
}

fn load(odoo: &mut Odoo, import: &Import, now: Timestamp) -> Vec<i64> {
    let body = json!({"fields": import.fields, "data": import.rows, "context": {"tz": "UTC"}});
    let answer = ask(odoo, import.model, "load", &body, now);
    let ids = answer["ids"].as_array().unwrap_or_else(|| panic!("Odoo did not load {}: {answer}", import.model));
    ids.iter().filter_map(Json::as_i64).collect()
}

fn furnish(odoo: &mut Odoo, now: Timestamp) {
    let customers: Vec<Customer> = (1..=CUSTOMERS).map(|n| Customer::numbered(MODULE, n)).collect();
    load(odoo, &imports::customers(&customers), now);
    let products: Vec<Product> = (1..=PRODUCTS).map(|n| Product::numbered(MODULE, n)).collect();
    let products = load(odoo, &imports::products(&products, Some("delivery")), now);
    let wanted = json!({"domain": [["usage", "=", "internal"]], "fields": ["id"], "order": "id", "limit": 1});
    let location = ask(odoo, "stock.location", "search_read", &wanted, now)[0]["id"].clone();
    for product in products {
        let quant = json!({"product_id": product, "location_id": location, "inventory_quantity": STOCK});
        let body = json!({"vals_list": quant, "context": {"inventory_mode": true}});
        let made = ask(odoo, "stock.quant", "create", &body, now);
        ask(odoo, "stock.quant", "action_apply_inventory", &json!({"ids": made}), now);
    }
}

/// What `crossdock odoo setup` does.
fn install_outbox(odoo: &mut Odoo, now: Timestamp) {
    let configured = Configured {
        url: format!("http://{ODOO}"),
        database: Some(ODOO_DATABASE.to_owned()),
        key: Secret::new(ODOO_KEY),
        company_ids: Vec::new(),
        lang: "en_US".to_owned(),
        xid_module: "crossdock".to_owned(),
        timeout_ms: 90_000,
        capture: Capture {
            mode: CaptureMode::Outbox,
            every_ms: 2_000,
            overlap_ms: 900_000,
            from: None,
            models: vec![CapturedModel { name: "sale.order".to_owned(), fields: Vec::new() }],
        },
    };
    let request = SetupRequest { odoo: configured, action: SetupAction::Install, dry_run: false, hub_user: None };
    let mut exchanges: Vec<Exchange> = Vec::new();
    loop {
        match setup::next(&request, &exchanges) {
            SetupStep::Done(_) => return,
            SetupStep::Failed { reason } => panic!("the outbox cannot be installed: {reason}"),
            SetupStep::Call(call) => {
                let answer = answer(odoo, &call, now);
                exchanges.push(Exchange { call, result: Ok(answer) });
            }
        }
    }
}

fn answer(odoo: &mut Odoo, call: &Call, now: Timestamp) -> crossdock_core::exchange::Answer {
    let headers: Vec<(String, String)> =
        call.headers.iter().map(|header| (header.name.to_lowercase(), header.value.clone())).collect();
    let request =
        Request { method: call.method.as_str(), path: path_of(&call.url), headers: &headers, body: &call.body };
    match odoo.answer(&request, now) {
        Reply::Answer { answer, .. } => answer,
        Reply::Silence { .. } => panic!("an undisturbed Odoo answers"),
    }
}

/// Takes and confirms an order; `lines` holds product numbers (from 1) and quantities.
pub fn sell(odoo: &mut Odoo, number: usize, lines: &[(usize, u64)], now: Timestamp) -> Order {
    let line = |(product, quantity): &(usize, u64)| OrderLine {
        product: format!("{MODULE}.product_{product}"),
        quantity: quantity.to_string(),
        price: "25".to_owned(),
    };
    let order = imports::Order {
        xid: format!("{MODULE}.order_{number}"),
        customer: format!("{MODULE}.customer_{}", number % CUSTOMERS + 1),
        reference: format!("PO-{number:04}"),
        lines: lines.iter().map(line).collect(),
    };
    let ids = load(odoo, &imports::orders([&order]), now);
    let read = ask(odoo, "sale.order", "read", &json!({"ids": ids, "fields": ["name"]}), now);
    ask(odoo, "sale.order", "action_confirm", &json!({"ids": ids}), now);
    Order {
        name: read[0]["name"].as_str().unwrap_or_default().to_owned(),
        lines: lines.iter().map(|(product, quantity)| (sku(*product), *quantity)).collect(),
    }
}

/// Reads what Odoo holds of an order.
pub fn books(odoo: &mut Odoo, order: &str, now: Timestamp) -> Books {
    let mut books = Books::default();
    let domain = json!([["origin", "=", order], ["picking_type_code", "=", "outgoing"], ["state", "=", "done"]]);
    let fields = json!(["date_done", "carrier_tracking_ref", "is_signed"]);
    let asked = json!({"domain": domain, "fields": fields, "order": "date_done, id"});
    let pickings = ask(odoo, "stock.picking", "search_read", &asked, now);
    for picking in pickings.as_array().into_iter().flatten() {
        let domain = json!([["picking_id", "=", picking["id"]], ["state", "=", "done"]]);
        let asked = json!({"domain": domain, "fields": ["product_id", "quantity"]});
        let moves = ask(odoo, "stock.move", "search_read", &asked, now);
        let mut pieces = BTreeMap::new();
        for moved in moves.as_array().into_iter().flatten() {
            let product = json!({"ids": [moved["product_id"][0]], "fields": ["default_code"]});
            let product = ask(odoo, "product.product", "read", &product, now);
            let sku = product[0]["default_code"].as_str().unwrap_or_default().to_owned();
            *pieces.entry(sku).or_default() += moved["quantity"].as_f64().unwrap_or_default().round() as u64;
        }
        books.done.push(Delivery {
            tracking: picking["carrier_tracking_ref"].as_str().unwrap_or_default().to_owned(),
            is_signed: picking["is_signed"] == json!(true),
            pieces,
        });
    }
    let asked = json!({"domain": [["name", "=", order]], "fields": ["invoice_ids"]});
    let found = ask(odoo, "sale.order", "search_read", &asked, now);
    let invoices = json!({"ids": found[0]["invoice_ids"], "fields": ["name", "state"]});
    let invoices = ask(odoo, "account.move", "read", &invoices, now);
    for invoice in invoices.as_array().into_iter().flatten() {
        match invoice["state"].as_str() {
            Some("posted") => books.posted.push(invoice["name"].as_str().unwrap_or_default().to_owned()),
            _ => books.other_invoices += 1,
        }
    }
    books
}

/// Pieces on hand by SKU.
pub fn stock(odoo: &mut Odoo, now: Timestamp) -> BTreeMap<String, u64> {
    let asked = json!({"domain": [["default_code", "like", "DEMO-"]], "fields": ["default_code"]});
    let products = ask(odoo, "product.product", "search_read", &asked, now);
    let mut stock = BTreeMap::new();
    for product in products.as_array().into_iter().flatten() {
        let domain = json!([["product_id", "=", product["id"]], ["location_id.usage", "=", "internal"]]);
        let quants = ask(odoo, "stock.quant", "search_read", &json!({"domain": domain, "fields": ["quantity"]}), now);
        let pieces: f64 = quants.as_array().into_iter().flatten().filter_map(|quant| quant["quantity"].as_f64()).sum();
        stock.insert(product["default_code"].as_str().unwrap_or_default().to_owned(), pieces.round() as u64);
    }
    stock
}
