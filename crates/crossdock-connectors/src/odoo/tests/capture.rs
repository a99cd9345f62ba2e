//! Change capture: recorded rounds, replayed step by step, and the laws of the sweep.

use super::*;
use crossdock_connect::endpoint::{PollProgress, PollState, PollStep};
use crossdock_core::value;

/// A recorded round: expects every recorded call, the envelopes and the cursor, and the end.
fn check(odoo: &Odoo, name: &str) {
    let fixture = fixture(name);
    let poll = text(&fixture, "poll");
    let cursor = field(&fixture, "cursor").as_text();
    let now: Timestamp = text(&fixture, "now").parse().expect("an instant");
    let mut so_far: Vec<PollProgress> = Vec::new();
    for (place, recorded) in items(&fixture, "progress").iter().enumerate() {
        let progress = match odoo.poll(poll, &PollState { cursor, now, so_far: &so_far }) {
            PollStep::Call(call) => {
                expect_call(name, place, &call, recorded);
                PollProgress::Exchanged(Exchange { call, result: result(recorded) })
            }
            PollStep::Deliver { envelopes, cursor } => {
                assert!(recorded.get("committed").is_some(), "{name}: delivers at {place}");
                expect_envelopes(&fixture, &envelopes);
                assert_eq!(cursor.as_deref(), field(&fixture, "next_cursor").as_text(), "{name}");
                PollProgress::Committed
            }
            other => panic!("{name} at {place}: {other:?}"),
        };
        so_far.push(progress);
    }
    let end = match odoo.poll(poll, &PollState { cursor, now, so_far: &so_far }) {
        PollStep::Rest { more } => value!({ "rest": more }),
        PollStep::Failed { reason, unusable } => value!({ "failed": reason, "unusable": unusable }),
        other => panic!("{name} does not end: {other:?}"),
    };
    assert_eq!(&end, field(&fixture, "end"), "{name}");
}

fn expect_envelopes(fixture: &Value, envelopes: &[crossdock_core::message::Envelope]) {
    let found: Vec<Value> = envelopes
        .iter()
        .map(|envelope| {
            let body = Value::parse_json(&envelope.body, &JsonLimits::OWN).expect("JSON");
            value!({ "channel": (envelope.channel.as_str()), "dedup_key": (envelope.dedup_key.as_str()), "body": body })
        })
        .collect();
    assert_eq!(found, items(fixture, "envelopes"));
}

fn sweeping() -> Odoo {
    let mut odoo = odoo();
    odoo.capture.mode = CaptureMode::Sweep;
    odoo
}

#[test]
fn the_outbox_is_read_delivered_and_only_then_acknowledged() {
    check(&odoo(), "outbox");
    check(&odoo(), "outbox_empty");
    check(&odoo(), "outbox_deleted");
    check(&odoo(), "outbox_absent");
    let outbox = fixture("outbox");
    let calls: Vec<&str> = items(&outbox, "progress")
        .iter()
        .map(|step| step.get("call").and_then(Value::as_text).unwrap_or("committed"))
        .collect();
    assert_eq!(calls[calls.len() - 2..], ["committed", "x_hub_outbox/unlink"]);
}

#[test]
fn the_sweep_reads_what_was_written_lately() {
    check(&sweeping(), "sweep");
    check(&sweeping(), "sweep_lines");
}

#[test]
fn nothing_is_null_and_instants_have_a_zone() {
    let outbox = fixture("outbox");
    let records = items(&outbox, "envelopes").iter().filter_map(|envelope| envelope.at("body.record"));
    let record = records.into_iter().find(|record| record.at("name") == Some(&"S00001".into())).expect("the order");
    assert_eq!(record.at("incoterm"), Some(&Value::Null));
    assert_eq!(record.at("locked"), Some(&Value::from(false)));
    assert!(text(record, "commitment_date").ends_with('Z'));
    assert_eq!(record.at("partner_id.country_id.code"), Some(&Value::from("US")));
    assert_eq!(record.at("partner_shipping_id.country_id.code"), Some(&Value::from("GB")));
    assert_eq!(record.at("lines.0.product_id.default_code"), Some(&Value::from("W1")));
    assert!(record.at("write_uid.id").is_some());
}

#[test]
fn each_mode_has_its_polls() {
    let names = |odoo: &Odoo| odoo.polls().into_iter().map(|plan| plan.name).collect::<Vec<_>>();
    assert_eq!(names(&odoo()), ["outbox"]);
    assert_eq!(
        names(&sweeping()),
        [
            "sweep/sale.order",
            "sweep/sale.order.line",
            "sweep/stock.picking",
            "sweep/stock.move",
            "sweep/account.move",
            "sweep/res.partner",
            "sweep/product.product",
        ]
    );
    let mut off = odoo();
    off.capture.mode = CaptureMode::Off;
    assert_eq!(names(&off), Vec::<String>::new());
}

