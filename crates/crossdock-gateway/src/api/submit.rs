//! Events that programs hand in, and the key that makes a repeated request known.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use crossdock_core::submission::{BATCH, ONE};
use crossdock_runtime::desk::Submission;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, LOCATION};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::Shared;
use super::answer::{Answer, json};
use super::openapi::vocabulary::CLOUD_EVENT;
use super::read::invalid;
use crate::problem::{Problem, code};

/// What `POST /api/events` takes.
pub const MEDIA: [&str; 3] = [ONE, BATCH, "application/json"];

/// The header of the draft `draft-ietf-httpapi-idempotency-key-header`.
const KEY: &str = "idempotency-key";
/// Longest key, in characters.
const KEY_MAX: usize = 255;

pub async fn events(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let key = key(&headers)?.ok_or_else(key_missing)?;
    let expected = one_header(&headers, IF_MATCH.as_str())?;
    let content_type = one_header(&headers, CONTENT_TYPE.as_str())?.unwrap_or_default();
    let submission = Submission { key, content_type, body: body.to_vec(), expected };
    let submitted = shared.desk.submit(submission).await?;
    let mut answer = (StatusCode::ACCEPTED, json(&submitted)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/api/messages/{}", submitted.message)) {
        answer.headers_mut().insert(LOCATION, place);
    }
    Ok(answer)
}

/// The key of a request; `None` when it has none. A structured string (RFC 9651) as the draft wants it, or the bare
/// characters as many senders write it.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(given) = one_header(headers, KEY)? else { return Ok(None) };
    let given = given.trim();
    let key = match given.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').map(|inner| inner.replace("\\\"", "\"").replace("\\\\", "\\")),
        None => Some(given.to_owned()),
    };
    match key {
        Some(key) if !key.is_empty() && key.len() <= KEY_MAX => Ok(Some(key)),
        _ => {
            let detail = format!("`Idempotency-Key` is a text in quotes of 1 to {KEY_MAX} characters");
            Err(Problem::new(StatusCode::BAD_REQUEST, code::KEY_MISSING, detail))
        }
    }
}

pub fn key_missing() -> Problem {
    let detail = "send a header `Idempotency-Key` with a text of your own that no other request has, such as a UUID; \
                  send the same one again when you repeat this request";
    Problem::new(StatusCode::BAD_REQUEST, code::KEY_MISSING, detail)
}

/// A header that may stand there once.
fn one_header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(invalid(format!("the header `{name}` holds something else than plain characters"))),
        },
        (Some(_), Some(_)) => Err(invalid(format!("the header `{name}` stands there more than once"))),
    }
}

/// One event, or a list of them.
pub fn shape(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"oneOf": [
        {"$ref": CLOUD_EVENT},
        {"type": "array", "minItems": 1, "items": {"$ref": CLOUD_EVENT}},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expect: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(KEY, HeaderValue::from_str(given).expect("a header"));
        assert_eq!(key(&headers).ok().flatten().as_deref(), expect, "{given}");
    }

    #[test]
    fn a_key_is_read_with_and_without_quotes() {
        check("\"8e03978e-40d5\"", Some("8e03978e-40d5"));
        check("8e03978e-40d5", Some("8e03978e-40d5"));
        check(r#""a\"b\\c""#, Some(r#"a"b\c"#));
        check("", None);
        check("\"\"", None);
        check("\"open", None);
        check(&"x".repeat(255), Some(&"x".repeat(255)));
        check(&"x".repeat(256), None);
        assert_eq!(key(&HeaderMap::new()), Ok(None));
        let mut twice = HeaderMap::new();
        twice.append(KEY, HeaderValue::from_static("a"));
        twice.append(KEY, HeaderValue::from_static("b"));
        assert!(key(&twice).is_err());
    }
}
