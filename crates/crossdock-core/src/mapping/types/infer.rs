//! The type of an expression, as the CEL specification gives it, gradually: what is dynamic is let through. Runs over
//! the syntax tree, so that every finding has the place where it was written.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, MapExpr, SourceInfo, operators};

use super::env::{Env, Place, Shown};
use super::findings::{self as kinds, Findings, Kind};
use super::ty::{Field, Object, Presence, Rest, Ty};
use crate::mapping::codes::CodeLists;
use crate::mapping::links::is_path;
use crate::mapping::syntax::{self, Source};
use crate::source::Location;

/// The syntax tree of an expression with the places of its parts.
pub(super) type Parsed = Arc<(IdedExpr, SourceInfo)>;

/// Syntax trees by their text. A mapping is checked once for every channel whose flows use it, but read only once.
#[derive(Debug, Default)]
pub struct Texts {
    known: RefCell<HashMap<Arc<str>, Option<Parsed>>>,
}

impl Texts {
    fn parse(&self, source: &Source) -> Option<Parsed> {
        if let Some(known) = self.known.borrow().get(&source.text) {
            return known.clone();
        }
        let parsed = syntax::parse(source).ok().map(Arc::new);
        self.known.borrow_mut().insert(source.text.clone(), parsed.clone());
        parsed
    }
}

/// The type of a part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub ty: Ty,
    /// It is one of CEL's optionals: `ty` is what it holds when it holds something.
    pub optional: bool,
    /// The optional may be empty.
    pub may_miss: bool,
    pub place: Option<Place>,
}

impl Typed {
    pub fn of(ty: Ty) -> Self {
        Self { ty, optional: false, may_miss: false, place: None }
    }

    pub fn optional(ty: Ty, may_miss: bool) -> Self {
        Self { ty, optional: true, may_miss, place: None }
    }

    /// As the value of a whole expression, where an empty optional is null.
    pub fn whole(self) -> Ty {
        if self.optional && self.may_miss { self.ty.or_null() } else { self.ty }
    }
}

/// Infers types and collects what is wrong.
pub(super) struct Infer<'c> {
    pub env: Env,
    pub codes: &'c CodeLists,
    pub findings: Findings,
    /// Some types are inferred from samples, so nothing is said to be needless.
    pub guessed: bool,
    /// Absence is forgiven here: inside `default`, `orNull`, and leaves with a default.
    pub forgiving: usize,
    /// Something that was forgiven may be absent.
    pub missed: bool,
    texts: &'c Texts,
    current: Option<(Arc<Source>, Parsed)>,
}

impl<'c> Infer<'c> {
    pub fn new(texts: &'c Texts, codes: &'c CodeLists, guessed: bool) -> Self {
        Self {
            env: Env::default(),
            codes,
            findings: Findings::default(),
            guessed,
            forgiving: 0,
            missed: false,
            texts,
            current: None,
        }
    }

    /// The same variables without findings, for other code lists.
    pub fn another(&self, codes: &'c CodeLists) -> Self {
        Self { env: self.env.clone(), ..Self::new(self.texts, codes, self.guessed) }
    }

    /// Runs over a whole expression. `None` when it cannot be read, which the compiler tells.
    pub fn source<T>(&mut self, source: Source, run: impl FnOnce(&mut Self, &IdedExpr) -> T) -> Option<T> {
        let parsed = self.texts.parse(&source)?;
        let before = self.current.replace((Arc::new(source), parsed.clone()));
        let result = run(self, &parsed.0);
        self.current = before;
        Some(result)
    }

    /// The type of any expression.
    pub fn infer(&mut self, expr: &IdedExpr) -> Typed {
        match &expr.expr {
            Expr::Literal(literal) => Typed::of(of_literal(literal)),
            Expr::Ident(_) => self.path(expr, false),
            Expr::Select(select) if !select.test => self.path(expr, false),
            Expr::Call(call) => self.call(call, expr),
            Expr::List(list) => {
                let (mut item, mut filled) = (Ty::never(), false);
                for (position, element) in list.elements.iter().enumerate() {
                    let typed = self.infer(element);
                    filled |= !list.optional_indices.contains(&position) || !typed.may_miss;
                    item = item.join(&typed.ty);
                }
                Typed::of(Ty::list(item, filled))
            }
            Expr::Map(map) => Typed::of(self.map(map)),
            _ => Typed::of(Ty::dynamic()),
        }
    }

