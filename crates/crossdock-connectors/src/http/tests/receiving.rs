//! What is believed, what is refused, and by which key a repetition is known.

use crossdock_connect::endpoint::{Endpoint, RawRequest};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::http::SPEC;
use crate::http::inbound::channel_name;
use crate::http::testing::{SHARED, WHSEC, WHSEC_NEXT, key_of, now, post, received, signed, sound};

const STANDARD: &str = "webhook: {scheme: standard-webhooks, secret: [{env: WHSEC_NEXT}, {env: WHSEC}]}";

fn standard(id: &str, body: &str) -> RawRequest {
    signed("standard-webhooks", WHSEC, id, now(), post(&[], body))
}

fn shopify(id: &str, body: &str) -> RawRequest {
    signed("shopify", SHARED, id, now(), post(&[("X-Shopify-Topic", "orders/create")], body))
}

#[test]
fn a_genuine_request_becomes_a_message() {
    let endpoint = sound(SPEC, STANDARD);
    let request = standard("msg_1", r#"{"a": 1}"#);
    let envelopes = endpoint.receive(&request, now()).expect("accepted");
    assert_eq!(envelopes.len(), 1);
    assert_eq!(envelopes[0].channel, "by-path");
    assert_eq!(envelopes[0].dedup_key, "id:msg_1");
    assert_eq!(envelopes[0].body, request.body);
    assert_eq!(envelopes[0].content_type, "application/json");
    assert!(envelopes[0].headers.iter().any(|(name, value)| name == "webhook-id" && value == "msg_1"));
    assert_eq!(endpoint.receipt().status, 202);
}

#[test]
fn what_does_not_verify_is_refused_before_it_is_read() {
    let endpoint = sound(SPEC, STANDARD);
    let check = |request: RawRequest, expect: &str| assert_eq!(received(endpoint.as_ref(), &request), expect);
    let old = now().checked_sub(SignedDuration::from_secs(301)).expect("an instant");
    let ahead = now().checked_add(SignedDuration::from_secs(301)).expect("an instant");
    check(post(&[], "not json"), "401 XD-1010: missing header webhook-signature");
    check(
        signed("standard-webhooks", "whsec_AAAA", "msg_1", now(), post(&[], "not json")),
        "401 XD-1014: signature does not match",
    );
    check(
        signed("standard-webhooks", WHSEC, "msg_1", old, post(&[], "not json")),
        "401 XD-1013: stale timestamp: 301 s old, 300 s are allowed",
    );
    check(
        signed("standard-webhooks", WHSEC, "msg_1", ahead, post(&[], "{}")),
        "401 XD-1013: timestamp in the future: 301 s ahead, 300 s are allowed",
    );
    let mut request = standard("msg_1", "{}");
    request.body = b"{ }".to_vec();
    check(request, "401 XD-1014: signature does not match");
    let mut request = standard("msg_1", "{}");
    request.headers.retain(|(name, _)| name != "webhook-id");
    check(request, "401 XD-1010: missing header webhook-id");
    check(signed("standard-webhooks", WHSEC_NEXT, "msg_1", now(), post(&[], "{}")), "by-path id:msg_1");
}

#[test]
fn a_body_that_cannot_be_read_is_refused_with_its_place() {
    let endpoint = sound(SPEC, STANDARD);
    let check = |body: &str, expect: &str| assert_eq!(received(endpoint.as_ref(), &standard("msg_1", body)), expect);
    check("", "400 XD-1020: the body is empty; JSON is expected");
    check("{\"a\": \n oops}", "400 XD-1020: the body is not usable: not JSON at line 2, column 2: expected value");
    check(r#"{"a": 1, "a": 2}"#, "400 XD-1020: the body is not usable: the key at “/a” is there twice");
    let mut request = post(&[("content-encoding", "gzip")], "{}");
    request = signed("standard-webhooks", WHSEC, "msg_1", now(), request);
    assert_eq!(
        received(endpoint.as_ref(), &request),
        "415 XD-1021: send the body as it is, without Content-Encoding gzip"
    );
}

#[test]
fn probes_are_answered_and_bring_nothing() {
    let endpoint = sound(SPEC, STANDARD);
    let with = |method: &str| RawRequest { method: method.into(), ..post(&[], "") };
    assert_eq!(received(endpoint.as_ref(), &with("HEAD")), "nothing");
    assert_eq!(received(endpoint.as_ref(), &with("GET")), "405 XD-1004: webhooks come by POST here, not by GET");
    let deaf = sound(SPEC, "config: {url: https://a.example}");
    assert_eq!(received(deaf.as_ref(), &with("POST")), "404 XD-1001: this system does not accept webhooks");
}

#[test]
fn a_signed_id_tells_equal_bodies_apart_and_knows_a_repetition() {
    let endpoint = sound(SPEC, STANDARD);
    let key = |id: &str, body: &str| key_of(endpoint.as_ref(), &standard(id, body));
    assert_eq!(key("msg_1", "{}"), key("msg_1", "{}"));
    assert_ne!(key("msg_1", "{}"), key("msg_2", "{}"));
    assert_eq!(key(&"x".repeat(300), "{}").len(), "id:sha256:".len() + 64);
}

#[test]
fn an_unsigned_id_counts_only_together_with_the_body() {
    let endpoint =
        sound(SPEC, "webhook: {scheme: shopify, secret: {env: SHARED}, channel_from: {header: x-shopify-topic}}");
    let key = |id: &str, body: &str| key_of(endpoint.as_ref(), &shopify(id, body));
    assert_eq!(key("e1", "{}"), key("e1", "{}"), "an honest repetition");
    assert_ne!(key("e1", "{}"), key("e2", "{}"), "the same thing happened twice");
    assert_ne!(key("e1", "{}"), key("e1", "[]"), "a used id hides no other message");
    assert_eq!(
        received(endpoint.as_ref(), &shopify("e1", "{}")),
        "orders-create id:e1+44136fa355b3678a1146ad16f7e8649e"
    );
    let mut request = shopify("e1", "{}");
    request.headers.retain(|(name, _)| name != "x-shopify-event-id");
    let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(key_of(endpoint.as_ref(), &request), format!("body:{digest}"), "no id at all");
    let by_body = sound(SPEC, "webhook: {scheme: shopify, secret: {env: SHARED}, dedup_by: body}");
    assert_eq!(key_of(by_body.as_ref(), &shopify("e1", "{}")), format!("body:{digest}"));
    assert_eq!(
        key_of(by_body.as_ref(), &shopify("e2", "{}")),
        format!("body:{digest}"),
        "recorded, sent again under a new id"
    );
}

#[test]
fn the_id_is_found_where_the_configuration_says() {
    let in_body = sound(
        SPEC,
        "webhook: {scheme: easypost, secret: {env: SHARED}, id_field: meta.id, channel_from: {field: description}}",
    );
    let body = r#"{"meta": {"id": "evt_1"}, "description": "tracker.updated"}"#;
    let request = signed("easypost", SHARED, "", now(), post(&[], body));
    assert_eq!(received(in_body.as_ref(), &request), "tracker-updated id:evt_1");
    let request = signed("easypost", SHARED, "", now(), post(&[], r#"{"meta": {"id": 17}}"#));
    assert_eq!(received(in_body.as_ref(), &request), "by-path id:17");
    let in_header = sound(SPEC, "webhook: {scheme: bearer, secret: {env: TOKEN}, id_header: X-Delivery}");
    let request = post(&[("authorization", "Bearer t0ken"), ("x-delivery", "d1")], "{}");
    assert_eq!(received(in_header.as_ref(), &request), "by-path id:d1+44136fa355b3678a1146ad16f7e8649e");
    let either = sound(SPEC, "webhook: {scheme: shopify, secret: {env: SHARED}, id_field: id}");
    assert_eq!(received(either.as_ref(), &shopify("e1", r#"{"id": "b1"}"#)), "by-path id:b1");
    assert!(received(either.as_ref(), &shopify("e1", "{}")).starts_with("by-path id:e1+"), "the next best id");
    let signed_header =
        sound(SPEC, "webhook: {scheme: standard-webhooks, secret: {env: WHSEC}, id_header: webhook-id}");
    assert_eq!(received(signed_header.as_ref(), &standard("msg_1", "{}")), "by-path id:msg_1");
}

#[test]
fn credentials_are_not_kept_with_the_message() {
    let kept = |config: &str, request: &RawRequest| -> Vec<String> {
        let endpoint = sound(SPEC, config);
        let envelopes = endpoint.receive(request, now()).expect("accepted");
        envelopes[0].headers.iter().map(|(name, _)| name.clone()).collect()
    };
    let request =
        post(&[("Authorization", "Bearer t0ken"), ("Cookie", "c"), ("X-Api-Key", "k"), ("X-Topic", "t")], "{}");
    assert_eq!(kept("webhook: {scheme: bearer, secret: {env: TOKEN}}", &request), ["x-topic", "content-type"]);
    let request = post(&[("X-Partner", SHARED), ("X-Topic", "t")], "{}");
    let config = "webhook: {scheme: {preset: static-header, header: X-Partner}, secret: {env: SHARED}}";
    assert_eq!(kept(config, &request), ["x-topic", "content-type"]);
}

#[test]
fn json_under_another_name_is_read_and_anything_else_when_allowed() {
    let json = sound(SPEC, "webhook: {scheme: bearer, secret: {env: TOKEN}}");
    let form = |body: &str| post(&[("authorization", "Bearer t0ken"), ("content-type", "text/plain")], body);
    assert_eq!(json.receive(&form("{}"), now()).expect("accepted")[0].content_type, "application/json");
    assert_eq!(
        received(json.as_ref(), &form("a=1")),
        "400 XD-1020: the body is not usable: not JSON at line 1, column 1: expected value"
    );
    let any = sound(SPEC, "webhook: {scheme: bearer, secret: {env: TOKEN}, accept: any}");
    assert_eq!(any.receive(&form("a=1"), now()).expect("accepted")[0].content_type, "text/plain");
    let broken = post(&[("authorization", "Bearer t0ken")], "a=1");
    assert_eq!(
        received(any.as_ref(), &broken),
        "400 XD-1020: the body is not usable: not JSON at line 1, column 1: expected value"
    );
}

#[test]
fn a_secret_in_the_address_is_verified() {
    let endpoint = sound(SPEC, "webhook: {scheme: secret-in-url, secret: {env: SHARED}}");
    let mut request = post(&[], "{}");
    assert_eq!(received(endpoint.as_ref(), &request), "401 XD-1010: missing query parameter token");
    request.query.push(("token".into(), SHARED.into()));
    assert!(received(endpoint.as_ref(), &request).starts_with("by-path body:"));
}

#[test]
fn channels_are_named_alike_whatever_the_sender_writes() {
    for (text, expect) in [
        ("Shipment Update", "shipment-update"),
        ("INVENTORY_UPDATE", "inventory-update"),
        ("GeofenceEntry", "geofence-entry"),
        ("RouteStopETAUpdated", "route-stop-eta-updated"),
        ("orders/create", "orders-create"),
        ("invoice.paid", "invoice-paid"),
        ("HOSViolation", "hos-violation"),
        ("PO Update", "po-update"),
        ("alert2Raised", "alert2-raised"),
        ("", ""),
        ("--", ""),
        ("Straße Ä", "straße-ä"),
        ("already-named", "already-named"),
    ] {
        assert_eq!(channel_name(text), expect, "{text}");
    }
    assert!(channel_name(&"ÄÖ".repeat(500)).len() <= 100);
}

/// Requests of every kind: any method, headers that matter with any value, any body, signed or not.
pub(crate) fn any_request() -> impl Strategy<Value = RawRequest> {
    let names = prop::sample::select(vec![
        "content-type",
        "content-encoding",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-topic",
        "authorization",
        "x-samsara-signature",
        "x-samsara-timestamp",
        "x-shiphero-hmac-sha256",
        "x-shiphero-message-id",
        "ce-id",
        "ce-type",
        "ce-source",
        "ce-specversion",
        "ce-time",
        "ce-",
        "ce-ü",
    ]);
    let values = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "application/json",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "application/cloudevents",
            "1.0",
            "%E4%",
            "%ff\"",
            "\"\\\"",
            "text/plain",
            "gzip",
        ])
        .prop_map(str::to_owned),
    ];
    let bodies = prop_oneof![prop::collection::vec(any::<u8>(), 0..200), json_text().prop_map(String::into_bytes),];
    let methods = prop::sample::select(vec!["POST", "PUT", "HEAD", "GET", "ü"]);
    (methods, any::<String>(), prop::collection::vec((names, values), 0..8), bodies).prop_map(
        |(method, channel, headers, body)| {
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            RawRequest { method: method.into(), channel, url: String::new(), query: Vec::new(), headers, body }
        },
    )
}

/// JSON with the fields that connectors look for.
fn json_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        prop::sample::select(vec!["\"1.0\"", "\"Shipment Update\"", "1e400", "0.1", "true"]).prop_map(str::to_owned),
    ];
    let keys = prop::sample::select(vec![
        "id",
        "source",
        "type",
        "specversion",
        "data",
        "eventId",
        "eventType",
        "webhook_type",
        "inventory",
        "fulfillment",
        "ü",
    ]);
    scalar.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|fields| {
                let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

/// Whatever comes, signed or not, `receive` ends, and what it accepts has a key that is not too long.
pub(crate) fn never_panics(endpoint: &dyn Endpoint, request: RawRequest, scheme: &str, secret: &str) {
    let id = request.header("webhook-id").filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()));
    let genuine = signed(
        scheme,
        secret,
        id.unwrap_or("id"),
        now(),
        RawRequest {
            headers: request
                .headers
                .iter()
                .filter(|(name, _)| !name.starts_with("webhook-") && !name.starts_with("x-s"))
                .cloned()
                .collect(),
            ..request.clone()
        },
    );
    for request in [request, genuine] {
        for envelope in endpoint.receive(&request, now()).unwrap_or_default() {
            assert!(!envelope.dedup_key.is_empty() && envelope.dedup_key.len() <= 255);
        }
    }
}

proptest! {
    #[test]
    fn receiving_never_panics(request in any_request()) {
        for more in ["", ", accept: any, channel_from: {header: x-topic}", ", id_field: id, channel_from: {field: type}", ", id_header: x-topic"] {
            let endpoint = sound(SPEC, &format!("webhook: {{scheme: standard-webhooks, secret: {{env: WHSEC}}{more}}}"));
            never_panics(endpoint.as_ref(), request.clone(), "standard-webhooks", WHSEC);
        }
    }

    #[test]
    fn a_channel_is_short_lower_case_and_its_own_name(text in any::<String>()) {
        let name = channel_name(&text);
        prop_assert!(name.len() <= 100);
        prop_assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"));
        if name.is_ascii() {
            prop_assert_eq!(channel_name(&name), name);
        }
    }
}

#[test]
fn the_sender_hears_what_it_wants_to_hear() {
    let receipt = |more: &str| {
        let told = sound(SPEC, &format!("webhook: {{scheme: bearer, secret: {{env: TOKEN}}{more}}}")).receipt();
        (told.status, told.body)
    };
    assert_eq!(receipt(""), (202, None));
    assert_eq!(receipt(", receipt: ids"), (202, None));
    assert_eq!(receipt(", receipt: empty"), (200, Some("")));
    assert_eq!(receipt(", receipt: list"), (200, Some("[]")));
}
