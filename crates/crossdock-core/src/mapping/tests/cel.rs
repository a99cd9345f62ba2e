//! The behaviours of the CEL specification, one line each.

use super::check_all;

#[test]
fn literals_mean_what_they_say() {
    check_all(&[
        ("1", "{}", "1"),
        ("-1", "{}", "-1"),
        ("0x1F", "{}", "31"),
        ("-0x1F", "{}", "-31"),
        ("5u", "{}", "5"),
        ("9223372036854775807", "{}", "9223372036854775807"),
        ("-9223372036854775808", "{}", "-9223372036854775808"),
        ("9223372036854775808", "{}", "!invalid int"),
        ("18446744073709551615u", "{}", "!outside of the 64-bit"),
        ("1.5", "{}", "1.5"),
        ("-1.50", "{}", "-1.50"),
        ("- 1.50", "{}", "-1.50"),
        (".5", "{}", "0.5"),
        ("1e3", "{}", "1000"),
        ("1.25e-3", "{}", "0.00125"),
        ("0.1", "{}", "0.1"),
        ("1234567890123456789.123456789", "{}", "1234567890123456789.123456789"),
        ("0.12345678901234567890123456789", "{}", "!more digits than a decimal holds"),
        ("true", "{}", "true"),
        ("false", "{}", "false"),
        ("null", "{}", "null"),
        ("'text'", "{}", "\"text\""),
        ("\"text\"", "{}", "\"text\""),
        ("'it\\'s'", "{}", "\"it's\""),
        ("'a\\nb\\tc'", "{}", "\"a\\nb\\tc\""),
        ("'\\u00fc\\x41\\101\\U0001F600'", "{}", "\"üAA😀\""),
        ("r'a\\nb'", "{}", "\"a\\\\nb\""),
        ("'''a\nb'''", "{}", "\"a\\nb\""),
        ("'ä' + \"😀\" + 'x'", "{}", "\"ä😀x\""),
        ("b'abc'", "{}", "bytes(YWJj)"),
        ("b'\\xff\\x00'", "{}", "bytes(/wA=)"),
        ("[]", "{}", "[]"),
        ("[1, 'a', [true], null]", "{}", "[1, \"a\", [true], null]"),
        ("[1, 2,]", "{}", "[1, 2]"),
        ("{}", "{}", "{}"),
        ("{'a': 1, 'b': {'c': [2]}}", "{}", "{\"a\": 1, \"b\": {\"c\": [2]}}"),
        ("{'a': 1, 'a': 2}", "{}", "!has the key `a` twice"),
        ("{1: 2}", "{}", "!the keys of a map are texts"),
        ("{'k' + 'ey': 1}", "{}", "{\"key\": 1}"),
        ("1 // comment", "{}", "1"),
        ("\n  1 +\n  2\n", "{}", "3"),
        ("Message{field: 1}", "{}", "!there are no message types"),
    ]);
}

#[test]
fn integers_are_64_bits_and_never_wrap() {
    check_all(&[
        ("1 + 2", "{}", "3"),
        ("1 - 2", "{}", "-1"),
        ("3 * 4", "{}", "12"),
        ("7 / 2", "{}", "3"),
        ("-7 / 2", "{}", "-3"),
        ("7 % 3", "{}", "1"),
        ("-7 % 3", "{}", "-1"),
        ("7 % -3", "{}", "1"),
        ("2 + 3 * 4", "{}", "14"),
        ("(2 + 3) * 4", "{}", "20"),
        ("10 - 4 - 3", "{}", "3"),
        ("100 / 10 / 2", "{}", "5"),
        ("--5", "{}", "5"),
        ("---5", "{}", "-5"),
        ("-x", "{\"x\": 5}", "-5"),
        ("9223372036854775807 + 1", "{}", "!outside of the 64-bit integers"),
        ("-9223372036854775808 - 1", "{}", "!outside of the 64-bit integers"),
        ("5000000000 * 5000000000", "{}", "!outside of the 64-bit integers"),
        ("-(-9223372036854775808)", "{}", "!outside of the 64-bit integers"),
        ("(-9223372036854775808) / -1", "{}", "!outside of the 64-bit integers"),
        ("(-9223372036854775808) % -1", "{}", "!outside of the 64-bit integers"),
        ("1 / 0", "{}", "!division by zero"),
        ("1 % 0", "{}", "!division by zero"),
        ("x / y", "{\"x\": 1, \"y\": 0}", "!division by zero"),
    ]);
}

