//! The OpenAPI 3.1 document, made from the table of routes and the types that the routes take and give.

pub mod vocabulary;

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use schemars::generate::{Contract, SchemaSettings};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use super::table::{Gives, Header, ROUTES, Route, Takes, Verb};
use crate::problem::ProblemDocument;

const PROBLEM: &str = "application/problem+json";

static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

/// The document as it is served.
pub async fn serve() -> Response {
    let mut response = TEXT.as_str().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The document as text, for `docs/reference/openapi.json`.
pub fn text() -> &'static str {
    &TEXT
}

/// The document.
pub fn document() -> Json {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    settings.contract = Contract::Serialize;
    let mut given = settings.clone().into_generator();
    settings.contract = Contract::Deserialize;
    let mut taken = settings.into_generator();
    let problem = given.subschema_for::<ProblemDocument>();
    let mut paths = Map::new();
    for route in ROUTES {
        let path = format!("/api{}", route.path.replace("{*", "{"));
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        operations[verb(route)] = operation(route, &mut given, &mut taken);
    }
    let mut schemas = given.take_definitions(true);
    // A type that is both taken and given looks the same in both.
    schemas.extend(taken.take_definitions(true));
    vocabulary::add(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Crossdock",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The API of a Crossdock hub.",
            "description": "What people and their scripts ask of a hub and tell it to do. Every failure is a problem \
                            (RFC 9457) whose `code` has a page under `/errors/`. Keys that hold a slash are one path \
                            segment: `stop/R1%2F3`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        "servers": [{"url": "/", "description": "The address on which the console is served."}],
        "security": [{"token": []}, {}],
        "tags": tags(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`api.token` of hub.yaml. A hub without one answers only to its own machine."
                }
            },
            "responses": {"Problem": response("What is wrong, and what to do.", PROBLEM, problem)},
            "schemas": schemas
        }
    })
}

fn tags() -> Json {
    let mut names: Vec<&str> = ROUTES.iter().map(|route| route.tag).collect();
    names.dedup();
    json!(names.into_iter().map(|name| json!({"name": name})).collect::<Vec<_>>())
}

fn verb(route: &Route) -> &'static str {
    match route.verb {
        Verb::Get => "get",
        Verb::Post => "post",
    }
}

fn operation(route: &Route, given: &mut SchemaGenerator, taken: &mut SchemaGenerator) -> Json {
    let mut operation = json!({
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": responses(route, given),
    });
    if !route.detail.is_empty() {
        operation["description"] = json!(route.detail);
    }
    let parameters: Vec<Json> = path_parameters(route.path)
        .chain(route.query.map(|query| query_parameters(query(taken), taken)).unwrap_or_default())
        .chain(route.headers.iter().map(|header| header_parameter(*header)))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(Takes { media, shape }) = &route.takes {
        let schema = shape(taken);
        let content: Map<String, Json> =
            media.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

fn responses(route: &Route, given: &mut SchemaGenerator) -> Json {
    let Gives { status, media, shape, meaning, is_tagged } = route.gives;
    let mut good = response(meaning, media, shape(given));
    if is_tagged {
        let etag = json!({"description": "The entity tag of this version.", "schema": {"type": "string"}});
        good["headers"] = json!({"ETag": etag});
    }
    let mut responses = json!({});
    responses[status.to_string()] = good;
    if is_tagged {
        responses["304"] = json!({"description": "It is as the entity tag in `If-None-Match` says."});
    }
    // Whoever may not come in is told so by every route.
    for refused in route.refuses.iter().chain(&[401, 403]) {
        responses[refused.to_string()] = json!({"$ref": "#/components/responses/Problem"});
    }
    responses["default"] = json!({"$ref": "#/components/responses/Problem"});
    responses
}

fn response(meaning: &str, media: &str, schema: Schema) -> Json {
    json!({"description": meaning, "content": {media: {"schema": schema}}})
}

fn path_parameters(path: &str) -> impl Iterator<Item = Json> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let name = name.trim_start_matches('*');
        let (meaning, schema) = match name {
            "id" => ("Its id.", json!({"type": "string", "format": "uuid"})),
            "kind" => ("A kind of entity, singular: `shipment`.", json!({"type": "string"})),
            "key" => ("Its business key; a slash in it is written `%2F`.", json!({"type": "string"})),
            "name" => ("The name of a system, as configured.", json!({"type": "string"})),
            _ => ("What to look for.", json!({"type": "string"})),
        };
        json!({"name": name, "in": "path", "required": true, "description": meaning, "schema": schema})
    })
}

/// The fields of a query's type, each a parameter.
fn query_parameters(query: Schema, taken: &mut SchemaGenerator) -> Vec<Json> {
    let query = query.to_value();
    // The type itself is no schema of the document: only its fields are.
    let name = query["$ref"].as_str().and_then(|at| at.rsplit('/').next()).unwrap_or_default();
    let object = taken.definitions_mut().remove(name).unwrap_or(query);
    let is_required = |name: &str| object["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name));
    let properties = object["properties"].as_object().cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Json)| {
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        // An absent parameter is absent, not null.
        if let Some([one, null]) = schema["anyOf"].as_array().map(Vec::as_slice)
            && null["type"] == "null"
        {
            schema = one.clone();
        }
        if let Some(kinds) = schema["type"].as_array() {
            let kinds: Vec<Json> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
            schema["type"] = if kinds.len() == 1 { kinds[0].clone() } else { json!(kinds) };
        }
        json!({
            "name": name,
            "in": "query",
            "required": is_required(&name),
            "description": description.unwrap_or_default(),
            "schema": schema,
        })
    };
    properties.into_iter().map(parameter).collect()
}

fn header_parameter(header: Header) -> Json {
    let (name, is_required, meaning) = match header {
        Header::KeyRequired => (
            "Idempotency-Key",
            true,
            "Made up by the sender for this request; a repeat of the request carries it again.",
        ),
        Header::Key => (
            "Idempotency-Key",
            false,
            "Made up by the sender for this request; with it, a repeat has no further effect.",
        ),
        Header::IfMatch => ("If-Match", false, "The entity tag of the version that the event was written for, or `*`."),
        Header::IfNoneMatch => ("If-None-Match", false, "The entity tag of the version that is known."),
    };
    let schema = match header {
        // In quotes as in RFC 9651, or bare.
        Header::KeyRequired | Header::Key => {
            json!({"type": "string", "pattern": "^(\"[ !#-\\[\\]-~]{1,253}\"|[!#-~][!-~]{0,254})$"})
        }
        Header::IfMatch | Header::IfNoneMatch => json!({"type": "string"}),
    };
    json!({"name": name, "in": "header", "required": is_required, "description": meaning, "schema": schema})
}
