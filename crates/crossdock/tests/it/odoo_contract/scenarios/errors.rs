//! The classes of errors.

use serde_json::{Value as Json, json};

use crate::odoo_contract::target::Scene;

const NOT_FOUND: &str = "werkzeug.exceptions.NotFound";
const UNPROCESSABLE: &str = "werkzeug.exceptions.UnprocessableEntity";
const VALUE: &str = "builtins.ValueError";
const VALIDATION: &str = "odoo.exceptions.ValidationError";
const MISSING: &str = "odoo.exceptions.MissingError";

pub async fn unknown_models_methods_and_fields(scene: Scene) {
    scene.call("no.model", "read", json!({})).await.fault(404, NOT_FOUND);
    scene.call("res.partner", "no_method", json!({})).await.fault(404, NOT_FOUND);
    for private in ["_search", "exists"] {
        scene.call("res.partner", private, json!({})).await.fault(403, "odoo.exceptions.AccessError");
    }
    let read = json!({"ids": [1], "fields": ["name", "no_field"]});
    scene.call("res.partner", "read", read).await.fault(500, VALUE);
    scene.call("res.partner", "create", json!({"vals_list": {"name": "x", "no_field": 1}})).await.fault(500, VALUE);
    scene.call("res.country", "write", json!({"ids": [1], "vals": {"no_field": 1}})).await.fault(500, VALUE);
    for domain in [json!([["no_field", "=", 1]]), json!([["name", "~~", 1]]), json!([["name", "="]])] {
        scene.call("res.partner", "search", json!({"domain": domain})).await.fault(500, VALUE);
    }
    let order = json!({"domain": [], "order": "no_field"});
    scene.call("res.partner", "search", order).await.fault(500, VALUE);
    let order = json!({"domain": [], "order": "name; drop"});
    scene.call("res.partner", "search", order).await.fault(422, "odoo.exceptions.UserError");
    let load = json!({"fields": ["id", "no_field"], "data": [["contract.x", "y"]]});
    scene.call("res.partner", "load", load).await.fault(500, VALUE);
}

pub async fn arguments_are_checked(scene: Scene) {
    scene.call("res.partner", "search", json!({})).await.fault(422, UNPROCESSABLE);
    scene.call("res.partner", "search", json!({"domain": [], "foo": 1})).await.fault(422, UNPROCESSABLE);
    scene.call("res.partner", "search", json!({"domain": [], "ids": [1]})).await.fault(422, UNPROCESSABLE);
    scene.call("res.partner", "create", json!({})).await.fault(422, UNPROCESSABLE);
    scene.call("sale.order", "action_confirm", json!({"ids": [], "really": true})).await.fault(422, UNPROCESSABLE);
    scene.call("res.partner", "create", json!({"vals_list": "x"})).await.fault(500, "builtins.AttributeError");
    scene.call("res.partner", "search", json!({"domain": "x"})).await.fault(500, "builtins.TypeError");
    let read = json!({"ids": ["a"], "fields": ["name"]});
    scene.call("res.partner", "read", read).await.fault(500, "psycopg2.errors.InvalidTextRepresentation");
}

