//! The project's own commands, as `cargo xtask …`. Nothing here is part of the product, and it depends on nothing but
//! the standard library, an error type and JSON.

#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own: it reads its arguments and the environment, and waits for other programs"
)]

mod apt;
mod ci;
mod command;
mod odoo;
mod seeds;
mod setup;
mod tidy;

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use command::shown_live;
use setup::Purpose;

const USAGE: &str = "\
cargo xtask COMMAND
  setup [--for demo|test] install what this machine lacks and build the console (default: test)
  demo [ARGS…]            build Crossdock and run `crossdock demo ARGS…`
  kills [--count N] [ARGS…] rehearse order-to-cash with N kills of the real program (default: 200, some six minutes)
  kills --odoo [--count N] [ARGS…]  the demo with N kills (default: 50) and a real Odoo, in a database of its own
  ci                      everything a change must pass: format, tidy, clippy, all tests with a real Odoo
  codegen                 write docs/reference: the model's pages and schemas, AsyncAPI, OpenAPI
  tidy                    only the rules of the house that a compiler does not know
  seeds [--from N] [--count N]  simulated worlds with faults by lot, on all cores (default: 10000); one seed tells its story
  bench [--part NAMES]    measure and write docs/benchmarks.md: all but what takes minutes, or only these sections
                          (intake, intake-in-memory, grouping, mapping, checking, end-to-end, backlog, odoo, flatness,
                          waiting); the others stay as they are. --quick shows that it works and writes nothing
  odoo …                  a real Odoo 19 for tests: up, down, status, db, drop, stop, start, restart, remove";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["odoo"] | ["odoo", "help" | "--help" | "-h"] => {
            println!("{}", odoo::USAGE);
            Ok(())
        }
        ["odoo", rest @ ..] => odoo::run(rest),
        ["setup"] => setup::run(&root()?, Purpose::Test),
        ["setup", "--for", purpose] => setup::run(&root()?, Purpose::parse(purpose)?),
        ["demo", rest @ ..] => demo(rest),
        ["kills", "--odoo", "--count", count, rest @ ..] => kills_beside_odoo(count, rest),
        ["kills", "--odoo", rest @ ..] => kills_beside_odoo("50", rest),
        ["kills"] => kills("200", &[]),
        ["kills", "--count", count, "--odoo", rest @ ..] => kills_beside_odoo(count, rest),
        ["kills", "--count", count, rest @ ..] => kills(count, rest),
        ["kills", rest @ ..] => kills("200", rest),
        ["ci"] => ci::run(&root()?),
        ["seeds", rest @ ..] => seeds::from_arguments(&root()?, rest),
        ["tidy"] => tidy::run(&root()?),
        ["codegen"] => codegen(),
        ["bench", rest @ ..] => bench(rest),
        _ => bail!("unknown command\n\n{USAGE}"),
    }
}

fn demo(args: &[&str]) -> Result<()> {
    let root = root()?;
    setup::run(&root, Purpose::Demo)?;
    let mut build = ci::cargo(&root)?;
    build.args(["run", "--package", "crossdock", "--locked", "--", "demo"]).args(without_dashes(args));
    // Take the program's place, so that signals and the exit code are the demo's own.
    Err(build.current_dir(env::current_dir()?).exec()).context("starting cargo")
}

/// Kills the real program under load this often, and looks whether the simulated partners hold what they should.
fn kills(count: &str, args: &[&str]) -> Result<()> {
    let number: u32 = count.parse().with_context(|| format!("--count {count} is not a number"))?;
    // A kill takes about 1.2 s, the start included; four messages for each keep the hub at work.
    let (minutes, messages) = ((number / 45 + 1).to_string(), number.saturating_mul(4).max(60).to_string());
    let root = root()?;
    let mut build = ci::cargo(&root)?;
    build.args(["run", "--package", "crossdock", "--locked", "--", "rehearse", "examples/order-to-cash"]);
    build.args(["--kills", count, "--messages", &messages, "--minutes", &minutes]).args(without_dashes(args));
    // Take the program's place, so that signals and the exit code are the rehearsal's own.
    Err(build.current_dir(&root).exec()).context("starting cargo")
}

/// The database of kills beside a real Odoo.
const KILLS_DATABASE: &str = "t_kills";

