//! Any system that speaks HTTP and JSON: webhooks in, by whatever signature it uses, and requests out, keyed so that
//! trying again is harmless, and lists that are fetched. Other connectors take their reading of addresses, signatures, answers and inputs from
//! here. `guide.md` is the page for the person who connects one.

pub(crate) mod answer;
mod config;
pub(crate) mod inbound;
pub(crate) mod input;
pub(crate) mod key;
pub(crate) mod look;
mod poll;
mod poll_config;
pub(crate) mod proof;
pub(crate) mod remote;
mod request;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use crossdock_connect::endpoint::{
    Endpoint, InputFault, LookStep, Operation, PollPlan, PollState, PollStep, RawRequest, Receipt, Reject, Repeat, Step,
};
use crossdock_connect::signature::Verified;
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_core::exchange::{Call, Exchange, Header};
use crossdock_core::message::Envelope;
use crossdock_core::model::shape::Shape;
use crossdock_core::source::Diagnostic;
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_core::value::Value;
use jiff::Timestamp;

use config::{Accept, Config, DedupBy, Inbound, Outbound};
use inbound::{Arrival, Identity, arrival, channel_name, envelope, is_json_body, json_body, json_content_type};

pub const SPEC: Spec = Spec {
    name: "http",
    summary: "any system that speaks HTTP and JSON: webhooks and polled lists in, requests out",
    build,
};

const SEND: Operation = Operation {
    name: "request.send",
    summary: "Sends a request with an idempotency key; after a lost answer it is sent again with the same key.",
    repeat: Repeat::Safe,
    batch_max: 1,
    input: request::INPUT,
    result: Shape::ANY,
};

const SEND_ONCE: Operation = Operation {
    name: "request.send_once",
    summary: "Sends a request to a system that honours no key; after a lost answer a person decides.",
    repeat: Repeat::Never,
    batch_max: 1,
    input: request::INPUT,
    result: Shape::ANY,
};

fn build(system: &SystemConfig<'_>) -> Result<Arc<dyn Endpoint>, Vec<Diagnostic>> {
    Ok(Arc::new(Http { config: Config::read(system)? }))
}

/// One HTTP system.
#[derive(Debug)]
struct Http {
    config: Config,
}

impl Endpoint for Http {
    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        match &self.config.inbound {
            Some(inbound) => inbound.receive(request, now),
            None => Err(no_webhooks()),
        }
    }

    fn receipt(&self) -> Receipt {
        self.config.inbound.as_ref().map_or_else(Receipt::default, |inbound| inbound.receipt.clone())
    }

    fn operations(&self) -> &'static [Operation] {
        match self.config.outbound {
            Some(_) => &[SEND, SEND_ONCE],
            None => &[],
        }
    }

    fn check(&self, operation: &str, input: &Value) -> Result<(), Vec<InputFault>> {
        let Some(outbound) = &self.config.outbound else { return Ok(()) };
        match operation == SEND.name || operation == SEND_ONCE.name {
            true => request::read(&outbound.remote, &outbound.key.name, input).map(drop),
            false => Ok(()),
        }
    }

    fn polls(&self) -> Vec<PollPlan> {
        self.config.outbound.iter().flat_map(|outbound| &outbound.polls).map(poll::Poll::plan).collect()
    }

    fn poll(&self, name: &str, state: &PollState<'_>) -> PollStep {
        let Some(outbound) = &self.config.outbound else { return PollStep::Rest { more: false } };
        match outbound.polls.iter().find(|poll| poll.channel == name) {
            Some(poll) => poll.step(&outbound.remote, &outbound.rules, state),
            None => PollStep::Rest { more: false },
        }
    }

    fn look(&self, so_far: &[Exchange]) -> LookStep {
        match &self.config.outbound {
            Some(outbound) => look::look(&outbound.rules.system, outbound.targets(), so_far),
            None => LookStep::Done(Vec::new()),
        }
    }

    fn next(&self, transmissions: &[Transmission], so_far: &[Exchange], now: Timestamp) -> Step {
        each(transmissions, |transmission| match &self.config.outbound {
            Some(outbound) => outbound.next(transmission, so_far, now),
            None => Err(unknown_operation(transmission)),
        })
    }
}

impl Outbound {
    /// What can be looked at: the path that is there for it, else what is polled, else only the address.
    fn targets(&self) -> Vec<look::Target> {
        let paths: Vec<String> = match &self.check {
            Some(path) => vec![path.clone()],
            None => self.polls.iter().map(|poll| poll.path.clone()).collect(),
        };
        match paths.is_empty() {
            true => vec![look::Target::address(&self.remote)],
            false => paths.iter().map(|path| look::Target::path(&self.remote, path)).collect(),
        }
    }