/// An Odoo with partners: `(id, write_date)`.
struct Written(Vec<(i64, &'static str)>);

/// One round over such an Odoo: the ids delivered, the cursor and whether there is more.
fn round(odoo: &Odoo, written: &Written, cursor: Option<&str>, now: &str, server: &str) -> (Vec<i64>, String, bool) {
    let now: Timestamp = now.parse().expect("an instant");
    let (mut so_far, mut delivered, mut next) = (Vec::new(), Vec::new(), cursor.unwrap_or_default().to_owned());
    loop {
        match odoo.poll("sweep/res.partner", &PollState { cursor, now, so_far: &so_far }) {
            PollStep::Call(call) => {
                let mut exchange = answered(
                    &Exchange { call: call.clone(), result: Err(SendFault::TooLarge(0)) },
                    200,
                    &simulated(written, &call),
                );
                if let Ok(answer) = &mut exchange.result {
                    answer.headers.push(("date".into(), server.into()));
                }
                so_far.push(PollProgress::Exchanged(exchange));
            }
            PollStep::Deliver { envelopes, cursor } => {
                delivered.extend(envelopes.iter().map(|envelope| {
                    let body = Value::parse_json(&envelope.body, &JsonLimits::OWN).expect("JSON");
                    field(&body, "id").as_int().expect("an id")
                }));
                next = cursor.expect("a sweep has a cursor");
                so_far.push(PollProgress::Committed);
            }
            PollStep::Rest { more } => return (delivered, next, more),
            PollStep::Failed { reason, .. } => panic!("{reason}"),
        }
    }
}

fn simulated(written: &Written, call: &Call) -> Value {
    let body = Value::parse_json(&call.body, &JsonLimits::OWN).expect("JSON");
    if call.url.ends_with("fields_get") {
        return value!({ "name": { "type": "char" }, "write_date": { "type": "datetime" } });
    }
    let domain = items(&body, "domain");
    let first = domain[0].as_list().expect("a condition");
    if first[0].as_text() == Some("id") {
        let ids = first[2].as_list().expect("ids");
        return ids.iter().map(|id| value!({ "id": (id.clone()), "name": "P" })).collect();
    }
    let from = first[2].as_text().expect("a time");
    let excluded: &[Value] = domain.get(1).and_then(|c| c.at("2")).and_then(Value::as_list).unwrap_or_default();
    let mut rows: Vec<&(i64, &str)> =
        written.0.iter().filter(|(id, at)| *at >= from && !excluded.contains(&Value::from(*id))).collect();
    rows.sort_by_key(|(id, at)| (*at, *id));
    rows.iter().take(200).map(|(id, at)| value!({ "id": (*id), "write_date": (*at) })).collect()
}

const SERVER: &str = "Mon, 23 Nov 2026 12:00:01 GMT";

#[test]
fn the_first_sweep_begins_now_less_the_overlap_and_the_next_where_odoos_clock_stood() {
    let odoo = sweeping();
    let written = Written(vec![(1, "2026-11-23 11:00:00"), (2, "2026-11-23 11:50:00"), (3, "2026-11-23 12:00:00")]);
    let (ids, cursor, more) = round(&odoo, &written, None, "2026-11-23T12:00:00Z", SERVER);
    assert_eq!((ids, more), (vec![2, 3], false));
    assert_eq!(cursor, r#"{"high":"2026-11-23T12:00:01Z","pass_began":null,"page_from":null,"page_seen":[]}"#);
    // A transaction that began before the first sweep and ended after it.
    let late = Written(vec![(4, "2026-11-23 11:59:00"), (5, "2026-11-23 11:44:00")]);
    let (ids, _, _) = round(&odoo, &late, Some(&cursor), "2026-11-23T12:10:00Z", "Mon, 23 Nov 2026 12:10:00 GMT");
    assert_eq!(ids, [4]);
}

#[test]
fn the_first_sweep_can_be_told_where_to_begin() {
    let mut odoo = sweeping();
    odoo.capture.from = Some("2026-01-01T00:00:00Z".parse().expect("an instant"));
    let written = Written(vec![(1, "2025-12-31 23:59:59"), (2, "2026-01-01 00:00:00")]);
    assert_eq!(round(&odoo, &written, None, "2026-11-23T12:00:00Z", SERVER).0, [2]);
}

#[test]
fn an_import_of_one_second_is_read_page_by_page() {
    let odoo = sweeping();
    let mut rows: Vec<(i64, &str)> = (1..=450).map(|id| (id, "2026-11-23 11:59:00")).collect();
    rows.push((451, "2026-11-23 11:59:30"));
    let written = Written(rows);
    let (mut all, mut cursor, mut rounds) = (Vec::new(), None::<String>, 0);
    loop {
        let (ids, next, more) = round(&odoo, &written, cursor.as_deref(), "2026-11-23T12:00:00Z", SERVER);
        all.extend(ids);
        cursor = Some(next);
        rounds += 1;
        if !more {
            break;
        }
    }
    all.sort_unstable();
    assert_eq!((all, rounds), ((1..=451).collect::<Vec<i64>>(), 3));
    assert!(cursor.expect("a cursor").contains(r#""high":"2026-11-23T12:00:01Z""#));
}

#[test]
fn a_failure_keeps_the_cursor_and_a_wrong_key_stops_the_system() {
    let odoo = sweeping();
    let state = |so_far| PollState { cursor: None, now: Timestamp::UNIX_EPOCH, so_far };
    let PollStep::Call(call) = odoo.poll("sweep/res.partner", &state(&[])) else { panic!("a call") };
    let blank = Exchange { call, result: Err(SendFault::NotSent("refused".into())) };
    let down = [PollProgress::Exchanged(blank.clone())];
    assert_eq!(
        odoo.poll("sweep/res.partner", &state(&down)),
        PollStep::Failed {
            reason: "looking for changes of res.partner: could not reach the system: refused".into(),
            unusable: false
        }
    );
    let denied = [PollProgress::Exchanged(answered(&blank, 401, &value!({ "name": "x", "message": "y" })))];
    assert!(matches!(odoo.poll("sweep/res.partner", &state(&denied)), PollStep::Failed { unusable: true, .. }));
    assert!(matches!(odoo.poll("sweep/nonsense", &state(&[])), PollStep::Failed { unusable: false, .. }));
}
