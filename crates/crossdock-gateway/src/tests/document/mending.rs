//! What stands still and is changed, and replay plans.

use crossdock_core::changeset::Change;
use crossdock_core::exception::Exception;
use crossdock_core::ids::ReplayId;
use crossdock_core::message::{Message, MessageState};
use crossdock_core::record::RecordKind;
use crossdock_core::replay::{
    Effects, ItemState, ReplayFigures, ReplayFilter, ReplayItem, ReplayOutcome, ReplayPlan, Verdict,
};
use crossdock_store::contract::records;
use crossdock_store::{Page, RecordFilter, Store as _};
use serde_json::json;

use super::{Reader, TestHub, body_of, example, keyed, shipment};

/// Asks once more under the same key, under it with something else, and for what is not there.
async fn once(reader: &mut Reader, path: &str, template: &str, body: &str) {
    let key = path.to_owned();
    let first = reader.post(path, &keyed(&key), body, 200).await.json();
    assert_eq!(reader.post(path, &keyed(&key), body, 200).await.json(), first);
    let other = body.replace("\"reason\":\"", "\"reason\":\"other ");
    reader.post(path, &keyed(&key), &other, 422).await.is_problem(422, "XD-1109");
    reader.post(path, &[], body, 409).await.is_problem(409, "XD-1105");
    reader.post(&example(template), &[], &body_of(template), 404).await.is_problem(404, "XD-1104");
}

