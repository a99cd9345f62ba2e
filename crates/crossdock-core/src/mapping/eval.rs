//! Evaluates compiled expressions. Results borrow from the message wherever they can.

use std::cmp::Ordering;
use std::ops::{ControlFlow, Deref};
use std::sync::Arc;

use super::codes::{CodeList, OnUnknown};
use super::fault::{FaultKind, Trouble};
use super::functions::{self, Context};
use super::meter::Meter;
use super::node::*;
use super::notes::{Lookup, Notes, UnknownCode};
use super::ops;
use crate::source::nearest;
use crate::value::{Map, Value};

/// What an expression can see.
#[derive(Clone, Copy)]
pub(super) struct Cx<'a> {
    pub slots: &'a [Option<Value>],
    pub local: Option<&'a Local<'a>>,
    pub meter: &'a Meter<'a>,
}

/// One local variable; the chain of them is the stack.
pub(super) struct Local<'a> {
    pub value: &'a Value,
    pub up: Option<&'a Local<'a>>,
}

impl<'a> Cx<'a> {
    /// The same with one more local variable.
    pub fn with<'b>(&self, local: &'b Local<'b>) -> Cx<'b>
    where
        'a: 'b,
    {
        Cx { slots: self.slots, local: Some(local), meter: self.meter }
    }
}

/// A value found in the message or made on the way.
pub(super) enum Out<'a> {
    Ref(&'a Value),
    Own(Value),
}

impl Deref for Out<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Self::Ref(value) => value,
            Self::Own(value) => value,
        }
    }
}

impl<'a> Out<'a> {
    pub fn into_value(self) -> Value {
        match self {
            Self::Ref(value) => value.clone(),
            Self::Own(value) => value,
        }
    }

    /// A part of this value.
    fn part(self, pick: impl FnOnce(&Value) -> Option<&Value>) -> Option<Self> {
        match self {
            Self::Ref(value) => pick(value).map(Self::Ref),
            Self::Own(value) => pick(&value).cloned().map(Self::Own),
        }
    }
}

type Result<T> = std::result::Result<T, Trouble>;

