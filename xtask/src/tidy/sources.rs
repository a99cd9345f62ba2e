//! Rules about the shape of a source file: its length, its first line, its white space.

use super::{Finding, Source};

/// A file past this wants to be two.
const LINES_MAX: usize = 800;
const LIMITED: &[&str] = &["rs", "ts", "js", "svelte", "css", "md", "py", "sh"];

/// Checks one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = source.text.lines().count();
    if source.has_extension(LIMITED) && lines > LINES_MAX {
        let message = format!("{lines} lines, {LINES_MAX} allowed: make two files of it, each with one thought");
        findings.push(Finding::new(&source.path, LINES_MAX + 1, message));
    }
    if source.has_extension(&["rs"]) {
        findings.extend(check_rust(source));
    }
    findings
}

fn check_rust(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let has_header = source.text.lines().next().is_some_and(|first| first.starts_with("//!"));
    if !has_header {
        let message = "starts without `//!`: say in the first line what this room is for and what never happens in it";
        findings.push(Finding::new(&source.path, 1, message));
    }
    for (number, line) in source.lines() {
        if line.contains('\t') {
            findings.push(Finding::new(&source.path, number, "holds a tab: use spaces, or \\t in a literal"));
        }
        if line.ends_with(char::is_whitespace) {
            findings.push(Finding::new(&source.path, number, "ends in white space: remove it"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_places, source};
    use super::*;

    #[test]
    fn a_file_at_the_limit_passes_and_one_line_more_does_not() {
        let at_limit = "//! x\n".repeat(LINES_MAX);
        assert_places(&check(&source("a.rs", &at_limit)), &[]);
        assert_places(&check(&source("a.rs", &format!("{at_limit}//! x\n"))), &["a.rs:801"]);
        assert_places(&check(&source("a.svelte", &"x\n".repeat(900))), &["a.svelte:801"]);
        assert_places(&check(&source("data.json", &"x\n".repeat(900))), &[]);
    }

    #[test]
    fn rust_starts_with_its_purpose() {
        assert_places(&check(&source("a.rs", "//! Why.\nfn main() {}\n")), &[]);
        assert_places(&check(&source("a.rs", "fn main() {}\n")), &["a.rs:1"]);
        assert_places(&check(&source("a.rs", "")), &["a.rs:1"]);
        assert_places(&check(&source("a.md", "text  \n\ttext\n")), &[]);
    }

    #[test]
    fn tabs_and_white_space_at_the_end_are_found_with_their_line() {
        assert_places(&check(&source("a.rs", "//! Why.\n\tlet a = 1;\nlet b; \n")), &["a.rs:2", "a.rs:3"]);
    }
}
