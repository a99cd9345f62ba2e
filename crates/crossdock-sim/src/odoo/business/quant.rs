//! What lies where, and how much of it is promised.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::round;
use super::super::orm::{Cell, Env, Values};
use super::{id_in, moves, product, reserve};

const MODEL: &str = "stock.quant";
/// What an inventory may say about a quant.
const INVENTORY_FIELDS: [&str; 5] =
    ["inventory_quantity", "inventory_quantity_auto_apply", "inventory_date", "user_id", "inventory_quantity_set"];

/// Goods of one kind in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub product: i64,
    pub place: i64,
    pub lot: Option<i64>,
}

pub fn before_create(values: &mut Values) -> Outcome<()> {
    if values.contains_key("inventory_quantity") {
        values.insert("inventory_quantity_set".into(), true.into());
    }
    Ok(())
}

/// Through the API, only an inventory may touch quants.
pub fn before_write(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let restricted = env.flag("inventory_mode") && values.keys().any(|name| !INVENTORY_FIELDS.contains(&name.as_str()));
    if restricted {
        return Err(Fault::user("Quant's editing is restricted, you can't do this operation."));
    }
    if values.contains_key("inventory_quantity") {
        values.insert("inventory_quantity_set".into(), true.into());
    }
    Ok(())
}

/// How far the count is from what is there.
pub fn recompute(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let counted = env.yes(MODEL, id, "inventory_quantity_set");
    let difference = env.number(MODEL, id, "inventory_quantity") - env.number(MODEL, id, "quantity");
    let difference = if counted { round(difference, 2) } else { 0.0 };
    env.store(MODEL, id, &[("inventory_diff_quantity", Cell::Float(difference))])
}

/// `create` of an inventory: the quant that is there is counted, else a new one is made.
pub fn count(env: &mut Env<'_>, values: Values) -> Outcome<i64> {
    let counting =
        ["inventory_quantity", "inventory_quantity_auto_apply"].iter().find(|name| values.contains_key(**name));
    let (Some(counting), true) = (counting, env.flag("inventory_mode")) else {
        return env.create_record(MODEL, values);
    };
    let (Some(item), Some(place)) = (id_in(&values, "product_id"), id_in(&values, "location_id")) else {
        return env.create_record(MODEL, values);
    };
    let spot = Spot { product: item, place, lot: id_in(&values, "lot_id") };
    let quantity = values.get(*counting).cloned().unwrap_or(Json::Null);
    if env.exists("product.product", item) && !product::is_storable(env, item) {
        return Err(Fault::validation("Quants cannot be created for consumables or services."));
    }
    match find(env, spot) {
        Some(id) => {
            env.write(MODEL, &[id], json!({ *counting: quantity }))?;
            Ok(id)
        }
        None => {
            let mut fresh = values;
            let immediately = fresh.remove("inventory_quantity_auto_apply");
            let id = env.create_record(MODEL, fresh)?;
            if let Some(quantity) = immediately {
                env.write(MODEL, &[id], json!({"inventory_quantity_auto_apply": quantity}))?;
            }
            Ok(id)
        }
    }
}

