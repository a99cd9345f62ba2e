//! Everything that cannot go on without a person, in one list: messages whose mapping failed and transmissions that are paused,
//! with the reason, whose it is, and what it affects.

use std::collections::VecDeque;

use crossdock_core::event::{Entity, EntityRef, Reference};
use crossdock_core::exception::{Exception, ExceptionClass};
use crossdock_core::ids::{ExceptionId, FlowName, SystemName};
use crossdock_core::job::{failed_at, paused_at};
use crossdock_core::message::StoredMessage;
use crossdock_core::model::{EntityKind, links_of_entity};
use crossdock_core::routing::fingerprint;
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_core::value::{JsonLimits, Value};
use crossdock_store::{MessageFilter, Page, StoreError, TransmissionFilter};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::overview::ROWS_MAX;
use super::{Desk, DeskError, Listing};
use crate::plan::operation_of;

/// Entities told of one row at most.
const AFFECTED_MAX: usize = 10;
/// References told of one entity at most.
const REFERENCES_MAX: usize = 10;
/// Values of a failed message's body that are looked up at most.
const LOOKED_UP_MAX: usize = 64;
/// Entities looked at to find the customer.
const FOLLOWED_MAX: usize = 12;

/// What stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StuckKind {
    /// A message whose mapping failed.
    Message,
    /// A transmission that is paused.
    Transmission,
}

/// Which rows; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StuckAsk {
    /// Only messages, or only transmissions.
    pub kind: Option<StuckKind>,
    /// From this system, or owed to it.
    pub system: Option<SystemName>,
}

/// One thing that cannot go on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StuckRow {
    /// What it is.
    pub kind: StuckKind,
    /// The id of the message or transmission.
    pub id: String,
    /// From whom it came, or to whom it is owed.
    pub system: SystemName,
    /// The flow at which it stopped.
    pub flow: Option<FlowName>,
    /// What is to be done there; null for a message.
    pub operation: Option<String>,
    /// By which channel a message came; null for a transmission.
    pub channel: Option<String>,
    /// Why it stands still, and what to do.
    pub reason: String,
    /// The class of the exception that is open for it.
    pub class: Option<ExceptionClass>,
    /// That exception.
    pub exception: Option<ExceptionId>,
    /// Who has to act.
    pub owner: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// It may have taken effect already.
    pub in_doubt: bool,
    /// Sending it again may do it twice: it may have taken effect, and the system honours no key.
    pub may_double: bool,
    /// What it is about and what else it affects, as far as that is known; at most 10.
    pub affects: Vec<Affected>,
    /// Whose it is, in the end.
    pub customer: Option<String>,
    /// Other systems that can do the same.
    pub elsewhere: Vec<SystemName>,
    /// What was to be sent; null for a message, or when it could not be mapped.
    pub input: Value,
}

/// An entity that something affects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Affected {
    /// Kind and key.
    #[serde(flatten)]
    pub name: EntityRef,
    /// Its state; null when it is only spoken of and not known itself.
    pub status: Option<String>,
    /// Other systems' ids of it, at most 10.
    pub references: Vec<Reference>,
}

impl Desk {
    /// Everything that cannot go on: failed messages, then paused transmissions, each newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stuck(&self, ask: &StuckAsk, skip: usize, limit: usize) -> Result<Listing<StuckRow>, DeskError> {
        let limit = limit.min(ROWS_MAX);
        let mut items = Vec::new();
        let mut passed = 0;
        if ask.kind != Some(StuckKind::Transmission) {
            let filter = MessageFilter { system: ask.system.clone(), state: Some("failed".to_owned()) };
            for stored in self.store.messages(&filter, Page { skip, limit: limit + 1 })? {
                items.push(self.stuck_message(&stored)?);
            }
            passed = self.failed(ask.system.as_ref())?;
        }
        if ask.kind != Some(StuckKind::Message) && items.len() <= limit {
            let filter = TransmissionFilter {
                system: ask.system.clone(),
                state: Some("paused".to_owned()),
                ..TransmissionFilter::default()
            };
            let page = Page { skip: skip.saturating_sub(passed), limit: limit + 1 - items.len() };
            for it in self.store.transmissions(&filter, page)? {
                items.push(self.stuck_transmission(it)?);
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Listing { items, more })
    }

