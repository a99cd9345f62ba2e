//! From CEL's syntax tree to compiled nodes: names become slots, constants are computed once, and everything that
//! can be known to be wrong before a message arrives is told with its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, MapExpr, SourceInfo, operators};

use super::Scope;
use super::eval::Cx;
use super::fault::{FaultKind, Trouble};
use super::functions;
use super::meter::{MapLimits, Meter};
use super::node::*;
use super::syntax::{self, Source};
use super::types::findings::{self as kinds, Kind};
use crate::source::{Diagnostic, Location, nearest};
use crate::value::Value;
use crate::value::number::parse_decimal;

/// Nodes inside each other. Bounds the stack of compiling and evaluating.
const DEPTH_MAX: usize = 200;
/// Local variables in sight of each other.
pub(super) const LOCALS_MAX: usize = 60;
/// Steps for computing one constant. A dearer one is computed with each message, under its limits.
const CONSTANT_STEPS_MAX: u64 = 10_000;

/// What the expressions of one mapping share while they are compiled.
pub(super) struct Context<'s> {
    pub scope: &'s Scope,
    /// Local variables in sight, outermost first.
    pub locals: Vec<LocalName>,
    /// Source paths that are read.
    pub reads: BTreeSet<String>,
    pub mistakes: Vec<Diagnostic>,
}

pub(super) struct LocalName {
    pub name: Arc<str>,
    /// The source path that the variable stands for, when it stands for one: `message.items[]`.
    pub origin: Option<String>,
}

impl<'s> Context<'s> {
    pub fn new(scope: &'s Scope) -> Self {
        Self { scope, locals: Vec::new(), reads: BTreeSet::new(), mistakes: Vec::new() }
    }

    /// Compiles one expression. After a mistake the result is a placeholder; the caller looks at `mistakes`.
    pub fn expression(&mut self, source: &Source) -> Node {
        self.with_compiler(source, |compiler, root| {
            let typed = compiler.expression(root);
            compiler.whole(typed, Absence::Null)
        })
        .unwrap_or(Node::Const(Value::Null))
    }

    /// Compiles an expression for a place where an absent source field counts as null.
    pub fn forgiving(&mut self, source: &Source) -> Node {
        self.with_compiler(source, |compiler, root| {
            let typed = compiler.forgiving(root);
            compiler.whole(typed, Absence::Null)
        })
        .unwrap_or(Node::Const(Value::Null))
    }

    /// Compiles the list that `each` walks; gives the source path of its elements too, when there is one.
    pub fn range(&mut self, source: &Source) -> (Node, Option<String>) {
        self.with_compiler(source, |compiler, root| {
            let (typed, origin) = compiler.range(root);
            (compiler.whole(typed, Absence::Null), origin)
        })
        .unwrap_or((Node::Const(Value::Null), None))
    }

    /// Compiles the value of a `let` name; gives the source path it stands for too, when there is one.
    pub fn alias(&mut self, source: &Source) -> (Node, Option<String>) {
        self.with_compiler(source, |compiler, root| {
            let (typed, origin) = compiler.alias(root);
            (compiler.whole(typed, Absence::Null), origin)
        })
        .unwrap_or((Node::Const(Value::Null), None))
    }

    /// Everything that was wrong, in the order of the text.
    pub fn into_mistakes(mut self) -> Vec<Diagnostic> {
        self.mistakes.sort_by(|a, b| a.location.cmp(&b.location));
        self.mistakes
    }

    fn with_compiler<T>(
        &mut self,
        source: &Source,
        run: impl FnOnce(&mut Compiler<'_, 's>, &IdedExpr) -> T,
    ) -> Option<T> {
        match syntax::parse(source) {
            Ok((root, places)) => Some(run(&mut Compiler { context: self, source, places, depth: 0 }, &root)),
            Err(diagnostic) => {
                self.mistakes.push(diagnostic);
                None
            }
        }
    }
}

/// What an empty optional means where a value is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// It is null: the whole expression, and what `default` looks at.
    Null,
    /// It is a mistake: the author has to say what happens then.
    Mistake,
}

pub(super) enum Compiled {
    Value(Node),
    Optional(Optional),
}

/// A compiled node, with what it depends on.
pub(super) struct Typed {
    pub compiled: Compiled,
    pub free: Free,
    pub at: Offset,
}