    /// The type of an expression that must be a value; the compiler tells of optionals.
    pub fn value(&mut self, expr: &IdedExpr) -> Ty {
        self.infer(expr).ty
    }

    /// The type where absence counts as null: a path may be absent anywhere, in other expressions absence is forgiven.
    pub fn forgiven(&mut self, expr: &IdedExpr) -> Typed {
        if is_path(expr) {
            let typed = self.path(expr, true);
            return Typed { place: None, ..Typed::of(typed.whole()) };
        }
        let missed = std::mem::take(&mut self.missed);
        self.forgiving += 1;
        let typed = self.infer(expr);
        self.forgiving -= 1;
        let absent = std::mem::replace(&mut self.missed, missed);
        let ty = typed.whole();
        Typed::of(if absent { ty.or_null() } else { ty })
    }

    fn map(&mut self, map: &MapExpr) -> Ty {
        let mut object = Object { fields: Default::default(), rest: Rest::Closed };
        for entry in &map.entries {
            let EntryExpr::MapEntry(pair) = &entry.expr else { continue };
            let key = self.infer(&pair.key);
            let value = self.infer(&pair.value);
            let presence = if pair.optional && value.may_miss { Presence::Maybe } else { Presence::Always };
            match &pair.key.expr {
                Expr::Literal(LiteralValue::String(name)) => {
                    object.fields.insert(name.inner().into(), Field { ty: value.ty, presence });
                }
                _ => {
                    self.accept(&pair.key, &key.ty, super::ty::kind::TEXT, "the key of a map", kinds::ARGUMENT_TYPE);
                    object.rest = match object.rest {
                        Rest::Values(ty) => Rest::Values(ty.join(&value.ty)),
                        _ => Rest::Values(value.ty),
                    };
                }
            }
        }
        Ty::map(object)
    }

