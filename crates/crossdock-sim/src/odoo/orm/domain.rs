//! Search conditions: a list of `[field, operator, value]` with `&`, `|`, `!` before what they join.

use serde_json::Value as Json;

use super::cell::{self, Cell, parse_date, parse_instant_loosely};
use super::{Env, is_truthy, python};
use crate::odoo::fault::{Fault, Outcome};
use crate::odoo::registry::{Field, Kind, Model, Name, Registry};

/// A checked condition.
#[derive(Clone, Debug)]
pub enum Domain {
    Always,
    Never,
    And(Vec<Domain>),
    Or(Vec<Domain>),
    Not(Box<Domain>),
    Leaf(Leaf),
}

/// One comparison on one field of the record itself.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub field: Name,
    pub test: Test,
}

#[derive(Clone, Debug)]
pub enum Test {
    /// One of these; `unset` when an empty field counts too.
    In {
        values: Vec<Cell>,
        unset: bool,
    },
    /// Names of related records, for a relation compared with text.
    Named {
        pattern: Pattern,
    },
    Less(Cell),
    AtLeast(Cell),
    Like(Pattern),
    /// The record or one above it (`child_of`), or below it (`parent_of`).
    Within {
        ids: Vec<i64>,
        below: bool,
    },
    /// A related record for which this holds.
    Any(Box<Domain>),
}

/// A text pattern: `%` stands for anything, `_` for one character.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    /// The pattern may stand anywhere in the text.
    anywhere: bool,
    fold: bool,
}

impl Domain {
    /// Checks a condition against the fields of a model.
    ///
    /// # Errors
    /// The errors Odoo gives for a malformed condition, an unknown field or operator, or a value it cannot read.
    pub fn parse(registry: &Registry, model: &Model, json: &Json) -> Outcome<Domain> {
        match json {
            Json::Array(items) => parse_list(registry, model, items),
            Json::Null | Json::Bool(false) => Ok(Domain::Always),
            Json::Bool(true) => Ok(Domain::Always),
            other => Err(Fault::type_error(format!("Domain() invalid argument type for domain: {}", python(other)))),
        }
    }

    /// Whether the condition speaks of this field of the record itself.
    pub fn mentions(&self, field: &str) -> bool {
        match self {
            Domain::Always | Domain::Never => false,
            Domain::And(parts) | Domain::Or(parts) => parts.iter().any(|part| part.mentions(field)),
            Domain::Not(part) => part.mentions(field),
            Domain::Leaf(leaf) => *leaf.field == *field,
        }
    }

    pub fn holds(&self, env: &Env<'_>, model: &str, id: i64) -> bool {
        match self {
            Domain::Always => true,
            Domain::Never => false,
            Domain::And(parts) => parts.iter().all(|part| part.holds(env, model, id)),
            Domain::Or(parts) => parts.iter().any(|part| part.holds(env, model, id)),
            Domain::Not(part) => !part.holds(env, model, id),
            Domain::Leaf(leaf) => leaf.holds(env, model, id),
        }
    }
}

fn parse_list(registry: &Registry, model: &Model, items: &[Json]) -> Outcome<Domain> {
    // Polish notation is read from its end; what is left on the stack is joined by "and".
    let mut stack: Vec<Domain> = Vec::new();
    for item in items.iter().rev() {
        let joined = |stack: &mut Vec<Domain>| stack.pop().ok_or_else(|| bad_item(item));
        let domain = match item {
            Json::String(word) if word == "&" => Domain::And(vec![joined(&mut stack)?, joined(&mut stack)?]),
            Json::String(word) if word == "|" => Domain::Or(vec![joined(&mut stack)?, joined(&mut stack)?]),
            Json::String(word) if word == "!" => Domain::Not(Box::new(joined(&mut stack)?)),
            Json::Array(leaf) => parse_leaf(registry, model, leaf, item)?,
            _ => return Err(bad_item(item)),
        };
        stack.push(domain);
    }
    stack.reverse();
    Ok(match stack.len() {
        0 => Domain::Always,
        _ => Domain::And(stack),
    })
}

fn bad_item(item: &Json) -> Fault {
    Fault::value_error(format!("Domain() invalid item in domain: {}", python(item)))
}

