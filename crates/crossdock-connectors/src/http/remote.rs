//! Where a system is spoken to and how the hub shows who it is: the `url`, `auth`, `headers` and `timeout` of
//! `config:`, shared by every connector that speaks HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossdock_connect::secret::Secret;
use crossdock_connect::spec::SystemConfig;
use crossdock_core::exchange::{Call, Header, Method};
use crossdock_core::source::{Diagnostic, Node, NodeKind, Reader};

/// How long a call may take when nothing is configured, in milliseconds.
const TIMEOUT_MS: u64 = 30_000;
/// The longest a call may be configured to take, in milliseconds.
const TIMEOUT_MS_MAX: u64 = 600_000;

/// Headers that belong to the connection or to the message's frame: whoever sets them by hand breaks it.
const FRAMING: &[&str] = &["connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"];

/// A remote system over HTTP, as configured.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// Base address without a slash at its end. Example: `https://api.example.com/v2`.
    pub url: String,
    /// Sent with every call: credentials (secret) and fixed headers.
    pub headers: Vec<Header>,
    /// How long one call may take, in milliseconds. Default 30 s.
    pub timeout_ms: u64,
}

/// What an address may have behind the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It is a base to which paths are added.
    Base,
    /// It is a whole address and may carry a query.
    Whole,
}

impl Remote {
    /// Reads `url`, `auth`, `headers` and `timeout`. Mistakes go to `reader`; what could not be read has a stand-in.
    pub fn read(reader: &Reader<'_>, system: &SystemConfig<'_>, tail: Tail) -> Self {
        let url = match (reader.text("url"), reader.node("url")) {
            (Some(text), Some(node)) => {
                if let Err(problem) = check_url(text, tail) {
                    let mistake = Diagnostic::error(&node.location, format!("`url` {problem}: `{}`", shown(text)));
                    reader.mistake(mistake.hint("for example https://api.example.com/v2"));
                }
                match tail {
                    Tail::Base => text.trim_end_matches('/').to_owned(),
                    Tail::Whole => text.to_owned(),
                }
            }
            _ => String::new(),
        };
        let mut headers: Vec<Header> = Vec::new();
        let given = [("auth", credentials(reader, system)), ("headers", fixed_headers(reader))];
        for (field, header) in given.into_iter().flat_map(|(field, given)| given.into_iter().map(move |it| (field, it)))
        {
            if headers.iter().any(|other| other.name.eq_ignore_ascii_case(&header.name)) {
                let at = reader.node(field).map_or(reader.location(), |node| &node.location);
                reader.mistake(Diagnostic::error(at, format!("the header {} is given twice", header.name)));
            }
            headers.push(header);
        }
        Self { url, headers, timeout_ms: timeout(reader) }
    }

    /// A call to this system. `headers` come behind the configured ones and replace those of the same name, except
    /// credentials.
    pub fn call(&self, method: Method, url: String, headers: Vec<Header>, body: Vec<u8>) -> Call {
        let replaced =
            |own: &&Header| own.secret || !headers.iter().any(|header| header.name.eq_ignore_ascii_case(&own.name));
        let mut all: Vec<Header> = self.headers.iter().filter(replaced).cloned().collect();
        all.extend(headers);
        Call { method, url, headers: all, body, timeout_ms: self.timeout_ms }
    }

    /// Whether a header of this name carries a credential.
    pub fn guards(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header.secret && header.name.eq_ignore_ascii_case(name))
    }
}

/// Why a text is no address the hub may call.
pub(crate) fn check_url(text: &str, tail: Tail) -> Result<(), &'static str> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Err("must begin with https:// or http://");
    };
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\') {
        return Err("may hold neither spaces nor anything that is not ASCII");
    }
    if text.contains('#') {
        return Err("may not have a `#` part: it is never sent");
    }
    let (address, query) = rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    if tail == Tail::Base && query.is_some() {
        return Err("may not have a `?` part: paths are added to it");
    }
    let authority = address.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("may not hold a user or password: use `auth`");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err("lacks a host");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("has a port that is not a number up to 65535");
    }
    Ok(())
}

/// Why a name cannot be that of a header the configuration or a flow sets.
pub(crate) fn check_header_name(name: &str) -> Result<(), &'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match name {
        _ if name.is_empty() || !name.bytes().all(is_token) => Err("is not the name of a header"),
        _ if FRAMING.contains(&name.to_ascii_lowercase().as_str()) => Err("is set by the connection itself"),
        _ => Ok(()),
    }
}

/// Whether a text can stand in a header as it is.
pub(crate) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && text.trim() == text
}

fn timeout(reader: &Reader<'_>) -> u64 {
    let Some(ms) = reader.duration_ms("timeout") else { return TIMEOUT_MS };
    if !(1..=TIMEOUT_MS_MAX).contains(&ms) {
        let at = reader.node("timeout").map_or(reader.location(), |node| &node.location);
        reader.mistake(Diagnostic::error(at, "`timeout` must be more than nothing and at most 10m"));
    }
    ms
}

