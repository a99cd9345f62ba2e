//! Every kind of mistake in a mapping: refused with its place and what to do, accepted once mended.

use crossdock_core::mapping::types::{KINDS, Weight};

use crate::program::{crossdock, write_hub};

/// What the partner of these tests sends.
const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["ref", "order", "at", "local", "day", "status", "kind", "weight", "mass", "price", "count", "ratio", "flag",
               "items", "crate", "codes", "contact", "words"],
  "properties": {
    "ref": {"type": "string", "minLength": 1},
    "order": {"type": "string", "minLength": 1},
    "note": {"type": "string"},
    "contact": {"type": ["object", "null"], "required": ["name"], "properties": {"name": {"type": "string"}}},
    "at": {"type": "string", "format": "date-time"},
    "local": {"type": "string", "format": "date-time-local"},
    "day": {"type": "string", "format": "date"},
    "status": {"enum": ["DEL", "ATT", "EXC"]},
    "kind": {"enum": ["road", "rail", "hovercraft"]},
    "weight": {"type": "number", "x-unit": "LBR"},
    "mass": {"type": "number", "x-unit": "KGM"},
    "price": {"type": "number", "x-currency": "EUR"},
    "count": {"type": "integer"},
    "ratio": {"type": "number"},
    "flag": {"type": "boolean"},
    "words": {"enum": ["yes", "no"]},
    "codes": {"type": "array", "items": {"type": ["string", "null"]}},
    "crate": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}},
    "items": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["sku", "qty"],
      "properties": {"sku": {"type": "string", "minLength": 1}, "qty": {"type": "integer"}, "lot": {"type": "string"}}}}
  }
}"#;

/// A mapping that makes a departed shipment; its own text begins in line 3.
fn checked(mapping: &str) -> (i32, String) {
    let mapping = match mapping.starts_with("emits:") {
        true => format!("mapping: m\n{mapping}"),
        false => format!("mapping: m\nemits: crossdock.shipment.departed.v1\n{mapping}"),
    };
    let system = "system: p\nconnector: http\ndomain: carrier\nwebhook: {scheme: bearer, secret: {env: HOME}}\n\
                  channels: {c: {schema: schemas/c.json}}\n";
    let folder = write_hub(&[
        ("hub.yaml", "hub: x\n"),
        ("systems/p.yaml", system),
        ("schemas/c.json", SCHEMA),
        ("codes/status.yaml", "codes: status\nentries: {DEL: delivered, ATT: attempted}\n"),
        ("codes/modes.yaml", "codes: modes\nentries: {road: road, rail: rail, hovercraft: amphibious}\n"),
        ("flows/f.yaml", "flow: f\nfrom: {system: p, channel: c}\nmap: m\n"),
        ("mappings/m.yaml", &mapping),
    ]);
    let ended = crossdock(&["check", "."]).within(folder.path()).run();
    (ended.code, ended.out)
}

/// The wrong mapping is told with exactly this kind at this place and with a hint; the mended one is accepted.
#[track_caller]
fn check(kind: &str, place: &str, wrong: &str, mended: &str) -> String {
    let (code, out) = checked(wrong);
    let findings: Vec<&str> =
        out.lines().filter(|line| line.contains(": error: ") || line.contains(": warning: ")).collect();
    let start = format!("mappings/m.yaml:{place}: ");
    assert!(
        findings.len() == 1 && findings[0].starts_with(&start) && findings[0].ends_with(&format!("[{kind}]")),
        "{kind} at {place} is to be told of\n{wrong}\nfound\n{out}"
    );
    assert!(out.contains("\n  hint: "), "{kind} needs a hint:\n{out}");
    let is_error = findings[0].contains(": error: ");
    assert_eq!(code, i32::from(is_error), "{out}");
    let (code, told) = checked(mended);
    assert!(code == 0 && told.starts_with("no mistakes ("), "once mended\n{mended}\nis to be accepted\n{told}");
    out
}

