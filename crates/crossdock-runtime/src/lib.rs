//! The shell: the workers that carry a message from the door to the systems. They wait, read, send and commit; what
//! to do is decided in the core.

pub mod clock;
pub mod desk;
mod duplicates;
pub mod hub;
pub mod intake;
mod jobs;
mod pause;
pub mod plan;
mod poller;
mod retention;
pub mod router;
pub mod shell;
#[cfg(test)]
mod tests;
mod timers;
pub mod toll;
pub mod transmitter;
mod valve;
mod wake;
