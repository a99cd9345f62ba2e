//! Invoices, payments, credit notes, bills.

use serde_json::{Value as Json, json};

use crate::odoo_contract::target::{Scene, insert_only};

const USER: &str = "odoo.exceptions.UserError";

/// Opens the wizard on orders and runs it; gives its id and what it says.
async fn wizard(scene: &Scene, orders: &[i64]) -> (Json, Json) {
    let context = json!({"active_model": "sale.order", "active_ids": orders});
    let values = json!({"context": context, "vals_list": {"advance_payment_method": "delivered"}});
    let wizard = scene.ok("sale.advance.payment.inv", "create", values).await;
    let said = scene.ok("sale.advance.payment.inv", "create_invoices", json!({"ids": wizard})).await;
    (wizard, said)
}

async fn invoices(scene: &Scene, order: i64) -> Vec<i64> {
    let read = scene.read("sale.order", order, &["invoice_ids"]).await;
    read["invoice_ids"].as_array().expect("a list").iter().filter_map(Json::as_i64).collect()
}

/// An order of 8 widgets at 20, confirmed and invoiced.
async fn drafted(scene: &Scene, name: &str) -> (i64, i64) {
    let (order, _) = scene.confirmed(name, &[("widget", 8.0)]).await;
    wizard(scene, &[order]).await;
    (order, invoices(scene, order).await[0])
}

async fn posted(scene: &Scene, name: &str) -> (i64, i64) {
    let (order, invoice) = drafted(scene, name).await;
    assert_eq!(scene.ok("account.move", "action_post", json!({"ids": [invoice]})).await, false);
    (order, invoice)
}

async fn stage(scene: &Scene) {
    scene.customer().await;
    scene.product("widget", 100.0).await;
}

pub async fn the_wizard_invoices_once(scene: Scene) {
    stage(&scene).await;
    let draft = scene.order("draft", &[("widget", 1.0)]).await;
    let context = json!({"active_model": "sale.order", "active_ids": [draft]});
    let values = json!({"context": context, "vals_list": {"advance_payment_method": "delivered"}});
    let early = scene.ok("sale.advance.payment.inv", "create", values).await;
    let said = scene.call("sale.advance.payment.inv", "create_invoices", json!({"ids": early})).await;
    assert!(said.fault(422, USER).starts_with("Cannot create an invoice."));
    let (order, _) = scene.confirmed("so", &[("widget", 8.0)]).await;
    let (wizard, window) = wizard(&scene, &[order]).await;
    let made = invoices(&scene, order).await;
    assert_eq!((&window["res_model"], &window["res_id"]), (&json!("account.move"), &json!(made[0])));
    let fields = [
        "name",
        "state",
        "move_type",
        "invoice_origin",
        "ref",
        "invoice_date",
        "amount_untaxed",
        "amount_tax",
        "amount_total",
        "amount_residual",
        "payment_state",
        "partner_id",
    ];
    let read = scene.read("account.move", made[0], &fields).await;
    let named = scene.read("sale.order", order, &["name", "invoice_status"]).await;
    assert_eq!(
        (&read["name"], &read["state"], &read["move_type"]),
        (&json!(false), &json!("draft"), &json!("out_invoice"))
    );
    assert_eq!((&read["invoice_origin"], &read["ref"]), (&named["name"], &json!(scene.own("so"))));
    assert_eq!((&read["invoice_date"], &read["payment_state"]), (&json!(false), &json!("not_paid")));
    assert_eq!(
        (&read["amount_untaxed"], &read["amount_tax"], &read["amount_total"], &read["amount_residual"]),
        (&json!(160.0), &json!(24.0), &json!(184.0), &json!(184.0))
    );
    assert_eq!(named["invoice_status"], "invoiced");
    let domain = json!([["move_id", "=", made[0]], ["display_type", "=", "product"]]);
    let lines = scene.find("account.move.line", domain, &["quantity", "price_unit", "sale_line_ids", "tax_ids"]).await;
    assert_eq!((&lines[0]["quantity"], &lines[0]["price_unit"]), (&json!(8.0), &json!(20.0)));
    assert_eq!(lines[0]["sale_line_ids"].as_array().map(Vec::len), Some(1));
    let said = scene.call("sale.advance.payment.inv", "create_invoices", json!({"ids": wizard})).await;
    assert!(said.fault(422, USER).starts_with("Cannot create an invoice."));
    assert_eq!(invoices(&scene, order).await, made);
}

