//! The door for other systems: takes a request as it is, bounded in size and time, hands it to the intake and answers
//! only then. Nothing is parsed or believed here. Step 1 of a message's way.

mod address;
mod body;
mod record;
mod request;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crossdock_connect::endpoint::Receipt;
use crossdock_core::ids::SystemName;
use crossdock_runtime::intake::{Accepted, Intake, Refusal};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::door::Answerer;
use crate::linger::Visit;
use crate::problem::{Problem, code, short_path};
use crate::ready::Readiness;
use crate::{Limits, pages};
use address::Address;
use body::{BodyFault, Room};
use record::{Recorder, Refused};

/// What a door takes, for `Allow`.
const METHODS: &str = "POST, GET, HEAD";
/// Seconds after which a sender may try again when there is no room.
const BUSY_AFTER_S: u32 = 1;

type Answer = Response<Full<Bytes>>;

/// The ingress.
pub struct Ingress {
    intake: Intake,
    readiness: Arc<Readiness>,
    systems: HashMap<String, SystemName>,
    recorder: Recorder,
    room: Arc<Room>,
    limits: Limits,
    /// `https://hub.example.com`, as senders write it.
    public_url: Option<String>,
}

impl Ingress {
    pub fn new(
        intake: Intake,
        readiness: Arc<Readiness>,
        systems: impl IntoIterator<Item = SystemName>,
        limits: Limits,
        public_url: Option<String>,
    ) -> Self {
        Self {
            recorder: Recorder::new(intake.clone(), limits.rejections_per_s_max),
            room: Room::new(limits.body_bytes_in_memory_max),
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
            intake,
            readiness,
            systems: systems.into_iter().map(|system| (system.to_string(), system)).collect(),
            limits,
        }
    }

    async fn at_door(
        &self,
        system: &str,
        channel: &str,
        request: Request<Incoming>,
        visit: &Visit,
    ) -> Result<Answer, Turned> {
        let Some(system) = self.systems.get(system) else {
            return Err(Turned::recorded(unknown_system(system)));
        };
        match *request.method() {
            Method::POST => {}
            // Senders look whether somebody is there before they register an address, and people do with a browser.
            Method::GET | Method::HEAD => return Ok(text("This address takes webhooks: send them with POST.\n")),
            _ => return Err(Turned::recorded(Problem::method_not_allowed(METHODS))),
        }
        let (head, body) = request.into_parts();
        let bytes_max = self.intake.body_bytes_max();
        let held = body::read(body, &self.room, bytes_max, self.limits.body_timeout).await.map_err(Turned::by_body)?;
        visit.set_unread(false);
        let (raw, room) = request::raw(&head, channel, held, self.public_url.as_deref());
        let accepted = self.intake.accept(system, &raw).await;
        drop(room);
        let body_bytes = raw.body.len() as u64;
        accepted.map(|accepted| receipt(&accepted)).map_err(|refusal| Turned::by_intake(refusal, body_bytes))
    }

    fn turn(&self, turned: Turned, path: &str, system: Option<&str>, peer: &Peer<'_>) -> Answer {
        if turned.is_recorded {
            self.recorder.record(Refused {
                system: system.and_then(|name| self.systems.get(name)).cloned(),
                problem: &turned.problem,
                path: short_path(path).into_owned(),
                peer: peer.to_string(),
                body_bytes: turned.body_bytes,
            });
        }
        match turned.is_last {
            true => turned.problem.last_response(path),
            false => turned.problem.response(path),
        }
    }
}

impl Answerer for Ingress {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, visit: &Visit) -> Answer {
        let uri = request.uri().clone();
        let path = uri.path();
        let (system, channel) = match Address::parse(path) {
            Ok(Address::Door { system, channel }) => (system, channel),
            Ok(Address::Health) => return text("ok\n"),
            Ok(Address::Ready) => return self.readiness.answer(path).await,
            Ok(Address::ErrorPage(code)) => {
                return pages::page(code).unwrap_or_else(|| Problem::nothing_here().response(path));
            }
            Ok(Address::Nothing) => return Problem::nothing_here().response(path),
            Err(error) => {
                let problem = Problem::new(StatusCode::BAD_REQUEST, code::ADDRESS_UNREADABLE, error.to_string());
                let peer = Peer::new(visit.peer, &request);
                return self.turn(Turned::recorded(problem), path, None, &peer);
            }
        };
        // Behind a proxy the peer is the proxy; who it speaks for is looked up only when something is wrong.
        let forwarded = request.headers().get("x-forwarded-for").cloned();
        match self.at_door(&system, &channel, request, visit).await {
            Ok(answer) => answer,
            Err(turned) => {
                let peer = Peer { peer: visit.peer, forwarded: forwarded.as_ref() };
                self.turn(turned, path, Some(&system), &peer)
            }
        }
    }

    fn turn_away(&self) -> Answer {
        Problem::busy(BUSY_AFTER_S).last_response("/")
    }
}

