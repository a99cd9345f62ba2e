//! Finding the delivery of a shipment: by the hub's mark first, else by the tracking reference a person wrote.

use crossdock_core::value::Value;

use super::super::answer::Failure;
use super::super::call::{Ask, all, is};
use super::super::marks::{self, Mark, MarkKind};
use super::super::talk::{Record, Said, Talk, later, refused};
use super::super::xid::encoded;
use super::order_named;

/// A transfer of Odoo, as far as it matters here.
#[derive(Clone, Debug)]
pub(super) struct Picking {
    pub id: i64,
    pub name: String,
    pub state: String,
    /// `outgoing`, `internal` or `incoming`.
    pub kind: String,
    /// The tracking numbers, comma-joined by Odoo's own habit.
    pub tracking: String,
    /// The number of its sales order, when Odoo tells.
    pub order: String,
    pub is_signed: bool,
}

impl Picking {
    fn of(record: &Value) -> Self {
        Self {
            id: record.id(),
            name: record.text("name").to_owned(),
            state: record.text("state").to_owned(),
            kind: record.text("picking_type_code").to_owned(),
            tracking: record.text("carrier_tracking_ref").to_owned(),
            order: record.link_name("sale_id").to_owned(),
            is_signed: record.yes("is_signed"),
        }
    }

    pub fn is_done(&self) -> bool {
        self.state == "done"
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.state.as_str(), "done" | "cancel")
    }

    /// Whether one of its tracking numbers is exactly this.
    pub fn is_tracked_as(&self, number: &str) -> bool {
        self.tracking.split(',').any(|token| token.trim() == number)
    }

    /// `WH/OUT/00012 (assigned)`.
    pub fn shown(&self) -> String {
        format!("{} ({})", self.name, self.state)
    }
}

/// What the inputs of the operations on deliveries have in common.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    pub order: Option<String>,
    pub picking: Option<String>,
    pub shipment: String,
}

/// The transfers among which a shipment's delivery is, outgoing and not, oldest first; and the order's number.
pub(super) struct Deliveries {
    pub pickings: Vec<Picking>,
    pub order: String,
    /// Whether transfers have a tracking reference: without the module stock_delivery they do not.
    pub has_tracking: bool,
}

impl Deliveries {
    pub fn outgoing(&self) -> impl Iterator<Item = &Picking> {
        self.pickings.iter().filter(|picking| picking.kind == "outgoing")
    }

    pub fn by_id(&self, id: i64) -> Option<&Picking> {
        self.pickings.iter().find(|picking| picking.id == id)
    }
}

const FIELDS: &[&str] = &["name", "state", "picking_type_code", "is_signed"];
/// Fields of the modules sale_stock and stock_delivery.
const MORE_FIELDS: &[&str] = &["name", "state", "picking_type_code", "is_signed", "carrier_tracking_ref", "sale_id"];

/// The transfers that fit a domain. Odoo refuses a field it does not have; then the ones every Odoo has must do.
pub(super) fn pickings(talk: &mut Talk<'_>, domain: &Value, doing: &str) -> Said<(Vec<Picking>, bool)> {
    let ask = |fields: &[&str]| {
        Ask::search("stock.picking", domain.clone(), fields).with("order", "id").doing(doing.to_owned())
    };
    let full = ask(MORE_FIELDS);
    let (found, has_tracking) = match talk.hear(&full)? {
        Ok(found) => (found.as_list().unwrap_or_default().to_vec(), true),
        Err(Failure::Refused { .. }) => (talk.search(ask(FIELDS))?, false),
        Err(failure) => return Err(super::Halt::End(talk.outcome(failure, full.weight, doing))),
    };
    Ok((found.iter().map(Picking::of).collect(), has_tracking))
}

/// The transfers of the order, or the one that is named.
pub(super) fn deliveries(talk: &mut Talk<'_>, sought: &Sought, order: Option<&Value>) -> Said<Deliveries> {
    match (order, &sought.picking) {
        (Some(order), _) => {
            let name = order.text("name").to_owned();
            let ids = order.links("picking_ids");
            let doing = format!("reading the deliveries of {name}");
            let domain = all([is("id", "in", super::super::call::numbers(&ids))]);
            let (mut pickings, has_tracking) =
                if ids.is_empty() { (Vec::new(), true) } else { pickings(talk, &domain, &doing)? };
            if let Some(wanted) = &sought.picking {
                pickings.retain(|picking| picking.name == *wanted);
                if pickings.is_empty() {
                    return refused(format!("order {name} has no delivery {wanted} in Odoo: check both, then resume"));
                }
            }
            Ok(Deliveries { pickings, order: name, has_tracking })
        }
        (None, Some(name)) => {
            let domain = all([is("name", "=", name.as_str())]);
            let (pickings, has_tracking) = pickings(talk, &domain, &format!("looking for delivery {name}"))?;
            match pickings.as_slice() {
                [picking] => {
                    let order = if picking.order.is_empty() { name.clone() } else { picking.order.clone() };
                    Ok(Deliveries { pickings, order, has_tracking })
                }
                [] => refused(format!("delivery {name} does not exist in Odoo: check its number, then resume")),
                _ => refused(format!("several deliveries in Odoo are called {name}: give the order's number as well")),
            }
        }
        (None, None) => refused("neither an order nor a delivery is named"),
    }
}

