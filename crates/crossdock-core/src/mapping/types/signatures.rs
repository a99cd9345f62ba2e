//! What each function takes and gives. Every function of the language has a signature here; a test sees to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::findings as kinds;
use super::infer::Infer;
use super::ty::kind::{ANY, BOOL, BYTES, DURATION, LIST, MAP, NULL, NUMBER, TEXT, TIME, WHOLE};
use super::ty::{Format, Held, Measure, Number, Text, Ty, kind};
use super::units;
use crate::mapping::functions::{self, Context, Function, Run};
use crate::mapping::meter::{MapLimits, Meter};
use crate::model;
use crate::value::{Value, zone_named};

/// At most this many combinations of words are computed.
const COMBINATIONS_MAX: usize = 64;

const SINGLE: u16 = BOOL | NUMBER | TEXT | TIME | DURATION | BYTES;

/// A function for one number of arguments: the kinds each argument may be of.
type Signature = (&'static str, &'static [u16]);

const SIGNATURES: &[Signature] = &[
    ("int", &[NUMBER | TEXT | TIME]),
    ("uint", &[NUMBER | TEXT | TIME]),
    ("double", &[NUMBER | TEXT]),
    ("decimal", &[NUMBER | TEXT]),
    ("string", &[SINGLE]),
    ("bool", &[BOOL | TEXT]),
    ("bytes", &[BYTES | TEXT]),
    ("duration", &[DURATION | TEXT]),
    ("type", &[ANY]),
    ("dyn", &[ANY]),
    ("json", &[ANY]),
    ("parseJson", &[TEXT]),
    ("base64encode", &[TEXT | BYTES]),
    ("base64decode", &[TEXT]),
    ("hash", &[TEXT | BYTES]),
    ("size", &[TEXT | BYTES | LIST | MAP]),
    ("sum", &[LIST]),
    ("unique", &[LIST]),
    ("first", &[LIST]),
    ("last", &[LIST]),
    ("flatten", &[LIST]),
    ("reverse", &[LIST]),
    ("sort", &[LIST]),
    ("min", &[LIST]),
    ("min", &[NUMBER | TEXT | TIME | DURATION, NUMBER | TEXT | TIME | DURATION]),
    ("max", &[LIST]),
    ("max", &[NUMBER | TEXT | TIME | DURATION, NUMBER | TEXT | TIME | DURATION]),
    ("keys", &[MAP]),
    ("values", &[MAP]),
    ("round", &[NUMBER]),
    ("round", &[NUMBER, WHOLE]),
    ("roundHalfUp", &[NUMBER]),
    ("roundHalfUp", &[NUMBER, WHOLE]),
    ("floor", &[NUMBER]),
    ("ceil", &[NUMBER]),
    ("abs", &[NUMBER]),
    ("convert", &[NUMBER, TEXT, TEXT]),
    ("contains", &[TEXT, TEXT]),
    ("startsWith", &[TEXT, TEXT]),
    ("endsWith", &[TEXT, TEXT]),
    ("indexOf", &[TEXT, TEXT]),
    ("upper", &[TEXT]),
    ("lower", &[TEXT]),
    ("trim", &[TEXT]),
    ("split", &[TEXT, TEXT]),
    ("split", &[TEXT, TEXT, WHOLE]),
    ("join", &[LIST]),
    ("join", &[LIST, TEXT]),
    ("replace", &[TEXT, TEXT, TEXT]),
    ("substring", &[TEXT, WHOLE]),
    ("substring", &[TEXT, WHOLE, WHOLE]),
    ("padStart", &[TEXT, WHOLE]),
    ("padStart", &[TEXT, WHOLE, TEXT]),
    ("padEnd", &[TEXT, WHOLE]),
    ("padEnd", &[TEXT, WHOLE, TEXT]),
    ("timestamp", &[TEXT | WHOLE | TIME]),
    ("timestamp", &[TEXT, TEXT]),
    ("timestampMillis", &[WHOLE]),
    ("parseTime", &[TEXT, TEXT]),
    ("parseTime", &[TEXT, TEXT, TEXT]),
    ("inZone", &[TIME, TEXT]),
    ("format", &[TIME, TEXT]),
    ("getFullYear", &[TIME]),
    ("getFullYear", &[TIME, TEXT]),
    ("getMonth", &[TIME]),
    ("getMonth", &[TIME, TEXT]),
    ("getDate", &[TIME]),
    ("getDate", &[TIME, TEXT]),
    ("getDayOfMonth", &[TIME]),
    ("getDayOfMonth", &[TIME, TEXT]),
    ("getDayOfWeek", &[TIME]),
    ("getDayOfWeek", &[TIME, TEXT]),
    ("getDayOfYear", &[TIME]),
    ("getDayOfYear", &[TIME, TEXT]),
    ("getHours", &[TIME | DURATION]),
    ("getHours", &[TIME, TEXT]),
    ("getMinutes", &[TIME | DURATION]),
    ("getMinutes", &[TIME, TEXT]),
    ("getSeconds", &[TIME | DURATION]),
    ("getSeconds", &[TIME, TEXT]),
    ("getMilliseconds", &[TIME | DURATION]),
    ("getMilliseconds", &[TIME, TEXT]),
];

