//! The console: the built pages of `console/` inside the binary. Where they were not built, a plain page tells how and
//! still shows the figures.

mod plain;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Method, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::api::Shared;
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Pages;

const START: &str = "index.html";
/// Files whose name changes with their content.
const LASTING: &str = "assets/";

/// Serves a file of the console, or its start page for an address that the console itself understands.
pub async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::method_not_allowed("GET, HEAD").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let is_file = path.starts_with(LASTING) || path.rsplit('/').next().is_some_and(is_file_name);
    let name = if is_file { path } else { START };
    match Pages::get(name) {
        Some(file) => answer(name, &file, request.headers()),
        None if name == START => plain::page(&shared).await,
        None if name == plain::STYLE_NAME => plain::style(),
        None => Problem::nothing_here().into_response(),
    }
}

/// Pages have addresses such as `/timeline/S00042`; files have an extension that is known here. A reference may well
/// hold a dot.
fn is_file_name(name: &str) -> bool {
    content_type(name).is_some()
}

fn content_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn answer(name: &str, file: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag = tag(file);
    let mut response = Response::new(Body::empty());
    let caching = if name.starts_with(LASTING) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(ETAG, tag.clone());
    let known = asked.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let kind = content_type(name).unwrap_or("application/octet-stream");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // The build writes a compressed copy beside everything that gets smaller by it.
    let compressed = takes_gzip(asked).then(|| Pages::get(&format!("{name}.gz"))).flatten();
    if compressed.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let data = compressed.map_or_else(|| file.data.clone(), |compressed| compressed.data);
    *response.body_mut() = Body::from(data.into_owned());
    response
}

fn tag(file: &EmbeddedFile) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("\"{hex}\"")).expect("hex digits in quotes are a header value")
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    asked
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_with_a_dot_are_pages() {
        for file in ["app.js", "index.html", "favicon.svg"] {
            assert!(is_file_name(file), "{file}");
        }
        for page in ["", "overview", "S00042", "1Z.999", "SO.2026.17", "v1.2"] {
            assert!(!is_file_name(page), "{page}");
        }
    }

    #[test]
    fn compression_is_as_the_browser_asks() {
        let takes = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, GZIP;q=0.8"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("xgzip") && !takes_gzip(&HeaderMap::new()));
    }
}
