//! Whether a request is the sender's own. Works on the raw bytes, before anything parses them, and fails closed: what
//! is missing, doubled, unreadable or unprovable is a rejection.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use subtle::{Choice, ConstantTimeEq};

use crate::secret::Secret;
use crate::signature::crypt;
use crate::signature::http_message;
use crate::signature::message::{Filling, Part};
use crate::signature::public_key::PublicKey;
use crate::signature::rejection::{Reason, Rejection};
use crate::signature::scheme::{
    Layout, Place, Proof, Scheme, Seal, SharedForm, SignatureRule, TimestampRule, TimestampSource, Tolerance, Unit,
};

/// Longest value read of any header or query parameter that takes part, in bytes.
pub const VALUE_BYTES_MAX: usize = 8 * 1024;
/// Most items read of a list of signatures.
pub const LIST_ITEMS_MAX: usize = 64;

/// A request as received. Names and values may be of any string-like type; header names match in any case.
#[derive(Clone, Copy, Debug)]
pub struct VerifyInput<'a, N = String, V = String> {
    pub headers: &'a [(N, V)],
    /// Decoded query parameters, for secrets that travel in the URL.
    pub query: &'a [(String, String)],
    /// The raw bytes, exactly as received.
    pub body: &'a [u8],
    /// The URL as the sender addressed it, for schemes that sign it.
    pub url: Option<&'a str>,
    /// The HTTP method, for schemes that sign it.
    pub method: Option<&'a str>,
}

impl<'a, N, V> VerifyInput<'a, N, V> {
    pub fn new(headers: &'a [(N, V)], body: &'a [u8]) -> Self {
        Self { headers, query: &[], body, url: None, method: None }
    }

    pub fn query(self, query: &'a [(String, String)]) -> Self {
        Self { query, ..self }
    }

    pub fn url(self, url: &'a str) -> Self {
        Self { url: Some(url), ..self }
    }

    pub fn method(self, method: &'a str) -> Self {
        Self { method: Some(method), ..self }
    }
}

/// What is known about a request that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The sender's id of the message, when the scheme has a header for it and the request carries it.
    pub id: Option<String>,
    /// Whether the id was under the signature. When not, it only helps against honest repetition.
    pub id_signed: bool,
    /// When it was sent, when the scheme signs that.
    pub timestamp: Option<Timestamp>,
}

/// Verifies a request against any of the secrets: several are normal while one replaces the other.
///
/// # Errors
/// The first thing found wrong, with the HTTP status to answer. Age is judged last, so a stale timestamp means a
/// genuine request that is late or repeated, or a clock that is off.
pub fn verify<N: AsRef<str>, V: AsRef<[u8]>>(
    scheme: &Scheme,
    secrets: &[Secret],
    request: VerifyInput<'_, N, V>,
    now: Timestamp,
) -> Result<Verified, Rejection> {
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    let VerifyInput { query, body, url, method, .. } = request;
    let request = Request { headers: &headers, query, body, url, method };
    judge(scheme, secrets, &request, now).map_err(|reason| reason.rejected_with(scheme.reject_status))
}

fn judge(scheme: &Scheme, secrets: &[Secret], request: &Request<'_>, now: Timestamp) -> Result<Verified, Reason> {
    if secrets.iter().all(Secret::is_empty) {
        return Err(Reason::MissingSecret);
    }
    let value = request.value(&scheme.place)?.ok_or_else(|| Reason::missing(&scheme.place))?;
    let id = scheme.id_header.as_deref().map(|name| request.id(name)).transpose()?.flatten();
    let mut verified = Verified { id: id.map(str::to_owned), id_signed: false, timestamp: None };
    match &scheme.proof {
        Proof::HttpMessage(rule) => verified.timestamp = Some(http_message::judge(rule, secrets, request, now)?),
        Proof::Shared(form) => judge_shared(form, &scheme.place, secrets, value)?,
        Proof::Signature(rule) => {
            verified.id_signed = rule.message.contains(&Part::Id);
            if verified.id_signed && id.is_none() {
                let header = scheme.id_header.clone().unwrap_or_default();
                return Err(Reason::MissingHeader { header });
            }
            verified.timestamp = judge_signature(rule, secrets, request, value, id, now)?;
        }
    }
    Ok(verified)
}

