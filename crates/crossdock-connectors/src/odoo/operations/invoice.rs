//! `invoice.create_and_post`: what a shipment delivered is invoiced once and posted.
//!
//! Odoo's invoicing wizard takes everything that is delivered and not yet invoiced, gives no key, and answers a
//! repeat with a second thought or a second document. So the hub leaves marks around it:
//!
//! 1. a claim on the sales order before the wizard runs: who makes the invoice, from when on;
//! 2. the wizard, which makes one draft;
//! 3. a mark on that draft, which names its shipment and stays through posting;
//! 4. the draft is cut to what this shipment delivered, dated and posted.
//!
//! After a crash between 2 and 3 the draft is found by the claim: made by the same user, not before the claim, and
//! marked by no other shipment. A draft that fits no claim is a stranger's and is never posted.

mod scope;

use crossdock_core::model::shape::{Shape, date, decimal, int, text};
use crossdock_core::value::{Map, Value};
use jiff::civil::Date;

use super::shipment::{self, Sought};
use super::{Ask, Input, Record, Said, Talk, order_named, refused};
use crate::odoo::answer::{self, Failure};
use crate::odoo::call::{Weight, numbers};
use crate::odoo::marks::{self, Mark, MarkKind, html};
use crate::odoo::talk::Halt;
use scope::{Scope, Shipped};

/// Input of `invoice.create_and_post`.
#[derive(Clone, Debug)]
pub(in crate::odoo) struct Invoice {
    order: String,
    /// Absent: everything of the order that can be invoiced, once.
    shipment: Option<String>,
    invoice_date: Date,
    reference: Option<String>,
}

pub(super) const INPUT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo.").required(),
    text("shipment", "Invoice what this shipment delivered; all that can be invoiced when absent."),
    date("invoice_date", "Date of the invoice.").required(),
    text("reference", "Reference shown on it."),
]);

pub(super) const RESULT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo.").required(),
    text("shipment", "The shipment's number; null when the whole order was invoiced."),
    text("invoice", "The invoice's number.").required(),
    int("invoice_id", "Its id in Odoo.").required(),
    decimal("total", "Total with tax."),
    text("currency", "Currency, ISO 4217."),
    text("state", "Its state in Odoo.").required(),
    date("invoice_date", "Date of the invoice."),
    date("due_date", "Due date."),
]);

pub(in crate::odoo) fn read(input: &Input<'_>) -> Option<Invoice> {
    let (order, shipment) = (input.key("order"), input.optional_key("shipment"));
    let (invoice_date, reference) = (input.date("invoice_date"), input.optional_text("reference"));
    Some(Invoice { order: order?, shipment, invoice_date: invoice_date?, reference })
}

impl Invoice {
    /// For the operator: `order S00042`, or with its shipment.
    fn shown(&self) -> String {
        match &self.shipment {
            Some(shipment) => format!("shipment {shipment} of order {}", self.order),
            None => format!("order {}", self.order),
        }
    }

    /// The key of its marks.
    fn parts(&self) -> Vec<&str> {
        let mut parts = vec![self.order.as_str()];
        parts.extend(self.shipment.as_deref());
        parts
    }
}

const ORDER_FIELDS: &[&str] = &["name", "state", "picking_ids", "invoice_ids"];
const INVOICE_FIELDS: &[&str] = &[
    "name",
    "state",
    "move_type",
    "ref",
    "amount_total",
    "currency_id",
    "invoice_date",
    "invoice_date_due",
    "create_uid",
    "create_date",
];

pub(in crate::odoo) fn run(talk: &mut Talk<'_>, invoice: &Invoice) -> Said<Value> {
    let order = order_named(talk, &invoice.order, ORDER_FIELDS)?;
    if !matches!(order.text("state"), "sale" | "done") {
        let state = if order.text("state") == "cancel" { "cancelled" } else { "still a quotation" };
        return refused(format!(
            "order {} is {state} in Odoo, so there is nothing to invoice: put that right there, then resume",
            invoice.order
        ));
    }
    let known = Known::read(talk, invoice, &order)?;
    let own = known.own();
    if let Some(own) = own.filter(|own| own.text("state") == "posted") {
        return Ok(result(invoice, own));
    }
    if own.is_some_and(|own| own.text("state") == "cancel") {
        return refused(format!(
            "the invoice of {} was cancelled in Odoo: reset it to draft or delete it there, then resume",
            invoice.shown()
        ));
    }
    let shipped = match &invoice.shipment {
        Some(shipment) => {
            let sought = Sought { order: Some(invoice.order.clone()), picking: None, shipment: shipment.clone() };
            let delivery = shipment::delivered(talk, &sought, Some(&order))?;
            Some(scope::what_left(talk, invoice, delivery.pickings[0].id)?)
        }
        None => None,
    };
    let draft = match own {
        Some(own) => own.clone(),
        None => match create(talk, invoice, &order, &known, shipped.as_deref())? {
            Made::Draft(draft) => *draft,
            Made::ByAnother(theirs) => return Ok(result(invoice, &theirs)),
        },
    };
    post(talk, invoice, &draft, shipped.as_deref())
}

