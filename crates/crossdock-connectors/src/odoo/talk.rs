//! Operations written as a conversation. A [`Talk`] replays what was already said in this attempt and halts at the
//! first question that has no answer yet, so an operation reads top to bottom although it is asked again for every
//! step. The same answers always lead to the same next question.

use crossdock_connect::endpoint::{CALLS_MAX, Step};
use crossdock_core::exchange::{Call, Exchange};
use crossdock_core::transmission::Outcome;
use crossdock_core::value::Value;

use super::answer::{self, Failure};
use super::call::{Ask, Weight};
use super::config::Odoo;

/// Why an operation stops running for now.
#[derive(Debug)]
pub(super) enum Halt {
    /// The next call; its answer is not known yet.
    Call(Call),
    /// The attempt is over.
    End(Outcome),
}

pub(super) type Said<T> = Result<T, Halt>;

/// Ends the attempt: Odoo, as it stands, cannot do this; the reason tells what to mend.
pub(super) fn refused<T>(reason: impl Into<String>) -> Said<T> {
    Err(Halt::End(Outcome::Refused { reason: reason.into() }))
}

/// Ends the attempt: a later try may succeed.
pub(super) fn later<T>(reason: impl Into<String>) -> Said<T> {
    Err(Halt::End(Outcome::Retry { reason: reason.into(), after_ms: None }))
}

impl Halt {
    /// For an operation of one transmission.
    pub fn into_step(self) -> Step {
        match self {
            Halt::Call(call) => Step::Call(call),
            Halt::End(outcome) => Step::done(outcome),
        }
    }
}

/// One attempt so far.
pub(super) struct Talk<'a> {
    pub odoo: &'a Odoo,
    so_far: &'a [Exchange],
    at: usize,
    /// Attempts begun at what is being done, this one included.
    pub attempts: u32,
    /// The call that makes the operation take effect was carried out: what fails after it leaves doubt.
    in_effect: bool,
}

impl<'a> Talk<'a> {
    pub fn new(odoo: &'a Odoo, so_far: &'a [Exchange], attempts: u32) -> Self {
        Self { odoo, so_far, at: 0, attempts, in_effect: false }
    }

    /// Asks, and ends the attempt when the answer is a failure.
    pub fn ask(&mut self, ask: Ask) -> Said<Value> {
        let (weight, doing) = (ask.weight, ask.doing.clone());
        match self.hear(&ask)? {
            Ok(value) => Ok(value),
            Err(failure) => Err(Halt::End(self.outcome(failure, weight, &doing))),
        }
    }

    /// Asks, and leaves a failure to the operation.
    pub fn hear(&mut self, ask: &Ask) -> Said<Result<Value, Failure>> {
        let Some(exchange) = self.so_far.get(self.at) else { return Err(Halt::Call(ask.call(self.odoo))) };
        self.at += 1;
        let heard = answer::read(exchange);
        if heard.is_ok() && ask.weight == Weight::Effect {
            self.in_effect = true;
        }
        Ok(heard)
    }

    /// From here on, what fails leaves doubt, because the operation took effect.
    pub fn took_effect(&mut self) {
        self.in_effect = true;
    }

    /// The id of the one record of a `load`.
    pub fn load_one(&mut self, ask: Ask) -> Said<i64> {
        let (weight, doing) = (ask.weight, ask.doing.clone());
        let answer = self.ask(ask)?;
        if let [id] = answer.links("ids")[..] {
            return Ok(id);
        }
        let message = answer.at("messages.0.message").and_then(Value::as_text).unwrap_or_default();
        let reason = answer::said(message, "no reason given");
        let failure = match answer::is_conflict(message) {
            true => Failure::Transient { reason, after_ms: None },
            false => Failure::Refused { reason },
        };
        Err(Halt::End(self.outcome(failure, weight, &doing)))
    }

    /// How many more calls this attempt may make.
    pub fn calls_left(&self) -> usize {
        CALLS_MAX.saturating_sub(self.at)
    }

    /// What a failure of a call of this weight means for the attempt.
    pub fn outcome(&self, failure: Failure, weight: Weight, doing: &str) -> Outcome {
        let in_doubt = self.in_effect || (weight == Weight::Effect && matches!(failure, Failure::Lost { .. }));
        let reason = format!("{doing}: {}", failure.reason());
        match failure {
            Failure::Unusable { reason } => Outcome::Unusable { reason },
            Failure::Refused { .. } | Failure::Unknown { .. } => Outcome::Refused { reason },
            Failure::Denied { .. } => Outcome::Refused { reason: format!("{reason} Grant it in Odoo, then resume") },
            _ if in_doubt => Outcome::Unknown { reason },
            Failure::Transient { after_ms, .. } => Outcome::Retry { reason, after_ms },
            Failure::Lost { .. } | Failure::Missing { .. } => Outcome::Retry { reason, after_ms: None },
        }
    }

    /// The records of a `search_read`.
    pub fn search(&mut self, ask: Ask) -> Said<Vec<Value>> {
        let doing = ask.doing.clone();
        let answer = self.ask(ask)?;
        match answer {
            Value::List(records) => Ok(records.as_ref().clone()),
            other => refused(format!("{doing}: Odoo answered with {} instead of records", other.kind_word())),
        }
    }
}

/// Reading the records that Odoo returns. What is absent or of another type reads as nothing: Odoo writes `false` for
/// nothing in most fields.
pub(super) trait Record {
    fn text(&self, field: &str) -> &str;
    fn int(&self, field: &str) -> i64;
    /// The id of a many2one field, which comes as `[id, name]`.
    fn link(&self, field: &str) -> Option<i64>;
    /// The name of a many2one field.
    fn link_name(&self, field: &str) -> &str;
    /// The ids of an x2many field.
    fn links(&self, field: &str) -> Vec<i64>;
    fn yes(&self, field: &str) -> bool;
    fn id(&self) -> i64 {
        self.int("id")
    }
}

impl Record for Value {
    fn text(&self, field: &str) -> &str {
        self.get(field).and_then(Value::as_text).unwrap_or_default()
    }

    fn int(&self, field: &str) -> i64 {
        self.get(field).and_then(Value::as_int).unwrap_or_default()
    }

    fn link(&self, field: &str) -> Option<i64> {
        let value = self.get(field)?;
        value.as_int().or_else(|| value.at("0")?.as_int())
    }

    fn link_name(&self, field: &str) -> &str {
        self.get(field).and_then(|value| value.at("1")).and_then(Value::as_text).unwrap_or_default()
    }

    fn links(&self, field: &str) -> Vec<i64> {
        let ids = self.get(field).and_then(Value::as_list).unwrap_or_default();
        ids.iter().filter_map(Value::as_int).collect()
    }

    fn yes(&self, field: &str) -> bool {
        self.get(field).and_then(Value::as_bool).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossdock_core::value;

    #[test]
    fn nothing_in_odoo_reads_as_nothing() {
        let record = value!({ "id": 7_i64, "name": false, "partner_id": [3_i64, "ACME"], "user_id": false,
                              "picking_ids": [1_i64, 2_i64], "active": true });
        assert_eq!((record.id(), record.text("name"), record.text("absent")), (7, "", ""));
        assert_eq!((record.link("partner_id"), record.link_name("partner_id")), (Some(3), "ACME"));
        assert_eq!((record.link("user_id"), record.link_name("user_id")), (None, ""));
        assert_eq!(record.links("picking_ids"), [1, 2]);
        assert!(record.yes("active") && !record.yes("name"));
    }
}