/// Carries orders through a real Odoo while the program is killed this often; the demo asks Odoo and the partners at the
/// end whether each had its effects once. Odoo is brought up when it does not run, and stopped again then.
fn kills_beside_odoo(count: &str, args: &[&str]) -> Result<()> {
    let number: u8 = count.parse().with_context(|| format!("--count {count} is not a number up to 255"))?;
    // Kills come as work is done: some orders for each.
    let orders = (u32::from(number) * 3).clamp(10, 2_000).to_string();
    let root = root()?;
    let was_up = odoo::is_up()?;
    odoo::up()?;
    let made = Command::new(env::current_exe()?).args(["odoo", "db", KILLS_DATABASE, "--replace"]).output()?;
    if !made.status.success() {
        bail!("no database could be made in Odoo: {}", String::from_utf8_lossy(&made.stderr).trim());
    }
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).context("`odoo db` told no JSON")?;
    let field =
        |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("`odoo db` told no {name}"));
    let mut demo = ci::cargo(&root)?;
    demo.args(["run", "--package", "crossdock", "--locked", "--", "demo", "--kills", count, "--orders", &orders]);
    demo.args(["--odoo", &field("url")?, "--odoo-database", KILLS_DATABASE, "--limit", "3600"]);
    demo.args(without_dashes(args)).env("ODOO_KEY", field("key")?).current_dir(&root);
    let result = shown_live(&mut demo);
    // What went wrong can be looked at in the database.
    let dropped = if result.is_ok() { odoo::run(&["drop", KILLS_DATABASE]) } else { Ok(()) };
    let stopped = if was_up || result.is_err() { Ok(()) } else { odoo::down() };
    result.and(dropped).and(stopped)
}

/// Writes what is generated. The program itself writes its reference, so that users can do the same.
fn codegen() -> Result<()> {
    let root = root()?;
    for folder in ["docs/reference/model", "docs/reference/schemas"] {
        // What no entity or event makes any more goes.
        match std::fs::remove_dir_all(root.join(folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context(folder),
            _ => {}
        }
    }
    let mut model = ci::cargo(&root)?;
    model.args(["run", "--quiet", "--package", "crossdock", "--locked", "--", "model", "--out", "docs/reference"]);
    shown_live(&mut model)?;
    let mut api = ci::cargo(&root)?;
    api.args(["run", "--quiet", "--package", "crossdock-gateway", "--locked", "--example", "openapi"]);
    let document = api.stderr(std::process::Stdio::inherit()).output().context("starting cargo")?;
    if !document.status.success() {
        bail!("the OpenAPI document could not be made");
    }
    std::fs::write(root.join("docs/reference/openapi.json"), document.stdout).context("docs/reference/openapi.json")
}

/// Measures; beside a real Odoo where a section needs one, which is brought up when it does not run, and stopped again then.
fn bench(args: &[&str]) -> Result<()> {
    let root = root()?;
    let program = env::current_exe().context("finding this program")?;
    setup::run(&root, Purpose::Demo)?;
    let was_up = odoo::is_up()?;
    let part = args.iter().position(|arg| *arg == "--part").and_then(|at| args.get(at + 1));
    let needs_odoo = part.is_none_or(|parts| parts.split(',').any(|part| part == "odoo"));
    if needs_odoo && let Err(error) = odoo::up() {
        eprintln!("no real Odoo, so its section will not be measured: {error:#}");
    }
    let mut bench = ci::cargo(&root)?;
    bench.args(["bench", "--package", "crossdock", "--bench", "crossdock", "--locked", "--"]);
    bench.args(["--write", "docs/benchmarks.md"]).args(without_dashes(args)).env("CROSSDOCK_XTASK", program);
    let result = shown_live(&mut bench);
    let stopped = if was_up || !needs_odoo { Ok(()) } else { odoo::down() };
    result.and(stopped)
}

/// A leading `--` separates our arguments from the program's; both ways to write it are common.
fn without_dashes<'a, 'b>(args: &'a [&'b str]) -> &'a [&'b str] {
    args.strip_prefix(&["--"]).unwrap_or(args)
}

/// The project's folder, found from the current one upwards: a build folder shared by several clones may hold this
/// program as another clone built it, so a path from its build would be wrong.
fn root() -> Result<PathBuf> {
    let here = env::current_dir().context("reading the current folder")?;
    let root = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file());
    root.map(Path::to_path_buf).context("run this inside the project's folder")
}
