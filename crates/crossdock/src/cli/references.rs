//! `crossdock references`: the table of which system knows what by which id, and the entities that are the same.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::client::{self, Client};
use super::screen::{self, Row, Screen, Tone};
use super::{HubArg, JsonArg, actor, api, exit};

/// Look after names: other systems' ids, and entities that are the same
#[derive(Debug, Args)]
pub struct ReferencesArgs {
    #[command(subcommand)]
    command: ReferencesCommand,
}

#[derive(Debug, Subcommand)]
enum ReferencesCommand {
    Find(FindArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Merge(MergeArgs),
    Split(SplitArgs),
    Candidates(CandidatesArgs),
    Suggestions(SuggestionsArgs),
    Accept(DecideArgs),
    Reject(DecideArgs),
}

/// Find entities by a key or by any system's id
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  crossdock references find 1Z999AA10123456784\n\nExit codes: 0 found, 1 nothing is known by it, 2 the hub does not answer"
)]
struct FindArgs {
    /// A key, or an id as any system gives it
    value: String,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Write the table of references as CSV (RFC 4180)
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  crossdock references export > references.csv\n  crossdock references export --output references.csv\n\nExit codes: 0 written, 2 the hub does not answer or the file cannot be written"
)]
struct ExportArgs {
    /// The file to write; standard output when it is not named
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    hub: HubArg,
}

/// Add and remove references as a CSV file says, all or none
#[derive(Debug, Args)]
#[command(after_help = "\
The file has a heading line: entity,key,system,kind,value and, where references are to be removed, action (add or \
remove; add when it is empty). All mistakes are told at once, each with its line; as long as there is one, nothing is \
changed.

Examples:
  crossdock references import references.csv --dry-run
  crossdock references import references.csv --reason \"ids of the new warehouse\"

Exit codes: 0 imported, or nothing wrong in a dry run, 1 mistakes, 2 the file cannot be read or the hub does not answer")]
struct ImportArgs {
    /// The file to read
    file: PathBuf,
    /// Only tell what is wrong
    #[arg(long)]
    dry_run: bool,
    /// Why: kept in the audit record
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    hub: HubArg,
}

/// Merge two entities that are the same: the first answers for both
#[derive(Debug, Args)]
#[command(after_help = "\
The merged one keeps its record, its references and its history; `crossdock references split` gives it back.

Example:
  crossdock references merge customer_account/C001 customer_account/C-17 --reason \"same VAT number\"

Exit codes: 0 merged, 1 refused, 2 the hub does not answer")]
struct MergeArgs {
    /// Who answers for both, as kind/key
    survivor: String,
    /// Who is merged into it
    other: String,
    /// Why: kept in the audit record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    hub: HubArg,
}

/// Take a merge back: the merged entity stands for itself again
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  crossdock references split customer_account/C-17 --reason \"two branches after all\"\n\nExit codes: 0 split, 1 refused, 2 the hub does not answer"
)]
struct SplitArgs {
    /// The merged entity, as kind/key
    entity: String,
    /// Why: kept in the audit record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    hub: HubArg,
}

