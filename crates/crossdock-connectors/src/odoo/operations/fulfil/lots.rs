//! Lot and serial numbers of a shipment: the lines below a move, written so that writing them again changes nothing.

use crossdock_core::value::{Decimal, Value};

use super::plan::{Plan, Ship};
use super::{Ask, Picking, Record, Said, Talk, all, is_in, refused};
use crate::odoo::call::{change, delete, is, make};

/// The lots that are named, as Odoo knows them.
pub(super) fn look_up(talk: &mut Talk<'_>, plan: &Plan) -> Said<Vec<Value>> {
    let ships = with_lots(plan);
    if ships.is_empty() {
        return Ok(Vec::new());
    }
    let products: Vec<i64> = ships.iter().map(|ship| ship.product).collect();
    let names = ships.iter().flat_map(|ship| &ship.lots).map(|(lot, _)| lot.as_str());
    let domain = all([is("name", "in", Value::list(names)), is_in("product_id", &products)]);
    let ask = Ask::search("stock.lot", domain, &["name", "product_id"]).doing("looking for the lots shipped");
    let lots = talk.search(ask)?;
    for ship in ships {
        wanted(ship, &lots)?;
    }
    Ok(lots)
}

/// For each move whose lots are named, the commands for its lines.
pub(super) fn commands(talk: &mut Talk<'_>, picking: &Picking, plan: &Plan, lots: &[Value]) -> Said<Vec<(i64, Value)>> {
    let ships = with_lots(plan);
    if ships.is_empty() {
        return Ok(Vec::new());
    }
    let moves: Vec<i64> = ships.iter().map(|ship| ship.stock_move).collect();
    let ask = Ask::search("stock.move.line", all([is_in("move_id", &moves)]), &["move_id", "lot_id", "quantity"]);
    let lines = talk.search(ask.with("order", "id").doing(format!("reading the lots of {}", picking.name)))?;
    let mut commands = Vec::new();
    for ship in ships {
        let present = lines.iter().filter(|line| line.link("move_id") == Some(ship.stock_move));
        commands.push((ship.stock_move, for_move(picking, ship, wanted(ship, lots)?, present)));
    }
    Ok(commands)
}

fn with_lots(plan: &Plan) -> Vec<&Ship> {
    plan.ships.iter().filter(|ship| !ship.lots.is_empty()).collect()
}

fn wanted(ship: &Ship, lots: &[Value]) -> Said<Vec<(i64, Decimal)>> {
    let mut wanted = Vec::new();
    for (name, quantity) in &ship.lots {
        let is_it = |lot: &&Value| lot.text("name") == name && lot.link("product_id") == Some(ship.product);
        let Some(lot) = lots.iter().find(is_it) else {
            return refused(format!(
                "lot {name} of SKU {} does not exist in Odoo: receive it there or correct the shipment, then resume",
                ship.sku
            ));
        };
        wanted.push((lot.id(), *quantity));
    }
    Ok(wanted)
}

/// Lines of a wanted lot are kept with their quantity, others go, missing ones are made.
fn for_move<'a>(
    picking: &Picking,
    ship: &Ship,
    mut wanted: Vec<(i64, Decimal)>,
    present: impl Iterator<Item = &'a Value>,
) -> Value {
    let mut commands = Vec::new();
    for line in present {
        let place = wanted.iter().position(|(lot, _)| line.link("lot_id") == Some(*lot));
        commands.push(match place.map(|place| wanted.remove(place)) {
            Some((_, quantity)) => {
                let vals = Value::map([("quantity", Value::from(quantity)), ("picked", true.into())]);
                change(line.id(), vals)
            }
            None => delete(line.id()),
        });
    }
    for (lot, quantity) in wanted {
        commands.push(make(Value::map([
            ("picking_id", Value::from(picking.id)),
            ("product_id", ship.product.into()),
            ("lot_id", lot.into()),
            ("quantity", quantity.into()),
            ("picked", true.into()),
        ])));
    }
    commands.into()
}
