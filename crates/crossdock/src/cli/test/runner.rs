//! Runs a test through the same decisions as a running hub takes: a message is routed over an empty store.

use std::collections::BTreeMap;

use crossdock_core::changeset::Change;
use crossdock_core::event::{Entity, EntityRef, Event};
use crossdock_core::exception::Exception;
use crossdock_core::hub::{EventMapping, Hub, InboundFlow, OutboundFlow, Repetition, scopes};
use crossdock_core::ids::{EventId, FlowName, MessageId, OrderingKey, SystemName, TransmissionId};
use crossdock_core::mapping::{Bindings, MapLimits, Mapping};
use crossdock_core::message::{Message, MessageState, RESULT_CHANNEL, StoredMessage};
use crossdock_core::model::EventType;
use crossdock_core::routing::{self, View, ViewError};
use crossdock_core::transmission::{RetrySchedule, Transmission, TransmissionState};
use crossdock_core::value::Value;
use crossdock_runtime::plan::Plan;
use jiff::Timestamp;
use uuid::Uuid;

use crate::config::mapping::{MappingFile, Place};
use crate::config::suite::{Case, Subject};

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// Events, as maps of `type`, `subject`, `time`, `data` and `references`.
    Events(Vec<Value>),
    /// A target; `None` when the flow does not want the event.
    Target(Option<Value>),
    /// It failed, and why.
    Fault(String),
}

/// The time at which everything happens that says nothing else.
const NOW: &str = "2026-01-01T12:00:00Z";

/// Runs tests against a compiled hub.
pub struct Runner<'r, 'f> {
    mappings: &'r BTreeMap<&'f str, MappingFile<'f>>,
    plan: &'r Plan,
}

impl<'r, 'f> Runner<'r, 'f> {
    pub fn new(mappings: &'r BTreeMap<&'f str, MappingFile<'f>>, plan: &'r Plan) -> Self {
        Self { mappings, plan }
    }

    pub fn run(&self, case: &Case<'_>) -> Made {
        match case.subject {
            Subject::Mapping(name) => match self.mappings.get(name) {
                Some(mapping) => self.mapping(mapping, &case.input),
                None => Made::Fault(format!("there is no mapping {name}")),
            },
            Subject::Flow(name) => self.flow(name, &case.input),
        }
    }

    fn mapping(&self, mapping: &MappingFile<'_>, input: &Value) -> Made {
        let mut mistakes = Vec::new();
        let of_message = input.get("body").is_some() || input.get("message").is_some();
        let compiled = match (mapping.makes_events, of_message) {
            (false, _) => match mapping.compile_input(&mut mistakes) {
                Some(target) => return self.target(&target, input),
                None => None,
            },
            (true, true) => {
                mapping.compile_event(Place::Inbound, &mut mistakes).map(|made| self.of_message(made, input))
            }
            (true, false) => {
                mapping.compile_event(Place::Result, &mut mistakes).map(|made| self.of_result(made, input))
            }
        };
        compiled.unwrap_or_else(|| {
            let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Made::Fault(told.join("; "))
        })
    }

    /// An event mapping over a message, in a flow of its own.
    fn of_message(&self, mapping: EventMapping, input: &Value) -> Made {
        let message = message_of(input, &SystemName::from("test"), None);
        let flow = InboundFlow {
            name: FlowName::from("test"),
            system: message.system.clone(),
            channel: None,
            when: None,
            mappings: vec![mapping],
            owner: None,
        };
        self.route(&Hub { inbound: vec![flow], ..self.bare_hub() }, message, &Nothing::default())
    }

