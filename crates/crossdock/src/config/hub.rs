//! `hub.yaml`: the hub's name, where it listens, where it keeps its data and what a message may cost.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crossdock_connect::secret::Secret;
use crossdock_core::master;
use crossdock_core::master::matching::{KindPolicy, MergePolicy};
use crossdock_core::retention::Retention;
use crossdock_core::source::{Diagnostic, Node, Reader};

use crossdock_runtime::plan::IntakeLimits;

use super::env::Environment;
use super::folder::File;
use super::names;

/// The shortest time for which anything is kept: an operator's night and the day after.
const RETENTION_MS_MIN: u64 = 24 * 3_600_000;

/// What `hub.yaml` says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The hub's name.
    pub hub: String,
    /// Where partners send their messages. Default `127.0.0.1:8480`.
    pub ingress: SocketAddr,
    /// Where console and API are. Default `127.0.0.1:8481`.
    pub console: SocketAddr,
    /// How senders address the ingress when a proxy stands in front of it; for signatures that cover the URL.
    pub public_url: Option<String>,
    /// What a caller of the API must show. Needed when the console listens beyond this machine.
    pub token: Option<Secret>,
    /// The data folder, relative to the hub folder. Default `.data`.
    pub store: PathBuf,
    pub limits: Limits,
    /// How long a channel's messages are watched before a new field in them is told, in milliseconds. Default 7 days.
    pub learning_ms: u64,
    pub log: Log,
    /// Which entities are compared, to find those that are the same. Default: none.
    pub merging: MergePolicy,
    /// For how long what happened is kept. Default: for ever.
    pub retention: Retention,
    /// Who may approve a replay plan: `anyone`, or `another` than who drew it up. Default `anyone`.
    pub replay_needs_another: bool,
}

/// What one message may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body accepted from a sender, in bytes. Default 10 MiB.
    pub body_bytes_max: usize,
    /// Largest answer read from a system, in bytes. Default 32 MiB.
    pub answer_bytes_max: usize,
    /// Wall-clock time for one message's mappings, in milliseconds. Default 1000.
    pub mapping_ms_max: u64,
    /// Steps of one mapping. Default two million.
    pub mapping_steps_max: u64,
    /// Bytes one mapping may make. Default 32 MiB.
    pub mapping_bytes_max: u64,
    /// Events of one message. Default 1000.
    pub events_per_message_max: usize,
    /// How much of each body is kept in the record of an attempt, in bytes. Default 64 KiB.
    pub recorded_bytes_max: usize,
    /// How much may wait before senders are told to come again, and how much of the disk is left free
    /// (`store: {free_bytes_min}`). Default one million messages, five million transmissions, two million of one system,
    /// 256 MiB.
    pub intake: IntakeLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 10 << 20,
            answer_bytes_max: 32 << 20,
            mapping_ms_max: 1_000,
            mapping_steps_max: 2_000_000,
            mapping_bytes_max: 32 << 20,
            events_per_message_max: 1_000,
            recorded_bytes_max: 64 << 10,
            intake: IntakeLimits::default(),
        }
    }
}

/// How the hub logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`. Default `info`.
    pub level: &'static str,
    /// Default: text on a terminal, JSON elsewhere.
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    Text,
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            hub: "hub".to_owned(),
            ingress: local(8480),
            console: local(8481),
            public_url: None,
            token: None,
            store: PathBuf::from(".data"),
            limits: Limits::default(),
            learning_ms: 7 * 24 * 3_600_000,
            log: Log { level: "info", format: LogFormat::Auto },
            merging: MergePolicy::new(),
            retention: Retention::default(),
            replay_needs_another: false,
        }
    }
}

