//! Licences and banned packages, by the lists of `deny.toml`, which `cargo deny` reads as well. Enforced here, because
//! that program is not part of a Rust installation and a rule that runs only on some machines is none.

use std::collections::BTreeSet;

use super::floors::Packages;
use super::{Finding, Source};

/// Checks every package against the lists.
pub fn check(rules: &Source, packages: &Packages) -> Vec<Finding> {
    let allowed: BTreeSet<&str> = quoted(rules, "licenses", "allow").into_iter().map(|(_, word)| word).collect();
    let banned = quoted(rules, "bans", "deny");
    let mut findings = Vec::new();
    if allowed.is_empty() {
        findings.push(Finding::new(&rules.path, 1, "allows no licence: list them in `allow` of [licenses]"));
    }
    for package in packages.iter() {
        let name = format!("{} {}", package.name, package.version);
        let is_allowed = match &package.license {
            Some(license) => is_satisfied(license, &allowed),
            None => false,
        };
        if !is_allowed {
            let license = package.license.as_deref().unwrap_or("no licence");
            let message = format!(
                "{name} has {license}, which we may not ship: choose another package, or allow the licence here after reading it"
            );
            findings.push(Finding::new(&rules.path, 1, message));
        }
        if let Some((number, _)) = banned.iter().find(|(_, word)| *word == package.name) {
            let message = format!(
                "{name} is banned and in the dependency graph: `cargo tree --invert {}` shows who brings it",
                package.name
            );
            findings.push(Finding::new(&rules.path, *number, message));
        }
    }
    findings
}

/// Whether an SPDX expression can be fulfilled with allowed licences only. `/` is an old way to write OR.
fn is_satisfied(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&words, &mut at, allowed) && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut is_met = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        is_met |= all_of(words, at, allowed);
    }
    is_met
}

fn all_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut is_met = one_of(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        is_met &= one_of(words, at, allowed);
    }
    is_met
}

fn one_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let is_met = any_of(words, at, allowed);
        *at += 1;
        return is_met;
    }
    if words.get(*at) == Some(&"WITH") {
        // An exception only adds freedom, but it is a text of its own and wants to be read once.
        let with = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return allowed.contains(with.as_str());
    }
    allowed.contains(word)
}

/// The quoted words of one list, each with its line: `key = [ … ]` in `[section]`. In a table like
/// `{ crate = "x", reason = "…" }` only the crate's name counts.
fn quoted<'a>(rules: &'a Source, section: &str, key: &str) -> Vec<(usize, &'a str)> {
    let mut is_section = false;
    let mut is_list = false;
    let mut found = Vec::new();
    for (number, line) in rules.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
            && !is_list
        {
            is_section = name == section;
            continue;
        }
        let opens = line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with("= ["));
        is_list |= is_section && opens;
        if is_list && !line.starts_with('#') {
            let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            let is_table = line.contains('{');
            found.extend(words.into_iter().take(if is_table { 1 } else { usize::MAX }).map(|word| (number, word)));
        }
        if line.ends_with(']') {
            is_list = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::source;
    use super::*;

    #[track_caller]
    fn check_license(expression: &str, expect: bool) {
        let allowed = BTreeSet::from(["MIT", "Apache-2.0", "ISC", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]);
        assert_eq!(is_satisfied(expression, &allowed), expect, "{expression}");
    }

    #[test]
    fn one_allowed_choice_is_enough() {
        check_license("MIT", true);
        check_license("MIT OR GPL-3.0-only", true);
        check_license("GPL-3.0-only/MIT", true);
        check_license("Apache-2.0 WITH LLVM-exception", true);
        check_license("GPL-3.0-only", false);
        check_license("Apache-2.0 WITH Other-exception", false);
        check_license("", false);
    }

    #[test]
    fn every_part_of_a_whole_must_be_allowed() {
        check_license("Apache-2.0 AND ISC", true);
        check_license("Apache-2.0 AND OpenSSL", false);
        check_license("(MIT OR GPL-2.0) AND Unicode-3.0", true);
        check_license("(GPL-2.0 OR LGPL-2.1) AND MIT", false);
        check_license("MIT OR (GPL-2.0 AND MIT)", true);
        check_license("MIT)", false);
    }

    #[test]
    fn lists_are_read_from_their_own_section() {
        let text = "[licenses]\nallow = [\n  \"MIT\",\n  # \"GPL-3.0-only\",\n  \"ISC\",\n]\n\n[bans]\nallow = [\"x\"]\n\
                    deny = [\n  { crate = \"openssl\", reason = \"one \\\"TLS\\\"\" },\n]\n";
        let rules = source("deny.toml", text);
        assert_eq!(quoted(&rules, "licenses", "allow"), [(3, "MIT"), (5, "ISC")]);
        assert_eq!(quoted(&rules, "bans", "deny"), [(11, "openssl")]);
    }
}
