//! The console in a real browser: the journeys of `console/journeys` against the real program, and against a made-up
//! hub for what is hard to bring about. Needs what `cargo xtask setup --for test` installs.

use std::path::PathBuf;
use std::process::Command;

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

fn journeys(arguments: &[&str]) {
    let output = Command::new("node")
        .arg("journeys/run.mjs")
        .args(arguments)
        .current_dir(console())
        .output()
        .expect("node runs");
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{told}");
}

#[test]
fn console_journeys_against_the_real_program() {
    if is_ready() {
        journeys(&["--hub", env!("CARGO_BIN_EXE_crossdock")]);
    }
}

#[test]
fn console_journeys_against_a_made_up_hub() {
    if is_ready() {
        journeys(&["--mock"]);
    }
}
