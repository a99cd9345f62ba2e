//! Odoo 19 and later over JSON-2: a pure function from what is owed and what was answered to the next call.
//!
//! Nothing here sends, waits or remembers. Every operation is safe to repeat: it is keyed by an external id that Odoo
//! keeps unique (`xid`), or it reads the state first and finds its own mark. `guide.md` is the page for the person
//! who connects an Odoo.
//!
//! # The calls this connector makes
//!
//! All are `POST <url>/json/2/<model>/<method>` with keyword arguments, a `context` of at least `lang` and `tz: UTC`,
//! and `allowed_company_ids` when companies are configured.
//!
//! | For | Calls, in order |
//! |---|---|
//! | `partner.upsert` | `res.partner/load` (again without the rows that were refused) |
//! | `product.upsert` | `product.product/load` (the same) |
//! | `order.upsert` | `product.product/search_read` by `default_code in` when lines name a SKU; `sale.order/load` with `order_line/…` columns; `sale.order/search_read` by `id in` |
//! | `order.confirm` | by key: `sale.order/load` of the one column `id`, insert-only; `sale.order/search_read`; `sale.order/action_confirm`; `sale.order/search_read` |
//! | `picking.fulfil` | `sale.order/search_read` by `name`; `stock.picking/search_read` by `id in`; `mail.message/search_read` for marks; `stock.move/search_read`; `product.product/search_read` by `id in`; `stock.lot/search_read` when lots are given; `delivery.carrier/search_read` when a carrier is given with a tracking number; `mail.message/unlink` of a given-up shipment's mark; `mail.message/load` (the mark) and `mail.message/search_read` of it; `stock.picking/action_assign` unless reserved; `stock.move.line/search_read` when lots are given; `stock.picking/write`; `stock.picking/button_validate`; when a wizard comes back `stock.backorder.confirmation/create` and `process` or `process_cancel_backorder`; `stock.picking/search_read` and `stock.move/search_read` to read back |
//! | `delivery.attach_proof` | `mail.message/search_read` for the mark (or `stock.picking/search_read` by `name`, or by the order); `stock.picking/search_read`; `ir.attachment/search_read` of `res_field = signature` and `ir.attachment/get_external_id` when it is signed already; `ir.attachment/load`; `mail.message/load` |
//! | `invoice.create_and_post` | `sale.order/search_read`; the shipment's picking as above; `account.move/search_read` by `id in`; `mail.message/search_read` for marks and the claim; `stock.move/search_read`, `sale.order.line/search_read`; `mail.message/load` (the claim on the order); `sale.advance.payment.inv/create`, `create_invoices` (its answer's `res_id` is used); `account.move/search_read`; `mail.message/load` (the mark on the invoice); `account.move.line/search_read`, `product.product/search_read`; `account.move/write`; `account.move/action_post`; `account.move/search_read` |
//! | capture, outbox | `x_hub_outbox/search_read` by `order: id`, `limit: 200`; per model `<model>/fields_get`, `<model>/search_read` by `id in` with `active_test: false`; `sale.order.line`, `stock.move`, `account.move.line`, `product.product`, `res.partner`, `res.country` `/search_read` for what belongs to it; `x_hub_outbox/unlink` |
//! | capture, sweep | `<model>/search_read` by `write_date >=` and `id not in`, `order: write_date,id`, `limit: 200`; then as above |
//! | `crossdock odoo setup` | see [`setup`] |
//! | `crossdock check --live` | see `look` |
//!
//! `load` is insert-only with `context {noupdate: true, mode: update}`. A *mark* is a `mail.message` on the document
//! it marks, with an external id and a `message_id` of its own; see `marks`.

mod answer;
mod call;
mod capture;
mod config;
mod input;
mod load;
mod look;
mod marks;
mod operations;
pub mod setup;
mod talk;
mod xid;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crossdock_connect::endpoint::{Endpoint, InputFault, LookStep, Operation, PollPlan, PollState, PollStep, Step};
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_core::exchange::Exchange;
use crossdock_core::source::Diagnostic;
use crossdock_core::transmission::Transmission;
use crossdock_core::value::Value;

pub use config::{Capture, CaptureMode, CapturedModel, Odoo};

/// The connector as it is listed.
pub const SPEC: Spec = Spec { name: "odoo", summary: "Odoo 19 and later, over JSON-2", build };

fn build(system: &SystemConfig<'_>) -> Result<Arc<dyn Endpoint>, Vec<Diagnostic>> {
    Ok(Arc::new(Odoo::read(system)?))
}

impl Endpoint for Odoo {
    fn operations(&self) -> &'static [Operation] {
        operations::OPERATIONS
    }

    fn contends(&self, operation: &str) -> Option<&'static str> {
        operations::contends(operation)
    }

    fn check(&self, operation: &str, input: &Value) -> Result<(), Vec<InputFault>> {
        operations::check(operation, input)
    }

    fn next(&self, transmissions: &[Transmission], so_far: &[Exchange], _now: jiff::Timestamp) -> Step {
        operations::next(self, transmissions, so_far)
    }

    fn look(&self, so_far: &[Exchange]) -> LookStep {
        look::look(self, so_far)
    }

    fn polls(&self) -> Vec<PollPlan> {
        capture::polls(self)
    }

    fn poll(&self, name: &str, state: &PollState<'_>) -> PollStep {
        capture::poll(self, name, state)
    }
}