    /// An event mapping over the result of a transmission, in a flow of its own.
    fn of_result(&self, mapping: EventMapping, input: &Value) -> Made {
        let event = event_of(input.get("event"), None);
        let transmission = transmission_of(input, &event);
        let empty = crossdock_core::source::Node {
            location: crossdock_core::source::Location::new("test", 1, 1),
            kind: crossdock_core::source::NodeKind::Map(Vec::new()),
        };
        let scope = scopes::scope(scopes::OUTBOUND, &Default::default());
        let Ok(nothing) = Mapping::compile(&empty, &scope) else {
            return Made::Fault("an empty mapping does not compile".into());
        };
        let flow = OutboundFlow {
            name: transmission.flow.clone(),
            on: Vec::new(),
            repeat: Repetition::Every,
            when: None,
            system: transmission.system.clone(),
            operation: transmission.operation.clone(),
            input: nothing,
            about: None,
            key: None,
            after: Vec::new(),
            after_within_ms: 0,
            then: vec![mapping],
            retry: RetrySchedule::default(),
            owner: None,
        };
        let mut message = message_of(input, &transmission.system, Some(RESULT_CHANNEL));
        message.cause = Some(transmission.id);
        let view = Nothing { event: Some(event), transmission: Some(transmission) };
        self.route(&Hub { outbound: vec![flow], ..self.bare_hub() }, message, &view)
    }

    fn flow(&self, name: &str, input: &Value) -> Made {
        if let Some(flow) = self.plan.hub.inbound.iter().find(|flow| flow.name.as_str() == name) {
            let message = message_of(input, &flow.system, flow.channel.as_deref());
            let wanted = |event: &Event| event.flow.as_str() == name;
            return self.route_where(&self.plan.hub, message, &Nothing::default(), wanted);
        }
        match self.plan.hub.outbound(&FlowName::from(name)) {
            Some(flow) => self.outbound(flow, input),
            None => Made::Fault(format!("there is no flow {name}")),
        }
    }

    /// The input of an operation, checked by the connector that would send it.
    fn outbound(&self, flow: &OutboundFlow, input: &Value) -> Made {
        let event = outbound_event(input.get("event"), flow.on.first().copied());
        let bindings = outbound_bindings(event, input);
        if let Some(when) = &flow.when {
            match when.evaluate(&bindings, &self.limits()) {
                Ok(value) if value.as_bool() == Some(true) => {}
                Ok(_) => return Made::Target(None),
                Err(fault) => return Made::Fault(format!("when: {fault}")),
            }
        }
        let target = match flow.input.apply(&bindings, &self.limits()) {
            Ok(target) => target,
            Err(fault) => return Made::Fault(fault.to_string()),
        };
        let endpoint = self.plan.systems.get(&flow.system).map(|system| &system.endpoint);
        match endpoint.map(|endpoint| endpoint.check(&flow.operation, &target)) {
            Some(Err(faults)) => {
                let told: Vec<String> =
                    faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
                Made::Fault(format!("{} does not take this input: {}", flow.operation, told.join("; ")))
            }
            _ => Made::Target(Some(target)),
        }
    }

    fn target(&self, mapping: &Mapping, input: &Value) -> Made {
        let bindings = outbound_bindings(outbound_event(input.get("event"), None), input);
        match mapping.apply(&bindings, &self.limits()) {
            Ok(target) => Made::Target(Some(target)),
            Err(fault) => Made::Fault(fault.to_string()),
        }
    }

    fn route(&self, hub: &Hub, message: Message, view: &Nothing) -> Made {
        self.route_where(hub, message, view, |_| true)
    }

    fn route_where(&self, hub: &Hub, message: Message, view: &Nothing, wanted: impl Fn(&Event) -> bool) -> Made {
        let now = message.received_at;
        let stored = StoredMessage { position: 1, message, state: MessageState::Waiting };
        let mut context = routing::Context { hub, view, now, last_place: &mut 0, overdue: &|| false };
        let changeset = match routing::route(&stored, &mut context) {
            Ok(changeset) => changeset,
            Err(error) => return Made::Fault(error.to_string()),
        };
        let mut events = Vec::new();
        let mut failed = None;
        for change in &changeset.changes {
            match change {
                Change::AppendEvent(event) if wanted(event) => events.push(event_as_value(event)),
                Change::SetMessageState { state: MessageState::Failed { exception }, .. } => failed = Some(*exception),
                _ => {}
            }
        }
        let Some(failed) = failed else { return Made::Events(events) };
        let summary = changeset.changes.iter().find_map(|change| match change {
            Change::PutException(exception) if exception.id == failed => Some(exception.summary.clone()),
            _ => None,
        });
        Made::Fault(summary.unwrap_or_else(|| "the message failed".to_owned()))
    }

