//! Does an event's data fit the model? And of which entities does it speak?

use super::{EventType, Field, Type, codes, key_text};
use crate::event::EntityRef;
use crate::value::Value;

/// One way in which data do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `lines[0].quantity`.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// At most this many violations are reported.
const VIOLATIONS_MAX: usize = 20;

/// Checks the data of an event; an empty list means they fit.
pub fn check_event(event: EventType, data: &Value) -> Vec<Violation> {
    let mut violations = Vec::new();
    check_object("", event.entity.fields, false, data, &mut violations);
    for name in event.entity.key.iter().chain(event.event.requires) {
        let missing = data.get(name).is_none_or(Value::is_null);
        if missing && !violations.iter().any(|violation| violation.path == *name) {
            violations.push(Violation {
                path: (*name).to_owned(),
                message: format!("is missing; {} needs it", event.name()),
            });
        }
    }
    for name in event.entity.key {
        if data.get(name).and_then(Value::as_text) == Some("")
            && !violations.iter().any(|violation| violation.path == *name)
        {
            let message = format!("is empty; it names the {}", event.entity.name);
            violations.push(Violation { path: (*name).to_owned(), message });
        }
    }
    violations.truncate(VIOLATIONS_MAX);
    violations
}

fn check_object(path: &str, fields: &[Field], others: bool, value: &Value, violations: &mut Vec<Violation>) {
    let Some(map) = value.as_map() else {
        violations.push(Violation {
            path: if path.is_empty() { "data".into() } else { path.into() },
            message: format!("must be an object, but it is {}", value.kind_word()),
        });
        return;
    };
    for field in fields.iter().filter(|field| field.required) {
        if map.get(field.name).is_none_or(Value::is_null) {
            violations.push(Violation { path: join(path, field.name), message: "is missing".into() });
        }
    }
    for (name, value) in map.iter() {
        match fields.iter().find(|field| field.name == name) {
            Some(_) if value.is_null() => {}
            Some(field) => check_value(&join(path, name), &field.of, value, violations),
            None if others => {}
            None => {
                let near = crate::source::nearest(name, fields.iter().map(|field| field.name));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                violations.push(Violation { path: join(path, name), message: format!("is not a known field{hint}") });
            }
        }
    }
}

fn check_value(path: &str, of: &Type, value: &Value, violations: &mut Vec<Violation>) {
    let wanted = match of {
        Type::Object(fields) => return check_object(path, fields, false, value, violations),
        Type::Open(fields) => return check_object(path, fields, true, value, violations),
        Type::Any => return,
        Type::List(item) => {
            let Some(items) = value.as_list() else { return wrong(path, "a list", value, violations) };
            for (n, value) in items.iter().enumerate() {
                check_value(&format!("{path}[{n}]"), item, value, violations);
            }
            return;
        }
        Type::Text | Type::Binary if value.as_text().is_some() => return,
        Type::Text | Type::Binary => "a text",
        Type::Code(words) => match value.as_text() {
            Some(word) if words.contains(&word) => return,
            _ => return wrong(path, &format!("one of {}", words.join(", ")), value, violations),
        },
        Type::Int if value.as_int().is_some() => return,
        Type::Int => "a whole number",
        Type::Decimal if value.as_decimal().is_some() => return,
        Type::Decimal => "a number",
        Type::Bool if value.as_bool().is_some() => return,
        Type::Bool => "true or false",
        Type::Unit if value.as_text().is_some_and(codes::is_unit) => return,
        Type::Unit => "a unit code of UN/ECE Recommendation 20, such as KGM or C62",
        Type::Currency if value.as_text().is_some_and(codes::is_currency) => return,
        Type::Currency => "a currency code of ISO 4217, such as EUR",
        Type::Country if value.as_text().is_some_and(codes::is_country) => return,
        Type::Country => "a country code of ISO 3166-1, such as DE",
        Type::Unlocode if value.as_text().is_some_and(is_unlocode) => return,
        Type::Unlocode => "a UN/LOCODE without a space, such as DEHAM",
        Type::Zone if value.as_text().is_some_and(|name| crate::value::zone_named(name).is_ok()) => return,
        Type::Zone => "a time zone of the IANA database, such as Europe/Berlin",
        Type::Time if is_time(value) => return,
        Type::Time => "a date-time with an offset, such as 2026-11-23T09:30:00+01:00",
        Type::Date if is_date(value) => return,
        Type::Date => "a date such as 2026-11-23",
        Type::Ref(_) if key_text(value).is_some() => return,
        Type::Ref(kind) => return wrong(path, &format!("the key of a {kind}"), value, violations),
        Type::AnyRef if entity_name(value).is_some() => return,
        Type::AnyRef => "the name of an entity, such as shipment/281",
        Type::Attributes if value.as_map().is_some() => return,
        Type::Attributes => "a map",
    };
    wrong(path, wanted, value, violations);
}

