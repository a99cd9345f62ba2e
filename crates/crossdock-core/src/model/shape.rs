//! What goes into an operation of a connector and what comes out of it, in the words of the model: the check of mappings
//! compares with it what a mapping makes. Nothing here knows a connector.

use super::Field;

pub use super::table::{boolean, code, country, date, decimal, int, list, measured, object, other, text, texts};

/// The fields of an operation's input or result.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The fields that are known.
    pub fields: &'static [Field],
    /// One of these must be written; empty when there is no such choice.
    pub one_of: &'static [&'static str],
    /// There may be other fields, of which nothing is known.
    pub others: bool,
}

impl Shape {
    /// Of which nothing is known.
    pub const ANY: Self = Self { fields: &[], one_of: &[], others: true };

    /// These fields and no others.
    pub const fn of(fields: &'static [Field]) -> Self {
        Self { fields, one_of: &[], others: false }
    }

    /// One of these fields must be written.
    pub const fn one_of(mut self, names: &'static [&'static str]) -> Self {
        self.one_of = names;
        self
    }

    /// There may be other fields besides.
    pub const fn and_others(mut self) -> Self {
        self.others = true;
        self
    }

    /// Whether nothing is known of it.
    pub const fn is_any(&self) -> bool {
        self.fields.is_empty() && self.others
    }
}
