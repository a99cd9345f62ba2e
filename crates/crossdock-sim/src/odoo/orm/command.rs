//! The commands that change a list of records through its parent: `[0, _, values]` makes one, `[1, id, values]`
//! changes it, `[2, id]` deletes it, `[3, id]` unlinks, `[4, id]` links, `[5]` empties, `[6, _, ids]` replaces.

use serde_json::Value as Json;

use super::cell::Cell;
use super::{Env, Values, python};
use crate::odoo::fault::{Fault, Outcome};
use crate::odoo::registry::{Field, Kind};

enum Command {
    Create(Values),
    Update(i64, Values),
    Delete(i64),
    Unlink(i64),
    Link(i64),
    Clear,
    Set(Vec<i64>),
}

impl Env<'_> {
    /// The list after the commands.
    pub(super) fn many2many(&mut self, comodel: &str, before: &Cell, value: &Json) -> Outcome<Cell> {
        let mut ids = before.as_ids().to_vec();
        for command in commands(value)? {
            match command {
                Command::Create(values) => ids.push(self.create_record(comodel, values)?),
                Command::Update(id, values) => self.write_record(comodel, &[id], values)?,
                Command::Delete(id) => {
                    ids.retain(|other| *other != id);
                    self.unlink(comodel, &[id])?;
                }
                Command::Unlink(id) => ids.retain(|other| *other != id),
                Command::Link(id) => {
                    self.must_exist(comodel, id)?;
                    ids.push(id);
                }
                Command::Clear => ids.clear(),
                Command::Set(set) => {
                    for id in &set {
                        self.must_exist(comodel, *id)?;
                    }
                    ids = set;
                }
            }
        }
        Ok(Cell::ids(ids))
    }

    /// Applies the commands to the records behind a one2many.
    pub(super) fn one2many(
        &mut self,
        model: &str,
        id: i64,
        field: &Field,
        comodel: &str,
        inverse: &str,
        value: &Json,
    ) -> Outcome<()> {
        for command in commands(value)? {
            match command {
                Command::Create(mut values) => {
                    values.insert(inverse.to_owned(), id.into());
                    if let Kind::One2many { only: Some((filter, allowed)), .. } = &field.kind
                        && !values.contains_key(&**filter)
                        && let Some(first) = allowed.first()
                    {
                        values.insert(filter.to_string(), (**first).into());
                    }
                    self.create_record(comodel, values)?;
                }
                Command::Update(child, values) => self.write_record(comodel, &[child], values)?,
                Command::Delete(child) => self.unlink(comodel, &[child])?,
                Command::Unlink(child) => self.leave(comodel, inverse, child)?,
                Command::Link(child) => {
                    self.must_exist(comodel, child)?;
                    if self.link(comodel, child, inverse) != Some(id) {
                        self.join(comodel, inverse, child, id)?;
                    }
                }
                Command::Clear => {
                    for child in self.list(model, id, &field.name) {
                        self.leave(comodel, inverse, child)?;
                    }
                }
                Command::Set(set) => {
                    for child in self.list(model, id, &field.name) {
                        if !set.contains(&child) {
                            self.leave(comodel, inverse, child)?;
                        }
                    }
                    for child in set {
                        self.must_exist(comodel, child)?;
                        if self.link(comodel, child, inverse) != Some(id) {
                            self.join(comodel, inverse, child, id)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn join(&mut self, comodel: &str, inverse: &str, child: i64, id: i64) -> Outcome<()> {
        self.write(comodel, &[child], serde_json::json!({ inverse: id }))
    }

    /// Takes a record out of its parent: it goes when it cannot be without one.
    fn leave(&mut self, comodel: &str, inverse: &str, child: i64) -> Outcome<()> {
        if self.model(comodel).field(inverse).is_some_and(|field| field.required) {
            self.unlink(comodel, &[child])
        } else {
            self.write(comodel, &[child], serde_json::json!({ inverse: false }))
        }
    }
}

fn commands(value: &Json) -> Outcome<Vec<Command>> {
    let items = match value {
        Json::Null | Json::Bool(false) => return Ok(vec![Command::Clear]),
        Json::Array(items) => items,
        other => return Err(Fault::value_error(format!("Wrong value for a list of records: {}", python(other)))),
    };
    // A bare list of ids replaces.
    if !items.is_empty() && items.iter().all(Json::is_i64) {
        return Ok(vec![Command::Set(items.iter().filter_map(Json::as_i64).collect())]);
    }
    items.iter().map(command).collect()
}

fn command(item: &Json) -> Outcome<Command> {
    let wrong = || Fault::value_error(format!("Wrong command for a list of records: {}", python(item)));
    let parts = item.as_array().ok_or_else(wrong)?;
    let id = || match parts.get(1) {
        Some(Json::String(text)) => text.parse().map_err(|_| Fault::not_an_integer(text)),
        other => other.and_then(Json::as_i64).ok_or_else(wrong),
    };
    let values = || parts.get(2).and_then(Json::as_object).cloned().ok_or_else(wrong);
    Ok(match parts.first().and_then(Json::as_i64).ok_or_else(wrong)? {
        0 => Command::Create(values()?),
        1 => Command::Update(id()?, values()?),
        2 => Command::Delete(id()?),
        3 => Command::Unlink(id()?),
        4 => Command::Link(id()?),
        5 => Command::Clear,
        6 => {
            let ids = parts.get(2).and_then(Json::as_array).ok_or_else(wrong)?;
            Command::Set(ids.iter().filter_map(Json::as_i64).collect())
        }
        _ => return Err(wrong()),
    })
}
