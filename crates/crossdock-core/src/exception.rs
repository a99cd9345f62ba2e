//! Business problems with an owner. One is open per fingerprint at a time.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::EntityRef;
use crate::ids::{ExceptionId, FlowName, MessageId, SystemName, TransmissionId};

/// The classes the hub itself opens. Codes as in the logistics exception taxonomy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionClass {
    /// A mapping could not be applied to a message or an event.
    MappingFailed,
    /// The event made by a mapping does not fit the canonical model.
    SchemaInvalid,
    /// A partner's code is in no code list.
    UnknownPartnerCode,
    /// A system refused an operation for a reason that repeating will not change.
    TransmissionRefused,
    /// Retries are used up.
    TransmissionExhausted,
    /// It cannot be told whether the operation took effect.
    OutcomeUnknown,
    /// A system cannot be worked with at all: credentials, rights or address.
    SystemUnusable,
    /// A prerequisite of a transmission has not come within its time.
    PrerequisiteLate,
    /// A system said something for which another one is the system of record.
    AuthorityConflict,
    /// It cannot be told which entity another system's id stands for.
    ReferenceUnresolved,
    /// A partner sends a field that no mapping reads, and did not before.
    UnreadPartnerField,
    /// The hub takes nothing: no room on its disk, or too much waits.
    IntakeStopped,
}

impl ExceptionClass {
    /// Every class, in the order of the taxonomy.
    pub const ALL: [ExceptionClass; 12] = [
        ExceptionClass::MappingFailed,
        ExceptionClass::SchemaInvalid,
        ExceptionClass::UnknownPartnerCode,
        ExceptionClass::TransmissionRefused,
        ExceptionClass::TransmissionExhausted,
        ExceptionClass::OutcomeUnknown,
        ExceptionClass::SystemUnusable,
        ExceptionClass::PrerequisiteLate,
        ExceptionClass::AuthorityConflict,
        ExceptionClass::ReferenceUnresolved,
        ExceptionClass::UnreadPartnerField,
        ExceptionClass::IntakeStopped,
    ];

    pub fn word(self) -> &'static str {
        match self {
            ExceptionClass::MappingFailed => "mapping_failed",
            ExceptionClass::SchemaInvalid => "schema_invalid",
            ExceptionClass::UnknownPartnerCode => "unknown_partner_code",
            ExceptionClass::TransmissionRefused => "transmission_refused",
            ExceptionClass::TransmissionExhausted => "transmission_exhausted",
            ExceptionClass::OutcomeUnknown => "outcome_unknown",
            ExceptionClass::SystemUnusable => "system_unusable",
            ExceptionClass::PrerequisiteLate => "prerequisite_late",
            ExceptionClass::AuthorityConflict => "authority_conflict",
            ExceptionClass::ReferenceUnresolved => "reference_unresolved",
            ExceptionClass::UnreadPartnerField => "unread_partner_field",
            ExceptionClass::IntakeStopped => "intake_stopped",
        }
    }

    /// How much it matters while nobody has looked: nothing stands still because of a low one.
    pub fn severity(self) -> Severity {
        match self {
            ExceptionClass::UnreadPartnerField => Severity::Low,
            ExceptionClass::UnknownPartnerCode | ExceptionClass::PrerequisiteLate => Severity::Medium,
            _ => Severity::High,
        }
    }
}

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
}

/// One exception.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exception {
    pub id: ExceptionId,
    pub class: ExceptionClass,
    /// Equal problems share it; a second one only counts up.
    pub fingerprint: String,
    pub status: ExceptionStatus,
    /// What happened, to which order or shipment, and what to do next.
    pub summary: String,
    pub owner: Option<String>,
    /// What it affects.
    pub affects: Vec<EntityRef>,
    pub system: Option<SystemName>,
    pub flow: Option<FlowName>,
    pub message: Option<MessageId>,
    pub transmission: Option<TransmissionId>,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// How often it was seen.
    pub count: u64,
}

/// How far an exception is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionStatus {
    Open,
    Resolved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_among_all() {
        let schema = schemars::schema_for!(ExceptionClass).to_value().to_string();
        let words = ExceptionClass::ALL.map(ExceptionClass::word);
        assert!(words.iter().all(|word| schema.contains(&format!("\"{word}\""))), "{schema}");
        assert_eq!(schema.matches("\"const\"").count(), words.len(), "a class is missing in ALL");
    }
}
