//! What an HTTP answer means for a transmission: one reading for every connector that speaks HTTP, so that an outage,
//! a wrong password and a refused order are told apart in the same way everywhere. `guide.md` has the table.

use crossdock_connect::endpoint::Repeat;
use crossdock_core::exchange::{Answer, Exchange, SendFault};
use crossdock_core::ids::SystemName;
use crossdock_core::source::Reader;
use crossdock_core::transmission::Outcome;
use crossdock_core::value::{JsonLimits, Value};
use jiff::{SignedDuration, Timestamp};

/// Longest excerpt of an answer in a reason, in characters.
const EXCERPT_CHARS_MAX: usize = 300;
/// How many single errors of one answer are told.
const ERRORS_MAX: usize = 5;

/// What to make of a status that systems use in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Try again: it passes.
    Retry,
    /// It will not pass by itself: a person looks.
    Refuse,
    /// What was wanted is so already.
    Accept,
    /// The whole system cannot be used as configured.
    Unusable,
}

/// How one system's answers are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Named in advice: its file is `systems/<name>.yaml`.
    pub system: SystemName,
    /// Status 409. When absent: retry where the call carried a key, because an earlier try with that key may still be
    /// running, else refuse.
    pub conflict: Option<Meaning>,
    /// Status 403. Default: unusable.
    pub forbidden: Meaning,
    /// Status 404. Default: refuse.
    pub not_found: Meaning,
}

impl Rules {
    pub fn new(system: SystemName) -> Self {
        Self { system, conflict: None, forbidden: Meaning::Unusable, not_found: Meaning::Refuse }
    }

    /// Reads `answers` of `config:`: `{conflict: …, forbidden: …, not_found: …}`.
    pub fn read(reader: &Reader<'_>, system: SystemName) -> Self {
        let mut rules = Self::new(system);
        let Some(node) = reader.node("answers") else { return rules };
        let inner = Reader::new(node, "`answers`");
        let (retry, refuse) = (("retry", Meaning::Retry), ("refuse", Meaning::Refuse));
        let (accept, unusable) = (("accept", Meaning::Accept), ("unusable", Meaning::Unusable));
        rules.conflict = inner.choice("conflict", &[retry, refuse, accept]);
        rules.forbidden = inner.choice("forbidden", &[unusable, refuse]).unwrap_or(rules.forbidden);
        rules.not_found = inner.choice("not_found", &[refuse, retry, accept]).unwrap_or(rules.not_found);
        reader.mistakes(inner.finish());
        rules
    }

    /// What the exchange came to: the answer's JSON (null when it has none), or how the attempt ended instead.
    /// `repeat` is that of the operation: what is harmless to try again with a key is in doubt without one.
    pub fn read_exchange(&self, exchange: &Exchange, repeat: Repeat, now: Timestamp) -> Result<Value, Outcome> {
        match &exchange.result {
            Ok(answer) => self.read_answer(answer, repeat, now),
            Err(fault) => Err(self.read_fault(fault)),
        }
    }

    fn read_fault(&self, fault: &SendFault) -> Outcome {
        match fault {
            SendFault::NotSent(_) => Outcome::Retry { reason: fault.to_string(), after_ms: None },
            SendFault::Lost(_) => Outcome::Unknown { reason: fault.to_string() },
            // The limit hides the status too: an error page can be as long as a confirmation.
            SendFault::TooLarge(_) => Outcome::Unknown {
                reason: format!(
                    "{fault}, so it was not read and may say yes or no; if {} answers at such length on purpose, raise \
                     limits.answer_bytes_max in hub.yaml",
                    self.system
                ),
            },
        }
    }

    fn read_answer(&self, answer: &Answer, repeat: Repeat, now: Timestamp) -> Result<Value, Outcome> {
        let status = answer.status;
        let told = || telling(answer);
        let refused = |reason: String| Err(Outcome::Refused { reason });
        match status {
            200..=299 => Ok(json_of(answer).unwrap_or_default()),
            300..=399 => refused(self.moved(answer)),
            401 | 407 => Err(self.unusable(told())),
            403 => self.as_meant(self.forbidden, answer, now),
            404 => self.as_meant(self.not_found, answer, now),
            408 | 425 | 429 => Err(Outcome::Retry { reason: told(), after_ms: wait_ms(answer, now) }),
            409 => match (self.conflict, repeat) {
                (Some(meaning), _) => self.as_meant(meaning, answer, now),
                (None, Repeat::Never) => refused(told()),
                (None, Repeat::Safe) => Err(Outcome::Retry {
                    reason: format!("{}; an earlier try with the same key may still be running there", told()),
                    after_ms: wait_ms(answer, now),
                }),
            },
            501 | 505 => refused(told()),
            500..=599 => Err(match repeat {
                Repeat::Safe => Outcome::Retry { reason: told(), after_ms: wait_ms(answer, now) },
                Repeat::Never => Outcome::Unknown { reason: told() },
            }),
            _ => refused(told()),
        }
    }

    fn as_meant(&self, meaning: Meaning, answer: &Answer, now: Timestamp) -> Result<Value, Outcome> {
        match meaning {
            Meaning::Accept => Ok(json_of(answer).unwrap_or_default()),
            Meaning::Retry => Err(Outcome::Retry { reason: telling(answer), after_ms: wait_ms(answer, now) }),
            Meaning::Refuse => Err(Outcome::Refused { reason: telling(answer) }),
            Meaning::Unusable => Err(self.unusable(telling(answer))),
        }
    }