#[test]
fn decimals_are_exact_and_take_integers_along() {
    check_all(&[
        ("0.1 + 0.2", "{}", "0.3"),
        ("0.1 + 0.2 == 0.3", "{}", "true"),
        ("1.10 + 2.20", "{}", "3.30"),
        ("1 + 0.5", "{}", "1.5"),
        ("0.5 + 1", "{}", "1.5"),
        ("3 * 12.50", "{}", "37.50"),
        ("10.0 - 0.01", "{}", "9.99"),
        ("7.0 / 2", "{}", "3.5"),
        ("1.0 / 3", "{}", "0.3333333333333333333333333333"),
        ("2.0 / 3.0", "{}", "0.6666666666666666666666666667"),
        ("1.0 / 0", "{}", "!division by zero"),
        ("5.5 % 2", "{}", "!`%` is for integers"),
        ("79228162514264337593543950335.0 - 1.0", "{}", "79228162514264337593543950334"),
        ("79000000000000000000000000000.0 * 10", "{}", "!more digits than a decimal holds"),
        (
            "79000000000000000000000000000.0 + 79000000000000000000000000000.0",
            "{}",
            "!more digits than a decimal holds",
        ),
        ("-x", "{\"x\": 1.50}", "-1.50"),
        ("x * y", "{\"x\": 19.99, \"y\": 3}", "59.97"),
        ("x + y", "{\"x\": 9007199254740993.1, \"y\": 0.1}", "9007199254740993.2"),
    ]);
}

#[test]
fn operators_refuse_what_they_cannot_take() {
    check_all(&[
        ("'a' + 1", "{}", "!`+` cannot take the text 'a' and the integer 1"),
        ("1 + 'a'", "{}", "!`string(x)` makes a text of a number"),
        ("'a' - 'b'", "{}", "!`-` cannot take"),
        ("'3' * 2", "{}", "!`decimal(x)` makes a number of a text"),
        ("true + true", "{}", "!`+` cannot take the bool true and the bool true"),
        ("x + 1", "{\"x\": null}", "!`default(x, y)` gives y where x is null or absent"),
        ("-'a'", "{}", "!`-` needs a number"),
        ("!1", "{}", "!`!` needs a bool, found the integer 1"),
        ("[1] - [2]", "{}", "!`-` cannot take a list and a list"),
        ("{} + {}", "{}", "!`+` cannot take a map and a map"),
        ("1 && true", "{}", "!`&&` needs a bool"),
        ("1 ? 2 : 3", "{}", "!`? :` needs a bool"),
        ("null ? 2 : 3", "{}", "!`? :` needs a bool, found null"),
    ]);
}

#[test]
fn texts_lists_and_bytes_concatenate() {
    check_all(&[
        ("'a' + 'b' + 'c'", "{}", "\"abc\""),
        ("'' + ''", "{}", "\"\""),
        ("b'a' + b'b'", "{}", "bytes(YWI=)"),
        ("[1] + [2, 3]", "{}", "[1, 2, 3]"),
        ("[] + []", "{}", "[]"),
        ("m.a + m.b", "{\"m\": {\"a\": [1], \"b\": [\"x\"]}}", "[1, \"x\"]"),
    ]);
}

#[test]
fn equality_is_by_meaning_and_never_an_error() {
    check_all(&[
        ("1 == 1", "{}", "true"),
        ("1 == 2", "{}", "false"),
        ("1 != 2", "{}", "true"),
        ("1 == 1.0", "{}", "true"),
        ("1.50 == 1.5", "{}", "true"),
        ("1 == '1'", "{}", "false"),
        ("null == null", "{}", "true"),
        ("null == 0", "{}", "false"),
        ("null != ''", "{}", "true"),
        ("true == true", "{}", "true"),
        ("'a' == 'a'", "{}", "true"),
        ("'a' == 'A'", "{}", "false"),
        ("'é' == 'e\\u0301'", "{}", "false"),
        ("b'a' == b'a'", "{}", "true"),
        ("[1, 2] == [1, 2.0]", "{}", "true"),
        ("[1, 2] == [2, 1]", "{}", "false"),
        ("[1] == [1, 2]", "{}", "false"),
        ("[] == {}", "{}", "false"),
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1.0}", "{}", "true"),
        ("{'a': 1} == {'a': 1, 'b': 2}", "{}", "false"),
        ("{'a': null} == {'b': null}", "{}", "false"),
        ("timestamp('2026-03-01T10:00:00Z') == timestamp('2026-03-01T11:00:00+01:00')", "{}", "true"),
        ("duration('60s') == duration('1m')", "{}", "true"),
        ("m == m", "{\"m\": {\"deep\": [[{\"a\": 1}]]}}", "true"),
        ("m.a == m.b", "{\"m\": {\"a\": {\"k\": [1, {\"z\": 2}]}, \"b\": {\"k\": [1, {\"z\": 2}]}}}", "true"),
    ]);
}

