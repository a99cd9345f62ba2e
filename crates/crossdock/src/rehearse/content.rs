//! What an effect says, so that it can be compared between the calm day and the storm: what must differ between two days
//! (ids that the hub makes, the time of day, numbers that Odoo gives in turn) is put aside.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

/// An instant as near to the rehearsal as this is one of the hub's own clock, not one that was recorded.
const NEAR: SignedDuration = SignedDuration::from_hours(24);
/// Characters shown of a value that differs.
const SHOWN_CHARS_MAX: usize = 60;

/// What is put aside in one world.
#[derive(Clone, Debug)]
pub struct Aside {
    now: Timestamp,
    /// Names given in turn, by what stands in their place.
    given: BTreeMap<String, String>,
}

impl Aside {
    pub fn new(now: Timestamp, given: BTreeMap<String, String>) -> Self {
        Self { now, given }
    }

    /// A body without what must differ.
    pub fn of(&self, body: &str) -> Json {
        match serde_json::from_str(body) {
            Ok(json) => self.without(json),
            Err(_) => Json::String(self.text(body)),
        }
    }

    fn without(&self, json: Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.without(item)).collect(),
            Json::Object(fields) => fields.into_iter().map(|(key, value)| (key, self.without(value))).collect(),
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        if text.parse::<Timestamp>().is_ok_and(|at| at.duration_since(self.now).abs() < NEAR) {
            return "<time>".to_owned();
        }
        let mut said = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let is_id = rest.get(..36).is_some_and(|word| word.parse::<uuid::Uuid>().is_ok());
            let (place, length) = match (is_id, self.given_at(rest)) {
                (true, _) => ("<id>", 36),
                (false, Some(given)) => given,
                (false, None) => (&rest[..first.len_utf8()], first.len_utf8()),
            };
            said += place;
            rest = &rest[length..];
        }
        said
    }

    /// What stands in the place of the given name with which a text begins, and the name's length.
    fn given_at(&self, text: &str) -> Option<(&str, usize)> {
        let ends = |name: &str| !text[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        let found = self.given.iter().find(|(name, _)| text.starts_with(name.as_str()) && ends(name));
        found.map(|(name, place)| (place.as_str(), name.len()))
    }
}

/// The first thing in which two bodies differ, as `path is … instead of …`.
pub fn difference(expected: &Json, found: &Json) -> Option<String> {
    let told = |path: &str, expected: &Json, found: &Json| {
        let path = if path.is_empty() { "it" } else { path };
        Some(format!("{path} is {} instead of {}", shown(found), shown(expected)))
    };
    fn walk<'a>(path: &str, expected: &'a Json, found: &'a Json) -> Option<(String, &'a Json, &'a Json)> {
        let inside = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match (expected, found) {
            (Json::Object(one), Json::Object(other)) => {
                let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                let of = |side: &'a serde_json::Map<String, Json>, key: &str| side.get(key).unwrap_or(&Json::Null);
                keys.into_iter().find_map(|key| walk(&inside(key), of(one, key), of(other, key)))
            }
            (Json::Array(one), Json::Array(other)) if one.len() == other.len() => one
                .iter()
                .zip(other)
                .enumerate()
                .find_map(|(at, (one, other))| walk(&inside(&at.to_string()), one, other)),
            _ => (expected != found).then(|| (path.to_owned(), expected, found)),
        }
    }
    walk("", expected, found).and_then(|(path, expected, found)| told(&path, expected, found))
}

fn shown(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_times_and_given_names_are_put_aside_and_nothing_else() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().expect("an instant");
        let given = BTreeMap::from([("INV/2026/00007".to_owned(), "<invoice of story 1>".to_owned())]);
        let aside = Aside::new(now, given);
        let body = json!({
            "id": "0bb6b0f0-1f0c-4f57-9d5c-000000000001", "key": "pod/0bb6b0f0-1f0c-4f57-9d5c-000000000001",
            "at": "2026-11-23T10:00:05.5Z", "due": "2026-01-01T00:00:00Z", "invoice": "invoice/INV/2026/00007", "pieces": 4,
        });
        let expect = json!({
            "id": "<id>", "key": "pod/<id>", "at": "<time>", "due": "2026-01-01T00:00:00Z",
            "invoice": "invoice/<invoice of story 1>", "pieces": 4,
        });
        assert_eq!(aside.of(&body.to_string()), expect);
        assert_eq!(aside.of("plain text"), json!("plain text"));
    }

    #[test]
    fn the_first_difference_is_told_with_its_place() {
        let one = json!({"lines": [{"sku": "A", "quantity": 4}]});
        let other = json!({"lines": [{"sku": "A", "quantity": 5}]});
        assert_eq!(difference(&one, &one), None);
        assert_eq!(difference(&one, &other).as_deref(), Some("lines.0.quantity is 5 instead of 4"));
    }
}
