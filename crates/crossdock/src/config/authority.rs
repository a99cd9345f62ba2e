//! `authority:` of `systems/<name>.yaml`: for which entities, fields and states the system is the system of record.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_core::authority::{Authority, Claim, OnConflict, Scope, field_named, state_named};
use crossdock_core::ids::SystemName;
use crossdock_core::model::{EntityKind, EventType};
use crossdock_core::source::{Diagnostic, Location, Node, NodeKind, Reader, nearest};

use super::flow::Flows;
use super::mapping::no_kind;
use super::system::System;

/// One thing a system claims.
#[derive(Clone, Debug)]
pub struct Claimed {
    kind: &'static str,
    scope: Scope,
    on_conflict: OnConflict,
    location: Location,
}

const ON_CONFLICT: &[(&str, OnConflict)] =
    &[("exception", OnConflict::Exception), ("record", OnConflict::Record), ("suggestion", OnConflict::Suggestion)];

const TAKES: &str = "write `all`, a list of fields, or a map with `fields`, `states` and `on_conflict`";

/// Reads what a system claims.
pub fn read(node: &Node, reader: &Reader<'_>) -> Vec<Claimed> {
    let Some(entries) = node.entries() else {
        let message = format!("`authority` must be a map of kinds of entity, not {}", node.kind_word());
        reader.mistake(Diagnostic::error(&node.location, message).hint("such as `authority: {order: all}`"));
        return Vec::new();
    };
    let mut claims = Vec::new();
    for entry in entries {
        match EntityKind::find(&entry.key) {
            Some(kind) => claims.extend(of_kind(kind, &entry.value, reader)),
            None => reader.mistake(no_kind(&entry.key, &entry.key_location)),
        }
    }
    claims
}

fn of_kind(kind: &'static EntityKind, node: &Node, reader: &Reader<'_>) -> Vec<Claimed> {
    let whole =
        |on_conflict| Claimed { kind: kind.name, scope: Scope::Whole, on_conflict, location: node.location.clone() };
    match &node.kind {
        NodeKind::Scalar { text, .. } if &**text == "all" => vec![whole(OnConflict::default())],
        NodeKind::List(items) => fields(kind, items, OnConflict::default(), reader),
        NodeKind::Map(_) => {
            let from = Reader::new(node, "`authority` over a kind of entity");
            let on_conflict = from.choice("on_conflict", ON_CONFLICT).unwrap_or_default();
            let mut claims = Vec::new();
            let (of_fields, of_states) = (from.node("fields"), from.node("states"));
            if let Some(node) = of_fields {
                match all_or_list(node) {
                    Some(None) => {
                        claims.extend(kind.fields.iter().filter(|field| !kind.key.contains(&field.name)).map(|field| {
                            Claimed {
                                scope: Scope::Field(field.name),
                                location: node.location.clone(),
                                ..whole(on_conflict)
                            }
                        }))
                    }
                    Some(Some(items)) => claims.extend(fields(kind, items, on_conflict, reader)),
                    None => reader.mistake(Diagnostic::error(&node.location, "`fields` is `all` or a list of fields")),
                }
            }
            if let Some(node) = of_states {
                match all_or_list(node) {
                    Some(None) => claims.extend(kind.states.iter().map(|state| Claimed {
                        scope: Scope::State(state),
                        location: node.location.clone(),
                        ..whole(on_conflict)
                    })),
                    Some(Some(items)) => claims.extend(states(kind, items, on_conflict, reader)),
                    None => reader.mistake(Diagnostic::error(&node.location, "`states` is `all` or a list of states")),
                }
            }
            if of_fields.is_none() && of_states.is_none() {
                claims.push(whole(on_conflict));
            }
            reader.mistakes(from.finish());
            claims
        }
        _ => {
            let message = format!("authority over {} cannot be read", kind.name);
            reader.mistake(Diagnostic::error(&node.location, message).hint(TAKES));
            Vec::new()
        }
    }
}

/// `None` is neither; `Some(None)` is `all`.
fn all_or_list(node: &Node) -> Option<Option<&[Node]>> {
    match node.text() {
        Some("all") => Some(None),
        Some(_) => None,
        None => node.items().map(Some),
    }
}