#[test]
fn order_needs_values_of_one_kind() {
    check_all(&[
        ("1 < 2", "{}", "true"),
        ("2 < 1", "{}", "false"),
        ("1 <= 1", "{}", "true"),
        ("2 > 1", "{}", "true"),
        ("2 >= 3", "{}", "false"),
        ("1 < 1.5", "{}", "true"),
        ("1.5 > 1", "{}", "true"),
        ("2.0 <= 2", "{}", "true"),
        ("9223372036854775807 < 9223372036854775807.5", "{}", "true"),
        ("'a' < 'b'", "{}", "true"),
        ("'Z' < 'a'", "{}", "true"),
        ("'a' < 'aa'", "{}", "true"),
        ("false < true", "{}", "true"),
        ("b'a' < b'b'", "{}", "true"),
        ("timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.001Z')", "{}", "true"),
        ("duration('1s') >= duration('1000ms')", "{}", "true"),
        ("1 < 'a'", "{}", "!have no order"),
        ("null < 1", "{}", "!null and the integer 1 have no order"),
        ("[1] < [2]", "{}", "!a list and a list have no order"),
    ]);
}

#[test]
fn logic_decides_with_one_side_when_it_can() {
    check_all(&[
        ("true && true", "{}", "true"),
        ("true && false", "{}", "false"),
        ("false && false", "{}", "false"),
        ("true || false", "{}", "true"),
        ("false || false", "{}", "false"),
        ("!true", "{}", "false"),
        ("!!true", "{}", "true"),
        ("true || false && false", "{}", "true"),
        ("false && m.absent", "{\"m\": {}}", "false"),
        ("m.absent && false", "{\"m\": {}}", "false"),
        ("true || m.absent", "{\"m\": {}}", "true"),
        ("m.absent || true", "{\"m\": {}}", "true"),
        ("m.absent && true", "{\"m\": {}}", "!`m.absent` is not there"),
        ("m.absent || false", "{\"m\": {}}", "!`m.absent` is not there"),
        ("true && m.absent", "{\"m\": {}}", "!`m.absent` is not there"),
        ("m.absent && m.other", "{\"m\": {}}", "!`m.other` is not there"),
        ("1 / x > 2 || true", "{\"x\": 0}", "true"),
        ("false && 'text'", "{}", "false"),
        ("'text' && false", "{}", "false"),
        ("'text' || true", "{}", "true"),
        ("true ? 1 : 2", "{}", "1"),
        ("false ? 1 : 2", "{}", "2"),
        ("true ? 1 : m.absent", "{\"m\": {}}", "1"),
        ("false ? m.absent : 2", "{\"m\": {}}", "2"),
        ("x == 1 ? 'one' : x == 2 ? 'two' : 'many'", "{\"x\": 2}", "\"two\""),
        ("true && true && true && true && false", "{}", "false"),
        ("m.absent ? 1 : 2", "{\"m\": {}}", "!`m.absent` is not there"),
    ]);
}

