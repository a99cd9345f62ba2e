//! What operations say they take is what they take: an input made of the shape is accepted, without a required field or
//! with an unknown one it is not.

use crossdock_connect::endpoint::{Endpoint, Operation};
use crossdock_core::model::{Field, Type};
use crossdock_core::value::{Map, Value};

use crate::CONNECTORS;
use crate::http::testing;

/// A value for a field. An operation that wants one of several fields takes only the first of them.
fn value(of: &Type) -> Value {
    match of {
        // The second: with the first method of HTTP no body can go.
        Type::Code(words) => Value::text(words[1]),
        Type::Country => Value::text("DE"),
        Type::Int | Type::Decimal => Value::Int(1),
        Type::Bool => Value::from(true),
        Type::Time => Value::text("2026-03-01T08:30:00Z"),
        Type::Date => Value::text("2026-03-01"),
        Type::Binary => Value::text("YQ=="),
        Type::Object(fields) | Type::Open(fields) => Value::from(whole(fields)),
        Type::List(item) => Value::list([value(item)]),
        Type::Attributes => Value::map([("a", "b")]),
        Type::Any => Value::text("/a"),
        _ => Value::text("EA"),
    }
}

/// Every field that may stand beside the others.
fn whole(fields: &[Field]) -> Map {
    let is_other_way = |name: &str| matches!(name, "product_key") && fields.iter().any(|field| field.name == "sku");
    fields.iter().filter(|field| !is_other_way(field.name)).map(|field| (field.name, value(&field.of))).collect()
}

fn faults(endpoint: &dyn Endpoint, operation: &Operation, input: Map) -> Vec<String> {
    let checked = endpoint.check(operation.name, &Value::from(input));
    checked.err().unwrap_or_default().into_iter().map(|fault| format!("{} {}", fault.path, fault.message)).collect()
}

fn agree(endpoint: &dyn Endpoint, operation: &Operation) {
    let name = operation.name;
    let mut input = whole(operation.input.fields);
    for other in operation.input.one_of.iter().skip(1).filter(|_| name == "order.confirm") {
        input.remove(other);
    }
    assert_eq!(faults(endpoint, operation, input.clone()), [""; 0], "{name} refuses what its shape says");
    for field in operation.input.fields.iter().filter(|field| field.required) {
        let mut without = input.clone();
        without.remove(field.name);
        let told = faults(endpoint, operation, without);
        assert!(told.iter().any(|fault| fault.starts_with(field.name)), "{name} goes without {}: {told:?}", field.name);
    }
    if !operation.input.one_of.is_empty() {
        let mut without = input.clone();
        operation.input.one_of.iter().for_each(|name| drop(without.remove(name)));
        assert!(!faults(endpoint, operation, without).is_empty(), "{name} goes without any of the choice");
    }
    let mut with = input.clone();
    with.insert("nobody_knows", Value::from(true));
    assert_eq!(faults(endpoint, operation, with).is_empty(), operation.input.others, "{name}, an unknown field");
    known(operation, faults(endpoint, operation, Map::from_iter([("~", Value::from(true))])));
}

/// Where the operation lists the fields it knows, the shape has all of them.
fn known(operation: &Operation, told: Vec<String>) {
    let listed = told.iter().find_map(|fault| fault.split_once("(known are ")?.1.strip_suffix(')'));
    for name in listed.into_iter().flat_map(|listed| listed.split(", ")) {
        let has = operation.input.fields.iter().any(|field| field.name == name);
        assert!(has, "the shape of {} lacks `{name}`", operation.name);
    }
}

#[test]
fn every_operation_takes_what_its_shape_says() {
    let configs = [
        "config: {url: 'http://127.0.0.1', database: odoo, key: {env: X}}",
        "config: {url: 'http://127.0.0.1', secret: {env: X}}",
        "config: {url: 'http://127.0.0.1'}",
    ];
    let mut seen = Vec::new();
    for spec in CONNECTORS {
        let made = configs.iter().find_map(|config| testing::endpoint(*spec, config).ok());
        let Some(endpoint) = made else { continue };
        for operation in endpoint.operations() {
            agree(&*endpoint, operation);
            seen.push(operation.name);
        }
    }
    assert!(seen.len() >= 11, "only {seen:?}");
}
