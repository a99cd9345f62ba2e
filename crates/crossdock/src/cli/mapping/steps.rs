//! The steps of a run, told to a person and to a machine.

use crossdock_core::mapping::notes::{Lookup, Role, StepOutcome, TraceStep};
use crossdock_core::value::Value;

use crate::cli::screen::{Screen, Tone, clean};
use crate::cli::test::differ::short;

/// All steps, each with its expression, what it read and what came of it.
pub fn shown(steps: &[TraceStep], screen: Screen) -> String {
    let mut text = String::new();
    for step in steps {
        let name = name_of(step);
        if step.role == Role::Mapping {
            text += &format!("{} {}\n", screen.paint("mapping", Tone::Strong), clean(&step.expression));
            continue;
        }
        let place = screen.paint(&step.location.to_string(), Tone::Faint);
        text += &format!("  {}  {place}\n", screen.paint(&name, Tone::Strong));
        let expression = step.expression.split_whitespace().collect::<Vec<_>>().join(" ");
        text += &format!("      {}\n", clean(&expression));
        for read in &step.reads {
            let value = read.value.as_ref().map_or_else(|| screen.paint("absent", Tone::Warning), short);
            text +=
                &format!("      {} = {}\n", screen.paint(&clean(&read.path), Tone::Faint), clean_value(&value, screen));
        }
        for lookup in &step.lookups {
            text += &format!("      {}\n", lookup_shown(lookup, screen));
        }
        text += &format!("      {}\n", outcome_shown(step, screen));
    }
    text
}

/// A value that was painted keeps its colours.
fn clean_value(value: &str, screen: Screen) -> String {
    if screen.color { value.to_owned() } else { clean(value) }
}

fn name_of(step: &TraceStep) -> String {
    let inside = |word: &str| match step.target.is_empty() {
        true => word.to_owned(),
        false => format!("{word} of {}", step.target),
    };
    match &step.role {
        Role::Mapping => "mapping".to_owned(),
        Role::Field if step.target.is_empty() => "target".to_owned(),
        Role::Field => step.target.clone(),
        Role::When => inside("when"),
        Role::Each => inside("each"),
        Role::Where => inside("where"),
        Role::Let(name) => inside(&format!("let {name}")),
        Role::Beside(key) => format!("{key} (beside the target)"),
    }
}

fn lookup_shown(lookup: &Lookup, screen: Screen) -> String {
    let way = if lookup.back { " backwards" } else { "" };
    let found = match &lookup.found {
        Some(found) => format!("\"{found}\""),
        None => screen.paint("not in the list", Tone::Warning),
    };
    format!("code list {}{way}: \"{}\" is {found}", lookup.list, clean(&lookup.code))
}

fn outcome_shown(step: &TraceStep, screen: Screen) -> String {
    let arrow = screen.paint("→", Tone::Faint);
    match (&step.outcome, &step.role) {
        (StepOutcome::Value(Value::Bool(false)), Role::When) => {
            format!("{arrow} false: `else` is taken, or nothing is written")
        }
        (StepOutcome::Value(Value::Bool(false)), Role::Where) => format!("{arrow} false: this element is left out"),
        (StepOutcome::Value(Value::List(items)), Role::Each) => format!("{arrow} {} elements", items.len()),
        (StepOutcome::Value(value), _) => format!("{arrow} {}", screen.paint(&short(value), Tone::Good)),
        (StepOutcome::Nothing, _) => format!("{arrow} nothing is written"),
        (StepOutcome::Default(value), _) => {
            format!("{arrow} {} (the default)", screen.paint(&short(value), Tone::Warning))
        }
        (StepOutcome::Unknown(value), _) => {
            format!("{arrow} {} (the code is unknown)", screen.paint(&short(value), Tone::Warning))
        }
        (StepOutcome::Fault(fault), _) => format!("{arrow} {}", screen.paint(&clean(fault), Tone::Bad)),
    }
}

/// A value as JSON over several lines. Numbers keep all their digits.
pub fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write_pretty(value, 0, &mut text);
    text
}

fn write_pretty(value: &Value, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match value {
        Value::Map(map) if !map.is_empty() => {
            out.push('{');
            for (n, (key, value)) in map.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                line(depth + 1, out);
                out.push_str(&Value::text(key).to_json_string());
                out.push_str(": ");
                write_pretty(value, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        Value::List(items) if !items.is_empty() => {
            out.push('[');
            for (n, value) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                line(depth + 1, out);
                write_pretty(value, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        other => out.push_str(&other.to_json_string()),
    }
}

/// One step for a machine.
pub fn as_value(step: &TraceStep) -> Value {
    let role = match &step.role {
        Role::Mapping => "mapping",
        Role::Field => "field",
        Role::When => "when",
        Role::Each => "each",
        Role::Where => "where",
        Role::Let(_) => "let",
        Role::Beside(key) => key,
    };
    let name = match &step.role {
        Role::Let(name) => Value::text(name.as_str()),
        _ => Value::Null,
    };
    let (outcome, value) = match &step.outcome {
        StepOutcome::Value(value) => ("value", value.clone()),
        StepOutcome::Nothing => ("nothing", Value::Null),
        StepOutcome::Default(value) => ("default", value.clone()),
        StepOutcome::Unknown(value) => ("unknown_code", value.clone()),
        StepOutcome::Fault(fault) => ("fault", Value::text(fault.as_str())),
    };
    let reads = step.reads.iter().map(|read| {
        Value::map([
            ("path", Value::text(read.path.as_str())),
            ("absent", Value::from(read.value.is_none())),
            ("value", read.value.clone().unwrap_or_default()),
        ])
    });
    let lookups = step.lookups.iter().map(|lookup| {
        Value::map([
            ("list", Value::Text(lookup.list.clone())),
            ("code", Value::text(lookup.code.as_str())),
            ("found", lookup.found.clone().map_or(Value::Null, Value::Text)),
            ("back", Value::from(lookup.back)),
        ])
    });
    Value::map([
        ("role", Value::text(role)),
        ("name", name),
        ("target", Value::text(step.target.as_str())),
        ("expression", Value::text(step.expression.as_str())),
        ("file", Value::Text(step.location.file.clone())),
        ("line", Value::from(i64::from(step.location.line))),
        ("column", Value::from(i64::from(step.location.column))),
        ("reads", Value::list(reads)),
        ("code_lists", Value::list(lookups)),
        ("outcome", Value::text(outcome)),
        ("value", value.into_json_shape()),
    ])
}
