//! Small, plain records to write into a store under test. Numbers stand for ids.

use crossdock_core::changeset::{AuditRecord, Change, Changeset};
use crossdock_core::event::{Entity, EntityRef, Event, Reference};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::exchange::{Answer, Call, Exchange, Header, Method, SendFault};
use crossdock_core::ids::{ConfigVersion, EventId, ExceptionId, FlowName, MessageId, OrderingKey, TransmissionId};
use crossdock_core::message::{Message, Rejection};
use crossdock_core::model::{Telling, Told};
use crossdock_core::transmission::{Attempt, Outcome, Transmission, TransmissionState};
use crossdock_core::value;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// `seconds` after a fixed moment, with a fraction that only nanoseconds can hold.
pub fn at(seconds: i64) -> Timestamp {
    let start = Timestamp::new(1_764_000_000, 123_456_789).expect("in range");
    start.checked_add(SignedDuration::from_secs(seconds)).expect("in range")
}

pub fn message_id(number: u64) -> MessageId {
    MessageId(Uuid::from_u128(0x0193_8e2a_7b00_7000_8000_0000_0000_0000 + u128::from(number)))
}

pub fn event_id(number: u64) -> EventId {
    EventId(Uuid::from_u128(0x0193_8e2a_7b00_8000_8000_0000_0000_0000 + u128::from(number)))
}

pub fn transmission_id(number: u64) -> TransmissionId {
    TransmissionId(Uuid::from_u128(0x0193_8e2a_7b00_8000_9000_0000_0000_0000 + u128::from(number)))
}

pub fn exception_id(number: u64) -> ExceptionId {
    ExceptionId(Uuid::from_u128(0x0193_8e2a_7b00_8000_a000_0000_0000_0000 + u128::from(number)))
}

/// A message of `warehouse` with a key of its own.
pub fn message(number: u64) -> Message {
    Message {
        id: message_id(number),
        system: "warehouse".into(),
        channel: "shipments".into(),
        dedup_key: format!("key-{number}"),
        received_at: at(number as i64),
        content_type: "application/json".into(),
        headers: vec![("content-type".into(), "application/json".into()), ("x-id".into(), format!("„{number}“"))],
        body: format!("{{\"n\":{number}}}").into_bytes(),
        cause: None,
    }
}

pub fn accept(number: u64) -> Change {
    Change::AcceptMessage(message(number))
}

pub fn lone(number: u64) -> Changeset {
    Changeset::new().with(accept(number))
}

pub fn shipment(key: &str) -> EntityRef {
    EntityRef::new("shipment", key)
}

pub fn event(number: u64, links: &[EntityRef]) -> Event {
    Event {
        id: event_id(number),
        event_type: "crossdock.shipment.delivered.v1".into(),
        subject: links.first().cloned().unwrap_or_else(|| shipment("1")),
        system: "fleet".into(),
        time: at(number as i64 - 60),
        recorded_at: at(number as i64),
        message: message_id(number / 10),
        flow: "pod".into(),
        out_of_order: number.is_multiple_of(7),
        first: number.is_multiple_of(3),
        links: links.to_vec(),
        references: vec![reference("1", "tracking_number", "1Z999")],
        data: value!({ "number": (number as i64), "note": "left at the door" }),
        standing: Default::default(),
    }
}

pub fn entity(name: &EntityRef, version: u64) -> Entity {
    Entity {
        name: name.clone(),
        version,
        status: if version == 1 { "planned".into() } else { "departed".into() },
        data: value!({ "version": (version as i64) }),
        milestones: [("departed".to_owned(), at(3))].into(),
        updated_at: at(version as i64),
        told: Told {
            status_at: Some(at(2)),
            by: vec![Telling {
                at: at(2),
                verb: "departed".into(),
                event: event_id(version),
                fields: vec!["version".into()],
            }],
            retracted: Vec::new(),
            acted: vec!["delivered".into()],
        },
        last_event: event_id(version),
        merge: None,
    }
}

pub fn reference(key: &str, kind: &str, value: &str) -> Reference {
    Reference { entity: shipment(key), system: "fleet".into(), kind: kind.into(), value: value.into() }
}

/// An owed transmission to `odoo`, due at the start.
pub fn transmission(number: u64, key: &str, place: u64) -> Transmission {
    Transmission {
        id: transmission_id(number),
        version: 1,
        system: "odoo".into(),
        operation: "picking.validate".into(),
        flow: FlowName::from("release"),
        config: ConfigVersion::from("0123456789abcdef"),
        event: event_id(number / 10),
        about: shipment(key),
        key: OrderingKey::from(key),
        input: value!({ "number": (number as i64) }),
        state: TransmissionState::Owed,
        place,
        due_at: at(0),
        attempts: 0,
        created_at: at(0),
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

/// The next version of a transmission in another state.
pub fn moved(transmission: &Transmission, state: TransmissionState) -> Transmission {
    Transmission { version: transmission.version + 1, state, ..transmission.clone() }
}

pub fn paused() -> TransmissionState {
    TransmissionState::Paused { reason: "no such product".into() }
}

pub fn held() -> TransmissionState {
    TransmissionState::Held { after: vec!["partner".into()] }
}

pub fn put(transmission: &Transmission) -> Change {
    Change::PutTransmission(transmission.clone())
}

pub fn attempt(transmission: TransmissionId, number: u32, outcome: Outcome) -> Attempt {
    let call = Call {
        method: Method::Post,
        url: "https://odoo.example/json/2/stock.picking/button_validate".into(),
        headers: vec![Header::new("accept", "application/json"), Header::secret("authorization", "***")],
        body: br#"{"ids":[281]}"#.to_vec(),
        timeout_ms: 30_000,
    };
    let answer = Answer { status: 200, headers: vec![("server".into(), "odoo".into())], body: vec![0xff, 0x00, 0x80] };
    Attempt {
        transmission,
        number,
        started_at: at(number.into()),
        ended_at: at(i64::from(number) + 1),
        outcome,
        exchanges: vec![
            Exchange { call: call.clone(), result: Ok(answer) },
            Exchange { call, result: Err(SendFault::Lost("connection reset".into())) },
        ],
    }
}

pub fn exception(number: u64, fingerprint: &str) -> Exception {
    Exception {
        id: exception_id(number),
        class: ExceptionClass::TransmissionRefused,
        fingerprint: fingerprint.into(),
        status: ExceptionStatus::Open,
        summary: format!("problem {number}"),
        owner: Some("warehouse team".into()),
        affects: vec![shipment("1")],
        system: Some("odoo".into()),
        flow: Some("release".into()),
        message: None,
        transmission: Some(transmission_id(number)),
        opened_at: at(number as i64),
        closed_at: None,
        count: 1,
    }
}

pub fn resolved(exception: &Exception) -> Exception {
    Exception { status: ExceptionStatus::Resolved, closed_at: Some(at(99)), ..exception.clone() }
}

pub fn rejection(number: u64) -> Rejection {
    Rejection {
        system: number.is_multiple_of(2).then(|| "warehouse".into()),
        at: at(number as i64),
        status: 401,
        code: "XD-1003".into(),
        reason: format!("signature {number} is wrong"),
        path: "/in/warehouse/shipments".into(),
        peer: Some("192.0.2.1:4711".into()),
        body_bytes: number,
    }
}

pub fn audit(number: u64) -> AuditRecord {
    AuditRecord {
        at: at(number as i64),
        actor: "ada".into(),
        action: "transmission.resume".into(),
        target: transmission_id(number).to_string(),
        reason: number.is_multiple_of(2).then(|| "the product exists now".into()),
    }
}
