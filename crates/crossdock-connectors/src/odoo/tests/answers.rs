//! Every way in which Odoo, or something in front of it, can say no.

use super::*;
use crate::odoo::answer::{Failure, read};

fn class(failure: &Failure) -> &'static str {
    match failure {
        Failure::Transient { .. } => "transient",
        Failure::Lost { .. } => "lost",
        Failure::Refused { .. } => "refused",
        Failure::Denied { .. } => "denied",
        Failure::Missing { .. } => "missing",
        Failure::Unknown { .. } => "unknown",
        Failure::Unusable { .. } => "unusable",
    }
}

fn heard(status: u16, headers: &[(&str, &str)], body: &str) -> Result<Value, Failure> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let recorded = tape("bad_key").exchanges.remove(0);
    read(&Exchange { call: recorded.call, result: Ok(Answer { status, headers, body: body.as_bytes().to_vec() }) })
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

#[test]
fn every_error_of_odoo_has_its_class() {
    let check = |status: u16, name: &str, expect: &str| {
        let body =
            format!(r#"{{"name": "{name}", "message": "so it is", "arguments": [], "context": {{}}, "debug": "T"}}"#);
        let failure = heard(status, &[JSON], &body).expect_err("a failure");
        assert_eq!(class(&failure), expect, "{status} {name}");
        assert!(!failure.reason().contains("debug"), "{failure:?}");
    };
    check(401, "werkzeug.exceptions.Unauthorized", "unusable");
    check(400, "werkzeug.exceptions.BadRequest", "refused");
    check(404, "werkzeug.exceptions.NotFound", "unknown");
    check(404, "odoo.exceptions.MissingError", "missing");
    check(403, "odoo.exceptions.AccessError", "denied");
    check(422, "werkzeug.exceptions.UnprocessableEntity", "refused");
    check(422, "odoo.exceptions.ValidationError", "refused");
    check(422, "odoo.exceptions.UserError", "refused");
    check(409, "odoo.exceptions.LockError", "transient");
    check(500, "builtins.ValueError", "refused");
    check(500, "builtins.TypeError", "refused");
    check(500, "builtins.AttributeError", "refused");
    check(500, "psycopg2.errors.InvalidTextRepresentation", "refused");
    check(500, "psycopg2.errors.SerializationFailure", "transient");
    check(500, "psycopg2.errors.DeadlockDetected", "transient");
    check(500, "psycopg2.errors.LockNotAvailable", "transient");
    check(500, "psycopg2.errors.UniqueViolation", "transient");
    check(500, "psycopg2.InterfaceError", "transient");
    check(500, "psycopg2.OperationalError", "transient");
    check(500, "requests.exceptions.ReadTimeout", "transient");
    check(413, "werkzeug.exceptions.RequestEntityTooLarge", "refused");
    check(429, "werkzeug.exceptions.TooManyRequests", "transient");
}

#[test]
fn what_stands_before_odoo_has_its_class_too() {
    let check = |status: u16, expect: &str| {
        let failure = heard(status, &[HTML], "<!doctype html>").expect_err("a failure");
        assert_eq!(class(&failure), expect, "{status}");
    };
    check(200, "unusable");
    check(301, "unusable");
    check(401, "unusable");
    check(403, "refused");
    check(404, "transient");
    check(413, "refused");
    check(415, "refused");
    check(429, "transient");
    check(500, "transient");
    check(502, "lost");
    check(503, "transient");
    check(504, "lost");
    let moved = heard(302, &[HTML, ("location", "https://odoo.example/web/login")], "").expect_err("a failure");
    assert_eq!(
        moved.reason(),
        "the address answers with HTTP 302 to https://odoo.example/web/login; `url` must be the address of Odoo itself"
    );
}

#[test]
fn a_wait_that_is_asked_for_is_kept() {
    let busy = heard(429, &[HTML, ("retry-after", "7")], "").expect_err("a failure");
    assert_eq!(busy, Failure::Transient { reason: "Odoo asks to slow down".into(), after_ms: Some(7_000) });
    let closed = heard(503, &[HTML, ("retry-after", "120")], "").expect_err("a failure");
    assert_eq!(closed, Failure::Transient { reason: "Odoo is not available".into(), after_ms: Some(120_000) });
}

#[test]
fn a_company_that_fits_no_call_stops_the_system() {
    let body = r#"{"name": "odoo.exceptions.AccessError", "message": "Access to unauthorized or invalid companies."}"#;
    let failure = heard(403, &[JSON], body).expect_err("a failure");
    assert_eq!(class(&failure), "unusable");
}

#[test]
fn long_words_are_cut_and_set_on_one_line() {
    let body = format!(r#"{{"name": "odoo.exceptions.UserError", "message": "a\n\n  b\t{}"}}"#, "ü".repeat(700));
    let failure = heard(422, &[JSON], &body).expect_err("a failure");
    assert!(failure.reason().starts_with("a b ü") && failure.reason().ends_with("ü…"));
    assert_eq!(failure.reason().chars().count(), 601);
    let wordless = heard(500, &[JSON], r#"{"name": "builtins.KeyError", "message": ""}"#).expect_err("a failure");
    assert_eq!(wordless.reason(), "builtins.KeyError");
}

#[test]
fn numbers_are_exact_and_dust_does_not_spoil_an_answer() {
    assert_eq!(heard(200, &[JSON], "[12.50, 3]").expect("numbers").to_json_string(), "[12.50,3]");
    let dusty = heard(200, &[JSON], r#"[{"a": 5.551115123125783e-17, "b": 12.5, "c": "x", "d": null, "e": 7}]"#);
    let dusty = dusty.expect("numbers");
    assert_eq!(dusty, json(r#"[{"a": 0, "b": 12.5, "c": "x", "d": null, "e": 7}]"#));
}

#[test]
fn an_answer_that_is_cut_or_too_large_leaves_doubt_or_a_reason() {
    assert_eq!(class(&heard(200, &[JSON], r#"[{"id": 1"#).expect_err("cut")), "lost");
    let recorded = tape("bad_key").exchanges.remove(0);
    let large = read(&Exchange { call: recorded.call, result: Err(SendFault::TooLarge(1024)) }).expect_err("large");
    assert_eq!(class(&large), "refused");
}
