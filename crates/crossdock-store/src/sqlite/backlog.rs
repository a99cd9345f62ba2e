//! Where the messages are that were accepted lately and are not decided yet: the writer decides most of them while it
//! still knows, and need not look them up.

use std::collections::HashMap;

use crossdock_core::ids::{MessageId, SystemName};

/// Messages remembered; further ones are looked up in the database when their turn comes.
const REMEMBERED_MAX: usize = 1 << 16;

/// Where a message is in the log.
#[derive(Debug)]
pub struct Place {
    pub position: i64,
    pub system: SystemName,
}

/// Messages that wait. What is here waits; what is not here may wait, too.
#[derive(Default)]
pub struct Backlog {
    places: HashMap<MessageId, Place>,
    /// Added in the transaction under way.
    fresh: Vec<MessageId>,
}

impl Backlog {
    pub fn add(&mut self, id: MessageId, position: i64, system: &SystemName) {
        if self.places.len() < REMEMBERED_MAX {
            self.places.insert(id, Place { position, system: system.clone() });
            self.fresh.push(id);
        }
    }

    /// Forgets and returns where a message is, because it is being decided. When that is taken back, the message is
    /// looked up next time.
    pub fn take(&mut self, id: MessageId) -> Option<Place> {
        self.places.remove(&id)
    }

    /// How many were added in the transaction under way.
    pub fn len(&self) -> usize {
        self.fresh.len()
    }

    /// Takes back what was added since there were `len`.
    pub fn truncate(&mut self, len: usize) {
        for id in self.fresh.drain(len..) {
            self.places.remove(&id);
        }
    }

    pub fn committed(&mut self) {
        self.fresh.clear();
    }
}
