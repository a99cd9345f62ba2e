//! A billing engine of the old kind: it takes what it is told, honours no key, and cannot be asked by a program. A person
//! can look.

use serde_json::{Value as Json, json};

use super::Reply;

/// The billing engine's state.
#[derive(Debug)]
pub struct Billing {
    token: String,
    journal: Vec<String>,
}

impl Billing {
    /// `token` is what callers carry.
    pub fn new(token: &str) -> Self {
        Self { token: token.to_owned(), journal: Vec::new() }
    }

    /// `POST /shipments`: bills a shipment, again when it is told again.
    pub fn bill(&mut self, authorization: Option<&str>, body: &Json) -> Reply {
        if authorization != Some(format!("Bearer {}", self.token).as_str()) {
            return Reply { status: 401, body: json!({"title": "the token is not known"}) };
        }
        let Some(shipment) = body["shipment"].as_str() else {
            return Reply { status: 422, body: json!({"title": "shipment is missing"}) };
        };
        self.journal.push(shipment.to_owned());
        Reply { status: 201, body: json!({"line": self.journal.len()}) }
    }

    /// The shipments that were billed, in order.
    pub fn journal(&self) -> &[String] {
        &self.journal
    }
}
