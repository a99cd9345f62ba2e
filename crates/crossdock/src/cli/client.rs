//! A small client of the hub's API.

use std::time::Duration;

use anyhow::Context as _;
use crossdock_connect::secret::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// How long a hub may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A running hub, seen through its API.
pub struct Client {
    /// Without a slash at the end.
    base: String,
    token: Option<Secret>,
    http: reqwest::Client,
}

/// Why the API gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody listens there.
    #[error("no hub answers at {0}: start it with `crossdock run`, or name its address with --api")]
    NotRunning(String),
    /// The hub says no, in words of its own.
    #[error("{detail} ({code})")]
    Problem { status: u16, code: String, detail: String },
    #[error("the hub at {base} could not be asked: {why}")]
    Broken { base: String, why: String },
}

/// What the hub answers when it says no (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
}

impl Client {
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(base: &str, token: Option<Secret>) -> anyhow::Result<Self> {
        // A second installation answers with an error and changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .build()
            .context("the HTTP client cannot start")?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token, http })
    }

    /// The text of an answer.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ApiError> {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let question = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        self.send(self.http.get(format!("{}{path}{question}", self.base))).await
    }

    pub async fn post(&self, path: &str, body: &Json) -> Result<String, ApiError> {
        self.post_text(path, body.to_string()).await
    }

    /// Posts JSON that is a text already.
    pub async fn post_text(&self, path: &str, body: String) -> Result<String, ApiError> {
        let request = self.http.post(format!("{}{path}", self.base));
        self.send(request.header("content-type", "application/json").body(body)).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Result<String, ApiError> {
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        let broken = |error: reqwest::Error| match error.is_connect() {
            true => ApiError::NotRunning(self.base.clone()),
            false => ApiError::Broken { base: self.base.clone(), why: error.without_url().to_string() },
        };
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        let text = response.text().await.map_err(broken)?;
        if status.is_success() {
            return Ok(text);
        }
        let problem: Option<Problem> = serde_json::from_str(&text).ok();
        let (code, detail) = match problem {
            Some(problem) if problem.detail.is_empty() => (problem.code, problem.title),
            Some(problem) => (problem.code, problem.detail),
            None => (format!("HTTP {}", status.as_u16()), "what answers there is not a Crossdock hub".to_owned()),
        };
        Err(ApiError::Problem { status: status.as_u16(), code, detail })
    }
}

/// A text as part of a path or query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The answer; or none when the hub refused what was asked, which is told.
///
/// # Errors
/// When the hub could not be asked, or is at fault itself.
pub fn unless_refused(answer: Result<String, ApiError>) -> anyhow::Result<Option<String>> {
    match answer {
        Ok(text) => Ok(Some(text)),
        Err(ApiError::Problem { status: 400..=499, detail, .. }) => {
            eprintln!("refused: {detail}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads an answer.
///
/// # Errors
/// When it is not what this version expects.
pub fn read<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_json::from_str(text).context("the hub answered something else than this version of crossdock expects")
}
