//! The order-to-cash example in simulated worlds (`crossdock-sim`): the hub as it is shipped and configured, everything
//! around it simulated, everything that can go wrong going wrong. Each seed is a world of its own.
//!
//! `CROSSDOCK_SEEDS_FROM` and `CROSSDOCK_SEEDS_COUNT` choose the seeds; `cargo xtask seeds` sets them.

mod hubs;
mod sabotage;
mod seeds;
