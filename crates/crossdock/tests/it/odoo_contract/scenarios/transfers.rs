//! Transfers: validating, backorders, stock.

use serde_json::{Value as Json, json};

use crate::odoo_contract::target::Scene;

const USER: &str = "odoo.exceptions.UserError";

/// Writes what was picked, with a tracking number.
async fn pick(scene: &Scene, transfer: i64, picks: &[(usize, f64)]) {
    let moves = scene.moves(transfer).await;
    let commands: Vec<Json> = picks
        .iter()
        .map(|(place, quantity)| json!([1, moves[*place]["id"], {"quantity": quantity, "picked": true}]))
        .collect();
    let values = json!({"move_ids": commands, "carrier_tracking_ref": format!("TRK-{}", scene.name)});
    assert_eq!(scene.ok("stock.picking", "write", json!({"ids": [transfer], "vals": values})).await, true);
}

async fn validate(scene: &Scene, transfer: i64, context: Json) -> Json {
    scene.ok("stock.picking", "button_validate", json!({"ids": [transfer], "context": context})).await
}

async fn backorders(scene: &Scene, transfer: i64) -> Vec<Json> {
    let fields = ["name", "state", "carrier_tracking_ref", "sale_id", "origin"];
    scene.find("stock.picking", json!([["backorder_id", "=", transfer]]), &fields).await
}

pub async fn a_part_leaves_and_the_rest_is_a_backorder(scene: Scene) {
    scene.customer().await;
    let (widget, gadget) = (scene.product("widget", 10.0).await, scene.product("gadget", 3.0).await);
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0), ("gadget", 5.0)]).await;
    pick(&scene, transfer, &[(0, 5.0)]).await;
    assert_eq!(validate(&scene, transfer, json!({"skip_backorder": true, "skip_sms": true})).await, true);
    let done = scene.read("stock.picking", transfer, &["state", "carrier_tracking_ref", "date_done"]).await;
    assert_eq!(
        (&done["state"], &done["carrier_tracking_ref"]),
        (&json!("done"), &json!(format!("TRK-{}", scene.name)))
    );
    assert!(done["date_done"].is_string(), "{done}");
    let moves = scene.moves(transfer).await;
    assert_eq!(moves.len(), 1);
    assert_eq!(
        (&moves[0]["product_uom_qty"], &moves[0]["quantity"], &moves[0]["state"]),
        (&json!(5.0), &json!(5.0), &json!("done"))
    );
    let next = backorders(&scene, transfer).await;
    assert_eq!(next.len(), 1, "{next:?}");
    assert_eq!((&next[0]["state"], &next[0]["carrier_tracking_ref"]), (&json!("assigned"), &json!(false)));
    assert_eq!(next[0]["sale_id"][0], order);
    let rest = scene.moves(next[0]["id"].as_i64().expect("an id")).await;
    let mut shape: Vec<_> = rest
        .iter()
        .map(|m| {
            (m["product_id"][0].as_i64(), m["product_uom_qty"].as_f64(), m["quantity"].as_f64(), m["picked"] == true)
        })
        .collect();
    shape.sort_by_key(|(product, ..)| *product);
    assert_eq!(shape, [(Some(widget), Some(3.0), Some(3.0), false), (Some(gadget), Some(5.0), Some(3.0), false)]);
    assert_eq!((scene.on_hand(widget).await, scene.on_hand(gadget).await), ((5.0, 3.0), (3.0, 3.0)));
    let read = scene.read("sale.order", order, &["delivery_status", "effective_date", "picking_ids"]).await;
    assert_eq!((&read["delivery_status"], read["picking_ids"].as_array().map(Vec::len)), (&json!("partial"), Some(2)));
    assert!(read["effective_date"].is_string(), "{read}");
    let lines = scene.find("sale.order.line", json!([["order_id", "=", order]]), &["qty_delivered"]).await;
    assert_eq!((&lines[0]["qty_delivered"], &lines[1]["qty_delivered"]), (&json!(5.0), &json!(0.0)));
    let gone = scene
        .find(
            "stock.quant",
            json!([["product_id", "=", widget], ["location_id.usage", "=", "customer"]]),
            &["quantity"],
        )
        .await;
    assert_eq!(gone[0]["quantity"], 5.0);
}

pub async fn the_rest_can_be_dropped(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 10.0).await;
    scene.product("gadget", 10.0).await;
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0), ("gadget", 2.0)]).await;
    pick(&scene, transfer, &[(0, 5.0)]).await;
    let context = json!({"skip_backorder": true, "picking_ids_not_to_backorder": [transfer]});
    assert_eq!(validate(&scene, transfer, context).await, true);
    assert!(backorders(&scene, transfer).await.is_empty());
    let moves = scene.moves(transfer).await;
    assert_eq!((&moves[0]["state"], &moves[0]["quantity"]), (&json!("done"), &json!(5.0)));
    assert_eq!((&moves[1]["state"], &moves[1]["quantity"]), (&json!("cancel"), &json!(0.0)));
    assert_eq!(scene.read("stock.picking", transfer, &["state"]).await["state"], "done");
    assert_eq!(scene.read("sale.order", order, &["delivery_status"]).await["delivery_status"], "full");
    assert_eq!(scene.on_hand(widget).await, (5.0, 0.0));
}

