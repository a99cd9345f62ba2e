//! `emits` of a mapping: one type of event, or one chosen by a partner's status code.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crossdock_core::hub::EventChoice;
use crossdock_core::mapping::types::{Check, Checked};
use crossdock_core::mapping::{CodeList, CodeLists, Scope, event_of};
use crossdock_core::model::{ENTITIES, EntityKind, EventType};
use crossdock_core::source::{Diagnostic, Entry, Node, NodeKind, Reader, nearest};

use super::mapping::{event_type, expression};
use super::names;

/// The event for codes that say no other, and the field that keeps the code as it came.
const REPORTED: &str = "status_reported";
const RAW_CODE: &str = "partner_status";

/// What a mapping makes.
pub struct Emits<'f> {
    /// The type of event; with `choice` the one for codes that say no other.
    pub event: EventType,
    pub choice: Option<Choice<'f>>,
}

/// A type of event for each code.
pub struct Choice<'f> {
    list: Arc<CodeList>,
    code: &'f Node,
    /// By the list's words.
    events: HashMap<Arc<str>, EventType>,
    reports_unknown: bool,
    reports_others: bool,
}

/// Reads `emits`.
pub fn read<'f>(node: &'f Node, codes: &CodeLists, reader: &Reader<'_>) -> Option<Emits<'f>> {
    if node.entries().is_none() {
        let event = event_type(reader.optional_text("emits"), &node.location, reader)?;
        return Some(Emits { event, choice: None });
    }
    let from = Reader::new(node, "`emits`");
    let list = list(codes, &from);
    let entity = entity(&from);
    let code = from.required("of");
    let unknown = from.choice("unknown", &[("report", true), ("fault", false)]);
    let others = from.choice("others", &[("report", true), ("skip", false)]);
    let emits = match (list, entity, code) {
        (Some(list), Some(entity), Some(code)) => choice(list, entity, code, (unknown, others), &from),
        _ => None,
    };
    reader.mistakes(from.finish());
    emits
}

fn list(codes: &CodeLists, from: &Reader<'_>) -> Option<Arc<CodeList>> {
    let name = from.text("codes")?;
    let at = from.node("codes").map_or(from.location(), |node| &node.location);
    match codes.get(name) {
        Some(list) => Some(list.clone()),
        None => {
            from.mistake(names::unknown(at, "code list", name, codes.iter().map(|list| &*list.name), "codes"));
            None
        }
    }
}

fn entity(from: &Reader<'_>) -> Option<&'static EntityKind> {
    let name = from.text("entity")?;
    let found = EntityKind::find(name);
    if found.is_none() {
        let at = from.node("entity").map_or(from.location(), |node| &node.location);
        let mistake = Diagnostic::error(at, format!("there is no kind of entity `{name}`"));
        let known: Vec<&str> = ENTITIES.iter().map(|kind| kind.name).collect();
        from.mistake(match nearest(name, known.iter().copied()) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None => mistake.hint(format!("there are {}", known.join(", "))),
        });
    }
    found
}

fn choice<'f>(
    list: Arc<CodeList>,
    entity: &'static EntityKind,
    code: &'f Node,
    (unknown, others): (Option<bool>, Option<bool>),
    from: &Reader<'_>,
) -> Option<Emits<'f>> {
    let reported = entity.events.iter().rev().find(|event| event.verb == REPORTED);
    let (reports_unknown, reports_others) = (unknown.unwrap_or(true), others.unwrap_or(reported.is_some()));
    if reported.is_none() && (reports_unknown || reports_others) {
        from.mistake(
            Diagnostic::error(
                from.location(),
                format!("{} has no event `{REPORTED}` for codes without a meaning", entity.name),
            )
            .hint("say `unknown: fault` and `others: skip`"),
        );
        return None;
    }
    let mut events = HashMap::new();
    let mut wrong = Vec::new();
    for (_, word) in list.entries.iter() {
        match event_of(word) {
            Some(of) if of.entity.name == entity.name => drop(events.insert(word.clone(), of)),
            Some(_) => {}
            None if wrong.contains(&&**word) => {}
            None => wrong.push(&**word),
        }
    }
    if !wrong.is_empty() {
        let at = from.node("codes").map_or(from.location(), |node| &node.location);
        let message = format!("code list `{}` leads to {}, which is no event", list.name, wrong.join(", "));
        from.mistake(Diagnostic::error(at, message).hint("its words are events such as `delivered` or `stop.arrived`"));
        return None;
    }
    // The first as written: which event stands for all must not depend on chance.
    let first = list.entries.iter().find_map(|(_, word)| events.get(word)).copied();
    let event = reported.map(|event| EventType { entity, event }).or(first)?;
    Some(Emits { event, choice: Some(Choice { list, code, events, reports_unknown, reports_others }) })
}

