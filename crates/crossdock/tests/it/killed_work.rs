//! The hub is killed with SIGKILL while it works on a job and on a replay: started again, it goes on to the end as planned, and
//! every effect is there once.

use std::path::{Path, PathBuf};

use crossdock_sim::site::{Behind, Ledger, Site, State};

use crate::backup::{effects, wait};
use crate::mending::{change, json, send};
use crate::running_hub::{Running, init};

/// So many orders, and so many of them per kill.
const ORDERS: usize = 24;
const PER_KILL: usize = 5;

struct Place {
    site: Site,
    folder: PathBuf,
    // Dropped last: the site runs in it.
    _runtime: tokio::runtime::Runtime,
    _scratch: tempfile::TempDir,
}

fn place() -> Place {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let site = runtime.block_on(Site::open(State::new(Behind::Anything(Ledger::default()), 1))).expect("a port");
    let customer = folder.join("systems/customer.yaml");
    change(&customer, "${CUSTOMER_URL:-http://127.0.0.1:8490/}", &format!("http://{}/", site.address));
    Place { site, folder, _runtime: runtime, _scratch: scratch }
}

fn send_all(hub: &Running, folder: &Path, unit: &str) {
    for n in 0..ORDERS {
        send(hub, folder, &format!("WEB-{n}"), &format!("9{n:03}"), unit);
    }
}

/// Kills the hub whenever so many more effects are there, and starts it again.
fn killed_often(mut hub: Running, place: &Place, orders: usize) -> Running {
    for told in (PER_KILL..orders).step_by(PER_KILL) {
        wait("it goes on", || effects(&place.site).len() >= told);
        drop(hub);
        hub = Running::start(&place.folder);
    }
    wait("all are told", || effects(&place.site).len() >= orders);
    hub
}

/// So many orders were told, each once.
fn assert_told_once(place: &Place, orders: usize) {
    let told = effects(&place.site);
    let about = |n: usize| told.iter().filter(|effect| effect.body.contains(&format!("\"WEB-{n}\""))).count();
    let times: Vec<usize> = (0..ORDERS).map(about).collect();
    assert_eq!((told.len(), times.iter().filter(|times| **times == 1).count()), (orders, orders), "{times:?}");
}

fn at_rest(api: &str) -> bool {
    let overview = json(&["overview"], api);
    overview["transmissions_open"] == 0 && overview["messages_waiting"] == 0
}

#[test]
fn a_job_goes_on_after_the_hub_was_killed() {
    let place = place();
    let customer = place.folder.join("systems/customer.yaml");
    change(&customer, "retry: {", "breaker: {failures_max: 1000}\nretry: {attempts_max: 1, ");
    place.site.shut(true);
    let hub = Running::start(&place.folder);
    let api = hub.api();
    send_all(&hub, &place.folder, "pcs");
    wait("all are paused", || json(&["overview"], &api)["transmissions_paused"] == ORDERS);
    // With more attempts again, or one that a kill interrupts would be paused anew.
    drop(hub);
    change(&customer, "attempts_max: 1, ", "");
    place.site.shut(false);
    let hub = Running::start(&place.folder);
    let api = hub.api();
    let start = |args: &[&str]| {
        let always = ["--yes", "--detach", "--reason", "they are back"];
        let args = [&["jobs", "start"], args, &["--system", "customer"], &always].concat();
        json(&args, &api)["job"]["id"].as_str().expect("an id").to_owned()
    };
    let stopped = start(&["cancel", "--rate", "1"]);
    json(&["jobs", "stop", &stopped, "--reason", "not this"], &api);
    let stopped_as = json(&["jobs", "show", &stopped], &api);
    let given_up: usize = stopped_as["done"].to_string().parse().expect("a number");
    assert!(given_up < ORDERS / 2, "it was slow: {stopped_as:#}");
    let left = ORDERS - given_up;
    let job = start(&["resume", "--rate", "20"]);

    let mut hub = killed_often(hub, &place, left);
    let api = hub.api();
    wait("nothing is left", || at_rest(&api));
    wait("the job is done", || json(&["jobs", "show", &job], &api)["state"] == "done");
    assert_told_once(&place, left);
    let shown = json(&["jobs", "show", &job], &api);
    assert_eq!((&shown["expected"], &shown["done"], &shown["refused"]), (&left.into(), &left.into(), &0.into()));
    assert_eq!(json(&["jobs", "show", &stopped], &api), stopped_as, "what was stopped stays so");
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn a_replay_goes_on_after_the_hub_was_killed() {
    let place = place();
    let hub = Running::start(&place.folder);
    let api = hub.api();
    send_all(&hub, &place.folder, "dozen");
    wait("none can be read", || json(&["overview"], &api)["messages_failed"] == ORDERS);
    drop(hub);
    change(&place.folder.join("codes/units.yaml"), "pcs: C62", "pcs: C62\n  dozen: DZN");
    let hub = Running::start(&place.folder);
    let api = hub.api();
    let plan = |verb: &str, id: &str, more: &[&str], api: &str| {
        json(&[&["replay", verb, id], more, &["--reason", "the unit is known now"]].concat(), api)
    };
    json(&["replay", "plan", "--flow", "shop-orders", "--reason", "the unit is known now"], &api);
    let plans = json(&["replay", "list"], &api);
    let id = plans["items"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(plans["items"][0]["figures"]["changing"], ORDERS, "{plans:#}");
    plan("approve", &id, &[], &api);
    plan("run", &id, &["--rate", "1", "--detach"], &api);
    // Stopped, it stays so over a kill; then it goes on with what is left.
    plan("stop", &id, &[], &api);
    drop(hub);
    let hub = Running::start(&place.folder);
    let api = hub.api();
    assert_eq!(json(&["replay", "status", &id], &api)["state"], "stopped");
    plan("run", &id, &["--rate", "20", "--detach"], &api);

    let mut hub = killed_often(hub, &place, ORDERS);
    let api = hub.api();
    wait("nothing is left", || at_rest(&api));
    wait("the replay is done", || json(&["replay", "status", &id], &api)["state"] == "done");
    assert_told_once(&place, ORDERS);
    let shown = json(&["replay", "status", &id], &api);
    let of =
        |state: &str| shown["items"].as_array().expect("items").iter().filter(|item| item["state"] == state).count();
    assert_eq!(of("done"), ORDERS, "{shown:#}");
    assert_eq!(json(&["overview"], &api)["messages_failed"], 0);
    assert_eq!(hub.stop(), Some(0));
}
