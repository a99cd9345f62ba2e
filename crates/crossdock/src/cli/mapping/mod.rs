//! `crossdock mapping`: what mappings do, step by step and over all of their fields.

mod report;
mod steps;
mod try_out;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::screen::Screen;

/// Look into mappings: try one on a message, step by step; report what they leave out
#[derive(Debug, Args)]
pub struct MappingArgs {
    #[command(subcommand)]
    command: MappingCommand,
}

#[derive(Debug, Subcommand)]
enum MappingCommand {
    Try(try_out::TryArgs),
    Report(report::ReportArgs),
}

pub fn run(args: MappingArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    match args.command {
        MappingCommand::Try(args) => try_out::run(&args, screen),
        MappingCommand::Report(args) => report::run(&args, screen),
    }
}
