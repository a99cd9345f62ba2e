//! The models and their fields. What stands in `*.models` describes the part of a real Odoo 19's interface (names,
//! types, labels) that the stand-in knows; models made through the API (`ir.model`) are added at run time.

mod spec;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub type Name = Arc<str>;

/// All models of a database.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    models: BTreeMap<Name, Arc<Model>>,
}

/// One model.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: Name,
    /// What people call it, for example `Sales Order`.
    pub label: Name,
    pub order: Name,
    /// The field that names a record; most models have `name`.
    pub rec_name: Option<Name>,
    /// Its records are wizards: they are not listed, and a real Odoo throws them away after an hour.
    pub transient: bool,
    /// Made through the API.
    pub manual: bool,
    /// The link to the model whose fields it also has: `product_tmpl_id` of `product.product`.
    pub inherits: Option<(Name, Name)>,
    pub fields: Vec<Arc<Field>>,
    slots: HashMap<Name, usize>,
}

/// One field of a model.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: Name,
    pub label: Name,
    pub kind: Kind,
    pub source: Source,
    pub required: bool,
    pub readonly: bool,
    /// Whether searches by equality have an index. Relations always have.
    pub indexed: bool,
    pub default: Option<Name>,
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The record itself. Values that a real Odoo computes and stores are stored by the business rules.
    Stored,
    /// Reached over relations, read only.
    Related(Vec<Name>),
    /// Owned by the record behind this link: reads and writes go there.
    Inherited(Name),
    /// Worked out when it is read.
    Computed,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Char,
    Text,
    Html,
    Integer,
    /// `digits` behind the point; `None` keeps what was written.
    Float(Option<u32>),
    Monetary,
    Boolean,
    Date,
    Datetime,
    /// Kept as an attachment of its own; read and written as base64.
    Binary,
    Selection(Arc<[(Name, Name)]>),
    Many2one(Name),
    /// The records of `model` whose field `inverse` is this record. `only` narrows them by a selection field.
    One2many {
        model: Name,
        inverse: Name,
        only: Option<(Name, Vec<Name>)>,
    },
    Many2many(Name),
}

impl Kind {
    /// The word of `fields_get`.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Char => "char",
            Kind::Text => "text",
            Kind::Html => "html",
            Kind::Integer => "integer",
            Kind::Float(_) => "float",
            Kind::Monetary => "monetary",
            Kind::Boolean => "boolean",
            Kind::Date => "date",
            Kind::Datetime => "datetime",
            Kind::Binary => "binary",
            Kind::Selection(_) => "selection",
            Kind::Many2one(_) => "many2one",
            Kind::One2many { .. } => "one2many",
            Kind::Many2many(_) => "many2many",
        }
    }

    /// The model at the other end.
    pub fn comodel(&self) -> Option<&Name> {
        match self {
            Kind::Many2one(model) | Kind::Many2many(model) | Kind::One2many { model, .. } => Some(model),
            _ => None,
        }
    }
}

impl Field {
    pub fn stored(&self) -> bool {
        self.source == Source::Stored && !matches!(self.kind, Kind::One2many { .. } | Kind::Binary)
    }

    pub fn has_index(&self) -> bool {
        self.stored() && (self.indexed || matches!(self.kind, Kind::Many2one(_) | Kind::Many2many(_)))
    }
}

impl Model {
    pub fn new(name: impl Into<Name>, label: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            order: "id".into(),
            rec_name: None,
            transient: false,
            manual: false,
            inherits: None,
            fields: Vec::new(),
            slots: HashMap::new(),
        }
    }

    pub fn add(&mut self, field: Field) {
        match self.slots.get(&field.name) {
            Some(slot) => self.fields[*slot] = Arc::new(field),
            None => {
                self.slots.insert(field.name.clone(), self.fields.len());
                self.fields.push(Arc::new(field));
            }
        }
    }

    pub fn field(&self, name: &str) -> Option<&Arc<Field>> {
        self.slots.get(name).map(|slot| &self.fields[*slot])
    }

    /// Where a record keeps this field.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    pub fn has_active(&self) -> bool {
        self.slots.contains_key("active")
    }
}

impl Registry {
    /// The models the stand-in is born with.
    pub fn standard() -> Self {
        let mut registry = Registry::default();
        let parts = [
            include_str!("base.models"),
            include_str!("trade.models"),
            include_str!("stock.models"),
            include_str!("account.models"),
        ];
        for part in parts {
            for model in spec::read(part) {
                registry.add(model);
            }
        }
        registry.inherit();
        registry
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    pub fn add(&mut self, mut model: Model) {
        for field in magic_fields() {
            if model.field(&field.name).is_none() {
                model.add(field);
            }
        }
        if model.rec_name.is_none() {
            let candidate = ["name", "x_name"].into_iter().find(|name| model.field(name).is_some());
            model.rec_name = candidate.map(Name::from);
        }
        self.models.insert(model.name.clone(), Arc::new(model));
    }

    pub fn remove(&mut self, name: &str) {
        self.models.remove(name);
    }

    /// Gives every model that inherits another the fields it does not have itself.
    fn inherit(&mut self) {
        let heirs: Vec<_> = self.models.values().filter(|model| model.inherits.is_some()).cloned().collect();
        for heir in heirs {
            let Some((link, parent)) = heir.inherits.clone() else { continue };
            let Some(parent) = self.get(&parent).cloned() else { continue };
            let mut heir = Model::clone(&heir);
            for field in &parent.fields {
                if heir.field(&field.name).is_none() {
                    heir.add(Field { source: Source::Inherited(link.clone()), indexed: false, ..Field::clone(field) });
                }
            }
            self.models.insert(heir.name.clone(), Arc::new(heir));
        }
    }
}

/// The fields that every model has.
fn magic_fields() -> Vec<Field> {
    let field = |name: &str, label: &str, kind: Kind, source: Source| Field {
        name: name.into(),
        label: label.into(),
        kind,
        source,
        required: false,
        readonly: true,
        indexed: false,
        default: None,
    };
    vec![
        field("id", "ID", Kind::Integer, Source::Computed),
        field("display_name", "Display Name", Kind::Char, Source::Computed),
        field("create_uid", "Created by", Kind::Many2one("res.users".into()), Source::Stored),
        field("create_date", "Created on", Kind::Datetime, Source::Stored),
        field("write_uid", "Last Updated by", Kind::Many2one("res.users".into()), Source::Stored),
        field("write_date", "Last Updated on", Kind::Datetime, Source::Stored),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_order_and_inverse_leads_to_something() {
        let registry = Registry::standard();
        let mut wrong = Vec::new();
        for model in registry.iter() {
            for term in model.order.split(',') {
                let field = term.split_whitespace().next().unwrap_or_default();
                if model.field(field).is_none() {
                    wrong.push(format!("{} is ordered by the unknown {field}", model.name));
                }
            }
            for field in &model.fields {
                let Some(comodel) = field.kind.comodel() else { continue };
                match (registry.get(comodel), &field.kind) {
                    (None, _) => wrong.push(format!("{}.{} leads to the unknown {comodel}", model.name, field.name)),
                    (Some(other), Kind::One2many { inverse, .. }) if other.field(inverse).is_none() => {
                        wrong.push(format!("{}.{} wants {comodel}.{inverse}", model.name, field.name));
                    }
                    _ => {}
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
