//! `picking.fulfil`: a shipment that left becomes a done delivery in Odoo, with a backorder for the rest or without.
//!
//! Crash-safe in four steps, each of which finds what the one before left behind: the mark binds the shipment to one
//! delivery, once; the quantities are written as absolute values; validating a done delivery does nothing; and what
//! was done is read back at the end, whatever Odoo answered before.

mod lots;
mod plan;

use crossdock_core::model::shape::{Shape, boolean, decimal, int, list, other, text};
use crossdock_core::model::{Field, Type};
use crossdock_core::value::{Decimal, Map, Value};

use super::shipment::{self, Deliveries, Picking, ShipmentMarks, Sought};
use super::{Ask, Input, Record, Said, Talk, all, is, order_named, refused};
use crate::odoo::answer::{self, Failure};
use crate::odoo::call::{Weight, change, is_in, numbers};
use crate::odoo::marks::{self, Mark, MarkKind, html};
use crate::odoo::talk::{Halt, later};
use plan::{Move, Plan};

/// After so many attempts a delivery that is marked for another shipment, but was never validated for it, is taken
/// over: that other transmission was given up, or waits for a person. It takes its own place again when it goes on.
/// Attempts of one shipment last a minute or two, this many of them several times that.
const TAKE_OVER_AFTER: u32 = 10;

/// Input of `picking.fulfil`.
#[derive(Clone, Debug)]
pub(in crate::odoo) struct Fulfil {
    sought: Sought,
    tracking: Option<String>,
    carrier: Option<String>,
    backorder: bool,
    lines: Vec<Line>,
}

/// Goods that left.
#[derive(Clone, Debug)]
struct Line {
    sku: String,
    quantity: Decimal,
    lot: Option<String>,
}

const LINE: &[Field] = &[
    text("sku", "The product's internal reference in Odoo.").required(),
    decimal("quantity", "How many left, more than none.").required(),
    text("lot", "Lot or serial number."),
];

pub(in crate::odoo) const INPUT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo."),
    text("picking", "The delivery's name in Odoo."),
    text("shipment", "The shipment's number.").required(),
    text("tracking", "The carrier's number."),
    text("carrier", "The carrier's name in Odoo."),
    boolean("backorder", "What did not leave waits in a backorder; true when absent."),
    list("lines", &Type::Object(LINE), "What left, at least one line.").required(),
])
.one_of(&["order", "picking"]);

pub(in crate::odoo) const RESULT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo.").required(),
    text("shipment", "The shipment's number.").required(),
    text("picking", "The delivery's name in Odoo.").required(),
    int("picking_id", "Its id in Odoo.").required(),
    text("backorder", "The name of the backorder; null when there is none."),
    other("done", Type::Attributes, "What was booked: quantity by the product's internal reference.").required(),
]);

pub(in crate::odoo) fn read(input: &Input<'_>) -> Option<Fulfil> {
    let order = input.optional_key("order");
    let picking = input.optional_key("picking");
    if order.is_none() && picking.is_none() {
        input.fault("order", "is missing; name the sales order (or the delivery in `picking`)");
    }
    let shipment = input.key("shipment");
    let tracking = input.optional_text("tracking");
    let carrier = input.optional_text("carrier");
    let backorder = input.flag("backorder", true);
    let lines = input.filled_list("lines", |line| {
        let (sku, quantity, lot) = (line.key("sku"), line.quantity("quantity"), line.optional_text("lot"));
        Some(Line { sku: sku?, quantity: quantity?, lot })
    });
    Some(Fulfil { sought: Sought { order, picking, shipment: shipment? }, tracking, carrier, backorder, lines })
}

