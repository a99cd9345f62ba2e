//! Who may do what. The administrator may do everything with the standard models; a model made through the API obeys
//! its access rows, also for the administrator; other users have what their groups give.

use super::super::fault::{Fault, Outcome};
use super::super::orm::{ADMIN, Env, ROOT};
use super::super::xid;

/// What one may do with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Read,
    Write,
    Create,
    Unlink,
}

impl Right {
    fn word(self) -> &'static str {
        match self {
            Right::Read => "access",
            Right::Write => "modify",
            Right::Create => "create",
            Right::Unlink => "delete",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Right::Read => "perm_read",
            Right::Write => "perm_write",
            Right::Create => "perm_create",
            Right::Unlink => "perm_unlink",
        }
    }
}

impl Env<'_> {
    /// Whether the caller may.
    ///
    /// # Errors
    /// `AccessError`.
    pub fn allow(&self, model: &str, right: Right) -> Outcome<()> {
        if self.sudo || self.uid == ROOT {
            return Ok(());
        }
        let definition = self.world.model(model);
        let may = if definition.manual {
            self.has_access_row(model, right)
        } else {
            self.uid == ADMIN || may(&self.groups(), model, right)
        };
        if may {
            return Ok(());
        }
        Err(Fault::access(format!(
            "You are not allowed to {} '{}' ({model}) records.\n\nNo group currently allows this operation.\n\nContact \
             your administrator to request access if necessary.",
            right.word(),
            definition.label
        )))
    }

    /// The external ids of the caller's groups.
    pub fn groups(&self) -> Vec<String> {
        let ids = self.list("res.users", self.uid, "group_ids");
        ids.iter().map(|id| xid::name_of(self, "res.groups", *id)).collect()
    }

    /// A row without a group lets everybody read, and nobody do more.
    fn has_access_row(&self, model: &str, right: Right) -> bool {
        let groups = self.list("res.users", self.uid, "group_ids");
        let Some(id) = self.having("ir.model", "model", model).first().copied() else { return false };
        self.referring("ir.model.access", "model_id", id).into_iter().any(|row| {
            let group = self.link("ir.model.access", row, "group_id");
            self.yes("ir.model.access", row, "active")
                && self.yes("ir.model.access", row, right.flag())
                && group.map_or(right == Right::Read, |group| groups.contains(&group))
        })
    }
}

/// What the groups of a service user give, as measured on a real Odoo with one group at a time.
fn may(groups: &[String], model: &str, right: Right) -> bool {
    let has = |group: &str| groups.iter().any(|other| other == group);
    let reads = right == Right::Read;
    let fleet = has("fleet.fleet_group_user");
    let warehouse = has("stock.group_stock_user");
    let sales = has("sales_team.group_sale_salesman_all_leads") || has("sales_team.group_sale_salesman");
    let billing = has("account.group_account_invoice");
    let purchases = has("purchase.group_purchase_user");
    match model {
        "ir.model"
        | "ir.model.fields"
        | "ir.model.access"
        | "ir.model.data"
        | "ir.actions.server"
        | "ir.cron"
        | "base.automation"
        | "ir.config_parameter"
        | "ir.module.module"
        | "ir.rule" => false,
        "res.partner" | "res.partner.category" => reads || has("base.group_partner_manager"),
        "ir.attachment" | "mail.message" => reads || warehouse || sales || billing || purchases,
        "account.move" | "account.move.line" if reads => sales || billing || purchases,
        _ if model.starts_with("product.") => reads || has("product.group_product_manager"),
        _ if model.starts_with("fleet.") => fleet,
        "sale.order" => sales || ((reads || right == Right::Write) && warehouse) || (reads && billing),
        _ if model.starts_with("sale.") => sales || (reads && (warehouse || billing)),
        "stock.picking" | "stock.move" | "stock.move.line" => warehouse || sales || billing || purchases,
        _ if model.starts_with("stock.") => warehouse || (reads && (sales || billing || purchases)),
        "account.move" | "account.move.line" if right != Right::Unlink => billing || purchases,
        _ if model.starts_with("account.") => billing || (reads && (sales || purchases)),
        _ if model.starts_with("purchase.") => purchases,
        "delivery.carrier" | "choose.delivery.carrier" => reads || sales,
        _ => reads,
    }
}
