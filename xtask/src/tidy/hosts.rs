//! No package registry's host is named in the project: which registry or mirror serves a machine is that machine's
//! business, and a lock file that names one breaks behind another.

use super::{Finding, Source};

/// Written in halves, so that this list is no finding itself. The index name in Cargo's own lock file is no host.
const HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("npm", "js.com"),
    concat!("yarn", "pkg.com"),
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
    concat!("archive.ubuntu", ".com"),
    concat!("proxy.golang", ".org"),
    concat!("registry-1.docker", ".io"),
    concat!("ghcr", ".io"),
    concat!("quay", ".io"),
];

/// Checks one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.lines() {
        if let Some(host) = HOSTS.iter().find(|host| names(line, host)) {
            let remedy = if source.path.ends_with("package-lock.json") {
                "put `omit-lockfile-registry-resolved=true` into .npmrc and make the lock file anew"
            } else {
                "name the package and leave the registry to the machine's own settings"
            };
            findings.push(Finding::new(&source.path, number, format!("names the registry host {host}: {remedy}")));
        }
    }
    findings
}

fn names(line: &str, host: &str) -> bool {
    line.match_indices(host).any(|(at, _)| !line[at + host.len()..].starts_with("-index"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_places, source};
    use super::*;

    #[test]
    fn every_host_is_found_in_any_file() {
        for host in HOSTS {
            let text = format!("fine\nsee https://{host}/x\n");
            assert_places(&check(&source("package-lock.json", &text)), &["package-lock.json:2"]);
            assert_places(&check(&source("docs/a.md", &text)), &["docs/a.md:2"]);
        }
    }

    #[test]
    fn cargo_names_its_index_and_that_is_no_host() {
        let text = concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"\n");
        assert_places(&check(&source("Cargo.lock", text)), &[]);
        assert_places(&check(&source("a.md", "we use crates of others\n")), &[]);
    }
}