pub(in crate::odoo) fn run(talk: &mut Talk<'_>, fulfil: &Fulfil) -> Said<Value> {
    let order = match &fulfil.sought.order {
        Some(name) => {
            let order = order_named(talk, name, &["name", "state", "picking_ids"])?;
            expect_confirmed(&order)?;
            Some(order)
        }
        None => None,
    };
    let deliveries = shipment::deliveries(talk, &fulfil.sought, order.as_ref())?;
    let marks = shipment::marks_on(talk, &deliveries, &fulfil.sought.shipment)?;
    let marked = marks.own.as_ref().and_then(|mark| deliveries.by_id(mark.record));
    if let Some(picking) = marked.filter(|picking| picking.is_done()) {
        return finished(talk, fulfil, &deliveries, picking.id, &[]);
    }
    if let Some(picking) = done_by_hand(fulfil, &deliveries, &marks) {
        bind(talk, fulfil, &deliveries, &marks, picking)?;
        return finished(talk, fulfil, &deliveries, picking.id, &[]);
    }
    let (picking, plan, products) = match choose(talk, fulfil, &deliveries, &marks)? {
        Choice::Open(open) => *open,
        Choice::Done(picking) => return finished(talk, fulfil, &deliveries, picking, &[]),
    };
    let vals = values(talk, fulfil, &deliveries, &picking, &plan)?;
    let lots = lots::look_up(talk, &plan)?;
    bind(talk, fulfil, &deliveries, &marks, &picking)?;
    reserve(talk, &picking, &plan)?;
    let lots = lots::commands(talk, &picking, &plan, &lots)?;
    write(talk, &picking, &plan, lots, vals)?;
    validate(talk, fulfil, &picking)?;
    finished(talk, fulfil, &deliveries, picking.id, &products)
}

fn expect_confirmed(order: &Value) -> Said<()> {
    let name = order.text("name");
    match order.text("state") {
        "sale" | "done" => Ok(()),
        "cancel" => refused(format!(
            "order {name} is cancelled in Odoo, but goods left for it: make a new order for them or reopen this one, \
             then resume"
        )),
        state => refused(format!("order {name} is still a quotation in Odoo ({state}): confirm it, then resume")),
    }
}

fn done_by_hand<'a>(fulfil: &Fulfil, deliveries: &'a Deliveries, marks: &ShipmentMarks) -> Option<&'a Picking> {
    if marks.own.is_some() {
        return None;
    }
    let mut numbers = vec![fulfil.sought.shipment.as_str()];
    numbers.extend(fulfil.tracking.as_deref());
    shipment::done_by_hand(deliveries, marks, &numbers)
}

/// Where a shipment goes.
enum Choice {
    /// An open delivery, what to write on it, and the products it was read with.
    Open(Box<(Picking, Plan, Vec<Value>)>),
    /// This delivery became done while the hub was looking: a call that an attempt before this one left behind ended.
    Done(i64),
}

/// The open delivery that takes this shipment.
fn choose(talk: &mut Talk<'_>, fulfil: &Fulfil, deliveries: &Deliveries, marks: &ShipmentMarks) -> Said<Choice> {
    let marked = marks.own.as_ref().and_then(|mark| deliveries.by_id(mark.record)).filter(|picking| picking.is_open());
    let mut open: Vec<&Picking> = match marked {
        Some(picking) => vec![picking],
        None => deliveries.outgoing().filter(|picking| picking.is_open()).collect(),
    };
    if open.is_empty() {
        return refused(none_open(fulfil, deliveries));
    }
    if open.iter().any(|picking| !marks.is_of_another(picking.id)) {
        open.retain(|picking| !marks.is_of_another(picking.id));
    } else if talk.attempts <= TAKE_OVER_AFTER {
        return later(format!("the open delivery of order {} is being booked for another shipment", deliveries.order));
    }
    // Reserved goods before those that wait, then the oldest.
    open.sort_by_key(|picking| (picking.state != "assigned", picking.id));
    let ids: Vec<i64> = open.iter().map(|picking| picking.id).collect();
    let (moves, products) = open_moves(talk, &ids)?;
    let mut misfits = Vec::new();
    for picking in &open {
        let own: Vec<Move> = moves.iter().filter(|stock_move| stock_move.picking == picking.id).cloned().collect();
        match plan::fit(&fulfil.lines, own) {
            Ok(plan) => return Ok(Choice::Open(Box::new(((*picking).clone(), plan, products)))),
            Err(misfit) => misfits.push((*picking, misfit)),
        }
    }
    if let Some(marked) = marked
        && state_of(talk, marked)? == "done"
    {
        return Ok(Choice::Done(marked.id));
    }
    let (picking, misfit) = misfits.into_iter().min_by_key(|(_, misfit)| misfit.rank()).expect("a delivery is open");
    unfit(talk, fulfil, deliveries, picking, &misfit)
}