    fn call(&mut self, call: &CallExpr, expr: &IdedExpr) -> Typed {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::INDEX | operators::OPT_SELECT | operators::OPT_INDEX, None, [_, _]) => self.path(expr, false),
            (operators::CONDITIONAL, None, [condition, then, otherwise]) => {
                self.conditional(condition, then, otherwise)
            }
            (operators::LOGICAL_AND, None, [left, right]) => self.logic(left, right, true, "&&"),
            (operators::LOGICAL_OR, None, [left, right]) => self.logic(left, right, false, "||"),
            (operators::LOGICAL_NOT, None, [operand]) => {
                self.condition(operand, "!");
                Typed::of(Ty::bool())
            }
            (operator, None, [left, right]) if super::operators::is_binary(operator) => {
                Typed::of(self.binary(operator, left, right, expr))
            }
            (operators::NEGATE, None, [operand]) => Typed::of(self.negate(operand)),
            (name, target, args) => self.named(name, target, args, expr),
        }
    }

    fn conditional(&mut self, condition: &IdedExpr, then: &IdedExpr, otherwise: &IdedExpr) -> Typed {
        self.condition(condition, "? :");
        let (yes, no) = (self.shown(condition, true), self.shown(condition, false));
        let then = self.under(&yes, |this| this.infer(then));
        let otherwise = self.under(&no, |this| this.infer(otherwise));
        Typed {
            ty: then.ty.join(&otherwise.ty),
            optional: then.optional || otherwise.optional,
            may_miss: then.may_miss || otherwise.may_miss,
            place: None,
        }
    }

    /// `&&` and `||`: the right side is reached when the left is `going_on`; what a guard on the right shows also
    /// protects the left, because a fault on one side does not matter when the other side decides.
    fn logic(&mut self, left: &IdedExpr, right: &IdedExpr, going_on: bool, operator: &str) -> Typed {
        let guards = self.guards(right, going_on);
        self.under(&guards, |this| this.condition(left, operator));
        let shown = self.shown(left, going_on);
        self.under(&shown, |this| this.condition(right, operator));
        Typed::of(Ty::bool())
    }

    /// Checks that it is a condition.
    pub fn condition(&mut self, expr: &IdedExpr, operator: &str) {
        let typed = self.infer(expr);
        let what = format!("`{operator}`");
        self.accept(expr, &typed.ty, super::ty::kind::BOOL, &what, kinds::NOT_A_CONDITION);
    }

    /// Runs with more shown of the variables.
    pub fn under<T>(&mut self, shown: &[Shown], run: impl FnOnce(&mut Self) -> T) -> T {
        if shown.is_empty() {
            return run(self);
        }
        let before = self.env.clone();
        self.env.learn(shown);
        let result = run(self);
        self.env = before;
        result
    }

    /// Runs with the variables that `bind` adds.
    pub fn within<T>(&mut self, bind: impl FnOnce(&mut Env), run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.env.clone();
        bind(&mut self.env);
        let result = run(self);
        self.env = before;
        result
    }

    /// Complains unless the type is of the kinds that `what` takes. Gives the kinds that are taken.
    pub fn accept(&mut self, expr: &IdedExpr, ty: &Ty, taken: u16, what: &str, wrong: &'static Kind) -> bool {
        use super::ty::kind;
        let null = taken & kind::NULL == 0 && ty.null;
        if (ty.dynamic && !null) || ty.is_never() {
            return true;
        }
        let given = if ty.dynamic { taken | kind::NULL } else { ty.kinds() };
        let extra = given & !taken;
        if extra == 0 {
            return true;
        }
        let written = self.written(expr);
        let at = self.start_of(expr);
        if extra == kind::NULL && given & taken != 0 {
            self.tell_with(
                kinds::ARGUMENT_MAYBE_NULL,
                at,
                format!("{what} needs {}, but {written} may be null", kind::words(taken & !kind::NULL)),
                "`default(x, y)` gives y where x is null or absent; a condition `x != null` guards it",
            );
        } else if given & taken == 0 {
            let message = format!("{what} needs {}, but {written} is {}", kind::words(taken & !kind::NULL), ty.shown());
            let hint =
                hint_for(given, taken).unwrap_or("`type(x)` tells what a value is, `crossdock mapping try` shows it");
            self.tell_with(wrong, at, message, hint);
        } else {
            let message = format!(
                "{what} needs {}, but {written} may be {}",
                kind::words(taken & !kind::NULL),
                kind::words(extra)
            );
            self.tell_with(wrong, at, message, "ask with `type(x) == …` which it is, or turn it into one kind");
        }
        false
    }

    pub fn tell(&mut self, kind: &'static Kind, at: u32, message: impl Into<String>) {
        let at = self.locate(at);
        self.findings.tell(kind, &at, message, None);
    }

    pub fn tell_with(&mut self, kind: &'static Kind, at: u32, message: impl Into<String>, hint: impl Into<String>) {
        let at = self.locate(at);
        self.findings.tell(kind, &at, message, Some(hint.into()));
    }

    fn locate(&self, offset: u32) -> Location {
        match &self.current {
            Some((source, _)) => source.locate(offset),
            None => unreachable!("findings in expressions are told while one is looked at"),
        }
    }

    pub fn text(&self) -> &str {
        self.current.as_ref().map_or("", |(source, _)| &source.text)
    }

    /// Where the parser says that a node is: of an operator its sign, of a call its bracket, of a field its dot.
    pub fn offset(&self, expr: &IdedExpr) -> u32 {
        self.current.as_ref().and_then(|(_, parsed)| parsed.1.offset_for(expr.id)).map_or(0, |(start, _)| start)
    }

    /// Where an expression begins.
    pub fn start_of(&self, expr: &IdedExpr) -> u32 {
        match &expr.expr {
            Expr::Select(select) => self.start_of(&select.operand),
            Expr::Call(call) => match (&call.target, call.args.first()) {
                (Some(target), _) => self.start_of(target),
                (None, Some(first)) if call.func_name.starts_with('_') || call.func_name == operators::IN => {
                    self.start_of(first)
                }
                (None, _) => self.name_of_call(expr, &call.func_name),
            },
            _ => self.offset(expr),
        }
    }

    /// Where the name of a called function stands.
    pub fn name_of_call(&self, expr: &IdedExpr, name: &str) -> u32 {
        let bracket = self.offset(expr);
        let before = self.text().get(..bracket as usize).unwrap_or_default();
        match before.trim_end().strip_suffix(name) {
            Some(rest) => rest.len() as u32,
            None => bracket,
        }
    }

    /// Where the name of a field stands whose dot or bracket is at `offset`.
    pub fn field_at(&self, offset: u32, name: &str) -> u32 {
        let from = self.text().get(offset as usize..).unwrap_or_default();
        from.find(name).map_or(offset, |at| offset + at as u32)
    }

    /// A path or literal as it is written, for messages; anything else is "the value".
    pub fn written(&self, expr: &IdedExpr) -> String {
        match self.path_text(expr) {
            Some(path) => format!("`{path}`"),
            None => match &expr.expr {
                Expr::Literal(LiteralValue::String(text)) => format!("'{}'", text.inner()),
                _ => "the value".into(),
            },
        }
    }

    fn path_text(&self, expr: &IdedExpr) -> Option<String> {
        match &expr.expr {
            Expr::Ident(name) => Some(name.clone()),
            Expr::Select(select) if !select.test => {
                Some(format!("{}.{}", self.path_text(&select.operand)?, select.field))
            }
            Expr::Call(call) if call.target.is_none() && call.args.len() == 2 => {
                let base = self.path_text(&call.args[0])?;
                let mark = match call.func_name.as_str() {
                    operators::INDEX => "",
                    operators::OPT_SELECT | operators::OPT_INDEX => "?",
                    _ => return None,
                };
                Some(match &call.args[1].expr {
                    Expr::Literal(LiteralValue::String(name)) if call.func_name == operators::OPT_SELECT => {
                        format!("{base}.?{}", name.inner())
                    }
                    Expr::Literal(LiteralValue::String(name)) => format!("{base}[{mark}'{}']", name.inner()),
                    Expr::Literal(LiteralValue::Int(position)) => format!("{base}[{mark}{}]", position.inner()),
                    _ => format!("{base}[{mark}…]"),
                })
            }
            _ => None,
        }
    }
}

