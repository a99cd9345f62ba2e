//! The transmitter of one system: takes what is due within the system's rate, concurrency and breaker, in order per
//! key, carries out attempts and commits their ends. Steps 6 to 9 of a message's way.

mod attempt;
mod settle;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crossdock_connect::endpoint::{Endpoint, Operation, Repeat};
use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::{SystemName, TransmissionId};
use crossdock_core::transmission::breaker::{Breaker, Verdict};
use crossdock_core::transmission::pace::Pace;
use crossdock_core::transmission::{Outcome, RetrySchedule, Transmission, TransmissionEvent, decide};
use crossdock_transport::Transport;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::plan::SystemPlan;
use crate::shell::Shell;
pub(crate) use attempt::run_call;
use attempt::Ended;

/// The longest sleep between two looks, should every hint be lost.
const REST: Duration = Duration::from_secs(5);
/// Pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// What the console shows of a transmitter.
#[derive(Debug, Default)]
pub struct Gauge {
    breaker: AtomicU8,
}

impl Gauge {
    pub fn breaker(&self) -> &'static str {
        match self.breaker.load(Ordering::Relaxed) {
            0 => "closed",
            1 => "open",
            _ => "probing",
        }
    }

    fn set(&self, breaker: &Breaker) {
        let code = match breaker {
            Breaker::Closed { .. } => 0,
            Breaker::Open { .. } => 1,
            Breaker::Probing { .. } => 2,
        };
        self.breaker.store(code, Ordering::Relaxed);
    }
}

/// Sends to one system.
pub struct Transmitter {
    shell: Arc<Shell>,
    transport: Arc<dyn Transport>,
    system: SystemName,
    gauge: Arc<Gauge>,
    breaker: Breaker,
    pace: Pace,
    flying: HashSet<TransmissionId>,
    attempts: JoinSet<Vec<Ended>>,
}

/// What to do after a look at the queue.
enum Next {
    Sleep(Duration),
    /// A hint, the end of an attempt or a change of the system's state will tell.
    Wait,
}

impl Transmitter {
    pub fn new(shell: Arc<Shell>, transport: Arc<dyn Transport>, system: SystemName, gauge: Arc<Gauge>) -> Self {
        let pace = Pace::new(shell.plan.systems.get(&system).and_then(|plan| plan.pace));
        Self {
            shell,
            transport,
            system,
            gauge,
            breaker: Breaker::default(),
            pace,
            flying: HashSet::new(),
            attempts: JoinSet::new(),
        }
    }

    /// Runs until `stop` turns true; attempts under way are then awaited.
    pub async fn run(mut self, mut paused: watch::Receiver<bool>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let is_paused = *paused.borrow_and_update();
            let next = match is_paused {
                true => Next::Wait,
                false => self.look().await,
            };
            let sleep = match next {
                Next::Sleep(pause) => pause.min(REST),
                Next::Wait => REST,
            };
            tokio::select! {
                _ = stop.changed() => {}
                _ = paused.changed() => {}
                () = self.shell.wake.system_hint(&self.system) => {}
                () = tokio::time::sleep(sleep) => {}
                Some(ended) = self.attempts.join_next(), if !self.attempts.is_empty() => self.land(ended),
            }
            while let Some(ended) = self.attempts.try_join_next() {
                self.land(ended);
            }
        }
        while let Some(ended) = self.attempts.join_next().await {
            self.land(ended);
        }
    }

    fn plan(&self) -> &SystemPlan {
        &self.shell.plan.systems[&self.system]
    }

    /// Takes what is due and may go, and starts it.
    async fn look(&mut self) -> Next {
        let now = self.shell.clock.now();
        let room = match self.breaker.ask(now) {
            Verdict::Go => self.plan().concurrency_max.saturating_sub(self.attempts.len()),
            Verdict::Probe => usize::from(self.attempts.is_empty()),
            Verdict::Wait { until: Some(until) } => return Next::Sleep(until_then(now, until)),
            Verdict::Wait { until: None } => return Next::Wait,
        };
        if room == 0 {
            return Next::Wait;
        }
        match self.take(now, room).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(system = %self.system, %error, "transmissions are waiting: the store cannot be read");
                Next::Sleep(STORE_PAUSE)
            }
        }
    }

    async fn take(&mut self, now: Timestamp, room: usize) -> Result<Next, crossdock_store::StoreError> {
        let endpoint = self.plan().endpoint.clone();
        let widest = endpoint.operations().iter().map(|operation| operation.batch_max).max().unwrap_or(1);
        let limit = self.flying.len() + room * widest;
        let system = self.system.clone();
        let (due, next_due) = self
            .shell
            .read(move |store| {
                let due = store.due(&system, now, limit)?;
                let next = if due.len() < limit { store.next_due(&system)? } else { None };
                Ok((due, next))
            })
            .await?;
        let due: Vec<_> = due.into_iter().filter(|transmission| !self.flying.contains(&transmission.id)).collect();
        for job in jobs(due, endpoint.operations()).into_iter().take(room) {
            if let Err(until) = self.pace.take(now) {
                return Ok(Next::Sleep(until_then(now, until)));
            }
            self.start(job, &endpoint);
        }
        Ok(next_due.filter(|at| *at > now).map_or(Next::Wait, |at| Next::Sleep(until_then(now, at))))
    }

    fn start(&mut self, job: Vec<Transmission>, endpoint: &Arc<dyn Endpoint>) {
        let now = self.shell.clock.now();
        if matches!(self.breaker.ask(now), Verdict::Probe) {
            self.breaker = self.breaker.probing();
            self.gauge.set(&self.breaker);
        }
        self.flying.extend(job.iter().map(|transmission| transmission.id));
        let shell = self.shell.clone();
        let transport = self.transport.clone();
        let endpoint = endpoint.clone();
        self.attempts.spawn(async move { attempt::carry_out(shell, transport, endpoint, job).await });
    }

    fn land(&mut self, ended: Result<Vec<Ended>, tokio::task::JoinError>) {
        let now = self.shell.clock.now();
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(system = %self.system, %error, "an attempt crashed; its transmissions stay owed");
                self.flying.clear();
                return;
            }
        };
        let answered = ended.iter().any(|end| end.answered);
        self.breaker = match answered {
            true => self.breaker.answered(),
            false => self.breaker.failed(&self.plan().breaker, now),
        };
        self.gauge.set(&self.breaker);
        for end in ended {
            self.flying.remove(&end.id);
        }
    }
}

