//! What is told before a message arrives: the place, the words, the way out.

use super::{compile, here, scope, yaml};
use crate::mapping::{CodeList, CodeLists, Expression, MapLimits};
use crate::source::Diagnostic;

fn words(mistakes: &[Diagnostic]) -> Vec<String> {
    mistakes.iter().map(Diagnostic::to_string).collect()
}

/// Checks the mistakes of one expression, each as `line:column words`.
#[track_caller]
fn check(expression: &str, expect: &[&str]) {
    let mistakes = Expression::compile(expression, &here(), &scope()).expect_err("the expression is wrong");
    let told: Vec<String> =
        words(&mistakes).iter().map(|words| words.replacen("test.yaml:", "", 1).replacen("error: ", "", 1)).collect();
    assert_eq!(told, expect, "{expression}");
}

/// Checks the mistakes of a mapping, each whole.
#[track_caller]
fn check_mapping(yaml: &str, expect: &[&str]) {
    let mistakes = compile(yaml).expect_err("the mapping is wrong");
    let told: Vec<String> = words(&mistakes).iter().map(|words| words.replacen(": error:", "", 1)).collect();
    assert_eq!(told, expect, "{yaml}");
}

#[test]
fn syntax_errors_have_their_place() {
    check("1 +", &["1:4: the expression ends too early"]);
    check("", &["1:1: the expression is empty"]);
    check("  ", &["1:1: the expression is empty"]);
    check("m..a", &["1:3: this cannot be read from `..` on"]);
    check("m.a ? 1", &["1:8: the expression ends too early"]);
    check("size(m", &["1:7: `)` is missing"]);
    check("m.a[0", &["1:6: `]` is missing"]);
    check("1 2", &["1:3: `2` is not expected here"]);
    check("'abc", &["1:1: the text has no closing quote"]);
    check("m.a = 1", &["1:5: a single `=` means nothing (compare with `==`)"]);
    check("m.a & m.b", &["1:5: a single `&` means nothing (write `&&` for and)"]);
    check("m.a | m.b", &["1:5: a single `|` means nothing (write `||` for or)"]);
    check("m.a # b", &["1:5: `#` is not part of the expression language"]);
    check("\n\n  m.a +* 2", &["1:8: `*` is not expected here"]);
    check("m.a +\n  m.b +* 2", &["2:8: `*` is not expected here"]);
    check("'ä' +* 2", &["1:6: `*` is not expected here"]);
}

#[test]
fn unknown_names_come_with_a_suggestion() {
    check("mm.a", &["1:1: there is no variable `mm` (did you mean `m`?)"]);
    check("evnt.id", &["1:1: there is no variable `evnt` (did you mean `event`?)"]);
    check(
        "delivered",
        &["1:1: there is no variable `delivered` (known are m, x, y, event; a text is written in quotes: 'delivered')"],
    );
    check("uper(m.a)", &["1:5: there is no function `uper` (did you mean `upper`?)"]);
    check("m.a.startWith('x')", &["1:14: there is no function `startWith` (did you mean `startsWith`?)"]);
    check(
        "m.items.mapp(i, i)",
        &[
            "1:13: there is no function `mapp` (did you mean `map`?)",
            "1:14: there is no variable `i` (did you mean `m`?)",
            "1:17: there is no variable `i` (did you mean `m`?)",
        ],
    );
    check("now()", &["1:4: there is no function `now`"]);
    check(
        "cel.bin(a, 1, a)",
        &[
            "1:1: there is no variable `cel` (known are m, x, y, event; a text is written in quotes: 'cel')",
            "1:8: there is no function `bin` (did you mean `min`?)",
            "1:9: there is no variable `a` (did you mean `m`?)",
            "1:15: there is no variable `a` (did you mean `m`?)",
        ],
    );
}

