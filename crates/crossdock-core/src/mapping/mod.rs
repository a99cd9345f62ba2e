//! Mappings: from a partner's message to a canonical event and back, as configuration. A mapping is a YAML tree
//! shaped like its target whose leaves are expressions in CEL, the Common Expression Language; the guide is
//! `docs/guides/mappings.md`, the reasons are in `docs/adr/0003-mapping-language.md`.
//!
//! Everything is compiled once, when a hub is loaded, and told then with file, line and column when it is wrong. At
//! run time a mapping depends on its input alone: there is no clock, no randomness, no I/O and no floating point
//! here, and every run has a limit.

mod apply;
mod codes;
mod compile;
mod eval;
mod fault;
mod functions;
mod links;
mod meter;
mod node;
pub mod notes;
mod ops;
mod path;
mod special;
pub mod standard;
mod syntax;
mod tree;
pub mod types;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

pub use codes::{CodeList, CodeLists, OnUnknown, Vocabulary, event_of};
pub use fault::{Fault, FaultKind};
pub use meter::MapLimits;
pub use notes::Notes;

use crate::source::{Diagnostic, Location, Node};
use crate::value::Value;
use compile::Context;
use eval::Cx;
use meter::Meter;
use syntax::Source;
use tree::Tree;

/// What an expression may speak of: variables by name, and code lists.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    names: Vec<Arc<str>>,
    codes: Arc<CodeLists>,
}

impl Scope {
    /// A scope of these variables; their order gives the slots 0, 1, … An empty name keeps a slot that nothing can name.
    pub fn new<N: Into<Arc<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), codes: Arc::default() }
    }

    pub fn with_codes(mut self, codes: Arc<CodeLists>) -> Self {
        self.codes = codes;
        self
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name).filter(|name| !name.is_empty())
    }

    /// The slot of a variable.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| &**known == name)
    }

    /// Bindings for this scope in which nothing is bound yet.
    pub fn bindings(&self) -> Bindings {
        Bindings { values: vec![None; self.names.len()] }
    }

    /// Bindings for this scope with these variables bound. A name that the scope does not have is ignored.
    pub fn bind<'n>(&self, values: impl IntoIterator<Item = (&'n str, Value)>) -> Bindings {
        let mut bindings = self.bindings();
        for (name, value) in values {
            let slot = self.slot(name);
            debug_assert!(slot.is_some(), "the scope has no variable {name}");
            if let Some(slot) = slot {
                bindings.set(slot, value);
            }
        }
        bindings
    }

    /// The code list an expression or mapping asks for, when it can be used in that direction.
    fn code_list(&self, name: &str, back: bool, place: &Location) -> Result<Arc<CodeList>, Diagnostic> {
        let list = self.codes.find(name, place)?;
        match list.ambiguity().filter(|_| back) {
            Some(ambiguity) => {
                Err(Diagnostic::error(place, ambiguity).hint("say under `back:` of the list which one is meant"))
            }
            None => Ok(list),
        }
    }
}

/// The values of a scope's variables for one run. A variable that is not bound is a fault when it is read.
#[derive(Clone, Debug)]
pub struct Bindings {
    values: Vec<Option<Value>>,
}

impl Bindings {
    /// Bindings of a scope of `slots` variables in which nothing is bound yet.
    pub fn new(slots: usize) -> Self {
        Self { values: vec![None; slots] }
    }

    /// Binds the variable of this slot, which must be one of the scope that made the bindings.
    pub fn set(&mut self, slot: usize, value: Value) {
        self.values[slot] = Some(value);
    }
}

/// A compiled expression, for conditions, keys and filters. Cheap to share between threads.
#[derive(Debug)]
pub struct Expression {
    node: node::Node,
    source: Source,
    reads: Vec<String>,
}

impl Expression {
    /// Compiles `text`, whose first character stands at `at`. All mistakes that can be seen are told at once.
    pub fn compile(text: &str, at: &Location, scope: &Scope) -> Result<Self, Vec<Diagnostic>> {
        Self::of_source(Source::new(text, at), scope)
    }

    /// Compiles the scalar of a configuration node, whose quotes and block indentation are taken into account.
    pub fn of_node(node: &Node, scope: &Scope) -> Result<Self, Vec<Diagnostic>> {
        match Source::of_node(node) {
            Some(source) => Self::of_source(source, scope),
            None => {
                let message = format!("this must be an expression, not {}", node.kind_word());
                Err(vec![Diagnostic::error(&node.location, message)])
            }
        }
    }

    fn of_source(source: Source, scope: &Scope) -> Result<Self, Vec<Diagnostic>> {
        let mut context = Context::new(scope);
        let node = context.expression(&source);
        if context.mistakes.is_empty() {
            Ok(Self { node, source, reads: context.reads.into_iter().collect() })
        } else {
            Err(context.into_mistakes())
        }
    }

    /// The value for these bindings. An absent optional (`message.?note`) is null. The value keeps its kind: times
    /// stay times.
    pub fn evaluate(&self, bindings: &Bindings, limits: &MapLimits<'_>) -> Result<Value, Fault> {
        self.run(bindings, &Meter::new(limits))
    }

