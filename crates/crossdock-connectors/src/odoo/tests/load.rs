//! Batches whose `load` was refused: who is blamed, who goes again, and where it ends.

use super::*;
use crossdock_core::value;

fn batch(count: usize) -> Vec<Transmission> {
    let input = |n: usize| value!({ "key": (format!("p{n}")), "name": (format!("Partner {n}")) });
    (0..count).map(|n| owed("partner.upsert", &input(n))).collect()
}

/// Plays Odoo: `refuse` answers a load of these external ids, in order, with its messages; `None` takes them.
fn play(transmissions: &[Transmission], refuse: impl Fn(&[String]) -> Option<Value>) -> (String, usize, Vec<Outcome>) {
    let odoo = odoo();
    let mut so_far = Vec::new();
    loop {
        match step(&odoo, transmissions, &so_far) {
            Step::Done(outcomes) => return (outcomes.iter().map(letter).collect(), so_far.len(), outcomes),
            Step::Call(call) => {
                let body = Value::parse_json(&call.body, &JsonLimits::OWN).expect("JSON");
                let xids: Vec<String> = items(&body, "data")
                    .iter()
                    .map(|row| row.at("0").expect("an id").to_string().replace('"', ""))
                    .collect();
                let answer = match refuse(&xids) {
                    Some(messages) => value!({ "ids": false, "messages": messages }),
                    None => {
                        value!({ "ids": ((0..xids.len() as i64).map(Value::from).collect::<Value>()), "messages": [] })
                    }
                };
                so_far.push(answered(&Exchange { call, result: Err(SendFault::TooLarge(0)) }, 200, &answer));
            }
        }
        assert!(so_far.len() <= crossdock_connect::endpoint::CALLS_MAX, "too many calls");
    }
}

fn error(row: i64, message: &str) -> Value {
    value!({ "type": "error", "rows": { "from": row, "to": row }, "record": row, "message": message })
}

fn place(xids: &[String], key: &str) -> Option<i64> {
    xids.iter().position(|xid| xid.ends_with(&format!("__{key}"))).map(|place| place as i64)
}

#[test]
fn the_blamed_are_refused_and_the_others_go_again() {
    let (letters, calls, outcomes) = play(&batch(5), |xids| Some(value!([(error(place(xids, "p3")?, "no"))])));
    assert_eq!((letters.as_str(), calls), ("AAAFA", 2));
    assert_eq!(reason(&outcomes[3]), "Odoo did not take partner p3: no");
}

/// Odoo pins the error of the whole batch on its first record.
#[test]
fn the_first_is_not_believed_to_be_at_fault_when_others_are_named() {
    let (letters, calls, _) = play(&batch(5), |xids| {
        let guilty = place(xids, "p3")?;
        Some(value!([(error(0, "batch said no")), (error(guilty, "no"))]))
    });
    assert_eq!((letters.as_str(), calls), ("AAAFA", 2));
    let (letters, calls, _) = play(&batch(3), |xids| {
        place(xids, "p0")?;
        let second = place(xids, "p2").map(|guilty| error(guilty, "no"));
        Some(std::iter::once(error(0, "no")).chain(second).collect())
    });
    assert_eq!((letters.as_str(), calls), ("FAF", 3));
}

/// A record that refers to another one of its batch fails with it when that was rolled back because of a third.
#[test]
fn who_misses_a_mate_that_was_rolled_back_goes_again() {
    let with_parent = |n: usize, parent: &str| {
        owed("partner.upsert", &value!({ "key": (format!("p{n}")), "name": "P", "parent_key": parent }))
    };
    let transmissions = vec![with_parent(0, "x"), with_parent(1, "x"), with_parent(2, "p0")];
    let (letters, calls, _) = play(&transmissions, |xids| {
        let guilty = place(xids, "p1")?;
        let missing = "No matching record found for external id 'crossdock.res_partner__p0' in field 'Parent'";
        Some(value!([(error(guilty, "no")), (error(place(xids, "p2")?, missing))]))
    });
    assert_eq!((letters.as_str(), calls), ("AFA", 2));
}

#[test]
fn without_names_the_batch_is_halved_until_the_guilty_stands_alone() {
    let (letters, calls, outcomes) = play(&batch(8), |xids| {
        place(xids, "p5")?;
        Some(value!([{ "type": "error", "message": "somewhere" }]))
    });
    assert_eq!((letters.as_str(), calls), ("AAAAAFAA", 7));
    assert_eq!(reason(&outcomes[5]), "Odoo did not take partner p5: somewhere");
}

#[test]
fn a_conflict_is_tried_again() {
    let (letters, calls, _) =
        play(&batch(3), |_| Some(value!([(error(0, "could not serialize access due to concurrent update"))])));
    assert_eq!((letters.as_str(), calls), ("RRR", 1));
}

#[test]
fn an_attempt_ends_before_its_limit_of_calls() {
    let (letters, calls, outcomes) = play(&batch(100), |_| Some(value!([{ "type": "error", "message": "no" }])));
    assert!(calls < crossdock_connect::endpoint::CALLS_MAX);
    assert!(letters.contains('F') && letters.ends_with('R'), "{letters}");
    assert!(reason(&outcomes[99]).ends_with("the rest goes in the next"));
}

#[test]
fn equal_columns_share_a_call_and_two_of_one_record_never_do() {
    let partner =
        |key: &str, more: &str| owed("partner.upsert", &json(&format!(r#"{{"key": "{key}", "name": "N"{more}}}"#)));
    let transmissions = vec![
        partner("a", ""),
        partner("b", r#", "city": "X""#),
        partner("a", r#", "city": null"#),
        partner("c", ""),
        partner("d", r#", "parent_key": "a""#),
    ];
    let odoo = odoo();
    let mut so_far: Vec<Exchange> = Vec::new();
    let mut calls = Vec::new();
    while let Step::Call(call) = step(&odoo, &transmissions, &so_far) {
        let body = Value::parse_json(&call.body, &JsonLimits::OWN).expect("JSON");
        let ids: Value = items(&body, "data").iter().map(|_| Value::from(1)).collect();
        calls.push(field(&body, "data").to_json_string());
        so_far.push(answered(&Exchange { call, result: Err(SendFault::TooLarge(0)) }, 200, &value!({ "ids": ids })));
    }
    assert_eq!(
        calls,
        [
            r#"[["crossdock.res_partner__a","N"],["crossdock.res_partner__c","N"]]"#,
            r#"[["crossdock.res_partner__b","N","X"]]"#,
            r#"[["crossdock.res_partner__d","N","crossdock.res_partner__a"]]"#,
            r#"[["crossdock.res_partner__a","N",""]]"#,
        ]
    );
}
