//! From text to what `create` and `write` take. Every cell that cannot be converted gives one message.

use jiff::civil::DateTime;
use serde_json::{Map, Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::cell::{instant_text, parse_date, parse_instant};
use super::super::orm::{Env, Listing, Values, is_truthy};
use super::super::registry::{Field, Kind, Name};
use super::super::xid;
use super::extract::{Entry, Raw};
use super::{BY_NAME, Info, Loader, is_writable};

/// Why a cell cannot be converted. `%(field)s` in the message stands for the field's label.
struct Bad {
    message: String,
    info: Option<Map<String, Json>>,
}

enum Trouble {
    /// Told as a message; the call goes on.
    Cell(Bad),
    /// The caller's program is wrong; the call fails.
    Call(Fault),
}

type Converted<T> = Result<T, Trouble>;

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Trouble::Call(fault)
    }
}

fn bad<T>(message: impl Into<String>) -> Converted<T> {
    Err(Trouble::Cell(Bad { message: message.into(), info: None }))
}

fn bad_with<T>(message: impl Into<String>, info: Json) -> Converted<T> {
    let info = info.as_object().cloned().unwrap_or_default();
    Err(Trouble::Cell(Bad { message: message.into(), info: Some(info) }))
}

/// Converts the columns of one record of the loaded model; what fails becomes a message of the loader.
pub(super) fn record(loader: &mut Loader, env: &mut Env<'_>, raw: &Raw, info: Info) -> Outcome<Values> {
    let model = env.model(&loader.model);
    let mut values = Values::new();
    for (name, entry) in raw.entries.iter().filter(|(name, _)| !is_reference(name)) {
        let Some(field) = model.field(name) else { continue };
        match converted(loader, env, field, entry) {
            Ok(value) => {
                if is_writable(&field.source) {
                    values.insert(name.clone(), value);
                }
            }
            Err(Trouble::Call(fault)) => return Err(fault),
            Err(Trouble::Cell(trouble)) => {
                let text = trouble.message.replace("%(field)s", &field.label);
                let mut message = info.message("error", &text);
                message.insert("field".into(), name.as_str().into());
                if let Some(more) = trouble.info {
                    message.extend(more);
                    message.insert("field_name".into(), (*field.label).into());
                }
                loader.messages.push(message);
            }
        }
    }
    Ok(values)
}

fn is_reference(name: &str) -> bool {
    matches!(name, BY_NAME | "id" | ".id")
}

fn converted(loader: &mut Loader, env: &mut Env<'_>, field: &Field, entry: &Entry) -> Converted<Json> {
    match entry {
        Entry::Value(value) if !is_truthy(value) => Ok(false.into()),
        Entry::Value(value) => scalar(env, field, value),
        Entry::Records(records) if records.is_empty() => Ok(false.into()),
        Entry::Records(records) => match field.kind.clone() {
            Kind::Many2one(comodel) => {
                let [one] = &records[..] else {
                    return bad(format!("too many values to unpack (expected 1, got {})", records.len()));
                };
                let (how, value) = reference(one)?;
                let id = lookup(loader, env, &comodel, how, value)?;
                Ok(id.map_or(Json::Bool(false), Json::from))
            }
            Kind::Many2many(comodel) => {
                let [one] = &records[..] else {
                    return bad(format!("too many values to unpack (expected 1, got {})", records.len()));
                };
                let (how, value) = reference(one)?;
                let ids = each(value)
                    .iter()
                    .map(|part| lookup(loader, env, &comodel, how, &Json::from(part.as_str())))
                    .collect::<Converted<Vec<_>>>()?;
                Ok(json!([[6, 0, ids.into_iter().flatten().collect::<Vec<_>>()]]))
            }
            Kind::One2many { model: comodel, .. } => lines(loader, env, &comodel, records),
            _ => bad("records where a value is expected"),
        },
    }
}

/// The comma-separated parts of a list of references.
fn each(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => text.split(',').map(str::to_owned).collect(),
        other => vec![other.to_string()],
    }
}

