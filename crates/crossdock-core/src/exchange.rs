//! One question to a system and its answer, as data. Connectors write calls, a transport sends them, the answer
//! goes back to the connector. A recorded exchange is a test.

use serde::{Deserialize, Serialize};

/// An HTTP request that a connector wants sent.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    pub headers: Vec<Header>,
    #[serde(with = "body_text")]
    pub body: Vec<u8>,
    /// How long the whole exchange may take, in milliseconds.
    pub timeout_ms: u64,
}

/// The HTTP methods connectors use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A request header. A secret one is sent but never recorded, logged or shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub name: String,
    pub value: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

impl Header {
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), secret: false }
    }

    pub fn secret(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), secret: true }
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, if self.secret { "***" } else { &self.value })
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?} {} bytes", self.method.as_str(), self.url, self.headers, self.body.len())
    }
}

impl Call {
    /// The same call as it may be recorded: secret header values replaced by `***`, the body cut to `body_bytes_max`.
    pub fn recorded(&self, body_bytes_max: usize) -> Call {
        let mut copy = self.clone();
        for header in copy.headers.iter_mut().filter(|header| header.secret) {
            header.value = "***".into();
        }
        copy.body.truncate(body_bytes_max);
        copy
    }
}

/// What came back over the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    #[serde(with = "body_text")]
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or("")
    }

    /// Seconds to wait as the system asked for in `Retry-After` (the number form).
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1000))
    }
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SendFault {
    /// The request certainly did not reach the application: no connection, name or certificate.
    #[error("could not reach the system: {0}")]
    NotSent(String),
    /// The request may have been carried out: the connection broke or timed out after sending began.
    #[error("no answer: {0}")]
    Lost(String),
    /// The answer is larger than the limit. The request was carried out.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// A call and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub call: Call,
    pub result: Result<Answer, SendFault>,
}

/// Bodies are stored as text when they are UTF-8, else as a list of bytes.
mod body_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Body<'a> {
        Text(std::borrow::Cow<'a, str>),
        Bytes(Vec<u8>),
    }

    pub fn serialize<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(body) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Body::Bytes(body.to_vec()).serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Ok(match Body::deserialize(deserializer)? {
            Body::Text(text) => text.into_owned().into_bytes(),
            Body::Bytes(bytes) => bytes,
        })
    }
}
