//! `crossdock mapping try`: one mapping on one message, with every step. The steps come from the run itself.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;
use crossdock_core::mapping::Notes;
use crossdock_core::mapping::notes::TraceStep;
use crossdock_core::source::nearest;
use crossdock_core::value::Value;
use crossdock_runtime::plan::Plan;
use jiff::Timestamp;

use super::steps;
use crate::cli::screen::{self, Screen, Tone};
use crate::cli::test::runner::{Made, Runner, World};
use crate::cli::{JsonArg, exit, report};
use crate::config::folder::Folder;
use crate::config::suite::{Case, Given, Known, Subject, parse_input};
use crate::config::{self, Loaded, env};

/// How often `--watch` looks for changed files.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Run one mapping on one message and show each step: expression, what it read, what came of it
#[derive(Debug, Args)]
#[command(after_help = "\
Without MESSAGE the input is that of the mapping's first test. Nothing is sent or stored, and no secret is needed.

Examples:
  crossdock mapping try fleet/shipment-delivered proof.json
  curl -s https://partner.example/last-message | crossdock mapping try fleet/shipment-delivered -
  crossdock mapping try odoo/picking-fulfil event.json --hub my-hub --watch

Exit codes: 0 it made its target, 1 it failed or the folder has mistakes, 2 something cannot be read")]
pub struct TryArgs {
    /// The mapping: its path below mappings/, without .yaml
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// A file with the message's body (for an operation's input: with the event); `-` reads it from standard input
    #[arg(value_name = "MESSAGE")]
    message: Option<PathBuf>,
    /// The hub folder
    #[arg(long, value_name = "FOLDER", env = "CROSSDOCK_HUB", default_value = ".", hide_env = true)]
    hub: PathBuf,
    /// MESSAGE holds variables by name, as `input` of a test does: {"message": …, "body": …} or {"event": …, "linked": …}
    #[arg(long, requires = "message")]
    variables: bool,
    /// Take the input of the first test whose name contains this
    #[arg(long, value_name = "TEXT", conflicts_with = "message")]
    test: Option<String>,
    /// The time of acceptance
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Run again whenever a file of the hub or the message changes, until it is ended
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    json: JsonArg,
}

/// What the mapping is run on.
struct Input {
    value: Value,
    /// Where it comes from, in words.
    origin: String,
    at: Option<Timestamp>,
    known: Known,
}

pub fn run(args: &TryArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let piped = match &args.message {
        Some(path) if path.as_os_str() == "-" => Some(read_stdin()?),
        _ => None,
    };
    if !args.watch {
        return once(args, piped.as_deref(), screen);
    }
    loop {
        let before = stamps(args);
        if screen.terminal {
            screen::print("\u{1b}[2J\u{1b}[H")?;
        }
        if let Err(error) = once(args, piped.as_deref(), screen) {
            screen::print(&format!("{} {error:#}\n", screen.paint("error:", Tone::Bad)))?;
        }
        screen::print(&screen.paint("watching for changes; end it with Ctrl-C\n", Tone::Faint))?;
        wait_for_change(&before, args);
    }
}

/// Waits until the files are others than before and nobody writes them any more.
#[expect(clippy::disallowed_methods, reason = "a person at a terminal is waited for, with nothing else to do")]
fn wait_for_change(before: &Stamps, args: &TryArgs) {
    let mut last = stamps(args);
    loop {
        std::thread::sleep(LOOK_EVERY);
        let now = stamps(args);
        if now == last && now != *before {
            return;
        }
        last = now;
    }
}

fn read_stdin() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("standard input cannot be read")?;
    Ok(bytes)
}

/// When each file was changed, and how long it is.
type Stamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

