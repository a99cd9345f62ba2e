//! The one thread that syncs. What the writer has committed stands in the log, whole or not at all whatever happens, but
//! only a sync brings it onto the disk: SQLite is told not to wait for one (`synchronous = NORMAL`), this thread does,
//! and only then every sender is told. So the writer goes on while the disk works, and one sync serves all that came
//! meanwhile.
//!
//! When a sync fails, nobody knows any more what of the log is on the disk, and the next sync may well say that all is
//! fine. So the store takes nothing further until it is opened again, which reads what is really there.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::lock::FolderLock;
use super::queue::{Answer, Queue, Unsynced};
use super::writer::Work;
use crate::port::{CommitError, Done};

/// Everything the syncer's thread needs.
pub struct Syncer {
    pub file: PathBuf,
    pub queue: Arc<Queue>,
    pub work: Arc<Work>,
    /// Of `Options`.
    pub sync: fn(&File) -> io::Result<()>,
    /// Kept until the last sync.
    pub _lock: Arc<FolderLock>,
}

impl Syncer {
    /// Syncs until the writer has ended.
    pub fn run(self) {
        // Whatever ends this thread, nobody is left waiting for an answer.
        let _last_words = LastWords(&self.queue);
        let mut log = None;
        while let Some(unsynced) = self.queue.next_unsynced() {
            let begun = Instant::now();
            if unsynced.is_written
                && let Err(error) = self.sync(&mut log)
            {
                let reason = format!(
                    "{} could not be brought onto the disk ({error}): look at the disk, then restart the hub",
                    self.file.display()
                );
                let next = self.queue.break_off(&reason);
                answer_all(unsynced.waiting, &reason);
                answer_all(next.into_iter().flat_map(|next| next.waiting), &reason);
                return answer_all(self.queue.drain(), &reason);
            }
            if unsynced.is_written {
                self.work.last_sync_us.store(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
                self.work.last_commit_us.store(unsynced.begun.elapsed().as_micros() as u64, Ordering::Relaxed);
            }
            let Unsynced { waiting, answers, .. } = unsynced;
            waiting.into_iter().zip(answers).for_each(|(done, answer)| tell(done, answer));
        }
    }

    /// Syncs the log, which stays the same file for as long as the writer has its connection.
    fn sync(&self, log: &mut Option<File>) -> io::Result<()> {
        let log = match log {
            Some(log) => log,
            None => log.insert(self.open_log()?),
        };
        (self.sync)(log)
    }

    fn open_log(&self) -> io::Result<File> {
        let mut path = self.file.as_os_str().to_owned();
        path.push("-wal");
        let log = File::open(path)?;
        // The log's own entry in the folder.
        if let Some(folder) = self.file.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(log)
    }
}

/// Tells everybody that nothing came of it.
pub fn answer_all(waiting: impl IntoIterator<Item = Done>, reason: &str) {
    for done in waiting {
        tell(done, Err(CommitError::Unavailable(reason.to_owned())));
    }
}

/// A callback that panics must not take the store with it.
fn tell(done: Done, answer: Answer) {
    let _ = catch_unwind(AssertUnwindSafe(|| done(answer)));
}

struct LastWords<'a>(&'a Queue);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        const REASON: &str = "the store's syncer has ended because of a defect: restart the hub";
        if std::thread::panicking() {
            let next = self.0.break_off(REASON);
            answer_all(next.into_iter().flat_map(|next| next.waiting), REASON);
            answer_all(self.0.drain(), REASON);
        }
    }
}
