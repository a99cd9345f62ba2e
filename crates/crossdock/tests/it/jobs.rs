//! Jobs on the command line: a customer's endpoint is away until their orders are paused; then they are looked at, resumed
//! and given up, many at once.

use serde_json::Value as Json;

use crate::guide::Guide;
use crate::mending::ONE_AT_A_TIME;
use crate::program::crossdock;
use crate::running_hub::{Running, init};

const ORDERS: usize = 6;

#[test]
fn many_paused_transmissions_are_previewed_resumed_stopped_and_given_up() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let token = std::fs::read_to_string(folder.join("secrets/shop")).expect("the secret");
    let token = format!("X-Shop-Token: {}", token.trim());
    let customer = folder.join("systems/customer.yaml");
    let text = std::fs::read_to_string(&customer).expect("the system");
    std::fs::write(&customer, text.replace("retry: {", "breaker: {failures_max: 1000}\nretry: {attempts_max: 1, "))
        .expect("written");
    let sample = std::fs::read_to_string(folder.join("tests/samples/order.json")).expect("the sample");
    let mut hub = Running::start(&folder);
    let api = hub.api();
    for n in 0..ORDERS {
        let order = sample.replace("WEB-1001", &format!("WEB-{n}")).replace("8001", &format!("900{n}"));
        assert!(hub.send_to("/in/shop/order", &token, &order).starts_with("HTTP/1.1 202"));
    }
    let run = |args: &[&str], code: i32| {
        let args: Vec<&str> = args.iter().copied().chain(["--api", &api]).collect();
        crossdock(&args).run().expect(code)
    };
    let json = |args: &[&str], code: i32| -> Json {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let ended = run(&args, code);
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out))
    };
    let all = format!("transmissions paused\t{ORDERS}\n");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !crossdock(&["overview", "--api", &api]).run().out.contains(&all) {
        assert!(std::time::Instant::now() < deadline, "{}", run(&["paused", "list"], 1).out);
    }

    guide(&api);

    // They stand still for one reason.
    let faults = json(&["jobs", "faults"], 1);
    assert_eq!((&faults["items"][0]["count"], faults["items"].as_array().map(Vec::len)), (&ORDERS.into(), Some(1)));
    let fault = faults["items"][0]["fault"].as_str().expect("a name").to_owned();
    let shown = run(&["jobs", "faults"], 1);
    assert!(shown.out.starts_with(&format!("{fault}\t{ORDERS}\tcustomer\t")), "{}", shown.out);

    // One looks first; nobody is asked where nobody is, and nothing is started.
    let looked = run(&["jobs", "start", "cancel", "--entity", "order/WEB-0", "--dry-run"], 0);
    assert!(looked.out.starts_with("1 paused transmission would be given up"), "{}", looked.out);
    let unasked = run(&["jobs", "start", "cancel", "--entity", "order/WEB-0", "--reason", "too late"], 2);
    assert!(unasked.err.contains("say --yes"), "{}", unasked.err);
    assert_eq!(run(&["jobs", "list"], 0).out.lines().count(), 1, "that of the guide");
    let ended = run(&["jobs", "start", "cancel", "--entity", "order/WEB-0", "--yes", "--reason", "too late"], 0);
    assert!(ended.out.starts_with("1 given up, 0 refused; job "), "{}", ended.out);
    let nothing = run(&["jobs", "start", "cancel", "--entity", "order/WEB-0", "--yes", "--reason", "too late"], 0);
    assert_eq!(nothing.out, "nothing that stands still fits\n");

    // A slow one is stopped; a quick one takes the rest.
    let slow = ["jobs", "start", "cancel", "--fault", &fault, "--rate", "1", "--yes", "--detach", "--reason", "x"];
    let slow = json(&slow, 0);
    let id = slow["job"]["id"].as_str().expect("an id");
    let stopped = run(&["jobs", "stop", id, "--reason", "not these"], 0);
    assert!(stopped.out.contains("is stopped"), "{}", stopped.out);
    assert!(run(&["jobs", "stop", id, "--reason", "not these"], 1).err.contains("nothing to stop"));
    assert_eq!(json(&["jobs", "show", id], 0)["state"], "stopped");
    let quick =
        ["paused", "resume", "--all", "--system", "customer", "--class", "transmission_exhausted", "--rate", "100"];
    let looked = run(&[&quick[..], &["--dry-run", "--reason", "x"]].concat(), 0);
    assert!(looked.out.contains(" paused transmissions would be resumed"), "{}", looked.out);
    let ended = json(&[&quick[..], &["--yes", "--reason", "they are back"]].concat(), 0);
    assert_eq!((&ended["state"], &ended["refused"], &ended["action"]), (&"done".into(), &0.into(), &"resume".into()));
    let listed = run(&["jobs", "list"], 0);
    assert_eq!(listed.out.lines().count(), 4, "{}", listed.out);
    assert!(run(&["jobs", "show", "7"], 1).err.contains("`7` is not the id of a job"));
    assert_eq!(hub.stop(), Some(0));
}

/// The operators' guide's commands for many at once, in their order. The customer stays away, so what they resume is paused again.
fn guide(api: &str) {
    let guide = Guide::of(include_str!("../../../../docs/guides/operations.md"));
    assert_eq!(guide.len(), ONE_AT_A_TIME + 4, "a command that the guide shows is not run");
    for (n, (code, expect)) in [
        (1, "transmission_exhausted"),
        (0, "6 paused transmissions would be resumed"),
        (0, "6 resumed, 0 refused"),
        (0, "\tresume\t6\t0\t6\tdone\t"),
    ]
    .into_iter()
    .enumerate()
    {
        let told = guide.run(ONE_AT_A_TIME + n, &std::env::temp_dir(), &[("CROSSDOCK_API", api)], code);
        assert!(told.contains(expect), "{told}");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !crossdock(&["overview", "--api", api]).run().out.contains("transmissions paused\t6\n") {
        assert!(std::time::Instant::now() < deadline, "they are paused again");
    }
}
