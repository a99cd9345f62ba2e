//! `crossdock init`: writes a hub folder that is small, works, and explains itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;

use super::exit;
use super::screen::{self, Screen, Tone};

/// Write a small hub folder that works: a shop's orders in, a customer's webhook out, and tests
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  crossdock init my-hub && crossdock check my-hub && crossdock test my-hub && crossdock run my-hub

Exit codes: 0 written, 2 the folder holds something already or cannot be written")]
pub struct InitArgs {
    /// The folder to write; must be empty or not there yet
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// The files of the folder: path and text.
const FILES: &[(&str, &str)] = &[
    ("hub.yaml", include_str!("init/hub.yaml")),
    ("README.md", include_str!("init/README.md")),
    (".gitignore", include_str!("init/gitignore")),
    ("systems/shop.yaml", include_str!("init/systems/shop.yaml")),
    ("systems/customer.yaml", include_str!("init/systems/customer.yaml")),
    ("flows/shop-orders.yaml", include_str!("init/flows/shop-orders.yaml")),
    ("flows/notify-customer.yaml", include_str!("init/flows/notify-customer.yaml")),
    ("mappings/shop/order-accepted.yaml", include_str!("init/mappings/shop/order-accepted.yaml")),
    ("mappings/customer/order-notification.yaml", include_str!("init/mappings/customer/order-notification.yaml")),
    ("codes/units.yaml", include_str!("init/codes/units.yaml")),
    ("tests/shop-orders.yaml", include_str!("init/tests/shop-orders.yaml")),
    ("tests/notify-customer.yaml", include_str!("init/tests/notify-customer.yaml")),
    ("tests/samples/order.json", include_str!("init/tests/samples/order.json")),
];

pub fn run(args: &InitArgs, screen: Screen) -> anyhow::Result<ExitCode> {
    let dir = &args.dir;
    must_be_empty(dir)?;
    for (path, text) in FILES {
        let name = dir.file_name().map_or_else(|| "my-hub".to_owned(), |name| hub_name(&name.to_string_lossy()));
        write(&dir.join(path), &text.replace("{{hub}}", &name), false)?;
    }
    write(&dir.join("secrets/shop"), &format!("{}\n", random_text()?), true)?;
    write(&dir.join("secrets/customer"), &format!("whsec_{}\n", random_text()?), true)?;
    let shown = dir.display();
    let next = format!(
        "{} {shown}\n\n  crossdock check {shown}\n  crossdock test {shown}\n  crossdock run {shown}\n\n\
         {shown}/README.md says how to send it an order.\n",
        screen.paint("wrote", Tone::Good)
    );
    screen::print(&next)?;
    Ok(exit::FINE)
}

fn must_be_empty(dir: &Path) -> anyhow::Result<()> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => bail!("{} is not empty: name a new folder, nothing was written", dir.display()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be used", dir.display())),
    }
}

fn write(path: &Path, text: &str, is_secret: bool) -> anyhow::Result<()> {
    let told = || format!("{} cannot be written", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(told)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let _ = is_secret;
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).with_context(told)
}

/// 32 random bytes in base64.
fn random_text() -> anyhow::Result<String> {
    let mut bytes = [0u8; 32];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(BASE64_STANDARD.encode(bytes))
}

/// A folder's name as the name of a hub.
fn hub_name(folder: &str) -> String {
    let name: String = folder
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "my-hub".to_owned() } else { name.to_owned() }
}
