//! A mapping: a tree shaped like its target, compiled from configuration.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compile::{Context, LOCALS_MAX, LocalName};
use super::node::Node as Expr;
use super::syntax::Source;
use super::types::findings as kinds;
use super::{CodeList, FieldUse, Mapping, Scope};
use crate::source::{Diagnostic, Entry, Location, Node, NodeKind, nearest};

/// Maps and lists of the tree inside each other.
const DEPTH_MAX: usize = 60;

/// A part of the target.
#[derive(Debug)]
pub(super) enum Tree {
    Leaf(Box<Leaf>),
    /// Fields in the order written.
    Map(Vec<(Arc<str>, Tree)>),
    List(Vec<Tree>),
    Each(Box<Each>),
    When(Box<When>),
    Let(Box<Let>),
}

/// An expression and where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub expr: Expr,
    pub source: Arc<Source>,
}

#[derive(Debug)]
pub(super) struct Leaf {
    /// Its place in the mapping's list of fields.
    pub number: u32,
    pub value: Placed,
    /// A code list to take the value through; true for backwards.
    pub code: Option<(Arc<CodeList>, bool)>,
    /// When the value is null or its source field is absent.
    pub default: Option<Placed>,
    /// When the code list does not know the value.
    pub unknown: Option<Placed>,
    pub keep_null: bool,
}

#[derive(Debug)]
pub(super) struct Each {
    pub list: Placed,
    pub index: bool,
    pub condition: Option<Placed>,
    pub to: Tree,
}

#[derive(Debug)]
pub(super) struct When {
    pub condition: Placed,
    pub then: Tree,
    pub otherwise: Option<Tree>,
}

#[derive(Debug)]
pub(super) struct Let {
    /// As many as values.
    pub names: Vec<Arc<str>>,
    pub values: Vec<Placed>,
    pub body: Tree,
}

pub(super) fn compile(node: &Node, scope: &Scope) -> Result<Mapping, Vec<Diagnostic>> {
    let context = Context::new(scope);
    let mut compiler = TreeCompiler { context, depth: 0, path: String::new(), conditions: 0, fields: Vec::new() };
    let tree = compiler.tree(node);
    let (context, fields) = (compiler.context, compiler.fields);
    if context.mistakes.is_empty() {
        let reads = context.reads.into_iter().collect();
        Ok(Mapping { name: Arc::default(), tree, location: node.location.clone(), reads, fields })
    } else {
        Err(context.into_mistakes())
    }
}

/// The keys that make a map a control node, with all keys that such a node has.
const CONTROLS: &[(&str, &[&str])] = &[
    ("each", &["each", "as", "index", "where", "to"]),
    ("when", &["when", "then", "else"]),
    ("value", &["value", "code", "code_back", "default", "unknown", "keep_null"]),
    ("let", &["let", "in"]),
];

struct TreeCompiler<'s> {
    context: Context<'s>,
    depth: usize,
    /// The target field under way, as `lines[].sku`.
    path: String,
    /// Conditions around it.
    conditions: usize,
    fields: Vec<FieldUse>,
}

