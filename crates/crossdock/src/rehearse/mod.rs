//! `crossdock rehearse`: a hub folder's own flows, run by the real program against simulated partners, with duplicates,
//! delays, lost answers, absent partners and kills; and a report of what was lost, doubled or out of order.
//!
//! What should happen is not asked of the hub: the same messages are first told once, in order, in calm weather, to fresh
//! partners. The storm must leave the world outside as the calm day left it. `copy` makes the folder's copy, `story` the
//! messages, `world` the stage, `storm` the weather, `verdict` and `content` the comparison, `silence` the messages that never
//! come, `report` what people read.

mod content;
mod copy;
mod orders;
mod report;
mod schema;
mod silence;
mod storm;
mod story;
mod verdict;
mod world;

use std::cell::Cell;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use crossdock_core::source::Severity;

use crate::cli::screen::{self, Screen};
use crate::config;
use crate::config::env::{self, Environment};
use crate::config::folder::Folder;
use report::{Found, Report};
use storm::Forecast;
use story::Story;
use world::{Script, World};

/// Run a folder's flows against simulated partners, with everything going wrong that can
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing real is contacted: a copy of the folder runs in a scratch folder, every system's address is that of a \
simulated partner, every secret one of the rehearsal, and the hub under rehearsal refuses all addresses beyond this \
machine. The folder itself is only read.

The messages are those that the folder has recorded: bodies in its tests, samples and schemas of its channels, each \
sent many times under other keys. First they are sent once and in order, to see what should happen; then in the storm.

Examples:
  crossdock rehearse my-hub
  crossdock rehearse my-hub --messages 2000 --kills 20 --seed 7
  crossdock rehearse my-hub --minutes 5 --json

Exit codes: 0 after the storm the world outside is as after a calm day: nothing lost, doubled, out of order, changed \
or waiting for a person; 1 it is not; 2 it could not be rehearsed; 3 there is nothing to prove: the flows send nothing \
outside")]
pub struct RehearseArgs {
    /// The hub folder
    #[arg(value_name = "FOLDER", env = "CROSSDOCK_HUB", default_value = ".", hide_env = true)]
    folder: PathBuf,
    /// How many messages to send, without duplicates
    #[arg(long, value_name = "NUMBER", default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: u32,
    /// For how long the storm rages [default: as the messages take]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: Option<u32>,
    /// How often the hub is killed with SIGKILL at a random moment
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    kills: u32,
    /// For how many seconds each partner is away, once
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=3_600))]
    outage: u32,
    /// Chooses what goes wrong and when
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Put the copies with their data here and keep them [default: a scratch folder, kept when something is wrong]
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Messages a second that the storm brings, where nothing says how long it is.
const PER_SECOND: u32 = 16;
/// The exit code when the folder's flows send nothing outside.
const NOTHING_TO_PROVE: u8 = 3;
/// Most stories of one rehearsal.
const STORIES_MAX: usize = 10_000;

/// Runs the command.
///
/// # Errors
/// When the folder cannot be rehearsed.
pub fn run(args: &RehearseArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let folder = Folder::read(&args.folder, true)?;
    // Secrets of the real systems are none of a rehearsal's business, not even whether they are well formed.
    let secrets = copy::secret_variables(&folder);
    let variable = |name: &str| env::process_variable(name).filter(|_| !secrets.contains(name));
    let env = Environment::new(&folder.root, &variable, true);
    let loaded = config::compile(&folder, &env);
    if loaded.plan.is_none() {
        let first = loaded.diagnostics.iter().find(|found| found.severity == Severity::Error);
        let first = first.map(ToString::to_string).unwrap_or_default();
        bail!("the folder has mistakes; `crossdock check` tells all of them. The first: {first}");
    }
    let story = Story::gather(&folder, &loaded);
    if story.parts.is_empty() {
        bail!(
            "there is nothing to send: the folder has no test of an inbound flow or system, and no sample or schema of a \
             channel. Record a body, for example under `channels: {{orders: {{samples: [tests/samples/order.json]}}}}`"
        );
    }
    let parts = story.parts.iter().filter(|part| part.makes_events).count().max(1);
    let stories = (args.messages as usize).div_ceil(parts).clamp(1, STORIES_MAX);
    let scratch = Scratch::new(args.keep.clone())?;
    let script = Script { folder: &folder, env: &env, story: &story, stories, seed: args.seed };
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(rehearse(args, &script, &scratch))?;
    let text = if args.json { report.as_json() } else { report.as_text(screen) };
    screen::print(&text)?;
    if report.verdict.holds() {
        scratch.leave();
        return Ok(if report.verdict.expected > 0 { ExitCode::SUCCESS } else { ExitCode::from(NOTHING_TO_PROVE) });
    }
    eprintln!("The copies with their data and logs are kept in {}", scratch.path.display());
    Ok(ExitCode::from(1))
}

