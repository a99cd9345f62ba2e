//! What people tell a hub to do. Each action takes a reason and leaves an audit record.

use crossdock_core::changeset::{AuditRecord, Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::{MessageId, SystemName, TransmissionId};
use crossdock_core::routing::fingerprint;
use crossdock_store::{Page, TransmissionFilter};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{Desk, DeskError, Live};
use crate::router::{Command, CommandError};
use crate::transmitter::settle::system_state;

/// Who does something, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// A person, or a program in a person's name.
    pub name: String,
    /// Kept in the audit record.
    pub reason: Option<String>,
}

/// What to resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumeScope {
    /// Exactly these. One that is held goes without what it is held for.
    Transmissions(Vec<TransmissionId>),
    /// The system itself and everything paused at it.
    System(SystemName),
    /// Every paused system and everything paused.
    All,
}

/// What was resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resumed {
    /// They are owed again, each in its old place.
    pub transmissions: Vec<TransmissionId>,
    /// They are sent to again.
    pub systems: Vec<SystemName>,
    /// What could not be resumed, with the reason.
    pub refused: Vec<String>,
    /// More is paused than one call resumes: call again.
    pub more: bool,
    /// So many may have taken effect already at a system that honours no key, and were left as they are: look there, then
    /// resume each by its id, or say that those in doubt are meant too.
    pub left_out: u64,
}

/// What is told of a transmission that may have taken effect where nothing would notice a second time.
pub(super) const MAY_DOUBLE: &str = "it may have taken effect, and the system honours no key: look there, then cancel it, or \
                                     confirm that it may be done twice";

/// Transmissions one call resumes at most.
const RESUME_MAX: usize = 10_000;

impl Desk {
    /// Resumes paused systems and transmissions, but what may be done twice by that.
    ///
    /// # Errors
    /// When the hub is not running or the store fails; single transmissions that cannot go on are told in `refused`.
    pub async fn resume(&self, scope: &ResumeScope, actor: &Actor) -> Result<Resumed, DeskError> {
        self.resume_these(scope, false, actor).await
    }

