//! The model as plain data, for programs that read it whole, and as it is recorded with each release; and whether a
//! later model still keeps what a recorded one promised.

use super::super::{ENTITIES, EntityKind, Field, Measure, Type};
use super::schema::tense_word;
use crate::value::{Map, Value};

/// All of these entities: word in event types, key, states in order of precedence, moves, events and fields.
pub fn describe<'k>(kinds: impl IntoIterator<Item = &'k &'static EntityKind>) -> Value {
    Value::map([("entities", Value::map(kinds.into_iter().map(|kind| (kind.name, entity(kind)))))])
}

/// The whole model.
pub fn describe_all() -> Value {
    describe(ENTITIES)
}

fn entity(kind: &EntityKind) -> Value {
    let moves: Value = kind.moves.iter().map(|(from, to)| Value::list([*from, *to])).collect();
    let events = Value::map(kind.events.iter().map(|event| {
        let mut described = Map::new();
        described.insert("meaning", Value::text(event.meaning));
        if let Some(to) = event.to {
            described.insert("to", Value::text(to));
        }
        described.insert("requires", Value::list(event.requires.iter().copied()));
        (format!("crossdock.{}.{}.v{}", kind.event_word, event.verb, event.version), Value::from(described))
    }));
    Value::map([
        ("meaning", Value::text(kind.meaning)),
        ("standard", Value::text(kind.standard)),
        ("key", Value::list(kind.key.iter().copied())),
        ("states", Value::list(kind.states.iter().copied())),
        ("moves", moves),
        ("events", events),
        ("fields", fields(kind.fields)),
    ])
}

/// Fields by name: type, unit, whether they are required, meaning.
pub fn fields(fields: &[Field]) -> Value {
    Value::map(fields.iter().map(|field| (field.name, described(field))))
}

fn described(field: &Field) -> Value {
    let mut described = of_type(&field.of);
    if field.required {
        described.insert("required", Value::from(true));
    }
    match field.measure {
        Some(Measure::Fixed(unit)) => drop(described.insert("unit", Value::text(unit))),
        Some(Measure::Beside(name)) => drop(described.insert("unit_field", Value::text(name))),
        Some(Measure::Money(name)) => drop(described.insert("currency_field", Value::text(name))),
        None => {}
    }
    if let Some(tense) = field.tense {
        described.insert("time", Value::text(tense_word(tense)));
    }
    described.insert("meaning", Value::text(field.meaning));
    Value::from(described)
}

fn of_type(of: &Type) -> Map {
    let word = match of {
        Type::Text => "text",
        Type::Code(_) => "code",
        Type::Unit => "unit",
        Type::Currency => "currency",
        Type::Country => "country",
        Type::Unlocode => "unlocode",
        Type::Zone => "zone",
        Type::Int => "int",
        Type::Decimal => "decimal",
        Type::Bool => "bool",
        Type::Time => "time",
        Type::Date => "date",
        Type::Ref(_) => "ref",
        Type::AnyRef => "any_ref",
        Type::Binary => "binary",
        Type::Object(_) => "object",
        Type::List(_) => "list",
        Type::Attributes => "attributes",
        Type::Open(_) => "object",
        Type::Any => "any",
    };
    let mut described = Map::from_iter([("type", word)]);
    match of {
        Type::Code(words) => drop(described.insert("words", Value::list(words.iter().copied()))),
        Type::Ref(kind) => drop(described.insert("entity", Value::text(*kind))),
        Type::Object(inner) | Type::Open(inner) => drop(described.insert("fields", fields(inner))),
        Type::List(item) => drop(described.insert("of", Value::from(of_type(item)))),
        _ => {}
    }
    described
}

/// What a model breaks of an earlier one, both as [`describe_all`] gives them. Within a version of an event type only
/// optional fields, code words, states and moves may be added: who reads the old must be able to read the new, and who
/// writes the old must be understood.
pub fn broken_promises(recorded: &Value, present: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, old) in entries(recorded, "entities") {
        match present.get("entities").and_then(|entities| entities.get(name)) {
            Some(new) => compare_entity(name, old, new, &mut broken),
            None => broken.push(format!("{name} is gone: an entity stays")),
        }
    }
    broken
}

