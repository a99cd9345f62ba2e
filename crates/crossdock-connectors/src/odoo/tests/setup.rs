//! Recorded set-ups: installed once, found again, taken back, and refused without rights.

use super::*;
use crate::odoo::setup::{SetupAction, SetupRequest, SetupStep, next};

fn check(name: &str) {
    let fixture = fixture(name);
    let request = SetupRequest {
        odoo: odoo(),
        action: if text(&fixture, "action") == "install" { SetupAction::Install } else { SetupAction::Remove },
        dry_run: field(&fixture, "dry_run").as_bool().expect("a flag"),
        hub_user: field(&fixture, "hub_user").as_text().map(str::to_owned),
    };
    let recorded = items(&fixture, "exchanges");
    let exchanges: Vec<Exchange> = recorded.iter().map(exchange).collect();
    for place in 0..exchanges.len() {
        match next(&request, &exchanges[..place]) {
            SetupStep::Call(call) => expect_call(name, place, &call, &recorded[place]),
            other => panic!("{name} ends before call {place}: {other:?}"),
        }
    }
    match next(&request, &exchanges) {
        SetupStep::Done(done) => {
            let done: Vec<Value> =
                done.iter().map(|item| Value::from(format!("{}: {}", item.state.word(), item.what))).collect();
            assert_eq!(done, items(&fixture, "items"), "{name}");
        }
        SetupStep::Failed { reason } => assert_eq!(reason, text(&fixture, "failed"), "{name}"),
        SetupStep::Call(call) => panic!("{name} goes on with {}", call.url),
    }
}

#[test]
fn an_outbox_is_installed_once() {
    check("setup_dry_run");
    check("setup_install");
    check("setup_again");
    let again = fixture("setup_again");
    assert!(items(&again, "items").iter().all(|item| item.to_string().starts_with("\"present: ")));
    let reads = ["search_read", "context_get"];
    let writes =
        items(&again, "exchanges").iter().filter(|e| !reads.iter().any(|read| text(e, "call").ends_with(read)));
    assert_eq!(writes.count(), 0, "a second run writes nothing");
}

#[test]
fn an_outbox_is_taken_back() {
    check("setup_remove");
    check("setup_remove_again");
}

#[test]
fn without_rights_the_sweep_is_advised() {
    check("setup_denied");
    let denied = fixture("setup_denied");
    assert!(text(&denied, "failed").contains("capture.mode: sweep"));
}

#[test]
fn a_setup_that_was_cut_short_is_finished_by_the_next() {
    let fixture = fixture("setup_install");
    let mut exchanges: Vec<Exchange> = items(&fixture, "exchanges").iter().map(exchange).collect();
    let request =
        SetupRequest { odoo: odoo(), action: SetupAction::Install, dry_run: false, hub_user: Some("hub".into()) };
    exchanges.truncate(10);
    exchanges[9].result = Err(SendFault::Lost("reset".into()));
    let SetupStep::Failed { reason } = next(&request, &exchanges) else { panic!("a failure") };
    assert!(reason.ends_with("run the setup again"), "{reason}");
}
