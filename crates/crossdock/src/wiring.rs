//! Puts the parts of a running hub together: the store, the transport, the workers and the doors; and takes them apart
//! in order.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crossdock_core::hub::Hub;
use crossdock_core::source::{Diagnostic, Severity};
use crossdock_gateway::{GatewaySettings, Serving, serve};
use crossdock_runtime::clock::SystemClock;
use crossdock_runtime::desk::{CandidateFolder, Candidates};
use crossdock_runtime::hub::RunningHub;
use crossdock_runtime::plan::Plan;
use crossdock_store::SqliteStore;
use crossdock_transport::{Http, HttpSettings};
use tokio::sync::oneshot;

use crate::config;
use crate::config::env::Environment;
use crate::config::folder::{Folder, Kind};
use crate::config::hub::Settings;

/// Mistakes of a tried configuration that are told at most.
const MISTAKES_MAX: usize = 20;
/// Stands for every secret of a configuration that is only tried; it is never sent anywhere.
const STAND_IN: &str = "c3RhbmRzLWluLWZvci1hLXNlY3JldC1vZi1hLXRyaWFsISE=";
/// How long attempts under way may take after the stop.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// Compiles configurations that are only tried: nothing is read from this machine, neither secrets nor its environment.
struct Tried;

impl Candidates for Tried {
    fn compile(&self, candidate: &CandidateFolder) -> Result<Hub, Vec<String>> {
        let folder = Folder::of_texts(candidate.files.iter().map(|file| (file.path.clone(), file.text.clone())));
        if folder.of_kind(Kind::Hub).next().is_none() {
            return Err(vec!["it holds no hub.yaml".to_owned()]);
        }
        let env = Environment::new(&folder.root, &|_| None, true).with_secret(STAND_IN);
        let loaded = config::compile(&folder, &env);
        let told = |it: &Diagnostic| format!("{}: {}", it.location, it.message);
        let wrong = loaded.diagnostics.iter().filter(|it| it.severity == Severity::Error);
        let wrong: Vec<String> = wrong.take(MISTAKES_MAX).map(told).collect();
        loaded.plan.map(|plan| plan.hub).ok_or(wrong)
    }
}

/// A hub whose doors are open.
pub struct OpenHub {
    hub: RunningHub,
    /// The addresses it listens on.
    pub serving: Serving,
    shut: oneshot::Sender<()>,
}

/// Opens the store, starts the workers and opens the doors. With `loopback_only` the hub calls nothing beyond this
/// machine.
///
/// # Errors
/// When the data folder is in use or not usable, or an address cannot be listened on; nothing is left running then.
pub async fn open(root: &Path, plan: Plan, settings: &Settings, loopback_only: bool) -> anyhow::Result<OpenHub> {
    let data = root.join(&settings.store);
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(&data)).await??;
    let http = Http::new(&HttpSettings { loopback_only, ..HttpSettings::default() }).map_err(anyhow::Error::msg)?;
    let hub = RunningHub::start(Arc::new(store), Arc::new(SystemClock), Arc::new(http), Arc::new(plan))
        .context("the hub cannot start")?;
    let (shut, shutting) = oneshot::channel::<()>();
    let doors = GatewaySettings {
        token: settings.token.clone(),
        public_url: settings.public_url.clone(),
        ..GatewaySettings::new(settings.ingress, settings.console)
    };
    let stop = async move { drop(shutting.await) };
    match serve(doors, hub.intake(), hub.desk().with_candidates(Arc::new(Tried)), stop).await {
        Ok(serving) => Ok(OpenHub { hub, serving, shut }),
        Err(error) => {
            hub.stop().await;
            Err(error.into())
        }
    }
}

impl OpenHub {
    /// Shuts the doors, lets what is under way end, and closes the store. Returns whether that was done in time; when
    /// it was not, nothing is lost: what was under way is asked about first at the next start.
    pub async fn stop(self) -> bool {
        let Self { hub, serving, shut } = self;
        // The receiver waits as long as the doors are open.
        let _ = shut.send(());
        let stopping = async {
            serving.ended().await;
            hub.stop().await;
        };
        tokio::time::timeout(STOP_DEADLINE, stopping).await.is_ok()
    }
}
