//! What goes wrong on the wire or in the server, at every call of every operation; and answers that are questions.

use super::*;
use crossdock_core::value;

/// What each attempt of a tape comes to when one call after the other fails like this: one letter a call, `.` when
/// the operation goes on.
fn with_fault(name: &str, fault: impl Fn(&Exchange) -> Exchange) -> String {
    let (odoo, tape) = (odoo(), tape(name));
    let at = |place: usize| {
        let mut so_far = tape.exchanges[..=place].to_vec();
        so_far[place] = fault(&so_far[place]);
        match step(&odoo, &tape.transmissions, &so_far) {
            Step::Done(outcomes) => outcomes.first().map_or('?', letter),
            Step::Call(_) => '.',
        }
    };
    (0..tape.exchanges.len()).map(at).collect()
}

fn unsent(fault: SendFault) -> impl Fn(&Exchange) -> Exchange {
    move |exchange| Exchange { call: exchange.call.clone(), result: Err(fault.clone()) }
}

fn odoo_error(status: u16, name: &'static str, message: &'static str) -> impl Fn(&Exchange) -> Exchange {
    move |exchange| answered(exchange, status, &value!({ "name": name, "message": message, "debug": "Traceback" }))
}

fn page(status: u16) -> impl Fn(&Exchange) -> Exchange {
    move |exchange| {
        let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
        let answer = Answer { status, headers, body: b"<!doctype html>".to_vec() };
        Exchange { call: exchange.call.clone(), result: Ok(answer) }
    }
}

/// After a lost answer the hub is in doubt from the call on that makes the operation take effect, never before.
#[test]
fn a_lost_answer_leaves_doubt_only_where_something_may_have_happened() {
    let lost = |name: &str| with_fault(name, unsent(SendFault::Lost("reset".into())));
    assert_eq!(lost("product_upsert"), ".A");
    assert_eq!(lost("order_upsert"), "UU");
    assert_eq!(lost("confirm"), "RRUU");
    assert_eq!(lost("fulfil"), "RRRRRRRRRUUU");
    assert_eq!(lost("fulfil_again"), "RRRRRR");
    assert_eq!(lost("proof"), "RRRRU");
    assert_eq!(lost("invoice"), "RRRRRRRRRRRRRRUU");
    assert_eq!(lost("invoice_again"), "RRR");
}

#[test]
fn a_lost_batch_leaves_the_others_of_the_attempt_alone() {
    let mut tape = tape("partner_upsert");
    tape.exchanges[0].result = Err(SendFault::Lost("reset".into()));
    let letters: String = outcomes(step(&odoo(), &tape.transmissions, &tape.exchanges)).iter().map(letter).collect();
    assert_eq!(letters, "UAA");
}

#[test]
fn an_unreachable_or_busy_odoo_is_tried_again() {
    for name in ["confirm", "fulfil", "fulfil_lots", "proof", "invoice"] {
        let whole = tape(name).exchanges.len();
        let effect = match name {
            "confirm" => 3,
            "fulfil" => 10,
            "fulfil_lots" => 11,
            "proof" => 5,
            _ => 15,
        };
        let expected: String = (0..whole).map(|place| if place < effect { 'R' } else { 'U' }).collect();
        let serialization = "could not serialize access due to concurrent update";
        assert_eq!(with_fault(name, unsent(SendFault::NotSent("refused".into()))), expected, "{name}");
        assert_eq!(with_fault(name, page(404)), expected, "{name}: database gone");
        assert_eq!(with_fault(name, page(500)), expected, "{name}: pool full");
        assert_eq!(with_fault(name, page(503)), expected, "{name}");
        let conflict = odoo_error(500, "psycopg2.errors.SerializationFailure", serialization);
        assert_eq!(with_fault(name, conflict), expected, "{name}");
        let stopping = odoo_error(500, "psycopg2.InterfaceError", "cursor already closed");
        assert_eq!(with_fault(name, stopping), expected, "{name}");
        assert_eq!(with_fault(name, odoo_error(409, "odoo.exceptions.LockError", "locked")), expected, "{name}");
        assert_eq!(with_fault(name, odoo_error(404, "odoo.exceptions.MissingError", "gone")), expected, "{name}");
    }
}

