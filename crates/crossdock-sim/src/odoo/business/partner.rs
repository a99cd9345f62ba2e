//! Customers, addresses, countries.

use serde_json::Value as Json;

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Cell, Env, Values};
use super::given;

/// An address may be without a name, a contact may not.
pub fn before_create(values: &Values) -> Outcome<()> {
    let is_contact = values.get("type").and_then(Json::as_str).is_none_or(|kind| kind == "contact");
    if is_contact && !given(values, "name") {
        return Err(Fault::constraint("Contacts require a name", None));
    }
    Ok(())
}

/// The same, when a name is taken away.
pub fn before_write(env: &Env<'_>, ids: &[i64], values: &Values) -> Outcome<()> {
    let nameless = values.contains_key("name") && !given(values, "name");
    let is_contact = |id: &i64| match values.get("type") {
        Some(kind) => kind.as_str() == Some("contact"),
        None => env.is("res.partner", *id, "type", "contact"),
    };
    if nameless && ids.iter().any(is_contact) {
        return Err(Fault::constraint("Contacts require a name", None));
    }
    Ok(())
}

/// The company a contact belongs to, or the contact itself.
pub fn commercial(env: &Env<'_>, id: i64) -> i64 {
    if env.yes("res.partner", id, "is_company") {
        return id;
    }
    env.link("res.partner", id, "parent_id").map_or(id, |parent| commercial(env, parent))
}

/// The country with this ISO code.
pub fn country(env: &Env<'_>, code: &str) -> Option<i64> {
    env.having("res.country", "code", code).first().copied()
}

/// The address of a partner for a purpose: a child made for it, else the partner itself.
pub fn address(env: &Env<'_>, id: i64, purpose: &str) -> i64 {
    if env.is("res.partner", id, "type", purpose) {
        return id;
    }
    let children = env.list("res.partner", id, "child_ids");
    children.into_iter().find(|child| env.is("res.partner", *child, "type", purpose)).unwrap_or(id)
}

/// Its invoices show its name, so they change with it.
pub fn after_rename(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    for entry in env.referring("account.move", "partner_id", id) {
        env.store("account.move", entry, &[("write_date", Cell::from(env.now))])?;
    }
    Ok(())
}

pub fn before_unlink(env: &Env<'_>, ids: &[i64]) -> Outcome<()> {
    let used = ids.iter().any(|id| !env.referring("account.move", "partner_id", *id).is_empty());
    if used {
        return Err(Fault::user("The partner cannot be deleted because it is used in Accounting"));
    }
    Ok(())
}