/// Marks on these deliveries, with this shipment's own told apart.
pub(super) struct ShipmentMarks {
    pub own: Option<Mark>,
    pub others: Vec<Mark>,
}

impl ShipmentMarks {
    pub fn is_of_another(&self, picking: i64) -> bool {
        self.others.iter().any(|mark| mark.record == picking)
    }
}

pub(super) fn marks_on(talk: &mut Talk<'_>, deliveries: &Deliveries, shipment: &str) -> Said<ShipmentMarks> {
    let ids: Vec<i64> = deliveries.outgoing().map(|picking| picking.id).collect();
    if ids.is_empty() {
        return Ok(ShipmentMarks { own: None, others: Vec::new() });
    }
    let start = format!("<{}", format_args!("shipment.{}_.", encoded(&[shipment])));
    let found = marks::on(talk, MarkKind::Shipment, &ids)?;
    let (own, others): (Vec<Mark>, Vec<Mark>) = found.into_iter().partition(|mark| mark.message_id.starts_with(&start));
    Ok(ShipmentMarks { own: own.into_iter().next(), others })
}

/// A done delivery that no other shipment has marked and whose tracking reference names this one: somebody validated
/// it by hand.
pub(super) fn done_by_hand<'a>(
    deliveries: &'a Deliveries,
    marks: &ShipmentMarks,
    numbers: &[&str],
) -> Option<&'a Picking> {
    deliveries.outgoing().find(|picking| {
        let named = numbers.iter().any(|number| picking.is_tracked_as(number));
        picking.is_done() && named && !marks.is_of_another(picking.id)
    })
}

/// The done delivery of a shipment, for what comes after it. Not there yet means a later try: the shipment may still
/// be on its way through the hub.
pub(super) fn delivered(talk: &mut Talk<'_>, sought: &Sought, order: Option<&Value>) -> Said<Deliveries> {
    let shipment = &sought.shipment;
    if order.is_none() && sought.picking.is_none() && sought.order.is_none() {
        return delivered_by_mark(talk, shipment);
    }
    let looked_up;
    let order = match (order, &sought.order) {
        (None, Some(name)) => {
            looked_up = order_named(talk, name, &["name", "state", "picking_ids"])?;
            Some(&looked_up)
        }
        (order, _) => order,
    };
    let mut deliveries = deliveries(talk, sought, order)?;
    if sought.picking.is_some() && deliveries.pickings.iter().any(Picking::is_done) {
        return Ok(deliveries);
    }
    let marks = marks_on(talk, &deliveries, shipment)?;
    let marked = marks.own.as_ref().and_then(|mark| deliveries.by_id(mark.record));
    let unmarked = deliveries.outgoing().filter(|picking| picking.is_done() && !marks.is_of_another(picking.id));
    let only = match unmarked.collect::<Vec<_>>().as_slice() {
        [only] if marks.own.is_none() => Some(*only),
        _ => None,
    };
    let found = marked.or_else(|| done_by_hand(&deliveries, &marks, &[shipment])).or(only).cloned();
    match found {
        Some(picking) if picking.is_done() => {
            deliveries.pickings = vec![picking];
            Ok(deliveries)
        }
        Some(picking) => later(format!(
            "shipment {shipment} is not delivered in Odoo yet: {} waits to be validated",
            picking.shown()
        )),
        None => later(format!("order {} has no delivery of shipment {shipment} in Odoo yet", deliveries.order)),
    }
}

fn delivered_by_mark(talk: &mut Talk<'_>, shipment: &str) -> Said<Deliveries> {
    let marks = marks::beginning(talk, MarkKind::Shipment, &[shipment])?;
    let ids: Vec<i64> = marks.iter().map(|mark| mark.record).collect();
    if ids.is_empty() {
        return later(format!("no delivery in Odoo carries shipment {shipment} yet"));
    }
    let domain = all([is("id", "in", super::super::call::numbers(&ids))]);
    let (pickings, has_tracking) = pickings(talk, &domain, &format!("reading the delivery of shipment {shipment}"))?;
    match pickings.as_slice() {
        [picking] if picking.is_done() => {
            let order = picking.order.clone();
            Ok(Deliveries { pickings, order, has_tracking })
        }
        [picking] => later(format!("{} of shipment {shipment} is not done in Odoo yet", picking.shown())),
        [] => later(format!("no delivery in Odoo carries shipment {shipment} yet")),
        several => {
            let names: Vec<&str> = several.iter().map(|picking| picking.name.as_str()).collect();
            refused(format!(
                "shipment {shipment} covers several orders ({}): give the order's number with it",
                names.join(", ")
            ))
        }
    }
}
