//! `cargo xtask ci`: everything a change must pass, in one command that installs and starts what it needs. The README
//! names it and `.ci/run` calls it, so a person and the machine run the same thing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::{cache_folder, shown_live, succeeds};
use crate::setup::{self, Purpose};
use crate::{odoo, seeds, tidy};

/// Runs all steps up to the first that fails, stops what it started, and sums up.
pub fn run(root: &Path) -> Result<()> {
    // Asked first: a rebuild below replaces this very program.
    let program = env::current_exe().context("finding this program")?;
    let mut report = Report { steps: Vec::new(), begin: Instant::now() };
    let result = check(root, &mut report)
        .and_then(|()| test(root, &program, &mut report))
        .and_then(|()| report.step("seeds", || seeds::run(root, 1, seeds::CI_COUNT)));
    report.print();
    result
}

/// What needs nothing but the compiler.
fn check(root: &Path, report: &mut Report) -> Result<()> {
    report.step("format", || shown_live(cargo(root)?.args(["fmt", "--all", "--", "--check"])))?;
    report.step("tidy", || tidy::run(root))?;
    report.step("setup", || setup::run(root, Purpose::Test).and_then(|()| forget_other_clone(root)))?;
    report.step("clippy", || {
        let mut clippy = cargo(root)?;
        shown_live(clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]))
    })
}

/// All tests, beside a real Odoo that is stopped afterwards whatever happened.
fn test(root: &Path, program: &Path, report: &mut Report) -> Result<()> {
    let result = report.step("odoo up", odoo::up).and_then(|()| run_tests(root, program, report));
    let stopped = report.step("odoo down", odoo::clear_and_down);
    result.and(stopped)
}

fn run_tests(root: &Path, program: &Path, report: &mut Report) -> Result<()> {
    let has_nextest = succeeds(cargo(root)?.args(["nextest", "--version"]));
    if !has_nextest {
        return report.step("tests", || {
            shown_live(with_odoo(&mut cargo(root)?, program)?.args(["test", "--workspace", "--locked"]))
        });
    }
    // Nextest does not run the examples in the documentation; its own summary shall be the last one printed.
    report.step("documentation tests", || {
        shown_live(cargo(root)?.args(["test", "--doc", "--workspace", "--locked", "--quiet"]))
    })?;
    report.step("tests", || {
        let mut tests = cargo(root)?;
        shown_live(with_odoo(&mut tests, program)?.args([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ]))
    })
}

/// Tells the end-to-end tests where Odoo is, that they must not do without, and which program makes databases and
/// stops and starts the server.
fn with_odoo<'a>(command: &'a mut Command, program: &Path) -> Result<&'a mut Command> {
    command.env("CROSSDOCK_TEST_ODOO", "required").env("CROSSDOCK_XTASK", program);
    Ok(command.envs(odoo::test_environment()?))
}

/// Cargo for the whole project. What the outer cargo told this program about its own package is kept from the inner
/// one, where it would make build scripts run again.
pub fn cargo(root: &Path) -> Result<Command> {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    if let Some(folder) = target_folder()? {
        command.env("CARGO_TARGET_DIR", folder);
    }
    Ok(command)
}

/// The build folder outside of the clone, if there is one. Continuous integration checks out anew each time; what it
/// built should outlive that.
fn target_folder() -> Result<Option<PathBuf>> {
    if let Some(folder) = env::var_os("CARGO_TARGET_DIR") {
        return Ok(Some(PathBuf::from(folder)));
    }
    if env::var_os("CI").is_some() {
        return Ok(Some(cache_folder()?.join("target")));
    }
    Ok(None)
}

/// Removes what another clone built of our own crates: cargo goes by file times and would take it for ours, and tests
/// that know their own path would look into that other clone. What was built of third-party crates stays.
fn forget_other_clone(root: &Path) -> Result<()> {
    let Some(folder) = target_folder()? else { return Ok(()) };
    let note = root.join(folder).join("crossdock-clone");
    let this = root.to_string_lossy();
    if fs::read_to_string(&note).is_ok_and(|last| last == this) {
        return Ok(());
    }
    shown_live(cargo(root)?.args(["clean", "--workspace", "--locked"]))?;
    // The tests call this very program by its path, which is gone now; nothing else builds it again.
    shown_live(cargo(root)?.args(["build", "--package", "xtask", "--locked"]))?;
    fs::write(&note, this.as_bytes()).with_context(|| format!("writing {}", note.display()))
}

struct Report {
    steps: Vec<(&'static str, f64, bool)>,
    begin: Instant,
}

impl Report {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        eprintln!("== {name}");
        let begin = Instant::now();
        let result = work();
        let seconds = begin.elapsed().as_secs_f64();
        self.steps.push((name, seconds, result.is_ok()));
        eprintln!("== {name}: {} in {seconds:.1} s", if result.is_ok() { "ok" } else { "FAILED" });
        let Err(error) = result else { return Ok(()) };
        eprintln!("{error:#}");
        bail!("step `{name}` failed")
    }

    fn print(&self) {
        eprintln!("\n== summary");
        for (name, seconds, is_ok) in &self.steps {
            eprintln!("  {} {seconds:>7.1} s  {name}", if *is_ok { "ok  " } else { "FAIL" });
        }
        eprintln!("       {:>7.1} s  in all", self.begin.elapsed().as_secs_f64());
    }
}