#[test]
fn fields_and_elements_are_found_or_missed_loudly() {
    let m = r#"{"m": {"stop": {"id": 7, "address": {"city": "Ulm"}}, "items": [{"sku": "A"}, {"sku": "B"}], "n": null, "t": "text"}, "x": "stop", "y": 1}"#;
    for (expression, expect) in [
        ("m.stop.id", "7"),
        ("m.stop.address.city", "\"Ulm\""),
        ("m['stop']['id']", "7"),
        ("m['stop'].id", "7"),
        ("m[x].id", "7"),
        ("m[x]['id']", "7"),
        ("m.items[0].sku", "\"A\""),
        ("m.items[y].sku", "\"B\""),
        ("m.items[1.0].sku", "\"B\""),
        ("m.`stop`.id", "7"),
        (".m.stop.id", "7"),
        ("m.n", "null"),
        ("m.items[2].sku", "!`m.items[2]` is not there (the list has 2 elements)"),
        ("m.items[-1]", "!`m.items[-1]` is not there"),
        ("m.items[x]", "!a list is indexed by an integer, not the text 'stop'"),
        ("m[y]", "!a map is indexed by a text, not the integer 1"),
        ("m.t[y]", "!the text 'text' has no elements"),
        ("m.stop.adress.city", "!`m.stop.adress` is not there (did you mean `address`? there are: id, address)"),
        ("m.stop.zip", "!`m.stop.zip` is not there (there are: id, address)"),
        ("m.stop.address.city.name", "!`m.stop.address.city` is a text, so it has no field `name`"),
        ("m.n.x", "!`m.n` is null, so it has no `x`"),
        ("m.n[0]", "!`m.n` is null, so it has no elements"),
        ("m.items.sku", "!`m.items` is a list, so it has no field `sku`"),
        ("m.stop[0]", "!`m.stop` is a map, so it has no elements"),
        ("m.t.x", "!`m.t` is a text"),
        ("event.id", "!`event` is not known at this point"),
        ("{'a': {'b': 1}}.a.b", "1"),
        ("{'a': 1}.b", "!is not there"),
        ("[1, 2, 3][1]", "2"),
        ("[1, 2, 3][3]", "!is not there"),
        ("[[1], [2]][1][0]", "2"),
        ("first(m.items).sku", "\"A\""),
        ("(m.stop).id", "7"),
    ] {
        super::check(expression, m, expect);
    }
}

#[test]
fn has_asks_for_the_last_field_only() {
    let m = r#"{"m": {"a": {"b": null}, "t": "x", "n": null, "items": []}}"#;
    for (expression, expect) in [
        ("has(m.a)", "true"),
        ("has(m.a.b)", "true"),
        ("has(m.a.c)", "false"),
        ("has(m.z)", "false"),
        ("has(m['a'])", "true"),
        ("has(m.z.y)", "!`m.z` is not there"),
        ("has(m.?z.y)", "false"),
        ("has(m.?a.b)", "true"),
        ("has(m.t.x)", "!`has` cannot look for `x` in the text 'x'"),
        ("has(m.n.x)", "!`has` cannot look for `x` in null"),
        ("has(m.items.x)", "!`has` cannot look for `x` in a list"),
        ("has({'a': 1}.a)", "true"),
        ("has({'a': 1}.b)", "false"),
        ("has(m)", "!`has` takes a field"),
        ("has(1)", "!`has` takes a field"),
        ("has(m.items[0])", "!`has` takes a field"),
        ("!has(m.z) ? 'none' : m.z", "\"none\""),
    ] {
        super::check(expression, m, expect);
    }
}

#[test]
fn membership() {
    check_all(&[
        ("1 in [1, 2]", "{}", "true"),
        ("3 in [1, 2]", "{}", "false"),
        ("1.0 in [1]", "{}", "true"),
        ("'a' in ['a', 1]", "{}", "true"),
        ("null in [null]", "{}", "true"),
        ("1 in []", "{}", "false"),
        ("'a' in {'a': 1}", "{}", "true"),
        ("'b' in {'a': 1}", "{}", "false"),
        ("1 in {'1': 1}", "{}", "false"),
        ("m.s in ['x', 'y']", "{\"m\": {\"s\": \"y\"}}", "true"),
        ("!(m.s in ['x', 'y'])", "{\"m\": {\"s\": \"z\"}}", "true"),
        ("'a' in 'abc'", "{}", "!`in` needs a list or a map on its right"),
        ("[1] in [[1], [2]]", "{}", "true"),
    ]);
}

