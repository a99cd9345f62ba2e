//! Marks: how the hub finds its own work in Odoo again. A mark is a note in the chatter of the document it marks. Its
//! external id makes it exist once (Odoo guards that with a unique index), its `message_id` makes it findable by every
//! user who may read the document, and its text tells people what the hub did. It needs no field, addon or right
//! beyond writing the document, it is not copied to backorders and duplicates, and it goes when the document goes.

use crossdock_core::value::Value;

use super::call::{Ask, Weight, all, is};
use super::config::Odoo;
use super::talk::{Record, Said, Talk};
use super::xid::{encoded, xid};

/// What a mark says about its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// On a delivery: it carries this shipment. Parts: shipment, order.
    Shipment,
    /// On a delivery: the proof of this shipment is attached. Parts: shipment, order.
    Proof,
    /// On a sales order: the invoice of this shipment is being made. Parts: order, shipment.
    InvoiceClaim,
    /// On an invoice: it is the one of this shipment. Parts: order, shipment.
    Invoice,
}

impl MarkKind {
    fn word(self) -> &'static str {
        match self {
            MarkKind::Shipment => "shipment",
            MarkKind::Proof => "proof",
            MarkKind::InvoiceClaim => "invoicing",
            MarkKind::Invoice => "invoice",
        }
    }

    fn model(self) -> &'static str {
        match self {
            MarkKind::Shipment | MarkKind::Proof => "stock.picking",
            MarkKind::InvoiceClaim => "sale.order",
            MarkKind::Invoice => "account.move",
        }
    }
}

/// A mark as found in Odoo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub id: i64,
    pub message_id: String,
    /// The marked record, of the model of its kind.
    pub record: i64,
    /// Who made it.
    pub create_uid: Option<i64>,
    /// When, on Odoo's clock; sorts as text.
    pub create_date: String,
}

/// The `message_id` of a mark.
pub(super) fn message_id(odoo: &Odoo, kind: MarkKind, parts: &[&str]) -> String {
    format!("<{}.{}@{}>", kind.word(), encoded(parts), odoo.xid_module)
}

/// Marks a record, unless this mark exists already (wherever it is then).
pub(super) fn put(odoo: &Odoo, kind: MarkKind, parts: &[&str], record: i64, body: &str) -> Ask {
    set(odoo, kind, parts, record, body, &[]).insert_only()
}

/// Marks a record, and moves the mark there when it exists already. `attachments` are external ids.
pub(super) fn set(odoo: &Odoo, kind: MarkKind, parts: &[&str], record: i64, body: &str, attachments: &[String]) -> Ask {
    let mut key = vec![kind.word()];
    key.extend(parts);
    let mut columns = vec!["id", "model", "res_id", "message_id", "body", "message_type", "subtype_id/id"];
    let mut cells = vec![
        xid(&odoo.xid_module, "mail.message", &key),
        kind.model().to_owned(),
        record.to_string(),
        message_id(odoo, kind, parts),
        body.to_owned(),
        "comment".to_owned(),
        "mail.mt_note".to_owned(),
    ];
    if !attachments.is_empty() {
        columns.push("attachment_ids/id");
        cells.push(attachments.join(","));
    }
    Ask::load("mail.message", &columns, vec![Value::list(cells)])
        .weight(Weight::Prepare)
        .doing(format!("noting the {} in the chatter", kind.word()))
}

/// Takes marks away.
pub(super) fn remove(marks: &[&Mark]) -> Ask {
    let ids: Vec<i64> = marks.iter().map(|mark| mark.id).collect();
    Ask::on("mail.message", "unlink", &ids).weight(Weight::Prepare).doing("taking back an old note in the chatter")
}

/// The marks of a kind on these records.
pub(super) fn on(talk: &mut Talk<'_>, kind: MarkKind, records: &[i64]) -> Said<Vec<Mark>> {
    let domain = all([
        is("model", "=", kind.model()),
        is("res_id", "in", super::call::numbers(records)),
        is("message_id", "=like", format!("<{}.%@{}>", kind.word(), talk.odoo.xid_module)),
    ]);
    find(talk, kind, domain)
}

/// The marks of a kind whose parts begin with these.
pub(super) fn beginning(talk: &mut Talk<'_>, kind: MarkKind, parts: &[&str]) -> Said<Vec<Mark>> {
    let start = format!("<{}.{}_.", kind.word(), encoded(parts));
    let domain =
        all([is("model", "=", kind.model()), is("message_id", "=like", format!("{start}%@{}>", talk.odoo.xid_module))]);
    let mut marks = find(talk, kind, domain)?;
    // `_` stands for any character in a pattern.
    marks.retain(|mark| mark.message_id.starts_with(&start));
    Ok(marks)
}

/// The mark of exactly these parts.
pub(super) fn of(talk: &mut Talk<'_>, kind: MarkKind, parts: &[&str]) -> Said<Option<Mark>> {
    let id = message_id(talk.odoo, kind, parts);
    let found = find(talk, kind, all([is("model", "=", kind.model()), is("message_id", "=", id)]))?;
    Ok(found.into_iter().next())
}

fn find(talk: &mut Talk<'_>, kind: MarkKind, domain: Value) -> Said<Vec<Mark>> {
    let ask = Ask::search("mail.message", domain, &["message_id", "res_id", "create_uid", "create_date"])
        .with("order", "id")
        .doing(format!("looking for the note of the {}", kind.word()));
    let found = talk.search(ask)?;
    let mark = |message: &Value| Mark {
        id: message.id(),
        message_id: message.text("message_id").to_owned(),
        record: message.int("res_id"),
        create_uid: message.link("create_uid"),
        create_date: message.text("create_date").to_owned(),
    };
    Ok(found.iter().map(mark).collect())
}

/// Text as it may stand in the HTML of a note.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br/>"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_text_in_a_note() {
        assert_eq!(html("<b>\"5\" & '6'\n\u{7}"), "&lt;b&gt;&quot;5&quot; &amp; &#39;6&#39;<br/>");
    }
}
