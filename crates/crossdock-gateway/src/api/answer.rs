//! Answers of the office: JSON that is never stored on the way, and the desk's errors as problems.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use crossdock_runtime::desk::{Desk, DeskError, Refusal, RefusalKind};
use crossdock_runtime::router::CommandError;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use super::Shared;
use crate::problem::{Problem, code};

/// What a route comes to.
pub type Answer = Result<Response, Problem>;

impl Shared {
    /// Asks the desk, whose reads block, off the async threads and not too many at once.
    pub async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Desk) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, Problem> {
        let _turn = self.reads.acquire().await.map_err(|_| stopping())?;
        let desk = self.desk.clone();
        match tokio::task::spawn_blocking(move || ask(&desk)).await {
            Ok(result) => result.map_err(Problem::from),
            Err(_) => Err(stopping()),
        }
    }
}

/// A good answer.
pub fn json<T: Serialize>(value: &T) -> Response {
    let mut response = Json(value).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A good answer that is JSON already.
pub fn json_text(text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A problem, with the path it happened at.
pub fn respond(problem: &Problem, path: &str) -> Response {
    problem.response(path).map(Body::new)
}

/// The outermost layer writes the body, because it knows the path.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code::HUB_NOT_READY, "the hub is stopping")
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        if let Some(Refusal { kind, detail }) = error.refusal() {
            let (status, code) = match kind {
                RefusalKind::Unknown => (StatusCode::NOT_FOUND, code::NOT_FOUND),
                RefusalKind::Invalid => (StatusCode::BAD_REQUEST, code::REQUEST_INVALID),
                RefusalKind::NotNow => (StatusCode::CONFLICT, code::NOT_NOW),
            };
            return Problem::new(status, code, detail);
        }
        let detail = error.to_string();
        match error {
            DeskError::Command(CommandError::Undecidable(_)) => {
                Problem::new(StatusCode::CONFLICT, code::NOT_NOW, detail)
            }
            DeskError::Unfit(faults) => {
                let detail = "the events do not fit the model; nothing of the request was kept";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code::EVENT_UNFIT, detail).errors(faults)
            }
            DeskError::KeyReused => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code::KEY_REUSED, detail),
            DeskError::UnderWay => Problem::new(StatusCode::CONFLICT, code::KEY_UNDER_WAY, detail),
            DeskError::MovedOn(_) => Problem::new(StatusCode::PRECONDITION_FAILED, code::MOVED_ON, detail),
            DeskError::TryAgain { after_s, .. } => Problem::busy(after_s),
            DeskError::NotRunning | DeskError::Command(CommandError::Stopping) => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, code::HUB_NOT_READY, detail)
            }
            _ => {
                tracing::error!(error = %detail, "the store failed a request of the API");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code::STORE_FAILED, detail)
            }
        }
    }
}
