//! The connector against exchanges recorded from a real Odoo 19 (`fixtures/`, one exchange a line): every call it
//! makes is the recorded one, at every step, and what it makes of the answers is the recorded outcome.

mod answers;
mod capture;
mod config;
mod faults;
mod load;
mod operations;
mod setup;

use std::path::PathBuf;

use crossdock_connect::endpoint::{Endpoint, Step};
use crossdock_core::event::EntityRef;
use crossdock_core::exchange::{Answer, Call, Exchange, SendFault};
use crossdock_core::ids::{EventId, OrderingKey, TransmissionId};
use crossdock_core::transmission::{Outcome, Transmission, TransmissionState};
use crossdock_core::value::{JsonLimits, Value};
use jiff::Timestamp;

use super::config::{Capture, CaptureMode, CapturedModel, Odoo};

/// The connector that the fixtures were recorded with.
fn odoo() -> Odoo {
    let model = |name: &str, fields: &[&str]| CapturedModel {
        name: name.into(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    Odoo {
        url: "https://odoo.example".into(),
        database: Some("test".into()),
        key: "5ec2e7".into(),
        company_ids: Vec::new(),
        lang: "en_US".into(),
        xid_module: "crossdock".into(),
        timeout_ms: 90_000,
        capture: Capture {
            mode: CaptureMode::Outbox,
            every_ms: 2_000,
            overlap_ms: 900_000,
            from: None,
            models: vec![
                model("sale.order", &[]),
                model("stock.picking", &[]),
                model("account.move", &[]),
                model("res.partner", &[]),
                model("product.product", &["description_sale"]),
            ],
        },
    }
}

fn json(text: &str) -> Value {
    Value::parse_json(text.as_bytes(), &JsonLimits::OWN).expect("fixtures are JSON")
}

fn fixture(name: &str) -> Value {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "src/odoo/fixtures", &format!("{name}.json")].iter().collect();
    json(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn field<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    field(value, key).as_list().expect("a list")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    field(value, key).as_text().expect("a text")
}

/// A recorded call with its answer.
fn exchange(recorded: &Value) -> Exchange {
    let call = Call {
        method: crossdock_core::exchange::Method::Post,
        url: format!("https://odoo.example/json/2/{}", text(recorded, "call")),
        headers: Vec::new(),
        body: field(recorded, "body").to_json_string().into_bytes(),
        timeout_ms: 90_000,
    };
    Exchange { call, result: result(recorded) }
}

fn result(recorded: &Value) -> Result<Answer, SendFault> {
    if recorded.get("lost").is_some() {
        return Err(SendFault::Lost("connection reset".into()));
    }
    let mut headers = vec![("content-type".to_owned(), text(recorded, "content_type").to_owned())];
    headers.extend(recorded.get("date").and_then(Value::as_text).map(|date| ("date".to_owned(), date.to_owned())));
    let answer = field(recorded, "answer");
    let body = match (answer, text(recorded, "content_type").starts_with("application/json")) {
        (Value::Text(html), false) => html.as_bytes().to_vec(),
        (json, _) => json.to_json_string().into_bytes(),
    };
    let status = field(recorded, "status").as_int().and_then(|status| u16::try_from(status).ok()).expect("a status");
    Ok(Answer { status, headers, body })
}

/// The same exchange with another answer.
fn answered(recorded: &Exchange, status: u16, json: &Value) -> Exchange {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    let answer = Answer { status, headers, body: json.to_json_string().into_bytes() };
    Exchange { call: recorded.call.clone(), result: Ok(answer) }
}

fn owed(operation: &str, input: &Value) -> Transmission {
    let id = "01938e2a-7b00-8000-8000-000000000001".parse::<TransmissionId>().expect("an id");
    Transmission {
        id,
        version: 1,
        system: "odoo".into(),
        operation: operation.into(),
        flow: "flow".into(),
        config: "config".into(),
        event: EventId(id.0),
        about: EntityRef::new("shipment", "281"),
        key: OrderingKey::new("order/1"),
        input: input.clone(),
        state: TransmissionState::Sending,
        place: 1,
        due_at: Timestamp::UNIX_EPOCH,
        attempts: 1,
        created_at: Timestamp::UNIX_EPOCH,
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

/// A recorded attempt.
struct Tape {
    transmissions: Vec<Transmission>,
    exchanges: Vec<Exchange>,
    outcomes: Vec<Value>,
    recorded: Vec<Value>,
}

fn tape(name: &str) -> Tape {
    let fixture = fixture(name);
    let operation = text(&fixture, "operation");
    let recorded = items(&fixture, "exchanges").to_vec();
    Tape {
        transmissions: items(&fixture, "inputs").iter().map(|input| owed(operation, input)).collect(),
        exchanges: recorded.iter().map(exchange).collect(),
        outcomes: items(&fixture, "outcomes").to_vec(),
        recorded,
    }
}

fn step(odoo: &Odoo, transmissions: &[Transmission], so_far: &[Exchange]) -> Step {
    odoo.next(transmissions, so_far, Timestamp::UNIX_EPOCH)
}

/// Whether a call is the recorded one: model, method and body.
fn expect_call(name: &str, place: usize, call: &Call, recorded: &Value) {
    let path = call.url.strip_prefix("https://odoo.example/json/2/").expect("a JSON-2 address");
    assert_eq!(path, text(recorded, "call"), "{name}, call {place}");
    let body = Value::parse_json(&call.body, &JsonLimits::OWN).expect("a JSON body");
    assert_eq!(&body, field(recorded, "body"), "{name}, call {place} to {path}");
}

fn outcomes(step: Step) -> Vec<Outcome> {
    match step {
        Step::Done(outcomes) => outcomes,
        Step::Call(call) => panic!("asks {} instead of ending", call.url),
    }
}

/// One letter per outcome: what an operator would see.
fn letter(outcome: &Outcome) -> char {
    match outcome {
        Outcome::Accepted { .. } => 'A',
        Outcome::Retry { .. } => 'R',
        Outcome::Refused { .. } => 'F',
        Outcome::Unusable { .. } => 'X',
        Outcome::Unknown { .. } => 'U',
    }
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted { .. } => "",
        Outcome::Retry { reason, .. }
        | Outcome::Refused { reason }
        | Outcome::Unusable { reason }
        | Outcome::Unknown { reason } => reason,
    }
}
