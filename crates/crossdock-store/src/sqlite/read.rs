//! Single records and short lists out of the database. Every statement here is served by an index.

use crossdock_core::changeset::{AuditRecord, ChainedAudit, SystemState, Timer};
use crossdock_core::event::{Entity, EntityRef, Reference, StoredEvent};
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::{EventId, FlowName, MessageId, SuggestionId, SystemName, TransmissionId};
use crossdock_core::message::{Message, MessageState, Rejection, StoredMessage};
use crossdock_core::record::{Record, RecordKind};
use crossdock_core::routing::Wanted;
use crossdock_core::suggestion::Suggestion;
use crossdock_core::traffic::Traffic;
use crossdock_core::transmission::lane::{LaneHeads, Look};
use crossdock_core::transmission::{Attempt, Transmission};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, ToSql, params};
use serde::de::DeserializeOwned;

use super::encode::{status_word, time_text};
use super::ledger::Subject;
use super::statement::prepared;
use crate::port::{Counts, Page, Subjects, WAITING_BYTES_MAX};

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Engine(#[from] rusqlite::Error),
    /// The file holds something this program did not write, or a newer one did.
    #[error("a stored {what} cannot be understood: {problem}")]
    Record { what: &'static str, problem: String },
}

type Read<T> = Result<T, ReadError>;

pub const WAITING: &str = "waiting";
/// The states of messages that have left the inbox.
pub const OUTCOMES: [&str; 3] = ["translated", "ignored", "failed"];
pub const TRANSMISSION_STATES: [&str; 6] = ["held", "owed", "sending", "done", "paused", "cancelled"];

pub const SUGGESTION_STATES: [&str; 4] = ["open", "accepted", "rejected", "withdrawn"];
/// What may be suggested.
pub const PROPOSALS: [&str; 2] = ["merge", "change"];

/// The constant for a stored word.
pub fn message_word(word: &str) -> &'static str {
    OUTCOMES.into_iter().find(|known| *known == word).unwrap_or(WAITING)
}

/// The constant for a stored word.
pub fn exception_word(word: &str) -> &'static str {
    status_word(if word == "open" { ExceptionStatus::Open } else { ExceptionStatus::Resolved })
}

/// The constant for a stored word; a word of a newer program counts as held: it is not sent.
pub fn transmission_word(word: &str) -> &'static str {
    TRANSMISSION_STATES.into_iter().find(|known| *known == word).unwrap_or(TRANSMISSION_STATES[0])
}

// Columns of a stored message, for `message_row`.
macro_rules! message_columns {
    () => {
        "SELECT m.position, m.id, m.system, m.channel, m.dedup_key, m.received_at, m.cause, m.content_type, m.headers,
                m.body, o.record, r.record
         FROM messages m LEFT JOIN message_outcomes o ON o.position = m.position
         LEFT JOIN removed_bodies r ON r.position = m.position "
    };
}

pub fn message(connection: &Connection, id: MessageId) -> Read<Option<StoredMessage>> {
    one(connection, concat!(message_columns!(), "WHERE m.id = ?1"), [id.to_string()], message_row)
}

pub fn message_at(connection: &Connection, position: i64) -> Read<Option<StoredMessage>> {
    one(connection, concat!(message_columns!(), "WHERE m.position = ?1"), [position], message_row)
}

/// What waits, in order: first what the router is to look at again, then what is behind the place it has come to.
pub fn waiting(connection: &Connection, limit: usize) -> Read<Vec<StoredMessage>> {
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    for sql in [
        "SELECT m.position, m.id, m.system, m.channel, m.dedup_key, m.received_at, m.cause, m.content_type,
                m.headers, m.body, NULL, NULL
         FROM inbox i JOIN messages m ON m.position = i.position ORDER BY i.position LIMIT ?1",
        "SELECT m.position, m.id, m.system, m.channel, m.dedup_key, m.received_at, m.cause, m.content_type,
                m.headers, m.body, NULL, NULL
         FROM messages m WHERE m.position > coalesce((SELECT value FROM highs WHERE name = 'routed'), 0)
         AND NOT EXISTS (SELECT 1 FROM message_outcomes o WHERE o.position = m.position)
         ORDER BY m.position LIMIT ?1",
    ] {
        let mut statement = prepared(connection, sql)?;
        let mut rows = statement.query([count(limit - waiting.len())])?;
        while bytes < WAITING_BYTES_MAX
            && let Some(row) = rows.next()?
        {
            let stored = message_row(row)?;
            bytes += stored.message.body.len();
            waiting.push(stored);
        }
    }
    Ok(waiting)
}

