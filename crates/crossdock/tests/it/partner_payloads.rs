//! The example `partner-mappings` meets payloads that others wrote: one of each kind that a partner sends, in the folder of
//! shared test data where there is one.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::program::crossdock;

/// Payload, the flow that takes it, and each event that must come of it with its subject.
const PAYLOADS: &[(&str, &str, &[&str])] = &[
    (
        "aftership/example-aftership-tracking-update",
        "aftership-tracking",
        &["shipment.delivered shipment/9361289676091361892011"],
    ),
    ("chargebee/example-chargebee-invoice", "chargebee-invoice", &["invoice.paid invoice/DemoInv_103"]),
    ("dhl/example-dhl-push", "dhl-push", &["shipment.delivered shipment/00340434292135100186"]),
    ("easypost/example-easypost-tracker-updated", "easypost-updated", &["shipment.delivered shipment/EZ4000000004"]),
    (
        "extensiv/example-extensiv-order-confirm",
        "extensiv-confirmed",
        &["shipment.collected shipment/extensiv-12345", "order.shipped order/SO0042"],
    ),
    ("fedex/example-fedex-aiv", "fedex-tracking", &["shipment.delivered shipment/123456789012"]),
    ("fourkites/example-fourkites-load-update", "fourkites-load", &["stop.arrived stop/SO0042/S1"]),
    (
        "geotab/example-geotab-getfeed-logrecord",
        "geotab-log-records",
        &["telemetry.position_recorded telemetry_position/b1/2026-01-02T03:04:05Z"],
    ),
    ("gls/example-gls-parcel-event", "gls-parcels", &["shipment.delivered shipment/20287788695"]),
    ("karrio/example-karrio-tracker-updated", "karrio-updated", &["shipment.delivered shipment/1Z999AA10123456784"]),
    (
        "logiwa/example-logiwa-shipment-order-shipped",
        "logiwa-shipped",
        &["shipment.collected shipment/logiwa-SO0042", "order.shipped order/SO0042"],
    ),
    (
        "mintsoft/example-mintsoft-order-despatched",
        "mintsoft-despatched",
        &["shipment.collected shipment/mintsoft-20285"],
    ),
    (
        "motive/example-motive-vehicle-location",
        "motive-location",
        &["telemetry.position_recorded telemetry_position/12345/2026-01-02T03:04:05Z"],
    ),
    ("odoo/example-odoo-outbound-webhook", "odoo-picking", &["shipment.collected shipment/WH/OUT/00042"]),
    (
        "owntracks/example-owntracks-location",
        "owntracks-location",
        &["telemetry.position_recorded telemetry_position/V7/2026-01-02T03:04:05Z"],
    ),
    (
        "owntracks/example-owntracks-transition",
        "owntracks-transition",
        &["telemetry.geofence_entered telemetry_position/V7/2026-01-02T03:04:05Z"],
    ),
    ("project44/example-project44-tl-status", "project44-status", &["stop.arrived stop/BOL42/1"]),
    (
        "quickbooks/example-quickbooks-cloudevents",
        "quickbooks-events",
        &["invoice.drafted invoice/quickbooks-310687-95"],
    ),
    (
        "quickbooks/example-quickbooks-legacy",
        "quickbooks-notifications",
        &["account.created customer_account/quickbooks-1185883450-1"],
    ),
    (
        "samsara/example-samsara-geofence-entry",
        "samsara-entry",
        &["telemetry.geofence_entered telemetry_position/212014918174029/2026-01-02T03:04:05Z"],
    ),
    (
        "samsara/example-samsara-v1-alert",
        "samsara-alert",
        &["exception.opened exception/samsara_alert/document/samsara:alert:bf72239c-bebd-4c22-b64c-6fc692ef7c46/\
           DeviceLocationInsideGeofence"],
    ),
    ("shipbob/example-shipbob-order-shipped", "shipbob-shipped", &["shipment.picked_up shipment/shipbob-200000"]),
    (
        "shiphero/example-shiphero-inventory-update",
        "shiphero-inventory",
        &["inventory.position_changed inventory_position/7556/100100/CA/-/good"],
    ),
    ("shiphero/example-shiphero-shipment-update", "shiphero-shipments", &["shipment.picked_up shipment/281"]),
    (
        "shippo/example-shippo-track-updated",
        "shippo-tracking",
        &["shipment.delivered shipment/92055901755477000271990251"],
    ),
    (
        "shopify/example-shopify-orders-create",
        "shopify-orders",
        &["account.created customer_account/shopify-115310627314723954", "order.received order/#9999"],
    ),
    (
        "stripe/example-stripe-invoice-paid",
        "stripe-paid",
        &["invoice.paid invoice/INV/2026/00042", "payment.received payment/in_1NG"],
    ),
    (
        "traccar/example-traccar-event-forward",
        "traccar-events",
        &["telemetry.geofence_entered telemetry_position/356307042441013/2026-01-02T03:04:05Z"],
    ),
    (
        "traccar/example-traccar-position-forward",
        "traccar-positions",
        &["telemetry.position_recorded telemetry_position/356307042441013/2026-01-02T03:04:05Z"],
    ),
    ("ups/example-ups-track-alert", "ups-track-alert", &["shipment.delivered shipment/1Z204W4R0308071865"]),
    (
        "webfleet/example-webfleet-queue-messages",
        "webfleet-queue",
        &[
            "telemetry.position_recorded telemetry_position/001/2026-01-02T02:04:05Z",
            "shipment.status_reported shipment/SO0042",
        ],
    ),
    ("woocommerce/example-woocommerce-order", "woocommerce-created", &["order.received order/woo-727"]),
    (
        "xero/example-xero-invoice",
        "xero-events",
        &["invoice.drafted invoice/xero-717f2bfc-c6d4-41fd-b238-3f2f0c0cf777"],
    ),
];

