//! The object layer: what every model can do, whatever it is about. One call is one transaction; what fails is
//! taken back whole.

pub mod cell;
mod command;
pub mod create;
pub mod domain;
pub mod read;
mod search;
pub mod table;
mod unlink;
mod values;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

pub use cell::Cell;
use cell::Key;
pub use search::Listing;
use table::{Savepoint, Tables};

use super::business;
use super::business::automation::Rules;
use super::fault::{Fault, Outcome};
use super::registry::{Kind, Model, Name, Registry, Source};

/// Field values as a caller gives them.
pub type Values = Map<String, Json>;

/// The user that may do everything, as which Odoo does things behind the scenes.
pub const ROOT: i64 = 1;
/// The administrator.
pub const ADMIN: i64 = 2;
/// The one company.
pub const COMPANY: i64 = 1;

/// One database.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub registry: Arc<Registry>,
    pub tables: Tables,
    /// Number ranges that do not care about rollbacks, so they have gaps.
    pub counters: BTreeMap<Name, i64>,
    /// API keys and whose they are.
    pub keys: BTreeMap<String, i64>,
    /// The automation rules as last read from their tables.
    pub rules: Option<Arc<Rules>>,
}

/// The world as one call sees it.
#[derive(Debug)]
pub struct Env<'w> {
    pub world: &'w mut World,
    pub context: Arc<Values>,
    pub uid: i64,
    /// The start of the transaction: what `write_date` gets.
    pub now: Timestamp,
    /// Access rights are not asked.
    pub sudo: bool,
    /// How deep rules have called rules.
    pub depth: usize,
    /// Records whose lines are still being made: what follows from the lines waits for the last one.
    unfinished: Vec<(Name, i64)>,
}

impl World {
    pub fn model(&self, name: &str) -> &Arc<Model> {
        self.registry.get(name).unwrap_or_else(|| panic!("the stand-in has no model {name}"))
    }

    /// The next number of a range.
    pub fn count(&mut self, range: &str) -> i64 {
        let counter = self.counters.entry(range.into()).or_default();
        *counter += 1;
        *counter
    }

    /// Makes a change to the registry, which a rollback takes back.
    pub fn change_registry(&mut self, change: impl FnOnce(&mut Registry)) {
        self.tables.note_registry(self.registry.clone());
        change(Arc::make_mut(&mut self.registry));
    }

    pub fn rollback(&mut self, savepoint: Savepoint) {
        if let Some(registry) = self.tables.rollback(savepoint) {
            self.registry = registry;
        }
        self.rules = None;
    }
}

impl<'w> Env<'w> {
    pub fn new(world: &'w mut World, uid: i64, context: Values, now: Timestamp) -> Self {
        Self { world, context: Arc::new(context), uid, now, sudo: false, depth: 0, unfinished: Vec::new() }
    }

