//! `crossdock jobs`: many paused transmissions resumed or given up by one decision, carried out by the hub.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use crossdock_core::exception::ExceptionClass;
use serde_json::{Map, Value as Json, json};

use super::client;
use super::screen::{self, Row, Screen, Tone};
use super::shapes::{Fault, Job, JobAnswer, JobPreview, Listing};
use super::{HubArg, JsonArg, WhyArgs, actor, api, exit, when};

/// How often the hub is asked how far a job is.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Resume or give up many paused transmissions, or rerun failed messages, by one decision: look, start, watch, stop
#[derive(Debug, Args)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    Faults(FaultsArgs),
    Start(Box<StartArgs>),
    List(ListArgs),
    Show(ShowArgs),
    Stop(StopArgs),
}

/// Which paused transmissions: all that is said must fit.
#[derive(Debug, Default, Args)]
pub struct FilterArgs {
    /// Only those owed to this system
    #[arg(long, value_name = "NAME")]
    pub system: Option<String>,
    /// Only those that this flow owes
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only those that are to do this there
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Only those with an open exception of this class, such as transmission_refused
    #[arg(long, value_name = "CLASS", value_parser = class)]
    class: Option<String>,
    /// Only those about this entity, such as shipment/281
    #[arg(long, value_name = "KIND/KEY")]
    entity: Option<String>,
    /// Only those paused at this time or later, such as 2026-03-01T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// Only those paused before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// Only those of one group of `crossdock jobs faults`
    #[arg(long, value_name = "FAULT")]
    fault: Option<String>,
}

impl FilterArgs {
    /// Something besides the system is said.
    pub fn is_narrow(&self) -> bool {
        let Self { system: _, flow, operation, class, entity, since, until, fault } = self;
        [flow, operation, class, entity, since, until, fault].iter().any(|said| said.is_some())
    }

    fn json(&self) -> Json {
        let Self { system, flow, operation, class, entity, since, until, fault } = self;
        let said = [
            ("system", system),
            ("flow", flow),
            ("operation", operation),
            ("class", class),
            ("entity", entity),
            ("since", since),
            ("until", until),
            ("fault", fault),
        ];
        let said = said.into_iter().filter_map(|(name, said)| Some((name.to_owned(), json!(said.as_ref()?))));
        Json::Object(said.collect::<Map<_, _>>())
    }
}

pub fn class(text: &str) -> Result<String, String> {
    match ExceptionClass::ALL.iter().any(|class| class.word() == text) {
        true => Ok(text.to_owned()),
        false => Err(format!("the classes are {}", ExceptionClass::ALL.map(ExceptionClass::word).join(", "))),
    }
}

pub fn time(text: &str) -> Result<String, String> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|at| at.to_string())
        .map_err(|_| "a time with its zone is needed, such as 2026-03-01T08:00:00Z".to_owned())
}

/// How a job is started.
#[derive(Debug, Default, Args)]
pub struct PaceArgs {
    /// How many in a second, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: Option<u32>,
    /// Also resume what may have taken effect at a system that honours no key: it may be done twice
    #[arg(long)]
    pub in_doubt: bool,
    /// Start without asking
    #[arg(long)]
    yes: bool,
    /// Only show what would be done
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Start it and do not wait for its end
    #[arg(long)]
    detach: bool,
}

impl PaceArgs {
    /// Something is said that only a job can heed.
    pub fn is_for_a_job(&self) -> bool {
        self.rate.is_some() || self.yes || self.dry_run || self.detach
    }
}

/// What is done to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// It goes on, in its old place
    Resume,
    /// It is given up and never sent
    Cancel,
    /// A message whose mapping failed is routed again
    Rerun,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::Resume => "resume",
            Action::Cancel => "cancel",
            Action::Rerun => "rerun",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Action::Resume => "resumed",
            Action::Cancel => "given up",
            Action::Rerun => "routed again",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Action::Resume | Action::Cancel => "paused transmission",
            Action::Rerun => "failed message",
        }
    }
}

