//! From the JSON a caller writes to what a column holds.

use serde_json::Value as Json;

use super::cell::{self, Cell, parse_date, parse_instant};
use super::{Env, is_truthy, python};
use crate::odoo::fault::{Fault, Outcome};
use crate::odoo::registry::{Field, Kind, Name};

impl Env<'_> {
    /// The cell that writing `value` to a stored field gives. Relations are not looked up here.
    pub(super) fn cell_of(&self, model: &str, field: &Field, value: &Json) -> Outcome<Cell> {
        match &field.kind {
            Kind::Char | Kind::Text => text(value),
            Kind::Html => Ok(html(text(value)?)),
            Kind::Integer => integer(value),
            Kind::Float(digits) => {
                let number = float(value)?;
                Ok(Cell::Float(digits.map_or(number, |digits| cell::round(number, digits))))
            }
            Kind::Monetary => Ok(Cell::Float(cell::round(float(value)?, 2))),
            Kind::Boolean => Ok(Cell::Bool(is_truthy(value))),
            Kind::Date => date(value),
            Kind::Datetime => datetime(value),
            Kind::Selection(options) => selection(model, field, options, value),
            Kind::Many2one(_) => many2one(value),
            Kind::Binary | Kind::One2many { .. } | Kind::Many2many(_) => Ok(Cell::Null),
        }
    }
}

fn text(value: &Json) -> Outcome<Cell> {
    match value {
        Json::Null | Json::Bool(false) => Ok(Cell::Null),
        Json::Bool(true) => Ok(Cell::text("True")),
        Json::String(text) if text.contains('\0') => {
            Err(Fault::value_error("A string literal cannot contain NUL (0x00) characters."))
        }
        Json::String(text) => Ok(Cell::text(text)),
        Json::Number(number) => Ok(Cell::text(number.to_string())),
        other => Ok(Cell::text(python(other))),
    }
}

/// Html fields lose scripts and gain a paragraph around bare text.
fn html(cell: Cell) -> Cell {
    let Some(text) = cell.as_text() else { return cell };
    let mut clean = text.to_owned();
    while let Some(start) = clean.to_ascii_lowercase().find("<script") {
        let rest = clean[start..].to_ascii_lowercase();
        let end = rest.find("</script>").map_or(clean.len(), |end| start + end + "</script>".len());
        clean.replace_range(start..end, "");
    }
    if clean.trim().is_empty() {
        return Cell::Null;
    }
    Cell::text(if clean.trim_start().starts_with('<') { clean } else { format!("<p>{clean}</p>") })
}

fn integer(value: &Json) -> Outcome<Cell> {
    match value {
        Json::Null | Json::Bool(false) => Ok(Cell::Int(0)),
        Json::Bool(true) => Ok(Cell::Int(1)),
        Json::Number(number) => {
            let whole = number.as_i64().or_else(|| number.as_f64().map(|float| float.trunc() as i64));
            Ok(Cell::Int(whole.unwrap_or(0)))
        }
        Json::String(text) => text
            .trim()
            .parse()
            .map(Cell::Int)
            .map_err(|_| Fault::value_error(format!("invalid literal for int() with base 10: '{text}'"))),
        other => Err(Fault::type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            class_of(other)
        ))),
    }
}

fn float(value: &Json) -> Outcome<f64> {
    match value {
        Json::Null | Json::Bool(false) => Ok(0.0),
        Json::Bool(true) => Ok(1.0),
        Json::Number(number) => Ok(number.as_f64().unwrap_or(0.0)),
        Json::String(text) if text.is_empty() => Ok(0.0),
        Json::String(text) => {
            text.trim().parse().map_err(|_| Fault::value_error(format!("could not convert string to float: '{text}'")))
        }
        other => Err(Fault::type_error(format!(
            "float() argument must be a string or a real number, not '{}'",
            class_of(other)
        ))),
    }
}

fn date(value: &Json) -> Outcome<Cell> {
    match value {
        Json::String(text) if !text.is_empty() => {
            // A whole date and time is accepted for a date, and cut.
            let day = text.split(' ').next().unwrap_or_default();
            match parse_date(day) {
                Some(date) => Ok(Cell::text(date.to_string())),
                None => Err(Fault::value_error(format!("time data '{text}' does not match format '%Y-%m-%d'"))),
            }
        }
        value if is_truthy(value) => Err(Fault::value_error(format!("{} is not a date", python(value)))),
        _ => Ok(Cell::Null),
    }
}

fn datetime(value: &Json) -> Outcome<Cell> {
    match value {
        Json::String(text) if !text.is_empty() => parse_instant(text)
            .map(Cell::Instant)
            .ok_or_else(|| Fault::value_error(format!("time data '{text}' does not match format '%Y-%m-%d %H:%M:%S'"))),
        value if is_truthy(value) => Err(Fault::value_error(format!("{} is not a date", python(value)))),
        _ => Ok(Cell::Null),
    }
}

fn selection(model: &str, field: &Field, options: &[(Name, Name)], value: &Json) -> Outcome<Cell> {
    let text = match value {
        Json::String(text) => text.clone(),
        value if !is_truthy(value) => return Ok(Cell::Null),
        other => python(other),
    };
    if text.is_empty() {
        return Ok(Cell::Null);
    }
    if options.iter().any(|(key, _)| **key == *text) {
        return Ok(Cell::text(text));
    }
    Err(Fault::value_error(format!("Wrong value for {model}.{}: {}", field.name, python(value))))
}

fn many2one(value: &Json) -> Outcome<Cell> {
    match value {
        Json::Null | Json::Bool(false) => Ok(Cell::Null),
        Json::Number(number) => match number.as_i64() {
            Some(0) | None => Ok(Cell::Null),
            Some(id) => Ok(Cell::Int(id)),
        },
        Json::String(text) if text.is_empty() => Ok(Cell::Null),
        Json::String(text) => text.parse().map(Cell::Int).map_err(|_| Fault::not_an_integer(text)),
        Json::Array(pair) => many2one(pair.first().unwrap_or(&Json::Null)),
        other => Err(Fault::value_error(format!("Wrong value for a many2one: {}", python(other)))),
    }
}

pub(super) fn class_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}
