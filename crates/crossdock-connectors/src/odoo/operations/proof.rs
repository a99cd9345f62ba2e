//! `delivery.attach_proof`: the proof of delivery goes to the delivery it proves: the signature where Odoo shows it as
//! signed, photos and documents as attachments, and one note in the chatter that says who took the goods and when.
//! Every piece has its own external id, so attaching it again changes nothing.

use crossdock_core::model::shape::{Shape, boolean, int, list, other, text};
use crossdock_core::model::{Field, Type};
use crossdock_core::value::{Time, Value};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::shipment::{self, Picking, Sought};
use super::{Ask, Input, Record, Said, Talk, all, is};
use crate::odoo::call::Weight;
use crate::odoo::marks::{self, MarkKind, html};
use crate::odoo::talk::refused;
use crate::odoo::xid::xid;

/// Input of `delivery.attach_proof`.
#[derive(Clone, Debug)]
pub(in crate::odoo) struct Proof {
    sought: Sought,
    delivered_at: Time,
    signed_by: Option<String>,
    remarks: Option<String>,
    /// The image, in base64.
    signature: Option<String>,
    photos: Vec<File>,
    documents: Vec<File>,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    base64: String,
}

const FILE: &[Field] =
    &[text("name", "Its name.").required(), other("base64", Type::Binary, "Its content, base64.").required()];

pub(super) const INPUT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo."),
    text("picking", "The delivery's name in Odoo."),
    text("shipment", "The shipment's number.").required(),
    other("delivered_at", Type::Time, "When it was delivered.").required(),
    text("signed_by", "Who took it."),
    text("remarks", "Free text."),
    other("signature", Type::Binary, "The image of the signature, base64."),
    list("photos", &Type::Object(FILE), "Photos."),
    list("documents", &Type::Object(FILE), "Documents."),
]);

pub(super) const RESULT: Shape = Shape::of(&[
    text("order", "The order's number in Odoo.").required(),
    text("shipment", "The shipment's number.").required(),
    text("picking", "The delivery's name in Odoo.").required(),
    int("picking_id", "Its id in Odoo.").required(),
    boolean("signed", "It has a signature.").required(),
    list("attachment_ids", &Type::Int, "The ids of the attachments.").required(),
    int("note_id", "The id of the note in the chatter.").required(),
]);

pub(in crate::odoo) fn read(input: &Input<'_>) -> Option<Proof> {
    let (order, picking) = (input.optional_key("order"), input.optional_key("picking"));
    let shipment = input.key("shipment");
    let delivered_at = input.time("delivered_at");
    let (signed_by, remarks) = (input.optional_text("signed_by"), input.optional_text("remarks"));
    let signature = input.optional_base64("signature");
    let file = |file: &Input<'_>| {
        let (name, base64) = (file.text("name"), file.base64("base64"));
        Some(File { name: name?, base64: base64? })
    };
    let (photos, documents) = (input.list("photos", file), input.list("documents", file));
    Some(Proof {
        sought: Sought { order, picking, shipment: shipment? },
        delivered_at: delivered_at?,
        signed_by,
        remarks,
        signature,
        photos,
        documents,
    })
}

pub(in crate::odoo) fn run(talk: &mut Talk<'_>, proof: &Proof) -> Said<Value> {
    let deliveries = shipment::delivered(talk, &proof.sought, None)?;
    let picking = &deliveries.pickings[0];
    let order = match &proof.sought.order {
        Some(order) => order.as_str(),
        None => deliveries.order.as_str(),
    };
    let parts = [proof.sought.shipment.as_str(), order];
    let signature = signature_place(talk, proof, picking, &parts)?;
    let pieces = pieces(talk, proof, &parts, signature);
    let attached = attach(talk, picking, &pieces)?;
    let shown: Vec<String> =
        pieces.iter().filter(|piece| piece.field.is_empty()).map(|piece| piece.xid.clone()).collect();
    let note = marks::set(talk.odoo, MarkKind::Proof, &parts, picking.id, &note(proof), &shown);
    let note = talk.load_one(note.insert_only().weight(Weight::Effect))?;
    Ok(Value::map([
        ("order", Value::from(order)),
        ("shipment", proof.sought.shipment.as_str().into()),
        ("picking", picking.name.as_str().into()),
        ("picking_id", picking.id.into()),
        ("signed", (picking.is_signed || proof.signature.is_some()).into()),
        ("attachment_ids", super::super::call::numbers(&attached)),
        ("note_id", note.into()),
    ]))
}

