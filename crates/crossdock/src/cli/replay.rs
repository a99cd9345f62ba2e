//! `crossdock replay`: messages read anew, as a plan that was looked at and approved before.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use crossdock_core::source::Severity;
use serde_json::{Map, Value as Json, json};

use super::client;
use super::jobs;
use super::screen::{self, Row, Screen, Tone};
use super::shapes::{EffectChange, EventChange, Listing, Replay, ReplayItem, ValueChange};
use super::{HubArg, JsonArg, WhyArgs, actor, api, exit, when};
use crate::config::folder::Folder;

/// Messages shown in full at most.
const SHOWN_MAX: usize = 20;

/// Read messages anew with a mended mapping: plan, look, approve, run
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(subcommand)]
    command: ReplayCommand,
}

#[derive(Debug, Subcommand)]
enum ReplayCommand {
    Plan(Box<PlanArgs>),
    Approve(ActArgs),
    Run(RunArgs),
    Stop(ActArgs),
    Status(StatusArgs),
    List(ListArgs),
}

/// Draw up a plan: show what reading messages anew would change; nothing but the plan is kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  crossdock replay plan --reference order/WEB-1001 --reason \"weights were read wrongly\"
  crossdock replay plan --flow shop-orders --from 2026-03-01T00:00:00Z --with ../new-hub --dry-run
  crossdock replay plan --class mapping_failed --effects none --reason \"events only\"

Exit codes: 0 it changes nothing, 1 it would change something, or some cannot be read, 2 not planned")]
struct PlanArgs {
    /// Only behind what is known by this key, or any system's id; or one message's id
    #[arg(long, value_name = "REFERENCE")]
    reference: Option<String>,
    /// Only those accepted at this time or later, such as 2026-03-01T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = jobs::time)]
    from: Option<String>,
    /// Only those accepted before this time
    #[arg(long, value_name = "TIME", value_parser = jobs::time)]
    to: Option<String>,
    /// Only those from this system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Only those that this flow takes, or whose events it wants
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only those with an open exception of this class, such as mapping_failed
    #[arg(long, value_name = "CLASS", value_parser = jobs::class)]
    class: Option<String>,
    /// What may be owed to systems
    #[arg(long, value_enum, default_value_t = Effects::New)]
    effects: Effects,
    /// Read them with the configuration in this folder instead of the running one
    #[arg(long, value_name = "FOLDER")]
    with: Option<PathBuf>,
    /// Only show it: no plan is kept
    #[arg(long)]
    dry_run: bool,
    /// Why: kept in the plan and the audit record
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// What may be owed to systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Effects {
    /// Nothing: events only
    None,
    /// What was never owed before
    New,
    /// Besides, what took effect with another input is done once more
    Changed,
}

/// Approve a plan, or stop its run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  crossdock replay approve 01938e2a-7b00-7000-8000-000000000001 --reason \"the differences are right\"
  crossdock replay stop 01938e2a-7b00-7000-8000-000000000001 --reason \"not before noon\"

Exit codes: 0 done, 1 refused, 2 the hub does not answer")]
struct ActArgs {
    /// The plan
    id: String,
    #[command(flatten)]
    why: WhyArgs,
}

/// Run an approved plan, or go on with one that was stopped
#[derive(Debug, Args)]
#[command(after_help = "\
The hub works on it, also when this command is interrupted or the hub is restarted; `crossdock replay stop` ends it.

Example:
  crossdock replay run 01938e2a-7b00-7000-8000-000000000001 --rate 20 --reason \"mapping mended\"

