//! The operators: arithmetic that never rounds a sum of money through a float, and comparison.

use std::cmp::Ordering;

use jiff::SignedDuration;
use rust_decimal::Decimal;

use super::fault::Trouble;
use super::meter::Meter;
use super::node::Arithmetic;
use crate::value::{Time, Value};

type Result<T> = std::result::Result<T, Trouble>;

/// CEL's longest duration: some ten thousand years.
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;

pub(super) fn arithmetic(operator: Arithmetic, left: &Value, right: &Value, meter: &Meter<'_>) -> Result<Value> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => int_arithmetic(operator, *a, *b),
        (Value::Int(_) | Value::Decimal(_), Value::Int(_) | Value::Decimal(_)) => {
            let (a, b) = (left.as_decimal().unwrap_or_default(), right.as_decimal().unwrap_or_default());
            decimal_arithmetic(operator, a, b)
        }
        _ => match operator {
            Arithmetic::Add => add(left, right, meter),
            Arithmetic::Subtract => subtract(left, right),
            _ => Err(no_operator(operator, left, right)),
        },
    }
}

fn int_arithmetic(operator: Arithmetic, a: i64, b: i64) -> Result<Value> {
    let result = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Modulo if b == 0 => return Err(divided_by_zero()),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => a.checked_rem(b),
    };
    result.map(Value::Int).ok_or_else(|| {
        Trouble::bad_value(format!("{a} {} {b} is outside of the 64-bit integers", sign(operator)))
            .hint("a decimal holds larger numbers: `decimal(x)`")
    })
}

fn decimal_arithmetic(operator: Arithmetic, a: Decimal, b: Decimal) -> Result<Value> {
    let result = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide if b.is_zero() => return Err(divided_by_zero()),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => {
            return Err(no_operator(operator, &Value::Decimal(a), &Value::Decimal(b))
                .hint("`%` is for integers; `int(x)` cuts the fraction off"));
        }
    };
    let overflow = || Trouble::bad_value(format!("{a} {} {b} has more digits than a decimal holds", sign(operator)));
    result.map(Value::Decimal).ok_or_else(overflow)
}

fn add(left: &Value, right: &Value, meter: &Meter<'_>) -> Result<Value> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => {
            meter.bytes(a.len() + b.len())?;
            let mut joined = String::with_capacity(a.len() + b.len());
            joined.push_str(a);
            joined.push_str(b);
            Ok(Value::from(joined))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            meter.bytes(a.len() + b.len())?;
            Ok(Value::Bytes([&**a, &**b].concat().into()))
        }
        (Value::List(a), Value::List(b)) => {
            meter.steps((a.len() + b.len()) as u64)?;
            Ok(Value::from([a.as_slice(), b.as_slice()].concat()))
        }
        (Value::Time(time), Value::Duration(duration)) | (Value::Duration(duration), Value::Time(time)) => {
            shift(time, *duration)
        }
        (Value::Duration(a), Value::Duration(b)) => a.checked_add(*b).ok_or_else(too_long).and_then(duration),
        _ => Err(no_operator(Arithmetic::Add, left, right)),
    }
}

fn subtract(left: &Value, right: &Value) -> Result<Value> {
    match (left, right) {
        (Value::Time(a), Value::Time(b)) => duration(a.timestamp().duration_since(b.timestamp())),
        (Value::Time(time), Value::Duration(duration)) => shift(time, duration.checked_neg().ok_or_else(too_long)?),
        (Value::Duration(a), Value::Duration(b)) => a.checked_sub(*b).ok_or_else(too_long).and_then(duration),
        _ => Err(no_operator(Arithmetic::Subtract, left, right)),
    }
}

fn shift(time: &Time, by: SignedDuration) -> Result<Value> {
    let out_of_range = || Trouble::bad_value(format!("{time} moved by {by} is outside of the years 1 to 9999"));
    let moved = time.zoned().checked_add(by).map_err(|_| out_of_range())?;
    Time::in_range(moved).map(Value::Time).map_err(|_| out_of_range())
}

