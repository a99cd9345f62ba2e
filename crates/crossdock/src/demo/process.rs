//! The hub under demonstration: a process of its own, so that it can be killed like one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value as Json;
use tokio::process::{Child, Command};

/// How long the hub may take to be ready.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A hub that can be started, killed and started again on the same data folder and ports.
pub struct HubProcess {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    pub ingress: String,
    pub console: String,
    client: reqwest::Client,
    child: Option<Child>,
    /// Call nothing beyond this machine.
    pub loopback_only: bool,
}

impl HubProcess {
    /// # Errors
    /// When no free ports or the program itself cannot be found.
    pub fn new(client: reqwest::Client, folder: &Path, mut environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        let (ingress, console) = (free_address()?, free_address()?);
        environment.push(("CROSSDOCK_INGRESS".to_owned(), ingress.clone()));
        environment.push(("CROSSDOCK_CONSOLE".to_owned(), console.clone()));
        environment.push(("CROSSDOCK_DATA".to_owned(), folder.join(".data").to_string_lossy().into_owned()));
        let program = std::env::current_exe().context("the program does not know where it is")?;
        Ok(Self {
            program,
            folder: folder.to_owned(),
            environment,
            ingress,
            console,
            client,
            child: None,
            loopback_only: false,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.environment.iter().cloned()).kill_on_drop(true);
        command
    }

    /// Starts the hub and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time; its log is named.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let log_path = self.log_path();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&log_path)?;
        let folder = self.folder.to_string_lossy().into_owned();
        let mut arguments = vec!["run", folder.as_str(), "--log-format", "text"];
        if self.loopback_only {
            arguments.push("--loopback-only");
        }
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("the hub cannot be started")?;
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("the hub ended with {status} while starting; see {}", log_path.display());
            }
            if self.get("/readyz").await.is_ok() {
                self.child = Some(child);
                return Ok(());
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the hub is not ready after {} s; see {}", START_LIMIT.as_secs(), log_path.display());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGKILL: nothing can be saved any more.
    ///
    /// # Errors
    /// When there is no process to kill.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await.context("the hub cannot be killed")?;
        }
        Ok(())
    }

    /// Runs another command of the program on the hub's folder and returns what it printed.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments).stdin(Stdio::null()).output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("`crossdock {}` failed ({}): {told}{text}", arguments.join(" "), output.status);
        }
        Ok(text)
    }

    /// Runs another command of the program on the hub's folder and lets it print to where this one prints.
    ///
    /// # Errors
    /// When it fails.
    pub async fn show(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let status = self.command(arguments).stdin(Stdio::null()).status().await?;
        if !status.success() {
            bail!("`crossdock {}` failed ({status})", arguments.join(" "));
        }
        Ok(())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn log_path(&self) -> PathBuf {
        self.folder.join(".hub.log")
    }

    /// GET on the hub's API.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub async fn get(&self, path: &str) -> anyhow::Result<Json> {
        let response = self
            .client
            .get(format!("http://{}{path}", self.console))
            .timeout(Duration::from_secs(10))
            .send()
            .await?
            .error_for_status()?;
        let text = response.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or(Json::Null))
    }
}

fn free_address() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.to_string())
}
