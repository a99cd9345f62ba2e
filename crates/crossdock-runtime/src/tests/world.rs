//! A small hub and everything around it, driven on one thread under a clock that jumps to the next thing that happens.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crossdock_connect::endpoint::RawRequest;
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::hub::{EventMapping, Hub, InboundFlow, OutboundFlow, ReferenceRule, Repetition, scopes};
use crossdock_core::ids::SystemName;
use crossdock_core::invariants;
use crossdock_core::mapping::{CodeLists, Expression, Mapping};
use crossdock_core::master::matching::MergePolicy;
use crossdock_core::message::{MessageState, StoredMessage};
use crossdock_core::model::EventType;
use crossdock_core::retention::Retention;
use crossdock_core::source::{Entry, Location, Node, NodeKind};
use crossdock_core::transmission::breaker::BreakerSettings;
use crossdock_core::transmission::gate::Limits;
use crossdock_core::transmission::pace::PaceLimit;
use crossdock_core::transmission::{RetrySchedule, Transmission, TransmissionState};
use crossdock_store::{ExceptionFilter, MessageFilter, Page, Store, TransmissionFilter};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::faulty::Faulty;
use super::partner::{Partner, Script};
use crate::clock::Clock;
use crate::desk::{Actor, Desk};
use crate::intake::{Accepted, Intake, Refusal};
use crate::plan::{IntakeLimits, Plan, SystemPlan};
use crate::poller::Poller;
use crate::router::{Command, Router};
use crate::shell::Shell;
use crate::transmitter::{self, Gauge, Transmitter};

/// How long a test may take by its own clock, unless it says otherwise.
pub const SOON: Duration = Duration::from_secs(120);
/// The systems of the small hub.
pub const SYSTEMS: [&str; 5] = ["shop", "warehouse", "fleet", "odoo", "customer"];

/// How the hub is configured.
#[derive(Clone)]
pub struct Settings {
    /// The operation that messages of channel `task` lead to.
    pub operation: &'static str,
    pub concurrency_max: usize,
    pub limits: Limits,
    pub pace: Option<PaceLimit>,
    pub breaker: BreakerSettings,
    pub retry: RetrySchedule,
    /// Odoo is polled, with this pause in milliseconds.
    pub polls: Option<u64>,
    /// What an invoice comes after.
    pub after: Vec<&'static str>,
    /// What is compared, to find what is the same.
    pub merging: MergePolicy,
    /// How much may wait.
    pub intake: IntakeLimits,
    /// What the mapping of orders makes of their quantity, and of what the task's name is made.
    pub quantity: &'static str,
    pub task_name: &'static str,
    /// For how long what happened is kept.
    pub retention: Retention,
    /// The customer is told of accepted orders.
    pub tells_orders: bool,
    /// The configuration's version.
    pub version: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            operation: "work",
            concurrency_max: 8,
            limits: Limits::default(),
            pace: None,
            breaker: BreakerSettings::default(),
            retry: RetrySchedule::default(),
            polls: None,
            after: vec!["fulfil", "attach"],
            merging: MergePolicy::default(),
            intake: IntakeLimits::default(),
            retention: Retention::default(),
            quantity: "2",
            task_name: "event.data.name",
            tells_orders: false,
            version: "v1",
        }
    }
}

/// The tests' clock: tokio's, which jumps when nothing else is to be done.
pub struct JumpingClock(Instant);

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().expect("valid");
        start + Instant::now().duration_since(self.0)
    }
}

