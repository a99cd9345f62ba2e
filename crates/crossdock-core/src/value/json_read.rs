//! JSON text to values: exact numbers, no duplicate keys, and limits on everything an attacker could inflate.

use std::sync::Arc;

use jiter::{Jiter, JiterError, Peek};
use thiserror::Error;

use super::json_scan::is_surely_right;
use super::number::parse_number;
use super::{Map, Value};

/// What a JSON document may cost. Each limit is inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// Lists and maps inside each other; a bare scalar has depth 0.
    pub depth_max: usize,
    pub bytes_max: usize,
    /// Values in all, the lists and maps included.
    pub nodes_max: usize,
}

impl JsonLimits {
    /// For text that Crossdock wrote itself: as deep as [`JsonLimits::default`] and the mappings can make it.
    pub const OWN: Self = Self { depth_max: 120, bytes_max: usize::MAX, nodes_max: usize::MAX };
}

impl Default for JsonLimits {
    /// For messages from outside: 64 deep, 16 MiB, half a million values.
    fn default() -> Self {
        Self { depth_max: 64, bytes_max: 16 << 20, nodes_max: 500_000 }
    }
}

/// Why a text was not accepted as JSON. Places inside the document are JSON pointers (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    #[error("not JSON at line {line}, column {column}: {problem}")]
    Syntax { line: usize, column: usize, problem: String },
    #[error("the document has {bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge { bytes: usize, bytes_max: usize },
    #[error("the document has more than the {nodes_max} values allowed")]
    TooManyNodes { nodes_max: usize },
    #[error("lists and maps are nested more than {depth_max} deep at “{pointer}”")]
    TooDeep { pointer: String, depth_max: usize },
    #[error("the key at “{pointer}” is there twice")]
    DuplicateKey { pointer: String },
    #[error("the number {number} at “{pointer}” has more digits than can be kept exactly (28)")]
    NumberTooPrecise { pointer: String, number: String },
}

impl Value {
    /// Reads one JSON document. Numbers without point and exponent become [`Value::Int`] when they fit 64 bits, all
    /// others a [`Value::Decimal`] with exactly the digits written.
    pub fn parse_json(json: &[u8], limits: &JsonLimits) -> Result<Self, JsonError> {
        if json.len() > limits.bytes_max {
            return Err(JsonError::TooLarge { bytes: json.len(), bytes_max: limits.bytes_max });
        }
        let mut reader =
            Reader { json: Jiter::new(json), limits, nodes: 0, depth: 0, keys: [const { None }; KEYS_REMEMBERED] };
        reader.document().map_err(|failure| failure.into_error(&reader.json))
    }
}

/// Whether [`Value::parse_json`] would read this text, without building what it would read: several times as fast for a
/// text that is right.
///
/// # Errors
/// Those of [`Value::parse_json`].
pub fn check_json(json: &[u8], limits: &JsonLimits) -> Result<(), JsonError> {
    match is_surely_right(json, limits) {
        true => Ok(()),
        false => Value::parse_json(json, limits).map(drop),
    }
}

struct Reader<'a> {
    json: Jiter<'a>,
    limits: &'a JsonLimits,
    nodes: usize,
    depth: usize,
    /// Keys seen in this document: the elements of a list have the same ones, which are then shared.
    keys: [Option<Arc<str>>; KEYS_REMEMBERED],
}

/// How many keys of a document are remembered at a time (a power of two).
const KEYS_REMEMBERED: usize = 64;

/// An error on its way up: `steps` collects where it happened, innermost first.
struct Failure {
    steps: Vec<String>,
    cause: Cause,
}

enum Cause {
    Syntax(JiterError),
    TooManyNodes(usize),
    TooDeep(usize),
    DuplicateKey,
    NumberTooPrecise(String),
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, Box<Failure>> {
        let first = self.json.peek().map_err(syntax)?;
        let value = self.value(first)?;
        self.json.finish().map_err(syntax)?;
        Ok(value)
    }