pub async fn posting_numbers_without_gaps(scene: Scene) {
    stage(&scene).await;
    let (_, first) = drafted(&scene, "a").await;
    let (order, second) = drafted(&scene, "b").await;
    let dated = json!({"ids": [second], "vals": {"invoice_date": "2026-11-20"}});
    assert_eq!(scene.ok("account.move", "write", dated).await, true);
    for invoice in [second, first] {
        assert_eq!(scene.ok("account.move", "action_post", json!({"ids": [invoice]})).await, false);
        let text = scene.call("account.move", "action_post", json!({"ids": [invoice]})).await.fault(422, USER);
        assert!(text.ends_with("must be in draft."), "{text}");
    }
    let fields = ["name", "state", "invoice_date", "date", "payment_reference"];
    let number = async |id: i64| {
        let read = scene.read("account.move", id, &fields).await;
        assert_eq!((&read["state"], &read["payment_reference"]), (&json!("posted"), &read["name"]));
        let name = read["name"].as_str().expect("a name").to_owned();
        let (_, number) = name.rsplit_once('/').expect("a range and a number");
        (read["invoice_date"].clone(), number.parse::<u32>().expect("a number"))
    };
    let ((dated, b), (today, a)) = (number(second).await, number(first).await);
    assert_eq!((dated, a), (json!("2026-11-20"), b + 1));
    assert!(today.as_str().is_some_and(|day| day.len() == 10), "{today}");
    assert_eq!(scene.read("sale.order", order, &["invoice_status"]).await["invoice_status"], "invoiced");
}

pub async fn posted_is_fixed(scene: Scene) {
    stage(&scene).await;
    let (_, invoice) = posted(&scene, "so").await;
    let write =
        async |values: Json| scene.call("account.move", "write", json!({"ids": [invoice], "vals": values})).await;
    for values in [json!({"invoice_date": "2026-11-21"}), json!({"partner_id": 1})] {
        write(values).await.fault(422, USER);
    }
    assert_eq!(write(json!({"ref": "another"})).await.json(), true);
    scene.call("account.move", "unlink", json!({"ids": [invoice]})).await.fault(422, USER);
    scene.ok("account.move", "button_draft", json!({"ids": [invoice]})).await;
    assert_eq!(scene.read("account.move", invoice, &["state"]).await["state"], "draft");
    scene.ok("account.move", "button_cancel", json!({"ids": [invoice]})).await;
    assert_eq!(scene.read("account.move", invoice, &["state"]).await["state"], "cancel");
    scene.call("account.move", "button_cancel", json!({"ids": [invoice]})).await.fault(422, USER);
    scene.call("account.move", "action_post", json!({"ids": [invoice]})).await.fault(422, USER);
}