pub fn cursor(connection: &Connection, name: &str) -> Read<Option<String>> {
    one(connection, "SELECT value FROM cursors WHERE name = ?1", [name], |row| Ok(row.get(0)?))
}

pub fn event(connection: &Connection, id: EventId) -> Read<Option<StoredEvent>> {
    one(connection, "SELECT position, record FROM events WHERE id = ?1", [id.to_string()], event_row)
}

pub fn events_of_message(connection: &Connection, id: MessageId) -> Read<Vec<StoredEvent>> {
    let sql = "SELECT position, record FROM events WHERE message = ?1 ORDER BY position";
    many(connection, sql, [id.to_string()], event_row)
}

pub fn events_of_entity(connection: &Connection, entity: &EntityRef, limit: usize) -> Read<Vec<StoredEvent>> {
    let sql = "SELECT e.position, e.record FROM event_links l JOIN events e ON e.position = l.position
               WHERE l.kind = ?1 AND l.key = ?2 ORDER BY l.position LIMIT ?3";
    many(connection, sql, params![entity.kind, entity.key, count(limit)], event_row)
}

pub fn events_about(connection: &Connection, subject: &EntityRef, after: u64, limit: usize) -> Read<Vec<StoredEvent>> {
    let sql = "SELECT position, record FROM events INDEXED BY events_about
               WHERE subject_kind = ?1 AND subject_key = ?2 AND position > ?3 ORDER BY position LIMIT ?4";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    many(connection, sql, params![subject.kind, subject.key, after, count(limit)], event_row)
}

pub fn entity(connection: &Connection, name: &EntityRef) -> Read<Option<Entity>> {
    let sql = "SELECT record FROM entities WHERE kind = ?1 AND key = ?2";
    one(connection, sql, [&name.kind, &name.key], record)
}

pub fn entities(connection: &Connection, kind: &str, after_key: &str, limit: usize) -> Read<Vec<Entity>> {
    let sql = "SELECT record FROM entities WHERE kind = ?1 AND key > ?2 ORDER BY key LIMIT ?3";
    many(connection, sql, params![kind, after_key, count(limit)], record)
}

pub fn find(connection: &Connection, value: &str, limit: usize) -> Read<Vec<EntityRef>> {
    let sql = "SELECT kind, key FROM entities WHERE key = ?1
               UNION SELECT entity_kind, entity_key FROM entity_references WHERE value = ?1
               ORDER BY kind, key LIMIT ?2";
    many(connection, sql, params![value, count(limit)], |row| Ok(EntityRef { kind: row.get(0)?, key: row.get(1)? }))
}

pub fn references(connection: &Connection, entity: &EntityRef) -> Read<Vec<Reference>> {
    let sql = "SELECT system, kind, value FROM entity_references WHERE entity_kind = ?1 AND entity_key = ?2
               ORDER BY system, kind, value";
    many(connection, sql, [&entity.kind, &entity.key], |row| {
        Ok(Reference { entity: entity.clone(), system: system(row, 0)?, kind: row.get(1)?, value: row.get(2)? })
    })
}

pub fn referenced(connection: &Connection, wanted: &Wanted<'_>, limit: usize) -> Read<Vec<EntityRef>> {
    let sql = "SELECT entity_key FROM entity_references
               WHERE value = ?1 AND entity_kind = ?2 AND system = ?3 AND kind = ?4 ORDER BY entity_key LIMIT ?5";
    let values = params![wanted.value, wanted.entity, wanted.system.as_str(), wanted.kind, count(limit)];
    many(connection, sql, values, |row| Ok(EntityRef::new(wanted.entity, row.get::<_, String>(0)?)))
}

pub fn references_after(connection: &Connection, after: Option<&Reference>, limit: usize) -> Read<Vec<Reference>> {
    let sql = "SELECT entity_kind, entity_key, system, kind, value FROM entity_references
               WHERE (entity_kind, entity_key, system, kind, value) > (?1, ?2, ?3, ?4, ?5)
               ORDER BY entity_kind, entity_key, system, kind, value LIMIT ?6";
    let [kind, key, system, id_kind, value] = match after {
        None => [""; 5],
        Some(after) => [&*after.entity.kind, &*after.entity.key, after.system.as_str(), &*after.kind, &*after.value],
    };
    many(connection, sql, params![kind, key, system, id_kind, value, count(limit)], |row| {
        Ok(Reference {
            entity: EntityRef { kind: row.get(0)?, key: row.get(1)? },
            system: self::system(row, 2)?,
            kind: row.get(3)?,
            value: row.get(4)?,
        })
    })
}

