//! The copy of a hub folder that a rehearsal runs: flows, mappings and code lists as they are; every address of a system
//! replaced by a simulated partner, every secret by one of the rehearsal, and pauses between tries shortened.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, bail};
use crossdock_core::source::{Entry, Node, NodeKind, Severity};

use crate::config::env::Environment;
use crate::config::folder::{Folder, Kind};
use crate::config::{self, Loaded};

/// The key of the simulated Odoo's administrator.
pub const ODOO_KEY: &str = "0123456789abcdef0123456789abcdef01234567";
/// The database of the simulated Odoo.
pub const ODOO_DATABASE: &str = "rehearsal";
/// Secrets of all forms that schemes want; the first that a system can use is taken.
const SECRETS: &[&str] = &[
    "whsec_cmVoZWFyc2FsLXNlY3JldC1vZi0zMi1ieXRlcyEhISE=",
    "cmVoZWFyc2FsLXNlY3JldC1vZi0zMi1ieXRlcyEhISE=",
    "7265686561727361",
    "rehearsal:secret",
    ODOO_KEY,
];
/// What `webhook.scheme` becomes where the sender signs with a pair of keys, of which only it has the secret one.
const OWN_SCHEME: &str = "{header: x-rehearsal-signature, algorithm: hmac-sha256, encoding: hex}";

/// Fields of `hub.yaml` that hold for the rehearsal too.
const HUB_FIELDS: &[&str] = &["hub", "limits", "merge", "traffic"];
/// Fields of a system's file that are not copied as they are.
const SYSTEM_FIELDS_LEFT: &[&str] = &["channels", "retry", "breaker"];

/// A copy on disk.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    /// The secret by its environment variable.
    pub secrets: BTreeMap<String, String>,
    /// What could not be rehearsed as it is, for people.
    pub notes: Vec<String>,
}

impl Copied {
    /// The secret of a system.
    pub fn secret(&self, system: &str) -> &str {
        self.secrets.get(&variable(system)).map_or("", String::as_str)
    }

    /// Compiles what lies in `folder`, under the rehearsal's environment.
    pub fn compile<'f>(&self, folder: &'f Folder) -> Loaded<'f> {
        let lookup = |name: &str| self.lookup(name);
        config::compile(folder, &Environment::new(&folder.root, &lookup, false))
    }

    fn lookup(&self, name: &str) -> Option<String> {
        let listening = match name {
            "CROSSDOCK_INGRESS" => Some("127.0.0.1:1"),
            "CROSSDOCK_CONSOLE" => Some("127.0.0.1:2"),
            "CROSSDOCK_DATA" => Some(".data"),
            _ => None,
        };
        listening.map(str::to_owned).or_else(|| self.secrets.get(name).cloned())
    }
}

