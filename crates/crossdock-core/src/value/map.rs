//! A map that keeps the order in which its keys were inserted.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::Value;

/// From this many entries on, a hash index serves the look-ups; below, comparing keys one by one is faster.
const INDEXED_FROM: usize = 16;

/// Keys and values in insertion order. Equal to another map with the same entries in any order.
#[derive(Clone, Default)]
pub struct Map {
    entries: Vec<(Arc<str>, Value)>,
    /// Position of each key, kept once there are [`INDEXED_FROM`] entries.
    #[expect(clippy::box_collection, reason = "keeps the many small maps small")]
    index: Option<Box<HashMap<Arc<str>, usize>>>,
}

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity), index: None }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|position| &self.entries[position].1)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.position(key).map(|position| &mut self.entries[position].1)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Adds the entry at the end, or replaces the value of a key that is there already (which keeps its place) and
    /// gives the old value.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) -> Option<Value> {
        let key = key.into();
        if let Some(position) = self.position(&key) {
            return Some(std::mem::replace(&mut self.entries[position].1, value));
        }
        self.push_new(key, value);
        None
    }

    /// Takes the entry out; the ones behind it move up.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let position = self.position(key)?;
        let (_, value) = self.entries.remove(position);
        self.index = None;
        self.index_if_large();
        Some(value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(key, _)| &**key)
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The entries with their shared keys.
    pub fn entries(&self) -> &[(Arc<str>, Value)] {
        &self.entries
    }

    /// Where `key` is. `hint` is the place where it was last time in a map of the same shape: most messages of one
    /// sender look alike, so it is usually right.
    pub(crate) fn position_hinted(&self, key: &str, hint: usize) -> Option<usize> {
        match self.entries.get(hint) {
            Some((found, _)) if &**found == key => Some(hint),
            _ => self.position(key),
        }
    }

    pub(crate) fn value_at(&self, position: usize) -> &Value {
        &self.entries[position].1
    }

    /// Adds an entry whose key is known not to be there yet.
    pub(crate) fn push_new(&mut self, key: Arc<str>, value: Value) {
        debug_assert!(!self.contains_key(&key));
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, value));
        self.index_if_large();
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|(candidate, _)| &**candidate == key),
        }
    }

    fn index_if_large(&mut self) {
        if self.index.is_none() && self.entries.len() >= INDEXED_FROM {
            let positions = self.entries.iter().enumerate().map(|(position, (key, _))| (key.clone(), position));
            self.index = Some(Box::new(positions.collect()));
        }
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl Eq for Map {}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value.into());
        }
        map
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a (Arc<str>, Value);
    type IntoIter = std::slice::Iter<'a, (Arc<str>, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}
