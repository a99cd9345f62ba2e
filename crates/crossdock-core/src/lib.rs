//! The pure decisions of Crossdock. No I/O, clock, randomness, async or logging happens here: `now`, ids and
//! configuration come in as arguments, a decision goes out.

pub mod authority;
pub mod changeset;
pub mod edit;
pub mod event;
pub mod exception;
pub mod exchange;
pub mod hub;
pub mod ids;
pub mod intake;
pub mod invariants;
pub mod job;
pub mod loss;
pub mod mapping;
pub mod master;
pub mod message;
pub mod model;
pub mod record;
pub mod replay;
pub mod retention;
pub mod routing;
pub mod source;
pub mod submission;
pub mod suggestion;
pub mod traffic;
pub mod transmission;
pub mod value;
