//! From a hub folder to the plan that a running hub follows. All mistakes of all files are told at once, each with its
//! file, line and column. This room and the command line are the only ones that read files of configuration.

mod authority;
mod channels;
mod codes;
mod emits;
pub mod env;
mod flow;
pub mod folder;
pub mod hub;
mod limits;
pub mod mapping;
mod names;
pub mod suite;
mod system;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use crossdock_connect::endpoint::Endpoint;
use crossdock_core::hub::Hub;
use crossdock_core::ids::{ConfigVersion, SystemName};
use crossdock_core::loss::KnownFields;
use crossdock_core::mapping::types::Texts;
use crossdock_core::source::{Diagnostic, Location, Severity};
use crossdock_runtime::plan::Plan;

use env::Environment;
use folder::{Folder, Kind};
use hub::Settings;
use mapping::MappingFile;

/// A hub folder, read and compiled.
pub struct Loaded<'f> {
    /// `None` when there is an error.
    pub plan: Option<Plan>,
    pub settings: Settings,
    /// In the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// What is not wrong as far as is known but not proved either, as warnings.
    pub unproved: Vec<Diagnostic>,
    /// What tests refer to.
    pub mappings: BTreeMap<&'f str, MappingFile<'f>>,
    /// The tests beside the configuration, where they were asked for.
    pub cases: Vec<suite::Case<'f>>,
    /// The fields of partners' messages, as far as `channels` tell.
    pub known: KnownFields,
}

impl Loaded<'_> {
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    pub fn warnings(&self) -> usize {
        self.diagnostics.len() - self.errors()
    }
}

/// Compiles what was read from a hub folder.
pub fn compile<'f>(folder: &'f Folder, env: &Environment<'_>) -> Loaded<'f> {
    let mut mistakes = folder.mistakes.clone();
    let settings = settings_of(folder, env, &mut mistakes);
    let mut systems = system::read_all(folder, env, &mut mistakes);
    let codes = codes::read_all(folder, &mut mistakes);
    let names: BTreeSet<String> = systems.keys().cloned().collect();
    let mappings = mapping::read_all(folder, &codes, &names, &mut mistakes);
    let known = known_fields(&systems);
    let texts = Texts::default();
    let world = flow::World { systems: &systems, mappings: &mappings, codes: &codes, texts: &texts };
    let mut flows = flow::read_all(folder, &world, &mut mistakes);
    let mut unproved = std::mem::take(&mut flows.unproved);
    mappings.values().for_each(|mapping| mapping.tell(&texts, &mut mistakes, &mut unproved));
    let authority = authority::compile(&systems, &flows, &mut mistakes);
    let cases = suite::read_all(folder, &mappings, &mut mistakes);
    tell_unused(&systems, &mappings, &flows.systems, &mut mistakes);
    let (diagnostics, unproved) = (in_order(folder, mistakes), in_order(folder, unproved));
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let hub = Hub {
        name: settings.hub.clone(),
        version: ConfigVersion::new(folder.version()),
        inbound: flows.inbound,
        outbound: flows.outbound,
        authority,
        learning_ms: settings.learning_ms,
        mapping_steps_max: settings.limits.mapping_steps_max,
        mapping_bytes_max: settings.limits.mapping_bytes_max,
        events_per_message_max: settings.limits.events_per_message_max,
    };
    let plans = std::mem::take(&mut systems)
        .into_iter()
        .filter_map(|(name, system)| Some((SystemName::new(name), system.plan?)))
        .collect();
    let plan = Plan {
        hub,
        systems: plans,
        merging: settings.merging.clone(),
        intake: settings.limits.intake.clone(),
        body_bytes_max: settings.limits.body_bytes_max,
        answer_bytes_max: settings.limits.answer_bytes_max,
        mapping_ms_max: settings.limits.mapping_ms_max,
        recorded_bytes_max: settings.limits.recorded_bytes_max,
        retention: settings.retention,
        replay_needs_another: settings.replay_needs_another,
    };
    Loaded { plan: (!failed).then_some(plan), settings, diagnostics, unproved, mappings, cases, known }
}