/// The files that decide about what is shown.
fn stamps(args: &TryArgs) -> Stamps {
    fn look(path: &Path, depth: usize, stamps: &mut Stamps) {
        let Ok(metadata) = std::fs::metadata(path) else {
            stamps.insert(path.to_owned(), None);
            return;
        };
        if !metadata.is_dir() {
            stamps.insert(path.to_owned(), metadata.modified().ok().map(|at| (at, metadata.len())));
            return;
        }
        let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        for entry in entries.filter(|_| depth < config::folder::FOLDER_DEPTH_MAX) {
            // The data folder and version control change all the time.
            if !entry.file_name().to_string_lossy().starts_with('.') {
                look(&entry.path(), depth + 1, stamps);
            }
        }
    }
    let mut stamps = Stamps::new();
    look(&args.hub, 0, &mut stamps);
    if let Some(message) = &args.message {
        look(message, 0, &mut stamps);
    }
    stamps
}

fn once(args: &TryArgs, piped: Option<&[u8]>, screen: Screen) -> anyhow::Result<ExitCode> {
    let folder = Folder::read(&args.hub, true)?;
    let env = env::Environment::new(&folder.root, &env::process_variable, true);
    let loaded = config::compile(&folder, &env);
    let Some(plan) = &loaded.plan else {
        return report::unusable(&loaded, &folder, args.json.json, screen);
    };
    let Some(file) = loaded.mappings.get(args.mapping.as_str()) else {
        let near = nearest(&args.mapping, loaded.mappings.keys().copied());
        let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        anyhow::bail!("{} has no mapping {}{hint}", args.hub.display(), args.mapping);
    };
    let input = input(args, piped, &loaded, plan)?;
    let notes = Notes::tracing();
    let mut runner = Runner::new(&folder, &loaded, plan, []);
    runner.prepare(&args.mapping, file, &input.value);
    let world = World { input: &input.value, at: args.at.or(input.at), known: &input.known, notes: &notes };
    let made = runner.mapping(&args.mapping, world);
    let (trace, more) = notes.take_trace();
    let text = match args.json.json {
        true => as_json(args, &input, &trace, more, &made),
        false => as_text(&input, &trace, more, &made, screen),
    };
    screen::print(&text)?;
    Ok(match made {
        Made::Fault(_) | Made::Rejected(_) => exit::found_wrong(),
        Made::Events(_) | Made::Target(_) => exit::FINE,
    })
}

fn input(args: &TryArgs, piped: Option<&[u8]>, loaded: &Loaded<'_>, plan: &Plan) -> anyhow::Result<Input> {
    let Some(path) = &args.message else { return input_of_test(args, loaded, plan) };
    let shown = path.display().to_string();
    let (bytes, name) = match piped {
        Some(bytes) => (bytes.to_vec(), "standard input.json".to_owned()),
        None => (std::fs::read(path).with_context(|| format!("{shown} cannot be read"))?, shown.clone()),
    };
    let value = parse_input(&name, &bytes).map_err(|problem| {
        anyhow::anyhow!("{} {problem}", name.strip_suffix(".json").filter(|_| piped.is_some()).unwrap_or(&name))
    })?;
    let makes_events = loaded.mappings.get(args.mapping.as_str()).is_some_and(|file| file.makes_events);
    let of_results = plan.hub.outbound.iter().flat_map(|flow| &flow.then).any(|mapping| mapping.name == args.mapping);
    let of_messages =
        plan.hub.inbound.iter().flat_map(|flow| &flow.mappings).any(|mapping| mapping.name == args.mapping);
    let value = match (args.variables, makes_events, of_results && !of_messages) {
        (true, ..) if value.as_map().is_none() => anyhow::bail!("{shown} must hold a map of variables"),
        (true, ..) => value,
        (false, true, false) => Value::map([("body", value)]),
        (false, true, true) => Value::map([("result", value)]),
        (false, false, _) => match value.get("data").is_some() {
            true => Value::map([("event", value)]),
            false => Value::map([("event", Value::map([("data", value)]))]),
        },
    };
    let origin = if piped.is_some() { "standard input".to_owned() } else { shown };
    Ok(Input { value, origin, at: None, known: Known::default() })
}

