//! From one kind of value to another.

use jiff::SignedDuration;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::super::fault::Trouble;
use super::{Context, Function, Result, one};
use crate::value::number::parse_decimal;
use crate::value::{Time, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    one("int", "x", int),
    one("uint", "x", uint),
    one("double", "x", decimal),
    one("decimal", "x", decimal),
    one("string", "x", string),
    one("bool", "x", bool),
    one("bytes", "x", bytes),
    one("duration", "text", duration),
    one("type", "x", |_, value| Ok(Value::from(type_name(value)))),
    one("dyn", "x", |_, value| Ok(value.clone())),
];

/// The type words that are also constants, so that `type(x) == int` reads as in CEL. There is one integer and one
/// fractional type, so `uint` is `int` and `double` is `decimal`.
pub(in super::super) fn type_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "bool" => "bool",
        "int" | "uint" => "int",
        "decimal" | "double" => "decimal",
        "string" => "string",
        "bytes" => "bytes",
        "list" => "list",
        "map" => "map",
        "null_type" => "null_type",
        "google.protobuf.Timestamp" => "timestamp",
        "google.protobuf.Duration" => "duration",
        _ => return None,
    })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null_type",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Decimal(_) => "decimal",
        Value::Text(_) => "string",
        Value::Time(_) => "timestamp",
        Value::Duration(_) => "duration",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "list",
        Value::Map(_) => "map",
    }
}

fn int(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Int(_) => Ok(value.clone()),
        Value::Decimal(decimal) => match decimal.trunc().to_i64() {
            Some(int) => Ok(Value::Int(int)),
            None => Err(context.refuses(value, "it is outside of the 64-bit integers")),
        },
        Value::Text(text) => text.trim().parse().map(Value::Int).map_err(|_| {
            context.refuses(value, "it is not an integer").hint("`decimal(x)` reads numbers with a point")
        }),
        Value::Time(time) => Ok(Value::Int(time.timestamp().as_second())),
        other => Err(context.wants("a number, a text or a time", other)),
    }
}

fn uint(context: &Context<'_>, value: &Value) -> Result<Value> {
    let whole = int(context, value)?;
    match whole {
        Value::Int(int) if int < 0 => Err(context.refuses(value, "it is negative")),
        whole => Ok(whole),
    }
}

fn decimal(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Decimal(_) => Ok(value.clone()),
        Value::Int(int) => Ok(Value::Decimal(Decimal::from(*int))),
        Value::Text(text) => parse_decimal(text.trim())
            .map(Value::Decimal)
            .ok_or_else(|| context.refuses(value, "it is not a number of at most 28 digits")),
        other => Err(context.wants("a number or a text", other)),
    }
}

fn string(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Text(_) => Ok(value.clone()),
        Value::Int(_) | Value::Decimal(_) | Value::Bool(_) => Ok(Value::from(value.to_json_string())),
        Value::Time(time) => Ok(Value::from(time.to_string())),
        Value::Duration(duration) => Ok(Value::from(seconds_text(*duration))),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::from(text)),
            Err(_) => Err(context.refuses(value, "they are not UTF-8 text")),
        },
        other => Err(context.wants("a single value", other).hint("`json(x)` writes lists and maps")),
    }
}

fn bool(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::Text(text) => match &**text {
            "true" | "TRUE" | "True" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "FALSE" | "False" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(context.refuses(value, "it is neither true nor false")),
        },
        other => Err(context.wants("a bool or a text", other)),
    }
}

fn bytes(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Bytes(_) => Ok(value.clone()),
        Value::Text(text) => {
            context.meter.bytes(text.len())?;
            Ok(Value::Bytes(text.as_bytes().into()))
        }
        other => Err(context.wants("a text", other)),
    }
}

fn duration(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Duration(_) => Ok(value.clone()),
        Value::Text(text) => match read_duration(text) {
            Some(read) => context.duration(read),
            None => Err(context.refuses(value, "it is not a length of time such as 1h30m, 90s or PT1H30M")),
        },
        other => Err(context.wants("a text", other)),
    }
}

/// `1h30m`, `-1.5s` as in CEL, or ISO 8601's `PT1H30M`.
fn read_duration(text: &str) -> Option<SignedDuration> {
    let sum_of_units = || -> Option<SignedDuration> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(SignedDuration::ZERO);
        }
        let mut nanoseconds: i128 = 0;
        while !rest.is_empty() {
            let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, tail) = rest.split_at(unit_at);
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let in_unit = parse_decimal(number)?.checked_mul(Decimal::from(nanoseconds_of(unit)?))?;
            nanoseconds = nanoseconds.checked_add(in_unit.trunc().to_i128()?)?;
            rest = tail;
        }
        let signed = if negative { -nanoseconds } else { nanoseconds };
        let seconds = i64::try_from(signed / 1_000_000_000).ok()?;
        Some(SignedDuration::new(seconds, (signed % 1_000_000_000) as i32))
    };
    match text.trim_start_matches(['-', '+']).as_bytes().first()? {
        b'P' | b'p' => text.parse().ok(),
        _ => sum_of_units(),
    }
}

fn nanoseconds_of(unit: &str) -> Option<i64> {
    Some(match unit {
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "µs" | "μs" => 1_000,
        "ns" => 1,
        _ => return None,
    })
}

/// CEL's text of a duration: seconds with as many decimals as are not zero, such as `5400s` or `1.5s`.
fn seconds_text(duration: SignedDuration) -> String {
    let nanoseconds = Decimal::try_from_i128_with_scale(duration.as_nanos(), 9).map(|seconds| seconds.normalize());
    match nanoseconds {
        Ok(seconds) => format!("{seconds}s"),
        Err(_) => duration.to_string(),
    }
}

/// `timestamp(x)` with one argument.
pub(super) fn timestamp(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Time(_) => Ok(value.clone()),
        Value::Text(text) => {
            Time::parse(text.trim()).map(Value::Time).map_err(|error| not_a_time(context, value, &error))
        }
        Value::Int(seconds) => jiff::Timestamp::from_second(*seconds)
            .ok()
            .and_then(|instant| Time::in_range(instant.to_zoned(jiff::tz::TimeZone::UTC)).ok())
            .map(Value::Time)
            .ok_or_else(|| {
                context
                    .refuses(value, "as seconds since 1970 it is outside of the years 1 to 9999")
                    .hint("`timestampMillis(x)` reads milliseconds")
            }),
        other => Err(context.wants("a text or seconds since 1970", other)),
    }
}

pub(super) fn not_a_time(context: &Context<'_>, value: &Value, error: &crate::value::TimeError) -> Trouble {
    use crate::value::TimeError;
    let trouble = Trouble::bad_value(format!("`{}`: {error}", context.name));
    match error {
        TimeError::NoOffset(_) => trouble.hint("`timestamp(x, 'Europe/Berlin')` says where its clock hangs"),
        TimeError::NotATime(_) if value.as_text().is_some() => {
            trouble.hint("`parseTime(x, '%d.%m.%Y %H:%M', zone)` reads other forms")
        }
        _ => trouble,
    }
}
