//! Which of a delivery's moves take a shipment's lines. No question is asked here.

use crossdock_core::value::{Decimal, Value};

use super::Line;
use crate::odoo::talk::Record;

/// An open line of a delivery.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub id: i64,
    pub picking: i64,
    pub product: i64,
    pub sku: String,
    pub demand: Decimal,
    pub reserved: Decimal,
    /// Its unit, when that is not the product's own.
    pub other_unit: Option<String>,
    /// Whether the product is followed by lot or serial number.
    pub is_tracked: bool,
    /// Waits for a transfer before it.
    pub waits: bool,
}

impl Move {
    pub fn of(record: &Value, products: &[Value]) -> Self {
        let number = |field: &str| record.get(field).and_then(Value::as_decimal).unwrap_or_default();
        let product = record.link("product_id").unwrap_or_default();
        let own_unit = products.iter().find(|other| other.id() == product).and_then(|product| product.link("uom_id"));
        let is_own_unit = record.link("product_uom") == own_unit;
        Self {
            id: record.id(),
            picking: record.link("picking_id").unwrap_or_default(),
            product,
            sku: sku_of(record, products),
            demand: number("product_uom_qty"),
            reserved: number("quantity"),
            other_unit: (!is_own_unit).then(|| record.link_name("product_uom").to_owned()),
            is_tracked: !matches!(record.text("has_tracking"), "" | "none"),
            waits: record.text("state") == "waiting" && !record.links("move_orig_ids").is_empty(),
        }
    }
}

/// The SKU of a record's product; a product without one goes by Odoo's name for it.
pub(super) fn sku_of(record: &Value, products: &[Value]) -> String {
    let product = record.link("product_id").unwrap_or_default();
    let sku = products.iter().find(|other| other.id() == product).map(|product| product.text("default_code"));
    match sku {
        Some(sku) if !sku.is_empty() => sku.to_owned(),
        _ => record.link_name("product_id").to_owned(),
    }
}

/// What to do with each move of the chosen delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub ships: Vec<Ship>,
    /// Moves of which nothing left.
    pub rest: Vec<i64>,
}

impl Plan {
    /// Whether Odoo has reserved enough, or lots are named, which are taken wherever they are.
    pub fn is_reserved(&self) -> bool {
        self.ships.iter().all(|ship| !ship.lots.is_empty() || ship.reserved >= ship.quantity)
    }
}

/// What leaves of one move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ship {
    pub stock_move: i64,
    pub product: i64,
    pub sku: String,
    pub quantity: Decimal,
    pub reserved: Decimal,
    /// Lot or serial numbers with their quantities; empty when the product has none or Odoo may choose.
    pub lots: Vec<(String, Decimal)>,
}

/// Why a delivery does not take a shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    NotThere { sku: String },
    TooMany { sku: String, shipped: Decimal, open: Decimal },
    OtherUnit { sku: String, unit: String },
    SomeLots { sku: String },
    Waits { sku: String },
}

impl Misfit {
    /// Among several deliveries, the one that came closest is spoken of.
    pub fn rank(&self) -> u8 {
        match self {
            Misfit::Waits { .. } => 0,
            Misfit::OtherUnit { .. } => 1,
            Misfit::SomeLots { .. } => 2,
            Misfit::TooMany { .. } => 3,
            Misfit::NotThere { .. } => 4,
        }
    }
}

/// Spreads the lines over the moves of one delivery, in their order.
pub(super) fn fit(lines: &[Line], moves: Vec<Move>) -> Result<Plan, Misfit> {
    let mut ships: Vec<Ship> = Vec::new();
    for (sku, shipped) in per_sku(lines.iter().map(|line| (line.sku.clone(), line.quantity))) {
        let own: Vec<&Move> = moves.iter().filter(|stock_move| stock_move.sku == sku).collect();
        let open: Decimal = own.iter().map(|stock_move| stock_move.demand).sum();
        let Some(first) = own.first() else { return Err(Misfit::NotThere { sku }) };
        if let Some(unit) = own.iter().find_map(|stock_move| stock_move.other_unit.clone()) {
            return Err(Misfit::OtherUnit { sku, unit });
        }
        if shipped > open {
            return Err(Misfit::TooMany { sku, shipped: shipped.normalize(), open: open.normalize() });
        }
        if own.iter().all(|stock_move| stock_move.waits) {
            return Err(Misfit::Waits { sku });
        }
        let mut parts = parts(lines, &sku, first.is_tracked)?;
        for stock_move in own {
            ships.extend(take(&mut parts, stock_move));
        }
    }
    let is_shipped = |stock_move: &Move| ships.iter().any(|ship| ship.stock_move == stock_move.id);
    let rest = moves.iter().filter(|stock_move| !is_shipped(stock_move)).map(|stock_move| stock_move.id).collect();
    Ok(Plan { ships, rest })
}