#[test]
fn payloads_of_every_partner_become_events_that_fit_the_model() {
    let payloads = root().join("../shared/data/webhooks");
    if !payloads.is_dir() {
        writeln!(std::io::stderr(), "NOT RUN: the partners' payloads are not at {}", payloads.display())
            .expect("stderr");
        return;
    }
    let hub = tempfile::tempdir().expect("a scratch folder");
    copy(&example(), hub.path());
    copy(&payloads, &hub.path().join("samples"));
    std::fs::write(hub.path().join("tests/payloads.yaml"), tests()).expect("a file");
    let passed = crossdock(&["test", "--filter", "payload of "]).within(hub.path()).run().expect(0);
    assert_eq!(passed.out, format!("{} passed\n", PAYLOADS.len()));

    let there: BTreeSet<String> =
        files(&payloads).iter().filter(|path| path.components().count() > 1).map(|path| name_of(path)).collect();
    let known: BTreeSet<String> = PAYLOADS.iter().map(|(payload, ..)| (*payload).to_owned()).collect();
    assert_eq!(there.difference(&known).collect::<Vec<_>>(), [] as [&String; 0], "payloads that no flow was tried on");
}

#[test]
fn every_system_of_the_example_has_tests_and_a_page_that_the_overview_names() {
    let overview = std::fs::read_to_string(example().join("README.md")).expect("there is an overview");
    for path in files(&example().join("systems")) {
        let system = name_of(&path);
        let [page, tests] =
            [format!("docs/{system}.md"), format!("tests/{system}.yaml")].map(|path| example().join(path));
        let page = std::fs::read_to_string(page).unwrap_or_else(|_| panic!("{system} has no page"));
        for part in ["**Sends**", "**Connect.**", "**Events:**", "| Canonical |", "**Dropped:**", "**Traps**"] {
            assert!(page.contains(part), "the page of {system} lacks {part}");
        }
        let tests = std::fs::read_to_string(tests).unwrap_or_else(|_| panic!("{system} has no tests"));
        assert!(tests.contains("expect_rejection"), "no test turns a false sender of {system} away");
        assert!(overview.contains(&format!("](docs/{system}.md)")), "the overview does not name {system}");
    }
}

#[test]
fn the_commands_of_the_overview_work() {
    let overview = std::fs::read_to_string(example().join("README.md")).expect("there is an overview");
    let (_, block) = overview.split_once("```sh\n").expect("it shows commands");
    let (block, _) = block.split_once("```").expect("the block ends");
    for line in block.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "crossdock", "{line}");
        crossdock(&words[1..]).within(&root()).run().expect(0);
    }
}

/// One test for each payload.
fn tests() -> String {
    let mut text = String::new();
    for (payload, flow, events) in PAYLOADS {
        text += &format!(
            "- test: payload of {payload}\n  flow: {flow}\n  body_file: samples/{payload}.json\n  expect_events:\n"
        );
        for event in *events {
            let (of, subject) = event.split_once(' ').expect("an event and its subject");
            text += &format!("    - {{type: crossdock.{of}.v1, subject: \"{subject}\"}}\n");
        }
    }
    text
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example() -> PathBuf {
    root().join("examples/partner-mappings")
}

/// The file's path without its ending.
fn name_of(path: &Path) -> String {
    path.with_extension("").display().to_string()
}

/// The files below a folder, relative to it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read").path();
        let name = PathBuf::from(path.file_name().expect("a name"));
        match path.is_dir() {
            true => found.extend(files(&path).into_iter().map(|below| name.join(below))),
            false => found.push(name),
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(&path);
        std::fs::create_dir_all(target.parent().expect("within the folder")).expect("a folder");
        std::fs::copy(from.join(&path), target).expect("a copy");
    }
}