    fn limits(&self) -> MapLimits<'static> {
        let hub = &self.plan.hub;
        MapLimits { steps_max: hub.mapping_steps_max, bytes_max: hub.mapping_bytes_max, out_of_time: None }
    }

    /// A hub without flows, under this one's limits.
    fn bare_hub(&self) -> Hub {
        let hub = &self.plan.hub;
        Hub {
            name: hub.name.clone(),
            version: hub.version.clone(),
            inbound: Vec::new(),
            outbound: Vec::new(),
            mapping_steps_max: hub.mapping_steps_max,
            mapping_bytes_max: hub.mapping_bytes_max,
            events_per_message_max: hub.events_per_message_max,
        }
    }
}

/// A store that holds at most what a result belongs to.
#[derive(Default)]
struct Nothing {
    event: Option<Event>,
    transmission: Option<Transmission>,
}

impl View for Nothing {
    fn entity(&self, _: &EntityRef) -> Result<Option<Entity>, ViewError> {
        Ok(None)
    }
    fn event(&self, id: EventId) -> Result<Option<Event>, ViewError> {
        Ok(self.event.clone().filter(|event| event.id == id))
    }
    fn transmission(&self, id: TransmissionId) -> Result<Option<Transmission>, ViewError> {
        Ok(self.transmission.clone().filter(|transmission| transmission.id == id))
    }
    fn held_about(&self, _: &EntityRef) -> Result<Vec<Transmission>, ViewError> {
        Ok(Vec::new())
    }
    fn is_done(&self, _: &FlowName, _: &EntityRef) -> Result<bool, ViewError> {
        Ok(false)
    }
    fn open_exception(&self, _: &str) -> Result<Option<Exception>, ViewError> {
        Ok(None)
    }
}

fn now() -> Timestamp {
    NOW.parse().expect("it is written as a timestamp")
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0193_8e2a_7b00_7000_8000_0000_0000_0000 | number)
}

fn text_of<'v>(value: Option<&'v Value>, key: &str) -> Option<&'v str> {
    value.and_then(|value| value.get(key)).and_then(Value::as_text)
}

fn time_of(value: Option<&Value>, key: &str) -> Timestamp {
    text_of(value, key).and_then(|text| text.parse().ok()).unwrap_or_else(now)
}

/// `body` as it would have come, under what `message` says of it.
fn message_of(input: &Value, system: &SystemName, channel: Option<&str>) -> Message {
    let message = input.get("message");
    let body =
        input.get("body").or_else(|| message.and_then(|message| message.get("body"))).cloned().unwrap_or_default();
    let content_type = text_of(message, "content_type").unwrap_or("application/json").to_owned();
    let body = match (body.as_text(), content_type.contains("json")) {
        (Some(text), false) => text.as_bytes().to_vec(),
        _ => body.to_json_string().into_bytes(),
    };
    let headers = message.and_then(|message| message.get("headers")).and_then(Value::as_map);
    let headers = headers.into_iter().flat_map(|headers| headers.iter());
    Message {
        id: MessageId(id(1)),
        system: text_of(message, "system").map_or_else(|| system.clone(), SystemName::from),
        channel: text_of(message, "channel").or(channel).unwrap_or_default().to_owned(),
        dedup_key: "test".to_owned(),
        received_at: time_of(message, "received_at"),
        content_type,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.as_text().unwrap_or_default().to_owned()))
            .collect(),
        body,
        cause: None,
    }
}