impl Emits<'_> {
    /// Checks a target with every event that a code may lead to. Events that need the same are checked once.
    pub fn check<'c>(&self, target: &Node, begin: impl Fn() -> Check<'c>, told: &mut Checked) {
        // What does not depend on the event is told once.
        let mut seen = BTreeSet::new();
        for (event, why) in self.representatives() {
            let mut check = begin();
            check.event(target, event);
            if let Some(choice) = &self.choice {
                check.key(choice.code, "a status code", None);
            }
            let name = event.name();
            let checked = check.finish();
            for finding in checked.findings {
                if !seen.insert((finding.location.clone(), finding.message.replace(&name, ""))) {
                    continue;
                }
                // Which code comes with which fields is the partner's secret: decided when it comes.
                let depends = finding.kind == Some("target-maybe-missing") && why.is_some();
                let finding = match &why {
                    Some(why) if finding.kind == Some("target-missing-field") => finding.hint(why.clone()),
                    _ => finding,
                };
                let list = if depends { &mut told.unproved } else { &mut told.findings };
                list.push(finding);
            }
            told.unproved.extend(checked.unproved.into_iter().filter(|_| why.is_none()));
        }
    }

    /// One event for each set of needs, with the codes that lead to it in words; that with the fewest needs first.
    fn representatives(&self) -> Vec<(EventType, Option<String>)> {
        let mut by_needs: BTreeMap<&[&str], (EventType, Vec<&str>)> = BTreeMap::new();
        by_needs.insert(self.event.event.requires, (self.event, Vec::new()));
        let choice = self.choice.as_ref();
        for (code, word) in choice.iter().flat_map(|choice| &choice.list.entries) {
            if let Some(of) = choice.and_then(|choice| choice.events.get(word)) {
                by_needs.entry(of.event.requires).or_insert((*of, Vec::new())).1.push(code);
            }
        }
        by_needs
            .into_values()
            .map(|(of, codes)| {
                let codes = (of.event.requires != self.event.event.requires).then(|| codes.join(", "));
                let list = choice.map_or("", |choice| &choice.list.name);
                let why = codes.filter(|_| !of.event.requires.is_empty()).map(|codes| {
                    format!("{codes} of code list `{list}` may come: give what they need, or let your list lead them to `{REPORTED}`")
                });
                (of, why)
            })
            .collect()
    }

    /// The target, which keeps the code as it came when it says nothing else of it.
    pub fn target(&self, target: &Node) -> Option<Node> {
        let choice = self.choice.as_ref()?;
        self.event.entity.field(RAW_CODE)?;
        Some(with_code(target, choice.code))
    }
}

/// Compiles the choice for a place.
pub fn compile(choice: &Choice<'_>, scope: &Scope, mistakes: &mut Vec<Diagnostic>) -> Option<EventChoice> {
    Some(EventChoice {
        list: choice.list.clone(),
        code: expression(choice.code, scope, mistakes)?,
        events: choice.events.clone(),
        reports_unknown: choice.reports_unknown,
        reports_others: choice.reports_others,
    })
}

/// Adds the raw code to every map of fields that the tree may make.
fn with_code(node: &Node, code: &Node) -> Node {
    let NodeKind::Map(entries) = &node.kind else { return node.clone() };
    let has = |key: &str| entries.iter().any(|entry| &*entry.key == key);
    let branches: &[&str] = match () {
        () if has("each") || has("value") => return node.clone(),
        () if has("when") => &["then", "else"],
        () if has("let") => &["in"],
        () if has(RAW_CODE) => return node.clone(),
        () => {
            let mut entries = entries.clone();
            let text = format!("string({})", code.text().unwrap_or_default());
            let value =
                Node { location: code.location.clone(), kind: NodeKind::Scalar { text: text.into(), quoted: false } };
            entries.push(Entry { key: RAW_CODE.into(), key_location: code.location.clone(), value });
            return Node { location: node.location.clone(), kind: NodeKind::Map(entries) };
        }
    };
    let entries = entries.iter().map(|entry| match branches.contains(&&*entry.key) {
        true => Entry { value: with_code(&entry.value, code), ..entry.clone() },
        false => entry.clone(),
    });
    Node { location: node.location.clone(), kind: NodeKind::Map(entries.collect()) }
}