#[test]
fn a_wrong_key_stops_the_system_and_a_missing_right_only_the_record() {
    for name in ["order_upsert", "confirm", "fulfil", "proof", "invoice"] {
        let whole = tape(name).exchanges.len();
        let key = with_fault(name, odoo_error(401, "werkzeug.exceptions.Unauthorized", "no"));
        assert!(key.chars().all(|c| c == 'X'), "{name}: {key}");
        let right = with_fault(name, odoo_error(403, "odoo.exceptions.AccessError", "not allowed to X"));
        assert_eq!(right.len(), whole);
        assert!(right.chars().all(|c| "F.A".contains(c)), "{name}: {right}");
    }
}

/// A business "no" ends the operation, but not where somebody else may have done the same work a moment before: there
/// the state is read first.
#[test]
fn a_refusal_is_believed_after_a_look() {
    let no = || odoo_error(422, "odoo.exceptions.UserError", "No.\n\nNot so.");
    assert_eq!(with_fault("confirm", no()), "FF.F");
    assert_eq!(with_fault("fulfil", no()), "F.FFFFFFF.FF");
    assert_eq!(with_fault("invoice", no()), "F.FFFFFF.FFFFF.F");
    let tape = tape("confirm");
    let mut so_far = tape.exchanges.clone();
    so_far[2] = no()(&so_far[2]);
    let outcomes = outcomes(step(&odoo(), &tape.transmissions, &so_far));
    assert_eq!(letter(&outcomes[0]), 'A', "it is confirmed all the same");
}