/// Lays the copy of `folder` in `target`. `sites` says where each system's partner listens. `env` fills `${…}` in.
///
/// # Errors
/// When it cannot be written, or a system cannot be rehearsed at all.
pub fn lay(
    folder: &Folder,
    env: &Environment<'_>,
    target: &Path,
    sites: &BTreeMap<String, SocketAddr>,
) -> anyhow::Result<Copied> {
    let mut copied = Copied::default();
    for file in &folder.files {
        let text = match (file.kind, &file.node) {
            (Kind::Test, _) => continue,
            (Kind::Hub, Some(node)) => hub(&env.filled(node, &mut Vec::new())),
            (Kind::System, Some(node)) => {
                let node = env.filled(node, &mut Vec::new());
                let site = sites.get(&file.name).with_context(|| format!("no partner for {}", file.name))?;
                let (text, own_scheme) = system(&file.name, &node, *site);
                if own_scheme {
                    copied.notes.push(format!(
                        "{}: signs with a pair of keys; rehearsed with a shared secret in its place",
                        file.name
                    ));
                }
                text
            }
            _ => file.text.clone(),
        };
        let path = target.join(&file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let laid = Folder::read(target, false)?;
    for name in sites.keys() {
        choose_secret(&laid, name, &mut copied)?;
    }
    let loaded = copied.compile(&laid);
    if loaded.plan.is_none() {
        let told = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error).take(5);
        let told: Vec<String> = told.map(ToString::to_string).collect();
        bail!("the copy for the rehearsal has mistakes that the folder does not have: {}", told.join("; "));
    }
    Ok(copied)
}

/// The environment variables that hold secrets of the folder's systems.
pub fn secret_variables(folder: &Folder) -> BTreeSet<String> {
    fn gather(node: &Node, found: &mut BTreeSet<String>) {
        match &node.kind {
            NodeKind::Map(entries) if is_secret(entries) && &*entries[0].key == "env" => {
                found.extend(entries[0].value.text().map(str::to_owned));
            }
            NodeKind::Map(entries) => entries.iter().for_each(|entry| gather(&entry.value, found)),
            NodeKind::List(items) => items.iter().for_each(|item| gather(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    let files = folder.files.iter().filter(|file| matches!(file.kind, Kind::Hub | Kind::System));
    files.filter_map(|file| file.node.as_ref()).for_each(|node| gather(node, &mut found));
    found
}

/// Takes the first secret by which the system's connector can be made.
fn choose_secret(laid: &Folder, system: &str, copied: &mut Copied) -> anyhow::Result<()> {
    let file = laid.of_kind(Kind::System).find(|file| file.name == system);
    let connector = file.and_then(|file| file.node.as_ref()?.get("connector")?.text());
    let known: &[&str] = if connector == Some("odoo") { &[ODOO_KEY] } else { SECRETS };
    for secret in known {
        if config::endpoint_with_secret(laid, system, secret).is_some() {
            copied.secrets.insert(variable(system), (*secret).to_owned());
            return Ok(());
        }
    }
    bail!("the system {system} cannot be rehearsed: no secret of the rehearsal fits its connector")
}

fn variable(system: &str) -> String {
    let name: String =
        system.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("REHEARSAL_SECRET_{name}")
}

fn hub(node: &Node) -> String {
    let mut text = String::new();
    for entry in node.entries().into_iter().flatten().filter(|entry| HUB_FIELDS.contains(&&*entry.key)) {
        text += &format!("{}: {}\n", entry.key, written(&entry.value));
    }
    text + "listen: {ingress: \"${CROSSDOCK_INGRESS}\", console: \"${CROSSDOCK_CONSOLE}\"}\n\
            store: {path: \"${CROSSDOCK_DATA}\"}\nlog: {level: info}\n"
}

/// The system's file, and whether its signature scheme was replaced.
fn system(name: &str, node: &Node, site: SocketAddr) -> (String, bool) {
    let mut text = String::new();
    let mut own_scheme = false;
    let is_odoo = node.get("connector").and_then(Node::text) == Some("odoo");
    for entry in node.entries().into_iter().flatten() {
        if SYSTEM_FIELDS_LEFT.contains(&&*entry.key) {
            continue;
        }
        let value = replaced(&entry.value, name, site);
        let value = match &*entry.key {
            "config" if is_odoo => odoo_config(value),
            "webhook" => {
                own_scheme = signs_with_keys(&value);
                if own_scheme { with(value, "scheme", raw(OWN_SCHEME)) } else { value }
            }
            _ => value,
        };
        text += &format!("{}: {}\n", entry.key, written(&value));
    }
    // As patient as a real hub, in the time of a rehearsal.
    text += "retry: {first: 100ms, longest: 1s, attempts_max: 1000000, give_up_after: 24h";
    if node.get("retry").is_some_and(|retry| retry.get("confirm_refused").is_some()) {
        text += ", confirm_refused: 200ms";
    }
    text += "}\n";
    let failures = node.get("breaker").and_then(|breaker| breaker.get("failures_max")).and_then(Node::text);
    text += &format!("breaker: {{failures_max: {}, open: 300ms, open_max: 1s}}\n", failures.unwrap_or("5"));
    (text, own_scheme)
}

fn odoo_config(config: Node) -> Node {
    let config = with(config, "database", raw(ODOO_DATABASE));
    match config.get("capture").cloned() {
        Some(capture) if capture.entries().is_some() => with(config, "capture", with(capture, "every", raw("300ms"))),
        _ => config,
    }
}

/// Whether the scheme of `webhook:` is one that the rehearsal cannot sign by.
fn signs_with_keys(webhook: &Node) -> bool {
    let Some(scheme) = webhook.get("scheme") else { return false };
    let algorithm = scheme.get("algorithm").and_then(Node::text).unwrap_or_default();
    let preset = scheme.text().or_else(|| scheme.get("preset").and_then(Node::text)).unwrap_or_default();
    let of_preset = crossdock_connect::signature::Scheme::preset(preset).is_ok_and(|scheme| {
        SECRETS.iter().all(|secret| {
            let secret = crossdock_connect::secret::Secret::new(*secret);
            scheme.check_secret(&secret).is_err()
        })
    });
    of_preset || ["ed25519", "ecdsa", "rsa"].iter().any(|word| algorithm.contains(word))
}

/// The tree with addresses and secrets of the rehearsal.
fn replaced(node: &Node, system: &str, site: SocketAddr) -> Node {
    let kind = match &node.kind {
        NodeKind::Scalar { text, quoted } => {
            let text = match text.split_once("://") {
                Some(("http" | "https", rest)) => {
                    let path = rest.find('/').map_or("", |at| &rest[at..]);
                    format!("http://{site}{path}")
                }
                _ => text.to_string(),
            };
            NodeKind::Scalar { text: without_gaps(&text).into(), quoted: *quoted }
        }
        NodeKind::Map(entries) if is_secret(entries) => {
            NodeKind::Map(vec![Entry { key: "env".into(), value: raw(&variable(system)), ..entries[0].clone() }])
        }
        NodeKind::Map(entries) => NodeKind::Map(
            entries
                .iter()
                .map(|entry| Entry { value: replaced(&entry.value, system, site), ..entry.clone() })
                .collect(),
        ),
        NodeKind::List(items) => NodeKind::List(items.iter().map(|item| replaced(item, system, site)).collect()),
        NodeKind::Null => NodeKind::Null,
    };
    Node { location: node.location.clone(), kind }
}

/// `{env: NAME}` and `{file: path}`.
fn is_secret(entries: &[Entry]) -> bool {
    matches!(entries, [entry] if matches!(&*entry.key, "env" | "file") && entry.value.text().is_some())
}

/// A variable that is not set here stands for any word.
fn without_gaps(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        filled += before;
        filled += "rehearsal";
        rest = from.split_once('}').map_or("", |(_, after)| after);
    }
    filled + rest
}

fn raw(text: &str) -> Node {
    let location = crossdock_core::source::Location::new("", 1, 1);
    let parsed = crate::config::yaml::parse("rehearsal", text).node;
    parsed.unwrap_or(Node { location, kind: NodeKind::Null })
}

/// The map with this field, in place of one of its name.
fn with(node: Node, key: &str, value: Node) -> Node {
    let NodeKind::Map(mut entries) = node.kind else { return node };
    match entries.iter_mut().find(|entry| &*entry.key == key) {
        Some(entry) => entry.value = value,
        None => {
            let location = node.location.clone();
            entries.push(Entry { key: key.into(), key_location: location, value });
        }
    }
    Node { location: node.location, kind: NodeKind::Map(entries) }
}

/// A node as YAML on one line.
fn written(node: &Node) -> String {
    match &node.kind {
        NodeKind::Null => "null".to_owned(),
        NodeKind::Scalar { text, quoted: false } if is_plain(text) => text.to_string(),
        NodeKind::Scalar { text, .. } => serde_json::Value::from(&**text).to_string(),
        NodeKind::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        NodeKind::Map(entries) => {
            let entry = |entry: &Entry| format!("{}: {}", serde_json::Value::from(&*entry.key), written(&entry.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_and_secret_of_a_system_is_replaced() {
        let text = "system: shop\nconnector: http\ndomain: commerce\nwebhook:\n  scheme: standard-webhooks\n  \
                    secret: [{env: OLD}, {file: secrets/new}]\nconfig:\n  url: https://api.example.com/v2\n  \
                    auth: {oauth: {url: 'https://login.example.com/token', secret: {env: X}}}\n  headers: {A: '${GAP}'}\n\
                    retry: {first: 1h}\n";
        let node = crate::config::yaml::parse("systems/shop.yaml", text).node.expect("YAML");
        let (written, own) = system("shop", &node, SocketAddr::from(([127, 0, 0, 1], 99)));
        assert!(!own);
        for gone in ["example.com", "OLD", "secrets/new", "${", "1h,", "first: 1h"] {
            assert!(!written.contains(gone), "{gone} in {written}");
        }
        assert!(written.contains("http://127.0.0.1:99/v2"), "{written}");
        assert_eq!(written.matches("REHEARSAL_SECRET_SHOP").count(), 3, "{written}");
    }
}
