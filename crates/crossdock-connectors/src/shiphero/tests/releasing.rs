//! Orders to a warehouse, and what it answers.

use crossdock_core::exchange::{Answer, SendFault};

use crate::http::testing::{answer, call, ended, faults, json, now, sound, transmission};
use crate::shiphero::SPEC;

const SYSTEM: &str = "config: {url: https://wms.example.com/api/, auth: {bearer: {env: TOKEN}}}";

const ORDER: &str = r#"{
    "order_number": "S00042",
    "partner_order_id": "PO-7",
    "ship_to": {
        "name": "Azure Interior", "email": "a@example.com", "phone": null,
        "address": {"lines": ["Main Street 1", "Dock 3"], "postcode": 94538, "city": "Fremont", "region": "CA", "country": "US"}
    },
    "lines": [
        {"order_line": 1, "sku": "FURN-1", "quantity": 3.00},
        {"order_line": "2", "sku": "SAND", "quantity": 0.250, "uom": "KGM", "unit_price": 12.50}
    ]
}"#;

#[test]
fn an_order_is_posted_with_its_key_and_exact_quantities() {
    let endpoint = sound(SPEC, SYSTEM);
    let call = call(endpoint.as_ref(), &transmission("order.release", json(ORDER)), now());
    assert_eq!(call.url, "https://wms.example.com/api/orders");
    assert_eq!(call.method.as_str(), "POST");
    let headers: Vec<String> = call.headers.iter().map(|header| format!("{header:?}")).collect();
    assert_eq!(
        headers,
        [
            "Authorization: ***",
            "Content-Type: application/json",
            "Idempotency-Key: \"01938e2a-7b00-8000-8000-000000000001\""
        ]
    );
    assert_eq!(
        String::from_utf8(call.body).expect("text"),
        "{\"order_number\":\"S00042\",\"partner_order_id\":\"PO-7\",\
         \"ship_to\":{\"name\":\"Azure Interior\",\"email\":\"a@example.com\",\
         \"address\":{\"lines\":[\"Main Street 1\",\"Dock 3\"],\"postcode\":\"94538\",\"city\":\"Fremont\",\"region\":\"CA\",\"country\":\"US\"}},\
         \"lines\":[{\"order_line\":\"1\",\"sku\":\"FURN-1\",\"quantity\":3},\
         {\"order_line\":\"2\",\"sku\":\"SAND\",\"quantity\":0.25,\"uom\":\"KGM\",\"unit_price\":12.50}]}"
    );
}

#[test]
fn every_fault_of_an_order_is_told_with_its_path() {
    let endpoint = sound(SPEC, SYSTEM);
    let check = |input: &str, expect: &str| {
        assert_eq!(faults(endpoint.as_ref(), "order.release", &json(input)), expect, "{input}");
    };
    check(ORDER, "");
    check("{}", "order_number: is missing\nship_to: is missing\nlines: is missing");
    check(
        r#"{
            "order_number": " ",
            "ordered_at": "yesterday",
            "ship_to": {"adress": {}, "address": {"lines": "Main Street", "country": "Germany"}},
            "lines": [{"sku": "A", "quantity": 0}, {"quantity": "3"}, 7, {"sku": "B", "quantity": 1, "qty": 1}]
        }"#,
        "order_number: must be a text that is not empty or a whole number, but it is ``\n\
         ordered_at: must be a date-time with an offset, such as 2026-03-01T08:30:00+01:00, but it is `yesterday`\n\
         ship_to.name: is missing\n\
         ship_to.address.lines: must be a list of texts\n\
         ship_to.address.country: must be a country code of two capital letters (ISO 3166-1), such as DE\n\
         ship_to.adress: is not a known field; did you mean `address`?\n\
         lines[0].quantity: must be a number greater than 0, but it is `0`\n\
         lines[1].sku: is missing\n\
         lines[1].quantity: must be a number greater than 0, but it is `3`\n\
         lines[2]: must be a map of fields, but it is `7`\n\
         lines[3].qty: is not a known field",
    );
    check(r#"{"order_number": 1, "ship_to": {"name": "x"}, "lines": []}"#, "lines: must hold at least one line");
    check(
        r#"{"order_number": 1, "ship_to": "x", "lines": 7}"#,
        "ship_to: must be a map of fields, but it is `x`\nlines: must be a list, but it is `7`",
    );
    let lines = vec![r#"{"sku": "A", "quantity": 1}"#; 1001].join(",");
    check(
        &format!(r#"{{"order_number": 1, "ship_to": {{"name": "x"}}, "lines": [{lines}]}}"#),
        "lines: has 1001 lines; at most 1000 go in one order",
    );
}

#[test]
fn what_the_warehouse_answers_is_what_the_attempt_comes_to() {
    let endpoint = sound(SPEC, SYSTEM);
    let owed = transmission("order.release", json(ORDER));
    let check =
        |result: Result<Answer, SendFault>, expect: &str| assert_eq!(ended(endpoint.as_ref(), &owed, result), expect);
    let says = |status: u16, body: &str| Ok(answer(status, &[("content-type", "application/json")], body));
    check(
        says(201, r#"{"order_uuid": "T3JkZXI6MQ==", "status": "pending"}"#),
        r#"accepted {"order_uuid":"T3JkZXI6MQ==","status":"pending","reference":"T3JkZXI6MQ=="}"#,
    );
    check(says(200, r#"{"id": 17}"#), r#"accepted {"id":17,"reference":"17"}"#);
    check(says(202, ""), r#"accepted {"reference":null}"#);
    check(
        says(200, r#"{"errors": [{"message": "SKU FURN-1 is unknown"}], "data": null}"#),
        r#"refused: the warehouse took the request but not the order: [{"message":"SKU FURN-1 is unknown"}]"#,
    );
    check(says(422, r#"{"title": "Unknown SKU", "detail": "FURN-1"}"#), "refused: HTTP 422: Unknown SKU: FURN-1");
    check(
        says(409, r#"{"detail": "in flight"}"#),
        "retry: HTTP 409: in flight; an earlier try with the same key may still be running there",
    );
    check(says(401, ""), "unusable: HTTP 401; check the credentials in systems/partner.yaml and what they allow");
    check(says(503, ""), "retry: HTTP 503");
    check(Err(SendFault::NotSent("cannot connect".into())), "retry: could not reach the system: cannot connect");
    check(Err(SendFault::Lost("timed out".into())), "unknown: no answer: timed out");
}

#[test]
fn an_order_that_does_not_fit_is_refused_and_not_tried() {
    let endpoint = sound(SPEC, SYSTEM);
    let found = crate::http::testing::outcome(endpoint.as_ref(), &transmission("order.release", json("{}")), &[]);
    assert_eq!(found, "refused: the input does not fit: order_number is missing; ship_to is missing; lines is missing");
}
