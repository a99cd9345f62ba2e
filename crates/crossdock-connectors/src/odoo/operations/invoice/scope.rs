//! What of an order belongs on the invoice of one shipment. Odoo's wizard takes all that is delivered; goods of a
//! later shipment that left already must wait for their own proof of delivery.

use crossdock_core::value::{Decimal, Value};

use super::{Ask, Invoice, Record, Said, Talk};
use crate::odoo::call::{all, change, delete, is};

/// How a draft compares with its shipment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scope {
    /// It is right as it is.
    Whole,
    /// These commands for its lines make it right.
    Part(Value),
    /// None of the shipment's goods are on it.
    Nothing,
}

/// Whether anything of the shipment, or without one of the order, is still to be invoiced.
pub(super) fn is_anything_left(
    talk: &mut Talk<'_>,
    invoice: &Invoice,
    order: &Value,
    shipped: Option<&[Shipped]>,
) -> Said<bool> {
    let domain = all([is("order_id", "=", order.id()), is("display_type", "=", false)]);
    let ask = Ask::search("sale.order.line", domain, &["qty_to_invoice"]).with("order", "id");
    let lines = talk.search(ask.doing(format!("reading what is to be invoiced of order {}", invoice.order)))?;
    let is_ours = |line: &Value| shipped.is_none_or(|shipped| quantity_of(shipped, line.id()).is_some());
    Ok(lines.iter().any(|line| is_ours(line) && !decimal(line, "qty_to_invoice").is_zero()))
}

/// What of a draft stays on the invoice of this shipment. Only goods that Odoo invoices by what was delivered are cut;
/// services, freight and what is invoiced by what was ordered stay where the wizard put them.
pub(super) fn of_draft(talk: &mut Talk<'_>, invoice: &Invoice, draft: &Value, shipped: &[Shipped]) -> Said<Scope> {
    let domain = all([is("move_id", "=", draft.id()), is("display_type", "=", "product")]);
    let fields = ["quantity", "sale_line_ids", "product_id", "product_uom_id"];
    let ask = Ask::search("account.move.line", domain, &fields).with("order", "id");
    let lines = talk.search(ask.doing(format!("reading the draft invoice of {}", invoice.shown())))?;
    let products: Vec<i64> = lines.iter().filter_map(|line| line.link("product_id")).collect();
    let ask = Ask::search_ids("product.product", &products, &["invoice_policy", "type"]).context("active_test", false);
    let products = talk.search(ask.doing("reading the products' invoicing policy"))?;
    let by_delivery = |line: &Value| {
        let product = products.iter().find(|product| Some(product.id()) == line.link("product_id"));
        product.is_some_and(|product| product.text("invoice_policy") == "delivery" && product.text("type") == "consu")
    };
    Ok(cut(&lines, shipped, by_delivery))
}

fn cut(lines: &[Value], shipped: &[Shipped], by_delivery: impl Fn(&Value) -> bool) -> Scope {
    let mut commands = Vec::new();
    let mut of_shipment = 0;
    for line in lines {
        let order_lines = line.links("sale_line_ids");
        let own: Vec<&Shipped> = order_lines.iter().filter_map(|id| quantity_of(shipped, *id)).collect();
        of_shipment += usize::from(!own.is_empty());
        // A line without a line of the order was added by a person.
        if order_lines.is_empty() || !by_delivery(line) {
            continue;
        }
        if own.is_empty() {
            commands.push(delete(line.id()));
            continue;
        }
        let same_unit = own.iter().all(|shipped| Some(shipped.unit) == line.link("product_uom_id"));
        let quantity: Decimal = own.iter().map(|shipped| shipped.quantity).sum();
        if same_unit && quantity < decimal(line, "quantity") {
            commands.push(change(line.id(), Value::map([("quantity", quantity)])));
        }
    }
    match (of_shipment, commands.is_empty()) {
        (0, _) => Scope::Nothing,
        (_, true) => Scope::Whole,
        (_, false) => Scope::Part(commands.into()),
    }
}

/// What a shipment delivered of one line of the order.
pub(super) struct Shipped {
    order_line: i64,
    unit: i64,
    quantity: Decimal,
}

pub(super) fn what_left(talk: &mut Talk<'_>, invoice: &Invoice, picking: i64) -> Said<Vec<Shipped>> {
    let domain = all([is("picking_id", "=", picking), is("state", "=", "done")]);
    let ask = Ask::search("stock.move", domain, &["sale_line_id", "quantity", "product_uom"]).with("order", "id");
    let moves = talk.search(ask.doing(format!("reading what was delivered of {}", invoice.shown())))?;
    let mut shipped: Vec<Shipped> = Vec::new();
    for record in &moves {
        let Some(order_line) = record.link("sale_line_id") else { continue };
        let (quantity, unit) = (decimal(record, "quantity"), record.link("product_uom").unwrap_or_default());
        match shipped.iter_mut().find(|known| known.order_line == order_line && known.unit == unit) {
            Some(known) => known.quantity += quantity,
            None => shipped.push(Shipped { order_line, unit, quantity }),
        }
    }
    Ok(shipped)
}

fn quantity_of(shipped: &[Shipped], order_line: i64) -> Option<&Shipped> {
    shipped.iter().find(|shipped| shipped.order_line == order_line)
}

fn decimal(record: &Value, field: &str) -> Decimal {
    record.get(field).and_then(Value::as_decimal).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossdock_core::value;

    fn line(id: i64, order_line: i64, quantity: i64) -> Value {
        value!({ "id": id, "quantity": quantity, "sale_line_ids": [order_line], "product_uom_id": [1_i64, "Units"] })
    }

    #[test]
    fn a_draft_is_cut_to_its_shipment() {
        let shipped = [Shipped { order_line: 7, unit: 1, quantity: 5.into() }];
        let check = |lines: &[Value], expect: &str| {
            let scope = cut(lines, &shipped, |line| line.id() < 90);
            assert_eq!(format!("{scope:?}"), expect);
        };
        check(&[line(1, 7, 5)], "Whole");
        check(&[line(1, 7, 8)], r#"Part([[1, 1, {"quantity": 5}]])"#);
        check(&[line(1, 7, 5), line(2, 8, 4), line(91, 9, 1)], "Part([[2, 2, 0]])");
        check(&[line(1, 7, 3)], "Whole");
        check(&[line(2, 8, 4)], "Nothing");
        check(&[line(91, 7, 8)], "Whole");
    }
}
