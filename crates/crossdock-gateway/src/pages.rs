//! The pages about error codes, `docs/errors/`, inside the binary: the `type` of a problem leads to one of them.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../docs/errors"]
#[allow_missing = true]
struct Files;

/// Titles by code: the first line of each page behind the colon.
static TITLES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let titles = Files::iter().filter_map(|file| {
        let code = file.strip_suffix(".md")?.to_owned();
        let page = Files::get(&file)?;
        let text = std::str::from_utf8(&page.data).ok()?;
        let title = text.lines().next()?.strip_prefix("# ")?.strip_prefix(code.as_str())?.strip_prefix(": ")?;
        Some((code, title.trim().to_owned()))
    });
    titles.collect()
});

/// What the page about a code is called.
pub fn title(code: &str) -> Option<&'static str> {
    TITLES.get(code).map(String::as_str)
}

/// The page itself, as text that any browser shows.
pub fn page(code: &str) -> Option<Response<Full<Bytes>>> {
    title(code)?;
    let page = Files::get(&format!("{code}.md"))?;
    let mut response = Response::new(Full::new(Bytes::from(page.data.into_owned())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_by_their_code_only() {
        assert_eq!(title("XD-1014"), Some("a webhook's signature does not match"));
        assert!(page("XD-1014").is_some());
        assert!(page("../adr/0001").is_none());
        assert!(page("XD-1014.md").is_none());
        assert!(page("").is_none());
    }
}
