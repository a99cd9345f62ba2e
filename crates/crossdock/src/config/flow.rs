//! `flows/<name>.yaml`: from a system's channel to events (`from`), or from events to an operation of a system
//! (`on`, `to`).

use std::collections::{BTreeMap, BTreeSet};

use crossdock_core::hub::{EventMapping, FlowClass, GroupRule, InboundFlow, OutboundFlow, Repetition};
use crossdock_core::ids::{FlowName, SystemName};
use crossdock_core::mapping::types::{Check, Texts, Ty};
use crossdock_core::mapping::{Expression, Scope};
use crossdock_core::model::EventType;
use crossdock_core::model::shape::Shape;
use crossdock_core::source::{Diagnostic, Location, Node, Reader, Severity, nearest};
use crossdock_core::transmission::{Criticality, RetrySchedule};

use super::folder::{File, Folder, Kind};
use super::mapping::{self, MappingFile, Place, event_type, given, keyed};
use super::names;
use super::system::System;

/// How long a transmission may be held before somebody is told, in milliseconds.
const AFTER_WITHIN_MS: u64 = 24 * 3_600_000;

/// What flows refer to.
pub struct World<'w, 'f> {
    pub systems: &'w BTreeMap<String, System>,
    pub mappings: &'w BTreeMap<&'f str, MappingFile<'f>>,
    pub codes: &'w std::sync::Arc<crossdock_core::mapping::CodeLists>,
    pub texts: &'w Texts,
}

/// All flows of a hub, and the systems they name.
#[derive(Default)]
pub struct Flows {
    pub inbound: Vec<InboundFlow>,
    pub outbound: Vec<OutboundFlow>,
    pub systems: BTreeSet<String>,
    /// What is not wrong as far as is known, but not proved either.
    pub unproved: Vec<Diagnostic>,
}

/// Reads all flows.
pub fn read_all(folder: &Folder, world: &World<'_, '_>, mistakes: &mut Vec<Diagnostic>) -> Flows {
    let mut flows = Flows::default();
    let outbound = outbound_names(folder);
    for file in folder.of_kind(Kind::Flow) {
        let Some(node) = &file.node else { continue };
        let reader = Reader::new(node, "flow");
        names::check_own("flow", file, &reader);
        let flow =
            FlowReader { file, node, world, reader, outbound: &outbound, found: Vec::new(), unproved: Vec::new() };
        flow.read(&mut flows, mistakes);
    }
    check_order(folder, &outbound, mistakes);
    tell_deaf(folder, &flows, mistakes);
    flows
}

/// Warns of event types that an outbound flow waits for and no mapping of this hub makes.
fn tell_deaf(folder: &Folder, flows: &Flows, mistakes: &mut Vec<Diagnostic>) {
    let inbound = flows.inbound.iter().flat_map(|flow| &flow.mappings);
    let results = flows.outbound.iter().flat_map(|flow| &flow.then);
    let made: BTreeSet<String> = inbound.chain(results).map(|mapping| mapping.emits.name()).collect();
    // A mapping with mistakes makes nothing yet; its flow would be blamed for it.
    if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
        return;
    }
    for file in folder.of_kind(Kind::Flow) {
        let Some(on) = file.node.as_ref().and_then(|node| given(node, "on")) else { continue };
        for item in on.items().unwrap_or(std::slice::from_ref(on)) {
            let Some(name) = item.text().filter(|name| EventType::find(name).is_some() && !made.contains(*name)) else {
                continue;
            };
            mistakes.push(
                Diagnostic::warning(&item.location, format!("no flow of this hub makes {name}"))
                    .hint("this flow never acts until a mapping that emits it is used by a flow"),
            );
        }
    }
}

