//! Starts all workers over one store, and stops them in order: first the door, then what is under way, then the store.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::ids::{ExceptionId, SystemName};
use crossdock_core::routing::fingerprint;
use crossdock_store::Store;
use crossdock_transport::Transport;
use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::intake::Intake;
use crate::plan::Plan;
use crate::poller::Poller;
use crate::router::{Command, CommandError, Router};
use crate::shell::Shell;
use crate::transmitter::{self, Gauge, Transmitter};
use crate::{desk::Desk, duplicates, jobs, retention, timers, valve};

/// Commands that may wait for the router; whoever gives one more waits.
const COMMANDS_MAX: usize = 64;
/// Pause before a worker that crashed is started again.
const CRASH_PAUSE: Duration = Duration::from_secs(1);

/// A running hub.
pub struct RunningHub {
    shell: Arc<Shell>,
    desk: Desk,
    stop: watch::Sender<bool>,
    router: Option<JoinHandle<()>>,
    workers: JoinSet<()>,
}

impl RunningHub {
    /// Recovers what a crash left behind, then starts every worker. Needs a tokio runtime; blocks while it recovers.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        plan: Arc<Plan>,
    ) -> Result<Self, CommandError> {
        Self::begin(store, clock, transport, plan, Threads::RouterHasOne)
    }

    /// The same on the runtime's one thread, the router included: nothing depends on how a machine schedules threads.
    /// For a store that never blocks.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn start_on_one_thread(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        plan: Arc<Plan>,
    ) -> Result<Self, CommandError> {
        Self::begin(store, clock, transport, plan, Threads::One)
    }

    fn begin(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        plan: Arc<Plan>,
        threads: Threads,
    ) -> Result<Self, CommandError> {
        let shell = Arc::new(Shell::new(store, clock.clone(), plan));
        shell.recall()?;
        for state in shell.store.system_states()? {
            shell.pauses.set(&state.system, state.paused.is_some());
        }
        let orphaned = transmitter::recover(&shell, None)?;
        if orphaned > 0 {
            tracing::info!(orphaned, "transmissions were under way when the hub stopped; they are asked about first");
        }
        tell_of_missing_systems(&shell)?;
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (stop, stopped) = watch::channel(false);
        let mut workers = JoinSet::new();
        let router = Router::new(shell.clone())?;
        let router = match threads {
            Threads::RouterHasOne => Some(spawn_router(router, inbox)?),
            Threads::One => {
                workers.spawn(router.run_among_others(inbox, stopped.clone()));
                None
            }
        };
        let mut gauges = BTreeMap::new();
        for (system, plan) in &shell.plan.systems {
            let gauge = Arc::new(Gauge::default());
            gauges.insert(system.clone(), gauge.clone());
            workers.spawn(transmit(shell.clone(), transport.clone(), system.clone(), gauge, stopped.clone()));
            for poll in plan.endpoint.polls() {
                let (shell, transport, system, stop) =
                    (shell.clone(), transport.clone(), system.clone(), stopped.clone());
                workers.spawn(restarted("poller", clock.clone(), stopped.clone(), move || {
                    Poller::new(shell.clone(), transport.clone(), system.clone(), poll.clone()).run(stop.clone())
                }));
            }
        }
        let timed = shell.clone();
        workers.spawn(restarted("timers", clock.clone(), stopped.clone(), move || {
            timers::run(timed.clone(), stopped.clone())
        }));
        let (watched, stopped) = (shell.clone(), stop.subscribe());
        workers.spawn(restarted("valve", clock.clone(), stop.subscribe(), move || {
            valve::run(watched.clone(), stopped.clone())
        }));
        let (compared, stopped, orders) = (shell.clone(), stop.subscribe(), commands.clone());
        workers.spawn(restarted("duplicates", clock.clone(), stop.subscribe(), move || {
            duplicates::run(compared.clone(), orders.clone(), stopped.clone())
        }));
        let (kept, stopped) = (shell.clone(), stop.subscribe());
        workers.spawn(restarted("retention", clock.clone(), stop.subscribe(), move || {
            retention::run(kept.clone(), stopped.clone())
        }));
        let (worked, stopped, orders) = (shell.clone(), stop.subscribe(), commands.clone());
        workers.spawn(restarted("jobs", clock, stop.subscribe(), move || {
            jobs::run(worked.clone(), orders.clone(), stopped.clone())
        }));
        let desk = Desk::running(shell.clone(), commands, gauges);
        Ok(Self { shell, desk, stop, router, workers })
    }

    /// The door for requests from outside.
    pub fn intake(&self) -> Intake {
        Intake::new(self.shell.clone())
    }

    /// What people ask and tell the hub.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// The systems it runs.
    pub fn systems(&self) -> impl Iterator<Item = &SystemName> {
        self.shell.plan.systems.keys()
    }

    /// Stops: attempts under way end and are recorded, then the store is closed. The door must be shut already.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.workers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker crashed");
            }
        }
        self.shell.wake.stop_router();
        if let Some(router) = self.router.take() {
            let joined = tokio::task::spawn_blocking(move || router.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the router crashed");
            }
        }
        let store = self.shell.store.clone();
        drop(self.shell.off_thread(move || store.close()).await);
    }
}

