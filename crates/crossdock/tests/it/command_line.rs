//! What the program says of itself, and the exit codes that scripts rely on.

use crate::program::{crossdock, write_hub};

#[test]
fn the_program_tells_what_it_can_do() {
    let ended = crossdock(&["--help"]).run().expect(0);
    insta::assert_snapshot!("help", ended.out);
}

#[test]
fn every_command_has_help_with_examples_and_exit_codes() {
    let commands: &[&[&str]] = &[
        &["init"],
        &["check"],
        &["test"],
        &["mapping", "try"],
        &["mapping", "report"],
        &["run"],
        &["rehearse"],
        &["overview"],
        &["trace"],
        &["messages"],
        &["rerun"],
        &["paused", "list"],
        &["paused", "resume"],
        &["jobs", "faults"],
        &["jobs", "start"],
        &["jobs", "list"],
        &["jobs", "show"],
        &["jobs", "stop"],
        &["connectors"],
        &["odoo", "setup"],
        &["backup"],
        &["restore"],
    ];
    for command in commands {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let ended = crossdock(&args).run().expect(0);
        assert!(ended.out.contains("Example"), "{command:?} shows no example:\n{}", ended.out);
        assert!(ended.out.contains("Exit codes"), "{command:?} tells no exit codes:\n{}", ended.out);
        insta::assert_snapshot!(format!("help_{}", command.join("_")), ended.out);
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    crossdock(&[]).run().expect(2);
    crossdock(&["chekc"]).run().expect(2);
    crossdock(&["paused", "resume", "--reason", "x"]).run().expect(2);
    crossdock(&["paused", "resume", "--system", "odoo", "--rate", "5", "--reason", "x"]).run().expect(2);
    crossdock(&["jobs", "start", "resume", "--class", "broken", "--reason", "x"]).run().expect(2);
    crossdock(&["jobs", "start", "resume", "--since", "yesterday", "--reason", "x"]).run().expect(2);
    crossdock(&["jobs", "start", "resume"]).run().expect(2);
    crossdock(&["paused", "resume", "--all"]).run().expect(2);
    crossdock(&["messages", "--limit", "0"]).run().expect(2);
    crossdock(&["messages", "--state", "lost"]).run().expect(2);
}

#[test]
fn a_folder_that_is_none_ends_with_2() {
    let folder = write_hub(&[("file", "x")]);
    let none = crossdock(&["check", "nowhere"]).within(folder.path()).run().expect(2);
    assert!(none.err.contains("there is no folder nowhere"), "{}", none.err);
    let file = crossdock(&["check", "file"]).within(folder.path()).run().expect(2);
    assert!(file.err.contains("is not a folder"), "{}", file.err);
    let empty = crossdock(&["run", "."]).within(folder.path()).run().expect(2);
    assert!(empty.err.contains("holds no hub.yaml"), "{}", empty.err);
    crossdock(&["check"]).env("CROSSDOCK_HUB", "/nowhere/at/all").run().expect(2);
}

#[test]
fn a_hub_with_mistakes_does_not_start() {
    let folder = write_hub(&[("hub.yaml", "hub: x\ncolour: blue\n")]);
    let ended = crossdock(&["run"]).within(folder.path()).run().expect(1);
    assert!(ended.err.contains("hub.yaml:2:1: error: hub.yaml has no field `colour`"), "{}", ended.err);
    assert!(!folder.path().join(".data").exists());
}

#[test]
fn a_hub_that_does_not_run_is_told() {
    // Port 1 of this machine has no listener.
    let folder = write_hub(&[("hub.yaml", "hub: x\nlisten: {console: 127.0.0.1:1}\n")]);
    for command in [
        &["overview"] as &[&str],
        &["messages"],
        &["trace", "S1"],
        &["paused", "list"],
        &["jobs", "faults"],
        &["jobs", "start", "cancel", "--dry-run"],
        &["rerun", "x", "--reason", "y"],
    ] {
        let ended = crossdock(command).within(folder.path()).run().expect(2);
        assert!(ended.err.contains("no hub answers at http://127.0.0.1:1"), "{command:?}: {}", ended.err);
    }
    let ended = crossdock(&["overview", "--api", "127.0.0.1:1"]).run().expect(2);
    assert!(ended.err.contains("--api takes a URL"), "{}", ended.err);
}

#[test]
fn connectors_are_listed_with_their_operations() {
    let all = crossdock(&["connectors"]).run().expect(0);
    assert!(all.out.lines().any(|line| line.starts_with("odoo\tpicking.fulfil\tsafe\t")), "{}", all.out);
    let one = crossdock(&["connectors", "webhook", "--json"]).run().expect(0);
    let report: serde_json::Value = serde_json::from_str(&one.out).expect("it is JSON");
    assert_eq!(report["connectors"][0]["operations"][0]["name"], "event.notify");
    assert_eq!(report["connectors"][0]["operations"][0]["input"]["fields"]["event"]["required"], true);
    let none = crossdock(&["connectors", "sap"]).run().expect(1);
    assert!(none.err.contains("there is no connector `sap`"), "{}", none.err);
}

#[test]
fn odoo_setup_says_what_it_lacks() {
    let folder = write_hub(&[("hub.yaml", "hub: x\n")]);
    let none = crossdock(&["odoo", "setup"]).within(folder.path()).run().expect(2);
    assert!(none.err.contains("no system of this hub has `connector: odoo`"), "{}", none.err);
    let system = "system: erp\nconnector: odoo\ndomain: erp\nconfig: {url: http://127.0.0.1:1, key: {env: XD_TEST_ODOO_KEY}, \
                  capture: {mode: outbox, models: [sale.order]}}\n";
    let folder = write_hub(&[("hub.yaml", "hub: x\n"), ("systems/erp.yaml", system)]);
    let keyless = crossdock(&["odoo", "setup"]).within(folder.path()).run().expect(2);
    assert!(keyless.err.contains("systems/erp.yaml:4:") && keyless.err.contains("XD_TEST_ODOO_KEY"), "{}", keyless.err);
    let away = crossdock(&["odoo", "setup", "--dry-run", "--key-env", "XD_TEST_ODOO_KEY"])
        .within(folder.path())
        .env("XD_TEST_ODOO_KEY", "k")
        .run()
        .expect(2);
    assert!(away.err.contains("cannot be reached"), "{}", away.err);
}