/// A request whose header types are known.
pub(crate) struct Request<'a> {
    pub headers: &'a [(&'a str, &'a [u8])],
    pub query: &'a [(String, String)],
    pub body: &'a [u8],
    pub url: Option<&'a str>,
    pub method: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The value at a place; `None` when missing or empty.
    fn value(&self, place: &Place) -> Result<Option<&'a [u8]>, Reason> {
        match place {
            Place::Header(name) => self.header(name),
            Place::Query(name) => {
                let named = self.query.iter().filter(|(other, _)| other == name);
                only(name, named.map(|(_, value)| value.as_bytes()))
            }
        }
    }

    pub fn header(&self, name: &str) -> Result<Option<&'a [u8]>, Reason> {
        let named = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        only(name, named.map(|(_, value)| value.trim_ascii()))
    }

    fn id(&self, name: &str) -> Result<Option<&'a str>, Reason> {
        let Some(id) = self.header(name)? else { return Ok(None) };
        match std::str::from_utf8(id) {
            Ok(id) if id.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(id)),
            _ => Err(Reason::MalformedId),
        }
    }
}

/// The one value among `values`, which may be repeated but must not differ.
fn only<'a>(name: &str, mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a [u8]>, Reason> {
    let Some(first) = values.next() else { return Ok(None) };
    if values.any(|other| other != first) {
        return Err(Reason::Contradictory { name: name.to_owned() });
    }
    if first.len() > VALUE_BYTES_MAX {
        return Err(Reason::TooLong { name: name.to_owned(), bytes_max: VALUE_BYTES_MAX });
    }
    Ok(Some(first).filter(|value| !value.is_empty()))
}

fn judge_signature(
    rule: &SignatureRule,
    secrets: &[Secret],
    request: &Request<'_>,
    value: &[u8],
    id: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Reason> {
    let value = std::str::from_utf8(value).map_err(|_| Reason::malformed("it is not text"))?;
    let signatures = signatures(rule, value)?;
    let (timestamp_text, timestamp) = match &rule.timestamp {
        None => ("", None),
        Some(timed) => {
            let text = timestamp_text(rule, timed, request, value)?;
            (text, Some((timed, parse_timestamp(timed.unit, text)?)))
        }
    };
    let url = match (request.url, rule.message.contains(&Part::Url)) {
        (None, true) => return Err(Reason::UnknownUrl),
        (url, _) => url.unwrap_or_default(),
    };
    let filling = Filling { id: id.unwrap_or_default(), timestamp: timestamp_text, url, body: request.body };
    if !any_matches(rule, secrets, filling, &signatures)? {
        return Err(Reason::Mismatch);
    }
    let Some((timed, timestamp)) = timestamp else {
        return Ok(None);
    };
    judge_age(timed.past, timed.future, timestamp, now)?;
    Ok(Some(timestamp))
}

/// Every signature the header offers, decoded. Items that cannot be one are passed over as long as another can.
fn signatures(rule: &SignatureRule, value: &str) -> Result<Vec<Vec<u8>>, Reason> {
    let texts: Vec<&str> = match &rule.layout {
        Layout::Whole { prefix } => match value.strip_prefix(prefix.as_str()) {
            Some(text) => vec![text],
            None => return Err(Reason::malformed(format!("it does not begin with `{prefix}`"))),
        },
        Layout::List { field, .. } => {
            items(&rule.layout, value)?.into_iter().filter(|(name, _)| name == field).map(|(_, text)| text).collect()
        }
    };
    if let (Layout::List { field, .. }, true) = (&rule.layout, texts.is_empty()) {
        return Err(Reason::malformed(format!("no item `{field}` in the list")));
    }
    let decoded = texts.into_iter().filter_map(|text| crypt::decode(rule.encoding, text, rule.seal));
    let digests: Vec<_> = decoded.collect();
    match digests.is_empty() {
        true => Err(Reason::malformed(format!("not {} bytes in {}", rule.seal.length(), rule.encoding.word()))),
        false => Ok(digests),
    }
}

/// The named items of a list; what has no name is passed over.
fn items<'v>(layout: &Layout, value: &'v str) -> Result<Vec<(&'v str, &'v str)>, Reason> {
    let Layout::List { separator, assign, .. } = layout else {
        return Ok(Vec::new());
    };
    let items: Vec<_> = value.split(*separator).take(LIST_ITEMS_MAX + 1).collect();
    if items.len() > LIST_ITEMS_MAX {
        return Err(Reason::malformed(format!("more than {LIST_ITEMS_MAX} items in the list")));
    }
    Ok(items.into_iter().filter_map(|item| item.trim_ascii().split_once(*assign)).collect())
}

