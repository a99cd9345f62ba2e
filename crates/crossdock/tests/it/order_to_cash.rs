//! The example, end to end, through `crossdock demo`: the real binary as a process of its own, killed while it works;
//! webhooks three times in random order; Odoo out of reach. Against the stand-in and against a real Odoo 19.

use std::process::Command;

use serde_json::Value as Json;

use crate::real_odoo;

/// Lines of the hub's log that a failure shows.
const LOG_LINES: usize = 60;

/// Runs the demo and returns its verdict. When something does not hold, the hub folder is kept, and the failure tells the
/// verdict, what the demo said, the folder, and the end of the hub's log.
fn demo(arguments: &[&str], environment: &[(&str, &str)]) -> Json {
    let folder = tempfile::Builder::new().prefix("crossdock-demo-").tempdir().expect("a scratch folder");
    let hub = folder.path().join("hub");
    let output = Command::new(env!("CARGO_BIN_EXE_crossdock"))
        .arg("demo")
        .arg("--json")
        .arg("--folder")
        .arg(&hub)
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the program starts");
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let verdict: Option<Json> = serde_json::from_str(&out).ok();
    if output.status.success()
        && let Some(verdict) = verdict.filter(|verdict| verdict["holds"] == true)
    {
        return verdict;
    }
    let log = std::fs::read_to_string(hub.join(".hub.log")).unwrap_or_else(|error| format!("no log: {error}"));
    let lines: Vec<&str> = log.lines().collect();
    let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
    let kept = folder.keep();
    panic!(
        "the demo ended with {}\nverdict:\n{out}\nsaid:\n{told}\nthe hub folder is kept: `crossdock trace ORDER --hub {}`\nend of its \
         log:\n{end}",
        output.status,
        kept.join("hub").display()
    );
}

fn assert_all_hold(verdict: &Json, orders: u64, kills: u64) {
    assert_eq!(verdict["holds"], true, "{verdict:#}");
    assert_eq!(verdict["orders"].as_u64(), Some(orders), "{verdict:#}");
    assert_eq!(verdict["kills"].as_u64(), Some(kills), "{verdict:#}");
    let checks = verdict["checks"].as_array().expect("checks");
    assert!(checks.len() >= 9, "{verdict:#}");
}

#[test]
fn two_hundred_orders_take_effect_once_through_ten_kills_and_an_outage() {
    let verdict = demo(&["--orders", "200", "--kills", "10", "--outage", "10", "--seed", "7"], &[]);
    assert_all_hold(&verdict, 200, 10);
}

#[test]
fn a_calm_day_with_every_webhook_once() {
    let verdict = demo(&["--orders", "5", "--copies", "1", "--kills", "0", "--outage", "0"], &[]);
    assert_all_hold(&verdict, 5, 0);
}

/// The same against a real Odoo. `CROSSDOCK_TEST_ORDERS` raises the number of orders.
#[test]
fn real_odoo_order_to_cash_through_kills_and_an_outage() {
    let Some(odoo) = real_odoo::database("t_order_to_cash") else { return };
    let orders = real_odoo::setting("CROSSDOCK_TEST_ORDERS").unwrap_or_else(|| "60".to_owned());
    let arguments = [
        "--orders",
        &orders,
        "--kills",
        "10",
        "--outage",
        "60",
        "--seed",
        "11",
        "--odoo",
        &odoo.url,
        "--odoo-database",
        &odoo.name,
        "--odoo-key-env",
        "TEST_ODOO_KEY",
    ];
    let verdict = demo(&arguments, &[("TEST_ODOO_KEY", &odoo.key)]);
    assert_all_hold(&verdict, orders.parse().expect("a number"), 10);
}