#[test]
fn macros_walk_lists_and_keys() {
    check_all(&[
        ("[1, 2, 3].all(x, x > 0)", "{}", "true"),
        ("[1, 2, 3].all(x, x > 1)", "{}", "false"),
        ("[].all(x, false)", "{}", "true"),
        ("[1, 2, 3].exists(x, x > 2)", "{}", "true"),
        ("[1, 2, 3].exists(x, x > 3)", "{}", "false"),
        ("[].exists(x, true)", "{}", "false"),
        ("[1, 2, 2].exists_one(x, x == 1)", "{}", "true"),
        ("[1, 2, 2].exists_one(x, x == 2)", "{}", "false"),
        ("[1, 2, 2].existsOne(x, x == 3)", "{}", "false"),
        ("[1, 2, 3].filter(x, x % 2 == 1)", "{}", "[1, 3]"),
        ("[1, 2, 3].map(x, x * x)", "{}", "[1, 4, 9]"),
        ("[1, 2, 3].map(x, x > 1, x * 10)", "{}", "[20, 30]"),
        ("[].map(x, x)", "{}", "[]"),
        ("[[1, 2], [3]].map(l, l.map(x, x + size(l)))", "{}", "[[3, 4], [4]]"),
        ("[1, 2].map(a, [10, 20].map(b, a + b))", "{}", "[[11, 21], [12, 22]]"),
        ("[1].map(x, [2].map(x, x))", "{}", "[[2]]"),
        ("{'a': 1, 'b': 2}.map(k, k)", "{}", "[\"a\", \"b\"]"),
        ("{'a': 1, 'b': 2}.filter(k, k > 'a')", "{}", "[\"b\"]"),
        ("{'a': 1, 'b': 2}.all(k, k in ['a', 'b'])", "{}", "true"),
        ("{'a': 1}.exists(k, k == 'a')", "{}", "true"),
        ("{'a': 1, 'b': 2}.exists(k, v, v == 2 && k == 'b')", "{}", "true"),
        ("['a', 'b'].all(i, v, i < 2)", "{}", "true"),
        ("['a', 'b'].existsOne(i, v, i == 1 && v == 'b')", "{}", "true"),
        ("['a', 'b'].transformList(i, v, v + string(i))", "{}", "[\"a0\", \"b1\"]"),
        ("['a', 'b', 'c'].transformList(i, v, i > 0, v)", "{}", "[\"b\", \"c\"]"),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v * 10)", "{}", "{\"a\": 10, \"b\": 20}"),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v)", "{}", "{\"b\": 2}"),
        ("[1].transformMap(k, v, v)", "{}", "!`transformMap` needs a map"),
        (
            "m.items.map(i, i.qty * i.price)",
            r#"{"m": {"items": [{"qty": 2, "price": 1.25}, {"qty": 1, "price": 9}]}}"#,
            "[2.50, 9]",
        ),
        (
            "m.items.filter(i, i.ok).map(i, i.sku)",
            r#"{"m": {"items": [{"ok": true, "sku": "A"}, {"ok": false, "sku": "B"}]}}"#,
            "[\"A\"]",
        ),
        (
            "m.items.map(i, i.sku)",
            r#"{"m": {"items": [{"sku": "A"}, {"skuu": "B"}]}}"#,
            "!`m.items[].sku` is not there (did you mean `skuu`?",
        ),
        ("m.map(x, x)", "{\"m\": 5}", "!`map` needs a list or a map, found the integer 5"),
        ("m.n.map(x, x)", "{\"m\": {\"n\": null}}", "!`map` needs a list or a map, found null"),
        ("[1, 2].map(x, x, x)", "{}", "!needs a bool"),
        ("[1, 2].filter(x, x)", "{}", "!`filter` needs a bool"),
    ]);
}

#[test]
fn all_and_exists_absorb_errors_like_logic_does() {
    let m = r#"{"m": [{"a": 1}, {}, {"a": 3}]}"#;
    for (expression, expect) in [
        ("m.all(x, x.a > 2)", "false"),
        ("m.all(x, x.a > 0)", "!`m[].a` is not there"),
        ("m.exists(x, x.a > 2)", "true"),
        ("m.exists(x, x.a > 5)", "!`m[].a` is not there"),
        ("m.exists_one(x, x.a == 1)", "!`m[].a` is not there"),
        ("m.filter(x, x.a > 2)", "!`m[].a` is not there"),
        ("m.all(x, 5)", "!`all` needs a bool"),
    ] {
        super::check(expression, m, expect);
    }
}

