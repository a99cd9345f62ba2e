//! Everyone outside of the hub: the systems it talks to, and what they hold.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crossdock_core::exchange::{Answer, Call};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::office;
use super::wire::{host_of, path_of};
use crate::odoo::{Odoo, Reply as OdooReply, Request};
use crate::partners::{Billing, Customer, Fleet, Reply, Warehouse};

/// The host of Odoo in the hub's configuration.
pub const ODOO: &str = "odoo.test";
/// The host of the warehouse.
pub const WAREHOUSE: &str = "warehouse.test";
/// The host of the customer's system.
pub const CUSTOMER: &str = "customer.test";
/// The host of the billing engine.
pub const BILLING: &str = "billing.test";
/// All of them.
pub const HOSTS: [&str; 4] = [ODOO, WAREHOUSE, CUSTOMER, BILLING];
/// The hub's key at Odoo.
pub const ODOO_KEY: &str = "0123456789abcdef0123456789abcdef01234567";
/// The database's name.
pub const ODOO_DATABASE: &str = "world";
/// What the warehouse signs with.
pub const WAREHOUSE_SECRET: &str = "simulated-warehouse-secret";
/// What the fleet platform signs with: base64, as it shows its secrets.
pub const FLEET_SECRET: &str = "c2ltdWxhdGVkLWZsZWV0LXNlY3JldC0zMi1ieXRlcyE=";
/// What the customer's system expects signatures by.
pub const CUSTOMER_SECRET: &str = "whsec_c2ltdWxhdGVkLWN1c3RvbWVyLXNlY3JldC0zMmJ5dGVz";

/// What the billing engine is called with.
pub const BILLING_TOKEN: &str = "simulated-billing-token";

/// The environment that the example hub reads its addresses and secrets from.
pub fn environment(name: &str) -> Option<String> {
    let value = match name {
        "ODOO_URL" => format!("http://{ODOO}"),
        "ODOO_DATABASE" => ODOO_DATABASE.to_owned(),
        "ODOO_KEY" => ODOO_KEY.to_owned(),
        "WAREHOUSE_URL" => format!("http://{WAREHOUSE}"),
        "CUSTOMER_URL" => format!("http://{CUSTOMER}/notifications"),
        "WAREHOUSE_SECRET" => WAREHOUSE_SECRET.to_owned(),
        "BILLING_URL" => format!("http://{BILLING}"),
        "BILLING_TOKEN" => BILLING_TOKEN.to_owned(),
        "FLEET_SECRET" => FLEET_SECRET.to_owned(),
        "CUSTOMER_SECRET" => CUSTOMER_SECRET.to_owned(),
        _ => return None,
    };
    Some(value)
}

/// The systems.
pub struct Stage(Mutex<Systems>);

/// The state of all systems.
pub struct Systems {
    pub odoo: Odoo,
    pub warehouse: Warehouse,
    pub fleet: Fleet,
    pub customer: Customer,
    pub billing: Billing,
}

impl Stage {
    /// A warehouse with goods, customers, and no orders yet.
    pub fn new() -> Self {
        Self(Mutex::new(Systems {
            odoo: office::furnished(),
            warehouse: Warehouse::new(WAREHOUSE_SECRET),
            fleet: Fleet::new(FLEET_SECRET),
            customer: Customer::new(CUSTOMER_SECRET),
            billing: Billing::new(BILLING_TOKEN),
        }))
    }

    pub fn lock(&self) -> MutexGuard<'_, Systems> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A system answers a call.
    pub fn answer(&self, call: &Call, now: Timestamp) -> Answer {
        let mut systems = self.lock();
        let header = |name: &str| {
            let found = call.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.map(|header| header.value.as_str())
        };
        match host_of(&call.url) {
            ODOO => {
                let headers: Vec<(String, String)> =
                    call.headers.iter().map(|header| (header.name.to_lowercase(), header.value.clone())).collect();
                let request = Request {
                    method: call.method.as_str(),
                    path: path_of(&call.url),
                    headers: &headers,
                    body: &call.body,
                };
                match systems.odoo.answer(&request, now) {
                    OdooReply::Answer { answer, .. } => answer,
                    OdooReply::Silence { .. } => Answer { status: 504, headers: Vec::new(), body: Vec::new() },
                }
            }
            WAREHOUSE => {
                let body = serde_json::from_slice(&call.body).unwrap_or(Json::Null);
                answered(systems.warehouse.release(header("idempotency-key"), &body))
            }
            CUSTOMER => {
                let headers: Vec<(String, String)> =
                    call.headers.iter().map(|header| (header.name.to_lowercase(), header.value.clone())).collect();
                answered(systems.customer.receive(&headers, &call.body, now))
            }
            BILLING => {
                let body = serde_json::from_slice(&call.body).unwrap_or(Json::Null);
                answered(systems.billing.bill(header("authorization"), &body))
            }
            other => Answer { status: 404, headers: Vec::new(), body: other.as_bytes().to_vec() },
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

fn answered(reply: Reply) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status: reply.status, headers, body: reply.body.to_string().into_bytes() }
}
