//! What a fresh Debian machine lacks: system packages, and the console's build. Each step looks first, so that a
//! second run takes a moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::apt::{self, Package};
use crate::command::{cache_folder, logged, step, with_retries};

/// What the machine is made ready for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Building the binary and running `crossdock demo`.
    Demo,
    /// All tests: the real Odoo and the browser journeys as well.
    Test,
}

impl Purpose {
    /// Reads the word after `--for`.
    pub fn parse(word: &str) -> Result<Self> {
        match word {
            "demo" => Ok(Self::Demo),
            "test" => Ok(Self::Test),
            _ => bail!("`--for {word}` is unknown; use --for demo or --for test"),
        }
    }
}

/// Installs and builds what is missing.
pub fn run(root: &Path, purpose: Purpose) -> Result<()> {
    let log = cache_folder()?.join("logs/setup.log");
    let console = root.join("console");
    let has_console = console.join("package.json").is_file();
    let mut packages: Vec<Package> = vec![apt::COMPILER, apt::CERTIFICATES];
    if has_console {
        packages.extend([apt::NODE, apt::NPM]);
    }
    if purpose == Purpose::Test {
        packages.extend([apt::POSTGRESQL, apt::PYTHON, apt::CHROMIUM]);
    }
    apt::ensure(&packages, &log)?;
    if has_console && !is_fresh(&console) {
        step("building the console", || build_console(&console, &log))?;
    }
    Ok(())
}

fn build_console(console: &Path, log: &Path) -> Result<()> {
    with_retries("fetching the console's packages", || {
        let mut fetch = Command::new("npm");
        logged(fetch.args(["ci", "--no-audit", "--no-fund"]).current_dir(console), log)
    })?;
    logged(Command::new("npm").args(["run", "build"]).current_dir(console), log)
}

/// Whether the built console is younger than all it is built from.
fn is_fresh(console: &Path) -> bool {
    let built = newest(&console.join("dist"), &[]);
    let source = newest(console, &["dist", "node_modules"]);
    matches!((built, source), (Ok(Some(built)), Ok(Some(source))) if built > source)
}

/// The time of the youngest file below a folder, without the named folders.
fn newest(folder: &Path, except: &[&str]) -> Result<Option<SystemTime>> {
    let mut youngest = None;
    let mut folders: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                if !except.iter().any(|name| entry.file_name() == *name) {
                    folders.push(entry.path());
                }
            } else {
                youngest = youngest.max(Some(entry.metadata()?.modified()?));
            }
        }
    }
    Ok(youngest)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::Duration;

    use super::*;

    /// Makes a console of files with their ages in seconds and asks whether its build is fresh.
    #[track_caller]
    fn check(name: &str, files: &[(&str, u64)], expect: bool) {
        let folder = std::env::temp_dir().join(format!("crossdock-xtask-{}-{name}", std::process::id()));
        let base = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (path, age_s) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let times = FileTimes::new().set_modified(base - Duration::from_secs(*age_s));
            File::create(&path).unwrap().set_times(times).unwrap();
        }
        let is_fresh = is_fresh(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(is_fresh, expect, "{files:?}");
    }

    #[test]
    fn the_console_is_built_again_when_a_source_is_younger() {
        check("fresh", &[("src/a.ts", 9), ("dist/a.js", 5), ("node_modules/x/y.js", 1)], true);
        check("stale", &[("src/deep/a.ts", 3), ("dist/a.js", 5)], false);
        check("unbuilt", &[("src/a.ts", 3)], false);
        check("settings", &[("package.json", 1), ("src/a.ts", 9), ("dist/a.js", 5)], false);
    }
}