/// Kind, line and column, the wrong mapping, the mended one.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "target-unknown-field",
        "3:28",
        "target: {number: body.ref, trackin_number: body.order}",
        "target: {number: body.ref, tracking_number: body.order}",
    ),
    ("target-missing-field", "3:9", "target: {order: body.order}", "target: {order: body.order, number: body.ref}"),
    (
        "target-missing-field",
        "4:30",
        "target:\n  {number: body.ref, lines: [{sku: body.ref}]}",
        "target:\n  {number: body.ref, lines: [{sku: body.ref, quantity: body.count}]}",
    ),
    (
        "target-key-maybe-missing",
        "3:18",
        "target: {number: body.?note}",
        "when: has(body.note)\ntarget: {number: body.note}",
    ),
    (
        "target-maybe-missing",
        "3:68",
        "target: {number: body.ref, lines: [{sku: body.crate.sku, quantity: 'body.flag ? body.count : null'}]}",
        "target: {number: body.ref, lines: [{sku: body.crate.sku, quantity: 'body.flag ? body.count : 0'}]}",
    ),
    (
        "target-maybe-nothing",
        "4:3",
        "target:\n  when: body.flag\n  then: {number: body.ref}",
        "when: body.flag\ntarget: {number: body.ref}",
    ),
    (
        "target-wrong-type",
        "3:35",
        "target: {number: body.ref, order: body.flag}",
        "target: {number: body.ref, order: string(body.flag)}",
    ),
    (
        "target-wrong-type",
        "3:39",
        "target: {number: body.ref, weight_kg: body.words}",
        "target: {number: body.ref, weight_kg: decimal(body.count)}",
    ),
    (
        "target-wrong-type",
        "3:36",
        "target: {number: body.ref, pieces: body.ref}",
        "target: {number: body.ref, pieces: int(body.ref)}",
    ),
    (
        "target-not-a-list",
        "3:36",
        "target: {number: body.ref, orders: body.order}",
        "target: {number: body.ref, orders: [body.order]}",
    ),
    (
        "target-not-a-list",
        "3:35",
        "target: {number: body.ref, lines: {sku: body.ref, quantity: 1}}",
        "target: {number: body.ref, lines: [{sku: body.ref, quantity: 1}]}",
    ),
    (
        "target-not-single",
        "3:37",
        "target: {number: body.ref, remarks: [body.ref]}",
        "target: {number: body.ref, remarks: body.ref}",
    ),
    (
        "target-not-single",
        "3:37",
        "target: {number: body.ref, remarks: 'body.items.map(i, i.sku)'}",
        "target: {number: body.ref, remarks: \"body.items.map(i, i.sku).join(', ')\"}",
    ),
    (
        "target-unknown-word",
        "3:34",
        "target: {number: body.ref, mode: \"'raod'\"}",
        "target: {number: body.ref, mode: \"'road'\"}",
    ),
    (
        "target-unknown-word",
        "3:34",
        "target: {number: body.ref, mode: body.kind}",
        "target: {number: body.ref, mode: \"body.kind == 'hovercraft' ? 'sea' : body.kind\"}",
    ),
    (
        "target-unknown-word",
        "3:59",
        "target: {number: body.ref, mode: {value: body.kind, code: modes}}",
        "target: {number: body.ref, mode: {when: \"body.kind != 'hovercraft'\", then: {value: body.kind, code: modes}}}",
    ),
    (
        "target-fraction",
        "3:36",
        "target: {number: body.ref, pieces: body.ratio}",
        "target: {number: body.ref, pieces: round(body.ratio)}",
    ),
    (
        "target-not-a-time",
        "3:41",
        "target: {number: body.ref, departed_at: body.count}",
        "target: {number: body.ref, departed_at: timestamp(body.count)}",
    ),
    (
        "target-not-a-time",
        "3:41",
        "target: {number: body.ref, departed_at: \"'soon'\"}",
        "target: {number: body.ref, departed_at: \"'2026-11-23T10:00:00Z'\"}",
    ),
    (
        "target-local-time",
        "3:41",
        "target: {number: body.ref, departed_at: body.local}",
        "target: {number: body.ref, departed_at: \"timestamp(body.local, 'Europe/Berlin')\"}",
    ),
    (
        "target-unit",
        "3:39",
        "target: {number: body.ref, weight_kg: body.weight}",
        "target: {number: body.ref, weight_kg: \"convert(body.weight, 'LBR', 'KGM')\"}",
    ),
    (
        "target-unit",
        "3:61",
        "target: {number: body.ref, cod: {currency: \"'USD'\", amount: body.price}}",
        "target: {number: body.ref, cod: {currency: \"'EUR'\", amount: body.price}}",
    ),
    (
        "target-unit",
        "3:62",
        "target: {number: body.ref, lines: [{sku: body.ref, quantity: body.mass}]}",
        "target: {number: body.ref, lines: [{sku: body.ref, quantity: body.mass, uom: \"'KGM'\"}]}",
    ),
    (
        "target-null-element",
        "3:46",
        "target: {number: body.ref, tracking_numbers: body.codes}",
        "target: {number: body.ref, tracking_numbers: 'body.codes.filter(c, c != null)'}",
    ),
    ("source-unknown-field", "3:23", "target: {number: body.reff}", "target: {number: body.ref}"),
    (
        "source-unknown-field",
        "5:65",
        "target:\n  number: body.ref\n  lines: {each: body.items, as: i, to: {sku: i.sku, quantity: i.quantity}}",
        "target:\n  number: body.ref\n  lines: {each: body.items, as: i, to: {sku: i.sku, quantity: i.qty}}",
    ),
    (
        "source-maybe-absent",
        "3:42",
        "target: {number: body.ref, remarks: body.note}",
        "target: {number: body.ref, remarks: body.?note}",
    ),
    (
        "source-maybe-absent",
        "3:48",
        "target: {number: body.ref, remarks: upper(body.note)}",
        "target: {number: body.ref, remarks: {when: has(body.note), then: upper(body.note)}}",
    ),
    (
        "source-maybe-null",
        "3:36",
        "target: {number: body.ref, driver: body.contact.name}",
        "target: {number: body.ref, driver: 'body.contact != null ? body.contact.name : null'}",
    ),
    (
        "source-no-fields",
        "3:45",
        "target: {number: body.ref, driver: body.ref.name}",
        "target: {number: body.ref, driver: body.ref}",
    ),
    (
        "source-no-fields",
        "3:47",
        "target: {number: body.ref, driver: body.items.sku}",
        "target: {number: body.ref, driver: 'body.items[0].sku'}",
    ),
    (
        "index-type",
        "3:48",
        "target: {number: body.ref, driver: 'body.items[body.ref].sku'}",
        "target: {number: body.ref, driver: 'body.items[body.count].sku'}",
    ),
    (
        "argument-type",
        "3:42",
        "target: {number: body.ref, driver: upper(body.count)}",
        "target: {number: body.ref, driver: upper(string(body.count))}",
    ),
    (
        "argument-type",
        "3:40",
        "target: {number: body.ref, pieces: sum(body.codes)}",
        "target: {number: body.ref, pieces: 'sum(body.items.map(i, i.qty))'}",
    ),
    (
        "argument-maybe-null",
        "3:44",
        "target: {number: body.ref, remarks: 'upper(body.codes[0])'}",
        "target: {number: body.ref, remarks: \"upper(default(body.codes[0], '-'))\"}",
    ),
    (
        "argument-count",
        "3:43",
        "target: {number: body.ref, remarks: 'upper(body.ref, 1)'}",
        "target: {number: body.ref, remarks: upper(body.ref)}",
    ),
    (
        "always-fails",
        "3:36",
        "target: {number: body.ref, pieces: int(body.status)}",
        "target: {number: body.ref, pieces: body.count}",
    ),
    (
        "local-time",
        "3:51",
        "target: {number: body.ref, departed_at: timestamp(body.local)}",
        "target: {number: body.ref, departed_at: \"timestamp(body.local, 'UTC')\"}",
    ),
    ("local-time", "3:7", "time: body.local\ntarget: {number: body.ref}", "time: body.at\ntarget: {number: body.ref}"),
    (
        "not-a-time",
        "3:7",
        "time: body.count\ntarget: {number: body.ref}",
        "time: timestamp(body.count)\ntarget: {number: body.ref}",
    ),
    (
        "unknown-zone",
        "3:64",
        "target: {number: body.ref, departed_at: \"timestamp(body.local, 'Europe/Berlni')\"}",
        "target: {number: body.ref, departed_at: \"timestamp(body.local, 'Europe/Berlin')\"}",
    ),
    (
        "unknown-function",
        "3:41",
        "target: {number: body.ref, remarks: uper(body.ref)}",
        "target: {number: body.ref, remarks: upper(body.ref)}",
    ),
    (
        "unknown-variable",
        "3:37",
        "target: {number: body.ref, remarks: item.sku}",
        "each: body.items\ntarget: {number: body.ref, remarks: item.sku}",
    ),
    (
        "text-arithmetic",
        "3:46",
        "target: {number: body.ref, remarks: body.ref + body.count}",
        "target: {number: body.ref, remarks: body.ref + string(body.count)}",
    ),
    (
        "text-arithmetic",
        "3:39",
        "target: {number: body.ref, weight_kg: body.ref * 2}",
        "target: {number: body.ref, weight_kg: decimal(body.ref) * 2}",
    ),
    (
        "operator-type",
        "3:36",
        "target: {number: body.ref, pieces: body.flag + 1}",
        "target: {number: body.ref, pieces: 'body.flag ? 1 : 0'}",
    ),
    (
        "unit-mixed",
        "3:49",
        "target: {number: body.ref, weight_kg: body.mass + body.weight}",
        "target: {number: body.ref, weight_kg: \"body.mass + convert(body.weight, 'LBR', 'KGM')\"}",
    ),
    (
        "unit-mixed",
        "3:59",
        "target: {number: body.ref, weight_kg: \"convert(body.mass, 'LBR', 'KGM')\"}",
        "target: {number: body.ref, weight_kg: body.mass}",
    ),
    (
        "unknown-unit",
        "3:60",
        "target: {number: body.ref, weight_kg: \"convert(body.ratio, 'LBS', 'KGM')\"}",
        "target: {number: body.ref, weight_kg: \"convert(body.ratio, 'LBR', 'KGM')\"}",
    ),
    (
        "unknown-unit",
        "3:60",
        "target: {number: body.ref, weight_kg: \"convert(body.ratio, 'XCT', 'KGM')\"}",
        "target: {number: body.ref, weight_kg: body.ratio * 12.5}",
    ),
    (
        "unit-dimension",
        "3:67",
        "target: {number: body.ref, weight_kg: \"convert(body.ratio, 'LTR', 'KGM')\"}",
        "target: {number: body.ref, volume_m3: \"convert(body.ratio, 'LTR', 'MTQ')\"}",
    ),
    (
        "target-unit",
        "3:39",
        "target: {number: body.ref, weight_kg: \"convert(body.ratio, 'LBR', 'TNE')\"}",
        "target: {number: body.ref, weight_kg: \"convert(body.ratio, 'LBR', 'KGM')\"}",
    ),
    (
        "never-equal",
        "3:18",
        "when: body.count == '1'\ntarget: {number: body.ref}",
        "when: body.count == 1\ntarget: {number: body.ref}",
    ),
    (
        "no-order",
        "3:15",
        "when: body.at > timestamp(0)\ntarget: {number: body.ref}",
        "when: timestamp(body.at) > timestamp(0)\ntarget: {number: body.ref}",
    ),
    (
        "unknown-word",
        "3:22",
        "when: body.status == 'DELL'\ntarget: {number: body.ref}",
        "when: body.status == 'DEL'\ntarget: {number: body.ref}",
    ),
    (
        "not-a-condition",
        "3:7",
        "when: body.count\ntarget: {number: body.ref}",
        "when: body.count > 0\ntarget: {number: body.ref}",
    ),
    (
        "not-a-list",
        "3:7",
        "each: body.crate\ntarget: {number: item.sku}",
        "each: body.items\ntarget: {number: item.sku}",
    ),
    (
        "not-a-list",
        "5:17",
        "target:\n  number: body.ref\n  lines: {each: body.count, as: i, to: {sku: i.sku, quantity: 1}}",
        "target:\n  number: body.ref\n  lines: {each: body.items, as: i, to: {sku: i.sku, quantity: 1}}",
    ),
    (
        "code-not-covered",
        "3:52",
        "target: {number: body.ref, partner_status: {value: body.status, code: status}}",
        "target: {number: body.ref, partner_status: {value: body.status, code: status, unknown: body.status}}",
    ),
    (
        "reference-not-a-key",
        "3:35",
        "references: [{kind: thing, value: body.crate}]\ntarget: {number: body.ref}",
        "references: [{kind: thing, value: body.crate.sku}]\ntarget: {number: body.ref}",
    ),
    (
        "unsettled-optional",
        "3:52",
        "target: {number: body.ref, remarks: body.ref + body.?note}",
        "target: {number: body.ref, remarks: \"body.ref + body.?note.orValue('')\"}",
    ),
    ("duplicate-field", "3:28", "target: {number: body.ref, =number: body.order}", "target: {number: body.ref}"),
    (
        "needless-default",
        "3:45",
        "target: {number: body.ref, remarks: {value: body.ref, default: \"'-'\"}}",
        "target: {number: body.ref, remarks: {value: body.?note, default: \"'-'\"}}",
    ),
    (
        "needless-guard",
        "3:7",
        "when: has(body.ref)\ntarget: {number: body.ref}",
        "when: has(body.note)\ntarget: {number: body.ref}",
    ),
    (
        "integer-division",
        "3:50",
        "target: {number: body.ref, weight_kg: body.count / 2}",
        "target: {number: body.ref, weight_kg: decimal(body.count) / 2}",
    ),
    (
        "source-unlisted-field",
        "3:48",
        "target: {number: body.ref, remarks: body.crate.colour}",
        "target: {number: body.ref, remarks: body.crate.sku}",
    ),
];