    /// Resumes paused systems and transmissions; with `in_doubt` also what may have taken effect at a system that honours
    /// no key.
    ///
    /// # Errors
    /// When the hub is not running or the store fails; single transmissions that cannot go on are told in `refused`.
    pub async fn resume_these(&self, scope: &ResumeScope, in_doubt: bool, actor: &Actor) -> Result<Resumed, DeskError> {
        let live = self.live()?;
        let mut resumed = Resumed::default();
        for system in live.paused_systems(scope).await? {
            live.resume_system(&system, actor).await?;
            resumed.systems.push(system);
        }
        let paused = live.paused_transmissions(scope).await?;
        resumed.more = paused.len() > RESUME_MAX;
        for id in paused.into_iter().take(RESUME_MAX) {
            if !in_doubt && live.may_double(id).await? {
                match scope {
                    ResumeScope::Transmissions(_) => resumed.refused.push(format!("{id}: {MAY_DOUBLE}")),
                    _ => resumed.left_out += 1,
                }
                continue;
            }
            let with = vec![live.audit(actor, "transmission.resume", &format!("transmission/{id}"))];
            match live.command(|done| Command::Resume { id, with, done }).await {
                Ok(()) => resumed.transmissions.push(id),
                Err(error @ (CommandError::NotNow(_) | CommandError::Unknown(_))) => {
                    resumed.refused.push(format!("{id}: {error}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(resumed)
    }

    /// Gives up a paused or held transmission: it is never sent, and those behind it in its line go on. What was held
    /// for it stays held.
    ///
    /// # Errors
    /// When there is no such transmission, it is neither paused nor held, or the hub is not running.
    pub async fn cancel(&self, id: TransmissionId, actor: &Actor) -> Result<(), DeskError> {
        self.cancel_with(id, actor, Vec::new()).await
    }

    /// `more` is committed with the effect, or not at all.
    pub(super) async fn cancel_with(
        &self,
        id: TransmissionId,
        actor: &Actor,
        more: Vec<Change>,
    ) -> Result<(), DeskError> {
        let live = self.live()?;
        let with = live.audited(actor, "transmission.cancel", &format!("transmission/{id}"), more);
        Ok(live.command(|done| Command::Cancel { id, with, done }).await?)
    }

    /// Puts a failed message back into the router's queue.
    ///
    /// # Errors
    /// When there is no such message, it has not failed, or the hub is not running.
    pub async fn rerun(&self, id: MessageId, actor: &Actor) -> Result<(), DeskError> {
        self.rerun_with(id, actor, Vec::new()).await
    }

    /// `more` is committed with the effect, or not at all.
    pub(super) async fn rerun_with(&self, id: MessageId, actor: &Actor, more: Vec<Change>) -> Result<(), DeskError> {
        let live = self.live()?;
        let with = live.audited(actor, "message.rerun", &format!("message/{id}"), more);
        Ok(live.command(|done| Command::Rerun { id, with, done }).await?)
    }

    /// Stops sending to a system until it is resumed.
    ///
    /// # Errors
    /// When there is no such system, or the hub is not running.
    pub async fn pause_system(&self, system: &SystemName, actor: &Actor) -> Result<(), DeskError> {
        self.pause_with(system, actor, Vec::new()).await
    }

    /// `more` is committed with the effect, or not at all.
    pub(super) async fn pause_with(
        &self,
        system: &SystemName,
        actor: &Actor,
        more: Vec<Change>,
    ) -> Result<(), DeskError> {
        let live = self.live()?;
        if !live.shell.plan.systems.contains_key(system) {
            return Err(DeskError::Unknown(format!("there is no system `{system}`")));
        }
        let reason = actor.reason.clone().unwrap_or_else(|| "paused by hand".to_owned());
        let now = live.shell.clock.now();
        let mut changeset = Changeset::new().with(system_state(system, Some(reason), now));
        changeset.changes.extend(live.audited(actor, "system.pause", &format!("system/{system}"), more));
        Ok(live.shell.commit_pause(changeset).await.map_err(CommandError::from)?)
    }
}

impl Live {
    /// Whether resuming a transmission may do it twice.
    async fn may_double(&self, id: TransmissionId) -> Result<bool, DeskError> {
        let found = self.shell.read(move |store| store.transmission(id)).await?;
        Ok(found.is_some_and(|it| self.shell.plan.may_double(&it)))
    }

    async fn paused_systems(&self, scope: &ResumeScope) -> Result<Vec<SystemName>, DeskError> {
        let states = self.shell.read(|store| store.system_states()).await?;
        let paused = states.into_iter().filter(|state| state.paused.is_some()).map(|state| state.system);
        match scope {
            ResumeScope::Transmissions(_) => Ok(Vec::new()),
            ResumeScope::All => Ok(paused.collect()),
            ResumeScope::System(name) => {
                if !self.shell.plan.systems.contains_key(name) {
                    return Err(DeskError::Unknown(format!("there is no system `{name}`")));
                }
                Ok(paused.filter(|system| system == name).collect())
            }
        }
    }

    /// In the order of their places; one more than is resumed when there are more.
    async fn paused_transmissions(&self, scope: &ResumeScope) -> Result<Vec<TransmissionId>, DeskError> {
        let system = match scope {
            ResumeScope::Transmissions(ids) => return Ok(ids.clone()),
            ResumeScope::System(system) => Some(system.clone()),
            ResumeScope::All => None,
        };
        let filter = TransmissionFilter { system, state: Some("paused".to_owned()), about: None };
        let mut paused =
            self.shell.read(move |store| store.transmissions(&filter, Page::first(RESUME_MAX + 1))).await?;
        paused.sort_by_key(|transmission| transmission.place);
        Ok(paused.into_iter().map(|transmission| transmission.id).collect())
    }

    pub(super) fn audited(&self, actor: &Actor, action: &str, target: &str, mut more: Vec<Change>) -> Vec<Change> {
        more.push(self.audit(actor, action, target));
        more
    }

    pub(super) fn audit(&self, actor: &Actor, action: &str, target: &str) -> Change {
        Change::AppendAudit(AuditRecord {
            at: self.shell.clock.now(),
            actor: actor.name.clone(),
            action: action.to_owned(),
            target: target.to_owned(),
            reason: actor.reason.clone(),
        })
    }

    pub(super) async fn command(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<(), CommandError>>) -> Command,
    ) -> Result<(), CommandError> {
        let (sender, receiver) = oneshot::channel();
        if self.commands.send(make(sender)).await.is_err() {
            return Err(CommandError::Stopping);
        }
        self.shell.wake.router();
        receiver.await.unwrap_or(Err(CommandError::Stopping))
    }

    async fn resume_system(&self, system: &SystemName, actor: &Actor) -> Result<(), DeskError> {
        let now = self.shell.clock.now();
        let fingerprint = fingerprint::system(system);
        let open = self.shell.read(move |store| store.open_exception(&fingerprint)).await?;
        let mut changeset = Changeset::new().with(system_state(system, None, now)).with(self.audit(
            actor,
            "system.resume",
            &format!("system/{system}"),
        ));
        if let Some(open) = open {
            let closed = Exception { status: ExceptionStatus::Resolved, closed_at: Some(now), ..open };
            changeset.push(Change::PutException(closed));
        }
        Ok(self.shell.commit_pause(changeset).await.map_err(CommandError::from)?)
    }
}