fn none_open(fulfil: &Fulfil, deliveries: &Deliveries) -> String {
    let (order, shipment) = (&deliveries.order, &fulfil.sought.shipment);
    if let Some(before) = deliveries.pickings.iter().find(|picking| picking.kind == "internal" && picking.is_open()) {
        return format!(
            "order {order} has no open delivery for shipment {shipment}: {} comes before it; validate that in Odoo, \
             then resume",
            before.shown()
        );
    }
    let done: Vec<&str> =
        deliveries.outgoing().filter(|picking| picking.is_done()).map(|picking| picking.name.as_str()).collect();
    if done.is_empty() {
        let why = match deliveries.outgoing().next() {
            Some(_) => "all its deliveries are cancelled: reopen one, or raise the order",
            None => "it has none: check that its products are goods and that it is confirmed",
        };
        return format!("order {order} has no open delivery in Odoo for shipment {shipment}; {why}, then resume");
    }
    format!(
        "order {order} has no open delivery left for shipment {shipment}; done is {}. If that is this shipment, write \
         {shipment} into the delivery's tracking reference and resume; if it is a further shipment, raise the order \
         and resume",
        done.join(", ")
    )
}

/// The operator's sentence for a shipment that no open delivery takes. One more look tells an unknown SKU from one
/// that is merely not open.
fn unfit<T>(
    talk: &mut Talk<'_>,
    fulfil: &Fulfil,
    deliveries: &Deliveries,
    picking: &Picking,
    misfit: &plan::Misfit,
) -> Said<T> {
    let (order, shipment, delivery) = (&deliveries.order, &fulfil.sought.shipment, &picking.name);
    let reason = match misfit {
        plan::Misfit::NotThere { sku } => {
            let known = Ask::search("product.product", all([is("default_code", "=", sku.as_str())]), &["type"])
                .context("active_test", false)
                .doing(format!("looking for product {sku}"));
            match talk.search(known)?.is_empty() {
                true => format!(
                    "product with SKU {sku} does not exist in Odoo: create it (internal reference {sku}) or map the \
                     SKU, put it on order {order}, then resume"
                ),
                false => format!(
                    "SKU {sku} of shipment {shipment} is not open in {delivery} of order {order}: it is not ordered, \
                     already delivered, a service, or a kit (send its components). Correct the order or the shipment, \
                     then resume"
                ),
            }
        }
        plan::Misfit::TooMany { sku, shipped, open } => format!(
            "shipment {shipment} has {shipped} of {sku}, but only {open} are open in {delivery} of order {order}: \
             raise the order or correct the shipment, then resume"
        ),
        plan::Misfit::OtherUnit { sku, unit } => format!(
            "{sku} stands in {delivery} in {unit}, which is not the product's own unit: the hub cannot tell what was \
             counted. Validate {delivery} by hand, write {shipment} into its tracking reference, then resume"
        ),
        plan::Misfit::SomeLots { sku } => {
            format!("shipment {shipment} names a lot for some of {sku} and none for the rest: give all lots or none")
        }
        plan::Misfit::Waits { sku } => format!(
            "{sku} in {delivery} of order {order} waits for another transfer inside the warehouse: validate that one \
             in Odoo, then resume"
        ),
    };
    refused(reason)
}

const MOVE_FIELDS: &[&str] = &[
    "picking_id",
    "product_id",
    "product_uom_qty",
    "product_uom",
    "quantity",
    "state",
    "has_tracking",
    "move_orig_ids",
];

