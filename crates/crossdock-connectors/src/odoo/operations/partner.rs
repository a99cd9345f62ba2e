//! `partner.upsert`: customers, contacts and addresses.

use crossdock_core::model::shape::{Shape, boolean, code, country, int, text};
use crossdock_core::transmission::Outcome;
use crossdock_core::value::Value;

use super::{Input, Item, Outcomes, Said, Talk, load};
use crate::odoo::input::Patch;
use crate::odoo::xid::xid;

/// Input of `partner.upsert`. An absent field is left as it is, `null` clears it.
#[derive(Clone, Debug)]
pub(in crate::odoo) struct Partner {
    key: String,
    /// Columns and cells, as `load` takes them, the relations aside.
    cells: Vec<(&'static str, String)>,
    country: Patch<String>,
    parent_key: Patch<String>,
    insert_only: bool,
}

const TYPES: &[&str] = &["contact", "invoice", "delivery", "other"];

pub(super) const INPUT: Shape = Shape::of(&[
    text("key", "The hub's key of the partner.").required(),
    text("name", "Its name.").required(),
    text("ref", "Internal reference in Odoo."),
    text("email", "Email address."),
    text("phone", "Telephone number."),
    text("vat", "Tax id."),
    text("street", "Street and number."),
    text("street2", "Second line of the address."),
    text("city", "City."),
    text("zip", "Postal code."),
    boolean("is_company", "A company, not a person."),
    code("type", TYPES, "What kind of address it is."),
    country("country", "Country of the address."),
    text("parent_key", "The hub's key of the company it belongs to."),
    boolean("insert_only", "Leave it alone when it is there already."),
]);

/// What an upsert of a partner or product gives.
pub(super) const RESULT: Shape =
    Shape::of(&[int("id", "The record's id in Odoo.").required(), text("xid", "Its external id in Odoo.").required()]);

pub(in crate::odoo) fn read(input: &Input<'_>) -> Option<Partner> {
    let key = input.key("key");
    let mut cells = Vec::new();
    if let Some(name) = input.text("name") {
        cells.push(("name", name));
    }
    for column in ["ref", "email", "phone", "vat", "street", "street2", "city", "zip"] {
        push_text(&mut cells, column, input.patch_text(column));
    }
    if let Patch::Set(is_company) = input.patch_flag("is_company") {
        cells.push(("is_company", if is_company { "1" } else { "0" }.into()));
    }
    if let Patch::Set(kind) = input.patch_choice("type", TYPES) {
        cells.push(("type", kind.into()));
    }
    let country = input.patch_text("country");
    if let Patch::Set(code) = &country
        && (code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        input.fault("country", "must be a country code of two letters (ISO 3166-1), for example US");
    }
    let parent_key = match input.optional_key("parent_key") {
        Some(parent) => Patch::Set(parent),
        None => Patch::Absent,
    };
    let insert_only = input.flag("insert_only", false);
    Some(Partner { key: key?, cells, country, parent_key, insert_only })
}

/// Adds a text column; cleared is an empty cell.
pub(super) fn push_text(cells: &mut Vec<(&'static str, String)>, column: &'static str, patch: Patch<String>) {
    match patch {
        Patch::Absent => {}
        Patch::Clear => cells.push((column, String::new())),
        Patch::Set(text) => cells.push((column, text)),
    }
}

pub(in crate::odoo) fn run(talk: &mut Talk<'_>, partners: &[Partner]) -> Said<Outcomes> {
    let module = talk.odoo.xid_module.clone();
    let items: Vec<Item> = partners.iter().enumerate().map(|(index, partner)| item(&module, index, partner)).collect();
    let xids: Vec<String> = items.iter().map(|item| item.xid.clone()).collect();
    let results = load::run(talk, "res.partner", items)?;
    Ok(accepted(results, &xids))
}

/// Each loaded record with its id and external id.
pub(super) fn accepted(results: load::Results, xids: &[String]) -> Outcomes {
    let outcome = |(result, xid): (Result<i64, Outcome>, &String)| match result {
        Ok(id) => Outcome::Accepted { result: Value::map([("id", Value::from(id)), ("xid", xid.into())]) },
        Err(outcome) => outcome,
    };
    results.into_iter().zip(xids).map(outcome).collect()
}

fn item(module: &str, index: usize, partner: &Partner) -> Item {
    let mut cells = partner.cells.clone();
    let mut needs = Vec::new();
    match &partner.country {
        Patch::Absent => {}
        Patch::Clear => cells.push(("country_id/id", String::new())),
        Patch::Set(code) => {
            let country = country_xid(code);
            needs.push((country.clone(), format!("Odoo knows no country {code}: correct the code, then resume")));
            cells.push(("country_id/id", country));
        }
    }
    if let Patch::Set(parent) = &partner.parent_key {
        let parent_xid = xid(module, "res.partner", &[parent]);
        let advice = format!("its parent {parent} is not in Odoo: send partner.upsert for {parent} first, then resume");
        needs.push((parent_xid.clone(), advice));
        cells.push(("parent_id/id", parent_xid));
    }
    let (columns, cells) = cells.into_iter().unzip();
    Item {
        index,
        what: format!("partner {}", partner.key),
        xid: xid(module, "res.partner", &[&partner.key]),
        columns,
        rows: vec![cells],
        insert_only: partner.insert_only,
        rank: u8::from(matches!(partner.parent_key, Patch::Set(_))),
        needs,
    }
}

/// Odoo names its countries `base.<code>`, the United Kingdom after its internet domain.
fn country_xid(code: &str) -> String {
    match code.to_ascii_lowercase().as_str() {
        "gb" => "base.uk".into(),
        code => format!("base.{code}"),
    }
}
