//! `crossdock overview`, `crossdock messages` and `crossdock rerun`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::client;
use super::screen::{self, Row, Screen, Tone};
use super::shapes::{Listing, Message, Overview, System};
use super::{HubArg, JsonArg, actor, api, exit, when};

/// Show the state of a running hub on one screen
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  crossdock overview --hub my-hub
  crossdock overview --json | jq .transmissions_paused

Exit codes: 0 nothing waits for a person, 1 something does (paused, failed, open exceptions), 2 the hub does not answer")]
pub struct OverviewArgs {
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

pub fn overview(args: &OverviewArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let text = super::wait_for(async { Ok(hub.client.get("/api/overview", &[]).await?) })?;
    let overview: Overview = client::read(&text)?;
    let shown = match args.json.json {
        true => format!("{text}\n"),
        false => overview_text(&overview, screen),
    };
    screen::print(&shown)?;
    let system_paused = overview.systems.iter().any(|system| system.paused.is_some());
    let waits_for_somebody = overview.transmissions_paused + overview.messages_failed + overview.exceptions_open > 0;
    Ok(if waits_for_somebody || system_paused { exit::found_wrong() } else { exit::FINE })
}

fn overview_text(overview: &Overview, screen: Screen) -> String {
    let mut text = String::new();
    let figures = [
        ("events", overview.events, Tone::Plain),
        ("messages waiting", overview.messages_waiting, Tone::Warning),
        ("messages failed", overview.messages_failed, Tone::Bad),
        ("transmissions done", overview.transmissions_done, Tone::Plain),
        ("transmissions open", overview.transmissions_open, Tone::Warning),
        ("transmissions held", overview.transmissions_held, Tone::Warning),
        ("transmissions paused", overview.transmissions_paused, Tone::Bad),
        ("exceptions open", overview.exceptions_open, Tone::Bad),
        ("rejections", overview.rejections, Tone::Plain),
    ];
    if screen.terminal {
        let name = screen.paint(&screen::clean(&overview.hub), Tone::Strong);
        let about = format!("configuration {}, {}", overview.config, when::shown(overview.at, screen));
        text += &format!("{name}  {}\n\n", screen.paint(&about, Tone::Faint));
    }
    let rows: Vec<Row> = figures
        .iter()
        .map(|(name, figure, tone)| {
            let tone = if *figure == 0 { Tone::Plain } else { *tone };
            vec![((*name).to_owned(), Tone::Faint), (figure.to_string(), tone)]
        })
        .collect();
    text += &screen.table(&["", ""], &rows);
    if screen.terminal {
        text.push('\n');
    }
    let rows: Vec<Row> = overview.systems.iter().map(|system| system_row(system, overview)).collect();
    text += &screen.table(
        &["system", "connector", "messages", "done", "open", "held", "paused", "breaker", "last message", "state"],
        &rows,
    );
    text
}

fn system_row(system: &System, overview: &Overview) -> Row {
    let of = |figures: &BTreeMap<String, u64>, states: &[&str]| -> u64 {
        states.iter().filter_map(|state| figures.get(*state)).sum()
    };
    let count = |figure: u64, tone: Tone| (figure.to_string(), if figure == 0 { Tone::Faint } else { tone });
    let messages: u64 = system.messages.values().sum();
    let last = system.last_message_at.map(|at| when::ago(at, overview.at)).unwrap_or_default();
    let state = match (&system.paused, system.paused_since) {
        (Some(reason), Some(since)) => {
            let owner = system.owner.as_ref().map(|owner| format!("; {owner} must act")).unwrap_or_default();
            (format!("paused {}: {reason}{owner}", when::ago(since, overview.at)), Tone::Bad)
        }
        (Some(reason), None) => (format!("paused: {reason}"), Tone::Bad),
        (None, _) => ("in use".to_owned(), Tone::Good),
    };
    let breaker = if system.breaker == "closed" { Tone::Faint } else { Tone::Warning };
    vec![
        (system.name.clone(), Tone::Strong),
        (system.connector.clone(), Tone::Plain),
        count(messages, Tone::Plain),
        count(of(&system.transmissions, &["done"]), Tone::Plain),
        count(of(&system.transmissions, &["owed", "sending"]), Tone::Warning),
        count(of(&system.transmissions, &["held"]), Tone::Warning),
        count(of(&system.transmissions, &["paused"]), Tone::Bad),
        (system.breaker.clone(), breaker),
        (last, Tone::Faint),
        state,
    ]
}

/// List the messages that came in, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  crossdock messages --system warehouse
  crossdock messages --state failed
  crossdock messages --state failed --json | jq -r '.items[].id'

Exit codes: 0 listed, 2 the hub does not answer")]
pub struct MessagesArgs {
    /// Only of this system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = ["waiting", "translated", "ignored", "failed"])]
    state: Option<String>,
    /// Pass over so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: usize,
    /// List at most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

pub fn messages(args: &MessagesArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let (skip, limit) = (args.skip.to_string(), args.limit.to_string());
    let mut query = vec![("skip", skip.as_str()), ("limit", limit.as_str())];
    query.extend(args.system.as_deref().map(|system| ("system", system)));
    query.extend(args.state.as_deref().map(|state| ("state", state)));
    let text = super::wait_for(async { Ok(hub.client.get("/api/messages", &query).await?) })?;
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
        return Ok(exit::FINE);
    }
    let listing: Listing<Message> = client::read(&text)?;
    let rows: Vec<Row> = listing.items.iter().map(|message| message_row(message, screen)).collect();
    let mut shown = screen.table(&["received", "id", "system", "channel", "key", "bytes", "state"], &rows);
    if listing.more && screen.terminal {
        let next = args.skip + usize::from(args.limit);
        shown += &screen.paint(&format!("there are more: --skip {next}\n"), Tone::Faint);
    }
    if listing.items.is_empty() && screen.terminal {
        shown = "no messages\n".to_owned();
    }
    screen::print(&shown)?;
    Ok(exit::FINE)
}

fn message_row(message: &Message, screen: Screen) -> Row {
    let state = match (message.state.as_str(), message.events, &message.reason) {
        ("translated", Some(events), _) => {
            (format!("{events} event{}", if events == 1 { "" } else { "s" }), Tone::Good)
        }
        ("failed", ..) => ("failed".to_owned(), Tone::Bad),
        ("waiting", ..) => ("waiting".to_owned(), Tone::Warning),
        (state, _, Some(reason)) => (format!("{state}: {reason}"), Tone::Faint),
        (state, ..) => (state.to_owned(), Tone::Plain),
    };
    vec![
        (when::shown(message.received_at, screen), Tone::Faint),
        (message.id.clone(), Tone::Plain),
        (message.system.clone(), Tone::Plain),
        (message.channel.clone(), Tone::Plain),
        (message.dedup_key.clone(), Tone::Faint),
        (message.body_bytes.to_string(), Tone::Faint),
        state,
    ]
}

/// Take a failed message through its mappings again
#[derive(Debug, Args)]
#[command(after_help = "\
A message whose mapping failed is kept. Mend the mapping or the code list, start the hub with it, then rerun the \
message.

Example:
  crossdock rerun 01938e2a-7b00-7000-8000-000000000001 --reason \"mapping mended\"

Exit codes: 0 it is in the router's queue again, 1 refused: no such message, or it has not failed, 2 the hub does not answer")]
pub struct RerunArgs {
    /// The id of the message
    message: String,
    /// Why: kept in the audit record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

pub fn rerun(args: &RerunArgs, _screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let path = format!("/api/messages/{}/rerun", client::encoded(&args.message));
    let body = json!({"actor": actor::name(), "reason": args.reason});
    let asked = super::wait_for(async { Ok(hub.client.post(&path, &body).await) })?;
    let Some(text) = client::unless_refused(asked)? else { return Ok(exit::found_wrong()) };
    screen::print(&match args.json.json {
        true => format!("{text}\n"),
        false => format!(
            "message {} is in the queue again; `crossdock trace {}` tells what comes of it\n",
            args.message, args.message
        ),
    })?;
    Ok(exit::FINE)
}
