//! Fetches from systems that do not push: one task per poll. What is fetched is committed before it is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use crossdock_connect::endpoint::{CALLS_MAX, PollPlan, PollProgress, PollState, PollStep};
use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::ids::{ExceptionId, SystemName};
use crossdock_core::routing::fingerprint;
use crossdock_transport::Transport;
use tokio::sync::watch;

use crate::shell::Shell;
use crate::transmitter::run_call;

/// Longest pause between rounds while a system does not answer.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Pause while a system cannot be used as configured.
const UNUSABLE_PAUSE: Duration = Duration::from_secs(60);

/// Polls one source of one system.
pub struct Poller {
    shell: Arc<Shell>,
    transport: Arc<dyn Transport>,
    system: SystemName,
    plan: PollPlan,
}

/// How a round ended.
#[derive(Debug, PartialEq, Eq)]
enum Round {
    Rest { more: bool },
    Failed { unusable: bool },
}

impl Poller {
    pub fn new(shell: Arc<Shell>, transport: Arc<dyn Transport>, system: SystemName, plan: PollPlan) -> Self {
        Self { shell, transport, system, plan }
    }

    /// Polls until `stop` turns true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let every = Duration::from_millis(self.plan.every_ms);
        let mut pause = every;
        while !*stop.borrow() {
            pause = match self.round().await {
                Round::Rest { more: true } => Duration::ZERO,
                Round::Rest { more: false } => every,
                Round::Failed { unusable: true } => UNUSABLE_PAUSE,
                Round::Failed { unusable: false } => (pause * 2).clamp(every, PAUSE_MAX),
            };
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn round(&self) -> Round {
        match self.try_round().await {
            Ok(round) => round,
            Err(error) => {
                tracing::error!(system = %self.system, poll = self.plan.name, error, "polling cannot go on");
                Round::Failed { unusable: false }
            }
        }
    }

    async fn try_round(&self) -> Result<Round, String> {
        let endpoint = self.shell.plan.systems[&self.system].endpoint.clone();
        let cursor_name = format!("poll/{}/{}", self.system, self.plan.name);
        let name = cursor_name.clone();
        let cursor = self.shell.read(move |store| store.cursor(&name)).await.map_err(|error| error.to_string())?;
        let now = self.shell.clock.now();
        let mut so_far = Vec::new();
        while so_far.len() < CALLS_MAX {
            let state = PollState { cursor: cursor.as_deref(), now, so_far: &so_far };
            match endpoint.poll(&self.plan.name, &state) {
                PollStep::Call(call) => {
                    let exchange = run_call(&self.shell, self.transport.as_ref(), call).await;
                    so_far.push(PollProgress::Exchanged(exchange));
                }
                PollStep::Deliver { envelopes, cursor } => {
                    self.shell.accept(&self.system, envelopes).await.map_err(|error| error.to_string())?;
                    if let Some(value) = cursor {
                        let changeset = Changeset::new().with(Change::SetCursor { name: cursor_name.clone(), value });
                        self.shell.commit(changeset).await.map_err(|error| error.to_string())?;
                    }
                    so_far.push(PollProgress::Committed);
                }
                PollStep::Rest { more } => {
                    self.settle().await?;
                    return Ok(Round::Rest { more });
                }
                PollStep::Failed { reason, unusable } => {
                    tracing::warn!(system = %self.system, poll = self.plan.name, reason, "poll failed");
                    if unusable {
                        self.raise(reason).await?;
                    }
                    return Ok(Round::Failed { unusable });
                }
            }
        }
        Err(format!("one round needed more than {CALLS_MAX} calls"))
    }

    fn fingerprint(&self) -> String {
        format!("{}/poll/{}", fingerprint::system(&self.system), self.plan.name)
    }

    /// A system that cannot be polled is somebody's problem: once, not once per round.
    async fn raise(&self, reason: String) -> Result<(), String> {
        let fingerprint = self.fingerprint();
        let wanted = fingerprint.clone();
        let known = self.shell.read(move |store| store.open_exception(&wanted)).await.map_err(|e| e.to_string())?;
        if known.is_some() {
            return Ok(());
        }
        let now = self.shell.clock.now();
        let summary = format!("{} cannot be polled ({}): {reason}. New changes there are not seen", self.system, self.plan.name);
        let exception = Exception {
            id: ExceptionId::derive(uuid::Uuid::nil(), &format!("{fingerprint}@{now}")),
            class: ExceptionClass::SystemUnusable,
            fingerprint,
            status: ExceptionStatus::Open,
            summary,
            owner: self.shell.plan.systems[&self.system].owner.clone(),
            affects: Vec::new(),
            system: Some(self.system.clone()),
            flow: None,
            message: None,
            transmission: None,
            opened_at: now,
            closed_at: None,
            count: 1,
        };
        let changeset = Changeset::new().with(Change::PutException(exception));
        self.shell.commit(changeset).await.map_err(|error| error.to_string())
    }

    async fn settle(&self) -> Result<(), String> {
        let wanted = self.fingerprint();
        let open = self.shell.read(move |store| store.open_exception(&wanted)).await.map_err(|e| e.to_string())?;
        let Some(open) = open else { return Ok(()) };
        let closed =
            Exception { status: ExceptionStatus::Resolved, closed_at: Some(self.shell.clock.now()), ..open };
        let changeset = Changeset::new().with(Change::PutException(closed));
        self.shell.commit(changeset).await.map_err(|error| error.to_string())
    }
}
