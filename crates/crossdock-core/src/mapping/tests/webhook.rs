//! The whole way of one message: a telematics webhook of some 750 bytes becomes a proof of delivery.

use std::sync::Arc;

use super::{json, yaml};
use crate::mapping::{CodeList, CodeLists, MapLimits, Mapping, Scope};

const MAPPING: &str = include_str!("webhook/mapping.yaml");
const MESSAGE: &str = include_str!("webhook/message.json");
const CODES: &str = include_str!("webhook/codes.yaml");

fn webhook_scope() -> Scope {
    let mut codes = CodeLists::new();
    for entry in yaml::node("codes.yaml", CODES).entries().expect("a map of lists") {
        let list = CodeList::compile(&entry.key, &entry.value).expect("the lists are right");
        codes.add(list).expect("names differ");
    }
    Scope::new(["message"]).with_codes(Arc::new(codes))
}

fn run(change: impl Fn(&str) -> String) -> String {
    let scope = webhook_scope();
    let mapping = Mapping::compile(&yaml::node("mappings/pod.yaml", MAPPING), &scope).expect("the mapping is right");
    let bindings = scope.bind([("message", json(&change(MESSAGE)))]);
    match mapping.apply(&bindings, &MapLimits::default()) {
        Ok(target) => {
            let exact = target.to_json_string();
            let pretty: serde_json::Value = serde_json::from_str(&exact).expect("targets are JSON");
            format!("{exact}\n\n{pretty:#}")
        }
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn a_webhook_becomes_a_proof_of_delivery() {
    insta::assert_snapshot!(run(str::to_string));
}

#[test]
fn a_partner_that_changes_its_message_is_understood_at_once() {
    let faults = [
        run(|message| message.replace("\"delivered\":10", "\"deliverd\":10")),
        run(|message| message.replace("11.03.2026 14:52", "2026-03-11T14:52")),
        run(|message| message.replace("\"unit\":\"CTN\"", "\"unit\":\"BOX\"")),
        run(|message| message.replace("\"DMG\"", "\"WET\"")),
        run(|message| message.replace("\"kg\":\"9.75\"", "\"kg\":\"9,75\"")),
        run(|message| message.replace("SO10442/2", "SO10442")),
        run(|message| message.replace("Europe/Berlin", "CET/Berlin")),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn the_source_fields_it_reads() {
    let mapping =
        Mapping::compile(&yaml::node("mappings/pod.yaml", MAPPING), &webhook_scope()).expect("the mapping is right");
    insta::assert_snapshot!(mapping.reads().join("\n"));
}
