//! A body that a JSON Schema allows: for channels that have a schema and no sample.

use serde_json::{Map, Value as Json, json};

/// Schemas inside each other beyond this give null.
const DEPTH_MAX: usize = 24;

/// A body as `pointer` within `schema` describes it: examples, defaults and constants where there are any.
pub fn example(schema: &Json, pointer: &str) -> Json {
    let part = schema.pointer(pointer).unwrap_or(schema);
    of(schema, part, "body", 0)
}

fn of(root: &Json, schema: &Json, name: &str, depth: usize) -> Json {
    if depth > DEPTH_MAX {
        return Json::Null;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        return root.pointer(target).map_or(Json::Null, |schema| of(root, schema, name, depth + 1));
    }
    let given = ["const", "example", "default"].iter().find_map(|key| schema.get(key).cloned());
    let first = |key: &str| schema[key].as_array().and_then(|all| all.first());
    if let Some(given) = given.or_else(|| first("examples").or(first("enum")).cloned()) {
        return given;
    }
    if let Some(choice) = first("oneOf").or(first("anyOf")) {
        return of(root, choice, name, depth + 1);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Json::Object(fields) = of(root, part, name, depth + 1) {
                whole.extend(fields);
            }
        }
        return Json::Object(whole);
    }
    let kind = schema["type"].as_str().or_else(|| {
        schema["type"].as_array().and_then(|kinds| kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null"))
    });
    match kind {
        Some("object") | None if schema.get("properties").is_some() => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            Json::Object(fields.map(|(key, part)| (key.clone(), of(root, part, key, depth + 1))).collect())
        }
        Some("object") => json!({}),
        Some("array") => json!([of(root, &schema["items"], name, depth + 1)]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => text(schema, name),
        _ => Json::Null,
    }
}

fn text(schema: &Json, name: &str) -> Json {
    match schema["format"].as_str() {
        Some("date-time") => json!("2026-01-01T12:00:00Z"),
        Some("date") => json!("2026-01-01"),
        Some("time") => json!("12:00:00Z"),
        Some("email") => json!("rehearsal@example.com"),
        Some("uri") => json!("https://example.com/"),
        Some("uuid") => json!("0bb6b0f0-1f0c-4f57-9d5c-000000000001"),
        _ => json!(format!("{name}-rehearsal")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_what_its_schema_names() {
        let schema = json!({
            "$defs": {"Order": {"type": "object", "properties": {
                "number": {"type": "string"}, "at": {"type": ["null", "string"], "format": "date-time"},
                "state": {"enum": ["open", "done"]}, "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
            }}, "Line": {"type": "object", "properties": {"quantity": {"type": "integer", "minimum": 2}}}},
        });
        let expect = json!({
            "number": "number-rehearsal", "at": "2026-01-01T12:00:00Z", "state": "open", "lines": [{"quantity": 2}],
        });
        assert_eq!(example(&schema, "/$defs/Order"), expect);
    }
}
