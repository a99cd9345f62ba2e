//! The real workers on real threads, from start to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossdock_connect::endpoint::RawRequest;
use crossdock_core::invariants;
use crossdock_store::{ExceptionFilter, MessageFilter, Page, Store, TransmissionFilter};
use serde_json::{Value as Json, json};

use super::faulty::Faulty;
use super::partner::{Partner, Reply};
use super::world::{Settings, ada, order, plan, proof, shipment};
use crate::clock::SystemClock;
use crate::desk::ResumeScope;
use crate::hub::RunningHub;

/// How long a test may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(store: &Arc<Faulty>, partner: &Arc<Partner>, settings: &Settings) -> RunningHub {
    let plan = Arc::new(plan(settings));
    RunningHub::start(store.clone(), Arc::new(SystemClock), partner.clone(), plan).expect("starts")
}

async fn send(hub: &RunningHub, system: &str, channel: &str, line: &Json) {
    let request = RawRequest {
        method: "POST".into(),
        channel: channel.to_owned(),
        url: String::new(),
        query: Vec::new(),
        headers: vec![("signature".into(), "good".into())],
        body: line.to_string().into_bytes(),
    };
    hub.intake().accept(&system.into(), &request).await.expect("accepted");
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn count(store: &Faulty, state: &str) -> u64 {
    let counts = store.counts().expect("reads");
    counts.systems.values().filter_map(|system| system.transmissions.get(state)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_from_start_to_stop() {
    let (store, partner) = (Faulty::new(), Partner::new());
    let hub = start(&store, &partner, &Settings { polls: Some(20), ..Settings::default() });
    assert_eq!(hub.systems().count(), 5);
    partner.change(json!({"id": "c", "key": "K", "name": "polled"}));
    for n in 0..20 {
        send(&hub, "shop", "order", &order(&format!("S{n}"), &["A"])).await;
        send(&hub, "fleet", "proof", &proof(&n.to_string())).await;
        send(&hub, "warehouse", "shipment", &shipment(&n.to_string(), &format!("S{n}"), &["A"])).await;
    }
    until("all is done", || count(&store, "done") == 101).await;
    let effects = partner.effects().len();
    let transmissions = store.transmissions(&TransmissionFilter::default(), Page::first(1_000)).expect("reads");
    let messages = store.messages(&MessageFilter::default(), Page::first(1_000)).expect("reads");
    hub.stop().await;
    assert_eq!(effects, 101);
    assert_eq!(invariants::i3_keys_are_in_order(&transmissions), Vec::<String>::new());
    assert_eq!(invariants::i2_dedup_keys_are_unique(&messages), Vec::<String>::new());
    assert!(store.counts().is_err(), "the store is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_awaits_the_attempts_under_way() {
    let (store, partner) = (Faulty::new(), Partner::new());
    partner.behave(|_| Reply::Slow(300));
    let hub = start(&store, &partner, &Settings { concurrency_max: 4, ..Settings::default() });
    for n in 0..10 {
        send(&hub, "shop", "task", &json!({"id": n.to_string(), "key": n.to_string(), "name": "x"})).await;
    }
    until("four are under way", || partner.calls().len() == 4).await;
    let desk = hub.desk();
    let commits = store.asked().commits;
    hub.stop().await;
    assert_eq!((partner.effects().len(), partner.calls().len()), (4, 4));
    assert_eq!(store.asked().commits, commits + 4, "and their ends are recorded");
    assert!(desk.overview().is_err());
    assert!(desk.resume(&ResumeScope::All, &ada()).await.is_err(), "not a word is lost in a queue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reach_the_router_and_a_poller_that_crashes_is_started_again() {
    let (store, partner) = (Faulty::new(), Partner::new());
    partner.behave(|told| match (told.path.as_str(), told.n) {
        ("fetch", 0..2) => Reply::Crash,
        ("work", _) if told.items[0].1["name"] == "refused" && told.at < Duration::from_secs(1) => Reply::Status(422),
        _ => Reply::Do,
    });
    let hub = start(&store, &partner, &Settings { polls: Some(10), ..Settings::default() });
    partner.change(json!({"id": "c", "key": "K", "name": "polled"}));
    send(&hub, "shop", "task", &json!({"id": "t", "key": "L", "name": "refused"})).await;
    until("one is polled, one is paused", || count(&store, "done") == 1 && count(&store, "paused") == 1).await;
    let deadline = Instant::now() + PATIENCE;
    while count(&store, "done") < 2 {
        assert!(Instant::now() < deadline, "it never was resumed");
        let resumed = hub.desk().resume(&ResumeScope::All, &ada()).await.expect("runs");
        assert!(resumed.transmissions.len() <= 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_to_a_system_that_was_removed_is_told() {
    let (store, partner) = (Faulty::new(), Partner::new());
    partner.behave(|_| Reply::Status(409));
    let hub = start(&store, &partner, &Settings::default());
    send(&hub, "shop", "task", &json!({"id": "t", "key": "K", "name": "x"})).await;
    until("it is owed", || count(&store, "owed") == 1).await;
    // As after a crash: the store stays open.
    drop(hub);
    let open = |store: &Faulty| {
        let filter = ExceptionFilter { open: Some(true), ..ExceptionFilter::default() };
        store.exceptions(&filter, Page::first(10)).expect("reads")
    };
    let mut without = plan(&Settings::default());
    without.systems.remove(&"odoo".into()).expect("there");
    let hub =
        RunningHub::start(store.clone(), Arc::new(SystemClock), partner.clone(), Arc::new(without)).expect("starts");
    assert!(open(&store)[0].summary.contains("owed to odoo, which is no longer in the configuration"));
    drop(hub);
    let hub = start(&store, &partner, &Settings::default());
    assert_eq!(open(&store), []);
    drop(hub);
}