fn compare_entity(name: &str, old: &Value, new: &Value, broken: &mut Vec<String>) {
    if old.get("key") != new.get("key") {
        broken.push(format!("{name} has another key: its entities would be others"));
    }
    let (states, known) = (list(old, "states"), list(new, "states"));
    let kept: Vec<&Value> = known.iter().filter(|state| states.contains(state)).collect();
    for state in states.iter().filter(|state| !known.contains(state)) {
        broken.push(format!("{name}: the state {state} is gone"));
    }
    if kept.len() == states.len() && !kept.iter().zip(states).all(|(kept, state)| **kept == *state) {
        broken.push(format!("{name}: its states stand in another order, which decides contradictions otherwise"));
    }
    for step in list(old, "moves").iter().filter(|step| !list(new, "moves").contains(step)) {
        broken.push(format!("{name}: the move {step} is not allowed any more"));
    }
    for (event, old) in entries(old, "events") {
        match new.get("events").and_then(|events| events.get(event)) {
            Some(new) => compare_event(event, old, new, broken),
            None => broken.push(format!("{event} is gone: keep it beside its next version")),
        }
    }
    compare_fields(name, old.get("fields"), new.get("fields"), broken);
}

fn compare_event(name: &str, old: &Value, new: &Value, broken: &mut Vec<String>) {
    if old.get("to") != new.get("to") {
        broken.push(format!("{name} moves to another state: that is another meaning, so make it {}", next(name)));
    }
    for field in list(new, "requires").iter().filter(|field| !list(old, "requires").contains(field)) {
        broken.push(format!("{name} requires {field} now, which old senders do not tell: make it {}", next(name)));
    }
}

fn compare_fields(path: &str, old: Option<&Value>, new: Option<&Value>, broken: &mut Vec<String>) {
    let (Some(old), Some(new)) = (old.and_then(Value::as_map), new.and_then(Value::as_map)) else { return };
    for (name, old) in old.iter() {
        match new.get(name) {
            Some(new) => compare_field(&format!("{path}.{name}"), old, new, broken),
            None => broken.push(format!("{path}.{name} is gone: keep it, and make a v2 of the events that do without")),
        }
    }
    for (name, _) in new.iter().filter(|(name, new)| !old.contains_key(name) && new.get("required").is_some()) {
        broken.push(format!("{path}.{name} is new and required: make it optional, or make a v2 of the events"));
    }
}

fn compare_field(path: &str, old: &Value, new: &Value, broken: &mut Vec<String>) {
    for what in ["type", "entity", "unit", "unit_field", "currency_field", "time"] {
        if old.get(what) != new.get(what) {
            let (old, new) = (shown(old.get(what)), shown(new.get(what)));
            broken.push(format!(
                "{path}: its {} was {old} and is {new}: add another field, or make a v2 of the events",
                what.replace('_', " ")
            ));
        }
    }
    if old.get("required").is_none() && new.get("required").is_some() {
        broken.push(format!("{path} is required now, which old senders do not tell: make a v2 of the events"));
    }
    for word in list(old, "words").iter().filter(|word| !list(new, "words").contains(word)) {
        broken.push(format!("{path} does not take {word} any more: keep the word, or make a v2 of the events"));
    }
    compare_fields(path, old.get("fields"), new.get("fields"), broken);
    if let (Some(old), Some(new)) = (old.get("of"), new.get("of")) {
        compare_field(&format!("{path}[]"), old, new, broken);
    }
}

/// `crossdock.x.y.v1` as `v2`.
fn next(name: &str) -> String {
    let version = name.rsplit_once(".v").and_then(|(_, version)| version.parse::<u32>().ok()).unwrap_or(1);
    format!("v{}", version + 1)
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("`{}`", value.as_text().unwrap_or_default()))
}

fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of.get(name).and_then(Value::as_list).unwrap_or_default()
}

fn entries<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = (&'v str, &'v Value)> {
    of.get(name).and_then(Value::as_map).into_iter().flat_map(|map| map.iter())
}
