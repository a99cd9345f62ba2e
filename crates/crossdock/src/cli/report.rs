//! How findings in a hub folder are shown: as a compiler shows them, with the line and a mark below it.

use std::process::ExitCode;

use crossdock_core::source::{Diagnostic, Severity};
use serde_json::json;

use super::exit;
use super::screen::{self, Screen, Tone, clean};
use crate::config::Loaded;
use crate::config::folder::Folder;

/// Findings that are shown.
const FINDINGS_MAX: usize = 500;
/// Columns of a source line that are shown.
const LINE_COLUMNS_MAX: usize = 160;

/// One finding: place and message, the line, a mark, what to do.
pub fn finding(diagnostic: &Diagnostic, folder: &Folder, screen: Screen) -> String {
    let (word, tone) = match diagnostic.severity {
        Severity::Error => ("error", Tone::Bad),
        Severity::Warning => ("warning", Tone::Warning),
    };
    let place = screen.paint(&clean(&diagnostic.location.to_string()), Tone::Strong);
    let kind = diagnostic.kind.map(|kind| screen.paint(&format!(" [{kind}]"), Tone::Faint)).unwrap_or_default();
    let mut text = format!("{place}: {}: {}{kind}\n", screen.paint(word, tone), clean(&diagnostic.message));
    if let Some((line, column)) = excerpt(diagnostic, folder) {
        let number = diagnostic.location.line.to_string();
        let margin = " ".repeat(number.len());
        let bar = screen.paint("|", Tone::Faint);
        text += &format!("  {} {bar} {line}\n", screen.paint(&number, Tone::Faint));
        text += &format!("  {margin} {bar} {}{}\n", " ".repeat(column), screen.paint("^", tone));
    }
    if let Some(hint) = &diagnostic.hint {
        text += &format!("  {} {}\n", screen.paint("hint:", Tone::Faint), clean(hint));
    }
    text
}

/// The source line and the column of the mark in it. A finding about a whole file needs neither.
fn excerpt(diagnostic: &Diagnostic, folder: &Folder) -> Option<(String, usize)> {
    let at = &diagnostic.location;
    let whole_file = at.line == 1 && at.column == 1 && diagnostic.severity == Severity::Warning;
    let file = folder.files.iter().find(|file| *file.path == *at.file && !whole_file)?;
    let line = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text).lines().nth(at.line as usize - 1)?;
    let column = (at.column as usize - 1).min(line.chars().count());
    let start = column.saturating_sub(LINE_COLUMNS_MAX - 20);
    let shown: String = line.chars().skip(start).take(LINE_COLUMNS_MAX).collect();
    // Tabs and control characters would move the mark or the terminal.
    Some((clean(&shown), column - start))
}

/// All findings, at most so many that a person can take in.
pub fn findings(diagnostics: &[Diagnostic], folder: &Folder, screen: Screen) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(FINDINGS_MAX) {
        text += &finding(diagnostic, folder, screen);
    }
    if diagnostics.len() > FINDINGS_MAX {
        text += &format!("… and {} more; --json tells all\n", diagnostics.len() - FINDINGS_MAX);
    }
    text
}

/// The closing line.
pub fn summary(errors: usize, warnings: usize, files: usize, screen: Screen) -> String {
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let (files, warned) = (counted(files, "file"), counted(warnings, "warning"));
    match (errors, warnings) {
        (0, 0) => format!("{} ({files})\n", screen.paint("no mistakes", Tone::Good)),
        (0, _) => format!("{}, {warned} ({files})\n", screen.paint("no mistakes", Tone::Good)),
        _ => format!("{}, {warned} ({files})\n", screen.paint(&counted(errors, "error"), Tone::Bad)),
    }
}

/// Tells why a folder is no hub that could be worked with: its errors alone, since warnings can wait.
///
/// # Errors
/// When nothing can be printed.
pub fn unusable(loaded: &Loaded<'_>, folder: &Folder, is_json: bool, screen: Screen) -> anyhow::Result<ExitCode> {
    let (errors, files) = (loaded.errors(), folder.files.len());
    let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
    let found: Vec<_> = loaded.diagnostics.iter().filter(is_error).cloned().collect();
    screen::print(&match is_json {
        true => as_json(&loaded.settings.hub, &found, errors, files, None),
        false => findings(&found, folder, screen) + &summary(errors, 0, files, screen),
    })?;
    Ok(exit::found_wrong())
}

/// The findings for a machine.
pub fn as_json(
    hub: &str,
    diagnostics: &[Diagnostic],
    errors: usize,
    files: usize,
    systems: Option<serde_json::Value>,
) -> String {
    let findings: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            json!({
                "severity": diagnostic.severity,
                "file": &*diagnostic.location.file,
                "line": diagnostic.location.line,
                "column": diagnostic.location.column,
                "message": diagnostic.message,
                "hint": diagnostic.hint,
                "kind": diagnostic.kind,
            })
        })
        .collect();
    let mut report = json!({
        "hub": hub,
        "errors": errors,
        "warnings": diagnostics.len() - errors,
        "files": files,
        "findings": findings,
    });
    if let Some(systems) = systems {
        report["systems"] = systems;
    }
    format!("{report:#}\n")
}
