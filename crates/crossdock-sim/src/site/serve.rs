//! The site behind two sockets of the loopback interface: one in the weather, one for those who prepare and audit.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Doing, State};
use crate::odoo::{BODY_BYTES_MAX, Request as Plain};

/// A running site; it stops when this is dropped.
#[derive(Debug)]
pub struct Site {
    /// Where the hub calls.
    pub address: SocketAddr,
    /// The same site without weather.
    pub calm_address: SocketAddr,
    inside: Arc<Inside>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inside {
    state: Mutex<State>,
    shut: AtomicBool,
    opened: Mutex<Option<Instant>>,
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
struct Silence;

impl Site {
    /// Opens the site on free ports.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn open(state: State) -> std::io::Result<Self> {
        let inside =
            Arc::new(Inside { state: Mutex::new(state), shut: AtomicBool::new(false), opened: Mutex::default() });
        let mut addresses = Vec::new();
        let mut tasks = Vec::new();
        for stormy in [true, false] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            addresses.push(listener.local_addr()?);
            tasks.push(tokio::spawn(serve(inside.clone(), listener, stormy)));
        }
        Ok(Self { address: addresses[0], calm_address: addresses[1], inside, tasks })
    }

    /// The state behind it. Held only for as long as a look takes: requests wait meanwhile.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.inside.lock()
    }

    /// Shuts the site, or opens it again. Connections are cut without an answer, those under way too.
    pub fn shut(&self, shut: bool) {
        self.inside.shut.store(shut, Ordering::SeqCst);
        if !shut {
            *self.inside.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.state().wait_for_good();
        }
    }

    /// When it was opened again last.
    pub fn opened_at(&self) -> Option<Instant> {
        *self.inside.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Inside {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_shut(&self, stormy: bool) -> bool {
        stormy && self.shut.load(Ordering::SeqCst)
    }
}

async fn serve(inside: Arc<Inside>, listener: TcpListener, stormy: bool) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        if inside.is_shut(stormy) {
            continue;
        }
        let inside = inside.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| exchange(inside.clone(), request, stormy));
            // One request a connection, so that a lost answer is a closed connection and nothing else.
            drop(http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn exchange(
    inside: Arc<Inside>,
    request: Request<Incoming>,
    stormy: bool,
) -> Result<Response<Full<Bytes>>, Silence> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| Silence)?.to_bytes();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if inside.is_shut(stormy) {
        return Err(Silence);
    }
    let shared = inside.clone();
    let doing = tokio::task::spawn_blocking(move || {
        let plain = Plain { method: parts.method.as_str(), path: &path, headers: &headers, body: &body };
        shared.lock().take(&plain, clock(), Instant::now(), stormy)
    });
    match doing.await {
        Ok(Doing::Answer(answer, after)) if !inside.is_shut(stormy) => {
            tokio::time::sleep(after).await;
            let mut response = Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(name, value);
            }
            response.body(Full::new(answer.body.into())).map_err(|_| Silence)
        }
        _ => Err(Silence),
    }
}

#[expect(clippy::disallowed_methods, reason = "a server beside the program has a clock of its own")]
fn clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