#[test]
fn wrong_numbers_of_arguments_show_the_right_ones() {
    check("upper(m.a, 1)", &["1:6: `upper` has the wrong number of arguments (it is `upper(text)`)"]);
    check(
        "m.a.padStart()",
        &[
            "1:13: `padStart` has the wrong number of arguments (it is `padStart(text, width)` or `padStart(text, width, fill)`)",
        ],
    );
    check("has(m.a, 1)", &["1:4: `has` has the wrong number of arguments (it is `has(message.field)`)"]);
    check("default(m.a)", &["1:8: `default` has the wrong number of arguments (it is `default(x, y)`)"]);
    check(
        "m.map(i)",
        &[
            "1:6: `map` has the wrong number of arguments (it is `list.map(x, expression)` or `list.map(x, condition, expression)`)",
        ],
    );
    check("all(m, i, true)", &["1:4: `all` has the wrong number of arguments (it is `list.all(x, condition)`)"]);
    check("m.map(1, 2)", &["1:7: here stands the name of a variable (such as `items.map(item, item.sku)`)"]);
    check("m.all(a, a, true)", &["1:10: the variable `a` is named twice"]);
}

#[test]
fn constants_that_can_only_fail_are_told_at_once() {
    check("1 / 0", &["1:3: division by zero"]);
    check(
        "m.a == timestamp('2026-13-01')",
        &[
            "1:17: `timestamp`: “2026-13-01” is not a time such as 2026-03-01T08:30:00+01:00 (`parseTime(x, '%d.%m.%Y %H:%M', zone)` reads other forms)",
        ],
    );
    check(
        "m.a + (1 + 'x')",
        &[
            "1:10: `+` cannot take the integer 1 and the text 'x' (`string(x)` makes a text of a number, `decimal(x)` a number of a text)",
        ],
    );
    check(
        "m.a.map(i, int('x'))",
        &["1:15: `int` cannot take the text 'x': it is not an integer (`decimal(x)` reads numbers with a point)"],
    );
    check("inZone(m.t, upper(5))", &["1:18: `upper` needs a text, found the integer 5"]);
}

#[test]
fn everything_wrong_in_one_expression_is_told_at_once() {
    check(
        "mm.a + uper(m.b) + timestmp(m.c)",
        &[
            "1:1: there is no variable `mm` (did you mean `m`?)",
            "1:12: there is no function `uper` (did you mean `upper`?)",
            "1:28: there is no function `timestmp` (did you mean `timestamp`?)",
        ],
    );
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = format!("{}1{}", "(".repeat(300), ")".repeat(300));
    check(&deep, &["1:66: the expression is nested more than 64 deep (give parts of it a name with `let`)"]);
    let long = format!("'{}'", "x".repeat(20_000));
    check(&long, &["1:1: the expression is longer than 16384 bytes (give parts of it a name with `let`)"]);
    let sum = vec!["m.a"; 1000].join(" + ");
    let mistakes = Expression::compile(&sum, &here(), &scope()).expect_err("too deep");
    assert!(words(&mistakes)[0].contains("nested more than 200 deep"), "{mistakes:?}");
    let fits = vec!["m.a"; 150].join(" + ");
    let fits = Expression::compile(&fits, &here(), &scope()).expect("not too deep");
    let m = crate::value::Value::map([("a", 2)]);
    assert_eq!(fits.evaluate(&scope().bind([("m", m)]), &MapLimits::default()), Ok(300.into()));
}

#[test]
fn places_count_quotes_and_block_lines() {
    let yaml = "a: mm.a\nb: 'mm.b'\nc: |\n  m.a +\n    mm.c\nd: >-\n  mm.d\ne:\n  - mm.e\n";
    check_mapping(
        yaml,
        &[
            "map.yaml:1:4 there is no variable `mm` (did you mean `m`?)",
            "map.yaml:2:5 there is no variable `mm` (did you mean `m`?)",
            "map.yaml:5:5 there is no variable `mm` (did you mean `m`?)",
            "map.yaml:7:3 there is no variable `mm` (did you mean `m`?)",
            "map.yaml:9:5 there is no variable `mm` (did you mean `m`?)",
        ],
    );
}

