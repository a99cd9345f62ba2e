//! `load`: the upsert by external id.

use serde_json::{Value as Json, json};

use crate::odoo_contract::target::{Scene, insert_only};

pub async fn load_makes_and_updates(scene: Scene) {
    let fields = ["id", "name", "ref", "is_company", "email", "country_id/id"];
    let row = |name: &str, email: &str| json!([[scene.xid("p"), name, "R1", "1", email, "base.uk"]]);
    let made = scene.loaded("res.partner", json!({}), &fields, row("One", "a@b.c")).await;
    let read = scene.read("res.partner", made[0], &["name", "ref", "is_company", "email", "country_id"]).await;
    assert_eq!((&read["name"], &read["email"], &read["is_company"]), (&json!("One"), &json!("a@b.c"), &json!(true)));
    assert_eq!(read["country_id"][1], "United Kingdom");
    // Again: the same record, with the new values; an empty cell clears.
    let again = scene.loaded("res.partner", json!({}), &fields, row("Two", "")).await;
    assert_eq!(again, made);
    let read = scene.read("res.partner", made[0], &["name", "email", "ref"]).await;
    assert_eq!((&read["name"], &read["email"], &read["ref"]), (&json!("Two"), &json!(false), &json!("R1")));
    let names = scene.ok("res.partner", "get_external_id", json!({"ids": made})).await;
    assert_eq!(names, json!({ made[0].to_string(): scene.xid("p") }));
}

pub async fn load_leaves_alone_what_is_there(scene: Scene) {
    let fields = ["id", "name"];
    let made = scene.loaded("res.partner", insert_only(), &fields, json!([[scene.xid("p"), "First"]])).await;
    let rows = json!([[scene.xid("p"), "Second"], [scene.xid("q"), "Other"]]);
    let again = scene.loaded("res.partner", insert_only(), &fields, rows).await;
    assert_eq!(again[0], made[0]);
    assert_eq!(scene.read("res.partner", made[0], &["name"]).await["name"], "First");
    assert_eq!(scene.read("res.partner", again[1], &["name"]).await["name"], "Other");
    // One column is enough to ask for an id; an order that is not there cannot be made of it.
    let asked = scene.loaded("res.partner", insert_only(), &["id"], json!([[scene.xid("p")]])).await;
    assert_eq!(asked, made);
    let nobody = scene.load("sale.order", insert_only(), &["id"], json!([[scene.xid("no_order")]])).await;
    assert_eq!(nobody.complaint().1.as_deref(), Some("partner_id"));
}

pub async fn one_bad_row_stores_nothing(scene: Scene) {
    let fields = ["id", "name", "type"];
    let rows = json!([[scene.xid("a"), "A", "contact"], [scene.xid("b"), "B", "zzz"]]);
    let loaded = scene.load("res.partner", json!({}), &fields, rows).await;
    let (text, field) = loaded.complaint();
    assert_eq!(field.as_deref(), Some("type"));
    assert!(text.contains("zzz"), "{text}");
    assert_eq!(loaded.messages[0]["rows"], json!({"from": 1, "to": 1}));
    assert_eq!(loaded.messages[0]["record"], 1);
    assert!(
        scene.find("ir.model.data", json!([["name", "=like", format!("{}%", scene.name)]]), &["id"]).await.is_empty()
    );
    let rows = json!([[scene.xid("a"), "A"], [scene.xid("b"), ""]]);
    let loaded = scene.load("res.partner", json!({}), &["id", "name"], rows).await;
    assert_eq!(loaded.complaint().0, "Contacts require a name");
    assert_eq!(loaded.messages.len(), 1, "{:?}", loaded.messages);
    assert_eq!(loaded.messages[0]["record"], 1);
}

