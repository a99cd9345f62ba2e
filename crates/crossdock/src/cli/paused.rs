//! `crossdock paused list` and `crossdock paused resume`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::client;
use super::jobs::{self, Action, FilterArgs, PaceArgs};
use super::screen::{self, Row, Screen, Tone};
use super::shapes::{Listing, Mended, Overview, Resumed, Stuck, Transmission};
use super::{HubArg, JsonArg, WhyArgs, actor, api, exit, when};

/// List what cannot go on without a person: failed messages, paused transmissions; change it, or let it go on
#[derive(Debug, Args)]
pub struct PausedArgs {
    #[command(subcommand)]
    command: PausedCommand,
}

#[derive(Debug, Subcommand)]
enum PausedCommand {
    List(ListArgs),
    Resume(Box<ResumeArgs>),
    Edit(EditArgs),
    Reroute(RerouteArgs),
    Cancel(CancelArgs),
}

/// List failed messages, paused systems and transmissions: why, whose they are and what they affect
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  crossdock paused list
  crossdock paused list --system odoo --json

Exit codes: 0 nothing is paused, 1 something is, 2 the hub does not answer")]
struct ListArgs {
    /// Only of this system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Let paused transmissions go on, once what stopped them is mended
#[derive(Debug, Args)]
#[command(after_help = "\
A transmission keeps its key: what had taken effect already is not done again.

Examples:
  crossdock paused resume 01938e2a-7b00-8000-8000-000000000001 --reason \"SKU created in Odoo\"
  crossdock paused resume --system odoo --reason \"new API key\"
  crossdock paused resume --all --reason \"warehouse is back\"
  crossdock paused resume --all --system odoo --class transmission_refused --rate 20 --yes --reason \"SKUs created\"

With a system alone, or with --all alone, paused systems are resumed too, and at once. With --all and anything else said
the hub does it as a job: what it would do is shown first, it can be watched and stopped (`crossdock jobs`).


Exit codes: 0 resumed, 1 something was refused, 2 the hub does not answer")]
struct ResumeArgs {
    /// Ids of transmissions, as `crossdock paused list` shows them
    #[arg(value_name = "ID", required_unless_present_any = ["all", "system"], conflicts_with_all = ["all", "system"])]
    ids: Vec<String>,
    /// Everything that is paused, or everything that fits what is said besides
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    pace: PaceArgs,
    /// Why: kept in the audit record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Let it go on changed; the original is kept
#[derive(Debug, Args)]
#[command(after_help = "\
A transmission gets another input with --input, a message whose mapping failed another body with --body; `-` reads it from
the standard input. When nothing took effect, the transmission that goes on has a key of its own. When it may have taken
effect, it keeps its key, so that a partner that honours keys does not do it twice.

Examples:
  crossdock paused edit 01938e2a-7b00-8000-8000-000000000001 --input input.json --reason \"SKU was misspelt\"
  crossdock paused edit 01938e2a-7b00-7000-8000-000000000001 --body order.json --reason \"the shop sent no address\"

Exit codes: 0 it goes on, 1 refused, 2 the hub does not answer")]
struct EditArgs {
    /// The transmission or message, as `crossdock paused list` shows it
    id: String,
    /// The file with the whole new input
    #[arg(long, value_name = "FILE", required_unless_present = "body", conflicts_with = "body")]
    input: Option<String>,
    /// The file with the whole new body
    #[arg(long, value_name = "FILE")]
    body: Option<String>,
    /// It may have taken effect at a system that honours no key, and may be done twice
    #[arg(long)]
    in_doubt: bool,
    #[command(flatten)]
    why: WhyArgs,
}

/// Let it go to another system that can do the same
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock paused reroute 01938e2a-7b00-8000-8000-000000000001 --to customer-backup --reason \"the first is gone\"

Exit codes: 0 it goes on, 1 refused, 2 the hub does not answer")]
struct RerouteArgs {
    /// The transmission
    id: String,
    /// The system
    #[arg(long, value_name = "NAME")]
    to: String,
    /// It may have taken effect at the first one, and may be done twice
    #[arg(long)]
    in_doubt: bool,
    #[command(flatten)]
    why: WhyArgs,
}

/// Give up a paused or held transmission: it is never sent
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock paused cancel 01938e2a-7b00-8000-8000-000000000001 --reason \"told by telephone\"

Exit codes: 0 given up, 1 refused, 2 the hub does not answer")]
struct CancelArgs {
    /// The transmission
    id: String,
    #[command(flatten)]
    why: WhyArgs,
}

fn edit(args: &EditArgs) -> anyhow::Result<ExitCode> {
    let text = |file: &str| match file {
        "-" => std::io::read_to_string(std::io::stdin()).context("the standard input cannot be read"),
        file => std::fs::read_to_string(file).with_context(|| format!("{file} cannot be read")),
    };
    let id = client::encoded(&args.id);
    match (&args.input, &args.body) {
        (Some(file), _) => {
            // Numbers stay as they are written: the text goes in as it is.
            let input: Box<serde_json::value::RawValue> =
                serde_json::from_str(&text(file)?).with_context(|| format!("{file} is no JSON"))?;
            let body = json!({"confirmed": args.in_doubt});
            mend_raw(&format!("transmissions/{id}/edit"), body, Some(&input), &args.why)
        }
        (None, Some(file)) => mend(&format!("messages/{id}/correct"), json!({"body": text(file)?}), &args.why),
        (None, None) => bail!("say --input FILE for a transmission, or --body FILE for a message"),
    }
}

fn mend(path: &str, body: Json, why: &WhyArgs) -> anyhow::Result<ExitCode> {
    mend_raw(path, body, None, why)
}

fn mend_raw(
    path: &str,
    mut body: Json,
    input: Option<&serde_json::value::RawValue>,
    why: &WhyArgs,
) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&why.hub)?;
    body["actor"] = json!(actor::name());
    body["reason"] = json!(why.reason);
    let mut text = body.to_string();
    if let Some(input) = input {
        text.insert_str(1, &format!("\"input\":{},", input.get()));
    }
    let asked = super::wait_for(async { Ok(hub.client.post_text(&format!("/api/{path}"), text).await) })?;
    let Some(answer) = client::unless_refused(asked)? else { return Ok(exit::found_wrong()) };
    let told = match client::read::<Mended>(&answer) {
        Ok(mended) => format!("{} goes on\n", screen::clean(&mended.instead)),
        Err(_) => "given up\n".to_owned(),
    };
    screen::print(&if why.json.json { format!("{answer}\n") } else { told })?;
    Ok(exit::FINE)
}

