//! Files: attachments of records, and binary fields, which are attachments with a `res_field`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use sha1::{Digest, Sha1};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Cell, Env, Values, is_truthy};

const MODEL: &str = "ir.attachment";

/// The content of a binary field, as base64.
pub fn field_content(env: &Env<'_>, model: &str, id: i64, field: &str) -> Cell {
    file_of(env, model, id, field).map_or(Cell::Null, |file| content(env, file))
}

fn file_of(env: &Env<'_>, model: &str, id: i64, field: &str) -> Option<i64> {
    env.referring(MODEL, "res_id", id)
        .into_iter()
        .find(|file| env.is(MODEL, *file, "res_model", model) && env.is(MODEL, *file, "res_field", field))
}

/// The content of an attachment, as base64.
pub fn content(env: &Env<'_>, id: i64) -> Cell {
    env.get(MODEL, id, "db_datas")
}

/// Writes a binary field through its record.
///
/// # Errors
/// A signature on a transfer makes Odoo print the delivery slip, and without the printer program that fails.
pub fn write_field(env: &mut Env<'_>, model: &str, id: i64, field: &str, value: &Json) -> Outcome<()> {
    if model == "stock.picking" && field == "signature" && is_truthy(value) {
        return Err(Fault::user("Unable to find Wkhtmltopdf on this system. The PDF can not be created."));
    }
    let old = file_of(env, model, id, field);
    env.as_root(|env| match (old, is_truthy(value)) {
        (Some(file), true) => env.write(MODEL, &[file], json!({"datas": value})),
        (Some(file), false) => env.unlink(MODEL, &[file]),
        (None, true) => {
            let file = json!({"name": field, "res_model": model, "res_id": id, "res_field": field, "datas": value});
            env.create(MODEL, file).map(|_| ())
        }
        (None, false) => Ok(()),
    })
}

/// A file belongs to a record that is there, or to none.
pub fn before_create(env: &Env<'_>, values: &Values) -> Outcome<()> {
    let model = values.get("res_model").and_then(Json::as_str).filter(|model| !model.is_empty());
    let id = super::id_in(values, "res_id");
    if let (Some(model), Some(id)) = (model, id)
        && (env.world.registry.get(model).is_none() || !env.exists(model, id))
    {
        return Err(Fault::access("Sorry, you are not allowed to access this document."));
    }
    Ok(())
}

pub fn after_create(env: &mut Env<'_>, id: i64, values: &Values) -> Outcome<()> {
    if !values.contains_key("mimetype") && env.get(MODEL, id, "mimetype").is_null() {
        env.store(MODEL, id, &[("mimetype", "application/octet-stream".into())])?;
    }
    Ok(())
}

/// Writes the content of an attachment; what is no base64 is read as far as it goes, as Odoo does.
pub fn write_content(env: &mut Env<'_>, id: i64, value: &Json) -> Outcome<()> {
    let text: String = value.as_str().unwrap_or_default().chars().filter(|letter| is_base64(*letter)).collect();
    let bytes = STANDARD.decode(&text).unwrap_or_default();
    put(env, id, &bytes)
}

/// Writes content that is not encoded at all.
pub fn write_raw(env: &mut Env<'_>, id: i64, value: &Json) -> Outcome<()> {
    put(env, id, value.as_str().unwrap_or_default().as_bytes())
}

fn put(env: &mut Env<'_>, id: i64, bytes: &[u8]) -> Outcome<()> {
    let name = env.text(MODEL, id, "name");
    env.store(
        MODEL,
        id,
        &[
            ("db_datas", STANDARD.encode(bytes).into()),
            ("file_size", Cell::Int(bytes.len() as i64)),
            ("checksum", hex::encode(Sha1::digest(bytes)).into()),
            ("mimetype", mimetype(&name, bytes).into()),
        ],
    )
}

fn is_base64(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=')
}

/// By the name's ending first, then by the first bytes.
fn mimetype(name: &str, bytes: &[u8]) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
        Some("png") => return "image/png",
        Some("jpg" | "jpeg") => return "image/jpeg",
        Some("pdf") => return "application/pdf",
        Some("txt") => return "text/plain",
        Some("xml") => return "application/xml",
        Some("json") => return "application/json",
        _ => {}
    }
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        _ if !bytes.is_empty() && std::str::from_utf8(bytes).is_ok() => "text/plain",
        _ => "application/octet-stream",
    }
}

/// What `bin_size` shows in the place of the content.
pub fn size_text(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes}.00 bytes") } else { format!("{:.2} Kb", bytes as f64 / 1024.0) }
}