/// The quantities of one SKU, lot by lot when the product has lots.
fn parts(lines: &[Line], sku: &str, is_tracked: bool) -> Result<Vec<(Option<String>, Decimal)>, Misfit> {
    let lines = || lines.iter().filter(|line| line.sku == sku);
    let with_lot = lines().filter(|line| line.lot.is_some()).count();
    if !is_tracked || with_lot == 0 {
        return Ok(vec![(None, lines().map(|line| line.quantity).sum())]);
    }
    if with_lot < lines().count() {
        return Err(Misfit::SomeLots { sku: sku.to_owned() });
    }
    let per_lot = per_sku(lines().filter_map(|line| Some((line.lot.clone()?, line.quantity))));
    Ok(per_lot.into_iter().map(|(lot, quantity)| (Some(lot), quantity)).collect())
}

/// Takes from `parts` as much as the move has room for.
fn take(parts: &mut Vec<(Option<String>, Decimal)>, stock_move: &Move) -> Option<Ship> {
    let mut room = stock_move.demand;
    let mut ship = Ship {
        stock_move: stock_move.id,
        product: stock_move.product,
        sku: stock_move.sku.clone(),
        quantity: Decimal::ZERO,
        reserved: stock_move.reserved,
        lots: Vec::new(),
    };
    while room > Decimal::ZERO && !parts.is_empty() {
        let (lot, left) = &mut parts[0];
        let taken = room.min(*left);
        room -= taken;
        *left -= taken;
        ship.quantity += taken;
        if let Some(lot) = lot {
            ship.lots.push((lot.clone(), taken));
        }
        if left.is_zero() {
            parts.remove(0);
        }
    }
    (ship.quantity > Decimal::ZERO).then_some(ship)
}

/// Sums per name, in the order of first appearance.
pub(super) fn per_sku(items: impl Iterator<Item = (String, Decimal)>) -> Vec<(String, Decimal)> {
    let mut sums: Vec<(String, Decimal)> = Vec::new();
    for (name, quantity) in items {
        match sums.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += quantity,
            None => sums.push((name, quantity)),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: i64, lot: Option<&str>) -> Line {
        Line { sku: sku.into(), quantity: quantity.into(), lot: lot.map(str::to_owned) }
    }

    fn stock_move(id: i64, sku: &str, demand: i64) -> Move {
        Move {
            id,
            picking: 1,
            product: id,
            sku: sku.into(),
            demand: demand.into(),
            reserved: demand.into(),
            other_unit: None,
            is_tracked: sku.starts_with('L'),
            waits: false,
        }
    }

    fn shown(plan: &Plan) -> String {
        let ships = plan.ships.iter().map(|ship| {
            let lots: Vec<String> = ship.lots.iter().map(|(lot, quantity)| format!("{lot}:{quantity}")).collect();
            format!("{}={}{}", ship.stock_move, ship.quantity, lots.join("+"))
        });
        format!("{} rest {:?}", ships.collect::<Vec<_>>().join(" "), plan.rest)
    }

    fn check(lines: &[Line], moves: Vec<Move>, expect: &str) {
        let found = match fit(lines, moves) {
            Ok(plan) => shown(&plan),
            Err(misfit) => format!("{misfit:?}"),
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn lines_are_spread_over_the_moves_of_their_product() {
        let moves = || vec![stock_move(1, "W1", 5), stock_move(2, "W2", 4), stock_move(3, "W1", 3)];
        check(&[line("W1", 5, None)], moves(), "1=5 rest [2, 3]");
        check(&[line("W1", 4, None), line("W2", 1, None), line("W1", 3, None)], moves(), "1=5 3=2 2=1 rest []");
        check(&[line("W1", 9, None)], moves(), r#"TooMany { sku: "W1", shipped: 9, open: 8 }"#);
        check(&[line("w1", 1, None)], moves(), r#"NotThere { sku: "w1" }"#);
    }

    #[test]
    fn lots_are_spread_too_and_are_all_given_or_none() {
        let moves = || vec![stock_move(1, "L1", 2), stock_move(2, "L1", 6)];
        check(&[line("L1", 3, Some("A")), line("L1", 2, Some("B"))], moves(), "1=2A:2 2=3A:1+B:2 rest []");
        check(&[line("L1", 5, None)], moves(), "1=2 2=3 rest []");
        check(&[line("L1", 3, Some("A")), line("L1", 2, None)], moves(), r#"SomeLots { sku: "L1" }"#);
        check(&[line("W1", 3, Some("A"))], vec![stock_move(1, "W1", 3)], "1=3 rest []");
    }
}
