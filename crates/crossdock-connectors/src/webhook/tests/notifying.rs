//! Events told to a customer's system.

use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, VerifyInput, verify};
use crossdock_core::exchange::{Answer, Call, SendFault};
use crossdock_core::value;
use jiff::SignedDuration;

use crate::http::testing::{
    WHPK, WHSEC, WHSEC_NEXT, answer, call, ended, faults, json, now, outcome, sound, transmission,
};
use crate::webhook::SPEC;

const SYSTEM: &str =
    "config: {url: https://shop.example.com/hooks, secret: {env: WHSEC}, source: https://hub.example.com/}";

const EVENT: &str = r#"{"event": {
    "id": "01938e2a-7b00-8000-8000-0000000000aa", "type": "crossdock.invoice.released.v1", "system": "odoo",
    "subject": "invoice/INV/2026/00007", "time": "2026-01-02T04:04:05+01:00", "recorded_at": "2026-01-02T03:04:06Z",
    "correlationid": "c-1", "data": {"number": "INV/2026/00007", "gross": 119.00}
}}"#;

fn header<'a>(call: &'a Call, name: &str) -> &'a str {
    call.headers.iter().find(|header| header.name == name).map_or("", |header| &header.value)
}

fn verifies(call: &Call, secret: &str, at: jiff::Timestamp) -> bool {
    let headers: Vec<(String, String)> =
        call.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
    let scheme = Scheme::preset("standard-webhooks").expect("a preset");
    verify(&scheme, &[Secret::new(secret)], VerifyInput::new(&headers, &call.body), at).is_ok()
}

