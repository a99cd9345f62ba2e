//! The example, end to end, through `crossdock demo`: the real binary as a process of its own, killed while it works;
//! webhooks three times in random order; Odoo out of reach. Against the stand-in and against a real Odoo 19.

use std::process::Command;

use serde_json::Value as Json;

use crate::real_odoo;

/// Runs the demo and returns its verdict.
fn demo(arguments: &[&str], environment: &[(&str, &str)]) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_crossdock"))
        .arg("demo")
        .arg("--json")
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the program starts");
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let verdict = serde_json::from_str(&out).unwrap_or_else(|error| panic!("no verdict ({error}):\n{out}\n{told}"));
    assert!(output.status.success(), "{out}\n{told}");
    verdict
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