impl Node {
    pub fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Out<'a>> {
        cx.meter.step()?;
        match self {
            Self::Const(value) => Ok(Out::Ref(value)),
            Self::Path(path) => path.resolve(cx).map(Out::Ref),
            Self::Select(select) => select.eval(cx),
            Self::Index(pair, at) => eval_index(pair, cx).map_err(|trouble| trouble.at(*at)),
            Self::Has(select) => select.is_there(cx).map(own_bool),
            Self::Not(operand, at) => Ok(own_bool(!operand.eval_bool(cx, "!", *at)?)),
            Self::Negate(operand, at) => {
                ops::negate(&*operand.eval(cx)?).map(Out::Own).map_err(|trouble| trouble.at(*at))
            }
            Self::And(sides, at) => eval_logic(sides, false, cx, *at).map(own_bool),
            Self::Or(sides, at) => eval_logic(sides, true, cx, *at).map(own_bool),
            Self::If(parts, at) => {
                let [condition, then, otherwise] = &**parts;
                if condition.eval_bool(cx, "? :", *at)? { then.eval(cx) } else { otherwise.eval(cx) }
            }
            Self::Equal(sides) => eval_equal(sides, cx).map(own_bool),
            Self::NotEqual(sides) => eval_equal(sides, cx).map(|equal| own_bool(!equal)),
            Self::Compare(sides, comparison, at) => {
                eval_compare(sides, *comparison, cx).map(own_bool).map_err(|trouble| trouble.at(*at))
            }
            Self::In(sides, at) => eval_in(sides, cx).map(own_bool).map_err(|trouble| trouble.at(*at)),
            Self::Arithmetic(sides, operator, at) => {
                let [left, right] = &**sides;
                let (left, right) = (left.eval(cx)?, right.eval(cx)?);
                ops::arithmetic(*operator, &left, &right, cx.meter).map(Out::Own).map_err(|trouble| trouble.at(*at))
            }
            Self::List(elements) => eval_list(elements, cx),
            Self::Map(entries) => eval_map(entries, cx),
            Self::Call(call) => call.eval(cx).map_err(|trouble| trouble.at(call.at)),
            Self::Macro(it) => it.eval(cx).map_err(|trouble| trouble.at(it.at)),
            Self::Bind(parts) => {
                let [value, body] = &**parts;
                let value = value.eval(cx)?;
                let local = Local { value: &value, up: cx.local };
                body.eval(&cx.with(&local)).map(|result| Out::Own(result.into_value()))
            }
            Self::NullElse(parts) => {
                let [value, otherwise] = &**parts;
                let value = value.eval(cx)?;
                if value.is_null() { otherwise.eval(cx) } else { Ok(value) }
            }
            Self::Forgive(node) => match node.eval(cx) {
                Err(trouble) if trouble.is_absence() => Ok(Out::Own(Value::Null)),
                other => other,
            },
            Self::OrNull(optional) => Ok(optional.eval(cx)?.unwrap_or(Out::Own(Value::Null))),
            Self::OrValue(parts) => match parts.0.eval(cx)? {
                Some(value) => Ok(value),
                None => parts.1.eval(cx),
            },
            Self::HasValue(optional) => Ok(own_bool(optional.eval(cx)?.is_some())),
            Self::Unwrap(optional, at) => optional.eval(cx)?.ok_or_else(|| {
                let kind = FaultKind::Absent { path: String::new() };
                Trouble::new(kind, "`value()` found nothing").hint("`orValue(…)` gives something else then").at(*at)
            }),
            Self::Code(lookup) => lookup.eval(cx).map(Out::Own).map_err(|trouble| trouble.at(lookup.at)),
            Self::Matches(parts, at) => {
                let text = parts.0.eval(cx)?;
                functions::matches(&text, &parts.1, cx.meter).map(own_bool).map_err(|trouble| trouble.at(*at))
            }
        }
    }

    fn eval_bool(&self, cx: &Cx<'_>, operator: &str, at: Offset) -> Result<bool> {
        match &*self.eval(cx)? {
            Value::Bool(bool) => Ok(*bool),
            other => Err(Trouble::wrong_type(format!("`{operator}` needs a bool, found {}", ops::shown(other))).at(at)),
        }
    }
}

fn own_bool<'a>(bool: bool) -> Out<'a> {
    Out::Own(Value::Bool(bool))
}

impl Path {
    /// The value at the end of the path.
    pub fn resolve<'a>(&'a self, cx: &Cx<'a>) -> Result<&'a Value> {
        let mut value = self.root(cx)?;
        for (position, step) in self.steps.iter().enumerate() {
            value = match step.pick(value) {
                Some(value) => value,
                None => {
                    if let Some(tracer) = cx.meter.tracer() {
                        tracer.saw(self.written(position + 1), None);
                    }
                    return Err(missing(&self.written(position), value, &step.kind).at(step.at));
                }
            };
        }
        if let Some(tracer) = cx.meter.tracer() {
            tracer.saw(self.written(self.steps.len()), Some(value));
        }
        Ok(value)
    }

    fn root<'a>(&self, cx: &Cx<'a>) -> Result<&'a Value> {
        match self.root {
            Root::Slot(slot) => match cx.slots.get(slot) {
                Some(Some(value)) => Ok(value),
                _ => Err(self.unbound()),
            },
            Root::Local(hops) => {
                let mut local = cx.local.expect("the compiler counted the frames");
                for _ in 0..hops {
                    local = local.up.expect("the compiler counted the frames");
                }
                Ok(local.value)
            }
        }
    }

    #[cold]
    fn unbound(&self) -> Trouble {
        let kind = FaultKind::Absent { path: self.name.to_string() };
        Trouble::new(kind, format!("`{}` is not known at this point", self.name)).at(self.at)
    }

    /// The first `steps` steps as they are written in an expression.
    fn written(&self, steps: usize) -> String {
        let mut written = self.name.to_string();
        for step in &self.steps[..steps] {
            step.kind.write(&mut written);
        }
        written
    }
}

impl StepKind {
    pub fn write(&self, path: &mut String) {
        match self {
            Self::Field(field) => {
                path.push('.');
                path.push_str(&field.name);
            }
            Self::Item(position) => path.push_str(&format!("[{position}]")),
        }
    }
}

