//! What a caller can see of changes.

use serde_json::{Value as Json, json};

use crate::odoo_contract::target::{Scene, insert_only};

pub async fn write_dates_include_their_second(scene: Scene) {
    let id = scene.customer().await;
    let at = scene.read("res.partner", id, &["write_date", "create_date"]).await;
    let second = at["write_date"].as_str().expect("a date").to_owned();
    assert_eq!(second.len(), "2026-11-23 12:00:00".len());
    let found = async |operator: &str, value: &str| -> bool {
        let domain = json!([["id", "=", id], ["write_date", operator, value]]);
        scene.ok("res.partner", "search", json!({"domain": domain})).await == json!([id])
    };
    // The database knows more than the seconds it shows; a condition means the whole second.
    for (operator, holds) in [(">=", true), (">", false), ("<=", true), ("<", false), ("=", true), ("!=", false)] {
        assert_eq!(found(operator, &second).await, holds, "{operator}");
    }
    assert!(found(">=", &second.replace(' ', "T")).await);
    // A fraction is accepted and ignored; a zone is not accepted.
    assert!(found(">=", &format!("{second}.999999")).await && !found(">", &format!("{second}.000001")).await);
    assert!(found(">=", &second[..10]).await && found("<=", &second[..10]).await);
    let zoned = json!({"domain": [["write_date", ">=", format!("{second}Z")]]});
    scene.call("res.partner", "search", zoned).await.fault(500, "builtins.ValueError");
    // Even a write that changes nothing is one.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        scene.ok("res.partner", "write", json!({"ids": [id], "vals": {"name": scene.own("customer")}})).await;
        if scene.read("res.partner", id, &["write_date"]).await["write_date"] != second.as_str() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the clock stands still");
    }
    assert!(found(">", &second).await && !found("<=", &second).await);
    let order = json!({"domain": [["id", "in", [1, id]]], "order": "write_date desc,id"});
    assert_eq!(scene.ok("res.partner", "search", order).await, json!([id, 1]));
}

pub async fn archived_records_hide(scene: Scene) {
    let id = scene.customer().await;
    assert_eq!(scene.ok("res.partner", "write", json!({"ids": [id], "vals": {"active": false}})).await, true);
    let search = async |body: Json| scene.ok("res.partner", "search", body).await;
    assert_eq!(search(json!({"domain": [["id", "=", id]]})).await, json!([]));
    let asked = json!({"domain": [["id", "=", id], ["active", "in", [true, false]]]});
    assert_eq!(search(asked).await, json!([id]));
    let all = json!({"domain": [["id", "=", id]], "context": {"active_test": false}});
    assert_eq!(search(all).await, json!([id]));
    assert_eq!(scene.read("res.partner", id, &["active"]).await["active"], false);
    let row = json!([[scene.xid("child"), "Dock", scene.xid("customer"), "delivery"]]);
    scene.loaded("res.partner", insert_only(), &["id", "name", "parent_id/id", "type"], row).await;
}

pub async fn purchases_are_confirmed_once(scene: Scene) {
    scene.customer().await;
    let widget = scene.product("widget", 0.0).await;
    let fields = [
        "id",
        "partner_id/id",
        "order_line/id",
        "order_line/product_id/id",
        "order_line/product_qty",
        "order_line/price_unit",
    ];
    let row = json!([[scene.xid("po"), scene.xid("customer"), scene.xid("po_1"), scene.xid("widget"), "4", "9"]]);
    let order = scene.loaded("purchase.order", insert_only(), &fields, row).await[0];
    for _ in 0..2 {
        assert_eq!(scene.ok("purchase.order", "button_confirm", json!({"ids": [order]})).await, true);
    }
    let read = scene.read("purchase.order", order, &["state", "picking_ids", "receipt_status", "amount_untaxed"]).await;
    assert_eq!((&read["state"], &read["receipt_status"]), (&json!("purchase"), &json!("pending")));
    assert_eq!((read["picking_ids"].as_array().map(Vec::len), &read["amount_untaxed"]), (Some(1), &json!(36.0)));
    let receipt = read["picking_ids"][0].clone();
    assert_eq!(scene.ok("stock.picking", "button_validate", json!({"ids": [receipt]})).await, true);
    let read = scene.read("purchase.order", order, &["receipt_status", "invoice_status"]).await;
    assert_eq!((&read["receipt_status"], &read["invoice_status"]), (&json!("full"), &json!("to invoice")));
    assert_eq!(scene.on_hand(widget).await, (4.0, 0.0));
}
