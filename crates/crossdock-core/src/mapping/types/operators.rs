//! The types of operators.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::findings as kinds;
use super::infer::Infer;
use super::ty::{Held, List, Number, Text, Ty, kind};
use crate::source::nearest;

/// At most this many words come out of joining words.
const JOINED_MAX: usize = 64;

pub(super) fn is_binary(operator: &str) -> bool {
    use operators::*;
    [EQUALS, NOT_EQUALS, LESS, LESS_EQUALS, GREATER, GREATER_EQUALS, IN, ADD, SUBSTRACT, MULTIPLY, DIVIDE, MODULO]
        .contains(&operator)
}

impl Infer<'_> {
    /// A binary operator that is neither `&&` nor `||`.
    pub fn binary(&mut self, operator: &str, left: &IdedExpr, right: &IdedExpr, expr: &IdedExpr) -> Ty {
        let (a, b) = (self.value(left), self.value(right));
        match operator {
            operators::EQUALS | operators::NOT_EQUALS => self.equal((left, &a), (right, &b), expr),
            operators::IN => self.contained((left, &a), (right, &b)),
            operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO => {
                return self.arithmetic(operator, (left, &a), (right, &b), expr);
            }
            _ => self.ordered((left, &a), (right, &b), expr),
        }
        Ty::bool()
    }

    pub fn negate(&mut self, operand: &IdedExpr) -> Ty {
        let ty = self.value(operand);
        let fine = self.accept(operand, &ty, kind::NUMBER, "`-`", kinds::OPERATOR_TYPE);
        match ty.number {
            Some(number) if fine => Ty::number(number),
            _ => Ty::dynamic(),
        }
    }

    /// `==` and `!=` take everything; what can never be equal is a mistake.
    fn equal(&mut self, left: (&IdedExpr, &Ty), right: (&IdedExpr, &Ty), expr: &IdedExpr) {
        let ((a_expr, a), (b_expr, b)) = (left, right);
        if a.dynamic || b.dynamic || a.is_never() || b.is_never() {
            return;
        }
        let (a_kinds, b_kinds) = (numbers_alike(a.kinds()), numbers_alike(b.kinds()));
        if a_kinds & b_kinds == 0 {
            // What is not null now may be so one day; the condition is not wrong, only needless.
            if a_kinds == kind::NULL || b_kinds == kind::NULL {
                let (named, other) = if b_kinds == kind::NULL { (a_expr, a) } else { (b_expr, b) };
                if !self.guessed && !other.null {
                    let (at, written) = (self.start_of(named), self.written(named));
                    self.tell_with(
                        kinds::NEEDLESS_GUARD,
                        at,
                        format!("{written} is never null"),
                        "leave the condition out",
                    );
                }
                return;
            }
            let message = format!(
                "{} is {}, {} is {}: they are never equal",
                self.written(a_expr),
                a.shown(),
                self.written(b_expr),
                b.shown()
            );
            let at = self.offset(expr);
            let hint = conversion(a_kinds | b_kinds).unwrap_or("compare things of one kind");
            self.tell_with(kinds::NEVER_EQUAL, at, message, hint);
            return;
        }
        self.same_measure(a, b, expr);
        if let (Expr::Literal(LiteralValue::String(word)), Some(text)) = (&b_expr.expr, &a.text) {
            self.among(b_expr, word.inner(), a_expr, text);
        }
        if let (Expr::Literal(LiteralValue::String(word)), Some(text)) = (&a_expr.expr, &b.text) {
            self.among(a_expr, word.inner(), b_expr, text);
        }
    }

    /// Complains about a word that is compared with something that is never it.
    fn among(&mut self, word_expr: &IdedExpr, word: &str, other: &IdedExpr, text: &Text) {
        let Some(words) = &text.words else { return };
        if words.contains(word) || matches!(other.expr, Expr::Literal(_)) {
            return;
        }
        let known: Vec<&str> = words.iter().map(|word| &**word).collect();
        let message = format!("{} is never '{word}'", self.written(other));
        let hint = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None if known.is_empty() => "no value is left for it here".to_owned(),
            None => format!("it is one of {}", listed(&known)),
        };
        let at = self.start_of(word_expr);
        self.tell_with(kinds::UNKNOWN_WORD, at, message, hint);
    }

    fn contained(&mut self, needle: (&IdedExpr, &Ty), haystack: (&IdedExpr, &Ty)) {
        let ((a_expr, a), (b_expr, b)) = (needle, haystack);
        if !self.accept(b_expr, b, kind::LIST | kind::MAP, "`in`", kinds::OPERATOR_TYPE) || b.dynamic {
            return;
        }
        if let (Expr::List(list), Some(text)) = (&b_expr.expr, &a.text) {
            for element in &list.elements {
                if let Expr::Literal(LiteralValue::String(word)) = &element.expr {
                    self.among(element, word.inner(), a_expr, text);
                }
            }
        }
        if a.dynamic || a.is_never() {
            return;
        }
        let of_list = b.list.as_ref().map_or(0, |list| match list.item.dynamic || list.item.is_never() {
            true => kind::ANY,
            false => list.item.kinds(),
        });
        let of_map = if b.map.is_some() { kind::TEXT } else { 0 };
        if numbers_alike(a.kinds()) & numbers_alike(of_list | of_map) == 0 {
            let at = self.start_of(a_expr);
            let message = format!(
                "{} is {}, but there are only {}: it is never in it",
                self.written(a_expr),
                a.shown(),
                kind::words(of_list | of_map)
            );
            self.tell_with(kinds::NEVER_EQUAL, at, message, "compare things of one kind");
        }
    }

    /// `<` and its kin.
    fn ordered(&mut self, left: (&IdedExpr, &Ty), right: (&IdedExpr, &Ty), expr: &IdedExpr) {
        const ORDERED: [u16; 6] = [kind::NUMBER, kind::TEXT, kind::BOOL, kind::TIME, kind::DURATION, kind::BYTES];
        let ((a_expr, a), (b_expr, b)) = (left, right);
        let all = ORDERED.iter().fold(0, |all, class| all | class);
        let fine = self.accept(a_expr, a, all, "the comparison", kinds::NO_ORDER)
            & self.accept(b_expr, b, all, "the comparison", kinds::NO_ORDER);
        if !fine || a.dynamic || b.dynamic || a.is_never() || b.is_never() {
            return;
        }
        let class = |kinds: u16| ORDERED.iter().find(|class| kinds & !**class == 0);
        let (a_class, b_class) = (class(a.kinds()), class(b.kinds()));
        if a_class.is_none() || a_class != b_class {
            let message = format!(
                "{} is {}, {} is {}: they have no order",
                self.written(a_expr),
                a.shown(),
                self.written(b_expr),
                b.shown()
            );
            let at = self.offset(expr);
            let hint = conversion(a.kinds() | b.kinds()).unwrap_or("compare things of one kind");
            self.tell_with(kinds::NO_ORDER, at, message, hint);
            return;
        }
        self.same_measure(a, b, expr);
    }

    fn same_measure(&mut self, a: &Ty, b: &Ty, expr: &IdedExpr) {
        let measure = |ty: &Ty| ty.number.as_ref().and_then(|number| number.measure.clone());
        if let (Some(a), Some(b)) = (measure(a), measure(b))
            && a != b
        {
            let at = self.offset(expr);
            let hint = "bring them into one unit first, such as `convert(x, 'LBR', 'KGM')` for pounds into kilograms";
            self.tell_with(kinds::UNIT_MIXED, at, format!("one side is in {a}, the other in {b}"), hint);
        }
    }

    fn arithmetic(&mut self, operator: &str, left: (&IdedExpr, &Ty), right: (&IdedExpr, &Ty), expr: &IdedExpr) -> Ty {
        let ((a_expr, a), (b_expr, b)) = (left, right);
        let sign = operator.trim_matches('_');
        let taken = match operator {
            operators::ADD => kind::NUMBER | kind::TEXT | kind::BYTES | kind::LIST | kind::TIME | kind::DURATION,
            operators::SUBSTRACT => kind::NUMBER | kind::TIME | kind::DURATION,
            operators::MODULO => kind::WHOLE,
            _ => kind::NUMBER,
        };
        let what = format!("`{sign}`");
        let wrong = |ty: &Ty| if ty.text.is_some() { kinds::TEXT_ARITHMETIC } else { kinds::OPERATOR_TYPE };
        let (a_wrong, b_wrong) = (wrong(a), wrong(b));
        let fine = self.accept(a_expr, a, taken, &what, a_wrong) & self.accept(b_expr, b, taken, &what, b_wrong);
        if !fine || a.is_never() || b.is_never() {
            return Ty::dynamic();
        }
        if a.dynamic || b.dynamic {
            let other = if a.dynamic { b } else { a };
            // What is added to a text or list must be one too.
            return match (operator, other.kinds()) {
                (operators::ADD, kind::TEXT) => Ty::text(),
                (operators::MULTIPLY | operators::DIVIDE, _) => Ty::number(plain(false, Held::Either)),
                _ => Ty::dynamic(),
            };
        }
        let (result, possible) = self.result(operator, a, b, expr);
        if !possible {
            let message = format!("`{sign}` cannot take {} and {}", a.shown(), b.shown());
            let with_text = (a.kinds() | b.kinds()) & kind::TEXT != 0;
            let at = self.offset(expr);
            let found = if with_text { kinds::TEXT_ARITHMETIC } else { kinds::OPERATOR_TYPE };
            let hint = conversion(a.kinds() | b.kinds()).unwrap_or("bring both to one kind first");
            self.tell_with(found, at, message, hint);
        }
        if possible { result } else { Ty::dynamic() }
    }

    /// The result, and whether every combination of the two has one.
    fn result(&mut self, operator: &str, a: &Ty, b: &Ty, expr: &IdedExpr) -> (Ty, bool) {
        let mut result = Ty::never();
        let mut possible = true;
        for one in classes(a) {
            for other in classes(b) {
                let made = match (operator, one, other) {
                    (_, kind::NUMBER, kind::NUMBER) => self.numbers(operator, a, b, expr),
                    (operators::ADD, kind::TEXT, kind::TEXT) => joined(a, b),
                    (operators::ADD, kind::BYTES, kind::BYTES) => Ty::bytes(),
                    (operators::ADD, kind::LIST, kind::LIST) => lists(a, b),
                    (operators::ADD, kind::TIME, kind::DURATION) | (operators::ADD, kind::DURATION, kind::TIME) => {
                        Ty::time()
                    }
                    (operators::ADD | operators::SUBSTRACT, kind::DURATION, kind::DURATION) => Ty::duration(),
                    (operators::SUBSTRACT, kind::TIME, kind::TIME) => Ty::duration(),
                    (operators::SUBSTRACT, kind::TIME, kind::DURATION) => Ty::time(),
                    _ => {
                        possible = false;
                        continue;
                    }
                };
                result = result.join(&made);
            }
        }
        (result, possible)
    }

    fn numbers(&mut self, operator: &str, a: &Ty, b: &Ty, expr: &IdedExpr) -> Ty {
        let (Some(x), Some(y)) = (&a.number, &b.number) else { return Ty::dynamic() };
        let both_int = x.held == Held::Int && y.held == Held::Int;
        let held = match (x.held, y.held) {
            _ if both_int => Held::Int,
            (Held::Decimal, _) | (_, Held::Decimal) => Held::Decimal,
            _ => Held::Either,
        };
        match operator {
            operators::ADD | operators::SUBSTRACT => {
                self.same_measure(a, b, expr);
                let measure = x.measure.clone().filter(|measure| y.measure.as_ref() == Some(measure));
                Ty::number(Number { whole: x.whole && y.whole, held, measure })
            }
            operators::DIVIDE => {
                if x.held != Held::Decimal && y.held != Held::Decimal && x.whole && y.whole {
                    let at = self.offset(expr);
                    let hint = "`decimal(x) / y` keeps it; `int(x / y)` says that it is meant";
                    self.tell_with(kinds::INTEGER_DIVISION, at, "a division of integers cuts the fraction off", hint);
                }
                Ty::number(plain(both_int, held))
            }
            _ => Ty::number(plain(x.whole && y.whole, held)),
        }
    }
}