/// A hub that is driven.
pub struct World {
    pub shell: Arc<Shell>,
    pub store: Arc<Faulty>,
    pub partner: Arc<Partner>,
    pub desk: Desk,
    pub router: Router,
    settings: Settings,
    clock: Arc<JumpingClock>,
    commands: mpsc::Receiver<Command>,
    gauges: BTreeMap<SystemName, Arc<Gauge>>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl World {
    pub fn new(settings: Settings) -> Self {
        let clock = Arc::new(JumpingClock(Instant::now()));
        Self::over(Faulty::new(), Partner::new(), clock, settings)
    }

    fn over(store: Arc<Faulty>, partner: Arc<Partner>, clock: Arc<JumpingClock>, settings: Settings) -> Self {
        let shell = Arc::new(Shell::new(store.clone(), clock.clone(), Arc::new(plan(&settings))));
        shell.recall().expect("reads");
        for state in store.system_states().expect("reads") {
            shell.pauses.set(&state.system, state.paused.is_some());
        }
        transmitter::recover(&shell, None).expect("recovers");
        let mut router = Router::new(shell.clone()).expect("reads");
        router.reconsider().expect("reads");
        let (stop, stopped) = watch::channel(false);
        let mut workers = JoinSet::new();
        let mut gauges = BTreeMap::new();
        for (system, plan) in &shell.plan.systems {
            let gauge = Arc::new(Gauge::default());
            gauges.insert(system.clone(), gauge.clone());
            let transmitter = Transmitter::new(shell.clone(), partner.clone(), system.clone(), gauge);
            workers.spawn(transmitter.run(shell.pauses.follow(system), stopped.clone()));
            for poll in plan.endpoint.polls() {
                let poller = Poller::new(shell.clone(), partner.clone(), system.clone(), poll);
                workers.spawn(poller.run(stopped.clone()));
            }
        }
        workers.spawn(crate::timers::run(shell.clone(), stopped.clone()));
        workers.spawn(crate::valve::run(shell.clone(), stopped.clone()));
        workers.spawn(crate::retention::run(shell.clone(), stopped.clone()));
        let (sender, commands) = mpsc::channel(64);
        workers.spawn(crate::jobs::run(shell.clone(), sender.clone(), stopped));
        let desk = Desk::running(shell.clone(), sender, gauges.clone());
        Self { shell, store, partner, desk, router, settings, clock, commands, gauges, stop, workers }
    }

    /// Everything in memory is lost; another hub starts over the same store.
    pub async fn crash(self) -> Self {
        let settings = self.settings.clone();
        self.crash_into(settings).await
    }

    /// The same, and the configuration has changed in between.
    pub async fn crash_into(mut self, settings: Settings) -> Self {
        self.workers.shutdown().await;
        let Self { store, partner, clock, .. } = self;
        Self::over(store, partner, clock, settings)
    }

    /// Stops in order: what is under way ends.
    pub async fn stop(mut self) -> Self {
        self.stop.send_replace(true);
        while self.workers.join_next().await.is_some() {}
        self
    }

    /// Drives the router and lets time pass until `holds`.
    pub async fn until(&mut self, what: &str, longest: Duration, holds: impl Fn(&World) -> bool) {
        let started = Instant::now();
        let deadline = started + longest;
        loop {
            self.drive();
            if holds(self) {
                return;
            }
            assert!(Instant::now() < deadline, "never came true: {what}\n{}", self.told());
            // Long waits are looked at less closely.
            let is_long = Instant::now() > started + SOON;
            tokio::time::sleep(Duration::from_millis(if is_long { 1_000 } else { 10 })).await;
        }
    }

    /// Lets time pass.
    pub async fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.until("time passes", time * 2, |_| Instant::now() >= end).await;
    }

