//! What is removed because it was kept long enough.

use crossdock_core::ids::{MessageId, TransmissionId};
use crossdock_core::message::{MessageState, Removed};
use jiff::Timestamp;

use super::Inner;
use crate::port::CommitError;
use crate::refusal;

impl Inner {
    pub fn remove_body(&mut self, id: MessageId, removed: Removed) -> Result<(), CommitError> {
        let stored = self.tables.positions.get(&id).map(|position| self.tables.messages[position].clone());
        let may_go =
            |state: &MessageState| matches!(state, MessageState::Translated { .. } | MessageState::Ignored { .. });
        let Some(mut stored) = stored.filter(|stored| may_go(&stored.state) && stored.removed.is_none()) else {
            return Err(refusal::message(id));
        };
        stored.message.body = Vec::new();
        stored.removed = Some(removed);
        self.put(|t| &mut t.messages, stored.position, stored)
    }

    pub fn remove_attempts(&mut self, of: TransmissionId) -> Result<(), CommitError> {
        let gone: Vec<_> = self.tables.attempts.range((of, 0)..=(of, u64::MAX)).map(|(key, _)| *key).collect();
        gone.into_iter().try_for_each(|key| self.set(|t| &mut t.attempts, key, None))
    }

    pub fn remove_rejections(&mut self, before: Timestamp, limit: usize) -> Result<(), CommitError> {
        let oldest = self.tables.rejections.iter().take(limit);
        let gone: Vec<_> = oldest.filter(|(_, it)| it.at < before).map(|(number, _)| *number).collect();
        gone.into_iter().try_for_each(|number| self.set(|t| &mut t.rejections, number, None))
    }
}
