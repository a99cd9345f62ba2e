//! `crossdock check`

use std::process::ExitCode;

use clap::Args;

use super::screen::{self, Screen};
use super::{FolderArg, JsonArg, exit, live, report};
use crate::config::{self, env, folder::Folder};

/// Tell all mistakes in a hub folder at once, each with its file, line and column
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  crossdock check my-hub
  crossdock check --json my-hub | jq '.findings[].message'
  crossdock check --without-secrets my-hub        on a build server that has no credentials
  crossdock check --strict my-hub                 tell also what nothing proves about the mappings
  crossdock check --live my-hub                   look at the systems themselves too; changes nothing there

Exit codes: 0 no mistakes (warnings may be there), 1 mistakes, or a system is not as it should be, 2 the folder cannot \
be read")]
pub struct CheckArgs {
    #[command(flatten)]
    folder: FolderArg,
    /// Environment variables and secret files that are not there are no mistakes
    #[arg(long)]
    without_secrets: bool,
    /// Tell also, as warnings, what mappings write that is checked only when it comes: nothing proves that it fits
    #[arg(long)]
    strict: bool,
    /// Look at the systems themselves: whether each can be reached, accepts the hub's credentials and has what the hub
    /// needs. Nothing in them is changed. Only when the folder has no mistakes
    #[arg(long, conflicts_with = "without_secrets")]
    live: bool,
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
    let seen = match &loaded.plan {
        Some(plan) if args.live && errors == 0 => Some(live::look(plan)?),
        _ => None,
    };
    if args.json.json {
        let (hub, systems) = (&loaded.settings.hub, seen.as_deref().map(live::as_json));
        screen::print(&report::as_json(hub, &loaded.diagnostics, errors, folder.files.len(), systems))?;
    } else {
        let mut text = report::findings(&loaded.diagnostics, &folder, screen);
        text += &report::summary(errors, warnings, folder.files.len(), screen);
        match &seen {
            Some(seen) => text += &live::told(seen, screen),
            None if args.live => text += "the systems were not looked at: mend the folder first\n",
            None => {}
        }
        screen::print(&text)?;
    }
    let is_good = seen.iter().flatten().all(live::Seen::is_good);
    Ok(if errors == 0 && is_good { exit::FINE } else { exit::found_wrong() })
}