pub async fn names_are_checked(scene: Scene) {
    let load = async |name: String| scene.load("res.partner", json!({}), &["id", "name"], json!([[name, "N"]])).await;
    let (text, _) = load(format!("contract.{} with spaces", scene.name)).await.complaint();
    assert!(text.contains("ir_model_data_name_nospaces"), "{text}");
    let product = scene.product("widget", 0.0).await;
    let (text, _) = load(scene.xid("widget")).await.complaint();
    assert!(text.contains("found record of different model product.product"), "{text}");
    for odd in ["with/slash", "with#hash", "with.dots", "ümläut"] {
        assert!(load(scene.xid(odd)).await.ids.is_some(), "{odd}");
    }
    let bare = format!("{}_bare", scene.name);
    let ids = load(bare.clone()).await.ids.expect("no module is one too");
    let names = scene.ok("res.partner", "get_external_id", json!({"ids": ids})).await;
    assert_eq!(names, json!({ ids[0].to_string(): format!("__import__.{bare}") }));
    // The template behind a product gets a name of its own.
    let template = scene.read("product.product", product, &["product_tmpl_id"]).await["product_tmpl_id"][0].clone();
    let names = scene.ok("product.template", "get_external_id", json!({"ids": [template]})).await;
    assert_eq!(names[template.to_string()], format!("{}_product_template", scene.xid("widget")));
    let unnamed = scene.load("res.partner", insert_only(), &["name"], json!([["N"]])).await;
    assert!(unnamed.complaint().0.contains("without specifying its id"), "{unnamed:?}");
}

pub async fn references_are_checked(scene: Scene) {
    let customer = scene.customer().await;
    scene.product("widget", 0.0).await;
    let load = async |column: &str, cell: Json| {
        scene.load("res.partner", json!({}), &["id", "name", column], json!([[scene.xid("r"), "R", cell]])).await
    };
    for (column, cell, said) in [
        ("parent_id/id", json!("contract.nobody"), "No matching record found for external id 'contract.nobody'"),
        ("parent_id/.id", json!("99999999"), "No matching record found for database id '99999999'"),
        ("parent_id/.id", json!("abc"), "Invalid database id 'abc'"),
        ("parent_id", json!("Nobody At All"), "No matching record found for name 'Nobody At All'"),
    ] {
        let (text, field) = load(column, cell).await.complaint();
        assert!(text.starts_with(said), "{column}: {text}");
        assert_eq!(field.as_deref(), Some("parent_id"));
    }
    let ids = load("parent_id/.id", json!(customer.to_string())).await.ids.expect("found by its id");
    assert_eq!(scene.read("res.partner", ids[0], &["parent_id"]).await["parent_id"][0], customer);
    let (text, field) = scene
        .load(
            "sale.order",
            insert_only(),
            &["id", "partner_id/id", "order_line/id", "order_line/product_id/id"],
            json!([[scene.xid("so"), scene.xid("customer"), scene.xid("so_1"), "contract.nothing"]]),
        )
        .await
        .complaint();
    assert_eq!(text, "No matching record found for external id 'contract.nothing' in field 'Order Lines/Product'");
    assert_eq!(field.as_deref(), Some("order_line"));
    let unknown = scene.load("res.partner", json!({}), &[".id", "name"], json!([["99999999", "N"]])).await;
    assert_eq!(unknown.complaint().1.as_deref(), Some(".id"));
}

