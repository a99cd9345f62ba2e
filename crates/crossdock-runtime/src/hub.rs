//! Starts all workers over one store, and stops them in order: first the door, then what is under way, then the store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use crossdock_core::ids::SystemName;
use crossdock_store::Store;
use crossdock_transport::Transport;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::intake::Intake;
use crate::plan::Plan;
use crate::poller::Poller;
use crate::router::{Command, CommandError, Router};
use crate::shell::Shell;
use crate::transmitter::{self, Gauge, Transmitter};
use crate::{desk::Desk, timers};

/// A running hub.
pub struct RunningHub {
    shell: Arc<Shell>,
    desk: Desk,
    stop: watch::Sender<bool>,
    stop_router: Arc<AtomicBool>,
    router: Option<JoinHandle<()>>,
    workers: JoinSet<()>,
}

impl RunningHub {
    /// Recovers what a crash left behind, then starts every worker. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        plan: Arc<Plan>,
    ) -> Result<Self, CommandError> {
        let shell = Arc::new(Shell::new(store, clock, plan));
        for state in shell.store.system_states()? {
            shell.pauses.set(&state.system, state.paused.is_some());
        }
        let orphaned = transmitter::recover(&shell)?;
        if orphaned > 0 {
            tracing::info!(orphaned, "transmissions were under way when the hub stopped; they are asked about first");
        }
        let (commands, inbox) = mpsc::sync_channel(64);
        let router = Router::new(shell.clone())?;
        let stop_router = Arc::new(AtomicBool::new(false));
        let router = spawn_router(router, inbox, stop_router.clone())?;
        let (stop, stopped) = watch::channel(false);
        let mut workers = JoinSet::new();
        let mut gauges = BTreeMap::new();
        for (system, plan) in &shell.plan.systems {
            let gauge = Arc::new(Gauge::default());
            gauges.insert(system.clone(), gauge.clone());
            let transmitter = Transmitter::new(shell.clone(), transport.clone(), system.clone(), gauge);
            workers.spawn(transmitter.run(shell.pauses.follow(system), stopped.clone()));
            for poll in plan.endpoint.polls() {
                let poller = Poller::new(shell.clone(), transport.clone(), system.clone(), poll);
                workers.spawn(poller.run(stopped.clone()));
            }
        }
        workers.spawn(timers::run(shell.clone(), stopped));
        let desk = Desk::running(shell.clone(), commands, gauges);
        Ok(Self { shell, desk, stop, stop_router, router: Some(router), workers })
    }

    pub fn intake(&self) -> Intake {
        Intake::new(self.shell.clone())
    }

    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Stops: attempts under way end and are recorded, then the store is closed. The door must be shut already.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.workers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker crashed");
            }
        }
        self.stop_router.store(true, Ordering::Release);
        self.shell.wake.router();
        if let Some(router) = self.router.take() {
            let joined = tokio::task::spawn_blocking(move || router.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the router crashed");
            }
        }
        let store = self.shell.store.clone();
        drop(tokio::task::spawn_blocking(move || store.close()).await);
    }

    pub fn systems(&self) -> impl Iterator<Item = &SystemName> {
        self.shell.plan.systems.keys()
    }
}

fn spawn_router(
    router: Router,
    inbox: mpsc::Receiver<Command>,
    stop: Arc<AtomicBool>,
) -> Result<JoinHandle<()>, CommandError> {
    std::thread::Builder::new()
        .name("router".to_owned())
        .spawn(move || router.run(inbox, &stop))
        .map_err(|error| CommandError::View(format!("the router's thread cannot start: {error}")))
}
