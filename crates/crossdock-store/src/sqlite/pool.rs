//! Connections for reading. Reads never wait for the writer.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::queue::CLOSED;
use super::read::ReadError;
use super::{Options, problem, schema};
use crate::port::StoreError;

pub struct Readers {
    file: PathBuf,
    options: Options,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    open: usize,
    closed: bool,
}

impl Readers {
    pub fn new(file: PathBuf, options: Options) -> Self {
        Self { file, options, state: Mutex::default(), returned: Condvar::new() }
    }

    /// A pool of exactly this connection.
    pub fn of_one(file: PathBuf, options: Options, connection: Connection) -> Self {
        let options = Options { readers_max: std::num::NonZeroUsize::MIN, ..options };
        let state = State { idle: vec![connection], open: 1, closed: false };
        Self { file, options, state: Mutex::new(state), returned: Condvar::new() }
    }

    /// Runs a read on a free connection, opening one more or waiting when there is none.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, StoreError> {
        let connection = Lent { connection: Some(self.take()?), readers: self };
        let connection = connection.connection.as_ref().expect("taken back only on drop");
        read(connection).map_err(|error| self.explain(&error))
    }

    /// Like `read`, but everything it reads belongs to one moment.
    pub fn read_at_once<T>(&self, read: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, StoreError> {
        self.read(|connection| {
            let transaction = connection.unchecked_transaction()?;
            read(&transaction)
        })
    }

    /// Waits for the reads under way and closes their connections.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.returned.notify_all();
        loop {
            state.open -= state.idle.drain(..).count();
            if state.open == 0 {
                return;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(StoreError(CLOSED.into()));
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(connection);
            }
            if state.open < self.options.readers_max.get() {
                state.open += 1;
                break;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        schema::open_reader(&self.file, &self.options).map_err(|error| {
            self.lock().open -= 1;
            self.returned.notify_one();
            StoreError(problem::sentence(&self.file, &error))
        })
    }

    fn explain(&self, error: &ReadError) -> StoreError {
        StoreError(match error {
            ReadError::Engine(error) => problem::sentence(&self.file, error),
            ReadError::Record { .. } => format!("{}: {error}", self.file.display()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that goes back to its pool, also when a read panics.
struct Lent<'p> {
    connection: Option<Connection>,
    readers: &'p Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.readers.lock();
        state.idle.extend(self.connection.take());
        drop(state);
        // A closing pool and a waiting reader wait at the same place.
        self.readers.returned.notify_all();
    }
}
