//! The hub that is measured: the real program on a folder of its own, as an operator runs it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::messages::SECRET;

/// How long the hub may take to be ready.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks at the hub's figures; looking costs it time, too.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// A hub folder of its own; it and its data end with this value.
pub struct HubFolder {
    folder: TempDir,
    ingress: SocketAddr,
    console: SocketAddr,
}

/// A running hub; it and its data end with this value.
pub struct Hub {
    child: Child,
    folder: TempDir,
    pub ingress: SocketAddr,
    console: SocketAddr,
    client: reqwest::Client,
    /// From the start of the program until it was ready.
    pub started_in: Duration,
}

impl HubFolder {
    /// Writes a hub folder below `place`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(place: &Path, files: &[(&str, String)]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-hub-").tempdir_in(place)?;
        let (ingress, console) = (free_address()?, free_address()?);
        let settings = format!(
            "hub: bench\nlisten:\n  ingress: {ingress}\n  console: {console}\nstore:\n  path: .data\nlog:\n  level: warn\n"
        );
        write(folder.path(), "hub.yaml", &settings)?;
        for (name, text) in files {
            write(folder.path(), name, text)?;
        }
        Ok(Self { folder, ingress, console })
    }

    /// Where its data lie.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join(".data")
    }

    /// Runs the hub.
    ///
    /// # Errors
    /// When the folder is not accepted or the hub not ready in time; with the end of its log.
    pub async fn run(self, environment: &[(&str, String)]) -> anyhow::Result<Hub> {
        let Self { folder, ingress, console } = self;
        let log = fs::File::create(folder.path().join(".log"))?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let begun = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_crossdock"))
            .arg("run")
            .arg(folder.path())
            .env("BENCH_SECRET", SECRET)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the hub cannot be started")?;
        let mut hub = Hub { child, folder, ingress, console, client, started_in: Duration::ZERO };
        hub.wait_until_ready(begun).await?;
        hub.started_in = begun.elapsed();
        Ok(hub)
    }
}

impl Hub {
    /// Writes a hub folder below `place` and runs it.
    ///
    /// # Errors
    /// Those of [`HubFolder::write`] and [`HubFolder::run`].
    pub async fn start(place: &Path, files: &[(&str, String)], environment: &[(&str, String)]) -> anyhow::Result<Self> {
        HubFolder::write(place, files)?.run(environment).await
    }

    async fn wait_until_ready(&mut self, begun: Instant) -> anyhow::Result<()> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the hub ended with {status} while starting:\n{}", self.log());
            }
            let answer = self.client.get(format!("http://{}/readyz", self.console)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the hub is not ready after {} s:\n{}", START_LIMIT.as_secs(), self.log());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The folder it runs on.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// For `/proc`.
    pub fn id(&self) -> String {
        self.child.id().map_or("none".to_owned(), |id| id.to_string())
    }

    /// Waits until nothing is waiting or under way, and returns the figures then.
    ///
    /// # Errors
    /// When it takes too long, or something failed on the way.
    pub async fn settled(&self, limit: Duration) -> anyhow::Result<Overview> {
        let begun = Instant::now();
        loop {
            let overview = self.overview().await?;
            if overview.in_trouble() > 0 {
                bail!("the hub has failures: {overview:?}\n{}", self.log());
            }
            if overview.under_way() == 0 {
                return Ok(overview);
            }
            if begun.elapsed() > limit {
                bail!("the hub is still busy after {} s: {overview:?}\n{}", limit.as_secs(), self.log());
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// # Errors
    /// When the hub does not answer.
    pub async fn overview(&self) -> anyhow::Result<Overview> {
        let answer = self.client.get(format!("http://{}/api/overview", self.console)).send().await?;
        let facts: Json = serde_json::from_str(&answer.error_for_status()?.text().await?)?;
        let count = |name: &str| facts[name].as_u64().with_context(|| format!("the overview lacks {name}: {facts}"));
        Ok(Overview {
            waiting: count("messages_waiting")?,
            failed: count("messages_failed")?,
            open: count("transmissions_open")?,
            held: count("transmissions_held")?,
            paused: count("transmissions_paused")?,
            done: count("transmissions_done")?,
            rejected: count("rejections")?,
        })
    }

    /// Ends it; its data go with it.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the hub cannot be ended")
    }

    /// Ends it as an operator does, and keeps its data.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop_and_keep(mut self) -> anyhow::Result<HubFolder> {
        let asked = Command::new("kill").args(["-TERM", &self.id()]).status().await.context("`kill` does not start")?;
        anyhow::ensure!(asked.success(), "the hub cannot be asked to end");
        let ended = tokio::time::timeout(START_LIMIT, self.child.wait()).await;
        ended.with_context(|| format!("the hub does not end:\n{}", self.log()))??;
        Ok(HubFolder { folder: self.folder, ingress: self.ingress, console: self.console })
    }

    fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join(".log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

/// The hub's own figures.
#[derive(Debug)]
pub struct Overview {
    pub waiting: u64,
    pub failed: u64,
    pub open: u64,
    pub held: u64,
    pub paused: u64,
    pub done: u64,
    pub rejected: u64,
}

impl Overview {
    fn under_way(&self) -> u64 {
        self.waiting + self.open + self.held
    }

    fn in_trouble(&self) -> u64 {
        self.failed + self.paused + self.rejected
    }
}

/// A system that sends signed webhooks and is sent nothing.
pub fn sender(name: &str) -> String {
    format!(
        "system: {name}\nconnector: http\ndomain: warehouse\nowner: bench\nwebhook:\n  scheme: standard-webhooks\n  \
         secret: {{env: BENCH_SECRET}}\n"
    )
}

/// The flow and the mapping that make an event of each message of a sender.
pub fn inbound(system: &str) -> [(&'static str, String); 2] {
    let flow = format!("flow: shipments\nfrom: {{system: {system}}}\nmap: warehouse/shipment\nowner: bench\n");
    [("flows/shipments.yaml", flow), ("mappings/warehouse/shipment.yaml", SHIPMENT.to_owned())]
}

const SHIPMENT: &str = r#"mapping: warehouse/shipment
emits: crossdock.shipment.picked_up.v1
time: timestamp(body.created_at, "UTC")
references:
  - {kind: tracking_number, value: body.tracking_number}
target:
  number: body.number
  order: body.order_number
  carrier: body.shipping_carrier
  service_level: body.shipping_method
  tracking_number: body.tracking_number
  pieces: body.total_packages
  picked_up_at: timestamp(body.created_at, "UTC")
  lines:
    each: body.line_items
    as: line
    where: line.quantity > 0
    to:
      sku: line.sku
      quantity: line.quantity
      lot: line.?lot_number
"#;

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path: PathBuf = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// An address on which nobody listens at the moment.
///
/// # Errors
/// When there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}
