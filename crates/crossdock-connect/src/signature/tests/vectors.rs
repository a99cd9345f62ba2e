//! Recorded requests of every scheme. `vectors.json` was computed with Python's `hmac`, not with the code under test;
//! vendors' published requests are run too where they lie beside this repository.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::outcome;
use crate::signature::{Scheme, SchemeError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    id: String,
    scheme: Scheme,
    secrets: Vec<String>,
    now: i64,
    headers: Vec<(String, String)>,
    #[serde(default)]
    query: Vec<(String, String)>,
    url: Option<String>,
    #[serde(default)]
    body: String,
    body_base64: Option<String>,
    expect: String,
}

#[test]
fn recorded_requests_get_the_recorded_answer() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).expect("vectors.json");
    let mut differences = Vec::new();
    for vector in &vectors {
        let secrets: Vec<&str> = vector.secrets.iter().map(String::as_str).collect();
        let body = match &vector.body_base64 {
            Some(text) => STANDARD.decode(text).expect("base64"),
            None => vector.body.clone().into_bytes(),
        };
        let (headers, query, url) = (&vector.headers, &vector.query, vector.url.as_deref());
        let got = outcome(&vector.scheme, &secrets, headers, query, url, &body, vector.now);
        if got != vector.expect {
            differences.push(format!("{}\n  expected {}\n  got      {got}", vector.id, vector.expect));
        }
    }
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), vectors.len(), differences.join("\n"));
    assert!(vectors.len() > 500, "vectors went missing: {}", vectors.len());
}

/// A request as vendors and their libraries publish it.
#[derive(Deserialize)]
struct Published {
    id: String,
    scheme: String,
    secret: String,
    now: Option<i64>,
    headers: BTreeMap<String, String>,
    target: Option<String>,
    body: String,
    valid: bool,
}

#[test]
fn published_requests_get_the_published_answer() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/webhooks/signature-vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        shout(&format!("the published signature vectors are not at {}", path.display()));
        return;
    };
    let vectors: Vec<Published> = serde_json::from_str(&text).expect("signature-vectors.json");
    let mut differences = Vec::new();
    for vector in &vectors {
        let scheme = match scheme_for(vector) {
            Ok(scheme) => scheme,
            Err(SchemeError::Unsupported { name, why }) => {
                panic!("{}: scheme {name} is unsupported: {why}", vector.id);
            }
            Err(error) => panic!("{}: {error}", vector.id),
        };
        let headers: Vec<_> = vector.headers.clone().into_iter().collect();
        let now = vector.now.or(created(vector)).unwrap_or(1_760_000_000);
        let secret = vector.secret.strip_prefix("base64:").unwrap_or(&vector.secret);
        let host = vector.headers.get("Host").map_or("example.com", String::as_str);
        let url = vector.target.as_ref().map(|target| format!("https://{host}{target}"));
        let got = outcome(&scheme, &[secret], &headers, &[], url.as_deref(), vector.body.as_bytes(), now);
        if got.starts_with("verified") != vector.valid {
            differences.push(format!("{} is valid: {}, got {got}", vector.id, vector.valid));
        }
    }
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), vectors.len(), differences.join("\n"));
}

/// Past the test harness, which swallows what a passing test prints.
fn shout(what: &str) {
    writeln!(std::io::stderr(), "NOT RUN: {what}").expect("stderr");
}

/// When an HTTP Message Signature says it was made.
fn created(vector: &Published) -> Option<i64> {
    let (_, rest) = vector.headers.get("Signature-Input")?.split_once(";created=")?;
    rest.split(';').next()?.parse().ok()
}

/// The preset of the same name; for a shared secret, with the header that a person would have configured.
fn scheme_for(vector: &Published) -> Result<Scheme, SchemeError> {
    if vector.scheme == "rfc9421" {
        // The standard's own examples do not all cover the body.
        return Ok(
            serde_json::from_value(serde_json::json!({"preset": "rfc9421", "covers": ["date"]})).expect("scheme")
        );
    }
    if vector.scheme != "shared-secret-header" {
        return Scheme::preset(&vector.scheme);
    }
    let carries = |value: &&String| value.ends_with(&vector.secret);
    let header = vector.headers.iter().find(|(_, value)| carries(value)).map(|(name, _)| name).expect("a header");
    let row = serde_json::json!({"preset": vector.scheme, "header": header});
    Ok(serde_json::from_value(row).expect("scheme"))
}