pub fn run(args: &PausedArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    match &args.command {
        PausedCommand::List(args) => list(args, screen),
        PausedCommand::Resume(args) => resume(args, screen),
        PausedCommand::Edit(args) => edit(args),
        PausedCommand::Reroute(args) => {
            let body = json!({"system": args.to, "confirmed": args.in_doubt});
            mend(&format!("transmissions/{}/reroute", client::encoded(&args.id)), body, &args.why)
        }
        PausedCommand::Cancel(args) => {
            mend(&format!("transmissions/{}/cancel", client::encoded(&args.id)), json!({}), &args.why)
        }
    }
}

fn list(args: &ListArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let mut query = vec![("state", "paused"), ("limit", "500")];
    query.extend(args.system.as_deref().map(|system| ("system", system)));
    let (overview, transmissions, stuck) = super::wait_for(async {
        let overview = hub.client.get("/api/overview", &[]).await?;
        let transmissions = hub.client.get("/api/transmissions", &query).await?;
        query.remove(0);
        Ok((overview, transmissions, hub.client.get("/api/stuck", &query).await?))
    })?;
    let overview_read: Overview = client::read(&overview)?;
    let listing: Listing<Stuck> = client::read(&stuck)?;
    let systems: Vec<_> = overview_read
        .systems
        .iter()
        .filter(|system| system.paused.is_some())
        .filter(|system| args.system.as_ref().is_none_or(|name| *name == system.name))
        .collect();
    let nothing = systems.is_empty() && listing.items.is_empty();
    if args.json.json {
        screen::print(&format!("{:#}\n", listing_json(&overview, &transmissions, &stuck, args.system.as_deref())?))?;
    } else {
        let mut rows: Vec<Row> = Vec::new();
        for system in systems {
            let since = system.paused_since.map(|at| when::ago(at, overview_read.at)).unwrap_or_default();
            rows.push(vec![
                ("system".to_owned(), Tone::Strong),
                (system.name.clone(), Tone::Strong),
                (String::new(), Tone::Plain),
                (String::new(), Tone::Plain),
                (system.owner.clone().unwrap_or_default(), Tone::Plain),
                (format!("{} ({since})", system.paused.as_deref().unwrap_or_default()), Tone::Bad),
            ]);
        }
        rows.extend(listing.items.iter().map(|stuck| stuck_row(stuck, screen)));
        let mut text = match nothing && screen.terminal {
            true => "nothing is paused\n".to_owned(),
            false => screen.table(&["id", "system", "operation", "affects", "owner", "reason"], &rows),
        };
        if listing.more && screen.terminal {
            text += &screen.paint(
                "there are more: --system shows one system's, `crossdock jobs faults` groups them\n",
                Tone::Faint,
            );
        }
        screen::print(&text)?;
    }
    Ok(if nothing { exit::FINE } else { exit::found_wrong() })
}