Exit codes: 0 done, 1 refused, or some were left as they are, 2 the hub does not answer")]
struct RunArgs {
    /// The plan
    id: String,
    /// How many messages in a second, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: Option<u32>,
    /// Start it and do not wait for its end
    #[arg(long)]
    detach: bool,
    /// Why: kept in the audit records
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Show a plan, how far it is and what it changes, message by message
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock replay status 01938e2a-7b00-7000-8000-000000000001

Exit codes: 0 shown, 1 there is no such plan, 2 the hub does not answer")]
struct StatusArgs {
    /// The plan
    id: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// List plans, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock replay list

Exit codes: 0 listed, 2 the hub does not answer")]
struct ListArgs {
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

pub fn run(args: &ReplayArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    match &args.command {
        ReplayCommand::Plan(args) => plan(args, screen),
        ReplayCommand::Approve(args) => act("approve", args, screen),
        ReplayCommand::Stop(args) => act("stop", args, screen),
        ReplayCommand::Run(args) => start(args, screen),
        ReplayCommand::Status(args) => status(args, screen),
        ReplayCommand::List(args) => list(args, screen),
    }
}

fn plan(args: &PlanArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let said = [
        ("reference", &args.reference),
        ("from", &args.from),
        ("to", &args.to),
        ("system", &args.system),
        ("flow", &args.flow),
        ("class", &args.class),
    ];
    let which = said.into_iter().filter_map(|(name, said)| Some((name.to_owned(), json!(said.as_ref()?))));
    let mut body = json!({
        "which": which.collect::<Map<_, _>>(),
        "effects": args.effects.to_possible_value().map(|value| value.get_name().to_owned()),
        "dry_run": args.dry_run,
        "actor": actor::name(),
        "reason": args.reason,
    });
    if let Some(root) = &args.with {
        let folder = Folder::read(root, false)?;
        if let Some(mistake) = folder.mistakes.iter().find(|it| it.severity == Severity::Error) {
            bail!("{}: {}; `crossdock check` tells all mistakes", mistake.location, mistake.message);
        }
        let files = folder.files.iter().map(|file| json!({"path": file.path, "text": file.text}));
        body["with"] = json!({"files": files.collect::<Vec<Json>>()});
    }
    let Some(text) =
        client::unless_refused(super::wait_for(async { Ok(hub.client.post("/api/replays", &body).await) })?)?
    else {
        return Ok(exit::not_done());
    };
    let view: Replay = client::read(&text)?;
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
    } else {
        screen::print(&plan_text(&view, &view.items, screen))?;
    }
    Ok(if view.figures.changing + view.figures.failing == 0 { exit::FINE } else { exit::found_wrong() })
}

fn act(verb: &str, args: &ActArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.why.hub)?;
    let path = format!("/api/replays/{}/{verb}", client::encoded(&args.id));
    let body = json!({"actor": actor::name(), "reason": args.why.reason});
    let Some(text) = client::unless_refused(super::wait_for(async { Ok(hub.client.post(&path, &body).await) })?)?
    else {
        return Ok(exit::found_wrong());
    };
    let view: Replay = client::read(&text)?;
    let told = format!("{}\n", headline(&view, screen));
    screen::print(&if args.why.json.json { format!("{text}\n") } else { told })?;
    Ok(exit::FINE)
}

fn start(args: &RunArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let path = format!("/api/replays/{}", client::encoded(&args.id));
    let body = json!({"rate_per_s": args.rate, "actor": actor::name(), "reason": args.reason});
    let asked = super::wait_for(async { Ok(hub.client.post(&format!("{path}/run"), &body).await) })?;
    let Some(mut text) = client::unless_refused(asked)? else { return Ok(exit::found_wrong()) };
    let mut view: Replay = client::read(&text)?;
    if let (false, Some(run)) = (args.detach, &view.run) {
        super::wait_for(jobs::watch(&hub, &run.id))?;
        text = super::wait_for(async { Ok(hub.client.get(&path, &[]).await?) })?;
        view = client::read(&text)?;
    }
    let mut told = format!("{}\n", headline(&view, screen));
    for problem in view.run.iter().flat_map(|run| &run.problems) {
        told += &format!("left as it is {}: {}\n", problem.id(), screen::clean(&problem.detail));
    }
    screen::print(&if args.json.json { format!("{text}\n") } else { told })?;
    let is_fine = args.detach || (view.state == "done" && view.run.is_some_and(|run| run.refused == 0));
    Ok(if is_fine { exit::FINE } else { exit::found_wrong() })
}

fn status(args: &StatusArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let path = format!("/api/replays/{}", client::encoded(&args.id));
    let Some(text) = client::unless_refused(super::wait_for(async { Ok(hub.client.get(&path, &[]).await) })?)? else {
        return Ok(exit::found_wrong());
    };
    let query = [("changing", "true"), ("limit", "500")];
    let items = super::wait_for(async { Ok(hub.client.get(&format!("{path}/messages"), &query).await?) })?;
    if args.json.json {
        let (mut view, mut items): (Json, Json) = (client::read(&text)?, client::read(&items)?);
        view["items"] = items["items"].take();
        screen::print(&format!("{view:#}\n"))?;
        return Ok(exit::FINE);
    }
    let listing: Listing<ReplayItem> = client::read(&items)?;
    screen::print(&plan_text(&client::read(&text)?, &listing.items, screen))?;
    Ok(exit::FINE)
}

fn list(args: &ListArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let text = super::wait_for(async { Ok(hub.client.get("/api/replays", &[]).await?) })?;
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
        return Ok(exit::FINE);
    }
    let listing: Listing<Replay> = client::read(&text)?;
    let row = |view: &Replay| -> Row {
        vec![
            (when::shown(view.planned_at, screen), Tone::Faint),
            (view.id.clone(), Tone::Plain),
            (view.figures.changing.to_string(), Tone::Strong),
            (view.state.clone(), if view.state == "done" { Tone::Good } else { Tone::Warning }),
            (view.by.clone(), Tone::Plain),
            (view.reason.clone(), Tone::Plain),
        ]
    };
    let rows: Vec<Row> = listing.items.iter().map(row).collect();
    screen::print(&screen.table(&["planned", "id", "changes", "state", "by", "reason"], &rows))?;
    Ok(exit::FINE)
}