#[test]
fn optionals_look_through_absent_parts() {
    let m = r#"{"m": {"a": {"b": 1, "n": null}, "items": [{"sku": "A"}], "t": "text", "z": 0}, "x": "b"}"#;
    for (expression, expect) in [
        ("m.?a.?b.orValue(9)", "1"),
        ("m.?a.?c.orValue(9)", "9"),
        ("m.?q.?b.orValue(9)", "9"),
        ("m.?q.b.c.d.orValue(9)", "9"),
        ("m.?a.b.orValue(9)", "1"),
        ("m.a.?b.orValue(9)", "1"),
        ("m.q.?b.orValue(9)", "!`m.q` is not there"),
        ("m.?a", "{\"b\": 1, \"n\": null}"),
        ("m.?q", "null"),
        ("m.?a.n.orValue(9)", "null"),
        ("m.?a.n.x.orValue(9)", "9"),
        ("m.?t.x.orValue(9)", "!is a text, so it has no field `x`"),
        ("m[?'a'][?'b'].orValue(9)", "1"),
        ("m[?'q'].orValue(9)", "9"),
        ("m.?a[x].orValue(9)", "1"),
        ("m.items[?0].?sku.orValue('-')", "\"A\""),
        ("m.items[?5].?sku.orValue('-')", "\"-\""),
        ("m.?items[0].sku.orValue('-')", "\"A\""),
        ("m.?a.?b.hasValue()", "true"),
        ("m.?a.?c.hasValue()", "false"),
        ("m.?a.?b.value()", "1"),
        ("m.?a.?c.value()", "!`value()` found nothing"),
        ("m.?a.?c.or(m.?a.?b).orValue(9)", "1"),
        ("m.?a.?c.or(m.?q).orValue(9)", "9"),
        ("optional.of(1).orValue(2)", "1"),
        ("optional.none().orValue(2)", "2"),
        ("optional.none().hasValue()", "false"),
        ("optional.ofNonZeroValue(0).orValue(2)", "2"),
        ("optional.ofNonZeroValue('').hasValue()", "false"),
        ("optional.ofNonZeroValue('x').hasValue()", "true"),
        ("optional.ofNonZeroValue(m.z).orValue(3)", "3"),
        ("m.?a.?b.optMap(v, v + 1).orValue(9)", "2"),
        ("m.?a.?c.optMap(v, v + 1).orValue(9)", "9"),
        ("m.?a.optFlatMap(v, v.?b).orValue(9)", "1"),
        ("m.?a.optFlatMap(v, v.?c).orValue(9)", "9"),
        ("[?m.?a.?b, ?m.?a.?c, 3]", "[1, 3]"),
        ("{?'b': m.?a.?b, ?'c': m.?a.?c, 'd': 4}", "{\"b\": 1, \"d\": 4}"),
        ("(true ? m.?q : m.?a.?b).orValue(9)", "9"),
        ("(false ? optional.none() : 5).orValue(9)", "5"),
        ("m.?a.?b + 1", "!this may be absent, but a value is needed"),
        ("[m.?a]", "!this may be absent"),
        ("[?m.a]", "!`?` is for optional values"),
        ("optional.of()", "!`optional.of` has the wrong number of arguments"),
        ("cel.bind(v, m.a.b, v + v)", "2"),
        ("cel.bind(v, 3, [1, 2].map(x, x * v))", "[3, 6]"),
    ] {
        super::check(expression, m, expect);
    }
}

#[test]
fn type_words() {
    check_all(&[
        ("type(1) == int", "{}", "true"),
        ("type(1u) == uint", "{}", "true"),
        ("type(1.5) == double", "{}", "true"),
        ("type(1.5) == decimal", "{}", "true"),
        ("type('a') == string", "{}", "true"),
        ("type(b'a') == bytes", "{}", "true"),
        ("type(true) == bool", "{}", "true"),
        ("type(null) == null_type", "{}", "true"),
        ("type([]) == list", "{}", "true"),
        ("type({}) == map", "{}", "true"),
        ("type(duration('1s')) == google.protobuf.Duration", "{}", "true"),
        ("type(timestamp(0)) == google.protobuf.Timestamp", "{}", "true"),
        ("type(1) == string", "{}", "false"),
        ("type(x)", "{\"x\": [1]}", "\"list\""),
    ]);
}
