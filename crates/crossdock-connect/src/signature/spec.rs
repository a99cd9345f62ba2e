//! The written form of a scheme, as it stands in `systems/<name>.yaml` under `webhook.scheme` and in the table of
//! presets, and the checks that turn it into a [`Scheme`].

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::signature::http_message::MessageRule;
use crate::signature::message::{Message, MessageError, Part};
use crate::signature::presets;
use crate::signature::public_key::PublicAlgorithm;
use crate::signature::scheme::{
    Encoding, Hash, KeyForm, Layout, Place, Proof, Scheme, Seal, SharedForm, SignatureRule, TimestampRule,
    TimestampSource, Tolerance, Unit,
};

/// Tolerance in both directions where a scheme has a timestamp and says nothing else, in seconds.
pub const TOLERANCE_S: u32 = 300;

/// A scheme as written. Every field may be left out when `preset` names a row to start from; a field that is given
/// replaces the preset's.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SchemeSpec {
    /// The preset to start from, for example `samsara`. Without it everything needed is given here.
    pub preset: Option<String>,
    /// The header that carries the signature or the shared secret. Names are matched in any case.
    pub header: Option<String>,
    /// In place of `header`: the query parameter of the URL that carries the shared secret.
    pub query: Option<String>,
    /// Text before the signature or secret in that header, for example `sha256=`. Compared exactly.
    pub prefix: Option<String>,
    /// For headers that hold a list of named items instead of one signature.
    pub list: Option<ListSpec>,
    /// How the request is proved.
    pub algorithm: Option<Algorithm>,
    /// How the signature is written: `hex` or `base64`.
    pub encoding: Option<Encoding>,
    /// How the key is made from the secret. Default `utf8`.
    pub key: Option<KeyForm>,
    /// The signed bytes as a template of `{id}`, `{timestamp}`, `{body}`, `{url}` and literal text. Default `{body}`.
    pub message: Option<String>,
    /// Where the time of sending is found, and how old or early a request may be. It must be part of `message`.
    pub timestamp: Option<TimestampSpec>,
    /// For HTTP Message Signatures: components that every signature must cover, for example `content-digest`.
    pub covers: Option<Vec<String>>,
    /// The header with the sender's id of the message. Required in each request when `{id}` is part of `message`.
    pub id_header: Option<String>,
    /// HTTP status for requests that do not verify. Default 401.
    pub reject_status: Option<u16>,
    /// A sentence for the reader of the table; no effect.
    pub about: Option<String>,
}

/// How a request is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha512,
    /// HTTP Message Signatures (RFC 9421) by HMAC-SHA256.
    HttpMessageHmacSha256,
    /// Ed25519 (RFC 8032); the secret is a public key, `whpk_…` or PEM.
    Ed25519,
    /// ECDSA over P-256 with SHA-256, r and s as they are; the secret is a public key in PEM.
    EcdsaP256Sha256,
    /// RSASSA-PSS with SHA-512; the secret is a public key in PEM.
    RsaPssSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the secret is a public key in PEM.
    #[serde(rename = "rsa-v1_5-sha256")]
    RsaV15Sha256,
    /// HTTP Message Signatures by Ed25519.
    HttpMessageEd25519,
    /// HTTP Message Signatures by ECDSA over P-256.
    HttpMessageEcdsaP256Sha256,
    /// HTTP Message Signatures by RSASSA-PSS.
    HttpMessageRsaPssSha512,
    /// HTTP Message Signatures by RSASSA-PKCS1-v1_5.
    #[serde(rename = "http-message-rsa-v1_5-sha256")]
    HttpMessageRsaV15Sha256,
    /// The secret itself.
    Static,
    /// `Authorization: Basic`, the secret being `user:password`.
    Basic,
    /// `Authorization: Bearer`, the secret being the token.
    Bearer,
}

