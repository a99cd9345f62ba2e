//! What senders cannot do to the hub: fill its memory, hold its connections, or keep it from stopping.

use std::time::{Duration, Instant};

use crossdock_runtime::plan::IntakeLimits;

use super::hub::{BODY_BYTES_MAX, TestHub, Wishes};
use crate::Limits;

const HEAD: &str = "POST /in/warehouse HTTP/1.1\r\nhost: hub\r\nx-signature: good\r\nx-id: a\r\n";
const MIB: usize = 1024 * 1024;

/// Memory of this process now, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("resident memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("a number") * 1024
}

#[tokio::test]
async fn a_hundred_mebibytes_are_refused_and_never_held() {
    let hub = TestHub::start().await;
    let (before, begun) = (memory(), Instant::now());
    // The sender sends to the end whatever it hears, as simple ones do, and must still get the answer.
    let mut by_length = hub.sender().await;
    by_length.send(format!("{HEAD}content-length: {}\r\n\r\n", 100 * MIB).as_bytes()).await.expect("sent");
    let piece = vec![b' '; MIB];
    for _ in 0..100 {
        by_length.send(&piece).await.expect("the hub reads and forgets");
    }
    let problem = by_length.answer(false).await;
    assert_eq!(problem.header("connection"), Some("close"));
    let problem = problem.is_problem(413, "XD-1002");
    assert!(problem["detail"].as_str().expect("text").contains(&BODY_BYTES_MAX.to_string()));
    let mut in_chunks = hub.sender().await;
    in_chunks.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.expect("sent");
    for _ in 0..100 {
        in_chunks.send(format!("{MIB:x}\r\n").as_bytes()).await.expect("sent");
        in_chunks.send(&piece).await.expect("the hub reads and forgets");
        in_chunks.send(b"\r\n").await.expect("sent");
    }
    in_chunks.answer(false).await.is_problem(413, "XD-1002");
    assert!(memory() < before + 32 * MIB, "memory grew from {before} to {}", memory());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    hub.stop().await;
}

#[tokio::test]
async fn a_body_that_is_only_announced_is_refused_at_once() {
    let hub = TestHub::start().await;
    let begun = Instant::now();
    let mut sender = hub.sender().await;
    let head = format!("{HEAD}content-length: {}\r\nexpect: 100-continue\r\n\r\n", BODY_BYTES_MAX + 1);
    sender.send(head.as_bytes()).await.expect("sent");
    sender.answer(false).await.is_problem(413, "XD-1002");
    assert!(begun.elapsed() < Duration::from_secs(1));
    let body = vec![b' '; BODY_BYTES_MAX - 2];
    let at_limit = hub.sender().await.webhook("a", "good", &[b"{}", body.as_slice()].concat()).await;
    assert_eq!(at_limit.status, 202);
    hub.stop().await;
}

