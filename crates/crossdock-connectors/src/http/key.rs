//! How a transmission's key travels: `Idempotency-Key`, or what a system calls it. The key belongs to the transmission,
//! never to an attempt, so that trying again is asking again.

use crossdock_core::exchange::Header;
use crossdock_core::ids::TransmissionId;
use crossdock_core::source::{Diagnostic, Reader};

use super::remote::check_header_name;

/// The header for the key and its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyHeader {
    pub name: String,
    pub form: KeyForm,
}

/// How the key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// In double quotes: the string of a structured field, as the draft of the `Idempotency-Key` header asks. Default.
    Quoted,
    /// As it is, for systems that want a bare UUID.
    Bare,
}

impl Default for KeyHeader {
    fn default() -> Self {
        Self { name: "Idempotency-Key".into(), form: KeyForm::Quoted }
    }
}

impl KeyHeader {
    pub fn of(&self, transmission: TransmissionId) -> Header {
        let value = match self.form {
            KeyForm::Quoted => format!("\"{transmission}\""),
            KeyForm::Bare => transmission.to_string(),
        };
        Header::new(self.name.as_str(), value)
    }
}

/// Reads `idempotency` of `config:`: `{header: PayPal-Request-Id, form: bare}`.
pub(crate) fn key_header(reader: &Reader<'_>) -> KeyHeader {
    let usual = KeyHeader::default();
    let Some(node) = reader.node("idempotency") else { return usual };
    if node.text() == Some("none") {
        let mistake = Diagnostic::error(&node.location, "`idempotency` names the header for the key");
        reader.mistake(mistake.hint("for a system that honours none, use the operation `request.send_once`"));
        return usual;
    }
    let inner = Reader::new(node, "`idempotency`");
    let name = inner.optional_text("header").unwrap_or(&usual.name).to_owned();
    if let Err(problem) = check_header_name(&name) {
        let at = inner.node("header").map_or(inner.location(), |node| &node.location);
        inner.mistake(Diagnostic::error(at, format!("`{name}` {problem}")));
    }
    let form = inner.choice("form", &[("quoted", KeyForm::Quoted), ("bare", KeyForm::Bare)]).unwrap_or(usual.form);
    reader.mistakes(inner.finish());
    KeyHeader { name, form }
}