impl Step {
    fn pick<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match (&self.kind, value) {
            (StepKind::Field(field), Value::Map(map)) => field.find(map),
            (StepKind::Item(position), Value::List(items)) => items.get(usize::try_from(*position).ok()?),
            _ => None,
        }
    }
}

/// Why `value`, found at the path `written`, has no such part.
#[cold]
fn missing(written: &str, value: &Value, step: &StepKind) -> Trouble {
    let mut path = written.to_string();
    step.write(&mut path);
    let absent = |message: String| Trouble::new(FaultKind::Absent { path: path.clone() }, message);
    match (step, value) {
        (StepKind::Field(field), Value::Map(map)) => {
            let trouble = absent(format!("`{path}` is not there"));
            match present(&field.name, map) {
                Some(present) => trouble.hint(present),
                None => trouble,
            }
        }
        (StepKind::Field(field), Value::Null) => absent(format!("`{written}` is null, so it has no `{}`", field.name)),
        (StepKind::Item(_), Value::Null) => absent(format!("`{written}` is null, so it has no elements")),
        (StepKind::Item(_), Value::List(items)) => absent(format!("`{path}` is not there")).hint(match items.len() {
            0 => "the list is empty".to_string(),
            1 => "the list has 1 element".to_string(),
            many => format!("the list has {many} elements"),
        }),
        (StepKind::Field(field), Value::List(_)) => {
            Trouble::wrong_type(format!("`{written}` is a list, so it has no field `{}`", field.name))
                .hint("take one element with [0], or all with `map` or `each`")
        }
        (StepKind::Field(field), other) => {
            Trouble::wrong_type(format!("`{written}` is {}, so it has no field `{}`", other.kind_word(), field.name))
        }
        (StepKind::Item(_), other) => {
            Trouble::wrong_type(format!("`{written}` is {}, so it has no elements", other.kind_word()))
        }
    }
}

/// What there is instead of a missing field.
fn present(name: &str, map: &Map) -> Option<String> {
    const SHOWN_MAX: usize = 12;
    if map.is_empty() {
        return Some("the map is empty".into());
    }
    let names: Vec<&str> = map.keys().take(SHOWN_MAX).collect();
    let more = if map.len() > SHOWN_MAX { ", …" } else { "" };
    let there = format!("there are: {}{more}", names.join(", "));
    Some(match nearest(name, map.keys()) {
        Some(near) => format!("did you mean `{near}`? {there}"),
        None => there,
    })
}

impl Select {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Out<'a>> {
        match self.operand.eval(cx)? {
            Out::Ref(value @ Value::Map(map)) => match self.field.find(map) {
                Some(found) => Ok(Out::Ref(found)),
                None => Err(self.missing_in(value)),
            },
            Out::Ref(value) => Err(self.missing_in(value)),
            Out::Own(value) => match value.as_map().and_then(|map| self.field.find(map)) {
                Some(found) => Ok(Out::Own(found.clone())),
                None => Err(self.missing_in(&value)),
            },
        }
    }

    fn is_there(&self, cx: &Cx<'_>) -> Result<bool> {
        let tracer = cx.meter.tracer().filter(|_| matches!(self.operand, Node::Path(_)));
        let read = tracer.map_or(0, Notes::reads_so_far);
        match &*self.operand.eval(cx)? {
            Value::Map(map) => {
                let found = self.field.find(map);
                if let Some(tracer) = tracer {
                    tracer.saw_behind(read, &format!(".{}", self.field.name), found);
                }
                Ok(found.is_some())
            }
            other => {
                let message = format!("`has` cannot look for `{}` in {}", self.field.name, ops::shown(other));
                let trouble = match other {
                    Value::Null => Trouble::new(FaultKind::Absent { path: self.field.name.to_string() }, message),
                    _ => Trouble::wrong_type(message),
                };
                Err(trouble.hint("`message.?a.?b.hasValue()` looks through absent parts").at(self.at))
            }
        }
    }

    #[cold]
    fn missing_in(&self, value: &Value) -> Trouble {
        missing("the value", value, &StepKind::Field(Field::new(self.field.name.clone()))).at(self.at)
    }
}

