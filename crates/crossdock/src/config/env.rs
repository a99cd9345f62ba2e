//! What a hub folder takes from outside of itself: environment variables in `${NAME}` and secrets. This and the
//! command line are the only places that read the environment.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossdock_connect::secret::Secret;
use crossdock_core::source::{Diagnostic, Entry, Location, Node, NodeKind, Reader};

/// Stands in for a secret that is not here: base64, as many schemes want it. It never leaves the check.
const STAND_IN: &str = "c3RhbmRzLWluLWZvci1hLW1pc3Npbmctc2VjcmV0ISE=";
/// Largest secret read from a file, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The outside of a hub folder.
pub struct Environment<'a> {
    /// Looks up an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The hub folder: secret files are found relative to it.
    pub root: &'a Path,
    /// Whether what is missing outside may be missing: it becomes a warning, and so does what follows from it.
    pub without_secrets: bool,
    /// Stands for every secret, where one is given.
    secret: Option<Secret>,
    /// Lines on which something stands in for what is missing.
    gaps: RefCell<BTreeSet<(Arc<str>, u32)>>,
}

/// The variable of the process.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl<'a> Environment<'a> {
    pub fn new(root: &'a Path, variable: &'a dyn Fn(&str) -> Option<String>, without_secrets: bool) -> Self {
        Self { variable, root, without_secrets, secret: None, gaps: RefCell::default() }
    }

    /// With this in place of every secret: for tests of what a partner signed.
    pub fn with_secret(self, secret: &str) -> Self {
        Self { secret: Some(Secret::new(secret)), ..self }
    }

    /// The tree with every `${NAME}` and `${NAME:-default}` replaced. `$${` stands for the two characters `${`.
    pub fn filled(&self, node: &Node, mistakes: &mut Vec<Diagnostic>) -> Node {
        let kind = match &node.kind {
            NodeKind::Null => NodeKind::Null,
            NodeKind::Scalar { text, quoted } if text.contains("${") => {
                let text: Arc<str> = self.fill(text, node, mistakes).into();
                // What came out empty counts as not given, unless it was quoted.
                match text.is_empty() && !quoted {
                    true => NodeKind::Null,
                    false => NodeKind::Scalar { text, quoted: *quoted },
                }
            }
            NodeKind::Scalar { text, quoted } => NodeKind::Scalar { text: text.clone(), quoted: *quoted },
            NodeKind::List(items) => NodeKind::List(items.iter().map(|item| self.filled(item, mistakes)).collect()),
            NodeKind::Map(entries) => NodeKind::Map(
                entries
                    .iter()
                    .map(|entry| Entry { value: self.filled(&entry.value, mistakes), ..entry.clone() })
                    .collect(),
            ),
        };
        Node { location: node.location.clone(), kind }
    }

    fn fill(&self, text: &str, node: &Node, mistakes: &mut Vec<Diagnostic>) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            if let Some(before) = before.strip_suffix('$') {
                filled.push_str(before);
                filled.push_str("${");
                rest = &from[2..];
                continue;
            }
            filled.push_str(before);
            let at = column_of(text, text.len() - from.len(), node);
            let Some(end) = from.find('}') else {
                mistakes.push(
                    Diagnostic::error(&at, "`${` is not closed")
                        .hint("write `${NAME}`, or `$${` for the characters themselves"),
                );
                return filled;
            };
            self.variable_into(&from[2..end], &at, &mut filled, mistakes);
            rest = &from[end + 1..];
        }
        filled.push_str(rest);
        filled
    }

    fn variable_into(&self, inside: &str, at: &Location, filled: &mut String, mistakes: &mut Vec<Diagnostic>) {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            mistakes.push(
                Diagnostic::error(at, format!("`{name}` is not the name of an environment variable"))
                    .hint("letters, digits and underscores, not a digit first"),
            );
            return;
        }
        let set = (self.variable)(name).filter(|value| !value.is_empty() || default.is_none());
        match (set, default) {
            (Some(value), _) => filled.push_str(&value),
            (None, Some(default)) => filled.push_str(default),
            (None, None) => {
                // It stays as written, and what is said about that is an echo of this mistake.
                filled.push_str(&format!("${{{name}}}"));
                self.gaps.borrow_mut().insert((at.file.clone(), at.line));
                let hint = format!("set it where the hub runs, or give a default: `${{{name}:-…}}`");
                mistakes.push(self.missing(at, format!("the environment variable {name} is not set"), hint));
            }
        }
    }

    /// The secret at its place: `{env: NAME}` or `{file: path}`.
    ///
    /// # Errors
    /// Anything else, and a secret that is not there or empty.
    pub fn secret(&self, node: &Node) -> Result<Secret, Diagnostic> {
        let reader = Reader::new(node, "a secret");
        if node.text().is_some() {
            return Err(Diagnostic::error(&node.location, "a secret does not stand in the hub folder")
                .hint("name its place: `{env: NAME}` or `{file: secrets/name}`"));
        }
        let place = (reader.node("env"), reader.node("file"));
        let (name, file) = (reader.optional_text("env"), reader.optional_text("file"));
        if let Some(mistake) = reader.finish().into_iter().next() {
            return Err(mistake);
        }
        if let Some(secret) = &self.secret {
            return Ok(secret.clone());
        }
        match (name, file, place) {
            (Some(name), None, (Some(at), _)) => self.secret_variable(name, &at.location),
            (None, Some(path), (_, Some(at))) => self.secret_file(path, &at.location),
            _ => Err(Diagnostic::error(&node.location, "a secret has either `env` or `file`")
                .hint("write `{env: NAME}` or `{file: secrets/name}`")),
        }
    }

    fn secret_variable(&self, name: &str, at: &Location) -> Result<Secret, Diagnostic> {
        match (self.variable)(name).filter(|value| !value.is_empty()) {
            Some(value) => Ok(Secret::new(value)),
            None if self.without_secrets => Ok(self.stand_in(at)),
            None => Err(Diagnostic::error(at, format!("the environment variable {name} is not set"))
                .hint("it holds a secret: set it where the hub runs")),
        }
    }

    fn secret_file(&self, path: &str, at: &Location) -> Result<Secret, Diagnostic> {
        let full: PathBuf = self.root.join(path);
        let told = |problem: String| Diagnostic::error(at, format!("the secret file {path} {problem}"));
        let size = match std::fs::metadata(&full) {
            Ok(metadata) => metadata.len(),
            Err(_) if self.without_secrets => return Ok(self.stand_in(at)),
            Err(error) => {
                return Err(told(format!("cannot be read: {error}")).hint("the path is relative to the hub folder"));
            }
        };
        if size > SECRET_BYTES_MAX {
            return Err(told(format!("is larger than {SECRET_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(&full).map_err(|error| told(format!("cannot be read: {error}")))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(told("is empty".into()));
        }
        Ok(Secret::new(text))
    }

    fn stand_in(&self, at: &Location) -> Secret {
        self.gaps.borrow_mut().insert((at.file.clone(), at.line));
        Secret::new(STAND_IN)
    }

    fn missing(&self, at: &Location, message: String, hint: String) -> Diagnostic {
        match self.without_secrets {
            true => Diagnostic::warning(at, message).hint(hint),
            false => Diagnostic::error(at, message).hint(hint),
        }
    }

    /// Drops the errors that only tell that something stands in for what is missing.
    pub fn without_echoes(&self, mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let gaps = self.gaps.borrow();
        mistakes
            .into_iter()
            .filter(|mistake| {
                mistake.severity == crossdock_core::source::Severity::Warning
                    || !gaps.contains(&(mistake.location.file.clone(), mistake.location.line))
            })
            .collect()
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The place of a byte of a scalar's text.
fn column_of(text: &str, offset: usize, node: &Node) -> Location {
    let quoted = matches!(node.kind, NodeKind::Scalar { quoted: true, .. });
    let before = text.get(..offset).unwrap_or_default();
    let mut at = node.location.clone();
    let line = before.matches('\n').count() as u32;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32;
    at.line += line;
    at.column += column + u32::from(quoted && line == 0);
    at
}
