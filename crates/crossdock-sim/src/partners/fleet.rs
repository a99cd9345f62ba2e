//! A fleet platform with Samsara-style webhooks: stops that vehicles leave and documents that drivers submit.

use base64::Engine as _;
use jiff::Timestamp;
use serde_json::json;

use super::Hook;

/// The fleet platform's state.
#[derive(Debug)]
pub struct Fleet {
    secret: String,
    events: u64,
}

/// A small but real PNG: what a driver's tablet would send as a signature.
const SIGNATURE_PNG: &[u8] = include_bytes!("signature.png");

impl Fleet {
    /// `secret` is base64, as Samsara shows it.
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), events: 0 }
    }

    /// The vehicle left the warehouse with this shipment.
    pub fn departed(&mut self, route: &str, shipment: &str, order: &str, now: Timestamp) -> Hook {
        let data = json!({
            "route": {"id": route, "name": format!("Route {route}")},
            "routeStopDetails": {
                "id": format!("{route}-0"),
                "name": "Warehouse Primary",
                "state": "departed",
                "actualDepartureTime": now.to_string(),
                "externalIds": {"shipment": shipment, "order": order},
            },
            "vehicle": self.vehicle(),
            "driver": {"id": "1654973", "name": "Jane Doe"},
        });
        self.hook("RouteStopDeparture", data, now)
    }

    /// The driver recorded the proof of delivery of this shipment.
    pub fn proof(&mut self, route: &str, shipment: &str, order: &str, received_by: &str, now: Timestamp) -> Hook {
        let png = base64::engine::general_purpose::STANDARD.encode(SIGNATURE_PNG);
        let data = json!({
            "document": {
                "id": format!("document-{shipment}"),
                "documentType": {"id": "pod", "name": "Proof of Delivery"},
                "state": "submitted",
                "createdAtTime": now.to_string(),
                "notes": "left at dock 2",
                "route": {"id": route},
                "routeStop": {"id": format!("{route}-1"), "externalIds": {"shipment": shipment, "order": order}},
                "vehicle": self.vehicle(),
                "driver": {"id": "1654973", "name": "Jane Doe"},
                "fields": [
                    {"label": "Signature", "type": "signature", "value": {"signatureValue": {
                        "name": received_by,
                        "signedAtTime": now.to_string(),
                        "url": format!("data:image/png;base64,{png}"),
                    }}},
                ],
            },
        });
        self.hook("DocumentSubmitted", data, now)
    }

    /// A proof of delivery that lacks what every mapping of it reads: a fault of the platform.
    pub fn nonsense(&mut self, now: Timestamp) -> Hook {
        let document = json!({
            "id": format!("document-{}", self.events),
            "documentType": {"id": "pod", "name": "Proof of Delivery"},
            "createdAtTime": "not a time",
            "fields": [],
        });
        self.hook("DocumentSubmitted", json!({"document": document}), now)
    }

    fn vehicle(&self) -> serde_json::Value {
        json!({"id": "212014918174029", "name": "Truck 1", "licensePlate": "XHK1234", "vin": "1FUJA6BD31LJ09646"})
    }

    fn hook(&mut self, event_type: &str, data: serde_json::Value, now: Timestamp) -> Hook {
        self.events += 1;
        let event_id = format!("0bb6b0f0-1f0c-4f57-9d5c-{:012}", self.events);
        let body = json!({
            "eventId": event_id,
            "eventTime": now.to_string(),
            "eventType": event_type,
            "orgId": 20936,
            "webhookId": "1411751028848270",
            "data": data,
        });
        Hook::new("/in/fleet", "samsara", &self.secret, event_id, &body)
    }
}