fn open_moves(talk: &mut Talk<'_>, pickings: &[i64]) -> Said<(Vec<Move>, Vec<Value>)> {
    let domain = all([is_in("picking_id", pickings), is("state", "not in", Value::list(["done", "cancel"]))]);
    let ask = Ask::search("stock.move", domain, MOVE_FIELDS).with("order", "id");
    let moves = talk.search(ask.doing("reading the open deliveries"))?;
    let products = products(talk, &moves, &[])?;
    Ok((moves.iter().map(|record| Move::of(record, &products)).collect(), products))
}

/// The products of these moves; those known already are not asked for again.
fn products(talk: &mut Talk<'_>, moves: &[Value], known: &[Value]) -> Said<Vec<Value>> {
    let mut ids: Vec<i64> = moves.iter().filter_map(|record| record.link("product_id")).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.retain(|id| !known.iter().any(|product| product.id() == *id));
    let mut products = known.to_vec();
    if !ids.is_empty() {
        let ask = Ask::search_ids("product.product", &ids, &["default_code", "uom_id"]).context("active_test", false);
        products.extend(talk.search(ask.doing("reading the products of the delivery"))?);
    }
    Ok(products)
}

/// The fields of the delivery itself: tracking number and carrier.
fn values(talk: &mut Talk<'_>, fulfil: &Fulfil, deliveries: &Deliveries, picking: &Picking, plan: &Plan) -> Said<Map> {
    let mut vals = Map::new();
    let Some(tracking) = &fulfil.tracking else { return Ok(vals) };
    if !deliveries.has_tracking {
        return refused(format!(
            "this Odoo has no tracking reference on deliveries, so the one of shipment {} cannot be kept: install the \
             module Delivery Costs (stock_delivery), or leave `tracking` out of the mapping, then resume",
            fulfil.sought.shipment
        ));
    }
    if !plan.ships.is_empty() && picking.tracking != *tracking {
        vals.insert("carrier_tracking_ref", tracking.as_str().into());
    }
    if let Some(carrier) = &fulfil.carrier {
        // With a tracking number at hand Odoo books no label of its own, so naming the carrier has no side effect.
        let ask = Ask::search("delivery.carrier", all([is("name", "=ilike", carrier.as_str())]), &["name"]);
        let carriers = match talk.hear(&ask)? {
            Ok(found) => found.as_list().unwrap_or_default().to_vec(),
            Err(Failure::Unknown { .. } | Failure::Denied { .. }) => Vec::new(),
            Err(failure) => return Err(Halt::End(talk.outcome(failure, Weight::Read, "looking for the carrier"))),
        };
        if let [carrier] = carriers.as_slice() {
            vals.insert("carrier_id", carrier.id().into());
        }
    }
    Ok(vals)
}

/// Binds the shipment to this delivery. The unique external id lets only one binding exist, whoever else tries.
fn bind(
    talk: &mut Talk<'_>,
    fulfil: &Fulfil,
    deliveries: &Deliveries,
    marks: &ShipmentMarks,
    picking: &Picking,
) -> Said<()> {
    if marks.own.as_ref().is_some_and(|mark| mark.record == picking.id) {
        return Ok(());
    }
    let stale: Vec<&Mark> = marks.others.iter().filter(|mark| mark.record == picking.id).collect();
    if !stale.is_empty() {
        talk.ask(marks::remove(&stale))?;
    }
    let parts = [fulfil.sought.shipment.as_str(), deliveries.order.as_str()];
    let mut text = format!("Shipment {}", html(parts[0]));
    for detail in [&fulfil.carrier, &fulfil.tracking].into_iter().flatten() {
        text.push_str(" · ");
        text.push_str(&html(detail));
    }
    let body = format!("<p>{text}</p>");
    if marks.own.is_some() {
        // The delivery it was bound to is cancelled: the binding moves on.
        talk.load_one(marks::set(talk.odoo, MarkKind::Shipment, &parts, picking.id, &body, &[]))?;
        return Ok(());
    }
    talk.load_one(marks::put(talk.odoo, MarkKind::Shipment, &parts, picking.id, &body))?;
    match marks::of(talk, MarkKind::Shipment, &parts)? {
        Some(mark) if mark.record == picking.id => Ok(()),
        _ => later(format!("shipment {} was bound to another delivery at the same moment", parts[0])),
    }
}

