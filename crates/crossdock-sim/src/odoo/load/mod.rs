//! `load`: the one upsert that is safe to repeat. Rows of text become records, external ids decide whether a record
//! is made or changed, and one bad row means that nothing is stored. Failures are told in a good answer.

mod convert;
mod extract;

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::fault::{Fault, Outcome};
use super::orm::{Env, Values, is_truthy};
use super::registry::{Kind, Source};
use super::xid;
use extract::Extracted;

/// The key of a record's display name among the columns of a relation.
pub(super) const BY_NAME: &str = "";

/// A record ready to be stored.
#[derive(Clone, Debug)]
struct Pending {
    xid: Option<String>,
    values: Values,
    info: Info,
}

/// Which rows a record came from.
#[derive(Clone, Copy, Debug)]
struct Info {
    from: usize,
    to: usize,
    record: usize,
}

impl Info {
    fn message(self, kind: &str, message: &str) -> Map<String, Json> {
        let mut entries = Map::new();
        entries.insert("rows".into(), json!({"from": self.from, "to": self.to}));
        entries.insert("record".into(), self.record.into());
        entries.insert("type".into(), kind.into());
        entries.insert("message".into(), message.into());
        entries
    }
}

/// One call of `load` under way.
#[derive(Debug)]
struct Loader {
    model: String,
    update: bool,
    noupdate: bool,
    module: String,
    batch: Vec<Pending>,
    batch_xids: BTreeSet<String>,
    /// Models whose records this call may have made: a search by name must see them.
    makes: BTreeSet<String>,
    ids: Vec<i64>,
    messages: Vec<Map<String, Json>>,
}

/// Loads rows. The answer is good even when the rows are not.
///
/// # Errors
/// Columns that do not exist and cells that are no text: those are mistakes of the caller's program.
pub fn load(env: &mut Env<'_>, model: &str, fields: &[String], data: &[Vec<Json>]) -> Outcome<Json> {
    let word = |key: &str, otherwise: &str| env.context.get(key).and_then(Json::as_str).unwrap_or(otherwise).to_owned();
    let module = word("module", "__import__");
    let mut loader = Loader {
        model: model.to_owned(),
        update: word("mode", "init") == "update",
        noupdate: env.flag("noupdate"),
        module: module.clone(),
        batch: Vec::new(),
        batch_xids: BTreeSet::new(),
        makes: BTreeSet::from([model.to_owned()]),
        ids: Vec::new(),
        messages: Vec::new(),
    };
    let savepoint = env.world.tables.savepoint();
    let paths: Vec<Vec<String>> = fields.iter().map(|field| extract::path(field)).collect();
    loader.note_makeable_models(env, &paths);
    let extracted = extract::records(env, model, &paths, data)?;
    env.with(json!({"_import_current_module": module}), |env| loader.run(env, extracted))?;
    let failed = loader.messages.iter().any(|message| message["type"] == "error");
    if failed {
        env.world.rollback(savepoint);
    }
    Ok(json!({
        "ids": if failed { Json::Bool(false) } else { json!(loader.ids) },
        "messages": loader.messages,
        "nextrow": 0,
    }))
}

impl Loader {
    fn note_makeable_models(&mut self, env: &Env<'_>, paths: &[Vec<String>]) {
        for path in paths {
            let mut model = env.model(&self.model);
            for step in path {
                let Some(Kind::One2many { model: comodel, .. }) = model.field(step).map(|field| field.kind.clone())
                else {
                    break;
                };
                self.makes.insert(comodel.to_string());
                model = env.model(&comodel);
            }
        }
    }

    fn run(&mut self, env: &mut Env<'_>, extracted: Vec<Extracted>) -> Outcome<()> {
        for (number, one) in extracted.into_iter().enumerate() {
            let info = Info { from: one.from, to: one.to, record: number };
            let xid = one.record.text("id").filter(|xid| !xid.is_empty());
            let id = self.database_id(env, &one, info);
            let mut values = convert::record(self, env, &one.record, info)?;
            let xid = match xid {
                Some(xid) => {
                    let xid = if xid.contains('.') { xid } else { format!("{}.{xid}", self.module) };
                    self.batch_xids.insert(xid.clone());
                    Some(xid)
                }
                None => {
                    if let Some(id) = id {
                        values.insert("id".into(), id.into());
                    }
                    None
                }
            };
            self.batch.push(Pending { xid, values, info });
        }
        self.flush(env)
    }

    /// The id in the `.id` column, when such a record is there.
    fn database_id(&mut self, env: &Env<'_>, one: &Extracted, info: Info) -> Option<i64> {
        let given = one.record.value(".id").filter(|value| is_truthy(value))?;
        let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        let found = text.parse().ok().filter(|id| env.exists(&self.model, *id));
        if found.is_none() {
            let mut message = info.message("error", &format!("Unknown database identifier '{text}'"));
            message.insert("field".into(), ".id".into());
            self.messages.push(message);
        }
        found
    }

    /// Stores what waits when a lookup of this name or in this model could need it.
    fn flush_for(&mut self, env: &mut Env<'_>, xid: Option<&str>, model: Option<&str>) -> Outcome<()> {
        let needed = xid.is_some_and(|xid| self.batch_xids.contains(xid))
            || model.is_some_and(|model| self.makes.contains(model));
        if needed { self.flush(env) } else { Ok(()) }
    }