    /// `evaluate`, noting what else is noticed. `role` says what the expression is for: `when`, `time` …
    pub fn evaluate_noting(
        &self,
        bindings: &Bindings,
        limits: &MapLimits<'_>,
        notes: &Notes,
        role: &str,
    ) -> Result<Value, Fault> {
        let value = self.run(bindings, &Meter::noting(limits, notes));
        if notes.is_tracing() {
            let outcome = match &value {
                Ok(value) => notes::StepOutcome::Value(value.clone()),
                Err(fault) => notes::StepOutcome::Fault(fault.message.clone()),
            };
            notes.step(notes::Role::Beside(role.to_owned()), self.text(), self.location().clone(), outcome);
        }
        value
    }

    fn run(&self, bindings: &Bindings, meter: &Meter<'_>) -> Result<Value, Fault> {
        let cx = Cx { slots: &bindings.values, local: None, meter };
        let value = self.node.eval(&cx).and_then(|value| meter.whole(&value).map(|()| value.into_value()));
        match value {
            Ok(value) => Ok(value),
            Err(trouble) => Err(trouble.located(|offset| self.source.locate(offset)).into_fault(self.source.start())),
        }
    }

    /// The answer of a condition. Anything but true and false is a fault.
    pub fn evaluate_bool(&self, bindings: &Bindings, limits: &MapLimits<'_>) -> Result<bool, Fault> {
        let value = self.evaluate(bindings, limits)?;
        value.as_bool().ok_or_else(|| {
            let message = format!("the condition needs true or false, found {}", ops::shown(&value));
            fault::Trouble::wrong_type(message).into_fault(self.source.start())
        })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    pub fn location(&self) -> &Location {
        self.source.start()
    }

    /// The source paths that are read; see [`Mapping::reads`].
    pub fn reads(&self) -> &[String] {
        &self.reads
    }
}

/// A compiled mapping. Cheap to share between threads.
#[derive(Debug)]
pub struct Mapping {
    name: Arc<str>,
    tree: Tree,
    location: Location,
    reads: Vec<String>,
    fields: Vec<FieldUse>,
}

/// One field of the target and where its value comes from: what the loss report is made of.
#[derive(Clone, Debug)]
pub struct FieldUse {
    /// `lines[].sku`; empty when the target is a single value.
    pub path: String,
    pub location: Location,
    /// As written.
    pub expression: String,
    /// Always the same value.
    pub is_constant: bool,
    /// Stands below a `when`.
    pub is_conditional: bool,
    /// The expression that is taken when the value is null or absent.
    pub default: Option<String>,
    /// The expression that is taken when the code list does not know the value.
    pub unknown: Option<String>,
    /// The code list it goes through.
    pub codes: Option<Arc<CodeList>>,
    /// It goes through it from canonical to partner.
    pub back: bool,
    /// Source paths it reads; see [`Mapping::reads`].
    pub reads: Vec<String>,
}

impl Mapping {
    /// Compiles a target tree. All mistakes that can be seen are told at once.
    pub fn compile(node: &Node, scope: &Scope) -> Result<Self, Vec<Diagnostic>> {
        tree::compile(node, scope)
    }

    /// Makes the target. It has the shape of JSON: times, durations and bytes have become texts, so that it means
    /// the same before and after it was stored. When nothing at all is to be written, a tree that is a map gives the
    /// empty map and any other gives null.
    pub fn apply(&self, bindings: &Bindings, limits: &MapLimits<'_>) -> Result<Value, Fault> {
        self.run(bindings, &Meter::new(limits))
    }

    /// `apply`, noting what else is noticed.
    pub fn apply_noting(&self, bindings: &Bindings, limits: &MapLimits<'_>, notes: &Notes) -> Result<Value, Fault> {
        notes.begin_run();
        let target = self.run(bindings, &Meter::noting(limits, notes))?;
        if !self.name.is_empty() {
            notes.ran(&self.name);
        }
        Ok(target)
    }

    fn run(&self, bindings: &Bindings, meter: &Meter<'_>) -> Result<Value, Fault> {
        let cx = Cx { slots: &bindings.values, local: None, meter };
        match self.tree.make(&cx) {
            Ok(Some(target)) => Ok(target),
            Ok(None) if matches!(self.tree, Tree::Map(_)) => Ok(Value::map([] as [(&str, Value); 0])),
            Ok(None) => Ok(Value::Null),
            Err(trouble) => Err(trouble.into_fault(&self.location)),
        }
    }

    /// The source paths the mapping reads, sorted: `message.stop.address`. `[]` stands for the elements of a list or
    /// the values of a map: `message.items[].sku`. A path that ends with it was walked, while only the parts named
    /// by longer paths were used.
    pub fn reads(&self) -> &[String] {
        &self.reads
    }

    /// The fields of the target, in the order written.
    pub fn fields(&self) -> &[FieldUse] {
        &self.fields
    }

    /// The same, under a name by which its use is counted.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Empty when it was given none.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn location(&self) -> &Location {
        &self.location
    }
}
