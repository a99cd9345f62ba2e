//! The one thread that writes. It takes what waits as a group, applies each changeset in order as it comes, syncs once, and
//! only then tells every sender.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::apply::{Applier, Stop};
use super::checkpoint::Log;
use super::dedup::DedupIndex;
use super::lock::FolderLock;
use super::problem;
use super::queue::{Queue, Submission, Taken};
use super::statement::prepared;
use crate::port::{CommitError, Done};

/// Everything the writer's thread needs.
pub struct Writer {
    pub connection: Connection,
    pub file: PathBuf,
    pub queue: Arc<Queue>,
    pub dedup: Arc<DedupIndex>,
    pub log: Arc<Log>,
    pub work: Arc<Work>,
    pub linger_max: Duration,
    /// Kept until the connection is closed.
    pub _lock: Arc<FolderLock>,
}

/// What the writer has done since it was opened.
#[derive(Default)]
pub struct Work {
    pub commits: AtomicU64,
    pub changesets: AtomicU64,
    pub failed_commits: AtomicU64,
    pub last_commit_us: AtomicU64,
}

type Answer = Result<(), CommitError>;

/// What is in the transaction under way.
#[derive(Default)]
struct Group {
    taken: Taken,
    /// Whom to tell, in the order of the answers.
    waiting: Vec<Done>,
    answers: Vec<Answer>,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub fn run(self) {
        // Whatever ends this thread, nobody is left waiting for an answer.
        let _last_words = LastWords(self.queue.clone());
        let mut applier = match Applier::new(&self.connection, self.dedup.clone(), &self.file) {
            Ok(applier) => applier,
            Err(error) => {
                self.queue.close();
                let reason = problem::sentence(&self.file, &error);
                return answer_all(self.queue.drain(), &reason);
            }
        };
        let (mut expected, mut linger) = (1, Duration::ZERO);
        while let Some(first) = self.queue.first() {
            let begun = Instant::now();
            let mut group = Group::default();
            match self.transact(&mut applier, &mut group, first, (expected, begun + linger)) {
                Ok(synced) => {
                    // Waiting longer than a sync takes would cost more than it saves.
                    linger = synced.min(self.linger_max);
                    self.committed(&mut group);
                }
                Err(error) => self.failed(&mut applier, &mut group, &error),
            }
            expected = group.taken.count;
            self.work.last_commit_us.store(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
            if let Err(error) = self.log.restart_if_wanted(&self.connection) {
                // The checkpointer meets the same error and reports it.
                drop(error);
            }
        }
    }

    fn committed(&self, group: &mut Group) {
        self.work.commits.fetch_add(1, Ordering::Relaxed);
        self.work.changesets.fetch_add(group.answers.len() as u64, Ordering::Relaxed);
        self.log.committed();
        for (done, answer) in group.waiting.drain(..).zip(group.answers.drain(..)) {
            tell(done, answer);
        }
    }

    fn failed(&self, applier: &mut Applier<'_>, group: &mut Group, error: &rusqlite::Error) {
        self.work.failed_commits.fetch_add(1, Ordering::Relaxed);
        let reason = problem::sentence(&self.file, error);
        if !self.connection.is_autocommit() {
            // If even this fails, the next BEGIN fails too, and says why.
            let _ = self.run_sql("ROLLBACK");
        }
        applier.rolled_back();
        answer_all(group.waiting.drain(..), &reason);
    }

    /// All of a group in one transaction: what is there, and what comes up to the deadline while fewer than expected are
    /// there. On an error nothing of it is kept. Gives back how long the sync took.
    fn transact(
        &self,
        applier: &mut Applier<'_>,
        group: &mut Group,
        first: Vec<Submission>,
        (expected, deadline): (usize, Instant),
    ) -> rusqlite::Result<Duration> {
        let mut more = first;
        let mut begun = self.run_sql("BEGIN IMMEDIATE");
        while !more.is_empty() {
            for Submission { changeset, done } in more.drain(..) {
                group.taken.count += 1;
                group.taken.bytes += changeset.bytes;
                group.waiting.push(done);
                if begun.is_ok() {
                    match applier.apply(&changeset) {
                        Ok(()) => group.answers.push(Ok(())),
                        Err(Stop::Refused(refusal)) => group.answers.push(Err(refusal)),
                        Err(Stop::Engine(error)) => begun = Err(error),
                    }
                }
            }
            if begun.is_ok() {
                more = self.queue.more(group.taken, expected, deadline);
            }
        }
        begun?;
        if group.answers.iter().all(Result::is_err) {
            self.run_sql("ROLLBACK")?;
            applier.rolled_back();
            return Ok(Duration::ZERO);
        }
        let written = applier.finish()?;
        let syncing = Instant::now();
        self.run_sql("COMMIT")?;
        applier.committed(written);
        Ok(syncing.elapsed())
    }

    fn run_sql(&self, sql: &str) -> rusqlite::Result<()> {
        prepared(&self.connection, sql)?.execute([])?;
        Ok(())
    }
}

fn answer_all(waiting: impl IntoIterator<Item = Done>, reason: &str) {
    for done in waiting {
        tell(done, Err(CommitError::Unavailable(reason.to_owned())));
    }
}

/// A callback that panics must not take the store with it.
fn tell(done: Done, answer: Answer) {
    let _ = catch_unwind(AssertUnwindSafe(|| done(answer)));
}

struct LastWords(Arc<Queue>);

impl Drop for LastWords {
    fn drop(&mut self) {
        self.0.close();
        answer_all(self.0.drain(), "the store's writer has ended because of a defect: restart the hub");
    }
}
