//! The one thread that writes. It takes what waits as a group, applies each changeset in order as it comes, commits them
//! into the log, and hands them to the syncer, who tells every sender once they are on the disk. Meanwhile the next
//! group is applied.

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
use super::queue::{Answer, Queue, Submission, Taken, Unsynced};
use super::statement::prepared;
use super::syncer::answer_all;
use crate::port::Done;

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
    /// From the first changeset of a group to its sync.
    pub last_commit_us: AtomicU64,
    /// Of the sync alone.
    pub last_sync_us: AtomicU64,
}

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
        let mut expected = 1;
        while let Some(first) = self.queue.first() {
            let begun = Instant::now();
            // Waiting longer than a sync takes would cost more than it saves.
            let linger = Duration::from_micros(self.work.last_sync_us.load(Ordering::Relaxed)).min(self.linger_max);
            let mut group = Group::default();
            let written = self.transact(&mut applier, &mut group, first, (expected, begun + linger));
            expected = group.taken.count;
            let group_bytes = group.taken.bytes as u64;
            match written {
                Ok(is_written) => self.committed(group, is_written, begun),
                Err(error) => self.failed(&mut applier, &mut group, &error),
            }
            if let Err(error) = self.log.restart_if_wanted(&self.connection, group_bytes) {
                // The checkpointer meets the same error and reports it.
                drop(error);
            }
        }
    }

    fn committed(&self, group: Group, is_written: bool, begun: Instant) {
        self.work.commits.fetch_add(1, Ordering::Relaxed);
        self.work.changesets.fetch_add(group.answers.len() as u64, Ordering::Relaxed);
        self.log.committed();
        let Group { waiting, answers, .. } = group;
        if let Err((unsynced, reason)) = self.queue.hand_over(Unsynced { waiting, answers, is_written, begun }) {
            answer_all(unsynced.waiting, &reason);
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
    /// there. On an error nothing of it is kept. Gives back whether anything was written.
    fn transact(
        &self,
        applier: &mut Applier<'_>,
        group: &mut Group,
        first: Vec<Submission>,
        (expected, deadline): (usize, Instant),
    ) -> rusqlite::Result<bool> {
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
            return Ok(false);
        }
        let written = applier.finish()?;
        self.run_sql("COMMIT")?;
        applier.committed(written);
        Ok(true)
    }

    fn run_sql(&self, sql: &str) -> rusqlite::Result<()> {
        prepared(&self.connection, sql)?.execute([])?;
        Ok(())
    }
}

struct LastWords(Arc<Queue>);

impl Drop for LastWords {
    fn drop(&mut self) {
        self.0.close();
        self.0.written_out();
        answer_all(self.0.drain(), "the store's writer has ended because of a defect: restart the hub");
    }
}
