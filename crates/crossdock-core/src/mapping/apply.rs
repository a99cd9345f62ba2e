//! Runs a mapping: the target tree over one message.

use super::eval::{Cx, Local, Out, find_code, without_code};
use super::fault::{TargetStep, Trouble};
use super::notes::{Instead, Notes, Role, StepOutcome};
use super::ops::shown;
use super::tree::{Each, Leaf, Let, Placed, Tree, When};
use crate::value::{Map, Value};

type Result<T> = std::result::Result<T, Trouble>;

impl Tree {
    /// The part of the target, or `None` when there is nothing to write.
    pub fn make(&self, cx: &Cx<'_>) -> Result<Option<Value>> {
        cx.meter.step()?;
        match self {
            Self::Leaf(leaf) => leaf.make(cx),
            Self::Map(fields) => make_map(fields, cx),
            Self::List(items) => {
                let mut made = Vec::with_capacity(items.len());
                for (position, item) in items.iter().enumerate() {
                    let inside = |trouble: Trouble| trouble.inside(TargetStep::Item(position));
                    made.extend(within(cx, |tracer| tracer.enter_item(position), || item.make(cx)).map_err(inside)?);
                }
                Ok(Some(Value::from(made)))
            }
            Self::Each(each) => each.make(cx),
            Self::When(when) => when.make(cx),
            Self::Let(bindings) => bindings.make(cx, 0),
        }
    }
}

/// A map all of whose fields have nothing to say says nothing itself; one written without fields is an empty map.
fn make_map(fields: &[(std::sync::Arc<str>, Tree)], cx: &Cx<'_>) -> Result<Option<Value>> {
    let mut map = Map::with_capacity(fields.len());
    for (name, tree) in fields {
        let made = within(cx, |tracer| tracer.enter_field(name), || tree.make(cx))
            .map_err(|trouble| trouble.inside(TargetStep::Field(name.to_string())))?;
        if let Some(value) = made {
            cx.meter.bytes(name.len() + 4)?;
            map.push_new(name.clone(), value);
        }
    }
    Ok(if map.is_empty() && !fields.is_empty() { None } else { Some(Value::from(map)) })
}

/// Makes a part of the target; whoever follows the steps is told which part.
fn within<T>(cx: &Cx<'_>, enter: impl FnOnce(&Notes), make: impl FnOnce() -> T) -> T {
    let Some(tracer) = cx.meter.tracer() else { return make() };
    enter(tracer);
    let made = make();
    tracer.leave();
    made
}

impl Placed {
    /// Tells a step that has been evaluated.
    fn tell(&self, role: Role, outcome: StepOutcome, tracer: &Notes) {
        tracer.step(role, &self.source.text, self.source.start().clone(), outcome);
    }

    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Out<'a>> {
        self.expr.eval(cx).map_err(|trouble| self.claim(trouble))
    }

    fn eval_bool(&self, key: &str, role: Role, cx: &Cx<'_>) -> Result<bool> {
        let value = self.eval(cx);
        if let Some(tracer) = cx.meter.tracer() {
            self.tell(role, outcome_of(&value), tracer);
        }
        match &*value? {
            Value::Bool(bool) => Ok(*bool),
            other => {
                Err(self.claim(Trouble::wrong_type(format!("`{key}` needs true or false, found {}", shown(other)))))
            }
        }
    }

    fn claim(&self, trouble: Trouble) -> Trouble {
        trouble.located(|offset| self.source.locate(offset))
    }
}

fn outcome_of(value: &Result<Out<'_>>) -> StepOutcome {
    match value {
        Ok(value) => StepOutcome::Value((**value).clone()),
        Err(trouble) => StepOutcome::Fault(trouble.message().to_owned()),
    }
}

impl Leaf {
    fn make(&self, cx: &Cx<'_>) -> Result<Option<Value>> {
        let made = self.make_value(cx);
        if let Some(tracer) = cx.meter.tracer() {
            let outcome = match (&made, tracer.take_instead()) {
                (Err(trouble), _) => StepOutcome::Fault(trouble.message().to_owned()),
                (Ok(value), Some(Instead::Default)) => StepOutcome::Default(value.clone().unwrap_or_default()),
                (Ok(value), Some(Instead::Unknown)) => StepOutcome::Unknown(value.clone().unwrap_or_default()),
                (Ok(Some(value)), None) => StepOutcome::Value(value.clone()),
                (Ok(None), None) => StepOutcome::Nothing,
            };
            self.value.tell(Role::Field, outcome, tracer);
        }
        made
    }

