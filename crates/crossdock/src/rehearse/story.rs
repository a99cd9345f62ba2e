//! What is sent in a rehearsal. The recorded bodies of a folder (its tests, its channels' samples, bodies made of its
//! schemas) are one story: an order, its shipment, its proof. A story is told many times, each time under other keys.
//!
//! Keys are what the folder's own flows take for keys: subjects of the events that a body makes, fields of events that
//! name an entity, and what the connector knows a repetition by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, RawRequest};
use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, SchemeSpec, SignError, SignInput, sign};
use crossdock_core::mapping::Notes;
use crossdock_core::model::ENTITIES;
use crossdock_core::source::Node;
use crossdock_core::value::{JsonLimits, Value};
use jiff::Timestamp;
use serde::Deserialize as _;

use crate::cli::test::runner::{Made, Runner, World};
use crate::config::Loaded;
use crate::config::folder::{Folder, Kind};
use crate::config::suite::{Given, Known, Subject};

/// Shorter texts stand for too much to be a key.
const KEY_CHARS_MIN: usize = 2;
/// Shorter numbers are quantities rather than keys.
const DIGITS_MIN: usize = 3;

/// One recorded body.
#[derive(Clone, Debug)]
pub struct Part {
    pub system: String,
    pub channel: String,
    pub body: serde_json::Value,
    /// Headers of the recorded request, without those of a signature.
    headers: Vec<(String, String)>,
    /// When what it tells happened, to bring the parts of a story in order.
    pub happened: Option<String>,
    /// Events it makes, at least in one flow.
    pub makes_events: bool,
}

/// The story of a folder.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub parts: Vec<Part>,
    /// Keys, longest first.
    pub keys: Vec<String>,
    pub notes: Vec<String>,
}

/// A message ready to be sent; signed anew for every delivery.
#[derive(Clone, Debug)]
pub struct Letter {
    pub story: usize,
    pub part: usize,
    pub system: String,
    /// Path and query below the ingress.
    pub path: String,
    pub id: String,
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
    seal: Seal,
    /// By which the hub knows it.
    pub dedup_key: String,
}

/// Where a system's webhooks come in, and how its senders write them.
#[derive(Clone)]
pub struct Door {
    pub endpoint: Arc<dyn Endpoint>,
    pub seal: Seal,
    topic: Option<Topic>,
}

/// Where a sender says which kind of message it is (`channel_from`).
#[derive(Clone, Debug)]
enum Topic {
    Header(String),
    /// A dotted path into the body.
    Field(String),
}

impl Door {
    /// Reads what a system's file as copied says of its webhooks. `None` when it takes none.
    pub fn of(folder: &Folder, system: &str, secret: &str, endpoint: Arc<dyn Endpoint>) -> Option<Self> {
        let seal = Seal::of(folder, system, secret)?;
        let node = folder.of_kind(Kind::System).find(|file| file.name == system)?.node.as_ref()?;
        let from = node.get("webhook").and_then(|webhook| webhook.get("channel_from"));
        let named = |key: &str| Some(from?.get(key)?.text()?.to_owned());
        let topic = named("header").map(Topic::Header).or_else(|| named("field").map(Topic::Field));
        Some(Self { endpoint, seal, topic })
    }
}

/// How a system's senders prove who they are.
#[derive(Clone, Debug)]
pub struct Seal {
    scheme: Scheme,
    secret: Secret,
    /// The query parameter that carries the secret, where no header does.
    query: Option<String>,
}

impl Seal {
    /// Reads the scheme of a system's file as copied. `None` when it takes no webhooks.
    pub fn of(folder: &Folder, system: &str, secret: &str) -> Option<Self> {
        let node = folder.of_kind(Kind::System).find(|file| file.name == system)?.node.as_ref()?;
        let webhook = node.get("webhook")?;
        let spec = match (webhook.get("scheme"), node.get("connector").and_then(Node::text)) {
            (Some(scheme), _) => match scheme.text() {
                Some(preset) => SchemeSpec::preset(preset),
                None => SchemeSpec::deserialize(json_of(&crate::config::suite::value_of(scheme))).ok()?,
            },
            (None, Some("webhook")) => SchemeSpec::preset("standard-webhooks"),
            (None, Some(connector)) => SchemeSpec::preset(connector),
            (None, None) => return None,
        };
        let query = spec.query.clone();
        Some(Self { scheme: Scheme::try_from(spec).ok()?, secret: Secret::new(secret), query })
    }

    /// The headers to send, and what to add to the path.
    fn headers(&self, id: &str, body: &[u8], url: &str) -> Result<(Vec<(String, String)>, String), SignError> {
        #[expect(clippy::disallowed_methods, reason = "a sender signs with its own clock")]
        let now = Timestamp::now();
        match sign(&self.scheme, std::slice::from_ref(&self.secret), SignInput::new(id, now, body).url(url)) {
            Ok(headers) => Ok((headers, String::new())),
            Err(SignError::InUrl) => {
                let name = self.query.as_deref().unwrap_or("token");
                Ok((Vec::new(), format!("?{name}={}", self.secret.expose())))
            }
            Err(error) => Err(error),
        }
    }
}