/// The invoices of the order and the marks on them.
struct Known {
    invoices: Vec<Value>,
    marks: Vec<Mark>,
    own_message: String,
}

impl Known {
    fn read(talk: &mut Talk<'_>, invoice: &Invoice, order: &Value) -> Said<Self> {
        let own_message = marks::message_id(talk.odoo, MarkKind::Invoice, &invoice.parts());
        let ids = order.links("invoice_ids");
        if ids.is_empty() {
            return Ok(Self { invoices: Vec::new(), marks: Vec::new(), own_message });
        }
        let ask = Ask::search_ids("account.move", &ids, INVOICE_FIELDS).with("order", "id");
        let invoices = talk.search(ask.doing(format!("reading the invoices of order {}", invoice.order)))?;
        let marks = marks::on(talk, MarkKind::Invoice, &ids)?;
        Ok(Self { invoices, marks, own_message })
    }

    fn own(&self) -> Option<&Value> {
        let mark = self.marks.iter().find(|mark| mark.message_id == self.own_message)?;
        self.invoices.iter().find(|found| found.id() == mark.record)
    }

    /// Customer invoices that are not cancelled.
    fn live(&self) -> impl Iterator<Item = &Value> {
        self.invoices.iter().filter(|found| found.text("move_type") == "out_invoice" && found.text("state") != "cancel")
    }

    /// A draft that was made under this claim and by nobody else: same user, not before it, marked by no shipment.
    fn made_under(&self, claim: &Mark) -> Option<&Value> {
        self.live().find(|found| {
            found.text("state") == "draft"
                && found.link("create_uid") == claim.create_uid
                && found.text("create_date") >= claim.create_date.as_str()
                && !self.marks.iter().any(|mark| mark.record == found.id())
        })
    }
}

enum Made {
    Draft(Box<Value>),
    /// There is nothing left to invoice, and one posted invoice has it all.
    ByAnother(Box<Value>),
}

/// Makes the draft, or finds the one that an attempt before this one made.
fn create(
    talk: &mut Talk<'_>,
    invoice: &Invoice,
    order: &Value,
    known: &Known,
    shipped: Option<&[Shipped]>,
) -> Said<Made> {
    let parts = invoice.parts();
    let claim = marks::of(talk, MarkKind::InvoiceClaim, &parts)?;
    if let Some(draft) = claim.as_ref().and_then(|claim| known.made_under(claim)) {
        return mark(talk, invoice, draft.clone());
    }
    if !scope::is_anything_left(talk, invoice, order, shipped)? {
        // A call that an attempt before this one left behind may have ended between two of our reads: look again.
        return match look_again(talk, invoice)? {
            (_, Some(draft)) => mark(talk, invoice, draft),
            (again, None) => nothing_left(invoice, &again),
        };
    }
    if claim.is_none() {
        let body = format!("<p>Invoicing {}</p>", html(&invoice.shown()));
        talk.load_one(marks::put(talk.odoo, MarkKind::InvoiceClaim, &parts, order.id(), &body))?;
    }
    let create = Ask::new("sale.advance.payment.inv", "create")
        .with("vals_list", Value::map([("advance_payment_method", "delivered")]))
        .context("active_model", "sale.order")
        .context("active_ids", numbers(&[order.id()]))
        .weight(Weight::Prepare)
        .doing(format!("preparing the invoice of {}", invoice.shown()));
    let wizard = talk.ask(create)?;
    let wizard = wizard.as_list().and_then(|ids| ids.first()).and_then(Value::as_int).unwrap_or_default();
    // A draft moves no money: losing the answer is harmless, because the claim finds what it made.
    let create = Ask::on("sale.advance.payment.inv", "create_invoices", &[wizard]).weight(Weight::Prepare);
    let doing = format!("invoicing {}", invoice.shown());
    let (complaint, made) = match talk.hear(&create)? {
        Ok(action) => (None, action.as_map().and_then(|_| action.get("res_id")).and_then(Value::as_int)),
        Err(Failure::Refused { reason }) => (Some(reason), None),
        Err(failure) => return Err(Halt::End(talk.outcome(failure, create.weight, &doing))),
    };
    let found = match made {
        Some(id) => by_id(talk, invoice, id)?,
        // Odoo said no, or did not say what it made.
        None => look_again(talk, invoice)?.1,
    };
    match (found, complaint) {
        (Some(draft), _) => mark(talk, invoice, draft),
        (None, Some(complaint)) => refused(format!("{doing}: {complaint}")),
        (None, None) => refused(format!("{doing}: Odoo made no invoice that can be found on the order")),
    }
}

/// The invoices of the order as they are now, and the draft that this invoice's claim has among them.
fn look_again(talk: &mut Talk<'_>, invoice: &Invoice) -> Said<(Known, Option<Value>)> {
    let order = order_named(talk, &invoice.order, ORDER_FIELDS)?;
    let known = Known::read(talk, invoice, &order)?;
    let claim = marks::of(talk, MarkKind::InvoiceClaim, &invoice.parts())?;
    let draft = claim.and_then(|claim| known.made_under(&claim).cloned());
    Ok((known, draft))
}

