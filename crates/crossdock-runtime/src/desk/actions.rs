//! What people tell a hub to do. Each action takes a reason and leaves an audit record.

use crossdock_core::changeset::{AuditRecord, Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::{MessageId, SystemName, TransmissionId};
use crossdock_core::routing::fingerprint;
use crossdock_store::{ExceptionFilter, Page, TransmissionFilter};
use serde::Serialize;
use tokio::sync::oneshot;

use super::{Desk, DeskError, Live};
use crate::router::{Command, CommandError};
use crate::transmitter::system_state;

/// Who does something, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    pub reason: Option<String>,
}

/// What to resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumeScope {
    Transmissions(Vec<TransmissionId>),
    /// The system itself and everything paused at it.
    System(SystemName),
    All,
}

/// What was resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resumed {
    pub transmissions: Vec<TransmissionId>,
    pub systems: Vec<SystemName>,
    /// What could not be resumed, with the reason.
    pub refused: Vec<String>,
}

/// Transmissions one call resumes at most.
const RESUME_MAX: usize = 10_000;

impl Desk {
    /// Resumes paused systems and transmissions.
    ///
    /// # Errors
    /// When the hub is not running or the store fails; single transmissions that cannot go on are told in `refused`.
    pub async fn resume(&self, scope: &ResumeScope, actor: &Actor) -> Result<Resumed, DeskError> {
        let live = self.live()?;
        let mut resumed = Resumed::default();
        for system in self.paused_systems(scope)? {
            live.resume_system(&system, actor).await?;
            resumed.systems.push(system);
        }
        for id in self.paused_transmissions(scope)? {
            let audit = live.audit(actor, "transmission.resume", &format!("transmission/{id}"));
            match live.command(|done| Command::Resume { id, audit, done }).await {
                Ok(()) => resumed.transmissions.push(id),
                Err(error @ (CommandError::NotNow(_) | CommandError::Unknown(_))) => {
                    resumed.refused.push(format!("{id}: {error}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(resumed)
    }

    /// Puts a failed message back into the router's queue.
    ///
    /// # Errors
    /// When there is no such message, it has not failed, or the hub is not running.
    pub async fn rerun(&self, id: MessageId, actor: &Actor) -> Result<(), DeskError> {
        let live = self.live()?;
        let audit = live.audit(actor, "message.rerun", &format!("message/{id}"));
        Ok(live.command(|done| Command::Rerun { id, audit, done }).await?)
    }

    /// Stops sending to a system until it is resumed.
    ///
    /// # Errors
    /// When there is no such system, or the hub is not running.
    pub async fn pause_system(&self, system: &SystemName, actor: &Actor) -> Result<(), DeskError> {
        let live = self.live()?;
        if !live.shell.plan.systems.contains_key(system) {
            return Err(DeskError::Unknown(format!("there is no system `{system}`")));
        }
        let reason = actor.reason.clone().unwrap_or_else(|| "paused by hand".to_owned());
        let now = live.shell.clock.now();
        let changeset = Changeset::new()
            .with(system_state(system, Some(reason), now))
            .with(live.audit(actor, "system.pause", &format!("system/{system}")));
        live.shell.commit(changeset).await.map_err(CommandError::from)?;
        live.shell.pauses.set(system, true);
        Ok(())
    }

    fn paused_systems(&self, scope: &ResumeScope) -> Result<Vec<SystemName>, DeskError> {
        let wanted = |system: &SystemName| match scope {
            ResumeScope::Transmissions(_) => false,
            ResumeScope::System(name) => name == system,
            ResumeScope::All => true,
        };
        let states = self.store.system_states()?;
        Ok(states.into_iter().filter(|s| s.paused.is_some() && wanted(&s.system)).map(|s| s.system).collect())
    }

    fn paused_transmissions(&self, scope: &ResumeScope) -> Result<Vec<TransmissionId>, DeskError> {
        let system = match scope {
            ResumeScope::Transmissions(ids) => return Ok(ids.clone()),
            ResumeScope::System(system) => Some(system.clone()),
            ResumeScope::All => None,
        };
        let filter = TransmissionFilter { system, state: Some("paused".to_owned()), about: None };
        let mut paused = self.store.transmissions(&filter, Page::first(RESUME_MAX))?;
        paused.sort_by_key(|transmission| transmission.place);
        Ok(paused.into_iter().map(|transmission| transmission.id).collect())
    }
}

impl Live {
    fn audit(&self, actor: &Actor, action: &str, target: &str) -> Change {
        Change::AppendAudit(AuditRecord {
            at: self.shell.clock.now(),
            actor: actor.name.clone(),
            action: action.to_owned(),
            target: target.to_owned(),
            reason: actor.reason.clone(),
        })
    }

    async fn command(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<(), CommandError>>) -> Command,
    ) -> Result<(), CommandError> {
        let (sender, receiver) = oneshot::channel();
        let commands = self.commands.clone();
        let command = make(sender);
        let sent = tokio::task::spawn_blocking(move || commands.send(command).is_ok()).await.unwrap_or(false);
        if !sent {
            return Err(CommandError::Stopping);
        }
        self.shell.wake.router();
        receiver.await.unwrap_or(Err(CommandError::Stopping))
    }

    async fn resume_system(&self, system: &SystemName, actor: &Actor) -> Result<(), DeskError> {
        let now = self.shell.clock.now();
        let filter = ExceptionFilter { open: Some(true), system: Some(system.clone()), transmission: None };
        let open = self.shell.store.exceptions(&filter, Page::first(100))?;
        let of_system = fingerprint::system(system);
        let mut changeset = Changeset::new()
            .with(system_state(system, None, now))
            .with(self.audit(actor, "system.resume", &format!("system/{system}")));
        for exception in open.into_iter().filter(|exception| exception.fingerprint == of_system) {
            changeset.push(Change::PutException(Exception {
                status: ExceptionStatus::Resolved,
                closed_at: Some(now),
                ..exception
            }));
        }
        self.shell.commit(changeset).await.map_err(CommandError::from)?;
        self.shell.pauses.set(system, false);
        Ok(())
    }
}