fn eval_index<'a>(pair: &'a [Node; 2], cx: &Cx<'a>) -> Result<Out<'a>> {
    let (operand, index) = (pair[0].eval(cx)?, pair[1].eval(cx)?);
    let key = fixed_step(&operand, &index)?;
    let step = Step { kind: key, at: 0 };
    match operand {
        Out::Ref(value) => step.pick(value).map(Out::Ref).ok_or_else(|| missing("the value", value, &step.kind)),
        Out::Own(value) => {
            step.pick(&value).cloned().map(Out::Own).ok_or_else(|| missing("the value", &value, &step.kind))
        }
    }
}

/// The step that a computed index takes into `operand`.
fn fixed_step(operand: &Value, index: &Value) -> Result<StepKind> {
    match (operand, index) {
        (Value::List(_) | Value::Null, index) if index.as_int().is_some() => {
            Ok(StepKind::Item(index.as_int().unwrap_or_default()))
        }
        (Value::Map(_) | Value::Null, Value::Text(key)) => Ok(StepKind::Field(Field::new(key.clone()))),
        (Value::List(_), other) => {
            Err(Trouble::wrong_type(format!("a list is indexed by an integer, not {}", ops::shown(other))))
        }
        (Value::Map(_), other) => {
            Err(Trouble::wrong_type(format!("a map is indexed by a text, not {}", ops::shown(other))))
        }
        (other, _) => Err(Trouble::wrong_type(format!("{} has no elements", ops::shown(other)))),
    }
}

/// `&&` and `||`: `decisive` is the value that decides alone. An error on one side does not matter when the other
/// side decides.
fn eval_logic(sides: &[Node; 2], decisive: bool, cx: &Cx<'_>, at: Offset) -> Result<bool> {
    let operator = if decisive { "||" } else { "&&" };
    let left = sides[0].eval_bool(cx, operator, at);
    match left {
        Ok(left) if left == decisive => return Ok(decisive),
        Err(trouble) if !trouble.is_absorbable() => return Err(trouble),
        _ => {}
    }
    let right = sides[1].eval_bool(cx, operator, at)?;
    if right == decisive { Ok(decisive) } else { left }
}

fn eval_equal(sides: &[Node; 2], cx: &Cx<'_>) -> Result<bool> {
    let (left, right) = (sides[0].eval(cx)?, sides[1].eval(cx)?);
    cx.meter.equal(&left, &right)
}

fn eval_compare(sides: &[Node; 2], comparison: Comparison, cx: &Cx<'_>) -> Result<bool> {
    let (left, right) = (sides[0].eval(cx)?, sides[1].eval(cx)?);
    let ordering = ops::compare(&left, &right)?;
    Ok(match comparison {
        Comparison::Less => ordering == Ordering::Less,
        Comparison::LessOrEqual => ordering != Ordering::Greater,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::GreaterOrEqual => ordering != Ordering::Less,
    })
}

