//! Code lists: what a partner's code means in canonical words, and back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::source::{Diagnostic, Entry, Location, Node, nearest};

/// One code list. In YAML either the pairs themselves, or `codes:` (partner → canonical) with `back:` (canonical →
/// partner) for canonical words that several partner codes lead to.
///
/// ```yaml
/// codes: { DEL: delivered, DLVD: delivered, ATT: attempted }
/// back: { delivered: DEL }
/// ```
#[derive(Clone, Debug)]
pub struct CodeList {
    pub name: Arc<str>,
    /// Partner code and canonical word, in the order written.
    pub entries: Vec<(Arc<str>, Arc<str>)>,
    pub location: Location,
    forward: HashMap<Arc<str>, Arc<str>>,
    back: HashMap<Arc<str>, Arc<str>>,
    /// Canonical words whose partner code is not clear, with two of the candidates.
    ambiguous: BTreeMap<Arc<str>, (Arc<str>, Arc<str>)>,
}

impl CodeList {
    /// Reads a code list from its configuration.
    pub fn compile(name: &str, node: &Node) -> Result<Self, Vec<Diagnostic>> {
        let mut list = Self {
            name: name.into(),
            entries: Vec::new(),
            location: node.location.clone(),
            forward: HashMap::new(),
            back: HashMap::new(),
            ambiguous: BTreeMap::new(),
        };
        let mut mistakes = Vec::new();
        match node.get("codes").filter(|codes| codes.entries().is_some()) {
            Some(codes) => {
                list.read_codes(codes, &mut mistakes);
                for entry in node.entries().unwrap_or_default() {
                    match &*entry.key {
                        "codes" => {}
                        "back" => list.read_back(&entry.value, &mut mistakes),
                        other => mistakes.push(
                            Diagnostic::error(&entry.key_location, format!("a code list has no field `{other}`"))
                                .hint("it has `codes` and `back`"),
                        ),
                    }
                }
            }
            None => list.read_codes(node, &mut mistakes),
        }
        if mistakes.is_empty() { Ok(list) } else { Err(mistakes) }
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

    pub fn get(&self, name: &str) -> Option<&Arc<CodeList>> {
        self.lists.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<CodeList>> {
        self.lists.values()
    }

    /// The list a mapping asks for, or the mistake at `place`.
    pub(super) fn find(&self, name: &str, place: &Location) -> Result<Arc<CodeList>, Diagnostic> {
        self.get(name).cloned().ok_or_else(|| {
            let unknown = Diagnostic::error(place, format!("there is no code list `{name}`"));
            match nearest(name, self.lists.keys().map(|name| &**name)) {
                Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                None if self.lists.is_empty() => unknown.hint("this hub has no code lists"),
                None => unknown,
            }
        })
    }
}
