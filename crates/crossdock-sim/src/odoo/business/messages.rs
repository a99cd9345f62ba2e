//! What is said about a record.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Env, Values, is_truthy};
use super::super::xid;

/// A message is about a record that is there.
pub fn before_create(env: &Env<'_>, values: &Values) -> Outcome<()> {
    let model = values.get("model").and_then(Json::as_str).filter(|model| !model.is_empty());
    match (model, super::id_in(values, "res_id")) {
        (Some(model), Some(id)) if env.world.registry.get(model).is_some() => env.must_exist(model, id),
        _ => Ok(()),
    }
}

/// Posts a message on one record; gives its id.
pub fn post(env: &mut Env<'_>, model: &str, ids: &[i64], arguments: &Values) -> Outcome<i64> {
    let [id] = ids else {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        return Err(Fault::value_error(format!("Expected singleton: {model}({})", ids.join(", "))));
    };
    env.must_exist(model, *id)?;
    let text = |key: &str| arguments.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let escaped = text("body").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let subtype = match arguments.get("subtype_id").and_then(Json::as_i64) {
        Some(id) => Some(id),
        None => {
            let name = text("subtype_xmlid");
            xid::known(env, if name.is_empty() { "mail.mt_note" } else { &name })
        }
    };
    let kind = text("message_type");
    let attachments = arguments.get("attachment_ids").filter(|ids| is_truthy(ids)).cloned().unwrap_or(json!([]));
    let author = env.link("res.users", env.uid, "partner_id");
    let number = env.world.count("message-id");
    let message = json!({
        "model": model,
        "res_id": id,
        "subject": arguments.get("subject").cloned().unwrap_or(false.into()),
        "body": if escaped.is_empty() { String::new() } else { format!("<span>{escaped}</span>") },
        "message_type": if kind.is_empty() { "notification" } else { &kind },
        "subtype_id": subtype,
        "author_id": author,
        "attachment_ids": [[6, 0, attachments]],
        "message_id": format!("<{number}.openerp-{id}-{model}@stand-in>"),
    });
    env.as_root(|env| env.create("mail.message", message))
}
