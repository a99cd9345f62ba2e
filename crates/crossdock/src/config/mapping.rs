//! `mappings/**/<name>.yaml`: read once, compiled for each place that uses it, because the place decides what its
//! expressions may speak of.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossdock_core::hub::{EventMapping, FindRule, ReferenceRule, Unknown, scopes};
use crossdock_core::ids::SystemName;
use crossdock_core::mapping::types::{Check, Checked, Texts, Ty};
use crossdock_core::mapping::{CodeLists, Expression, Mapping, Scope};
use crossdock_core::model::{ENTITIES, EntityKind, EventType};
use crossdock_core::source::{Diagnostic, Location, Node, NodeKind, Reader, nearest};

use super::emits::{self, Emits};
use super::folder::{File, Folder, Kind};
use super::names;

/// Where a mapping is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `map` of an inbound flow.
    Inbound,
    /// `map` of an outbound flow.
    Outbound,
    /// `then` of an outbound flow.
    Result,
}

impl Place {
    /// The variables of the place; `item` only where `each` binds it.
    pub fn scope(self, codes: &Arc<CodeLists>, with_item: bool) -> Scope {
        self.scope_with(codes, with_item, false)
    }

    /// The same; `found` only where `find` binds it.
    pub fn scope_with(self, codes: &Arc<CodeLists>, with_item: bool, with_found: bool) -> Scope {
        let names: &[&str] = match self {
            Place::Inbound => &scopes::INBOUND,
            Place::Outbound => &scopes::OUTBOUND,
            Place::Result => &scopes::RESULT,
        };
        // An empty name keeps the slot of a variable that nothing binds.
        let names = names.iter().copied().map(|name| match name {
            "item" if !with_item => "",
            "found" if !with_found => "",
            name => name,
        });
        Scope::new(names).with_codes(codes.clone())
    }
}

/// A mapping's file, read but not compiled.
pub struct MappingFile<'f> {
    file: &'f File,
    /// It has the field `emits`, right or wrong.
    pub makes_events: bool,
    emits: Option<Emits<'f>>,
    /// In place of the file's, where `emits` adds to it.
    target: Option<Node>,
    codes: Arc<CodeLists>,
    /// Some flow names it.
    is_named: Cell<bool>,
    /// It was compiled for some place.
    is_compiled: Cell<bool>,
    /// What was found where it is used.
    uses: RefCell<Vec<Use>>,
}

/// What was found in a mapping where a flow uses it.
struct Use {
    /// The flow, and the channel where the flow takes several.
    place: String,
    checked: Checked,
}

/// Reads all mappings, by name.
pub fn read_all<'f>(
    folder: &'f Folder,
    codes: &Arc<CodeLists>,
    systems: &BTreeSet<String>,
    mistakes: &mut Vec<Diagnostic>,
) -> BTreeMap<&'f str, MappingFile<'f>> {
    let files = folder.of_kind(Kind::Mapping);
    files.map(|file| (file.name.as_str(), MappingFile::read(file, codes, systems, mistakes))).collect()
}

impl<'f> MappingFile<'f> {
    fn read(
        file: &'f File,
        codes: &Arc<CodeLists>,
        systems: &BTreeSet<String>,
        mistakes: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut mapping = Self {
            file,
            makes_events: false,
            emits: None,
            target: None,
            codes: codes.clone(),
            is_named: Cell::new(false),
            is_compiled: Cell::new(false),
            uses: RefCell::default(),
        };
        let Some(node) = &file.node else { return mapping };
        let reader = Reader::new(node, "mapping");
        names::check_own("mapping", file, &reader);
        if let Some(emits) = reader.node("emits") {
            mapping.makes_events = true;
            mapping.emits = emits::read(emits, codes, &reader);
        }
        for key in ["when", "each", "time", "references", "find"] {
            if let Some(node) = reader.node(key).filter(|_| !mapping.makes_events) {
                reader.mistake(
                    Diagnostic::error(&node.location, format!("`{key}` is for mappings that make events"))
                        .hint("add `emits`, or remove it: what a flow sends is decided in the flow"),
                );
            }
        }
        check_references(reader.node("references"), systems, &reader);
        check_find(reader.node("find"), systems, &reader);
        mapping.choose_codes(codes, &reader);
        if let (Some(target), Some(emits)) = (reader.required("target"), &mapping.emits) {
            mapping.target = emits.target(target);
        }
        mistakes.extend(reader.finish());
        mapping
    }

