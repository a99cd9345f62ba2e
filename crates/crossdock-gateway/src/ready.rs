//! Whether the hub takes requests, for whoever balances load or restarts what hangs. Strangers may ask, so the answer
//! is found at most once a second.

use std::time::{Duration, Instant};

use crossdock_runtime::desk::Desk;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::Mutex;

use crate::problem::{Problem, code};

const GOOD_FOR: Duration = Duration::from_secs(1);
/// A store that answers later is as good as none.
const PATIENCE: Duration = Duration::from_secs(2);

/// When to ask again while nothing is taken.
const AGAIN_S: u32 = 5;

/// The last answer, and when it was found.
pub struct Readiness {
    desk: Desk,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    pub fn new(desk: Desk) -> Self {
        Self { desk, last: Mutex::new(None) }
    }

    /// The answer to `/readyz`.
    pub async fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        if self.desk.shut().is_some() {
            return Problem::intake_stopped("the hub takes nothing now", AGAIN_S).response(path);
        }
        if !self.is_ready().await {
            let detail = "the hub cannot read its store now";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, code::HUB_NOT_READY, detail).response(path);
        }
        let mut response = Response::new(Full::new(Bytes::from_static(b"ready\n")));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn is_ready(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, is_ready)) = *last
            && at.elapsed() < GOOD_FOR
        {
            return is_ready;
        }
        let desk = self.desk.clone();
        let reading = tokio::task::spawn_blocking(move || desk.overview().is_ok());
        let is_ready = matches!(tokio::time::timeout(PATIENCE, reading).await, Ok(Ok(true)));
        *last = Some((Instant::now(), is_ready));
        is_ready
    }
}
