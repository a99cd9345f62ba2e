//! A warehouse with ShipHero-style webhooks and an HTTP interface that takes order releases.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Hook, Reply};

/// An order as it was released to the warehouse.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleasedOrder {
    pub number: String,
    /// How many releases with different keys arrived. More than one means somebody released twice.
    pub releases: u32,
    pub body: Json,
}

/// Pieces of one item that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippedLine {
    pub sku: String,
    pub quantity: u64,
}

/// The warehouse's state.
#[derive(Debug)]
pub struct Warehouse {
    secret: String,
    orders: BTreeMap<String, ReleasedOrder>,
    answers: BTreeMap<String, Reply>,
    shipments: u64,
    /// Answers 503 to this many requests before working again.
    pub failures_to_come: u32,
}

impl Warehouse {
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            orders: BTreeMap::new(),
            answers: BTreeMap::new(),
            shipments: 280,
            failures_to_come: 0,
        }
    }

    /// `POST /orders`: takes a release. The same idempotency key gets the first answer again.
    pub fn release(&mut self, key: Option<&str>, body: &Json) -> Reply {
        if self.failures_to_come > 0 {
            self.failures_to_come -= 1;
            return Reply { status: 503, body: json!({"error": "the warehouse system is restarting"}) };
        }
        let Some(key) = key else {
            return Reply { status: 400, body: json!({"error": "Idempotency-Key is missing"}) };
        };
        if let Some(answer) = self.answers.get(key) {
            return answer.clone();
        }
        let Some(number) = body["order_number"].as_str() else {
            return Reply { status: 422, body: json!({"error": "order_number is missing"}) };
        };
        let order = self.orders.entry(number.to_owned()).or_insert_with(|| ReleasedOrder {
            number: number.to_owned(),
            releases: 0,
            body: body.clone(),
        });
        order.releases += 1;
        let answer = Reply {
            status: 201,
            body: json!({"order_number": number, "order_uuid": format!("order-{}", self.answers.len() + 1)}),
        };
        self.answers.insert(key.to_owned(), answer.clone());
        answer
    }

    pub fn orders(&self) -> impl Iterator<Item = &ReleasedOrder> {
        self.orders.values()
    }

    pub fn order(&self, number: &str) -> Option<&ReleasedOrder> {
        self.orders.get(number)
    }

    /// Ships these lines of an order: returns the shipment's number and the webhook that tells it.
    pub fn ship(&mut self, order: &str, lines: &[ShippedLine], now: Timestamp) -> (String, Hook) {
        self.shipments += 1;
        let id = self.shipments;
        let items: Vec<Json> =
            lines.iter().map(|line| json!({"sku": line.sku, "quantity": line.quantity, "lot_number": null})).collect();
        let body = json!({
            "test": "0",
            "webhook_type": "Shipment Update",
            "account_id": 7556,
            "fulfillment": {
                "shipment_id": id,
                "shipment_uuid": format!("shipment-{id}"),
                "warehouse": "Primary",
                "warehouse_id": 13841,
                "partner_order_id": order,
                "order_number": order,
                "tracking_number": tracking_number(&id.to_string()),
                "shipping_method": "Ground",
                "shipping_carrier": "UPS",
                "package_number": 1,
                "total_packages": 1,
                "created_at": now.to_string(),
                "line_items": items,
            }
        });
        let message_id = format!("sh-message-{id}");
        let hook = Hook::new("/in/warehouse", "shiphero", &self.secret, message_id.clone(), &body)
            .with_header("x-shiphero-message-id", &message_id);
        (id.to_string(), hook)
    }
}

/// The carrier's number of a shipment.
pub fn tracking_number(shipment: &str) -> String {
    format!("1Z999AA1{shipment:0>10}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_releases_once() {
        let mut warehouse = Warehouse::new("secret");
        let body = json!({"order_number": "S1"});
        let first = warehouse.release(Some("k1"), &body);
        assert_eq!(first, warehouse.release(Some("k1"), &body));
        assert_eq!(warehouse.order("S1").map(|order| order.releases), Some(1));
        warehouse.release(Some("k2"), &body);
        assert_eq!(warehouse.order("S1").map(|order| order.releases), Some(2));
        assert_eq!(warehouse.release(None, &body).status, 400);
    }
}
