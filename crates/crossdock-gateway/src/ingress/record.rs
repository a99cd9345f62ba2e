//! Keeps a record of requests that were turned away: enough to find the sender, never so many that a scanner fills
//! the disk (I10).

use std::sync::{Mutex, PoisonError};

use crossdock_core::ids::SystemName;
use crossdock_core::message::Rejection;
use crossdock_runtime::intake::Intake;
use jiff::Timestamp;

use crate::problem::Problem;

/// A request that was turned away.
pub struct Refused<'a> {
    /// Only a system that exists: names that strangers make up are in the path.
    pub system: Option<SystemName>,
    pub problem: &'a Problem,
    pub path: String,
    pub peer: String,
    pub body_bytes: u64,
}

/// Writes the records.
pub struct Recorder {
    intake: Intake,
    quota: Mutex<Quota>,
}

impl Recorder {
    pub fn new(intake: Intake, per_s_max: u32) -> Self {
        Self { intake, quota: Mutex::new(Quota { per_s_max, second: 0, recorded: 0, left_out: 0 }) }
    }

    pub fn record(&self, refused: Refused<'_>) {
        let at = self.intake.now();
        let (is_recorded, left_out) = self.quota.lock().unwrap_or_else(PoisonError::into_inner).take(at);
        if left_out > 0 {
            tracing::warn!(left_out, "rejections came faster than they are recorded");
        }
        if !is_recorded {
            return;
        }
        self.intake.record(Rejection {
            system: refused.system,
            at,
            status: refused.problem.status.as_u16(),
            code: refused.problem.code.to_owned(),
            reason: refused.problem.detail.clone(),
            path: refused.path,
            peer: Some(refused.peer),
            body_bytes: refused.body_bytes,
        });
    }
}

/// So many records in each second.
#[derive(Debug)]
struct Quota {
    per_s_max: u32,
    second: i64,
    recorded: u32,
    left_out: u64,
}

impl Quota {
    /// Whether one more may be recorded, and how many were not in the seconds before.
    fn take(&mut self, at: Timestamp) -> (bool, u64) {
        let mut left_out = 0;
        if self.second != at.as_second() {
            left_out = std::mem::take(&mut self.left_out);
            (self.second, self.recorded) = (at.as_second(), 0);
        }
        let is_recorded = self.recorded < self.per_s_max;
        match is_recorded {
            true => self.recorded += 1,
            false => self.left_out += 1,
        }
        (is_recorded, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_but_not_recorded() {
        let mut quota = Quota { per_s_max: 2, second: 0, recorded: 0, left_out: 0 };
        let at = |second| Timestamp::from_second(second).expect("a valid second");
        assert_eq!([10; 4].map(|second| quota.take(at(second))), [(true, 0), (true, 0), (false, 0), (false, 0)]);
        assert_eq!(quota.take(at(11)), (true, 2));
        assert_eq!(quota.take(at(11)), (true, 0));
        assert_eq!(quota.take(at(12)), (true, 0));
    }
}
