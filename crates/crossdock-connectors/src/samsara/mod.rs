//! Samsara: what its webhooks tell about vehicles, routes and documents. Nothing is sent to it. `guide.md` is the page
//! for the person who connects it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, RawRequest, Reject, Step};
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_core::exchange::Exchange;
use crossdock_core::message::Envelope;
use crossdock_core::source::{Diagnostic, Reader};
use crossdock_core::transmission::Transmission;
use crossdock_core::value::Value;
use jiff::Timestamp;

use crate::http::inbound::{Arrival, Identity, arrival, channel_name, envelope, json_body, json_content_type, word};
use crate::http::proof::Proof;
use crate::http::{each, unknown_operation};

pub const SPEC: Spec =
    Spec { name: "samsara", summary: "Samsara's webhooks: vehicles, route stops, documents, forms, alerts", build };

fn build(system: &SystemConfig<'_>) -> Result<Arc<dyn Endpoint>, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    if let Some(node) = system.config {
        mistakes.push(
            Diagnostic::error(&node.location, "samsara takes no `config`")
                .hint("nothing is sent to it; the signature stands under `webhook`"),
        );
    }
    let Some(node) = system.webhook else {
        let mistake = Diagnostic::error(&system.file.location, "a samsara system lacks `webhook`");
        mistakes.push(mistake.hint("for example `webhook: {secret: {env: SAMSARA_WEBHOOK_SECRET}}`"));
        return Err(mistakes);
    };
    let reader = Reader::new(node, "webhook of samsara");
    let proof = Proof::read(&reader, system, Some("samsara"));
    mistakes.extend(reader.finish());
    match proof {
        Some(proof) if mistakes.is_empty() => Ok(Arc::new(Samsara { proof })),
        _ => Err(mistakes),
    }
}

/// One Samsara organisation.
#[derive(Debug)]
struct Samsara {
    proof: Proof,
}

impl Endpoint for Samsara {
    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        let Arrival::Message(_) = arrival(&self.proof, request, now)? else { return Ok(Vec::new()) };
        let json = json_body(&request.body)?;
        let channel = json.get("eventType").and_then(Value::as_text).map(channel_name);
        let channel = channel.filter(|name| !name.is_empty()).unwrap_or_else(|| request.channel.clone());
        // The id stands in the signed body, in the alerts of the first version too.
        let id = json.get("eventId").and_then(word);
        let identity = id.as_deref().map_or(Identity::Body, Identity::Proven);
        Ok(vec![envelope(&self.proof, request, channel, identity, json_content_type(request))])
    }

    fn next(&self, transmissions: &[Transmission], _so_far: &[Exchange], _now: Timestamp) -> Step {
        each(transmissions, |transmission| Err(unknown_operation(transmission)))
    }
}
