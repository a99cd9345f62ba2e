//! `crossdock mapping report`: which source fields no mapping reads, which target fields are constant, defaulted or never
//! set.

use std::process::ExitCode;

use clap::Args;
use crossdock_core::ids::SystemName;
use crossdock_core::loss::{self, ChannelLoss, KnownFields, MappingLoss, Report};
use crossdock_core::traffic::{ChannelTraffic, Learner, Traffic};
use crossdock_core::value::Value;
use crossdock_runtime::plan::Plan;
use jiff::SignedDuration;

use crate::cli::screen::{self, Screen, Tone, clean};
use crate::cli::{HubArg, JsonArg, api, exit, report, wait_for};
use crate::config::suite::{Given, Subject, now};
use crate::config::{self, Loaded, env, folder::Folder};

/// Tell which fields of partners' messages no mapping reads, and which fields of targets are constant, defaulted or never set
#[derive(Debug, Args)]
#[command(after_help = "\
Source fields are known from `channels` in systems/*.yaml and from the messages of tests; with --live from what the running \
hub has seen, with counts.

Examples:
  crossdock mapping report --hub my-hub
  crossdock mapping report fleet/shipment-delivered
  crossdock mapping report --live --json | jq '.channels[].fields[] | select(.read_by == [])'

Exit codes: 0 reported, 1 the folder has mistakes, 2 the folder cannot be read or the hub does not answer")]
pub struct ReportArgs {
    /// Only mappings whose name contains this
    #[arg(value_name = "MAPPING")]
    mapping: Option<String>,
    #[command(flatten)]
    hub: HubArg,
    /// Ask the running hub what its traffic has shown
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    json: JsonArg,
}

pub fn run(args: &ReportArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let mut told = match args.live || args.hub.api.is_some() {
        true => {
            let hub = api::hub(&args.hub)?;
            serde_json::from_str(&wait_for(async { Ok(hub.client.get("/api/mappings/report", &[]).await?) })?)?
        }
        false => match of_folder(args, screen)? {
            Some(told) => told,
            None => return Ok(exit::found_wrong()),
        },
    };
    if let Some(wanted) = &args.mapping {
        told.mappings.retain(|mapping| mapping.mapping.contains(wanted.as_str()));
        let reads = |name: &String| name.strip_prefix("mapping ").is_some_and(|name| name.contains(wanted.as_str()));
        told.channels.retain(|channel| channel.fields.iter().any(|field| field.read_by.iter().any(reads)));
    }
    match args.json.json {
        true => screen::print(&(serde_json::to_string_pretty(&told)? + "\n"))?,
        false => screen::print(&as_text(&told, screen))?,
    }
    Ok(exit::FINE)
}

/// The report from the configuration alone. `None` when it has mistakes, which are told.
fn of_folder(args: &ReportArgs, screen: Screen) -> anyhow::Result<Option<Report>> {
    let folder = Folder::read(&args.hub.hub, true)?;
    let env = env::Environment::new(&folder.root, &env::process_variable, true);
    let loaded = config::compile(&folder, &env);
    let Some(plan) = &loaded.plan else {
        let text = report::findings(&loaded.diagnostics, &folder, screen);
        screen::print(&(text + &report::summary(loaded.errors(), loaded.warnings(), folder.files.len(), screen)))?;
        return Ok(None);
    };
    let mut known = loaded.known.clone();
    add_tests(&loaded, plan, &mut known);
    Ok(Some(loss::report(&plan.hub, &known, &[])))
}

/// Adds the fields of the messages that tests of inbound flows take in.
fn add_tests(loaded: &Loaded<'_>, plan: &Plan, known: &mut KnownFields) {
    for case in &loaded.cases {
        let (Given::Input(input), Subject::Flow(name)) = (&case.given, case.subject) else { continue };
        let Some(flow) = plan.hub.inbound.iter().find(|flow| flow.name.as_str() == name) else { continue };
        let channel = flow.channel.clone().unwrap_or_default();
        let Some(body) = input.get("body") else { continue };
        known.entry((flow.system.clone(), channel)).or_default().extend(paths_of(&flow.system, body));
    }
}

/// The paths of a body, as traffic would show them.
fn paths_of(system: &SystemName, body: &Value) -> Vec<String> {
    let empty = ChannelTraffic {
        system: system.clone(),
        channel: String::new(),
        since: now(),
        messages: 0,
        // As if it had been learnt: then everything is new.
        looked_at: u64::MAX / 2,
        paths: Default::default(),
        more: false,
    };
    let mut learner = Learner::new([Traffic::Channel(empty)]);
    let new = learner.look(system, "", body, now(), SignedDuration::ZERO);
    new.into_iter().map(|field| field.path).collect()
}

fn as_text(told: &Report, screen: Screen) -> String {
    let mut text = String::new();
    told.channels.iter().for_each(|channel| text += &channel_as_text(channel, screen));
    told.mappings.iter().for_each(|mapping| text += &mapping_as_text(mapping, screen));
    if text.is_empty() {
        text.push_str("no mapping takes messages in or makes anything\n");
    }
    text
}

fn channel_as_text(channel: &ChannelLoss, screen: Screen) -> String {
    let name = match channel.channel.is_empty() {
        true => format!("system {}", channel.system),
        false => format!("system {}, channel {}", channel.system, channel.channel),
    };
    let messages = channel.messages.map(|count| format!(", {count} messages")).unwrap_or_default();
    let unread: Vec<_> = channel.fields.iter().filter(|field| field.read_by.is_empty()).collect();
    let mut text = format!(
        "{}: {} of {} fields are not read{messages}\n",
        screen.paint(&clean(&name), Tone::Strong),
        unread.len(),
        channel.fields.len()
    );
    for field in unread {
        let seen = field.seen.as_ref().map(|seen| format!("  in {} messages since {}", seen.count, seen.first));
        text += &format!("  {}{}\n", screen.paint(&clean(&field.path), Tone::Warning), seen.unwrap_or_default());
    }
    text
}

fn mapping_as_text(mapping: &MappingLoss, screen: Screen) -> String {
    let makes = mapping.emits.as_deref().unwrap_or("the input of an operation");
    let runs = mapping.runs.map(|runs| format!(", {runs} times")).unwrap_or_default();
    let mut text =
        format!("{} makes {makes}{runs}\n", screen.paint(&format!("mapping {}", mapping.mapping), Tone::Strong));
    for field in &mapping.fields {
        let taken = field.taken.map(|taken| format!(", taken {taken} times")).unwrap_or_default();
        let expression = field.expression.split_whitespace().collect::<Vec<_>>().join(" ");
        let path = if field.path.is_empty() { "all of it" } else { &field.path };
        text += &format!("  {} {path}: {}{taken}  ", field.how.word(), clean(&expression));
        text += &format!("{}\n", screen.paint(&format!("{}:{}", field.file, field.line), Tone::Faint));
    }
    if !mapping.never_set.is_empty() {
        text += &format!("  never set: {}\n", mapping.never_set.join(", "));
    }
    text
}