    /// With `codes` only those lists are in sight.
    fn choose_codes(&mut self, all: &Arc<CodeLists>, reader: &Reader<'_>) {
        if reader.node("codes").is_none() {
            return;
        }
        let mut chosen = CodeLists::new();
        for (name, at) in reader.texts("codes") {
            match all.get(&name) {
                Some(list) => {
                    if let Err(mistake) = chosen.add((**list).clone()) {
                        reader.mistake(Diagnostic::error(at, mistake.message));
                    }
                }
                None => {
                    let known = all.iter().map(|list| &*list.name);
                    reader.mistake(names::unknown(at, "code list", &name, known, "codes"));
                }
            }
        }
        self.codes = Arc::new(chosen);
    }

    /// Some flow names it, be it in the wrong place.
    pub fn mark_named(&self) {
        self.is_named.set(true);
    }

    /// No flow names it, as far as that can be told: what cannot be read has said so already.
    pub fn is_unused(&self) -> bool {
        !self.is_named.get() && self.file.node.is_some()
    }

    /// Where its file begins.
    pub fn location(&self) -> Location {
        Location::new(self.file.path.as_str(), 1, 1)
    }

    /// Compiles it for a place that makes events. `None` when it has mistakes; those that were not told by reading
    /// are told here.
    pub fn compile_event(&self, place: Place, mistakes: &mut Vec<Diagnostic>) -> Option<EventMapping> {
        self.is_compiled.set(true);
        let node = self.file.node.as_ref()?;
        let each = given(node, "each");
        let outer = place.scope(&self.codes, false);
        let looking = place.scope(&self.codes, each.is_some());
        let inner = place.scope_with(&self.codes, each.is_some(), given(node, "find").is_some());
        let before = mistakes.len();
        if let Some(find) = given(node, "find").filter(|_| place != Place::Inbound) {
            mistakes.push(
                Diagnostic::error(
                    &find.location,
                    "`find` is for mappings of messages; a result belongs to its transmission",
                )
                .hint("use `event`, `input` or `result` instead"),
            );
            return None;
        }
        let find = find_rules(node, &looking, mistakes);
        let mut compile = |node: Option<&Node>, scope: &Scope| node.and_then(|node| expression(node, scope, mistakes));
        let each = compile(each, &outer);
        let when = compile(given(node, "when"), &inner);
        let time = compile(given(node, "time"), &inner);
        let references = self.references(node, &inner, mistakes);
        let emits = self.emits.as_ref()?;
        let choice = emits.choice.as_ref().map(|choice| emits::compile(choice, &inner, mistakes));
        let target = self.target()?;
        let target = Mapping::compile(target, &inner).map_err(|found| mistakes.extend(found)).ok();
        let target = target.map(|mapping| mapping.named(&self.file.name));
        if mistakes.len() > before {
            return None;
        }
        Some(EventMapping {
            name: self.file.name.clone(),
            emits: emits.event,
            choice: choice.flatten(),
            when,
            each,
            time,
            find,
            references,
            target: target?,
        })
    }

    /// The tree of its target.
    fn target(&self) -> Option<&Node> {
        self.target.as_ref().or_else(|| given(self.file.node.as_ref()?, "target"))
    }

    /// Compiles it for a place that makes an operation's input.
    pub fn compile_input(&self, mistakes: &mut Vec<Diagnostic>) -> Option<Mapping> {
        self.is_compiled.set(true);
        let target = self.target()?;
        let scope = Place::Outbound.scope(&self.codes, false);
        let compiled = Mapping::compile(target, &scope).map_err(|found| mistakes.extend(found)).ok();
        compiled.map(|mapping| mapping.named(&self.file.name))
    }

    /// The code lists in its sight.
    pub fn codes(&self) -> &CodeLists {
        &self.codes
    }

