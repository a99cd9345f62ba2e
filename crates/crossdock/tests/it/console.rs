//! The console in a real browser: the journeys of `console/journeys` against a hub that has carried orders, and against
//! a made-up one for what a healthy hub does not show. Needs what `cargo xtask setup --for test` installs.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::real_odoo::setting;

fn console() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../console")
}

/// Whether the browser tests can run; in CI they must.
fn is_ready() -> bool {
    let ready = console().join("node_modules/playwright-core").is_dir() && console().join("dist/index.html").is_file();
    let required = setting("CROSSDOCK_TEST_ODOO").as_deref() == Some("required");
    assert!(ready || !required, "the console is not built: `cargo xtask setup --for test`");
    if !ready {
        eprintln!("NOT RUN: the browser journeys need `cargo xtask setup --for test`");
    }
    ready
}

fn journeys(arguments: &[&str], url: &str) {
    let output = Command::new("node")
        .arg("journeys/run.mjs")
        .args(arguments)
        .current_dir(console())
        .env("CROSSDOCK_CONSOLE_URL", url)
        .output()
        .expect("node runs");
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{told}");
}

/// A demo that has come to its end and stays for a look.
struct Demo(Child);

impl Demo {
    /// Starts it and returns the console's address once every order is through.
    fn start() -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crossdock"))
            .args(["demo", "--orders", "3", "--kills", "0", "--outage", "0", "--stay"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = child.stdout.take().expect("piped");
        for line in BufReader::new(out).lines() {
            let line = line.expect("readable");
            if let Some((before, _)) = line.split_once("; press Ctrl-C")
                && let Some((_, url)) = before.split_once("the console is at ")
            {
                return (Self(child), url.to_owned());
            }
        }
        panic!("the demo ended without a console");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // SIGINT lets the demo stop its hub; a demo that is gone already is fine.
        drop(Command::new("kill").args(["-INT", &self.0.id().to_string()]).status());
        drop(self.0.wait());
    }
}

#[test]
fn console_journeys_against_a_hub_that_carried_orders() {
    if is_ready() {
        let (_demo, url) = Demo::start();
        journeys(&[], &url);
    }
}

#[test]
fn console_journeys_against_a_made_up_hub() {
    if is_ready() {
        journeys(&["--mock"], "");
    }
}
