//! The office: what people and their scripts ask of the hub and tell it to do, over HTTP. Console and CLI use the same
//! routes. Every answer is JSON, every failure a problem, and every action takes a reason.

mod act;
mod answer;
mod entities;
mod guard;
mod jobs;
mod master;
mod mend;
pub mod openapi;
mod read;
mod records;
mod replays;
mod submit;
pub mod table;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request as ApiRequest;
use axum::middleware::{self, Next};
use axum::response::Response as ApiResponse;
use axum::routing::get;
use crossdock_connect::secret::Secret;
use crossdock_runtime::desk::Desk;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::ALLOW;
use hyper::service::Service as _;
use hyper::{Request, Response, StatusCode};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;

use crate::door::Answerer;
use crate::linger::Visit;
use crate::problem::{Problem, code};
use crate::ready::Readiness;
use crate::{console, pages};
use answer::respond;

/// Largest body of an API request, in bytes: 10,000 ids fit.
const BODY_BYTES_MAX: usize = 512 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Questions to the store at once; further ones wait for their turn.
const READS_MAX: usize = 8;

/// What the routes share.
pub struct Shared {
    desk: Desk,
    readiness: Arc<Readiness>,
    token: Option<Secret>,
    reads: Semaphore,
}

impl Shared {
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }
}

/// The office.
pub struct Office {
    routes: TowerToHyperService<Router>,
}

impl Office {
    pub fn new(desk: Desk, readiness: Arc<Readiness>, token: Option<Secret>) -> Self {
        let shared = Arc::new(Shared { desk, readiness, token, reads: Semaphore::new(READS_MAX) });
        Self { routes: TowerToHyperService::new(routes(shared)) }
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    let mut api = Router::new();
    for route in table::ROUTES {
        api = api.route(route.path, (route.serve)());
    }
    let api = api
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(shared.clone(), guard::token));
    Router::new()
        .nest("/api", api)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(read::ready))
        .route("/errors/{code}", get(error_page))
        .fallback(console::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(with_path))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::host_and_origin))
        .layer(middleware::map_response(guard::seal))
        .with_state(shared)
}

impl Answerer for Office {
    type Body = axum::body::Body;

    async fn answer(&self, request: Request<Incoming>, visit: &Visit) -> Response<Self::Body> {
        let path = request.uri().path().to_owned();
        let (head, body) = request.into_parts();
        let bytes_max = if path == master::REFERENCES_PATH { master::REFERENCES_BYTES_MAX } else { BODY_BYTES_MAX };
        let reading = Limited::new(body, bytes_max).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) => {
                let problem = match error.is::<http_body_util::LengthLimitError>() {
                    true => {
                        let detail = format!("the body is larger than {bytes_max} bytes");
                        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, code::BODY_TOO_LARGE, detail)
                    }
                    false => Problem::new(StatusCode::BAD_REQUEST, code::BODY_BROKEN, error.to_string()),
                };
                return problem.last_response(&path).map(axum::body::Body::new);
            }
            Err(_) => {
                let detail = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
                let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, code::SENDER_TOO_SLOW, detail);
                return problem.last_response(&path).map(axum::body::Body::new);
            }
        };
        visit.set_unread(false);
        match self.routes.call(Request::from_parts(head, Full::new(body))).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn turn_away(&self) -> Response<Self::Body> {
        Problem::busy(1).last_response("/").map(axum::body::Body::new)
    }
}

/// Gives every problem the path that was asked for.
async fn with_path(request: ApiRequest, next: Next) -> ApiResponse {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => match response.headers().get(ALLOW).and_then(|methods| methods.to_str().ok()) {
            // The router knows best what is possible at a path of its own.
            Some(methods) => respond(&Problem::method_not_allowed(methods.replace(',', ", ")), &path),
            None => respond(&problem, &path),
        },
        None => response,
    }
}

async fn nothing_here() -> Problem {
    Problem::nothing_here()
}

async fn wrong_method(request: ApiRequest) -> Problem {
    let is_read = matches!(request.method().as_str(), "GET" | "HEAD");
    Problem::method_not_allowed(if is_read { "POST" } else { "GET, HEAD" })
}

async fn error_page(code: axum::extract::Path<String>) -> Result<Response<Full<Bytes>>, Problem> {
    pages::page(&code).ok_or_else(Problem::nothing_here)
}
