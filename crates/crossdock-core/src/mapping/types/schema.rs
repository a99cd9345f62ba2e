//! Types from JSON Schema, draft 2020-12: `type`, `properties`, `required`, `additionalProperties`,
//! `patternProperties`, `items`, `prefixItems`, `minItems`, `minLength`, `enum`, `const`, `format`, `oneOf`, `anyOf`,
//! `allOf`, `$ref` into the same document, and OpenAPI's `nullable`. What only narrows values further is passed over:
//! the type is then wider than the schema, never narrower. `x-unit` (UN/ECE Recommendation 20) and `x-currency`
//! (ISO 4217) say what a number counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::ty::{Field, Format, Held, List, Measure, Number, Object, Presence, Rest, Text, Ty, kind};
use crate::source::{Diagnostic, Location, Node, NodeKind, nearest};
use crate::value::Value;
use crate::value::number::parse_number;

/// Schemas read for one type, references followed.
const NODES_MAX: usize = 50_000;
/// Schemas inside each other.
const DEPTH_MAX: usize = 64;

impl Ty {
    /// The type that a schema describes. `pointer` is a JSON Pointer into the document, such as `/$defs/Order`; the
    /// empty one is the document itself.
    ///
    /// # Errors
    /// What is wrong with the schema, each with its place.
    pub fn of_schema(document: &Node, pointer: &str) -> Result<Ty, Vec<Diagnostic>> {
        let mut reader = Reader {
            document,
            open: Vec::new(),
            known: HashMap::new(),
            cut: false,
            nodes: 0,
            depth: 0,
            mistakes: Vec::new(),
        };
        let ty = match find(document, pointer) {
            Some(schema) => reader.schema(schema),
            None => {
                let message = format!("there is nothing at `#{pointer}` in this schema");
                return Err(vec![Diagnostic::error(&document.location, message)]);
            }
        };
        if reader.mistakes.is_empty() { Ok(ty) } else { Err(reader.mistakes) }
    }
}

/// The node a JSON Pointer leads to.
fn find<'n>(document: &'n Node, pointer: &str) -> Option<&'n Node> {
    let steps = pointer.strip_prefix('/').map(|rest| rest.split('/')).into_iter().flatten();
    let mut node = document;
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return None;
    }
    for step in steps {
        let name = step.replace("~1", "/").replace("~0", "~");
        node = match &node.kind {
            NodeKind::List(items) => items.get(name.parse::<usize>().ok()?)?,
            _ => node.get(&name)?,
        };
    }
    Some(node)
}

struct Reader<'n> {
    document: &'n Node,
    /// References that are being followed.
    open: Vec<String>,
    known: HashMap<String, Ty>,
    /// A reference led back to one that is being followed.
    cut: bool,
    nodes: usize,
    depth: usize,
    mistakes: Vec<Diagnostic>,
}

/// Every keyword of the standard, so that a misspelt one is noticed.
const KEYWORDS: &[&str] = &[
    "$schema",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$ref",
    "$defs",
    "$comment",
    "$vocabulary",
    "definitions",
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "minProperties",
    "maxProperties",
    "items",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "title",
    "description",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "nullable",
    "discriminator",
    "externalDocs",
    "xml",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "additionalItems",
];

impl<'n> Reader<'n> {
    fn schema(&mut self, node: &'n Node) -> Ty {
        self.nodes += 1;
        if self.depth == DEPTH_MAX || self.nodes > NODES_MAX {
            if self.nodes == NODES_MAX + 1 || self.depth == DEPTH_MAX {
                self.mistake(&node.location, "the schema is too large", "name the part that the messages have");
            }
            return Ty::dynamic();
        }
        self.depth += 1;
        let ty = self.schema_inside(node);
        self.depth -= 1;
        ty
    }

