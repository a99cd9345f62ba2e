//! Filtered lists, newest first. The indexes hold (state, system, number); a filter that leaves one of the two open
//! asks for each combination and merges, so a page costs the same however long the history is.

use crossdock_core::event::EntityRef;
use crossdock_core::exception::Exception;
use crossdock_core::ids::OrderingKey;
use crossdock_core::message::StoredMessage;
use crossdock_core::record::Record;
use crossdock_core::suggestion::Suggestion;
use crossdock_core::transmission::Transmission;
use rusqlite::{Connection, ToSql, params};

use super::ledger::Subject;
use super::read::{self, OUTCOMES, PROPOSALS, ReadError, SUGGESTION_STATES, TRANSMISSION_STATES, WAITING, count, many};
use crate::port::{ExceptionFilter, MessageFilter, Page, RecordFilter, SuggestionFilter, TransmissionFilter};

type Read<T> = Result<T, ReadError>;

pub fn messages(connection: &Connection, filter: &MessageFilter, page: Page) -> Read<Vec<StoredMessage>> {
    let system = filter.system.as_ref().map(|system| system.as_str());
    let positions = match (filter.state.as_deref(), system) {
        (None, None) => {
            let sql = "SELECT position FROM messages ORDER BY position DESC LIMIT ?1";
            many(connection, sql, [reach(page)], |row| Ok(row.get(0)?))?
        }
        (Some(WAITING), system) => waiting(connection, system, page)?,
        (Some(state), system) => by_state(connection, OUTCOMES_BY_STATE, &[state], system, Subject::Messages, page)?,
        (None, system) => {
            let mut positions = by_state(connection, OUTCOMES_BY_STATE, &OUTCOMES, system, Subject::Messages, page)?;
            positions.extend(waiting(connection, system, page)?);
            positions
        }
    };
    on_page(positions, page).filter_map(|position| read::message_at(connection, position).transpose()).collect()
}

pub fn transmissions(connection: &Connection, filter: &TransmissionFilter, page: Page) -> Read<Vec<Transmission>> {
    let system = filter.system.as_ref().map(|system| system.as_str());
    let state = filter.state.as_deref();
    let numbers = match (&filter.about, state, system) {
        (Some(about), state, system) => transmissions_about(connection, about, state, system, page)?,
        (None, None, None) => {
            let sql = "SELECT number FROM transmissions ORDER BY number DESC LIMIT ?1";
            many(connection, sql, [reach(page)], |row| Ok(row.get(0)?))?
        }
        (None, Some(state), system) => {
            by_state(connection, TRANSMISSIONS_BY_STATE, &[state], system, Subject::Transmissions, page)?
        }
        (None, None, system) => {
            let states = &TRANSMISSION_STATES;
            by_state(connection, TRANSMISSIONS_BY_STATE, states, system, Subject::Transmissions, page)?
        }
    };
    on_page(numbers, page).filter_map(|number| read::transmission_numbered(connection, number).transpose()).collect()
}

/// Oldest first behind a number: each system's part is asked for and merged, as for the lists.
pub fn transmissions_after(
    connection: &Connection,
    state: &str,
    system: Option<&str>,
    after: u64,
    limit: usize,
) -> Read<Vec<(u64, Transmission)>> {
    let sql = "SELECT number FROM transmissions INDEXED BY transmissions_by_state
               WHERE state = ?1 AND system = ?2 AND number > ?3 ORDER BY number LIMIT ?4";
    let systems = match system {
        Some(system) => vec![system.to_owned()],
        None => self::systems(connection, Subject::Transmissions)?,
    };
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut numbers = Vec::new();
    for system in systems {
        let values = params![state, system, after, count(limit)];
        numbers.extend(many(connection, sql, values, |row| Ok(row.get::<_, i64>(0)?))?);
    }
    numbers.sort_unstable();
    numbers.truncate(limit);
    let mut found = Vec::new();
    for number in numbers {
        found.extend(read::transmission_numbered(connection, number)?.map(|it| (number.unsigned_abs(), it)));
    }
    Ok(found)
}

/// Oldest first behind a position.
pub fn messages_after(
    connection: &Connection,
    state: Option<&str>,
    system: Option<&str>,
    after: u64,
    limit: usize,
) -> Read<Vec<StoredMessage>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut positions = Vec::new();
    match state {
        None => {
            let sql = "SELECT position FROM messages WHERE position > ?1 AND (?2 IS NULL OR system = ?2)
                       ORDER BY position LIMIT ?3";
            let values = params![after, system, count(limit)];
            positions.extend(many(connection, sql, values, |row| Ok(row.get::<_, i64>(0)?))?);
        }
        Some(state) => {
            let sql = "SELECT position FROM message_outcomes
                       WHERE state = ?1 AND system = ?2 AND position > ?3 ORDER BY position LIMIT ?4";
            let systems = match system {
                Some(system) => vec![system.to_owned()],
                None => self::systems(connection, Subject::Messages)?,
            };
            for system in systems {
                let values = params![state, system, after, count(limit)];
                positions.extend(many(connection, sql, values, |row| Ok(row.get::<_, i64>(0)?))?);
            }
        }
    }
    positions.sort_unstable();
    positions.truncate(limit);
    positions.into_iter().filter_map(|position| read::message_at(connection, position).transpose()).collect()
}

