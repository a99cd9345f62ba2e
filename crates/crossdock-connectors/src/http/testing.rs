//! What the tests of HTTP-style connectors share: a system's file as the binary would read it, requests, transmissions,
//! and results on one line each.

use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, RawRequest, Reject, Step};
use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, SignInput, sign};
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_core::event::EntityRef;
use crossdock_core::exchange::{Answer, Call, Exchange, SendFault};
use crossdock_core::ids::{ConfigVersion, FlowName, OrderingKey, SystemName};
use crossdock_core::message::Envelope;
use crossdock_core::source::{Diagnostic, Entry, Location, Node, NodeKind};
use crossdock_core::transmission::{Outcome, Transmission, TransmissionState};
use crossdock_core::value::{JsonLimits, Value};
use jiff::Timestamp;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// Standard Webhooks' published test secret, and one that follows it.
pub(crate) const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
pub(crate) const WHSEC_NEXT: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A pair of Ed25519 keys.
pub(crate) const WHSK: &str =
    "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyB5tVYuj+ZU+UB4sRLoqYunkB+FOuaVvtfg45ELrQSWZA==";
pub(crate) const WHPK: &str = "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=";
/// A Samsara secret, as base64.
pub(crate) const SAMSARA: &str = "c2Ftc2FyYS1zZWNyZXQ=";
pub(crate) const SHARED: &str = "a-shared-secret";

/// The environment of the tests.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("WHSEC", WHSEC),
    ("WHSEC_NEXT", WHSEC_NEXT),
    ("WHSK", WHSK),
    ("WHPK", WHPK),
    ("SAMSARA", SAMSARA),
    ("SHARED", SHARED),
    ("TOKEN", "t0ken"),
    ("BROKEN", "two\nlines"),
];

/// 2026-01-02T03:04:05Z.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_767_323_045).expect("an instant")
}

/// The endpoint of a system's file, or its mistakes, one a line.
pub(crate) fn endpoint(spec: Spec, yaml: &str) -> Result<Arc<dyn Endpoint>, String> {
    let file = node(yaml);
    let secret = |node: &Node| {
        let name = node.get("env").and_then(Node::text).unwrap_or_default();
        match ENVIRONMENT.iter().find(|(known, _)| *known == name) {
            Some((_, secret)) => Ok(Secret::new(*secret)),
            None if name == "NOPE" => {
                Err(Diagnostic::error(&node.location, format!("the environment variable {name} is not set")))
            }
            // Fits every scheme: it is base64, and visible ASCII.
            None => Ok(Secret::new(SAMSARA)),
        }
    };
    let system = SystemConfig {
        system: SystemName::from("partner"),
        config: file.get("config"),
        webhook: file.get("webhook"),
        file: &file,
        secret: &secret,
    };
    (spec.build)(&system).map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// The endpoint of a system's file without mistakes.
pub(crate) fn sound(spec: Spec, yaml: &str) -> Arc<dyn Endpoint> {
    endpoint(spec, yaml).unwrap_or_else(|mistakes| panic!("{mistakes}\n{yaml}"))
}

/// The systems that a guide shows, and the parts of systems, can be configured as they stand there.
pub(crate) fn check_guide(spec: Spec, guide: &str) {
    let blocks = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let systems: Vec<&str> = blocks.filter(|block| !block.starts_with("mapping:")).collect();
    assert!(!systems.is_empty(), "the guide shows no system");
    for yaml in systems {
        sound(spec, yaml);
    }
}

/// A POST of JSON.
pub(crate) fn post(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> RawRequest {
    let mut request = RawRequest {
        method: "POST".into(),
        channel: "by-path".into(),
        url: "https://hub.example.com/in/partner/by-path".into(),
        query: Vec::new(),
        headers: headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())).collect(),
        body: body.into(),
    };
    if request.header("content-type").is_none() {
        request.headers.push(("content-type".into(), "application/json".into()));
    }
    request
}

/// A request signed as its sender would.
pub(crate) fn signed(scheme: &str, secret: &str, id: &str, at: Timestamp, mut request: RawRequest) -> RawRequest {
    let scheme = Scheme::preset(scheme).expect("a preset");
    let input = SignInput::new(id, at, &request.body);
    let headers = sign(&scheme, &[Secret::new(secret)], input).expect("can be signed");
    request.headers.extend(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)));
    request
}

/// What became of a request: `channel key` of each message, `nothing`, or the refusal.
pub(crate) fn received(endpoint: &dyn Endpoint, request: &RawRequest) -> String {
    told(&endpoint.receive(request, now()))
}

pub(crate) fn told(received: &Result<Vec<Envelope>, Reject>) -> String {
    match received {
        Ok(envelopes) if envelopes.is_empty() => "nothing".into(),
        Ok(envelopes) => {
            let lines = envelopes.iter().map(|envelope| format!("{} {}", envelope.channel, envelope.dedup_key));
            lines.collect::<Vec<_>>().join("\n")
        }
        Err(reject) => format!("{} {reject}", reject.status),
    }
}

pub(crate) fn key_of(endpoint: &dyn Endpoint, request: &RawRequest) -> String {
    let mut envelopes = endpoint.receive(request, now()).expect("accepted");
    assert_eq!(envelopes.len(), 1);
    envelopes.remove(0).dedup_key
}

