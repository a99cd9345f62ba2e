//! Automation rules: what happens when records are made, changed or deleted. They run in the same transaction, so
//! what they make is there if, and only if, the change is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::domain::Domain;
use super::super::orm::{Cell, Env, Values};
use super::super::registry::Name;
use super::automation_code::{self, CreateRows, Expression};

const RULES: &str = "base.automation";
const ACTIONS: &str = "ir.actions.server";
/// Rules that set off rules: a real Odoo ends in a recursion error, far later.
const DEPTH_MAX: usize = 8;

/// The rules by the model they watch.
#[derive(Debug, Default)]
pub struct Rules {
    by_model: BTreeMap<Name, Vec<Arc<Rule>>>,
}

#[derive(Debug)]
struct Rule {
    trigger: String,
    /// Only changes of these count; empty for all.
    fields: Vec<String>,
    filter: Option<Domain>,
    makes: Vec<CreateRows>,
}

/// Code that the stand-in does not understand is refused when it is stored.
pub fn before_create_action(env: &Env<'_>, values: &Values) -> Outcome<()> {
    let state = values.get("state").and_then(Json::as_str).unwrap_or_default();
    if env.flag("seeding") || state != "code" {
        return Ok(());
    }
    let code = values.get("code").and_then(Json::as_str).unwrap_or_default();
    automation_code::read(code).map(|_| ()).map_err(|expected| {
        Fault::beyond_the_stand_in(format!("the stand-in does not run this code (expected {expected}): {code}"))
    })
}

/// The rules are read anew when next needed.
pub fn forget(env: &mut Env<'_>) {
    env.world.rules = None;
}

pub fn created(env: &mut Env<'_>, model: &str, id: i64) -> Outcome<()> {
    if matches!(model, RULES | ACTIONS) {
        forget(env);
    }
    for rule in watching(env, model, &["on_create", "on_create_or_write"]) {
        run(env, &rule, model, id)?;
    }
    Ok(())
}

/// `changed` are the stored fields whose content is another now; `touched` when a caller wrote, whatever it changed.
pub fn written(env: &mut Env<'_>, model: &str, id: i64, changed: &[Name], touched: bool) -> Outcome<()> {
    if changed.is_empty() && !touched {
        return Ok(());
    }
    for rule in watching(env, model, &["on_write", "on_create_or_write"]) {
        let fires = if rule.fields.is_empty() {
            true
        } else {
            changed.iter().any(|name| rule.fields.iter().any(|field| **field == **name))
        };
        if fires {
            run(env, &rule, model, id)?;
        }
    }
    Ok(())
}

pub fn unlinking(env: &mut Env<'_>, model: &str, ids: &[i64]) -> Outcome<()> {
    for rule in watching(env, model, &["on_unlink"]) {
        for id in ids {
            run(env, &rule, model, *id)?;
        }
    }
    Ok(())
}

fn run(env: &mut Env<'_>, rule: &Rule, model: &str, id: i64) -> Outcome<()> {
    if rule.filter.as_ref().is_some_and(|filter| !filter.holds(env, model, id)) {
        return Ok(());
    }
    if env.depth >= DEPTH_MAX {
        return Err(Fault::beyond_the_stand_in("automation rules that set each other off"));
    }
    for rows in &rule.makes {
        if env.world.registry.get(&rows.model).is_none() {
            return Err(Fault::key_error(rows.model.clone()));
        }
        for (model, id) in behind(env, model, id, &rows.via) {
            let mut values = Values::new();
            for (field, expression) in &rows.values {
                values.insert(field.clone(), evaluate(env, &model, id, expression));
            }
            env.depth += 1;
            let made = env.as_root(|env| env.create_record(&rows.model, values));
            env.depth -= 1;
            made?;
        }
    }
    Ok(())
}

/// The records at the end of a path of links.
fn behind(env: &Env<'_>, model: &str, id: i64, via: &[String]) -> Vec<(String, i64)> {
    let mut records = vec![(model.to_owned(), id)];
    for link in via {
        let mut next: Vec<(String, i64)> = Vec::new();
        for (model, id) in records {
            let Some(comodel) = env.model(&model).field(link).and_then(|field| field.kind.comodel().cloned()) else {
                continue;
            };
            let ids = match env.get(&model, id, link) {
                Cell::Int(id) => vec![id],
                Cell::Ids(ids) => ids.to_vec(),
                _ => Vec::new(),
            };
            next.extend(ids.into_iter().map(|id| (comodel.to_string(), id)));
        }
        records = next;
    }
    records
}