#[test]
fn every_kind_of_mistake_is_refused_and_its_mending_accepted() {
    let mut told = String::new();
    let mut failed = Vec::new();
    for (kind, place, wrong, mended) in CASES {
        match std::panic::catch_unwind(|| check(kind, place, wrong, mended)) {
            Ok(out) => told += &format!("{out}\n"),
            Err(_) => failed.push(*kind),
        }
    }
    assert!(failed.is_empty(), "not as expected: {failed:?}");
    insta::assert_snapshot!("mapping_mistakes", told);
}

#[test]
fn every_kind_is_tested_and_documented() {
    let guide = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/mappings.md"));
    for kind in KINDS {
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{}` |", kind.name)));
        assert!(row.is_some_and(|row| row.contains(kind.meaning)), "the guide lacks `{}`: {}", kind.name, kind.meaning);
        let elsewhere = ["target-wrong-entity", "wrong-entity"].contains(&kind.name);
        let here = CASES.iter().any(|(name, ..)| *name == kind.name);
        assert!(here || elsewhere || kind.weight == Weight::Unproved, "no test of `{}`", kind.name);
    }
}

/// The findings of a hub of these files, besides those that are the same in all of these tests.
fn told(files: &[(&str, &str)], args: &[&str]) -> Vec<String> {
    let mut all = vec![
        ("hub.yaml", "hub: x\n"),
        (
            "systems/p.yaml",
            "system: p\nconnector: http\ndomain: carrier\nconfig: {url: http://127.0.0.1:9}\nwebhook: {scheme: bearer, \
             secret: {env: HOME}}\nchannels: {a: {samples: [samples/a.json]}, b: {samples: [samples/b.json]}}\n",
        ),
        ("samples/a.json", r#"{"ref": "S1", "weight": 3.5, "note": "x", "line1": "a"}"#),
        ("samples/b.json", r#"{"ref": "S2", "mass": 3.5, "note": null, "line1": "a"}"#),
    ];
    all.extend(files);
    let folder = write_hub(&all);
    let ended = crossdock(&[&["check", "."], args].concat()).within(folder.path()).run();
    ended
        .out
        .lines()
        .filter(|line| line.contains(": error: ") || line.contains(": warning: "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_mapping_is_checked_for_every_channel_that_uses_it() {
    let mapping = "mapping: m\nemits: crossdock.shipment.departed.v1\ntarget:\n  number: body.ref\n  weight_kg: body.wight\n  \
                   remarks: upper(body.ref)\n";
    let found = told(
        &[
            ("mappings/m.yaml", mapping),
            ("flows/fa.yaml", "flow: fa\nfrom: {system: p, channel: a}\nmap: m\n"),
            ("flows/fb.yaml", "flow: fb\nfrom: {system: p, channel: b}\nmap: m\n"),
        ],
        &[],
    );
    assert_eq!(
        found,
        [
            "mappings/m.yaml:5:19: error: `body` has no field `wight` (in flow fa) [source-unknown-field]",
            "mappings/m.yaml:5:19: warning: no sample shows a field `wight` in `body` (in flow fb) [source-unlisted-field]",
        ]
    );
}

#[test]
fn samples_excuse_what_they_do_not_show() {
    let mapping = "mapping: m\nemits: crossdock.shipment.departed.v1\ntarget:\n  number: body.ref\n  remarks: body.?colour\n  \
                   driver: body.line2\n  carrier: body.nte\n";
    let found = told(
        &[("mappings/m.yaml", mapping), ("flows/fa.yaml", "flow: fa\nfrom: {system: p, channel: a}\nmap: m\n")],
        &[],
    );
    assert_eq!(
        found,
        [
            "mappings/m.yaml:6:16: warning: no sample shows a field `line2` in `body` [source-unlisted-field]",
            "mappings/m.yaml:7:17: error: `body` has no field `nte` [source-unknown-field]",
        ]
    );
}

#[test]
fn what_a_flow_asks_for_holds_in_its_mappings() {
    let flow = "flow: fb\nfrom: {system: p, channel: b}\nwhen: body.note != null\nmap: m\n";
    let mapping = "mapping: m\nemits: crossdock.shipment.departed.v1\ntarget:\n  number: body.ref\n  remarks: upper(string(body.note))\n";
    assert_eq!(told(&[("mappings/m.yaml", mapping), ("flows/fb.yaml", flow)], &[]), [] as [&str; 0]);
    let unguarded = flow.replace("when: body.note != null\n", "");
    assert_eq!(told(&[("mappings/m.yaml", mapping), ("flows/fb.yaml", &unguarded)], &[]).len(), 1);
}

#[test]
fn keys_of_the_wrong_entity_are_told() {
    let made = "mapping: made\nemits: crossdock.pod.captured.v1\ntarget: {shipment: body.ref, attempt: 1}\n";
    let send = "mapping: send\ntarget: {path: '\"/x\"', body: {id: event.id}}\n";
    let out = "flow: out\non: crossdock.pod.captured.v1\nto: {system: p, operation: request.send}\nmap: send\nkey: {order: \
               event.data.shipment}\nthen: then\n";
    let then = "mapping: then\nemits: crossdock.stop.departed.v1\ntarget: {route: event.data.order, sequence: '\"1\"', driver: \
                event.data.received_bye}\n";
    let found = told(
        &[
            ("mappings/made.yaml", made),
            ("mappings/send.yaml", send),
            ("mappings/then.yaml", then),
            ("flows/out.yaml", out),
            ("flows/in.yaml", "flow: in\nfrom: {system: p, channel: a}\nmap: made\n"),
        ],
        &[],
    );
    assert_eq!(
        found,
        [
            "flows/out.yaml:5:14: error: `event.data.shipment` is the key of a shipment, not of an order [wrong-entity]",
            "mappings/then.yaml:3:17: error: `route` refers to a route, and this is the key of an order [target-wrong-entity]",
            "mappings/then.yaml:3:71: error: `event.data` has no field `received_bye` [source-unknown-field]",
        ]
    );
}

#[test]
fn strict_tells_what_nothing_proves() {
    let mapping =
        "mapping: m\nemits: crossdock.shipment.departed.v1\ntarget: {number: body.ref, departed_at: body.when}\n";
    let flow = "flow: f\nfrom: {system: p, channel: other}\nmap: m\n";
    let files = [("mappings/m.yaml", mapping), ("flows/f.yaml", flow)];
    assert_eq!(told(&files, &[]), [] as [&str; 0]);
    assert_eq!(
        told(&files, &["--strict"]),
        [
            "flows/f.yaml:2:7: warning: nothing is known of the messages of channel other, so nothing is proved of its mappings [untyped-channel]"
        ]
    );
    let mapping = "mapping: m\nemits: crossdock.shipment.departed.v1\ntarget: {number: body.ref, scac: 'string(parseJson(body.ref).x)', \
                   cod: {amount: 1, currency: body.ref}}\n";
    let flow = "flow: f\nfrom: {system: p, channel: a}\nmap: m\n";
    assert_eq!(
        told(&[("mappings/m.yaml", mapping), ("flows/f.yaml", flow)], &["--strict"]),
        [
            "mappings/m.yaml:3:94: warning: nothing proves that `currency` gets a currency code of ISO 4217 such as EUR [unproved]"
        ]
    );
}