fn hint_for(given: u16, taken: u16) -> Option<&'static str> {
    use super::ty::kind;
    Some(match (given, taken) {
        (kind::TEXT, kind::WHOLE) => "`int(x)` makes an integer of a text",
        (kind::TEXT, taken) if taken & kind::NUMBER != 0 && taken & kind::TEXT == 0 => {
            "`decimal(x)` makes a number of a text, `int(x)` an integer"
        }
        (kind::TEXT, taken) if taken & kind::TIME != 0 => "`timestamp(x)` makes a time of a text",
        (kind::FRACTION, kind::WHOLE) => "`round(x)` or `int(x)` makes a whole number",
        (kind::LIST, taken) if taken & kind::LIST == 0 => {
            "take one element with [0], or go through all with `map` or `each`"
        }
        (given, kind::TEXT) if given & !(kind::NUMBER | kind::BOOL | kind::TIME | kind::DURATION) == 0 => {
            "`string(x)` makes a text of it"
        }
        (_, kind::BOOL) => "compare it with something: `x == …`, `x > 0`, `has(x)`",
        (_, taken) if taken & !(kind::LIST | kind::MAP | kind::NULL) == 0 => "a list of one is written `[x]`",
        (kind::MAP, taken) if taken & kind::MAP == 0 => "take one of its fields",
        _ => return None,
    })
}

fn of_literal(literal: &LiteralValue) -> Ty {
    match literal {
        LiteralValue::Null => Ty::null(),
        LiteralValue::Boolean(_) => Ty::bool(),
        LiteralValue::Int(_) | LiteralValue::UInt(_) => Ty::int(),
        LiteralValue::Double(double) if double.inner().fract() == 0.0 => {
            let number = super::ty::Number { whole: true, held: super::ty::Held::Decimal, measure: None };
            Ty::number(number)
        }
        LiteralValue::Double(_) => Ty::decimal(),
        LiteralValue::String(text) => Ty::word(text.inner()),
        LiteralValue::Bytes(_) => Ty::bytes(),
    }
}