fn stuck_row(stuck: &Stuck, screen: Screen) -> Row {
    let what = match (&stuck.operation, &stuck.channel) {
        (Some(operation), _) => operation.clone(),
        (None, channel) => format!("message {}", channel.as_deref().unwrap_or_default()),
    };
    let mut affects: Vec<String> = stuck.affects.iter().map(ToString::to_string).collect();
    affects.extend(stuck.customer.iter().map(|customer| format!("for {customer}")));
    let doubt = if stuck.in_doubt { "may have taken effect: " } else { "" };
    vec![
        (stuck.id.clone(), Tone::Plain),
        (stuck.system.clone(), Tone::Plain),
        (what, if stuck.kind == "message" { Tone::Warning } else { Tone::Plain }),
        (affects.join(" "), Tone::Strong),
        (stuck.owner.clone().unwrap_or_default(), Tone::Plain),
        (format!("{doubt}{} ({})", stuck.reason, when::shown(stuck.since, screen)), Tone::Bad),
    ]
}

/// A transmission in a list.
pub fn transmission_row(transmission: &Transmission) -> Row {
    let reason = transmission.reason.as_ref().or(transmission.last_problem.as_ref());
    vec![
        (transmission.id.clone(), Tone::Plain),
        (transmission.system.clone(), Tone::Plain),
        (transmission.operation.clone(), Tone::Plain),
        (transmission.about.to_string(), Tone::Strong),
        (reason.cloned().unwrap_or_else(|| transmission.state.clone()), Tone::Bad),
    ]
}

/// The hub's own records, those of paused systems and transmissions.
fn listing_json(overview: &str, transmissions: &str, stuck: &str, only: Option<&str>) -> anyhow::Result<Json> {
    let overview: Json = client::read(overview)?;
    let mut transmissions: Json = client::read(transmissions)?;
    let mut stuck: Json = client::read(stuck)?;
    let systems: Vec<&Json> = overview["systems"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|system| !system["paused"].is_null())
        .filter(|system| only.is_none_or(|name| system["name"] == name))
        .collect();
    let more = transmissions["more"] == json!(true) || stuck["more"] == json!(true);
    let (transmissions, stuck) = (transmissions["items"].take(), stuck["items"].take());
    Ok(json!({"systems": systems, "transmissions": transmissions, "stuck": stuck, "more": more}))
}

fn resume(args: &ResumeArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let system = &args.filter.system;
    let wants_job = args.filter.is_narrow() || args.pace.is_for_a_job() || (args.all && system.is_some());
    if wants_job && !args.all {
        bail!("a filter or a rate goes with --all: `crossdock paused resume --all --system NAME --rate 20 …`");
    }
    if wants_job {
        let (filter, pace) = (&args.filter, &args.pace);
        return jobs::start(Action::Resume, filter, pace, Some(&args.reason), &args.hub, args.json.json, screen);
    }
    let hub = api::hub(&args.hub)?;
    let mut body = json!({"actor": actor::name(), "reason": args.reason, "in_doubt": args.pace.in_doubt});
    match (system, args.all) {
        (Some(system), _) => body["system"] = json!(system),
        (None, true) => body["all"] = json!(true),
        (None, false) => body["ids"] = json!(args.ids),
    }
    let asked = super::wait_for(async { Ok(hub.client.post("/api/transmissions/resume", &body).await) })?;
    let Some(text) = client::unless_refused(asked)? else { return Ok(exit::found_wrong()) };
    let resumed: Resumed = client::read(&text)?;
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
    } else {
        screen::print(&resumed_text(&resumed, screen))?;
    }
    Ok(if resumed.refused.is_empty() { exit::FINE } else { exit::found_wrong() })
}

fn resumed_text(resumed: &Resumed, screen: Screen) -> String {
    let mut text = String::new();
    for system in &resumed.systems {
        text += &format!("resumed system {}\n", screen::clean(system));
    }
    for refused in &resumed.refused {
        text += &format!("{} {}\n", screen.paint("refused", Tone::Bad), screen::clean(refused));
    }
    if resumed.left_out > 0 {
        text += &format!(
            "left out {}: they may have taken effect at a system that honours no key. Look there; --in-doubt takes them too\n",
            resumed.left_out
        );
    }
    let count = resumed.transmissions.len();
    text += &match (count, resumed.systems.is_empty() && resumed.refused.is_empty() && resumed.left_out == 0) {
        (0, true) => "nothing was paused\n".to_owned(),
        (0, false) => String::new(),
        (1, _) => format!("resumed transmission {}\n", resumed.transmissions[0]),
        (count, _) => format!("resumed {count} transmissions\n"),
    };
    text
}
