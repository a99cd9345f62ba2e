//! What a person changes to let something go on: the input of a transmission, the system it goes to, the body of a message.

use crossdock_core::changeset::{AuditRecord, Change};
use crossdock_core::edit::{Edit, EditKind};
use crossdock_core::ids::{MessageId, TransmissionId};
use crossdock_core::record::RecordKind;
use crossdock_core::routing::Replacement;
use crossdock_core::transmission::Transmission;
use crossdock_core::value::{JsonLimits, Value};
use crossdock_store::{Page, RecordFilter, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use super::actions::{Actor, MAY_DOUBLE};
use super::{Desk, DeskError};
use crate::intake::new_message_id;
use crate::plan::operation_of;
use crate::router::{Command, CommandError};

/// Edits told of one thing at most.
const EDITS_MAX: usize = 100;

/// What goes on now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mended {
    /// `transmission/<id>` or `message/<id>`: the same one when its key had to stay, else one in its place.
    pub instead: String,
}

/// Makes what is committed beside an answer.
pub(super) type Beside = Box<dyn FnOnce(&str) -> Vec<Change> + Send>;

impl Desk {
    /// Lets a paused transmission go on with another input, or to another system that can do the same.
    ///
    /// # Errors
    /// When there is none, it is not paused, the input does not fit the operation, the system cannot do it, it may be done
    /// twice and that is not confirmed, or the hub is not running.
    pub async fn mend(&self, id: TransmissionId, by: &Replacement, actor: &Actor) -> Result<Mended, DeskError> {
        self.mend_with(id, by, actor, Box::new(|_| Vec::new())).await
    }

    pub(super) async fn mend_with(
        &self,
        id: TransmissionId,
        by: &Replacement,
        actor: &Actor,
        beside: Beside,
    ) -> Result<Mended, DeskError> {
        let live = self.live()?;
        let found = live.shell.read(move |store| store.transmission(id)).await?;
        let it = found.ok_or_else(|| DeskError::Unknown(format!("there is no transmission {id}")))?;
        let system = by.system.as_ref().unwrap_or(&it.system);
        let Some(plan) = live.shell.plan.systems.get(system) else {
            return Err(DeskError::Unknown(format!("there is no system `{system}`")));
        };
        if operation_of(plan, &it.operation).is_none() {
            return Err(DeskError::Invalid(format!("{system} cannot do `{}`: choose a system that can", it.operation)));
        }
        let input = by.input.as_ref().unwrap_or(&it.input);
        if let Err(faults) = plan.endpoint.check(&it.operation, input) {
            let told: Vec<String> = faults.iter().map(|it| format!("`{}` {}", it.path, it.message)).collect();
            let told = told.join("; ");
            return Err(DeskError::Invalid(format!("the input does not fit `{}`: {told}", it.operation)));
        }
        if live.shell.plan.may_double(&it) && !by.confirmed {
            return Err(CommandError::NotNow(MAY_DOUBLE.to_owned()).into());
        }
        let (now, who, wanted) = (live.shell.clock.now(), actor.clone(), by.clone());
        let with = Box::new(move |before: &Transmission, instead: TransmissionId| {
            let instead = format!("transmission/{instead}");
            let mut changes = recorded(before, &wanted, &instead, &who, now);
            let told = serde_json::to_string(&Mended { instead }).unwrap_or_default();
            changes.extend(beside(&told));
            changes
        });
        let (done, answer) = tokio::sync::oneshot::channel();
        let command = Command::Replace { id, by: Box::new(by.clone()), with, done };
        if live.commands.send(command).await.is_err() {
            return Err(CommandError::Stopping.into());
        }
        live.shell.wake.router();
        let instead = answer.await.unwrap_or(Err(CommandError::Stopping))?;
        Ok(Mended { instead: format!("transmission/{instead}") })
    }

