//! Numbers and quantities.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{Context, Function, Result, Trouble, one, three, two};
use crate::model::unit;
use crate::value::Value;
use crate::value::number::decimal_to_int;

pub(super) const FUNCTIONS: &[Function] = &[
    one("round", "x", |context, x| round(context, x, 0, RoundingStrategy::MidpointNearestEven)),
    two("round", "x, digits", |context, x, digits| {
        round(context, x, scale(context, digits)?, RoundingStrategy::MidpointNearestEven)
    }),
    one("roundHalfUp", "x", |context, x| round(context, x, 0, RoundingStrategy::MidpointAwayFromZero)),
    two("roundHalfUp", "x, digits", |context, x, digits| {
        round(context, x, scale(context, digits)?, RoundingStrategy::MidpointAwayFromZero)
    }),
    one("floor", "x", |context, x| round(context, x, 0, RoundingStrategy::ToNegativeInfinity)),
    one("ceil", "x", |context, x| round(context, x, 0, RoundingStrategy::ToPositiveInfinity)),
    one("abs", "x", abs),
    three("convert", "x, from, to", convert),
];

/// Exactly `digits` digits behind the point; an integer when there are none.
fn round(context: &Context<'_>, value: &Value, digits: u32, strategy: RoundingStrategy) -> Result<Value> {
    let mut rounded = decimal(context, value)?.round_dp_with_strategy(digits, strategy);
    if digits == 0 {
        return Ok(decimal_to_int(rounded).map_or(Value::Decimal(rounded), Value::Int));
    }
    rounded.rescale(digits);
    if rounded.scale() != digits {
        return Err(context.refuses(value, "with so many digits behind the point it has more than 28"));
    }
    Ok(Value::Decimal(rounded))
}

fn abs(context: &Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Int(int) => int
            .checked_abs()
            .map(Value::Int)
            .ok_or_else(|| context.refuses(value, "it is outside of the 64-bit integers")),
        other => decimal(context, other).map(|decimal| Value::Decimal(decimal.abs())),
    }
}

/// A quantity of one unit of UN/ECE Recommendation 20 in another, exact where decimals can be.
fn convert(context: &Context<'_>, value: &Value, from: &Value, to: &Value) -> Result<Value> {
    let (from, to) = (context.text(from)?, context.text(to)?);
    let converted = unit::convert(decimal(context, value)?, from, to);
    converted.map(Value::Decimal).map_err(|error| Trouble::bad_value(format!("`convert`: {error}")))
}

fn decimal(context: &Context<'_>, value: &Value) -> Result<Decimal> {
    value.as_decimal().ok_or_else(|| {
        let trouble = context.wants("a number", value);
        if value.as_text().is_some() { trouble.hint("`decimal(x)` makes a number of a text") } else { trouble }
    })
}

fn scale(context: &Context<'_>, digits: &Value) -> Result<u32> {
    context
        .int(digits)?
        .try_into()
        .ok()
        .filter(|digits| *digits <= Decimal::MAX_SCALE)
        .ok_or_else(|| context.wants("0 to 28 digits", digits))
}