impl Letter {
    /// Headers and path of a delivery to this host.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sealed(&self, host: &str) -> Result<(Vec<(String, String)>, String), SignError> {
        let url = format!("http://{host}{}", self.path);
        let (mut headers, query) = self.seal.headers(&self.id, &self.body, &url)?;
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let given = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let more: Vec<_> = self.headers.iter().filter(|(name, _)| !given(name)).cloned().collect();
        headers.extend(more);
        Ok((headers, format!("{}{query}", self.path)))
    }
}

impl Story {
    /// Gathers what the folder has recorded.
    pub fn gather(folder: &Folder, loaded: &Loaded<'_>) -> Self {
        let mut story = Self::default();
        let mut seen = BTreeSet::new();
        let mut add = |story: &mut Self, system: &str, channel: &str, body: serde_json::Value, headers| {
            if seen.insert((system.to_owned(), channel.to_owned(), body.to_string())) {
                let (system, channel) = (system.to_owned(), channel.to_owned());
                story.parts.push(Part { system, channel, body, headers, happened: None, makes_events: false });
            }
        };
        let Some(plan) = &loaded.plan else { return story };
        for case in &loaded.cases {
            match (case.subject, &case.given) {
                (Subject::Flow(name), Given::Input(input)) => {
                    let flow = plan.hub.inbound.iter().find(|flow| flow.name.as_str() == name);
                    let (Some(flow), Some(body)) = (flow, input.get("body")) else { continue };
                    add(&mut story, flow.system.as_str(), flow.channel.as_deref().unwrap_or(""), json_of(body), vec![]);
                }
                (Subject::System(name), Given::Request(request)) => {
                    if let Ok(body) = serde_json::from_slice(&request.body) {
                        add(&mut story, name, &request.channel, body, request.headers.clone());
                    }
                }
                _ => {}
            }
        }
        for (system, channel, body) in samples(folder) {
            add(&mut story, &system, &channel, body, vec![]);
        }
        story.learn(folder, loaded);
        story
    }

    /// What the folder's own flows make of the parts: their order and their keys.
    fn learn(&mut self, folder: &Folder, loaded: &Loaded<'_>) {
        let Some(plan) = &loaded.plan else { return };
        let runner = Runner::new(folder, loaded, plan, []);
        let (known, notes) = (Known::default(), Notes::default());
        let mut keys = BTreeSet::new();
        for part in &mut self.parts {
            let Ok(body) = Value::parse_json(part.body.to_string().as_bytes(), &JsonLimits::default()) else {
                continue;
            };
            let input = Value::map([("body", body)]);
            let (system, channel) = (part.system.clone(), part.channel.clone());
            let flows = plan.hub.inbound.iter().filter(|flow| {
                flow.system.as_str() == system
                    && (channel.is_empty() || flow.channel.as_deref().is_none_or(|of_flow| of_flow == channel))
            });
            for flow in flows {
                let world = World { input: &input, at: None, known: &known, notes: &notes };
                let Made::Events(events) = runner.flow(flow.name.as_str(), world) else { continue };
                for event in events {
                    part.makes_events = true;
                    learn_event(&event, part, &mut keys);
                }
            }
        }
        self.keys = keys.into_iter().collect();
        self.keys.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        self.parts.sort_by(|a, b| {
            let rank = |part: &Part| (!part.makes_events, part.happened.clone());
            rank(a).cmp(&rank(b))
        });
    }

    /// The letters of one telling, in the order of the story, and why parts of it are not told. `renamed` gives some keys
    /// another form than the usual.
    pub fn letters(
        &self,
        number: usize,
        renamed: &BTreeMap<String, String>,
        doors: &BTreeMap<String, Door>,
    ) -> (Vec<Letter>, BTreeMap<usize, String>) {
        let (mut letters, mut left_out) = (Vec::new(), BTreeMap::new());
        for part in 0..self.parts.len() {
            match self.letter(part, number, renamed, doors) {
                Ok(letter) => letters.push(letter),
                Err(reason) => drop(left_out.insert(part, reason)),
            }
        }
        (letters, left_out)
    }

