//! The types of calls: macros that bind variables, `default` and its kin, optionals, code lists.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::env::narrowed;
use super::findings as kinds;
use super::infer::{Infer, Typed};
use super::ty::{Object, Presence, Rest, Text, Ty, kind};
use crate::mapping::codes::CodeList;

impl Infer<'_> {
    /// A call of a function, a macro or one of the special forms.
    pub fn named(&mut self, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr], expr: &IdedExpr) -> Typed {
        if let Some(Expr::Ident(namespace)) = target.map(|target| &target.expr) {
            match (namespace.as_str(), name, args) {
                ("cel", "bind", [variable, value, body]) => return self.bind(variable, value, body),
                ("optional", "none", []) => return Typed::optional(Ty::never(), true),
                ("optional", "of", [value]) => return Typed::optional(self.value(value), false),
                ("optional", "ofNonZeroValue", [value]) => {
                    let ty = self.value(value).not_null();
                    return Typed::optional(filled(ty), true);
                }
                _ => {}
            }
        }
        let all: Vec<&IdedExpr> = target.into_iter().chain(args).collect();
        match (name, target, all.as_slice()) {
            ("has", None, [argument]) => Typed::of(self.has(argument, expr)),
            ("orNull", _, [value]) => self.forgiven(value),
            ("default", _, [value, otherwise]) => self.default(value, otherwise, expr),
            ("code" | "codeBack", _, [list, value]) => Typed::of(self.code(list, value, name == "codeBack")),
            ("matches", _, [text, _]) => {
                let ty = self.value(text);
                self.accept(text, &ty, kind::TEXT, "`matches`", kinds::ARGUMENT_TYPE);
                Typed::of(Ty::bool())
            }
            (_, Some(target), _) => match self.member(name, target, args, expr) {
                Some(typed) => typed,
                None => Typed::of(self.function(name, &all, expr)),
            },
            _ => Typed::of(self.function(name, &all, expr)),
        }
    }

    fn member(&mut self, name: &str, target: &IdedExpr, args: &[IdedExpr], expr: &IdedExpr) -> Option<Typed> {
        if let Some(typed) = self.comprehension(name, target, args) {
            return Some(typed);
        }
        Some(match (name, args) {
            ("orValue", [otherwise]) => {
                let held = self.infer(target);
                if !held.may_miss && !held.ty.dynamic && held.optional {
                    self.needless(target, expr, name);
                }
                let otherwise = self.value(otherwise);
                Typed::of(if held.may_miss { held.ty.join(&otherwise) } else { held.ty })
            }
            ("or", [other]) => {
                let (held, other) = (self.infer(target), self.infer(other));
                Typed::optional(held.ty.join(&other.ty), held.may_miss && other.may_miss)
            }
            ("hasValue", []) => {
                self.infer(target);
                Typed::of(Ty::bool())
            }
            ("value", []) => {
                let held = self.infer(target);
                if held.may_miss {
                    if self.forgiving > 0 {
                        self.missed = true;
                    } else {
                        let at = self.start_of(target);
                        self.tell_with(
                            kinds::SOURCE_MAYBE_ABSENT,
                            at,
                            format!("{} may be absent, and `value()` stops the message then", self.written(target)),
                            "`orValue(…)` gives something else then",
                        );
                    }
                }
                Typed::of(held.ty)
            }
            ("optMap" | "optFlatMap", [variable, body]) => {
                let held = self.infer(target);
                let Expr::Ident(bound) = &variable.expr else { return Some(Typed::of(Ty::dynamic())) };
                let body = self.within(|env| env.bind(bound, held.ty.clone()), |this| this.infer(body));
                let may_miss = held.may_miss || (name == "optFlatMap" && body.may_miss);
                Typed::optional(body.ty, may_miss)
            }
            _ => return None,
        })
    }

    fn default(&mut self, value: &IdedExpr, otherwise: &IdedExpr, expr: &IdedExpr) -> Typed {
        let given = self.forgiven(value).ty;
        if !given.null && !given.dynamic {
            self.needless(value, expr, "default");
        }
        let other = self.infer(otherwise).whole();
        let ty = if given.null || given.dynamic { given.not_null().join(&other) } else { given };
        Typed::of(ty)
    }

    /// Tells that a default is never used, where that is certain.
    pub fn needless(&mut self, value: &IdedExpr, _whole: &IdedExpr, name: &str) {
        if self.guessed {
            return;
        }
        let (at, written) = (self.start_of(value), self.written(value));
        let hint = "leave it out, or mend the schema if it does not say what may be absent";
        self.tell_with(kinds::NEEDLESS_DEFAULT, at, format!("{written} is always there: `{name}` is never used"), hint);
    }

    fn code(&mut self, list: &IdedExpr, value: &IdedExpr, back: bool) -> Ty {
        let ty = self.value(value);
        let Expr::Literal(LiteralValue::String(name)) = &list.expr else { return Ty::text() };
        let Some(list) = self.codes.get(name.inner()).cloned() else { return Ty::text() };
        let takes = kind::TEXT | kind::NUMBER | kind::BOOL;
        self.accept(value, &ty, takes, &format!("code list `{}`", list.name), kinds::ARGUMENT_TYPE);
        let at = self.start_of(value);
        let written = self.written(value);
        let uncovered = uncovered(&list, back, &ty);
        if !uncovered.is_empty() {
            let (message, hint) = not_covered(&list, back, &uncovered, &written);
            self.tell_with(kinds::CODE_NOT_COVERED, at, message, hint);
        }
        through(&list, back, &ty)
    }

    fn bind(&mut self, variable: &IdedExpr, value: &IdedExpr, body: &IdedExpr) -> Typed {
        let value = self.infer(value);
        let Expr::Ident(name) = &variable.expr else { return Typed::of(Ty::dynamic()) };
        self.within(
            |env| match value.place {
                Some(place) if !value.optional => env.alias(name, place),
                _ => env.bind(name, value.ty),
            },
            |this| this.infer(body),
        )
    }

    /// `all`, `exists`, `filter`, `map` and their kin; `None` when it is none of them.
    fn comprehension(&mut self, name: &str, target: &IdedExpr, args: &[IdedExpr]) -> Option<Typed> {
        let variables = match (name, args.len()) {
            ("all" | "exists" | "exists_one" | "existsOne" | "filter" | "map", 2) | ("map", 3) => 1,
            ("all" | "exists" | "exists_one" | "existsOne" | "filter", 3) => 2,
            ("transformList" | "transformMap", 3 | 4) => 2,
            _ => return None,
        };
        let mut names = Vec::with_capacity(2);
        for arg in &args[..variables] {
            let Expr::Ident(name) = &arg.expr else { return Some(Typed::of(Ty::dynamic())) };
            names.push(name.as_str());
        }
        let range = self.range(
            target,
            &format!("`{name}`"),
            if name == "transformMap" { kind::MAP } else { kind::LIST | kind::MAP },
        );
        let (keys, items) = elements(&range);
        let root = self.env.variables.len();
        let element_root = root + variables - 1;
        let element =
            if variables == 1 && range.map.is_some() && range.list.is_none() { keys.clone() } else { items.clone() };
        let filter = (args.len() == variables + 2).then(|| &args[variables]);
        let body = &args[args.len() - 1];
        let (typed, shown) = self.within(
            |env| {
                if variables == 2 {
                    env.bind(names[0], keys.clone());
                }
                env.bind(names[variables - 1], element.clone());
            },
            |this| {
                let mut shown = Vec::new();
                if let Some(filter) = filter {
                    this.condition(filter, name);
                    shown = this.shown(filter, true);
                }
                if matches!(name, "all" | "exists" | "exists_one" | "existsOne" | "filter") {
                    this.condition(body, name);
                    shown = this.shown(body, true);
                    (Typed::of(Ty::bool()), shown)
                } else {
                    (this.under(&shown, |this| this.infer(body)), shown)
                }
            },
        );
        let kept_all = filter.is_none() && range.list.as_ref().is_some_and(|list| list.filled) && range.map.is_none();
        Some(Typed::of(match name {
            "filter" => Ty::list(narrowed(element, element_root, &shown), false),
            "map" | "transformList" => Ty::list(typed.ty, kept_all),
            "transformMap" => {
                let fields = Object { fields: Default::default(), rest: Rest::Values(typed.ty.clone()) };
                match range.map.as_ref().filter(|_| filter.is_none() && !range.dynamic) {
                    Some(map) => {
                        let mut object = (**map).clone();
                        object.fields.values_mut().for_each(|field| field.ty = typed.ty.clone());
                        if object.rest != Rest::Closed {
                            object.rest = Rest::Values(typed.ty);
                        }
                        Ty::map(object)
                    }
                    None => Ty::map(fields),
                }
            }
            _ => Ty::bool(),
        }))
    }

    /// What a macro or `each` walks over.
    pub fn range(&mut self, expr: &IdedExpr, what: &str, takes: u16) -> Ty {
        let typed = self.infer(expr);
        let ty = typed.ty;
        if ty.null && self.forgiving > 0 {
            self.missed = true;
            let ty = ty.not_null();
            self.accept(expr, &ty, takes, what, kinds::NOT_A_LIST);
            return ty;
        }
        self.accept(expr, &ty, takes, what, kinds::NOT_A_LIST);
        ty
    }
}

