//! Why a request was not believed. Reasons name headers, limits and seconds; they never hold a secret, a header's
//! value or the signature that would have been right.

use crate::endpoint::Reject;
use crate::signature::scheme::Place;

/// HTTP status when the hub itself cannot verify: a sender that repeats will get through once it is set right.
pub const NOT_READY_STATUS: u16 = 503;

/// A request that was turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    /// The HTTP status to answer: the scheme's for what the sender did, 503 for what the hub lacks.
    pub status: u16,
    pub reason: Reason,
}

/// The exact reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    #[error("missing header {header}")]
    MissingHeader { header: String },
    #[error("missing query parameter {parameter}")]
    MissingParameter { parameter: String },
    #[error("{name} occurs more than once with different values")]
    Contradictory { name: String },
    #[error("{name} is longer than {bytes_max} bytes")]
    TooLong { name: String, bytes_max: usize },
    #[error("malformed signature: {problem}")]
    MalformedSignature { problem: String },
    #[error("malformed timestamp: {problem}")]
    MalformedTimestamp { problem: &'static str },
    #[error("malformed message id: not visible ASCII text")]
    MalformedId,
    #[error("missing secret: this hub has none for the sender")]
    MissingSecret,
    #[error("unusable secret: {problem}")]
    UnusableSecret { problem: &'static str },
    #[error("this hub does not know under which URL the sender addressed it")]
    UnknownUrl,
    #[error("signature does not match")]
    Mismatch,
    #[error("stale timestamp: {age_s} s old, {past_s} s are allowed")]
    Stale { age_s: i64, past_s: u32 },
    #[error("timestamp in the future: {ahead_s} s ahead, {future_s} s are allowed")]
    Future { ahead_s: i64, future_s: u32 },
}

impl Reason {
    pub(crate) fn missing(place: &Place) -> Self {
        match place {
            Place::Header(header) => Reason::MissingHeader { header: header.clone() },
            Place::Query(parameter) => Reason::MissingParameter { parameter: parameter.clone() },
        }
    }

    pub(crate) fn malformed(problem: impl Into<String>) -> Self {
        Reason::MalformedSignature { problem: problem.into() }
    }

    /// Stable code with a page in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::MissingHeader { .. } | Reason::MissingParameter { .. } => "XD-1010",
            Reason::MissingSecret | Reason::UnusableSecret { .. } | Reason::UnknownUrl => "XD-1011",
            Reason::Contradictory { .. }
            | Reason::TooLong { .. }
            | Reason::MalformedSignature { .. }
            | Reason::MalformedTimestamp { .. }
            | Reason::MalformedId => "XD-1012",
            Reason::Stale { .. } | Reason::Future { .. } => "XD-1013",
            Reason::Mismatch => "XD-1014",
        }
    }

    /// Whether the hub, and not the sender, has to be set right.
    pub fn is_ours(&self) -> bool {
        matches!(self, Reason::MissingSecret | Reason::UnusableSecret { .. } | Reason::UnknownUrl)
    }

    pub(crate) fn rejected_with(self, status: u16) -> Rejection {
        Rejection { status: if self.is_ours() { NOT_READY_STATUS } else { status }, reason: self }
    }
}

impl From<Rejection> for Reject {
    fn from(rejection: Rejection) -> Self {
        Reject { status: rejection.status, code: rejection.reason.code(), reason: rejection.to_string() }
    }
}
