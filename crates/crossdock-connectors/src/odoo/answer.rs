//! Reading one answer. The HTTP status alone says little in Odoo (a refused field and a lost database can both be a
//! 500 or a 404), so an answer is classed by status, content type and the name of the exception.

use crossdock_core::exchange::{Answer, Exchange, SendFault};
use crossdock_core::value::{JsonError, JsonLimits, Map, Value};

/// Characters of Odoo's own words that go into a reason.
const MESSAGE_CHARS_MAX: usize = 600;

/// Our own calls decide how much comes back, and the transport bounds it.
const LIMITS: JsonLimits = JsonLimits { depth_max: 100, bytes_max: usize::MAX, nodes_max: 5_000_000 };

/// Why a call did not do what it was sent for. The texts are for the operator and carry no debug output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing happened; a later try may succeed.
    Transient { reason: String, after_ms: Option<u64> },
    /// It may have been carried out.
    Lost { reason: String },
    /// Odoo said no to this content; it will say no again.
    Refused { reason: String },
    /// The user of the API key lacks a right for this call.
    Denied { reason: String },
    /// A record that was there a moment ago is gone.
    Missing { reason: String },
    /// The model or method does not exist in this Odoo.
    Unknown { reason: String },
    /// No call can succeed with this configuration.
    Unusable { reason: String },
}

impl Failure {
    pub fn reason(&self) -> &str {
        match self {
            Failure::Transient { reason, .. }
            | Failure::Lost { reason }
            | Failure::Refused { reason }
            | Failure::Denied { reason }
            | Failure::Missing { reason }
            | Failure::Unknown { reason }
            | Failure::Unusable { reason } => reason,
        }
    }

    fn transient(reason: impl Into<String>) -> Self {
        Failure::Transient { reason: reason.into(), after_ms: None }
    }
}

/// The value a call returned, or why it did not.
pub(super) fn read(exchange: &Exchange) -> Result<Value, Failure> {
    match &exchange.result {
        Ok(answer) if answer.status == 200 => returned(answer),
        Ok(answer) => Err(failure(answer)),
        Err(SendFault::NotSent(_)) => Err(Failure::transient(fault_text(exchange))),
        Err(SendFault::Lost(_)) => Err(Failure::Lost { reason: fault_text(exchange) }),
        Err(SendFault::TooLarge(bytes)) => Err(Failure::Refused {
            reason: format!("Odoo's answer is larger than the {bytes} bytes allowed; raise the system's answer limit"),
        }),
    }
}

fn fault_text(exchange: &Exchange) -> String {
    exchange.result.as_ref().err().map(ToString::to_string).unwrap_or_default()
}

fn returned(answer: &Answer) -> Result<Value, Failure> {
    if !is_json(answer) {
        return Err(Failure::Unusable {
            reason: format!(
                "the address answers with {} instead of JSON; `url` must be the address of Odoo itself",
                shown_type(answer)
            ),
        });
    }
    parse(&answer.body).map_err(|error| Failure::Lost { reason: format!("Odoo's answer cannot be read: {error}") })
}

/// Exact where it can be. Odoo computes in binary floating point and now and then sends dust such as 5.6e-17, which no
/// exact decimal holds; then every number is read to 15 decimals.
fn parse(body: &[u8]) -> Result<Value, JsonError> {
    match Value::parse_json(body, &LIMITS) {
        Err(error @ JsonError::NumberTooPrecise { .. }) => match serde_json::from_slice(body) {
            Ok(rough) => Ok(from_rough(&rough)),
            Err(_) => Err(error),
        },
        parsed => parsed,
    }
}

fn from_rough(rough: &serde_json::Value) -> Value {
    use serde_json::Value as Rough;
    match rough {
        Rough::Null => Value::Null,
        Rough::Bool(bool) => Value::Bool(*bool),
        Rough::String(text) => text.as_str().into(),
        Rough::Array(items) => items.iter().map(from_rough).collect(),
        Rough::Object(map) => {
            Value::from(map.iter().map(|(key, value)| (key.as_str(), from_rough(value))).collect::<Map>())
        }
        Rough::Number(number) => {
            let exact = Value::parse_json(number.to_string().as_bytes(), &LIMITS);
            exact.unwrap_or_else(|_| {
                let rounded = format!("{:.15}", number.as_f64().unwrap_or_default());
                Value::parse_json(rounded.as_bytes(), &LIMITS).unwrap_or_default()
            })
        }
    }
}

