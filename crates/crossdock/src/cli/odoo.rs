//! `crossdock odoo setup`: puts into an Odoo what the hub needs there, or takes it back.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use crossdock_connect::secret::Secret;
use crossdock_connect::spec::SystemConfig;
use crossdock_connectors::odoo::Odoo;
use crossdock_connectors::odoo::setup::{self, SetupAction, SetupItem, SetupRequest, SetupState, SetupStep};
use crossdock_core::exchange::Exchange;
use crossdock_core::ids::SystemName;
use crossdock_core::source::{Diagnostic, Node};
use crossdock_transport::{Http, HttpSettings, Transport as _};
use serde_json::json;

use super::screen::{self, Row, Screen, Tone};
use super::{JsonArg, exit, report};
use crate::config::env::{self, Environment};
use crate::config::folder::{Folder, Kind};

/// Set up an Odoo for the hub
#[derive(Debug, Args)]
pub struct OdooArgs {
    #[command(subcommand)]
    command: OdooCommand,
}

#[derive(Debug, Subcommand)]
enum OdooCommand {
    Setup(SetupArgs),
}

/// Install the outbox by which Odoo tells the hub of changes, or take it back
#[derive(Debug, Args)]
#[command(after_help = "\
Creates a table, a group that may read it, and one automation rule for each captured model and kind of change. \
Nothing else is changed; running it again changes nothing. Needs the API key of an administrator: give it with \
--key-env where the hub's own user is not one, and name the hub's user with --hub-user.

Examples:
  crossdock odoo setup my-hub --dry-run
  crossdock odoo setup my-hub
  ADMIN_KEY=… crossdock odoo setup my-hub --key-env ADMIN_KEY --hub-user hub@example.com
  crossdock odoo setup my-hub --remove

Exit codes: 0 it is as it should be, 1 Odoo refused something, 2 the folder or Odoo cannot be reached")]
struct SetupArgs {
    /// The hub folder
    #[arg(value_name = "FOLDER", env = "CROSSDOCK_HUB", default_value = ".", hide_env = true)]
    folder: PathBuf,
    /// The system, when several are an Odoo
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Take back what was installed
    #[arg(long)]
    remove: bool,
    /// The address of the Odoo [default: as the system says]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The database [default: as the system says]
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// The environment variable with an administrator's API key [default: the hub's own key]
    #[arg(long, value_name = "VARIABLE")]
    key_env: Option<String>,
    /// The login of the user the hub runs as [default: the user of the key]
    #[arg(long, value_name = "LOGIN")]
    hub_user: Option<String>,
    #[command(flatten)]
    json: JsonArg,
}

/// Calls of one setup at most.
const CALLS_MAX: usize = 500;
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

pub fn run(args: OdooArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let OdooCommand::Setup(args) = args.command;
    let request = SetupRequest {
        odoo: odoo_of(&args)?,
        action: if args.remove { SetupAction::Remove } else { SetupAction::Install },
        dry_run: args.dry_run,
        hub_user: args.hub_user.clone(),
    };
    match super::wait_for(drive(&request))? {
        Ok(items) => {
            screen::print(&told(&items, &args, screen))?;
            Ok(exit::FINE)
        }
        Err(reason) => {
            if args.json.json {
                screen::print(&format!("{:#}\n", json!({"done": false, "reason": reason})))?;
            } else {
                eprintln!("{reason}");
            }
            Ok(exit::found_wrong())
        }
    }
}

/// Asks and answers until the setup is through, or says why it is not.
async fn drive(request: &SetupRequest) -> anyhow::Result<Result<Vec<SetupItem>, String>> {
    let http = Http::new(&HttpSettings::default()).map_err(anyhow::Error::msg)?;
    let mut exchanges: Vec<Exchange> = Vec::new();
    loop {
        match setup::next(request, &exchanges) {
            SetupStep::Done(items) => return Ok(Ok(items)),
            SetupStep::Failed { reason } => match exchanges.last() {
                Some(Exchange { result: Err(fault), .. }) if exchanges.len() == 1 => {
                    bail!("Odoo at {} cannot be reached: {fault}", request.odoo.url)
                }
                _ => return Ok(Err(reason)),
            },
            SetupStep::Call(_) if exchanges.len() == CALLS_MAX => {
                return Ok(Err(format!("the setup needed more than {CALLS_MAX} calls")));
            }
            SetupStep::Call(call) => {
                let result = http.send(&call, ANSWER_BYTES_MAX).await;
                exchanges.push(Exchange { call, result });
            }
        }
    }
}

