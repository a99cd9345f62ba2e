//! Runs a test through the same decisions as a running hub takes: a message is routed over an empty store.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, RawRequest};
use crossdock_core::changeset::Change;
use crossdock_core::event::{Entity, EntityRef, Event, Reference};
use crossdock_core::exception::Exception;
use crossdock_core::hub::{EventMapping, Hub, InboundFlow, OutboundFlow, Repetition, scopes};
use crossdock_core::ids::{EventId, FlowName, MessageId, OrderingKey, SuggestionId, SystemName, TransmissionId};
use crossdock_core::mapping::{Bindings, MapLimits, Mapping, Notes};
use crossdock_core::message::{Message, MessageState, RESULT_CHANNEL, StoredMessage};
use crossdock_core::model::{self, EventType};
use crossdock_core::routing::{self, View, ViewError, Wanted};
use crossdock_core::suggestion::Suggestion;
use crossdock_core::transmission::{RetrySchedule, Transmission, TransmissionState};
use crossdock_core::value::Value;
use crossdock_runtime::plan::Plan;
use jiff::Timestamp;
use uuid::Uuid;

use crate::config::folder::Folder;
use crate::config::mapping::{MappingFile, Place};
use crate::config::suite::{self, Case, Given, Request, Subject, now};
use crate::config::{Loaded, endpoint_with_secret};

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// Events, as maps of `type`, `subject`, `time`, `data` and `references`.
    Events(Vec<Value>),
    /// A target; `None` when the flow does not want the event.
    Target(Option<Value>),
    /// It failed, and why.
    Fault(String),
    /// A request was turned away: status, code and reason.
    Rejected(String),
}

/// What goes in, and what stands around it.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub input: &'a Value,
    pub at: Option<Timestamp>,
    pub known: &'a suite::Known,
    pub notes: &'a Notes,
}

impl World<'_> {
    fn now(&self) -> Timestamp {
        self.at.unwrap_or_else(now)
    }

    fn view(&self) -> Known<'_> {
        Known { entities: &self.known.entities, references: &self.known.references, event: None, transmission: None }
    }
}

/// Runs tests against a compiled hub. Everything they need is compiled before they run, so many can run at once.
pub struct Runner<'r> {
    plan: &'r Plan,
    mappings: BTreeMap<(String, String), Result<Ready, String>>,
    /// By system and secret.
    endpoints: BTreeMap<(String, String), Option<Arc<dyn Endpoint>>>,
}

/// A mapping that is tested by itself.
enum Ready {
    /// In a hub with one flow.
    OfMessage(Hub),
    OfResult(Hub),
    Input(Mapping),
}

/// The system of a test that names none.
const TEST: &str = "test";

