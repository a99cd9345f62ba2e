//! `order.release`: the order as the warehouse gets it, and what its answer says.

use crossdock_connect::endpoint::InputFault;
use crossdock_core::model::shape::{Shape, country, decimal, list, object, other, text, texts};
use crossdock_core::model::{Field, Type};
use crossdock_core::transmission::Outcome;
use crossdock_core::value::{Decimal, Map, Value};

use crate::http::input::{Input, parse};

/// Most lines of one order.
const LINES_MAX: usize = 1000;

const ADDRESS: &[Field] = &[
    texts("lines", "Lines of the address."),
    text("house_number", "House number, where it stands apart."),
    text("postcode", "Postal code."),
    text("city", "City."),
    text("region", "State or province."),
    country("country", "Country."),
];

const SHIP_TO: &[Field] = &[
    text("name", "Who receives it.").required(),
    text("account", "The customer's account."),
    text("location", "The location's code."),
    text("company", "Company, beside a person's name."),
    text("email", "Email address."),
    text("phone", "Telephone number."),
    object("address", ADDRESS, "Where it goes."),
];

const LINE: &[Field] = &[
    text("order_line", "Line number or id within the order."),
    text("sku", "The item.").required(),
    decimal("quantity", "How many, more than none.").required(),
    text("uom", "Unit of the quantity."),
    text("lot", "Lot number."),
    text("description", "Text of the line."),
    decimal("unit_price", "Price of one."),
];

pub(super) const INPUT: Shape = Shape::of(&[
    text("order_number", "Order number.").required(),
    text("partner_order_id", "The customer's own order number."),
    text("warehouse", "The warehouse that is to fulfil it."),
    other("ordered_at", Type::Time, "When it was placed."),
    other("required_by", Type::Time, "When it must be there."),
    text("shipping_carrier", "The carrier."),
    text("shipping_method", "The carrier's service."),
    text("currency", "Currency of the prices."),
    text("notes", "Free text."),
    object("ship_to", SHIP_TO, "Consignee.").required(),
    list("lines", &Type::Object(LINE), "What is ordered, at least one line.").required(),
]);

pub(super) const RESULT: Shape =
    Shape::of(&[other("reference", Type::Any, "The warehouse's own id of the order.")]).and_others();

/// Reads the input and gives the body to send: the fields as they came, in a fixed order, quantities exact.
///
/// # Errors
/// Every fault at once.
pub(super) fn read(input: &Value) -> Result<Value, Vec<InputFault>> {
    parse(input, |input| {
        let order_number = input.key("order_number");
        let mut order = Map::new();
        put(&mut order, "order_number", order_number);
        put(&mut order, "partner_order_id", input.optional_key("partner_order_id"));
        put(&mut order, "warehouse", input.optional_key("warehouse"));
        put(&mut order, "ordered_at", input.optional_time("ordered_at").map(|time| time.to_string()));
        put(&mut order, "required_by", input.optional_time("required_by").map(|time| time.to_string()));
        put(&mut order, "shipping_carrier", input.optional_text("shipping_carrier"));
        put(&mut order, "shipping_method", input.optional_text("shipping_method"));
        put(&mut order, "currency", input.optional_text("currency"));
        put(&mut order, "notes", input.optional_text("notes"));
        input.required("ship_to");
        put(&mut order, "ship_to", input.inner("ship_to", party));
        put(&mut order, "lines", Some(lines(input)));
        Some(Value::from(order))
    })
}

/// The canonical party: who receives the goods, and where.
fn party(input: &Input<'_>) -> Option<Value> {
    let mut party = Map::new();
    put(&mut party, "name", input.text("name"));
    for key in ["account", "location", "company", "email", "phone"] {
        put(&mut party, key, input.optional_text(key));
    }
    put(&mut party, "address", input.inner("address", address));
    Some(Value::from(party))
}

fn address(input: &Input<'_>) -> Option<Value> {
    let mut address = Map::new();
    put(&mut address, "lines", street(input));
    for key in ["house_number", "postcode", "city", "region"] {
        put(&mut address, key, input.optional_key(key));
    }
    let country = input.optional_text("country");
    if country.as_deref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
        input.fault("country", "must be a country code of two capital letters (ISO 3166-1), such as DE");
    }
    put(&mut address, "country", country);
    Some(Value::from(address))
}

fn street(input: &Input<'_>) -> Option<Value> {
    let value = input.value("lines")?;
    let lines = value.as_list().filter(|lines| lines.iter().all(|line| line.as_text().is_some()));
    if lines.is_none() {
        input.fault("lines", "must be a list of texts");
    }
    lines.map(|_| value.clone())
}

fn lines(input: &Input<'_>) -> Value {
    let count = input.value("lines").and_then(Value::as_list).map_or(0, <[Value]>::len);
    match input.required("lines").and_then(Value::as_list) {
        Some([]) => input.fault("lines", "must hold at least one line"),
        Some(_) if count > LINES_MAX => {
            input.fault("lines", format!("has {count} lines; at most {LINES_MAX} go in one order"))
        }
        _ => {}
    }
    Value::from(input.list("lines", line))
}

fn line(input: &Input<'_>) -> Option<Value> {
    let mut line = Map::new();
    put(&mut line, "order_line", input.optional_key("order_line"));
    put(&mut line, "sku", input.key("sku"));
    put(&mut line, "quantity", input.quantity("quantity").map(exact));
    put(&mut line, "uom", input.optional_text("uom"));
    put(&mut line, "lot", input.optional_text("lot"));
    put(&mut line, "description", input.optional_text("description"));
    put(&mut line, "unit_price", input.optional_decimal("unit_price"));
    Some(Value::from(line))
}

/// Without zeros behind the point: most warehouses read quantities as whole numbers, and `3.00` is none to them.
fn exact(quantity: Decimal) -> Value {
    let value = Value::Decimal(quantity.normalize());
    value.as_int().map_or(value, Value::Int)
}

fn put(map: &mut Map, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key, value.into());
    }
}

/// The outcome of a 2xx answer: `reference` is the warehouse's own id of the order. Warehouses with a GraphQL core
/// answer 200 to what they refuse, with `errors` in place of an order.
pub(super) fn released(answer: Value) -> Outcome {
    let reference = ["order_uuid", "id", "order_id"]
        .into_iter()
        .find_map(|key| answer.get(key).and_then(crate::http::inbound::word));
    let errors = answer.get("errors").and_then(Value::as_list).filter(|errors| !errors.is_empty());
    if let (None, Some(errors)) = (&reference, errors) {
        let told = crate::http::answer::excerpt(&Value::list(errors.to_vec()).to_json_string());
        return Outcome::Refused { reason: format!("the warehouse took the request but not the order: {told}") };
    }
    let mut result = match answer {
        Value::Map(map) => (*map).clone(),
        _ => Map::new(),
    };
    result.insert("reference", Value::from(reference));
    Outcome::Accepted { result: Value::from(result) }
}
