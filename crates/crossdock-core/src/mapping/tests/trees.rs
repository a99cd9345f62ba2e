//! Target trees: every control key, what is left out, and where faults say they are.

use super::{apply, check_mapping, compile, json, scope};
use crate::mapping::{FaultKind, MapLimits};

const STOP: &str = r#"{"id": 7, "note": null, "items": [
    {"sku": "A", "qty": 2, "uom": "PCE", "ok": true},
    {"sku": "B", "qty": 0, "uom": "CTN", "ok": false},
    {"sku": "C", "qty": 5, "uom": "KGM", "ok": true}], "tags": {"x": 1, "y": 2}}"#;

#[test]
fn leaves_maps_and_lists() {
    check_mapping(
        "a: m.id\nb: {c: \"'text'\", d: [m.id, 1.50, true]}",
        STOP,
        r#"{"a":7,"b":{"c":"text","d":[7,1.50,true]}}"#,
    );
    check_mapping("m.items[0].sku", STOP, "\"A\"");
    check_mapping("[m.id, m.id + 1]", STOP, "[7,8]");
    check_mapping("a: |\n  m.id +\n  1\n", STOP, r#"{"a":8}"#);
    check_mapping("{a: {}, b: []}", STOP, r#"{"a":{},"b":[]}"#);
}

#[test]
fn nulls_are_left_out_unless_kept() {
    check_mapping("{a: m.note, b: m.id}", STOP, r#"{"b":7}"#);
    check_mapping("{a: {value: m.note, keep_null: true}, b: m.id}", STOP, r#"{"a":null,"b":7}"#);
    check_mapping("{a: m.?absent, b: m.?absent.deep}", STOP, "{}");
    check_mapping("{a: {b: m.note, c: m.?absent}, d: m.id}", STOP, r#"{"d":7}"#);
    check_mapping("[m.note, m.id]", STOP, "[7]");
    check_mapping("m.note", STOP, "null");
    check_mapping("{a: m.absent}", STOP, "!map.yaml:1:6: cannot make `a`: `m.absent` is not there");
}

#[test]
fn each_makes_a_list() {
    check_mapping(
        "lines: {each: m.items, as: i, to: {sku: i.sku, quantity: i.qty}}",
        STOP,
        r#"{"lines":[{"sku":"A","quantity":2},{"sku":"B","quantity":0},{"sku":"C","quantity":5}]}"#,
    );
    check_mapping(
        "{each: m.items, as: i, index: n, where: i.ok, to: {line: n + 1, sku: i.sku}}",
        STOP,
        r#"[{"line":1,"sku":"A"},{"line":3,"sku":"C"}]"#,
    );
    check_mapping("{each: m.items, as: i, to: i.sku}", STOP, r#"["A","B","C"]"#);
    check_mapping("{each: m.tags, as: v, index: k, to: \"k + '=' + string(v)\"}", STOP, r#"["x=1","y=2"]"#);
    check_mapping("a: {each: m.?absent, as: i, to: i}", STOP, "{}");
    check_mapping("a: {each: m.note, as: i, to: i}", STOP, "{}");
    check_mapping("a: {each: 'm.items.filter(i, i.qty > 99)', as: i, to: i}", STOP, r#"{"a":[]}"#);
    check_mapping("a: {each: m.id, as: i, to: i}", STOP, "!`each` needs a list or a map, found the integer 7");
    check_mapping(
        "a: {each: m.items, as: i, where: i.qty, to: i}",
        STOP,
        "!cannot make `a[0]`: `where` needs true or false, found the integer 2",
    );
    check_mapping(
        "{each: m.items, as: i, to: {each: m.items, as: j, where: 'i.qty < j.qty', to: 'i.sku + j.sku'}}",
        STOP,
        r#"[["AC"],["BA","BC"],[]]"#,
    );
}

#[test]
fn when_chooses() {
    check_mapping("{a: {when: m.id == 7, then: \"'seven'\", else: \"'other'\"}}", STOP, r#"{"a":"seven"}"#);
    check_mapping("{a: {when: m.id == 8, then: \"'eight'\", else: {b: m.id}}}", STOP, r#"{"a":{"b":7}}"#);
    check_mapping("{a: {when: m.id == 8, then: m.absent}}", STOP, "{}");
    check_mapping("[{when: m.id == 8, then: 1}, {when: m.id == 7, then: 2}]", STOP, "[2]");
    check_mapping(
        "{a: {when: m.id, then: 1}}",
        STOP,
        "!cannot make `a`: `when` needs true or false, found the integer 7",
    );
}

#[test]
fn value_takes_defaults_and_codes() {
    check_mapping("{a: {value: m.absent.deep, default: 5}}", STOP, r#"{"a":5}"#);
    check_mapping("{a: {value: m.note, default: m.id}}", STOP, r#"{"a":7}"#);
    check_mapping("{a: {value: m.id, default: 5}}", STOP, r#"{"a":7}"#);
    check_mapping("{a: {value: m.note, default: m.?gone}}", STOP, "{}");
    check_mapping("{a: {value: 'm.items[0].uom', code: units}}", STOP, r#"{"a":"EA"}"#);
    check_mapping("{a: {value: \"'EA'\", code_back: units}}", STOP, r#"{"a":"PCE"}"#);
    check_mapping("{a: {value: m.note, code: units}}", STOP, "{}");
    check_mapping("{a: {value: m.absent, code: units, default: \"'EA'\"}}", STOP, r#"{"a":"EA"}"#);
    check_mapping("{a: {value: m.id, code: units, default: \"'EA'\"}}", STOP, "!code list `units` does not know `7`");
    check_mapping("{a: {value: m.id, code: units, unknown: \"'??'\"}}", STOP, r#"{"a":"??"}"#);
    check_mapping("{a: {value: m.id, code: units, unknown: m.?gone}}", STOP, "{}");
}

#[test]
fn let_names_parts() {
    check_mapping(
        "{let: {first: 'm.items[0]', double: first.qty * 2}, in: {sku: first.sku, q: double}}",
        STOP,
        r#"{"sku":"A","q":4}"#,
    );
    check_mapping("a: {let: {x: 1}, in: {let: {x: x + 1}, in: x}}", STOP, r#"{"a":2}"#);
    check_mapping("{let: {n: 10}, in: {each: m.items, as: i, to: i.qty * n}}", STOP, "[20,0,50]");
}

#[test]
fn fields_named_like_control_keys_are_escaped() {
    check_mapping(
        "amount: {=value: 12.50, currency: \"'EUR'\"}",
        STOP,
        r#"{"amount":{"value":12.50,"currency":"EUR"}}"#,
    );
    check_mapping("{=each: 1, ==x: 2, to: 3}", STOP, r#"{"each":1,"=x":2,"to":3}"#);
}

#[test]
fn targets_have_the_shape_of_json() {
    check_mapping(
        "{at: \"timestamp('2026-03-01T10:00:00+01:00')\", took: \"duration('90m')\", raw: \"b'abc'\", deep: \"[{'t': timestamp(0)}]\"}",
        STOP,
        r#"{"at":"2026-03-01T10:00:00+01:00","took":"PT1H30M","raw":"YWJj","deep":[{"t":"1970-01-01T00:00:00Z"}]}"#,
    );
    let target = apply(&compile("{at: timestamp(0)}").expect("right"), STOP).expect("works");
    assert_eq!(target.at("at").and_then(|at| at.as_text()), Some("1970-01-01T00:00:00Z"));
}

#[test]
fn faults_name_target_source_and_reason() {
    let mapping =
        compile("lines:\n  each: m.items\n  as: i\n  to:\n    sku: i.sku\n    quantity: i.quantity\n").expect("right");
    let fault = apply(&mapping, STOP).expect_err("quantity is qty");
    assert_eq!(fault.location.to_string(), "map.yaml:6:16");
    assert_eq!(fault.target_path, "lines[0].quantity");
    assert_eq!(fault.kind, FaultKind::Absent { path: "m.items[].quantity".into() });
    assert_eq!(
        fault.to_string(),
        "map.yaml:6:16: cannot make `lines[0].quantity`: `m.items[].quantity` is not there (there are: sku, qty, uom, ok)"
    );
    let mapping = compile("a:\n- 1\n- {value: m.id, code: units}").expect("right");
    let fault = apply(&mapping, STOP).expect_err("7 is not a unit");
    assert_eq!(fault.target_path, "a[1]");
    assert_eq!(fault.kind, FaultKind::UnknownCode { list: "units".into(), code: "7".into() });
}

#[test]
fn reads_are_told_by_source_path() {
    let reads = |yaml: &str| compile(yaml).expect("right").reads().to_vec();
    assert_eq!(reads("{a: m.stop.id, b: m.stop.id, c: 'm.items[0].sku'}"), ["m.items[0].sku", "m.stop.id"]);
    assert_eq!(
        reads("{each: m.items, as: i, where: i.ok, to: {sku: i.sku}}"),
        ["m.items[]", "m.items[].ok", "m.items[].sku"]
    );
    assert_eq!(
        reads("m.items.map(i, i.parts.map(p, p.id))"),
        ["m.items[]", "m.items[].parts[]", "m.items[].parts[].id"]
    );
    assert_eq!(reads("{let: {s: m.stop}, in: {a: s.id, b: s.name}}"), ["m.stop.id", "m.stop.name"]);
    assert_eq!(reads("cel.bind(s, m.stop, s.id + s.n)"), ["m.stop.id", "m.stop.n"]);
    assert_eq!(reads("default(m.a.b, m.?c.?d)"), ["m.a.b", "m.c.d"]);
    assert_eq!(reads("'has(m.a.b) ? 1 : 2'"), ["m.a.b"]);
    assert_eq!(reads("m.tags[m.key]"), ["m.key", "m.tags[]"]);
    assert_eq!(reads("size(m.items)"), ["m.items"]);
    assert_eq!(reads("m"), ["m"]);
    assert_eq!(reads("1 + 2"), [] as [&str; 0]);
}

#[test]
fn limits_stop_what_is_too_costly() {
    let limits = |steps_max, bytes_max| MapLimits { steps_max, bytes_max, out_of_time: None };
    let run = |yaml: &str, limits: &MapLimits<'_>| {
        let mapping = compile(yaml).expect("right");
        mapping.apply(&scope().bind([("m", json(STOP))]), limits).map_err(|fault| fault.kind)
    };
    assert!(run("m.items.map(i, i.sku)", &limits(100, 1000)).is_ok());
    assert_eq!(run("m.items.map(i, i.sku)", &limits(5, 1000)), Err(FaultKind::TooCostly));
    assert_eq!(run("m.items.map(i, i.sku)", &limits(100, 5)), Err(FaultKind::TooCostly));
    // An `&&` does not swallow it.
    assert_eq!(run("m.items.all(i, i.qty >= 0) && false", &limits(8, 1000)), Err(FaultKind::TooCostly));
    // Shared parts count as often as they would be written.
    let doubling: String = (0..40).map(|n| format!("a{}: '[a{n}, a{n}]', ", n + 1)).collect();
    let bomb = format!("{{let: {{a0: m.items, {doubling}}}, in: a40}}");
    assert_eq!(run(&bomb, &MapLimits::default()), Err(FaultKind::TooCostly));
    let compare = format!("{{let: {{a0: m.items, {doubling}b: 'a40 + [1]', c: 'a40 + [2]'}}, in: b == c}}");
    assert_eq!(run(&compare, &MapLimits::default()), Err(FaultKind::TooCostly));
    assert_eq!(run(&bomb.replace("in: a40", "in: size(json(a40))"), &MapLimits::default()), Err(FaultKind::TooCostly));
    let text: String = (0..40).map(|n| format!("a{}: a{n} + a{n}, ", n + 1)).collect();
    assert_eq!(
        run(&format!("{{let: {{a0: \"'x'\", {text}}}, in: size(a40)}}"), &MapLimits::default()),
        Err(FaultKind::TooCostly)
    );
}

#[test]
fn the_same_message_costs_the_same() {
    let mapping =
        compile("{each: m.items, as: i, to: {sku: i.sku, more: 'm.items.map(j, j.sku + i.sku)'}}").expect("right");
    let bindings = scope().bind([("m", json(STOP))]);
    let works = |steps_max| mapping.apply(&bindings, &MapLimits { steps_max, ..MapLimits::default() }).is_ok();
    let least = (1..500).find(|steps| works(*steps)).expect("it is cheap");
    assert!((least..least + 50).all(works));
    assert!(!(1..least).any(works));
}

#[test]
fn the_deadline_is_asked_now_and_then() {
    let asked = std::cell::Cell::new(0);
    let out_of_time = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let limits = MapLimits { out_of_time: Some(&out_of_time), ..MapLimits::default() };
    let mapping = compile("m.map(a, m.map(b, a + b))").expect("right");
    let numbers: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let message = json(&format!("[{}]", numbers.join(",")));
    let fault = mapping.apply(&scope().bind([("m", message)]), &limits).expect_err("time runs out");
    assert_eq!(fault.kind, FaultKind::OutOfTime);
    assert_eq!(asked.get(), 4);
}
