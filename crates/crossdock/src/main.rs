//! `crossdock`, the integration hub of a logistics company that runs Odoo. This program alone reads arguments, the
//! environment and configuration files; everything below it is handed what it needs.

mod cli;
mod config;
mod demo;
mod rehearse;
#[cfg(test)]
mod simulated;
mod wiring;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
