//! From a matrix to records with records in them: a row whose own columns are empty continues the record above it.

use serde_json::Value as Json;

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Env, is_truthy};
use super::super::registry::Kind;
use super::BY_NAME;

/// A record as the rows tell it, before anything is converted.
#[derive(Clone, Debug, Default)]
pub(super) struct Raw {
    pub entries: Vec<(String, Entry)>,
}

#[derive(Clone, Debug)]
pub(super) enum Entry {
    Value(Json),
    /// The records of a relation; for a many2one or many2many at most one, whose keys say how to find it.
    Records(Vec<Raw>),
}

/// A record and the rows it stood in.
#[derive(Clone, Debug)]
pub(super) struct Extracted {
    pub record: Raw,
    pub from: usize,
    pub to: usize,
}

impl Raw {
    pub fn value(&self, key: &str) -> Option<&Json> {
        self.entries.iter().find_map(|(name, entry)| match entry {
            Entry::Value(value) if name == key => Some(value),
            _ => None,
        })
    }

    pub fn text(&self, key: &str) -> Option<String> {
        match self.value(key)? {
            Json::String(text) => Some(text.clone()),
            value if is_truthy(value) => Some(value.to_string()),
            _ => None,
        }
    }
}

/// The steps of a column: `order_line/product_id/id`; `partner_id.id` and `partner_id:id` mean the same as with `/`.
pub(super) fn path(column: &str) -> Vec<String> {
    let mut fixed = column.to_owned();
    if let Some(start) = fixed.strip_suffix(".id").filter(|start| !start.is_empty() && !start.ends_with('/')) {
        fixed = format!("{start}/.id");
    }
    fixed.replace(":id", "/id").split('/').map(str::to_owned).collect()
}

/// Takes the rows apart.
pub(super) fn records(
    env: &Env<'_>,
    model: &str,
    paths: &[Vec<String>],
    data: &[Vec<Json>],
) -> Outcome<Vec<Extracted>> {
    let definition = env.model(model);
    let kind = |name: &str| definition.field(name).map(|field| &field.kind);
    let mut own = Vec::new();
    let mut lines = Vec::new();
    for (column, path) in paths.iter().enumerate() {
        let name = path[0].as_str();
        if kind(name).is_none() && name != BY_NAME && name != ".id" {
            return Err(Fault::value_error(format!("Invalid field name '{name}'")));
        }
        match kind(name) {
            Some(Kind::One2many { .. }) => lines.push(column),
            _ => own.push(column),
        }
    }
    let filled = |row: &[Json], columns: &[usize]| columns.iter().any(|c| row.get(*c).is_some_and(is_truthy));
    let mut found = Vec::new();
    let mut start = 0;
    while start < data.len() {
        let mut end = start;
        while end + 1 < data.len() && filled(&data[end + 1], &lines) && !filled(&data[end + 1], &own) {
            end += 1;
        }
        let record = one(env, model, paths, &data[start..=end])?;
        found.push(Extracted { record, from: start, to: end });
        start = end + 1;
    }
    Ok(found)
}

/// One record out of its first row and the rows that continue it.
fn one(env: &Env<'_>, model: &str, paths: &[Vec<String>], rows: &[Vec<Json>]) -> Outcome<Raw> {
    let definition = env.model(model);
    let comodel = |name: &str| definition.field(name).and_then(|field| field.kind.comodel().cloned());
    let mut record = Raw::default();
    // Plain columns first: that is the order in which faults are told.
    for (column, path) in paths.iter().enumerate() {
        if comodel(&path[0]).is_none()
            && let Some(value) = rows[0].get(column)
        {
            record.entries.push((path[0].clone(), Entry::Value(value.clone())));
        }
    }
    let mut done: Vec<&str> = Vec::new();
    for path in paths {
        let name = path[0].as_str();
        let Some(comodel) = comodel(name).filter(|_| !done.contains(&name)) else { continue };
        done.push(name);
        let columns: Vec<usize> = (0..paths.len()).filter(|c| paths[*c][0] == name).collect();
        let inner_paths: Vec<Vec<String>> = columns
            .iter()
            .map(|c| match &paths[*c][1..] {
                [] => vec![BY_NAME.to_owned()],
                rest => rest.to_vec(),
            })
            .collect();
        let inner_rows: Vec<Vec<Json>> = rows
            .iter()
            .map(|row| columns.iter().map(|c| row.get(*c).cloned().unwrap_or(Json::Null)).collect::<Vec<_>>())
            .filter(|row| row.iter().any(is_truthy))
            .collect();
        let inner = records(env, &comodel, &inner_paths, &inner_rows)?;
        let inner = inner.into_iter().map(|extracted| extracted.record).collect();
        record.entries.push((name.to_owned(), Entry::Records(inner)));
    }
    Ok(record)
}
