//! Types for mappings: what is known of a message before it comes, from a JSON Schema or from samples, and whether what
//! a mapping makes of it fits the event. Nothing here runs when a message is mapped.

mod calls;
mod check;
mod env;
pub(super) mod findings;
mod fit;
mod infer;
mod operators;
mod paths;
mod roots;
mod sample;
mod schema;
mod signatures;
mod tree;
mod ty;
mod units;

#[cfg(test)]
pub(super) mod tests;

pub use check::{Check, Checked};
pub use findings::{KINDS, Kind, Weight};
pub use infer::Texts;
pub use ty::{Measure, Ty};