/// Groups what is due into attempts: by operation, as many together as the system takes at once.
fn jobs(due: Vec<Transmission>, operations: &[Operation]) -> Vec<Vec<Transmission>> {
    let mut jobs: Vec<Vec<Transmission>> = Vec::new();
    for transmission in due {
        let batch_max = operation_of(operations, &transmission.operation).map_or(1, |operation| operation.batch_max);
        let open = jobs.iter_mut().find(|job| {
            job.len() < batch_max && job.first().is_some_and(|first| first.operation == transmission.operation)
        });
        match open {
            Some(job) => job.push(transmission),
            None => jobs.push(vec![transmission]),
        }
    }
    jobs
}

fn operation_of<'a>(operations: &'a [Operation], name: &str) -> Option<&'a Operation> {
    operations.iter().find(|operation| operation.name == name)
}

fn until_then(now: Timestamp, then: Timestamp) -> Duration {
    let wait = then.duration_since(now);
    Duration::try_from(wait).unwrap_or(Duration::ZERO).max(Duration::from_millis(1))
}

/// Marks transmissions found as sending after a crash: their outcome is not known.
///
/// # Errors
/// When the store cannot be read or written.
pub fn recover(shell: &Shell) -> Result<usize, crate::router::CommandError> {
    let sending = shell.store.sending()?;
    let count = sending.len();
    let now = shell.clock.now();
    for transmission in sending {
        let repeat = shell
            .plan
            .systems
            .get(&transmission.system)
            .and_then(|plan| operation_of(plan.endpoint.operations(), &transmission.operation))
            .map_or(Repeat::Never, |operation| operation.repeat);
        let retry = settle::retry_of(shell, &transmission);
        let event = match repeat {
            Repeat::Safe => TransmissionEvent::Orphaned,
            Repeat::Never => TransmissionEvent::Finished(Outcome::Unknown {
                reason: "the hub stopped while it was being sent".into(),
            }),
        };
        let retry = match repeat {
            Repeat::Safe => retry,
            Repeat::Never => RetrySchedule { attempts_max: 0, ..retry },
        };
        let step = decide(&transmission, &event, &retry, now)?;
        let mut changeset = Changeset::new();
        settle::push_step(shell, &mut changeset, step, None)?;
        shell.store.commit(changeset)?;
    }
    Ok(count)
}

/// The changeset that pauses or unpauses a system.
pub fn system_state(system: &SystemName, paused: Option<String>, now: Timestamp) -> Change {
    Change::SetSystemState(crossdock_core::changeset::SystemState { system: system.clone(), paused, since: now })
}