    fn schema_inside(&mut self, node: &'n Node) -> Ty {
        match node.text() {
            Some("true") => return Ty::dynamic(),
            Some("false") => return Ty::never(),
            _ => {}
        }
        let Some(entries) = node.entries() else {
            let message = format!("a schema is a map, true or false, not {}", node.kind_word());
            self.mistakes.push(Diagnostic::error(&node.location, message));
            return Ty::dynamic();
        };
        for entry in entries {
            if !KEYWORDS.contains(&&*entry.key)
                && !entry.key.starts_with("x-")
                && let Some(near) = nearest(&entry.key, KEYWORDS.iter().copied())
            {
                let message = format!("JSON Schema has no keyword `{}`", entry.key);
                self.mistake(&entry.key_location, message, &format!("did you mean `{near}`?"));
            }
        }
        let mut ty = self.own(node);
        if let Some(reference) = node.get("$ref") {
            ty = meet(&ty, &self.reference(reference));
        }
        for schema in items(node, "allOf") {
            ty = meet(&ty, &self.schema(schema));
        }
        for key in ["oneOf", "anyOf"] {
            let mut branches = items(node, key).iter().map(|schema| self.schema(schema));
            if let Some(first) = branches.next() {
                let either = branches.fold(first, |either, branch| either.join(&branch));
                ty = meet(&ty, &either);
            }
        }
        if node.get("nullable").and_then(Node::text) == Some("true") {
            ty = ty.or_null();
        }
        ty
    }

    fn reference(&mut self, node: &'n Node) -> Ty {
        let Some(pointer) = node.text().and_then(|text| text.strip_prefix('#')) else {
            self.mistake(
                &node.location,
                "`$ref` leads out of this document",
                "copy what it refers to below `$defs`, and refer to `#/$defs/…`",
            );
            return Ty::dynamic();
        };
        if self.open.iter().any(|open| open == pointer) {
            self.cut = true;
            return Ty::dynamic();
        }
        if let Some(known) = self.known.get(pointer) {
            return known.clone();
        }
        let Some(schema) = find(self.document, pointer) else {
            let message = format!("there is nothing at `#{pointer}` in this schema");
            self.mistakes.push(Diagnostic::error(&node.location, message));
            return Ty::dynamic();
        };
        let cut_before = std::mem::take(&mut self.cut);
        self.open.push(pointer.to_owned());
        let ty = self.schema(schema);
        self.open.pop();
        // What was cut short holds only below the reference that it was cut at.
        if !self.cut || self.open.is_empty() {
            self.known.insert(pointer.to_owned(), ty.clone());
        }
        self.cut |= cut_before;
        ty
    }

    /// What the schema says itself, apart from the schemas it refers to.
    fn own(&mut self, node: &'n Node) -> Ty {
        if let Some(constant) = node.get("const") {
            return of_constant(constant);
        }
        if let Some(values) = node.get("enum") {
            let Some(values) = values.items() else {
                self.mistakes.push(Diagnostic::error(&values.location, "`enum` must be a list"));
                return Ty::dynamic();
            };
            return values.iter().fold(Ty::never(), |ty, value| ty.join(&of_constant(value)));
        }
        let Some(named) = node.get("type") else { return self.untyped(node) };
        let names = match &named.kind {
            NodeKind::List(names) => names.as_slice(),
            _ => std::slice::from_ref(named),
        };
        let mut ty = Ty::never();
        for name in names {
            ty = ty.join(&self.named(name, node));
        }
        ty
    }

    /// A schema without `type` whose keywords tell what is meant.
    fn untyped(&mut self, node: &'n Node) -> Ty {
        if ["properties", "required", "additionalProperties", "patternProperties"]
            .iter()
            .any(|key| node.get(key).is_some())
        {
            return self.object(node);
        }
        if node.get("items").is_some() || node.get("prefixItems").is_some() {
            return self.array(node);
        }
        match node.get("format") {
            Some(_) => self.text(node),
            None => Ty::dynamic(),
        }
    }