    /// One paused transmission or failed message, as the list shows it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stuck_one(&self, id: uuid::Uuid) -> Result<Option<StuckRow>, DeskError> {
        use crossdock_core::ids::{MessageId, TransmissionId};
        if let Some(it) = self.store.transmission(TransmissionId(id))?
            && matches!(it.state, TransmissionState::Paused { .. })
        {
            return self.stuck_transmission(it).map(Some);
        }
        match self.store.message(MessageId(id))? {
            Some(stored) if stored.state.word() == "failed" => Ok(Some(self.stuck_message(&stored)?)),
            _ => Ok(None),
        }
    }

    fn failed(&self, system: Option<&SystemName>) -> Result<usize, StoreError> {
        let counts = self.store.counts()?;
        let of = |figures: &crossdock_store::SystemCounts| figures.messages.get("failed").copied().unwrap_or(0);
        let wanted = counts.systems.iter().filter(|(name, _)| system.is_none_or(|system| system == *name));
        Ok(wanted.map(|(_, figures)| of(figures)).sum::<u64>() as usize)
    }

    fn stuck_message(&self, stored: &StoredMessage) -> Result<StuckRow, StoreError> {
        let message = &stored.message;
        let open = self.store.open_exception(&fingerprint::message(message.id))?;
        let mut names = open.as_ref().map(|open| open.affects.clone()).unwrap_or_default();
        if let Some(cause) = message.cause
            && let Some(sent) = self.store.transmission(cause)?
        {
            names.push(sent.about);
        }
        names.extend(self.mentioned(&message.body)?);
        let (affects, customer) = self.affected(names)?;
        Ok(StuckRow {
            kind: StuckKind::Message,
            id: message.id.to_string(),
            system: message.system.clone(),
            flow: open.as_ref().and_then(|open| open.flow.clone()),
            operation: None,
            channel: Some(message.channel.clone()),
            reason: open.as_ref().map(|open| open.summary.clone()).unwrap_or_default(),
            class: open.as_ref().map(|open| open.class),
            exception: open.as_ref().map(|open| open.id),
            owner: self.owner(open.as_ref(), &message.system),
            since: failed_at(stored, open.as_ref()),
            in_doubt: false,
            may_double: false,
            affects,
            customer,
            elsewhere: Vec::new(),
            input: Value::Null,
        })
    }

    fn stuck_transmission(&self, it: Transmission) -> Result<StuckRow, DeskError> {
        let open = self.store.open_exception(&fingerprint::transmission(it.id))?;
        let mut names = vec![it.about.clone()];
        names.extend(open.iter().flat_map(|open| open.affects.clone()));
        let (affects, customer) = self.affected(names)?;
        let reason = match &it.state {
            TransmissionState::Paused { reason } => reason.clone(),
            other => other.word().to_owned(),
        };
        let plan = self.live.as_ref().map(|live| live.shell.plan.clone());
        let others = plan.iter().flat_map(|plan| plan.systems.iter());
        let elsewhere = others
            .filter(|(name, system)| **name != it.system && operation_of(system, &it.operation).is_some())
            .map(|(name, _)| name.clone())
            .collect();
        Ok(StuckRow {
            kind: StuckKind::Transmission,
            id: it.id.to_string(),
            flow: Some(it.flow.clone()),
            operation: Some(it.operation.clone()),
            channel: None,
            reason,
            class: open.as_ref().map(|open| open.class),
            exception: open.as_ref().map(|open| open.id),
            owner: self.owner(open.as_ref(), &it.system),
            since: paused_at(&it, open.as_ref()),
            in_doubt: it.in_doubt,
            may_double: plan.as_ref().is_some_and(|plan| plan.may_double(&it)),
            affects,
            customer,
            elsewhere,
            system: it.system,
            input: it.input,
        })
    }

    /// Who is told in the exception, or whose the system is.
    fn owner(&self, open: Option<&Exception>, system: &SystemName) -> Option<String> {
        let of_system = || self.live.as_ref()?.shell.plan.systems.get(system)?.owner.clone();
        open.and_then(|open| open.owner.clone()).or_else(of_system)
    }

    /// Entities known by ids that stand in a body: what a message that could not be read speaks of.
    fn mentioned(&self, body: &[u8]) -> Result<Vec<EntityRef>, StoreError> {
        let Ok(body) = Value::parse_json(body, &JsonLimits::default()) else { return Ok(Vec::new()) };
        let mut ids = Vec::new();
        collect(&body, &mut ids);
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.store.find(&id, 2)?.into_iter().filter(|name| !found.contains(name)).collect::<Vec<_>>());
            if found.len() >= AFFECTED_MAX {
                break;
            }
        }
        Ok(found)
    }

    fn affected(&self, names: Vec<EntityRef>) -> Result<(Vec<Affected>, Option<String>), StoreError> {
        let mut affects: Vec<Affected> = Vec::new();
        for name in names {
            if affects.len() == AFFECTED_MAX || affects.iter().any(|known| known.name == name) {
                continue;
            }
            let status = self.store.entity(&name)?.map(|entity| entity.status);
            let mut references = self.store.references(&name)?;
            references.truncate(REFERENCES_MAX);
            affects.push(Affected { name, status, references });
        }
        let customer = self.customer(affects.iter().map(|it| it.name.clone()).collect())?;
        Ok((affects, customer))
    }

    /// The customer's account behind these entities, by its name when that is known.
    fn customer(&self, mut names: VecDeque<EntityRef>) -> Result<Option<String>, StoreError> {
        let mut seen: Vec<EntityRef> = Vec::new();
        while let Some(name) = names.pop_front() {
            if seen.len() == FOLLOWED_MAX || seen.contains(&name) {
                continue;
            }
            let entity = self.store.entity(&name)?;
            if name.kind == "customer_account" {
                let told = entity.as_ref().and_then(|entity| Some(entity.data.get("name")?.as_text()?.to_owned()));
                return Ok(Some(told.unwrap_or(name.key)));
            }
            let further = |entity: &Entity| Some(links_of_entity(EntityKind::find(&entity.name.kind)?, entity));
            names.extend(entity.as_ref().and_then(further).unwrap_or_default());
            seen.push(name);
        }
        Ok(None)
    }
}

/// The texts of a body that look like ids.
fn collect(value: &Value, ids: &mut Vec<String>) {
    if ids.len() == LOOKED_UP_MAX {
        return;
    }
    match value {
        Value::Text(text) => {
            let looks_like_one = (3..=64).contains(&text.len()) && text.bytes().any(|byte| byte.is_ascii_digit());
            if looks_like_one && !ids.iter().any(|known| **known == **text) {
                ids.push(text.to_string());
            }
        }
        Value::Int(number) if number.unsigned_abs() > 999 => ids.push(number.to_string()),
        Value::List(items) => items.iter().for_each(|item| collect(item, ids)),
        Value::Map(map) => map.values().for_each(|value| collect(value, ids)),
        _ => {}
    }
}