fn eval_in(sides: &[Node; 2], cx: &Cx<'_>) -> Result<bool> {
    let (needle, haystack) = (sides[0].eval(cx)?, sides[1].eval(cx)?);
    match &*haystack {
        Value::List(items) => {
            for item in items.iter() {
                cx.meter.step()?;
                if cx.meter.equal(&needle, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(map) => Ok(needle.as_text().is_some_and(|key| map.contains_key(key))),
        other => {
            Err(Trouble::wrong_type(format!("`in` needs a list or a map on its right, found {}", ops::shown(other))))
        }
    }
}

fn eval_list<'a>(elements: &'a [Element], cx: &Cx<'a>) -> Result<Out<'a>> {
    let mut items = Vec::with_capacity(elements.len());
    for element in elements {
        items.extend(element.eval(cx)?.map(Out::into_value));
    }
    Ok(Out::Own(Value::from(items)))
}

fn eval_map<'a>(entries: &'a [MapEntry], cx: &Cx<'a>) -> Result<Out<'a>> {
    let mut map = Map::with_capacity(entries.len());
    for entry in entries {
        let key = match &*entry.key.eval(cx)? {
            Value::Text(key) => key.clone(),
            other => {
                let message = format!("the keys of a map are texts, found {}", ops::shown(other));
                return Err(Trouble::wrong_type(message).at(entry.at));
            }
        };
        let Some(value) = entry.value.eval(cx)? else { continue };
        if map.insert(key.clone(), value.into_value()).is_some() {
            return Err(Trouble::bad_value(format!("the map has the key `{key}` twice")).at(entry.at));
        }
    }
    Ok(Out::Own(Value::from(map)))
}

impl Element {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Option<Out<'a>>> {
        match self {
            Self::Value(node) => node.eval(cx).map(Some),
            Self::Optional(optional) => optional.eval(cx),
        }
    }
}

impl Call {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Out<'a>> {
        let context = Context { name: self.function.name, meter: cx.meter };
        let value = match (self.function.run, self.args.as_slice()) {
            (functions::Run::One(run), [a]) => run(&context, &*a.eval(cx)?)?,
            (functions::Run::Two(run), [a, b]) => run(&context, &*a.eval(cx)?, &*b.eval(cx)?)?,
            (functions::Run::Three(run), [a, b, c]) => run(&context, &*a.eval(cx)?, &*b.eval(cx)?, &*c.eval(cx)?)?,
            _ => unreachable!("the compiler checked the number of arguments"),
        };
        match &value {
            Value::Text(text) => cx.meter.bytes(text.len())?,
            Value::List(items) => cx.meter.steps(items.len() as u64)?,
            _ => {}
        }
        Ok(Out::Own(value))
    }
}

impl CodeLookup {
    fn eval(&self, cx: &Cx<'_>) -> Result<Value> {
        look_up(&self.list, self.back, &*self.value.eval(cx)?, cx)
    }
}

/// Takes a code through its list.
fn look_up(list: &CodeList, back: bool, value: &Value, cx: &Cx<'_>) -> Result<Value> {
    match find_code(list, back, value, cx)? {
        Ok(word) => Ok(Value::Text(word)),
        Err(code) => without_code(list, back, code, cx),
    }
}

/// What the list says of a value, or the code it does not know.
pub(super) fn find_code(
    list: &CodeList,
    back: bool,
    value: &Value,
    cx: &Cx<'_>,
) -> Result<std::result::Result<Arc<str>, Arc<str>>> {
    let code: Arc<str> = match value {
        Value::Text(text) => text.clone(),
        Value::Int(_) | Value::Decimal(_) | Value::Bool(_) => value.to_json_string().into(),
        other => {
            let message = format!("a code of `{}` is a text or a number, found {}", list.name, ops::shown(other));
            return Err(Trouble::wrong_type(message));
        }
    };
    let found = if back { list.partner(&code) } else { list.canonical(&code) };
    if let Some(tracer) = cx.meter.tracer() {
        tracer.looked_up(Lookup { list: list.name.clone(), code: code.to_string(), found: found.cloned(), back });
    }
    Ok(found.cloned().ok_or(code))
}

/// What a list gives for a code it does not know.
#[cold]
pub(super) fn without_code(list: &CodeList, back: bool, code: Arc<str>, cx: &Cx<'_>) -> Result<Value> {
    let default = list.default_word(back);
    if list.unknown == OnUnknown::Fault && default.is_none() {
        return Err(unknown_code(list, back, &code));
    }
    if let Some(notes) = cx.meter.notes().filter(|_| list.unknown == OnUnknown::Report) {
        notes.report_unknown(UnknownCode { list: list.name.clone(), code, back, place: list.place() });
    }
    Ok(default.map_or(Value::Null, |word| Value::Text(word.clone())))
}

#[cold]
fn unknown_code(list: &CodeList, back: bool, code: &str) -> Trouble {
    let kind = FaultKind::UnknownCode { list: list.name.to_string(), code: code.to_string() };
    let backwards = if back { " backwards" } else { "" };
    Trouble::new(kind, format!("code list `{}` does not know `{code}`{backwards}", list.name))
        .hint(format!("add it to {}", list.place()))
}

impl Optional {
    pub fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Option<Out<'a>>> {
        cx.meter.step()?;
        match self {
            Self::Nothing => Ok(None),
            Self::Of(node) => node.eval(cx).map(Some),
            Self::OfNonZero(node) => {
                let value = node.eval(cx)?;
                Ok(if ops::is_zero(&value) { None } else { Some(value) })
            }
            Self::Steps { base, steps } => {
                let tracer = cx.meter.tracer();
                let base_read = tracer.map_or(0, Notes::reads_so_far);
                let mut value = match base {
                    OptionalBase::Value(node) => node.eval(cx)?,
                    OptionalBase::Optional(optional) => match optional.eval(cx)? {
                        Some(value) => value,
                        None => return Ok(None),
                    },
                };
                let follows_path = matches!(base, OptionalBase::Value(node) if matches!(**node, Node::Path(_)));
                for step in steps {
                    let part = step.take(value, cx)?;
                    if let Some(tracer) = tracer.filter(|_| follows_path) {
                        tracer.saw_behind(base_read, &step.written(), part.as_deref());
                    }
                    match part {
                        Some(part) => value = part,
                        None => return Ok(None),
                    }
                }
                Ok(Some(value))
            }
            Self::Or(sides) => match sides[0].eval(cx)? {
                Some(value) => Ok(Some(value)),
                None => sides[1].eval(cx),
            },
            Self::If(parts, at) => {
                let (condition, then, otherwise) = &**parts;
                if condition.eval_bool(cx, "? :", *at)? { then.eval(cx) } else { otherwise.eval(cx) }
            }
            Self::Map(parts) => {
                let Some(value) = parts.0.eval(cx)? else { return Ok(None) };
                let local = Local { value: &value, up: cx.local };
                parts.1.eval(&cx.with(&local)).map(|result| Some(Out::Own(result.into_value())))
            }
            Self::FlatMap(parts) => {
                let Some(value) = parts[0].eval(cx)? else { return Ok(None) };
                let local = Local { value: &value, up: cx.local };
                let result = parts[1].eval(&cx.with(&local))?;
                Ok(result.map(|result| Out::Own(result.into_value())))
            }
        }
    }
}

