//! Turns an HTTP request into what connectors see: everything as it was sent, in their words.

use crossdock_connect::endpoint::RawRequest;
use hyper::header::{COOKIE, HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::http::request::Parts;

use super::body::Held;

/// The raw request, and the room its body takes: it is in memory until the request is answered.
pub fn raw(head: &Parts, channel: &str, mut held: Held, public_url: Option<&str>) -> (RawRequest, Held) {
    let query = head.uri.query().unwrap_or("");
    let request = RawRequest {
        method: head.method.as_str().to_owned(),
        channel: channel.to_owned(),
        url: url(head, public_url),
        query: match query {
            "" => Vec::new(),
            query => form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        },
        headers: headers(head),
        body: std::mem::take(&mut held.bytes),
    };
    (request, held)
}

/// The URL as the sender wrote it. Only the configuration knows it for sure when a proxy stands in between.
fn url(head: &Parts, public_url: Option<&str>) -> String {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    match public_url {
        Some(base) => [base, path].concat(),
        None => {
            let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
            ["http://", host.unwrap_or(""), path].concat()
        }
    }
}

/// All headers but those that concern only this connection's ends and would be secrets in a record.
fn headers(head: &Parts) -> Vec<(String, String)> {
    let mut headers = Vec::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        if name != COOKIE && name != PROXY_AUTHORIZATION {
            headers.push((name.as_str().to_owned(), text(value)));
        }
    }
    headers
}

/// A header's value is UTF-8 in practice and Latin-1 by history; nothing of it gets lost either way.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::Full;
    use hyper::Request;
    use hyper::body::Bytes;

    use super::super::body::{Room, read};
    use super::*;

    async fn check(request: hyper::http::request::Builder, public_url: Option<&str>) -> RawRequest {
        let (head, ()) = request.method("POST").body(()).expect("a request").into_parts();
        let body = Full::new(Bytes::from_static(b"{}"));
        let held = read(body, &Room::new(10), 10, Duration::from_secs(1)).await.expect("small");
        raw(&head, "pod", held, public_url).0
    }

    #[tokio::test]
    async fn connectors_see_what_was_sent() {
        let request = Request::builder()
            .uri("/in/fleet/pod?token=a%20b&x=1+2&x=3&flag")
            .header("Host", "hub.example.com:8480")
            .header("X-Samsara-Signature", "v1=00")
            .header("Authorization", "Bearer abc")
            .header("Cookie", "session=1")
            .header("X-Name", HeaderValue::from_bytes("Zoë".as_bytes()).expect("bytes"))
            .header("X-Old", HeaderValue::from_bytes(&[0x5a, 0x6f, 0xeb]).expect("bytes"));
        let raw = check(request, None).await;
        assert_eq!(raw.url, "http://hub.example.com:8480/in/fleet/pod?token=a%20b&x=1+2&x=3&flag");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(raw.query, [pair("token", "a b"), pair("x", "1 2"), pair("x", "3"), pair("flag", "")]);
        assert_eq!(raw.header("x-samsara-signature"), Some("v1=00"));
        assert_eq!(raw.header("authorization"), Some("Bearer abc"), "schemes with a static header verify it");
        assert_eq!(raw.header("cookie"), None);
        assert_eq!(raw.header("x-name"), Some("Zoë"));
        assert_eq!(raw.header("x-old"), Some("Zoë"));
        assert_eq!((raw.method.as_str(), raw.channel.as_str(), raw.body.as_slice()), ("POST", "pod", &b"{}"[..]));
    }

    #[tokio::test]
    async fn behind_a_proxy_the_url_is_the_configured_one() {
        let request = Request::builder().uri("/in/fleet?a=1").header("Host", "10.0.0.7:8480");
        let raw = check(request, Some("https://hub.example.com")).await;
        assert_eq!(raw.url, "https://hub.example.com/in/fleet?a=1");
    }
}
