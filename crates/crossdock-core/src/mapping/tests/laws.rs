//! Laws: whatever is written and whatever arrives, compiling and evaluating end, within their limits and without a
//! panic, and the same input gives the same output.

use proptest::prelude::*;

use super::{here, scope};
use crate::mapping::{Expression, MapLimits};
use crate::value::{Decimal, Value};

/// Any JSON-like value, small.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1000_i64..1000).prop_map(Value::Int),
        (any::<i64>(), 0_u32..10).prop_map(|(digits, scale)| Value::Decimal(Decimal::new(digits, scale))),
        "[a-z]{0,4}".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        Just(Value::from("2026-03-01T10:00:00+01:00")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[abc]", inner), 0..4).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

/// Expressions that parse, over the variables `m`, `x` and `y`.
fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("m".to_string()),
        Just("x".to_string()),
        Just("m.a".to_string()),
        Just("m.a.b".to_string()),
        Just("m[0]".to_string()),
        Just("'text'".to_string()),
        Just("'2026-03-01T10:00:00Z'".to_string()),
        Just("duration('90s')".to_string()),
        Just("[1, 2.5, 'x']".to_string()),
        Just("{'a': 1}".to_string()),
        Just("null".to_string()),
        Just("true".to_string()),
        any::<i64>().prop_map(|int| int.to_string()),
        (0_u32..100_000, 1_u32..100).prop_map(|(a, b)| format!("{a}.{b}")),
    ];
    let operator =
        prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"]);
    let one = prop::sample::select(
        crate::mapping::functions::all().filter(|f| f.run.arity() == 1).map(|f| f.name).collect::<Vec<_>>(),
    );
    let two = prop::sample::select(
        crate::mapping::functions::all().filter(|f| f.run.arity() == 2).map(|f| f.name).collect::<Vec<_>>(),
    );
    let three = prop::sample::select(
        crate::mapping::functions::all().filter(|f| f.run.arity() == 3).map(|f| f.name).collect::<Vec<_>>(),
    );
    let walk = prop::sample::select(vec!["all", "exists", "exists_one", "filter", "map"]);
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let (a, b, c) = (inner.clone(), inner.clone(), inner);
        prop_oneof![
            (a.clone(), operator.clone(), b.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (a.clone(), b.clone(), c.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (one.clone(), a.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (two.clone(), a.clone(), b.clone()).prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
            (three.clone(), a.clone(), b.clone(), c.clone()).prop_map(|(f, a, b, c)| format!("{f}({a}, {b}, {c})")),
            (a.clone(), walk.clone(), b.clone()).prop_map(|(a, w, b)| format!("{a}.{w}(x, {b})")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("default({a}, {b})")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("{a}.?a[?{b}].orValue({b})")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("{{'a': {a}, 'b': {b}}}")),
            a.clone().prop_map(|a| format!("-{a}")),
            a.prop_map(|a| format!("{a}.a")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_text_compiles_or_is_refused_with_a_place(text in "\\PC{0,40}") {
        if let Err(mistakes) = Expression::compile(&text, &here(), &scope()) {
            prop_assert!(!mistakes.is_empty());
            let lines = text.lines().count().max(1) as u32;
            for mistake in mistakes {
                prop_assert!(mistake.location.line <= lines + 1 && mistake.location.column <= 42, "{}", mistake);
                prop_assert!(!mistake.message.is_empty() && !mistake.message.contains("OtherError"), "{}", mistake);
            }
        }
    }

    #[test]
    fn tokens_in_any_order_compile_or_are_refused(tokens in prop::collection::vec(prop::sample::select(vec![
        "m", "a", ".", ".?", "[", "]", "[?", "(", ")", "{", "}", ",", ":", "?", "1", "2.5", "'t'", "+", "-", "*", "!", "&&", "||",
        "==", "=", "in", "has", "map", "x", "null", "`q`", " ", "\n", "\"", "ä",
    ]), 0..14)) {
        let text = tokens.concat();
        let _ = Expression::compile(&text, &here(), &scope());
    }

    #[test]
    fn evaluating_ends_within_its_limits_and_repeats(text in any_expression(), m in any_value(), x in any_value()) {
        let scope = scope();
        let Ok(expression) = Expression::compile(&text, &here(), &scope) else { return Ok(()) };
        let bindings = scope.bind([("m", m), ("x", x)]);
        let limits = MapLimits { steps_max: 20_000, bytes_max: 100_000, out_of_time: None };
        let first = expression.evaluate(&bindings, &limits);
        let second = expression.evaluate(&bindings, &limits);
        prop_assert_eq!(format!("{first:?}"), format!("{second:?}"));
        if let Ok(value) = first {
            prop_assert!(value.to_json_string().len() < 1_000_000);
        }
    }

    #[test]
    fn constants_mean_the_same_before_and_after_a_message_arrives(text in any_expression()) {
        let run = || {
            let scope = scope();
            let input = Value::map([("a", Value::from(1))]);
            Expression::compile(&text, &here(), &scope)
                .ok()
                .and_then(|it| it.evaluate(&scope.bind([("m", input), ("x", Value::from(2))]), &MapLimits::default()).ok())
        };
        let computed = run();
        let kept = super::with_constants_kept(run);
        // A constant that can only fail is refused at once, even where its failure would have been ignored.
        if computed.is_some() {
            prop_assert_eq!(format!("{computed:?}"), format!("{kept:?}"));
        }
    }
}
