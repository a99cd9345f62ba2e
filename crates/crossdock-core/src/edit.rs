//! What a person changed to let something go on: the input of a transmission, the system it goes to, the body of a message
//! that failed. The original is never overwritten without a trace: it stays as it was beside what goes on in its place, or,
//! where the key must not change, in this record.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Record, RecordKind};
use crate::value::Value;

/// The header of a correcting message that names the one it stands in for.
pub const CORRECTS: &str = "crossdock-corrects";

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EditKind {
    /// The input of a transmission.
    Input,
    /// The system to which a transmission goes.
    Route,
    /// The body of a message.
    Body,
}

/// One change by a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Edit {
    /// What was changed.
    pub kind: EditKind,
    /// Of what: `transmission/<id>` or `message/<id>`. It is kept as it was, unless `instead` names it again.
    pub of: String,
    /// What goes on in its place. The same one, when its key had to stay.
    pub instead: String,
    /// What stood there: an input, or the name of a system. Null for a body, which the message keeps.
    pub before: Value,
    /// What stands there now.
    pub after: Value,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Edit {
    /// As it is stored; `version` tells several changes of the same thing apart.
    ///
    /// # Errors
    /// Never in practice: every part of it can be written.
    pub fn record(&self, version: u64) -> Result<Record, serde_json::Error> {
        Ok(Record {
            kind: RecordKind::Edit,
            id: format!("{}@{version}", self.of),
            version: 1,
            is_open: false,
            about: self.of.clone(),
            body: serde_json::to_string(self)?,
        })
    }

    /// As it was stored.
    ///
    /// # Errors
    /// When it was written by a version that knew more.
    pub fn of_record(record: &Record) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&record.body)
    }
}