pub async fn values_are_checked(scene: Scene) {
    let create = async |values: Json| scene.call("res.partner", "create", json!({"vals_list": values})).await;
    create(json!({"ref": "x"})).await.fault(422, VALIDATION);
    create(json!({"name": "x", "type": "zzz"})).await.fault(500, VALUE);
    create(json!({"name": "a\u{0}b"})).await.fault(500, VALUE);
    create(json!({"name": "x", "country_id": "US"})).await.fault(500, "psycopg2.errors.InvalidTextRepresentation");
    create(json!({"name": "x", "country_id": 99_999_999})).await.fault(422, VALIDATION);
    scene.call("sale.order", "create", json!({"vals_list": {}})).await.fault(422, VALIDATION);
    let customer = scene.customer().await;
    let order = scene.ok("sale.order", "create", json!({"vals_list": {"partner_id": customer}})).await[0].clone();
    let write = async |values: Json| scene.call("sale.order", "write", json!({"ids": [order], "vals": values})).await;
    for bad in ["garbage", "2026-11-30T12:00:00", "2026-11-30 12:00:00Z"] {
        write(json!({"commitment_date": bad})).await.fault(500, VALUE);
    }
    for (given, kept) in [("2026-11-30", "2026-11-30 00:00:00"), ("2026-11-30 12:30", "2026-11-30 12:30:00"), ("", "")]
    {
        assert_eq!(write(json!({"commitment_date": given})).await.json(), true);
        let read = scene.read("sale.order", order.as_i64().expect("an id"), &["commitment_date"]).await;
        assert_eq!(read["commitment_date"], if kept.is_empty() { Json::Bool(false) } else { kept.into() });
    }
    write(json!({"partner_id": 99_999_999})).await.fault(404, MISSING);
    let product = scene.product("widget", 0.0).await;
    let write = json!({"ids": [product], "vals": {"list_price": "abc"}});
    scene.call("product.product", "write", write).await.fault(500, VALUE);
    let barcode = format!("{}-1", scene.name);
    let write = json!({"ids": [product], "vals": {"barcode": barcode, "list_price": "12.5"}});
    assert_eq!(scene.ok("product.product", "write", write).await, true);
    let twin = json!({"vals_list": {"name": "twin", "barcode": barcode}});
    scene.call("product.product", "create", twin).await.fault(422, VALIDATION);
}

pub async fn records_that_are_not_there(scene: Scene) {
    let gone = 99_999_999;
    assert_eq!(scene.ok("res.partner", "read", json!({"ids": [gone], "fields": ["name"]})).await, json!([]));
    let some = scene.ok("res.partner", "read", json!({"ids": [gone, 1], "fields": ["parent_id"]})).await;
    assert_eq!(some, json!([{"id": 1, "parent_id": false}]));
    // For its id alone nobody looks whether it is there.
    let ids = scene.ok("res.partner", "read", json!({"ids": [gone, 1], "fields": ["id"]})).await;
    assert_eq!(ids, json!([{"id": gone}, {"id": 1}]));
    let write = json!({"ids": [gone], "vals": {"name": "x"}});
    scene.call("res.partner", "write", write).await.fault(404, MISSING);
    // What is deleted without a look is gone either way; documents are looked at first.
    assert_eq!(scene.ok("product.product", "unlink", json!({"ids": [gone]})).await, true);
    assert_eq!(scene.ok("ir.model.data", "unlink", json!({"ids": [gone]})).await, true);
    for model in ["res.partner", "sale.order", "stock.picking", "account.move", "mail.message", "ir.attachment"] {
        scene.call(model, "unlink", json!({"ids": [gone]})).await.fault(404, MISSING);
    }
    for (model, method) in [
        ("sale.order", "action_confirm"),
        ("sale.order", "action_cancel"),
        ("stock.picking", "button_validate"),
        ("account.move", "action_post"),
    ] {
        scene.call(model, method, json!({"ids": [gone]})).await.fault(404, MISSING);
        let none = scene.ok(model, method, json!({"ids": []})).await;
        assert!(none.is_boolean(), "{model}.{method} of nothing: {none}");
    }
}

pub async fn a_failed_call_leaves_nothing(scene: Scene) {
    let (first, second) = (scene.own("first"), scene.own("second"));
    let batch = json!({"vals_list": [{"name": first}, {"name": second, "type": "zzz"}]});
    scene.call("res.partner", "create", batch).await.fault(500, VALUE);
    assert!(scene.find("res.partner", json!([["name", "in", [first, second]]]), &["id"]).await.is_empty());
    scene.customer().await;
    scene.product("widget", 10.0).await;
    let good = scene.order("good", &[("widget", 1.0)]).await;
    let (done, _) = scene.confirmed("done", &[("widget", 1.0)]).await;
    let both = json!({"ids": [good, done]});
    scene.call("sale.order", "action_confirm", both).await.fault(422, "odoo.exceptions.UserError");
    let read = scene.read("sale.order", good, &["state", "picking_ids"]).await;
    assert_eq!((&read["state"], &read["picking_ids"]), (&json!("draft"), &json!([])));
}

