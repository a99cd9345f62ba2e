//! The compiled configuration that decisions are taken under: which message becomes which event, which event is owed
//! to whom. Built once by the binary from the hub folder; never changed, only replaced.

use std::collections::HashMap;
use std::sync::Arc;

use crate::authority::Authority;
use crate::ids::{ConfigVersion, FlowName, SystemName};
use crate::mapping::{CodeList, Expression, Mapping};
use crate::model::EventType;
use crate::transmission::{Criticality, RetrySchedule};

/// A hub's configuration, compiled.
#[derive(Debug)]
pub struct Hub {
    pub name: String,
    pub version: ConfigVersion,
    pub inbound: Vec<InboundFlow>,
    pub outbound: Vec<OutboundFlow>,
    /// Which system may say what.
    pub authority: Authority,
    /// How long a channel's messages are watched before a new field in them is told, in milliseconds.
    pub learning_ms: u64,
    /// What one mapping may cost; see `MapLimits`.
    pub mapping_steps_max: u64,
    pub mapping_bytes_max: u64,
    /// At most this many events from one message (I10).
    pub events_per_message_max: usize,
}

/// From a system's channel to events.
#[derive(Debug)]
pub struct InboundFlow {
    pub name: FlowName,
    pub system: SystemName,
    /// Only this channel; any when `None`.
    pub channel: Option<String>,
    /// Over `message` and `body`; the flow takes the message when it is true.
    pub when: Option<Expression>,
    pub mappings: Vec<EventMapping>,
    /// Over `message` and `body`: the id of the transmission whose effect the message only reports, or true when it
    /// reports some effect of ours. Its events are kept without effect.
    pub echo: Option<Expression>,
    pub owner: Option<String>,
}

/// Makes events of one type.
#[derive(Debug)]
pub struct EventMapping {
    pub name: String,
    /// The type of event; with `choice` the one for codes that say no other.
    pub emits: EventType,
    /// Chooses the type by a partner's code.
    pub choice: Option<EventChoice>,
    /// Over the flow's scope; this mapping is passed over when it is false.
    pub when: Option<Expression>,
    /// A list; one event per element, which is bound as `item`.
    pub each: Option<Expression>,
    /// When it happened; the time of acceptance when absent.
    pub time: Option<Expression>,
    /// Entities looked up by other systems' ids, bound as `found`.
    pub find: Vec<FindRule>,
    pub references: Vec<ReferenceRule>,
    pub target: Mapping,
}

/// Looks an entity up by a system's id of it. What was found is bound by the rule's name below `found`.
#[derive(Debug)]
pub struct FindRule {
    pub name: String,
    /// Kind of the entity wanted.
    pub entity: &'static str,
    /// Whose id it is; the message's system when absent.
    pub system: Option<SystemName>,
    /// Kind of id.
    pub kind: String,
    /// Null means that there is nothing to look for: null is bound.
    pub value: Expression,
    pub unknown: Unknown,
}

/// What happens when no entity is known by an id. When several are, it is always an exception.
#[derive(Debug)]
pub enum Unknown {
    /// The message stops with an exception; it can be rerun once the reference is known.
    Exception,
    /// Null is bound.
    Null,
    /// This key is bound, and the id is learnt as a reference of the entity with that key.
    Create(Expression),
}

/// Chooses the type of event by a partner's status code.
#[derive(Debug)]
pub struct EventChoice {
    /// From codes to events.
    pub list: Arc<CodeList>,
    /// The code, over the mapping's scope.
    pub code: Expression,
    /// By the list's words; only events of the mapping's kind of entity.
    pub events: HashMap<Arc<str>, EventType>,
    /// A code the list does not know is reported and makes the mapping's `emits`; else it is a fault.
    pub reports_unknown: bool,
    /// A code that means an event of another kind of entity makes the mapping's `emits`; else it makes nothing.
    pub reports_others: bool,
}

