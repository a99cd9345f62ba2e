//! What stands still for the same reason: the class of its exception, the system, and the reason without what differs from
//! one to the next.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::exception::ExceptionClass;
use crate::ids::SystemName;

/// Names a group of equal faults: 16 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{16}$"))]
pub struct FaultKey(String);

/// The text names no group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a fault group: it has 16 hex digits, as the list of faults shows it")]
pub struct NotAFaultKey(String);

impl FaultKey {
    /// The group of a transmission that is paused for `reason`.
    pub fn of(class: Option<ExceptionClass>, system: &SystemName, reason: &str) -> Self {
        let class = class.map_or("", ExceptionClass::word);
        let mut hash = Sha256::new();
        for part in [class, system.as_str(), &alike(reason)] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for FaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<FaultKey> for String {
    fn from(key: FaultKey) -> Self {
        key.0
    }
}

impl TryFrom<String> for FaultKey {
    type Error = NotAFaultKey;

    fn try_from(text: String) -> Result<Self, NotAFaultKey> {
        let is_one = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_one { Ok(Self(text)) } else { Err(NotAFaultKey(text)) }
    }
}

impl FromStr for FaultKey {
    type Err = NotAFaultKey;

    fn from_str(text: &str) -> Result<Self, NotAFaultKey> {
        Self::try_from(text.to_owned())
    }
}

/// A reason without what differs between equal ones: words with digits in them, such as numbers and ids, become `#`. A
/// number behind `HTTP`, `status`, `code` or `error` says what happened and stays.
pub fn alike(reason: &str) -> String {
    let mut alike = String::with_capacity(reason.len());
    let mut rest = reason;
    let mut says_what = false;
    while let Some(first) = rest.chars().next() {
        let is_word = is_of_word(first);
        let end = rest.find(|c: char| is_of_word(c) != is_word).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind;
        if !is_word {
            alike.push_str(part);
            continue;
        }
        match part.chars().any(|c| c.is_ascii_digit()) && !says_what {
            true => alike.push('#'),
            false => alike.push_str(part),
        }
        says_what = ["http", "status", "code", "error"].contains(&part.to_ascii_lowercase().as_str());
    }
    alike
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}