#[test]
fn mistakes_in_control_nodes() {
    check_mapping(
        "a: {each: m.items, to: i.sku}",
        &["map.yaml:1:4 `each` lacks `as`", "map.yaml:1:24 there is no variable `i` (did you mean `m`?)"],
    );
    check_mapping("a: {each: m.items, as: i}", &["map.yaml:1:4 `each` lacks `to`"]);
    check_mapping(
        "a: {each: m.items, as: 5, to: 'm.a'}",
        &["map.yaml:1:24 `as` must be the name of a variable (letters, digits and underscores, not a digit first)"],
    );
    check_mapping("a: {each: [m.items], as: i, to: 'i'}", &["map.yaml:1:11 `each` must be an expression, not a list"]);
    check_mapping("a: {when: m.ok}", &["map.yaml:1:4 `when` lacks `then`"]);
    check_mapping(
        "a: {when: m.ok, than: 'm.a', then: 'm.b'}",
        &[
            "map.yaml:1:17 `when` makes this a control node, which has no `than` (did you mean `then`? a target field named `when` is written `=when`)",
        ],
    );
    check_mapping(
        "amount: {value: m.total, currency: m.cur}",
        &[
            "map.yaml:1:26 `value` makes this a control node, which has no `currency` (a target field named `value` is written `=value`)",
        ],
    );
    check_mapping(
        "a: {value: m.a, code: unit}",
        &["map.yaml:1:23 there is no code list `unit` (did you mean `units`?)"],
    );
    check_mapping(
        "a: {value: m.a, code_back: vague}",
        &[
            "map.yaml:1:28 code list `vague` cannot be used backwards: both `A` and `B` mean `same` (say under `back:` of the list which one is meant)",
        ],
    );
    check_mapping(
        "a: {value: m.a, code: units, code_back: units}",
        &["map.yaml:1:41 `code` and `code_back` exclude each other"],
    );
    check_mapping("a: {value: m.a, unknown: \"'x'\"}", &["map.yaml:1:4 `unknown` needs a `code` list"]);
    check_mapping("a: {value: m.a, keep_null: yes}", &["map.yaml:1:28 `keep_null` must be true or false"]);
    check_mapping("a: {let: m.a, in: m.b}", &["map.yaml:1:10 `let` must be a map of names and expressions"]);
    check_mapping(
        "a: {let: {1x: m.a}, in: m.b}",
        &["map.yaml:1:11 `1x` is not a name (letters, digits and underscores, not a digit first)"],
    );
    check_mapping("a: {let: {x: m.a}}", &["map.yaml:1:4 `let` lacks `in`"]);
    check_mapping("a:\nb: m.b", &["map.yaml:1:2 the expression is empty (leave the field out to write nothing)"]);
    check_mapping("{a: m.a, '=a': m.b}", &["map.yaml:1:10 the target field `a` is written twice (keep one of them)"]);
}

#[test]
fn mistakes_in_code_lists() {
    let wrong = |text: &str| {
        words(&CodeList::compile("units", &yaml::node("codes.yaml", text)).expect_err("the list is wrong"))
    };
    assert_eq!(wrong("[a, b]"), ["codes.yaml:1:1: error: code list `units` must be a map of codes, not a list"]);
    assert_eq!(wrong("{A: x, B: [y]}"), ["codes.yaml:1:11: error: the code `B` must lead to one word, not a list"]);
    assert_eq!(wrong("{A: x, A: y}"), ["codes.yaml:1:8: error: code list `units` has the code `A` twice"]);
    assert_eq!(
        wrong("{codes: {A: x}, bak: {x: A}}"),
        [
            "codes.yaml:1:17: error: a code list has no field `bak` (it has `codes`, `back`, `from`, `of`, `unknown`, `default` and `complete`)"
        ]
    );
    assert_eq!(
        wrong("{codes: {A: x}, back: {x: A, x: B}}"),
        ["codes.yaml:1:30: error: code list `units` has `x` twice under `back`"]
    );
    let list = |text| CodeList::compile("units", &yaml::node("codes.yaml", text)).expect("right");
    let mut lists = CodeLists::new();
    lists.add(list("{A: x}")).expect("the first");
    let twice = lists.add(list("{B: y}")).expect_err("the second").to_string();
    assert_eq!(twice, "codes.yaml:1:1: error: there are two code lists named `units` (the other is at codes.yaml:1:1)");
}
