//! Changing records.

use serde_json::Value as Json;

use super::cell::Cell;
use super::{Env, Values};
use crate::odoo::business::{self, access::Right, automation};
use crate::odoo::fault::{Fault, Outcome};
use crate::odoo::registry::{Kind, Model, Name, Source};

impl Env<'_> {
    /// Changes records; for rules, which know their fields.
    ///
    /// # Errors
    /// Whatever a caller of `write` would get.
    pub fn write(&mut self, model: &str, ids: &[i64], values: Json) -> Outcome<()> {
        match values {
            Json::Object(values) => self.write_record(model, ids, values),
            _ => panic!("the values of a record are an object"),
        }
    }

    /// Changes records as a caller asked.
    ///
    /// # Errors
    /// Missing records, unknown fields, values of the wrong kind, relations to nothing, and every rule.
    pub fn write_record(&mut self, model: &str, ids: &[i64], mut values: Values) -> Outcome<()> {
        self.allow(model, Right::Write)?;
        let definition = self.model(model);
        for name in values.keys() {
            if definition.field(name).is_none() {
                return Err(Fault::value_error(format!("Invalid field '{name}' in '{model}'")));
            }
        }
        if ids.is_empty() || values.is_empty() {
            return Ok(());
        }
        for id in ids {
            self.must_exist(model, *id)?;
        }
        business::before_write(self, model, ids, &mut values)?;
        let theirs = self.take_inherited(&definition, &mut values);
        for id in ids {
            let cells = self.changed_cells(&definition, *id, &values)?;
            self.put_cells(&definition, *id, cells, true)?;
            self.apply_indirect(&definition, *id, &values)?;
        }
        if let (Some((link, parent)), false) = (&definition.inherits, theirs.is_empty()) {
            for id in ids {
                if let Some(behind) = self.link(model, *id, link) {
                    self.write_record(parent, &[behind], theirs.clone())?;
                }
            }
        }
        business::after_write(self, model, ids, &values)
    }

    /// Stores what a rule worked out. Nothing happens when nothing changes.
    ///
    /// # Errors
    /// Those of automation rules that fire.
    pub fn store(&mut self, model: &str, id: i64, changes: &[(&str, Cell)]) -> Outcome<()> {
        let definition = self.model(model);
        let cells = changes.iter().map(|(name, cell)| {
            let slot = definition.slot(name).unwrap_or_else(|| panic!("the stand-in has no field {model}.{name}"));
            (slot, cell.clone())
        });
        let cells: Vec<_> = cells.filter(|(slot, cell)| self.world.tables.cell(model, id, *slot) != cell).collect();
        if cells.is_empty() || !self.exists(model, id) {
            return Ok(());
        }
        self.put_cells(&definition, id, cells, false)
    }

    fn take_inherited(&self, model: &Model, values: &mut Values) -> Values {
        let mut theirs = Values::new();
        for field in &model.fields {
            if matches!(field.source, Source::Inherited(_))
                && let Some(value) = values.remove(&*field.name)
            {
                theirs.insert(field.name.to_string(), value);
            }
        }
        theirs
    }

    fn changed_cells(&mut self, model: &Model, id: i64, values: &Values) -> Outcome<Vec<(usize, Cell)>> {
        let mut cells = Vec::new();
        for (name, value) in values {
            let Some(slot) = model.slot(name) else { continue };
            let field = model.fields[slot].clone();
            if !field.stored() {
                continue;
            }
            let cell = match &field.kind {
                Kind::Many2many(comodel) => {
                    let before = self.world.tables.cell(&model.name, id, slot).clone();
                    self.many2many(comodel, &before, value)?
                }
                _ => self.cell_of(&model.name, &field, value)?,
            };
            if let (Kind::Many2one(comodel), Cell::Int(target)) = (&field.kind, &cell) {
                self.must_exist(comodel, *target)?;
            }
            if field.required && cell.is_null() {
                return Err(super::create::missing_value(model, &field));
            }
            cells.push((slot, cell));
        }
        Ok(cells)
    }

    /// Puts cells into a row, marks who and when, and lets automation rules see what changed. `touched` is a write
    /// that a caller asked for: it counts even when it changes nothing.
    fn put_cells(&mut self, model: &Model, id: i64, cells: Vec<(usize, Cell)>, touched: bool) -> Outcome<()> {
        let Some(row) = self.world.tables.row(&model.name, id) else { return Ok(()) };
        let mut row = Vec::clone(row);
        row.resize(model.fields.len(), Cell::Null);
        let mut changed: Vec<Name> = Vec::new();
        for (slot, cell) in cells {
            if !same(&row[slot], &cell) {
                changed.push(model.fields[slot].name.clone());
            }
            row[slot] = cell;
        }
        for (name, cell) in [("write_uid", Cell::Int(self.uid)), ("write_date", Cell::from(self.now))] {
            if let Some(slot) = model.slot(name) {
                row[slot] = cell;
            }
        }
        self.world.tables.put(&model.name, id, Some(row));
        automation::written(self, &model.name, id, &changed, touched)
    }
}

/// Whether two cells read the same: an unset number is 0, an unset flag is false.
fn same(a: &Cell, b: &Cell) -> bool {
    a == b || (!a.is_truthy() && !b.is_truthy())
}