/// Outbound flows by name, with what they are about as far as it is certain: the kinds of entity.
fn outbound_names(folder: &Folder) -> BTreeMap<&str, Vec<&'static str>> {
    let mut names = BTreeMap::new();
    for file in folder.of_kind(Kind::Flow) {
        let Some(node) = file.node.as_ref().filter(|node| is_outbound(node)) else { continue };
        let about = given(node, "about").and_then(Node::entries).and_then(<[_]>::first);
        let kinds = match about {
            Some(entry) => {
                crossdock_core::model::EntityKind::find(&entry.key).map(|kind| kind.name).into_iter().collect()
            }
            None => texts(node, "on").filter_map(EventType::find).map(|event| event.entity.name).collect(),
        };
        names.insert(file.name.as_str(), kinds);
    }
    names
}

fn is_outbound(node: &Node) -> bool {
    given(node, "on").is_some() || given(node, "to").is_some()
}

/// A text or a list of texts.
fn texts<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n str> {
    let node = given(node, key);
    node.into_iter().flat_map(|node| node.items().unwrap_or(std::slice::from_ref(node))).filter_map(Node::text)
}

struct FlowReader<'r, 'w, 'f> {
    file: &'r File,
    node: &'r Node,
    world: &'r World<'w, 'f>,
    reader: Reader<'r>,
    outbound: &'r BTreeMap<&'r str, Vec<&'static str>>,
    /// Mistakes in other files, found by compiling them for this flow.
    found: Vec<Diagnostic>,
    unproved: Vec<Diagnostic>,
}

