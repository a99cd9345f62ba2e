//! Fetches from systems that do not push: one task per poll. What is fetched is committed before it is acknowledged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossdock_connect::endpoint::{CALLS_MAX, Endpoint, PollPlan, PollProgress, PollState, PollStep};
use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::ids::{ExceptionId, SystemName};
use crossdock_core::routing::fingerprint;
use crossdock_store::{CommitError, StoreError};
use crossdock_transport::Transport;
use tokio::sync::watch;

use crate::shell::Shell;
use crate::transmitter::send;

/// Longest pause between rounds while a system does not answer, unless it is polled less often anyway.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Pause while a system cannot be used as configured.
const UNUSABLE_PAUSE: Duration = Duration::from_secs(60);
/// Pause when a round ends at once and asks for the next at once.
const BREATH: Duration = Duration::from_millis(1);

/// Polls one source of one system.
pub struct Poller {
    shell: Arc<Shell>,
    transport: Arc<dyn Transport>,
    system: SystemName,
    plan: PollPlan,
    /// Whether an exception about it may be open.
    troubled: bool,
}

/// How a round ended.
#[derive(Debug, PartialEq, Eq)]
enum Round {
    Rest { more: bool },
    Failed { unusable: bool },
}

/// Why a round could not be carried out.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("one round needed more than {CALLS_MAX} calls")]
    TooLong,
    #[error("the connector crashed")]
    Crashed,
}

impl Poller {
    /// A poller of a poll of a system of the plan.
    pub fn new(shell: Arc<Shell>, transport: Arc<dyn Transport>, system: SystemName, plan: PollPlan) -> Self {
        Self { shell, transport, system, plan, troubled: true }
    }

    /// Polls until `stop` turns true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let every = Duration::from_millis(self.plan.every_ms).max(BREATH);
        let mut pause = every;
        while !*stop.borrow() {
            let round = match self.shell.valve.is_open() {
                true => self.round(&stop).await,
                // What is there stays there: it is fetched once less waits here.
                false => Ok(Round::Rest { more: false }),
            };
            let round = match round {
                Ok(round) => round,
                Err(error) => {
                    tracing::error!(system = %self.system, poll = self.plan.name, %error, "polling cannot go on");
                    Round::Failed { unusable: false }
                }
            };
            pause = match round {
                Round::Rest { more: true } => BREATH,
                Round::Rest { more: false } => every,
                Round::Failed { unusable: true } => UNUSABLE_PAUSE.max(every),
                Round::Failed { unusable: false } => (pause * 2).min(PAUSE_MAX).max(every),
            };
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = self.shell.clock.sleep(pause) => {}
            }
        }
    }

    async fn round(&mut self, stop: &watch::Receiver<bool>) -> Result<Round, Stuck> {
        let endpoint = self.shell.plan.systems[&self.system].endpoint.clone();
        let name = self.cursor_name();
        let cursor = self.shell.read(move |store| store.cursor(&name)).await?;
        let now = self.shell.clock.now();
        let mut so_far = Vec::new();
        while so_far.len() < CALLS_MAX {
            let state = PollState { cursor: cursor.as_deref(), now, so_far: &so_far };
            match self.ask(endpoint.as_ref(), &state)? {
                // What is not acknowledged comes again, and is known then.
                PollStep::Call(_) if *stop.borrow() => return Ok(Round::Rest { more: false }),
                PollStep::Call(call) => {
                    if let Some(toll) = self.shell.toll(&self.system) {
                        toll.pay(self.shell.clock.as_ref()).await;
                    }
                    let exchange = send(&self.shell, self.transport.as_ref(), call).await;
                    if let Some(toll) = self.shell.toll(&self.system) {
                        toll.heard(&exchange, self.shell.clock.now());
                    }
                    so_far.push(PollProgress::Exchanged(exchange));
                }
                PollStep::Deliver { envelopes, cursor } => {
                    let cursor = cursor.map(|value| Change::SetCursor { name: self.cursor_name(), value });
                    self.shell.accept(&self.system, envelopes, cursor).await?;
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
        Err(Stuck::TooLong)
    }

    fn ask(&self, endpoint: &dyn Endpoint, state: &PollState<'_>) -> Result<PollStep, Stuck> {
        catch_unwind(AssertUnwindSafe(|| endpoint.poll(&self.plan.name, state))).map_err(|_| Stuck::Crashed)
    }

    fn cursor_name(&self) -> String {
        format!("poll/{}/{}", self.system, self.plan.name)
    }

    fn fingerprint(&self) -> String {
        format!("{}/poll/{}", fingerprint::system(&self.system), self.plan.name)
    }

    async fn open_exception(&self) -> Result<Option<Exception>, StoreError> {
        let wanted = self.fingerprint();
        self.shell.read(move |store| store.open_exception(&wanted)).await
    }

    /// A system that cannot be polled is somebody's problem: once, not once per round.
    async fn raise(&mut self, reason: String) -> Result<(), Stuck> {
        self.troubled = true;
        if self.open_exception().await?.is_some() {
            return Ok(());
        }
        let (now, fingerprint) = (self.shell.clock.now(), self.fingerprint());
        let (system, poll) = (&self.system, &self.plan.name);
        let exception = Exception {
            id: ExceptionId::derive(uuid::Uuid::nil(), &format!("{fingerprint}@{now}")),
            class: ExceptionClass::SystemUnusable,
            fingerprint,
            status: ExceptionStatus::Open,
            summary: format!("{system} cannot be polled ({poll}): {reason}. New changes there are not seen"),
            owner: self.shell.plan.systems[system].owner.clone(),
            affects: Vec::new(),
            system: Some(system.clone()),
            flow: None,
            message: None,
            transmission: None,
            opened_at: now,
            closed_at: None,
            count: 1,
        };
        Ok(self.shell.commit(Changeset::new().with(Change::PutException(exception))).await?)
    }

    /// It can be polled: whatever was open about that is over.
    async fn settle(&mut self) -> Result<(), Stuck> {
        if !self.troubled {
            return Ok(());
        }
        if let Some(open) = self.open_exception().await? {
            let closed_at = Some(self.shell.clock.now());
            let closed = Exception { status: ExceptionStatus::Resolved, closed_at, ..open };
            self.shell.commit(Changeset::new().with(Change::PutException(closed))).await?;
        }
        self.troubled = false;
        Ok(())
    }
}
