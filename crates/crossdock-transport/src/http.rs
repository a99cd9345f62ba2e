//! HTTP/1.1 with rustls. Follows no redirects: a system that moved is a matter of configuration.

use std::time::Duration;

use crossdock_core::exchange::{Answer, Call, Method, SendFault};
use futures_util::StreamExt as _;

use crate::{Sending, Transport};

/// How the client behaves towards all systems.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    pub user_agent: String,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// Idle connections kept per host.
    pub idle_connections_max: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("Crossdock/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_connections_max: 32,
        }
    }
}

/// The HTTP transport.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
}

impl Http {
    /// # Errors
    /// When the system's certificate store cannot be read.
    pub fn new(settings: &HttpSettings) -> Result<Self, String> {
        // A second installation answers with an error and changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(settings.idle_connections_max)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(|error| format!("the HTTP client cannot start: {}", chain(&error)))?;
        Ok(Self { client })
    }

    async fn exchange(&self, call: &Call, answer_bytes_max: usize) -> Result<Answer, SendFault> {
        let mut request =
            self.client.request(method(call.method), &call.url).timeout(Duration::from_millis(call.timeout_ms));
        for header in &call.headers {
            request = request.header(&header.name, &header.value);
        }
        if !call.body.is_empty() || call.method != Method::Get {
            request = request.body(call.body.clone());
        }
        let response = request.send().await.map_err(|error| fault(&error))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| SendFault::Lost(chain(&error)))?;
            if body.len() + chunk.len() > answer_bytes_max {
                return Err(SendFault::TooLarge(answer_bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }
}

impl Transport for Http {
    fn send<'a>(&'a self, call: &'a Call, answer_bytes_max: usize) -> Sending<'a> {
        Box::pin(self.exchange(call, answer_bytes_max))
    }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

fn fault(error: &reqwest::Error) -> SendFault {
    // A builder error is a bad URL or header: nothing left the house.
    match error.is_connect() || error.is_builder() {
        true => SendFault::NotSent(chain(error)),
        false => SendFault::Lost(chain(error)),
    }
}

/// An error with its causes on one line, without URLs (they may carry tokens).
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::from(match (error.is_timeout(), error.is_connect()) {
        (true, true) => "timed out while connecting",
        (true, false) => "timed out",
        (false, true) => "cannot connect",
        (false, false) => "connection broke",
    });
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}
