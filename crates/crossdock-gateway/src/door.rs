//! A door: one listening socket and its connections. It bounds how many there are (I10), how long a sender may take
//! for the head of a request, and how long a stop may take. It knows nothing of what is asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::linger::{Lingering, Visit};

/// Connections beyond the limit that are still told to come back later. Further ones are closed without a word.
const TURNED_AWAY_MAX: usize = 64;
/// A head larger than this is refused with 431; also how much of a body is read at once.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Rest after the system refused a connection, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who answers behind a door.
pub trait Answerer: Send + Sync + 'static {
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;

    fn answer(&self, request: Request<Incoming>, visit: &Visit) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The answer when there are too many connections; closes the connection.
    fn turn_away(&self) -> Response<Self::Body>;
}

/// The limits of one door.
#[derive(Clone, Copy, Debug)]
pub struct DoorLimits {
    pub connections_max: usize,
    /// For the head of a request, and between two requests of a connection.
    pub head_timeout: Duration,
    /// How long requests under way may take after the stop.
    pub stop_deadline: Duration,
}

/// Serves until `stop` turns true; returns when the last connection has ended.
pub async fn serve<A: Answerer>(
    name: &'static str,
    listener: TcpListener,
    limits: DoorLimits,
    answerer: Arc<A>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout).max_buf_size(HEAD_BYTES_MAX);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(door = name, %error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some((place, is_served)) = find_place(&places, &turned_away) else { continue };
        let connection = Connection { stream, peer, is_served, answerer: answerer.clone(), stop: stop.clone() };
        let builder = builder.clone();
        connections.spawn(async move {
            connection.run(&builder).await;
            drop(place);
        });
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.stop_deadline, ended).await.is_err() {
        tracing::warn!(door = name, connections = connections.len(), "connections cut at the stop");
        connections.shutdown().await;
    }
}

/// Done when the gateway is told to stop, or forgotten by whoever would tell it.
async fn stopping(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// A place for a connection, and whether it is served there or told to come back.
fn find_place(places: &Arc<Semaphore>, turned_away: &Arc<Semaphore>) -> Option<(OwnedSemaphorePermit, bool)> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some((place, true));
    }
    turned_away.clone().try_acquire_owned().ok().map(|place| (place, false))
}

struct Connection<A> {
    stream: TcpStream,
    peer: SocketAddr,
    is_served: bool,
    answerer: Arc<A>,
    stop: watch::Receiver<bool>,
}

impl<A: Answerer> Connection<A> {
    async fn run(self, builder: &http1::Builder) {
        let Self { stream, peer, is_served, answerer, mut stop } = self;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "connection gone before its first request");
            return;
        }
        let visit = Visit::new(peer);
        let io = Lingering::new(stream, visit.clone());
        let service = service_fn(|request: Request<Incoming>| {
            let (answerer, visit) = (&answerer, &visit);
            async move {
                visit.set_unread(!request.body().is_end_stream());
                if !is_served {
                    return Ok::<_, Infallible>(answerer.turn_away());
                }
                Ok(answerer.answer(request, visit).await)
            }
        });
        let mut connection = pin!(builder.serve_connection(io, service));
        let result = tokio::select! {
            biased;
            result = connection.as_mut() => result,
            () = stopping(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}
