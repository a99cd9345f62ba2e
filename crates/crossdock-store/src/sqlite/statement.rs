//! The one door to prepared statements: each is compiled once per connection. Tests write down what came through it.

use rusqlite::{CachedStatement, Connection, Statement};

/// The statement, compiled before or now.
pub fn prepared<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    #[cfg(test)]
    seen::note(sql);
    connection.prepare_cached(sql)
}

/// The statements of a thread that runs the same few over and over: found by where their text lies in the program,
/// which costs a few comparisons instead of a hash over the text.
pub struct Statements<'c> {
    connection: &'c Connection,
    known: Vec<(&'static str, Statement<'c>)>,
}

impl<'c> Statements<'c> {
    pub fn new(connection: &'c Connection) -> Self {
        Self { connection, known: Vec::new() }
    }

    /// The statement, compiled before or now.
    pub fn get(&mut self, sql: &'static str) -> rusqlite::Result<&mut Statement<'c>> {
        let at = match self.known.iter().position(|(known, _)| std::ptr::eq(*known, sql)) {
            // What is asked for often moves to the front.
            Some(at) if at > 0 => {
                self.known.swap(at - 1, at);
                at - 1
            }
            Some(at) => at,
            None => {
                #[cfg(test)]
                seen::note(sql);
                self.known.push((sql, self.connection.prepare(sql)?));
                self.known.len() - 1
            }
        };
        Ok(&mut self.known[at].1)
    }
}

#[cfg(test)]
pub mod seen {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, PoisonError};

    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

    pub fn note(sql: &str) {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(sql) {
            seen.insert(sql.to_owned());
        }
    }

    pub fn statements() -> BTreeSet<String> {
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