fn failure(answer: &Answer) -> Failure {
    if !is_json(answer) {
        return without_words(answer);
    }
    let body = parse(&answer.body).unwrap_or_default();
    let name = body.get("name").and_then(Value::as_text).unwrap_or_default();
    let message = body.get("message").and_then(Value::as_text).unwrap_or_default();
    let said = said(message, name);
    match (answer.status, name) {
        (401, _) => Failure::Unusable {
            reason: "Odoo does not accept the API key: it is wrong, has expired, or its user is archived. Make a new \
                     key in Odoo and put it in place of the old one"
                .into(),
        },
        (_, "odoo.exceptions.AccessError" | "odoo.exceptions.AccessDenied") => denied(&said),
        (_, "odoo.exceptions.MissingError") => Failure::Missing { reason: said },
        (_, "odoo.exceptions.LockError") => Failure::transient(format!("the record is locked in Odoo: {said}")),
        (403, _) => denied(&said),
        (404, _) => {
            Failure::Unknown { reason: format!("{said}: a module is not installed in Odoo, or its version differs") }
        }
        (413, _) => too_large(),
        (429, _) => busy(answer),
        (409 | 503, _) => Failure::Transient { reason: said, after_ms: answer.retry_after_ms() },
        (500.., name) if is_transient_error(name) => Failure::transient(format!("Odoo was busy or stopping: {said}")),
        (502 | 504, _) => Failure::Lost { reason: said },
        _ => Failure::Refused { reason: said },
    }
}

/// An answer from something in front of Odoo, or from Odoo before it knows the database.
fn without_words(answer: &Answer) -> Failure {
    match answer.status {
        401 => Failure::Unusable { reason: "the address asks for a login that is not Odoo's API key".into() },
        404 => Failure::transient(
            "Odoo does not find the database: PostgreSQL is down, or `database` is wrong or filtered away",
        ),
        413 => too_large(),
        429 => busy(answer),
        500 => {
            Failure::transient("Odoo failed before it began: its database connections are used up or it is stopping")
        }
        503 => Failure::Transient { reason: "Odoo is not available".into(), after_ms: answer.retry_after_ms() },
        408 | 502 | 504 => {
            Failure::Lost { reason: format!("the proxy in front of Odoo gave up waiting (HTTP {})", answer.status) }
        }
        201..=399 => Failure::Unusable {
            reason: format!(
                "the address answers with HTTP {}{}; `url` must be the address of Odoo itself",
                answer.status,
                answer.header("location").map(|place| format!(" to {place}")).unwrap_or_default()
            ),
        },
        status => Failure::Refused {
            reason: format!("something in front of Odoo refused the request with HTTP {status} {}", shown_type(answer)),
        },
    }
}

/// Which right is missing is told by Odoo, group by group. Another operation may well be allowed, so the system goes
/// on; only a company list that fits no call makes the whole system unusable.
fn denied(said: &str) -> Failure {
    // Odoo's English words; in another language each transmission is refused on its own, which is also safe.
    if said.starts_with("Access to unauthorized or invalid companies") {
        return Failure::Unusable {
            reason: format!("{said} Put right `company_ids`, or allow the API user these companies"),
        };
    }
    Failure::Denied { reason: format!("the API user lacks a right in Odoo: {said}") }
}

fn busy(answer: &Answer) -> Failure {
    Failure::Transient { reason: "Odoo asks to slow down".into(), after_ms: answer.retry_after_ms() }
}

fn too_large() -> Failure {
    Failure::Refused {
        reason: "the request is larger than Odoo takes (128 MiB by default): send smaller photos or documents".into(),
    }
}

/// Errors of the server's circumstances, after which its transaction was rolled back.
fn is_transient_error(name: &str) -> bool {
    const BY_CIRCUMSTANCE: [&str; 9] = [
        "SerializationFailure",
        "DeadlockDetected",
        "LockNotAvailable",
        "InterfaceError",
        "OperationalError",
        "PoolError",
        "QueryCanceled",
        "AdminShutdown",
        "UniqueViolation",
    ];
    let last = name.rsplit('.').next().unwrap_or_default();
    let database = name.starts_with("psycopg2.") && BY_CIRCUMSTANCE.contains(&last);
    let network = last.contains("Timeout") || last.contains("ConnectionError") || last.contains("ConnectionReset");
    database || network
}

/// Whether the words of a refused `load` tell of a conflict with somebody else's transaction. They come from
/// PostgreSQL and stay English in every language.
pub(super) fn is_conflict(message: &str) -> bool {
    ["could not serialize access", "deadlock detected", "could not obtain lock", "current transaction is aborted"]
        .iter()
        .any(|words| message.contains(words))
}

/// The model of the wizard that an action answered with instead of acting.
pub(super) fn wizard(value: &Value) -> Option<&str> {
    value.get("res_model").and_then(Value::as_text)
}

/// Odoo's words on one line, without what follows the first blank line of a long explanation.
pub(super) fn said(message: &str, name: &str) -> String {
    let mut line = String::new();
    for word in message.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.is_empty() {
        return if name.is_empty() { "no reason given".into() } else { name.into() };
    }
    match line.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

fn is_json(answer: &Answer) -> bool {
    answer.content_type().split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn shown_type(answer: &Answer) -> &str {
    match answer.content_type() {
        "" => "no content type",
        kind => kind,
    }
}
