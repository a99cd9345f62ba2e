//! Sales orders and the transfers they bring about.

use serde_json::json;

use crate::odoo_contract::target::{Scene, insert_only};

const USER: &str = "odoo.exceptions.UserError";

pub async fn confirm_makes_a_reserved_transfer(scene: Scene) {
    scene.customer().await;
    let (widget, gadget) = (scene.product("widget", 10.0).await, scene.product("gadget", 3.0).await);
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0), ("gadget", 5.0)]).await;
    let fields = ["name", "state", "delivery_status", "invoice_status", "amount_untaxed", "amount_tax", "amount_total"];
    let read = scene.read("sale.order", order, &fields).await;
    assert!(read["name"].as_str().is_some_and(|name| name.starts_with('S') && name.len() == 6), "{read}");
    assert_eq!(
        (&read["state"], &read["delivery_status"], &read["invoice_status"]),
        (&json!("sale"), &json!("pending"), &json!("to invoice"))
    );
    // A customer at home pays 15 %.
    assert_eq!(
        (&read["amount_untaxed"], &read["amount_tax"], &read["amount_total"]),
        (&json!(260.0), &json!(39.0), &json!(299.0))
    );
    let fields = ["name", "state", "origin", "picking_type_code", "sale_id", "partner_id", "backorder_id", "is_signed"];
    let picking = scene.read("stock.picking", transfer, &fields).await;
    assert!(picking["name"].as_str().is_some_and(|name| name.starts_with("WH/OUT/")), "{picking}");
    assert_eq!(picking["origin"], read["name"]);
    assert_eq!(picking["sale_id"], json!([order, read["name"]]));
    // Ready, though one of its moves is only partly reserved.
    assert_eq!((&picking["state"], &picking["picking_type_code"]), (&json!("assigned"), &json!("outgoing")));
    assert_eq!((&picking["backorder_id"], &picking["is_signed"]), (&json!(false), &json!(false)));
    let moves = scene.moves(transfer).await;
    let shape: Vec<_> =
        moves.iter().map(|m| (&m["product_uom_qty"], &m["quantity"], &m["state"], &m["picked"])).collect();
    assert_eq!(
        shape,
        [
            (&json!(8.0), &json!(8.0), &json!("assigned"), &json!(false)),
            (&json!(5.0), &json!(3.0), &json!("partially_available"), &json!(false)),
        ]
    );
    assert_eq!((scene.on_hand(widget).await, scene.on_hand(gadget).await), ((10.0, 8.0), (3.0, 3.0)));
}

pub async fn confirm_again_is_refused(scene: Scene) {
    scene.customer().await;
    scene.product("widget", 10.0).await;
    let (order, _) = scene.confirmed("so", &[("widget", 1.0)]).await;
    let text = scene.call("sale.order", "action_confirm", json!({"ids": [order]})).await.fault(422, USER);
    assert_eq!(text, "Some orders are not in a state requiring confirmation.");
    let read = scene.read("sale.order", order, &["state", "picking_ids"]).await;
    assert_eq!((&read["state"], read["picking_ids"].as_array().map(Vec::len)), (&json!("sale"), Some(1)));
    // It is there for good, until it is cancelled.
    scene.call("sale.order", "unlink", json!({"ids": [order]})).await.fault(422, USER);
    let lines = scene.find("sale.order.line", json!([["order_id", "=", order]]), &["id"]).await;
    scene.call("sale.order.line", "unlink", json!({"ids": [lines[0]["id"]]})).await.fault(422, USER);
    let draft = scene.order("draft", &[("widget", 1.0)]).await;
    assert_eq!(scene.ok("sale.order", "unlink", json!({"ids": [draft]})).await, true);
}

pub async fn confirm_without_stock_waits(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 0.0).await;
    let (_, transfer) = scene.confirmed("so", &[("widget", 4.0)]).await;
    let state = || scene.read("stock.picking", transfer, &["state"]);
    assert_eq!(state().await["state"], "confirmed");
    assert_eq!(scene.moves(transfer).await[0]["state"], "confirmed");
    assert_eq!(scene.ok("stock.picking", "action_assign", json!({"ids": [transfer]})).await, true);
    assert_eq!(state().await["state"], "confirmed");
    // Counted stock goes to who waits, without being asked.
    scene.stock(widget, 4.0).await;
    assert_eq!(state().await["state"], "assigned");
    assert_eq!(scene.on_hand(widget).await, (4.0, 4.0));
    scene.ok("stock.picking", "do_unreserve", json!({"ids": [transfer]})).await;
    assert_eq!((state().await["state"].clone(), scene.on_hand(widget).await), (json!("confirmed"), (4.0, 0.0)));
    assert_eq!(scene.ok("stock.picking", "action_assign", json!({"ids": [transfer]})).await, true);
    assert_eq!((state().await["state"].clone(), scene.on_hand(widget).await), (json!("assigned"), (4.0, 4.0)));
}