/// The signature of a function for so many arguments.
pub(super) fn signature(name: &str, arity: usize) -> Option<&'static [u16]> {
    SIGNATURES.iter().find(|(known, params)| *known == name && params.len() == arity).map(|(_, params)| *params)
}

impl Infer<'_> {
    /// An ordinary function. What does not exist is told by the compiler.
    pub fn function(&mut self, name: &str, args: &[&IdedExpr], expr: &IdedExpr) -> Ty {
        let types: Vec<Ty> = args.iter().map(|arg| self.value(arg)).collect();
        let Some(params) = signature(name, args.len()) else { return Ty::dynamic() };
        let mut fine = true;
        for ((arg, ty), taken) in args.iter().zip(&types).zip(params) {
            fine &= self.accept(arg, ty, *taken, &format!("`{name}`"), kinds::ARGUMENT_TYPE);
        }
        self.zone(name, args, &types);
        if name == "convert" && fine {
            self.units(args, &types);
        }
        if !fine {
            return given(name, &types).unwrap_or_else(Ty::dynamic);
        }
        if matches!((name, args.len()), ("timestamp", 1)) {
            self.read_as_time(args[0], &types[0]);
        }
        if let Some(ty) = self.computed_words(name, args, &types, expr) {
            return ty;
        }
        if matches!(name, "first" | "last" | "min" | "max") && args.len() == 1 {
            self.taken_from(args[0], &types[0], name);
        }
        self.elements_taken(name, args, &types);
        result(name, args, &types)
    }

    /// A local time or a date is no instant.
    fn read_as_time(&mut self, arg: &IdedExpr, ty: &Ty) {
        let Some(text) = ty.text.as_ref().filter(|_| !ty.dynamic) else { return };
        let (at, written) = (self.start_of(arg), self.written(arg));
        match text.format {
            Format::Local | Format::Date => self.tell_with(
                kinds::LOCAL_TIME,
                at,
                format!("{written} has no offset, so it is not one instant"),
                format!("`timestamp({}, 'Europe/Berlin')` says where its clock hangs", written.trim_matches('`')),
            ),
            Format::Other => self.tell_with(
                kinds::NOT_A_TIME,
                at,
                format!("{written} is not a time such as 2026-03-01T08:30:00+01:00"),
                "`parseTime(x, '%d.%m.%Y %H:%M', zone)` reads other forms",
            ),
            Format::Instant | Format::Loose | Format::Unknown => {}
        }
    }

    /// The zone is the last argument of the functions that take one.
    fn zone(&mut self, name: &str, args: &[&IdedExpr], types: &[Ty]) {
        let takes_zone = match name {
            "timestamp" | "inZone" => args.len() == 2,
            "parseTime" => args.len() == 3,
            _ => name.starts_with("get") && args.len() == 2,
        };
        let words = types.last().and_then(|ty| ty.text.as_ref()).and_then(|text| text.words.as_ref());
        let (true, Some(words), Some(arg)) = (takes_zone, words, args.last()) else { return };
        for word in words.iter().filter(|word| zone_named(word).is_err()) {
            let at = self.start_of(arg);
            let hint = "a zone is a name such as Europe/Berlin, UTC, or an offset such as +02:00";
            self.tell_with(kinds::UNKNOWN_ZONE, at, format!("there is no time zone '{word}'"), hint);
        }
    }

    /// The first of a list that may be empty is absent.
    fn taken_from(&mut self, arg: &IdedExpr, ty: &Ty, name: &str) {
        if ty.dynamic || ty.list.as_ref().is_some_and(|list| list.filled) {
            return;
        }
        if self.forgiving > 0 {
            self.missed = true;
            return;
        }
        let (at, written) = (self.start_of(arg), self.written(arg));
        self.tell(kinds::MAYBE_NO_ELEMENT, at, format!("nothing proves that {written} has an element for `{name}`"));
    }

    /// Functions that look at the elements of a list.
    fn elements_taken(&mut self, name: &str, args: &[&IdedExpr], types: &[Ty]) {
        let taken = match name {
            "sum" => NUMBER | DURATION,
            "join" => TEXT,
            "min" | "max" if args.len() == 1 => NUMBER | TEXT | TIME | DURATION,
            "sort" => NUMBER | TEXT | BOOL | TIME | DURATION | BYTES,
            _ => return,
        };
        let Some(list) = types[0].list.clone() else { return };
        let item = &list.item;
        if item.dynamic || item.kinds() & !taken == 0 {
            return;
        }
        let (at, written) = (self.start_of(args[0]), self.written(args[0]));
        let odd = item.kinds() & !taken;
        let message =
            format!("`{name}` needs a list of {}, but {written} may hold {}", plural(taken), kind::words(odd));
        match odd & kind::TEXT != 0 && taken & kind::NUMBER != 0 {
            true => self.tell_with(kinds::ARGUMENT_TYPE, at, message, "`list.map(x, decimal(x))` makes numbers"),
            false if name == "join" => {
                self.tell_with(kinds::ARGUMENT_TYPE, at, message, "`list.map(x, string(x))` makes texts");
            }
            false => self.tell_with(kinds::ARGUMENT_TYPE, at, message, "`list.filter(x, …)` leaves the others out"),
        }
    }

    /// Where every argument is one of few words, the function is computed for each of them.
    fn computed_words(&mut self, name: &str, args: &[&IdedExpr], types: &[Ty], expr: &IdedExpr) -> Option<Ty> {
        let mut combinations: Vec<Vec<Value>> = vec![Vec::new()];
        let mut varies = false;
        for (arg, ty) in args.iter().zip(types) {
            let choices: Vec<Value> = match (&arg.expr, &ty.text) {
                (Expr::Literal(LiteralValue::Int(int)), _) => vec![Value::Int(*int.inner())],
                (_, Some(Text { words: Some(words), .. })) if ty.kinds() == TEXT => {
                    varies |= words.len() > 1 || !matches!(arg.expr, Expr::Literal(_));
                    words.iter().map(|word| Value::Text(word.clone())).collect()
                }
                _ => return None,
            };
            if combinations.len() * choices.len() > COMBINATIONS_MAX {
                return None;
            }
            combinations = combinations
                .iter()
                .flat_map(|before| {
                    choices.iter().map(|choice| [before.as_slice(), std::slice::from_ref(choice)].concat())
                })
                .collect();
        }
        let function = functions::all().find(|function| function.name == name && function.run.arity() == args.len())?;
        let made: Vec<Value> = combinations.iter().filter_map(|arguments| run(function, arguments)).collect();
        if made.is_empty() {
            // The compiler tells of constants.
            if varies && !combinations.is_empty() {
                let at = self.name_of_call(expr, name);
                let shown: Vec<String> = args.iter().map(|arg| self.written(arg)).collect();
                let message = format!("`{name}` fails for every value that {} may have", shown.join(" and "));
                self.tell_with(
                    kinds::ALWAYS_FAILS,
                    at,
                    message,
                    "a code list or a condition can turn such words into others",
                );
            }
            return Some(given(name, types).unwrap_or_else(Ty::dynamic));
        }
        let texts: Option<BTreeSet<Arc<str>>> = made
            .iter()
            .map(|value| match value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        texts.map(Ty::words)
    }
}