pub async fn lines_follow_their_names(scene: Scene) {
    scene.customer().await;
    let (widget, gadget) = (scene.product("widget", 0.0).await, scene.product("gadget", 0.0).await);
    let order = scene.order("so", &[("widget", 2.0), ("gadget", 3.0)]).await;
    let lines = || {
        scene.find(
            "sale.order.line",
            json!([["order_id", "=", order]]),
            &["product_id", "product_uom_qty", "price_unit"],
        )
    };
    let found = lines().await;
    let shape: Vec<(i64, f64)> = found
        .iter()
        .map(|l| (l["product_id"][0].as_i64().unwrap_or(0), l["product_uom_qty"].as_f64().unwrap_or(0.0)))
        .collect();
    assert_eq!(shape, [(widget, 2.0), (gadget, 3.0)]);
    assert_eq!(found[0]["price_unit"], json!(20.0));
    // Insert-only again: the same order, untouched. Updating: the named line changes, none is added.
    assert_eq!(scene.order("so", &[("widget", 9.0), ("gadget", 9.0)]).await, order);
    assert_eq!(lines().await, found);
    let fields = ["id", "order_line/id", "order_line/product_uom_qty"];
    let rows = json!([[scene.xid("so"), scene.xid("so_0"), "5"]]);
    assert_eq!(scene.loaded("sale.order", json!({}), &fields, rows).await, [order]);
    let after = lines().await;
    assert_eq!((after.len(), &after[0]["product_uom_qty"]), (2, &json!(5.0)));
    // A line without a name is added every time.
    let fields = ["id", "order_line/product_id/id", "order_line/product_uom_qty"];
    let rows = json!([[scene.xid("so"), scene.xid("widget"), "1"]]);
    scene.loaded("sale.order", json!({}), &fields, rows.clone()).await;
    scene.loaded("sale.order", json!({}), &fields, rows).await;
    assert_eq!(lines().await.len(), 4);
}

pub async fn deleted_records_are_made_again(scene: Scene) {
    let load = || scene.loaded("res.partner", insert_only(), &["id", "name"], json!([[scene.xid("p"), "P"]]));
    let first = load().await;
    assert_eq!(scene.ok("res.partner", "unlink", json!({"ids": first})).await, true);
    let name = scene.xid("p");
    let name = name.strip_prefix("contract.").expect("of this module");
    assert!(scene.find("ir.model.data", json!([["name", "=", name]]), &["id"]).await.is_empty());
    let second = load().await;
    assert_ne!(first, second);
    // An archived record is found.
    let archive = json!({"ids": second, "vals": {"active": false}});
    assert_eq!(scene.ok("res.partner", "write", archive).await, true);
    assert_eq!(load().await, second);
}

pub async fn cells_are_text(scene: Scene) {
    scene.customer().await;
    let load = async |column: &str, cell: Json| {
        let body = json!({"fields": ["id", "name", column], "data": [[scene.xid("p"), "P", cell]]});
        scene.call("res.partner", "load", body).await
    };
    load("is_company", json!(true)).await.fault(500, "builtins.AttributeError");
    for (column, cell) in [("is_company", "maybe"), ("color", "x"), ("type", "nope")] {
        let said = load(column, json!(cell)).await.json();
        assert_eq!((&said["ids"], &said["messages"][0]["field"]), (&json!(false), &json!(column)));
    }
    for (column, cell, kept) in [
        ("is_company", json!("yes"), json!(true)),
        ("color", json!("7"), json!(7)),
        ("type", json!("Delivery"), json!("delivery")),
        ("ref", json!(12), json!("12")),
        ("ref", Json::Null, json!(false)),
    ] {
        let said = load(column, cell).await.json();
        let id = said["ids"][0].as_i64().unwrap_or_else(|| panic!("{column}: {said}"));
        assert_eq!(scene.read("res.partner", id, &[column]).await[column], kept, "{column}");
    }
    // Times are read in the context's zone.
    let fields = ["id", "partner_id/id", "commitment_date"];
    let row = json!([[scene.xid("so"), scene.xid("customer"), "2026-11-30 12:00:00"]]);
    let ids = scene.loaded("sale.order", json!({"tz": "America/Chicago"}), &fields, row).await;
    let read = scene.read("sale.order", ids[0], &["commitment_date"]).await;
    assert_eq!(read["commitment_date"], "2026-11-30 18:00:00");
    let row = json!([[scene.xid("so"), scene.xid("customer"), "2026-11-30T12:00:00Z"]]);
    let bad = scene.load("sale.order", json!({"tz": "UTC"}), &fields, row).await;
    assert_eq!(bad.complaint().1.as_deref(), Some("commitment_date"));
}