pub async fn cancel_calls_off_what_is_open(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 10.0).await;
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    let part = json!({"ids": [transfer], "vals": {
        "move_ids": [[1, scene.moves(transfer).await[0]["id"], {"quantity": 3, "picked": true}]],
    }});
    scene.ok("stock.picking", "write", part).await;
    let context = json!({"skip_backorder": true});
    scene.ok("stock.picking", "button_validate", json!({"ids": [transfer], "context": context})).await;
    for _ in 0..2 {
        assert_eq!(scene.ok("sale.order", "action_cancel", json!({"ids": [order]})).await, true);
    }
    let states = scene.find("stock.picking", json!([["sale_id", "=", order]]), &["state"]).await;
    let states: Vec<_> = states.iter().map(|picking| picking["state"].as_str().unwrap_or_default()).collect();
    assert_eq!(states, ["done", "cancel"]);
    let read = scene.read("sale.order", order, &["state", "invoice_status", "delivery_status"]).await;
    assert_eq!(read, json!({"id": order, "state": "cancel", "invoice_status": "no", "delivery_status": "full"}));
    assert_eq!(scene.on_hand(widget).await, (7.0, 0.0));
    assert_eq!(scene.ok("sale.order", "action_draft", json!({"ids": [order]})).await, true);
    assert_eq!(scene.read("sale.order", order, &["state"]).await["state"], "draft");
    let rest = scene.find("stock.picking", json!([["sale_id", "=", order], ["state", "=", "cancel"]]), &["id"]).await;
    assert_eq!(scene.ok("stock.picking", "action_cancel", json!({"ids": [rest[0]["id"]]})).await, true);
}

pub async fn quantities_of_confirmed_lines_adapt(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 20.0).await;
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    let line = scene.find("sale.order.line", json!([["order_id", "=", order]]), &["id"]).await[0]["id"].clone();
    let write = async |quantity: f64| {
        let body = json!({"ids": [line], "vals": {"product_uom_qty": quantity}});
        scene.call("sale.order.line", "write", body).await
    };
    assert_eq!(write(12.0).await.json(), true);
    let wanted = async || -> f64 {
        let moves = scene.moves(transfer).await;
        moves.iter().filter(|m| m["state"] != "cancel").filter_map(|m| m["product_uom_qty"].as_f64()).sum()
    };
    assert_eq!((wanted().await, scene.on_hand(widget).await.1), (12.0, 12.0));
    assert_eq!(write(5.0).await.json(), true);
    assert_eq!(wanted().await, 5.0);
    let transfers = scene.read("sale.order", order, &["picking_ids"]).await;
    assert_eq!(transfers["picking_ids"].as_array().map(Vec::len), Some(1));
}

pub async fn a_loaded_state_moves_goods(scene: Scene) {
    scene.customer().await;
    scene.product("widget", 10.0).await;
    let fields = ["id", "partner_id/id", "state", "order_line/id", "order_line/product_id/id"];
    let row = json!([[scene.xid("so"), scene.xid("customer"), "sale", scene.xid("so_1"), scene.xid("widget")]]);
    let order = scene.loaded("sale.order", insert_only(), &fields, row).await[0];
    // Lines that join a confirmed order ask for their goods at once, also when the state came along with them.
    let read = scene.read("sale.order", order, &["state", "picking_ids", "delivery_status"]).await;
    assert_eq!((&read["state"], &read["delivery_status"]), (&json!("sale"), &json!("pending")));
    assert_eq!(read["picking_ids"].as_array().map(Vec::len), Some(1), "{read}");
    let transfer = read["picking_ids"][0].as_i64().expect("an id");
    let moves = scene.moves(transfer).await;
    assert_eq!((&moves[0]["state"], &moves[0]["product_uom_qty"]), (&json!("assigned"), &json!(1.0)));
}
