//! Tests beside the configuration and mappings tried out by hand: what they say, where, and with which exit code.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{crossdock, write_hub};

const HUB: (&str, &str) = ("hub.yaml", "hub: x\n");
const FLEET: (&str, &str) = (
    "systems/fleet.yaml",
    "system: fleet\nconnector: webhook\ndomain: fleet\nwebhook: {scheme: bearer, secret: {env: XD_TEST_FLEET}}\n",
);
const DELIVERED_FLOW: (&str, &str) =
    ("flows/delivered.yaml", "flow: delivered\nfrom: {system: fleet}\nmap: delivered\n");
const DELIVERED: (&str, &str) = (
    "mappings/delivered.yaml",
    "mapping: delivered
emits: crossdock.shipment.delivered.v1
when: body.kind == 'proof'
time: timestamp(body.at)
references:
  - {kind: stop, value: body.stop.id}
target:
  number: body.stop.ref
  service_level: {value: body.?service, default: \"'standard'\"}
  mode: \"'road'\"
  driver: { when: has(body.driver), then: body.driver.name }
  lines:
    each: body.stop.items
    as: item
    where: item.n > 0
    to: {sku: item.sku, quantity: item.n, uom: {value: item.unit, code: units, unknown: \"'C62'\"}}
",
);
const UNITS: (&str, &str) = ("codes/units.yaml", "codes: units\nentries: {PCE: C62, KG: KGM}\n");
const BODY: &str = r#"{"kind": "proof", "at": "2026-03-01T10:00:00Z", "stop": {"id": 7, "ref": "281", "items": [
    {"sku": "A", "n": 0, "unit": "PCE"}, {"sku": "B", "n": 2.50, "unit": "KG"}, {"sku": "C", "n": 1, "unit": "BOX"}]}}"#;

/// The hub of these tests with one test file.
fn hub_with(tests: &str) -> tempfile::TempDir {
    let body = ("samples/proof.json", BODY);
    write_hub(&[HUB, FLEET, DELIVERED_FLOW, DELIVERED, UNITS, body, ("tests/t.yaml", tests)])
}

/// Runs `crossdock test` on the hub of these tests; gives what it printed.
#[track_caller]
fn check(tests: &str, code: i32) -> String {
    crossdock(&["test"]).within(hub_with(tests).path()).run().expect(code).out
}

#[test]
fn part_of_what_comes_out_can_be_expected() {
    let tests = "- test: part\n  mapping: delivered\n  body_file: samples/proof.json\n  partial: true\n  expect:\n    number: \
                 \"281\"\n    driver: null\n    lines: [{sku: B}, {quantity: 1}]\n- test: events\n  flow: delivered\n  body_file: \
                 samples/proof.json\n  partial: true\n  expect_events:\n    - {subject: shipment/281, first: true, data: {mode: road}}\n";
    assert_eq!(check(tests, 0), "2 passed\n");
    let wrong = tests.replace("driver: null", "driver: J").replace("mode: road", "mode: sea");
    let told = check(&wrong, 1);
    assert!(told.contains("  7: driver: is missing; expected \"J\"\n"), "{told}");
    assert!(told.contains("  14: events[0].data.mode: expected \"sea\", found \"road\"\n"), "{told}");
    // A list is as long as expected, also in part.
    let longer = tests.replace("{sku: B}, {quantity: 1}", "{sku: B}");
    assert!(check(&longer, 1).contains("  8: lines[1]: was not expected"));
}

