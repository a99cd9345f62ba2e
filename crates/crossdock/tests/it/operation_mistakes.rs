//! What an outbound flow sends is compared with what the operation takes, and what its `then` makes with what it gives:
//! every kind of mistake with its place, and accepted once mended.

use crate::program::{crossdock, write_hub};

/// A warehouse tells what left, Odoo books it, and what Odoo answers becomes an event.
fn checked(operation: &str, input: &str, then: &str) -> (i32, String) {
    let flow = format!(
        "flow: book\non: crossdock.shipment.picked_up.v1\nto: {{system: odoo, operation: {operation}}}\nmap: input\nthen: then\n"
    );
    let folder = write_hub(&[
        ("hub.yaml", "hub: x\n"),
        (
            "systems/warehouse.yaml",
            "system: warehouse\nconnector: http\ndomain: warehouse\nwebhook: {scheme: bearer, secret: {env: HOME}}\n\
             authority: {shipment: all}\n",
        ),
        (
            "systems/odoo.yaml",
            "system: odoo\nconnector: odoo\ndomain: erp\nconfig: {url: 'http://127.0.0.1', database: d, key: {env: HOME}}\n",
        ),
        ("flows/left.yaml", "flow: left\nfrom: {system: warehouse}\nmap: left\n"),
        (
            "mappings/left.yaml",
            "mapping: left\nemits: crossdock.shipment.picked_up.v1\ntarget: {number: body.id, lines: body.lines}\n",
        ),
        ("flows/book.yaml", &flow),
        ("mappings/input.yaml", &format!("mapping: input\n{input}\n")),
        ("mappings/then.yaml", &format!("mapping: then\nemits: crossdock.shipment.updated.v1\n{then}\n")),
    ]);
    let ended = crossdock(&["check", "."]).within(folder.path()).run();
    (ended.code, ended.out)
}

const INPUT: &str = "target: {order: event.data.order, shipment: event.data.number, lines: {each: event.data.lines, as: l, to: {sku: l.sku, quantity: l.quantity}}}";
const THEN: &str = "target: {number: event.data.number, remarks: result.picking}";

/// The wrong one is told with exactly this kind, at the first place of `at` in `file`; the mended one is accepted.
#[track_caller]
fn check(operation: &str, kind: &str, (file, at): (&str, &str), wrong: [&str; 2], mended: [&str; 2]) {
    let text = if file == "input" { wrong[0] } else { wrong[1] };
    let before = text.split_once(at).unwrap_or_else(|| panic!("{text}\nlacks {at}")).0;
    let line = before.lines().count().max(1) + if file == "input" { 1 } else { 2 };
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let place = format!("mappings/{file}.yaml:{line}:{column}: ");
    let (code, out) = checked(operation, wrong[0], wrong[1]);
    let findings: Vec<&str> =
        out.lines().filter(|line| line.contains(": error: ") || line.contains(": warning: ")).collect();
    assert!(
        findings.len() == 1 && findings[0].starts_with(&place) && findings[0].ends_with(&format!("[{kind}]")),
        "{kind} at {place} is to be told of\n{}\n{}\nfound\n{out}",
        wrong[0],
        wrong[1]
    );
    assert!(out.contains("\n  hint: "), "{kind} needs a hint:\n{out}");
    assert_eq!(code, 1, "{out}");
    let (code, told) = checked(operation, mended[0], mended[1]);
    assert!(code == 0 && told.starts_with("no mistakes ("), "once mended\n{}\nis to be accepted\n{told}", mended[0]);
}

