//! HTTP Message Signatures (RFC 9421): each request names the parts it signs. Which parts must be
//! among them is the scheme's to say, because a signature over the date alone proves nothing about the body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

use crate::secret::Secret;
use crate::signature::crypt;
use crate::signature::public_key::PublicKey;
use crate::signature::rejection::Reason;
use crate::signature::scheme::{Seal, Tolerance};
use crate::signature::sign::{SignError, SignInput, signed, unusable};
use crate::signature::verify::{Request, judge_age};

/// The header that names what each signature covers.
const INPUT: &str = "signature-input";
/// The header of the body's digest (RFC 9530).
const DIGEST: &str = "content-digest";
/// Signatures of one request that are looked at.
const SIGNATURES_MAX: usize = 8;
/// Components that one signature may cover.
const COMPONENTS_MAX: usize = 32;

/// How such a request is proved: one algorithm over the signature base. The request has no say in which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageRule {
    pub seal: Seal,
    /// Components that a signature must cover, in lower case.
    pub covers: Vec<String>,
    pub past: Tolerance,
    pub future: Tolerance,
}

/// One signature of a request, as its two headers say.
struct Signature<'r> {
    components: Vec<&'r str>,
    /// Everything behind the label: the last line of the base.
    params: &'r str,
    created: Option<i64>,
    expires: Option<i64>,
    bytes: Vec<u8>,
}

/// Whether one of the request's signatures is the sender's own and covers what it must; when it was made.
pub(crate) fn judge(
    rule: &MessageRule,
    secrets: &[Secret],
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Timestamp, Reason> {
    let signatures = signatures(rule.seal, request)?;
    let mut first_reason = None;
    for signature in &signatures {
        match judge_one(rule, secrets, request, signature, now) {
            Ok(created) => return Ok(created),
            Err(reason) => {
                first_reason.get_or_insert(reason);
            }
        }
    }
    Err(first_reason.unwrap_or_else(|| Reason::malformed("no signature that can be read")))
}

fn judge_one(
    rule: &MessageRule,
    secrets: &[Secret],
    request: &Request<'_>,
    signature: &Signature<'_>,
    now: Timestamp,
) -> Result<Timestamp, Reason> {
    let is_covered = |wanted: &String| signature.components.iter().any(|component| component == wanted);
    if let Some(missing) = rule.covers.iter().find(|wanted| !is_covered(wanted)) {
        return Err(Reason::malformed(format!("it does not cover \"{missing}\"")));
    }
    let base = base(request, signature)?;
    let mut matches = Choice::from(0);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        matches |= match rule.seal {
            Seal::Hmac(_, form) => mac(&crypt::key(form, secret)?, base.as_bytes()).ct_eq(&signature.bytes),
            Seal::Public(algorithm) => {
                let key = PublicKey::read(algorithm, secret)?;
                Choice::from(u8::from(key.verifies(base.as_bytes(), &signature.bytes)))
            }
        };
    }
    if !bool::from(matches) {
        return Err(Reason::Mismatch);
    }
    if signature.components.contains(&DIGEST) {
        check_digest(request)?;
    }
    let instant = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|_| Reason::MalformedTimestamp { problem: "it is out of range" })
    };
    let created = signature.created.ok_or(Reason::MalformedTimestamp { problem: "the signature has no `created`" })?;
    let created = instant(created)?;
    judge_age(rule.past, rule.future, created, now)?;
    if let Some(expires) = signature.expires {
        // It is stale from that second on, whatever the scheme allows.
        judge_age(Tolerance::Seconds(0), Tolerance::Unlimited, instant(expires)?, now)?;
    }
    Ok(created)
}