/// The input of a test of the mapping, or of a flow that uses it.
fn input_of_test(args: &TryArgs, loaded: &Loaded<'_>, plan: &Plan) -> anyhow::Result<Input> {
    let uses = |flow: &str| {
        let inbound = plan.hub.inbound.iter().filter(|known| known.name.as_str() == flow);
        let outbound = plan.hub.outbound.iter().filter(|known| known.name.as_str() == flow);
        inbound.flat_map(|flow| &flow.mappings).any(|mapping| mapping.name == args.mapping)
            || outbound.into_iter().any(|flow| flow.input.name() == args.mapping)
    };
    let fits = |case: &&Case<'_>| match case.subject {
        Subject::Mapping(name) => name == args.mapping,
        Subject::Flow(name) => uses(name),
        Subject::System(_) => false,
    };
    let named = |case: &&Case<'_>| args.test.as_ref().is_none_or(|text| case.name.contains(text.as_str()));
    for case in loaded.cases.iter().filter(fits).filter(named) {
        let Given::Input(value) = &case.given else { continue };
        let origin = format!("test `{}` at {}:{}", case.name, case.file.path, case.location.line);
        return Ok(Input { value: value.clone(), origin, at: case.at, known: case.known.clone() });
    }
    match &args.test {
        Some(text) => anyhow::bail!("mapping {} has no test whose name contains `{text}`", args.mapping),
        None => anyhow::bail!("mapping {} has no test to take an input from: name a file with a message", args.mapping),
    }
}

fn as_text(input: &Input, trace: &[TraceStep], more: usize, made: &Made, screen: Screen) -> String {
    let heading = |word: &str| screen.paint(word, Tone::Strong);
    let mut text = format!("{}  {}\n", heading("input"), screen::clean(&input.origin));
    text += &indented(&input.value);
    text += &steps::shown(trace, screen);
    if more > 0 {
        text += &format!("  and {more} more steps\n");
    }
    match made {
        Made::Events(events) if events.is_empty() => text += &format!("{}  no event\n", heading("made")),
        Made::Events(events) => {
            for event in events {
                let field = |name: &str| event.get(name).and_then(Value::as_text).unwrap_or_default();
                text += &format!(
                    "{}  {} {} at {}\n",
                    heading("event"),
                    field("type"),
                    screen::clean(field("subject")),
                    field("time")
                );
                text += &indented(event.get("data").unwrap_or(&Value::Null));
            }
            text += &format!("{}\n", screen.paint("it fits the model", Tone::Good));
        }
        Made::Target(Some(target)) => {
            text += &format!("{}\n", heading("made"));
            text += &indented(target);
        }
        Made::Target(None) => text += &format!("{}  nothing\n", heading("made")),
        Made::Fault(fault) | Made::Rejected(fault) => {
            text += &format!("{} {}\n", screen.paint("failed:", Tone::Bad), screen::clean(fault));
        }
    }
    text
}

fn indented(value: &Value) -> String {
    steps::pretty(value).lines().map(|line| format!("  {line}\n")).collect()
}

fn as_json(args: &TryArgs, input: &Input, trace: &[TraceStep], more: usize, made: &Made) -> String {
    let (key, value) = match made {
        Made::Events(events) => ("events", Value::list(events.iter().cloned())),
        Made::Target(target) => ("target", target.clone().unwrap_or_default()),
        Made::Fault(fault) | Made::Rejected(fault) => ("fault", Value::text(fault.as_str())),
    };
    let told = Value::map([
        ("mapping", Value::text(args.mapping.as_str())),
        ("origin", Value::text(input.origin.as_str())),
        ("input", input.value.clone().into_json_shape()),
        ("steps", Value::list(trace.iter().map(steps::as_value))),
        ("steps_left_out", Value::from(more as i64)),
        (key, value),
    ]);
    steps::pretty(&told) + "\n"
}