/// Reads `hub.yaml`. What is wrong keeps its default, so that reading goes on.
pub fn read(file: &File, env: &Environment<'_>, mistakes: &mut Vec<Diagnostic>) -> Settings {
    let mut settings = Settings::default();
    let Some(node) = &file.node else { return settings };
    let node = env.filled(node, mistakes);
    let reader = Reader::new(&node, "hub.yaml");
    if let Some(name) = reader.text("hub") {
        names::check(name, reader.node("hub").map_or(&node.location, |node| &node.location), &reader);
        settings.hub = name.to_owned();
    }
    if let Some(node) = reader.node("listen") {
        listen(node, &mut settings, &reader);
    }
    if let Some(node) = reader.node("api") {
        settings.token = token(node, env, &reader);
    }
    if let Some(node) = reader.node("store") {
        let store = Reader::new(node, "`store`");
        if let Some(path) = store.text("path") {
            settings.store = PathBuf::from(path);
        }
        if let Some(bytes) = store.number("free_bytes_min", 0..=1 << 50) {
            settings.limits.intake.free_bytes_min = bytes;
        }
        reader.mistakes(store.finish());
    }
    if let Some(node) = reader.node("limits") {
        settings.limits = limits(node, settings.limits.intake.free_bytes_min, &reader);
    }
    if let Some(node) = reader.node("traffic") {
        let traffic = Reader::new(node, "`traffic`");
        settings.learning_ms = traffic.duration_ms("learning").unwrap_or(settings.learning_ms);
        reader.mistakes(traffic.finish());
    }
    if let Some(node) = reader.node("log") {
        settings.log = log(node, &reader);
    }
    if let Some(node) = reader.node("merge") {
        settings.merging = merging(node, &reader);
    }
    if let Some(node) = reader.node("retention") {
        settings.retention = retention(node, &reader);
    }
    if let Some(node) = reader.node("replay") {
        let replay = Reader::new(node, "`replay`");
        match replay.optional_text("approval") {
            None | Some("anyone") => {}
            Some("another") => settings.replay_needs_another = true,
            Some(other) => {
                let at = replay.node("approval").map_or(replay.location(), |node| &node.location);
                let mistake = Diagnostic::error(at, format!("`{other}` does not say who may approve a replay plan"));
                replay.mistake(mistake.hint("write `anyone`, or `another` for another person than who drew it up"));
            }
        }
        reader.mistakes(replay.finish());
    }
    guard_console(&node, &settings, &reader);
    mistakes.extend(env.without_echoes(reader.finish()));
    settings
}

fn retention(node: &Node, reader: &Reader<'_>) -> Retention {
    let kept = Reader::new(node, "`retention`");
    let class = |key: &'static str| {
        let ms = kept.duration_ms(key)?;
        if ms < RETENTION_MS_MIN {
            let at = kept.node(key).map_or(kept.location(), |node| &node.location);
            let mistake = Diagnostic::error(at, format!("`{key}` would go before anybody has looked at them"));
            kept.mistake(mistake.hint("write a day at least, such as 90d; leave it out to keep them for ever"));
            return None;
        }
        Some(ms)
    };
    let retention = Retention {
        bodies_ms: class("bodies"),
        transmissions_ms: class("transmissions"),
        rejections_ms: class("rejections"),
    };
    reader.mistakes(kept.finish());
    retention
}

fn listen(node: &Node, settings: &mut Settings, reader: &Reader<'_>) {
    let listen = Reader::new(node, "`listen`");
    if let Some(address) = address("ingress", &listen) {
        settings.ingress = address;
    }
    if let Some(address) = address("console", &listen) {
        settings.console = address;
    }
    if let (Some(url), Some(node)) = (listen.optional_text("public_url"), listen.node("public_url")) {
        match url.starts_with("https://") || url.starts_with("http://") {
            true => settings.public_url = Some(url.trim_end_matches('/').to_owned()),
            false => listen.mistake(
                Diagnostic::error(&node.location, format!("`{url}` is not the beginning of a URL"))
                    .hint("write it as senders do, for example https://hub.example.com"),
            ),
        }
    }
    reader.mistakes(listen.finish());
}

fn address(key: &'static str, reader: &Reader<'_>) -> Option<SocketAddr> {
    let text = reader.optional_text(key)?;
    let address = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    match address.as_deref().unwrap_or(text).parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let at = reader.node(key).map_or(reader.location(), |node| &node.location);
            let mistake = Diagnostic::error(at, format!("`{text}` is not an address to listen on"));
            reader.mistake(mistake.hint("write an IP address and a port, such as 127.0.0.1:8480 or [::]:8480"));
            None
        }
    }
}

fn token(node: &Node, env: &Environment<'_>, reader: &Reader<'_>) -> Option<Secret> {
    let api = Reader::new(node, "`api`");
    let token = api.required("token").and_then(|node| match env.secret(node) {
        Ok(secret) => Some(secret),
        Err(mistake) => {
            api.mistake(mistake);
            None
        }
    });
    reader.mistakes(api.finish());
    token
}

/// The console shows every order and can resume and rerun: beyond this machine it asks who is there.
fn guard_console(node: &Node, settings: &Settings, reader: &Reader<'_>) {
    let place =
        |key: &str| node.get("listen").and_then(|listen| listen.get(key)).map_or(&node.location, |n| &n.location);
    if !settings.console.ip().is_loopback() && node.get("api").is_none() {
        let message = format!("the console listens on {}, beyond this machine, without a token", settings.console);
        reader.mistake(
            Diagnostic::error(place("console"), message)
                .hint("add `api: {token: {env: CROSSDOCK_TOKEN}}`, or listen on 127.0.0.1"),
        );
    }
    let (ingress, console) = (settings.ingress, settings.console);
    let meet = ingress.ip() == console.ip() || ingress.ip().is_unspecified() || console.ip().is_unspecified();
    if ingress.port() == console.port() && ingress.port() != 0 && meet {
        reader.mistake(
            Diagnostic::error(place("console"), format!("ingress and console both listen on port {}", console.port()))
                .hint("give each a port of its own"),
        );
    }
}

