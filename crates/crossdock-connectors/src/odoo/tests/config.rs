//! The configuration, with every mistake at its place.

use std::sync::Arc;

use super::*;
use crossdock_connect::secret::Secret;
use crossdock_connect::spec::SystemConfig;
use crossdock_core::source::{Diagnostic, Entry, Location, Node, NodeKind};

/// A node from JSON, its line counting the keys, so that places can be told apart.
fn node(value: &Value, line: &mut u32) -> Node {
    *line += 1;
    let location = Location::new("systems/odoo.yaml", *line, 1);
    let kind = match value {
        Value::Null => NodeKind::Null,
        Value::List(list) => NodeKind::List(list.iter().map(|item| node(item, line)).collect()),
        Value::Map(map) => NodeKind::Map(
            map.iter()
                .map(|(key, value)| Entry {
                    key: Arc::from(key),
                    key_location: location.clone(),
                    value: node(value, line),
                })
                .collect(),
        ),
        Value::Text(text) => NodeKind::Scalar { text: text.clone(), quoted: true },
        other => NodeKind::Scalar { text: other.to_string().into(), quoted: false },
    };
    Node { location, kind }
}

fn read(config: &str) -> Result<Odoo, Vec<String>> {
    let node = node(&json(config), &mut 0);
    let secret = |node: &Node| match node.text() {
        Some("absent") => Err(Diagnostic::error(&node.location, "the variable is not set")),
        _ => Ok(Secret::new("k")),
    };
    let system =
        SystemConfig { system: "erp".into(), config: Some(&node), webhook: None, file: &node, secret: &secret };
    Odoo::read(&system).map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn the_least_is_enough() {
    let odoo = read(r#"{"url": "https://erp.example.com/", "key": "x"}"#).expect("a configuration");
    assert_eq!(odoo.url, "https://erp.example.com");
    assert_eq!((odoo.lang.as_str(), odoo.xid_module.as_str(), odoo.timeout_ms), ("en_US", "crossdock", 90_000));
    assert_eq!((odoo.database, odoo.capture.mode), (None, CaptureMode::Off));
}

#[test]
fn everything_can_be_said() {
    let odoo = read(
        r#"{"url": "http://127.0.0.1:8069", "database": "prod", "key": "x", "company_ids": [1, 3], "lang": "de_DE",
            "xid_module": "hub_2", "timeout": "2m", "capture": {"mode": "sweep", "every": "1m", "overlap": "30m",
            "from": "2026-03-01T00:00:00Z", "models": ["sale.order", {"model": "x_gate", "fields": ["x_name"]}]}}"#,
    )
    .expect("a configuration");
    assert_eq!((odoo.database.as_deref(), odoo.company_ids.as_slice()), (Some("prod"), [1, 3].as_slice()));
    assert_eq!((odoo.timeout_ms, odoo.capture.every_ms, odoo.capture.overlap_ms), (120_000, 60_000, 1_800_000));
    assert_eq!(odoo.capture.models[1], CapturedModel { name: "x_gate".into(), fields: vec!["x_name".into()] });
    let outbox = read(r#"{"url": "http://h", "key": "x", "capture": {"mode": "outbox", "models": ["sale.order"]}}"#);
    assert_eq!(outbox.expect("a configuration").capture.every_ms, 2_000);
}

#[test]
fn every_mistake_is_told_at_once() {
    let mistakes = read(
        r#"{"url": "erp.example.com/web", "key": "absent", "company_ids": ["main"], "xid_module": "Hub.1",
            "databse": "prod", "capture": {"mode": "outbx", "every": "soon", "from": "yesterday",
            "models": ["sale.order", "sale.order", "fleet.vehicle", "Sale Order"]}}"#,
    )
    .expect_err("mistakes");
    let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once("error: ").expect("an error").1).collect();
    assert_eq!(
        told,
        [
            "`url` of odoo must be an address without a path, not `erp.example.com/web` (for example \
             https://erp.example.com; name the database in `database`)",
            "the variable is not set",
            "a company id is a whole number, not `main` (the id of the record in res.company, for example 1)",
            "`xid_module` of odoo must be at most 40 of a-z, 0-9 and _, not `Hub.1`",
            "`mode` of capture must be one of outbox, sweep, off (did you mean `outbox`?)",
            "`every` of capture must be a length of time such as 500ms, 30s, 5m, 24h or 7d, not `soon`",
            "`from` of capture must be an instant (for example 2026-03-01T00:00:00Z)",
            "the model sale.order is listed twice",
            "fleet.vehicle needs its fields listed (write {model: fleet.vehicle, fields: […]}; only sale.order, \
             stock.picking, account.move, res.partner, product.product have fields of their own)",
            "models and fields are named as Odoo's technical names (for example sale.order and x_gate)",
            "config of odoo has no field `databse` (did you mean `database`?)",
        ]
    );
    assert!(mistakes[0].starts_with("systems/odoo.yaml:2:1: "), "{}", mistakes[0]);
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        read(r#"{"capture": {}}"#).expect_err("mistakes"),
        [
            "systems/odoo.yaml:1:1: error: config of odoo lacks `url`",
            "systems/odoo.yaml:1:1: error: config of odoo lacks `key`",
            "systems/odoo.yaml:2:1: error: capture lacks `mode`",
        ]
    );
    let captured = read(r#"{"url": "http://h", "key": "x", "capture": {"mode": "sweep"}}"#).expect_err("mistakes");
    assert_eq!(captured.len(), 1);
    assert!(captured[0].ends_with("capture lacks `models` (for example [sale.order, stock.picking])"), "{captured:?}");
}
