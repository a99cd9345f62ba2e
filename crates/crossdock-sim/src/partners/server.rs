//! The HTTP servers of the partners, on ports the machine chooses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;

use super::{Customer, Reply, Warehouse};

/// A partner shared between its server and the test that drives it.
#[derive(Debug)]
pub struct Partner<T>(Arc<Mutex<T>>);

impl<T> Clone for Partner<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Partner<T> {
    pub fn new(partner: T) -> Self {
        Self(Arc::new(Mutex::new(partner)))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct PartnerServer {
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for PartnerServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the warehouse's and the customer's HTTP interfaces on a free port of the loopback interface.
///
/// # Errors
/// When no port can be opened.
pub async fn serve(warehouse: Partner<Warehouse>, customer: Partner<Customer>) -> std::io::Result<PartnerServer> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let app = Router::new()
        .route("/orders", post(release).with_state(warehouse))
        .route("/notifications", post(notify).with_state(customer));
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            eprintln!("the partners' server stopped: {error}");
        }
    });
    Ok(PartnerServer { address, task })
}

async fn release(State(warehouse): State<Partner<Warehouse>>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
    respond(warehouse.lock().release(key.as_deref(), &body))
}

#[expect(clippy::disallowed_methods, reason = "a simulated partner has a clock of its own")]
async fn notify(State(customer): State<Partner<Customer>>, headers: HeaderMap, body: Bytes) -> Response {
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    respond(customer.lock().receive(&headers, &body, jiff::Timestamp::now()))
}

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(reply.body)).into_response()
}
