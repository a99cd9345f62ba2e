//! `cargo xtask tidy`: the rules of the house that a compiler does not know. Every finding names a file and a line and
//! says what to do. A rule is a pure function of the files' text, so each is tested on text made for it.

mod deny;
mod docs;
mod floors;
mod hosts;
mod manifest;
mod sources;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::output;

/// A breach of a rule: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// A text file of the project: its path from the root with `/` between folders, and its content.
#[derive(Clone, Debug)]
pub struct Source {
    path: String,
    text: String,
}

impl Source {
    fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = Path::new(&self.path).extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    }

    /// Lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> + Clone {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Checks the whole project and prints what it found.
pub fn run(root: &Path) -> Result<()> {
    let sources = read_sources(root)?;
    let packages = floors::Packages::read(root)?;
    let mut findings = Vec::new();
    for source in &sources {
        findings.extend(sources::check(source));
        findings.extend(hosts::check(source));
        findings.extend(manifest::check(source));
        findings.extend(docs::check_links(source, |path| root.join(path).exists()));
    }
    findings.extend(docs::check_decisions(&sources));
    findings.extend(floors::check(&packages, &sources));
    match sources.iter().find(|source| source.path == "deny.toml") {
        Some(rules) => findings.extend(deny::check(rules, &packages)),
        None => findings.push(Finding::new("deny.toml", 1, "is missing; it lists the licences we may ship")),
    }
    findings.sort();
    findings.dedup();
    if findings.is_empty() {
        eprintln!("  {} files, {} packages: tidy", sources.len(), packages.len());
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    bail!("{} findings", findings.len())
}

/// All text files that are in git or would be with the next `git add`.
fn read_sources(root: &Path) -> Result<Vec<Source>> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let list = output(&mut list).context("listing the project's files; `tidy` needs a git checkout")?;
    let mut sources = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        let full: PathBuf = root.join(path);
        // Deleted but not yet committed, or not text.
        let Ok(text) = fs::read_to_string(&full) else { continue };
        sources.push(Source { path: path.to_owned(), text });
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    Ok(sources)
}

#[cfg(test)]
mod testing {
    use super::{Finding, Source};

    pub fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    /// Compares findings with `path:line` places, in order.
    #[track_caller]
    pub fn assert_places(findings: &[Finding], expect: &[&str]) {
        let places: Vec<String> = findings.iter().map(|f| format!("{}:{}", f.path, f.line)).collect();
        assert_eq!(places, expect, "{findings:#?}");
    }
}