impl<'r> Runner<'r> {
    /// A runner of these tests.
    pub fn new<'c, 'f: 'c>(
        folder: &Folder,
        loaded: &'r Loaded<'f>,
        plan: &'r Plan,
        cases: impl IntoIterator<Item = &'c Case<'f>>,
    ) -> Self {
        let mut runner = Self { plan, mappings: BTreeMap::new(), endpoints: BTreeMap::new() };
        for case in cases {
            match (&case.given, case.subject) {
                (Given::Input(input), Subject::Mapping(name)) => {
                    if let Some(file) = loaded.mappings.get(name) {
                        runner.prepare(name, file, input);
                    }
                }
                (Given::Request(Request { secret: Some(secret), .. }), Subject::System(system)) => {
                    runner
                        .endpoints
                        .entry((system.to_owned(), secret.clone()))
                        .or_insert_with(|| endpoint_with_secret(folder, system, secret));
                }
                _ => {}
            }
        }
        runner
    }

    /// Compiles a mapping for an input like this.
    pub fn prepare(&mut self, name: &str, file: &MappingFile<'_>, input: &Value) {
        let key = (name.to_owned(), place_of(input));
        if self.mappings.contains_key(&key) {
            return;
        }
        let mut mistakes = Vec::new();
        let system = SystemName::from(text_of(input.get("message"), "system").unwrap_or(TEST));
        let ready = match (file.makes_events, is_message(input)) {
            (false, _) => file.compile_input(&mut mistakes).map(Ready::Input),
            (true, true) => file
                .compile_event(Place::Inbound, &mut mistakes)
                .map(|mapping| Ready::OfMessage(Hub { inbound: vec![lone_flow(mapping, system)], ..self.bare_hub() })),
            (true, false) => file
                .compile_event(Place::Result, &mut mistakes)
                .map(|mapping| Ready::OfResult(Hub { outbound: lone_result(mapping), ..self.bare_hub() })),
        };
        let told = || mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        self.mappings.insert(key, ready.ok_or_else(told));
    }

    pub fn run(&self, case: &Case<'_>) -> Made {
        let notes = Notes::default();
        let nothing = Value::Null;
        let world = |input| World { input, at: case.at, known: &case.known, notes: &notes };
        match (case.subject, &case.given) {
            (Subject::Mapping(name), Given::Input(input)) => self.mapping(name, world(input)),
            (Subject::Flow(name), Given::Input(input)) => self.flow(name, world(input)),
            (Subject::System(name), Given::Request(request)) => self.request(name, request, world(&nothing)),
            _ => Made::Fault("the test does not say what goes in".into()),
        }
    }

    /// One mapping by itself.
    pub fn mapping(&self, name: &str, world: World<'_>) -> Made {
        let input = world.input;
        match self.mappings.get(&(name.to_owned(), place_of(input))) {
            Some(Ok(Ready::OfMessage(hub))) => {
                let message = message_of(input, &SystemName::from(TEST), None, world.now());
                self.route(hub, message, &world.view(), world)
            }
            Some(Ok(Ready::OfResult(hub))) => self.of_result(hub, world),
            Some(Ok(Ready::Input(mapping))) => self.target(mapping, world),
            Some(Err(mistakes)) => Made::Fault(mistakes.clone()),
            None => Made::Fault(format!("there is no mapping {name}")),
        }
    }

    /// An event mapping over the result of a transmission.
    fn of_result(&self, hub: &Hub, world: World<'_>) -> Made {
        let event = event_of(world.input.get("event"), None, world.now());
        let transmission = transmission_of(world.input, &event, world.now());
        let mut message = message_of(world.input, &transmission.system, Some(RESULT_CHANNEL), world.now());
        message.cause = Some(transmission.id);
        let view = Known { event: Some(event), transmission: Some(transmission), ..world.view() };
        self.route(hub, message, &view, world)
    }

    /// One flow of the hub.
    pub fn flow(&self, name: &str, world: World<'_>) -> Made {
        if let Some(flow) = self.plan.hub.inbound.iter().find(|flow| flow.name.as_str() == name) {
            let message = message_of(world.input, &flow.system, flow.channel.as_deref(), world.now());
            let wanted = |event: &Event| event.flow.as_str() == name;
            return self.route_where(&self.plan.hub, message, &world.view(), world, wanted);
        }
        match self.plan.hub.outbound(&FlowName::from(name)) {
            Some(flow) => self.outbound(flow, world),
            None => Made::Fault(format!("there is no flow {name}")),
        }
    }

    /// A request at the door of a system, and what its flows make of it.
    fn request(&self, system: &str, request: &Request, world: World<'_>) -> Made {
        let configured = || self.plan.systems.get(&SystemName::from(system)).map(|system| &system.endpoint);
        let endpoint = match &request.secret {
            Some(secret) => self.endpoints.get(&(system.to_owned(), secret.clone())).and_then(Option::as_ref),
            None => configured(),
        };
        let Some(endpoint) = endpoint else { return Made::Fault(format!("there is no system {system}")) };
        let at_path = match request.channel.is_empty() {
            true => format!("http://localhost/in/{system}"),
            false => format!("http://localhost/in/{system}/{}", request.channel),
        };
        let raw = RawRequest {
            method: request.method.clone(),
            channel: request.channel.clone(),
            url: request.url.clone().unwrap_or(at_path),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let envelopes = match endpoint.receive(&raw, world.now()) {
            Ok(envelopes) => envelopes,
            Err(reject) => return Made::Rejected(format!("{} {}: {}", reject.status, reject.code, reject.reason)),
        };
        let mut events = Vec::new();
        for (n, envelope) in envelopes.into_iter().enumerate() {
            let message = envelope.into_message(MessageId(id(100 + n as u128)), SystemName::from(system), world.now());
            match self.route(&self.plan.hub, message, &world.view(), world) {
                Made::Events(made) => events.extend(made),
                other => return other,
            }
        }
        Made::Events(events)
    }

    /// The input of an operation, checked by the connector that would send it.
    fn outbound(&self, flow: &OutboundFlow, world: World<'_>) -> Made {
        let bindings = match outbound_bindings(flow.on.first().copied(), world) {
            Ok(bindings) => bindings,
            Err(error) => return Made::Fault(error.to_string()),
        };
        if let Some(when) = &flow.when {
            match when.evaluate_noting(&bindings, &self.limits(), world.notes, "when") {
                Ok(value) if value.as_bool() == Some(true) => {}
                Ok(_) => return Made::Target(None),
                Err(fault) => return Made::Fault(format!("when: {fault}")),
            }
        }
        let target = match flow.input.apply_noting(&bindings, &self.limits(), world.notes) {
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

    fn target(&self, mapping: &Mapping, world: World<'_>) -> Made {
        let bindings = match outbound_bindings(None, world) {
            Ok(bindings) => bindings,
            Err(error) => return Made::Fault(error.to_string()),
        };
        world.notes.trace_mapping(mapping.name(), mapping.location());
        match mapping.apply_noting(&bindings, &self.limits(), world.notes) {
            Ok(target) => Made::Target(Some(target)),
            Err(fault) => Made::Fault(fault.to_string()),
        }
    }

    fn route(&self, hub: &Hub, message: Message, view: &Known<'_>, world: World<'_>) -> Made {
        self.route_where(hub, message, view, world, |_| true)
    }

    fn route_where(
        &self,
        hub: &Hub,
        message: Message,
        view: &Known<'_>,
        world: World<'_>,
        wanted: impl Fn(&Event) -> bool,
    ) -> Made {
        let now = message.received_at.max(world.at.unwrap_or(message.received_at));
        let stored = StoredMessage { position: 1, message, state: MessageState::Waiting, removed: None };
        let mut context =
            routing::Context { hub, view, now, last_place: &mut 0, overdue: &|| false, notes: world.notes };
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
            authority: Default::default(),
            learning_ms: hub.learning_ms,
            mapping_steps_max: hub.mapping_steps_max,
            mapping_bytes_max: hub.mapping_bytes_max,
            events_per_message_max: hub.events_per_message_max,
        }
    }
}

/// Whether an input holds a message rather than a result.
fn is_message(input: &Value) -> bool {
    input.get("body").is_some() || input.get("message").is_some()
}

/// What a mapping is compiled for, by an input: messages of which system, or results.
fn place_of(input: &Value) -> String {
    match is_message(input) {
        true => format!("message {}", text_of(input.get("message"), "system").unwrap_or(TEST)),
        false => "event".to_owned(),
    }
}

/// A flow that takes everything of a system through one mapping.
fn lone_flow(mapping: EventMapping, system: SystemName) -> InboundFlow {
    let name = FlowName::from(TEST);
    InboundFlow { name, system, channel: None, when: None, mappings: vec![mapping], echo: None, owner: None }
}

/// A flow whose results go through one mapping.
fn lone_result(mapping: EventMapping) -> Vec<OutboundFlow> {
    let empty = crossdock_core::source::Node {
        location: crossdock_core::source::Location::new(TEST, 1, 1),
        kind: crossdock_core::source::NodeKind::Map(Vec::new()),
    };
    let scope = scopes::scope(scopes::OUTBOUND, &Default::default());
    let input = Mapping::compile(&empty, &scope).expect("an empty mapping has no mistakes");
    vec![OutboundFlow {
        name: FlowName::from(TEST),
        on: Vec::new(),
        repeat: Repetition::Every,
        when: None,
        system: SystemName::from(TEST),
        operation: TEST.to_owned(),
        input,
        about: None,
        key: None,
        after: Vec::new(),
        group: None,
        class: Default::default(),
        after_within_ms: 0,
        then: vec![mapping],
        retry: RetrySchedule::default(),
        owner: None,
    }]
}

/// A store that holds what the test says, and what a result belongs to.
struct Known<'a> {
    entities: &'a [Entity],
    references: &'a [Reference],
    event: Option<Event>,
    transmission: Option<Transmission>,
}