impl FlowReader<'_, '_, '_> {
    fn read(mut self, flows: &mut Flows, mistakes: &mut Vec<Diagnostic>) {
        match (given(self.node, "from").is_some(), is_outbound(self.node)) {
            (true, false) => flows.inbound.extend(self.inbound(&mut flows.systems)),
            (false, true) => flows.outbound.extend(self.outbound(&mut flows.systems)),
            (both, _) => {
                let message = match both {
                    true => "a flow has either `from` or `on` and `to`, not both",
                    false => "the flow has no beginning: it lacks `from`, or `on` and `to`",
                };
                self.reader.mistake(
                    Diagnostic::error(&self.node.location, message).hint(
                        "`from` takes messages of a system in; `on` and `to` send what events ask for to a system",
                    ),
                );
                // Its fields cannot be judged.
                mistakes.push(self.reader.finish().swap_remove(0));
                return;
            }
        }
        mistakes.extend(self.reader.finish());
        mistakes.extend(self.found);
        flows.unproved.extend(self.unproved);
    }

    fn inbound(&mut self, used: &mut BTreeSet<String>) -> Option<InboundFlow> {
        let from = self.reader.required("from")?;
        let reader = Reader::new(from, "`from`");
        let system = self.system(&reader, used);
        let channel = reader.optional_text("channel").map(str::to_owned);
        self.reader.mistakes(reader.finish());
        let scope = Place::Inbound.scope(self.world.codes, false);
        let when = self.expression("when", &scope);
        let mappings = self.event_mappings("map", Place::Inbound, true);
        let echo = self.expression("echo", &scope);
        if let Some(system) = &system {
            self.check_inbound(system, channel.as_deref(), &from.location);
        }
        let owner = self.owner();
        Some(InboundFlow { name: self.name(), system: system?, channel, when, mappings, echo, owner })
    }

    fn outbound(&mut self, used: &mut BTreeSet<String>) -> Option<OutboundFlow> {
        let on = self.events();
        let repeat = self.repetition(&on);
        let (system, operation, retry) = self.target(used);
        let scope = Place::Outbound.scope(self.world.codes, false);
        let when = self.expression("when", &scope);
        let input = self.input_mapping();
        let about = self.keyed("about", &scope);
        let key = self.keyed("key", &scope);
        let group = self.group(&scope, system.as_ref(), operation.as_deref());
        let class = self.class();
        let after = self.after();
        let after_within_ms = self.reader.duration_ms("after_within");
        if let (Some(node), true) = (self.reader.node("after_within"), after.is_empty()) {
            self.reader.mistake(Diagnostic::error(&node.location, "`after_within` means nothing without `after`"));
        }
        let then = self.event_mappings("then", Place::Result, false);
        self.check_outbound(&on, system.as_ref(), operation.as_deref());
        let owner = self.owner();
        Some(OutboundFlow {
            name: self.name(),
            on,
            repeat,
            when,
            system: system?,
            operation: operation?,
            input: input?,
            about,
            key,
            group,
            class,
            after,
            after_within_ms: after_within_ms.unwrap_or(AFTER_WITHIN_MS),
            then,
            retry,
            owner,
        })
    }

    /// Checks condition and mappings against what is known of the messages: once for each channel it takes.
    fn check_inbound(&mut self, system: &SystemName, channel: Option<&str>, from: &Location) {
        let known = self.world.systems.get(system.as_str()).map(|system| &system.channels);
        let mut taken: Vec<(String, Ty, bool)> = Vec::new();
        for (name, known) in known.into_iter().flatten() {
            if channel.is_none_or(|channel| channel == name) {
                taken.push((name.clone(), known.body.clone(), known.from_samples));
            }
        }
        let several = taken.len() > 1;
        if taken.is_empty() {
            taken.push((channel.unwrap_or_default().to_owned(), Ty::dynamic(), true));
        }
        for (channel, body, guessed) in taken {
            let untyped = body.is_dynamic();
            let mut check = Check::new(self.world.texts, self.world.codes, guessed);
            check.variable("message", Ty::message(body));
            check.same("body", "message", "body");
            if let Some(when) = self.reader.node("when") {
                check.condition(when, "when");
            }
            let mut place = format!("in flow {}", self.file.name);
            if several {
                place += &format!(", channel {channel}");
            }
            self.check_mappings("map", &check, &place, untyped);
            let checked = check.finish();
            self.found.extend(checked.findings);
            if !untyped {
                self.unproved.extend(checked.unproved);
                continue;
            }
            let what = if channel.is_empty() { format!("system {system}") } else { format!("channel {channel}") };
            let message = format!("nothing is known of the messages of {what}, so nothing is proved of its mappings");
            let hint = format!("name a schema or samples under `channels` in systems/{system}.yaml");
            self.unproved.push(Diagnostic::warning(from, message).hint(hint).kind("untyped-channel"));
        }
    }

    /// Checks what the flow says of the event, and its mappings.
    fn check_outbound(&mut self, on: &[EventType], system: Option<&SystemName>, operation: Option<&str>) {
        let (takes, gives) = self.shapes(system, operation);
        let mut check = Check::new(self.world.texts, self.world.codes, true);
        check.variable("event", Ty::event(on));
        check.variable("linked", Ty::linked());
        if let Some(when) = self.reader.node("when") {
            check.condition(when, "when");
        }
        for key in ["about", "key"] {
            if let Some(entry) = self.reader.node(key).and_then(Node::entries).and_then(<[_]>::first) {
                check.key(&entry.value, &format!("`{key}`"), Some(&entry.key));
            }
        }
        if let Some(entry) = self.reader.node("group").and_then(Node::entries).and_then(<[_]>::first) {
            check.key(&entry.value, "`group`", None);
        }
        check.operation(operation.unwrap_or_default(), takes);
        let place = format!("in flow {}", self.file.name);
        self.check_mappings("map", &check, &place, false);
        let mut result = Check::new(self.world.texts, self.world.codes, true);
        result.variable("result", Ty::of_operation(&gives));
        result.variable("input", Ty::of_operation(&takes));
        result.variable("event", Ty::event(on));
        result.variable("transmission", Ty::transmission());
        self.check_mappings("then", &result, &place, gives.is_any());
        let checked = check.finish();
        self.found.extend(checked.findings);
        self.unproved.extend(checked.unproved);
    }

    /// What an operation takes and gives; anything where it is not known.
    fn shapes(&self, system: Option<&SystemName>, operation: Option<&str>) -> (Shape, Shape) {
        let plan = system.and_then(|name| self.world.systems.get(name.as_str())?.plan.as_ref());
        let known = plan.and_then(|plan| plan.endpoint.operations().iter().find(|known| Some(known.name) == operation));
        known.map_or((Shape::ANY, Shape::ANY), |operation| (operation.input, operation.result))
    }

    fn check_mappings(&self, key: &'static str, check: &Check<'_>, place: &str, untyped: bool) {
        for (name, _) in self.reader.texts(key) {
            if let Some(mapping) = self.world.mappings.get(&*name) {
                mapping.check(check.another(mapping.codes()), place, untyped);
            }
        }
    }

    fn name(&self) -> FlowName {
        FlowName::new(self.file.name.as_str())
    }

    fn owner(&self) -> Option<String> {
        self.reader.optional_text("owner").map(str::to_owned)
    }

    fn at<'n>(&self, reader: &Reader<'n>, key: &'static str) -> Location {
        reader.node(key).map_or(reader.location(), |node| &node.location).clone()
    }

    /// The system that `from` or `to` names.
    fn system(&self, reader: &Reader<'_>, used: &mut BTreeSet<String>) -> Option<SystemName> {
        let name = reader.text("system")?;
        if self.world.systems.contains_key(name) {
            used.insert(name.to_owned());
            return Some(SystemName::from(name));
        }
        let known = self.world.systems.keys().map(String::as_str);
        reader.mistake(names::unknown(&self.at(reader, "system"), "system", name, known, "systems"));
        None
    }

    fn events(&self) -> Vec<EventType> {
        self.reader.required("on");
        let names = self.reader.texts("on");
        names.iter().filter_map(|(name, at)| event_type(Some(name), at, &self.reader)).collect()
    }

    /// Events that move a state are acted on once per subject, others every time, unless the flow says otherwise.
    fn repetition(&self, on: &[EventType]) -> Repetition {
        const WORDS: &[(&str, Repetition)] = &[("once", Repetition::Once), ("every", Repetition::Every)];
        if let Some(repeat) = self.reader.choice("repeat", WORDS) {
            return repeat;
        }
        let moving = on.iter().filter(|event| event.event.to.is_some()).count();
        if moving > 0 && moving < on.len() && self.reader.node("repeat").is_none() {
            self.reader.mistake(
                Diagnostic::warning(
                    &self.at(&self.reader, "on"),
                    "some of these events move a state and some do not: the flow acts on every one of them",
                )
                .hint("say `repeat: once` (on the first of its type per subject) or `repeat: every`"),
            );
        }
        if moving == on.len() { Repetition::Once } else { Repetition::Every }
    }

    fn target(&self, used: &mut BTreeSet<String>) -> (Option<SystemName>, Option<String>, RetrySchedule) {
        let Some(to) = self.reader.required("to") else { return (None, None, RetrySchedule::default()) };
        let reader = Reader::new(to, "`to`");
        let system = self.system(&reader, used);
        let configured = system.as_ref().and_then(|name| self.world.systems.get(name.as_str()));
        let operation = reader.text("operation");
        if let (Some(operation), Some(plan)) = (operation, configured.and_then(|system| system.plan.as_ref())) {
            let known: Vec<&str> = plan.endpoint.operations().iter().map(|operation| operation.name).collect();
            if !known.contains(&operation) {
                self.no_operation(operation, &known, &plan.connector, &reader);
            }
        }
        let retry = configured.map(|system| system.retry.clone()).unwrap_or_default();
        let operation = operation.map(str::to_owned);
        self.reader.mistakes(reader.finish());
        (system, operation, retry)
    }

    fn no_operation(&self, operation: &str, known: &[&str], connector: &str, reader: &Reader<'_>) {
        let message = format!("connector {connector} has no operation `{operation}`");
        let mistake = Diagnostic::error(&self.at(reader, "operation"), message);
        reader.mistake(match nearest(operation, known.iter().copied()) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => mistake.hint("it only takes messages in; it has no operations"),
            None => mistake.hint(format!("it has {}", known.join(", "))),
        });
    }

    fn expression(&mut self, key: &'static str, scope: &Scope) -> Option<Expression> {
        let node = self.reader.node(key)?;
        mapping::expression(node, scope, &mut self.found)
    }

    fn keyed(&mut self, key: &'static str, scope: &Scope) -> Option<(String, Expression)> {
        let node = self.reader.node(key)?;
        keyed(node, scope, &mut self.found)
    }

    fn mapping(&self, name: &str, at: &Location) -> Option<&MappingFile<'_>> {
        let found = self.world.mappings.get(name);
        if let Some(mapping) = found {
            mapping.mark_named();
        } else {
            let known = self.world.mappings.keys().copied();
            self.reader.mistake(names::unknown(at, "mapping", name, known, "mappings"));
        }
        found
    }

    fn event_mappings(&mut self, key: &'static str, place: Place, required: bool) -> Vec<EventMapping> {
        if required {
            self.reader.required(key);
        }
        let mut compiled = Vec::new();
        let mut found = Vec::new();
        for (name, at) in self.reader.texts(key) {
            let Some(mapping) = self.mapping(&name, at) else { continue };
            if mapping.makes_events {
                compiled.extend(mapping.compile_event(place, &mut found));
                continue;
            }
            let message = format!("mapping {name} makes no events, and `{key}` is for mappings that do");
            self.reader.mistake(
                Diagnostic::error(at, message).hint(format!("add `emits` to mappings/{name}.yaml, or name another")),
            );
        }
        self.found.extend(found);
        compiled
    }

    fn input_mapping(&mut self) -> Option<crossdock_core::mapping::Mapping> {
        let node = self.reader.required("map")?;
        let name = self.reader.text("map")?;
        let mapping = self.mapping(name, &node.location)?;
        if mapping.makes_events {
            self.reader.mistake(
                Diagnostic::error(
                    &node.location,
                    format!("mapping {name} makes events, and `map` of this flow makes the input of an operation"),
                )
                .hint("name a mapping without `emits`; events made of the result belong under `then`"),
            );
            return None;
        }
        let mut found = Vec::new();
        let compiled = mapping.compile_input(&mut found);
        self.found.extend(found);
        compiled
    }

    /// `group: {warehouse: event.data.warehouse}`: what its transmissions share limits with. An operation that contends
    /// has its group without being told, all of it one.
    fn group(&mut self, scope: &Scope, system: Option<&SystemName>, operation: Option<&str>) -> Option<GroupRule> {
        let plan = system.and_then(|name| self.world.systems.get(name.as_str())?.plan.as_ref());
        let Some(node) = self.reader.node("group") else {
            let contends = plan.zip(operation).and_then(|(plan, operation)| plan.endpoint.contends(operation));
            return contends.map(|kind| GroupRule { kind: kind.to_owned(), key: None });
        };
        let Some([entry]) = node.entries() else {
            let mistake =
                Diagnostic::error(&node.location, "here stands one kind of group with the expression for its key");
            self.reader.mistake(mistake.hint("such as `{warehouse: event.data.warehouse}`"));
            return None;
        };
        if let Some(plan) = plan.filter(|plan| !plan.limits.groups.contains_key(&*entry.key)) {
            let known: Vec<&str> = plan.limits.groups.keys().map(String::as_str).collect();
            let message = format!("system {} has no limits for groups called `{}`", system?, entry.key);
            let mistake = Diagnostic::error(&entry.key_location, message);
            self.reader.mistake(match nearest(&entry.key, known.iter().copied()) {
                Some(near) => mistake.hint(format!("did you mean `{near}`?")),
                None => {
                    mistake.hint(format!("add `limits: {{groups: {{{}: {{concurrency_max: 1}}}}}}` to it", entry.key))
                }
            });
        }
        let key = mapping::expression(&entry.value, scope, &mut self.found)?;
        Some(GroupRule { kind: entry.key.to_string(), key: Some(key) })
    }

    /// `class: {criticality: batch}`: what goes before what.
    fn class(&self) -> FlowClass {
        const WORDS: &[(&str, Criticality)] =
            &[("critical", Criticality::Critical), ("normal", Criticality::Normal), ("batch", Criticality::Batch)];
        let Some(node) = self.reader.node("class") else { return FlowClass::default() };
        let from = Reader::new(node, "`class`");
        let criticality = from.choice("criticality", WORDS).unwrap_or_default();
        self.reader.mistakes(from.finish());
        FlowClass { criticality }
    }

    /// Flows that must be done before, for the same entity.
    fn after(&self) -> Vec<FlowName> {
        let mut flows = Vec::new();
        let mine = self.outbound.get(self.file.name.as_str());
        for (name, at) in self.reader.texts("after") {
            let Some(theirs) = self.outbound.get(&*name) else {
                let known = self.outbound.keys().copied();
                self.reader.mistake(names::unknown(at, "outbound flow", &name, known, "flows"));
                continue;
            };
            let (theirs, mine) = (theirs, mine.map(Vec::as_slice).unwrap_or_default());
            if !theirs.is_empty() && !mine.is_empty() && !theirs.iter().any(|kind| mine.contains(kind)) {
                let message = format!(
                    "flow {name} is about {}, this one about {}: it would wait for ever",
                    theirs.join(" or "),
                    mine.join(" or ")
                );
                self.reader.mistake(
                    Diagnostic::error(at, message).hint("let both name the same kind of entity under `about`"),
                );
            }
            flows.push(FlowName::new(name));
        }
        flows
    }
}