#[test]
fn the_reason_says_what_was_being_done_and_drops_the_traceback() {
    let tape = tape("fulfil");
    let mut so_far = tape.exchanges[..10].to_vec();
    let message = "You need to supply a Lot/Serial number for products:\n - [L1] Lotted";
    so_far[9] = odoo_error(422, "odoo.exceptions.UserError", message)(&so_far[9]);
    so_far.push(answered(&so_far[9], 200, &json(r#"[{"id": 1, "state": "assigned"}]"#)));
    let outcomes = outcomes(step(&odoo(), &tape.transmissions, &so_far));
    assert_eq!(
        outcomes[0],
        Outcome::Refused {
            reason: "validating WH/OUT/00001: You need to supply a Lot/Serial number for products: - [L1] Lotted"
                .into()
        }
    );
}

#[test]
fn a_backorder_question_is_answered() {
    let tape = tape("fulfil");
    let context = json(r#"{"button_validate_picking_ids": [1], "default_pick_ids": [[4, 1]], "lang": "en_US"}"#);
    let mut so_far = tape.exchanges[..10].to_vec();
    let wizard = Value::map([
        ("type", Value::from("ir.actions.act_window")),
        ("res_model", "stock.backorder.confirmation".into()),
        ("context", context),
    ]);
    so_far[9] = answered(&so_far[9], 200, &wizard);
    let ask = |so_far: &mut Vec<Exchange>, path: &str, body: &str, answer: &str| {
        let Step::Call(call) = step(&odoo(), &tape.transmissions, so_far) else { panic!("a call to {path}") };
        assert!(call.url.ends_with(path), "{}", call.url);
        assert_eq!(Value::parse_json(&call.body, &JsonLimits::OWN).expect("JSON"), json(body));
        so_far.push(answered(&Exchange { call, result: Err(SendFault::TooLarge(0)) }, 200, &json(answer)));
    };
    let context = r#"{"lang": "en_US", "tz": "UTC", "button_validate_picking_ids": [1], "default_pick_ids": [[4, 1]]}"#;
    let create = format!(r#"{{"vals_list": {{}}, "context": {context}}}"#);
    ask(&mut so_far, "stock.backorder.confirmation/create", &create, "[7]");
    let process = format!(r#"{{"ids": [7], "context": {context}}}"#);
    ask(&mut so_far, "stock.backorder.confirmation/process", &process, "true");
    so_far.extend(tape.exchanges[10..].iter().cloned());
    assert_eq!(letter(&outcomes(step(&odoo(), &tape.transmissions, &so_far))[0]), 'A');
}

#[test]
fn another_question_is_not_taken_for_done() {
    let tape = tape("fulfil");
    let wizard = value!({ "type": "ir.actions.act_window", "res_model": "confirm.stock.sms", "context": {} });
    let mut so_far = tape.exchanges[..10].to_vec();
    so_far[9] = answered(&so_far[9], 200, &wizard);
    so_far.push(answered(&so_far[9], 200, &json(r#"[{"id": 1, "state": "assigned"}]"#)));
    let ended = outcomes(step(&odoo(), &tape.transmissions, &so_far));
    assert_eq!(
        reason(&ended[0]),
        "Odoo wants to ask something first (confirm.stock.sms) before it validates WH/OUT/00001: answer it there, or \
         switch that question off for the API user, then resume"
    );
    // An action that comes after the work, such as printing the labels.
    so_far[10] = answered(&so_far[9], 200, &json(r#"[{"id": 1, "state": "done"}]"#));
    so_far.extend(tape.exchanges[10..].iter().cloned());
    assert_eq!(letter(&outcomes(step(&odoo(), &tape.transmissions, &so_far))[0]), 'A');
    let print = value!({ "type": "ir.actions.client", "tag": "do_multi_print" });
    let mut so_far = tape.exchanges.clone();
    so_far[9] = answered(&so_far[9], 200, &print);
    assert_eq!(letter(&outcomes(step(&odoo(), &tape.transmissions, &so_far))[0]), 'A');
}

#[test]
fn a_delivery_that_odoo_left_open_is_not_taken_for_done() {
    let tape = tape("fulfil");
    let mut so_far = tape.exchanges.clone();
    so_far[10] = answered(&so_far[10], 200, &json(r#"[{"id": 1, "name": "WH/OUT/00001", "state": "assigned"}]"#));
    let ended = outcomes(step(&odoo(), &tape.transmissions, &so_far));
    assert!(
        reason(&ended[0]).starts_with("Odoo took the validation of WH/OUT/00001 but left it assigned"),
        "{ended:?}"
    );
}

#[test]
fn an_odoo_without_tracking_references_says_so_only_when_one_is_given() {
    let invalid = odoo_error(500, "builtins.ValueError", "Invalid field 'carrier_tracking_ref' on 'stock.picking'");
    let plain = |exchange: &Exchange| {
        answered(
            exchange,
            200,
            &json(r#"[{"id": 1, "name": "WH/OUT/1", "state": "assigned", "picking_type_code": "outgoing"}]"#),
        )
    };
    let tape = tape("fulfil");
    let mut so_far = vec![tape.exchanges[0].clone(), invalid(&tape.exchanges[1]), plain(&tape.exchanges[1])];
    so_far.extend(tape.exchanges[2..5].iter().cloned());
    let ended = outcomes(step(&odoo(), &tape.transmissions, &so_far));
    assert!(reason(&ended[0]).starts_with("this Odoo has no tracking reference on deliveries"), "{ended:?}");
    let without = owed(
        "picking.fulfil",
        &json(r#"{"order": "S00001", "shipment": "281", "lines": [{"sku": "W1", "quantity": 5}]}"#),
    );
    assert!(matches!(step(&odoo(), &[without], &so_far), Step::Call(call) if call.url.ends_with("mail.message/load")));
}

/// The hub was killed while Odoo was validating; the call ended between two reads of the next attempt.
#[test]
fn a_validation_that_ends_while_the_next_attempt_looks_is_found() {
    let tape = tape("fulfil_after_lost_write");
    let moves = tape.recorded.iter().position(|e| text(e, "call") == "stock.move/search_read").expect("moves");
    let mut so_far = tape.exchanges[..=moves].to_vec();
    so_far[moves] = answered(&so_far[moves], 200, &value!([]));
    let Step::Call(look) = step(&odoo(), &tape.transmissions, &so_far) else { panic!("looks again") };
    assert!(look.url.ends_with("stock.picking/search_read"));
    so_far.push(answered(&so_far[1], 200, &json(r#"[{"id": 7, "state": "done"}]"#)));
    let Step::Call(back) = step(&odoo(), &tape.transmissions, &so_far) else { panic!("reads back") };
    assert!(String::from_utf8_lossy(&back.body).contains(r#"["backorder_id","#));
    so_far.pop();
    so_far.push(answered(&so_far[1], 200, &json(r#"[{"id": 7, "state": "assigned"}]"#)));
    let Step::Call(call) = step(&odoo(), &tape.transmissions, &so_far) else { panic!("asks which SKU it is") };
    assert!(call.url.ends_with("product.product/search_read"));
}