/// Where the signature goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignaturePlace {
    /// Into the delivery's own field, where Odoo shows it as signed.
    Field,
    /// Somebody signed it in Odoo already: ours stands beside the other as a picture.
    Picture,
}

fn signature_place(talk: &mut Talk<'_>, proof: &Proof, picking: &Picking, parts: &[&str]) -> Said<SignaturePlace> {
    if proof.signature.is_none() || !picking.is_signed {
        return Ok(SignaturePlace::Field);
    }
    let domain =
        all([is("res_model", "=", "stock.picking"), is("res_id", "=", picking.id), is("res_field", "=", "signature")]);
    let doing = format!("reading who signed {}", picking.name);
    let present = talk.search(Ask::search("ir.attachment", domain, &["name"]).doing(doing.clone()))?;
    let ids: Vec<i64> = present.iter().map(Record::id).collect();
    if ids.is_empty() {
        return Ok(SignaturePlace::Picture);
    }
    let names = talk.ask(Ask::on("ir.attachment", "get_external_id", &ids).doing(doing))?;
    let own = signature_xid(talk, parts);
    let is_own = |names: &crossdock_core::value::Map| names.values().any(|name| name.as_text() == Some(&own));
    Ok(if names.as_map().is_some_and(is_own) { SignaturePlace::Field } else { SignaturePlace::Picture })
}

fn signature_xid(talk: &Talk<'_>, parts: &[&str]) -> String {
    xid(&talk.odoo.xid_module, "ir.attachment", &["signature", parts[0], parts[1]])
}

/// One attachment.
struct Piece {
    xid: String,
    name: String,
    /// The field of the delivery it is the content of; empty for an ordinary attachment.
    field: &'static str,
    base64: String,
}

fn pieces(talk: &Talk<'_>, proof: &Proof, parts: &[&str], place: SignaturePlace) -> Vec<Piece> {
    let module = &talk.odoo.xid_module;
    let mut pieces = Vec::new();
    if let Some(base64) = &proof.signature {
        let (xid, name, field) = match place {
            SignaturePlace::Field => (signature_xid(talk, parts), "signature".to_owned(), "signature"),
            SignaturePlace::Picture => {
                let xid = xid(module, "ir.attachment", &["signature-picture", parts[0], parts[1]]);
                (xid, format!("signature {}.png", parts[0]), "")
            }
        };
        pieces.push(Piece { xid, name, field, base64: base64.clone() });
    }
    for file in proof.photos.iter().chain(&proof.documents) {
        // Keyed by content: the same picture sent again is the same attachment, another one of its name is not.
        let digest = Sha256::digest(file.base64.as_bytes());
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let xid = xid(module, "ir.attachment", &["proof", parts[0], parts[1], &digest]);
        if pieces.iter().any(|piece: &Piece| piece.xid == xid) {
            continue;
        }
        pieces.push(Piece { xid, name: file.name.clone(), field: "", base64: file.base64.clone() });
    }
    pieces
}

fn attach(talk: &mut Talk<'_>, picking: &Picking, pieces: &[Piece]) -> Said<Vec<i64>> {
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let row = |piece: &Piece| {
        let id = picking.id.to_string();
        Value::list([&piece.xid, &piece.name, "stock.picking", &id, piece.field, &piece.base64].map(Value::from))
    };
    let columns = ["id", "name", "res_model", "res_id", "res_field", "datas"];
    let doing = format!("attaching the proof to {}", picking.name);
    let ask = Ask::load("ir.attachment", &columns, pieces.iter().map(row).collect());
    let answer = talk.ask(ask.insert_only().weight(Weight::Prepare).doing(doing.clone()))?;
    let ids = answer.links("ids");
    if ids.len() == pieces.len() {
        return Ok(ids);
    }
    let message = answer.at("messages.0.message").and_then(Value::as_text).unwrap_or_default();
    if super::super::answer::is_conflict(message) {
        return super::super::talk::later(format!("{doing}: somebody else changed it at the same moment"));
    }
    refused(format!("{doing}: {}", super::super::answer::said(message, "no reason given")))
}

/// What people read in the chatter.
fn note(proof: &Proof) -> String {
    let at = proof.delivered_at.in_zone(TimeZone::UTC);
    let mut lines = vec![format!(
        "Shipment {} delivered {} UTC",
        html(&proof.sought.shipment),
        at.zoned().strftime("%Y-%m-%d %H:%M")
    )];
    lines.extend(proof.signed_by.iter().map(|name| format!("Received by {}", html(name))));
    lines.extend(proof.remarks.iter().map(|remarks| html(remarks)));
    format!("<p>{}</p>", lines.join("<br/>"))
}