/// A transmission that is due.
pub(crate) fn transmission(operation: &str, input: Value) -> Transmission {
    let id = "01938e2a-7b00-8000-8000-000000000001";
    Transmission {
        id: id.parse().expect("a UUID"),
        version: 1,
        system: SystemName::from("partner"),
        operation: operation.into(),
        flow: FlowName::from("flow"),
        config: ConfigVersion::from("0000000000000000"),
        event: "01938e2a-7b00-8000-8000-00000000000e".parse().expect("a UUID"),
        about: EntityRef::new("order", "S00042"),
        key: OrderingKey::from("order/S00042"),
        input,
        state: TransmissionState::Sending,
        place: 1,
        due_at: now(),
        attempts: 1,
        created_at: now(),
        failing_since: None,
        in_doubt: false,
        criticality: Default::default(),
        group: None,
        refused: false,
        last_problem: None,
        result: None,
        finished_at: None,
        removed_at: None,
    }
}

/// The first call of an attempt.
pub(crate) fn call(endpoint: &dyn Endpoint, transmission: &Transmission, at: Timestamp) -> Call {
    match endpoint.next(std::slice::from_ref(transmission), &[], at) {
        Step::Call(call) => call,
        Step::Done(outcomes) => panic!("no call but {outcomes:?}"),
    }
}

/// How an attempt ends after this result of its first call.
pub(crate) fn ended(endpoint: &dyn Endpoint, transmission: &Transmission, result: Result<Answer, SendFault>) -> String {
    let exchange = Exchange { call: call(endpoint, transmission, now()), result };
    outcome(endpoint, transmission, &[exchange])
}

/// The outcome on one line.
pub(crate) fn outcome(endpoint: &dyn Endpoint, transmission: &Transmission, so_far: &[Exchange]) -> String {
    match endpoint.next(std::slice::from_ref(transmission), so_far, now()) {
        Step::Call(call) => format!("calls {call:?}"),
        Step::Done(outcomes) => match outcomes.as_slice() {
            [Outcome::Accepted { result }] => format!("accepted {result}"),
            [Outcome::Retry { reason, after_ms: None }] => format!("retry: {reason}"),
            [Outcome::Retry { reason, after_ms: Some(ms) }] => format!("retry after {ms} ms: {reason}"),
            [Outcome::Refused { reason }] => format!("refused: {reason}"),
            [Outcome::Unusable { reason }] => format!("unusable: {reason}"),
            [Outcome::Unknown { reason }] => format!("unknown: {reason}"),
            other => format!("{other:?}"),
        },
    }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

/// The faults of an input, one a line.
pub(crate) fn faults(endpoint: &dyn Endpoint, operation: &str, input: &Value) -> String {
    let faults = endpoint.check(operation, input).err().unwrap_or_default();
    faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect::<Vec<_>>().join("\n")
}

pub(crate) fn json(text: &str) -> Value {
    Value::parse_json(text.as_bytes(), &JsonLimits::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A configuration node, as the binary's loader makes it.
pub(crate) fn node(yaml: &str) -> Node {
    let mut nodes = Vec::new();
    // Lists and maps that are not closed yet: their place, whether they are maps, their children so far.
    let mut open: Vec<(Location, bool, Vec<Node>)> = Vec::new();
    for event in Parser::new_from_str(yaml) {
        let (event, span) = event.unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        let location = Location::new("systems/partner.yaml", span.start.line() as u32, span.start.col() as u32 + 1);
        let done = match event {
            Event::MappingStart(..) => {
                open.push((location, true, Vec::new()));
                continue;
            }
            Event::SequenceStart(..) => {
                open.push((location, false, Vec::new()));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let (location, is_map, children) = open.pop().expect("what ends has begun");
                Node { location, kind: if is_map { map(children) } else { NodeKind::List(children) } }
            }
            Event::Scalar(text, style, ..) => {
                let plain = matches!(style, ScalarStyle::Plain);
                let kind = match &*text {
                    "" | "~" | "null" if plain => NodeKind::Null,
                    text => NodeKind::Scalar { text: text.into(), quoted: !plain },
                };
                Node { location, kind }
            }
            _ => continue,
        };
        match open.last_mut() {
            Some((_, _, children)) => children.push(done),
            None => nodes.push(done),
        }
    }
    nodes.into_iter().next().expect("there is a document")
}

fn map(children: Vec<Node>) -> NodeKind {
    let mut children = children.into_iter();
    let mut entries = Vec::new();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        let name = key.text().expect("keys are texts").into();
        entries.push(Entry { key: name, key_location: key.location, value });
    }
    NodeKind::Map(entries)
}

/// A recorded body that lies beside this repository; `None`, said loudly, where it does not.
pub(crate) fn recorded_beside(path: &str) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let full = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    let body = std::fs::read(&full).ok();
    if body.is_none() {
        // Past the test harness, which keeps what passing tests print to itself.
        let note = format!("NOT RUN: {} is not beside this repository\n", full.display());
        std::io::stderr().write_all(note.as_bytes()).expect("stderr can be written");
    }
    body
}
