//! What a person changed: a transmission with another input or to another system, a message with another body, messages that
//! are read anew. Each is one commit.

use crossdock_core::changeset::Change;
use crossdock_core::event::Event;
use crossdock_core::ids::{MessageId, ReplayId, TransmissionId};
use crossdock_core::record::RecordKind;
use crossdock_core::replay::{ItemState, ReplayItem, ReplayPlan};
use crossdock_core::routing::{self, Replacement};
use crossdock_store::StoreError;

use super::batch::Batch;
use super::{CommandError, Router, With};

/// Why a message of a plan is left alone whose replay would not do what was approved.
const MOVED_ON: &str =
    "reading it anew comes to something else than what was approved, for something changed since: plan again";

impl Router {
    pub(super) fn replace(
        &mut self,
        id: TransmissionId,
        by: &Replacement,
        with: With,
    ) -> Result<TransmissionId, CommandError> {
        let store = self.shell.store.clone();
        let it = store.transmission(id)?.ok_or_else(|| CommandError::Unknown(format!("transmission {id}")))?;
        let batch = Batch::new(store.as_ref());
        let (instead, mut changeset) = self.with_context(&batch, |context| routing::replace(&it, by, context))???;
        changeset.changes.extend(with(&it, instead));
        self.commit(changeset)?;
        Ok(instead)
    }

    pub(super) fn correct(
        &mut self,
        id: MessageId,
        instead: MessageId,
        body: Vec<u8>,
        with: Vec<Change>,
    ) -> Result<(), CommandError> {
        let store = self.shell.store.clone();
        let stored = store.message(id)?.ok_or_else(|| CommandError::Unknown(format!("message {id}")))?;
        let batch = Batch::new(store.as_ref());
        let correct = |context: &mut routing::Context<'_>| routing::correct(&stored, instead, body, context);
        let mut changeset = self.with_context(&batch, correct)???;
        changeset.changes.extend(with);
        self.commit(changeset)
    }

    pub(super) fn replay(&mut self, plan: ReplayId, n: u64, with: Vec<Change>) -> Result<(), CommandError> {
        let store = self.shell.store.clone();
        let unreadable = |error: serde_json::Error| StoreError(format!("a record of replay plan {plan}: {error}"));
        let found = store.record(RecordKind::Replay, &plan.to_string())?;
        let item = store.record(RecordKind::ReplayItem, &ReplayItem::key(plan, n))?;
        let (Some(found), Some(item)) = (found, item) else {
            return Err(CommandError::Unknown(format!("message {n} of replay plan {plan}")));
        };
        let header = ReplayPlan::of_record(&found).map_err(unreadable)?;
        let item = ReplayItem::of_record(&item).map_err(unreadable)?;
        if header.config != self.shell.plan.hub.version {
            return Err(CommandError::NotNow("the hub runs another configuration than the plan: plan again".into()));
        }
        if item.state == ItemState::Done {
            return Err(CommandError::NotNow("it was read anew already".into()));
        }
        let message = item.outcome.message;
        let stored = store.message(message)?.ok_or_else(|| CommandError::Unknown(format!("message {message}")))?;
        let past: Vec<Event> = store.events_of_message(message)?.into_iter().map(|stored| stored.event).collect();
        let place_before = self.last_place;
        let batch = Batch::new(store.as_ref());
        let policy = header.effects;
        let read = |context: &mut routing::Context<'_>| routing::replay(&stored, &past, policy, context);
        let (outcome, mut changeset) = self.with_context(&batch, read)??;
        if !outcome.does_the_same_as(&item.outcome) {
            self.last_place = place_before;
            return Err(CommandError::NotNow(MOVED_ON.to_owned()));
        }
        let done = item.into_state(ItemState::Done).record(plan).map_err(unreadable)?;
        changeset.push(Change::PutRecord(done));
        changeset.changes.extend(with);
        let committed = self.commit(changeset);
        if committed.is_err() {
            self.last_place = place_before;
        }
        committed
    }
}
