//! Connections for reading. Reads never wait for the writer.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::queue::CLOSED;
use super::read::ReadError;
use super::statement::prepared;
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
    /// How many sleep until a connection comes back: nobody has to be woken when there is none.
    asleep: usize,
    closed: bool,
}

/// A connection that all reads of this thread use for a while, with the pool it belongs to.
struct Kept {
    pool: *const Readers,
    connection: Connection,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

impl Readers {
    pub fn new(file: PathBuf, options: Options) -> Self {
        Self { file, options, state: Mutex::default(), returned: Condvar::new() }
    }

    /// A pool of exactly this connection.
    pub fn of_one(file: PathBuf, options: Options, connection: Connection) -> Self {
        let options = Options { readers_max: std::num::NonZeroUsize::MIN, ..options };
        let state = State { idle: vec![connection], open: 1, ..State::default() };
        Self { file, options, state: Mutex::new(state), returned: Condvar::new() }
    }

    /// Runs a read on a free connection, opening one more or waiting when there is none.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, StoreError> {
        let read_here = |kept: &RefCell<Option<Kept>>| match &*kept.borrow() {
            Some(kept) if std::ptr::eq(kept.pool, self) => Ok(read(&kept.connection)),
            _ => Err(read),
        };
        let result = match KEPT.with(read_here) {
            Ok(result) => result,
            Err(read) => {
                let lent = Lent { connection: Some(self.take()?), readers: self };
                read(lent.connection.as_ref().expect("taken back only on drop"))
            }
        };
        result.map_err(|error| self.explain(&error))
    }

    /// Does work whose reads on this thread all belong to one moment. They cost one transaction together instead of one
    /// each, and what one of them has read is still known to the next.
    pub fn together(&self, work: &mut dyn FnMut()) -> Result<(), StoreError> {
        if KEPT.with(|kept| kept.borrow().is_some()) {
            // Within another hold, of this pool or of another one.
            work();
            return Ok(());
        }
        let mut lent = Lent { connection: Some(self.take()?), readers: self };
        let connection = lent.connection.take().expect("taken back only on drop");
        let begun = prepared(&connection, "BEGIN").and_then(|mut begin| begin.execute([]));
        KEPT.with(|kept| *kept.borrow_mut() = Some(Kept { pool: self, connection }));
        let _release = Release(&mut lent);
        begun.map_err(|error| self.explain(&error.into()))?;
        work();
        Ok(())
    }

    /// Whether this thread is within [`Readers::together`] of this pool.
    fn keeps(&self) -> bool {
        KEPT.with(|kept| kept.borrow().as_ref().is_some_and(|kept| std::ptr::eq(kept.pool, self)))
    }

    /// Like `read`, but everything it reads belongs to one moment.
    pub fn read_at_once<T>(&self, read: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, StoreError> {
        if self.keeps() {
            return self.read(read);
        }
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
            state.asleep += 1;
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
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
            state.asleep += 1;
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
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
        let somebody_waits = state.asleep > 0;
        drop(state);
        // A closing pool and a waiting reader wait at the same place.
        if somebody_waits {
            self.readers.returned.notify_all();
        }
    }
}

/// Ends a thread's hold of a connection, also when its work panics.
struct Release<'l, 'p>(&'l mut Lent<'p>);

impl Drop for Release<'_, '_> {
    fn drop(&mut self) {
        let Some(kept) = KEPT.with(RefCell::take) else { return };
        if !kept.connection.is_autocommit() {
            // A transaction that has only read has nothing to lose. Should it not end, the next BEGIN says so.
            let _ = prepared(&kept.connection, "ROLLBACK").and_then(|mut end| end.execute([]));
        }
        self.0.connection = Some(kept.connection);
    }
}