    pub fn drive(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.router.obey(command);
        }
        while self.router.turn().is_ok_and(|taken| taken > 0) {}
    }

    /// Drives the hub until a question to its desk is answered.
    pub async fn ask<T: Send + 'static>(&mut self, question: impl Future<Output = T> + Send + 'static) -> T {
        let task = tokio::spawn(question);
        self.until("the desk answers", SOON, |_| task.is_finished()).await;
        task.await.expect("the desk does not crash")
    }

    /// Until everything owed is done and every message is routed.
    pub async fn until_done(&mut self) {
        self.until("everything is done", SOON, |world| {
            let open = ["owed", "sending"].iter().map(|state| world.count(state)).sum::<u64>();
            open == 0 && world.messages_in("waiting") == 0
        })
        .await;
    }

    pub fn intake(&self) -> Intake {
        Intake::new(self.shell.clone())
    }

    /// Sends messages to a channel of a system, in one request.
    pub async fn send(&self, system: &str, channel: &str, lines: &[Json]) -> Result<Accepted, Refusal> {
        let body: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let request = RawRequest {
            method: "POST".into(),
            channel: channel.to_owned(),
            url: String::new(),
            query: Vec::new(),
            headers: vec![("signature".into(), "good".into())],
            body: body.join("\n").into_bytes(),
        };
        self.intake().accept(&system.into(), &request).await
    }

    /// The messages of an order's whole way, by system and channel.
    pub async fn tell(&self, messages: &[(&str, &str, Json)]) {
        for (system, channel, line) in messages {
            self.send(system, channel, std::slice::from_ref(line)).await.expect("accepted");
        }
    }

    /// Work for Odoo under a key: a message of channel `task`.
    pub async fn task(&self, key: &str, name: &str) {
        self.send("shop", "task", &[json!({"id": name, "key": key, "name": name})]).await.expect("accepted");
    }

    pub fn transmissions(&self) -> Vec<Transmission> {
        let filter = TransmissionFilter::default();
        let mut all = self.store.transmissions(&filter, Page::first(10_000)).expect("reads");
        all.reverse();
        all
    }

    /// The only transmission of a flow.
    pub fn of_flow(&self, flow: &str) -> Transmission {
        let mut all = self.transmissions();
        all.retain(|transmission| transmission.flow.as_str() == flow);
        assert_eq!(all.len(), 1, "transmissions of {flow}");
        all.remove(0)
    }

    pub fn count(&self, state: &str) -> u64 {
        let counts = self.store.counts().expect("reads");
        counts.systems.values().filter_map(|system| system.transmissions.get(state)).sum()
    }

    pub fn messages_in(&self, state: &str) -> u64 {
        let counts = self.store.counts().expect("reads");
        counts.systems.values().filter_map(|system| system.messages.get(state)).sum()
    }

    pub fn messages(&self) -> Vec<StoredMessage> {
        self.store.messages(&MessageFilter::default(), Page::first(10_000)).expect("reads")
    }

    pub fn exceptions(&self) -> Vec<Exception> {
        self.store.exceptions(&ExceptionFilter::default(), Page::first(10_000)).expect("reads")
    }

    /// The classes of what is open.
    pub fn open(&self) -> Vec<&'static str> {
        let open = self.exceptions().into_iter().filter(|exception| exception.status == ExceptionStatus::Open);
        open.map(|exception| exception.class.word()).collect()
    }

    pub fn breaker(&self, system: &str) -> &'static str {
        self.gauges[&SystemName::from(system)].breaker()
    }

    /// Asks the invariants. Every test ends with it.
    pub fn check(&self) {
        let transmissions = self.transmissions();
        let attempts: Vec<_> = transmissions.iter().flat_map(|it| self.store.attempts(it.id).expect("reads")).collect();
        let messages = self.messages();
        let mut wrong = invariants::i1_messages_are_accounted_for(&[], &messages);
        wrong.extend(invariants::i2_dedup_keys_are_unique(&messages));
        wrong.extend(invariants::i2_accepted_once(&attempts));
        wrong.extend(invariants::i3_keys_are_in_order(&transmissions));
        wrong.extend(invariants::i7_nothing_is_dropped(&transmissions));
        wrong.extend(invariants::i8_audit_chain_verifies(&self.store.audit(0, 10_000).expect("reads")));
        wrong.extend(self.exceptions_fit());
        assert_eq!(wrong, Vec::<String>::new(), "{}", self.told());
    }

    /// An exception about a transmission is open exactly while it is paused or late.
    fn exceptions_fit(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let exceptions = self.exceptions();
        for transmission in self.transmissions() {
            let open = exceptions
                .iter()
                .any(|it| it.status == ExceptionStatus::Open && it.transmission == Some(transmission.id));
            let fits = match transmission.state {
                TransmissionState::Paused { .. } => open,
                TransmissionState::Held { .. } => true,
                _ => !open,
            };
            if !fits {
                wrong.push(format!("{} is {} and open is {open}", transmission.id, transmission.state.word()));
            }
        }
        for message in self.messages() {
            let open = exceptions
                .iter()
                .any(|it| it.status == ExceptionStatus::Open && it.message == Some(message.message.id));
            if matches!(message.state, MessageState::Failed { .. }) != open {
                wrong.push(format!("message {} is {} and open is {open}", message.message.id, message.state.word()));
            }
        }
        wrong
    }

    /// The state of everything, for a test that failed.
    fn told(&self) -> String {
        let mut lines = Vec::new();
        for it in self.transmissions() {
            let problem = it.last_problem.as_deref().unwrap_or_default();
            let state = it.state.word();
            lines.push(format!(
                "{} {} {} {state} due {} tried {} {problem}",
                it.place, it.key, it.flow, it.due_at, it.attempts
            ));
        }
        for message in self.messages() {
            lines.push(format!(
                "message {} {}: {:?}",
                message.message.channel, message.message.dedup_key, message.state
            ));
        }
        for exception in self.exceptions() {
            lines.push(format!("{:?} {}", exception.status, exception.summary));
        }
        lines.push(format!("now {}; {} calls", self.clock.now(), self.partner.calls().len()));
        lines.join("\n")
    }
}

