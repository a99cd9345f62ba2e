//! Exact numbers: the text of a JSON or expression number to an integer or a decimal, never through a float.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Value;

/// Decimal digits behind the point that a decimal can hold.
const SCALE_MAX: i64 = 28;
/// The largest magnitude of a decimal, 2^96 - 1.
const MANTISSA_MAX: u128 = 79_228_162_514_264_337_593_543_950_335;

/// Reads a number in JSON's grammar (already checked by the caller): without point and exponent an integer when it
/// fits 64 bits, otherwise a decimal with the digits as written. `None` when a decimal cannot hold it exactly.
pub(crate) fn parse_number(text: &str) -> Option<Value> {
    let whole = !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if let (true, Ok(int)) = (whole, text.parse::<i64>()) {
        return Some(Value::Int(int));
    }
    parse_decimal(text).map(Value::Decimal)
}

/// Reads `[-+]digits[.digits][e[-+]digits]` exactly. `None` when it is not a number or does not fit.
pub(crate) fn parse_decimal(text: &str) -> Option<Decimal> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut number = Digits { mantissa: 0, pending_zeros: 0 };
    for byte in whole.bytes().chain(fraction.bytes()) {
        number.push(byte)?;
    }
    number.finish(i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?, negative)
}

/// The integer that a decimal without a fraction equals.
pub(crate) fn decimal_to_int(decimal: Decimal) -> Option<i64> {
    decimal.is_integer().then(|| decimal.to_i64()).flatten()
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Too long for an integer means far outside of any decimal; a zero mantissa is the only exception.
    Some(text.strip_prefix('+').unwrap_or(text).parse().unwrap_or(if text.starts_with('-') {
        -1_000_000_000
    } else {
        1_000_000_000
    }))
}

/// Significant digits read so far. Zeros at the end wait, because they may turn out not to matter.
struct Digits {
    mantissa: u128,
    pending_zeros: i64,
}

impl Digits {
    fn push(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'0' => self.pending_zeros += 1,
            b'1'..=b'9' => {
                let shifted = with_zeros(self.mantissa, self.pending_zeros + 1)?;
                self.mantissa = Some(shifted + u128::from(byte - b'0')).filter(|sum| *sum <= MANTISSA_MAX)?;
                self.pending_zeros = 0;
            }
            _ => return None,
        }
        Some(())
    }

    /// The decimal of these digits with the point `scale` places from the right. As many of the written trailing
    /// zeros are kept as fit.
    fn finish(self, scale: i64, negative: bool) -> Option<Decimal> {
        if self.mantissa == 0 {
            return Decimal::try_from_i128_with_scale(0, scale.clamp(0, SCALE_MAX) as u32).ok();
        }
        let scale_without_zeros = scale - self.pending_zeros;
        if scale_without_zeros > SCALE_MAX {
            return None;
        }
        // At least the zeros left of the point are needed, at most those written.
        let needed = (-scale_without_zeros).max(0);
        let mut zeros = self.pending_zeros.min(SCALE_MAX - scale_without_zeros).max(needed);
        while zeros > needed && with_zeros(self.mantissa, zeros).is_none() {
            zeros -= 1;
        }
        let magnitude = i128::try_from(with_zeros(self.mantissa, zeros)?).ok()?;
        let signed = if negative { -magnitude } else { magnitude };
        Decimal::try_from_i128_with_scale(signed, u32::try_from(scale_without_zeros + zeros).ok()?).ok()
    }
}

/// The mantissa with zeros appended, when a decimal can still hold it.
fn with_zeros(mantissa: u128, zeros: i64) -> Option<u128> {
    if mantissa == 0 {
        return Some(0);
    }
    let power = 10_u128.checked_pow(u32::try_from(zeros).ok()?)?;
    mantissa.checked_mul(power).filter(|shifted| *shifted <= MANTISSA_MAX)
}
