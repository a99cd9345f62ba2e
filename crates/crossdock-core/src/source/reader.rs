//! Reads the map of a configuration node field by field and collects every mistake on the way: missing, of the wrong
//! kind, out of range, unknown. `finish` reports the keys nobody asked for, with the nearest known name.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Diagnostic, Location, Node, NodeKind, nearest};

/// A reader over one map. `what` names the thing in messages, for example `system`.
pub struct Reader<'a> {
    node: &'a Node,
    what: &'a str,
    asked: RefCell<BTreeSet<&'static str>>,
    mistakes: RefCell<Vec<Diagnostic>>,
}

impl<'a> Reader<'a> {
    pub fn new(node: &'a Node, what: &'a str) -> Self {
        let reader = Self { node, what, asked: RefCell::new(BTreeSet::new()), mistakes: RefCell::new(Vec::new()) };
        if !matches!(node.kind, NodeKind::Map(_)) {
            reader.mistake(Diagnostic::error(
                &node.location,
                format!("{what} must be a map of fields, but it is {}", node.kind_word()),
            ));
        }
        reader
    }

    pub fn location(&self) -> &Location {
        &self.node.location
    }

    pub fn mistake(&self, diagnostic: Diagnostic) {
        self.mistakes.borrow_mut().push(diagnostic);
    }

    pub fn mistakes(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.mistakes.borrow_mut().extend(diagnostics);
    }

    /// The node of an optional field; `null` counts as absent.
    pub fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().insert(key);
        self.node.get(key).filter(|node| node.kind != NodeKind::Null)
    }

    /// The node of a field that must be there.
    pub fn required(&self, key: &'static str) -> Option<&'a Node> {
        let node = self.node(key);
        if node.is_none() && self.node.entries().is_some() {
            self.mistake(Diagnostic::error(&self.node.location, format!("{} lacks `{key}`", self.what)));
        }
        node
    }

    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        self.as_text(key, self.required(key)?)
    }

    pub fn optional_text(&self, key: &'static str) -> Option<&'a str> {
        self.as_text(key, self.node(key)?)
    }

    fn as_text(&self, key: &str, node: &'a Node) -> Option<&'a str> {
        let text = node.text();
        if text.is_none() {
            self.wrong(key, node, "a text");
        }
        text
    }

    /// A whole number within `range`.
    pub fn number(&self, key: &'static str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let node = self.node(key)?;
        match node.text().and_then(|text| text.replace('_', "").parse().ok()).filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                self.wrong(key, node, &format!("a whole number from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        match node.text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => {
                self.wrong(key, node, "true or false");
                None
            }
        }
    }

    /// A length of time such as `500ms`, `30s`, `5m`, `24h` or `7d`, in milliseconds.
    pub fn duration_ms(&self, key: &'static str) -> Option<u64> {
        let node = self.node(key)?;
        let parsed = node.text().and_then(parse_duration_ms);
        if parsed.is_none() {
            self.wrong(key, node, "a length of time such as 500ms, 30s, 5m, 24h or 7d");
        }
        parsed
    }

    /// One of the words of a closed list.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let node = self.node(key)?;
        let found = node.text().and_then(|text| choices.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let mut diagnostic = Diagnostic::error(
                &node.location,
                format!("`{key}` of {} must be one of {}", self.what, words.join(", ")),
            );
            if let Some(near) = node.text().and_then(|text| nearest(text, words)) {
                diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
            }
            self.mistake(diagnostic);
        }
        found.map(|(_, value)| *value)
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn texts(&self, key: &'static str) -> Vec<(Arc<str>, &'a Location)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let items = match &node.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items
            .iter()
            .filter_map(|item| match item.text() {
                Some(text) => Some((Arc::from(text), &item.location)),
                None => {
                    self.wrong(key, item, "a list of texts");
                    None
                }
            })
            .collect()
    }

    fn wrong(&self, key: &str, node: &Node, expected: &str) {
        let found = node.text().map_or_else(|| node.kind_word().to_owned(), |text| format!("`{text}`"));
        self.mistake(Diagnostic::error(
            &node.location,
            format!("`{key}` of {} must be {expected}, not {found}", self.what),
        ));
    }

    /// Everything that was wrong, unknown keys included.
    pub fn finish(self) -> Vec<Diagnostic> {
        let asked = self.asked.into_inner();
        let mut mistakes = self.mistakes.into_inner();
        for entry in self.node.entries().unwrap_or_default() {
            if asked.contains(&*entry.key) {
                continue;
            }
            let unknown = Diagnostic::error(&entry.key_location, format!("{} has no field `{}`", self.what, entry.key));
            mistakes.push(match nearest(&entry.key, asked.iter().copied()) {
                Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                None => unknown.hint(format!("known are {}", asked.iter().copied().collect::<Vec<_>>().join(", "))),
            });
        }
        mistakes
    }
}

/// Milliseconds of a length of time such as `30s`.
pub fn parse_duration_ms(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}
