//! AsyncAPI 3.0: every event type as a message that Crossdock tells, one channel per entity. Events travel as
//! CloudEvents 1.0 in structured JSON.

use super::super::{ENTITIES, EntityKind, EventType};
use crate::value::Value;

pub(super) fn document() -> Value {
    let channels = Value::map(ENTITIES.iter().map(|kind| (kind.name, channel(kind))));
    let operations = Value::map(ENTITIES.iter().map(|kind| (format!("tell_{}", kind.name), operation(kind))));
    let messages = Value::map(EventType::all().map(|event| (event.name(), message(event))));
    let info = Value::map([
        ("title", Value::text("Crossdock events")),
        ("version", Value::text("1.0.0")),
        (
            "description",
            Value::text(
                "Business facts of logistics, as Crossdock tells them to subscribers. A new meaning is a new version \
                 of its event type; within one version fields, code words and states are only added.",
            ),
        ),
        ("license", Value::map([("name", "Apache-2.0")])),
    ]);
    Value::map([
        ("asyncapi", Value::text("3.0.0")),
        ("info", info),
        ("defaultContentType", Value::text("application/cloudevents+json")),
        ("channels", channels),
        ("operations", operations),
        ("components", Value::map([("schemas", Value::map([("envelope", envelope())])), ("messages", messages)])),
    ])
}

fn events_of(kind: &'static EntityKind) -> impl Iterator<Item = EventType> {
    kind.events.iter().map(move |event| EventType { entity: kind, event })
}

fn reference(to: String) -> Value {
    Value::map([("$ref", to)])
}

fn channel(kind: &'static EntityKind) -> Value {
    let messages = Value::map(
        events_of(kind).map(|event| (event.name(), reference(format!("#/components/messages/{}", event.name())))),
    );
    Value::map([
        ("address", Value::text(format!("crossdock.{}", kind.name))),
        ("title", Value::text(kind.name)),
        ("description", Value::text(format!("{} {}", kind.meaning, kind.differs))),
        ("messages", messages),
    ])
}

fn operation(kind: &'static EntityKind) -> Value {
    Value::map([
        ("action", Value::text("send")),
        ("channel", reference(format!("#/channels/{}", kind.name))),
        ("summary", Value::text(format!("What happens to every {}.", kind.name.replace('_', " ")))),
    ])
}

fn message(event: EventType) -> Value {
    let schema = Value::map([(
        "properties",
        Value::map([
            ("type", Value::map([("const", event.name())])),
            ("data", reference(format!("schemas/{}.json", event.name()))),
        ]),
    )]);
    let payload = Value::map([("allOf", Value::list([reference("#/components/schemas/envelope".to_owned()), schema]))]);
    Value::map([
        ("name", Value::text(event.name())),
        ("title", Value::text(event.event.verb.replace('_', " "))),
        ("summary", Value::text(event.event.meaning)),
        ("contentType", Value::text("application/cloudevents+json")),
        ("payload", payload),
    ])
}

/// CloudEvents 1.0 with the extensions that Crossdock sets.
fn envelope() -> Value {
    let text =
        |description: &str| Value::map([("type", Value::text("string")), ("description", Value::text(description))]);
    let time = |description: &str| {
        Value::map([
            ("type", Value::text("string")),
            ("format", Value::text("date-time")),
            ("description", Value::text(description)),
        ])
    };
    let properties = Value::map([
        ("specversion", Value::map([("const", "1.0")])),
        ("id", text("Id of the event; the same event has the same id for ever.")),
        ("source", text("The hub, and the system that said so.")),
        ("type", text("crossdock.<entity>.<past verb>.v<version>")),
        ("subject", text("The entity it is about, kind/key.")),
        ("time", time("When it happened.")),
        ("recordedtime", time("When the hub accepted the message that told it.")),
        ("datacontenttype", Value::map([("const", "application/json")])),
        ("data", Value::map([("type", "object")])),
    ]);
    Value::map([
        ("type", Value::text("object")),
        ("properties", properties),
        ("required", Value::list(["specversion", "id", "source", "type", "data"])),
    ])
}
