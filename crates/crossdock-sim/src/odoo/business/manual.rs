//! Models and fields made through the API.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::orm::{Env, Values};
use super::super::registry::{Field, Kind, Model, Name, Source};
use super::{automation, id_in};

const MODELS: &str = "ir.model";
const FIELDS: &str = "ir.model.fields";

pub fn before_create_model(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    let name = values.get("model").and_then(Json::as_str).unwrap_or_default();
    if env.flag("seeding") {
        return Ok(());
    }
    if !name.starts_with("x_") {
        return Err(Fault::validation("The model name must start with 'x_'."));
    }
    if env.world.registry.get(name).is_some() {
        return Err(Fault::constraint("Each model must have a unique name.", None));
    }
    if !values.contains_key("field_id") {
        let field = json!({"name": "x_name", "field_description": "Name", "ttype": "char", "copied": true});
        let mut field = field.as_object().cloned().unwrap_or_default();
        field.remove("copied");
        values.insert("field_id".into(), json!([[0, 0, field]]));
    }
    Ok(())
}

pub fn before_create_field(env: &Env<'_>, values: &mut Values) -> Outcome<()> {
    if env.flag("seeding") {
        return Ok(());
    }
    let name = values.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    let well_named = name.starts_with("x_")
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !well_named {
        return Err(Fault::validation("Custom fields must have a name that starts with 'x_'!"));
    }
    if let Some(id) = id_in(values, "model_id") {
        values.insert("model".into(), env.text(MODELS, id, "model").into());
    }
    if let Some(kind) = values.get("ttype").and_then(Json::as_str)
        && kind_of(kind, values).is_none()
    {
        return Err(Fault::beyond_the_stand_in(format!("a custom field of type {kind}")));
    }
    super::fill(values, "field_description", name);
    Ok(())
}

/// Brings the new model to life, with the fields that came with it.
pub fn after_create_model(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    if env.flag("seeding") {
        return Ok(());
    }
    let mut model = Model::new(env.text(MODELS, id, "model"), env.text(MODELS, id, "name"));
    model.manual = true;
    model.transient = env.yes(MODELS, id, "transient");
    for field in env.list(MODELS, id, "field_id") {
        model.add(field_of(env, field));
    }
    let name = model.name.clone();
    env.world.change_registry(|registry| registry.add(model));
    let model = env.model(&name);
    env.world.tables.prepare(&model);
    env.with(json!({"seeding": true}), |env| describe(env, &model, id, true))
}

pub fn after_create_field(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let name = env.text(FIELDS, id, "model");
    let Some(model) = env.world.registry.get(&name).cloned().filter(|_| !env.flag("seeding")) else { return Ok(()) };
    let mut model = Model::clone(&model);
    model.add(field_of(env, id));
    let model_for_tables = model.clone();
    env.world.change_registry(|registry| registry.add(model));
    env.world.tables.prepare(&model_for_tables);
    Ok(())
}

pub fn before_unlink_model(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        let name = env.text(MODELS, *id, "model");
        if !env.is(MODELS, *id, "state", "manual") {
            let label = env.text(MODELS, *id, "name");
            return Err(Fault::user(format!("Model “{label}” contains module data and cannot be removed.")));
        }
        let name: Name = name.as_str().into();
        let rows: Vec<i64> = env.world.tables.ids(&name).collect();
        for row in rows {
            env.world.tables.put(&name, row, None);
        }
        env.world.change_registry(|registry| registry.remove(&name));
    }
    automation::forget(env);
    Ok(())
}

/// Writes the rows of `ir.model.fields` for a model; only those of the fields every model has when `magic`.
pub fn describe(env: &mut Env<'_>, model: &Model, id: i64, magic: bool) -> Outcome<()> {
    let known = ["id", "display_name", "create_uid", "create_date", "write_uid", "write_date"];
    for field in &model.fields {
        if magic && !known.contains(&&*field.name) {
            continue;
        }
        let values = json!({
            "name": *field.name,
            "model": *model.name,
            "model_id": id,
            "field_description": *field.label,
            "ttype": field.kind.word(),
            "relation": field.kind.comodel().map(|comodel| comodel.to_string()),
            "relation_field": match &field.kind {
                Kind::One2many { inverse, .. } => Some(inverse.to_string()),
                _ => None,
            },
            "required": field.required,
            "readonly": field.readonly,
            "store": field.stored(),
            "state": "base",
        });
        env.as_root(|env| env.create(FIELDS, values))?;
    }
    Ok(())
}

fn field_of(env: &Env<'_>, id: i64) -> Field {
    let relation = env.text(FIELDS, id, "relation");
    let mut values = Values::new();
    values.insert("relation".into(), relation.into());
    let kind = kind_of(&env.text(FIELDS, id, "ttype"), &values).unwrap_or(Kind::Char);
    Field {
        name: env.text(FIELDS, id, "name").into(),
        label: env.text(FIELDS, id, "field_description").into(),
        kind,
        source: Source::Stored,
        required: env.yes(FIELDS, id, "required"),
        readonly: env.yes(FIELDS, id, "readonly"),
        indexed: env.yes(FIELDS, id, "index"),
        default: None,
    }
}

/// The kinds of custom fields the stand-in can make.
fn kind_of(word: &str, values: &Values) -> Option<Kind> {
    let relation = || Name::from(values.get("relation").and_then(Json::as_str).unwrap_or_default());
    Some(match word {
        "char" => Kind::Char,
        "text" => Kind::Text,
        "html" => Kind::Html,
        "integer" => Kind::Integer,
        "float" => Kind::Float(None),
        "boolean" => Kind::Boolean,
        "date" => Kind::Date,
        "datetime" => Kind::Datetime,
        "many2one" => Kind::Many2one(relation()),
        _ => return None,
    })
}