/// A duration within CEL's range.
pub(super) fn duration(duration: SignedDuration) -> Result<Value> {
    if duration.as_secs().unsigned_abs() > DURATION_SECONDS_MAX.unsigned_abs() {
        return Err(too_long());
    }
    Ok(Value::Duration(duration))
}

pub(super) fn negate(value: &Value) -> Result<Value> {
    match value {
        Value::Int(int) => int
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| Trouble::bad_value(format!("-({int}) is outside of the 64-bit integers"))),
        Value::Decimal(decimal) => Ok(Value::Decimal(-*decimal)),
        other => Err(Trouble::wrong_type(format!("`-` needs a number, found {}", shown(other)))),
    }
}

/// The order of two numbers, texts, bools, times, durations or byte strings.
pub(super) fn compare(left: &Value, right: &Value) -> Result<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => Ok(a.cmp(b)),
        (Value::Int(a), Value::Decimal(b)) => Ok(Decimal::from(*a).cmp(b)),
        (Value::Decimal(a), Value::Int(b)) => Ok(a.cmp(&Decimal::from(*b))),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Ok(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Ok(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Ok(a.cmp(b)),
        _ => {
            let message = format!("{} and {} have no order", shown(left), shown(right));
            Err(with_null_hint(Trouble::wrong_type(message), left, right))
        }
    }
}

/// Null, false, zero, and the empty text, list, map and bytes.
pub(super) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(bool) => !bool,
        Value::Int(int) => *int == 0,
        Value::Decimal(decimal) => decimal.is_zero(),
        Value::Text(text) => text.is_empty(),
        Value::Time(_) => false,
        Value::Duration(duration) => duration.is_zero(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
    }
}

/// A value in a message: its kind, and a short one's content.
pub(super) fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 40;
    match value {
        Value::Null | Value::List(_) | Value::Map(_) | Value::Bytes(_) => value.kind_word().to_string(),
        Value::Text(text) if text.len() > SHOWN_MAX => {
            let start: String = text.chars().take(SHOWN_MAX).collect();
            format!("the text '{start}…'")
        }
        Value::Text(text) => format!("the text '{text}'"),
        Value::Bool(bool) => format!("the bool {bool}"),
        Value::Int(int) => format!("the integer {int}"),
        Value::Decimal(decimal) => format!("the decimal {decimal}"),
        Value::Time(time) => format!("the time {time}"),
        Value::Duration(duration) => format!("the duration {duration}"),
    }
}

fn sign(operator: Arithmetic) -> &'static str {
    match operator {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::Modulo => "%",
    }
}

fn no_operator(operator: Arithmetic, left: &Value, right: &Value) -> Trouble {
    let trouble = Trouble::wrong_type(format!("`{}` cannot take {} and {}", sign(operator), shown(left), shown(right)));
    let number = |value: &Value| matches!(value, Value::Int(_) | Value::Decimal(_));
    match (left, right) {
        (Value::Text(_), other) | (other, Value::Text(_)) if number(other) && operator == Arithmetic::Add => {
            trouble.hint("`string(x)` makes a text of a number, `decimal(x)` a number of a text")
        }
        (Value::Text(_), other) | (other, Value::Text(_)) if number(other) => {
            trouble.hint("`decimal(x)` makes a number of a text")
        }
        _ => with_null_hint(trouble, left, right),
    }
}

fn with_null_hint(trouble: Trouble, left: &Value, right: &Value) -> Trouble {
    if left.is_null() || right.is_null() {
        trouble.hint("`default(x, y)` gives y where x is null or absent")
    } else {
        trouble
    }
}

fn divided_by_zero() -> Trouble {
    Trouble::bad_value("division by zero")
}

fn too_long() -> Trouble {
    Trouble::bad_value("the duration is longer than ten thousand years")
}
