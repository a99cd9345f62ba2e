//! Events that a program submits itself, through the API: CloudEvents 1.0 in JSON whose data already follow the model.
//! They are a message of the built-in system [`SYSTEM`], so they are deduplicated, kept, folded and traced like every
//! other; only the mapping is missing.

use jiff::Timestamp;

use crate::event::EntityRef;
use crate::ids::{EventId, FlowName, MessageId, SystemName};
use crate::message::Message;
use crate::model::{self, EventType, pointer_part};
use crate::source::nearest;
use crate::value::{JsonLimits, Value};

/// The name of the built-in system; no system of a hub folder has it.
pub const SYSTEM: &str = "api";
/// The channel of submitted events.
pub const EVENTS: &str = "events";
/// The channel of records of commands.
pub const COMMANDS: &str = "commands";
/// One CloudEvent.
pub const ONE: &str = "application/cloudevents+json";
/// A list of CloudEvents.
pub const BATCH: &str = "application/cloudevents-batch+json";
/// The header of a message that holds the version an event was written for.
pub const EXPECTED: &str = "if-match";

/// How the reason begins for which a message was ignored whose entity had moved on.
const MOVED_ON: &str = "precondition failed: ";
/// At most this many faults are told.
const FAULTS_MAX: usize = 50;

/// One event as it was submitted.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Its type.
    pub of: EventType,
    /// What it is about, from its data.
    pub subject: EntityRef,
    /// When it happened; when the message came, if it does not say.
    pub time: Option<Timestamp>,
    /// Fits the model.
    pub data: Value,
}

/// One way in which a request is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A JSON Pointer into the request's body; empty for the whole of it.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// The version of an entity that an event was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It exists.
    Any,
    /// It is at one of these.
    Versions(Vec<u64>),
}