fn run(function: &Function, args: &[Value]) -> Option<Value> {
    let limits = MapLimits { steps_max: 10_000, bytes_max: 1 << 16, out_of_time: None };
    let meter = Meter::new(&limits);
    let context = Context { name: function.name, meter: &meter };
    match (function.run, args) {
        (Run::One(run), [a]) => run(&context, a).ok(),
        (Run::Two(run), [a, b]) => run(&context, a, b).ok(),
        (Run::Three(run), [a, b, c]) => run(&context, a, b, c).ok(),
        _ => None,
    }
}

fn plural(taken: u16) -> &'static str {
    match taken {
        TEXT => "texts",
        taken if taken == NUMBER | DURATION => "numbers",
        _ => "things that have an order",
    }
}

/// What comes out whatever goes in.
fn given(name: &str, types: &[Ty]) -> Option<Ty> {
    Some(match name {
        "int" | "uint" | "size" | "indexOf" => Ty::int(),
        "double" | "decimal" | "convert" => Ty::decimal(),
        "string" | "json" | "hash" | "base64encode" | "upper" | "lower" | "trim" | "join" | "replace" | "substring"
        | "padStart" | "padEnd" | "format" | "type" => Ty::text(),
        "bool" | "contains" | "startsWith" | "endsWith" => Ty::bool(),
        "bytes" | "base64decode" => Ty::bytes(),
        "duration" => Ty::duration(),
        "timestamp" | "timestampMillis" | "parseTime" | "inZone" => Ty::time(),
        "split" => Ty::list(Ty::text(), types.len() == 2),
        "keys" => Ty::list(Ty::text(), false),
        _ if name.starts_with("get") => Ty::int(),
        _ => return None,
    })
}

