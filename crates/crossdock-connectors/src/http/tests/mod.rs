//! What the generic HTTP connector does, and what every connector gets from it: configuration, receiving, sending,
//! reading answers.

mod answers;
mod configuration;
mod polling;
pub(crate) mod receiving;
mod sending;