    /// The letter of a part; the error says why there is none.
    fn letter(
        &self,
        at: usize,
        number: usize,
        renamed: &BTreeMap<String, String>,
        doors: &BTreeMap<String, Door>,
    ) -> Result<Letter, String> {
        let part = &self.parts[at];
        let door = doors.get(&part.system).ok_or("the system takes no webhooks")?;
        let names: Vec<(&str, String)> = self
            .keys
            .iter()
            .map(|key| (key.as_str(), renamed.get(key).cloned().unwrap_or_else(|| renumbered(key, number))))
            .collect();
        let mut body = rekeyed(&part.body, &names);
        let mut headers = part.headers.clone();
        part.say_topic(door.topic.as_ref(), &mut headers, &mut body);
        let mut why = String::new();
        for behind in [part.channel.as_str(), ""] {
            for _ in 0..2 {
                let path = if behind.is_empty() { String::new() } else { format!("/{behind}") };
                let mut letter = Letter {
                    story: number,
                    part: at,
                    system: part.system.clone(),
                    path: format!("/in/{}{path}", part.system),
                    id: format!("rehearsal-{at}-{number}"),
                    body: body.to_string().into_bytes(),
                    headers: headers.clone(),
                    seal: door.seal.clone(),
                    dedup_key: String::new(),
                };
                let (channel, key) = match received(door.endpoint.as_ref(), &letter, behind) {
                    Ok(received) => received,
                    Err(reason) => {
                        why = reason;
                        break;
                    }
                };
                if !part.channel.is_empty() && channel != part.channel {
                    why = format!("by what it says itself it is of channel {channel}");
                    break;
                }
                // An id in the body by which repetitions are known must be another one in every telling.
                let id = key.strip_prefix("id:").unwrap_or_default();
                let id = id.split_once('+').map_or(id, |(id, _)| id);
                let own = !id.is_empty() && id != letter.id && part.body.to_string().contains(id);
                if own {
                    body = rekeyed(&body, &[(id, other_id(id, at, number))]);
                    continue;
                }
                letter.dedup_key = key;
                return Ok(letter);
            }
        }
        Err(why)
    }
}

impl Part {
    /// Puts the name of the channel where the sender would. What the recording says stands, even where it reads like a key.
    fn say_topic(&self, topic: Option<&Topic>, headers: &mut Vec<(String, String)>, body: &mut serde_json::Value) {
        match topic {
            Some(Topic::Header(name)) => {
                let is_given = headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
                if !self.channel.is_empty() && !is_given {
                    headers.push((name.clone(), self.channel.clone()));
                }
            }
            Some(Topic::Field(path)) => {
                let pointer = format!("/{}", path.replace('.', "/"));
                let recorded = self.body.pointer(&pointer).filter(|recorded| !recorded.is_null());
                let topic =
                    recorded.cloned().or_else(|| (!self.channel.is_empty()).then(|| self.channel.clone().into()));
                if let Some(topic) = topic {
                    put(body, path, topic);
                }
            }
            None => {}
        }
    }
}

/// Puts a value at a dotted path, unless something other than objects is in the way.
fn put(body: &mut serde_json::Value, path: &str, value: serde_json::Value) {
    let mut place = body;
    for step in path.split('.') {
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry(step).or_insert_with(|| serde_json::json!({}));
    }
    *place = value;
}

fn learn_event(event: &Value, part: &mut Part, keys: &mut BTreeSet<String>) {
    let mut add = |text: &str| {
        if is_key(text) {
            keys.insert(text.to_owned());
        }
    };
    let subject = event.get("subject").and_then(Value::as_text).unwrap_or_default();
    subject.split('/').skip(1).for_each(&mut add);
    for (name, value) in event.get("data").and_then(Value::as_map).into_iter().flat_map(|data| data.iter()) {
        if let (true, Some(text)) = (ENTITIES.iter().any(|kind| kind.name == name), value.as_text()) {
            add(text);
        }
    }
    let time = event.get("time").and_then(Value::as_text).map(str::to_owned);
    part.happened = part.happened.take().or(time);
}

fn is_key(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.len() >= if digits { DIGITS_MIN } else { KEY_CHARS_MIN } && text.len() <= 64 && text.is_ascii()
}

/// A key in the telling of this number.
pub fn renumbered(key: &str, number: usize) -> String {
    format!("{key}{number:04}")
}

/// An id of a message in the telling of this number, in the form it had. Recordings often have ids that differ in their
/// last digits only, so the place of the part is in it too.
fn other_id(id: &str, part: usize, number: usize) -> String {
    let is_uuid = id.len() == 36 && id.bytes().filter(|byte| *byte == b'-').count() == 4;
    match is_uuid {
        true => format!("{}{:04x}{:08x}", &id[..24], (part + 1) & 0xffff, (number + 1) & 0xffff_ffff),
        false => renumbered(id, number),
    }
}

