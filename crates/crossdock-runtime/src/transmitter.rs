//! The transmitter of one system: carries out the turns that the core's `Outlet` gives, within the system's rate,
//! concurrency and breaker, in order per key, and commits the ends of attempts. Steps 6 to 9 of a message's way.

mod attempt;
pub mod settle;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crossdock_connect::endpoint::{Operation, Repeat};
use crossdock_core::ids::{SystemName, TransmissionId};
use crossdock_core::transmission::breaker::{Breaker, Told};
use crossdock_core::transmission::outlet::{Outlet, OutletSettings, Turn};
use crossdock_core::transmission::{Outcome, Transmission, TransmissionEvent, decide};
use crossdock_store::CommitError;
use crossdock_transport::Transport;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::clock::until_then;
use crate::plan::{Plan, SystemPlan};
use crate::router::CommandError;
use crate::shell::Shell;
use attempt::Attempting;
pub(crate) use attempt::send;

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
    /// The breaker's state: `closed`, `open` or `probing`.
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
    outlet: Outlet,
    attempts: JoinSet<Told>,
    jobs: HashMap<tokio::task::Id, Vec<TransmissionId>>,
}

impl Transmitter {
    /// A transmitter of a system of the plan.
    pub fn new(shell: Arc<Shell>, transport: Arc<dyn Transport>, system: SystemName, gauge: Arc<Gauge>) -> Self {
        let outlet = Outlet::new(settings(&shell.plan, &system));
        gauge.set(outlet.breaker());
        Self { shell, transport, system, gauge, outlet, attempts: JoinSet::new(), jobs: HashMap::new() }
    }

    /// Runs until `stop` turns true; attempts under way are then awaited.
    pub async fn run(mut self, mut paused: watch::Receiver<bool>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let sleep = self.go(&mut paused).await;
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                _ = paused.changed() => {}
                () = self.shell.wake.system_hint(&self.system) => self.outlet.hint(),
                () = self.shell.clock.sleep(sleep) => {}
                Some(ended) = self.attempts.join_next_with_id(), if !self.attempts.is_empty() => self.land(ended),
            }
            while let Some(ended) = self.attempts.try_join_next_with_id() {
                self.land(ended);
            }
        }
        while let Some(ended) = self.attempts.join_next_with_id().await {
            self.land(ended);
        }
    }

    /// Starts whatever may go. Returns for how long nothing more will.
    async fn go(&mut self, paused: &mut watch::Receiver<bool>) -> Duration {
        let endpoint = self.plan().endpoint.clone();
        let batch_max = |name: &str| operation_of(endpoint.operations(), name).map_or(1, |found| found.batch_max);
        loop {
            if *paused.borrow_and_update() {
                self.outlet.forget();
                return REST;
            }
            let now = self.shell.clock.now();
            let rate = self.shell.toll(&self.system).map_or(Ok(()), |toll| toll.ready(now));
            match self.outlet.turn(now, rate, &batch_max) {
                Turn::Start(job) => self.start(job, now),
                Turn::Wait { until } => return until.map_or(REST, |until| until_then(now, until)).min(REST),
                Turn::Read { until, look } => {
                    let system = self.system.clone();
                    match self.shell.read(move |store| store.due(&system, until, &look)).await {
                        Ok(lanes) => self.outlet.read(lanes, until, now),
                        Err(error) => {
                            tracing::error!(system = %self.system, %error, "transmissions wait: the store cannot be read");
                            return STORE_PAUSE;
                        }
                    }
                }
            }
        }
    }

    fn start(&mut self, job: Vec<Transmission>, now: Timestamp) {
        if let Some(toll) = self.shell.toll(&self.system) {
            // Who was quicker between the look and this may cost one call too many, never one too few.
            toll.try_pay(now);
        }
        let ids = job.iter().map(|transmission| transmission.id).collect();
        let attempting = Attempting {
            shell: self.shell.clone(),
            transport: self.transport.clone(),
            endpoint: self.plan().endpoint.clone(),
        };
        let task = self.attempts.spawn(attempting.carry_out(job));
        self.jobs.insert(task.id(), ids);
        self.gauge.set(self.outlet.breaker());
    }

    fn land(&mut self, ended: Result<(tokio::task::Id, Told), JoinError>) {
        let (task, told) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(system = %self.system, %error, "an attempt crashed twice; a restart will ask about it");
                (error.id(), Told::Nothing)
            }
        };
        let ids = self.jobs.remove(&task).unwrap_or_default();
        self.outlet.ended(&ids, told, self.shell.clock.now());
        self.gauge.set(self.outlet.breaker());
    }

    fn plan(&self) -> &SystemPlan {
        &self.shell.plan.systems[&self.system]
    }
}

/// How the core is to treat a system of the plan.
pub fn settings(hub: &Plan, system: &SystemName) -> OutletSettings {
    let plan = &hub.systems[system];
    let mut classes = [false; 3];
    for flow in hub.hub.outbound.iter().filter(|flow| flow.system == *system) {
        classes[flow.class.criticality.rank()] = true;
    }
    OutletSettings {
        concurrency_max: plan.concurrency_max,
        adaptive: plan.adaptive,
        limits: plan.limits.clone(),
        classes,
        breaker: plan.breaker.clone(),
        batch_widest: plan.endpoint.operations().iter().map(|operation| operation.batch_max).max().unwrap_or(1),
    }
}

fn operation_of<'a>(operations: &'a [Operation], name: &str) -> Option<&'a Operation> {
    operations.iter().find(|operation| operation.name == name)
}

/// Ends the attempts that were under way when the hub, or the transmitter of `system`, stopped: their outcome is not
/// known. Blocks; nothing may be sending then.
///
/// # Errors
/// When the store cannot be read or written.
pub fn recover(shell: &Shell, system: Option<&SystemName>) -> Result<usize, CommandError> {
    let mut sending = shell.store.sending()?;
    sending.retain(|transmission| system.is_none_or(|system| transmission.system == *system));
    let now = shell.clock.now();
    for transmission in &sending {
        let operation = shell
            .plan
            .systems
            .get(&transmission.system)
            .and_then(|plan| operation_of(plan.endpoint.operations(), &transmission.operation));
        let retry = settle::retry_of(&shell.plan, transmission);
        let step = match operation.map_or(Repeat::Never, |operation| operation.repeat) {
            Repeat::Safe => decide(transmission, &TransmissionEvent::Orphaned, &retry, now)?,
            Repeat::Never => {
                let reason = "the hub stopped while it was being sent".into();
                let event = TransmissionEvent::Finished(Outcome::Unknown { reason });
                decide(transmission, &event, &retry.used_up(), now)?
            }
        };
        match shell.store.commit(settle::stepped(&shell.plan, step, now)) {
            // It ended after all, in the meantime.
            Ok(()) | Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sending.len())
}