    /// The same call, with these entries in the context.
    pub fn with<T>(&mut self, entries: Json, work: impl FnOnce(&mut Env<'_>) -> T) -> T {
        let mut context = Values::clone(&self.context);
        if let Json::Object(entries) = entries {
            context.extend(entries);
        }
        let outer = std::mem::replace(&mut self.context, Arc::new(context));
        let result = work(self);
        self.context = outer;
        result
    }

    /// The same call, without asking for access rights.
    pub fn as_root<T>(&mut self, work: impl FnOnce(&mut Env<'_>) -> T) -> T {
        let outer = std::mem::replace(&mut self.sudo, true);
        let result = work(self);
        self.sudo = outer;
        result
    }

    /// Does the work, or nothing of it.
    pub fn atomically<T>(&mut self, work: impl FnOnce(&mut Env<'_>) -> Outcome<T>) -> Outcome<T> {
        let savepoint = self.world.tables.savepoint();
        let result = work(self);
        if result.is_err() {
            self.world.rollback(savepoint);
        }
        result
    }

    /// Whether the lines of a record are still being made.
    pub fn is_unfinished(&self, model: &str, id: i64) -> bool {
        self.unfinished.iter().any(|(name, other)| **name == *model && *other == id)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.context.get(key).is_some_and(is_truthy)
    }

    /// A list of ids in the context; a single id counts as a list.
    pub fn context_ids(&self, key: &str) -> Vec<i64> {
        match self.context.get(key) {
            Some(Json::Array(ids)) => ids.iter().filter_map(Json::as_i64).collect(),
            Some(value) => value.as_i64().into_iter().collect(),
            None => Vec::new(),
        }
    }

    pub fn model(&self, name: &str) -> Arc<Model> {
        self.world.model(name).clone()
    }

    pub fn exists(&self, model: &str, id: i64) -> bool {
        self.world.tables.exists(model, id)
    }

    pub fn must_exist(&self, model: &str, id: i64) -> Outcome<()> {
        if self.exists(model, id) { Ok(()) } else { Err(Fault::missing(model, id, self.uid)) }
    }

    /// The content of a field, wherever it comes from.
    pub fn get(&self, model: &str, id: i64, field: &str) -> Cell {
        let definition = self.world.model(model);
        let Some(slot) = definition.slot(field) else { panic!("the stand-in has no field {model}.{field}") };
        let found = &definition.fields[slot];
        match &found.source {
            Source::Stored => match &found.kind {
                Kind::One2many { .. } => Cell::ids(self.children(model, id, field)),
                Kind::Binary => business::attachment::field_content(self, model, id, field),
                _ => self.world.tables.cell(model, id, slot).clone(),
            },
            Source::Inherited(link) => match (self.link(model, id, link), definition.field(link).map(|f| &f.kind)) {
                (Some(parent), Some(Kind::Many2one(comodel))) => self.get(comodel, parent, field),
                _ => Cell::Null,
            },
            Source::Related(path) => self.follow(model, id, path),
            Source::Computed => match field {
                "id" => Cell::Int(id),
                "display_name" => Cell::text(business::names::display_name(self, model, id)),
                _ => business::computed::compute(self, model, id, field),
            },
        }
    }

    /// The first value at the end of a path of relations.
    fn follow(&self, model: &str, id: i64, path: &[Name]) -> Cell {
        let Some((first, rest)) = path.split_first() else { return Cell::Null };
        let cell = self.get(model, id, first);
        if rest.is_empty() {
            return cell;
        }
        let next = match &cell {
            Cell::Int(id) => Some(*id),
            Cell::Ids(ids) => ids.first().copied(),
            _ => None,
        };
        let comodel = self.world.model(model).field(first).and_then(|field| field.kind.comodel().cloned());
        match (next, comodel) {
            (Some(next), Some(comodel)) => self.follow(&comodel, next, rest),
            _ => Cell::Null,
        }
    }

    pub fn text(&self, model: &str, id: i64, field: &str) -> String {
        self.get(model, id, field).as_text().unwrap_or_default().to_owned()
    }

    /// Whether a text or selection field has this content.
    pub fn is(&self, model: &str, id: i64, field: &str, word: &str) -> bool {
        self.get(model, id, field).as_text() == Some(word)
    }

    pub fn number(&self, model: &str, id: i64, field: &str) -> f64 {
        self.get(model, id, field).as_float().unwrap_or(0.0)
    }

    pub fn yes(&self, model: &str, id: i64, field: &str) -> bool {
        self.get(model, id, field).is_truthy()
    }

    /// The id at the other end of a many2one.
    pub fn link(&self, model: &str, id: i64, field: &str) -> Option<i64> {
        self.get(model, id, field).as_int()
    }

    /// The ids of a one2many or many2many.
    pub fn list(&self, model: &str, id: i64, field: &str) -> Vec<i64> {
        self.get(model, id, field).as_ids().to_vec()
    }

    /// The records of a one2many in the order of their model, archived ones left out as always.
    fn children(&self, model: &str, id: i64, field: &str) -> Vec<i64> {
        let definition = self.world.model(model);
        let Some(Kind::One2many { model: comodel, inverse, only }) = definition.field(field).map(|found| &found.kind)
        else {
            return Vec::new();
        };
        let other = self.world.model(comodel);
        let mut ids = match other.slot(inverse) {
            Some(slot) if other.fields[slot].has_index() => {
                self.world.tables.find(comodel, slot, &Key::Int(id)).unwrap_or_default()
            }
            _ => {
                self.world.tables.ids(comodel).filter(|child| self.link(comodel, *child, inverse) == Some(id)).collect()
            }
        };
        if let Some((filter, allowed)) = only {
            ids.retain(|child| {
                let cell = self.get(comodel, *child, filter);
                cell.as_text().is_some_and(|text| allowed.iter().any(|word| &**word == text))
            });
        }
        if other.has_active() && self.context.get("active_test").is_none_or(is_truthy) {
            ids.retain(|child| self.yes(comodel, *child, "active"));
        }
        self.sort(comodel, &mut ids, &other.order);
        ids
    }

    /// The records of `model` whose indexed field leads to `id`, by id, archived ones included.
    pub fn referring(&self, model: &str, field: &str, id: i64) -> Vec<i64> {
        let definition = self.world.model(model);
        let slot = definition.slot(field).unwrap_or_else(|| panic!("the stand-in has no field {model}.{field}"));
        self.world.tables.find(model, slot, &Key::Int(id)).unwrap_or_else(|| panic!("{model}.{field} has no index"))
    }

    /// The records of `model` whose indexed text field is `text`, by id.
    pub fn having(&self, model: &str, field: &str, text: &str) -> Vec<i64> {
        let definition = self.world.model(model);
        let slot = definition.slot(field).unwrap_or_else(|| panic!("the stand-in has no field {model}.{field}"));
        let found = self.world.tables.find(model, slot, &Key::Text(text.into()));
        found.unwrap_or_else(|| panic!("{model}.{field} has no index"))
    }

    /// The present second, as the API writes it.
    pub fn now_text(&self) -> String {
        cell::instant_text(self.now.as_microsecond())
    }

    /// The present day in the caller's time zone.
    pub fn today(&self) -> String {
        let zone = self.zone();
        self.now.to_zoned(zone).date().to_string()
    }

    /// The caller's time zone: the context's, else UTC.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        let name = self.context.get("tz").and_then(Json::as_str).unwrap_or("UTC");
        jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// Truth as Python sees it.
pub fn is_truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(bool) => *bool,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(entries) => !entries.is_empty(),
    }
}

/// A value as Python writes it, for messages.
pub fn python(value: &Json) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => format!("'{text}'"),
        Json::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("'{key}': {}", python(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