impl View for Known<'_> {
    fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, ViewError> {
        Ok(self.entities.iter().find(|entity| entity.name == *name).cloned())
    }
    fn event(&self, id: EventId) -> Result<Option<Event>, ViewError> {
        Ok(self.event.clone().filter(|event| event.id == id))
    }
    fn events_about(&self, _: &EntityRef, _: usize) -> Result<Vec<Event>, ViewError> {
        Ok(Vec::new())
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
    fn referenced(&self, wanted: &Wanted<'_>, _: usize) -> Result<Vec<EntityRef>, ViewError> {
        Ok(self.references.iter().filter(|known| wanted.fits(known)).map(|known| known.entity.clone()).collect())
    }
    fn sent_about(&self, _: &SystemName, _: &EntityRef, _: usize) -> Result<Vec<Transmission>, ViewError> {
        Ok(Vec::new())
    }
    fn in_line(&self, _: &OrderingKey, _: usize) -> Result<Vec<Transmission>, ViewError> {
        Ok(Vec::new())
    }
    fn suggestion(&self, _: SuggestionId) -> Result<Option<Suggestion>, ViewError> {
        Ok(None)
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0193_8e2a_7b00_7000_8000_0000_0000_0000 | number)
}

fn text_of<'v>(value: Option<&'v Value>, key: &str) -> Option<&'v str> {
    value.and_then(|value| value.get(key)).and_then(Value::as_text)
}