/// Whoever acts in these tests.
pub fn ada() -> Actor {
    Actor { name: "ada".into(), reason: Some("the cause is mended".into()) }
}

/// A message of a shop: an order.
pub fn order(number: &str, skus: &[&str]) -> Json {
    json!({"id": format!("order {number}"), "order": number, "customer": "C1", "skus": skus})
}

/// A message of the warehouse: a shipment of an order left.
pub fn shipment(number: &str, order: &str, skus: &[&str]) -> Json {
    let tracking = format!("1Z{number}");
    json!({"id": format!("shipment {number}"), "shipment": number, "order": order, "tracking": tracking, "skus": skus})
}

/// A message of the fleet: a proof of delivery.
pub fn proof(shipment: &str) -> Json {
    json!({"id": format!("proof {shipment}"), "shipment": shipment})
}

pub fn plan(settings: &Settings) -> Plan {
    let system = |name: &str| {
        let plan = SystemPlan {
            endpoint: Arc::new(Script { system: name.into(), polls: settings.polls.filter(|_| name == "odoo") }),
            connector: "script".into(),
            domain: "erp".into(),
            zone: "internal".into(),
            owner: Some(format!("{name}-team")),
            concurrency_max: settings.concurrency_max,
            adaptive: true,
            pace: settings.pace,
            limits: settings.limits.clone(),
            breaker: settings.breaker.clone(),
        };
        (SystemName::from(name), plan)
    };
    Plan {
        hub: hub(settings),
        systems: SYSTEMS.into_iter().map(system).collect(),
        merging: settings.merging.clone(),
        intake: settings.intake.clone(),
        body_bytes_max: 1 << 20,
        answer_bytes_max: 1 << 20,
        mapping_ms_max: 10_000,
        recorded_bytes_max: 4_096,
        retention: settings.retention,
        replay_needs_another: false,
    }
}

/// Orders are released to the warehouse, its shipments are fulfilled in Odoo, proofs are attached and invoiced there,
/// and the customer is told. Beside that, `task` is work of any kind.
fn hub(settings: &Settings) -> Hub {
    let task = OutboundFlow {
        repeat: Repetition::Every,
        operation: settings.operation.to_owned(),
        ..outbound(
            "task",
            "crossdock.account.updated.v1",
            json!({"name": settings.task_name, "code": "event.data.code"}),
        )
    };
    let release = OutboundFlow {
        system: "warehouse".into(),
        then: vec![event_mapping(
            "crossdock.order.released.v1",
            json!({"number": "event.data.number"}),
            scopes::RESULT,
        )],
        ..outbound("release", "crossdock.order.accepted.v1", json!({"number": "event.data.number"}))
    };
    let fulfil = OutboundFlow {
        key: key("order", "event.data.order"),
        ..outbound("fulfil", "crossdock.shipment.picked_up.v1", json!({"shipment": "event.data.number"}))
    };
    let of_proof = |name: &str, after: &[&str]| OutboundFlow {
        about: key("shipment", "event.data.shipment"),
        key: key("order", "linked.shipment.data.order"),
        after: after.iter().map(|flow| (*flow).into()).collect(),
        ..outbound(
            name,
            "crossdock.pod.captured.v1",
            json!({"shipment": "event.data.shipment", "order": "linked.shipment.data.order"}),
        )
    };
    let released = json!({"number": "result.invoice", "order": "input.order", "shipment": "input.shipment"});
    let invoice = OutboundFlow {
        then: vec![event_mapping("crossdock.invoice.released.v1", released, scopes::RESULT)],
        ..of_proof("invoice", &settings.after)
    };
    let notify = OutboundFlow {
        system: "customer".into(),
        ..outbound("notify", "crossdock.invoice.released.v1", json!({"invoice": "event.data.number"}))
    };
    let mut outbound = vec![task, release, fulfil, of_proof("attach", &["fulfil"]), invoice, notify];
    if settings.tells_orders {
        outbound.push(OutboundFlow {
            system: "customer".into(),
            ..self::outbound("tell", "crossdock.order.accepted.v1", json!({"number": "event.data.number"}))
        });
    }
    for flow in &mut outbound {
        flow.retry = settings.retry.clone();
    }
    Hub {
        name: "test".into(),
        version: settings.version.into(),
        inbound: inbound_flows(settings),
        outbound,
        authority: Default::default(),
        learning_ms: 3_600_000,
        mapping_steps_max: 100_000,
        mapping_bytes_max: 1 << 20,
        events_per_message_max: 10,
    }
}

