//! A warehouse that tells by ShipHero's webhooks what it did, and takes orders by HTTP. `guide.md` is the page for the
//! person who connects one.

mod order;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, InputFault, Operation, RawRequest, Receipt, Reject, Repeat, Step};
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_core::exchange::{Call, Exchange, Header, Method};
use crossdock_core::message::Envelope;
use crossdock_core::source::{Diagnostic, Reader};
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_core::value::Value;
use jiff::Timestamp;

use crate::http::answer::Rules;
use crate::http::inbound::{Arrival, Identity, arrival, channel_name, envelope, json_body, json_content_type, word};
use crate::http::input::sentence;
use crate::http::key::{KeyHeader, key_header};
use crate::http::proof::Proof;
use crate::http::remote::{Remote, Tail};
use crate::http::{each, no_webhooks, unknown_operation};

pub const SPEC: Spec =
    Spec { name: "shiphero", summary: "a warehouse with ShipHero's webhooks, and order release over HTTP", build };

const RELEASE: Operation = Operation {
    name: "order.release",
    summary: "Asks the warehouse to fulfil an order; asking again with the same key gives the first answer.",
    repeat: Repeat::Safe,
    batch_max: 1,
    input: order::INPUT,
    result: order::RESULT,
};

/// Channels whose bodies say which single thing they are about, so that equal bodies are the same fact: a shipment is
/// created once. All other kinds tell how things stand, and things may come to stand the same way again.
const UNIQUE_BODIES: &[&str] = &["shipment-update"];

/// ShipHero takes any other body for a failure and counts it against the webhook.
const RECEIPT: Receipt =
    Receipt { status: 200, content_type: "application/json", body: Some(r#"{"code":"200","Status":"Success"}"#) };

/// One warehouse, as configured.
#[derive(Debug)]
struct Shiphero {
    inbound: Option<Inbound>,
    outbound: Option<Outbound>,
}

#[derive(Debug)]
struct Inbound {
    proof: Proof,
    /// Channels where equal bodies are the same message whatever their ids.
    dedup_by_body: Vec<String>,
}

#[derive(Debug)]
struct Outbound {
    remote: Remote,
    key: KeyHeader,
    rules: Rules,
}

fn build(system: &SystemConfig<'_>) -> Result<Arc<dyn Endpoint>, Vec<Diagnostic>> {
    if system.config.is_none() && system.webhook.is_none() {
        let mistake = Diagnostic::error(&system.file.location, "a shiphero system needs `webhook`, `config` or both");
        return Err(vec![mistake.hint("`webhook: {secret: …}` is for what it tells, `config: {url: …}` for orders")]);
    }
    let mut mistakes = Vec::new();
    let inbound = system.webhook.and_then(|node| {
        let reader = Reader::new(node, "webhook of shiphero");
        let proof = Proof::read(&reader, system, Some("shiphero"));
        let dedup_by_body = match reader.node("dedup_by_body") {
            Some(_) => reader.texts("dedup_by_body").into_iter().map(|(text, _)| channel_name(&text)).collect(),
            None => UNIQUE_BODIES.iter().map(|&name| name.to_owned()).collect(),
        };
        mistakes.extend(reader.finish());
        Some(Inbound { proof: proof?, dedup_by_body })
    });
    let outbound = system.config.map(|node| {
        let reader = Reader::new(node, "config of shiphero");
        let outbound = Outbound {
            remote: Remote::read(&reader, system, Tail::Base),
            key: key_header(&reader),
            rules: Rules::read(&reader, system.system.clone()),
        };
        mistakes.extend(reader.finish());
        outbound
    });
    match mistakes.is_empty() {
        true => Ok(Arc::new(Shiphero { inbound, outbound })),
        false => Err(mistakes),
    }
}

impl Endpoint for Shiphero {
    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        match &self.inbound {
            Some(inbound) => inbound.receive(request, now),
            None => Err(no_webhooks()),
        }
    }

    fn receipt(&self) -> Receipt {
        RECEIPT
    }

    fn operations(&self) -> &'static [Operation] {
        match self.outbound {
            Some(_) => &[RELEASE],
            None => &[],
        }
    }

    fn check(&self, operation: &str, input: &Value) -> Result<(), Vec<InputFault>> {
        match operation == RELEASE.name {
            true => order::read(input).map(drop),
            false => Ok(()),
        }
    }

    fn next(&self, transmissions: &[Transmission], so_far: &[Exchange], now: Timestamp) -> Step {
        each(transmissions, |transmission| match &self.outbound {
            Some(outbound) if transmission.operation == RELEASE.name => outbound.release(transmission, so_far, now),
            _ => Err(unknown_operation(transmission)),
        })
    }
}

impl Inbound {
    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        let Arrival::Message(verified) = arrival(&self.proof, request, now)? else { return Ok(Vec::new()) };
        let json = json_body(&request.body)?;
        let channel = kind_of(&json).unwrap_or_else(|| request.channel.clone());
        let identity = match &verified.id {
            Some(id) if verified.id_signed => Identity::Proven(id),
            Some(id) if !self.dedup_by_body.contains(&channel) => Identity::Claimed(id),
            _ => Identity::Body,
        };
        Ok(vec![envelope(&self.proof, request, channel, identity, json_content_type(request))])
    }
}

/// The channel of a body. Today `webhook_type` stands at its top; older webhooks have it inside, or none at all.
fn kind_of(json: &Value) -> Option<String> {
    let told = ["webhook_type", "inventory.0.webhook_type", "fulfillment.webhook_type"]
        .into_iter()
        .find_map(|path| json.at(path).and_then(word))
        .map(|kind| channel_name(&kind))
        .filter(|kind| !kind.is_empty());
    let has = |key: &str| json.get(key).is_some();
    match told {
        Some(kind) => Some(kind),
        None if has("fulfillment") => Some("shipment-update".into()),
        None if has("inventory") => Some("inventory-update".into()),
        None => None,
    }
}

impl Outbound {
    fn release(&self, transmission: &Transmission, so_far: &[Exchange], now: Timestamp) -> Result<Call, Outcome> {
        if let Some(exchange) = so_far.last() {
            let answered = self.rules.read_exchange(exchange, Repeat::Safe, now);
            return Err(answered.map_or_else(|outcome| outcome, order::released));
        }
        let order =
            order::read(&transmission.input).map_err(|faults| Outcome::Refused { reason: sentence(&faults) })?;
        let headers = vec![Header::new("Content-Type", "application/json"), self.key.of(transmission.id)];
        let url = format!("{}/orders", self.remote.url);
        Ok(self.remote.call(Method::Post, url, headers, order.to_json_string().into_bytes()))
    }
}
