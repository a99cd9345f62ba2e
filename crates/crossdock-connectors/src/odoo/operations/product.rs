//! `product.upsert`: products.

use crossdock_core::model::shape::{Shape, boolean, code, decimal, measured, text};

use super::partner::{accepted, push_text};
use super::{Input, Item, Outcomes, Said, Talk, load};
use crate::odoo::input::Patch;
use crate::odoo::xid::xid;

/// Input of `product.upsert`. An absent field is left as it is, `null` clears it.
#[derive(Clone, Debug)]
pub(in crate::odoo) struct Product {
    key: String,
    cells: Vec<(&'static str, String)>,
    insert_only: bool,
}

const POLICIES: &[&str] = &["order", "delivery"];
const TRACKING: &[&str] = &["none", "lot", "serial"];

pub(super) const INPUT: Shape = Shape::of(&[
    text("key", "The hub's key of the product.").required(),
    text("name", "Its name.").required(),
    text("default_code", "Internal reference; the key when absent."),
    text("barcode", "Barcode, GTIN."),
    boolean("storable", "Its stock is counted."),
    measured("weight", "KGM", "Weight of one, kilogram."),
    decimal("list_price", "Sales price of one."),
    code("invoice_policy", POLICIES, "Whether what was ordered or what was delivered is invoiced."),
    code("tracking", TRACKING, "How its stock is tracked."),
    text("uom", "Its unit, UN/ECE Recommendation 20, or the external id of a unit in Odoo."),
    boolean("insert_only", "Leave it alone when it is there already."),
]);

pub(in crate::odoo) fn read(input: &Input<'_>) -> Option<Product> {
    let key = input.key("key");
    let mut cells = Vec::new();
    if let Some(name) = input.text("name") {
        cells.push(("name", name));
    }
    // The internal reference is how deliveries find their products, so it is the key unless told otherwise.
    match input.patch_text("default_code") {
        Patch::Absent => cells.extend(key.clone().map(|key| ("default_code", key))),
        patch => push_text(&mut cells, "default_code", patch),
    }
    push_text(&mut cells, "barcode", input.patch_text("barcode"));
    if let Patch::Set(storable) = input.patch_flag("storable") {
        cells.push(("type", "consu".into()));
        cells.push(("is_storable", if storable { "1" } else { "0" }.into()));
    }
    for column in ["weight", "list_price"] {
        match input.patch_decimal(column) {
            Patch::Absent => {}
            Patch::Clear => cells.push((column, "0".into())),
            Patch::Set(number) => cells.push((column, number.to_string())),
        }
    }
    for (column, words) in [("invoice_policy", POLICIES), ("tracking", TRACKING)] {
        if let Patch::Set(word) = input.patch_choice(column, words) {
            cells.push((column, word.into()));
        }
    }
    if let Some(unit) = input.optional_text("uom") {
        match unit_xid(&unit) {
            Some(unit) => cells.push(("uom_id/id", unit)),
            None => input.fault(
                "uom",
                format!(
                    "{unit} is no unit code known here ({}); write the external id of the unit in Odoo instead, for \
                     example uom.product_uom_unit",
                    UNITS.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(", ")
                ),
            ),
        }
    }
    let insert_only = input.flag("insert_only", false);
    Some(Product { key: key?, cells, insert_only })
}

pub(in crate::odoo) fn run(talk: &mut Talk<'_>, products: &[Product]) -> Said<Outcomes> {
    let module = talk.odoo.xid_module.clone();
    let items: Vec<Item> = products.iter().enumerate().map(|(index, product)| item(&module, index, product)).collect();
    let xids: Vec<String> = items.iter().map(|item| item.xid.clone()).collect();
    let results = load::run(talk, "product.product", items)?;
    Ok(accepted(results, &xids))
}

fn item(module: &str, index: usize, product: &Product) -> Item {
    let (columns, cells): (Vec<&str>, Vec<String>) = product.cells.iter().cloned().unzip();
    let unit = columns.iter().position(|column| *column == "uom_id/id").map(|place| cells[place].clone());
    let advice = |unit: &String| format!("Odoo has no unit {unit}: create it or map another, then resume");
    Item {
        index,
        what: format!("product {}", product.key),
        xid: xid(module, "product.product", &[&product.key]),
        needs: unit.iter().map(|unit| (unit.clone(), advice(unit))).collect(),
        columns,
        rows: vec![cells],
        insert_only: product.insert_only,
        rank: 0,
    }
}

/// Codes of UN/ECE Recommendation 20 and Odoo's units.
const UNITS: &[(&str, &str)] = &[
    ("C62", "uom.product_uom_unit"),
    ("EA", "uom.product_uom_unit"),
    ("H87", "uom.product_uom_unit"),
    ("DZN", "uom.product_uom_dozen"),
    ("GRM", "uom.product_uom_gram"),
    ("KGM", "uom.product_uom_kgm"),
    ("TNE", "uom.product_uom_ton"),
    ("ONZ", "uom.product_uom_oz"),
    ("LBR", "uom.product_uom_lb"),
    ("MLT", "uom.product_uom_milliliter"),
    ("LTR", "uom.product_uom_litre"),
    ("MTQ", "uom.product_uom_cubic_meter"),
    ("MMT", "uom.product_uom_millimeter"),
    ("CMT", "uom.product_uom_cm"),
    ("MTR", "uom.product_uom_meter"),
    ("KMT", "uom.product_uom_km"),
    ("MTK", "uom.product_uom_square_meter"),
    ("MIN", "uom.product_uom_minute"),
    ("HUR", "uom.product_uom_hour"),
    ("DAY", "uom.product_uom_day"),
];

fn unit_xid(unit: &str) -> Option<String> {
    if unit.contains('.') {
        return Some(unit.to_owned());
    }
    UNITS.iter().find(|(code, _)| *code == unit).map(|(_, xid)| (*xid).to_owned())
}