    /// Checks it with what is known of its input at a place where a flow uses it. What comes of that is told by
    /// [`Self::tell`], once all its uses are known.
    pub fn check(&self, mut check: Check<'_>, place: &str, untyped: bool) {
        let Some(node) = &self.file.node else { return };
        if let Some(each) = given(node, "each") {
            check.each(each, "item");
        }
        check_found(node, &mut check);
        if let Some(when) = given(node, "when") {
            check.condition(when, "when");
        }
        if let Some(time) = given(node, "time") {
            check.time(time);
        }
        for item in given(node, "references").and_then(Node::items).unwrap_or_default() {
            if let Some(value) = given(item, "value") {
                check.key(value, "a reference", None);
            }
            if let Some(entry) = given(item, "entity").and_then(Node::entries).and_then(<[_]>::first) {
                check.key(&entry.value, "the key of an entity", Some(&entry.key));
            }
        }
        let mut by_code = Checked::default();
        match (self.target(), &self.emits) {
            (None, _) => {}
            (Some(target), Some(emits)) if emits.choice.is_some() => {
                emits.check(target, || check.another(&self.codes), &mut by_code);
            }
            (Some(target), Some(emits)) => check.event(target, emits.event),
            (Some(_), None) if self.makes_events => {}
            (Some(target), None) => check.input(target),
        }
        let mut checked = check.finish();
        checked.findings.extend(by_code.findings);
        checked.unproved.extend(by_code.unproved);
        if untyped {
            // That nothing is known of the input is told once, not at every leaf.
            checked.unproved.clear();
        }
        self.uses.borrow_mut().push(Use { place: place.to_owned(), checked });
    }

    /// Tells what was found where it is used; what holds for some of its uses only, with the flow. Unproved is told
    /// apart.
    pub fn tell(&self, texts: &Texts, mistakes: &mut Vec<Diagnostic>, unproved: &mut Vec<Diagnostic>) {
        if self.uses.borrow().is_empty() {
            let mut check = Check::new(texts, &self.codes, true);
            let everywhere: BTreeSet<&str> =
                scopes::INBOUND.into_iter().chain(scopes::OUTBOUND).chain(scopes::RESULT).collect();
            for name in everywhere.iter().filter(|name| **name != "item") {
                check.variable(name, Ty::dynamic());
            }
            self.check(check, "", true);
        }
        let uses = self.uses.borrow();
        mistakes.extend(together(&uses, |checked| &checked.findings));
        unproved.extend(together(&uses, |checked| &checked.unproved));
    }

    /// Looks for mistakes that do not depend on the place, when no flow has had it compiled.
    pub fn look_over(&self, mistakes: &mut Vec<Diagnostic>) {
        let Some(node) = self.file.node.as_ref().filter(|_| !self.is_compiled.get()) else { return };
        let everywhere: BTreeSet<&str> =
            scopes::INBOUND.into_iter().chain(scopes::OUTBOUND).chain(scopes::RESULT).collect();
        let scope = Scope::new(everywhere).with_codes(self.codes.clone());
        find_rules(node, &scope, mistakes);
        for key in ["each", "when", "time"] {
            given(node, key).and_then(|node| expression(node, &scope, mistakes));
        }
        self.references(node, &scope, mistakes);
        if let Some(choice) = self.emits.as_ref().and_then(|emits| emits.choice.as_ref()) {
            emits::compile(choice, &scope, mistakes);
        }
        if let Some(Err(found)) = self.target().map(|target| Mapping::compile(target, &scope)) {
            mistakes.extend(found);
        }
    }

    fn references(&self, node: &Node, scope: &Scope, mistakes: &mut Vec<Diagnostic>) -> Vec<ReferenceRule> {
        let mut rules = Vec::new();
        for item in given(node, "references").and_then(Node::items).unwrap_or_default() {
            let entity = given(item, "entity").map(|entity| keyed(entity, scope, mistakes));
            let value = given(item, "value").and_then(|value| expression(value, scope, mistakes));
            let kind = given(item, "kind").and_then(Node::text);
            let (Some(value), Some(kind)) = (value, kind) else { continue };
            rules.push(ReferenceRule {
                entity: entity.flatten(),
                system: given(item, "system").and_then(Node::text).map(SystemName::from),
                kind: kind.to_owned(),
                value,
            });
        }
        rules
    }
}

