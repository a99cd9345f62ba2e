//! Limits below the system's own: for one operation, and for each group of a kind. How many attempts may be under way,
//! and how many may begin in a time.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::pace::{Pace, PaceLimit};
use super::{Group, Transmission};

/// What one operation, or each group of a kind, may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateLimit {
    /// Attempts under way at once; as many as the system allows when absent.
    pub concurrency_max: Option<usize>,
    /// Attempts that may begin; a batch counts as one.
    pub pace: Option<PaceLimit>,
}

/// One limit in use.
#[derive(Clone, Debug)]
struct Gate {
    limit: GateLimit,
    pace: Pace,
    under_way: usize,
}

/// All limits below the system's, by operation and by kind of group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// By the operation's name.
    pub operations: BTreeMap<String, GateLimit>,
    /// By the kind of group; each group of the kind has it for itself.
    pub groups: BTreeMap<String, GateLimit>,
}

/// The limits of one system as they stand.
#[derive(Clone, Debug)]
pub struct Gates {
    limits: Limits,
    operations: HashMap<String, Gate>,
    /// Only groups that something is under way of, or whose pace is not full again.
    groups: HashMap<Group, Gate>,
}

/// Groups whose pace is remembered at most; past it those at rest are forgotten (I10).
const GROUPS_MAX: usize = 4_096;

/// Why an attempt may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// Not before then.
    Until(Timestamp),
    /// Not before something that is under way has ended.
    Busy,
}

impl Gates {
    /// Nothing is under way.
    pub fn new(limits: Limits) -> Self {
        Self { limits, operations: HashMap::new(), groups: HashMap::new() }
    }

    /// Whether an attempt at this may begin.
    ///
    /// # Errors
    /// What it has to wait for.
    pub fn ask(&mut self, first: &Transmission, now: Timestamp) -> Result<(), Shut> {
        if let Some(gate) = self.operation(&first.operation) {
            gate.ask(now)?;
        }
        first.group.as_ref().and_then(|group| self.group(group)).map_or(Ok(()), |gate| gate.ask(now))
    }

    /// An attempt at this begins.
    pub fn begin(&mut self, first: &Transmission, now: Timestamp) {
        if let Some(gate) = self.operation(&first.operation) {
            gate.begin(now);
        }
        if let Some(gate) = first.group.as_ref().and_then(|group| self.group(group)) {
            gate.begin(now);
        }
    }

    /// An attempt at this operation and group is over.
    pub fn end(&mut self, operation: &str, group: Option<&Group>, now: Timestamp) {
        if let Some(gate) = self.operations.get_mut(operation) {
            gate.under_way = gate.under_way.saturating_sub(1);
        }
        if let Some(gate) = group.and_then(|group| self.groups.get_mut(group)) {
            gate.under_way = gate.under_way.saturating_sub(1);
        }
        if self.groups.len() > GROUPS_MAX {
            self.groups.retain(|_, gate| gate.under_way > 0 || !gate.pace.is_full(now));
        }
    }

    fn operation(&mut self, name: &str) -> Option<&mut Gate> {
        let limit = *self.limits.operations.get(name)?;
        Some(self.operations.entry(name.to_owned()).or_insert_with(|| Gate::new(limit)))
    }

    fn group(&mut self, group: &Group) -> Option<&mut Gate> {
        let limit = *self.limits.groups.get(&group.kind)?;
        Some(self.groups.entry(group.clone()).or_insert_with(|| Gate::new(limit)))
    }
}

impl Gate {
    fn new(limit: GateLimit) -> Self {
        Self { limit, pace: Pace::new(limit.pace), under_way: 0 }
    }

    fn ask(&mut self, now: Timestamp) -> Result<(), Shut> {
        if self.limit.concurrency_max.is_some_and(|most| self.under_way >= most) {
            return Err(Shut::Busy);
        }
        self.pace.ready(now).map_err(Shut::Until)
    }

    fn begin(&mut self, now: Timestamp) {
        // Asked just before; what is begun without asking is counted all the same.
        let _ = self.pace.take(now);
        self.under_way += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, owed};
    use super::*;

    fn limit(concurrency_max: Option<usize>, per_s: Option<u64>) -> GateLimit {
        GateLimit { concurrency_max, pace: per_s.map(|per_s| PaceLimit { per_1000_s: per_s * 1000, burst: 1 }) }
    }

    fn of(operation: &str, warehouse: &str) -> Transmission {
        let group = Group { kind: "warehouse".into(), key: warehouse.into() };
        Transmission { operation: operation.into(), group: Some(group), ..owed() }
    }

    #[test]
    fn operation_and_group_must_both_allow_it() {
        let mut gates = Gates::new(Limits {
            operations: [("post".to_owned(), limit(Some(2), None))].into(),
            groups: [("warehouse".to_owned(), limit(Some(1), None))].into(),
        });
        let [a, b, c] = ["A", "B", "C"].map(|warehouse| of("post", warehouse));
        gates.begin(&a, at(0));
        assert_eq!(gates.ask(&a, at(0)), Err(Shut::Busy), "its warehouse has its writer");
        assert_eq!(gates.ask(&of("other", "A"), at(0)), Err(Shut::Busy), "whatever the operation");
        assert_eq!(gates.ask(&b, at(0)), Ok(()));
        gates.begin(&b, at(0));
        assert_eq!(gates.ask(&c, at(0)), Err(Shut::Busy), "two of the operation are out");
        assert_eq!(gates.ask(&of("other", "C"), at(0)), Ok(()));
        gates.end("post", a.group.as_ref(), at(0));
        assert_eq!((gates.ask(&a, at(0)), gates.ask(&c, at(0))), (Ok(()), Ok(())));
    }

    #[test]
    fn each_group_has_its_own_rate() {
        let groups = [("warehouse".to_owned(), limit(None, Some(1)))].into();
        let mut gates = Gates::new(Limits { operations: BTreeMap::new(), groups });
        let [a, b] = ["A", "B"].map(|warehouse| of("post", warehouse));
        gates.begin(&a, at(0));
        assert_eq!(gates.ask(&a, at(0)), Err(Shut::Until(at(1))));
        assert_eq!((gates.ask(&b, at(0)), gates.ask(&a, at(1))), (Ok(()), Ok(())));
    }

    #[test]
    fn groups_at_rest_are_forgotten() {
        let groups = [("warehouse".to_owned(), limit(Some(1), Some(1)))].into();
        let mut gates = Gates::new(Limits { operations: BTreeMap::new(), groups });
        for n in 0..3 * GROUPS_MAX as i64 {
            let one = of("post", &n.to_string());
            gates.begin(&one, at(n));
            gates.end("post", one.group.as_ref(), at(n));
        }
        assert!(gates.groups.len() <= GROUPS_MAX + 1, "{}", gates.groups.len());
    }
}