fn evaluate(env: &Env<'_>, model: &str, id: i64, expression: &Expression) -> Json {
    match expression {
        Expression::Literal(value) => value.clone(),
        Expression::ModelName => model.into(),
        Expression::Text(inner) => match evaluate(env, model, id, inner) {
            Json::String(text) => text.into(),
            other => super::super::orm::python(&other).into(),
        },
        Expression::Path(path) => {
            let mut at = (model.to_owned(), id);
            for (step, field) in path.iter().enumerate() {
                let definition = env.model(&at.0);
                let Some(found) = definition.field(field) else { return false.into() };
                if step + 1 == path.len() {
                    return match env.get(&at.0, at.1, field) {
                        Cell::Int(int) => int.into(),
                        _ => env.shown(&at.0, at.1, found),
                    };
                }
                match (found.kind.comodel(), env.link(&at.0, at.1, field)) {
                    (Some(comodel), Some(next)) => at = (comodel.to_string(), next),
                    // "partner_id.id" of nobody is false.
                    _ => return false.into(),
                }
            }
            false.into()
        }
    }
}

fn watching(env: &mut Env<'_>, model: &str, triggers: &[&str]) -> Vec<Arc<Rule>> {
    let rules = match &env.world.rules {
        Some(rules) => rules.clone(),
        None => {
            let rules = Arc::new(read(env));
            env.world.rules = Some(rules.clone());
            rules
        }
    };
    let Some(rules) = rules.by_model.get(model) else { return Vec::new() };
    rules.iter().filter(|rule| triggers.contains(&rule.trigger.as_str())).cloned().collect()
}

fn read(env: &Env<'_>) -> Rules {
    let mut rules = Rules::default();
    let ids: Vec<i64> = env.world.tables.ids(RULES).filter(|id| env.yes(RULES, *id, "active")).collect();
    for id in ids {
        let model = env.text(RULES, id, "model_name");
        let Some(definition) = env.world.registry.get(&model).cloned() else { continue };
        let filter = env.text(RULES, id, "filter_domain");
        let filter = python_literal(&filter)
            .filter(|domain| domain.as_array().is_some_and(|terms| !terms.is_empty()))
            .and_then(|domain| Domain::parse(&env.world.registry, &definition, &domain).ok());
        let fields = env.list(RULES, id, "trigger_field_ids");
        let rule = Rule {
            trigger: env.text(RULES, id, "trigger"),
            fields: fields.into_iter().map(|field| env.text("ir.model.fields", field, "name")).collect(),
            filter,
            makes: actions(env, id),
        };
        rules.by_model.entry(definition.name.clone()).or_default().push(Arc::new(rule));
    }
    rules
}

fn actions(env: &Env<'_>, rule: i64) -> Vec<CreateRows> {
    let actions = env.referring(ACTIONS, "base_automation_id", rule).into_iter();
    actions
        .filter(|action| env.is(ACTIONS, *action, "state", "code"))
        .filter_map(|action| automation_code::read(&env.text(ACTIONS, action, "code")).ok())
        .collect()
}

/// Reads a condition as people write it in Odoo: a Python list of tuples.
fn python_literal(text: &str) -> Option<Json> {
    if text.trim().is_empty() {
        return None;
    }
    let mut json = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '(' => json.push('['),
            ')' | ']' => {
                // A trailing comma is welcome in Python.
                let trimmed = json.trim_end().trim_end_matches(',').len();
                json.truncate(trimmed);
                json.push(']');
            }
            '\'' | '"' => {
                let mut word = String::new();
                for next in letters.by_ref() {
                    if next == letter {
                        break;
                    }
                    word.push(next);
                }
                json.push_str(&json!(word).to_string());
            }
            _ if letter.is_alphabetic() => {
                let mut word = String::from(letter);
                while let Some(next) = letters.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                json.push_str(match word.as_str() {
                    "True" => "true",
                    "False" => "false",
                    "None" => "null",
                    other => other,
                });
            }
            other => json.push(other),
        }
    }
    serde_json::from_str(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_people_write_them() {
        assert_eq!(python_literal("[('state', '=', 'done'),]"), Some(json!([["state", "=", "done"]])));
        assert_eq!(python_literal("lambda: 1"), None);
        assert_eq!(
            python_literal("[('state', 'in', ('done', \"cancel\")), ('active', '=', True)]"),
            Some(json!([["state", "in", ["done", "cancel"]], ["active", "=", true]]))
        );
    }
}
