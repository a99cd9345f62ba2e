//! The requests that are made, and the inputs that are refused.

use crossdock_core::exchange::Call;
use crossdock_core::transmission::Transmission;

use crate::http::SPEC;
use crate::http::testing::{call, faults, json, now, outcome, sound, transmission};

/// The call as text, secrets shown, for comparing.
fn written(call: &Call) -> String {
    let mut lines = vec![format!("{} {}", call.method.as_str(), call.url)];
    let secret = |header: &crossdock_core::exchange::Header| if header.secret { " (secret)" } else { "" };
    lines.extend(call.headers.iter().map(|header| format!("{}: {}{}", header.name, header.value, secret(header))));
    lines.push(String::from_utf8_lossy(&call.body).into_owned());
    lines.join("\n")
}

fn send(config: &str, operation: &str, input: &str) -> String {
    let endpoint = sound(SPEC, config);
    written(&call(endpoint.as_ref(), &transmission(operation, json(input)), now()))
}

#[test]
fn a_request_carries_its_key_its_credentials_and_exact_numbers() {
    let config =
        "config: {url: https://api.example.com/v2/, auth: {bearer: {env: TOKEN}}, headers: {Accept: application/json}}";
    let input = r#"{"path": "/orders", "body": {"quantity": 1.50, "price": 0.1}}"#;
    assert_eq!(
        send(config, "request.send", input),
        "POST https://api.example.com/v2/orders\n\
         Authorization: Bearer t0ken (secret)\n\
         Accept: application/json\n\
         Idempotency-Key: \"01938e2a-7b00-8000-8000-000000000001\"\n\
         Content-Type: application/json\n\
         {\"quantity\":1.50,\"price\":0.1}"
    );
}

