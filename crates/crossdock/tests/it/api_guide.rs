//! `docs/guides/api.md` is true: its examples are run against a real hub, and what it shows is what comes.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::running_hub::Running;

const GUIDE: &str = include_str!("../../../../docs/guides/api.md");

/// The blocks of the guide: their language and text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut blocks = Vec::new();
    for fenced in GUIDE.split("\n```").skip(1).step_by(2) {
        blocks.push(fenced.split_once('\n').expect("a fence has a line"));
    }
    blocks
}

/// Whether what is shown is what came: `…` is anything, objects may have more.
fn shows(shown: &Json, came: &Json) -> bool {
    match (shown, came) {
        (Json::String(any), _) if any == "…" => true,
        (Json::Object(shown), Json::Object(came)) => {
            shown.iter().all(|(name, shown)| came.get(name).is_some_and(|came| shows(shown, came)))
        }
        (Json::Array(shown), Json::Array(came)) => {
            shown.len() == came.len() && shown.iter().zip(came).all(|(shown, came)| shows(shown, came))
        }
        (shown, came) => shown == came,
    }
}

fn run(command: &str, hub: &str) -> String {
    let output = Command::new("sh").args(["-euc", command]).env("HUB", hub).env_remove("http_proxy").output();
    let output = output.expect("a shell and curl are there");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_examples_of_the_api_guide_are_true() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut hub = Running::start(&crate::running_hub::init(scratch.path()));
    let blocks = blocks();
    let mut examples = 0;
    for pair in blocks.windows(2) {
        let [("sh", command), ("json", shown)] = pair else { continue };
        let shown: Json = serde_json::from_str(shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
        examples += 1;
        // What was handed in is folded soon, not at once. A repeat of any of these requests is harmless.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let came = run(command, &hub.api());
            let came: Json = serde_json::from_str(&came).unwrap_or_else(|error| panic!("{error}: {came}"));
            if shows(&shown, &came) {
                break;
            }
            assert!(Instant::now() < deadline, "{command}\nshown: {shown:#}\ncame: {came:#}");
        }
    }
    let commands = blocks.iter().filter(|(language, _)| *language == "sh").count();
    assert_eq!((examples, commands), (12, 12), "every command is followed by what it gives");
    assert_eq!(hub.stop(), Some(0));
}