/// The findings of all uses, each once.
fn together(uses: &[Use], pick: impl Fn(&Checked) -> &Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut told: Vec<Diagnostic> = Vec::new();
    for one in uses {
        for finding in pick(&one.checked) {
            let mut finding = finding.clone();
            if !uses.iter().all(|other| pick(&other.checked).contains(&finding)) {
                finding.message += &format!(" ({})", one.place);
            }
            if !told.contains(&finding) {
                told.push(finding);
            }
        }
    }
    told
}

/// The fields of `references`, apart from their expressions.
fn check_references(node: Option<&Node>, systems: &BTreeSet<String>, reader: &Reader<'_>) {
    let Some(node) = node else { return };
    let Some(items) = node.items() else {
        let message = format!("`references` must be a list of maps with `kind` and `value`, not {}", node.kind_word());
        reader.mistake(Diagnostic::error(&node.location, message));
        return;
    };
    for item in items {
        let from = Reader::new(item, "a reference");
        from.text("kind");
        from.required("value");
        from.node("entity");
        if let Some(system) = from.optional_text("system").filter(|system| !systems.contains(*system)) {
            let at = from.node("system").map_or(&item.location, |node| &node.location);
            from.mistake(names::unknown(at, "system", system, systems.iter().map(String::as_str), "systems"));
        }
        reader.mistakes(from.finish());
    }
}

/// What happens when nothing is known by an id, as `find` says it.
const UNKNOWN: &[(&str, bool)] = &[("exception", true), ("null", false)];

/// The fields of `find`, apart from their expressions.
fn check_find(node: Option<&Node>, systems: &BTreeSet<String>, reader: &Reader<'_>) {
    let Some(node) = node else { return };
    let Some(entries) = node.entries() else {
        let message =
            format!("`find` must be a map of names, each with `entity`, `kind` and `value`, not {}", node.kind_word());
        reader.mistake(Diagnostic::error(&node.location, message).hint(FIND_HINT));
        return;
    };
    for entry in entries {
        let from = Reader::new(&entry.value, "what is found");
        if let Some(entity) = from.text("entity") {
            let at = from.node("entity").map_or(&entry.value.location, |node| &node.location);
            if EntityKind::find(entity).is_none() {
                from.mistake(no_kind(entity, at));
            }
        }
        from.text("kind");
        from.required("value");
        if let Some(system) = from.optional_text("system").filter(|system| !systems.contains(*system)) {
            let at = from.node("system").map_or(&entry.value.location, |node| &node.location);
            from.mistake(names::unknown(at, "system", system, systems.iter().map(String::as_str), "systems"));
        }
        // `null` is a word here, not the absence of one.
        let unknown = entry.value.get("unknown");
        from.node("unknown");
        if let Some(unknown) = unknown.filter(|node| node.kind != NodeKind::Null) {
            match unknown.entries() {
                Some([create]) if &*create.key == "create" => {}
                Some(_) => from.mistake(Diagnostic::error(&unknown.location, UNKNOWN_TAKES)),
                None => drop(from.choice("unknown", UNKNOWN)),
            }
        }
        reader.mistakes(from.finish());
    }
}

const FIND_HINT: &str =
    "such as `find: {customer: {entity: customer_account, kind: res.partner, value: body.partner_id}}`";
const UNKNOWN_TAKES: &str = "`unknown` is `exception`, `null`, or `{create: …}` with the key of the new entity";

/// What is known of `found`: the key of an entity, or null where the rule says so.
fn check_found(node: &Node, check: &mut Check<'_>) {
    let Some(entries) = given(node, "find").and_then(Node::entries) else { return };
    let mut rules = Vec::new();
    for entry in entries {
        let rule = &entry.value;
        let kind = given(rule, "entity").and_then(Node::text).and_then(EntityKind::find);
        let id = given(rule, "value").map_or_else(Ty::dynamic, |value| check.key(value, "`value` of `find`", None));
        let unknown = rule.get("unknown");
        if let Some(create) = unknown.and_then(|unknown| unknown.get("create")) {
            check.key(create, "`create`", kind.map(|kind| kind.name));
        }
        let may_be_null = unknown.is_some_and(|node| node.kind == NodeKind::Null || node.text() == Some("null"));
        rules.extend(kind.map(|kind| (&*entry.key, Ty::found_by(&id, kind, may_be_null))));
    }
    check.variable("found", Ty::found(rules));
}