    fn named(&mut self, name: &Node, node: &'n Node) -> Ty {
        const NAMES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
        match (name.text(), &name.kind) {
            (Some("null"), _) | (None, NodeKind::Null) => Ty::null(),
            (Some("boolean"), _) => Ty::bool(),
            (Some("integer"), _) => number(node, true),
            (Some("number"), _) => number(node, false),
            (Some("string"), _) => self.text(node),
            (Some("array"), _) => self.array(node),
            (Some("object"), _) => self.object(node),
            (other, _) => {
                let word = other.unwrap_or("this");
                let message = format!("JSON Schema has no type `{word}`");
                let hint = match nearest(word, NAMES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", NAMES.join(", ")),
                };
                self.mistake(&name.location, message, &hint);
                Ty::dynamic()
            }
        }
    }

    fn text(&mut self, node: &Node) -> Ty {
        let format = match node.get("format").and_then(Node::text) {
            Some("date-time") => Format::Instant,
            Some("date-time-local" | "local-date-time") => Format::Local,
            Some("date") => Format::Date,
            _ => Format::Unknown,
        };
        let filled = format != Format::Unknown || at_least_one(node, "minLength");
        Ty::of_text(Text { format, filled, ..Text::default() })
    }

    fn array(&mut self, node: &'n Node) -> Ty {
        let mut item = match (node.get("items"), node.get("prefixItems")) {
            (Some(items), _) => self.schema(items),
            (None, _) => Ty::dynamic(),
        };
        for (n, schema) in items(node, "prefixItems").iter().enumerate() {
            let first = self.schema(schema);
            item = if n == 0 && node.get("items").and_then(Node::text) == Some("false") {
                first
            } else {
                item.join(&first)
            };
        }
        Ty::list(item, at_least_one(node, "minItems"))
    }

    fn object(&mut self, node: &'n Node) -> Ty {
        let mut fields = BTreeMap::new();
        for entry in node.get("properties").and_then(Node::entries).unwrap_or_default() {
            let field = Field { ty: self.schema(&entry.value), presence: Presence::Maybe };
            fields.insert(entry.key.clone(), field);
        }
        let mut rest = match node.get("additionalProperties") {
            None if fields.is_empty() => Rest::Open,
            None => Rest::Open,
            Some(schema) => match self.schema(schema) {
                never if never.is_never() => Rest::Closed,
                ty => Rest::Values(ty),
            },
        };
        for entry in node.get("patternProperties").and_then(Node::entries).unwrap_or_default() {
            let ty = self.schema(&entry.value);
            rest = match rest {
                Rest::Closed => Rest::Values(ty),
                Rest::Values(other) => Rest::Values(other.join(&ty)),
                open => open,
            };
        }
        for required in items(node, "required") {
            let Some(name) = required.text() else { continue };
            let free = || match &rest {
                Rest::Values(ty) => ty.clone(),
                _ => Ty::dynamic(),
            };
            let field = fields.entry(name.into()).or_insert_with(|| Field { ty: free(), presence: Presence::Maybe });
            field.presence = Presence::Always;
        }
        Ty::map(Object { fields, rest })
    }

    fn mistake(&mut self, at: &Location, message: impl Into<String>, hint: &str) {
        self.mistakes.push(Diagnostic::error(at, message).hint(hint));
    }
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).and_then(Node::items).unwrap_or_default()
}

fn at_least_one(node: &Node, key: &str) -> bool {
    node.get(key).and_then(Node::text).and_then(|text| text.parse::<u64>().ok()).is_some_and(|least| least > 0)
}

fn number(node: &Node, whole: bool) -> Ty {
    let word = |key: &str| node.get(key).and_then(Node::text).map(Arc::<str>::from);
    let measure = word("x-unit").map(Measure::Unit).or_else(|| word("x-currency").map(Measure::Currency));
    let whole = whole || node.get("multipleOf").and_then(Node::text).is_some_and(|step| step.parse::<i64>().is_ok());
    Ty::number(Number { whole, held: Held::Either, measure })
}