    fn make_value(&self, cx: &Cx<'_>) -> Result<Option<Value>> {
        let mut value = self.value.eval(cx)?;
        let mut instead = None;
        if let Some((list, back)) = &self.code
            && !value.is_null()
        {
            let found = find_code(list, *back, &value, cx).map_err(|trouble| self.value.claim(trouble))?;
            value = match (found, &self.unknown) {
                (Ok(word), _) => Out::Own(Value::Text(word)),
                (Err(_), Some(unknown)) => {
                    instead = Some(Instead::Unknown);
                    unknown.eval(cx)?
                }
                (Err(code), None) => {
                    instead = Some(Instead::Unknown);
                    let word = without_code(list, *back, code, cx);
                    Out::Own(word.map_err(|trouble| self.value.claim(trouble))?)
                }
            };
        }
        if value.is_null()
            && (instead.is_none() || self.unknown.is_none())
            && let Some(default) = &self.default
        {
            instead = Some(Instead::Default);
            value = default.eval(cx)?;
        }
        if let (Some(instead), Some(notes)) = (instead, cx.meter.notes()) {
            notes.took_instead(self.number, instead);
        }
        if value.is_null() && !self.keep_null {
            return Ok(None);
        }
        cx.meter.whole(&value).map_err(|trouble| self.value.claim(trouble))?;
        Ok(Some(value.into_value().into_json_shape()))
    }
}

impl Each {
    fn make(&self, cx: &Cx<'_>) -> Result<Option<Value>> {
        let range = self.list.eval(cx);
        if let Some(tracer) = cx.meter.tracer() {
            self.list.tell(Role::Each, outcome_of(&range), tracer);
        }
        let range = range?;
        let mut made = Vec::new();
        match &*range {
            Value::Null => return Ok(None),
            Value::List(items) => {
                made.reserve(items.len());
                for (position, item) in items.iter().enumerate() {
                    let index = Value::Int(position as i64);
                    self.make_one(&index, item, &mut made, cx)?;
                }
            }
            Value::Map(map) => {
                for (key, value) in map.entries() {
                    self.make_one(&Value::Text(key.clone()), value, &mut made, cx)?;
                }
            }
            other => {
                let message = format!("`each` needs a list or a map, found {}", shown(other));
                return Err(self.list.claim(Trouble::wrong_type(message)));
            }
        }
        Ok(Some(Value::from(made)))
    }

    fn make_one(&self, index: &Value, item: &Value, made: &mut Vec<Value>, cx: &Cx<'_>) -> Result<()> {
        cx.meter.step()?;
        let outer = Local { value: index, up: cx.local };
        let inner = Local { value: item, up: if self.index { Some(&outer) } else { cx.local } };
        let cx = cx.with(&inner);
        let inside = |trouble: Trouble| trouble.inside(TargetStep::Item(made.len()));
        if let Some(condition) = &self.condition
            && !condition.eval_bool("where", Role::Where, &cx).map_err(inside)?
        {
            return Ok(());
        }
        let position = made.len();
        let one = within(&cx, |tracer| tracer.enter_item(position), || self.to.make(&cx)).map_err(inside)?;
        made.extend(one);
        Ok(())
    }
}

impl When {
    fn make(&self, cx: &Cx<'_>) -> Result<Option<Value>> {
        if self.condition.eval_bool("when", Role::When, cx)? {
            return self.then.make(cx);
        }
        match &self.otherwise {
            Some(otherwise) => otherwise.make(cx),
            None => Ok(None),
        }
    }
}

impl Let {
    fn make(&self, cx: &Cx<'_>, bound: usize) -> Result<Option<Value>> {
        let Some(value) = self.values.get(bound) else { return self.body.make(cx) };
        let evaluated = value.eval(cx);
        if let Some(tracer) = cx.meter.tracer() {
            value.tell(Role::Let(self.names[bound].to_string()), outcome_of(&evaluated), tracer);
        }
        let value = evaluated?;
        let local = Local { value: &value, up: cx.local };
        self.make(&cx.with(&local), bound + 1)
    }
}
