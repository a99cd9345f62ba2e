//! JSON Schema 2020-12 of entities and of the data of events. The schemas say all that `check_event` says, but what no
//! schema can: whether a day exists in the calendar and a zone in the database.

use super::super::{ENTITIES, EntityKind, EventType, Field, Measure, Tense, Type, codes};
use crate::value::{Map, Value};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

const HOUR: &str = "([01][0-9]|2[0-3])";
const DAY: &str = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";

/// What several schemas share: the code lists of the world, times.
pub fn common() -> Value {
    let list = |title: &str, codes: &[&str]| {
        Value::map([
            ("title", Value::text(title)),
            ("type", Value::text("string")),
            ("enum", Value::list(codes.iter().copied())),
        ])
    };
    let pattern = |title: &str, pattern: String| {
        Value::map([("title", Value::text(title)), ("type", Value::text("string")), ("pattern", Value::text(pattern))])
    };
    let kinds: Vec<&str> = ENTITIES.iter().map(|kind| kind.name).collect();
    let time = format!(
        "^{DAY}T{HOUR}:[0-5][0-9]:[0-5][0-9](\\.[0-9]{{1,9}})?(Z|[+-]{HOUR}:[0-5][0-9])(\\[[A-Za-z0-9_+/-]+\\])?$"
    );
    let currencies: Vec<&str> = codes::currencies().collect();
    let definitions = Value::map([
        ("unit", list("Unit, UN/ECE Recommendation 20; of Recommendation 21 with an X before it", codes::units())),
        ("currency", list("Currency, ISO 4217", &currencies)),
        ("country", list("Country, ISO 3166-1 alpha-2", codes::countries())),
        ("unlocode", pattern("Place, UN/LOCODE without a space", "^[A-Z]{2}[A-Z2-9]{3}$".to_owned())),
        ("zone", pattern("Time zone of the IANA database", "^[A-Za-z0-9_+/-]+$".to_owned())),
        ("time", pattern("Instant with offset, RFC 3339; the IANA zone may follow in brackets, RFC 9557", time)),
        ("date", pattern("Day, ISO 8601", format!("^{DAY}$"))),
        ("entity_name", pattern("Name of an entity: kind/key", format!("^({})/[\\s\\S]+$", kinds.join("|")))),
        (
            "key",
            Value::map([
                ("title", Value::text("Key of an entity")),
                ("type", Value::list(["string", "number"])),
                ("minLength", Value::Int(1)),
            ]),
        ),
    ]);
    Value::map([
        ("$schema", Value::text(DIALECT)),
        ("title", Value::text("What the schemas share")),
        ("$defs", definitions),
    ])
}

/// The schema of an entity's present state; `$defs/data` are its fields, as events about it carry them.
pub fn entity_schema(kind: &EntityKind) -> Value {
    let mut status = Map::new();
    status.insert("description", Value::text("Its state; empty until an event sets one."));
    status.insert("enum", Value::list(kind.states.iter().copied().chain([""])));
    let text =
        |description: &str| Value::map([("type", Value::text("string")), ("description", Value::text(description))]);
    let properties = Value::map([
        ("kind", Value::map([("const", kind.name)])),
        ("key", text(&format!("{}, joined with a slash.", kind.key.join(", ")))),
        (
            "version",
            Value::map([("type", Value::text("integer")), ("description", Value::text("Grows with every change."))]),
        ),
        ("status", Value::from(status)),
        ("data", Value::map([("$ref", "#/$defs/data")])),
        ("updated_at", Value::map([("$ref", "common.json#/$defs/time")])),
    ]);
    Value::map([
        ("$schema", Value::text(DIALECT)),
        ("title", Value::text(kind.name)),
        ("description", Value::text(kind.meaning)),
        ("x-standard", Value::text(kind.standard)),
        ("x-key", Value::list(kind.key.iter().copied())),
        ("type", Value::text("object")),
        ("properties", properties),
        ("required", Value::list(["kind", "key", "version", "status", "data"])),
        ("$defs", Value::map([("data", data(kind))])),
    ])
}

/// The schema of the data of one type of event.
pub fn event_schema(event: EventType) -> Value {
    let present = Value::map(
        event.event.requires.iter().map(|name| (*name, Value::map([("not", Value::map([("type", "null")]))]))),
    );
    let mut schema = Map::new();
    schema.insert("$schema", Value::text(DIALECT));
    schema.insert("title", Value::text(event.name()));
    schema.insert("description", Value::text(event.event.meaning));
    if let Some(to) = event.event.to {
        schema.insert("x-moves-to", Value::text(to));
    }
    schema.insert("allOf", Value::list([Value::map([("$ref", format!("{}.json#/$defs/data", event.entity.name))])]));
    if !event.event.requires.is_empty() {
        schema.insert("properties", present);
        schema.insert("required", Value::list(event.event.requires.iter().copied()));
    }
    Value::from(schema)
}

/// A schema with all that it refers to inside it, for programs that take one file. `event` names the type of the data,
/// or is `None` for the entity.
pub fn bundled(kind: &EntityKind, event: Option<EventType>) -> Value {
    let schema = match event {
        Some(event) => event_schema(event),
        None => entity_schema(kind),
    };
    let mut schema = local(&schema);
    let data = local(&data(kind));
    let mut definitions = Map::new();
    let text = format!("{schema}{data}");
    if let Some(all) = common().get("$defs").and_then(Value::as_map) {
        for (name, definition) in all.iter().filter(|(name, _)| text.contains(&format!("\"#/$defs/{name}\""))) {
            definitions.insert(name, definition.clone());
        }
    }
    definitions.insert("data", data);
    if let Some(map) = schema.as_map_mut() {
        map.insert("$defs", Value::from(definitions));
    }
    schema
}

