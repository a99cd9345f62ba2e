//! The systems around the hub, scripted: one connector that speaks to all of them, and what they do with its calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossdock_connect::endpoint::{
    Endpoint, Operation, PollPlan, PollProgress, PollState, PollStep, RawRequest, Reject, Repeat, Step,
};
use crossdock_core::exchange::{Answer, Call, Exchange, Header, Method, SendFault};
use crossdock_core::ids::{SystemName, TransmissionId};
use crossdock_core::message::Envelope;
use crossdock_core::model::shape::Shape;
use crossdock_core::transmission::{Outcome, Transmission};
use crossdock_core::value::Value;
use crossdock_transport::{Sending, Transport};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "work",
        summary: "Keyed.",
        repeat: Repeat::Safe,
        batch_max: 1,
        input: Shape::ANY,
        result: Shape::ANY,
    },
    Operation {
        name: "bulk",
        summary: "Keyed, in batches.",
        repeat: Repeat::Safe,
        batch_max: 10,
        input: Shape::ANY,
        result: Shape::ANY,
    },
    Operation {
        name: "pay",
        summary: "Neither keyed nor readable.",
        repeat: Repeat::Never,
        batch_max: 1,
        input: Shape::ANY,
        result: Shape::ANY,
    },
    Operation {
        name: "two_calls",
        summary: "Reads, then writes.",
        repeat: Repeat::Safe,
        batch_max: 1,
        input: Shape::ANY,
        result: Shape::ANY,
    },
    Operation {
        name: "endless",
        summary: "Never comes to an end.",
        repeat: Repeat::Safe,
        batch_max: 1,
        input: Shape::ANY,
        result: Shape::ANY,
    },
    Operation {
        name: "crash",
        summary: "The connector panics before it calls.",
        repeat: Repeat::Safe,
        batch_max: 1,
        input: Shape::ANY,
        result: Shape::ANY,
    },
    Operation {
        name: "crash_late",
        summary: "It panics at the answer.",
        repeat: Repeat::Safe,
        batch_max: 1,
        input: Shape::ANY,
        result: Shape::ANY,
    },
];

/// A connector.
#[derive(Debug)]
pub struct Script {
    pub system: SystemName,
    /// Pause between polls, in milliseconds; not polled when absent.
    pub polls: Option<u64>,
}

impl Script {
    fn call(&self, path: &str, body: &Json) -> Step {
        Step::Call(Call {
            method: Method::Post,
            url: format!("http://{}/{path}", self.system),
            headers: vec![Header::secret("authorization", "Bearer hunter2")],
            body: body.to_string().into_bytes(),
            timeout_ms: 60_000,
        })
    }
}

