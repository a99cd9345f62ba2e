//! What Samsara sends becomes messages; what is not Samsara's does not.

use crossdock_connect::endpoint::RawRequest;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::SPEC;
use crate::http::testing::{
    SAMSARA, check_guide, endpoint, json, key_of, now, outcome, post, received, recorded_beside, signed, sound,
    transmission,
};
use crate::http::tests::receiving::{any_request, never_panics};

const SYSTEM: &str = "webhook: {secret: {env: SAMSARA}}";

fn genuine(body: impl Into<Vec<u8>>) -> RawRequest {
    signed("samsara", SAMSARA, "", now(), post(&[], body))
}

fn event(kind: &str, id: &str) -> String {
    format!(r#"{{"eventId": "{id}", "eventType": "{kind}", "eventTime": "2026-01-02T03:04:05.000Z", "data": {{}}}}"#)
}

#[test]
fn the_channel_is_the_kind_of_event_and_the_key_its_id() {
    let endpoint = sound(SPEC, SYSTEM);
    let check = |kind: &str, channel: &str| {
        let found = received(endpoint.as_ref(), &genuine(event(kind, "0bb6b0f0")));
        assert_eq!(found, format!("{channel} id:0bb6b0f0"), "{kind}");
    };
    check("GeofenceEntry", "geofence-entry");
    check("GeofenceExit", "geofence-exit");
    check("RouteStopArrival", "route-stop-arrival");
    check("RouteStopDeparture", "route-stop-departure");
    check("RouteStopEtaUpdated", "route-stop-eta-updated");
    check("DocumentSubmitted", "document-submitted");
    check("FormSubmitted", "form-submitted");
    check("AlertIncident", "alert-incident");
    check("Alert", "alert");
    check("Ping", "ping");
}

#[test]
fn an_event_sent_again_later_is_the_same_event() {
    let endpoint = sound(SPEC, SYSTEM);
    let body = event("GeofenceEntry", "e1");
    let earlier = now().checked_sub(SignedDuration::from_secs(200)).expect("an instant");
    let again = signed("samsara", SAMSARA, "", earlier, post(&[], body.as_str()));
    assert_eq!(key_of(endpoint.as_ref(), &genuine(body.as_str())), key_of(endpoint.as_ref(), &again));
    assert_ne!(key_of(endpoint.as_ref(), &again), key_of(endpoint.as_ref(), &genuine(event("GeofenceEntry", "e2"))));
}

#[test]
fn events_without_kind_or_id_are_kept_all_the_same() {
    let endpoint = sound(SPEC, SYSTEM);
    let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(received(endpoint.as_ref(), &genuine("{}")), format!("by-path body:{digest}"));
}

#[test]
fn what_is_not_samsaras_is_refused() {
    let endpoint = sound(SPEC, SYSTEM);
    let check = |request: RawRequest, expect: &str| assert_eq!(received(endpoint.as_ref(), &request), expect);
    let old = now().checked_sub(SignedDuration::from_secs(400)).expect("an instant");
    check(post(&[], "{}"), "401 XD-1010: missing header X-Samsara-Signature");
    check(signed("samsara", "bm90IGl0", "", now(), post(&[], "{}")), "401 XD-1014: signature does not match");
    check(
        signed("samsara", SAMSARA, "", old, post(&[], "{}")),
        "401 XD-1013: stale timestamp: 400 s old, 300 s are allowed",
    );
    let mut request = genuine("{}");
    request.headers.retain(|(name, _)| name != "x-samsara-timestamp");
    check(request, "401 XD-1010: missing header X-Samsara-Timestamp");
    check(
        genuine("{"),
        "400 XD-1020: the body is not usable: not JSON at line 1, column 1: EOF while parsing an object",
    );
    check(RawRequest { method: "HEAD".into(), ..post(&[], "") }, "nothing");
    check(RawRequest { method: "GET".into(), ..post(&[], "") }, "405 XD-1004: webhooks come by POST here, not by GET");
}

#[test]
fn what_samsara_publishes_is_understood() {
    let endpoint = sound(SPEC, SYSTEM);
    for (file, expect) in [
        (
            "webhooks/samsara/example-samsara-geofence-entry.json",
            "geofence-entry id:0bb6b0f0-1f0c-4f57-9d5c-0b7a6a5b9f01",
        ),
        ("webhooks/samsara/example-samsara-v1-alert.json", "alert id:bf72239c-bebd-4c22-b64c-6fc692ef7c46"),
    ] {
        if let Some(body) = recorded_beside(file) {
            assert_eq!(received(endpoint.as_ref(), &genuine(body)), expect);
        }
    }
}

#[test]
fn nothing_is_sent_to_it() {
    let endpoint = sound(SPEC, SYSTEM);
    assert!(endpoint.operations().is_empty());
    let found = outcome(endpoint.as_ref(), &transmission("route.create", json("{}")), &[]);
    assert_eq!(found, "refused: partner has no operation `route.create`");
}

#[test]
fn mistakes_in_the_configuration_are_told() {
    let check = |yaml: &str, expect: &str| {
        assert_eq!(
            endpoint(SPEC, yaml).err().unwrap_or_default().replace("systems/partner.yaml:", ""),
            expect,
            "{yaml}"
        );
    };
    check(
        "system: fleet",
        "1:1: error: a samsara system lacks `webhook` (for example `webhook: {secret: {env: SAMSARA_WEBHOOK_SECRET}}`)",
    );
    check("webhook: {}", "1:10: error: webhook of samsara lacks `secret`");
    check(
        "webhook: {secret: {env: SAMSARA}, shceme: samsara}\nconfig: {url: https://a.example}",
        "2:9: error: samsara takes no `config` (nothing is sent to it; the signature stands under `webhook`)\n\
         1:35: error: webhook of samsara has no field `shceme` (did you mean `scheme`?)",
    );
    sound(SPEC, "webhook: {secret: {env: SAMSARA}, scheme: {preset: samsara, timestamp: {past_s: 900}}}");
}

#[test]
fn the_guide_shows_what_can_be_configured() {
    check_guide(SPEC, include_str!("guide.md"));
}

proptest! {
    #[test]
    fn receiving_never_panics(request in any_request()) {
        never_panics(sound(SPEC, SYSTEM).as_ref(), request, "samsara", SAMSARA);
    }
}
