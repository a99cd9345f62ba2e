//! A customer's system that is told of invoices by signed webhooks (Standard Webhooks, CloudEvents).

use std::collections::BTreeMap;

use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, VerifyInput, verify};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::Reply;

/// One notification, however often it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// How many times this id arrived.
    pub deliveries: u32,
    pub event: Json,
}

/// The customer system's state.
#[derive(Debug)]
pub struct Customer {
    scheme: Scheme,
    secret: Secret,
    notifications: BTreeMap<String, Notification>,
    /// Requests whose signature did not hold.
    pub rejected: u32,
    /// Takes this many notifications in but answers 500, as a system does that crashes behind its commit.
    pub answers_to_lose: u32,
}

impl Customer {
    /// `secret` is in the `whsec_` form.
    pub fn new(secret: &str) -> Self {
        Self {
            scheme: Scheme::preset("standard-webhooks").expect("the preset exists"),
            secret: Secret::new(secret),
            notifications: BTreeMap::new(),
            rejected: 0,
            answers_to_lose: 0,
        }
    }

    /// `POST /notifications`.
    pub fn receive(&mut self, headers: &[(String, String)], body: &[u8], now: Timestamp) -> Reply {
        let input = VerifyInput::new(headers, body);
        let verified = match verify(&self.scheme, std::slice::from_ref(&self.secret), input, now) {
            Ok(verified) => verified,
            Err(rejection) => {
                self.rejected += 1;
                return Reply { status: rejection.status, body: json!({"error": format!("{:?}", rejection.reason)}) };
            }
        };
        let Some(id) = verified.id else {
            self.rejected += 1;
            return Reply { status: 400, body: json!({"error": "webhook-id is missing"}) };
        };
        let event = serde_json::from_slice(body).unwrap_or(Json::Null);
        let notification = self.notifications.entry(id).or_insert(Notification { deliveries: 0, event });
        notification.deliveries += 1;
        if self.answers_to_lose > 0 {
            self.answers_to_lose -= 1;
            return Reply { status: 500, body: json!({"error": "internal"}) };
        }
        Reply { status: 200, body: json!({}) }
    }

    /// Every notification by its webhook-id.
    pub fn notifications(&self) -> &BTreeMap<String, Notification> {
        &self.notifications
    }
}