fn inbound_flows(settings: &Settings) -> Vec<InboundFlow> {
    let task = json!({"code": "body.key", "name": "body.name"});
    let line = json!({"each": "body.skus", "as": "sku", "to": {"sku": "sku", "quantity": "1"}});
    let order_line = json!({"each": "body.skus", "as": "sku",
        "to": {"line": "sku", "sku": "sku", "quantity": settings.quantity}});
    let order = json!({"number": "body.order", "customer": "body.customer", "lines": order_line});
    let shipment =
        json!({"number": "body.shipment", "order": "body.order", "tracking_number": "body.tracking", "lines": line});
    let mut picked_up = event_mapping("crossdock.shipment.picked_up.v1", shipment, scopes::INBOUND);
    picked_up.references.push(ReferenceRule {
        entity: None,
        system: None,
        kind: "tracking_number".into(),
        value: expression("body.tracking", scopes::INBOUND),
    });
    let proof = json!({"shipment": "body.shipment", "attempt": "1"});
    let delivered = json!({"number": "body.shipment"});
    let departed = json!({"route": "body.route", "sequence": "\"1\"", "shipments": ["body.shipment"]});
    let flow = |system: &str, channel: &str, mappings| InboundFlow {
        name: format!("{system}-{channel}").as_str().into(),
        system: system.into(),
        channel: Some(channel.to_owned()),
        when: None,
        mappings,
        echo: None,
        owner: Some("integration".into()),
    };
    let of = |emits: &str, target: Json| event_mapping(emits, target, scopes::INBOUND);
    vec![
        flow("shop", "task", vec![of("crossdock.account.updated.v1", task.clone())]),
        flow("odoo", "task", vec![of("crossdock.account.updated.v1", task)]),
        flow("shop", "order", vec![of("crossdock.order.accepted.v1", order)]),
        flow("warehouse", "shipment", vec![picked_up]),
        flow("fleet", "departure", vec![of("crossdock.stop.departed.v1", departed)]),
        flow(
            "fleet",
            "proof",
            vec![of("crossdock.pod.captured.v1", proof), of("crossdock.shipment.delivered.v1", delivered)],
        ),
    ]
}

fn outbound(name: &str, on: &str, input: Json) -> OutboundFlow {
    OutboundFlow {
        name: name.into(),
        on: vec![EventType::find(on).expect("known")],
        repeat: Repetition::Once,
        when: None,
        system: "odoo".into(),
        operation: "work".into(),
        input: tree(&input, scopes::OUTBOUND),
        about: None,
        key: None,
        after: Vec::new(),
        group: None,
        class: Default::default(),
        after_within_ms: 4 * 3_600_000,
        then: Vec::new(),
        retry: RetrySchedule::default(),
        owner: None,
    }
}

fn key(kind: &str, text: &str) -> Option<(String, Expression)> {
    Some((kind.to_owned(), expression(text, scopes::OUTBOUND)))
}

fn event_mapping<const N: usize>(emits: &str, target: Json, names: [&'static str; N]) -> EventMapping {
    EventMapping {
        name: emits.to_owned(),
        emits: EventType::find(emits).expect("known"),
        choice: None,
        when: None,
        each: None,
        time: None,
        find: Vec::new(),
        references: Vec::new(),
        target: tree(&target, names),
    }
}

fn expression<const N: usize>(text: &str, names: [&'static str; N]) -> Expression {
    let scope = scopes::scope(names, &Arc::new(CodeLists::new()));
    Expression::compile(text, &Location::new("test.yaml", 1, 1), &scope).expect("compiles")
}

fn tree<const N: usize>(target: &Json, names: [&'static str; N]) -> Mapping {
    let scope = scopes::scope(names, &Arc::new(CodeLists::new()));
    Mapping::compile(&node(target), &scope).expect("compiles")
}

fn node(json: &Json) -> Node {
    let location = Location::new("test.yaml", 1, 1);
    let kind = match json {
        Json::String(text) => NodeKind::Scalar { text: text.as_str().into(), quoted: false },
        Json::Array(items) => NodeKind::List(items.iter().map(node).collect()),
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| Entry {
                key: key.as_str().into(),
                key_location: location.clone(),
                value: node(value),
            };
            NodeKind::Map(map.iter().map(entry).collect())
        }
        other => panic!("not used in these tests: {other}"),
    };
    Node { location, kind }
}