/// Records of a kind: by what they are about, or by whether they are open, or both kinds of open merged.
pub fn records(connection: &Connection, filter: &RecordFilter, page: Page) -> Read<Vec<Record>> {
    let kind = filter.kind;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(5)?, read::record_row(kind, row)?));
    let mut found: Vec<(i64, Record)> = Vec::new();
    match (&filter.about, filter.open) {
        (Some(about), open) => {
            let sql = "SELECT id, version, is_open, about, body, number FROM records INDEXED BY records_about
                       WHERE kind = ?1 AND about = ?2 AND about <> '' AND (?3 IS NULL OR is_open = ?3)
                       ORDER BY number DESC LIMIT ?4";
            found.extend(many(connection, sql, params![kind.word(), about, open, reach(page)], row)?);
        }
        (None, open) => {
            let sql = "SELECT id, version, is_open, about, body, number FROM records INDEXED BY records_by_state
                       WHERE kind = ?1 AND is_open = ?2 ORDER BY number DESC LIMIT ?3";
            for is_open in [false, true].into_iter().filter(|is_open| open.is_none_or(|open| open == *is_open)) {
                found.extend(many(connection, sql, params![kind.word(), is_open, reach(page)], row)?);
            }
        }
    }
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    Ok(found.into_iter().skip(page.skip).take(page.limit).map(|(_, record)| record).collect())
}

pub fn exceptions(connection: &Connection, filter: &ExceptionFilter, page: Page) -> Read<Vec<Exception>> {
    let is_by_class = filter.system.is_none() && filter.transmission.is_none() && filter.affects.is_none();
    if is_by_class && !filter.classes.is_empty() {
        return exceptions_of_classes(connection, filter, page);
    }
    let mut conditions = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(count(page.limit)), Box::new(count(page.skip))];
    if let Some(open) = filter.open {
        conditions.push(if open { "status = 'open'" } else { "status = 'resolved'" }.to_owned());
    }
    let system = filter.system.as_ref().map(|system| ("system", system.to_string()));
    let transmission = filter.transmission.map(|id| ("transmission", id.to_string()));
    for (column, value) in system.into_iter().chain(transmission) {
        values.push(Box::new(value));
        conditions.push(format!("{column} = ?{}", values.len()));
    }
    if !filter.classes.is_empty() {
        let words: Vec<String> = filter.classes.iter().map(|class| format!("'{}'", class.word())).collect();
        // Not by the index of classes: the other conditions leave less, and in the order of numbers.
        conditions.push(format!("+class IN ({})", words.join(", ")));
    }
    if let Some(entity) = &filter.affects {
        values.push(Box::new(entity.kind.clone()));
        values.push(Box::new(entity.key.clone()));
        let (kind, key) = (values.len() - 1, values.len());
        conditions.push(format!(
            "number IN (SELECT number FROM exception_affects WHERE kind = ?{kind} AND key = ?{key})
             AND EXISTS (SELECT 1 FROM json_each(record, '$.affects') AS it
                         WHERE it.value ->> '$.kind' = ?{kind} AND it.value ->> '$.key' = ?{key})"
        ));
    }
    let condition = if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") };
    let sql = format!("SELECT record FROM exceptions WHERE {condition} ORDER BY number DESC LIMIT ?1 OFFSET ?2");
    many(connection, &sql, rusqlite::params_from_iter(values), read::record)
}

/// The index holds (class, status, number): each combination is asked for and merged.
fn exceptions_of_classes(connection: &Connection, filter: &ExceptionFilter, page: Page) -> Read<Vec<Exception>> {
    let sql = "SELECT number FROM exceptions INDEXED BY exceptions_by_class
               WHERE class = ?1 AND status = ?2 ORDER BY number DESC LIMIT ?3";
    let mut words: Vec<&str> = filter.classes.iter().map(|class| class.word()).collect();
    words.sort_unstable();
    words.dedup();
    let statuses = [(true, "open"), (false, "resolved")];
    let mut numbers = Vec::new();
    for word in words {
        for (_, status) in statuses.iter().filter(|(is_open, _)| filter.open.is_none_or(|open| open == *is_open)) {
            numbers.extend(many(connection, sql, params![word, status, reach(page)], |row| Ok(row.get::<_, i64>(0)?))?);
        }
    }
    let sql = "SELECT record FROM exceptions WHERE number = ?1";
    let mut found = Vec::new();
    for number in on_page(numbers, page) {
        found.extend(many(connection, sql, [number], read::record)?);
    }
    Ok(found)
}

