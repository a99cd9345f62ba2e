//! How the requests of a sender are believed: the `scheme` and `secret` of `webhook:`, shared by every connector that
//! takes webhooks. A mistake in the configuration is told with its place; a request is judged on its raw bytes.

use crossdock_connect::endpoint::{RawRequest, Reject};
use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, SchemeError, SchemeSpec, Verified, VerifyInput, preset_names, verify};
use crossdock_connect::spec::SystemConfig;
use crossdock_core::source::{Diagnostic, Node, NodeKind, Reader, nearest};
use jiff::Timestamp;
use serde::Deserialize as _;

use super::remote::secret;

/// The fields of a scheme that is written out; a test compares them with [`SchemeSpec`].
pub(crate) const SCHEME_FIELDS: &[&str] = &[
    "preset",
    "header",
    "query",
    "prefix",
    "list",
    "algorithm",
    "encoding",
    "key",
    "message",
    "timestamp",
    "covers",
    "id_header",
    "reject_status",
    "about",
];

/// Headers that are credentials, or are kept by nobody who keeps a message.
const CREDENTIALS: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"];

/// Headers that say how the request came over its connection (RFC 9110, 7.6.1, and RFC 9112, 6), nothing about the message.
const FRAMING: &[&str] =
    &["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// A scheme and the secrets that serve it.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub scheme: Scheme,
    /// Several while one replaces another; any of them will do.
    pub secrets: Vec<Secret>,
}

impl Proof {
    /// Reads `scheme` and `secret` of `webhook:`. Without `scheme` the connector's own preset holds; a connector
    /// without one needs it given. `None` when something is wrong; `reader` has the mistakes.
    pub fn read(reader: &Reader<'_>, system: &SystemConfig<'_>, preset: Option<&str>) -> Option<Self> {
        let scheme = match (reader.node("scheme"), preset) {
            (Some(node), _) => scheme_of(reader, node),
            (None, Some(preset)) => Some(Scheme::preset(preset).expect("a connector's own preset exists")),
            (None, None) => {
                reader.required("scheme");
                None
            }
        };
        let secrets = secrets(reader, system, scheme.as_ref());
        Some(Self { scheme: scheme?, secrets: secrets? })
    }

    /// Believes the request or not, on its raw bytes.
    pub fn verify(&self, request: &RawRequest, now: Timestamp) -> Result<Verified, Reject> {
        let input = VerifyInput::new(&request.headers, &request.body).query(&request.query).method(&request.method);
        let input = match request.url.is_empty() {
            true => input,
            false => input.url(&request.url),
        };
        verify(&self.scheme, &self.secrets, input, now).map_err(Reject::from)
    }

    /// The headers to keep with the message: names in lower case; credentials and what is the connection's left out.
    pub fn kept_headers(&self, request: &RawRequest) -> Vec<(String, String)> {
        let is_left_out = |name: &str| {
            CREDENTIALS.iter().chain(FRAMING).any(|out| out.eq_ignore_ascii_case(name))
                || self.scheme.secret_header().is_some_and(|header| header.eq_ignore_ascii_case(name))
        };
        let kept = request.headers.iter().filter(|(name, _)| !is_left_out(name));
        kept.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
    }
}

