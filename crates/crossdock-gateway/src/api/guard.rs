//! Who may come in. Without a token only programs of this machine reach the office, and a page from elsewhere in a
//! person's browser must not: neither by a name that was made to point here (DNS rebinding) nor by a form or script
//! of its own (CSRF). With a token, that is what counts.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use crossdock_connect::secret::Secret;
use crossdock_core::submission;
use hyper::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode};

use super::Shared;
use crate::problem::{Problem, code};

/// Only what the hub itself serves is loaded, run or asked; nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Headers that every answer carries.
const SEAL: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts the security headers on an answer.
pub async fn seal(mut response: Response) -> Response {
    for (name, value) in SEAL {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets through what a person's own browser or script asks here.
pub async fn host_and_origin(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match check(request.method(), request.headers(), shared.token.is_some()) {
        Ok(()) => next.run(request).await,
        Err(problem) => super::respond(&problem, request.uri().path()),
    }
}

/// Lets through who knows the token, where there is one.
pub async fn token(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match check_token(shared.token.as_ref(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(method: &Method, headers: &HeaderMap, has_token: bool) -> Result<(), Problem> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    if !has_token && !is_this_machine(host) {
        return Err(foreign(
            "this address answers only to localhost: open it as http://localhost or http://127.0.0.1, or set a token",
        ));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
    let is_foreign_origin = origin.is_some_and(|origin| origin.split_once("://").is_none_or(|(_, rest)| rest != host));
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let is_foreign_site = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    if is_foreign_origin || is_foreign_site {
        return Err(foreign("the request comes from a page that is not the hub's own"));
    }
    // A form of another page cannot send these types without asking first, and is refused then.
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !submission::is_events(content_type) {
        let detail = "what changes something is sent as `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code::REQUEST_INVALID, detail));
    }
    Ok(())
}

fn foreign(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code::FOREIGN_PAGE, detail)
}

/// Whether a `Host` header names this machine in a way that no name server can forge.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let address = rest.split_once(']').and_then(|(address, _)| address.parse::<Ipv6Addr>().ok());
            return address.is_some_and(|address| address.is_loopback());
        }
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

fn check_token(token: Option<&Secret>, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = token else { return Ok(()) };
    let Some(given) = headers.get(AUTHORIZATION) else {
        return Err(Problem::token_needed("send the hub's token as `Authorization: Bearer …`"));
    };
    let given = given.to_str().ok().and_then(|text| {
        let (scheme, given) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(given.trim()))
    });
    // `Secret` compares in constant time.
    match given {
        Some(given) if !given.is_empty() && given == *token => Ok(()),
        _ => Err(Problem::token_needed("this is not the hub's token")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[track_caller]
    fn post(of: &[(&'static str, &'static str)], expect: Option<u16>) {
        let refused = check(&Method::POST, &headers(of), false).err().map(|problem| problem.status.as_u16());
        assert_eq!(refused, expect, "{of:?}");
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["localhost", "localhost:8481", "LOCALHOST:1", "127.0.0.1:8481", "127.8.8.8", "[::1]", "[::1]:80"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:80",
            "localhost.evil.example",
            "10.0.0.1",
            "[::2]:80",
            "[",
            "localhost:80:80",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
        assert!(check(&Method::GET, &headers(&[("host", "evil.example")]), false).is_err());
        assert!(check(&Method::GET, &headers(&[]), false).is_err());
        assert!(check(&Method::GET, &headers(&[("host", "hub.example.com")]), true).is_ok());
    }

    #[test]
    fn a_foreign_page_changes_nothing() {
        let json = ("content-type", "application/json");
        let host = ("host", "localhost:8481");
        post(&[host, json], None);
        post(&[host, ("content-type", "Application/JSON; charset=utf-8")], None);
        post(&[host, json, ("origin", "http://localhost:8481"), ("sec-fetch-site", "same-origin")], None);
        post(&[host, json, ("origin", "http://localhost:9999")], Some(403));
        post(&[host, json, ("origin", "https://evil.example")], Some(403));
        post(&[host, json, ("origin", "null")], Some(403));
        post(&[host, json, ("sec-fetch-site", "cross-site")], Some(403));
        post(&[host, json, ("sec-fetch-site", "same-site")], Some(403));
        post(&[host, ("content-type", "application/cloudevents-batch+json")], None);
        post(&[host, ("content-type", "text/plain")], Some(415));
        post(&[host, ("content-type", "application/x-www-form-urlencoded")], Some(415));
        post(&[host], Some(415));
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let token = Secret::new("s3cret");
        let refused = |value: Option<&'static str>| {
            let headers = value.map_or_else(HeaderMap::new, |value| headers(&[("authorization", value)]));
            check_token(Some(&token), &headers).is_err()
        };
        assert!(check_token(None, &HeaderMap::new()).is_ok());
        assert!(!refused(Some("Bearer s3cret")));
        assert!(!refused(Some("bearer  s3cret ")));
        for wrong in [None, Some("Bearer"), Some("Bearer "), Some("Bearer s3cre"), Some("Basic s3cret"), Some("s3cret")]
        {
            assert!(refused(wrong), "{wrong:?}");
        }
    }
}