    fn unusable(&self, told: String) -> Outcome {
        let reason = format!("{told}; check the credentials in systems/{}.yaml and what they allow", self.system);
        Outcome::Unusable { reason }
    }

    fn moved(&self, answer: &Answer) -> String {
        let advice = format!("change the address in systems/{}.yaml", self.system);
        match answer.header("location") {
            // What is behind `?` may be a token.
            Some(place) => {
                let place = excerpt(place.split('?').next().unwrap_or_default());
                format!("HTTP {}: it moved to {place}: {advice}", answer.status)
            }
            None => format!("HTTP {}: it moved and does not say where: {advice}", answer.status),
        }
    }
}

/// How long the system asks to be left alone, in milliseconds: `Retry-After` as seconds or as a date, else the time
/// left of a used-up `RateLimit`.
fn wait_ms(answer: &Answer, now: Timestamp) -> Option<u64> {
    if let Some(asked) = answer.header("retry-after") {
        return answer.retry_after_ms().or_else(|| until_ms(asked, now));
    }
    let seconds = match answer.header("ratelimit") {
        Some(items) => items.split(',').filter_map(used_up_s).max()?,
        None => answer.header("ratelimit-reset")?.trim().parse().ok()?,
    };
    (answer.status == 429).then(|| u64::saturating_mul(seconds, 1000))
}

fn until_ms(date: &str, now: Timestamp) -> Option<u64> {
    let until = jiff::fmt::rfc2822::parse(date.trim()).ok()?.timestamp();
    let wait = until.duration_since(now).max(SignedDuration::ZERO);
    u64::try_from(wait.as_millis()).ok()
}

/// Seconds until a used-up quota of the `RateLimit` header is fresh again: `"burst";r=0;t=30`.
fn used_up_s(item: &str) -> Option<u64> {
    let parameter = |name: &str| {
        let mut parameters = item.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
        parameters.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u64>().ok())
    };
    (parameter("r") == Some(0)).then(|| parameter("t")).flatten()
}

/// The answer's JSON, when it says or shows that it is some.
pub(crate) fn json_of(answer: &Answer) -> Option<Value> {
    let shows = || matches!(answer.body.trim_ascii_start().first(), Some(b'{' | b'['));
    if !answer.content_type().to_ascii_lowercase().contains("json") && !shows() {
        return None;
    }
    let limits = JsonLimits { bytes_max: usize::MAX, ..JsonLimits::default() };
    Value::parse_json(&answer.body, &limits).ok()
}

/// Status and the system's own words, for the person who reads the reason.
pub(crate) fn telling(answer: &Answer) -> String {
    let words = json_of(answer).as_ref().and_then(words_of).unwrap_or_else(|| plain_words(answer));
    match words.is_empty() {
        true => format!("HTTP {}", answer.status),
        false => format!("HTTP {}: {words}", answer.status),
    }
}

fn plain_words(answer: &Answer) -> String {
    let start = answer.body.trim_ascii_start();
    let start = &start[..start.len().min(4 * EXCERPT_CHARS_MAX)];
    let text = String::from_utf8_lossy(start);
    let is_html = answer.content_type().to_ascii_lowercase().contains("html") || text.starts_with('<');
    match is_html {
        true => "a page instead of an answer".into(),
        false => excerpt(&text),
    }
}

/// The message in the usual shapes of an error: RFC 9457 `title` and `detail`, `error`, `message`, `errors`.
fn words_of(json: &Value) -> Option<String> {
    if let Some(text) = json.as_text() {
        return Some(excerpt(text));
    }
    if let Some(items) = json.as_list() {
        return Some(excerpt(&list_of(items)));
    }
    let nested = json.get("error").filter(|error| error.as_map().is_some());
    let inner = nested.unwrap_or(json);
    let text = |key: &str| inner.get(key).and_then(Value::as_text).filter(|text| !text.is_empty());
    let mut words: Vec<String> = Vec::new();
    for key in ["title", "error", "detail", "message", "error_description", "description"] {
        if let Some(text) = text(key)
            && !words.iter().any(|known| known == text)
        {
            words.push(text.to_owned());
        }
    }
    if let Some(errors) = inner.get("errors").and_then(Value::as_list).filter(|errors| !errors.is_empty()) {
        words.push(list_of(errors));
    }
    let told = match words.is_empty() {
        true => json.to_string(),
        false => words.join(": "),
    };
    Some(excerpt(&told))
}

fn list_of(errors: &[Value]) -> String {
    let told: Vec<String> = errors.iter().take(ERRORS_MAX).map(one_error).collect();
    match errors.len() > ERRORS_MAX {
        true => format!("{} and {} more", told.join("; "), errors.len() - ERRORS_MAX),
        false => told.join("; "),
    }
}

fn one_error(error: &Value) -> String {
    let text = |keys: [&str; 4]| keys.into_iter().find_map(|key| error.get(key).and_then(Value::as_text));
    let place = text(["pointer", "field", "path", "code"]);
    match (place, text(["detail", "message", "title", "description"])) {
        (Some(place), Some(words)) => format!("{place} {words}"),
        (None, Some(words)) => words.to_owned(),
        _ => error.as_text().map_or_else(|| error.to_string(), str::to_owned),
    }
}

/// A text as it can stand in a reason: one line, no control characters, not too long.
pub(crate) fn excerpt(text: &str) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(8 * EXCERPT_CHARS_MAX).collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
