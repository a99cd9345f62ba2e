//! What people and their scripts get.

use std::net::{Ipv4Addr, SocketAddr};

use crossdock_connect::secret::Secret;
use crossdock_store::{Page, Store as _};

use super::hub::{TestHub, Wishes};
use crate::{GatewaySettings, Limits, ServeError};

const NO_ID: &str = "01938e2a-7b00-7000-8000-000000000001";

#[tokio::test]
async fn the_overview_counts_what_came_in() {
    let hub = TestHub::start().await;
    hub.sender().await.webhook("a", "good", b"{}").await;
    hub.sender().await.webhook("b", "bad", b"{}").await;
    hub.wait_until("the record", |store| store.rejections(Page::first(1)).is_ok_and(|all| !all.is_empty())).await;
    let mut person = hub.person().await;
    let answer = person.get("/api/overview").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let overview = answer.json();
    assert_eq!(overview["hub"], "test");
    assert_eq!(overview["rejections"], 1);
    assert_eq!(overview["systems"][1]["name"], "warehouse");
    let messages = overview["systems"][1]["messages"].as_object().expect("by state");
    assert_eq!(messages.values().filter_map(serde_json::Value::as_u64).sum::<u64>(), 1);
    let rejections = person.get("/api/rejections").await.json();
    assert_eq!(rejections["items"][0]["code"], "XD-1014");
    assert_eq!(rejections["more"], false);
    hub.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_and_cut() {
    let hub = TestHub::start().await;
    let mut sender = hub.sender().await;
    for id in ["a", "b", "c"] {
        assert_eq!(sender.webhook(id, "good", b"{}").await.status, 202);
    }
    hub.wait_until_routed().await;
    let mut person = hub.person().await;
    let keys = |list: serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items").iter();
        items.map(|item| item["dedup_key"].as_str().expect("a key").to_owned()).collect()
    };
    let list = person.get("/api/messages?limit=2").await.json();
    assert_eq!(list["more"], true);
    assert_eq!(keys(list), ["c", "b"]);
    assert_eq!(keys(person.get("/api/messages?skip=2&limit=2").await.json()), ["a"]);
    assert_eq!(keys(person.get("/api/messages?state=ignored&system=warehouse").await.json()).len(), 3);
    assert!(keys(person.get("/api/messages?state=failed").await.json()).is_empty());
    assert!(keys(person.get("/api/messages?system=other").await.json()).is_empty());
    for wrong in ["state=lost", "limit=0", "limit=501", "limit=x", "skip=-1", "systm=warehouse"] {
        person.get(&format!("/api/messages?{wrong}")).await.is_problem(400, "XD-1103");
    }
    person.get("/api/transmissions?about=shipment").await.is_problem(400, "XD-1103");
    for path in ["/api/transmissions?state=paused&about=shipment/281", "/api/exceptions?open=true"] {
        assert_eq!(person.get(path).await.json(), serde_json::json!({"items": [], "more": false}));
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_story_is_found_by_any_reference() {
    let hub = TestHub::start().await;
    let accepted = hub.sender().await.webhook("a", "good", b"{}").await.json();
    let id = accepted["messages"][0]["id"].as_str().expect("an id");
    hub.wait_until_routed().await;
    let mut person = hub.person().await;
    let by_query = person.get(&format!("/api/trace?reference={id}")).await;
    assert_eq!((by_query.status, by_query.json()["entries"][0]["kind"].as_str()), (200, Some("message")));
    assert_eq!(person.get(&format!("/api/trace/{id}")).await.json(), by_query.json());
    let problem = person.get("/api/trace/shipment/no%20such").await.is_problem(404, "XD-1104");
    assert!(problem["detail"].as_str().expect("text").contains("`shipment/no such`"));
    assert_eq!(problem["instance"], "/api/trace/shipment/no%20such");
    person.get("/api/trace").await.is_problem(400, "XD-1103");
    hub.stop().await;
}

#[tokio::test]
async fn a_system_is_paused_and_resumed_with_a_reason() {
    let hub = TestHub::start().await;
    let mut person = hub.person().await;
    person.post_json("/api/systems/warehouse/pause", "{}").await.is_problem(400, "XD-1103");
    person.post_json("/api/systems/nobody/pause", r#"{"reason":"x"}"#).await.is_problem(404, "XD-1104");
    let paused = person.post_json("/api/systems/warehouse/pause", r#"{"actor":"ann","reason":"stock-taking"}"#).await;
    assert_eq!((paused.status, paused.json()["done"].as_bool()), (200, Some(true)));
    let warehouse = person.get("/api/overview").await.json()["systems"][1].clone();
    assert_eq!(warehouse["paused"], "stock-taking");
    person.post_json("/api/systems/nobody/resume", r#"{"reason":"x"}"#).await.is_problem(404, "XD-1104");
    let nobody = r#"{"system":"nobody","reason":"x"}"#;
    person.post_json("/api/transmissions/resume", nobody).await.is_problem(404, "XD-1104");
    let resumed = person.post_json("/api/systems/warehouse/resume", r#"{"actor":"ann","reason":"done"}"#).await.json();
    assert_eq!(resumed["systems"], serde_json::json!(["warehouse"]), "{resumed}");
    assert_eq!((&resumed["transmissions"], &resumed["refused"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(person.get("/api/overview").await.json()["systems"][1]["paused"], serde_json::Value::Null);
    let audit = hub.store.audit(0, 10).expect("readable");
    let told: Vec<_> = audit.iter().map(|entry| (entry.record.actor.as_str(), entry.record.action.as_str())).collect();
    assert_eq!(told, [("ann", "system.pause"), ("ann", "system.resume")]);
    hub.stop().await;
}

#[tokio::test]
async fn actions_on_what_is_not_there_are_told() {
    let hub = TestHub::start().await;
    let mut person = hub.person().await;
    let resumed =
        person.post_json("/api/transmissions/resume", &format!(r#"{{"ids":["{NO_ID}"],"reason":"x"}}"#)).await;
    assert_eq!(resumed.status, 200);
    assert_eq!(resumed.json()["refused"].as_array().map(Vec::len), Some(1));
    person.post_json(&format!("/api/messages/{NO_ID}/rerun"), r#"{"reason":"x"}"#).await.is_problem(404, "XD-1104");
    person.post_json("/api/messages/7/rerun", r#"{"reason":"x"}"#).await.is_problem(400, "XD-1103");
    let cancel = format!("/api/transmissions/{NO_ID}/cancel");
    person.post_json(&cancel, r#"{"reason":"x"}"#).await.is_problem(404, "XD-1104");
    person.post_json(&cancel, "{}").await.is_problem(400, "XD-1103");
    let accepted = hub.sender().await.webhook("a", "good", b"{}").await.json();
    let id = accepted["messages"][0]["id"].as_str().expect("an id");
    hub.wait_until_routed().await;
    // What no flow took may be tried again; `tests/document.rs` tries it with what was translated.
    let rerun = person.post_json(&format!("/api/messages/{id}/rerun"), r#"{"reason":"x"}"#).await;
    assert_eq!((rerun.status, rerun.json()["done"].as_bool()), (200, Some(true)));
    hub.stop().await;
}

#[tokio::test]
async fn methods_and_addresses_that_are_not_there() {
    let hub = TestHub::start().await;
    let mut person = hub.person().await;
    person.get("/api/nothing").await.is_problem(404, "XD-1008");
    person.get("/api").await.is_problem(404, "XD-1008");
    let answer = person.post_json("/api/overview", "{}").await;
    answer.is_problem(405, "XD-1004");
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    person.get("/api/transmissions/resume").await.is_problem(405, "XD-1004");
    person.post_json("/", "{}").await.is_problem(405, "XD-1004");
    person.get("/assets/none.js").await.is_problem(404, "XD-1008");
    assert_eq!(person.get("/healthz").await.text(), "ok\n");
    assert_eq!(person.get("/readyz").await.text(), "ready\n");
    assert!(person.get("/errors/XD-1104").await.text().starts_with("# XD-1104: "));
    let too_large = vec![b' '; 513 * 1024];
    let answer = person.post_json("/api/transmissions/resume", std::str::from_utf8(&too_large).expect("spaces")).await;
    answer.is_problem(413, "XD-1002");
    hub.stop().await;
}

#[tokio::test]
async fn a_token_keeps_strangers_out_of_the_api() {
    let wishes = Wishes { token: Some(Secret::new("s3cret")), ..Wishes::default() };
    let hub = TestHub::start_with(wishes).await;
    let mut person = hub.person().await;
    let answer = person.get("/api/overview").await;
    answer.is_problem(401, "XD-1101");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    person.ask("GET /api/overview", &[("authorization", "Bearer wrong")], b"").await.is_problem(401, "XD-1101");
    person.post_json("/api/systems/warehouse/pause", r#"{"reason":"x"}"#).await.is_problem(401, "XD-1101");
    person.get("/api/nothing").await.is_problem(401, "XD-1101");
    let mine = [("authorization", "Bearer s3cret"), ("host", "hub.example.com")];
    assert_eq!(person.ask("GET /api/overview", &mine, b"").await.status, 200);
    let page = person.get("/").await;
    assert_eq!(page.status, 200, "the pages hold nothing secret");
    assert!(!page.text().contains("warehouse"));
    hub.stop().await;
}

#[tokio::test]
async fn pages_of_strangers_reach_nothing() {
    let hub = TestHub::start().await;
    let mut person = hub.person().await;
    person.ask("GET /api/overview", &[("host", "evil.example")], b"").await.is_problem(403, "XD-1102");
    person.ask("GET /", &[("host", "evil.example")], b"").await.is_problem(403, "XD-1102");
    let foreign = [("origin", "https://evil.example"), ("content-type", "application/json")];
    let pause = "POST /api/systems/warehouse/pause";
    person.ask(pause, &foreign, br#"{"reason":"x"}"#).await.is_problem(403, "XD-1102");
    person.ask(pause, &[("content-type", "text/plain")], br#"{"reason":"x"}"#).await.is_problem(415, "XD-1103");
    assert_eq!(person.get("/api/overview").await.json()["systems"][1]["paused"], serde_json::Value::Null);
    hub.stop().await;
}

#[tokio::test]
async fn the_console_is_served_safely_with_or_without_its_build() {
    let hub = TestHub::start().await;
    let mut person = hub.person().await;
    for path in ["/", "/timeline/SO.2026.17", "/paused"] {
        let page = person.get(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.text().contains("Crossdock"));
        assert!(!page.text().contains("<style") && !page.text().contains("style="), "the policy forbids it");
    }
    hub.stop().await;
}

#[tokio::test]
async fn doors_that_would_be_wrong_are_not_opened() {
    let hub = TestHub::start().await;
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let refused = async |settings: GatewaySettings| {
        let settings = GatewaySettings { limits: Limits::default(), ..settings };
        hub.serve_again(settings).await.expect_err("must not serve")
    };
    let error = refused(GatewaySettings::new(here, everywhere)).await;
    assert!(matches!(error, ServeError::Unprotected(_)) && error.to_string().contains("api.token"), "{error}");
    let empty = GatewaySettings { token: Some(Secret::new("")), ..GatewaySettings::new(here, here) };
    assert!(matches!(refused(empty).await, ServeError::EmptyToken));
    let error = refused(GatewaySettings::new(hub.ingress, here)).await.to_string();
    assert!(error.contains("the ingress") && error.contains("another program listens there"), "{error}");
    hub.stop().await;
}
