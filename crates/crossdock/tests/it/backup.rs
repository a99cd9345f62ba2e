//! A hub is backed up under load, goes on, is killed, put back, and started: nothing is done twice at a partner that
//! honours keys. The commands are those of the guide.

use std::path::Path;
use std::time::{Duration, Instant};

use crossdock_sim::site::{Behind, Effect, Ledger, Site, State};
use serde_json::Value as Json;

use crate::guide::Guide;
use crate::program::crossdock;
use crate::running_hub::{Running, init};

/// Runs a command of the guide.
#[track_caller]
fn guided(scratch: &Path, number: usize, code: i32) -> String {
    let guide = Guide::of(include_str!("../../../../docs/guides/backup.md"));
    assert_eq!(guide.len(), 3, "a command that the guide shows is not run");
    guide.run(number, scratch, &[], code)
}

pub fn wait(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

pub fn effects(site: &Site) -> Vec<Effect> {
    site.state().ledger().expect("it takes anything").effects().to_vec()
}

#[test]
fn a_hub_put_back_from_a_backup_made_under_load_doubles_nothing() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    std::os::unix::fs::symlink(&folder, scratch.path().join("my-hub")).expect("a link");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let site = runtime.block_on(Site::open(State::new(Behind::Anything(Ledger::default()), 1))).expect("a port");
    let customer = folder.join("systems/customer.yaml");
    let text = std::fs::read_to_string(&customer).expect("the system");
    let url = format!("http://{}/", site.address);
    let text =
        text.replace("${CUSTOMER_URL:-http://127.0.0.1:8490/}", &url).replace("rate_per_s: 20", "rate_per_s: 100");
    assert!(text.contains(&url) && text.contains("rate_per_s: 100"), "{text}");
    std::fs::write(&customer, text).expect("written");
    let token = std::fs::read_to_string(folder.join("secrets/shop")).expect("the secret");
    let token = format!("X-Shop-Token: {}", token.trim());
    let sample = std::fs::read_to_string(folder.join("tests/samples/order.json")).expect("the sample");
    let send = |hub: &Running, orders: std::ops::Range<usize>| {
        for n in orders {
            let order = sample.replace("WEB-1001", &format!("WEB-{n}")).replace("8001", &format!("9{n:04}"));
            assert!(hub.send_to("/in/shop/order", &token, &order).starts_with("HTTP/1.1 202"));
        }
    };

    let hub = Running::start(&folder);
    send(&hub, 0..5);
    wait("the first are told", || effects(&site).len() == 5);
    // The customer is away for a moment, so that something waits when the backup is made; meanwhile orders come in.
    site.shut(true);
    send(&hub, 5..40);
    let told = std::thread::scope(|scope| {
        let more = scope.spawn(|| send(&hub, 40..80));
        let told = guided(scratch.path(), 0, 0);
        more.join().expect("all were accepted");
        told
    });
    assert!(told.starts_with("backed up backups/") && told.contains(", checked\n"), "{told}");
    site.shut(false);
    wait("all are told", || effects(&site).len() == 80);
    send(&hub, 80..90);
    wait("these too", || effects(&site).len() == 90);
    let in_use = guided(scratch.path(), 1, 2);
    assert!(in_use.contains("in use by another hub"), "{in_use}");
    // SIGKILL.
    drop(hub);

    let backup = std::fs::read_dir(scratch.path().join("backups")).expect("there").next().expect("one").expect("read");
    let backup = backup.path().display().to_string();
    let occupied = crossdock(&["restore", "my-hub", "--from", &backup]).within(scratch.path()).run().expect(2);
    assert!(occupied.err.contains("say --replace"), "{}", occupied.err);
    let told = guided(scratch.path(), 1, 0);
    let waiting: usize =
        told.split("events; ").nth(1).and_then(|rest| rest.split(' ').next()).expect("told").parse().expect("a number");
    assert!(waiting >= 35, "{told}");
    assert!(told.contains("absent: ") && told.contains("    shop\t") && told.contains("is kept in "), "{told}");

    // As `crossdock run my-hub` does.
    let hub = Running::start(&folder);
    let api = hub.api();
    wait("what was owed is told again", || {
        let ended = crossdock(&["overview", "--json", "--api", &api]).run();
        let overview: Json = serde_json::from_str(&ended.out).unwrap_or_default();
        overview["transmissions_open"] == 0 && overview["messages_waiting"] == 0
    });
    let effects = effects(&site);
    assert_eq!(effects.len(), 90, "nothing is done twice under another key");
    let repeated = effects.iter().filter(|effect| effect.repeats > 0).count();
    assert!(repeated >= 35, "{repeated} went out again under their keys");
    for n in 0..90 {
        let about = effects.iter().filter(|effect| effect.body.contains(&format!("\"WEB-{n}\""))).count();
        assert_eq!(about, 1, "WEB-{n}");
    }
    drop(hub);

    // A copy for a script, while no hub runs.
    let ended = crossdock(&["backup", "my-hub", "--to", "one.db", "--json"]).within(scratch.path()).run().expect(0);
    let copy: Json = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(copy["transmissions_waiting"], 0, "{copy:#}");
    let again = crossdock(&["backup", "my-hub", "--to", "one.db"]).within(scratch.path()).run().expect(2);
    assert!(again.err.contains("is there already"), "{}", again.err);
}

#[test]
fn data_of_an_earlier_version_go_on() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compat/v0.1/hub.db");
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let site = runtime.block_on(Site::open(State::new(Behind::Anything(Ledger::default()), 1))).expect("a port");
    let customer = folder.join("systems/customer.yaml");
    let text = std::fs::read_to_string(&customer).expect("the system");
    let url = format!("http://{}/", site.address);
    std::fs::write(&customer, text.replace("${CUSTOMER_URL:-http://127.0.0.1:8490/}", &url)).expect("written");
    std::fs::create_dir(folder.join(".data")).expect("a folder");
    std::fs::copy(recorded, folder.join(".data/hub.db")).expect("copied");
    let mut hub = Running::start(&folder);
    wait("what was owed is told", || effects(&site).len() == 6);
    let story = crossdock(&["trace", "WEB-1", "--api", &hub.api()]).run().expect(0);
    assert!(story.out.starts_with("entity\torder/WEB-1\taccepted\t"), "{}", story.out);
    assert_eq!(hub.stop(), Some(0));
}
