//! A running hub with one system, `warehouse`, whose webhooks carry a made-up signature.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crossdock_connect::endpoint::{Endpoint, Operation, RawRequest, Receipt, Reject, Repeat, Step};
use crossdock_connect::secret::Secret;
use crossdock_core::exchange::{Call, Exchange, SendFault};
use crossdock_core::hub::Hub;
use crossdock_core::ids::{ConfigVersion, SystemName};
use crossdock_core::message::Envelope;
use crossdock_core::model::shape::Shape;
use crossdock_core::transmission::breaker::BreakerSettings;
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_runtime::clock::SystemClock;
use crossdock_runtime::hub::RunningHub;
use crossdock_runtime::plan::{IntakeLimits, Plan, SystemPlan};
use crossdock_store::{MemoryStore, Store};
use crossdock_transport::{Sending, Transport};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::client::Client;
use crate::{GatewaySettings, Limits, ServeError, Serving, serve};

pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What both systems can do.
const OPERATIONS: &[Operation] = &[Operation {
    name: "picking.validate",
    summary: "Is refused.",
    repeat: Repeat::Safe,
    batch_max: 1,
    input: Shape::ANY,
    result: Shape::ANY,
}];

/// Believes `x-signature: good`, wants JSON, and takes `x-id` as dedup key.
#[derive(Debug)]
struct Warehouse;

impl Endpoint for Warehouse {
    fn receive(&self, request: &RawRequest, _: Timestamp) -> Result<Vec<Envelope>, Reject> {
        let reject = |status, code, reason: &str| Reject { status, code, reason: reason.to_owned() };
        match request.header("x-signature") {
            None => return Err(reject(401, "XD-1010", "missing header x-signature")),
            Some("good") => {}
            Some(_) => return Err(reject(401, "XD-1014", "signature does not match")),
        }
        if serde_json::from_slice::<serde_json::Value>(&request.body).is_err() {
            return Err(reject(400, "XD-1020", "the body is not JSON"));
        }
        Ok(vec![Envelope {
            channel: request.channel.clone(),
            dedup_key: request.header("x-id").unwrap_or("none").to_owned(),
            content_type: request.content_type().to_owned(),
            headers: Vec::new(),
            body: request.body.clone(),
        }])
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn next(&self, _: &[Transmission], _: &[Exchange], _: Timestamp) -> Step {
        Step::done(Outcome::Refused { reason: "the warehouse takes nothing".into() })
    }
}

/// Answers as Xero wants it.
#[derive(Debug)]
struct Silent;

impl Endpoint for Silent {
    fn receive(&self, request: &RawRequest, now: Timestamp) -> Result<Vec<Envelope>, Reject> {
        Warehouse.receive(request, now)
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn receipt(&self) -> Receipt {
        Receipt { status: 200, content_type: "text/plain", body: Some("") }
    }

    fn next(&self, transmissions: &[Transmission], so_far: &[Exchange], now: Timestamp) -> Step {
        Warehouse.next(transmissions, so_far, now)
    }
}

struct Nowhere;

impl Transport for Nowhere {
    fn send<'a>(&'a self, _: &'a Call, _: usize) -> Sending<'a> {
        Box::pin(async { Err(SendFault::NotSent("there is no network in this test".into())) })
    }
}

/// What a test may set.
#[derive(Clone, Default)]
pub struct Wishes {
    pub token: Option<Secret>,
    pub limits: Limits,
    pub intake: IntakeLimits,
}

/// The hub, its gateway and its store.
pub struct TestHub {
    pub store: Arc<MemoryStore>,
    pub ingress: SocketAddr,
    pub console: SocketAddr,
    running: RunningHub,
    serving: Serving,
    stop: oneshot::Sender<()>,
}

impl TestHub {
    pub async fn start() -> Self {
        Self::start_with(Wishes::default()).await
    }

    pub async fn start_with(wishes: Wishes) -> Self {
        let store = Arc::new(MemoryStore::new());
        let running =
            RunningHub::start(store.clone(), Arc::new(SystemClock), Arc::new(Nowhere), Arc::new(plan(&wishes)))
                .expect("an empty store can be read");
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let settings =
            GatewaySettings { token: wishes.token, limits: wishes.limits, ..GatewaySettings::new(anywhere, anywhere) };
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let serving = serve(settings, running.intake(), running.desk(), stopped).await.expect("two free ports");
        Self { store, ingress: serving.ingress, console: serving.console, running, serving, stop }
    }

    /// Tries to open two more doors to the same hub.
    pub async fn serve_again(&self, settings: GatewaySettings) -> Result<Serving, ServeError> {
        serve(settings, self.running.intake(), self.running.desk(), std::future::pending()).await
    }

    /// A connection to the ingress.
    pub async fn sender(&self) -> Client {
        Client::connect(self.ingress).await
    }

    /// A connection to the console.
    pub async fn person(&self) -> Client {
        Client::connect(self.console).await
    }

    /// Shuts the doors; fails when that takes longer than ten seconds.
    pub async fn stop(self) {
        drop(self.stop);
        let stopping = async {
            self.serving.ended().await;
            self.running.stop().await;
        };
        tokio::time::timeout(Duration::from_secs(10), stopping).await.expect("stopped in time");
    }

    /// Waits until the router has nothing to do.
    pub async fn wait_until_routed(&self) {
        self.wait_until("the router", |store| store.waiting(1).is_ok_and(|waiting| waiting.is_empty())).await;
    }

    /// Waits until `is_so`, at most ten seconds.
    pub async fn wait_until(&self, what: &str, is_so: impl Fn(&dyn Store) -> bool) {
        let waiting = async {
            while !is_so(self.store.as_ref()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("waited for {what}"));
    }
}

fn plan(wishes: &Wishes) -> Plan {
    let system = |endpoint: Arc<dyn Endpoint>| SystemPlan {
        endpoint,
        connector: "made-up".into(),
        domain: "warehouse".into(),
        zone: "external".into(),
        owner: Some("warehouse-desk".into()),
        concurrency_max: 1,
        adaptive: true,
        limits: Default::default(),
        pace: None,
        breaker: BreakerSettings::default(),
    };
    Plan {
        hub: Hub {
            name: "test".into(),
            version: ConfigVersion::from("0000000000000000"),
            inbound: Vec::new(),
            outbound: Vec::new(),
            authority: Default::default(),
            learning_ms: 3_600_000,
            mapping_steps_max: 1000,
            mapping_bytes_max: 1000,
            events_per_message_max: 10,
        },
        systems: BTreeMap::from([
            (SystemName::from("warehouse"), system(Arc::new(Warehouse))),
            (SystemName::from("silent"), system(Arc::new(Silent))),
        ]),
        merging: Default::default(),
        intake: wishes.intake.clone(),
        body_bytes_max: BODY_BYTES_MAX,
        answer_bytes_max: 1024,
        mapping_ms_max: 1000,
        recorded_bytes_max: 1024,
        retention: Default::default(),
        replay_needs_another: false,
    }
}