/// What comes out of fitting arguments.
fn result(name: &str, args: &[&IdedExpr], types: &[Ty]) -> Ty {
    let Some(first) = types.first() else { return Ty::dynamic() };
    let filled = |there: bool| Ty::of_text(Text { filled: there, ..Text::default() });
    let is_filled = first.text.as_ref().is_some_and(|text| text.filled);
    match name {
        "dyn" => Ty::dynamic(),
        "parseJson" => Ty::dynamic(),
        "type" => Ty::words(type_words(first)),
        "int" | "uint" => measured(Number { whole: true, held: Held::Int, measure: None }, first),
        "decimal" | "double" => {
            let whole = first.number.as_ref().is_some_and(|number| number.whole) && first.kinds() & TEXT == 0;
            measured(Number { whole, held: Held::Decimal, measure: None }, first)
        }
        "convert" => {
            let unit = units::only_word(&types[2]).filter(|unit| model::codes::is_unit(unit));
            Ty::number(Number { whole: false, held: Held::Decimal, measure: unit.map(Measure::Unit) })
        }
        "abs" => Ty { null: false, ..first.clone() },
        "round" | "roundHalfUp" | "floor" | "ceil" if args.len() == 1 => {
            measured(Number { whole: true, held: Held::Either, measure: None }, first)
        }
        "round" | "roundHalfUp" => {
            let whole = matches!(&args[1].expr, Expr::Literal(LiteralValue::Int(digits)) if *digits.inner() == 0);
            measured(Number { whole, held: Held::Either, measure: None }, first)
        }
        "string" => match (&first.text, first.kinds()) {
            (Some(text), TEXT) if !first.dynamic => Ty::of_text(text.clone()),
            (_, TIME) if !first.dynamic => Ty::of_text(Text::of_format(Format::Instant)),
            (_, kinds) => filled(!first.dynamic && kinds & (TEXT | BYTES) == 0),
        },
        "json" | "hash" => filled(true),
        "upper" | "lower" | "base64encode" | "padStart" | "padEnd" => filled(is_filled),
        "substring" => substring(first, args),
        "format" => format_result(&types[1]),
        "sum" => sum(first),
        "unique" | "reverse" | "sort" => first.clone(),
        "first" | "last" => item_of(first),
        "min" | "max" if args.len() == 1 => item_of(first),
        "min" | "max" => first.join(&types[1]),
        "flatten" => flatten(first),
        "values" => match (&first.map, first.dynamic) {
            (Some(object), false) => Ty::list(super::calls::values_of(object), false),
            _ => Ty::list(Ty::dynamic(), false),
        },
        "split" => {
            // An empty separator makes an empty list of an empty text.
            let separated = types[1].text.as_ref().is_some_and(|text| text.filled && !types[1].dynamic);
            let some = args.get(2).is_none_or(
                |parts| matches!(&parts.expr, Expr::Literal(LiteralValue::Int(parts)) if *parts.inner() > 0),
            );
            Ty::list(Ty::text(), separated && some)
        }
        _ => given(name, types).unwrap_or_else(Ty::dynamic),
    }
}

