//! `crossdock check --live`: what is seen of the systems themselves, with the Odoo stand-in and a partner of one page.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crossdock_sim::odoo::StandIn;
use serde_json::Value as Json;

use crate::program::{crossdock, write_hub};

const DATABASE: &str = "t_live";
const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// A partner that answers every request by whether it carries the token, and counts what would change something.
fn partner() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let changes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = changes.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).to_ascii_lowercase();
            if !text.starts_with("get ") {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            let (status, body) = match text.contains("authorization: bearer good") {
                true => ("200 OK", r#"[{"id": 1}]"#),
                false => ("401 Unauthorized", r#"{"title": "unknown token"}"#),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    (url, changes)
}

fn hub(odoo: &str, partner: &str, mode: &str) -> tempfile::TempDir {
    let erp = format!(
        "system: erp\nconnector: odoo\ndomain: erp\nconfig:\n  url: {odoo}\n  database: {DATABASE}\n  key: {{env: XD_LIVE_KEY}}\n  \
         capture: {{mode: {mode}, models: [sale.order, res.partner]}}\n"
    );
    let tms = format!(
        "system: tms\nconnector: http\ndomain: fleet\nconfig:\n  url: {partner}\n  auth: {{bearer: {{env: XD_LIVE_TOKEN}}}}\n  \
         check: /me\n"
    );
    let quiet = "system: quiet\nconnector: samsara\ndomain: fleet\nwebhook: {secret: {env: XD_LIVE_SAMSARA}}\n";
    write_hub(&[
        ("hub.yaml", "hub: live\n"),
        ("systems/erp.yaml", &erp),
        ("systems/tms.yaml", &tms),
        ("systems/quiet.yaml", quiet),
    ])
}

/// Exit code and what was printed.
fn looked(folder: &tempfile::TempDir, key: &str, token: &str, more: &[&str]) -> (i32, String) {
    let arguments: Vec<&str> = ["check", "--live"].iter().chain(more).copied().collect();
    let ended = crossdock(&arguments)
        .within(folder.path())
        .env("XD_LIVE_KEY", key)
        .env("XD_LIVE_TOKEN", token)
        .env("XD_LIVE_SAMSARA", "c2Ftc2FyYS1zZWNyZXQ=")
        .run();
    (ended.code, format!("{}{}", ended.out, ended.err))
}

fn line<'a>(told: &'a str, system: &str) -> &'a str {
    told.lines().find(|line| line.starts_with(system)).unwrap_or_else(|| panic!("no line of {system} in\n{told}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_system_has_a_line_that_says_what_to_do() {
    let standin = StandIn::start(DATABASE, KEY).await.expect("a free port");
    let (partner, changes) = partner();
    let sweeping = hub(&standin.url(), &partner, "sweep");
    let (code, told) = looked(&sweeping, KEY, "good", &[]);
    assert_eq!(code, 0, "{told}");
    let erp = line(&told, "erp");
    assert!(
        erp.contains("good") && erp.contains("Odoo 19") && erp.contains("may read sale.order, res.partner"),
        "{erp}"
    );
    assert!(line(&told, "tms").contains("GET /me works with the hub's credentials"), "{told}");
    assert!(line(&told, "quiet").contains("nothing can be seen without changing something"), "{told}");

    // The outbox is not there; the partner does not know the token.
    let outbox = hub(&standin.url(), &partner, "outbox");
    let (code, told) = looked(&outbox, KEY, "bad", &[]);
    assert_eq!(code, 1, "{told}");
    assert!(line(&told, "erp").contains("the outbox is not installed: run `crossdock odoo setup`"), "{told}");
    let tms = line(&told, "tms");
    assert!(tms.contains("wrong") && tms.contains("HTTP 401: unknown token"), "{tms}");
    assert!(tms.contains("systems/tms.yaml are missing or not accepted"), "{tms}");

    // A wrong key is told once, and nothing more is asked.
    let (code, told) = looked(&outbox, "wrong", "good", &["--json"]);
    assert_eq!(code, 1, "{told}");
    let report: Json = serde_json::from_str(&told).expect("JSON");
    let erp = report["systems"].as_array().expect("systems").iter().find(|it| it["system"] == "erp").expect("erp");
    assert_eq!((erp["state"].as_str(), erp["connector"].as_str()), (Some("wrong"), Some("odoo")), "{erp:#}");
    let seen = erp["seen"].as_array().expect("seen");
    assert_eq!((seen.len(), &seen[0]["good"], &seen[1]["good"]), (2, &true.into(), &false.into()), "{erp:#}");
    assert!(seen[1]["to_do"].as_str().is_some_and(|to_do| to_do.contains("`key` and `database`")), "{erp:#}");
    assert_eq!(changes.load(std::sync::atomic::Ordering::Relaxed), 0, "only GET was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_is_away_and_a_folder_with_mistakes_are_told() {
    let (partner, _) = partner();
    let away = hub("http://127.0.0.1:1", &partner, "sweep");
    let (code, told) = looked(&away, KEY, "good", &[]);
    assert_eq!(code, 1, "{told}");
    assert!(line(&told, "erp").contains("cannot be reached"), "{told}");
    assert!(line(&told, "tms").contains("good"), "one that is away hides no other: {told}");
    // What answers there is no Odoo.
    let (code, told) = looked(&hub(&partner, &partner, "sweep"), KEY, "good", &[]);
    assert_eq!(code, 1, "{told}");
    assert!(line(&told, "erp").contains("is no Odoo"), "{told}");
    // With a mistake nothing is sent.
    let broken = hub("http://127.0.0.1:1", &partner, "swep");
    let (code, told) = looked(&broken, KEY, "good", &[]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("the systems were not looked at: mend the folder first"), "{told}");
}
