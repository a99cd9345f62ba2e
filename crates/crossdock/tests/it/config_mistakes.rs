//! `crossdock check` on hubs that are wrong: everything at once, each mistake at its place.

use crate::program::{crossdock, hub, write_hub};

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let ended = crossdock(&["check", "mistakes"])
        .within(hub("mistakes").parent().expect("it is in a folder"))
        .without_env("CROSSDOCK_TEST_UNSET_URL")
        .without_env("CROSSDOCK_TEST_UNSET_KEY")
        .run()
        .expect(1);
    insta::assert_snapshot!("mistakes", ended.out);
}

/// Checks a hub of these files and compares the first line of each finding.
#[track_caller]
fn check(files: &[(&str, &str)], expect: &[&str]) {
    let folder = write_hub(files);
    let ended = crossdock(&["check", "."]).within(folder.path()).run();
    let findings: Vec<&str> =
        ended.out.lines().filter(|line| line.contains(": error: ") || line.contains(": warning: ")).collect();
    assert_eq!(findings, expect, "\n{}{}", ended.out, ended.err);
}

const HUB: (&str, &str) = ("hub.yaml", "hub: x\n");
const WAREHOUSE: (&str, &str) = (
    "systems/warehouse.yaml",
    "system: warehouse\nconnector: http\ndomain: warehouse\nconfig: {url: http://127.0.0.1:9}\n",
);
const SEND: (&str, &str) = ("mappings/send.yaml", "mapping: send\ntarget: {path: '\"/x\"', body: {id: event.id}}\n");

/// Makes the events that the outbound flows of these tests wait for.
const INBOUND: (&str, &str) = ("flows/in.yaml", "flow: in\nfrom: {system: warehouse}\nmap: [made/order, made/pod]\n");
const ORDER: (&str, &str) = (
    "mappings/made/order.yaml",
    "mapping: made/order\nemits: crossdock.order.accepted.v1\ntarget: {number: body.n, lines: body.lines}\n",
);
const POD: (&str, &str) = (
    "mappings/made/pod.yaml",
    "mapping: made/pod\nemits: crossdock.pod.captured.v1\ntarget: {shipment: body.s, attempt: 1}\n",
);

#[test]
fn a_flow_that_would_wait_for_ever_is_told() {
    let order =
        "flow: order\non: crossdock.order.accepted.v1\nto: {system: warehouse, operation: request.send}\nmap: send\n";
    let pod = "flow: pod\non: crossdock.pod.captured.v1\nto: {system: warehouse, operation: request.send}\nmap: send\nafter: [order]\n";
    let expect = "flows/pod.yaml:5:9: error: flow order is about order, this one about proof_of_delivery: it would wait for ever";
    check(&[HUB, WAREHOUSE, SEND, ("flows/order.yaml", order), ("flows/pod.yaml", pod)], &[expect]);
    let mended = pod.replace("after:", "about: {order: event.data.order}\nafter:");
    check(&[HUB, WAREHOUSE, SEND, ("flows/order.yaml", order), ("flows/pod.yaml", &mended), INBOUND, ORDER, POD], &[]);
    let itself = order.replace("map: send", "map: send\nafter: order");
    check(
        &[HUB, WAREHOUSE, SEND, ("flows/order.yaml", &itself)],
        &["flows/order.yaml:5:8: error: the flow waits for itself"],
    );
}

#[test]
fn a_flow_that_nothing_makes_an_event_for_is_told() {
    let flow =
        "flow: out\non: [crossdock.order.accepted.v1]\nto: {system: warehouse, operation: request.send}\nmap: send\n";
    check(
        &[HUB, WAREHOUSE, SEND, ("flows/out.yaml", flow)],
        &["flows/out.yaml:2:6: warning: no flow of this hub makes crossdock.order.accepted.v1"],
    );
}

#[test]
fn item_is_there_only_under_each() {
    let flow = "flow: in\nfrom: {system: warehouse}\nmap: item\n";
    let mapping = "mapping: item\nemits: crossdock.item.created.v1\ntarget: {sku: item.sku}\n";
    check(
        &[HUB, WAREHOUSE, ("flows/in.yaml", flow), ("mappings/item.yaml", mapping)],
        &["mappings/item.yaml:3:15: error: there is no variable `item` [unknown-variable]"],
    );
    let mended = mapping.replace("target", "each: body.items\ntarget");
    check(&[HUB, WAREHOUSE, ("flows/in.yaml", flow), ("mappings/item.yaml", &mended)], &[]);
}