impl Expected {
    /// Reads an `If-Match` header (RFC 9110): `*`, or entity tags such as `"3"`. What stands behind a dot in a tag is
    /// not the version's.
    pub fn parse(header: &str) -> Option<Self> {
        if header.trim() == "*" {
            return Some(Self::Any);
        }
        let version = |tag: &str| {
            let tag = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
            let digits = tag.split_once('.').map_or(tag, |(version, _)| version);
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        header.split(',').map(version).collect::<Option<Vec<_>>>().map(Self::Versions)
    }

    /// Whether an entity at this version, 0 when it does not exist, is what was expected.
    pub fn holds(&self, version: u64) -> bool {
        match self {
            Self::Any => version > 0,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// Reads a submission.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(content_type: &str, body: &[u8], events_max: usize) -> Result<Vec<Submitted>, Vec<Fault>> {
    let whole = |detail: String| vec![Fault { pointer: String::new(), detail }];
    let parsed = Value::parse_json(body, &JsonLimits::default())
        .map_err(|error| whole(format!("the body is not usable JSON: {error}")))?;
    if !is_batch(content_type) {
        let mut faults = Vec::new();
        let submitted = read_one("", &parsed, &mut faults);
        return match submitted {
            Some(submitted) if faults.is_empty() => Ok(vec![submitted]),
            _ => Err(faults),
        };
    }
    let Some(list) = parsed.as_list() else { return Err(whole("a batch is a list of events".into())) };
    if list.is_empty() || list.len() > events_max {
        let count = list.len();
        return Err(whole(format!("a batch has from 1 to {events_max} events, not {count}")));
    }
    let mut faults = Vec::new();
    let mut submitted = Vec::with_capacity(list.len());
    for (place, event) in list.iter().enumerate() {
        submitted.extend(read_one(&format!("/{place}"), event, &mut faults));
        let name = |event: &Value| (event.get("source").cloned(), event.get("id").cloned());
        if let Some(first) = list[..place].iter().position(|earlier| name(earlier) == name(event)) {
            let detail = format!("names the same event as number {first} of the batch, by `source` and `id`");
            faults.push(Fault { pointer: format!("/{place}/id"), detail });
        }
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() { Ok(submitted) } else { Err(faults) }
}

/// Whether a content type is that of a list of events.
pub fn is_batch(content_type: &str) -> bool {
    media_type(content_type).eq_ignore_ascii_case(BATCH)
}

/// Whether a content type is that of a submission.
pub fn is_events(content_type: &str) -> bool {
    let media = media_type(content_type);
    [ONE, BATCH, "application/json"].iter().any(|known| media.eq_ignore_ascii_case(known))
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// The id of the `n`-th event of a submission.
pub fn event_id(message: MessageId, n: usize) -> EventId {
    EventId::derive(message, &flow(), n)
}

/// What stands for the flow in events that came without one.
pub fn flow() -> FlowName {
    FlowName::from(SYSTEM)
}

/// Whether a message is one of the built-in system.
pub fn is_of(system: &SystemName) -> bool {
    system.as_str() == SYSTEM
}

/// The version a submission was written for.
pub fn expected_of(message: &Message) -> Option<Expected> {
    let (_, value) = message.headers.iter().find(|(name, _)| name == EXPECTED)?;
    Expected::parse(value)
}

/// Why a submission was ignored whose entity is at another version.
pub fn moved_on(subject: &EntityRef, version: u64) -> String {
    let at = match version {
        0 => "does not exist".to_owned(),
        version => format!("is at version {version}"),
    };
    format!("{MOVED_ON}{subject} {at}")
}

/// What is told about an ignored message when that was the reason.
pub fn told_moved_on(reason: &str) -> Option<&str> {
    reason.strip_prefix(MOVED_ON)
}

fn read_one(at: &str, event: &Value, faults: &mut Vec<Fault>) -> Option<Submitted> {
    let before = faults.len();
    let mut fault = |name: &str, detail: String| faults.push(Fault { pointer: format!("{at}{name}"), detail });
    if event.as_map().is_none() {
        fault("", format!("an event is an object, not {}", event.kind_word()));
        return None;
    }
    if event.get("specversion").and_then(Value::as_text) != Some("1.0") {
        fault("/specversion", "must be \"1.0\": this is not a CloudEvent".into());
    }
    for name in ["id", "source"] {
        if event.get(name).and_then(Value::as_text).is_none_or(str::is_empty) {
            fault(&format!("/{name}"), "must be a text that is not empty".into());
        }
    }
    if let Some(media) = event.get("datacontenttype")
        && !media.as_text().is_some_and(|media| media_type(media).eq_ignore_ascii_case("application/json"))
    {
        fault("/datacontenttype", "must be application/json".into());
    }
    if event.get("data_base64").is_some() {
        fault("/data_base64", "the data of an event are JSON here, in `data`".into());
    }
    let time = event.get("time").filter(|time| !time.is_null()).map(|time| time.as_text()?.parse::<Timestamp>().ok());
    if time == Some(None) {
        fault("/time", "must be a date-time with an offset, such as 2026-11-23T09:30:00+01:00".into());
    }
    let name = event.get("type").and_then(Value::as_text).unwrap_or_default();
    let Some(of) = EventType::find(name) else {
        let known: Vec<String> = EventType::all().map(|of| of.name()).collect();
        let near = nearest(name, known.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        fault("/type", format!("there is no event type `{}`{hint}", name.chars().take(100).collect::<String>()));
        return None;
    };
    let data = event.get("data").cloned().unwrap_or_default();
    for violation in model::check_event(of, &data) {
        fault(&format!("/data{}", pointer(&violation.path)), violation.message);
    }
    let subject = of.entity.name_of(&data);
    if let (Some(subject), Some(said)) = (&subject, event.get("subject").and_then(Value::as_text))
        && said != subject.to_string()
        && said != subject.key
    {
        fault("/subject", format!("is `{said}`, but the data are about `{subject}`"));
    }
    match subject {
        Some(subject) if faults.len() == before => Some(Submitted { of, subject, time: time.flatten(), data }),
        None if faults.len() == before => {
            let detail = format!("gives no key ({})", of.entity.key.join(", "));
            faults.push(Fault { pointer: format!("{at}/data"), detail });
            None
        }
        _ => None,
    }
}

/// A path of the model's, such as `lines[0].quantity`, as a JSON Pointer.
fn pointer(path: &str) -> String {
    if path == "data" {
        return String::new();
    }
    let mut pointer = String::new();
    for part in path.split('.') {
        let (name, places) = part.split_once('[').unwrap_or((part, ""));
        pointer.push('/');
        pointer.push_str(&pointer_part(name));
        for place in places.split('[').filter(|place| !place.is_empty()) {
            pointer.push('/');
            pointer.push_str(place.trim_end_matches(']'));
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"specversion":"1.0","id":"1","source":"/test","type":"crossdock.shipment.created.v1",
        "time":"2026-03-02T09:00:00+01:00","data":{"number":"S1"}}"#;

    #[track_caller]
    fn check(content_type: &str, body: &str, expect: &[&str]) {
        let faults = match read(content_type, body.as_bytes(), 3) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect(),
        };
        assert_eq!(faults.len(), expect.len(), "{faults:#?}");
        for (fault, expect) in faults.iter().zip(expect) {
            assert!(fault.starts_with(expect), "{fault}, expected {expect}");
        }
    }

    #[test]
    fn an_event_is_read() {
        let read = read(ONE, ORDER.as_bytes(), 3).expect("fits");
        assert_eq!(read[0].subject, EntityRef::new("shipment", "S1"));
        assert_eq!(read[0].time, Some("2026-03-02T08:00:00Z".parse().expect("valid")));
        check(BATCH, &format!("[{ORDER},{}]", ORDER.replace("\"id\":\"1\"", "\"id\":\"2\"")), &[]);
        check("application/json; charset=utf-8", &ORDER.replace("\"id\"", "\"subject\":\"shipment/S1\",\"id\""), &[]);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        check(ONE, "[", &[": the body is not usable JSON"]);
        check(ONE, "[]", &[": an event is an object"]);
        check(BATCH, ORDER, &[": a batch is a list"]);
        check(BATCH, "[]", &[": a batch has from 1 to 3 events, not 0"]);
        check(BATCH, "[1,2,3,4]", &[": a batch has from 1 to 3 events, not 4"]);
        check(
            BATCH,
            &format!("[{ORDER},7,{ORDER}]"),
            &["/1: an event is an object", "/2/id: names the same event as number 0"],
        );
        check(ONE, "{}", &["/specversion: ", "/id: ", "/source: ", "/type: there is no event type ``"]);
        check(
            ONE,
            &ORDER.replace("created", "creatd"),
            &[
                "/type: there is no event type `crossdock.shipment.creatd.v1`; did you mean `crossdock.shipment.created.v1`?",
            ],
        );
        check(ONE, &ORDER.replace("+01:00", ""), &["/time: must be a date-time with an offset"]);
        check(
            ONE,
            &ORDER.replace("\"id\"", "\"subject\":\"shipment/S2\",\"id\""),
            &["/subject: is `shipment/S2`, but the data are about `shipment/S1`"],
        );
        check(
            ONE,
            &ORDER.replace("\"id\"", "\"datacontenttype\":\"text/xml\",\"data_base64\":\"\",\"id\""),
            &["/datacontenttype", "/data_base64"],
        );
        let lines = r#"{"number":"S1","lines":[{"sku":"A","quantity":"many"}],"ordr":1}"#;
        check(
            ONE,
            &ORDER.replace(r#"{"number":"S1"}"#, lines),
            &["/data/lines/0/quantity: must be a number", "/data/ordr: is not a known field; did you mean `order`?"],
        );
        check(
            ONE,
            &ORDER.replace(r#"{"number":"S1"}"#, "7"),
            &["/data: must be an object", "/data/number: is missing"],
        );
    }

    #[test]
    fn an_expected_version_is_read() {
        for (header, holds, fails) in [("\"3\"", 3, 4), ("*", 1, 0), (" \"1\" , \"3.9f2c\"", 3, 2)] {
            let expected = Expected::parse(header).expect(header);
            assert!(expected.holds(holds) && !expected.holds(fails), "{header}");
        }
        for wrong in ["", "3", "W/\"3\"", "\"x\"", "\"3\",", "\"\"", "\"-1\""] {
            assert_eq!(Expected::parse(wrong), None, "{wrong}");
        }
    }
}
