//! Wakes what waits for a point in time.

use std::sync::Arc;
use std::time::Duration;

use crossdock_core::changeset::{Change, Changeset, Timer, TimerPurpose};
use crossdock_core::transmission::{TransmissionEvent, decide};
use crossdock_store::{CommitError, StoreError};
use tokio::sync::watch;

use crate::clock::until_then;
use crate::shell::Shell;
use crate::transmitter::settle;

/// Timers taken at once.
const BATCH_MAX: usize = 100;
/// The longest sleep, should a hint be lost.
const REST: Duration = Duration::from_secs(5);

/// Why timers are late.
#[derive(Debug, thiserror::Error)]
enum Late {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Runs until `stop` turns true.
pub async fn run(shell: Arc<Shell>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let pause = match fire_due(&shell).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!(%error, "timers are late: the store cannot be used");
                REST
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = shell.wake.timer_hint() => {}
            () = shell.clock.sleep(pause) => {}
        }
    }
}

/// Fires what is due and returns how long there is nothing more to do.
async fn fire_due(shell: &Arc<Shell>) -> Result<Duration, Late> {
    let now = shell.clock.now();
    let (due, next) = shell.read(move |store| Ok((store.due_timers(now, BATCH_MAX)?, store.next_timer()?))).await?;
    for timer in &due {
        fire(shell, timer).await?;
    }
    if due.len() == BATCH_MAX {
        return Ok(Duration::ZERO);
    }
    Ok(next.filter(|at| *at > now).map_or(REST, |at| until_then(now, at)).min(REST))
}

/// The exception and the transmission are one change, based on the transmission's version: nobody is told of what was
/// released at the same moment.
async fn fire(shell: &Arc<Shell>, timer: &Timer) -> Result<(), Late> {
    let mut changeset = Changeset::new().with(Change::RemoveTimer { id: timer.id.clone() });
    let TimerPurpose::HeldTooLong { transmission } = &timer.purpose;
    let id = *transmission;
    if let Some(held) = shell.read(move |store| store.transmission(id)).await? {
        let retry = settle::retry_of(&shell.plan, &held);
        let now = shell.clock.now();
        if let Ok(step) = decide(&held, &TransmissionEvent::Late, &retry, now) {
            changeset.changes.extend(settle::stepped(&shell.plan, step, now).changes);
        }
    }
    match shell.commit(changeset).await {
        // Whoever changed it removed the timer too.
        Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