pub fn subjects_after(connection: &Connection, position: u64, kinds: &[&str], limit: usize) -> Read<Subjects> {
    let last = one(connection, "SELECT max(position) FROM events", [], |row| Ok(row.get::<_, Option<i64>>(0)?))?;
    let last = last.flatten().map_or(0, i64::unsigned_abs).max(position);
    if kinds.is_empty() {
        // SQLite would look through all of them to find none.
        return Ok(Subjects { found: Vec::new(), up_to: last });
    }
    let marks: Vec<String> = (4..4 + kinds.len()).map(|n| format!("?{n}")).collect();
    let sql = format!(
        "SELECT position, subject_kind, subject_key FROM events NOT INDEXED
         WHERE position > ?1 AND position <= ?2 AND subject_kind IN ({}) ORDER BY position LIMIT ?3",
        marks.join(", ")
    );
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut values: Vec<Box<dyn ToSql>> =
        vec![Box::new(number(position)), Box::new(number(last)), Box::new(count(limit))];
    values.extend(kinds.iter().map(|kind| Box::new((*kind).to_owned()) as Box<dyn ToSql>));
    let found = many(connection, &sql, rusqlite::params_from_iter(values), |row| {
        Ok((unsigned(row, 0)?, EntityRef { kind: row.get(1)?, key: row.get(2)? }))
    })?;
    let up_to = match found.last() {
        Some((at, _)) if found.len() == limit => *at,
        _ => last,
    };
    Ok(Subjects { found, up_to })
}

pub fn suggestion(connection: &Connection, id: SuggestionId) -> Read<Option<Suggestion>> {
    one(connection, "SELECT record FROM suggestions WHERE id = ?1", [id.to_string()], record)
}

pub fn suggestion_numbered(connection: &Connection, number: i64) -> Read<Option<Suggestion>> {
    one(connection, "SELECT record FROM suggestions WHERE number = ?1", [number], record)
}

pub fn transmission(connection: &Connection, id: TransmissionId) -> Read<Option<Transmission>> {
    one(connection, "SELECT record FROM transmissions WHERE id = ?1", [id.to_string()], record)
}

pub fn transmission_numbered(connection: &Connection, number: i64) -> Read<Option<Transmission>> {
    one(connection, "SELECT record FROM transmissions WHERE number = ?1", [number], record)
}

pub fn transmissions_of_event(connection: &Connection, id: EventId) -> Read<Vec<Transmission>> {
    let sql = "SELECT record FROM transmissions WHERE event = ?1 ORDER BY number";
    many(connection, sql, [id.to_string()], record)
}

pub fn due(connection: &Connection, system: &SystemName, until: Timestamp, look: &Look) -> Read<Vec<LaneHeads>> {
    let sql = "SELECT record FROM transmissions
               WHERE system = ?1 AND lane = ?2 AND turn <= ?3 AND state = 'owed' AND is_head = 1
               ORDER BY turn, place, number LIMIT ?4";
    let mut read = Vec::new();
    for (rank, behind) in look.behind.iter().enumerate() {
        let lanes = lanes_of(connection, system, rank, behind, look.lanes_max)?;
        for lane in &lanes {
            let limit = look.of_each(lanes.len(), lane);
            let heads = many(connection, sql, params![system.as_str(), lane, time_text(until), count(limit)], record)?;
            read.push(LaneHeads { lane: lane.clone(), is_cut: heads.len() >= limit, heads });
        }
    }
    Ok(read)
}

/// The lanes of a class in which somebody waits, from behind one of them round to it.
fn lanes_of(
    connection: &Connection,
    system: &SystemName,
    rank: usize,
    behind: &str,
    limit: usize,
) -> Read<Vec<String>> {
    let (first, end) = (format!("{rank}/"), format!("{rank}0"));
    let start = behind.max(first.as_str());
    let mut lanes = lanes_between(connection, system, start, &end, limit)?;
    if start > first.as_str() && lanes.len() < limit {
        let until = format!("{start}\u{1}");
        lanes.extend(lanes_between(connection, system, &first, &until, limit - lanes.len())?);
    }
    Ok(lanes)
}