    fn next(&self, transmission: &Transmission, so_far: &[Exchange], now: Timestamp) -> Result<Call, Outcome> {
        let repeat = match transmission.operation.as_str() {
            "request.send" => Repeat::Safe,
            "request.send_once" => Repeat::Never,
            _ => return Err(unknown_operation(transmission)),
        };
        match so_far.last() {
            Some(exchange) => Err(match self.rules.read_exchange(exchange, repeat, now) {
                Ok(result) => Outcome::Accepted { result },
                Err(outcome) => outcome,
            }),
            None => self.call(transmission, repeat),
        }
    }

    fn call(&self, transmission: &Transmission, repeat: Repeat) -> Result<Call, Outcome> {
        let request = request::read(&self.remote, &self.key.name, &transmission.input)
            .map_err(|faults| Outcome::Refused { reason: input::sentence(&faults) })?;
        let mut headers = request.headers;
        if repeat == Repeat::Safe {
            headers.push(self.key.of(transmission.id));
        }
        let has_type = |header: &Header| header.name.eq_ignore_ascii_case("content-type");
        if request.body.is_some() && !headers.iter().chain(&self.remote.headers).any(has_type) {
            headers.push(Header::new("Content-Type", "application/json"));
        }
        let body = request.body.map(|body| body.to_json_string().into_bytes()).unwrap_or_default();
        let url = format!("{}{}", self.remote.url, request.path);
        Ok(self.remote.call(request.method, url, headers, body))
    }
}

impl Inbound {
    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        let Arrival::Message(verified) = arrival(&self.proof, request, now)? else { return Ok(Vec::new()) };
        let says_json = request.content_type().to_ascii_lowercase().contains("json");
        let is_json = self.accept == Accept::Json || says_json;
        let json = match is_json {
            true if self.reads_body() => Some(json_body(&request.body)?),
            true => is_json_body(&request.body).map(|()| None)?,
            false => None,
        };
        let content_type = match (is_json, request.content_type()) {
            (true, _) => json_content_type(request),
            (false, "") => "application/octet-stream".to_owned(),
            (false, given) => given.to_owned(),
        };
        let named = self.channel_from.as_ref().and_then(|place| place.find(request, json.as_ref()));
        let channel = named.map_or_else(|| request.channel.clone(), |name| channel_name(&name));
        let id = self.id(request, &verified, json.as_ref());
        Ok(vec![envelope(&self.proof, request, channel, id.identity(), content_type)])
    }

    /// Whether channel or id stand in the body.
    fn reads_body(&self) -> bool {
        self.id_field.is_some() || matches!(self.channel_from, Some(config::Place::Field(_)))
    }

    /// The id of a message: where the configuration says, else where the scheme does.
    fn id(&self, request: &RawRequest, verified: &Verified, json: Option<&Value>) -> Id {
        if self.dedup_by == DedupBy::Body {
            return Id::None;
        }
        let in_body = self.id_field.as_ref().and_then(|path| json?.at(path)).and_then(inbound::word);
        if let Some(id) = in_body {
            return Id::Proven(id);
        }
        let in_header =
            self.id_header.as_ref().and_then(|name| config::Place::Header(name.clone()).find(request, None));
        match in_header.or_else(|| verified.id.clone()) {
            Some(id) if verified.id_signed && verified.id.as_ref() == Some(&id) => Id::Proven(id),
            Some(id) => Id::Claimed(id),
            None => Id::None,
        }
    }
}

/// The sender's id and what it is worth; see [`Identity`].
enum Id {
    Proven(String),
    Claimed(String),
    None,
}

impl Id {
    fn identity(&self) -> Identity<'_> {
        match self {
            Id::Proven(id) => Identity::Proven(id),
            Id::Claimed(id) => Identity::Claimed(id),
            Id::None => Identity::Body,
        }
    }
}

/// The refusal of a system without `webhook:`.
pub(crate) fn no_webhooks() -> Reject {
    Reject { status: 404, code: "XD-1001", reason: "this system does not accept webhooks".into() }
}

/// The end of an attempt at something the connector cannot do.
pub(crate) fn unknown_operation(transmission: &Transmission) -> Outcome {
    let reason = format!("{} has no operation `{}`", transmission.system, transmission.operation);
    Outcome::Refused { reason }
}

/// The step for operations without batches: the attempt carries one transmission.
pub(crate) fn each(transmissions: &[Transmission], next: impl FnOnce(&Transmission) -> Result<Call, Outcome>) -> Step {
    match transmissions {
        [transmission] => match next(transmission) {
            Ok(call) => Step::Call(call),
            Err(outcome) => Step::done(outcome),
        },
        many => {
            let reason = "this operation carries one transmission at a time";
            Step::Done(many.iter().map(|_| Outcome::Refused { reason: reason.into() }).collect())
        }
    }
}
