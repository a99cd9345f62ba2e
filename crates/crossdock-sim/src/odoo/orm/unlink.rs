//! Deleting records: what hangs on them goes with them, what needs them forbids it.

use super::cell::Cell;
use super::{Env, create};
use crate::odoo::business::{self, access::Right, automation};
use crate::odoo::fault::Outcome;
use crate::odoo::registry::{Kind, Name};

/// Relations whose records go with what they lead to.
const CASCADES: &[(&str, &str)] = &[
    ("sale.order.line", "order_id"),
    ("purchase.order.line", "order_id"),
    ("account.move.line", "move_id"),
    ("stock.move.line", "move_id"),
    ("stock.move.line", "picking_id"),
    ("stock.move", "picking_id"),
    ("product.product", "product_tmpl_id"),
    ("ir.model.fields", "model_id"),
    ("ir.model.access", "model_id"),
    ("ir.actions.server", "model_id"),
    ("ir.actions.server", "base_automation_id"),
    ("ir.rule", "model_id"),
    ("base.automation", "model_id"),
    ("stock.backorder.confirmation.line", "backorder_confirmation_id"),
    ("stock.return.picking.line", "wizard_id"),
    ("fleet.vehicle.odometer", "vehicle_id"),
    ("res.country.state", "country_id"),
];

impl Env<'_> {
    /// Deletes records. Ids that are not there are no error, as on a real Odoo.
    ///
    /// # Errors
    /// A rule that forbids it, or a record that needs one of them.
    pub fn unlink(&mut self, model: &str, ids: &[i64]) -> Outcome<()> {
        self.allow(model, Right::Unlink)?;
        let ids: Vec<i64> = ids.iter().copied().filter(|id| self.exists(model, *id)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        business::before_unlink(self, model, &ids)?;
        automation::unlinking(self, model, &ids)?;
        let definition = self.model(model);
        for (other, field, required) in self.references(model) {
            for id in &ids {
                let referring: Vec<i64> = self.referring(&other, &field, *id);
                if referring.is_empty() || (*other == *model && referring.iter().all(|r| ids.contains(r))) {
                    continue;
                }
                if CASCADES.contains(&(&other, &field)) {
                    self.as_root(|env| env.unlink(&other, &referring))?;
                } else if required {
                    let other = self.model(&other);
                    if let Some(field) = other.field(&field) {
                        return Err(create::missing_value(&other, field));
                    }
                } else {
                    for record in referring {
                        self.forget(&other, &field, record, *id)?;
                    }
                }
            }
        }
        for id in &ids {
            self.world.tables.put(&definition.name, *id, None);
            self.unlink_companions(model, *id)?;
        }
        business::after_unlink(self, model)
    }

    /// The fields of all models that lead to a model.
    fn references(&self, model: &str) -> Vec<(Name, Name, bool)> {
        let mut found = Vec::new();
        for other in self.world.registry.iter() {
            for field in other.fields.iter().filter(|field| field.stored()) {
                match &field.kind {
                    Kind::Many2one(to) if **to == *model => {
                        found.push((other.name.clone(), field.name.clone(), field.required));
                    }
                    Kind::Many2many(to) if **to == *model => {
                        found.push((other.name.clone(), field.name.clone(), false))
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Takes the deleted record out of a relation.
    fn forget(&mut self, model: &str, field: &str, record: i64, gone: i64) -> Outcome<()> {
        let after = match self.get(model, record, field) {
            Cell::Ids(ids) => Cell::ids(ids.iter().copied().filter(|id| *id != gone)),
            _ => Cell::Null,
        };
        self.store(model, record, &[(field, after)])
    }

    /// External ids, files and messages of a deleted record go with it.
    fn unlink_companions(&mut self, model: &str, id: i64) -> Outcome<()> {
        for (companion, field) in
            [("ir.model.data", "model"), ("ir.attachment", "res_model"), ("mail.message", "model")]
        {
            if companion == model {
                continue;
            }
            let theirs: Vec<i64> = self
                .referring(companion, "res_id", id)
                .into_iter()
                .filter(|record| self.is(companion, *record, field, model))
                .collect();
            self.as_root(|env| env.unlink(companion, &theirs))?;
        }
        Ok(())
    }
}