/// One step in the index for each lane, however much waits in it.
fn lanes_between(
    connection: &Connection,
    system: &SystemName,
    behind: &str,
    before: &str,
    limit: usize,
) -> Read<Vec<String>> {
    let sql = "SELECT lane FROM transmissions
               WHERE system = ?1 AND lane > ?2 AND lane < ?3 AND state = 'owed' AND is_head = 1
               ORDER BY lane LIMIT 1";
    let mut lanes: Vec<String> = Vec::new();
    while lanes.len() < limit {
        let last = lanes.last().map_or(behind, String::as_str);
        let next: Option<String> = one(connection, sql, params![system.as_str(), last, before], |row| Ok(row.get(0)?))?;
        match next {
            Some(lane) => lanes.push(lane),
            None => break,
        }
    }
    Ok(lanes)
}

pub fn sending(connection: &Connection) -> Read<Vec<Transmission>> {
    let sql = "SELECT record FROM transmissions WHERE state = 'sending' ORDER BY number";
    many(connection, sql, [], record)
}

pub fn held_about(connection: &Connection, about: &EntityRef) -> Read<Vec<Transmission>> {
    let sql = "SELECT record FROM transmissions INDEXED BY transmissions_held
               WHERE about_kind = ?1 AND about_key = ?2 AND state = 'held' ORDER BY number";
    many(connection, sql, [&about.kind, &about.key], record)
}

pub fn is_done(connection: &Connection, flow: &FlowName, about: &EntityRef) -> Read<bool> {
    let sql = "SELECT 1 FROM transmissions INDEXED BY transmissions_done
               WHERE about_kind = ?1 AND about_key = ?2 AND flow = ?3 AND state = 'done' LIMIT 1";
    Ok(one(connection, sql, [&about.kind, &about.key, flow.as_str()], |_| Ok(()))?.is_some())
}

pub fn last_place(connection: &Connection) -> Read<u64> {
    let place = one(connection, "SELECT value FROM highs WHERE name = 'place'", [], |row| unsigned(row, 0))?;
    Ok(place.unwrap_or(0))
}

pub fn attempts(connection: &Connection, id: TransmissionId) -> Read<Vec<Attempt>> {
    let sql = "SELECT record FROM attempts WHERE transmission = ?1 ORDER BY number";
    many(connection, sql, [id.to_string()], record)
}

pub fn open_exception(connection: &Connection, fingerprint: &str) -> Read<Option<Exception>> {
    let sql = "SELECT record FROM exceptions WHERE fingerprint = ?1 AND status = 'open'";
    one(connection, sql, [fingerprint], record)
}

pub fn stored_record(connection: &Connection, kind: RecordKind, id: &str) -> Read<Option<Record>> {
    let sql = "SELECT id, version, is_open, about, body FROM records WHERE kind = ?1 AND id = ?2";
    one(connection, sql, [kind.word(), id], |row| record_row(kind, row))
}

/// Columns id, version, is_open, about, body.
pub fn record_row(kind: RecordKind, row: &Row<'_>) -> Read<Record> {
    Ok(Record {
        kind,
        id: row.get(0)?,
        version: unsigned(row, 1)?,
        is_open: row.get(2)?,
        about: row.get(3)?,
        body: row.get(4)?,
    })
}

pub fn rejections(connection: &Connection, page: Page) -> Read<Vec<Rejection>> {
    let sql = "SELECT record FROM rejections ORDER BY number DESC LIMIT ?1 OFFSET ?2";
    many(connection, sql, [count(page.limit), count(page.skip)], record)
}

pub fn due_timers(connection: &Connection, now: Timestamp, limit: usize) -> Read<Vec<Timer>> {
    let sql = "SELECT record FROM timers WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";
    many(connection, sql, params![time_text(now), count(limit)], record)
}

pub fn next_timer(connection: &Connection) -> Read<Option<Timestamp>> {
    one(connection, "SELECT due_at FROM timers ORDER BY due_at LIMIT 1", [], |row| time(row, 0))
}

pub fn traffic(connection: &Connection) -> Read<Vec<Traffic>> {
    many(connection, "SELECT record FROM traffic ORDER BY name", [], record)
}

pub fn system_states(connection: &Connection) -> Read<Vec<SystemState>> {
    many(connection, "SELECT system, paused, since FROM system_states ORDER BY system", [], |row| {
        Ok(SystemState { system: system(row, 0)?, paused: row.get(1)?, since: time(row, 2)? })
    })
}

pub fn audit(connection: &Connection, after_number: u64, limit: usize) -> Read<Vec<ChainedAudit>> {
    let sql = "SELECT number, at, actor, action, target, reason, hash FROM audit WHERE number > ?1
               ORDER BY number LIMIT ?2";
    let after = i64::try_from(after_number).unwrap_or(i64::MAX);
    many(connection, sql, params![after, count(limit)], |row| Ok(audit_row(row)?))
}

