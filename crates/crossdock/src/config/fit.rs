//! Does a mapping's target fit the event it makes? What the shape of the tree and its constants make certain is told
//! before anything runs: unknown fields, missing required ones, a list where a text belongs, a word outside of a
//! code list. What only a message can tell is checked when it comes.

use crossdock_core::mapping::{CodeList, CodeLists};
use crossdock_core::model::{EventType, Field, Type};
use crossdock_core::source::{Diagnostic, Location, Node, NodeKind, nearest};

/// Everything in the target that cannot fit.
pub fn check(target: &Node, event: EventType, codes: &CodeLists) -> Vec<Diagnostic> {
    let mut fit = Fit { codes, mistakes: Vec::new() };
    let mut required: Vec<&str> = event.entity.key.to_vec();
    for name in event.event.requires {
        if !required.contains(name) {
            required.push(name);
        }
    }
    let what = Object { name: event.name(), fields: event.entity.fields, required };
    fit.object(target, &what, &target.location);
    fit.mistakes
}

/// An object of the model and what must be in it.
struct Object {
    name: String,
    fields: &'static [Field],
    /// Besides the fields that are required anyway.
    required: Vec<&'static str>,
}

/// What a node of the target tree is, as far as the tree alone says it.
enum Shape<'n> {
    /// A map of target fields.
    Fields,
    /// A list with these elements.
    List(&'n [Node]),
    /// A list whose elements are all made by this.
    Each(Option<&'n Node>),
    /// One of these, or nothing.
    Either(Vec<&'n Node>),
    /// A `value` node.
    Leaf(&'n Node),
    /// An expression.
    Expression(&'n str),
    /// Nothing certain.
    Unknown,
}

fn shape(node: &Node) -> Shape<'_> {
    match &node.kind {
        NodeKind::Null => Shape::Unknown,
        NodeKind::Scalar { text, .. } => Shape::Expression(text),
        NodeKind::List(items) => Shape::List(items),
        // The order is that of the mapping's own reading of control nodes.
        NodeKind::Map(_) if node.get("each").is_some() => Shape::Each(node.get("to")),
        NodeKind::Map(_) if node.get("when").is_some() => {
            Shape::Either([node.get("then"), node.get("else")].into_iter().flatten().collect())
        }
        NodeKind::Map(_) if node.get("value").is_some() => Shape::Leaf(node),
        NodeKind::Map(_) if node.get("let").is_some() => Shape::Either(node.get("in").into_iter().collect()),
        NodeKind::Map(_) => Shape::Fields,
    }
}

struct Fit<'c> {
    codes: &'c CodeLists,
    mistakes: Vec<Diagnostic>,
}

impl Fit<'_> {
    fn object(&mut self, node: &Node, what: &Object, at: &Location) {
        match shape(node) {
            Shape::Fields => self.fields(node, what, at),
            Shape::Either(branches) => {
                branches.into_iter().for_each(|branch| self.object(branch, what, &branch.location))
            }
            Shape::List(_) | Shape::Each(_) => self.wrong(node, "an object", "a list"),
            Shape::Leaf(_) | Shape::Expression(_) | Shape::Unknown => self.not_constant(node, "an object"),
        }
    }

    fn fields(&mut self, node: &Node, what: &Object, at: &Location) {
        let entries = node.entries().unwrap_or_default();
        let mut given = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = entry.key.strip_prefix('=').unwrap_or(&entry.key);
            match what.fields.iter().find(|field| field.name == name) {
                Some(field) => {
                    given.push(field.name);
                    self.value(&entry.value, field.name, &field.of);
                }
                None => self.unknown_field(name, what, &entry.key_location),
            }
        }
        let required = what.fields.iter().filter(|field| field.required).map(|field| field.name);
        for name in required.chain(what.required.iter().copied().filter(|name| !is_required(name, what.fields))) {
            if !given.contains(&name) {
                let meaning = what.fields.iter().find(|field| field.name == name).map_or("", |field| field.meaning);
                self.mistakes.push(
                    Diagnostic::error(at, format!("the target lacks `{name}`, which {} needs", what.name))
                        .hint(meaning.trim_end_matches('.').to_owned()),
                );
            }
        }
    }

    fn unknown_field(&mut self, name: &str, what: &Object, at: &Location) {
        let mistake = Diagnostic::error(at, format!("{} has no field `{name}`", what.name));
        let near = nearest(name, what.fields.iter().map(|field| field.name));
        let has_attributes = what.fields.iter().any(|field| field.name == "attributes");
        self.mistakes.push(match near {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None if has_attributes => mistake
                .hint(format!("what no field has a name for goes below `attributes`: `attributes: {{{name}: …}}`")),
            None => {
                let known: Vec<&str> = what.fields.iter().map(|field| field.name).collect();
                mistake.hint(format!("known are {}", known.join(", ")))
            }
        });
    }

    fn value(&mut self, node: &Node, name: &str, of: &'static Type) {
        match (shape(node), of) {
            (Shape::Either(branches), _) => branches.into_iter().for_each(|branch| self.value(branch, name, of)),
            (_, Type::Object(fields)) => {
                let name = format!("`{name}`");
                self.object(node, &Object { name, fields, required: Vec::new() }, &node.location);
            }
            (Shape::List(items), Type::List(item)) => items.iter().for_each(|node| self.value(node, name, item)),
            (Shape::Each(to), Type::List(item)) => to.into_iter().for_each(|node| self.value(node, name, item)),
            (Shape::Fields, Type::List(_)) => self.wrong(node, "a list", "a map"),
            (Shape::Leaf(_) | Shape::Expression(_), Type::List(_)) => self.not_constant(node, "a list"),
            (Shape::Fields, Type::Attributes) | (Shape::Unknown, _) => {}
            (Shape::Leaf(_) | Shape::Expression(_), Type::Attributes) => self.not_constant(node, "a map"),
            (Shape::Fields, _) => self.wrong(node, wanted(of), "a map"),
            (Shape::List(_) | Shape::Each(_), _) => self.wrong(node, wanted(of), "a list"),
            (Shape::Leaf(leaf), _) => self.leaf(leaf, of),
            (Shape::Expression(text), _) => self.constant(text, node, of),
        }
    }

    /// A `value` node: its constants and, when it goes through a code list, every word that may come out.
    fn leaf(&mut self, node: &Node, of: &Type) {
        for key in ["default", "unknown"] {
            if let Some(given) = node.get(key)
                && let Some(text) = given.text()
            {
                self.constant(text, given, of);
            }
        }
        match (node.get("code"), node.get("value")) {
            (Some(code), _) => {
                let list = code.text().and_then(|name| self.codes.get(name));
                if let (Some(list), Type::Code(words)) = (list.cloned(), of) {
                    self.coverage(&list, words, &code.location);
                }
            }
            (None, Some(value)) if node.get("code_back").is_none() => {
                if let Some(text) = value.text() {
                    self.constant(text, value, of);
                }
            }
            _ => {}
        }
    }

    fn coverage(&mut self, list: &CodeList, words: &[&str], at: &Location) {
        let mut wrong: Vec<&str> =
            list.entries.iter().map(|(_, word)| &**word).filter(|word| !words.contains(word)).collect();
        wrong.sort_unstable();
        wrong.dedup();
        if !wrong.is_empty() {
            let message =
                format!("code list `{}` leads to {}, which this field does not take", list.name, quoted(&wrong));
            self.mistakes.push(Diagnostic::error(at, message).hint(format!("it takes {}", words.join(", "))));
        }
    }

    /// An expression that is a plain constant must be of the field's type.
    fn constant(&mut self, text: &str, node: &Node, of: &Type) {
        let Some(constant) = Constant::read(text) else { return };
        let fits = match (&constant, of) {
            (Constant::Text(word), Type::Code(words)) => {
                if !words.contains(word) {
                    let mistake = Diagnostic::error(&node.location, format!("this field does not take `{word}`"));
                    self.mistakes.push(match nearest(word, words.iter().copied()) {
                        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
                        None => mistake.hint(format!("it takes {}", words.join(", "))),
                    });
                }
                true
            }
            (
                Constant::Text(_),
                Type::Text | Type::Binary | Type::Ref(_) | Type::AnyRef | Type::Time | Type::Date | Type::Zone,
            )
            | (Constant::Text(_), Type::Unit | Type::Currency | Type::Country | Type::Unlocode) => true,
            (Constant::Int, Type::Int | Type::Decimal | Type::Ref(_)) => true,
            (Constant::Decimal, Type::Decimal | Type::Ref(_)) => true,
            (Constant::Bool, Type::Bool) => true,
            _ => false,
        };
        if !fits {
            self.wrong(node, wanted(of), constant.word());
        }
    }

    fn not_constant(&mut self, node: &Node, wanted: &str) {
        let text = match node.get("value") {
            Some(value) => value.text(),
            None => node.text(),
        };
        if let Some(constant) = text.and_then(Constant::read) {
            self.wrong(node, wanted, constant.word());
        }
    }

    fn wrong(&mut self, node: &Node, wanted: &str, found: &str) {
        self.mistakes.push(Diagnostic::error(&node.location, format!("this field must be {wanted}, not {found}")));
    }
}

