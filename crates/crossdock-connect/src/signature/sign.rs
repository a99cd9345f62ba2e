//! The headers that make a request believable to a receiver that verifies by the same scheme: for outgoing webhooks and
//! for simulated partners.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::secret::Secret;
use crate::signature::crypt;
use crate::signature::http_message;
use crate::signature::message::{Filling, Part};
use crate::signature::public_key::{PublicAlgorithm, secret_key};
use crate::signature::rejection::Reason;
use crate::signature::scheme::{Layout, Place, Proof, Scheme, Seal, SharedForm, SignatureRule, TimestampSource, Unit};

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct SignInput<'a> {
    /// The message id; the same for every attempt. Left out of the request when the scheme has no header for it.
    pub id: &'a str,
    /// When this attempt is sent. Truncated to the scheme's unit.
    pub timestamp: Timestamp,
    /// The raw bytes, exactly as they will be sent.
    pub body: &'a [u8],
    /// The URL it is sent to, for schemes that sign it.
    pub url: Option<&'a str>,
}

impl<'a> SignInput<'a> {
    pub fn new(id: &'a str, timestamp: Timestamp, body: &'a [u8]) -> Self {
        Self { id, timestamp, body, url: None }
    }

    pub fn url(self, url: &'a str) -> Self {
        Self { url: Some(url), ..self }
    }
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("missing secret: nothing can be signed without one")]
    MissingSecret,
    #[error("unusable secret: {0}")]
    UnusableSecret(&'static str),
    #[error("the hub verifies {0} and does not sign with it: sign with ed25519 or a shared key")]
    OnlyVerified(&'static str),
    #[error("the scheme signs the URL, which was not given")]
    UnknownUrl,
    #[error("the scheme signs the message id, and this one is empty or not visible ASCII text")]
    BadId,
    #[error("the scheme puts the secret in the URL, not in a header")]
    InUrl,
    #[error("the secret cannot stand in a header: it holds a character other than visible ASCII")]
    NotAHeader,
}

/// Signs a request. Returns the headers to add, id and timestamp headers included.
///
/// A scheme whose header is a list gets one signature per secret, which lets a receiver change secrets without a gap;
/// any other is signed with the first secret.
///
/// # Errors
/// When there is no secret, when one is empty or unusable for the scheme, or when an input the scheme needs is missing.
pub fn sign(scheme: &Scheme, secrets: &[Secret], input: SignInput<'_>) -> Result<Vec<(String, String)>, SignError> {
    let Place::Header(header) = &scheme.place else {
        return Err(SignError::InUrl);
    };
    let Some(first) = secrets.first() else {
        return Err(SignError::MissingSecret);
    };
    if secrets.iter().any(Secret::is_empty) {
        return Err(SignError::MissingSecret);
    }
    let mut headers = Vec::new();
    if let Some(name) = &scheme.id_header {
        if input.id.is_empty() || !input.id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SignError::BadId);
        }
        headers.push((name.clone(), input.id.to_owned()));
    }
    let value = match &scheme.proof {
        Proof::HttpMessage(rule) => {
            headers.extend(http_message::sign(rule, secrets, input)?);
            return Ok(headers);
        }
        Proof::Shared(form) => shared_value(form, first)?,
        Proof::Signature(rule) => {
            let timestamp = rule.timestamp.as_ref().map(|timed| timestamp_text(timed.unit, input.timestamp));
            if let (Some(timed), Some(text)) = (&rule.timestamp, &timestamp)
                && let TimestampSource::Header(name) = &timed.source
            {
                headers.push((name.clone(), text.clone()));
            }
            signature_value(rule, secrets, input, &timestamp.unwrap_or_default())?
        }
    };
    headers.push((header.clone(), value));
    Ok(headers)
}

fn signature_value(
    rule: &SignatureRule,
    secrets: &[Secret],
    input: SignInput<'_>,
    timestamp: &str,
) -> Result<String, SignError> {
    let url = match (input.url, rule.message.contains(&Part::Url)) {
        (None, true) => return Err(SignError::UnknownUrl),
        (url, _) => url.unwrap_or_default(),
    };
    let filling = Filling { id: input.id, timestamp, url, body: input.body };
    let signature = |secret: &Secret| {
        let signature = match rule.seal {
            Seal::Hmac(hash, form) => {
                crypt::digest(hash, &crypt::key(form, secret).map_err(unusable)?, &rule.message, filling)
            }
            Seal::Public(algorithm) => {
                signed(algorithm, secret, &rule.message.pieces(filling).collect::<Vec<_>>().concat())?
            }
        };
        Ok(crypt::encode(rule.encoding, &signature))
    };
    match &rule.layout {
        Layout::Whole { prefix } => Ok(format!("{prefix}{}", signature(&secrets[0])?)),
        Layout::List { separator, assign, field } => {
            let mut items = Vec::new();
            if let Some(TimestampSource::Field(name)) = rule.timestamp.as_ref().map(|timed| &timed.source) {
                items.push(format!("{name}{assign}{timestamp}"));
            }
            for secret in secrets {
                items.push(format!("{field}{assign}{}", signature(secret)?));
            }
            Ok(items.join(&separator.to_string()))
        }
    }
}

/// A signature by a pair of keys.
pub(crate) fn signed(algorithm: PublicAlgorithm, secret: &Secret, message: &[u8]) -> Result<Vec<u8>, SignError> {
    match algorithm {
        PublicAlgorithm::Ed25519 => Ok(secret_key(secret).map_err(unusable)?.sign(message).as_ref().to_vec()),
        _ => Err(SignError::OnlyVerified(algorithm.word())),
    }
}

fn shared_value(form: &SharedForm, secret: &Secret) -> Result<String, SignError> {
    crypt::check_shared(form, secret).map_err(unusable)?;
    match form {
        SharedForm::Basic => Ok(format!("Basic {}", STANDARD.encode(secret.expose_bytes()))),
        _ if !secret.expose_bytes().iter().all(|byte| byte.is_ascii_graphic()) => Err(SignError::NotAHeader),
        SharedForm::Bearer => Ok(format!("Bearer {}", secret.expose())),
        SharedForm::Static { prefix } => Ok(format!("{prefix}{}", secret.expose())),
    }
}

pub(crate) fn unusable(reason: Reason) -> SignError {
    match reason {
        Reason::UnusableSecret { problem } => SignError::UnusableSecret(problem),
        _ => SignError::MissingSecret,
    }
}

fn timestamp_text(unit: Unit, timestamp: Timestamp) -> String {
    match unit {
        Unit::Seconds => timestamp.as_second().to_string(),
        Unit::Milliseconds => timestamp.as_millisecond().to_string(),
        Unit::Rfc3339 => timestamp.to_string(),
    }
}
