//! `crossdock test`: the tests beside the configuration.

pub(super) mod differ;
pub mod runner;
mod update;

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use serde_json::json;

use super::screen::{self, Screen, Tone};
use super::{FolderArg, JsonArg, exit, report};
use crate::config::suite::{Case, Subject};
use crate::config::{self, env, folder::Folder};
use differ::Verdict;
use runner::Runner;

/// Run the tests of a hub folder: what its mappings and flows make of given inputs
#[derive(Debug, Args)]
#[command(after_help = "\
Tests are the files below tests/; docs/guides/hub-folder.md says how they are written. Nothing is sent and no secret \
is needed.

Examples:
  crossdock test my-hub
  crossdock test my-hub --filter shipment
  crossdock test my-hub --update          write what is made now as what is expected; then look at the difference in git

Exit codes: 0 all passed, 1 a test failed or the folder has mistakes, 2 the folder cannot be read")]
pub struct TestArgs {
    #[command(flatten)]
    folder: FolderArg,
    /// Only tests whose file, name, mapping, flow or system contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write what is made into `expect` and `expect_events` of the tests that fail
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    json: JsonArg,
}

/// Tests that a core takes at once.
const AT_ONCE: usize = 16;

/// One test and what came of it.
struct Ran<'f> {
    case: &'f Case<'f>,
    verdict: Verdict,
}

pub fn run(args: &TestArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let folder = Folder::read(&args.folder.folder, true)?;
    let env = env::Environment::new(&folder.root, &env::process_variable, true);
    let loaded = config::compile(&folder, &env);
    let Some(plan) = &loaded.plan else {
        return report::unusable(&loaded, &folder, args.json.json, screen);
    };
    let wanted = |case: &&Case<'_>| args.filter.as_ref().is_none_or(|filter| matches(case, filter));
    let cases: Vec<&Case<'_>> = loaded.cases.iter().filter(wanted).collect();
    let runner = Runner::new(&folder, &loaded, plan, cases.iter().copied());
    let ran = run_all(&runner, &cases);
    let failed = ran.iter().filter(|ran| !ran.verdict.passed()).count();
    if args.update && failed > 0 {
        return update(&folder, &ran, screen);
    }
    let text = match args.json.json {
        true => as_json(&ran, failed),
        false => as_text(&ran, failed, screen),
    };
    screen::print(&text)?;
    Ok(if failed == 0 { exit::FINE } else { exit::found_wrong() })
}

/// Runs tests on all cores; what came of them is in their order.
fn run_all<'c>(runner: &Runner<'_>, cases: &[&'c Case<'c>]) -> Vec<Ran<'c>> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let work = || {
        let mut ran = Vec::new();
        loop {
            let first = next.fetch_add(AT_ONCE, Ordering::Relaxed);
            let Some(some) = cases.get(first..cases.len().min(first + AT_ONCE)).filter(|some| !some.is_empty()) else {
                return ran;
            };
            ran.extend(some.iter().enumerate().map(|(n, case)| {
                let verdict = differ::judge(case, runner.run(case));
                (first + n, Ran { case, verdict })
            }));
        }
    };
    let mut ran: Vec<(usize, Ran<'_>)> = std::thread::scope(|scope| {
        let threads = cores.min(cases.len().div_ceil(AT_ONCE)).max(1);
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut ran = work();
        for other in others {
            ran.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        ran
    });
    ran.sort_by_key(|(n, _)| *n);
    ran.into_iter().map(|(_, ran)| ran).collect()
}

fn matches(case: &Case<'_>, filter: &str) -> bool {
    let (Subject::Mapping(subject) | Subject::Flow(subject) | Subject::System(subject)) = case.subject;
    [case.name.as_str(), case.file.path.as_str(), subject].iter().any(|text| text.contains(filter))
}

fn as_text(ran: &[Ran<'_>], failed: usize, screen: Screen) -> String {
    let mut text = String::new();
    for ran in ran.iter().filter(|ran| !ran.verdict.passed()) {
        let place = format!("{}:{}", ran.case.file.path, ran.case.location.line);
        text += &format!(
            "{} {}  {}\n",
            screen.paint("failed", Tone::Bad),
            screen.paint(&place, Tone::Strong),
            ran.case.name
        );
        for difference in &ran.verdict.differences {
            text += &format!("  {}\n", differ::shown(difference, screen));
        }
    }
    let passed = ran.len() - failed;
    text += &match (ran.len(), failed) {
        (0, _) => "no tests\n".to_owned(),
        (_, 0) => format!("{}\n", screen.paint(&format!("{passed} passed"), Tone::Good)),
        _ => format!("{}, {passed} passed\n", screen.paint(&format!("{failed} failed"), Tone::Bad)),
    };
    text
}

fn as_json(ran: &[Ran<'_>], failed: usize) -> String {
    let tests: Vec<_> = ran
        .iter()
        .map(|ran| {
            let differences: Vec<_> = ran.verdict.differences.iter().map(differ::as_json).collect();
            json!({
                "file": ran.case.file.path,
                "line": ran.case.location.line,
                "name": ran.case.name,
                "passed": ran.verdict.passed(),
                "differences": differences,
            })
        })
        .collect();
    format!("{:#}\n", json!({"passed": ran.len() - failed, "failed": failed, "tests": tests}))
}

fn update(folder: &Folder, ran: &[Ran<'_>], screen: Screen) -> anyhow::Result<ExitCode> {
    let failed: Vec<&Ran<'_>> = ran.iter().filter(|ran| !ran.verdict.passed()).collect();
    let mut text = String::new();
    let mut left = 0;
    for (path, outcome) in update::write(folder, &failed)? {
        match outcome {
            Ok(count) => text += &format!("{} {path} ({count})\n", screen.paint("updated", Tone::Good)),
            Err(why) => {
                left += 1;
                text += &format!("{} {path}: {why}\n", screen.paint("left as it is", Tone::Warning));
            }
        }
    }
    screen::print(&text)?;
    Ok(if left == 0 { exit::FINE } else { exit::found_wrong() })
}
