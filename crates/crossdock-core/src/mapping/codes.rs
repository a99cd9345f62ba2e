//! Code lists: what a partner's code means in canonical words, and back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::standard;
use crate::model::{self, ENTITIES, EntityKind, EventType, Type};
use crate::source::{Diagnostic, Entry, Location, Node, nearest};
use crate::value::Value;

/// One code list. In YAML either the pairs themselves, or `codes:` (partner → canonical) with `back:` (canonical →
/// partner) for canonical words that several partner codes lead to.
///
/// ```yaml
/// codes: { DEL: delivered, DLVD: delivered, ATT: attempted }
/// back: { delivered: DEL }
/// ```
///
/// Besides these a list may have `from` (a standard list it begins with), `of` (what its words are), `unknown` and
/// `default` (what is done about a code it does not know) and `complete`.
#[derive(Clone, Debug)]
pub struct CodeList {
    pub name: Arc<str>,
    /// Partner code and canonical word, in the order written.
    pub entries: Vec<(Arc<str>, Arc<str>)>,
    pub location: Location,
    /// What its words are, when it says so.
    pub of: Option<Vocabulary>,
    /// What is done about a code it does not know, where the mapping does not say.
    pub unknown: OnUnknown,
    /// The word for a code it does not know.
    pub default: Option<Arc<str>>,
    forward: HashMap<Arc<str>, Arc<str>>,
    back: HashMap<Arc<str>, Arc<str>>,
    /// Canonical words whose partner code is not clear, with two of the candidates.
    ambiguous: BTreeMap<Arc<str>, (Arc<str>, Arc<str>)>,
}

/// What is done about a code that a list does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// The message stops with an exception of its own.
    #[default]
    Fault,
    /// The field takes the default or is left out, the message goes on, and one exception is opened for the code.
    Report,
}

/// What the words of a code list are.
#[derive(Clone, Copy, Debug)]
pub enum Vocabulary {
    /// Codes of UN/ECE Recommendation 20.
    Unit,
    /// Alphabetic codes of ISO 4217.
    Currency,
    /// Alpha-2 codes of ISO 3166-1.
    Country,
    /// Canonical events: `delivered` or `stop.arrived`.
    Events,
    /// What a field of the model takes.
    Field(&'static Type),
    /// Any words.
    Open,
}

impl Vocabulary {
    /// Finds what `of:` names.
    pub fn find(name: &str) -> Option<Self> {
        Some(match name {
            "unit" => Self::Unit,
            "currency" => Self::Currency,
            "country" => Self::Country,
            "carrier_status" | "event" => Self::Events,
            "service_level" | "reason" => Self::Open,
            _ => {
                let (kind, path) = name.split_once('.')?;
                let mut steps = path.split('.');
                let mut of = &EntityKind::find(kind)?.field(steps.next()?)?.of;
                for step in steps {
                    of = part_of(of, step)?;
                }
                match of {
                    Type::List(item) => Self::Field(item),
                    of => Self::Field(of),
                }
            }
        })
    }

    /// Why a word is none of these, when it is none.
    pub fn refuses(self, word: &str) -> Option<String> {
        let of = match self {
            Self::Open => return None,
            Self::Events => {
                return event_of(word).is_none().then(|| {
                    let words = ENTITIES.iter().filter(|kind| kind.name == "shipment").flat_map(|kind| kind.events);
                    match nearest(word, words.map(|event| event.verb)) {
                        Some(near) => format!("there is no event `{word}`; did you mean `{near}`?"),
                        None => format!("there is no event `{word}`; write `delivered` or `stop.arrived`"),
                    }
                });
            }
            Self::Unit => &Type::Unit,
            Self::Currency => &Type::Currency,
            Self::Country => &Type::Country,
            Self::Field(of) => of,
        };
        model::misfit(of, &Value::text(word)).map(|why| format!("the word {why}"))
    }

    /// All words, when they are a closed list.
    pub fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Field(Type::Code(words)) => Some(words),
            _ => None,
        }
    }
}

