//! What is removed because it was kept long enough. Its pages are used again by what comes.

use crossdock_core::ids::MessageId;
use rusqlite::params;

use super::apply::{Applier, Stop};
use super::ledger::Subject;
use crate::refusal;

impl Applier<'_> {
    /// Empties the body of a message that is decided, and writes down what is left of it.
    pub(super) fn remove_body(&mut self, id: MessageId, record: &str) -> Result<(), Stop> {
        let id_text = id.to_string();
        let written = self
            .statement(
                "INSERT OR IGNORE INTO removed_bodies (position, record)
                 SELECT m.position, ?2 FROM messages m JOIN message_outcomes o ON o.position = m.position
                 WHERE m.id = ?1 AND o.state IN ('translated', 'ignored')",
            )?
            .execute(params![id_text, record])?;
        if written == 0 {
            return Err(Stop::Refused(refusal::message(id)));
        }
        self.write("UPDATE messages SET body = x'' WHERE id = ?1", [id_text])
    }

    /// Of the oldest `limit` those from before an instant.
    pub(super) fn remove_rejections(&mut self, before: &str, limit: usize) -> Result<(), Stop> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let gone = self
            .statement(
                "DELETE FROM rejections WHERE number IN (
                     SELECT number FROM (SELECT number, at FROM rejections ORDER BY number LIMIT ?2) WHERE at < ?1)",
            )?
            .execute(params![before, limit])?;
        let gone = i64::try_from(gone).unwrap_or(i64::MAX);
        self.ledger.count(Subject::Rejections, None, "", -gone);
        Ok(())
    }
}
