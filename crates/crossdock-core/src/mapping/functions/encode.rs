//! Text that stands for something else: JSON, base64, digests.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Context, Function, Result, one};
use crate::value::{JsonLimits, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    one("json", "x", json),
    one("parseJson", "text", parse_json),
    one("base64encode", "x", base64encode),
    one("base64decode", "text", base64decode),
    one("hash", "x", hash),
];

fn json(context: &Context<'_>, value: &Value) -> Result<Value> {
    context.meter.whole(value)?;
    Ok(Value::from(value.to_json_string()))
}

fn parse_json(context: &Context<'_>, value: &Value) -> Result<Value> {
    let text = context.text(value)?;
    context.meter.bytes(text.len())?;
    Value::parse_json(text.as_bytes(), &JsonLimits::default())
        .map_err(|error| context.refuses(value, &error.to_string()))
}

fn base64encode(context: &Context<'_>, value: &Value) -> Result<Value> {
    Ok(Value::from(STANDARD.encode(content(context, value)?)))
}

/// Standard or URL-safe alphabet, with or without padding, as senders happen to write it.
fn base64decode(context: &Context<'_>, value: &Value) -> Result<Value> {
    let text = context.text(value)?;
    let bare = text.trim_end_matches('=');
    let decoded = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare));
    match decoded {
        Ok(bytes) => {
            context.meter.bytes(bytes.len())?;
            Ok(Value::Bytes(bytes.into()))
        }
        Err(_) => Err(context.refuses(value, "it is not base64")),
    }
}

/// SHA-256 in hexadecimal.
fn hash(context: &Context<'_>, value: &Value) -> Result<Value> {
    let digest = Sha256::digest(content(context, value)?);
    let mut hex = String::with_capacity(64);
    for byte in digest {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    Ok(Value::from(hex))
}

fn content<'v>(context: &Context<'_>, value: &'v Value) -> Result<&'v [u8]> {
    let bytes: &[u8] = match value {
        Value::Text(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        other => return Err(context.wants("a text or bytes", other)),
    };
    context.meter.steps(bytes.len() as u64 / 16)?;
    Ok(bytes)
}