pub async fn validate_asks_about_the_rest(scene: Scene) {
    scene.customer().await;
    scene.product("widget", 20.0).await;
    for (name, method, rest) in [("a", "process", 1), ("b", "process_cancel_backorder", 0)] {
        let (_, transfer) = scene.confirmed(name, &[("widget", 8.0)]).await;
        pick(&scene, transfer, &[(0, 5.0)]).await;
        let question = validate(&scene, transfer, json!({"skip_sms": true})).await;
        assert_eq!(question["res_model"], "stock.backorder.confirmation", "{question}");
        assert_eq!(question["context"]["button_validate_picking_ids"], json!([transfer]), "{question}");
        assert_eq!(scene.read("stock.picking", transfer, &["state"]).await["state"], "assigned");
        let context = &question["context"];
        let wizard = json!({"vals_list": {}, "context": context});
        let wizard = scene.ok("stock.backorder.confirmation", "create", wizard).await;
        let answer = json!({"ids": wizard, "context": context});
        assert_eq!(scene.ok("stock.backorder.confirmation", method, answer).await, true);
        assert_eq!(scene.read("stock.picking", transfer, &["state"]).await["state"], "done");
        assert_eq!(backorders(&scene, transfer).await.len(), rest, "{method}");
    }
}

pub async fn validate_again_changes_nothing(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 10.0).await;
    let (_, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    pick(&scene, transfer, &[(0, 5.0)]).await;
    let context = json!({"skip_backorder": true});
    for _ in 0..3 {
        assert_eq!(validate(&scene, transfer, context.clone()).await, true);
    }
    assert_eq!(backorders(&scene, transfer).await.len(), 1);
    assert_eq!(scene.on_hand(widget).await, (5.0, 3.0));
    let text = scene.call("stock.picking", "action_assign", json!({"ids": [transfer]})).await.fault(422, USER);
    assert_eq!(text, "Nothing to check the availability for.");
    scene.call("stock.picking", "action_cancel", json!({"ids": [transfer]})).await.fault(422, USER);
    scene.call("stock.picking", "do_unreserve", json!({"ids": [transfer]})).await.status_is(200);
}

pub async fn nothing_cannot_be_validated(scene: Scene) {
    scene.customer().await;
    scene.product("widget", 0.0).await;
    let (_, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    let body = json!({"ids": [transfer], "context": {"skip_backorder": true}});
    scene.call("stock.picking", "button_validate", body).await.fault(422, USER);
    assert_eq!(scene.read("stock.picking", transfer, &["state"]).await["state"], "confirmed");
    // What a person says is there may leave, whatever the books say.
    pick(&scene, transfer, &[(0, 2.0)]).await;
    assert_eq!(validate(&scene, transfer, json!({"skip_backorder": true})).await, true);
    let left = backorders(&scene, transfer).await;
    assert_eq!(left[0]["state"], "confirmed");
    assert_eq!(scene.ok("stock.picking", "action_cancel", json!({"ids": [left[0]["id"]]})).await, true);
    let body = json!({"ids": [left[0]["id"]], "context": {"skip_backorder": true}});
    scene.call("stock.picking", "button_validate", body).await.fault(422, USER);
}

pub async fn everything_is_picked_when_nothing_is_marked(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 10.0).await;
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    assert_eq!(validate(&scene, transfer, json!({})).await, true);
    let moves = scene.moves(transfer).await;
    assert_eq!((&moves[0]["state"], &moves[0]["picked"]), (&json!("done"), &json!(true)));
    assert_eq!(scene.read("sale.order", order, &["delivery_status"]).await["delivery_status"], "full");
    assert_eq!(scene.on_hand(widget).await, (2.0, 0.0));
}

pub async fn more_than_was_ordered_may_leave(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 20.0).await;
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    pick(&scene, transfer, &[(0, 12.0)]).await;
    assert_eq!(validate(&scene, transfer, json!({})).await, true);
    let lines = scene.find("sale.order.line", json!([["order_id", "=", order]]), &["qty_delivered"]).await;
    assert_eq!(lines[0]["qty_delivered"], 12.0);
    assert_eq!(scene.on_hand(widget).await, (8.0, 0.0));
}

pub async fn counts_are_absolute_but_not_repeatable(scene: Scene) {
    let widget = scene.product("widget", 10.0).await;
    let first = scene.stock(widget, 7.0).await;
    assert_eq!(scene.on_hand(widget).await, (7.0, 0.0));
    let second = scene.stock(widget, 9.0).await;
    assert_eq!((first, scene.on_hand(widget).await), (second, (9.0, 0.0)));
    // Applied again without a new count, the count is nothing, and so is the stock.
    assert_eq!(scene.ok("stock.quant", "action_apply_inventory", json!({"ids": [first]})).await, Json::Null);
    assert_eq!(scene.on_hand(widget).await, (0.0, 0.0));
}

