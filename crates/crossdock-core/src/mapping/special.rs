//! The calls that are more than functions: macros that bind variables, `default` and `has` that look at how their
//! argument is written, optionals, code lists and patterns.

use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::compile::{Absence, Compiled, Compiler, Free, LOCALS_MAX, LocalName, Typed, into_optional};
use super::node::*;
use super::types::findings as kinds;
use crate::value::Value;

/// Largest compiled pattern.
const PATTERN_BYTES_MAX: usize = 64 * 1024;

impl Compiler<'_, '_> {
    /// Compiles the call when it is one of these; `None` when it is an ordinary function or unknown.
    pub fn special(&mut self, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr], at: Offset) -> Option<Typed> {
        if let Some(Expr::Ident(namespace)) = target.map(|target| &target.expr) {
            match (namespace.as_str(), name) {
                ("cel", "bind") => return Some(self.bind(args, at)),
                ("optional", "none" | "of" | "ofNonZeroValue") => return Some(self.make_optional(name, args, at)),
                _ => {}
            }
        }
        let all: Vec<&IdedExpr> = target.into_iter().chain(args).collect();
        Some(match (name, target, all.as_slice()) {
            ("has", None, [argument]) => self.has(argument, at),
            ("orNull", _, [value]) => {
                let typed = self.forgiving(value);
                let free = typed.free;
                let node = self.settle(typed, Absence::Null);
                self.finish(node, free, at)
            }
            ("default", _, [value, otherwise]) => self.default(value, otherwise, at),
            ("code" | "codeBack", _, [list, value]) => self.code(list, value, name == "codeBack", at),
            ("matches", _, [text, pattern]) => self.matches(text, pattern, at),
            ("has" | "orNull" | "default" | "code" | "codeBack" | "matches", ..) => self.misuse(name, at),
            (_, Some(target), _) => return self.member(name, target, args, at),
            _ if macro_kind(name).is_some() => self.misuse(name, at),
            _ => return None,
        })
    }

    /// The calls that need a target.
    fn member(&mut self, name: &str, target: &IdedExpr, args: &[IdedExpr], at: Offset) -> Option<Typed> {
        if let Some(kind) = macro_kind(name) {
            return Some(self.comprehension(name, kind, target, args, at));
        }
        Some(match (name, args) {
            ("orValue", [otherwise]) => {
                let (optional, free) = self.optional(target);
                let otherwise = self.expression(otherwise);
                let free = free.and(otherwise.free);
                let otherwise = self.value(otherwise);
                self.finish(Node::OrValue(Box::new((optional, otherwise))), free, at)
            }
            ("or", [otherwise]) => {
                let (optional, free) = self.optional(target);
                let otherwise = self.expression(otherwise);
                let free = free.and(otherwise.free);
                let both = Optional::Or(Box::new([optional, into_optional(otherwise)]));
                Typed { compiled: Compiled::Optional(both), free, at }
            }
            ("hasValue", []) => {
                let (optional, free) = self.optional(target);
                self.finish(Node::HasValue(Box::new(optional)), free, at)
            }
            ("value", []) => {
                let (optional, free) = self.optional(target);
                self.finish(Node::Unwrap(Box::new(optional), at), free, at)
            }
            ("optMap" | "optFlatMap", [variable, body]) => self.map_optional(name, target, variable, body, at),
            ("orValue" | "or" | "hasValue" | "value" | "optMap" | "optFlatMap", _) => self.misuse(name, at),
            _ => return None,
        })
    }

    /// The target as an optional. A plain value counts as one that is there.
    fn optional(&mut self, target: &IdedExpr) -> (Optional, Free) {
        let typed = self.expression(target);
        let free = typed.free;
        (into_optional(typed), free)
    }

    fn map_optional(
        &mut self,
        name: &str,
        target: &IdedExpr,
        variable: &IdedExpr,
        body: &IdedExpr,
        at: Offset,
    ) -> Typed {
        let (optional, free) = self.optional(target);
        let names = match self.variables(std::slice::from_ref(variable)) {
            Ok(names) => names,
            Err(typed) => return typed,
        };
        let (body, inner) = self.in_locals(&names, &[None], |compiler| {
            let body = compiler.expression(body);
            let free = body.free;
            (body, free)
        });
        let compiled = if name == "optMap" {
            Optional::Map(Box::new((optional, self.value(body))))
        } else {
            Optional::FlatMap(Box::new([optional, into_optional(body)]))
        };
        Typed { compiled: Compiled::Optional(compiled), free: free.and(inner), at }
    }

    fn make_optional(&mut self, name: &str, args: &[IdedExpr], at: Offset) -> Typed {
        match (name, args) {
            ("none", []) => Typed { compiled: Compiled::Optional(Optional::Nothing), free: Free::NONE, at },
            ("of" | "ofNonZeroValue", [value]) => {
                let typed = self.expression(value);
                let free = typed.free;
                let node = self.value(typed);
                let optional = if name == "of" { Optional::Of(node) } else { Optional::OfNonZero(node) };
                Typed { compiled: Compiled::Optional(optional), free, at }
            }
            _ => self.mistake_with(
                at,
                format!("`optional.{name}` has the wrong number of arguments"),
                "it is `optional.of(x)`, `optional.ofNonZeroValue(x)` or `optional.none()`",
            ),
        }
    }

    fn default(&mut self, value: &IdedExpr, otherwise: &IdedExpr, at: Offset) -> Typed {
        let value = self.forgiving(value);
        let otherwise = self.expression(otherwise);
        let free = value.free.and(otherwise.free);
        if free != Free::NONE {
            self.check_constant(&otherwise);
        }
        let value = self.settle(value, Absence::Null);
        let otherwise = self.settle(otherwise, Absence::Null);
        self.finish(Node::NullElse(Box::new([value, otherwise])), free, at)
    }

    fn code(&mut self, list: &IdedExpr, value: &IdedExpr, back: bool, at: Offset) -> Typed {
        let list_at = self.at(list.id);
        let typed = self.expression(value);
        let Expr::Literal(LiteralValue::String(name)) = &list.expr else {
            return self.mistake_with(
                list_at,
                "the code list is named by a text",
                "such as `code('units', message.uom)`",
            );
        };
        let place = self.place(list_at);
        let list = match self.context.scope.code_list(name.inner(), back, &place) {
            Ok(list) => list,
            Err(diagnostic) => {
                self.context.mistakes.push(diagnostic);
                return self.placeholder(at);
            }
        };
        let free = typed.free;
        let value = self.value(typed);
        self.finish(Node::Code(Box::new(CodeLookup { list, value, back, at })), free, at)
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr, at: Offset) -> Typed {
        let pattern_at = self.at(pattern.id);
        let text = self.expression(text);
        let pattern = self.expression(pattern);
        let Compiled::Value(Node::Const(Value::Text(pattern))) = &pattern.compiled else {
            return self.mistake_with(
                pattern_at,
                "the pattern of `matches` must be a constant text",
                "patterns from messages could be made to run forever",
            );
        };
        match regex_lite::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build() {
            Ok(pattern) => {
                let free = text.free;
                let text = self.value(text);
                self.finish(Node::Matches(Box::new((text, pattern)), at), free, at)
            }
            Err(error) => self.mistake(pattern_at, format!("the pattern cannot be read: {error}")),
        }
    }

    fn bind(&mut self, args: &[IdedExpr], at: Offset) -> Typed {
        let [variable, value, body] = args else {
            return self.mistake_with(
                at,
                "`cel.bind` has the wrong number of arguments",
                "it is `cel.bind(name, value, expression)`",
            );
        };
        let (value, origin) = self.alias(value);
        let names = match self.variables(std::slice::from_ref(variable)) {
            Ok(names) => names,
            Err(typed) => return typed,
        };
        let (body, inner) = self.in_locals(&names, &[origin], |compiler| {
            let body = compiler.expression(body);
            let free = body.free;
            (compiler.value(body), free)
        });
        let free = value.free.and(inner);
        if free != Free::NONE {
            self.check_constant(&value);
        }
        let value = self.value(value);
        self.finish(Node::Bind(Box::new([value, body])), free, at)
    }

    fn comprehension(
        &mut self,
        name: &str,
        kind: MacroKind,
        target: &IdedExpr,
        args: &[IdedExpr],
        at: Offset,
    ) -> Typed {
        let (range, origin) = self.range(target);
        let Some((variables, filtered)) = macro_form(name, args.len()) else { return self.misuse(name, at) };
        let two_variables = variables == 2;
        let filter = filtered.then(|| &args[variables]);
        let body = &args[args.len() - 1];
        let names = match self.variables(&args[..variables]) {
            Ok(names) => names,
            Err(typed) => return typed,
        };
        let origins = if two_variables { vec![None, origin] } else { vec![origin] };
        let ((filter, body), inner) = self.in_locals(&names, &origins, |compiler| {
            let filter = filter.map(|filter| compiler.expression(filter));
            let body = compiler.expression(body);
            let free = filter.as_ref().map_or(Free::NONE, |filter| filter.free).and(body.free);
            ((filter, body), free)
        });
        let free = range.free.and(inner);
        if free != Free::NONE {
            self.check_constant(&range);
            self.check_constant(&body);
        }
        let filter = filter.map(|filter| self.value(filter));
        let (range, body) = (self.settle(range, Absence::Mistake), self.value(body));
        let node = Node::Macro(Box::new(Macro { kind, range, two_variables, filter, body, at }));
        self.finish(node, free, at)
    }

    /// The names of a macro's variables.
    fn variables(&mut self, args: &[IdedExpr]) -> Result<Vec<Arc<str>>, Typed> {
        let mut names: Vec<Arc<str>> = Vec::with_capacity(args.len());
        for arg in args {
            let at = self.at(arg.id);
            match &arg.expr {
                Expr::Ident(name) if !names.iter().any(|known| **known == **name) => names.push(name.as_str().into()),
                Expr::Ident(name) => return Err(self.mistake(at, format!("the variable `{name}` is named twice"))),
                _ => {
                    return Err(self.mistake_with(
                        at,
                        "here stands the name of a variable",
                        "such as `items.map(item, item.sku)`",
                    ));
                }
            }
        }
        if self.context.locals.len() + names.len() > LOCALS_MAX {
            let at = args.first().map_or(0, |arg| self.at(arg.id));
            return Err(self.mistake(at, format!("there are more than {LOCALS_MAX} variables inside each other")));
        }
        Ok(names)
    }

    /// Compiles with more local variables in sight. What `run` depends on is given without them.
    fn in_locals<T>(
        &mut self,
        names: &[Arc<str>],
        origins: &[Option<String>],
        run: impl FnOnce(&mut Self) -> (T, Free),
    ) -> (T, Free) {
        let level = self.context.locals.len();
        for (name, origin) in names.iter().zip(origins) {
            self.context.locals.push(LocalName { name: name.clone(), origin: origin.clone() });
        }
        let (result, free) = run(self);
        self.context.locals.truncate(level);
        (result, free.without_locals_from(level))
    }

    fn misuse(&mut self, name: &str, at: Offset) -> Typed {
        let usage = FORMS.iter().find(|(known, _)| *known == name).map_or("", |(_, usage)| usage);
        let message = format!("`{name}` has the wrong number of arguments");
        self.mistake_of(kinds::ARGUMENT_COUNT, at, message, Some(format!("it is {usage}")))
    }
}

