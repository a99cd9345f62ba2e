//! Puts the parts of a running hub together: the store, the transport, the workers and the doors; and takes them apart
//! in order.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crossdock_gateway::{GatewaySettings, Serving, serve};
use crossdock_runtime::clock::SystemClock;
use crossdock_runtime::hub::RunningHub;
use crossdock_runtime::plan::Plan;
use crossdock_store::SqliteStore;
use crossdock_transport::{Http, HttpSettings};
use tokio::sync::oneshot;

use crate::config::hub::Settings;

/// How long attempts under way may take after the stop.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

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
    match serve(doors, hub.intake(), hub.desk(), stop).await {
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