/// The signatures that both headers name. Those of other algorithms are passed over as long as one can be used.
fn signatures<'r>(seal: Seal, request: &Request<'r>) -> Result<Vec<Signature<'r>>, Reason> {
    let text = |name: &str| match request.header(name)? {
        None => Err(Reason::MissingHeader { header: name.to_owned() }),
        Some(value) => std::str::from_utf8(value).map_err(|_| Reason::malformed("it is not text")),
    };
    let (inputs, values) = (members(text(INPUT)?)?, members(text("signature")?)?);
    let mut problem = None;
    let mut found = Vec::new();
    for (label, params) in inputs.into_iter().take(SIGNATURES_MAX) {
        let Some((_, value)) = values.iter().find(|(other, _)| *other == label) else { continue };
        match read(seal, params, value) {
            Ok(signature) => found.push(signature),
            Err(reason) => problem = Some(reason),
        }
    }
    match (found.is_empty(), problem) {
        (true, Some(problem)) => Err(problem),
        (true, None) => Err(Reason::malformed("signature-input and signature have no label in common")),
        (false, _) => Ok(found),
    }
}

fn read<'r>(seal: Seal, params: &'r str, value: &str) -> Result<Signature<'r>, Reason> {
    let malformed = |problem: &str| Reason::malformed(format!("signature-input {problem}"));
    let list = params.strip_prefix('(').ok_or_else(|| malformed("is not a list of components"))?;
    let (mut rest, mut components) = (list.trim_start(), Vec::new());
    while let Some(named) = rest.strip_prefix('"') {
        let (name, behind) = named.split_once('"').ok_or_else(|| malformed("has an open quote"))?;
        if behind.starts_with(';') {
            return Err(malformed("has a component with parameters, which are not read here"));
        }
        if components.contains(&name) || components.len() >= COMPONENTS_MAX || name != name.to_ascii_lowercase() {
            return Err(malformed("names a component twice, too many, or not in lower case"));
        }
        components.push(name);
        rest = behind.trim_start();
    }
    let rest = rest.strip_prefix(')').ok_or_else(|| malformed("has no end of its list"))?;
    let (mut created, mut expires) = (None, None);
    for parameter in split_outside_quotes(rest, ';').skip(1) {
        let (name, value) = parameter.trim().split_once('=').unwrap_or((parameter.trim(), ""));
        let number = || value.parse::<i64>().map_err(|_| Reason::MalformedTimestamp { problem: "it is not a number" });
        match name {
            "created" => created = Some(number()?),
            "expires" => expires = Some(number()?),
            "alg" if value.trim_matches('"') != word(seal) => return Err(malformed("asks for another algorithm")),
            _ => {}
        }
    }
    let encoded = value.strip_prefix(':').and_then(|value| value.strip_suffix(':'));
    let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).filter(|bytes| seal.fits(bytes.len()));
    let bytes =
        bytes.ok_or_else(|| Reason::malformed(format!("not {} bytes in base64 between colons", seal.length())))?;
    Ok(Signature { components, params, created, expires, bytes })
}

/// The members of a dictionary (RFC 8941) as written: label and value.
fn members(value: &str) -> Result<Vec<(&str, &str)>, Reason> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in split_outside_quotes(value, ',') {
        let (label, value) = member.trim().split_once('=').ok_or_else(|| Reason::malformed("not a dictionary"))?;
        // The last one of a name counts.
        members.retain(|(other, _)| *other != label);
        members.push((label, value));
    }
    Ok(members)
}

fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
}

