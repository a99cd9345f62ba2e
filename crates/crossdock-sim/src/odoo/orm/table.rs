//! Rows in memory, with an index for every relation and a log that takes back what a failed call did. A change
//! copies one row, never a table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cell::{Cell, Key};
use crate::odoo::registry::{Model, Name, Registry};

/// One record: its cells in the order of the model's fields.
pub type Row = Arc<Vec<Cell>>;

/// The records of one model.
#[derive(Clone, Debug, Default)]
struct Table {
    rows: BTreeMap<i64, Row>,
    /// Like a database sequence: never goes back, so ids have gaps after a failed call.
    last_id: i64,
    /// By slot, then by content.
    indexes: BTreeMap<usize, BTreeMap<Key, BTreeSet<i64>>>,
}

/// All tables of a database.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    tables: BTreeMap<Name, Table>,
    undo: Vec<Undo>,
}

#[derive(Clone, Debug)]
enum Undo {
    Row { model: Name, id: i64, before: Option<Row> },
    Registry(Arc<Registry>),
}

/// A place in the log to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint(usize);

const EMPTY: Cell = Cell::Null;

impl Tables {
    /// Makes room for a model and its indexes.
    pub fn prepare(&mut self, model: &Model) {
        let table = self.tables.entry(model.name.clone()).or_default();
        for (slot, field) in model.fields.iter().enumerate() {
            if field.has_index() && !table.indexes.contains_key(&slot) {
                let mut index: BTreeMap<Key, BTreeSet<i64>> = BTreeMap::new();
                for (id, row) in &table.rows {
                    for key in row.get(slot).unwrap_or(&EMPTY).keys() {
                        index.entry(key).or_default().insert(*id);
                    }
                }
                table.indexes.insert(slot, index);
            }
        }
    }

    pub fn exists(&self, model: &str, id: i64) -> bool {
        self.tables.get(model).is_some_and(|table| table.rows.contains_key(&id))
    }

    pub fn row(&self, model: &str, id: i64) -> Option<&Row> {
        self.tables.get(model)?.rows.get(&id)
    }

    pub fn cell(&self, model: &str, id: i64, slot: usize) -> &Cell {
        self.row(model, id).and_then(|row| row.get(slot)).unwrap_or(&EMPTY)
    }

    pub fn ids(&self, model: &str) -> impl Iterator<Item = i64> + '_ {
        self.tables.get(model).into_iter().flat_map(|table| table.rows.keys().copied())
    }

    /// The records whose indexed field has this content; `None` when there is no such index.
    pub fn find(&self, model: &str, slot: usize, key: &Key) -> Option<Vec<i64>> {
        let index = self.tables.get(model)?.indexes.get(&slot)?;
        Some(index.get(key).map(|ids| ids.iter().copied().collect()).unwrap_or_default())
    }

    /// Takes the next id of a model.
    pub fn next_id(&mut self, model: &str) -> i64 {
        let table = self.tables.entry(model.into()).or_default();
        table.last_id += 1;
        table.last_id
    }

    /// Puts a row in place of what was there.
    pub fn put(&mut self, model: &Name, id: i64, row: Option<Vec<Cell>>) {
        let before = self.swap(model, id, row.map(Arc::new));
        self.undo.push(Undo::Row { model: model.clone(), id, before });
    }

    fn swap(&mut self, model: &Name, id: i64, after: Option<Row>) -> Option<Row> {
        let table = self.tables.entry(model.clone()).or_default();
        table.last_id = table.last_id.max(id);
        let before = match after.clone() {
            Some(row) => table.rows.insert(id, row),
            None => table.rows.remove(&id),
        };
        for (slot, index) in &mut table.indexes {
            let old = before.as_ref().and_then(|row| row.get(*slot)).unwrap_or(&EMPTY);
            let new = after.as_ref().and_then(|row| row.get(*slot)).unwrap_or(&EMPTY);
            if old == new {
                continue;
            }
            for key in old.keys() {
                if let Some(ids) = index.get_mut(&key) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        index.remove(&key);
                    }
                }
            }
            for key in new.keys() {
                index.entry(key).or_default().insert(id);
            }
        }
        before
    }

    /// Notes the registry as it is before a change to it.
    pub fn note_registry(&mut self, registry: Arc<Registry>) {
        self.undo.push(Undo::Registry(registry));
    }

    /// The beginning of the transaction.
    pub fn beginning(&self) -> Savepoint {
        Savepoint(0)
    }

    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.undo.len())
    }

    /// Takes back everything since the savepoint. Gives the registry to go back to when it changed since.
    pub fn rollback(&mut self, savepoint: Savepoint) -> Option<Arc<Registry>> {
        let mut oldest = None;
        while self.undo.len() > savepoint.0 {
            match self.undo.pop() {
                Some(Undo::Row { model, id, before }) => {
                    self.swap(&model, id, before);
                }
                Some(Undo::Registry(registry)) => oldest = Some(registry),
                None => break,
            }
        }
        oldest
    }

    /// Everything since the start of the log is final.
    pub fn commit(&mut self) {
        self.undo.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odoo::registry::{Field, Kind, Source};

    fn model() -> Model {
        let mut model = Model::new("stop", "Stop");
        model.add(Field {
            name: "route_id".into(),
            label: "Route".into(),
            kind: Kind::Many2one("route".into()),
            source: Source::Stored,
            required: false,
            readonly: false,
            indexed: false,
            default: None,
        });
        model
    }

    #[test]
    fn a_rollback_takes_back_rows_and_indexes_but_not_ids() {
        let model = model();
        let mut tables = Tables::default();
        tables.prepare(&model);
        let first = tables.next_id("stop");
        tables.put(&model.name, first, Some(vec![Cell::Int(7)]));
        tables.commit();
        let savepoint = tables.savepoint();
        tables.put(&model.name, first, Some(vec![Cell::Int(8)]));
        let second = tables.next_id("stop");
        tables.put(&model.name, second, Some(vec![Cell::Int(7)]));
        assert_eq!(tables.find("stop", 0, &Key::Int(7)), Some(vec![second]));
        tables.rollback(savepoint);
        assert_eq!(tables.find("stop", 0, &Key::Int(7)), Some(vec![first]));
        assert_eq!(tables.find("stop", 0, &Key::Int(8)), Some(vec![]));
        assert_eq!(tables.next_id("stop"), second + 1);
        assert_eq!(tables.ids("stop").count(), 1);
    }
}