fn fields(kind: &'static EntityKind, items: &[Node], on_conflict: OnConflict, reader: &Reader<'_>) -> Vec<Claimed> {
    let mut claims = Vec::new();
    for item in items {
        let name = item.text().unwrap_or_default();
        match field_named(kind, name) {
            Some(field) if kind.key.contains(&field) => {
                let message =
                    format!("`{field}` is the key of {}: it names the entity and is nobody's to change", kind.name);
                reader.mistake(Diagnostic::error(&item.location, message));
            }
            Some(field) => claims.push(Claimed {
                kind: kind.name,
                scope: Scope::Field(field),
                on_conflict,
                location: item.location.clone(),
            }),
            None => {
                let known = kind.fields.iter().map(|field| field.name);
                reader.mistake(unknown(item, &format!("{} has no field `{name}`", kind.name), name, known));
            }
        }
    }
    claims
}

fn states(kind: &'static EntityKind, items: &[Node], on_conflict: OnConflict, reader: &Reader<'_>) -> Vec<Claimed> {
    let mut claims = Vec::new();
    for item in items {
        let name = item.text().unwrap_or_default();
        match state_named(kind, name) {
            Some(state) => claims.push(Claimed {
                kind: kind.name,
                scope: Scope::State(state),
                on_conflict,
                location: item.location.clone(),
            }),
            None => {
                let known = kind.states.iter().copied();
                reader.mistake(unknown(item, &format!("{} has no state `{name}`", kind.name), name, known));
            }
        }
    }
    claims
}

fn unknown(node: &Node, message: &str, name: &str, known: impl Iterator<Item = &'static str>) -> Diagnostic {
    let known: Vec<&str> = known.collect();
    let mistake = Diagnostic::error(&node.location, message);
    match nearest(name, known.iter().copied()) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake.hint(format!("there are {}", known.join(", "))),
    }
}

/// Puts the claims of all systems together. Two systems for one thing are a mistake; something that two systems write and
/// nobody claims is a weak spot.
pub fn compile(systems: &BTreeMap<String, System>, flows: &Flows, mistakes: &mut Vec<Diagnostic>) -> Authority {
    let mut authority = Authority::default();
    for (name, system) in systems {
        for claimed in &system.claims {
            let claim = Claim { system: SystemName::from(name.as_str()), on_conflict: claimed.on_conflict };
            let Err(other) = authority.claim(claimed.kind, claimed.scope, claim) else { continue };
            let what = match claimed.scope {
                Scope::Whole => format!("everything about entities of kind {}", claimed.kind),
                Scope::Field(field) => format!("the field `{field}` of {}", claimed.kind),
                Scope::State(state) => format!("the state `{state}` of {}", claimed.kind),
            };
            mistakes.push(
                Diagnostic::error(&claimed.location, format!("{name} and {other} both claim {what}"))
                    .hint("one system is the system of record: remove one of the two"),
            );
        }
    }
    tell_missing(&authority, systems, flows, mistakes);
    authority
}

fn tell_missing(
    authority: &Authority,
    systems: &BTreeMap<String, System>,
    flows: &Flows,
    mistakes: &mut Vec<Diagnostic>,
) {
    let mut writers: BTreeMap<&'static str, BTreeSet<&SystemName>> = BTreeMap::new();
    let mut wrote = |emits: EventType, system| {
        writers.entry(emits.entity.name).or_default().insert(system);
    };
    for flow in &flows.inbound {
        flow.mappings.iter().for_each(|mapping| wrote(mapping.emits, &flow.system));
    }
    for flow in &flows.outbound {
        flow.then.iter().for_each(|mapping| wrote(mapping.emits, &flow.system));
    }
    // Each observation is an entity of its own: whoever makes it is its only source.
    let is_observation = |kind: &str| EntityKind::find(kind).is_some_and(EntityKind::is_observation);
    let contested =
        |kind: &str, names: &BTreeSet<&SystemName>| names.len() > 1 && !authority.knows(kind) && !is_observation(kind);
    for (kind, names) in writers.into_iter().filter(|(kind, names)| contested(kind, names)) {
        let told: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let Some(first) = told.first().and_then(|name| systems.get(*name)) else { continue };
        mistakes.push(
            Diagnostic::warning(
                &first.location,
                format!("{} all write entities of kind {kind}, and none is the system of record", told.join(", ")),
            )
            .hint(format!("say which may say what: `authority: {{{kind}: all}}` in one, or fields and states in each")),
        );
    }
}
