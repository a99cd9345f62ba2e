//! Code lists and events chosen by a partner's status code: what `check` proves of them and what `test` makes.

use crate::program::{crossdock, write_hub};

const HUB: (&str, &str) = ("hub.yaml", "hub: x\n");
const CARRIER: (&str, &str) = (
    "systems/carrier.yaml",
    "system: carrier\nconnector: webhook\ndomain: carrier\nwebhook: {scheme: bearer, secret: {env: XD_TEST_CARRIER}}\n",
);
const FLOW: (&str, &str) = ("flows/status.yaml", "flow: status\nfrom: {system: carrier}\nmap: status\n");
const MAPPING: &str = "mapping: status
emits: {codes: carrier-status, of: body.status, entity: shipment}
target:
  number: body.number
  eta: {when: has(body.eta), then: {=value: body.eta}}
  tracking_number: body.?tracking
";
const CODES: &str = "codes: carrier-status\nfrom: x12-at7\nentries: {OFD: out_for_delivery}\n";

fn hub_with(mapping: &str, codes: &str, tests: &str) -> tempfile::TempDir {
    write_hub(&[
        HUB,
        CARRIER,
        FLOW,
        ("mappings/status.yaml", mapping),
        ("codes/carrier-status.yaml", codes),
        ("tests/t.yaml", tests),
    ])
}

/// The findings of `check`, with their hints.
fn findings(mapping: &str, codes: &str) -> String {
    crossdock(&["check", "--without-secrets"]).within(hub_with(mapping, codes, "[]\n").path()).run().out
}

#[test]
fn each_code_makes_its_event_and_keeps_the_code_as_it_came() {
    let test = |name: &str, code: &str, event: &str| {
        format!(
            "- test: {name}\n  flow: status\n  input: {{body: {{number: \"281\", status: {code}}}}}\n  expect_events:\n    - {{type: \
             crossdock.shipment.{event}.v1, subject: shipment/281, data: {{number: \"281\", partner_status: {code}}}}}\n"
        )
    };
    let tests = [
        test("of the standard", "D1", "delivered"),
        test("of its own", "OFD", "out_for_delivery"),
        test("of another kind of entity", "X3", "status_reported"),
        test("of nobody", "ZZ9", "status_reported"),
    ]
    .concat();
    let passed = crossdock(&["test"]).within(hub_with(MAPPING, CODES, &tests).path()).run().expect(0);
    assert_eq!(passed.out, "4 passed\n");
    let strict = MAPPING.replace("entity: shipment", "entity: shipment, unknown: fault, others: skip");
    let failed = crossdock(&["test"]).within(hub_with(&strict, CODES, &tests).path()).run().expect(1);
    assert!(failed.out.contains("code list `carrier-status` does not know `ZZ9`"), "{}", failed.out);
    assert!(failed.out.contains("expected 1 events, found 0: none"), "{}", failed.out);
    assert!(failed.out.ends_with("2 failed, 2 passed\n"), "{}", failed.out);
}

#[test]
fn every_event_that_a_code_may_make_must_be_given_what_it_needs() {
    assert!(findings(MAPPING, CODES).starts_with("no mistakes"), "{}", findings(MAPPING, CODES));
    let without = MAPPING.replace("  eta: {when: has(body.eta), then: {=value: body.eta}}\n", "");
    let told = findings(&without, CODES);
    assert!(told.contains("the target lacks `eta`, which crossdock.shipment.eta_updated.v1 needs"), "{told}");
    assert!(told.contains("AG, A1, B6, C1, X2 of code list `carrier-status` may come"), "{told}");
    let reported = "codes: carrier-status\nfrom: x12-at7\nentries: {A1: status_reported, AG: status_reported, B6: status_reported, C1: \
                    status_reported, X2: status_reported}\n";
    assert!(findings(&without, reported).starts_with("no mistakes"), "{}", findings(&without, reported));
}