/// A hub that is dropped instead of stopped leaves no thread behind.
impl Drop for RunningHub {
    fn drop(&mut self) {
        self.shell.wake.stop_router();
    }
}

/// Where the router runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// No mapping holds up the network.
    RouterHasOne,
    /// Everything is a task.
    One,
}

fn spawn_router(router: Router, inbox: mpsc::Receiver<Command>) -> Result<JoinHandle<()>, CommandError> {
    std::thread::Builder::new()
        .name("router".to_owned())
        .spawn(move || router.run(inbox))
        .map_err(|error| CommandError::View(format!("the router's thread cannot start: {error}")))
}

/// Runs the transmitter of a system; after a crash of it, what it had under way is asked about first.
async fn transmit(
    shell: Arc<Shell>,
    transport: Arc<dyn Transport>,
    system: SystemName,
    gauge: Arc<Gauge>,
    stop: watch::Receiver<bool>,
) {
    let crashes = std::sync::atomic::AtomicBool::new(false);
    restarted("transmitter", shell.clock.clone(), stop.clone(), || {
        let (shell, transport, system) = (shell.clone(), transport.clone(), system.clone());
        let (gauge, stop) = (gauge.clone(), stop.clone());
        let is_again = crashes.swap(true, std::sync::atomic::Ordering::Relaxed);
        async move {
            if is_again {
                let (all, system) = (shell.clone(), system.clone());
                let recovered = shell.off_thread(move || transmitter::recover(&all, Some(&system))).await;
                if let Ok(Err(error)) = recovered {
                    tracing::error!(%error, "what was under way cannot be asked about before the hub is restarted");
                }
            }
            let paused = shell.pauses.follow(&system);
            Transmitter::new(shell, transport, system, gauge).run(paused, stop).await;
        }
    })
    .await;
}

/// Runs a worker until it ends, and again when it crashes: one fault must not silence a system for good.
async fn restarted<F: Future<Output = ()>>(
    name: &str,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
    start: impl Fn() -> F,
) {
    while AssertUnwindSafe(start()).catch_unwind().await.is_err() && !*stop.borrow() {
        tracing::error!(worker = name, "a worker crashed; it is started again");
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = clock.sleep(CRASH_PAUSE) => {}
        }
    }
}

/// Transmissions owed to a system that is no longer configured would wait in silence; and what was said about one that
/// is configured again is over.
fn tell_of_missing_systems(shell: &Shell) -> Result<(), CommandError> {
    let now = shell.clock.now();
    for (system, figures) in shell.store.counts()?.systems {
        let owed = figures.transmissions.get("owed").copied().unwrap_or(0);
        let fingerprint = format!("{}/missing", fingerprint::system(&system));
        let open = shell.store.open_exception(&fingerprint)?;
        let is_missing = owed > 0 && !shell.plan.systems.contains_key(&system);
        let exception = match (is_missing, open) {
            (true, None) => Exception {
                id: ExceptionId::derive(uuid::Uuid::nil(), &format!("{fingerprint}@{now}")),
                class: ExceptionClass::SystemUnusable,
                fingerprint,
                status: ExceptionStatus::Open,
                summary: format!(
                    "{owed} transmissions are owed to {system}, which is no longer in the configuration: bring it back \
                     and restart the hub"
                ),
                owner: None,
                affects: Vec::new(),
                system: Some(system),
                flow: None,
                message: None,
                transmission: None,
                opened_at: now,
                closed_at: None,
                count: 1,
            },
            (false, Some(open)) => Exception { status: ExceptionStatus::Resolved, closed_at: Some(now), ..open },
            (true, Some(_)) | (false, None) => continue,
        };
        shell.store.commit(Changeset::new().with(Change::PutException(exception)))?;
    }
    Ok(())
}