/// Tells when flows wait for each other in a circle, once per circle.
fn check_order(folder: &Folder, outbound: &BTreeMap<&str, Vec<&'static str>>, mistakes: &mut Vec<Diagnostic>) {
    let waits: BTreeMap<&str, &Node> = folder
        .of_kind(Kind::Flow)
        .filter(|file| outbound.contains_key(file.name.as_str()))
        .filter_map(|file| Some((file.name.as_str(), file.node.as_ref()?)))
        .collect();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in waits.keys() {
        if told.contains(start) {
            continue;
        }
        let Some(circle) = circle_from(start, &waits) else { continue };
        told.extend(circle.iter().copied());
        let node = waits.get(start).and_then(|node| given(node, "after"));
        let at = node.map_or_else(|| Location::new(format!("flows/{start}.yaml"), 1, 1), |node| node.location.clone());
        let told = match circle.len() {
            1 => "the flow waits for itself".to_owned(),
            _ => format!("these flows wait for each other: {} → {start}", circle.join(" → ")),
        };
        mistakes.push(Diagnostic::error(&at, told).hint("remove one of the `after`"));
    }
}

/// The way from a flow through `after` back to itself.
fn circle_from<'n>(start: &'n str, waits: &BTreeMap<&'n str, &'n Node>) -> Option<Vec<&'n str>> {
    let mut way = vec![start];
    let mut open: Vec<Vec<&str>> =
        vec![waits.get(start).map(|node| texts(node, "after").collect()).unwrap_or_default()];
    let mut seen = BTreeSet::new();
    while let Some(next) = open.last_mut() {
        match next.pop() {
            Some(flow) if flow == start => return Some(way),
            Some(flow) => {
                if let Some((flow, node)) = waits.get_key_value(flow).filter(|(flow, _)| seen.insert(**flow)) {
                    way.push(flow);
                    open.push(texts(node, "after").collect());
                }
            }
            None => {
                open.pop();
                way.pop();
            }
        }
    }
    None
}