/// How a record of a relation is named, and the name.
fn reference(record: &Raw) -> Converted<(&'static str, &Json)> {
    let mut ways = record.entries.iter().filter_map(|(name, entry)| match (name.as_str(), entry) {
        (BY_NAME, Entry::Value(value)) => Some((BY_NAME, value)),
        ("id", Entry::Value(value)) => Some(("id", value)),
        (".id", Entry::Value(value)) => Some((".id", value)),
        _ => None,
    });
    if record.entries.iter().any(|(name, _)| !is_reference(name)) {
        return bad("Can not create Many-To-One records indirectly, import the field separately");
    }
    match (ways.next(), ways.next()) {
        (Some(way), None) => Ok(way),
        _ => bad("Ambiguous specification for field '%(field)s', only provide one of name, external id or database id"),
    }
}

/// The lines of a one2many as commands.
fn lines(loader: &mut Loader, env: &mut Env<'_>, comodel: &Name, records: &[Raw]) -> Converted<Json> {
    let model = env.model(comodel);
    // A single row with a reference only may list several.
    let mut listed = Vec::new();
    let records = match records {
        [one] if one.entries.iter().all(|(name, _)| is_reference(name)) => {
            let (how, value) = reference(one)?;
            for part in each(value) {
                listed.push(Raw { entries: vec![(how.to_owned(), Entry::Value(part.into()))] });
            }
            &listed[..]
        }
        many => many,
    };
    let mut commands = Vec::new();
    for record in records {
        let mut values = Values::new();
        for (name, entry) in record.entries.iter().filter(|(name, _)| !is_reference(name)) {
            let Some(field) = model.field(name) else { continue };
            let value = converted(loader, env, field, entry).map_err(|trouble| match trouble {
                Trouble::Cell(mut trouble) => {
                    trouble.message = trouble.message.replace("%(field)s", &format!("%(field)s/{}", field.label));
                    Trouble::Cell(trouble)
                }
                call => call,
            })?;
            if is_writable(&field.source) {
                values.insert(name.clone(), value);
            }
        }
        let named = Raw { entries: record.entries.iter().filter(|(name, _)| is_reference(name)).cloned().collect() };
        let mut id = None;
        if !named.entries.is_empty() {
            let (how, value) = reference(&named)?;
            match lookup(loader, env, comodel, how, value) {
                Ok(found) => id = found,
                Err(Trouble::Cell(_)) if how == "id" => {
                    values.insert("id".into(), value.clone());
                }
                Err(trouble) => return Err(trouble),
            }
        }
        match id {
            Some(id) => {
                commands.push(json!([4, id, 0]));
                commands.push(json!([1, id, values]));
            }
            None => commands.push(json!([0, 0, values])),
        }
    }
    Ok(commands.into())
}

/// The id of the record a reference means; none when it says "none".
fn lookup(
    loader: &mut Loader,
    env: &mut Env<'_>,
    comodel: &Name,
    how: &'static str,
    value: &Json,
) -> Converted<Option<i64>> {
    let text = match value {
        Json::String(text) => text.clone(),
        other if how == ".id" => other.to_string(),
        other => return Err(not_a_text(other)),
    };
    if how != BY_NAME && ["", "0", "false", "no"].contains(&text.to_lowercase().as_str()) {
        return Ok(None);
    }
    let found = match how {
        ".id" => match text.parse::<i64>() {
            Ok(id) => env.exists(comodel, id).then_some(id),
            Err(_) => {
                let message = format!("Invalid database id '{text}' for the field '%(field)s'");
                return bad_with(message, json!({"moreinfo": possible_values(comodel, how)}));
            }
        },
        "id" => {
            let name = if text.contains('.') { text.clone() } else { format!("{}.{text}", loader.module) };
            loader.flush_for(env, Some(&name), None)?;
            match xid::find(env, &name) {
                Some(named) if env.exists(comodel, named.id) => {
                    if named.model != **comodel {
                        return bad(format!(
                            "Invalid external ID {name}: expected model '{comodel}', found '{}'",
                            named.model
                        ));
                    }
                    Some(named.id)
                }
                _ => None,
            }
        }
        _ => {
            loader.flush_for(env, None, Some(comodel))?;
            let listing = Listing { limit: Some(1), ..Listing::default() };
            env.search(comodel, &json!([["display_name", "=", text]]), &listing)?.first().copied()
        }
    };
    if found.is_none() {
        let kind = match how {
            ".id" => "database id",
            "id" => "external id",
            _ => "name",
        };
        let message = format!("No matching record found for {kind} '{text}' in field '%(field)s'");
        return bad_with(message, json!({"moreinfo": possible_values(comodel, how)}));
    }
    Ok(found)
}