pub async fn delivered_quantities_are_invoiced_as_they_leave(scene: Scene) {
    stage(&scene).await;
    let product =
        scene.find("product.product", json!([["default_code", "=", format!("{}-widget", scene.name)]]), &["id"]).await;
    let policy = json!({"ids": [product[0]["id"]], "vals": {"invoice_policy": "delivery"}});
    scene.ok("product.product", "write", policy).await;
    let (order, transfer) = scene.confirmed("so", &[("widget", 8.0)]).await;
    let status = async || scene.read("sale.order", order, &["invoice_status"]).await["invoice_status"].clone();
    assert_eq!(status().await, "no");
    let goods = scene.moves(transfer).await[0]["id"].clone();
    let part = json!({"move_ids": [[1, goods, {"quantity": 5, "picked": true}]]});
    scene.ok("stock.picking", "write", json!({"ids": [transfer], "vals": part})).await;
    let context = json!({"skip_backorder": true});
    scene.ok("stock.picking", "button_validate", json!({"ids": [transfer], "context": context})).await;
    assert_eq!(status().await, "to invoice");
    wizard(&scene, &[order]).await;
    let made = invoices(&scene, order).await;
    assert_eq!(scene.read("account.move", made[0], &["amount_untaxed"]).await["amount_untaxed"], 100.0);
    assert_eq!(status().await, "no");
    let rest = scene.find("stock.picking", json!([["backorder_id", "=", transfer]]), &["id"]).await;
    scene.ok("stock.picking", "button_validate", json!({"ids": [rest[0]["id"]]})).await;
    assert_eq!(status().await, "to invoice");
    wizard(&scene, &[order]).await;
    assert_eq!((invoices(&scene, order).await.len(), status().await), (2, json!("invoiced")));
    let line =
        scene.find("sale.order.line", json!([["order_id", "=", order]]), &["qty_invoiced", "qty_to_invoice"]).await;
    assert_eq!((&line[0]["qty_invoiced"], &line[0]["qty_to_invoice"]), (&json!(8.0), &json!(0.0)));
}

pub async fn orders_of_one_customer_share_an_invoice(scene: Scene) {
    stage(&scene).await;
    let (a, _) = scene.confirmed("a", &[("widget", 1.0)]).await;
    let (b, _) = scene.confirmed("b", &[("widget", 2.0)]).await;
    wizard(&scene, &[a, b]).await;
    let made = invoices(&scene, a).await;
    assert_eq!((made.len(), invoices(&scene, b).await), (1, made.clone()));
    let read = scene.read("account.move", made[0], &["amount_untaxed", "invoice_origin"]).await;
    assert_eq!(read["amount_untaxed"], 60.0);
    assert!(read["invoice_origin"].as_str().is_some_and(|origin| origin.contains(", ")), "{read}");
}

pub async fn payments_settle(scene: Scene) {
    stage(&scene).await;
    let (_, invoice) = posted(&scene, "so").await;
    let banks = scene.find("account.journal", json!([["type", "=", "bank"]]), &["id"]).await;
    let fields = ["id", "partner_id/id", "amount", "payment_type", "partner_type", "memo", "date", "journal_id/.id"];
    let row = json!([[
        scene.xid("pay"),
        scene.xid("customer"),
        "184",
        "inbound",
        "customer",
        scene.own("pay"),
        "2026-11-23",
        banks[0]["id"].to_string(),
    ]]);
    let payment = scene.loaded("account.payment", insert_only(), &fields, row).await[0];
    for _ in 0..2 {
        assert_eq!(scene.ok("account.payment", "action_post", json!({"ids": [payment]})).await, Json::Null);
        assert_eq!(scene.read("account.payment", payment, &["state"]).await["state"], "in_process");
    }
    let domain = json!([["payment_id", "=", payment], ["account_id.account_type", "=", "asset_receivable"]]);
    let line = scene.find("account.move.line", domain, &["balance"]).await;
    assert_eq!(line[0]["balance"], -184.0);
    let settle = json!({"ids": [invoice], "line_id": line[0]["id"]});
    assert_eq!(scene.ok("account.move", "js_assign_outstanding_line", settle.clone()).await, Json::Null);
    let read = scene.read("account.move", invoice, &["payment_state", "amount_residual"]).await;
    assert_eq!((&read["payment_state"], &read["amount_residual"]), (&json!("paid"), &json!(0.0)));
    let read = scene.read("account.payment", payment, &["state", "is_reconciled", "reconciled_invoice_ids"]).await;
    assert_eq!(
        read,
        json!({"id": payment, "state": "paid", "is_reconciled": true, "reconciled_invoice_ids": [invoice]})
    );
    scene.call("account.move", "js_assign_outstanding_line", settle).await.fault(422, USER);
    // The wizard pays as often as it is told to.
    let (_, other) = posted(&scene, "other").await;
    let context = json!({"active_model": "account.move", "active_ids": [other]});
    let register = json!({"context": context, "vals_list": {}});
    let register = scene.ok("account.payment.register", "create", register).await;
    for _ in 0..2 {
        let window = scene.ok("account.payment.register", "action_create_payments", json!({"ids": register})).await;
        assert_eq!(window["res_model"], "account.payment");
    }
    assert_eq!(scene.read("account.move", other, &["payment_state"]).await["payment_state"], "paid");
    assert_eq!(scene.find("account.payment", json!([["invoice_ids", "in", [other]]]), &["id"]).await.len(), 2);
}