/// How a list of named items is written in a header.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListSpec {
    /// Between items, for example a comma. A space stands for any run of spaces.
    pub separator: char,
    /// Between an item's name and its value, for example `=`.
    pub assign: char,
    /// The name of the items that are signatures, for example `v1`. Items of other names are ignored.
    pub field: String,
}

/// Where a timestamp is and what is still fresh.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimestampSpec {
    /// The header that holds it.
    pub header: Option<String>,
    /// In place of `header`: the name of the item in the signature's list.
    pub field: Option<String>,
    /// `seconds` (default), `milliseconds` or `rfc3339`.
    pub unit: Option<Unit>,
    /// How many seconds old a request may be, or `unlimited`. Default 300.
    pub past_s: Option<Tolerance>,
    /// How many seconds ahead of the hub's clock it may be, or `unlimited`. Default 300.
    pub future_s: Option<Tolerance>,
}

/// A scheme that cannot be used, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemeError {
    #[error(
        "unknown signature scheme `{name}`: presets are {known}; anything else is written out as a map with `header`, `algorithm` and so on"
    )]
    UnknownPreset { name: String, known: String },
    #[error("unsupported signature scheme `{name}`: {why}")]
    Unsupported { name: String, why: &'static str },
    #[error("signature scheme `{name}` needs `{field}`: {hint}")]
    Needs { name: String, field: &'static str, hint: &'static str },
    #[error("signature scheme `{name}`: `{field}` {problem}")]
    Wrong { name: String, field: &'static str, problem: &'static str },
    #[error("signature scheme `{name}`: in `message`, {problem}")]
    Message { name: String, problem: MessageError },
}

impl SchemeSpec {
    /// The bare reference to a preset, as in `scheme: samsara`.
    pub fn preset(name: &str) -> Self {
        Self { preset: Some(name.to_owned()), ..Self::default() }
    }

    /// This specification over its preset's, if it names one. The fields given here win.
    fn resolved(self) -> Result<(String, Self), SchemeError> {
        let Some(name) = self.preset.clone() else {
            return Ok(("custom".into(), self));
        };
        let (_, row) = presets::find(&name)?.resolved()?;
        let moved = self.header.is_some() || self.query.is_some();
        let merged = Self {
            preset: None,
            header: if moved { self.header } else { row.header },
            query: if moved { self.query } else { row.query },
            prefix: self.prefix.or(row.prefix),
            list: self.list.or(row.list),
            algorithm: self.algorithm.or(row.algorithm),
            encoding: self.encoding.or(row.encoding),
            key: self.key.or(row.key),
            message: self.message.or(row.message),
            timestamp: merge_timestamp(self.timestamp, row.timestamp),
            covers: self.covers.or(row.covers),
            id_header: self.id_header.or(row.id_header),
            reject_status: self.reject_status.or(row.reject_status),
            about: self.about.or(row.about),
        };
        Ok((name, merged))
    }
}

fn merge_timestamp(given: Option<TimestampSpec>, row: Option<TimestampSpec>) -> Option<TimestampSpec> {
    let (Some(given), Some(row)) = (given.clone(), row.clone()) else {
        return given.or(row);
    };
    let moved = given.header.is_some() || given.field.is_some();
    Some(TimestampSpec {
        header: if moved { given.header } else { row.header },
        field: if moved { given.field } else { row.field },
        unit: given.unit.or(row.unit),
        past_s: given.past_s.or(row.past_s),
        future_s: given.future_s.or(row.future_s),
    })
}

impl TryFrom<SchemeSpec> for Scheme {
    type Error = SchemeError;

    fn try_from(spec: SchemeSpec) -> Result<Self, SchemeError> {
        let (name, spec) = spec.resolved()?;
        let check = Check { name: &name, spec: &spec };
        let place = check.place()?;
        let proof = check.proof()?;
        let scheme = Scheme {
            id_header: check.header_name("id_header", spec.id_header.as_deref())?,
            reject_status: check.reject_status()?,
            place,
            proof,
            name: name.clone(),
        };
        Ok(scheme)
    }
}