/// Show what is paused or failed, by the reason it stands still for
#[derive(Debug, Args)]
#[command(after_help = "\
A group is what has the same class of exception, the same system and the same reason but for numbers and ids in it.

Examples:
  crossdock jobs faults
  crossdock jobs faults --system odoo --json

Exit codes: 0 nothing is paused, 1 something is, 2 the hub does not answer")]
struct FaultsArgs {
    /// Only at this system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Show what a job would do, ask, start it and watch it
#[derive(Debug, Args)]
#[command(after_help = "\
The hub works on the job, also when this command is interrupted or the hub is restarted; `crossdock jobs stop` ends it.

Examples:
  crossdock jobs start resume --system odoo --class transmission_refused --dry-run
  crossdock jobs start resume --fault 5f0c9d2a11b3e874 --rate 20 --yes --reason \"SKUs created\"
  crossdock jobs start rerun --system shop --class mapping_failed --yes --reason \"mapping mended\"
  crossdock jobs start cancel --flow notify --until 2026-03-01T00:00:00Z --yes --reason \"too late to tell\"

Exit codes: 0 done, or nothing fits, 1 some could not be done, or it was stopped, 2 not started")]
struct StartArgs {
    /// What is done to each
    action: Action,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    pace: PaceArgs,
    /// Why: kept in the audit records
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// List jobs, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock jobs list --running

Exit codes: 0 listed, 2 the hub does not answer")]
struct ListArgs {
    /// Only those that are running
    #[arg(long)]
    running: bool,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Show one job, with what could not be done
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock jobs show 01938e2a-7b00-7000-8000-000000000001

Exit codes: 0 shown, 1 there is no such job, 2 the hub does not answer")]
struct ShowArgs {
    /// The job
    id: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Stop a job: what it did stays done
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock jobs stop 01938e2a-7b00-7000-8000-000000000001 --reason \"the wrong system\"

Exit codes: 0 stopped, 1 refused: no such job, or it has ended, 2 the hub does not answer")]
struct StopArgs {
    /// The job
    id: String,
    #[command(flatten)]
    why: WhyArgs,
}

pub fn run(args: &JobsArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    match &args.command {
        JobsCommand::Faults(args) => faults(args, screen),
        JobsCommand::Start(args) => {
            start(args.action, &args.filter, &args.pace, args.reason.as_deref(), &args.hub, args.json.json, screen)
        }
        JobsCommand::List(args) => list(args, screen),
        JobsCommand::Show(args) => show(args, screen),
        JobsCommand::Stop(args) => stop(args, screen),
    }
}

fn faults(args: &FaultsArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let query: Vec<_> = args.system.as_deref().map(|system| ("system", system)).into_iter().collect();
    let text = super::wait_for(async { Ok(hub.client.get("/api/faults", &query).await?) })?;
    let listing: Listing<Fault> = client::read(&text)?;
    let nothing = listing.items.is_empty();
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
    } else if nothing && screen.terminal {
        screen::print("nothing is paused\n")?;
    } else {
        let row = |fault: &Fault| -> Row {
            vec![
                (fault.fault.clone(), Tone::Plain),
                (fault.count.to_string(), Tone::Strong),
                (fault.system.clone(), Tone::Plain),
                (fault.class.clone().unwrap_or_default(), Tone::Plain),
                (fault.owner.clone().unwrap_or_default(), Tone::Plain),
                (when::shown(fault.since, screen), Tone::Faint),
                (fault.reason.clone(), Tone::Bad),
            ]
        };
        let rows: Vec<Row> = listing.items.iter().map(row).collect();
        screen::print(&screen.table(&["fault", "count", "system", "class", "owner", "since", "reason"], &rows))?;
    }
    Ok(if nothing { exit::FINE } else { exit::found_wrong() })
}

/// Shows what a job would do, asks, starts it and waits for its end.
pub fn start(
    action: Action,
    filter: &FilterArgs,
    pace: &PaceArgs,
    reason: Option<&str>,
    hub: &HubArg,
    as_json: bool,
    screen: Screen,
) -> anyhow::Result<ExitCode> {
    let hub = api::hub(hub)?;
    let mut body = json!({"action": action.word(), "which": filter.json(), "dry_run": true, "actor": actor::name(),
        "in_doubt": pace.in_doubt});
    for (name, said) in [("reason", reason.map(|reason| json!(reason))), ("rate_per_s", pace.rate.map(|n| json!(n)))] {
        body[name] = said.unwrap_or_default();
    }
    let Some(told) = client::unless_refused(super::wait_for(async { Ok(hub.client.post("/api/jobs", &body).await) })?)?
    else {
        return Ok(exit::found_wrong());
    };
    let preview: JobAnswer = client::read(&told)?;
    if pace.dry_run || preview.preview.count == 0 {
        let text = if as_json { format!("{told}\n") } else { preview_text(&preview.preview, action, screen) };
        screen::print(&text)?;
        return Ok(exit::FINE);
    }
    if !pace.yes {
        eprint!("{}", preview_text(&preview.preview, action, Screen::of_stderr()));
        if !agreed(action)? {
            bail!("nothing was started: say --yes to start it without being asked");
        }
    }
    body["dry_run"] = json!(false);
    let Some(told) = client::unless_refused(super::wait_for(async { Ok(hub.client.post("/api/jobs", &body).await) })?)?
    else {
        return Ok(exit::found_wrong());
    };
    let started: JobAnswer = client::read(&told)?;
    let Some(job) = started.job else { bail!("the hub did not start a job, and did not say why") };
    if pace.detach {
        let text = match as_json {
            true => format!("{told}\n"),
            false => format!("job {} is running: `crossdock jobs show {}` tells how far it is\n", job.id, job.id),
        };
        screen::print(&text)?;
        return Ok(exit::FINE);
    }
    let (told, ended) = super::wait_for(watch(&hub, &job.id))?;
    screen::print(&if as_json { format!("{told}\n") } else { ended_text(&ended, action) })?;
    Ok(if ended.state == "done" && ended.refused == 0 { exit::FINE } else { exit::found_wrong() })
}

/// Asks the person; nobody is there when it is no terminal.
fn agreed(action: Action) -> std::io::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let word = match action {
        Action::Resume => "Resume",
        Action::Cancel => "Give up",
        Action::Rerun => "Route again",
    };
    eprint!("{word} them? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Waits for the end of a job; a person sees how far it is.
pub async fn watch(hub: &api::Hub, id: &str) -> anyhow::Result<(String, Job)> {
    let screen = Screen::of_stderr();
    loop {
        let text = hub.client.get(&format!("/api/jobs/{}", client::encoded(id)), &[]).await?;
        let job: Job = client::read(&text)?;
        let is_over = job.state != "running";
        if screen.terminal {
            let taken = job.done + job.refused;
            let end = if is_over { "\n" } else { "" };
            eprint!("\r{} {taken} of {}{end}", bar(taken, job.expected), job.expected);
            std::io::stderr().flush()?;
        }
        if is_over {
            return Ok((text, job));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn bar(taken: u64, expected: u64) -> String {
    const WIDTH: u64 = 30;
    let full = (taken.min(expected) * WIDTH).checked_div(expected).unwrap_or(WIDTH) as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(WIDTH as usize - full))
}

fn preview_text(preview: &JobPreview, action: Action, screen: Screen) -> String {
    if preview.count == 0 {
        return format!("nothing that stands still fits\n{}", left_out(preview));
    }
    let more = if preview.more { "more than " } else { "" };
    let count = preview.count;
    let mut text = format!(
        "{more}{count} {}{} would be {}, in about {} s\n",
        action.what(),
        if count == 1 { "" } else { "s" },
        action.done(),
        preview.seconds
    );
    for (system, count) in &preview.systems {
        let paused = match preview.paused_systems.contains(system) && action == Action::Resume {
            true => "; nothing is sent to it until it is resumed itself",
            false => "",
        };
        text += &format!("{count} at {}{paused}\n", screen::clean(system));
    }
    text += &left_out(preview);
    let mut rows: Vec<Row> = preview.examples.iter().map(super::paused::transmission_row).collect();
    rows.extend(preview.messages.iter().map(|message| -> Row {
        vec![
            (message.id.clone(), Tone::Plain),
            (message.system.clone(), Tone::Plain),
            (message.channel.clone(), Tone::Plain),
            (message.dedup_key.clone(), Tone::Strong),
            (message.state.clone(), Tone::Bad),
        ]
    }));
    text + &screen.table(&["id", "system", "operation", "about", "reason"], &rows)
}

fn left_out(preview: &JobPreview) -> String {
    match preview.left_out {
        0 => String::new(),
        count => format!(
            "{count} left as they are: they may have taken effect at a system that honours no key. Look there; --in-doubt \
             takes them too\n"
        ),
    }
}

fn ended_text(job: &Job, action: Action) -> String {
    let mut text =
        format!("{} {}, {} refused; job {} is {}\n", job.done, action.done(), job.refused, job.id, job.state);
    for problem in &job.problems {
        text += &format!("refused {}: {}\n", problem.id(), screen::clean(&problem.detail));
    }
    text
}

fn list(args: &ListArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let query = if args.running { vec![("running", "true")] } else { Vec::new() };
    let text = super::wait_for(async { Ok(hub.client.get("/api/jobs", &query).await?) })?;
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
        return Ok(exit::FINE);
    }
    let listing: Listing<Job> = client::read(&text)?;
    if listing.items.is_empty() && screen.terminal {
        screen::print("no jobs\n")?;
        return Ok(exit::FINE);
    }
    let rows: Vec<Row> = listing.items.iter().map(|job| job_row(job, screen)).collect();
    let heading = ["started", "id", "action", "done", "refused", "expected", "state", "by", "reason"];
    screen::print(&screen.table(&heading, &rows))?;
    Ok(exit::FINE)
}

fn job_row(job: &Job, screen: Screen) -> Row {
    let state = match job.state.as_str() {
        "done" => Tone::Good,
        "running" => Tone::Warning,
        _ => Tone::Plain,
    };
    vec![
        (when::shown(job.started_at, screen), Tone::Faint),
        (job.id.clone(), Tone::Plain),
        (job.action.clone(), Tone::Strong),
        (job.done.to_string(), Tone::Plain),
        (job.refused.to_string(), if job.refused == 0 { Tone::Faint } else { Tone::Bad }),
        (job.expected.to_string(), Tone::Plain),
        (job.state.clone(), state),
        (job.by.clone(), Tone::Plain),
        (job.reason.clone(), Tone::Plain),
    ]
}

fn show(args: &ShowArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let path = format!("/api/jobs/{}", client::encoded(&args.id));
    let Some(text) = client::unless_refused(super::wait_for(async { Ok(hub.client.get(&path, &[]).await) })?)? else {
        return Ok(exit::found_wrong());
    };
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
        return Ok(exit::FINE);
    }
    let job: Job = client::read(&text)?;
    let mut shown = screen.table(&[""; 9], &[job_row(&job, screen)]);
    for problem in &job.problems {
        shown += &format!("refused {}: {}\n", problem.id(), screen::clean(&problem.detail));
    }
    screen::print(&shown)?;
    Ok(exit::FINE)
}

fn stop(args: &StopArgs, _screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.why.hub)?;
    let path = format!("/api/jobs/{}/stop", client::encoded(&args.id));
    let body = json!({"actor": actor::name(), "reason": args.why.reason});
    let Some(text) = client::unless_refused(super::wait_for(async { Ok(hub.client.post(&path, &body).await) })?)?
    else {
        return Ok(exit::found_wrong());
    };
    let job: Job = client::read(&text)?;
    let told = format!("job {} is stopped: {} of {} were done and stay done\n", job.id, job.done, job.expected);
    screen::print(&if args.why.json.json { format!("{text}\n") } else { told })?;
    Ok(exit::FINE)
}
