//! The project's own commands, as `cargo xtask …`. Nothing here is part of the product, and it depends on nothing but
//! the standard library, an error type and JSON.

mod apt;
mod command;
mod odoo;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask COMMAND
  odoo …                  a real Odoo 19 for tests: up, down, status, db, drop, stop, start, restart";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["odoo"] | ["odoo", "help" | "--help" | "-h"] => {
            println!("{}", odoo::USAGE);
            Ok(())
        }
        ["odoo", rest @ ..] => odoo::run(rest),
        _ => bail!("unknown command\n\n{USAGE}"),
    }
}