fn time_of(value: Option<&Value>, key: &str, now: Timestamp) -> Timestamp {
    text_of(value, key).and_then(|text| text.parse().ok()).unwrap_or(now)
}

/// `body` as it would have come, under what `message` says of it.
fn message_of(input: &Value, system: &SystemName, channel: Option<&str>, now: Timestamp) -> Message {
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
        received_at: time_of(message, "received_at", now),
        content_type,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.as_text().unwrap_or_default().to_owned()))
            .collect(),
        body,
        cause: None,
    }
}

/// An event of which only some fields are given.
fn event_of(given: Option<&Value>, event_type: Option<EventType>, now: Timestamp) -> Event {
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
        links: match event_type {
            Some(event_type) => model::links_of(event_type, &subject, &data),
            None => vec![subject.clone()],
        },
        subject,
        system: SystemName::from(text_of(given, "system").unwrap_or("test")),
        time: time_of(given, "time", now),
        recorded_at: time_of(given, "recorded_at", now),
        message: MessageId(id(1)),
        flow: FlowName::from("test"),
        first: true,
        out_of_order: false,
        references: Vec::new(),
        data,
        standing: Default::default(),
    }
}

fn transmission_of(input: &Value, event: &Event, now: Timestamp) -> Transmission {
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
        due_at: now,
        attempts: 1,
        created_at: now,
        failing_since: None,
        in_doubt: false,
        criticality: Default::default(),
        group: None,
        refused: false,
        last_problem: None,
        result: Some(input.get("result").cloned().unwrap_or_default()),
        finished_at: Some(now),
        removed_at: None,
    }
}

/// What expressions of outbound flows see: the event as far as it is given, the rest filled in, and beside it what is
/// known of the entities it speaks of.
fn outbound_bindings(event_type: Option<EventType>, world: World<'_>) -> Result<Bindings, ViewError> {
    let given = world.input.get("event");
    let event = event_of(given, event_type, world.now());
    let mut linked = routing::linked(&event, &world.view())?;
    if let (Some(linked), Some(given)) = (linked.as_map_mut(), world.input.get("linked").and_then(Value::as_map)) {
        for (kind, value) in given.iter() {
            linked.insert(kind, value.clone());
        }
    }
    let mut bindings = Bindings::new(scopes::OUTBOUND.len());
    bindings.set(0, event_as_seen(&event, given));
    bindings.set(1, linked);
    Ok(bindings)
}

fn event_as_seen(event: &Event, given: Option<&Value>) -> Value {
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
        ("first", Value::from(event.first)),
        ("out_of_order", Value::from(event.out_of_order)),
        ("references", Value::list(references)),
        ("data", event.data.clone()),
    ])
}