/// The secrets of `secret`: one place, or a list of them. `None` when something is wrong.
pub(crate) fn secrets(reader: &Reader<'_>, system: &SystemConfig<'_>, scheme: Option<&Scheme>) -> Option<Vec<Secret>> {
    let node = reader.required("secret")?;
    let places = match &node.kind {
        NodeKind::List(places) => places.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if places.is_empty() {
        let mistake =
            Diagnostic::error(&node.location, "`secret` is an empty list: nothing could be verified or signed");
        reader.mistake(mistake.hint("give at least one, for example {env: WEBHOOK_SECRET}"));
    }
    let mut secrets = Vec::with_capacity(places.len());
    for place in places {
        let Some(secret) = secret(reader, system, place) else { continue };
        match scheme.map_or(Ok(()), |scheme| scheme.check_secret(&secret)) {
            Ok(()) => secrets.push(secret),
            Err(reason) => {
                let name = scheme.map(Scheme::name).unwrap_or_default();
                let problem = format!("this secret cannot serve the scheme {name}: {reason}");
                reader.mistake(Diagnostic::error(&place.location, problem));
            }
        }
    }
    (!secrets.is_empty() && secrets.len() == places.len()).then_some(secrets)
}

fn scheme_of(reader: &Reader<'_>, node: &Node) -> Option<Scheme> {
    let spec = match &node.kind {
        NodeKind::Scalar { text, .. } => Some(SchemeSpec::preset(text)),
        _ => spec_of(reader, node),
    }?;
    match Scheme::try_from(spec) {
        Ok(scheme) => Some(scheme),
        Err(error) => {
            reader.mistake(scheme_mistake(node, &error));
            None
        }
    }
}

/// A scheme written out as a map. Each field is read by itself, so that each mistake has its own place.
fn spec_of(reader: &Reader<'_>, node: &Node) -> Option<SchemeSpec> {
    let Some(entries) = node.entries() else {
        let problem = format!("`scheme` must be a name or a map, but it is {}", node.kind_word());
        reader.mistake(Diagnostic::error(&node.location, problem).hint("for example standard-webhooks"));
        return None;
    };
    let mut whole = serde_json::Map::new();
    let mut is_sound = true;
    for entry in entries {
        if !SCHEME_FIELDS.contains(&&*entry.key) {
            let unknown = Diagnostic::error(&entry.key_location, format!("`scheme` has no field `{}`", entry.key));
            reader.mistake(match nearest(&entry.key, SCHEME_FIELDS.iter().copied()) {
                Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                None => unknown.hint(format!("known are {}", SCHEME_FIELDS.join(", "))),
            });
            is_sound = false;
            continue;
        }
        let value = json_of(&entry.value);
        let alone = serde_json::Map::from_iter([(entry.key.to_string(), value.clone())]);
        if let Err(error) = SchemeSpec::deserialize(serde_json::Value::Object(alone)) {
            let problem = format!("`{}` of `scheme`: {error}", entry.key);
            reader.mistake(Diagnostic::error(&entry.value.location, problem));
            is_sound = false;
        }
        whole.insert(entry.key.to_string(), value);
    }
    let spec = SchemeSpec::deserialize(serde_json::Value::Object(whole)).ok();
    spec.filter(|_| is_sound)
}

/// A mistake in a scheme at the field it is about.
fn scheme_mistake(node: &Node, error: &SchemeError) -> Diagnostic {
    let field = match error {
        SchemeError::Wrong { field, .. } => field.split('.').next().unwrap_or(field),
        SchemeError::Message { .. } => "message",
        SchemeError::UnknownPreset { .. } | SchemeError::Unsupported { .. } => "preset",
        SchemeError::Needs { .. } => "",
    };
    let location = node.get(field).map_or(&node.location, |node| &node.location);
    match error {
        SchemeError::UnknownPreset { name, .. } => {
            let unknown = Diagnostic::error(location, format!("unknown signature scheme `{name}`"));
            let names: Vec<&str> = preset_names().collect();
            match nearest(name, names.iter().copied()) {
                Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                None => unknown.hint(format!("known are {}; any other is written out as a map", names.join(", "))),
            }
        }
        _ => Diagnostic::error(location, error.to_string()),
    }
}

/// A configuration node as JSON: plain words and numbers as YAML reads them, quoted ones as text.
fn json_of(node: &Node) -> serde_json::Value {
    use serde_json::Value;
    match &node.kind {
        NodeKind::Null => Value::Null,
        NodeKind::Scalar { text, quoted: true } => Value::String(text.to_string()),
        NodeKind::Scalar { text, quoted: false } => match (&**text, text.parse::<i64>()) {
            ("true", _) => Value::Bool(true),
            ("false", _) => Value::Bool(false),
            (_, Ok(number)) => Value::from(number),
            (text, Err(_)) => Value::String(text.to_owned()),
        },
        NodeKind::List(items) => Value::Array(items.iter().map(json_of).collect()),
        NodeKind::Map(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.key.to_string(), json_of(&entry.value))).collect())
        }
    }
}