/// The variables a node depends on: bit 0 for those of the scope, one bit for each level of locals. Without any it is
/// a constant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Free(u64);

impl Free {
    pub const NONE: Self = Self(0);
    const SCOPE: Self = Self(1);

    fn local(level: usize) -> Self {
        Self(1 << (level + 1).min(63))
    }

    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Outside of the macro that binds the locals from `level` on.
    pub fn without_locals_from(self, level: usize) -> Self {
        Self(self.0 & ((1 << (level + 1).min(63)) - 1))
    }
}

/// Compiles one expression.
pub(super) struct Compiler<'c, 's> {
    pub context: &'c mut Context<'s>,
    source: &'c Source,
    places: SourceInfo,
    depth: usize,
}

impl Compiler<'_, '_> {
    pub fn expression(&mut self, expr: &IdedExpr) -> Typed {
        if self.depth == DEPTH_MAX {
            let at = self.at(expr.id);
            return self.mistake_with(
                at,
                format!("the expression is nested more than {DEPTH_MAX} deep"),
                "give parts of it a name with `let`",
            );
        }
        self.depth += 1;
        let typed = self.expression_inside(expr);
        self.depth -= 1;
        typed
    }

    fn expression_inside(&mut self, expr: &IdedExpr) -> Typed {
        let at = self.at(expr.id);
        match &expr.expr {
            Expr::Literal(literal) => self.literal(literal, expr.id),
            Expr::Ident(_) => self.path(expr, Reading::Whole),
            Expr::Select(select) if select.test => self.mistake(at, "`has` takes a field such as `has(message.stop)`"),
            Expr::Select(_) => self.path(expr, Reading::Whole),
            Expr::Call(call) => self.call(call, expr),
            Expr::List(list) => {
                let mut elements = Vec::with_capacity(list.elements.len());
                for (position, element) in list.elements.iter().enumerate() {
                    let typed = self.expression(element);
                    elements.push((typed, list.optional_indices.contains(&position)));
                }
                self.list(elements, at)
            }
            Expr::Map(map) => self.map(map, at),
            Expr::Struct(_) => {
                self.mistake_with(at, "there are no message types here", "write a map: `{'field': value}`")
            }
            Expr::Comprehension(_) | Expr::Unspecified => self.mistake(at, "this cannot be read as an expression"),
        }
    }

    fn literal(&mut self, literal: &LiteralValue, id: u64) -> Typed {
        let at = self.at(id);
        let value = match literal {
            LiteralValue::Null => Value::Null,
            LiteralValue::Boolean(bool) => Value::Bool(*bool.inner()),
            LiteralValue::Int(int) => Value::Int(*int.inner()),
            LiteralValue::UInt(uint) => match i64::try_from(*uint.inner()) {
                Ok(int) => Value::Int(int),
                Err(_) => return self.mistake(at, "the number is outside of the 64-bit integers"),
            },
            LiteralValue::String(text) => Value::from(text.inner()),
            LiteralValue::Bytes(bytes) => Value::Bytes(bytes.inner().into()),
            // The parser has read a float; what counts is the text it was written as.
            LiteralValue::Double(double) => {
                let (start, stop) = self.places.offset_for(id).unwrap_or_default();
                let written = self.source.text.get(start as usize..=stop as usize).unwrap_or_default();
                match parse_decimal(written.trim_start_matches('-')) {
                    Some(decimal) if double.inner().is_sign_negative() => Value::Decimal(-decimal),
                    Some(decimal) => Value::Decimal(decimal),
                    None => return self.mistake(at, format!("`{written}` has more digits than a decimal holds (28)")),
                }
            }
        };
        self.constant(value, at)
    }

    fn map(&mut self, map: &MapExpr, at: Offset) -> Typed {
        let mut free = Free::NONE;
        let mut entries = Vec::with_capacity(map.entries.len());
        for entry in &map.entries {
            let EntryExpr::MapEntry(pair) = &entry.expr else { continue };
            let place = self.at(pair.key.id);
            let key = self.expression(&pair.key);
            let value = self.expression(&pair.value);
            free = free.and(key.free).and(value.free);
            let key = self.value(key);
            let value = self.element(value, pair.optional);
            entries.push(MapEntry { key, value, at: place });
        }
        self.finish(Node::Map(entries), free, at)
    }