#[test]
fn what_a_constant_makes_certain_is_told() {
    let flow = "flow: in\nfrom: {system: warehouse}\nmap: [stop, pod]\n";
    let stop = "mapping: stop\nemits: crossdock.stop.arrived.v1\ntarget:\n  when: body.late\n  then: {route: body.r, sequence: body.s, \
                activity: {value: body.what, default: '\"lode\"'}}\n  else: {route: body.r, sequence: [body.s]}\n";
    let pod = "mapping: pod\nemits: crossdock.pod.captured.v1\ntarget:\n  shipment: body.s\n  attempt: '\"first\"'\n  signature: \
               {mime: body.m}\n  photos:\n    each: body.photos\n    as: p\n    to: {name: p.n, size: p.s}\n  lines: body.lines\n  \
               attributes: '\"none\"'\n";
    check(
        &[HUB, WAREHOUSE, ("flows/in.yaml", flow), ("mappings/stop.yaml", stop), ("mappings/pod.yaml", pod)],
        &[
            "mappings/pod.yaml:5:12: error: this field must be a whole number, not a text [target-wrong-type]",
            "mappings/pod.yaml:6:14: error: the target lacks `name`, which `signature` needs [target-missing-field]",
            "mappings/pod.yaml:10:21: error: `photos` has no field `size` [target-unknown-field]",
            "mappings/pod.yaml:12:15: error: this field must be a map, not a text [target-wrong-type]",
            "mappings/stop.yaml:5:81: error: this field does not take `lode` [target-unknown-word]",
            "mappings/stop.yaml:6:35: error: this field must be a text, not a list [target-not-single]",
        ],
    );
}

#[test]
fn a_target_field_named_like_a_control_is_escaped() {
    let flow = "flow: in\nfrom: {system: warehouse}\nmap: eta\n";
    let eta = "mapping: eta\nemits: crossdock.shipment.picked_up.v1\ntarget:\n  number: body.n\n  lines: body.lines\n  eta: {=value: body.eta}\n";
    check(&[HUB, WAREHOUSE, ("flows/in.yaml", flow), ("mappings/eta.yaml", eta)], &[]);
}

#[test]
fn the_environment_is_asked_and_what_follows_from_its_gaps_is_not_told() {
    let system = "system: warehouse\nconnector: http\ndomain: warehouse\nconfig:\n  url: ${XD_TEST_URL}\n";
    let flow =
        "flow: out\non: crossdock.order.accepted.v1\nto: {system: warehouse, operation: request.send}\nmap: send\n";
    let files = [HUB, SEND, ("systems/warehouse.yaml", system), ("flows/out.yaml", flow), INBOUND, ORDER, POD];
    check(&files, &["systems/warehouse.yaml:5:8: error: the environment variable XD_TEST_URL is not set"]);
    let folder = write_hub(&files);
    crossdock(&["check", "--without-secrets"]).within(folder.path()).run().expect(0);
    crossdock(&["check"]).within(folder.path()).env("XD_TEST_URL", "http://127.0.0.1:9").run().expect(0);
    let wrong = crossdock(&["check"]).within(folder.path()).env("XD_TEST_URL", "nonsense").run().expect(1);
    assert!(wrong.out.contains("systems/warehouse.yaml:5:8: error:"), "{}", wrong.out);
}

#[test]
fn a_secret_file_is_read_and_missing_ones_are_told() {
    let system = "system: warehouse\nconnector: http\ndomain: warehouse\nwebhook: {scheme: bearer, secret: [{file: secrets/new}, \
                  {env: XD_TEST_OLD}]}\n";
    let item = "mapping: item\nemits: crossdock.item.created.v1\ntarget: {sku: body.sku}\n";
    let flow = "flow: in\nfrom: {system: warehouse}\nmap: item\n";
    let files = [HUB, ("systems/warehouse.yaml", system), ("mappings/item.yaml", item), ("flows/in.yaml", flow)];
    check(
        &files,
        &[
            "systems/warehouse.yaml:4:43: error: the secret file secrets/new cannot be read: No such file or directory (os error 2)",
            "systems/warehouse.yaml:4:63: error: the environment variable XD_TEST_OLD is not set",
        ],
    );
    let folder = write_hub(&files);
    std::fs::create_dir(folder.path().join("secrets")).expect("a folder");
    std::fs::write(folder.path().join("secrets/new"), "s3cret\n").expect("a file");
    let ended = crossdock(&["check"]).within(folder.path()).env("XD_TEST_OLD", "0ld").run().expect(0);
    assert!(!ended.out.contains("s3cret") && !ended.out.contains("0ld"), "{}", ended.out);
}

