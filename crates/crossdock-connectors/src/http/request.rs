//! `request.send` and `request.send_once`: one HTTP request as a flow describes it.

use crossdock_connect::endpoint::InputFault;
use crossdock_core::exchange::{Header, Method};
use crossdock_core::model::Type;
use crossdock_core::model::shape::{Shape, code, other};
use crossdock_core::value::Value;

use super::input::{Input, parse};
use super::remote::{Remote, check_header_name, is_header_value};

/// Longest path with its query, in bytes.
const PATH_BYTES_MAX: usize = 4096;

const METHODS: &[(&str, Method)] = &[
    ("GET", Method::Get),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
];

/// The same words, as the check of mappings takes them.
const METHOD_WORDS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

pub(super) const INPUT: Shape = Shape::of(&[
    code("method", METHOD_WORDS, "POST when absent."),
    other(
        "path",
        Type::Any,
        "Added to the system's url: an encoded text that begins with a slash, or a list of segments.",
    )
    .required(),
    other("query", Type::Attributes, "Query parameters: texts, numbers, or lists of them."),
    other("headers", Type::Attributes, "Headers by name."),
    other("body", Type::Any, "Sent as JSON."),
]);

/// A request to make.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub method: Method,
    /// Begins with a slash (or is empty) and is encoded; the query included.
    pub path: String,
    pub headers: Vec<Header>,
    pub body: Option<Value>,
}

/// Reads the input of either operation.
///
/// # Errors
/// Every fault at once.
pub(super) fn read(remote: &Remote, key_header: &str, input: &Value) -> Result<Request, Vec<InputFault>> {
    parse(input, |input| {
        let method = input.choice("method", METHODS).unwrap_or(Method::Post);
        let path = path(input);
        let query = query(input);
        let headers = headers(input, remote, key_header);
        let body = input.value("body").cloned();
        if method == Method::Get && body.is_some() {
            input.fault("body", "cannot go with GET: choose another method, or use `query`");
        }
        let path = join(path?, &query);
        if path.len() > PATH_BYTES_MAX {
            input.fault("path", format!("is longer than {PATH_BYTES_MAX} bytes with its query"));
        }
        Some(Request { method, path, headers, body })
    })
}

fn join(mut path: String, query: &[String]) -> String {
    for pair in query {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(pair);
    }
    path
}

/// A text that is encoded already, or a list of segments that are encoded here.
fn path(input: &Input<'_>) -> Option<String> {
    let path = match input.required("path")? {
        Value::Text(text) => checked_path(text).map(str::to_owned),
        Value::List(segments) => segments.iter().map(segment).collect(),
        other => Err(format!("must be a text or a list of segments, but it is {}", other.kind_word())),
    };
    path.map_err(|problem| input.fault("path", problem)).ok()
}

fn checked_path(text: &str) -> Result<&str, String> {
    if !text.is_empty() && !text.starts_with('/') {
        return Err("must begin with a slash: it is added to the `url` of the system".into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['\\', '#']) {
        return Err(
            "may hold visible ASCII only, no `\\` and no `#`: encode it, or give a list of segments, which are \
                    encoded for you"
                .into(),
        );
    }
    let path = text.split('?').next().unwrap_or_default();
    if path.split('/').any(is_dots) {
        return Err("may not hold `.` or `..` as a segment".into());
    }
    Ok(text)
}

/// `.` and `..`, which lead elsewhere, in any of their spellings.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

fn segment(value: &Value) -> Result<String, String> {
    let text = scalar_text(value).filter(|text| !text.is_empty() && !is_dots(text));
    let text = text.ok_or("has a segment that is empty, `.`, `..` or neither a text nor a number")?;
    Ok(format!("/{}", encoded(&text)))
}

fn query(input: &Input<'_>) -> Vec<String> {
    let Some(value) = input.value("query") else { return Vec::new() };
    let Some(map) = value.as_map() else {
        input.fault("query", format!("must be a map of texts and numbers, but it is {}", value.kind_word()));
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for (key, value) in map.iter() {
        let values = value.as_list().unwrap_or(std::slice::from_ref(value));
        for value in values.iter().filter(|value| !value.is_null()) {
            match scalar_text(value) {
                Some(text) => pairs.push(format!("{}={}", encoded(key), encoded(&text))),
                None => {
                    input.fault_at(input.path_of(&format!("query.{key}")), "must be a text, a number or a list of them")
                }
            }
        }
    }
    pairs
}

fn headers(input: &Input<'_>, remote: &Remote, key_header: &str) -> Vec<Header> {
    let Some(value) = input.value("headers") else { return Vec::new() };
    let Some(map) = value.as_map() else {
        input.fault("headers", format!("must be a map of texts, but it is {}", value.kind_word()));
        return Vec::new();
    };
    let mut headers: Vec<Header> = Vec::new();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let fault = |problem: &str| input.fault_at(input.path_of(&format!("headers.{name}")), problem);
        if let Err(problem) = check_header_name(name) {
            fault(problem);
        } else if remote.guards(name) || name.eq_ignore_ascii_case("authorization") {
            fault("is a credential: it is set by `auth` of the system");
        } else if name.eq_ignore_ascii_case(key_header) {
            fault("is the key of the transmission: the hub sets it");
        } else if headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
            fault("is there twice");
        } else {
            match scalar_text(value).filter(|text| is_header_value(text)) {
                Some(text) => headers.push(Header::new(name, text)),
                None => fault("must be a text of visible ASCII"),
            }
        }
    }
    headers
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Int(_) | Value::Decimal(_) | Value::Bool(_) => Some(value.to_json_string()),
        Value::Time(time) => Some(time.to_string()),
        _ => None,
    }
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
