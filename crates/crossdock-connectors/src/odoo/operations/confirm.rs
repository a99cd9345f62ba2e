//! `order.confirm`: a quotation becomes an order, and its delivery comes into being.

use crossdock_core::model::Type;
use crossdock_core::model::shape::{Shape, int, list, text};
use crossdock_core::value::Value;

use super::{Ask, Input, Record, Said, Talk, order_named, refused};
use crate::odoo::answer::{self, Failure};
use crate::odoo::call::Weight;
use crate::odoo::talk::Halt;
use crate::odoo::xid::xid;

/// Input of `order.confirm`: one way to name the order.
#[derive(Clone, Debug)]
pub(in crate::odoo) enum Confirm {
    /// The key it was upserted under.
    Key(String),
    /// Its number in Odoo, `S00042`.
    Order(String),
    /// Its id in Odoo.
    Id(i64),
}

pub(super) const INPUT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo."),
    text("key", "The key it was upserted under."),
    int("id", "Its id in Odoo."),
])
.one_of(&["order", "key", "id"]);

pub(super) const RESULT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo.").required(),
    int("order_id", "Its id in Odoo.").required(),
    text("state", "Its state in Odoo.").required(),
    list("picking_ids", &Type::Int, "The ids of its deliveries in Odoo.").required(),
]);

pub(in crate::odoo) fn read(input: &Input<'_>) -> Option<Confirm> {
    let (key, order, id) = (input.optional_key("key"), input.optional_key("order"), input.optional_id("id"));
    match (key, order, id) {
        (Some(key), None, None) => Some(Confirm::Key(key)),
        (None, Some(order), None) => Some(Confirm::Order(order)),
        (None, None, Some(id)) => Some(Confirm::Id(id)),
        (None, None, None) => {
            input.fault("order", "is missing; name the order by order, key or id");
            None
        }
        _ => {
            input.fault("order", "must be named in one way only: order, key or id");
            None
        }
    }
}

const FIELDS: &[&str] = &["name", "state", "picking_ids"];

pub(in crate::odoo) fn run(talk: &mut Talk<'_>, confirm: &Confirm) -> Said<Value> {
    let order = match confirm {
        Confirm::Order(name) => order_named(talk, name, FIELDS)?,
        Confirm::Id(id) => by_id(talk, *id)?,
        Confirm::Key(key) => {
            let id = id_of(talk, key)?;
            by_id(talk, id)?
        }
    };
    let name = order.text("name").to_owned();
    match order.text("state") {
        "sale" | "done" => return Ok(result(&order)),
        "cancel" => {
            return refused(format!(
                "order {name} is cancelled in Odoo: set it back to quotation there if it shall be delivered, then resume"
            ));
        }
        _ => {}
    }
    let ask = Ask::on("sale.order", "action_confirm", &[order.id()])
        .weight(Weight::Effect)
        .doing(format!("confirming order {name}"));
    let complaint = match talk.hear(&ask)? {
        Ok(answer) => answer::wizard(&answer).map(|wizard| {
            format!(
                "Odoo wants to ask something first ({wizard}) before it confirms order {name}: answer it there, then \
                 resume"
            )
        }),
        // Somebody else may have been faster.
        Err(Failure::Refused { reason }) => Some(format!("confirming order {name}: {reason}")),
        Err(failure) => return Err(Halt::End(talk.outcome(failure, ask.weight, &ask.doing))),
    };
    let order = by_id(talk, order.id())?;
    match (order.text("state"), complaint) {
        ("sale" | "done", _) => Ok(result(&order)),
        (_, Some(complaint)) => refused(complaint),
        (state, None) => refused(format!(
            "Odoo took the confirmation of order {name} but left it {state}: an approval may be needed there; then \
             resume"
        )),
    }
}

/// The id behind the hub's key. Loading the one column `id`, insert-only, names a record that is there and cannot make
/// one, because an order needs a customer. Service users may not read the table of external ids.
fn id_of(talk: &mut Talk<'_>, key: &str) -> Said<i64> {
    let row = Value::list([xid(&talk.odoo.xid_module, "sale.order", &[key])]);
    let ask = Ask::load("sale.order", &["id"], vec![row]).insert_only().doing(format!("looking for order {key}"));
    let answer = talk.ask(ask)?;
    if let [id] = answer.links("ids")[..] {
        return Ok(id);
    }
    let message = answer.at("messages.0.message").and_then(Value::as_text).unwrap_or_default();
    if answer::is_conflict(message) {
        return super::super::talk::later(format!("order {key} is being written at this moment"));
    }
    let advice = format!("order {key} is not in Odoo under the hub's key: send order.upsert for it first, then resume");
    match answer.at("messages.0.field").and_then(Value::as_text) {
        // What an order that is not there lacks first.
        Some("partner_id") => refused(advice),
        _ => refused(format!("looking for order {key}: {}", answer::said(message, "no reason given"))),
    }
}

fn by_id(talk: &mut Talk<'_>, id: i64) -> Said<Value> {
    let found = talk.search(Ask::search_ids("sale.order", &[id], FIELDS).doing("reading the order"))?;
    match found.into_iter().next() {
        Some(order) => Ok(order),
        None => refused(format!(
            "the order with id {id} does not exist in Odoo, or the API user may not see it: check the id and the \
             companies, then resume"
        )),
    }
}

fn result(order: &Value) -> Value {
    Value::map([
        ("order", Value::from(order.text("name"))),
        ("order_id", order.id().into()),
        ("state", order.text("state").into()),
        ("picking_ids", super::super::call::numbers(&order.links("picking_ids"))),
    ])
}
