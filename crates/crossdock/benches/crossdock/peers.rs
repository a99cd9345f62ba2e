//! What Crossdock is compared with: a bare echo and a bare proxy on the same HTTP stack, each a process of its own as the
//! hub is, and the sink both the hub and the proxy send to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::messages;
use crate::moments::Moments;

/// What a peer process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Answers 202 with the body it got.
    Echo,
    /// Hands every request to another server and its answer back.
    Proxy,
}

/// A running peer; ends with this value.
pub struct Peer {
    child: Child,
    pub address: SocketAddr,
}

impl Peer {
    /// Starts this very program as a peer.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(role: Role, target: Option<SocketAddr>) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.args(["--serve", if role == Role::Echo { "echo" } else { "proxy" }]);
        if let Some(target) = target {
            command.args(["--target", &target.to_string()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().context("the peer has no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let address = line.trim().parse().with_context(|| format!("the peer told no address but `{}`", line.trim()))?;
        Ok(Self { child, address })
    }

    /// For `/proc`.
    pub fn id(&self) -> String {
        self.child.id().map_or("none".to_owned(), |id| id.to_string())
    }

    /// Ends it.
    pub async fn stop(mut self) {
        // One that ended by itself is as good.
        let _ = self.child.kill().await;
    }
}

/// A peer process: tells its address, then serves until whoever started it is gone.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(role: Role, target: Option<SocketAddr>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    match (role, target) {
        (Role::Echo, _) => drop(tokio::spawn(accept(listener, |request| async { echo(request).await }))),
        (Role::Proxy, Some(target)) => {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
            tokio::spawn(accept(listener, move |request| forward(client.clone(), target, request)));
        }
        (Role::Proxy, None) => bail!("a proxy needs --target"),
    }
    // Blocks this thread alone; the connections are served by others.
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    Ok(())
}

async fn echo(request: Request<Incoming>) -> Response<Full<Bytes>> {
    match request.into_body().collect().await {
        Ok(body) => answer(StatusCode::ACCEPTED, body.to_bytes()),
        Err(_) => answer(StatusCode::BAD_REQUEST, Bytes::new()),
    }
}

async fn forward(
    client: Client<HttpConnector, Incoming>,
    target: SocketAddr,
    mut request: Request<Incoming>,
) -> Response<http_body_util::Either<Incoming, Full<Bytes>>> {
    let uri = Uri::builder().scheme("http").authority(target.to_string()).path_and_query(request.uri().path()).build();
    *request.uri_mut() = uri.expect("an address and a path make a URI");
    match client.request(request).await {
        Ok(response) => response.map(http_body_util::Either::Left),
        Err(_) => answer(StatusCode::BAD_GATEWAY, Bytes::new()).map(http_body_util::Either::Right),
    }
}

/// Takes what is sent to it and notes when each number came.
pub struct Sink {
    pub address: SocketAddr,
    pub arrived: Arc<Moments>,
    task: JoinHandle<()>,
}

impl Sink {
    /// # Errors
    /// When it cannot listen.
    pub async fn start(room: usize) -> anyhow::Result<Self> {
        Self::start_at(([127, 0, 0, 1], 0).into(), room).await
    }

    /// # Errors
    /// When it cannot listen there.
    pub async fn start_at(address: SocketAddr, room: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let arrived = Arc::new(Moments::new(room));
        let moments = arrived.clone();
        let task = tokio::spawn(accept(listener, move |request| take(moments.clone(), request)));
        Ok(Self { address, arrived, task })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(arrived: Arc<Moments>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let Ok(body) = request.into_body().collect().await else {
        return answer(StatusCode::BAD_REQUEST, Bytes::new());
    };
    match messages::number_in(&body.to_bytes()) {
        Some(number) => {
            arrived.note(number, Instant::now());
            answer(StatusCode::OK, Bytes::from_static(b"{}"))
        }
        None => answer(StatusCode::UNPROCESSABLE_ENTITY, Bytes::from_static(b"{\"title\":\"no number\"}")),
    }
}

fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

/// Serves connections until the task is dropped.
async fn accept<A, F, B>(listener: TcpListener, answerer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    while let Ok((stream, _)) = listener.accept().await {
        // Without it the figures would be worse, not wrong.
        let _ = stream.set_nodelay(true);
        let answerer = answerer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answerer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            // A connection that breaks is noticed by who was to get the answer.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
