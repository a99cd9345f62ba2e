//! `crossdock rehearse` on the example and on a hub that cannot keep the promise.

use std::path::Path;

use serde_json::Value as Json;

use crate::program::{crossdock, write_hub};

fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).to_string_lossy().into_owned()
}

fn injected(report: &Json, kind: &str) -> u64 {
    let faults = report["faults"].as_array().expect("faults");
    let fault = faults.iter().find(|fault| fault["kind"].as_str().is_some_and(|it| it.starts_with(kind)));
    fault.and_then(|fault| fault["injected"].as_u64()).unwrap_or_else(|| panic!("no fault {kind}: {report:#}"))
}

#[test]
fn the_example_loses_and_doubles_nothing_and_calls_only_this_machine() {
    let kept = tempfile::tempdir().expect("a scratch folder");
    let keep = kept.path().to_string_lossy().into_owned();
    let folder = example("order-to-cash");
    let ended = crossdock(&["rehearse", &folder, "--messages", "60", "--kills", "3", "--seed", "3", "--json"])
        .env("ODOO_URL", "http://odoo.example.com")
        .env("CUSTOMER_SECRET", "a-real-secret");
    let mut command = ended.into_command();
    let output = command.args(["--keep", &keep]).output().expect("the program starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let report: Json = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["holds"], true);
    for what in ["lost", "doubled", "out_of_order", "changed", "waiting"] {
        assert_eq!(report["verdict"][what], serde_json::json!([]), "{report:#}");
    }
    // Release, delivery, signature, invoice and notification of each story.
    let stories = report["stories"].as_i64().expect("a number");
    assert_eq!(report["verdict"]["expected"].as_i64(), Some(5 * stories), "{report:#}");
    assert_eq!(injected(&report, "hub killed"), 3);
    assert_eq!(injected(&report, "partner away"), 3);
    assert!(injected(&report, "message sent again") > 0);
    // A message that never comes is noticed where something is held for it or asks for it, and nowhere else.
    let noticed = |message: &str| {
        let kinds = report["silences"]["kinds"].as_array().expect("kinds");
        let kind = kinds.iter().find(|kind| kind["message"] == message);
        kind.map(|kind| kind["noticed"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(noticed("odoo: confirmed sales order").as_deref(), Some("told"), "{report:#}");
    assert_eq!(noticed("warehouse: shipment-update").as_deref(), Some("timed"), "{report:#}");
    assert_eq!(noticed("fleet: document-submitted").as_deref(), Some("not"), "{report:#}");
    assert_eq!(report["silences_not_noticed"], 2, "{report:#}");

    for world in ["calm", "storm"] {
        let systems = kept.path().join(world).join("systems");
        for file in std::fs::read_dir(systems).expect("systems") {
            let text = std::fs::read_to_string(file.expect("readable").path()).expect("text");
            assert_eq!(text.matches("http").count(), text.matches("http://127.0.0.1:").count(), "{text}");
            assert!(!text.contains("a-real-secret"), "{text}");
        }
    }
}

#[test]
fn a_partner_without_keys_leaves_work_for_a_person_and_the_rehearsal_says_so() {
    let hub = write_hub(&[
        ("hub.yaml", "hub: careless\n"),
        (
            "systems/shop.yaml",
            "system: shop\nconnector: http\ndomain: commerce\nwebhook: {scheme: standard-webhooks, secret: {env: SHOP}}\n",
        ),
        (
            "systems/tms.yaml",
            "system: tms\nconnector: http\ndomain: carrier\nconfig: {url: https://tms.example.com/api}\n",
        ),
        ("flows/orders.yaml", "flow: orders\nfrom: {system: shop, channel: orders}\nmap: order\n"),
        (
            "flows/book.yaml",
            "flow: book\non: crossdock.order.accepted.v1\nto: {system: tms, operation: request.send_once}\nmap: book\n",
        ),
        (
            "mappings/order.yaml",
            "mapping: order\nemits: crossdock.order.accepted.v1\ntarget:\n  number: body.number\n  type: \"'sales'\"\n  lines:\n    - {line: \"'1'\", sku: \"'A'\", quantity: \"1\"}\n",
        ),
        (
            "mappings/book.yaml",
            "mapping: book\ntarget:\n  method: \"'POST'\"\n  path: \"'/bookings'\"\n  body: {order: event.data.number}\n",
        ),
        (
            "tests/orders.yaml",
            "- test: an order\n  flow: orders\n  input: {body: {number: SO-1001}}\n  expect_events: [{type: crossdock.order.accepted.v1}]\n",
        ),
    ]);
    let folder = hub.path().to_string_lossy().into_owned();
    crossdock(&["check", &folder, "--without-secrets"]).run().expect(0);
    let kept = tempfile::tempdir().expect("a scratch folder");
    let keep = kept.path().to_string_lossy().into_owned();
    let ended = crossdock(&["rehearse", &folder, "--messages", "90", "--kills", "2", "--json", "--keep", &keep]).run();
    let ended = ended.expect(1);
    let report: Json = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(report["holds"], false);
    assert_eq!(report["verdict"]["expected"], 90, "{report:#}");
    let cases = |what: &str| report["verdict"][what].as_array().map_or(0, Vec::len);
    // A lost answer cannot be asked about there: it is neither repeated blindly nor passed over.
    assert!(cases("waiting") > 0, "{report:#}");
    assert_eq!((cases("lost"), cases("doubled")), (0, 0), "{report:#}");
}

#[test]
fn a_folder_that_sends_nothing_outside_proves_nothing_and_says_so() {
    let hub = write_hub(&[
        ("hub.yaml", "hub: listener\n"),
        (
            "systems/shop.yaml",
            "system: shop\nconnector: http\ndomain: commerce\nwebhook:\n  scheme: standard-webhooks\n  secret: {env: SHOP}\n  \
             channel_from: {header: X-Topic}\n",
        ),
        ("flows/orders.yaml", "flow: orders\nfrom: {system: shop, channel: orders-created}\nmap: order\n"),
        (
            "mappings/order.yaml",
            "mapping: order\nemits: crossdock.order.accepted.v1\ntarget:\n  number: body.number\n  type: \"'sales'\"\n  lines:\n    - {line: \"'1'\", sku: \"'A'\", quantity: \"1\"}\n",
        ),
        (
            "tests/orders.yaml",
            "- test: an order\n  flow: orders\n  input: {body: {number: SO-1001}}\n  expect_events: [{type: crossdock.order.accepted.v1}]\n",
        ),
    ]);
    let folder = hub.path().to_string_lossy().into_owned();
    let ended = crossdock(&["rehearse", &folder, "--messages", "20", "--kills", "1"]).run().expect(3);
    assert!(ended.out.contains("Result: NOTHING TO PROVE"), "{}", ended.out);
    assert!(ended.out.contains("shop: orders-created"), "the header of the channel was filled in: {}", ended.out);
    assert!(!ended.out.contains("was not sent"), "{}", ended.out);
}

#[test]
fn a_folder_without_recordings_cannot_be_rehearsed() {
    let hub = write_hub(&[("hub.yaml", "hub: empty\n")]);
    let ended = crossdock(&["rehearse", &hub.path().to_string_lossy()]).run().expect(2);
    assert!(ended.err.contains("nothing to send"), "{}", ended.err);
}

#[test]
fn the_guide_names_every_option() {
    let guide = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/rehearse.md"));
    let help = crossdock(&["rehearse", "--help"]).run().expect(0).out;
    for option in ["--messages", "--minutes", "--kills", "--outage", "--seed", "--keep", "--json"] {
        assert!(help.contains(option) && guide.contains(option), "{option}");
    }
}
