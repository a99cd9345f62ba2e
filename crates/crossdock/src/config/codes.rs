//! `codes/<name>.yaml`: what a partner's codes mean in canonical words.

use std::sync::Arc;

use crossdock_core::mapping::{CodeList, CodeLists};
use crossdock_core::source::{Diagnostic, Entry, Node, NodeKind, Reader};

use super::folder::{File, Folder, Kind};
use super::names;

/// Reads all code lists.
pub fn read_all(folder: &Folder, mistakes: &mut Vec<Diagnostic>) -> Arc<CodeLists> {
    let mut lists = CodeLists::new();
    for file in folder.of_kind(Kind::Codes) {
        let list = read(file, mistakes).unwrap_or_else(|| empty(file));
        if let Err(mistake) = lists.add(list) {
            mistakes.push(mistake);
        }
    }
    Arc::new(lists)
}

fn read(file: &File, mistakes: &mut Vec<Diagnostic>) -> Option<CodeList> {
    let node = file.node.as_ref()?;
    let reader = Reader::new(node, "code list");
    names::check_own("codes", file, &reader);
    let further: Vec<(&str, &Node)> = ["back", "from", "of", "unknown", "default", "complete"]
        .into_iter()
        .filter_map(|key| Some((key, reader.node(key)?)))
        .collect();
    let begins_with_another = further.iter().any(|(key, _)| *key == "from");
    let entries = match begins_with_another {
        true => reader.node("entries"),
        false => reader.required("entries"),
    };
    mistakes.extend(reader.finish());
    if entries.is_none() && !begins_with_another {
        return None;
    }
    let field =
        |key: &str, value: &Node| Entry { key: key.into(), key_location: value.location.clone(), value: value.clone() };
    let mut fields: Vec<Entry> = entries.map(|entries| field("codes", entries)).into_iter().collect();
    fields.extend(further.into_iter().map(|(key, value)| field(key, value)));
    let list = Node { location: node.location.clone(), kind: NodeKind::Map(fields) };
    CodeList::compile(&file.name, &list).map_err(|found| mistakes.extend(found)).ok()
}

/// Stands for a list with mistakes, so that those who use it are not told that it is missing.
fn empty(file: &File) -> CodeList {
    let location = crossdock_core::source::Location::new(file.path.as_str(), 1, 1);
    let none = Node { location, kind: NodeKind::Map(Vec::new()) };
    CodeList::compile(&file.name, &none).expect("a list without codes has no mistakes")
}