fn plain(whole: bool, held: Held) -> Number {
    Number { whole, held, measure: None }
}

/// Integers and fractions compare with each other.
fn numbers_alike(kinds: u16) -> u16 {
    if kinds & kind::NUMBER != 0 { kinds | kind::NUMBER } else { kinds }
}

/// The kinds of a type one by one, numbers as one.
fn classes(ty: &Ty) -> impl Iterator<Item = u16> + use<> {
    let kinds = ty.kinds();
    [kind::NUMBER, kind::TEXT, kind::BYTES, kind::LIST, kind::TIME, kind::DURATION, kind::BOOL, kind::MAP, kind::NULL]
        .into_iter()
        .filter(move |class| kinds & class != 0)
}

fn joined(a: &Ty, b: &Ty) -> Ty {
    let (Some(x), Some(y)) = (&a.text, &b.text) else { return Ty::text() };
    match (&x.words, &y.words) {
        (Some(left), Some(right)) if left.len() * right.len() <= JOINED_MAX => {
            Ty::words(left.iter().flat_map(|one| right.iter().map(move |other| format!("{one}{other}").into())))
        }
        _ => Ty::of_text(Text { filled: x.filled || y.filled, ..Text::default() }),
    }
}

fn lists(a: &Ty, b: &Ty) -> Ty {
    let (Some(x), Some(y)) = (&a.list, &b.list) else { return Ty::dynamic() };
    let List { item, filled } = &**x;
    Ty::list(item.join(&y.item), *filled || y.filled)
}

fn conversion(kinds: u16) -> Option<&'static str> {
    let has = |kind: u16| kinds & kind != 0;
    if !has(kind::TEXT) {
        return None;
    }
    if has(kind::TIME) {
        return Some("`timestamp(x)` makes a time of a text");
    }
    has(kind::NUMBER).then_some("`string(x)` makes a text of a number, `decimal(x)` a number of a text")
}

/// Words in a message, at most twelve of them.
pub(super) fn listed(words: &[&str]) -> String {
    let shown: Vec<String> = words.iter().take(12).map(|word| format!("'{word}'")).collect();
    let more = if words.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
