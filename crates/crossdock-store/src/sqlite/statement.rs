//! The one door to prepared statements: each is compiled once per connection. Tests write down what came through it.

use rusqlite::{CachedStatement, Connection};

/// The statement, compiled before or now.
pub fn prepared<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    #[cfg(test)]
    seen::note(sql);
    connection.prepare_cached(sql)
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