fn parse_leaf(registry: &Registry, model: &Model, leaf: &[Json], item: &Json) -> Outcome<Domain> {
    let [path, operator, value] = leaf else { return Err(bad_item(item)) };
    let Some(operator) = operator.as_str() else { return Err(bad_item(item)) };
    let condition = || format!("({}, '{operator}', {})", python(path), python(value));
    let path = match path {
        Json::String(path) => path.as_str(),
        // [1, "=", 1] is always true, [0, "=", 1] never.
        Json::Number(_) if operator == "=" => {
            return Ok(if path == value { Domain::Always } else { Domain::Never });
        }
        _ => return Err(bad_item(item)),
    };
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(field) = model.field(name) else {
        return Err(Fault::value_error(format!("Invalid field {}.{name} in condition {}", model.name, condition())));
    };
    if let Some(rest) = rest {
        let Some(comodel) = field.kind.comodel().and_then(|name| registry.get(name)) else {
            return Err(Fault::value_error(format!(
                "Invalid field {}.{path} in condition {}",
                model.name,
                condition()
            )));
        };
        let (negative, positive) = split_negation(operator);
        let leaf = vec![Json::from(rest), Json::from(if negative { operator } else { positive }), value.clone()];
        let inner = parse_leaf(registry, comodel, &leaf, item)?;
        return Ok(Domain::Leaf(Leaf { field: field.name.clone(), test: Test::Any(Box::new(inner)) }));
    }
    let (negative, positive) = split_negation(operator);
    let Some(test) = parse_test(registry, field, positive, value, &condition)? else { return Ok(Domain::Always) };
    let leaf = Domain::Leaf(Leaf { field: field.name.clone(), test });
    Ok(if negative { Domain::Not(Box::new(leaf)) } else { leaf })
}

fn split_negation(operator: &str) -> (bool, &str) {
    match operator {
        "!=" | "<>" => (true, "="),
        "not in" => (true, "in"),
        "not like" => (true, "like"),
        "not ilike" => (true, "ilike"),
        "not =like" => (true, "=like"),
        "not =ilike" => (true, "=ilike"),
        "not any" => (true, "any"),
        "==" => (false, "="),
        // The complements are the ones that speak of nulls: what is not less is at least.
        other => (false, other),
    }
}

fn parse_test(
    registry: &Registry,
    field: &Field,
    operator: &str,
    value: &Json,
    condition: &dyn Fn() -> String,
) -> Outcome<Option<Test>> {
    let comodel = field.kind.comodel().and_then(|name| registry.get(name));
    let test = match operator {
        "=?" if !is_truthy(value) => return Ok(None),
        "=" | "in" | "=?" => equality(field, value)?,
        "<" => Test::Less(bound(field, value, operator)?),
        "<=" => Test::Less(bound(field, value, operator)?),
        ">" => Test::AtLeast(bound(field, value, operator)?),
        ">=" => Test::AtLeast(bound(field, value, operator)?),
        "like" | "ilike" | "=like" | "=ilike" => {
            let text = value.as_str().map_or_else(|| python(value), str::to_owned);
            let pattern = Pattern { text, anywhere: !operator.starts_with('='), fold: operator.ends_with("ilike") };
            if comodel.is_some() { Test::Named { pattern } } else { Test::Like(pattern) }
        }
        "child_of" | "parent_of" => Test::Within { ids: ids_in(value), below: operator == "child_of" },
        "any" => match comodel {
            Some(comodel) => Test::Any(Box::new(Domain::parse(registry, comodel, value)?)),
            None => return Err(Fault::value_error(format!("Invalid operator in condition {}", condition()))),
        },
        _ => return Err(Fault::value_error(format!("Invalid operator in condition {}", condition()))),
    };
    Ok(Some(test))
}

