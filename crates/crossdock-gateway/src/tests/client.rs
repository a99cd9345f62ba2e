//! A client that does exactly what a test says, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    stream: TcpStream,
    host: String,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is a problem of this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) -> serde_json::Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("/errors/{code}"));
        assert_eq!(problem["status"], status);
        for member in ["title", "detail", "instance"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {problem}");
        }
        problem
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("the door is open"), host: address.to_string() }
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.peer_addr().expect("connected")
    }

    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a whole request and reads the answer.
    pub async fn ask(&mut self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut head = format!("{line} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.host));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.send(&[head.as_bytes(), body].concat()).await.expect("sent");
        self.answer(line.starts_with("HEAD ")).await
    }

    pub async fn get(&mut self, path: &str) -> Response {
        self.ask(&format!("GET {path}"), &[], b"").await
    }

    pub async fn post_json(&mut self, path: &str, json: &str) -> Response {
        self.ask(&format!("POST {path}"), &[("content-type", "application/json")], json.as_bytes()).await
    }

    /// Sends a webhook to the warehouse.
    pub async fn webhook(&mut self, id: &str, signature: &str, body: &[u8]) -> Response {
        let headers = [("x-id", id), ("x-signature", signature), ("content-type", "application/json")];
        self.ask("POST /in/warehouse/shipment", &headers, body).await
    }

    /// Reads one answer.
    pub async fn answer(&mut self, to_head: bool) -> Response {
        tokio::time::timeout(PATIENCE, self.read_answer(to_head)).await.expect("answered in time")
    }

    async fn read_answer(&mut self, to_head: bool) -> Response {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&head)),
            }
        }
        let head = String::from_utf8(head).expect("ASCII");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        let mut response = Response { status, head, body: Vec::new() };
        let length = response.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        if !to_head && length > 0 {
            response.body.resize(length, 0);
            self.stream.read_exact(&mut response.body).await.expect("the whole body");
        }
        response
    }

    /// Whether the other side closes the connection within the time, without another answer.
    pub async fn is_closed_within(&mut self, within: Duration) -> bool {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(within, self.stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
        read.is_ok()
    }
}