    /// Puts a message with another body in the place of one whose mapping failed. The original stays as it came.
    ///
    /// # Errors
    /// When there is none, it has not failed, the body is no JSON where JSON came, or the hub is not running.
    pub async fn correct(&self, id: MessageId, body: &[u8], actor: &Actor) -> Result<Mended, DeskError> {
        self.correct_with(id, body, actor, |_| Ok(Vec::new())).await
    }

    pub(super) async fn correct_with(
        &self,
        id: MessageId,
        body: &[u8],
        actor: &Actor,
        more: impl FnOnce(&Mended) -> Result<Vec<Change>, DeskError>,
    ) -> Result<Mended, DeskError> {
        let live = self.live()?;
        let found = live.shell.read(move |store| store.message(id)).await?;
        let message = found.ok_or_else(|| DeskError::Unknown(format!("there is no message {id}")))?.message;
        if body.len() > live.shell.plan.body_bytes_max {
            let most = live.shell.plan.body_bytes_max;
            return Err(DeskError::Invalid(format!("a body has at most {most} bytes")));
        }
        if message.content_type.contains("json") || message.content_type.is_empty() {
            Value::parse_json(body, &JsonLimits::default())
                .map_err(|error| DeskError::Invalid(format!("the body is not usable JSON: {error}")))?;
        }
        let instead = new_message_id();
        let mended = Mended { instead: format!("message/{instead}") };
        let edit = Edit {
            kind: EditKind::Body,
            of: format!("message/{id}"),
            instead: mended.instead.clone(),
            before: Value::Null,
            after: Value::Null,
            by: actor.name.clone(),
            reason: actor.reason.clone().unwrap_or_default(),
            at: live.shell.clock.now(),
        };
        let record = edit.record(1).map_err(|error| StoreError(error.to_string()))?;
        let mut with = live.audited(actor, "message.correct", &format!("message/{id}"), more(&mended)?);
        with.push(Change::PutRecord(record));
        let body = body.to_vec();
        live.command(|done| Command::Correct { id, instead, body, with, done }).await?;
        Ok(mended)
    }

    /// What people changed of a transmission or message, newest first. `of` is `transmission/<id>` or `message/<id>`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn edits(&self, of: &str) -> Result<Vec<Edit>, DeskError> {
        let filter = RecordFilter { about: Some(of.to_owned()), ..RecordFilter::of(RecordKind::Edit) };
        let records = self.store.records(&filter, Page::first(EDITS_MAX))?;
        let read = records.iter().map(Edit::of_record).collect::<Result<Vec<_>, _>>();
        read.map_err(|error| StoreError(format!("the record of an edit cannot be read: {error}")).into())
    }
}

/// What is kept of a change: who, why, when, and what stood there.
fn recorded(
    before: &Transmission,
    by: &Replacement,
    instead: &str,
    actor: &Actor,
    now: jiff::Timestamp,
) -> Vec<Change> {
    let of = format!("transmission/{}", before.id);
    let edit = |kind, old: Value, new: Value| Edit {
        kind,
        of: of.clone(),
        instead: instead.to_owned(),
        before: old,
        after: new,
        by: actor.name.clone(),
        reason: actor.reason.clone().unwrap_or_default(),
        at: now,
    };
    let (action, edit) = match (&by.system, &by.input) {
        (Some(system), _) => {
            let names = (Value::text(before.system.as_str()), Value::text(system.as_str()));
            ("transmission.reroute", edit(EditKind::Route, names.0, names.1))
        }
        (None, input) => {
            ("transmission.edit", edit(EditKind::Input, before.input.clone(), input.clone().unwrap_or_default()))
        }
    };
    let audit = Change::AppendAudit(AuditRecord {
        at: now,
        actor: actor.name.clone(),
        action: action.to_owned(),
        target: of.clone(),
        reason: actor.reason.clone(),
    });
    // It can always be written: it is made of texts and values.
    edit.record(before.version).into_iter().map(Change::PutRecord).chain([audit]).collect()
}