/// How each of them is written.
const FORMS: &[(&str, &str)] = &[
    ("has", "`has(message.field)`"),
    ("default", "`default(x, y)`"),
    ("orNull", "`orNull(x)`"),
    ("code", "`code('list', x)`"),
    ("codeBack", "`codeBack('list', x)`"),
    ("matches", "`text.matches('pattern')`"),
    ("all", "`list.all(x, condition)`"),
    ("exists", "`list.exists(x, condition)`"),
    ("exists_one", "`list.exists_one(x, condition)`"),
    ("existsOne", "`list.existsOne(x, condition)`"),
    ("filter", "`list.filter(x, condition)`"),
    ("map", "`list.map(x, expression)` or `list.map(x, condition, expression)`"),
    ("transformList", "`list.transformList(index, x, expression)`, a condition may stand before the expression"),
    ("transformMap", "`map.transformMap(key, value, expression)`, a condition may stand before the expression"),
    ("orValue", "`message.?field.orValue(x)`"),
    ("or", "`message.?field.or(message.?other)`"),
    ("hasValue", "`message.?field.hasValue()`"),
    ("value", "`message.?field.value()`"),
    ("optMap", "`message.?field.optMap(x, expression)`"),
    ("optFlatMap", "`message.?field.optFlatMap(x, optional)`"),
];

fn macro_kind(name: &str) -> Option<MacroKind> {
    Some(match name {
        "all" => MacroKind::All,
        "exists" => MacroKind::Exists,
        "exists_one" | "existsOne" => MacroKind::ExistsOne,
        "filter" => MacroKind::Filter,
        "map" | "transformList" => MacroKind::List,
        "transformMap" => MacroKind::Map,
        _ => return None,
    })
}

/// How many of a macro's arguments are variables, and whether a filter stands before its body.
fn macro_form(name: &str, args: usize) -> Option<(usize, bool)> {
    match (name, args) {
        ("map", 2) => Some((1, false)),
        ("map", 3) => Some((1, true)),
        ("transformList" | "transformMap", 3) => Some((2, false)),
        ("transformList" | "transformMap", 4) => Some((2, true)),
        ("map" | "transformList" | "transformMap", _) => None,
        (_, 2) => Some((1, false)),
        (_, 3) => Some((2, false)),
        _ => None,
    }
}

/// The names handled here, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|(name, _)| *name)
}
