//! What senders get for what they send.

use crossdock_store::{MessageFilter, Page, Store as _};

use super::hub::TestHub;

#[tokio::test]
async fn a_webhook_is_accepted_once_and_answered_the_same_again() {
    let hub = TestHub::start().await;
    let mut sender = hub.sender().await;
    let first = sender.webhook("a", "good", b"{\"n\":1}").await;
    assert_eq!((first.status, first.header("content-type")), (202, Some("application/json")));
    let id = first.json()["messages"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(first.json(), serde_json::json!({"messages": [{"id": id, "duplicate": false}]}));
    // On the same connection, on another, and with another body: the dedup key counts.
    let again = sender.webhook("a", "good", b"{\"n\":1}").await;
    assert_eq!(again.json(), serde_json::json!({"messages": [{"id": id, "duplicate": true}]}));
    assert_eq!(again.status, 202);
    let again = hub.sender().await.webhook("a", "good", b"{}").await;
    assert_eq!(again.json()["messages"][0]["duplicate"], true);
    let other = sender.webhook("b", "good", b"{}").await;
    assert_eq!(other.json()["messages"][0]["duplicate"], false);
    let messages = hub.store.messages(&MessageFilter::default(), Page::first(10)).expect("readable");
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].message.body, b"{\"n\":1}");
    assert_eq!(messages[1].message.channel, "shipment");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_not_believed_is_told_why_and_recorded() {
    let hub = TestHub::start().await;
    let mut sender = hub.sender().await;
    sender.webhook("a", "bad", b"{}").await.is_problem(401, "XD-1014");
    sender.ask("POST /in/warehouse", &[], b"{}").await.is_problem(401, "XD-1010");
    sender.webhook("a", "good", b"{").await.is_problem(400, "XD-1020");
    let problem = sender.ask("POST /in/wharehouse?token=s3cret", &[("x-forwarded-for", "203.0.113.9")], b"{}").await;
    let problem = problem.is_problem(404, "XD-1001");
    assert_eq!(problem["instance"], "/in/wharehouse");
    sender.ask("PUT /in/warehouse", &[], b"{}").await.is_problem(405, "XD-1004");
    sender.get("/in/ware%2").await.is_problem(400, "XD-1005");
    hub.wait_until("six records", |store| store.rejections(Page::first(10)).is_ok_and(|all| all.len() == 6)).await;
    let mut records = hub.store.rejections(Page::first(10)).expect("readable");
    records.reverse();
    let codes: Vec<&str> = records.iter().map(|record| record.code.as_str()).collect();
    assert_eq!(codes, ["XD-1014", "XD-1010", "XD-1020", "XD-1001", "XD-1004", "XD-1005"]);
    assert_eq!(records[0].system.as_ref().map(|system| system.as_str()), Some("warehouse"));
    assert_eq!(records[0].path, "/in/warehouse/shipment");
    assert_eq!((records[0].status, records[0].body_bytes), (401, 2));
    assert_eq!(records[3].system, None, "strangers do not make up systems");
    assert_eq!(records[3].path, "/in/wharehouse", "a query may hold a secret");
    assert_eq!(records[3].peer.as_deref(), Some("127.0.0.1, by its own word for 203.0.113.9"));
    hub.stop().await;
}

#[tokio::test]
async fn a_door_can_be_looked_at() {
    let hub = TestHub::start().await;
    let mut sender = hub.sender().await;
    assert_eq!(sender.get("/in/warehouse").await.status, 200);
    assert_eq!(sender.ask("HEAD /in/warehouse/shipment", &[], b"").await.status, 200);
    sender.get("/in/nobody").await.is_problem(404, "XD-1001");
    let answer = sender.ask("DELETE /in/warehouse", &[], b"").await;
    answer.is_problem(405, "XD-1004");
    assert_eq!(answer.header("allow"), Some("POST, GET, HEAD"));
    for nothing in ["/", "/in", "/in/", "/api/overview", "/index.html"] {
        sender.get(nothing).await.is_problem(404, "XD-1008");
    }
    assert_eq!(sender.get("/healthz").await.text(), "ok\n");
    assert_eq!(sender.get("/readyz").await.text(), "ready\n");
    let page = sender.get("/errors/XD-1014").await;
    assert!(page.status == 200 && page.text().starts_with("# XD-1014: "), "the type of a problem leads to its page");
    sender.get("/errors/XD-9999").await.is_problem(404, "XD-1008");
    hub.stop().await;
}

#[tokio::test]
async fn a_sender_hears_what_it_wants_to_hear() {
    let hub = TestHub::start().await;
    let headers = [("x-id", "a"), ("x-signature", "good")];
    let answer = hub.sender().await.ask("POST /in/silent", &headers, b"{}").await;
    assert_eq!((answer.status, answer.text(), answer.header("content-type")), (200, "", None));
    hub.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_write_makes_the_sender_try_again() {
    let hub = TestHub::start().await;
    hub.store.close();
    let mut sender = hub.sender().await;
    let answer = sender.webhook("a", "good", b"{}").await;
    let problem = answer.is_problem(503, "XD-1006");
    assert_eq!(answer.header("retry-after"), Some("10"));
    assert!(!problem["detail"].as_str().expect("text").contains("store"), "the hub's insides are nobody's business");
    hub.stop().await;
}