fn timestamp_text<'r>(
    rule: &SignatureRule,
    timed: &TimestampRule,
    request: &Request<'r>,
    value: &'r str,
) -> Result<&'r str, Reason> {
    match &timed.source {
        TimestampSource::Header(name) => {
            let bytes = request.header(name)?.ok_or_else(|| Reason::MissingHeader { header: name.clone() })?;
            std::str::from_utf8(bytes).map_err(|_| Reason::MalformedTimestamp { problem: "it is not text" })
        }
        TimestampSource::Field(name) => {
            let items = items(&rule.layout, value)?;
            let texts = items.into_iter().filter(|(other, _)| other == name).map(|(_, text)| text.as_bytes());
            let text = only(name, texts)?.ok_or(Reason::MalformedTimestamp { problem: "the list has none" })?;
            std::str::from_utf8(text).map_err(|_| Reason::MalformedTimestamp { problem: "it is not text" })
        }
    }
}

fn parse_timestamp(unit: Unit, text: &str) -> Result<Timestamp, Reason> {
    let number = |problem| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<i64>().map_err(|_| Reason::MalformedTimestamp { problem: "it is out of range" }),
        false => Err(Reason::MalformedTimestamp { problem }),
    };
    let timestamp = match unit {
        Unit::Seconds => Timestamp::from_second(number("it is not a whole number of seconds")?),
        Unit::Milliseconds => Timestamp::from_millisecond(number("it is not a whole number of milliseconds")?),
        Unit::Rfc3339 => {
            return text.parse().map_err(|_| Reason::MalformedTimestamp { problem: "it is not an RFC 3339 date-time" });
        }
    };
    timestamp.map_err(|_| Reason::MalformedTimestamp { problem: "it is out of range" })
}

pub(crate) fn judge_age(
    past: Tolerance,
    future: Tolerance,
    timestamp: Timestamp,
    now: Timestamp,
) -> Result<(), Reason> {
    let age = now.duration_since(timestamp);
    let over = |limit: u32, age: SignedDuration| age > SignedDuration::from_secs(i64::from(limit));
    match (past, future) {
        (Tolerance::Seconds(past_s), _) if over(past_s, age) => Err(Reason::Stale { age_s: ceil_s(age), past_s }),
        (_, Tolerance::Seconds(future_s)) if over(future_s, -age) => {
            Err(Reason::Future { ahead_s: ceil_s(-age), future_s })
        }
        _ => Ok(()),
    }
}

/// Started seconds, so that what is beyond a limit also reads beyond it.
fn ceil_s(duration: SignedDuration) -> i64 {
    duration.as_secs() + i64::from(duration.subsec_nanos() > 0)
}