impl OptionalStep {
    /// As it is written in an expression.
    fn written(&self) -> String {
        match self {
            Self::Fixed(step) => match &step.kind {
                StepKind::Field(field) => format!(".?{}", field.name),
                StepKind::Item(position) => format!("[?{position}]"),
            },
            Self::Computed(..) => "[?…]".to_owned(),
        }
    }

    /// One step into an optional: nothing when the part is absent or the whole is null.
    fn take<'a>(&self, value: Out<'a>, cx: &Cx<'a>) -> Result<Option<Out<'a>>> {
        match self {
            Self::Fixed(step) => step.take_optional(value).map_err(|trouble| trouble.at(step.at)),
            Self::Computed(index, at) => {
                let index = index.eval(cx)?;
                let step = fixed_step(&value, &index).map_err(|trouble| trouble.at(*at))?;
                Step { kind: step, at: *at }.take_optional(value).map_err(|trouble| trouble.at(*at))
            }
        }
    }
}

impl Step {
    fn take_optional<'a>(&self, value: Out<'a>) -> Result<Option<Out<'a>>> {
        match (&self.kind, &*value) {
            (StepKind::Field(_), Value::Map(_)) | (StepKind::Item(_), Value::List(_)) => {
                Ok(value.part(|whole| self.pick(whole)))
            }
            (_, Value::Null) => Ok(None),
            (kind, other) => Err(missing("the value", other, kind)),
        }
    }
}

