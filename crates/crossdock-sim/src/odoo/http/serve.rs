//! The stand-in behind a real socket: one request a connection, as Odoo's threaded server does it, so that a lost
//! answer is a closed connection and nothing else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::Odoo;
use super::{BODY_BYTES_MAX, Reply, Request, lock};

/// Why the server does not run.
#[derive(Debug)]
pub struct StandInError(std::io::Error);

impl std::fmt::Display for StandInError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the stand-in for Odoo cannot listen: {}", self.0)
    }
}

impl std::error::Error for StandInError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct StandIn {
    odoo: Arc<Mutex<Odoo>>,
    address: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl StandIn {
    /// Starts a fresh Odoo on a free port of the loopback address. `key` is the administrator's API key.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(database: &str, key: &str) -> Result<Self, StandInError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(StandInError)?;
        Self::serve(listener, Arc::new(Mutex::new(Odoo::new(database, key))))
    }

    /// Serves an Odoo on a listener. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn serve(listener: TcpListener, odoo: Arc<Mutex<Odoo>>) -> Result<Self, StandInError> {
        let address = listener.local_addr().map_err(StandInError)?;
        let running = Some(run(odoo.clone(), listener));
        Ok(Self { odoo, address, running })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where callers find it, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The state behind it. Held only for as long as a look or a change takes: requests wait meanwhile.
    pub fn odoo(&self) -> MutexGuard<'_, Odoo> {
        lock(&self.odoo)
    }

    /// Refuses connections from now on; requests under way are cut off. The state stays.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            // A receiver that is gone has stopped already.
            let _ = running.stop.send(true);
            let _ = running.task.await;
        }
    }

    /// Takes requests again, on the same port.
    ///
    /// # Errors
    /// When someone else took the port meanwhile.
    pub async fn start_again(&mut self) -> Result<(), StandInError> {
        if self.running.is_none() {
            let listener = TcpListener::bind(self.address).await.map_err(StandInError)?;
            self.running = Some(run(self.odoo.clone(), listener));
        }
        Ok(())
    }

    /// Is away for so long, then back.
    ///
    /// # Errors
    /// As `start_again`.
    pub async fn outage(&mut self, length: Duration) -> Result<(), StandInError> {
        self.stop().await;
        tokio::time::sleep(length).await;
        self.start_again().await
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.task.abort();
        }
    }
}

fn run(odoo: Arc<Mutex<Odoo>>, listener: TcpListener) -> Running {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                _ = stopped.changed() => break,
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    connections.spawn(connection(odoo.clone(), stream));
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
        drop(listener);
        connections.shutdown().await;
    });
    Running { stop, task }
}

/// Serves one request. Below axum on purpose: only here can a connection be closed without an answer.
async fn connection(odoo: Arc<Mutex<Odoo>>, stream: TcpStream) {
    let service = service_fn(move |request| exchange(odoo.clone(), request));
    // A caller that went away, or one that gets no answer, is no news.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Silence;

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for Silence {}

async fn exchange(odoo: Arc<Mutex<Odoo>>, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Silence> {
    let (parts, body) = request.into_parts();
    // One byte over the limit is enough for the answer to it.
    let body = match Limited::new(body, BODY_BYTES_MAX + 1).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::from(vec![b' '; BODY_BYTES_MAX + 1]),
    };
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    // Deciding is pure work of a millisecond or so; a big import takes longer and must not hold up other connections.
    let shared = odoo.clone();
    let reply = tokio::task::spawn_blocking(move || {
        let request = Request { method: parts.method.as_str(), path: &path, headers: &headers, body: &body };
        lock(&shared).answer(&request, clock())
    });
    // A mistake of the stand-in must not look like a lost connection.
    let reply = reply.await.unwrap_or_else(|mistake| lock(&odoo).confess(mistake.to_string()));
    match reply {
        Reply::Answer { answer, after } => {
            tokio::time::sleep(after).await;
            let mut response = Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(name, value);
            }
            response.body(Full::new(answer.body.into())).map_err(|_| Silence)
        }
        Reply::Silence { .. } => Err(Silence),
    }
}

#[expect(clippy::disallowed_methods, reason = "a server beside the program has a clock of its own")]
fn clock() -> Timestamp {
    Timestamp::now()
}
