//! Writing transmissions, and keeping the lines they stand in (I3).
//!
//! A line is what one system is owed under one ordering key: everything owed, sending or paused, by place. Only its
//! head may be sent. Whoever stands first carries `is_head`, so finding what is due never looks at anything that waits
//! behind something else, however long the lines are. Heads have their turns in order: a head's `turn` is when it is due,
//! or when it moved up if that was later, so that a long line stands behind all that already wait and not before them.

use crossdock_core::ids::SystemName;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::apply::Stop;
use super::encode::TransmissionRow;
use super::ledger::{Ledger, Subject};
use super::read::transmission_word;
use super::statement::prepared;
use crate::refusal;

/// What is stored about a transmission and decides how the new version is written.
struct Stored {
    number: i64,
    version: i64,
    system: SystemName,
    ordering_key: String,
    place: i64,
    state: &'static str,
    is_head: bool,
    /// Whether the new version differs in nothing that is indexed for good.
    same_identity: bool,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            version: row.get(1)?,
            system: SystemName::from(row.get_ref(2)?.as_str()?),
            ordering_key: row.get(3)?,
            place: row.get(4)?,
            state: transmission_word(row.get_ref(5)?.as_str()?),
            is_head: row.get(6)?,
            same_identity: row.get(7)?,
        })
    }

    fn in_line(&self) -> bool {
        matches!(self.state, "owed" | "sending" | "paused")
    }

    fn stands_where(&self, row: &TransmissionRow) -> bool {
        self.in_line()
            && row.in_line
            && self.place == row.place
            && self.system == row.system
            && self.ordering_key == row.key.as_str()
    }
}

/// Writes a transmission whose version is the stored one plus one.
pub fn put(connection: &Connection, ledger: &mut Ledger, row: &TransmissionRow) -> Result<(), Stop> {
    if row.version == 1 {
        insert(connection, row)?;
    } else {
        let stored = stored(connection, row)?;
        let Some(stored) = stored.filter(|stored| stored.version == row.version - 1) else {
            return Err(Stop::Refused(refusal::transmission(row.id)));
        };
        update(connection, &stored, row)?;
        ledger.count(Subject::Transmissions, Some(&stored.system), stored.state, -1);
    }
    ledger.count(Subject::Transmissions, Some(&row.system), row.state, 1);
    ledger.place_given(row.place);
    Ok(())
}

fn stored(connection: &Connection, row: &TransmissionRow) -> Result<Option<Stored>, Stop> {
    let mut statement = prepared(
        connection,
        "SELECT number, version, system, ordering_key, place, state, is_head,
                system = ?2 AND ordering_key = ?3 AND about_kind = ?4 AND about_key = ?5 AND flow = ?6 AND event = ?7
                AND operation = ?8 AND lane = ?9
         FROM transmissions WHERE id = ?1",
    )?;
    let values = params![
        row.id.to_string(),
        row.system.as_str(),
        row.key.as_str(),
        row.about.kind,
        row.about.key,
        row.flow,
        row.event,
        row.operation,
        row.lane,
    ];
    Ok(statement.query_row(values, Stored::read).optional()?)
}

fn insert(connection: &Connection, row: &TransmissionRow) -> Result<(), Stop> {
    let first = match row.in_line {
        true => first_in_line(connection, row.system.as_str(), row.key.as_str())?,
        false => None,
    };
    let is_head = row.in_line && first.is_none_or(|first| row.place < first.place);
    let mut statement = prepared(
        connection,
        "INSERT INTO transmissions (id, version, system, operation, flow, event, about_kind, about_key, ordering_key,
         state, place, is_head, due_at, attempts, created_at, finished_at, last_problem, record, lane, turn)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?13)
         ON CONFLICT DO NOTHING",
    )?;
    let written = statement.execute(params![
        row.id.to_string(),
        row.version,
        row.system.as_str(),
        row.operation,
        row.flow,
        row.event,
        row.about.kind,
        row.about.key,
        row.key.as_str(),
        row.state,
        row.place,
        is_head,
        row.due_at,
        row.attempts,
        row.created_at,
        row.finished_at,
        row.last_problem,
        row.record,
        row.lane,
    ])?;
    if written == 0 {
        return Err(Stop::Refused(refusal::transmission(row.id)));
    }
    match first {
        Some(first) if is_head => lose_head(connection, first.number),
        _ => Ok(()),
    }
}

