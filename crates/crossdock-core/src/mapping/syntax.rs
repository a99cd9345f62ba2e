//! From the text of an expression to CEL's syntax tree. The grammar is that of the `cel` crate, whose parser is run
//! without its macros, so that `has`, `map` and the like arrive as the calls they are written as. What is ours here:
//! places in the configuration file and messages a person can act on.

use std::sync::{Arc, LazyLock};

use cel::common::ast::{IdedExpr, SourceInfo};
use cel::parser::ParseError;

use crate::source::{Diagnostic, Location, Node};

/// Longest expression text.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Parentheses, calls and ternaries inside each other.
const NESTING_MAX: u16 = 64;

static GRAMMAR: LazyLock<cel::Env> = LazyLock::new(|| cel::Env::default().with_optional_support(true));

/// The text of an expression and where it stands.
#[derive(Debug)]
pub(super) struct Source {
    pub text: Arc<str>,
    /// Where the first character of the text stands, blank first lines left out.
    at: Location,
    /// Blank lines at the start, which a block scalar's location does not count.
    blank_lines: u32,
}

impl Source {
    pub fn new(text: &str, at: &Location) -> Self {
        let blank_lines = text.bytes().take_while(|byte| *byte == b'\n').count() as u32;
        Self { text: text.into(), at: at.clone(), blank_lines }
    }

    /// The text of a scalar; `None` for anything else.
    pub fn of_node(node: &Node) -> Option<Self> {
        let crate::source::NodeKind::Scalar { text, quoted } = &node.kind else { return None };
        // A quoted text starts behind its quote; a block of several lines has none.
        let opening = u32::from(*quoted && !text.contains('\n'));
        Some(Self::new(text, &node.location.shifted(opening)))
    }

    pub fn start(&self) -> &Location {
        &self.at
    }

    /// The place of a byte of the text. The lines of a block scalar are indented alike.
    pub fn locate(&self, offset: u32) -> Location {
        let before = self.text.get(..offset as usize).unwrap_or(&self.text);
        let line = before.matches('\n').count() as u32;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32;
        self.place(line, column)
    }

    fn place(&self, line: u32, column: u32) -> Location {
        let mut place = self.at.shifted(column);
        place.line += line.saturating_sub(self.blank_lines);
        place
    }
}

/// Parses the text. The first syntax error is told; those behind it are mostly its echoes.
pub(super) fn parse(source: &Source) -> Result<(IdedExpr, SourceInfo), Diagnostic> {
    if source.text.trim().is_empty() {
        return Err(Diagnostic::error(&source.at, "the expression is empty"));
    }
    if source.text.len() > TEXT_BYTES_MAX {
        let message = format!("the expression is longer than {TEXT_BYTES_MAX} bytes");
        return Err(Diagnostic::error(&source.at, message).hint("give parts of it a name with `let`"));
    }
    let parser = GRAMMAR.parser().enable_ident_escape_syntax(true).max_recursion_depth(NESTING_MAX);
    parser.parse_with_source_info(&source.text).map_err(|failure| match telling(&failure.errors) {
        Some(error) => explain(source, error),
        None => Diagnostic::error(&source.at, "the expression cannot be read"),
    })
}

/// The first error that says something: an incomplete subtree is always followed by the reason for it.
fn telling(errors: &[ParseError]) -> Option<&ParseError> {
    errors.iter().find(|error| !error.msg.starts_with("Incomplete")).or(errors.first())
}

fn explain(source: &Source, error: &ParseError) -> Diagnostic {
    let (line, column) = error.pos;
    let line = u32::try_from(line - 1).unwrap_or(0);
    let column = u32::try_from(column - 1).unwrap_or(0);
    let place = source.place(line, column);
    let words = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
    let offending = quoted_part(words);
    let diagnostic = |message: String| Diagnostic::error(&place, message);
    if words.contains("ecursion limit") {
        return diagnostic(format!("the expression is nested more than {NESTING_MAX} deep"))
            .hint("give parts of it a name with `let`");
    }
    match offending {
        Some("<EOF>") if words.starts_with("missing") => diagnostic(format!("{} is missing", first_quoted(words))),
        Some("<EOF>") => diagnostic("the expression ends too early".into()),
        Some(token) if words.starts_with("token recognition") => unreadable(diagnostic, token),
        Some(token) if words.starts_with("missing") => {
            diagnostic(format!("{} is missing before `{token}`", first_quoted(words)))
        }
        Some(token) if words.starts_with("no viable") => diagnostic(format!("this cannot be read from `{token}` on")),
        Some(token) => diagnostic(format!("`{token}` is not expected here")),
        None => diagnostic(words.to_owned()),
    }
}

fn unreadable(diagnostic: impl Fn(String) -> Diagnostic, token: &str) -> Diagnostic {
    match token.trim().chars().next() {
        Some('\'' | '"') => diagnostic("the text has no closing quote".into()),
        Some('=') => diagnostic("a single `=` means nothing".into()).hint("compare with `==`"),
        Some('&') => diagnostic("a single `&` means nothing".into()).hint("write `&&` for and"),
        Some('|') => diagnostic("a single `|` means nothing".into()).hint("write `||` for or"),
        _ => diagnostic(format!("`{}` is not part of the expression language", token.trim())),
    }
}

/// The token an ANTLR message ends with or speaks of: `… at input 'x'`, `… input 'x' expecting …`, `… at 'x'`.
fn quoted_part(words: &str) -> Option<&str> {
    let start = ["input '", "at: '", "at '"].iter().find_map(|lead| words.find(lead).map(|at| at + lead.len()))?;
    let rest = &words[start..];
    let end = rest.find("' expecting").or_else(|| rest.rfind('\''))?;
    Some(&rest[..end])
}

/// The first quoted token of a message, in backticks.
fn first_quoted(words: &str) -> String {
    format!("`{}`", words.split('\'').nth(1).unwrap_or("something"))
}