/// Everything is invoiced, but not by the hub.
fn nothing_left(invoice: &Invoice, known: &Known) -> Said<Made> {
    let shown = invoice.shown();
    let live: Vec<&Value> = known.live().collect();
    let named = |found: &&Value| match found.text("name") {
        "" => format!("the draft with id {} made by {}", found.id(), found.link_name("create_uid")),
        name => format!("{name} ({})", found.text("state")),
    };
    match live.as_slice() {
        [] => refused(format!(
            "nothing of {shown} can be invoiced in Odoo: check what is delivered and the products' invoicing policy, \
             then resume"
        )),
        [one] if one.text("state") == "posted" => Ok(Made::ByAnother(Box::new((*one).clone()))),
        several => refused(format!(
            "all of {shown} is on other invoices already: {}. Post or delete what is a draft, then resume; or cancel this \
             transmission when they are right",
            several.iter().map(named).collect::<Vec<_>>().join(", ")
        )),
    }
}

fn mark(talk: &mut Talk<'_>, invoice: &Invoice, draft: Value) -> Said<Made> {
    let body = format!("<p>Invoice of {}</p>", html(&invoice.shown()));
    talk.load_one(marks::put(talk.odoo, MarkKind::Invoice, &invoice.parts(), draft.id(), &body))?;
    Ok(Made::Draft(Box::new(draft)))
}

/// Cuts the draft to its scope, dates it and posts it.
fn post(talk: &mut Talk<'_>, invoice: &Invoice, draft: &Value, shipped: Option<&[Shipped]>) -> Said<Value> {
    let scope = match shipped {
        Some(shipped) => scope::of_draft(talk, invoice, draft, shipped)?,
        None => Scope::Whole,
    };
    let mut vals = Map::new();
    match scope {
        Scope::Whole => {}
        Scope::Part(lines) => {
            vals.insert("invoice_line_ids", lines);
        }
        Scope::Nothing => {
            return refused(format!(
                "the draft invoice with id {} holds nothing of {}: somebody invoiced its goods in between. Delete the \
                 draft in Odoo, then resume",
                draft.id(),
                invoice.shown()
            ));
        }
    }
    let date = invoice.invoice_date.to_string();
    if draft.text("invoice_date") != date {
        // Left to Odoo, the date would be today in the zone of the API user.
        vals.insert("invoice_date", date.into());
    }
    if let Some(reference) = invoice.reference.as_deref().filter(|reference| draft.text("ref") != *reference) {
        vals.insert("ref", reference.into());
    }
    if !vals.is_empty() {
        let ask = Ask::on("account.move", "write", &[draft.id()]).with("vals", Value::from(vals));
        talk.ask(ask.weight(Weight::Prepare).doing(format!("preparing the invoice of {}", invoice.shown())))?;
    }
    let doing = format!("posting the invoice of {}", invoice.shown());
    let ask = Ask::on("account.move", "action_post", &[draft.id()]).weight(Weight::Effect);
    let complaint = match talk.hear(&ask)? {
        Ok(answer) => answer::wizard(&answer)
            .map(|wizard| format!("{doing}: Odoo wants to ask something first ({wizard}); post it there, then resume")),
        Err(Failure::Refused { reason }) => Some(format!("{doing}: {reason}")),
        Err(failure) => return Err(Halt::End(talk.outcome(failure, ask.weight, &doing))),
    };
    match (by_id(talk, invoice, draft.id())?, complaint) {
        (Some(posted), _) if posted.text("state") == "posted" => Ok(result(invoice, &posted)),
        (_, Some(complaint)) => refused(complaint),
        (found, None) => refused(format!(
            "{doing}: Odoo took it but left the invoice {}; look there, then resume",
            found.as_ref().map_or("nowhere", |found| found.text("state"))
        )),
    }
}

fn by_id(talk: &mut Talk<'_>, invoice: &Invoice, id: i64) -> Said<Option<Value>> {
    let ask = Ask::search_ids("account.move", &[id], INVOICE_FIELDS);
    let found = talk.search(ask.doing(format!("reading the invoice of {}", invoice.shown())))?;
    Ok(found.into_iter().next())
}

fn result(invoice: &Invoice, posted: &Value) -> Value {
    let or_null = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    Value::map([
        ("order", Value::from(invoice.order.as_str())),
        ("shipment", invoice.shipment.as_deref().into()),
        ("invoice", posted.text("name").into()),
        ("invoice_id", posted.id().into()),
        ("total", posted.get("amount_total").cloned().unwrap_or_default()),
        ("currency", posted.link_name("currency_id").into()),
        ("state", posted.text("state").into()),
        ("invoice_date", or_null(posted.text("invoice_date"))),
        ("due_date", or_null(posted.text("invoice_date_due"))),
    ])
}