#[test]
fn what_goes_into_an_operation_must_fit_it() {
    let fulfil = |kind: &str, at: &str, wrong: &str, mended: &str| {
        check("picking.fulfil", kind, ("input", at), [wrong, THEN], [mended, THEN]);
    };
    let with = |from: &str, to: &str| INPUT.replace(from, to);
    let lines = "{each: event.data.lines, as: l, to: {sku: l.sku, quantity: l.quantity}}";
    let one = "[{sku: \"'A'\", quantity: 1}]";
    fulfil("target-unknown-field", "trackin:", &with("shipment: ", "trackin: event.data.?bol, shipment: "), INPUT);
    fulfil("target-missing-field", "{order", &with("shipment: event.data.number, ", ""), INPUT);
    fulfil("target-missing-field", "{shipment", &with("order: event.data.order, ", ""), &with("order: ", "picking: "));
    fulfil("target-missing-field", "{sku", &with(", quantity: l.quantity", ""), INPUT);
    fulfil("target-unknown-field", "quantty", &with("quantity: l", "quantty: 1, quantity: l"), INPUT);
    let bol = with("event.data.number", "event.data.bol");
    fulfil("target-maybe-missing", "event.data.?bol", &bol.replace(".bol", ".?bol"), &bol);
    let backorder = with("order: event", "backorder: false, order: event");
    fulfil("target-wrong-type", "\"'no'\"", &backorder.replace("false", "\"'no'\""), &backorder);
    fulfil("target-wrong-type", "l.sku}", &with("l.quantity", "l.sku"), INPUT);
    fulfil("target-not-a-list", "{sku", &with(lines, &one[1..one.len() - 1]), &with(lines, one));
    let maybe = "target:\n  when: event.data.pieces > 0\n  then: {order: event.data.order, shipment: event.data.number, lines: ";
    fulfil("target-maybe-nothing", "when:", &format!("{maybe}{one}}}"), &with(lines, one));
    fulfil("source-unknown-field", "ordr", &with("event.data.order,", "event.data.ordr,"), INPUT);
}

#[test]
fn words_dates_and_units_of_an_operation_are_checked() {
    let upsert = "target: {key: event.data.number, name: event.data.number, type: \"'delivry'\"}";
    let then = "target: {number: event.data.number, remarks: string(result.id)}";
    let mended = upsert.replace("delivry", "delivery");
    check("partner.upsert", "target-unknown-word", ("input", "\"'delivry"), [upsert, then], [&mended, then]);
    let timed = "target: {order: event.data.order, invoice_date: event.time}";
    let dated = timed.replace("event.time", "\"format(event.time, '%Y-%m-%d')\"");
    let then = "target: {number: event.data.number, remarks: result.invoice}";
    let operation = "invoice.create_and_post";
    check(operation, "target-not-a-time", ("input", "event.time"), [timed, then], [&dated, then]);
    let weight = "target: {key: event.data.number, name: event.data.number, weight: \"convert(1, 'TNE', 'LBR')\"}";
    let then = "target: {number: event.data.number, remarks: result.xid}";
    let mended = weight.replace("'LBR'", "'KGM'");
    check("product.upsert", "target-unit", ("input", "\"convert"), [weight, then], [&mended, then]);
}

#[test]
fn what_comes_out_of_an_operation_is_known_to_its_mappings() {
    let then = |kind: &str, at: &str, wrong: &str, mended: &str| {
        let with = |to: &str| THEN.replace("remarks: result.picking", to);
        check("picking.fulfil", kind, ("then", at), [INPUT, &with(wrong)], [INPUT, &with(mended)]);
    };
    then("source-unknown-field", "pickng", "remarks: result.pickng", "remarks: result.picking");
    then("source-unknown-field", "ordr", "remarks: input.ordr", "remarks: input.order");
    then("source-unknown-field", "skuu", "remarks: 'input.lines[0].skuu'", "remarks: 'input.lines[0].sku'");
    then("target-wrong-type", "result.picking}", "pieces: result.picking", "pieces: result.picking_id");
    then("argument-type", "result.picking_id", "remarks: upper(result.picking_id)", "remarks: upper(result.picking)");
}

#[test]
fn what_no_shape_tells_is_left_to_the_run() {
    let folder = write_hub(&[
        ("hub.yaml", "hub: x\n"),
        ("systems/p.yaml", "system: p\nconnector: http\ndomain: erp\nconfig: {url: 'http://127.0.0.1'}\n"),
        (
            "flows/out.yaml",
            "flow: out\non: crossdock.shipment.delivered.v1\nto: {system: p, operation: request.send}\nmap: out\nthen: then\n",
        ),
        (
            "mappings/out.yaml",
            "mapping: out\ntarget: {path: \"'/x'\", body: {whatever: event.data.number, list: [event.id]}}\n",
        ),
        (
            "mappings/then.yaml",
            "mapping: then\nemits: crossdock.shipment.updated.v1\ntarget: {number: event.data.number, remarks: result.note}\n",
        ),
    ]);
    let told = crossdock(&["check", "."]).within(folder.path()).run();
    assert!(!told.out.contains("error"), "{}", told.out);
}
