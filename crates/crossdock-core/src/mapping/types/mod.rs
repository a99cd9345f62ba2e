//! Types for mappings: what is known of a message before it comes, from a JSON Schema or from samples, and whether what
//! a mapping makes of it fits the event. Nothing here runs when a message is mapped.

#![allow(dead_code, reason = "the checker over these types follows")]

mod sample;
mod schema;
mod ty;

#[cfg(test)]
mod tests;

pub use ty::{Measure, Ty};
