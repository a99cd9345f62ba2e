//! Rules about the documents: relative links lead somewhere, and every decision is listed.

use super::{Finding, Source};

const DECISIONS: &str = "docs/adr/";

/// Checks the relative links of one Markdown file; `exists` answers for a path from the root.
pub fn check_links(source: &Source, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    if !source.has_extension(&["md"]) {
        return Vec::new();
    }
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (number, target) in links(source) {
        let path = target.split(['#', '?']).next().unwrap_or_default();
        if path.is_empty() || is_elsewhere(path) {
            continue;
        }
        let is_dead = match resolve(folder, path) {
            Some(resolved) => !exists(&resolved),
            None => true,
        };
        if is_dead {
            let message = format!("the link to `{target}` leads nowhere: correct the path or remove the link");
            findings.push(Finding::new(&source.path, number, message));
        }
    }
    findings
}

/// Checks that the list of decisions, where there is one, names each of them.
pub fn check_decisions(sources: &[Source]) -> Vec<Finding> {
    let index_path = format!("{DECISIONS}README.md");
    let Some(index) = sources.iter().find(|source| source.path == index_path) else {
        return Vec::new();
    };
    let listed: Vec<&str> = links(index).into_iter().map(|(_, target)| target).collect();
    let decisions = sources.iter().filter_map(|source| {
        let name = source.path.strip_prefix(DECISIONS)?;
        (source.has_extension(&["md"]) && name != "README.md").then_some(name)
    });
    let unlisted = decisions.filter(|name| !listed.iter().any(|target| target.trim_start_matches("./") == *name));
    unlisted
        .map(|name| {
            let message = format!("is not listed: add a line with a link to it to {index_path}");
            Finding::new(&format!("{DECISIONS}{name}"), 1, message)
        })
        .collect()
}

/// Targets of inline links, images and link definitions, outside of code.
fn links(source: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for (number, line) in source.lines() {
        let text = line.trim_start();
        let marker = ["```", "~~~"].into_iter().find(|marker| text.starts_with(marker));
        if let Some(marker) = marker {
            match fence {
                None => fence = Some(marker),
                Some(open) if open == marker => fence = None,
                Some(_) => {}
            }
            continue;
        }
        if fence.is_none() {
            found.extend(links_of_line(line).into_iter().map(|target| (number, target)));
        }
    }
    found
}

fn links_of_line(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("](") {
        let is_in_code = line[..at].matches('`').count() % 2 == 1 && line[at..].contains('`');
        let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
        if !is_in_code && !target.is_empty() {
            found.push(target.trim_matches(['<', '>']));
        }
    }
    if let Some((label, target)) = line.split_once("]: ")
        && label.starts_with('[')
        && !label.starts_with("[^")
    {
        found.extend(target.split_whitespace().next());
    }
    found
}

fn is_elsewhere(path: &str) -> bool {
    path.contains("://") || path.starts_with("mailto:")
}

/// A path from the root, without `.` and `..`; none when it leaves the project.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().filter(|part| !part.is_empty())?),
            part => parts.push(part),
        }
    }
    Some(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_places, source};
    use super::*;

    fn check(path: &str, text: &str, expect: &[&str]) {
        let there = ["README.md", "docs/a.md", "docs/adr/0001-x.md", "examples"];
        assert_places(&check_links(&source(path, text), |path| there.contains(&path)), expect);
    }

    #[test]
    fn links_are_followed_from_the_file_they_stand_in() {
        check("README.md", "[a](docs/a.md) [x](docs/adr/0001-x.md#why)\n[e](examples/) [here](#there)\n", &[]);
        check("docs/a.md", "[up](../README.md) [self](a.md) ![i](./adr/0001-x.md \"title\")\n", &[]);
        check("docs/a.md", "[dead](README.md)\n[out](../../README.md)\n", &["docs/a.md:1", "docs/a.md:2"]);
        check("README.md", "text\n[ref]: docs/gone.md\n", &["README.md:2"]);
    }

    #[test]
    fn code_and_the_web_are_left_alone() {
        check(
            "README.md",
            "```\n[a](gone.md)\n```\n`[b](gone.md)` [c](https://example.com/x) [d](mailto:a@b.example)\n",
            &[],
        );
        check("README.md", "```\n~~~\n```\n[a](gone.md)\n", &["README.md:4"]);
        check("notes.txt", "[a](gone.md)\n", &[]);
    }

    #[test]
    fn every_decision_is_listed() {
        let index = source("docs/adr/README.md", "- [1](0001-a.md)\n- [2](./0002-b.md)\n- see 0003-c.md\n");
        let decision = |name: &str| source(&format!("docs/adr/{name}"), "# x\n");
        let all = [index, decision("0001-a.md"), decision("0002-b.md"), decision("0003-c.md")];
        assert_places(&check_decisions(&all), &["docs/adr/0003-c.md:1"]);
        assert_places(&check_decisions(&all[1..]), &[]);
    }
}