impl Endpoint for Script {
    /// One message per line; `id` is its dedup key.
    fn receive(&self, request: &RawRequest, _: Timestamp) -> Result<Vec<Envelope>, Reject> {
        let reject = || Reject { status: 401, code: "XD-1010", reason: "wrong signature".into() };
        if request.header("signature") != Some("good") {
            return Err(reject());
        }
        let lines = std::str::from_utf8(&request.body).map_err(|_| reject())?.lines();
        lines
            .map(|line| {
                let parsed: Json = serde_json::from_str(line).map_err(|_| reject())?;
                Ok(envelope(&request.channel, parsed["id"].as_str().unwrap_or_default(), line))
            })
            .collect()
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn next(&self, job: &[Transmission], so_far: &[Exchange], _: Timestamp) -> Step {
        let operation = job[0].operation.as_str();
        let in_doubt = operation != "pay" && job.iter().any(|it| it.in_doubt);
        let asks = usize::from(in_doubt || operation == "two_calls");
        match (operation, so_far.len()) {
            ("crash", 0) | ("crash_late", 1) => panic!("a fault in the connector"),
            (_, 0) if asks == 1 => {
                let ids: Vec<String> = job.iter().map(|it| it.id.to_string()).collect();
                self.call("ask", &json!({ "ids": ids }))
            }
            ("endless", _) => self.call("ask", &json!({ "ids": [] })),
            (_, calls) if calls <= asks => {
                if let Some(trouble) = so_far.last().and_then(trouble) {
                    return Step::Done(job.iter().map(|_| trouble.clone()).collect());
                }
                let known = so_far.last().map(answer).unwrap_or_default();
                if let Some(outcomes) = job.iter().map(|it| accepted(&known, it.id)).collect() {
                    return Step::Done(outcomes);
                }
                let items: Vec<Json> = job.iter().map(|it| json!({"id": it.id, "input": it.input})).collect();
                self.call(operation, &json!({ "items": items }))
            }
            _ => {
                let last = so_far.last().expect("there was a call");
                let outcome = |it: &Transmission| match trouble(last) {
                    Some(trouble) => trouble,
                    None => item(&answer(last), it.id),
                };
                Step::Done(job.iter().map(outcome).collect())
            }
        }
    }

    fn polls(&self) -> Vec<PollPlan> {
        self.polls.map(|every_ms| PollPlan { name: "changes".into(), every_ms }).into_iter().collect()
    }

    /// Fetches, delivers, acknowledges.
    fn poll(&self, _: &str, state: &PollState<'_>) -> PollStep {
        let call = |path: &str, body: Json| match self.call(path, &body) {
            Step::Call(call) => PollStep::Call(call),
            Step::Done(_) => unreachable!("it calls"),
        };
        match state.so_far {
            [] => call("fetch", json!({ "after": state.cursor.unwrap_or("0") })),
            [PollProgress::Exchanged(fetched)] => match trouble(fetched) {
                Some(Outcome::Unusable { reason }) => PollStep::Failed { reason, unusable: true },
                Some(_) => PollStep::Failed { reason: "down".into(), unusable: false },
                None => {
                    let answer = answer(fetched);
                    let lines = answer["lines"].as_array().cloned().unwrap_or_default();
                    let deliver =
                        |line: &Json| envelope("task", line["id"].as_str().unwrap_or_default(), &line.to_string());
                    let cursor = answer["cursor"].as_str().map(str::to_owned);
                    match lines.is_empty() {
                        true => PollStep::Rest { more: false },
                        false => PollStep::Deliver { envelopes: lines.iter().map(deliver).collect(), cursor },
                    }
                }
            },
            [PollProgress::Exchanged(fetched), PollProgress::Committed] => {
                call("ack", json!({ "after": answer(fetched)["cursor"] }))
            }
            _ => PollStep::Rest { more: true },
        }
    }
}

fn envelope(channel: &str, key: &str, line: &str) -> Envelope {
    Envelope {
        channel: channel.to_owned(),
        dedup_key: key.to_owned(),
        content_type: "application/json".into(),
        headers: Vec::new(),
        body: line.as_bytes().to_vec(),
    }
}

fn answer(exchange: &Exchange) -> Json {
    exchange.result.as_ref().ok().and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default()
}

fn trouble(exchange: &Exchange) -> Option<Outcome> {
    let reason = |text: &str| text.to_owned();
    match &exchange.result {
        Err(SendFault::NotSent(_)) => Some(Outcome::Retry { reason: reason("not there"), after_ms: None }),
        Err(fault) => Some(Outcome::Unknown { reason: fault.to_string() }),
        Ok(answer) => match answer.status {
            200 => None,
            401 => Some(Outcome::Unusable { reason: reason("the key is not valid") }),
            422 => Some(Outcome::Refused { reason: reason("no such SKU") }),
            status => Some(Outcome::Retry { reason: format!("HTTP {status}"), after_ms: answer.retry_after_ms() }),
        },
    }
}

fn accepted(known: &Json, id: TransmissionId) -> Option<Outcome> {
    let result = known["known"].get(id.to_string())?;
    Some(Outcome::Accepted { result: Value::from_json(result) })
}

fn item(answer: &Json, id: TransmissionId) -> Outcome {
    let item = &answer["items"][id.to_string()];
    match item["status"].as_u64() {
        Some(200) => Outcome::Accepted { result: Value::from_json(&item["result"]) },
        Some(422) => Outcome::Refused { reason: "no such SKU".into() },
        _ => Outcome::Retry { reason: "locked".into(), after_ms: None },
    }
}

trait FromJson {
    fn from_json(json: &Json) -> Self;
}

impl FromJson for Value {
    fn from_json(json: &Json) -> Self {
        Value::parse_json(json.to_string().as_bytes(), &Default::default()).expect("JSON")
    }
}

/// A call as the system sees it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Counts the calls to all systems, from 0.
    pub n: usize,
    pub system: String,
    /// Operation, `ask`, `fetch` or `ack`.
    pub path: String,
    pub items: Vec<(TransmissionId, Json)>,
    /// Since the beginning of the test.
    pub at: Duration,
}