fn update(connection: &Connection, stored: &Stored, row: &TransmissionRow) -> Result<(), Stop> {
    if stored.stands_where(row) {
        return write_version(connection, stored, row, stored.is_head);
    }
    let first_where_it_goes = match row.in_line {
        true => first_in_line(connection, row.system.as_str(), row.key.as_str())?,
        false => None,
    };
    write_version(connection, stored, row, false)?;
    if stored.is_head {
        settle(connection, stored.system.as_str(), &stored.ordering_key, None, row.finished_at.as_deref())?;
    }
    if row.in_line {
        let was_head = first_where_it_goes.filter(|first| first.number != stored.number);
        settle(connection, row.system.as_str(), row.key.as_str(), was_head, None)?;
    }
    Ok(())
}

fn write_version(connection: &Connection, stored: &Stored, row: &TransmissionRow, is_head: bool) -> Result<(), Stop> {
    // Columns that did not change stay out of the statement: SQLite then leaves their indexes alone.
    let mut statement = prepared(
        connection,
        "UPDATE transmissions SET version = ?2, state = ?3, place = ?4, is_head = ?5, due_at = ?6, attempts = ?7,
         finished_at = ?8, last_problem = ?9, record = ?10, turn = ?6 WHERE number = ?1",
    )?;
    statement.execute(params![
        stored.number,
        row.version,
        row.state,
        row.place,
        is_head,
        row.due_at,
        row.attempts,
        row.finished_at,
        row.last_problem,
        row.record,
    ])?;
    if stored.same_identity {
        return Ok(());
    }
    let mut statement = prepared(connection,
        "UPDATE transmissions SET system = ?2, ordering_key = ?3, about_kind = ?4, about_key = ?5, flow = ?6, event = ?7,
         operation = ?8, lane = ?9 WHERE number = ?1",
    )?;
    statement.execute(params![
        stored.number,
        row.system.as_str(),
        row.key.as_str(),
        row.about.kind,
        row.about.key,
        row.flow,
        row.event,
        row.operation,
        row.lane,
    ])?;
    Ok(())
}

#[derive(Clone, Copy)]
struct First {
    number: i64,
    place: i64,
}

fn first_in_line(connection: &Connection, system: &str, key: &str) -> Result<Option<First>, Stop> {
    let mut statement: CachedStatement<'_> = prepared(
        connection,
        "SELECT number, place FROM transmissions
         WHERE system = ?1 AND ordering_key = ?2 AND state IN ('owed', 'sending', 'paused')
         ORDER BY place, number LIMIT 1",
    )?;
    let read = |row: &Row<'_>| Ok(First { number: row.get(0)?, place: row.get(1)? });
    Ok(statement.query_row([system, key], read).optional()?)
}

/// Marks whoever stands first now, when `was_head` carried the mark before. `moved_up_at` is when the one before it ended.
fn settle(
    connection: &Connection,
    system: &str,
    key: &str,
    was_head: Option<First>,
    moved_up_at: Option<&str>,
) -> Result<(), Stop> {
    let first = first_in_line(connection, system, key)?.map(|first| first.number);
    let was_head = was_head.map(|first| first.number);
    if first == was_head {
        return Ok(());
    }
    if let Some(number) = was_head {
        lose_head(connection, number)?;
    }
    let Some(number) = first else { return Ok(()) };
    prepared(connection, "UPDATE transmissions SET is_head = 1, turn = max(due_at, ?2) WHERE number = ?1")?
        .execute(params![number, moved_up_at.unwrap_or_default()])?;
    Ok(())
}

fn lose_head(connection: &Connection, number: i64) -> Result<(), Stop> {
    prepared(connection, "UPDATE transmissions SET is_head = 0 WHERE number = ?1")?.execute([number])?;
    Ok(())
}
