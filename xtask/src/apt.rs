//! System packages from Debian: which of them this machine lacks, and how to get them.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{is_root, logged, on_path, step, succeeds, with_retries};
use crate::odoo;

/// A system package and how to see that it is there, whoever installed it.
pub struct Package {
    pub name: &'static str,
    pub is_present: fn() -> bool,
}

/// C compiler for the bundled SQLite and the TLS provider.
pub const COMPILER: Package = Package { name: "build-essential", is_present: || on_path("cc") };
/// Root certificates for the package clients.
pub const CERTIFICATES: Package =
    Package { name: "ca-certificates", is_present: || Path::new("/etc/ssl/certs/ca-certificates.crt").is_file() };
/// Server and client programs; Odoo's tests run their own cluster of it.
pub const POSTGRESQL: Package =
    Package { name: "postgresql", is_present: || odoo::postgres::newest_programs().is_some() };
/// Debian's Python with virtual environments.
pub const PYTHON: Package = Package {
    name: "python3-venv",
    is_present: || succeeds(Command::new("/usr/bin/python3").args(["-c", "import ensurepip, venv"])),
};
/// A browser for the console's journeys.
pub const CHROMIUM: Package = Package { name: "chromium", is_present: || on_path("chromium") };
/// Builds the console.
pub const NODE: Package = Package { name: "nodejs", is_present: || on_path("node") };
/// Fetches what the console's build needs.
pub const NPM: Package = Package { name: "npm", is_present: || on_path("npm") };

/// Installs what is missing of these packages; as an ordinary user it says what to install instead.
pub fn ensure(packages: &[Package], log: &Path) -> Result<()> {
    let missing: Vec<&str> = packages.iter().filter(|p| !(p.is_present)()).map(|p| p.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !on_path("apt-get") {
        bail!(
            "this machine lacks {names} and has no apt-get; install them with its own package manager (Debian names)"
        );
    }
    if !is_root() {
        bail!(
            "this machine lacks {names}; run: sudo apt-get update && sudo apt-get install --no-install-recommends {names}"
        );
    }
    step(&format!("apt-get install {names}"), || {
        with_retries("apt-get", || {
            logged(Command::new("apt-get").arg("update"), log)?;
            let mut install = Command::new("apt-get");
            install.args(["install", "--yes", "--no-install-recommends"]).args(&missing);
            logged(install.env("DEBIAN_FRONTEND", "noninteractive"), log)
        })
    })?;
    match packages.iter().find(|p| !(p.is_present)()) {
        Some(package) => bail!("{} is still missing after its installation; see {}", package.name, log.display()),
        None => Ok(()),
    }
}