    /// Stores what waits: all at once, or, when that fails, one by one to learn which ones are to blame.
    fn flush(&mut self, env: &mut Env<'_>) -> Outcome<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_xids.clear();
        if batch.is_empty() {
            return Ok(());
        }
        match env.atomically(|env| self.store(env, &batch)) {
            Ok(ids) => {
                self.ids.extend(ids);
                return Ok(());
            }
            Err(fault) if fault.status == 501 => return Err(fault),
            Err(_) => {}
        }
        let mut errors = 0;
        for (count, pending) in batch.iter().enumerate() {
            match env.atomically(|env| self.store(env, std::slice::from_ref(pending))) {
                Ok(ids) => self.ids.extend(ids),
                Err(fault) => {
                    errors += 1;
                    self.messages.push(told(pending.info, &self.model, &fault));
                }
            }
            if errors >= 10 && errors * 10 > count {
                let mut message = Map::new();
                message.insert("type".into(), "warning".into());
                message.insert(
                    "message".into(),
                    "Found more than 10 errors and more than one error per 10 records, interrupted to avoid showing \
                     too many errors."
                        .into(),
                );
                self.messages.push(message);
                break;
            }
        }
        Ok(())
    }

    /// Updates the records whose names are known, makes the others, names them.
    fn store(&self, env: &mut Env<'_>, batch: &[Pending]) -> Outcome<Vec<i64>> {
        let mut ids: Vec<Option<i64>> = vec![None; batch.len()];
        let mut to_make = Vec::new();
        for (place, pending) in batch.iter().enumerate() {
            match self.existing(env, pending)? {
                Some((id, untouched)) => {
                    ids[place] = Some(id);
                    if !untouched {
                        let mut values = pending.values.clone();
                        values.remove("id");
                        env.write_record(&self.model, &[id], values)?;
                    }
                }
                None => to_make.push(place),
            }
        }
        let names: BTreeSet<&str> = to_make.iter().filter_map(|place| batch[*place].xid.as_deref()).collect();
        let named = to_make.iter().filter(|place| batch[**place].xid.is_some()).count();
        if names.len() < named {
            // Two rows of one batch name the same new record: the database refuses, and each is then tried alone.
            return Err(Fault::constraint("ON CONFLICT DO UPDATE command cannot affect row a second time\n", None));
        }
        for place in to_make {
            let pending = &batch[place];
            let id = env.create_record(&self.model, pending.values.clone())?;
            ids[place] = Some(id);
            if let Some(xid) = &pending.xid {
                self.name_parent(env, xid, pending, id)?;
                xid::assign(env, xid, &self.model, id, self.noupdate, self.update)?;
            }
        }
        Ok(ids.into_iter().flatten().collect())
    }

    /// The record a row means, and whether it is to be left alone.
    fn existing(&self, env: &mut Env<'_>, pending: &Pending) -> Outcome<Option<(i64, bool)>> {
        let Some(xid) = &pending.xid else {
            return match pending.values.get("id").and_then(Json::as_i64) {
                Some(id) => Ok(Some((id, false))),
                None if self.update => {
                    Err(Fault::validation("Cannot update a record without specifying its id or xml_id"))
                }
                None => Ok(None),
            };
        };
        let Some(named) = xid::find(env, xid) else { return Ok(None) };
        if named.model != self.model {
            return Err(Fault::validation(format!(
                "For external id {xid} when trying to create/update a record of model {} found record of different \
                 model {} ({})",
                self.model, named.model, named.row
            )));
        }
        if !env.exists(&self.model, named.id) {
            env.as_root(|env| env.unlink("ir.model.data", &[named.row]))?;
            return Ok(None);
        }
        Ok(Some((named.id, self.update && named.noupdate)))
    }

    /// The record behind an `inherits` link that was made along gets a name too.
    fn name_parent(&self, env: &mut Env<'_>, xid: &str, pending: &Pending, id: i64) -> Outcome<()> {
        let Some((link, parent)) = env.model(&self.model).inherits.clone() else { return Ok(()) };
        if pending.values.get(&*link).is_some_and(is_truthy) {
            return Ok(());
        }
        let Some(behind) = env.link(&self.model, id, &link) else { return Ok(()) };
        let name = format!("{xid}_{}", parent.replace('.', "_"));
        xid::assign(env, &name, &parent, behind, self.noupdate, self.update)
    }
}

/// A failure as `load` tells it.
fn told(info: Info, model: &str, fault: &Fault) -> Map<String, Json> {
    if let Some(constraint) = &fault.constraint {
        let mut message = info.message("error", &constraint.message);
        if let Some((_, column)) = constraint.column.as_ref().filter(|(table, _)| table == model) {
            message.insert("field".into(), column.as_str().into());
        }
        return message;
    }
    if fault.is_for_the_user() || fault.name.starts_with("psycopg2.") {
        return info.message("error", &fault.message);
    }
    let class = fault.name.strip_prefix("builtins.").unwrap_or(fault.name);
    let text = format!("Unknown error during import: <class '{class}'>: {}", fault.message);
    let mut message = info.message("error", &text);
    message.insert("moreinfo".into(), "Resolve other errors first".into());
    message
}

/// Whether a column can be filled at all: what is only worked out cannot.
pub(super) fn is_writable(source: &Source) -> bool {
    !matches!(source, Source::Related(_))
}
