//! Showing records as JSON.

use serde_json::{Map, Value as Json, json};

use super::cell::{self, Cell};
use super::{Env, is_truthy};
use crate::odoo::business::{self, access::Right};
use crate::odoo::fault::{Fault, Outcome};
use crate::odoo::registry::{Field, Kind, Source};

impl Env<'_> {
    /// The fields of records; records that are not there are left out.
    ///
    /// # Errors
    /// Unknown fields; missing rights.
    pub fn read(&self, model: &str, ids: &[i64], fields: Option<&[String]>) -> Outcome<Vec<Json>> {
        self.allow(model, Right::Read)?;
        let definition = self.model(model);
        let mut wanted: Vec<&Field> = Vec::new();
        match fields {
            Some(names) => {
                for name in names {
                    let field = definition.field(name);
                    wanted
                        .push(field.ok_or_else(|| Fault::value_error(format!("Invalid field '{name}' on '{model}'")))?);
                }
            }
            None => wanted.extend(definition.fields.iter().map(|field| &**field)),
        }
        // For its id alone no record is looked at, so one that is gone is not missed.
        let looks = wanted.is_empty() || wanted.iter().any(|field| *field.name != *"id");
        let mut records = Vec::new();
        for id in ids.iter().filter(|id| !looks || self.exists(model, **id)) {
            let mut record = Map::new();
            record.insert("id".into(), (*id).into());
            for field in &wanted {
                record.insert(field.name.to_string(), self.shown(model, *id, field));
            }
            records.push(Json::Object(record));
        }
        Ok(records)
    }

    /// One field of one record as the API shows it.
    pub fn shown(&self, model: &str, id: i64, field: &Field) -> Json {
        let cell = self.get(model, id, &field.name);
        match (&field.kind, cell) {
            (Kind::Boolean, cell) => cell.is_truthy().into(),
            (Kind::Integer, cell) => cell.as_int().unwrap_or(0).into(),
            (Kind::Float(_) | Kind::Monetary, cell) => json!(cell.as_float().unwrap_or(0.0)),
            (Kind::One2many { .. } | Kind::Many2many(_), cell) => json!(cell.as_ids()),
            (Kind::Many2one(comodel), Cell::Int(target)) if self.exists(comodel, target) => {
                json!([target, self.text(comodel, target, "display_name")])
            }
            (Kind::Binary, Cell::Text(content)) if self.flag("bin_size") => {
                business::attachment::size_text(content.len() * 3 / 4).into()
            }
            (_, Cell::Text(text)) => (*text).into(),
            (_, Cell::Instant(at)) => cell::instant_text(at).into(),
            (_, Cell::Int(int)) => int.into(),
            (_, Cell::Float(float)) => json!(float),
            (_, Cell::Bool(bool)) => bool.into(),
            _ => false.into(),
        }
    }

    /// What `fields_get` tells of a model.
    pub fn fields_get(&self, model: &str, only: Option<&[String]>, attributes: Option<&[String]>) -> Json {
        let definition = self.model(model);
        let mut described = Map::new();
        for field in &definition.fields {
            if only.is_some_and(|only| !only.is_empty() && !only.iter().any(|name| **name == *field.name)) {
                continue;
            }
            let mut facts = describe(field);
            if let Some(attributes) = attributes.filter(|attributes| !attributes.is_empty()) {
                facts.retain(|key, _| attributes.contains(key));
            }
            described.insert(field.name.to_string(), Json::Object(facts));
        }
        Json::Object(described)
    }
}

fn describe(field: &Field) -> Map<String, Json> {
    let stored = field.stored() || matches!(field.kind, Kind::One2many { .. } | Kind::Binary) || *field.name == *"id";
    let mut facts = Map::new();
    facts.insert("type".into(), field.kind.word().into());
    facts.insert("name".into(), (*field.name).into());
    facts.insert("string".into(), (*field.label).into());
    facts.insert("required".into(), field.required.into());
    facts.insert("readonly".into(), (field.readonly || *field.name == *"id").into());
    facts.insert("store".into(), stored.into());
    facts.insert("searchable".into(), true.into());
    facts.insert("sortable".into(), stored.into());
    facts.insert("groupable".into(), stored.into());
    facts.insert("manual".into(), field.name.starts_with("x_").into());
    if let Some(comodel) = field.kind.comodel() {
        facts.insert("relation".into(), (**comodel).into());
        facts.insert("context".into(), json!({}));
        facts.insert("domain".into(), json!([]));
    }
    if let Kind::One2many { inverse, .. } = &field.kind {
        facts.insert("relation_field".into(), (**inverse).into());
    }
    if let Kind::Selection(options) = &field.kind {
        let options: Vec<Json> = options.iter().map(|(key, label)| json!([**key, **label])).collect();
        facts.insert("selection".into(), options.into());
    }
    if let Source::Related(path) = &field.source {
        facts.insert("related".into(), path.join(".").into());
    }
    facts
}

/// The list of field names in an argument; `None` when all are meant.
pub fn names_in(value: Option<&Json>) -> Option<Vec<String>> {
    match value {
        Some(Json::Array(names)) if !names.is_empty() => {
            Some(names.iter().map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned)).collect())
        }
        // A text is a list of its letters, in Python.
        Some(Json::String(text)) if is_truthy(&Json::from(text.as_str())) => {
            Some(text.chars().map(String::from).collect())
        }
        _ => None,
    }
}
