//! One changeset into the transaction under way: every guard is checked, every row written, or the first refusal is
//! returned and the caller takes the whole changeset back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossdock_core::changeset::{AuditRecord, ChainedAudit};
use crossdock_core::event::Reference;
use crossdock_core::exception::ExceptionStatus;
use crossdock_core::ids::{MessageId, SystemName};
use crossdock_core::record::Record;
use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::backlog::{Backlog, Place};
use super::dedup::{DedupIndex, FreshKeys, Written};
use super::encode::{
    AttemptRow, EncodeError, EntityRow, EventRow, ExceptionRow, MessageRow, Prepared, RejectionRow, Row, SuggestionRow,
    exception_row,
};
use super::ledger::{Ledger, Subject};
use super::read::ReadError;
use super::statement::{Statements, prepared};
use super::{lines, problem, read};
use crate::exceptions::seen_again;
use crate::port::CommitError;
use crate::refusal;

/// Why a changeset was not applied.
#[derive(Debug)]
pub enum Stop {
    /// One of its guards failed.
    Refused(CommitError),
    /// The database failed.
    Engine(rusqlite::Error),
}

impl From<EncodeError> for Stop {
    fn from(error: EncodeError) -> Self {
        Stop::Refused(CommitError::Unavailable(error.to_string()))
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Engine(error) => Stop::Engine(error),
            record => Stop::Refused(CommitError::Unavailable(record.to_string())),
        }
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Engine(error)
    }
}

/// Applies changesets within transactions that its owner begins and ends.
pub struct Applier<'c> {
    pub connection: &'c Connection,
    pub ledger: Ledger,
    statements: Statements<'c>,
    fresh: FreshKeys,
    backlog: Backlog,
    dedup: Arc<DedupIndex>,
    /// For sentences about errors.
    file: PathBuf,
}

impl<'c> Applier<'c> {
    pub fn new(connection: &'c Connection, dedup: Arc<DedupIndex>, file: &Path) -> rusqlite::Result<Self> {
        let ledger = Ledger::load(connection)?;
        let statements = Statements::new(connection);
        Ok(Self {
            connection,
            ledger,
            statements,
            fresh: FreshKeys::default(),
            backlog: Backlog::default(),
            dedup,
            file: file.to_owned(),
        })
    }

    /// Applies a changeset whole, or leaves no trace of it. After [`Stop::Engine`] the transaction must be rolled back.
    pub fn apply(&mut self, changeset: &Prepared) -> Result<(), Stop> {
        let (fresh, backlog) = (self.fresh.len(), self.backlog.len());
        // A lone message is refused before it has written anything, so it needs no savepoint.
        let guarded = !changeset.is_lone_message();
        if guarded {
            self.run("SAVEPOINT changeset")?;
        }
        let refusal = match changeset.rows.iter().try_for_each(|row| self.row(row)) {
            Ok(()) => {
                if guarded {
                    self.run("RELEASE changeset")?;
                }
                self.ledger.keep_draft();
                return Ok(());
            }
            Err(Stop::Refused(refusal)) => refusal,
            Err(Stop::Engine(error)) if guarded && !problem::is_fatal(&error) => {
                CommitError::Unavailable(problem::sentence(&self.file, &error))
            }
            Err(fatal) => return Err(fatal),
        };
        self.ledger.drop_draft();
        self.fresh.truncate(fresh);
        self.backlog.truncate(backlog);
        if guarded {
            self.run("ROLLBACK TO changeset")?;
            self.run("RELEASE changeset")?;
        }
        Err(Stop::Refused(refusal))
    }

    /// Writes what was gathered over the transaction. To be followed by COMMIT and [`Applier::committed`].
    pub fn finish(&mut self) -> rusqlite::Result<Written> {
        self.ledger.write(self.connection)?;
        self.dedup.write(self.connection, &self.fresh)
    }

    pub fn committed(&mut self, written: Written) {
        self.ledger.committed();
        self.backlog.committed();
        self.dedup.absorb(&mut self.fresh, written);
    }

    pub fn rolled_back(&mut self) {
        self.ledger.rolled_back();
        self.backlog.truncate(0);
        self.fresh.truncate(0);
    }

