//! `crossdock model`: the canonical vocabulary, to read and to take along.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use crossdock_core::model::publish::{self, bundled, describe, describe_all, pretty};
use crossdock_core::model::{ENTITIES, EntityKind, EventType};
use crossdock_core::source::nearest;
use crossdock_core::value::Value;

use super::screen::{self, Row, Screen, Tone};
use super::{JsonArg, exit};

/// Show the canonical model: entities, their states, events and fields
#[derive(Debug, Args)]
#[command(after_help = "\
NAME is an entity, such as shipment, or an event type, such as crossdock.shipment.delivered.v1. Without it all entities \
are listed.

Examples:
  crossdock model
  crossdock model shipment
  crossdock model crossdock.shipment.delivered.v1 --schema
  crossdock model --out reference

Exit codes: 0 shown, 1 there is no such entity or event type, 2 the folder cannot be written")]
pub struct ModelArgs {
    /// An entity or an event type
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    json: JsonArg,
    /// Print the JSON Schema (2020-12) of the entity or of the event's data, complete in itself
    #[arg(long, requires = "name", conflicts_with = "json")]
    schema: bool,
    /// Write the whole reference to this folder: pages, JSON Schemas, AsyncAPI
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["name", "json", "schema"])]
    out: Option<PathBuf>,
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Named {
    Entity(&'static EntityKind),
    Event(EventType),
}

pub fn run(args: &ModelArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.out {
        return write(folder);
    }
    let Some(name) = &args.name else {
        let text = if args.json.json { pretty(&describe_all()) } else { list(screen) };
        screen::print(&text)?;
        return Ok(exit::FINE);
    };
    let Some(named) = find(name) else {
        eprintln!("there is no entity and no event type `{name}`{}", hint(name));
        return Ok(exit::found_wrong());
    };
    let text = match named {
        Named::Entity(kind) if args.schema => pretty(&bundled(kind, None)),
        Named::Event(event) if args.schema => pretty(&bundled(event.entity, Some(event))),
        Named::Entity(kind) if args.json.json => pretty(&describe([&kind])),
        Named::Event(event) if args.json.json => pretty(&described(event)),
        Named::Entity(kind) => entity(kind, screen),
        Named::Event(of) => event(of, screen),
    };
    screen::print(&text)?;
    Ok(exit::FINE)
}

fn find(name: &str) -> Option<Named> {
    EntityKind::find(name).map(Named::Entity).or_else(|| EventType::find(name).map(Named::Event))
}

fn hint(name: &str) -> String {
    let events: Vec<String> = EventType::all().map(|event| event.name()).collect();
    let known = ENTITIES.iter().map(|kind| kind.name).chain(events.iter().map(String::as_str));
    match nearest(name, known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => "; `crossdock model` lists them".to_owned(),
    }
}

fn described(event: EventType) -> Value {
    let all = describe([&event.entity]);
    let entity = all.get("entities").and_then(|entities| entities.get(event.entity.name));
    let of = |name: &str| entity.and_then(|entity| entity.get(name)).cloned().unwrap_or_default();
    Value::map([
        ("type", Value::text(event.name())),
        ("entity", Value::text(event.entity.name)),
        ("key", of("key")),
        ("event", of("events").get(&event.name()).cloned().unwrap_or_default()),
        ("fields", of("fields")),
    ])
}

fn write(folder: &Path) -> anyhow::Result<ExitCode> {
    let files = publish::files();
    for file in &files {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
        fs::write(&path, &file.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    screen::print(&format!("{} files written to {}\n", files.len(), folder.display()))?;
    Ok(exit::FINE)
}

fn plain(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Plain)
}

fn list(screen: Screen) -> String {
    let rows: Vec<Row> = ENTITIES
        .iter()
        .map(|kind| {
            let key = kind.key.join("/");
            vec![(kind.name.to_owned(), Tone::Strong), plain(key), plain(kind.meaning)]
        })
        .collect();
    screen.table(if screen.terminal { &["entity", "key", "what it is"] } else { &[] }, &rows)
}

fn entity(kind: &'static EntityKind, screen: Screen) -> String {
    let mut text = format!("{}  {}\n", screen.paint(kind.name, Tone::Strong), kind.meaning);
    text += &format!("{}\n\nfollows  {}\nkey      {}\n", kind.differs, kind.standard, kind.key.join("/"));
    text += &format!("states   {}\n\n", kind.states.join(", "));
    let rows: Vec<Row> = kind
        .events
        .iter()
        .map(|event| {
            let name = EventType { entity: kind, event }.name();
            vec![plain(name), plain(event.to.unwrap_or("")), plain(event.requires.join(" ")), plain(event.meaning)]
        })
        .collect();
    text += &screen.table(&["event", "moves to", "must carry", "what happened"], &rows);
    text.push('\n');
    text += &fields(kind, &[], screen);
    text
}

fn event(event: EventType, screen: Screen) -> String {
    let mut text = format!("{}  {}\n", screen.paint(&event.name(), Tone::Strong), event.event.meaning);
    match event.event.to {
        Some(to) => text += &format!("moves the {} to {to}\n\n", event.entity.name),
        None => text += "moves no state\n\n",
    }
    text += &fields(event.entity, event.event.requires, screen);
    text
}

/// The fields, those that must be told marked with a star.
fn fields(kind: &'static EntityKind, requires: &[&str], screen: Screen) -> String {
    let described = describe([&kind]);
    let all = described.get("entities").and_then(|entities| entities.get(kind.name)).and_then(|it| it.get("fields"));
    let rows: Vec<Row> = kind
        .fields
        .iter()
        .map(|field| {
            let of = all.and_then(|all| all.get(field.name));
            let word = |name: &str| of.and_then(|of| of.get(name)).and_then(Value::as_text).unwrap_or("").to_owned();
            let must = field.required || requires.contains(&field.name);
            let name = format!("{}{}", field.name, if must { " *" } else { "" });
            let measure = ["unit", "unit_field", "currency_field", "time"].map(word).concat();
            vec![plain(name), plain(word("type")), plain(measure), plain(field.meaning)]
        })
        .collect();
    screen.table(&["field", "type", "unit or time", "meaning"], &rows) + "\n* must be told\n"
}
