//! A database in a real Odoo 19, made through `cargo xtask odoo`. In CI (`CROSSDOCK_TEST_ODOO=required`) a missing Odoo
//! is a failure; elsewhere the test says loudly that it did not run.

use std::process::{Command, Output};

use serde_json::Value as Json;

/// A fresh database; dropped with this value.
pub struct Database {
    pub name: String,
    pub url: String,
    pub key: String,
}

/// Makes a fresh database, or says that there is no Odoo.
pub fn database(name: &str) -> Option<Database> {
    let required = setting("CROSSDOCK_TEST_ODOO").as_deref() == Some("required");
    if !required && !is_running() {
        eprintln!("NOT RUN: {name} needs a real Odoo; bring one up with `cargo xtask odoo up`");
        return None;
    }
    let output = xtask(&["odoo", "db", name, "--replace"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "no database: {text}{}", String::from_utf8_lossy(&output.stderr));
    let made: Json = serde_json::from_str(&text).expect("`odoo db` prints JSON");
    let field = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("{key} in {made}")).to_owned();
    Some(Database { name: field("database"), url: field("url"), key: field("key") })
}

impl Drop for Database {
    fn drop(&mut self) {
        xtask(&["odoo", "drop", &self.name]);
    }
}

fn is_running() -> bool {
    let output = xtask(&["odoo", "status", "--json"]);
    serde_json::from_slice::<Json>(&output.stdout).is_ok_and(|status| status["running"] == true)
}

/// Runs the project's task runner: the one that started the tests, or a fresh one.
pub fn xtask(arguments: &[&str]) -> Output {
    let mut command = match setting("CROSSDOCK_XTASK") {
        Some(program) => Command::new(program),
        None => {
            let mut command = Command::new(env!("CARGO"));
            command.args(["run", "--quiet", "--package", "xtask", "--"]);
            command
        }
    };
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    command.args(arguments).current_dir(root).output().expect("the task runner starts")
}

/// An environment variable for tests.
#[expect(clippy::disallowed_methods, reason = "tests are told by the task runner what they may use")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
