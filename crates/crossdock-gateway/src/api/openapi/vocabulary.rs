//! The model's JSON Schemas as components of the document: what `data` of an entity and of an event holds is said by the
//! same tables that check it, never by hand.

use crossdock_core::model::publish::{common, entity_schema, event_schema};
use crossdock_core::model::{ENTITIES, EntityKind, EventType};
use crossdock_core::value::Value;
use serde_json::{Map, Value as Json, json};

/// One event as it is handed in.
pub const CLOUD_EVENT: &str = "#/components/schemas/CloudEvent";

/// The type of an event, and what its data are.
const CONTENT: &str = "EventContent";

/// Adds the vocabulary, and makes what was generated speak it.
pub fn add(schemas: &mut Map<String, Json>) {
    if let Some(shared) = plain(&common())["$defs"].as_object() {
        schemas.extend(shared.iter().map(|(name, schema)| (format!("common.{name}"), schema.clone())));
    }
    let record = schemas.remove("EntityView").unwrap_or_default();
    schemas.insert("EntityRecord".to_owned(), record);
    for kind in ENTITIES {
        let of = plain(&entity_schema(kind));
        schemas.insert(format!("entity.{}", kind.name), entity(kind, &of));
        let mut data = of["$defs"]["data"].clone();
        data["title"] = json!(format!("data of {}", kind.name));
        schemas.insert(format!("data.{}", kind.name), data);
    }
    for event in EventType::all() {
        let mut data = plain(&event_schema(event));
        if let Some(data) = data.as_object_mut() {
            data.remove("$schema");
        }
        schemas.insert(event.name(), data);
    }
    schemas.insert("EntityView".to_owned(), any_entity());
    schemas.insert(CONTENT.to_owned(), any_content());
    schemas.insert("CloudEvent".to_owned(), cloud_event());
    if let Some(view) = schemas.get_mut("EventView") {
        view["allOf"] = json!([{"$ref": within(CONTENT)}]);
    }
}

fn within(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// One kind of entity: what all have, and what is its own.
fn entity(kind: &EntityKind, of: &Json) -> Json {
    json!({
        "title": of["title"],
        "description": of["description"],
        "x-standard": of["x-standard"],
        "allOf": [
            {"$ref": within("EntityRecord")},
            {
                "type": "object",
                "properties": {
                    "kind": {"const": kind.name},
                    "key": of["properties"]["key"],
                    "status": of["properties"]["status"],
                    "data": {"$ref": within(&format!("data.{}", kind.name))},
                },
                "required": ["kind", "key", "status", "data"],
            },
        ],
    })
}

fn any_entity() -> Json {
    let name = |kind: &EntityKind| within(&format!("entity.{}", kind.name));
    let mapping: Map<String, Json> = ENTITIES.iter().map(|kind| (kind.name.to_owned(), json!(name(kind)))).collect();
    json!({
        "description": "An entity as it stands; `kind` says what its data are.",
        "oneOf": ENTITIES.iter().map(|kind| json!({"$ref": name(kind)})).collect::<Vec<_>>(),
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    })
}

fn any_content() -> Json {
    let content = |event: EventType| {
        json!({
            "properties": {"type": {"const": event.name()}, "data": {"$ref": within(&event.name())}},
            "required": ["type", "data"],
        })
    };
    json!({
        "description": "The type of an event says what its data are.",
        "type": "object",
        "oneOf": EventType::all().map(content).collect::<Vec<_>>(),
    })
}

fn cloud_event() -> Json {
    let text = |meaning: &str| json!({"type": "string", "minLength": 1, "description": meaning});
    json!({
        "description": "A CloudEvent whose data follow the model.",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text("The sender's own id of the event."),
            "source": {"type": "string", "minLength": 1, "format": "uri-reference", "description": "Who says so."},
            "type": text("`crossdock.<entity>.<past verb>.v<n>`."),
            "subject": {"type": "string", "description": "`kind/key` of the entity; must agree with the data."},
            "time": {"type": "string", "format": "date-time", "description": "When it happened; now, when absent."},
            "datacontenttype": {"const": "application/json"},
            "data": {"type": "object", "description": "What the model says of this type of event."}
        },
        "allOf": [{"$ref": within(CONTENT)}]
    })
}

/// A schema of the model as JSON, with every reference pointing into the components.
fn plain(schema: &Value) -> Json {
    let mut json: Json = serde_json::from_str(&schema.to_json_string()).unwrap_or_default();
    retarget(&mut json);
    json
}

fn retarget(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(retarget),
        Json::Object(members) => {
            for (name, value) in members.iter_mut() {
                match value.as_str().filter(|_| name == "$ref").and_then(target) {
                    Some(target) => *value = json!(target),
                    None => retarget(value),
                }
            }
        }
        _ => {}
    }
}

/// `common.json#/$defs/time` is the component `common.time`, `shipment.json#/$defs/data` is `data.shipment`.
fn target(reference: &str) -> Option<String> {
    let (file, place) = reference.split_once(".json#/$defs/")?;
    Some(within(&if file == "common" { format!("common.{place}") } else { format!("{place}.{file}") }))
}
