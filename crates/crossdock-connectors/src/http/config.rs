//! The `config:` and `webhook:` of a system whose connector is `http`.

use crossdock_connect::endpoint::{RawRequest, Receipt};
use crossdock_connect::spec::SystemConfig;
use crossdock_core::source::{Diagnostic, Reader};
use crossdock_core::value::Value;

use super::answer::Rules;
use super::inbound::word;
use super::key::{KeyHeader, key_header};
use super::poll::Poll;
use super::poll_config;
use super::proof::Proof;
use super::remote::{Remote, Tail, check_header_name};

/// One HTTP system, as configured. At least one of the two is there.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub outbound: Option<Outbound>,
    pub inbound: Option<Inbound>,
}

/// `config:`, for what is sent and what is fetched.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    pub remote: Remote,
    /// How the transmission's key travels.
    pub key: KeyHeader,
    pub rules: Rules,
    /// A path that answers GET with success when all is well, for `crossdock check --live`.
    pub check: Option<String>,
    /// What is fetched.
    pub polls: Vec<Poll>,
}

/// `webhook:`, for what is received.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    pub proof: Proof,
    /// The header with the sender's id of a message, beyond what the scheme knows of.
    pub id_header: Option<String>,
    /// Dotted path of the sender's id in the JSON body.
    pub id_field: Option<String>,
    pub dedup_by: DedupBy,
    pub channel_from: Option<Place>,
    pub accept: Accept,
    /// What the sender wants to hear.
    pub receipt: &'static Receipt,
}

/// Success without a body, for senders that take any body for a failure.
const EMPTY: Receipt = Receipt { status: 200, content_type: "application/json", body: Some("") };
/// A list of nothing, for senders that expect messages in return.
const LIST: Receipt = Receipt { status: 200, content_type: "application/json", body: Some("[]") };
/// The hub's own: 202 and the messages' ids.
const IDS: Receipt = Receipt { status: 202, content_type: "application/json", body: None };

/// What tells repetitions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DedupBy {
    /// The sender's id where there is one, else the body. The default.
    Id,
    /// The body alone, for senders whose bodies are unique by themselves.
    Body,
}

/// What a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accept {
    /// JSON, whatever the content type says. The default.
    Json,
    /// Anything; what says that it is JSON must be.
    Any,
}

/// Where a word of a request is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header(String),
    /// Dotted path in the JSON body.
    Field(String),
}

impl Place {
    /// The word at this place.
    pub fn find(&self, request: &RawRequest, json: Option<&Value>) -> Option<String> {
        match self {
            Place::Header(name) => {
                request.header(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
            }
            Place::Field(path) => word(json?.at(path)?),
        }
    }
}

impl Config {
    /// # Errors
    /// Every mistake at once, with its place.
    pub fn read(system: &SystemConfig<'_>) -> Result<Self, Vec<Diagnostic>> {
        if system.config.is_none() && system.webhook.is_none() {
            let mistake = Diagnostic::error(&system.file.location, "an http system needs `config`, `webhook` or both");
            return Err(vec![mistake.hint(
                "`config: {url: …}` is for what is sent, `webhook: {scheme: …, secret: …}` for what is received",
            )]);
        }
        let mut mistakes = Vec::new();
        let outbound = system.config.map(|node| {
            let reader = Reader::new(node, "config of http");
            let outbound = Outbound {
                remote: Remote::read(&reader, system, Tail::Base),
                key: key_header(&reader),
                rules: Rules::read(&reader, system.system.clone()),
                check: poll_config::path(&reader, "check").map(str::to_owned),
                polls: poll_config::read(&reader),
            };
            mistakes.extend(reader.finish());
            outbound
        });
        let inbound = system.webhook.and_then(|node| {
            let reader = Reader::new(node, "webhook of http");
            let inbound = Inbound::read(&reader, system);
            mistakes.extend(reader.finish());
            inbound
        });
        match mistakes.is_empty() {
            true => Ok(Self { outbound, inbound }),
            false => Err(mistakes),
        }
    }
}

impl Inbound {
    fn read(reader: &Reader<'_>, system: &SystemConfig<'_>) -> Option<Self> {
        let proof = Proof::read(reader, system, None);
        let id_header = reader.optional_text("id_header").map(str::to_owned);
        let id_field = reader.optional_text("id_field").map(str::to_owned);
        let dedup_by =
            reader.choice("dedup_by", &[("id", DedupBy::Id), ("body", DedupBy::Body)]).unwrap_or(DedupBy::Id);
        let accept = reader.choice("accept", &[("json", Accept::Json), ("any", Accept::Any)]).unwrap_or(Accept::Json);
        let receipt = reader.choice("receipt", &[("ids", &IDS), ("empty", &EMPTY), ("list", &LIST)]).unwrap_or(&IDS);
        let channel_from = channel_from(reader);
        if let (Some(name), Some(node)) = (&id_header, reader.node("id_header"))
            && let Err(problem) = check_header_name(name)
        {
            reader.mistake(Diagnostic::error(&node.location, format!("`{name}` {problem}")));
        }
        let given = [("id_header", id_header.is_some()), ("id_field", id_field.is_some())];
        if given.iter().filter(|(_, given)| *given).count() > 1
            || (dedup_by == DedupBy::Body && given[0].1 | given[1].1)
        {
            let at =
                reader.node("id_header").or(reader.node("id_field")).map_or(reader.location(), |node| &node.location);
            let mistake = Diagnostic::error(at, "`id_header`, `id_field` and `dedup_by: body` exclude each other");
            reader
                .mistake(mistake.hint("keep the one that names a message for good; an id in the signed body is best"));
        }
        Some(Self { proof: proof?, id_header, id_field, dedup_by, channel_from, accept, receipt })
    }
}

/// `channel_from: {header: X-Topic}` or `{field: event.type}`.
fn channel_from(reader: &Reader<'_>) -> Option<Place> {
    let node = reader.node("channel_from")?;
    let inner = Reader::new(node, "`channel_from`");
    let place = match (inner.optional_text("header"), inner.optional_text("field")) {
        (Some(header), None) => {
            if let Err(problem) = check_header_name(header) {
                inner.mistake(Diagnostic::error(&node.location, format!("`{header}` {problem}")));
            }
            Some(Place::Header(header.to_owned()))
        }
        (None, Some(field)) => Some(Place::Field(field.to_owned())),
        _ if node.entries().is_none() => None,
        _ => {
            let mistake = Diagnostic::error(&node.location, "`channel_from` needs either `header` or `field`");
            inner.mistake(mistake.hint("for example {header: X-Shopify-Topic}"));
            None
        }
    };
    reader.mistakes(inner.finish());
    place
}