/// The checks of one specification, so that each error can name the scheme.
struct Check<'a> {
    name: &'a str,
    spec: &'a SchemeSpec,
}

impl Check<'_> {
    fn needs(&self, field: &'static str, hint: &'static str) -> SchemeError {
        SchemeError::Needs { name: self.name.to_owned(), field, hint }
    }

    fn wrong(&self, field: &'static str, problem: &'static str) -> SchemeError {
        SchemeError::Wrong { name: self.name.to_owned(), field, problem }
    }

    fn place(&self) -> Result<Place, SchemeError> {
        match (&self.spec.header, &self.spec.query) {
            (Some(_), Some(_)) => {
                Err(self.wrong("query", "cannot stand beside `header`: keep the one the sender uses"))
            }
            (None, None) => Err(self.needs("header", "the name of the header that carries the signature or secret")),
            (None, Some(name)) if name.is_empty() => Err(self.wrong("query", "is empty: name the parameter")),
            (None, Some(name)) => Ok(Place::Query(name.clone())),
            (Some(name), None) => {
                let name = self.header_name("header", Some(name))?;
                Ok(Place::Header(name.unwrap_or_default()))
            }
        }
    }

    fn header_name(&self, field: &'static str, name: Option<&str>) -> Result<Option<String>, SchemeError> {
        let Some(name) = name else { return Ok(None) };
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(is_token) {
            return Err(self.wrong(field, "is not a header name: letters, digits and hyphens, at most 128"));
        }
        Ok(Some(name.to_owned()))
    }

    fn reject_status(&self) -> Result<u16, SchemeError> {
        match self.spec.reject_status.unwrap_or(401) {
            status @ 400..=499 => Ok(status),
            _ => Err(self.wrong("reject_status", "must be between 400 and 499")),
        }
    }

    fn proof(&self) -> Result<Proof, SchemeError> {
        let Some(algorithm) = self.spec.algorithm else {
            return Err(self.needs(
                "algorithm",
                "one of hmac-sha1, hmac-sha256, hmac-sha512, ed25519, ecdsa-p256-sha256, rsa-pss-sha512, \
                 rsa-v1_5-sha256, http-message-hmac-sha256 (or http-message- and ed25519, ecdsa-p256-sha256, \
                 rsa-pss-sha512 or rsa-v1_5-sha256), static, basic, bearer",
            ));
        };
        let hmac = |hash| Seal::Hmac(hash, self.spec.key.unwrap_or(KeyForm::Utf8));
        let public = Seal::Public;
        match algorithm {
            Algorithm::HmacSha1 => self.signature(hmac(Hash::Sha1)),
            Algorithm::HmacSha256 => self.signature(hmac(Hash::Sha256)),
            Algorithm::HmacSha512 => self.signature(hmac(Hash::Sha512)),
            Algorithm::Ed25519 => self.signature(public(PublicAlgorithm::Ed25519)),
            Algorithm::EcdsaP256Sha256 => self.signature(public(PublicAlgorithm::EcdsaP256Sha256)),
            Algorithm::RsaPssSha512 => self.signature(public(PublicAlgorithm::RsaPssSha512)),
            Algorithm::RsaV15Sha256 => self.signature(public(PublicAlgorithm::RsaV15Sha256)),
            Algorithm::HttpMessageHmacSha256 => self.http_message(hmac(Hash::Sha256)),
            Algorithm::HttpMessageEd25519 => self.http_message(public(PublicAlgorithm::Ed25519)),
            Algorithm::HttpMessageEcdsaP256Sha256 => self.http_message(public(PublicAlgorithm::EcdsaP256Sha256)),
            Algorithm::HttpMessageRsaPssSha512 => self.http_message(public(PublicAlgorithm::RsaPssSha512)),
            Algorithm::HttpMessageRsaV15Sha256 => self.http_message(public(PublicAlgorithm::RsaV15Sha256)),
            Algorithm::Static => {
                self.shared(SharedForm::Static { prefix: self.spec.prefix.clone().unwrap_or_default() })
            }
            Algorithm::Basic => self.shared(SharedForm::Basic),
            Algorithm::Bearer => self.shared(SharedForm::Bearer),
        }
    }

    /// A secret that is sent along signs nothing: fields about signed bytes would be a false comfort.
    fn shared(&self, form: SharedForm) -> Result<Proof, SchemeError> {
        let spec = self.spec;
        let only_hmac = [
            ("list", spec.list.is_some()),
            ("encoding", spec.encoding.is_some()),
            ("key", spec.key.is_some()),
            ("message", spec.message.is_some()),
            ("timestamp", spec.timestamp.is_some()),
            ("covers", spec.covers.is_some()),
        ];
        if let Some((field, _)) = only_hmac.into_iter().find(|(_, given)| *given) {
            return Err(self.wrong(field, "has no meaning for a shared secret: remove it, or choose an hmac algorithm"));
        }
        if !matches!(form, SharedForm::Static { .. }) && spec.prefix.is_some() {
            return Err(self.wrong("prefix", "is fixed for basic and bearer: remove it"));
        }
        if matches!(form, SharedForm::Basic | SharedForm::Bearer) && spec.query.is_some() {
            return Err(self.wrong("query", "carries the secret as it is: use `algorithm: static`"));
        }
        Ok(Proof::Shared(form))
    }

    /// The standard fixes how the signature is written; what is left to say is the key, the coverage and the time.
    fn http_message(&self, seal: Seal) -> Result<Proof, SchemeError> {
        let spec = self.spec;
        self.key_fits(seal)?;
        let fixed = [
            ("query", spec.query.is_some()),
            ("prefix", spec.prefix.is_some()),
            ("list", spec.list.is_some()),
            ("encoding", spec.encoding.is_some()),
            ("message", spec.message.is_some()),
        ];
        if let Some((field, _)) = fixed.into_iter().find(|(_, given)| *given) {
            return Err(self.wrong(field, "is fixed by HTTP Message Signatures: remove it"));
        }
        let timestamp = spec.timestamp.clone().unwrap_or_default();
        if timestamp.header.is_some() || timestamp.field.is_some() || timestamp.unit.is_some() {
            return Err(
                self.wrong("timestamp", "is the signature's `created`: only `past_s` and `future_s` can be set")
            );
        }
        let covers = spec.covers.clone().unwrap_or_else(|| vec!["content-digest".to_owned()]);
        if covers.iter().any(|component| component.is_empty() || *component != component.to_ascii_lowercase()) {
            return Err(self.wrong("covers", "holds a component that is not in lower case"));
        }
        let usual = Tolerance::Seconds(TOLERANCE_S);
        Ok(Proof::HttpMessage(MessageRule {
            seal,
            covers,
            past: timestamp.past_s.unwrap_or(usual),
            future: timestamp.future_s.unwrap_or(usual),
        }))
    }

    /// A public key says itself how it is written.
    fn key_fits(&self, seal: Seal) -> Result<(), SchemeError> {
        match seal {
            Seal::Public(_) if self.spec.key.is_some() => {
                Err(self.wrong("key", "is for shared keys: a public key is given as `whpk_…` or PEM, remove it"))
            }
            _ => Ok(()),
        }
    }

    fn signature(&self, seal: Seal) -> Result<Proof, SchemeError> {
        self.key_fits(seal)?;
        if self.spec.covers.is_some() {
            return Err(self.wrong("covers", "is for HTTP Message Signatures: `message` says what is signed here"));
        }
        let Some(encoding) = self.spec.encoding else {
            return Err(self.needs("encoding", "hex or base64"));
        };
        if self.spec.query.is_some() {
            return Err(self.wrong("query", "can only carry a shared secret: use `algorithm: static`, or `header`"));
        }
        let message: Message = (self.spec.message.as_deref().unwrap_or("{body}").parse())
            .map_err(|problem| SchemeError::Message { name: self.name.to_owned(), problem })?;
        if !message.contains(&Part::Body) {
            return Err(self.wrong("message", "must contain `{body}`: without it any body would pass"));
        }
        if message.contains(&Part::Id) && self.spec.id_header.is_none() {
            return Err(self.needs("id_header", "`message` contains `{id}`, so say which header holds it"));
        }
        let layout = self.layout()?;
        let timestamp = self.timestamp(&layout)?;
        if message.contains(&Part::Timestamp) != timestamp.is_some() {
            return Err(match timestamp {
                None => self.needs("timestamp", "`message` contains `{timestamp}`, so say where it is found"),
                Some(_) => self.wrong("timestamp", "is not part of `message`: anyone could change it"),
            });
        }
        Ok(Proof::Signature(SignatureRule { seal, encoding, layout, message, timestamp }))
    }

    fn layout(&self) -> Result<Layout, SchemeError> {
        let prefix = self.spec.prefix.clone().unwrap_or_default();
        let Some(list) = &self.spec.list else {
            return Ok(Layout::Whole { prefix });
        };
        if !prefix.is_empty() {
            return Err(self.wrong("prefix", "cannot stand beside `list`: name the item in `list.field`"));
        }
        if list.separator == list.assign {
            return Err(self.wrong("list.separator", "is the same as `list.assign`"));
        }
        if list.field.is_empty() || list.field.contains([list.separator, list.assign]) {
            return Err(self.wrong("list.field", "is not the name of an item"));
        }
        Ok(Layout::List { separator: list.separator, assign: list.assign, field: list.field.clone() })
    }

    fn timestamp(&self, layout: &Layout) -> Result<Option<TimestampRule>, SchemeError> {
        let Some(spec) = &self.spec.timestamp else {
            return Ok(None);
        };
        let source = match (&spec.header, &spec.field) {
            (Some(name), None) => {
                let name = self.header_name("timestamp.header", Some(name))?;
                TimestampSource::Header(name.unwrap_or_default())
            }
            (None, Some(field)) => match layout {
                Layout::List { field: signature, .. } if field != signature && !field.is_empty() => {
                    TimestampSource::Field(field.clone())
                }
                Layout::List { .. } => return Err(self.wrong("timestamp.field", "is not the name of another item")),
                Layout::Whole { .. } => {
                    return Err(self.wrong("timestamp.field", "needs `list`: the header has no items"));
                }
            },
            _ => {
                return Err(self.needs("timestamp", "either `header` or `field`, where the sender puts the time"));
            }
        };
        let usual = Tolerance::Seconds(TOLERANCE_S);
        Ok(Some(TimestampRule {
            source,
            unit: spec.unit.unwrap_or_default(),
            past: spec.past_s.unwrap_or(usual),
            future: spec.future_s.unwrap_or(usual),
        }))
    }
}

/// `scheme: samsara`, or a map of the fields of [`SchemeSpec`].
impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = SchemeSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a signature scheme, or a map that describes one")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<SchemeSpec, E> {
                Ok(SchemeSpec::preset(name))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SchemeSpec, A::Error> {
                SchemeSpec::deserialize(MapAccessDeserializer::new(map))
            }
        }

        Scheme::try_from(deserializer.deserialize_any(Written)?).map_err(D::Error::custom)
    }
}

/// A number of seconds, or `unlimited`.
impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = Tolerance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds, or `unlimited`")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Tolerance, E> {
                u32::try_from(seconds).map(Tolerance::Seconds).map_err(|_| E::custom("more than 4294967295 seconds"))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Tolerance, E> {
                u64::try_from(seconds).map_err(|_| E::custom("fewer than 0 seconds")).and_then(|s| self.visit_u64(s))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Tolerance, E> {
                match word {
                    "unlimited" => Ok(Tolerance::Unlimited),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }
        }

        deserializer.deserialize_any(Written)
    }
}
