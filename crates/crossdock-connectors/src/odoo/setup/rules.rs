//! The rules inside Odoo that write to the outbox: for each captured model one for what is made or changed and one for
//! what is deleted, and the same for its lines where they change without their record.

use crossdock_core::value::{Map, Value};

use super::{Setup, SetupState, stop};
use crate::odoo::call::{Ask, all, is, make, numbers};
use crate::odoo::capture::{OUTBOX_MODEL, preset};
use crate::odoo::config::{CapturedModel, Odoo};
use crate::odoo::talk::{Record, Said};

/// One rule as it should be.
pub(super) struct Rule {
    pub name: String,
    pub model: String,
    trigger: &'static str,
    /// Fields whose change sets it off; empty for all.
    fields: Vec<String>,
    /// Which records concern it, as Odoo writes domains.
    only: Option<String>,
    code: String,
}

const NAME: &str = "Crossdock outbox: ";

/// The rules for the models that are captured.
pub(super) fn wanted(odoo: &Odoo) -> Vec<Rule> {
    odoo.capture.models.iter().flat_map(of_model).collect()
}

fn of_model(model: &CapturedModel) -> Vec<Rule> {
    let preset = preset::of(&model.name);
    let mut fields: Vec<String> =
        preset.map(|preset| preset.triggers.iter().map(|field| (*field).to_owned()).collect()).unwrap_or_default();
    fields.extend(model.fields.iter().cloned());
    let only = preset.and_then(|preset| preset.only);
    let only = only.map(|(field, operator, value)| format!("[('{field}', '{operator}', '{value}')]"));
    let rule = |name: String, looked_at: &str, trigger, fields, only, code| Rule {
        name: format!("{NAME}{name}"),
        model: looked_at.to_owned(),
        trigger,
        fields,
        only,
        code,
    };
    let own = &model.name;
    let upsert = code(own, "records", "upsert");
    let mut rules = vec![
        rule(own.clone(), own, "on_create_or_write", fields, only.clone(), upsert),
        rule(format!("{own} deleted"), own, "on_unlink", Vec::new(), only, code(own, "records", "unlink")),
    ];
    if let Some(lines) = preset.and_then(|preset| preset.lines).filter(|lines| !lines.triggers.is_empty()) {
        let fields = lines.triggers.iter().map(|field| (*field).to_owned()).collect();
        let upsert = code(own, &format!("records.{}", lines.link), "upsert");
        let (name, looked_at) = (lines.model.to_owned(), lines.model);
        rules.push(rule(name.clone(), looked_at, "on_create_or_write", fields, None, upsert.clone()));
        rules.push(rule(format!("{name} deleted"), looked_at, "on_unlink", Vec::new(), None, upsert));
    }
    rules
}

/// Runs in the transaction of the change, with rights on the outbox that the person who made it lacks.
fn code(model: &str, records: &str, op: &str) -> String {
    format!(
        "env['{OUTBOX_MODEL}'].sudo().create([{{'x_model': '{model}', 'x_res_id': record.id, 'x_op': '{op}'}} for \
         record in {records}])"
    )
}

