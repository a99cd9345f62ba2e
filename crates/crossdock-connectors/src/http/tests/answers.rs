//! Every class of answer, as recorded, and what it means with and without a key.

use crossdock_core::exchange::{Answer, SendFault};
use crossdock_core::value::Value;
use serde::Deserialize;

use crate::http::SPEC;
use crate::http::testing::{answer, ended, sound, transmission};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    name: String,
    result: Result<Answer, SendFault>,
    /// How `request.send` ends.
    expect: String,
    /// How `request.send_once` ends, where that differs.
    expect_once: Option<String>,
}

fn input() -> Value {
    Value::map([("path", "/orders")])
}

#[test]
fn recorded_answers_mean_what_they_should() {
    let endpoint = sound(SPEC, "config: {url: https://api.example.com}");
    let recorded: Vec<Recorded> = serde_json::from_str(include_str!("answers.json")).expect("answers.json");
    let mut differences = Vec::new();
    for Recorded { name, result, expect, expect_once } in recorded {
        let once = expect_once.unwrap_or_else(|| expect.clone());
        for (operation, expect) in [("request.send", expect), ("request.send_once", once)] {
            let found = ended(endpoint.as_ref(), &transmission(operation, input()), result.clone());
            if found != expect {
                differences.push(format!("{name}, {operation}:\n  expected {expect}\n  found    {found}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn statuses_that_systems_use_in_different_ways_are_read_as_configured() {
    let check = |answers: &str, status: u16, expect: &str| {
        let endpoint = sound(SPEC, &format!("config: {{url: https://api.example.com, answers: {answers}}}"));
        let found = ended(
            endpoint.as_ref(),
            &transmission("request.send", input()),
            Ok(answer(status, &[("content-type", "application/json")], r#"{"id":7}"#)),
        );
        assert_eq!(found, expect, "{answers}");
    };
    check("{conflict: accept}", 409, r#"accepted {"id":7}"#);
    check("{conflict: refuse}", 409, r#"refused: HTTP 409: {"id":7}"#);
    check("{not_found: accept}", 404, r#"accepted {"id":7}"#);
    check("{not_found: retry}", 404, r#"retry: HTTP 404: {"id":7}"#);
    check("{forbidden: refuse}", 403, r#"refused: HTTP 403: {"id":7}"#);
}

#[test]
fn every_status_comes_to_an_end() {
    let endpoint = sound(SPEC, "config: {url: https://api.example.com}");
    for status in 0..=999 {
        for operation in ["request.send", "request.send_once"] {
            let found = ended(endpoint.as_ref(), &transmission(operation, input()), Ok(answer(status, &[], "")));
            let is_success = (200..300).contains(&status);
            assert_eq!(found.starts_with("accepted"), is_success, "{status}: {found}");
            assert!(!found.starts_with("calls"), "{status}: {found}");
        }
    }
}
