//! Problem details (RFC 9457): the one shape in which a request is told why it failed. `type` leads to the page about
//! the code, which the hub serves itself.

use std::borrow::Cow;

use bytes::Bytes;
use crossdock_core::submission::Fault;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::pages;

/// The stable codes of the gateway itself; connectors and signatures bring their own. Each has a page.
pub mod code {
    pub const BODY_TOO_LARGE: &str = "XD-1002";
    pub const SENDER_TOO_SLOW: &str = "XD-1003";
    pub const METHOD_NOT_ALLOWED: &str = "XD-1004";
    pub const ADDRESS_UNREADABLE: &str = "XD-1005";
    pub const HUB_BUSY: &str = "XD-1006";
    pub const BODY_BROKEN: &str = "XD-1007";
    pub const UNKNOWN_SYSTEM: &str = "XD-1001";
    pub const NOTHING_HERE: &str = "XD-1008";
    pub const INTAKE_STOPPED: &str = "XD-1009";
    pub const TOKEN_NEEDED: &str = "XD-1101";
    pub const FOREIGN_PAGE: &str = "XD-1102";
    pub const REQUEST_INVALID: &str = "XD-1103";
    pub const NOT_FOUND: &str = "XD-1104";
    pub const NOT_NOW: &str = "XD-1105";
    pub const HUB_NOT_READY: &str = "XD-1106";
    pub const STORE_FAILED: &str = "XD-1107";
    pub const KEY_MISSING: &str = "XD-1108";
    pub const KEY_REUSED: &str = "XD-1109";
    pub const KEY_UNDER_WAY: &str = "XD-1110";
    pub const EVENT_UNFIT: &str = "XD-1111";
    pub const MOVED_ON: &str = "XD-1112";
}

/// One problem. `detail` never holds a secret, and nothing of the hub's insides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub detail: String,
    extra: Extra,
    errors: Vec<Fault>,
    near: Vec<String>,
}

/// Longest path shown or recorded, in bytes.
const PATH_BYTES_MAX: usize = 512;

/// The header that a status asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Extra {
    #[default]
    None,
    /// Methods that are possible here.
    Allow(Cow<'static, str>),
    /// Seconds after which the sender may try again.
    RetryAfter(u32),
    /// How to show who one is.
    Bearer,
}

/// A problem as it is written.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument<'a> {
    /// Where the page about it is.
    r#type: String,
    /// What kind of problem it is, the same for every one of its code.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What is wrong this time, and what to do.
    detail: &'a str,
    /// The path that was asked for.
    instance: &'a str,
    /// The stable code.
    code: &'a str,
    /// What is wrong with which part of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FaultDocument>,
    /// What may have been meant.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    near: &'a [String],
}

/// One thing that is wrong with a request.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Fault")]
struct FaultDocument {
    /// Where: a JSON Pointer into the body, as a URI fragment (RFC 6901, section 6).
    pointer: String,
    /// What.
    detail: String,
}