    fn row(&mut self, row: &Row) -> Result<(), Stop> {
        match row {
            Row::Message(row) => self.message(row),
            Row::MessageState { id, state, record } => self.message_state(*id, state, record),
            Row::RemoveBody { id, record } => self.remove_body(*id, record),
            Row::RemoveAttempts { transmission } => {
                self.write("DELETE FROM attempts WHERE transmission = ?1", [transmission])
            }
            Row::RemoveRejections { before, limit } => self.remove_rejections(before, *limit),
            Row::Cursor { name, value } => {
                self.write("INSERT OR REPLACE INTO cursors (name, value) VALUES (?1, ?2)", params![name, value])
            }
            Row::Event(row) => self.event(row),
            Row::Entity(row) => self.entity(row),
            Row::Reference(reference) => self.reference(reference),
            Row::RemoveReference(reference) => self.remove_reference(reference),
            Row::Suggestion(row) => self.suggestion(row),
            Row::Transmission(row) => lines::put(self.connection, &mut self.ledger, row),
            Row::Attempt(row) => self.attempt(row),
            Row::Timer { id, due_at, record } => self.write(
                "INSERT OR REPLACE INTO timers (id, due_at, record) VALUES (?1, ?2, ?3)",
                params![id, due_at, record],
            ),
            Row::RemoveTimer { id } => self.write("DELETE FROM timers WHERE id = ?1", [id]),
            Row::Exception(row) => self.exception(row),
            Row::Rejection(row) => self.rejection(row),
            Row::Traffic { name, record } => {
                self.write("INSERT OR REPLACE INTO traffic (name, record) VALUES (?1, ?2)", params![name, record])
            }
            Row::SystemState { system, paused, since } => self.write(
                "INSERT OR REPLACE INTO system_states (system, paused, since) VALUES (?1, ?2, ?3)",
                params![system.as_str(), paused, since],
            ),
            Row::Record(record) => self.record(record),
            Row::Audit(record) => self.audit(record),
        }
    }

