//! What reached a partner that takes anything: one entry an effect, however often the sender repeated it under its key.

use std::collections::BTreeMap;
use std::time::Instant;

use crossdock_core::exchange::Answer;
use serde_json::{Value as Json, json};

use crate::odoo::Request;

/// Headers by which senders name what must take effect once.
const KEY_HEADERS: &[&str] = &["idempotency-key", "webhook-id"];

/// Something that took effect.
#[derive(Clone, Debug)]
pub struct Effect {
    pub at: Instant,
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The sender's key, without quotes.
    pub key: Option<String>,
    pub body: String,
    /// How often it was asked for again under its key.
    pub repeats: u32,
}

/// Everything that took effect, in order.
#[derive(Debug, Default)]
pub struct Ledger {
    effects: Vec<Effect>,
    by_key: BTreeMap<String, usize>,
}

/// The sender's key: a header made for it, or any header whose value is a UUID.
pub(super) fn key_of(headers: &[(String, String)]) -> Option<String> {
    let bare = |value: &str| value.trim().trim_matches('"').to_owned();
    let named = headers.iter().find(|(name, _)| KEY_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known)));
    let like_uuid = || headers.iter().find(|(_, value)| is_uuid(&bare(value)));
    named.or_else(like_uuid).map(|(_, value)| bare(value)).filter(|key| !key.is_empty())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl Ledger {
    /// Takes a request in. What only asks has no effect; a key that is known gets the first answer again.
    pub fn take(&mut self, request: &Request<'_>, at: Instant) -> Answer {
        if matches!(request.method, "GET" | "HEAD") {
            return answer(&json!({}));
        }
        let body = String::from_utf8_lossy(request.body).into_owned();
        if body.contains("grant_type=") {
            return answer(&json!({"access_token": "rehearsal", "token_type": "Bearer", "expires_in": 3600}));
        }
        let key = key_of(request.headers);
        let known = key.as_ref().and_then(|key| self.by_key.get(key)).copied();
        let number = known.unwrap_or(self.effects.len());
        match self.effects.get_mut(number) {
            Some(effect) => effect.repeats += 1,
            None => {
                if let Some(key) = &key {
                    self.by_key.insert(key.clone(), number);
                }
                let (method, path) = (request.method.to_owned(), request.path.to_owned());
                self.effects.push(Effect { at, method, path, key, body: body.clone(), repeats: 0 });
            }
        }
        // What was sent, as partners like to give it back, with an id of theirs.
        let mut told = match serde_json::from_str(&body) {
            Ok(Json::Object(told)) => told,
            _ => serde_json::Map::new(),
        };
        told.entry("id").or_insert_with(|| json!(format!("rehearsal-{}", number + 1)));
        answer(&Json::Object(told))
    }

    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }
}

fn answer(body: &Json) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status: 200, headers, body: body.to_string().into_bytes() }
}
