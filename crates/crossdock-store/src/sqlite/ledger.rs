//! Figures that change with every message. They are gathered over a whole transaction and written once at its end, so
//! that they cost a statement per group and not per message, and are exact all the same.

use std::collections::HashMap;

use crossdock_core::ids::SystemName;
use rusqlite::{Connection, OptionalExtension, params};

use super::statement::prepared;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Messages,
    Transmissions,
    Events,
    Exceptions,
    Rejections,
}

impl Subject {
    pub const fn word(self) -> &'static str {
        match self {
            Subject::Messages => "messages",
            Subject::Transmissions => "transmissions",
            Subject::Events => "events",
            Subject::Exceptions => "exceptions",
            Subject::Rejections => "rejections",
        }
    }
}

type Tally = (Subject, Option<SystemName>, &'static str);

/// The highest numbers given so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Highs {
    message_position: i64,
    event_position: i64,
    place: i64,
    /// Every message up to here is decided or in the inbox.
    routed: i64,
    /// How many messages behind `routed` are decided all the same. Not stored.
    ahead: i64,
}

/// The figures of the transaction under way, and in front of them those of the changeset under way.
pub struct Ledger {
    stored: Highs,
    highs: Highs,
    draft_highs: Highs,
    /// Few at a time, so looking through them is quicker than a hash.
    tallies: Vec<(Tally, i64)>,
    draft_tallies: Vec<(Tally, i64)>,
    activity: HashMap<SystemName, String>,
    draft_activity: Vec<(SystemName, String)>,
}

impl Ledger {
    pub fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let high = |name: &str| -> rusqlite::Result<i64> {
            let mut statement = prepared(connection, "SELECT value FROM highs WHERE name = ?1")?;
            Ok(statement.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
        };
        let stored = Highs {
            message_position: high("message_position")?,
            event_position: high("event_position")?,
            place: high("place")?,
            routed: high("routed")?,
            ahead: 0,
        };
        let mut ahead = prepared(connection, "SELECT count(*) FROM message_outcomes WHERE position > ?1")?;
        let stored = Highs { ahead: ahead.query_row([stored.routed], |row| row.get(0))?, ..stored };
        Ok(Self {
            stored,
            highs: stored,
            draft_highs: stored,
            tallies: Vec::new(),
            draft_tallies: Vec::new(),
            activity: HashMap::new(),
            draft_activity: Vec::new(),
        })
    }

    pub fn next_message_position(&mut self) -> i64 {
        self.draft_highs.message_position += 1;
        self.draft_highs.message_position
    }

    pub fn next_event_position(&mut self) -> i64 {
        self.draft_highs.event_position += 1;
        self.draft_highs.event_position
    }

    /// Whether the router has been here, so that what waits is in the inbox.
    pub fn is_routed(&self, position: i64) -> bool {
        position <= self.draft_highs.routed
    }

    /// A message where the router has not been is decided; asks `is_decided` about those behind it.
    pub fn decided<E>(&mut self, position: i64, is_decided: impl Fn(i64) -> Result<bool, E>) -> Result<(), E> {
        let highs = &mut self.draft_highs;
        if position != highs.routed + 1 {
            highs.ahead += 1;
            return Ok(());
        }
        highs.routed = position;
        while highs.ahead > 0 && is_decided(highs.routed + 1)? {
            highs.routed += 1;
            highs.ahead -= 1;
        }
        Ok(())
    }

    /// A message where the router has not been waits again.
    pub fn undecided(&mut self) {
        self.draft_highs.ahead -= 1;
    }

    pub fn place_given(&mut self, place: i64) {
        self.draft_highs.place = self.draft_highs.place.max(place);
    }

    pub fn count(&mut self, subject: Subject, system: Option<&SystemName>, state: &'static str, change: i64) {
        self.draft_tallies.push(((subject, system.cloned(), state), change));
    }

    pub fn message_received(&mut self, system: &SystemName, at: &str) {
        self.draft_activity.push((system.clone(), at.to_owned()));
    }

    /// The changeset under way was applied.
    pub fn keep_draft(&mut self) {
        self.highs = self.draft_highs;
        for (tally, change) in self.draft_tallies.drain(..) {
            match self.tallies.iter_mut().find(|(known, _)| *known == tally) {
                Some((_, sum)) => *sum += change,
                None => self.tallies.push((tally, change)),
            }
        }
        for (system, at) in self.draft_activity.drain(..) {
            let latest = self.activity.entry(system).or_default();
            if *latest < at {
                *latest = at;
            }
        }
    }

    /// The changeset under way was refused.
    pub fn drop_draft(&mut self) {
        self.draft_highs = self.highs;
        self.draft_tallies.clear();
        self.draft_activity.clear();
    }

    /// Writes everything gathered, inside the transaction.
    pub fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut tally = prepared(
            connection,
            "INSERT INTO tallies (subject, system, state, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?;
        for ((subject, system, state), change) in self.tallies.iter().filter(|(_, change)| *change != 0) {
            let system = system.as_ref().map_or("", SystemName::as_str);
            tally.execute(params![subject.word(), system, state, change])?;
        }
        let mut activity = prepared(
            connection,
            "INSERT INTO system_activity (system, last_message_at) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET last_message_at = max(last_message_at, excluded.last_message_at)",
        )?;
        for (system, at) in &self.activity {
            activity.execute(params![system.as_str(), at])?;
        }
        let mut high = prepared(connection, "INSERT OR REPLACE INTO highs (name, value) VALUES (?1, ?2)")?;
        for (name, old, new) in [
            ("message_position", self.stored.message_position, self.highs.message_position),
            ("event_position", self.stored.event_position, self.highs.event_position),
            ("place", self.stored.place, self.highs.place),
            ("routed", self.stored.routed, self.highs.routed),
        ] {
            if new != old {
                high.execute(params![name, new])?;
            }
        }
        Ok(())
    }

    /// The transaction is committed.
    pub fn committed(&mut self) {
        self.stored = self.highs;
        self.forget();
    }

    /// The transaction was rolled back.
    pub fn rolled_back(&mut self) {
        self.highs = self.stored;
        self.forget();
    }

    fn forget(&mut self) {
        self.draft_highs = self.highs;
        self.tallies.clear();
        self.draft_tallies.clear();
        self.activity.clear();
        self.draft_activity.clear();
    }
}
