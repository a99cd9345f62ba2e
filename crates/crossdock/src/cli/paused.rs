//! `crossdock paused list` and `crossdock paused resume`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::client::{self, ApiError};
use super::jobs::{self, Action, FilterArgs, PaceArgs};
use super::screen::{self, Row, Screen, Tone};
use super::shapes::{Listing, Overview, Resumed, Transmission};
use super::{HubArg, JsonArg, actor, api, exit, when};

/// List what is paused and waits for a person, or let it go on
#[derive(Debug, Args)]
pub struct PausedArgs {
    #[command(subcommand)]
    command: PausedCommand,
}

#[derive(Debug, Subcommand)]
enum PausedCommand {
    List(ListArgs),
    Resume(Box<ResumeArgs>),
}

/// List paused systems and transmissions with their reasons
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

pub fn run(args: &PausedArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    match &args.command {
        PausedCommand::List(args) => list(args, screen),
        PausedCommand::Resume(args) => resume(args, screen),
    }
}

fn list(args: &ListArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let mut query = vec![("state", "paused"), ("limit", "500")];
    query.extend(args.system.as_deref().map(|system| ("system", system)));
    let (overview, transmissions) = super::wait_for(async {
        let overview = hub.client.get("/api/overview", &[]).await?;
        Ok((overview, hub.client.get("/api/transmissions", &query).await?))
    })?;
    let overview_read: Overview = client::read(&overview)?;
    let listing: Listing<Transmission> = client::read(&transmissions)?;
    let systems: Vec<_> = overview_read
        .systems
        .iter()
        .filter(|system| system.paused.is_some())
        .filter(|system| args.system.as_ref().is_none_or(|name| *name == system.name))
        .collect();
    let nothing = systems.is_empty() && listing.items.is_empty();
    if args.json.json {
        screen::print(&format!("{:#}\n", listing_json(&overview, &transmissions, args.system.as_deref())?))?;
    } else {
        let mut rows: Vec<Row> = Vec::new();
        for system in systems {
            let since = system.paused_since.map(|at| when::ago(at, overview_read.at)).unwrap_or_default();
            rows.push(vec![
                ("system".to_owned(), Tone::Strong),
                (system.name.clone(), Tone::Strong),
                (String::new(), Tone::Plain),
                (String::new(), Tone::Plain),
                (format!("{} ({since})", system.paused.as_deref().unwrap_or_default()), Tone::Bad),
            ]);
        }
        rows.extend(listing.items.iter().map(transmission_row));
        let mut text = match nothing && screen.terminal {
            true => "nothing is paused\n".to_owned(),
            false => screen.table(&["id", "system", "operation", "about", "reason"], &rows),
        };
        if listing.more && screen.terminal {
            text += &screen.paint("there are more; resume a whole system with --system\n", Tone::Faint);
        }
        screen::print(&text)?;
    }
    Ok(if nothing { exit::FINE } else { exit::found_wrong() })
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
fn listing_json(overview: &str, transmissions: &str, only: Option<&str>) -> anyhow::Result<Json> {
    let overview: Json = client::read(overview)?;
    let mut transmissions: Json = client::read(transmissions)?;
    let systems: Vec<&Json> = overview["systems"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|system| !system["paused"].is_null())
        .filter(|system| only.is_none_or(|name| system["name"] == name))
        .collect();
    Ok(json!({"systems": systems, "transmissions": transmissions["items"].take(), "more": transmissions["more"]}))
}

fn resume(args: &ResumeArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let system = &args.filter.system;
    let wants_job = args.filter.is_narrow() || args.pace.is_said() || (args.all && system.is_some());
    if wants_job && !args.all {
        bail!("a filter or a rate goes with --all: `crossdock paused resume --all --system NAME --rate 20 …`");
    }
    if wants_job {
        let (filter, pace) = (&args.filter, &args.pace);
        return jobs::start(Action::Resume, filter, pace, Some(&args.reason), &args.hub, args.json.json, screen);
    }
    let hub = api::hub(&args.hub)?;
    let mut body = json!({"actor": actor::name(), "reason": args.reason});
    match (system, args.all) {
        (Some(system), _) => body["system"] = json!(system),
        (None, true) => body["all"] = json!(true),
        (None, false) => body["ids"] = json!(args.ids),
    }
    let asked = super::wait_for(async { Ok(hub.client.post("/api/transmissions/resume", &body).await) })?;
    let text = match asked {
        Ok(text) => text,
        Err(ApiError::Problem { status: 400..=499, detail, .. }) => {
            eprintln!("refused: {detail}");
            return Ok(exit::found_wrong());
        }
        Err(error) => return Err(error.into()),
    };
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
    let count = resumed.transmissions.len();
    text += &match (count, resumed.systems.is_empty() && resumed.refused.is_empty()) {
        (0, true) => "nothing was paused\n".to_owned(),
        (0, false) => String::new(),
        (1, _) => format!("resumed transmission {}\n", resumed.transmissions[0]),
        (count, _) => format!("resumed {count} transmissions\n"),
    };
    text
}