    fn message(&mut self, row: &MessageRow) -> Result<(), Stop> {
        let MessageRow { id, digest, received_at, headers, message } = row;
        let known = match self.fresh.find(*digest) {
            Some(first) => Some(first),
            None => self.dedup.find(self.connection, *digest)?,
        };
        if let Some(first) = known {
            return Err(Stop::Refused(CommitError::Duplicate(first)));
        }
        let position = self.ledger.next_message_position();
        let written = self
            .statement(
                "INSERT OR IGNORE INTO messages (position, id, system, channel, dedup_key, received_at, cause,
                 content_type, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                position,
                id.to_string(),
                message.system.as_str(),
                message.channel,
                message.dedup_key,
                received_at,
                message.cause.map(|cause| cause.to_string()),
                message.content_type,
                headers,
                message.body,
            ])?;
        if written == 0 {
            return Err(Stop::Refused(refusal::message(*id)));
        }
        self.backlog.add(*id, position, &message.system);
        self.fresh.add(*digest, *id);
        self.ledger.count(Subject::Messages, Some(&message.system), read::WAITING, 1);
        self.ledger.message_received(&message.system, received_at);
        Ok(())
    }

    fn message_state(&mut self, id: MessageId, state: &'static str, record: &str) -> Result<(), Stop> {
        let found = match self.backlog.take(id) {
            Some(place) => Some((place, read::WAITING)),
            None => self.stored_place(id)?,
        };
        let Some((Place { position, system }, old)) = found else {
            return Err(Stop::Refused(refusal::message(id)));
        };
        let is_routed = self.ledger.is_routed(position);
        match (old == read::WAITING, state == read::WAITING) {
            (true, true) => return Ok(()),
            (true, false) if is_routed => self.write("DELETE FROM inbox WHERE position = ?1", [position])?,
            (true, false) => self.pass(position)?,
            (false, true) => {
                self.write("DELETE FROM message_outcomes WHERE position = ?1", [position])?;
                match is_routed {
                    true => {
                        let sql = "INSERT INTO inbox (position, system) VALUES (?1, ?2)";
                        self.write(sql, params![position, system.as_str()])?;
                    }
                    false => self.ledger.undecided(),
                }
            }
            (false, false) => {}
        }
        if state != read::WAITING && old == read::WAITING {
            // There is none yet. To fail is to leave no trace, so SQLite need not remember how to take it back.
            self.write(
                "INSERT OR FAIL INTO message_outcomes (position, system, state, record) VALUES (?1, ?2, ?3, ?4)",
                params![position, system.as_str(), state, record],
            )?;
        } else if state != read::WAITING {
            self.write(
                "INSERT OR REPLACE INTO message_outcomes (position, system, state, record) VALUES (?1, ?2, ?3, ?4)",
                params![position, system.as_str(), state, record],
            )?;
        }
        self.ledger.count(Subject::Messages, Some(&system), old, -1);
        self.ledger.count(Subject::Messages, Some(&system), state, 1);
        Ok(())
    }

    fn stored_place(&mut self, id: MessageId) -> Result<Option<(Place, &'static str)>, Stop> {
        let stored = self
            .statement(
                "SELECT m.position, m.system, o.state FROM messages m
                 LEFT JOIN message_outcomes o ON o.position = m.position WHERE m.id = ?1",
            )?
            .query_row([id.to_string()], |row| {
                let state = match row.get_ref(2)?.as_str_or_null()? {
                    None => read::WAITING,
                    Some(word) => read::message_word(word),
                };
                let place = Place { position: row.get(0)?, system: SystemName::from(row.get_ref(1)?.as_str()?) };
                Ok((place, state))
            })
            .optional()?;
        Ok(stored)
    }

    /// A message where the router has not been is decided.
    fn pass(&mut self, position: i64) -> Result<(), Stop> {
        let connection = self.connection;
        self.ledger.decided(position, |position| {
            let sql = "SELECT 1 FROM message_outcomes WHERE position = ?1";
            Ok(prepared(connection, sql)?.query_row([position], |_| Ok(())).optional()?.is_some())
        })
    }

    fn event(&mut self, row: &EventRow) -> Result<(), Stop> {
        let position = self.ledger.next_event_position();
        let written = self
            .statement(
                "INSERT INTO events (position, id, type, subject_kind, subject_key, system, time, recorded_at, message,
                 flow, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                position,
                row.id.to_string(),
                row.event_type,
                row.subject.kind,
                row.subject.key,
                row.system.as_str(),
                row.time,
                row.recorded_at,
                row.message,
                row.flow,
                row.record,
            ])?;
        if written == 0 {
            return Err(Stop::Refused(refusal::event(row.id)));
        }
        for link in &row.links {
            self.write(
                "INSERT OR IGNORE INTO event_links (kind, key, position) VALUES (?1, ?2, ?3)",
                params![link.kind, link.key, position],
            )?;
            if *link != row.subject {
                self.write(
                    "INSERT OR IGNORE INTO entity_links (kind, key, of_kind, of_key) VALUES (?1, ?2, ?3, ?4)",
                    params![link.kind, link.key, row.subject.kind, row.subject.key],
                )?;
            }
        }
        self.ledger.count(Subject::Events, None, "", 1);
        Ok(())
    }

    fn entity(&mut self, row: &EntityRow) -> Result<(), Stop> {
        let sql = match row.version {
            1 => {
                "INSERT INTO entities (kind, key, version, status, updated_at, last_event, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"
            }
            _ => {
                "UPDATE entities SET version = ?3, status = ?4, updated_at = ?5, last_event = ?6, record = ?7
                 WHERE kind = ?1 AND key = ?2 AND version = ?3 - 1"
            }
        };
        let written = self.statement(sql)?.execute(params![
            row.name.kind,
            row.name.key,
            row.version,
            row.status,
            row.updated_at,
            row.last_event,
            row.record,
        ])?;
        match written {
            0 => Err(Stop::Refused(refusal::entity(&row.name))),
            _ => Ok(()),
        }
    }

    fn reference(&mut self, reference: &Reference) -> Result<(), Stop> {
        self.write(
            "INSERT OR IGNORE INTO entity_references (entity_kind, entity_key, system, kind, value)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                reference.entity.kind,
                reference.entity.key,
                reference.system.as_str(),
                reference.kind,
                reference.value,
            ],
        )
    }

    fn remove_reference(&mut self, reference: &Reference) -> Result<(), Stop> {
        self.write(
            "DELETE FROM entity_references
             WHERE entity_kind = ?1 AND entity_key = ?2 AND system = ?3 AND kind = ?4 AND value = ?5",
            params![
                reference.entity.kind,
                reference.entity.key,
                reference.system.as_str(),
                reference.kind,
                reference.value,
            ],
        )
    }

    fn suggestion(&mut self, row: &SuggestionRow) -> Result<(), Stop> {
        let sql = match row.version {
            1 => {
                "INSERT INTO suggestions (id, version, what, status, record) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING"
            }
            _ => {
                "UPDATE suggestions SET version = ?2, what = ?3, status = ?4, record = ?5
                 WHERE id = ?1 AND version = ?2 - 1"
            }
        };
        let values = params![row.id.to_string(), row.version, row.what, row.status, row.record];
        match self.statement(sql)?.execute(values)? {
            0 => Err(Stop::Refused(refusal::suggestion(row.id))),
            _ => Ok(()),
        }
    }

    fn record(&mut self, row: &Record) -> Result<(), Stop> {
        let sql = match row.version {
            1 => {
                "INSERT INTO records (kind, id, version, is_open, about, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO NOTHING"
            }
            _ => {
                "UPDATE records SET version = ?3, is_open = ?4, about = ?5, body = ?6
                 WHERE kind = ?1 AND id = ?2 AND version = ?3 - 1"
            }
        };
        let version = i64::try_from(row.version).unwrap_or(i64::MAX);
        let values = params![row.kind.word(), row.id, version, row.is_open, row.about, row.body];
        match self.statement(sql)?.execute(values)? {
            0 => Err(Stop::Refused(refusal::record(row.kind, &row.id))),
            _ => Ok(()),
        }
    }

    fn attempt(&mut self, row: &AttemptRow) -> Result<(), Stop> {
        self.write(
            "INSERT INTO attempts (transmission, attempt, started_at, ended_at, outcome, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![row.transmission, row.number, row.started_at, row.ended_at, row.outcome, row.record],
        )
    }

    fn exception(&mut self, row: &ExceptionRow) -> Result<(), Stop> {
        let exception = &row.exception;
        if exception.status == ExceptionStatus::Open
            && let Some(open) = read::open_exception(self.connection, &exception.fingerprint)?
            && open.id != exception.id
        {
            let again = exception_row(seen_again(open, exception.clone()))?;
            return self.exception_by_id(&again);
        }
        self.exception_by_id(row)
    }

    fn exception_by_id(&mut self, row: &ExceptionRow) -> Result<(), Stop> {
        let old: Option<(i64, &'static str)> = self
            .statement("SELECT number, status FROM exceptions WHERE id = ?1")?
            .query_row([&row.id], |row| Ok((row.get(0)?, read::exception_word(row.get_ref(1)?.as_str()?))))
            .optional()?;
        let exception = &row.exception;
        self.write(
            "INSERT INTO exceptions (number, id, class, fingerprint, status, summary, owner, system, transmission,
             opened_at, closed_at, count, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (number) DO UPDATE SET class = ?3, fingerprint = ?4, status = ?5, summary = ?6, owner = ?7,
             system = ?8, transmission = ?9, opened_at = ?10, closed_at = ?11, count = ?12, record = ?13",
            params![
                old.map(|(number, _)| number),
                row.id,
                exception.class.word(),
                exception.fingerprint,
                row.status,
                exception.summary,
                exception.owner,
                exception.system.as_ref().map(SystemName::as_str),
                exception.transmission.map(|id| id.to_string()),
                row.opened_at,
                row.closed_at,
                row.count,
                row.record,
            ],
        )?;
        let number = match &old {
            Some((number, _)) => *number,
            None => self.connection.last_insert_rowid(),
        };
        // An entity it no longer affects stays here: the record has the last word when it is asked for.
        for entity in &exception.affects {
            self.write(
                "INSERT OR IGNORE INTO exception_affects (kind, key, number) VALUES (?1, ?2, ?3)",
                params![entity.kind, entity.key, number],
            )?;
        }
        if let Some((_, old)) = old {
            self.ledger.count(Subject::Exceptions, None, old, -1);
        }
        self.ledger.count(Subject::Exceptions, None, row.status, 1);
        Ok(())
    }

    fn rejection(&mut self, row: &RejectionRow) -> Result<(), Stop> {
        self.ledger.count(Subject::Rejections, None, "", 1);
        self.write(
            "INSERT INTO rejections (system, at, status, code, reason, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![row.system.as_ref().map(SystemName::as_str), row.at, row.status, row.code, row.reason, row.record],
        )
    }

    fn audit(&mut self, record: &AuditRecord) -> Result<(), Stop> {
        let last = self
            .statement(
                "SELECT number, at, actor, action, target, reason, hash FROM audit ORDER BY number DESC LIMIT 1",
            )?
            .query_row([], read::audit_row)
            .optional()?;
        let next = ChainedAudit::following(last.as_ref(), record.clone());
        self.write(
            "INSERT INTO audit (number, at, actor, action, target, reason, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                next.number as i64,
                super::encode::time_text(record.at),
                record.actor,
                record.action,
                record.target,
                record.reason,
                next.hash,
            ],
        )
    }

    fn run(&mut self, sql: &'static str) -> Result<(), Stop> {
        self.write(sql, [])
    }

    pub(super) fn write(&mut self, sql: &'static str, values: impl rusqlite::Params) -> Result<(), Stop> {
        self.statement(sql)?.execute(values)?;
        Ok(())
    }

    pub(super) fn statement(&mut self, sql: &'static str) -> Result<&mut Statement<'c>, Stop> {
        Ok(self.statements.get(sql)?)
    }
}