#[tokio::test]
async fn who_sends_drop_by_drop_is_not_waited_for() {
    let limits = Limits {
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let hub = TestHub::start_with(Wishes { limits, ..Wishes::default() }).await;
    let mut slow_body = hub.sender().await;
    slow_body.send(format!("{HEAD}content-length: 100\r\n\r\n{{").as_bytes()).await.expect("sent");
    slow_body.answer(false).await.is_problem(408, "XD-1003");
    let mut slow_head = hub.sender().await;
    let begun = Instant::now();
    for byte in HEAD.bytes() {
        if slow_head.send(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        if begun.elapsed() > Duration::from_secs(1) {
            break;
        }
    }
    assert!(slow_head.is_closed_within(Duration::from_secs(2)).await, "a head takes as long as a head may take");
    let mut silent = hub.sender().await;
    assert!(silent.is_closed_within(Duration::from_secs(2)).await);
    hub.stop().await;
}

#[tokio::test]
async fn a_broken_body_is_a_broken_request() {
    let hub = TestHub::start().await;
    let mut sender = hub.sender().await;
    let request = format!("{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n");
    sender.send(request.as_bytes()).await.expect("sent");
    sender.answer(false).await.is_problem(400, "XD-1007");
    hub.stop().await;
}

#[tokio::test]
async fn more_connections_than_places_are_told_to_come_back() {
    let limits = Limits { ingress_connections_max: 2, ..Limits::default() };
    let hub = TestHub::start_with(Wishes { limits, ..Wishes::default() }).await;
    let (mut first, mut second) = (hub.sender().await, hub.sender().await);
    assert_eq!(first.get("/healthz").await.status, 200);
    assert_eq!(second.get("/healthz").await.status, 200);
    let mut third = hub.sender().await;
    let answer = third.webhook("a", "good", b"{}").await;
    answer.is_problem(503, "XD-1006");
    assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
    drop(first);
    let come_back = async {
        while hub.sender().await.webhook("a", "good", b"{}").await.status != 202 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), come_back).await.expect("the place is free again");
    hub.stop().await;
}

#[tokio::test]
async fn bodies_together_have_a_limit_too() {
    let limits = Limits { body_bytes_in_memory_max: 100, ..Limits::default() };
    let hub = TestHub::start_with(Wishes { limits, ..Wishes::default() }).await;
    let mut big = hub.sender().await;
    let body = format!("{{\"x\":\"{}\"}}", "x".repeat(200));
    big.webhook("a", "good", body.as_bytes()).await.is_problem(503, "XD-1006");
    assert_eq!(hub.sender().await.webhook("a", "good", b"{}").await.status, 202);
    hub.stop().await;
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_cuts_those_that_do_not() {
    let limits = Limits { stop_deadline: Duration::from_millis(500), ..Limits::default() };
    let hub = TestHub::start_with(Wishes { limits, ..Wishes::default() }).await;
    let (ingress, begun) = (hub.ingress, Instant::now());
    let mut idle = hub.sender().await;
    assert_eq!(idle.get("/healthz").await.status, 200);
    let mut under_way = hub.sender().await;
    under_way.send(format!("{HEAD}content-length: 2\r\n\r\n{{").as_bytes()).await.expect("sent");
    let mut stuck = hub.sender().await;
    stuck.send(format!("{HEAD}content-length: 2\r\n\r\n{{").as_bytes()).await.expect("sent");
    // A request that is known to have arrived, so that the two above have as well.
    assert_eq!(hub.sender().await.get("/healthz").await.status, 200);
    let stopping = tokio::spawn(hub.stop());
    assert!(idle.is_closed_within(Duration::from_secs(2)).await, "an idle connection is closed at once");
    under_way.send(b"}").await.expect("still open");
    let answer = under_way.answer(false).await;
    assert_eq!((answer.status, answer.header("connection")), (202, Some("close")));
    stopping.await.expect("stopped");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(tokio::net::TcpStream::connect(ingress).await.is_err(), "the door is shut");
}

#[tokio::test]
async fn a_hub_that_holds_as_much_as_it_may_says_when_to_come_again() {
    let intake = IntakeLimits { messages_waiting_max: 0, ..IntakeLimits::default() };
    let hub = TestHub::start_with(Wishes { intake, ..Wishes::default() }).await;
    let begun = Instant::now();
    let answer = loop {
        let answer = hub.sender().await.webhook("a", "good", b"{}").await;
        if answer.status != 202 {
            break answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "never stopped");
    };
    assert_eq!(answer.header("retry-after"), Some("5"));
    let problem = answer.is_problem(503, "XD-1009");
    assert_eq!(problem["detail"], "too much waits in the hub now; nothing of this was kept: send it again in 5 s");
    let ready = hub.sender().await.get("/readyz").await;
    assert_eq!(ready.header("retry-after"), Some("5"));
    ready.is_problem(503, "XD-1009");
    assert_eq!(hub.sender().await.get("/healthz").await.status, 200, "it lives all the same");
    hub.stop().await;
}
