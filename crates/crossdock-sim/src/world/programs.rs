//! Programs that hand their events in through the API instead of sending webhooks: with a key of their own, again and again
//! until they are answered, sometimes twice at once, and now and then with a key that they used before.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossdock_core::submission;
use crossdock_runtime::clock::Clock as _;
use crossdock_runtime::desk::{Desk, DeskError, Submission};
use serde_json::json;

use super::people::{People, Shipment};
use super::trace::tell;

/// What is handed in, and under which key.
#[derive(Clone, Debug)]
pub struct HandedIn {
    key: String,
    body: String,
}

impl HandedIn {
    /// A shipment that left, in the words of the canonical model.
    pub fn shipment(shipment: &Shipment, at: jiff::Timestamp) -> Self {
        let line = |(sku, quantity): &(String, u64)| json!({"sku": sku, "quantity": quantity});
        let event = json!({
            "specversion": "1.0", "id": format!("left-{}", shipment.number), "source": "/dock",
            "type": "crossdock.shipment.picked_up.v1", "time": at.to_string(),
            "data": {
                "number": shipment.number, "order": shipment.order, "tracking_number": shipment.tracking,
                "picked_up_at": at.to_string(), "lines": shipment.lines.iter().map(line).collect::<Vec<_>>(),
            },
        });
        Self { key: format!("left-{}", shipment.number), body: event.to_string() }
    }

    /// Something else under the same key.
    fn otherwise(&self) -> Self {
        Self { key: self.key.clone(), body: self.body.replace("\"/dock\"", "\"/other-dock\"") }
    }
}

impl People {
    /// Hands it in, perhaps several times, each on its own way; sometimes another program uses the key again afterwards.
    pub(super) fn hand_in(self: &Arc<Self>, handed_in: &HandedIn, after: Duration) {
        for (copy, way) in self.ways(after).into_iter().enumerate() {
            self.tally.add(if copy > 0 { "duplicate submission" } else { "submission through the API" });
            self.under_way.fetch_add(1, Ordering::Relaxed);
            let (people, handed_in) = (self.clone(), handed_in.clone());
            tokio::spawn(async move {
                people.clock.sleep(way).await;
                people.submit(&handed_in, false).await;
                if copy > 0 {
                    people.tally.add("submission under a used key");
                    people.submit(&handed_in.otherwise(), true).await;
                }
                people.under_way.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    /// Submits until there is an answer. `is_abuse`: the key was used for something else, so a refusal is the answer.
    async fn submit(&self, handed_in: &HandedIn, is_abuse: bool) {
        let mut pause = Duration::from_millis(250);
        loop {
            if let Some(desk) = self.desk()
                && self.ask_once(&desk, handed_in, is_abuse).await
            {
                return;
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(super::people::SENDER_PAUSE_MAX);
        }
    }

    /// One request. True when there is nothing more to do.
    async fn ask_once(&self, desk: &Desk, handed_in: &HandedIn, is_abuse: bool) -> bool {
        let HandedIn { key, body } = handed_in.clone();
        let content_type = submission::ONE.to_owned();
        let asked = Submission { key: key.clone(), content_type, body: body.into_bytes(), expected: None };
        let answer = desk.submit(asked).await;
        tell!(self.trace, "api: {key} abuse {is_abuse}: {answer:?}");
        match answer {
            Ok(_) if is_abuse => self.complain(format!("I2: the key {key} was taken twice, for different events")),
            Ok(submitted) => self.answered(&key, submitted.message),
            Err(DeskError::KeyReused) if is_abuse => {}
            Err(
                error @ (DeskError::KeyReused | DeskError::Unfit(_) | DeskError::Invalid(_) | DeskError::MovedOn(_)),
            ) => {
                self.complain(format!("lost: the submission {key} was refused: {error}"));
            }
            Err(_) => return false,
        }
        true
    }
}