/// An event of which only some fields are given.
fn event_of(given: Option<&Value>, event_type: Option<EventType>) -> Event {
    let data = given.and_then(|event| event.get("data")).cloned().unwrap_or_default();
    let name = text_of(given, "type").map(str::to_owned).or_else(|| event_type.map(|event| event.name()));
    let event_type = event_type.or_else(|| name.as_deref().and_then(EventType::find));
    let subject = match text_of(given, "subject").and_then(|subject| subject.split_once('/')) {
        Some((kind, key)) => EntityRef::new(kind, key),
        None => {
            event_type.and_then(|event| event.entity.name_of(&data)).unwrap_or_else(|| EntityRef::new("order", "test"))
        }
    };
    Event {
        id: EventId(text_of(given, "id").and_then(|text| text.parse().ok()).unwrap_or_else(|| id(2))),
        event_type: name.unwrap_or_default(),
        links: vec![subject.clone()],
        subject,
        system: SystemName::from(text_of(given, "system").unwrap_or("test")),
        time: time_of(given, "time"),
        recorded_at: time_of(given, "recorded_at"),
        message: MessageId(id(1)),
        flow: FlowName::from("test"),
        first: true,
        out_of_order: false,
        references: Vec::new(),
        data,
    }
}

fn transmission_of(input: &Value, event: &Event) -> Transmission {
    let given = input.get("transmission");
    let about = match text_of(given, "about").and_then(|about| about.split_once('/')) {
        Some((kind, key)) => EntityRef::new(kind, key),
        None => event.subject.clone(),
    };
    Transmission {
        id: TransmissionId(text_of(given, "id").and_then(|text| text.parse().ok()).unwrap_or_else(|| id(3))),
        version: 1,
        system: SystemName::from(text_of(given, "system").unwrap_or("test")),
        operation: text_of(given, "operation").unwrap_or("test").to_owned(),
        flow: FlowName::from("test"),
        config: crossdock_core::ids::ConfigVersion::from("test"),
        event: event.id,
        key: OrderingKey::new(about.to_string()),
        about,
        input: input.get("input").cloned().unwrap_or_default(),
        state: TransmissionState::Done,
        place: 1,
        due_at: now(),
        attempts: 1,
        created_at: now(),
        failing_since: None,
        in_doubt: false,
        last_problem: None,
        result: Some(input.get("result").cloned().unwrap_or_default()),
        finished_at: Some(now()),
    }
}

/// The event as expressions of outbound flows see it: what is given, and the rest filled in.
fn outbound_event(given: Option<&Value>, event_type: Option<EventType>) -> Value {
    let event = event_of(given, event_type);
    let mut shown = Value::map([
        ("id", Value::text(event.id.to_string())),
        ("type", Value::text(event.event_type.as_str())),
        ("system", Value::text(event.system.as_str())),
        ("time", Value::from(event.time)),
        ("recorded_at", Value::from(event.recorded_at)),
        ("subject", Value::text(event.subject.to_string())),
        ("first", Value::from(event.first)),
        ("out_of_order", Value::from(event.out_of_order)),
        ("data", event.data.clone()),
    ]);
    if let (Some(shown), Some(given)) = (shown.as_map_mut(), given.and_then(Value::as_map)) {
        for (key, value) in given.iter().filter(|(key, _)| !matches!(*key, "time" | "recorded_at")) {
            shown.insert(key, value.clone());
        }
    }
    shown
}

fn outbound_bindings(event: Value, input: &Value) -> Bindings {
    let mut bindings = Bindings::new(scopes::OUTBOUND.len());
    bindings.set(0, event);
    bindings.set(1, input.get("linked").cloned().unwrap_or_else(|| Value::map([] as [(&str, Value); 0])));
    bindings
}

fn event_as_value(event: &Event) -> Value {
    let references = event.references.iter().map(|reference| {
        Value::map([
            ("entity", Value::text(reference.entity.to_string())),
            ("system", Value::text(reference.system.as_str())),
            ("kind", Value::text(reference.kind.as_str())),
            ("value", Value::text(reference.value.as_str())),
        ])
    });
    Value::map([
        ("type", Value::text(event.event_type.as_str())),
        ("subject", Value::text(event.subject.to_string())),
        ("time", Value::text(event.time.to_string())),
        ("references", Value::list(references)),
        ("data", event.data.clone()),
    ])
}