/// Keys or positions, and values, of what is walked over.
pub(super) fn elements(range: &Ty) -> (Ty, Ty) {
    if range.dynamic || (range.list.is_none() && range.map.is_none()) {
        return (Ty::dynamic(), Ty::dynamic());
    }
    let (mut keys, mut items) = (Ty::never(), Ty::never());
    if let Some(list) = &range.list {
        keys = keys.join(&Ty::int());
        items = items.join(&list.item);
    }
    if let Some(object) = &range.map {
        keys = keys.join(&Ty::text());
        items = items.join(&values_of(object));
    }
    (keys, if items.is_never() { Ty::dynamic() } else { items })
}

/// The type of the values of a map.
pub(super) fn values_of(object: &Object) -> Ty {
    let rest = match &object.rest {
        Rest::Closed => Ty::never(),
        Rest::Values(ty) => ty.clone(),
        Rest::Open | Rest::Sampled => Ty::dynamic(),
    };
    object.fields.values().filter(|field| field.presence <= Presence::Maybe).fold(rest, |ty, field| ty.join(&field.ty))
}

/// Known not to be empty, as `ofNonZeroValue` leaves it.
fn filled(mut ty: Ty) -> Ty {
    if let Some(text) = &ty.text {
        ty.text = Some(match &text.words {
            Some(words) => Text::of_words(words.iter().filter(|word| !word.is_empty()).cloned().collect()),
            None => Text { filled: true, ..text.clone() },
        });
    }
    ty
}

