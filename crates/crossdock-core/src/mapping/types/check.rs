//! Checks a flow's and a mapping's expressions with what is known of their input. The caller goes through them in the
//! order in which they run: what a condition shows holds for everything behind it.

use super::findings::{self as kinds, Findings};
use super::fit::an;
use super::infer::{Infer, Texts};
use super::tree::TreeCheck;
use super::ty::{Format, Ty, kind};
use crate::mapping::codes::CodeLists;
use crate::mapping::syntax::Source;
use crate::model::EventType;
use crate::model::shape::Shape;
use crate::source::{Diagnostic, Node};

/// A check under way. A clone goes its own way: several mappings of one flow start from what the flow's condition shows.
pub struct Check<'c> {
    infer: Infer<'c>,
    /// What the mappings make the input of.
    operation: Option<(String, Shape)>,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Mistakes and doubts.
    pub findings: Vec<Diagnostic>,
    /// What is not wrong as far as is known but not proved either, as warnings.
    pub unproved: Vec<Diagnostic>,
}

impl<'c> Check<'c> {
    /// `guessed` when types were inferred from samples: then nothing is said to be needless.
    pub fn new(texts: &'c Texts, codes: &'c CodeLists, guessed: bool) -> Self {
        Self { infer: Infer::new(texts, codes, guessed), operation: None }
    }

    /// The operation that the mappings make the input of, and what it takes.
    pub fn operation(&mut self, name: &str, takes: Shape) {
        self.operation = Some((name.to_owned(), takes));
    }

    /// A variable in sight.
    pub fn variable(&mut self, name: &str, ty: Ty) {
        self.infer.env.bind(name, ty);
    }

    /// Another name for a field of a variable: what is shown of the one holds for the other.
    pub fn same(&mut self, name: &str, variable: &str, field: &str) {
        if let Some(place) = self.infer.env.place(variable) {
            self.infer.env.alias(name, place.then(field));
        }
    }

    /// The same variables with what is shown of them, for another mapping with its own code lists.
    pub fn another(&self, codes: &'c CodeLists) -> Self {
        Self { infer: self.infer.another(codes), operation: self.operation.clone() }
    }

    /// A condition under which what follows happens. Null counts as false.
    pub fn condition(&mut self, node: &Node, key: &str) {
        TreeCheck::new(&mut self.infer).condition(node, key, false);
    }

    /// A list that one event is made of each element of, bound to `name`.
    pub fn each(&mut self, node: &Node, name: &str) {
        let ty = Source::of_node(node).and_then(|source| {
            self.infer.source(source, |infer, expr| {
                let ty = infer.infer(expr).whole();
                infer.accept(expr, &ty, kind::LIST | kind::NULL, "`each`", kinds::NOT_A_LIST);
                ty
            })
        });
        let (_, items) = super::calls::elements(&ty.unwrap_or_else(Ty::dynamic).only(kind::LIST));
        self.infer.env.bind(name, items);
    }

    /// When an event happened: a time, or a text with one.
    pub fn time(&mut self, node: &Node) {
        let Some(source) = Source::of_node(node) else { return };
        self.infer.source(source, |infer, expr| {
            let ty = infer.infer(expr).whole();
            let fine = infer.accept(expr, &ty, kind::TIME | kind::TEXT, "`time`", kinds::NOT_A_TIME);
            let at = infer.start_of(expr);
            let Some(text) = ty.text.as_ref().filter(|_| fine && !ty.dynamic) else {
                if ty.dynamic {
                    infer.tell(kinds::UNPROVED, at, "nothing proves that `time` is a time");
                }
                return;
            };
            let hint = "`timestamp(x)` reads a time with an offset, `timestamp(x, 'Europe/Berlin')` a local one";
            let written = infer.written(expr);
            match text.format {
                Format::Instant => {}
                Format::Local | Format::Date => {
                    let message = format!("{written} has no offset, so it is not one instant");
                    infer.tell_with(kinds::LOCAL_TIME, at, message, hint);
                }
                Format::Other | Format::Loose => {
                    let message = format!("{written} is not a time such as 2026-11-23T09:30:00+01:00");
                    infer.tell_with(kinds::NOT_A_TIME, at, message, hint);
                }
                Format::Unknown => infer.tell(kinds::UNPROVED, at, "nothing proves that `time` is a time"),
            }
        });
    }

    /// A value by which something is found: another system's id, or the key of an entity of `kind`. Null means that
    /// there is none. Gives its type.
    pub fn key(&mut self, node: &Node, what: &str, kind_of_entity: Option<&str>) -> Ty {
        let Some(source) = Source::of_node(node) else { return Ty::dynamic() };
        let typed = self.infer.source(source, |infer, expr| {
            let ty = infer.infer(expr).whole();
            let taken = kind::TEXT | kind::NUMBER | kind::NULL;
            infer.accept(expr, &ty, taken, what, kinds::REFERENCE_NOT_A_KEY);
            let key_of = ty.text.as_ref().filter(|_| !ty.dynamic).and_then(|text| text.key_of);
            if let (Some(wanted), Some(found)) = (kind_of_entity, key_of)
                && wanted != found
            {
                let (at, written) = (infer.start_of(expr), infer.written(expr));
                let message = format!("{written} is the key of {}, not of {}", an(found), an(wanted));
                infer.tell_with(
                    kinds::WRONG_ENTITY,
                    at,
                    message,
                    format!("name the {found}, or give the {wanted}'s key"),
                );
            }
            ty
        });
        typed.unwrap_or_else(Ty::dynamic)
    }

    /// The target of a mapping that makes events of this type.
    pub fn event(&mut self, node: &Node, of: EventType) {
        TreeCheck::new(&mut self.infer).event(node, of);
    }

    /// The target of a mapping that makes an operation's input.
    pub fn input(&mut self, node: &Node) {
        let (name, shape) = self.operation.clone().unwrap_or((String::new(), Shape::ANY));
        TreeCheck::new(&mut self.infer).input(node, &name, &shape);
    }

    /// What was found, in the order of the files.
    pub fn finish(self) -> Checked {
        let Findings { mut found, mut unproved } = self.infer.findings;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        unproved.sort_by(|a, b| a.location.cmp(&b.location));
        Checked { findings: found, unproved }
    }
}