    fn list(&mut self, elements: Vec<(Typed, bool)>, at: Offset) -> Typed {
        let free = elements.iter().fold(Free::NONE, |free, (typed, _)| free.and(typed.free));
        let elements = elements.into_iter().map(|(typed, optional)| self.element(typed, optional)).collect();
        self.finish(Node::List(elements), free, at)
    }

    /// An element of a list or map; `optional` when it was written with a question mark.
    fn element(&mut self, typed: Typed, optional: bool) -> Element {
        match typed.compiled {
            Compiled::Optional(inner) if optional => Element::Optional(inner),
            Compiled::Value(_) if optional => {
                self.complain(typed.at, "`?` is for optional values", Some("such as `[?message.?stop]`"));
                Element::Value(Node::Const(Value::Null))
            }
            _ => Element::Value(self.value(typed)),
        }
    }

    fn call(&mut self, call: &CallExpr, expr: &IdedExpr) -> Typed {
        let at = self.at(expr.id);
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::INDEX | operators::OPT_SELECT | operators::OPT_INDEX, None, [_, _]) => {
                self.path(expr, Reading::Whole)
            }
            (operators::CONDITIONAL, None, [condition, then, otherwise]) => {
                self.conditional(condition, then, otherwise, at)
            }
            (operators::LOGICAL_NOT, None, [operand]) => self.unary(operand, at, |operand| Node::Not(operand, at)),
            (operators::NEGATE, None, [operand]) => self.unary(operand, at, |operand| Node::Negate(operand, at)),
            (operator, None, [left, right]) if binary(operator).is_some() => {
                let build = binary(operator).expect("just looked");
                let (left, right) = (self.expression(left), self.expression(right));
                self.join(vec![left, right], at, |nodes| build(pair(nodes), at))
            }
            (name, target, args) => match self.special(name, target, args, at) {
                Some(typed) => typed,
                None => self.function(name, target, args, at),
            },
        }
    }

    fn unary(&mut self, operand: &IdedExpr, at: Offset, build: impl FnOnce(Box<Node>) -> Node) -> Typed {
        let operand = self.expression(operand);
        self.join(vec![operand], at, |mut nodes| build(Box::new(nodes.remove(0))))
    }

    fn conditional(&mut self, condition: &IdedExpr, then: &IdedExpr, otherwise: &IdedExpr, at: Offset) -> Typed {
        let (condition, then, otherwise) =
            (self.expression(condition), self.expression(then), self.expression(otherwise));
        let optional = |typed: &Typed| matches!(typed.compiled, Compiled::Optional(_));
        if !optional(&then) && !optional(&otherwise) {
            return self.join(vec![condition, then, otherwise], at, |nodes| {
                Node::If(Box::new(nodes.try_into().expect("three went in")), at)
            });
        }
        let free = condition.free.and(then.free).and(otherwise.free);
        let condition = self.value(condition);
        let branches = (condition, into_optional(then), into_optional(otherwise));
        Typed { compiled: Compiled::Optional(Optional::If(Box::new(branches), at)), free, at }
    }

    /// An ordinary function, written `f(x, y)` or `x.f(y)`.
    fn function(&mut self, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr], at: Offset) -> Typed {
        let named: Vec<_> = functions::all().filter(|function| function.name == name).collect();
        let args: Vec<&IdedExpr> = target.into_iter().chain(args).collect();
        let Some(function) = named.iter().find(|function| function.run.arity() == args.len()) else {
            for arg in args {
                self.expression(arg);
            }
            return match named.as_slice() {
                [] => self.unknown_function(name, at),
                _ => {
                    let forms: Vec<String> =
                        named.iter().map(|function| format!("`{name}({})`", function.params)).collect();
                    self.mistake_of(
                        kinds::ARGUMENT_COUNT,
                        at,
                        format!("`{name}` has the wrong number of arguments"),
                        Some(format!("it is {}", forms.join(" or "))),
                    )
                }
            };
        };
        let args = args.into_iter().map(|arg| self.expression(arg)).collect();
        self.join(args, at, |args| Node::Call(Box::new(Call { function, args, at })))
    }

    fn unknown_function(&mut self, name: &str, at: Offset) -> Typed {
        let known = functions::all().map(|function| function.name).chain(super::special::names());
        let message = format!("there is no function `{name}`");
        let hint = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
        self.mistake_of(kinds::UNKNOWN_FUNCTION, at, message, hint)
    }

    /// The start of a path: a local variable, one of the scope, or a type word.
    pub fn root(&mut self, name: &str, at: Offset) -> Result<(Path, Free, String), Typed> {
        let name = name.strip_prefix('.').unwrap_or(name);
        let context = &*self.context;
        let path = |root, name: &str| Path { root, name: name.into(), steps: Vec::new(), at };
        if let Some(level) = context.locals.iter().rposition(|local| &*local.name == name) {
            let hops = context.locals.len() - 1 - level;
            let origin = context.locals[level].origin.clone().unwrap_or_default();
            let shown = if origin.is_empty() { name } else { &origin };
            return Ok((path(Root::Local(hops), shown), Free::local(level), origin));
        }
        if let Some(slot) = context.scope.slot(name) {
            return Ok((path(Root::Slot(slot), name), Free::SCOPE, name.to_string()));
        }
        if let Some(word) = functions::type_word(name) {
            return Err(self.constant(Value::from(word), at));
        }
        Err(self.unknown_variable(name, at))
    }

    fn unknown_variable(&mut self, name: &str, at: Offset) -> Typed {
        let context = &*self.context;
        let known: Vec<&str> = context.locals.iter().map(|local| &*local.name).chain(context.scope.names()).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}; a text is written in quotes: '{name}'", known.join(", ")),
        };
        self.mistake_of(kinds::UNKNOWN_VARIABLE, at, format!("there is no variable `{name}`"), Some(hint))
    }

    /// Builds a node of values, computing it at once when they are all constant. When it is not constant, a constant
    /// among them that cannot be computed is a mistake.
    pub fn join(&mut self, parts: Vec<Typed>, at: Offset, build: impl FnOnce(Vec<Node>) -> Node) -> Typed {
        let free = parts.iter().fold(Free::NONE, |free, part| free.and(part.free));
        let mut nodes = Vec::with_capacity(parts.len());
        for part in parts {
            if free != Free::NONE {
                self.check_constant(&part);
            }
            nodes.push(self.value(part));
        }
        self.finish(build(nodes), free, at)
    }

    /// A node with its dependencies known; computed when it has none.
    pub fn finish(&mut self, node: Node, free: Free, at: Offset) -> Typed {
        if free == Free::NONE
            && !tests_keep_constants()
            && let Ok(value) = compute(&node)
        {
            return self.constant(value, at);
        }
        Typed { compiled: Compiled::Value(node), free, at }
    }

    pub fn constant(&mut self, value: Value, at: Offset) -> Typed {
        Typed { compiled: Compiled::Value(Node::Const(value)), free: Free::NONE, at }
    }

    /// Complains about a constant that can only fail.
    pub fn check_constant(&mut self, typed: &Typed) {
        if typed.free != Free::NONE {
            return;
        }
        if let Compiled::Value(node) = &typed.compiled
            && !matches!(node, Node::Const(_))
            && let Err(trouble) = compute(node)
            && !matches!(trouble.kind(), FaultKind::TooCostly)
        {
            let place = trouble.offset();
            let (message, hint) = trouble.into_words();
            self.complain(place, message, hint.as_deref());
        }
    }

    /// The node of a value; an optional is a mistake here.
    pub fn value(&mut self, typed: Typed) -> Node {
        self.settle(typed, Absence::Mistake)
    }

    /// The node of a whole expression.
    pub fn whole(&mut self, typed: Typed, absence: Absence) -> Node {
        self.check_constant(&typed);
        self.settle(typed, absence)
    }

    pub fn settle(&mut self, typed: Typed, absence: Absence) -> Node {
        match (typed.compiled, absence) {
            (Compiled::Value(node), _) => node,
            (Compiled::Optional(optional), Absence::Null) => Node::OrNull(Box::new(optional)),
            (Compiled::Optional(_), Absence::Mistake) => {
                let hint = "end it with `.orValue(…)`, or wrap it in `default(…, …)`";
                let message = "this may be absent, but a value is needed";
                self.mistake_of(kinds::UNSETTLED_OPTIONAL, typed.at, message, Some(hint.to_owned()));
                Node::Const(Value::Null)
            }
        }
    }

    /// Notes that a source path is read.
    pub fn read(&mut self, path: String) {
        if !path.is_empty() {
            self.context.reads.insert(path);
        }
    }

    pub fn at(&self, id: u64) -> Offset {
        self.places.offset_for(id).map_or(0, |(start, _)| start)
    }

    pub fn place(&self, at: Offset) -> Location {
        self.source.locate(at)
    }

    pub fn complain(&mut self, at: Offset, message: impl Into<String>, hint: Option<&str>) {
        let diagnostic = Diagnostic::error(&self.place(at), message);
        self.context.mistakes.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }

    pub fn mistake(&mut self, at: Offset, message: impl Into<String>) -> Typed {
        self.complain(at, message, None);
        self.placeholder(at)
    }

    pub fn mistake_with(&mut self, at: Offset, message: impl Into<String>, hint: impl AsRef<str>) -> Typed {
        self.complain(at, message, Some(hint.as_ref()));
        self.placeholder(at)
    }

    /// A mistake of a kind that has a name.
    pub fn mistake_of(&mut self, kind: &Kind, at: Offset, message: impl Into<String>, hint: Option<String>) -> Typed {
        let mut diagnostic = Diagnostic::error(&self.place(at), message).kind(kind.name);
        diagnostic.hint = hint;
        self.context.mistakes.push(diagnostic);
        self.placeholder(at)
    }

    /// Stands for something mistaken, so that the search for mistakes goes on. Not constant, lest it cause echoes.
    pub fn placeholder(&mut self, at: Offset) -> Typed {
        Typed { compiled: Compiled::Value(Node::Const(Value::Null)), free: Free::SCOPE, at }
    }
}

