//! A compiled expression: names resolved to slots, constants folded, every node knowing its place in the text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::codes::CodeList;
use super::functions::Function;
use crate::value::{Map, Value};

/// Byte offset in the expression's text.
pub(super) type Offset = u32;

/// An expression that gives a value.
#[derive(Debug)]
pub(super) enum Node {
    Const(Value),
    Path(Path),
    Select(Box<Select>),
    Index(Box<[Node; 2]>, Offset),
    /// `has(operand.field)`
    Has(Box<Select>),
    Not(Box<Node>, Offset),
    Negate(Box<Node>, Offset),
    And(Box<[Node; 2]>, Offset),
    Or(Box<[Node; 2]>, Offset),
    /// Condition, then, else.
    If(Box<[Node; 3]>, Offset),
    Equal(Box<[Node; 2]>),
    NotEqual(Box<[Node; 2]>),
    Compare(Box<[Node; 2]>, Comparison, Offset),
    In(Box<[Node; 2]>, Offset),
    Arithmetic(Box<[Node; 2]>, Arithmetic, Offset),
    List(Vec<Element>),
    Map(Vec<MapEntry>),
    Call(Box<Call>),
    Macro(Box<Macro>),
    /// `cel.bind`: the value of the new local, and the body.
    Bind(Box<[Node; 2]>),
    /// The second when the first is null.
    NullElse(Box<[Node; 2]>),
    /// Null when a source field is absent.
    Forgive(Box<Node>),
    /// Null when the optional is empty.
    OrNull(Box<Optional>),
    OrValue(Box<(Optional, Node)>),
    HasValue(Box<Optional>),
    Unwrap(Box<Optional>, Offset),
    Code(Box<CodeLookup>),
    Matches(Box<(Node, regex_lite::Regex)>, Offset),
}

/// An expression that may give nothing. Optionals exist only inside expressions; the compiler keeps them out of
/// values.
#[derive(Debug)]
pub(super) enum Optional {
    Nothing,
    Of(Node),
    /// Nothing for null, false, zero and empty texts, lists and maps.
    OfNonZero(Node),
    Steps {
        base: OptionalBase,
        steps: Vec<OptionalStep>,
    },
    Or(Box<[Optional; 2]>),
    If(Box<(Node, Optional, Optional)>, Offset),
    /// `optMap`: the value of the new local, and the body.
    Map(Box<(Optional, Node)>),
    /// `optFlatMap`
    FlatMap(Box<[Optional; 2]>),
}

#[derive(Debug)]
pub(super) enum OptionalBase {
    Value(Box<Node>),
    Optional(Box<Optional>),
}

#[derive(Debug)]
pub(super) enum OptionalStep {
    Fixed(Step),
    Computed(Node, Offset),
}

/// A variable and the way into it, such as `message.stop.items[0]`.
#[derive(Debug)]
pub(super) struct Path {
    pub root: Root,
    /// What the variable stands for, for messages: its source path when it has one, otherwise its name.
    pub name: Arc<str>,
    pub steps: Vec<Step>,
    pub at: Offset,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Root {
    /// A variable of the scope.
    Slot(usize),
    /// A variable of a macro or of the mapping tree: so many frames up.
    Local(usize),
}

#[derive(Debug)]
pub(super) struct Step {
    pub kind: StepKind,
    pub at: Offset,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Field(Field),
    Item(i64),
}

/// A field name that remembers where it was found last: messages of one sender look alike.
#[derive(Debug)]
pub(super) struct Field {
    pub name: Arc<str>,
    hint: AtomicU32,
}

impl Field {
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), hint: AtomicU32::new(0) }
    }

    pub fn find<'v>(&self, map: &'v Map) -> Option<&'v Value> {
        let hint = self.hint.load(Ordering::Relaxed);
        let position = map.position_hinted(&self.name, hint as usize)?;
        if position != hint as usize {
            self.hint.store(position as u32, Ordering::Relaxed);
        }
        Some(map.value_at(position))
    }
}

#[derive(Debug)]
pub(super) struct Select {
    pub operand: Node,
    pub field: Field,
    pub at: Offset,
}

#[derive(Debug)]
pub(super) enum Element {
    Value(Node),
    /// `[?x]`: left out when there is nothing.
    Optional(Optional),
}

#[derive(Debug)]
pub(super) struct MapEntry {
    pub key: Node,
    pub value: Element,
    pub at: Offset,
}

#[derive(Debug)]
pub(super) struct Call {
    pub function: &'static Function,
    pub args: Vec<Node>,
    pub at: Offset,
}

/// `range.all(x, …)` and its kin. With two variables they are index and element of a list, or key and value of a map.
#[derive(Debug)]
pub(super) struct Macro {
    pub kind: MacroKind,
    pub range: Node,
    pub two_variables: bool,
    /// Only elements for which this holds are passed to the body (`map` and the transforms).
    pub filter: Option<Node>,
    pub body: Node,
    pub at: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    /// `map` and `transformList`.
    List,
    /// `transformMap`: the same keys with new values.
    Map,
}

impl MacroKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exists => "exists",
            Self::ExistsOne => "exists_one",
            Self::Filter => "filter",
            Self::List => "map",
            Self::Map => "transformMap",
        }
    }
}

#[derive(Debug)]
pub(super) struct CodeLookup {
    pub list: Arc<CodeList>,
    pub value: Node,
    /// From canonical word to partner code.
    pub back: bool,
    pub at: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}
