//! Rules about dependencies as they are written down: each third-party one is stated once, in the root manifest, with
//! its reason on its line, and there are not too many of them.

use super::{Finding, Source};

/// Every locked package is code that we ship or run and somebody else changes.
const LOCKED_MAX: usize = 350;

/// Checks one file: the root manifest, a crate's manifest or the lock file.
pub fn check(source: &Source) -> Vec<Finding> {
    match source.path.as_str() {
        "Cargo.toml" => check_reasons(source),
        "Cargo.lock" => check_count(source),
        path if path.ends_with("/Cargo.toml") => check_inherited(source),
        _ => Vec::new(),
    }
}

fn check_reasons(source: &Source) -> Vec<Finding> {
    let is_ours = |line: &str| line.contains("path =");
    let lines = section_lines(source, |section| section == "workspace.dependencies");
    let bare = lines.into_iter().filter(|(_, line)| !is_ours(line) && reason(line).is_none());
    bare.map(|(number, line)| {
        let message = format!("`{}` has no reason: end its line with `# what we need it for`", name(line));
        Finding::new(&source.path, number, message)
    })
    .collect()
}

fn check_inherited(source: &Source) -> Vec<Finding> {
    // A workspace of its own, such as a measurement kept out of the product's builds, has nothing to inherit.
    if source.lines().any(|(_, line)| line == "[workspace]") {
        return Vec::new();
    }
    let lines = section_lines(source, |section| section.ends_with("dependencies"));
    let own = lines.into_iter().filter(|(_, line)| {
        let setting = line.split('#').next().unwrap_or_default().replace(' ', "");
        !setting.contains("workspace=true")
    });
    own.map(|(number, line)| {
        let message = format!(
            "`{}` is not inherited: move it to [workspace.dependencies] in the root Cargo.toml, with its reason, and write `{}.workspace = true` here",
            name(line),
            name(line)
        );
        Finding::new(&source.path, number, message)
    })
    .collect()
}

fn check_count(source: &Source) -> Vec<Finding> {
    let packages = source.lines().filter(|(_, line)| *line == "[[package]]");
    let Some((number, _)) = packages.clone().nth(LOCKED_MAX) else {
        return Vec::new();
    };
    let message = format!(
        "{} locked packages, {LOCKED_MAX} allowed: drop a dependency or its default features (`cargo tree` shows who brings what)",
        packages.count()
    );
    vec![Finding::new(&source.path, number, message)]
}

/// The setting lines of the sections whose name is wanted. Values are written on one line in this project.
fn section_lines(source: &Source, is_wanted: impl Fn(&str) -> bool) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (number, line) in source.lines() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = is_wanted(section);
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            found.push((number, line));
        }
    }
    found
}

/// The comment after the value; a `#` inside quotes is none.
fn reason(line: &str) -> Option<&str> {
    let mut in_quotes = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => in_quotes = !in_quotes,
            '#' if !in_quotes => return Some(line[at + 1..].trim()).filter(|reason| !reason.is_empty()),
            _ => {}
        }
    }
    None
}

fn name(line: &str) -> &str {
    line.split(['=', '.', ' ']).next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_places, source};
    use super::*;

    #[test]
    fn a_third_party_line_states_its_reason() {
        let text = "[workspace.dependencies]\n\
                    # a comment of its own is no reason\n\
                    ours = { path = \"crates/ours\" }\n\
                    good = \"1\" # answers questions\n\
                    bare = \"1\"\n\
                    empty = \"1\" #\n\
                    tricky = { version = \"1\", features = [\"a#b\"] }\n\
                    [profile.dev]\ndebug = false\n";
        assert_places(&check(&source("Cargo.toml", text)), &["Cargo.toml:5", "Cargo.toml:6", "Cargo.toml:7"]);
    }

    #[test]
    fn a_crate_inherits_every_dependency() {
        let text = "[package]\nname = \"x\"\nversion = \"1\"\n[dependencies]\na.workspace = true\n\
                    b = { workspace = true, features = [\"x\"] }\nc = \"1\"\n[dev-dependencies]\nd = { path = \"../d\" }\n";
        assert_places(
            &check(&source("crates/x/Cargo.toml", text)),
            &["crates/x/Cargo.toml:7", "crates/x/Cargo.toml:9"],
        );
    }

    #[test]
    fn the_lock_file_may_hold_so_many_packages_and_no_more() {
        let lock = |count: usize| source("Cargo.lock", &"[[package]]\nname = \"x\"\n\n".repeat(count));
        assert_places(&check(&lock(LOCKED_MAX)), &[]);
        assert_places(&check(&lock(LOCKED_MAX + 1)), &["Cargo.lock:1051"]);
    }
}