    fn value(&mut self, first: Peek) -> Result<Value, Box<Failure>> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return Err(failure(Cause::TooManyNodes(self.limits.nodes_max)));
        }
        match first {
            Peek::Null => self.json.known_null().map(|()| Value::Null).map_err(syntax),
            Peek::True | Peek::False => self.json.known_bool(first).map(Value::Bool).map_err(syntax),
            Peek::String => self.json.known_str().map(Value::from).map_err(syntax),
            Peek::Array => self.nested(Self::list),
            Peek::Object => self.nested(Self::map),
            _ => self.number(first),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Box<Failure>>) -> Result<Value, Box<Failure>> {
        self.depth += 1;
        if self.depth > self.limits.depth_max {
            return Err(failure(Cause::TooDeep(self.limits.depth_max)));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, Box<Failure>> {
        let mut items = Vec::new();
        let mut next = self.json.known_array().map_err(syntax)?;
        while let Some(first) = next {
            let item = self.value(first).map_err(|failure| failure.inside(items.len().to_string()))?;
            items.push(item);
            next = self.json.array_step().map_err(syntax)?;
        }
        Ok(Value::from(items))
    }

    fn map(&mut self) -> Result<Value, Box<Failure>> {
        let mut map = Map::new();
        let mut next = self.json.known_object().map_err(syntax)?.map(|key| remembered(&mut self.keys, key));
        while let Some(key) = next {
            if map.contains_key(&key) {
                return Err(failure(Cause::DuplicateKey).inside(key.to_string()));
            }
            let first = self.json.peek().map_err(syntax)?;
            let value = self.value(first).map_err(|failure| failure.inside(key.to_string()))?;
            map.push_new(key, value);
            next = self.json.next_key().map_err(syntax)?.map(|key| remembered(&mut self.keys, key));
        }
        Ok(Value::from(map))
    }

    fn number(&mut self, first: Peek) -> Result<Value, Box<Failure>> {
        let bytes = self.json.known_number_bytes(first).map_err(syntax)?;
        let text = std::str::from_utf8(bytes).expect("a JSON number is ASCII");
        parse_number(text).ok_or_else(|| failure(Cause::NumberTooPrecise(shortened(text))))
    }
}

/// The key, shared with its last occurrence unless another key took its place since.
fn remembered(keys: &mut [Option<Arc<str>>; KEYS_REMEMBERED], key: &str) -> Arc<str> {
    let bytes = key.as_bytes();
    let mix = |sum: usize, byte: Option<&u8>| sum.wrapping_mul(31).wrapping_add(byte.copied().unwrap_or(0).into());
    let sum = [bytes.first(), bytes.get(bytes.len() / 2), bytes.last()].into_iter().fold(bytes.len(), mix);
    let slot = &mut keys[sum % KEYS_REMEMBERED];
    match slot {
        Some(known) if **known == *key => known.clone(),
        _ => slot.insert(key.into()).clone(),
    }
}

impl Failure {
    fn inside(mut self: Box<Self>, step: String) -> Box<Self> {
        self.steps.push(step);
        self
    }

    fn into_error(self, json: &Jiter<'_>) -> JsonError {
        let pointer = self
            .steps
            .iter()
            .rev()
            .fold(String::new(), |pointer, step| pointer + "/" + &step.replace('~', "~0").replace('/', "~1"));
        match self.cause {
            Cause::Syntax(error) => {
                let place = json.error_position(error.index);
                JsonError::Syntax {
                    line: place.line,
                    column: place.column.max(1),
                    problem: error.error_type.to_string(),
                }
            }
            Cause::TooManyNodes(nodes_max) => JsonError::TooManyNodes { nodes_max },
            Cause::TooDeep(depth_max) => JsonError::TooDeep { pointer, depth_max },
            Cause::DuplicateKey => JsonError::DuplicateKey { pointer },
            Cause::NumberTooPrecise(number) => JsonError::NumberTooPrecise { pointer, number },
        }
    }
}

fn failure(cause: Cause) -> Box<Failure> {
    Box::new(Failure { steps: Vec::new(), cause })
}

fn syntax(error: JiterError) -> Box<Failure> {
    failure(Cause::Syntax(error))
}

/// A number for an error message: not all of its thousands of digits.
fn shortened(number: &str) -> String {
    match number.get(..40) {
        Some(start) if number.len() > 40 => format!("{start}…"),
        _ => number.to_string(),
    }
}