impl TreeCompiler<'_> {
    fn tree(&mut self, node: &Node) -> Tree {
        if self.depth == DEPTH_MAX {
            self.complain(&node.location, format!("the mapping is nested more than {DEPTH_MAX} deep"), None);
            return nothing();
        }
        self.depth += 1;
        let tree = match &node.kind {
            NodeKind::Null => {
                self.complain(&node.location, "the expression is empty", Some("leave the field out to write nothing"));
                nothing()
            }
            NodeKind::Scalar { .. } => {
                let outer = std::mem::take(&mut self.context.reads);
                let value = self.expression(node);
                self.leaf(outer, Leaf { number: 0, value, code: None, default: None, unknown: None, keep_null: false })
            }
            NodeKind::List(items) => {
                self.within("[]", |compiler| Tree::List(items.iter().map(|item| compiler.tree(item)).collect()))
            }
            NodeKind::Map(entries) => self.map(node, entries),
        };
        self.depth -= 1;
        tree
    }

    /// A finished leaf, noted as a field of the target with what it reads.
    fn leaf(&mut self, outer: BTreeSet<String>, mut leaf: Leaf) -> Tree {
        leaf.number = self.fields.len() as u32;
        let reads = std::mem::replace(&mut self.context.reads, outer);
        self.context.reads.extend(reads.iter().cloned());
        let text = |placed: &Placed| placed.source.text.to_string();
        self.fields.push(FieldUse {
            path: self.path.clone(),
            location: leaf.value.source.start().clone(),
            expression: text(&leaf.value),
            is_constant: matches!(leaf.value.expr, Expr::Const(_)),
            is_conditional: self.conditions > 0,
            default: leaf.default.as_ref().map(text),
            unknown: leaf.unknown.as_ref().map(text),
            codes: leaf.code.as_ref().map(|(list, _)| list.clone()),
            back: leaf.code.as_ref().is_some_and(|(_, back)| *back),
            reads: reads.into_iter().collect(),
        });
        Tree::Leaf(Box::new(leaf))
    }

    /// Compiles what stands below this step of the target.
    fn within<T>(&mut self, step: &str, run: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if !self.path.is_empty() && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = run(self);
        self.path.truncate(length);
        result
    }

    fn map(&mut self, node: &Node, entries: &[Entry]) -> Tree {
        let control = CONTROLS.iter().find(|(key, _)| entries.iter().any(|entry| &*entry.key == *key));
        match control {
            Some((key, keys)) => {
                self.check_keys(key, keys, entries);
                match *key {
                    "each" => self.each(node),
                    "when" => self.when(node),
                    "value" => self.value(node),
                    _ => self.bindings(node),
                }
            }
            None => self.fields(entries),
        }
    }

    /// A control node has no other keys: mostly such a key means that a target field was meant.
    fn check_keys(&mut self, control: &str, keys: &[&str], entries: &[Entry]) {
        for entry in entries {
            if keys.contains(&&*entry.key) {
                continue;
            }
            let message = format!("`{control}` makes this a control node, which has no `{}`", entry.key);
            let hint = match nearest(&entry.key, keys.iter().copied()) {
                Some(near) => {
                    format!("did you mean `{near}`? a target field named `{control}` is written `={control}`")
                }
                None => format!("a target field named `{control}` is written `={control}`"),
            };
            self.complain(&entry.key_location, message, Some(&hint));
        }
    }

    fn fields(&mut self, entries: &[Entry]) -> Tree {
        let mut fields: Vec<(Arc<str>, Tree)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let name: Arc<str> = entry.key.strip_prefix('=').unwrap_or(&entry.key).into();
            let tree = self.within(&name, |compiler| compiler.tree(&entry.value));
            if fields.iter().any(|(known, _)| *known == name) {
                self.context.mistakes.push(
                    Diagnostic::error(&entry.key_location, format!("the target field `{name}` is written twice"))
                        .kind(kinds::DUPLICATE_FIELD.name)
                        .hint("keep one of them"),
                );
                continue;
            }
            fields.push((name, tree));
        }
        Tree::Map(fields)
    }

    fn each(&mut self, node: &Node) -> Tree {
        let Some(list) = node.get("each") else { return nothing() };
        let Some(source) = self.source(list, "`each`") else { return nothing() };
        let (expr, origin) = self.context.range(&source);
        let list = Placed { expr, source };
        let mut names = Vec::with_capacity(2);
        if let Some(index) = node.get("index") {
            names.extend(self.name(index, "index").map(|name| LocalName { name, origin: None }));
        }
        let index = !names.is_empty();
        match node.get("as") {
            Some(item) => names.extend(self.name(item, "as").map(|name| LocalName { name, origin })),
            None => self.lacks(node, "each", "as"),
        }
        let (condition, to) = self.in_locals(&node.location, names, |compiler| {
            let condition = node.get("where").map(|condition| compiler.expression(condition));
            let to = match node.get("to") {
                Some(to) => compiler.within("[]", |compiler| compiler.tree(to)),
                None => {
                    compiler.lacks(node, "each", "to");
                    nothing()
                }
            };
            (condition, to)
        });
        Tree::Each(Box::new(Each { list, index, condition, to }))
    }

    fn when(&mut self, node: &Node) -> Tree {
        let Some(condition) = node.get("when") else { return nothing() };
        let condition = self.expression(condition);
        self.conditions += 1;
        let then = match node.get("then") {
            Some(then) => self.tree(then),
            None => {
                self.lacks(node, "when", "then");
                nothing()
            }
        };
        let otherwise = node.get("else").map(|otherwise| self.tree(otherwise));
        self.conditions -= 1;
        Tree::When(Box::new(When { condition, then, otherwise }))
    }

    fn value(&mut self, node: &Node) -> Tree {
        let Some(value) = node.get("value") else { return nothing() };
        let outer = std::mem::take(&mut self.context.reads);
        let default = node.get("default").map(|default| self.forgiving(default));
        let value = if default.is_some() { self.forgiving(value) } else { self.expression(value) };
        let code = match (node.get("code"), node.get("code_back")) {
            (Some(_), Some(both)) => {
                self.complain(&both.location, "`code` and `code_back` exclude each other", None);
                None
            }
            (Some(list), None) => self.code_list(list, false),
            (None, Some(list)) => self.code_list(list, true),
            (None, None) => None,
        };
        let unknown = node.get("unknown").map(|unknown| self.expression(unknown));
        if unknown.is_some() && node.get("code").is_none() && node.get("code_back").is_none() {
            self.complain(&node.location, "`unknown` needs a `code` list", None);
        }
        let keep_null = match node.get("keep_null").map(|flag| (flag, flag.text())) {
            None | Some((_, Some("false"))) => false,
            Some((_, Some("true"))) => true,
            Some((flag, _)) => {
                self.complain(&flag.location, "`keep_null` must be true or false", None);
                false
            }
        };
        self.leaf(outer, Leaf { number: 0, value, code, default, unknown, keep_null })
    }

    fn code_list(&mut self, node: &Node, back: bool) -> Option<(Arc<CodeList>, bool)> {
        let Some(name) = node.text() else {
            self.complain(&node.location, "here stands the name of a code list", None);
            return None;
        };
        match self.context.scope.code_list(name, back, &node.location) {
            Ok(list) => Some((list, back)),
            Err(diagnostic) => {
                self.context.mistakes.push(diagnostic);
                None
            }
        }
    }

    fn bindings(&mut self, node: &Node) -> Tree {
        let level = self.context.locals.len();
        let (mut names, mut values) = (Vec::new(), Vec::new());
        match node.get("let").map(|bindings| (bindings, bindings.entries())) {
            Some((_, Some(entries))) => {
                for entry in entries {
                    if !is_name(&entry.key) {
                        self.complain(&entry.key_location, format!("`{}` is not a name", entry.key), Some(NAME_HINT));
                        continue;
                    }
                    let Some(source) = self.source(&entry.value, "a `let` value") else { continue };
                    // Later values see the earlier ones.
                    let (expr, origin) = self.context.alias(&source);
                    values.push(Placed { expr, source });
                    names.push(entry.key.clone());
                    self.context.locals.push(LocalName { name: entry.key.clone(), origin });
                }
            }
            Some((bindings, None)) => {
                self.complain(&bindings.location, "`let` must be a map of names and expressions", None);
            }
            None => {}
        }
        self.check_locals(&node.location);
        let body = match node.get("in") {
            Some(body) => self.tree(body),
            None => {
                self.lacks(node, "let", "in");
                nothing()
            }
        };
        self.context.locals.truncate(level);
        Tree::Let(Box::new(Let { names, values, body }))
    }

    fn in_locals<T>(&mut self, place: &Location, names: Vec<LocalName>, run: impl FnOnce(&mut Self) -> T) -> T {
        let level = self.context.locals.len();
        self.context.locals.extend(names);
        self.check_locals(place);
        let result = run(self);
        self.context.locals.truncate(level);
        result
    }

    fn check_locals(&mut self, place: &Location) {
        if self.context.locals.len() > LOCALS_MAX {
            self.complain(place, format!("there are more than {LOCALS_MAX} variables inside each other"), None);
            self.context.locals.truncate(LOCALS_MAX);
        }
    }

    /// The name of a variable to bind.
    fn name(&mut self, node: &Node, key: &str) -> Option<Arc<str>> {
        match node.text() {
            Some(name) if is_name(name) => Some(name.into()),
            _ => {
                self.complain(&node.location, format!("`{key}` must be the name of a variable"), Some(NAME_HINT));
                None
            }
        }
    }

    fn expression(&mut self, node: &Node) -> Placed {
        self.placed(node, |context, source| context.expression(source))
    }

    fn forgiving(&mut self, node: &Node) -> Placed {
        self.placed(node, |context, source| context.forgiving(source))
    }

    fn placed(&mut self, node: &Node, compile: impl FnOnce(&mut Context<'_>, &Source) -> Expr) -> Placed {
        match self.source(node, "this") {
            Some(source) => Placed { expr: compile(&mut self.context, &source), source },
            None => Placed { expr: Expr::Const(Default::default()), source: Arc::new(Source::new("", &node.location)) },
        }
    }

    fn source(&mut self, node: &Node, what: &str) -> Option<Arc<Source>> {
        let source = Source::of_node(node);
        if source.is_none() {
            self.complain(&node.location, format!("{what} must be an expression, not {}", node.kind_word()), None);
        }
        source.map(Arc::new)
    }

    fn lacks(&mut self, node: &Node, control: &str, key: &str) {
        self.complain(&node.location, format!("`{control}` lacks `{key}`"), None);
    }

    fn complain(&mut self, location: &Location, message: impl Into<String>, hint: Option<&str>) {
        let diagnostic = Diagnostic::error(location, message);
        self.context.mistakes.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }
}

const NAME_HINT: &str = "letters, digits and underscores, not a digit first";

/// A name that expressions can use.
pub(super) fn is_name(text: &str) -> bool {
    const RESERVED: &[&str] = &["true", "false", "null", "in"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&text)
}

/// Stands for a part that was mistaken.
fn nothing() -> Tree {
    Tree::List(Vec::new())
}