pub async fn stuck(reader: &mut Reader, hub: &TestHub) {
    // A job that still runs would take what comes now.
    hub.wait_until("the jobs", |store| {
        let running = RecordFilter { open: Some(true), ..RecordFilter::of(RecordKind::Job) };
        store.records(&running, Page::first(1)).is_ok_and(|running| running.is_empty())
    })
    .await;
    let paused = |n: u64| {
        let mut paused = records::moved(&records::transmission(n, &format!("M{n}"), n), records::paused());
        paused.version = 1;
        paused.system = "warehouse".into();
        records::put(&paused)
    };
    let message = Message { body: b"{}".to_vec(), dedup_key: "mend".into(), ..records::message(77) };
    let failed = MessageState::Failed { exception: records::exception_id(77) };
    let exception = Exception {
        message: Some(message.id),
        transmission: None,
        ..records::exception(77, &format!("message/{}", message.id))
    };
    let mut changes = vec![paused(61), paused(62), Change::AcceptMessage(message.clone())];
    changes.push(Change::SetMessageState { id: message.id, state: failed });
    changes.push(Change::PutException(exception));
    hub.store.commit(changes.into_iter().collect()).expect("written");
    let listed = reader.get("/api/stuck?system=warehouse&limit=500", 200).await.json();
    let kinds: Vec<_> = listed["items"].as_array().expect("items").iter().map(|it| it["kind"].clone()).collect();
    assert!(kinds.contains(&json!("message")) && kinds.contains(&json!("transmission")), "{listed:#}");
    let first = reader.get("/api/stuck?system=warehouse&kind=transmission&limit=1", 200).await.json();
    assert_eq!((&first["more"], &first["items"][0]["elsewhere"]), (&json!(true), &json!(["silent"])), "{first:#}");

    let [one, two] = [61, 62].map(|n| format!("/api/transmissions/{}", records::transmission_id(n)));
    reader.post(&format!("{one}/edit"), &[], r#"{"input":7,"reason":"x"}"#, 400).await.is_problem(400, "XD-1103");
    let edit = json!({"input": {"number": 7}, "reason": "x"}).to_string();
    once(reader, &format!("{one}/edit"), "/api/transmissions/{id}/edit", &edit).await;
    let reroute = json!({"system": "silent", "reason": "x"}).to_string();
    once(reader, &format!("{two}/reroute"), "/api/transmissions/{id}/reroute", &reroute).await;
    let correct = json!({"body": "{\"n\":1}", "reason": "x"}).to_string();
    once(reader, &format!("/api/messages/{}/correct", message.id), "/api/messages/{id}/correct", &correct).await;
    let edits = reader.get(&format!("/api/edits?of=transmission/{}", records::transmission_id(61)), 200).await.json();
    assert_eq!(edits["items"][0]["after"], json!({"number": 7}), "{edits:#}");
}

pub async fn replays(reader: &mut Reader, hub: &TestHub) {
    let event = shipment("replayed", "created", json!({"number": "REPLAYED"}));
    reader.post("/api/events", &keyed("replayed"), &event, 202).await;
    hub.wait_until_routed().await;
    let look = json!({"which": {"reference": "shipment/REPLAYED"}, "dry_run": true}).to_string();
    assert_eq!(reader.post("/api/replays", &[], &look, 200).await.json()["state"], "dry_run");
    let everything = json!({"which": {}, "reason": "x"}).to_string();
    reader.post("/api/replays", &[], &everything, 400).await.is_problem(400, "XD-1103");
    let broken = json!({"which": {"reference": "x"}, "with": {"files": []}, "dry_run": true}).to_string();
    reader.post("/api/replays", &[], &broken, 400).await.is_problem(400, "XD-1103");
    let wanted = json!({"which": {"reference": "shipment/REPLAYED"}, "reason": "x"}).to_string();
    let planned = reader.post("/api/replays", &keyed("plan"), &wanted, 200).await.json();
    assert_eq!(
        (&planned["figures"]["messages"], &planned["figures"]["changing"]),
        (&json!(1), &json!(0)),
        "{planned:#}"
    );
    reader.post("/api/replays", &keyed("plan"), &wanted.replace('x', "y"), 422).await.is_problem(422, "XD-1109");
    let id = planned["id"].as_str().expect("an id");
    let items = reader.get(&format!("/api/replays/{id}/messages"), 200).await.json();
    assert_eq!(items["items"][0]["outcome"]["events"][0]["what"], "unchanged", "{items:#}");

    // One that has something to do, as an earlier hub drew it up.
    let id = ReplayId(records::message_id(7777).0);
    let figures = ReplayFigures { messages: 3, changing: 3, ..ReplayFigures::default() };
    let plan = ReplayPlan {
        id,
        version: 1,
        which: ReplayFilter { system: Some("warehouse".into()), ..ReplayFilter::default() },
        effects: Effects::New,
        config: "0000000000000000".into(),
        planned_at: records::at(1),
        by: "ann".into(),
        reason: "x".into(),
        needs_another: false,
        approved: None,
        job: None,
        figures,
        digest: String::new(),
    };
    let change = crossdock_core::replay::EventChange {
        what: crossdock_core::replay::EventVerdict::New,
        before: None,
        after: Some(records::event_id(1)),
        told: None,
        fields: Vec::new(),
    };
    let outcome = ReplayOutcome {
        message: records::message_id(77),
        system: "warehouse".into(),
        channel: "orders".into(),
        received_at: records::at(1),
        verdict: Verdict::Read,
        events: vec![change],
        effects: Vec::new(),
    };
    let item = |n| ReplayItem { n, version: 1, state: ItemState::Planned, outcome: outcome.clone() };
    let mut written = vec![plan.record().expect("writes")];
    written.extend((1..=3).map(|n| item(n).record(id).expect("writes")));
    hub.store.commit(written.into_iter().map(Change::PutRecord).collect()).expect("written");
    let path = format!("/api/replays/{id}");
    assert_eq!(reader.get(&path, 200).await.json()["state"], "planned");
    let why = json!({"reason": "looks right"}).to_string();
    once(reader, &format!("{path}/approve"), "/api/replays/{id}/approve", &why).await;
    let run = json!({"rate_per_s": 1, "reason": "now"}).to_string();
    once(reader, &format!("{path}/run"), "/api/replays/{id}/run", &run).await;
    once(reader, &format!("{path}/stop"), "/api/replays/{id}/stop", &why).await;
    let listed = reader.get("/api/replays?limit=1", 200).await.json();
    assert_eq!(listed["items"][0]["state"], "stopped", "{listed:#}");
    reader.get(&format!("{path}/messages?changing=true"), 200).await;
    for path in ["/api/replays/{id}", "/api/replays/{id}/messages"] {
        reader.get(&example(path), 404).await.is_problem(404, "XD-1104");
    }
}