/// A request turned away.
struct Turned {
    problem: Problem,
    /// A record of it is kept.
    is_recorded: bool,
    /// The connection ends with the answer.
    is_last: bool,
    body_bytes: u64,
}

impl Turned {
    fn recorded(problem: Problem) -> Self {
        Self { problem, is_recorded: true, is_last: false, body_bytes: 0 }
    }

    fn by_body(fault: BodyFault) -> Self {
        let detail = fault.to_string();
        let (problem, body_bytes) = match fault {
            BodyFault::TooLarge { declared, .. } => {
                let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, code::BODY_TOO_LARGE, detail);
                (problem, declared.unwrap_or(0))
            }
            BodyFault::TooSlow { .. } => (Problem::new(StatusCode::REQUEST_TIMEOUT, code::SENDER_TOO_SLOW, detail), 0),
            BodyFault::Broken(_) => (Problem::new(StatusCode::BAD_REQUEST, code::BODY_BROKEN, detail), 0),
            BodyFault::NoRoom => {
                let problem = Problem::busy(BUSY_AFTER_S);
                return Self { problem, is_recorded: false, is_last: true, body_bytes: 0 };
            }
        };
        Self { problem, is_recorded: true, is_last: true, body_bytes }
    }

    fn by_intake(refusal: Refusal, body_bytes: u64) -> Self {
        match refusal {
            Refusal::Rejected(reject) => {
                let status = StatusCode::from_u16(reject.status).unwrap_or(StatusCode::BAD_REQUEST);
                let problem = Problem::new(status, reject.code, reject.reason);
                Self { problem, is_recorded: true, is_last: false, body_bytes }
            }
            Refusal::Shut { reason, after_s } => {
                let problem = Problem::intake_stopped(reason, after_s);
                Self { problem, is_recorded: false, is_last: false, body_bytes }
            }
            Refusal::TryAgain { reason, after_s } => {
                tracing::debug!(reason, after_s, "sender asked to try again");
                Self { problem: Problem::busy(after_s), is_recorded: false, is_last: false, body_bytes }
            }
        }
    }
}

/// Where a request came from, for people who look for the sender.
struct Peer<'a> {
    peer: SocketAddr,
    forwarded: Option<&'a HeaderValue>,
}

impl<'a> Peer<'a> {
    fn new(peer: SocketAddr, request: &'a Request<Incoming>) -> Self {
        Self { peer, forwarded: request.headers().get("x-forwarded-for") }
    }
}

impl std::fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.peer.ip())?;
        match self.forwarded.and_then(|value| value.to_str().ok()) {
            Some(claimed) => write!(f, ", by its own word for {}", claimed.chars().take(100).collect::<String>()),
            None => Ok(()),
        }
    }
}

fn unknown_system(system: &str) -> Problem {
    let detail = format!("there is no system `{system}` here");
    Problem::new(StatusCode::NOT_FOUND, code::UNKNOWN_SYSTEM, detail)
}

fn text(text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

/// What the sender wants to hear once its messages are on disk.
fn receipt(accepted: &Accepted) -> Answer {
    let Receipt { status, content_type, body } = accepted.receipt;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::ACCEPTED);
    let bytes = match body {
        _ if status == StatusCode::NO_CONTENT => Bytes::new(),
        Some(body) => Bytes::from_static(body.as_bytes()),
        None => Bytes::from(message_ids(accepted)),
    };
    let is_empty = bytes.is_empty();
    let mut answer = Response::new(Full::new(bytes));
    *answer.status_mut() = status;
    if !is_empty {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    answer
}

/// `{"messages":[{"id":"…","duplicate":false}]}`; ids need no escaping.
fn message_ids(accepted: &Accepted) -> String {
    use std::fmt::Write as _;
    let mut json = String::with_capacity(16 + 80 * accepted.messages.len());
    json.push_str("{\"messages\":[");
    for (at, message) in accepted.messages.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let (id, duplicate) = (message.id, message.duplicate);
        write!(json, "{comma}{{\"id\":\"{id}\",\"duplicate\":{duplicate}}}").expect("a String takes everything");
    }
    json.push_str("]}");
    json
}
