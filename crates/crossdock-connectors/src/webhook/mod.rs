//! A customer's own system: told of events by signed webhooks (Standard Webhooks, CloudEvents), and heard the same way.
//! `guide.md` is the page for the person who connects one.

mod cloudevents;
mod notification;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, InputFault, LookStep, Operation, RawRequest, Reject, Repeat, Step};
use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, SignInput, Verified, sign};
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_core::exchange::{Call, Exchange, Header, Method};
use crossdock_core::message::Envelope;
use crossdock_core::model::Type;
use crossdock_core::model::shape::{Shape, other, text};
use crossdock_core::source::{Diagnostic, Reader};
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_core::value::Value;
use jiff::Timestamp;

use crate::http::answer::{Rules, telling};
use crate::http::inbound::{Arrival, Identity, arrival, envelope, is_json_body, json_content_type};
use crate::http::input::sentence;
use crate::http::look;
use crate::http::proof::{Proof, secrets};
use crate::http::remote::{Remote, Tail, is_header_value};
use crate::http::{each, no_webhooks, unknown_operation};

pub const SPEC: Spec = Spec {
    name: "webhook",
    summary: "a customer's system: signed webhooks out and in (Standard Webhooks, CloudEvents)",
    build,
};

const NOTIFY: Operation = Operation {
    name: "event.notify",
    summary: "Tells the receiver of an event; every attempt carries the same webhook-id, by which it knows repetitions.",
    repeat: Repeat::Safe,
    batch_max: 1,
    input: notification::INPUT,
    result: Shape::of(&[
        text("id", "The `webhook-id` it was sent under.").required(),
        other("answer", Type::Any, "What the receiver answered."),
    ]),
};

/// What outgoing webhooks are signed by, and incoming ones unless the configuration says otherwise.
const SCHEME: &str = "standard-webhooks";
/// What outgoing webhooks may be signed by instead: a pair of keys.
const BY_KEYS: &str = "standard-webhooks-ed25519";

/// Where events come from when `source` is not configured.
const SOURCE: &str = "/crossdock";

/// One customer's system, as configured.
#[derive(Debug)]
struct Webhook {
    inbound: Option<Proof>,
    outbound: Option<Outbound>,
}

#[derive(Debug)]
struct Outbound {
    remote: Remote,
    scheme: Scheme,
    /// Every one signs: receivers that already changed theirs and those that did not both find a match.
    secrets: Vec<Secret>,
    /// Beginning of the CloudEvents `source`.
    source: String,
    rules: Rules,
}

fn build(system: &SystemConfig<'_>) -> Result<Arc<dyn Endpoint>, Vec<Diagnostic>> {
    if system.config.is_none() && system.webhook.is_none() {
        let mistake = Diagnostic::error(&system.file.location, "a webhook system needs `config`, `webhook` or both");
        return Err(vec![
            mistake
                .hint("`config: {url: …, secret: …}` is for what is sent, `webhook: {secret: …}` for what is received"),
        ]);
    }
    let mut mistakes = Vec::new();
    let inbound = system.webhook.and_then(|node| {
        let reader = Reader::new(node, "webhook of webhook");
        let proof = Proof::read(&reader, system, Some(SCHEME));
        mistakes.extend(reader.finish());
        proof
    });
    let outbound = system.config.and_then(|node| {
        let reader = Reader::new(node, "config of webhook");
        let outbound = Outbound::read(&reader, system);
        mistakes.extend(reader.finish());
        outbound
    });
    match mistakes.is_empty() {
        true => Ok(Arc::new(Webhook { inbound, outbound })),
        false => Err(mistakes),
    }
}

impl Outbound {
    fn read(reader: &Reader<'_>, system: &SystemConfig<'_>) -> Option<Self> {
        let scheme = reader.choice("scheme", &[(SCHEME, SCHEME), (BY_KEYS, BY_KEYS)]).unwrap_or(SCHEME);
        let scheme = Scheme::preset(scheme).expect("the standard is among the presets");
        let remote = Remote::read(reader, system, Tail::Whole);
        let secrets = secrets(reader, system, Some(&scheme));
        if let Some(secrets) = &secrets
            && let Err(error) = sign(&scheme, secrets, SignInput::new("check", Timestamp::UNIX_EPOCH, b""))
        {
            let at = reader.node("secret").map_or(reader.location(), |node| &node.location);
            reader.mistake(Diagnostic::error(at, format!("nothing can be signed by this: {error}")));
        }
        let source = reader.optional_text("source").unwrap_or(SOURCE).trim_end_matches('/').to_owned();
        if let Some(node) = reader.node("source")
            && (source.is_empty() || !is_header_value(&source) || source.contains(' '))
        {
            let mistake = Diagnostic::error(&node.location, "`source` must be a URI or a path without spaces");
            reader.mistake(mistake.hint("for example https://hub.example.com or /crossdock"));
        }
        let rules = Rules::read(reader, system.system.clone());
        Some(Self { remote, scheme, secrets: secrets?, source, rules })
    }

