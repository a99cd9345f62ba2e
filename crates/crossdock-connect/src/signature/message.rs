//! What exactly was signed, as a template: `v1:{timestamp}:{body}`. The body is always the raw bytes as received.

use std::fmt;
use std::str::FromStr;

/// One piece of the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Literal(String),
    /// The message id, as text of its header.
    Id,
    /// The timestamp, as text of its header or field: never re-formatted.
    Timestamp,
    /// The raw body.
    Body,
    /// The URL the sender addressed.
    Url,
}

/// The signed bytes, piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Vec<Part>);

/// The values that fill a message. What a scheme does not use stays empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filling<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub url: &'a str,
    pub body: &'a [u8],
}

impl Message {
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    pub fn contains(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    /// The byte strings whose concatenation is signed.
    pub(crate) fn pieces<'a>(&'a self, filling: Filling<'a>) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().map(move |part| match part {
            Part::Literal(text) => text.as_bytes(),
            Part::Id => filling.id.as_bytes(),
            Part::Timestamp => filling.timestamp.as_bytes(),
            Part::Body => filling.body,
            Part::Url => filling.url.as_bytes(),
        })
    }
}

/// A mistake in a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error(
        "`{{{0}}}` is not a part of a message: use {{id}}, {{timestamp}}, {{body}} or {{url}}, and `{{{{` for a brace"
    )]
    UnknownPart(String),
    #[error("a brace is not closed: write `{{body}}` for a part and `{{{{` for a literal brace")]
    OpenBrace,
}

/// Reads a template: `{id}`, `{timestamp}`, `{body}` and `{url}` are parts, `{{` and `}}` are braces, the rest is literal.
impl FromStr for Message {
    type Err = MessageError;

    fn from_str(template: &str) -> Result<Self, MessageError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = match brace {
                "{" => after.split_once('}').ok_or(MessageError::OpenBrace)?,
                _ => return Err(MessageError::OpenBrace),
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(named_part(name)?);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Id => f.write_str("{id}")?,
                Part::Timestamp => f.write_str("{timestamp}")?,
                Part::Body => f.write_str("{body}")?,
                Part::Url => f.write_str("{url}")?,
            }
        }
        Ok(())
    }
}

fn named_part(name: &str) -> Result<Part, MessageError> {
    match name {
        "id" => Ok(Part::Id),
        "timestamp" => Ok(Part::Timestamp),
        "body" => Ok(Part::Body),
        "url" => Ok(Part::Url),
        other => Err(MessageError::UnknownPart(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(template: &str) -> Vec<Part> {
        template.parse::<Message>().expect("template").parts().to_vec()
    }

    #[test]
    fn templates_are_read() {
        let text = |text: &str| Part::Literal(text.into());
        assert_eq!(parts("{body}"), [Part::Body]);
        assert_eq!(parts("v1:{timestamp}:{body}"), [text("v1:"), Part::Timestamp, text(":"), Part::Body]);
        assert_eq!(parts("{id}.{url}é"), [Part::Id, text("."), Part::Url, text("é")]);
        assert_eq!(parts("{{{body}}}"), [text("{"), Part::Body, text("}")]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn templates_print_as_they_are_read() {
        for template in ["{id}.{timestamp}.{body}", "a{{b}}{body}", "{url}{body}"] {
            assert_eq!(template.parse::<Message>().expect("template").to_string(), template);
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!("{boddy}".parse::<Message>(), Err(MessageError::UnknownPart("boddy".into())));
        assert_eq!("{body".parse::<Message>(), Err(MessageError::OpenBrace));
        assert_eq!("body}".parse::<Message>(), Err(MessageError::OpenBrace));
        let told = MessageError::UnknownPart("boddy".into()).to_string();
        assert_eq!(
            told,
            "`{boddy}` is not a part of a message: use {id}, {timestamp}, {body} or {url}, and `{{` for a brace"
        );
    }
}