/// The type of a field within another.
fn part_of(of: &'static Type, name: &str) -> Option<&'static Type> {
    match of {
        Type::List(item) => part_of(item, name),
        Type::Object(fields) => fields.iter().find(|field| field.name == name).map(|field| &field.of),
        _ => None,
    }
}

/// The event that a word of a list of events means: `delivered` is one of a shipment, `stop.arrived` says whose it is.
pub fn event_of(word: &str) -> Option<EventType> {
    let (entity, verb) = word.split_once('.').unwrap_or(("shipment", word));
    let newest = ENTITIES.iter().filter(|kind| kind.event_word == entity).flat_map(|kind| {
        kind.events.iter().filter(|event| event.verb == verb).map(|event| EventType { entity: kind, event })
    });
    newest.max_by_key(|of| of.event.version)
}

/// The keys of a code list in its long form.
const KEYS: &[&str] = &["codes", "back", "from", "of", "unknown", "default", "complete"];

impl CodeList {
    fn empty(name: &str, location: Location) -> Self {
        Self {
            name: name.into(),
            entries: Vec::new(),
            location,
            of: None,
            unknown: OnUnknown::Fault,
            default: None,
            forward: HashMap::new(),
            back: HashMap::new(),
            ambiguous: BTreeMap::new(),
        }
    }

    /// A list of a standard. Of several codes with one word the first is the one to write.
    pub(super) fn of_standard<'t>(name: &str, pairs: impl Iterator<Item = (&'t str, &'t str)>, of: Vocabulary) -> Self {
        let mut list = Self::empty(name, Location::new(format!("standard list {name}"), 1, 1));
        list.of = Some(of);
        for (code, word) in pairs {
            let (code, word): (Arc<str>, Arc<str>) = (code.into(), word.into());
            list.forward.insert(code.clone(), word.clone());
            list.back.entry(word.clone()).or_insert_with(|| code.clone());
            list.entries.push((code, word));
        }
        list
    }

    /// Reads a code list from its configuration.
    pub fn compile(name: &str, node: &Node) -> Result<Self, Vec<Diagnostic>> {
        let mut list = Self::empty(name, node.location.clone());
        let mut mistakes = Vec::new();
        let is_long = node.get("from").is_some() || node.get("codes").is_some_and(|codes| codes.entries().is_some());
        match is_long {
            true => list.read_long(node, &mut mistakes),
            false => list.read_codes(node, &mut mistakes),
        }
        if mistakes.is_empty() { Ok(list) } else { Err(mistakes) }
    }

    fn read_long(&mut self, node: &Node, mistakes: &mut Vec<Diagnostic>) {
        for entry in node.entries().unwrap_or_default() {
            if !KEYS.contains(&&*entry.key) {
                mistakes.push(
                    Diagnostic::error(&entry.key_location, format!("a code list has no field `{}`", entry.key))
                        .hint("it has `codes`, `back`, `from`, `of`, `unknown`, `default` and `complete`"),
                );
            }
        }
        let base = node.get("from").and_then(|from| self.base(from, mistakes));
        if let Some(codes) = node.get("codes") {
            self.read_codes(codes, mistakes);
        }
        if let Some(base) = base {
            self.begin_with(base);
        }
        if let Some(back) = node.get("back") {
            self.read_back(back, mistakes);
        }
        if let Some(of) = node.get("of") {
            self.of = of.text().and_then(Vocabulary::find);
            if self.of.is_none() {
                let told = format!("`{}` is nothing that words can be of", of.text().unwrap_or(of.kind_word()));
                mistakes.push(Diagnostic::error(&of.location, told).hint(
                    "write unit, currency, country, carrier_status, service_level, reason, or a field such as shipment.mode",
                ));
            }
        }
        self.unknown = match node.get("unknown").map(|unknown| (unknown, unknown.text())) {
            None | Some((_, Some("fault"))) => OnUnknown::Fault,
            Some((_, Some("report"))) => OnUnknown::Report,
            Some((unknown, _)) => {
                mistakes.push(
                    Diagnostic::error(&unknown.location, "`unknown` must be `fault` or `report`")
                        .hint("`report` lets the message go on and opens one exception for the code"),
                );
                OnUnknown::Fault
            }
        };
        self.default = node.get("default").and_then(Node::text).map(Into::into);
        self.check_words(node, mistakes);
        if let Some(complete) = node.get("complete") {
            self.check_complete(complete, mistakes);
        }
    }

    /// The standard list it begins with.
    fn base(&self, from: &Node, mistakes: &mut Vec<Diagnostic>) -> Option<&'static Arc<CodeList>> {
        let name = from.text().unwrap_or_default();
        let found = standard::find(name);
        if found.is_none() {
            let mistake = Diagnostic::error(&from.location, format!("there is no standard list `{name}`"));
            let known: Vec<&str> = standard::all().map(|(name, _)| name).collect();
            mistakes.push(match nearest(name, known.iter().copied()) {
                Some(near) => mistake.hint(format!("did you mean `{near}`?")),
                None => mistake.hint(format!("there are {}", known.join(", "))),
            });
        }
        found
    }

    /// Adds what the base knows and this list does not say otherwise.
    fn begin_with(&mut self, base: &CodeList) {
        self.of = self.of.or(base.of);
        let own: Vec<_> = std::mem::take(&mut self.entries);
        for (code, word) in &base.entries {
            if !self.forward.contains_key(code) {
                self.forward.insert(code.clone(), word.clone());
                self.entries.push((code.clone(), word.clone()));
            }
        }
        for (word, code) in &base.back {
            let says_otherwise = own.iter().any(|(own, _)| own == code);
            if !says_otherwise && !self.ambiguous.contains_key(word) {
                self.back.entry(word.clone()).or_insert_with(|| code.clone());
            }
        }
        self.entries.extend(own);
    }

    /// Every word must be one of what the list says it is of.
    fn check_words(&self, node: &Node, mistakes: &mut Vec<Diagnostic>) {
        let Some(of) = self.of else { return };
        let codes = node.get("codes").and_then(Node::entries).unwrap_or_default();
        let words = codes.iter().map(|entry| &entry.value).chain(node.get("default"));
        for word in words {
            if let Some(why) = word.text().and_then(|text| of.refuses(text)) {
                mistakes.push(Diagnostic::error(&word.location, why));
            }
        }
        for entry in node.get("back").and_then(Node::entries).unwrap_or_default() {
            if let Some(why) = of.refuses(&entry.key) {
                mistakes.push(Diagnostic::error(&entry.key_location, why));
            }
        }
    }

    fn check_complete(&self, node: &Node, mistakes: &mut Vec<Diagnostic>) {
        match node.text() {
            Some("false") => return,
            Some("true") => {}
            _ => return mistakes.push(Diagnostic::error(&node.location, "`complete` must be true or false")),
        }
        if self.of.and_then(Vocabulary::words).is_none() {
            mistakes.push(
                Diagnostic::error(&node.location, "only a list of a field with fixed words can be complete")
                    .hint("say which with `of`, such as `of: shipment.mode`"),
            );
            return;
        }
        let missing = self.uncovered();
        if !missing.is_empty() {
            let told = format!("code list `{}` is not complete: it has no code for {}", self.name, missing.join(", "));
            mistakes.push(Diagnostic::error(&node.location, told).hint("add a code for each, or remove `complete`"));
        }
    }

    /// Words of its vocabulary, when that is closed, that have no code to write.
    fn uncovered(&self) -> Vec<&'static str> {
        let words = self.of.and_then(Vocabulary::words).unwrap_or_default();
        words.iter().copied().filter(|word| !self.back.contains_key(*word)).collect()
    }

    /// Where a code is added to it, in words.
    pub fn place(&self) -> String {
        match standard::find(&self.name) {
            Some(standard) if standard.location == self.location => {
                format!("codes/{0}.yaml (write it with `codes: {0}`, `from: {0}` and your `entries`)", self.name)
            }
            _ => format!("the list at {}", self.location),
        }
    }

    /// Whether a code that the list does not know gives nothing, in one direction.
    pub fn may_give_nothing(&self, back: bool) -> bool {
        self.unknown == OnUnknown::Report && (back || self.default.is_none())
    }

    /// Whether a code that the list does not know is no fault, in one direction.
    pub fn answers_unknown(&self, back: bool) -> bool {
        self.unknown == OnUnknown::Report || self.default_word(back).is_some()
    }

    /// The word for a code that the list does not know, in one direction.
    pub fn default_word(&self, back: bool) -> Option<&Arc<str>> {
        self.default.as_ref().filter(|_| !back)
    }

    /// The canonical word for a partner's code.
    pub fn canonical(&self, code: &str) -> Option<&Arc<str>> {
        self.forward.get(code)
    }

    /// The partner's code for a canonical word. `None` when it is unknown or when several codes lead to the word.
    pub fn partner(&self, word: &str) -> Option<&Arc<str>> {
        self.back.get(word)
    }

    /// Everything that may come out of the list, in one direction.
    pub(super) fn outcomes(&self, back: bool) -> impl Iterator<Item = &Arc<str>> {
        let map = if back { &self.back } else { &self.forward };
        map.values()
    }

    /// Why the list cannot be read backwards, when it cannot.
    pub fn ambiguity(&self) -> Option<String> {
        let (word, (first, second)) = self.ambiguous.first_key_value()?;
        Some(format!("code list `{}` cannot be used backwards: both `{first}` and `{second}` mean `{word}`", self.name))
    }

    fn read_codes(&mut self, node: &Node, mistakes: &mut Vec<Diagnostic>) {
        for (entry, word) in self.pairs(node, mistakes) {
            if self.forward.insert(entry.key.clone(), word.clone()).is_some() {
                let message = format!("code list `{}` has the code `{}` twice", self.name, entry.key);
                mistakes.push(Diagnostic::error(&entry.key_location, message));
                continue;
            }
            match self.back.remove(&word) {
                Some(first) => {
                    self.ambiguous.insert(word.clone(), (first, entry.key.clone()));
                }
                None if self.ambiguous.contains_key(&word) => {}
                None => {
                    self.back.insert(word.clone(), entry.key.clone());
                }
            }
            self.entries.push((entry.key.clone(), word));
        }
    }

    fn read_back(&mut self, node: &Node, mistakes: &mut Vec<Diagnostic>) {
        let mut seen = HashMap::new();
        for (entry, code) in self.pairs(node, mistakes) {
            if seen.insert(entry.key.clone(), ()).is_some() {
                let message = format!("code list `{}` has `{}` twice under `back`", self.name, entry.key);
                mistakes.push(Diagnostic::error(&entry.key_location, message));
            }
            self.ambiguous.remove(&entry.key);
            self.back.insert(entry.key.clone(), code);
        }
    }

    fn pairs<'n>(&self, node: &'n Node, mistakes: &mut Vec<Diagnostic>) -> Vec<(&'n Entry, Arc<str>)> {
        let Some(entries) = node.entries() else {
            let message = format!("code list `{}` must be a map of codes, not {}", self.name, node.kind_word());
            mistakes.push(Diagnostic::error(&node.location, message));
            return Vec::new();
        };
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry.value.text() {
                Some(word) => pairs.push((entry, Arc::from(word))),
                None => mistakes.push(Diagnostic::error(
                    &entry.value.location,
                    format!("the code `{}` must lead to one word, not {}", entry.key, entry.value.kind_word()),
                )),
            }
        }
        pairs
    }
}

