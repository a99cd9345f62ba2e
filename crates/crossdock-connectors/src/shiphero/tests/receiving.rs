//! Webhooks of a warehouse.

use crossdock_connect::endpoint::{RawRequest, Receipt};
use proptest::prelude::*;

use crate::http::testing::{SHARED, key_of, now, post, received, recorded_beside, signed, sound};
use crate::http::tests::receiving::{any_request, never_panics};
use crate::shiphero::SPEC;

const SYSTEM: &str = "webhook: {secret: {env: SHARED}}";
const SHIPMENT: &str =
    r#"{"webhook_type": "Shipment Update", "fulfillment": {"shipment_id": 281, "order_number": "SO0042"}}"#;
const INVENTORY: &str = r#"{"webhook_type": "Inventory Update", "inventory": [{"sku": "100100", "on_hand": "45"}]}"#;

fn genuine(id: &str, body: impl Into<Vec<u8>>) -> RawRequest {
    signed("shiphero", SHARED, id, now(), post(&[], body))
}

#[test]
fn the_channel_is_the_kind_of_webhook() {
    let endpoint = sound(SPEC, SYSTEM);
    let check = |body: &str, channel: &str| {
        let found = received(endpoint.as_ref(), &genuine("m1", body));
        assert_eq!(found.split(' ').next(), Some(channel), "{body}");
    };
    check(SHIPMENT, "shipment-update");
    check(INVENTORY, "inventory-update");
    check(r#"{"webhook_type": "Order Canceled"}"#, "order-canceled");
    check(r#"{"webhook_type": "PO Update"}"#, "po-update");
    check(r#"{"inventory": [{"webhook_type": "INVENTORY_UPDATE", "sku": "1"}]}"#, "inventory-update");
    check(r#"{"fulfillment": {"shipment_id": 1}}"#, "shipment-update");
    check(r#"{"inventory": []}"#, "inventory-update");
    check(r#"{"webhook_type": ""}"#, "by-path");
}

#[test]
fn a_shipment_told_again_is_the_same_whatever_the_id() {
    let endpoint = sound(SPEC, SYSTEM);
    let key = |id: &str, body: &str| key_of(endpoint.as_ref(), &genuine(id, body));
    assert_eq!(key("m1", SHIPMENT), key("m1", SHIPMENT), "a repetition");
    assert_eq!(key("m1", SHIPMENT), key("m2", SHIPMENT), "recorded and sent again under another id");
    let mut without_id = genuine("m1", SHIPMENT);
    without_id.headers.retain(|(name, _)| name != "x-shiphero-message-id");
    assert_eq!(key_of(endpoint.as_ref(), &without_id), key("m1", SHIPMENT));
    let changed = SHIPMENT.replace("281", "282");
    assert_ne!(key("m1", &changed), key("m1", SHIPMENT), "another shipment under a used id");
}

#[test]
fn stock_that_stands_as_before_is_news_under_a_new_id() {
    let endpoint = sound(SPEC, SYSTEM);
    let key = |id: &str, body: &str| key_of(endpoint.as_ref(), &genuine(id, body));
    assert_eq!(key("m1", INVENTORY), key("m1", INVENTORY), "a repetition");
    assert_ne!(key("m1", INVENTORY), key("m2", INVENTORY), "45, then 44, then 45 again");
    assert_ne!(key("m1", INVENTORY), key("m1", &INVENTORY.replace("45", "44")), "a used id hides nothing");
}

#[test]
fn which_kinds_have_bodies_of_their_own_can_be_configured() {
    let endpoint = sound(SPEC, "webhook: {secret: {env: SHARED}, dedup_by_body: [Inventory Update]}");
    let key = |id: &str, body: &str| key_of(endpoint.as_ref(), &genuine(id, body));
    assert_eq!(key("m1", INVENTORY), key("m2", INVENTORY));
    assert_ne!(key("m1", SHIPMENT), key("m2", SHIPMENT));
}

#[test]
fn what_is_not_the_warehouses_is_refused() {
    let endpoint = sound(SPEC, SYSTEM);
    let check = |request: RawRequest, expect: &str| assert_eq!(received(endpoint.as_ref(), &request), expect);
    check(post(&[], SHIPMENT), "401 XD-1010: missing header x-shiphero-hmac-sha256");
    check(signed("shiphero", "another", "m1", now(), post(&[], SHIPMENT)), "401 XD-1014: signature does not match");
    let mut request = genuine("m1", SHIPMENT);
    request.body.push(b' ');
    check(request, "401 XD-1014: signature does not match");
    check(
        genuine("m1", "{]"),
        "400 XD-1020: the body is not usable: not JSON at line 1, column 2: key must be a string",
    );
    let deaf = sound(SPEC, "config: {url: https://a.example}");
    assert_eq!(received(deaf.as_ref(), &genuine("m1", SHIPMENT)), "404 XD-1001: this system does not accept webhooks");
}

#[test]
fn probes_and_messages_are_answered_as_shiphero_expects() {
    let endpoint = sound(SPEC, SYSTEM);
    let probe = RawRequest { method: "HEAD".into(), ..post(&[], "") };
    assert_eq!(received(endpoint.as_ref(), &probe), "nothing");
    let expect =
        Receipt { status: 200, content_type: "application/json", body: Some(r#"{"code":"200","Status":"Success"}"#) };
    assert_eq!(endpoint.receipt(), expect);
}

#[test]
fn what_shiphero_publishes_is_understood() {
    let endpoint = sound(SPEC, SYSTEM);
    for (file, channel) in [
        ("webhooks/shiphero/example-shiphero-shipment-update.json", "shipment-update"),
        ("webhooks/shiphero/example-shiphero-inventory-update.json", "inventory-update"),
    ] {
        if let Some(body) = recorded_beside(file) {
            let found = received(endpoint.as_ref(), &genuine("m1", body));
            assert_eq!(found.split(' ').next(), Some(channel), "{file}");
        }
    }
}

proptest! {
    #[test]
    fn receiving_never_panics(request in any_request()) {
        never_panics(sound(SPEC, SYSTEM).as_ref(), request, "shiphero", SHARED);
    }
}
