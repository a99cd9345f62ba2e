//! Types from schemas and samples. Expectations are written as [`outline`] writes a type.

use crate::mapping::tests::yaml;
use crate::mapping::types::Ty;
use crate::mapping::types::ty::{Format, Held, Presence, Rest};
use crate::value::{JsonLimits, Value};

/// A type in short: `{a int, b? text|null, …}`; `?` may be absent, `!` has at least one, `…` other fields.
pub(super) fn outline(ty: &Ty) -> String {
    if ty.dynamic {
        return if ty.null { "dyn|null".into() } else { "dyn".into() };
    }
    let mut parts: Vec<String> = Vec::new();
    if ty.bool {
        parts.push("bool".into());
    }
    if let Some(number) = &ty.number {
        let measure = number.measure.as_ref().map(|measure| format!("<{measure}>")).unwrap_or_default();
        let held = if number.held == Held::Either { "" } else { "!" };
        parts.push(format!("{}{held}{measure}", if number.whole { "int" } else { "number" }));
    }
    if let Some(text) = &ty.text {
        let format = match text.format {
            Format::Unknown => "text",
            Format::Instant => "instant",
            Format::Loose => "loose",
            Format::Local => "local",
            Format::Date => "date",
            Format::Other => "other",
        };
        parts.push(match &text.words {
            Some(words) => words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join("/"),
            None => format!("{format}{}", if text.filled && text.format == Format::Unknown { "!" } else { "" }),
        });
    }
    for (there, word) in [(ty.time, "time"), (ty.duration, "duration"), (ty.bytes, "bytes")] {
        if there {
            parts.push(word.into());
        }
    }
    if let Some(list) = &ty.list {
        parts.push(format!("[{}{}]", outline(&list.item), if list.filled { "!" } else { "" }));
    }
    if let Some(object) = &ty.map {
        let mut fields: Vec<String> = object
            .fields
            .iter()
            .map(|(name, field)| {
                let mark = if field.presence == Presence::Always { "" } else { "?" };
                format!("{name}{mark} {}", outline(&field.ty))
            })
            .collect();
        match &object.rest {
            Rest::Closed => {}
            Rest::Sampled => fields.push("~".into()),
            Rest::Open => fields.push("…".into()),
            Rest::Values(ty) => fields.push(format!("* {}", outline(ty))),
        }
        parts.push(format!("{{{}}}", fields.join(", ")));
    }
    if ty.null {
        parts.push("null".into());
    }
    if parts.is_empty() { "never".into() } else { parts.join("|") }
}

#[track_caller]
fn check_schema(schema: &str, expect: &str) {
    match Ty::of_schema(&yaml::node("schema.json", schema), "") {
        Ok(ty) => assert_eq!(outline(&ty), expect, "{schema}"),
        Err(mistakes) => {
            let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            assert_eq!(told.join("; "), expect, "{schema}");
        }
    }
}

#[track_caller]
fn check_samples(samples: &[&str], expect: &str) {
    let samples: Vec<Value> = samples
        .iter()
        .map(|sample| Value::parse_json(sample.as_bytes(), &JsonLimits::default()).expect("the sample is JSON"))
        .collect();
    assert_eq!(outline(&Ty::of_samples(&samples)), expect, "{samples:?}");
}

#[test]
fn a_schema_tells_types() {
    check_schema(r#"{"type": "string"}"#, "text");
    check_schema(r#"{"type": "string", "minLength": 1}"#, "text!");
    check_schema(r#"{"type": ["string", "null"], "format": "date-time"}"#, "instant|null");
    check_schema(r#"{"type": "integer", "nullable": true}"#, "int|null");
    check_schema(r#"{"type": "number", "x-unit": "LBR"}"#, "number<LBR>");
    check_schema(r#"{"enum": ["A", "B", null, 3]}"#, "int|'A'/'B'|null");
    check_schema(r#"{"const": "x"}"#, "'x'");
    check_schema("true", "dyn");
    check_schema("{}", "dyn");
    check_schema(r#"{"type": "array", "items": {"type": "boolean"}, "minItems": 2}"#, "[bool!]");
    check_schema(
        r#"{"type": "object", "required": ["a", "z"], "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}"#,
        "{a int, b? text, z dyn, …}",
    );
    check_schema(r#"{"type": "object", "properties": {"a": true}, "additionalProperties": false}"#, "{a? dyn}");
    check_schema(r#"{"type": "object", "additionalProperties": {"type": "integer"}}"#, "{* int}");
}

#[test]
fn alternatives_are_brought_together() {
    check_schema(r#"{"oneOf": [{"type": "string"}, {"type": "integer"}]}"#, "int|text");
    check_schema(
        r#"{"anyOf": [
            {"type": "object", "required": ["k", "a"], "properties": {"k": {"const": "A"}, "a": {"type": "string"}}, "additionalProperties": false},
            {"type": "object", "required": ["k"], "properties": {"k": {"const": "B"}}, "additionalProperties": false}]}"#,
        "{a? text, k 'A'/'B'}",
    );
    check_schema(
        r#"{"allOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a"], "properties": {"b": {"type": "integer"}}}]}"#,
        "{a text, b? int, …}",
    );
    check_schema(
        r##"{"$defs": {"n": {"type": ["integer", "null"]}}, "type": "array", "items": {"$ref": "#/$defs/n"}}"##,
        "[int|null]",
    );
    check_schema(
        r##"{"$defs": {"t": {"properties": {"k": {"type": "array", "items": {"$ref": "#/$defs/t"}}}}}, "$ref": "#/$defs/t"}"##,
        "{k? [dyn], …}",
    );
}

#[test]
fn what_is_wrong_with_a_schema_is_told() {
    check_schema(
        r#"{"type": "strin"}"#,
        "schema.json:1:10: error: JSON Schema has no type `strin` (did you mean `string`?)",
    );
    check_schema(
        r#"{"propertes": {}}"#,
        "schema.json:1:2: error: JSON Schema has no keyword `propertes` (did you mean `properties`?)",
    );
    check_schema(
        r##"{"$ref": "#/$defs/a"}"##,
        "schema.json:1:10: error: there is nothing at `#/$defs/a` in this schema",
    );
    check_schema(
        r#"{"$ref": "https://example.com/a.json"}"#,
        "schema.json:1:10: error: `$ref` leads out of this document (copy what it refers to below `$defs`, and refer to `#/$defs/…`)",
    );
}

#[test]
fn samples_tell_types() {
    check_samples(&[r#"{"a": 1, "b": "x"}"#], "{a int, b other, ~}");
    check_samples(&[r#"{"a": 1}"#, r#"{"a": 1.5, "b": null}"#], "{a number, b? dyn|null, ~}");
    check_samples(&[r#"{"a": "2026-11-23T10:00:00Z"}"#, r#"{"a": null}"#], "{a instant|null, ~}");
    check_samples(&[r#"{"a": "2026-11-23 10:00:00"}"#], "{a local, ~}");
    check_samples(&[r#"{"a": "2026-11-23"}"#], "{a date, ~}");
    check_samples(&[r#"{"a": []}"#, r#"{"a": [{"x": 1}, {"x": 2, "y": ""}]}"#], "{a [{x int, y? text, ~}], ~}");
    check_samples(&[r#"{"a": []}"#], "{a [dyn], ~}");
    check_samples(&[], "dyn");
}