/// A number that counts the same as the one it was made of.
fn measured(number: Number, of: &Ty) -> Ty {
    let measure = of.number.as_ref().and_then(|number| number.measure.clone()).filter(|_| !of.dynamic);
    Ty::number(Number { measure, ..number })
}

fn item_of(list: &Ty) -> Ty {
    match &list.list {
        Some(list) if !list.item.is_never() => list.item.clone(),
        _ => Ty::dynamic(),
    }
}

fn sum(list: &Ty) -> Ty {
    let item = item_of(list);
    if item.dynamic {
        return Ty::dynamic();
    }
    let zero = Number { whole: true, held: Held::Int, measure: None };
    let total = match &item.number {
        Some(number) => {
            Number { held: if number.held == Held::Int { Held::Int } else { Held::Either }, ..number.clone() }
        }
        None => zero,
    };
    // The sum of no durations is the number 0.
    Ty { duration: item.duration, ..Ty::number(total) }
}

fn flatten(list: &Ty) -> Ty {
    let item = item_of(list);
    if item.dynamic {
        return Ty::list(Ty::dynamic(), false);
    }
    let inner = item.list.as_ref().map(|list| list.item.clone()).unwrap_or_else(Ty::never);
    Ty::list(item.only(ANY & !LIST).join(&inner), false)
}

/// The first ten characters of a time are its date.
fn substring(text: &Ty, args: &[&IdedExpr]) -> Ty {
    let literal = |arg: Option<&&IdedExpr>| match arg.map(|arg| &arg.expr) {
        Some(Expr::Literal(LiteralValue::Int(int))) => Some(*int.inner()),
        _ => None,
    };
    let format = text.text.as_ref().map(|text| text.format).filter(|_| !text.dynamic);
    match (literal(args.get(1)), literal(args.get(2)), format) {
        (Some(0), Some(10), Some(Format::Instant | Format::Loose | Format::Local | Format::Date)) => {
            Ty::of_text(Text::of_format(Format::Date))
        }
        (Some(0), None | Some(1..), _) => {
            let filled = text.text.as_ref().is_some_and(|text| text.filled) && !text.dynamic;
            Ty::of_text(Text {
                filled: filled && (args.len() == 2 || literal(args.get(2)).is_some()),
                ..Text::default()
            })
        }
        _ => Ty::text(),
    }
}

fn format_result(pattern: &Ty) -> Ty {
    let words = pattern.text.as_ref().and_then(|text| text.words.as_ref());
    match words {
        Some(words) if words.iter().all(|word| matches!(&**word, "%Y-%m-%d" | "%F")) => {
            Ty::of_text(Text::of_format(Format::Date))
        }
        _ => Ty::text(),
    }
}

fn type_words(ty: &Ty) -> BTreeSet<Arc<str>> {
    let kinds = if ty.dynamic { ANY } else { ty.kinds() };
    let held = ty.number.as_ref().map(|number| number.held).filter(|_| !ty.dynamic);
    let mut words: Vec<&str> = Vec::new();
    let mut may = |there: bool, word: &'static str| words.extend(there.then_some(word));
    may(kinds & NULL != 0, "null_type");
    may(kinds & BOOL != 0, "bool");
    may(kinds & NUMBER != 0 && held != Some(Held::Decimal), "int");
    may(kinds & NUMBER != 0 && held != Some(Held::Int), "decimal");
    may(kinds & TEXT != 0, "string");
    may(kinds & TIME != 0, "timestamp");
    may(kinds & DURATION != 0, "duration");
    may(kinds & BYTES != 0, "bytes");
    may(kinds & LIST != 0, "list");
    may(kinds & MAP != 0, "map");
    words.into_iter().map(Arc::from).collect()
}
