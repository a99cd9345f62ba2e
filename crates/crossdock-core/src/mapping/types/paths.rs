//! Types along paths such as `body.stop.?items[0].sku`, and the facts that conditions show about them.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::env::{Fact, Place, Shown};
use super::findings as kinds;
use super::infer::{Infer, Typed};
use super::ty::{Field, Object, Presence, Rest, Ty, kind};
use crate::mapping::links::{Link, Part, flatten, is_path, type_word};
use crate::source::nearest;

/// How far a path has been walked.
struct Walk {
    typed: Typed,
    /// As written so far.
    said: String,
}

impl Infer<'_> {
    /// The type at the end of a path; with `forgive`, every link counts as written with a question mark.
    pub fn path(&mut self, expr: &IdedExpr, forgive: bool) -> Typed {
        let (base, links) = flatten(expr);
        if let Some(word) = self.type_word(base, &links) {
            return Typed::of(Ty::word(word));
        }
        let mut walk = self.start(base, forgive);
        for link in &links {
            let optional = walk.typed.optional || link.optional || forgive;
            walk = match link.part {
                Part::Field(name) => self.field(walk, name, optional, link),
                Part::Item(position) => self.item(walk, Some(position), optional, link),
                Part::Computed(index) => self.computed(walk, index, optional, link),
            };
        }
        walk.typed
    }

    fn start(&mut self, base: &IdedExpr, forgive: bool) -> Walk {
        let Expr::Ident(name) = &base.expr else {
            let typed = if forgive { self.forgiven(base) } else { self.infer(base) };
            return Walk { typed: Typed { place: None, ..typed }, said: "the value".into() };
        };
        let name = name.strip_prefix('.').unwrap_or(name);
        let typed = match self.env.place(name) {
            Some(place) => Typed { place: Some(place.clone()), ..Typed::of(self.env.ty(&place)) },
            None => Typed::of(Ty::dynamic()),
        };
        Walk { typed, said: name.to_owned() }
    }

    fn field(&mut self, walk: Walk, name: &str, optional: bool, link: &Link<'_>) -> Walk {
        let said = format!("{}.{name}", walk.said);
        let place = walk.typed.place.as_ref().map(|place| place.then(name));
        let mut may_miss = walk.typed.may_miss;
        let ty = walk.typed.ty;
        let next = |ty: Ty, may_miss: bool| Walk {
            typed: Typed { ty, optional, may_miss, place: place.clone() },
            said: said.clone(),
        };
        if ty.dynamic || ty.is_never() {
            return next(Ty::dynamic(), may_miss || optional);
        }
        if ty.null {
            may_miss |= optional;
            self.null_on_the_way(&walk.said, &format!("no `{name}`"), optional, link);
        }
        let others = ty.kinds() & !(kind::NULL | kind::MAP);
        if others != 0 {
            self.no_fields(&walk.said, name, others, ty.map.is_some(), link);
            return next(Ty::dynamic(), may_miss);
        }
        let Some(object) = &ty.map else { return next(Ty::dynamic(), may_miss) };
        match object.fields.get(name) {
            Some(field) => {
                let absent = self.look_at_presence(field, &said, optional, link, name);
                next(field.ty.clone(), may_miss || absent)
            }
            None => {
                let (ty, absent) = self.unlisted(object, &walk.said, name, optional, link);
                next(ty, may_miss || absent)
            }
        }
    }

    /// Whether the field may be absent, complained about when that is not provided for.
    fn look_at_presence(&mut self, field: &Field, said: &str, optional: bool, link: &Link<'_>, name: &str) -> bool {
        match field.presence {
            Presence::Always => false,
            _ if optional => true,
            _ if self.forgiving > 0 => {
                self.missed = true;
                false
            }
            Presence::Likely => {
                let at = self.field_at(self.offset(link.whole), name);
                self.tell(kinds::UNPROVED, at, format!("nothing proves that `{said}` is known then"));
                false
            }
            Presence::Maybe => {
                let at = self.field_at(self.offset(link.whole), name);
                let guarded = said.rsplit_once('.').map(|(before, _)| format!("{before}.?{name}")).unwrap_or_default();
                self.tell_with(
                    kinds::SOURCE_MAYBE_ABSENT,
                    at,
                    format!("`{said}` may be absent"),
                    format!("write `{guarded}`, `default({said}, …)`, or put it behind a condition `has({said})`"),
                );
                false
            }
        }
    }

    /// A field that is not among the known ones: its type and whether it may be absent.
    fn unlisted(&mut self, object: &Object, said: &str, name: &str, optional: bool, link: &Link<'_>) -> (Ty, bool) {
        if let Rest::Values(ty) = &object.rest {
            let field = Field { ty: ty.clone(), presence: Presence::Maybe };
            let absent = self.look_at_presence(&field, &format!("{said}.{name}"), optional, link, name);
            return (ty.clone(), absent);
        }
        // What no field is known of says nothing about names.
        if object.fields.is_empty() && (object.rest == Rest::Open || optional) {
            return (Ty::dynamic(), optional);
        }
        let at = self.field_at(self.offset(link.whole), name);
        let names = object.fields.keys().map(|known| &**known);
        let near =
            nearest(name, names.clone()).filter(|near| object.rest == Rest::Closed || is_misspelling(name, near));
        let known: Vec<&str> = names.take(12).collect();
        let more = if object.fields.len() > known.len() { ", …" } else { "" };
        let there = format!("there are: {}{more}", known.join(", "));
        match (near, &object.rest) {
            (Some(near), _) => {
                let hint = format!("did you mean `{near}`? {there}");
                self.tell_with(kinds::SOURCE_UNKNOWN_FIELD, at, format!("`{said}` has no field `{name}`"), hint);
            }
            (None, Rest::Closed) => {
                self.tell_with(kinds::SOURCE_UNKNOWN_FIELD, at, format!("`{said}` has no field `{name}`"), there);
            }
            (None, _) if optional || self.forgiving > 0 => {}
            (None, rest) => {
                let what = if *rest == Rest::Sampled { "no sample shows" } else { "the schema does not list" };
                let message = format!("{what} a field `{name}` in `{said}`");
                self.tell_with(kinds::SOURCE_UNLISTED_FIELD, at, message, there);
            }
        }
        self.missed |= self.forgiving > 0;
        (Ty::dynamic(), optional)
    }

    fn null_on_the_way(&mut self, said: &str, lacks: &str, optional: bool, link: &Link<'_>) {
        if optional {
            return;
        }
        if self.forgiving > 0 {
            self.missed = true;
            return;
        }
        let at = self.start_of(link.whole);
        self.tell_with(
            kinds::SOURCE_MAYBE_NULL,
            at,
            format!("`{said}` may be null, so it has {lacks} then"),
            format!("read it with a question mark, `{said}.?…`, or put it behind a condition `{said} != null`"),
        );
    }

    fn no_fields(&mut self, said: &str, name: &str, others: u16, may: bool, link: &Link<'_>) {
        let at = self.field_at(self.offset(link.whole), name);
        let is = if may { "may be" } else { "is" };
        let message = format!("`{said}` {is} {}, which has no field `{name}`", kind::words(others));
        match others {
            kind::LIST => {
                let hint = "take one element with [0], or go through all with `map` or `each`";
                self.tell_with(kinds::SOURCE_NO_FIELDS, at, message, hint);
            }
            _ => self.tell_with(kinds::SOURCE_NO_FIELDS, at, message, format!("`{said}` is the value itself")),
        }
    }

    /// An element of a list. `None` for a position that is only known at run time.
    fn item(&mut self, walk: Walk, position: Option<i64>, optional: bool, link: &Link<'_>) -> Walk {
        let written = position.map_or("[…]".to_owned(), |position| format!("[{position}]"));
        let said = format!("{}{written}", walk.said);
        let mut may_miss = walk.typed.may_miss;
        let ty = walk.typed.ty;
        let next = |ty: Ty, may_miss| Walk { typed: Typed { ty, optional, may_miss, place: None }, said: said.clone() };
        if ty.dynamic || ty.is_never() {
            return next(Ty::dynamic(), may_miss || optional);
        }
        if ty.null {
            may_miss |= optional;
            self.null_on_the_way(&walk.said, "no elements", optional, link);
        }
        let others = ty.kinds() & !(kind::NULL | kind::LIST);
        if others != 0 {
            let message = format!("`{}` is {}, which has no elements by position", walk.said, kind::words(others));
            self.tell_with(kinds::INDEX_TYPE, self.offset(link.whole), message, "only lists have elements by position");
            return next(Ty::dynamic(), may_miss);
        }
        let Some(list) = &ty.list else { return next(Ty::dynamic(), may_miss) };
        if position.is_some_and(|position| position < 0) {
            let hint = "positions count from 0; `last(list)` is the last";
            self.tell_with(kinds::INDEX_TYPE, self.offset(link.whole), format!("`{said}` is never there"), hint);
        }
        if !(list.filled && position == Some(0)) {
            if optional {
                may_miss = true;
            } else if self.forgiving > 0 {
                self.missed = true;
            } else {
                self.tell(
                    kinds::MAYBE_NO_ELEMENT,
                    self.offset(link.whole),
                    format!("nothing proves that there is `{said}`"),
                );
            }
        }
        let item = if list.item.is_never() { Ty::dynamic() } else { list.item.clone() };
        next(item, may_miss)
    }

    fn computed(&mut self, walk: Walk, index: &IdedExpr, optional: bool, link: &Link<'_>) -> Walk {
        let index_ty = self.value(index);
        let ty = &walk.typed.ty;
        if ty.dynamic || ty.map.is_none() {
            if !ty.dynamic {
                self.accept(index, &index_ty, kind::WHOLE, "the position in a list", kinds::INDEX_TYPE);
            }
            return self.item(walk, None, optional, link);
        }
        self.accept(index, &index_ty, kind::TEXT, "the key into a map", kinds::INDEX_TYPE);
        if ty.kinds() & !(kind::NULL | kind::MAP) != 0 {
            return self.item(walk, None, optional, link);
        }
        if ty.null {
            self.null_on_the_way(&walk.said, "no fields", optional, link);
        }
        let Some(object) = &ty.map else { return walk };
        let of_rest = match &object.rest {
            Rest::Closed => Ty::never(),
            Rest::Values(ty) => ty.clone(),
            Rest::Open | Rest::Sampled => Ty::dynamic(),
        };
        let value = object.fields.values().fold(of_rest, |ty, field| ty.join(&field.ty));
        if self.forgiving > 0 && !optional {
            self.missed = true;
        } else if !optional {
            self.tell(
                kinds::MAYBE_NO_ELEMENT,
                self.offset(link.whole),
                format!("nothing proves that `{}` has this key", walk.said),
            );
        }
        let said = format!("{}[…]", walk.said);
        let value = if value.is_never() { Ty::dynamic() } else { value };
        Walk { typed: Typed { ty: value, optional, may_miss: optional, place: None }, said }
    }

    /// `has(path)`
    pub fn has(&mut self, argument: &IdedExpr, expr: &IdedExpr) -> Ty {
        let (base, mut links) = flatten(argument);
        let Some(Link { part: Part::Field(name), optional, .. }) = links.pop() else { return Ty::bool() };
        let mut walk = self.start(base, false);
        for link in &links {
            let optional = walk.typed.optional || link.optional;
            walk = match link.part {
                Part::Field(name) => self.field(walk, name, optional, link),
                Part::Item(position) => self.item(walk, Some(position), optional, link),
                Part::Computed(index) => self.computed(walk, index, optional, link),
            };
        }
        let ty = &walk.typed.ty;
        if ty.dynamic {
            return Ty::bool();
        }
        let optional = optional || walk.typed.optional;
        if ty.null && !optional {
            let at = self.start_of(argument);
            self.tell_with(
                kinds::SOURCE_MAYBE_NULL,
                at,
                format!("`has` cannot look into `{}`, which may be null", walk.said),
                format!("`{}.?{name}.hasValue()` looks through what is null or absent", walk.said),
            );
        }
        let others = ty.kinds() & !(kind::NULL | kind::MAP);
        let whole = argument;
        if others != 0 {
            let link = Link { part: Part::Field(name), optional, whole };
            self.no_fields(&walk.said, name, others, ty.map.is_some(), &link);
        } else if let Some(object) = ty.map.clone() {
            match object.fields.get(name) {
                Some(field)
                    if field.presence == Presence::Always && !self.guessed && !walk.typed.may_miss && !ty.null =>
                {
                    let start = self.start_of(expr);
                    let message = format!("`{}.{name}` is always there", walk.said);
                    let hint = match field.ty.null {
                        true => format!("it may be null: `{}.{name} != null`", walk.said),
                        false => "leave the condition out".to_owned(),
                    };
                    self.tell_with(kinds::NEEDLESS_GUARD, start, message, hint);
                }
                Some(_) => {}
                None => {
                    let link = Link { part: Part::Field(name), optional, whole };
                    self.unlisted(&object, &walk.said, name, true, &link);
                }
            }
        }
        Ty::bool()
    }

    /// `int` and its kin, when no variable hides them.
    fn type_word(&self, base: &IdedExpr, links: &[Link<'_>]) -> Option<&'static str> {
        let Expr::Ident(root) = &base.expr else { return None };
        if self.env.place(root).is_some() {
            return None;
        }
        type_word(root, links)
    }

    /// The place a path of plain fields leads to.
    pub fn place_of(&self, expr: &IdedExpr) -> Option<Place> {
        if !is_path(expr) {
            return None;
        }
        let (base, links) = flatten(expr);
        let Expr::Ident(name) = &base.expr else { return None };
        let mut place = self.env.place(name.strip_prefix('.').unwrap_or(name))?;
        for link in links {
            match link.part {
                Part::Field(field) => place.fields.push(field.into()),
                _ => return None,
            }
        }
        Some(place)
    }

    /// What holds when this condition is `truth`.
    pub fn shown(&self, expr: &IdedExpr, truth: bool) -> Vec<Shown> {
        if is_path(expr) {
            let fact = |place| (place, Fact::Kinds(kind::BOOL));
            return self.place_of(expr).map(fact).into_iter().collect();
        }
        let Expr::Call(call) = &expr.expr else { return Vec::new() };
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, None, [inner]) => self.shown(inner, !truth),
            (operators::LOGICAL_AND, None, [left, right]) if truth => self.both(left, right, true),
            (operators::LOGICAL_OR, None, [left, right]) if !truth => self.both(left, right, false),
            (operators::LOGICAL_OR, None, [left, right]) => either(&self.shown(left, true), &self.shown(right, true)),
            (operators::EQUALS, None, [left, right]) => self.equality(left, right, truth),
            (operators::NOT_EQUALS, None, [left, right]) => self.equality(left, right, !truth),
            (operators::IN, None, [needle, list]) => self.membership(needle, list, truth),
            (operators::GREATER | operators::GREATER_EQUALS | operators::LESS | operators::LESS_EQUALS, None, _) => {
                self.length(call, truth)
            }
            _ => self.guard(call, truth),
        }
    }

    /// What conditions made for guarding show: `has(…)`, `.hasValue()` and comparisons with null.
    pub fn guards(&self, expr: &IdedExpr, truth: bool) -> Vec<Shown> {
        let Expr::Call(call) = &expr.expr else { return Vec::new() };
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, None, [inner]) => self.guards(inner, !truth),
            (operators::LOGICAL_AND, None, [left, right]) if truth => {
                [self.guards(left, true), self.guards(right, true)].concat()
            }
            _ => self.guard(call, truth),
        }
    }

    fn guard(&self, call: &CallExpr, truth: bool) -> Vec<Shown> {
        let place = match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("has", None, [path]) | ("hasValue", Some(path), []) if truth => self.place_of(path),
            // `default(x, false)`, `x.?y.orValue(false)`: true only when it is there.
            ("default", None, [path, other]) | ("default" | "orValue", Some(path), [other])
                if truth && matches!(&other.expr, Expr::Literal(LiteralValue::Boolean(no)) if !*no.inner()) =>
            {
                return self.place_of(path).map(|place| (place, Fact::Kinds(kind::BOOL))).into_iter().collect();
            }
            _ => None,
        };
        place.map(|place| (place, Fact::There)).into_iter().collect()
    }

    fn both(&self, left: &IdedExpr, right: &IdedExpr, truth: bool) -> Vec<Shown> {
        [self.shown(left, truth), self.shown(right, truth)].concat()
    }

    fn equality(&self, left: &IdedExpr, right: &IdedExpr, equal: bool) -> Vec<Shown> {
        for (one, other) in [(left, right), (right, left)] {
            let Expr::Literal(literal) = &other.expr else {
                if let Some(shown) = self.type_is(one, other).filter(|_| equal) {
                    return vec![shown];
                }
                continue;
            };
            let (path, otherwise) = self.with_default(one);
            let Some(place) = self.place_of(path) else { continue };
            // With a default, equality to something else than the default shows that it is there.
            let told = match otherwise {
                None => true,
                Some(default) => equal != same_literal(default, literal),
            };
            if !told {
                continue;
            }
            return match literal {
                LiteralValue::Null if !equal => vec![(place, Fact::NotNull)],
                LiteralValue::Null => Vec::new(),
                LiteralValue::String(word) => {
                    let words: BTreeSet<Arc<str>> = [Arc::from(word.inner())].into();
                    vec![(place, if equal { Fact::Words(words) } else { Fact::NotWords(words) })]
                }
                _ if equal => vec![(place, Fact::NotNull)],
                _ => Vec::new(),
            };
        }
        Vec::new()
    }

    /// `default(x, y)`, `orNull(x)` and `x.orValue(y)`: the path and what stands for it.
    fn with_default<'e>(&self, expr: &'e IdedExpr) -> (&'e IdedExpr, Option<&'e LiteralValue>) {
        const NULL: &LiteralValue = &LiteralValue::Null;
        let Expr::Call(call) = &expr.expr else { return (expr, None) };
        let literal = |other: &'e IdedExpr| match &other.expr {
            Expr::Literal(literal) => Some(literal),
            _ => None,
        };
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("default", None, [path, other]) | ("default" | "orValue", Some(path), [other]) => match literal(other) {
                Some(literal) => (path, Some(literal)),
                None => (expr, None),
            },
            ("orNull", None, [path]) | ("orNull", Some(path), []) => (path, Some(NULL)),
            _ => (expr, None),
        }
    }

    /// `type(x) == string`
    fn type_is(&self, call: &IdedExpr, word: &IdedExpr) -> Option<Shown> {
        let Expr::Call(call) = &call.expr else { return None };
        let path = match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("type", None, [path]) | ("type", Some(path), []) => path,
            _ => return None,
        };
        let (base, links) = flatten(word);
        let kinds = match self.type_word(base, &links)? {
            "bool" => kind::BOOL,
            "int" | "decimal" => kind::NUMBER,
            "string" => kind::TEXT,
            "bytes" => kind::BYTES,
            "list" => kind::LIST,
            "map" => kind::MAP,
            "null_type" => kind::NULL,
            "timestamp" => kind::TIME,
            "duration" => kind::DURATION,
            _ => return None,
        };
        self.place_of(path).map(|place| (place, Fact::Kinds(kinds)))
    }

    fn membership(&self, needle: &IdedExpr, list: &IdedExpr, truth: bool) -> Vec<Shown> {
        match (&needle.expr, &list.expr) {
            (_, Expr::List(list)) => {
                let words: Option<BTreeSet<Arc<str>>> = list
                    .elements
                    .iter()
                    .map(|element| match &element.expr {
                        Expr::Literal(LiteralValue::String(word)) => Some(Arc::from(word.inner())),
                        _ => None,
                    })
                    .collect();
                let (path, otherwise) = self.with_default(needle);
                let (Some(words), Some(place)) = (words, self.place_of(path)) else { return Vec::new() };
                let default_is_in = match otherwise {
                    Some(LiteralValue::String(word)) => words.contains(word.inner()),
                    Some(_) => false,
                    None => !truth,
                };
                match (truth, otherwise) {
                    (true, None) => vec![(place, Fact::Words(words))],
                    (true, Some(_)) if !default_is_in => vec![(place, Fact::Words(words))],
                    (false, None) => vec![(place, Fact::NotWords(words))],
                    _ => Vec::new(),
                }
            }
            (Expr::Literal(LiteralValue::String(name)), _) if truth => {
                self.place_of(list).map(|place| (place.then(name.inner()), Fact::There)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// `size(x) > 0` and its kin.
    fn length(&self, call: &CallExpr, truth: bool) -> Vec<Shown> {
        let [left, right] = call.args.as_slice() else { return Vec::new() };
        let operator = call.func_name.as_str();
        let (sized, operator, number) = match (&left.expr, &right.expr) {
            (_, Expr::Literal(LiteralValue::Int(number))) => (left, operator, *number.inner()),
            (Expr::Literal(LiteralValue::Int(number)), _) => {
                let turned = match operator {
                    operators::GREATER => operators::LESS,
                    operators::GREATER_EQUALS => operators::LESS_EQUALS,
                    operators::LESS => operators::GREATER,
                    _ => operators::GREATER_EQUALS,
                };
                (right, turned, *number.inner())
            }
            _ => return Vec::new(),
        };
        let filled = match (operator, truth) {
            (operators::GREATER, true) => number >= 0,
            (operators::GREATER_EQUALS, true) => number >= 1,
            (operators::LESS, false) => number >= 1,
            (operators::LESS_EQUALS, false) => number >= 0,
            _ => false,
        };
        let Expr::Call(size) = &sized.expr else { return Vec::new() };
        let path = match (size.func_name.as_str(), size.target.as_deref(), size.args.as_slice()) {
            ("size", None, [path]) | ("size", Some(path), []) if filled => path,
            _ => return Vec::new(),
        };
        self.place_of(path).map(|place| (place, Fact::Filled)).into_iter().collect()
    }
}

/// What both sides of an `||` show in common: words about the same place.
fn either(left: &[Shown], right: &[Shown]) -> Vec<Shown> {
    let mut common = Vec::new();
    for (place, fact) in left {
        for (other, twin) in right.iter().filter(|(other, _)| other == place) {
            match (fact, twin) {
                (Fact::Words(a), Fact::Words(b)) => {
                    common.push((other.clone(), Fact::Words(a.union(b).cloned().collect())));
                }
                (Fact::There, Fact::There) => common.push((other.clone(), Fact::There)),
                (Fact::NotNull | Fact::Words(_), Fact::NotNull | Fact::Words(_)) => {
                    common.push((other.clone(), Fact::NotNull));
                }
                _ => {}
            }
        }
    }
    common
}

fn same_literal(a: &LiteralValue, b: &LiteralValue) -> bool {
    a == b
}

/// A name that is nearly the other, and not merely its neighbour in a row such as `line1`, `line2`.
fn is_misspelling(name: &str, near: &str) -> bool {
    let letters = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let plural = |one: &str, other: &str| one.strip_suffix('s') == Some(other);
    letters(name) != letters(near) && !plural(name, near) && !plural(near, name) && near.len() > 2
}