/// All code lists of a hub.
#[derive(Clone, Debug, Default)]
pub struct CodeLists {
    lists: BTreeMap<Arc<str>, Arc<CodeList>>,
}

impl CodeLists {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a list; a second one of the same name is a mistake.
    pub fn add(&mut self, list: CodeList) -> Result<(), Diagnostic> {
        if let Some(first) = self.lists.get(&list.name) {
            let message = format!("there are two code lists named `{}`", list.name);
            return Err(Diagnostic::error(&list.location, message).hint(format!("the other is at {}", first.location)));
        }
        self.lists.insert(list.name.clone(), Arc::new(list));
        Ok(())
    }

    /// The hub's list of this name, or the standard one.
    pub fn get(&self, name: &str) -> Option<&Arc<CodeList>> {
        self.lists.get(name).or_else(|| standard::find(name))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<CodeList>> {
        self.lists.values()
    }

    /// The list a mapping asks for, or the mistake at `place`.
    pub(super) fn find(&self, name: &str, place: &Location) -> Result<Arc<CodeList>, Diagnostic> {
        self.get(name).cloned().ok_or_else(|| {
            let unknown = Diagnostic::error(place, format!("there is no code list `{name}`"));
            let standard = standard::all().map(|(name, _)| name);
            match nearest(name, self.lists.keys().map(|name| &**name).chain(standard)) {
                Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                None if self.lists.is_empty() => unknown.hint("this hub has no code lists"),
                None => unknown,
            }
        })
    }
}
