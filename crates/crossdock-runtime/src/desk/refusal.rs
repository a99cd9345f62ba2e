//! What a command is told instead of being carried out. It is as final as a good answer, so under a key it is kept and told
//! again the same. What may be different the next moment, such as a hub that is stopping, is no refusal and is not kept.

use crossdock_core::routing::Undecidable;
use serde::{Deserialize, Serialize};

use super::DeskError;
use crate::router::CommandError;

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What kind of reason it is.
    pub kind: RefusalKind,
    /// The reason, for a person.
    pub detail: String,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// What it names is not there.
    Unknown,
    /// It makes no sense.
    Invalid,
    /// It does not apply to the state that what it names is in.
    NotNow,
}

impl DeskError {
    /// The refusal, when this is one.
    pub fn refusal(&self) -> Option<Refusal> {
        let kind = match self {
            DeskError::Refused(refusal) => return Some(refusal.clone()),
            DeskError::Unknown(_) => RefusalKind::Unknown,
            DeskError::Invalid(_) => RefusalKind::Invalid,
            DeskError::Command(error) => of_command(error)?,
            _ => return None,
        };
        Some(Refusal { kind, detail: self.to_string() })
    }
}

fn of_command(error: &CommandError) -> Option<RefusalKind> {
    match error {
        CommandError::Unknown(_) => Some(RefusalKind::Unknown),
        CommandError::NotNow(_) => Some(RefusalKind::NotNow),
        CommandError::Undecidable(why) => match why {
            Undecidable::Unknown(_) | Undecidable::NoSuggestion(_) => Some(RefusalKind::Unknown),
            Undecidable::NotMergeable(_)
            | Undecidable::Different(..)
            | Undecidable::Itself
            | Undecidable::TooManyReferences
            | Undecidable::References(_) => Some(RefusalKind::Invalid),
            // It says itself that a moment later it may be decided.
            Undecidable::UnderWay(..) => None,
            _ => Some(RefusalKind::NotNow),
        },
        _ => None,
    }
}
