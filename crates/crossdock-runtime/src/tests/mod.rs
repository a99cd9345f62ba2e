//! The shell over the store in memory, with scripted systems and a clock that jumps. Every test ends by asking the
//! invariants.

mod crashing;
mod desk;
mod duplicating;
mod faulty;
mod flow;
mod hub;
mod jobs;
mod keeping;
mod mending;
mod partner;
mod polling;
mod pressing;
mod replaying;
mod sending;
mod storing;
mod story;
mod submitting;
mod traffic;
mod trouble;
mod world;
