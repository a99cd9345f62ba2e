//! From the text of a YAML file to a tree that knows where everything stands. What makes a configuration hard to
//! review is a mistake here: duplicate keys, anchors and aliases, tags, several documents in one file.

use std::collections::HashMap;
use std::sync::Arc;

use crossdock_core::source::{Diagnostic, Entry, Location, Node, NodeKind};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// Nesting of lists and maps in one file.
pub const DEPTH_MAX: usize = 64;

/// What came of a file.
#[derive(Debug)]
pub struct Parsed {
    /// `None` when the file is not YAML.
    pub node: Option<Node>,
    pub mistakes: Vec<Diagnostic>,
}

/// Reads one file's text; `file` is its path below the hub folder.
pub fn parse(file: &str, text: &str) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::new(file, text);
    for event in Parser::new_from_str(text).keep_tags(true) {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(builder.syntax_error(*error.marker(), error.info())),
        };
        if let Err(mistake) = outcome {
            builder.mistakes.push(mistake);
            return Parsed { node: None, mistakes: builder.mistakes };
        }
    }
    let empty = Node { location: Location::new(builder.file.clone(), 1, 1), kind: NodeKind::Null };
    Parsed { node: Some(builder.root.unwrap_or(empty)), mistakes: builder.mistakes }
}

/// A list or map that is not closed yet.
enum Open {
    List {
        location: Location,
        items: Vec<Node>,
    },
    Map {
        location: Location,
        entries: Vec<Entry>,
        /// With the line where each first stood.
        keys: HashMap<Arc<str>, u32>,
        key: Option<Key>,
    },
}

/// A key that waits for its value.
struct Key {
    text: Arc<str>,
    location: Location,
    /// It stood there before; its value is read and dropped.
    again: bool,
}

struct Builder<'a> {
    file: Arc<str>,
    lines: Vec<&'a str>,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    mistakes: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn new(file: &str, text: &'a str) -> Self {
        Self {
            file: file.into(),
            lines: text.lines().collect(),
            open: Vec::new(),
            root: None,
            documents: 0,
            mistakes: Vec::new(),
        }
    }

    /// Takes one event. An error ends the reading of this file.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let location = self.locate(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Diagnostic::error(&location, "a second document begins here")
                        .hint("keep one document a file and remove the `---`"));
                }
            }
            Event::Alias(_) => {
                self.no_anchors(&location);
                self.put(Node { location, kind: NodeKind::Null });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.plainly(&location, anchor, tag.is_some());
                self.scalar(text.into(), style, span);
            }
            Event::SequenceStart(anchor, tag) => {
                self.plainly(&location, anchor, tag.is_some());
                self.begin(Open::List { location: location.clone(), items: Vec::new() }, &location)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.plainly(&location, anchor, tag.is_some());
                let map =
                    Open::Map { location: location.clone(), entries: Vec::new(), keys: HashMap::new(), key: None };
                self.begin(map, &location)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
        Ok(())
    }

    fn begin(&mut self, open: Open, location: &Location) -> Result<(), Diagnostic> {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err(Diagnostic::error(location, "a list or map cannot be a key")
                .hint("put quotes around a key that begins with `[` or `{`"));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(Diagnostic::error(location, format!("this is nested more than {DEPTH_MAX} deep")));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) {
        let node = match self.open.pop() {
            Some(Open::List { location, items }) => Node { location, kind: NodeKind::List(items) },
            Some(Open::Map { location, entries, .. }) => Node { location, kind: NodeKind::Map(entries) },
            None => return,
        };
        self.put(node);
    }

    fn scalar(&mut self, text: Arc<str>, style: ScalarStyle, span: Span) {
        // For a block this is its first character, blank lines in front of it left out.
        let location = self.locate(span.start);
        let is_key = matches!(self.open.last(), Some(Open::Map { key: None, .. }));
        if is_key {
            self.key(text, location);
            return;
        }
        let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        let nothing = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
        let kind = if nothing { NodeKind::Null } else { NodeKind::Scalar { text, quoted } };
        self.put(Node { location, kind });
    }

    fn key(&mut self, text: Arc<str>, location: Location) {
        let merges = &*text == "<<";
        let Some(Open::Map { keys, key, .. }) = self.open.last_mut() else { return };
        let first = keys.get(&text).copied();
        match first {
            Some(line) => self.mistakes.push(
                Diagnostic::error(&location, format!("`{text}` is given twice"))
                    .hint(format!("the first stands in line {line}; keep one of them")),
            ),
            None => {
                keys.insert(text.clone(), location.line);
            }
        }
        let again = first.is_some();
        *key = Some(Key { again: again || merges, text, location: location.clone() });
        if merges && !again {
            self.no_anchors(&location);
        }
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key: waiting, .. }) => match waiting.take() {
                Some(key) if key.again => {}
                Some(key) => entries.push(Entry { key: key.text, key_location: key.location, value: node }),
                // An alias in the place of a key; its mistake is told already.
                None => {
                    *waiting = Some(Key { text: "".into(), location: node.location, again: true });
                }
            },
        }
    }

    fn plainly(&mut self, location: &Location, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.no_anchors(location);
        }
        if tagged {
            self.mistakes.push(
                Diagnostic::error(location, "tags such as `!!str` have no meaning here")
                    .hint("remove it; put quotes around what must stay a text"),
            );
        }
    }

    fn no_anchors(&mut self, location: &Location) {
        self.mistakes.push(
            Diagnostic::error(location, "anchors, aliases and merge keys are not used in a hub folder")
                .hint("write the value out where it is needed"),
        );
    }

    fn locate(&self, marker: Marker) -> Location {
        Location::new(self.file.clone(), marker.line().max(1) as u32, marker.col() as u32 + 1)
    }

    fn syntax_error(&self, marker: Marker, info: &str) -> Diagnostic {
        let mut location = self.locate(marker);
        // Behind the last line there is nothing to point at.
        if location.line as usize > self.lines.len() && !self.lines.is_empty() {
            location.line = self.lines.len() as u32;
            location.column = self.lines.last().map_or(0, |line| line.chars().count()) as u32 + 1;
        }
        let line = self.lines.get(location.line as usize - 1).copied().unwrap_or_default();
        let mistake = Diagnostic::error(&location, format!("this is not YAML: {}", info.trim_end_matches('.')));
        match hint_for(line, info) {
            Some(hint) => mistake.hint(hint),
            None => mistake,
        }
    }
}

/// What usually stands behind an error of the YAML grammar.
fn hint_for(line: &str, info: &str) -> Option<&'static str> {
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        return Some("indent with spaces, not with tabs");
    }
    if info.contains("mapping values are not allowed") {
        return Some("put quotes around a text that contains `: `");
    }
    if info.contains("did not find expected key") || info.contains("did not find expected '-'") {
        return Some("fields of one map, and items of one list, stand exactly below each other");
    }
    let value = line.split_once(": ").map_or(line.trim_start(), |(_, value)| value.trim_start());
    let value = value.strip_prefix("- ").unwrap_or(value);
    match value.chars().next() {
        Some('`' | '@' | '%' | '*' | '&' | '!') => Some("put quotes around a text that begins with this character"),
        Some('\'' | '"') => {
            Some("a text that begins with a quote ends with it: put the other kind of quotes around all of it")
        }
        Some('{' | '[') => Some("put quotes around an expression that begins with `{` or `[`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
