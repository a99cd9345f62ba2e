//! What stands still goes on changed, and messages are read anew with a mended mapping: by the commands of the guides.

use std::path::Path;

use crossdock_sim::site::{Behind, Ledger, Site, State};
use serde_json::Value as Json;

use crate::backup::{effects, wait};
use crate::guide::Guide;
use crate::program::crossdock;
use crate::running_hub::{Running, init};

/// The blocks of the operators' guide about one thing at a time; those about many follow.
pub const ONE_AT_A_TIME: usize = 5;

pub fn json(args: &[&str], api: &str) -> Json {
    let args: Vec<&str> = args.iter().copied().chain(["--json", "--api", api]).collect();
    let ended = crossdock(&args).run();
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}{}", ended.out, ended.err))
}

fn site(runtime: &tokio::runtime::Runtime) -> Site {
    runtime.block_on(Site::open(State::new(Behind::Anything(Ledger::default()), 1))).expect("a port")
}

/// Changes a file, and notices when it does not hold what is changed.
pub fn change(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).expect("a file");
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(file, text.replace(from, to)).expect("written");
}

pub fn send(hub: &Running, folder: &Path, number: &str, id: &str, unit: &str) {
    let token = std::fs::read_to_string(folder.join("secrets/shop")).expect("the secret");
    let sample = std::fs::read_to_string(folder.join("tests/samples/order.json")).expect("the sample");
    let order = sample.replace("WEB-1001", number).replace("8001", id).replace("\"pcs\"", &format!("\"{unit}\""));
    let answer = hub.send_to("/in/shop/order", &format!("X-Shop-Token: {}", token.trim()), &order);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

#[test]
fn what_stands_still_goes_on_changed_by_the_guide() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let backup = site(&runtime);
    let customer = folder.join("systems/customer.yaml");
    change(&customer, "retry: {", "breaker: {failures_max: 1000}\nretry: {attempts_max: 1, ");
    let other = std::fs::read_to_string(&customer).expect("the system").replace("customer\n", "customer-backup\n");
    let other = other.replace("${CUSTOMER_URL:-http://127.0.0.1:8490/}", &format!("http://{}/", backup.address));
    std::fs::write(folder.join("systems/customer-backup.yaml"), other).expect("written");
    let mut hub = Running::start(&folder);
    let api = hub.api();
    for (number, id, unit) in
        [("WEB-1", "9001", "pcs"), ("WEB-2", "9002", "pcs"), ("WEB-3", "9003", "pcs"), ("WEB-4", "9004", "dozen")]
    {
        send(&hub, &folder, number, id, unit);
    }
    let stuck = || json(&["paused", "list"], &api)["stuck"].as_array().cloned().unwrap_or_default();
    wait("three are paused, one cannot be read", || stuck().len() == 4);
    let of = |order: &str| {
        let name = format!("\"{order}\"");
        stuck().into_iter().find(|it| it["affects"].to_string().contains(&name)).expect("it is listed")
    };
    let id = |it: &Json| it["id"].as_str().expect("an id").to_owned();
    let (one, another, last) = (of("WEB-1"), id(&of("WEB-2")), id(&of("WEB-3")));
    let message = id(stuck().iter().find(|it| it["kind"] == "message").expect("it failed"));
    let mut input = one["input"].clone();
    input["event"]["data"]["total"] = "60.00".into();
    std::fs::write(scratch.path().join("input.json"), input.to_string()).expect("written");
    let order = std::fs::read_to_string(folder.join("tests/samples/order.json")).expect("the sample");
    let order = order.replace("WEB-1001", "WEB-4").replace("8001", "9004");
    std::fs::write(scratch.path().join("order.json"), order).expect("written");

    let guide = Guide::of(include_str!("../../../../docs/guides/operations.md"));
    let one = id(&one);
    let variables = [
        ("CROSSDOCK_API", &*api),
        ("TRANSMISSION", &one),
        ("ANOTHER", &another),
        ("MESSAGE", &message),
        ("LAST", &last),
    ];
    let run = |n: usize, code: i32| guide.run(n, scratch.path(), &variables, code);
    let listed = run(0, 1);
    assert!([&one, &another, &message, &last].iter().all(|id| listed.contains(id.as_str())), "{listed}");
    let edited = run(1, 0);
    let instead = edited.strip_prefix("transmission/").and_then(|rest| rest.strip_suffix(" goes on\n")).expect("told");
    assert!(run(2, 0).ends_with(" goes on\n"));
    assert!(run(3, 0).starts_with("message/"));
    assert_eq!(run(4, 0), "given up\n");
    // The customer is still away: what was edited is paused again as it is now; what went to the other one took effect.
    wait("it is paused with its new input", || {
        stuck().iter().any(|it| it["id"] == instead && it["input"]["event"]["data"]["total"] == "60.00")
    });
    wait("the other system was told", || effects(&backup).len() == 1);
    assert!(effects(&backup)[0].body.contains("\"WEB-2\""));
    wait("the corrected message made its order", || {
        stuck().iter().any(|it| it["affects"].to_string().contains("\"WEB-4\"") && it["kind"] == "transmission")
    });
    assert!(!stuck().iter().any(|it| [&one, &another, &message, &last].iter().any(|id| it["id"] == id.as_str()) && it["id"] != instead));
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn a_replay_goes_by_the_guide() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let site = site(&runtime);
    let url = format!("http://{}/", site.address);
    change(&folder.join("systems/customer.yaml"), "${CUSTOMER_URL:-http://127.0.0.1:8490/}", &url);
    // What the guide calls the mended folder: a copy with a better mapping and one more unit. Secrets do not travel.
    let copied = std::process::Command::new("cp").args(["-r", "hub", "new-hub"]).current_dir(scratch.path()).status();
    assert!(copied.expect("cp is there").success());
    let new = scratch.path().join("new-hub");
    std::fs::remove_dir_all(new.join("secrets")).expect("removed");
    change(
        &new.join("mappings/shop/order-accepted.yaml"),
        "name: body.customer.name",
        "name: body.customer.name + \", goods in\"",
    );
    change(&new.join("codes/units.yaml"), "pcs: C62", "pcs: C62\n  dozen: DZN");
    let mut hub = Running::start(&folder);
    let api = hub.api();
    for (number, id, unit) in [("WEB-1", "9001", "pcs"), ("WEB-2", "9002", "pcs"), ("WEB-3", "9003", "dozen")] {
        send(&hub, &folder, number, id, unit);
    }
    wait("two are told", || effects(&site).len() == 2);
    wait("they are settled, and one cannot be read", || {
        let overview = json(&["overview"], &api);
        overview["transmissions_done"] == 2 && overview["messages_failed"] == 1
    });
    let guide = Guide::of(include_str!("../../../../docs/guides/replay.md"));
    assert_eq!(guide.len(), 5, "a command that the guide shows is not run");
    let run = |n: usize, api: &str, plan: &str, code: i32| {
        guide.run(n, scratch.path(), &[("CROSSDOCK_API", api), ("PLAN", plan)], code)
    };
    let looked = run(0, &api, "", 0);
    assert!(
        looked.starts_with("dry run: no plan is kept\n") && looked.contains("\n1 message: 0 would change"),
        "{looked}"
    );
    let planned = run(1, &api, "", 1);
    assert!(planned.contains("3 messages: 3 would change something, 0 cannot be read"), "{planned}");
    assert!(planned.contains("data.ship_to.name: \"Musterwerk GmbH\" -> \"Musterwerk GmbH, goods in\""), "{planned}");
    assert!(planned.contains("took effect, not repeated") && planned.contains("would newly be owed"), "{planned}");
    let plans = json(&["replay", "list"], &api);
    let plan = plans["items"][0]["id"].as_str().expect("an id").to_owned();
    assert!(run(2, &api, &plan, 0).contains("is planned"));
    assert!(run(3, &api, &plan, 0).contains("is approved"));
    let early = run(4, &api, &plan, 1);
    assert!(early.contains("start the hub with that configuration"), "{early}");
    assert_eq!(hub.stop(), Some(0));

    for file in ["mappings/shop/order-accepted.yaml", "codes/units.yaml"] {
        std::fs::copy(new.join(file), folder.join(file)).expect("copied");
    }
    let mut hub = Running::start(&folder);
    let api = hub.api();
    let ran = run(4, &api, &plan, 0);
    assert!(ran.contains("is done") && ran.contains("3 of 3 read anew, 0 left as they are"), "{ran}");
    wait("what was never owed is told", || effects(&site).len() == 3);
    let story = json(&["trace", "WEB-1"], &api);
    assert_eq!(story["entities"][0]["data"]["ship_to"]["name"], "Musterwerk GmbH, goods in", "{story:#}");
    let told = effects(&site);
    for order in ["\"WEB-1\"", "\"WEB-2\"", "\"WEB-3\""] {
        assert_eq!(told.iter().filter(|effect| effect.body.contains(order)).count(), 1, "{order}");
    }
    assert_eq!(hub.stop(), Some(0));
}