impl Macro {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Out<'a>> {
        let range = self.range.eval(cx)?;
        match self.kind {
            MacroKind::All => self.decide(&range, false, cx).map(own_bool),
            MacroKind::Exists => self.decide(&range, true, cx).map(own_bool),
            MacroKind::ExistsOne => self.count(&range, cx).map(|count| own_bool(count == 1)),
            MacroKind::Filter | MacroKind::List => self.collect(&range, cx).map(Out::Own),
            MacroKind::Map => self.transform(&range, cx).map(Out::Own),
        }
    }

    /// `all` and `exists`: `decisive` is the answer that ends the walk. Errors matter only when no element decides.
    fn decide(&self, range: &Value, decisive: bool, cx: &Cx<'_>) -> Result<bool> {
        let mut first_trouble = None;
        let decided = self.walk(range, cx, &mut |inner, _, _| {
            match self.body.eval_bool(inner, self.kind.name(), self.at) {
                Ok(answer) if answer == decisive => return Ok(ControlFlow::Break(())),
                Err(trouble) if !trouble.is_absorbable() => return Err(trouble),
                Err(trouble) => {
                    first_trouble.get_or_insert(trouble);
                }
                Ok(_) => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match first_trouble {
            Some(trouble) if !decided => Err(trouble),
            _ => Ok(decided == decisive),
        }
    }

    fn count(&self, range: &Value, cx: &Cx<'_>) -> Result<usize> {
        let mut count = 0;
        self.walk(range, cx, &mut |inner, _, _| {
            count += usize::from(self.body.eval_bool(inner, self.kind.name(), self.at)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    /// `filter` keeps elements (of a map: keys), `map` makes new ones.
    fn collect(&self, range: &Value, cx: &Cx<'_>) -> Result<Value> {
        let mut items = Vec::new();
        self.walk(range, cx, &mut |inner, first, second| {
            if self.kind == MacroKind::Filter {
                if self.body.eval_bool(inner, "filter", self.at)? {
                    items.push(second.unwrap_or(first).clone());
                }
            } else if self.passes(inner)? {
                items.push(self.body.eval(inner)?.into_value());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Value::from(items))
    }

    /// `transformMap`: over a list the keys would be positions, so only maps are taken.
    fn transform(&self, range: &Value, cx: &Cx<'_>) -> Result<Value> {
        if !matches!(range, Value::Map(_)) {
            return Err(Trouble::wrong_type(format!("`transformMap` needs a map, found {}", ops::shown(range))));
        }
        let mut map = Map::new();
        self.walk(range, cx, &mut |inner, key, _| {
            if self.passes(inner)? {
                let value = self.body.eval(inner)?.into_value();
                map.insert(key.as_text().unwrap_or_default(), value);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Value::from(map))
    }

    fn passes(&self, cx: &Cx<'_>) -> Result<bool> {
        match &self.filter {
            Some(filter) => filter.eval_bool(cx, self.kind.name(), self.at),
            None => Ok(true),
        }
    }

    /// Visits each element with its variables bound. True when the visitor broke the walk off. With one variable it
    /// is the element of a list or the key of a map.
    fn walk(&self, range: &Value, cx: &Cx<'_>, visit: Visitor<'_>) -> Result<bool> {
        match range {
            Value::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    cx.meter.step()?;
                    let flow = if self.two_variables {
                        bind_two(cx, &Value::Int(position as i64), item, visit)?
                    } else {
                        bind_one(cx, item, visit)?
                    };
                    if flow.is_break() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Map(map) => {
                for (key, value) in map.entries() {
                    cx.meter.step()?;
                    let key = Value::Text(key.clone());
                    let flow =
                        if self.two_variables { bind_two(cx, &key, value, visit)? } else { bind_one(cx, &key, visit)? };
                    if flow.is_break() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Null => {
                let message = format!("`{}` needs a list or a map, found null", self.kind.name());
                Err(Trouble::new(FaultKind::Absent { path: String::new() }, message)
                    .hint("`default(list, [])` takes an empty list instead"))
            }
            other => Err(Trouble::wrong_type(format!(
                "`{}` needs a list or a map, found {}",
                self.kind.name(),
                ops::shown(other)
            ))),
        }
    }
}

type Visitor<'v> = &'v mut dyn FnMut(&Cx<'_>, &Value, Option<&Value>) -> Result<ControlFlow<()>>;

fn bind_one(cx: &Cx<'_>, value: &Value, visit: Visitor<'_>) -> Result<ControlFlow<()>> {
    let local = Local { value, up: cx.local };
    visit(&cx.with(&local), value, None)
}

fn bind_two(cx: &Cx<'_>, first: &Value, second: &Value, visit: Visitor<'_>) -> Result<ControlFlow<()>> {
    let outer = Local { value: first, up: cx.local };
    let inner = Local { value: second, up: Some(&outer) };
    visit(&cx.with(&inner), first, Some(second))
}
