//! Lists of entities, a page at a time. Either an index holds the whole filter, or the page ends after so many were
//! looked at, so it costs the same however many there are.

use crossdock_core::event::{Entity, EntityRef};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::encode::time_text;
use super::read::{self, ReadError, count, many};
use crate::port::{EXAMINED_MAX, EntityFilter, EntityMark, EntityPage};

type Read<T> = Result<T, ReadError>;

pub fn page(
    connection: &Connection,
    filter: &EntityFilter,
    after: Option<&EntityMark>,
    limit: usize,
) -> Read<EntityPage> {
    match filter.is_by_key() {
        true => by_key(connection, filter, after, limit),
        false => by_time(connection, filter, after, limit),
    }
}

/// Later than every instant as text.
const NO_END: &str = "A";

/// The index holds (kind, status, time, key): each status is asked for its first ones, and they are merged.
fn by_time(
    connection: &Connection,
    filter: &EntityFilter,
    after: Option<&EntityMark>,
    limit: usize,
) -> Read<EntityPage> {
    let statuses = match &filter.status {
        Some(status) => vec![status.clone()],
        None => statuses(connection, &filter.kind)?,
    };
    let start = filter.updated_since.map(time_text).unwrap_or_default();
    let mark = after.map(|mark| (mark.updated_at.map(time_text).unwrap_or_default(), mark.key.clone()));
    // A mark before the start is of another list; no key is empty, so the start itself is inside.
    let (at, key) = mark.filter(|(at, _)| *at >= start).unwrap_or((start, String::new()));
    let until = filter.updated_until.map_or_else(|| NO_END.to_owned(), time_text);
    let sql = "SELECT updated_at, key, number FROM entities INDEXED BY entities_by_status
               WHERE kind = ?1 AND status = ?2 AND (updated_at, key) > (?3, ?4) AND updated_at < ?5
               ORDER BY updated_at, key LIMIT ?6";
    let mut found: Vec<(String, String, i64)> = Vec::new();
    for status in statuses {
        let values = params![filter.kind, status, at, key, until, count(limit.saturating_add(1))];
        found.extend(many(connection, sql, values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?);
    }
    found.sort_unstable();
    let is_cut = found.len() > limit;
    found.truncate(limit);
    let mut entities = Vec::with_capacity(found.len());
    for (_, _, number) in found {
        entities.extend(numbered(connection, number)?);
    }
    let next = entities.last().filter(|_| is_cut).map(|last| mark_of(last, Some(last.updated_at)));
    Ok(EntityPage { entities, next })
}

/// The states that entities of a kind are in: one step through the index each.
fn statuses(connection: &Connection, kind: &str) -> Read<Vec<String>> {
    let sql = "SELECT status FROM entities INDEXED BY entities_by_status WHERE kind = ?1 AND status > ?2
               ORDER BY status LIMIT 1";
    let empty = "SELECT status FROM entities INDEXED BY entities_by_status WHERE kind = ?1 AND status = '' LIMIT 1";
    let mut statuses: Vec<String> = many(connection, empty, [kind], |row| Ok(row.get(0)?))?;
    let mut last = String::new();
    while let Some(next) = many(connection, sql, [kind, &last], |row| Ok(row.get::<_, String>(0)?))?.pop() {
        statuses.push(next.clone());
        last = next;
    }
    Ok(statuses)
}

/// What links to an entity, or is known to a system, in the order of its key; what else is asked for is looked at one by
/// one.
fn by_key(
    connection: &Connection,
    filter: &EntityFilter,
    after: Option<&EntityMark>,
    limit: usize,
) -> Read<EntityPage> {
    let after = after.map_or("", |mark| mark.key.as_str());
    let most = count(EXAMINED_MAX);
    let keys: Vec<String> = match (&filter.link, &filter.system) {
        (Some(link), _) => {
            let sql = "SELECT of_key FROM entity_links WHERE kind = ?1 AND key = ?2 AND of_kind = ?3 AND of_key > ?4
                       ORDER BY of_key LIMIT ?5";
            many(connection, sql, params![link.kind, link.key, filter.kind, after, most], |row| Ok(row.get(0)?))?
        }
        (None, system) => {
            let sql = "SELECT DISTINCT entity_key FROM entity_references INDEXED BY entity_references_by_system
                       WHERE system = ?1 AND entity_kind = ?2 AND entity_key > ?3 ORDER BY entity_key LIMIT ?4";
            let system = system.as_ref().map_or("", |system| system.as_str());
            many(connection, sql, params![system, filter.kind, after, most], |row| Ok(row.get(0)?))?
        }
    };
    let is_all = keys.len() < EXAMINED_MAX;
    let mut entities = Vec::new();
    let mut examined = 0;
    for key in &keys {
        if entities.len() == limit {
            break;
        }
        examined += 1;
        let name = EntityRef::new(filter.kind.as_str(), key.as_str());
        let Some(entity) = read::entity(connection, &name)? else { continue };
        if fits(filter, &entity) && is_known(connection, filter, &name)? {
            entities.push(entity);
        }
    }
    let is_end = is_all && examined == keys.len();
    let last = keys.get(examined.wrapping_sub(1)).filter(|_| !is_end);
    let next = last.map(|key| EntityMark { updated_at: None, key: key.clone() });
    Ok(EntityPage { entities, next })
}

fn fits(filter: &EntityFilter, entity: &Entity) -> bool {
    filter.status.as_ref().is_none_or(|status| *status == entity.status)
        && filter.updated_since.is_none_or(|since| entity.updated_at >= since)
        && filter.updated_until.is_none_or(|until| entity.updated_at < until)
}

/// Whether the system that is asked for knows it; in a list of what a system knows, it does.
fn is_known(connection: &Connection, filter: &EntityFilter, name: &EntityRef) -> Read<bool> {
    let (Some(_), Some(system)) = (&filter.link, &filter.system) else { return Ok(true) };
    let sql = "SELECT 1 FROM entity_references WHERE entity_kind = ?1 AND entity_key = ?2 AND system = ?3 LIMIT 1";
    Ok(!many(connection, sql, params![name.kind, name.key, system.as_str()], |_| Ok(()))?.is_empty())
}

fn numbered(connection: &Connection, number: i64) -> Read<Option<Entity>> {
    Ok(many(connection, "SELECT record FROM entities WHERE number = ?1", [number], read::record)?.pop())
}

fn mark_of(entity: &Entity, updated_at: Option<Timestamp>) -> EntityMark {
    EntityMark { updated_at, key: entity.name.key.clone() }
}