/// How much of what a path leads to is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Whole,
    /// The elements, one by one; what is read of each is told by whoever walks them.
    Elements,
    /// Nothing yet: it is given another name, whose use will tell.
    Later,
}

pub(super) fn into_optional(typed: Typed) -> Optional {
    match typed.compiled {
        Compiled::Optional(optional) => optional,
        Compiled::Value(node) => Optional::Of(node),
    }
}

#[cfg(not(test))]
const fn tests_keep_constants() -> bool {
    false
}

/// Tests run each expression with and without computed constants.
#[cfg(test)]
use super::tests::keep_constants as tests_keep_constants;

fn compute(node: &Node) -> Result<Value, Trouble> {
    let limits = MapLimits { steps_max: CONSTANT_STEPS_MAX, bytes_max: 1 << 20, out_of_time: None };
    let meter = Meter::new(&limits);
    node.eval(&Cx { slots: &[], local: None, meter: &meter }).map(|result| result.into_value())
}

fn pair(nodes: Vec<Node>) -> Box<[Node; 2]> {
    Box::new(nodes.try_into().expect("two went in"))
}

type Binary = fn(Box<[Node; 2]>, Offset) -> Node;

fn binary(operator: &str) -> Option<Binary> {
    Some(match operator {
        operators::LOGICAL_AND => Node::And,
        operators::LOGICAL_OR => Node::Or,
        operators::EQUALS => |sides, _| Node::Equal(sides),
        operators::NOT_EQUALS => |sides, _| Node::NotEqual(sides),
        operators::LESS => |sides, at| Node::Compare(sides, Comparison::Less, at),
        operators::LESS_EQUALS => |sides, at| Node::Compare(sides, Comparison::LessOrEqual, at),
        operators::GREATER => |sides, at| Node::Compare(sides, Comparison::Greater, at),
        operators::GREATER_EQUALS => |sides, at| Node::Compare(sides, Comparison::GreaterOrEqual, at),
        operators::IN => Node::In,
        operators::ADD => |sides, at| Node::Arithmetic(sides, Arithmetic::Add, at),
        operators::SUBSTRACT => |sides, at| Node::Arithmetic(sides, Arithmetic::Subtract, at),
        operators::MULTIPLY => |sides, at| Node::Arithmetic(sides, Arithmetic::Multiply, at),
        operators::DIVIDE => |sides, at| Node::Arithmetic(sides, Arithmetic::Divide, at),
        operators::MODULO => |sides, at| Node::Arithmetic(sides, Arithmetic::Modulo, at),
        _ => return None,
    })
}