#[test]
fn an_event_is_sent_as_a_signed_cloudevent() {
    let endpoint = sound(SPEC, SYSTEM);
    let call = call(endpoint.as_ref(), &transmission("event.notify", json(EVENT)), now());
    assert_eq!(call.url, "https://shop.example.com/hooks");
    assert_eq!(header(&call, "Content-Type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(header(&call, "webhook-id"), "01938e2a-7b00-8000-8000-0000000000aa");
    assert_eq!(header(&call, "webhook-timestamp"), "1767323045");
    assert_eq!(
        std::str::from_utf8(&call.body).expect("text"),
        "{\"specversion\":\"1.0\",\"id\":\"01938e2a-7b00-8000-8000-0000000000aa\",\
         \"source\":\"https://hub.example.com/systems/odoo\",\"type\":\"crossdock.invoice.released.v1\",\
         \"subject\":\"invoice/INV/2026/00007\",\"time\":\"2026-01-02T04:04:05+01:00\",\
         \"recordedtime\":\"2026-01-02T03:04:06Z\",\"correlationid\":\"c-1\",\"datacontenttype\":\"application/json\",\
         \"data\":{\"number\":\"INV/2026/00007\",\"gross\":119.00}}"
    );
    assert!(verifies(&call, WHSEC, now()));
    assert!(!verifies(&call, WHSEC_NEXT, now()));
}

#[test]
fn an_event_can_be_signed_by_a_pair_of_keys() {
    let system =
        "config: {url: https://shop.example.com/hooks, scheme: standard-webhooks-ed25519, secret: {env: WHSK}}";
    let endpoint = sound(SPEC, system);
    let call = call(endpoint.as_ref(), &transmission("event.notify", json(EVENT)), now());
    assert!(header(&call, "webhook-signature").starts_with("v1a,"));
    let headers: Vec<(String, String)> =
        call.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
    let scheme = Scheme::preset("standard-webhooks-ed25519").expect("a preset");
    let is_right =
        |key: &str| verify(&scheme, &[Secret::new(key)], VerifyInput::new(&headers, &call.body), now()).is_ok();
    assert!(is_right(WHPK), "the public key is enough");
    assert!(!is_right("whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    let wrong = crate::http::testing::endpoint(SPEC, &system.replace("WHSK", "WHPK")).expect_err("cannot sign");
    assert!(wrong.contains("signing needs the secret key, which begins with whsk_"), "{wrong}");
}

#[test]
fn every_attempt_is_the_same_event_signed_anew() {
    let endpoint = sound(SPEC, SYSTEM);
    let mut owed = transmission("event.notify", json(EVENT));
    let first = call(endpoint.as_ref(), &owed, now());
    owed.attempts = 9;
    let later = now().checked_add(SignedDuration::from_hours(20)).expect("an instant");
    let last = call(endpoint.as_ref(), &owed, later);
    assert_eq!(header(&first, "webhook-id"), header(&last, "webhook-id"));
    assert_eq!(first.body, last.body);
    assert_ne!(header(&first, "webhook-signature"), header(&last, "webhook-signature"));
    assert!(verifies(&last, WHSEC, later), "however long it waited, the signature is fresh");
}

#[test]
fn an_event_without_an_id_has_the_transmissions() {
    let endpoint = sound(SPEC, "config: {url: https://shop.example.com/hooks, secret: {env: WHSEC}}");
    let input = value!({ "event": { "type": "com.example.ping" } });
    let call = call(endpoint.as_ref(), &transmission("event.notify", input), now());
    assert_eq!(header(&call, "webhook-id"), "01938e2a-7b00-8000-8000-000000000001");
    assert_eq!(
        std::str::from_utf8(&call.body).expect("text"),
        r#"{"specversion":"1.0","id":"01938e2a-7b00-8000-8000-000000000001","source":"/crossdock","type":"com.example.ping"}"#
    );
}

#[test]
fn while_secrets_change_both_sign() {
    let endpoint =
        sound(SPEC, "config: {url: https://shop.example.com/hooks, secret: [{env: WHSEC_NEXT}, {env: WHSEC}]}");
    let call = call(endpoint.as_ref(), &transmission("event.notify", json(EVENT)), now());
    assert!(verifies(&call, WHSEC, now()) && verifies(&call, WHSEC_NEXT, now()));
}

#[test]
fn every_fault_of_an_event_is_told_with_its_path() {
    let endpoint = sound(SPEC, SYSTEM);
    let check = |input: &str, expect: &str| {
        assert_eq!(faults(endpoint.as_ref(), "event.notify", &json(input)), expect, "{input}");
    };
    check(EVENT, "");
    check(
        r#"{"event": {"type": "a", "id": null, "subject": 7, "partitionkey": "k", "sequence": 3, "final": true}}"#,
        "",
    );
    check("{}", "event: is missing");
    check(
        r#"{"event": {"id": "two words", "time": "noon", "flow_name": "x", "weight": 1.5, "lines": [], "specversion": "0.3"}, "evnt": 1}"#,
        "event.id: must be at most 255 bytes of visible ASCII: it travels as `webhook-id`\n\
         event.type: is missing\n\
         event.time: must be a date-time with an offset, such as 2026-03-01T08:30:00+01:00, but it is `noon`\n\
         event.flow_name: is not a CloudEvents attribute: those are named with a-z and 0-9 only; put it into `data`\n\
         event.weight: must be a text, true or false, or a whole number of 32 bits to be an attribute, but it is a decimal; put it into `data`\n\
         event.lines: must be a text, true or false, or a whole number of 32 bits to be an attribute, but it is a list; put it into `data`\n\
         event.specversion: is set by the hub\n\
         evnt: is not a known field; did you mean `event`?",
    );
    let refused = outcome(endpoint.as_ref(), &transmission("event.notify", json("{}")), &[]);
    assert_eq!(refused, "refused: the input does not fit: event is missing");
}

#[test]
fn what_the_receiver_answers_is_what_the_attempt_comes_to() {
    let endpoint = sound(SPEC, SYSTEM);
    let owed = transmission("event.notify", json(EVENT));
    let check =
        |result: Result<Answer, SendFault>, expect: &str| assert_eq!(ended(endpoint.as_ref(), &owed, result), expect);
    let id = "01938e2a-7b00-8000-8000-0000000000aa";
    check(Ok(answer(204, &[], "")), &format!(r#"accepted {{"id":"{id}","answer":null}}"#));
    check(
        Ok(answer(200, &[("content-type", "application/json")], r#"{"seen":true}"#)),
        &format!(r#"accepted {{"id":"{id}","answer":{{"seen":true}}}}"#),
    );
    check(
        Ok(answer(301, &[("location", "https://new.example.com/")], "")),
        "refused: HTTP 301: it moved to https://new.example.com/: change the address in systems/partner.yaml",
    );
    check(Ok(answer(400, &[], "bad")), "refused: HTTP 400: bad");
    check(
        Ok(answer(401, &[], "")),
        "unusable: HTTP 401; check the credentials in systems/partner.yaml and what they allow",
    );
    check(
        Ok(answer(410, &[], "")),
        "refused: HTTP 410; the receiver is gone and wants no more webhooks: disable the flows to partner",
    );
    check(Ok(answer(429, &[("retry-after", "5")], "")), "retry after 5000 ms: HTTP 429");
    check(Ok(answer(502, &[], "")), "retry: HTTP 502");
    check(Ok(answer(504, &[], "")), "retry: HTTP 504");
    check(Err(SendFault::Lost("timed out".into())), "unknown: no answer: timed out");
    check(Err(SendFault::NotSent("cannot connect".into())), "retry: could not reach the system: cannot connect");
}
