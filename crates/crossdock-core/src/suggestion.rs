//! Suggestions: what the hub found out and may not, or shall not, decide alone. A person or a policy decides; the
//! decision is kept, so that the same thing is not suggested again.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::EntityRef;
use crate::ids::{EventId, SuggestionId, SystemName};
use crate::value::Value;

/// One suggestion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suggestion {
    pub id: SuggestionId,
    /// Grows by one with every change.
    pub version: u64,
    pub proposal: Proposal,
    /// How sure it is, from 0 to 1; `None` where nothing was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What speaks for it and against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    pub status: SuggestionStatus,
    pub made_at: Timestamp,
    /// How it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

/// What is suggested.
///
/// Written with its content beside the tag: serde cannot read an exact value out of an internally tagged enum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", content = "detail", rename_all = "snake_case")]
pub enum Proposal {
    /// Two entities seem to be the same: merge `other` into `survivor`.
    Merge { survivor: EntityRef, other: EntityRef },
    /// A system that is not the system of record says something else: apply it all the same.
    Change { entity: EntityRef, system: SystemName, event: EventId, fields: Value },
}

impl Proposal {
    /// The proposal as lists and filters name it.
    pub fn word(&self) -> &'static str {
        match self {
            Proposal::Merge { .. } => "merge",
            Proposal::Change { .. } => "change",
        }
    }
}

/// One thing that was compared, and how it came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What was compared: `name`, `address`, `vat` …
    pub field: String,
    /// How alike they are, from 0 to 1.
    pub likeness: f64,
    /// How much it moves the score, in log-odds: above zero it speaks for the suggestion.
    pub weight: f64,
    /// Both values, for people.
    pub values: [String; 2],
}

/// How far a suggestion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionStatus {
    Open,
    Accepted,
    Rejected,
    /// It no longer applies.
    Withdrawn,
}

impl SuggestionStatus {
    pub fn word(self) -> &'static str {
        match self {
            SuggestionStatus::Open => "open",
            SuggestionStatus::Accepted => "accepted",
            SuggestionStatus::Rejected => "rejected",
            SuggestionStatus::Withdrawn => "withdrawn",
        }
    }
}

/// Who decided a suggestion, when and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    pub at: Timestamp,
    /// A person, a program in a person's name, or `policy`.
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Suggestion {
    /// The same suggestion, decided.
    pub fn decided(mut self, status: SuggestionStatus, decided: Decided) -> Self {
        self.version += 1;
        self.status = status;
        self.decided = Some(decided);
        self
    }
}