pub async fn credit_notes_settle(scene: Scene) {
    stage(&scene).await;
    let (order, invoice) = posted(&scene, "so").await;
    let journal = scene.read("account.move", invoice, &["journal_id"]).await["journal_id"][0].clone();
    let context = json!({"active_model": "account.move", "active_ids": [invoice]});
    let wizard = json!({"context": context, "vals_list": {"reason": "broken", "journal_id": journal}});
    let wizard = scene.ok("account.move.reversal", "create", wizard).await;
    for _ in 0..2 {
        let window = scene.ok("account.move.reversal", "refund_moves", json!({"ids": wizard})).await;
        assert_eq!(window["res_model"], "account.move");
    }
    let fields = ["state", "move_type", "amount_total", "ref"];
    let notes = scene.find("account.move", json!([["reversed_entry_id", "=", invoice]]), &fields).await;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert_eq!(
        (&notes[0]["state"], &notes[0]["move_type"], &notes[0]["amount_total"]),
        (&json!("draft"), &json!("out_refund"), &json!(184.0))
    );
    assert_eq!(scene.ok("account.move", "action_post", json!({"ids": [notes[0]["id"]]})).await, false);
    let read = scene.read("account.move", invoice, &["payment_state", "amount_residual"]).await;
    assert_eq!((&read["payment_state"], &read["amount_residual"]), (&json!("reversed"), &json!(0.0)));
    assert_eq!(scene.ok("account.move", "unlink", json!({"ids": [notes[1]["id"]]})).await, true);
    assert_eq!(scene.read("sale.order", order, &["invoice_status"]).await["invoice_status"], "to invoice");
}

pub async fn bills_need_a_date(scene: Scene) {
    stage(&scene).await;
    let fields = [
        "id",
        "move_type",
        "partner_id/id",
        "ref",
        "invoice_line_ids/id",
        "invoice_line_ids/product_id/id",
        "invoice_line_ids/quantity",
        "invoice_line_ids/price_unit",
    ];
    let row = json!([[
        scene.xid("bill"),
        "in_invoice",
        scene.xid("customer"),
        scene.own("bill"),
        scene.xid("bill_1"),
        scene.xid("widget"),
        "2",
        "10",
    ]]);
    let load = || scene.loaded("account.move", insert_only(), &fields, row.clone());
    let bill = load().await[0];
    assert_eq!(load().await, [bill]);
    let read = scene.read("account.move", bill, &["state", "amount_total", "move_type"]).await;
    assert_eq!((&read["state"], &read["amount_total"]), (&json!("draft"), &json!(23.0)));
    scene.call("account.move", "action_post", json!({"ids": [bill]})).await.fault(422, USER);
    let dated = json!({"ids": [bill], "vals": {"invoice_date": "2026-11-20"}});
    scene.ok("account.move", "write", dated).await;
    assert_eq!(scene.ok("account.move", "action_post", json!({"ids": [bill]})).await, false);
    for values in [
        json!({"move_type": "out_invoice", "partner_id": 1}),
        json!({"move_type": "out_invoice", "invoice_line_ids": [[0, 0, {"name": "x", "price_unit": 5}]]}),
    ] {
        let empty = scene.ok("account.move", "create", json!({"vals_list": values})).await;
        scene.call("account.move", "action_post", json!({"ids": empty})).await.fault(422, USER);
    }
}