/// Asks Odoo to reserve what is to be shipped. Goods that left are booked in any case, so a shortage does not stop it.
fn reserve(talk: &mut Talk<'_>, picking: &Picking, plan: &Plan) -> Said<()> {
    if plan.is_reserved() {
        return Ok(());
    }
    let ask = Ask::on("stock.picking", "action_assign", &[picking.id]).weight(Weight::Prepare);
    match talk.hear(&ask)? {
        Ok(_) | Err(Failure::Refused { .. }) => Ok(()),
        Err(failure) => Err(Halt::End(talk.outcome(failure, ask.weight, &format!("reserving {}", picking.name)))),
    }
}

/// One write for the whole delivery, absolute, so that writing it again changes nothing. What is not shipped stays
/// reserved but is not picked, and so moves to the backorder with its reservation.
fn write(talk: &mut Talk<'_>, picking: &Picking, plan: &Plan, mut lots: Vec<(i64, Value)>, mut vals: Map) -> Said<()> {
    let mut commands = Vec::new();
    for ship in &plan.ships {
        let mut own = Map::new();
        match lots.iter().position(|(stock_move, _)| *stock_move == ship.stock_move) {
            Some(place) => own.insert("move_line_ids", lots.swap_remove(place).1),
            None => own.insert("quantity", ship.quantity.into()),
        };
        own.insert("picked", true.into());
        commands.push(change(ship.stock_move, own.into()));
    }
    let rest = Value::map([("picked", false)]);
    commands.extend(plan.rest.iter().map(|stock_move| change(*stock_move, rest.clone())));
    vals.insert("move_ids", commands.into());
    let ask = Ask::on("stock.picking", "write", &[picking.id]).with("vals", Value::from(vals)).weight(Weight::Prepare);
    talk.ask(ask.doing(format!("writing the quantities of {}", picking.name)))?;
    Ok(())
}

/// Validates. Whatever comes back, the state read afterwards decides.
fn validate(talk: &mut Talk<'_>, fulfil: &Fulfil, picking: &Picking) -> Said<()> {
    let mut ask = Ask::on("stock.picking", "button_validate", &[picking.id])
        .context("skip_backorder", true)
        .context("skip_sms", true)
        .weight(Weight::Effect);
    if !fulfil.backorder {
        ask = ask.context("picking_ids_not_to_backorder", numbers(&[picking.id]));
    }
    let doing = format!("validating {}", picking.name);
    let complaint = match talk.hear(&ask)? {
        Ok(answer) => match answer::wizard(&answer) {
            Some("stock.backorder.confirmation") => return backorder_wizard(talk, fulfil, picking, &answer),
            Some(wizard) => format!(
                "Odoo wants to ask something first ({wizard}) before it validates {}: answer it there, or switch that \
                 question off for the API user, then resume",
                picking.name
            ),
            None => return Ok(()),
        },
        Err(Failure::Refused { reason }) => format!("{doing}: {reason}"),
        Err(failure) => return Err(Halt::End(talk.outcome(failure, ask.weight, &doing))),
    };
    match state_of(talk, picking)?.as_str() {
        "done" => Ok(()),
        _ => refused(complaint),
    }
}

/// A customer's module asks about the backorder although the call said not to: answer it.
fn backorder_wizard(talk: &mut Talk<'_>, fulfil: &Fulfil, picking: &Picking, action: &Value) -> Said<()> {
    let context = action.get("context").and_then(Value::as_map).cloned().unwrap_or_default();
    let with_context = |ask: Ask| context.entries().iter().fold(ask, |ask, (key, value)| ask.context_entry(key, value));
    let create = Ask::new("stock.backorder.confirmation", "create")
        .with("vals_list", Value::from(Map::new()))
        .weight(Weight::Prepare)
        .doing(format!("answering the backorder question of {}", picking.name));
    let made = talk.ask(with_context(create))?;
    let id = made.as_list().and_then(|ids| ids.first()).and_then(Value::as_int).unwrap_or_default();
    let method = if fulfil.backorder { "process" } else { "process_cancel_backorder" };
    let process = Ask::on("stock.backorder.confirmation", method, &[id])
        .weight(Weight::Effect)
        .doing(format!("validating {}", picking.name));
    talk.ask(with_context(process))?;
    Ok(())
}

