//! Which state stands above which. Reports come late, twice and in any order; the state they lead to must not depend on
//! that. So states are given one order per entity, and the highest that was reported is the state:
//!
//! 1. Along the moves: what can only come later stands higher.
//! 2. Within a circle of moves (held and released, out for delivery and attempted) the later report stands higher.
//! 3. Between states of which neither leads to the other (cancelled, picked up) the table decides: further right.

use std::sync::LazyLock;

use jiff::Timestamp;

use super::{ENTITIES, EntityKind};

/// What the moves of one entity imply.
struct Order {
    /// For each state which states a row of moves leads to, one bit each.
    reach: Vec<u32>,
    /// For each state the first state of its circle; itself when it is in none.
    circle: Vec<usize>,
}

static ORDERS: LazyLock<Vec<Order>> = LazyLock::new(|| ENTITIES.iter().map(|kind| Order::of(kind)).collect());

impl Order {
    fn of(kind: &EntityKind) -> Self {
        let place = |name: &str| kind.states.iter().position(|state| *state == name);
        let moves: Vec<(usize, usize)> =
            kind.moves.iter().filter_map(|(from, to)| Some((place(from)?, place(to)?))).collect();
        let mut reach = vec![0u32; kind.states.len()];
        // Each round makes every known way one move longer.
        for _ in 0..kind.states.len() {
            for &(from, to) in &moves {
                reach[from] |= 1 << to | reach[to];
            }
        }
        let leads = |from: usize, to: usize| reach[from] & 1 << to != 0;
        let first = |state: usize| (0..state).find(|&other| leads(state, other) && leads(other, state));
        let circle = (0..kind.states.len()).map(|state| first(state).unwrap_or(state)).collect();
        Self { reach, circle }
    }
}

/// Where a reported state stands. The highest of all reports is the entity's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    circle: usize,
    at: Timestamp,
    place: usize,
}

impl EntityKind {
    /// Whether a row of allowed moves leads from one state to another.
    pub fn leads(&self, from: &str, to: &str) -> bool {
        match (self.order(), self.place(from), self.place(to)) {
            (Some(order), Some(from), Some(to)) => order.reach[from] & 1 << to != 0,
            _ => false,
        }
    }

    /// Whether going from one state to another would undo what is known: the other stands lower, and no move leads to it.
    pub fn regresses(&self, from: &str, to: &str) -> bool {
        match (self.order(), self.place(from), self.place(to)) {
            (Some(order), Some(from), Some(to)) => order.circle[to] < order.circle[from],
            _ => false,
        }
    }

    pub(super) fn standing(&self, state: &str, at: Timestamp) -> Option<Standing> {
        let place = self.place(state)?;
        Some(Standing { circle: self.order()?.circle[place], at, place })
    }

    fn place(&self, state: &str) -> Option<usize> {
        self.states.iter().position(|known| *known == state)
    }

    fn order(&self) -> Option<&'static Order> {
        let n = ENTITIES.iter().position(|kind| std::ptr::eq(*kind, self))?;
        ORDERS.get(n)
    }
}