#[test]
fn a_request_that_is_sent_once_has_no_key() {
    let sent =
        send("config: {url: https://api.example.com}", "request.send_once", r#"{"path": "/x", "method": "DELETE"}"#);
    assert_eq!(sent, "DELETE https://api.example.com/x\n");
}

#[test]
fn every_form_of_credentials_is_sent() {
    let config = "
config:
  url: http://127.0.0.1:8080
  auth:
    - basic: {user: hub, password: {env: SHARED}}
    - {header: X-Tenant-Key, secret: {env: TOKEN}, prefix: 'Key '}
  idempotency: {header: X-Request-Id, form: bare}
  timeout: 5s";
    let endpoint = sound(SPEC, config);
    let call = call(endpoint.as_ref(), &transmission("request.send", json(r#"{"path": "", "method": "GET"}"#)), now());
    assert_eq!(
        written(&call),
        "GET http://127.0.0.1:8080\n\
         Authorization: Basic aHViOmEtc2hhcmVkLXNlY3JldA== (secret)\n\
         X-Tenant-Key: Key t0ken (secret)\n\
         X-Request-Id: 01938e2a-7b00-8000-8000-000000000001\n"
    );
    assert_eq!(call.timeout_ms, 5000);
    let printed = format!("{call:?} {endpoint:?}");
    assert!(!printed.contains("t0ken") && !printed.contains("aHVi"), "{printed}");
}

#[test]
fn data_in_an_address_cannot_lead_elsewhere() {
    let path = |path: &str| {
        send("config: {url: https://a.example/api}", "request.send", path).lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        path(r#"{"path": ["orders", "S/00?42 ü", 7], "query": {"expand": ["lines", "address"], "q": "a&b=c"}}"#),
        "POST https://a.example/api/orders/S%2F00%3F42%20%C3%BC/7?expand=lines&expand=address&q=a%26b%3Dc"
    );
    assert_eq!(path(r#"{"path": "/orders?a=1", "query": {"b": 2}}"#), "POST https://a.example/api/orders?a=1&b=2");
}

#[test]
fn a_header_of_the_flow_replaces_a_fixed_one() {
    let config =
        "config: {url: https://a.example, headers: {accept: text/csv, Content-Type: application/vnd.api+json}}";
    assert_eq!(
        send(
            config,
            "request.send_once",
            r#"{"path": "/x", "headers": {"Accept": "application/json", "X-Count": 3}, "body": []}"#
        ),
        "POST https://a.example/x\nContent-Type: application/vnd.api+json\nAccept: application/json\nX-Count: 3\n[]"
    );
}

#[test]
fn every_fault_of_an_input_is_told_with_its_path() {
    let endpoint = sound(SPEC, "config: {url: https://a.example, auth: {header: X-Key, secret: {env: TOKEN}}}");
    let check = |input: &str, expect: &str| {
        assert_eq!(faults(endpoint.as_ref(), "request.send", &json(input)), expect, "{input}");
    };
    check(r#"{"path": "/x"}"#, "");
    check("[]", ": the input must be a map of fields, but it is a list");
    check("{}", "path: is missing");
    check(
        r#"{"path": "orders", "method": "post", "heders": {}, "query": 3}"#,
        "method: must be one of GET, POST, PUT, PATCH, DELETE, but it is `post`\n\
         path: must begin with a slash: it is added to the `url` of the system\n\
         query: must be a map of texts and numbers, but it is an integer\n\
         heders: is not a known field; did you mean `headers`?",
    );
    check(r#"{"path": "/a/../b"}"#, "path: may not hold `.` or `..` as a segment");
    check(r#"{"path": "/a/%2E%2e/b"}"#, "path: may not hold `.` or `..` as a segment");
    check(r#"{"path": ["a", ".."]}"#, "path: has a segment that is empty, `.`, `..` or neither a text nor a number");
    check(r#"{"path": ["a", ""]}"#, "path: has a segment that is empty, `.`, `..` or neither a text nor a number");
    check(
        r#"{"path": "/a b"}"#,
        "path: may hold visible ASCII only, no `\\` and no `#`: encode it, or give a list of segments, which are encoded for you",
    );
    check(
        r#"{"path": "/a", "method": "GET", "body": 1}"#,
        "body: cannot go with GET: choose another method, or use `query`",
    );
    check(
        r#"{"path": "/a", "headers": {"X-Key": "mine", "authorization": "mine", "Idempotency-Key": "mine", "Host": "x", "Bad Name": "x", "X-Line": "a\nb", "X-List": []}}"#,
        "headers.X-Key: is a credential: it is set by `auth` of the system\n\
         headers.authorization: is a credential: it is set by `auth` of the system\n\
         headers.Idempotency-Key: is the key of the transmission: the hub sets it\n\
         headers.Host: is set by the connection itself\n\
         headers.Bad Name: is not the name of a header\n\
         headers.X-Line: must be a text of visible ASCII\n\
         headers.X-List: must be a text of visible ASCII",
    );
    let long = format!(r#"{{"path": "/{}"}}"#, "a".repeat(4096));
    check(&long, "path: is longer than 4096 bytes with its query");
}

#[test]
fn what_cannot_be_sent_is_refused_and_not_tried() {
    let endpoint = sound(SPEC, "config: {url: https://a.example}");
    let refused = |transmission: &Transmission| outcome(endpoint.as_ref(), transmission, &[]);
    assert_eq!(
        refused(&transmission("request.send", json(r#"{"path": 3}"#))),
        "refused: the input does not fit: path must be a text or a list of segments, but it is an integer"
    );
    assert_eq!(refused(&transmission("order.fly", json("{}"))), "refused: partner has no operation `order.fly`");
    let deaf = sound(SPEC, "webhook: {scheme: bearer, secret: {env: TOKEN}}");
    assert!(deaf.operations().is_empty());
    let nothing = outcome(deaf.as_ref(), &transmission("request.send", json("{}")), &[]);
    assert_eq!(nothing, "refused: partner has no operation `request.send`");
}

#[test]
fn the_key_is_the_same_in_every_attempt() {
    let endpoint = sound(SPEC, "config: {url: https://a.example}");
    let mut owed = transmission("request.send", json(r#"{"path": "/x"}"#));
    let first = call(endpoint.as_ref(), &owed, now());
    owed.attempts = 7;
    owed.in_doubt = true;
    let later = now().checked_add(jiff::SignedDuration::from_hours(30)).expect("an instant");
    assert_eq!(call(endpoint.as_ref(), &owed, later), first);
}