/// The fields that the messages of each channel have, as far as `channels` tell.
fn known_fields(systems: &BTreeMap<String, system::System>) -> KnownFields {
    let mut known = KnownFields::new();
    for (name, system) in systems {
        for (channel, it) in &system.channels {
            known.insert((SystemName::new(name.as_str()), channel.clone()), it.body.paths("body"));
        }
    }
    known
}

/// The endpoint of a system as it would be with this secret in place of its own. `None` when it cannot be made.
pub fn endpoint_with_secret(folder: &Folder, system: &str, secret: &str) -> Option<std::sync::Arc<dyn Endpoint>> {
    let file = folder.of_kind(Kind::System).find(|file| file.name == system)?;
    let env = Environment::new(&folder.root, &env::process_variable, true).with_secret(secret);
    Some(system::read(folder, file, &env, &mut Vec::new()).plan?.endpoint)
}

/// Only `hub.yaml`: for commands that ask a running hub.
pub fn settings_of(folder: &Folder, env: &Environment<'_>, mistakes: &mut Vec<Diagnostic>) -> Settings {
    match folder.of_kind(Kind::Hub).next() {
        Some(file) => hub::read(file, env, mistakes),
        None => Settings::default(),
    }
}

fn tell_unused(
    systems: &BTreeMap<String, system::System>,
    mappings: &BTreeMap<&str, MappingFile<'_>>,
    used: &BTreeSet<String>,
    mistakes: &mut Vec<Diagnostic>,
) {
    for (name, system) in systems.iter().filter(|(name, _)| !used.contains(*name)) {
        mistakes.push(
            Diagnostic::warning(&system.location, format!("no flow uses system {name}"))
                .hint("write a flow for it, or remove the file"),
        );
    }
    mappings.values().for_each(|mapping| mapping.look_over(mistakes));
    for (name, mapping) in mappings.iter().filter(|(_, mapping)| mapping.is_unused()) {
        mistakes.push(
            Diagnostic::warning(&mapping.location(), format!("no flow uses mapping {name}"))
                .hint("name it under `map` or `then` of a flow, or remove the file"),
        );
    }
}

/// By file, line and column; a mapping that several flows use tells its mistakes once.
fn in_order(folder: &Folder, mut mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let lines: BTreeMap<&str, Vec<&str>> =
        folder.files.iter().map(|file| (file.path.as_str(), file.text.lines().collect())).collect();
    // What the compiler tells, the checker need not tell in other words.
    let told: BTreeSet<Location> =
        mistakes.iter().filter(|mistake| mistake.kind.is_none()).map(|mistake| mistake.location.clone()).collect();
    mistakes.retain(|mistake| mistake.kind.is_none() || !told.contains(&mistake.location));
    for mistake in &mut mistakes {
        if let Some(lines) = lines.get(&*mistake.location.file) {
            unfold(mistake, lines);
        }
    }
    mistakes.sort_by(|a, b| (&a.location, a.severity, &a.message).cmp(&(&b.location, b.severity, &b.message)));
    mistakes.dedup();
    mistakes
}

/// A place behind the end of its line is in a text that YAML folds: each line goes on in the next.
fn unfold(mistake: &mut Diagnostic, lines: &[&str]) {
    loop {
        let at = &mut mistake.location;
        let Some(line) = lines.get(at.line as usize - 1) else { return };
        let length = line.trim_end().chars().count() as u32;
        let Some(next) = lines.get(at.line as usize).filter(|next| !next.trim().is_empty()) else { return };
        if at.column <= length + 1 {
            return;
        }
        let indent = next.chars().take_while(|c| *c == ' ').count() as u32;
        at.column = at.column - length - 1 + indent;
        at.line += 1;
    }
}
