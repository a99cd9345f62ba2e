//! Webhooks of a customer's system, CloudEvents or not.

use crossdock_connect::endpoint::RawRequest;
use crossdock_core::value;
use proptest::prelude::*;

use crate::http::testing::{WHSEC, json, key_of, now, post, received, signed, sound};
use crate::http::tests::receiving::{any_request, never_panics};
use crate::webhook::SPEC;

const SYSTEM: &str = "webhook: {secret: {env: WHSEC}}";

fn genuine(id: &str, headers: &[(&str, &str)], body: &str) -> RawRequest {
    signed("standard-webhooks", WHSEC, id, now(), post(headers, body))
}

const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");
const ONE: &str =
    r#"{"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.created", "data": {"total": 1.50}}"#;

#[test]
fn a_structured_event_is_kept_as_it_came() {
    let endpoint = sound(SPEC, SYSTEM);
    let request = genuine("msg_1", &[STRUCTURED], ONE);
    assert_eq!(received(endpoint.as_ref(), &request), r#"order-created event:["/shop","7"]"#);
    let envelopes = endpoint.receive(&request, now()).expect("accepted");
    assert_eq!(envelopes[0].body, ONE.as_bytes());
    assert_eq!(envelopes[0].content_type, "application/cloudevents+json");
    let again = genuine("msg_2", &[("content-type", "Application/CloudEvents")], ONE);
    assert_eq!(key_of(endpoint.as_ref(), &again), envelopes[0].dedup_key, "source and id name an event");
}

#[test]
fn a_batch_becomes_a_message_per_event() {
    let endpoint = sound(SPEC, SYSTEM);
    let body = format!("[ {ONE} , {}]", ONE.replace("\"7\"", "\"8\"").replace("created", "paid"));
    let request = genuine("msg_1", &[BATCH], &body);
    assert_eq!(
        received(endpoint.as_ref(), &request),
        "order-created event:[\"/shop\",\"7\"]\norder-paid event:[\"/shop\",\"8\"]"
    );
    let envelopes = endpoint.receive(&request, now()).expect("accepted");
    assert_eq!(envelopes[0].body, ONE.as_bytes(), "each event has its own bytes");
    assert_eq!(key_of(endpoint.as_ref(), &genuine("msg_2", &[STRUCTURED], ONE)), envelopes[0].dedup_key);
    assert_eq!(received(endpoint.as_ref(), &genuine("msg_1", &[BATCH], "[]")), "nothing");
}

#[test]
fn a_binary_event_reads_like_a_structured_one() {
    let endpoint = sound(SPEC, SYSTEM);
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/shop"),
        ("Ce-Type", "order.created"),
        ("ce-subject", "\"Stra%C3%9Fe %22x\\\"\""),
        ("ce-über", "x"),
    ];
    let request = genuine("msg_1", &attributes, r#" {"total": 1.50} "#);
    let envelopes = endpoint.receive(&request, now()).expect("accepted");
    assert_eq!(
        String::from_utf8(envelopes[0].body.clone()).expect("text"),
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/shop\",\"type\":\"order.created\",\
         \"subject\":\"Straße \\\"x\\\"\",\"datacontenttype\":\"application/json\",\"data\":{\"total\": 1.50}}"
    );
    assert_eq!((envelopes[0].channel.as_str(), envelopes[0].dedup_key.as_str()), ("order-created", "id:msg_1"));
    let mut picture = post(&attributes, [0xff, 0x00]);
    picture.headers.retain(|(name, _)| name != "content-type");
    picture.headers.push(("content-type".into(), "image/png".into()));
    let picture = signed("standard-webhooks", WHSEC, "msg_2", now(), picture);
    let envelopes = endpoint.receive(&picture, now()).expect("accepted");
    let body = json(std::str::from_utf8(&envelopes[0].body).expect("text"));
    assert_eq!(body.get("data_base64"), Some(&value!("/wA=")));
}

#[test]
fn a_binary_event_without_a_message_id_is_known_by_source_and_id() {
    let endpoint = sound(SPEC, "webhook: {secret: {env: TOKEN}, scheme: bearer}");
    let attributes = [
        ("authorization", "Bearer t0ken"),
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/shop"),
        ("ce-type", "ping"),
    ];
    assert_eq!(received(endpoint.as_ref(), &post(&attributes, "")), r#"ping event:["/shop","7"]"#);
}

#[test]
fn what_is_no_cloudevent_is_refused_when_it_says_it_is_one() {
    let endpoint = sound(SPEC, SYSTEM);
    let check = |headers: &[(&str, &str)], body: &str, expect: &str| {
        assert_eq!(received(endpoint.as_ref(), &genuine("msg_1", headers, body)), expect);
    };
    check(&[STRUCTURED], r#"{"id": "7"}"#, "400 XD-1020: the event is not a CloudEvent: its `specversion` must be 1.0");
    check(
        &[STRUCTURED],
        r#"{"specversion": "0.3", "id": "7"}"#,
        "400 XD-1020: the event is not a CloudEvent: its `specversion` must be 1.0",
    );
    check(
        &[STRUCTURED],
        r#"{"specversion": "1.0", "id": "7"}"#,
        "400 XD-1020: the event is not a CloudEvent: it lacks `source`",
    );
    check(&[BATCH], ONE, "400 XD-1020: a batch must be a list of events");
    check(
        &[BATCH],
        &format!("[{ONE}, 3]"),
        "400 XD-1020: event 1 of the batch is not a CloudEvent: its `specversion` must be 1.0",
    );
    check(
        &[("content-type", "application/cloudevents+xml")],
        "<x/>",
        "415 XD-1021: CloudEvents are read as JSON here, not as xml",
    );
    check(
        &[("ce-specversion", "1.0"), ("ce-id", "7")],
        "{}",
        "400 XD-1020: the event is not a CloudEvent: it lacks `source`",
    );
    let many = format!("[{}]", vec![ONE; 1001].join(","));
    check(&[BATCH], &many, "413 XD-1020: the batch has 1001 events; send at most 1000 at a time");
}

#[test]
fn any_other_json_is_taken_too() {
    let endpoint = sound(SPEC, SYSTEM);
    assert_eq!(received(endpoint.as_ref(), &genuine("msg_1", &[], r#"{"type": "user.created"}"#)), "by-path id:msg_1");
    assert!(received(endpoint.as_ref(), &genuine("msg_1", &[], "x")).starts_with("400 XD-1020"));
    assert_eq!(received(endpoint.as_ref(), &post(&[STRUCTURED], ONE)), "401 XD-1010: missing header webhook-signature");
    let deaf = sound(SPEC, "config: {url: https://a.example, secret: {env: WHSEC}}");
    assert_eq!(
        received(deaf.as_ref(), &genuine("msg_1", &[], "{}")),
        "404 XD-1001: this system does not accept webhooks"
    );
}

proptest! {
    #[test]
    fn receiving_never_panics(request in any_request()) {
        never_panics(sound(SPEC, SYSTEM).as_ref(), request, "standard-webhooks", WHSEC);
    }

    #[test]
    fn what_is_sent_can_be_received(id in "[!-~]{1,40}", data in any::<String>(), subject in any::<String>()) {
        let sender = sound(SPEC, "config: {url: https://a.example, secret: {env: WHSEC}}");
        let input = value!({ "event": { "id": (id.as_str()), "type": "a.b", "data": { "text": (data.as_str()), "subject": (subject.as_str()) } } });
        let call = crate::http::testing::call(sender.as_ref(), &crate::http::testing::transmission("event.notify", input.clone()), now());
        let headers = call.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.clone())).collect();
        let request = RawRequest { headers, body: call.body, ..post(&[], "") };
        let envelopes = sound(SPEC, SYSTEM).receive(&request, now()).expect("accepted");
        let body = json(std::str::from_utf8(&envelopes[0].body).expect("text"));
        prop_assert_eq!(body.at("data"), input.at("event.data"));
        prop_assert_eq!(body.at("id").and_then(crossdock_core::value::Value::as_text), Some(id.as_str()));
    }
}