/// `action_apply_inventory`: what was counted becomes what is there. Applied again without a new count, the count is
/// nothing, and so is the stock afterwards: a real Odoo 19 does just that.
pub fn apply(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    let loss = env.all("stock.location", json!([["usage", "=", "inventory"]])).first().copied();
    let mut made = Vec::new();
    for id in ids {
        env.must_exist(MODEL, *id)?;
        let difference = round(env.number(MODEL, *id, "inventory_quantity") - env.number(MODEL, *id, "quantity"), 2);
        let here = env.link(MODEL, *id, "location_id");
        let (from, to) = if difference > 0.0 { (loss, here) } else { (here, loss) };
        let item = env.link(MODEL, *id, "product_id");
        let goods = env.create(
            "stock.move",
            json!({
                "product_id": item,
                "product_uom": item.and_then(|item| env.link("product.product", item, "uom_id")),
                "product_uom_qty": difference.abs(),
                "location_id": from,
                "location_dest_id": to,
                "is_inventory": true,
                "state": "confirmed",
                "reference": "Product Quantity Updated",
            }),
        )?;
        moves::add_line(env, goods, difference.abs(), from.unwrap_or(0), env.link(MODEL, *id, "lot_id"), true)?;
        made.push(goods);
    }
    moves::finish(env, &made)?;
    for id in ids {
        let cleared = [
            ("inventory_quantity", Cell::Float(0.0)),
            ("inventory_quantity_set", Cell::Bool(false)),
            ("inventory_diff_quantity", Cell::Float(0.0)),
        ];
        env.store(MODEL, *id, &cleared)?;
    }
    reserve::trigger(env, &made)
}

/// Whether a quant lies in a place of the company's own.
pub fn is_internal(env: &Env<'_>, id: i64) -> bool {
    env.link(MODEL, id, "location_id").is_some_and(|place| is_own_place(env, place))
}

pub fn is_own_place(env: &Env<'_>, place: i64) -> bool {
    matches!(env.text("stock.location", place, "usage").as_str(), "internal" | "transit")
}

/// Places that never run out and are not reserved from.
pub fn is_bottomless(env: &Env<'_>, place: i64) -> bool {
    matches!(env.text("stock.location", place, "usage").as_str(), "supplier" | "customer" | "inventory" | "production")
}

/// What is there and not promised, for a move.
pub fn free(env: &Env<'_>, goods: i64) -> f64 {
    let (item, place) = (env.link("stock.move", goods, "product_id"), env.link("stock.move", goods, "location_id"));
    match (item, place) {
        (Some(item), Some(place)) => within(env, item, place).into_iter().map(|quant| unpromised(env, quant)).sum(),
        _ => 0.0,
    }
}

/// The quants of a product in a place and below it, first come first.
pub fn within(env: &Env<'_>, item: i64, place: i64) -> Vec<i64> {
    let mut found: Vec<i64> = env
        .referring(MODEL, "product_id", item)
        .into_iter()
        .filter(|quant| {
            env.link(MODEL, *quant, "location_id")
                .is_some_and(|at| at == place || env.ancestors("stock.location", at).contains(&place))
        })
        .collect();
    found.sort_by(|a, b| env.get(MODEL, *a, "in_date").order(&env.get(MODEL, *b, "in_date")).then(a.cmp(b)));
    found
}

pub fn unpromised(env: &Env<'_>, id: i64) -> f64 {
    round(env.number(MODEL, id, "quantity") - env.number(MODEL, id, "reserved_quantity"), 2)
}

pub fn find(env: &Env<'_>, spot: Spot) -> Option<i64> {
    env.referring(MODEL, "product_id", spot.product).into_iter().find(|quant| {
        env.link(MODEL, *quant, "location_id") == Some(spot.place) && env.link(MODEL, *quant, "lot_id") == spot.lot
    })
}

/// Changes what is there, and what is promised, in one place. Only storable products are counted.
pub fn change(env: &mut Env<'_>, spot: Spot, quantity: f64, reserved: f64) -> Outcome<()> {
    if !product::is_storable(env, spot.product) {
        return Ok(());
    }
    let Some(id) = find(env, spot) else {
        let values = json!({
            "product_id": spot.product,
            "location_id": spot.place,
            "lot_id": spot.lot,
            "quantity": quantity,
            "reserved_quantity": reserved,
        });
        return env.as_root(|env| env.create(MODEL, values)).map(|_| ());
    };
    let there = round(env.number(MODEL, id, "quantity") + quantity, 2);
    let promised = round(env.number(MODEL, id, "reserved_quantity") + reserved, 2).max(0.0);
    env.store(MODEL, id, &[("quantity", Cell::Float(there)), ("reserved_quantity", Cell::Float(promised))])
}