pub async fn arriving_goods_go_to_who_waits(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 0.0).await;
    let (_, transfer) = scene.confirmed("so", &[("widget", 4.0)]).await;
    let types = scene
        .find(
            "stock.picking.type",
            json!([["code", "=", "incoming"]]),
            &["default_location_src_id", "default_location_dest_id"],
        )
        .await;
    let place = |field: &str| types[0][field][0].clone();
    let receipt = json!({"vals_list": {
        "picking_type_id": types[0]["id"],
        "location_id": place("default_location_src_id"),
        "location_dest_id": place("default_location_dest_id"),
        "move_ids": [[0, 0, {
            "product_id": widget, "product_uom_qty": 6,
            "location_id": place("default_location_src_id"), "location_dest_id": place("default_location_dest_id"),
        }]],
    }});
    let receipt = scene.ok("stock.picking", "create", receipt).await[0].as_i64().expect("an id");
    let state = async |id: i64| scene.read("stock.picking", id, &["state"]).await["state"].clone();
    assert_eq!(state(receipt).await, "draft");
    assert_eq!(scene.ok("stock.picking", "action_confirm", json!({"ids": [receipt]})).await, true);
    assert_eq!(state(receipt).await, "assigned");
    assert_eq!(validate(&scene, receipt, json!({})).await, true);
    assert_eq!((state(receipt).await, state(transfer).await), (json!("done"), json!("assigned")));
    assert_eq!(scene.on_hand(widget).await, (6.0, 4.0));
}

pub async fn returns_come_back(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 10.0).await;
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    assert_eq!(validate(&scene, transfer, json!({})).await, true);
    let context = json!({"active_id": transfer, "active_ids": [transfer], "active_model": "stock.picking"});
    let wizard = json!({"context": context, "vals_list": {"picking_id": transfer}});
    let wizard = scene.ok("stock.return.picking", "create", wizard).await;
    let lines = scene.find("stock.return.picking.line", json!([["wizard_id", "in", wizard]]), &["quantity"]).await;
    assert_eq!((lines.len(), &lines[0]["quantity"]), (1, &json!(0.0)));
    scene.call("stock.return.picking", "action_create_returns", json!({"ids": wizard})).await.fault(422, USER);
    let write = json!({"ids": [lines[0]["id"]], "vals": {"quantity": 3}});
    scene.ok("stock.return.picking.line", "write", write).await;
    let window = scene.ok("stock.return.picking", "action_create_returns", json!({"ids": wizard})).await;
    assert_eq!(window["res_model"], "stock.picking");
    let back = window["res_id"].as_i64().expect("an id");
    let read = scene.read("stock.picking", back, &["state", "return_id", "picking_type_code"]).await;
    assert_eq!((&read["state"], &read["return_id"][0]), (&json!("assigned"), &json!(transfer)));
    assert_eq!(read["picking_type_code"], "incoming");
    assert_eq!(validate(&scene, back, json!({})).await, true);
    let lines = scene.find("sale.order.line", json!([["order_id", "=", order]]), &["qty_delivered"]).await;
    assert_eq!(lines[0]["qty_delivered"], 5.0);
    assert_eq!(scene.on_hand(widget).await, (5.0, 0.0));
}

pub async fn batches_are_done_together(scene: Scene) {
    scene.customer().await;
    scene.product("widget", 10.0).await;
    let (_, a) = scene.confirmed("a", &[("widget", 2.0)]).await;
    let (_, b) = scene.confirmed("b", &[("widget", 3.0)]).await;
    let types = scene.find("stock.picking.type", json!([["code", "=", "outgoing"]]), &["id"]).await;
    let values = json!({"picking_type_id": types[0]["id"], "picking_ids": [[6, 0, [a, b]]]});
    let batch =
        scene.ok("stock.picking.batch", "create", json!({"vals_list": values})).await[0].as_i64().expect("an id");
    let state = async || scene.read("stock.picking.batch", batch, &["state"]).await["state"].clone();
    assert_eq!(state().await, "draft");
    assert_eq!(scene.ok("stock.picking.batch", "action_confirm", json!({"ids": [batch]})).await, true);
    assert_eq!(state().await, "in_progress");
    for _ in 0..2 {
        assert_eq!(scene.ok("stock.picking.batch", "action_done", json!({"ids": [batch]})).await, true);
        assert_eq!(state().await, "done");
    }
    for transfer in [a, b] {
        let read = scene.read("stock.picking", transfer, &["state", "batch_id"]).await;
        assert_eq!((&read["state"], &read["batch_id"][0]), (&json!("done"), &json!(batch)));
    }
    let empty =
        scene.ok("stock.picking.batch", "create", json!({"vals_list": {"picking_type_id": types[0]["id"]}})).await;
    scene.call("stock.picking.batch", "action_confirm", json!({"ids": empty})).await.fault(422, USER);
}