/// The window a person would be offered.
fn possible_values(comodel: &str, how: &str) -> Json {
    let mut action = json!({
        "name": "Possible Values",
        "type": "ir.actions.act_window",
        "target": "new",
        "view_mode": "list,form",
        "views": [[false, "list"], [false, "form"]],
        "context": {"create": false},
        "help": "See all possible values",
    });
    if how == BY_NAME {
        action["res_model"] = comodel.into();
    } else {
        action["res_model"] = "ir.model.data".into();
        action["domain"] = json!([["model", "=", comodel]]);
    }
    action
}

/// Odoo reads cells as text and stumbles over anything else.
fn not_a_text(value: &Json) -> Trouble {
    let class = match value {
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
        _ => "NoneType",
    };
    Trouble::Call(Fault::attribute_error(format!("'{class}' object has no attribute 'lower'")))
}

fn scalar(env: &Env<'_>, field: &Field, value: &Json) -> Converted<Json> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        other => other.to_string(),
    };
    match &field.kind {
        Kind::Boolean | Kind::Selection(_) if !value.is_string() => Err(not_a_text(value)),
        Kind::Boolean => match text.to_lowercase().as_str() {
            "1" | "true" | "yes" => Ok(true.into()),
            "0" | "false" | "no" => Ok(false.into()),
            _ => bad_with(
                format!("Unknown value '{text}' for boolean field '%(field)s'"),
                json!({"moreinfo": "Use '1' for yes and '0' for no"}),
            ),
        },
        Kind::Integer => match text.trim().parse::<i64>() {
            Ok(int) => Ok(int.into()),
            Err(_) => bad_with(format!("'{text}' does not seem to be an integer for field '%(field)s'"), json!({})),
        },
        Kind::Float(_) | Kind::Monetary => match text.trim().parse::<f64>() {
            Ok(float) => Ok(json!(float)),
            Err(_) => bad_with(format!("'{text}' does not seem to be a number for field '%(field)s'"), json!({})),
        },
        Kind::Date => match parse_date(text.split(' ').next().unwrap_or_default()) {
            Some(date) => Ok(date.to_string().into()),
            None => bad_with(
                format!("'{text}' does not seem to be a valid date for field '%(field)s'"),
                json!({"moreinfo": "Use the format '2012-12-31'"}),
            ),
        },
        Kind::Datetime => match parse_instant(&text).and_then(|at| in_zone(env, at)) {
            Some(text) => Ok(text.into()),
            None => bad_with(
                format!("'{text}' does not seem to be a valid datetime for field '%(field)s'"),
                json!({"moreinfo": "Use the format '2012-12-31 23:59:59'"}),
            ),
        },
        Kind::Selection(options) => {
            let wanted = text.to_lowercase();
            let found =
                options.iter().find(|(key, label)| key.to_lowercase() == wanted || label.to_lowercase() == wanted);
            match found {
                Some((key, _)) => Ok((**key).into()),
                None => {
                    let labels: Vec<Json> = options.iter().map(|(_, label)| (**label).into()).collect();
                    bad_with(
                        format!("Value '{text}' not found in selection field '%(field)s'"),
                        json!({"moreinfo": labels}),
                    )
                }
            }
        }
        _ => Ok(value.clone()),
    }
}

/// What was written in the caller's time zone, in UTC.
fn in_zone(env: &Env<'_>, naive_utc: i64) -> Option<String> {
    let clock: DateTime =
        jiff::Timestamp::from_microsecond(naive_utc).ok()?.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let instant = clock.to_zoned(env.zone()).ok()?.timestamp();
    Some(instant_text(instant.as_microsecond()))
}
