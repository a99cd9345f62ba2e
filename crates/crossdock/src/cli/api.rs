//! Where the running hub is: from a hub folder's `hub.yaml`, or named by its address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;
use crossdock_connect::secret::Secret;
use crossdock_core::source::Severity;

use super::HubArg;
use super::client::Client;
use super::report;
use super::screen::Screen;
use crate::config::{self, env, folder::Folder};

/// A hub: how to ask it, and where its data are when that is known.
pub struct Hub {
    pub client: Client,
    /// The data folder; `None` when the hub was named by its address.
    pub data: Option<PathBuf>,
}

/// Finds the hub that a command is about.
///
/// # Errors
/// When the hub folder cannot be read.
pub fn hub(args: &HubArg) -> anyhow::Result<Hub> {
    if let Some(url) = &args.api {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--api takes a URL such as http://127.0.0.1:8481, not {url}");
        }
        let token = env::process_variable("CROSSDOCK_TOKEN").filter(|token| !token.is_empty());
        return Ok(Hub { client: Client::new(url, token.map(Secret::new))?, data: None });
    }
    let folder = Folder::read_hub_file(&args.hub)?;
    let env = env::Environment::new(&folder.root, &env::process_variable, false);
    let mut mistakes = folder.mistakes.clone();
    let settings = config::settings_of(&folder, &env, &mut mistakes);
    if let Some(mistake) = mistakes.iter().find(|mistake| mistake.severity == Severity::Error) {
        let told = report::finding(mistake, &folder, Screen::PLAIN);
        bail!("hub.yaml does not say where the hub is\n{}", told.trim_end());
    }
    let client = Client::new(&format!("http://{}", reachable(settings.console)), settings.token)?;
    Ok(Hub { client, data: Some(folder.root.join(settings.store)) })
}

/// The address to connect to for one that is listened on: `0.0.0.0` means this machine too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
