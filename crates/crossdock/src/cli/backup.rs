//! `crossdock backup` and `crossdock restore`

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use crossdock_runtime::clock::{Clock as _, SystemClock};
use crossdock_store::sqlite::backup::{self, Absent, BackedUp, Contents, Progress, Restored};

use super::screen::{self, Screen, Tone};
use super::{FolderArg, HubArg, JsonArg, api, exit};

/// Copy the data of a hub into one file, while the hub runs or not
#[derive(Debug, Args)]
#[command(after_help = "\
The copy is of one moment. The hub goes on meanwhile. The file gets its name only when it is whole, checked and on the \
disk; nothing is overwritten. It holds customers' data: keep it where only you can read it. The hub folder itself \
(configuration, secrets) is not in it.

Examples:
  crossdock backup my-hub --to /backup/
  crossdock backup my-hub --to /backup/before-upgrade.db

Exit codes: 0 copied and checked, 2 not copied; nothing was left behind")]
pub struct BackupArgs {
    #[command(flatten)]
    folder: FolderArg,
    /// The file to write, or a folder in which it gets the time for a name
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    #[command(flatten)]
    json: JsonArg,
}

/// Put a backup in the place of a hub's data
#[derive(Debug, Args)]
#[command(after_help = "\
The backup is checked first. Data that are there are kept aside in the data folder, never overwritten. The hub then \
knows nothing newer than the backup: what was accepted after it is absent, and senders have to send it again. What was \
owed when the backup was made goes out again under its old keys, so a system that honours them takes it once; what \
cannot be repeated safely is paused for a person.

Examples:
  crossdock restore my-hub --from /backup/2026-03-01T02-00-00Z.db
  crossdock restore my-hub --from /backup/2026-03-01T02-00-00Z.db --replace

Exit codes: 0 restored, 2 not restored: the hub runs, there are data, or the backup is damaged")]
pub struct RestoreArgs {
    #[command(flatten)]
    folder: FolderArg,
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Put it in the place of data that are there; these are kept aside
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    json: JsonArg,
}

pub fn back_up(args: &BackupArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let data = data_of(&args.folder.folder)?;
    let to = match args.to.is_dir() || args.to.to_string_lossy().ends_with('/') {
        false => args.to.clone(),
        true => {
            std::fs::create_dir_all(&args.to)?;
            args.to.join(format!("{}.db", backup::in_name(SystemClock.now())))
        }
    };
    let mut meter = Meter { is_shown: std::io::stderr().is_terminal() };
    let done = backup::back_up(&data, &to, &mut |progress| meter.show(progress));
    meter.clear();
    let done = done?;
    screen::print(&match args.json.json {
        true => format!("{}\n", serde_json::to_string_pretty(&done)?),
        false => backed_up_text(&done, screen),
    })?;
    Ok(exit::FINE)
}

pub fn restore(args: &RestoreArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let data = data_of(&args.folder.folder)?;
    let done = backup::restore(&data, &args.from, args.replace, SystemClock.now())?;
    screen::print(&match args.json.json {
        true => format!("{}\n", serde_json::to_string_pretty(&done)?),
        false => restored_text(&done, screen),
    })?;
    Ok(exit::FINE)
}

/// The data folder of a hub folder.
fn data_of(folder: &Path) -> anyhow::Result<PathBuf> {
    match api::hub(&HubArg { hub: folder.to_owned(), api: None })?.data {
        Some(data) => Ok(data),
        None => bail!("{} does not say where the data are", folder.display()),
    }
}

fn backed_up_text(done: &BackedUp, screen: Screen) -> String {
    let file = done.file.display();
    let mut text = format!("{} {file}: {}, checked\n", screen.paint("backed up", Tone::Good), size(done.bytes));
    text += &contents_text(&done.contents);
    text
}

fn contents_text(contents: &Contents) -> String {
    let Contents { messages, events, transmissions_waiting, .. } = contents;
    let last = contents.last_message_at.as_deref().map(|at| format!(", the last of {}", short(at))).unwrap_or_default();
    format!("  it holds {messages} messages{last}; {events} events; {transmissions_waiting} transmissions that wait\n")
}

fn restored_text(done: &Restored, screen: Screen) -> String {
    let mut text = format!("{}\n{}", screen.paint("restored", Tone::Good), contents_text(&done.contents));
    if let Some(aside) = &done.kept_aside {
        text += &format!("  what was there is kept in {}\n", aside.display());
    }
    text += &match (&done.absent, &done.kept_aside) {
        (Some(absent), _) => absent_text(absent),
        (None, Some(_)) => "  what was accepted after the backup cannot be told: the data that were there cannot be \
                            read, or are not of this hub\n"
            .to_owned(),
        (None, None) => {
            "  what was accepted after the backup is absent: there were no data to compare with\n".to_owned()
        }
    };
    text += "  what was owed goes out under its old keys; what cannot be repeated safely is paused when the hub runs: \
             see `crossdock paused list`\n";
    text
}

fn absent_text(absent: &Absent) -> String {
    if absent.messages == 0 {
        return format!("  no message is absent; {} transmissions were done since\n", absent.transmissions_done);
    }
    let between = match (&absent.first_at, &absent.last_at) {
        (Some(first), Some(last)) => format!(", from {} to {}", short(first), short(last)),
        _ => String::new(),
    };
    let mut text = format!(
        "  absent: {} messages accepted after the backup{between}. Ask their senders to send them again:\n",
        absent.messages
    );
    for (system, count) in &absent.by_system {
        text += &format!("    {}\t{count}\n", screen::clean(system));
    }
    text + &format!("  {} transmissions were done since\n", absent.transmissions_done)
}

/// An instant without its fractions of a second.
fn short(at: &str) -> String {
    at.split_once('.').map_or_else(|| at.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// How far it is, on one line of a terminal.
struct Meter {
    is_shown: bool,
}

impl Meter {
    fn show(&mut self, progress: Progress) {
        if !self.is_shown {
            return;
        }
        let told = match progress {
            Progress::Copied { bytes, of } => format!("{} of {} copied", size(bytes), size(of)),
            Progress::Checking => "checking".to_owned(),
        };
        eprint!("\r\u{1b}[K  {told}");
        drop(std::io::stderr().flush());
    }

    fn clear(&self) {
        if self.is_shown {
            eprint!("\r\u{1b}[K");
        }
    }
}
