//! Wakes what waits for a point in time.

use std::sync::Arc;
use std::time::Duration;

use crossdock_core::changeset::{Change, Changeset, Timer, TimerPurpose};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::ids::ExceptionId;
use crossdock_core::routing::fingerprint;
use crossdock_core::transmission::TransmissionState;
use crossdock_store::{CommitError, StoreError};
use tokio::sync::watch;

use crate::shell::Shell;

/// Timers taken at once.
const BATCH_MAX: usize = 100;
/// The longest sleep, should a hint be lost.
const REST: Duration = Duration::from_secs(5);

/// Runs until `stop` turns true.
pub async fn run(shell: Arc<Shell>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let pause = match fire_due(&shell).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!(error, "timers are late: the store cannot be used");
                REST
            }
        };
        tokio::select! {
            _ = stop.changed() => {}
            () = shell.wake.timer_hint() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn fire_due(shell: &Arc<Shell>) -> Result<Duration, String> {
    let now = shell.clock.now();
    let (due, next) = shell
        .read(move |store| Ok((store.due_timers(now, BATCH_MAX)?, store.next_timer()?)))
        .await
        .map_err(|error: StoreError| error.to_string())?;
    for timer in &due {
        fire(shell, timer).await?;
    }
    if due.len() == BATCH_MAX {
        return Ok(Duration::ZERO);
    }
    let wait = next.filter(|at| *at > now).map_or(REST, |at| {
        Duration::try_from(at.duration_since(now)).unwrap_or(REST)
    });
    Ok(wait.min(REST))
}

async fn fire(shell: &Arc<Shell>, timer: &Timer) -> Result<(), String> {
    let mut changeset = Changeset::new().with(Change::RemoveTimer { id: timer.id.clone() });
    match &timer.purpose {
        TimerPurpose::HeldTooLong { transmission } => {
            let id = *transmission;
            let held = shell.read(move |store| store.transmission(id)).await.map_err(|error| error.to_string())?;
            if let Some(held) = held
                && let TransmissionState::Held { after } = &held.state
            {
                let waits_for: Vec<&str> = after.iter().map(|flow| flow.as_str()).collect();
                let now = shell.clock.now();
                let fingerprint = fingerprint::transmission(held.id);
                let flow = shell.plan.hub.outbound(&held.flow);
                let summary = format!(
                    "{} for {} at {} still waits for {}: find out why that has not happened",
                    held.operation, held.about, held.system, waits_for.join(", ")
                );
                changeset.push(Change::PutException(Exception {
                    id: ExceptionId::derive(held.id.0, &format!("{fingerprint}@{now}")),
                    class: ExceptionClass::PrerequisiteLate,
                    fingerprint,
                    status: ExceptionStatus::Open,
                    summary,
                    owner: flow.and_then(|flow| flow.owner.clone()),
                    affects: vec![held.about.clone()],
                    system: Some(held.system.clone()),
                    flow: Some(held.flow.clone()),
                    message: None,
                    transmission: Some(held.id),
                    opened_at: now,
                    closed_at: None,
                    count: 1,
                }));
            }
        }
    }
    match shell.commit(changeset).await {
        Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
