//! `crossdock trace`: the story of anything that has a number.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use crossdock_core::model::ENTITIES;
use crossdock_core::source::nearest;
use crossdock_runtime::desk::Desk;
use crossdock_store::{SqliteStore, Store};

use super::client::{self, ApiError};
use super::screen::{self, Row, Screen, Tone};
use super::shapes::{EntityView, Entry, Trace};
use super::{HubArg, JsonArg, api, exit, when};

/// Tell the story behind any reference: what came, what it became, what was sent, what was answered
#[derive(Debug, Args)]
#[command(after_help = "\
A reference is the number of an order, shipment, invoice or tracking; another system's id; `kind/key` such as \
shipment/281; or the id of a message, event or transmission. The running hub is asked; when none runs, the data \
folder is read.

Steps: 1 received, 2 verified, 3 deduplicated, 4 stored, 5 translated into events, 6 owed, 7 called, 8 answered, \
9 decided, 10 went on.

Examples:
  crossdock trace S00042
  crossdock trace shipment/281 --hub my-hub
  crossdock trace 1Z999AA10123456784 --json | jq '.entries[] | select(.mood == \"problem\")'

Exit codes: 0 found, 1 nothing is known by this reference, 2 neither hub nor data folder can be read")]
pub struct TraceArgs {
    /// What to look for
    reference: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// The ten steps of one message, as in ARCHITECTURE.md.
const STEPS: [&str; 10] = [
    "received",
    "verified",
    "deduplicated",
    "stored",
    "translated",
    "owed",
    "called",
    "answered",
    "decided",
    "went on",
];

/// References suggested when nothing is found.
const SUGGESTIONS_MAX: usize = 5;

pub fn run(args: &TraceArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let reference = args.reference.trim();
    let asked = super::wait_for(async { Ok(hub.client.get("/api/trace", &[("reference", reference)]).await) })?;
    let found = match asked {
        Ok(text) => Some(text),
        Err(ApiError::Problem { status: 404, .. }) => None,
        Err(ApiError::NotRunning(_)) if hub.data.as_deref().is_some_and(Path::exists) => {
            offline(hub.data.as_deref().unwrap_or(Path::new("")), reference)?
        }
        Err(error) => return Err(error.into()),
    };
    let Some(text) = found else {
        let near = hub.data.as_deref().and_then(|data| suggestions(data, reference).ok()).unwrap_or_default();
        return not_found(reference, &near, args.json.json);
    };
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
        return Ok(exit::FINE);
    }
    screen::print(&story(&client::read(&text)?, screen))?;
    Ok(exit::FINE)
}

/// The story from a data folder whose hub does not run, as JSON.
fn offline(data: &Path, reference: &str) -> anyhow::Result<Option<String>> {
    let desk = Desk::of_store(Arc::new(SqliteStore::open_read_only(data)?));
    let trace = desk.trace(reference)?;
    trace.map(|trace| serde_json::to_string(&trace).context("the story cannot be written as JSON")).transpose()
}

fn not_found(reference: &str, near: &[String], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let report = serde_json::json!({"reference": reference, "found": false, "near": near});
        screen::print(&format!("{report:#}\n"))?;
        return Ok(exit::found_wrong());
    }
    let mut text = format!("nothing is known by `{}`\n", screen::clean(reference));
    if !near.is_empty() {
        text += &format!("  near it: {}\n", near.join(", "));
    }
    text += "  try an order, shipment, invoice or tracking number, or an id; `crossdock messages` lists what came in\n";
    eprint!("{text}");
    Ok(exit::found_wrong())
}

/// Entities whose keys look like the reference. Reads the data folder beside a running hub.
fn suggestions(data: &Path, reference: &str) -> anyhow::Result<Vec<String>> {
    let store = SqliteStore::open_read_only(data)?;
    let key = reference.split_once('/').map_or(reference, |(_, key)| key);
    // Keys that begin alike stand together; the last two characters may be wrong.
    let stem: String = key.chars().take(key.chars().count().saturating_sub(2)).collect();
    let mut near = Vec::new();
    for kind in ENTITIES {
        for from in [stem.as_str(), ""] {
            for entity in store.entities(kind.name, from, 200)? {
                let name = entity.name;
                let alike = nearest(&key.to_lowercase(), [name.key.to_lowercase().as_str()]).is_some()
                    || (!key.is_empty() && name.key.to_lowercase().contains(&key.to_lowercase()));
                let shown = name.to_string();
                if alike && !near.contains(&shown) {
                    near.push(shown);
                }
            }
        }
    }
    near.truncate(SUGGESTIONS_MAX);
    Ok(near)
}

fn story(trace: &Trace, screen: Screen) -> String {
    let mut text = String::new();
    if screen.terminal {
        for entity in &trace.entities {
            text += &headline(entity, screen);
        }
        text.push('\n');
    } else {
        let rows: Vec<Row> = trace.entities.iter().map(entity_row).collect();
        text += &screen.table(&[], &rows);
    }
    let rows: Vec<Row> = trace.entries.iter().map(|entry| entry_row(entry, screen)).collect();
    text += &screen.table(&["time", "step", "", "system", "what happened"], &rows);
    if trace.cut {
        text += &screen.paint("the story is longer; ask for one shipment or message of it\n", Tone::Faint);
    }
    let problems = trace.entries.iter().filter(|entry| entry.mood == "problem").count();
    if screen.terminal && problems > 0 {
        let told = format!(
            "\n{problems} problem{}; `crossdock paused list` shows what waits for somebody\n",
            plural(problems)
        );
        text += &screen.paint(&told, Tone::Bad);
    }
    text
}

fn headline(entity: &EntityView, screen: Screen) -> String {
    let name = screen.paint(&screen::clean(&entity.name.to_string()), Tone::Strong);
    let mut line = format!("{name}  {}", screen::clean(&entity.status));
    line += &screen.paint(&format!("  since {}", when::shown(entity.updated_at, screen)), Tone::Faint);
    let references: Vec<String> = entity
        .references
        .iter()
        .map(|reference| screen::clean(&format!("{} {} {}", reference.system, reference.kind, reference.value)))
        .collect();
    if !references.is_empty() {
        line += &format!("\n    {}", references.join(", "));
    }
    line + "\n"
}

fn entity_row(entity: &EntityView) -> Row {
    let plain = |text: String| (text, Tone::Plain);
    let references: Vec<String> = entity
        .references
        .iter()
        .map(|reference| format!("{}:{}={}", reference.system, reference.kind, reference.value))
        .collect();
    vec![
        plain("entity".to_owned()),
        plain(entity.name.to_string()),
        plain(entity.status.clone()),
        plain(when::shown(entity.updated_at, Screen::PLAIN)),
        plain(references.join(" ")),
    ]
}

fn entry_row(entry: &Entry, screen: Screen) -> Row {
    let tone = match entry.mood.as_str() {
        "problem" => Tone::Bad,
        "waiting" => Tone::Warning,
        _ => Tone::Plain,
    };
    let step = STEPS.get(usize::from(entry.step).wrapping_sub(1)).copied().unwrap_or("");
    let mut row = vec![
        (when::shown(entry.at, screen), Tone::Faint),
        (entry.step.to_string(), Tone::Faint),
        (step.to_owned(), tone),
        (entry.system.clone(), Tone::Plain),
        (entry.text.clone(), tone),
    ];
    if !screen.terminal {
        row.insert(4, (entry.mood.clone(), Tone::Plain));
    }
    row
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