#[test]
fn mistakes_in_events_by_code_are_told() {
    let check = |mapping: &str, codes: &str, expect: &str| {
        let told = findings(mapping, codes);
        assert!(told.contains(expect), "{told}\nlacks {expect}");
    };
    let with = |from: &str, to: &str| MAPPING.replace(from, to);
    check(
        &with("carrier-status", "carier-status"),
        CODES,
        "status.yaml:2:16: error: there is no code list `carier-status`",
    );
    check(&with("entity: shipment", "entity: shipmnt"), CODES, "there is no kind of entity `shipmnt`");
    check(&with("of: body.status, ", ""), CODES, "`emits` lacks `of`");
    check(&with("of: body.status", "of: bod.status"), CODES, "there is no variable `bod`");
    check(&with("entity: shipment", "entity: load"), CODES, "load has no event `status_reported`");
    check(&with("entity: shipment", "entity: shipment, colour: blue"), CODES, "`emits` has no field `colour`");
    check(
        MAPPING,
        "codes: carrier-status\nentries: {D1: arrived at home}\n",
        "leads to arrived at home, which is no event",
    );
    check(MAPPING, "codes: carrier-status\nof: carrier_status\nentries: {D1: deliverd}\n", "did you mean `delivered`?");
    check(MAPPING, "codes: carrier-status\n", "code list lacks `entries`");
    check(&with("  number: body.number", "  numbr: body.number"), CODES, "has no field `numbr`");
}

#[test]
fn words_that_are_written_to_a_partner_must_have_a_code() {
    let system = "system: shop\nconnector: http\ndomain: commerce\nconfig: {url: http://127.0.0.1:9}\n";
    let flow =
        "flow: tell\non: crossdock.shipment.delayed.v1\nto: {system: shop, operation: request.send}\nmap: tell\n";
    let tell = "mapping: tell\ntarget: {path: '\"/x\"', body: {mode: {value: event.data.mode, code_back: modes}}}\n";
    let made = "flow: made\nfrom: {system: shop}\nmap: made\n";
    let made_by = "mapping: made\nemits: crossdock.shipment.delayed.v1\ntarget: {number: body.number}\n";
    let check = |codes: &str| {
        let folder = write_hub(&[
            HUB,
            ("systems/shop.yaml", system),
            ("flows/tell.yaml", flow),
            ("flows/made.yaml", made),
            ("mappings/tell.yaml", tell),
            ("mappings/made.yaml", made_by),
            ("codes/modes.yaml", codes),
        ]);
        crossdock(&["check"]).within(folder.path()).run().out
    };
    let some = "codes: modes\nof: shipment.mode\nentries: {R: road, T: rail}\n";
    let told = check(some);
    assert!(
        told.contains(
            "mappings/tell.yaml:2:45: error: `event.data.mode` may be 'air', 'inland_waterway', 'multimodal', 'parcel', 'sea', \
             which code list `modes` does not know backwards"
        ),
        "{told}"
    );
    let reported = some.replace("of: shipment.mode", "of: shipment.mode\nunknown: report");
    assert!(check(&reported).starts_with("no mistakes"), "{}", check(&reported));
    let all = "codes: modes\nof: shipment.mode\ncomplete: true\nentries: {R: road, T: rail, A: air, S: sea, I: inland_waterway, P: parcel, M: \
               multimodal}\n";
    assert!(check(all).starts_with("no mistakes"), "{}", check(all));
}

#[test]
fn the_guide_s_example_of_status_codes_works() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/mappings.md");
    let guide = std::fs::read_to_string(guide).expect("there is a guide");
    let (_, section) = guide.split_once("## Status codes").expect("it tells of status codes");
    let blocks: Vec<&str> =
        section.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    let flow = "flow: status\nfrom: {system: carrier}\nmap: carrier/status\n";
    let test = "test: a code of its own\nflow: status\ninput: {body: {shipment: \"281\", status: OFD, at: 2026-03-01T10:00:00Z}}\n\
                expect_events: [{type: crossdock.shipment.out_for_delivery.v1, subject: shipment/281}]\n";
    let folder = write_hub(&[
        HUB,
        CARRIER,
        ("flows/status.yaml", flow),
        ("mappings/carrier/status.yaml", blocks[0]),
        ("codes/carrier-status.yaml", blocks[1]),
        ("tests/t.yaml", test),
    ]);
    let checked = crossdock(&["check", "--without-secrets"]).within(folder.path()).run().expect(0);
    assert!(checked.out.starts_with("no mistakes"), "{}", checked.out);
    crossdock(&["test"]).within(folder.path()).run().expect(0);
}