/// The body with its keys replaced, wherever they stand as a word of their own.
fn rekeyed(body: &serde_json::Value, names: &[(&str, String)]) -> serde_json::Value {
    use serde_json::Value as Json;
    match body {
        Json::String(text) => Json::String(reworded(text, names)),
        Json::Number(number) => {
            let text = number.to_string();
            match names.iter().find(|(key, _)| **key == text) {
                Some((_, name)) => name.parse::<u64>().map_or_else(|_| Json::String(name.clone()), Json::from),
                None => body.clone(),
            }
        }
        Json::Array(items) => Json::Array(items.iter().map(|item| rekeyed(item, names)).collect()),
        Json::Object(fields) => {
            Json::Object(fields.iter().map(|(key, value)| (key.clone(), rekeyed(value, names))).collect())
        }
        _ => body.clone(),
    }
}

fn reworded(text: &str, names: &[(&str, String)]) -> String {
    let is_time = text.parse::<Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok();
    if text.len() > 4096 || is_time || text.starts_with("data:") {
        return text.to_owned();
    }
    let mut told = String::with_capacity(text.len() + 8);
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let before =
            told.is_empty() && at == 0 || text[..at].ends_with(|c: char| !c.is_ascii_alphanumeric() || c == '0');
        let found = names.iter().find(|(key, _)| {
            before
                && text[at..].starts_with(*key)
                && !text[at + key.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
        });
        match found {
            Some((key, name)) => {
                told += name;
                at += key.len();
            }
            None => {
                told.push(first);
                at += first.len_utf8();
            }
        }
    }
    told
}

/// The channel and dedup key under which the connector takes the letter; the error says why it does not.
fn received(endpoint: &dyn Endpoint, letter: &Letter, channel: &str) -> Result<(String, String), String> {
    let (headers, path) = letter.sealed("localhost").map_err(|error| error.to_string())?;
    let query = path.split_once('?').map_or("", |(_, query)| query);
    #[expect(clippy::disallowed_methods, reason = "a receiver has its own clock")]
    let now = Timestamp::now();
    let raw = RawRequest {
        method: "POST".to_owned(),
        channel: channel.to_owned(),
        url: format!("http://localhost{path}"),
        query: query.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect(),
        headers: headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        body: letter.body.clone(),
    };
    let envelopes = endpoint.receive(&raw, now).map_err(|reject| reject.reason)?;
    let envelope = envelopes.into_iter().next().ok_or("its connector makes no message of it")?;
    Ok((envelope.channel, envelope.dedup_key))
}

/// The samples that channels name, by system and channel; bodies made of schemas where there is no sample.
fn samples(folder: &Folder) -> Vec<(String, String, serde_json::Value)> {
    let mut found = Vec::new();
    for file in folder.of_kind(Kind::System) {
        let channels = file.node.as_ref().and_then(|node| node.get("channels")).and_then(Node::entries);
        for entry in channels.into_iter().flatten() {
            for path in entry.value.get("samples").and_then(Node::items).into_iter().flatten().filter_map(Node::text) {
                if let Some(body) = read_json(folder, path) {
                    found.push((file.name.clone(), entry.key.to_string(), body));
                }
            }
            if let Some(written) = entry.value.get("schema").and_then(Node::text) {
                let (path, pointer) = written.split_once('#').unwrap_or((written, ""));
                if let Some(schema) = read_json(folder, path) {
                    let body = super::schema::example(&schema, pointer);
                    found.push((file.name.clone(), entry.key.to_string(), body));
                }
            }
        }
    }
    found
}

fn read_json(folder: &Folder, path: &str) -> Option<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(folder.root.join(path)).ok()?).ok()
}

fn json_of(value: &Value) -> serde_json::Value {
    serde_json::from_str(&value.to_json_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_replaced_where_they_stand_as_words() {
        let names = [("S00042", "S7".to_owned()), ("281", "2810007".to_owned()), ("R1", "R10007".to_owned())];
        let check = |text: &str, expect: &str| assert_eq!(reworded(text, &names), expect);
        check("S00042", "S7");
        check("document-281", "document-2810007");
        check("1Z999AA10000000281", "1Z999AA100000002810007");
        check("Route R1", "Route R10007");
        check("R1-0", "R10007-0");
        check("12812", "12812");
        check("XS00042", "XS00042");
        check("2026-11-23T10:04:05.281Z", "2026-11-23T10:04:05.281Z");
        check("0281-11-23 10:04:05", "0281-11-23 10:04:05");
        let body = serde_json::json!({"shipment_id": 281, "quantity": 4, "ids": ["281", 2811]});
        let expect = serde_json::json!({"shipment_id": 2810007, "quantity": 4, "ids": ["2810007", 2811]});
        assert_eq!(rekeyed(&body, &names), expect);
    }

    #[test]
    fn ids_keep_their_form() {
        assert_eq!(other_id("0bb6b0f0-1f0c-4f57-9d5c-000000000001", 1, 9), "0bb6b0f0-1f0c-4f57-9d5c-00020000000a");
        assert_eq!(other_id("evt_1", 1, 9), "evt_10009");
    }
}
