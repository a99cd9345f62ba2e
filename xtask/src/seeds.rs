//! `cargo xtask seeds`: simulated worlds, many of them, on all cores. The worlds are a test of the binary crate, so that
//! they run in the build that the tests have anyway.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::ci;
use crate::command::shown_live;

/// Worlds when nobody says how many.
const COUNT: u64 = 10_000;
/// Worlds of every run of continuous integration.
pub const CI_COUNT: u64 = 2_000;

/// Reads `--from N --count N` and runs those seeds.
pub fn from_arguments(root: &Path, mut args: &[&str]) -> Result<()> {
    let (mut from, mut count) = (1, COUNT);
    loop {
        args = match args {
            [] => return run(root, from, count),
            ["--from", number, rest @ ..] => {
                from = parsed(number)?;
                rest
            }
            ["--count", number, rest @ ..] => {
                count = parsed(number)?;
                rest
            }
            [other, ..] => bail!("unknown argument {other}: write `cargo xtask seeds [--from N] [--count N]`"),
        };
    }
}

fn parsed(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("{text} is not a number of seeds"))
}

/// Runs the worlds of these seeds; with one only, its whole story is told.
pub fn run(root: &Path, from: u64, count: u64) -> Result<()> {
    let mut test = ci::cargo(root)?;
    test.args(["test", "--package", "crossdock", "--bin", "crossdock", "--locked", "--quiet"]);
    test.args(["--", "--exact", "simulated::seeds::seeds", "--nocapture"]);
    test.env("CROSSDOCK_SEEDS_FROM", from.to_string()).env("CROSSDOCK_SEEDS_COUNT", count.to_string());
    shown_live(&mut test)
}