/// The type of one value as it is written in JSON.
fn of_constant(node: &Node) -> Ty {
    match &node.kind {
        NodeKind::Null => Ty::null(),
        NodeKind::Scalar { text, quoted: true } => Ty::word(text),
        NodeKind::Scalar { text, quoted: false } => match &**text {
            "true" | "false" => Ty::bool(),
            "null" => Ty::null(),
            other => match parse_number(other) {
                Some(Value::Int(_)) => Ty::number(Number { whole: true, held: Held::Either, measure: None }),
                Some(_) => Ty::number(Number { whole: false, held: Held::Either, measure: None }),
                None => Ty::word(other),
            },
        },
        NodeKind::List(items) => {
            let item = items.iter().fold(Ty::never(), |ty, item| ty.join(&of_constant(item)));
            Ty::list(item, !items.is_empty())
        }
        NodeKind::Map(entries) => {
            let field = |node| Field { ty: of_constant(node), presence: Presence::Always };
            let fields = entries.iter().map(|entry| (entry.key.clone(), field(&entry.value))).collect();
            Ty::map(Object { fields, rest: Rest::Closed })
        }
    }
}

/// Both at once. Where the two cannot be brought together exactly, the result is wider.
fn meet(a: &Ty, b: &Ty) -> Ty {
    match (a.dynamic, b.dynamic) {
        (true, _) => return b.clone(),
        (_, true) => return a.clone(),
        _ => {}
    }
    let mut met = a.only(b.kinds());
    if let (Some(a), Some(b)) = (&a.number, &b.number) {
        met.number = Some(Number {
            whole: a.whole || b.whole,
            held: if a.held == Held::Either { b.held } else { a.held },
            measure: a.measure.clone().or_else(|| b.measure.clone()),
        });
    }
    if let (Some(a), Some(b)) = (&a.text, &b.text) {
        met.text = Some(meet_texts(a, b));
    }
    if let (Some(a), Some(b)) = (&a.list, &b.list) {
        met.list = Some(Arc::new(List { item: meet(&a.item, &b.item), filled: a.filled || b.filled }));
    }
    if let (Some(a), Some(b)) = (&a.map, &b.map) {
        met.map = Some(Arc::new(meet_objects(a, b)));
    }
    if !a.null || !b.null {
        met.null = false;
    }
    debug_assert!(met.kinds() & !a.kinds() & kind::ANY & !kind::FRACTION == 0);
    met
}

fn meet_texts(a: &Text, b: &Text) -> Text {
    let words: Option<BTreeSet<Arc<str>>> = match (&a.words, &b.words) {
        (Some(a), Some(b)) => Some(a.intersection(b).cloned().collect()),
        (Some(one), None) | (None, Some(one)) => Some((**one).clone()),
        (None, None) => None,
    };
    if let Some(words) = words {
        return Text::of_words(words);
    }
    let format = if a.format == Format::Unknown { b.format } else { a.format };
    Text { format, filled: a.filled || b.filled, ..Text::default() }
}

fn meet_objects(a: &Object, b: &Object) -> Object {
    let mut fields = a.fields.clone();
    for (name, field) in &b.fields {
        let met = match fields.get(name) {
            Some(twin) => Field { ty: meet(&twin.ty, &field.ty), presence: twin.presence.min(field.presence) },
            None => field.clone(),
        };
        fields.insert(name.clone(), met);
    }
    let rest = match (&a.rest, &b.rest) {
        (Rest::Closed, _) | (_, Rest::Closed) => Rest::Closed,
        (Rest::Values(a), Rest::Values(b)) => Rest::Values(meet(a, b)),
        (Rest::Values(one), _) | (_, Rest::Values(one)) => Rest::Values(one.clone()),
        (one, Rest::Open) => one.clone(),
        (_, one) => one.clone(),
    };
    Object { fields, rest }
}