/// The text that was signed (section 2.5).
fn base(request: &Request<'_>, signature: &Signature<'_>) -> Result<String, Reason> {
    let mut base = String::new();
    for name in &signature.components {
        let value = match name.strip_prefix('@') {
            Some(derived) => derived_value(request, derived)?,
            None => field_value(request, name)?,
        };
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(signature.params);
    Ok(base)
}

/// All fields of a name in their order, joined (section 2.1).
fn field_value(request: &Request<'_>, name: &str) -> Result<String, Reason> {
    let named = request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let values: Option<Vec<&str>> = named.map(|(_, value)| std::str::from_utf8(value.trim_ascii()).ok()).collect();
    match values {
        Some(values) if !values.is_empty() => Ok(values.join(", ")),
        Some(_) => Err(Reason::MissingHeader { header: name.to_owned() }),
        None => Err(Reason::malformed("a covered header is not text")),
    }
}

/// What is read from method and URL (section 2.2).
fn derived_value(request: &Request<'_>, name: &str) -> Result<String, Reason> {
    if name == "method" {
        return request.method.map(str::to_owned).ok_or(Reason::UnknownUrl);
    }
    let url = request.url.ok_or(Reason::UnknownUrl)?;
    let (scheme, rest) = url.split_once("://").ok_or(Reason::UnknownUrl)?;
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path = if path.is_empty() { "/" } else { path };
    let default_port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    Ok(match name {
        "target-uri" => url.to_owned(),
        "scheme" => scheme.to_ascii_lowercase(),
        "authority" => authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase(),
        "path" => path.to_owned(),
        "query" => format!("?{}", query.unwrap_or_default()),
        "request-target" => query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")),
        _ => return Err(Reason::malformed(format!("the component \"@{name}\" is not read here"))),
    })
}

/// The body's digest must be right, of every algorithm known here, and of one at least.
fn check_digest(request: &Request<'_>) -> Result<(), Reason> {
    let value = field_value(request, DIGEST)?;
    let mut known = 0;
    for (algorithm, digest) in members(&value)? {
        let right = match algorithm {
            "sha-256" => STANDARD.encode(Sha256::digest(request.body)),
            "sha-512" => STANDARD.encode(Sha512::digest(request.body)),
            _ => continue,
        };
        known += 1;
        if digest != format!(":{right}:") {
            return Err(Reason::Mismatch);
        }
    }
    match known {
        0 => Err(Reason::malformed("content-digest has neither sha-256 nor sha-512")),
        _ => Ok(()),
    }
}

/// The algorithm's name in the registry of the standard.
fn word(seal: Seal) -> &'static str {
    match seal {
        Seal::Hmac(..) => "hmac-sha256",
        Seal::Public(algorithm) => algorithm.word(),
    }
}

fn mac(key: &crypt::Key, base: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("hmac takes a key of any length");
    mac.update(base);
    mac.finalize().into_bytes().to_vec()
}

/// The headers that sign a request: digest of the body, what is covered, and one signature per secret.
pub(crate) fn sign(
    rule: &MessageRule,
    secrets: &[Secret],
    input: SignInput<'_>,
) -> Result<Vec<(String, String)>, SignError> {
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(input.body)));
    let mut components = vec![DIGEST];
    components.extend(input.url.map(|_| "@target-uri"));
    let list: Vec<String> = components.iter().map(|name| format!("\"{name}\"")).collect();
    let params = format!("({});created={};alg=\"{}\"", list.join(" "), input.timestamp.as_second(), word(rule.seal));
    let headers = [(DIGEST, digest.as_bytes())];
    let request = Request { headers: &headers, query: &[], body: input.body, url: input.url, method: None };
    let signature = Signature { components, params: &params, created: None, expires: None, bytes: Vec::new() };
    let base = base(&request, &signature).map_err(|_| SignError::UnknownUrl)?;
    let (mut inputs, mut values) = (Vec::new(), Vec::new());
    for (n, secret) in secrets.iter().enumerate() {
        let bytes = match rule.seal {
            Seal::Hmac(_, form) => mac(&crypt::key(form, secret).map_err(unusable)?, base.as_bytes()),
            Seal::Public(algorithm) => signed(algorithm, secret, base.as_bytes())?,
        };
        inputs.push(format!("sig{}={params}", n + 1));
        values.push(format!("sig{}=:{}:", n + 1, STANDARD.encode(bytes)));
    }
    let header = |name: &str, value: String| (name.to_owned(), value);
    Ok(vec![
        header("Content-Digest", digest),
        header("Signature-Input", inputs.join(", ")),
        header("Signature", values.join(", ")),
    ])
}
