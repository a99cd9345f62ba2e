//! Lists and maps.

use std::cmp::Ordering;
use std::collections::HashSet;

use rust_decimal::Decimal;

use super::super::node::Arithmetic;
use super::super::ops::{arithmetic, compare, shown};
use super::{Context, Function, Result, one, two};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    one("size", "x", size),
    one("sum", "list", sum),
    one("unique", "list", unique),
    one("first", "list", |context, value| {
        context.list(value)?.first().cloned().ok_or_else(|| context.nothing("the list is empty"))
    }),
    one("last", "list", |context, value| {
        context.list(value)?.last().cloned().ok_or_else(|| context.nothing("the list is empty"))
    }),
    one("flatten", "list", flatten),
    one("reverse", "list", |context, value| Ok(context.list(value)?.iter().rev().cloned().collect())),
    one("sort", "list", sort),
    one("min", "list", |context, value| extreme(context, context.list(value)?, Ordering::Less)),
    two("min", "x, y", |context, x, y| extreme(context, &[x.clone(), y.clone()], Ordering::Less)),
    one("max", "list", |context, value| extreme(context, context.list(value)?, Ordering::Greater)),
    two("max", "x, y", |context, x, y| extreme(context, &[x.clone(), y.clone()], Ordering::Greater)),
    one("keys", "map", |context, value| match value {
        Value::Map(map) => {
            context.meter.steps(map.len() as u64)?;
            Ok(map.entries().iter().map(|(key, _)| Value::Text(key.clone())).collect())
        }
        other => Err(context.wants("a map", other)),
    }),
    one("values", "map", |context, value| match value {
        Value::Map(map) => {
            context.meter.steps(map.len() as u64)?;
            Ok(map.values().cloned().collect())
        }
        other => Err(context.wants("a map", other)),
    }),
];

fn size(context: &Context<'_>, value: &Value) -> Result<Value> {
    let size = match value {
        Value::Text(_) => context.text(value)?.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        other => return Err(context.wants("a text, list, map or bytes", other)),
    };
    Ok(Value::Int(size as i64))
}

/// Of numbers or durations; 0 for an empty list.
fn sum(context: &Context<'_>, value: &Value) -> Result<Value> {
    let items = context.list(value)?;
    let Some((first, rest)) = items.split_first() else { return Ok(Value::Int(0)) };
    if let Some(odd) = items.iter().find(|item| item.as_decimal().is_none() && !matches!(item, Value::Duration(_))) {
        return Err(context.wants("a list of numbers", odd));
    }
    rest.iter().try_fold(first.clone(), |sum, item| arithmetic(Arithmetic::Add, &sum, item, context.meter))
}

/// The first of each group of equal elements.
fn unique(context: &Context<'_>, value: &Value) -> Result<Value> {
    let items = context.list(value)?;
    let mut texts: HashSet<&str> = HashSet::new();
    let mut numbers: HashSet<Decimal> = HashSet::new();
    let mut others: Vec<&Value> = Vec::new();
    let mut kept = Vec::new();
    for item in items.iter() {
        let new = match item {
            Value::Text(text) => texts.insert(text),
            Value::Int(_) | Value::Decimal(_) => numbers.insert(item.as_decimal().unwrap_or_default()),
            item => {
                let mut known = false;
                for other in &others {
                    context.meter.step()?;
                    known |= context.meter.equal(other, item)?;
                }
                if !known {
                    others.push(item);
                }
                !known
            }
        };
        if new {
            kept.push(item.clone());
        }
    }
    Ok(Value::from(kept))
}

/// One level of lists taken out.
fn flatten(context: &Context<'_>, value: &Value) -> Result<Value> {
    let mut flat = Vec::new();
    for item in context.list(value)?.iter() {
        match item {
            Value::List(inner) => {
                context.meter.steps(inner.len() as u64)?;
                flat.extend(inner.iter().cloned());
            }
            other => flat.push(other.clone()),
        }
    }
    Ok(Value::from(flat))
}

fn sort(context: &Context<'_>, value: &Value) -> Result<Value> {
    let items = context.list(value)?;
    let Some(first) = items.first() else { return Ok(value.clone()) };
    for item in items.iter() {
        context.meter.steps(8)?;
        compare(first, item)?;
    }
    let mut sorted = items.to_vec();
    sorted.sort_by(|a, b| compare(a, b).unwrap_or(Ordering::Equal));
    Ok(Value::from(sorted))
}

fn extreme(context: &Context<'_>, items: &[Value], wanted: Ordering) -> Result<Value> {
    let Some((first, rest)) = items.split_first() else { return Err(context.nothing("the list is empty")) };
    let mut best = first;
    if !matches!(best, Value::Int(_) | Value::Decimal(_) | Value::Text(_) | Value::Time(_) | Value::Duration(_)) {
        return Err(context.refuses(best, &format!("{} has no order", shown(best))));
    }
    for item in rest {
        if compare(item, best)? == wanted {
            best = item;
        }
    }
    Ok(best.clone())
}
