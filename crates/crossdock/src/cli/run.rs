//! `crossdock run`

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use crossdock_core::source::Severity;
use crossdock_runtime::plan::Plan;
use tracing_subscriber::EnvFilter;

use super::screen::{self, Row, Screen, Tone};
use super::{FolderArg, exit, report};
use crate::config::hub::{LogFormat, Settings};
use crate::config::{self, env, folder::Folder};
use crate::wiring::{self, OpenHub};

/// Start the hub of a folder: webhooks, API, console and everything it owes
#[derive(Debug, Args)]
#[command(after_help = "\
SIGTERM and SIGINT (Ctrl-C) stop it: no new messages are taken, attempts under way may end (30 s), the store is \
closed. A second signal ends it at once; nothing accepted is lost by that either.

The log goes to standard error. CROSSDOCK_LOG sets its level in more detail, for example \
CROSSDOCK_LOG=info,crossdock_runtime=debug.

Examples:
  crossdock run my-hub
  crossdock run my-hub --log-format json 2> hub.log

Exit codes: 0 stopped as asked, 1 the folder has mistakes, 2 it cannot start")]
pub struct RunArgs {
    #[command(flatten)]
    folder: FolderArg,
    /// How the log is written [default: as in hub.yaml]
    #[arg(long, value_enum, hide_default_value = true)]
    log_format: Option<LogFormat>,
    /// Call nothing beyond this machine: every other address is refused before anything is sent
    #[arg(long)]
    loopback_only: bool,
}

pub fn run(args: &RunArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let folder = Folder::read(&args.folder.folder, false)?;
    let env = env::Environment::new(&folder.root, &env::process_variable, false);
    let loaded = config::compile(&folder, &env);
    let errors = loaded.errors();
    let Some(plan) = loaded.plan else {
        let told = Screen::of_stderr();
        for diagnostic in loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error) {
            eprint!("{}", report::finding(diagnostic, &folder, told));
        }
        eprint!("{}", report::summary(errors, 0, folder.files.len(), told));
        return Ok(exit::found_wrong());
    };
    let settings = loaded.settings;
    let format = args.log_format.unwrap_or(settings.log.format);
    start_log(settings.log.level, format)?;
    for warning in &loaded.diagnostics {
        tracing::warn!(location = %warning.location, finding = %warning.message, "the hub folder has a weak spot");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(&folder, plan, &settings, screen, (format, args.loopback_only)));
    // A read of the store that still runs must not keep the process alive.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result?;
    Ok(exit::FINE)
}

async fn serve(
    folder: &Folder,
    plan: Plan,
    settings: &Settings,
    screen: Screen,
    (format, loopback_only): (LogFormat, bool),
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let version = plan.hub.version.clone();
    let systems: Vec<Row> = plan
        .systems
        .iter()
        .map(|(name, system)| {
            vec![
                (name.to_string(), Tone::Strong),
                (system.connector.clone(), Tone::Plain),
                (system.zone.clone(), Tone::Plain),
                (system.owner.clone().unwrap_or_default(), Tone::Plain),
                (format!("/in/{name}"), Tone::Faint),
            ]
        })
        .collect();
    let count = systems.len();
    let hub = wiring::open(&folder.root, plan, settings, loopback_only).await?;
    tracing::info!(
        hub = settings.hub,
        config = %version,
        ingress = %hub.serving.ingress,
        console = %hub.serving.console,
        systems = count,
        "the hub is running"
    );
    if screen.terminal && format != LogFormat::Json {
        screen::print(&welcome(&hub, settings, &systems, screen))?;
    }
    let signal = signals.next().await;
    tracing::info!(signal, "stopping: the doors are shut, attempts under way may end");
    tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("ended by a second signal; what was under way is asked about first at the next start");
        quit();
    });
    match hub.stop().await {
        true => tracing::info!("the hub has stopped"),
        false => tracing::warn!("not everything ended in time; it is asked about first at the next start"),
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a second signal means now; the store is made for being cut off")]
fn quit() {
    std::process::exit(130);
}

fn welcome(hub: &OpenHub, settings: &Settings, systems: &[Row], screen: Screen) -> String {
    let name = screen.paint(&settings.hub, Tone::Strong);
    let mut text = format!("\n{name} is running. Ctrl-C stops it.\n\n");
    text += &format!("  console  http://{}/\n", hub.serving.console);
    text += &format!("  webhooks http://{}/in/<system>\n\n", hub.serving.ingress);
    text += &screen.table(&["system", "connector", "zone", "owner", "webhooks"], systems);
    text + "\n"
}

fn start_log(level: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = match env::process_variable("CROSSDOCK_LOG").filter(|filter| !filter.is_empty()) {
        Some(filter) => {
            EnvFilter::try_new(&filter).with_context(|| format!("CROSSDOCK_LOG={filter} is not a filter"))?
        }
        None => EnvFilter::new(level),
    };
    let screen = Screen::of_stderr();
    let text = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match text {
        true => log.with_ansi(screen.color).init(),
        false => log.json().flatten_event(true).with_current_span(false).init(),
    }
    Ok(())
}

/// SIGTERM and SIGINT.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self { terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())? });
        #[cfg(not(unix))]
        return Ok(Self {});
    }

    async fn next(&mut self) -> &'static str {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => "SIGINT",
        }
        #[cfg(not(unix))]
        {
            drop(tokio::signal::ctrl_c().await);
            "Ctrl-C"
        }
    }
}
