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
    /// Refuse every address that is not on this machine, before anything is looked up or sent. For rehearsals.
    pub loopback_only: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("Crossdock/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_connections_max: 32,
            loopback_only: false,
        }
    }
}

/// The HTTP transport.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    loopback_only: bool,
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
        Ok(Self { client, loopback_only: settings.loopback_only })
    }

    async fn exchange(&self, call: &Call, answer_bytes_max: usize) -> Result<Answer, SendFault> {
        if self.loopback_only && !is_loopback(&call.url) {
            let reason = "this hub may only call addresses on this machine (--loopback-only)";
            return Err(SendFault::NotSent(reason.to_owned()));
        }
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

/// Whether a URL leads to this machine: 127.0.0.0/8, ::1 or `localhost`. Other names are not looked up.
fn is_loopback(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        for url in ["http://127.0.0.1:80/a", "https://127.8.8.8", "http://[::1]:8069/", "http://localhost:1/x?y"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://api.example.com/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1@example.com/",
            "http://[::ffff:10.0.0.1]/",
            "not a url",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_guarded_transport_sends_nothing_elsewhere() {
        let http = Http::new(&HttpSettings { loopback_only: true, ..HttpSettings::default() }).expect("starts");
        let call = Call {
            method: Method::Post,
            url: "http://192.0.2.1/orders".to_owned(),
            headers: Vec::new(),
            body: b"{}".to_vec(),
            timeout_ms: 60_000,
        };
        let refused = http.send(&call, 1024).await;
        assert!(
            matches!(&refused, Err(SendFault::NotSent(reason)) if reason.contains("on this machine")),
            "{refused:?}"
        );
    }
}