fn headline(view: &Replay, screen: Screen) -> String {
    let mut text = match view.state.as_str() {
        "dry_run" => "dry run: no plan is kept".to_owned(),
        state => format!("replay plan {} is {state}", view.id),
    };
    if let Some(approved) = &view.approved {
        text += &format!(", approved by {}", screen::clean(&approved.by));
    }
    if let Some(run) = &view.run {
        text += &format!(": {} of {} read anew, {} left as they are", run.done, run.expected, run.refused);
    }
    screen.paint(&text, Tone::Strong)
}

fn plan_text(view: &Replay, items: &[ReplayItem], screen: Screen) -> String {
    let it = &view.figures;
    let mut text = format!("{}\n", headline(view, screen));
    text += &format!("configuration {}, digest {}\n", view.config, &view.digest.get(..16).unwrap_or_default());
    if !view.is_current {
        text += "it can be run once the hub runs that configuration\n";
    }
    let messages = if it.messages == 1 { "message" } else { "messages" };
    text +=
        &format!("{} {messages}: {} would change something, {} cannot be read\n", it.messages, it.changing, it.failing);
    text += &format!(
        "events: {} new, {} corrected, {} withdrawn\n",
        it.events_new, it.events_corrected, it.events_withdrawn
    );
    text += &format!(
        "effects: {} newly owed, {} done once more; {} took effect and are not repeated, {} of them with another input\n",
        it.effects_new, it.effects_repeated, it.effects_done, it.effects_differing
    );
    for item in items.iter().take(SHOWN_MAX) {
        text += &item_text(item, screen);
    }
    if items.len() > SHOWN_MAX {
        text += &format!("and {} more: --json shows them\n", items.len() - SHOWN_MAX);
    }
    text
}

fn item_text(item: &ReplayItem, screen: Screen) -> String {
    let it = &item.outcome;
    let clean = screen::clean;
    let mut text = format!("\n{} message {} from {} {}", item.n, it.message, clean(&it.system), clean(&it.channel));
    match (&it.why, item.state.as_str(), &item.detail) {
        (Some(why), ..) => text += &format!(": {} {}", it.verdict, clean(why)),
        (None, "refused", Some(detail)) => text += &format!(": left as it is, {}", clean(detail)),
        (None, "done", _) => text += ": done",
        _ => {}
    }
    text.push('\n');
    for event in &it.events {
        text += &event_text(event);
    }
    for effect in &it.effects {
        text += &effect_text(effect, screen);
    }
    text
}

fn event_text(event: &EventChange) -> String {
    let Some(told) = &event.told else { return String::new() };
    format!("  {} {} {}\n", event.what, told.r#type, screen::clean(&told.subject.to_string()))
        + &fields_text(&event.fields)
}

fn effect_text(effect: &EffectChange, screen: Screen) -> String {
    let what = match effect.what.as_str() {
        "new" => screen.paint("would newly be owed", Tone::Warning),
        "repeated" => screen.paint("would be done once more", Tone::Bad),
        "done" => "took effect, not repeated".to_owned(),
        "done_otherwise" => "took effect with another input, not repeated".to_owned(),
        "unwanted" => "took effect, would not be owed today".to_owned(),
        "open" => "is left as it is".to_owned(),
        "given_up" => "was given up, left so".to_owned(),
        other => other.to_owned(),
    };
    let (system, operation) = (screen::clean(&effect.system), screen::clean(&effect.operation));
    let (flow, about) = (screen::clean(&effect.flow), screen::clean(&effect.about.to_string()));
    let detail = effect.detail.as_ref().map(|detail| format!(" ({})", screen::clean(detail))).unwrap_or_default();
    format!("  {operation} at {system} for {about} by {flow}: {what}{detail}\n") + &fields_text(&effect.fields)
}

fn fields_text(fields: &[ValueChange]) -> String {
    let line = |it: &ValueChange| {
        let (before, after) = (screen::clean(&it.before.to_string()), screen::clean(&it.after.to_string()));
        format!("    {}: {before} -> {after}\n", screen::clean(&it.path))
    };
    fields.iter().map(line).collect()
}
