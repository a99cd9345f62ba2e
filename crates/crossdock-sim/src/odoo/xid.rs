//! External ids: names of records, `module.name`, one namespace for all models.

use serde_json::json;

use super::fault::{Fault, Outcome};
use super::orm::{Cell, Env};

/// What an external id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The row of the name itself.
    pub row: i64,
    pub model: String,
    pub id: i64,
    pub noupdate: bool,
}

const TABLE: &str = "ir.model.data";

/// The first dot parts the module from the name.
pub fn split(xid: &str) -> (&str, &str) {
    xid.split_once('.').unwrap_or(("", xid))
}

/// Looks up a name.
pub fn find(env: &Env<'_>, xid: &str) -> Option<Named> {
    let (module, name) = split(xid);
    let row = env
        .having(TABLE, "name", name)
        .into_iter()
        .find(|row| env.get(TABLE, *row, "module").as_text().unwrap_or_default() == module)?;
    Some(Named {
        row,
        model: env.text(TABLE, row, "model"),
        id: env.get(TABLE, row, "res_id").as_int().unwrap_or(0),
        noupdate: env.yes(TABLE, row, "noupdate"),
    })
}

/// The record a rule knows by name.
pub fn known(env: &Env<'_>, xid: &str) -> Option<i64> {
    find(env, xid).map(|named| named.id)
}

/// Names a record. A name in use moves to the new record, also from another model; in update mode one that is
/// marked `noupdate` stays where it is.
///
/// # Errors
/// The database's complaint about a space in the name.
pub fn assign(env: &mut Env<'_>, xid: &str, model: &str, id: i64, noupdate: bool, update: bool) -> Outcome<()> {
    let (module, name) = split(xid);
    if name.contains(' ') {
        return Err(Fault::constraint(
            format!(
                "new row for relation \"ir_model_data\" violates check constraint \"ir_model_data_name_nospaces\"\n\
                 DETAIL:  Failing row contains ({id}, {name}, {module}, {model}).\n"
            ),
            None,
        ));
    }
    match find(env, xid) {
        None => {
            let values = json!({"module": module, "name": name, "model": model, "res_id": id, "noupdate": noupdate});
            env.as_root(|env| env.create(TABLE, values)).map(|_| ())
        }
        Some(named) if named.model == model && named.id == id => Ok(()),
        Some(named) if update && named.noupdate => Ok(()),
        Some(named) => env.store(TABLE, named.row, &[("model", model.into()), ("res_id", Cell::Int(id))]),
    }
}

/// The first name of a record; empty when it has none.
pub fn name_of(env: &Env<'_>, model: &str, id: i64) -> String {
    let row = env.referring(TABLE, "res_id", id).into_iter().find(|row| env.is(TABLE, *row, "model", model));
    row.map_or_else(String::new, |row| format!("{}.{}", env.text(TABLE, row, "module"), env.text(TABLE, row, "name")))
}