impl Setup<'_> {
    pub(super) fn rules(&mut self, models: &[(String, i64)]) -> Said<()> {
        let rules = wanted(&self.request.odoo);
        let fields = self.field_ids(&rules)?;
        let present = self.present_rules()?;
        let actions: Vec<i64> = present.iter().flat_map(|rule| rule.links("action_server_ids")).collect();
        let actions = match actions.is_empty() {
            true => Vec::new(),
            false => {
                let ask = Ask::search_ids("ir.actions.server", &actions, &["code"]);
                self.search(ask.doing("reading the code of the rules"))?
            }
        };
        for rule in &rules {
            let own = fields.iter().filter(|field| field.text("model") == rule.model);
            let mut own: Vec<i64> =
                own.filter(|field| rule.fields.iter().any(|name| name == field.text("name"))).map(Record::id).collect();
            own.sort_unstable();
            match present.iter().find(|present| present.text("name") == rule.name) {
                Some(present) => self.adjust(rule, present, &own, &actions)?,
                None => self.add(rule, models, &own)?,
            }
        }
        Ok(())
    }

    /// The ids of the fields that set rules off, as far as this Odoo has them.
    fn field_ids(&mut self, rules: &[Rule]) -> Said<Vec<Value>> {
        let models = rules.iter().map(|rule| rule.model.as_str());
        let names = rules.iter().flat_map(|rule| &rule.fields).map(String::as_str);
        let domain = all([is("model", "in", Value::list(models)), is("name", "in", Value::list(names))]);
        let ask = Ask::search("ir.model.fields", domain, &["name", "model", "store"]);
        let found = self.search(ask.doing("reading the fields to watch"))?;
        let captured = self.request.odoo.capture.models.clone();
        for (model, field) in captured.iter().flat_map(|model| model.fields.iter().map(move |field| (model, field))) {
            let is_it = |known: &&Value| known.text("model") == model.name && known.text("name") == field;
            if found.iter().find(is_it).is_none() {
                return stop(format!("{} has no field {field}: correct `capture.models`", model.name));
            }
        }
        // Odoo notices the change of what it stores only.
        Ok(found.into_iter().filter(|field| field.yes("store")).collect())
    }

    fn present_rules(&mut self) -> Said<Vec<Value>> {
        let fields = ["name", "trigger", "trigger_field_ids", "filter_domain", "active", "action_server_ids"];
        let domain = all([is("name", "=like", format!("{NAME}%"))]);
        self.search(Ask::search("base.automation", domain, &fields).with("order", "id").doing("reading the rules"))
    }

    fn add(&mut self, rule: &Rule, models: &[(String, i64)], fields: &[i64]) -> Said<()> {
        let what = format!("rule {}", rule.name);
        if self.only_told(&what, SetupState::WouldCreate) {
            return Ok(());
        }
        let model = models.iter().find(|(name, _)| *name == rule.model).map(|(_, id)| *id).unwrap_or_default();
        let action = Value::map([
            ("name", Value::from(rule.name.as_str())),
            ("model_id", model.into()),
            ("state", "code".into()),
            ("usage", "base_automation".into()),
            ("code", rule.code.as_str().into()),
        ]);
        let mut vals = settings(rule, fields);
        vals.insert("name", rule.name.as_str().into());
        vals.insert("model_id", model.into());
        vals.insert("action_server_ids", Value::from(vec![make(action)]));
        self.create("base.automation", vals.into(), &what)?;
        Ok(())
    }

    /// Puts right what somebody changed, or what an older hub set up.
    fn adjust(&mut self, rule: &Rule, present: &Value, fields: &[i64], actions: &[Value]) -> Said<()> {
        let what = format!("rule {}", rule.name);
        let mut watched = present.links("trigger_field_ids");
        watched.sort_unstable();
        let settings_differ = watched != fields
            || present.text("trigger") != rule.trigger
            || !present.yes("active")
            || present.text("filter_domain") != rule.only.as_deref().unwrap_or_default();
        let own = present.links("action_server_ids");
        let action = actions.iter().find(|action| own.contains(&action.id()));
        let code_differs = action.is_some_and(|action| action.text("code").trim() != rule.code);
        if !settings_differ && !code_differs {
            self.note(&what, SetupState::Present);
            return Ok(());
        }
        if self.only_told(&what, SetupState::WouldChange) {
            return Ok(());
        }
        if let Some(action) = action.filter(|_| code_differs) {
            let vals = Value::map([("code", rule.code.as_str())]);
            self.write("ir.actions.server", action.id(), vals, &format!("code of {what}"))?;
        }
        if settings_differ {
            self.write("base.automation", present.id(), settings(rule, fields).into(), &what)?;
        }
        Ok(())
    }

    pub(super) fn remove_rules(&mut self) -> Said<()> {
        let present = self.present_rules()?;
        if present.is_empty() {
            self.note("rules", SetupState::Absent);
            return Ok(());
        }
        for rule in &present {
            let what = format!("rule {}", rule.text("name"));
            if self.only_told(&what, SetupState::WouldRemove) {
                continue;
            }
            self.unlink("base.automation", &[rule.id()], &what)?;
        }
        let actions: Vec<i64> = present.iter().flat_map(|rule| rule.links("action_server_ids")).collect();
        if !self.request.dry_run && !actions.is_empty() {
            // Odoo may have removed them with their rules.
            let ask = Ask::search_ids("ir.actions.server", &actions, &["name"]);
            let left: Vec<i64> = self.search(ask.doing("reading the rules' actions"))?.iter().map(Record::id).collect();
            if !left.is_empty() {
                self.unlink("ir.actions.server", &left, "the rules' actions")?;
            }
        }
        Ok(())
    }
}

fn settings(rule: &Rule, fields: &[i64]) -> Map {
    let mut settings = Map::new();
    settings.insert("trigger", rule.trigger.into());
    let fields = Value::from(vec![6_i64.into(), 0_i64.into(), numbers(fields)]);
    settings.insert("trigger_field_ids", Value::from(vec![fields]));
    settings.insert("filter_domain", rule.only.as_deref().map_or(Value::from(false), Value::from));
    settings.insert("active", true.into());
    settings
}