fn state_of(talk: &mut Talk<'_>, picking: &Picking) -> Said<String> {
    let ask = Ask::search_ids("stock.picking", &[picking.id], &["state"]);
    let found = talk.search(ask.doing(format!("reading {}", picking.name)))?;
    Ok(found.first().map(|record| record.text("state").to_owned()).unwrap_or_default())
}

/// Reads back what was done, and compares it with what was shipped.
fn finished(
    talk: &mut Talk<'_>,
    fulfil: &Fulfil,
    deliveries: &Deliveries,
    picking: i64,
    known: &[Value],
) -> Said<Value> {
    let domain = all(["|".into(), is("id", "=", picking), is("backorder_id", "=", picking)]);
    let ask = Ask::search("stock.picking", domain, &["name", "state"]).with("order", "id");
    let found = talk.search(ask.doing(format!("reading back shipment {}", fulfil.sought.shipment)))?;
    let Some(done) = found.iter().find(|record| record.id() == picking) else {
        return later("the delivery vanished while it was being validated");
    };
    let name = done.text("name").to_owned();
    if done.text("state") != "done" {
        return refused(format!(
            "Odoo took the validation of {name} but left it {}: a rule or module of this Odoo holds it; look there, \
             then resume",
            done.text("state")
        ));
    }
    let backorder = found.iter().find(|record| record.id() != picking && record.text("state") != "cancel");
    let domain = all([is("picking_id", "=", picking), is("state", "=", "done")]);
    let ask = Ask::search("stock.move", domain, &["product_id", "quantity"]).with("order", "id");
    let moves = talk.search(ask.doing(format!("reading back {name}")))?;
    let products = products(talk, &moves, known)?;
    let done = plan::per_sku(moves.iter().map(|record| {
        let quantity = record.get("quantity").and_then(Value::as_decimal).unwrap_or_default();
        (plan::sku_of(record, &products), quantity)
    }));
    expect_same(fulfil, &name, &done)?;
    Ok(Value::map([
        ("order", Value::from(deliveries.order.as_str())),
        ("shipment", fulfil.sought.shipment.as_str().into()),
        ("picking", name.into()),
        ("picking_id", picking.into()),
        ("backorder", backorder.map(|record| record.text("name")).into()),
        ("done", done.into_iter().map(|(sku, quantity)| (sku, quantity.normalize().into())).collect()),
    ]))
}

/// Somebody may have validated the delivery with other quantities while the hub was away.
fn expect_same(fulfil: &Fulfil, picking: &str, done: &[(String, Decimal)]) -> Said<()> {
    let shipped = plan::per_sku(fulfil.lines.iter().map(|line| (line.sku.clone(), line.quantity)));
    let mut differences = Vec::new();
    for (sku, quantity) in &shipped {
        let booked = done.iter().find(|(other, _)| other == sku).map_or(Decimal::ZERO, |(_, booked)| *booked);
        // Odoo rounds quantities, usually to two digits.
        if (booked - quantity).abs() >= Decimal::new(1, 2) {
            differences.push(format!("{} instead of {} of {sku}", booked.normalize(), quantity.normalize()));
        }
    }
    let unshipped = done.iter().filter(|(sku, _)| !shipped.iter().any(|(other, _)| other == sku));
    differences
        .extend(unshipped.map(|(sku, booked)| format!("{} of {sku}, which was not shipped", booked.normalize())));
    match differences.is_empty() {
        true => Ok(()),
        false => refused(format!(
            "{picking} is shipment {} and is done in Odoo, but with {}: somebody validated it differently. Correct \
             Odoo (a return, or a further delivery), then cancel this transmission",
            fulfil.sought.shipment,
            differences.join(", ")
        )),
    }
}