fn fixed_headers(reader: &Reader<'_>) -> Vec<Header> {
    let Some(node) = reader.node("headers") else { return Vec::new() };
    let Some(entries) = node.entries() else {
        let mistake =
            Diagnostic::error(&node.location, format!("`headers` must be a map, but it is {}", node.kind_word()));
        reader.mistake(mistake.hint("for example {Accept: application/json}"));
        return Vec::new();
    };
    let mut headers = Vec::new();
    for entry in entries {
        if let Err(problem) = check_header_name(&entry.key) {
            reader.mistake(Diagnostic::error(&entry.key_location, format!("`{}` {problem}", entry.key)));
        } else if entry.key.eq_ignore_ascii_case("authorization") {
            let mistake = Diagnostic::error(&entry.key_location, "a credential does not stand in the hub folder");
            reader.mistake(mistake.hint("use `auth`, for example {bearer: {env: TOKEN}}"));
        } else {
            match entry.value.text().filter(|text| is_header_value(text)) {
                Some(text) => headers.push(Header::new(&*entry.key, text)),
                None => reader.mistake(Diagnostic::error(
                    &entry.value.location,
                    format!("the header {} needs a text of visible ASCII", entry.key),
                )),
            }
        }
    }
    headers
}

/// The headers of `auth`: one map, or a list of them.
fn credentials(reader: &Reader<'_>, system: &SystemConfig<'_>) -> Vec<Header> {
    let Some(node) = reader.node("auth") else { return Vec::new() };
    let items = match &node.kind {
        NodeKind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| credential(reader, system, item)).collect()
}

fn credential(reader: &Reader<'_>, system: &SystemConfig<'_>, node: &Node) -> Option<Header> {
    let inner = Reader::new(node, "`auth`");
    let forms = (inner.node("bearer"), inner.node("basic"), inner.node("header"));
    let header = match forms {
        (Some(place), None, None) => {
            let token = secret(&inner, system, place);
            token.and_then(|token| header_of(&inner, place, "Authorization", "Bearer ", &token))
        }
        (None, Some(basic), None) => basic_header(&inner, system, basic),
        (None, None, Some(_)) => named_header(&inner, system),
        _ => {
            if node.entries().is_some() {
                let mistake = Diagnostic::error(&node.location, "`auth` needs one of `bearer`, `basic` and `header`");
                inner.mistake(mistake.hint("for example {bearer: {env: TOKEN}}"));
            }
            // Known, so that they are not told as unknown on top.
            inner.node("secret");
            inner.node("prefix");
            None
        }
    };
    reader.mistakes(inner.finish());
    header
}

fn basic_header(reader: &Reader<'_>, system: &SystemConfig<'_>, node: &Node) -> Option<Header> {
    let inner = Reader::new(node, "`basic`");
    let user = inner.text("user");
    let password = inner.required("password").and_then(|place| secret(&inner, system, place));
    if user.is_some_and(|user| user.contains(':')) {
        inner.mistake(Diagnostic::error(&node.location, "`user` of `basic` may not contain a colon (RFC 7617)"));
    }
    reader.mistakes(inner.finish());
    let pair = format!("{}:{}", user?, password?.expose());
    Some(Header::secret("Authorization", format!("Basic {}", STANDARD.encode(pair))))
}

/// `{header: X-Api-Key, secret: {env: KEY}}`, with an optional `prefix`.
fn named_header(reader: &Reader<'_>, system: &SystemConfig<'_>) -> Option<Header> {
    let name = reader.text("header");
    let prefix = reader.optional_text("prefix").unwrap_or_default();
    let place = reader.required("secret")?;
    let secret = secret(reader, system, place)?;
    let name = name?;
    if let Err(problem) = check_header_name(name) {
        let at = reader.node("header").map_or(reader.location(), |node| &node.location);
        reader.mistake(Diagnostic::error(at, format!("`{name}` {problem}")));
        return None;
    }
    header_of(reader, place, name, prefix, &secret)
}

fn header_of(reader: &Reader<'_>, place: &Node, name: &str, prefix: &str, secret: &Secret) -> Option<Header> {
    let value = format!("{prefix}{}", secret.expose());
    if !is_header_value(&value) {
        let problem = format!("the secret cannot stand in the header {name}: it holds more than visible ASCII");
        reader.mistake(Diagnostic::error(&place.location, problem).hint("is there a line break at its end?"));
        return None;
    }
    Some(Header::secret(name, value))
}

/// The secret at `place`; what is wrong with it goes to `reader`.
pub(crate) fn secret(reader: &Reader<'_>, system: &SystemConfig<'_>, place: &Node) -> Option<Secret> {
    match (system.secret)(place) {
        Ok(secret) => Some(secret),
        Err(mistake) => {
            reader.mistake(mistake);
            None
        }
    }
}

/// An address for a message, without what may be secret in it.
fn shown(url: &str) -> &str {
    match url.contains('@') {
        true => "…",
        false => url.split('?').next().unwrap_or_default(),
    }
}
