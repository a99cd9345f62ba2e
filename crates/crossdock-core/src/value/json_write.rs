//! Values to JSON text.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::Decimal;

use super::{Map, Value};

impl Value {
    /// The JSON text, without spaces, keys in their order. Decimals are bare numbers with exactly their digits,
    /// times RFC 3339 text, durations ISO 8601 text, bytes base64 text.
    pub fn to_json_string(&self) -> String {
        let mut out = String::with_capacity(128);
        self.write_json(&mut out);
        out
    }

    /// Appends the JSON text.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Int(int) => write_digits(int.unsigned_abs(), 0, *int < 0, out),
            Self::Decimal(decimal) => write_decimal(*decimal, out),
            Self::Text(text) => write_text(text, out),
            Self::Time(time) => {
                out.push('"');
                append(out, time);
                out.push('"');
            }
            Self::Duration(duration) => {
                out.push('"');
                append(out, duration);
                out.push('"');
            }
            Self::Bytes(bytes) => {
                out.push('"');
                STANDARD.encode_string(bytes, out);
                out.push('"');
            }
            Self::List(items) => write_list(items, out),
            Self::Map(map) => write_map(map, out),
        }
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The decimal with its digits, and never a negative zero.
pub(crate) fn plain(mut decimal: Decimal) -> Decimal {
    if decimal.is_zero() {
        decimal.set_sign_positive(true);
    }
    decimal
}

fn write_list(items: &[Value], out: &mut String) {
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        item.write_json(out);
    }
    out.push(']');
}

fn write_map(map: &Map, out: &mut String) {
    out.push('{');
    for (position, (key, value)) in map.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_text(key, out);
        out.push(':');
        value.write_json(out);
    }
    out.push('}');
}

/// Appends the decimal with exactly its digits. Nearly all fit the fast way.
fn write_decimal(decimal: Decimal, out: &mut String) {
    match u64::try_from(decimal.mantissa().unsigned_abs()) {
        Ok(mantissa) => {
            write_digits(mantissa, decimal.scale() as usize, decimal.is_sign_negative() && mantissa != 0, out)
        }
        Err(_) => append(out, &plain(decimal)),
    }
}

/// Appends an integer with its decimal point `scale` digits from the right.
fn write_digits(mut mantissa: u64, scale: usize, negative: bool, out: &mut String) {
    // 20 digits of 64 bits, or a zero, a point and 28 digits, and a sign.
    let mut buffer = [b'0'; 32];
    let mut start = buffer.len();
    let mut written = 0;
    while mantissa != 0 || written <= scale {
        if written == scale && scale != 0 {
            start -= 1;
            buffer[start] = b'.';
        }
        start -= 1;
        buffer[start] = b'0' + (mantissa % 10) as u8;
        mantissa /= 10;
        written += 1;
    }
    if negative {
        start -= 1;
        buffer[start] = b'-';
    }
    out.push_str(std::str::from_utf8(&buffer[start..]).expect("digits are ASCII"));
}

/// Appends a JSON string: quotes, backslashes and control characters escaped, everything else as it is.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    // Looking at every byte without stopping lets the compiler look at many at a time; most texts need no escape.
    let needs_escape = |found: bool, byte: u8| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if !text.bytes().fold(false, needs_escape) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0x00..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[clean_from..at]);
        match escape {
            "" => append(out, &format_args!("\\u{byte:04x}")),
            short => out.push_str(short),
        }
        clean_from = at + 1;
    }
    out.push_str(&text[clean_from..]);
    out.push('"');
}

fn append(out: &mut String, item: &impl std::fmt::Display) {
    write!(out, "{item}").expect("writing to a string cannot fail");
}
