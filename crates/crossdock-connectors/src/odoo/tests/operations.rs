//! Every recorded attempt, call by call.

use super::*;

/// Replays a tape at every length and expects the recorded next call, and at the end the recorded outcomes.
fn check(name: &str) {
    check_with(&odoo(), name, 1);
}

fn check_with(odoo: &Odoo, name: &str, attempts: u32) {
    let mut tape = tape(name);
    tape.transmissions.iter_mut().for_each(|transmission| transmission.attempts = attempts);
    for transmission in &tape.transmissions {
        assert_eq!(odoo.check(&transmission.operation, &transmission.input), Ok(()), "{name}");
    }
    for place in 0..tape.exchanges.len() {
        match step(odoo, &tape.transmissions, &tape.exchanges[..place]) {
            Step::Call(call) => expect_call(name, place, &call, &tape.recorded[place]),
            Step::Done(outcomes) => panic!("{name} ends before call {place}: {outcomes:?}"),
        }
    }
    let outcomes = outcomes(step(odoo, &tape.transmissions, &tape.exchanges));
    let outcomes: Vec<Value> = outcomes.iter().map(|o| Value::from_serde(o).expect("an outcome is JSON")).collect();
    assert_eq!(outcomes, tape.outcomes, "{name}");
}

#[test]
fn partners_are_upserted_in_batches() {
    check("partner_upsert");
    check("partner_bad_rows");
    check("partner_denied");
}

#[test]
fn products_are_upserted_in_batches() {
    check("product_upsert");
    check("partner_blamed_for_another");
}

#[test]
fn orders_are_upserted_and_confirmed() {
    for name in ["order_upsert", "order_upsert_again", "order_bad_lines", "order_by_sku"] {
        check(name);
    }
    for name in ["confirm", "confirm_again", "confirm_unknown", "confirm_cancelled"] {
        check(name);
    }
}

#[test]
fn shipments_are_booked_in_part_and_in_full() {
    for name in ["fulfil", "fulfil_again", "fulfil_rest", "fulfil_lots", "fulfil_after_pick"] {
        check(name);
    }
}

#[test]
fn shipments_that_do_not_fit_are_refused_with_advice() {
    for name in [
        "fulfil_unknown_order",
        "fulfil_unknown_sku",
        "fulfil_sku_not_open",
        "fulfil_too_many",
        "fulfil_unknown_lot",
        "fulfil_otherwise",
        "fulfil_nothing_open",
        "fulfil_cancelled",
        "fulfil_pick_comes_first",
    ] {
        check(name);
    }
}

#[test]
fn a_delivery_that_was_validated_by_hand_is_taken_when_it_names_the_shipment() {
    check("fulfil_done_by_hand");
    check("fulfil_done_by_hand_named");
}

#[test]
fn a_shipment_is_booked_once_whatever_answer_was_lost() {
    check("fulfil_after_lost_mark");
    check("fulfil_after_lost_write");
    check("fulfil_after_lost_validate");
}

#[test]
fn a_given_up_shipment_does_not_hold_the_delivery() {
    check("fulfil_take_over_waits");
    check_with(&odoo(), "fulfil_take_over", 11);
}

#[test]
fn proofs_are_attached_once() {
    for name in ["proof", "proof_again", "proof_by_shipment", "proof_too_early", "proof_signed_by_hand"] {
        check(name);
    }
}

#[test]
fn a_shipment_is_invoiced_once_and_alone() {
    for name in ["invoice", "invoice_again", "invoice_second_shipment", "invoice_too_early", "invoice_denied"] {
        check(name);
    }
}

#[test]
fn an_invoice_is_made_once_whatever_answer_was_lost() {
    for name in ["claim", "wizard", "create", "write", "post"] {
        check(&format!("invoice_after_lost_{name}"));
    }
}

#[test]
fn a_strangers_draft_is_never_posted() {
    check("invoice_strangers_draft");
    check("invoice_strangers_posted");
    check("invoice_nothing");
}

#[test]
fn a_wrong_configuration_is_told_from_a_wrong_record() {
    check("bad_key");
    check("bad_database");
    let mut elsewhere = odoo();
    elsewhere.company_ids = vec![77];
    check_with(&elsewhere, "bad_company", 1);
}

#[test]
fn an_input_that_does_not_fit_is_refused_without_a_call() {
    let input = json(r#"{"order": "S1", "lines": [{"sku": "W1", "quantity": -1}], "traking": "1Z"}"#);
    let outcomes = outcomes(step(&odoo(), &[owed("picking.fulfil", &input)], &[]));
    assert_eq!(
        reason(&outcomes[0]),
        "the input does not fit: shipment is missing; it must be a text of 1 to 200 bytes; lines[0].quantity must be a \
         number greater than 0, not -1; traking is not a field of this operation (did you mean `tracking`?)"
    );
    let unknown = odoo().check("picking.fulfill", &input).expect_err("no such operation");
    assert_eq!(unknown[0].message, "odoo has no operation `picking.fulfill`");
}

#[test]
fn one_unfit_input_does_not_hold_the_batch() {
    let mut tape = tape("partner_upsert");
    tape.transmissions.insert(1, owed("partner.upsert", &json(r#"{"name": "No key"}"#)));
    let outcomes = outcomes(step(&odoo(), &tape.transmissions, &tape.exchanges));
    assert_eq!(outcomes.iter().map(letter).collect::<String>(), "AFAA");
}

#[test]
fn the_key_is_sent_as_a_secret_and_the_database_by_name() {
    let Step::Call(call) = step(&odoo(), &tape("confirm_again").transmissions, &[]) else { panic!("a call") };
    let shown = format!("{call:?}");
    assert!(shown.contains("authorization: ***") && !shown.contains("5ec2e7"), "{shown}");
    assert!(shown.contains("x-odoo-database: test"), "{shown}");
    assert_eq!(call.headers[0].value, "bearer 5ec2e7");
    let mut companies = odoo();
    companies.company_ids = vec![1, 3];
    let Step::Call(call) = step(&companies, &tape("confirm_again").transmissions, &[]) else { panic!("a call") };
    let body = Value::parse_json(&call.body, &JsonLimits::OWN).expect("JSON");
    assert_eq!(field(&body, "context"), &json(r#"{"lang": "en_US", "tz": "UTC", "allowed_company_ids": [1, 3]}"#));
}

#[test]
fn quantities_and_amounts_stay_exact() {
    let tape = tape("invoice_second_shipment");
    let outcomes = outcomes(step(&odoo(), &tape.transmissions, &tape.exchanges));
    let Outcome::Accepted { result } = &outcomes[0] else { panic!("accepted") };
    assert_eq!(field(result, "total").to_json_string(), "100.25");
    let rest = super::tape("fulfil_rest");
    let write = rest.exchanges.iter().find(|e| e.call.url.ends_with("stock.picking/write")).expect("a write");
    assert!(String::from_utf8_lossy(&write.call.body).contains(r#""quantity":2.5,"#));
}
