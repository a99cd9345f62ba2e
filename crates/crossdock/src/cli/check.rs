//! `crossdock check`

use std::process::ExitCode;

use clap::Args;

use super::screen::{self, Screen};
use super::{FolderArg, JsonArg, exit, report};
use crate::config::{self, env, folder::Folder};

/// Tell all mistakes in a hub folder at once, each with its file, line and column
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  crossdock check my-hub
  crossdock check --json my-hub | jq '.findings[].message'
  crossdock check --without-secrets my-hub        on a build server that has no credentials
  crossdock check --strict my-hub                 tell also what nothing proves about the mappings

Exit codes: 0 no mistakes (warnings may be there), 1 mistakes, 2 the folder cannot be read")]
pub struct CheckArgs {
    #[command(flatten)]
    folder: FolderArg,
    /// Environment variables and secret files that are not there are no mistakes
    #[arg(long)]
    without_secrets: bool,
    /// Tell also, as warnings, what mappings write that is checked only when it comes: nothing proves that it fits
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    json: JsonArg,
}

pub fn run(args: &CheckArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let folder = Folder::read(&args.folder.folder, true)?;
    let env = env::Environment::new(&folder.root, &env::process_variable, args.without_secrets);
    let mut loaded = config::compile(&folder, &env);
    if args.strict {
        loaded.diagnostics.append(&mut loaded.unproved);
        loaded.diagnostics.sort_by(|a, b| a.location.cmp(&b.location));
    }
    let (errors, warnings) = (loaded.errors(), loaded.warnings());
    if args.json.json {
        let hub = &loaded.settings.hub;
        screen::print(&report::as_json(hub, &loaded.diagnostics, errors, folder.files.len()))?;
    } else {
        let mut text = report::findings(&loaded.diagnostics, &folder, screen);
        text += &report::summary(errors, warnings, folder.files.len(), screen);
        screen::print(&text)?;
    }
    Ok(if errors == 0 { exit::FINE } else { exit::found_wrong() })
}
