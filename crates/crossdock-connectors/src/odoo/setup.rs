//! `crossdock odoo setup`: installs the outbox inside Odoo through its API, without an addon: a table, a right to
//! read and acknowledge it, and rules that write to it in the transaction of the change. Run twice it changes nothing;
//! `Remove` takes everything back. Needs an administrator's key; the hub itself runs with its own.
//!
//! Calls: `ir.model/search_read`, `create`, `unlink`; `ir.model.fields/search_read`, `create`; `res.groups/search_read`,
//! `create`, `unlink`; `ir.model.access/search_read`, `create`; `res.users/context_get`, `search_read`, `write`;
//! `base.automation/search_read`, `create`, `write`, `unlink`; `ir.actions.server/search_read`, `write`, `unlink`;
//! `x_hub_outbox/search_count`.

mod rules;

use crossdock_core::exchange::{Call, Exchange};
use crossdock_core::transmission::Outcome;
use crossdock_core::value::Value;

use super::answer::Failure;
use super::call::{Ask, Weight, all, is, make, numbers};
use super::capture::OUTBOX_MODEL;
use super::config::Odoo;
use super::talk::{Halt, Record, Said, Talk};

/// What is wanted of a setup.
#[derive(Clone, Debug)]
pub struct SetupRequest {
    /// The system, with an administrator's key in place of the hub's. Its `capture.models` are set up.
    pub odoo: Odoo,
    pub action: SetupAction,
    /// Only tell what would be done.
    pub dry_run: bool,
    /// The login of the user the hub runs as; `None` for the user of the key.
    pub hub_user: Option<String>,
}

/// Install or take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupAction {
    Install,
    Remove,
}

/// What to do next for a setup.
#[derive(Clone, Debug, PartialEq)]
pub enum SetupStep {
    Call(Call),
    Done(Vec<SetupItem>),
    /// Nothing more is done; what was done before stays and is found by the next run.
    Failed {
        reason: String,
    },
}

/// One thing in Odoo that the setup looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupItem {
    pub what: String,
    pub state: SetupState,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupState {
    /// It was there already and is right.
    Present,
    Created,
    Changed,
    Removed,
    /// It was not there to be removed.
    Absent,
    WouldCreate,
    WouldChange,
    WouldRemove,
}

impl SetupState {
    pub fn word(self) -> &'static str {
        match self {
            SetupState::Present => "present",
            SetupState::Created => "created",
            SetupState::Changed => "changed",
            SetupState::Removed => "removed",
            SetupState::Absent => "absent",
            SetupState::WouldCreate => "would create",
            SetupState::WouldChange => "would change",
            SetupState::WouldRemove => "would remove",
        }
    }
}

/// The next step of a setup. Pure, like every operation.
pub fn next(request: &SetupRequest, so_far: &[Exchange]) -> SetupStep {
    let mut setup = Setup { request, talk: Talk::new(&request.odoo, so_far, 1), items: Vec::new() };
    let ended = match request.action {
        SetupAction::Install => setup.install(),
        SetupAction::Remove => setup.remove(),
    };
    match ended {
        Ok(()) => SetupStep::Done(setup.items),
        Err(Halt::Call(call)) => SetupStep::Call(call),
        Err(Halt::End(outcome)) => SetupStep::Failed { reason: reason(outcome) },
    }
}

fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Retry { reason, .. } => format!("{reason}; run the setup again"),
        Outcome::Refused { reason } | Outcome::Unusable { reason } | Outcome::Unknown { reason } => reason,
        Outcome::Accepted { .. } => "the setup ended without a report".into(),
    }
}

fn stop<T>(reason: impl Into<String>) -> Said<T> {
    Err(Halt::End(Outcome::Refused { reason: reason.into() }))
}

const GROUP: &str = "Crossdock hub";
const OUTBOX_FIELDS: &[(&str, &str, &str)] =
    &[("x_model", "Model", "char"), ("x_res_id", "Record", "integer"), ("x_op", "Operation", "char")];

struct Setup<'a> {
    request: &'a SetupRequest,
    talk: Talk<'a>,
    items: Vec<SetupItem>,
}

