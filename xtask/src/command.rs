//! Running other programs: output into a log, retries for the network, and steps that say how long they took.
//! Everything that waits goes through [`wait_until`], so that nothing here sleeps for a fixed time and hopes.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Lines of a log that are shown when its program failed.
const TAIL_LINES_MAX: usize = 15;

/// Runs one step and prints its name and seconds on stderr; standard output stays free for a command's result.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    eprintln!("  …    {name}");
    let result = work();
    let mark = if result.is_ok() { "ok  " } else { "FAIL" };
    eprintln!("  {mark} {name}  {:.1} s", start.elapsed().as_secs_f64());
    result
}

/// Runs a program to its end with all output appended to `log`; a failure shows the log's last lines and its path.
pub fn logged(command: &mut Command, log: &Path) -> Result<()> {
    logged_with_input(command, Stdio::null(), log)
}

/// Like [`logged`], for a program that reads its standard input.
pub fn logged_with_input(command: &mut Command, input: impl Into<Stdio>, log: &Path) -> Result<()> {
    let mut file = open_log(log)?;
    let begin = file.metadata().map(|m| m.len()).unwrap_or(0);
    writeln!(file, "\n$ {}", shown(command)).context("writing to the log")?;
    let status = command
        .stdin(input)
        .stdout(file.try_clone().context("sharing the log")?)
        .stderr(file)
        .status()
        .with_context(|| format!("starting `{}`", program(command)))?;
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}\n{}\nwhole output: {}", program(command), tail(log, begin), log.display())
}

/// Runs a program to its end and returns its standard output without the last line break.
pub fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().with_context(|| format!("starting `{}`", program(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}\n{}", shown(command), String::from_utf8_lossy(&stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&stdout).trim_end_matches('\n').to_owned())
}

/// Runs a program to its end on the caller's own terminal.
pub fn shown_live(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting `{}`", program(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Whether a program runs and ends well; it prints nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Tries work that needs the network up to four times, with 2, 5 and 15 seconds in between.
pub fn with_retries<T>(what: &str, mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for pause_s in [2, 5, 15] {
        match work() {
            Ok(value) => return Ok(value),
            Err(error) => eprintln!("       {what} failed, next try in {pause_s} s: {}", first_line(&error)),
        }
        pause(Duration::from_secs(pause_s));
    }
    work().with_context(|| format!("{what} failed four times; is the network up?"))
}

/// Waits until `done` says yes; false when the time is over.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        pause(Duration::from_millis(50));
    }
    true
}

/// The last lines that were written to a log from the given byte on.
pub fn tail(log: &Path, from: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let start = usize::try_from(from).unwrap_or(0).min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[start..]).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(TAIL_LINES_MAX)..];
    shown.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// Opens a log for appending and makes its folder.
pub fn open_log(log: &Path) -> Result<fs::File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    OpenOptions::new().create(true).append(true).open(log).with_context(|| format!("opening {}", log.display()))
}

/// The folder for what is worth keeping between clones of the project: `$XDG_CACHE_HOME/crossdock`.
pub fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder).join("crossdock"));
    }
    let home = env::var_os("HOME").context("neither HOME nor XDG_CACHE_HOME is set; set one, to say where to cache")?;
    Ok(PathBuf::from(home).join(".cache/crossdock"))
}

/// Whether this process is root: only root can install packages, and PostgreSQL refuses to run as root.
pub fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

/// Whether a program of this name is on the PATH.
pub fn on_path(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn first_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