/// The Odoo of the hub folder, with what the command line says in place of it.
fn odoo_of(args: &SetupArgs) -> anyhow::Result<Odoo> {
    let folder = Folder::read(&args.folder, false)?;
    let env = Environment::new(&folder.root, &env::process_variable, false);
    let (name, node) = chosen(&folder, args.system.as_deref())?;
    let mut mistakes = Vec::new();
    let node = env.filled(node, &mut mistakes);
    let own_key = args.key_env.as_deref().map(key).transpose()?;
    let secret = |place: &Node| match &own_key {
        Some(key) => Ok(key.clone()),
        None => env.secret(place),
    };
    let config = SystemConfig {
        system: SystemName::from(name),
        config: node.get("config"),
        webhook: node.get("webhook"),
        file: &node,
        secret: &secret,
    };
    let mut odoo = Odoo::read(&config).map_err(|found| mistakes.extend(found)).ok();
    if let Some(mistake) = mistakes.first() {
        bail!("system {name} cannot be used\n{}", report::finding(mistake, &folder, Screen::PLAIN).trim_end());
    }
    if let Some(odoo) = &mut odoo {
        if let Some(url) = &args.url {
            odoo.url = url.trim_end_matches('/').to_owned();
        }
        if let Some(database) = &args.database {
            odoo.database = Some(database.clone());
        }
    }
    odoo.context("the system cannot be used")
}

fn key(variable: &str) -> anyhow::Result<Secret> {
    let key = env::process_variable(variable).filter(|key| !key.is_empty());
    let key =
        key.with_context(|| format!("put an administrator's API key into the environment variable {variable}"))?;
    Ok(Secret::new(key))
}

fn chosen<'f>(folder: &'f Folder, wanted: Option<&str>) -> anyhow::Result<(&'f str, &'f Node)> {
    if let Some(mistake) = folder.mistakes.iter().find(|mistake| mistake.location.file.starts_with("systems/")) {
        bail!("{}", mistake_text(mistake, folder));
    }
    let odoos: Vec<(&str, &Node)> = folder
        .of_kind(Kind::System)
        .filter_map(|file| Some((file.name.as_str(), file.node.as_ref()?)))
        .filter(|(_, node)| node.get("connector").and_then(Node::text) == Some("odoo"))
        .collect();
    let names = || odoos.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match (wanted, odoos.as_slice()) {
        (_, []) => bail!("no system of this hub has `connector: odoo`"),
        (None, [one]) => Ok(*one),
        (None, _) => bail!("several systems are an Odoo: name one of {} with --system", names()),
        (Some(wanted), _) => match odoos.iter().find(|(name, _)| *name == wanted) {
            Some(found) => Ok(*found),
            None => bail!("no Odoo system is named {wanted}; there is {}", names()),
        },
    }
}

fn mistake_text(mistake: &Diagnostic, folder: &Folder) -> String {
    report::finding(mistake, folder, Screen::PLAIN).trim_end().to_owned()
}

fn told(items: &[SetupItem], args: &SetupArgs, screen: Screen) -> String {
    if args.json.json {
        let items: Vec<_> = items.iter().map(|item| json!({"what": item.what, "state": item.state.word()})).collect();
        return format!("{:#}\n", json!({"done": true, "dry_run": args.dry_run, "items": items}));
    }
    let rows: Vec<Row> = items
        .iter()
        .map(|item| {
            let tone = match item.state {
                SetupState::Present | SetupState::Absent => Tone::Faint,
                SetupState::Created | SetupState::Changed | SetupState::Removed => Tone::Good,
                SetupState::WouldCreate | SetupState::WouldChange | SetupState::WouldRemove => Tone::Warning,
            };
            vec![(item.state.word().to_owned(), tone), (item.what.clone(), Tone::Plain)]
        })
        .collect();
    screen.table(&["", "in Odoo"], &rows)
}
