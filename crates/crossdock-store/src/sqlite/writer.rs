//! The one thread that writes. It takes what waits as a group, applies each changeset in order, syncs once, and only
//! then tells every sender.

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
use super::queue::{Queue, Submission};
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
        while let Some(group) = self.queue.next_group(expected, linger) {
            let begun = Instant::now();
            expected = group.len();
            self.commit(&mut applier, group);
            let took = begun.elapsed();
            // Waiting longer than a commit takes would cost more than it saves.
            linger = took.min(self.linger_max);
            self.work.last_commit_us.store(took.as_micros() as u64, Ordering::Relaxed);
            if let Err(error) = self.log.restart_if_wanted(&self.connection) {
                // The checkpointer meets the same error and reports it.
                drop(error);
            }
        }
    }

    fn commit(&self, applier: &mut Applier<'_>, group: Vec<Submission>) {
        match self.transact(applier, &group) {
            Ok(answers) => {
                self.work.commits.fetch_add(1, Ordering::Relaxed);
                self.work.changesets.fetch_add(answers.len() as u64, Ordering::Relaxed);
                self.log.committed();
                for (submission, answer) in group.into_iter().zip(answers) {
                    tell(submission.done, answer);
                }
            }
            Err(error) => {
                self.work.failed_commits.fetch_add(1, Ordering::Relaxed);
                let reason = problem::sentence(&self.file, &error);
                if !self.connection.is_autocommit() {
                    // If even this fails, the next BEGIN fails too, and says why.
                    let _ = self.run_sql("ROLLBACK");
                }
                applier.rolled_back();
                answer_all(group, &reason);
            }
        }
    }

    /// All of the group in one transaction. On an error nothing of it is kept.
    fn transact(&self, applier: &mut Applier<'_>, group: &[Submission]) -> rusqlite::Result<Vec<Answer>> {
        self.run_sql("BEGIN IMMEDIATE")?;
        let mut answers = Vec::with_capacity(group.len());
        for submission in group {
            answers.push(match applier.apply(&submission.changeset) {
                Ok(()) => Ok(()),
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(Stop::Engine(error)) => return Err(error),
            });
        }
        if answers.iter().all(Result::is_err) {
            self.run_sql("ROLLBACK")?;
            applier.rolled_back();
            return Ok(answers);
        }
        let written = applier.finish()?;
        self.run_sql("COMMIT")?;
        applier.committed(written);
        Ok(answers)
    }

    fn run_sql(&self, sql: &str) -> rusqlite::Result<()> {
        prepared(&self.connection, sql)?.execute([])?;
        Ok(())
    }
}

fn answer_all(group: Vec<Submission>, reason: &str) {
    for submission in group {
        tell(submission.done, Err(CommitError::Unavailable(reason.to_owned())));
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
