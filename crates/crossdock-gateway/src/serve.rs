//! Opens both doors and closes them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crossdock_connect::secret::Secret;
use crossdock_core::ids::SystemName;
use crossdock_runtime::desk::{Desk, DeskError};
use crossdock_runtime::intake::Intake;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::Office;
use crate::door::{self, DoorLimits};
use crate::ingress::Ingress;
use crate::ready::Readiness;

/// Connections of people and their scripts at once.
const CONSOLE_CONNECTIONS_MAX: usize = 128;

/// Where the gateway listens and what it allows.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// For other systems.
    pub ingress: SocketAddr,
    /// For people: API and console.
    pub console: SocketAddr,
    /// What the API asks for as bearer token; required when the console listens beyond this machine.
    pub token: Option<Secret>,
    /// How senders address the ingress, for example `https://hub.example.com`; for signatures that cover the URL when a
    /// proxy stands in between. `None` takes the `Host` header's word.
    pub public_url: Option<String>,
    pub limits: Limits,
}

impl GatewaySettings {
    pub fn new(ingress: SocketAddr, console: SocketAddr) -> Self {
        Self { ingress, console, token: None, public_url: None, limits: Limits::default() }
    }
}

/// What bounds the gateway's work (I10). The largest body is the intake's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections to the ingress at once, and thereby requests at once; further ones are asked to come back.
    pub ingress_connections_max: usize,
    /// All bodies that are in memory at once, in bytes.
    pub body_bytes_in_memory_max: usize,
    /// For the head of a request, and between two requests of a connection.
    pub head_timeout: Duration,
    /// For the body of a request.
    pub body_timeout: Duration,
    /// Records of rejections in one second.
    pub rejections_per_s_max: u32,
    /// How long requests under way may take after the stop.
    pub stop_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ingress_connections_max: 512,
            body_bytes_in_memory_max: 256 * 1024 * 1024,
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(60),
            rejections_per_s_max: 100,
            stop_deadline: Duration::from_secs(10),
        }
    }
}

/// Why the gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address} for {what}: {}", advice(.error))]
    Listen { what: &'static str, address: SocketAddr, error: io::Error },
    #[error(
        "the console would listen on {0}, beyond this machine, without a token: set `api.token` in hub.yaml, or \
         listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// An empty token would be one that everybody knows.
    #[error("`api.token` is empty: give it a value, or remove it and let the console listen on 127.0.0.1")]
    EmptyToken,
    #[error("the hub does not answer")]
    Desk(#[from] DeskError),
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there; stop it or choose another port".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not; choose a port above 1023".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

/// A gateway that serves.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens, with the port that was given when port 0 was asked for.
    pub ingress: SocketAddr,
    pub console: SocketAddr,
    doors: [JoinHandle<()>; 2],
}

impl Serving {
    /// Returns when both doors are shut: after the stop, when requests under way have ended or their time was up.
    pub async fn ended(self) {
        for door in self.doors {
            if let Err(error) = door.await {
                tracing::error!(%error, "a door crashed");
            }
        }
    }
}

/// Opens both doors, and shuts them when `stop` is done. Needs a tokio runtime.
///
/// # Errors
/// When an address cannot be listened on or would be open to everybody; nothing is served then.
pub async fn serve(
    settings: GatewaySettings,
    intake: Intake,
    desk: Desk,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Serving, ServeError> {
    match &settings.token {
        Some(token) if token.is_empty() => return Err(ServeError::EmptyToken),
        None if !settings.console.ip().is_loopback() => return Err(ServeError::Unprotected(settings.console)),
        _ => {}
    }
    let (ingress_door, ingress) = listen("the ingress", settings.ingress).await?;
    let (console_door, console) = listen("the console", settings.console).await?;
    let systems = systems(&desk).await?;
    let (stop_sender, stopped) = watch::channel(false);
    tokio::spawn(async move {
        stop.await;
        stop_sender.send_replace(true);
        stop_sender.closed().await;
    });
    let limits = settings.limits;
    let readiness = Arc::new(Readiness::new(desk.clone()));
    let outside = Ingress::new(intake, readiness.clone(), systems, limits, settings.public_url);
    let inside = Office::new(desk, readiness, settings.token);
    let of_door = |connections_max| DoorLimits {
        connections_max,
        head_timeout: limits.head_timeout,
        stop_deadline: limits.stop_deadline,
    };
    let doors = [
        tokio::spawn(door::serve(
            "ingress",
            ingress_door,
            of_door(limits.ingress_connections_max),
            Arc::new(outside),
            stopped.clone(),
        )),
        tokio::spawn(door::serve("console", console_door, of_door(CONSOLE_CONNECTIONS_MAX), Arc::new(inside), stopped)),
    ];
    tracing::info!(%ingress, %console, "listening");
    Ok(Serving { ingress, console, doors })
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |error| ServeError::Listen { what, address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The names behind `/in/`.
async fn systems(desk: &Desk) -> Result<Vec<SystemName>, ServeError> {
    let desk = desk.clone();
    let overview = tokio::task::spawn_blocking(move || desk.overview()).await;
    let overview = overview.unwrap_or(Err(DeskError::NotRunning))?;
    Ok(overview.systems.into_iter().map(|system| system.name).collect())
}