/// An expression that is one literal.
enum Constant<'t> {
    Text(&'t str),
    Int,
    Decimal,
    Bool,
}

impl<'t> Constant<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let text = text.trim();
        for quote in ['"', '\''] {
            if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
                return (!inner.contains([quote, '\\'])).then_some(Constant::Text(inner));
            }
        }
        if matches!(text, "true" | "false") {
            return Some(Constant::Bool);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match digits.split_once('.') {
            None if is_digits(digits) => Some(Constant::Int),
            Some((whole, part)) if is_digits(whole) && is_digits(part) => Some(Constant::Decimal),
            _ => None,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Constant::Text(_) => "a text",
            Constant::Int => "a whole number",
            Constant::Decimal => "a number",
            Constant::Bool => "true or false",
        }
    }
}

fn is_required(name: &str, fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == name && field.required)
}

fn wanted(of: &Type) -> &'static str {
    match of {
        Type::Text => "a text",
        Type::Code(_) => "a code word",
        Type::Unit => "a unit code",
        Type::Currency => "a currency code",
        Type::Country => "a country code",
        Type::Unlocode => "a UN/LOCODE",
        Type::Zone => "a time zone",
        Type::Int => "a whole number",
        Type::Decimal => "a number",
        Type::Bool => "true or false",
        Type::Time => "a date-time",
        Type::Date => "a date",
        Type::Ref(_) => "the key of an entity",
        Type::AnyRef => "the name of an entity",
        Type::Binary => "base64 text",
        Type::Object(_) => "an object",
        Type::List(_) => "a list",
        Type::Attributes => "a map",
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
