//! Making records.

use serde_json::Value as Json;

use super::cell::Cell;
use super::{ADMIN, COMPANY, Env, Values};
use crate::odoo::business::{self, access::Right, automation};
use crate::odoo::fault::{Fault, Outcome};
use crate::odoo::registry::{Field, Kind, Model, Source};
use crate::odoo::xid;

impl Env<'_> {
    /// Makes one record; for rules, which know their fields.
    ///
    /// # Errors
    /// Whatever a caller of `create` would get.
    pub fn create(&mut self, model: &str, values: Json) -> Outcome<i64> {
        match values {
            Json::Object(values) => self.create_record(model, values),
            _ => panic!("the values of a record are an object"),
        }
    }

    /// Makes one record from what a caller gave: defaults, rules, constraints, lines, automation.
    ///
    /// # Errors
    /// Unknown fields, values of the wrong kind, missing required values, relations to nothing, and every rule.
    pub fn create_record(&mut self, model: &str, mut values: Values) -> Outcome<i64> {
        self.allow(model, Right::Create)?;
        let definition = self.model(model);
        for name in values.keys() {
            if definition.field(name).is_none() {
                return Err(Fault::value_error(format!("Invalid field '{name}' in '{model}'")));
            }
        }
        self.fill_defaults(&definition, &mut values);
        business::before_create(self, model, &mut values)?;
        self.create_parent(&definition, &mut values)?;
        let row = self.new_row(&definition, &values)?;
        let id = self.world.tables.next_id(model);
        self.world.tables.put(&definition.name, id, Some(row));
        self.unfinished.push((definition.name.clone(), id));
        let indirect = self.apply_indirect(&definition, id, &values);
        self.unfinished.pop();
        indirect?;
        business::after_create(self, model, id, &values)?;
        automation::created(self, model, id)?;
        Ok(id)
    }

    fn fill_defaults(&self, model: &Model, values: &mut Values) {
        for field in &model.fields {
            if values.contains_key(&*field.name) {
                continue;
            }
            let given = self.context.get(&format!("default_{}", field.name));
            let default = given.cloned().or_else(|| field.default.as_deref().map(|code| self.default(field, code)));
            if let Some(default) = default {
                values.insert(field.name.to_string(), default);
            }
        }
    }

    fn default(&self, field: &Field, code: &str) -> Json {
        match code {
            "now" => self.now_text().into(),
            "today" => self.today().into(),
            "uid" => self.uid.into(),
            "company" => COMPANY.into(),
            "usd" | "unit" => 1.into(),
            "us" => business::partner::country(self, "US").into(),
            "true" => true.into(),
            "false" => false.into(),
            _ => match field.kind {
                Kind::Integer | Kind::Many2one(_) => code.parse::<i64>().unwrap_or_default().into(),
                Kind::Float(_) | Kind::Monetary => code.parse::<f64>().unwrap_or_default().into(),
                _ => code.into(),
            },
        }
    }

    /// The fields that belong to the record behind the `inherits` link go there; it is made when there is none.
    fn create_parent(&mut self, model: &Model, values: &mut Values) -> Outcome<()> {
        let Some((link, parent)) = &model.inherits else { return Ok(()) };
        let mut theirs = Values::new();
        for field in &model.fields {
            if field.source == Source::Inherited(link.clone())
                && let Some(value) = values.remove(&*field.name)
            {
                theirs.insert(field.name.to_string(), value);
            }
        }
        match values.get(&**link).and_then(Json::as_i64) {
            Some(id) => {
                // The defaults of a second variant are not meant for the product it belongs to.
                theirs.retain(|name, _| model.field(name).is_some_and(|field| field.default.is_none()));
                if !theirs.is_empty() {
                    self.write_record(parent, &[id], theirs)?;
                }
            }
            None => {
                let id =
                    self.with(serde_json::json!({"creating_the_heir": true}), |env| env.create_record(parent, theirs))?;
                values.insert(link.to_string(), id.into());
            }
        }
        Ok(())
    }

    fn new_row(&mut self, model: &Model, values: &Values) -> Outcome<Vec<Cell>> {
        let mut row = vec![Cell::Null; model.fields.len()];
        for (slot, field) in model.fields.iter().enumerate().filter(|(_, field)| field.stored()) {
            let given = values.get(&*field.name);
            row[slot] = match (&field.kind, given) {
                (Kind::Many2many(comodel), Some(commands)) => self.many2many(comodel, &Cell::Null, commands)?,
                (_, Some(value)) => self.cell_of(&model.name, field, value)?,
                (_, None) => Cell::Null,
            };
            if let (Kind::Many2one(comodel), Cell::Int(id)) = (&field.kind, &row[slot])
                && !self.exists(comodel, *id)
            {
                return Err(dangling(model, field));
            }
            if field.required && row[slot].is_null() {
                match field.kind {
                    Kind::Integer => row[slot] = Cell::Int(0),
                    Kind::Float(_) | Kind::Monetary => row[slot] = Cell::Float(0.0),
                    _ => return Err(missing_value(model, field)),
                }
            }
        }
        let who = if self.uid == 0 { ADMIN } else { self.uid };
        for (name, cell) in [
            ("create_uid", Cell::Int(who)),
            ("write_uid", Cell::Int(who)),
            ("create_date", Cell::from(self.now)),
            ("write_date", Cell::from(self.now)),
        ] {
            if let Some(slot) = model.slot(name) {
                row[slot] = cell;
            }
        }
        Ok(row)
    }

    /// One2many commands, files, and fields that are worked out but can be written.
    pub(super) fn apply_indirect(&mut self, model: &Model, id: i64, values: &Values) -> Outcome<()> {
        // The fields' order, not the caller's: what lines derive from the record is there by then.
        for field in &model.fields {
            let Some(value) = values.get(&*field.name) else { continue };
            match (&field.kind, &field.source) {
                (Kind::One2many { model: comodel, inverse, .. }, _) => {
                    self.one2many(&model.name, id, field, comodel, inverse, value)?;
                }
                (Kind::Binary, Source::Stored) => {
                    business::attachment::write_field(self, &model.name, id, &field.name, value)?;
                }
                (_, Source::Computed) => business::computed::inverse(self, &model.name, id, &field.name, value)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The database's word for a required column without a value.
pub(super) fn missing_value(model: &Model, field: &Field) -> Fault {
    let message = format!(
        "Missing required value for the field '{}' ({}).\nModel: '{}' ({})\n- create/update: a mandatory field is not \
         set\n- delete: another model requires the record being deleted, you can archive it instead\n",
        field.label, field.name, model.label, model.name
    );
    Fault::constraint(message, Some((&model.name, &field.name)))
}

/// The database's word for a relation to a record that is not there. It misleads, and it is Odoo's own.
fn dangling(model: &Model, field: &Field) -> Fault {
    let message = format!(
        "Another model is using the record you are trying to delete.\n\nThe troublemaker is: '{}' ({})\nThanks to the \
         following constraint: '{}' ({})\nHow about archiving the record instead?",
        model.label, model.name, field.label, field.name
    );
    Fault::constraint(message, Some((&model.name, &field.name)))
}

/// During an import, a record that came with an external id in its values (a line of an order) gets that name.
///
/// # Errors
/// A name the database refuses.
pub fn name_imported(env: &mut Env<'_>, model: &str, id: i64, values: &Values) -> Outcome<()> {
    let Some(module) = env.context.get("_import_current_module").and_then(Json::as_str).map(str::to_owned) else {
        return Ok(());
    };
    let Some(Json::String(name)) = values.get("id") else { return Ok(()) };
    let name = if name.contains('.') { name.clone() } else { format!("{module}.{name}") };
    let noupdate = env.flag("noupdate");
    xid::assign(env, &name, model, id, noupdate, false)
}