pub async fn searches_and_what_they_show(scene: Scene) {
    let parent = scene.customer().await;
    let rows = json!([
        [scene.xid("a"), scene.own("A"), scene.xid("customer"), "delivery", "1"],
        [scene.xid("b"), scene.own("b"), scene.xid("customer"), "invoice", ""],
        [scene.xid("c"), scene.own("C"), scene.xid("customer"), "other", "3"],
    ]);
    let fields = ["id", "name", "parent_id/id", "type", "color"];
    let ids = scene.loaded("res.partner", json!({}), &fields, rows).await;
    let [a, b, c] = ids[..] else { panic!("three, not {ids:?}") };
    let own = |term: Json| json!(["&", ["parent_id", "=", parent], term]);
    let search = async |domain: Json| scene.ok("res.partner", "search", json!({"domain": domain, "order": "id"})).await;
    for (term, found) in [
        (json!(["type", "in", ["delivery", "other"]]), vec![a, c]),
        (json!(["type", "!=", "delivery"]), vec![b, c]),
        (json!(["type", "not in", ["delivery", "other"]]), vec![b]),
        (json!(["color", ">=", 1]), vec![a, c]),
        (json!(["color", "<", 3]), vec![a, b]),
        (json!(["color", "=", false]), vec![b]),
        (json!(["name", "=ilike", scene.own("B")]), vec![b]),
        (json!(["name", "like", "C"]), vec![c]),
        (json!(["parent_id.name", "=", scene.own("customer")]), vec![a, b, c]),
        (json!(["parent_id.child_ids", "=", a]), vec![a, b, c]),
        (json!(["parent_id", "child_of", parent]), vec![a, b, c]),
        (json!(["email", "=", false]), vec![a, b, c]),
        (json!(["id", "in", [a, b, 99_999_999]]), vec![a, b]),
    ] {
        assert_eq!(search(own(term.clone())).await, json!(found), "{term}");
    }
    assert_eq!(search(json!(["|", ["id", "=", a], "!", ["id", "!=", c]])).await, json!([a, c]));
    let page = json!({"domain": [["parent_id", "=", parent]], "order": "id desc", "limit": 1, "offset": 1});
    assert_eq!(scene.ok("res.partner", "search", page).await, json!([b]));
    let count = json!({"domain": [["parent_id", "=", parent]]});
    assert_eq!(scene.ok("res.partner", "search_count", count).await, 3);
    // Nothing is `false`, but numbers are 0 and lists are empty; a relation is its id and name.
    let shown = ["name", "parent_id", "email", "color", "child_ids", "country_id", "is_company"];
    let read = scene.read("res.partner", b, &shown).await;
    assert_eq!(
        read,
        json!({
            "id": b, "name": scene.own("b"), "parent_id": [parent, scene.own("customer")], "email": false, "color": 0,
            "child_ids": [], "country_id": false, "is_company": false,
        })
    );
    let names = scene.ok("res.partner", "get_external_id", json!({"ids": [a]})).await;
    assert_eq!(names, json!({ a.to_string(): scene.xid("a") }));
    let fields = json!({"allfields": ["name", "parent_id", "no_field"], "attributes": ["type", "relation"]});
    let fields = scene.ok("res.partner", "fields_get", fields).await;
    assert_eq!(fields["name"]["type"], "char");
    assert_eq!(
        (&fields["parent_id"]["type"], &fields["parent_id"]["relation"]),
        (&json!("many2one"), &json!("res.partner"))
    );
    assert!(fields.get("no_field").is_none() && fields.get("email").is_none(), "{fields}");
}