fn limits(node: &Node, free_bytes_min: u64, reader: &Reader<'_>) -> Limits {
    const GIB: u64 = 1 << 30;
    const WAITING_MAX: u64 = 1_000_000_000;
    let from = Reader::new(node, "`limits`");
    let default = Limits::default();
    let size = |key, default: usize, max| from.number(key, 1..=max).map_or(default, |number| number as usize);
    let count = |key, default: u64, max| from.number(key, 1..=max).unwrap_or(default);
    let limits = Limits {
        body_bytes_max: size("body_bytes_max", default.body_bytes_max, GIB),
        answer_bytes_max: size("answer_bytes_max", default.answer_bytes_max, GIB),
        mapping_ms_max: count("mapping_ms_max", default.mapping_ms_max, 60_000),
        mapping_steps_max: count("mapping_steps_max", default.mapping_steps_max, 1_000_000_000),
        mapping_bytes_max: count("mapping_bytes_max", default.mapping_bytes_max, GIB),
        events_per_message_max: size("events_per_message_max", default.events_per_message_max, 100_000),
        recorded_bytes_max: size("recorded_bytes_max", default.recorded_bytes_max, 16 << 20),
        intake: IntakeLimits {
            messages_waiting_max: count("messages_waiting_max", default.intake.messages_waiting_max, WAITING_MAX),
            transmissions_waiting_max: count(
                "transmissions_waiting_max",
                default.intake.transmissions_waiting_max,
                WAITING_MAX,
            ),
            system_waiting_max: count("system_waiting_max", default.intake.system_waiting_max, WAITING_MAX),
            free_bytes_min,
        },
    };
    reader.mistakes(from.finish());
    limits
}

/// `merge`: by kind of entity, from which score on a merge is suggested, and done.
fn merging(node: &Node, reader: &Reader<'_>) -> MergePolicy {
    let mut policy = MergePolicy::new();
    let Some(entries) = node.entries() else {
        let message = format!("`merge` must be a map of kinds of entity, not {}", node.kind_word());
        let hint = "such as `merge: {customer_account: {suggest_above: 0.8, automatic_above: 0.98}}`";
        reader.mistake(Diagnostic::error(&node.location, message).hint(hint));
        return policy;
    };
    for entry in entries {
        let Some(kind) = master::MERGEABLE.iter().find(|kind| **kind == &*entry.key) else {
            let message = format!("entities of kind `{}` are not merged", entry.key);
            let known = master::MERGEABLE.join(", ");
            reader.mistake(Diagnostic::error(&entry.key_location, message).hint(format!("there are {known}")));
            continue;
        };
        let from = Reader::new(&entry.value, "`merge` of a kind");
        let suggest_above = score("suggest_above", &from).unwrap_or(0.8);
        let automatic_above = score("automatic_above", &from);
        if automatic_above.is_some_and(|automatic| automatic < suggest_above) {
            let at = from.node("automatic_above").map_or(&entry.value.location, |node| &node.location);
            from.mistake(
                Diagnostic::error(at, "`automatic_above` must not be lower than `suggest_above`")
                    .hint("what is merged without asking must be surer than what is asked about"),
            );
        }
        reader.mistakes(from.finish());
        policy.insert(kind, KindPolicy { suggest_above, automatic_above });
    }
    policy
}

/// A score from 0.5 to 1.
fn score(key: &'static str, reader: &Reader<'_>) -> Option<f64> {
    let node = reader.node(key)?;
    let score = node.text().and_then(|text| text.parse().ok()).filter(|score| (0.5..=1.0).contains(score));
    if score.is_none() {
        reader.mistake(Diagnostic::error(&node.location, format!("`{key}` must be a number from 0.5 to 1")));
    }
    score
}

fn log(node: &Node, reader: &Reader<'_>) -> Log {
    const LEVELS: &[(&str, &str)] =
        &[("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];
    const FORMATS: &[(&str, LogFormat)] =
        &[("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    let from = Reader::new(node, "`log`");
    let log = Log {
        level: from.choice("level", LEVELS).unwrap_or("info"),
        format: from.choice("format", FORMATS).unwrap_or(LogFormat::Auto),
    };
    reader.mistakes(from.finish());
    log
}
