//! Finding records: by index where the condition allows, in the order asked for.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::cell::{Cell, Key};
use super::domain::{Domain, Leaf, Test};
use super::{Env, is_truthy};
use crate::odoo::business::{self, access::Right};
use crate::odoo::fault::{Fault, Outcome};
use crate::odoo::registry::{Kind, Model};

/// How much of a search is wanted, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Listing<'a> {
    pub order: Option<&'a str>,
    pub offset: usize,
    pub limit: Option<usize>,
}

impl Env<'_> {
    /// The records for which a condition holds.
    ///
    /// # Errors
    /// A condition or an order that cannot be read; missing rights.
    pub fn search(&self, model: &str, domain: &Json, listing: &Listing<'_>) -> Outcome<Vec<i64>> {
        self.allow(model, Right::Read)?;
        let definition = self.model(model);
        let condition = Domain::parse(&self.world.registry, &definition, domain)?;
        if let Some(order) = listing.order {
            check_order(&definition, order)?;
        }
        let mut ids = self.matching(&definition, &condition);
        let order = listing.order.filter(|order| !order.trim().is_empty()).unwrap_or(&definition.order);
        self.sort(model, &mut ids, order);
        let limit = listing.limit.unwrap_or(usize::MAX);
        Ok(ids.into_iter().skip(listing.offset).take(limit).collect())
    }

    /// The records for which a condition of a rule holds, in their model's order.
    pub fn all(&self, model: &str, domain: Json) -> Vec<i64> {
        let definition = self.model(model);
        let condition = Domain::parse(&self.world.registry, &definition, &domain)
            .unwrap_or_else(|fault| panic!("a rule's condition on {model}: {}", fault.message));
        let mut ids = self.matching(&definition, &condition);
        self.sort(model, &mut ids, &definition.order);
        ids
    }

    fn matching(&self, model: &Model, condition: &Domain) -> Vec<i64> {
        let hide_archived = model.has_active()
            && self.context.get("active_test").is_none_or(is_truthy)
            && !condition.mentions("active");
        let hide = business::hidden(&model.name, condition);
        let candidates = match self.narrowed(model, condition) {
            Some(ids) => ids,
            None => self.world.tables.ids(&model.name).collect(),
        };
        candidates
            .into_iter()
            .filter(|id| !hide_archived || self.yes(&model.name, *id, "active"))
            .filter(|id| hide.is_none_or(|field| self.get(&model.name, *id, field).is_null()))
            .filter(|id| condition.holds(self, &model.name, *id))
            .collect()
    }

    /// The smallest set an index gives that holds every match; `None` when no index helps.
    fn narrowed(&self, model: &Model, condition: &Domain) -> Option<Vec<i64>> {
        match condition {
            Domain::Leaf(leaf) => self.by_index(model, leaf),
            Domain::And(parts) => {
                parts.iter().filter_map(|part| self.narrowed(model, part)).min_by_key(|candidates| candidates.len())
            }
            Domain::Or(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.narrowed(model, part)?);
                }
                all.sort_unstable();
                all.dedup();
                Some(all)
            }
            Domain::Never => Some(Vec::new()),
            _ => None,
        }
    }

    fn by_index(&self, model: &Model, leaf: &Leaf) -> Option<Vec<i64>> {
        let Test::In { values, unset: false } = &leaf.test else { return None };
        if *leaf.field == *"id" {
            let mut ids: Vec<i64> = values.iter().filter_map(Cell::as_int).collect();
            ids.retain(|id| self.exists(&model.name, *id));
            ids.sort_unstable();
            ids.dedup();
            return Some(ids);
        }
        let slot = model.slot(&leaf.field)?;
        let mut ids = Vec::new();
        for value in values {
            let key = match value {
                Cell::Int(int) => Key::Int(*int),
                Cell::Text(text) => Key::Text(text.clone()),
                _ => return None,
            };
            ids.extend(self.world.tables.find(&model.name, slot, &key)?);
        }
        ids.sort_unstable();
        ids.dedup();
        Some(ids)
    }

    /// Sorts records by an order that was checked.
    pub fn sort(&self, model: &str, ids: &mut [i64], order: &str) {
        let terms: Vec<(&str, bool)> = order.split(',').filter_map(term).collect();
        if terms.iter().all(|(field, down)| *field == "id" && !down) {
            ids.sort_unstable();
            return;
        }
        let mut keyed: Vec<(Vec<Cell>, i64)> = ids
            .iter()
            .map(|id| (terms.iter().map(|(field, _)| self.sort_key(model, *id, field)).collect(), *id))
            .collect();
        keyed.sort_by(|(a, a_id), (b, b_id)| {
            let by_terms = terms.iter().enumerate().map(|(place, (_, down))| {
                let order = a[place].order(&b[place]);
                if *down { order.reverse() } else { order }
            });
            by_terms.fold(Ordering::Equal, Ordering::then).then(a_id.cmp(b_id))
        });
        for (slot, (_, id)) in ids.iter_mut().zip(keyed) {
            *slot = id;
        }
    }

    /// A relation sorts by the name of what it leads to, except where that model sorts by id.
    fn sort_key(&self, model: &str, id: i64, field: &str) -> Cell {
        let cell = self.get(model, id, field);
        let definition = self.world.model(model);
        match (definition.field(field).map(|found| &found.kind), &cell) {
            (Some(Kind::Many2one(comodel)), Cell::Int(target)) => {
                let other = self.world.model(comodel);
                match other.order.split(',').filter_map(term).next() {
                    Some((first, false)) if first != "id" && other.field(first).is_some() && **comodel != *model => {
                        self.get(comodel, *target, first)
                    }
                    _ => cell,
                }
            }
            _ => cell,
        }
    }
}

fn term(text: &str) -> Option<(&str, bool)> {
    let mut words = text.split_whitespace();
    let field = words.next()?;
    Some((field, words.next().is_some_and(|word| word.eq_ignore_ascii_case("desc"))))
}

fn check_order(model: &Model, order: &str) -> Outcome<()> {
    for part in order.split(',') {
        let mut words = part.split_whitespace();
        let field = words.next().unwrap_or_default();
        let well_formed = field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
            && words
                .all(|word| ["asc", "desc", "nulls", "first", "last"].contains(&word.to_ascii_lowercase().as_str()));
        if !well_formed || field.is_empty() {
            return Err(Fault::user(format!(
                "Invalid \"order\" specified ({order}). A valid \"order\" specification is a comma-separated list of \
                 valid field names (optionally followed by asc/desc for the direction)"
            )));
        }
        let name = field.split('.').next().unwrap_or_default();
        if model.field(name).is_none() {
            return Err(Fault::value_error(format!("Invalid field '{name}' on model '{}'", model.name)));
        }
    }
    Ok(())
}
