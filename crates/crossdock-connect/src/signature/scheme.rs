//! One row that says how a sender proves a request is its own. A `Scheme` can only be had through [`SchemeSpec`] (the
//! configuration) or [`Scheme::preset`], both of which refuse rows that would protect nothing.

use crate::secret::Secret;
use crate::signature::crypt;
use crate::signature::http_message::MessageRule;
use crate::signature::message::Message;
use crate::signature::public_key::{PublicAlgorithm, PublicKey};
use crate::signature::rejection::Reason;
use crate::signature::spec::{SchemeError, SchemeSpec};

/// How requests of one sender are verified, and how requests to it are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) proof: Proof,
    pub(crate) id_header: Option<String>,
    pub(crate) reject_status: u16,
}

/// Where the signature or the shared secret travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Header(String),
    /// A parameter of the URL's query.
    Query(String),
}

/// What makes a request believable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A signature of the message.
    Signature(SignatureRule),
    /// A signature of the parts that the request itself names (RFC 9421).
    HttpMessage(MessageRule),
    /// The secret itself, sent along. Says who sends, nothing about what is sent.
    Shared(SharedForm),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignatureRule {
    pub seal: Seal,
    pub encoding: Encoding,
    pub layout: Layout,
    pub message: Message,
    pub timestamp: Option<TimestampRule>,
}

/// How a signature is made, and what its key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    /// A digest with a key that both sides share.
    Hmac(Hash, KeyForm),
    /// By a pair of keys.
    Public(PublicAlgorithm),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// How the key is made from the secret's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyForm {
    /// The text's UTF-8 bytes.
    Utf8,
    /// The UTF-8 bytes of the text after Unicode compatibility decomposition (NFKD).
    NfkdUtf8,
    /// The bytes the text stands for in base64, with or without padding.
    Base64,
    /// The same; a text that is not base64 is taken as UTF-8.
    Base64OrUtf8,
    /// Standard Webhooks: base64 behind an optional `whsec_`.
    Whsec,
}

/// How a digest is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Either case is read, lower case is written.
    Hex,
    /// RFC 4648 section 4, with its padding.
    Base64,
}

/// How the signature lies in its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The whole value is the signature, behind a fixed prefix which may be empty.
    Whole { prefix: String },
    /// A list of named items, several of which may be signatures: `v1,AAA= v1,BBB=` or `t=17,v1=aa,v1=bb`.
    List { separator: char, assign: char, field: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimestampRule {
    pub source: TimestampSource,
    pub unit: Unit,
    pub past: Tolerance,
    pub future: Tolerance,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimestampSource {
    Header(String),
    /// An item of the signature's own list.
    Field(String),
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Whole seconds since 1970-01-01T00:00Z, digits only.
    #[default]
    Seconds,
    /// Whole milliseconds since then, digits only.
    Milliseconds,
    /// RFC 3339, for example `2026-01-02T03:04:05Z`.
    Rfc3339,
}

/// How far a timestamp may be from the hub's clock, in one direction. The limit itself is still inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    Seconds(u32),
    Unlimited,
}

/// In what form the shared secret is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SharedForm {
    /// As it is, behind a fixed prefix which may be empty.
    Static { prefix: String },
    /// RFC 7617 `Basic`; the secret is `user:password`.
    Basic,
    /// RFC 6750 `Bearer`.
    Bearer,
}

impl Scheme {
    /// A scheme known by name.
    ///
    /// # Errors
    /// When no such preset exists, when it exists elsewhere but not here, or when it needs more than a name.
    pub fn preset(name: &str) -> Result<Self, SchemeError> {
        Self::try_from(SchemeSpec::preset(name))
    }

    /// The preset's name, or `custom`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a secret can serve this scheme, for telling a mistake before the first request comes.
    ///
    /// # Errors
    /// What is wrong with it; the secret itself is not in the reason.
    pub fn check_secret(&self, secret: &Secret) -> Result<(), Reason> {
        match &self.proof {
            Proof::Signature(SignatureRule { seal, .. }) | Proof::HttpMessage(MessageRule { seal, .. }) => match seal {
                Seal::Hmac(_, form) => crypt::key(*form, secret).map(|_| ()),
                Seal::Public(algorithm) => PublicKey::read(*algorithm, secret).map(|_| ()),
            },
            Proof::Shared(form) => crypt::check_shared(form, secret),
        }
    }

    /// Whether a valid request proves its body, and not only who sent it. When it does not, the hub reads the facts
    /// again at their source before it acts on them.
    pub fn signs_body(&self) -> bool {
        match &self.proof {
            Proof::Signature(_) => true,
            Proof::HttpMessage(rule) => rule.covers.iter().any(|component| component == "content-digest"),
            Proof::Shared(_) => false,
        }
    }

    /// Whether a captured request is refused once it is older than the tolerance.
    pub fn limits_replay(&self) -> bool {
        match &self.proof {
            Proof::Signature(rule) => rule.timestamp.as_ref().is_some_and(|timed| timed.past != Tolerance::Unlimited),
            Proof::HttpMessage(rule) => rule.past != Tolerance::Unlimited,
            Proof::Shared(_) => false,
        }
    }

    /// The header whose value is the secret itself, which must not be kept with the message.
    pub fn secret_header(&self) -> Option<&str> {
        match (&self.place, &self.proof) {
            (Place::Header(name), Proof::Shared(_)) => Some(name),
            _ => None,
        }
    }
}

impl Seal {
    /// Whether a signature can have so many bytes.
    pub fn fits(self, bytes: usize) -> bool {
        let (least, most) = self.bytes();
        (least..=most).contains(&bytes)
    }

    /// How long a signature is, for people.
    pub fn length(self) -> String {
        match self.bytes() {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        }
    }

    fn bytes(self) -> (usize, usize) {
        match self {
            Seal::Hmac(hash, _) => (hash.bytes(), hash.bytes()),
            Seal::Public(algorithm) => algorithm.signature_bytes(),
        }
    }
}

impl Hash {
    /// Length of the digest in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha512 => 64,
        }
    }
}

impl Encoding {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
        }
    }
}
