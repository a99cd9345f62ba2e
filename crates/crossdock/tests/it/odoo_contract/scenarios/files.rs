//! Attachments, signatures, messages.

use serde_json::json;

use crate::odoo_contract::target::{Scene, insert_only};

/// A picture of one point.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PNG_SHA1: &str = "4a5eb7171b58e08a6881721e3b43d5a44419a2be";

async fn transfer(scene: &Scene) -> i64 {
    scene.customer().await;
    scene.product("widget", 10.0).await;
    scene.confirmed("so", &[("widget", 1.0)]).await.1
}

pub async fn attachments_by_name(scene: Scene) {
    let transfer = transfer(&scene).await;
    let fields = ["id", "name", "res_model", "res_id", "datas"];
    let row = json!([[scene.xid("photo"), "photo.png", "stock.picking", transfer.to_string(), PNG]]);
    let load = || scene.loaded("ir.attachment", insert_only(), &fields, row.clone());
    let photo = load().await[0];
    assert_eq!(load().await, [photo]);
    let domain = json!([["res_model", "=", "stock.picking"], ["res_id", "=", transfer]]);
    let found = scene.find("ir.attachment", domain, &["name", "mimetype", "checksum", "file_size", "datas"]).await;
    assert_eq!(
        found,
        [json!({
            "id": photo, "name": "photo.png", "mimetype": "image/png", "checksum": PNG_SHA1, "file_size": 70, "datas": PNG,
        })]
    );
    // `raw` stores the text as it is, which is no picture any more.
    let raw = json!({"name": "x.txt", "res_model": "stock.picking", "res_id": transfer, "raw": PNG});
    let raw = scene.ok("ir.attachment", "create", json!({"vals_list": raw})).await[0].as_i64().expect("an id");
    assert_eq!(scene.read("ir.attachment", raw, &["file_size"]).await["file_size"], 96);
    // Twice created is there twice.
    let twin = json!({"name": "x.txt", "res_model": "stock.picking", "res_id": transfer, "datas": PNG});
    let twin = scene.ok("ir.attachment", "create", json!({"vals_list": [twin, twin]})).await;
    assert_eq!(twin.as_array().map(Vec::len), Some(2));
    let nobody = json!({"name": "x", "res_model": "stock.picking", "res_id": 99_999_999, "datas": PNG});
    scene.call("ir.attachment", "create", json!({"vals_list": nobody})).await.fault(403, "odoo.exceptions.AccessError");
    let unnamed = json!({"vals_list": {"datas": PNG}});
    scene.call("ir.attachment", "create", unnamed).await.fault(422, "odoo.exceptions.ValidationError");
}

pub async fn a_signature_signs(scene: Scene) {
    let transfer = transfer(&scene).await;
    // Through the field, Odoo prints the delivery slip, and there is no printer program.
    let write = json!({"ids": [transfer], "vals": {"signature": PNG}});
    scene.call("stock.picking", "write", write).await.fault(422, "odoo.exceptions.UserError");
    let signed = async || scene.read("stock.picking", transfer, &["is_signed"]).await["is_signed"].clone();
    assert_eq!(signed().await, false);
    let fields = ["id", "name", "res_model", "res_id", "res_field", "datas"];
    let row = json!([[scene.xid("sign"), "signature", "stock.picking", transfer.to_string(), "signature", PNG]]);
    for _ in 0..2 {
        scene.loaded("ir.attachment", insert_only(), &fields, row.clone()).await;
        assert_eq!(signed().await, true);
    }
    assert_eq!(scene.read("stock.picking", transfer, &["signature"]).await["signature"], PNG);
    // It is no attachment among the others, unless one asks for it.
    let here = json!([["res_model", "=", "stock.picking"], ["res_id", "=", transfer]]);
    assert!(scene.find("ir.attachment", here.clone(), &["id"]).await.is_empty());
    let mut asked = here.as_array().cloned().expect("a list");
    asked.push(json!(["res_field", "=", "signature"]));
    assert_eq!(scene.find("ir.attachment", asked.into(), &["name"]).await.len(), 1);
}

pub async fn messages_by_name(scene: Scene) {
    let transfer = transfer(&scene).await;
    let fields = ["id", "model", "res_id", "message_id", "body", "message_type", "subtype_id/id"];
    let mark = format!("<mark.{}@contract>", scene.name);
    let row = json!([[
        scene.xid("mark"),
        "stock.picking",
        transfer.to_string(),
        mark,
        "<p>left</p>",
        "comment",
        "mail.mt_note",
    ]]);
    let load = || scene.loaded("mail.message", insert_only(), &fields, row.clone());
    let message = load().await;
    assert_eq!(load().await, message);
    let domain = json!([
        ["model", "=", "stock.picking"],
        ["res_id", "in", [transfer]],
        ["message_id", "=like", format!("<mark.{}%", scene.name)],
    ]);
    let found = scene.find("mail.message", domain, &["res_id", "body", "create_uid", "create_date"]).await;
    assert_eq!((found.len(), &found[0]["res_id"], &found[0]["body"]), (1, &json!(transfer), &json!("<p>left</p>")));
    assert!(found[0]["create_uid"].is_array() && found[0]["create_date"].is_string(), "{found:?}");
    let post = json!({
        "ids": [transfer], "body": "a <b>b</b>", "message_type": "comment", "subtype_xmlid": "mail.mt_note",
    });
    let posted = scene.ok("stock.picking", "message_post", post.clone()).await[0].as_i64().expect("an id");
    let read = scene.read("mail.message", posted, &["body", "model", "res_id"]).await;
    assert!(read["body"].as_str().is_some_and(|body| body.contains("a &lt;b&gt;b&lt;/b&gt;")), "{read}");
    // Posting is no upsert.
    assert_ne!(scene.ok("stock.picking", "message_post", post).await[0], posted);
    let row = json!([[
        scene.xid("other"),
        "stock.picking",
        "99999999",
        "<x@contract>",
        "<p>x</p>",
        "comment",
        "mail.mt_note",
    ]]);
    scene.load("mail.message", insert_only(), &fields, row).await.complaint();
}