pub fn counts(connection: &Connection) -> Read<Counts> {
    let mut counts = Counts::default();
    let sql = "SELECT subject, system, state, count FROM tallies WHERE count > 0";
    let tallies = many(connection, sql, [], |row| {
        Ok((row.get::<_, String>(0)?, system(row, 1)?, row.get::<_, String>(2)?, unsigned(row, 3)?))
    })?;
    for (subject, system, state, count) in tallies {
        if subject == Subject::Messages.word() {
            counts.systems.entry(system).or_default().messages.insert(state, count);
        } else if subject == Subject::Transmissions.word() {
            counts.systems.entry(system).or_default().transmissions.insert(state, count);
        } else if subject == Subject::Events.word() {
            counts.events = count;
        } else if subject == Subject::Exceptions.word() && state == "open" {
            counts.exceptions_open = count;
        } else if subject == Subject::Rejections.word() {
            counts.rejections = count;
        }
    }
    let sql = "SELECT system, last_message_at FROM system_activity";
    for (system, at) in many(connection, sql, [], |row| Ok((system(row, 0)?, time(row, 1)?)))? {
        counts.systems.entry(system).or_default().last_message_at = Some(at);
    }
    Ok(counts)
}

/// Columns number, at, actor, action, target, reason, hash.
pub fn audit_row(row: &Row<'_>) -> rusqlite::Result<ChainedAudit> {
    let at = row.get_ref(1)?.as_str()?.parse().map_err(|error: jiff::Error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.to_string().into())
    })?;
    let record = AuditRecord { at, actor: row.get(2)?, action: row.get(3)?, target: row.get(4)?, reason: row.get(5)? };
    Ok(ChainedAudit { number: row.get::<_, i64>(0)?.unsigned_abs(), record, hash: row.get(6)? })
}

/// The rows of a query, each through `read`.
pub fn many<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl Fn(&Row<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let mut statement = prepared(connection, sql)?;
    let mut rows = statement.query(values)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl Fn(&Row<'_>) -> Read<T>,
) -> Read<Option<T>> {
    let mut statement = prepared(connection, sql)?;
    statement.query_row(values, |row| Ok(read(row))).optional()?.transpose()
}

/// A limit as the database takes it.
pub fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn message_row(row: &Row<'_>) -> Read<StoredMessage> {
    let state = match row.get_ref(10)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        None => MessageState::Waiting,
        Some(json) => parsed("message state", json)?,
    };
    let message = Message {
        id: MessageId(uuid(row, 1)?),
        system: system(row, 2)?,
        channel: row.get(3)?,
        dedup_key: row.get(4)?,
        received_at: time(row, 5)?,
        cause: match row.get_ref(6)?.as_str_or_null().map_err(rusqlite::Error::from)? {
            None => None,
            Some(_) => Some(TransmissionId(uuid(row, 6)?)),
        },
        content_type: row.get(7)?,
        headers: parsed("list of headers", text(row, 8)?)?,
        body: row.get(9)?,
    };
    let removed = match row.get_ref(11)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        None => None,
        Some(json) => Some(parsed("removed body", json)?),
    };
    Ok(StoredMessage { position: unsigned(row, 0)?, message, state, removed })
}

fn event_row(row: &Row<'_>) -> Read<StoredEvent> {
    Ok(StoredEvent { position: unsigned(row, 0)?, event: parsed("event", text(row, 1)?)? })
}

/// The record in the first column.
pub fn record<T: DeserializeOwned>(row: &Row<'_>) -> Read<T> {
    let what = std::any::type_name::<T>().rsplit("::").next().unwrap_or("record");
    parsed(what, text(row, 0)?)
}

fn parsed<T: DeserializeOwned>(what: &'static str, json: &str) -> Read<T> {
    serde_json::from_str(json).map_err(|error| ReadError::Record { what, problem: error.to_string() })
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Read<&'r str> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

fn system(row: &Row<'_>, column: usize) -> Read<SystemName> {
    Ok(SystemName::from(text(row, column)?))
}

fn time(row: &Row<'_>, column: usize) -> Read<Timestamp> {
    text(row, column)?
        .parse()
        .map_err(|error: jiff::Error| ReadError::Record { what: "time", problem: error.to_string() })
}

fn uuid(row: &Row<'_>, column: usize) -> Read<uuid::Uuid> {
    uuid::Uuid::parse_str(text(row, column)?)
        .map_err(|error| ReadError::Record { what: "id", problem: error.to_string() })
}

fn unsigned(row: &Row<'_>, column: usize) -> Read<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}
