//! Laws of values: reading undoes writing, agreement with `serde_json`, and exactness.

use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::value;

/// Reads a text, and sees to it that the check agrees.
fn parse(json: &str) -> Result<Value, JsonError> {
    let read = Value::parse_json(json.as_bytes(), &JsonLimits::default());
    assert_eq!(check_json(json.as_bytes(), &JsonLimits::default()), read.clone().map(drop), "{json}");
    read
}

/// Checks what a JSON text reads as: its `Debug` form, or `!` and a part of the error.
#[track_caller]
fn check(json: &str, expect: &str) {
    match (parse(json), expect.strip_prefix('!')) {
        (Ok(value), None) => assert_eq!(format!("{value:?}"), expect, "{json}"),
        (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{json}: {error}"),
        (other, _) => panic!("{json}: {other:?} instead of {expect}"),
    }
}

#[test]
fn json_is_read_exactly() {
    for (json, expect) in [
        ("null", "null"),
        (" true ", "true"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0.0"),
        ("12", "12"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9223372036854775808"),
        ("12.50", "12.50"),
        ("1.0", "1.0"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1.5e1", "15"),
        ("1.50e1", "15.0"),
        ("12e-1", "1.2"),
        ("1e-28", "0.0000000000000000000000000001"),
        ("100e-30", "0.0000000000000000000000000001"),
        ("1e28", "10000000000000000000000000000"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
        ("0.0000000000000000000000000000000000", "0.0000000000000000000000000000"),
        ("0e999999999999999999999", "0"),
        ("1.2300000000000000000000000000000000000", "1.2300000000000000000000000000"),
        ("79228162514264337593543950336", "!the number 79228162514264337593543950336 at “” has more digits"),
        ("[1, {\"a/b\": [0.12345678901234567890123456789012]}]", "!at “/1/a~1b/0” has more digits"),
        ("1e-29", "!more digits than can be kept exactly"),
        ("1e29", "!more digits"),
        ("1e999999999999999999999", "!more digits"),
        ("\"a\\u00e4\\ud83d\\ude00\\n\"", "\"aä😀\\n\""),
        ("[]", "[]"),
        ("{}", "{}"),
        ("{\"b\": 1, \"a\": [true, null]}", "{\"b\": 1, \"a\": [true, null]}"),
        ("{\"a\": 1, \"a\": 2}", "!the key at “/a” is there twice"),
        ("{\"x\": [{\"a\": 1, \"a\": 2}]}", "!the key at “/x/0/a” is there twice"),
        ("", "!not JSON at line 1"),
        ("1 2", "!not JSON at line 1, column 3"),
        ("[1,]", "!not JSON"),
        ("{\"a\" 1}", "!not JSON"),
        ("{a: 1}", "!not JSON"),
        ("01", "!not JSON"),
        ("1.", "!not JSON"),
        (".5", "!not JSON"),
        ("+1", "!not JSON"),
        ("NaN", "!not JSON"),
        ("Infinity", "!not JSON"),
        ("-Infinity", "!not JSON"),
        ("'a'", "!not JSON"),
        ("\"\\ud800\"", "!not JSON"),
        ("\"a\nb\"", "!not JSON at line"),
        ("{\n  \"a\": ,\n}", "!not JSON at line 2"),
        ("\u{feff}1", "!not JSON"),
    ] {
        check(json, expect);
    }
    assert!(Value::parse_json(b"\"\xff\"", &JsonLimits::default()).is_err());
    assert!(Value::parse_json(b"{\"\xff\": 1}", &JsonLimits::default()).is_err());
}

#[test]
fn json_has_limits() {
    let limits = JsonLimits { depth_max: 3, bytes_max: 40, nodes_max: 6 };
    let parse = |json: &str| Value::parse_json(json.as_bytes(), &limits).map_err(|error| error.to_string());
    assert!(parse("[[[1]]]").is_ok());
    assert_eq!(
        parse("[[{\"a\": [1]}]]").expect_err("4 deep"),
        "lists and maps are nested more than 3 deep at “/0/0/a”"
    );
    assert!(parse("[1, 2, 3, 4, 5]").is_ok());
    assert_eq!(parse("[1, 2, 3, 4, 5, 6]").expect_err("7 values"), "the document has more than the 6 values allowed");
    assert!(parse(&format!("\"{}\"", "x".repeat(38))).is_ok());
    assert_eq!(
        parse(&format!("\"{}\"", "x".repeat(39))).expect_err("41 bytes"),
        "the document has 41 bytes, more than the 40 allowed"
    );
    let bomb = "[".repeat(1_000_000);
    assert!(matches!(
        super::Value::parse_json(bomb.as_bytes(), &JsonLimits::default()),
        Err(JsonError::TooDeep { .. })
    ));
    let maps = "{\"a\":".repeat(100_000);
    assert!(matches!(
        super::Value::parse_json(maps.as_bytes(), &JsonLimits::default()),
        Err(JsonError::TooDeep { .. })
    ));
}

#[test]
fn json_is_written_exactly() {
    let time = Time::parse("2026-03-01T10:00:00.120+01:00").expect("a time");
    let value = value!({
        "text": "a\"\\/\n\u{1}ä",
        "money": (Decimal::new(1250, 2)),
        "zero": (-Decimal::new(0, 1)),
        "time": time,
        "took": (SignedDuration::from_mins(90)),
        "raw": (Value::Bytes(Arc::from([0xff, 0x00].as_slice()))),
        "list": [1, true, null, {}]
    });
    assert_eq!(
        value.to_json_string(),
        r#"{"text":"a\"\\/\n\u0001ä","money":12.50,"zero":0.0,"time":"2026-03-01T10:00:00.12+01:00","took":"PT1H30M","raw":"/wA=","list":[1,true,null,{}]}"#
    );
    assert_eq!(value.clone().into_json_shape(), parse(&value.to_json_string()).expect("our own JSON"));
}

#[test]
fn times_keep_the_offset_they_were_written_in() {
    for (text, written) in [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01T10:00:00+00:00", "2026-03-01T10:00:00Z"),
        ("2026-03-01T10:00:00.500+01:00", "2026-03-01T10:00:00.5+01:00"),
        ("2026-03-01t10:00:00z", "2026-03-01T10:00:00Z"),
        ("2026-03-01 10:00-05", "2026-03-01T10:00:00-05:00"),
        ("2026-07-01T10:00:00+02:00[Europe/Berlin]", "2026-07-01T10:00:00+02:00"),
    ] {
        assert_eq!(Time::parse(text).expect(text).to_string(), written);
    }
    let zoned = Time::parse("2026-03-28T10:00:00+01:00[Europe/Berlin]").expect("a time");
    assert_eq!(zoned.zoned().time_zone().iana_name(), Some("Europe/Berlin"));
    assert_eq!(Time::parse("2026-03-01T10:00:00"), Err(TimeError::NoOffset("2026-03-01T10:00:00".into())));
    assert!(Time::parse("2026-03-01").is_err());
    assert!(Time::parse("10:00").is_err());
    assert!(Time::parse("2026-03-01T10:00:00+01:00[Nowhere/Land]").is_err());
    assert!(zone_named("Europe/Berlin").is_ok() && zone_named("+02:00").is_ok() && zone_named("UTC").is_ok());
    assert!(zone_named("Mars/Base").is_err() && zone_named("").is_err() && zone_named("+2:00").is_err());
}

#[test]
fn numbers_are_equal_by_value_and_maps_by_content() {
    assert_eq!(Value::from(1), Value::from(Decimal::new(100, 2)));
    assert_ne!(Value::from(1), Value::from("1"));
    assert_eq!(value!({ "a": 1, "b": 2 }), value!({ "b": 2, "a": 1 }));
    assert_ne!(value!({ "a": 1 }), value!({ "a": 1, "b": null }));
    assert_eq!(Value::from(Decimal::new(200, 2)).as_int(), Some(2));
    assert_eq!(Value::from(Decimal::new(201, 2)).as_int(), None);
}

#[test]
fn paths_reach_into_lists_and_maps() {
    let value = value!({ "a": { "b": [10, { "c": "x" }] } });
    assert_eq!(value.at("a.b.1.c"), Some(&Value::from("x")));
    assert_eq!(value.at("a.b.0"), Some(&Value::from(10)));
    assert_eq!(value.at(""), Some(&value));
    assert_eq!(value.at("a.b.2"), None);
    assert_eq!(value.at("a.b.x"), None);
    assert_eq!(value.at("a.b.0.c"), None);
    assert_eq!(value.get("z"), None);
}

#[test]
fn maps_keep_their_order_at_any_size() {
    let mut map = Map::new();
    for n in 0..100 {
        assert_eq!(map.insert(format!("k{n}"), Value::from(n)), None);
    }
    assert_eq!(map.insert("k50", Value::from("new")), Some(Value::from(50)));
    assert_eq!(map.remove("k10"), Some(Value::from(10)));
    assert_eq!(map.remove("k10"), None);
    assert_eq!(map.len(), 99);
    assert_eq!(map.get("k50"), Some(&Value::from("new")));
    assert_eq!(map.get("k99"), Some(&Value::from(99)));
    assert_eq!(map.get("k10"), None);
    let keys: Vec<&str> = map.keys().collect();
    assert_eq!((keys[9], keys[10], keys[98]), ("k9", "k11", "k99"));
    *map.get_mut("k0").expect("there") = Value::Null;
    assert!(map.get("k0").expect("there").is_null());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Name {
    kind: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    name: Name,
    data: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extra: Option<Map>,
    list: Vec<Value>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Change {
    Put(Record),
    Raw { value: Value },
    Nothing,
}

#[test]
fn records_with_values_survive_serde_json() {
    let data = value!({ "amount": (Decimal::new(1250, 2)), "big": (Decimal::MAX), "n": null, "t": "ä" });
    let record = || Record {
        name: Name { kind: "order".into() },
        data: data.clone(),
        extra: Some([("x", Decimal::new(10, 1))].into_iter().collect()),
        list: vec![Value::Null, Value::from(1), data.clone()],
    };
    for change in [Change::Put(record()), Change::Raw { value: data.clone() }, Change::Nothing] {
        let json = serde_json::to_string(&change).expect("serializes");
        let back: Change = serde_json::from_str(&json).expect("reads back");
        assert_eq!(back, change);
        assert_eq!(serde_json::to_string(&back).expect("serializes"), json);
    }
    let json = serde_json::to_string(&record()).expect("serializes");
    assert!(json.contains("\"amount\":12.50") && json.contains("79228162514264337593543950335"), "{json}");
    let value = Value::from_serde(&record()).expect("serializes");
    assert_eq!(value.at("data.amount").map(Value::to_json_string), Some("12.50".into()));
    assert_eq!(value.to_serde::<Record>().expect("reads back"), record());
    assert_eq!(serde_json::from_slice::<Value>(b" [1.10] ").expect("reads").to_json_string(), "[1.10]");
}

/// Any value that JSON can hold.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (any::<i64>(), 0_u32..20).prop_map(|(digits, scale)| Value::Decimal(Decimal::new(digits, scale))),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..20).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

/// The `serde_json` value of the same data, numbers by their text.
fn to_serde_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::Int(int) => (*int).into(),
        Value::Decimal(decimal) => serde_json::from_str(&decimal.to_string()).expect("a number"),
        Value::Text(text) => (**text).into(),
        Value::List(items) => items.iter().map(to_serde_json).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key.to_string(), to_serde_json(value))).collect(),
        other => panic!("not JSON: {other:?}"),
    }
}

/// Numbers as floats, so that both readers' numbers can be compared.
fn as_floats(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(number) => number.as_f64().into(),
        serde_json::Value::Array(items) => items.into_iter().map(as_floats).collect(),
        serde_json::Value::Object(map) => map.into_iter().map(|(key, value)| (key, as_floats(value))).collect(),
        other => other,
    }
}

proptest! {
    #[test]
    fn reading_undoes_writing(value in any_json()) {
        let json = value.to_json_string();
        let back = parse(&json).expect("our own JSON");
        prop_assert_eq!(&back, &value);
        prop_assert_eq!(back.to_json_string(), json);
    }

    #[test]
    fn writing_agrees_with_serde_json(value in any_json()) {
        let theirs: serde_json::Value = serde_json::from_str(&value.to_json_string()).expect("JSON");
        prop_assert_eq!(as_floats(theirs), as_floats(to_serde_json(&value)));
    }

    #[test]
    fn reading_agrees_with_serde_json(text in prop_oneof![
        "[\\[\\]{}\",:0-9eE+.a-z \\\\-]{0,24}",
        prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-2", "1.5", "1e2", "true", "null", " ", "\"\\u0041\"", "\"\\ud83d\\ude00\"", "\n",
        ]), 0..16).prop_map(|tokens| tokens.concat()),
    ]) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match parse(&text) {
            Ok(ours) => {
                let theirs = theirs.expect("serde_json reads what we read");
                prop_assert_eq!(as_floats(to_serde_json(&ours)), as_floats(theirs));
            }
            Err(JsonError::Syntax { .. }) => prop_assert!(theirs.is_err(), "only serde_json reads {}", text),
            Err(JsonError::DuplicateKey { .. } | JsonError::NumberTooPrecise { .. }) => {}
            Err(other) => prop_assert!(false, "{}: {}", text, other),
        }
    }

    #[test]
    fn what_is_written_is_seen_to_be_right(value in any_json()) {
        let json = value.to_json_string();
        prop_assert!(check_json(json.as_bytes(), &JsonLimits::default()).is_ok());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let read = Value::parse_json(&bytes, &JsonLimits::default());
        prop_assert_eq!(check_json(&bytes, &JsonLimits::default()), read.map(drop));
    }

    #[test]
    fn decimals_keep_their_digits(mantissa in -(1_i128 << 95)..(1_i128 << 95), scale in 0_u32..=28) {
        let decimal = Decimal::try_from_i128_with_scale(mantissa, scale).expect("fits");
        let text = decimal.to_string();
        let parsed = number::parse_decimal(&text).expect("reads back");
        prop_assert_eq!(parsed.to_string(), text);
    }
}