/// List what may be the same as an entity, with what speaks for it
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  crossdock references candidates customer_account/C001\n\nExit codes: 0 listed, 1 there is no such entity, 2 the hub does not answer"
)]
struct CandidatesArgs {
    /// The entity, as kind/key
    entity: String,
    /// The least score, from 0 to 1
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    least: f64,
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// List open suggestions: merges, and changes of systems that are not the system of record
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing is open, 1 something is, 2 the hub does not answer")]
struct SuggestionsArgs {
    #[command(flatten)]
    hub: HubArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Follow a suggestion, or reject it for good
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 1 refused, 2 the hub does not answer")]
struct DecideArgs {
    /// The id, as `crossdock references suggestions` shows it
    id: String,
    /// Why: kept in the audit record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    hub: HubArg,
}

pub fn run(args: &ReferencesArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    match &args.command {
        ReferencesCommand::Find(args) => find(args, screen),
        ReferencesCommand::Export(args) => export(args),
        ReferencesCommand::Import(args) => import(args, screen),
        ReferencesCommand::Merge(args) => {
            let body = json!({"survivor": args.survivor, "other": args.other});
            let told = format!("{} answers for {} now", args.survivor, args.other);
            act(&args.hub, "/api/merges", body, &args.reason, &told)
        }
        ReferencesCommand::Split(args) => {
            let told = format!("{} stands for itself again", args.entity);
            act(&args.hub, "/api/merges/split", json!({"entity": args.entity}), &args.reason, &told)
        }
        ReferencesCommand::Candidates(args) => candidates(args, screen),
        ReferencesCommand::Suggestions(args) => suggestions(args, screen),
        ReferencesCommand::Accept(args) => decide(args, "accept", "accepted"),
        ReferencesCommand::Reject(args) => decide(args, "reject", "rejected"),
    }
}

fn decide(args: &DecideArgs, verb: &str, told: &str) -> anyhow::Result<ExitCode> {
    let path = format!("/api/suggestions/{}/{verb}", client::encoded(&args.id));
    act(&args.hub, &path, json!({}), &args.reason, &format!("suggestion {} {told}", args.id))
}

/// Tells the hub to do something, with a reason.
fn act(hub: &HubArg, path: &str, mut body: Json, reason: &str, told: &str) -> anyhow::Result<ExitCode> {
    let hub = api::hub(hub)?;
    body["actor"] = json!(actor::name());
    body["reason"] = json!(reason);
    let asked = super::wait_for(async { Ok(hub.client.post(path, &body).await) })?;
    if client::unless_refused(asked)?.is_none() {
        return Ok(exit::found_wrong());
    }
    screen::print(&format!("{}\n", screen::clean(told)))?;
    Ok(exit::FINE)
}

#[derive(Debug, Deserialize)]
struct Items<T> {
    items: Vec<T>,
    #[serde(default)]
    more: bool,
}

#[derive(Debug, Deserialize)]
struct Name {
    kind: String,
    key: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

#[derive(Debug, Deserialize)]
struct Reference {
    entity: Name,
    system: String,
    kind: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Found {
    entity: Name,
    named: Option<Name>,
    status: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

fn find(args: &FindArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let query = [("value", args.value.as_str())];
    let text = super::wait_for(async { Ok(hub.client.get("/api/references", &query).await?) })?;
    let found: Items<Found> = client::read(&text)?;
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
    } else {
        let rows: Vec<Row> = found.items.iter().map(found_row).collect();
        screen::print(&screen.table(&["entity", "status", "merged name", "references"], &rows))?;
    }
    Ok(if found.items.is_empty() { exit::found_wrong() } else { exit::FINE })
}

fn found_row(found: &Found) -> Row {
    let references: Vec<String> =
        found.references.iter().map(|it| format!("{} {} {}", it.system, it.kind, it.value)).collect();
    vec![
        (found.entity.to_string(), Tone::Strong),
        (found.status.clone().unwrap_or_else(|| "not known yet".to_owned()), Tone::Plain),
        (found.named.as_ref().map(ToString::to_string).unwrap_or_default(), Tone::Faint),
        (references.join("; "), Tone::Plain),
    ]
}

/// The heading of the table.
const HEADING: [&str; 5] = ["entity", "key", "system", "kind", "value"];

fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(HEADING)?;
    super::wait_for(pages(&hub.client, &mut table))?;
    let bytes = table.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
    match &args.output {
        None => screen::print(&String::from_utf8_lossy(&bytes))?,
        Some(path) => {
            let mut file = std::fs::File::create(path).with_context(|| unwritable(path))?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).with_context(|| unwritable(path))?;
        }
    }
    Ok(exit::FINE)
}

fn unwritable(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}

async fn pages(client: &Client, table: &mut csv::Writer<Vec<u8>>) -> anyhow::Result<()> {
    let mut after: Option<String> = None;
    loop {
        let mut query = vec![("limit", "500")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let text = client.get("/api/references/table", &query).await?;
        let page: Items<Json> = client::read(&text)?;
        for item in &page.items {
            let Reference { entity, system, kind, value } = serde_json::from_value(item.clone())?;
            table.write_record([&entity.kind, &entity.key, &system, &kind, &value])?;
        }
        after = page.items.last().map(Json::to_string);
        if !page.more {
            return Ok(());
        }
    }
}

/// One line of a file that is imported.
struct Line {
    number: u64,
    reference: Json,
}

/// What a file asks for, and what is wrong with it by line.
#[derive(Default)]
struct Table {
    add: Vec<Line>,
    remove: Vec<Line>,
    mistakes: Vec<(u64, String)>,
}

#[derive(Debug, Deserialize)]
struct Report {
    done: bool,
    mistakes: Vec<Mistake>,
}

#[derive(Debug, Deserialize)]
struct Mistake {
    list: String,
    row: usize,
    message: String,
}

fn import(args: &ImportArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(&args.file).with_context(|| format!("{} cannot be read", args.file.display()))?;
    let mut table = read_table(&text);
    let hub = api::hub(&args.hub)?;
    let only = |lines: &[Line]| lines.iter().map(|line| line.reference.clone()).collect::<Vec<_>>();
    let body = json!({
        "add": only(&table.add),
        "remove": only(&table.remove),
        "dry_run": args.dry_run || !table.mistakes.is_empty(),
        "actor": actor::name(),
        "reason": args.reason,
    });
    let Some(text) =
        client::unless_refused(super::wait_for(async { Ok(hub.client.post("/api/references", &body).await) })?)?
    else {
        return Ok(exit::found_wrong());
    };
    let report: Report = client::read(&text)?;
    for mistake in report.mistakes {
        let lines = if mistake.list == "remove" { &table.remove } else { &table.add };
        let number = lines.get(mistake.row).map_or(0, |line| line.number);
        table.mistakes.push((number, mistake.message));
    }
    table.mistakes.sort();
    for (number, message) in &table.mistakes {
        let place = format!("{}:{number}:", args.file.display());
        eprintln!("{} {}", screen.paint(&place, Tone::Strong), screen::clean(message));
    }
    if !table.mistakes.is_empty() {
        eprintln!("{} mistakes; nothing was changed", table.mistakes.len());
        return Ok(exit::found_wrong());
    }
    let (added, removed) = (table.add.len(), table.remove.len());
    screen::print(&match report.done {
        true => format!("{added} references added, {removed} removed\n"),
        false => format!("nothing is wrong: {added} references would be added, {removed} removed\n"),
    })?;
    Ok(exit::FINE)
}

/// Reads a file. What cannot be read is told by line, and the rest is read on.
fn read_table(text: &str) -> Table {
    let mut table = Table::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let heading: Vec<String> = match reader.headers() {
        Ok(heading) => heading.iter().map(str::to_lowercase).collect(),
        Err(error) => {
            table.mistakes.push((1, error.to_string()));
            return table;
        }
    };
    for name in HEADING.iter().filter(|name| !heading.iter().any(|given| given == *name)) {
        table.mistakes.push((1, format!("the heading lacks `{name}`: it is {}", HEADING.join(","))));
    }
    for name in heading.iter().filter(|name| !HEADING.contains(&name.as_str()) && *name != "action") {
        table.mistakes.push((1, format!("the heading has an unknown column `{name}`")));
    }
    if !table.mistakes.is_empty() {
        return table;
    }
    let mut seen = std::collections::BTreeMap::new();
    for record in reader.records() {
        match record {
            Ok(record) => read_line(&heading, &record, &mut seen, &mut table),
            Err(error) => {
                let number = error.position().map_or(0, csv::Position::line);
                table.mistakes.push((number, error.to_string()));
            }
        }
    }
    table
}

fn read_line(
    heading: &[String],
    record: &csv::StringRecord,
    seen: &mut std::collections::BTreeMap<[String; 4], (String, u64)>,
    table: &mut Table,
) {
    let number = record.position().map_or(0, csv::Position::line);
    if record.len() != heading.len() {
        table.mistakes.push((number, format!("{} fields, and the heading has {}", record.len(), heading.len())));
        return;
    }
    let field = |name: &str| {
        let place = heading.iter().position(|given| given == name);
        place.and_then(|place| record.get(place)).unwrap_or_default().to_owned()
    };
    let [entity, key, system, kind, value] = HEADING.map(field);
    let name = format!("{entity}/{key}");
    let line = Line { number, reference: json!({"entity": name, "system": system, "kind": kind, "value": value}) };
    match field("action").as_str() {
        "" | "add" => {
            // The same id for two entities of a kind in one file.
            let before = seen.entry([entity, system, kind, value]).or_insert((key.clone(), number));
            if before.0 != key {
                let message = format!("line {} says that it stands for {}", before.1, before.0);
                table.mistakes.push((number, message));
            }
            table.add.push(line);
        }
        "remove" => table.remove.push(line),
        other => table.mistakes.push((number, format!("`action` is `add` or `remove`, not `{other}`"))),
    }
}

#[derive(Debug, Deserialize)]
struct Candidate {
    other: Name,
    score: f64,
    evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    field: String,
    likeness: f64,
    weight: f64,
}

fn candidates(args: &CandidatesArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let least = args.least.to_string();
    let query = [("entity", args.entity.as_str()), ("least", least.as_str())];
    let Some(text) =
        client::unless_refused(super::wait_for(async { Ok(hub.client.get("/api/candidates", &query).await) })?)?
    else {
        return Ok(exit::found_wrong());
    };
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
        return Ok(exit::FINE);
    }
    let found: Items<Candidate> = client::read(&text)?;
    let rows: Vec<Row> = found
        .items
        .iter()
        .map(|it| {
            vec![
                (format!("{:.3}", it.score), Tone::Strong),
                (it.other.to_string(), Tone::Plain),
                (evidence_text(&it.evidence), Tone::Faint),
            ]
        })
        .collect();
    screen::print(&screen.table(&["score", "entity", "because"], &rows))?;
    Ok(exit::FINE)
}

fn evidence_text(evidence: &[Evidence]) -> String {
    let told = evidence.iter().map(|it| format!("{} {:.0} % ({:+.1})", it.field, it.likeness * 100.0, it.weight));
    told.collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Deserialize)]
struct Suggestion {
    id: String,
    proposal: Json,
    score: Option<f64>,
    #[serde(default)]
    evidence: Vec<Evidence>,
}

fn suggestions(args: &SuggestionsArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let hub = api::hub(&args.hub)?;
    let query = [("status", "open"), ("limit", "500")];
    let text = super::wait_for(async { Ok(hub.client.get("/api/suggestions", &query).await?) })?;
    let found: Items<Suggestion> = client::read(&text)?;
    if args.json.json {
        screen::print(&format!("{text}\n"))?;
    } else {
        let rows: Vec<Row> = found.items.iter().map(suggestion_row).collect();
        let nothing = found.items.is_empty() && screen.terminal;
        let shown = match nothing {
            true => "nothing is suggested\n".to_owned(),
            false => screen.table(&["id", "score", "what", "because"], &rows),
        };
        screen::print(&shown)?;
    }
    Ok(if found.items.is_empty() { exit::FINE } else { exit::found_wrong() })
}

fn suggestion_row(suggestion: &Suggestion) -> Row {
    let detail = &suggestion.proposal["detail"];
    let name = |name: &Json| {
        let text = |key: &str| name[key].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("kind"), text("key"))
    };
    let what = match suggestion.proposal["what"].as_str() {
        Some("merge") => format!("merge {} into {}", name(&detail["other"]), name(&detail["survivor"])),
        _ => {
            let system = detail["system"].as_str().unwrap_or_default();
            format!("{system} says of {}: {}", name(&detail["entity"]), detail["fields"])
        }
    };
    vec![
        (suggestion.id.clone(), Tone::Plain),
        (suggestion.score.map(|score| format!("{score:.3}")).unwrap_or_default(), Tone::Strong),
        (what, Tone::Strong),
        (evidence_text(&suggestion.evidence), Tone::Faint),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(u64, &str)]) -> Table {
        let table = read_table(text);
        let told: Vec<(u64, &str)> = table.mistakes.iter().map(|(line, message)| (*line, message.as_str())).collect();
        assert_eq!(told.len(), expect.len(), "{told:?}");
        for (told, expect) in told.iter().zip(expect) {
            assert!(told.0 == expect.0 && told.1.contains(expect.1), "{told:?}, expected {expect:?}");
        }
        table
    }

    #[test]
    fn a_table_is_read_whole_or_told_line_by_line() {
        let good = "entity,key,system,kind,value,action\n\
                    customer_account,C1,odoo,res.partner,42,\n\
                    customer_account,\"C \"\"2\"\", Ltd\",odoo,res.partner,\"4\n3\",add\n\
                    item,A,shop,sku,x,remove\n";
        let table = check(good, &[]);
        assert_eq!((table.add.len(), table.remove.len()), (2, 1));
        assert_eq!(table.add[1].reference["entity"], "customer_account/C \"2\", Ltd");
        assert_eq!(table.add[1].reference["value"], "4\n3");
        assert_eq!((table.add[1].number, table.remove[0].number), (3, 5));
        check("entity,key,system,value\n", &[(1, "lacks `kind`")]);
        check("entity,key,system,kind,value,colour\n", &[(1, "unknown column `colour`")]);
        let bad = "key,entity,system,kind,value,action\n\
                   C1,customer_account,odoo,res.partner,42,\n\
                   C1,customer_account,odoo\n\
                   C2,customer_account,odoo,res.partner,42,\n\
                   C3,customer_account,odoo,res.partner,43,delete\n";
        check(
            bad,
            &[(3, "3 fields, and the heading has 6"), (4, "line 2 says that it stands for C1"), (5, "not `delete`")],
        );
    }
}
