//! The stand-in on its own: what no comparison with a real Odoo shows.

use std::time::Duration;

use crossdock_core::exchange::Answer;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{BODY_BYTES_MAX, Disturbance, Odoo, Reply, Request, Rule, When};

const KEY: &str = "key";

fn odoo() -> Odoo {
    Odoo::new("db", KEY)
}

/// A moment, so many milliseconds into the test.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_000_000_000 + ms).expect("a moment")
}

fn ask_as(odoo: &mut Odoo, key: &str, model: &str, method: &str, body: &Json, now: Timestamp) -> Reply {
    let headers = [
        ("authorization".to_owned(), format!("Bearer {key}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let (path, body) = (format!("/json/2/{model}/{method}"), body.to_string());
    odoo.answer(&Request { method: "POST", path: &path, headers: &headers, body: body.as_bytes() }, now)
}

fn answered(reply: Reply) -> Answer {
    match reply {
        Reply::Answer { answer, .. } => answer,
        Reply::Silence { .. } => panic!("no answer"),
    }
}

fn call(odoo: &mut Odoo, model: &str, method: &str, body: Json) -> (u16, Json) {
    let answer = answered(ask_as(odoo, KEY, model, method, &body, at(0)));
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

fn ok(odoo: &mut Odoo, model: &str, method: &str, body: Json) -> Json {
    let (status, said) = call(odoo, model, method, body);
    assert_eq!(status, 200, "{model}.{method}: {said}");
    said
}

/// A customer, a product with 10 pieces, an order of 8.
fn order(odoo: &mut Odoo) -> i64 {
    let load = |odoo: &mut Odoo, model: &str, fields: &[&str], row: Json| {
        ok(odoo, model, "load", json!({"fields": fields, "data": [row]}))["ids"][0].as_i64().expect("an id")
    };
    load(odoo, "res.partner", &["id", "name"], json!(["t.c", "C"]));
    let item = load(odoo, "product.product", &["id", "name", "is_storable"], json!(["t.p", "P", "1"]));
    let count = json!({"product_id": item, "location_id": 5, "inventory_quantity": 10});
    let count = json!({"context": {"inventory_mode": true}, "vals_list": count});
    let quant = ok(odoo, "stock.quant", "create", count);
    ok(odoo, "stock.quant", "action_apply_inventory", json!({"ids": quant}));
    let fields = ["id", "partner_id/id", "order_line/id", "order_line/product_id/id", "order_line/product_uom_qty"];
    load(odoo, "sale.order", &fields, json!(["t.s", "t.c", "t.s1", "t.p", "8"]))
}

#[test]
fn the_same_requests_get_the_same_answers() {
    let play = || {
        let mut odoo = odoo();
        let id = order(&mut odoo);
        let mut said = Vec::new();
        for (step, (model, method, body)) in [
            ("sale.order", "action_confirm", json!({"ids": [id]})),
            ("sale.order", "action_confirm", json!({"ids": [id]})),
            ("stock.picking", "search_read", json!({"domain": [["sale_id", "=", id]]})),
            ("stock.picking", "button_validate", json!({"ids": [1]})),
            ("stock.quant", "search_read", json!({"domain": []})),
        ]
        .into_iter()
        .enumerate()
        {
            let now = at(1000 * i64::try_from(step).expect("small"));
            said.push(answered(ask_as(&mut odoo, KEY, model, method, &body, now)));
        }
        said
    };
    assert_eq!(play(), play());
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut odoo = odoo();
    let id = order(&mut odoo);
    let mut other = odoo.clone();
    ok(&mut other, "sale.order", "action_confirm", json!({"ids": [id]}));
    assert_eq!(odoo.peek("stock.picking", json!([]), &["id"]).len(), 0);
    assert_eq!(other.peek("stock.picking", json!([]), &["id"]).len(), 1);
}

#[test]
fn what_was_lost_on_the_way_back_was_carried_out() {
    let mut odoo = odoo();
    let id = order(&mut odoo);
    let confirm = json!({"ids": [id]});
    let transfers = |odoo: &Odoo| odoo.peek("stock.picking", json!([]), &["state"]).len();
    odoo.disturb(Rule::new(Disturbance::LoseRequest, When::Next(1)).on("sale.order", "action_confirm"));
    let reply = ask_as(&mut odoo, KEY, "sale.order", "action_confirm", &confirm, at(0));
    assert_eq!((reply, transfers(&odoo)), (Reply::Silence { applied: false }, 0));
    odoo.disturb(Rule::new(Disturbance::LoseAnswer, When::Next(1)).on("sale.order", "action_confirm"));
    let reply = ask_as(&mut odoo, KEY, "sale.order", "action_confirm", &confirm, at(0));
    assert_eq!((reply, transfers(&odoo)), (Reply::Silence { applied: true }, 1));
    assert_eq!(call(&mut odoo, "sale.order", "action_confirm", confirm).0, 422);
}

#[test]
fn faults_look_as_they_do_on_a_real_odoo() {
    let mut odoo = odoo();
    let mut first_fault = |what: Disturbance| {
        odoo.calm();
        odoo.disturb(Rule::new(what, When::Always));
        let reply = ask_as(&mut odoo, KEY, "res.partner", "search", &json!({"domain": []}), at(0));
        let answer = answered(reply);
        let name = serde_json::from_slice::<Json>(&answer.body).unwrap_or_default()["name"].clone();
        (answer.status, answer.content_type().starts_with("text/html"), name)
    };
    assert_eq!(first_fault(Disturbance::DatabaseDown), (404, true, Json::Null));
    assert_eq!(first_fault(Disturbance::PoolExhausted), (500, true, Json::Null));
    assert_eq!(first_fault(Disturbance::BadGateway), (502, true, Json::Null));
    let name = json!("psycopg2.errors.SerializationFailure");
    assert_eq!(first_fault(Disturbance::SerializationFailure), (500, false, name));
    assert_eq!(first_fault(Disturbance::ServerStopping), (500, false, json!("psycopg2.InterfaceError")));
    odoo.calm();
    odoo.disturb(Rule::new(Disturbance::DatabaseDown, When::Always));
    let look = |odoo: &mut Odoo, path: &str| {
        answered(odoo.answer(&Request { method: "GET", path, headers: &[], body: b"" }, at(0))).status
    };
    assert_eq!(look(&mut odoo, "/web/version"), 200);
    assert_eq!(look(&mut odoo, "/web/health?db_server_status=1"), 500);
    odoo.calm();
    let late = Duration::from_secs(4);
    odoo.disturb(Rule::new(Disturbance::Delay(late), When::Next(1)));
    let reply = ask_as(&mut odoo, KEY, "res.partner", "search", &json!({"domain": []}), at(0));
    assert!(matches!(reply, Reply::Answer { after, .. } if after == late), "{reply:?}");
    let big = vec![b' '; BODY_BYTES_MAX + 1];
    let request = Request { method: "POST", path: "/json/2/res.partner/search", headers: &[], body: &big };
    assert_eq!(answered(odoo.answer(&request, at(0))).status, 413);
}

#[test]
fn rules_count_the_calls_they_are_about() {
    let mut odoo = odoo();
    odoo.disturb(Rule::new(Disturbance::SerializationFailure, When::Every(3)).on("res.partner", "search"));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        ok(&mut odoo, "res.country", "search", json!({"domain": [], "limit": 1}));
        statuses.push(call(&mut odoo, "res.partner", "search", json!({"domain": []})).0);
    }
    assert_eq!(statuses, [200, 200, 500, 200, 200, 500]);
    odoo.calm();
    odoo.disturb(Rule::new(Disturbance::LoadConflict, When::Next(1)));
    ok(&mut odoo, "res.partner", "search", json!({"domain": []}));
    let load = json!({"fields": ["id", "name"], "data": [["t.x", "X"]]});
    let lost = ok(&mut odoo, "res.partner", "load", load.clone());
    assert_eq!(lost["ids"], false);
    assert!(lost["messages"][0]["message"].as_str().is_some_and(|text| text.contains("could not serialize")), "{lost}");
    assert!(odoo.peek("res.partner", json!([["name", "=", "X"]]), &["id"]).is_empty());
    assert!(ok(&mut odoo, "res.partner", "load", load)["ids"].is_array());
}

#[test]
fn groups_decide_what_a_service_user_may() {
    let mut odoo = odoo();
    let id = order(&mut odoo);
    let user = "base.group_user";
    odoo.add_user("wh", &[user, "stock.group_stock_user"], "wh", at(0));
    odoo.add_user("sales", &[user, "sales_team.group_sale_salesman_all_leads"], "sales", at(0));
    odoo.add_user("fleet", &[user, "fleet.fleet_group_user"], "fleet", at(0));
    let mut status = |key: &str, model: &str, method: &str, body: Json| {
        answered(ask_as(&mut odoo, key, model, method, &body, at(0))).status
    };
    let partner = json!({"vals_list": {"name": "X"}});
    for key in ["wh", "sales", "fleet"] {
        assert_eq!(status(key, "res.partner", "search", json!({"domain": []})), 200, "{key}");
        assert_eq!(status(key, "res.partner", "create", partner.clone()), 403, "{key}");
        assert_eq!(status(key, "ir.model", "search", json!({"domain": []})), 403, "{key}");
        assert_eq!(status(key, "res.partner", "fields_get", json!({})), 200, "{key}");
    }
    assert_eq!(status("fleet", "sale.order", "search", json!({"domain": []})), 403);
    assert_eq!(status("wh", "sale.order", "create", json!({"vals_list": {"partner_id": 1}})), 403);
    // The warehouse may confirm an order; what that sets in motion needs no rights of its own.
    assert_eq!(status("wh", "sale.order", "action_confirm", json!({"ids": [id]})), 200);
    assert_eq!(status("fleet", "stock.picking", "button_validate", json!({"ids": [1]})), 403);
    assert_eq!(status("sales", "stock.picking", "button_validate", json!({"ids": [1]})), 200);
    assert_eq!(status("nobody", "res.partner", "search", json!({"domain": []})), 401);
    // `load` tells missing rights in a good answer.
    let load = json!({"fields": ["id", "name"], "data": [["t.y", "Y"]]});
    let answer = answered(ask_as(&mut odoo, "wh", "res.partner", "load", &load, at(0)));
    let said: Json = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!((answer.status, &said["ids"]), (200, &json!(false)));
}

#[test]
fn numbers_of_failed_calls_are_not_used_again() {
    let mut odoo = odoo();
    let first = order(&mut odoo);
    let bad = json!({"vals_list": [{"partner_id": 1}, {"partner_id": 1, "state": "zzz"}]});
    assert_eq!(call(&mut odoo, "sale.order", "create", bad).0, 500);
    let next = ok(&mut odoo, "sale.order", "create", json!({"vals_list": {"partner_id": 1}}))[0].as_i64();
    assert!(next > Some(first + 1), "{next:?}");
    let names = odoo.peek("sale.order", json!([]), &["name"]);
    let names: Vec<_> = names.iter().filter_map(|order| order["name"].as_str()).collect();
    assert_eq!((names.len(), names.contains(&"S00002")), (2, false), "{names:?}");
}

#[test]
fn what_the_stand_in_does_not_do_it_refuses_loudly() {
    let mut odoo = odoo();
    let (status, said) = call(&mut odoo, "res.partner", "copy", json!({"ids": [1]}));
    assert_eq!((status, &said["name"]), (501, &json!("crossdock_sim.NotImplemented")));
    let model = odoo.peek("ir.model", json!([["model", "=", "res.partner"]]), &["id"]);
    let action = json!({"name": "x", "model_id": model[0]["id"], "state": "code", "code": "records.unlink()"});
    let (status, _) = call(&mut odoo, "ir.actions.server", "create", json!({"vals_list": action}));
    assert_eq!(status, 501);
}