fn equality(field: &Field, value: &Json) -> Outcome<Test> {
    let items: Vec<&Json> = match value {
        Json::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let relational = field.kind.comodel().is_some();
    if relational && let [Json::String(text)] = items[..] {
        let pattern = Pattern { text: text.clone(), anywhere: false, fold: false };
        return Ok(Test::Named { pattern });
    }
    let mut values = Vec::new();
    let mut unset = false;
    for item in items {
        if !is_truthy(item) {
            unset = true;
            continue;
        }
        values.push(operand(field, item)?);
    }
    Ok(Test::In { values, unset })
}

/// A value to compare a field with.
fn operand(field: &Field, item: &Json) -> Outcome<Cell> {
    Ok(match (&field.kind, item) {
        (Kind::Datetime, Json::String(text)) => instant(text)?.0.into_cell(),
        (Kind::Datetime, other) => return Err(Fault::value_error(format!("{} is not a date", python(other)))),
        (Kind::Date, Json::String(text)) => Cell::text(date_text(text)?),
        (Kind::Integer | Kind::Many2one(_) | Kind::One2many { .. } | Kind::Many2many(_), Json::String(text)) => {
            text.parse().map(Cell::Int).map_err(|_| Fault::not_an_integer(text))?
        }
        (Kind::Float(_) | Kind::Monetary, Json::String(text)) => text
            .parse()
            .map(Cell::Float)
            .map_err(|_| Fault::value_error(format!("could not convert string to float: '{text}'")))?,
        (Kind::Boolean, other) => Cell::Bool(is_truthy(other)),
        (_, Json::Bool(bool)) => Cell::Bool(*bool),
        (_, Json::Number(number)) => match number.as_i64() {
            Some(int) => Cell::Int(int),
            None => Cell::Float(number.as_f64().unwrap_or_default()),
        },
        (_, Json::String(text)) => Cell::Text(text.as_str().into()),
        (_, other) => Cell::text(python(other)),
    })
}

/// The bound of `<` or `>=` that says the same as the operator: a time without a fraction means its whole second, a
/// day its whole day.
fn bound(field: &Field, value: &Json, operator: &str) -> Outcome<Cell> {
    let after = matches!(operator, "<=" | ">");
    match (&field.kind, value) {
        (Kind::Datetime, Json::String(text)) => {
            let (start, span) = instant(text)?;
            Ok(Cell::Instant(if after { start.0 + span } else { start.0 }))
        }
        (Kind::Date, Json::String(text)) => {
            let text = date_text(text)?;
            // The smallest text that sorts behind the day itself.
            Ok(Cell::text(if after { format!("{text}\u{1}") } else { text }))
        }
        _ => Ok(match operand(field, value)? {
            Cell::Int(int) if after => Cell::Float((int as f64).next_up()),
            Cell::Float(float) if after => Cell::Float(float.next_up()),
            Cell::Text(text) if after => Cell::Text(format!("{text}\u{1}").into()),
            other => other,
        }),
    }
}

struct Start(i64);

impl Start {
    fn into_cell(self) -> Cell {
        Cell::Instant(self.0)
    }
}

/// The instant a text means, and how long it lasts: a second, or a day.
fn instant(text: &str) -> Outcome<(Start, i64)> {
    let start = parse_instant_loosely(text)
        .ok_or_else(|| Fault::value_error(format!("time data '{text}' does not match format '%Y-%m-%d %H:%M:%S'")))?;
    let span = if parse_date(text).is_some() { 86_400_000_000 } else { 1_000_000 };
    Ok((Start(start), span))
}

fn date_text(text: &str) -> Outcome<String> {
    let day = text.split([' ', 'T']).next().unwrap_or_default();
    parse_date(day)
        .map(|date| date.to_string())
        .ok_or_else(|| Fault::value_error(format!("time data '{text}' does not match format '%Y-%m-%d'")))
}

fn ids_in(value: &Json) -> Vec<i64> {
    match value {
        Json::Array(items) => items.iter().filter_map(Json::as_i64).collect(),
        one => one.as_i64().into_iter().collect(),
    }
}

impl Leaf {
    fn holds(&self, env: &Env<'_>, model: &str, id: i64) -> bool {
        let cell = env.get(model, id, &self.field);
        match &self.test {
            Test::In { values, unset } => match &cell {
                Cell::Ids(ids) => {
                    (*unset && ids.is_empty())
                        || values.iter().any(|value| value.as_int().is_some_and(|v| ids.contains(&v)))
                }
                cell => (*unset && !cell.is_truthy()) || values.iter().any(|value| equal(cell, value)),
            },
            Test::Less(bound) => compare(env, model, &self.field, &cell).is_some_and(|cell| cell.order(bound).is_lt()),
            Test::AtLeast(bound) => {
                compare(env, model, &self.field, &cell).is_some_and(|cell| cell.order(bound).is_ge())
            }
            Test::Like(pattern) => match &cell {
                Cell::Null => false,
                Cell::Text(text) => pattern.matches(text),
                Cell::Instant(at) => pattern.matches(&cell::instant_text(*at)),
                other => other.as_float().is_some_and(|number| pattern.matches(&number.to_string())),
            },
            Test::Named { pattern } => env.targets(model, &self.field, &cell).any(|(comodel, target)| {
                pattern.matches(&env.text(&comodel, target, "display_name"))
                    || env.model(&comodel).rec_name.as_ref().is_some_and(|name| {
                        env.get(&comodel, target, name).as_text().is_some_and(|text| pattern.matches(text))
                    })
            }),
            Test::Within { ids, below } => env.within(model, &self.field, id, &cell, ids, *below),
            Test::Any(domain) => {
                env.targets(model, &self.field, &cell).any(|(comodel, target)| domain.holds(env, &comodel, target))
            }
        }
    }
}

/// An unset number compares as 0; anything else that is unset compares with nothing.
fn compare(env: &Env<'_>, model: &str, field: &str, cell: &Cell) -> Option<Cell> {
    if !cell.is_null() {
        return Some(cell.clone());
    }
    match env.model(model).field(field)?.kind {
        Kind::Integer | Kind::Float(_) | Kind::Monetary => Some(Cell::Float(0.0)),
        _ => None,
    }
}

fn equal(cell: &Cell, value: &Cell) -> bool {
    match (cell, value) {
        (Cell::Instant(at), Cell::Instant(wanted)) => at == wanted || at - at.rem_euclid(1_000_000) == *wanted,
        (Cell::Int(_) | Cell::Float(_), _) => match (cell.as_float(), value.as_float()) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        (cell, value) => cell == value,
    }
}

impl Env<'_> {
    /// The records a relation leads to.
    fn targets<'a>(&'a self, model: &str, field: &str, cell: &Cell) -> impl Iterator<Item = (Name, i64)> + use<'a> {
        let comodel = self.world.model(model).field(field).and_then(|field| field.kind.comodel().cloned());
        let ids = match cell {
            Cell::Int(id) => vec![*id],
            Cell::Ids(ids) => ids.to_vec(),
            _ => Vec::new(),
        };
        ids.into_iter().filter_map(move |id| Some((comodel.clone()?, id)))
    }

    /// Whether a record, or the ones it leads to, stands in the tree below (or above) the given ones.
    fn within(&self, model: &str, field: &str, id: i64, cell: &Cell, ids: &[i64], below: bool) -> bool {
        let starts: Vec<(Name, i64)> =
            if field == "id" { vec![(model.into(), id)] } else { self.targets(model, field, cell).collect() };
        starts.into_iter().any(|(comodel, start)| {
            if below {
                self.ancestors(&comodel, start).iter().any(|ancestor| ids.contains(ancestor))
            } else {
                ids.iter().any(|wanted| self.ancestors(&comodel, *wanted).contains(&start))
            }
        })
    }

    /// The record and everything above it.
    pub fn ancestors(&self, model: &str, id: i64) -> Vec<i64> {
        let parent = if model == "stock.location" { "location_id" } else { "parent_id" };
        let mut line = vec![id];
        if self.world.model(model).field(parent).is_none() {
            return line;
        }
        while let Some(up) = self.link(model, line[line.len() - 1], parent) {
            if line.contains(&up) {
                break;
            }
            line.push(up);
        }
        line
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        let (mut text, mut pattern) = (text.to_owned(), self.text.clone());
        if self.fold {
            text = text.to_lowercase();
            pattern = pattern.to_lowercase();
        }
        if self.anywhere {
            pattern = format!("%{pattern}%");
        }
        let is_plain = !self.anywhere && !pattern.contains(['%', '_']);
        if is_plain {
            return text == pattern;
        }
        wildcard(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
    }
}

fn wildcard(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skip| wildcard(&text[skip..], rest)),
        Some(('_', rest)) => text.split_first().is_some_and(|(_, text)| wildcard(text, rest)),
        Some((wanted, rest)) => text.split_first().is_some_and(|(found, text)| found == wanted && wildcard(text, rest)),
    }
}
