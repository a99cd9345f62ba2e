//! Runs a mapping: the target tree over one message.

use super::eval::{Cx, Local, Out};
use super::fault::{FaultKind, TargetStep, Trouble};
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
                    made.extend(item.make(cx).map_err(|trouble| trouble.inside(TargetStep::Item(position)))?);
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
        let made = tree.make(cx).map_err(|trouble| trouble.inside(TargetStep::Field(name.to_string())))?;
        if let Some(value) = made {
            cx.meter.bytes(name.len() + 4)?;
            map.push_new(name.clone(), value);
        }
    }
    Ok(if map.is_empty() && !fields.is_empty() { None } else { Some(Value::from(map)) })
}

impl Placed {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Out<'a>> {
        self.expr.eval(cx).map_err(|trouble| self.claim(trouble))
    }

    fn eval_bool(&self, key: &str, cx: &Cx<'_>) -> Result<bool> {
        match &*self.eval(cx)? {
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

impl Leaf {
    fn make(&self, cx: &Cx<'_>) -> Result<Option<Value>> {
        let mut value = self.value.eval(cx)?;
        if value.is_null()
            && let Some(default) = &self.default
        {
            value = default.eval(cx)?;
        } else if let Some((list, back)) = &self.code
            && !value.is_null()
        {
            value = match super::eval::look_up(list, *back, &value) {
                Err(trouble) if matches!(trouble.kind(), FaultKind::UnknownCode { .. }) => match &self.unknown {
                    Some(unknown) => unknown.eval(cx)?,
                    None => return Err(self.value.claim(trouble)),
                },
                found => Out::Own(found.map_err(|trouble| self.value.claim(trouble))?),
            };
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
        let range = self.list.eval(cx)?;
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
            && !condition.eval_bool("where", &cx).map_err(inside)?
        {
            return Ok(());
        }
        let one = self.to.make(&cx).map_err(inside)?;
        made.extend(one);
        Ok(())
    }
}

impl When {
    fn make(&self, cx: &Cx<'_>) -> Result<Option<Value>> {
        if self.condition.eval_bool("when", cx)? {
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
        let value = value.eval(cx)?;
        let local = Local { value: &value, up: cx.local };
        self.make(&cx.with(&local), bound + 1)
    }
}