/// Whether any secret made any of the signatures. All are tried, whichever matches, so that time tells nothing.
fn any_matches(
    rule: &SignatureRule,
    secrets: &[Secret],
    filling: Filling<'_>,
    signatures: &[Vec<u8>],
) -> Result<bool, Reason> {
    let mut matches = Choice::from(0);
    let mut unusable = Some(Reason::MissingSecret);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        match one_matches(rule, secret, filling, signatures) {
            Ok(found) => {
                unusable = None;
                matches |= found;
            }
            Err(reason) => unusable = unusable.map(|_| reason),
        }
    }
    match unusable {
        Some(reason) => Err(reason),
        None => Ok(matches.into()),
    }
}

fn one_matches(
    rule: &SignatureRule,
    secret: &Secret,
    filling: Filling<'_>,
    signatures: &[Vec<u8>],
) -> Result<Choice, Reason> {
    let mut matches = Choice::from(0);
    match rule.seal {
        Seal::Hmac(hash, form) => {
            let expected = crypt::digest(hash, &crypt::key(form, secret)?, &rule.message, filling);
            for signature in signatures {
                matches |= expected.as_slice().ct_eq(signature.as_slice());
            }
        }
        // Nothing here is secret, so nothing is to be hidden in the time it takes.
        Seal::Public(algorithm) => {
            let key = PublicKey::read(algorithm, secret)?;
            let message = rule.message.pieces(filling).collect::<Vec<_>>().concat();
            let is_right = signatures.iter().any(|signature| key.verifies(&message, signature));
            matches |= Choice::from(u8::from(is_right));
        }
    }
    Ok(matches)
}

fn judge_shared(form: &SharedForm, place: &Place, secrets: &[Secret], value: &[u8]) -> Result<(), Reason> {
    let offered = offered_secrets(form, place, value)?;
    let mut matches = Choice::from(0);
    let mut unusable = Some(Reason::MissingSecret);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if let Err(reason) = crypt::check_shared(form, secret) {
            unusable = unusable.map(|_| reason);
            continue;
        }
        unusable = None;
        for given in &offered {
            matches |= secret.is(given);
        }
    }
    if let Some(reason) = unusable {
        return Err(reason);
    }
    match bool::from(matches) {
        true => Ok(()),
        false => Err(Reason::Mismatch),
    }
}

/// What the request may mean by its value. A fixed secret in `Authorization` is read with and without `Bearer`,
/// because senders let people fill in either.
fn offered_secrets<'v>(form: &SharedForm, place: &Place, value: &'v [u8]) -> Result<Vec<Cow<'v, [u8]>>, Reason> {
    match form {
        SharedForm::Static { prefix } => {
            let whole = value
                .strip_prefix(prefix.as_bytes())
                .ok_or_else(|| Reason::malformed(format!("it does not begin with `{prefix}`")))?;
            let is_authorization = matches!(place, Place::Header(name) if name.eq_ignore_ascii_case("authorization"));
            let bearer = credentials("bearer", value).filter(|_| is_authorization && prefix.is_empty());
            Ok([Some(whole), bearer].into_iter().flatten().map(Cow::Borrowed).collect())
        }
        SharedForm::Bearer => {
            let token = credentials("bearer", value).ok_or_else(|| Reason::malformed("it is not Bearer"))?;
            Ok(vec![Cow::Borrowed(token)])
        }
        SharedForm::Basic => {
            let encoded = credentials("basic", value).ok_or_else(|| Reason::malformed("it is not Basic"))?;
            let pair =
                STANDARD.decode(encoded).map_err(|_| Reason::malformed("its Basic credentials are not base64"))?;
            Ok(vec![Cow::Owned(pair)])
        }
    }
}

/// What follows an authentication scheme's name, which is matched in any case (RFC 9110 section 11.1).
fn credentials<'v>(scheme: &str, value: &'v [u8]) -> Option<&'v [u8]> {
    let (name, rest) = value.split_at_checked(scheme.len())?;
    let is_named = name.eq_ignore_ascii_case(scheme.as_bytes()) && rest.first() == Some(&b' ');
    Some(rest.trim_ascii()).filter(|rest| is_named && !rest.is_empty())
}