/// The index holds (status, what, number): each combination is asked for, as for transmissions.
pub fn suggestions(connection: &Connection, filter: &SuggestionFilter, page: Page) -> Read<Vec<Suggestion>> {
    let sql = "SELECT number FROM suggestions WHERE status = ?1 AND what = ?2 ORDER BY number DESC LIMIT ?3";
    let all = |wanted: &Option<String>, known: &[&str]| match wanted {
        Some(wanted) => vec![wanted.clone()],
        None => known.iter().map(|word| (*word).to_owned()).collect(),
    };
    let mut numbers = Vec::new();
    for status in all(&filter.status, &SUGGESTION_STATES) {
        for what in all(&filter.what, &PROPOSALS) {
            numbers.extend(many(connection, sql, params![status, what, reach(page)], |row| Ok(row.get::<_, i64>(0)?))?);
        }
    }
    on_page(numbers, page).filter_map(|number| read::suggestion_numbered(connection, number).transpose()).collect()
}

/// What stands in the lines of a key, system by system. Asked only when entities are merged or split.
pub fn in_line(connection: &Connection, key: &OrderingKey, limit: usize) -> Read<Vec<Transmission>> {
    let sql = "SELECT number FROM transmissions INDEXED BY transmissions_line
               WHERE system = ?1 AND ordering_key = ?2 AND state IN ('owed', 'sending', 'paused')
               ORDER BY place LIMIT ?3";
    let mut numbers = Vec::new();
    for system in systems(connection, Subject::Transmissions)? {
        let values = params![system, key.as_str(), count(limit)];
        numbers.extend(many(connection, sql, values, |row| Ok(row.get::<_, i64>(0)?))?);
    }
    numbers.sort_unstable();
    numbers.truncate(limit);
    let found = numbers.into_iter().map(|number| read::transmission_numbered(connection, number));
    found.filter_map(Result::transpose).collect()
}

/// Every system that was ever counted.
fn systems(connection: &Connection, subject: Subject) -> Read<Vec<String>> {
    let sql = "SELECT DISTINCT system FROM tallies WHERE subject = ?1";
    many(connection, sql, [subject.word()], |row| Ok(row.get(0)?))
}

const OUTCOMES_BY_STATE: &str = "SELECT position FROM message_outcomes WHERE state = ?1 AND system = ?2
                                 ORDER BY position DESC LIMIT ?3";
const TRANSMISSIONS_BY_STATE: &str = "SELECT number FROM transmissions INDEXED BY transmissions_by_state
                                      WHERE state = ?1 AND system = ?2 ORDER BY number DESC LIMIT ?3";

/// The newest numbers of each state and system asked for; `None` is every system that was ever counted.
fn by_state(
    connection: &Connection,
    sql: &str,
    states: &[&str],
    system: Option<&str>,
    subject: Subject,
    page: Page,
) -> Read<Vec<i64>> {
    let systems = match system {
        Some(system) => vec![system.to_owned()],
        None => self::systems(connection, subject)?,
    };
    let mut numbers = Vec::new();
    for state in states {
        for system in &systems {
            let values = params![state, system, reach(page)];
            numbers.extend(many(connection, sql, values, |row| Ok(row.get::<_, i64>(0)?))?);
        }
    }
    Ok(numbers)
}

/// What is walked is as long as the router is behind, not as history is.
fn waiting(connection: &Connection, system: Option<&str>, page: Page) -> Read<Vec<i64>> {
    let mut positions = Vec::new();
    for sql in [
        "SELECT position FROM messages m WHERE position > coalesce((SELECT value FROM highs WHERE name = 'routed'), 0)
         AND (?1 IS NULL OR system = ?1)
         AND NOT EXISTS (SELECT 1 FROM message_outcomes o WHERE o.position = m.position)
         ORDER BY position DESC LIMIT ?2",
        "SELECT position FROM inbox WHERE ?1 IS NULL OR system = ?1 ORDER BY position DESC LIMIT ?2",
    ] {
        positions.extend(many(connection, sql, params![system, reach(page)], |row| Ok(row.get::<_, i64>(0)?))?);
    }
    Ok(positions)
}

fn transmissions_about(
    connection: &Connection,
    about: &EntityRef,
    state: Option<&str>,
    system: Option<&str>,
    page: Page,
) -> Read<Vec<i64>> {
    let sql = "SELECT number FROM transmissions INDEXED BY transmissions_about
               WHERE about_kind = ?1 AND about_key = ?2 AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR system = ?4)
               ORDER BY number DESC LIMIT ?5";
    let values = params![about.kind, about.key, state, system, reach(page)];
    many(connection, sql, values, |row| Ok(row.get(0)?))
}

/// How many of the newest have to be known to show the page.
fn reach(page: Page) -> i64 {
    count(page.skip.saturating_add(page.limit))
}

fn on_page(mut numbers: Vec<i64>, page: Page) -> impl Iterator<Item = i64> {
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.into_iter().skip(page.skip).take(page.limit)
}