/// The words that may arrive and that the list does not know.
pub(super) fn uncovered(list: &CodeList, back: bool, ty: &Ty) -> Vec<String> {
    if list.answers_unknown(back) {
        return Vec::new();
    }
    let Some(words) = ty.text.as_ref().and_then(|text| text.words.as_ref()) else { return Vec::new() };
    let knows = |word: &str| if back { list.partner(word).is_some() } else { list.canonical(word).is_some() };
    words.iter().filter(|word| !knows(word)).map(|word| word.to_string()).collect()
}

/// Message and hint for words that a list lacks.
pub(super) fn not_covered(list: &CodeList, back: bool, words: &[String], written: &str) -> (String, String) {
    let shown: Vec<&str> = words.iter().map(String::as_str).collect();
    let backwards = if back { " backwards" } else { "" };
    let message = format!(
        "{written} may be {}, which code list `{}` does not know{backwards}",
        super::operators::listed(&shown),
        list.name
    );
    (message, format!("add it to {}, or say with `unknown:` what it becomes", list.place()))
}

/// What comes out of a code list.
pub(super) fn through(list: &CodeList, back: bool, ty: &Ty) -> Ty {
    let known =
        ty.text.as_ref().and_then(|text| text.words.as_ref()).filter(|_| ty.kinds() & !kind::NULL == kind::TEXT);
    let look_up = |word: &std::sync::Arc<str>| if back { list.partner(word) } else { list.canonical(word) };
    let (made, is_certain) = match known {
        Some(words) => {
            (Ty::words(words.iter().filter_map(look_up).cloned()), words.iter().all(|word| look_up(word).is_some()))
        }
        None => (Ty::words(list.outcomes(back).cloned()), false),
    };
    match list.default_word(back).filter(|_| !is_certain) {
        Some(default) => made.join(&Ty::words([default.clone()])),
        None if !is_certain && list.may_give_nothing(back) => made.or_null(),
        None => made,
    }
}