/// The same with every reference into another file pointing into this one.
fn local(schema: &Value) -> Value {
    match schema {
        Value::List(items) => items.iter().map(local).collect(),
        Value::Map(map) => Value::from_iter(map.entries().iter().map(|(name, value)| {
            let value = match (&**name, value.as_text().and_then(|to| to.split_once('#'))) {
                ("$ref", Some((_, within))) => Value::text(format!("#{within}")),
                _ => local(value),
            };
            (name.clone(), value)
        })),
        scalar => scalar.clone(),
    }
}

/// The data of an entity: its fields, of which the texts of its key are never empty.
fn data(kind: &EntityKind) -> Value {
    let mut data = object(kind.fields);
    let properties = data.as_map_mut().and_then(|data| data.get_mut("properties")?.as_map_mut());
    if let Some(properties) = properties {
        for name in kind.key.iter().filter(|name| kind.field(name).is_some_and(|field| matches!(field.of, Type::Text)))
        {
            if let Some(property) = properties.get_mut(name).and_then(Value::as_map_mut) {
                property.insert("minLength", Value::Int(1));
            }
        }
    }
    data
}

fn object(fields: &[Field]) -> Value {
    let properties = Value::map(fields.iter().map(|field| (field.name, property(field))));
    let required: Vec<Value> =
        fields.iter().filter(|field| field.required).map(|field| Value::text(field.name)).collect();
    let mut schema = Map::new();
    schema.insert("type", Value::text("object"));
    schema.insert("properties", properties);
    if !required.is_empty() {
        schema.insert("required", Value::from(required));
    }
    schema.insert("additionalProperties", Value::from(false));
    Value::from(schema)
}

fn property(field: &Field) -> Value {
    let mut schema = match (field.required, of_type(&field.of)) {
        (true, schema) => schema,
        (false, schema) => nullable(schema),
    };
    schema.insert("description", Value::text(field.meaning));
    match field.measure {
        Some(Measure::Fixed(unit)) => drop(schema.insert("x-unit", Value::text(unit))),
        Some(Measure::Beside(name)) => drop(schema.insert("x-unit-field", Value::text(name))),
        Some(Measure::Money(name)) => drop(schema.insert("x-currency-field", Value::text(name))),
        None => {}
    }
    if let Some(tense) = field.tense {
        schema.insert("x-time", Value::text(tense_word(tense)));
    }
    if !field.standard.is_empty() {
        schema.insert("x-standard", Value::text(field.standard));
    }
    Value::from(schema)
}

/// A field that is not required may be null, which says as much as its absence.
fn nullable(mut schema: Map) -> Map {
    let with_null = |types: Value| match types {
        Value::List(types) => types.iter().cloned().chain([Value::text("null")]).collect(),
        one => Value::list([one, Value::text("null")]),
    };
    if let Some(words) = schema.get("enum").and_then(Value::as_list) {
        let words: Value = words.iter().cloned().chain([Value::Null]).collect();
        schema.insert("enum", words);
    } else if let Some(types) = schema.get("type").cloned() {
        schema.insert("type", with_null(types));
    } else {
        let either = Value::list([Value::from(schema), Value::map([("type", "null")])]);
        return Map::from_iter([("anyOf", either)]);
    }
    schema
}

fn of_type(of: &Type) -> Map {
    let typed = |name: &str| Map::from_iter([("type", Value::text(name))]);
    let shared = |name: &str| Map::from_iter([("$ref", Value::text(format!("common.json#/$defs/{name}")))]);
    match of {
        Type::Text => typed("string"),
        Type::Code(words) => Map::from_iter([("enum", Value::list(words.iter().copied()))]),
        Type::Unit => shared("unit"),
        Type::Currency => shared("currency"),
        Type::Country => shared("country"),
        Type::Unlocode => shared("unlocode"),
        Type::Zone => shared("zone"),
        Type::Int => {
            let mut schema = typed("integer");
            schema.insert("format", Value::text("int64"));
            schema
        }
        Type::Decimal => typed("number"),
        Type::Bool => typed("boolean"),
        Type::Time => shared("time"),
        Type::Date => shared("date"),
        Type::Ref(kind) => {
            let mut schema = shared("key");
            schema.insert("x-entity", Value::text(*kind));
            schema
        }
        Type::AnyRef => shared("entity_name"),
        Type::Binary => {
            let mut schema = typed("string");
            schema.insert("contentEncoding", Value::text("base64"));
            schema
        }
        Type::Object(fields) => match object(fields) {
            Value::Map(map) => (*map).clone(),
            _ => typed("object"),
        },
        Type::List(item) => {
            let mut schema = typed("array");
            schema.insert("items", Value::from(of_type(item)));
            schema
        }
        Type::Attributes | Type::Open(_) => typed("object"),
        Type::Any => Map::new(),
    }
}

pub(super) fn tense_word(tense: Tense) -> &'static str {
    match tense {
        Tense::Planned => "planned",
        Tense::Estimated => "estimated",
        Tense::Actual => "actual",
        Tense::Recorded => "recorded",
    }
}