/// Compiles the rules of `find`. Their names can be used below `found`.
fn find_rules(node: &Node, scope: &Scope, mistakes: &mut Vec<Diagnostic>) -> Vec<FindRule> {
    let mut rules = Vec::new();
    for entry in given(node, "find").and_then(Node::entries).unwrap_or_default() {
        let rule = &entry.value;
        let value = given(rule, "value").and_then(|value| expression(value, scope, mistakes));
        let unknown = match rule.get("unknown") {
            None => Some(Unknown::Exception),
            Some(node) => match node.get("create") {
                Some(create) => expression(create, scope, mistakes).map(Unknown::Create),
                None if node.text() == Some("exception") => Some(Unknown::Exception),
                None => Some(Unknown::Null),
            },
        };
        let entity = given(rule, "entity").and_then(Node::text).and_then(EntityKind::find);
        let kind = given(rule, "kind").and_then(Node::text);
        let (Some(value), Some(unknown), Some(entity), Some(kind)) = (value, unknown, entity, kind) else { continue };
        rules.push(FindRule {
            name: entry.key.to_string(),
            entity: entity.name,
            system: given(rule, "system").and_then(Node::text).map(SystemName::from),
            kind: kind.to_owned(),
            value,
            unknown,
        });
    }
    rules
}

/// The mistake of naming a kind of entity that there is not.
pub fn no_kind(name: &str, at: &Location) -> Diagnostic {
    let mistake = Diagnostic::error(at, format!("there is no kind of entity `{name}`"));
    let known: Vec<&str> = ENTITIES.iter().map(|kind| kind.name).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake.hint(format!("there are {}", known.join(", "))),
    }
}

/// A field's node, `null` being none.
pub fn given<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).filter(|node| node.kind != NodeKind::Null)
}

/// Compiles a node as an expression.
pub fn expression(node: &Node, scope: &Scope, mistakes: &mut Vec<Diagnostic>) -> Option<Expression> {
    Expression::of_node(node, scope).map_err(|found| mistakes.extend(found)).ok()
}

/// Reads `{kind: expression}`: a kind of entity and the expression that gives its key.
pub fn keyed(node: &Node, scope: &Scope, mistakes: &mut Vec<Diagnostic>) -> Option<(String, Expression)> {
    let Some([entry]) = node.entries() else {
        mistakes.push(
            Diagnostic::error(&node.location, "here stands one kind of entity with the expression for its key")
                .hint("such as `{order: event.data.order}`"),
        );
        return None;
    };
    if EntityKind::find(&entry.key).is_none() {
        mistakes.push(no_kind(&entry.key, &entry.key_location));
        expression(&entry.value, scope, mistakes);
        return None;
    }
    let key = expression(&entry.value, scope, mistakes)?;
    Some((entry.key.to_string(), key))
}

/// The event type of a name, or the mistake with the nearest one.
pub fn event_type(name: Option<&str>, at: &Location, reader: &Reader<'_>) -> Option<EventType> {
    let name = name?;
    let found = EventType::find(name);
    if found.is_none() {
        let names: Vec<String> = EventType::all().map(|event| event.name()).collect();
        let mistake = Diagnostic::error(at, format!("there is no event type `{name}`"));
        let word = name.strip_prefix("crossdock.").unwrap_or(name).split('.').next().unwrap_or_default();
        let of_entity: Vec<&str> = names
            .iter()
            .filter(|known| known.strip_prefix("crossdock.").is_some_and(|rest| rest.split('.').next() == Some(word)))
            .map(String::as_str)
            .collect();
        reader.mistake(match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None if !of_entity.is_empty() => mistake.hint(format!("there are {}", of_entity.join(", "))),
            None => mistake.hint("event types are written `crossdock.<entity>.<past_verb>.v<n>`, such as crossdock.shipment.picked_up.v1"),
        });
    }
    found
}