#[test]
fn what_is_wrong_with_the_schemas_and_samples_of_channels_is_told() {
    let system = "system: warehouse\nconnector: http\ndomain: warehouse\nwebhook: {scheme: bearer, secret: {env: HOME}}\nchannels:\n  a: {schema: schemas/a.json}\n  b: {samples: \
                  [samples/b.json, samples/none.json]}\n  c: {}\n  d: {schema: ../d.json}\n  e: {schemas: x}\n  f: {schema: \
                  'schemas/f.json#/$defs/Order'}\n  g: {schema: schemas/g.json}\n";
    let item = "mapping: item\nemits: crossdock.item.created.v1\ntarget: {sku: body.sku}\n";
    let flow = "flow: in\nfrom: {system: warehouse}\nmap: item\n";
    check(
        &[
            HUB,
            ("systems/warehouse.yaml", system),
            ("mappings/item.yaml", item),
            ("flows/in.yaml", flow),
            ("schemas/a.json", "{\n\t\"type\": \"objekt\"\n}\n"),
            ("schemas/f.json", "{}"),
            ("schemas/g.json", "{"),
            ("samples/b.json", "[1,]"),
        ],
        &[
            "schemas/a.json:2:10: error: JSON Schema has no type `objekt`",
            "schemas/f.json:1:1: error: there is nothing at `#/$defs/Order` in this schema",
            "schemas/g.json:1:1: error: this is not JSON: EOF while parsing an object at line 1 column 1",
            "systems/warehouse.yaml:7:17: error: samples/b.json is not usable JSON: not JSON at line 1, column 4: trailing comma",
            "systems/warehouse.yaml:7:33: error: samples/none.json cannot be read: No such file or directory (os error 2)",
            "systems/warehouse.yaml:8:6: error: a channel needs a `schema` or `samples`",
            "systems/warehouse.yaml:9:15: error: `../d.json` is not a path inside the hub folder",
            "systems/warehouse.yaml:10:6: error: a channel needs a `schema` or `samples`",
            "systems/warehouse.yaml:10:7: error: a channel has no field `schemas`",
        ],
    );
}

#[test]
fn a_machine_reads_the_findings() {
    let folder = write_hub(&[("hub.yaml", "hub: x\ncolour: blue\n")]);
    let ended = crossdock(&["check", "--json"]).within(folder.path()).run().expect(1);
    let report: serde_json::Value = serde_json::from_str(&ended.out).expect("it is JSON");
    assert_eq!(report["errors"], 1);
    assert_eq!(report["findings"][0]["file"], "hub.yaml");
    assert_eq!(report["findings"][0]["line"], 2);
    assert_eq!(report["findings"][0]["column"], 1);
    assert_eq!(report["findings"][0]["severity"], "error");
}

#[test]
fn a_file_that_is_not_text_is_told_with_its_place() {
    let folder = write_hub(&[HUB]);
    std::fs::write(folder.path().join("hub.yaml"), b"hub: x\n# caf\xe9\n").expect("a file");
    let ended = crossdock(&["check"]).within(folder.path()).run().expect(1);
    assert!(ended.out.starts_with("hub.yaml:2:6: error: this is not UTF-8 text"), "{}", ended.out);
}

#[test]
fn the_hubs_own_name_is_not_a_systems() {
    let (_, text) = WAREHOUSE;
    let text = text.replace("system: warehouse", "system: api");
    let expect = [
        "systems/api.yaml:1:1: error: no system is called `api`",
        "systems/api.yaml:1:1: warning: no flow uses system api",
    ];
    check(&[HUB, ("systems/api.yaml", &text)], &expect);
}

#[test]
fn limits_of_what_does_not_exist_are_told() {
    let limits = "limits:\n  concurrency_max: 4\n  operations:\n    request.sent: {concurrency_max: 2}\n    request.send: {}\n  \
                  groups:\n    customer: {rate_per_s: 2, burst: 4}\n";
    let warehouse = format!("{}{limits}", WAREHOUSE.1);
    let flow = |more: &str| {
        format!(
            "flow: order\non: crossdock.order.accepted.v1\nto: {{system: warehouse, operation: request.send}}\nmap: send\n{more}"
        )
    };
    let wrong = flow("group: {custommer: event.data.number}\nclass: {criticality: urgent}\n");
    check(
        &[HUB, ("systems/warehouse.yaml", &warehouse), SEND, ("flows/order.yaml", &wrong), INBOUND, ORDER, POD],
        &[
            "flows/order.yaml:5:9: error: system warehouse has no limits for groups called `custommer`",
            "flows/order.yaml:6:22: error: `criticality` of `class` must be one of critical, normal, batch",
            "systems/warehouse.yaml:8:5: error: this system has no operation `request.sent`",
            "systems/warehouse.yaml:9:19: error: `request.send` limits nothing",
        ],
    );
    let mended = warehouse
        .replace("request.sent: {concurrency_max: 2}\n    request.send: {}", "request.send: {concurrency_max: 2}");
    let right = flow("group: {customer: event.data.number}\nclass: {criticality: batch}\n");
    check(&[HUB, ("systems/warehouse.yaml", &mended), SEND, ("flows/order.yaml", &right), INBOUND, ORDER, POD], &[]);
}

#[test]
fn what_would_go_too_soon_is_told() {
    let hub = format!("{}retention: {{bodies: 90d, transmissions: 1h, attempts: 3d}}\n", HUB.1);
    let line = hub.lines().count();
    check(
        &[("hub.yaml", &hub), WAREHOUSE, INBOUND, ORDER, POD],
        &[
            &format!("hub.yaml:{line}:41: error: `transmissions` would go before anybody has looked at them"),
            &format!("hub.yaml:{line}:45: error: `retention` has no field `attempts`"),
        ],
    );
    let right = hub.replace("1h, attempts: 3d", "90d, rejections: 30d");
    check(&[("hub.yaml", &right), WAREHOUSE, INBOUND, ORDER, POD], &[]);
}