async fn rehearse(args: &RehearseArgs, script: &Script<'_>, scratch: &Scratch) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let progress = Progress::new(begun, args.json);
    let say = |text: &str| progress.show(text);
    say("laying the copy, opening the partners");
    let mut calm = World::raise(script, &scratch.path.join("calm"), true).await?;
    calm.start().await?;
    calm.calm_day(&say).await?;
    let expected = verdict::look(&calm).await?;
    calm.called = calm.called();
    let mut stormy = World::raise(script, &scratch.path.join("storm"), false).await?;
    stormy.called = calm.called.clone();
    stormy.start().await?;
    let letters: u32 = stormy.letters.iter().map(|story| story.len() as u32).sum();
    let length = match args.minutes {
        Some(minutes) => Duration::from_secs(u64::from(minutes) * 60),
        None => Duration::from_secs(u64::from(letters / PER_SECOND).max(5)),
    };
    let outage = Duration::from_secs(u64::from(args.outage));
    let forecast = Forecast { kills: args.kills, outage, length, seed: args.seed };
    // The hub of the calm day is watched meanwhile: what does it show of messages that never come?
    let enough = AtomicBool::new(false);
    let storm = async {
        let result = async {
            let damage = storm::rage(&mut stormy, forecast, &say).await?;
            anyhow::Ok((damage, settle(&stormy, &expected).await?))
        };
        let result = result.await;
        enough.store(true, Ordering::SeqCst);
        result
    };
    let (storm, silences) = tokio::join!(storm, silence::watch(&calm, &calm.withheld, &enough));
    let ((mut damage, (sight, verdict)), silences) = (storm?, silences?);
    for (system, site) in stormy.sites.iter().filter(|(name, _)| stormy.called.contains(*name)) {
        damage.outages.push((
            system.clone(),
            site.state().first_good().zip(site.opened_at()).map(|(good, opened)| good.duration_since(opened)),
        ));
    }
    progress.end();
    calm.hub.kill().await?;
    stormy.hub.kill().await?;
    let found = Found { damage, calm: expected, storm: sight, verdict, silences };
    Ok(Report::new(script, &stormy, found, begun.elapsed()))
}

/// Looks until the world is as after the calm day, or nothing changes any more.
async fn settle(world: &World, expected: &verdict::Sight) -> anyhow::Result<(verdict::Sight, verdict::Verdict)> {
    /// A hub that fetches from a partner looks again at the latest after this.
    const PATIENCE: Duration = Duration::from_secs(12);
    let mut changed = Instant::now();
    let mut last = None;
    loop {
        let sight = verdict::look(world).await?;
        let verdict = verdict::compare(expected, &sight);
        if verdict.holds() || changed.elapsed() > PATIENCE {
            return Ok((sight, verdict));
        }
        if last.as_ref() != Some(&sight.effects) {
            changed = Instant::now();
        }
        last = Some(sight.effects);
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.rest(Duration::from_secs(180)).await?;
    }
}

/// Tells where it stands: on a terminal in one line that is written over, elsewhere a line now and then.
struct Progress {
    begun: Instant,
    terminal: bool,
    silent: bool,
    told_at: Cell<Option<Instant>>,
}

impl Progress {
    /// Pause between two lines where nobody watches.
    const LINES_EVERY: Duration = Duration::from_secs(20);

    fn new(begun: Instant, json: bool) -> Self {
        Self { begun, terminal: Screen::of_stderr().terminal, silent: json, told_at: Cell::new(None) }
    }

    fn show(&self, text: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let mut out = std::io::stderr();
        // A terminal that is gone does not end a rehearsal.
        if self.silent {
            return;
        }
        if self.terminal {
            let _ = write!(out, "\r\x1b[K{seconds:>5.0} s  {text}");
        } else if self.told_at.get().is_none_or(|at| at.elapsed() >= Self::LINES_EVERY) {
            self.told_at.set(Some(Instant::now()));
            let _ = writeln!(out, "{seconds:>5.0} s  {text}");
        }
        let _ = out.flush();
    }

    fn end(&self) {
        if self.terminal && !self.silent {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Where the copies lie.
struct Scratch {
    path: PathBuf,
    keep: bool,
}

impl Scratch {
    #[expect(clippy::disallowed_methods, reason = "a fresh name for a scratch folder")]
    fn new(keep: Option<PathBuf>) -> anyhow::Result<Self> {
        let fresh = || std::env::temp_dir().join(format!("crossdock-rehearsal-{}", uuid::Uuid::now_v7()));
        let (path, keep) = keep.map_or_else(|| (fresh(), false), |path| (path, true));
        if path.join("calm").exists() || path.join("storm").exists() {
            bail!("{} holds an earlier rehearsal: remove it, or name another folder", path.display());
        }
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path, keep })
    }

    /// Nothing was wrong: nobody needs it.
    fn leave(&self) {
        if !self.keep {
            // A leftover folder in the temporary directory does no harm.
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}