/// Whether one value may stand in a field of this type.
pub(crate) fn fits(of: &Type, value: &Value) -> bool {
    misfit(of, value).is_none()
}

/// Why a value cannot stand in a field of this type, when it cannot.
pub(crate) fn misfit(of: &Type, value: &Value) -> Option<String> {
    let mut violations = Vec::new();
    check_value("it", of, value, &mut violations);
    violations.into_iter().next().map(|violation| violation.message)
}

fn wrong(path: &str, wanted: &str, value: &Value, violations: &mut Vec<Violation>) {
    let found = match value.as_text() {
        Some(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
        None => value.kind_word().to_owned(),
    };
    violations.push(Violation { path: path.to_owned(), message: format!("must be {wanted}, but it is {found}") });
}

/// Two letters of the country, three letters or digits (but not 0 and 1) of the place.
fn is_unlocode(code: &str) -> bool {
    let is_place = |byte: u8| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'9');
    code.len() == 5 && code.is_ascii() && codes::is_country(&code[..2]) && code.bytes().skip(2).all(is_place)
}

fn is_time(value: &Value) -> bool {
    instant(value).is_some()
}

/// The instant of a date-time value or text.
pub(super) fn instant(value: &Value) -> Option<jiff::Timestamp> {
    if let Some(time) = value.as_time() {
        return Some(time.timestamp());
    }
    let text = value.as_text()?;
    match zone_of(text)? {
        "" => text.parse().ok(),
        _ => text.parse::<jiff::Zoned>().ok().map(|time| time.timestamp()),
    }
}

/// The zone in brackets behind a date-time, empty when there is none. `None` for anything but RFC 3339: of the many ways
/// to write a time this is the one that every partner's software reads.
fn zone_of(text: &str) -> Option<&str> {
    let (time, zone) = match text.strip_suffix(']') {
        Some(rest) => rest.split_once('[')?,
        None => (text, ""),
    };
    let bytes = time.as_bytes();
    let matches = |from: usize, shape: &[u8]| {
        bytes.len() >= from + shape.len()
            && bytes[from..].iter().zip(shape).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                exact => byte == exact,
            })
    };
    if !matches(0, b"0000-00-00T00:00:00") {
        return None;
    }
    let mut end = 19;
    if bytes.get(end) == Some(&b'.') {
        let digits = bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        end += 1 + digits;
    }
    let is_offset = match bytes.get(end) {
        Some(b'Z') => bytes.len() == end + 1,
        Some(b'+' | b'-') => bytes.len() == end + 6 && matches(end + 1, b"00:00"),
        _ => false,
    };
    is_offset.then_some(zone)
}

/// The entity that a text such as `shipment/281` names.
fn entity_name(value: &Value) -> Option<EntityRef> {
    let (kind, key) = value.as_text()?.split_once('/')?;
    (!key.is_empty()).then_some(EntityRef::new(super::EntityKind::find(kind)?.name, key))
}

fn is_date(value: &Value) -> bool {
    let has_shape =
        |text: &str| text.len() == 10 && text.is_ascii() && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    value.as_text().is_some_and(|text| has_shape(text) && text.parse::<jiff::civil::Date>().is_ok())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The entities an event speaks of: its subject first, then every reference in its data, each once.
pub fn links_of(event: EventType, subject: &EntityRef, data: &Value) -> Vec<EntityRef> {
    let mut links = vec![subject.clone()];
    collect(event.entity.fields, data, &mut links);
    links
}

/// The entities that an entity's present data refer to.
pub fn links_of_entity(kind: &super::EntityKind, entity: &crate::event::Entity) -> Vec<EntityRef> {
    let mut links = Vec::new();
    collect(kind.fields, &entity.data, &mut links);
    links
}

/// At most this many links are kept per event.
const LINKS_MAX: usize = 256;

fn collect(fields: &[Field], data: &Value, links: &mut Vec<EntityRef>) {
    let Some(map) = data.as_map() else { return };
    for field in fields {
        if let Some(value) = map.get(field.name) {
            collect_value(&field.of, value, links);
        }
    }
}

fn collect_value(of: &Type, value: &Value, links: &mut Vec<EntityRef>) {
    match of {
        Type::Ref(kind) => add(key_text(value).map(|key| EntityRef::new(*kind, key)), links),
        Type::AnyRef => add(entity_name(value), links),
        Type::List(item) => {
            value.as_list().unwrap_or_default().iter().for_each(|value| collect_value(item, value, links))
        }
        Type::Object(fields) => collect(fields, value, links),
        _ => {}
    }
}

fn add(link: Option<EntityRef>, links: &mut Vec<EntityRef>) {
    let Some(link) = link else { return };
    if links.len() < LINKS_MAX && !links.contains(&link) {
        links.push(link);
    }
}
