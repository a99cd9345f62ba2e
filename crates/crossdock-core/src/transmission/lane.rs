//! Lanes: what waits for one system, apart by how urgent it is, by operation and by group. What may not go now (an
//! operation at its limit, a group whose writer is busy) then hides nothing that may, however much of it waits.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Transmission;

/// How urgent a flow's work is. Critical work goes before normal, normal before batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Somebody stands at a door or a dock and waits for it.
    Critical,
    /// Everyday work.
    #[default]
    Normal,
    /// Much at once that nobody waits for: price lists, catalogues, yesterday's figures.
    Batch,
}

impl Criticality {
    /// Every class, the most urgent first.
    pub const ALL: [Criticality; 3] = [Criticality::Critical, Criticality::Normal, Criticality::Batch];

    /// As the configuration writes it.
    pub fn word(self) -> &'static str {
        match self {
            Criticality::Critical => "critical",
            Criticality::Normal => "normal",
            Criticality::Batch => "batch",
        }
    }

    /// 0 for the most urgent.
    pub fn rank(self) -> usize {
        match self {
            Criticality::Critical => 0,
            Criticality::Normal => 1,
            Criticality::Batch => 2,
        }
    }

    pub(super) fn is_normal(&self) -> bool {
        *self == Criticality::Normal
    }
}

/// What transmissions of different keys have in common at their system: a warehouse whose stock they all change, a
/// customer whose rate they share. A system's limits hold for each group by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// What kind of group: limits are configured by kind.
    pub kind: String,
    /// Which one; empty for all that name none.
    pub key: String,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

/// The name of a lane: `<rank>/<operation>/<group>`. Lanes of one class sort together.
pub fn name(criticality: Criticality, operation: &str, group: Option<&Group>) -> String {
    let rank = criticality.rank();
    match group {
        Some(group) => format!("{rank}/{operation}/{group}"),
        None => format!("{rank}/{operation}/"),
    }
}

impl Transmission {
    /// The lane it waits in.
    pub fn lane(&self) -> String {
        name(self.criticality, &self.operation, self.group.as_ref())
    }
}

/// Which heads of lines to read: of each class some lanes, of each lane some heads. Bounded however much waits (I10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// By rank of class: the lanes begin behind this one and go round; empty for the beginning.
    pub behind: [String; 3],
    /// At most this many lanes of each class.
    pub lanes_max: usize,
    /// At most this many heads of each class, shared by its lanes, but at least one of each, besides those under way.
    pub heads_max: usize,
    /// Heads under way, by lane: the store may still hold them as owed.
    pub under_way: BTreeMap<String, usize>,
}

impl Look {
    /// How many heads of a lane to read when a class has so many lanes.
    pub fn of_each(&self, lanes: usize, lane: &str) -> usize {
        let share = (self.heads_max / lanes.max(1)).max(1);
        share + self.under_way.get(lane).copied().unwrap_or(0)
    }
}

/// Heads of one lane, in the order of their turns.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneHeads {
    /// The lane's name.
    pub lane: String,
    /// Those that are due, whoever has waited longest for a turn first.
    pub heads: Vec<Transmission>,
    /// There may be more that are due.
    pub is_cut: bool,
}
