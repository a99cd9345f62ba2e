//! The guide of master data, as a reader would follow it: its files make a hub, its commands are run against it.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::program::crossdock;
use crate::running_hub::{Running, init, wait_for};

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/master-data.md"));

/// Blocks of the guide in one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    GUIDE.split(&*start).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The guide's hub: its files beside those that `init` writes.
fn write(folder: &Path) {
    for block in blocks("yaml") {
        let Some((path, text)) = block.strip_prefix("# ").and_then(|rest| rest.split_once('\n')) else { continue };
        let (path, is_added) = path.strip_suffix(" (added)").map_or((path, false), |path| (path, true));
        let before = if is_added { std::fs::read_to_string(folder.join(path)).expect("there") } else { String::new() };
        std::fs::write(folder.join(path), before + text).expect("written");
    }
    for system in ["crm", "billing"] {
        std::fs::write(folder.join("secrets").join(system), "secret\n").expect("written");
    }
}

fn send(hub: &Running, system: &str, channel: &str, body: &Json) {
    let answer = hub.send_to(&format!("/in/{system}/{channel}"), "X-Token: secret", &body.to_string());
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

/// Runs a command of the guide; gives what it printed.
#[track_caller]
fn follow(line: &str, hub: &Running, within: &Path, code: i32) -> String {
    let mut args: Vec<String> = Vec::new();
    for (n, part) in line.split('"').enumerate() {
        match n % 2 {
            1 => args.push(part.to_owned()),
            _ => args.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let ended = crossdock(&args).env("CROSSDOCK_API", &hub.api()).within(within).run();
    assert_eq!(ended.code, code, "{line}\n{}{}", ended.out, ended.err);
    ended.out + &ended.err
}

#[test]
fn the_guide_of_master_data_is_followed() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    write(&folder);
    let checked = crossdock(&["check", "."]).within(&folder).run().expect(0);
    assert!(!checked.out.contains("system of record"), "{}", checked.out);
    let mut hub = Running::start(&folder);
    let api = hub.api();
    let address = |event: &str, code: &str, id: &str| json!({"event": event, "code": code, "id": id, "name": "Hafen Spedition", "vat": "DE123456789", "phone": "040 1234567"});
    send(&hub, "crm", "account", &address("1", "C001", "crm-77"));
    send(&hub, "crm", "account", &address("2", "C-17", "crm-78"));
    // They are surely the same: the policy merges them, and says so.
    let audit = wait_for(&["references", "find", "crm-78", "--api", &api], "crm customer_id crm-77");
    assert!(audit.starts_with("customer_account/C-17\t") || audit.starts_with("customer_account/C001\t"), "{audit}");
    let merged = if audit.starts_with("customer_account/C001\t") { "C-17" } else { "C001" };
    let split = format!("crossdock references split customer_account/{merged} --reason x");
    follow(&split, &hub, &folder, 0);
    // Split by a person, they are left alone. A third that is only alike is a question.
    send(&hub, "crm", "account", &json!({"event": "3", "code": "C-99", "name": "Hafen Spedition GmbH"}));
    wait_for_suggestion(&api);

    for line in blocks("sh").into_iter().flat_map(str::lines) {
        let suggestion = first_suggestion(&api).unwrap_or_default();
        let line = line.replace("SUGGESTION", &suggestion);
        let code = i32::from(line.ends_with("references suggestions"));
        let told = follow(&line, &hub, &folder, code);
        let expected = match line.split_whitespace().nth(2) {
            Some("find") => "customer_account/C001\t",
            Some("export") => "",
            Some("import") if line.contains("--dry-run") => "nothing is wrong: 2 references would be added, 0 removed",
            Some("import") => "2 references added",
            Some("candidates") => "customer_account/C-17\tvat 100 %",
            Some("suggestions") => "name 100 %",
            Some("reject") => "rejected",
            Some("merge") => "customer_account/C001 answers for customer_account/C-17",
            Some("split") => "customer_account/C-17 stands for itself again",
            other => panic!("what does {other:?} do?"),
        };
        assert!(told.contains(expected), "{line}: {told}");
    }
    let table = std::fs::read_to_string(folder.join("references.csv")).expect("exported");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines,
        [
            "entity,key,system,kind,value",
            "customer_account,C-17,crm,customer_id,crm-78",
            "customer_account,C001,crm,customer_id,crm-77",
        ]
    );
    mistakes(&hub, &folder);
    authority(&hub, &api);
    assert_eq!(hub.stop(), Some(0));
}

fn first_suggestion(api: &str) -> Option<String> {
    let listed = crossdock(&["references", "suggestions", "--json", "--api", api]).run();
    let listed: Json = serde_json::from_str(&listed.out).expect("it is JSON");
    Some(listed["items"][0]["id"].as_str()?.to_owned())
}

#[track_caller]
fn wait_for_suggestion(api: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while first_suggestion(api).is_none() {
        assert!(std::time::Instant::now() < deadline, "nothing is ever suggested");
    }
}

/// Nothing of a file with a mistake is imported, and each mistake has its line.
fn mistakes(hub: &Running, folder: &Path) {
    let bad = "entity,key,system,kind,value\n\
               customer_account,C001,crm,customer_id,crm-99\n\
               customer_account,C-17,crm,customer_id,crm-77\n\
               customer,C001,crm,customer_id,1\n\
               customer_account,C001,sap,customer_id,2\n";
    std::fs::write(folder.join("bad.csv"), bad).expect("written");
    let told = follow("crossdock references import bad.csv --reason x", hub, folder, 1);
    for wanted in [
        "bad.csv:3: crm customer_id crm-77 stands for customer_account/C001 already",
        "bad.csv:4: there is no kind of entity like in `customer/C001`",
        "bad.csv:5: there is no system `sap` in this hub",
        "3 mistakes; nothing was changed",
    ] {
        assert!(told.contains(wanted), "{told}");
    }
    follow("crossdock references find crm-99", hub, folder, 1);
    let refused = follow("crossdock references merge item/A item/B --reason x", hub, folder, 1);
    assert!(refused.contains("there is no item/A"), "{refused}");
}

/// Orders find their customer, and what billing says of the CRM's fields is a suggestion.
fn authority(hub: &Running, api: &str) {
    send(hub, "crm", "order", &json!({"event": "9", "number": "S1", "customer_id": "crm-77"}));
    let story = wait_for(&["trace", "S1", "--json", "--api", api], "order.received");
    let story: Json = serde_json::from_str(&story).expect("it is JSON");
    assert_eq!(story["entities"][0]["data"]["customer"], "C001");
    send(hub, "billing", "account", &json!({"event": "1", "code": "C001", "name": "HAFEN", "credit_limit": 500}));
    let told = wait_for(
        &["trace", "customer_account/C001", "--api", api],
        "billing is not the system of record for name: not applied",
    );
    assert!(told.contains("customer_account/C001"), "{told}");
    wait_for_suggestion(api);
    let id = first_suggestion(api).expect("suggested");
    crossdock(&["references", "accept", &id, "--reason", "renamed", "--api", api]).run().expect(0);
    let story = crossdock(&["trace", "customer_account/C001", "--json", "--api", api]).run().expect(0);
    let story: Json = serde_json::from_str(&story.out).expect("it is JSON");
    let entities = story["entities"].as_array().expect("a list");
    let account = entities.iter().find(|entity| entity["key"] == "C001" && entity["kind"] == "customer_account");
    let data = &account.expect("it is told")["data"];
    assert_eq!((data["name"].as_str(), data["credit_limit"].as_u64()), (Some("HAFEN"), Some(500)), "{data}");
}
