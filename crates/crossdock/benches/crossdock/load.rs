//! The load generator: HTTP/1.1 over connections that are kept, bytes made beforehand, and no more work per request than
//! finding the end of the answer and looking at it, so that what is measured is the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::moments::Moments;
use crate::stats::percentile;

/// A larger head or body is no answer we know.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A server that is silent for so long has failed.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A timer goes off so much late at most; that is not the server's doing.
const TIMER_LATE_MAX: Duration = Duration::from_millis(2);

/// Requests as they go over the wire.
#[derive(Debug, Default)]
pub struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    bodies: Vec<usize>,
}

impl Requests {
    /// Adds a POST.
    pub fn push(&mut self, path: &str, headers: &[(String, String)], body: &[u8]) {
        let head = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n");
        self.bytes.extend_from_slice(head.as_bytes());
        for (name, value) in headers {
            self.bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        self.bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        self.bodies.push(self.bytes.len());
        self.bytes.extend_from_slice(body);
        self.ends.push(self.bytes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn request(&self, at: usize) -> &[u8] {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[begin..self.ends[at]]
    }

    fn body(&self, at: usize) -> &[u8] {
        &self.bytes[self.bodies[at]..self.ends[at]]
    }
}

/// What the right answer to a request is.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// 202 and the request's own body.
    Echo,
    /// 202 and the hub's receipt for one new message.
    Receipt,
    /// 200.
    Ok,
}

impl Expect {
    fn check(self, status: u16, body: &[u8], sent: &[u8]) -> anyhow::Result<()> {
        let is_right = match self {
            Expect::Echo => status == 202 && body == sent,
            Expect::Receipt => status == 202 && body.ends_with(b"\"duplicate\":false}]}"),
            Expect::Ok => status == 200,
        };
        if !is_right {
            bail!("wrong answer: {status} {}", String::from_utf8_lossy(body));
        }
        Ok(())
    }
}

/// What came of some requests.
#[derive(Debug)]
pub struct Burst {
    pub seconds: f64,
    pub count: usize,
    latencies_us: Vec<u32>,
}

impl Burst {
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// Milliseconds within which this part was answered.
    pub fn percentile_ms(&self, part: f64) -> f64 {
        percentile(&self.latencies_us, part) / 1000.0
    }
}

/// Sends all requests, each connection its next one as soon as the last is answered.
///
/// # Errors
/// When the server does not answer, or not as expected.
pub async fn closed(
    to: SocketAddr,
    requests: &Arc<Requests>,
    connections: usize,
    expect: Expect,
) -> anyhow::Result<Burst> {
    run(to, requests, connections, expect, None).await
}

/// When each request is to leave, and where to note when it did.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub rate_per_s: f64,
    pub sent: Arc<Moments>,
    /// The place in `sent` of the first request.
    pub first: usize,
}

/// Sends all requests at a fixed rate, whether or not earlier ones are answered, as far as the connections go. What had
/// to wait for a free connection, or was held up otherwise, counts as sent when it should have left.
///
/// # Errors
/// When the server does not answer, or not as expected.
pub async fn paced(
    to: SocketAddr,
    requests: &Arc<Requests>,
    connections: usize,
    expect: Expect,
    timetable: Timetable,
) -> anyhow::Result<Burst> {
    run(to, requests, connections, expect, Some(timetable)).await
}

async fn run(
    to: SocketAddr,
    requests: &Arc<Requests>,
    connections: usize,
    expect: Expect,
    timetable: Option<Timetable>,
) -> anyhow::Result<Burst> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(to).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for connection in opened {
        let (requests, next, timetable) = (requests.clone(), next.clone(), timetable.clone());
        senders.spawn(send(connection, requests, next, expect, timetable, begun));
    }
    let mut latencies_us = Vec::with_capacity(requests.len());
    while let Some(sender) = senders.join_next().await {
        latencies_us.extend(sender.context("a sender crashed")??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    latencies_us.sort_unstable();
    Ok(Burst { seconds, count: requests.len(), latencies_us })
}

async fn send(
    mut connection: Connection,
    requests: Arc<Requests>,
    next: Arc<AtomicUsize>,
    expect: Expect,
    timetable: Option<Timetable>,
    begun: Instant,
) -> anyhow::Result<Vec<u32>> {
    let mut latencies_us = Vec::with_capacity(requests.len() / 16 + 16);
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= requests.len() {
            return Ok(latencies_us);
        }
        let mut sent = Instant::now();
        if let Some(timetable) = &timetable {
            let due = begun + Duration::from_secs_f64(at as f64 / timetable.rate_per_s);
            tokio::time::sleep_until(due.into()).await;
            sent = Instant::now();
            // Who is later than a timer may be was held up, so the wait counts.
            if sent.duration_since(due) > TIMER_LATE_MAX {
                sent = due;
            }
            timetable.sent.note(timetable.first + at, sent);
        }
        let exchange = connection.exchange(requests.request(at));
        let (status, body) = tokio::time::timeout(ANSWER_LIMIT, exchange)
            .await
            .with_context(|| format!("no answer within {} s", ANSWER_LIMIT.as_secs()))??;
        expect.check(status, body, requests.body(at))?;
        latencies_us.push(sent.elapsed().as_micros().min(u128::from(u32::MAX)) as u32);
    }
}

/// One connection that is kept.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(to: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(to).await.with_context(|| format!("nobody listens on {to}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4096) })
    }

    /// Sends one request; returns the answer's status and body.
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection: {}", String::from_utf8_lossy(&self.answer));
            }
            if let Some((status, begin, end)) = whole(&self.answer)? {
                return Ok((status, &self.answer[begin..end]));
            }
            if self.answer.len() > ANSWER_BYTES_MAX {
                bail!("an answer of more than {ANSWER_BYTES_MAX} bytes");
            }
        }
    }
}

/// Status, begin and end of the body, once all of it is there.
fn whole(answer: &[u8]) -> anyhow::Result<Option<(u16, usize, usize)>> {
    let Some(head_end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..head_end]).context("the answer's head is no text")?;
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).context("the answer has no status")?;
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.context("the answer does not say its length")?;
    let (begin, end) = (head_end + 4, head_end + 4 + length);
    Ok((answer.len() >= end).then_some((status, begin, end)))
}