impl Setup<'_> {
    fn install(&mut self) -> Said<()> {
        let models = self.models()?;
        let user = self.hub_user()?;
        let outbox = self.outbox(&models)?;
        self.access(outbox, &user)?;
        self.rules(&models)
    }

    /// The ids of the models concerned, by name.
    fn models(&mut self) -> Said<Vec<(String, i64)>> {
        if self.request.odoo.capture.models.is_empty() {
            return stop("nothing is to be captured: list `capture.models` in the system's configuration");
        }
        let rules = rules::wanted(&self.request.odoo);
        let mut names = vec![OUTBOX_MODEL.to_owned(), "base.automation".to_owned()];
        names.extend(rules.iter().map(|rule| rule.model.clone()));
        names.dedup();
        let domain = all([is("model", "in", Value::list(names.iter().map(String::as_str)))]);
        let found = self.search(Ask::search("ir.model", domain, &["model"]).doing("reading Odoo's models"))?;
        let found: Vec<(String, i64)> =
            found.iter().map(|model| (model.text("model").to_owned(), model.id())).collect();
        let is_there = |name: &str| found.iter().any(|(known, _)| known == name);
        if !is_there("base.automation") {
            return stop(
                "the module Automation Rules (base_automation) is not installed in this Odoo: install it and run the \
                 setup again, or set `capture.mode: sweep`",
            );
        }
        if let Some(absent) = rules.iter().find(|rule| !is_there(&rule.model)) {
            return stop(format!(
                "this Odoo has no model {}: install its module, or take it out of `capture.models`",
                absent.model
            ));
        }
        Ok(found)
    }

    /// The outbox table. `None` when it is only talked about.
    fn outbox(&mut self, models: &[(String, i64)]) -> Said<Option<i64>> {
        let what = format!("table {OUTBOX_MODEL}");
        let field = |(name, label, kind): &(&str, &str, &str)| {
            Value::map([("name", *name), ("field_description", *label), ("ttype", *kind)])
        };
        let Some((_, id)) = models.iter().find(|(name, _)| name == OUTBOX_MODEL) else {
            if self.only_told(&what, SetupState::WouldCreate) {
                return Ok(None);
            }
            let vals = Value::map([
                ("name", Value::from("Crossdock outbox")),
                ("model", OUTBOX_MODEL.into()),
                ("field_id", OUTBOX_FIELDS.iter().map(|spec| make(field(spec))).collect()),
            ]);
            return self.create("ir.model", vals, &what).map(Some);
        };
        let domain = all([is("model_id", "=", *id)]);
        let ask = Ask::search("ir.model.fields", domain, &["name"]).doing("reading the fields of the outbox");
        let present = self.search(ask)?;
        self.note(&what, SetupState::Present);
        for spec in OUTBOX_FIELDS {
            if present.iter().any(|field| field.text("name") == spec.0) {
                continue;
            }
            let what = format!("field {} of {OUTBOX_MODEL}", spec.0);
            if !self.only_told(&what, SetupState::WouldCreate) {
                let mut vals = field(spec);
                if let Some(map) = vals.as_map_mut() {
                    map.insert("model_id", (*id).into());
                }
                self.create("ir.model.fields", vals, &what)?;
            }
        }
        Ok(Some(*id))
    }

    /// Who may read and acknowledge the outbox: a group of its own, and the hub's user in it.
    fn access(&mut self, outbox: Option<i64>, user: &Value) -> Said<()> {
        let group = match self.group()? {
            Some(group) => {
                self.note(&format!("group {GROUP}"), SetupState::Present);
                Some(group)
            }
            None if self.only_told(&format!("group {GROUP}"), SetupState::WouldCreate) => None,
            None => {
                let vals = Value::map([("name", GROUP)]);
                Some(self.create("res.groups", vals, &format!("group {GROUP}"))?)
            }
        };
        self.right(outbox, group)?;
        let what = format!("user {} in group {GROUP}", user.text("login"));
        match group {
            Some(group) if user.links("group_ids").contains(&group) => self.note(&what, SetupState::Present),
            _ if self.only_told(&what, SetupState::WouldChange) => {}
            group => {
                let command = Value::list([4_i64, group.unwrap_or_default()]);
                let vals = Value::map([("group_ids", Value::from(vec![command]))]);
                self.write("res.users", user.id(), vals, &what)?;
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Said<Option<i64>> {
        let ask = Ask::search("res.groups", all([is("name", "=", GROUP)]), &["name"]).with("order", "id");
        let found = self.search(ask.doing("looking for the hub's group"))?;
        Ok(found.first().map(Record::id))
    }

    fn right(&mut self, outbox: Option<i64>, group: Option<i64>) -> Said<()> {
        let what = format!("right of {GROUP} to read and acknowledge {OUTBOX_MODEL}");
        let (Some(outbox), Some(group)) = (outbox, group) else {
            self.note(&what, SetupState::WouldCreate);
            return Ok(());
        };
        let domain = all([is("model_id", "=", outbox), is("group_id", "=", group)]);
        let ask = Ask::search("ir.model.access", domain, &["perm_read", "perm_unlink"]);
        let present = self.search(ask.doing("reading the rights on the outbox"))?;
        if present.iter().any(|right| right.yes("perm_read") && right.yes("perm_unlink")) {
            self.note(&what, SetupState::Present);
        } else if !self.only_told(&what, SetupState::WouldCreate) {
            let vals = Value::map([
                ("name", Value::from("Crossdock outbox")),
                ("model_id", outbox.into()),
                ("group_id", group.into()),
                ("perm_read", true.into()),
                ("perm_unlink", true.into()),
                ("perm_write", false.into()),
                ("perm_create", false.into()),
            ]);
            self.create("ir.model.access", vals, &what)?;
        }
        Ok(())
    }

    fn hub_user(&mut self) -> Said<Value> {
        let condition = match &self.request.hub_user {
            Some(login) => is("login", "=", login.as_str()),
            None => {
                let context = self.ask(Ask::new("res.users", "context_get").doing("asking who the key belongs to"))?;
                is("id", "=", context.int("uid"))
            }
        };
        let ask = Ask::search("res.users", all([condition]), &["login", "group_ids"]);
        let found = self.search(ask.doing("looking for the hub's user"))?;
        match (found.into_iter().next(), &self.request.hub_user) {
            (Some(user), _) => Ok(user),
            (None, Some(login)) => stop(format!("there is no user {login} in Odoo: create it, or name another")),
            (None, None) => stop("the user of the key cannot be read"),
        }
    }

    fn remove(&mut self) -> Said<()> {
        self.remove_rules()?;
        self.remove_outbox()?;
        let what = format!("group {GROUP}");
        match self.group()? {
            None => self.note(&what, SetupState::Absent),
            Some(_) if self.only_told(&what, SetupState::WouldRemove) => {}
            Some(group) => self.unlink("res.groups", &[group], &what)?,
        }
        Ok(())
    }

    /// The table, and with it the rights on it.
    fn remove_outbox(&mut self) -> Said<()> {
        let domain = all([is("model", "=", OUTBOX_MODEL)]);
        let found = self.search(Ask::search("ir.model", domain, &["model"]).doing("looking for the outbox"))?;
        let Some(id) = found.first().map(Record::id) else {
            self.note(&format!("table {OUTBOX_MODEL}"), SetupState::Absent);
            return Ok(());
        };
        let count = Ask::new(OUTBOX_MODEL, "search_count").with("domain", Value::list::<i64>([]));
        // Without the right to read it there is nothing to warn of.
        let waiting = self.talk.hear(&count)?.ok().and_then(|count| count.as_int()).unwrap_or_default();
        let what = match waiting {
            0 => format!("table {OUTBOX_MODEL}"),
            waiting => format!("table {OUTBOX_MODEL} with {waiting} changes that were not read"),
        };
        if !self.only_told(&what, SetupState::WouldRemove) {
            self.unlink("ir.model", &[id], &what)?;
        }
        Ok(())
    }

    fn note(&mut self, what: &str, state: SetupState) {
        self.items.push(SetupItem { what: what.to_owned(), state });
    }

    /// In a dry run, notes what would be done.
    fn only_told(&mut self, what: &str, state: SetupState) -> bool {
        if self.request.dry_run {
            self.note(what, state);
        }
        self.request.dry_run
    }

    fn ask(&mut self, ask: Ask) -> Said<Value> {
        match self.talk.hear(&ask)? {
            Ok(value) => Ok(value),
            Err(Failure::Denied { reason }) => stop(format!(
                "{}: {reason} Run the setup with an administrator's key; where that is not wanted, set \
                 `capture.mode: sweep`, which needs nothing installed",
                ask.doing
            )),
            Err(failure) => Err(Halt::End(self.talk.outcome(failure, ask.weight, &ask.doing))),
        }
    }

    fn search(&mut self, ask: Ask) -> Said<Vec<Value>> {
        // Rules that somebody switched off are still there.
        Ok(self.ask(ask.context("active_test", false))?.as_list().unwrap_or_default().to_vec())
    }

    fn create(&mut self, model: &'static str, vals: Value, what: &str) -> Said<i64> {
        let ask = Ask::new(model, "create").with("vals_list", vals).weight(Weight::Prepare);
        let made = self.ask(ask.doing(format!("creating {what}")))?;
        self.note(what, SetupState::Created);
        Ok(made.as_list().and_then(|ids| ids.first()).and_then(Value::as_int).unwrap_or_default())
    }

    fn write(&mut self, model: &'static str, id: i64, vals: Value, what: &str) -> Said<()> {
        let ask = Ask::on(model, "write", &[id]).with("vals", vals).weight(Weight::Prepare);
        self.ask(ask.doing(format!("changing {what}")))?;
        self.note(what, SetupState::Changed);
        Ok(())
    }

    fn unlink(&mut self, model: &'static str, ids: &[i64], what: &str) -> Said<()> {
        let ask = Ask::new(model, "unlink").with("ids", numbers(ids)).weight(Weight::Prepare);
        self.ask(ask.doing(format!("removing {what}")))?;
        self.note(what, SetupState::Removed);
        Ok(())
    }
}
