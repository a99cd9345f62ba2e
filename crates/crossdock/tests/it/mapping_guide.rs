//! The guide of mappings is true: every mapping it shows passes `check` against the model, or is refused with the words
//! the guide prints; what it says of retractions is what `test` makes.

use crate::program::{crossdock, write_hub};

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/mappings.md"));

/// The code blocks of the guide in order: language and text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut blocks = Vec::new();
    let mut rest = GUIDE;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').expect("a block has lines");
        let (text, after) = after.split_once("```").expect("a block ends");
        blocks.push((language, text));
        rest = after;
    }
    blocks
}

/// A mapping of the guide with what stands around it.
struct Shown {
    name: String,
    text: String,
    /// The message it is shown for.
    message: &'static str,
    /// What `check` says of it, when it is shown as a refused one.
    refused: Option<&'static str>,
}

/// Every mapping of the guide. A target alone is part of a delivered shipment; an example of a refusal is followed by what
/// is said of it, and is about the first message.
fn mappings() -> Vec<Shown> {
    let blocks = blocks();
    let first = blocks.iter().find(|(language, _)| *language == "json").expect("a message").1;
    let (mut message, mut shown) = ("", Vec::new());
    for (place, (language, text)) in blocks.iter().enumerate() {
        let is_mapping = *language == "yaml" && text.lines().any(|line| line.starts_with("target:"));
        if *language == "json" {
            message = text;
        }
        if !is_mapping {
            continue;
        }
        let refused = blocks.get(place + 1).filter(|(language, _)| *language == "text").map(|(_, text)| *text);
        let name = text.lines().find_map(|line| line.strip_prefix("mapping: "));
        let whole = match name {
            Some(_) => text.to_string(),
            None => format!("mapping: part{place}\nemits: crossdock.shipment.delivered.v1\n{text}"),
        };
        let name = name.map_or_else(|| format!("part{place}"), str::to_owned);
        let message = if refused.is_some() { first } else { message };
        shown.push(Shown { name, text: whole, message, refused });
    }
    shown
}

/// A hub of one mapping on its message, with every code list of the guide and these tests.
fn hub(shown: &[&Shown], tests: &str) -> tempfile::TempDir {
    let mut files =
        vec![("hub.yaml".to_owned(), "hub: guide\n".to_owned()), ("tests/t.yaml".to_owned(), tests.to_owned())];
    let mut channels = String::new();
    for one in shown {
        let channel = one.name.replace('/', "-");
        channels += &format!("  {channel}: {{samples: [samples/{channel}.json]}}\n");
        files.push((format!("samples/{channel}.json"), one.message.to_owned()));
        files.push((format!("mappings/{}.yaml", one.name), one.text.clone()));
        let flow = format!("flow: {channel}\nfrom: {{system: partner, channel: {channel}}}\nmap: {}\n", one.name);
        files.push((format!("flows/{channel}.yaml"), flow));
    }
    let system = "system: partner\nconnector: http\ndomain: carrier\nwebhook: {scheme: bearer, secret: {env: HOME}}\nchannels:\n";
    files.push(("systems/partner.yaml".to_owned(), format!("{system}{channels}")));
    for (_, text) in blocks().iter().filter(|(_, text)| text.starts_with("codes: ")) {
        let name = text["codes: ".len()..].lines().next().expect("a name");
        files.push((format!("codes/{name}.yaml"), (*text).to_owned()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    write_hub(&files)
}

#[test]
fn every_mapping_of_the_guide_passes_check_or_is_shown_with_its_refusal() {
    let shown = mappings();
    assert!(shown.len() >= 7, "only {} mappings were found", shown.len());
    assert_eq!(shown.iter().filter(|one| one.refused.is_some()).count(), 1);
    for one in &shown {
        let told = crossdock(&["check", "--without-secrets"]).within(hub(&[one], "[]\n").path()).run();
        match one.refused {
            None => assert!(told.out.starts_with("no mistakes"), "{}\n{}", one.text, told.out),
            Some(said) => {
                let (mistakes, _) = told.out.trim_end().rsplit_once('\n').expect("mistakes and how many there are");
                assert_eq!(mistakes, said.trim_end());
                assert_eq!(told.code, 1);
            }
        }
    }
}

#[test]
fn a_retraction_of_the_guide_names_the_event_it_takes_back() {
    let shown = mappings();
    let named = |name: &str| shown.iter().find(|one| one.name == name).expect("the guide shows it");
    let (delivered, retracted) = (named("tracker/delivered"), named("tracker/retracted"));
    let test = |one: &Shown, expect: &str| {
        let flow = one.name.replace('/', "-");
        format!("- {{test: {flow}, flow: {flow}, body_file: samples/{flow}.json, expect_events: [{expect}]}}\n")
    };
    let tests = test(
        delivered,
        "{type: crossdock.shipment.delivered.v1, subject: shipment/281, data: {number: \"281\", delivered_at: \
         \"2026-03-01T10:00:00Z\", source_event_id: ev-71}}",
    ) + &test(
        retracted,
        "{type: crossdock.shipment.event_retracted.v1, subject: shipment/281, data: {number: \"281\", retraction: \
         {reason: did_not_occur, source_event_id: ev-71}}}",
    );
    let passed = crossdock(&["test"]).within(hub(&[delivered, retracted], &tests).path()).run().expect(0);
    assert_eq!(passed.out, "2 passed\n");
}
