//! The page shown when the console was not built: how to build it, and the figures, without any script.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use crossdock_runtime::desk::Overview;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use crate::api::Shared;

pub const STYLE_NAME: &str = "plain.css";
const STYLE: &str = include_str!("plain.css");

/// The page. The figures are only for those who may ask the API, so a hub with a token keeps them back here.
pub async fn page(shared: &Shared) -> Response {
    let figures = match shared.has_token() {
        true => {
            "<p>This hub asks for a token; a page without the console cannot. The API at <code>/api/overview</code> \
                 takes it as <code>Authorization: Bearer …</code>.</p>"
                .to_owned()
        }
        false => match shared.read(|desk| desk.overview()).await {
            Ok(overview) => figures(&overview),
            Err(problem) => format!("<p role=\"alert\">No figures: {}</p>", escape(&problem.detail)),
        },
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta http-equiv=\"refresh\" content=\"5\">\n\
         <title>Crossdock</title>\n<link rel=\"stylesheet\" href=\"/{STYLE_NAME}\">\n</head>\n<body>\n<main>\n\
         <h1>Crossdock</h1>\n<p>This program was built without its console. <code>cargo xtask setup</code> builds the \
         pages; then build the program again. Everything works without them; so does this page.</p>\n{figures}\n\
         </main>\n</body>\n</html>\n"
    );
    typed(html.into(), "text/html; charset=utf-8")
}

pub fn style() -> Response {
    typed(STYLE.into(), "text/css; charset=utf-8")
}

fn typed(body: Body, kind: &'static str) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn figures(overview: &Overview) -> String {
    let mut html = format!("<h2>{}</h2>\n<table>\n", escape(&overview.hub));
    let rows = [
        ("open exceptions", overview.exceptions_open),
        ("transmissions paused", overview.transmissions_paused),
        ("transmissions held", overview.transmissions_held),
        ("transmissions open", overview.transmissions_open),
        ("transmissions done", overview.transmissions_done),
        ("messages waiting", overview.messages_waiting),
        ("messages failed", overview.messages_failed),
        ("requests rejected", overview.rejections),
        ("events", overview.events),
    ];
    for (name, figure) in rows {
        row(&mut html, name, &figure.to_string());
    }
    html.push_str("</table>\n<h2>Systems</h2>\n<table>\n");
    for system in &overview.systems {
        let standing = match &system.paused {
            Some(reason) => format!("paused: {reason}"),
            None => format!("in use, breaker {}", system.breaker),
        };
        row(&mut html, system.name.as_str(), &standing);
    }
    html.push_str("</table>");
    html
}

fn row(html: &mut String, name: &str, value: &str) {
    let (name, value) = (escape(name), escape(value));
    writeln!(html, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>").expect("a String takes everything");
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_the_configuration_are_text() {
        assert_eq!(
            escape("<a href=\"x\">O'Neil & Sons</a>"),
            "&lt;a href=&quot;x&quot;&gt;O&#39;Neil &amp; Sons&lt;/a&gt;"
        );
    }
}
