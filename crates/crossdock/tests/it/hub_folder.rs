//! A hub folder from `init` on, and the hubs that come with the program.

use std::path::Path;

use crate::program::{crossdock, write_hub};

#[test]
fn what_init_writes_is_without_mistakes_and_its_tests_pass() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let wrote = crossdock(&["init", "my-hub"]).within(scratch.path()).run().expect(0);
    assert!(wrote.out.contains("crossdock run my-hub"), "{}", wrote.out);
    let checked = crossdock(&["check", "my-hub"]).within(scratch.path()).run().expect(0);
    assert!(checked.out.starts_with("no mistakes"), "{}", checked.out);
    assert!(!checked.out.contains("warning"), "{}", checked.out);
    let tested = crossdock(&["test", "my-hub"]).within(scratch.path()).run().expect(0);
    assert_eq!(tested.out, "4 passed\n");
    let again = crossdock(&["init", "my-hub"]).within(scratch.path()).run().expect(2);
    assert!(again.err.contains("is not empty"), "{}", again.err);
}

#[cfg(unix)]
#[test]
fn secrets_that_init_makes_are_for_their_owner_alone_and_differ() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = tempfile::tempdir().expect("a scratch folder");
    for hub in ["one", "two"] {
        crossdock(&["init", hub]).within(scratch.path()).run().expect(0);
    }
    let secret = |hub: &str| std::fs::read_to_string(scratch.path().join(hub).join("secrets/shop")).expect("a secret");
    assert_ne!(secret("one"), secret("two"));
    let mode = std::fs::metadata(scratch.path().join("one/secrets/shop")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ignored = std::fs::read_to_string(scratch.path().join("one/.gitignore")).expect("a file");
    assert!(ignored.contains("secrets/"));
}

#[test]
fn a_failing_test_tells_field_by_field_and_update_mends_it() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    crossdock(&["init", "hub"]).within(scratch.path()).run().expect(0);
    let mapping = scratch.path().join("hub/mappings/customer/order-notification.yaml");
    let text = std::fs::read_to_string(&mapping).expect("a mapping");
    let changed = text.replace("lines: size(event.data.?lines.orValue([]))", "pieces: event.data.lines[0].quantity");
    std::fs::write(&mapping, changed).expect("written");
    let failed = crossdock(&["test", "hub"]).within(scratch.path()).run().expect(1);
    insta::assert_snapshot!("failing_test", failed.out);
    crossdock(&["test", "hub", "--update"]).within(scratch.path()).run().expect(0);
    crossdock(&["test", "hub"]).within(scratch.path()).run().expect(0);
    let test = std::fs::read_to_string(scratch.path().join("hub/tests/notify-customer.yaml")).expect("a test");
    insta::assert_snapshot!("updated_test", test);
}

#[test]
fn update_touches_only_what_is_expected() {
    let mapping = "mapping: send\ntarget: {path: '\"/x\"', body: {ids: event.data.ids}}\n";
    let test = "# Kept.\n- test: one\n  mapping: send\n  input: {event: {data: {ids: [1, 2]}}}\n  expect:\n    path: /y\n\n# Kept too.\n- \
                test: two\n  expect:\n  mapping: send\n  input:\n    event: {data: {ids: [\"a\"]}} # and this\n";
    let folder = write_hub(&[("hub.yaml", "hub: x\n"), ("mappings/send.yaml", mapping), ("tests/send.yaml", test)]);
    crossdock(&["test"]).within(folder.path()).run().expect(1);
    crossdock(&["test", "--update"]).within(folder.path()).run().expect(0);
    crossdock(&["test"]).within(folder.path()).run().expect(0);
    let updated = std::fs::read_to_string(folder.path().join("tests/send.yaml")).expect("a test");
    insta::assert_snapshot!("updated_only", updated);
}

#[test]
fn results_and_faults_are_tested_like_messages() {
    let mapping = "mapping: released\nemits: crossdock.order.released.v1\nreferences:\n  - {kind: order_uuid, value: result.?id}\ntarget:\n  \
                   number: event.data.number\n";
    let test = "- test: a result\n  mapping: released\n  input: {result: {id: abc}, event: {type: crossdock.order.accepted.v1, data: \
                {number: S1}}}\n  expect_events:\n    - subject: order/S1\n      references: [{entity: order/S1, system: test, kind: \
                order_uuid, value: abc}]\n- test: without a number\n  mapping: released\n  input: {result: {}, event: {data: {}}}\n  \
                expect_fault: number\n";
    let folder = write_hub(&[("hub.yaml", "hub: x\n"), ("mappings/released.yaml", mapping), ("tests/r.yaml", test)]);
    let ended = crossdock(&["test", "--json"]).within(folder.path()).run().expect(0);
    let report: serde_json::Value = serde_json::from_str(&ended.out).expect("it is JSON");
    assert_eq!((report["passed"].as_u64(), report["failed"].as_u64()), (Some(2), Some(0)), "{report:#}");
    let none = crossdock(&["test", "--filter", "nothing like it"]).within(folder.path()).run().expect(0);
    assert_eq!(none.out, "no tests\n");
}

#[test]
fn every_example_is_without_mistakes_and_its_tests_pass() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(examples).expect("there are examples") {
        let folder = entry.expect("it can be read").path();
        if !folder.join("hub.yaml").exists() {
            continue;
        }
        seen += 1;
        let shown = folder.display().to_string();
        let checked = crossdock(&["check", "--without-secrets", &shown]).run().expect(0);
        let weak: Vec<&str> =
            checked.out.lines().filter(|line| line.contains("warning: ") && !line.contains("is not set")).collect();
        assert_eq!(weak, [] as [&str; 0], "{shown}");
        crossdock(&["test", &shown]).run().expect(0);
    }
    assert!(seen > 0, "no example was found");
}