/// What a system does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Carries it out.
    Do,
    /// Carries out the first `n` items; the others are locked (`true`) or refused.
    Part(usize, bool),
    Status(u16),
    RetryAfter(u16, u64),
    /// Carries it out; the answer is lost.
    DoAndLose,
    /// Is lost on the way.
    Lose,
    NotSent,
    /// Carries it out, but takes this many milliseconds.
    Slow(u64),
    /// The transport itself panics.
    Crash,
}

type Behaviour = Box<dyn FnMut(&Told) -> Reply + Send>;

/// All systems together.
pub struct Partner {
    inner: Mutex<Inner>,
    started: Instant,
}

struct Inner {
    behaviour: Behaviour,
    calls: Vec<Told>,
    effects: Vec<Told>,
    results: BTreeMap<String, Json>,
    now: usize,
    peak: usize,
    source: VecDeque<Json>,
    acknowledged: usize,
}

impl Partner {
    pub fn new() -> Arc<Self> {
        let inner = Inner {
            behaviour: Box::new(|_| Reply::Do),
            calls: Vec::new(),
            effects: Vec::new(),
            results: BTreeMap::new(),
            now: 0,
            peak: 0,
            source: VecDeque::new(),
            acknowledged: 0,
        };
        Arc::new(Self { inner: Mutex::new(inner), started: Instant::now() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the systems behave like this.
    pub fn behave(&self, behaviour: impl FnMut(&Told) -> Reply + Send + 'static) {
        self.lock().behaviour = Box::new(behaviour);
    }

    pub fn calls(&self) -> Vec<Told> {
        self.lock().calls.clone()
    }

    /// What took effect, in order: one entry per item.
    pub fn effects(&self) -> Vec<Told> {
        self.lock().effects.clone()
    }

    /// The `name` of the inputs that took effect, in order.
    pub fn done(&self) -> Vec<String> {
        self.effects().iter().map(|told| told.items[0].1["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The most calls that were under way at once.
    pub fn peak(&self) -> usize {
        self.lock().peak
    }

    /// Something changed at the source that is polled.
    pub fn change(&self, line: Json) {
        self.lock().source.push_back(line);
    }

    /// How many changes the source has been told to forget.
    pub fn acknowledged(&self) -> usize {
        self.lock().acknowledged
    }

    fn answer(&self, told: &Told, body: &Json, reply: Reply) -> Result<Answer, SendFault> {
        let mut inner = self.lock();
        match reply {
            Reply::Status(status) => return Ok(plain(status, None)),
            Reply::RetryAfter(status, seconds) => return Ok(plain(status, Some(seconds))),
            Reply::Lose => return Err(SendFault::Lost("connection reset".into())),
            Reply::NotSent => return Err(SendFault::NotSent("connection refused".into())),
            Reply::Crash => panic!("a fault in the transport"),
            Reply::Do | Reply::Part(..) | Reply::DoAndLose | Reply::Slow(_) => {}
        }
        let answered = match told.path.as_str() {
            "ask" => inner.ask(body),
            "fetch" => inner.fetch(body),
            "ack" => {
                inner.acknowledged = number(&body["after"]).max(inner.acknowledged);
                json!({})
            }
            _ => inner.carry_out(told, reply),
        };
        match reply {
            Reply::DoAndLose => Err(SendFault::Lost("timed out".into())),
            _ => Ok(Answer { body: answered.to_string().into_bytes(), ..plain(200, None) }),
        }
    }
}

impl Inner {
    fn ask(&self, body: &Json) -> Json {
        let ids = body["ids"].as_array().cloned().unwrap_or_default();
        let known: BTreeMap<_, _> = ids
            .iter()
            .filter_map(|id| id.as_str())
            .filter_map(|id| self.results.get(id).map(|result| (id.to_owned(), result.clone())))
            .collect();
        json!({ "known": known })
    }

    /// The changes behind a number, three at a time.
    fn fetch(&self, body: &Json) -> Json {
        let after = number(&body["after"]);
        let lines: Vec<_> = self.source.iter().skip(after).take(3).collect();
        json!({ "cursor": (after + lines.len()).to_string(), "lines": lines })
    }

    /// A known key gives the first result again, except for payments, which know no keys.
    fn carry_out(&mut self, told: &Told, reply: Reply) -> Json {
        let mut items = serde_json::Map::new();
        for (n, (id, input)) in told.items.iter().enumerate() {
            let known = self.results.get(&id.to_string()).cloned().filter(|_| told.path != "pay");
            let answered = match (reply, known) {
                (Reply::Part(done, locked), None) if n >= done => json!({ "status": if locked { 409 } else { 422 } }),
                (_, Some(result)) => json!({ "status": 200, "result": result }),
                (_, None) => {
                    let result = json!({ "invoice": format!("INV/{}", input["shipment"].as_str().unwrap_or("0")) });
                    self.results.insert(id.to_string(), result.clone());
                    self.effects.push(Told { items: vec![(*id, input.clone())], ..told.clone() });
                    json!({ "status": 200, "result": result })
                }
            };
            items.insert(id.to_string(), answered);
        }
        json!({ "items": items })
    }
}

impl Transport for Partner {
    fn send<'a>(&'a self, call: &'a Call, _: usize) -> Sending<'a> {
        Box::pin(async move {
            let body: Json = serde_json::from_slice(&call.body).expect("our own JSON");
            let (system, path) = call.url["http://".len()..].split_once('/').expect("our own URL");
            let item = |item: &Json| {
                let id = item["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
                (id, item["input"].clone())
            };
            let (told, reply) = {
                let mut inner = self.lock();
                let told = Told {
                    n: inner.calls.len(),
                    system: system.to_owned(),
                    path: path.to_owned(),
                    items: body["items"].as_array().into_iter().flatten().map(item).collect(),
                    at: self.started.elapsed(),
                };
                let reply = (inner.behaviour)(&told);
                inner.calls.push(told.clone());
                inner.now += 1;
                inner.peak = inner.peak.max(inner.now);
                (told, reply)
            };
            let _leave = Leave(self);
            let takes = if let Reply::Slow(ms) = reply { ms } else { 20 };
            sleep(Duration::from_millis(takes / 2)).await;
            let answered = self.answer(&told, &body, reply);
            sleep(Duration::from_millis(takes / 2)).await;
            answered
        })
    }
}

/// Counts a call out, also one that was given up.
struct Leave<'a>(&'a Partner);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.lock().now -= 1;
    }
}

fn plain(status: u16, retry_after: Option<u64>) -> Answer {
    let retry_after = retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
    Answer { status, headers: retry_after.into_iter().collect(), body: b"{}".to_vec() }
}

fn number(text: &Json) -> usize {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}
