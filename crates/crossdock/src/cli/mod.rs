//! The command line: what people type, what they read, and the exit codes that scripts look at.

mod actor;
mod api;
mod backup;
mod check;
mod client;
mod connectors;
mod desk;
mod init;
mod jobs;
mod live;
mod mapping;
mod model;
mod odoo;
mod paused;
mod references;
mod replay;
mod report;
mod run;
pub mod screen;
mod shapes;
pub mod test;
mod trace;
mod when;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use screen::Screen;

/// Exit codes. Scripts rely on them; `docs/guides/command-line.md` lists them.
pub mod exit {
    use std::process::ExitCode;

    pub const FINE: ExitCode = ExitCode::SUCCESS;

    /// Mistakes found, a test failed, nothing found, something refused.
    pub fn found_wrong() -> ExitCode {
        ExitCode::from(1)
    }

    /// It could not be done: wrong arguments, folder not readable, hub not reachable.
    pub fn not_done() -> ExitCode {
        ExitCode::from(2)
    }
}

const AFTER_HELP: &str = "\
First steps:
  crossdock init my-hub        write a small hub folder that works
  crossdock check my-hub       tell all mistakes in it at once
  crossdock test my-hub        run the tests beside the configuration
  crossdock run my-hub         start the hub: webhooks, API and console

Exit codes:
  0  done, nothing wrong
  1  done, and something is wrong: mistakes found, a test failed, nothing found, an action refused
  2  not done: wrong arguments, a folder or file that cannot be read, a hub that does not answer

Environment:
  CROSSDOCK_HUB    the hub folder, where --hub or FOLDER is not given (default: the current folder)
  CROSSDOCK_API    the address of a running hub's API, for example http://127.0.0.1:8481
  CROSSDOCK_TOKEN  the token of that API, when CROSSDOCK_API or --api names it
  NO_COLOR         no colours, when set to anything";

/// The integration hub of a logistics company that runs Odoo.
#[derive(Debug, Parser)]
#[command(name = "crossdock", version, after_help = AFTER_HELP, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Mapping(mapping::MappingArgs),
    Run(run::RunArgs),
    /// Carry the order-to-cash example through duplicates, kills and an outage, with simulated partners
    Demo(crate::demo::DemoArgs),
    Rehearse(crate::rehearse::RehearseArgs),
    Overview(desk::OverviewArgs),
    Trace(trace::TraceArgs),
    Messages(desk::MessagesArgs),
    Rerun(desk::RerunArgs),
    Paused(paused::PausedArgs),
    Jobs(jobs::JobsArgs),
    Replay(replay::ReplayArgs),
    References(references::ReferencesArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Model(model::ModelArgs),
    Connectors(connectors::ConnectorsArgs),
    Odoo(odoo::OdooArgs),
}

/// The hub folder of a command that works on the folder itself.
#[derive(Debug, Args)]
struct FolderArg {
    /// The hub folder
    #[arg(value_name = "FOLDER", env = "CROSSDOCK_HUB", default_value = ".", hide_env = true)]
    folder: PathBuf,
}

/// How a command reaches a running hub.
#[derive(Debug, Args)]
struct HubArg {
    /// The hub folder: says where the running hub listens
    #[arg(long, value_name = "FOLDER", env = "CROSSDOCK_HUB", default_value = ".", hide_env = true)]
    hub: PathBuf,
    /// The address of the running hub's API, in place of a hub folder
    #[arg(long, value_name = "URL", env = "CROSSDOCK_API", hide_env = true)]
    api: Option<String>,
}

/// What a machine reads instead.
#[derive(Debug, Args)]
struct JsonArg {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Why something is done, and at which hub.
#[derive(Debug, Args)]
struct WhyArgs {
    /// Why: kept in the audit record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            let screen = Screen::of_stderr();
            eprintln!("{} {error:#}", screen.paint("error:", screen::Tone::Bad));
            exit::not_done()
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let screen = Screen::of_stdout();
    match command {
        Command::Init(args) => init::run(&args, screen),
        Command::Check(args) => check::run(&args, screen),
        Command::Test(args) => test::run(&args, screen),
        Command::Mapping(args) => mapping::run(args, screen),
        Command::Run(args) => run::run(&args, screen),
        Command::Demo(args) => demo(args),
        Command::Rehearse(args) => crate::rehearse::run(&args, screen),
        Command::Overview(args) => desk::overview(&args, screen),
        Command::Trace(args) => trace::run(&args, screen),
        Command::Messages(args) => desk::messages(&args, screen),
        Command::Rerun(args) => desk::rerun(&args, screen),
        Command::Paused(args) => paused::run(&args, screen),
        Command::Jobs(args) => jobs::run(&args, screen),
        Command::Replay(args) => replay::run(&args, screen),
        Command::References(args) => references::run(&args, screen),
        Command::Backup(args) => backup::back_up(&args, screen),
        Command::Restore(args) => backup::restore(&args, screen),
        Command::Model(args) => model::run(&args, screen),
        Command::Connectors(args) => connectors::run(&args, screen),
        Command::Odoo(args) => odoo::run(args, screen),
    }
}

fn demo(args: crate::demo::DemoArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match runtime.block_on(crate::demo::run(args))? {
        true => Ok(exit::FINE),
        false => Ok(exit::found_wrong()),
    }
}

/// Runs one conversation with a hub.
fn wait_for<T>(conversation: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(conversation)
}
