//! The floors of the house: which crate may import which. Cargo itself refuses circles; this refuses every arrow that
//! is not in the table, and third-party crates that would bring into a crate what it exists to be free of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Finding, Source};
use crate::command::output;

/// What a crate is built on (development dependencies are free).
struct Floor {
    name: &'static str,
    /// Crates of ours it may import.
    may_import: &'static [&'static str],
    /// Third-party crates it must not contain, not even through another third-party crate.
    never: &'static [&'static str],
}

const BINARY: &str = "crossdock";
const ASYNC: &str = "tokio";

const FLOORS: &[Floor] = &[
    Floor {
        name: "crossdock-core",
        may_import: &["crossdock-edi"],
        never: &[ASYNC, "tracing", "hyper", "reqwest", "axum", "rusqlite", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-edi",
        may_import: &[],
        never: &[ASYNC, "tracing", "hyper", "reqwest", "axum", "rusqlite", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-store",
        may_import: &["crossdock-core"],
        never: &["hyper", "reqwest", "axum", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-connect",
        may_import: &["crossdock-core"],
        never: &[ASYNC, "hyper", "reqwest", "axum", "rusqlite", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-transport",
        may_import: &["crossdock-core"],
        never: &["axum", "rusqlite", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-cluster",
        may_import: &["crossdock-store", "crossdock-core"],
        never: &["reqwest", "axum", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-connectors",
        may_import: &["crossdock-connect", "crossdock-core", "crossdock-edi"],
        never: &[ASYNC, "hyper", "reqwest", "axum", "rusqlite", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-runtime",
        // The store only for its port; the binary chooses the backend.
        may_import: &["crossdock-core", "crossdock-store", "crossdock-connect", "crossdock-transport"],
        never: &["axum", "rusqlite", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-gateway",
        may_import: &["crossdock-runtime", "crossdock-connect", "crossdock-core"],
        never: &["reqwest", "rusqlite", "anyhow", "clap"],
    },
    Floor {
        name: "crossdock-sim",
        may_import: &[
            "crossdock-core",
            "crossdock-store",
            "crossdock-connect",
            "crossdock-runtime",
            "crossdock-connectors",
            // Only for its port: the simulated network stands behind it.
            "crossdock-transport",
        ],
        never: &["reqwest", "rusqlite", "clap"],
    },
];

/// The packages of the workspace and all they are built from, as `cargo metadata` says.
pub struct Packages {
    by_id: BTreeMap<String, Package>,
}

/// One package of the resolved graph.
pub struct Package {
    pub name: String,
    pub version: String,
    /// SPDX expression, as its author wrote it.
    pub license: Option<String>,
    /// Path from the root, of our own packages only.
    pub manifest: Option<String>,
    /// Ids of the packages it is built from, without development dependencies.
    built_from: Vec<String>,
    /// Names of the packages that its tests use.
    tested_with: Vec<String>,
}

impl Packages {
    /// Asks cargo; only for this machine's platform, so that nothing foreign is fetched.
    pub fn read(root: &Path) -> Result<Self> {
        let version = output(Command::new("rustc").arg("-vV"))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
        let mut command = Command::new("cargo");
        command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host]).current_dir(root);
        let text = output(&mut command).context("reading the dependency graph")?;
        Self::parse(&serde_json::from_str(&text)?).context("`cargo metadata` has an unknown shape")
    }

    /// Reads the answer of `cargo metadata`.
    fn parse(metadata: &Value) -> Option<Self> {
        let root = metadata["workspace_root"].as_str()?;
        let members: BTreeSet<&str> =
            metadata["workspace_members"].as_array()?.iter().filter_map(Value::as_str).collect();
        let mut by_id = BTreeMap::new();
        for package in metadata["packages"].as_array()? {
            let id = package["id"].as_str()?;
            let manifest = package["manifest_path"].as_str()?;
            let manifest = manifest.strip_prefix(root).map(|path| path.trim_start_matches('/').to_owned());
            let entry = Package {
                name: package["name"].as_str()?.to_owned(),
                version: package["version"].as_str()?.to_owned(),
                license: package["license"].as_str().map(str::to_owned),
                manifest: manifest.filter(|_| members.contains(id)),
                built_from: Vec::new(),
                tested_with: Vec::new(),
            };
            by_id.insert(id.to_owned(), entry);
        }
        for node in metadata["resolve"]["nodes"].as_array()? {
            for dependency in node["deps"].as_array()? {
                let target = dependency["pkg"].as_str()?;
                let kinds = dependency["dep_kinds"].as_array()?;
                let name = by_id.get(target)?.name.clone();
                let package = by_id.get_mut(node["id"].as_str()?)?;
                if kinds.iter().any(|kind| kind["kind"] != "dev") {
                    package.built_from.push(target.to_owned());
                }
                if kinds.iter().any(|kind| kind["kind"] == "dev") {
                    package.tested_with.push(name);
                }
            }
        }
        Some(Self { by_id })
    }

    /// How many packages there are, our own included.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All packages.
    pub fn iter(&self) -> impl Iterator<Item = &Package> {
        self.by_id.values()
    }

    /// Our own packages.
    fn ours(&self) -> impl Iterator<Item = (&Package, &str)> {
        self.iter().filter_map(|package| Some((package, package.manifest.as_deref()?)))
    }

    /// The shortest way from a package of ours to a third-party one, through third-party ones only.
    fn way_to(&self, from: &Package, target: &str) -> Option<Vec<&str>> {
        let mut queue: VecDeque<(&Package, Vec<&str>)> = VecDeque::from([(from, Vec::new())]);
        let mut seen = BTreeSet::new();
        while let Some((package, way)) = queue.pop_front() {
            for next in package.built_from.iter().filter_map(|id| self.by_id.get(id)) {
                if next.manifest.is_some() || !seen.insert((&next.name, &next.version)) {
                    continue;
                }
                let way: Vec<&str> = way.iter().copied().chain([next.name.as_str()]).collect();
                if next.name == target {
                    return Some(way);
                }
                queue.push_back((next, way));
            }
        }
        None
    }
}

/// Checks every arrow between our crates and everything a crate must be free of.
pub fn check(packages: &Packages, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, manifest) in packages.ours() {
        let mut report = |dependency: &str, message: String| {
            findings.push(Finding::new(manifest, line_of(sources, manifest, dependency), message));
        };
        if package.tested_with.iter().any(|name| name == BINARY) {
            report(BINARY, format!("tests must not use `{BINARY}`: test the crate you mean, or move the test there"));
        }
        if package.name == BINARY {
            continue;
        }
        let floor = FLOORS.iter().find(|floor| floor.name == package.name);
        if floor.is_none() && package.name != "xtask" {
            report("name", format!("`{}` has no floor: add it to the table in xtask/src/tidy/floors.rs", package.name));
        }
        let may_import = floor.map_or(&[][..], |floor| floor.may_import);
        let imports = package.built_from.iter().filter_map(|id| packages.by_id.get(id));
        for import in imports.filter(|import| import.manifest.is_some()) {
            if !may_import.contains(&import.name.as_str()) {
                let allowed = if may_import.is_empty() { "nothing of ours".to_owned() } else { may_import.join(", ") };
                report(
                    &import.name,
                    format!(
                        "{} must not import {} (it may import {allowed}): move the code to the right floor, or decide the arrow in docs/adr and in xtask/src/tidy/floors.rs",
                        package.name, import.name,
                    ),
                );
            }
        }
        for banned in floor.map_or(&[][..], |floor| floor.never) {
            if let Some(way) = packages.way_to(package, banned) {
                let first = way.first().copied().unwrap_or(banned);
                report(first, format!("{} must be free of {banned}, which comes by {}", package.name, way.join(" → ")));
            }
        }
    }
    findings
}

/// The line of a manifest that names a dependency.
fn line_of(sources: &[Source], manifest: &str, dependency: &str) -> usize {
    let Some(source) = sources.iter().find(|source| source.path == manifest) else {
        return 1;
    };
    let mut lines = source.lines();
    let is_named = |line: &str| {
        let rest = line.trim_start().strip_prefix(dependency);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    lines.find(|(_, line)| is_named(line)).map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{assert_places, source};
    use super::*;

    /// A graph of `(package, what it is built from, what it is tested with)`; names with `crossdock` are ours.
    fn graph(nodes: &[(&str, &[&str], &[&str])]) -> (Packages, Vec<Source>) {
        let is_ours = |name: &str| name.starts_with("crossdock");
        let packages: Vec<Value> = nodes
            .iter()
            .map(|(name, ..)| {
                let folder = if is_ours(name) { "/w/crates" } else { "/registry" };
                json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT",
                        "manifest_path": format!("{folder}/{name}/Cargo.toml") })
            })
            .collect();
        let arrows = |names: &[&str], kind: Value| -> Vec<Value> {
            names.iter().map(|name| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] })).collect()
        };
        let resolved: Vec<Value> = nodes
            .iter()
            .map(|(name, built_from, tested_with)| {
                let mut deps = arrows(built_from, Value::Null);
                deps.extend(arrows(tested_with, json!("dev")));
                json!({ "id": name, "deps": deps })
            })
            .collect();
        let members: Vec<&str> = nodes.iter().map(|(name, ..)| *name).filter(|name| is_ours(name)).collect();
        let metadata = json!({ "workspace_root": "/w", "workspace_members": members, "packages": packages,
                               "resolve": { "nodes": resolved } });
        let manifests = nodes.iter().filter(|(name, ..)| is_ours(name)).map(|(name, built_from, tested_with)| {
            let lines: Vec<String> =
                built_from.iter().chain(*tested_with).map(|d| format!("{d}.workspace = true\n")).collect();
            source(&format!("crates/{name}/Cargo.toml"), &format!("[dependencies]\n{}", lines.concat()))
        });
        let manifests = manifests.collect();
        (Packages::parse(&metadata).expect("the graph has the shape of cargo's"), manifests)
    }

    #[track_caller]
    fn check_graph(nodes: &[(&str, &[&str], &[&str])], expect: &[&str]) {
        let (packages, sources) = graph(nodes);
        assert_places(&check(&packages, &sources), expect);
    }

    #[test]
    fn arrows_of_the_table_pass() {
        check_graph(
            &[
                ("crossdock", &["crossdock-core", "crossdock-store", "crossdock-runtime", "tokio"], &[]),
                ("crossdock-core", &["serde"], &[]),
                ("crossdock-connect", &["crossdock-core"], &[]),
                ("crossdock-runtime", &["crossdock-core", "crossdock-store", "crossdock-connect", "tokio"], &[]),
                ("crossdock-store", &["crossdock-core", "rusqlite"], &[]),
                ("rusqlite", &[], &[]),
                ("serde", &[], &[]),
                ("tokio", &[], &[]),
            ],
            &[],
        );
    }

    #[test]
    fn every_other_arrow_is_found_on_its_line() {
        check_graph(
            &[
                ("crossdock-connectors", &["crossdock-connect", "crossdock-transport"], &[]),
                ("crossdock-connect", &["crossdock-core"], &[]),
                ("crossdock-core", &[], &[]),
                ("crossdock-transport", &["crossdock-connect"], &[]),
            ],
            &["crates/crossdock-connectors/Cargo.toml:3", "crates/crossdock-transport/Cargo.toml:2"],
        );
    }

    #[test]
    fn a_banned_crate_is_found_behind_another() {
        check_graph(
            &[
                ("crossdock-core", &["innocent"], &[]),
                ("innocent", &["helper"], &[]),
                ("helper", &["tokio"], &[]),
                ("tokio", &[], &[]),
            ],
            &["crates/crossdock-core/Cargo.toml:2"],
        );
        check_graph(
            &[
                ("crossdock-gateway", &["crossdock-runtime"], &[]),
                ("crossdock-runtime", &["rusqlite"], &[]),
                ("rusqlite", &[], &[]),
            ],
            &["crates/crossdock-runtime/Cargo.toml:2"],
        );
    }

    #[test]
    fn tests_may_use_anything_but_the_binary() {
        check_graph(&[("crossdock-core", &[], &["tokio"]), ("tokio", &[], &[])], &[]);
        check_graph(
            &[("crossdock-core", &[], &["crossdock"]), ("crossdock", &[], &[])],
            &["crates/crossdock-core/Cargo.toml:2"],
        );
    }

    #[test]
    fn a_crate_without_a_floor_is_found() {
        check_graph(&[("crossdock-extra", &[], &[])], &["crates/crossdock-extra/Cargo.toml:1"]);
    }
}
