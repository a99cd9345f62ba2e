//! Texts. Positions and lengths count characters (Unicode code points), from 0.

use super::{Context, Function, Result, one, three, two};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    two("contains", "text, part", |context, text, part| {
        let (text, part) = (context.text(text)?, context.text(part)?);
        Ok(Value::Bool(text.contains(&**part)))
    }),
    two("startsWith", "text, start", |context, text, start| {
        let (text, start) = (context.text(text)?, context.text(start)?);
        Ok(Value::Bool(text.starts_with(&**start)))
    }),
    two("endsWith", "text, end", |context, text, end| {
        let (text, end) = (context.text(text)?, context.text(end)?);
        Ok(Value::Bool(text.ends_with(&**end)))
    }),
    two("indexOf", "text, part", |context, text, part| {
        let (text, part) = (context.text(text)?, context.text(part)?);
        let position = text.find(&**part).map_or(-1, |at| text[..at].chars().count() as i64);
        Ok(Value::Int(position))
    }),
    one("upper", "text", |context, text| Ok(Value::from(context.text(text)?.to_uppercase()))),
    one("lower", "text", |context, text| Ok(Value::from(context.text(text)?.to_lowercase()))),
    one("trim", "text", |context, text| Ok(Value::from(context.text(text)?.trim()))),
    two("split", "text, separator", |context, text, separator| split(context, text, separator, usize::MAX)),
    three("split", "text, separator, parts", |context, text, separator, parts| {
        split(context, text, separator, context.size(parts)?)
    }),
    one("join", "list", |context, list| join(context, list, "")),
    two("join", "list, separator", |context, list, separator| join(context, list, context.text(separator)?)),
    three("replace", "text, from, to", replace),
    two("substring", "text, start", |context, text, start| substring(context, text, start, usize::MAX)),
    three("substring", "text, start, end", |context, text, start, end| {
        substring(context, text, start, context.size(end)?)
    }),
    two("padStart", "text, width", |context, text, width| pad(context, text, width, " ", true)),
    three("padStart", "text, width, fill", |context, text, width, fill| {
        pad(context, text, width, context.text(fill)?, true)
    }),
    two("padEnd", "text, width", |context, text, width| pad(context, text, width, " ", false)),
    three("padEnd", "text, width, fill", |context, text, width, fill| {
        pad(context, text, width, context.text(fill)?, false)
    }),
];

/// An empty separator splits into characters.
fn split(context: &Context<'_>, text: &Value, separator: &Value, parts_max: usize) -> Result<Value> {
    let (text, separator) = (context.text(text)?, context.text(separator)?);
    if parts_max == 0 {
        return Ok(Value::from(Vec::new()));
    }
    // Parts are small values of some 40 bytes each, so they are paid for before they are made.
    let parts = if separator.is_empty() { text.len() } else { text.matches(&**separator).count() + 1 };
    context.meter.bytes(parts.min(parts_max).saturating_mul(40))?;
    if !separator.is_empty() {
        return Ok(text.splitn(parts_max, &**separator).map(Value::from).collect());
    }
    let mut pieces = Vec::new();
    let mut rest: &str = text;
    while let Some(first) = rest.chars().next() {
        if pieces.len() + 1 == parts_max {
            pieces.push(Value::from(rest));
            break;
        }
        let (piece, tail) = rest.split_at(first.len_utf8());
        pieces.push(Value::from(piece));
        rest = tail;
    }
    Ok(Value::from(pieces))
}

fn join(context: &Context<'_>, list: &Value, separator: &str) -> Result<Value> {
    let items = context.list(list)?;
    let mut joined = String::new();
    for (position, item) in items.iter().enumerate() {
        let Value::Text(text) = item else {
            return Err(context.wants("a list of texts", item).hint("`list.map(x, string(x))` makes texts"));
        };
        context.meter.bytes(text.len() + separator.len())?;
        if position > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(Value::from(joined))
}

fn replace(context: &Context<'_>, text: &Value, from: &Value, to: &Value) -> Result<Value> {
    let (text, from, to) = (context.text(text)?, context.text(from)?, context.text(to)?);
    let places = if from.is_empty() { text.len() + 1 } else { text.matches(&**from).count() };
    context.meter.bytes(places.saturating_mul(to.len()).saturating_add(text.len()))?;
    Ok(Value::from(text.replace(&**from, to)))
}

/// Beyond the end of the text there is simply nothing, so cutting to a partner's field length needs no check.
fn substring(context: &Context<'_>, text: &Value, start: &Value, end: usize) -> Result<Value> {
    let (text, start) = (context.text(text)?, context.size(start)?);
    let byte_of = |position: usize| text.char_indices().nth(position).map_or(text.len(), |(at, _)| at);
    let (from, to) = (byte_of(start), byte_of(end));
    Ok(Value::from(&text[from..to.max(from)]))
}

fn pad(context: &Context<'_>, text: &Value, width: &Value, fill: &str, at_start: bool) -> Result<Value> {
    let (text, width) = (context.text(text)?, context.size(width)?);
    let missing = width.saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok(Value::Text(text.clone()));
    }
    if fill.is_empty() {
        return Err(context.refuses(&Value::from(fill), "there is nothing to fill with"));
    }
    context.meter.bytes(missing.saturating_mul(4))?;
    let filling: String = fill.chars().cycle().take(missing).collect();
    Ok(Value::from(if at_start { filling + text } else { format!("{text}{filling}") }))
}