/// What a URI fragment takes as it is.
const FRAGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'$');

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), extra: Extra::None, errors: Vec::new(), near: Vec::new() }
    }

    pub fn method_not_allowed(allow: impl Into<Cow<'static, str>>) -> Self {
        let allow = allow.into();
        let detail = format!("this address takes {allow}");
        Self {
            extra: Extra::Allow(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, code::METHOD_NOT_ALLOWED, detail)
        }
    }

    pub fn busy(after_s: u32) -> Self {
        let detail = format!("the hub cannot take this now and has kept nothing of it; send it again in {after_s} s");
        Self { extra: Extra::RetryAfter(after_s), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code::HUB_BUSY, detail) }
    }

    /// Nothing is taken from anybody now.
    pub fn intake_stopped(reason: &str, after_s: u32) -> Self {
        let detail = format!("{reason}; nothing of this was kept: send it again in {after_s} s");
        Self {
            extra: Extra::RetryAfter(after_s),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code::INTAKE_STOPPED, detail)
        }
    }

    pub fn token_needed(detail: &str) -> Self {
        Self { extra: Extra::Bearer, ..Self::new(StatusCode::UNAUTHORIZED, code::TOKEN_NEEDED, detail) }
    }

    pub fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOTHING_HERE, "there is nothing at this address")
    }

    /// Says what is wrong with which part of the body.
    pub fn errors(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }

    /// Says what may have been meant.
    pub fn near(mut self, near: Vec<String>) -> Self {
        self.near = near;
        self
    }

    /// The response; `path` is what was asked for.
    pub fn response(&self, path: &str) -> Response<Full<Bytes>> {
        let fault = |fault: &'_ Fault| FaultDocument {
            pointer: format!("#{}", utf8_percent_encode(&fault.pointer, FRAGMENT)),
            detail: fault.detail.clone(),
        };
        let body = ProblemDocument {
            r#type: format!("/errors/{}", self.code),
            title: pages::title(self.code).unwrap_or_else(|| self.status.canonical_reason().unwrap_or("error")),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: &short_path(path),
            code: self.code,
            errors: self.errors.iter().map(fault).collect(),
            near: &self.near,
        };
        let body = serde_json::to_vec(&body).expect("strings and a number are always JSON");
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match &self.extra {
            Extra::None => {}
            Extra::Allow(methods) => drop(HeaderValue::from_str(methods).map(|methods| headers.insert(ALLOW, methods))),
            Extra::RetryAfter(seconds) => drop(headers.insert(RETRY_AFTER, HeaderValue::from(*seconds))),
            Extra::Bearer => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        }
        response
    }

    /// The response after which the connection is closed, because the rest of the request will not be read.
    pub fn last_response(&self, path: &str) -> Response<Full<Bytes>> {
        let mut response = self.response(path);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// A path as it may be shown and recorded: it comes without the query, which may hold a secret, and is not longer than
/// is useful.
pub fn short_path(path: &str) -> Cow<'_, str> {
    if path.len() <= PATH_BYTES_MAX {
        return Cow::Borrowed(path);
    }
    let end = (0..=PATH_BYTES_MAX).rev().find(|at| path.is_char_boundary(*at)).unwrap_or(0);
    Cow::Owned(format!("{}…", &path[..end]))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_standard() {
        let response = Problem::busy(7).response("/in/warehouse");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = response.into_body().collect().await.expect("a full body").to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["type"], "/errors/XD-1006");
        assert_eq!(body["status"], 503);
        assert_eq!(body["instance"], "/in/warehouse");
        assert_eq!(body["code"], "XD-1006");
        assert_eq!(body["title"], "the hub is at its limit");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.contains("again in 7 s")));
    }

    #[test]
    fn a_long_path_is_cut() {
        assert_eq!(short_path("/in/x"), "/in/x");
        let long = short_path(&"ä".repeat(600)).into_owned();
        assert!(long.len() <= PATH_BYTES_MAX + "…".len() && long.ends_with('…'));
    }

    #[test]
    fn every_code_of_the_gateway_has_a_page() {
        use code::*;
        let all = [
            UNKNOWN_SYSTEM,
            BODY_TOO_LARGE,
            SENDER_TOO_SLOW,
            METHOD_NOT_ALLOWED,
            ADDRESS_UNREADABLE,
            HUB_BUSY,
            BODY_BROKEN,
            NOTHING_HERE,
            INTAKE_STOPPED,
            TOKEN_NEEDED,
            FOREIGN_PAGE,
            REQUEST_INVALID,
            NOT_FOUND,
            NOT_NOW,
            HUB_NOT_READY,
            STORE_FAILED,
            KEY_MISSING,
            KEY_REUSED,
            KEY_UNDER_WAY,
            EVENT_UNFIT,
            MOVED_ON,
        ];
        for code in all {
            assert!(pages::title(code).is_some(), "docs/errors/{code}.md is missing or has no title");
        }
    }
}