    fn notify(&self, transmission: &Transmission, so_far: &[Exchange], now: Timestamp) -> Result<Call, Outcome> {
        let event = notification::read(&transmission.input, &self.source)
            .map_err(|faults| Outcome::Refused { reason: sentence(&faults) })?;
        let id = event.id.clone().unwrap_or_else(|| transmission.id.to_string());
        if let Some(exchange) = so_far.last() {
            return Err(self.heard(exchange, &id, now));
        }
        let body = event.body(&id).into_bytes();
        let signed = sign(&self.scheme, &self.secrets, SignInput::new(&id, now, &body))
            .map_err(|error| Outcome::Unusable { reason: format!("the webhook cannot be signed: {error}") })?;
        let mut headers = vec![Header::new("Content-Type", notification::CONTENT_TYPE)];
        headers.extend(signed.into_iter().map(|(name, value)| Header::new(name, value)));
        Ok(self.remote.call(Method::Post, self.remote.url.clone(), headers, body))
    }

    fn heard(&self, exchange: &Exchange, id: &str, now: Timestamp) -> Outcome {
        if let Ok(answer) = &exchange.result
            && answer.status == 410
        {
            let reason = format!(
                "{}; the receiver is gone and wants no more webhooks: disable the flows to {}",
                telling(answer),
                self.rules.system
            );
            return Outcome::Refused { reason };
        }
        match self.rules.read_exchange(exchange, Repeat::Safe, now) {
            Ok(answer) => Outcome::Accepted { result: Value::map([("id", Value::from(id)), ("answer", answer)]) },
            Err(outcome) => outcome,
        }
    }
}

impl Endpoint for Webhook {
    fn look(&self, so_far: &[Exchange]) -> LookStep {
        match &self.outbound {
            Some(outbound) => look::look(&outbound.rules.system, vec![look::Target::address(&outbound.remote)], so_far),
            None => LookStep::Done(Vec::new()),
        }
    }

    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        let Some(proof) = &self.inbound else { return Err(no_webhooks()) };
        let Arrival::Message(verified) = arrival(proof, request, now)? else { return Ok(Vec::new()) };
        let headers = proof.kept_headers(request);
        match cloudevents::mode(request)? {
            Some(cloudevents::Mode::Structured) => cloudevents::structured(request, headers).map(|event| vec![event]),
            Some(cloudevents::Mode::Batch) => cloudevents::batch(request, &headers),
            Some(cloudevents::Mode::Binary) => {
                cloudevents::binary(request, headers, identity_of(&verified)).map(|event| vec![event])
            }
            None => {
                is_json_body(&request.body)?;
                let identity = identity_of(&verified).unwrap_or(Identity::Body);
                Ok(vec![envelope(proof, request, request.channel.clone(), identity, json_content_type(request))])
            }
        }
    }

    fn operations(&self) -> &'static [Operation] {
        match self.outbound {
            Some(_) => &[NOTIFY],
            None => &[],
        }
    }

    fn check(&self, operation: &str, input: &Value) -> Result<(), Vec<InputFault>> {
        match operation == NOTIFY.name {
            true => notification::read(input, SOURCE).map(drop),
            false => Ok(()),
        }
    }

    fn next(&self, transmissions: &[Transmission], so_far: &[Exchange], now: Timestamp) -> Step {
        each(transmissions, |transmission| match &self.outbound {
            Some(outbound) if transmission.operation == NOTIFY.name => outbound.notify(transmission, so_far, now),
            _ => Err(unknown_operation(transmission)),
        })
    }
}

/// What the id of the request itself is worth; `None` when it has none.
fn identity_of(verified: &Verified) -> Option<Identity<'_>> {
    let id = verified.id.as_deref()?;
    Some(if verified.id_signed { Identity::Proven(id) } else { Identity::Claimed(id) })
}
