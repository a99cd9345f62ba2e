//! Keys, databases, media types, rights.

use serde_json::{Value as Json, json};

use crate::odoo_contract::target::Scene;

pub async fn keys_and_databases(scene: Scene) {
    let ask = |headers: Vec<(&'static str, &'static str)>| {
        let target = scene.target.clone();
        async move { target.raw("POST", "/json/2/res.partner/search", &headers, r#"{"domain": []}"#).await }
    };
    assert_eq!(ask(vec![]).await.status, 200);
    for bad in ["", "Basic eDp5", "bearer nonsense"] {
        let said = ask(vec![("authorization", bad)]).await;
        said.fault(401, "werkzeug.exceptions.Unauthorized");
        assert!(said.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{said:?}");
    }
    assert_eq!(ask(vec![("authorization", "")]).await.header("connection"), Some("close"));
    let said = ask(vec![("x-odoo-database", "t_nowhere")]).await;
    assert_eq!(said.status, 404);
    assert!(said.content_type.starts_with("text/html"), "{}", said.content_type);
    assert!(said.text.contains("No database is selected"), "{}", said.text);
}

pub async fn media_and_paths(scene: Scene) {
    let target = &scene.target;
    let path = "/json/2/res.partner/search";
    let said = target.raw("POST", path, &[("content-type", "text/plain")], "{}").await;
    assert_eq!(said.status, 415);
    assert!(said.content_type.starts_with("text/html"), "{}", said.content_type);
    target.raw("POST", path, &[], r#"{"domain": ["#).await.fault(400, "werkzeug.exceptions.BadRequest");
    for (method, path) in [("GET", path), ("POST", "/json/2/res.partner"), ("PUT", path)] {
        let hint = target.raw(method, path, &[], "").await.fault(404, "werkzeug.exceptions.NotFound");
        assert_eq!(hint, "Did you mean POST /json/2/<model>/<method>?", "{method} {path}");
    }
}

pub async fn versions_and_health(scene: Scene) {
    let bare = [("authorization", ""), ("x-odoo-database", ""), ("content-type", "")];
    let version = scene.target.raw("GET", "/web/version", &bare, "").await;
    assert_eq!(version.json(), json!({"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}));
    let health = scene.target.raw("GET", "/web/health", &bare, "").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "pass"})));
    let health = scene.target.raw("GET", "/web/health?db_server_status=1", &bare, "").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "pass", "db_server_status": true})));
}

pub async fn companies_and_languages(scene: Scene) {
    let ask = |context| scene.call("res.partner", "search", json!({"domain": [["id", "=", 1]], "context": context}));
    assert_eq!(ask(json!({"allowed_company_ids": [1], "lang": "en_US", "tz": "nowhere"})).await.json(), json!([1]));
    ask(json!({"allowed_company_ids": [4711]})).await.fault(403, "odoo.exceptions.AccessError");
    let said = scene.call("res.partner", "read", json!({"ids": [1], "fields": ["name"], "context": {"lang": "xx_XX"}}));
    said.await.fault(422, "odoo.exceptions.UserError");
    ask(json!("tz")).await.fault(500, "builtins.ValueError");
}

pub async fn a_model_without_rights_is_nobodys(scene: Scene) {
    let model = "x_contract_closed";
    let fields = json!([[0, 0, {"name": "x_text", "field_description": "Text", "ttype": "char"}]]);
    let values = json!({"name": "Closed", "model": model, "field_id": fields});
    let id = scene.ok("ir.model", "create", json!({"vals_list": values})).await[0].clone();
    scene.call(model, "search", json!({"domain": []})).await.fault(403, "odoo.exceptions.AccessError");
    let grant = async |group: Json| {
        let right = json!({
            "name": "open", "model_id": id, "group_id": group, "perm_read": true, "perm_create": true,
            "perm_write": false, "perm_unlink": true,
        });
        scene.ok("ir.model.access", "create", json!({"vals_list": right})).await
    };
    // Without a group everybody may read, and nobody more.
    grant(json!(false)).await;
    let make = json!({"vals_list": {"x_text": "a"}});
    assert_eq!(scene.ok(model, "search", json!({"domain": []})).await, json!([]));
    scene.call(model, "create", make.clone()).await.fault(403, "odoo.exceptions.AccessError");
    let group =
        scene.find("ir.model.data", json!([["module", "=", "base"], ["name", "=", "group_user"]]), &["res_id"]).await;
    grant(group[0]["res_id"].clone()).await;
    let made = scene.ok(model, "create", make).await;
    assert_eq!(scene.find(model, json!([["x_text", "=", "a"]]), &["x_text"]).await.len(), 1);
    scene
        .call(model, "write", json!({"ids": made, "vals": {"x_text": "b"}}))
        .await
        .fault(403, "odoo.exceptions.AccessError");
    assert_eq!(scene.ok(model, "unlink", json!({"ids": made})).await, true);
    // Acknowledging twice is no error.
    assert_eq!(scene.ok(model, "unlink", json!({"ids": made})).await, true);
    assert_eq!(scene.ok("ir.model", "unlink", json!({"ids": [id]})).await, true);
    scene.call(model, "search", json!({"domain": []})).await.fault(404, "werkzeug.exceptions.NotFound");
    let wrong = json!({"vals_list": {"name": "Bad", "model": "contract_bad"}});
    scene.call("ir.model", "create", wrong).await.fault(422, "odoo.exceptions.ValidationError");
}