/// Learns another system's id of an entity.
#[derive(Debug)]
pub struct ReferenceRule {
    /// Kind of entity and its key; the event's subject when absent.
    pub entity: Option<(String, Expression)>,
    /// The message's system when absent.
    pub system: Option<SystemName>,
    pub kind: String,
    /// Null means there is none this time.
    pub value: Expression,
}

/// From events to an operation of a system.
#[derive(Debug)]
pub struct OutboundFlow {
    pub name: FlowName,
    pub on: Vec<EventType>,
    /// How often it acts for one subject.
    pub repeat: Repetition,
    /// Over `event` and `linked`.
    pub when: Option<Expression>,
    pub system: SystemName,
    pub operation: String,
    pub input: Mapping,
    /// Kind and key of what the transmissions are about; the event's subject when absent.
    pub about: Option<(String, Expression)>,
    /// Kind and key of what keeps its order; the same as `about` when absent.
    pub key: Option<(String, Expression)>,
    /// What its transmissions share limits with.
    pub group: Option<GroupRule>,
    /// How urgent it is.
    pub class: FlowClass,
    /// Held until these flows are done for the same `about`.
    pub after: Vec<FlowName>,
    /// How long it may be held before somebody is told, in milliseconds.
    pub after_within_ms: u64,
    /// Events made of the result; their scope is `result`, `input`, `event`, `transmission`.
    pub then: Vec<EventMapping>,
    pub retry: RetrySchedule,
    pub owner: Option<String>,
}

/// Which group the transmissions of a flow belong to.
#[derive(Debug)]
pub struct GroupRule {
    /// The kind of group, for which the system has limits.
    pub kind: String,
    /// Which one, over the flow's scope; null, and no expression, for all that name none.
    pub key: Option<Expression>,
}

/// How urgent the work of a flow is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowClass {
    /// What goes before what.
    pub criticality: Criticality,
}

/// Whether an outbound flow acts on every event or on the first of its type per subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// On the first only: an order that is reported as accepted again is not released again. The default for events
    /// that move a state.
    Once,
    /// On every one. The default for events that move no state, such as an estimate.
    Every,
}

impl Hub {
    pub fn outbound(&self, name: &FlowName) -> Option<&OutboundFlow> {
        self.outbound.iter().find(|flow| flow.name == *name)
    }

    /// Whether anything is ever sent to a system about entities of this kind: only then can it report our own writes.
    pub fn sends_about(&self, system: &SystemName, kind: &str) -> bool {
        self.outbound.iter().any(|flow| {
            flow.system == *system
                && match &flow.about {
                    Some((about, _)) => about == kind,
                    None => flow.on.iter().any(|on| on.entity.name == kind),
                }
        })
    }

    /// Whether the router has something to do when a transmission of this flow is done.
    pub fn wants_result(&self, name: &FlowName) -> bool {
        self.outbound.iter().any(|flow| (flow.name == *name && !flow.then.is_empty()) || flow.after.contains(name))
    }
}

/// The variables that expressions may use, by place. The order gives their slots.
pub mod scopes {
    use std::sync::Arc;

    use crate::mapping::{CodeLists, Scope};

    /// Inbound flows and their mappings. `body` is the parsed body of `message`; `found` the keys of entities looked up by
    /// `find`; `item` the element under `each`.
    pub const INBOUND: [&str; 4] = ["message", "body", "found", "item"];
    /// Outbound flows: the event and the current state of the entities it links to, by kind.
    pub const OUTBOUND: [&str; 2] = ["event", "linked"];
    /// Events made of a transmission's result.
    pub const RESULT: [&str; 5] = ["result", "input", "event", "transmission", "item"];

    /// The slot of `found`.
    pub const INBOUND_FOUND: usize = 2;
    /// The slot of `item`.
    pub const INBOUND_ITEM: usize = 3;
    /// The slot of `item`.
    pub const RESULT_ITEM: usize = 4;

    /// The scope to compile with.
    pub fn scope<const N: usize>(names: [&'static str; N], codes: &Arc<CodeLists>) -> Scope {
        Scope::new(names).with_codes(codes.clone())
    }
}
