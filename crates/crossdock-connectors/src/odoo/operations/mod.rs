//! The operations, one file each. Each reads its input into a type of its own, then runs as a conversation.

mod confirm;
mod fulfil;
mod invoice;
mod order;
mod partner;
mod product;
mod proof;
mod shipment;

use crossdock_connect::endpoint::{InputFault, Operation, Repeat, Step};
use crossdock_core::exchange::Exchange;
use crossdock_core::model::shape::Shape;
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_core::value::Value;

use super::call::{Ask, all, is};
use super::config::Odoo;
use super::input::{Input, parse};
use super::load::{self, Item};
use super::talk::{Halt, Record, Said, Talk, refused};

/// What this connector offers.
pub(super) const OPERATIONS: &[Operation] = &[
    operation(
        "partner.upsert",
        "Makes or updates customers and their addresses, by the hub's key",
        100,
        partner::INPUT,
        partner::RESULT,
    ),
    operation("product.upsert", "Makes or updates products, by the hub's key", 100, product::INPUT, partner::RESULT),
    operation("order.upsert", "Makes sales orders with their lines, by the hub's key", 20, order::INPUT, order::RESULT),
    operation("order.confirm", "Confirms a quotation, so that its delivery exists", 1, confirm::INPUT, confirm::RESULT),
    operation(
        "picking.fulfil",
        "Books a shipment: quantities, lots, tracking, backorder or not",
        1,
        fulfil::INPUT,
        fulfil::RESULT,
    ),
    operation(
        "delivery.attach_proof",
        "Attaches signature, photos and documents to the delivery of a shipment",
        1,
        proof::INPUT,
        proof::RESULT,
    ),
    operation(
        "invoice.create_and_post",
        "Invoices what a shipment delivered, and posts it",
        1,
        invoice::INPUT,
        invoice::RESULT,
    ),
];

const fn operation(
    name: &'static str,
    summary: &'static str,
    batch_max: usize,
    input: Shape,
    result: Shape,
) -> Operation {
    Operation { name, summary, repeat: Repeat::Safe, batch_max, input, result }
}

/// Confirming and validating change the stock's quantities, which orders of the same products share: measured on one
/// database, two clients confirm half as many as one, because Odoo's transactions fail on each other and are tried again
/// after pauses of seconds. So one writer for each warehouse.
pub(super) fn contends(operation: &str) -> Option<&'static str> {
    matches!(operation, "order.confirm" | "picking.fulfil").then_some("warehouse")
}

/// Checks an input without asking Odoo.
pub(super) fn check(operation: &str, input: &Value) -> Result<(), Vec<InputFault>> {
    match operation {
        "partner.upsert" => parse(input, partner::read).map(drop),
        "product.upsert" => parse(input, product::read).map(drop),
        "order.upsert" => parse(input, order::read).map(drop),
        "order.confirm" => parse(input, confirm::read).map(drop),
        "picking.fulfil" => parse(input, fulfil::read).map(drop),
        "delivery.attach_proof" => parse(input, proof::read).map(drop),
        "invoice.create_and_post" => parse(input, invoice::read).map(drop),
        other => Err(vec![InputFault { path: String::new(), message: format!("odoo has no operation `{other}`") }]),
    }
}

/// The next step of an attempt.
pub(super) fn next(odoo: &Odoo, transmissions: &[Transmission], so_far: &[Exchange]) -> Step {
    let Some(first) = transmissions.first() else { return Step::Done(Vec::new()) };
    let talk = Talk::new(odoo, so_far, first.attempts);
    match first.operation.as_str() {
        "partner.upsert" => batch(talk, transmissions, partner::read, partner::run),
        "product.upsert" => batch(talk, transmissions, product::read, product::run),
        "order.upsert" => batch(talk, transmissions, order::read, order::run),
        "order.confirm" => single(talk, transmissions, confirm::read, confirm::run),
        "picking.fulfil" => single(talk, transmissions, fulfil::read, fulfil::run),
        "delivery.attach_proof" => single(talk, transmissions, proof::read, proof::run),
        "invoice.create_and_post" => single(talk, transmissions, invoice::read, invoice::run),
        other => {
            let outcome = Outcome::Refused { reason: format!("the odoo connector has no operation `{other}`") };
            Step::Done(vec![outcome; transmissions.len()])
        }
    }
}

/// Runs an operation of one transmission.
fn single<T>(
    mut talk: Talk<'_>,
    transmissions: &[Transmission],
    read: fn(&Input<'_>) -> Option<T>,
    run: fn(&mut Talk<'_>, &T) -> Said<Value>,
) -> Step {
    let [transmission] = transmissions else {
        let reason = "this operation takes one transmission at a time".to_owned();
        return Step::Done(vec![Outcome::Refused { reason }; transmissions.len()]);
    };
    let input = match parse(&transmission.input, read) {
        Ok(input) => input,
        Err(faults) => return Step::done(unfit(&faults)),
    };
    match run(&mut talk, &input) {
        Ok(result) => Step::done(Outcome::Accepted { result }),
        Err(halt) => halt.into_step(),
    }
}

/// What a batch makes of each of its inputs, in their order.
type Outcomes = Vec<Outcome>;

/// Runs an operation of many transmissions. Those whose input is unfit are refused; the others go on without them.
fn batch<T>(
    mut talk: Talk<'_>,
    transmissions: &[Transmission],
    read: fn(&Input<'_>) -> Option<T>,
    run: fn(&mut Talk<'_>, &[T]) -> Said<Outcomes>,
) -> Step {
    let inputs: Vec<Result<T, Outcome>> =
        transmissions.iter().map(|owed| parse(&owed.input, read).map_err(|faults| unfit(&faults))).collect();
    let unfit: Vec<Option<Outcome>> = inputs.iter().map(|input| input.as_ref().err().cloned()).collect();
    let fit: Vec<T> = inputs.into_iter().flatten().collect();
    let outcomes = match run(&mut talk, &fit) {
        Ok(outcomes) => outcomes,
        Err(Halt::Call(call)) => return Step::Call(call),
        Err(Halt::End(outcome)) => vec![outcome; fit.len()],
    };
    let mut outcomes = outcomes.into_iter();
    let merged = unfit.into_iter().map(|unfit| unfit.or_else(|| outcomes.next()));
    Step::Done(merged.map(|outcome| outcome.expect("a batch gives one outcome per input")).collect())
}

fn unfit(faults: &[InputFault]) -> Outcome {
    let faults: Vec<String> = faults.iter().map(|fault| format!("{} {}", fault.path, fault.message)).collect();
    Outcome::Refused { reason: format!("the input does not fit: {}", faults.join("; ").trim_start()) }
}

/// One sales order by its number; `None` fields of Odoo read as nothing.
fn order_named(talk: &mut Talk<'_>, name: &str, fields: &[&str]) -> Said<Value> {
    let ask = Ask::search("sale.order", all([is("name", "=", name)]), fields);
    let mut found = talk.search(ask.doing(format!("looking for order {name}")))?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => refused(format!(
            "order {name} does not exist in Odoo, or the API user may not see it: check the number and the companies, \
             then resume"
        )),
        many => refused(format!(
            "{many} orders in Odoo are called {name}: name the company in `company_ids` of this system, then resume"
        )),
    }
}