#[test]
fn a_failing_expectation_is_told_with_its_line() {
    let tests = "- test: whole\n  mapping: delivered\n  body_file: samples/proof.json\n  expect:\n    number: \"282\"\n    mode: road\n    \
                 lines:\n      - {sku: B, quantity: 2.5, uom: KGM}\n      - sku: C\n        quantity: 2\n        uom: C62\n";
    let told = check(tests, 1);
    assert_eq!(
        told,
        "failed tests/t.yaml:1  whole\n  5: number: expected \"282\", found \"281\"\n  10: lines[1].quantity: expected 2, found 1\n  5: \
         service_level: was not expected; found \"standard\"\n1 failed, 0 passed\n"
    );
    let folder = hub_with(tests);
    let ended = crossdock(&["test", "--json"]).within(folder.path()).run().expect(1);
    let report: serde_json::Value = serde_json::from_str(&ended.out).expect("it is JSON");
    let first = &report["tests"][0]["differences"][0];
    assert_eq!((first["line"].as_u64(), first["path"].as_str()), (Some(5), Some("number")), "{report:#}");
    assert_eq!((&first["expected"], &first["found"]), (&"282".into(), &"281".into()), "{report:#}");
}

#[test]
fn the_clock_and_what_is_known_beforehand_are_given() {
    let outbound =
        "flow: tell\non: crossdock.shipment.delivered.v1\nto: {system: shop, operation: request.send}\nmap: tell\n";
    let shop = "system: shop\nconnector: http\ndomain: commerce\nconfig: {url: http://127.0.0.1:9}\n";
    let tell = "mapping: tell\ntarget: {path: '\"/x\"', body: {total: linked.order.data.total, state: linked.shipment.status, at: \
                string(event.time)}}\n";
    let tests = "- test: what is linked is found from the event
  flow: tell
  at: 2026-05-01T08:00:00Z
  known:
    shipment/281: {status: in_transit, data: {number: \"281\", order: S1}}
    order/S1: {status: released, data: {number: S1, total: 12.50}}
  input: {event: {data: {number: \"281\"}}}
  expect: {path: /x, body: {total: 12.50, state: in_transit, at: \"2026-05-01T08:00:00Z\"}}
- test: a second delivery is not the first
  flow: delivered
  known:
    shipment/281: {status: delivered, happened: [delivered], updated_at: 2026-03-02T00:00:00Z, data: {number: \"281\"}}
  body_file: samples/proof.json
  expect_events: [{type: crossdock.shipment.delivered.v1, first: false}]
";
    let files = [
        HUB,
        FLEET,
        DELIVERED_FLOW,
        DELIVERED,
        UNITS,
        ("samples/proof.json", BODY),
        ("systems/shop.yaml", shop),
        ("flows/tell.yaml", outbound),
        ("mappings/tell.yaml", tell),
    ];
    let with = |tests| {
        let mut files = files.to_vec();
        files.push(("tests/t.yaml", tests));
        write_hub(&files)
    };
    let passed = crossdock(&["test"]).within(with(tests).path()).run().expect(0);
    assert_eq!(passed.out, "2 passed\n");
    // Without the shipment the way to the order is not known.
    let lost = tests.replace("shipment/281: {status: in_transit", "shipment/282: {status: in_transit");
    let failed = crossdock(&["test"]).within(with(&lost).path()).run().expect(1);
    assert!(failed.out.contains("`linked.order` is not there"), "{}", failed.out);
    let mistaken = tests.replace("order/S1:", "ordr/S1:").replace("happened: [delivered]", "happened: [landed]");
    let checked = crossdock(&["check", "--without-secrets"]).within(with(&mistaken).path()).run().expect(1);
    assert!(checked.out.contains("tests/t.yaml:6:5: error: there is no kind of entity `ordr`"), "{}", checked.out);
    assert!(checked.out.contains("shipment has no event `landed`"), "{}", checked.out);
}

#[test]
fn a_request_is_believed_or_turned_away_as_at_the_door() {
    let tests = "- test: the right token
  system: fleet
  request: {headers: {authorization: Bearer s3cret, content-type: application/json, x-id: m1}, secret: s3cret, body_file: samples/proof.json}
  partial: true
  expect_events: [{subject: shipment/281, data: {number: \"281\"}}]
- test: another token
  system: fleet
  request: {headers: {authorization: Bearer guess}, secret: s3cret, body: {kind: proof}}
  expect_rejection: \"401\"
- test: no token at all
  system: fleet
  request: {body: {kind: proof}}
  expect_rejection: XD-1010
";
    assert_eq!(check(tests, 0), "3 passed\n");
    let told = check(&tests.replace("Bearer s3cret,", "Bearer other,"), 1);
    assert!(told.contains("  5: the request was turned away: 401 "), "{told}");
    let told = check(&tests.replace("Bearer guess", "Bearer s3cret"), 1);
    assert!(told.contains("  9: expected a rejection that speaks of `401`, but it failed"), "{told}");
    let folder = hub_with(
        "- {test: a, flow: delivered, request: {}, expect_rejection: x}\n- {test: b, system: flet, request: {}, expect_events: []}\n",
    );
    let checked = crossdock(&["check", "--without-secrets"]).within(folder.path()).run().expect(1);
    assert!(checked.out.contains("`request` is for tests of a system"), "{}", checked.out);
    assert!(checked.out.contains("there is no system `flet`"), "{}", checked.out);
}

#[test]
fn thousands_of_tests_run_and_fail_in_their_order() {
    let mut tests = String::new();
    for n in 0..2_000 {
        let expected = if n % 500 == 7 { "999" } else { "281" };
        tests += &format!(
            "- test: number {n}\n  mapping: delivered\n  body_file: samples/proof.json\n  partial: true\n  expect: {{number: \"{expected}\"}}\n"
        );
    }
    let told = check(&tests, 1);
    let failed: Vec<&str> = told.lines().filter_map(|line| line.split_once("  number ").map(|(_, n)| n)).collect();
    assert_eq!(failed, ["7", "507", "1007", "1507"]);
    assert!(told.ends_with("4 failed, 1996 passed\n"), "{told}");
}

#[test]
fn a_mapping_is_tried_step_by_step() {
    let folder = hub_with("[]\n");
    let tried = crossdock(&["mapping", "try", "delivered", "samples/proof.json"]).within(folder.path()).run().expect(0);
    insta::assert_snapshot!("mapping_try", tried.out);
    let json = crossdock(&["mapping", "try", "delivered", "samples/proof.json", "--json"])
        .within(folder.path())
        .run()
        .expect(0);
    let told: serde_json::Value = serde_json::from_str(&json.out).expect("it is JSON");
    assert_eq!(told["events"][0]["subject"], "shipment/281");
    let steps = told["steps"].as_array().expect("steps");
    let uom = steps.iter().find(|step| step["target"] == "lines[1].uom").expect("a step for each field");
    assert_eq!((&uom["outcome"], &uom["value"]), (&"unknown_code".into(), &"C62".into()), "{uom:#}");
    assert_eq!(uom["code_lists"][0]["found"], serde_json::Value::Null);
    // All digits of a number stay.
    assert!(json.out.contains("\"quantity\": 2.50"), "{}", json.out);
}

#[test]
fn a_message_is_tried_from_standard_input_and_faults_are_shown_in_their_step() {
    let folder = hub_with("[]\n");
    let mut child = crossdock(&["mapping", "try", "delivered", "-"])
        .within(folder.path())
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let body = br#"{"kind": "proof", "at": "2026-03-01T10:00:00Z", "stop": {"id": 7}}"#;
    child.stdin.take().expect("a pipe").write_all(body).expect("it reads");
    let ended = child.wait_with_output().expect("it ends");
    let out = String::from_utf8(ended.stdout).expect("it prints UTF-8");
    assert_eq!(ended.status.code(), Some(1), "{out}");
    assert!(out.contains("      body.stop.ref = absent\n      → `body.stop.ref` is not there\n"), "{out}");
    let passed_over = crossdock(&["mapping", "try", "delivered", "other.json"]).within(folder.path()).run().expect(2);
    assert!(passed_over.err.contains("other.json cannot be read"), "{}", passed_over.err);
    let misspelt = crossdock(&["mapping", "try", "deliverd"]).within(folder.path()).run().expect(2);
    assert!(misspelt.err.contains("did you mean delivered?"), "{}", misspelt.err);
}

#[test]
fn a_test_gives_the_input_to_try() {
    let folder = hub_with("- {test: one, flow: delivered, body_file: samples/proof.json, expect_events: []}\n");
    let tried = crossdock(&["mapping", "try", "delivered"]).within(folder.path()).run().expect(0);
    assert!(tried.out.starts_with("input  test `one` at tests/t.yaml:1\n"), "{}", tried.out);
    let none = crossdock(&["mapping", "try", "delivered", "--test", "two"]).within(folder.path()).run().expect(2);
    assert!(none.err.contains("no test whose name contains `two`"), "{}", none.err);
}

/// Reads lines until one contains `text`.
fn read_until(lines: &mut impl Iterator<Item = std::io::Result<String>>, text: &str) -> Vec<String> {
    let mut read = Vec::new();
    for line in lines {
        let line = line.expect("it prints UTF-8");
        let found = line.contains(text);
        read.push(line);
        if found {
            return read;
        }
    }
    panic!("`{text}` was not printed: {read:#?}");
}

#[test]
fn a_watched_mapping_is_tried_again_when_it_changes() {
    let folder = hub_with("[]\n");
    let mut command: Command = crossdock(&["mapping", "try", "delivered", "samples/proof.json", "--watch"])
        .within(folder.path())
        .into_command();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    read_until(&mut lines, "watching for changes");
    change(&folder.path().join(DELIVERED.0), "'road'", "'rail'");
    let again = read_until(&mut lines, "watching for changes");
    assert!(again.iter().any(|line| line.contains("\"mode\": \"rail\"")), "{again:#?}");
    change(&folder.path().join(DELIVERED.0), "'rail'", "rail");
    let mistaken = read_until(&mut lines, "watching for changes");
    assert!(mistaken.iter().any(|line| line.contains("there is no variable `rail`")), "{mistaken:#?}");
    child.kill().expect("it can be ended");
    child.wait().expect("it ends");
}

fn change(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("a file");
    // In one piece, as editors save: on a busy machine somebody could otherwise read a file that is still empty.
    let new = path.with_extension("new");
    std::fs::write(&new, text.replace(from, to)).expect("written");
    std::fs::rename(&new, path).expect("renamed");
}

#[test]
fn what_mappings_leave_out_is_reported() {
    let body = r#"{"kind": "proof", "at": "x", "weather": {"sky": "grey"}, "stop": {"id": 7, "ref": "1", "items": [{"sku": "A", "n": 1, "unit": "KG", "lot": "L"}]}}"#;
    let tests = format!("- {{test: one, flow: delivered, input: {{body: {body}}}, expect_fault: x}}\n");
    let folder = hub_with(&tests);
    let told = crossdock(&["mapping", "report"]).within(folder.path()).run().expect(0);
    insta::assert_snapshot!("mapping_report", told.out);
    let json = crossdock(&["mapping", "report", "--json", "delivered"]).within(folder.path()).run().expect(0);
    let report: serde_json::Value = serde_json::from_str(&json.out).expect("it is JSON");
    let fields = report["channels"][0]["fields"].as_array().expect("fields");
    let lot = fields.iter().find(|field| field["path"] == "body.stop.items[].lot").expect("it is known");
    assert_eq!(lot["read_by"], serde_json::json!([]));
    let sku = fields.iter().find(|field| field["path"] == "body.stop.items[].sku").expect("it is known");
    assert_eq!(sku["read_by"], serde_json::json!(["mapping delivered"]));
    let none = crossdock(&["mapping", "report", "--live"]).within(folder.path()).run().expect(2);
    assert!(none.err.contains("no hub answers"), "{}", none.err);
}
