//! `crossdock connectors`

use std::process::ExitCode;

use clap::Args;
use crossdock_connect::endpoint::{Operation, Repeat};
use crossdock_connect::secret::Secret;
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_connectors::CONNECTORS;
use crossdock_core::ids::SystemName;
use crossdock_core::model::publish;
use crossdock_core::model::shape::Shape;
use serde_json::json;

use super::screen::{self, Row, Screen, Tone};
use super::{JsonArg, exit};
use crate::config::yaml;

/// List the connectors a system can name, with their operations
#[derive(Debug, Args)]
#[command(after_help = "\
An operation that is `safe` may be repeated after a lost answer; for one that is not, a person decides then.
With --json the fields of what each operation takes and gives are told too.

Examples:
  crossdock connectors
  crossdock connectors odoo
  crossdock connectors odoo --json

Exit codes: 0 listed, 1 there is no such connector")]
pub struct ConnectorsArgs {
    /// Only this one
    name: Option<String>,
    #[command(flatten)]
    json: JsonArg,
}

pub fn run(args: &ConnectorsArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let chosen: Vec<&Spec> =
        CONNECTORS.iter().filter(|spec| args.name.as_ref().is_none_or(|name| name == spec.name)).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = CONNECTORS.iter().map(|spec| spec.name).collect();
        eprintln!(
            "there is no connector `{}`; there are {}",
            args.name.as_deref().unwrap_or_default(),
            known.join(", ")
        );
        return Ok(exit::found_wrong());
    }
    let text = match args.json.json {
        true => as_json(&chosen),
        false => as_text(&chosen, screen),
    };
    screen::print(&text)?;
    Ok(exit::FINE)
}

fn as_text(chosen: &[&Spec], screen: Screen) -> String {
    if !screen.terminal {
        let rows: Vec<Row> = chosen
            .iter()
            .flat_map(|spec| {
                let row = |rest: [String; 3]| {
                    std::iter::once(spec.name.to_owned()).chain(rest).map(|text| (text, Tone::Plain)).collect::<Row>()
                };
                let about = row(["".into(), "".into(), spec.summary.into()]);
                let operations = operations(spec).iter();
                std::iter::once(about)
                    .chain(operations.map(move |op| row([op.name.into(), repeat(op).into(), op.summary.into()])))
            })
            .collect();
        return screen.table(&[], &rows);
    }
    let mut text = String::new();
    for spec in chosen {
        text += &format!("{}  {}\n", screen.paint(spec.name, Tone::Strong), spec.summary);
        let rows: Vec<Row> = operations(spec)
            .iter()
            .map(|operation| {
                let tone = if operation.repeat == Repeat::Safe { Tone::Good } else { Tone::Warning };
                vec![
                    (format!("  {}", operation.name), Tone::Plain),
                    (repeat(operation).to_owned(), tone),
                    (operation.summary.to_owned(), Tone::Plain),
                ]
            })
            .collect();
        match rows.is_empty() {
            true => text += "  takes messages in; has no operations\n",
            false => text += &screen.table(&["  operation", "repeating", "what it does"], &rows),
        }
        text.push('\n');
    }
    text
}

fn as_json(chosen: &[&Spec]) -> String {
    let connectors: Vec<_> = chosen
        .iter()
        .map(|spec| {
            let operations: Vec<_> = operations(spec)
                .iter()
                .map(|operation| {
                    json!({
                        "name": operation.name,
                        "summary": operation.summary,
                        "repeat": repeat(operation),
                        "batch_max": operation.batch_max,
                        "input": shape(&operation.input),
                        "result": shape(&operation.result),
                    })
                })
                .collect();
            json!({"name": spec.name, "summary": spec.summary, "operations": operations})
        })
        .collect();
    format!("{:#}\n", json!({"connectors": connectors}))
}

/// The fields of an input or result; null where nothing is known of it.
fn shape(shape: &Shape) -> serde_json::Value {
    match shape.is_any() {
        true => serde_json::Value::Null,
        false => json!({
            "fields": publish::describe_fields(shape.fields),
            "one_of": shape.one_of,
            "other_fields": shape.others,
        }),
    }
}

fn repeat(operation: &Operation) -> &'static str {
    match operation.repeat {
        Repeat::Safe => "safe",
        Repeat::Never => "by a person",
    }
}

/// Configurations to ask for operations with: an endpoint tells them, and it is made of one. The first that a
/// connector takes is used.
const SAMPLES: &[&str] = &[
    "config: {url: 'http://127.0.0.1', database: odoo, key: {env: X}}",
    "config: {url: 'http://127.0.0.1', secret: {env: X}}",
    "config: {url: 'http://127.0.0.1'}\nwebhook: {secret: {env: X}}",
    "config: {url: 'http://127.0.0.1'}",
    "webhook: {secret: {env: X}}",
];

fn operations(spec: &Spec) -> &'static [Operation] {
    for sample in SAMPLES {
        let Some(node) = yaml::parse("sample", sample).node else { continue };
        let secret = |_: &crossdock_core::source::Node| Ok(Secret::new("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="));
        let config = SystemConfig {
            system: SystemName::from("sample"),
            config: node.get("config"),
            webhook: node.get("webhook"),
            file: &node,
            secret: &secret,
        };
        if let Ok(endpoint) = (spec.build)(&config) {
            return endpoint.operations();
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connector_takes_a_sample() {
        for spec in CONNECTORS {
            let takes_messages_only = spec.name == "samsara";
            assert_eq!(operations(spec).is_empty(), takes_messages_only, "{}", spec.name);
        }
    }
}
